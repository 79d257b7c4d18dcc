/*
 * pbe_old.c - schemes that old files are sealed with: RFC 7292 appendix B and C, PBES1 (RFC 8018 6.1), and two of Sun's.
 * Owns:    derived keys, for one call.
 * Never:   seals; is reached by the strict reader (pbe.c sees to that).
 * Threads: any; blocks.
 */
#include "keystore/pkcs12.h"

#include <string.h>

#define KDF_KEY          1u /* RFC 7292 B.3 */
#define KDF_IV           2u
#define PBES1_SALT_BYTES 8u
#define PBES1_KEY_BYTES  8u
#define SUN_DIGEST_BYTES 20u
#define SUN_SALT_BYTES   8u
#define SUN_HALF_BYTES   4u
#define SUN_3DES_BYTES   24u

/* PBEParameter ::= SEQUENCE { salt OCTET STRING, iterationCount INTEGER } */
static enum err parameters_get(struct wire_reader *parameters, struct bytes *salt, uint32_t *iterations)
{
	struct wire_reader params = {0};
	enum err err = tlv_enter(parameters, TLV_SEQUENCE, &params);
	if (err != ERR_OK || (err = tlv_end(parameters)) != ERR_OK ||
		(err = tlv_get(&params, TLV_OCTETS, salt)) != ERR_OK ||
		(err = tlv_get_uint(&params, iterations)) != ERR_OK) {
		return err;
	}
	if (salt->len > KEYSTORE_SALT_BYTES_MAX) {
		return ERR_LIMIT;
	}
	return tlv_end(&params);
}

/* --- RFC 7292 appendix C --- */

struct p12_scheme {
	enum old_cipher cipher;
	size_t key_bytes;
	unsigned rc2_bits;
};

static enum err p12_form_open(struct p12_context *context, const struct p12_scheme *scheme,
	enum p12_form form, struct bytes salt, uint32_t iterations, struct bytes sealed, struct secret *out)
{
	uint8_t iv[OLD_CIPHER_BLOCK_BYTES];
	struct secret password = SECRET_NONE;
	struct secret key = SECRET_NONE;
	enum err err = p12_form_bytes(context, form, &password);
	if (err != ERR_OK) {
		return err;
	}
	/* A key may take two hashes, its IV takes one more. */
	if ((err = pbe_spend(context, iterations, scheme->key_bytes > hash_bytes(HASH_SHA1) ? 3 : 2)) ==
			ERR_OK &&
		(err = secret_new(scheme->key_bytes, &key)) == ERR_OK &&
		(err = pkcs12_kdf(HASH_SHA1, KDF_KEY, secret_bytes(&password), salt, iterations, key.data,
			 key.len)) == ERR_OK &&
		(err = pkcs12_kdf(HASH_SHA1, KDF_IV, secret_bytes(&password), salt, iterations, iv,
			 sizeof(iv))) == ERR_OK) {
		err = old_cbc_decrypt(scheme->cipher, secret_bytes(&key), scheme->rc2_bits,
			bytes_of(iv, sizeof(iv)), sealed, out);
	}
	secure_wipe(iv, sizeof(iv));
	secret_free(&key);
	secret_free(&password);
	return err;
}

/*
 * The form of the passphrase that the MAC was right with goes first. Some writers take another one for the bags of an
 * empty passphrase than for the MAC.
 */
static enum err p12_scheme_open(struct p12_context *context, const struct p12_scheme *scheme,
	struct wire_reader *parameters, struct bytes sealed, struct secret *out)
{
	struct bytes salt = BYTES_NONE;
	uint32_t iterations = 0;
	enum err err = parameters_get(parameters, &salt, &iterations);
	if (err != ERR_OK) {
		return err;
	}
	err = p12_form_open(context, scheme, context->form, salt, iterations, sealed, out);
	for (int i = 0; i < P12_FORM_COUNT_ && (err == ERR_DENIED || err == ERR_NOT_FOUND); i++) {
		if ((enum p12_form)i == context->form) {
			continue;
		}
		enum err again =
			p12_form_open(context, scheme, (enum p12_form)i, salt, iterations, sealed, out);
		err = again == ERR_NOT_FOUND ? ERR_DENIED : again;
	}
	return err;
}

/* --- PBES1 with PBKDF1 (RFC 8018 5.1 and 6.1) --- */

static enum err pbes1_open(struct p12_context *context, enum hash_alg hash, struct wire_reader *parameters,
	struct bytes sealed, struct secret *out)
{
	uint8_t derived[HASH_BYTES_MAX];
	struct bytes salt = BYTES_NONE;
	uint32_t iterations = 0;
	enum err err = parameters_get(parameters, &salt, &iterations);
	if (err != ERR_OK) {
		return err;
	}
	if (salt.len != PBES1_SALT_BYTES) {
		return ERR_MALFORMED;
	}
	if ((err = pbe_spend(context, iterations, 1)) != ERR_OK) {
		return err;
	}
	struct bytes parts[] = {context->passphrase, salt};
	hash_of_parts(hash, parts, ARRAY_COUNT(parts), derived);
	for (uint32_t i = 1; i < iterations; i++) {
		hash_of(hash, bytes_of(derived, hash_bytes(hash)), derived);
	}
	err = old_cbc_decrypt(OLD_DES_CBC, bytes_of(derived, PBES1_KEY_BYTES), 0,
		bytes_of(derived + PBES1_KEY_BYTES, OLD_CIPHER_BLOCK_BYTES), sealed, out);
	secure_wipe(derived, sizeof(derived));
	return err;
}

/* --- Sun's protector of JKS keys: salt, key XOR a chain of SHA-1, SHA-1 of passphrase and key --- */

static enum err sun_protector_open(
	struct p12_context *context, struct wire_reader *parameters, struct bytes sealed, struct secret *out)
{
	uint8_t stream[SUN_DIGEST_BYTES];
	struct wire_reader reader = wire_reader_init(sealed);
	struct bytes salt = BYTES_NONE;
	struct bytes body = BYTES_NONE;
	struct bytes check = BYTES_NONE;
	struct secret password = SECRET_NONE;
	struct secret plain = SECRET_NONE;
	enum err err = pbe_no_parameters(parameters);
	if (err != ERR_OK) {
		return err;
	}
	if (sealed.len <= (size_t)2 * SUN_DIGEST_BYTES ||
		wire_get_bytes(&reader, SUN_DIGEST_BYTES, &salt) != ERR_OK ||
		wire_get_bytes(&reader, sealed.len - (size_t)2 * SUN_DIGEST_BYTES, &body) != ERR_OK ||
		wire_get_bytes(&reader, SUN_DIGEST_BYTES, &check) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if ((err = text_to_bmp(context->passphrase, false, &password)) != ERR_OK ||
		(err = secret_copy(body, &plain)) != ERR_OK) {
		goto out;
	}
	memcpy(stream, salt.data, sizeof(stream));
	for (size_t i = 0; i < plain.len; i++) {
		if (i % sizeof(stream) == 0) {
			struct bytes parts[] = {secret_bytes(&password), bytes_of(stream, sizeof(stream))};
			hash_of_parts(HASH_SHA1, parts, ARRAY_COUNT(parts), stream);
		}
		plain.data[i] ^= stream[i % sizeof(stream)];
	}
	struct bytes parts[] = {secret_bytes(&password), secret_bytes(&plain)};
	hash_of_parts(HASH_SHA1, parts, ARRAY_COUNT(parts), stream);
	if (!secret_equal(bytes_of(stream, sizeof(stream)), check)) {
		err = ERR_DENIED;
		goto out;
	}
	*out = plain;
	plain = SECRET_NONE;
out:
	secure_wipe(stream, sizeof(stream));
	secret_free(&password);
	secret_free(&plain);
	return err;
}

/* --- Sun's PBEWithMD5AndTripleDES of JCEKS keys --- */

/*
 * Each half of the salt is hashed with the passphrase, over and over. Where both halves are equal, the first one is
 * turned round: d c b a. An index once went wrong there, and files were written with d a b d: the slip.
 */
enum sun_turn { SUN_AS_IT_IS, SUN_TURNED, SUN_SLIP };

static void sun_first_half(struct bytes salt, enum sun_turn turn, uint8_t out[SUN_HALF_BYTES])
{
	static const uint8_t orders[][SUN_HALF_BYTES] = {
		[SUN_AS_IT_IS] = {0, 1, 2, 3}, [SUN_TURNED] = {3, 2, 1, 0}, [SUN_SLIP] = {3, 0, 1, 3}};
	for (size_t i = 0; i < SUN_HALF_BYTES; i++) {
		out[i] = salt.data[orders[turn][i]];
	}
}

static enum err sun_turn_open(struct p12_context *context, struct bytes salt, enum sun_turn turn,
	uint32_t iterations, struct bytes sealed, struct secret *out)
{
	uint8_t derived[SUN_3DES_BYTES + OLD_CIPHER_BLOCK_BYTES];
	uint8_t first[SUN_HALF_BYTES];
	size_t md5 = hash_bytes(HASH_MD5);
	enum err err = pbe_spend(context, iterations, 2);
	if (err != ERR_OK) {
		return err;
	}
	sun_first_half(salt, turn, first);
	for (size_t half = 0; half < 2; half++) {
		uint8_t *to = derived + half * md5;
		struct bytes parts[] = {half == 0 ? bytes_of(first, sizeof(first))
						  : bytes_of(salt.data + SUN_HALF_BYTES, SUN_HALF_BYTES),
			context->passphrase};
		hash_of_parts(HASH_MD5, parts, ARRAY_COUNT(parts), to);
		for (uint32_t i = 1; i < iterations; i++) {
			struct bytes more[] = {bytes_of(to, md5), context->passphrase};
			hash_of_parts(HASH_MD5, more, ARRAY_COUNT(more), to);
		}
	}
	err = old_cbc_decrypt(OLD_DES_EDE3_CBC, bytes_of(derived, SUN_3DES_BYTES), 0,
		bytes_of(derived + SUN_3DES_BYTES, OLD_CIPHER_BLOCK_BYTES), sealed, out);
	secure_wipe(derived, sizeof(derived));
	return err;
}

static enum err sun_3des_open(
	struct p12_context *context, struct wire_reader *parameters, struct bytes sealed, struct secret *out)
{
	struct bytes salt = BYTES_NONE;
	uint32_t iterations = 0;
	enum err err = parameters_get(parameters, &salt, &iterations);
	if (err != ERR_OK) {
		return err;
	}
	if (salt.len != SUN_SALT_BYTES) {
		return ERR_MALFORMED;
	}
	bool equal = bytes_equal(
		bytes_of(salt.data, SUN_HALF_BYTES), bytes_of(salt.data + SUN_HALF_BYTES, SUN_HALF_BYTES));
	err = sun_turn_open(context, salt, equal ? SUN_TURNED : SUN_AS_IT_IS, iterations, sealed, out);
	if (err == ERR_DENIED && equal) {
		err = sun_turn_open(context, salt, SUN_SLIP, iterations, sealed, out);
	}
	return err;
}

enum err pbe_old_open(struct p12_context *context, enum pbe_old scheme, struct wire_reader parameters,
	struct bytes sealed, struct secret *out)
{
	static const struct p12_scheme p12_schemes[] = {
		[PBE_OLD_SHA1_3DES_3KEY] = {OLD_DES_EDE3_CBC, 24, 0},
		[PBE_OLD_SHA1_3DES_2KEY] = {OLD_DES_EDE3_CBC, 16, 0},
		[PBE_OLD_SHA1_RC2_128] = {OLD_RC2_CBC, 16, 128},
		[PBE_OLD_SHA1_RC2_40] = {OLD_RC2_CBC, 5, 40},
	};
	switch (scheme) {
	case PBE_OLD_SHA1_3DES_3KEY:
	case PBE_OLD_SHA1_3DES_2KEY:
	case PBE_OLD_SHA1_RC2_128:
	case PBE_OLD_SHA1_RC2_40:
		return p12_scheme_open(context, &p12_schemes[scheme], &parameters, sealed, out);
	case PBE_OLD_MD5_DES: return pbes1_open(context, HASH_MD5, &parameters, sealed, out);
	case PBE_OLD_SHA1_DES: return pbes1_open(context, HASH_SHA1, &parameters, sealed, out);
	case PBE_OLD_SUN_PROTECTOR: return sun_protector_open(context, &parameters, sealed, out);
	case PBE_OLD_SUN_MD5_3DES: return sun_3des_open(context, &parameters, sealed, out);
	}
	return ERR_UNSUPPORTED;
}
