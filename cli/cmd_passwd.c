/*
 * cmd_passwd.c - `lockgate passwd`.
 * Owns:    nothing.
 * Never:   pretends.
 * Threads: one.
 */
#include "cli/cli.h"

int cmd_passwd(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_fail("'passwd' is not in this build");
}
