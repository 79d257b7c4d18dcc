/*
 * crypto_sig.c - verifies signatures.
 * Never:   parses what was recovered from an RSA signature: the whole encoding is built and compared.
 * Threads: any.
 */
#include "base/crypto_internal.h"

#include <string.h>

#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/rsa.h>

/* RFC 8017 9.2: 00 01 FF… 00 DigestInfo, with at least eight FF. */
static enum err sig_rsa_encode(
	enum hash_alg hash, const uint8_t *digest, size_t modulus_bytes, struct buf *out)
{
	struct buf info = BUF_INIT(128);
	enum err err = crypto_digest_info(hash, digest, &info);
	if (err == ERR_OK && modulus_bytes < info.len + 11) {
		err = ERR_DENIED; /* no such signature can exist under so short a key */
	}
	if (err == ERR_OK) {
		err = buf_reserve(out, modulus_bytes);
	}
	if (err == ERR_OK) {
		size_t ff = modulus_bytes - info.len - 3;
		memcpy(out->data, "\x00\x01", 2);
		memset(out->data + 2, 0xff, ff);
		out->data[2 + ff] = 0;
		memcpy(out->data + 3 + ff, info.data, info.len);
		out->len = modulus_bytes;
	}
	buf_release(&info);
	return err;
}

/* RFC 8017 8.2.2. */
static enum err sig_verify_rsa(
	const struct crypto_public *key, enum hash_alg hash, const uint8_t *digest, struct bytes signature)
{
	RsaKey rsa;
	struct buf want = BUF_INIT(CRYPTO_INPUT_BYTES_MAX);
	struct buf got = BUF_INIT(CRYPTO_INPUT_BYTES_MAX);
	size_t n = key->modulus.len;
	if (n > RSA_MAX_SIZE / 8) {
		return ERR_UNSUPPORTED;
	}
	/* RFC 8017 5.2.2 1: wolfCrypt takes signature + modulus for the same number at some sizes. */
	if (signature.len != n || bytes_compare(signature, key->modulus) >= 0) {
		return ERR_DENIED;
	}
	int ret = wc_InitRsaKey(&rsa, NULL);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	ret = wc_RsaPublicKeyDecodeRaw(
		key->modulus.data, (word32)n, key->exponent.data, (word32)key->exponent.len, &rsa);
	if (ret != 0) {
		wc_FreeRsaKey(&rsa);
		return crypto_wc_err(ret, ERR_MALFORMED);
	}
	enum err err = sig_rsa_encode(hash, digest, n, &want);
	if (err == ERR_OK) {
		err = buf_reserve(&got, n);
	}
	if (err == ERR_OK) {
		word32 got_len = (word32)n;
		ret = wc_RsaFunction(
			signature.data, (word32)n, got.data, &got_len, RSA_PUBLIC_DECRYPT, &rsa, NULL);
		got.len = got_len;
		if (ret != 0) {
			/* With all numbers in range, only memory can make the exponentiation fail. */
			err = ret == MP_EXPTMOD_E ? ERR_NOMEM : crypto_wc_err(ret, ERR_DENIED);
		} else if (got_len != n || !bytes_equal(buf_bytes(&got), buf_bytes(&want))) {
			err = ERR_DENIED;
		}
	}
	wc_FreeRsaKey(&rsa);
	buf_release(&want);
	buf_release(&got);
	return err;
}

/* Ecdsa-Sig-Value, RFC 3279 2.2.3, in DER and nothing behind it: wolfCrypt's own reading is more lenient. */
static bool sig_ecdsa_well_formed(struct bytes signature)
{
	struct wire_reader reader = wire_reader_init(signature);
	struct wire_reader numbers;
	struct bytes r;
	struct bytes s;
	return crypto_der_get(&reader, DER_SEQUENCE, &numbers) == ERR_OK && wire_reader_left(&reader) == 0 &&
	       crypto_der_get_positive(&numbers, &r) == ERR_OK &&
	       crypto_der_get_positive(&numbers, &s) == ERR_OK && wire_reader_left(&numbers) == 0;
}

static enum err sig_verify_ecdsa(
	const struct crypto_public *key, enum hash_alg hash, const uint8_t *digest, struct bytes signature)
{
	ecc_key ecc;
	size_t field_bytes = 0;
	int curve = crypto_curve_of(key->kind, &field_bytes);
	if (!sig_ecdsa_well_formed(signature)) {
		return ERR_DENIED;
	}
	int ret = wc_ecc_init(&ecc);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	/* The last argument has the point checked to be on the curve. */
	ret = wc_ecc_import_x963_ex2(key->point.data, (word32)key->point.len, &ecc, curve, 1);
	if (ret != 0) {
		wc_ecc_free(&ecc);
		return crypto_wc_err(ret, ERR_MALFORMED);
	}
	int good = 0;
	ret = wc_ecc_verify_hash(
		signature.data, (word32)signature.len, digest, (word32)hash_bytes(hash), &good, &ecc);
	wc_ecc_free(&ecc);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_DENIED);
	}
	return good == 1 ? ERR_OK : ERR_DENIED;
}

static enum err sig_verify_ed25519(
	const struct crypto_public *key, struct bytes message, struct bytes signature)
{
	static const uint8_t none[1] = {0};
	ed25519_key ed;
	if (signature.len != ED25519_SIG_SIZE) {
		return ERR_DENIED;
	}
	int ret = wc_ed25519_init(&ed);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	ret = wc_ed25519_import_public(key->point.data, (word32)key->point.len, &ed);
	if (ret != 0) {
		wc_ed25519_free(&ed);
		return crypto_wc_err(ret, ERR_MALFORMED);
	}
	int good = 0;
	ret = wc_ed25519_verify_msg(signature.data, (word32)signature.len,
		message.len == 0 ? none : message.data, (word32)message.len, &good, &ed);
	wc_ed25519_free(&ed);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_DENIED);
	}
	return good == 1 ? ERR_OK : ERR_DENIED;
}

/* What every check needs first: the key, of the kind that the caller names, and sizes within bounds. */
static enum err sig_begin(
	struct bytes spki, enum key_kind kind, struct bytes signature, struct crypto_public *key)
{
	enum err err = crypto_parse_spki(spki, key);
	if (err != ERR_OK) {
		return err;
	}
	if (key->kind != kind) {
		return ERR_MALFORMED;
	}
	return signature.len > CRYPTO_INPUT_BYTES_MAX ? ERR_LIMIT : ERR_OK;
}

enum err sig_verify_digest(struct bytes spki, enum key_kind kind, enum sig_alg alg, enum hash_alg hash,
	const uint8_t *digest, struct bytes signature)
{
	struct crypto_public key;
	enum err err = sig_begin(spki, kind, signature, &key);
	if (err != ERR_OK) {
		return err;
	}
	switch (alg) {
	case SIG_RSA_PKCS1:
		return kind == KEY_RSA ? sig_verify_rsa(&key, hash, digest, signature) : ERR_DENIED;
	case SIG_ECDSA:
		if (kind == KEY_RSA || kind == KEY_ED25519) {
			return ERR_DENIED;
		}
		return sig_verify_ecdsa(&key, hash, digest, signature);
	case SIG_ED25519: return ERR_UNSUPPORTED; /* signs the message, not a digest of it */
	case SIG_RSA_PSS: return ERR_UNSUPPORTED;
	}
	return ERR_UNSUPPORTED;
}

enum err sig_verify(struct bytes spki, enum key_kind kind, enum sig_alg alg, enum hash_alg hash,
	struct bytes message, struct bytes signature)
{
	struct crypto_public key;
	uint8_t digest[HASH_BYTES_MAX];
	if (message.len > CRYPTO_INPUT_BYTES_MAX) {
		return ERR_LIMIT;
	}
	if (alg != SIG_ED25519) {
		hash_of(hash, message, digest);
		return sig_verify_digest(spki, kind, alg, hash, digest, signature);
	}
	enum err err = sig_begin(spki, kind, signature, &key);
	if (err != ERR_OK) {
		return err;
	}
	return kind == KEY_ED25519 ? sig_verify_ed25519(&key, message, signature) : ERR_DENIED;
}
