/*
 * crypto_kdf.c - keys from passwords.
 * Never:   caps a cost: the reader of a file knows its own maximum.
 * Threads: any; all of it blocks for its cost.
 */
#include "base/crypto_internal.h"

#include <argon2.h>
#include <limits.h>
#include <string.h>

#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/pwdbased.h>

/* wolfCrypt wants addresses even for no bytes. */
static const uint8_t *kdf_data(struct bytes in)
{
	static const uint8_t none[1] = {0};
	return in.len == 0 ? none : in.data;
}

static bool kdf_fits(struct bytes password, struct bytes salt, uint32_t iterations, size_t out_len)
{
	return password.len <= CRYPTO_INPUT_BYTES_MAX && salt.len <= CRYPTO_INPUT_BYTES_MAX &&
	       iterations > 0 && iterations <= INT_MAX && out_len > 0 && out_len <= CRYPTO_INPUT_BYTES_MAX;
}

enum err pbkdf2(enum hash_alg prf, struct bytes password, struct bytes salt, uint32_t iterations,
	uint8_t *out, size_t out_len)
{
	if (!kdf_fits(password, salt, iterations, out_len)) {
		return ERR_INVALID;
	}
	int ret = wc_PBKDF2_ex(out, kdf_data(password), (int)password.len, kdf_data(salt), (int)salt.len,
		(int)iterations, (int)out_len, (int)crypto_wc_hash(prf), NULL, INVALID_DEVID);
	return ret == 0 ? ERR_OK : crypto_wc_err(ret, ERR_UNSUPPORTED);
}

/* RFC 7292 B.2: fills n bytes with source over and over. */
static void pkcs12_repeat(struct bytes source, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		to[i] = source.data[i % source.len];
	}
}

/* RFC 7292 B.2 step 6C: every v bytes of blocks become themselves + b + 1, as big-endian numbers modulo 2^(8v). */
static void pkcs12_add(uint8_t *blocks, size_t len, const uint8_t *b, size_t v)
{
	for (size_t at = 0; at < len; at += v) {
		unsigned carry = 1;
		for (size_t i = v; i-- > 0;) {
			carry += (unsigned)blocks[at + i] + b[i];
			blocks[at + i] = (uint8_t)carry;
			carry >>= 8;
		}
	}
}

static size_t pkcs12_round_up(size_t n, size_t v)
{
	return (n + v - 1) / v * v;
}

/* Our own: wolfCrypt's knows neither an empty salt nor an empty password, and both are found in files. */
enum err pkcs12_kdf(enum hash_alg alg, uint8_t id, struct bytes password_bmp, struct bytes salt,
	uint32_t iterations, uint8_t *out, size_t out_len)
{
	if (!kdf_fits(password_bmp, salt, iterations, out_len)) {
		return ERR_INVALID;
	}
	size_t v = alg == HASH_SHA384 || alg == HASH_SHA512 ? 128 : 64;
	size_t u = hash_bytes(alg);
	size_t salt_len = pkcs12_round_up(salt.len, v);
	struct secret blocks = SECRET_NONE;
	enum err err = secret_new(salt_len + pkcs12_round_up(password_bmp.len, v), &blocks);
	if (err != ERR_OK) {
		return err;
	}
	uint8_t diversifier[128];
	uint8_t a[HASH_BYTES_MAX];
	uint8_t b[128];
	memset(diversifier, id, sizeof(diversifier));
	pkcs12_repeat(salt, blocks.data, salt_len);
	pkcs12_repeat(password_bmp, blocks.data + salt_len, blocks.len - salt_len);
	while (out_len > 0) {
		struct bytes parts[] = {bytes_of(diversifier, v), secret_bytes(&blocks)};
		hash_of_parts(alg, parts, ARRAY_COUNT(parts), a);
		for (uint32_t i = 1; i < iterations; i++) {
			hash_of(alg, bytes_of(a, u), a);
		}
		size_t step = out_len < u ? out_len : u;
		memcpy(out, a, step);
		out += step;
		out_len -= step;
		if (out_len > 0) {
			pkcs12_repeat(bytes_of(a, u), b, v);
			pkcs12_add(blocks.data, blocks.len, b, v);
		}
	}
	secure_wipe(a, sizeof(a));
	secure_wipe(b, sizeof(b));
	secret_free(&blocks);
	return ERR_OK;
}

enum err scrypt_kdf(const struct scrypt_cost *cost, struct bytes password, struct bytes salt, uint8_t *out,
	size_t out_len)
{
	if (!kdf_fits(password, salt, cost->n, out_len) || cost->n < 2 || (cost->n & (cost->n - 1)) != 0 ||
		cost->r == 0 || cost->r > INT_MAX || cost->p == 0 || cost->p > INT_MAX) {
		return ERR_INVALID;
	}
	int ret = wc_scrypt_ex(out, kdf_data(password), (int)password.len, kdf_data(salt), (int)salt.len,
		cost->n, (int)cost->r, (int)cost->p, (int)out_len);
	return ret == 0 ? ERR_OK : crypto_wc_err(ret, ERR_INVALID);
}

/* What the library promises not to change; its type is not const. */
static uint8_t *kdf_unconst(struct bytes in)
{
	return (uint8_t *)(uintptr_t)kdf_data(in);
}

enum err argon2id(const struct argon2_cost *cost, struct bytes password, struct bytes salt, uint8_t *out,
	size_t out_len)
{
	if (!kdf_fits(password, salt, cost->passes, out_len)) {
		return ERR_INVALID;
	}
	/* One thread for all lanes: the executor decides how many cores hash. */
	argon2_context context = {
		.out = out,
		.outlen = (uint32_t)out_len,
		.pwd = kdf_unconst(password),
		.pwdlen = (uint32_t)password.len,
		.salt = kdf_unconst(salt),
		.saltlen = (uint32_t)salt.len,
		.t_cost = cost->passes,
		.m_cost = cost->memory_kib,
		.lanes = cost->lanes,
		.threads = 1,
		.flags = ARGON2_DEFAULT_FLAGS,
		.version = ARGON2_VERSION_13,
	};
	int ret = argon2id_ctx(&context);
	if (ret == ARGON2_OK) {
		return ERR_OK;
	}
	secure_wipe(out, out_len);
	return ret == ARGON2_MEMORY_ALLOCATION_ERROR ? ERR_NOMEM : ERR_INVALID;
}
