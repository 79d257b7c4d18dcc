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

static void row_add(struct mqsc_row *row, const char *key, const char *value, int64_t number, bool is_number,
	bool identity)
{
	if (row->err != ERR_OK) {
		return;
	}
	char *copy = strdup(value);

	if (copy == NULL || row->count == ROW_CELLS_MAX) {
		free(copy);
		row->err = copy == NULL ? ERR_NOMEM : ERR_LIMIT;
		return;
	}
	row->cells[row->count].key = key;
	row->cells[row->count].value = copy;
	row->cells[row->count].number = number;
	row->cells[row->count].is_number = is_number;
	row->cells[row->count].is_identity = identity;
	row->count++;
}

void mqsc_row_text(struct mqsc_row *row, const char *key, const char *value)
{
	row_add(row, key, value == NULL ? "" : value, 0, false, false);
}

void mqsc_row_number(struct mqsc_row *row, const char *key, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	row_add(row, key, text, value, true, false);
}

void row_identity(struct mqsc_row *row, const char *key, const char *value)
{
	row_add(row, key, value, 0, false, true);
}

static void row_add_altered(struct mqsc_row *row, const struct object *object)
{
	char text[CLOCK_TEXT_BYTES]; /* 2026-11-21T19:52:42.123Z */
	char date[11];
	char time[9];

	clock_format(object->altered_ms, text);
	memcpy(date, text, 10);
	date[10] = '\0';
	memcpy(time, text + 11, 8);
	time[8] = '\0';
	time[2] = '.';
	time[5] = '.';
	mqsc_row_text(row, "ALTDATE", date);
	mqsc_row_text(row, "ALTTIME", time);
}

/* What tells two records of a class apart is always shown. */
static bool is_identity_key(const char *key)
{
	static const char *const keys[] = {"CHLTYPE", "TYPE", "OBJTYPE", "PRINCIPAL", "GROUP"};

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		if (strcmp(keys[i], key) == 0) {
			return true;
		}
	}
	return false;
}

void row_from_object(struct mqsc_row *row, const struct object *object, const char *name_key)
{
	size_t count;
	const struct attribute *attributes = object_attributes(object->class, &count);

	row_identity(row, name_key, object->name);
	for (size_t i = 0; i < count; i++) {
		struct buf value = BUF_INIT(MQSC_COMMAND_BYTES_MAX);
		const char *text = "";
		bool set = object->values[i].count > 0;

		/* Records carry only what was given; objects show every attribute, blank or not. */
		bool sparse = object->class == OBJECT_CHLAUTH || object->class == OBJECT_AUTHREC;

		if (sparse && !set) {
			continue;
		}
		if (object_value_print(object, i, &value) != ERR_OK || buf_text(&value, &text) != ERR_OK) {
			row->err = ERR_NOMEM;
			text = "";
		}
		row_add(row, attributes[i].key, attributes[i].masked && set ? "********" : text,
			object->values[i].number, attributes[i].kind == ATTRIBUTE_NUMBER,
			is_identity_key(attributes[i].key));
		buf_release(&value);
	}
	if (object->altered_ms != 0) {
		row_add_altered(row, object);
	}
}

bool generic_match(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*') {
		return strncmp(pattern, name, len - 1) == 0;
	}
	return strcmp(pattern, name) == 0;
}

/* CT, EX: one item of a comma-joined list. */
static bool list_contains(const char *list, const char *item)
{
	size_t len = strlen(item);

	for (const char *at = list; at != NULL;) {
		const char *comma = strchr(at, ',');
		size_t n = comma == NULL ? strlen(at) : (size_t)(comma - at);

		if (n == len && strncmp(at, item, n) == 0) {
			return true;
		}
		at = comma == NULL ? NULL : comma + 1;
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
	case WHERE_EX: break;
	}
	return false;
}

bool row_selected(const struct mqsc_row *row, const struct display *display)
{
	if (display->op == WHERE_NONE) {
		return true;
	}
	for (size_t i = 0; i < row->count; i++) {
		if (strcmp(row->cells[i].key, display->where_key) != 0) {
			continue;
		}
		const char *value = row->cells[i].value;
		const char *wanted = display->where_value;

		if (row->cells[i].is_number) {
			long long number = strtoll(wanted, NULL, 10);
			int order = (row->cells[i].number > number) - (row->cells[i].number < number);

			return order_fits(display->op, order);
		}
		switch (display->op) {
		case WHERE_LK: return generic_match(wanted, value);
		case WHERE_NL: return !generic_match(wanted, value);
		case WHERE_CT: return list_contains(value, wanted);
		case WHERE_EX: return !list_contains(value, wanted);
		case WHERE_NONE:
		case WHERE_EQ:
		case WHERE_NE:
		case WHERE_LT:
		case WHERE_GT:
		case WHERE_LE:
		case WHERE_GE: return order_fits(display->op, strcmp(value, wanted[0] == ' ' ? "" : wanted));
		}
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

void row_print(struct mqsc_script *script, const struct mqsc_row *row, const struct display *display,
	const char *headline)
{
	size_t column = 0;

	script_say(script, "%s\n", headline);
	for (size_t i = 0; i < row->count; i++) {
		struct buf field = BUF_INIT(MQSC_COMMAND_BYTES_MAX * 8);
		const char *text = "";
		const char *value = row->cells[i].value;

		if (!is_shown(row, i, display)) {
			continue;
		}
		if (buf_printf(&field, "%s(", row->cells[i].key) != ERR_OK ||
			utf8_escape(&field, bytes_text(value[0] == '\0' ? " " : value)) != ERR_OK ||
			buf_append_text(&field, ")") != ERR_OK || buf_text(&field, &text) != ERR_OK) {
			script->out_err = ERR_NOMEM;
			text = "";
		}
		if (column > 0 && (column == 2 || field.len >= FIELD_COLUMNS)) {
			script_say(script, "\n");
			column = 0;
		}
		bool alone = field.len >= FIELD_COLUMNS;

		script_say(script, column == 0 ? "   %-*s" : "%-*s", alone ? 0 : (int)FIELD_COLUMNS, text);
		column = alone ? 2 : column + 1;
		buf_release(&field);
	}
	script_say(script, "\n");
	if (row->err != ERR_OK) {
		script_say(script, "AMQ8101E: The record is not complete: %s.\n", err_name(row->err));
	}
}

static const struct {
	const char *word;
	enum where_operator op;
} operators[] = {
	{"EQ", WHERE_EQ},
	{"NE", WHERE_NE},
	{"LT", WHERE_LT},
	{"GT", WHERE_GT},
	{"LE", WHERE_LE},
	{"GE", WHERE_GE},
	{"LK", WHERE_LK},
	{"NL", WHERE_NL},
	{"CT", WHERE_CT},
	{"EX", WHERE_EX},
};

static enum err where_read(struct mqsc_script *script, const struct mqsc_param *param, struct display *out)
{
	if (!param->has_values || param->value_count != 3) {
		mqsc_error_set(
			&script->error, ERR_MALFORMED, param->at, "expected WHERE(KEYWORD operator value)");
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < ARRAY_COUNT(operators); i++) {
		if (strcmp(operators[i].word, param->values[1].text) == 0) {
			out->op = operators[i].op;
			out->where_key = param->values[0].text;
			out->where_value = param->values[2].text;
			return ERR_OK;
		}
	}
	mqsc_error_set(&script->error, ERR_MALFORMED, param->values[1].at,
		"'%.20s' is no operator; expected EQ NE LT GT LE GE LK NL CT EX", param->values[1].text);
	return ERR_MALFORMED;
}

enum err display_read(struct mqsc_script *script, const struct mqsc_command *command, struct display *out)
{
	*out = (struct display){0};
	for (size_t i = 2; i < command->param_count; i++) {
		const struct mqsc_param *param = &command->params[i];

		if (strcmp(param->key, "ALL") == 0) {
			out->all = true;
		} else if (strcmp(param->key, "WHERE") == 0) {
			enum err err = where_read(script, param, out);

			if (err != ERR_OK) {
				return err;
			}
		} else if (!param->has_values && out->key_count < DISPLAY_KEYS_MAX) {
			out->keys[out->key_count++] = param->key;
		}
	}
	return ERR_OK;
}
