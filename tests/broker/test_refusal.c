/*
 * test_refusal.c - Goal: a refused publish or subscribe has a line and an id, explain asks today's authority about it,
 * neither kind of refusal pushes the other out, nor does a flood what others are looked for by; lines are bounded, and what
 * has none is counted; and out of memory costs evidence but nothing else.
 */
#include "broker/refusal.h"

#include <string.h>

#include "base/file.h"
#include "broker/refusal_bound.h"
#include "tests/auth/world.h"

#define KEPT   4u /* of one client, of RING */
#define RING   64u
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

	REQUIRE("new", refusals_new(RING, RIGHTS, log, clock_system(), &refusals) == ERR_OK);
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

/* --- floods --- */

struct flood {
	struct clock_fake fake;
	const char *path;
	struct log *log;
	struct refusals *refusals;
	struct policy *policy;
};

static void flood_open(struct flood *flood, const char *name, struct policy *policy)
{
	*flood = (struct flood){
		.fake = {1000, PKI_NOW * 1000}, .path = test_path(test_folder(), name), .policy = policy};
	struct clock clock = clock_from_fake(&flood->fake);
	struct log_options options = {.path = flood->path, .format = LOG_JSON, .clock = clock};

	REQUIRE("log", log_open(&options, &flood->log) == ERR_OK);
	REQUIRE("new", refusals_new(RING, RIGHTS, flood->log, clock, &flood->refusals) == ERR_OK);
}

/* Lines of the log that hold both words. */
static size_t flood_lines(const struct flood *flood, const char *a, const char *b)
{
	struct buf lines = BUF_INIT(8u << 20);
	const char *text = "";
	size_t count = 0;

	REQUIRE("read",
		file_read(flood->path, 8u << 20, &lines) == ERR_OK && buf_text(&lines, &text) == ERR_OK);
	for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		size_t len = (size_t)(end - text);

		count += memmem(text, len, a, strlen(a)) != NULL && memmem(text, len, b, strlen(b)) != NULL;
	}
	buf_release(&lines);
	return count;
}

static void flood_close(struct flood *flood)
{
	refusals_free(flood->refusals);
	log_close(flood->log);
}

/* One that was refused at that step, from 10.0.0.0 + number; leaf NULL: none. */
struct refused {
	unsigned number;
	enum admission_step step;
	enum x509_reason reason;
	const struct pki *leaf;
	bool live;
};

static void refuse(struct flood *flood, const struct refused *refused, char id[REFUSAL_ID_BYTES])
{
	const struct cert *slot = NULL;
	struct evidence evidence = world_evidence("NOWHERE", refused->leaf, &slot);
	struct admission_verdict verdict = {.step = refused->step, .certificate_reason = refused->reason};

	evidence.peer = (struct auth_address){
		.family = 4, .octets = {10, 0, (uint8_t)(refused->number >> 8), (uint8_t)refused->number}};
	refusals_add(flood->refusals,
		&(struct refusal_facts){.evidence = &evidence, .verdict = &verdict, .live = refused->live},
		id);
}

static bool is_kept(struct flood *flood, const char *id)
{
	return id[0] != '\0' && explained(flood->refusals, id, flood->policy, false, "NOWHERE");
}

static void next_window(struct flood *flood)
{
	clock_fake_advance(&flood->fake, REFUSAL_WINDOW_MS);
	refusals_tick(flood->refusals);
}

static void test_lines(struct policy *policy, const struct pki *device)
{
	const struct refused stranger = {1, STEP_PATH, X509_UNKNOWN_ISSUER, NULL, false};
	const struct refused live = {1, STEP_REVOCATION, X509_REVOKED, device, true};
	const struct refused known = {1, STEP_REVOCATION, X509_REVOKED, device, false};
	struct auth_address peer = world_address("10.0.0.1");
	struct flood flood;
	char id[REFUSAL_ID_BYTES];
	size_t ids = 0, told = 0;

	flood_open(&flood, "lines", policy);
	for (unsigned i = 0; i < 1000; i++) {
		refuse(&flood, &stranger, id);
		ids += id[0] != '\0' ? 1 : 0;
	}
	CHECK("a flood from one address", ids == REFUSAL_LINES_EACH);
	CHECK("its lines",
		flood_lines(&flood, "\"connection refused\"", "unknown-issuer") == REFUSAL_LINES_EACH);
	refuse(&flood, &known, id);
	CHECK("a device behind that address is told of", flood_lines(&flood, id, "\"revoked\"") == 1);
	for (unsigned i = 0; i < 100; i++) {
		refuse(&flood, &live, id);
	}
	CHECK("closed sessions are told all",
		flood_lines(&flood, "\"session closed\"", "\"revoked\"") == 100);
	for (unsigned i = 0; i < 30; i++) {
		told += refusals_may_tell(flood.refusals, &peer, REFUSAL_HANDSHAKE) ? 1 : 0;
		told += refusals_may_tell(flood.refusals, &peer, REFUSAL_CONNECT) ? 1 : 0;
	}
	CHECK("ends before a verdict: the first of each kind", told == 2);
	clock_fake_advance(&flood.fake, REFUSAL_WINDOW_MS - 1);
	refusals_tick(flood.refusals);
	CHECK("not before the window is over", flood_lines(&flood, "LKG9789W", "") == 0);
	clock_fake_advance(&flood.fake, 1);
	refusals_tick(flood.refusals);
	CHECK("how many more", flood_lines(&flood, "LKG9789W",
				       "\"suppressed\":980,\"seconds\":10,\"step\":\"path\","
				       "\"certificate\":\"unknown-issuer\"") == 1);
	CHECK("of handshakes", flood_lines(&flood, "LKG9789W",
				       "\"suppressed\":29,\"seconds\":10,\"step\":\"handshake\"") == 1);
	CHECK("of connections", flood_lines(&flood, "LKG9789W",
					"\"suppressed\":29,\"seconds\":10,\"step\":\"connect\"") == 1);
	CHECK("and no other kind", flood_lines(&flood, "LKG9789W", "") == 3);
	next_window(&flood);
	CHECK("nothing since: nothing is said", flood_lines(&flood, "LKG9789W", "") == 3);
	for (unsigned i = 0; i < 25; i++) {
		refuse(&flood, &stranger, id);
	}
	clock_fake_advance(&flood.fake, 1600);
	flood_close(&flood);
	CHECK("what is left at the end is said",
		flood_lines(&flood, "LKG9789W", "\"suppressed\":5,\"seconds\":2,") == 1);
}

/* What one looks for is still there after floods of many windows. */
static void test_ring(struct policy *policy, const struct pki *device)
{
	const struct refused sought = {9, STEP_CLIENT_AUTH, X509_OK, NULL, false};
	const struct refused known = {9, STEP_REVOCATION, X509_REVOKED, device, false};
	struct flood flood;
	char first[REFUSAL_ID_BYTES], second[REFUSAL_ID_BYTES], id[REFUSAL_ID_BYTES];

	flood_open(&flood, "ring", policy);
	refuse(&flood, &sought, first);
	refuse(&flood, &known, second);
	for (unsigned window = 0; window < 20; window++, next_window(&flood)) {
		for (unsigned i = 0; i < 100; i++) {
			refuse(&flood,
				&(struct refused){
					1, (enum admission_step)(i % STEP_LOGIN), X509_OK, NULL, false},
				id);
		}
	}
	CHECK("one address", is_kept(&flood, first) && is_kept(&flood, second));
	for (unsigned window = 0; window < 20; window++, next_window(&flood)) {
		for (unsigned i = 0; i < 100; i++) {
			refuse(&flood,
				&(struct refused){1000 + i, STEP_PATH, X509_UNKNOWN_ISSUER, NULL, false}, id);
		}
		CHECK("the newest of a flood is kept", is_kept(&flood, id));
	}
	CHECK("one reason, many addresses", is_kept(&flood, first) && is_kept(&flood, second));
	for (unsigned window = 0; window < 20; window++, next_window(&flood)) {
		for (unsigned i = 0; i < 100; i++) {
			refuse(&flood,
				&(struct refused){
					1000 + i, STEP_PATH, (enum x509_reason)(1 + i % 20), NULL, false},
				id);
		}
	}
	CHECK("strangers of all kinds leave a device's alone", is_kept(&flood, second));
	for (unsigned i = 0; i < 2 * RING; i++) {
		refuse(&flood, &(struct refused){9, STEP_REVOCATION, X509_REVOKED, device, true}, id);
	}
	CHECK("of one client, the newest", is_kept(&flood, id) && !is_kept(&flood, second));
	flood_close(&flood);
}

/* The Nth allocation fails: no crash, no leak, and an id all the same. */
static void test_memory(const struct policy *policy)
{
	struct refusals *refusals = NULL;
	struct refusal_right right = right_of(policy, RIGHT_PUB, "open/a");
	bool failed = true;

	REQUIRE("new", refusals_new(RING, RIGHTS, NULL, clock_system(), &refusals) == ERR_OK);
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
	REQUIRE("new", refusals_new(RING, RIGHTS, log, clock_system(), &refusals) == ERR_OK);
	test_explain(refusals, before, today);
	test_shelves(before, log);
	test_memory(before);
	struct pki root = pki_root("Root");
	struct pki device = pki_leaf(&root, "d1");

	test_lines(before, &device);
	test_ring(before, &device);
	pki_free(&device);
	pki_free(&root);
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
