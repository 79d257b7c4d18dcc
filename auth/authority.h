/*
 * authority.h - authority inside auth/: the compiled tree of topic objects, and generic profiles.
 * Owns:    nothing.
 * Never:   seen outside auth/.
 * Threads: immutable once built.
 */
#ifndef LOCKGATE_AUTH_AUTHORITY_H
#define LOCKGATE_AUTH_AUTHORITY_H

#include <stdatomic.h>

#include "auth/auth.h"

/* What one entity may do with one object, by its most specific profile. */
struct grant {
	size_t object; /* while building: index of the object */
	const char *entity;
	const char *profile;
	unsigned rights;
};

struct authority_object {
	const char *name;
	const char *topic_string;
	const struct grant *grants; /* sorted by entity */
	size_t grant_count;
};

enum topic_variable { VARIABLE_CLIENT_ID, VARIABLE_USER, VARIABLE_COMMON_NAME, VARIABLE_COUNT_ };

/* One level of the tree of topic strings. */
struct topic_node {
	struct bytes level;
	struct topic_node **children; /* literal levels, sorted by octets */
	size_t child_count, child_cap;
	struct topic_node *variables[VARIABLE_COUNT_];
	size_t *objects; /* that stand at this node */
	size_t object_count;
};

struct authority {
	atomic_uint refs;
	uint64_t generation;
	char *text; /* all names */
	struct authority_object *objects;
	size_t object_count;
	struct grant *grants;   /* on topic objects: by object, then entity */
	struct grant *connects; /* on the queue manager: by entity */
	size_t grant_count, grant_cap, connect_count;
	struct topic_node *root;
};

/* Generic profiles over dotted object names (mq-semantics 9.2). Offset of the fault, or -1 for a good one. */
long profile_check(const char *profile);
bool profile_is_generic(const char *profile);
bool profile_match(const char *profile, const char *name);
int profile_compare(const char *a, const char *b); /* >0: a is more specific; both match the same name */

#endif
