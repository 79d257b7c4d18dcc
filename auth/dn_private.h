/*
 * dn_private.h - what a parsed DN pattern is made of; for dn_pattern.c and dn_match.c only.
 * Owns:    nothing.
 * Never:   included elsewhere.
 * Threads: any.
 */
#ifndef LOCKGATE_AUTH_DN_PRIVATE_H
#define LOCKGATE_AUTH_DN_PRIVATE_H

#include "auth/dn.h"

struct dn_component {
	enum dn_key key;
	bool star_front, star_back;
	size_t offset, len; /* into the pattern's text; without the wildcards */
};

struct dn_pattern {
	struct dn_component *components; /* by key; those of one key in the order they were written */
	size_t count;
	uint8_t *text;
};

struct bytes dn_component_value(const struct dn_pattern *pattern, const struct dn_component *component);

#endif
