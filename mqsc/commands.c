/*
 * commands.c - the table of commands, their manual, and how a report ends.
 * Owns:    nothing; a further command is a further row.
 * Never:   does what a row's function does.
 * Threads: any.
 */
#include <stdio.h>
#include <string.h>

#include "mqsc/script.h"

static const char *const define_keywords[] = {"REPLACE", "NOREPLACE", "LIKE", NULL};
static const char *const channel_keywords[] = {"CHLTYPE", "CLIENTID", NULL};
static const char *const start_keywords[] = {"CHLTYPE", NULL};
static const char *const delete_channel_keywords[] = {"CHLTYPE", NULL};
static const char *const display_keywords[] = {"ALL", "WHERE", "ALTDATE", "ALTTIME", NULL};
static const char *const set_chlauth_keywords[] = {"ACTION", NULL};
static const char *const display_chlauth_keywords[] = {"ALL", "WHERE", "MATCH", "ALTDATE", "ALTTIME", NULL};
static const char *const set_authrec_keywords[] = {
	"PROFILE", "OBJTYPE", "PRINCIPAL", "GROUP", "AUTHADD", "AUTHRMV", NULL};
static const char *const authrec_keywords[] = {"PROFILE", "OBJTYPE", "PRINCIPAL", "GROUP", NULL};
static const char *const display_authrec_keywords[] = {
	"PROFILE", "OBJTYPE", "PRINCIPAL", "GROUP", "AUTHLIST", "ALL", "WHERE", NULL};
static const char *const chstatus_keywords[] = {"CHLTYPE", "CLIENTID", "SUMMARY", "ALL", "WHERE", "STATUS",
	"CONNECTIONS", "CLNTUSER", "MCAUSER", "KAINT", "MSGSNT", "MSGRCVD", "INDOUBTIN", "INDOUBTOUT",
	"PENDING", "PROTOCOL", "LMSGDATE", "LMSGTIME", "CHLSDATE", "CHLSTIME", "CONNAME", "SSLPEER",
	"SSLCERTI", "SSLCIPH", "SECPROT", "CHLAUTH", "PORT", NULL};
static const char *const refresh_keywords[] = {"TYPE", "FORCE", NULL};

static const struct command_row rows[] = {
	{"DEFINE", "DEF", "CHANNEL", "CHL", OBJECT_CHANNEL, true, NAME_NEEDED, define_keywords,
		command_define, "a new telemetry channel"},
	{"ALTER", "ALT", "CHANNEL", "CHL", OBJECT_CHANNEL, true, NAME_NEEDED, NULL, command_alter,
		"other attributes for a channel"},
	{"DELETE", NULL, "CHANNEL", "CHL", OBJECT_CHANNEL, false, NAME_NEEDED, delete_channel_keywords,
		command_delete, "a channel that is stopped"},
	{"DISPLAY", "DIS", "CHANNEL", "CHL", OBJECT_CHANNEL, true, NAME_NEEDED, display_keywords,
		command_display, "channels, by generic name"},
	{"START", "STA", "CHANNEL", "CHL", OBJECT_CHANNEL, false, NAME_NEEDED, start_keywords,
		command_start_channel, "listens on its port"},
	{"STOP", NULL, "CHANNEL", "CHL", OBJECT_CHANNEL, false, NAME_NEEDED, channel_keywords,
		command_stop_channel, "closes every session, or that of one CLIENTID"},
	{"PURGE", NULL, "CHANNEL", "CHL", OBJECT_CHANNEL, false, NAME_NEEDED, channel_keywords,
		command_purge_channel, "stops, and forgets the sessions' state too"},
	{"DISPLAY", "DIS", "CHSTATUS", "CHS", OBJECT_CHANNEL, false, NAME_NEEDED, chstatus_keywords,
		command_display_chstatus, "who is connected, as whom, by which rule"},
	{"DEFINE", "DEF", "TOPIC", NULL, OBJECT_TOPIC, true, NAME_NEEDED, define_keywords, command_define,
		"a point of the topic tree that authority records name"},
	{"ALTER", "ALT", "TOPIC", NULL, OBJECT_TOPIC, true, NAME_NEEDED, NULL, command_alter,
		"another topic string"},
	{"DELETE", NULL, "TOPIC", NULL, OBJECT_TOPIC, false, NAME_NEEDED, NULL, command_delete,
		"a topic object"},
	{"DISPLAY", "DIS", "TOPIC", NULL, OBJECT_TOPIC, true, NAME_NEEDED, display_keywords, command_display,
		"topic objects, by generic name"},
	{"SET", NULL, "CHLAUTH", NULL, OBJECT_CHLAUTH, true, NAME_NEEDED, set_chlauth_keywords,
		command_set_chlauth, "a channel authentication record: ACTION(ADD|REPLACE|REMOVE|REMOVEALL)"},
	{"DISPLAY", "DIS", "CHLAUTH", NULL, OBJECT_CHLAUTH, true, NAME_NEEDED, display_chlauth_keywords,
		command_display_chlauth, "records; MATCH(RUNCHECK) tries a connection"},
	{"SET", NULL, "AUTHREC", NULL, OBJECT_AUTHREC, false, NAME_NONE, set_authrec_keywords,
		command_set_authrec, "what a PRINCIPAL or GROUP may do: AUTHADD, AUTHRMV"},
	{"DELETE", NULL, "AUTHREC", NULL, OBJECT_AUTHREC, false, NAME_NONE, authrec_keywords,
		command_delete_authrec, "an authority record"},
	{"DISPLAY", "DIS", "AUTHREC", NULL, OBJECT_AUTHREC, false, NAME_NONE, display_authrec_keywords,
		command_display_authrec, "authority records"},
	{"ALTER", "ALT", "QMGR", NULL, OBJECT_QMGR, true, NAME_NONE, NULL, command_alter,
		"attributes of the broker as a whole"},
	{"DISPLAY", "DIS", "QMGR", NULL, OBJECT_QMGR, true, NAME_NONE, display_keywords, command_display,
		"them"},
	{"REFRESH", "REF", "SECURITY", "SEC", OBJECT_QMGR, false, NAME_OPTIONAL, refresh_keywords,
		command_refresh_security,
		"TYPE(SSL): reads every keystore and revocation list again and judges live sessions anew"},
};

const struct command_row *command_rows(size_t *count)
{
	*count = ARRAY_COUNT(rows);
	return rows;
}

int mqsc_summary_exit_code(const struct mqsc_summary *summary)
{
	return summary->failed + summary->syntax_errors == 0 ? 0 : 10;
}

static enum err print_count(
	struct buf *out, unsigned count, const char *none, const char *one, const char *several)
{
	if (count == 0) {
		return buf_printf(out, "%s\n", none);
	}
	return count == 1 ? buf_printf(out, "%s\n", one) : buf_printf(out, "%u %s\n", count, several);
}

enum err mqsc_summary_print(const struct mqsc_summary *summary, struct buf *out)
{
	enum err err = print_count(out, summary->read, "No MQSC commands read.", "One MQSC command read.",
		"MQSC commands read.");

	if (err == ERR_OK) {
		err = print_count(out, summary->syntax_errors, "No commands have a syntax error.",
			"One command has a syntax error.", "commands have a syntax error.");
	}
	if (err == ERR_OK) {
		err = print_count(out, summary->failed, "All valid MQSC commands were processed.",
			"One valid MQSC command could not be processed.",
			"valid MQSC commands could not be processed.");
	}
	return err;
}

enum err mqsc_quote(struct buf *out, const char *text)
{
	size_t start = out->len;
	enum err err = buf_append_u8(out, '\'');

	for (size_t i = 0; err == ERR_OK && text[i] != '\0'; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c < 0x20 || c == 0x7f) {
			err = ERR_INVALID;
		} else {
			err = buf_append_u8(out, c);
		}
		if (err == ERR_OK && c == '\'') {
			err = buf_append_u8(out, c);
		}
	}
	if (err == ERR_OK) {
		err = buf_append_u8(out, '\'');
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	return err;
}

static enum err help_attribute(const struct attribute *attribute, struct buf *out)
{
	enum err err = buf_printf(out, "    %s(", attribute->key);

	switch (attribute->kind) {
	case ATTRIBUTE_NUMBER:
		err = err != ERR_OK ? err
				    : buf_printf(out, "%lld-%lld", (long long)attribute->min,
					      (long long)attribute->max);
		break;
	case ATTRIBUTE_TEXT: err = err != ERR_OK ? err : buf_append_text(out, "text"); break;
	case ATTRIBUTE_LIST: err = err != ERR_OK ? err : buf_append_text(out, "text,…"); break;
	case ATTRIBUTE_WORD:
	case ATTRIBUTE_WORDS:
		for (size_t i = 0; err == ERR_OK && attribute->words[i] != NULL; i++) {
			const char *joint = attribute->kind == ATTRIBUTE_WORD ? "|" : ",";

			err = buf_printf(out, "%s%s", i == 0 ? "" : joint, attribute->words[i]);
		}
		break;
	}
	if (err == ERR_OK) {
		err = buf_printf(out, ")  %s", attribute->help);
	}
	if (err == ERR_OK && attribute->initial != NULL) {
		err = buf_printf(out, " [%s]", attribute->initial);
	}
	return err != ERR_OK ? err : buf_append_text(out, "\n");
}

static bool row_is(const struct command_row *row, const char *command)
{
	char name[48];

	(void)snprintf(name, sizeof(name), "%s %s", row->verb, row->noun);
	return strcasecmp(name, command) == 0 || strcasecmp(row->verb, command) == 0 ||
	       strcasecmp(row->noun, command) == 0;
}

enum err mqsc_help(const char *command, struct buf *out)
{
	bool found = false;
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(rows); i++) {
		const struct command_row *row = &rows[i];

		if (command != NULL && !row_is(row, command)) {
			continue;
		}
		found = true;
		err = buf_printf(out, "%s %s%s - %s\n", row->verb, row->noun,
			row->name == NAME_NEEDED ? "(name)" : "", row->help);
		for (size_t k = 0; err == ERR_OK && row->keywords != NULL && row->keywords[k] != NULL; k++) {
			err = buf_printf(out, "%s%s", k == 0 ? "    " : " ", row->keywords[k]);
		}
		if (err == ERR_OK && row->keywords != NULL) {
			err = buf_append_text(out, "\n");
		}
		size_t count;
		const struct attribute *attributes = object_attributes(row->class, &count);

		for (size_t a = 0; err == ERR_OK && command != NULL && row->takes_attributes && a < count;
			a++) {
			err = help_attribute(&attributes[a], out);
		}
	}
	return err == ERR_OK && !found ? ERR_NOT_FOUND : err;
}
