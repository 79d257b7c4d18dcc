/*
 * io_ticket.c - TLS 1.3 tickets of a connection: given out after CONNACK, opened in a later handshake.
 * Owns:    what was opened, until the handshake is over.
 * Never:   lets two tickets of one connection count; believes the library that a session resumed without one of ours.
 * Threads: the loop that holds the connection.
 *
 * The library calls io_ticket_crypt() for every identity that a client offers, before the client has proved that it knows
 * any of their secrets, and says nowhere which one it took in the end. Offering one's own ticket together with one that was
 * seen on the wire must not yield the other's evidence. So the first ticket that opens is the only one of its connection:
 * every other is refused, and what the library takes, if it takes any, is that one.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "broker/net/io_tls.h"
#include "broker/net/net_private.h"
#include "broker/net/tls_ticket.h"

_Static_assert(WOLFSSL_TICKET_NAME_SZ == TICKET_NAME_BYTES, "as the library lays a ticket out");
_Static_assert(WOLFSSL_TICKET_IV_SZ == TICKET_IV_BYTES, "as the library lays a ticket out");
_Static_assert(WOLFSSL_TICKET_MAC_SZ == TICKET_MAC_BYTES, "as the library lays a ticket out");

struct ticket_opened {
	struct ticket_facts facts;
	uint8_t iv[TICKET_IV_BYTES],
		mac[TICKET_MAC_BYTES]; /* which one it was: a second hello offers it again */
};

static uint32_t now_s(const struct io *io)
{
	return (uint32_t)(uv_now(&io->loop->uv) / 1000);
}

void io_ticket_forget(struct io *io)
{
	free(io->opened);
	io->opened = NULL;
}

/* A mode that never asks knows nothing; one that requires a certificate takes nobody without. */
static bool fits_mode(const struct tls_context *tls, enum tls_evidence evidence)
{
	switch (tls_context_client_auth(tls)) {
	case TLS_CLIENT_AUTH_NEVER: return evidence == TLS_EVIDENCE_NOT_ASKED;
	case TLS_CLIENT_AUTH_OPTIONAL:
		return evidence == TLS_EVIDENCE_NONE_SENT || evidence == TLS_EVIDENCE_CHAIN;
	case TLS_CLIENT_AUTH_REQUIRED: return evidence == TLS_EVIDENCE_CHAIN;
	}
	return false;
}

/* --- opening --- */

static bool is_the_same(const struct ticket_opened *opened, const struct ticket_parts *parts)
{
	return memcmp(opened->iv, parts->iv, TICKET_IV_BYTES) == 0 &&
	       memcmp(opened->mac, parts->mac, TICKET_MAC_BYTES) == 0;
}

static bool may_resume(struct io *io, const struct ticket_facts *facts)
{
	return io->calls->may_resume != NULL && fits_mode(io->s.tls, facts->client.evidence) &&
	       facts->proved_at_s <= now_s(io) + 1 && io->calls->may_resume(io, &facts->client);
}

/* False: as if there had been no ticket. Its text is then sealed still, or wiped. */
static bool open_one(struct io *io, const uint8_t *binding, struct ticket_parts *parts)
{
	struct ticket_facts facts;

	if (io->opened != NULL && !is_the_same(io->opened, parts)) {
		return false;
	}
	if (ticket_open(io->loop->net->tickets, now_s(io), binding, parts, &facts) != ERR_OK) {
		return false;
	}
	if (io->opened == NULL) {
		io->opened = calloc(1, sizeof(*io->opened));
		if (io->opened != NULL) {
			*io->opened = (struct ticket_opened){.facts = facts};
			memcpy(io->opened->iv, parts->iv, TICKET_IV_BYTES);
			memcpy(io->opened->mac, parts->mac, TICKET_MAC_BYTES);
		}
	}
	/* Also one that is refused now is the one of this connection: it opened. */
	bool good = io->opened != NULL && may_resume(io, &facts);

	if (!good) {
		secure_wipe(parts->text, parts->text_len);
	}
	return good;
}

/* --- what the library calls --- */

static int seal(struct io *io, const uint8_t *binding, struct ticket_parts *parts, int *out_len)
{
	/* The library asks for tickets of its own accord nowhere; if it did, that would end the connection. */
	if (io->sealing == NULL || *out_len < (int)(parts->text_len + TICKET_DIGEST_BYTES) ||
		ticket_seal(io->loop->net->tickets, now_s(io), binding, io->sealing, parts) != ERR_OK) {
		return WOLFSSL_TICKET_RET_FATAL;
	}
	*out_len = (int)parts->text_len;
	return WOLFSSL_TICKET_RET_OK;
}

int io_ticket_crypt(WOLFSSL *ssl, unsigned char name[WOLFSSL_TICKET_NAME_SZ],
	unsigned char iv[WOLFSSL_TICKET_IV_SZ], unsigned char mac[WOLFSSL_TICKET_MAC_SZ], int encrypt,
	unsigned char *text, int in_len, int *out_len, void *ctx)
{
	struct io *io = wolfSSL_GetIOReadCtx(ssl);
	struct ticket_parts parts = {name, iv, mac, text, in_len < 0 ? 0 : (size_t)in_len};

	(void)ctx;
	assert(io->magic == IO_MAGIC);
	const uint8_t *binding = tls_context_ticket_binding(io->s.tls);

	if (encrypt != 0) {
		return binding == NULL ? WOLFSSL_TICKET_RET_FATAL : seal(io, binding, &parts, out_len);
	}
	/* A ticket of ours is one of TLS 1.3, offered in its handshake: TLS 1.2 has the same callback. */
	if (binding == NULL || io->phase != IO_HANDSHAKE || wolfSSL_version(ssl) != TLS1_3_VERSION ||
		!open_one(io, binding, &parts)) {
		return WOLFSSL_TICKET_RET_REJECT;
	}
	*out_len = (int)parts.text_len;
	return WOLFSSL_TICKET_RET_OK;
}

/* --- after Finished --- */

const char *io_ticket_finished(struct io *io)
{
	bool reused = wolfSSL_session_reused(io->s.ssl) != 0;

	io->s.proved_at_s = now_s(io);
	if (!reused) {
		return NULL;
	}
	if (io->opened == NULL || io->s.chain_seen || wolfSSL_version(io->s.ssl) != TLS1_3_VERSION) {
		return "a session was resumed that no ticket of ours vouches for";
	}
	io->s.is_resumed = true;
	io->s.resumed = (uint8_t)io->opened->facts.client.evidence;
	io->s.proved_at_s = io->opened->facts.proved_at_s;
	return NULL;
}

bool io_resumed(const struct io *io)
{
	return io->s.is_resumed;
}

/* --- giving one out --- */

/* Everything queued becomes records first: the ticket is not to overtake the CONNACK. */
static bool encrypt_all(struct io *io)
{
	while (io->s.plain.bytes > 0) {
		if (!io_tls_encrypt(io)) {
			return false;
		}
	}
	return true;
}

void io_send_ticket(struct io *io, const struct tls_resumption *client, uint32_t seconds_max)
{
	uint32_t now = now_s(io);

	if (io->phase != IO_OPEN || io->s.ssl == NULL || wolfSSL_version(io->s.ssl) != TLS1_3_VERSION ||
		tls_context_ticket_binding(io->s.tls) == NULL || !fits_mode(io->s.tls, client->evidence)) {
		return;
	}
	uint32_t life = ticket_life_s(now, io->s.proved_at_s, seconds_max);

	if (life == 0) {
		return;
	}
	struct ticket_facts facts = {
		.client = *client, .proved_at_s = io->s.proved_at_s, .expires_at_s = now + life};

	if (!encrypt_all(io)) {
		return;
	}
	io->sealing = &facts;
	int result = wolfSSL_send_SessionTicket(io->s.ssl);

	io->sealing = NULL;
	if (result != WOLFSSL_SUCCESS) {
		/* The library does not go on behind a ticket that failed: memory, or no randomness. */
		io_end(io, IO_CLOSE_NOMEM, "a session ticket could not be made", false);
		return;
	}
	io_mark(io);
}
