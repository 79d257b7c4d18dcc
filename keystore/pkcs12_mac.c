/*
 * pkcs12_mac.c - the integrity check of a PKCS#12 file: by RFC 7292 appendix B, or PBMAC1 (RFC 9579).
 * Owns:    the derived key, for one call.
 * Never:   derives before the cost is known to be bearable; compares in a time that tells.
 * Threads: one at a time; blocks.
 */
#include "keystore/pkcs12.h"

#define P12_KDF_MAC_KEY      3u  /* RFC 7292 B.3: the diversifier for MAC keys */
#define PBMAC1_KEY_BYTES_MIN 20u /* RFC 9579 section 5 */
#define PBMAC1_KEY_BYTES_MAX HASH_BYTES_MAX

struct mac_data {
	enum hash_alg hash;
	struct bytes digest;
	struct bytes salt;
	uint32_t iterations;
	bool pbmac1;
	struct pbkdf2_params kdf; /* PBMAC1 */
};

/* PBMAC1-params ::= SEQUENCE { keyDerivationFunc AlgorithmIdentifier, messageAuthScheme AlgorithmIdentifier } */
static enum err pbmac1_params_get(
	struct p12_context *context, struct wire_reader *parameters, struct mac_data *out)
{
	struct wire_reader params = {0};
	struct wire_reader kdf = {0};
	struct bytes oid = BYTES_NONE;
	enum err err = tlv_enter(parameters, TLV_SEQUENCE, &params);
	if (err != ERR_OK || (err = tlv_end(parameters)) != ERR_OK ||
		(err = pbe_algorithm_enter(&params, &oid, &kdf)) != ERR_OK) {
		return err;
	}
	if (oid_of(oid) != OID_PBKDF2) {
		return pbe_unsupported(context, oid);
	}
	if ((err = pbe_pbkdf2_params_get(context, &kdf, &out->kdf)) != ERR_OK) {
		return err;
	}
	/* No default here: without a stated scheme nothing is authenticated. */
	if (wire_reader_left(&params) == 0) {
		return ERR_MALFORMED;
	}
	if ((err = pbe_prf_get(context, &params, &out->hash)) != ERR_OK) {
		return err;
	}
	/* RFC 9579 section 5: keyLength MUST be there, and too short a key is no protection. */
	if (out->kdf.key_bytes < PBMAC1_KEY_BYTES_MIN || out->kdf.key_bytes > PBMAC1_KEY_BYTES_MAX) {
		return keystore_fail(context->error, ERR_MALFORMED,
			"its integrity check (PBMAC1) states no key length between %u and %u bytes",
			PBMAC1_KEY_BYTES_MIN, PBMAC1_KEY_BYTES_MAX);
	}
	return tlv_end(&params);
}

/* The digest algorithm of DigestInfo: a plain digest, or PBMAC1 with its parameters. */
static enum err mac_algorithm_get(struct p12_context *context, struct wire_reader *info, struct mac_data *out)
{
	struct wire_reader peek = *info;
	struct wire_reader parameters = {0};
	struct bytes oid = BYTES_NONE;
	enum err err = pbe_algorithm_enter(&peek, &oid, &parameters);
	if (err != ERR_OK) {
		return err;
	}
	switch ((int)oid_of(oid)) {
	case OID_PBMAC1:
		*info = peek;
		out->pbmac1 = true;
		return pbmac1_params_get(context, &parameters, out);
	case OID_MD5:
		if (context->rules != NULL) {
			*info = peek;
			out->hash = HASH_MD5;
			return pbe_no_parameters(&parameters);
		}
		break;
	default: break;
	}
	err = pbe_digest_get(info, &oid, &out->hash);
	if (err == ERR_UNSUPPORTED) {
		struct shown shown = oid_shown(oid);
		return keystore_fail(context->error, err,
			"its integrity check (MAC) uses %s, which is not supported%s", shown.text,
			context->rules == NULL ? " here; 'lockgate keystore import' may take it over" : "");
	}
	return err;
}

/* MacData ::= SEQUENCE { mac DigestInfo, macSalt OCTET STRING, iterations INTEGER DEFAULT 1 } */
static enum err mac_data_get(struct p12_context *context, struct wire_reader *pfx, struct mac_data *out)
{
	struct wire_reader mac = {0};
	struct wire_reader info = {0};
	enum err err = tlv_enter(pfx, TLV_SEQUENCE, &mac);
	if (err != ERR_OK || (err = tlv_enter(&mac, TLV_SEQUENCE, &info)) != ERR_OK ||
		(err = mac_algorithm_get(context, &info, out)) != ERR_OK ||
		(err = tlv_get(&info, TLV_OCTETS, &out->digest)) != ERR_OK ||
		(err = tlv_end(&info)) != ERR_OK || (err = tlv_get(&mac, TLV_OCTETS, &out->salt)) != ERR_OK) {
		return err;
	}
	out->iterations = 1;
	if (wire_reader_left(&mac) > 0 && (err = tlv_get_uint(&mac, &out->iterations)) != ERR_OK) {
		return err;
	}
	if (out->salt.len > KEYSTORE_SALT_BYTES_MAX) {
		return ERR_LIMIT;
	}
	return tlv_end(&mac);
}

static bool mac_matches(const struct mac_data *mac, const struct secret *key, struct bytes content)
{
	uint8_t computed[HASH_BYTES_MAX];
	hmac_of(mac->hash, secret_bytes(key), content, computed);
	return secret_equal(bytes_of(computed, hash_bytes(mac->hash)), mac->digest);
}

/* RFC 9579 section 4: the passphrase is UTF-8; salt and iterations of MacData itself mean nothing. */
static enum err pbmac1_check(
	struct p12_context *context, const struct mac_data *mac, struct bytes content, bool *matches)
{
	const struct pbkdf2_params *kdf = &mac->kdf;
	struct secret key = SECRET_NONE;
	size_t prf_bytes = hash_bytes(kdf->prf);
	uint32_t blocks = (uint32_t)((kdf->key_bytes + prf_bytes - 1) / prf_bytes);
	enum err err = pbe_spend(context, kdf->iterations, blocks);
	if (err != ERR_OK || (err = secret_new(kdf->key_bytes, &key)) != ERR_OK) {
		return err;
	}
	err = pbkdf2(kdf->prf, context->passphrase, kdf->salt, kdf->iterations, key.data, key.len);
	if (err == ERR_OK) {
		*matches = mac_matches(mac, &key, content);
	}
	secret_free(&key);
	return err;
}

static enum err form_check(struct p12_context *context, const struct mac_data *mac, enum p12_form form,
	struct bytes content, bool *matches)
{
	struct secret password = SECRET_NONE;
	struct secret key = SECRET_NONE;
	enum err err = p12_form_bytes(context, form, &password);
	if (err != ERR_OK) {
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	}
	if ((err = pbe_spend(context, mac->iterations, 1)) == ERR_OK &&
		(err = secret_new(hash_bytes(mac->hash), &key)) == ERR_OK &&
		(err = pkcs12_kdf(mac->hash, P12_KDF_MAC_KEY, secret_bytes(&password), mac->salt,
			 mac->iterations, key.data, key.len)) == ERR_OK) {
		*matches = mac_matches(mac, &key, content);
	}
	secret_free(&key);
	secret_free(&password);
	return err;
}

enum err p12_mac_check(struct p12_context *context, struct wire_reader *pfx, struct bytes content)
{
	struct mac_data mac = {0};
	bool matches = false;
	enum err err = mac_data_get(context, pfx, &mac);
	if (err != ERR_OK || (err = tlv_end(pfx)) != ERR_OK) {
		return err;
	}
	if (mac.pbmac1) {
		err = pbmac1_check(context, &mac, content, &matches);
	}
	for (int form = 0; !mac.pbmac1 && err == ERR_OK && !matches && form < P12_FORM_COUNT_; form++) {
		context->form = (enum p12_form)form;
		err = form_check(context, &mac, context->form, content, &matches);
	}
	if (err != ERR_OK) {
		return err;
	}
	if (!matches) {
		context->form = P12_FORM_BMP;
		return keystore_fail(context->error, ERR_DENIED, "%s", P12_DENIED_SENTENCE);
	}
	return ERR_OK;
}
