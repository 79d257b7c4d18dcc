/*
 * Goal: https is trusted by the named file alone, for the name in the URL, and never given up for http on the way.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include "base/pem.h"
#include "fetch_kit.h"
#include "tests/test.h"
#include "tests/x509/pki.h"

#define DAY 86400

/* --- a server: one connection after the other, blocking, in a thread of its own --- */

struct server {
	pthread_t thread;
	WOLFSSL_CTX *ctx;
	int listener;
	uint16_t port;
};

/* Any request is answered: /to?URL with a redirect, all else with a word. */
static void answer(WOLFSSL *ssl)
{
	char request[2048];
	char line[2400];
	int len = wolfSSL_read(ssl, request, (int)sizeof(request) - 1);

	if (len <= 0) {
		return;
	}
	request[len] = '\0';
	const char *to = strstr(request, "/to?");

	if (to != NULL) {
		(void)snprintf(line, sizeof(line),
			"HTTP/1.1 302 Found\r\nLocation: %.*s\r\nContent-Length: 0\r\n\r\n",
			(int)strcspn(to + 4, " \r\n"), to + 4);
	} else {
		(void)snprintf(line, sizeof(line), "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
	}
	(void)wolfSSL_write(ssl, line, (int)strlen(line));
	(void)wolfSSL_shutdown(ssl);
}

static void *server_main(void *arg)
{
	struct server *server = arg;

	for (;;) {
		int fd = accept(server->listener, NULL, NULL);

		if (fd < 0) {
			return NULL; /* shut down */
		}
		WOLFSSL *ssl = wolfSSL_new(server->ctx);

		if (ssl != NULL && wolfSSL_set_fd(ssl, fd) == WOLFSSL_SUCCESS &&
			wolfSSL_accept(ssl) == WOLFSSL_SUCCESS) {
			answer(ssl);
		}
		wolfSSL_free(ssl);
		(void)close(fd);
	}
}

/* --- certificates of today --- */

static struct pki make(
	const struct pki *issuer, bool ca, const char *dns, int64_t from, int64_t to, bool client_only)
{
	struct x509_make options = {.path_length = -1,
		.ca = ca,
		.not_before = (int64_t)time(NULL) + from,
		.not_after = (int64_t)time(NULL) + to,
		.server_auth = !ca && !client_only,
		.client_auth = client_only,
		.dns = &dns,
		.dns_count = dns == NULL ? 0 : 1};

	return pki_make(issuer, &options, ca ? "Root" : "Web", NULL);
}

static void serve(struct server *server, const struct pki *identity)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(any);
	struct bytes der = cert_der(identity->cert);

	server->ctx = wolfSSL_CTX_new(wolfSSLv23_server_method());
	REQUIRE("context", server->ctx != NULL);
	REQUIRE("certificate", wolfSSL_CTX_use_certificate_buffer(server->ctx, der.data, (long)der.len,
				       WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS);
	REQUIRE("key", wolfSSL_CTX_use_PrivateKey_buffer(server->ctx, identity->key.data,
			       (long)identity->key.len, WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE("bind", bind(server->listener, (struct sockaddr *)&any, sizeof(any)) == 0);
	REQUIRE("listen", listen(server->listener, 16) == 0);
	REQUIRE("port", getsockname(server->listener, (struct sockaddr *)&any, &len) == 0);
	server->port = ntohs(any.sin_port);
	REQUIRE("thread", pthread_create(&server->thread, NULL, server_main, server) == 0);
}

static void server_stop(struct server *server)
{
	(void)shutdown(server->listener, SHUT_RDWR);
	(void)pthread_join(server->thread, NULL);
	(void)close(server->listener);
	wolfSSL_CTX_free(server->ctx);
}

static void pem_of(const struct pki *pki, struct buf *out)
{
	REQUIRE("PEM", pem_encode("CERTIFICATE", cert_der(pki->cert), out) == ERR_OK);
}

/* --- */

enum { GOOD, OTHER_NAME, OVER, FOREIGN, CLIENT, SERVERS };

static const struct {
	const char *name, *url; /* %S: the port of that server, %P: of the one without TLS */
	int server;
	bool trust_root, trust_other;
	enum fetch_fault want;
} rows[] = {
	{"trusted", "https://web.test:%S/", GOOD, true, false, FETCH_OK},
	{"one CA of several", "https://web.test:%S/", GOOD, true, true, FETCH_OK},
	{"another CA is trusted", "https://web.test:%S/", GOOD, false, true, FETCH_TLS},
	{"nobody is trusted", "https://web.test:%S/", GOOD, false, false, FETCH_NO_CAFILE},
	{"another name", "https://web.test:%S/", OTHER_NAME, true, false, FETCH_TLS},
	{"the address is no name of it", "https://127.0.0.1:%S/", GOOD, true, false, FETCH_TLS},
	{"its time is over", "https://web.test:%S/", OVER, true, false, FETCH_TLS},
	{"another CA's", "https://web.test:%S/", FOREIGN, true, false, FETCH_TLS},
	{"a client's certificate", "https://web.test:%S/", CLIENT, true, false, FETCH_TLS},
	{"no TLS there", "https://web.test:%P/ok", GOOD, true, false, FETCH_TIMEOUT},
	{"TLS there", "http://web.test:%S/", GOOD, true, false, FETCH_CUT},
	{"http to https", "http://web.test:%P/r/302?https://web.test:%S/", GOOD, true, false, FETCH_OK},
	{"http to https without trust", "http://web.test:%P/r/302?https://web.test:%S/", GOOD, false, false,
		FETCH_NO_CAFILE},
	{"https to http", "https://web.test:%S/to?http://web.test:%P/ok", GOOD, true, false,
		FETCH_REDIRECT_DOWNGRADE},
	{"https to https", "https://web.test:%S/to?https://web.test:%S/", GOOD, true, false, FETCH_OK},
	{"https to loopback", "https://web.test:%S/to?https://127.0.0.2:%S/", GOOD, true, false,
		FETCH_LOOPBACK},
};

static void put_ports(char *out, size_t room, const char *format, uint16_t secure, uint16_t plain)
{
	size_t len = 0;

	for (const char *at = format; *at != '\0' && len + 8 < room; at++) {
		if (at[0] == '%') {
			len += (size_t)snprintf(out + len, room - len, "%u", at[1] == 'S' ? secure : plain);
			at++;
		} else {
			out[len++] = *at;
		}
	}
	out[len] = '\0';
}

struct scene {
	struct fkit kit;
	struct pki root, other;
	struct pki identities[SERVERS];
	struct server servers[SERVERS];
	struct buf root_pem, other_pem, both_pem;
};

static void scene_open(struct scene *scene)
{
	static const char *const entries[] = {"web.test", "127.0.0.1", NULL};
	struct fetcher_options options = {.connect_ms = 1000};

	scene->root = make(NULL, true, NULL, -DAY, 30 * DAY, false);
	scene->other = make(NULL, true, NULL, -DAY, 30 * DAY, false);
	scene->identities[GOOD] = make(&scene->root, false, "web.test", -DAY, DAY, false);
	scene->identities[OTHER_NAME] = make(&scene->root, false, "other.test", -DAY, DAY, false);
	scene->identities[OVER] = make(&scene->root, false, "web.test", -3 * DAY, -DAY, false);
	scene->identities[FOREIGN] = make(&scene->other, false, "web.test", -DAY, DAY, false);
	scene->identities[CLIENT] = make(&scene->root, false, "web.test", -DAY, DAY, true);
	buf_init(&scene->root_pem, 65536);
	buf_init(&scene->other_pem, 65536);
	buf_init(&scene->both_pem, 65536);
	pem_of(&scene->root, &scene->root_pem);
	pem_of(&scene->other, &scene->other_pem);
	pem_of(&scene->other, &scene->both_pem);
	pem_of(&scene->root, &scene->both_pem);
	fkit_open(&scene->kit, entries, &options);
	for (size_t i = 0; i < SERVERS; i++) {
		serve(&scene->servers[i], &scene->identities[i]);
	}
}

static void scene_close(struct scene *scene)
{
	fkit_close(&scene->kit);
	for (size_t i = 0; i < SERVERS; i++) {
		server_stop(&scene->servers[i]);
		pki_free(&scene->identities[i]);
	}
	pki_free(&scene->root);
	pki_free(&scene->other);
	buf_release(&scene->root_pem);
	buf_release(&scene->other_pem);
	buf_release(&scene->both_pem);
}

static void test_rows(struct scene *scene)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char url[512];
		struct seen seen;
		struct bytes trust = BYTES_NONE;

		if (rows[i].trust_root) {
			trust = buf_bytes(rows[i].trust_other ? &scene->both_pem : &scene->root_pem);
		} else if (rows[i].trust_other) {
			trust = buf_bytes(&scene->other_pem);
		}
		put_ports(url, sizeof(url), rows[i].url, scene->servers[rows[i].server].port,
			web_port(scene->kit.web));
		struct fetch_request request = {.url = url};

		CHECK(rows[i].name, fetcher_set_trust(scene->kit.fetcher, trust) == ERR_OK);
		(void)fkit_get(&scene->kit, &request, &seen);
		if (seen.error.fault != rows[i].want) {
			(void)printf("%s: %s: %s\n", rows[i].name, fetch_fault_name(seen.error.fault),
				seen.error.sentence);
		}
		CHECK(rows[i].name, seen.error.fault == rows[i].want);
		CHECK(rows[i].name, rows[i].want != FETCH_OK || strcmp(seen.body, "secret") == 0);
	}
}

static void test_files(struct scene *scene)
{
	struct fetcher *fetcher = scene->kit.fetcher;
	struct buf huge = BUF_INIT(FETCH_CA_BYTES_MAX + 1);
	struct seen seen;
	char url[128];

	REQUIRE("room", buf_reserve(&huge, FETCH_CA_BYTES_MAX + 1) == ERR_OK);
	memset(huge.data, '\n', FETCH_CA_BYTES_MAX + 1);
	CHECK("a trust file of max + 1",
		fetcher_set_trust(fetcher, bytes_of(huge.data, FETCH_CA_BYTES_MAX + 1)) == ERR_LIMIT);
	CHECK("a trust file of max",
		fetcher_set_trust(fetcher, bytes_of(huge.data, FETCH_CA_BYTES_MAX)) == ERR_OK);
	put_ports(url, sizeof(url), "https://web.test:%S/", scene->servers[GOOD].port, 0);
	struct fetch_request request = {.url = url};

	CHECK("a trust file with nothing in it", fkit_get(&scene->kit, &request, &seen) == ERR_OK);
	CHECK("a trust file with nothing in it", seen.error.fault == FETCH_TLS);
	buf_release(&huge);
}

int main(void)
{
	struct scene scene = {0};

	pki_init();
	/* Neither of these is asked: what the system trusts does not count. */
	(void)setenv("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt", 1);
	(void)setenv("CURL_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt", 1);
	names_set("web.test", "127.0.0.1");
	scene_open(&scene);
	test_rows(&scene);
	test_files(&scene);
	scene_close(&scene);
	return test_result();
}
