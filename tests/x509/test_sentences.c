/*
 * test_sentences.c - the words of each refusal, as a device engineer reads them.
 * Goal:    every reason has its exact sentence here, and every sentence names who is meant and what is wrong.
 */
#include <string.h>

#include "base/utf8.h"
#include "tests/x509/pki.h"

#define OID_NC       "2.5.29.30"
#define OID_POLICIES "2.5.29.32"

/* A leaf under a CA under a root, each made as the row says; what is asked is changed by ask. */
struct row {
	const char *name;
	enum x509_reason reason;
	struct x509_make leaf, ca;
	void (*ask)(struct x509_question *question);
	const char *sentence;
};

static const struct x509_make_extension unknown_critical = {
	"1.2.3.4", true, {(const uint8_t *)"\x05\x00", 2}};
static const struct x509_make_extension access_critical = {
	"1.3.6.1.5.5.7.1.1", true, {(const uint8_t *)"\x30\x00", 2}};
/* permitted { DNS plant.example } */
static const struct x509_make_extension constraint = {
	OID_NC, true, {(const uint8_t *)"\x30\x13\xa0\x11\x30\x0f\x82\x0dplant.example", 21}};
/* permitted { DNS .plant.example }, excluded { IP 10.0.0.1 } */
static const struct x509_make_extension constraint_dot = {
	OID_NC, true, {(const uint8_t *)"\x30\x14\xa0\x12\x30\x10\x82\x0e.plant.example", 22}};
static const struct x509_make_extension constraint_host = {
	OID_NC, true, {(const uint8_t *)"\x30\x0a\xa1\x08\x30\x06\x87\x04\x0a\x00\x00\x01", 12}};
static const struct x509_make_extension constraint_broken = {OID_NC, true, {(const uint8_t *)"\x30\x00", 2}};
static const struct x509_make_extension policies_broken = {
	OID_POLICIES, false, {(const uint8_t *)"\x30\x00", 2}};
static const struct x509_make_extension addresses = {"2.5.29.17", false,
	{(const uint8_t *)"\x30\x18\x87\x04\x0a\x00\x00\x02\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 26}};
static const char *const address_as_name = "10.0.0.1";
static const char *const other_host = "pump.elsewhere.example";

#define CA   .ca = true, .path_length = -1
#define LEAF .path_length = -1, .client_auth = true

static void ask_sha1(struct x509_question *question)
{
	question->allow_sha1 = false;
}

static void ask_nobody(struct x509_question *question)
{
	question->chain_count = 0;
}

static void ask_without_ca(struct x509_question *question)
{
	question->chain_count = 1;
}

static void ask_server(struct x509_question *question)
{
	question->purpose = X509_PURPOSE_SERVER;
}

static void ask_host(struct x509_question *question)
{
	question->host = "broker.plant.example";
}

static void ask_address(struct x509_question *question)
{
	question->host = "10.0.0.1";
}

static void ask_policy(struct x509_question *question)
{
	question->explicit_policy = true;
}

static void ask_list(struct x509_question *question)
{
	question->revocation = X509_REVOCATION_REQUIRED;
}

static void ask_too_much(struct x509_question *question)
{
	question->chain_count = X509_CHAIN_CERTS_MAX + 1;
}

static const struct row rows[] = {
	{"good", X509_OK, {LEAF}, {CA}, NULL,
		"certificate 'pump-1' was issued under the trusted CA 'Plant Root'"},
	{"nothing presented", X509_NO_CERTIFICATE, {LEAF}, {CA}, ask_nobody, "no certificate was presented"},
	{"RFC 5280 4.1.2.1 version", X509_VERSION, {LEAF, .version1 = true}, {CA}, NULL,
		"certificate 'pump-1' is X.509 version 1; only version 3 is accepted: have it issued again "
		"with extensions"},
	{"the CA is not presented", X509_UNKNOWN_ISSUER, {LEAF}, {CA}, ask_without_ca,
		"the issuer 'Plant 7 CA' of certificate 'pump-1' is neither trusted nor was it presented"},
	{"RFC 5280 6.1.3 (a)(2) too early", X509_NOT_YET_VALID,
		{LEAF, .not_before = PKI_NOW + PKI_DAY, .not_after = PKI_NOW + 2 * PKI_DAY}, {CA}, NULL,
		"certificate 'pump-1' is valid only from 2026-11-19 on; check the clock here"},
	{"RFC 5280 6.1.3 (a)(2) too late", X509_EXPIRED,
		{LEAF, .not_before = PKI_NOW - 20 * PKI_DAY, .not_after = PKI_NOW - 16 * PKI_DAY}, {CA}, NULL,
		"certificate 'pump-1' expired 2026-11-02"},
	{"RFC 5280 6.1.3 (a)(2) the CA too late", X509_EXPIRED, {LEAF},
		{CA, .not_before = PKI_NOW - 20 * PKI_DAY, .not_after = PKI_NOW - 16 * PKI_DAY}, NULL,
		"issuing CA 'Plant 7 CA' expired 2026-11-02"},
	{"SHA-1", X509_WEAK_ALGORITHM, {LEAF, .sha1 = true}, {CA}, ask_sha1,
		"certificate 'pump-1' is signed with SHA-1, which can be forged"},
	{"RFC 5280 6.1.4 (k)", X509_ISSUER_NOT_CA, {LEAF}, {.path_length = -1, .key_usage = 1u << 5}, NULL,
		"'Plant 7 CA' is no CA (basicConstraints does not say so) and cannot issue certificates"},
	{"RFC 5280 6.1.4 (n)", X509_KEY_USAGE, {LEAF}, {CA, .key_usage = 1u << 6}, NULL,
		"issuing CA 'Plant 7 CA' may not issue certificates: its key usage lacks keyCertSign"},
	{"RFC 8446 4.4.2.2", X509_KEY_USAGE, {LEAF, .key_usage = 1u << 4}, {CA}, NULL,
		"certificate 'pump-1' may not sign: its key usage lacks digitalSignature"},
	{"RFC 5280 4.2.1.3", X509_KEY_USAGE, {LEAF, .key_usage = 1u << 0 | 1u << 5}, {CA}, NULL,
		"certificate 'pump-1' claims keyCertSign but is no CA"},
	{"RFC 5280 4.2.1.12", X509_EXTENDED_KEY_USAGE, {.path_length = -1, .server_auth = true}, {CA}, NULL,
		"certificate 'pump-1' may not be used for clientAuth: its extended key usage does not list "
		"it"},
	{"extended key usage nests", X509_EXTENDED_KEY_USAGE, {LEAF}, {CA, .server_auth = true}, NULL,
		"issuing CA 'Plant 7 CA' may not be used for clientAuth: its extended key usage does not "
		"list it"},
	{"RFC 5280 4.2 unknown and critical", X509_UNKNOWN_CRITICAL_EXTENSION,
		{LEAF, .extensions = &unknown_critical, .extension_count = 1}, {CA}, NULL,
		"certificate 'pump-1' has the critical extension 1.2.3.4, which is not known"},
	{"RFC 5280 4.2 critical that may not be", X509_UNSUPPORTED_EXTENSION,
		{LEAF, .extensions = &access_critical, .extension_count = 1}, {CA}, NULL,
		"certificate 'pump-1' has the critical extension 1.3.6.1.5.5.7.1.1, which is not supported"},
	{"RFC 5280 4.2.1.10", X509_NAME_CONSTRAINTS, {LEAF, .dns = &other_host, .dns_count = 1},
		{CA, .extensions = &constraint, .extension_count = 1}, NULL,
		"of 'pump-1' the DNS name 'pump.elsewhere.example' is not permitted by the name constraints "
		"of CA "
		"'Plant 7 CA'"},
	{"RFC 5280 4.2.1.10 empty", X509_NAME_CONSTRAINTS, {LEAF},
		{CA, .extensions = &constraint_broken, .extension_count = 1}, NULL,
		"the name constraints of 'Plant 7 CA' are malformed or of a form that is not supported"},
	{"RFC 5280 4.2.1.10 a DNS name with a dot before it", X509_NAME_CONSTRAINTS, {LEAF},
		{CA, .extensions = &constraint_dot, .extension_count = 1}, NULL,
		"the name constraints of 'Plant 7 CA' are malformed or of a form that is not supported: DNS "
		"name "
		"'.plant.example'"},
	{"RFC 5280 4.2.1.10 an address without a mask", X509_NAME_CONSTRAINTS, {LEAF},
		{CA, .extensions = &constraint_host, .extension_count = 1}, NULL,
		"the name constraints of 'Plant 7 CA' are malformed or of a form that is not supported: IP "
		"address"},
	{"RFC 5280 4.2.1.10 in a leaf", X509_NAME_CONSTRAINTS,
		{LEAF, .extensions = &constraint, .extension_count = 1}, {CA}, NULL,
		"the name constraints of 'pump-1' are out of place: it is no CA on this path"},
	{"RFC 5280 6.1.5 (g)", X509_POLICY, {LEAF}, {CA}, ask_policy,
		"certificate 'pump-1' was not issued under an acceptable certificate policy"},
	{"RFC 5280 4.2.1.4", X509_POLICY, {LEAF, .extensions = &policies_broken, .extension_count = 1}, {CA},
		NULL, "a policy extension of 'pump-1' is malformed"},
	{"RFC 5280 4.2.1.4 of the CA", X509_POLICY, {LEAF},
		{CA, .extensions = &policies_broken, .extension_count = 1}, NULL,
		"a policy extension of 'Plant 7 CA' is malformed"},
	{"RFC 5280 6.3 no list", X509_CRL_MISSING, {LEAF}, {CA}, ask_list,
		"no CRL of 'Plant 7 CA' is at hand to say whether 'pump-1' is revoked"},
	{"too many presented", X509_LIMIT, {LEAF}, {CA}, ask_too_much,
		"the presented chain is too long: at most 9 certificates and 65536 bytes are read"},
	{"RFC 9525", X509_HOST_NAME, {LEAF, .dns = &other_host, .dns_count = 1}, {CA}, ask_host,
		"certificate 'pump-1' is not for 'broker.plant.example'; its host names are: "
		"pump.elsewhere.example"},
	{"RFC 9525 an address, and a name only", X509_HOST_NAME,
		{LEAF, .dns = &address_as_name, .dns_count = 1}, {CA}, ask_address,
		"certificate 'pump-1' is not for '10.0.0.1'; its IP addresses are: none"},
	{"RFC 9525 an address, and others", X509_HOST_NAME,
		{LEAF, .extensions = &addresses, .extension_count = 1}, {CA}, ask_address,
		"certificate 'pump-1' is not for '10.0.0.1'; its IP addresses are: 10.0.0.2, ::1"},
	{"RFC 9525 a host name, and addresses only", X509_HOST_NAME,
		{LEAF, .extensions = &addresses, .extension_count = 1}, {CA}, ask_host,
		"certificate 'pump-1' is not for 'broker.plant.example'; its host names are: none"},
	{"RFC 5280 4.2.1.9 and section 4 for a server", X509_PROFILE,
		{.path_length = -1, .server_auth = true, .serial = {(const uint8_t *)"\x00", 1}}, {CA},
		ask_server,
		"certificate 'pump-1' has a serial number that is not positive, so strict clients refuse it"},
};

static void test_rows(void)
{
	struct pki root = pki_root("Plant Root");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct cert *chain[X509_CHAIN_CERTS_MAX + 1];
		struct x509_answer answer;
		struct pki ca = pki_make(&root, &rows[i].ca, "Plant 7 CA", NULL);
		struct pki leaf = pki_make(&ca, &rows[i].leaf, "pump-1", NULL);
		chain[0] = leaf.cert;
		for (size_t j = 1; j < ARRAY_COUNT(chain); j++) {
			chain[j] = ca.cert;
		}
		struct x509_question question = {.chain = chain,
			.chain_count = 2,
			.trust = trust,
			.now = PKI_NOW,
			.purpose = X509_PURPOSE_CLIENT,
			.allow_sha1 = true};
		if (rows[i].ask != NULL) {
			rows[i].ask(&question);
		}
		x509_judge(&question, &answer);
		CHECK(rows[i].name, answer.reason == rows[i].reason);
		CHECK(rows[i].name, strcmp(answer.sentence, rows[i].sentence) == 0);
		if (strcmp(answer.sentence, rows[i].sentence) != 0) {
			printf("  %s\n", answer.sentence);
		}
		pki_free(&leaf);
		pki_free(&ca);
	}
	trust_set_unref(trust);
	pki_free(&root);
}

static void expect(
	const char *row, const struct x509_answer *answer, enum x509_reason reason, const char *sentence)
{
	CHECK(row, answer->reason == reason);
	CHECK(row, strcmp(answer->sentence, sentence) == 0);
	if (strcmp(answer->sentence, sentence) != 0) {
		printf("  %s\n", answer->sentence);
	}
}

static void ask_with(const char *row, const struct pki *root, const struct pki *leaf, struct crl *crl,
	enum x509_reason reason, const char *sentence)
{
	struct trust_set *trust = pki_trust(root->cert, NULL);
	struct crl_set *crls = pki_crls(crl, NULL);
	struct x509_answer answer = pki_judge(trust, crls, X509_REVOCATION_REQUIRED, leaf->cert, NULL, NULL);
	expect(row, &answer, reason, sentence);
	crl_set_unref(crls);
	trust_set_unref(trust);
	crl_unref(crl);
}

static void test_revoked_ca(const struct pki *root)
{
	struct pki ca = pki_ca(root, "Plant 7 CA");
	struct pki leaf = pki_leaf(&ca, "pump-1");
	const struct cert *revoked[] = {ca.cert};
	struct trust_set *trust = pki_trust(root->cert, NULL);
	struct crl *crl = pki_crl(root, 1, revoked, 1);
	struct crl_set *crls = pki_crls(crl, NULL);
	struct x509_answer answer =
		pki_judge(trust, crls, X509_REVOCATION_IF_AVAILABLE, leaf.cert, ca.cert, NULL);
	expect("RFC 5280 6.3.3 (i) of an intermediate", &answer, X509_REVOKED,
		"issuing CA 'Plant 7 CA' was revoked 2026-11-17 by 'Root'");
	crl_set_unref(crls);
	crl_unref(crl);
	trust_set_unref(trust);
	pki_free(&leaf);
	pki_free(&ca);
}

/* Two CAs that issued each other, and nobody above them. */
static void test_loop(void)
{
	struct pki root = pki_root("Root");
	struct pki a = pki_root("A");
	struct pki b = pki_ca(&a, "B");
	struct pki a_by_b = pki_ca(&b, "A");
	struct pki leaf = pki_leaf(&b, "pump-1");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	struct x509_answer answer =
		pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, b.cert, a_by_b.cert);
	expect("a loop", &answer, X509_UNKNOWN_ISSUER,
		"the issuer 'B' of certificate 'A' was presented, but nothing trusted stands above it");
	trust_set_unref(trust);
	struct pki *all[] = {&root, &a, &b, &a_by_b, &leaf};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
}

static void test_lists(void)
{
	struct pki root = pki_root("Root");
	struct pki stranger = pki_root("Root");
	struct pki leaf = pki_leaf(&root, "pump-1");
	const struct cert *revoked[] = {leaf.cert};
	ask_with("RFC 5280 6.3.3 (i)", &root, &leaf, pki_crl(&root, 1, revoked, 1), X509_REVOKED,
		"certificate 'pump-1' was revoked 2026-11-17 by 'Root'");
	test_revoked_ca(&root);
	ask_with("RFC 5280 5.1.2.5 past its nextUpdate", &root, &leaf,
		pki_crl_at(&root, 1, PKI_NOW - PKI_DAY, PKI_NOW - 3 * 3600, NULL, 0), X509_CRL_STALE,
		"CRL of 'Root' is 3 h past its nextUpdate");
	ask_with("RFC 5280 5.1.2.4 from the future", &root, &leaf,
		pki_crl_at(&root, 1, PKI_NOW + PKI_DAY, PKI_NOW + 2 * PKI_DAY, NULL, 0),
		X509_CRL_NOT_YET_VALID, "CRL of 'Root' is dated in the future");
	ask_with("RFC 5280 6.3.3 (g) another key's", &root, &leaf, pki_crl(&stranger, 1, NULL, 0),
		X509_CRL_UNSUPPORTED,
		"CRL of 'Root' does not cover the certificate, or nobody vouches for its signer");
	pki_free(&leaf);
	pki_free(&stranger);
	pki_free(&root);
}

/* RFC 6960 4.2.2.2.1: a responder without id-pkix-ocsp-nocheck says "good" of pump-1. */
static void test_responder(const char *row, const struct pki *signed_by, const struct pki *root,
	enum x509_reason reason, const char *sentence)
{
	struct pki leaf = pki_leaf(root, "pump-1");
	struct pki responder = pki_responder(signed_by, "Responder", true);
	struct trust_set *trust = pki_trust(root->cert, NULL);
	const struct ocsp_response *response =
		pki_ocsp_made(&(struct pki_ocsp){.issuer = root, .cert = leaf.cert, .signer = &responder});
	const struct cert *chain[] = {leaf.cert};
	struct x509_answer answer;
	struct x509_question question = {.chain = chain,
		.chain_count = 1,
		.trust = trust,
		.now = PKI_NOW,
		.revocation = X509_REVOCATION_REQUIRED,
		.ocsp = &response,
		.ocsp_count = 1,
		.ocsp_auth = X509_OCSP_REQUIRED};
	x509_judge(&question, &answer);
	expect(row, &answer, reason, sentence);
	ocsp_response_unref(UNCONST(struct ocsp_response, response));
	trust_set_unref(trust);
	pki_free(&responder);
	pki_free(&leaf);
}

static void test_responders(void)
{
	/* permitted { directory names below CN=pump-1 } */
	static const struct x509_make_extension only_pump = {OID_NC, true,
		{(const uint8_t *)"\x30\x19\xa0\x17\x30\x15\xa4\x13\x30\x11\x31\x0f\x30\x0d\x06\x03\x55\x04"
				  "\x03\x0c\x06pump-1",
			27}};
	struct pki root = pki_root("Root");
	struct pki twin = pki_root("Root");
	struct pki narrow = pki_make(
		NULL, &(struct x509_make){CA, .extensions = &only_pump, .extension_count = 1}, "Root", NULL);
	test_responder("RFC 6960 4.2.2.2.1 whether it is revoked is not known", &root, &root,
		X509_OCSP_SIGNER_UNKNOWN,
		"the OCSP answer about 'pump-1' does not count: no fresh CRL covers its responder "
		"'Responder', which has no id-pkix-ocsp-nocheck");
	test_responder("RFC 6960 4.2.2.2 a stranger's", &twin, &root, X509_OCSP_BAD,
		"the OCSP answer about 'pump-1' is not believed: neither the issuing CA nor a responder "
		"that it delegated to has signed it");
	test_responder("RFC 5280 4.2.1.10 not within the CA's name constraints", &narrow, &narrow,
		X509_OCSP_BAD,
		"the OCSP answer about 'pump-1' is not believed: its responder is revoked, or beyond the "
		"limits of a CA on the path");
	pki_free(&narrow);
	pki_free(&twin);
	pki_free(&root);
}

static void test_paths(void)
{
	struct pki root = pki_root("Root");
	struct pki stranger = pki_root("Root");
	struct pki narrow =
		pki_make(&root, &(struct x509_make){.ca = true, .path_length = 0}, "Narrow CA", NULL);
	struct pki below = pki_ca(&narrow, "Below CA");
	struct pki leaf = pki_leaf(&below, "pump-1");
	struct pki forged = pki_leaf(&stranger, "pump-2");
	struct pki own = pki_self_signed("pump-3");
	struct pki issued = pki_leaf(&own, "pump-4");
	struct trust_set *trust = pki_trust(root.cert, own.cert);
	struct x509_answer answer =
		pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, below.cert, narrow.cert);
	expect("RFC 5280 6.1.4 (l), (m)", &answer, X509_PATH_LENGTH,
		"CA 'Narrow CA' allows at most 0 CAs below it; the path has 1");
	answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, forged.cert, NULL, NULL);
	expect("RFC 5280 6.1.3 (a)(1)", &answer, X509_BAD_SIGNATURE,
		"the signature of certificate 'pump-2' was not made by 'Root'");
	answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, own.cert, NULL, NULL);
	expect("pinned", &answer, X509_OK, "certificate 'pump-3' is pinned");
	answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, issued.cert, NULL, NULL);
	expect("a pin is no CA", &answer, X509_PIN_AS_ISSUER,
		"certificate 'pump-4' was issued by 'pump-3', which is only pinned (a pin is no CA)");
	trust_set_unref(trust);
	trust = pki_trust(root.cert, NULL);
	answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, own.cert, NULL, NULL);
	expect("self-signed", &answer, X509_UNKNOWN_ISSUER,
		"certificate 'pump-3' is self-signed and neither pinned nor a trusted CA's issue");
	answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, issued.cert, own.cert, NULL);
	expect("self-signed, above another", &answer, X509_UNKNOWN_ISSUER,
		"the chain ends in 'pump-3', which is self-signed and not trusted");
	trust_set_unref(trust);
	trust = pki_trust(own.cert, NULL);
	answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, own.cert, NULL, NULL);
	expect("trusted as a CA, presented by itself", &answer, X509_UNKNOWN_ISSUER,
		"certificate 'pump-3' is itself among the trusted CAs; that lets in what it issues, not "
		"itself: pin it");
	trust_set_unref(trust);
	answer = pki_judge(NULL, NULL, X509_REVOCATION_NONE, own.cert, NULL, NULL);
	expect("nothing trusted", &answer, X509_UNKNOWN_ISSUER, "no CA is trusted here");
	struct pki *all[] = {&root, &stranger, &narrow, &below, &leaf, &forged, &own, &issued};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
}

/* A sentence that does not fit is cut between characters, wherever its end falls. */
static void test_cut(void)
{
	static const char *const names[] = {"", "x", "xx", "xxx"};
	static const char long_host[] =
		"pump-with-a-very-long-name-indeed.hall-with-a-long-name-too.elsewhere.example";
	static const char *const host = long_host;
	struct pki root = pki_root("Plant Root");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		char text[128];
		size_t used = (size_t)snprintf(text, sizeof(text), "%s", names[i]);
		while (used + 3 < 80) {
			used += (size_t)snprintf(text + used, sizeof(text) - used, "\xc3\xa9");
		}
		struct pki ca = pki_make(&root,
			&(struct x509_make){CA, .extensions = &constraint, .extension_count = 1}, text, NULL);
		struct pki leaf =
			pki_make(&ca, &(struct x509_make){LEAF, .dns = &host, .dns_count = 1}, text, NULL);
		struct x509_answer answer =
			pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, ca.cert, NULL);
		CHECK("a long sentence", answer.reason == X509_NAME_CONSTRAINTS &&
						 strlen(answer.sentence) >= X509_SENTENCE_BYTES - 4);
		CHECK("a long sentence is text", utf8_valid(bytes_text(answer.sentence)));
		pki_free(&leaf);
		pki_free(&ca);
	}
	trust_set_unref(trust);
	pki_free(&root);
}

/* Certificates without a name of their own, and a CA that may not sign lists. */
static void test_odd(void)
{
	const struct x509_make nameless_leaf = {.serial = {(const uint8_t *)"\x41\x42", 2}, LEAF};
	const struct x509_make nameless_ca = {.serial = {(const uint8_t *)"\x43", 1}, CA};
	struct pki root = pki_make(
		NULL, &(struct x509_make){.ca = true, .path_length = -1, .key_usage = 1u << 5}, "Root", NULL);
	struct pki leaf = pki_leaf(&root, "pump-1");
	struct pki nameless = pki_make(&root, &nameless_leaf, NULL, NULL);
	struct pki ca = pki_make(&root, &nameless_ca, NULL, NULL);
	struct pki below = pki_leaf(&ca, "pump-2");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	struct x509_answer answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, nameless.cert, NULL, NULL);
	expect("RFC 5280 4.1.2.6 a leaf", &answer, X509_MALFORMED,
		"certificate 'serial 4142' has neither a subject nor a critical subjectAltName");
	answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, below.cert, ca.cert, NULL);
	expect("RFC 5280 4.1.2.6 a CA", &answer, X509_NAME_CHAINING,
		"issuing CA 'serial 43' has an empty name");
	trust_set_unref(trust);
	ask_with("RFC 5280 6.3.3 (f)", &root, &leaf, pki_crl(&root, 1, NULL, 0), X509_CRL_BAD_SIGNATURE,
		"CRL of 'Root' was not signed by that CA, or the CA may not sign CRLs");
	struct pki *all[] = {&root, &leaf, &nameless, &ca, &below};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
}

int main(void)
{
	pki_init();
	test_odd();
	test_rows();
	test_lists();
	test_loop();
	test_paths();
	test_responders();
	test_cut();
	crypto_cleanup();
	return test_result();
}
