/*
 * algorithm.c - AlgorithmIdentifier and SubjectPublicKeyInfo (RFC 3279, 4055, 5480, 8410).
 * Owns:    nothing.
 * Never:   guesses: an algorithm that is not in the table is unsupported, a key of wrong form malformed.
 * Threads: any.
 */
#include "x509/internal.h"

enum parameters { PARAMETERS_NULL_OR_ABSENT, PARAMETERS_ABSENT, PARAMETERS_ANY };

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
	{RSA("\x0a"), false, SIG_RSA_PSS, HASH_SHA256, SIG_STRONG, PARAMETERS_ANY},
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
	case PARAMETERS_ANY: return true;
	}
	return false;
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
		if (!parameters_fit(in, algorithms[i].parameters)) {
			return ERR_MALFORMED;
		}
		out->supported = algorithms[i].supported;
		out->alg = algorithms[i].alg;
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

enum err spki_parse(struct bytes der, enum key_kind *kind, unsigned *bits)
{
	struct wire_reader in;
	struct wire_reader algorithm;
	struct bytes oid;
	struct bytes key;
	*kind = KEY_KIND_COUNT_;
	*bits = 0;
	if (der_single(der, DER_SEQUENCE, &in) != ERR_OK ||
		der_enter(&in, DER_SEQUENCE, &algorithm) != ERR_OK || der_oid(&algorithm, &oid) != ERR_OK ||
		der_bit_octets(&in, &key) != ERR_OK || der_end(&in) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (bytes_equal(oid, bytes_of("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9))) {
		if (!parameters_fit(algorithm, PARAMETERS_NULL_OR_ABSENT)) {
			return ERR_MALFORMED;
		}
		enum err err = rsa_bits(key, bits);
		if (err == ERR_OK) {
			*kind = KEY_RSA;
		}
		return err;
	}
	if (bytes_equal(oid, bytes_of("\x2a\x86\x48\xce\x3d\x02\x01", 7))) {
		return ec_key(&algorithm, key, kind, bits);
	}
	if (bytes_equal(oid, bytes_of("\x2b\x65\x70", 3))) {
		if (der_end(&algorithm) != ERR_OK || key.len != 32) {
			return ERR_MALFORMED;
		}
		*kind = KEY_ED25519;
		*bits = 256;
	}
	return ERR_OK;
}

bool sig_fits_key(const struct sig_algorithm *algorithm, enum key_kind kind)
{
	switch (kind) {
	case KEY_RSA: return algorithm->alg == SIG_RSA_PKCS1;
	case KEY_EC_P256:
	case KEY_EC_P384:
	case KEY_EC_P521: return algorithm->alg == SIG_ECDSA;
	case KEY_ED25519: return algorithm->alg == SIG_ED25519;
	case KEY_KIND_COUNT_: return false;
	}
	return false;
}
