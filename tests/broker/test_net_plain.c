/*
 * test_net_plain.c - plain connections: gate, order, back-pressure, every way to end one.
 * Owns:    its kits.
 * Threads: main is the control loop and the client.
 */
#include <stdlib.h>
#include <string.h>

#include "net_kit.h"
#include "tests/test.h"

static void open_gate(struct io *io, struct app *app)
{
	(void)app;
	/* The application's own flag is set by on_secure only: here the gate opens late, so the count is reset. */
	io_open_gate(io);
}

static void test_gate(void)
{
	struct kit kit = {.app = {.gate_shut = true}};
	struct kit_client client;
	kit_open(&kit, 1, NULL, NULL);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("on_secure right after accept", kit_wait(&kit, &kit.app.secure, 1));
	CHECK("send", kit_send(&client, bytes_text("early bird")));
	kit_turns(&kit, 100);
	CHECK("nothing is handed on before the gate", atomic_load(&kit.app.data_calls) == 0);
	CHECK("evidence of a plain connection",
		atomic_load(&kit.app.last_evidence) == TLS_EVIDENCE_NOT_ASKED);
	CHECK("no version", atomic_load(&kit.app.last_version) == TLS_VERSION_NONE && kit.app.cipher[0] == 0);
	kit_on_loop(&kit, open_gate);
	CHECK("all of it after the gate", kit_wait(&kit, &kit.app.data_calls, 1));
	atomic_store(&kit.app.early_data, 0); /* opened here, not by on_secure */
	CHECK("whole", atomic_load(&kit.app.bytes) == 10);
	kit_hang_up(&client);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("by the peer", atomic_load(&kit.app.last_why) == IO_CLOSE_PEER);
	kit_close(&kit);
}

static void test_echo(unsigned workers)
{
	enum { ROUNDS = 300 };
	struct kit kit = {.app = {.echo = true}};
	struct kit_client client;
	uint8_t out[ROUNDS], in[ROUNDS];
	kit_open(&kit, workers, NULL, NULL);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	for (size_t i = 0; i < ROUNDS; i++) {
		out[i] = (uint8_t)i;
		CHECK("byte by byte", kit_send(&client, bytes_of(&out[i], 1)));
	}
	CHECK("echo", kit_recv_exactly(&client, in, sizeof(in)));
	CHECK("same bytes in the same order", memcmp(in, out, sizeof(in)) == 0);
	kit_hang_up(&client);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	struct net_counters counters = {0}, sum = {0};
	for (unsigned at = 0; at < workers; at++) {
		net_counters(kit.net, at, &counters);
		sum.accepts += counters.accepts;
		sum.bytes_in += counters.bytes_in;
		sum.bytes_out += counters.bytes_out;
	}
	CHECK("counters", sum.accepts == 1 && sum.bytes_in == ROUNDS && sum.bytes_out == ROUNDS);
	kit_close(&kit);
}

static void test_push(void)
{
	enum { PUSH = 24000000 }; /* more than the kernel takes */
	struct kit kit = {.app = {.push_bytes = PUSH}};
	struct kit_client client;
	uint8_t *in = malloc(PUSH);
	REQUIRE("memory", in != NULL);
	kit_open(&kit, 1, NULL, &(struct io_limits){.backlog_bytes_max = PUSH});
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	kit_turns(&kit, 50);
	CHECK("not released while the socket is full", atomic_load(&kit.app.released) == 0);
	CHECK("all arrives", kit_recv_exactly(&client, in, PUSH));
	CHECK("then it is released", kit_wait(&kit, &kit.app.released, 1));
	CHECK("on_drained after the mark was passed", kit_wait(&kit, &kit.app.drained, 1));
	kit_hang_up(&client);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("released once", atomic_load(&kit.app.released) == 1);
	CHECK("drained once", atomic_load(&kit.app.drained) == 1);
	kit_close(&kit);
	free(in);
}

/* Whoever stops at the mark, and not only behind it, must be told to go on. */
static void test_mark(void)
{
	static const struct {
		const char *name;
		uint32_t push;
		unsigned drained;
	} rows[] = {{"a byte below the mark", 99999, 0}, {"at the mark", 100000, 1},
		{"a byte above it", 100001, 1}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct kit kit = {.app = {.push_bytes = rows[i].push}};
		struct kit_client client;
		uint8_t *in = malloc(rows[i].push);
		REQUIRE("memory", in != NULL);
		kit_open(&kit, 1, NULL, &(struct io_limits){.backlog_mark_bytes = 100000});
		REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
		CHECK(rows[i].name, kit_recv_exactly(&client, in, rows[i].push));
		CHECK(rows[i].name, kit_wait(&kit, &kit.app.drained, rows[i].drained));
		kit_hang_up(&client);
		CHECK(rows[i].name, kit_wait(&kit, &kit.app.closed, 1));
		CHECK(rows[i].name, atomic_load(&kit.app.drained) == rows[i].drained);
		kit_close(&kit);
		free(in);
	}
}

static void test_backlog(void)
{
	struct kit kit = {.app = {.push_bytes = 2000001}};
	struct kit_client client;
	kit_open(&kit, 1, NULL, &(struct io_limits){.backlog_bytes_max = 2000000});
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("backlog_bytes_max + 1 closes", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("and says so", atomic_load(&kit.app.last_why) == IO_CLOSE_BACKLOG);
	CHECK("released all the same", atomic_load(&kit.app.released) == 1);
	CHECK("the peer sees a reset", kit_drain(&client) == KIT_RESET);
	kit_hang_up(&client);
	kit_close(&kit);
}

static void pause_reading(struct io *io, struct app *app)
{
	(void)app;
	io_read_pause(io);
}

static void resume_reading(struct io *io, struct app *app)
{
	(void)app;
	io_read_resume(io);
}

static void test_pause(void)
{
	struct kit kit = {.app = {.echo = true}};
	struct kit_client client;
	char in[8] = "";
	kit_open(&kit, 1, NULL, NULL);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	kit_on_loop(&kit, pause_reading);
	CHECK("send", kit_send(&client, bytes_text("wait")));
	kit_turns(&kit, 50);
	CHECK("paused: nothing is handed on", atomic_load(&kit.app.data_calls) == 0);
	kit_on_loop(&kit, resume_reading);
	CHECK("resumed: it comes", kit_recv_exactly(&client, in, 4) && memcmp(in, "wait", 4) == 0);
	kit_hang_up(&client);
	kit_close(&kit);
}

/* The refusal must be read even when the peer is still sending: a reset would throw it away. */
static void test_close_hides_nothing(void)
{
	struct kit kit = {.app = {.close_at_once = true, .gate_shut = true}};
	struct kit_client client;
	char in[16] = "";
	enum kit_end end = KIT_OPEN;
	uint8_t junk[20000] = {0};
	kit_open(&kit, 1, NULL, NULL);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("send", kit_send(&client, bytes_of(junk, sizeof(junk))));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	CHECK("send on", kit_send(&client, bytes_of(junk, sizeof(junk))));
	CHECK("the last word is there", kit_recv_exactly(&client, in, 8) && memcmp(in, "no entry", 8) == 0);
	CHECK("send after FIN", kit_send(&client, bytes_of(junk, sizeof(junk))));
	CHECK("nothing more", kit_recv(&client, in, sizeof(in), &end) == 0);
	CHECK("an orderly end, no reset", end == KIT_FIN);
	kit_hang_up(&client);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("by the owner", atomic_load(&kit.app.last_why) == IO_CLOSE_OWNER);
	CHECK("no byte was handed on", atomic_load(&kit.app.data_calls) == 0);
	kit_close(&kit);
}

static void test_close_does_not_wait_for_ever(void)
{
	struct kit kit = {.app = {.close_at_once = true}};
	struct kit_client client;
	kit_open(&kit, 1, NULL, NULL);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("FIN", kit_drain(&client) == KIT_FIN);
	CHECK("still counted", listener_connections(kit.listener) == 1);
	CHECK("but not among those that stay", listener_staying(kit.listener) == 0);
	/* The client keeps its end open and says nothing: IO_LINGER_MS later it is over. */
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	kit_hang_up(&client);
	kit_close(&kit);
}

static void abort_now(struct io *io, struct app *app)
{
	(void)app;
	io_abort(io);
	io_close(io);
	io_abort(io);
}

static void test_aborted(void)
{
	struct kit kit = {0};
	struct kit_client client;
	kit_open(&kit, 1, NULL, NULL);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	kit_on_loop(&kit, abort_now);
	CHECK("closed once", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("a reset", kit_drain(&client) == KIT_RESET);
	kit_hang_up(&client);
	/* And one that is cut by the peer. */
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 2));
	kit_cut(&client);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 2));
	CHECK("cut", atomic_load(&kit.app.last_why) == IO_CLOSE_RESET);
	kit_close(&kit);
}

static void test_stop_with_clients(void)
{
	enum { CLIENTS = 50 };
	struct kit kit = {.app = {.echo = true}};
	struct kit_client clients[CLIENTS];
	kit_open(&kit, 2, NULL, NULL);
	for (unsigned i = 0; i < CLIENTS; i++) {
		REQUIRE("connect", kit_connect(&clients[i], listener_port(kit.listener)));
	}
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, CLIENTS));
	CHECK("both workers took some: SO_REUSEPORT", atomic_load(&kit.app.workers_seen) == 3);
	kit_close(&kit);
	CHECK("all were told", atomic_load(&kit.app.closed) == CLIENTS);
	CHECK("why", atomic_load(&kit.app.last_why) == IO_CLOSE_STOP);
	for (unsigned i = 0; i < CLIENTS; i++) {
		CHECK("an orderly end", kit_drain(&clients[i]) == KIT_FIN);
		kit_hang_up(&clients[i]);
	}
}

int main(void)
{
	test_gate();
	test_echo(1);
	test_echo(3);
	test_push();
	test_mark();
	test_backlog();
	test_pause();
	test_close_hides_nothing();
	test_close_does_not_wait_for_ever();
	test_aborted();
	test_stop_with_clients();
	return test_result();
}
