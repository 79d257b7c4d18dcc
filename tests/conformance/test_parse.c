/*
 * test_parse.c - the certificates and CRLs of pyca's test vectors: every one is read but those in the table, which break
 *                DER or RFC 5280; what is read prints and is judged without harm.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "tests/test.h"
#include "x509/x509.h"

#define FILE_BYTES_MAX (8u * 1024u * 1024u)
#define FILES_MIN      100u

static const struct {
	const char *file, *what; /* what the reader must stumble over */
} broken[] = {
	{"crl_bad_version.pem", "version"},
	{"crl_dup_entry_ext.pem", "revokedCertificates entry"},
	{"crl_unsupported_reason.pem", "revokedCertificates entry"},
	{"crl_inner_outer_mismatch.der", "signature algorithm inside and outside differ"},
	{"crl_invalid_time.der", "thisUpdate"},
	{"alternate-rsa-sha1-oid.der", "keyUsage"}, /* X.690 11.2.2: trailing zero bits */
	{"ecdsa_null_alg.pem", "signatureAlgorithm"},
	{"empty-eku.pem", "extendedKeyUsage"},
	{"invalid_version.pem", "version"},
	{"long-form-name-attribute.pem", "no PEM block CERTIFICATE"}, /* a request */
	{"malformed-san.pem", "subjectAltName"},
	{"mismatch_inner_outer_sig_algorithm.der", "signature algorithm inside and outside differ"},
	{"rsa_pss_cert_invalid_mgf.der", "signature algorithm inside and outside differ"},
	{"rsa_pss_cert_no_sig_params.der", "signatureAlgorithm"},
	{"rsa_pss_cert_unsupported_mgf_hash.der", "signature algorithm inside and outside differ"},
	{"two_basic_constraints.pem", "an extension that is there twice"},
};

static const char *broken_what(const char *file)
{
	for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
		if (strcmp(broken[i].file, file) == 0) {
			return broken[i].what;
		}
	}
	return NULL;
}

static void use_cert(const char *row, const struct cert *cert)
{
	struct buf text = BUF_INIT(FILE_BYTES_MAX);
	struct trust_set *trust = NULL;
	struct x509_answer answer;
	CHECK(row, cert_print_dn(cert, true, &text) == ERR_OK);
	REQUIRE(row, trust_set_new(&cert, 1, NULL, 0, 1, &trust) == ERR_OK);
	struct x509_question question = {.chain = &cert,
		.chain_count = 1,
		.trust = trust,
		.now = cert_not_before(cert),
		.purpose = X509_PURPOSE_ANY,
		.allow_sha1 = true};
	x509_judge(&question, &answer);
	CHECK(row, answer.verdict == X509_REFUSE); /* an anchor alone is no path */
	trust_set_unref(trust);
	buf_release(&text);
}

static void check_file(const char *folder, const char *file)
{
	struct buf content = BUF_INIT(FILE_BYTES_MAX);
	struct cert_list certs = {0};
	struct crl_list crls = {0};
	struct x509_error error = {.what = ""};
	bool is_crl = strstr(folder, "odd-certs") == NULL && strstr(file, "cdp_") == NULL &&
		      strcmp(file, "freshestcrl.pem") != 0;
	REQUIRE(file, file_read(test_path(folder, file), FILE_BYTES_MAX, &content) == ERR_OK);
	enum err err = is_crl ? crl_list_load(buf_bytes(&content), &crls, &error)
			      : cert_list_load(buf_bytes(&content), &certs, &error);
	const char *want = broken_what(file);
	if ((err == ERR_OK) != (want == NULL) || (want != NULL && strcmp(want, error.what) != 0)) {
		printf("%s: %s\n", file, error.what);
	}
	CHECK(file, (err == ERR_OK) == (want == NULL));
	CHECK(file, want == NULL || strcmp(want, error.what) == 0);
	for (size_t i = 0; i < certs.count; i++) {
		use_cert(file, certs.items[i]);
	}
	cert_list_release(&certs);
	crl_list_release(&crls);
	buf_release(&content);
}

static unsigned check_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned count = 0;
	REQUIRE(folder, dir != NULL);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		const char *dot = strrchr(entry->d_name, '.');
		if (dot != NULL && (strcmp(dot, ".pem") == 0 || strcmp(dot, ".der") == 0)) {
			check_file(folder, entry->d_name);
			count++;
		}
	}
	(void)closedir(dir);
	return count;
}

int main(void)
{
	const char *data = test_data();
	if (data == NULL) {
		test_skip("no test data: set LOCKGATE_TESTDATA");
		return test_result();
	}
	REQUIRE("crypto", crypto_init() == ERR_OK);
	const char *folder = test_path(data, "crl-ocsp-pyca");
	unsigned count = check_folder(folder);
	count += check_folder(test_path(folder, "odd-certs"));
	CHECK("the files were there", count >= FILES_MIN);
	crypto_cleanup();
	return test_result();
}
