/*
 * test_net_staple.c - the OCSP response that comes with our certificate: byte for byte, only while it is current, only when asked for.
 * Owns:    its kits; a temporary folder for what the openssl command prints.
 * Threads: main is the control loop; the client is a process of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "net_kit.h"
#include "tests/test.h"
#include "tests/x509/pki.h"

static uint8_t junk[TLS_STAPLE_BYTES_MAX + 1];

static bool run(const char *command)
{
	int status = system(command); /* no input but our own literals and a port */
	return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

enum content { NOTHING, SMALL, LARGEST, REAL, CONTENTS };
static const struct {
	const char *name, *arguments;
	enum content content;
	int until; /* seconds from now */
	bool replaced, cleared, asked, want;
} rows[] = {
	{"1.3", "-tls1_3 -status", REAL, 100, false, false, true, true},
	{"1.2", "-tls1_2 -status", REAL, 100, false, false, true, true},
	{"1.3, not asked for", "-tls1_3", REAL, 100, false, false, false, false},
	{"1.2, not asked for", "-tls1_2", REAL, 100, false, false, false, false},
	{"1.3, none at hand", "-tls1_3 -status", NOTHING, 100, false, false, true, false},
	{"1.2, none at hand", "-tls1_2 -status", NOTHING, 100, false, false, true, false},
	{"1.3, its time is over", "-tls1_3 -status", REAL, -2, false, false, true, false},
	{"1.2, its time is over", "-tls1_2 -status", REAL, -2, false, false, true, false},
	{"1.3, replaced", "-tls1_3 -status", REAL, 100, true, false, true, true},
	{"1.3, taken back", "-tls1_3 -status", REAL, 100, false, true, true, false},
	/* openssl does not take these for responses, and ends the handshake; they came all the same. */
	{"1.3, any bytes", "-tls1_3 -status", SMALL, 100, false, false, true, true},
	{"1.3, TLS_STAPLE_BYTES_MAX", "-tls1_3 -status", LARGEST, 100, false, false, true, true},
	{"1.2, TLS_STAPLE_BYTES_MAX", "-tls1_2 -status", LARGEST, 100, false, false, true, true},
};

static void write_hex(const char *path, struct bytes in)
{
	FILE *file = fopen(path, "w");
	REQUIRE("a file", file != NULL);
	for (size_t i = 0; i < in.len; i++) {
		(void)fprintf(file, "%02x", in.data[i]);
	}
	(void)fputs("\n", file);
	REQUIRE("a file", fclose(file) == 0);
}

static void test_row(size_t i, const struct tls_options *options, struct bytes real, const char *folder)
{
	const char *row = rows[i].name;
	const struct bytes contents[CONTENTS] = {[NOTHING] = BYTES_NONE,
		[SMALL] = bytes_of(junk, 1000),
		[LARGEST] = bytes_of(junk, TLS_STAPLE_BYTES_MAX),
		[REAL] = real};
	struct kit kit = {0};
	struct tls_context *tls = NULL;
	struct net_error error = {0};
	char command[1024];
	int64_t now = time(NULL);
	REQUIRE(row, tls_context_new(options, &tls, &error) == ERR_OK);
	if (rows[i].replaced) {
		REQUIRE(row, tls_context_set_staple(tls, bytes_of(junk, 500), now + 100) == ERR_OK);
	}
	if (rows[i].content != NOTHING) {
		REQUIRE(row, tls_context_set_staple(tls, contents[rows[i].content], now + rows[i].until) ==
				     ERR_OK);
	}
	CHECK("over TLS_STAPLE_BYTES_MAX: what was there stays",
		tls_context_set_staple(tls, bytes_of(junk, sizeof(junk)), now + 100) == ERR_LIMIT);
	if (rows[i].cleared) {
		REQUIRE(row, tls_context_set_staple(tls, BYTES_NONE, 0) == ERR_OK);
	}
	write_hex(test_path(folder, "hex"), rows[i].content == NOTHING ? real : contents[rows[i].content]);
	kit_open(&kit, 1, tls, NULL);
	tls_context_unref(tls);
	(void)snprintf(command, sizeof(command),
		"cd '%s' && echo Q | timeout 15 openssl s_client -msg -connect 127.0.0.1:%u %s >out 2>err; "
		"tr -d ' \\n' <out >flat; grep -qF -f hex flat",
		folder, listener_port(kit.listener), rows[i].arguments);
	CHECK(row, run(command) == rows[i].want);
	if (rows[i].content == REAL || rows[i].content == NOTHING) {
		/* The handshake does not hang on it. */
		CHECK(row, atomic_load(&kit.app.secure) == 1);
		(void)snprintf(command, sizeof(command), "grep -q '%s' '%s'/out",
			rows[i].want ? "OCSP Response Status: successful" : "OCSP response: no response sent",
			folder);
		CHECK(row, !rows[i].asked || run(command));
	}
	CHECK(row, kit_wait(&kit, &kit.app.closed, 1));
	kit_close(&kit);
}

/* Being able to staple changes nothing about who is asked for a certificate, and what is known of it. */
static void test_client_certificates(const struct tls_options *given, struct bytes real, const char *folder)
{
	static const char *const versions[] = {"-tls1_2", "-tls1_3"};
	struct tls_options options = *given;
	char command[1024];
	options.client_auth = TLS_CLIENT_AUTH_REQUIRED;
	(void)snprintf(command, sizeof(command),
		"cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
		"-subj "
		"/CN=device -keyout key.pem -out cert.pem 2>err",
		folder);
	REQUIRE("a device", run(command));
	for (size_t i = 0; i < 2 * ARRAY_COUNT(versions); i++) {
		bool has_cert = i % 2 == 0;
		struct kit kit = {0};
		struct tls_context *tls = NULL;
		struct net_error error = {0};
		REQUIRE("context", tls_context_new(&options, &tls, &error) == ERR_OK);
		REQUIRE("response", tls_context_set_staple(tls, real, INT64_MAX) == ERR_OK);
		kit_open(&kit, 1, tls, NULL);
		tls_context_unref(tls);
		(void)snprintf(command, sizeof(command),
			"cd '%s' && echo Q | timeout 15 openssl s_client -status -connect 127.0.0.1:%u %s %s "
			">out 2>err",
			folder, listener_port(kit.listener), versions[i / 2],
			has_cert ? "-cert cert.pem -key key.pem" : "");
		(void)run(command);
		CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
		CHECK("who has a certificate is through",
			atomic_load(&kit.app.secure) == (has_cert ? 1u : 0u));
		CHECK("its chain is known",
			!has_cert || (atomic_load(&kit.app.last_evidence) == TLS_EVIDENCE_CHAIN &&
					     atomic_load(&kit.app.last_chain) == 1));
		CHECK("who has none is refused",
			has_cert || atomic_load(&kit.app.last_failure) == TLS_FAILURE_NO_CERTIFICATE);
		kit_close(&kit);
	}
}

int main(void)
{
	pki_init();
	if (!run("openssl version >/dev/null 2>&1")) {
		test_skip("there is no openssl command");
	}
	struct pki root = pki_root("root"), server = pki_server(&root, "server", "a.example");
	struct ocsp_response *response = pki_ocsp(&root, server.cert, OCSP_SAYS_GOOD);
	struct bytes chain[] = {cert_der(server.cert), cert_der(root.cert)};
	struct net_error error = {0};
	struct tls_options options = {.key_pkcs8 = secret_bytes(&server.key),
		.chain = chain,
		.chain_count = ARRAY_COUNT(chain),
		.client_auth = TLS_CLIENT_AUTH_OPTIONAL,
		.staple = true};
	struct tls_context *without = NULL;
	for (size_t i = 0; i < sizeof(junk); i++) {
		junk[i] = (uint8_t)(i * 7 + i / 256 + 1);
	}
	REQUIRE("spec", tls_spec_find("", &options.spec, &error) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		test_row(i, &options, ocsp_response_der(response), test_folder());
	}
	test_client_certificates(&options, ocsp_response_der(response), test_folder());
	options.staple = false;
	REQUIRE("a context without", tls_context_new(&options, &without, &error) == ERR_OK);
	CHECK("made without",
		tls_context_set_staple(without, ocsp_response_der(response), INT64_MAX) == ERR_STATE);
	tls_context_unref(without);
	ocsp_response_unref(response);
	pki_free(&root);
	pki_free(&server);
	return test_result();
}
