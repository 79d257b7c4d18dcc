/*
 * json_read.c - see json_read.h. Trusts its input's size, not its form.
 * Owns:    every value it makes, in one list.
 * Never:   is linked into the product.
 * Threads: one.
 */
#include "tests/conformance/json_read.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32u

struct owned {
	struct owned *next;
	struct json_value value;
};

struct json_doc {
	struct owned *all;
	struct json_value *root;
	const char *at, *end;
	bool bad;
};

static struct json_value *parse_value(struct json_doc *doc, unsigned depth);

static struct json_value *new_value(struct json_doc *doc, enum json_kind kind)
{
	struct owned *owned = calloc(1, sizeof(*owned));
	if (owned == NULL) {
		doc->bad = true;
		return NULL;
	}
	owned->next = doc->all;
	doc->all = owned;
	owned->value.kind = kind;
	return &owned->value;
}

static void skip_blanks(struct json_doc *doc)
{
	while (doc->at < doc->end && strchr(" \t\r\n", *doc->at) != NULL && *doc->at != '\0') {
		doc->at++;
	}
}

static bool take(struct json_doc *doc, char c)
{
	skip_blanks(doc);
	if (doc->at < doc->end && *doc->at == c) {
		doc->at++;
		return true;
	}
	return false;
}

static size_t put_scalar(char *out, unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | (c >> 6));
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | (c >> 12));
	out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
	out[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

static size_t unescape(struct json_doc *doc, char *out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	char c = doc->at < doc->end ? *doc->at++ : '\0';
	const char *found = c != '\0' ? strchr(from, c) : NULL;
	if (found != NULL) {
		*out = to[found - from];
		return 1;
	}
	if (c == 'u' && doc->end - doc->at >= 4) {
		char hex[5] = {doc->at[0], doc->at[1], doc->at[2], doc->at[3], '\0'};
		doc->at += 4;
		return put_scalar(out, (unsigned)strtoul(hex, NULL, 16)); /* surrogates stay as they are */
	}
	doc->bad = true;
	return 0;
}

static char *parse_text(struct json_doc *doc)
{
	if (!take(doc, '"')) {
		doc->bad = true;
		return NULL;
	}
	const char *close = doc->at;
	while (close < doc->end && *close != '"') {
		close += *close == '\\' ? 2 : 1;
	}
	if (close >= doc->end) {
		doc->bad = true;
		return NULL;
	}
	char *text = malloc((size_t)(close - doc->at) + 1);
	size_t len = 0;
	while (text != NULL && doc->at < close) {
		char c = *doc->at++;
		if (c == '\\') {
			len += unescape(doc, text + len);
		} else {
			text[len++] = c;
		}
	}
	doc->at = close + 1;
	if (text == NULL) {
		doc->bad = true;
		return NULL;
	}
	text[len] = '\0';
	return text;
}

static struct json_value *parse_list(struct json_doc *doc, unsigned depth, enum json_kind kind, char close)
{
	struct json_value *list = new_value(doc, kind);
	struct json_value **tail = list != NULL ? &list->first : NULL;
	if (take(doc, close)) {
		return list;
	}
	while (!doc->bad) {
		char *key = kind == JSON_OBJECT ? parse_text(doc) : NULL;
		if (kind == JSON_OBJECT && !take(doc, ':')) {
			doc->bad = true;
		}
		struct json_value *child = doc->bad ? NULL : parse_value(doc, depth + 1);
		if (child == NULL) {
			free(key);
			doc->bad = true;
			break;
		}
		child->key = key;
		*tail = child;
		tail = &child->next;
		if (take(doc, close)) {
			return list;
		}
		doc->bad = !take(doc, ',');
	}
	return NULL;
}

static struct json_value *parse_word(struct json_doc *doc)
{
	static const struct {
		const char *word;
		enum json_kind kind;
	} words[] = {{"null", JSON_NULL}, {"true", JSON_TRUE}, {"false", JSON_FALSE}};
	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		size_t len = strlen(words[i].word);
		if ((size_t)(doc->end - doc->at) >= len && memcmp(doc->at, words[i].word, len) == 0) {
			doc->at += len;
			return new_value(doc, words[i].kind);
		}
	}
	struct json_value *number = new_value(doc, JSON_NUMBER);
	const char *start = doc->at;
	while (doc->at < doc->end && *doc->at != '\0' && strchr("+-.eE0123456789", *doc->at) != NULL) {
		doc->at++;
	}
	if (number == NULL || doc->at == start) {
		doc->bad = true;
		return NULL;
	}
	number->text = strndup(start, (size_t)(doc->at - start));
	return number;
}

static struct json_value *parse_value(struct json_doc *doc, unsigned depth)
{
	skip_blanks(doc);
	if (depth > DEPTH_MAX || doc->at >= doc->end) {
		doc->bad = true;
		return NULL;
	}
	if (take(doc, '{')) {
		return parse_list(doc, depth, JSON_OBJECT, '}');
	}
	if (take(doc, '[')) {
		return parse_list(doc, depth, JSON_ARRAY, ']');
	}
	if (*doc->at == '"') {
		struct json_value *string = new_value(doc, JSON_STRING);
		if (string != NULL) {
			string->text = parse_text(doc);
		}
		return string;
	}
	return parse_word(doc);
}

struct json_doc *json_doc_parse(struct bytes text)
{
	struct json_doc *doc = calloc(1, sizeof(*doc));
	if (doc == NULL) {
		return NULL;
	}
	doc->at = (const char *)text.data;
	doc->end = doc->at + text.len;
	doc->root = parse_value(doc, 0);
	skip_blanks(doc);
	if (doc->bad || doc->root == NULL || doc->at != doc->end) {
		json_doc_free(doc);
		return NULL;
	}
	return doc;
}

void json_doc_free(struct json_doc *doc)
{
	struct owned *owned = doc != NULL ? doc->all : NULL;
	while (owned != NULL) {
		struct owned *next = owned->next;
		free(owned->value.text);
		free((char *)(uintptr_t)owned->value.key);
		free(owned);
		owned = next;
	}
	free(doc);
}

const struct json_value *json_doc_root(const struct json_doc *doc)
{
	return doc->root;
}

const struct json_value *json_member(const struct json_value *object, const char *key)
{
	for (const struct json_value *child = object != NULL && object->kind == JSON_OBJECT ? object->first
											    : NULL;
		child != NULL; child = child->next) {
		if (strcmp(child->key, key) == 0) {
			return child;
		}
	}
	return NULL;
}

const char *json_string(const struct json_value *object, const char *key)
{
	const struct json_value *value = json_member(object, key);
	return value != NULL && value->kind == JSON_STRING ? value->text : NULL;
}

bool json_is_true(const struct json_value *object, const char *key)
{
	const struct json_value *value = json_member(object, key);
	return value != NULL && value->kind == JSON_TRUE;
}
