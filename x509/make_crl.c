/*
 * make_crl.c - makes certificate revocation lists (RFC 5280 5).
 * Owns:    nothing; the caller's buf receives the DER.
 * Never:   keeps a key; makes what crl_parse() would not read.
 * Threads: any.
 */
#include "x509/make.h"

static void put_entry(struct der_writer *writer, const struct x509_make_revoked *revoked)
{
	der_put_begin(writer, DER_SEQUENCE);
	der_put(writer, DER_INTEGER, revoked->serial);
	der_put_time(writer, revoked->when);
	if (revoked->reason >= 0) {
		uint8_t code = (uint8_t)revoked->reason;
		der_put_begin(writer, DER_SEQUENCE);
		make_begin_extension(writer, "2.5.29.21", false);
		der_put(writer, DER_ENUMERATED, bytes_of(&code, 1));
		make_end_extension(writer);
		der_put_end(writer);
	}
	der_put_end(writer);
}

enum err x509_make_crl_extended(const struct cert *issuer, struct bytes issuer_key_pkcs8, int64_t this_update,
	int64_t next_update, uint64_t number, const struct x509_make_revoked *revoked, size_t revoked_count,
	const struct x509_make_extension *extensions, size_t extension_count, struct buf *out_der)
{
	struct buf tbs = BUF_INIT(X509_CRL_BYTES_MAX);
	struct buf spki = BUF_INIT(8192);
	struct crl *check = NULL;
	enum key_kind kind = KEY_KIND_COUNT_;
	size_t start = out_der->len;
	enum err err = key_public(issuer_key_pkcs8, &kind, &spki);
	if (err == ERR_OK && !bytes_equal(buf_bytes(&spki), issuer->spki)) {
		err = ERR_INVALID;
	}
	if (err != ERR_OK) {
		goto out;
	}
	struct der_writer writer = der_writer_init(&tbs);
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_uint(&writer, 1);
	make_put_algorithm(&writer, kind, false);
	der_put_raw(&writer, issuer->subject.der);
	der_put_time(&writer, this_update);
	if (next_update != X509_NEVER) {
		der_put_time(&writer, next_update);
	}
	if (revoked_count != 0) {
		der_put_begin(&writer, DER_SEQUENCE);
		for (size_t i = 0; i < revoked_count; i++) {
			put_entry(&writer, &revoked[i]);
		}
		der_put_end(&writer);
	}
	der_put_begin(&writer, DER_CONTEXT_CONSTRUCTED(0));
	der_put_begin(&writer, DER_SEQUENCE);
	make_put_authority_key_id(&writer, issuer->spki, issuer->ext.subject_key_id);
	make_begin_extension(&writer, "2.5.29.20", false);
	der_put_uint(&writer, number);
	make_end_extension(&writer);
	make_put_given(&writer, extensions, extension_count);
	der_put_end(&writer);
	der_put_end(&writer);
	der_put_end(&writer);
	err = der_writer_err(&writer);
	if (err == ERR_OK) {
		err = make_sign(buf_bytes(&tbs), issuer_key_pkcs8, kind, false, out_der);
	}
	if (err == ERR_OK) {
		err = crl_parse(bytes_of(out_der->data + start, out_der->len - start), &check, NULL);
		err = err == ERR_MALFORMED ? ERR_INVALID : err;
	}
out:
	if (err != ERR_OK) {
		out_der->len = start;
	}
	crl_unref(check);
	buf_release(&spki);
	buf_release(&tbs);
	return err;
}

enum err x509_make_crl(const struct cert *issuer, struct bytes issuer_key_pkcs8, int64_t this_update,
	int64_t next_update, uint64_t number, const struct x509_make_revoked *revoked, size_t revoked_count,
	struct buf *out_der)
{
	return x509_make_crl_extended(issuer, issuer_key_pkcs8, this_update, next_update, number, revoked,
		revoked_count, NULL, 0, out_der);
}
