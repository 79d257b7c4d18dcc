/*
 * test_stream.c - bytes in any portion, WANT_READ and WANT_WRITE, what comes after Finished, shutdown, a move between threads.
 * Owns:    its certificates and pairs.
 * Never:   sleeps.
 * Threads: one; test_move() hands a connection to a second one and waits for it.
 */
#include "pair.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pki_cert identity, device, issuing;

struct setup {
	WOLFSSL_CTX *server_ctx, *client_ctx;
	struct pair pair;
};

static void setup_open(struct setup *setup, int version)
{
	const struct pki_cert *chain[] = {&issuing};
	setup->server_ctx = recipe_server_ctx(&identity, SSLCAUTH_REQUIRED);
	setup->client_ctx = client_ctx_new(version, &device, chain, 1);
	require(setup->server_ctx != NULL, "the recipe");
	pair_open(&setup->pair, setup->server_ctx, setup->client_ctx);
}

static void setup_close(struct setup *setup)
{
	pair_close(&setup->pair);
	wolfSSL_CTX_free(setup->server_ctx);
	wolfSSL_CTX_free(setup->client_ctx);
}

/* Whatever the portions, the same handshake; waiting is always said as WANT_READ or WANT_WRITE. */
static void test_portions(int version)
{
	static const size_t grains[] = {1, 2, 7, 100, 1460, 0};
	for (size_t i = 0; i < sizeof(grains) / sizeof(grains[0]); i++) {
		for (int stutter = 0; stutter < 2; stutter++) {
			char name[64];
			struct setup setup;
			(void)snprintf(name, sizeof(name), "1.%d, portions of %zu%s", version - 10, grains[i],
				stutter ? ", every second call waits" : "");
			setup_open(&setup, version);
			struct pair *pair = &setup.pair;
			pair->to_server.grain = pair->to_client.grain = grains[i];
			pair->to_server.stutter = pair->to_client.stutter = stutter != 0;
			pair_handshake(pair);
			CHECK(name, pair->server_done && pair->client_done);
			CHECK_INT(name, pair->evidence.count, 2);
			CHECK(name, !pair->evidence.broken);
			CHECK(name, pair->server_wants_read > 0);
			CHECK(name, stutter == 0 || pair->server_wants_write > 0);
			pair->to_server.stutter = pair->to_client.stutter = false;
			CHECK(name, pair_talk(pair));
			setup_close(&setup);
		}
	}
}

/* A write that waits is repeated with the same bytes, and then counts once. */
static void test_write_waits(int version)
{
	enum { SIZE = 40000 };
	struct setup setup;
	static uint8_t sent[SIZE], got[SIZE];
	for (size_t i = 0; i < SIZE; i++) {
		sent[i] = (uint8_t)(i * 31);
	}
	setup_open(&setup, version);
	pair_handshake(&setup.pair);
	setup.pair.to_client.grain = 100;
	setup.pair.to_client.stutter = true;
	int written = 0, received = 0, waits = 0;
	for (int turn = 0; turn < 100000 && received < SIZE; turn++) {
		if (written < SIZE) {
			int result = wolfSSL_write(setup.pair.server, sent + written, SIZE - written);
			if (result > 0) {
				written += result;
			} else {
				CHECK_INT("a write that waits says WANT_WRITE",
					wolfSSL_get_error(setup.pair.server, result),
					WOLFSSL_ERROR_WANT_WRITE);
				waits++;
			}
		}
		int result = pair_client_read(&setup.pair, got + received, SIZE - received);
		received += result > 0 ? result : 0;
	}
	CHECK("a large write in portions",
		written == SIZE && received == SIZE && memcmp(sent, got, SIZE) == 0);
	CHECK("a large write in portions", waits > 0);
	setup_close(&setup);
}

/* After Finished the server has sent nothing that the client could resume with, and nothing it did not write. */
static void test_silence_after_finished(int version)
{
	struct setup setup;
	uint8_t octet;
	setup_open(&setup, version);
	pair_handshake(&setup.pair);
	CHECK("done", setup.pair.server_done && setup.pair.client_done);
	CHECK_INT("no ticket, no other byte after Finished",
		setup.pair.to_client.len - setup.pair.to_client.pos, 0);
	CHECK("nothing to read", pair_client_read(&setup.pair, &octet, 1) < 0);
	CHECK_INT("nothing to read", setup.pair.client_error, WOLFSSL_ERROR_WANT_READ);
	setup_close(&setup);
}

/* The gate's refusal: shutdown after Finished, before any byte is handed on. The client sees close_notify. */
static void test_refusal_after_finished(int version)
{
	struct setup setup;
	uint8_t octet;
	setup_open(&setup, version);
	pair_handshake(&setup.pair);
	CHECK("done", setup.pair.server_done && setup.pair.client_done);
	/* The client has already written its CONNECT: it lies in our queue and nobody reads it. */
	CHECK_INT("client writes", wolfSSL_write(setup.pair.client, "CONNECT", 7), 7);
	CHECK_INT("first half: WOLFSSL_SHUTDOWN_NOT_DONE", wolfSSL_shutdown(setup.pair.server),
		WOLFSSL_SHUTDOWN_NOT_DONE);
	CHECK_INT("client reads the end", pair_client_read(&setup.pair, &octet, 1), 0);
	CHECK_INT("client reads the end", setup.pair.client_error, WOLFSSL_ERROR_ZERO_RETURN);
	CHECK_INT("close_notify, not an alert of refusal", alert_received(setup.pair.client), 0);
	setup_close(&setup);
}

/* The peer's end, clean and not: clean is ZERO_RETURN, a cut stream is an error that is no WANT_*. */
static void test_peer_ends(int version)
{
	struct setup setup;
	uint8_t octet;
	setup_open(&setup, version);
	pair_handshake(&setup.pair);
	(void)wolfSSL_shutdown(setup.pair.client);
	CHECK_INT("close_notify from the client", pair_server_read(&setup.pair, &octet, 1), 0);
	CHECK_INT("close_notify from the client", setup.pair.server_error, WOLFSSL_ERROR_ZERO_RETURN);
	setup_close(&setup);

	setup_open(&setup, version);
	pair_handshake(&setup.pair);
	setup.pair.to_server.is_closed = true;
	CHECK("stream cut after the handshake", pair_server_read(&setup.pair, &octet, 1) <= 0);
	CHECK("stream cut after the handshake", setup.pair.server_error != WOLFSSL_ERROR_WANT_READ);
	setup_close(&setup);

	setup_open(&setup, version);
	(void)wolfSSL_connect(setup.pair.client);
	(void)wolfSSL_accept(setup.pair.server);
	setup.pair.to_server.is_closed = true;
	int result = wolfSSL_accept(setup.pair.server);
	CHECK("stream cut in the handshake", result != WOLFSSL_SUCCESS);
	CHECK("stream cut in the handshake",
		wolfSSL_get_error(setup.pair.server, result) != WOLFSSL_ERROR_WANT_READ);
	setup_close(&setup);
}

/* One altered octet of application data ends the connection for good. */
static void test_altered_data(int version)
{
	struct setup setup;
	uint8_t octet;
	setup_open(&setup, version);
	pair_handshake(&setup.pair);
	CHECK_INT("client writes", wolfSSL_write(setup.pair.client, "x", 1), 1);
	setup.pair.to_server.data[setup.pair.to_server.len - 1] ^= 1;
	CHECK("altered record", pair_server_read(&setup.pair, &octet, 1) < 0);
	CHECK("altered record", setup.pair.server_error != WOLFSSL_ERROR_WANT_READ);
	CHECK_INT("client writes", wolfSSL_write(setup.pair.client, "y", 1), 1);
	CHECK("nothing is read after it", pair_server_read(&setup.pair, &octet, 1) <= 0);
	setup_close(&setup);
}

static void *talk_elsewhere(void *arg)
{
	struct pair *pair = arg;
	return pair_talk(pair) ? pair : NULL;
}

/* The hand-over: same WOLFSSL, other thread, other queues. */
static void test_move(int version)
{
	struct setup setup;
	pthread_t thread;
	void *good = NULL;
	setup_open(&setup, version);
	pair_handshake(&setup.pair);
	CHECK("talks before the move", pair_talk(&setup.pair));
	struct queue moved_in = {.data = malloc(QUEUE_BYTES_MAX)},
		     moved_out = {.data = malloc(QUEUE_BYTES_MAX)};
	require(moved_in.data != NULL && moved_out.data != NULL, "memory");
	wolfSSL_SetIOReadCtx(setup.pair.server, &moved_in);
	wolfSSL_SetIOWriteCtx(setup.pair.server, &moved_out);
	wolfSSL_SetIOReadCtx(setup.pair.client, &moved_out);
	wolfSSL_SetIOWriteCtx(setup.pair.client, &moved_in);
	wolfSSL_SetCertCbCtx(setup.pair.server, NULL); /* the evidence went on without the connection */
	require(pthread_create(&thread, NULL, talk_elsewhere, &setup.pair) == 0, "a thread");
	require(pthread_join(thread, &good) == 0, "the thread's end");
	CHECK("talks on another thread through other queues", good != NULL);
	setup_close(&setup);
	free(moved_in.data);
	free(moved_out.data);
}

int main(void)
{
	require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	pki_make(&identity, &(struct pki_spec){.name = "broker"});
	pki_make(&issuing, &(struct pki_spec){.name = "issuing", .is_ca = true});
	pki_make(&device, &(struct pki_spec){.name = "device", .issuer = &issuing});
	for (int version = 12; version <= 13; version++) {
		test_portions(version);
		test_write_waits(version);
		test_silence_after_finished(version);
		test_refusal_after_finished(version);
		test_peer_ends(version);
		test_altered_data(version);
		test_move(version);
	}
	pki_free(&identity), pki_free(&issuing), pki_free(&device);
	(void)wolfSSL_Cleanup();
	return check_result();
}
