/*
 * test_net_identities.c - several certificates behind one port, and what happens before the TLS object is there.
 * Owns:    its kits; a temporary folder for what the openssl command says.
 * Threads: main is the control loop; clients are blocking sockets or processes.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "net_kit.h"
#include "tests/test.h"

enum { EC, RSA, OTHER, WILD, OLD, CERTS };
static const char *const subjects[CERTS] = {"the-ec", "the-rsa", "the-other", "the-wild", "the-old"};

static const struct tls_name names_main[] = {{TLS_NAME_DNS, {(const uint8_t *)"main.example", 12}}};
static const struct tls_name names_other[] = {{TLS_NAME_DNS, {(const uint8_t *)"other.example", 13}}};
static const struct tls_name names_wild[] = {{TLS_NAME_DNS, {(const uint8_t *)"*.wild.example", 14}}};

struct shop {
	struct kit_cert *certs[CERTS];
	struct tls_identity identities[CERTS];
};

static void shop_open(struct shop *shop)
{
	static const struct tls_name *const names[CERTS] = {
		names_main, names_main, names_other, names_wild, names_other};
	int64_t now = time(NULL);
	for (size_t i = 0; i < CERTS; i++) {
		shop->certs[i] =
			kit_cert_new(&(struct kit_cert_options){.name = subjects[i], .is_rsa = i == RSA});
		shop->identities[i] = (struct tls_identity){.label = subjects[i],
			.context = kit_context(shop->certs[i], TLS_CLIENT_AUTH_OPTIONAL, NULL),
			.kind = i == RSA ? KEY_RSA : KEY_EC_P256,
			.not_before = now - 1000,
			.not_after = i == OLD ? now - 1 : now + 1000,
			.names = names[i],
			.name_count = 1};
	}
}

static void shop_close(struct shop *shop)
{
	for (size_t i = 0; i < CERTS; i++) {
		tls_context_unref(shop->identities[i].context);
		kit_cert_free(shop->certs[i]);
	}
}

static struct tls_set *set_of(const struct shop *shop, const int *which, size_t count)
{
	struct tls_identity identities[TLS_IDENTITIES_MAX];
	struct tls_set *set = NULL;
	for (size_t i = 0; i < count; i++) {
		identities[i] = shop->identities[which[i]];
	}
	REQUIRE("a set", tls_set_new(identities, count, &set) == ERR_OK);
	return set;
}

static void open_with(struct kit *kit, struct tls_set *set, const struct io_limits *limits)
{
	struct listener_options options = kit_listener(kit, NULL);
	options.tls = set;
	if (limits != NULL) {
		options.limits = *limits;
	}
	kit_open_pool(kit, &(struct net_options){.workers = 1});
	kit_listen(kit, &options);
	tls_set_unref(set); /* the listener has its own */
}

static bool run(const char *command)
{
	int status = system(command); /* no input but our own literals and a port */
	return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* --- a foreign client chooses --- */

static const struct {
	const char *name, *arguments;
	int want; /* -1: the handshake fails */
} rows[] = {
	{"1.3, all that openssl offers: ECDSA", "-tls1_3 -noservername", EC},
	{"1.3, ECDSA only", "-tls1_3 -noservername -sigalgs ECDSA+SHA256", EC},
	{"1.3, RSA only", "-tls1_3 -noservername -sigalgs RSA-PSS+SHA256:RSA+SHA256", RSA},
	{"1.3, neither", "-tls1_3 -noservername -sigalgs ed448", -1},
	{"1.2, all: ECDSA", "-tls1_2 -noservername", EC},
	{"1.2 with an ECDHE-RSA suite only", "-tls1_2 -noservername -cipher ECDHE-RSA-AES128-GCM-SHA256",
		RSA},
	{"1.2 with an ECDHE-ECDSA suite only", "-tls1_2 -noservername -cipher ECDHE-ECDSA-AES256-GCM-SHA384",
		EC},
	{"1.2, RSA signatures only", "-tls1_2 -noservername -sigalgs RSA+SHA256", RSA},
	{"1.2, a curve that the certificate has not", "-tls1_2 -noservername -groups P-384", RSA},
	{"a name of the default", "-servername main.example", EC},
	{"a name of the default, RSA", "-servername main.example -sigalgs RSA-PSS+SHA256", RSA},
	{"another name", "-servername other.example", OTHER},
	{"another name, 1.2", "-servername OTHER.example -tls1_2", OTHER},
	{"another name, no key for it", "-servername other.example -sigalgs RSA-PSS+SHA256", -1},
	{"a wildcard", "-servername a.wild.example", WILD},
	{"not the wildcard's parent", "-servername wild.example", EC},
	{"an unknown name", "-servername nobody.example", EC},
	{"HelloRetryRequest keeps the choice", "-servername other.example -tls1_3 -groups X448:P-256", OTHER},
};

static void test_rows(const struct shop *shop, const char *folder)
{
	static const int all[] = {EC, RSA, OTHER, WILD, OLD};
	struct kit kit = {0};
	unsigned handshakes = 0;
	open_with(&kit, set_of(shop, all, ARRAY_COUNT(all)), NULL);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char command[1024];
		(void)snprintf(command, sizeof(command),
			"cd '%s' && echo Q | timeout 15 openssl s_client -connect 127.0.0.1:%u %s >out "
			"2>err; "
			"grep -qE '^ *0 s:.*CN *= *%s$' out",
			folder, listener_port(kit.listener), rows[i].arguments,
			rows[i].want >= 0 ? subjects[rows[i].want] : "the-[a-z]*");
		CHECK(rows[i].name, run(command) == (rows[i].want >= 0));
		CHECK(rows[i].name, kit_wait(&kit, &kit.app.closed, (unsigned)i + 1));
		handshakes += rows[i].want >= 0 ? 1 : 0;
		CHECK(rows[i].name, atomic_load(&kit.app.secure) == handshakes);
		if (rows[i].want < 0) {
			CHECK(rows[i].name, atomic_load(&kit.app.last_failure) == TLS_FAILURE_CIPHER);
		}
	}
	kit_close(&kit);
}

/* --- time and swaps --- */

static void test_expired(const struct shop *shop)
{
	static const int old[] = {OLD};
	struct kit kit = {0};
	struct kit_client client;
	open_with(&kit, set_of(shop, old, 1), NULL);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("no expired certificate is served",
		!kit_tls(&client, &(struct kit_client_options){.version = 13}));
	CHECK("handshake_failure", client.alert == 40);
	kit_hang_up(&client);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("by name", atomic_load(&kit.app.last_failure) == TLS_FAILURE_NO_IDENTITY);
	CHECK("and why", atomic_load(&kit.app.last_why) == IO_CLOSE_TLS && atomic_load(&kit.app.secure) == 0);
	kit_close(&kit);
}

/* What counts is the set at the hello, not at the accept. */
static void test_swap(const struct shop *shop, const char *folder)
{
	static const int first[] = {EC}, second[] = {OTHER};
	struct kit kit = {0};
	char command[512];
	open_with(&kit, set_of(shop, first, 1), NULL);
	/* s_client connects at once; -starttls would wait: a raw client is there before the swap, and speaks after it. */
	struct kit_client early;
	REQUIRE("connect", kit_connect(&early, listener_port(kit.listener)));
	CHECK("accepted", kit_wait(&kit, &kit.app.accepted, 1));
	struct tls_set *fresh = set_of(shop, second, 1);
	listener_set_tls(kit.listener, fresh);
	tls_set_unref(fresh);
	CHECK("the early one is served", kit_tls(&early, &(struct kit_client_options){.version = 13}));
	CHECK("secure", kit_wait(&kit, &kit.app.secure, 1));
	(void)snprintf(command, sizeof(command),
		"cd '%s' && echo Q | timeout 15 openssl s_client -connect 127.0.0.1:%u >out 2>err; "
		"grep -qE '^ *0 s:.*CN *= *%s$' out",
		folder, listener_port(kit.listener), subjects[OTHER]);
	CHECK("the new one is served", run(command));
	kit_goodbye(&early);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 2));
	kit_close(&kit);
}

/* RFC 8446 5.1: what the peek has put together goes to the TLS library as it came, and the handshake holds. */
static void test_fragmented(const struct shop *shop)
{
	static const int one[] = {EC};
	static const struct {
		int version;
		size_t part;
		bool want;
	} parts[] = {
		{12, 1, false}, /* more than HELLO_RECORDS_MAX */
		{12, 4, true},
		{12, 50, true},
		{13, 15, false},
		{13, 25, true},
		{13, 100, true},
		{13, 1400, true},
	};
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		struct kit kit = {.app = {.echo = true}};
		struct kit_client client;
		char in[8] = "";
		open_with(&kit, set_of(shop, one, 1), NULL);
		REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
		bool through = kit_tls(&client, &(struct kit_client_options){.version = parts[i].version,
							.hello_part = parts[i].part});
		CHECK("a hello in parts", through == parts[i].want);
		if (through != parts[i].want) {
			(void)printf("  TLS 1.%d in parts of %zu: %s\n", parts[i].version - 10, parts[i].part,
				kit.app.detail);
		}
		if (through) {
			CHECK("and all behind it", kit_send(&client, bytes_text("hello")) &&
							   kit_recv_exactly(&client, in, 5) &&
							   memcmp(in, "hello", 5) == 0);
		}
		kit_goodbye(&client);
		CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
		CHECK("too many parts", through || atomic_load(&kit.app.last_failure) == TLS_FAILURE_HELLO);
		kit_close(&kit);
	}
}

/* --- before the TLS object --- */

static const struct {
	const char *name, *hex;
	enum tls_failure want;
	uint8_t alert; /* 0: not a byte comes back */
} hellos[] = {
	{"an empty record", "16 0301 0000", TLS_FAILURE_HELLO, 50},
	{"a record too long", "16 0301 4001", TLS_FAILURE_HELLO, 22},
	{"a hello too large", "16 0301 0004 01 004001", TLS_FAILURE_HELLO, 40},
	{"no hello", "16 0301 0004 0e 000000", TLS_FAILURE_HELLO, 10},
	{"an empty hello", "16 0301 0004 01 000000", TLS_FAILURE_HELLO, 50},
	{"MQTT", "101000044d515454", TLS_FAILURE_NOT_TLS, 0},
	{"HTTP", "474554202f20485454502f312e310d0a0d0a", TLS_FAILURE_NOT_TLS, 0},
};

static void test_bad_hellos(const struct shop *shop)
{
	static const int one[] = {EC};
	struct kit kit = {0};
	open_with(&kit, set_of(shop, one, 1), NULL);
	for (size_t i = 0; i < ARRAY_COUNT(hellos); i++) {
		const char *row = hellos[i].name;
		struct test_bytes hello = test_hex(hellos[i].hex);
		struct kit_client client;
		enum kit_end end = KIT_OPEN;
		uint8_t in[16] = {0};
		REQUIRE(row, kit_connect(&client, listener_port(kit.listener)));
		CHECK(row, kit_send(&client, test_bytes_view(&hello)));
		size_t n = 0, got = 0;
		do {
			got = kit_recv(&client, in + n, sizeof(in) - n, &end);
			n += got;
		} while (got > 0 && n < sizeof(in));
		/* RFC 8446 6: a fatal alert in a record of its own, then the end. */
		const uint8_t want[] = {0x15, 3, 3, 0, 2, 2, hellos[i].alert};
		CHECK(row, hellos[i].alert == 0 ? n == 0 : n == sizeof(want) && memcmp(in, want, n) == 0);
		CHECK(row, end == KIT_FIN);
		kit_hang_up(&client);
		CHECK(row, kit_wait(&kit, &kit.app.closed, (unsigned)i + 1));
		CHECK(row, atomic_load(&kit.app.last_failure) == (unsigned)hellos[i].want);
		CHECK(row, atomic_load(&kit.app.last_why) == IO_CLOSE_TLS);
	}
	CHECK("nobody was secure", atomic_load(&kit.app.secure) == 0);
	kit_close(&kit);
}

static size_t heap_in_use(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

/* What a client costs that has connected, and one that has said half a hello: no TLS object yet. */
static void test_idle_memory(const struct shop *shop)
{
	enum { CLIENTS = 200 };
	static const int one[] = {EC};
	static const size_t per_client_max = 4096;
	struct kit kit = {0};
	struct kit_client clients[CLIENTS];
	uint8_t half[300] = {0x16, 0x03, 0x01, 0x01, 0xf4, 0x01, 0x00, 0x01, 0xf0, 0x03, 0x03};
	open_with(&kit, set_of(shop, one, 1), NULL);
	REQUIRE("the first", kit_connect(&clients[0], listener_port(kit.listener)));
	REQUIRE("accepted", kit_wait(&kit, &kit.app.accepted, 1));
	size_t before = heap_in_use();
	for (unsigned i = 1; i < CLIENTS; i++) {
		REQUIRE("connect", kit_connect(&clients[i], listener_port(kit.listener)));
	}
	REQUIRE("accepted", kit_wait(&kit, &kit.app.accepted, CLIENTS));
	size_t silent = heap_in_use();
	for (unsigned i = 1; i < CLIENTS; i++) {
		REQUIRE("half a hello", kit_send(&clients[i], bytes_of(half, sizeof(half))));
	}
	struct net_counters counters;
	uint64_t want = (uint64_t)(CLIENTS - 1) * sizeof(half);
	do {
		kit_turns(&kit, 5);
		net_counters(kit.net, 0, &counters);
	} while (counters.bytes_in < want);
	size_t halves = heap_in_use();
	size_t a = silent > before ? (silent - before) / (CLIENTS - 1) : 0;
	size_t b = halves > before ? (halves - before) / (CLIENTS - 1) : 0;
	(void)printf("  heap per connection before the hello: silent %zu bytes, with %zu bytes of it %zu\n",
		a, sizeof(half), b);
	CHECK("no TLS object for a silent client", a < per_client_max);
	CHECK("nor for half a hello", b < per_client_max + sizeof(half));
	for (unsigned i = 0; i < CLIENTS; i++) {
		kit_hang_up(&clients[i]);
	}
	CHECK("closed", kit_wait(&kit, &kit.app.closed, CLIENTS));
	/* For comparison: those whose hello was whole, and answered. */
	uint8_t hello[4096];
	size_t len = kit_hello(13, hello, sizeof(hello));
	before = heap_in_use();
	for (unsigned i = 0; i < CLIENTS; i++) {
		enum kit_end end = KIT_OPEN;
		uint8_t first = 0;
		REQUIRE("connect", kit_connect(&clients[i], listener_port(kit.listener)));
		REQUIRE("a whole hello", kit_send(&clients[i], bytes_of(hello, len)));
		REQUIRE("an answer", kit_recv(&clients[i], &first, 1, &end) == 1 && first == 22);
	}
	size_t answered = heap_in_use();
	size_t c = answered > before ? (answered - before) / CLIENTS : 0;
	(void)printf("  and behind it, with a TLS object in its handshake: %zu bytes\n", c);
	/* A sanitizer's allocator does not tell. */
	CHECK("which is much more", answered == 0 || c > 4 * a);
	for (unsigned i = 0; i < CLIENTS; i++) {
		kit_hang_up(&clients[i]);
	}
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 2 * CLIENTS));
	kit_close(&kit);
}

int main(void)
{
	struct shop shop = {0};
	const char *folder = test_folder();
	shop_open(&shop);
	test_expired(&shop);
	test_bad_hellos(&shop);
	test_idle_memory(&shop);
	test_fragmented(&shop);
	if (run("openssl version >/dev/null 2>&1")) {
		test_rows(&shop, folder);
		test_swap(&shop, folder);
	} else {
		(void)printf("  no openssl command: the rows of a foreign client were not run\n");
	}
	shop_close(&shop);
	return test_result();
}
