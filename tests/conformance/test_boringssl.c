/*
 * test_boringssl.c - BoringSSL's chain tests: each *.test is one chain with a time, a purpose and the errors that are expected.
 * Goal:    what it refuses is refused here; every other difference is in the table with its reason.
 *          With the path of the program as its argument, each question goes to `lockgate cert verify` as well.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "tests/conformance/by_command.h"
#include "tests/x509/pki.h"

#define FILE_BYTES_MAX (4u * 1024u * 1024u)
#define POLICIES_MAX   8u
#define CERTS_MAX      64u
#define TESTS          197u

struct one {
	char chain[64], trust[64], purpose[32], time[32], expected_first[8];
	char policies[POLICIES_MAX][64];
	size_t policy_count;
	bool explicit_policy, inhibit_mapping, inhibit_any, fails;
};

/* Beginning of the test's name, what we say instead (X509_OK: accepted by us, refused by the suite), and why. */
static const struct {
	const char *test;
	enum x509_reason reason;
	const char *why;
} differences[] = {
	{"expired-root/not-after", X509_EXPIRED, "an anchor's validity holds like any CA's"},
	{"expired-root/not-before", X509_NOT_YET_VALID, "as above"},
	{"intermediate-basic-constraints-not-critical/main", X509_PROFILE,
		"RFC 5280 4.2.1.9, for the purpose server"},
	{"intermediate-eku-server-gated-crypto/sha1-eku-any", X509_WEAK_ALGORITHM, "SHA-1"},
	{"issuer-and-subject-not-byte-for-byte-equal/anchor", X509_WEAK_ALGORITHM, "RSA of 1024 bits"},
	{"issuer-and-subject-not-byte-for-byte-equal/target", X509_WEAK_ALGORITHM, "SHA-1"},
	{"many-names/ok-all-types", X509_MALFORMED, "more names than SAN_NAMES_MAX"},
	{"policies-inhibit-anypolicy-by-root-fail/main", X509_POLICY,
		"RFC 5937: an anchor's policy constraints hold"},
	{"policies-inhibit-mapping-by-root-fail/main", X509_POLICY, "as above"},
	{"policies-required-by-root-fail/main", X509_POLICY, "as above"},
	{"policies-on-root-wrong/main", X509_POLICY, "as above, its policies too"},
	{"policy-mappings-on-root-fail/main", X509_POLICY, "as above, its mappings too"},
	{"root-basic-constraints-ca-false/main", X509_ISSUER_NOT_CA,
		"RFC 5280 6.1.4 (k) of anchors too: what an operator imports by mistake does not issue"},
	{"root-lacks-basic-constraints/", X509_ISSUER_NOT_CA, "as above"},
	{"root-lacks-keycertsign-key-usage/main", X509_KEY_USAGE, "RFC 5280 6.1.4 (n) of anchors too"},
	{"root-eku-clientauth/serverauth", X509_EXTENDED_KEY_USAGE,
		"extended key usage nests, from the anchor on"},
	{"target-has-keycertsign-but-not-ca/main", X509_KEY_USAGE, "RFC 5280 4.2.1.3"},
	{"target-msapplicationpolicies-and-eku/main", X509_UNKNOWN_CRITICAL_EXTENSION,
		"RFC 5280 4.2: critical, and not known here"},
	{"target-not-end-entity/main", X509_KEY_USAGE,
		"RFC 8446 4.4.2.2: keyUsage without any bit that a handshake needs"},
	{"target-serverauth-various-keyusages/ec-decipherOnly", X509_KEY_USAGE, "as above"},
	{"target-serverauth-various-keyusages/rsa-decipherOnly", X509_KEY_USAGE, "as above"},
	{"violates-pathlen-1-from-root/main", X509_PATH_LENGTH, "an anchor's path length holds"},
	{"target-only/trusted_leaf_require_self_signed", X509_OK,
		"a demand of that suite's interface: a pin matches by its octets, whoever signed it"},
	{"target-selfissued/trusted_leaf_require_self_signed", X509_OK, "as above"},
};

static void copy(char *out, size_t size, const char *from)
{
	(void)snprintf(out, size, "%.*s", (int)(size - 1), from);
}

static void take_line(struct one *one, const char *key, const char *value, bool *errors)
{
	bool yes = strcmp(value, "true") == 0;
	if (strcmp(key, "chain") == 0) {
		copy(one->chain, sizeof(one->chain), value);
	} else if (strcmp(key, "last_cert_trust") == 0) {
		copy(one->trust, sizeof(one->trust), value);
	} else if (strcmp(key, "utc_time") == 0) {
		copy(one->time, sizeof(one->time), value);
	} else if (strcmp(key, "key_purpose") == 0) {
		copy(one->purpose, sizeof(one->purpose), value);
	} else if (strcmp(key, "initial_explicit_policy") == 0) {
		one->explicit_policy = yes;
	} else if (strcmp(key, "initial_policy_mapping_inhibit") == 0) {
		one->inhibit_mapping = yes;
	} else if (strcmp(key, "initial_any_policy_inhibit") == 0) {
		one->inhibit_any = yes;
	} else if (strcmp(key, "user_initial_policy_set") == 0) {
		char list[256];
		char *rest = list;
		copy(list, sizeof(list), value);
		for (char *word = strtok_r(list, ", ", &rest);
			word != NULL && one->policy_count < POLICIES_MAX;
			word = strtok_r(NULL, ", ", &rest)) {
			copy(one->policies[one->policy_count++], sizeof(one->policies[0]), word);
		}
	} else if (strcmp(key, "expected_errors") == 0) {
		*errors = true;
	}
}

static struct one read_test(const char *path)
{
	struct one one = {.fails = false};
	struct buf content = BUF_INIT(FILE_BYTES_MAX);
	const char *text = "";
	bool errors = false;
	REQUIRE(path,
		file_read(path, FILE_BYTES_MAX, &content) == ERR_OK && buf_text(&content, &text) == ERR_OK);
	for (const char *at = text; *at != '\0';) {
		char line[512];
		size_t len = strcspn(at, "\n");
		(void)snprintf(line, sizeof(line), "%.*s", (int)(len < 511 ? len : 511), at);
		at += len + (at[len] == '\n' ? 1 : 0);
		char *colon = strstr(line, ": ");
		if (errors) {
			one.fails = one.fails || strncmp(line, "ERROR", 5) == 0;
		} else if (colon != NULL) {
			*colon = '\0';
			take_line(&one, line, colon + 2, &errors);
		} else {
			errors = strncmp(line, "expected_errors:", 16) == 0;
		}
	}
	buf_release(&content);
	return one;
}

static int64_t time_of(const struct one *one)
{
	struct tm tm = {0};
	bool by_default = strcmp(one->time, "DEFAULT") == 0;
	REQUIRE(one->time, strptime(by_default ? "211005120000" : one->time, "%y%m%d%H%M%S", &tm) != NULL);
	return timegm(&tm);
}

/* False: a purpose that has nothing to do with TLS. */
static bool purpose_of(const struct one *one, enum x509_purpose *out)
{
	*out = strncmp(one->purpose, "SERVER_AUTH", 11) == 0   ? X509_PURPOSE_SERVER
	       : strncmp(one->purpose, "CLIENT_AUTH", 11) == 0 ? X509_PURPOSE_CLIENT
							       : X509_PURPOSE_ANY;
	return *out != X509_PURPOSE_ANY || strcmp(one->purpose, "ANY_EKU") == 0;
}

static struct x509_answer judge(const struct one *one, const char *folder, enum x509_purpose purpose)
{
	struct cert_list certs = {0};
	struct buf pem = BUF_INIT(FILE_BYTES_MAX);
	struct trust_set *trust = NULL;
	struct x509_error error = {.what = ""};
	struct x509_answer answer = {.verdict = X509_REFUSE, .reason = X509_MALFORMED};
	const char *policies[POLICIES_MAX];
	REQUIRE(one->chain, file_read(test_path(folder, one->chain), FILE_BYTES_MAX, &pem) == ERR_OK);
	enum err err = cert_list_load(buf_bytes(&pem), &certs, &error);
	buf_release(&pem);
	if (err != ERR_OK || certs.count == 0) {
		(void)snprintf(answer.sentence, sizeof(answer.sentence), "%s", error.what);
		cert_list_release(&certs);
		return answer;
	}
	const struct cert *last = certs.items[certs.count - 1];
	bool anchor = strncmp(one->trust, "TRUSTED_ANCHOR", 14) == 0;
	bool leaf = strstr(one->trust, "LEAF") != NULL && certs.count == 1;
	struct trust_pin pin = {last, "leaf"};
	REQUIRE("trust", trust_set_new(&last, anchor ? 1 : 0, &pin, leaf ? 1 : 0, 1, &trust) == ERR_OK);
	for (size_t i = 0; i < one->policy_count; i++) {
		policies[i] = one->policies[i];
	}
	struct x509_question question = {.chain = (const struct cert *const *)certs.items,
		.chain_count = certs.count > 1 && anchor ? certs.count - 1 : certs.count,
		.trust = trust,
		.now = time_of(one),
		.purpose = purpose,
		.policies = policies,
		.policy_count = one->policy_count,
		.explicit_policy = one->explicit_policy,
		.inhibit_mapping = one->inhibit_mapping,
		.inhibit_any_policy = one->inhibit_any,
		.given_by_operator = true};
	x509_judge(&question, &answer);
	trust_set_unref(trust);
	cert_list_release(&certs);
	return answer;
}

struct counts {
	unsigned tests, agree, other, forum;
	struct by_command *by; /* NULL: the library alone */
	struct pki somebody;   /* a CA that has nothing to do with any of them */
};

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END   "-----END CERTIFICATE-----"

/* The PEM block at *text, which moves behind it; empty: there is none. */
static struct bytes next_block(const char **text)
{
	const char *begin = strstr(*text, PEM_BEGIN);
	const char *end = begin == NULL ? NULL : strstr(begin, PEM_END);
	if (end == NULL) {
		return BYTES_NONE;
	}
	*text = end + strlen(PEM_END);
	return bytes_of(begin, (size_t)(*text - begin));
}

static bool is_readable(struct bytes pem)
{
	struct cert_list list = {0};
	enum err err = cert_list_load(pem, &list, NULL);
	cert_list_release(&list);
	return err == ERR_OK;
}

/* As judge() has it: the last one is trusted, or pinned; where it is neither, an operator would trust somebody else. */
static void put_certs(struct by_command *by, const struct one *one, const char *folder,
	const struct cert *somebody, bool *trust_unreadable)
{
	struct buf pem = BUF_INIT(FILE_BYTES_MAX);
	struct bytes blocks[CERTS_MAX];
	const char *text = "";
	size_t count = 0;
	REQUIRE(one->chain, file_read(test_path(folder, one->chain), FILE_BYTES_MAX, &pem) == ERR_OK &&
				    buf_text(&pem, &text) == ERR_OK);
	while (count < CERTS_MAX && (blocks[count] = next_block(&text)).len != 0) {
		count++;
	}
	REQUIRE(one->chain, count != 0 && count < CERTS_MAX);
	bool anchor = strncmp(one->trust, "TRUSTED_ANCHOR", 14) == 0;
	bool leaf = strstr(one->trust, "LEAF") != NULL && count == 1;
	*trust_unreadable = (anchor || leaf) && !is_readable(blocks[count - 1]);
	if (anchor) {
		by_command_file(by, "--trust", blocks[count - 1]);
	}
	if (leaf) {
		by_command_file(by, "--pinned", blocks[count - 1]);
	}
	if (!anchor && !leaf) {
		by_command_file(by, "--trust", cert_der(somebody));
	}
	for (size_t i = 1; i < (anchor ? count - 1 : count); i++) {
		by_command_file(by, "--untrusted", blocks[i]);
	}
	by_command_file(by, NULL, blocks[0]);
	buf_release(&pem);
}

static void put_to_command(struct counts *counts, const struct one *one, const char *folder, const char *name,
	enum x509_purpose purpose, const struct x509_answer *answer)
{
	struct by_command *by = counts->by;
	struct by_command_want want = {.should = !one->fails,
		.reason = answer->reason,
		.sentence = answer->reason == X509_MALFORMED ? NULL : answer->sentence};
	by_command_begin(by, name, time_of(one), purpose);
	put_certs(by, one, folder, counts->somebody.cert, &want.unusable);
	for (size_t i = 0; i < one->policy_count; i++) {
		by_command_option(by, "--policy", one->policies[i]);
	}
	by_command_flag(by, "--explicit-policy", one->explicit_policy);
	by_command_flag(by, "--inhibit-mapping", one->inhibit_mapping);
	by_command_flag(by, "--inhibit-any", one->inhibit_any);
	by_command_ask(by, want);
}

static bool is_listed(const char *name, enum x509_reason reason)
{
	for (size_t i = 0; i < ARRAY_COUNT(differences); i++) {
		size_t len = strlen(differences[i].test);
		if (len != 0 && strncmp(name, differences[i].test, len) == 0 &&
			differences[i].reason == reason) {
			return true;
		}
	}
	return false;
}

static void check_test(const char *folder, const char *set, const char *file, struct counts *counts)
{
	char name[128];
	enum x509_purpose purpose;
	struct one one = read_test(test_path(folder, file));
	(void)snprintf(name, sizeof(name), "%.60s/%.60s", set, file);
	counts->tests++;
	if (!purpose_of(&one, &purpose)) {
		counts->other++;
		return;
	}
	struct x509_answer answer = judge(&one, folder, purpose);
	bool accepted = answer.verdict == X509_ACCEPT;
	/* The strict purposes are rules of the CA/Browser Forum; by RFC 5280 4.2.1.12 what they refuse is good. */
	bool forum = accepted && strstr(one.purpose, "_STRICT") != NULL;
	bool good = accepted != one.fails || forum || is_listed(name, answer.reason);
	counts->forum += forum && one.fails ? 1 : 0;
	if (!good) {
		printf("%s (%s, %s): %s, should be %s: %s\n", name, one.trust, one.purpose,
			x509_reason_name(answer.reason), one.fails ? "refused" : "accepted", answer.sentence);
	}
	CHECK(name, good);
	counts->agree += accepted != one.fails ? 1 : 0;
	if (counts->by != NULL) {
		put_to_command(counts, &one, folder, name, purpose, &answer);
	}
}

static void check_set(const char *chains, const char *set, struct counts *counts)
{
	const char *folder = test_path(chains, set);
	DIR *dir = opendir(folder);
	if (dir == NULL || set[0] == '.') {
		if (dir != NULL) {
			(void)closedir(dir);
		}
		return;
	}
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		const char *dot = strrchr(entry->d_name, '.');
		if (dot != NULL && strcmp(dot, ".test") == 0) {
			check_test(folder, set, entry->d_name, counts);
		}
	}
	(void)closedir(dir);
}

int main(int argc, char **argv)
{
	struct counts counts = {0};
	const char *data = test_data();
	if (data == NULL) {
		test_skip("no test data: set LOCKGATE_TESTDATA");
		return test_result();
	}
	pki_init();
	counts.by = by_command_new(argc, argv);
	counts.somebody = pki_root("Somebody else");
	const char *chains = test_path(test_path(data, "boringssl-pki"), "verify_certificate_chain_unittest");
	DIR *dir = opendir(chains);
	REQUIRE("the chains", dir != NULL);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		check_set(chains, entry->d_name, &counts);
	}
	(void)closedir(dir);
	CHECK("every test was there", counts.tests == TESTS);
	printf("BoringSSL chains: %u of %u as expected, %u accepted by RFC 5280 where its strict purposes "
	       "refuse, %u for other "
	       "purposes than TLS\n",
		counts.agree, counts.tests - counts.other, counts.forum, counts.other);
	by_command_finish(counts.by, "BoringSSL chains", counts.tests - counts.other);
	by_command_free(counts.by);
	pki_free(&counts.somebody);
	crypto_cleanup();
	return test_result();
}
