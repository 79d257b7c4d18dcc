/*
 * cmd_keystore_report.c - `lockgate keystore report`: what expires when, and what would come of removing it.
 * Owns:    nothing.
 * Never:   opens a keystore; the running broker knows what it serves and trusts.
 * Threads: one.
 */
#include <stdlib.h>

#include "broker/broker.h"
#include "cli/cli.h"
#include "cli/cmd_keystore.h"

#define DAYS_DEFAULT 30
#define DAYS_MAX     36500

/* Decimal digits only, up to DAYS_MAX. */
static bool parse_days(const char *text, long *out)
{
	char *end = NULL;

	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	*out = strtol(text, &end, 10);
	return *end == '\0' && *out <= DAYS_MAX;
}

int cmd_keystore_report(int argc, char **argv)
{
	static const char syntax_command[] = "lockgate keystore report";
	const char *directory = NULL;
	const char *channel = NULL;
	const char *within = NULL;
	bool names = false;
	bool json = false;
	long days = DAYS_DEFAULT;
	int code = CLI_OK;
	struct cli_list arguments = {{NULL}, 0};
	struct buf reply = BUF_INIT(64u * 1024u * 1024u);
	struct buf question = BUF_INIT(1024);
	const struct cli_option options[] = {
		{"--dir", CLI_TEXT, &directory, "DIR", "data directory of the running broker [.]"},
		{"--channel", CLI_TEXT, &channel, "NAME", "only channels of this generic name [*]"},
		{"--within", CLI_TEXT, &within, "DAYS",
			"exit 1 if something expires within so many days [30]"},
		{"--names", CLI_FLAG, &names, NULL, "name up to 2000 clients of each row, not 10"},
		{"--json", CLI_FLAG, &json, NULL, "for a program"},
	};
	const struct cli_syntax syntax = {syntax_command, "",
		"Says of every key, anchor and pin of the running channels when it expires, and of anchors "
		"and\n"
		"pins which clients would be cut if it were removed. Exit 0: nothing expires within DAYS; "
		"1:\n"
		"something does, or has; 2: it could not be found out, or no running channel has a keystore.",
		options, ARRAY_COUNT(options), 0, 0};

	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	if (within != NULL && !parse_days(within, &days)) {
		return cli_usage(syntax_command, "--within wants a number of days");
	}
	enum err err = buf_printf(
		&question, "%ld %s %s", days, names ? "all" : "few", channel == NULL ? "*" : channel);

	if (err == ERR_OK) {
		err = broker_ask(directory == NULL ? "." : directory, "report", json ? "json" : NULL,
			buf_bytes(&question), &reply, &code);
	}
	if (err != ERR_OK) {
		(void)cli_fail("the broker could not be asked: %s",
			err == ERR_NOT_FOUND ? "none runs on this data directory (see --dir)"
			: err == ERR_DENIED  ? "its admin socket is not yours to use"
					     : err_name(err));
		code = 2;
	}
	(void)fwrite(reply.data == NULL ? (const uint8_t *)"" : reply.data, 1, reply.len,
		code == 2 ? stderr : stdout);
	buf_release(&question);
	buf_release(&reply);
	return code;
}
