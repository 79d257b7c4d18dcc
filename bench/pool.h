/*
 * pool.h - many MQTT clients on one thread: each with its own socket, certificate and password.
 * Never:   connects to another machine: loopback only.
 * Threads: one.
 */
#ifndef LOCKGATE_BENCH_POOL_H
#define LOCKGATE_BENCH_POOL_H

#include "mqtt/mqtt.h"

#define POOL_CLIENTS_MAX 20000u

struct pool;

struct pool_options {
	uint16_t port;
	unsigned clients;
	enum mqtt_version version;
	/* Folder with dNNNNN.crt, dNNNNN.key (PEM) and passwords (dNNNNN:secret lines). The number counts from 1. */
	const char *devices;
	const char *ca_path; /* NULL: plain TCP */
	bool tls12;          /* TLS 1.2 instead of 1.3 */
	uint16_t keep_alive_s;
	bool resume; /* a client that comes again offers the session that it was given */
};

struct pool_counts {
	unsigned opening; /* on their way to a CONNACK */
	unsigned ready;
	uint64_t resumed; /* handshakes that the broker resumed */
	unsigned failed;  /* since the pool was made; pool_last_failure() says why */
	uint64_t subscribed;
	uint64_t sent;
	uint64_t acknowledged; /* PUBACKs */
	uint64_t received;
};

MUST_CHECK enum err pool_new(const struct pool_options *options, struct pool **out);
void pool_free(struct pool *pool);
struct pool_counts pool_counts(const struct pool *pool);
const char *pool_last_failure(const struct pool *pool); /* never NULL */

bool pool_is_ready(const struct pool *pool, unsigned index);

/* Starts to connect client index, which must be closed. What follows shows in the counts. */
void pool_open(struct pool *pool, unsigned index);
/* Sends DISCONNECT, then closes. */
void pool_close_all(struct pool *pool);
MUST_CHECK enum err pool_subscribe(struct pool *pool, unsigned index, const char *filter, uint8_t qos);
/* qos 0 or 1. ERR_BUSY: this client still has bytes to send; try again after pool_poll(). */
MUST_CHECK enum err pool_publish(
	struct pool *pool, unsigned index, const char *topic, struct bytes payload, uint8_t qos);
/* Does what is to do, waits at most timeout_ms for it. */
void pool_poll(struct pool *pool, int timeout_ms);

#endif
