/*
 * pair.c - a TLS server and a client joined in memory: see pair.h.
 * Owns:    the queues and the evidence of a pair.
 * Never:   opens a socket, reads a file, links anything of ours.
 * Threads: one.
 */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- checks ---- */

struct totals {
	unsigned long done, failed;
};

static struct totals *totals(void)
{
	static struct totals all; /* of a test program: the one thing that check() has to remember */
	return &all;
}

void check(const char *file, int line, const char *row, const char *what, bool good)
{
	totals()->done++;
	if (!good) {
		totals()->failed++;
		(void)printf("%s:%d: %s: not true: %s\n", file, line, row, what);
	}
}

void check_int(const char *file, int line, const char *row, const char *what, long seen, long want)
{
	totals()->done++;
	if (seen != want) {
		totals()->failed++;
		(void)printf("%s:%d: %s: %s is %ld, wanted %ld\n", file, line, row, what, seen, want);
	}
}

void require(bool good, const char *what)
{
	if (!good) {
		(void)printf("cannot go on: %s\n", what);
		exit(1);
	}
}

int check_result(void)
{
	(void)printf("%lu checks, %lu failed (wolfSSL %s)\n", totals()->done, totals()->failed,
		wolfSSL_lib_version());
	return totals()->done > 0 && totals()->failed == 0 ? 0 : 1;
}

/* ---- evidence ---- */

static bool evidence_add(struct evidence *evidence, const WOLFSSL_BUFFER_INFO *cert)
{
	if (evidence->count >= EVIDENCE_CERTS_MAX || cert->length == 0 ||
		cert->length > EVIDENCE_BYTES_MAX - evidence->bytes) {
		return false;
	}
	uint8_t *copy = malloc(cert->length);
	if (copy == NULL) {
		return false;
	}
	memcpy(copy, cert->buffer, cert->length);
	evidence->der[evidence->count] = copy;
	evidence->der_len[evidence->count] = cert->length;
	evidence->bytes += cert->length;
	evidence->count++;
	return true;
}

static bool evidence_equals(const struct evidence *evidence, const WOLFSSL_X509_STORE_CTX *store)
{
	bool same = evidence->count == store->totalCerts;
	for (int i = 0; same && i < evidence->count; i++) {
		same = evidence->der_len[i] == store->certs[i].length &&
		       memcmp(evidence->der[i], store->certs[i].buffer, evidence->der_len[i]) == 0;
	}
	return same;
}

int evidence_copy(int preverify, WOLFSSL_X509_STORE_CTX *store)
{
	struct evidence *evidence = store->userCtx;
	(void)preverify;
	evidence->calls++;
	if (store->totalCerts == 0) {
		return 1; /* the client sent an empty list: there is no certs[0] */
	}
	evidence->seen |= 1UL << (unsigned)store->error_depth;
	if (evidence->first_error == 0) {
		evidence->first_error = store->error;
	}
	/* The whole chain is there at every call, so the first call copies all and the others compare. */
	if (evidence->count == 0 && !evidence->broken) {
		for (int i = 0; i < store->totalCerts && !evidence->broken; i++) {
			evidence->broken = !evidence_add(evidence, &store->certs[i]);
		}
	} else if (!evidence->broken) {
		evidence->broken = !evidence_equals(evidence, store);
	}
	/* Always 1: the verdict falls after Finished, and "broken" refuses there. */
	return 1;
}

static void evidence_clear(struct evidence *evidence)
{
	for (int i = 0; i < evidence->count; i++) {
		free(evidence->der[i]);
	}
	*evidence = (struct evidence){0};
}

/* ---- contexts ---- */

/* No ticket is ever made or opened here. Without this, wolfSSL would use its own keys. */
static int refuse_tickets(WOLFSSL *ssl, unsigned char name[WOLFSSL_TICKET_NAME_SZ],
	unsigned char iv[WOLFSSL_TICKET_IV_SZ], unsigned char mac[WOLFSSL_TICKET_MAC_SZ], int is_enc,
	unsigned char *ticket, int in_len, int *out_len, void *ctx)
{
	(void)ssl, (void)name, (void)iv, (void)mac, (void)is_enc, (void)ticket, (void)in_len, (void)out_len,
		(void)ctx;
	/* On decrypt: no ticket, so a full handshake. Encrypt is never asked for. */
	return WOLFSSL_TICKET_RET_REJECT;
}

static int queue_recv(WOLFSSL *ssl, char *buf, int size, void *ctx);
static int queue_send(WOLFSSL *ssl, char *buf, int size, void *ctx);

static bool set_tickets(WOLFSSL_CTX *ctx, SessionTicketEncCb tickets)
{
	if (tickets == NULL) {
		return wolfSSL_CTX_no_ticket_TLSv13(ctx) == 0 && /* 0 is success here */
		       wolfSSL_CTX_set_TicketEncCb(ctx, refuse_tickets) == WOLFSSL_SUCCESS;
	}
	return wolfSSL_CTX_only_dhe_psk(ctx) == 0 && /* and here */
	       wolfSSL_CTX_set_TicketEncCb(ctx, tickets) == WOLFSSL_SUCCESS;
}

static bool recipe_set(
	WOLFSSL_CTX *ctx, const struct pki_cert *identity, enum sslcauth cauth, SessionTicketEncCb tickets)
{
	/* 1. Versions: 1.2 and 1.3, nothing older (nothing older is compiled in either). */
	if (wolfSSL_CTX_SetMinVersion(ctx, WOLFSSL_TLSV1_2) != WOLFSSL_SUCCESS) {
		return false;
	}
	/* 2. Resumption of every kind off, but for tickets that we are asked to send. */
	if (wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF) != WOLFSSL_SUCCESS ||
		wolfSSL_CTX_NoTicketTLSv12(ctx) != WOLFSSL_SUCCESS ||
		wolfSSL_CTX_set_num_tickets(ctx, 0) != WOLFSSL_SUCCESS || !set_tickets(ctx, tickets)) {
		return false;
	}
	/* 3. Who we are. Chain and key as DER; no CA is loaded, ever. */
	if (wolfSSL_CTX_use_certificate_chain_buffer_format(
		    ctx, identity->der, (long)identity->der_len, WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS ||
		wolfSSL_CTX_use_PrivateKey_buffer(ctx, identity->key, (long)identity->key_len,
			WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS) {
		return false;
	}
	/* 4. What is asked of the client. */
	switch (cauth) {
	case SSLCAUTH_NEVER: wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL); break;
	case SSLCAUTH_OPTIONAL: wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER, evidence_copy); break;
	case SSLCAUTH_REQUIRED:
		wolfSSL_CTX_set_verify(
			ctx, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, evidence_copy);
		break;
	}
	/* 5. Bytes come and go through queues. */
	wolfSSL_CTX_SetIORecv(ctx, queue_recv);
	wolfSSL_CTX_SetIOSend(ctx, queue_send);
	return true;
}

WOLFSSL_CTX *recipe_server_ctx(const struct pki_cert *identity, enum sslcauth cauth)
{
	return recipe_ticket_ctx(identity, cauth, NULL);
}

WOLFSSL_CTX *recipe_ticket_ctx(
	const struct pki_cert *identity, enum sslcauth cauth, SessionTicketEncCb tickets)
{
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfSSLv23_server_method());
	if (ctx != NULL && !recipe_set(ctx, identity, cauth, tickets)) {
		wolfSSL_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

WOLFSSL_CTX *client_ctx_new(
	int version, const struct pki_cert *cert, const struct pki_cert *const *chain, size_t chain_count)
{
	WOLFSSL_METHOD *method = version == 12   ? wolfTLSv1_2_client_method()
				 : version == 13 ? wolfTLSv1_3_client_method()
						 : wolfSSLv23_client_method();
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method);
	require(ctx != NULL, "a client context");
	wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
	wolfSSL_CTX_SetIORecv(ctx, queue_recv);
	wolfSSL_CTX_SetIOSend(ctx, queue_send);
	if (cert != NULL) {
		size_t len = cert->der_len;
		for (size_t i = 0; i < chain_count; i++) {
			len += chain[i]->der_len;
		}
		uint8_t *all = malloc(len);
		require(all != NULL, "memory");
		memcpy(all, cert->der, cert->der_len);
		size_t at = cert->der_len;
		for (size_t i = 0; i < chain_count; i++) {
			memcpy(all + at, chain[i]->der, chain[i]->der_len);
			at += chain[i]->der_len;
		}
		require(wolfSSL_CTX_use_certificate_chain_buffer_format(
				ctx, all, (long)len, WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS,
			"the client's chain");
		free(all);
		require(wolfSSL_CTX_use_PrivateKey_buffer(ctx, cert->key, (long)cert->key_len,
				WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS,
			"the client's key");
	}
	return ctx;
}

/* ---- the queues ---- */

void pair_use_queues(WOLFSSL_CTX *ctx)
{
	wolfSSL_CTX_SetIORecv(ctx, queue_recv);
	wolfSSL_CTX_SetIOSend(ctx, queue_send);
}

static int queue_recv(WOLFSSL *ssl, char *buf, int size, void *ctx)
{
	struct queue *queue = ctx;
	(void)ssl;
	size_t left = queue->len - queue->pos;
	if (left == 0) {
		return queue->is_closed ? WOLFSSL_CBIO_ERR_CONN_CLOSE : WOLFSSL_CBIO_ERR_WANT_READ;
	}
	queue->turn = !queue->turn;
	if (queue->stutter && queue->turn) {
		return WOLFSSL_CBIO_ERR_WANT_READ;
	}
	size_t take = (size_t)size < left ? (size_t)size : left;
	if (queue->grain != 0 && take > queue->grain) {
		take = queue->grain;
	}
	memcpy(buf, queue->data + queue->pos, take);
	queue->pos += take;
	if (queue->pos == queue->len) {
		queue->pos = queue->len = 0;
	}
	return (int)take;
}

static int queue_send(WOLFSSL *ssl, char *buf, int size, void *ctx)
{
	struct queue *queue = ctx;
	(void)ssl;
	if (queue->is_closed) {
		return WOLFSSL_CBIO_ERR_CONN_CLOSE;
	}
	queue->turn = !queue->turn;
	if (queue->stutter && queue->turn) {
		return WOLFSSL_CBIO_ERR_WANT_WRITE;
	}
	size_t take = (size_t)size;
	if (queue->grain != 0 && take > queue->grain) {
		take = queue->grain;
	}
	if (take > QUEUE_BYTES_MAX - queue->len) {
		return WOLFSSL_CBIO_ERR_WANT_WRITE;
	}
	memcpy(queue->data + queue->len, buf, take);
	queue->len += take;
	return (int)take;
}

/* ---- the pair ---- */

void pair_open(struct pair *pair, WOLFSSL_CTX *server_ctx, WOLFSSL_CTX *client_ctx)
{
	*pair = (struct pair){0};
	pair->to_server.data = malloc(QUEUE_BYTES_MAX);
	pair->to_client.data = malloc(QUEUE_BYTES_MAX);
	pair->server = wolfSSL_new(server_ctx);
	pair->client = wolfSSL_new(client_ctx);
	require(pair->to_server.data != NULL && pair->to_client.data != NULL && pair->server != NULL &&
			pair->client != NULL,
		"a pair");
	wolfSSL_SetIOReadCtx(pair->server, &pair->to_server);
	wolfSSL_SetIOWriteCtx(pair->server, &pair->to_client);
	wolfSSL_SetIOReadCtx(pair->client, &pair->to_client);
	wolfSSL_SetIOWriteCtx(pair->client, &pair->to_server);
	/* 6. The connection's own evidence; this is store->userCtx in the callback. */
	wolfSSL_SetCertCbCtx(pair->server, &pair->evidence);
}

void pair_close(struct pair *pair)
{
	wolfSSL_free(pair->server);
	wolfSSL_free(pair->client);
	free(pair->to_server.data);
	free(pair->to_client.data);
	evidence_clear(&pair->evidence);
	*pair = (struct pair){0};
}

/* Ended for good: neither done nor waiting for bytes. */
static bool end_failed(int error)
{
	return error != 0 && error != WOLFSSL_ERROR_WANT_READ && error != WOLFSSL_ERROR_WANT_WRITE;
}

static void server_step(struct pair *pair)
{
	if (pair->server_done || end_failed(pair->server_error)) {
		return;
	}
	int result = wolfSSL_accept(pair->server);
	pair->server_done = result == WOLFSSL_SUCCESS;
	pair->server_error = pair->server_done ? 0 : wolfSSL_get_error(pair->server, result);
	pair->server_wants_read += pair->server_error == WOLFSSL_ERROR_WANT_READ;
	pair->server_wants_write += pair->server_error == WOLFSSL_ERROR_WANT_WRITE;
}

static void client_step(struct pair *pair)
{
	if (end_failed(pair->client_error)) {
		return;
	}
	if (!pair->client_done) {
		int result = wolfSSL_connect(pair->client);
		pair->client_done = result == WOLFSSL_SUCCESS;
		pair->client_error = pair->client_done ? 0 : wolfSSL_get_error(pair->client, result);
	} else if (end_failed(pair->server_error)) {
		/* In TLS 1.3 the client is done first: a refusal reaches it at its first read. */
		uint8_t octet;
		(void)pair_client_read(pair, &octet, 1);
	}
}

void pair_handshake(struct pair *pair)
{
	/* One byte and one stutter a step, both ways, at the largest handshake: far below this. */
	enum { STEPS_MAX = 2 * QUEUE_BYTES_MAX };
	for (long step = 0; step < STEPS_MAX; step++) {
		size_t before =
			pair->to_server.len - pair->to_server.pos + pair->to_client.len - pair->to_client.pos;
		bool was_done = pair->server_done && pair->client_done;
		client_step(pair);
		server_step(pair);
		size_t after =
			pair->to_server.len - pair->to_server.pos + pair->to_client.len - pair->to_client.pos;
		if (was_done || (end_failed(pair->server_error) && end_failed(pair->client_error))) {
			break;
		}
		bool waits =
			!pair->to_server.stutter && !pair->to_client.stutter && before == after && after == 0;
		if (waits && (pair->server_done || end_failed(pair->server_error)) &&
			(pair->client_done || end_failed(pair->client_error))) {
			break;
		}
		if (waits && step > 8) {
			break; /* nothing moves any more: one end waits for ever */
		}
	}
}

int pair_server_read(struct pair *pair, void *into, int size)
{
	int result = wolfSSL_read(pair->server, into, size);
	pair->server_error = result > 0 ? 0 : wolfSSL_get_error(pair->server, result);
	return result;
}

int pair_client_read(struct pair *pair, void *into, int size)
{
	int result = wolfSSL_read(pair->client, into, size);
	pair->client_error = result > 0 ? 0 : wolfSSL_get_error(pair->client, result);
	return result;
}

bool pair_talk(struct pair *pair)
{
	char octet = 0;
	return wolfSSL_write(pair->client, "?", 1) == 1 && pair_server_read(pair, &octet, 1) == 1 &&
	       octet == '?' && wolfSSL_write(pair->server, "!", 1) == 1 &&
	       pair_client_read(pair, &octet, 1) == 1 && octet == '!';
}

int alert_received(WOLFSSL *ssl)
{
	WOLFSSL_ALERT_HISTORY history;
	return wolfSSL_get_alert_history(ssl, &history) == WOLFSSL_SUCCESS ? history.last_rx.code : -1;
}

int alert_sent(WOLFSSL *ssl)
{
	WOLFSSL_ALERT_HISTORY history;
	return wolfSSL_get_alert_history(ssl, &history) == WOLFSSL_SUCCESS ? history.last_tx.code : -1;
}
