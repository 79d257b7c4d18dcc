/*
 * test_ocsp.c - BoringSSL's OCSP cases, and pyca's vectors of responses and requests. 35 of BoringSSL's 36 agree; the other is
 *               refused earlier. With the path of the program as its argument, each of BoringSSL's goes to `lockgate cert verify` as well.
 *
 * BoringSSL's CAs are no CAs by their extensions. For a whole chain to be judged, the anchor is made here: same name and key, and
 * a CA. (An anchor's own signature says nothing, RFC 5280 6.1: what signs it has nothing to do with the case.)
 *
 * BoringSSL judges at 2017-03-05 and takes an answer without nextUpdate for a week, as we do. Its responses are signed with
 * SHA-1, so that ALLOWSHA1 is on; without it none but the one signed with SHA-256 may pass.
 */
#include <string.h>

#include "base/file.h"
#include "base/pem.h"
#include "tests/conformance/by_command.h"
#include "tests/x509/pki.h"
#include "x509/ocsp.h"

#define FILE_BYTES_MAX (1024u * 1024u)
#define BORING_NOW     INT64_C(1488672000) /* 2017-03-05T00:00:00Z */
#define BORING_CASES   36u

struct boring {
	struct ocsp_response *response; /* NULL: it cannot be read */
	struct cert *ca, *leaf;
	struct buf response_der, leaf_der; /* as they stand in the file */
};

static void boring_read(const char *path, struct boring *out)
{
	struct buf content = BUF_INIT(FILE_BYTES_MAX);
	struct buf der = BUF_INIT(FILE_BYTES_MAX);
	struct bytes label;
	REQUIRE(path, file_read(path, FILE_BYTES_MAX, &content) == ERR_OK);
	struct bytes text = buf_bytes(&content);
	enum err err = ERR_OK;
	while ((err = pem_next(&text, &label, &der)) == ERR_OK) {
		if (bytes_equal_text(label, "OCSP RESPONSE")) {
			(void)!ocsp_response_parse(buf_bytes(&der), &out->response, NULL);
			CHECK(path, buf_append(&out->response_der, buf_bytes(&der)) == ERR_OK);
		} else if (bytes_equal_text(label, "CA CERTIFICATE")) {
			(void)!cert_parse(buf_bytes(&der), &out->ca, NULL);
		} else if (bytes_equal_text(label, "CERTIFICATE")) {
			(void)!cert_parse(buf_bytes(&der), &out->leaf, NULL);
			CHECK(path, buf_append(&out->leaf_der, buf_bytes(&der)) == ERR_OK);
		}
		der.len = 0;
	}
	CHECK(path, err == ERR_NOT_FOUND);
	buf_release(&der);
	buf_release(&content);
}

static const char *word_of(enum x509_reason reason)
{
	return reason == X509_OK ? "GOOD" : reason == X509_REVOKED ? "REVOKED" : "UNKNOWN";
}

/* The one case that we see otherwise: its certificate is no certificate to us, so that OCSP is never asked. */
static const char unreadable[] =
	"good_response_invalid_serial.pem"; /* its serial number has a superfluous zero octet (X.690 8.3.2) */

/* Its responder has no id-pkix-ocsp-nocheck: where revocation knowledge is required, that of the responder is too. */
static const char unchecked_responder[] = "ocsp_sign_indirect.pem"; /* RFC 6960 4.2.2.2.1 */

static struct cert *boring_anchor(const struct cert *ca, const struct pki *somebody)
{
	const struct x509_make_attribute subject = {"CN", "Test Intermediate CA"};
	const struct x509_make make = {.subject = &subject,
		.subject_count = 1,
		.ca = true,
		.path_length = -1,
		.not_before = cert_not_before(ca),
		.not_after = cert_not_after(ca)};
	struct buf der = BUF_INIT(FILE_BYTES_MAX);
	struct cert *anchor = NULL;
	REQUIRE("an anchor", x509_make_cert(&make, cert_spki(ca), somebody->cert,
				     secret_bytes(&somebody->key), &der) == ERR_OK &&
				     cert_parse(buf_bytes(&der), &anchor, NULL) == ERR_OK);
	REQUIRE("its name", x509_name_equal(cert_subject_der(anchor), cert_subject_der(ca)));
	buf_release(&der);
	return anchor;
}

static struct x509_answer boring_judge(
	const struct boring *boring, const struct cert *anchor, enum x509_revocation revocation)
{
	const struct cert *leaf = boring->leaf;
	const struct ocsp_response *response = boring->response;
	struct x509_answer answer = {.verdict = X509_REFUSE, .reason = X509_MALFORMED};
	struct trust_set *trust = pki_trust(anchor, NULL);
	const struct x509_question question = {.chain = &leaf,
		.chain_count = 1,
		.trust = trust,
		.now = BORING_NOW,
		.purpose = X509_PURPOSE_ANY,
		.revocation = revocation,
		.allow_sha1 = true,
		.ocsp = &response,
		.ocsp_count = response != NULL ? 1 : 0,
		.ocsp_auth = X509_OCSP_REQUIRED,
		.need_aia = true};
	x509_judge(&question, &answer);
	trust_set_unref(trust);
	return answer;
}

/* A response that cannot be read is the operator's mistake: exit code 2. A leaf that cannot be is refused. */
static void boring_put(struct by_command *by, const struct boring *boring, const struct cert *anchor,
	const char *file, bool should, const struct x509_answer *answer)
{
	by_command_begin(by, file, BORING_NOW, X509_PURPOSE_ANY);
	by_command_file(by, "--trust", cert_der(anchor));
	by_command_file(by, "--ocsp", buf_bytes(&boring->response_der));
	by_command_option(by, "--require-crl", strcmp(file, unchecked_responder) == 0 ? "if-any" : "yes");
	by_command_option(by, "--allow-sha1", NULL);
	by_command_file(by, NULL, buf_bytes(&boring->leaf_der));
	by_command_ask(by, (struct by_command_want){.should = should,
				   .unusable = boring->response == NULL,
				   .reason = answer->reason,
				   .sentence = boring->leaf == NULL ? NULL : answer->sentence});
}

static void boring_responses(const struct boring *boring, const char *file, const char *expected)
{
	enum x509_reason reason = X509_OCSP_UNREACHABLE;
	enum x509_reason strict = X509_OCSP_UNREACHABLE;
	if (boring->response != NULL) {
		reason = ocsp_response_usable_for(
			boring->response, boring->leaf, boring->ca, BORING_NOW, true, NULL);
		strict = ocsp_response_usable_for(
			boring->response, boring->leaf, boring->ca, BORING_NOW, false, NULL);
	}
	CHECK(file, strcmp(word_of(reason), expected) == 0);
	CHECK(file, (strict == X509_OK) == (strcmp(file, "good_response_sha256.pem") == 0));
	if (strcmp(word_of(reason), expected) != 0) {
		(void)printf("  %s: %s; expected %s\n", file, x509_reason_name(reason), expected);
	}
}

static void boring_case(struct by_command *by, const struct pki *somebody, const char *folder,
	const char *file, const char *expected)
{
	struct boring boring = {
		.response_der = BUF_INIT(FILE_BYTES_MAX), .leaf_der = BUF_INIT(FILE_BYTES_MAX)};
	struct x509_answer answer = {.verdict = X509_REFUSE, .reason = X509_MALFORMED};
	boring_read(test_path(folder, file), &boring);
	REQUIRE(file, boring.ca != NULL);
	struct cert *anchor = boring_anchor(boring.ca, somebody);
	if (strcmp(file, unreadable) == 0) {
		CHECK(file, boring.leaf == NULL);
	} else {
		REQUIRE(file, boring.leaf != NULL);
		boring_responses(&boring, file, expected);
		answer = boring_judge(&boring, anchor, X509_REVOCATION_REQUIRED);
		if (strcmp(file, unchecked_responder) == 0) {
			CHECK(file, answer.reason == X509_OCSP_SIGNER_UNKNOWN);
			answer = boring_judge(&boring, anchor, X509_REVOCATION_IF_AVAILABLE);
		}
		CHECK(file, strcmp(word_of(answer.reason), expected) == 0);
		if (strcmp(word_of(answer.reason), expected) != 0) {
			(void)printf("  %s: %s; expected %s\n", file, answer.sentence, expected);
		}
	}
	if (by != NULL) {
		boring_put(by, &boring, anchor, file, strcmp(expected, "GOOD") == 0, &answer);
	}
	cert_unref(anchor);
	ocsp_response_unref(boring.response);
	cert_unref(boring.ca);
	cert_unref(boring.leaf);
	buf_release(&boring.response_der);
	buf_release(&boring.leaf_der);
}

static void test_boring(struct by_command *by, const char *data)
{
	struct pki somebody = pki_root("Somebody");
	const char *folder = test_path(data, "boringssl-pki/ocsp_unittest");
	struct buf table = BUF_INIT(FILE_BYTES_MAX);
	const char *text = NULL;
	char file[96];
	char expected[32];
	int used = 0;
	size_t cases = 0;
	REQUIRE("expected.tsv",
		file_read(test_path(folder, "expected.tsv"), FILE_BYTES_MAX, &table) == ERR_OK);
	REQUIRE("expected.tsv", buf_text(&table, &text) == ERR_OK);
	text += strcspn(text, "\n"); /* the heading */
	while (sscanf(text, " %95s %31s %*s%n", file, expected, &used) == 2) {
		boring_case(by, &somebody, folder, file, expected);
		cases++;
		text += used;
	}
	CHECK("all of BoringSSL's cases were judged", cases == BORING_CASES);
	by_command_finish(by, "BoringSSL OCSP", BORING_CASES);
	pki_free(&somebody);
	buf_release(&table);
}

/* --- pyca's vectors: no certificates go with them, so that reading is all --- */

static const struct {
	const char *file;
	enum err err;
	enum ocsp_response_status status;
	size_t singles, certs;
	enum ocsp_says says;
	int reason;
	bool next_update, signable, nonce;
} responses[] = {
	{"ocsp-army.deps.mil-resp.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 20, 1, OCSP_SAYS_REVOKED, -1, true,
		true, false},
	{"resp-delegate-unknown-cert.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 1, OCSP_SAYS_UNKNOWN, -1, true,
		true, false},
	{"resp-invalid-signature-oid.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 0, OCSP_SAYS_GOOD, -1, true,
		false, false},
	{"resp-responder-key-hash.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 0, OCSP_SAYS_REVOKED, -1, true,
		true, false},
	{"resp-response-type-unknown-oid.der", ERR_UNSUPPORTED, 0, 0, 0, 0, 0, false, false, false},
	{"resp-revoked-no-next-update.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 0, OCSP_SAYS_REVOKED, -1,
		false, true, false},
	{"resp-revoked-reason.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 1, OCSP_SAYS_REVOKED, 4, true, true,
		true},
	{"resp-revoked.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 0, OCSP_SAYS_REVOKED, -1, true, true, false},
	{"resp-sct-extension.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 1, OCSP_SAYS_GOOD, -1, true, true,
		true},
	{"resp-sha256.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 0, OCSP_SAYS_GOOD, -1, true, true, false},
	{"resp-single-extension-reason.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 0, OCSP_SAYS_GOOD, -1, true,
		true, false},
	{"resp-successful-no-response-bytes.der", ERR_MALFORMED, 0, 0, 0, 0, 0, false, false, false},
	{"resp-unauthorized.der", ERR_OK, OCSP_STATUS_UNAUTHORIZED, 0, 0, 0, 0, false, false, false},
	{"resp-unknown-extension.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 1, OCSP_SAYS_REVOKED, 4, true, true,
		false},
	{"resp-unknown-hash-alg.der", ERR_OK, OCSP_STATUS_SUCCESSFUL, 1, 0, OCSP_SAYS_REVOKED, -1, true, true,
		false},
	{"resp-unknown-response-status.der", ERR_MALFORMED, 0, 0, 0, 0, 0, false, false, false},
};

static void test_responses(const char *folder)
{
	for (size_t i = 0; i < ARRAY_COUNT(responses); i++) {
		const char *file = responses[i].file;
		struct buf der = BUF_INIT(FILE_BYTES_MAX);
		struct ocsp_response *response = NULL;
		struct x509_error error = {0};
		REQUIRE(file, file_read(test_path(folder, file), FILE_BYTES_MAX, &der) == ERR_OK);
		CHECK(file, ocsp_response_parse(buf_bytes(&der), &response, &error) == responses[i].err);
		if (response == NULL) {
			CHECK(file, error.what != NULL);
		} else {
			const struct ocsp_single *single = response->singles;
			CHECK(file, ocsp_response_status(response) == responses[i].status);
			CHECK(file, ocsp_response_single_count(response) == responses[i].singles);
			CHECK(file, response->cert_count == responses[i].certs);
			CHECK(file, (ocsp_response_nonce(response).len != 0) == responses[i].nonce);
			if (responses[i].singles != 0) {
				CHECK(file, single->status == responses[i].says);
				CHECK(file, single->reason == responses[i].reason);
				CHECK(file, (single->next_update != X509_NEVER) == responses[i].next_update);
				CHECK(file, response->algorithm.supported == responses[i].signable);
				CHECK(file, (single->hash == HASH_COUNT_) ==
						    (strcmp(file, "resp-unknown-hash-alg.der") == 0));
				CHECK(file, ocsp_response_produced_at(response) >= single->this_update);
			}
		}
		ocsp_response_unref(response);
		buf_release(&der);
	}
}

static void test_requests(const char *folder)
{
	static const struct {
		const char *file;
		enum err err;
		size_t count, nonce;
	} rows[] = {
		{"ocsp-army.revoked-req.der", ERR_OK, 1, 0},
		{"ocsp-army.valid-req.der", ERR_OK, 1, 0},
		{"ocsp-army.inapplicable-req.der", ERR_OK, 1, 0},
		{"req-acceptable-responses.der", ERR_OK, 1, 0},
		{"req-duplicate-ext.der", ERR_MALFORMED, 1, 0},
		{"req-ext-nonce.der", ERR_OK, 1, 16},
		{"req-ext-unknown-oid.der", ERR_OK, 1, 0},
		{"req-invalid-hash-alg.der", ERR_OK, 1, 0},
		{"req-multi-sha1.der", ERR_OK, 2, 0},
		{"req-sha1.der", ERR_OK, 1, 0},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf der = BUF_INIT(FILE_BYTES_MAX);
		struct ocsp_request_view view;
		REQUIRE(rows[i].file,
			file_read(test_path(folder, rows[i].file), FILE_BYTES_MAX, &der) == ERR_OK);
		CHECK(rows[i].file, ocsp_request_read(buf_bytes(&der), &view) == rows[i].err);
		CHECK(rows[i].file, view.count == rows[i].count);
		CHECK(rows[i].file, rows[i].err != ERR_OK || view.nonce.len == rows[i].nonce);
		buf_release(&der);
	}
}

int main(int argc, char **argv)
{
	const char *data = test_data();
	if (data == NULL) {
		test_skip("the third-party test data is not here");
	}
	pki_init();
	struct by_command *by = by_command_new(argc, argv);
	test_boring(by, data);
	by_command_free(by);
	test_responses(test_path(data, "crl-ocsp-pyca/ocsp"));
	test_requests(test_path(data, "crl-ocsp-pyca/ocsp"));
	return test_result();
}
