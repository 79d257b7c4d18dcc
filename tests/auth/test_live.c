/*
 * test_live.c - Goal: while revocation is not known, a live session is judged by everything else: positive knowledge
 * closes it, and nothing else does.
 */
#include <string.h>

#include "tests/auth/scene.h"

static struct world world;

static const struct chlauth_record other_user[] = {
	SSLPEERMAP("PLANT.TLS", "CN=d1", "op"), SSLPEERMAP("PLANT.TLS", "CN=d2", "u2"), MQADMIN, BACKSTOP};
static const struct chlauth_record blocked[] = {
	{.profile = "*", .type = CHLAUTH_BLOCKADDR, LIST("192.0.2.*")},
	SSLPEERMAP("PLANT.TLS", "CN=d1", "u1"), MQADMIN, BACKSTOP};
static const struct chlauth_record noaccess[] = {{.profile = "PLANT.TLS",
							 .type = CHLAUTH_SSLPEERMAP,
							 .ssl_peer = "CN=d1",
							 .usersrc = USERSRC_NOACCESS},
	MQADMIN, BACKSTOP};

enum rules { RULES_FLEET, RULES_OTHER_USER, RULES_BLOCKED, RULES_NOACCESS };
enum crls { CRLS_CLEAN, CRLS_REVOKED, CRLS_NONE, CRLS_STALE };

/* Each row is what is known at the second look; want and step are of the verdict, closes of admission_closes_live(). */
static const struct {
	const char *name;
	enum crls crls;
	enum rules rules;
	const char *login; /* NULL: no login */
	enum login_outcome outcome;
	bool expired;
	enum admission want;
	enum admission_step step;
	bool closes;
	const char *user; /* that it would run as now; NULL: not known */
} rows[] = {
	{"all is well", CRLS_CLEAN, RULES_FLEET, NULL, 0, false, ADMISSION_ADMIT, STEP_CONNECT_AUTHORITY,
		false, "u1"},
	{"revoked", CRLS_REVOKED, RULES_FLEET, NULL, 0, false, ADMISSION_REFUSE, STEP_REVOCATION, true, NULL},
	{"no list", CRLS_NONE, RULES_FLEET, NULL, 0, false, ADMISSION_REFUSE, STEP_REVOCATION, false, "u1"},
	{"stale list", CRLS_STALE, RULES_FLEET, NULL, 0, false, ADMISSION_REFUSE, STEP_REVOCATION, false,
		"u1"},
	{"stale list, another user by now", CRLS_STALE, RULES_OTHER_USER, NULL, 0, false, ADMISSION_REFUSE,
		STEP_REVOCATION, false, "op"},
	{"stale list, address blocked", CRLS_STALE, RULES_BLOCKED, NULL, 0, false, ADMISSION_REFUSE,
		STEP_BLOCKADDR, true, NULL},
	{"stale list, NOACCESS", CRLS_STALE, RULES_NOACCESS, NULL, 0, false, ADMISSION_REFUSE, STEP_CHLAUTH,
		true, NULL},
	{"stale list, certificate expired", CRLS_STALE, RULES_FLEET, NULL, 0, true, ADMISSION_REFUSE,
		STEP_PATH, true, NULL},
	{"stale list, login denied by now", CRLS_STALE, RULES_FLEET, "on1", LOGIN_DENIED, false,
		ADMISSION_REFUSE, STEP_LOGIN, true, NULL},
	{"stale list, account disabled", CRLS_STALE, RULES_FLEET, "off1", LOGIN_ALLOWED, false,
		ADMISSION_REFUSE, STEP_ACCOUNT, true, NULL},
	{"stale list, a module that failed is no knowledge", CRLS_STALE, RULES_FLEET, "on1", LOGIN_FAILED,
		false, ADMISSION_REFUSE, STEP_REVOCATION, false, NULL},
};

static void run_row(size_t i, const struct crl_set *stale)
{
	static const struct chlauth_record *const rules[] = {NULL, other_user, blocked, noaccess};
	static const size_t rule_counts[] = {
		0, ARRAY_COUNT(other_user), ARRAY_COUNT(blocked), ARRAY_COUNT(noaccess)};
	const struct crl_set *const crls[] = {world.clean, world.revoked, NULL, stale};
	const char *name = rows[i].name;
	struct scene scene;

	scene_init(&scene, &world);
	scene.channel.revocation = X509_REVOCATION_REQUIRED;
	scene.channel.crls = crls[rows[i].crls];
	if (rules[rows[i].rules] != NULL) {
		scene.rules = rules[rows[i].rules];
		scene.rule_count = rule_counts[rows[i].rules];
	}
	if (rows[i].login != NULL) {
		scene_login(&scene, rows[i].login);
		scene.evidence.login = rows[i].outcome;
	}
	if (rows[i].expired) {
		scene.now = PKI_NOW + 2 * PKI_YEAR;
	}
	struct policy *policy = world_policy(&scene.channel, scene.rules, scene.rule_count, scene.mode);

	admission_judge_live(policy, &scene.evidence, scene.now, &scene.verdict);
	const struct admission_verdict *verdict = &scene.verdict;
	bool user_known = verdict->admission == ADMISSION_ADMIT || verdict->valid_until != 0;

	CHECK(name, verdict->admission == rows[i].want);
	CHECK(name, verdict->step == rows[i].step);
	CHECK(name, admission_closes_live(policy, "PLANT.TLS", verdict) == rows[i].closes);
	CHECK(name, user_known == (rows[i].user != NULL));
	CHECK(name, rows[i].user == NULL || strcmp(verdict->user, rows[i].user) == 0);
	if (verdict->step != rows[i].step) {
		(void)printf("  %s: %s: %s\n", name, admission_step_name(verdict->step), verdict->sentence);
	}
	/* What a newcomer is told does not change: it is refused all the same. */
	struct admission_verdict newcomer;

	admission_judge(policy, &scene.evidence, scene.now, &newcomer);
	CHECK(name, newcomer.admission == rows[i].want);
	policy_unref(policy);
}

int main(void)
{
	world_init(&world);
	struct crl *list = pki_crl_at(&world.root, 3, PKI_NOW - 2 * PKI_DAY, PKI_NOW - PKI_DAY, NULL, 0);
	struct crl_set *stale = pki_crls(list, NULL);

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		run_row(i, stale);
	}
	crl_set_unref(stale);
	crl_unref(list);
	world_free(&world);
	return test_result();
}
