/*
 * test_tls_ticket.c - Goal: a ticket opens whole, under its own binding, while its key and itself are young enough, and in no
 * other way; and of two tickets of one connection only the first that opens counts.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "broker/net/tls_ticket.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "broker/net/io_tls.h"
#include "broker/net/net_private.h"
#include "net_kit.h"
#include "tests/test.h"

#define TEXT 140u /* about what the library's part is */

struct ticket {
	uint8_t name[TICKET_NAME_BYTES], iv[TICKET_IV_BYTES], mac[TICKET_MAC_BYTES];
	uint8_t text[TICKET_TEXT_BYTES_MAX + TICKET_DIGEST_BYTES + 64];
	size_t len;
};

static const uint8_t here[TICKET_BINDING_BYTES] = {1}, elsewhere[TICKET_BINDING_BYTES] = {2};

static struct ticket_parts parts_of(struct ticket *ticket)
{
	return (struct ticket_parts){ticket->name, ticket->iv, ticket->mac, ticket->text, ticket->len};
}

static struct ticket_facts facts_of(uint32_t expires_at_s)
{
	struct ticket_facts facts = {
		.client = {.evidence = TLS_EVIDENCE_CHAIN}, .proved_at_s = 77, .expires_at_s = expires_at_s};

	memset(facts.client.chain, 0xc4, sizeof(facts.client.chain));
	return facts;
}

static void fill(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		out[i] = (uint8_t)(i * 7 + 3);
	}
}

static void seal(
	struct ticket_ring *ring, uint32_t now_s, uint32_t expires_at_s, size_t len, struct ticket *out)
{
	struct ticket_facts facts = facts_of(expires_at_s);

	*out = (struct ticket){.len = len};
	fill(out->text, len);
	struct ticket_parts parts = parts_of(out);

	REQUIRE("seal", ticket_seal(ring, now_s, here, &facts, &parts) == ERR_OK);
	REQUIRE("the digest is behind the text", parts.text_len == len + TICKET_DIGEST_BYTES);
	out->len = parts.text_len;
}

static enum err try_open(
	struct ticket_ring *ring, uint32_t now_s, const uint8_t *binding, const struct ticket *ticket)
{
	struct ticket copy = *ticket;
	struct ticket_parts parts = parts_of(&copy);
	struct ticket_facts facts;
	uint8_t plain[TICKET_TEXT_BYTES_MAX];

	memset(&facts, 0xee, sizeof(facts));
	enum err err = ticket_open(ring, now_s, binding, &parts, &facts);

	if (err == ERR_OK) {
		fill(plain, parts.text_len);
		CHECK("as it was", parts.text_len == ticket->len - TICKET_DIGEST_BYTES &&
					   memcmp(copy.text, plain, parts.text_len) == 0);
		CHECK("the facts", facts.client.evidence == TLS_EVIDENCE_CHAIN && facts.proved_at_s == 77 &&
					   facts.client.chain[0] == 0xc4 && facts.client.chain[31] == 0xc4);
	} else {
		CHECK("nothing is opened", memcmp(copy.text, ticket->text, ticket->len) == 0 &&
						   parts.text_len == ticket->len &&
						   facts.proved_at_s == 0xeeeeeeee);
	}
	return err;
}

static void test_whole_or_not(void)
{
	struct ticket_ring *ring = NULL, *other = NULL;
	struct ticket ticket, bent;

	REQUIRE("new", ticket_ring_new(&ring) == ERR_OK && ticket_ring_new(&other) == ERR_OK);
	seal(ring, 100, 200, TEXT, &ticket);
	CHECK("opens", try_open(ring, 150, here, &ticket) == ERR_OK);
	CHECK("opens again", try_open(ring, 199, here, &ticket) == ERR_OK);
	CHECK("expired", try_open(ring, 200, here, &ticket) == ERR_DENIED);
	CHECK("another binding", try_open(ring, 150, elsewhere, &ticket) == ERR_DENIED);
	CHECK("another process", try_open(other, 150, here, &ticket) == ERR_DENIED);
	struct {
		const char *name;
		uint8_t *at;
		size_t len;
	} regions[] = {{"key name", bent.name, TICKET_NAME_BYTES}, {"IV", bent.iv, TICKET_IV_BYTES},
		{"text and digest", bent.text, ticket.len}, {"tag and trailer", bent.mac, TICKET_MAC_BYTES}};

	for (size_t i = 0; i < ARRAY_COUNT(regions); i++) {
		for (size_t bit = 0; bit < regions[i].len * 8; bit++) {
			bent = ticket;
			regions[i].at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
			CHECK(regions[i].name, try_open(ring, 150, here, &bent) == ERR_DENIED);
		}
	}
	for (size_t len = 0; len <= sizeof(ticket.text); len++) {
		bent = ticket;
		bent.len = len;
		CHECK("cut or longer",
			try_open(ring, 150, here, &bent) == (len == ticket.len ? ERR_OK : ERR_DENIED));
	}
	ticket_ring_free(ring);
	ticket_ring_free(other);
	ticket_ring_free(NULL);
}

static void test_sizes(void)
{
	struct ticket_ring *ring = NULL;
	struct ticket ticket = {.len = TICKET_TEXT_BYTES_MAX + 1};
	struct ticket_facts facts = facts_of(10);
	struct ticket_parts parts = parts_of(&ticket);

	REQUIRE("new", ticket_ring_new(&ring) == ERR_OK);
	CHECK("max + 1", ticket_seal(ring, 1, here, &facts, &parts) == ERR_LIMIT);
	seal(ring, 1, 10, TICKET_TEXT_BYTES_MAX, &ticket);
	CHECK("max", try_open(ring, 2, here, &ticket) == ERR_OK);
	seal(ring, 1, 10, 0, &ticket);
	CHECK("nothing but the facts", try_open(ring, 2, here, &ticket) == ERR_OK);
	ticket_ring_free(ring);
}

static void test_rotation(void)
{
	struct ticket_ring *ring = NULL;
	struct ticket first, last, second, third;

	REQUIRE("new", ticket_ring_new(&ring) == ERR_OK);
	seal(ring, 1000, UINT32_MAX, TEXT, &first);
	seal(ring, 1000 + TLS_TICKET_KEY_S - 1, UINT32_MAX, TEXT, &last);
	CHECK("one key for its period", memcmp(first.name, last.name, TICKET_NAME_BYTES) == 0);
	CHECK("another nonce", memcmp(first.iv, last.iv, AEAD_NONCE_BYTES) != 0);
	seal(ring, 1000 + TLS_TICKET_KEY_S, UINT32_MAX, TEXT, &second);
	CHECK("then another key", memcmp(first.name, second.name, TICKET_NAME_BYTES) != 0);
	CHECK("the key before opens",
		try_open(ring, 1000 + 2 * TLS_TICKET_KEY_S - 1, here, &first) == ERR_OK);
	CHECK("a clock that is a turn behind", try_open(ring, 999, here, &second) == ERR_OK);
	seal(ring, 1000 + 2 * TLS_TICKET_KEY_S, UINT32_MAX, TEXT, &third);
	CHECK("rotated away", try_open(ring, 1000 + 2 * TLS_TICKET_KEY_S, here, &first) == ERR_DENIED);
	CHECK("the key before opens", try_open(ring, 1000 + 2 * TLS_TICKET_KEY_S, here, &second) == ERR_OK);
	CHECK("its own", try_open(ring, 1000 + 2 * TLS_TICKET_KEY_S, here, &third) == ERR_OK);
	/* Also when nobody asks for a ticket meanwhile, and the ring stood still for long. */
	CHECK("two periods later", try_open(ring, 1000 + 4 * TLS_TICKET_KEY_S, here, &third) == ERR_DENIED);
	CHECK("and not again", try_open(ring, 1000 + 2 * TLS_TICKET_KEY_S, here, &third) == ERR_DENIED);
	ticket_ring_free(ring);
}

static void test_life(void)
{
	static const struct {
		const char *name;
		uint32_t now_s, proved_at_s, max_s, want;
	} lives[] = {
		{"just proved", 5000, 5000, UINT32_MAX, TLS_TICKET_LIFE_S},
		{"the certificate ends sooner", 5000, 5000, 7, 7},
		{"the certificate has ended", 5000, 5000, 0, 0},
		{"a day but an hour ago", 5000 + TLS_TICKET_PROOF_S - 3600, 5000, UINT32_MAX, 3600},
		{"a day but a second ago", 5000 + TLS_TICKET_PROOF_S - 1, 5000, UINT32_MAX, 1},
		{"a day ago", 5000 + TLS_TICKET_PROOF_S, 5000, UINT32_MAX, 0},
		{"long ago", UINT32_MAX, 0, UINT32_MAX, 0},
		{"by a clock that is a turn ahead", 5000, 5001, UINT32_MAX, TLS_TICKET_LIFE_S},
	};

	for (size_t i = 0; i < ARRAY_COUNT(lives); i++) {
		CHECK(lives[i].name,
			ticket_life_s(lives[i].now_s, lives[i].proved_at_s, lives[i].max_s) == lives[i].want);
	}
}

static void test_allocation(void)
{
	struct ticket_ring *ring = NULL;
	bool failed = true;

	for (unsigned long n = 1; failed; n++) {
		test_alloc_fail_at(n);
		enum err err = ticket_ring_new(&ring);

		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation", failed ? err == ERR_NOMEM && ring == NULL : err == ERR_OK);
	}
	failed = true;
	for (unsigned long n = 1; failed; n++) {
		struct ticket ticket = {.len = TEXT};
		struct ticket_facts facts = facts_of(10), seen;
		struct ticket_parts parts = parts_of(&ticket);

		test_alloc_fail_at(n);
		bool good = ticket_seal(ring, 1, here, &facts, &parts) == ERR_OK &&
			    ticket_open(ring, 1, here, &parts, &seen) == ERR_OK;

		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation: no ticket, or a good one", failed || good);
	}
	ticket_ring_free(ring);
}

static void *churn(void *ctx)
{
	struct ticket_ring *ring = ctx;
	struct ticket ticket;

	for (uint32_t i = 0; i < 300; i++) {
		/* Rotates under the others' hands. */
		uint32_t now_s = 1000 + i * (TLS_TICKET_KEY_S / 50);

		seal(ring, now_s, UINT32_MAX, TEXT, &ticket);
		enum err err = try_open(ring, now_s, here, &ticket);

		CHECK("opens, or its key is gone", err == ERR_OK || err == ERR_DENIED);
	}
	return NULL;
}

static void test_threads(void)
{
	struct ticket_ring *ring = NULL;
	pthread_t threads[3];

	REQUIRE("new", ticket_ring_new(&ring) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		REQUIRE("thread", pthread_create(&threads[i], NULL, churn, ring) == 0);
	}
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		REQUIRE("joined", pthread_join(threads[i], NULL) == 0);
	}
	ticket_ring_free(ring);
}

/* --- the callback, with tickets as a client could offer them --- */

static struct asked {
	unsigned times;
	uint8_t chain0;
	bool answer;
} asked;

static bool may_resume(struct io *io, const struct tls_resumption *client)
{
	(void)io;
	asked.times++;
	asked.chain0 = client->chain[0];
	return asked.answer;
}

/* A connection in its handshake, as far as the callback looks at it. */
struct stage {
	struct net net;
	struct loop loop;
	struct io io;
	WOLFSSL *ssl;
	const uint8_t *binding;
};

static void stage_open(struct stage *stage, struct ticket_ring *ring, struct tls_context *tls)
{
	static const struct io_calls calls = {.may_resume = may_resume};

	*stage = (struct stage){.net = {.tickets = ring}};
	REQUIRE("loop", uv_loop_init(&stage->loop.uv) == 0);
	stage->loop.net = &stage->net;
	stage->io =
		(struct io){.magic = IO_MAGIC, .phase = IO_HANDSHAKE, .loop = &stage->loop, .calls = &calls};
	stage->io.s.tls = tls;
	stage->ssl = wolfSSL_new(tls_context_library(tls));
	REQUIRE("a TLS object", stage->ssl != NULL);
	stage->io.s.ssl = stage->ssl;
	wolfSSL_SetIOReadCtx(stage->ssl, &stage->io);
	stage->binding = tls_context_ticket_binding(tls);
	asked = (struct asked){.answer = true};
}

static void stage_close(struct stage *stage)
{
	io_ticket_forget(&stage->io);
	wolfSSL_free(stage->ssl);
	CHECK("loop", uv_loop_close(&stage->loop.uv) == 0);
}

static int offer(struct stage *stage, const struct ticket *ticket)
{
	struct ticket copy = *ticket;
	int out_len = (int)copy.len;
	int result = io_ticket_crypt(
		stage->ssl, copy.name, copy.iv, copy.mac, 0, copy.text, (int)copy.len, &out_len, NULL);
	uint8_t plain[TEXT];

	fill(plain, TEXT);
	CHECK("opened only if taken",
		(memcmp(copy.text, plain, TEXT) == 0) == (result == WOLFSSL_TICKET_RET_OK));
	return result;
}

static void make(struct stage *stage, enum tls_evidence evidence, uint8_t chain0, struct ticket *out)
{
	uint32_t now_s = (uint32_t)(uv_now(&stage->loop.uv) / 1000);
	struct ticket_facts facts = {.client = {.evidence = evidence, .chain = {chain0}},
		.proved_at_s = now_s,
		.expires_at_s = now_s + 1000};

	*out = (struct ticket){.len = TEXT};
	fill(out->text, TEXT);
	struct ticket_parts parts = parts_of(out);

	REQUIRE("seal", ticket_seal(stage->net.tickets, now_s, stage->binding, &facts, &parts) == ERR_OK);
	out->len = parts.text_len;
}

/* Offering one's own ticket together with one seen on the wire must not yield the other's evidence. */
static void test_two_tickets(struct ticket_ring *ring, struct tls_context *tls)
{
	struct stage stage;
	struct ticket mine, theirs;

	stage_open(&stage, ring, tls);
	make(&stage, TLS_EVIDENCE_CHAIN, 0xaa, &mine);
	make(&stage, TLS_EVIDENCE_CHAIN, 0xbb, &theirs);
	CHECK("the first", offer(&stage, &mine) == WOLFSSL_TICKET_RET_OK && asked.chain0 == 0xaa);
	CHECK("a second", offer(&stage, &theirs) == WOLFSSL_TICKET_RET_REJECT && asked.times == 1);
	CHECK("RFC 8446 4.1.2 the first in a second hello",
		offer(&stage, &mine) == WOLFSSL_TICKET_RET_OK && asked.chain0 == 0xaa);
	CHECK("what counts", stage.io.opened != NULL);
	stage_close(&stage);

	stage_open(&stage, ring, tls);
	asked.answer = false;
	CHECK("the first, its chain is gone", offer(&stage, &theirs) == WOLFSSL_TICKET_RET_REJECT);
	asked.answer = true;
	CHECK("a second behind it", offer(&stage, &mine) == WOLFSSL_TICKET_RET_REJECT && asked.times == 1);
	stage_close(&stage);
}

static void test_modes(struct ticket_ring *ring, const struct kit_cert *identity)
{
	static const struct {
		const char *name;
		enum tls_client_auth mode;
		enum tls_evidence evidence;
		bool fits;
	} rows[] = {
		{"NEVER, not asked", TLS_CLIENT_AUTH_NEVER, TLS_EVIDENCE_NOT_ASKED, true},
		{"NEVER, none sent", TLS_CLIENT_AUTH_NEVER, TLS_EVIDENCE_NONE_SENT, false},
		{"NEVER, chain", TLS_CLIENT_AUTH_NEVER, TLS_EVIDENCE_CHAIN, false},
		{"OPTIONAL, not asked", TLS_CLIENT_AUTH_OPTIONAL, TLS_EVIDENCE_NOT_ASKED, false},
		{"OPTIONAL, none sent", TLS_CLIENT_AUTH_OPTIONAL, TLS_EVIDENCE_NONE_SENT, true},
		{"OPTIONAL, chain", TLS_CLIENT_AUTH_OPTIONAL, TLS_EVIDENCE_CHAIN, true},
		{"REQUIRED, not asked", TLS_CLIENT_AUTH_REQUIRED, TLS_EVIDENCE_NOT_ASKED, false},
		{"REQUIRED, none sent", TLS_CLIENT_AUTH_REQUIRED, TLS_EVIDENCE_NONE_SENT, false},
		{"REQUIRED, chain", TLS_CLIENT_AUTH_REQUIRED, TLS_EVIDENCE_CHAIN, true},
		{"REQUIRED, an unknown state", TLS_CLIENT_AUTH_REQUIRED, TLS_EVIDENCE_RESUMED, false},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct tls_context *tls = kit_context_for(identity, rows[i].mode, NULL, "CHANNEL");
		struct stage stage;
		struct ticket ticket;

		stage_open(&stage, ring, tls);
		/* Its binding is right: whoever made it, the mode does not believe it. */
		make(&stage, rows[i].evidence, 0, &ticket);
		CHECK(rows[i].name, offer(&stage, &ticket) == (rows[i].fits ? WOLFSSL_TICKET_RET_OK
									    : WOLFSSL_TICKET_RET_REJECT));
		stage.io.phase = IO_OPEN;
		CHECK(rows[i].name, offer(&stage, &ticket) == WOLFSSL_TICKET_RET_REJECT);
		stage_close(&stage);
		tls_context_unref(tls);
	}
}

static void test_bindings(const struct kit_cert *identity, const struct kit_cert *other)
{
	struct tls_context *base = kit_context_for(identity, TLS_CLIENT_AUTH_REQUIRED, NULL, "CHANNEL");
	struct {
		const char *name;
		struct tls_context *tls;
		bool same;
	} rows[] = {
		{"the same", kit_context_for(identity, TLS_CLIENT_AUTH_REQUIRED, NULL, "CHANNEL"), true},
		{"other suites", kit_context_for(identity, TLS_CLIENT_AUTH_REQUIRED, "ANY_TLS13", "CHANNEL"),
			true},
		{"other channel", kit_context_for(identity, TLS_CLIENT_AUTH_REQUIRED, NULL, "CHANNEL2"),
			false},
		{"other SSLCAUTH", kit_context_for(identity, TLS_CLIENT_AUTH_OPTIONAL, NULL, "CHANNEL"),
			false},
		{"other identity", kit_context_for(other, TLS_CLIENT_AUTH_REQUIRED, NULL, "CHANNEL"), false},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		CHECK(rows[i].name,
			(memcmp(tls_context_ticket_binding(base), tls_context_ticket_binding(rows[i].tls),
				 TICKET_BINDING_BYTES) == 0) == rows[i].same);
		tls_context_unref(rows[i].tls);
	}
	tls_context_unref(base);
	base = kit_context_for(identity, TLS_CLIENT_AUTH_REQUIRED, NULL, NULL);
	CHECK("no scope, no tickets", tls_context_ticket_binding(base) == NULL);
	tls_context_unref(base);
	base = kit_context_for(identity, TLS_CLIENT_AUTH_REQUIRED, "ANY_TLS12", "CHANNEL");
	CHECK("no TLS 1.3, no tickets", tls_context_ticket_binding(base) == NULL);
	tls_context_unref(base);
}

static void test_callback(void)
{
	struct kit_cert *identity = kit_cert_new(&(struct kit_cert_options){.name = "broker"});
	struct kit_cert *other = kit_cert_new(&(struct kit_cert_options){.name = "broker"});
	struct tls_context *tls = kit_context_for(identity, TLS_CLIENT_AUTH_REQUIRED, NULL, "CHANNEL");
	struct ticket_ring *ring = NULL;

	REQUIRE("new", ticket_ring_new(&ring) == ERR_OK);
	test_two_tickets(ring, tls);
	test_modes(ring, identity);
	test_bindings(identity, other);
	tls_context_unref(tls);
	ticket_ring_free(ring);
	kit_cert_free(identity);
	kit_cert_free(other);
}

int main(void)
{
	test_whole_or_not();
	test_sizes();
	test_rotation();
	test_life();
	test_allocation();
	test_threads();
	test_callback();
	return test_result();
}
