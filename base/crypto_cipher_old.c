/*
 * crypto_cipher_old.c - DES, triple DES and RC2 in CBC mode, for opening what old programs sealed.
 * Never:   encrypts; authenticates (its callers check a MAC first).
 * Threads: any.
 */
#include "base/crypto_internal.h"

#include <string.h>

#include <wolfssl/wolfcrypt/des3.h>
#include <wolfssl/wolfcrypt/rc2.h>

#define DES_KEY_BYTES  8u
#define DES3_KEY_BYTES 24u
#define RC2_KEY_MAX    16u /* of any scheme that we open */
#define RC2_BITS_MAX   1024u

static bool key_fits(enum old_cipher cipher, size_t len, unsigned rc2_bits)
{
	switch (cipher) {
	case OLD_DES_CBC: return len == DES_KEY_BYTES;
	case OLD_DES_EDE3_CBC: return len == 2 * DES_KEY_BYTES || len == DES3_KEY_BYTES;
	case OLD_RC2_CBC: return len > 0 && len <= RC2_KEY_MAX && rc2_bits > 0 && rc2_bits <= RC2_BITS_MAX;
	}
	return false;
}

static int des_decrypt(struct bytes key, struct bytes iv, struct bytes sealed, uint8_t *plain)
{
	Des des;
	memset(&des, 0, sizeof(des));
	int ret = wc_Des_SetKey(&des, key.data, iv.data, DES_DECRYPTION);
	if (ret == 0) {
		ret = wc_Des_CbcDecrypt(&des, plain, sealed.data, (word32)sealed.len);
	}
	secure_wipe(&des, sizeof(des));
	return ret;
}

static int des3_decrypt(struct bytes key, struct bytes iv, struct bytes sealed, uint8_t *plain)
{
	uint8_t full[DES3_KEY_BYTES];
	Des3 des3;
	memcpy(full, key.data, key.len);
	if (key.len < sizeof(full)) {
		memcpy(full + key.len, key.data, DES_KEY_BYTES);
	}
	int ret = wc_Des3Init(&des3, NULL, INVALID_DEVID);
	if (ret == 0) {
		ret = wc_Des3_SetKey(&des3, full, iv.data, DES_DECRYPTION);
		if (ret == 0) {
			ret = wc_Des3_CbcDecrypt(&des3, plain, sealed.data, (word32)sealed.len);
		}
		wc_Des3Free(&des3);
	}
	secure_wipe(&des3, sizeof(des3));
	secure_wipe(full, sizeof(full));
	return ret;
}

static int rc2_decrypt(
	struct bytes key, unsigned rc2_bits, struct bytes iv, struct bytes sealed, uint8_t *plain)
{
	Rc2 rc2;
	memset(&rc2, 0, sizeof(rc2));
	int ret = wc_Rc2SetKey(&rc2, key.data, (word32)key.len, iv.data, rc2_bits);
	if (ret == 0) {
		ret = wc_Rc2CbcDecrypt(&rc2, plain, sealed.data, (word32)sealed.len);
	}
	wc_Rc2Free(&rc2);
	secure_wipe(&rc2, sizeof(rc2));
	return ret;
}

/* The length of the padding (1..8), or 0 if it is wrong; looks at all eight bytes either way. */
static size_t old_padding(const uint8_t last[OLD_CIPHER_BLOCK_BYTES])
{
	unsigned padding = last[OLD_CIPHER_BLOCK_BYTES - 1];
	unsigned bad = padding == 0 || padding > OLD_CIPHER_BLOCK_BYTES;
	for (unsigned i = 0; i < OLD_CIPHER_BLOCK_BYTES; i++) {
		unsigned inside = OLD_CIPHER_BLOCK_BYTES - i <= padding;
		bad |= inside & (last[i] != padding);
	}
	return bad != 0 ? 0 : padding;
}

enum err old_cbc_decrypt(enum old_cipher cipher, struct bytes key, unsigned rc2_bits, struct bytes iv,
	struct bytes sealed, struct secret *out)
{
	struct secret plain = SECRET_NONE;
	if (!key_fits(cipher, key.len, rc2_bits) || iv.len != OLD_CIPHER_BLOCK_BYTES ||
		sealed.len > CRYPTO_INPUT_BYTES_MAX) {
		return ERR_INVALID;
	}
	if (sealed.len == 0 || sealed.len % OLD_CIPHER_BLOCK_BYTES != 0) {
		return ERR_MALFORMED;
	}
	enum err err = secret_new(sealed.len, &plain);
	if (err != ERR_OK) {
		return err;
	}
	int ret = -1;
	switch (cipher) {
	case OLD_DES_CBC: ret = des_decrypt(key, iv, sealed, plain.data); break;
	case OLD_DES_EDE3_CBC: ret = des3_decrypt(key, iv, sealed, plain.data); break;
	case OLD_RC2_CBC: ret = rc2_decrypt(key, rc2_bits, iv, sealed, plain.data); break;
	}
	size_t padding = ret == 0 ? old_padding(plain.data + plain.len - OLD_CIPHER_BLOCK_BYTES) : 0;
	if (padding == 0) {
		secret_free(&plain);
		return ret == 0 ? ERR_DENIED : crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	plain.len -= padding;
	*out = plain;
	return ERR_OK;
}
