/*
 * dn_pattern.c - reading an SSLPEER or SSLCERTI pattern, and which of two is the more specific (mq-semantics 4).
 * Owns:    a parsed pattern: its components in order of precedence, values unquoted.
 * Never:   looks at a certificate (dn_match.c does).
 * Threads: any; a pattern is immutable.
 *
 * What IBM leaves open and we decided: a backslash makes the next punctuation character literal everywhere, and \xHH is the
 * printable ASCII character HH, so that a DN as we print it can be pasted; an unquoted '=' in a value is an error, since it
 * is nearly always a forgotten comma; an empty value is an error.
 */
#include "auth/dn_private.h"

#include <stdlib.h>
#include <string.h>

#include "auth/text.h"

static const struct {
	const char *name;
	enum dn_key key;
} key_names[] = {
	{"SERIALNUMBER", DN_SERIALNUMBER},
	{"MAIL", DN_MAIL},
	{"E", DN_MAIL},
	{"UID", DN_UID},
	{"USERID", DN_UID},
	{"CN", DN_CN},
	{"T", DN_T},
	{"OU", DN_OU},
	{"DC", DN_DC},
	{"O", DN_O},
	{"STREET", DN_STREET},
	{"L", DN_L},
	{"ST", DN_ST},
	{"SP", DN_ST},
	{"S", DN_ST},
	{"PC", DN_PC},
	{"C", DN_C},
	{"UNSTRUCTUREDNAME", DN_UNSTRUCTUREDNAME},
	{"UNSTRUCTUREDADDRESS", DN_UNSTRUCTUREDADDRESS},
	{"DNQ", DN_DNQ},
};

/* A value while it is read: characters, and which of them came as themselves (only such a '*' is a wildcard). */
struct reading {
	const char *text;
	size_t at;
	bool literal; /* a name, not a pattern */
	struct auth_error *error;
	uint8_t value[AUTH_DN_PATTERN_BYTES_MAX];
	bool bare[AUTH_DN_PATTERN_BYTES_MAX];
	size_t len;
};

/* Components point into text until they are copied out. */
struct draft {
	struct dn_component components[DN_COMPONENTS_MAX];
	size_t count;
	uint8_t text[AUTH_DN_PATTERN_BYTES_MAX];
	size_t text_len;
};

static void skip_blanks(struct reading *in)
{
	while (in->text[in->at] == ' ') {
		in->at++;
	}
}

static bool is_separator(char c)
{
	return c == ',' || c == ';';
}

static enum err read_key(struct reading *in, bool *known, enum dn_key *key)
{
	size_t start = in->at;
	while (in->text[in->at] != '\0' && in->text[in->at] != '=' && !is_separator(in->text[in->at])) {
		in->at++;
	}
	struct bytes word = bytes_of(in->text + start, in->at - start);
	if (in->text[in->at] != '=') {
		return auth_fail(in->error, ERR_INVALID, start, "expected KEY=value, such as CN=pump-7");
	}
	in->at++;
	*known = true;
	for (size_t i = 0; i < ARRAY_COUNT(key_names); i++) {
		if (bytes_equal_text(word, key_names[i].name)) {
			*key = key_names[i].key;
			return ERR_OK;
		}
	}
	*known = false;
	if (in->literal && word.len > 0) {
		return ERR_OK;
	}
	for (size_t i = 0; i < ARRAY_COUNT(key_names); i++) {
		if (text_equal_folded(word, bytes_text(key_names[i].name))) {
			return auth_fail(in->error, ERR_INVALID, start, "write the key in upper case: %s",
				key_names[i].name);
		}
	}
	if (word.len > 0 && word.data[word.len - 1] == ' ') {
		return auth_fail(
			in->error, ERR_INVALID, in->at - 2, "no blank may stand between a key and '='");
	}
	return auth_fail(in->error, ERR_INVALID, start, "this is no attribute that a pattern may name");
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, (char)text_fold((uint8_t)c));
	return at == NULL ? -1 : (int)(at - digits);
}

static void keep(struct reading *in, char c, bool bare)
{
	/* Never full: each octet kept was at least one of the at most AUTH_DN_PATTERN_BYTES_MAX read. */
	in->value[in->len] = (uint8_t)c;
	in->bare[in->len] = bare;
	in->len++;
}

/* Behind a backslash. */
static enum err read_escape(struct reading *in)
{
	const char *at = in->text + in->at + 1;
	if (at[0] == 'x') {
		int high = hex_digit(at[1]);
		int low = high < 0 ? -1 : hex_digit(at[2]);
		int value = low < 0 ? -1 : high * 16 + low;
		if (value < 0x20 || value > 0x7e) {
			return auth_fail(in->error, ERR_INVALID, in->at,
				"\\xHH may only stand for a printable ASCII character");
		}
		keep(in, (char)value, false);
		in->at += 4;
		return ERR_OK;
	}
	if (at[0] == '\0' || strchr("*\"\\,;=+<>#'/ ", at[0]) == NULL) {
		return auth_fail(
			in->error, ERR_INVALID, in->at, "a backslash stands only before punctuation");
	}
	keep(in, at[0], false);
	in->at += 2;
	return ERR_OK;
}

static enum err read_quoted(struct reading *in)
{
	size_t start = in->at++;
	while (in->text[in->at] != '"') {
		if (in->text[in->at] == '\0') {
			return auth_fail(in->error, ERR_INVALID, start, "this double quote is not closed");
		}
		if (in->text[in->at] == '\\') {
			enum err err = read_escape(in);
			if (err != ERR_OK) {
				return err;
			}
			continue;
		}
		keep(in, in->text[in->at++], true);
	}
	in->at++;
	skip_blanks(in);
	if (in->text[in->at] != '\0' && !is_separator(in->text[in->at])) {
		return auth_fail(
			in->error, ERR_INVALID, in->at, "expected ',' or the end after a quoted value");
	}
	return ERR_OK;
}

static enum err read_bare(struct reading *in)
{
	while (in->text[in->at] != '\0' && !is_separator(in->text[in->at])) {
		char c = in->text[in->at];
		if (c == '\\') {
			enum err err = read_escape(in);
			if (err != ERR_OK) {
				return err;
			}
			continue;
		}
		if (c == '"' || c == '=') {
			return auth_fail(in->error, ERR_INVALID, in->at,
				"put a value with %c into double quotes, or separate attributes by a comma",
				c);
		}
		keep(in, c, true);
		in->at++;
	}
	while (in->len > 0 && in->bare[in->len - 1] && in->value[in->len - 1] == ' ') {
		in->len--;
	}
	return ERR_OK;
}

static enum err read_value(struct reading *in, struct dn_component *out, const uint8_t **value)
{
	in->len = 0;
	skip_blanks(in);
	size_t start = in->at;
	enum err err = in->text[in->at] == '"' ? read_quoted(in) : read_bare(in);
	if (err != ERR_OK) {
		return err;
	}
	if (in->len == 0) {
		return auth_fail(in->error, ERR_INVALID, start, "a value may not be empty; * means any");
	}
	size_t from = 0;
	size_t to = in->len;
	out->star_front = in->bare[0] && in->value[0] == '*';
	from += out->star_front ? 1 : 0;
	out->star_back = to > from && in->bare[to - 1] && in->value[to - 1] == '*';
	to -= out->star_back ? 1 : 0;
	if (in->literal && (out->star_front || out->star_back)) {
		return auth_fail(
			in->error, ERR_INVALID, start, "a name that is asked about may hold no wildcard");
	}
	out->len = to - from;
	*value = in->value + from;
	return ERR_OK;
}

/* Stable insertion by key, so that OU and DC keep the order they were written in. */
static enum err draft_add(struct draft *draft, const struct reading *in, size_t start,
	struct dn_component add, const uint8_t *value)
{
	size_t at = draft->count;
	if (draft->count == DN_COMPONENTS_MAX) {
		return auth_fail(
			in->error, ERR_LIMIT, start, "a DN has at most %u attributes", DN_COMPONENTS_MAX);
	}
	bool list = add.key == DN_OU || add.key == DN_DC || in->literal;
	for (size_t i = 0; i < draft->count && !list; i++) {
		if (draft->components[i].key == add.key) {
			return auth_fail(
				in->error, ERR_INVALID, start, "only OU and DC may stand more than once");
		}
	}
	add.offset = draft->text_len;
	if (add.len > 0) {
		memcpy(draft->text + draft->text_len, value, add.len);
	}
	draft->text_len += add.len;
	while (at > 0 && draft->components[at - 1].key > add.key) {
		draft->components[at] = draft->components[at - 1];
		at--;
	}
	draft->components[at] = add;
	draft->count++;
	return ERR_OK;
}

static enum err read_all(struct reading *in, struct draft *draft)
{
	for (;;) {
		struct dn_component component = {0};
		const uint8_t *value = in->value;
		enum dn_key key = DN_KEY_COUNT_;
		bool known = false;
		skip_blanks(in);
		size_t start = in->at;
		enum err err = read_key(in, &known, &key);
		if (err == ERR_OK) {
			err = read_value(in, &component, &value);
		}
		component.key = key;
		if (err == ERR_OK && known) {
			err = draft_add(draft, in, start, component, value);
		}
		if (err != ERR_OK) {
			return err;
		}
		if (in->text[in->at] == '\0') {
			return ERR_OK;
		}
		in->at++; /* the separator */
	}
}

static enum err draft_finish(const struct draft *draft, struct dn_pattern **out)
{
	struct dn_pattern *pattern = calloc(1, sizeof(*pattern));
	size_t components = (draft->count > 0 ? draft->count : 1) * sizeof(*pattern->components);
	if (pattern == NULL) {
		return ERR_NOMEM;
	}
	pattern->components = malloc(components);
	pattern->text = malloc(draft->text_len + 1);
	if (pattern->components == NULL || pattern->text == NULL) {
		dn_pattern_free(pattern);
		return ERR_NOMEM;
	}
	memcpy(pattern->components, draft->components, draft->count * sizeof(*pattern->components));
	memcpy(pattern->text, draft->text, draft->text_len);
	pattern->count = draft->count;
	*out = pattern;
	return ERR_OK;
}

static enum err parse(const char *text, bool literal, struct dn_pattern **out, struct auth_error *error)
{
	struct reading in = {.text = text, .literal = literal, .error = error};
	struct draft draft = {.count = 0};
	*out = NULL;
	if (text == NULL || text[strspn(text, " ")] == '\0') {
		return auth_fail(error, ERR_INVALID, 0, "a DN may not be empty");
	}
	size_t len = strnlen(text, AUTH_DN_PATTERN_BYTES_MAX + 1);
	if (len > AUTH_DN_PATTERN_BYTES_MAX) {
		return auth_fail(error, ERR_LIMIT, AUTH_DN_PATTERN_BYTES_MAX, "a DN has at most %u bytes",
			AUTH_DN_PATTERN_BYTES_MAX);
	}
	if (!text_is_plain(bytes_of(text, len))) {
		return auth_fail(error, ERR_INVALID, 0, "a DN is UTF-8 without control characters");
	}
	enum err err = read_all(&in, &draft);
	if (err != ERR_OK) {
		return err;
	}
	err = draft_finish(&draft, out);
	return err == ERR_OK ? ERR_OK : auth_fail(error, err, 0, "out of memory");
}

enum err dn_pattern_parse(const char *text, struct dn_pattern **out, struct auth_error *error)
{
	return parse(text, false, out, error);
}

enum err dn_text_parse(const char *text, struct dn_pattern **out, struct auth_error *error)
{
	return parse(text, true, out, error);
}

void dn_pattern_free(struct dn_pattern *pattern)
{
	if (pattern != NULL) {
		free(pattern->components);
		free(pattern->text);
		free(pattern);
	}
}

struct bytes dn_component_value(const struct dn_pattern *pattern, const struct dn_component *component)
{
	return bytes_of(pattern->text + component->offset, component->len);
}

/* The components of one key stand together. */
static const struct dn_component *first_of(const struct dn_pattern *pattern, enum dn_key key, size_t *count)
{
	const struct dn_component *first = NULL;
	*count = 0;
	for (size_t i = 0; i < pattern->count; i++) {
		if (pattern->components[i].key == key) {
			first = *count == 0 ? &pattern->components[i] : first;
			(*count)++;
		}
	}
	return first;
}

bool dn_pattern_names(const struct dn_pattern *pattern, enum dn_key key)
{
	size_t count = 0;
	return first_of(pattern, key, &count) != NULL;
}

struct bytes dn_pattern_fixed_cn(const struct dn_pattern *pattern)
{
	size_t count = 0;
	const struct dn_component *cn = first_of(pattern, DN_CN, &count);
	return cn == NULL || cn->star_front || cn->star_back ? BYTES_NONE : dn_component_value(pattern, cn);
}

/* No wildcard > one > two > a lone '*'. */
static int wildcard_rank(const struct dn_component *component)
{
	int stars = (component->star_front ? 1 : 0) + (component->star_back ? 1 : 0);
	return stars == 0 ? 3 : component->len == 0 ? 0 : 3 - stars;
}

static int component_compare(const struct dn_pattern *a, const struct dn_component *ca,
	const struct dn_pattern *b, const struct dn_component *cb)
{
	int diff = wildcard_rank(ca) - wildcard_rank(cb);
	if (diff == 0 && ca->len != cb->len) {
		diff = ca->len > cb->len ? 1 : -1;
	}
	if (diff == 0) {
		diff = text_compare_folded(dn_component_value(a, ca), dn_component_value(b, cb));
	}
	/* Only so that two different patterns never compare equal: "*x" and "x*". */
	return diff != 0 ? diff : wildcard_rank(ca) == 0 ? 0 : (int)cb->star_front - (int)ca->star_front;
}

/* 4.5: more components win; then pairwise, OU from the left (highest first), DC from the right (it runs lowest first). */
static int list_compare(const struct dn_pattern *a, const struct dn_pattern *b, enum dn_key key)
{
	size_t count_a = 0;
	size_t count_b = 0;
	const struct dn_component *ca = first_of(a, key, &count_a);
	const struct dn_component *cb = first_of(b, key, &count_b);
	if (count_a != count_b) {
		return count_a > count_b ? 1 : -1;
	}
	for (size_t i = 0; i < count_a; i++) {
		size_t at = key == DN_DC ? count_a - 1 - i : i;
		int diff = component_compare(a, &ca[at], b, &cb[at]);
		if (diff != 0) {
			return diff;
		}
	}
	return 0;
}

int dn_pattern_compare(const struct dn_pattern *a, const struct dn_pattern *b)
{
	int diff = 0;
	for (enum dn_key key = 0; key < DN_KEY_COUNT_ && diff == 0; key++) {
		diff = (int)dn_pattern_names(a, key) - (int)dn_pattern_names(b, key);
	}
	for (enum dn_key key = 0; key < DN_KEY_COUNT_ && diff == 0; key++) {
		diff = key == DN_OU || key == DN_DC ? 0 : list_compare(a, b, key);
	}
	diff = diff != 0 ? diff : list_compare(a, b, DN_OU);
	diff = diff != 0 ? diff : list_compare(a, b, DN_DC);
	return diff > 0 ? 1 : diff < 0 ? -1 : 0;
}
