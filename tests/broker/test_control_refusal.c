/*
 * test_control_refusal.c - Goal: what peers wrote into their CONNECT and their certificates stays harmless in the explanation of
 * their refusal, as text and as JSON; ids are found in any case of letters; lost allocations cost evidence, never more.
 */
#include <ctype.h>
#include <string.h>

#include "base/utf8.h"
#include "broker/refusal.h"
#include "tests/auth/world.h"

#define HOSTILE "d1\x1b[2J\"}\n\xe2\x80\xae\xc2\x9b\xff'"

static struct evidence hostile_evidence(const struct pki *leaf, const struct cert **slot)
{
	struct evidence evidence = world_evidence("NOWHERE", leaf, slot);

	evidence.client_id = HOSTILE "id";
	evidence.user_name = HOSTILE "user";
	evidence.login = LOGIN_ALLOWED;
	evidence.login_user = HOSTILE "rewritten";
	evidence.login_client_id = HOSTILE "bound";
	evidence.login_name = HOSTILE "entry";
	evidence.session_owner = HOSTILE "owner";
	evidence.password_sent = true;
	return evidence;
}

static void add(struct refusals *refusals, const struct policy *policy, const struct pki *leaf,
	char id[REFUSAL_ID_BYTES])
{
	const struct cert *slot = NULL;
	struct evidence evidence = hostile_evidence(leaf, &slot);
	struct admission_verdict verdict;

	admission_judge(policy, &evidence, PKI_NOW, &verdict);
	refusals_add(refusals,
		&(struct refusal_facts){.evidence = &evidence,
			.verdict = &verdict,
			.tls_version = HOSTILE,
			.note = HOSTILE "note"},
		id);
}

static void check_harmless(const char *row, const struct buf *out, bool json)
{
	CHECK(row, utf8_valid(buf_bytes(out)));
	for (size_t i = 0; i < out->len; i++) {
		CHECK(row, out->data[i] >= 0x20 ? out->data[i] != 0x7f : out->data[i] == '\n');
	}
	CHECK(row, memmem(out->data, out->len, "\xe2\x80\xae", 3) == NULL);
	CHECK(row, memmem(out->data, out->len, "\xc2\x9b", 2) == NULL);
	if (json) {
		/* One line, and the peer's quotation mark does not end its value. */
		CHECK(row, memchr(out->data, '\n', out->len) == out->data + out->len - 1);
		CHECK(row, memmem(out->data, out->len, "2J\"}", 4) == NULL);
	}
}

static void test_hostile(const struct policy *policy, const struct pki *leaf)
{
	struct refusals *refusals = NULL;
	char id[REFUSAL_ID_BYTES] = "", second[REFUSAL_ID_BYTES] = "";

	REQUIRE("new", refusals_new(64, 4, NULL, clock_system(), &refusals) == ERR_OK);
	add(refusals, policy, leaf, id);
	add(refusals, policy, leaf, second);
	CHECK("each has its own id", strcmp(id, second) != 0);
	for (int json = 0; json < 2; json++) {
		struct buf out = BUF_INIT(65536);

		REQUIRE("explain",
			refusals_explain(refusals, id, policy, PKI_NOW, json == 1, &out) == ERR_OK);
		check_harmless(json == 1 ? "JSON" : "text", &out, json == 1);
		CHECK("the names are shown", memmem(out.data, out.len, "id", 2) != NULL &&
						     memmem(out.data, out.len, "user", 4) != NULL);
		buf_release(&out);
	}
	for (size_t i = 0; id[i] != '\0'; i++) {
		id[i] = (char)tolower((unsigned char)id[i]);
	}
	struct buf out = BUF_INIT(65536);

	CHECK("an id in lower case", refusals_explain(refusals, id, policy, PKI_NOW, false, &out) == ERR_OK);
	out.len = 0;
	CHECK("half an id",
		refusals_explain(refusals, "7F3A", policy, PKI_NOW, false, &out) == ERR_NOT_FOUND);
	CHECK("half an id: nothing is said", out.len == 0);
	CHECK("a hostile id",
		refusals_explain(refusals, HOSTILE, policy, PKI_NOW, false, &out) == ERR_NOT_FOUND);
	CHECK("a hostile id: nothing is said", out.len == 0);
	buf_release(&out);
	refusals_free(refusals);
}

static void test_nth_allocation(const struct policy *policy, const struct pki *leaf)
{
	bool failed = true;

	for (unsigned long n = 1; failed && n < 500; n++) {
		struct refusals *refusals = NULL;
		struct buf out = BUF_INIT(65536);
		char id[REFUSAL_ID_BYTES] = "";

		test_alloc_fail_at(n);
		enum err err = refusals_new(2, 2, NULL, clock_system(), &refusals);

		if (err == ERR_OK) {
			add(refusals, policy, leaf, id);
			err = refusals_explain(refusals, id, policy, PKI_NOW, n % 2 == 0, &out);
		}
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation: an account or an error", err != ERR_OK || out.len > 0);
		CHECK("Nth allocation: not in silence", failed || err == ERR_OK);
		CHECK("Nth allocation: an id in any case",
			refusals == NULL || strlen(id) == REFUSAL_ID_BYTES - 1);
		buf_release(&out);
		refusals_free(refusals);
	}
	CHECK("Nth allocation: comes to an end", !failed);
}

int main(void)
{
	pki_init();
	struct pki root = pki_root("Root");
	struct pki leaf = pki_leaf(&root, "d1 \"'\\ ,O=x");
	struct channel_policy channel = world_plain_channel();
	struct policy *policy = world_policy(&channel, NULL, 0, CHLAUTH_ENABLED);

	test_hostile(policy, NULL);
	test_hostile(policy, &leaf);
	test_nth_allocation(policy, &leaf);
	policy_unref(policy);
	pki_free(&leaf);
	pki_free(&root);
	return test_result();
}
