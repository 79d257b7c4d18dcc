/*
 * test_der.c - the strict DER reader: each accepted form with the BER forms and broken ones beside it that must be refused.
 */
#include <string.h>

#include "tests/test.h"
#include "x509/der.h"
#include "x509/time.h"

static void test_heads(void)
{
	static const struct {
		const char *name, *hex;
		enum err want;
		size_t want_len;
	} rows[] = {
		{"X.690 8.1.3.4 short form", "0401ff", ERR_OK, 1},
		{"X.690 8.1.3.4 empty", "0400", ERR_OK, 0},
		{"X.690 10.1 long form where short fits", "048101ff", ERR_MALFORMED, 0},
		{"X.690 10.1 leading zero in the length", "04820001ff", ERR_MALFORMED, 0},
		{"X.690 10.1 indefinite", "3080020100", ERR_MALFORMED, 0},
		{"X.690 8.1.3.5 reserved length", "04ff", ERR_MALFORMED, 0},
		{"X.690 8.1.5 end of contents", "0000", ERR_MALFORMED, 0},
		{"high tag number", "1f2000", ERR_MALFORMED, 0},
		{"high tag number, constructed", "bf1f00", ERR_MALFORMED, 0},
		{"five octets of length", "048500000001ff", ERR_MALFORMED, 0},
		{"length 2^32-1", "0484ffffffff00", ERR_MALFORMED, 0},
		{"one octet too few", "0402ff", ERR_MALFORMED, 0},
		{"no length", "04", ERR_MALFORMED, 0},
		{"nothing", "", ERR_MALFORMED, 0},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		struct wire_reader reader = wire_reader_init(test_bytes_view(&in));
		struct der_item item = {0};
		CHECK(rows[i].name, der_next(&reader, &item) == rows[i].want);
		CHECK(rows[i].name, item.value.len == rows[i].want_len);
		CHECK(rows[i].name, wire_reader_left(&reader) == (rows[i].want == ERR_OK ? 0 : in.len));
	}
}

static void test_explicit(void)
{
	static const struct {
		const char *name, *hex;
		enum err want;
		size_t want_len, want_left;
	} rows[] = {
		{"X.690 8.14.3 explicit", "a0053003020101", ERR_OK, 3, 0},
		{"of something empty", "a0023000", ERR_OK, 0, 0},
		{"what follows stays", "a00230000500", ERR_OK, 0, 2},
		{"another tag", "a1023000", ERR_MALFORMED, 99, 4},
		{"X.690 8.14.3 primitive", "80023000", ERR_MALFORMED, 99, 4},
		{"another type inside", "a0023100", ERR_MALFORMED, 99, 4},
		{"nothing inside", "a000", ERR_MALFORMED, 99, 2},
		{"two inside", "a00430003000", ERR_MALFORMED, 99, 6},
		{"the inner one longer than the outer", "a0023001ff", ERR_MALFORMED, 99, 5},
		{"cut inside", "a00530030201", ERR_MALFORMED, 99, 6},
		{"nothing", "", ERR_MALFORMED, 99, 0},
	};
	const uint8_t untouched[99] = {0};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		struct wire_reader reader = wire_reader_init(test_bytes_view(&in));
		struct wire_reader child = wire_reader_init(bytes_of(untouched, sizeof(untouched)));
		CHECK(rows[i].name, der_enter_explicit(&reader, DER_CONTEXT_CONSTRUCTED(0), DER_SEQUENCE,
					    &child) == rows[i].want);
		CHECK(rows[i].name, wire_reader_left(&child) == rows[i].want_len);
		CHECK(rows[i].name, wire_reader_left(&reader) == rows[i].want_left);
	}
}

enum what { BOOLEAN, DEFAULT_FALSE, INTEGER, UINT, BIT_OCTETS, NAMED_BITS, OID, TIME };

static enum err read_one(enum what what, struct wire_reader *in, int64_t *value)
{
	struct bytes bytes = BYTES_NONE;
	bool flag = false;
	uint32_t number = 0;
	enum err err = ERR_STATE;
	switch (what) {
	case BOOLEAN:
		err = der_boolean(in, &flag);
		*value = flag ? 1 : 0;
		return err;
	case DEFAULT_FALSE:
		err = der_boolean_default_false(in, &flag);
		*value = flag ? 1 : 0;
		return err;
	case INTEGER: err = der_integer(in, &bytes); break;
	case UINT:
		err = der_uint(in, DER_INTEGER, &number);
		*value = number;
		return err;
	case BIT_OCTETS: err = der_bit_octets(in, &bytes); break;
	case NAMED_BITS:
		err = der_named_bits(in, DER_BIT_STRING, &number);
		*value = number;
		return err;
	case OID: err = der_oid(in, &bytes); break;
	case TIME: return der_time(in, value);
	}
	*value = (int64_t)bytes.len;
	return err;
}

static void test_values(void)
{
	static const struct {
		const char *name;
		enum what what;
		const char *hex;
		enum err want;
		int64_t value;
	} rows[] = {
		{"true", BOOLEAN, "0101ff", ERR_OK, 1},
		{"false", BOOLEAN, "010100", ERR_OK, 0},
		{"X.690 11.1 true is ff", BOOLEAN, "010101", ERR_MALFORMED, 0},
		{"two octets", BOOLEAN, "0102ffff", ERR_MALFORMED, 0},
		{"empty", BOOLEAN, "0100", ERR_MALFORMED, 0},
		{"absent", DEFAULT_FALSE, "", ERR_OK, 0},
		{"present", DEFAULT_FALSE, "0101ff", ERR_OK, 1},
		{"X.690 11.5 default encoded", DEFAULT_FALSE, "010100", ERR_MALFORMED, 0},
		{"zero", INTEGER, "020100", ERR_OK, 1},
		{"negative", INTEGER, "0201ff", ERR_OK, 1},
		{"128", INTEGER, "02020080", ERR_OK, 2},
		{"X.690 8.3.2 leading zero", INTEGER, "0202007f", ERR_MALFORMED, 0},
		{"X.690 8.3.2 leading ones", INTEGER, "0202ff80", ERR_MALFORMED, 0},
		{"X.690 8.3.1 empty", INTEGER, "0200", ERR_MALFORMED, 0},
		{"largest", UINT, "020500ffffffff", ERR_OK, UINT32_MAX},
		{"one larger", UINT, "02050100000000", ERR_MALFORMED, 0},
		{"negative", UINT, "020180", ERR_MALFORMED, 0},
		{"whole octets", BIT_OCTETS, "030300abcd", ERR_OK, 2},
		{"no bits", BIT_OCTETS, "030100", ERR_OK, 0},
		{"padding", BIT_OCTETS, "030201fe", ERR_MALFORMED, 0},
		{"no count of unused bits", BIT_OCTETS, "0300", ERR_MALFORMED, 0},
		{"bit 0", NAMED_BITS, "03020780", ERR_OK, 1},
		{"bits 5 and 6", NAMED_BITS, "03020106", ERR_OK, 0x60},
		{"bit 8", NAMED_BITS, "0303070080", ERR_OK, 0x100},
		{"none", NAMED_BITS, "030100", ERR_OK, 0},
		{"X.690 11.2.2 trailing zero bit", NAMED_BITS, "03020680", ERR_MALFORMED, 0},
		{"X.690 11.2.1 padding not zero", NAMED_BITS, "03020781", ERR_MALFORMED, 0},
		{"X.690 8.6.2 eight unused", NAMED_BITS, "03020880", ERR_MALFORMED, 0},
		{"unused without bits", NAMED_BITS, "030107", ERR_MALFORMED, 0},
		{"seventeen bits", NAMED_BITS, "030407000080", ERR_MALFORMED, 0},
		{"commonName", OID, "0603550403", ERR_OK, 3},
		{"X.690 8.19.2 leading 80", OID, "0603558003", ERR_MALFORMED, 0},
		{"last arc unfinished", OID, "06025584", ERR_MALFORMED, 0},
		{"empty", OID, "0600", ERR_MALFORMED, 0},
		/* 700101000000Z, 500101000000Z, 491231235959Z */
		{"UTCTime 1970", TIME, "170d3730303130313030303030305a", ERR_OK, 0},
		{"RFC 5280 4.1.2.5.1 50 is 1950", TIME, "170d3530303130313030303030305a", ERR_OK, -631152000},
		{"RFC 5280 4.1.2.5.1 49 is 2049", TIME, "170d3439313233313233353935395a", ERR_OK, 2524607999},
		{"no Z", TIME, "170c373030313031303030303030", ERR_MALFORMED, 0},
		{"no seconds", TIME, "170b373030313031303030305a", ERR_MALFORMED, 0},
		{"offset", TIME, "17113730303130313030303030302b30303030", ERR_MALFORMED, 0},
		{"month 13", TIME, "170d3730313330313030303030305a", ERR_MALFORMED, 0},
		{"month 0", TIME, "170d3730303030313030303030305a", ERR_MALFORMED, 0},
		{"day 0", TIME, "170d3730303130303030303030305a", ERR_MALFORMED, 0},
		{"29 February 1970", TIME, "170d3730303232393030303030305a", ERR_MALFORMED, 0},
		{"29 February 1972", TIME, "170d3732303232393030303030305a", ERR_OK, 68169600},
		{"hour 24", TIME, "170d3730303130313234303030305a", ERR_MALFORMED, 0},
		{"second 60", TIME, "170d3730303130313030303036305a", ERR_MALFORMED, 0},
		{"GeneralizedTime 9999", TIME, "180f39393939313233313233353935395a", ERR_OK, 253402300799},
		{"RFC 5280 4.1.2.5.2 fraction", TIME, "181131393730303130313030303030302e355a", ERR_MALFORMED,
			0},
		{"GeneralizedTime cut", TIME, "180e313937303031303130303030305a", ERR_MALFORMED, 0},
		{"another type", TIME, "020100", ERR_MALFORMED, 0},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		struct wire_reader reader = wire_reader_init(test_bytes_view(&in));
		int64_t value = 0;
		CHECK(rows[i].name, read_one(rows[i].what, &reader, &value) == rows[i].want);
		CHECK(rows[i].name, value == rows[i].value || rows[i].want != ERR_OK);
		CHECK(rows[i].name, wire_reader_left(&reader) == (rows[i].want == ERR_OK ? 0 : in.len));
	}
}

static void test_oid_text(void)
{
	static const struct {
		const char *name, *hex, *text;
	} rows[] = {
		{"commonName", "550403", "2.5.4.3"},
		{"uid", "0992268993f22c640101", "0.9.2342.19200300.100.1.1"},
		{"RSA", "2a864886f70d010101", "1.2.840.113549.1.1.1"},
		{"first arc 2, second above 39", "8837", "2.999"},
		{"0.0", "00", "0.0"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		char text[DER_OID_TEXT_BYTES_MAX];
		uint8_t content[DER_OID_BYTES_MAX];
		size_t len = 0;
		CHECK(rows[i].name, der_oid_text(test_bytes_view(&in), text) == ERR_OK);
		CHECK(rows[i].name, strcmp(text, rows[i].text) == 0);
		CHECK(rows[i].name, der_oid_parse(rows[i].text, content, &len) == ERR_OK);
		CHECK(rows[i].name, bytes_equal(bytes_of(content, len), test_bytes_view(&in)));
	}
	static const char *const bad[] = {"", "1", "1.", ".1", "3.1", "1.40", "1.2.", "1.2..3", "1.02",
		"1.2 ", "a.b", "1.99999999999999999999"};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		uint8_t content[DER_OID_BYTES_MAX];
		size_t len = 77;
		CHECK(bad[i], der_oid_parse(bad[i], content, &len) == ERR_INVALID);
		CHECK(bad[i], len == 77);
	}
}

static void test_times(void)
{
	for (int64_t when = -INT64_C(5000000000); when < INT64_C(250000000000);
		when += INT64_C(86399 * 997)) {
		struct civil civil;
		time_to_civil(when, &civil);
		CHECK("calendar there and back", time_from_civil(&civil) == when);
	}
}

static void test_writer(void)
{
	struct buf out = BUF_INIT(1u << 20);
	static const uint8_t body[70000];
	static const size_t lengths[] = {0, 1, 127, 128, 255, 256, 65535, 65536, sizeof(body)};
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		struct der_writer writer = der_writer_init(&out);
		struct wire_reader in;
		struct bytes value;
		out.len = 0;
		der_put_begin(&writer, DER_SEQUENCE);
		der_put(&writer, DER_OCTET_STRING, bytes_of(body, lengths[i]));
		der_put_end(&writer);
		CHECK("written", der_writer_err(&writer) == ERR_OK);
		CHECK("what is written is read", der_single(buf_bytes(&out), DER_SEQUENCE, &in) == ERR_OK);
		CHECK("same length",
			der_value(&in, DER_OCTET_STRING, &value) == ERR_OK && value.len == lengths[i]);
	}
	static const int64_t times[] = {-631152000, 0, 2524607999, 2524608000, 253402300799};
	for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
		struct der_writer writer = der_writer_init(&out);
		int64_t back = 1;
		out.len = 0;
		der_put_time(&writer, times[i]);
		struct wire_reader in = wire_reader_init(buf_bytes(&out));
		CHECK("time there and back", der_writer_err(&writer) == ERR_OK &&
						     der_time(&in, &back) == ERR_OK && back == times[i]);
		CHECK("RFC 5280 4.1.2.5 UTCTime through 2049",
			out.data[0] ==
				(times[i] < INT64_C(2524608000) ? DER_UTC_TIME : DER_GENERALIZED_TIME));
	}
	struct der_writer writer = der_writer_init(&out);
	der_put_time(&writer, INT64_C(253402300800));
	CHECK("the year 10000", der_writer_err(&writer) == ERR_INVALID);
	buf_release(&out);
}

int main(void)
{
	test_heads();
	test_explicit();
	test_values();
	test_oid_text();
	test_times();
	test_writer();
	return test_result();
}
