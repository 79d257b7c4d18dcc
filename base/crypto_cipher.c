/*
 * crypto_cipher.c - AES-CBC with padding, for files that others write.
 * Never:   authenticates; its callers check a MAC first.
 * Threads: any.
 */
#include "base/crypto_internal.h"

#include <string.h>

#include <wolfssl/wolfcrypt/aes.h>

#define AES_BLOCK_BYTES 16

static bool aes_fits(struct bytes key, struct bytes iv, struct bytes text)
{
	return (key.len == 16 || key.len == 24 || key.len == 32) && iv.len == AES_BLOCK_BYTES &&
	       text.len <= CRYPTO_INPUT_BYTES_MAX;
}

enum err aes_cbc_encrypt(struct bytes key, struct bytes iv, struct bytes plain, struct buf *out)
{
	if (!aes_fits(key, iv, plain)) {
		return ERR_INVALID;
	}
	size_t whole = plain.len / AES_BLOCK_BYTES * AES_BLOCK_BYTES;
	enum err err = buf_reserve(out, whole + AES_BLOCK_BYTES);
	if (err != ERR_OK) {
		return err;
	}
	uint8_t last[AES_BLOCK_BYTES];
	memset(last, (int)(AES_BLOCK_BYTES - (plain.len - whole)), sizeof(last));
	if (plain.len > whole) {
		memcpy(last, plain.data + whole, plain.len - whole);
	}
	Aes aes;
	int ret = wc_AesInit(&aes, NULL, INVALID_DEVID);
	if (ret != 0) {
		secure_wipe(last, sizeof(last));
		return crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	ret = wc_AesSetKey(&aes, key.data, (word32)key.len, iv.data, AES_ENCRYPTION);
	if (ret == 0 && whole > 0) {
		ret = wc_AesCbcEncrypt(&aes, out->data + out->len, plain.data, (word32)whole);
	}
	if (ret == 0) {
		ret = wc_AesCbcEncrypt(&aes, out->data + out->len + whole, last, sizeof(last));
	}
	if (ret == 0) {
		out->len += whole + AES_BLOCK_BYTES;
	}
	wc_AesFree(&aes);
	secure_wipe(&aes, sizeof(aes));
	secure_wipe(last, sizeof(last));
	return ret == 0 ? ERR_OK : crypto_wc_err(ret, ERR_UNSUPPORTED);
}

/* The length of the padding (1..16), or 0 if it is wrong; looks at all sixteen bytes either way. */
static size_t aes_padding(const uint8_t last[AES_BLOCK_BYTES])
{
	unsigned padding = last[AES_BLOCK_BYTES - 1];
	unsigned bad = padding == 0 || padding > AES_BLOCK_BYTES;
	for (unsigned i = 0; i < AES_BLOCK_BYTES; i++) {
		unsigned inside = AES_BLOCK_BYTES - i <= padding;
		bad |= inside & (last[i] != padding);
	}
	return bad != 0 ? 0 : padding;
}

enum err aes_cbc_decrypt(struct bytes key, struct bytes iv, struct bytes sealed, struct secret *out)
{
	struct secret plain = SECRET_NONE;
	if (!aes_fits(key, iv, sealed)) {
		return ERR_INVALID;
	}
	if (sealed.len == 0 || sealed.len % AES_BLOCK_BYTES != 0) {
		return ERR_MALFORMED;
	}
	enum err err = secret_new(sealed.len, &plain);
	if (err != ERR_OK) {
		return err;
	}
	Aes aes;
	int ret = wc_AesInit(&aes, NULL, INVALID_DEVID);
	if (ret != 0) {
		secret_free(&plain);
		return crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	ret = wc_AesSetKey(&aes, key.data, (word32)key.len, iv.data, AES_DECRYPTION);
	if (ret == 0) {
		ret = wc_AesCbcDecrypt(&aes, plain.data, sealed.data, (word32)sealed.len);
	}
	wc_AesFree(&aes);
	secure_wipe(&aes, sizeof(aes));
	size_t padding = ret == 0 ? aes_padding(plain.data + plain.len - AES_BLOCK_BYTES) : 0;
	if (padding == 0) {
		secret_free(&plain);
		return ret == 0 ? ERR_DENIED : crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	plain.len -= padding;
	*out = plain;
	return ERR_OK;
}
