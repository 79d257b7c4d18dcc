/*
 * test_crypto_old.c - DES, triple DES, RC2 and scrypt against vectors (openssl's command line; RFC 7914 section 12),
 *                     and what is refused: lengths, padding, keys.
 * Owns:    nothing.
 * Never:   shows that any of this is safe to seal with.
 * Threads: one.
 */
#include <string.h>

#include "base/crypto.h"
#include "tests/test.h"

#define IV    "1011121314151617"
#define PLAIN "hello, world!" /* 13 bytes: 3 of padding */

static const struct {
	const char *name;
	enum old_cipher cipher;
	const char *key;
	unsigned rc2_bits;
	const char *sealed;
} rows[] = {
	{"DES", OLD_DES_CBC, "0123456789abcdef", 0, "d309277da0206764a3096f6bc6d6e52c"},
	{"2-key triple DES", OLD_DES_EDE3_CBC, "0123456789abcdeffedcba9876543210", 0,
		"b021bf673bcf071c696aecde8cf7c823"},
	{"3-key triple DES", OLD_DES_EDE3_CBC, "0123456789abcdeffedcba98765432100011223344556677", 0,
		"4c2c5f9a072c9a82ee30c7f9172c54f2"},
	{"RC2, 40 bits", OLD_RC2_CBC, "0102030405", 40, "643823ad55ef44fe78efe28f2a6b8519"},
	{"RC2, 64 bits", OLD_RC2_CBC, "0102030405060708", 64, "d44e48259478ea10a33f897bd47a6dd4"},
	{"RC2, 128 bits", OLD_RC2_CBC, "0102030405060708090a0b0c0d0e0f10", 128,
		"acf66d17ac11d650b4f1e35dfec7c5dc"},
};

static struct bytes hex(const char *text)
{
	struct test_bytes made = test_hex(text);
	return test_bytes_view(&made);
}

static void ciphers(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct bytes key = hex(rows[i].key);
		struct bytes iv = hex(IV);
		struct bytes sealed = hex(rows[i].sealed);
		struct secret out = SECRET_NONE;
		const char *name = rows[i].name;
		enum old_cipher cipher = rows[i].cipher;
		unsigned bits = rows[i].rc2_bits;
		REQUIRE(name, old_cbc_decrypt(cipher, key, bits, iv, sealed, &out) == ERR_OK);
		CHECK(name, bytes_equal_text(secret_bytes(&out), PLAIN));
		secret_free(&out);
		for (size_t len = 0; len < sealed.len; len++) {
			enum err err =
				old_cbc_decrypt(cipher, key, bits, iv, bytes_of(sealed.data, len), &out);
			CHECK("cut", err == (len == 8 ? ERR_DENIED : ERR_MALFORMED));
		}
		CHECK("IV short", old_cbc_decrypt(cipher, key, bits, bytes_of(iv.data, 7), sealed, &out) ==
					  ERR_INVALID);
		CHECK("no key", old_cbc_decrypt(cipher, BYTES_NONE, bits, iv, sealed, &out) == ERR_INVALID);
		/* The last block alone, behind an IV that turns its padding into each possible end. */
		for (unsigned end = 0; end < 256; end++) {
			uint8_t bent[8];
			memcpy(bent, sealed.data, sizeof(bent));
			bent[7] = (uint8_t)(bent[7] ^ 3u ^ end);
			enum err err = old_cbc_decrypt(cipher, key, bits, bytes_of(bent, sizeof(bent)),
				bytes_of(sealed.data + 8, 8), &out);
			/* "rld!!" no: the block is five letters and 03 03 03; only ends 01 and 03 are padding. */
			CHECK("padding", err == (end == 1 || end == 3 ? ERR_OK : ERR_DENIED));
			secret_free(&out);
		}
	}
}

static void keys_refused(void)
{
	static const uint8_t octets[32];
	static const struct {
		const char *name;
		enum old_cipher cipher;
		size_t key_bytes;
		unsigned bits;
	} refused[] = {
		{"DES 7", OLD_DES_CBC, 7, 0},
		{"DES 9", OLD_DES_CBC, 9, 0},
		{"3DES 8", OLD_DES_EDE3_CBC, 8, 0},
		{"3DES 23", OLD_DES_EDE3_CBC, 23, 0},
		{"3DES 25", OLD_DES_EDE3_CBC, 25, 0},
		{"RC2 0", OLD_RC2_CBC, 0, 40},
		{"RC2 17", OLD_RC2_CBC, 17, 40},
		{"RC2 no bits", OLD_RC2_CBC, 5, 0},
		{"RC2 1025 bits", OLD_RC2_CBC, 5, 1025},
	};
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
		struct secret out = SECRET_NONE;
		CHECK(refused[i].name,
			old_cbc_decrypt(refused[i].cipher, bytes_of(octets, refused[i].key_bytes),
				refused[i].bits, bytes_of(octets, 8), bytes_of(octets, 16),
				&out) == ERR_INVALID);
	}
}

static void scrypt_rows(void)
{
	static const struct {
		const char *name, *password, *salt;
		struct scrypt_cost cost;
		const char *want;
	} vectors[] = {
		{"RFC 7914 12: empty", "", "", {16, 1, 1},
			"77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
			"fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"},
		{"RFC 7914 12: NaCl", "password", "NaCl", {1024, 8, 16},
			"fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
			"2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"},
	};
	static const struct {
		const char *name;
		struct scrypt_cost cost;
	} refused[] = {
		{"n is 1", {1, 8, 1}},
		{"n is no power of two", {1000, 8, 1}},
		{"n is 0", {0, 8, 1}},
		{"r is 0", {16, 0, 1}},
		{"p is 0", {16, 8, 0}},
	};
	uint8_t out[64];
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		CHECK(vectors[i].name, scrypt_kdf(&vectors[i].cost, bytes_text(vectors[i].password),
					       bytes_text(vectors[i].salt), out, sizeof(out)) == ERR_OK);
		CHECK(vectors[i].name, bytes_equal(bytes_of(out, sizeof(out)), hex(vectors[i].want)));
	}
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
		CHECK(refused[i].name, scrypt_kdf(&refused[i].cost, BYTES_NONE, BYTES_NONE, out,
					       sizeof(out)) == ERR_INVALID);
	}
}

int main(void)
{
	REQUIRE("crypto", crypto_init() == ERR_OK);
	ciphers();
	keys_refused();
	scrypt_rows();
	crypto_cleanup();
	return test_result();
}
