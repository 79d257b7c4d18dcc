/*
 * object.c - values of objects: set from parameters, read by key.
 * Owns:    every value's text.
 * Never:   executes commands.
 * Threads: the control loop.
 */
#include "mqsc/object.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int attribute_index(enum object_class class, const char *key)
{
	size_t count;
	const struct attribute *attributes = object_attributes(class, &count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(attributes[i].key, key) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static void value_clear(struct attribute_value *value)
{
	for (size_t i = 0; i < value->count; i++) {
		free(value->items[i]);
	}
	free(value->items);
	*value = (struct attribute_value){0};
}

struct object *object_ref(struct object *object)
{
	object->refs++;
	return object;
}

void object_free(struct object *object)
{
	size_t count;

	if (object == NULL || --object->refs > 0) {
		return;
	}
	(void)object_attributes(object->class, &count);
	for (size_t i = 0; object->values != NULL && i < count; i++) {
		value_clear(&object->values[i]);
	}
	free(object->values);
	free(object->key);
	free(object->name);
	free(object);
}

/* Copies items; on failure *value is as before. */
static enum err value_set(struct attribute_value *value, const char *const *items, size_t count)
{
	struct attribute_value fresh = {0};

	if (count > 0) {
		fresh.items = calloc(count, sizeof(*fresh.items));
		if (fresh.items == NULL) {
			return ERR_NOMEM;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (bytes_dup_text(bytes_text(items[i]), &fresh.items[i]) != ERR_OK) {
			value_clear(&fresh);
			return ERR_NOMEM;
		}
		fresh.count++;
	}
	value_clear(value);
	*value = fresh;
	return ERR_OK;
}

/* A default of several words is written with commas in the table. */
static enum err value_set_initial(struct attribute_value *value, const struct attribute *attribute)
{
	const char *items[8];
	char text[64];
	size_t count = 0;

	if (attribute->initial == NULL) {
		return ERR_OK;
	}
	assert(strlen(attribute->initial) < sizeof(text));
	memcpy(text, attribute->initial, strlen(attribute->initial) + 1);
	for (char *at = text; at != NULL && count < ARRAY_COUNT(items);) {
		char *comma = strchr(at, ',');

		if (comma != NULL) {
			*comma = '\0';
			comma++;
		}
		items[count++] = at;
		at = comma;
	}
	enum err err = value_set(value, items, count);

	if (err == ERR_OK && attribute->kind == ATTRIBUTE_NUMBER) {
		value->number = strtoll(attribute->initial, NULL, 10);
	}
	return err;
}

static enum err object_alloc(enum object_class class, const char *name, struct object **out)
{
	struct object *object = calloc(1, sizeof(*object));
	size_t count;

	if (object == NULL) {
		return ERR_NOMEM;
	}
	(void)object_attributes(class, &count);
	object->class = class;
	object->refs = 1;
	object->values = calloc(count, sizeof(*object->values));
	if (object->values == NULL || bytes_dup_text(bytes_text(name), &object->name) != ERR_OK) {
		object_free(object);
		return ERR_NOMEM;
	}
	*out = object;
	return ERR_OK;
}

enum err object_new(enum object_class class, const char *name, struct object **out)
{
	size_t count;
	const struct attribute *attributes = object_attributes(class, &count);
	struct object *object = NULL;
	enum err err = object_alloc(class, name, &object);

	for (size_t i = 0; err == ERR_OK && i < count; i++) {
		err = value_set_initial(&object->values[i], &attributes[i]);
	}
	if (err != ERR_OK) {
		object_free(object);
		return err;
	}
	*out = object;
	return ERR_OK;
}

enum err object_copy_as(const struct object *from, const char *name, struct object **out)
{
	size_t count;
	struct object *object = NULL;
	enum err err = object_alloc(from->class, name, &object);

	(void)object_attributes(from->class, &count);
	for (size_t i = 0; err == ERR_OK && i < count; i++) {
		err = value_set(&object->values[i], (const char *const *)from->values[i].items,
			from->values[i].count);
		if (err == ERR_OK) {
			object->values[i].number = from->values[i].number;
		}
	}
	if (err != ERR_OK) {
		object_free(object);
		return err;
	}
	object->altered_ms = from->altered_ms;
	*out = object;
	return ERR_OK;
}

static bool word_known(const struct attribute *attribute, const char *word)
{
	for (size_t i = 0; attribute->words[i] != NULL; i++) {
		if (strcmp(attribute->words[i], word) == 0) {
			return true;
		}
	}
	return false;
}

static void words_list(const struct attribute *attribute, struct buf *out)
{
	for (size_t i = 0; attribute->words[i] != NULL; i++) {
		if (buf_append_text(out, i == 0 ? "" : ", ") != ERR_OK ||
			buf_append_text(out, attribute->words[i]) != ERR_OK) {
			return;
		}
	}
}

/* Words of MQ that are no words here, and what to write instead. */
static const struct {
	const char *key, *word, *sentence;
} not_served[] = {
	{"AUTHTYPE", "CRLLDAP",
		"lists are not fetched over LDAP; serve them over HTTP with AUTHTYPE(CRLURL), or as files "
		"with "
		"CRLFILE"},
	{"AUTHTYPE", "IDPWOS", "passwords are judged by the login configuration that JAASCFG names"},
	{"AUTHTYPE", "IDPWLDAP", "passwords are judged by the login configuration that JAASCFG names"},
};

static enum err check_word(
	const struct attribute *attribute, const struct mqsc_value *value, struct mqsc_error *error)
{
	if (word_known(attribute, value->text)) {
		return ERR_OK;
	}
	for (size_t i = 0; i < ARRAY_COUNT(not_served); i++) {
		if (strcmp(attribute->key, not_served[i].key) == 0 &&
			strcmp(value->text, not_served[i].word) == 0) {
			mqsc_error_set(error, ERR_INVALID, value->at, "%s", not_served[i].sentence);
			return ERR_INVALID;
		}
	}
	struct buf list = BUF_INIT(160);
	const char *text = "";

	words_list(attribute, &list);
	if (buf_text(&list, &text) != ERR_OK) {
		text = "";
	}
	mqsc_error_set(error, ERR_INVALID, value->at, "%s cannot be '%.40s'; expected %s", attribute->key,
		value->text, text);
	buf_release(&list);
	return ERR_INVALID;
}

static enum err check_number(const struct attribute *attribute, const struct mqsc_value *value, int64_t *out,
	struct mqsc_error *error)
{
	int64_t number = 0;
	size_t len = strlen(value->text);
	bool good = len > 0 && len <= 10;

	for (size_t i = 0; good && i < len; i++) {
		good = value->text[i] >= '0' && value->text[i] <= '9';
		number = number * 10 + (value->text[i] - '0');
	}
	if (!good || number < attribute->min || number > attribute->max) {
		mqsc_error_set(error, ERR_INVALID, value->at,
			"%s cannot be '%.40s'; expected a number from %lld to %lld", attribute->key,
			value->text, (long long)attribute->min, (long long)attribute->max);
		return ERR_INVALID;
	}
	*out = number;
	return ERR_OK;
}

static bool is_blank_text(const char *text)
{
	return text[strspn(text, " ")] == '\0';
}

/* Fixed-length attributes ignore blanks at the end (2.1): 'bob ' is bob, in a list of refused users too. */
static struct bytes significant(const struct attribute *attribute, const char *text)
{
	struct bytes all = bytes_text(text);

	while (!attribute->keeps_blanks && all.len > 0 && all.data[all.len - 1] == ' ') {
		all.len--;
	}
	return all;
}

static enum err check_value(const struct attribute *attribute, const struct mqsc_value *value,
	int64_t *number, struct mqsc_error *error)
{
	switch (attribute->kind) {
	case ATTRIBUTE_NUMBER: return check_number(attribute, value, number, error);
	case ATTRIBUTE_WORD:
	case ATTRIBUTE_WORDS: return check_word(attribute, value, error);
	case ATTRIBUTE_TEXT:
	case ATTRIBUTE_LIST:
		if (significant(attribute, value->text).len > (size_t)attribute->max) {
			mqsc_error_set(error, ERR_LIMIT, value->at, "%s is longer than %lld bytes",
				attribute->key, (long long)attribute->max);
			return ERR_LIMIT;
		}
		return ERR_OK;
	}
	return ERR_INVALID;
}

static bool value_has(const struct attribute_value *value, const char *text)
{
	for (size_t i = 0; i < value->count; i++) {
		if (strcmp(value->items[i], text) == 0) {
			return true;
		}
	}
	return false;
}

/* Each value once. */
static enum err values_copy(
	const struct attribute *attribute, const struct mqsc_param *param, struct attribute_value *out)
{
	assert(param->value_count > 0); /* the parser refuses KEY() */
	out->items = calloc(param->value_count, sizeof(*out->items));
	if (out->items == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < param->value_count; i++) {
		char *copy = NULL;

		if (bytes_dup_text(significant(attribute, param->values[i].text), &copy) != ERR_OK) {
			value_clear(out);
			return ERR_NOMEM;
		}
		if (value_has(out, copy)) {
			free(copy);
		} else {
			out->items[out->count++] = copy;
		}
	}
	return ERR_OK;
}

enum err object_set_param(struct object *object, const struct mqsc_param *param, struct mqsc_error *error)
{
	int index = attribute_index(object->class, param->key);
	size_t count;
	const struct attribute *attribute = &object_attributes(object->class, &count)[index];
	int64_t number = 0;

	assert(index >= 0);
	if (!param->has_values) {
		mqsc_error_set(
			error, ERR_MALFORMED, param->at, "%s needs a value in parentheses", param->key);
		return ERR_MALFORMED;
	}
	bool several = attribute->kind == ATTRIBUTE_LIST || attribute->kind == ATTRIBUTE_WORDS;

	if (!several && param->value_count > 1) {
		mqsc_error_set(error, ERR_MALFORMED, param->values[1].at, "%s takes one value; expected ')'",
			param->key);
		return ERR_MALFORMED;
	}
	/* KEY(' ') is blank, where the attribute can be blank. */
	bool can_be_blank = attribute->initial == NULL || attribute->kind == ATTRIBUTE_TEXT;

	if (param->value_count == 1 && is_blank_text(param->values[0].text) && can_be_blank) {
		value_clear(&object->values[index]);
		return ERR_OK;
	}
	for (size_t i = 0; i < param->value_count; i++) {
		enum err err = check_value(attribute, &param->values[i], &number, error);

		if (err != ERR_OK) {
			return err;
		}
	}
	struct attribute_value fresh = {.number = number};
	enum err err = values_copy(attribute, param, &fresh);

	if (err != ERR_OK) {
		mqsc_error_set(error, err, param->at, "out of memory");
		return err;
	}
	value_clear(&object->values[index]);
	object->values[index] = fresh;
	return ERR_OK;
}

enum err object_set_text(struct object *object, const char *key, const char *const *items, size_t count)
{
	int index = attribute_index(object->class, key);

	assert(index >= 0);
	return value_set(&object->values[index], items, count);
}

static const struct attribute_value *value_of(const struct object *object, const char *key)
{
	int index = attribute_index(object->class, key);

	assert(index >= 0);
	return &object->values[index];
}

const char *object_name(const struct object *object)
{
	return object->name;
}

const char *object_text(const struct object *object, const char *key)
{
	const struct attribute_value *value = value_of(object, key);

	return value->count == 0 ? "" : value->items[0];
}

const char *object_text_or_null(const struct object *object, const char *key)
{
	const struct attribute_value *value = value_of(object, key);

	return value->count == 0 ? NULL : value->items[0];
}

int64_t object_number(const struct object *object, const char *key)
{
	return value_of(object, key)->number;
}

bool object_is(const struct object *object, const char *key, const char *word)
{
	return value_has(value_of(object, key), word);
}

size_t object_list_count(const struct object *object, const char *key)
{
	return value_of(object, key)->count;
}

const char *object_list_item(const struct object *object, const char *key, size_t index)
{
	const struct attribute_value *value = value_of(object, key);

	assert(index < value->count);
	return value->items[index];
}

uint64_t object_version(const struct object *object)
{
	return object->version;
}
