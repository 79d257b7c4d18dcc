/*
 * raw.c - see raw.h.
 * Owns:    sockets and TLS objects of its clients.
 * Never:   judges the server's certificate.
 * Threads: one per client.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "tests/e2e/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RAW_IN_BYTES_MAX (8u << 20)

bool raw_open(struct raw *raw, unsigned port)
{
	return raw_open_from(raw, "127.0.0.1", port);
}

bool raw_open_from(struct raw *raw, const char *address, unsigned port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in from = {.sin_family = AF_INET};
	int on = 1;

	*raw = (struct raw){.fd = -1, .version = MQTT_3_1_1, .in = BUF_INIT(RAW_IN_BYTES_MAX)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	raw->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(raw->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (raw->fd < 0 || inet_pton(AF_INET, address, &from.sin_addr) != 1 ||
		bind(raw->fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
		connect(raw->fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		raw_close(raw);
		return false;
	}
	(void)setsockopt(raw->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return true;
}

static bool tls_begin(struct raw *raw, const struct raw_identity *identity)
{
	raw->tls_context = wolfSSL_CTX_new(
		raw->tls_method == 12 ? wolfTLSv1_2_client_method() : wolfTLSv1_3_client_method());
	REQUIRE("a client context", raw->tls_context != NULL);
	wolfSSL_CTX_set_verify(raw->tls_context, WOLFSSL_VERIFY_NONE, NULL);
	if (identity != NULL && identity->cert != NULL) {
		REQUIRE(identity->cert, wolfSSL_CTX_use_certificate_chain_file(
						raw->tls_context, identity->cert) == WOLFSSL_SUCCESS);
		REQUIRE(identity->key, wolfSSL_CTX_use_PrivateKey_file(raw->tls_context, identity->key,
					       WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS);
	}
	raw->tls = wolfSSL_new(raw->tls_context);
	REQUIRE("a client", raw->tls != NULL);
	return wolfSSL_set_fd(raw->tls, raw->fd) == WOLFSSL_SUCCESS;
}

bool raw_tls(struct raw *raw, const struct raw_identity *identity)
{
	return tls_begin(raw, identity) && wolfSSL_connect(raw->tls) == WOLFSSL_SUCCESS;
}

/* --- resumption --- */

static int count_ticket(WOLFSSL *ssl, const unsigned char *ticket, int len, void *ctx)
{
	struct raw *raw = ctx;

	(void)ssl;
	(void)ticket;
	raw->ticket_bytes = (size_t)len;
	raw->tickets++;
	return 0;
}

bool raw_tls_again(
	struct raw *raw, const struct raw_identity *identity, void *session, const struct raw_again *how)
{
	uint8_t ticket[RAW_TICKET_BYTES_MAX];
	word32 len = sizeof(ticket);

	raw->tls_method = how->version_12 ? 12 : 13;
	if (!tls_begin(raw, identity)) {
		return false;
	}
	REQUIRE("count tickets",
		wolfSSL_set_SessionTicket_cb(raw->tls, count_ticket, raw) == WOLFSSL_SUCCESS);
	if (how->want_ticket_12) {
		REQUIRE("ticket of 1.2", wolfSSL_UseSessionTicket(raw->tls) == WOLFSSL_SUCCESS);
	}
	if (session != NULL) {
		REQUIRE("a session to offer", wolfSSL_set_session(raw->tls, session) == WOLFSSL_SUCCESS);
	}
	if (how->flip_bit_of != 0) {
		REQUIRE("its ticket", wolfSSL_get_SessionTicket(raw->tls, ticket, &len) == WOLFSSL_SUCCESS &&
					      how->flip_bit_of <= len);
		ticket[how->flip_bit_of - 1] ^= 1;
		REQUIRE("altered", wolfSSL_set_SessionTicket(raw->tls, ticket, len) == WOLFSSL_SUCCESS);
	}
	if (how->psk_ke_only) {
		REQUIRE("psk_ke", wolfSSL_no_dhe_psk(raw->tls) == 0);
	}
	return wolfSSL_connect(raw->tls) == WOLFSSL_SUCCESS;
}

bool raw_resumed(struct raw *raw)
{
	return wolfSSL_session_reused(raw->tls) != 0;
}

void *raw_session(struct raw *raw)
{
	return wolfSSL_get1_session(raw->tls);
}

void raw_session_free(void *session)
{
	wolfSSL_SESSION_free(session);
}

static int receive_nothing(WOLFSSL *ssl, char *into, int room, void *ctx)
{
	(void)ssl;
	(void)into;
	(void)room;
	(void)ctx;
	return WOLFSSL_CBIO_ERR_WANT_READ;
}

bool raw_tls_hello(struct raw *raw)
{
	if (!tls_begin(raw, NULL)) {
		return false;
	}
	wolfSSL_SSLSetIORecv(raw->tls, receive_nothing);
	int result = wolfSSL_connect(raw->tls);

	return result != WOLFSSL_SUCCESS && wolfSSL_get_error(raw->tls, result) == WOLFSSL_ERROR_WANT_READ;
}

void raw_close(struct raw *raw)
{
	wolfSSL_free(raw->tls);
	wolfSSL_CTX_free(raw->tls_context);
	raw->tls = NULL;
	raw->tls_context = NULL;
	if (raw->fd >= 0) {
		(void)close(raw->fd);
	}
	raw->fd = -1;
	buf_release(&raw->in);
}

void raw_cut(struct raw *raw)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	raw_close(raw);
}

bool raw_send(struct raw *raw, struct bytes in)
{
	while (in.len > 0) {
		long n = raw->tls != NULL ? wolfSSL_write(raw->tls, in.data, (int)in.len)
					  : send(raw->fd, in.data, in.len, MSG_NOSIGNAL);

		if (n <= 0) {
			return false;
		}
		in = bytes_of(in.data + n, in.len - (size_t)n);
	}
	return true;
}

bool raw_send_hex(struct raw *raw, const char *hex)
{
	struct test_bytes in = test_hex(hex);

	return raw_send(raw, test_bytes_view(&in));
}

static enum raw_got read_end(const struct raw *raw, long n)
{
	int number = errno;

	if (raw->tls != NULL) {
		int error = wolfSSL_get_error(raw->tls, (int)n);

		if (error == WOLFSSL_ERROR_ZERO_RETURN || n == 0) {
			return RAW_CLOSED;
		}
		return number == ECONNRESET ? RAW_RESET : RAW_CLOSED;
	}
	return n == 0 ? RAW_CLOSED : RAW_RESET;
}

/* More bytes into raw->in: RAW_PACKET means that some came. */
static enum raw_got read_some(struct raw *raw, long deadline)
{
	bool buffered = raw->tls != NULL && wolfSSL_pending(raw->tls) > 0;
	long left = deadline - e2e_now_ms();
	struct pollfd wait = {.fd = raw->fd, .events = POLLIN};

	if (!buffered && poll(&wait, 1, left < 0 ? 0 : (int)left) <= 0) {
		return RAW_SILENT;
	}
	REQUIRE("memory", buf_reserve(&raw->in, 16384) == ERR_OK);
	errno = 0;
	if (raw->tls != NULL) {
		/* What can be read may be a session ticket and nothing for us. */
		wolfSSL_SetIOReadFlags(raw->tls, MSG_DONTWAIT);
	}
	long n = raw->tls != NULL ? wolfSSL_read(raw->tls, raw->in.data + raw->in.len, 16384)
				  : recv(raw->fd, raw->in.data + raw->in.len, 16384, 0);

	if (n <= 0 && raw->tls != NULL && wolfSSL_get_error(raw->tls, (int)n) == WOLFSSL_ERROR_WANT_READ) {
		return read_some(raw, deadline);
	}
	if (n <= 0) {
		return read_end(raw, n);
	}
	raw->in.len += (size_t)n;
	return RAW_PACKET;
}

enum raw_got raw_recv(struct raw *raw, unsigned ms, struct mqtt_packet_view *out)
{
	long deadline = e2e_now_ms() + (long)ms;
	struct mqtt_frame frame;
	struct fault fault = FAULT_NONE;

	buf_consume(&raw->in, raw->used);
	raw->used = 0;
	for (;;) {
		enum err err = mqtt_frame_next(buf_bytes(&raw->in), 0, &frame, &fault);

		if (err == ERR_OK) {
			raw->used = frame.packet_bytes;
			raw->packet = bytes_of(raw->in.data, frame.packet_bytes);
			return mqtt_decode(raw->version, MQTT_SERVER, &frame, out, &fault) == ERR_OK
				       ? RAW_PACKET
				       : RAW_GARBAGE;
		}
		if (err != ERR_AGAIN) {
			return RAW_GARBAGE;
		}
		enum raw_got got = read_some(raw, deadline);

		if (got != RAW_PACKET) {
			return got;
		}
	}
}

bool raw_expect(struct raw *raw, enum mqtt_type type, struct mqtt_packet_view *out)
{
	return raw_recv(raw, E2E_WAIT_MS, out) == RAW_PACKET && out->type == type;
}

enum raw_got raw_drain(struct raw *raw)
{
	struct mqtt_packet_view packet;
	enum raw_got got;

	do {
		got = raw_recv(raw, E2E_WAIT_MS, &packet);
	} while (got == RAW_PACKET);
	return got;
}

/* --- packets --- */

void raw_connect_packet(const struct raw_connect *connect, struct buf *out)
{
	struct mqtt_encode_options options = {.version = connect->version};
	struct buf props = BUF_INIT(64);
	struct buf will_props = BUF_INIT(64);
	struct wire_writer writer = wire_writer_init(&props);
	struct wire_writer will_writer = wire_writer_init(&will_props);

	if (connect->version == MQTT_5 && connect->lasting) {
		mqtt_put_prop_int(&writer, MQTT_PROP_SESSION_EXPIRY, 3600);
	}
	if (connect->version == MQTT_5 && connect->will_delay_s != 0) {
		mqtt_put_prop_int(&will_writer, MQTT_PROP_WILL_DELAY, connect->will_delay_s);
	}
	struct mqtt_connect_view view = {
		.version = connect->version,
		.clean_start = !connect->lasting,
		.keep_alive_s = connect->keep_alive_s,
		.client_id = bytes_text(connect->client_id),
		.has_user_name = connect->user != NULL,
		.user_name = bytes_text(connect->user),
		.has_password = connect->password != NULL,
		.password = bytes_text(connect->password),
		.has_will = connect->will_topic != NULL,
		.will = {.topic = bytes_text(connect->will_topic),
			.payload = bytes_text(connect->will_payload),
			.qos = 1,
			.props = {.raw = buf_bytes(&will_props)}},
		.props = {.raw = buf_bytes(&props)},
	};

	REQUIRE(connect->client_id, mqtt_encode_connect(&options, &view, out) == ERR_OK);
	buf_release(&props);
	buf_release(&will_props);
}

void raw_publish_packet(enum mqtt_version version, const struct mqtt_publish_view *publish, struct buf *out)
{
	struct mqtt_encode_options options = {.version = version};

	REQUIRE("PUBLISH", mqtt_encode_publish(&options, publish, out) == ERR_OK);
}

void raw_subscribe_packet(
	enum mqtt_version version, uint16_t packet_id, const char *filter, uint8_t qos, struct buf *out)
{
	struct mqtt_encode_options options = {.version = version};
	struct mqtt_subscription subscription = {.filter = bytes_text(filter), .qos = qos};
	struct buf filters = BUF_INIT(65536 + 8);
	struct wire_writer writer = wire_writer_init(&filters);

	mqtt_put_subscription(&writer, version, &subscription);
	struct mqtt_subscribe_view view = {.packet_id = packet_id, .count = 1, .raw = buf_bytes(&filters)};

	REQUIRE(filter, mqtt_encode_subscribe(&options, &view, out) == ERR_OK);
	buf_release(&filters);
}

void raw_ack_packet(enum mqtt_version version, enum mqtt_type type, uint16_t packet_id, struct buf *out)
{
	struct mqtt_encode_options options = {.version = version};
	struct mqtt_ack_view view = {.type = type, .packet_id = packet_id};

	REQUIRE("an acknowledgement", mqtt_encode_ack(&options, &view, out) == ERR_OK);
}

/* --- short ways --- */

static bool send_packet(struct raw *raw, struct buf *packet)
{
	bool good = raw_send(raw, buf_bytes(packet));

	buf_release(packet);
	return good;
}

int raw_login(struct raw *raw, const struct raw_connect *connect, bool *session_present)
{
	struct buf packet = BUF_INIT(1u << 20);
	struct mqtt_packet_view got;

	raw->version = connect->version;
	raw_connect_packet(connect, &packet);
	if (!send_packet(raw, &packet) || !raw_expect(raw, MQTT_CONNACK, &got)) {
		return -1;
	}
	if (session_present != NULL) {
		*session_present = got.as.connack.session_present;
	}
	return got.as.connack.reason;
}

int raw_subscribe(struct raw *raw, const char *filter, uint8_t qos)
{
	struct buf packet = BUF_INIT(1u << 20);
	struct mqtt_packet_view got;

	raw_subscribe_packet(raw->version, 10, filter, qos, &packet);
	if (!send_packet(raw, &packet) || !raw_expect(raw, MQTT_SUBACK, &got) ||
		got.as.suback.reasons.len != 1) {
		return -1;
	}
	return got.as.suback.reasons.data[0];
}

int raw_publish(struct raw *raw, const char *topic, const char *payload, uint8_t qos)
{
	struct buf packet = BUF_INIT(1u << 20);
	struct mqtt_packet_view got;
	struct mqtt_publish_view publish = {.topic = bytes_text(topic),
		.payload = bytes_text(payload),
		.qos = qos,
		.packet_id = qos == 0 ? 0 : 11};

	raw_publish_packet(raw->version, &publish, &packet);
	if (!send_packet(raw, &packet)) {
		return -1;
	}
	if (qos == 0) {
		return 0;
	}
	return raw_expect(raw, MQTT_PUBACK, &got) ? got.as.ack.reason : -1;
}
