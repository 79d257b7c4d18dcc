/*
 * commands.c - the table of commands, how a report ends, and how a value is quoted.
 * Owns:    nothing; a further command is a further row.
 * Never:   does what a row's function does.
 * Threads: any.
 */
#include "base/utf8.h"
#include "mqsc/script.h"

#define FLAG(key, help)                                                                                      \
	{                                                                                                    \
		key, KEYWORD_FLAG, ATTRIBUTE_TEXT, help                                                      \
	}
#define VALUE(key, help)                                                                                     \
	{                                                                                                    \
		key, KEYWORD_VALUE, ATTRIBUTE_TEXT, help                                                     \
	}
#define VALUES(key, help)                                                                                    \
	{                                                                                                    \
		key, KEYWORD_VALUES, ATTRIBUTE_LIST, help                                                    \
	}
#define SHOWN(key, help)                                                                                     \
	{                                                                                                    \
		key, KEYWORD_SHOWN, ATTRIBUTE_TEXT, help                                                     \
	}
#define COUNT(key, help)                                                                                     \
	{                                                                                                    \
		key, KEYWORD_SHOWN, ATTRIBUTE_NUMBER, help                                                   \
	}
#define LIST(key, help)                                                                                      \
	{                                                                                                    \
		key, KEYWORD_SHOWN, ATTRIBUTE_LIST, help                                                     \
	}
#define EITHER(key, help)                                                                                    \
	{                                                                                                    \
		key, KEYWORD_EITHER, ATTRIBUTE_TEXT, help                                                    \
	}
#define END                                                                                                  \
	{                                                                                                    \
		NULL, KEYWORD_FLAG, ATTRIBUTE_TEXT, NULL                                                     \
	}
#define SELECTION                                                                                            \
	FLAG("ALL", "every attribute"),                                                                      \
	{                                                                                                    \
		"WHERE", KEYWORD_WHERE, ATTRIBUTE_TEXT,                                                      \
			"only records for which this holds: (KEYWORD EQ|NE|LT|GT|LE|GE value), for texts "   \
			"also "                                                                              \
			"LK and NL (like, not like a generic value), for lists CT, EX, CTG and EXG "         \
			"(contains, "                                                                        \
			"excludes an item or a generic one)"                                                 \
	}
#define ALTERED SHOWN("ALTDATE", "day of the last change"), SHOWN("ALTTIME", "time of the last change, UTC")

#define FORCED                                                                                               \
	FLAG("FORCE", "also if it closes more live sessions than CUTMAX lets a command close; ours, not "    \
		      "MQ's")

static const struct command_keyword define_keywords[] = {
	FLAG("REPLACE", "overwrites an object that is there; what is not given takes its default"),
	FLAG("NOREPLACE", "an object that is there is an error (so it is without it, too)"),
	VALUE("LIKE", "the object that gives what is not given here, in place of the defaults"), END};
static const struct command_keyword define_channel_keywords[] = {
	FLAG("REPLACE", "overwrites an object that is there; what is not given takes its default"),
	FLAG("NOREPLACE", "an object that is there is an error (so it is without it, too)"),
	VALUE("LIKE", "the object that gives what is not given here, in place of the defaults"), FORCED, END};
static const struct command_keyword forced_keywords[] = {FORCED, END};
static const struct command_keyword channel_keywords[] = {VALUE("CHLTYPE", "MQTT"),
	VALUE("CLIENTID", "only the session of this client; else the whole channel"), END};
static const struct command_keyword chltype_keywords[] = {VALUE("CHLTYPE", "MQTT"), END};
static const struct command_keyword display_keywords[] = {SELECTION, ALTERED, END};
static const struct command_keyword display_channel_keywords[] = {
	SELECTION, EITHER("CHLTYPE", "MQTT"), ALTERED, END};
static const struct command_keyword set_chlauth_keywords[] = {
	VALUE("ACTION", "ADD (the default), REPLACE, REMOVE, or REMOVEALL records of this TYPE and profile"),
	FORCED, END};
static const struct command_keyword display_chlauth_keywords[] = {
	VALUE("MATCH", "GENERIC (the default: '*' in the name is a wildcard over the profiles), EXACT, ALL "
		       "(every profile that applies to the name), or RUNCHECK (judges one connection: "
		       "ADDRESS, CLNTUSER, SSLPEER, SSLCERTI)"),
	EITHER("TYPE", "ALL, or only records of one type"),
	EITHER("ADDRESS", "only records with this address"),
	EITHER("CLNTUSER", "only records with this user"),
	EITHER("SSLPEER", "only records with this subject"),
	EITHER("SSLCERTI", "only records with this issuer"),
	EITHER("SSLFPRT", "only records with this fingerprint"), SELECTION, ALTERED, END};
static const struct command_keyword set_authrec_keywords[] = {VALUE("OBJTYPE", "QMGR (the broker) or TOPIC"),
	VALUE("PROFILE", "name of a topic object, or a generic one ('?', '*', '**' as in MQ); not with QMGR"),
	VALUE("PRINCIPAL", "the user"),
	VALUES("AUTHADD", "what is granted: CONNECT on QMGR; PUB, SUB on TOPIC; ALL or NONE"),
	VALUES("AUTHRMV", "what is taken back; a record that grants nothing stays and hides wider ones"),
	FORCED, END};
static const struct command_keyword delete_authrec_keywords[] = {
	VALUE("OBJTYPE", "QMGR (the broker) or TOPIC"), VALUE("PROFILE", "as it was set; not with QMGR"),
	VALUE("PRINCIPAL", "the user"), FORCED, END};
static const struct command_keyword display_authrec_keywords[] = {
	EITHER("OBJTYPE", "only records of QMGR or of TOPIC"),
	EITHER("PROFILE", "only this profile; generic with a '*' at its end"),
	EITHER("PRINCIPAL", "only records of this user"), LIST("AUTHLIST", "what is granted"), SELECTION,
	ALTERED, END};
static const struct command_keyword chstatus_keywords[] = {VALUE("CHLTYPE", "MQTT"),
	EITHER("CLIENTID", "one record per client whose identifier matches; without it one per channel"),
	FLAG("SUMMARY", "one record per channel"), SELECTION,
	SHOWN("STATUS", "RUNNING, STARTING; of a client RUNNING or DISCONNECTED"),
	COUNT("CONNECTIONS", "of a channel: connections now"), COUNT("PORT", "of a channel: TCP port"),
	SHOWN("KEYSTORE", "of a TLS channel: GOOD, BAD (its file was changed, what was in force stays) or "
			  "HELD (it would "
			  "close more sessions than CUTMAX)"),
	SHOWN("CERTLABL", "of a TLS channel: the keys that it serves"),
	COUNT("STAPLED", "of a TLS channel: how many of these with an OCSP response"),
	SHOWN("CERTXDATE", "of a TLS channel: day on which the first of their certificates expires"),
	SHOWN("CERTXTIME", "of a TLS channel: time of that, UTC"),
	SHOWN("CLNTUSER", "user name that the client gave"),
	SHOWN("MCAUSER", "user that the session runs as"), SHOWN("CONNAME", "the client's address"),
	SHOWN("PROTOCOL", "protocol level"), COUNT("KAINT", "keep-alive in milliseconds"),
	COUNT("MSGRCVD", "messages received"), COUNT("MSGSNT", "messages sent"),
	COUNT("INDOUBTIN", "received, exchange not finished"),
	COUNT("INDOUBTOUT", "sent, not acknowledged yet"), COUNT("PENDING", "messages that wait to be sent"),
	SHOWN("LMSGDATE", "day of the last message"), SHOWN("LMSGTIME", "time of the last message, UTC"),
	SHOWN("CHLSDATE", "day of the start"), SHOWN("CHLSTIME", "time of the start, UTC"),
	SHOWN("SSLPEER", "the certificate's subject"), SHOWN("SSLCERTI", "the certificate's issuer"),
	SHOWN("SSLCIPH", "cipher in use"), SHOWN("SECPROT", "TLS version in use"), END};
static const struct command_keyword authstatus_keywords[] = {SELECTION, SHOWN("AUTHTYPE", "OCSP or CRLURL"),
	SHOWN("URL", "the address"),
	SHOWN("ORIGIN", "LISTED: of an AUTHINFO; CERTIFICATE: named by a certificate"),
	SHOWN("STATUS", "GOOD, FETCHING, FAILED (the last try) or NEW (never tried)"),
	SHOWN("LASTDATE", "day of the last success"), SHOWN("LASTTIME", "time of the last success, UTC"),
	SHOWN("NEXTDATE", "day of the next try"), SHOWN("NEXTTIME", "time of the next try, UTC"),
	COUNT("FAILURES", "failures in a row"), SHOWN("WHY", "why the last try failed"), END};
static const struct command_keyword refresh_keywords[] = {VALUE("TYPE", "SSL"), FORCED, END};

static const struct command_row rows[] = {
	{"DEFINE", "DEF", "CHANNEL", "CHL", OBJECT_CHANNEL, ATTRIBUTES_SET, NAME_NEEDED,
		define_channel_keywords, command_define, "a new telemetry channel; CHLTYPE(MQTT) is needed"},
	{"ALTER", "ALT", "CHANNEL", "CHL", OBJECT_CHANNEL, ATTRIBUTES_SET, NAME_NEEDED, forced_keywords,
		command_alter, "other attributes for a channel; those not given stay"},
	{"DELETE", NULL, "CHANNEL", "CHL", OBJECT_CHANNEL, ATTRIBUTES_NOT_TAKEN, NAME_NEEDED,
		chltype_keywords, command_delete, "a channel that is stopped"},
	{"DISPLAY", "DIS", "CHANNEL", "CHL", OBJECT_CHANNEL, ATTRIBUTES_SHOWN, NAME_NEEDED,
		display_channel_keywords, command_display, "channels, by name or generic name"},
	{"START", "STA", "CHANNEL", "CHL", OBJECT_CHANNEL, ATTRIBUTES_NOT_TAKEN, NAME_NEEDED,
		chltype_keywords, command_start_channel, "reads its files and listens on its port"},
	{"STOP", NULL, "CHANNEL", "CHL", OBJECT_CHANNEL, ATTRIBUTES_NOT_TAKEN, NAME_NEEDED, channel_keywords,
		command_stop_channel, "closes every session and the port, or one session"},
	{"PURGE", NULL, "CHANNEL", "CHL", OBJECT_CHANNEL, ATTRIBUTES_NOT_TAKEN, NAME_NEEDED, channel_keywords,
		command_purge_channel, "stops, and forgets the sessions' state too"},
	{"DISPLAY", "DIS", "CHSTATUS", "CHS", OBJECT_CHANNEL, ATTRIBUTES_NOT_TAKEN, NAME_NEEDED,
		chstatus_keywords, command_display_chstatus, "what runs, and who is connected, as whom"},
	{"DEFINE", "DEF", "TOPIC", NULL, OBJECT_TOPIC, ATTRIBUTES_SET, NAME_NEEDED, define_keywords,
		command_define, "a point of the topic tree that authority records name"},
	{"ALTER", "ALT", "TOPIC", NULL, OBJECT_TOPIC, ATTRIBUTES_SET, NAME_NEEDED, NULL, command_alter,
		"other attributes for a topic object"},
	{"DELETE", NULL, "TOPIC", NULL, OBJECT_TOPIC, ATTRIBUTES_NOT_TAKEN, NAME_NEEDED, NULL, command_delete,
		"a topic object; its authority records stay and grant nothing"},
	{"DISPLAY", "DIS", "TOPIC", NULL, OBJECT_TOPIC, ATTRIBUTES_SHOWN, NAME_NEEDED, display_keywords,
		command_display, "topic objects, by name or generic name"},
	{"SET", NULL, "CHLAUTH", NULL, OBJECT_CHLAUTH, ATTRIBUTES_SET, NAME_NEEDED, set_chlauth_keywords,
		command_set_chlauth, "a channel authentication record for the channels of a profile"},
	{"DISPLAY", "DIS", "CHLAUTH", NULL, OBJECT_CHLAUTH, ATTRIBUTES_SHOWN, NAME_NEEDED,
		display_chlauth_keywords, command_display_chlauth,
		"records; MATCH(RUNCHECK) says what would become of a connection"},
	{"SET", NULL, "AUTHREC", NULL, OBJECT_AUTHREC, ATTRIBUTES_NOT_TAKEN, NAME_NONE, set_authrec_keywords,
		command_set_authrec, "what a user may do"},
	{"DELETE", NULL, "AUTHREC", NULL, OBJECT_AUTHREC, ATTRIBUTES_NOT_TAKEN, NAME_NONE,
		delete_authrec_keywords, command_delete_authrec, "an authority record"},
	{"DISPLAY", "DIS", "AUTHREC", NULL, OBJECT_AUTHREC, ATTRIBUTES_NOT_TAKEN, NAME_NONE,
		display_authrec_keywords, command_display_authrec, "authority records"},
	{"ALTER", "ALT", "QMGR", NULL, OBJECT_QMGR, ATTRIBUTES_SET, NAME_NONE, forced_keywords, command_alter,
		"attributes of the broker as a whole"},
	{"DISPLAY", "DIS", "QMGR", NULL, OBJECT_QMGR, ATTRIBUTES_SHOWN, NAME_NONE, display_keywords,
		command_display, "attributes of the broker as a whole"},
	{"DEFINE", "DEF", "AUTHINFO", NULL, OBJECT_AUTHINFO, ATTRIBUTES_SET, NAME_NEEDED, define_keywords,
		command_define, "a source of revocation data, which channels name in REVINFO"},
	{"ALTER", "ALT", "AUTHINFO", NULL, OBJECT_AUTHINFO, ATTRIBUTES_SET, NAME_NEEDED, forced_keywords,
		command_alter, "other attributes for a source of revocation data"},
	{"DELETE", NULL, "AUTHINFO", NULL, OBJECT_AUTHINFO, ATTRIBUTES_NOT_TAKEN, NAME_NEEDED, NULL,
		command_delete, "a source that no running channel names"},
	{"DISPLAY", "DIS", "AUTHINFO", NULL, OBJECT_AUTHINFO, ATTRIBUTES_SHOWN, NAME_NEEDED, display_keywords,
		command_display, "sources of revocation data, by name or generic name"},
	{"DISPLAY", "DIS", "AUTHSTATUS", NULL, OBJECT_AUTHINFO, ATTRIBUTES_NOT_TAKEN, NAME_NEEDED,
		authstatus_keywords, command_display_authstatus,
		"what became of the sources that running channels name; with * also of those that "
		"certificates "
		"named"},
	{"REFRESH", "REF", "SECURITY", "SEC", OBJECT_QMGR, ATTRIBUTES_NOT_TAKEN, NAME_OPTIONAL,
		refresh_keywords, command_refresh_security,
		"reads every keystore, revocation list and login file again, all or nothing, and judges live "
		"sessions anew"},
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
	enum err err = utf8_valid(bytes_text(text)) ? buf_append_u8(out, '\'') : ERR_INVALID;

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
