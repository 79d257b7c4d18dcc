/*
 * responder.c - a small HTTP server for tests: files of a folder, and an OCSP responder of our own making.
 * Owns:    its sockets, the CA's key.
 * Never:   serves two requests of one connection; decides anything by itself: files say what to answer.
 * Threads: one; connections that are to hang are left open.
 *
 * responder FOLDER CA-PREFIX PORTFILE
 *   GET /NAME      the file FOLDER/NAME
 *   POST /ocsp…    an answer about the serial: FOLDER/status/SERIAL (hex), else FOLDER/status/default, else good. Its first
 *                  word is good, revoked, unknown, later (tryLater), forged (signed by another key), stale, brief (good
 *                  for three seconds), or unchecked (good, signed by a delegate without id-pkix-ocsp-nocheck)
 *   FOLDER/hang    nothing is answered while it is there; what waited is answered when it is gone
 *   FOLDER/down    connections are cut while it is there
 * Each request is a line in FOLDER/requests.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "base/secret.h"
#include "x509/x509.h"

#define PEERS_MAX   256
#define FILE_MAX    (8u * 1024u * 1024u)
#define REQUEST_MAX 65536u

struct peer {
	int fd; /* -1: free */
	size_t len;
	char in[REQUEST_MAX];
};

struct server {
	const char *folder;
	int listening;
	struct cert_list ca;
	struct secret key, other_key;
	struct cert *delegate; /* of other_key */
	struct peer *peers;
};

static const char *path_of(const struct server *server, const char *name)
{
	static char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", server->folder, name);
	return path;
}

static bool is_there(const struct server *server, const char *name)
{
	return access(path_of(server, name), F_OK) == 0;
}

static void note(const struct server *server, const char *line)
{
	FILE *out = fopen(path_of(server, "requests"), "a");

	if (out != NULL) {
		(void)fprintf(out, "%s\n", line);
		(void)fclose(out);
	}
}

static void finish(struct peer *peer)
{
	(void)close(peer->fd);
	peer->fd = -1;
	peer->len = 0;
}

static void send_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n <= 0) {
			return;
		}
		at += n;
		len -= (size_t)n;
	}
}

static void reply(struct peer *peer, int status, const char *type, struct bytes body)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
		"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		status, type, body.len);

	send_all(peer->fd, head, (size_t)n);
	send_all(peer->fd, body.data, body.len);
	finish(peer);
}

/* --- OCSP --- */

static void status_word(const struct server *server, const char *serial, char out[32])
{
	char name[128];
	struct buf text = BUF_INIT(64);
	const char *chars = "";

	(void)snprintf(name, sizeof(name), "status/%s", serial);
	if (file_read(path_of(server, name), 64, &text) != ERR_OK &&
		file_read(path_of(server, "status/default"), 64, &text) != ERR_OK) {
		text.len = 0;
	}
	(void)snprintf(out, 32, "%s", text.len > 0 && buf_text(&text, &chars) == ERR_OK ? chars : "good");
	out[strcspn(out, " \n")] = '\0';
	buf_release(&text);
}

static void answer_ocsp(const struct server *server, struct peer *peer, struct bytes body)
{
	struct ocsp_request_view view;
	struct buf der = BUF_INIT(65536);
	char serial[3 * 20 + 1] = "";
	char word[32];
	char line[160];
	int64_t now = (int64_t)time(NULL);

	if (ocsp_request_read(body, &view) != ERR_OK || view.count != 1 || view.serials[0].len > 20) {
		reply(peer, 400, "text/plain", bytes_text("no request"));
		return;
	}
	for (size_t i = 0; i < view.serials[0].len; i++) {
		(void)snprintf(serial + 2 * i, 3, "%02x", view.serials[0].data[i]);
	}
	status_word(server, serial, word);
	(void)snprintf(line, sizeof(line), "POST %s %s", serial, word);
	note(server, line);
	struct x509_make_ocsp_single single = {
		.cert = server->ca.items[0],
		.issuer = server->ca.items[0],
		.serial = view.serials[0],
		.hash = HASH_SHA1,
		.status = strcmp(word, "revoked") == 0   ? OCSP_SAYS_REVOKED
			  : strcmp(word, "unknown") == 0 ? OCSP_SAYS_UNKNOWN
							 : OCSP_SAYS_GOOD,
		.revoked_at = now - 60,
		.reason = 1,
		.this_update = strcmp(word, "stale") == 0 ? now - 7200 : now,
		.next_update = strcmp(word, "stale") == 0   ? now - 3600
			       : strcmp(word, "brief") == 0 ? now + 3
							    : now + 3600,
	};
	bool unchecked = strcmp(word, "unchecked") == 0;
	const struct cert *sent = server->delegate;
	struct x509_make_ocsp make = {
		.status = strcmp(word, "later") == 0 ? OCSP_STATUS_TRY_LATER : OCSP_STATUS_SUCCESSFUL,
		.singles = &single,
		.single_count = 1,
		.produced_at = single.this_update,
		.signer = unchecked ? sent : server->ca.items[0],
		.signer_key_pkcs8 = secret_bytes(
			unchecked || strcmp(word, "forged") == 0 ? &server->other_key : &server->key),
		.certs = &sent,
		.cert_count = unchecked ? 1 : 0,
	};

	if (x509_make_ocsp(&make, &der) != ERR_OK) {
		reply(peer, 500, "text/plain", bytes_text("cannot"));
	} else {
		reply(peer, 200, "application/ocsp-response", buf_bytes(&der));
	}
	buf_release(&der);
}

/* --- HTTP --- */

static void answer_file(const struct server *server, struct peer *peer, const char *name)
{
	struct buf content = BUF_INIT(FILE_MAX);
	char line[600];

	(void)snprintf(line, sizeof(line), "GET %.500s", name);
	note(server, line);
	if (strstr(name, "..") == NULL && file_read(path_of(server, name), FILE_MAX, &content) == ERR_OK) {
		reply(peer, 200, "application/pkix-crl", buf_bytes(&content));
	} else {
		reply(peer, 404, "text/plain", bytes_text("none"));
	}
	buf_release(&content);
}

/* False: the request is not all there. */
static bool answer(const struct server *server, struct peer *peer)
{
	char name[512] = "";
	char *end;

	peer->in[peer->len] = '\0';
	end = strstr(peer->in, "\r\n\r\n");
	if (end == NULL) {
		return false;
	}
	size_t head = (size_t)(end + 4 - peer->in);

	if (strncmp(peer->in, "GET /", 5) == 0) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(peer->in + 5, " ?\r"), peer->in + 5);
		answer_file(server, peer, name);
		return true;
	}
	const char *length = strcasestr(peer->in, "content-length:");
	size_t body = length == NULL ? 0 : (size_t)strtoul(length + 15, NULL, 10);

	if (peer->len < head + body) {
		return false;
	}
	answer_ocsp(server, peer, bytes_of(peer->in + head, body));
	return true;
}

static void on_input(const struct server *server, struct peer *peer)
{
	ssize_t n = recv(peer->fd, peer->in + peer->len, sizeof(peer->in) - 1 - peer->len, 0);

	if (n <= 0) {
		finish(peer);
		return;
	}
	peer->len += (size_t)n;
	if (is_there(server, "down")) {
		finish(peer);
	} else if (is_there(server, "hang")) {
		if (strstr(peer->in, "HELD") == NULL) {
			note(server, "HELD");
		}
	} else {
		(void)answer(server, peer);
	}
}

static void take_peer(const struct server *server)
{
	int fd = accept(server->listening, NULL, NULL);

	for (size_t i = 0; fd >= 0 && i < PEERS_MAX; i++) {
		if (server->peers[i].fd < 0) {
			server->peers[i].fd = fd;
			server->peers[i].len = 0;
			return;
		}
	}
	if (fd >= 0) {
		(void)close(fd);
	}
}

static void serve(const struct server *server)
{
	struct pollfd polls[PEERS_MAX + 1];

	for (;;) {
		polls[0] = (struct pollfd){.fd = server->listening, .events = POLLIN};
		for (size_t i = 0; i < PEERS_MAX; i++) {
			polls[i + 1] = (struct pollfd){.fd = server->peers[i].fd, .events = POLLIN};
		}
		if (poll(polls, PEERS_MAX + 1, 50) < 0 && errno != EINTR) {
			return;
		}
		if (getppid() == 1) {
			return; /* the test is gone */
		}
		if (polls[0].revents != 0) {
			take_peer(server);
		}
		for (size_t i = 0; i < PEERS_MAX; i++) {
			if (polls[i + 1].fd >= 0 && polls[i + 1].revents != 0) {
				on_input(server, &server->peers[i]);
			} else if (server->peers[i].fd >= 0 && server->peers[i].len > 0 &&
				   !is_there(server, "hang")) {
				(void)answer(server, &server->peers[i]);
			}
		}
	}
}

static bool read_key(const char *path, struct secret *key)
{
	struct secret text = SECRET_NONE;
	struct buf der = BUF_INIT(FILE_MAX);
	struct bytes label;
	enum err err = file_read_secret(path, FILE_MAX, &text);

	if (err == ERR_OK) {
		struct bytes rest = secret_bytes(&text);

		err = pem_next(&rest, &label, &der);
	}
	if (err == ERR_OK) {
		err = secret_copy(buf_bytes(&der), key);
	}
	buf_release(&der);
	secret_free(&text);
	return err == ERR_OK;
}

/* A responder's certificate for other_key: id-kp-OCSPSigning alone. */
static bool make_delegate(struct server *server)
{
	static const uint8_t ocsp_signing[] = {
		0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09};
	const struct x509_make_attribute subject = {"CN", "Responder"};
	const struct x509_make_extension usage = {
		"2.5.29.37", false, bytes_of(ocsp_signing, sizeof(ocsp_signing))};
	struct x509_make make = {.subject = &subject,
		.subject_count = 1,
		.not_before = (int64_t)time(NULL) - 3600,
		.not_after = (int64_t)time(NULL) + 3600,
		.path_length = -1,
		.extensions = &usage,
		.extension_count = 1};
	struct buf spki = BUF_INIT(4096);
	enum key_kind kind;
	struct buf der = BUF_INIT(65536);
	bool good = key_public(secret_bytes(&server->other_key), &kind, &spki) == ERR_OK &&
		    x509_make_cert(&make, buf_bytes(&spki), server->ca.items[0], secret_bytes(&server->key),
			    &der) == ERR_OK &&
		    cert_parse(buf_bytes(&der), &server->delegate, NULL) == ERR_OK;

	buf_release(&spki);
	buf_release(&der);
	return good;
}

static bool listen_somewhere(struct server *server, const char *port_file)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	char text[16];

	server->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listening < 0 ||
		bind(server->listening, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(server->listening, 256) != 0 ||
		getsockname(server->listening, (struct sockaddr *)&address, &len) != 0) {
		return false;
	}
	(void)snprintf(text, sizeof(text), "%u\n", (unsigned)ntohs(address.sin_port));
	return file_write_atomic(port_file, bytes_text(text), 0600) == ERR_OK;
}

int main(int argc, char **argv)
{
	struct server server = {.folder = argc == 4 ? argv[1] : ""};
	struct buf content = BUF_INIT(FILE_MAX);
	char path[4096];

	if (argc != 4 || crypto_init() != ERR_OK) {
		return 2;
	}
	server.peers = calloc(PEERS_MAX, sizeof(*server.peers));
	for (size_t i = 0; server.peers != NULL && i < PEERS_MAX; i++) {
		server.peers[i].fd = -1;
	}
	(void)snprintf(path, sizeof(path), "%s.crt", argv[2]);
	bool good = server.peers != NULL && file_read(path, FILE_MAX, &content) == ERR_OK &&
		    cert_list_load(buf_bytes(&content), &server.ca, NULL) == ERR_OK;
	(void)snprintf(path, sizeof(path), "%s.key", argv[2]);
	good = good && read_key(path, &server.key) &&
	       key_generate(KEY_EC_P256, 0, &server.other_key) == ERR_OK && make_delegate(&server) &&
	       listen_somewhere(&server, argv[3]);
	buf_release(&content);
	if (good) {
		serve(&server);
	}
	free(server.peers);
	secret_free(&server.key);
	secret_free(&server.other_key);
	cert_unref(server.delegate);
	cert_list_release(&server.ca);
	return good ? 0 : 1;
}
