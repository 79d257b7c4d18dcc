/*
 * make_ocsp.c - makes OCSP responses, and reads requests as a responder does (RFC 6960 4): for tests and demonstrations.
 * Owns:    nothing; the caller's buf receives the DER.
 * Never:   keeps a key; makes what ocsp_response_parse() would not read.
 * Threads: any.
 */
#include <string.h>

#include "x509/make.h"
#include "x509/ocsp.h"
#include "x509/time.h"

#define OID_BASIC "1.3.6.1.5.5.7.48.1.1"
#define OID_NONCE "1.3.6.1.5.5.7.48.1.2"

/* RFC 6960 knows GeneralizedTime alone, also before 2050. */
static void put_time(struct der_writer *writer, int64_t when)
{
	char text[TIME_SECOND_BYTES];
	char plain[TIME_SECOND_BYTES];
	size_t len = 0;
	time_second(when, text);
	for (size_t i = 0; text[i] != '\0'; i++) {
		if ((text[i] >= '0' && text[i] <= '9') || text[i] == 'Z') {
			plain[len++] = text[i];
		}
	}
	der_put(writer, DER_GENERALIZED_TIME, bytes_of(plain, len));
}

static void put_extensions(struct der_writer *writer, struct bytes nonce,
	const struct x509_make_extension *extensions, size_t count)
{
	if (nonce.len == 0 && count == 0) {
		return;
	}
	der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(1));
	der_put_begin(writer, DER_SEQUENCE);
	if (nonce.len != 0) {
		make_begin_extension(writer, OID_NONCE, false);
		der_put(writer, DER_OCTET_STRING, nonce);
		make_end_extension(writer);
	}
	make_put_given(writer, extensions, count);
	der_put_end(writer);
	der_put_end(writer);
}

static void put_cert_status(struct der_writer *writer, const struct x509_make_ocsp_single *single)
{
	switch (single->status) {
	case OCSP_SAYS_GOOD: der_put(writer, DER_CONTEXT(0), BYTES_NONE); return;
	case OCSP_SAYS_UNKNOWN: der_put(writer, DER_CONTEXT(2), BYTES_NONE); return;
	case OCSP_SAYS_REVOKED: break;
	}
	der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(1));
	put_time(writer, single->revoked_at);
	if (single->reason >= 0) {
		uint8_t code = (uint8_t)single->reason;
		der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(0));
		der_put(writer, DER_ENUMERATED, bytes_of(&code, 1));
		der_put_end(writer);
	}
	der_put_end(writer);
}

static void put_single(struct der_writer *writer, const struct x509_make_ocsp_single *single)
{
	enum hash_alg hash = single->hash == HASH_MD5 ? HASH_SHA1 : single->hash;
	der_put_begin(writer, DER_SEQUENCE);
	ocsp_put_cert_id(writer, hash, single->cert, single->issuer,
		single->serial.len != 0 ? single->serial : single->cert->serial);
	put_cert_status(writer, single);
	put_time(writer, single->this_update);
	if (single->next_update != X509_NEVER) {
		der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(0));
		put_time(writer, single->next_update);
		der_put_end(writer);
	}
	put_extensions(writer, BYTES_NONE, single->extensions, single->extension_count);
	der_put_end(writer);
}

static void put_tbs(struct der_writer *writer, const struct x509_make_ocsp *make)
{
	der_put_begin(writer, DER_SEQUENCE);
	if (make->by_key) {
		der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(2));
		make_put_key_id(writer, DER_OCTET_STRING, make->signer->spki);
		der_put_end(writer);
	} else {
		der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(1));
		der_put_raw(writer, make->signer->subject.der);
		der_put_end(writer);
	}
	put_time(writer, make->produced_at);
	der_put_begin(writer, DER_SEQUENCE);
	for (size_t i = 0; i < make->single_count; i++) {
		put_single(writer, &make->singles[i]);
	}
	der_put_end(writer);
	put_extensions(writer, make->nonce, make->extensions, make->extension_count);
	der_put_end(writer);
}

/* BasicOCSPResponse: as make_sign() makes it, with the certificates behind the signature. */
static enum err make_basic(const struct x509_make_ocsp *make, struct buf *out)
{
	struct buf tbs = BUF_INIT(X509_OCSP_BYTES_MAX);
	struct buf spki = BUF_INIT(8192);
	struct buf signed_part = BUF_INIT(X509_OCSP_BYTES_MAX);
	struct wire_reader inner;
	enum key_kind kind = KEY_KIND_COUNT_;
	enum err err = key_public(make->signer_key_pkcs8, &kind, &spki);
	if (err == ERR_OK && !bytes_equal(buf_bytes(&spki), make->signer->spki)) {
		err = ERR_INVALID;
	}
	if (err != ERR_OK) {
		goto out;
	}
	struct der_writer writer = der_writer_init(&tbs);
	put_tbs(&writer, make);
	err = der_writer_err(&writer);
	if (err == ERR_OK) {
		err = make_sign(buf_bytes(&tbs), make->signer_key_pkcs8, kind, make->sha1, &signed_part);
	}
	if (err == ERR_OK) {
		err = der_single(buf_bytes(&signed_part), DER_SEQUENCE, &inner);
	}
	if (err != ERR_OK) {
		goto out;
	}
	writer = der_writer_init(out);
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_raw(&writer, wire_reader_rest(&inner));
	if (make->cert_count != 0) {
		der_put_begin(&writer, DER_CONTEXT_CONSTRUCTED(0));
		der_put_begin(&writer, DER_SEQUENCE);
		for (size_t i = 0; i < make->cert_count; i++) {
			der_put_raw(&writer, make->certs[i]->der);
		}
		der_put_end(&writer);
		der_put_end(&writer);
	}
	der_put_end(&writer);
	err = der_writer_err(&writer);
out:
	buf_release(&signed_part);
	buf_release(&spki);
	buf_release(&tbs);
	return err;
}

static enum err check_values(const struct x509_make_ocsp *make)
{
	for (size_t i = 0; i < make->single_count; i++) {
		enum hash_alg hash = make->singles[i].hash;
		if (hash != HASH_MD5 && ocsp_hash_oid(hash) == NULL) {
			return ERR_INVALID;
		}
	}
	return make->nonce.len <= X509_OCSP_NONCE_MAX ? ERR_OK : ERR_INVALID;
}

enum err x509_make_ocsp(const struct x509_make_ocsp *make, struct buf *out_der)
{
	struct buf basic = BUF_INIT(X509_OCSP_BYTES_MAX);
	struct ocsp_response *check = NULL;
	uint8_t status = (uint8_t)make->status;
	size_t start = out_der->len;
	enum err err = check_values(make);
	if (err == ERR_OK && make->status == OCSP_STATUS_SUCCESSFUL) {
		err = make_basic(make, &basic);
	}
	if (err != ERR_OK) {
		goto out;
	}
	struct der_writer writer = der_writer_init(out_der);
	der_put_begin(&writer, DER_SEQUENCE);
	der_put(&writer, DER_ENUMERATED, bytes_of(&status, 1));
	if (make->status == OCSP_STATUS_SUCCESSFUL) {
		der_put_begin(&writer, DER_CONTEXT_CONSTRUCTED(0));
		der_put_begin(&writer, DER_SEQUENCE);
		der_put_oid(&writer, OID_BASIC);
		der_put(&writer, DER_OCTET_STRING, buf_bytes(&basic));
		der_put_end(&writer);
		der_put_end(&writer);
	}
	der_put_end(&writer);
	err = der_writer_err(&writer);
	if (err == ERR_OK) {
		err = ocsp_response_parse(
			bytes_of(out_der->data + start, out_der->len - start), &check, NULL);
		err = err == ERR_MALFORMED ? ERR_INVALID : err;
	}
out:
	if (err != ERR_OK) {
		out_der->len = start;
	}
	ocsp_response_unref(check);
	buf_release(&basic);
	return err;
}

/* --- a responder's view, for tests --- */

static enum err read_request(struct wire_reader *list, struct ocsp_request_view *out)
{
	struct wire_reader request;
	struct wire_reader id;
	struct bytes ignored;
	if (out->count == ARRAY_COUNT(out->serials)) {
		return ERR_LIMIT;
	}
	if (der_enter(list, DER_SEQUENCE, &request) != ERR_OK ||
		der_enter(&request, DER_SEQUENCE, &id) != ERR_OK ||
		der_value(&id, DER_SEQUENCE, &ignored) != ERR_OK ||
		der_value(&id, DER_OCTET_STRING, &ignored) != ERR_OK ||
		der_value(&id, DER_OCTET_STRING, &ignored) != ERR_OK ||
		der_integer(&id, &out->serials[out->count]) != ERR_OK || der_end(&id) != ERR_OK ||
		(wire_reader_left(&request) != 0 &&
			der_value(&request, DER_CONTEXT_CONSTRUCTED(0), &ignored) != ERR_OK) ||
		der_end(&request) != ERR_OK) {
		return ERR_MALFORMED;
	}
	out->count++;
	return ERR_OK;
}

static enum err read_extensions(struct wire_reader *tbs, struct ocsp_request_view *out)
{
	struct wire_reader list;
	struct extension_walk walk;
	uint8_t oid[DER_OID_BYTES_MAX];
	size_t oid_len = 0;
	if (der_oid_parse(OID_NONCE, oid, &oid_len) != ERR_OK ||
		der_enter_explicit(tbs, DER_CONTEXT_CONSTRUCTED(2), DER_SEQUENCE, &list) != ERR_OK ||
		extension_walk_begin(&walk, list, OCSP_EXTENSIONS_MAX) != ERR_OK) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&walk.list) != 0) {
		struct extension extension;
		enum err err = extension_walk_next(&walk, &extension);
		if (err != ERR_OK) {
			return err;
		}
		struct wire_reader value = wire_reader_init(extension.value);
		if (bytes_equal(extension.oid, bytes_of(oid, oid_len)) &&
			der_value(&value, DER_OCTET_STRING, &out->nonce) != ERR_OK) {
			return ERR_MALFORMED;
		}
	}
	return ERR_OK;
}

enum err ocsp_request_read(struct bytes der, struct ocsp_request_view *out)
{
	struct wire_reader request;
	struct wire_reader tbs;
	struct wire_reader list;
	struct bytes ignored;
	*out = (struct ocsp_request_view){.count = 0};
	if (der_single(der, DER_SEQUENCE, &request) != ERR_OK ||
		der_enter(&request, DER_SEQUENCE, &tbs) != ERR_OK ||
		(der_is_next(&tbs, DER_CONTEXT_CONSTRUCTED(0)) &&
			der_value(&tbs, DER_CONTEXT_CONSTRUCTED(0), &ignored) != ERR_OK) ||
		(der_is_next(&tbs, DER_CONTEXT_CONSTRUCTED(1)) &&
			der_value(&tbs, DER_CONTEXT_CONSTRUCTED(1), &ignored) != ERR_OK) ||
		der_enter(&tbs, DER_SEQUENCE, &list) != ERR_OK) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&list) != 0) {
		enum err err = read_request(&list, out);
		if (err != ERR_OK) {
			return err;
		}
	}
	return wire_reader_left(&tbs) != 0 ? read_extensions(&tbs, out) : ERR_OK;
}
