/*
 * test_foreign.c - a client that is not wolfSSL: what it may not do over a real socket (renegotiate, resume, use old versions).
 * Owns:    a listening socket on a free port, a temporary folder, one `openssl s_client` at a time.
 * Never:   waits without a deadline; leaves a process behind.
 * Threads: one.
 */
#include "pair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { STAPLE_BYTES = 900, OUTPUT_MAX = 256 * 1024 };
enum { DEADLINE_MS = 20000, SKIPPED = 77, ARGS_MAX = 24, PATH_LEN = 64 };

struct foreign {
	char folder[PATH_LEN];
	char cert[PATH_LEN + 16], key[PATH_LEN + 16], session[PATH_LEN + 16], connect[32];
	int listener;
	struct pki_cert identity, device;
	struct staple *staple; /* NULL: no stapling */
};

/* What the status callback does, and what it saw. */
struct staple {
	bool has_response;
	unsigned long asked, looked_up;
	unsigned char bytes[STAPLE_BYTES];
};

struct visit {
	pid_t client;
	int to_client, from_client; /* its standard input; its output */
	int socket;
	WOLFSSL_CTX *ctx;
	WOLFSSL *ssl;
	struct evidence evidence;
};

static int socket_recv(WOLFSSL *ssl, char *buf, int size, void *ctx)
{
	(void)ssl;
	ssize_t n = recv(*(int *)ctx, buf, (size_t)size, MSG_DONTWAIT);
	if (n > 0) {
		return (int)n;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? WOLFSSL_CBIO_ERR_WANT_READ
							    : WOLFSSL_CBIO_ERR_CONN_CLOSE;
}

static int socket_send(WOLFSSL *ssl, char *buf, int size, void *ctx)
{
	(void)ssl;
	ssize_t n = send(*(int *)ctx, buf, (size_t)size, MSG_NOSIGNAL);
	return n > 0 ? (int)n : WOLFSSL_CBIO_ERR_CONN_CLOSE;
}

static void write_file(const char *path, const uint8_t *data, size_t len)
{
	FILE *file = fopen(path, "wb");
	require(file != NULL && fwrite(data, 1, len, file) == len && fclose(file) == 0,
		"a file in the temporary folder");
}

static void foreign_open(struct foreign *foreign)
{
	const char *base = getenv("TMPDIR");
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	(void)snprintf(foreign->folder, sizeof(foreign->folder), "%s/contract.XXXXXX",
		base != NULL && strlen(base) < 32 ? base : "/tmp");
	require(mkdtemp(foreign->folder) != NULL, "a temporary folder");
	(void)snprintf(foreign->cert, sizeof(foreign->cert), "%s/cert.der", foreign->folder);
	(void)snprintf(foreign->key, sizeof(foreign->key), "%s/key.der", foreign->folder);
	(void)snprintf(foreign->session, sizeof(foreign->session), "%s/session", foreign->folder);
	pki_make(&foreign->identity, &(struct pki_spec){.name = "broker"});
	pki_make(&foreign->device, &(struct pki_spec){.name = "device"});
	write_file(foreign->cert, foreign->device.der, foreign->device.der_len);
	write_file(foreign->key, foreign->device.key, foreign->device.key_len);
	foreign->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(foreign->listener >= 0 &&
			bind(foreign->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
			listen(foreign->listener, 4) == 0 &&
			getsockname(foreign->listener, (struct sockaddr *)&address, &len) == 0,
		"a free port");
	(void)snprintf(foreign->connect, sizeof(foreign->connect), "127.0.0.1:%u",
		(unsigned)ntohs(address.sin_port));
}

static void foreign_close(struct foreign *foreign)
{
	(void)close(foreign->listener);
	(void)unlink(foreign->cert);
	(void)unlink(foreign->key);
	(void)unlink(foreign->session);
	(void)rmdir(foreign->folder);
	pki_free(&foreign->identity), pki_free(&foreign->device);
}

static int staple_cb(WOLFSSL *ssl, void *ctx)
{
	struct staple *staple = ctx;
	staple->asked++;
	if (!staple->has_response) {
		return WOLFSSL_OCSP_STATUS_CB_NOACK;
	}
	/* The library frees it with its own allocator. */
	unsigned char *copy = wolfSSL_Malloc(STAPLE_BYTES);
	if (copy == NULL) {
		return WOLFSSL_OCSP_STATUS_CB_ALERT_FATAL;
	}
	memcpy(copy, staple->bytes, STAPLE_BYTES);
	return wolfSSL_set_tlsext_status_ocsp_resp(ssl, copy, STAPLE_BYTES) == WOLFSSL_SUCCESS
		       ? WOLFSSL_OCSP_STATUS_CB_OK
		       : WOLFSSL_OCSP_STATUS_CB_ALERT_FATAL;
}

/* Where the library would fetch a response itself: never. */
static int staple_io(void *ctx, const char *url, int url_len, unsigned char *request, int request_len,
	unsigned char **response)
{
	struct staple *staple = ctx;
	(void)url, (void)url_len, (void)request, (void)request_len, (void)response;
	staple->looked_up++;
	return -1;
}

static void use_staple(WOLFSSL_CTX *ctx, struct staple *staple)
{
	require(wolfSSL_CTX_set_tlsext_status_cb(ctx, staple_cb) == WOLFSSL_SUCCESS &&
			wolfSSL_CTX_set_tlsext_status_arg(ctx, staple) == WOLFSSL_SUCCESS &&
			wolfSSL_CTX_SetOCSP_Cb(ctx, staple_io, NULL, staple) == WOLFSSL_SUCCESS,
		"stapling");
}

/* Starts s_client with the options given, ending in NULL, and takes its connection. */
static void visit_open(
	struct visit *visit, struct foreign *foreign, enum sslcauth cauth, const char *const *options)
{
	const char *args[ARGS_MAX] = {"openssl", "s_client", "-connect", foreign->connect, "-cert",
		foreign->cert, "-certform", "DER", "-key", foreign->key, "-keyform", "DER"};
	size_t count = 12;
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	posix_spawn_file_actions_t actions;
	for (; *options != NULL && count + 1 < ARGS_MAX; options++) {
		args[count++] = *options;
	}
	*visit = (struct visit){.socket = -1};
	require(pipe(in) == 0 && pipe(out) == 0 && posix_spawn_file_actions_init(&actions) == 0 &&
			posix_spawn_file_actions_adddup2(&actions, in[0], 0) == 0 &&
			posix_spawn_file_actions_adddup2(&actions, out[1], 1) == 0 &&
			posix_spawn_file_actions_adddup2(&actions, out[1], 2) == 0 &&
			posix_spawn_file_actions_addclose(&actions, in[1]) == 0 &&
			posix_spawn_file_actions_addclose(&actions, out[0]) == 0,
		"pipes");
	require(posix_spawnp(&visit->client, "openssl", &actions, NULL, (char **)(uintptr_t)args, environ) ==
			0,
		"openssl s_client");
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(in[0]);
	(void)close(out[1]);
	visit->to_client = in[1];
	visit->from_client = out[0];
	struct pollfd wait = {.fd = foreign->listener, .events = POLLIN};
	require(poll(&wait, 1, DEADLINE_MS) == 1, "the client's connection");
	visit->socket = accept(foreign->listener, NULL, NULL);
	visit->ctx = recipe_server_ctx(&foreign->identity, cauth);
	require(visit->socket >= 0 && visit->ctx != NULL, "the recipe");
	wolfSSL_CTX_SetIORecv(visit->ctx, socket_recv);
	wolfSSL_CTX_SetIOSend(visit->ctx, socket_send);
	if (foreign->staple != NULL) {
		use_staple(visit->ctx, foreign->staple);
	}
	visit->ssl = wolfSSL_new(visit->ctx);
	require(visit->ssl != NULL, "a connection");
	wolfSSL_SetIOReadCtx(visit->ssl, &visit->socket);
	wolfSSL_SetIOWriteCtx(visit->ssl, &visit->socket);
	wolfSSL_SetCertCbCtx(visit->ssl, &visit->evidence);
}

static void visit_close(struct visit *visit)
{
	(void)close(visit->to_client);
	(void)close(visit->from_client);
	(void)close(visit->socket);
	(void)kill(visit->client, SIGTERM);
	(void)waitpid(visit->client, NULL, 0);
	wolfSSL_free(visit->ssl);
	wolfSSL_CTX_free(visit->ctx);
	for (int i = 0; i < visit->evidence.count; i++) {
		free(visit->evidence.der[i]);
	}
}

/* Runs accept until it ends; WOLFSSL_SUCCESS or an error of wolfSSL. */
static int visit_handshake(struct visit *visit)
{
	for (;;) {
		struct pollfd wait = {.fd = visit->socket, .events = POLLIN};
		int result = wolfSSL_accept(visit->ssl);
		if (result == WOLFSSL_SUCCESS) {
			return WOLFSSL_SUCCESS;
		}
		int error = wolfSSL_get_error(visit->ssl, result);
		if (error != WOLFSSL_ERROR_WANT_READ || poll(&wait, 1, DEADLINE_MS) != 1) {
			return error;
		}
	}
}

/* Reads until size bytes came or the connection ended; the count. *error: of the last call. */
static int visit_read(struct visit *visit, char *into, int size, int *error)
{
	int count = 0;
	while (count < size) {
		struct pollfd wait = {.fd = visit->socket, .events = POLLIN};
		int result = wolfSSL_read(visit->ssl, into + count, size - count);
		*error = result > 0 ? 0 : wolfSSL_get_error(visit->ssl, result);
		if (result > 0) {
			count += result;
		} else if (*error != WOLFSSL_ERROR_WANT_READ || poll(&wait, 1, DEADLINE_MS) != 1) {
			break;
		}
	}
	return count;
}

/* "R" makes s_client renegotiate: no second handshake takes place, no second certificate is looked at. */
static void test_renegotiation(struct foreign *foreign)
{
	const char *name = "a client that renegotiates (1.2)";
	static const char *const options[] = {"-tls1_2", NULL};
	struct visit visit;
	char octet;
	int error = 0;
	visit_open(&visit, foreign, SSLCAUTH_REQUIRED, options);
	CHECK_INT(name, visit_handshake(&visit), WOLFSSL_SUCCESS);
	unsigned long calls = visit.evidence.calls;
	CHECK(name, calls > 0);
	CHECK_INT(name, write(visit.to_client, "a\n", 2), 2);
	CHECK_INT("it could talk", visit_read(&visit, &octet, 1, &error), 1);
	CHECK_INT("it could talk", visit_read(&visit, &octet, 1, &error), 1);
	CHECK_INT(name, write(visit.to_client, "R\n", 2), 2);
	CHECK_INT("no byte of a renegotiated connection", visit_read(&visit, &octet, 1, &error), 0);
	CHECK("the client was told no and went", error != 0 && error != WOLFSSL_ERROR_WANT_READ);
	CHECK_INT("no certificate was looked at again", visit.evidence.calls, calls);
	visit_close(&visit);
}

/* OpenSSL stores what it may resume; there must be nothing of use in it. */
static void test_resumption(struct foreign *foreign, const char *version)
{
	const char *const first[] = {version, "-sess_out", foreign->session, NULL};
	const char *const second[] = {version, "-sess_in", foreign->session, NULL};
	struct visit visit;
	char octet;
	int error = 0;
	(void)unlink(foreign->session);
	visit_open(&visit, foreign, SSLCAUTH_NEVER, first);
	CHECK_INT(version, visit_handshake(&visit), WOLFSSL_SUCCESS);
	CHECK_INT(version, write(visit.to_client, "Q\n", 2), 2); /* s_client stores the session and goes */
	CHECK_INT(version, visit_read(&visit, &octet, 1, &error), 0);
	visit_close(&visit);
	if (access(foreign->session, R_OK) != 0) {
		CHECK("nothing was given to resume", true);
		return;
	}
	visit_open(&visit, foreign, SSLCAUTH_REQUIRED, second);
	CHECK_INT(version, visit_handshake(&visit), WOLFSSL_SUCCESS);
	CHECK(version, wolfSSL_session_reused(visit.ssl) == 0);
	CHECK_INT(version, visit.evidence.count, 1);
	visit_close(&visit);
}

static void test_old_version(struct foreign *foreign)
{
	const char *name = "TLS 1.1 is refused";
	static const char *const options[] = {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0", NULL};
	struct visit visit;
	visit_open(&visit, foreign, SSLCAUTH_REQUIRED, options);
	CHECK(name, visit_handshake(&visit) != WOLFSSL_SUCCESS);
	CHECK_INT(name, visit.evidence.calls, 0);
	visit_close(&visit);
}

/* Reads what the client prints until it ends, or sought (text) is there. The whole as text without blanks. */
static void visit_output(struct visit *visit, const char *sought, char *into)
{
	size_t len = 0;
	into[0] = '\0';
	for (;;) {
		struct pollfd wait = {.fd = visit->from_client, .events = POLLIN};
		char part[4096];
		if (strstr(into, sought) != NULL || poll(&wait, 1, 3000) != 1) {
			return;
		}
		ssize_t n = read(visit->from_client, part, sizeof(part));
		for (ssize_t i = 0; i < n; i++) {
			if (part[i] != ' ' && part[i] != '\n' && len + 1 < OUTPUT_MAX) {
				into[len++] = part[i];
			}
		}
		into[len] = '\0';
		if (n <= 0) {
			return;
		}
	}
}

static const struct {
	const char *name;
	const char *options[6];
	bool stapling, has_response;
	unsigned long asked;
} staple_rows[] = {
	{"1.3, a response", {"-tls1_3", "-status", "-msg", NULL}, true, true, 1},
	{"1.2, a response", {"-tls1_2", "-status", "-msg", NULL}, true, true, 1},
	{"1.3, none at hand", {"-tls1_3", "-status", "-msg", NULL}, true, false, 1},
	{"1.2, none at hand", {"-tls1_2", "-status", "-msg", NULL}, true, false, 1},
	{"1.3, not asked for", {"-tls1_3", "-msg", NULL}, true, true, 0},
	{"1.2, not asked for", {"-tls1_2", "-msg", NULL}, true, true, 0},
	{"1.3, no stapling", {"-tls1_3", "-status", "-msg", NULL}, false, true, 0},
	{"1.2, no stapling", {"-tls1_2", "-status", "-msg", NULL}, false, true, 0},
};

/*
 * The status callback's bytes arrive as they are, once, and nobody looks for others. They are no OCSP response: the
 * server does not mind, the client does.
 */
static void test_stapling(struct foreign *foreign)
{
	static char output[OUTPUT_MAX];
	for (size_t i = 0; i < sizeof(staple_rows) / sizeof(staple_rows[0]); i++) {
		const char *name = staple_rows[i].name;
		struct staple staple = {.has_response = staple_rows[i].has_response};
		bool sent = staple_rows[i].stapling && staple.has_response && staple_rows[i].asked > 0;
		char hex[33] = "", last[33] = "";
		struct visit visit;
		for (unsigned j = 0; j < STAPLE_BYTES; j++) {
			staple.bytes[j] = (unsigned char)(j * 7 + j / 256 + 1);
		}
		for (unsigned j = 0; j < 16; j++) {
			(void)snprintf(hex + 2 * (size_t)j, 3, "%02x", staple.bytes[j]);
			(void)snprintf(last + 2 * (size_t)j, 3, "%02x", staple.bytes[STAPLE_BYTES - 16 + j]);
		}
		foreign->staple = staple_rows[i].stapling ? &staple : NULL;
		visit_open(&visit, foreign, SSLCAUTH_OPTIONAL, staple_rows[i].options);
		int result = visit_handshake(&visit);
		/* The client that gets what is no response ends the handshake; all others finish it. */
		CHECK(name, sent || result == WOLFSSL_SUCCESS);
		visit_output(&visit, sent ? last : "Verifyreturncode", output);
		CHECK(name, (strstr(output, hex) != NULL) == sent);
		CHECK(name, (strstr(output, last) != NULL) == sent);
		CHECK_INT(name, staple.asked, staple_rows[i].asked);
		CHECK_INT("no look-up of the library's own", staple.looked_up, 0);
		visit_close(&visit);
	}
	foreign->staple = NULL;
}

int main(void)
{
	struct foreign foreign = {.listener = -1};
	/* NOLINTNEXTLINE(cert-env33-c): a fixed command in a test */
	if (system("openssl version >/dev/null 2>&1") != 0) {
		(void)printf("skipped: there is no openssl here\n");
		return SKIPPED;
	}
	(void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	foreign_open(&foreign);
	test_renegotiation(&foreign);
	test_resumption(&foreign, "-tls1_2");
	test_resumption(&foreign, "-tls1_3");
	test_old_version(&foreign);
	test_stapling(&foreign);
	foreign_close(&foreign);
	(void)wolfSSL_Cleanup();
	return check_result();
}
