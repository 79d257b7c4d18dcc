/*
 * test_resumption.c - no session made with a context of ours can be resumed, on any context of ours, by any of the three ways.
 * Owns:    its certificates and pairs.
 * Never:   lets a ticket out.
 * Threads: one.
 */
#include "pair.h"

#include <stdio.h>
#include <string.h>

static struct pki_cert identity, device;

static const struct row {
	const char *name;
	enum sslcauth made_on, used_on;
} rows[] = {
	{"NEVER -> NEVER", SSLCAUTH_NEVER, SSLCAUTH_NEVER},
	{"NEVER -> OPTIONAL", SSLCAUTH_NEVER, SSLCAUTH_OPTIONAL},
	{"NEVER -> REQUIRED", SSLCAUTH_NEVER, SSLCAUTH_REQUIRED},
	{"OPTIONAL -> REQUIRED", SSLCAUTH_OPTIONAL, SSLCAUTH_REQUIRED},
	{"REQUIRED -> REQUIRED", SSLCAUTH_REQUIRED, SSLCAUTH_REQUIRED},
	{"REQUIRED -> NEVER", SSLCAUTH_REQUIRED, SSLCAUTH_NEVER},
};

enum kind { SESSION_ID_12, TICKET_12, TICKET_13, KINDS };
static const char *const kind_names[KINDS] = {"1.2 session id", "1.2 ticket", "1.3 ticket"};

static WOLFSSL_CTX *client_ctx(enum kind kind)
{
	WOLFSSL_CTX *ctx = client_ctx_new(kind == TICKET_13 ? 13 : 12, &device, NULL, 0);
	if (kind != SESSION_ID_12) {
		require(wolfSSL_CTX_UseSessionTicket(ctx) == WOLFSSL_SUCCESS, "a client that wants tickets");
	}
	return ctx;
}

/* A first connection; what the client may keep of it. TLS 1.3 tickets come after the handshake: read once. */
static WOLFSSL_SESSION *first_session(WOLFSSL_CTX *server_ctx, WOLFSSL_CTX *client, const char *name)
{
	struct pair pair;
	uint8_t octet;
	pair_open(&pair, server_ctx, client);
	pair_handshake(&pair);
	CHECK(name, pair.server_done && pair.client_done);
	CHECK(name, pair_talk(&pair));
	(void)pair_client_read(&pair, &octet, 1);
	WOLFSSL_SESSION *session = wolfSSL_get1_session(pair.client);
	(void)wolfSSL_shutdown(pair.client);
	(void)wolfSSL_shutdown(pair.server);
	pair_close(&pair);
	return session;
}

static bool try_resume(
	WOLFSSL_CTX *server_ctx, WOLFSSL_CTX *client, WOLFSSL_SESSION *session, bool *is_done, int *certs)
{
	struct pair pair;
	pair_open(&pair, server_ctx, client);
	if (session != NULL) {
		(void)wolfSSL_set_session(pair.client, session);
	}
	pair_handshake(&pair);
	*is_done = pair.server_done;
	*certs = pair.evidence.count;
	bool is_reused = wolfSSL_session_reused(pair.server) != 0 || wolfSSL_session_reused(pair.client) != 0;
	pair_close(&pair);
	return is_reused;
}

static void run_row(const struct row *row, enum kind kind)
{
	char name[96];
	(void)snprintf(name, sizeof(name), "%s, %s", row->name, kind_names[kind]);
	WOLFSSL_CTX *made_on = recipe_server_ctx(&identity, row->made_on);
	WOLFSSL_CTX *used_on = recipe_server_ctx(&identity, row->used_on);
	WOLFSSL_CTX *client = client_ctx(kind);
	require(made_on != NULL && used_on != NULL, "the recipe");
	WOLFSSL_SESSION *session = first_session(made_on, client, name);
	WOLFSSL_CTX *targets[] = {made_on, used_on};
	enum sslcauth cauths[] = {row->made_on, row->used_on};
	for (int i = 0; i < 2; i++) {
		bool is_done = false;
		int certs = -1;
		CHECK(name, !try_resume(targets[i], client, session, &is_done, &certs));
		/* A full handshake instead, with its certificate: nobody is locked out by an old session. */
		CHECK(name, is_done);
		CHECK_INT(name, certs, cauths[i] == SSLCAUTH_NEVER ? 0 : 1);
	}
	wolfSSL_SESSION_free(session);
	wolfSSL_CTX_free(made_on);
	wolfSSL_CTX_free(used_on);
	wolfSSL_CTX_free(client);
}

/* A server context as wolfSSL gives it, with cache and tickets: shows that the test above could fail. */
static WOLFSSL_CTX *careless_ctx(void)
{
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfSSLv23_server_method());
	require(ctx != NULL &&
			wolfSSL_CTX_use_certificate_chain_buffer_format(ctx, identity.der,
				(long)identity.der_len, WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS &&
			wolfSSL_CTX_use_PrivateKey_buffer(ctx, identity.key, (long)identity.key_len,
				WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS,
		"a careless context");
	wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
	pair_use_queues(ctx);
	return ctx;
}

/* Sessions of a context that is not ours lie in the process-wide cache: they must not resume on ours either. */
static void run_control(enum kind kind)
{
	char name[96];
	(void)snprintf(name, sizeof(name), "control, %s", kind_names[kind]);
	WOLFSSL_CTX *careless = careless_ctx();
	WOLFSSL_CTX *required = recipe_server_ctx(&identity, SSLCAUTH_REQUIRED);
	WOLFSSL_CTX *client = client_ctx(kind);
	require(required != NULL, "the recipe");
	WOLFSSL_SESSION *session = first_session(careless, client, name);
	bool is_done = false;
	int certs = -1;
	CHECK(name, try_resume(careless, client, session, &is_done, &certs));
	CHECK(name, !try_resume(required, client, session, &is_done, &certs));
	CHECK_INT(name, certs, is_done ? 1 : 0);
	wolfSSL_SESSION_free(session);
	wolfSSL_CTX_free(careless);
	wolfSSL_CTX_free(required);
	wolfSSL_CTX_free(client);
}

int main(void)
{
	require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	pki_make(&identity, &(struct pki_spec){.name = "broker"});
	pki_make(&device, &(struct pki_spec){.name = "device"});
	for (enum kind kind = SESSION_ID_12; kind < KINDS; kind++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			run_row(&rows[i], kind);
		}
		run_control(kind);
	}
	pki_free(&identity), pki_free(&device);
	(void)wolfSSL_Cleanup();
	return check_result();
}
