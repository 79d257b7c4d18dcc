/*
 * test_net_foreign.c - another TLS library at our door: the openssl command, both versions, each group and SSLCAUTH.
 * Owns:    its kits and the files of the client's certificate (in a temporary folder).
 * Threads: main is the control loop; the client is a process of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "net_kit.h"
#include "tests/test.h"

static bool run(const char *command)
{
	int status = system(command); /* no input but our own literals and a port */
	return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const struct {
	const char *name;
	enum tls_client_auth client_auth;
	const char *arguments;
	bool has_cert, want;
	enum tls_version version;
} rows[] = {
	{"1.3", TLS_CLIENT_AUTH_NEVER, "-tls1_3", false, true, TLS_VERSION_13},
	{"1.2", TLS_CLIENT_AUTH_NEVER, "-tls1_2", false, true, TLS_VERSION_12},
	{"1.3 with a certificate", TLS_CLIENT_AUTH_REQUIRED, "-tls1_3", true, true, TLS_VERSION_13},
	{"1.2 with a certificate", TLS_CLIENT_AUTH_REQUIRED, "-tls1_2", true, true, TLS_VERSION_12},
	{"1.3 without one", TLS_CLIENT_AUTH_REQUIRED, "-tls1_3", false, false, TLS_VERSION_NONE},
	{"1.2 without one", TLS_CLIENT_AUTH_REQUIRED, "-tls1_2", false, false, TLS_VERSION_NONE},
	{"1.3 optional", TLS_CLIENT_AUTH_OPTIONAL, "-tls1_3", false, true, TLS_VERSION_13},
	{"1.3 P-256", TLS_CLIENT_AUTH_OPTIONAL, "-tls1_3 -groups P-256", true, true, TLS_VERSION_13},
	{"1.3 P-384", TLS_CLIENT_AUTH_OPTIONAL, "-tls1_3 -groups P-384", true, true, TLS_VERSION_13},
	{"1.3 P-521", TLS_CLIENT_AUTH_OPTIONAL, "-tls1_3 -groups P-521", true, true, TLS_VERSION_13},
	{"1.3 wrong key share first: HelloRetryRequest", TLS_CLIENT_AUTH_OPTIONAL,
		"-tls1_3 -groups X448:X25519", true, true, TLS_VERSION_13},
	{"1.3 no common group", TLS_CLIENT_AUTH_OPTIONAL, "-tls1_3 -groups X448", false, false,
		TLS_VERSION_NONE},
	{"1.2 P-384", TLS_CLIENT_AUTH_OPTIONAL, "-tls1_2 -groups P-384:P-256", true, true, TLS_VERSION_12},
	{"ALPN mqtt", TLS_CLIENT_AUTH_OPTIONAL, "-alpn mqtt", true, true, TLS_VERSION_13},
	{"ALPN http", TLS_CLIENT_AUTH_OPTIONAL, "-alpn h2", true, false, TLS_VERSION_NONE},
	{"1.1", TLS_CLIENT_AUTH_NEVER, "-tls1_1 -cipher DEFAULT@SECLEVEL=0", false, false, TLS_VERSION_NONE},
};

static void test_row(size_t i, const struct kit_cert *identity, const char *folder)
{
	const char *row = rows[i].name;
	struct kit kit = {.app = {.echo = true}};
	struct tls_context *tls = kit_context(identity, rows[i].client_auth, NULL);
	char command[1024];
	kit_open(&kit, 2, tls, NULL);
	tls_context_unref(tls);
	/* s_client ends when its input does: that stays open until the echo or an error is there. */
	(void)snprintf(command, sizeof(command),
		"cd '%s' && : >out && : >err && (echo ping; for i in $(seq 200); do grep -q ping out && "
		"break; "
		"grep -q 'error:[0-9A-F]' err && break; sleep 0.05; done) | "
		"timeout 15 openssl s_client -connect 127.0.0.1:%u %s %s >out 2>err; grep -q ping out",
		folder, listener_port(kit.listener), rows[i].arguments,
		rows[i].has_cert ? "-cert cert.pem -key key.pem" : "");
	CHECK(row, run(command) == rows[i].want);
	CHECK(row, kit_wait(&kit, &kit.app.closed, 1));
	CHECK(row, atomic_load(&kit.app.secure) == (rows[i].want ? 1u : 0u));
	if (rows[i].want) {
		CHECK(row, atomic_load(&kit.app.last_version) == (unsigned)rows[i].version);
		CHECK(row, atomic_load(&kit.app.last_chain) == (rows[i].has_cert ? 1u : 0u));
	} else {
		CHECK(row, atomic_load(&kit.app.last_why) == IO_CLOSE_TLS);
		CHECK(row, kit.app.detail[0] != '\0');
	}
	kit_close(&kit);
}

int main(void)
{
	char command[1024];
	if (!run("openssl version >/dev/null 2>&1")) {
		test_skip("there is no openssl command");
	}
	const char *folder = test_folder();
	(void)snprintf(command, sizeof(command),
		"cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
		"-subj /CN=foreign -keyout key.pem -out cert.pem 2>err",
		folder);
	REQUIRE("a certificate", run(command));
	struct kit_cert *identity = kit_cert_new(&(struct kit_cert_options){.name = "broker"});
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		test_row(i, identity, folder);
	}
	kit_cert_free(identity);
	return test_result();
}
