/*
 * cmd_explain.c - `lockgate explain --refusal ID`: the kept evidence of a refusal, judged again under today's policy.
 * Owns:    nothing.
 * Never:   judges itself; the broker does, by the function that refused.
 * Threads: one.
 */
#include "broker/broker.h"
#include "cli/cli.h"

int cmd_explain(int argc, char **argv)
{
	static const char syntax_command[] = "lockgate explain";
	const char *directory = NULL;
	const char *refusal = NULL;
	bool json = false;
	struct cli_list arguments = {{NULL}, 0};
	struct buf reply = BUF_INIT(4u * 1024u * 1024u);
	int code = CLI_OK;
	const struct cli_option options[] = {
		{"--refusal", CLI_TEXT, &refusal, "ID",
			"the id from the log, or from the client's reason string"},
		{"--dir", CLI_TEXT, &directory, "DIR", "data directory of the running broker [.]"},
		{"--json", CLI_FLAG, &json, NULL, "for a program"},
	};
	const struct cli_syntax syntax = {syntax_command, "--refusal ID",
		"Says step by step why a client was refused or a session closed, and what would happen "
		"today.",
		options, ARRAY_COUNT(options), 0, 0};

	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	if (refusal == NULL) {
		return cli_usage(syntax_command, "--refusal is missing");
	}
	enum err err = broker_ask(directory == NULL ? "." : directory, "explain", json ? "json" : NULL,
		bytes_text(refusal), &reply, &code);

	if (err != ERR_OK) {
		code = cli_fail("the broker could not be asked: %s",
			err == ERR_NOT_FOUND ? "none runs on this data directory (see --dir)"
			: err == ERR_DENIED  ? "its admin socket is not yours to use"
					     : err_name(err));
	}
	(void)fwrite(reply.data == NULL ? (const uint8_t *)"" : reply.data, 1, reply.len,
		code == CLI_OK ? stdout : stderr);
	buf_release(&reply);
	return code;
}
