/*
 * crypto_key.c - makes private keys, reads them as PKCS#8, signs with them.
 * Owns:    nothing beyond the call; private numbers live in struct secret or are wiped.
 * Never:   writes an encrypted or any other container (keystore does).
 * Threads: any; key_generate() for RSA blocks for a second or more.
 */
#include "base/crypto_internal.h"

#include <assert.h>
#include <string.h>

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/rsa.h>

#define KEY_RSA_BITS_MIN  2048
#define KEY_RSA_BITS_MAX  4096
#define KEY_RSA_EXPONENT  65537
#define KEY_FIELD_BYTES   66 /* P-521 */
#define KEY_POINT_BYTES   (1 + 2 * KEY_FIELD_BYTES)
#define KEY_DER_BYTES     4096 /* PKCS#8 of RSA 4096 has about 2400 */
#define KEY_ED25519_BYTES 32
#define KEY_SIG_BYTES     1024 /* RSA 4096: 512 */

/* DER is easiest written from its end: each length is known when it is needed. Overflow is our bug. */
struct key_writer {
	uint8_t *data;
	size_t at; /* first byte in use */
};

static void key_put(struct key_writer *writer, struct bytes in)
{
	assert(in.len <= writer->at);
	writer->at -= in.len;
	if (in.len > 0) {
		memcpy(writer->data + writer->at, in.data, in.len);
	}
}

static void key_put_u8(struct key_writer *writer, uint8_t byte)
{
	key_put(writer, bytes_of(&byte, 1));
}

/* Tag and length in front of all that was put since the writer stood at end. */
static void key_put_head(struct key_writer *writer, uint8_t tag, size_t end)
{
	size_t len = end - writer->at;
	assert(len <= 0xffff);
	key_put_u8(writer, (uint8_t)len);
	if (len > 0xff) {
		key_put_u8(writer, (uint8_t)(len >> 8));
		key_put_u8(writer, 0x82);
	} else if (len > 0x7f) {
		key_put_u8(writer, 0x81);
	}
	key_put_u8(writer, tag);
}

static void key_put_positive(struct key_writer *writer, struct bytes value)
{
	size_t end = writer->at;
	key_put(writer, value);
	if ((value.data[0] & 0x80) != 0) {
		key_put_u8(writer, 0);
	}
	key_put_head(writer, DER_INTEGER, end);
}

static void key_put_algorithm(struct key_writer *writer, enum key_kind kind)
{
	static const struct {
		uint8_t len;
		uint8_t der[21];
	} algorithms[KEY_KIND_COUNT_] = {
		[KEY_RSA] = {15, {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
					 0x01, 0x05, 0x00}},
		[KEY_EC_P256] = {21, {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
					     0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}},
		[KEY_EC_P384] = {18, {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
					     0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}},
		[KEY_EC_P521] = {18, {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
					     0x05, 0x2b, 0x81, 0x04, 0x00, 0x23}},
		[KEY_ED25519] = {7, {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70}},
	};
	key_put(writer, bytes_of(algorithms[kind].der, algorithms[kind].len));
}

/* SubjectPublicKeyInfo around what its BIT STRING holds, which the writer has already. */
static void key_put_spki(struct key_writer *writer, enum key_kind kind, size_t end)
{
	key_put_u8(writer, 0); /* no unused bits */
	key_put_head(writer, DER_BIT_STRING, end);
	key_put_algorithm(writer, kind);
	key_put_head(writer, DER_SEQUENCE, end);
}

/* PrivateKeyInfo, RFC 5208, around what its OCTET STRING holds; a copy goes to *out. */
static enum err key_finish_pkcs8(struct key_writer *writer, enum key_kind kind, struct secret *out)
{
	static const uint8_t version[] = {DER_INTEGER, 1, 0};
	key_put_head(writer, DER_OCTET_STRING, KEY_DER_BYTES);
	key_put_algorithm(writer, kind);
	key_put(writer, bytes_of(version, sizeof(version)));
	key_put_head(writer, DER_SEQUENCE, KEY_DER_BYTES);
	return secret_copy(bytes_of(writer->data + writer->at, KEY_DER_BYTES - writer->at), out);
}

static enum err key_make_rsa(unsigned bits, WC_RNG *rng, struct key_writer *writer)
{
	RsaKey rsa;
	struct secret der = SECRET_NONE;
	enum err err = secret_new(KEY_DER_BYTES, &der);
	if (err != ERR_OK) {
		return err;
	}
	int ret = wc_InitRsaKey(&rsa, NULL);
	if (ret != 0) {
		secret_free(&der);
		return crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	ret = wc_MakeRsaKey(&rsa, (int)bits, KEY_RSA_EXPONENT, rng);
	if (ret == 0) {
		ret = wc_RsaKeyToDer(&rsa, der.data, KEY_DER_BYTES);
	}
	wc_FreeRsaKey(&rsa);
	if (ret > 0) {
		key_put(writer, bytes_of(der.data, (size_t)ret));
	} else {
		err = crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	secret_free(&der);
	return err;
}

static enum err key_make_ec(enum key_kind kind, WC_RNG *rng, struct key_writer *writer)
{
	static const uint8_t version[] = {DER_INTEGER, 1, 1};
	ecc_key ecc;
	uint8_t point[KEY_POINT_BYTES];
	uint8_t number[KEY_FIELD_BYTES];
	size_t field_bytes = 0;
	int curve = crypto_curve_of(kind, &field_bytes);
	word32 point_len = sizeof(point);
	word32 number_len = (word32)field_bytes;
	int ret = wc_ecc_init(&ecc);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	ret = wc_ecc_make_key_ex(rng, (int)field_bytes, &ecc, curve);
	if (ret == 0) {
		ret = wc_ecc_export_x963(&ecc, point, &point_len);
	}
	if (ret == 0) {
		ret = wc_ecc_export_private_only(&ecc, number, &number_len);
	}
	wc_ecc_free(&ecc);
	if (ret == 0) {
		/* ECPrivateKey, RFC 5915: the curve is named outside, the public key goes along. */
		size_t end = writer->at;
		key_put(writer, bytes_of(point, point_len));
		key_put_u8(writer, 0);
		key_put_head(writer, DER_BIT_STRING, end);
		key_put_head(writer, DER_CONTEXT_1, end);
		size_t number_end = writer->at;
		key_put(writer, bytes_of(number, number_len));
		key_put_head(writer, DER_OCTET_STRING, number_end);
		key_put(writer, bytes_of(version, sizeof(version)));
		key_put_head(writer, DER_SEQUENCE, end);
	}
	secure_wipe(number, sizeof(number));
	return ret == 0 ? ERR_OK : crypto_wc_err(ret, ERR_UNSUPPORTED);
}

static enum err key_make_ed25519(struct key_writer *writer)
{
	uint8_t seed[KEY_ED25519_BYTES];
	enum err err = crypto_random(seed, sizeof(seed)); /* RFC 8032 5.1.5: any 32 random bytes are a key */
	if (err == ERR_OK) {
		size_t end = writer->at;
		key_put(writer, bytes_of(seed, sizeof(seed)));
		key_put_head(writer, DER_OCTET_STRING, end);
	}
	secure_wipe(seed, sizeof(seed));
	return err;
}

enum err key_generate(enum key_kind kind, unsigned rsa_bits, struct secret *pkcs8)
{
	struct secret scratch = SECRET_NONE;
	WC_RNG rng;
	if (kind == KEY_RSA &&
		(rsa_bits < KEY_RSA_BITS_MIN || rsa_bits > KEY_RSA_BITS_MAX || rsa_bits % 512 != 0)) {
		return ERR_INVALID;
	}
	enum err err = secret_new(KEY_DER_BYTES, &scratch);
	if (err != ERR_OK) {
		return err;
	}
	int ret = wc_InitRng(&rng);
	if (ret != 0) {
		secret_free(&scratch);
		return crypto_wc_err(ret, ERR_IO);
	}
	struct key_writer writer = {scratch.data, KEY_DER_BYTES};
	switch (kind) {
	case KEY_RSA: err = key_make_rsa(rsa_bits, &rng, &writer); break;
	case KEY_EC_P256:
	case KEY_EC_P384:
	case KEY_EC_P521: err = key_make_ec(kind, &rng, &writer); break;
	case KEY_ED25519: err = key_make_ed25519(&writer); break;
	case KEY_KIND_COUNT_: err = ERR_INVALID; break;
	}
	if (err == ERR_OK) {
		err = key_finish_pkcs8(&writer, kind, pkcs8);
	}
	(void)wc_FreeRng(&rng);
	secret_free(&scratch);
	return err;
}

/* What a PrivateKeyInfo holds. Borrows it. */
struct key_private {
	enum key_kind kind;
	struct bytes inner;             /* RSA: RSAPrivateKey */
	struct bytes modulus, exponent; /* RSA */
	struct bytes number;            /* EC: the secret number; Ed25519: the seed */
	struct bytes point;             /* EC: as the file has it, or none */
};

/* RSAPrivateKey, RFC 8017 A.1.2, as far as the public numbers. */
static enum err key_parse_rsa(struct key_private *key)
{
	struct wire_reader reader = wire_reader_init(key->inner);
	struct wire_reader numbers;
	struct wire_reader version;
	if (crypto_der_get(&reader, DER_SEQUENCE, &numbers) != ERR_OK || wire_reader_left(&reader) != 0 ||
		crypto_der_get(&numbers, DER_INTEGER, &version) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (!bytes_equal(wire_reader_rest(&version), bytes_of("\0", 1))) {
		return ERR_UNSUPPORTED; /* more than two primes */
	}
	if (crypto_der_get_positive(&numbers, &key->modulus) != ERR_OK ||
		crypto_der_get_positive(&numbers, &key->exponent) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

/* ECPrivateKey, RFC 5915. */
static enum err key_parse_ec(struct key_private *key)
{
	size_t field_bytes = 0;
	struct wire_reader reader = wire_reader_init(key->inner);
	struct wire_reader parts;
	struct wire_reader part;
	(void)crypto_curve_of(key->kind, &field_bytes);
	if (crypto_der_get(&reader, DER_SEQUENCE, &parts) != ERR_OK || wire_reader_left(&reader) != 0 ||
		crypto_der_get(&parts, DER_INTEGER, &part) != ERR_OK ||
		!bytes_equal(wire_reader_rest(&part), bytes_of("\1", 1)) ||
		crypto_der_get(&parts, DER_OCTET_STRING, &part) != ERR_OK) {
		return ERR_MALFORMED;
	}
	key->number = wire_reader_rest(&part);
	if (key->number.len == 0 || key->number.len > field_bytes) {
		return ERR_MALFORMED;
	}
	/* The curve once more; the algorithm identifier outside has already decided. */
	if (crypto_der_next_is(&parts, DER_CONTEXT_0) &&
		crypto_der_get(&parts, DER_CONTEXT_0, &part) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (crypto_der_next_is(&parts, DER_CONTEXT_1)) {
		struct wire_reader bits;
		uint8_t unused_bits = 0;
		if (crypto_der_get(&parts, DER_CONTEXT_1, &part) != ERR_OK ||
			crypto_der_get(&part, DER_BIT_STRING, &bits) != ERR_OK ||
			wire_reader_left(&part) != 0 || wire_get_u8(&bits, &unused_bits) != ERR_OK ||
			unused_bits != 0) {
			return ERR_MALFORMED;
		}
		key->point = wire_reader_rest(&bits);
	}
	return wire_reader_left(&parts) == 0 ? ERR_OK : ERR_MALFORMED;
}

/* CurvePrivateKey, RFC 8410 7. */
static enum err key_parse_ed25519(struct key_private *key)
{
	struct wire_reader reader = wire_reader_init(key->inner);
	struct wire_reader seed;
	if (crypto_der_get(&reader, DER_OCTET_STRING, &seed) != ERR_OK || wire_reader_left(&reader) != 0 ||
		wire_reader_left(&seed) != KEY_ED25519_BYTES) {
		return ERR_MALFORMED;
	}
	key->number = wire_reader_rest(&seed);
	return ERR_OK;
}

/* PrivateKeyInfo (RFC 5208) or OneAsymmetricKey (RFC 5958); what follows the key is skipped, but must be DER. */
static enum err key_parse(struct bytes pkcs8, struct key_private *out)
{
	struct wire_reader reader = wire_reader_init(pkcs8);
	struct wire_reader info;
	struct wire_reader part;
	struct key_private key = {0};
	if (pkcs8.len > CRYPTO_INPUT_BYTES_MAX || crypto_der_get(&reader, DER_SEQUENCE, &info) != ERR_OK ||
		wire_reader_left(&reader) != 0 || crypto_der_get(&info, DER_INTEGER, &part) != ERR_OK ||
		wire_reader_left(&part) != 1 || wire_reader_rest(&part).data[0] > 1) {
		return ERR_MALFORMED;
	}
	enum err err = crypto_der_get_key_algorithm(&info, &key.kind);
	if (err != ERR_OK) {
		return err;
	}
	if (crypto_der_get(&info, DER_OCTET_STRING, &part) != ERR_OK) {
		return ERR_MALFORMED;
	}
	key.inner = wire_reader_rest(&part);
	/* [0] attributes, [1] public key (primitive: IMPLICIT BIT STRING). */
	if (crypto_der_next_is(&info, DER_CONTEXT_0) &&
		crypto_der_get(&info, DER_CONTEXT_0, &part) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (crypto_der_next_is(&info, 0x81) && crypto_der_get(&info, 0x81, &part) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (wire_reader_left(&info) != 0) {
		return ERR_MALFORMED;
	}
	switch (key.kind) {
	case KEY_RSA: err = key_parse_rsa(&key); break;
	case KEY_EC_P256:
	case KEY_EC_P384:
	case KEY_EC_P521: err = key_parse_ec(&key); break;
	case KEY_ED25519: err = key_parse_ed25519(&key); break;
	case KEY_KIND_COUNT_: err = ERR_UNSUPPORTED; break;
	}
	if (err == ERR_OK) {
		*out = key;
	}
	return err;
}

/* On ERR_OK the caller owns *rsa. */
static enum err key_load_rsa(const struct key_private *key, RsaKey *rsa)
{
	word32 at = 0;
	int ret = wc_InitRsaKey(rsa, NULL);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	ret = wc_RsaPrivateKeyDecode(key->inner.data, &at, rsa, (word32)key->inner.len);
	if (ret != 0 || at != key->inner.len) {
		wc_FreeRsaKey(rsa);
		return crypto_wc_err(ret, ERR_MALFORMED);
	}
	return ERR_OK;
}

/* With the public point computed. On ERR_OK the caller owns *ecc. */
static enum err key_load_ec(const struct key_private *key, WC_RNG *rng, ecc_key *ecc)
{
	size_t field_bytes = 0;
	int curve = crypto_curve_of(key->kind, &field_bytes);
	int ret = wc_ecc_init(ecc);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	ret = wc_ecc_import_private_key_ex(key->number.data, (word32)key->number.len, NULL, 0, ecc, curve);
	if (ret == 0) {
		ret = wc_ecc_make_pub_ex(ecc, NULL, rng);
	}
	if (ret != 0) {
		wc_ecc_free(ecc);
		return crypto_wc_err(ret, ERR_MALFORMED);
	}
	return ERR_OK;
}

/* Both halves loaded. On ERR_OK the caller owns *ed. */
static enum err key_load_ed25519(
	const struct key_private *key, ed25519_key *ed, uint8_t point[KEY_ED25519_BYTES])
{
	int ret = wc_ed25519_init(ed);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_UNSUPPORTED);
	}
	ret = wc_ed25519_import_private_only(key->number.data, KEY_ED25519_BYTES, ed);
	if (ret == 0) {
		ret = wc_ed25519_make_public(ed, point, KEY_ED25519_BYTES);
	}
	if (ret == 0) {
		ret = wc_ed25519_import_private_key(
			key->number.data, KEY_ED25519_BYTES, point, KEY_ED25519_BYTES, ed);
	}
	if (ret != 0) {
		wc_ed25519_free(ed);
		return crypto_wc_err(ret, ERR_MALFORMED);
	}
	return ERR_OK;
}

static enum err key_public_rsa(const struct key_private *key, struct key_writer *writer)
{
	RsaKey rsa;
	if (key->modulus.len > RSA_MAX_SIZE / 8 || key->exponent.len > 8) {
		return ERR_UNSUPPORTED;
	}
	enum err err = key_load_rsa(key, &rsa);
	if (err == ERR_OK) {
		wc_FreeRsaKey(&rsa);
		size_t end = writer->at;
		key_put_positive(writer, key->exponent);
		key_put_positive(writer, key->modulus);
		key_put_head(writer, DER_SEQUENCE, end);
	}
	return err;
}

static enum err key_public_ec(const struct key_private *key, WC_RNG *rng, struct key_writer *writer)
{
	ecc_key ecc;
	uint8_t point[KEY_POINT_BYTES];
	word32 point_len = sizeof(point);
	enum err err = key_load_ec(key, rng, &ecc);
	if (err != ERR_OK) {
		return err;
	}
	int ret = wc_ecc_export_x963(&ecc, point, &point_len);
	wc_ecc_free(&ecc);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_MALFORMED);
	}
	/* A public key that belongs to another private one would be certified and never work. */
	if (key->point.len > 0 && !bytes_equal(key->point, bytes_of(point, point_len))) {
		return ERR_MALFORMED;
	}
	key_put(writer, bytes_of(point, point_len));
	return ERR_OK;
}

static enum err key_public_ed25519(const struct key_private *key, struct key_writer *writer)
{
	ed25519_key ed;
	uint8_t point[KEY_ED25519_BYTES];
	enum err err = key_load_ed25519(key, &ed, point);
	if (err == ERR_OK) {
		wc_ed25519_free(&ed);
		key_put(writer, bytes_of(point, sizeof(point)));
	}
	return err;
}

enum err key_public(struct bytes pkcs8, enum key_kind *kind, struct buf *spki)
{
	struct key_private key;
	uint8_t der[KEY_DER_BYTES];
	WC_RNG rng;
	enum err err = key_parse(pkcs8, &key);
	if (err != ERR_OK) {
		return err;
	}
	int ret = wc_InitRng(&rng);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_IO);
	}
	struct key_writer writer = {der, sizeof(der)};
	switch (key.kind) {
	case KEY_RSA: err = key_public_rsa(&key, &writer); break;
	case KEY_EC_P256:
	case KEY_EC_P384:
	case KEY_EC_P521: err = key_public_ec(&key, &rng, &writer); break;
	case KEY_ED25519: err = key_public_ed25519(&key, &writer); break;
	case KEY_KIND_COUNT_: err = ERR_UNSUPPORTED; break;
	}
	(void)wc_FreeRng(&rng);
	if (err == ERR_OK) {
		key_put_spki(&writer, key.kind, sizeof(der));
		err = buf_append(spki, bytes_of(der + writer.at, sizeof(der) - writer.at));
	}
	if (err == ERR_OK) {
		*kind = key.kind;
	}
	return err;
}

static enum err key_sign_rsa(const struct key_private *key, enum hash_alg hash, struct bytes message,
	WC_RNG *rng, uint8_t *signature, size_t *len)
{
	RsaKey rsa;
	uint8_t digest[HASH_BYTES_MAX];
	struct buf info = BUF_INIT(128);
	enum err err = key_load_rsa(key, &rsa);
	if (err != ERR_OK) {
		return err;
	}
	hash_of(hash, message, digest);
	err = crypto_digest_info(hash, digest, &info);
	if (err == ERR_OK) {
		int ret = wc_RsaSetRNG(&rsa, rng); /* blinding */
		if (ret == 0) {
			ret = wc_RsaSSL_Sign(
				info.data, (word32)info.len, signature, KEY_SIG_BYTES, &rsa, rng);
		}
		if (ret > 0) {
			*len = (size_t)ret;
		} else {
			err = crypto_wc_err(ret, ERR_INVALID);
		}
	}
	buf_release(&info);
	wc_FreeRsaKey(&rsa);
	return err;
}

static enum err key_sign_ec(const struct key_private *key, enum hash_alg hash, struct bytes message,
	WC_RNG *rng, uint8_t *signature, size_t *len)
{
	ecc_key ecc;
	uint8_t digest[HASH_BYTES_MAX];
	word32 out_len = KEY_SIG_BYTES;
	enum err err = key_load_ec(key, rng, &ecc);
	if (err != ERR_OK) {
		return err;
	}
	hash_of(hash, message, digest);
	int ret = wc_ecc_sign_hash(digest, (word32)hash_bytes(hash), signature, &out_len, rng, &ecc);
	wc_ecc_free(&ecc);
	*len = out_len;
	return ret == 0 ? ERR_OK : crypto_wc_err(ret, ERR_INVALID);
}

static enum err key_sign_ed25519(
	const struct key_private *key, struct bytes message, uint8_t *signature, size_t *len)
{
	static const uint8_t none[1] = {0};
	ed25519_key ed;
	uint8_t point[KEY_ED25519_BYTES];
	word32 out_len = KEY_SIG_BYTES;
	enum err err = key_load_ed25519(key, &ed, point);
	if (err != ERR_OK) {
		return err;
	}
	int ret = wc_ed25519_sign_msg(
		message.len == 0 ? none : message.data, (word32)message.len, signature, &out_len, &ed);
	wc_ed25519_free(&ed);
	*len = out_len;
	return ret == 0 ? ERR_OK : crypto_wc_err(ret, ERR_INVALID);
}

enum err key_sign(struct bytes pkcs8, enum hash_alg hash, struct bytes message, struct buf *out)
{
	struct key_private key;
	uint8_t signature[KEY_SIG_BYTES];
	size_t len = 0;
	WC_RNG rng;
	enum err err = key_parse(pkcs8, &key);
	if (err != ERR_OK) {
		return err;
	}
	if (message.len > CRYPTO_INPUT_BYTES_MAX) {
		return ERR_LIMIT;
	}
	int ret = wc_InitRng(&rng);
	if (ret != 0) {
		return crypto_wc_err(ret, ERR_IO);
	}
	switch (key.kind) {
	case KEY_RSA: err = key_sign_rsa(&key, hash, message, &rng, signature, &len); break;
	case KEY_EC_P256:
	case KEY_EC_P384:
	case KEY_EC_P521: err = key_sign_ec(&key, hash, message, &rng, signature, &len); break;
	case KEY_ED25519: err = key_sign_ed25519(&key, message, signature, &len); break;
	case KEY_KIND_COUNT_: err = ERR_UNSUPPORTED; break;
	}
	(void)wc_FreeRng(&rng);
	return err == ERR_OK ? buf_append(out, bytes_of(signature, len)) : err;
}
