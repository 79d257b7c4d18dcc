/*
 * policy.h - the policy root inside auth/.
 * Owns:    nothing.
 * Never:   seen outside auth/.
 * Threads: immutable once built.
 */
#ifndef LOCKGATE_AUTH_POLICY_H
#define LOCKGATE_AUTH_POLICY_H

#include <stdatomic.h>

#include "auth/chlauth.h"

struct policy_channel_entry {
	struct channel_policy channel; /* text and sets are ours */
	struct dn_pattern *ssl_peer;   /* NULL: not checked */
};

struct policy {
	atomic_uint refs;
	struct policy_channel_entry *channels; /* sorted by name */
	size_t channel_count;
	struct chlauth_rules *rules;
	struct authority *authority;
	struct accounts accounts;
};

const struct policy_channel_entry *policy_find(const struct policy *policy, const char *name);

#endif
