/*
 * test_tlv.c - a length that lies, or one that we do not do, is refused and moves nothing; writing gives DER.
 * Owns:    nothing.
 * Never:   needs keys or certificates.
 * Threads: one.
 */
#include "keystore/tlv.h"

#include "tests/test.h"

static const struct {
	const char *name, *hex;
	enum err want;
	size_t want_len;
} reads[] = {
	{"short form", "0403aabbcc", ERR_OK, 3},
	{"empty", "0400", ERR_OK, 0},
	{"long form", "048103aabbcc", ERR_OK, 3},
	{"BER: longer than needed", "048400000003aabbcc", ERR_OK, 3},
	{"nothing", "", ERR_MALFORMED, 0},
	{"tag alone", "04", ERR_MALFORMED, 0},
	{"one byte short", "0403aabb", ERR_MALFORMED, 0},
	{"long form cut short", "0482", ERR_MALFORMED, 0},
	{"remaining length lies", "0484ffffffffaa", ERR_MALFORMED, 0},
	{"five length octets", "04850000000001aa", ERR_MALFORMED, 0},
	{"X.690 8.1.3.6 indefinite", "0480aa0000", ERR_UNSUPPORTED, 0},
	{"constructed string", "2403040100", ERR_UNSUPPORTED, 0},
	{"other tag", "0203aabbcc", ERR_MALFORMED, 0},
	{"multi-byte tag", "1f8103aabbcc", ERR_MALFORMED, 0},
};

static const struct {
	const char *name, *hex;
	enum err want;
	uint32_t want_value;
} uints[] = {
	{"zero", "020100", ERR_OK, 0},
	{"one octet", "02017f", ERR_OK, 127},
	{"two octets", "02020080", ERR_OK, 128},
	{"max", "02047fffffff", ERR_OK, 0x7fffffff},
	{"max + 1", "02050080000000", ERR_LIMIT, 0},
	{"very long", "0209010000000000000000", ERR_LIMIT, 0},
	{"negative", "0201ff", ERR_MALFORMED, 0},
	{"no octet", "0200", ERR_MALFORMED, 0},
	{"no INTEGER", "040100", ERR_MALFORMED, 0},
};

static void read_rows(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(reads); i++) {
		struct test_bytes in = test_hex(reads[i].hex);
		struct wire_reader reader = wire_reader_init(test_bytes_view(&in));
		struct bytes content = BYTES_NONE;
		CHECK(reads[i].name, tlv_get(&reader, TLV_OCTETS, &content) == reads[i].want);
		CHECK(reads[i].name, content.len == reads[i].want_len);
		CHECK(reads[i].name, wire_reader_left(&reader) == (reads[i].want == ERR_OK ? 0 : in.len));
	}
	for (size_t i = 0; i < ARRAY_COUNT(uints); i++) {
		struct test_bytes in = test_hex(uints[i].hex);
		struct wire_reader reader = wire_reader_init(test_bytes_view(&in));
		uint32_t value = 0;
		CHECK(uints[i].name, tlv_get_uint(&reader, &value) == uints[i].want);
		CHECK(uints[i].name, value == uints[i].want_value);
	}
}

/* Nested values of every length class come back as they were put, with the shortest length there is. */
static void write_rows(void)
{
	static const size_t lengths[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 70000};
	static const uint8_t zeros[70000];
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		struct buf buf = BUF_INIT(1 << 20);
		struct wire_writer writer = wire_writer_init(&buf);
		size_t outer = tlv_open(&writer, TLV_SEQUENCE);
		tlv_put_uint(&writer, (uint32_t)lengths[i]);
		tlv_put(&writer, TLV_OCTETS, bytes_of(zeros, lengths[i]));
		tlv_close(&writer, outer);
		CHECK("write", wire_writer_err(&writer) == ERR_OK);
		struct wire_reader reader = wire_reader_init(buf_bytes(&buf));
		struct wire_reader inner = {0};
		struct bytes content = BYTES_NONE;
		uint32_t value = 1;
		CHECK("enter", tlv_enter(&reader, TLV_SEQUENCE, &inner) == ERR_OK);
		CHECK("nothing behind", tlv_end(&reader) == ERR_OK);
		CHECK("number", tlv_get_uint(&inner, &value) == ERR_OK && value == lengths[i]);
		CHECK("content",
			tlv_get(&inner, TLV_OCTETS, &content) == ERR_OK && content.len == lengths[i]);
		CHECK("nothing left", tlv_end(&inner) == ERR_OK);
		/* Behind the header of the content stands nothing, and the header is as short as its length allows. */
		size_t header = lengths[i] < 128 ? 2 : lengths[i] < 256 ? 3 : lengths[i] < 65536 ? 4 : 5;
		CHECK("DER: shortest length",
			content.data == NULL || content.data[-(ptrdiff_t)header] == TLV_OCTETS);
		buf_release(&buf);
	}
}

int main(void)
{
	read_rows();
	write_rows();
	return test_result();
}
