/*
 * json_read.h - reads the JSON tables of the conformance suites. For tests only: the product reads no JSON.
 * Owns:    a document owns all its values; they live until json_doc_free().
 * Threads: one.
 */
#ifndef LOCKGATE_TESTS_CONFORMANCE_JSON_READ_H
#define LOCKGATE_TESTS_CONFORMANCE_JSON_READ_H

#include "base/bytes.h"

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
	enum json_kind kind;
	char *text;               /* string (unescaped) or number as written */
	const char *key;          /* in an object */
	struct json_value *first; /* child of array or object */
	struct json_value *next;  /* sibling */
};

struct json_doc;
/* NULL on malformed input. */
struct json_doc *json_doc_parse(struct bytes text);
void json_doc_free(struct json_doc *doc);
const struct json_value *json_doc_root(const struct json_doc *doc);
const struct json_value *json_member(const struct json_value *object, const char *key); /* NULL: absent */
const char *json_string(const struct json_value *object, const char *key); /* NULL: absent, no string */
bool json_is_true(const struct json_value *object, const char *key);

#endif
