/*
 * cmd_explain.c - `lockgate explain`.
 * Owns:    nothing.
 * Never:   pretends.
 * Threads: one.
 */
#include "cli/cli.h"

int cmd_explain(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_fail("'explain' is not in this build");
}
