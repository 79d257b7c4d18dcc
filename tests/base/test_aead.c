/*
 * test_aead.c - AES-256-GCM gives the published values, and opens nothing that was altered.
 */
#include "base/crypto.h"

#include <string.h>

#include "tests/test.h"

/* McGrew, Viega: The Galois/Counter Mode of Operation, appendix B, test cases 13 to 16. */
#define K256 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define P64                                                                                                  \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                                   \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define C64                                                                                                  \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"                                   \
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
static const struct {
	const char *name, *key, *nonce, *context, *plain, *sealed, *tag;
} rows[] = {
	{"case 13, nothing", "0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{"case 14, one block", "0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", "", "00000000000000000000000000000000",
		"cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
	{"case 16, with context", K256, "cafebabefacedbaddecaf888",
		"feedfacedeadbeeffeedfacedeadbeefabaddad2", P64, C64, "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static struct bytes hex(const char *text)
{
	struct test_bytes in = test_hex(text);

	return test_bytes_view(&in);
}

static bool all_zero(const uint8_t *data, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++) {
		any |= data[i];
	}
	return any == 0;
}

static void run_row(size_t row)
{
	const char *name = rows[row].name;
	struct bytes key = hex(rows[row].key), nonce = hex(rows[row].nonce), context = hex(rows[row].context);
	struct bytes plain = hex(rows[row].plain);
	uint8_t text[80] = {0}, tag[AEAD_TAG_BYTES], bent[80];

	memcpy(text, plain.data, plain.len);
	CHECK(name, aead_seal(key, nonce.data, context, text, plain.len, tag) == ERR_OK);
	CHECK(name, bytes_equal(bytes_of(text, plain.len), hex(rows[row].sealed)));
	CHECK(name, bytes_equal(bytes_of(tag, sizeof(tag)), hex(rows[row].tag)));
	for (size_t bit = 0; bit < (plain.len + sizeof(tag)) * 8; bit++) {
		uint8_t other[AEAD_TAG_BYTES];

		memcpy(bent, text, plain.len);
		memcpy(other, tag, sizeof(tag));
		if (bit < plain.len * 8) {
			bent[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		} else {
			other[bit / 8 - plain.len] ^= (uint8_t)(1u << (bit % 8));
		}
		CHECK(name, aead_open(key, nonce.data, context, bent, plain.len, other) == ERR_DENIED);
		CHECK("nothing is left of it", all_zero(bent, plain.len));
	}
	memcpy(bent, text, plain.len);
	CHECK("another context",
		aead_open(key, nonce.data, bytes_text("x"), bent, plain.len, tag) == ERR_DENIED);
	CHECK(name, aead_open(key, nonce.data, context, text, plain.len, tag) == ERR_OK);
	CHECK(name, bytes_equal(bytes_of(text, plain.len), plain));
	for (size_t len = 0; len < 40; len++) {
		CHECK("a key of 32 bytes only", (aead_seal(bytes_of(text, len), nonce.data, context, bent, 1,
							 tag) == ERR_OK) == (len == AEAD_KEY_BYTES));
		CHECK("a key of 32 bytes only",
			len == AEAD_KEY_BYTES || aead_open(bytes_of(text, len), nonce.data, context, bent, 1,
							 tag) == ERR_INVALID);
	}
}

int main(void)
{
	REQUIRE("library", crypto_init() == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		run_row(i);
	}
	return test_result();
}
