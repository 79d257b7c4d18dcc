/*
 * csr.c - certification requests, PKCS#10 (RFC 2986): read strictly, and made.
 * Owns:    the DER copy of a parsed request.
 * Never:   hands out a key whose holder did not sign the request.
 * Threads: any.
 */
#include <stdlib.h>
#include <string.h>

#include "x509/make.h"

#define CSR_BYTES_MAX X509_CERT_BYTES_MAX

struct csr {
	struct name subject;
	struct bytes spki;
	uint8_t bytes[];
};

/* info: the whole CertificationRequestInfo. */
static enum err parse_info(struct bytes info, struct parse *parse, struct csr *csr)
{
	struct wire_reader in;
	struct der_item item;
	struct bytes attributes;
	uint32_t version = 0;
	if (der_single(info, DER_SEQUENCE, &in) != ERR_OK) {
		return ERR_MALFORMED;
	}
	parse_at(parse, &in, "version");
	if (der_uint(&in, DER_INTEGER, &version) != ERR_OK || version != 0) {
		return ERR_MALFORMED;
	}
	parse_at(parse, &in, "subject");
	if (der_expect(&in, DER_SEQUENCE, &item) != ERR_OK) {
		return ERR_MALFORMED;
	}
	enum err err = name_parse(item.whole, true, &csr->subject);
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &in, "subjectPublicKeyInfo");
	if (der_expect(&in, DER_SEQUENCE, &item) != ERR_OK) {
		return ERR_MALFORMED;
	}
	csr->spki = item.whole;
	parse_at(parse, &in, "attributes");
	if (der_value(&in, DER_CONTEXT_CONSTRUCTED(0), &attributes) != ERR_OK) {
		return ERR_MALFORMED; /* they are not optional; what they ask for is not granted */
	}
	return der_end(&in);
}

static enum err parse_into(struct bytes der, struct parse *parse, struct csr *csr)
{
	struct wire_reader outer;
	struct der_item info;
	struct bytes algorithm_content;
	struct bytes signature;
	struct sig_algorithm algorithm;
	struct subject_key key;
	if (der_single(der, DER_SEQUENCE, &outer) != ERR_OK ||
		der_expect(&outer, DER_SEQUENCE, &info) != ERR_OK ||
		der_value(&outer, DER_SEQUENCE, &algorithm_content) != ERR_OK ||
		algorithm_parse(algorithm_content, &algorithm) != ERR_OK ||
		der_bit_octets(&outer, &signature) != ERR_OK || der_end(&outer) != ERR_OK) {
		parse->what = "certification request";
		return ERR_MALFORMED;
	}
	enum err err = parse_info(info.whole, parse, csr);
	if (err == ERR_OK) {
		err = spki_parse(csr->spki, &key);
	}
	if (err != ERR_OK) {
		return err;
	}
	parse->what = "signature of the request";
	return algorithm.strength == SIG_BROKEN ? ERR_UNSUPPORTED
						: algorithm_verify(&algorithm, &key, info.whole, signature);
}

enum err csr_parse(struct bytes der, struct csr **out, struct x509_error *error)
{
	struct parse parse = {.whole = der, .what = "size"};
	*out = NULL;
	if (der.len > CSR_BYTES_MAX) {
		return parse_fail(&parse, ERR_LIMIT, error);
	}
	parse.what = "memory";
	struct csr *csr = calloc(1, sizeof(*csr) + der.len);
	if (csr == NULL) {
		return parse_fail(&parse, ERR_NOMEM, error);
	}
	if (der.len != 0) {
		memcpy(csr->bytes, der.data, der.len);
	}
	parse.whole = bytes_of(csr->bytes, der.len);
	enum err err = parse_into(parse.whole, &parse, csr);
	if (err != ERR_OK) {
		err = parse_fail(&parse, err, error);
		csr_free(csr);
		return err;
	}
	*out = csr;
	return ERR_OK;
}

void csr_free(struct csr *csr)
{
	if (csr != NULL) {
		name_release(&csr->subject);
		free(csr);
	}
}

struct bytes csr_spki(const struct csr *csr)
{
	return csr->spki;
}

enum err csr_common_name(const struct csr *csr, char **out)
{
	for (size_t i = 0; i < csr->subject.attribute_count; i++) {
		const struct attribute *attribute = &csr->subject.attributes[i];
		if (attribute->key != NULL && strcmp(attribute->key, "CN") == 0 && !attribute->raw) {
			return bytes_dup_text(attribute->value, out);
		}
	}
	return ERR_NOT_FOUND;
}

size_t csr_attribute_count(const struct csr *csr)
{
	return csr->subject.attribute_count;
}

struct x509_attribute csr_attribute(const struct csr *csr, size_t index)
{
	if (index >= csr->subject.attribute_count) {
		return (struct x509_attribute){.oid = "?", .key = NULL, .value = BYTES_NONE, .raw = true};
	}
	const struct attribute *attribute = &csr->subject.attributes[index];
	return (struct x509_attribute){.oid = attribute->oid,
		.key = attribute->key,
		.value = attribute->value,
		.raw = attribute->raw};
}

enum err csr_make(const struct x509_make_attribute *subject, size_t subject_count, struct bytes key_pkcs8,
	struct buf *out_der)
{
	struct buf info = BUF_INIT(CSR_BYTES_MAX);
	struct buf spki = BUF_INIT(8192);
	enum key_kind kind = KEY_KIND_COUNT_;
	enum err err = key_public(key_pkcs8, &kind, &spki);
	if (err == ERR_OK) {
		struct der_writer writer = der_writer_init(&info);
		der_put_begin(&writer, DER_SEQUENCE);
		der_put_uint(&writer, 0);
		make_put_name(&writer, subject, subject_count);
		der_put_raw(&writer, buf_bytes(&spki));
		der_put(&writer, DER_CONTEXT_CONSTRUCTED(0), BYTES_NONE);
		der_put_end(&writer);
		err = der_writer_err(&writer);
	}
	if (err == ERR_OK) {
		err = make_sign(buf_bytes(&info), key_pkcs8, kind, false, out_der);
	}
	buf_release(&spki);
	buf_release(&info);
	return err;
}
