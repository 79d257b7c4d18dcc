/*
 * pbe.c - what a passphrase opens and seals: PBES2 (RFC 8018 section 6.2); pbe_old.c has the older schemes.
 * Owns:    derived keys, for one call.
 * Never:   derives before the cost is known to be bearable.
 * Threads: any; blocks.
 */
#include "keystore/pkcs12.h"

#define AES_BLOCK_BYTES   16u
#define AES_KEY_BYTES_MAX 32u
#define SALT_BYTES        16u /* that we write */

/* scrypt (RFC 7914): what one key may need. */
#define SCRYPT_BYTES_MAX (64u * 1024u * 1024u)
#define SCRYPT_R_MAX     8u /* wolfCrypt's limit */
#define SCRYPT_P_MAX     16u

#define RC2_KEY_BYTES_MAX 16u

struct pbe_cipher {
	enum oid oid;
	size_t key_bytes; /* 0: as its parameters say */
	bool old;         /* for importing only */
	enum old_cipher old_cipher;
};
static const struct pbe_cipher ciphers[] = {
	{OID_AES128_CBC, 16, false, OLD_DES_CBC},
	{OID_AES192_CBC, 24, false, OLD_DES_CBC},
	{OID_AES256_CBC, 32, false, OLD_DES_CBC},
	{OID_DES_EDE3_CBC, 24, true, OLD_DES_EDE3_CBC},
	{OID_DES_CBC, 8, true, OLD_DES_CBC},
	{OID_RC2_CBC, 0, true, OLD_RC2_CBC},
};

/* An encryption scheme with its parameters. */
struct pbe_scheme {
	const struct pbe_cipher *cipher;
	struct bytes iv;
	unsigned rc2_bits;
};

/* A key derivation function with its parameters. */
struct pbe_kdf {
	bool scrypt;
	struct pbkdf2_params pbkdf2; /* also salt and key_bytes of scrypt */
	struct scrypt_cost cost;
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

enum err pbe_unsupported(struct p12_context *context, struct bytes oid)
{
	struct shown shown = oid_shown(oid);
	return keystore_fail(context->error, ERR_UNSUPPORTED,
		"sealed with %s, which is not supported: write the file again with AES and HMAC-SHA-256",
		shown.text);
}

/* What we could open, but do not serve from: the way out is named. */
static enum err too_old(struct p12_context *context, struct bytes oid)
{
	struct shown shown = oid_shown(oid);
	return keystore_fail(context->error, ERR_UNSUPPORTED,
		"sealed with %s, which is too weak to be served from: bring its contents over with "
		"'lockgate keystore import'",
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
	if (context->rules != NULL && context->rules->progress != NULL) {
		context->rules->progress(KEYSTORE_WORK_MAX - context->work_left, context->rules->ctx);
	}
	return ERR_OK;
}

enum err pbe_algorithm_enter(struct wire_reader *reader, struct bytes *oid, struct wire_reader *parameters)
{
	enum err err = tlv_enter(reader, TLV_SEQUENCE, parameters);
	return err != ERR_OK ? err : tlv_get(parameters, TLV_OID, oid);
}

enum err pbe_no_parameters(struct wire_reader *parameters)
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
	enum err err = pbe_algorithm_enter(reader, oid, &parameters);
	if (err != ERR_OK) {
		return err;
	}
	enum oid found = oid_of(*oid);
	for (size_t i = 0; i < ARRAY_COUNT(digests); i++) {
		if (digests[i].oid == found) {
			*out = digests[i].hash;
			return pbe_no_parameters(&parameters);
		}
	}
	return ERR_UNSUPPORTED;
}

enum err pbe_prf_get(struct p12_context *context, struct wire_reader *reader, enum hash_alg *out)
{
	*out = HASH_SHA1; /* RFC 8018 A.2: the default */
	if (wire_reader_left(reader) == 0) {
		return ERR_OK;
	}
	struct bytes oid = BYTES_NONE;
	struct wire_reader parameters = {0};
	enum err err = pbe_algorithm_enter(reader, &oid, &parameters);
	if (err != ERR_OK) {
		return err;
	}
	enum oid found = oid_of(oid);
	for (size_t i = 0; i < ARRAY_COUNT(prfs); i++) {
		if (prfs[i].oid == found) {
			*out = prfs[i].hash;
			return pbe_no_parameters(&parameters);
		}
	}
	return pbe_unsupported(context, oid);
}

/* PBKDF2-params ::= SEQUENCE { salt, iterationCount, keyLength OPTIONAL, prf DEFAULT hmacWithSHA1 } */
enum err pbe_pbkdf2_params_get(
	struct p12_context *context, struct wire_reader *kdf, struct pbkdf2_params *out)
{
	struct wire_reader params = {0};
	enum err err = tlv_enter(kdf, TLV_SEQUENCE, &params);
	if (err != ERR_OK || (err = tlv_end(kdf)) != ERR_OK ||
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
	if ((err = pbe_prf_get(context, &params, &out->prf)) != ERR_OK) {
		return err;
	}
	return tlv_end(&params);
}

/* RFC 7914 section 7: scrypt-params ::= SEQUENCE { salt, costParameter, blockSize, parallelization, keyLength OPTIONAL } */
static enum err scrypt_params_get(struct p12_context *context, struct wire_reader *kdf, struct pbe_kdf *out)
{
	struct wire_reader params = {0};
	enum err err = tlv_enter(kdf, TLV_SEQUENCE, &params);
	if (err != ERR_OK || (err = tlv_end(kdf)) != ERR_OK ||
		(err = tlv_get(&params, TLV_OCTETS, &out->pbkdf2.salt)) != ERR_OK ||
		(err = tlv_get_uint(&params, &out->cost.n)) != ERR_OK ||
		(err = tlv_get_uint(&params, &out->cost.r)) != ERR_OK ||
		(err = tlv_get_uint(&params, &out->cost.p)) != ERR_OK) {
		return err;
	}
	if (wire_reader_left(&params) > 0) {
		if ((err = tlv_get_uint(&params, &out->pbkdf2.key_bytes)) != ERR_OK) {
			return err;
		}
		if (out->pbkdf2.key_bytes == 0) {
			return ERR_MALFORMED;
		}
	}
	const struct scrypt_cost *cost = &out->cost;
	/* RFC 7914 section 2: n is a power of two and larger than 1. */
	if (cost->n < 2 || (cost->n & (cost->n - 1)) != 0 || cost->r == 0 || cost->p == 0) {
		return ERR_MALFORMED;
	}
	if (out->pbkdf2.salt.len > KEYSTORE_SALT_BYTES_MAX || cost->r > SCRYPT_R_MAX ||
		cost->p > SCRYPT_P_MAX || (uint64_t)cost->n * cost->r * 128u > SCRYPT_BYTES_MAX) {
		return keystore_fail(context->error, ERR_LIMIT,
			"asks for more scrypt memory or work than we grant (%u MiB, r %u, p %u)",
			SCRYPT_BYTES_MAX >> 20, SCRYPT_R_MAX, SCRYPT_P_MAX);
	}
	return tlv_end(&params);
}

static enum err kdf_get(struct p12_context *context, struct wire_reader *reader, struct pbe_kdf *out)
{
	struct bytes oid = BYTES_NONE;
	struct wire_reader kdf = {0};
	enum err err = pbe_algorithm_enter(reader, &oid, &kdf);
	if (err != ERR_OK) {
		return err;
	}
	switch ((int)oid_of(oid)) {
	case OID_PBKDF2: return pbe_pbkdf2_params_get(context, &kdf, &out->pbkdf2);
	case OID_SCRYPT: out->scrypt = true; return scrypt_params_get(context, &kdf, out);
	default: return pbe_unsupported(context, oid);
	}
}

/* RFC 8018 B.2.3: RC2-CBC-Parameter ::= SEQUENCE { rc2ParameterVersion INTEGER OPTIONAL, iv OCTET STRING }, or the IV. */
static enum err rc2_parameters_get(struct wire_reader *parameters, struct pbe_scheme *out)
{
	static const struct {
		uint32_t version;
		unsigned bits;
	} versions[] = {{160, 40}, {120, 64}, {58, 128}};
	struct wire_reader params = {0};
	uint32_t version = 0;
	out->rc2_bits = 32;
	if (tlv_is_next(parameters, TLV_OCTETS)) {
		return tlv_get(parameters, TLV_OCTETS, &out->iv);
	}
	enum err err = tlv_enter(parameters, TLV_SEQUENCE, &params);
	if (err != ERR_OK) {
		return err;
	}
	if (tlv_is_next(&params, TLV_INTEGER)) {
		if ((err = tlv_get_uint(&params, &version)) != ERR_OK) {
			return err;
		}
		out->rc2_bits = version >= 256 && version <= 1024 ? version : 0;
		for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
			out->rc2_bits = versions[i].version == version ? versions[i].bits : out->rc2_bits;
		}
		if (out->rc2_bits == 0) {
			return ERR_MALFORMED;
		}
	}
	err = tlv_get(&params, TLV_OCTETS, &out->iv);
	return err != ERR_OK ? err : tlv_end(&params);
}

static enum err scheme_get(struct p12_context *context, struct wire_reader *reader, struct pbe_scheme *out)
{
	struct bytes oid = BYTES_NONE;
	struct wire_reader parameters = {0};
	enum err err = pbe_algorithm_enter(reader, &oid, &parameters);
	if (err != ERR_OK) {
		return err;
	}
	enum oid found = oid_of(oid);
	for (size_t i = 0; i < ARRAY_COUNT(ciphers); i++) {
		if (ciphers[i].oid == found) {
			out->cipher = &ciphers[i];
		}
	}
	if (out->cipher == NULL) {
		return pbe_unsupported(context, oid);
	}
	if (out->cipher->old && context->rules == NULL) {
		return too_old(context, oid);
	}
	err = found == OID_RC2_CBC ? rc2_parameters_get(&parameters, out)
				   : tlv_get(&parameters, TLV_OCTETS, &out->iv);
	if (err != ERR_OK) {
		return err;
	}
	size_t block = out->cipher->old ? OLD_CIPHER_BLOCK_BYTES : AES_BLOCK_BYTES;
	return out->iv.len == block ? tlv_end(&parameters) : ERR_MALFORMED;
}

/* The key's length, which the derivation may state and the cipher must fit. */
static enum err key_bytes_agree(const struct pbe_kdf *kdf, const struct pbe_scheme *scheme, size_t *out)
{
	size_t stated = kdf->pbkdf2.key_bytes;
	size_t wanted = scheme->cipher->key_bytes;
	if (wanted == 0) {
		wanted = stated != 0 ? stated : (scheme->rc2_bits + 7) / 8;
		if (wanted > RC2_KEY_BYTES_MAX) {
			return ERR_MALFORMED;
		}
	}
	*out = wanted;
	return stated != 0 && stated != wanted ? ERR_MALFORMED : ERR_OK;
}

static enum err kdf_run(struct p12_context *context, const struct pbe_kdf *kdf, struct secret *key)
{
	size_t block = hash_bytes(kdf->pbkdf2.prf);
	if (kdf->scrypt) {
		/* Of each of n rounds of r blocks about what four HMACs cost. */
		enum err err = pbe_spend(context, kdf->cost.n, kdf->cost.r * kdf->cost.p * 4);
		return err != ERR_OK ? err
				     : scrypt_kdf(&kdf->cost, context->passphrase, kdf->pbkdf2.salt,
					       key->data, key->len);
	}
	enum err err = pbe_spend(context, kdf->pbkdf2.iterations, (uint32_t)((key->len + block - 1) / block));
	return err != ERR_OK ? err
			     : pbkdf2(kdf->pbkdf2.prf, context->passphrase, kdf->pbkdf2.salt,
				       kdf->pbkdf2.iterations, key->data, key->len);
}

/* PBES2-params ::= SEQUENCE { keyDerivationFunc, encryptionScheme } */
static enum err pbes2_open(
	struct p12_context *context, struct wire_reader parameters, struct bytes sealed, struct secret *out)
{
	struct wire_reader params = {0};
	struct pbe_kdf kdf = {0};
	struct pbe_scheme scheme = {0};
	struct secret key = SECRET_NONE;
	size_t key_bytes = 0;
	enum err err = tlv_enter(&parameters, TLV_SEQUENCE, &params);
	if (err != ERR_OK || (err = tlv_end(&parameters)) != ERR_OK ||
		(err = kdf_get(context, &params, &kdf)) != ERR_OK ||
		(err = scheme_get(context, &params, &scheme)) != ERR_OK ||
		(err = tlv_end(&params)) != ERR_OK ||
		(err = key_bytes_agree(&kdf, &scheme, &key_bytes)) != ERR_OK ||
		(err = secret_new(key_bytes, &key)) != ERR_OK) {
		return err;
	}
	err = kdf_run(context, &kdf, &key);
	if (err == ERR_OK) {
		err = scheme.cipher->old ? old_cbc_decrypt(scheme.cipher->old_cipher, secret_bytes(&key),
						   scheme.rc2_bits, scheme.iv, sealed, out)
					 : aes_cbc_decrypt(secret_bytes(&key), scheme.iv, sealed, out);
	}
	secret_free(&key);
	return err;
}

/*
 * The older schemes, which only an import opens. Left out are those with RC4: it takes a cipher that the library is
 * built without, and no file was found that has it.
 */
static const struct {
	enum oid oid;
	enum pbe_old scheme;
} old_schemes[] = {
	{OID_PBE_SHA1_3DES_3KEY, PBE_OLD_SHA1_3DES_3KEY},
	{OID_PBE_SHA1_3DES_2KEY, PBE_OLD_SHA1_3DES_2KEY},
	{OID_PBE_SHA1_RC2_128, PBE_OLD_SHA1_RC2_128},
	{OID_PBE_SHA1_RC2_40, PBE_OLD_SHA1_RC2_40},
	{OID_PBE_MD5_DES, PBE_OLD_MD5_DES},
	{OID_PBE_SHA1_DES, PBE_OLD_SHA1_DES},
	{OID_SUN_KEY_PROTECTOR, PBE_OLD_SUN_PROTECTOR},
	{OID_SUN_MD5_3DES, PBE_OLD_SUN_MD5_3DES},
};

static enum err opened(struct p12_context *context, enum err err)
{
	return err == ERR_DENIED ? keystore_fail(context->error, ERR_DENIED, "%s", P12_DENIED_SENTENCE) : err;
}

enum err pbe_open(
	struct p12_context *context, struct wire_reader algorithm, struct bytes sealed, struct secret *out)
{
	struct bytes oid = BYTES_NONE;
	enum err err = tlv_get(&algorithm, TLV_OID, &oid);
	if (err != ERR_OK) {
		return err;
	}
	enum oid found = oid_of(oid);
	if (found == OID_PBES2) {
		return opened(context, pbes2_open(context, algorithm, sealed, out));
	}
	for (size_t i = 0; i < ARRAY_COUNT(old_schemes); i++) {
		if (old_schemes[i].oid == found) {
			return context->rules == NULL
				       ? too_old(context, oid)
				       : opened(context, pbe_old_open(context, old_schemes[i].scheme,
								 algorithm, sealed, out));
		}
	}
	return pbe_unsupported(context, oid);
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
