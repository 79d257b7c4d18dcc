/*
 * test_net_hello.c - the ClientHello peek: what is read, what is refused and with which alert, and that portions make no difference.
 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "broker/net/hello.h"
#include "tests/test.h"

/* RFC 8446 4.1.2: version, random, session id, suites, compression. */
#define RANDOM "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define PREFIX                                                                                               \
	"0303" RANDOM "00"                                                                                   \
	"0004 1301 c02b"                                                                                     \
	"0100"
#define WIRE_MAX 70000u

static uint8_t scratch[HELLO_MESSAGE_BYTES_MAX];

/* --- making hellos --- */

static void put_hex(struct buf *out, const char *hex)
{
	struct test_bytes bytes = test_hex(hex);
	REQUIRE("room", buf_append(out, test_bytes_view(&bytes)) == ERR_OK);
}

static void put_u16(struct buf *out, size_t value)
{
	uint8_t octets[] = {(uint8_t)(value >> 8), (uint8_t)value};
	REQUIRE("room", buf_append(out, bytes_of(octets, sizeof(octets))) == ERR_OK);
}

/* extensions NULL: the hello ends before them. */
static void put_body(struct buf *out, const char *prefix, const char *extensions)
{
	put_hex(out, prefix);
	if (extensions != NULL) {
		struct test_bytes block = test_hex(extensions);
		put_u16(out, block.len);
		REQUIRE("room", buf_append(out, test_bytes_view(&block)) == ERR_OK);
	}
}

/* The message in records of at most part bytes. */
static void put_records(struct buf *out, struct bytes body, size_t part)
{
	struct buf message = BUF_INIT(WIRE_MAX);
	put_hex(&message, "01");
	uint8_t len[] = {(uint8_t)(body.len >> 16), (uint8_t)(body.len >> 8), (uint8_t)body.len};
	REQUIRE("room",
		buf_append(&message, bytes_of(len, 3)) == ERR_OK && buf_append(&message, body) == ERR_OK);
	for (size_t pos = 0; pos < message.len; pos += part) {
		size_t n = message.len - pos < part ? message.len - pos : part;
		put_hex(out, "16 0301");
		put_u16(out, n);
		REQUIRE("room", buf_append(out, bytes_of(message.data + pos, n)) == ERR_OK);
	}
	buf_release(&message);
}

/* --- the law: portions make no difference --- */

struct outcome {
	enum err err;
	struct hello hello;
	struct fault fault;
};

static struct outcome read_hello(struct bytes wire)
{
	struct outcome outcome = {.fault = FAULT_NONE};
	/* A copy that ends where the bytes end, so that a sanitizer sees every step too far. */
	uint8_t *copy = malloc(wire.len + 1);
	REQUIRE("memory", copy != NULL);
	if (wire.len > 0) {
		memcpy(copy + 1, wire.data, wire.len);
	}
	outcome.err = hello_read(bytes_of(copy + 1, wire.len), scratch, &outcome.hello, &outcome.fault);
	free(copy);
	return outcome;
}

static struct outcome check_portions(const char *row, struct bytes wire)
{
	struct outcome whole = read_hello(wire);
	size_t n = 0;
	struct outcome part = {.err = ERR_AGAIN};
	for (; n <= wire.len && part.err == ERR_AGAIN; n++) {
		part = read_hello(bytes_of(wire.data, n));
	}
	CHECK(row, part.err == whole.err);
	CHECK(row, part.fault.reason == whole.fault.reason && part.fault.clause == whole.fault.clause);
	CHECK(row, part.hello.extension_count == whole.hello.extension_count &&
			   part.hello.host_name.len == whole.hello.host_name.len &&
			   part.hello.signatures.len == whole.hello.signatures.len);
	return whole;
}

/* --- extensions --- */

static const struct {
	const char *name, *extensions;
	enum err want;
	uint8_t alert;
	const char *host; /* "": none */
} extension_rows[] = {
	{"no extension at all (RFC 5246 7.4.1.2)", NULL, ERR_OK, 0, ""},
	{"an empty block", "", ERR_OK, 0, ""},
	{"an unknown one is skipped (RFC 8446 4.2)", "fafa 0003 aabbcc", ERR_OK, 0, ""},
	{"a length beyond the block", "fafa 0004 aabbcc", ERR_MALFORMED, 50, ""},
	{"a type cut short", "fa", ERR_MALFORMED, 50, ""},
	{"a length cut short", "fafa 00", ERR_MALFORMED, 50, ""},
	{"RFC 8446 4.2: twice the same", "fafa 0000 fafa 0000", ERR_MALFORMED, 47, ""},
	{"RFC 8446 4.2: twice server_name", "0000 0006 0004 00 0001 61 0000 0006 0004 00 0001 62",
		ERR_MALFORMED, 47, ""},
	{"RFC 6066 3: a name", "0000 000b 0009 00 0006 6d2e78612d31", ERR_OK, 0, "m.xa-1"},
	{"the first of several names", "0000 000a 0008 00 0001 61 00 0001 62", ERR_OK, 0, "a"},
	{"a host_name behind another type", "0000 000a 0008 07 0001 61 00 0001 62", ERR_OK, 0, "b"},
	{"only another type", "0000 0006 0004 07 0001 61", ERR_OK, 0, ""},
	{"RFC 6066 3: an empty name", "0000 0005 0003 00 0000", ERR_MALFORMED, 50, ""},
	{"an empty list of names", "0000 0002 0000", ERR_MALFORMED, 50, ""},
	{"an empty server_name", "0000 0000", ERR_MALFORMED, 50, ""},
	{"bytes behind the list of names", "0000 0007 0004 00 0001 61 00", ERR_MALFORMED, 50, ""},
	{"a name longer than its list", "0000 0006 0004 00 0002 61", ERR_MALFORMED, 50, ""},
	{"a name with NUL selects nothing", "0000 0008 0006 00 0003 610062", ERR_OK, 0, ""},
	{"a name that is not ASCII", "0000 0007 0005 00 0002 c3a4", ERR_OK, 0, ""},
	{"a name with a blank", "0000 0008 0006 00 0003 612062", ERR_OK, 0, ""},
	{"a name that ends in a dot (RFC 6066 3)", "0000 0007 0005 00 0002 612e", ERR_OK, 0, ""},
	{"an empty label", "0000 0009 0007 00 0004 612e2e62", ERR_OK, 0, ""},
	{"an underscore is common", "0000 0008 0006 00 0003 615f62", ERR_OK, 0, "a_b"},
	{"a client's IPv4 address", "0000 000c 000a 00 0007 312e322e332e34", ERR_OK, 0, "1.2.3.4"},
	{"signature_algorithms", "000d 0006 0004 0403 0804", ERR_OK, 0, ""},
	{"signature_algorithms: odd", "000d 0005 0003 040308", ERR_MALFORMED, 50, ""},
	{"signature_algorithms: none (RFC 8446 4.2.3)", "000d 0002 0000", ERR_MALFORMED, 50, ""},
	{"signature_algorithms: shorter than it says", "000d 0004 0004 0403", ERR_MALFORMED, 50, ""},
	{"signature_algorithms: longer", "000d 0006 0002 0403 0804", ERR_MALFORMED, 50, ""},
	{"signature_algorithms_cert", "0032 0004 0002 0401", ERR_OK, 0, ""},
	{"signature_algorithms_cert: odd", "0032 0003 0001 04", ERR_MALFORMED, 50, ""},
	{"supported_versions", "002b 0005 04 0304 0303", ERR_OK, 0, ""},
	{"supported_versions: none", "002b 0001 00", ERR_MALFORMED, 50, ""},
	{"supported_versions: odd", "002b 0002 01 03", ERR_MALFORMED, 50, ""},
	{"supported_versions: longer", "002b 0004 02 0304 00", ERR_MALFORMED, 50, ""},
	{"supported_groups", "000a 0006 0004 001d 0017", ERR_OK, 0, ""},
	{"supported_groups: none", "000a 0002 0000", ERR_MALFORMED, 50, ""},
	{"RFC 7301 3.1: a protocol", "0010 0007 0005 04 6d717474", ERR_OK, 0, ""},
	{"RFC 7301 3.1: an empty protocol", "0010 0003 0001 00", ERR_MALFORMED, 50, ""},
	{"RFC 7301 3.1: no protocol", "0010 0002 0000", ERR_MALFORMED, 50, ""},
	{"RFC 7301 3.1: a protocol cut short", "0010 0004 0002 04 6d", ERR_MALFORMED, 50, ""},
};

static void test_extensions(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(extension_rows); i++) {
		const char *row = extension_rows[i].name;
		struct buf body = BUF_INIT(WIRE_MAX), wire = BUF_INIT(WIRE_MAX);
		put_body(&body, PREFIX, extension_rows[i].extensions);
		put_records(&wire, buf_bytes(&body), 16384);
		struct outcome outcome = check_portions(row, buf_bytes(&wire));
		CHECK(row, outcome.err == extension_rows[i].want);
		CHECK(row, outcome.fault.reason == extension_rows[i].alert);
		CHECK(row, (outcome.fault.clause != NULL) == (outcome.err != ERR_OK));
		/* The names are looked at in place: check_portions() frees its copies. */
		struct hello hello = {0};
		struct fault fault = FAULT_NONE;
		if (hello_read(buf_bytes(&wire), scratch, &hello, &fault) == ERR_OK) {
			CHECK(row, bytes_equal_text(hello.host_name, extension_rows[i].host));
			CHECK(row, hello.legacy_version == 0x0303 && hello_offers(hello.suites, 0xc02b) &&
					   hello_offers(hello.suites, 0x1301) &&
					   !hello_offers(hello.suites, 0x01c0));
		}
		buf_release(&body);
		buf_release(&wire);
	}
}

static void test_lists(void)
{
	struct buf body = BUF_INIT(WIRE_MAX);
	struct hello hello = {0};
	struct fault fault = FAULT_NONE;
	put_body(&body, PREFIX,
		"000d 0006 0004 0403 0804 0032 0004 0002 0401 002b 0005 04 0304 0303 000a 0006 0004 001d 0017"
		"0010 0007 0005 04 6d717474");
	REQUIRE("it is read", hello_decode(buf_bytes(&body), &hello, &fault) == ERR_OK);
	CHECK("signatures", hello_offers(hello.signatures, 0x0403) &&
				    hello_offers(hello.signatures, 0x0804) &&
				    !hello_offers(hello.signatures, 0x0308));
	CHECK("signatures_cert",
		hello_offers(hello.signatures_cert, 0x0401) && hello.signatures_cert.len == 2);
	CHECK("versions", hello_offers(hello.versions, 0x0304) && hello_offers(hello.versions, 0x0303) &&
				  !hello_offers(hello.versions, 0x0403));
	CHECK("groups", hello_offers(hello.groups, 29) && hello_offers(hello.groups, 23));
	CHECK("protocols", hello.protocols.len == 5);
	CHECK("count", hello.extension_count == 5);
	CHECK("an empty list offers nothing", !hello_offers(BYTES_NONE, 0));
	buf_release(&body);
}

/* --- the body before them --- */

static const struct {
	const char *name, *body;
	enum err want;
} body_rows[] = {
	{"RFC 8446 4.1.2 nothing", "", ERR_MALFORMED},
	{"a random cut short", "0303 00010203", ERR_MALFORMED},
	{"session id of 32", "0303" RANDOM "20" RANDOM "0002 1301 0100", ERR_OK},
	{"session id of 33", "0303" RANDOM "21" RANDOM "00 0002 1301 0100", ERR_MALFORMED},
	{"no suite", "0303" RANDOM "00 0000 0100", ERR_MALFORMED},
	{"half a suite", "0303" RANDOM "00 0001 13 0100", ERR_MALFORMED},
	{"more suites than there is", "0303" RANDOM "00 00ff 1301 0100", ERR_MALFORMED},
	{"no compression method", "0303" RANDOM "00 0002 1301 00", ERR_MALFORMED},
	{"another compression method is for the library to refuse", "0303" RANDOM "00 0002 1301 0101",
		ERR_OK},
	{"the extensions' length cut", "0303" RANDOM "00 0002 1301 0100 00", ERR_MALFORMED},
	{"extensions longer than they say", "0303" RANDOM "00 0002 1301 0100 0000 00", ERR_MALFORMED},
	{"extensions shorter", "0303" RANDOM "00 0002 1301 0100 0004 fafa", ERR_MALFORMED},
	{"an old version is for the library to refuse", "0301" RANDOM "00 0002 002f 0100", ERR_OK},
};

static void test_bodies(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(body_rows); i++) {
		struct buf body = BUF_INIT(WIRE_MAX), wire = BUF_INIT(WIRE_MAX);
		put_body(&body, body_rows[i].body, NULL);
		put_records(&wire, buf_bytes(&body), 16384);
		struct outcome outcome = check_portions(body_rows[i].name, buf_bytes(&wire));
		CHECK(body_rows[i].name, outcome.err == body_rows[i].want);
		CHECK(body_rows[i].name, outcome.err == ERR_OK || outcome.fault.reason == 50);
		buf_release(&body);
		buf_release(&wire);
	}
}

/* A hello that is cut inside its own lengths is never taken for a shorter one, but where TLS 1.2 lets it end. */
static void test_cut(void)
{
	struct buf body = BUF_INIT(WIRE_MAX);
	struct hello hello;
	struct fault fault = FAULT_NONE;
	size_t good = 0;
	put_body(&body, PREFIX, "0000 000b 0009 00 0006 6d2e78612d31 000d 0006 0004 0403 0804");
	for (size_t n = 0; n <= body.len; n++) {
		good += hello_decode(bytes_of(body.data, n), &hello, &fault) == ERR_OK ? 1 : 0;
	}
	CHECK("cut at every byte", good == 2);
	buf_release(&body);
}

/* --- records --- */

static const struct {
	const char *name, *wire;
	enum err want;
	uint8_t alert;
} record_rows[] = {
	{"nothing yet", "", ERR_AGAIN, 0},
	{"one byte", "16", ERR_AGAIN, 0},
	{"half a head", "1603", ERR_AGAIN, 0},
	{"a head", "16 0301 0005", ERR_AGAIN, 0},
	{"MQTT in the clear", "101000044d51545404", ERR_UNSUPPORTED, 10},
	{"HTTP in the clear", "474554202f", ERR_UNSUPPORTED, 10},
	{"an SSL 2 hello", "802e010301", ERR_UNSUPPORTED, 10},
	{"an alert first", "15 0301 0002 0100", ERR_UNSUPPORTED, 10},
	{"a handshake record of no TLS", "16 04", ERR_UNSUPPORTED, 50},
	{"any minor version (RFC 8446 5.1)", "16 03ff 0005 01", ERR_AGAIN, 0},
	{"RFC 8446 5.1: 2^14 in a record", "16 0301 4000 01", ERR_AGAIN, 0},
	{"RFC 8446 5.1: more than 2^14", "16 0301 4001", ERR_MALFORMED, 22},
	{"RFC 8446 5.1: an empty record", "16 0301 0000", ERR_MALFORMED, 50},
	{"an empty record within", "16 0301 0001 01 16 0301 0000", ERR_MALFORMED, 50},
	{"a finished first", "16 0301 0004 14", ERR_MALFORMED, 10},
	{"a server's hello", "16 0301 0004 02", ERR_MALFORMED, 10},
	{"RFC 8446 5.1: another record within", "16 0301 0001 01 17", ERR_MALFORMED, 10},
	{"an alert within", "16 0301 0001 01 15", ERR_MALFORMED, 10},
	{"another major version within", "16 0301 0001 01 16 02", ERR_UNSUPPORTED, 50},
	{"16384 bytes announced", "16 0301 0004 01 004000", ERR_AGAIN, 0},
	{"16385 bytes announced (HELLO_MESSAGE_BYTES_MAX)", "16 0301 0004 01 004001", ERR_LIMIT, 40},
	{"16 MB announced", "16 0301 0004 01 ffffff", ERR_LIMIT, 40},
	{"16 MB announced in four records", "16 0301 0001 01 16 0301 0001 ff 16 0301 0001 ff 16 0301 0001 ff",
		ERR_LIMIT, 40},
};

static void test_records(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(record_rows); i++) {
		struct test_bytes wire = test_hex(record_rows[i].wire);
		struct outcome outcome = check_portions(record_rows[i].name, test_bytes_view(&wire));
		CHECK(record_rows[i].name, outcome.err == record_rows[i].want);
		CHECK(record_rows[i].name, outcome.fault.reason == record_rows[i].alert);
	}
}

/* The same hello in records of every size: the same answer, as long as there are not too many. */
static void test_fragments(void)
{
	struct buf body = BUF_INIT(WIRE_MAX);
	put_body(&body, PREFIX, "0000 000b 0009 00 0006 6d2e78612d31 000d 0006 0004 0403 0804");
	for (size_t part = 1; part <= body.len + 4; part++) {
		struct buf wire = BUF_INIT(WIRE_MAX);
		struct hello hello = {0};
		struct fault fault = FAULT_NONE;
		put_records(&wire, buf_bytes(&body), part);
		size_t records = (body.len + 4 + part - 1) / part;
		(void)check_portions("fragments", buf_bytes(&wire));
		/* What follows the hello is not looked at. */
		put_hex(&wire, "1403030001ff");
		enum err err = hello_read(buf_bytes(&wire), scratch, &hello, &fault);
		if (records > HELLO_RECORDS_MAX) {
			CHECK("too many records", err == ERR_LIMIT && fault.reason == 40);
		} else {
			CHECK("fragments", err == ERR_OK && bytes_equal_text(hello.host_name, "m.xa-1") &&
						   hello_offers(hello.signatures, 0x0804));
		}
		buf_release(&wire);
	}
	buf_release(&body);
}

/* At a limit, and one more. */
static void test_limits(void)
{
	for (size_t over = 0; over < 2; over++) {
		struct buf wire = BUF_INIT(WIRE_MAX), body = BUF_INIT(WIRE_MAX);
		put_hex(&body, PREFIX);
		put_u16(&body, 4 * (HELLO_EXTENSIONS_MAX + over));
		for (size_t i = 0; i < HELLO_EXTENSIONS_MAX + over; i++) {
			put_u16(&body, 0x1000 + i);
			put_u16(&body, 0);
		}
		put_records(&wire, buf_bytes(&body), 16384);
		struct outcome outcome = check_portions("extensions", buf_bytes(&wire));
		CHECK("HELLO_EXTENSIONS_MAX", outcome.err == (over == 0 ? ERR_OK : ERR_LIMIT));
		CHECK("HELLO_EXTENSIONS_MAX: alert", outcome.fault.reason == (over == 0 ? 0 : 40));
		wire.len = 0;
		body.len = 0;
		/* Records: 64 of one byte but for the last, and 65. */
		put_body(&body, PREFIX, "fafa 0020" RANDOM "fbfb 0020" RANDOM);
		size_t left = body.len + 4 - (HELLO_RECORDS_MAX - 1 + over);
		struct buf last = BUF_INIT(WIRE_MAX);
		put_records(&last, buf_bytes(&body), 1);
		REQUIRE("one-byte records",
			buf_append(&wire, bytes_of(last.data, 6 * (HELLO_RECORDS_MAX - 1 + over))) == ERR_OK);
		put_hex(&wire, "16 0301");
		put_u16(&wire, left);
		REQUIRE("the rest", buf_append(&wire, bytes_of(body.data + body.len - left, left)) == ERR_OK);
		outcome = check_portions("records", buf_bytes(&wire));
		CHECK("HELLO_RECORDS_MAX", outcome.err == (over == 0 ? ERR_OK : ERR_LIMIT));
		buf_release(&last);
		buf_release(&wire);
		buf_release(&body);
	}
	/* A hello of the largest size, in one record and a bit. */
	struct buf body = BUF_INIT(WIRE_MAX), wire = BUF_INIT(WIRE_MAX);
	put_hex(&body, PREFIX);
	put_u16(&body, HELLO_MESSAGE_BYTES_MAX - body.len - 2);
	put_hex(&body, "0015");
	put_u16(&body, HELLO_MESSAGE_BYTES_MAX - body.len - 2);
	while (body.len < HELLO_MESSAGE_BYTES_MAX) {
		put_hex(&body, "00");
	}
	put_records(&wire, buf_bytes(&body), 16384);
	struct hello hello = {0};
	struct fault fault = FAULT_NONE;
	CHECK("the largest hello", hello_read(buf_bytes(&wire), scratch, &hello, &fault) == ERR_OK);
	CHECK("the largest hello, but one byte",
		hello_read(bytes_of(wire.data, wire.len - 1), scratch, &hello, &fault) == ERR_AGAIN);
	CHECK("what may be held", wire.len <= HELLO_WIRE_BYTES_MAX);
	buf_release(&body);
	buf_release(&wire);
}

/* Names at their limits: labels of 63 and 64, names of 253 and 254. */
static void test_name_limits(void)
{
	static const struct {
		size_t label, total;
		bool good;
	} rows[] = {{63, 63, true}, {64, 64, false}, {63, 253, true}, {63, 254, false}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf body = BUF_INIT(WIRE_MAX);
		struct hello hello = {0};
		struct fault fault = FAULT_NONE;
		put_hex(&body, PREFIX);
		put_u16(&body, rows[i].total + 9);
		put_hex(&body, "0000");
		put_u16(&body, rows[i].total + 5);
		put_u16(&body, rows[i].total + 3);
		put_hex(&body, "00");
		put_u16(&body, rows[i].total);
		for (size_t n = 0; n < rows[i].total; n++) {
			put_hex(&body, n % (rows[i].label + 1) == rows[i].label ? "2e" : "61");
		}
		CHECK("names at their limits", hello_decode(buf_bytes(&body), &hello, &fault) == ERR_OK);
		CHECK("names at their limits", (hello.host_name.len == rows[i].total) == rows[i].good);
		buf_release(&body);
	}
}

static uint32_t next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Hellos with a few octets changed: no answer depends on the portions, and none reads what is not there. */
static void test_mutations(void)
{
	uint32_t random = 2463534242u;
	struct buf body = BUF_INIT(WIRE_MAX);
	put_body(&body, PREFIX,
		"0000 000b 0009 00 0006 6d2e78612d31 000d 0006 0004 0403 0804 002b 0005 04 0304 0303"
		"000a 0006 0004 001d 0017 0010 0007 0005 04 6d717474");
	for (unsigned round = 0; round < 3000; round++) {
		struct buf wire = BUF_INIT(WIRE_MAX);
		put_records(&wire, buf_bytes(&body), 1 + next(&random) % (body.len + 4));
		for (unsigned i = next(&random) % 4; i > 0; i--) {
			wire.data[next(&random) % wire.len] = (uint8_t)next(&random);
		}
		(void)check_portions("mutations", buf_bytes(&wire));
		buf_release(&wire);
	}
	buf_release(&body);
}

int main(void)
{
	test_extensions();
	test_lists();
	test_bodies();
	test_cut();
	test_records();
	test_fragments();
	test_limits();
	test_name_limits();
	test_mutations();
	return test_result();
}
