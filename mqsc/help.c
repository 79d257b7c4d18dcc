/*
 * help.c - the manual of the command language, written from the tables of commands and attributes.
 * Owns:    nothing.
 * Never:   says what a table does not: a keyword without its line here is a fault in its table.
 * Threads: any.
 */
#include <stdio.h>
#include <string.h>

#include "mqsc/script.h"

#define HELP_COLUMN   24u
#define HELP_LINE_MAX 90u

static const char *const intro[] = {
	"COMMANDS OF LOCKGATE (MQSC)",
	"",
	"A command is VERB NOUN(name) KEYWORD(value) KEYWORD(value,value) ... in any case of letters. Blanks "
	"and commas "
	"separate. A value without apostrophes is folded to upper case; with apostrophes it is kept as it "
	"is, '' being "
	"one apostrophe. What holds lower case or other characters than A-Z 0-9 . / _ % * ? : - needs "
	"apostrophes. "
	"KEYWORD(' ') is blank. No keyword may stand twice.",
	"",
	"A line that begins with * is a comment. + at the end of a line continues it at the first character "
	"of the next "
	"one, - at its first column, within apostrophes too. The end of a line, or ; at its end, ends the "
	"command. END, "
	"EXIT or QUIT ends the script.",
	"",
	"A generic name is a name, or the beginning of one followed by *.",
};

/* One paragraph, wrapped, continued lines indented by indent columns. The first line has begun with used columns. */
static enum err put_wrapped(struct buf *out, const char *text, size_t used, size_t indent)
{
	size_t column = used;
	enum err err = ERR_OK;

	while (err == ERR_OK && *text != '\0') {
		size_t word = strcspn(text, " ");
		bool begins = column == used || column == indent;

		if (column + word + 1 > HELP_LINE_MAX && !begins) {
			err = buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
			begins = true;
		}
		if (err == ERR_OK) {
			err = buf_printf(out, "%s%.*s", begins ? "" : " ", (int)word, text);
		}
		column += word + (begins ? 0 : 1);
		text += word;
		text += strspn(text, " ");
	}
	return err == ERR_OK ? buf_append_text(out, "\n") : err;
}

/* "  LABEL                 help", the help on its own line where the label is long. */
static enum err put_entry(struct buf *out, const struct buf *label, const char *help)
{
	bool alone = label->len + 3 > HELP_COLUMN;
	enum err err = buf_printf(out, "  %.*s%s%*s", (int)label->len, (const char *)label->data,
		alone ? "\n" : "", (int)(alone ? HELP_COLUMN : HELP_COLUMN - 2 - label->len), "");

	return err == ERR_OK ? put_wrapped(out, help, HELP_COLUMN, HELP_COLUMN) : err;
}

static enum err keyword_entry(const struct command_keyword *keyword, struct buf *out)
{
	struct buf label = BUF_INIT(256);
	const char *form = "";

	switch (keyword->form) {
	case KEYWORD_FLAG:
	case KEYWORD_SHOWN: break;
	case KEYWORD_VALUE: form = "(value)"; break;
	case KEYWORD_VALUES: form = "(value,...)"; break;
	case KEYWORD_EITHER: form = "[(value)]"; break;
	case KEYWORD_WHERE: form = "(condition)"; break;
	}
	enum err err = buf_printf(&label, "%s%s", keyword->key, form);

	err = err == ERR_OK ? put_entry(out, &label, keyword->help) : err;
	buf_release(&label);
	return err;
}

static enum err attribute_label(const struct attribute *attribute, struct buf *out)
{
	const char *joint = attribute->kind == ATTRIBUTE_WORD ? "|" : ",";
	enum err err = buf_printf(out, "%s(", attribute->key);

	switch (attribute->kind) {
	case ATTRIBUTE_NUMBER:
		err = err != ERR_OK ? err
				    : buf_printf(out, "%lld to %lld", (long long)attribute->min,
					      (long long)attribute->max);
		break;
	case ATTRIBUTE_TEXT: err = err != ERR_OK ? err : buf_append_text(out, "text"); break;
	case ATTRIBUTE_LIST: err = err != ERR_OK ? err : buf_append_text(out, "text,..."); break;
	case ATTRIBUTE_WORD:
	case ATTRIBUTE_WORDS:
		for (size_t i = 0; err == ERR_OK && attribute->words[i] != NULL; i++) {
			err = buf_printf(out, "%s%s", i == 0 ? "" : joint, attribute->words[i]);
		}
		break;
	}
	return err == ERR_OK ? buf_append_text(out, ")") : err;
}

static enum err attribute_entry(const struct attribute *attribute, struct buf *out)
{
	struct buf label = BUF_INIT(256);
	struct buf help = BUF_INIT(1024);
	const char *text = "";
	enum err err = attribute_label(attribute, &label);

	if (err == ERR_OK) {
		err = buf_append_text(&help, attribute->help);
	}
	if (err == ERR_OK && (attribute->kind == ATTRIBUTE_TEXT || attribute->kind == ATTRIBUTE_LIST)) {
		err = buf_printf(&help, " (up to %lld bytes)", (long long)attribute->max);
	}
	if (err == ERR_OK && attribute->initial != NULL) {
		err = buf_printf(&help, "; default %s", attribute->initial);
	}
	err = err == ERR_OK ? buf_text(&help, &text) : err;
	err = err == ERR_OK ? put_entry(out, &label, text) : err;
	buf_release(&label);
	buf_release(&help);
	return err;
}

static enum err attributes_section(enum object_class class, struct buf *out)
{
	size_t count;
	const struct attribute *attributes = object_attributes(class, &count);
	enum err err = buf_printf(out, "Attributes of %s:\n", object_class_name(class));

	for (size_t i = 0; err == ERR_OK && i < count; i++) {
		err = attribute_entry(&attributes[i], out);
	}
	return err == ERR_OK ? buf_append_text(out, "\n") : err;
}

static enum err synonyms(const struct command_row *row, struct buf *out)
{
	if (row->verb_short == NULL && row->noun_short == NULL) {
		return ERR_OK;
	}
	return buf_printf(out, " (short: %s %s)", row->verb_short != NULL ? row->verb_short : row->verb,
		row->noun_short != NULL ? row->noun_short : row->noun);
}

static enum err command_entry(const struct command_row *row, struct buf *out)
{
	static const char *const name_forms[] = {
		[NAME_NONE] = "", [NAME_OPTIONAL] = "[(*)]", [NAME_NEEDED] = "(name)"};
	enum err err = buf_printf(out, "%s %s%s", row->verb, row->noun, name_forms[row->name]);

	err = err == ERR_OK ? synonyms(row, out) : err;
	err = err == ERR_OK ? buf_append_text(out, "\n    ") : err;
	err = err == ERR_OK ? put_wrapped(out, row->help, 4, 4) : err;
	for (const struct command_keyword *at = row->keywords; err == ERR_OK && at != NULL && at->key != NULL;
		at++) {
		err = keyword_entry(at, out);
	}
	if (err == ERR_OK && row->attributes != ATTRIBUTES_NOT_TAKEN) {
		err = buf_printf(out, "    %s.\n",
			row->attributes == ATTRIBUTES_SET ? "and the attributes below, each with its value"
							  : "and the names of attributes below");
	}
	return err == ERR_OK ? buf_append_text(out, "\n") : err;
}

static bool row_is(const struct command_row *row, const char *command)
{
	char name[48];

	(void)snprintf(name, sizeof(name), "%s %s", row->verb, row->noun);
	return strcasecmp(name, command) == 0 || strcasecmp(row->verb, command) == 0 ||
	       strcasecmp(row->noun, command) == 0;
}

static enum err limits(struct buf *out)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		"Limits: %u bytes in a line, %u in a command, %u keywords, %u values of a keyword, %u "
		"objects of a "
		"class, %u channels.",
		MQSC_LINE_BYTES_MAX, MQSC_COMMAND_BYTES_MAX, MQSC_PARAMS_MAX, MQSC_VALUES_MAX,
		MQSC_OBJECTS_MAX, AUTH_CHANNELS_MAX);
	enum err err = buf_append_text(out, "\n");

	err = err == ERR_OK ? put_wrapped(out, text, 0, 0) : err;
	return err == ERR_OK ? buf_append_text(out, "\n") : err;
}

/* All of it: class by class, the attributes once behind the commands that take them. */
static enum err manual(struct buf *out)
{
	size_t count;
	const struct command_row *rows = command_rows(&count);
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(intro); i++) {
		err = put_wrapped(out, intro[i], 0, 0);
	}
	err = err == ERR_OK ? limits(out) : err;
	for (enum object_class class = 0; class < OBJECT_CLASS_COUNT_; class ++) {
		bool taken = false;

		for (size_t i = 0; err == ERR_OK && i < count; i++) {
			if (rows[i].class == class) {
				err = command_entry(&rows[i], out);
				taken = taken || rows[i].attributes != ATTRIBUTES_NOT_TAKEN;
			}
		}
		if (err == ERR_OK && taken) {
			err = attributes_section(class, out);
		}
	}
	return err;
}

enum err mqsc_help(const char *command, struct buf *out)
{
	size_t count;
	const struct command_row *rows = command_rows(&count);
	bool wanted[OBJECT_CLASS_COUNT_] = {false};
	bool found = false;
	enum err err = ERR_OK;

	if (command == NULL) {
		return manual(out);
	}
	for (size_t i = 0; err == ERR_OK && i < count; i++) {
		if (row_is(&rows[i], command)) {
			found = true;
			wanted[rows[i].class] =
				wanted[rows[i].class] || rows[i].attributes != ATTRIBUTES_NOT_TAKEN;
			err = command_entry(&rows[i], out);
		}
	}
	for (enum object_class class = 0; err == ERR_OK && class < OBJECT_CLASS_COUNT_; class ++) {
		err = wanted[class] ? attributes_section(class, out) : ERR_OK;
	}
	return err == ERR_OK && !found ? ERR_NOT_FOUND : err;
}
