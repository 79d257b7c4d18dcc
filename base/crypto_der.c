/*
 * crypto_der.c - the little DER that keys and signatures need; x509 has the whole of it.
 * Never:   accepts a length in long form that a shorter one could hold.
 * Threads: any; pure.
 */
#include "base/crypto_internal.h"

enum err crypto_der_get(struct wire_reader *reader, uint8_t tag, struct wire_reader *out)
{
	struct wire_reader at = *reader;
	uint8_t got_tag = 0;
	uint8_t first = 0;
	size_t len = 0;
	if (wire_get_u8(&at, &got_tag) != ERR_OK || got_tag != tag || wire_get_u8(&at, &first) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (first < 0x80) {
		len = first;
	} else {
		size_t count = first & 0x7fu;
		if (count == 0 || count > 4) {
			return ERR_MALFORMED;
		}
		for (size_t i = 0; i < count; i++) {
			uint8_t byte = 0;
			if (wire_get_u8(&at, &byte) != ERR_OK || (i == 0 && byte == 0)) {
				return ERR_MALFORMED;
			}
			len = len << 8 | byte;
		}
		if (len < 0x80) {
			return ERR_MALFORMED;
		}
	}
	if (wire_get_child(&at, len, out) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*reader = at;
	return ERR_OK;
}

enum err crypto_der_get_positive(struct wire_reader *reader, struct bytes *out)
{
	struct wire_reader content;
	enum err err = crypto_der_get(reader, DER_INTEGER, &content);
	if (err != ERR_OK) {
		return err;
	}
	struct bytes value = wire_reader_rest(&content);
	if (value.len == 0 || (value.data[0] & 0x80) != 0) {
		return ERR_MALFORMED; /* nothing, or negative */
	}
	if (value.data[0] == 0) {
		/* A leading zero byte is there only to keep the sign bit clear; zero itself is refused with it. */
		if (value.len == 1 || (value.data[1] & 0x80) == 0) {
			return ERR_MALFORMED;
		}
		value.data++;
		value.len--;
	}
	*out = value;
	return ERR_OK;
}

bool crypto_der_next_is(const struct wire_reader *reader, uint8_t tag)
{
	uint8_t next = 0;
	return wire_peek_u8(reader, &next) == ERR_OK && next == tag;
}

static const struct {
	enum key_kind kind;
	const char *name;
	size_t oid_len;
	uint8_t oid[10];
	size_t curve_len; /* 0: no named curve */
	uint8_t curve[10];
} crypto_kinds[] = {
	{KEY_RSA, "RSA", 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01}, 0, {0}},
	{KEY_EC_P256, "EC P-256", 7, {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}, 8,
		{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}},
	{KEY_EC_P384, "EC P-384", 7, {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}, 5,
		{0x2b, 0x81, 0x04, 0x00, 0x22}},
	{KEY_EC_P521, "EC P-521", 7, {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}, 5,
		{0x2b, 0x81, 0x04, 0x00, 0x23}},
	{KEY_ED25519, "Ed25519", 3, {0x2b, 0x65, 0x70}, 0, {0}},
};

const char *key_kind_name(enum key_kind kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(crypto_kinds); i++) {
		if (crypto_kinds[i].kind == kind) {
			return crypto_kinds[i].name;
		}
	}
	return "unknown";
}

/* Parameters: NULL for RSA (RFC 3279 2.3.1), a curve for EC (RFC 5480 2.1.1), none for Ed25519 (RFC 8410 3). */
enum err crypto_der_get_key_algorithm(struct wire_reader *reader, enum key_kind *kind)
{
	struct wire_reader algorithm;
	struct wire_reader oid;
	struct wire_reader curve = wire_reader_init(BYTES_NONE);
	enum err err = crypto_der_get(reader, DER_SEQUENCE, &algorithm);
	if (err == ERR_OK) {
		err = crypto_der_get(&algorithm, DER_OID, &oid);
	}
	if (err != ERR_OK) {
		return err;
	}
	bool has_null = false;
	if (crypto_der_next_is(&algorithm, DER_NULL)) {
		struct wire_reader null;
		err = crypto_der_get(&algorithm, DER_NULL, &null);
		if (err != ERR_OK || wire_reader_left(&null) != 0) {
			return ERR_MALFORMED;
		}
		has_null = true;
	} else if (crypto_der_next_is(&algorithm, DER_OID)) {
		err = crypto_der_get(&algorithm, DER_OID, &curve);
		if (err != ERR_OK) {
			return err;
		}
	}
	if (wire_reader_left(&algorithm) != 0) {
		return crypto_der_next_is(&algorithm, DER_SEQUENCE) ? ERR_UNSUPPORTED : ERR_MALFORMED;
	}
	struct bytes want_oid = wire_reader_rest(&oid);
	struct bytes want_curve = wire_reader_rest(&curve);
	for (size_t i = 0; i < ARRAY_COUNT(crypto_kinds); i++) {
		if (bytes_equal(want_oid, bytes_of(crypto_kinds[i].oid, crypto_kinds[i].oid_len)) &&
			bytes_equal(want_curve, bytes_of(crypto_kinds[i].curve, crypto_kinds[i].curve_len)) &&
			has_null == (crypto_kinds[i].kind == KEY_RSA)) {
			*kind = crypto_kinds[i].kind;
			return ERR_OK;
		}
	}
	return ERR_UNSUPPORTED;
}

int crypto_curve_of(enum key_kind kind, size_t *field_bytes)
{
	switch (kind) {
	case KEY_EC_P256: *field_bytes = 32; return ECC_SECP256R1;
	case KEY_EC_P384: *field_bytes = 48; return ECC_SECP384R1;
	case KEY_EC_P521: *field_bytes = 66; return ECC_SECP521R1;
	case KEY_RSA:
	case KEY_ED25519:
	case KEY_KIND_COUNT_: break;
	}
	*field_bytes = 0;
	return ECC_CURVE_INVALID;
}

static enum err crypto_parse_rsa_public(struct bytes in, struct crypto_public *out)
{
	struct wire_reader reader = wire_reader_init(in);
	struct wire_reader numbers;
	enum err err = crypto_der_get(&reader, DER_SEQUENCE, &numbers);
	if (err == ERR_OK) {
		err = crypto_der_get_positive(&numbers, &out->modulus);
	}
	if (err == ERR_OK) {
		err = crypto_der_get_positive(&numbers, &out->exponent);
	}
	if (err != ERR_OK || wire_reader_left(&numbers) != 0 || wire_reader_left(&reader) != 0) {
		return ERR_MALFORMED;
	}
	/* An even modulus is no RSA modulus; the exponent 1 would make every message its own signature. */
	bool one = out->exponent.len == 1 && out->exponent.data[0] == 1;
	if ((out->modulus.data[out->modulus.len - 1] & 1) == 0 ||
		(out->exponent.data[out->exponent.len - 1] & 1) == 0 || one) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

enum err crypto_parse_spki(struct bytes spki, struct crypto_public *out)
{
	struct wire_reader reader = wire_reader_init(spki);
	struct wire_reader info;
	struct wire_reader bits;
	struct crypto_public parsed = {0};
	uint8_t unused_bits = 0;
	enum err err = crypto_der_get(&reader, DER_SEQUENCE, &info);
	if (err != ERR_OK || wire_reader_left(&reader) != 0) {
		return ERR_MALFORMED;
	}
	err = crypto_der_get_key_algorithm(&info, &parsed.kind);
	if (err != ERR_OK) {
		return err;
	}
	if (crypto_der_get(&info, DER_BIT_STRING, &bits) != ERR_OK || wire_reader_left(&info) != 0 ||
		wire_get_u8(&bits, &unused_bits) != ERR_OK || unused_bits != 0) {
		return ERR_MALFORMED;
	}
	size_t field_bytes = 0;
	parsed.point = wire_reader_rest(&bits);
	if (parsed.kind == KEY_RSA) {
		err = crypto_parse_rsa_public(parsed.point, &parsed);
		if (err != ERR_OK) {
			return err;
		}
	} else if (parsed.kind == KEY_ED25519) {
		if (parsed.point.len != 32) {
			return ERR_MALFORMED;
		}
	} else {
		(void)crypto_curve_of(parsed.kind, &field_bytes);
		/* RFC 5480 2.2: other forms may be refused, and wolfSSL was not built with them. */
		if (parsed.point.len != 1 + 2 * field_bytes || parsed.point.data[0] != 0x04) {
			return ERR_MALFORMED;
		}
	}
	*out = parsed;
	return ERR_OK;
}

enum err crypto_parse_spki_pss(struct bytes spki, struct crypto_public *out)
{
	static const uint8_t id_rsassa_pss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};
	struct wire_reader reader = wire_reader_init(spki);
	struct wire_reader info;
	struct wire_reader algorithm;
	struct wire_reader oid;
	struct wire_reader bits;
	struct crypto_public parsed = {.kind = KEY_RSA};
	uint8_t unused_bits = 0;
	if (crypto_der_get(&reader, DER_SEQUENCE, &info) != ERR_OK || wire_reader_left(&reader) != 0 ||
		crypto_der_get(&info, DER_SEQUENCE, &algorithm) != ERR_OK ||
		crypto_der_get(&algorithm, DER_OID, &oid) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (!bytes_equal(wire_reader_rest(&oid), bytes_of(id_rsassa_pss, sizeof(id_rsassa_pss)))) {
		return crypto_parse_spki(spki, out);
	}
	if (crypto_der_get(&info, DER_BIT_STRING, &bits) != ERR_OK || wire_reader_left(&info) != 0 ||
		wire_get_u8(&bits, &unused_bits) != ERR_OK || unused_bits != 0) {
		return ERR_MALFORMED;
	}
	enum err err = crypto_parse_rsa_public(wire_reader_rest(&bits), &parsed);
	if (err == ERR_OK) {
		*out = parsed;
	}
	return err;
}

enum err crypto_digest_info(enum hash_alg alg, const uint8_t *digest, struct buf *out)
{
	/* RFC 8017 9.2 note 1: all that stands before the digest. */
	static const struct {
		uint8_t len;
		uint8_t data[19];
	} prefixes[HASH_COUNT_] = {
		[HASH_MD5] = {18, {0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
					  0x02, 0x05, 0x05, 0x00, 0x04, 0x10}},
		[HASH_SHA1] = {15, {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05,
					   0x00, 0x04, 0x14}},
		[HASH_SHA224] = {19, {0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
					     0x04, 0x02, 0x04, 0x05, 0x00, 0x04, 0x1c}},
		[HASH_SHA256] = {19, {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
					     0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}},
		[HASH_SHA384] = {19, {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
					     0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30}},
		[HASH_SHA512] = {19, {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
					     0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40}},
	};
	size_t start = out->len;
	enum err err = buf_append(out, bytes_of(prefixes[alg].data, prefixes[alg].len));
	if (err == ERR_OK) {
		err = buf_append(out, bytes_of(digest, hash_bytes(alg)));
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	return err;
}
