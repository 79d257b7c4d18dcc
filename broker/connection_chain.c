/*
 * connection_chain.c - a connection's certificate evidence: parsed, found again, resumed by a ticket; and the ticket itself.
 * Owns:    nothing beyond the connection.
 * Never:   judges; lets a ticket stand for more than the chain that it names.
 * Threads: the worker that holds the connection.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/chain_certs.h"
#include "broker/chain_table.h"
#include "broker/connection_private.h"

void connection_drop_certs(struct cert ***certs, uint8_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		cert_unref((*certs)[i]);
	}
	free(*certs);
	*certs = NULL;
	*count = 0;
}

static uint64_t mono_seconds(const struct connection *connection)
{
	return net_now_ms(connection->worker->shared->net, connection->worker->at) / 1000;
}

/* What the table knows under this digest, into *certs. False: nothing, or no memory. */
static bool find_chain(struct connection *connection, const uint8_t digest[SHA256_BYTES],
	enum chain_shelf last, struct cert ***certs, uint8_t *count)
{
	struct cert *found[X509_CHAIN_CERTS_MAX];
	size_t n = chain_table_find(
		connection->worker->shared->chains, digest, last, mono_seconds(connection), found);
	struct cert **copy = n == 0 ? NULL : calloc(n, sizeof(struct cert *));

	if (copy == NULL) {
		for (size_t i = 0; i < n; i++) {
			cert_unref(found[i]);
		}
		return false;
	}
	memcpy(copy, found, n * sizeof(struct cert *));
	connection_drop_certs(certs, count);
	*certs = copy;
	*count = (uint8_t)n;
	return true;
}

/* --- what the client presented --- */

/* The leaf is the connection's own; its issuers are those of many. */
static enum err take_certificate(
	struct connection *connection, size_t index, struct bytes der, struct x509_error *error)
{
	struct cert **out = &connection->chain[index];

	*out = index == 0 ? NULL : chain_certs_find(connection->worker->shared->chain_certs, der);
	return *out != NULL ? ERR_OK : cert_parse(der, out, error);
}

static const char *parse_chain(struct connection *connection, const struct bytes *ders, size_t count)
{
	static const char no_memory[] = "out of memory";
	struct x509_error error = {0};

	connection->chain = calloc(count, sizeof(struct cert *));
	if (connection->chain == NULL) {
		return no_memory;
	}
	for (size_t i = 0; i < count; i++) {
		enum err err = take_certificate(connection, i, ders[i], &error);

		if (err != ERR_OK) {
			/* Not understood whole: the judge sees none of it. */
			connection_drop_certs(&connection->chain, &connection->chain_count);
			return err == ERR_NOMEM ? no_memory : error.what;
		}
		connection->chain_count = (uint8_t)(i + 1);
	}
	return NULL;
}

static const char *take_presented(struct connection *connection, const struct bytes *ders, size_t count)
{
	uint8_t digest[SHA256_BYTES];
	const char *note = NULL;

	if (count == 0 || count > X509_CHAIN_CERTS_MAX) {
		return "more certificates than a chain may have";
	}
	chain_digest_of_ders(ders, count, digest);
	if (!find_chain(connection, digest, CHAIN_REFUSED, &connection->chain, &connection->chain_count)) {
		note = parse_chain(connection, ders, count);
	}
	if (note == NULL) {
		io_drop_chain(connection->io);
	}
	return note;
}

const char *connection_take_chain(struct connection *connection)
{
	const struct bytes *ders = NULL;
	size_t count = 0;
	const char *note = NULL;

	connection_drop_certs(&connection->chain, &connection->chain_count);
	switch (io_peer_chain(connection->io, &ders, &count)) {
	case TLS_EVIDENCE_NOT_ASKED: connection->certificate = CERTIFICATE_NOT_ASKED; break;
	case TLS_EVIDENCE_NONE_SENT: connection->certificate = CERTIFICATE_NONE_SENT; break;
	case TLS_EVIDENCE_RESUMED:
		connection->certificate = CERTIFICATE_RESUMED;
		connection->chain = connection->resumable;
		connection->chain_count = connection->resumable_count;
		connection->resumable =
			NULL; /* moved; without it the chain is empty, which the judge refuses */
		connection->resumable_count = 0;
		break;
	case TLS_EVIDENCE_CHAIN:
		connection->certificate = CERTIFICATE_CHAIN;
		note = take_presented(connection, ders, count);
		break;
	}
	connection_drop_certs(&connection->resumable, &connection->resumable_count);
	return note;
}

void connection_remember_chain(struct connection *connection, const struct admission_verdict *verdict)
{
	struct shared *shared = connection->worker->shared;
	bool passed = verdict->admission != ADMISSION_REFUSE;

	/* A list that is late says nothing of the chain: it stays where it is. */
	if (connection->chain_count == 0 || (!passed && verdict->absence)) {
		return;
	}
	for (size_t i = 1; passed && i < connection->chain_count; i++) {
		chain_certs_keep(shared->chain_certs, connection->chain[i]);
	}
	chain_table_keep(shared->chains, passed ? CHAIN_ADMITTED : CHAIN_REFUSED, mono_seconds(connection),
		connection->chain, connection->chain_count);
}

/* --- tickets --- */

bool connection_may_resume(struct io *io, const struct tls_resumption *client)
{
	struct connection *connection = io_owner(io);
	const struct world_channel *settings = connection_settings(connection);

	connection_drop_certs(&connection->resumable, &connection->resumable_count);
	if (settings == NULL || !settings->running || !settings->resume) {
		return false;
	}
	/* Without a certificate there is nothing that a full handshake would show and the ticket does not. */
	return client->evidence != TLS_EVIDENCE_CHAIN ||
	       find_chain(connection, client->chain, CHAIN_ADMITTED, &connection->resumable,
		       &connection->resumable_count);
}

/* A ticket does not outlive the certificate behind it. */
static uint32_t seconds_left(const struct connection *connection)
{
	struct clock clock = net_clock(connection->worker->shared->net, connection->worker->at);
	int64_t left = cert_not_after(connection->chain[0]) - clock_wall_ms(&clock) / 1000;

	return left <= 0 ? 0 : left >= UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

void connection_send_ticket(struct connection *connection)
{
	const struct world_channel *settings = connection_settings(connection);
	struct tls_resumption client = {.evidence = TLS_EVIDENCE_NOT_ASKED};
	uint32_t seconds = UINT32_MAX;

	if (settings == NULL || !settings->resume) {
		return;
	}
	switch (connection->certificate) {
	case CERTIFICATE_PENDING: return;
	case CERTIFICATE_NOT_ASKED: break;
	case CERTIFICATE_NONE_SENT: client.evidence = TLS_EVIDENCE_NONE_SENT; break;
	case CERTIFICATE_CHAIN:
	case CERTIFICATE_RESUMED:
		if (connection->chain_count == 0) {
			return;
		}
		client.evidence = TLS_EVIDENCE_CHAIN;
		chain_digest_of_certs(connection->chain, connection->chain_count, client.chain);
		seconds = seconds_left(connection);
		break;
	}
	io_send_ticket(connection->io, &client, seconds);
}
