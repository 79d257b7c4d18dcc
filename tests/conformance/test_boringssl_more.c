/*
 * test_boringssl_more.c - BoringSSL's name constraints and path building files. Its code, not its data, says what is expected; the
 *                         rows here say it by RFC 5280 4.2.1.10, and where ours is stricter, why.
 * Goal:    no name that a constraint forbids passes; of several paths one that holds is found, whatever is presented first.
 *          With the path of the program as its argument, each question goes to `lockgate cert verify` as well.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/pem.h"
#include "tests/conformance/by_command.h"
#include "tests/x509/pki.h"

#define FILE_BYTES_MAX (1024u * 1024u)
#define CERTS_MAX      12u

static struct buf read_block(const char *folder, const char *name)
{
	struct buf content = BUF_INIT(FILE_BYTES_MAX);
	struct buf der = BUF_INIT(FILE_BYTES_MAX);
	char file[96];
	const char *text = "";
	(void)snprintf(file, sizeof(file), "%.80s.pem", name);
	REQUIRE(name, file_read(test_path(folder, file), FILE_BYTES_MAX, &content) == ERR_OK &&
			      buf_text(&content, &text) == ERR_OK);
	const char *begin = strstr(text, "-----BEGIN ");
	const char *from = begin == NULL ? NULL : strchr(begin, '\n');
	const char *to = from == NULL ? NULL : strstr(from, "-----END ");
	REQUIRE(name, to != NULL);
	REQUIRE(name, base64_decode(bytes_of(from + 1, (size_t)(to - from - 1)), &der) == ERR_OK);
	buf_release(&content);
	return der;
}

/* --- name constraints --- */

static const struct {
	const char *constraints, *names; /* san-…: the extension; name-…: a directory name in one */
	bool good;
	bool ours;
	const char *why;
} rows[] = {
	{"directoryname", "name-us-arizona", true, true, ""},
	{"directoryname", "name-us", true, true, ""},
	{"directoryname", "name-us-california", false, false, ""},
	{"directoryname", "name-us-california-mountain_view", false, false, ""},
	{"directoryname", "name-jp", false, false, ""},
	{"directoryname", "name-jp-tokyo", true, true, ""},
	{"directoryname", "name-de", false, false, ""},
	{"directoryname", "name-ca", false, false, ""},
	{"directoryname-excluded", "name-us-arizona", true, true, ""},
	{"directoryname-excluded", "name-us", true, true, ""},
	{"directoryname-excluded", "name-us-california", false, false, ""},
	{"directoryname-excluded", "name-us-california-mountain_view", false, false, ""},
	{"directoryname-excluded", "name-jp", true, true, ""},
	{"directoryname-excludeall", "name-us", false, false, ""},
	{"directoryname-excludeall", "name-jp", false, false, ""},
	{"directoryname", "san-directoryname", true, true, ""},
	{"directoryname", "san-excluded-directoryname", false, false, ""},
	{"dnsname2", "san-dnsname", true, true, ""},
	{"dnsname2", "san-permitted", true, true, ""},
	{"dnsname-excluded", "san-permitted", true, true, ""},
	{"dnsname-excluded", "san-excluded-dnsname", false, false, ""},
	{"dnsname-excludeall", "san-permitted", false, false, ""},
	{"dnsname-exclude_dot", "san-permitted", false, false, ""},
	{"dnsname-permitted_two_dot", "san-permitted", false, false, ""},
	{"dnsname-permitted_with_leading_dot", "san-permitted", false, false, ""},
	{"dnsname-excluded_with_leading_dot", "san-permitted", true, false,
		"4.2.1.10: a DNS name has no leading dot; what is no name there refuses"},
	{"dnsname", "san-permitted", true, false, "one of its bases ends in a dot, which is no name either"},
	{"dnsname-with_max", "san-permitted", false, false, ""},
	{"dnsname-with_min_0", "san-permitted", false, false, ""},
	{"dnsname-with_min_0_and_max", "san-permitted", false, false, ""},
	{"dnsname-with_min_1", "san-permitted", false, false, ""},
	{"dnsname-with_min_1_and_max", "san-permitted", false, false, ""},
	{"invalid-empty_excluded_subtree", "san-permitted", false, false, ""},
	{"invalid-empty_permitted_subtree", "san-permitted", false, false, ""},
	{"invalid-no_subtrees", "san-permitted", false, false, ""},
	{"ipaddress-excluded", "san-permitted", true, true, ""},
	{"ipaddress-excluded", "san-excluded-ipaddress", false, false, ""},
	{"ipaddress-excludeall", "san-permitted", false, false, ""},
	{"ipaddress-permit_all", "san-ipaddress4", true, true, ""},
	{"ipaddress-permit_all", "san-ipaddress6", false, false, ""},
	{"ipaddress-permit_prefix1", "san-ipaddress4", true, true, ""},
	{"ipaddress-permit_prefix31", "san-permitted", true, true, ""},
	{"ipaddress-permit_prefix31", "san-ipaddress4", false, false, ""},
	{"ipaddress-permit_singlehost", "san-permitted", false, false, ""},
	{"ipaddress-invalid_addr", "san-permitted", false, false, ""},
	{"ipaddress-invalid_mask_not_contiguous_1", "san-permitted", false, false, ""},
	{"ipaddress-invalid_mask_not_contiguous_2", "san-permitted", false, false, ""},
	{"ipaddress-invalid_mask_not_contiguous_3", "san-permitted", false, false, ""},
	{"ipaddress-invalid_mask_not_contiguous_4", "san-permitted", false, false, ""},
	{"rfc822name-permitted", "san-rfc822name", true, true, ""},
	{"rfc822name-permitted", "san-rfc822name-domaincase", true, true, ""},
	{"rfc822name-permitted", "san-rfc822name-localpartcase", false, false, ""},
	{"rfc822name-permitted", "san-rfc822name-subdomain", false, false, ""},
	{"rfc822name-permitted", "san-rfc822name-multiple", false, false, ""},
	{"rfc822name-excluded", "san-rfc822name", false, false, ""},
	{"rfc822name-excluded", "san-rfc822name-localpartcase", false, false, ""},
	{"rfc822name-excluded", "san-rfc822name-multiple", false, false, ""},
	{"rfc822name-excluded", "san-rfc822name-subdomain", true, true, ""},
	{"rfc822name-permitted-hostname", "san-rfc822name", true, true, ""},
	{"rfc822name-permitted-hostname", "san-rfc822name-multiple", true, true, ""},
	{"rfc822name-permitted-hostname", "san-rfc822name-subdomain", false, false, ""},
	{"rfc822name-permitted-hostname", "san-rfc822name-no-at", false, false, ""},
	{"rfc822name-permitted-hostname", "san-rfc822name-two-ats", false, false, ""},
	{"rfc822name-permitted-hostname", "san-rfc822name-empty", false, false, ""},
	{"rfc822name-permitted-hostname", "san-rfc822name-empty-localpart", false, false, ""},
	{"rfc822name-permitted-subdomains", "san-rfc822name-subdomain", true, true, ""},
	{"rfc822name-permitted-subdomains", "san-rfc822name-subdomaincase", true, true, ""},
	{"rfc822name-permitted-subdomains", "san-rfc822name-subdomain-no-at", false, false, ""},
	{"rfc822name-permitted-subdomains", "san-rfc822name-subdomain-two-ats", false, false, ""},
	{"rfc822name-permitted-subdomains", "san-rfc822name", false, false, ""},
	{"rfc822name-excluded-hostname", "san-rfc822name", false, false, ""},
	{"rfc822name-excluded-hostname", "san-rfc822name-subdomain", true, true, ""},
	{"rfc822name-excluded-subdomains", "san-rfc822name-subdomain", false, false, ""},
	{"rfc822name-excluded-subdomains", "san-rfc822name", true, true, ""},
	{"rfc822name-excluded-empty", "san-rfc822name", false, false, ""},
	{"rfc822name-permitted-hostnamewithat", "san-rfc822name", false, false, ""},
	{"rfc822name-excluded-hostnamewithat", "san-rfc822name", false, false, ""},
	{"rfc822name-permitted-ipv4", "san-rfc822name-ipv4", false, false, ""},
	{"rfc822name-excluded-ipv4", "san-rfc822name-ipv4", false, false, ""},
	{"rfc822name-excluded-quoted", "san-rfc822name-quoted", false, false, ""},
	{"othername-permitted", "san-othername", false, false, ""},
	{"othername-excluded", "san-othername", false, false, ""},
	{"othername-permitted", "san-permitted", true, false,
		"its otherName is four octets, and no OtherName"},
	{"registeredid-permitted", "san-registeredid", false, false, ""},
	{"registeredid-excluded", "san-registeredid", false, false, ""},
	{"registeredid-excluded", "san-permitted", true, true, ""},
	{"x400address-permitted", "san-x400address", false, false, ""},
	{"x400address-excluded", "san-x400address", false, false, ""},
	{"edipartyname-permitted", "san-edipartyname", false, false, ""},
	{"edipartyname-excluded", "san-edipartyname", false, false, ""},
	{"uri-permitted", "san-uri", false, false, ""},
	{"uri-excluded", "san-uri", false, false, ""},
	{"uri-excluded", "san-permitted", true, false,
		"4.2.1.10: the base of a URI is a host; a URI is none"},
};

/* The SubjectAltName to put into the leaf: as it is, or { [4] name }. */
static struct buf alternative_names(const char *folder, const char *file)
{
	struct buf block = read_block(folder, file);
	struct buf out = BUF_INIT(FILE_BYTES_MAX);
	if (strncmp(file, "san-", 4) == 0) {
		return block;
	}
	REQUIRE(file, block.len < 120);
	uint8_t heads[4] = {0x30, (uint8_t)(block.len + 2), 0xa4, (uint8_t)block.len};
	REQUIRE(file, buf_append(&out, bytes_of(heads, 4)) == ERR_OK &&
			      buf_append(&out, buf_bytes(&block)) == ERR_OK);
	buf_release(&block);
	return out;
}

/* NULL: no certificate may say that, and none that does is read. */
static struct cert *make_leaf(const struct pki *ca, const struct x509_make_extension *names)
{
	struct buf der = BUF_INIT(FILE_BYTES_MAX);
	struct cert *cert = NULL;
	const struct x509_make make = {.path_length = -1,
		.client_auth = true,
		.extensions = names,
		.extension_count = 1,
		.not_before = PKI_NOW - PKI_DAY,
		.not_after = PKI_NOW + PKI_DAY};
	enum err err = x509_make_cert(&make, cert_spki(ca->cert), ca->cert, secret_bytes(&ca->key), &der);
	CHECK("made, or not to be read", err == ERR_OK || err == ERR_INVALID);
	CHECK("what is made is read", err != ERR_OK || cert_parse(buf_bytes(&der), &cert, NULL) == ERR_OK);
	buf_release(&der);
	return cert;
}

static void test_constraints(struct by_command *by, const char *folder)
{
	struct pki root = pki_root("Root");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	unsigned agree = 0;
	unsigned asked = 0;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char row[160];
		struct buf constraints = read_block(folder, rows[i].constraints);
		struct buf san = alternative_names(folder, rows[i].names);
		const struct x509_make_extension on_ca = {"2.5.29.30", true, buf_bytes(&constraints)};
		const struct x509_make_extension on_leaf = {"2.5.29.17", true, buf_bytes(&san)};
		struct pki ca = pki_make(&root,
			&(struct x509_make){
				.ca = true, .path_length = -1, .extensions = &on_ca, .extension_count = 1},
			"CA", NULL);
		struct cert *leaf = make_leaf(&ca, &on_leaf);
		struct x509_answer answer = {.verdict = X509_REFUSE, .reason = X509_NAME_CONSTRAINTS};
		if (leaf != NULL) {
			answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf, ca.cert, NULL);
		}
		bool accepted = answer.verdict == X509_ACCEPT;
		(void)snprintf(row, sizeof(row), "%s on %s", rows[i].constraints, rows[i].names);
		if (accepted != rows[i].ours) {
			printf("%s: %s\n", row, answer.sentence);
		}
		CHECK(row, accepted == rows[i].ours);
		CHECK(row, !accepted || rows[i].good);
		CHECK(row, accepted || answer.reason == X509_NAME_CONSTRAINTS);
		agree += accepted == rows[i].good ? 1 : 0;
		if (by != NULL && leaf != NULL) {
			by_command_begin(by, row, PKI_NOW, X509_PURPOSE_CLIENT);
			by_command_file(by, "--trust", cert_der(root.cert));
			by_command_file(by, "--untrusted", cert_der(ca.cert));
			by_command_file(by, NULL, cert_der(leaf));
			by_command_ask_as(by, rows[i].good, &answer);
			asked++;
		}
		cert_unref(leaf);
		pki_free(&ca);
		buf_release(&constraints);
		buf_release(&san);
	}
	printf("BoringSSL name constraints: %u of %zu rows as expected\n", agree, ARRAY_COUNT(rows));
	by_command_finish(by, "BoringSSL name constraints", asked);
	trust_set_unref(trust);
	pki_free(&root);
}

/* --- path building --- */

#define AT_2017 INT64_C(1488412800) /* 2017-03-02 */

static const struct {
	const char *row;
	const char *trust[3];
	const char *presented[CERTS_MAX]; /* the leaf first */
	bool good;
} paths[] = {
	{"the short way", {"multi-root-D-by-D"},
		{"multi-root-A-by-B", "multi-root-B-by-C", "multi-root-C-by-D"}, true},
	{"the other root", {"multi-root-E-by-E"},
		{"multi-root-A-by-B", "multi-root-B-by-C", "multi-root-B-by-F", "multi-root-C-by-D",
			"multi-root-C-by-E", "multi-root-F-by-E"},
		true},
	{"only by way of F", {"multi-root-E-by-E"},
		{"multi-root-A-by-B", "multi-root-B-by-C", "multi-root-B-by-F", "multi-root-F-by-E"}, true},
	{"C leads to a root that nobody trusts", {"multi-root-E-by-E"},
		{"multi-root-A-by-B", "multi-root-B-by-C", "multi-root-C-by-D", "multi-root-D-by-D"}, false},
	{"both roots", {"multi-root-D-by-D", "multi-root-E-by-E"},
		{"multi-root-A-by-B", "multi-root-B-by-F", "multi-root-F-by-E"}, true},
	{"an anchor that is no root", {"multi-root-C-by-D"}, {"multi-root-A-by-B", "multi-root-B-by-C"},
		true},
	{"nothing between", {"multi-root-D-by-D"}, {"multi-root-A-by-B"}, false},
	{"key identifiers", {"key_id_prioritization/root"},
		{"key_id_prioritization/target", "key_id_prioritization/int_different_ski_a",
			"key_id_prioritization/int_different_ski_b",
			"key_id_prioritization/int_different_ski_c",
			"key_id_prioritization/int_matching_ski_a", "key_id_prioritization/int_no_ski_b"},
		true},
	{"the same name, but not the key", {"key_id_prioritization/root"},
		{"key_id_prioritization/target", "key_id_prioritization/int_different_ski_a"}, false},
	{"name and serial number",
		{"key_id_name_and_serial_prioritization/root", "key_id_name_and_serial_prioritization/root2"},
		{"key_id_name_and_serial_prioritization/target",
			"key_id_name_and_serial_prioritization/int_mismatch",
			"key_id_name_and_serial_prioritization/int_match_name_only",
			"key_id_name_and_serial_prioritization/int_matching"},
		true},
	{"self-issued", {"self_issued_prioritization/root1"},
		{"self_issued_prioritization/target", "self_issued_prioritization/root1_cross"}, true},
	{"self-issued, the other root", {"self_issued_prioritization/root2"},
		{"self_issued_prioritization/target", "self_issued_prioritization/root1_cross"}, true},
	{"validities", {"validity_date_prioritization/root"},
		{"validity_date_prioritization/target", "validity_date_prioritization/int_ac",
			"validity_date_prioritization/int_ad", "validity_date_prioritization/int_bc",
			"validity_date_prioritization/int_bd"},
		true},
	{"RFC 6962 3.1 a precertificate", {"precertificate/root"}, {"precertificate/precertificate"}, false},
	{"ML-DSA is not supported", {"key_id_prioritization/root"}, {"mtc_plants04/leaf"}, false},
};

static struct cert *read_cert(const char *folder, const char *name)
{
	struct buf content = BUF_INIT(FILE_BYTES_MAX);
	struct cert_list list = {0};
	char file[96];
	(void)snprintf(file, sizeof(file), "%.80s.pem", name);
	REQUIRE(name, file_read(test_path(folder, file), FILE_BYTES_MAX, &content) == ERR_OK);
	enum err err = cert_list_load(buf_bytes(&content), &list, NULL);
	struct cert *cert = err == ERR_OK && list.count != 0 ? cert_ref(list.items[0]) : NULL;
	cert_list_release(&list);
	buf_release(&content);
	return cert;
}

static struct x509_answer judge_path(const char *folder, size_t i, bool reversed)
{
	const struct cert *certs[CERTS_MAX + 3] = {NULL};
	const struct cert *chain[CERTS_MAX] = {NULL};
	struct x509_answer answer = {.verdict = X509_REFUSE, .reason = X509_MALFORMED};
	struct trust_set *trust = NULL;
	size_t anchors = 0;
	size_t count = 0;
	while (anchors < 3 && paths[i].trust[anchors] != NULL) {
		certs[anchors] = read_cert(folder, paths[i].trust[anchors]);
		REQUIRE(paths[i].row, certs[anchors] != NULL);
		anchors++;
	}
	while (count < CERTS_MAX && paths[i].presented[count] != NULL) {
		certs[anchors + count] = read_cert(folder, paths[i].presented[count]);
		count++;
	}
	for (size_t j = 0; j < count; j++) {
		chain[j] = certs[anchors + (reversed && j != 0 ? count - j : j)];
	}
	REQUIRE(paths[i].row, trust_set_new(certs, anchors, NULL, 0, 1, &trust) == ERR_OK);
	struct x509_question question = {.chain = chain,
		.chain_count = count,
		.trust = trust,
		.now = AT_2017,
		.purpose = X509_PURPOSE_ANY,
		.allow_sha1 = true};
	if (chain[0] != NULL) {
		x509_judge(&question, &answer);
	}
	trust_set_unref(trust);
	for (size_t j = 0; j < anchors + count; j++) {
		cert_unref((struct cert *)(uintptr_t)certs[j]);
	}
	return answer;
}

/* The suite's own files, as they are. */
static void put_path(struct by_command *by, const char *folder, size_t i, const struct x509_answer *answer)
{
	char file[96];
	bool unreadable = false;
	by_command_begin(by, paths[i].row, AT_2017, X509_PURPOSE_ANY);
	by_command_option(by, "--allow-sha1", NULL);
	for (size_t j = 0; j < ARRAY_COUNT(paths[i].trust) && paths[i].trust[j] != NULL; j++) {
		(void)snprintf(file, sizeof(file), "%.80s.pem", paths[i].trust[j]);
		by_command_option(by, "--trust", test_path(folder, file));
	}
	for (size_t j = 0; j < CERTS_MAX && paths[i].presented[j] != NULL; j++) {
		struct cert *cert = read_cert(folder, paths[i].presented[j]);
		unreadable = unreadable || cert == NULL;
		cert_unref(cert);
		(void)snprintf(file, sizeof(file), "%.80s.pem", paths[i].presented[j]);
		if (j == 0) {
			by_command_leaf(by, test_path(folder, file));
		} else {
			by_command_option(by, "--untrusted", test_path(folder, file));
		}
	}
	by_command_ask(by, (struct by_command_want){.should = paths[i].good,
				   .reason = unreadable ? X509_MALFORMED : answer->reason,
				   .sentence = unreadable ? NULL : answer->sentence});
}

static void test_paths(struct by_command *by, const char *folder)
{
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		struct x509_answer answer = judge_path(folder, i, false);
		struct x509_answer other_way = judge_path(folder, i, true);
		if ((answer.verdict == X509_ACCEPT) != paths[i].good) {
			printf("%s: %s\n", paths[i].row, answer.sentence);
		}
		CHECK(paths[i].row, (answer.verdict == X509_ACCEPT) == paths[i].good);
		CHECK("order presented",
			other_way.verdict == answer.verdict && other_way.reason == answer.reason);
		if (by != NULL) {
			put_path(by, folder, i, &answer);
		}
	}
	printf("BoringSSL path building: %zu rows\n", ARRAY_COUNT(paths));
	by_command_finish(by, "BoringSSL path building", ARRAY_COUNT(paths));
}

int main(int argc, char **argv)
{
	const char *data = test_data();
	if (data == NULL) {
		test_skip("no test data: set LOCKGATE_TESTDATA");
		return test_result();
	}
	pki_init();
	struct by_command *by = by_command_new(argc, argv);
	const char *folder = test_path(data, "boringssl-pki");
	test_constraints(by, test_path(folder, "name_constraints_unittest"));
	test_paths(by, test_path(folder, "path_builder_unittest"));
	by_command_free(by);
	crypto_cleanup();
	return test_result();
}
