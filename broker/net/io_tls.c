/*
 * io_tls.c - the TLS library between two byte queues: handshake, evidence, records.
 * Owns:    the WOLFSSL of a connection and the copy of the peer's chain.
 * Never:   judges a certificate; gives the library a socket.
 * Threads: the loop that holds the connection.
 */
#include <wolfssl/options.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "broker/net/io_tls.h"
#include "broker/net/net_private.h"
#include "broker/net/tls_peer_key.h"

#define DETAIL_BYTES 160u

/* --- what the library calls --- */

int io_tls_recv(WOLFSSL *ssl, char *into, int room, void *ctx)
{
	struct io *io = ctx;
	(void)ssl;
	assert(io->magic == IO_MAGIC);
	if (io->in.len == 0 || room <= 0) {
		return WOLFSSL_CBIO_ERR_WANT_READ;
	}
	struct wire_reader reader = wire_reader_init(io->in);
	struct bytes part = BYTES_NONE;
	size_t take = io->in.len < (size_t)room ? io->in.len : (size_t)room;
	if (wire_get_bytes(&reader, take, &part) != ERR_OK) {
		return WOLFSSL_CBIO_ERR_GENERAL; /* cannot be: take <= len */
	}
	memcpy(into, part.data, part.len);
	io->in = wire_reader_rest(&reader);
	return (int)take;
}

int io_tls_send(WOLFSSL *ssl, char *from, int len, void *ctx)
{
	struct io *io = ctx;
	(void)ssl;
	assert(io->magic == IO_MAGIC);
	/* Always taken whole, so that the library never keeps an output buffer of its own. */
	if (len < 0 || out_queue_copy(&io->s.wire, bytes_of(from, (size_t)len)) != ERR_OK) {
		return WOLFSSL_CBIO_ERR_GENERAL;
	}
	return len;
}

/* The sum of a presented chain's bytes, or 0: too many or too large. */
static size_t chain_bytes(const WOLFSSL_X509_STORE_CTX *store)
{
	size_t sum = 0;
	if (store->totalCerts > (int)TLS_CHAIN_CERTIFICATES_MAX) {
		return 0;
	}
	for (int i = 0; i < store->totalCerts; i++) {
		if (store->certs[i].length > TLS_CHAIN_BYTES_MAX - sum) {
			return 0;
		}
		sum += store->certs[i].length;
	}
	return sum;
}

static struct chain_copy *chain_copy_new(const WOLFSSL_X509_STORE_CTX *store)
{
	size_t sum = chain_bytes(store);
	struct chain_copy *copy = sum == 0 ? NULL : malloc(sizeof(*copy) + sum);
	if (copy == NULL) {
		return NULL;
	}
	uint8_t *into = copy->data;
	copy->count = (size_t)store->totalCerts;
	for (size_t i = 0; i < copy->count; i++) {
		memcpy(into, store->certs[i].buffer, store->certs[i].length);
		copy->certs[i] = bytes_of(into, store->certs[i].length);
		into += store->certs[i].length;
	}
	return copy;
}

static bool chain_is_same(const struct chain_copy *copy, const WOLFSSL_X509_STORE_CTX *store)
{
	bool same = copy->count == (size_t)store->totalCerts;
	for (size_t i = 0; same && i < copy->count; i++) {
		same = bytes_equal(copy->certs[i], bytes_of(store->certs[i].buffer, store->certs[i].length));
	}
	return same;
}

/* What must not be worked on: said in the log as this, and not as what the library makes of it. */
static const struct {
	enum tls_failure failure;
	const char *sentence;
} chain_refusals[] = {
	[CHAIN_UNASKED] = {TLS_FAILURE_RECORD, "a certificate came that was not asked for"},
	[CHAIN_COSTLY] = {TLS_FAILURE_CERTIFICATE_LIMIT,
		"the RSA key of the client's certificate has an exponent of more than 32 bits"},
	[CHAIN_UNREADABLE] = {TLS_FAILURE_CERTIFICATE_MALFORMED, "the client's certificate is malformed"},
};

/* The library would take a certificate that nobody asked for, and check a signature with it (RFC 8446 4.4.2). */
static enum chain_refusal look_at_leaf(const struct io *io, const WOLFSSL_X509_STORE_CTX *store)
{
	if (tls_context_client_auth(io->s.tls) == TLS_CLIENT_AUTH_NEVER) {
		return CHAIN_UNASKED;
	}
	switch (tls_peer_key_look(bytes_of(store->certs[0].buffer, store->certs[0].length))) {
	case TLS_PEER_KEY_BEARABLE: return CHAIN_NOT_REFUSED;
	case TLS_PEER_KEY_COSTLY: return CHAIN_COSTLY;
	case TLS_PEER_KEY_UNREADABLE: break;
	}
	return CHAIN_UNREADABLE;
}

/*
 * Runs more than once per chain, with the whole chain each time; zero times when none came; with none in the store when
 * the client sent an empty list. store->error and preverify say what the library thinks without a single CA, which is
 * nothing: they are not read. The answer is 1, so that what went wrong here refuses after Finished, but for what would cost
 * too much before: 0, which ends the handshake.
 */
int io_tls_copy_chain(int preverify, WOLFSSL_X509_STORE_CTX *store)
{
	struct io *io = store->userCtx;
	(void)preverify;
	assert(io->magic == IO_MAGIC);
	if (store->totalCerts <= 0) {
		return 1;
	}
	io->s.chain_refusal = (uint8_t)look_at_leaf(io, store);
	if (io->s.chain_refusal != CHAIN_NOT_REFUSED) {
		return 0;
	}
	if (io->s.chain_over) {
		return 1;
	}
	if (!io->s.chain_seen) {
		io->s.chain_seen = true;
		io->s.chain = chain_copy_new(store);
		io->s.chain_over = io->s.chain == NULL;
	} else {
		io->s.chain_over = io->s.chain == NULL || !chain_is_same(io->s.chain, store);
	}
	return 1;
}

/* --- a connection's library object --- */

static void bind_to(struct io *io)
{
	wolfSSL_SetIOReadCtx(io->s.ssl, io);
	wolfSSL_SetIOWriteCtx(io->s.ssl, io);
	wolfSSL_SetCertCbCtx(io->s.ssl, io);
}

enum err io_tls_begin(struct io *io)
{
	char protocols[] = "mqtt";
	io->s.ssl = wolfSSL_new(tls_context_library(io->s.tls));
	if (io->s.ssl == NULL) {
		return ERR_NOMEM;
	}
	bind_to(io);
	/* A client that asks for another protocol is at the wrong door; one that asks for none is welcome (RFC 7301). */
	if (wolfSSL_UseALPN(io->s.ssl, protocols, sizeof(protocols) - 1, WOLFSSL_ALPN_FAILED_ON_MISMATCH) !=
		WOLFSSL_SUCCESS) {
		return ERR_NOMEM;
	}
	return ERR_OK;
}

void io_tls_rebind(struct io *io)
{
	if (io->s.ssl != NULL) {
		bind_to(io);
	}
}

void io_tls_free(struct io_state *state)
{
	if (state->ssl != NULL) {
		wolfSSL_free(state->ssl);
		state->ssl = NULL;
	}
}

/* The one place that reads the library's last error. */
enum step { STEP_WAIT, STEP_BYE, STEP_FAILED };
static enum step step_of(struct io *io, int result, int *error)
{
	*error = wolfSSL_get_error(io->s.ssl, result);
	switch (*error) {
	case WOLFSSL_ERROR_WANT_READ:
	case WOLFSSL_ERROR_WANT_WRITE: return STEP_WAIT; /* "write" cannot be: io_tls_send() takes all */
	case WOLFSSL_ERROR_ZERO_RETURN: return STEP_BYE;
	default: return STEP_FAILED;
	}
}

static void failed(struct io *io, int error)
{
	char detail[DETAIL_BYTES] = "";
	WOLFSSL_ALERT_HISTORY alerts;
	int received = -1;
	if (wolfSSL_get_alert_history(io->s.ssl, &alerts) == WOLFSSL_SUCCESS) {
		received = alerts.last_rx.code;
	}
	enum tls_failure failure = tls_failure_of(error, received, detail, sizeof(detail));
	if (io->s.chain_refusal != CHAIN_NOT_REFUSED) {
		failure = chain_refusals[io->s.chain_refusal].failure;
		(void)snprintf(detail, sizeof(detail), "%s", chain_refusals[io->s.chain_refusal].sentence);
	}
	io->s.tls_failure = (uint8_t)failure;
	/* The library queued its alert; it leaves before the connection ends. */
	io->goodbye = true;
	io_end(io, IO_CLOSE_TLS, detail, true);
}

static void finished(struct io *io)
{
	const char *doubt = io_ticket_finished(io);

	io_ticket_forget(io);
	wheel_cancel(io->loop->wheel, &io->timer);
	if (doubt != NULL) {
		io->s.tls_failure = TLS_FAILURE_OTHER;
		io_end(io, IO_CLOSE_TLS, doubt, true);
		return;
	}
	if (io->s.chain_over) {
		io->s.tls_failure = TLS_FAILURE_CERTIFICATE_LIMIT;
		io_end(io, IO_CLOSE_TLS, "the client's chain is over a limit, or changed while it was read",
			true);
		return;
	}
	counter_add(&io->loop->counters.handshakes, 1);
	io->phase = IO_OPEN;
	io->tell_secure = true;
	io_mark(io);
}

static void pump_handshake(struct io *io)
{
	int result = wolfSSL_accept(io->s.ssl);
	if (result == WOLFSSL_SUCCESS) {
		finished(io);
		return;
	}
	int error = 0;
	switch (step_of(io, result, &error)) {
	case STEP_WAIT: io_mark(io); break; /* our flight leaves */
	case STEP_BYE: io_end(io, IO_CLOSE_PEER, "the client left during the handshake", false); break;
	case STEP_FAILED: failed(io, error); break;
	}
}

/*
 * RFC 8446 4.6.3: each key update that asks for one is answered, and the library asks nobody whether there is room. A
 * client that sends them and never reads would make us keep the answers without end.
 */
static void check_answers(struct io *io)
{
	if (io->phase < IO_FLUSHING &&
		io_backlog_bytes(io) > listener_limits(io->s.listener)->backlog_bytes_max) {
		io_end(io, IO_CLOSE_BACKLOG, "the client does not read; its output passed backlog_bytes_max",
			false);
	}
}

void io_tls_pump(struct io *io)
{
	if (io->phase == IO_HANDSHAKE) {
		pump_handshake(io);
		return; /* data behind Finished waits for the gate */
	}
	while (io_may_deliver(io)) {
		int result = wolfSSL_read(io->s.ssl, io->loop->scratch, (int)TLS_RECORD_BYTES);
		if (result > 0) {
			io_deliver(io, bytes_of(io->loop->scratch, (size_t)result));
			continue;
		}
		int error = 0;
		switch (step_of(io, result, &error)) {
		case STEP_WAIT: break;
		case STEP_BYE: io_end(io, IO_CLOSE_PEER, "the client closed", false); break;
		case STEP_FAILED: failed(io, error); break;
		}
		break;
	}
	if (io->s.wire.bytes > 0 && io->phase < IO_FLUSHING) {
		io_mark(io); /* an answer of the library's own, to a key update */
	}
	check_answers(io);
}

bool io_tls_encrypt(struct io *io)
{
	size_t len = out_queue_peek(&io->s.plain, io->loop->scratch, TLS_RECORD_BYTES);
	int result = wolfSSL_write(io->s.ssl, io->loop->scratch, (int)len);
	if (result != (int)len) {
		/* The queue behind io_tls_send() takes all, so this is memory or a broken library: no waiting. */
		int error = 0;
		(void)step_of(io, result, &error);
		io_end(io, IO_CLOSE_NOMEM, "output could not be encrypted", false);
		return false;
	}
	out_queue_consume(&io->s.plain, len);
	return true;
}

void io_tls_goodbye(struct io *io)
{
	if (!io->goodbye && io->s.ssl != NULL && wolfSSL_is_init_finished(io->s.ssl)) {
		(void)wolfSSL_shutdown(io->s.ssl); /* queues close_notify; the peer's is not waited for */
	}
	io->goodbye = true;
}

/* --- questions --- */

enum tls_evidence io_peer_chain(const struct io *io, const struct bytes **chain, size_t *count)
{
	*chain = NULL;
	*count = 0;
	if (io->s.tls == NULL || tls_context_client_auth(io->s.tls) == TLS_CLIENT_AUTH_NEVER) {
		return TLS_EVIDENCE_NOT_ASKED;
	}
	if (io->s.is_resumed) {
		return io->s.resumed == TLS_EVIDENCE_CHAIN ? TLS_EVIDENCE_RESUMED
							   : (enum tls_evidence)io->s.resumed;
	}
	if (!io->s.chain_seen) {
		return TLS_EVIDENCE_NONE_SENT;
	}
	if (io->s.chain != NULL) {
		*chain = io->s.chain->certs;
		*count = io->s.chain->count;
	}
	return TLS_EVIDENCE_CHAIN;
}

void io_drop_chain(struct io *io)
{
	free(io->s.chain);
	io->s.chain = NULL;
}

enum tls_version io_tls_version(const struct io *io)
{
	if (io->s.ssl == NULL) {
		return TLS_VERSION_NONE;
	}
	switch (wolfSSL_version(io->s.ssl)) {
	case TLS1_2_VERSION: return TLS_VERSION_12;
	case TLS1_3_VERSION: return TLS_VERSION_13;
	default: return TLS_VERSION_NONE;
	}
}

const char *io_tls_cipher(const struct io *io)
{
	const char *name = NULL;
	if (io->s.ssl != NULL) {
		int suite = wolfSSL_get_current_cipher_suite(io->s.ssl);
		name = wolfSSL_get_cipher_name_iana_from_suite(
			(unsigned char)(suite >> 8), (unsigned char)(suite & 0xff));
	}
	return name != NULL ? name : "";
}
