/*
 * tls_ticket.h - the keys of our session tickets, and what a ticket of ours says beside the TLS library's own secrets.
 * Owns:    two keys, random in each process, in locked memory; never on disk.
 * Never:   knows a connection, or the library's types; decides whether a ticket may be used.
 * Threads: any; one lock, held while a key is copied.
 *
 * A ticket carries the library's secrets, the digest of the chain that the client proved to hold the key of, and until
 * when. All of it is sealed, with the binding of one channel and identity as context: elsewhere it does not open.
 */
#ifndef LOCKGATE_BROKER_NET_TLS_TICKET_H
#define LOCKGATE_BROKER_NET_TLS_TICKET_H

#include "base/bytes.h"
#include "base/crypto.h"
#include "broker/net/net.h"

#define TICKET_NAME_BYTES     16u
#define TICKET_IV_BYTES       16u /* of which AEAD_NONCE_BYTES are used, the rest is zero */
#define TICKET_MAC_BYTES      32u /* tag, then the sealed trailer */
#define TICKET_TRAILER_BYTES  16u
#define TICKET_TEXT_BYTES_MAX 512u /* of the library's part */
#define TICKET_BINDING_BYTES  SHA256_BYTES

/*
 * How long a ticket made now may live, of seconds_max at most, when the client signed last at proved_at_s: a chain of
 * resumptions ends TLS_TICKET_PROOF_S after that. 0: none may be made.
 */
uint32_t ticket_life_s(uint32_t now_s, uint32_t proved_at_s, uint32_t seconds_max);

struct ticket_ring;
MUST_CHECK enum err ticket_ring_new(struct ticket_ring **out);
void ticket_ring_free(struct ticket_ring *ring); /* wipes; NULL is fine */

/* The four places that the library gives; text is sealed and opened in place. */
struct ticket_parts {
	uint8_t *name, *iv, *mac;
	uint8_t *text;
	size_t text_len;
};

/* Seconds are those of the monotonic clock that every loop has: they mean nothing after a restart, nor does a ticket. */
struct ticket_facts {
	struct tls_resumption client;
	uint32_t proved_at_s;  /* when the client last signed a handshake */
	uint32_t expires_at_s; /* not accepted from then on */
};

/*
 * Sealing: text has room for text_len + TICKET_DIGEST_BYTES and is that long afterwards. Opening: the reverse, and on
 * failure nothing of the text is left. now_s also rotates the keys.
 * ERR_DENIED: altered, of another binding, of a key that is gone, or expired. ERR_LIMIT: text_len. ERR_IO: no randomness.
 */
#define TICKET_DIGEST_BYTES SHA256_BYTES
MUST_CHECK enum err ticket_seal(struct ticket_ring *ring, uint32_t now_s,
	const uint8_t binding[TICKET_BINDING_BYTES], const struct ticket_facts *facts,
	struct ticket_parts *parts);
MUST_CHECK enum err ticket_open(struct ticket_ring *ring, uint32_t now_s,
	const uint8_t binding[TICKET_BINDING_BYTES], struct ticket_parts *parts, struct ticket_facts *out);

#endif
