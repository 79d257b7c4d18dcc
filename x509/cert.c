/*
 * cert.c - one certificate: parsed once, strictly, then immutable (RFC 5280 4.1).
 * Owns:    the DER copy and everything that points into it.
 * Never:   judges; a certificate that nobody could accept (v1, unknown key, unknown critical extension) parses.
 * Threads: any; the count and the signature memo are atomic.
 */
#include <stdlib.h>
#include <string.h>

#include "x509/internal.h"

void parse_at(struct parse *parse, const struct wire_reader *in, const char *what)
{
	parse->at = wire_reader_rest(in).data;
	parse->what = what;
}

enum err parse_fail(const struct parse *parse, enum err err, struct x509_error *error)
{
	if (error != NULL) {
		error->err = err;
		error->what = parse->what != NULL ? parse->what : "encoding";
		error->offset = parse->at != NULL ? (size_t)(parse->at - parse->whole.data) : 0;
	}
	return err;
}

static enum err get_version(struct wire_reader *tbs, unsigned *version)
{
	struct wire_reader explicit_tag;
	uint32_t number = 0;
	*version = 1;
	if (!der_is_next(tbs, DER_CONTEXT_CONSTRUCTED(0))) {
		return ERR_OK;
	}
	if (der_enter(tbs, DER_CONTEXT_CONSTRUCTED(0), &explicit_tag) != ERR_OK ||
		der_uint(&explicit_tag, DER_INTEGER, &number) != ERR_OK || der_end(&explicit_tag) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (number < 1 || number > 2) {
		return ERR_MALFORMED; /* v1 is the default and may not be encoded (X.690 11.5); there is no v4 */
	}
	*version = number + 1;
	return ERR_OK;
}

static enum err get_name(struct wire_reader *tbs, struct name *out)
{
	struct der_item item;
	if (der_expect(tbs, DER_SEQUENCE, &item) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return name_parse(item.whole, true, out);
}

static enum err get_validity(struct wire_reader *tbs, struct cert *cert)
{
	struct wire_reader validity;
	if (der_enter(tbs, DER_SEQUENCE, &validity) != ERR_OK ||
		der_time(&validity, &cert->not_before) != ERR_OK ||
		der_time(&validity, &cert->not_after) != ERR_OK || der_end(&validity) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

/* issuerUniqueID [1], subjectUniqueID [2]: read for their form and otherwise not used (RFC 5280 4.1.2.8). */
static enum err skip_unique_ids(struct wire_reader *tbs, unsigned version)
{
	for (unsigned n = 1; n <= 2; n++) {
		struct bytes bits;
		unsigned unused = 0;
		if (!der_is_next(tbs, DER_CONTEXT(n))) {
			continue;
		}
		if (version < 2 || der_bit_string(tbs, DER_CONTEXT(n), &bits, &unused) != ERR_OK) {
			return ERR_MALFORMED;
		}
	}
	return ERR_OK;
}

static enum err get_extensions(struct wire_reader *tbs, struct parse *parse, struct cert *cert)
{
	struct wire_reader list;
	cert->ext.path_length = -1;
	if (!der_is_next(tbs, DER_CONTEXT_CONSTRUCTED(3))) {
		return ERR_OK;
	}
	parse_at(parse, tbs, "extensions");
	if (cert->version != 3 ||
		der_enter_explicit(tbs, DER_CONTEXT_CONSTRUCTED(3), DER_SEQUENCE, &list) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return extensions_parse(&list, parse, &cert->extension_table, &cert->extension_count, &cert->ext);
}

static enum err get_spki(struct wire_reader *tbs, struct cert *cert)
{
	struct der_item item;
	if (der_expect(tbs, DER_SEQUENCE, &item) != ERR_OK) {
		return ERR_MALFORMED;
	}
	cert->spki = item.whole;
	struct subject_key key;
	enum err err = spki_parse(item.whole, &key);
	if (err == ERR_OK) {
		cert->key_kind = key.kind;
		cert->key_bits = key.bits;
		cert->key_rule = key.rule;
	}
	return err;
}

static enum err parse_tbs(
	struct bytes tbs_whole, struct bytes outer_algorithm, struct parse *parse, struct cert *cert)
{
	struct wire_reader tbs;
	struct bytes algorithm;
	enum err err = der_single(tbs_whole, DER_SEQUENCE, &tbs);
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &tbs, "version");
	err = get_version(&tbs, &cert->version);
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &tbs, "serialNumber");
	if (der_integer(&tbs, &cert->serial) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (cert->serial.len > SERIAL_BYTES_MAX) {
		parse->what = "serialNumber is too long"; /* RFC 5280 4.1.2.2 */
		return ERR_MALFORMED;
	}
	parse_at(parse, &tbs, "signature algorithm inside and outside differ");
	if (der_value(&tbs, DER_SEQUENCE, &algorithm) != ERR_OK || !bytes_equal(algorithm, outer_algorithm)) {
		return ERR_MALFORMED; /* RFC 5280 4.1.1.2 */
	}
	parse_at(parse, &tbs, "issuer");
	err = get_name(&tbs, &cert->issuer);
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &tbs, "validity");
	err = get_validity(&tbs, cert);
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &tbs, "subject");
	err = get_name(&tbs, &cert->subject);
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &tbs, "subjectPublicKeyInfo");
	err = get_spki(&tbs, cert);
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &tbs, "unique identifiers");
	err = skip_unique_ids(&tbs, cert->version);
	if (err != ERR_OK) {
		return err;
	}
	err = get_extensions(&tbs, parse, cert);
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &tbs, "data behind the last field of tbsCertificate");
	return der_end(&tbs);
}

static enum err parse_into(struct parse *parse, struct cert *cert)
{
	struct wire_reader outer;
	struct der_item tbs;
	struct bytes algorithm;
	if (der_single(cert->der, DER_SEQUENCE, &outer) != ERR_OK ||
		der_expect(&outer, DER_SEQUENCE, &tbs) != ERR_OK) {
		parse->what = "certificate";
		return ERR_MALFORMED;
	}
	cert->tbs = tbs.whole;
	parse_at(parse, &outer, "signatureAlgorithm");
	if (der_value(&outer, DER_SEQUENCE, &algorithm) != ERR_OK ||
		algorithm_parse(algorithm, &cert->algorithm) != ERR_OK) {
		return ERR_MALFORMED;
	}
	parse_at(parse, &outer, "signatureValue");
	if (der_bit_octets(&outer, &cert->signature) != ERR_OK || der_end(&outer) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return parse_tbs(tbs.whole, algorithm, parse, cert);
}

enum err cert_parse(struct bytes der, struct cert **out, struct x509_error *error)
{
	struct parse parse = {.whole = der, .what = "size"};
	*out = NULL;
	if (der.len > X509_CERT_BYTES_MAX) {
		return parse_fail(&parse, ERR_LIMIT, error);
	}
	struct cert *cert = calloc(1, sizeof(*cert) + der.len);
	if (cert == NULL) {
		parse.what = "memory";
		return parse_fail(&parse, ERR_NOMEM, error);
	}
	atomic_init(&cert->refs, 1);
	atomic_init(&cert->memo.state, 0);
	atomic_init(&cert->not_memo.state, 0);
	if (der.len != 0) {
		memcpy(cert->bytes, der.data, der.len);
	}
	cert->der = bytes_of(cert->bytes, der.len);
	parse.whole = cert->der;
	enum err err = parse_into(&parse, cert);
	if (err != ERR_OK) {
		err = parse_fail(&parse, err, error);
		cert_unref(cert);
		return err;
	}
	cert->self_issued = name_equal(&cert->subject, &cert->issuer);
	hash_of(HASH_SHA256, cert->der, cert->sha256);
	hash_of(HASH_SHA256, cert->spki, cert->spki_sha256);
	*out = cert;
	return ERR_OK;
}

struct cert *cert_ref(const struct cert *cert)
{
	struct cert *counted = UNCONST(struct cert, cert);
	atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	return counted;
}

void cert_unref(struct cert *cert)
{
	if (cert == NULL || atomic_fetch_sub_explicit(&cert->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	name_release(&cert->issuer);
	name_release(&cert->subject);
	extensions_release(&cert->ext);
	free(cert->extension_table);
	free(cert);
}

struct bytes cert_der(const struct cert *cert)
{
	return cert->der;
}

struct bytes cert_spki(const struct cert *cert)
{
	return cert->spki;
}

struct bytes cert_serial(const struct cert *cert)
{
	return cert->serial;
}

struct bytes cert_subject_der(const struct cert *cert)
{
	return cert->subject.der;
}

struct bytes cert_issuer_der(const struct cert *cert)
{
	return cert->issuer.der;
}

int64_t cert_not_before(const struct cert *cert)
{
	return cert->not_before;
}

int64_t cert_not_after(const struct cert *cert)
{
	return cert->not_after;
}

unsigned cert_version(const struct cert *cert)
{
	return cert->version;
}

bool cert_is_ca(const struct cert *cert)
{
	return cert->ext.ca;
}

bool cert_is_self_issued(const struct cert *cert)
{
	return cert->self_issued;
}

enum key_kind cert_key_kind(const struct cert *cert)
{
	return cert->key_kind;
}

unsigned cert_key_bits(const struct cert *cert)
{
	return cert->key_bits;
}

const uint8_t *cert_sha256(const struct cert *cert)
{
	return cert->sha256;
}

struct bytes cert_extension(const struct cert *cert, const char *oid, bool *critical)
{
	uint8_t content[DER_OID_BYTES_MAX];
	size_t len = 0;
	if (der_oid_parse(oid, content, &len) != ERR_OK) {
		return BYTES_NONE;
	}
	for (size_t i = 0; i < cert->extension_count; i++) {
		if (bytes_equal(cert->extension_table[i].oid, bytes_of(content, len))) {
			if (critical != NULL) {
				*critical = cert->extension_table[i].critical;
			}
			return cert->extension_table[i].value;
		}
	}
	return BYTES_NONE;
}

bool x509_oid_valid(const char *text)
{
	uint8_t content[DER_OID_BYTES_MAX];
	size_t len = 0;
	return der_oid_parse(text, content, &len) == ERR_OK;
}

size_t cert_attribute_count(const struct cert *cert, bool subject)
{
	return subject ? cert->subject.attribute_count : cert->issuer.attribute_count;
}

struct x509_attribute cert_attribute(const struct cert *cert, bool subject, size_t index)
{
	const struct name *name = subject ? &cert->subject : &cert->issuer;
	if (index >= name->attribute_count) {
		return (struct x509_attribute){.oid = "?", .key = NULL, .value = BYTES_NONE, .raw = true};
	}
	const struct attribute *attribute = &name->attributes[index];
	return (struct x509_attribute){.oid = attribute->oid,
		.key = attribute->key,
		.value = attribute->value,
		.raw = attribute->raw};
}

size_t cert_san_count(const struct cert *cert)
{
	return cert->ext.san_count;
}

enum san_kind cert_san(const struct cert *cert, size_t index, struct bytes *value)
{
	if (index >= cert->ext.san_count) {
		*value = BYTES_NONE;
		return SAN_OTHER;
	}
	const struct general_name *name = &cert->ext.sans[index];
	*value = name->value;
	switch (name->tag) {
	case DER_CONTEXT(1): return SAN_EMAIL;
	case DER_CONTEXT(2): return SAN_DNS;
	case DER_CONTEXT(6): return SAN_URI;
	case DER_CONTEXT(7): return SAN_IP;
	case DER_CONTEXT_CONSTRUCTED(4): return SAN_DIRECTORY;
	default: return SAN_OTHER;
	}
}

enum err cert_verify_issued_by(const struct cert *cert, const struct cert *issuer)
{
	if (!name_equal(&cert->issuer, &issuer->subject)) {
		return ERR_DENIED;
	}
	return algorithm_verify_by(&cert->algorithm, issuer, cert->tbs, cert->signature);
}
