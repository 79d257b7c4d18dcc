/*
 * test_crl_entries.c - Goal: what was listed is found with its time and reason, and nothing else is; whose certificate an
 * entry of an indirect list revokes; few octets an entry.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"
#include "x509/internal.h"

#define SEQUENCE 0x30
#define INTEGER  0x02

/* One octet of length is enough for all that is made here, but for long serials. */
static void put_entry(struct wire_writer *out, struct bytes serial, const char *time, int reason,
	struct bytes issuer_extension)
{
	size_t reason_len = reason < 0 ? 0 : 12;
	size_t extensions = reason_len + issuer_extension.len;
	size_t time_len = strlen(time);
	size_t serial_head = serial.len < 0x80 ? 2 : 3;
	size_t body = serial_head + serial.len + 2 + time_len + (extensions == 0 ? 0 : 2 + extensions);
	wire_put_u8(out, SEQUENCE);
	if (body >= 0x100) {
		wire_put_u8(out, 0x82);
		wire_put_u16(out, (uint16_t)body);
	} else {
		if (body >= 0x80) {
			wire_put_u8(out, 0x81);
		}
		wire_put_u8(out, (uint8_t)body);
	}
	wire_put_u8(out, INTEGER);
	if (serial_head == 3) {
		wire_put_u8(out, 0x81);
	}
	wire_put_u8(out, (uint8_t)serial.len);
	wire_put_bytes(out, serial);
	wire_put_u8(out, time_len == 13 ? 0x17 : 0x18);
	wire_put_u8(out, (uint8_t)time_len);
	wire_put_bytes(out, bytes_text(time));
	if (extensions != 0) {
		wire_put_u8(out, SEQUENCE);
		wire_put_u8(out, (uint8_t)extensions);
	}
	if (reason >= 0) {
		wire_put_bytes(
			out, bytes_of((const uint8_t *)"\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01", 11));
		wire_put_u8(out, (uint8_t)reason);
	}
	wire_put_bytes(out, issuer_extension);
}

static enum err build(struct bytes revoked, struct crl_entries *out)
{
	struct wire_reader in = wire_reader_init(revoked);
	struct crl_entry entry;
	unsigned oddities = 0;
	enum err err = ERR_OK;
	*out = crl_entries_init(revoked.len);
	while (err == ERR_OK && wire_reader_left(&in) != 0) {
		err = crl_entry_next(&in, true, &entry, &oddities);
		if (err == ERR_OK) {
			err = crl_entries_add(out, &entry);
		}
	}
	return err == ERR_OK ? crl_entries_seal(out) : err;
}

static bool find(const struct crl_entries *entries, const char *hex, struct crl_entry *out)
{
	struct test_bytes serial = test_hex(hex);
	size_t at = 0;
	return crl_entries_next(entries, test_bytes_view(&serial), &at, out);
}

static void test_values(void)
{
	static const struct {
		const char *name, *serial, *time;
		int reason;
		int64_t when;
	} rows[] = {
		{"no reason", "01", "261121224700Z", -1, 1795301220},
		{"unspecified", "02", "700101000000Z", 0, 0},
		{"the earliest UTCTime", "03", "500101000000Z", 1, -631152000},
		{"the latest GeneralizedTime", "04", "99991231235959Z", 10, 253402300799},
		{"removeFromCRL", "05", "491231235959Z", 8, 2524607999},
		{"a negative serial", "ff", "261121224700Z", 6, 1795301220},
		{"a longer one that begins alike", "0102", "261121224700Z", 5, 1795301220},
		{"twenty octets", "7f0102030405060708090a0b0c0d0e0f10111213", "261121224700Z", 9, 1795301220},
	};
	struct buf der = BUF_INIT(4096);
	struct wire_writer writer = wire_writer_init(&der);
	struct crl_entries entries;
	struct crl_entry entry;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes serial = test_hex(rows[i].serial);
		put_entry(&writer, test_bytes_view(&serial), rows[i].time, rows[i].reason, BYTES_NONE);
	}
	REQUIRE("made", wire_writer_err(&writer) == ERR_OK);
	REQUIRE("built", build(buf_bytes(&der), &entries) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		REQUIRE(rows[i].name, find(&entries, rows[i].serial, &entry));
		CHECK(rows[i].name, entry.when == rows[i].when);
		CHECK(rows[i].name, entry.reason == rows[i].reason);
		CHECK(rows[i].name, entry.certificate_issuer.len == 0);
	}
	CHECK("not listed", !find(&entries, "06", &entry));
	CHECK("not listed: a prefix", !find(&entries, "7f01", &entry));
	CHECK("not listed: a longer one", !find(&entries, "0100", &entry));
	crl_entries_release(&entries);
	buf_release(&der);
}

/* certificateIssuer, as an extension: [4] of an empty-looking Name that tells one issuer from another by a letter. */
static struct bytes issuer_extension(char letter, uint8_t room[22])
{
	static const uint8_t head[] = {0x30, 20, 0x06, 0x03, 0x55, 0x1d, 0x1d, 0x01, 0x01, 0xff, 0x04, 10,
		0x30, 8, 0xa4, 6, 0x30, 4, 0x31, 2, 0x05};
	memcpy(room, head, sizeof(head));
	room[21] = (uint8_t)letter;
	return bytes_of(room, 22);
}

static void test_issuers(void)
{
	struct buf der = BUF_INIT(4096);
	struct wire_writer writer = wire_writer_init(&der);
	struct crl_entries entries;
	struct crl_entry entry;
	uint8_t a[22];
	uint8_t b[22];
	uint8_t serial[] = {1};
	static const char when[] = "261121224700Z";
	const struct {
		struct bytes named;
		char letter; /* of the issuer that holds, 0: the list's own */
	} rows[] = {
		{BYTES_NONE, 0},
		{issuer_extension('a', a), 'a'},
		{BYTES_NONE, 'a'},
		{issuer_extension('b', b), 'b'},
		{BYTES_NONE, 'b'},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) { /* all of one serial number */
		put_entry(&writer, bytes_of(serial, 1), when, -1, rows[i].named);
	}
	REQUIRE("made", wire_writer_err(&writer) == ERR_OK);
	REQUIRE("built", build(buf_bytes(&der), &entries) == ERR_OK);
	size_t at = 0;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		REQUIRE("RFC 5280 5.3.3 in the list's order",
			crl_entries_next(&entries, bytes_of(serial, 1), &at, &entry));
		struct bytes got = entry.certificate_issuer;
		CHECK("RFC 5280 5.3.3 as the entry before, if not said",
			rows[i].letter == 0 ? got.len == 0
					    : got.len == 10 && got.data[9] == (uint8_t)rows[i].letter);
	}
	CHECK("no more", !crl_entries_next(&entries, bytes_of(serial, 1), &at, &entry));
	crl_entries_release(&entries);
	buf_release(&der);
}

static void test_limits(void)
{
	struct buf der = BUF_INIT(4096);
	struct wire_writer writer = wire_writer_init(&der);
	uint8_t serial[CRL_SERIAL_BYTES_MAX + 1];
	struct crl_entry entry;
	unsigned oddities = 0;
	memset(serial, 0x55, sizeof(serial));
	put_entry(&writer, bytes_of(serial, CRL_SERIAL_BYTES_MAX), "261121224700Z", -1, BYTES_NONE);
	struct wire_reader in = wire_reader_init(buf_bytes(&der));
	CHECK("the longest serial", crl_entry_next(&in, true, &entry, &oddities) == ERR_OK);
	struct crl_entries entries;
	REQUIRE("built", build(buf_bytes(&der), &entries) == ERR_OK);
	size_t at = 0;
	CHECK("the longest serial is found",
		crl_entries_next(&entries, bytes_of(serial, CRL_SERIAL_BYTES_MAX), &at, &entry));
	crl_entries_release(&entries);
	REQUIRE("none at all", build(BYTES_NONE, &entries) == ERR_OK);
	at = 0;
	CHECK("nothing is found in nothing", !crl_entries_next(&entries, bytes_of(serial, 1), &at, &entry));
	crl_entries_release(&entries);
	buf_release(&der);
}

#define MANY         20000u
#define SERIAL_BYTES 16u

/* Under 40 octets an entry whatever their extensions, and no bucket that is long. */
static void test_memory(void)
{
	struct buf der = BUF_INIT(64u * MANY);
	struct wire_writer writer = wire_writer_init(&der);
	uint8_t serial[SERIAL_BYTES] = {0x40};
	for (uint32_t i = 0; i < MANY; i++) { /* counted, as many CAs do */
		memcpy(serial + 12,
			(uint8_t[]){(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i},
			4);
		put_entry(&writer, bytes_of(serial, SERIAL_BYTES), "261121224700Z", 4, BYTES_NONE);
	}
	REQUIRE("made", wire_writer_err(&writer) == ERR_OK);
	struct crl_entries entries;
	REQUIRE("built", build(buf_bytes(&der), &entries) == ERR_OK);
	size_t bytes = entries.buckets[entries.bucket_count] + (entries.bucket_count + 1u) * sizeof(uint32_t);
	CHECK("under 26 octets for 16 of serial", bytes < (size_t)MANY * 26u);
	uint32_t longest = 0;
	for (uint32_t i = 0; i < entries.bucket_count; i++) {
		uint32_t len = (entries.buckets[i + 1] - entries.buckets[i]) / (SERIAL_BYTES + 7u);
		longest = len > longest ? len : longest;
	}
	CHECK("no long bucket", longest <= 24);
	crl_entries_release(&entries);
	buf_release(&der);
}

static void test_memory_fails(void)
{
	struct buf der = BUF_INIT(4096);
	struct wire_writer writer = wire_writer_init(&der);
	uint8_t a[22];
	put_entry(&writer, bytes_text("1"), "261121224700Z", -1, issuer_extension('a', a));
	REQUIRE("made", wire_writer_err(&writer) == ERR_OK);
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		struct crl_entries entries;
		test_alloc_fail_at(n);
		enum err err = build(buf_bytes(&der), &entries);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails", err == (failed ? ERR_NOMEM : ERR_OK));
		crl_entries_release(&entries);
	}
	buf_release(&der);
}

int main(void)
{
	test_values();
	test_issuers();
	test_limits();
	test_memory();
	test_memory_fails();
	return test_result();
}
