/*
 * main.c - the door of `lockgate`: the table of its commands.
 * Owns:    the process.
 * Never:   does anything itself.
 * Threads: the first one.
 */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "base/crypto.h"
#include "cli/cli.h"

static const struct cli_command commands[] = {
	{"run", "start the broker", cmd_run},
	{"mqsc", "commands to a running broker, or checked without one", cmd_mqsc},
	{"explain", "why a client was refused", cmd_explain},
	{"keystore", "make, fill, show and check a keystore file", cmd_keystore},
	{"cert", "judge a certificate as the broker would", cmd_cert},
	{"ca", "a small CA for pilots and tests: certificates, revocation lists", cmd_ca},
	{"device", "let a device in: certificate, password, rule, settings", cmd_device},
	{"passwd", "users and their passwords", cmd_passwd},
	{"version", "what this is", cmd_version},
};

int main(int argc, char **argv)
{
	char *version[] = {argv[0], NULL};
	/* Keys and passphrases may be in memory from here on: no dump. */
	struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	(void)sigaction(SIGPIPE, &ignore, NULL); /* a closed pipe is a failed write, and said as such */
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		return cmd_version(1, version);
	}
	if (crypto_init() != ERR_OK) {
		return cli_fail("the cryptographic library does not start");
	}
	int code = cli_dispatch("lockgate",
		"Lockgate is an MQTT telemetry broker with two gates: a client certificate and a password.",
		commands, ARRAY_COUNT(commands), argc, argv);
	crypto_cleanup();
	if (fflush(stdout) != 0 && code == CLI_OK) {
		code = cli_fail("the output could not be written");
	}
	return code;
}
