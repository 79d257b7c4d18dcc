/*
 * test_pkits.c - NIST PKITS 1.0.1 (RFC 5280), all 249 cases: no wrongly accepted one, and every refusal of a case that
 *                should be accepted is in the table below with its reason.
 *                With the path of the program as its argument, each question goes to `lockgate cert verify` as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/conformance/by_command.h"
#include "tests/conformance/json_read.h"

#define CERTS_MAX      16u
#define FILE_BYTES_MAX (1024u * 1024u)
#define PKITS_AT       INT64_C(1425556800) /* 2015-03-05: within the validity of all that is valid */
#define PKITS_CASES    249u

/* Should be accepted, is refused: what is not supported, by case. Nothing else may differ. */
static const struct {
	const char *id;
	enum x509_reason reason;
	const char *why;
} refused[] = {
	{"4.1.4", X509_UNSUPPORTED_ALGORITHM, "DSA"},
	{"4.1.5", X509_UNSUPPORTED_ALGORITHM, "DSA"},
};

static struct bytes read_file(const char *folder, const char *name, struct buf *out)
{
	REQUIRE(name, file_read(test_path(folder, name), FILE_BYTES_MAX, out) == ERR_OK);
	return buf_bytes(out);
}

struct material {
	struct cert_list certs;
	struct crl_list crls;
	bool malformed;
	bool given_malformed; /* the anchor or a list, the operator's own: the command ends with exit code 2 */
};

static void load_material(const struct json_value *one, const char *folder, struct material *out)
{
	const char *certs = test_path(folder, "certs");
	const char *crls = test_path(folder, "crls");
	for (const struct json_value *name = json_member(one, "certs")->first; name != NULL;
		name = name->next) {
		struct buf der = BUF_INIT(FILE_BYTES_MAX);
		if (cert_list_load(read_file(certs, name->text, &der), &out->certs, NULL) != ERR_OK) {
			out->malformed = true;
			out->given_malformed =
				out->given_malformed || name == json_member(one, "certs")->first;
		}
		buf_release(&der);
	}
	for (const struct json_value *name = json_member(one, "crls")->first; name != NULL;
		name = name->next) {
		struct buf der = BUF_INIT(FILE_BYTES_MAX);
		if (crl_list_load(read_file(crls, name->text, &der), &out->crls, NULL) != ERR_OK) {
			out->malformed = true;
			out->given_malformed = true;
		}
		buf_release(&der);
	}
}

static const char *policy_oid(const char *name)
{
	static const struct {
		const char *name, *oid;
	} policies[] = {
		{"NIST-test-policy-1", "2.16.840.1.101.3.2.1.48.1"},
		{"NIST-test-policy-2", "2.16.840.1.101.3.2.1.48.2"},
		{"NIST-test-policy-3", "2.16.840.1.101.3.2.1.48.3"},
		{"NIST-test-policy-4", "2.16.840.1.101.3.2.1.48.4"},
		{"NIST-test-policy-5", "2.16.840.1.101.3.2.1.48.5"},
		{"NIST-test-policy-6", "2.16.840.1.101.3.2.1.48.6"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
		if (strcmp(policies[i].name, name) == 0) {
			return policies[i].oid;
		}
	}
	REQUIRE(name, false);
	return NULL;
}

static struct x509_answer judge(const struct json_value *one, const struct material *material, bool reversed)
{
	const struct cert *chain[CERTS_MAX];
	const char *policies[CERTS_MAX];
	size_t count = material->certs.count;
	struct x509_answer answer = {.verdict = X509_REFUSE, .reason = X509_MALFORMED};
	struct trust_set *trust = NULL;
	struct crl_set *crls = NULL;
	if (material->malformed) {
		return answer;
	}
	REQUIRE("a path has a leaf and an anchor", count >= 2 && count <= CERTS_MAX);
	chain[0] = material->certs.items[count - 1];
	for (size_t i = 1; i + 1 < count; i++) {
		chain[i] = material->certs.items[reversed ? i : count - 1 - i];
	}
	const struct cert *anchor = material->certs.items[0];
	REQUIRE("trust", trust_set_new(&anchor, 1, NULL, 0, 1, &trust) == ERR_OK);
	REQUIRE("CRLs", crl_set_new((const struct crl *const *)material->crls.items, material->crls.count, 1,
				&crls) == ERR_OK);
	struct x509_question question = {.chain = chain,
		.chain_count = count - 1,
		.trust = trust,
		.crls = crls,
		.now = PKITS_AT,
		.purpose = X509_PURPOSE_ANY,
		.revocation = X509_REVOCATION_REQUIRED,
		.policies = policies,
		.explicit_policy = json_is_true(one, "initial_explicit_policy"),
		.inhibit_mapping = json_is_true(one, "initial_policy_mapping_inhibit"),
		.inhibit_any_policy = json_is_true(one, "initial_inhibit_any_policy")};
	const struct json_value *initial = json_member(one, "initial_policy_set");
	for (const struct json_value *name = initial != NULL ? initial->first : NULL; name != NULL;
		name = name->next) {
		policies[question.policy_count++] = policy_oid(name->text);
	}
	x509_judge(&question, &answer);
	trust_set_unref(trust);
	crl_set_unref(crls);
	return answer;
}

/* The options that go with the initial values of RFC 5280 6.1.1. */
static void put_options(struct by_command *by, const struct json_value *one)
{
	const struct json_value *initial = json_member(one, "initial_policy_set");
	by_command_option(by, "--require-crl", "yes");
	for (const struct json_value *name = initial != NULL ? initial->first : NULL; name != NULL;
		name = name->next) {
		by_command_option(by, "--policy", policy_oid(name->text));
	}
	by_command_flag(by, "--explicit-policy", json_is_true(one, "initial_explicit_policy"));
	by_command_flag(by, "--inhibit-mapping", json_is_true(one, "initial_policy_mapping_inhibit"));
	by_command_flag(by, "--inhibit-any", json_is_true(one, "initial_inhibit_any_policy"));
}

/* The suite's own files, as they are. */
static void put_to_command(struct by_command *by, const struct json_value *one, const char *folder,
	bool should, const struct material *material, const struct x509_answer *answer)
{
	const char *certs = test_path(folder, "certs");
	const char *crls = test_path(folder, "crls");
	by_command_begin(by, json_string(one, "id"), PKITS_AT, X509_PURPOSE_ANY);
	for (const struct json_value *name = json_member(one, "certs")->first; name != NULL;
		name = name->next) {
		if (name == json_member(one, "certs")->first) {
			by_command_option(by, "--trust", test_path(certs, name->text));
		} else if (name->next != NULL) {
			by_command_option(by, "--untrusted", test_path(certs, name->text));
		} else {
			by_command_leaf(by, test_path(certs, name->text));
		}
	}
	for (const struct json_value *name = json_member(one, "crls")->first; name != NULL;
		name = name->next) {
		by_command_option(by, "--crl", test_path(crls, name->text));
	}
	put_options(by, one);
	by_command_ask(by, (struct by_command_want){.should = should,
				   .unusable = material->given_malformed,
				   .reason = answer->reason,
				   .sentence = material->malformed ? NULL : answer->sentence});
}

static bool is_listed(const char *id, enum x509_reason reason)
{
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
		if (strcmp(refused[i].id, id) == 0) {
			return refused[i].reason == reason;
		}
	}
	return false;
}

static bool check_case(struct by_command *by, const struct json_value *one, const char *folder)
{
	const char *id = json_string(one, "id");
	const char *title = json_string(one, "title");
	bool should = json_is_true(one, "should_validate");
	struct material material = {0};
	load_material(one, folder, &material);
	struct x509_answer answer = judge(one, &material, false);
	struct x509_answer other_way = judge(one, &material, true);
	bool accepted = answer.verdict == X509_ACCEPT;
	bool good = accepted == should || (should && is_listed(id, answer.reason));
	if (!good) {
		printf("%s %s: %s, should be %s: %s\n", id, title, x509_reason_name(answer.reason),
			should ? "accepted" : "refused", answer.sentence);
	}
	CHECK(title, should || !accepted); /* never wrongly accepted */
	CHECK(title, good);
	CHECK("order presented", other_way.verdict == answer.verdict && other_way.reason == answer.reason);
	if (by != NULL) {
		put_to_command(by, one, folder, should, &material, &answer);
	}
	cert_list_release(&material.certs);
	crl_list_release(&material.crls);
	return accepted == should;
}

int main(int argc, char **argv)
{
	const char *data = test_data();
	struct buf text = BUF_INIT(16u * FILE_BYTES_MAX);
	unsigned cases = 0;
	unsigned agree = 0;
	if (data == NULL) {
		test_skip("no test data: set LOCKGATE_TESTDATA");
		return test_result();
	}
	REQUIRE("crypto", crypto_init() == ERR_OK);
	struct by_command *by = by_command_new(argc, argv);
	const char *folder = test_path(data, "pkits");
	REQUIRE("cases.json",
		file_read(test_path(folder, "cases.json"), 16u * FILE_BYTES_MAX, &text) == ERR_OK);
	struct json_doc *doc = json_doc_parse(buf_bytes(&text));
	REQUIRE("cases.json is JSON", doc != NULL);
	for (const struct json_value *one = json_doc_root(doc)->first; one != NULL; one = one->next) {
		cases++;
		agree += check_case(by, one, folder) ? 1 : 0;
	}
	CHECK("every case was there", cases == PKITS_CASES);
	printf("PKITS: %u of %u as expected\n", agree, cases);
	by_command_finish(by, "PKITS", cases);
	by_command_free(by);
	json_doc_free(doc);
	buf_release(&text);
	crypto_cleanup();
	return test_result();
}
