/*
 * test_tickets.c - TLS 1.3 tickets of our own making: when they are made, how large, what a veto does, and what wolfSSL leaves
 * to us: it binds a ticket to no context, and asks about every identity that a client offers.
 * Owns:    its certificates and pairs; a "key" that only this test could take for one.
 * Never:   shows how to seal a ticket: broker/net/tls_ticket.c does.
 * Threads: one.
 */
#include "pair.h"

#include <stdio.h>
#include <string.h>

static struct pki_cert identity, device;

/* What the callback did, and is to do. */
static struct {
	int seals, opens;
	int answer_seal, answer_open;
	int in_len, room;
	size_t extra; /* octets of ours behind wolfSSL's */
	int version;
} seen;

static int crypt_ticket(WOLFSSL *ssl, unsigned char name[WOLFSSL_TICKET_NAME_SZ],
	unsigned char iv[WOLFSSL_TICKET_IV_SZ], unsigned char mac[WOLFSSL_TICKET_MAC_SZ], int encrypt,
	unsigned char *text, int in_len, int *out_len, void *ctx)
{
	(void)ctx;
	seen.version = wolfSSL_version(ssl);
	if (encrypt) {
		seen.seals++;
		seen.in_len = in_len;
		seen.room = *out_len;
		memset(name, 1, WOLFSSL_TICKET_NAME_SZ);
		memset(iv, 2, 12); /* four octets of the IV may stay zero */
		memset(mac, 3, WOLFSSL_TICKET_MAC_SZ);
		memset(text + in_len, 4, seen.extra);
		*out_len = in_len + (int)seen.extra;
	} else {
		seen.opens++;
		CHECK("all of it comes back", name[0] == 1 && iv[0] == 2 && iv[12] == 0 && mac[31] == 3);
		*out_len = in_len - (int)seen.extra;
		CHECK("what is ours too", seen.extra == 0 || (text[*out_len] ^ 0xa5) == 4);
	}
	for (int i = 0; i < in_len + (encrypt ? (int)seen.extra : 0); i++) {
		text[i] ^= 0xa5;
	}
	return encrypt ? seen.answer_seal : seen.answer_open;
}

static WOLFSSL_CTX *server_ctx(enum sslcauth cauth)
{
	WOLFSSL_CTX *ctx = recipe_ticket_ctx(&identity, cauth, crypt_ticket);
	require(ctx != NULL, "the recipe with tickets");
	return ctx;
}

/* A first connection; its session. tickets: how many are sent behind Finished. */
static WOLFSSL_SESSION *first(const char *row, WOLFSSL_CTX *server, WOLFSSL_CTX *client, int tickets)
{
	struct pair pair;
	uint8_t octet;
	pair_open(&pair, server, client);
	pair_handshake(&pair);
	CHECK(row, pair.server_done && pair.client_done);
	CHECK_INT("none in the handshake", seen.seals, 0);
	for (int i = 0; i < tickets; i++) {
		CHECK_INT(row, wolfSSL_send_SessionTicket(pair.server), WOLFSSL_SUCCESS);
	}
	CHECK_INT("one call each", seen.seals, tickets);
	CHECK(row, pair_talk(&pair));
	(void)pair_client_read(&pair, &octet, 1);
	WOLFSSL_SESSION *session = wolfSSL_get1_session(pair.client);
	pair_close(&pair);
	return session;
}

struct outcome {
	bool done, reused;
	int certs;
	unsigned long asked;
};

static struct outcome resume(
	WOLFSSL_CTX *server, WOLFSSL_CTX *client, WOLFSSL_SESSION *session, bool psk_ke_only)
{
	struct pair pair;
	pair_open(&pair, server, client);
	(void)wolfSSL_set_session(pair.client, session);
	if (psk_ke_only) {
		(void)wolfSSL_no_dhe_psk(pair.client);
	}
	pair_handshake(&pair);
	CHECK("both sides agree",
		!pair.server_done || !pair.client_done ||
			wolfSSL_session_reused(pair.server) == wolfSSL_session_reused(pair.client));
	struct outcome outcome = {.done = pair.server_done,
		.reused = pair.server_done && wolfSSL_session_reused(pair.server) != 0,
		.certs = pair.evidence.count,
		.asked = pair.evidence.calls};
	pair_close(&pair);
	return outcome;
}

static void reset(size_t extra)
{
	memset(&seen, 0, sizeof(seen));
	seen.extra = extra;
	seen.answer_seal = seen.answer_open = WOLFSSL_TICKET_RET_OK;
}

static void test_resumes(void)
{
	static const char row[] = "a ticket with 32 octets of ours";
	WOLFSSL_CTX *server = server_ctx(SSLCAUTH_REQUIRED);
	WOLFSSL_CTX *client = client_ctx_new(13, &device, NULL, 0);
	reset(32);
	WOLFSSL_SESSION *session = first(row, server, client, 1);
	CHECK("room for 32 more", seen.room == seen.in_len + 32);
	CHECK("the text is no larger than we bound it", seen.in_len <= 512);
	struct outcome outcome = resume(server, client, session, false);
	CHECK(row, outcome.done && outcome.reused);
	CHECK_INT("the callback for certificates does not run", outcome.asked, 0);
	CHECK_INT("opened once", seen.opens, 1);
	CHECK_INT("TLS 1.3 is known when it opens", seen.version, TLS1_3_VERSION);

	seen.answer_open = WOLFSSL_TICKET_RET_REJECT;
	outcome = resume(server, client, session, false);
	CHECK("a veto: a full handshake", outcome.done && !outcome.reused);
	CHECK_INT("with its certificate", outcome.certs, 1);

	seen.answer_open = WOLFSSL_TICKET_RET_OK;
	outcome = resume(server, client, session, true);
	CHECK("RFC 8446 4.2.9 psk_ke, no new key exchange: refused", !outcome.done && !outcome.reused);
	wolfSSL_SESSION_free(session);
	wolfSSL_CTX_free(client);
	wolfSSL_CTX_free(server);
}

/* Why tickets are sealed with the channel, SSLCAUTH and identity as context. */
static void test_unbound(void)
{
	WOLFSSL_CTX *never = server_ctx(SSLCAUTH_NEVER);
	WOLFSSL_CTX *required = server_ctx(SSLCAUTH_REQUIRED);
	WOLFSSL_CTX *client = client_ctx_new(13, NULL, NULL, 0);
	reset(0);
	WOLFSSL_SESSION *session = first("NEVER", never, client, 1);
	struct outcome outcome = resume(required, client, session, false);
	CHECK("wolfSSL takes a NEVER session where a certificate is required",
		outcome.done && outcome.reused);
	CHECK_INT("and asks for none", outcome.asked, 0);
	wolfSSL_SESSION_free(session);
	wolfSSL_CTX_free(client);
	wolfSSL_CTX_free(required);
	wolfSSL_CTX_free(never);
}

static void test_seal_veto(void)
{
	struct pair pair;
	WOLFSSL_CTX *server = server_ctx(SSLCAUTH_NEVER);
	WOLFSSL_CTX *client = client_ctx_new(13, NULL, NULL, 0);
	reset(0);
	seen.answer_seal = WOLFSSL_TICKET_RET_FATAL;
	pair_open(&pair, server, client);
	pair_handshake(&pair);
	CHECK("a veto on sealing fails the call", wolfSSL_send_SessionTicket(pair.server) != WOLFSSL_SUCCESS);
	pair_close(&pair);
	wolfSSL_CTX_free(client);
	wolfSSL_CTX_free(server);
}

static void test_tls_12(void)
{
	WOLFSSL_CTX *server = server_ctx(SSLCAUTH_OPTIONAL);
	WOLFSSL_CTX *client = client_ctx_new(12, NULL, NULL, 0);
	require(wolfSSL_CTX_UseSessionTicket(client) == WOLFSSL_SUCCESS, "a client that wants tickets");
	reset(0);
	WOLFSSL_SESSION *session = first("TLS 1.2 makes none", server, client, 0);
	struct outcome outcome = resume(server, client, session, false);
	CHECK("TLS 1.2 resumes nothing", outcome.done && !outcome.reused);
	CHECK_INT("and asks nothing", seen.seals + seen.opens, 0);
	wolfSSL_SESSION_free(session);
	wolfSSL_CTX_free(client);
	wolfSSL_CTX_free(server);
}

int main(void)
{
	require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	pki_make(&identity, &(struct pki_spec){.name = "broker"});
	pki_make(&device, &(struct pki_spec){.name = "device"});
	test_resumes();
	test_unbound();
	test_seal_veto();
	test_tls_12();
	pki_free(&identity), pki_free(&device);
	(void)wolfSSL_Cleanup();
	return check_result();
}
