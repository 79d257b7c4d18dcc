/*
 * same.c - the keys of objects, and records that are written differently and mean the same.
 * Owns:    nothing.
 * Never:   decides by itself that two CHLAUTH records are one: auth does.
 * Threads: the control loop.
 *
 * A CHLAUTH record's key begins with a rough form that is alike in every spelling of the same record (SSLPEER's values sorted
 * and folded, an address normalised) and ends with the text as it was written. Records that share the rough form stand
 * together in the catalog, so that only they need be compared.
 */
#include <stdlib.h>
#include <string.h>

#include "mqsc/object.h"

/* Neither can stand in a value: controls are refused by the parser. */
#define ROUGH_SEPARATOR "\x1f"
#define EXACT_SEPARATOR "\x1e"
#define KEY_BYTES_MAX   16384u
#define DN_VALUES_MAX   64u

static const char *const chlauth_exact_parts[] = {
	"SSLPEER", "SSLCERTI", "SSLFPRT", "CLNTUSER", "ADDRESS", NULL};

/* The values of a DN pattern, unquoted and folded, each ended by a NUL. */
struct dn_values {
	char text[2 * AUTH_DN_PATTERN_BYTES_MAX];
	size_t len;
	const char *values[DN_VALUES_MAX];
	size_t count;
};

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

	return at == NULL ? -1 : (int)(at - digits);
}

static void dn_keep(struct dn_values *out, char c)
{
	if (out->len < sizeof(out->text) - 1) {
		out->text[out->len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
}

static void dn_end_value(struct dn_values *out, size_t start)
{
	while (out->len > start && out->text[out->len - 1] == ' ') {
		out->len--;
	}
	if (out->len < sizeof(out->text) && out->count < DN_VALUES_MAX) {
		out->text[out->len++] = '\0';
		out->values[out->count++] = out->text + start;
	} else {
		out->len = start; /* rougher still */
	}
}

/* Rough: what it cannot read it keeps; auth has refused or will refuse it. */
static void dn_read(const char *in, struct dn_values *out)
{
	bool in_value = false;
	bool quoted = false;
	size_t start = 0;

	for (; *in != '\0'; in++) {
		if (in[0] == '\\' && in_value && in[1] == 'x' && hex_value(in[2]) >= 0 &&
			hex_value(in[3]) >= 0) {
			dn_keep(out, (char)(hex_value(in[2]) * 16 + hex_value(in[3])));
			in += 3;
		} else if (in[0] == '\\' && in_value && in[1] != '\0') {
			dn_keep(out, in[1]);
			in++;
		} else if (in[0] == '"' && in_value) {
			quoted = !quoted;
		} else if (!quoted && (in[0] == ',' || in[0] == ';')) {
			if (in_value) {
				dn_end_value(out, start);
			}
			in_value = false;
		} else if (!in_value && in[0] == '=') {
			in_value = true;
			start = out->len;
		} else if (in_value && !(in[0] == ' ' && out->len == start)) {
			dn_keep(out, in[0]);
		}
	}
	if (in_value) {
		dn_end_value(out, start);
	}
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum err rough_dn(const char *text, struct buf *key)
{
	struct dn_values *values = calloc(1, sizeof(*values));
	enum err err = values == NULL ? ERR_NOMEM : ERR_OK;

	if (err != ERR_OK) {
		return err;
	}
	dn_read(text, values);
	if (values->count > 1) {
		qsort(values->values, values->count, sizeof(values->values[0]), compare_texts);
	}
	for (size_t i = 0; err == ERR_OK && i < values->count; i++) {
		err = buf_append_text(key, i == 0 ? "" : ",");
		err = err == ERR_OK ? buf_append_text(key, values->values[i]) : err;
	}
	free(values);
	return err;
}

/* One address in its one form; of patterns only the family: they are few. */
static enum err rough_address(const char *text, struct buf *key)
{
	char normal[AUTH_ADDRESS_TEXT_BYTES];
	struct auth_address address;

	if (auth_address_parse(text, &address) == ERR_OK) {
		auth_address_format(&address, normal);
		return buf_append_text(key, normal);
	}
	return buf_append_text(key, text[0] == '\0' ? "" : "*");
}

static enum err rough_fingerprint(const char *text, struct buf *key)
{
	enum err err = ERR_OK;

	for (; err == ERR_OK && *text != '\0'; text++) {
		if (*text != ':') {
			err = buf_append_u8(
				key, (uint8_t)(*text >= 'A' && *text <= 'F' ? *text - 'A' + 'a' : *text));
		}
	}
	return err;
}

static enum err chlauth_key(const struct object *object, struct buf *key, size_t *same)
{
	static const struct {
		const char *attribute;
		enum err (*put)(const char *text, struct buf *key);
	} rough[] = {
		{"SSLPEER", rough_dn},
		{"SSLCERTI", rough_dn},
		{"SSLFPRT", rough_fingerprint},
		{"ADDRESS", rough_address},
	};
	enum err err = buf_printf(key, "%s" ROUGH_SEPARATOR "%s" ROUGH_SEPARATOR "%s", object->name,
		object_text(object, "TYPE"), object_text(object, "CLNTUSER"));

	for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(rough); i++) {
		err = buf_append_text(key, ROUGH_SEPARATOR);
		err = err == ERR_OK ? rough[i].put(object_text(object, rough[i].attribute), key) : err;
	}
	*same = key->len;
	for (size_t i = 0; err == ERR_OK && chlauth_exact_parts[i] != NULL; i++) {
		err = buf_append_text(key, EXACT_SEPARATOR);
		err = err == ERR_OK ? buf_append_text(key, object_text(object, chlauth_exact_parts[i])) : err;
	}
	return err;
}

enum err object_build_key(struct object *object)
{
	struct buf key = BUF_INIT(KEY_BYTES_MAX);
	char *copy = NULL;
	size_t same = 0;
	enum err err = ERR_OK;

	switch (object->class) {
	case OBJECT_CHLAUTH: err = chlauth_key(object, &key, &same); break;
	case OBJECT_AUTHREC:
		err = buf_printf(&key, "%s" ROUGH_SEPARATOR "%s" ROUGH_SEPARATOR "%s", object->name,
			object_text(object, "OBJTYPE"), object_text(object, "PRINCIPAL"));
		same = key.len;
		break;
	case OBJECT_CHANNEL:
	case OBJECT_TOPIC:
	case OBJECT_AUTHINFO:
		err = buf_append_text(&key, object->name);
		same = key.len;
		break;
	case OBJECT_QMGR:
	case OBJECT_CLASS_COUNT_: break;
	}
	if (err == ERR_OK) {
		err = bytes_dup_text(buf_bytes(&key), &copy);
	}
	if (err == ERR_OK) {
		free(object->key);
		object->key = copy;
		object->key_same = same;
	}
	buf_release(&key);
	return err;
}

enum err object_take_key(struct object *object, const struct object *before)
{
	char *copy = NULL;
	enum err err = bytes_dup_text(bytes_text(before->key), &copy);

	if (err == ERR_OK) {
		free(object->key);
		object->key = copy;
		object->key_same = before->key_same;
	}
	return err;
}

/* auth would take the two for one rule, and refuse a set that holds both. */
static enum err records_same(const struct object *a, const struct object *b, bool *same)
{
	const char *spaces[2][MQSC_VALUES_MAX];
	struct chlauth_record records[2];
	struct chlauth_rules *rules = NULL;
	struct auth_error error = {0};

	object_to_chlauth(a, &records[0], spaces[0]);
	object_to_chlauth(b, &records[1], spaces[1]);
	enum err err = chlauth_rules_new(records, 2, CHLAUTH_ENABLED, 0, &rules, &error);

	chlauth_rules_unref(rules);
	*same = err == ERR_EXISTS;
	return err == ERR_NOMEM ? err : ERR_OK;
}

enum err catalog_find_same(
	const struct catalog *catalog, const struct object *object, const struct object **out)
{
	size_t count = catalog_count(catalog, OBJECT_CHLAUTH);
	enum err err = ERR_OK;

	*out = catalog_find_key(catalog, object->class, object->key);
	if (*out != NULL || object->class != OBJECT_CHLAUTH) {
		return ERR_OK;
	}
	size_t at = catalog_lower(catalog, OBJECT_CHLAUTH, object->key);

	/* Neighbours with the same rough form stand before and behind. */
	while (at > 0 && strncmp(catalog_at(catalog, OBJECT_CHLAUTH, at - 1)->key, object->key,
				 object->key_same) == 0) {
		at--;
	}
	for (; at < count && *out == NULL && err == ERR_OK; at++) {
		const struct object *near = catalog_at(catalog, OBJECT_CHLAUTH, at);
		bool same = false;

		if (strncmp(near->key, object->key, object->key_same) != 0) {
			break;
		}
		err = records_same(object, near, &same);
		*out = same ? near : NULL;
	}
	return err;
}

static bool is_range(const struct object *object, const char *profile)
{
	return strcmp(object->name, profile) == 0 && object_is(object, "TYPE", "ADDRESSMAP") &&
	       strchr(object_text(object, "ADDRESS"), '-') != NULL;
}

enum err catalog_check_ranges(const struct catalog *catalog, const struct object *object,
	const struct object *same, struct auth_error *error)
{
	const char *spaces[1][MQSC_VALUES_MAX]; /* no record here has a list */
	struct chlauth_record *records = NULL;
	struct chlauth_rules *rules = NULL;
	size_t count = 1;
	enum err err = ERR_OK;

	if (!is_range(object, object->name)) {
		return ERR_OK;
	}
	size_t all = catalog_count(catalog, OBJECT_CHLAUTH);
	size_t from = catalog_lower(catalog, OBJECT_CHLAUTH, object->name);
	size_t to = from;

	while (to < all && strcmp(catalog_at(catalog, OBJECT_CHLAUTH, to)->name, object->name) == 0) {
		to++;
	}
	records = calloc(to - from + 1, sizeof(*records));
	if (records == NULL) {
		*error = (struct auth_error){.err = ERR_NOMEM};
		return ERR_NOMEM;
	}
	object_to_chlauth(object, &records[0], spaces[0]);
	for (size_t i = from; i < to; i++) {
		const struct object *other = catalog_at(catalog, OBJECT_CHLAUTH, i);

		if (other != same && is_range(other, object->name)) {
			object_to_chlauth(other, &records[count], spaces[0]);
			count++;
		}
	}
	err = chlauth_rules_new(records, count, CHLAUTH_ENABLED, 0, &rules, error);
	chlauth_rules_unref(rules);
	free(records);
	return err;
}
