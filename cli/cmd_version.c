/*
 * cmd_version.c - `lockgate version`.
 * Owns:    nothing.
 * Never:   fails.
 * Threads: one.
 */
#include "cli/cli.h"

int cmd_version(int argc, char **argv)
{
	static const struct cli_syntax syntax = {
		"lockgate version", "", "Prints name, version and licence.", NULL, 0, 0, 0};
	struct cli_list arguments = {.count = 0};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	(void)printf("lockgate %s\nGPL-3.0-or-later; there is no warranty.\n", LOCKGATE_VERSION);
	return CLI_OK;
}
