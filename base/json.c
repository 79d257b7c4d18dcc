/*
 * json.c - writes JSON; commas and escapes are its business.
 * Never:   prints a byte of a value unescaped; reads JSON.
 * Threads: any; a writer belongs to one thread at a time.
 */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

struct json_writer json_writer_init(struct buf *out)
{
	return (struct json_writer){.out = out, .err = ERR_OK};
}

static void json_raw(struct json_writer *json, const char *text)
{
	if (json->err == ERR_OK) {
		json->err = buf_append_text(json->out, text);
	}
}

/* What stands before any value: a comma if something came before it at this depth, nothing behind a key. */
static void json_before_value(struct json_writer *json)
{
	uint32_t bit = UINT32_C(1) << json->depth % JSON_DEPTH_MAX;
	if (json->after_key) {
		json->after_key = false;
		return;
	}
	if ((json->has_items & bit) != 0) {
		json_raw(json, ",");
	}
	json->has_items |= bit;
}

static void json_begin(struct json_writer *json, const char *bracket)
{
	json_before_value(json);
	if (json->err == ERR_OK && json->depth + 1 >= JSON_DEPTH_MAX) {
		json->err = ERR_LIMIT;
	}
	if (json->err != ERR_OK) {
		return;
	}
	json_raw(json, bracket);
	json->depth++;
	json->has_items &= ~(UINT32_C(1) << json->depth);
}

static void json_end(struct json_writer *json, const char *bracket)
{
	if (json->err != ERR_OK) {
		return; /* depth was not counted up either */
	}
	assert(json->depth > 0);
	assert(!json->after_key);
	json->depth--;
	json_raw(json, bracket);
}

void json_object_begin(struct json_writer *json)
{
	json_begin(json, "{");
}

void json_object_end(struct json_writer *json)
{
	json_end(json, "}");
}

void json_array_begin(struct json_writer *json)
{
	json_begin(json, "[");
}

void json_array_end(struct json_writer *json)
{
	json_end(json, "]");
}

/*
 * utf8_escape() leaves quotes and its own backslashes; each of them gets a backslash, from the back so that no
 * second buffer is needed. What is escaped already must not be again: a name would no longer read as it was printed.
 */
static enum err json_append_string(struct buf *out, struct bytes value, bool escaped)
{
	enum err err = buf_append_u8(out, '"');
	size_t start = out->len;
	if (err == ERR_OK) {
		err = escaped ? buf_append(out, value) : utf8_escape(out, value);
	}
	if (err != ERR_OK) {
		return err;
	}
	size_t extra = 0;
	for (size_t i = start; i < out->len; i++) {
		extra += out->data[i] == '"' || out->data[i] == '\\';
	}
	err = buf_reserve(out, extra + 1);
	if (err != ERR_OK) {
		return err;
	}
	size_t to = out->len + extra;
	for (size_t from = out->len; from > start && to > from;) {
		uint8_t byte = out->data[--from];
		out->data[--to] = byte;
		if (byte == '"' || byte == '\\') {
			out->data[--to] = '\\';
		}
	}
	out->len += extra;
	return buf_append_u8(out, '"');
}

/* Bytes that utf8_escape() would never have left as they are: not escaped after all. */
static bool json_is_escaped(struct bytes value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < 0x20u || value.data[i] == 0x7fu) {
			return false;
		}
	}
	return utf8_valid(value);
}

static void json_string(struct json_writer *json, struct bytes value, bool escaped)
{
	if (json->err != ERR_OK) {
		return;
	}
	size_t start = json->out->len;
	json->err = json_append_string(json->out, value, escaped);
	if (json->err != ERR_OK) {
		json->out->len = start;
	}
}

void json_key(struct json_writer *json, const char *key)
{
	assert(!json->after_key);
	json_before_value(json);
	json_string(json, bytes_text(key), false);
	json_raw(json, ":");
	json->after_key = true;
}

void json_bytes(struct json_writer *json, struct bytes value)
{
	json_before_value(json);
	json_string(json, value, false);
}

void json_escaped(struct json_writer *json, struct bytes value)
{
	json_before_value(json);
	json_string(json, value, json_is_escaped(value));
}

void json_text(struct json_writer *json, const char *value)
{
	if (value == NULL) {
		json_null(json);
		return;
	}
	json_bytes(json, bytes_text(value));
}

void json_int(struct json_writer *json, int64_t value)
{
	json_before_value(json);
	if (json->err == ERR_OK) {
		json->err = buf_printf(json->out, "%" PRId64, value);
	}
}

void json_bool(struct json_writer *json, bool value)
{
	json_before_value(json);
	json_raw(json, value ? "true" : "false");
}

void json_null(struct json_writer *json)
{
	json_before_value(json);
	json_raw(json, "null");
}

enum err json_err(const struct json_writer *json)
{
	return json->err;
}
