/*
 * test_net_listen.c - ports: taken, free, wrong; refusals before any byte; limits; running out of descriptors.
 * Owns:    its kits and sockets.
 * Threads: main is the control loop and the client.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_kit.h"
#include "tests/test.h"

static int raw_listener(uint16_t *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(in);
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* As a second broker of the same user would: it would share. */
	REQUIRE("a socket", setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
				    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
				    bind(fd, (const struct sockaddr *)&in, len) == 0 && listen(fd, 5) == 0 &&
				    getsockname(fd, (struct sockaddr *)&in, &len) == 0);
	*port = ntohs(in.sin_port);
	return fd;
}

static void test_refused_places(void)
{
	struct kit kit = {0};
	uint16_t port = 0;
	int other = raw_listener(&port);
	char digits[8];
	struct listener *listener = NULL;
	struct net_error error = {0};
	kit_open_pool(&kit, &(struct net_options){.workers = 2});
	struct listener_options options = kit_listener(&kit, NULL);
	options.port = port;
	(void)snprintf(digits, sizeof(digits), ":%u", port);
	CHECK("busy", listener_open(kit.net, &options, &listener, &error) == ERR_BUSY);
	CHECK("busy: nothing is made", listener == NULL);
	CHECK("busy: address and port are named",
		strstr(error.sentence, "127.0.0.1") != NULL && strstr(error.sentence, digits) != NULL);
	(void)close(other);
	CHECK("free again", listener_open(kit.net, &options, &listener, &error) == ERR_OK);
	CHECK("the port asked for", listener_port(listener) == port);
	struct listener *second = NULL;
	CHECK("our own second one", listener_open(kit.net, &options, &second, &error) == ERR_BUSY);
	options.port = 0;
	options.address = "300.1.1.1";
	CHECK("no address", listener_open(kit.net, &options, &second, &error) == ERR_INVALID);
	options.address = "localhost";
	CHECK("no name", listener_open(kit.net, &options, &second, &error) == ERR_INVALID);
	options.address = "192.0.2.1";
	CHECK("not ours", listener_open(kit.net, &options, &second, &error) == ERR_INVALID);
	CHECK("named", strstr(error.sentence, "192.0.2.1") != NULL);
	kit_close(&kit);
}

static bool talk(const char *address, uint16_t port)
{
	struct kit_client client;
	char in[4] = "";
	bool good = kit_connect_to(&client, address, port) && kit_send(&client, bytes_text("ping")) &&
		    kit_recv_exactly(&client, in, 4) && memcmp(in, "ping", 4) == 0;
	kit_hang_up(&client);
	return good;
}

static void test_families(void)
{
	struct kit kit = {.app = {.echo = true}};
	kit_open_pool(&kit, &(struct net_options){.workers = 2});
	struct listener_options options = kit_listener(&kit, NULL);
	options.address = NULL;
	kit_listen(&kit, &options);
	CHECK("all addresses: IPv4", talk("127.0.0.1", listener_port(kit.listener)));
	struct listener_options six = kit_listener(&kit, NULL);
	struct listener *listener = NULL;
	struct net_error error;
	six.address = "::1";
	if (listener_open(kit.net, &six, &listener, &error) == ERR_OK) {
		CHECK("all addresses: IPv6", talk("::1", listener_port(kit.listener)));
		CHECK("::1", talk("::1", listener_port(listener)));
		CHECK("::1 only", !talk("127.0.0.1", listener_port(listener)));
	} else {
		(void)printf("no IPv6 here: %s\n", error.sentence);
	}
	kit_close(&kit);
}

static void test_stop_and_start(void)
{
	struct kit kit = {.app = {.echo = true}};
	struct kit_client client, late;
	char in[4] = "";
	kit_open(&kit, 2, NULL, NULL);
	uint16_t port = listener_port(kit.listener);
	REQUIRE("connect", kit_connect(&client, port));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	listener_close(kit.listener);
	listener_close(kit.listener); /* idempotent until it is gone */
	CHECK("on_gone", kit_wait(&kit, &kit.app.gone, 1));
	CHECK("nobody listens", !kit_connect(&late, port));
	CHECK("its connections stay",
		kit_send(&client, bytes_text("ping")) && kit_recv_exactly(&client, in, 4));
	struct listener_options options = kit_listener(&kit, NULL);
	options.port = port;
	kit_listen(&kit, &options);
	CHECK("the same port again, though a connection of it lives", listener_port(kit.listener) == port);
	CHECK("and it serves", talk("127.0.0.1", port));
	CHECK("the old one too", kit_send(&client, bytes_text("ping")) && kit_recv_exactly(&client, in, 4));
	kit_hang_up(&client);
	kit_close(&kit);
}

static bool is_refused(uint16_t port)
{
	struct kit_client client;
	REQUIRE("connect", kit_connect(&client, port));
	enum kit_end end = kit_drain(&client);
	kit_hang_up(&client);
	return end == KIT_RESET;
}

static void test_refusals(void)
{
	struct kit kit = {.app = {.refuse_peers = true}};
	struct net_counters counters;
	kit_open(&kit, 1, NULL, NULL);
	CHECK("a blocked address gets a reset", is_refused(listener_port(kit.listener)));
	CHECK("and costs no connection", atomic_load(&kit.app.accepted) == 0);
	net_counters(kit.net, 0, &counters);
	CHECK("counted", counters.refusals == 1 && counters.accepts == 1 && counters.connections == 0);
	kit_close(&kit);
}

static void test_limits(bool global)
{
	enum { MAX = 3 };
	struct kit kit = {.app = {.echo = true}};
	struct kit_client clients[MAX];
	kit_open_pool(&kit, &(struct net_options){.workers = 2, .connections_max = global ? MAX : 0});
	struct listener_options options = kit_listener(&kit, NULL);
	options.connections_max = global ? 0 : MAX;
	kit_listen(&kit, &options);
	uint16_t port = listener_port(kit.listener);
	for (unsigned i = 0; i < MAX; i++) {
		REQUIRE("connect", kit_connect(&clients[i], port));
	}
	CHECK("up to the maximum", kit_wait(&kit, &kit.app.secure, MAX));
	CHECK("counted", listener_connections(kit.listener) == MAX);
	CHECK("max + 1", is_refused(port));
	kit_hang_up(&clients[0]);
	CHECK("one leaves", kit_wait(&kit, &kit.app.closed, 1));
	while (listener_connections(kit.listener) == MAX) {
		kit_turns(&kit, 1);
	}
	CHECK("room for one", talk("127.0.0.1", port));
	for (unsigned i = 1; i < MAX; i++) {
		kit_hang_up(&clients[i]);
	}
	kit_close(&kit);
}

static void test_no_descriptors(void)
{
	enum { CLIENTS = 5 };
	struct kit kit = {0};
	struct rlimit before, tight;
	struct net_counters counters = {0};
	int fds[CLIENTS];
	kit_open(&kit, 1, NULL, NULL);
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_port = htons(listener_port(kit.listener)),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	for (unsigned i = 0; i < CLIENTS; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	REQUIRE("limit", getrlimit(RLIMIT_NOFILE, &before) == 0);
	tight = before;
	tight.rlim_cur = 3;
	REQUIRE("limit", setrlimit(RLIMIT_NOFILE, &tight) == 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		CHECK("the kernel connects all the same",
			connect(fds[i], (const struct sockaddr *)&in, sizeof(in)) == 0);
	}
	kit_turns(&kit, 450);
	net_counters(kit.net, 0, &counters);
	CHECK("EMFILE is noticed", counters.accept_errors >= 1);
	CHECK("and does not spin", counters.accept_errors <= 450 / NET_ACCEPT_BACKOFF_MS + 2);
	CHECK("nobody is accepted", atomic_load(&kit.app.accepted) == 0);
	REQUIRE("limit", setrlimit(RLIMIT_NOFILE, &before) == 0);
	CHECK("those who waited come in", kit_wait(&kit, &kit.app.secure, CLIENTS));
	for (unsigned i = 0; i < CLIENTS; i++) {
		(void)close(fds[i]);
	}
	kit_close(&kit);
}

static void test_raise_nofile(void)
{
	struct rlimit limit;
	uint64_t before = 0, now = 0;
	REQUIRE("limit", getrlimit(RLIMIT_NOFILE, &limit) == 0);
	rlim_t low = limit.rlim_max > 256 ? 256 : limit.rlim_max;
	REQUIRE("limit",
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = low, .rlim_max = limit.rlim_max}) == 0);
	CHECK("raised", net_raise_nofile(&before, &now) == ERR_OK);
	CHECK("from", before == low);
	CHECK("to", now == limit.rlim_max);
	REQUIRE("limit", setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

int main(void)
{
	test_refused_places();
	test_families();
	test_stop_and_start();
	test_refusals();
	test_limits(false);
	test_limits(true);
	test_no_descriptors();
	test_raise_nofile();
	return test_result();
}
