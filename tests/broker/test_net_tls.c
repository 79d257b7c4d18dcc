/*
 * test_net_tls.c - TLS connections: who gets through the handshake, what is known of him, how each refusal looks.
 * Owns:    its certificates and kits.
 * Threads: main is the control loop and the client.
 *
 * The handshake proves possession and copies the chain; it judges nothing, so a self-signed certificate passes here
 * and is refused by the gate behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net_kit.h"
#include "tests/test.h"

struct pki {
	struct kit_cert *root, *identity, *issuing, *device, *self, *v1, *other, *rsa, *fat_ca, *fat;
};

static void pki_open(struct pki *pki)
{
	pki->root = kit_cert_new(&(struct kit_cert_options){.name = "root", .is_ca = true});
	pki->identity = kit_cert_new(&(struct kit_cert_options){.name = "broker", .issuer = pki->root});
	pki->issuing = kit_cert_new(
		&(struct kit_cert_options){.name = "issuing", .issuer = pki->root, .is_ca = true});
	pki->device = kit_cert_new(&(struct kit_cert_options){.name = "device", .issuer = pki->issuing});
	pki->self = kit_cert_new(&(struct kit_cert_options){.name = "self"});
	pki->v1 = kit_cert_new(&(struct kit_cert_options){.name = "old", .is_version_1 = true});
	pki->other = kit_cert_new(&(struct kit_cert_options){.name = "other"});
	pki->rsa = kit_cert_new(&(struct kit_cert_options){.name = "rsa", .is_rsa = true});
	/* Each less than half of TLS_CHAIN_BYTES_MAX by its padding, and with it both too much. */
	pki->fat_ca = kit_cert_new(&(struct kit_cert_options){.name = "fat CA",
		.issuer = pki->root,
		.is_ca = true,
		.padding = TLS_CHAIN_BYTES_MAX / 2 - 300});
	pki->fat = kit_cert_new(&(struct kit_cert_options){
		.name = "fat", .issuer = pki->fat_ca, .padding = TLS_CHAIN_BYTES_MAX / 2 - 300});
}

static void pki_close(struct pki *pki)
{
	kit_cert_free(pki->root), kit_cert_free(pki->identity), kit_cert_free(pki->issuing);
	kit_cert_free(pki->device), kit_cert_free(pki->self), kit_cert_free(pki->v1);
	kit_cert_free(pki->other), kit_cert_free(pki->rsa);
	kit_cert_free(pki->fat_ca), kit_cert_free(pki->fat);
}

/* --- the matrix --- */

enum who { NOBODY, ISSUED, SELF_SIGNED };
static const struct {
	const char *name;
	enum tls_client_auth client_auth;
	enum who who;
	bool want;
	enum tls_evidence evidence;
	unsigned chain;
} rows[] = {
	{"NEVER, none", TLS_CLIENT_AUTH_NEVER, NOBODY, true, TLS_EVIDENCE_NOT_ASKED, 0},
	{"NEVER, has one", TLS_CLIENT_AUTH_NEVER, ISSUED, true, TLS_EVIDENCE_NOT_ASKED, 0},
	{"NEVER, self-signed", TLS_CLIENT_AUTH_NEVER, SELF_SIGNED, true, TLS_EVIDENCE_NOT_ASKED, 0},
	{"OPTIONAL, none", TLS_CLIENT_AUTH_OPTIONAL, NOBODY, true, TLS_EVIDENCE_NONE_SENT, 0},
	{"OPTIONAL, issued", TLS_CLIENT_AUTH_OPTIONAL, ISSUED, true, TLS_EVIDENCE_CHAIN, 2},
	{"OPTIONAL, self-signed", TLS_CLIENT_AUTH_OPTIONAL, SELF_SIGNED, true, TLS_EVIDENCE_CHAIN, 1},
	{"REQUIRED, none", TLS_CLIENT_AUTH_REQUIRED, NOBODY, false, TLS_EVIDENCE_NONE_SENT, 0},
	{"REQUIRED, issued", TLS_CLIENT_AUTH_REQUIRED, ISSUED, true, TLS_EVIDENCE_CHAIN, 2},
	{"REQUIRED, self-signed", TLS_CLIENT_AUTH_REQUIRED, SELF_SIGNED, true, TLS_EVIDENCE_CHAIN, 1},
};

static void check_admitted(const char *row, struct kit *kit, struct kit_client *client, int version)
{
	char in[8] = "";
	CHECK(row, kit_wait(kit, &kit->app.secure, 1));
	CHECK(row, atomic_load(&kit->app.last_version) ==
			   (unsigned)(version == 12 ? TLS_VERSION_12 : TLS_VERSION_13));
	CHECK(row, strncmp(kit->app.cipher, "TLS_", 4) == 0);
	CHECK(row, kit_send(client, bytes_text("hello")));
	CHECK(row, kit_recv_exactly(client, in, 5) && memcmp(in, "hello", 5) == 0);
	kit_goodbye(client);
	CHECK(row, kit_wait(kit, &kit->app.closed, 1));
	CHECK(row, atomic_load(&kit->app.last_why) == IO_CLOSE_PEER);
}

static void test_matrix(const struct pki *pki, int version)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *row = rows[i].name;
		const struct kit_cert *cert = rows[i].who == ISSUED        ? pki->device
					      : rows[i].who == SELF_SIGNED ? pki->self
									   : NULL;
		struct kit kit = {.app = {.echo = true}};
		struct kit_client client;
		struct tls_context *tls = kit_context(pki->identity, rows[i].client_auth, NULL);
		if (cert != NULL) {
			kit.app.want_leaf = kit_cert_der(cert);
		}
		kit_open(&kit, 1, tls, NULL);
		tls_context_unref(tls); /* the listener has its own */
		REQUIRE(row, kit_connect(&client, listener_port(kit.listener)));
		bool good = kit_tls(&client, &(struct kit_client_options){.version = version,
						     .cert = cert,
						     .issuing = rows[i].who == ISSUED ? pki->issuing : NULL});
		/* In TLS 1.3 the client is through before the server looks at its certificate. */
		CHECK(row, good == rows[i].want || (version == 13 && !rows[i].want));
		if (rows[i].want) {
			check_admitted(row, &kit, &client, version);
			CHECK(row, atomic_load(&kit.app.last_evidence) == rows[i].evidence);
			CHECK(row, atomic_load(&kit.app.last_chain) == rows[i].chain);
			CHECK(row, atomic_load(&kit.app.leaf_matches) == (rows[i].chain > 0));
		} else {
			CHECK(row, !good || kit_drain(&client) == KIT_ALERT);
			CHECK(row, client.alert == (version == 13 ? 116 : 40));
			kit_hang_up(&client);
			CHECK(row, kit_wait(&kit, &kit.app.closed, 1));
			CHECK(row, atomic_load(&kit.app.last_why) == IO_CLOSE_TLS);
			CHECK(row, atomic_load(&kit.app.last_failure) == TLS_FAILURE_NO_CERTIFICATE);
			CHECK(row, atomic_load(&kit.app.secure) == 0);
		}
		kit_close(&kit);
	}
}

/* --- refusals by name --- */

static void test_failures(const struct pki *pki)
{
	const struct {
		const char *name;
		const char *sslciph;
		struct kit_client_options client;
		enum tls_failure want;
	} table[] = {
		{"the client does not trust us, 1.3", NULL, {.version = 13, .trust_nobody = true},
			TLS_FAILURE_PEER_UNKNOWN_CA},
		{"the client does not trust us, 1.2", NULL, {.version = 12, .trust_nobody = true},
			TLS_FAILURE_PEER_UNKNOWN_CA},
		{"1.2 at a 1.3 channel", "ANY_TLS13", {.version = 12}, TLS_FAILURE_VERSION},
		{"1.3 at a 1.2 channel: the client gives up", "ANY_TLS12", {.version = 13},
			TLS_FAILURE_PEER_ALERT},
		{"no common suite, 1.2", "ECDHE_ECDSA_AES_256_GCM_SHA384",
			{.version = 12, .suites = "ECDHE-ECDSA-AES128-GCM-SHA256"}, TLS_FAILURE_CIPHER},
		{"no common suite, 1.3", "TLS_AES_256_GCM_SHA384",
			{.version = 13, .suites = "TLS13-AES128-GCM-SHA256"}, TLS_FAILURE_CIPHER},
		{"another protocol by ALPN", NULL, {.version = 13, .alpn = "http/1.1"}, TLS_FAILURE_ALPN},
		{"another protocol by ALPN, 1.2", NULL, {.version = 12, .alpn = "http/1.1"},
			TLS_FAILURE_ALPN},
		{"a stolen certificate, 1.3", NULL,
			{.version = 13, .cert = pki->self, .foreign_key = pki->other}, TLS_FAILURE_PROOF},
		{"a stolen certificate, 1.2", NULL,
			{.version = 12, .cert = pki->self, .foreign_key = pki->other}, TLS_FAILURE_PROOF},
		{"a chain over TLS_CHAIN_BYTES_MAX, 1.3", NULL,
			{.version = 13, .cert = pki->fat, .issuing = pki->fat_ca},
			TLS_FAILURE_CERTIFICATE_LIMIT},
		{"a chain over TLS_CHAIN_BYTES_MAX, 1.2", NULL,
			{.version = 12, .cert = pki->fat, .issuing = pki->fat_ca},
			TLS_FAILURE_CERTIFICATE_LIMIT},
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		const char *row = table[i].name;
		struct kit kit = {0};
		struct kit_client client;
		struct tls_context *tls =
			kit_context(pki->identity, TLS_CLIENT_AUTH_OPTIONAL, table[i].sslciph);
		kit_open(&kit, 1, tls, NULL);
		tls_context_unref(tls);
		REQUIRE(row, kit_connect(&client, listener_port(kit.listener)));
		if (kit_tls(&client, &table[i].client)) {
			CHECK(row, kit_drain(&client) != KIT_OPEN);
		}
		kit_hang_up(&client);
		CHECK(row, kit_wait(&kit, &kit.app.closed, 1));
		CHECK(row, atomic_load(&kit.app.last_why) == IO_CLOSE_TLS);
		CHECK(row, atomic_load(&kit.app.last_failure) == (unsigned)table[i].want);
		if (atomic_load(&kit.app.last_failure) != (unsigned)table[i].want) {
			(void)printf("  seen: %s (%s)\n",
				tls_failure_name((enum tls_failure)atomic_load(&kit.app.last_failure)),
				kit.app.detail);
		}
		CHECK(row, atomic_load(&kit.app.secure) == 0 && kit.app.detail[0] != '\0');
		struct net_counters counters;
		net_counters(kit.net, 0, &counters);
		CHECK(row, counters.handshake_failures == 1 && counters.handshakes == 0);
		kit_close(&kit);
	}
}

static void test_accepted_variants(const struct pki *pki)
{
	const struct {
		const char *name;
		const char *sslciph;
		struct kit_client_options client;
		const char *cipher;
	} table[] = {
		{"ALPN mqtt", NULL, {.version = 13, .alpn = "mqtt"}, "TLS_AES_128_GCM_SHA256"},
		{"ALPN mqtt among others", NULL, {.version = 12, .alpn = "http/1.1,mqtt"},
			"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
		{"X25519", NULL, {.version = 13, .group = 29}, "TLS_AES_128_GCM_SHA256"},
		{"P-256", NULL, {.version = 13, .group = 23}, "TLS_AES_128_GCM_SHA256"},
		{"X25519MLKEM768", NULL, {.version = 13, .group = 4588}, "TLS_AES_128_GCM_SHA256"},
		{"P-256 in 1.2", NULL, {.version = 12, .group = 23},
			"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
		{"one suite", "TLS_CHACHA20_POLY1305_SHA256", {.version = 13},
			"TLS_CHACHA20_POLY1305_SHA256"},
		{"a JSSE name", "SSL_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", {.version = 12},
			"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"},
		{"an RSA device", NULL, {.version = 13, .cert = pki->rsa}, "TLS_AES_128_GCM_SHA256"},
		/* The library would refuse it (-141), but for the callback's 1: that is the gate's to do. */
		{"an X.509 v1 device, for the gate to refuse", NULL, {.version = 13, .cert = pki->v1},
			"TLS_AES_128_GCM_SHA256"},
		{"an RSA device, 1.2", NULL, {.version = 12, .cert = pki->rsa},
			"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		const char *row = table[i].name;
		struct kit kit = {.app = {.echo = true}};
		struct kit_client client;
		struct tls_context *tls =
			kit_context(pki->identity, TLS_CLIENT_AUTH_OPTIONAL, table[i].sslciph);
		kit_open(&kit, 1, tls, NULL);
		tls_context_unref(tls);
		REQUIRE(row, kit_connect(&client, listener_port(kit.listener)));
		CHECK(row, kit_tls(&client, &table[i].client));
		check_admitted(row, &kit, &client, table[i].client.version);
		CHECK(row, strcmp(kit.app.cipher, table[i].cipher) == 0);
		if (strcmp(kit.app.cipher, table[i].cipher) != 0) {
			(void)printf("  seen: %s\n", kit.app.cipher);
		}
		kit_close(&kit);
	}
}

/* --- behaviour around the handshake --- */

static void open_gate(struct io *io, struct app *app)
{
	(void)app;
	io_open_gate(io);
}

static void test_gate(const struct pki *pki, int version)
{
	struct kit kit = {.app = {.gate_shut = true}};
	struct kit_client client;
	struct tls_context *tls = kit_context(pki->identity, TLS_CLIENT_AUTH_NEVER, NULL);
	kit_open(&kit, 1, tls, NULL);
	tls_context_unref(tls);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("handshake", kit_tls(&client, &(struct kit_client_options){.version = version}));
	/* Directly behind Finished, perhaps in the same segment. */
	uint8_t flood[10000] = {0};
	CHECK("send", kit_send(&client, bytes_of(flood, sizeof(flood))));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	kit_turns(&kit, 80);
	CHECK("no application byte before the gate", atomic_load(&kit.app.data_calls) == 0);
	kit_on_loop(&kit, open_gate);
	while (atomic_load(&kit.app.bytes) < sizeof(flood)) {
		REQUIRE("all of it behind the gate", kit_wait(&kit, &kit.app.data_calls, 1));
		kit_turns(&kit, 5);
	}
	atomic_store(&kit.app.early_data, 0); /* opened here, not by on_secure */
	CHECK("not a byte more", atomic_load(&kit.app.bytes) == sizeof(flood));
	kit_hang_up(&client);
	kit_close(&kit);
}

static void test_refusal_is_seen(const struct pki *pki, int version)
{
	struct kit kit = {.app = {.gate_shut = true, .close_at_once = true}};
	struct kit_client client;
	char in[16] = "";
	uint8_t junk[30000] = {0};
	struct tls_context *tls = kit_context(pki->identity, TLS_CLIENT_AUTH_NEVER, NULL);
	kit_open(&kit, 1, tls, NULL);
	tls_context_unref(tls);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("handshake", kit_tls(&client, &(struct kit_client_options){.version = version}));
	CHECK("sends meanwhile", kit_send(&client, bytes_of(junk, sizeof(junk))));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	CHECK("and after", kit_send(&client, bytes_of(junk, sizeof(junk))));
	CHECK("the last word", kit_recv_exactly(&client, in, 8) && memcmp(in, "no entry", 8) == 0);
	CHECK("close_notify, and no reset hides it", kit_drain(&client) == KIT_CLOSE_NOTIFY);
	kit_hang_up(&client);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("nothing handed on", atomic_load(&kit.app.data_calls) == 0);
	kit_close(&kit);
}

static void test_slow_and_flooding(const struct pki *pki)
{
	struct kit kit = {0};
	struct kit_client client;
	struct tls_context *tls = kit_context(pki->identity, TLS_CLIENT_AUTH_OPTIONAL, NULL);
	kit_open(&kit, 1, tls, &(struct io_limits){.handshake_ms = 600, .handshake_bytes_max = 2000});
	tls_context_unref(tls);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	const uint8_t start[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01};
	for (size_t i = 0; i < sizeof(start); i++) {
		(void)kit_send(
			&client, bytes_of(&start[i], 1)); /* on a busy machine it is cut before the last */
		kit_turns(&kit, 10);
	}
	CHECK("slow loris: cut", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("by the clock", atomic_load(&kit.app.last_why) == IO_CLOSE_TIMEOUT);
	kit_hang_up(&client);

	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("says nothing at all", kit_wait(&kit, &kit.app.closed, 2));
	CHECK("by the clock", atomic_load(&kit.app.last_why) == IO_CLOSE_TIMEOUT);
	kit_hang_up(&client);

	/* A hello that announces 16 kB and goes on and on. */
	uint8_t big[3000] = {0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x00, 0x3f, 0xfc};
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("send", kit_send(&client, bytes_of(big, sizeof(big))));
	CHECK("handshake_bytes_max: cut", kit_wait(&kit, &kit.app.closed, 3));
	CHECK("as a flood", atomic_load(&kit.app.last_why) == IO_CLOSE_FLOOD);
	CHECK("with a reset", kit_drain(&client) == KIT_RESET);
	kit_hang_up(&client);
	kit_close(&kit);
}

static void test_not_tls(const struct pki *pki)
{
	struct kit kit = {0};
	struct kit_client client;
	struct tls_context *tls = kit_context(pki->identity, TLS_CLIENT_AUTH_OPTIONAL, NULL);
	kit_open(&kit, 1, tls, NULL);
	tls_context_unref(tls);
	/* MQTT CONNECT in the clear. */
	struct test_bytes connect = test_hex("101000044d5154540402003c00046465763100");
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("send", kit_send(&client, test_bytes_view(&connect)));
	CHECK("ended", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("not TLS", atomic_load(&kit.app.last_failure) == TLS_FAILURE_NOT_TLS);
	kit_hang_up(&client);
	/* And one that leaves in the middle. */
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	kit_hang_up(&client);
	CHECK("ended", kit_wait(&kit, &kit.app.closed, 2));
	CHECK("by the peer", atomic_load(&kit.app.last_why) == IO_CLOSE_PEER);
	kit_close(&kit);
}

static void test_byte_by_byte(const struct pki *pki, int version)
{
	struct kit kit = {.app = {.echo = true, .want_leaf = kit_cert_der(pki->device)}};
	struct kit_client client;
	struct tls_context *tls = kit_context(pki->identity, TLS_CLIENT_AUTH_REQUIRED, NULL);
	kit_open(&kit, 1, tls, NULL);
	tls_context_unref(tls);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	CHECK("handshake", kit_tls(&client, &(struct kit_client_options){.version = version,
						    .cert = pki->device,
						    .issuing = pki->issuing,
						    .byte_by_byte = true}));
	check_admitted("byte by byte", &kit, &client, version);
	CHECK("the whole chain", atomic_load(&kit.app.last_chain) == 2 && atomic_load(&kit.app.leaf_matches));
	kit_close(&kit);
}

/* What io_backlog_bytes() says includes the records' own bytes: an owner who stops by it must be told to go on. */
static void test_mark(const struct pki *pki)
{
	enum { MARK = 40000 };
	struct kit kit = {.app = {.push_bytes = MARK - 1}};
	struct kit_client client;
	uint8_t in[MARK];
	struct tls_context *tls = kit_context(pki->identity, TLS_CLIENT_AUTH_NEVER, NULL);
	kit_open(&kit, 1, tls, &(struct io_limits){.backlog_mark_bytes = MARK});
	tls_context_unref(tls);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("handshake", kit_tls(&client, &(struct kit_client_options){.version = 13}));
	CHECK("all arrives", kit_recv_exactly(&client, in, MARK - 1));
	CHECK("a byte below the mark, and above it as records", kit_wait(&kit, &kit.app.drained, 1));
	kit_goodbye(&client);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	kit_close(&kit);
}

/* A client that vanishes after each so many bytes of its part of the handshake: once closed, nothing left. */
static void test_vanishes_everywhere(const struct pki *pki, int version)
{
	enum { STEP = 17, MAX = 4000 };
	struct kit kit = {0};
	struct tls_context *tls = kit_context(pki->identity, TLS_CLIENT_AUTH_REQUIRED, NULL);
	kit_open(&kit, 2, tls, NULL);
	tls_context_unref(tls);
	bool done = false;
	unsigned tries = 0;
	for (size_t n = 1; n < MAX && !done; n += STEP) {
		struct kit_client client;
		REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
		done = kit_tls(&client, &(struct kit_client_options){.version = version,
						.cert = pki->device,
						.issuing = pki->issuing,
						.bytes_max = n});
		tries++;
		if (tries % 2 == 0) {
			kit_cut(&client);
		} else {
			kit_hang_up(&client);
		}
	}
	CHECK("the handshake ends somewhere", done && tries > 20);
	CHECK("each is closed", kit_wait(&kit, &kit.app.closed, tries));
	CHECK("only the last may have been through", atomic_load(&kit.app.secure) <= 1);
	kit_close(&kit);
}

static void test_swap(const struct pki *pki)
{
	struct kit kit = {.app = {.echo = true}};
	struct kit_client before, after;
	char in[4] = "";
	struct tls_context *old = kit_context(pki->identity, TLS_CLIENT_AUTH_NEVER, "ANY_TLS12");
	struct tls_context *fresh = kit_context(pki->other, TLS_CLIENT_AUTH_REQUIRED, "ANY_TLS13");
	kit_open(&kit, 2, old, NULL);
	tls_context_unref(old);
	REQUIRE("connect", kit_connect(&before, listener_port(kit.listener)));
	REQUIRE("old", kit_tls(&before, &(struct kit_client_options){.version = 12}));
	REQUIRE("secure", kit_wait(&kit, &kit.app.secure, 1));
	struct tls_set *fresh_set = kit_set(fresh);
	listener_set_tls(kit.listener, fresh_set);
	tls_set_unref(fresh_set);
	tls_context_unref(fresh);
	REQUIRE("connect", kit_connect(&after, listener_port(kit.listener)));
	CHECK("new handshakes get the new one",
		kit_tls(&after, &(struct kit_client_options){.version = 13, .cert = pki->self}));
	CHECK("secure", kit_wait(&kit, &kit.app.secure, 2));
	CHECK("new", atomic_load(&kit.app.last_version) == TLS_VERSION_13);
	CHECK("old ones keep theirs",
		kit_send(&before, bytes_text("old")) && kit_recv_exactly(&before, in, 3));
	kit_goodbye(&before);
	kit_goodbye(&after);
	kit_close(&kit);
}

static void test_large(const struct pki *pki, int version)
{
	enum { PUSH = 2000000 };
	struct kit kit = {.app = {.push_bytes = PUSH}};
	struct kit_client client;
	uint8_t *in = malloc(PUSH);
	REQUIRE("memory", in != NULL);
	struct tls_context *tls = kit_context(pki->identity, TLS_CLIENT_AUTH_NEVER, NULL);
	kit_open(&kit, 1, tls, NULL);
	tls_context_unref(tls);
	REQUIRE("connect", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("handshake", kit_tls(&client, &(struct kit_client_options){.version = version}));
	CHECK("many records", kit_recv_exactly(&client, in, PUSH));
	CHECK("released", kit_wait(&kit, &kit.app.released, 1));
	kit_cut(&client);
	CHECK("closed", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("cut", atomic_load(&kit.app.last_why) == IO_CLOSE_RESET);
	kit_close(&kit);
	free(in);
}

static void test_context_refusals(const struct pki *pki)
{
	struct tls_spec spec;
	struct net_error error;
	struct tls_context *context = NULL;
	struct bytes chain[TLS_CHAIN_CERTIFICATES_MAX + 1];
	REQUIRE("spec", tls_spec_find(NULL, &spec, &error) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(chain); i++) {
		chain[i] = kit_cert_der(pki->identity);
	}
	struct tls_options options = {
		.key_pkcs8 = kit_cert_key(pki->identity), .chain = chain, .chain_count = 1, .spec = spec};
	CHECK("good", tls_context_new(&options, &context, &error) == ERR_OK);
	CHECK("no sentence", error.err == ERR_OK && error.sentence[0] == '\0');
	tls_context_unref(context);
	options.key_pkcs8 = kit_cert_key(pki->other);
	CHECK("another key", tls_context_new(&options, &context, &error) == ERR_INVALID && context == NULL);
	CHECK("a sentence", error.err == ERR_INVALID && error.sentence[0] != '\0');
	options.key_pkcs8 = bytes_text("not a key");
	CHECK("no key", tls_context_new(&options, &context, &error) == ERR_MALFORMED && context == NULL);
	options.key_pkcs8 = kit_cert_key(pki->identity);
	options.chain_count = 0;
	CHECK("no chain", tls_context_new(&options, &context, &error) == ERR_INVALID && context == NULL);
	options.chain_count = TLS_CHAIN_CERTIFICATES_MAX + 1;
	CHECK("max + 1", tls_context_new(&options, &context, &error) == ERR_INVALID && context == NULL);
	options.chain_count = TLS_CHAIN_CERTIFICATES_MAX;
	CHECK("max", tls_context_new(&options, &context, &error) == ERR_OK);
	tls_context_unref(context);
	options.chain_count = 1;
	chain[0].len--;
	CHECK("cut", tls_context_new(&options, &context, &error) == ERR_MALFORMED && context == NULL);
	tls_context_unref(NULL);
	chain[0].len++;
	unsigned long n = 1;
	for (bool failed = true; failed && n < 2000; n++) {
		test_alloc_fail_at(n);
		enum err err = tls_context_new(&options, &context, &error);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation", (err == ERR_OK) == (context != NULL));
		CHECK("it works once none fails", failed || err == ERR_OK);
		tls_context_unref(context);
		context = NULL;
	}
	CHECK("the allocations end", n < 2000);
}

/* RFC 8446 4.6.3: each is answered; who never reads the answers must not fill our memory with them. */
static void test_key_updates(const struct pki *pki)
{
	struct kit kit = {.app = {.echo = true}};
	struct kit_client client;
	struct tls_context *context = kit_context(pki->identity, TLS_CLIENT_AUTH_NEVER, NULL);
	const struct io_limits limits = {.backlog_bytes_max = 65536};
	unsigned sent = 0;
	kit_open(&kit, 1, context, &limits);
	REQUIRE("connected", kit_connect(&client, listener_port(kit.listener)));
	REQUIRE("handshake", kit_tls(&client, &(struct kit_client_options){.version = 13}));
	uint8_t back[4];
	for (unsigned i = 0; i < 1000; i++) {
		REQUIRE("a client that reads may change keys often",
			kit_rekey(&client) && (i % 100 != 0 || (kit_send(&client, bytes_text("ping")) &&
								       kit_recv_exactly(&client, back, 4))));
	}
	while (sent < 3000000 && kit_rekey(&client)) {
		sent++;
	}
	CHECK("one that does not read is cut off", kit_wait(&kit, &kit.app.closed, 1));
	CHECK("for its backlog", atomic_load(&kit.app.last_why) == IO_CLOSE_BACKLOG);
	kit_hang_up(&client);
	kit_close(&kit);
	tls_context_unref(context);
}

int main(void)
{
	struct pki pki;
	pki_open(&pki);
	test_context_refusals(&pki);
	test_matrix(&pki, 12);
	test_matrix(&pki, 13);
	test_failures(&pki);
	test_accepted_variants(&pki);
	test_gate(&pki, 12);
	test_gate(&pki, 13);
	test_refusal_is_seen(&pki, 12);
	test_refusal_is_seen(&pki, 13);
	test_slow_and_flooding(&pki);
	test_not_tls(&pki);
	test_byte_by_byte(&pki, 12);
	test_byte_by_byte(&pki, 13);
	test_vanishes_everywhere(&pki, 12);
	test_vanishes_everywhere(&pki, 13);
	test_swap(&pki);
	test_large(&pki, 12);
	test_large(&pki, 13);
	test_mark(&pki);
	test_key_updates(&pki);
	pki_close(&pki);
	return test_result();
}
