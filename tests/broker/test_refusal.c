/*
 * test_refusal.c - Goal: a refused publish or subscribe has a line and an id, explain asks today's authority about it,
 * neither kind of refusal pushes the other out, and out of memory costs evidence but nothing else.
 */
#include "broker/refusal.h"

#include <string.h>

#include "base/file.h"
#include "tests/auth/world.h"

#define KEPT   4u
#define RIGHTS 2u

/* A policy of channel PLANT.TCP where user u1 may publish below "open" if granted. */
static struct policy *make_policy(bool granted)
{
	static const struct topic_object topics[] = {{"OPEN", "open"}, {"OWN", "own/${clientid}"}};
	struct authority_record records[] = {
		{"OPEN", false, false, "u1", RIGHT_PUB}, {"OWN", false, false, "u1", RIGHT_PUB | RIGHT_SUB}};
	struct channel_policy channel = world_plain_channel();
	struct policy_parts parts = {.channels = &channel, .channel_count = 1};
	struct authority *authority = NULL;
	struct policy *policy = NULL;
	struct auth_error error = {0};

	REQUIRE("authority", authority_new(topics, 2, records + (granted ? 0 : 1), granted ? 2 : 1, 1,
				     &authority, &error) == ERR_OK);
	parts.authority = authority;
	struct chlauth_rules *rules = NULL;

	REQUIRE("rules", chlauth_rules_new(NULL, 0, CHLAUTH_ENABLED, 1, &rules, &error) == ERR_OK);
	parts.rules = rules;
	REQUIRE("policy", policy_new(&parts, &policy, &error) == ERR_OK);
	chlauth_rules_unref(rules);
	authority_unref(authority);
	return policy;
}

static struct refusal_right right_of(const struct policy *policy, enum auth_right right, const char *topic)
{
	return (struct refusal_right){.channel = world_plain_channel().name,
		.client_id = "c1",
		.client_id_bound = true,
		.user = "u1",
		.peer = "192.0.2.7",
		.right = right,
		.topic = bytes_text(topic),
		.policy = policy};
}

static bool explained(
	struct refusals *refusals, const char *id, const struct policy *policy, bool json, const char *word)
{
	struct buf out = BUF_INIT(65536);
	const char *text = "";
	bool good = refusals_explain(refusals, id, policy, PKI_NOW, json, &out) == ERR_OK &&
		    buf_text(&out, &text) == ERR_OK && strstr(text, word) != NULL;

	buf_release(&out);
	return good;
}

static void test_explain(struct refusals *refusals, const struct policy *before, const struct policy *today)
{
	static const struct {
		const char *name, *topic;
		enum auth_right right;
		const char *then, *now; /* of the answer before and today */
	} rows[] = {
		{"publish, granted since", "open/a", RIGHT_PUB, "REFUSED", "GRANTED"},
		{"subscribe, still refused", "open/a", RIGHT_SUB, "REFUSED", "REFUSED"},
		{"another's branch", "own/c2/x", RIGHT_PUB, "REFUSED", "REFUSED"},
		{"hostile topic", "open/\x1b[2J\n\xe2\x80\xae", RIGHT_PUB, "REFUSED", "GRANTED"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct refusal_right right = right_of(before, rows[i].right, rows[i].topic);
		char id[REFUSAL_ID_BYTES] = "";

		refusals_add_right(refusals, &right, id);
		CHECK(rows[i].name, strlen(id) == REFUSAL_ID_BYTES - 1);
		CHECK(rows[i].name, explained(refusals, id, before, false, rows[i].then));
		CHECK(rows[i].name, explained(refusals, id, today, false, rows[i].now));
		CHECK(rows[i].name, explained(refusals, id, today, true, rows[i].now));
		CHECK(rows[i].name, explained(refusals, id, today, true, "\"then_step\":\"authority\""));
		CHECK(rows[i].name, !explained(refusals, id, today, false, "\x1b"));
	}
}

static void add_admission(struct refusals *refusals, const struct policy *policy, char id[REFUSAL_ID_BYTES])
{
	const struct cert *slot = NULL;
	struct evidence evidence = world_evidence("NOWHERE", NULL, &slot);
	struct admission_verdict verdict;

	admission_judge(policy, &evidence, PKI_NOW, &verdict);
	refusals_add(refusals, &(struct refusal_facts){.evidence = &evidence, .verdict = &verdict}, id);
}

static void test_shelves(const struct policy *policy, struct log *log)
{
	struct refusals *refusals = NULL;
	char first[REFUSAL_ID_BYTES], id[REFUSAL_ID_BYTES], admissions[KEPT + 1][REFUSAL_ID_BYTES];
	struct refusal_right right = right_of(policy, RIGHT_SUB, "#");

	REQUIRE("new", refusals_new(KEPT, RIGHTS, log, clock_system(), &refusals) == ERR_OK);
	refusals_add_right(refusals, &right, first);
	for (size_t i = 0; i <= KEPT; i++) {
		add_admission(refusals, policy, admissions[i]);
	}
	CHECK("admissions leave rights alone", explained(refusals, first, policy, false, "filter"));
	CHECK("the oldest admission is gone", !explained(refusals, admissions[0], policy, false, ""));
	for (size_t i = 1; i <= KEPT; i++) {
		CHECK("the newest stay", explained(refusals, admissions[i], policy, false, "NOWHERE"));
	}
	for (size_t i = 0; i < RIGHTS; i++) {
		refusals_add_right(refusals, &right, id);
	}
	CHECK("the oldest right is gone", !explained(refusals, first, policy, false, ""));
	CHECK("rights leave admissions alone", explained(refusals, admissions[1], policy, false, "NOWHERE"));
	CHECK("no id, no refusal", !explained(refusals, "", policy, false, ""));
	refusals_free(refusals);
}

/* The Nth allocation fails: no crash, no leak, and an id all the same. */
static void test_memory(const struct policy *policy)
{
	struct refusals *refusals = NULL;
	struct refusal_right right = right_of(policy, RIGHT_PUB, "open/a");
	bool failed = true;

	REQUIRE("new", refusals_new(KEPT, RIGHTS, NULL, clock_system(), &refusals) == ERR_OK);
	for (unsigned long n = 1; failed && n < 100; n++) {
		char id[REFUSAL_ID_BYTES] = "";

		test_alloc_fail_at(n);
		refusals_add_right(refusals, &right, id);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("an id without memory", strlen(id) == REFUSAL_ID_BYTES - 1);
		CHECK("evidence if and only if there was memory",
			explained(refusals, id, policy, false, "REFUSED") == !failed);
	}
	CHECK("it passes in the end", !failed);
	refusals_free(refusals);
}

int main(void)
{
	const char *path = test_path(test_folder(), "log");
	struct log_options options = {.path = path, .format = LOG_JSON, .clock = clock_system()};
	struct log *log = NULL;
	struct refusals *refusals = NULL;
	struct buf lines = BUF_INIT(1u << 20);
	const char *text = "";

	pki_init();
	struct policy *before = make_policy(false);
	struct policy *today = make_policy(true);

	REQUIRE("log", log_open(&options, &log) == ERR_OK);
	REQUIRE("new", refusals_new(KEPT, RIGHTS, log, clock_system(), &refusals) == ERR_OK);
	test_explain(refusals, before, today);
	test_shelves(before, log);
	test_memory(before);
	refusals_free(refusals);
	log_close(log);
	REQUIRE("read", file_read(path, 1u << 20, &lines) == ERR_OK);
	REQUIRE("text", buf_text(&lines, &text) == ERR_OK);
	CHECK("a line with its step",
		strstr(text, "\"id\":\"LKG8077W\"") != NULL &&
			strstr(text, "\"step\":\"authority\",\"topic\":\"open/a\",\"right\":\"PUB\"") !=
				NULL);
	CHECK("no raw escape in the log", strchr(text, '\x1b') == NULL);
	buf_release(&lines);
	policy_unref(before);
	policy_unref(today);
	return test_result();
}
