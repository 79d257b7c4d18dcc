/*
 * algorithm.c - AlgorithmIdentifier and SubjectPublicKeyInfo (RFC 3279, 4055, 5480, 8410).
 * Owns:    nothing.
 * Never:   guesses: an algorithm that is not in the table is unsupported, a key of wrong form malformed.
 * Threads: any.
 *
 * Of RSASSA-PSS: MGF1 over the hash of the message, SHA-256, SHA-384 or SHA-512 (SHA-1, the default, is weak), any salt. Other
 * parameters are unsupported. A default that is written out is no DER (X.690 11.5), but whoever verifies must take it
 * (RFC 4055 3.1, of hash, mask and trailer; of the salt it is silent, and OpenSSL takes that as well).
 */
#include "x509/internal.h"

#define PSS_SALT_BYTES_MAX 1024u /* RSA_BITS_MAX / 8: no signature has a longer one */

enum parameters { PARAMETERS_NULL_OR_ABSENT, PARAMETERS_ABSENT, PARAMETERS_PSS };

static const struct {
	const char *oid; /* content octets */
	uint8_t len;
	bool supported;
	enum sig_alg alg;
	enum hash_alg hash;
	enum sig_strength strength;
	enum parameters parameters;
} algorithms[] = {
#define RSA(last)   "\x2a\x86\x48\x86\xf7\x0d\x01\x01" last, 9
#define ECDSA(last) "\x2a\x86\x48\xce\x3d\x04\x03" last, 8
	{RSA("\x0b"), true, SIG_RSA_PKCS1, HASH_SHA256, SIG_STRONG, PARAMETERS_NULL_OR_ABSENT},
	{RSA("\x0c"), true, SIG_RSA_PKCS1, HASH_SHA384, SIG_STRONG, PARAMETERS_NULL_OR_ABSENT},
	{RSA("\x0d"), true, SIG_RSA_PKCS1, HASH_SHA512, SIG_STRONG, PARAMETERS_NULL_OR_ABSENT},
	{RSA("\x0e"), true, SIG_RSA_PKCS1, HASH_SHA224, SIG_STRONG, PARAMETERS_NULL_OR_ABSENT},
	{RSA("\x05"), true, SIG_RSA_PKCS1, HASH_SHA1, SIG_SHA1, PARAMETERS_NULL_OR_ABSENT},
	{RSA("\x04"), true, SIG_RSA_PKCS1, HASH_MD5, SIG_BROKEN, PARAMETERS_NULL_OR_ABSENT},
	{RSA("\x02"), false, SIG_RSA_PKCS1, HASH_MD5, SIG_BROKEN, PARAMETERS_NULL_OR_ABSENT}, /* MD2 */
	{RSA("\x0a"), true, SIG_RSA_PSS, HASH_SHA1, SIG_SHA1, PARAMETERS_PSS},
	{ECDSA("\x02"), true, SIG_ECDSA, HASH_SHA256, SIG_STRONG, PARAMETERS_ABSENT},
	{ECDSA("\x03"), true, SIG_ECDSA, HASH_SHA384, SIG_STRONG, PARAMETERS_ABSENT},
	{ECDSA("\x04"), true, SIG_ECDSA, HASH_SHA512, SIG_STRONG, PARAMETERS_ABSENT},
	{ECDSA("\x01"), true, SIG_ECDSA, HASH_SHA224, SIG_STRONG, PARAMETERS_ABSENT},
	{"\x2a\x86\x48\xce\x3d\x04\x01", 7, true, SIG_ECDSA, HASH_SHA1, SIG_SHA1, PARAMETERS_ABSENT},
	{"\x2b\x65\x70", 3, true, SIG_ED25519, HASH_SHA512, SIG_STRONG, PARAMETERS_ABSENT},
#undef RSA
#undef ECDSA
};

static bool parameters_fit(struct wire_reader in, enum parameters want)
{
	struct bytes value;
	switch (want) {
	case PARAMETERS_ABSENT: return wire_reader_left(&in) == 0;
	case PARAMETERS_NULL_OR_ABSENT:
		if (wire_reader_left(&in) == 0) {
			return true; /* RFC 4055 section 5: absent is to be accepted as well */
		}
		return der_value(&in, DER_NULL, &value) == ERR_OK && value.len == 0 && der_end(&in) == ERR_OK;
	case PARAMETERS_PSS: return false; /* pss_parameters() reads them */
	}
	return false;
}

/* --- RSASSA-PSS-params, RFC 4055 3.1 --- */

/* AlgorithmIdentifier of a hash; parameters NULL or absent (RFC 4055 2.1). *known false: another one, of whatever form. */
static enum err pss_hash(struct wire_reader *in, enum hash_alg *hash, bool *known)
{
	static const struct {
		const char *oid;
		uint8_t len;
		enum hash_alg hash;
	} hashes[] = {
		{"\x2b\x0e\x03\x02\x1a", 5, HASH_SHA1},
		{"\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9, HASH_SHA256},
		{"\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9, HASH_SHA384},
		{"\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9, HASH_SHA512},
	};
	struct wire_reader algorithm;
	struct bytes oid;
	*known = false;
	if (der_enter(in, DER_SEQUENCE, &algorithm) != ERR_OK || der_oid(&algorithm, &oid) != ERR_OK) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < ARRAY_COUNT(hashes); i++) {
		if (bytes_equal(oid, bytes_of(hashes[i].oid, hashes[i].len))) {
			*hash = hashes[i].hash;
			*known = true;
			return parameters_fit(algorithm, PARAMETERS_NULL_OR_ABSENT) ? ERR_OK : ERR_MALFORMED;
		}
	}
	return ERR_OK;
}

/* [0] EXPLICIT hash, or [1] EXPLICIT MGF1 with a hash; absent: SHA-1. */
static enum err pss_hash_field(
	struct wire_reader *params, unsigned number, enum hash_alg *hash, bool *supported)
{
	struct wire_reader field;
	struct wire_reader mgf;
	struct bytes oid;
	bool known = false;
	*hash = HASH_SHA1;
	if (!der_is_next(params, DER_CONTEXT_CONSTRUCTED(number))) {
		return ERR_OK;
	}
	if (der_enter(params, DER_CONTEXT_CONSTRUCTED(number), &field) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (number == 1) {
		if (der_enter(&field, DER_SEQUENCE, &mgf) != ERR_OK || der_end(&field) != ERR_OK ||
			der_oid(&mgf, &oid) != ERR_OK) {
			return ERR_MALFORMED;
		}
		if (!bytes_equal(oid, bytes_of("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08", 9))) {
			*supported = false; /* not MGF1 */
			return ERR_OK;
		}
		field = mgf;
	}
	if (pss_hash(&field, hash, &known) != ERR_OK || der_end(&field) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*supported = *supported && known;
	return ERR_OK;
}

/* [2] or [3] EXPLICIT INTEGER with a default. */
static enum err pss_number(struct wire_reader *params, unsigned number, uint32_t by_default, uint32_t *out)
{
	struct wire_reader field;
	*out = by_default;
	if (!der_is_next(params, DER_CONTEXT_CONSTRUCTED(number))) {
		return ERR_OK;
	}
	if (der_enter(params, DER_CONTEXT_CONSTRUCTED(number), &field) != ERR_OK ||
		der_uint(&field, DER_INTEGER, out) != ERR_OK || der_end(&field) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

/* in stands at RSASSA-PSS-params. */
static enum err pss_parameters(struct wire_reader in, struct sig_algorithm *out)
{
	struct wire_reader params;
	enum hash_alg mgf_hash = HASH_SHA1;
	uint32_t trailer = 0;
	bool supported = true;
	if (der_enter(&in, DER_SEQUENCE, &params) != ERR_OK || der_end(&in) != ERR_OK ||
		pss_hash_field(&params, 0, &out->hash, &supported) != ERR_OK ||
		pss_hash_field(&params, 1, &mgf_hash, &supported) != ERR_OK ||
		pss_number(&params, 2, 20, &out->salt_len) != ERR_OK ||
		pss_number(&params, 3, 1, &trailer) != ERR_OK || der_end(&params) != ERR_OK) {
		return ERR_MALFORMED;
	}
	out->supported =
		supported && mgf_hash == out->hash && trailer == 1 && out->salt_len <= PSS_SALT_BYTES_MAX;
	/* What is not supported is not called weak: the reason should name what to change. */
	out->strength = out->supported && out->hash == HASH_SHA1 ? SIG_SHA1 : SIG_STRONG;
	return ERR_OK;
}

enum err algorithm_parse(struct bytes content, struct sig_algorithm *out)
{
	struct wire_reader in = wire_reader_init(content);
	struct bytes oid;
	if (der_oid(&in, &oid) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*out = (struct sig_algorithm){.supported = false, .strength = SIG_STRONG};
	for (size_t i = 0; i < ARRAY_COUNT(algorithms); i++) {
		if (!bytes_equal(oid, bytes_of(algorithms[i].oid, algorithms[i].len))) {
			continue;
		}
		out->alg = algorithms[i].alg;
		if (algorithms[i].parameters == PARAMETERS_PSS) {
			return pss_parameters(in, out); /* RFC 4055 3.1: in a signature they must be there */
		}
		if (!parameters_fit(in, algorithms[i].parameters)) {
			return ERR_MALFORMED;
		}
		out->supported = algorithms[i].supported;
		out->hash = algorithms[i].hash;
		out->strength = algorithms[i].strength;
		return ERR_OK;
	}
	struct der_item parameters;
	if (wire_reader_left(&in) != 0 && (der_next(&in, &parameters) != ERR_OK || der_end(&in) != ERR_OK)) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

/* RFC 8017 A.1.1. Bits of the modulus. */
static enum err rsa_bits(struct bytes key, unsigned *bits)
{
	struct wire_reader in;
	struct bytes modulus;
	struct bytes exponent;
	if (der_single(key, DER_SEQUENCE, &in) != ERR_OK || der_integer(&in, &modulus) != ERR_OK ||
		der_integer(&in, &exponent) != ERR_OK || der_end(&in) != ERR_OK) {
		return ERR_MALFORMED;
	}
	struct wire_reader m = wire_reader_init(modulus);
	uint8_t top = 0;
	if ((modulus.data[0] & 0x80u) || (exponent.data[0] & 0x80u) || exponent.len > 5) {
		return ERR_MALFORMED; /* negative, or an exponent that only serves to burn time */
	}
	if (wire_get_u8(&m, &top) == ERR_OK && top == 0) {
		if (wire_get_u8(&m, &top) != ERR_OK) {
			return ERR_MALFORMED; /* zero */
		}
	}
	bool odd = (modulus.data[modulus.len - 1] & 1u) && (exponent.data[exponent.len - 1] & 1u);
	if (!odd || (exponent.len == 1 && exponent.data[0] == 1)) {
		return ERR_MALFORMED; /* with e = 1 everything is its own signature */
	}
	unsigned top_bits = 0;
	while (top >> top_bits) {
		top_bits++;
	}
	if (wire_reader_left(&m) > X509_CERT_BYTES_MAX) {
		return ERR_LIMIT;
	}
	*bits = (unsigned)wire_reader_left(&m) * 8u + top_bits;
	return ERR_OK;
}

static enum err ec_key(
	struct wire_reader *parameters, struct bytes point, enum key_kind *kind, unsigned *bits)
{
	static const struct {
		const char *oid;
		uint8_t len;
		enum key_kind kind;
		unsigned bits, octets;
	} curves[] = {
		{"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8, KEY_EC_P256, 256, 32},
		{"\x2b\x81\x04\x00\x22", 5, KEY_EC_P384, 384, 48},
		{"\x2b\x81\x04\x00\x23", 5, KEY_EC_P521, 521, 66},
	};
	struct bytes oid;
	if (!der_is_next(parameters, DER_OID)) {
		return ERR_OK; /* explicit curve parameters: unsupported (RFC 5480 2.1.1 forbids them) */
	}
	if (der_oid(parameters, &oid) != ERR_OK || der_end(parameters) != ERR_OK) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < ARRAY_COUNT(curves); i++) {
		if (!bytes_equal(oid, bytes_of(curves[i].oid, curves[i].len))) {
			continue;
		}
		if (point.len == 1 + curves[i].octets && (point.data[0] == 2 || point.data[0] == 3)) {
			return ERR_OK; /* compressed: unsupported */
		}
		if (point.len != 1 + 2 * curves[i].octets || point.data[0] != 4) {
			return ERR_MALFORMED;
		}
		*kind = curves[i].kind;
		*bits = curves[i].bits;
	}
	return ERR_OK;
}

/* rsaEncryption (RFC 3279 2.3.1) or id-RSASSA-PSS (RFC 4055 1.2: without parameters, any of them may be used). */
static enum err rsa_key(struct wire_reader parameters, struct bytes key, bool pss, struct subject_key *out)
{
	struct sig_algorithm limits = {.supported = true};
	if (!pss && !parameters_fit(parameters, PARAMETERS_NULL_OR_ABSENT)) {
		return ERR_MALFORMED;
	}
	out->rule.pss_only = pss;
	if (pss && wire_reader_left(&parameters) != 0) {
		enum err err = pss_parameters(parameters, &limits);
		if (err != ERR_OK) {
			return err;
		}
		out->rule.restricted = true;
		out->rule.hash = limits.hash;
		out->rule.salt_len_min = limits.salt_len;
	}
	enum err err = rsa_bits(key, &out->bits);
	if (err == ERR_OK && limits.supported) {
		out->kind = KEY_RSA;
	}
	return err;
}

enum err spki_parse(struct bytes der, struct subject_key *out)
{
	struct wire_reader in;
	struct wire_reader algorithm;
	struct bytes oid;
	struct bytes key;
	*out = (struct subject_key){.spki = der, .kind = KEY_KIND_COUNT_};
	if (der_single(der, DER_SEQUENCE, &in) != ERR_OK ||
		der_enter(&in, DER_SEQUENCE, &algorithm) != ERR_OK || der_oid(&algorithm, &oid) != ERR_OK ||
		der_bit_octets(&in, &key) != ERR_OK || der_end(&in) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (bytes_equal(oid, bytes_of("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9))) {
		return rsa_key(algorithm, key, false, out);
	}
	if (bytes_equal(oid, bytes_of("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", 9))) {
		return rsa_key(algorithm, key, true, out);
	}
	if (bytes_equal(oid, bytes_of("\x2a\x86\x48\xce\x3d\x02\x01", 7))) {
		return ec_key(&algorithm, key, &out->kind, &out->bits);
	}
	if (bytes_equal(oid, bytes_of("\x2b\x65\x70", 3))) {
		if (der_end(&algorithm) != ERR_OK || key.len != 32) {
			return ERR_MALFORMED;
		}
		out->kind = KEY_ED25519;
		out->bits = 256;
	}
	return ERR_OK;
}

/* RFC 4055 1.2: the hash that the key names, and no shorter salt. */
static bool pss_fits(const struct sig_algorithm *algorithm, const struct key_rule *rule)
{
	return !rule->restricted ||
	       (algorithm->hash == rule->hash && algorithm->salt_len >= rule->salt_len_min);
}

bool sig_fits_key(const struct sig_algorithm *algorithm, const struct subject_key *key)
{
	if (!algorithm->supported || key->bits > RSA_BITS_MAX) {
		return false;
	}
	switch (key->kind) {
	case KEY_RSA:
		return algorithm->alg == SIG_RSA_PSS ? pss_fits(algorithm, &key->rule)
						     : algorithm->alg == SIG_RSA_PKCS1 && !key->rule.pss_only;
	case KEY_EC_P256:
	case KEY_EC_P384:
	case KEY_EC_P521: return algorithm->alg == SIG_ECDSA;
	case KEY_ED25519: return algorithm->alg == SIG_ED25519;
	case KEY_KIND_COUNT_: return false;
	}
	return false;
}

enum err algorithm_verify_digest(const struct sig_algorithm *algorithm, const struct subject_key *key,
	const uint8_t *digest, struct bytes signature)
{
	if (!sig_fits_key(algorithm, key)) {
		return ERR_UNSUPPORTED;
	}
	enum err err = algorithm->alg == SIG_RSA_PSS ? sig_verify_pss(key->spki, algorithm->hash,
							       algorithm->salt_len, digest, signature)
						     : sig_verify_digest(key->spki, key->kind, algorithm->alg,
							       algorithm->hash, digest, signature);
	return err == ERR_OK || err == ERR_UNSUPPORTED || err == ERR_NOMEM ? err : ERR_DENIED;
}

enum err algorithm_verify(const struct sig_algorithm *algorithm, const struct subject_key *key,
	struct bytes message, struct bytes signature)
{
	uint8_t digest[HASH_BYTES_MAX];
	if (!sig_fits_key(algorithm, key)) {
		return ERR_UNSUPPORTED;
	}
	if (algorithm->alg != SIG_ED25519) {
		hash_of(algorithm->hash, message, digest);
		return algorithm_verify_digest(algorithm, key, digest, signature);
	}
	enum err err = sig_verify(key->spki, key->kind, algorithm->alg, algorithm->hash, message, signature);
	return err == ERR_OK || err == ERR_UNSUPPORTED || err == ERR_NOMEM ? err : ERR_DENIED;
}

struct subject_key cert_subject_key(const struct cert *cert)
{
	return (struct subject_key){
		.spki = cert->spki, .kind = cert->key_kind, .bits = cert->key_bits, .rule = cert->key_rule};
}

enum err algorithm_verify_by(const struct sig_algorithm *algorithm, const struct cert *signer,
	struct bytes message, struct bytes signature)
{
	struct subject_key key = cert_subject_key(signer);
	return algorithm_verify(algorithm, &key, message, signature);
}
