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

/* RFC 8017 5.2.2: what was signed, as long as the modulus; appended to the empty got. */
static enum err sig_rsa_recover(const struct crypto_public *key, struct bytes signature, struct buf *got)
{
	RsaKey rsa;
	size_t n = key->modulus.len;
	if (n > RSA_MAX_SIZE / 8) {
		return ERR_UNSUPPORTED;
	}
	/* 5.2.2 1: wolfCrypt takes signature + modulus for the same number at some sizes. */
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
	enum err err = buf_reserve(got, n);
	if (err == ERR_OK) {
		word32 got_len = (word32)n;
		ret = wc_RsaFunction(
			signature.data, (word32)n, got->data, &got_len, RSA_PUBLIC_DECRYPT, &rsa, NULL);
		if (ret != 0) {
			/* With all numbers in range, only memory can make the exponentiation fail. */
			err = ret == MP_EXPTMOD_E ? ERR_NOMEM : crypto_wc_err(ret, ERR_DENIED);
		} else if (got_len != n) {
			err = ERR_DENIED;
		} else {
			got->len = n;
		}
	}
	wc_FreeRsaKey(&rsa);
	return err;
}

/* RFC 8017 8.2.2. */
static enum err sig_verify_rsa(
	const struct crypto_public *key, enum hash_alg hash, const uint8_t *digest, struct bytes signature)
{
	struct buf want = BUF_INIT(CRYPTO_INPUT_BYTES_MAX);
	struct buf got = BUF_INIT(CRYPTO_INPUT_BYTES_MAX);
	enum err err = sig_rsa_recover(key, signature, &got);
	if (err == ERR_OK) {
		err = sig_rsa_encode(hash, digest, key->modulus.len, &want);
	}
	if (err == ERR_OK && !bytes_equal(buf_bytes(&got), buf_bytes(&want))) {
		err = ERR_DENIED;
	}
	buf_release(&want);
	buf_release(&got);
	return err;
}

/* --- RSASSA-PSS --- */

/* RFC 8017 B.2.1, exclusive-or'ed onto data. */
static void mgf1_unmask(enum hash_alg hash, struct bytes seed, uint8_t *data, size_t len)
{
	uint8_t block[HASH_BYTES_MAX];
	size_t step = hash_bytes(hash);
	for (size_t at = 0; at < len; at += step) {
		size_t counter = at / step;
		uint8_t octets[4] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16),
			(uint8_t)(counter >> 8), (uint8_t)counter};
		struct bytes parts[2] = {seed, bytes_of(octets, sizeof(octets))};
		hash_of_parts(hash, parts, ARRAY_COUNT(parts), block);
		for (size_t i = 0; i < step && at + i < len; i++) {
			data[at + i] ^= block[i];
		}
	}
}

/* RFC 8017 9.1.2, steps 3 to 14; encoded is unmasked in place, of_bits is emBits. */
static bool pss_encoding_holds(uint8_t *encoded, size_t len, size_t of_bits, enum hash_alg hash,
	size_t salt_len, const uint8_t *digest)
{
	static const uint8_t zeros[8] = {0};
	uint8_t again[HASH_BYTES_MAX];
	size_t hash_len = hash_bytes(hash);
	uint8_t spare = (uint8_t)(0xff00u >> (8 * len - of_bits)); /* bits that emBits leaves over */
	if (salt_len > len || hash_len + 2 > len - salt_len || encoded[len - 1] != 0xbc ||
		(encoded[0] & spare) != 0) {
		return false;
	}
	size_t block_len = len - hash_len - 1; /* PS, 01, salt */
	struct bytes hashed = bytes_of(encoded + block_len, hash_len);
	mgf1_unmask(hash, hashed, encoded, block_len);
	encoded[0] &= (uint8_t)~spare;
	size_t padding = block_len - salt_len - 1;
	for (size_t i = 0; i < padding; i++) {
		if (encoded[i] != 0) {
			return false;
		}
	}
	if (encoded[padding] != 0x01) {
		return false;
	}
	struct bytes parts[3] = {bytes_of(zeros, sizeof(zeros)), bytes_of(digest, hash_len),
		bytes_of(encoded + padding + 1, salt_len)};
	hash_of_parts(hash, parts, ARRAY_COUNT(parts), again);
	return bytes_equal(hashed, bytes_of(again, hash_len));
}

/* RFC 8017 8.1.2. */
static enum err sig_verify_rsa_pss(const struct crypto_public *key, enum hash_alg hash, size_t salt_len,
	const uint8_t *digest, struct bytes signature)
{
	struct buf got = BUF_INIT(CRYPTO_INPUT_BYTES_MAX);
	enum err err = sig_rsa_recover(key, signature, &got);
	if (err == ERR_OK) {
		size_t top_bits = 0;
		while (key->modulus.data[0] >> top_bits) {
			top_bits++;
		}
		size_t encoded_bits = 8 * (key->modulus.len - 1) + top_bits - 1;
		size_t encoded_len = (encoded_bits + 7) / 8;
		/* Of a modulus of 8k + 1 bits the encoding is an octet shorter, and that octet must be zero. */
		bool fits = encoded_len == got.len || got.data[0] == 0;
		fits = fits && pss_encoding_holds(got.data + (got.len - encoded_len), encoded_len,
				       encoded_bits, hash, salt_len, digest);
		err = fits ? ERR_OK : ERR_DENIED;
	}
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
	case SIG_RSA_PSS:
		return kind == KEY_RSA ? sig_verify_rsa_pss(&key, hash, hash_bytes(hash), digest, signature)
				       : ERR_DENIED;
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

enum err sig_verify_pss(
	struct bytes spki, enum hash_alg hash, size_t salt_len, const uint8_t *digest, struct bytes signature)
{
	struct crypto_public key;
	enum err err = crypto_parse_spki_pss(spki, &key);
	if (err != ERR_OK) {
		return err;
	}
	if (key.kind != KEY_RSA) {
		return ERR_MALFORMED;
	}
	return signature.len > CRYPTO_INPUT_BYTES_MAX
		       ? ERR_LIMIT
		       : sig_verify_rsa_pss(&key, hash, salt_len, digest, signature);
}
