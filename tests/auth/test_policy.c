/*
 * test_policy.c - the policy root, what a verdict used of it, an operator's question, and names that mean harm.
 * Owns:    its world.
 * Never:   tries each gate (test_admission.c does).
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/auth/scene.h"

/* --- what a verdict used --- */

static void test_uses(const struct world *world)
{
	struct scene scene;
	struct admission_uses tls;
	struct admission_uses plain;
	struct admission_uses none;
	scene_init(&scene, world);
	scene.channel.revocation = X509_REVOCATION_REQUIRED;
	scene.channel.crls = world->clean;
	scene.channel.generation = 42;
	struct policy *policy = world_policy(&scene.channel, scene.rules, scene.rule_count, scene.mode);
	policy_uses(policy, "PLANT.TLS", &tls);
	policy_uses(policy, "GONE", &none);
	CHECK("a TLS channel uses all", tls.channel == 42 &&
						tls.trust == trust_set_generation(world->trust) &&
						tls.rules == 1 && tls.authority == 1 && tls.accounts == 1);
	CHECK("and its CRLs", tls.crls == crl_set_generation(world->clean) && tls.crls != 0);
	CHECK("a channel that is gone differs", !admission_uses_equal(&tls, &none));
	policy_unref(policy);
	scene.channel.revocation = X509_REVOCATION_NONE;
	policy = world_policy(&scene.channel, scene.rules, scene.rule_count, scene.mode);
	policy_uses(policy, "PLANT.TLS", &plain);
	CHECK("without revocation checks a new CRL is nothing", plain.crls == 0 && plain.trust != 0);
	policy_unref(policy);
	scene_plain(&scene);
	policy = world_policy(&scene.channel, scene.rules, scene.rule_count, scene.mode);
	policy_uses(policy, "PLANT.TCP", &plain);
	CHECK("a plain channel uses no trust", plain.trust == 0 && plain.crls == 0 && plain.rules == 1);
	policy_unref(policy);
}

static void test_policy(const struct world *world)
{
	struct channel_policy channels[2] = {world_tls_channel(world), world_plain_channel()};
	struct authority *authority = world_authority(1);
	struct chlauth_rules *rules = NULL;
	struct policy *policy = NULL;
	struct auth_error error = {0};
	REQUIRE("rules", chlauth_rules_new(NULL, 0, CHLAUTH_ENABLED, 1, &rules, NULL) == ERR_OK);
	struct policy_parts parts = {
		.channels = channels, .channel_count = 2, .rules = rules, .authority = authority};
	unsigned long n = 0;
	channels[0].ssl_peer = "CN=*";
	while (policy == NULL && n < 100) {
		test_alloc_fail_at(++n);
		enum err err = policy_new(&parts, &policy, NULL);
		CHECK("Nth allocation", err == (test_alloc_failed() ? ERR_NOMEM : ERR_OK));
		test_alloc_fail_at(0);
	}
	CHECK("Nth allocation", n > 3 && policy != NULL);
	CHECK("channels",
		policy_channel(policy, "PLANT.TCP") != NULL && policy_channel(policy, "PLANT.TLS") != NULL);
	CHECK("channels", policy_channel(policy, "PLANT") == NULL && policy_channel(policy, NULL) == NULL);
	CHECK("parts", policy_rules(policy) == rules && policy_authority(policy) == authority);
	policy_unref(policy_ref(policy));
	policy_unref(policy);
	channels[1].name = "PLANT.TLS";
	CHECK("a channel twice", policy_new(&parts, &policy, &error) == ERR_EXISTS);
	channels[1].name = "PLANT TCP";
	CHECK("a bad name", policy_new(&parts, &policy, &error) == ERR_INVALID);
	channels[1].name = "123456789012345678901";
	CHECK("a name of 21", policy_new(&parts, &policy, &error) == ERR_INVALID);
	channels[1].name = "12345678901234567890";
	channels[1].mca_user = "u";
	channels[1].use_client_id = true;
	CHECK("13.14 USECLTID(YES) with MCAUSER", policy_new(&parts, &policy, &error) == ERR_INVALID);
	channels[1].use_client_id = false;
	channels[1].mca_user = "*NOACCESS";
	CHECK("a reserved MCAUSER", policy_new(&parts, &policy, &error) == ERR_INVALID);
	channels[1].mca_user = NULL;
	channels[1].ssl_peer = "cn=x";
	CHECK("a bad SSLPEER", policy_new(&parts, &policy, &error) == ERR_INVALID);
	parts.rules = NULL;
	CHECK("no rules", policy_new(&parts, &policy, &error) == ERR_INVALID);
	chlauth_rules_unref(rules);
	authority_unref(authority);
}

/* --- an operator's question --- */

static void test_runcheck(const struct world *world)
{
	struct scene scene;
	struct admission_verdict verdict;
	struct auth_error error;
	const struct chlauth_record *record = NULL;
	scene_init(&scene, world);
	struct buf dn = BUF_INIT(4096);
	const char *text = NULL;
	REQUIRE("dn", cert_print_dn(world->d1.cert, true, &dn) == ERR_OK && buf_text(&dn, &text) == ERR_OK);
	struct policy *policy = world_policy(&scene.channel, scene.rules, scene.rule_count, scene.mode);
	struct admission_runcheck ask = {.channel = "PLANT.TLS",
		.address = scene.evidence.peer,
		.ssl_peer = text,
		.ssl_issuer = "CN=Plant CA"};
	CHECK("3.8 as printed", admission_runcheck(policy, &ask, &verdict, &record, &error) == ERR_OK);
	CHECK("3.8 as printed", verdict.admission == ADMISSION_ADMIT && strcmp(verdict.user, "u1") == 0);
	CHECK("3.8 the record", record != NULL && record->type == CHLAUTH_SSLPEERMAP);
	ask.ssl_peer = "CN=other";
	CHECK("3.8 refused", admission_runcheck(policy, &ask, &verdict, &record, &error) == ERR_OK);
	CHECK("3.8 refused", verdict.admission == ADMISSION_REFUSE && verdict.step == STEP_CHLAUTH);
	CHECK("3.8 by the back-stop", record != NULL && record->type == CHLAUTH_ADDRESSMAP);
	ask.ssl_peer = "CN=d*";
	CHECK("3350 generic DN", admission_runcheck(policy, &ask, &verdict, &record, &error) == ERR_INVALID);
	CHECK("3350 nothing is admitted", verdict.admission == ADMISSION_REFUSE && record == NULL);
	ask.ssl_peer = "CN=d1";
	ask.client_user = "u*";
	CHECK("3350 generic user",
		admission_runcheck(policy, &ask, &verdict, &record, &error) == ERR_INVALID);
	ask.client_user = NULL;
	ask.channel = "PLANT.*";
	CHECK("AMQ9519E no such channel",
		admission_runcheck(policy, &ask, &verdict, &record, &error) == ERR_NOT_FOUND);
	ask.channel = "PLANT.TLS";
	ask.ssl_peer = NULL;
	CHECK("an issuer alone", admission_runcheck(policy, &ask, &verdict, &record, &error) == ERR_INVALID);
	policy_unref(policy);
	buf_release(&dn);
}

/* --- hostile names --- */

/* d1's certificate with another CN of two bytes in it; the gate of paths is open, since the signature no longer fits. */
static void test_hostile(const struct world *world)
{
	static const char *const values[] = {"\n\n", "a\x1b", "\177b", "\xc2\x85", "\xff\xfe"};
	const struct chlauth_record rules[] = {{.profile = "*",
						       .type = CHLAUTH_SSLPEERMAP,
						       .ssl_peer = "CN=bad",
						       .usersrc = USERSRC_NOACCESS},
		SSLPEERMAP("*", "CN=*", "u1")};
	struct scene scene;
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		struct bytes der = cert_der(world->d1.cert);
		struct cert *cert = NULL;
		uint8_t *copy = NULL;
		REQUIRE("copy", bytes_dup(der, &copy) == ERR_OK);
		uint8_t *place = memmem(copy, der.len,
			"\x0c\x02"
			"d1",
			4);
		REQUIRE("place", place != NULL);
		memcpy(place + 2, values[i], 2);
		if (cert_parse(bytes_of(copy, der.len), &cert, NULL) == ERR_OK) {
			scene_init(&scene, world);
			scene.channel.insecure_open_gates = GATE_PATH;
			scene.slot = cert;
			scene.rules = rules;
			scene.rule_count = 2;
			check_refused("a hostile CN meets every rule that refuses", &scene, STEP_CHLAUTH,
				"LKG9777E", 0x87, "\\");
			CHECK("a hostile CN is no name", scene.verdict.common_name[0] == '\0');
			scene.rules++;
			scene.rule_count--;
			check_refused("a hostile CN meets no rule that lets in", &scene, STEP_EFFECTIVE_USER,
				"LKG9557E", 0x87, "\\");
			for (const char *at = scene.verdict.sentence; *at != '\0'; at++) {
				CHECK("the sentence is clean",
					(unsigned char)*at >= 0x20 && (unsigned char)*at != 0x7f);
			}
			scene.channel.ssl_peer = "CN=*";
			check_refused("a hostile CN meets no SSLPEER", &scene, STEP_SSLPEER, "LKG9636E", 0x87,
				"control characters");
		}
		cert_unref(cert);
		free(copy);
	}
}

int main(void)
{
	struct world world;
	world_init(&world);
	test_uses(&world);
	test_policy(&world);
	test_runcheck(&world);
	test_hostile(&world);
	world_free(&world);
	return test_result();
}
