/*
 * world.c - a small world for the tests of admission: see world.h.
 * Owns:    what world.h says.
 * Never:   reads a file or a clock.
 * Threads: one.
 */
#include "tests/auth/world.h"

#include <string.h>

void world_init(struct world *world)
{
	memset(world, 0, sizeof(*world));
	pki_init();
	world->root = pki_root("Plant CA");
	world->other_root = pki_root("Other CA");
	world->d1 = pki_leaf(&world->root, "d1");
	world->d2 = pki_leaf(&world->root, "d2");
	world->stranger = pki_leaf(&world->other_root, "d1");
	world->pinned = pki_self_signed("d1");
	const struct x509_make old = {.path_length = -1,
		.client_auth = true,
		.not_before = PKI_NOW - 10 * PKI_DAY,
		.not_after = PKI_NOW - PKI_DAY};
	world->expired = pki_make(&world->root, &old, "d1", NULL);
	world->trust = pki_trust(world->root.cert, world->pinned.cert);
	const struct cert *bad[] = {world->d1.cert};
	struct crl *clean = pki_crl(&world->root, 1, NULL, 0);
	struct crl *revoked = pki_crl(&world->root, 2, bad, 1);
	world->clean = pki_crls(clean, NULL);
	world->revoked = pki_crls(revoked, NULL);
	crl_unref(clean);
	crl_unref(revoked);
}

void world_free(struct world *world)
{
	struct pki *all[] = {&world->root, &world->other_root, &world->d1, &world->d2, &world->stranger,
		&world->pinned, &world->expired};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
	trust_set_unref(world->trust);
	crl_set_unref(world->clean);
	crl_set_unref(world->revoked);
}

struct authority *world_authority(uint64_t generation)
{
	static const struct topic_object topics[] = {{"SYSTEM.BASE.TOPIC", ""}};
	static const struct authority_record records[] = {{NULL, true, false, "u1", RIGHT_CONNECT},
		{NULL, true, false, "u2", RIGHT_CONNECT}, {NULL, true, false, "op", RIGHT_CONNECT},
		{NULL, true, false, "op2", RIGHT_CONNECT}, {NULL, true, false, "mqm", RIGHT_CONNECT},
		{NULL, true, false, "off1", RIGHT_CONNECT}, {NULL, true, false, "on1", RIGHT_CONNECT}};
	struct authority *authority = NULL;
	REQUIRE("authority", authority_new(topics, ARRAY_COUNT(topics), records, ARRAY_COUNT(records),
				     generation, &authority, NULL) == ERR_OK);
	return authority;
}

static enum account_state state_of(const void *ctx, const char *user)
{
	(void)ctx;
	return strncmp(user, "off", 3) == 0  ? ACCOUNT_DISABLED
	       : strncmp(user, "on", 2) == 0 ? ACCOUNT_ENABLED
					     : ACCOUNT_UNKNOWN;
}

struct accounts world_accounts(uint64_t generation)
{
	return (struct accounts){.generation = generation, .state = state_of};
}

struct policy *world_policy(const struct channel_policy *channel, const struct chlauth_record *records,
	size_t count, enum chlauth_mode mode)
{
	struct policy *policy = NULL;
	struct chlauth_rules *rules = NULL;
	struct auth_error error = {0};
	struct authority *authority = world_authority(1);
	enum err err = chlauth_rules_new(records, count, mode, 1, &rules, &error);
	CHECK(error.sentence, err == ERR_OK);
	REQUIRE("rules", err == ERR_OK);
	struct policy_parts parts = {.channels = channel,
		.channel_count = 1,
		.rules = rules,
		.authority = authority,
		.accounts = world_accounts(1)};
	err = policy_new(&parts, &policy, &error);
	CHECK(error.sentence, err == ERR_OK);
	REQUIRE("policy", err == ERR_OK);
	chlauth_rules_unref(rules);
	authority_unref(authority);
	return policy;
}

struct channel_policy world_tls_channel(const struct world *world)
{
	return (struct channel_policy){.name = "PLANT.TLS",
		.tls = true,
		.client_auth = SSLCAUTH_REQUIRED,
		.trust = world->trust,
		.generation = 1};
}

struct channel_policy world_plain_channel(void)
{
	return (struct channel_policy){.name = "PLANT.TCP", .client_auth = SSLCAUTH_NEVER, .generation = 1};
}

struct auth_address world_address(const char *text)
{
	struct auth_address address = {0};
	REQUIRE(text, auth_address_parse(text, &address) == ERR_OK);
	return address;
}

struct evidence world_evidence(const char *channel, const struct pki *leaf, const struct cert **slot)
{
	struct evidence evidence = {.channel = channel,
		.peer = world_address("192.0.2.7"),
		.certificate = leaf == NULL ? CERTIFICATE_NOT_ASKED : CERTIFICATE_CHAIN,
		.connect_seen = true,
		.client_id = "c1",
		.login = LOGIN_NOT_CONFIGURED};
	if (leaf != NULL) {
		*slot = leaf->cert;
		evidence.chain = slot;
		evidence.chain_count = 1;
	}
	return evidence;
}
