/*
 * cmd_mqsc.c - `lockgate mqsc`: commands from a file or standard input to the running broker, or checked without one.
 * Owns:    nothing.
 * Never:   changes anything itself; the broker does, or nobody.
 * Threads: one.
 */
#include <string.h>

#include "broker/broker.h"
#include "cli/cli.h"
#include "mqsc/mqsc.h"

static const char syntax_command[] = "lockgate mqsc";

/* As runmqsc: 0 all good, 10 some command failed, 20 nothing could be run. */
enum { MQSC_EXIT_NOTHING_RUN = 20 };

static void on_over(struct mqsc_script *script, void *ctx)
{
	mqsc_script_summary(script, ctx);
}

static void no_change(
	void *ctx, enum object_class class, const struct object *before, const struct object *after)
{
	(void)ctx;
	(void)class;
	(void)before;
	(void)after;
}

static void no_runtime(void *ctx, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	(void)ctx;
	(void)request;
	mqsc_pending_done(pending, ERR_STATE, NULL);
}

/* Syntax and each value; nothing is run and no broker is asked. */
static int verify(struct bytes text, const char *source, bool echo)
{
	const struct mqsc_host host = {.changed = no_change, .runtime = no_runtime, .ctx = NULL};
	const struct mqsc_options options = {
		.source = source, .echo = echo, .verify_only = true, .clock = clock_system()};
	struct buf report = BUF_INIT(MQSC_OUTPUT_BYTES_MAX);
	struct mqsc_summary summary = {0};
	struct mqsc_script *script = NULL;
	struct catalog *catalog = NULL;
	int code = MQSC_EXIT_NOTHING_RUN;

	if (catalog_new(&catalog) == ERR_OK &&
		mqsc_script_start(catalog, &host, &options, text, &report, on_over, &summary, &script) ==
			ERR_OK &&
		mqsc_summary_print(&summary, &report) == ERR_OK) {
		(void)fwrite(report.data, 1, report.len, stdout);
		code = mqsc_summary_exit_code(&summary);
	}
	mqsc_script_free(script);
	catalog_free(catalog);
	buf_release(&report);
	return code;
}

static int ask(const char *directory, struct bytes text, bool echo)
{
	struct buf reply = BUF_INIT(MQSC_OUTPUT_BYTES_MAX + 64u);
	int code = MQSC_EXIT_NOTHING_RUN;
	enum err err = broker_ask(directory, "mqsc", echo ? "echo" : NULL, text, &reply, &code);

	if (err != ERR_OK) {
		(void)fprintf(stderr, "AMQ8146E: Lockgate broker not available: %s\n",
			err == ERR_NOT_FOUND ? "none runs on this data directory (see --dir)"
			: err == ERR_DENIED  ? "its admin socket is not yours to use"
					     : err_name(err));
		code = MQSC_EXIT_NOTHING_RUN;
	}
	(void)fwrite(reply.data == NULL ? (const uint8_t *)"" : reply.data, 1, reply.len, stdout);
	buf_release(&reply);
	return code;
}

static int help_on(const char *command)
{
	struct buf page = BUF_INIT(MQSC_OUTPUT_BYTES_MAX);
	enum err err = mqsc_help(command[0] == '\0' ? NULL : command, &page);

	if (err != ERR_OK) {
		buf_release(&page);
		return cli_usage(syntax_command, "there is no command '%s'", command);
	}
	(void)fwrite(page.data, 1, page.len, stdout);
	buf_release(&page);
	return CLI_OK;
}

int cmd_mqsc(int argc, char **argv)
{
	const char *directory = NULL;
	const char *file = NULL;
	const char *command = NULL;
	const char *manual = NULL;
	bool echo = false;
	bool verify_only = false;
	struct cli_list arguments = {{NULL}, 0};
	struct buf text = BUF_INIT(BROKER_ADMIN_REQUEST_MAX);
	int code = CLI_OK;
	const struct cli_option options[] = {
		{"--dir", CLI_TEXT, &directory, "DIR", "data directory of the running broker [.]"},
		{"-f", CLI_TEXT, &file, "FILE", "commands; - is standard input [-]"},
		{"-c", CLI_TEXT, &command, "TEXT", "one command, in place of a file"},
		{"-e", CLI_FLAG, &echo, NULL, "copy the commands into the report"},
		{"-v", CLI_FLAG, &verify_only, NULL, "verify only: check syntax and values, ask no broker"},
		{"--manual", CLI_TEXT, &manual, "COMMAND",
			"the manual page of 'DEFINE CHANNEL' and the like; '' lists them all"},
	};
	const struct cli_syntax syntax = {syntax_command, "",
		"Runs MQSC commands on a running broker. Exit code: 0 all done, 10 a command failed, 20 "
		"nothing was run.",
		options, ARRAY_COUNT(options), 0, 0};

	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	if (manual != NULL) {
		return help_on(manual);
	}
	directory = directory == NULL ? "." : directory;
	file = file == NULL ? "-" : file;
	if (command != NULL) {
		if (buf_append_text(&text, command) != ERR_OK) {
			code = cli_fail("the command is too long");
		}
	} else {
		code = cli_read(file, BROKER_ADMIN_REQUEST_MAX, &text);
	}
	if (code == CLI_OK) {
		const char *source = command != NULL ? "command" : file;

		code = verify_only ? verify(buf_bytes(&text), source, echo)
				   : ask(directory, buf_bytes(&text), echo);
	} else {
		code = MQSC_EXIT_NOTHING_RUN;
	}
	buf_release(&text);
	return code;
}
