/*
 * world.h - everything that a worker needs to know of the operator's wishes, as one immutable root.
 * Owns:    references to the policy and to the login configuration, copies of the channels' settings.
 * Never:   changes once published.
 * Threads: built on the control loop; read by any worker that holds a reference.
 */
#ifndef LOCKGATE_BROKER_WORLD_H
#define LOCKGATE_BROKER_WORLD_H

#include "auth/auth.h"

/* What a connection needs of its channel beyond what the judge reads. */
struct world_channel {
	char name[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	bool running;
	bool tls;
	uint32_t packet_bytes_max;
	uint32_t connect_ms;          /* accept to CONNECT */
	uint32_t revocation_wait_ms;  /* REVWAIT */
	uint32_t revocation_park_max; /* REVPARK */
	uint32_t fail_delay_ms;       /* before a failed login is answered */
	bool version_3_1, version_3_1_1, version_5;
	bool will_revoked;
	bool resume;          /* tickets are given out, and accepted */
	char login[65];       /* JAASCFG, "" for none */
	unsigned cut_percent; /* CUTMAX */
	bool cut_hold;        /* CUTHOLD */
};

struct login_setup; /* jaas_like's */

struct world_options {
	uint64_t number;                      /* grows with each publication */
	struct policy *policy;                /* moved */
	const struct world_channel *channels; /* copied */
	size_t channel_count;
	struct login_setup *logins; /* moved; NULL: no login configuration */
};

struct world;
MUST_CHECK enum err world_new(const struct world_options *options, struct world **out);
struct world *world_ref(struct world *world);
void world_unref(struct world *world); /* any thread; NULL is fine */
uint64_t world_number(const struct world *world);
const struct policy *world_policy(const struct world *world);
const struct world_channel *world_channel(const struct world *world, const char *name); /* NULL: none */
size_t world_channel_count(const struct world *world);
const struct world_channel *world_channel_at(const struct world *world, size_t index);
struct login_setup *world_logins(const struct world *world); /* borrowed; NULL: none */

#endif
