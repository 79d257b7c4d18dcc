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
	char *name;
	char *key; /* sorts and identifies within the class */
	uint64_t version;
	int64_t altered_ms;
	struct attribute_value *values; /* one per attribute of the class */
};

/* With the class's defaults. */
MUST_CHECK enum err object_new(enum object_class class, const char *name, struct object **out);
/* With all values of from. */
MUST_CHECK enum err object_copy_as(const struct object *from, const char *name, struct object **out);
void object_free(struct object *object);

/* Index in the class's table, or -1. */
int attribute_index(enum object_class class, const char *key);
/* Sets a value from a parameter; checks kind, range and words. error->at points at the offending value. */
MUST_CHECK enum err object_set_param(
	struct object *object, const struct mqsc_param *param, struct mqsc_error *error);
/* Sets a text (or word) from our own code. */
MUST_CHECK enum err object_set_text(
	struct object *object, const char *key, const char *const *items, size_t count);
/* Checks that concern the object as a whole, and builds its key. */
MUST_CHECK enum err object_finish(
	struct object *object, bool insecure_test_gates, struct mqsc_position at, struct mqsc_error *error);

/* Moves object into the catalog on ERR_OK; *old (perhaps NULL) is what it replaced, now the caller's. */
MUST_CHECK enum err catalog_put(struct catalog *catalog, struct object *object, struct object **old);
/* Takes the object with this key out; NULL if there is none. The caller frees it. */
struct object *catalog_take(struct catalog *catalog, enum object_class class, const char *key);
const struct object *catalog_find_key(
	const struct catalog *catalog, enum object_class class, const char *key);

/* As a parameter list would print it: items joined with commas; numbers in decimal. Not escaped. */
MUST_CHECK enum err object_value_print(const struct object *object, size_t index, struct buf *out);

#endif
