/*
 * world.h - a small world for the tests of admission: a PKI, rules, authority, accounts, and evidence to judge.
 * Owns:    everything that world_new() makes, until world_free().
 * Never:   returns on failure (REQUIRE ends the test program).
 * Threads: one.
 */
#ifndef LOCKGATE_TESTS_AUTH_WORLD_H
#define LOCKGATE_TESTS_AUTH_WORLD_H

#include "auth/auth.h"
#include "tests/x509/pki.h"

struct world {
	struct pki root, other_root, d1, d2, stranger, pinned, expired;
	struct trust_set *trust;         /* root, and pinned as "device" */
	struct crl_set *clean, *revoked; /* revoked lists d1 */
};

void world_init(struct world *world);
void world_free(struct world *world);

/* SET AUTHREC: users u1, u2, op and op2 may connect; everybody below is not known. */
struct authority *world_authority(uint64_t generation);
/* Users named "off…" are disabled, "on…" are enabled, the rest unknown. */
struct accounts world_accounts(uint64_t generation);

/* A policy of one channel; takes nothing over. accounts as above, generations 1. */
struct policy *world_policy(const struct channel_policy *channel, const struct chlauth_record *records,
	size_t count, enum chlauth_mode mode);
/* TLS, REQUIRED, trusting world->trust, no revocation, no login. */
struct channel_policy world_tls_channel(const struct world *world);
struct channel_policy world_plain_channel(void);

/* From 192.0.2.7, CONNECT seen with client id "c1" and no user. cert NULL: plain. *slot keeps the chain. */
struct evidence world_evidence(const char *channel, const struct pki *leaf, const struct cert **slot);
struct auth_address world_address(const char *text);

#endif
