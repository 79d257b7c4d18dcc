/*
 * cmd_device.c - `lockgate device`.
 * Owns:    nothing.
 * Never:   pretends.
 * Threads: one.
 */
#include "cli/cli.h"

int cmd_device(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_fail("'device' is not in this build");
}
