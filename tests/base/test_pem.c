/*
 * test_pem.c - RFC 4648 and RFC 7468: what encodes decodes back, and what is not exactly right is refused.
 */
#include "base/pem.h"

#include <string.h>

#include "tests/test.h"

static void test_rfc4648(void)
{
	/* RFC 4648 10, base32 in lower case and unpadded. */
	static const struct {
		const char *in, *base64, *base32, *hex;
	} rows[] = {
		{"", "", "", ""},
		{"f", "Zg==", "my", "66"},
		{"fo", "Zm8=", "mzxq", "666f"},
		{"foo", "Zm9v", "mzxw6", "666f6f"},
		{"foob", "Zm9vYg==", "mzxw6yq", "666f6f62"},
		{"fooba", "Zm9vYmE=", "mzxw6ytb", "666f6f6261"},
		{"foobar", "Zm9vYmFy", "mzxw6ytboi", "666f6f626172"},
		{"\xff\xef\xbe", "/+++", "77x34", "ffefbe"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf out = BUF_INIT(64);
		struct bytes in = bytes_text(rows[i].in);
		CHECK("RFC 4648 4", base64_encode(in, &out) == ERR_OK &&
					    bytes_equal_text(buf_bytes(&out), rows[i].base64));
		buf_release(&out);
		CHECK("RFC 4648 4", base64_decode(bytes_text(rows[i].base64), &out) == ERR_OK &&
					    bytes_equal(buf_bytes(&out), in));
		buf_release(&out);
		CHECK("RFC 4648 6", base32_encode(in, &out) == ERR_OK &&
					    bytes_equal_text(buf_bytes(&out), rows[i].base32));
		buf_release(&out);
		CHECK("RFC 4648 8",
			hex_encode(in, &out) == ERR_OK && bytes_equal_text(buf_bytes(&out), rows[i].hex));
		buf_release(&out);
		CHECK("RFC 4648 8", hex_decode(bytes_text(rows[i].hex), &out) == ERR_OK &&
					    bytes_equal(buf_bytes(&out), in));
		buf_release(&out);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *name, *text;
		bool hex;
		enum err want;
	} rows[] = {
		{"white space is skipped", " Zm 9v\r\n\tYg = =\n", false, ERR_OK},
		{"RFC 4648 3.2 no padding", "Zg", false, ERR_MALFORMED},
		{"RFC 4648 3.2 half the padding", "Zg=", false, ERR_MALFORMED},
		{"RFC 4648 3.3 foreign character", "Zm9v!", false, ERR_MALFORMED},
		{"RFC 4648 5 URL alphabet", "-___", false, ERR_MALFORMED},
		{"RFC 4648 3.5 unused bits set, two bytes", "Zm9=", false, ERR_MALFORMED},
		{"RFC 4648 3.5 unused bits set, one byte", "Zh==", false, ERR_MALFORMED},
		{"padding inside", "Zg==Zg==", false, ERR_MALFORMED},
		{"digit after padding", "Zg=v", false, ERR_MALFORMED},
		{"only padding", "====", false, ERR_MALFORMED},
		{"three of padding", "Z===", false, ERR_MALFORMED},
		{"one digit", "Z", false, ERR_MALFORMED},
		{"hex, upper case", "0AfF", true, ERR_OK},
		{"hex, odd", "abc", true, ERR_MALFORMED},
		{"hex, foreign", "0g", true, ERR_MALFORMED},
		{"hex, space", "0 0a", true, ERR_MALFORMED},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf out = BUF_INIT(64);
		struct bytes in = bytes_text(rows[i].text);
		CHECK("before", buf_append_text(&out, ">") == ERR_OK);
		enum err err = rows[i].hex ? hex_decode(in, &out) : base64_decode(in, &out);
		CHECK(rows[i].name, err == rows[i].want);
		CHECK(rows[i].name, (out.len > 1) == (rows[i].want == ERR_OK));
		buf_release(&out);
	}
}

static void test_round_trip(void)
{
	uint8_t raw[200];
	for (size_t i = 0; i < sizeof(raw); i++) {
		raw[i] = (uint8_t)(i * 37);
	}
	for (size_t n = 0; n <= sizeof(raw); n++) {
		struct buf pem = BUF_INIT(4096);
		struct buf der = BUF_INIT(4096);
		struct bytes label = BYTES_NONE;
		CHECK("encode", pem_encode("X509 CRL", bytes_of(raw, n), &pem) == ERR_OK);
		struct bytes text = buf_bytes(&pem);
		CHECK("decode", pem_next(&text, &label, &der) == ERR_OK);
		CHECK("label", bytes_equal_text(label, "X509 CRL"));
		CHECK("content", bytes_equal(buf_bytes(&der), bytes_of(raw, n)));
		CHECK("nothing behind it", text.len == 0 && pem_next(&text, &label, &der) == ERR_NOT_FOUND);
		size_t line = 0;
		for (size_t i = 0; i < pem.len; i++) {
			line = pem.data[i] == '\n' ? 0 : line + 1;
			CHECK("RFC 7468 2 lines of at most 64", line <= 64);
		}
		/* Cut anywhere before the last dash it is no block. */
		for (size_t cut = 0; n % 50 == 1 && cut + 1 < pem.len; cut++) {
			struct bytes part = bytes_of(pem.data, cut);
			size_t before = der.len;
			CHECK("cut", pem_next(&part, &label, &der) != ERR_OK);
			CHECK("cut", part.len == cut && der.len == before);
		}
		buf_release(&der);
		buf_release(&pem);
	}
}

static void test_blocks(void)
{
	static const struct {
		const char *name, *text;
		enum err want[3];
	} rows[] = {
		{"two blocks with talk around them",
			"hello\n-----BEGIN A-----\nZg==\n-----END A-----\n talk -----BEGIN B-----\n"
			"-----BEGIN B C-----\r\nZm8=\r\n-----END B C-----\r\ngoodbye",
			{ERR_OK, ERR_OK, ERR_NOT_FOUND}},
		{"RFC 7468 2 blanks before the lines, and what editors put before UTF-8",
			"\xef\xbb\xbf-----BEGIN A-----\r\nZg==\r\n-----END A-----\r\n"
			"\xef\xbb\xbf \t-----BEGIN B-----\n  Zm8=\n  -----END B-----\n",
			{ERR_OK, ERR_OK, ERR_NOT_FOUND}},
		{"other bytes before the line", "\xbb\xbf-----BEGIN A-----\nZg==\n-----END A-----\n",
			{ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND}},
		{"RFC 7468 3 no end", "-----BEGIN A-----\nZg==\n",
			{ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED}},
		{"RFC 7468 3 other label", "-----BEGIN A-----\nZg==\n-----END B-----\n",
			{ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED}},
		{"RFC 7468 2 headers", "-----BEGIN A-----\nProc-Type: 4\n\nZg==\n-----END A-----\n",
			{ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED}},
		{"a block within a block", "-----BEGIN A-----\n-----BEGIN A-----\nZg==\n-----END A-----\n",
			{ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED}},
		{"no label", "-----BEGIN -----\nZg==\n-----END -----\n",
			{ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED}},
		{"text behind the label", "-----BEGIN A----- x\nZg==\n-----END A-----\n",
			{ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED}},
		{"empty block", "-----BEGIN A-----\n-----END A-----", {ERR_OK, ERR_NOT_FOUND, ERR_NOT_FOUND}},
		{"nothing", "", {ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND}},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct bytes text = bytes_text(rows[i].text);
		struct buf der = BUF_INIT(64);
		for (size_t j = 0; j < ARRAY_COUNT(rows[i].want); j++) {
			struct bytes label = BYTES_NONE;
			CHECK(rows[i].name, pem_next(&text, &label, &der) == rows[i].want[j]);
		}
		buf_release(&der);
	}
	char label65[65 + 32];
	memset(label65, 'A', 65);
	label65[65] = '\0';
	struct buf pem = BUF_INIT(4096);
	struct buf der = BUF_INIT(4096);
	struct bytes label;
	CHECK("encode", pem_encode(label65, BYTES_NONE, &pem) == ERR_OK);
	struct bytes text = buf_bytes(&pem);
	CHECK("label of 65", pem_next(&text, &label, &der) == ERR_MALFORMED);
	buf_release(&pem);
	CHECK("encode", pem_encode(label65 + 1, BYTES_NONE, &pem) == ERR_OK);
	text = buf_bytes(&pem);
	CHECK("label of 64", pem_next(&text, &label, &der) == ERR_OK);
	buf_release(&pem);
	buf_release(&der);
}

int main(void)
{
	test_rfc4648();
	test_refused();
	test_round_trip();
	test_blocks();
	return test_result();
}
