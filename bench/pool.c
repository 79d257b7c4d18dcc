/*
 * pool.c - the clients: nonblocking sockets, epoll, wolfSSL, our own codec from the client's side.
 * Owns:    sockets, TLS sessions, the client credentials in memory.
 * Never:   shares anything between clients that a broker could profit from: no session resumption.
 */
#include "bench/pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include "base/secret.h"

#define EVENTS_MAX      256
#define PATH_BYTES      512
#define QUEUE_BYTES_MAX (1u << 20)
#define READ_BYTES      16384
#define SECRET_BYTES    80
#define BUSY_BYTES      65536
#define FAILURE_BYTES   160

/* CLOSED -> TCP -> [TLS ->] CONNACK -> READY; each but CLOSED may fall back to CLOSED. */
enum state { CLIENT_CLOSED, CLIENT_TCP, CLIENT_TLS, CLIENT_CONNACK, CLIENT_READY };

struct client {
	int fd;
	enum state state;
	uint32_t events;
	uint16_t packet_id;
	WOLFSSL *ssl;
	WOLFSSL_SESSION *session; /* to be offered; NULL: none */
	struct buf in;
	struct buf out;
	char secret[SECRET_BYTES];
};

struct pool {
	struct pool_options options;
	int epoll;
	WOLFSSL_CTX *ctx;
	struct client *clients;
	struct pool_counts counts;
	char failure[FAILURE_BYTES];
};

/* --- making --- */

static enum err read_secrets(struct pool *pool)
{
	char path[PATH_BYTES];
	char line[SECRET_BYTES + 16];
	unsigned found = 0;
	FILE *file = NULL;

	(void)snprintf(path, sizeof(path), "%s/passwords", pool->options.devices);
	file = fopen(path, "r");
	if (file == NULL) {
		return ERR_NOT_FOUND;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		char digits[6];
		char secret[SECRET_BYTES];

		if (sscanf(line, "d%5[0-9]:%79s", digits, secret) != 2) {
			continue;
		}
		unsigned long number = strtoul(digits, NULL, 10);

		if (number >= 1 && number <= pool->options.clients) {
			(void)snprintf(pool->clients[number - 1].secret, SECRET_BYTES, "%s", secret);
			found++;
		}
	}
	(void)fclose(file);
	return found == pool->options.clients ? ERR_OK : ERR_NOT_FOUND;
}

static enum err make_ctx(struct pool *pool)
{
	if (pool->options.ca_path == NULL) {
		return ERR_OK;
	}
	if (wolfSSL_Init() != WOLFSSL_SUCCESS) {
		return ERR_NOMEM;
	}
	pool->ctx = wolfSSL_CTX_new(
		pool->options.tls12 ? wolfTLSv1_2_client_method() : wolfTLSv1_3_client_method());
	if (pool->ctx == NULL) {
		return ERR_NOMEM;
	}
	/* One suite, so that both brokers do the same work. */
	if (wolfSSL_CTX_load_verify_locations(pool->ctx, pool->options.ca_path, NULL) != WOLFSSL_SUCCESS ||
		wolfSSL_CTX_set_cipher_list(pool->ctx,
			pool->options.tls12 ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "TLS13-AES128-GCM-SHA256") !=
			WOLFSSL_SUCCESS) {
		return ERR_INVALID;
	}
	return ERR_OK;
}

enum err pool_new(const struct pool_options *options, struct pool **out)
{
	struct pool *pool = NULL;
	enum err err = ERR_NOMEM;

	*out = NULL;
	if (options->clients == 0 || options->clients > POOL_CLIENTS_MAX) {
		return ERR_LIMIT;
	}
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL) {
		return ERR_NOMEM;
	}
	pool->options = *options;
	pool->epoll = epoll_create1(EPOLL_CLOEXEC);
	pool->clients = calloc(options->clients, sizeof(*pool->clients));
	if (pool->epoll < 0 || pool->clients == NULL) {
		goto out;
	}
	for (unsigned i = 0; i < options->clients; i++) {
		pool->clients[i].fd = -1;
		buf_init(&pool->clients[i].in, QUEUE_BYTES_MAX);
		buf_init(&pool->clients[i].out, QUEUE_BYTES_MAX);
	}
	err = read_secrets(pool);
	if (err == ERR_OK) {
		err = make_ctx(pool);
	}
	if (err == ERR_OK) {
		*out = pool;
		pool = NULL;
	}
out:
	pool_free(pool);
	return err;
}

static void drop(struct pool *pool, struct client *client)
{
	if (client->state == CLIENT_READY) {
		pool->counts.ready--;
	} else if (client->state != CLIENT_CLOSED) {
		pool->counts.opening--;
	}
	if (pool->options.resume && client->state == CLIENT_READY && client->ssl != NULL) {
		wolfSSL_SESSION_free(client->session);
		client->session = wolfSSL_get1_session(client->ssl);
	}
	client->state = CLIENT_CLOSED;
	wolfSSL_free(client->ssl);
	client->ssl = NULL;
	if (client->fd >= 0) {
		(void)close(client->fd); /* leaves the epoll set too */
	}
	client->fd = -1;
	buf_release(&client->in);
	buf_release(&client->out);
}

static void fail(struct pool *pool, struct client *client, const char *what, int code)
{
	static const char *const at[] = {"closed", "TCP", "TLS", "CONNACK", "ready"};

	(void)snprintf(pool->failure, sizeof(pool->failure), "d%05u, at %s: %s (%d)",
		(unsigned)(client - pool->clients) + 1, at[client->state], what, code);
	pool->counts.failed++;
	drop(pool, client);
}

void pool_free(struct pool *pool)
{
	if (pool == NULL) {
		return;
	}
	for (unsigned i = 0; pool->clients != NULL && i < pool->options.clients; i++) {
		drop(pool, &pool->clients[i]);
		wolfSSL_SESSION_free(pool->clients[i].session);
		secure_wipe(pool->clients[i].secret, SECRET_BYTES);
	}
	wolfSSL_CTX_free(pool->ctx);
	free(pool->clients);
	if (pool->epoll >= 0) {
		(void)close(pool->epoll);
	}
	free(pool);
}

struct pool_counts pool_counts(const struct pool *pool)
{
	return pool->counts;
}

bool pool_is_ready(const struct pool *pool, unsigned index)
{
	return pool->clients[index].state == CLIENT_READY;
}

const char *pool_last_failure(const struct pool *pool)
{
	return pool->failure;
}

/* --- bytes --- */

static void want(struct pool *pool, struct client *client, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u32 = (uint32_t)(client - pool->clients)};

	if (client->events != events && epoll_ctl(pool->epoll, EPOLL_CTL_MOD, client->fd, &event) == 0) {
		client->events = events;
	}
}

/* > 0: bytes, 0: would block, < 0: over. */
static int put(struct client *client, const uint8_t *data, size_t len)
{
	if (client->ssl == NULL) {
		ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL);
		return n > 0 ? (int)n : errno == EAGAIN ? 0 : -1;
	}
	int n = wolfSSL_write(client->ssl, data, (int)len);
	int code = n > 0 ? 0 : wolfSSL_get_error(client->ssl, n);
	return n > 0 ? n : code == WOLFSSL_ERROR_WANT_WRITE || code == WOLFSSL_ERROR_WANT_READ ? 0 : -1;
}

static int get(struct client *client, uint8_t *data, size_t len)
{
	if (client->ssl == NULL) {
		ssize_t n = recv(client->fd, data, len, 0);
		return n > 0 ? (int)n : n < 0 && errno == EAGAIN ? 0 : -1;
	}
	int n = wolfSSL_read(client->ssl, data, (int)len);
	int code = n > 0 ? 0 : wolfSSL_get_error(client->ssl, n);
	return n > 0 ? n : code == WOLFSSL_ERROR_WANT_READ || code == WOLFSSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void flush(struct pool *pool, struct client *client)
{
	while (client->out.len > 0) {
		int n = put(client, client->out.data, client->out.len);

		if (n < 0) {
			fail(pool, client, "the broker closed while we wrote", errno);
			return;
		}
		if (n == 0) {
			want(pool, client, EPOLLIN | EPOLLOUT);
			return;
		}
		buf_consume(&client->out, (size_t)n);
	}
	buf_release(&client->out);
	want(pool, client, EPOLLIN);
}

/* --- MQTT --- */

static struct mqtt_encode_options encoding(const struct pool *pool)
{
	return (struct mqtt_encode_options){.version = pool->options.version};
}

static void send_connect(struct pool *pool, struct client *client)
{
	const struct mqtt_encode_options options = encoding(pool);
	char name[16];
	struct mqtt_connect_view connect = {
		.version = pool->options.version,
		.clean_start = true,
		.has_user_name = true,
		.has_password = true,
		.keep_alive_s = pool->options.keep_alive_s,
	};

	(void)snprintf(name, sizeof(name), "d%05u", (unsigned)(client - pool->clients) + 1);
	connect.client_id = bytes_text(name);
	connect.user_name = bytes_text(name);
	connect.password = bytes_text(client->secret);
	client->state = CLIENT_CONNACK;
	if (mqtt_encode_connect(&options, &connect, &client->out) != ERR_OK) {
		fail(pool, client, "no memory", 0);
		return;
	}
	flush(pool, client);
}

static enum err answer(struct pool *pool, struct client *client, const struct mqtt_publish_view *publish)
{
	const struct mqtt_encode_options options = encoding(pool);
	const struct mqtt_ack_view ack = {.type = MQTT_PUBACK, .packet_id = publish->packet_id};

	pool->counts.received++;
	return publish->qos == 1 ? mqtt_encode_ack(&options, &ack, &client->out) : ERR_OK;
}

/* false: the client is gone. */
static bool take_packet(struct pool *pool, struct client *client, const struct mqtt_packet_view *view)
{
	if (client->state == CLIENT_CONNACK) {
		if (view->type != MQTT_CONNACK || view->as.connack.reason != 0) {
			fail(pool, client, "refused",
				view->type == MQTT_CONNACK ? view->as.connack.reason : -1);
			return false;
		}
		client->state = CLIENT_READY;
		pool->counts.opening--;
		pool->counts.ready++;
		return true;
	}
	switch (view->type) {
	case MQTT_PUBLISH:
		if (answer(pool, client, &view->as.publish) != ERR_OK) {
			fail(pool, client, "our queue is full", 0);
			return false;
		}
		return true;
	case MQTT_PUBACK: pool->counts.acknowledged++; return true;
	case MQTT_SUBACK: {
		uint8_t granted = view->as.suback.reasons.data[0];

		if (granted >= 0x80) {
			fail(pool, client, "subscription refused", granted);
			return false;
		}
		pool->counts.subscribed++;
		return true;
	}
	case MQTT_DISCONNECT: fail(pool, client, "DISCONNECT", view->as.disconnect.reason); return false;
	default: return true;
	}
}

static bool take_packets(struct pool *pool, struct client *client)
{
	size_t done = 0;

	for (;;) {
		struct mqtt_frame frame = {0};
		struct mqtt_packet_view view;
		struct fault fault = FAULT_NONE;
		struct bytes rest = bytes_of(client->in.data + done, client->in.len - done);
		enum err err = client->in.len == done ? ERR_AGAIN : mqtt_frame_next(rest, 0, &frame, &fault);

		if (err == ERR_AGAIN) {
			buf_consume(&client->in, done);
			if (client->in.len == 0) {
				buf_release(&client->in);
			}
			return true;
		}
		if (err == ERR_OK) {
			err = mqtt_decode(pool->options.version, MQTT_SERVER, &frame, &view, &fault);
		}
		if (err != ERR_OK) {
			fail(pool, client, fault.clause, fault.reason);
			return false;
		}
		if (!take_packet(pool, client, &view)) {
			return false;
		}
		done += frame.packet_bytes;
	}
}

static void readable(struct pool *pool, struct client *client)
{
	uint8_t data[READ_BYTES];
	int n = 0;

	while ((n = get(client, data, sizeof(data))) > 0) {
		if (buf_append(&client->in, bytes_of(data, (size_t)n)) != ERR_OK) {
			fail(pool, client, "no memory", 0);
			return;
		}
		if (!take_packets(pool, client)) {
			return;
		}
	}
	if (n < 0) {
		fail(pool, client, "the broker closed",
			client->ssl != NULL ? wolfSSL_get_error(client->ssl, n) : errno);
		return;
	}
	flush(pool, client);
}

/* --- opening --- */

static enum err start_tls(struct pool *pool, struct client *client)
{
	char path[PATH_BYTES];
	unsigned number = (unsigned)(client - pool->clients) + 1;

	client->ssl = wolfSSL_new(pool->ctx);
	if (client->ssl == NULL) {
		return ERR_NOMEM;
	}
	(void)snprintf(path, sizeof(path), "%s/d%05u.crt", pool->options.devices, number);
	if (wolfSSL_use_certificate_chain_file(client->ssl, path) != WOLFSSL_SUCCESS) {
		return ERR_NOT_FOUND;
	}
	(void)snprintf(path, sizeof(path), "%s/d%05u.key", pool->options.devices, number);
	if (wolfSSL_use_PrivateKey_file(client->ssl, path, WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS) {
		return ERR_NOT_FOUND;
	}
	if (!pool->options.tls12 &&
		wolfSSL_UseKeyShare(client->ssl, WOLFSSL_ECC_SECP256R1) != WOLFSSL_SUCCESS) {
		return ERR_UNSUPPORTED;
	}
	if (client->session != NULL && wolfSSL_set_session(client->ssl, client->session) != WOLFSSL_SUCCESS) {
		return ERR_STATE;
	}
	return wolfSSL_set_fd(client->ssl, client->fd) == WOLFSSL_SUCCESS ? ERR_OK : ERR_NOMEM;
}

static void handshake(struct pool *pool, struct client *client)
{
	int n = wolfSSL_connect(client->ssl);
	int code = n == WOLFSSL_SUCCESS ? 0 : wolfSSL_get_error(client->ssl, n);

	if (n == WOLFSSL_SUCCESS) {
		pool->counts.resumed += wolfSSL_session_reused(client->ssl) != 0 ? 1 : 0;
		send_connect(pool, client);
	} else if (code == WOLFSSL_ERROR_WANT_WRITE) {
		want(pool, client, EPOLLIN | EPOLLOUT);
	} else if (code == WOLFSSL_ERROR_WANT_READ) {
		want(pool, client, EPOLLIN);
	} else {
		fail(pool, client, "handshake", code);
	}
}

static void connected(struct pool *pool, struct client *client)
{
	int code = 0;
	socklen_t len = sizeof(code);

	if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0 || code != 0) {
		fail(pool, client, "connect", code);
		return;
	}
	if (pool->ctx == NULL) {
		send_connect(pool, client);
		return;
	}
	if (start_tls(pool, client) != ERR_OK) {
		fail(pool, client, "certificate or key", 0);
		return;
	}
	client->state = CLIENT_TLS;
	handshake(pool, client);
}

void pool_open(struct pool *pool, unsigned index)
{
	struct client *client = &pool->clients[index];
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(pool->options.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLOUT, .data.u32 = index};
	int on = 1;

	client->state = CLIENT_TCP;
	client->packet_id = 0;
	pool->counts.opening++;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0) {
		fail(pool, client, "socket", errno);
		return;
	}
	(void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	client->events = EPOLLOUT;
	if (epoll_ctl(pool->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0 ||
		(connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 &&
			errno != EINPROGRESS)) {
		fail(pool, client, "connect", errno);
	}
}

void pool_close_all(struct pool *pool)
{
	const struct mqtt_encode_options options = encoding(pool);
	const struct mqtt_disconnect_view bye = {.reason = MQTT_REASON_SUCCESS};

	for (unsigned i = 0; i < pool->options.clients; i++) {
		struct client *client = &pool->clients[i];

		if (client->state == CLIENT_READY &&
			mqtt_encode_disconnect(&options, &bye, &client->out) == ERR_OK) {
			(void)put(client, client->out.data, client->out.len);
			if (client->ssl != NULL) {
				(void)wolfSSL_shutdown(client->ssl);
			}
		}
		drop(pool, client);
	}
}

enum err pool_subscribe(struct pool *pool, unsigned index, const char *filter, uint8_t qos)
{
	struct client *client = &pool->clients[index];
	const struct mqtt_encode_options options = encoding(pool);
	const struct mqtt_subscription wanted = {.filter = bytes_text(filter), .qos = qos};
	struct mqtt_subscribe_view subscribe = {.packet_id = 1};
	struct buf raw = BUF_INIT(4096);
	struct wire_writer writer = wire_writer_init(&raw);
	enum err err = ERR_OK;

	if (client->state != CLIENT_READY) {
		return ERR_STATE;
	}
	mqtt_put_subscription(&writer, pool->options.version, &wanted);
	err = wire_writer_err(&writer);
	subscribe.raw = buf_bytes(&raw);
	if (err == ERR_OK) {
		err = mqtt_encode_subscribe(&options, &subscribe, &client->out);
	}
	buf_release(&raw);
	if (err == ERR_OK) {
		flush(pool, client);
	}
	return err;
}

enum err pool_publish(struct pool *pool, unsigned index, const char *topic, struct bytes payload, uint8_t qos)
{
	struct client *client = &pool->clients[index];
	const struct mqtt_encode_options options = encoding(pool);
	struct mqtt_publish_view publish = {.topic = bytes_text(topic), .payload = payload, .qos = qos};
	enum err err = ERR_OK;

	if (client->state != CLIENT_READY) {
		return ERR_STATE;
	}
	if (client->out.len > BUSY_BYTES) {
		return ERR_BUSY;
	}
	if (qos > 0) {
		client->packet_id = client->packet_id == UINT16_MAX ? 1 : (uint16_t)(client->packet_id + 1);
		publish.packet_id = client->packet_id;
	}
	err = mqtt_encode_publish(&options, &publish, &client->out);
	if (err == ERR_OK) {
		pool->counts.sent++;
		flush(pool, client);
	}
	return err;
}

void pool_poll(struct pool *pool, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(pool->epoll, events, EVENTS_MAX, timeout_ms);

	for (int i = 0; i < count; i++) {
		struct client *client = &pool->clients[events[i].data.u32];

		switch (client->state) {
		case CLIENT_CLOSED: break; /* closed by an earlier event of this turn */
		case CLIENT_TCP: connected(pool, client); break;
		case CLIENT_TLS: handshake(pool, client); break;
		case CLIENT_CONNACK:
		case CLIENT_READY:
			if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
				readable(pool, client);
			} else {
				flush(pool, client);
			}
			break;
		}
	}
}
