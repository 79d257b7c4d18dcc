/*
 * pki.c - see pki.h.
 */
#include "tests/x509/pki.h"

#include "x509/internal.h"

void pki_init(void)
{
	REQUIRE("the cryptographic library starts", crypto_init() == ERR_OK);
}

struct secret pki_key(enum key_kind kind)
{
	struct secret key = SECRET_NONE;
	REQUIRE("a key is made", key_generate(kind, kind == KEY_RSA ? 2048 : 0, &key) == ERR_OK);
	return key;
}

struct pki pki_make(const struct pki *issuer, const struct x509_make *make, const char *common_name,
	const struct secret *key)
{
	struct pki out = {.cert = NULL, .key = SECRET_NONE};
	struct buf spki = BUF_INIT(8192);
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	struct x509_make_attribute subject = {.key = "CN", .value = common_name};
	struct x509_make full = *make;
	enum key_kind kind = KEY_KIND_COUNT_;
	if (full.subject_count == 0 && common_name != NULL) {
		full.subject = &subject;
		full.subject_count = 1;
	}
	if (full.not_before == 0 && full.not_after == 0) {
		full.not_before = PKI_NOW - PKI_DAY;
		full.not_after = PKI_NOW + (full.ca ? 10 : 1) * PKI_YEAR;
	}
	if (key != NULL) {
		REQUIRE(common_name, secret_copy(secret_bytes(key), &out.key) == ERR_OK);
	} else {
		out.key = pki_key(KEY_EC_P256);
	}
	REQUIRE(common_name, key_public(secret_bytes(&out.key), &kind, &spki) == ERR_OK);
	REQUIRE(common_name, x509_make_cert(&full, buf_bytes(&spki), issuer != NULL ? issuer->cert : NULL,
				     secret_bytes(issuer != NULL ? &issuer->key : &out.key), &der) == ERR_OK);
	REQUIRE(common_name, cert_parse(buf_bytes(&der), &out.cert, NULL) == ERR_OK);
	buf_release(&der);
	buf_release(&spki);
	return out;
}

struct pki pki_root(const char *common_name)
{
	return pki_make(NULL, &(struct x509_make){.ca = true, .path_length = -1}, common_name, NULL);
}

struct pki pki_ca(const struct pki *issuer, const char *common_name)
{
	return pki_make(issuer, &(struct x509_make){.ca = true, .path_length = -1}, common_name, NULL);
}

struct pki pki_leaf(const struct pki *issuer, const char *common_name)
{
	return pki_make(
		issuer, &(struct x509_make){.path_length = -1, .client_auth = true}, common_name, NULL);
}

struct pki pki_server(const struct pki *issuer, const char *common_name, const char *dns)
{
	return pki_make(issuer,
		&(struct x509_make){.path_length = -1, .server_auth = true, .dns = &dns, .dns_count = 1},
		common_name, NULL);
}

struct pki pki_self_signed(const char *common_name)
{
	return pki_leaf(NULL, common_name);
}

void pki_free(struct pki *pki)
{
	cert_unref(pki->cert);
	secret_free(&pki->key);
	pki->cert = NULL;
}

void pki_crl_der(const struct pki *issuer, uint64_t number, int64_t this_update, int64_t next_update,
	const struct cert *const *revoked, size_t count, struct buf *out)
{
	struct x509_make_revoked entries[64];
	REQUIRE("at most 64 revoked", count <= ARRAY_COUNT(entries));
	for (size_t i = 0; i < count; i++) {
		entries[i] = (struct x509_make_revoked){
			.serial = cert_serial(revoked[i]), .when = this_update, .reason = -1};
	}
	REQUIRE("a CRL is made", x509_make_crl(issuer->cert, secret_bytes(&issuer->key), this_update,
					 next_update, number, entries, count, out) == ERR_OK);
}

struct crl *pki_crl_at(const struct pki *issuer, uint64_t number, int64_t this_update, int64_t next_update,
	const struct cert *const *revoked, size_t count)
{
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	struct crl *crl = NULL;
	pki_crl_der(issuer, number, this_update, next_update, revoked, count, &der);
	REQUIRE("a made CRL is read", crl_parse(buf_bytes(&der), &crl, NULL) == ERR_OK);
	buf_release(&der);
	return crl;
}
struct crl *pki_crl(
	const struct pki *issuer, uint64_t number, const struct cert *const *revoked, size_t count)
{
	return pki_crl_at(issuer, number, PKI_NOW - PKI_DAY, PKI_NOW + 30 * PKI_DAY, revoked, count);
}

struct trust_set *pki_trust(const struct cert *anchor, const struct cert *pin)
{
	struct trust_set *set = NULL;
	struct trust_pin named = {.cert = pin, .name = "device"};
	REQUIRE("a trust set is made", trust_set_new(&anchor, anchor != NULL ? 1 : 0, &named,
					       pin != NULL ? 1 : 0, 1, &set) == ERR_OK);
	return set;
}

struct crl_set *pki_crls(const struct crl *a, const struct crl *b)
{
	const struct crl *both[2];
	size_t count = 0;
	struct crl_set *set = NULL;
	if (a != NULL) {
		both[count++] = a;
	}
	if (b != NULL) {
		both[count++] = b;
	}
	REQUIRE("a CRL set is made", crl_set_new(both, count, 1, &set) == ERR_OK);
	return set;
}

struct x509_answer pki_judge(const struct trust_set *trust, const struct crl_set *crls,
	enum x509_revocation revocation, const struct cert *leaf, const struct cert *a, const struct cert *b)
{
	const struct cert *chain[3] = {leaf};
	size_t count = 1;
	if (a != NULL) {
		chain[count++] = a;
	}
	if (b != NULL) {
		chain[count++] = b;
	}
	struct x509_question question = {.chain = chain,
		.chain_count = count,
		.trust = trust,
		.crls = crls,
		.now = PKI_NOW,
		.purpose = X509_PURPOSE_CLIENT,
		.revocation = revocation};
	struct x509_answer answer;
	x509_judge(&question, &answer);
	return answer;
}

struct pki pki_responder(const struct pki *issuer, const char *common_name, bool checked)
{
	static const uint8_t eku[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09};
	static const uint8_t null[] = {0x05, 0x00};
	const struct x509_make_extension extensions[] = {{"2.5.29.37", false, bytes_of(eku, sizeof(eku))},
		{"1.3.6.1.5.5.7.48.1.5", false, bytes_of(null, sizeof(null))}};
	return pki_make(issuer,
		&(struct x509_make){
			.path_length = -1, .extensions = extensions, .extension_count = checked ? 1 : 2},
		common_name, NULL);
}

void pki_ocsp_der(const struct pki_ocsp *make, struct buf *out)
{
	const struct pki *signer = make->signer != NULL ? make->signer : make->issuer;
	const struct cert *sent = signer->cert;
	struct x509_make_ocsp_single single = {.cert = make->cert,
		.issuer = make->issuer->cert,
		.hash = make->hash,
		.status = make->status,
		.revoked_at = PKI_NOW - PKI_DAY,
		.reason = make->reason != 0 ? make->reason : -1,
		.this_update = make->this_update != 0 ? make->this_update : PKI_NOW - 3600,
		.next_update = make->next_update != 0 ? make->next_update : PKI_NOW + PKI_DAY,
		.extensions = make->single_extensions,
		.extension_count = make->single_extension_count};
	struct x509_make_ocsp full = {.singles = &single,
		.single_count = 1,
		.produced_at = make->produced_at != 0 ? make->produced_at : single.this_update,
		.signer = signer->cert,
		.signer_key_pkcs8 = secret_bytes(&signer->key),
		.by_key = make->by_key,
		.sha1 = make->sha1,
		.certs = &sent,
		.cert_count = make->signer != NULL && !make->leave_out_signer ? 1 : 0,
		.nonce = make->nonce,
		.extensions = make->extensions,
		.extension_count = make->extension_count};
	REQUIRE("an OCSP response is made", x509_make_ocsp(&full, out) == ERR_OK);
}

struct ocsp_response *pki_ocsp_made(const struct pki_ocsp *make)
{
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	struct ocsp_response *response = NULL;
	pki_ocsp_der(make, &der);
	REQUIRE("a made OCSP response is read",
		ocsp_response_parse(buf_bytes(&der), &response, NULL) == ERR_OK);
	buf_release(&der);
	return response;
}

struct ocsp_response *pki_ocsp(const struct pki *issuer, const struct cert *cert, enum ocsp_says status)
{
	return pki_ocsp_made(&(struct pki_ocsp){.issuer = issuer, .cert = cert, .status = status});
}

void pki_ocsp_reply(const struct pki_ocsp_desk *desk, struct bytes request, struct buf *out)
{
	struct ocsp_request_view view;
	struct x509_make_ocsp failure = {.status = OCSP_STATUS_UNAUTHORIZED};
	if (ocsp_request_read(request, &view) != ERR_OK || view.count != 1) {
		failure.status = OCSP_STATUS_MALFORMED_REQUEST;
		REQUIRE("a responder answers", x509_make_ocsp(&failure, out) == ERR_OK);
		return;
	}
	for (size_t i = 0; i < desk->count; i++) {
		if (bytes_equal(cert_serial(desk->certs[i]), view.serials[0])) {
			pki_ocsp_der(&(struct pki_ocsp){.issuer = desk->issuer,
					     .cert = desk->certs[i],
					     .signer = desk->signer,
					     .status = desk->says[i],
					     .this_update = desk->this_update,
					     .next_update = desk->next_update,
					     .nonce = desk->keep_nonce ? view.nonce : BYTES_NONE},
				out);
			return;
		}
	}
	REQUIRE("a responder answers", x509_make_ocsp(&failure, out) == ERR_OK);
}

void pki_put_crl_algorithm(struct der_writer *out)
{
	der_put_begin(out, DER_SEQUENCE);
	der_put_oid(out, "1.2.840.10045.4.3.2");
	der_put_end(out);
}

void pki_put_extension(struct der_writer *out, const char *oid, bool critical, struct bytes value)
{
	der_put_begin(out, DER_SEQUENCE);
	der_put_oid(out, oid);
	if (critical) {
		der_put_bool(out, true);
	}
	der_put(out, DER_OCTET_STRING, value);
	der_put_end(out);
}

struct crl *pki_crl_of_tbs(const char *row, const struct pki *issuer, struct bytes tbs)
{
	struct buf signature = BUF_INIT(8192);
	struct buf der = BUF_INIT(65536);
	struct crl *crl = NULL;
	struct der_writer writer = der_writer_init(&der);
	REQUIRE(row, key_sign(secret_bytes(&issuer->key), HASH_SHA256, tbs, &signature) == ERR_OK);
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_raw(&writer, tbs);
	pki_put_crl_algorithm(&writer);
	der_put_bit_octets(&writer, buf_bytes(&signature));
	der_put_end(&writer);
	REQUIRE(row, der_writer_err(&writer) == ERR_OK);
	REQUIRE(row, crl_parse(buf_bytes(&der), &crl, NULL) == ERR_OK);
	buf_release(&signature);
	buf_release(&der);
	return crl;
}
