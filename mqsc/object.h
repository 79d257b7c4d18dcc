/*
 * object.h - objects as rows of attribute values, and the catalog's writing side.
 * Owns:    every value's text.
 * Never:   executes commands.
 * Threads: the control loop.
 */
#ifndef LOCKGATE_MQSC_OBJECT_H
#define LOCKGATE_MQSC_OBJECT_H

#include "mqsc/mqsc.h"
#include "mqsc/parser.h"

struct attribute_value {
	char **items; /* none: blank */
	size_t count;
	int64_t number;
};

struct object {
	enum object_class class;
	unsigned refs; /* holders: catalogs, and a script's changes; a copy of a catalog shares its objects */
	char *name;
	char *key;       /* sorts and identifies within the class */
	size_t key_same; /* so many bytes of it are alike in every spelling of one record (same.c) */
	uint64_t version;
	int64_t altered_ms;
	struct attribute_value *values; /* one per attribute of the class */
};

/* With the class's defaults. */
MUST_CHECK enum err object_new(enum object_class class, const char *name, struct object **out);
/* With all values of from. */
MUST_CHECK enum err object_copy_as(const struct object *from, const char *name, struct object **out);
struct object *object_ref(struct object *object);
void object_free(struct object *object); /* gives one reference back */

/* Index in the class's table, or -1. */
int attribute_index(enum object_class class, const char *key);
/* Sets a value from a parameter; checks kind, range and words. error->at points at the offending value. */
MUST_CHECK enum err object_set_param(
	struct object *object, const struct mqsc_param *param, struct mqsc_error *error);
/* Sets a text (or word) from our own code. */
MUST_CHECK enum err object_set_text(
	struct object *object, const char *key, const char *const *items, size_t count);
/* Checks that concern the object as a whole, and builds its key. command (may be NULL) is where an error is placed. */
MUST_CHECK enum err object_finish(struct object *object, bool insecure_test_gates,
	const struct mqsc_command *command, struct mqsc_error *error);
/* Gives object the key of before, which is the same record in another spelling; then the one replaces the other. */
MUST_CHECK enum err object_take_key(struct object *object, const struct object *before);

/* Moves object into the catalog on ERR_OK; *old (perhaps NULL) is what it replaced, now the caller's. */
MUST_CHECK enum err catalog_put(struct catalog *catalog, struct object *object, struct object **old);
/* Another catalog that holds the same objects, under the same generations. ERR_NOMEM. */
MUST_CHECK enum err catalog_copy(const struct catalog *catalog, struct catalog **out);
/* Takes the object with this key out; NULL if there is none. The caller frees it. */
struct object *catalog_take(struct catalog *catalog, enum object_class class, const char *key);
const struct object *catalog_find_key(
	const struct catalog *catalog, enum object_class class, const char *key);

/* --- same.c: records that are written differently and mean the same --- */
/* Builds object->key. ERR_NOMEM, ERR_LIMIT. */
MUST_CHECK enum err object_build_key(struct object *object);
/* *out is what is in the catalog under object's key, or means the same; NULL: nothing. ERR_NOMEM. */
MUST_CHECK enum err catalog_find_same(
	const struct catalog *catalog, const struct object *object, const struct object **out);
/* Whether the ranges of an ADDRESSMAP record cross those of another, but for same, under its profile (MQ's reason 3343). */
MUST_CHECK enum err catalog_check_ranges(const struct catalog *catalog, const struct object *object,
	const struct object *same, struct auth_error *error);
/* The first index whose key is not below key. */
size_t catalog_lower(const struct catalog *catalog, enum object_class class, const char *key);

#endif
