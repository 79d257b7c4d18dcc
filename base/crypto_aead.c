/*
 * crypto_aead.c - AES-256-GCM in place.
 * Never:   chooses a nonce; hands out text whose tag does not fit.
 * Threads: any.
 */
#include "base/crypto_internal.h"

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

static bool fits(struct bytes key, struct bytes context, size_t text_len)
{
	return key.len == AEAD_KEY_BYTES && context.len <= CRYPTO_INPUT_BYTES_MAX &&
	       text_len <= CRYPTO_INPUT_BYTES_MAX;
}

/* wolfSSL's code; end() follows in any case. */
static int begin(struct bytes key, Aes *aes)
{
	int ret = wc_AesInit(aes, NULL, INVALID_DEVID);

	return ret == 0 ? wc_AesGcmSetKey(aes, key.data, (word32)key.len) : ret;
}

static void end(Aes *aes)
{
	wc_AesFree(aes);
	secure_wipe(aes, sizeof(*aes));
}

enum err aead_seal(struct bytes key, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes context,
	uint8_t *text, size_t text_len, uint8_t tag[AEAD_TAG_BYTES])
{
	Aes aes;

	if (!fits(key, context, text_len)) {
		return ERR_INVALID;
	}
	int ret = begin(key, &aes);

	if (ret == 0) {
		ret = wc_AesGcmEncrypt(&aes, text, text, (word32)text_len, nonce, AEAD_NONCE_BYTES, tag,
			AEAD_TAG_BYTES, context.data, (word32)context.len);
	}
	end(&aes);
	return ret == 0 ? ERR_OK : crypto_wc_err(ret, ERR_UNSUPPORTED);
}

enum err aead_open(struct bytes key, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes context,
	uint8_t *text, size_t text_len, const uint8_t tag[AEAD_TAG_BYTES])
{
	Aes aes;

	if (!fits(key, context, text_len)) {
		return ERR_INVALID;
	}
	int ret = begin(key, &aes);

	if (ret == 0) {
		ret = wc_AesGcmDecrypt(&aes, text, text, (word32)text_len, nonce, AEAD_NONCE_BYTES, tag,
			AEAD_TAG_BYTES, context.data, (word32)context.len);
	}
	end(&aes);
	if (ret == 0) {
		return ERR_OK;
	}
	secure_wipe(text, text_len);
	return ret == AES_GCM_AUTH_E ? ERR_DENIED : crypto_wc_err(ret, ERR_UNSUPPORTED);
}
