/*
 * pbe.c - what a passphrase opens and seals: PBES2 (RFC 8018 section 6.2) and the seam for older schemes.
 * Owns:    derived keys, for one call.
 * Never:   derives before the cost is known to be bearable.
 * Threads: any; blocks.
 */
#include "keystore/pkcs12.h"

#define AES_BLOCK_BYTES   16u
#define AES_KEY_BYTES_MAX 32u
#define SALT_BYTES        16u /* that we write */

struct pbe_cipher {
	enum oid oid;
	size_t key_bytes;
};
static const struct pbe_cipher ciphers[] = {
	{OID_AES128_CBC, 16},
	{OID_AES192_CBC, 24},
	{OID_AES256_CBC, 32},
};

struct pbe_prf {
	enum oid oid;
	enum hash_alg hash;
};
static const struct pbe_prf prfs[] = {
	{OID_HMAC_SHA1, HASH_SHA1},
	{OID_HMAC_SHA224, HASH_SHA224},
	{OID_HMAC_SHA256, HASH_SHA256},
	{OID_HMAC_SHA384, HASH_SHA384},
	{OID_HMAC_SHA512, HASH_SHA512},
};

/* What PBKDF2-params said. */
struct pbkdf2_params {
	struct bytes salt;
	uint32_t iterations;
	uint32_t key_bytes; /* 0: not stated */
	enum hash_alg prf;
};

static enum err unsupported(struct p12_context *context, struct bytes oid)
{
	struct shown shown = oid_shown(oid);
	return keystore_fail(context->error, ERR_UNSUPPORTED,
		"sealed with %s, which is not supported: write the file again with AES and HMAC-SHA-256",
		shown.text);
}

enum err pbe_spend(struct p12_context *context, uint32_t iterations, uint32_t blocks)
{
	if (iterations == 0) {
		return keystore_fail(context->error, ERR_MALFORMED, "an iteration count is zero");
	}
	if (iterations > KEYSTORE_ITERATIONS_MAX) {
		return keystore_fail(context->error, ERR_LIMIT,
			"asks for %lu iterations of its key derivation; the limit is %lu",
			(unsigned long)iterations, (unsigned long)KEYSTORE_ITERATIONS_MAX);
	}
	uint64_t work = (uint64_t)iterations * blocks;
	if (work > context->work_left) {
		return keystore_fail(context->error, ERR_LIMIT,
			"opening all of it would cost more than %lu iterations in total",
			(unsigned long)KEYSTORE_WORK_MAX);
	}
	context->work_left -= (uint32_t)work;
	return ERR_OK;
}

/* AlgorithmIdentifier ::= SEQUENCE { algorithm OID, parameters ANY OPTIONAL }: what stands behind the OID is left. */
static enum err algorithm_enter(struct wire_reader *reader, struct bytes *oid, struct wire_reader *parameters)
{
	enum err err = tlv_enter(reader, TLV_SEQUENCE, parameters);
	return err != ERR_OK ? err : tlv_get(parameters, TLV_OID, oid);
}

static enum err no_parameters(struct wire_reader *parameters)
{
	struct bytes none = BYTES_NONE;
	if (wire_reader_left(parameters) > 0) {
		enum err err = tlv_get(parameters, TLV_NULL, &none);
		if (err != ERR_OK || none.len != 0) {
			return ERR_MALFORMED;
		}
	}
	return tlv_end(parameters);
}

enum err pbe_digest_get(struct wire_reader *reader, struct bytes *oid, enum hash_alg *out)
{
	static const struct {
		enum oid oid;
		enum hash_alg hash;
	} digests[] = {
		{OID_SHA1, HASH_SHA1},
		{OID_SHA224, HASH_SHA224},
		{OID_SHA256, HASH_SHA256},
		{OID_SHA384, HASH_SHA384},
		{OID_SHA512, HASH_SHA512},
	};
	struct wire_reader parameters = {0};
	enum err err = algorithm_enter(reader, oid, &parameters);
	if (err != ERR_OK) {
		return err;
	}
	enum oid found = oid_of(*oid);
	for (size_t i = 0; i < ARRAY_COUNT(digests); i++) {
		if (digests[i].oid == found) {
			*out = digests[i].hash;
			return no_parameters(&parameters);
		}
	}
	return ERR_UNSUPPORTED;
}

static enum err prf_get(struct p12_context *context, struct wire_reader *reader, enum hash_alg *out)
{
	*out = HASH_SHA1; /* RFC 8018 A.2: the default */
	if (wire_reader_left(reader) == 0) {
		return ERR_OK;
	}
	struct bytes oid = BYTES_NONE;
	struct wire_reader parameters = {0};
	enum err err = algorithm_enter(reader, &oid, &parameters);
	if (err != ERR_OK) {
		return err;
	}
	enum oid found = oid_of(oid);
	for (size_t i = 0; i < ARRAY_COUNT(prfs); i++) {
		if (prfs[i].oid == found) {
			*out = prfs[i].hash;
			return no_parameters(&parameters);
		}
	}
	return unsupported(context, oid);
}

/* PBKDF2-params ::= SEQUENCE { salt, iterationCount, keyLength OPTIONAL, prf DEFAULT hmacWithSHA1 } */
static enum err pbkdf2_params_get(
	struct p12_context *context, struct wire_reader *reader, struct pbkdf2_params *out)
{
	struct bytes oid = BYTES_NONE;
	struct wire_reader kdf = {0};
	struct wire_reader params = {0};
	enum err err = algorithm_enter(reader, &oid, &kdf);
	if (err != ERR_OK) {
		return err;
	}
	if (oid_of(oid) != OID_PBKDF2) {
		return unsupported(context, oid);
	}
	if ((err = tlv_enter(&kdf, TLV_SEQUENCE, &params)) != ERR_OK || (err = tlv_end(&kdf)) != ERR_OK ||
		(err = tlv_get(&params, TLV_OCTETS, &out->salt)) != ERR_OK ||
		(err = tlv_get_uint(&params, &out->iterations)) != ERR_OK) {
		return err;
	}
	if (out->salt.len > KEYSTORE_SALT_BYTES_MAX) {
		return ERR_LIMIT;
	}
	if (tlv_is_next(&params, TLV_INTEGER)) {
		if ((err = tlv_get_uint(&params, &out->key_bytes)) != ERR_OK) {
			return err;
		}
		if (out->key_bytes == 0) {
			return ERR_MALFORMED;
		}
	}
	if ((err = prf_get(context, &params, &out->prf)) != ERR_OK) {
		return err;
	}
	return tlv_end(&params);
}

static enum err cipher_get(struct p12_context *context, struct wire_reader *reader,
	const struct pbe_cipher **cipher, struct bytes *iv)
{
	struct bytes oid = BYTES_NONE;
	struct wire_reader parameters = {0};
	enum err err = algorithm_enter(reader, &oid, &parameters);
	if (err != ERR_OK) {
		return err;
	}
	enum oid found = oid_of(oid);
	for (size_t i = 0; i < ARRAY_COUNT(ciphers); i++) {
		if (ciphers[i].oid == found) {
			*cipher = &ciphers[i];
			if ((err = tlv_get(&parameters, TLV_OCTETS, iv)) != ERR_OK) {
				return err;
			}
			return iv->len == AES_BLOCK_BYTES ? tlv_end(&parameters) : ERR_MALFORMED;
		}
	}
	return unsupported(context, oid);
}

/* PBES2-params ::= SEQUENCE { keyDerivationFunc, encryptionScheme } */
static enum err pbes2_open(
	struct p12_context *context, struct wire_reader parameters, struct bytes sealed, struct secret *out)
{
	struct wire_reader params = {0};
	struct pbkdf2_params kdf = {0};
	const struct pbe_cipher *cipher = NULL;
	struct bytes iv = BYTES_NONE;
	enum err err = tlv_enter(&parameters, TLV_SEQUENCE, &params);
	if (err != ERR_OK || (err = tlv_end(&parameters)) != ERR_OK ||
		(err = pbkdf2_params_get(context, &params, &kdf)) != ERR_OK ||
		(err = cipher_get(context, &params, &cipher, &iv)) != ERR_OK ||
		(err = tlv_end(&params)) != ERR_OK) {
		return err;
	}
	if (kdf.key_bytes != 0 && kdf.key_bytes != cipher->key_bytes) {
		return ERR_MALFORMED;
	}
	uint32_t blocks = (uint32_t)((cipher->key_bytes + hash_bytes(kdf.prf) - 1) / hash_bytes(kdf.prf));
	if ((err = pbe_spend(context, kdf.iterations, blocks)) != ERR_OK) {
		return err;
	}
	struct secret key = SECRET_NONE;
	if ((err = secret_new(cipher->key_bytes, &key)) != ERR_OK) {
		return err;
	}
	err = pbkdf2(kdf.prf, context->passphrase, kdf.salt, kdf.iterations, key.data, key.len);
	if (err == ERR_OK) {
		err = aes_cbc_decrypt(secret_bytes(&key), iv, sealed, out);
	}
	secret_free(&key);
	return err;
}

/*
 * The schemes that files use. A slot without a function is known by name only and refused by it; a further scheme
 * is a function here and nothing else.
 */
static const struct {
	enum oid oid;
	enum err (*open)(struct p12_context *context, struct wire_reader parameters, struct bytes sealed,
		struct secret *out);
} schemes[] = {
	{OID_PBES2, pbes2_open},
	{OID_PBE_SHA1_3DES_3KEY, NULL},
	{OID_PBE_SHA1_3DES_2KEY, NULL},
	{OID_PBE_SHA1_RC2_128, NULL},
	{OID_PBE_SHA1_RC2_40, NULL},
	{OID_PBE_SHA1_RC4_128, NULL},
	{OID_PBE_SHA1_RC4_40, NULL},
	{OID_PBE_MD5_DES, NULL},
	{OID_PBE_SHA1_DES, NULL},
};

enum err pbe_open(
	struct p12_context *context, struct wire_reader algorithm, struct bytes sealed, struct secret *out)
{
	struct bytes oid = BYTES_NONE;
	enum err err = tlv_get(&algorithm, TLV_OID, &oid);
	if (err != ERR_OK) {
		return err;
	}
	enum oid found = oid_of(oid);
	for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
		if (schemes[i].oid == found && schemes[i].open != NULL) {
			err = schemes[i].open(context, algorithm, sealed, out);
			return err == ERR_DENIED
				       ? keystore_fail(context->error, ERR_DENIED, "%s", P12_DENIED_SENTENCE)
				       : err;
		}
	}
	return unsupported(context, oid);
}

enum err pbe_open_key(struct p12_context *context, struct bytes der, struct secret *out)
{
	struct wire_reader whole = wire_reader_init(der);
	struct wire_reader info = {0};
	struct wire_reader algorithm = {0};
	struct bytes sealed = BYTES_NONE;
	enum err err = tlv_enter(&whole, TLV_SEQUENCE, &info);
	if (err != ERR_OK || (err = tlv_end(&whole)) != ERR_OK ||
		(err = tlv_enter(&info, TLV_SEQUENCE, &algorithm)) != ERR_OK ||
		(err = tlv_get(&info, TLV_OCTETS, &sealed)) != ERR_OK || (err = tlv_end(&info)) != ERR_OK) {
		return err;
	}
	if (sealed.len > KEYSTORE_KEY_BYTES_MAX) {
		return ERR_LIMIT;
	}
	return pbe_open(context, algorithm, sealed, out);
}

/* --- sealing --- */

static void pbes2_put(struct wire_writer *writer, struct bytes salt, struct bytes iv)
{
	size_t algorithm = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_PBES2));
	size_t params = tlv_open(writer, TLV_SEQUENCE);
	size_t kdf = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_PBKDF2));
	size_t kdf_params = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OCTETS, salt);
	tlv_put_uint(writer, KEYSTORE_ITERATIONS);
	tlv_put_uint(writer, AES_KEY_BYTES_MAX);
	size_t prf = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_HMAC_SHA256));
	tlv_put(writer, TLV_NULL, BYTES_NONE);
	tlv_close(writer, prf);
	tlv_close(writer, kdf_params);
	tlv_close(writer, kdf);
	size_t scheme = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_AES256_CBC));
	tlv_put(writer, TLV_OCTETS, iv);
	tlv_close(writer, scheme);
	tlv_close(writer, params);
	tlv_close(writer, algorithm);
}

enum err pbe_seal(
	struct bytes passphrase, struct bytes plain, struct wire_writer *algorithm, struct buf *sealed)
{
	uint8_t salt[SALT_BYTES];
	uint8_t iv[AES_BLOCK_BYTES];
	struct secret key = SECRET_NONE;
	enum err err = secret_new(AES_KEY_BYTES_MAX, &key);
	if (err != ERR_OK || (err = crypto_random(salt, sizeof(salt))) != ERR_OK ||
		(err = crypto_random(iv, sizeof(iv))) != ERR_OK) {
		goto out;
	}
	err = pbkdf2(HASH_SHA256, passphrase, bytes_of(salt, sizeof(salt)), KEYSTORE_ITERATIONS, key.data,
		key.len);
	if (err != ERR_OK) {
		goto out;
	}
	err = aes_cbc_encrypt(secret_bytes(&key), bytes_of(iv, sizeof(iv)), plain, sealed);
	if (err == ERR_OK) {
		pbes2_put(algorithm, bytes_of(salt, sizeof(salt)), bytes_of(iv, sizeof(iv)));
		err = wire_writer_err(algorithm);
	}
out:
	secret_free(&key);
	return err;
}
