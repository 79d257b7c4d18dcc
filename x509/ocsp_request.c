/*
 * ocsp_request.c - what is asked, of whom, and under which name the answer is kept (RFC 6960 4.1, RFC 5019 2).
 * Owns:    nothing; the caller's buf receives the DER.
 * Never:   connects anywhere.
 * Threads: any.
 *
 * One request asks about one certificate, so that its answer can be kept under one name, and is not signed.
 */
#include <string.h>
#include <strings.h>

#include "x509/ocsp.h"

#define OID_NONCE "1.3.6.1.5.5.7.48.1.2"

void ocsp_put_cert_id(struct der_writer *writer, enum hash_alg hash, const struct cert *cert,
	const struct cert *issuer, struct bytes serial)
{
	uint8_t digest[HASH_BYTES_MAX];
	size_t len = hash_bytes(hash);
	der_put_begin(writer, DER_SEQUENCE);
	der_put_begin(writer, DER_SEQUENCE);
	der_put_oid(writer, ocsp_hash_oid(hash));
	der_put(writer, DER_NULL, BYTES_NONE);
	der_put_end(writer);
	hash_of(hash, cert->issuer.der, digest);
	der_put(writer, DER_OCTET_STRING, bytes_of(digest, len));
	hash_of(hash, ocsp_key_octets(issuer), digest);
	der_put(writer, DER_OCTET_STRING, bytes_of(digest, len));
	der_put(writer, DER_INTEGER, serial);
	der_put_end(writer);
}

static void put_nonce(struct der_writer *writer, struct bytes nonce)
{
	der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(2));
	der_put_begin(writer, DER_SEQUENCE);
	der_put_begin(writer, DER_SEQUENCE);
	der_put_oid(writer, OID_NONCE);
	der_put_begin(writer, DER_OCTET_STRING);
	der_put(writer, DER_OCTET_STRING, nonce);
	der_put_end(writer);
	der_put_end(writer);
	der_put_end(writer);
	der_put_end(writer);
}

enum err ocsp_request_make(const struct cert *cert, const struct cert *issuer, enum hash_alg hash,
	struct bytes nonce, struct buf *out)
{
	size_t start = out->len;
	if (ocsp_hash_oid(hash) == NULL || nonce.len > X509_OCSP_NONCE_MAX) {
		return ERR_INVALID;
	}
	struct der_writer writer = der_writer_init(out);
	der_put_begin(&writer, DER_SEQUENCE); /* OCSPRequest */
	der_put_begin(&writer, DER_SEQUENCE); /* TBSRequest */
	der_put_begin(&writer, DER_SEQUENCE); /* requestList */
	der_put_begin(&writer, DER_SEQUENCE); /* Request */
	ocsp_put_cert_id(&writer, hash, cert, issuer, cert->serial);
	der_put_end(&writer);
	der_put_end(&writer);
	if (nonce.len != 0) {
		put_nonce(&writer, nonce);
	}
	der_put_end(&writer);
	der_put_end(&writer);
	enum err err = der_writer_err(&writer);
	if (err != ERR_OK) {
		out->len = start;
	}
	return err;
}

void ocsp_key(const struct cert *cert, const struct cert *issuer, uint8_t out[SHA256_BYTES])
{
	uint8_t name[SHA256_BYTES];
	hash_of(HASH_SHA256, cert->issuer.der, name);
	const struct bytes parts[] = {bytes_of(name, sizeof(name)),
		bytes_of(issuer->spki_sha256, SHA256_BYTES),
		cert->serial}; /* only the last varies in length */
	hash_of_parts(HASH_SHA256, parts, ARRAY_COUNT(parts), out);
}

/* --- of whom --- */

/* http or https, printable ASCII without spaces, short enough; whatever else a URL may hold is for who connects. */
static bool take_url(struct bytes value, char out[X509_URL_BYTES])
{
	static const char *const schemes[] = {"http://", "https://"};
	bool fits = false;
	if (value.len == 0 || value.len >= X509_URL_BYTES) {
		return false;
	}
	memcpy(out, value.data, value.len);
	out[value.len] = '\0';
	for (size_t i = 0; i < value.len; i++) {
		if (out[i] <= 0x20 || out[i] >= 0x7f) {
			return false;
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(schemes) && !fits; i++) {
		size_t len = strlen(schemes[i]);
		fits = strncasecmp(out, schemes[i], len) == 0 && value.len > len;
	}
	return fits;
}

/* The URL at *index counts; true: it is in out. */
static bool count_url(const struct general_name *name, size_t *index, char out[X509_URL_BYTES])
{
	if (name->tag != DER_CONTEXT(6) || !take_url(name->value, out)) {
		return false;
	}
	return (*index)-- == 0;
}

bool cert_ocsp_url(const struct cert *cert, size_t index, char out[X509_URL_BYTES])
{
	static const uint8_t ocsp[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01};
	struct wire_reader list;
	if (index >= X509_CERT_URLS_MAX || !cert->ext.has[EXT_AUTHORITY_INFO_ACCESS] ||
		der_single(cert->ext.value[EXT_AUTHORITY_INFO_ACCESS], DER_SEQUENCE, &list) != ERR_OK) {
		return false;
	}
	while (wire_reader_left(&list) != 0) { /* RFC 5280 4.2.2.1: AccessDescription */
		struct wire_reader access;
		struct bytes method;
		struct general_name name;
		if (der_enter(&list, DER_SEQUENCE, &access) != ERR_OK ||
			der_oid(&access, &method) != ERR_OK || general_name_next(&access, &name) != ERR_OK ||
			der_end(&access) != ERR_OK) {
			return false;
		}
		if (bytes_equal(method, bytes_of(ocsp, sizeof(ocsp))) && count_url(&name, &index, out)) {
			return true;
		}
	}
	return false;
}

/* Of CRLDistributionPoints, which freshestCRL is too. */
static bool point_url(struct bytes points, size_t index, char out[X509_URL_BYTES])
{
	struct wire_reader list;
	struct distribution_point point;
	if (index >= X509_CERT_URLS_MAX || der_single(points, DER_SEQUENCE, &list) != ERR_OK) {
		return false;
	}
	while (wire_reader_left(&list) != 0 && distribution_point_next(&list, &point) == ERR_OK) {
		if (point.point.kind != POINT_FULL) {
			continue;
		}
		struct wire_reader names = wire_reader_init(point.point.value);
		struct general_name name;
		while (wire_reader_left(&names) != 0 && general_name_next(&names, &name) == ERR_OK) {
			if (count_url(&name, &index, out)) {
				return true;
			}
		}
	}
	return false;
}

bool cert_crl_url(const struct cert *cert, size_t index, char out[X509_URL_BYTES])
{
	return cert->ext.has[EXT_CRL_DISTRIBUTION_POINTS] &&
	       point_url(cert->ext.value[EXT_CRL_DISTRIBUTION_POINTS], index, out);
}

/* Nobody is refused for a freshestCRL that cannot be read, so it is not looked at before this. */
static bool freshest_is_whole(struct bytes value)
{
	struct wire_reader list;
	struct distribution_point point;
	if (value.len > X509_FRESHEST_BYTES_MAX || der_single(value, DER_SEQUENCE, &list) != ERR_OK) {
		return false;
	}
	while (wire_reader_left(&list) != 0) {
		if (distribution_point_next(&list, &point) != ERR_OK) {
			return false;
		}
		struct wire_reader names =
			wire_reader_init(point.point.kind == POINT_FULL ? point.point.value : BYTES_NONE);
		struct general_name name;
		while (wire_reader_left(&names) != 0) {
			if (general_name_next(&names, &name) != ERR_OK) {
				return false;
			}
		}
	}
	return true;
}

bool cert_freshest_url(const struct cert *cert, size_t index, char out[X509_URL_BYTES])
{
	return cert->ext.has[EXT_FRESHEST_CRL] && freshest_is_whole(cert->ext.value[EXT_FRESHEST_CRL]) &&
	       point_url(cert->ext.value[EXT_FRESHEST_CRL], index, out);
}

bool crl_freshest_url(const struct crl *crl, size_t index, char out[X509_URL_BYTES])
{
	/* RFC 5280 5.2.6: it must not be in a delta list. */
	return !crl_is_delta(crl) && freshest_is_whole(crl->freshest) && point_url(crl->freshest, index, out);
}
