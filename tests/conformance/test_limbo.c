/*
 * test_limbo.c - C2SP x509-limbo: the 132 cases that fit client certificates, and Netflix' path building; each is
 *                judged for its own purpose, and no case is wrongly accepted.
 *                With the path of the program as its argument, each question goes to `lockgate cert verify` as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "tests/conformance/by_command.h"
#include "tests/conformance/json_read.h"

#define FILE_BYTES_MAX (64u * 1024u * 1024u)
#define CHAIN_MAX      128u

struct difference {
	const char *id;
	enum x509_reason reason; /* ours; X509_OK: accepted by us */
	const char *why;
};

/* Refused by us, accepted by the suite. Nothing is accepted by us that the suite refuses. */
static const struct difference refused[] = {
	{"pathlen::validation-ignores-pathlen-in-leaf", X509_KEY_USAGE,
		"RFC 8446 4.4.2.2: keyUsage is there and lacks digitalSignature, so no handshake can be "
		"signed"},
	{"rfc5280::ca-as-leaf", X509_KEY_USAGE, "as above"},
	{"cve::cve-2024-0567", X509_PROFILE,
		"RFC 5280 4.2.1.1: its anchor, cross-signed and without the identifier, is what "
		"rfc5280::aki::cross-signed-root-missing-aki refuses; one of the two must differ"},
};

/*
 * The same cases once more as the broker judges a client's, but for the purpose, which these leaves do not bear. What is
 * accepted beyond the suite is what section 6 of RFC 5280 does not look at and what binds issuers alone; for the purpose
 * server all of it is held against them (x509/profile.c).
 */
static const struct difference accepted_of_clients[] = {
	{"crl::crlnumber-missing", X509_OK,
		"RFC 5280 5.2.3 binds issuers; small CAs write CRLs without a number"},
	{"rfc5280::aki::leaf-missing-aki", X509_OK,
		"RFC 5280 4.2.1.1 binds issuers; path building needs no identifier"},
	{"rfc5280::aki::intermediate-missing-aki", X509_OK, "as above"},
	{"rfc5280::aki::cross-signed-root-missing-aki", X509_OK, "as above"},
	{"cve::cve-2024-0567", X509_OK, "as above"},
	{"rfc5280::ski::root-missing-ski", X509_OK,
		"RFC 5280 4.2.1.2 binds issuers; path building needs no identifier"},
	{"rfc5280::ski::intermediate-missing-ski", X509_OK, "as above"},
	{"rfc5280::nc::permitted-dns-match-noncritical", X509_OK,
		"enforced, critical or not (RFC 5280 4.2.1.10)"},
	{"rfc5280::pc::ica-noncritical-pc", X509_OK, "enforced, critical or not (RFC 5280 4.2.1.11)"},
	{"rfc5280::san::underscore-dns", X509_OK,
		"RFC 5280 4.2.1.6 speaks of host names; a client's DNS names are matched with none"},
	{"rfc5280::san::ip-in-dns", X509_OK, "as above"},
	{"rfc5280::serial::zero", X509_OK,
		"RFC 5280 4.1.2.2: users should handle such serial numbers gracefully"},
	{"rfc5280::root-non-critical-basic-constraints", X509_OK,
		"RFC 5280 4.2.1.9 binds issuers; cA is enforced anyway"},
};

static bool is_in(const struct difference *table, size_t count, const char *id, enum x509_reason reason)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(table[i].id, id) == 0) {
			return table[i].reason == reason;
		}
	}
	return false;
}

/* Certificates that do not parse are left out, as a peer's would be; the leaf's failure is the verdict. False: there was one. */
static bool load_certs(const struct json_value *array, struct cert_list *out)
{
	bool good = true;
	for (const struct json_value *pem = array != NULL ? array->first : NULL; pem != NULL;
		pem = pem->next) {
		struct x509_error error = {0};
		good = cert_list_load(bytes_text(pem->text), out, &error) == ERR_OK && good;
	}
	return good;
}

static int64_t validation_time(const struct json_value *one)
{
	const char *text = json_string(one, "validation_time");
	struct tm tm = {0};
	if (text == NULL || strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
		return INT64_C(1795035200);
	}
	return timegm(&tm); /* always +00:00; a fraction is cut off, as seconds are what a verdict knows */
}

static enum x509_purpose purpose_of(const struct json_value *one)
{
	const char *kind = json_string(one, "validation_kind");
	return kind != NULL && strcmp(kind, "CLIENT") == 0 ? X509_PURPOSE_CLIENT : X509_PURPOSE_SERVER;
}

/* What of a case cannot be read: the library leaves it out, the command says so. */
struct unread {
	bool given;     /* anchors and lists, the operator's own: exit code 2 */
	bool presented; /* a verdict */
};

static struct x509_answer judge(
	const struct json_value *one, enum x509_purpose purpose, const char *host, struct unread *unread)
{
	struct cert_list anchors = {0};
	struct cert_list chain = {0};
	struct crl_list crls = {0};
	struct trust_set *trust = NULL;
	struct crl_set *set = NULL;
	struct x509_answer answer = {.verdict = X509_REFUSE, .reason = X509_MALFORMED};
	struct x509_error error = {.what = ""};
	*unread = (struct unread){.given = !load_certs(json_member(one, "trusted_certs"), &anchors)};
	if (cert_list_load(bytes_text(json_string(one, "peer_certificate")), &chain, &error) != ERR_OK) {
		unread->presented = true;
		(void)snprintf(answer.sentence, sizeof(answer.sentence), "%s", error.what);
		goto out;
	}
	unread->presented = !load_certs(json_member(one, "untrusted_intermediates"), &chain);
	for (const struct json_value *pem = json_member(one, "crls")->first; pem != NULL; pem = pem->next) {
		if (crl_list_load(bytes_text(pem->text), &crls, &error) != ERR_OK) {
			unread->given = true;
		}
	}
	REQUIRE("trust", trust_set_new((const struct cert *const *)anchors.items, anchors.count, NULL, 0, 1,
				 &trust) == ERR_OK);
	REQUIRE("CRLs", crl_set_new((const struct crl *const *)crls.items, crls.count, 1, &set) == ERR_OK);
	struct x509_question question = {.chain = (const struct cert *const *)chain.items,
		.chain_count = chain.count,
		.trust = trust,
		.crls = set,
		.now = validation_time(one),
		.given_by_operator = true,
		.purpose = purpose,
		.host = host,
		.revocation = json_member(one, "crls")->first != NULL ? X509_REVOCATION_REQUIRED
								      : X509_REVOCATION_NONE};
	x509_judge(&question, &answer);
out:
	trust_set_unref(trust);
	crl_set_unref(set);
	cert_list_release(&anchors);
	cert_list_release(&chain);
	crl_list_release(&crls);
	return answer;
}

/* The texts of an array in one file. */
static void put_file(struct by_command *by, const char *option, const struct json_value *array)
{
	struct buf content = BUF_INIT(FILE_BYTES_MAX);
	for (const struct json_value *pem = array != NULL ? array->first : NULL; pem != NULL;
		pem = pem->next) {
		REQUIRE(option, buf_append(&content, bytes_text(pem->text)) == ERR_OK &&
					buf_append(&content, bytes_text("\n")) == ERR_OK);
	}
	if (content.len != 0) {
		by_command_file(by, option, buf_bytes(&content));
	}
	buf_release(&content);
}

/* Judges, and puts the same to the command, which has to say the same. */
static struct x509_answer judge_both(struct by_command *by, const struct json_value *one,
	enum x509_purpose purpose, const char *host, bool should)
{
	struct unread unread = {0};
	struct x509_answer answer = judge(one, purpose, host, &unread);
	if (by == NULL) {
		return answer;
	}
	by_command_begin(by, json_string(one, "id"), validation_time(one), purpose);
	put_file(by, "--trust", json_member(one, "trusted_certs"));
	put_file(by, "--untrusted", json_member(one, "untrusted_intermediates"));
	if (json_member(one, "crls")->first != NULL) {
		put_file(by, "--crl", json_member(one, "crls"));
		by_command_option(by, "--require-crl", "yes");
	}
	if (host != NULL) {
		by_command_option(by, "--host", host);
	}
	by_command_file(by, NULL, bytes_text(json_string(one, "peer_certificate")));
	by_command_ask(by, (struct by_command_want){.should = should,
				   .unusable = unread.given,
				   .reason = unread.presented ? X509_MALFORMED : answer.reason,
				   .sentence = unread.presented ? NULL : answer.sentence});
	return answer;
}

static bool check_case(struct by_command *by, const struct json_value *one, bool with_name)
{
	const char *host = with_name ? json_string(json_member(one, "expected_peer_name"), "value") : NULL;
	const char *id = json_string(one, "id");
	bool should = strcmp(json_string(one, "expected_result"), "SUCCESS") == 0;
	struct x509_answer answer = judge_both(by, one, purpose_of(one), host, should);
	bool is = answer.verdict == X509_ACCEPT;
	bool good = is == should || (should && is_in(refused, ARRAY_COUNT(refused), id, answer.reason));
	if (!good) {
		printf("%s: %s, should be %s: %s\n", id, x509_reason_name(answer.reason),
			should ? "accepted" : "refused", answer.sentence);
	}
	CHECK(id, should || !is); /* never wrongly accepted */
	CHECK(id, good);
	return is == should;
}

/* What the issuers' duties alone refuse is accepted of a client, and nothing else is. */
static void check_as_client(struct by_command *by, const struct json_value *one)
{
	const char *id = json_string(one, "id");
	struct unread unread = {0};
	struct x509_answer own = judge(one, purpose_of(one), NULL, &unread);
	bool listed = is_in(accepted_of_clients, ARRAY_COUNT(accepted_of_clients), id, X509_OK);
	CHECK(id, own.reason != X509_PROFILE || listed);
	if (listed) {
		CHECK(id, own.verdict == X509_REFUSE);
		CHECK(id, judge_both(by, one, X509_PURPOSE_ANY, NULL, true).verdict == X509_ACCEPT);
	}
}

static struct json_doc *open_doc(const char *folder, const char *name)
{
	struct buf text = BUF_INIT(FILE_BYTES_MAX);
	REQUIRE(name, file_read(test_path(folder, name), FILE_BYTES_MAX, &text) == ERR_OK);
	struct json_doc *doc = json_doc_parse(buf_bytes(&text));
	REQUIRE(name, doc != NULL);
	buf_release(&text);
	return doc;
}

static bool contains(const struct json_value *array, const char *text)
{
	for (const struct json_value *item = array->first; item != NULL; item = item->next) {
		if (strcmp(item->text, text) == 0) {
			return true;
		}
	}
	return false;
}

static void run_core(struct by_command *by, const char *folder)
{
	struct json_doc *ids = open_doc(folder, "clientauth-applicable-ids.json");
	struct json_doc *doc = open_doc(folder, "limbo-core.json");
	unsigned cases = 0;
	unsigned agree = 0;
	for (const struct json_value *one = json_member(json_doc_root(doc), "testcases")->first; one != NULL;
		one = one->next) {
		if (contains(json_doc_root(ids), json_string(one, "id"))) {
			cases++;
			agree += check_case(by, one, false) ? 1 : 0;
			check_as_client(by, one);
		}
	}
	CHECK("every case was there", cases == 132);
	printf("limbo: %u of %u as expected\n", agree, cases);
	by_command_finish(by, "limbo, and again as clients", cases + ARRAY_COUNT(accepted_of_clients));
	json_doc_free(doc);
	json_doc_free(ids);
}

static void run_bettertls(
	struct by_command *by, const struct json_doc *doc, const char *section, unsigned want)
{
	unsigned cases = 0;
	unsigned agree = 0;
	for (const struct json_value *one = json_member(json_doc_root(doc), "testcases")->first; one != NULL;
		one = one->next) {
		if (strstr(json_string(one, "id"), section) != NULL) {
			cases++;
			agree += check_case(by, one, true) ? 1 : 0;
		}
	}
	CHECK("every case was there", cases == want);
	printf("BetterTLS %s: %u of %u as expected\n", section, agree, cases);
	by_command_finish(by, section, cases);
}

/* A second argument names one of the three suites. */
static bool is_asked(int argc, char **argv, const char *suite)
{
	return argc < 3 || strcmp(argv[2], suite) == 0;
}

int main(int argc, char **argv)
{
	const char *data = test_data();
	if (data == NULL) {
		test_skip("no test data: set LOCKGATE_TESTDATA");
		return test_result();
	}
	REQUIRE("crypto", crypto_init() == ERR_OK);
	const char *folder = test_path(data, "limbo");
	struct by_command *by = by_command_new(argc, argv);
	if (is_asked(argc, argv, "limbo")) {
		run_core(by, folder);
	}
	struct json_doc *doc = open_doc(folder, "limbo-bettertls-dev.json");
	if (is_asked(argc, argv, "paths")) {
		run_bettertls(by, doc, "pathbuilding", 81);
	}
	if (is_asked(argc, argv, "constraints")) {
		run_bettertls(by, doc, "nameconstraints", 396);
	}
	json_doc_free(doc);
	by_command_free(by);
	crypto_cleanup();
	return test_result();
}
