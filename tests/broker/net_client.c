/*
 * net_client.c - certificates and blocking clients of the kit: see net_kit.h.
 * Owns:    the client's socket and TLS objects.
 * Never:   judges the server's certificate, but where a test wants just that.
 * Threads: the main thread.
 */
#include <wolfssl/options.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/contract/pair.h"

#include "net_kit.h"

/* --- certificates: made by the contract tests' own maker --- */

struct kit_cert {
	struct pki_cert pki;
};

struct kit_cert *kit_cert_new(const struct kit_cert_options *options)
{
	struct kit_cert *cert = calloc(1, sizeof(*cert));
	require(cert != NULL, "memory");
	pki_make(&cert->pki, &(struct pki_spec){.name = options->name,
				     .issuer = options->issuer != NULL ? &options->issuer->pki : NULL,
				     .kind = options->is_rsa ? PKI_RSA : PKI_ECC,
				     .is_ca = options->is_ca,
				     .is_version_1 = options->is_version_1,
				     .padding = options->padding});
	return cert;
}

struct bytes kit_cert_der(const struct kit_cert *cert)
{
	return bytes_of(cert->pki.der, cert->pki.der_len);
}

struct bytes kit_cert_key(const struct kit_cert *cert)
{
	return bytes_of(cert->pki.key, cert->pki.key_len);
}

void kit_cert_free(struct kit_cert *cert)
{
	if (cert != NULL) {
		pki_free(&cert->pki);
		free(cert);
	}
}

/* --- sockets --- */

bool kit_connect_to(struct kit_client *client, const char *address, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const struct sockaddr *to = (const struct sockaddr *)&in;
	socklen_t len = sizeof(in);
	*client = (struct kit_client){.fd = -1, .alert = -1};
	if (inet_pton(AF_INET, address, &in.sin_addr) != 1) {
		if (inet_pton(AF_INET6, address, &in6.sin6_addr) != 1) {
			return false;
		}
		to = (const struct sockaddr *)&in6;
		len = sizeof(in6);
	}
	client->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || connect(client->fd, to, len) != 0) {
		kit_hang_up(client);
		return false;
	}
	int on = 1;
	(void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	kit_limit_ms(client, KIT_WAIT_MS);
	return true;
}

bool kit_connect(struct kit_client *client, uint16_t port)
{
	return kit_connect_to(client, "127.0.0.1", port);
}

void kit_limit_ms(struct kit_client *client, unsigned ms)
{
	struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
	(void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static void free_tls(struct kit_client *client)
{
	wolfSSL_free(client->ssl);
	wolfSSL_CTX_free(client->ctx);
	client->ssl = NULL;
	client->ctx = NULL;
}

void kit_hang_up(struct kit_client *client)
{
	free_tls(client);
	if (client->fd >= 0) {
		(void)close(client->fd);
	}
	client->fd = -1;
}

void kit_cut(struct kit_client *client)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	(void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	kit_hang_up(client);
}

void kit_goodbye(struct kit_client *client)
{
	if (client->ssl != NULL) {
		(void)wolfSSL_shutdown(client->ssl);
	}
	kit_hang_up(client);
}

/* --- TLS --- */

static WOLFSSL_METHOD *method_of(int version)
{
	return version == 12   ? wolfTLSv1_2_client_method()
	       : version == 13 ? wolfTLSv1_3_client_method()
			       : wolfSSLv23_client_method();
}

static void use_cert(WOLFSSL_CTX *ctx, const struct kit_client_options *options)
{
	struct buf all = BUF_INIT(1u << 20);
	bool good = buf_append(&all, kit_cert_der(options->cert)) == ERR_OK;
	if (good && options->issuing != NULL) {
		good = buf_append(&all, kit_cert_der(options->issuing)) == ERR_OK;
	}
	struct bytes key = kit_cert_key(options->foreign_key != NULL ? options->foreign_key : options->cert);
	require(good && wolfSSL_CTX_use_certificate_chain_buffer_format(
				ctx, all.data, (long)all.len, WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS,
		"the client's chain");
	require(wolfSSL_CTX_use_PrivateKey_buffer(ctx, key.data, (long)key.len, WOLFSSL_FILETYPE_ASN1) ==
			WOLFSSL_SUCCESS,
		"the client's key");
	buf_release(&all);
}

static void note_alert(struct kit_client *client)
{
	WOLFSSL_ALERT_HISTORY history;
	if (wolfSSL_get_alert_history(client->ssl, &history) == WOLFSSL_SUCCESS) {
		client->alert = history.last_rx.code;
	}
}

/* Sends one byte at a time and, at bytes_max, no more for ever. */
static int send_slowly(WOLFSSL *ssl, char *from, int len, void *ctx)
{
	struct kit_client *client = ctx;
	(void)ssl;
	size_t want = client->byte_by_byte ? 1 : (size_t)len;
	if (client->bytes_max != 0) {
		size_t left = client->bytes_max - client->sent;
		want = want < left ? want : left;
	}
	long n = want > 0 ? send(client->fd, from, want, MSG_NOSIGNAL) : 0;
	if (n <= 0) {
		return WOLFSSL_CBIO_ERR_CONN_CLOSE;
	}
	client->sent += (size_t)n;
	return (int)n;
}

/* The first record as many small ones (RFC 8446 5.1 allows it): what is signed is the message, not its records. */
static int send_in_parts(WOLFSSL *ssl, char *from, int len, void *ctx)
{
	struct kit_client *client = ctx;
	(void)ssl;
	bool good = true;
	for (int pos = 5; client->hello_part != 0 && good && pos < len; pos += (int)client->hello_part) {
		int part = len - pos < (int)client->hello_part ? len - pos : (int)client->hello_part;
		uint8_t head[] = {22, 3, 1, (uint8_t)(part >> 8), (uint8_t)part};
		good = send(client->fd, head, sizeof(head), MSG_NOSIGNAL | MSG_MORE) == (long)sizeof(head) &&
		       send(client->fd, from + pos, (size_t)part, MSG_NOSIGNAL) == part;
	}
	if (client->hello_part == 0) {
		good = send(client->fd, from, (size_t)len, MSG_NOSIGNAL) == len;
	}
	client->hello_part = 0;
	return good ? len : WOLFSSL_CBIO_ERR_CONN_CLOSE;
}

struct captured {
	uint8_t *into;
	size_t room, len;
};

static int capture(WOLFSSL *ssl, char *from, int len, void *ctx)
{
	struct captured *captured = ctx;
	(void)ssl;
	require(len >= 0 && (size_t)len <= captured->room - captured->len, "room for a hello");
	memcpy(captured->into + captured->len, from, (size_t)len);
	captured->len += (size_t)len;
	return len;
}

static int say_nothing(WOLFSSL *ssl, char *into, int room, void *ctx)
{
	(void)ssl, (void)into, (void)room, (void)ctx;
	return WOLFSSL_CBIO_ERR_WANT_READ;
}

size_t kit_hello(int version, uint8_t *into, size_t room)
{
	struct captured captured = {into, room, 0};
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method_of(version));
	WOLFSSL *ssl = ctx != NULL ? wolfSSL_new(ctx) : NULL;
	require(ssl != NULL, "a client");
	wolfSSL_SSLSetIOSend(ssl, capture);
	wolfSSL_SSLSetIORecv(ssl, say_nothing);
	wolfSSL_SetIOWriteCtx(ssl, &captured);
	(void)wolfSSL_connect(ssl);
	wolfSSL_free(ssl);
	wolfSSL_CTX_free(ctx);
	return captured.len;
}

bool kit_tls(struct kit_client *client, const struct kit_client_options *options)
{
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method_of(options->version));
	require(ctx != NULL, "a client context");
	client->ctx = ctx;
	wolfSSL_CTX_set_verify(ctx, options->trust_nobody ? WOLFSSL_VERIFY_PEER : WOLFSSL_VERIFY_NONE, NULL);
	if (options->suites != NULL) {
		require(wolfSSL_CTX_set_cipher_list(ctx, options->suites) == WOLFSSL_SUCCESS, "suites");
	}
	if (options->group != 0) {
		int group = options->group;
		require(wolfSSL_CTX_set_groups(ctx, &group, 1) == WOLFSSL_SUCCESS, "a group");
	}
	if (options->cert != NULL) {
		use_cert(ctx, options);
	}
	client->ssl = wolfSSL_new(ctx);
	require(client->ssl != NULL, "a client");
	if (options->alpn != NULL) {
		char alpn[32] = "";
		memcpy(alpn, options->alpn, strlen(options->alpn));
		require(wolfSSL_UseALPN(client->ssl, alpn, (unsigned)strlen(alpn),
				WOLFSSL_ALPN_CONTINUE_ON_MISMATCH) == WOLFSSL_SUCCESS,
			"ALPN");
	}
	if (options->session != NULL) {
		/* Refused by the library where there is nothing in it to resume by. */
		(void)wolfSSL_set_session(client->ssl, options->session);
	}
	if (options->no_key_share) {
		require(wolfSSL_NoKeyShares(client->ssl) == WOLFSSL_SUCCESS, "no key share");
	}
	require(wolfSSL_set_fd(client->ssl, client->fd) == WOLFSSL_SUCCESS, "a socket");
	client->byte_by_byte = options->byte_by_byte;
	client->bytes_max = options->bytes_max;
	client->hello_part = options->hello_part;
	if (options->hello_part != 0) {
		wolfSSL_SSLSetIOSend(client->ssl, send_in_parts);
		wolfSSL_SetIOWriteCtx(client->ssl, client);
	}
	if (options->byte_by_byte || options->bytes_max != 0) {
		wolfSSL_SSLSetIOSend(client->ssl, send_slowly);
		wolfSSL_SetIOWriteCtx(client->ssl, client);
	}
	bool good = wolfSSL_connect(client->ssl) == WOLFSSL_SUCCESS;
	note_alert(client);
	return good;
}

void *kit_session(struct kit_client *client)
{
	return wolfSSL_get1_session(client->ssl);
}

void kit_session_free(void *session)
{
	wolfSSL_SESSION_free(session);
}

bool kit_reused(struct kit_client *client)
{
	return wolfSSL_session_reused(client->ssl) != 0;
}

bool kit_send(struct kit_client *client, struct bytes in)
{
	size_t done = 0;
	while (done < in.len) {
		long n = client->ssl != NULL
				 ? wolfSSL_write(client->ssl, in.data + done, (int)(in.len - done))
				 : send(client->fd, in.data + done, in.len - done, MSG_NOSIGNAL);
		if (n <= 0) {
			return false;
		}
		done += (size_t)n;
	}
	return true;
}

bool kit_rekey(struct kit_client *client)
{
	return wolfSSL_update_keys(client->ssl) == WOLFSSL_SUCCESS;
}

static enum kit_end end_of_errno(long n)
{
	if (n == 0) {
		return KIT_FIN;
	}
	return errno == EAGAIN ? KIT_SILENT : errno == ECONNRESET || errno == EPIPE ? KIT_RESET : KIT_ERROR;
}

static enum kit_end end_of_tls(struct kit_client *client, int result)
{
	int error = wolfSSL_get_error(client->ssl, result);
	int number = errno;
	note_alert(client);
	switch (error) {
	case WOLFSSL_ERROR_ZERO_RETURN: return KIT_CLOSE_NOTIFY;
	case WOLFSSL_ERROR_WANT_READ: return KIT_SILENT;
	case WC_NO_ERR_TRACE(FATAL_ERROR): return KIT_ALERT;
	case WC_NO_ERR_TRACE(SOCKET_PEER_CLOSED_E): return KIT_FIN;
	default: return number == ECONNRESET || number == EPIPE ? KIT_RESET : KIT_ERROR;
	}
}

size_t kit_recv(struct kit_client *client, void *into, size_t room, enum kit_end *end)
{
	long n = 0;
	errno = 0;
	*end = KIT_OPEN;
	if (client->ssl != NULL) {
		n = wolfSSL_read(client->ssl, into, (int)room);
		if (n <= 0) {
			*end = end_of_tls(client, (int)n);
		}
	} else {
		n = recv(client->fd, into, room, 0);
		if (n <= 0) {
			*end = end_of_errno(n);
		}
	}
	return n > 0 ? (size_t)n : 0;
}

bool kit_recv_exactly(struct kit_client *client, void *into, size_t n)
{
	size_t done = 0;
	enum kit_end end = KIT_OPEN;
	while (done < n && end == KIT_OPEN) {
		done += kit_recv(client, (uint8_t *)into + done, n - done, &end);
	}
	return done == n;
}

enum kit_end kit_drain(struct kit_client *client)
{
	uint8_t into[4096];
	enum kit_end end = KIT_OPEN;
	while (end == KIT_OPEN) {
		(void)kit_recv(client, into, sizeof(into), &end);
	}
	return end;
}
