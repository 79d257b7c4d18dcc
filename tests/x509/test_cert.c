/*
 * test_cert.c - certificates, requests and files of them: what is read, cut at every byte, every bit turned, memory failing;
 *               names compared and printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pem.h"
#include "tests/x509/pki.h"
#include "x509/internal.h"

static struct bytes dup(struct bytes in, uint8_t **copy)
{
	REQUIRE("memory", bytes_dup(in, copy) == ERR_OK);
	return bytes_of(*copy, in.len);
}

static void test_cut(const struct pki *leaf)
{
	struct bytes whole = cert_der(leaf->cert);
	for (size_t n = 0; n < whole.len; n++) {
		uint8_t *copy = NULL; /* of exactly n bytes, so that a read past the end is seen */
		struct cert *cert = NULL;
		struct x509_error error = {0};
		if (n != 0) {
			(void)dup(bytes_of(whole.data, n), &copy);
		}
		CHECK("cut at every byte", cert_parse(bytes_of(copy, n), &cert, &error) == ERR_MALFORMED);
		CHECK("cut at every byte", cert == NULL && error.err == ERR_MALFORMED && error.what != NULL);
		free(copy);
	}
	uint8_t longer[4096];
	struct cert *cert = NULL;
	REQUIRE("fits", whole.len < sizeof(longer));
	memcpy(longer, whole.data, whole.len);
	longer[whole.len] = 0;
	CHECK("one byte behind", cert_parse(bytes_of(longer, whole.len + 1), &cert, NULL) == ERR_MALFORMED);
}

/* No turned bit of a signed certificate is ever accepted, and none crashes the parser. */
static void test_turned_bits(const struct pki *root, const struct pki *leaf)
{
	uint8_t *copy = NULL;
	struct bytes whole = dup(cert_der(leaf->cert), &copy);
	struct trust_set *trust = pki_trust(root->cert, NULL);
	unsigned parsed = 0;
	for (size_t i = 0; i < whole.len * 8; i++) {
		struct cert *cert = NULL;
		copy[i / 8] ^= (uint8_t)(1u << (i % 8));
		if (cert_parse(whole, &cert, NULL) == ERR_OK) {
			struct x509_answer answer =
				pki_judge(trust, NULL, X509_REVOCATION_NONE, cert, NULL, NULL);
			CHECK("a turned bit is never accepted", answer.verdict == X509_REFUSE);
			parsed++;
			cert_unref(cert);
		}
		copy[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	CHECK("some of them parse", parsed > 100);
	trust_set_unref(trust);
	free(copy);
}

static void test_no_memory(const struct pki *leaf)
{
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		struct cert *cert = NULL;
		test_alloc_fail_at(n);
		enum err err = cert_parse(cert_der(leaf->cert), &cert, NULL);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails", err == (failed ? ERR_NOMEM : ERR_OK));
		CHECK("the Nth allocation fails", (cert == NULL) == failed);
		cert_unref(cert);
	}
}

static void test_fields(const struct pki *root, const struct pki *leaf)
{
	struct bytes value;
	bool critical = false;
	CHECK("version", cert_version(leaf->cert) == 3);
	CHECK("cA", cert_is_ca(root->cert) && !cert_is_ca(leaf->cert));
	CHECK("self-issued", cert_is_self_issued(root->cert) && !cert_is_self_issued(leaf->cert));
	CHECK("key", cert_key_kind(leaf->cert) == KEY_EC_P256 && cert_key_bits(leaf->cert) == 256);
	CHECK("validity", cert_not_before(leaf->cert) == PKI_NOW - PKI_DAY &&
				  cert_not_after(leaf->cert) == PKI_NOW + PKI_YEAR);
	CHECK("issuer", x509_name_equal(cert_issuer_der(leaf->cert), cert_subject_der(root->cert)));
	CHECK("alternative names", cert_san_count(leaf->cert) == 2);
	CHECK("DNS", cert_san(leaf->cert, 0, &value) == SAN_DNS && bytes_equal_text(value, "d1.example"));
	CHECK("IP", cert_san(leaf->cert, 1, &value) == SAN_IP && value.len == 4);
	CHECK("beyond the last", cert_san(leaf->cert, 2, &value) == SAN_OTHER && value.len == 0);
	value = cert_extension(leaf->cert, "2.5.29.15", &critical);
	CHECK("extension by OID", value.len == 4 && critical);
	CHECK("absent extension", cert_extension(leaf->cert, "2.5.29.99", &critical).len == 0);
	CHECK("no OID", cert_extension(leaf->cert, "x", &critical).len == 0);
	struct cert *again = cert_ref(leaf->cert);
	CHECK("counted", again == leaf->cert);
	cert_unref(again);
	cert_unref(NULL);
}

/* Names: RFC 5280 7.1. Each pair as the DER of a Name with one CN. */
static void test_names_equal(void)
{
	static const struct {
		const char *name, *a, *b;
		bool equal;
	} rows[] = {
		{"same", "300d310b300906035504030c024142", "300d310b300906035504030c024142", true},
		{"RFC 5280 7.1 case", "300d310b300906035504030c024142", "300d310b300906035504030c026162",
			true},
		{"RFC 5280 7.1 PrintableString and UTF8String", "300d310b300906035504030c024142",
			"300d310b30090603550403130261 62", true},
		{"RFC 5280 7.1 BMPString", "300d310b300906035504030c024142",
			"300f310d300b06035504031e0400410042", true},
		{"RFC 5280 7.1 blanks around and between", "300f310d300b06035504030c0441204220",
			"3010310e300c06035504030c05204120 2042", true},
		{"a blank is not none", "300e310c300a06035504030c03412042", "300d310b300906035504030c024142",
			false},
		{"other text", "300d310b300906035504030c024142", "300d310b300906035504030c024143", false},
		{"other attribute", "300d310b300906035504030c024142", "300d310b3009060355040a0c024142",
			false},
		{"empty names", "3000", "3000", true},
		{"empty and not", "3000", "300d310b300906035504030c024142", false},
		{"a NUL inside is no end", "300e310c300a06035504030c03410042", "300c310a300806035504030c0141",
			false},
		{"bad UTF-8 equals only itself", "300d310b300906035504030c0241ff",
			"300d310b300906035504030c0241ff", true},
		{"bad UTF-8 and its folding", "300d310b300906035504030c0241ff",
			"300d310b300906035504030c0261ff", false},
		{"order inside one RDN", "301831163009060355040a0c024142300906035504030c024344",
			"30183116300906035504030c0243443009060355040a0c024142", true},
		{"RDN by RDN is not one RDN", "301831163009060355040a0c024142300906035504030c024344",
			"301a310b3009060355040a0c024142310b300906035504030c024344", false},
		{"malformed is equal to nothing", "3001", "3001", false},
		{"X.501 an RDN may not be empty", "30023100", "30023100", false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes a = test_hex(rows[i].a);
		struct test_bytes b = test_hex(rows[i].b);
		CHECK(rows[i].name,
			x509_name_equal(test_bytes_view(&a), test_bytes_view(&b)) == rows[i].equal);
		CHECK(rows[i].name,
			x509_name_equal(test_bytes_view(&b), test_bytes_view(&a)) == rows[i].equal);
	}
}

static void test_print(const struct pki *root)
{
	static const struct {
		const char *name;
		struct x509_make_attribute subject[6];
		size_t count;
		const char *want;
	} rows[] = {
		{"mq-semantics 4.3 most specific first",
			{{"C", "US"}, {"ST", "MA"}, {"O", "IBM"}, {"OU", "SSL For MQ"}, {"CN", "QM1"}}, 5,
			"SERIALNUMBER=78:40:26,CN=QM1,OU=SSL For MQ,O=IBM,ST=MA,C=US"},
		{"units in DER order", {{"O", "IBM"}, {"OU", "high"}, {"OU", "low"}, {"CN", "x"}}, 4,
			"SERIALNUMBER=78:40:26,CN=x,OU=high,OU=low,O=IBM"},
		{"separators are quoted", {{"CN", "a,O=evil"}}, 1, "SERIALNUMBER=78:40:26,CN=\"a,O=evil\""},
		{"quotes are escaped", {{"CN", "a\"b"}}, 1, "SERIALNUMBER=78:40:26,CN=\"a\\\"b\""},
		{"an asterisk at an end is literal", {{"CN", "*"}}, 1, "SERIALNUMBER=78:40:26,CN=\\*"},
		{"an asterisk inside is literal anyway", {{"CN", "a*b"}}, 1, "SERIALNUMBER=78:40:26,CN=a*b"},
		{"blanks at an end are quoted", {{"CN", " a"}}, 1, "SERIALNUMBER=78:40:26,CN=\" a\""},
		{"no name", {{NULL, NULL}}, 0, "SERIALNUMBER=78:40:26"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct x509_make make = {.subject = rows[i].subject,
			.subject_count = rows[i].count,
			.serial = {(const uint8_t *)"\x78\x40\x26", 3},
			.path_length = -1};
		struct pki leaf = pki_make(root, &make, NULL, NULL);
		struct buf text = BUF_INIT(65536);
		CHECK(rows[i].name, cert_print_dn(leaf.cert, true, &text) == ERR_OK);
		CHECK(rows[i].name, bytes_equal_text(buf_bytes(&text), rows[i].want));
		buf_release(&text);
		pki_free(&leaf);
	}
	struct buf text = BUF_INIT(65536);
	struct pki leaf = pki_leaf(root, "x");
	CHECK("the issuer has no serial number", cert_print_dn(leaf.cert, false, &text) == ERR_OK);
	CHECK("the issuer has no serial number", bytes_equal_text(buf_bytes(&text), "CN=Root"));
	buf_release(&text);
	pki_free(&leaf);
}

static void test_make_refusals(const struct pki *root)
{
	static const char *const bad_ip[] = {"300.1.2.3"};
	static const char *const bad_dns[] = {"a b"};
	static const struct x509_make_attribute unknown = {"XYZ", "a"};
	static const struct x509_make_attribute empty = {"CN", ""};
	static const struct x509_make_attribute good = {"CN", "a"};
	const struct {
		const char *name;
		struct x509_make make;
		enum err want;
	} rows[] = {
		{"good", {.subject = &good, .subject_count = 1}, ERR_OK},
		{"unknown attribute", {.subject = &unknown, .subject_count = 1}, ERR_INVALID},
		{"empty attribute", {.subject = &empty, .subject_count = 1}, ERR_INVALID},
		{"address", {.ip = bad_ip, .ip_count = 1}, ERR_INVALID},
		{"DNS name", {.dns = bad_dns, .dns_count = 1}, ERR_INVALID},
		{"ends before it begins", {.not_before = 1, .not_after = 0}, ERR_INVALID},
		{"serial of 21 octets", {.serial = {(const uint8_t *)"012345678901234567890", 21}},
			ERR_INVALID},
		{"serial with a leading zero", {.serial = {(const uint8_t *)"\x00\x01", 2}}, ERR_INVALID},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf der = BUF_INIT(65536);
		CHECK(rows[i].name, x509_make_cert(&rows[i].make, cert_spki(root->cert), NULL,
					    secret_bytes(&root->key), &der) == rows[i].want);
		CHECK(rows[i].name, (der.len != 0) == (rows[i].want == ERR_OK));
		buf_release(&der);
	}
}

static void test_requests(void)
{
	struct secret key = pki_key(KEY_EC_P256);
	struct x509_make_attribute subject = {"CN", "d1"};
	struct buf der = BUF_INIT(65536);
	struct csr *csr = NULL;
	char *name = NULL;
	struct buf spki = BUF_INIT(8192);
	enum key_kind kind = KEY_KIND_COUNT_;
	REQUIRE("request", csr_make(&subject, 1, secret_bytes(&key), &der) == ERR_OK);
	REQUIRE("its key", key_public(secret_bytes(&key), &kind, &spki) == ERR_OK);
	CHECK("request", csr_parse(buf_bytes(&der), &csr, NULL) == ERR_OK);
	CHECK("request", bytes_equal(csr_spki(csr), buf_bytes(&spki)));
	CHECK("request", csr_common_name(csr, &name) == ERR_OK && strcmp(name, "d1") == 0);
	csr_free(csr);
	free(name);
	for (size_t n = 0; n < der.len; n++) {
		CHECK("request cut", csr_parse(bytes_of(der.data, n), &csr, NULL) == ERR_MALFORMED);
	}
	der.data[der.len - 1] ^= 1;
	CHECK("RFC 2986 3 not signed by its key", csr_parse(buf_bytes(&der), &csr, NULL) == ERR_DENIED);
	der.data[der.len - 1] ^= 1;
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		test_alloc_fail_at(n);
		enum err err = csr_parse(buf_bytes(&der), &csr, NULL);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails", (err == ERR_OK) == (csr != NULL));
		CHECK("the Nth allocation fails", failed || err == ERR_OK);
		csr_free(csr);
	}
	csr_free(NULL);
	buf_release(&der);
	buf_release(&spki);
	secret_free(&key);
}

static void test_files(const struct pki *root, const struct pki *leaf)
{
	struct buf pem = BUF_INIT(1u << 20);
	struct buf der = BUF_INIT(1u << 20);
	struct cert_list list = {0};
	struct x509_error error = {0};
	REQUIRE("PEM", buf_append_text(&pem, "some words before\n") == ERR_OK &&
			       pem_encode("CERTIFICATE", cert_der(root->cert), &pem) == ERR_OK &&
			       pem_encode("PRIVATE KEY", cert_der(root->cert), &pem) == ERR_OK &&
			       pem_encode("CERTIFICATE", cert_der(leaf->cert), &pem) == ERR_OK);
	CHECK("PEM, other blocks skipped", cert_list_load(buf_bytes(&pem), &list, NULL) == ERR_OK);
	CHECK("PEM, other blocks skipped", list.count == 2);
	REQUIRE("DER", buf_append(&der, cert_der(root->cert)) == ERR_OK &&
			       buf_append(&der, cert_der(leaf->cert)) == ERR_OK);
	CHECK("DER, several", cert_list_load(buf_bytes(&der), &list, NULL) == ERR_OK && list.count == 4);
	CHECK("one bad certificate refuses the whole file",
		cert_list_load(bytes_of(der.data, der.len - 1), &list, &error) == ERR_MALFORMED);
	CHECK("and leaves the list as it was", list.count == 4 && error.what != NULL);
	CHECK("empty", cert_list_load(BYTES_NONE, &list, &error) == ERR_MALFORMED);
	CHECK("foreign", cert_list_load(bytes_text("hello"), &list, &error) == ERR_MALFORMED);
	CHECK("PEM without certificates",
		cert_list_load(bytes_text("-----BEGIN X-----\nAAAA\n-----END X-----\n"), &list, &error) ==
			ERR_MALFORMED);
	cert_list_release(&list);
	buf_release(&pem);
	buf_release(&der);
}

static void test_report(const struct pki *root, const struct pki *leaf)
{
	struct trust_set *trust = pki_trust(root->cert, NULL);
	const struct cert *chain[] = {leaf->cert};
	struct x509_question question = {.chain = chain, .chain_count = 1, .trust = trust, .now = PKI_NOW};
	struct x509_answer answer;
	struct buf out = BUF_INIT(1u << 20);
	const char *text = NULL;
	x509_judge(&question, &answer);
	REQUIRE("JSON", x509_report_json(&question, &answer, "leaf.crt", &out) == ERR_OK);
	REQUIRE("JSON", buf_text(&out, &text) == ERR_OK);
	CHECK("JSON verdict", strstr(text, "\"verdict\":\"accept\"") != NULL);
	CHECK("JSON reason", strstr(text, "\"reason\":\"ok\"") != NULL);
	CHECK("JSON path", strstr(text, "\"role\":\"anchor\"") != NULL);
	CHECK("JSON time", strstr(text, "\"at\":\"2026-11-18T20:53:20Z\"") != NULL);
	out.len = 0;
	question.chain_count = 0;
	x509_judge(&question, &answer);
	CHECK("a report about nothing", x509_report_json(&question, &answer, NULL, &out) == ERR_OK);
	REQUIRE("text", x509_report_text(&question, &answer, NULL, &out) == ERR_OK);
	REQUIRE("text", buf_text(&out, &text) == ERR_OK);
	CHECK("text", strstr(text, "REFUSED (no-certificate)") != NULL);
	buf_release(&out);
	trust_set_unref(trust);
}

/* RFC 5280 4.2.1.6: also the forms of which nothing is used are read as what they must be. */
static const struct {
	const char *name, *hex;
	bool good;
} general_names[] = {
	{"RFC 5280 4.2.1.6 ediPartyName: a party", "a5 05 a1 03 0c 01 61", true},
	{"RFC 5280 4.2.1.6 ediPartyName: an assigner, then a party", "a5 0a a0 03 13 01 41 a1 03 1e 01 62",
		true},
	{"ediPartyName: an assigner alone", "a5 05 a0 03 0c 01 61", false},
	{"ediPartyName: the party first", "a5 0a a1 03 0c 01 61 a0 03 0c 01 62", false},
	{"ediPartyName: two parties", "a5 0a a1 03 0c 01 61 a1 03 0c 01 62", false},
	{"ediPartyName: a party without its string's own tag", "a5 03 81 01 61", false},
	{"ediPartyName: a string that is no DirectoryString", "a5 05 a1 03 16 01 61", false},
	{"ediPartyName: a string put together from parts", "a5 07 a1 05 2c 03 0c 01 61", false},
	{"ediPartyName: two strings in one", "a5 08 a1 06 0c 01 61 0c 01 62", false},
	{"ediPartyName: a directory name in it", "a5 0e 30 0c 31 0a 30 08 06 03 55 04 0a 0c 01 61", false},
	{"ediPartyName: empty", "a5 00", false},
	{"ediPartyName: an empty party", "a5 02 a1 00", false},
	{"ediPartyName: cut", "a5 05 a1 03 0c 02 61", false},
	{"x400Address: whatever is DER around it", "a3 05 61 03 13 01 41", true},
	{"a form that there is not", "89 01 61", false},
};

static void test_general_names(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(general_names); i++) {
		struct test_bytes der = test_hex(general_names[i].hex);
		struct wire_reader in = wire_reader_init(test_bytes_view(&der));
		struct general_name name;
		enum err err = general_name_next(&in, &name);
		CHECK(general_names[i].name, (err == ERR_OK) == general_names[i].good);
		CHECK(general_names[i].name, err == ERR_OK || err == ERR_MALFORMED);
		CHECK(general_names[i].name, err == ERR_OK || wire_reader_left(&in) == der.len);
	}
}

int main(void)
{
	static const char *const dns[] = {"d1.example"};
	static const char *const ip[] = {"192.0.2.1"};
	pki_init();
	struct pki root = pki_root("Root");
	struct pki leaf = pki_make(&root,
		&(struct x509_make){.path_length = -1, .dns = dns, .dns_count = 1, .ip = ip, .ip_count = 1},
		"d1", NULL);
	test_cut(&leaf);
	test_turned_bits(&root, &leaf);
	test_no_memory(&leaf);
	test_fields(&root, &leaf);
	test_names_equal();
	test_general_names();
	test_print(&root);
	test_make_refusals(&root);
	test_requests();
	test_files(&root, &leaf);
	test_report(&root, &leaf);
	pki_free(&root);
	pki_free(&leaf);
	crypto_cleanup();
	return test_result();
}
