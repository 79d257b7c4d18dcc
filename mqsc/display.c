/*
 * display.c - records as KEY(value) pairs, which of them are shown, and how they are laid out.
 * Owns:    the values of a row.
 * Never:   prints a value unescaped.
 * Threads: the control loop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "mqsc/script.h"

#define FIELD_COLUMNS 40u

void row_init(struct mqsc_row *row)
{
	row->count = 0;
	row->err = ERR_OK;
}

void row_release(struct mqsc_row *row)
{
	for (size_t i = 0; i < row->count; i++) {
		free(row->cells[i].value);
	}
	row_init(row);
}

/* How a cell is compared and printed. */
enum cell_kind { CELL_TEXT, CELL_NUMBER, CELL_LIST, CELL_IDENTITY };

static void row_add(
	struct mqsc_row *row, const char *key, const char *value, int64_t number, enum cell_kind kind)
{
	char *copy = NULL;

	if (row->err != ERR_OK) {
		return;
	}
	if (row->count == ROW_CELLS_MAX) {
		row->err = ERR_LIMIT;
		return;
	}
	row->err = bytes_dup_text(bytes_text(value), &copy);
	if (row->err != ERR_OK) {
		return;
	}
	row->cells[row->count].key = key;
	row->cells[row->count].value = copy;
	row->cells[row->count].number = number;
	row->cells[row->count].is_number = kind == CELL_NUMBER;
	row->cells[row->count].is_list = kind == CELL_LIST;
	row->cells[row->count].is_identity = kind == CELL_IDENTITY;
	row->count++;
}

void mqsc_row_text(struct mqsc_row *row, const char *key, const char *value)
{
	row_add(row, key, value == NULL ? "" : value, 0, CELL_TEXT);
}

void mqsc_row_number(struct mqsc_row *row, const char *key, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	row_add(row, key, text, value, CELL_NUMBER);
}

void row_identity(struct mqsc_row *row, const char *key, const char *value)
{
	row_add(row, key, value, 0, CELL_IDENTITY);
}

void row_list(struct mqsc_row *row, const char *key, const char *const *items, size_t count)
{
	struct buf joined = BUF_INIT(MQSC_COMMAND_BYTES_MAX);
	const char *text = "";
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < count; i++) {
		err = i == 0 ? ERR_OK : buf_append_u8(&joined, LIST_SEPARATOR);
		err = err == ERR_OK ? buf_append_text(&joined, items[i]) : err;
	}
	err = err == ERR_OK ? buf_text(&joined, &text) : err;
	if (err == ERR_OK) {
		row_add(row, key, text, 0, CELL_LIST);
	} else {
		row->err = err;
	}
	buf_release(&joined);
}

void mqsc_row_time(struct mqsc_row *row, const char *date_key, const char *time_key, int64_t wall_ms)
{
	char text[CLOCK_TEXT_BYTES]; /* 2026-11-21T19:52:42.123Z */
	char date[11] = "";
	char time[9] = "";

	if (wall_ms != 0) {
		clock_format(wall_ms, text);
		memcpy(date, text, 10);
		date[10] = '\0';
		memcpy(time, text + 11, 8);
		time[8] = '\0';
		time[2] = '.';
		time[5] = '.';
	}
	mqsc_row_text(row, date_key, date);
	mqsc_row_text(row, time_key, time);
}

/* What tells two records of a class apart is always shown. */
static bool is_identity_key(const char *key)
{
	static const char *const keys[] = {"CHLTYPE", "TYPE", "OBJTYPE", "PRINCIPAL", "AUTHTYPE"};

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		if (strcmp(keys[i], key) == 0) {
			return true;
		}
	}
	return false;
}

/* Records carry only what was given; objects show every attribute, blank or not. */
static bool is_left_out(const struct object *object, const struct attribute *attribute, bool set)
{
	bool block = object->class == OBJECT_CHLAUTH &&
		     (object_is(object, "TYPE", "BLOCKUSER") || object_is(object, "TYPE", "BLOCKADDR"));

	return (object->class == OBJECT_CHLAUTH && !set) || (block && strcmp(attribute->key, "USERSRC") == 0);
}

static void row_add_value(
	struct mqsc_row *row, const struct attribute *attribute, const struct attribute_value *value)
{
	static const char *const none[] = {"NONE"};
	const char *first = value->count > 0 ? value->items[0] : "";

	switch (attribute->kind) {
	case ATTRIBUTE_NUMBER: row_add(row, attribute->key, first, value->number, CELL_NUMBER); return;
	case ATTRIBUTE_LIST:
	case ATTRIBUTE_WORDS:
		if (value->count == 0 && strcmp(attribute->key, "AUTHLIST") == 0) {
			row_list(row, attribute->key, none, 1); /* it is there, and grants nothing */
		} else {
			row_list(row, attribute->key, (const char *const *)value->items, value->count);
		}
		return;
	case ATTRIBUTE_TEXT:
	case ATTRIBUTE_WORD: break;
	}
	row_add(row, attribute->key, first, 0, is_identity_key(attribute->key) ? CELL_IDENTITY : CELL_TEXT);
}

void row_from_object(struct mqsc_row *row, const struct object *object, const char *name_key)
{
	size_t count;
	const struct attribute *attributes = object_attributes(object->class, &count);

	row_identity(row, name_key, object->name);
	for (size_t i = 0; i < count; i++) {
		if (!is_left_out(object, &attributes[i], object->values[i].count > 0)) {
			row_add_value(row, &attributes[i], &object->values[i]);
		}
	}
	if (object->altered_ms != 0) {
		mqsc_row_time(row, "ALTDATE", "ALTTIME", object->altered_ms);
	}
}

bool mqsc_generic_match(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*') {
		return strncmp(pattern, name, len - 1) == 0;
	}
	return strcmp(pattern, name) == 0;
}

/* The item at *at of a list cell; *at moves behind it. False: there is none. */
static bool list_next(const char **at, struct bytes *item)
{
	if (*at == NULL) {
		return false;
	}
	const char *end = strchr(*at, LIST_SEPARATOR);

	*item = end == NULL ? bytes_text(*at) : bytes_of(*at, (size_t)(end - *at));
	*at = end == NULL ? NULL : end + 1;
	return true;
}

/* CT, EX (generic: CTG, EXG): whether one of the items is (matches) wanted. */
static bool list_contains(const char *list, const char *wanted, bool generic)
{
	struct bytes item;
	size_t len = strlen(wanted);
	bool prefix = generic && len > 0 && wanted[len - 1] == '*';

	while (list_next(&list, &item)) {
		if (prefix ? item.len >= len - 1 && memcmp(item.data, wanted, len - 1) == 0
			   : bytes_equal_text(item, wanted)) {
			return true;
		}
	}
	return false;
}

static bool order_fits(enum where_operator op, int order)
{
	switch (op) {
	case WHERE_EQ: return order == 0;
	case WHERE_NE: return order != 0;
	case WHERE_LT: return order < 0;
	case WHERE_GT: return order > 0;
	case WHERE_LE: return order <= 0;
	case WHERE_GE: return order >= 0;
	case WHERE_NONE:
	case WHERE_LK:
	case WHERE_NL:
	case WHERE_CT:
	case WHERE_EX:
	case WHERE_CTG:
	case WHERE_EXG: break;
	}
	return false;
}

static bool text_fits(enum where_operator op, const char *value, const char *wanted)
{
	switch (op) {
	case WHERE_LK: return mqsc_generic_match(wanted, value);
	case WHERE_NL: return !mqsc_generic_match(wanted, value);
	case WHERE_CT: return list_contains(value, wanted, false);
	case WHERE_EX: return !list_contains(value, wanted, false);
	case WHERE_CTG: return list_contains(value, wanted, true);
	case WHERE_EXG: return !list_contains(value, wanted, true);
	case WHERE_NONE:
	case WHERE_EQ:
	case WHERE_NE:
	case WHERE_LT:
	case WHERE_GT:
	case WHERE_LE:
	case WHERE_GE: break;
	}
	/* WHERE(DESCR EQ ' ') means blank. */
	return order_fits(op, strcmp(value, wanted[strspn(wanted, " ")] == '\0' ? "" : wanted));
}

bool row_selected(const struct mqsc_row *row, const struct display *display)
{
	if (display->op == WHERE_NONE) {
		return true;
	}
	for (size_t i = 0; i < row->count; i++) {
		int64_t number = row->cells[i].number;

		if (strcmp(row->cells[i].key, display->where_key) != 0) {
			continue;
		}
		if (row->cells[i].is_number) {
			return order_fits(display->op,
				(number > display->where_number) - (number < display->where_number));
		}
		return text_fits(display->op, row->cells[i].value, display->where_value);
	}
	return false;
}

static bool is_shown(const struct mqsc_row *row, size_t cell, const struct display *display)
{
	const char *key = row->cells[cell].key;

	if (display->all || row->cells[cell].is_identity) {
		return true;
	}
	if (display->op != WHERE_NONE && strcmp(display->where_key, key) == 0) {
		return true;
	}
	for (size_t i = 0; i < display->key_count; i++) {
		if (strcmp(display->keys[i], key) == 0) {
			return true;
		}
	}
	return false;
}

/* Text that a reader, or a script that cuts at parentheses, could mistake for more than one value is put into apostrophes. */
static enum err value_print(struct buf *out, struct bytes value, bool in_list)
{
	bool quoted = false;
	enum err err = ERR_OK;

	for (size_t i = 0; i < value.len; i++) {
		char c = (char)value.data[i];

		quoted = quoted || c == '(' || c == ')' || c == '\'' || (in_list && (c == ',' || c == ' '));
	}
	if (!quoted) {
		return utf8_escape(out, value);
	}
	err = buf_append_text(out, "'");
	for (size_t at = 0; err == ERR_OK && at < value.len;) {
		size_t n = 0;

		while (at + n < value.len && value.data[at + n] != '\'') {
			n++;
		}
		err = utf8_escape(out, bytes_of(value.data + at, n));
		at += n;
		if (err == ERR_OK && at < value.len) {
			err = buf_append_text(out, "''");
			at++;
		}
	}
	return err == ERR_OK ? buf_append_text(out, "'") : err;
}

static enum err cell_print(struct buf *out, const struct mqsc_row *row, size_t cell)
{
	const char *at = row->cells[cell].value;
	struct bytes item;
	bool first = true;
	enum err err = buf_printf(out, "%s(", row->cells[cell].key);

	if (err == ERR_OK && at[0] == '\0') {
		err = buf_append_text(out, " ");
	} else if (err == ERR_OK && !row->cells[cell].is_list) {
		err = value_print(out, bytes_text(at), false);
	}
	while (err == ERR_OK && row->cells[cell].is_list && at != NULL && at[0] != '\0' &&
		list_next(&at, &item)) {
		err = first ? ERR_OK : buf_append_text(out, ",");
		err = err == ERR_OK ? value_print(out, item, true) : err;
		first = false;
	}
	return err == ERR_OK ? buf_append_text(out, ")") : err;
}

/* Two fields of 40 columns in a line; a longer one has its own. */
void row_print(struct mqsc_script *script, const struct mqsc_row *row, const struct display *display,
	const char *headline)
{
	struct buf text = BUF_INIT(ROW_CELLS_MAX * 8u * MQSC_COMMAND_BYTES_MAX);
	size_t pad = 0; /* behind a first field; 0: a new line begins */
	enum err err = buf_printf(&text, "%s\n", headline);
	bool line_open = false;

	for (size_t i = 0; err == ERR_OK && i < row->count; i++) {
		struct buf field = BUF_INIT(8u * MQSC_COMMAND_BYTES_MAX);

		if (!is_shown(row, i, display)) {
			continue;
		}
		err = cell_print(&field, row, i);
		bool fits = field.len < FIELD_COLUMNS;

		if (err == ERR_OK && pad > 0 && fits) {
			err = buf_printf(
				&text, "%*s%.*s\n", (int)pad, "", (int)field.len, (const char *)field.data);
			line_open = false;
			pad = 0;
		} else if (err == ERR_OK) {
			err = buf_printf(&text, "%s   %.*s", line_open ? "\n" : "", (int)field.len,
				(const char *)field.data);
			line_open = true;
			pad = fits ? FIELD_COLUMNS - field.len : 0;
		}
		buf_release(&field);
	}
	if (err == ERR_OK && line_open) {
		err = buf_append_text(&text, "\n");
	}
	err = err == ERR_OK ? row->err : err;
	if (err == ERR_OK) {
		script_say(script, "%.*s", (int)text.len, (const char *)text.data);
	} else {
		script_say(script, "AMQ8101E: A record could not be shown: %s.\n", err_name(err));
		script->out_err = script->out_err == ERR_OK ? err : script->out_err;
	}
	buf_release(&text);
}

static const struct {
	const char *word;
	enum where_operator op;
	bool number, text, list; /* what it can be asked of */
} operators[] = {
	{"EQ", WHERE_EQ, true, true, false},
	{"NE", WHERE_NE, true, true, false},
	{"LT", WHERE_LT, true, true, false},
	{"GT", WHERE_GT, true, true, false},
	{"LE", WHERE_LE, true, true, false},
	{"GE", WHERE_GE, true, true, false},
	{"LK", WHERE_LK, false, true, false},
	{"NL", WHERE_NL, false, true, false},
	{"CT", WHERE_CT, false, false, true},
	{"EX", WHERE_EX, false, false, true},
	{"CTG", WHERE_CTG, false, false, true},
	{"EXG", WHERE_EXG, false, false, true},
};

static enum err where_fail(
	struct mqsc_script *script, struct mqsc_position at, const char *word, const char *sentence)
{
	mqsc_error_set(&script->error, ERR_MALFORMED, at, "'%.40s' %s", word, sentence);
	return ERR_MALFORMED;
}

static enum err where_number(struct mqsc_script *script, const struct mqsc_value *value, struct display *out)
{
	size_t len = strlen(value->text);

	if (len == 0 || len > 18 || strspn(value->text, "0123456789") != len) {
		return where_fail(script, value->at, value->text, "is no number");
	}
	out->where_number = strtoll(value->text, NULL, 10);
	return ERR_OK;
}

static enum err where_read(struct mqsc_script *script, const struct mqsc_param *param, struct display *out)
{
	enum keyword_form form = KEYWORD_FLAG;
	enum attribute_kind kind = ATTRIBUTE_TEXT;

	if (!param->has_values || param->value_count != 3) {
		mqsc_error_set(
			&script->error, ERR_MALFORMED, param->at, "expected WHERE(KEYWORD operator value)");
		return ERR_MALFORMED;
	}
	const struct mqsc_value *values = param->values;

	if (!command_keyword(script->row, values[0].text, &form, &kind) ||
		(form != KEYWORD_SHOWN && form != KEYWORD_EITHER)) {
		return where_fail(
			script, values[0].at, values[0].text, "is nothing that WHERE can ask about");
	}
	bool number = kind == ATTRIBUTE_NUMBER;
	bool list = kind == ATTRIBUTE_LIST || kind == ATTRIBUTE_WORDS;

	for (size_t i = 0; i < ARRAY_COUNT(operators); i++) {
		if (strcmp(operators[i].word, values[1].text) != 0) {
			continue;
		}
		if (!(number ? operators[i].number : list ? operators[i].list : operators[i].text)) {
			return where_fail(script, values[1].at, values[1].text,
				number ? "does not go with a number; expected EQ NE LT GT LE GE"
				: list ? "does not go with a list; expected CT EX CTG EXG"
				       : "does not go with a text; expected EQ NE LT GT LE GE LK NL");
		}
		out->op = operators[i].op;
		out->where_key = values[0].text;
		out->where_value = values[2].text;
		return number ? where_number(script, &values[2], out) : ERR_OK;
	}
	return where_fail(script, values[1].at, values[1].text,
		"is no operator; expected EQ NE LT GT LE GE LK NL CT EX CTG EXG");
}

enum err display_read(struct mqsc_script *script, const struct mqsc_command *command, struct display *out)
{
	*out = (struct display){0};
	for (size_t i = 2; i < command->param_count; i++) {
		const struct mqsc_param *param = &command->params[i];
		enum keyword_form form = KEYWORD_FLAG;
		enum attribute_kind kind = ATTRIBUTE_TEXT;

		if (strcmp(param->key, "ALL") == 0) {
			out->all = true;
		} else if (strcmp(param->key, "WHERE") == 0) {
			enum err err = where_read(script, param, out);

			if (err != ERR_OK) {
				return err;
			}
		} else if (!param->has_values && command_keyword(script->row, param->key, &form, &kind) &&
			   (form == KEYWORD_SHOWN || form == KEYWORD_EITHER)) {
			out->keys[out->key_count++] = param->key;
		}
	}
	return ERR_OK;
}
