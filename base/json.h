/*
 * json.h - writes JSON; commas and escapes are its business. We read no JSON.
 */
#ifndef LOCKGATE_BASE_JSON_H
#define LOCKGATE_BASE_JSON_H

#include "base/bytes.h"

#define JSON_DEPTH_MAX 32

/* The first error sticks; ask json_err() once at the end. Zero-initialise by json_writer_init(). */
struct json_writer {
	struct buf *out;
	enum err err;
	unsigned depth;
	uint32_t has_items; /* bit per depth: a comma is due */
	bool after_key;
};

struct json_writer json_writer_init(struct buf *out);
void json_object_begin(struct json_writer *json);
void json_object_end(struct json_writer *json);
void json_array_begin(struct json_writer *json);
void json_array_end(struct json_writer *json);
void json_key(struct json_writer *json, const char *key);
/* Bytes that are not valid UTF-8, and controls, are escaped as utf8_escape() does, then as JSON wants it. */
void json_bytes(struct json_writer *json, struct bytes value);
void json_text(struct json_writer *json, const char *value); /* NULL gives null */
/* Text that utf8_escape() has been over already, as printed names and sentences: its backslashes are what they are. */
void json_escaped(struct json_writer *json, struct bytes value);
void json_int(struct json_writer *json, int64_t value);
void json_bool(struct json_writer *json, bool value);
void json_null(struct json_writer *json);
MUST_CHECK enum err json_err(const struct json_writer *json);

#endif
