/*
 * cmd_cert.c - `lockgate cert`.
 * Owns:    nothing.
 * Never:   pretends.
 * Threads: one.
 */
#include "cli/cli.h"

int cmd_cert(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_fail("'cert' is not in this build");
}
