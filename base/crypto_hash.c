/*
 * crypto_hash.c - hashes and HMAC, and wolfCrypt's start and end.
 * Never:   returns a digest that was not computed: a library that cannot hash is a reason to stop.
 * Threads: any.
 */
#include "base/crypto_internal.h"

#include <assert.h>
#include <stdlib.h>

#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/wc_port.h>

enum err crypto_init(void)
{
	return wolfCrypt_Init() == 0 ? ERR_OK : ERR_UNSUPPORTED;
}

void crypto_cleanup(void)
{
	(void)wolfCrypt_Cleanup();
}

enum err crypto_wc_err(int ret, enum err otherwise)
{
	return ret == MEMORY_E || ret == MP_MEM ? ERR_NOMEM : otherwise;
}

enum wc_HashType crypto_wc_hash(enum hash_alg alg)
{
	switch (alg) {
	case HASH_MD5: return WC_HASH_TYPE_MD5;
	case HASH_SHA1: return WC_HASH_TYPE_SHA;
	case HASH_SHA224: return WC_HASH_TYPE_SHA224;
	case HASH_SHA256: return WC_HASH_TYPE_SHA256;
	case HASH_SHA384: return WC_HASH_TYPE_SHA384;
	case HASH_SHA512: return WC_HASH_TYPE_SHA512;
	case HASH_COUNT_: break;
	}
	abort();
}

size_t hash_bytes(enum hash_alg alg)
{
	switch (alg) {
	case HASH_MD5: return 16;
	case HASH_SHA1: return 20;
	case HASH_SHA224: return 28;
	case HASH_SHA256: return 32;
	case HASH_SHA384: return 48;
	case HASH_SHA512: return 64;
	case HASH_COUNT_: break;
	}
	abort();
}

static void hash_check(int ret)
{
	if (ret != 0) {
		abort(); /* see the head: an unhashed digest would compare equal to another one */
	}
}

void hash_of_parts(enum hash_alg alg, const struct bytes *parts, size_t count, uint8_t *out)
{
	enum wc_HashType type = crypto_wc_hash(alg);
	wc_HashAlg hash;
	hash_check(wc_HashInit(&hash, type));
	for (size_t i = 0; i < count; i++) {
		struct bytes part = parts[i];
		while (part.len > 0) {
			size_t step = part.len < CRYPTO_INPUT_BYTES_MAX ? part.len : CRYPTO_INPUT_BYTES_MAX;
			hash_check(wc_HashUpdate(&hash, type, part.data, (word32)step));
			part.data += step;
			part.len -= step;
		}
	}
	hash_check(wc_HashFinal(&hash, type, out));
	(void)wc_HashFree(&hash, type);
	secure_wipe(&hash, sizeof(hash));
}

void hash_of(enum hash_alg alg, struct bytes in, uint8_t *out)
{
	hash_of_parts(alg, &in, 1, out);
}

/* RFC 2104 over our own hash, since wolfCrypt refuses some key lengths in some builds. */
void hmac_of(enum hash_alg alg, struct bytes key, struct bytes in, uint8_t *out)
{
	uint8_t inner_key[128] = {0};
	uint8_t outer_key[128] = {0};
	uint8_t digest[HASH_BYTES_MAX] = {0};
	size_t block = alg == HASH_SHA384 || alg == HASH_SHA512 ? 128 : 64;
	if (key.len > block) {
		hash_of(alg, key, digest);
		key = bytes_of(digest, hash_bytes(alg));
	}
	for (size_t i = 0; i < block; i++) {
		uint8_t byte = i < key.len ? key.data[i] : 0;
		inner_key[i] = byte ^ 0x36;
		outer_key[i] = byte ^ 0x5c;
	}
	struct bytes inner[] = {bytes_of(inner_key, block), in};
	hash_of_parts(alg, inner, ARRAY_COUNT(inner), digest);
	struct bytes outer[] = {bytes_of(outer_key, block), bytes_of(digest, hash_bytes(alg))};
	hash_of_parts(alg, outer, ARRAY_COUNT(outer), out);
	secure_wipe(inner_key, sizeof(inner_key));
	secure_wipe(outer_key, sizeof(outer_key));
	secure_wipe(digest, sizeof(digest));
}
