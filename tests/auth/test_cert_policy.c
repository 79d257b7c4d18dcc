/*
 * test_cert_policy.c - Goal: CERTPOL admits a client whose path holds for one of its policies and refuses every other one, at the
 *                      path and with a reason; without CERTPOL nothing is asked; bad values never become a policy.
 */
#include <string.h>

#include "tests/auth/scene.h"

#define POLICY_A "\x30\x06\x30\x04\x06\x02\x2a\x03"                         /* 1.2.3 */
#define POLICY_B "\x30\x06\x30\x04\x06\x02\x2a\x04"                         /* 1.2.4 */
#define BOTH     "\x30\x0c\x30\x04\x06\x02\x2a\x03\x30\x04\x06\x02\x2a\x04" /* 1.2.3, 1.2.4 */
#define ANY      "\x30\x08\x30\x06\x06\x04\x55\x1d\x20\x00"                 /* anyPolicy */

static struct pki leaf_of(const struct pki *issuer, const char *policies, size_t len)
{
	const struct x509_make_extension extension = {"2.5.29.32", false, {(const uint8_t *)policies, len}};
	const struct x509_make make = {.path_length = -1,
		.client_auth = true,
		.extensions = &extension,
		.extension_count = policies != NULL ? 1 : 0};
	return pki_make(issuer, &make, "d1", NULL);
}

static void test_leaves(const struct world *world)
{
	static const struct {
		const char *row, *policies;
		size_t len;
		const char *wanted[2];
		size_t wanted_count;
		bool admitted;
	} rows[] = {
		{"nothing is asked, nothing said", NULL, 0, {NULL}, 0, true},
		{"nothing is asked, a policy said", POLICY_A, 8, {NULL}, 0, true},
		{"RFC 5280 6.1.5 (g) the one that is asked for", POLICY_A, 8, {"1.2.3"}, 1, true},
		{"RFC 5280 6.1.5 (g) one of two that are asked for", POLICY_B, 8, {"1.2.3", "1.2.4"}, 2,
			true},
		{"RFC 5280 6.1.5 (g) one of two that are said", BOTH, 14, {"1.2.4"}, 1, true},
		{"RFC 5280 6.1.3 (d) anyPolicy is any", ANY, 10, {"1.2.3"}, 1, true},
		{"RFC 5280 6.1.5 (g) another one", POLICY_B, 8, {"1.2.3"}, 1, false},
		{"RFC 5280 6.1.3 (e) none", NULL, 0, {"1.2.3"}, 1, false},
		{"an identifier that goes on", POLICY_A, 8, {"1.2.3.1"}, 1, false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct scene scene;
		struct pki leaf = leaf_of(&world->root, rows[i].policies, rows[i].len);
		scene_init(&scene, world);
		scene.evidence = world_evidence("PLANT.TLS", &leaf, &scene.slot);
		scene.channel.cert_policy_count = rows[i].wanted_count;
		for (size_t j = 0; j < rows[i].wanted_count; j++) {
			scene.channel.cert_policies[j] = rows[i].wanted[j];
		}
		if (rows[i].admitted) {
			check_admitted(rows[i].row, &scene, "u1");
		} else {
			check_refused(rows[i].row, &scene, STEP_PATH, "LKG9633E", 0x87,
				"was not issued under an acceptable certificate policy");
			CHECK(rows[i].row, scene.verdict.certificate_reason == X509_POLICY);
			CHECK(rows[i].row, !scene.verdict.absence); /* live sessions are closed */
		}
		pki_free(&leaf);
	}
}

static void test_pin(const struct world *world)
{
	struct scene scene;
	scene_init(&scene, world);
	scene.evidence = world_evidence("PLANT.TLS", &world->pinned, &scene.slot);
	scene.channel.mca_user = "u1";
	scene.rule_count = 0;
	scene.channel.cert_policies[0] = "1.2.3";
	scene.channel.cert_policy_count = 1;
	check_admitted("a pinned certificate is not asked", &scene, "u1");
}

static void test_values(const struct world *world)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {{"1.2.3", true}, {"2.999.1", true}, {"0.0", true}, {"1.39.4294967295", true}, {"", false},
		{"1", false}, {"1.", false}, {".1.2", false}, {"1..2", false}, {"3.1.2", false},
		{"1.40.2", false}, {"1.2.x", false}, {"1.2 ", false}, {"01.2.3", false}, {"1.2.-3", false},
		{"gold", false}};
	struct channel_policy channel = world_tls_channel(world);
	struct authority *authority = world_authority(1);
	struct chlauth_rules *rules = NULL;
	REQUIRE("rules", chlauth_rules_new(NULL, 0, CHLAUTH_ENABLED, 1, &rules, NULL) == ERR_OK);
	struct policy_parts parts = {
		.channels = &channel, .channel_count = 1, .rules = rules, .authority = authority};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct policy *policy = NULL;
		struct auth_error error = {0};
		channel.cert_policies[0] = rows[i].text;
		channel.cert_policy_count = 1;
		CHECK(rows[i].text, auth_policy_oid_valid(rows[i].text) == rows[i].good);
		CHECK(rows[i].text,
			policy_new(&parts, &policy, &error) == (rows[i].good ? ERR_OK : ERR_INVALID));
		CHECK(rows[i].text, policy != NULL || strstr(error.sentence, "CERTPOL") != NULL);
		policy_unref(policy);
	}
	bool failed = true;
	channel.cert_policies[0] = "1.2.3";
	channel.cert_policies[1] = "1.2.4";
	channel.cert_policy_count = 2;
	for (unsigned long n = 1; failed; n++) {
		struct policy *policy = NULL;
		test_alloc_fail_at(n);
		enum err err = policy_new(&parts, &policy, NULL);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails", failed ? err == ERR_NOMEM : err == ERR_OK);
		policy_unref(policy);
	}
	chlauth_rules_unref(rules);
	authority_unref(authority);
}

int main(void)
{
	struct world world;
	world_init(&world);
	test_leaves(&world);
	test_pin(&world);
	test_values(&world);
	world_free(&world);
	return test_result();
}
