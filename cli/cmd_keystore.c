/*
 * cmd_keystore.c - `lockgate keystore`.
 * Owns:    nothing.
 * Never:   pretends.
 * Threads: one.
 */
#include "cli/cli.h"

int cmd_keystore(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_fail("'keystore' is not in this build");
}
