/*
 * raw.h - a client that sends what it is told to, byte by byte if need be, over TCP or TLS; packets by our own codec.
 * Owns:    its socket, TLS objects and input.
 * Never:   reconnects, answers or corrects anything by itself.
 * Threads: one per client.
 */
#ifndef LOCKGATE_TESTS_E2E_RAW_H
#define LOCKGATE_TESTS_E2E_RAW_H

#include "mqtt/mqtt.h"
#include "tests/e2e/harness.h"

struct raw {
	int fd;
	void *tls, *tls_context;
	int tls_method;      /* 12: TLS 1.2; else 1.3 */
	unsigned tickets;    /* that came, of those that raw_tls_again() began */
	size_t ticket_bytes; /* of the last one */
	enum mqtt_version version;
	struct buf in;
	size_t used;         /* of in: the packet that raw_recv() gave last */
	struct bytes packet; /* that packet as it came; until the next raw_recv() */
};

/* Paths; NULL: plain, or without certificate. */
struct raw_identity {
	const char *cert, *key;
};

enum raw_got {
	RAW_PACKET,
	RAW_CLOSED, /* FIN, or close_notify */
	RAW_RESET,
	RAW_SILENT, /* nothing in time */
	RAW_GARBAGE /* the server sent what no client may get */
};

/* TCP to 127.0.0.1. */
bool raw_open(struct raw *raw, unsigned port);
/* From another of our own addresses, such as "127.0.0.2". */
bool raw_open_from(struct raw *raw, const char *address, unsigned port);
/* The handshake; identity may be NULL. TLS 1.3, the server's certificate is not looked at. */
bool raw_tls(struct raw *raw, const struct raw_identity *identity);
/* As raw_tls(), offering a session (NULL: none). */
struct raw_again {
	bool version_12, want_ticket_12;
	bool psk_ke_only;
	size_t flip_bit_of; /* an octet of the ticket, counted from 1; 0: none */
};
#define RAW_TICKET_BYTES_MAX 1024
bool raw_tls_again(
	struct raw *raw, const struct raw_identity *identity, void *session, const struct raw_again *how);
bool raw_resumed(struct raw *raw);
void *raw_session(struct raw *raw); /* to be offered later; raw_session_free() */
void raw_session_free(void *session);
/* Only the ClientHello; the answer is not read. */
bool raw_tls_hello(struct raw *raw);
void raw_close(struct raw *raw); /* FIN, also when nothing is open */
void raw_cut(struct raw *raw);   /* a reset */

bool raw_send(struct raw *raw, struct bytes in);
bool raw_send_hex(struct raw *raw, const char *hex);
/* The next packet, decoded as from a server; valid until the next call. ms: how long to wait for it. */
enum raw_got raw_recv(struct raw *raw, unsigned ms, struct mqtt_packet_view *out);
/* As raw_recv() with E2E_WAIT_MS, and it must be a packet of that type. */
bool raw_expect(struct raw *raw, enum mqtt_type type, struct mqtt_packet_view *out);
/* Reads to the end, dropping packets; how it ended. */
enum raw_got raw_drain(struct raw *raw);

/* --- packets --- */
struct raw_connect {
	enum mqtt_version version;
	const char *client_id, *user, *password;
	bool lasting; /* not clean; with MQTT 5: Session Expiry 3600 */
	uint16_t keep_alive_s;
	const char *will_topic, *will_payload;
	uint32_t will_delay_s;
};
/* Appended to out. */
void raw_connect_packet(const struct raw_connect *connect, struct buf *out);
void raw_publish_packet(enum mqtt_version version, const struct mqtt_publish_view *publish, struct buf *out);
void raw_subscribe_packet(
	enum mqtt_version version, uint16_t packet_id, const char *filter, uint8_t qos, struct buf *out);
void raw_ack_packet(enum mqtt_version version, enum mqtt_type type, uint16_t packet_id, struct buf *out);

/* --- short ways --- */
/* Sends CONNECT, returns CONNACK's reason (MQTT 5 codes), or -1: no CONNACK came. */
int raw_login(struct raw *raw, const struct raw_connect *connect, bool *session_present);
/* The reason of the only filter, or -1. */
int raw_subscribe(struct raw *raw, const char *filter, uint8_t qos);
/* QoS 0 or 1; the reason of PUBACK, -1: none came. */
int raw_publish(struct raw *raw, const char *topic, const char *payload, uint8_t qos);

#endif
