/*
 * cmd_mqsc.c - `lockgate mqsc`.
 * Owns:    nothing.
 * Never:   pretends.
 * Threads: one.
 */
#include "cli/cli.h"

int cmd_mqsc(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_fail("'mqsc' is not in this build");
}
