/*
 * test_ocsp.c - BoringSSL's OCSP cases, and pyca's vectors of responses and requests. 35 of BoringSSL's 36 agree; the other is
 *               refused earlier. (Its CAs are no CAs by their extensions, so that no whole chain can be judged.)
 *
 * BoringSSL judges at 2017-03-05 and takes an answer without nextUpdate for a week, as we do. Its responses are signed with
 * SHA-1, so that ALLOWSHA1 is on; without it none but the one signed with SHA-256 may pass.
 */
#include <string.h>

#include "base/file.h"
#include "base/pem.h"
#include "tests/test.h"
#include "x509/ocsp.h"

#define FILE_BYTES_MAX (1024u * 1024u)
#define BORING_NOW     INT64_C(1488672000) /* 2017-03-05T00:00:00Z */
#define BORING_CASES   36u

struct boring {
	struct ocsp_response *response; /* NULL: it cannot be read */
	struct cert *ca, *leaf;
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
		} else if (bytes_equal_text(label, "CA CERTIFICATE")) {
			(void)!cert_parse(buf_bytes(&der), &out->ca, NULL);
		} else if (bytes_equal_text(label, "CERTIFICATE")) {
			(void)!cert_parse(buf_bytes(&der), &out->leaf, NULL);
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

static void boring_case(const char *folder, const char *file, const char *expected)
{
	struct boring boring = {NULL, NULL, NULL};
	boring_read(test_path(folder, file), &boring);
	if (strcmp(file, unreadable) == 0) {
		CHECK(file, boring.ca != NULL && boring.leaf == NULL);
	} else {
		enum x509_reason reason = X509_OCSP_UNREACHABLE;
		enum x509_reason strict = X509_OCSP_UNREACHABLE;
		REQUIRE(file, boring.ca != NULL && boring.leaf != NULL);
		if (boring.response != NULL) {
			reason = ocsp_response_usable_for(
				boring.response, boring.leaf, boring.ca, BORING_NOW, true, NULL);
			strict = ocsp_response_usable_for(
				boring.response, boring.leaf, boring.ca, BORING_NOW, false, NULL);
		}
		CHECK(file, strcmp(word_of(reason), expected) == 0);
		CHECK(file, (strict == X509_OK) == (strcmp(file, "good_response_sha256.pem") == 0));
		if (strcmp(word_of(reason), expected) != 0) {
			(void)printf("  %s: %s; expected %s\n", file, x509_reason_name(reason), expected);
		}
	}
	ocsp_response_unref(boring.response);
	cert_unref(boring.ca);
	cert_unref(boring.leaf);
}

static void test_boring(const char *data)
{
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
		boring_case(folder, file, expected);
		cases++;
		text += used;
	}
	CHECK("all of BoringSSL's cases were judged", cases == BORING_CASES);
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

int main(void)
{
	const char *data = test_data();
	if (data == NULL) {
		test_skip("the third-party test data is not here");
	}
	REQUIRE("the cryptographic library starts", crypto_init() == ERR_OK);
	test_boring(data);
	test_responses(test_path(data, "crl-ocsp-pyca/ocsp"));
	test_requests(test_path(data, "crl-ocsp-pyca/ocsp"));
	return test_result();
}
