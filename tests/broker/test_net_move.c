/*
 * test_net_move.c - connections that move between workers under load, and what may go wrong on the way.
 * Owns:    its kits.
 * Threads: main is the control loop and the client.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "net_kit.h"
#include "tests/test.h"

enum { PACKET = 16, WINDOW = 100, PACKETS = 100000 };

static unsigned open_descriptors(void)
{
	unsigned count = 0;
	DIR *folder = opendir("/proc/self/fd");
	REQUIRE("/proc", folder != NULL);
	while (readdir(folder) != NULL) {
		count++;
	}
	(void)closedir(folder);
	return count;
}

static void fill(uint8_t *out, unsigned first)
{
	for (unsigned i = 0; i < WINDOW; i++) {
		unsigned number = first + i;
		memset(out + (size_t)i * PACKET, (int)(number & 0xff), PACKET);
		memcpy(out + (size_t)i * PACKET, &number, sizeof(number));
	}
}

/* version 0: plain */
static void test_load(const char *row, const struct kit_cert *identity, int version, unsigned packets)
{
	struct kit kit = {.app = {.echo = true, .hop = true}};
	struct kit_client client;
	uint8_t out[WINDOW * PACKET], in[WINDOW * PACKET];
	struct tls_context *tls = version != 0 ? kit_context(identity, TLS_CLIENT_AUTH_OPTIONAL, NULL) : NULL;
	kit_open(&kit, 3, tls, NULL);
	tls_context_unref(tls);
	REQUIRE(row, kit_connect(&client, listener_port(kit.listener)));
	if (version != 0) {
		REQUIRE(row, kit_tls(&client, &(struct kit_client_options){.version = version}));
	}
	unsigned wrong = 0;
	for (unsigned sent = 0; sent < packets && wrong == 0; sent += WINDOW) {
		fill(out, sent);
		wrong += !kit_send(&client, bytes_of(out, sizeof(out)));
		wrong += !kit_recv_exactly(&client, in, sizeof(in));
		wrong += memcmp(in, out, sizeof(in)) != 0;
	}
	CHECK(row, wrong == 0);
	CHECK(row, atomic_load(&kit.app.bytes) == (unsigned long long)packets * PACKET);
	CHECK(row, atomic_load(&kit.app.moves) >= packets / WINDOW - 1);
	CHECK(row, atomic_load(&kit.app.workers_seen) == 7);
	kit_goodbye(&client);
	CHECK(row, kit_wait(&kit, &kit.app.closed, 1));
	CHECK(row, atomic_load(&kit.app.secure) == 1);
	kit_close(&kit);
}

static void test_given_back(void)
{
	struct kit kit = {.app = {.echo = true, .hop_once = true}};
	struct kit_client client;
	char in[8] = "";
	kit_open(&kit, 2, NULL, NULL);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("send", kit_send(&client, bytes_text("connect!")));
	CHECK("what was given back comes again on the other worker",
		kit_recv_exactly(&client, in, 8) && memcmp(in, "connect!", 8) == 0);
	CHECK("one move", atomic_load(&kit.app.moves) == 1);
	CHECK("two workers", atomic_load(&kit.app.workers_seen) == 3);
	kit_hang_up(&client);
	kit_close(&kit);
}

/* Output that the socket does not take travels along. */
static void test_output_travels(void)
{
	enum { PUSH = 16000000 };
	struct kit kit = {.app = {.push_bytes = PUSH, .hop = true}};
	struct kit_client client;
	uint8_t *in = malloc(PUSH);
	REQUIRE("memory", in != NULL);
	kit_open(&kit, 2, NULL, &(struct io_limits){.backlog_bytes_max = PUSH});
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	CHECK("send", kit_send(&client, bytes_text("go")));
	REQUIRE("handed on", kit_wait(&kit, &kit.app.data_calls, 1));
	CHECK("not while a write is under way", atomic_load(&kit.app.moves) == 0);
	CHECK("all arrives, in order", kit_recv_exactly(&client, in, PUSH));
	CHECK("moved", kit_wait(&kit, &kit.app.moves, 1));
	CHECK("released once", kit_wait(&kit, &kit.app.released, 1));
	kit_hang_up(&client);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("released once", atomic_load(&kit.app.released) == 1);
	kit_close(&kit);
	free(in);
}

/* The peer is there and reads nothing: such a connection would be on its way for ever. */
static void test_peer_reads_nothing(void)
{
	enum { PUSH = 16000000 };
	struct kit kit = {.app = {.push_bytes = PUSH, .hop = true}};
	struct kit_client client;
	kit_open(&kit, 2, NULL, &(struct io_limits){.backlog_bytes_max = PUSH});
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	CHECK("send", kit_send(&client, bytes_text("go")));
	REQUIRE("handed on", kit_wait(&kit, &kit.app.data_calls, 1));
	CHECK("it ends", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("and says why", atomic_load(&kit.app.last_why) == IO_CLOSE_BACKLOG);
	CHECK("it did not move", atomic_load(&kit.app.moves) == 0);
	CHECK("nothing is kept", kit_wait(&kit, &kit.app.released, 1));
	kit_hang_up(&client);
	kit_close(&kit);
}

static void test_peer_vanishes(const struct kit_cert *identity, bool use_tls)
{
	enum { TIMES = 200 };
	struct kit kit = {.app = {.echo = true, .hop = true}};
	struct tls_context *tls = use_tls ? kit_context(identity, TLS_CLIENT_AUTH_NEVER, NULL) : NULL;
	kit_open(&kit, 2, tls, NULL);
	tls_context_unref(tls);
	for (unsigned i = 0; i < TIMES; i++) {
		struct kit_client client;
		REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
		if (use_tls) {
			REQUIRE("handshake", kit_tls(&client, &(struct kit_client_options){.version = 13}));
		}
		CHECK("send", kit_send(&client, bytes_text("x")));
		if (i % 2 == 0) {
			kit_cut(&client);
		} else {
			kit_hang_up(&client);
		}
	}
	/* Some are cut before they are accepted; those were never ours. */
	kit_turns(&kit, 50);
	unsigned accepted = atomic_load(&kit.app.accepted);
	CHECK("each ends, wherever it was", kit_wait(&kit, &kit.app.closed, accepted));
	kit_close(&kit);
}

static void test_parcel_dropped(void)
{
	struct kit kit = {.app = {.hop = true, .keep_parcel = true}};
	struct kit_client client;
	kit_open(&kit, 1, NULL, NULL);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("send", kit_send(&client, bytes_text("x")));
	while (atomic_load(&kit.app.parcel) == NULL) {
		kit_turns(&kit, 2);
	}
	struct net_counters counters;
	net_counters(kit.net, 0, &counters);
	CHECK("it left the loop", counters.connections == 0);
	CHECK("and is still counted by its listener", listener_connections(kit.listener) == 1);
	CHECK("as one that stays", listener_staying(kit.listener) == 1);
	io_parcel_free(atomic_load(&kit.app.parcel)); /* from another thread */
	CHECK("cut", kit_drain(&client) == KIT_FIN);
	CHECK("not counted any more", listener_connections(kit.listener) == 0);
	CHECK("without on_closed", atomic_load(&kit.app.closed) == 0);
	io_parcel_free(NULL);
	kit_hang_up(&client);
	kit_close(&kit);
}

static void test_stop_while_moving(void)
{
	enum { CLIENTS = 40 };
	struct kit kit = {.app = {.echo = true, .hop = true}};
	struct kit_client clients[CLIENTS];
	kit_open(&kit, 3, NULL, NULL);
	for (unsigned i = 0; i < CLIENTS; i++) {
		REQUIRE("connect", kit_connect(&clients[i], listener_port(kit.listener)));
	}
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, CLIENTS));
	for (unsigned i = 0; i < CLIENTS; i++) {
		CHECK("send", kit_send(&clients[i], bytes_text("move on")));
	}
	kit_close(&kit); /* checks that each on_closed came */
	for (unsigned i = 0; i < CLIENTS; i++) {
		kit_hang_up(&clients[i]);
	}
}

/* No descriptor for the copy: the connection ends, with its reason, and nothing else does. */
static void test_no_descriptor(void)
{
	struct kit kit = {.app = {.hop = true}};
	struct kit_client client;
	struct rlimit before, tight;
	kit_open(&kit, 2, NULL, NULL);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	REQUIRE("limit", getrlimit(RLIMIT_NOFILE, &before) == 0);
	tight = before;
	tight.rlim_cur = 3;
	REQUIRE("limit", setrlimit(RLIMIT_NOFILE, &tight) == 0);
	CHECK("send", kit_send(&client, bytes_text("x")));
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	REQUIRE("limit", setrlimit(RLIMIT_NOFILE, &before) == 0);
	CHECK("says why", atomic_load(&kit.app.last_why) == IO_CLOSE_NOMEM);
	CHECK("did not move", atomic_load(&kit.app.moves) == 0);
	kit_hang_up(&client);
	kit_close(&kit);
}

int main(void)
{
	struct kit_cert *identity = kit_cert_new(&(struct kit_cert_options){.name = "broker"});
	test_given_back(); /* libuv opens a pipe for signals once in a process */
	unsigned before = open_descriptors();
	test_load("plain", NULL, 0, PACKETS);
	test_load("TLS 1.2", identity, 12, PACKETS / 5);
	test_load("TLS 1.3", identity, 13, PACKETS / 5);
	test_output_travels();
	test_peer_reads_nothing();
	test_peer_vanishes(NULL, false);
	test_peer_vanishes(identity, true);
	test_parcel_dropped();
	test_stop_while_moving();
	test_no_descriptor();
	CHECK("no descriptor is left", open_descriptors() == before);
	kit_cert_free(identity);
	return test_result();
}
