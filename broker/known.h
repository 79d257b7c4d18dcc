/*
 * known.h - the clients that were let in by a certificate, of late: who, and what they were trusted by.
 * Owns:    one record per channel and client id, KNOWN_MAX at most; who was not seen for the longest gives way.
 * Never:   holds a secret; admits or refuses anybody.
 * Threads: any; a lock per part of the table, held for one record.
 *
 * A client counts as refused when its own certificate was refused for good: the handshake proved that who was refused holds the
 * key of that leaf, so nobody can say so of somebody else's client. When it comes in again, it is known as any other.
 *
 * Text form, for the data directory: a head line, then one line per client, fields between tabs, in each of which what is
 * not printable ASCII stands as %XX. One bad line refuses the whole text. The first version, without the last two fields, is read.
 */
#ifndef LOCKGATE_BROKER_KNOWN_H
#define LOCKGATE_BROKER_KNOWN_H

#include "auth/auth.h"
#include "base/bytes.h"

#define KNOWN_MAX            100000u /* clients remembered */
#define KNOWN_NAME_BYTES_MAX 1024u   /* of a client id or subject that is remembered; a longer one is cut */
#define KNOWN_DAYS           400     /* who was not seen for so long is not read back */
#define KNOWN_TEXT_BYTES_MAX (512u * 1024u * 1024u)
#define KNOWN_REFUSED_MAX    256u /* marked by one refusal; a client that tries again marks the next ones */

struct known;
/* max: KNOWN_MAX but for tests. */
MUST_CHECK enum err known_new(size_t max, struct known **out);
void known_free(struct known *known);

/* Texts are borrowed for the call. */
struct known_client {
	const char *channel, *client, *user;
	const char *subject; /* of the leaf */
	enum trust_kind trust_kind;
	uint8_t trust_sha256[SHA256_BYTES];
	uint8_t leaf_sha256[SHA256_BYTES]; /* zeros: not known */
	bool refused;                      /* for good, since it came in last */
	int64_t not_after;                 /* of the leaf, seconds */
	int64_t last_s;                    /* came in, or left, seconds */
	unsigned connected; /* how many connections; two for a moment when one takes over from another */
};
/* Came in (connected 1), or something of it changed (0). Out of memory: it is not remembered. subject NULL: as it is known. */
void known_seen(struct known *known, const struct known_client *client);
/* Whether client is known with this trust and expiry, so that its subject need not be printed again. */
bool known_has(struct known *known, const struct known_client *client);
/* One of its connections ended. */
void known_left(struct known *known, const char *channel, const char *client, int64_t now);
/*
 * Who holds this leaf's key was refused for good on channel: of the clients that came in by it, client, or with NULL all (but
 * see KNOWN_REFUSED_MAX).
 */
void known_refused(struct known *known, const char *channel, const char *client,
	const uint8_t leaf_sha256[SHA256_BYTES]);
size_t known_count(struct known *known);
/* Every record, in no order; the part's lock is held: be short, and do not call back in. */
void known_each(struct known *known, void (*fn)(void *ctx, const struct known_client *client), void *ctx);

/* Whether something changed since the last known_print(). */
bool known_changed(struct known *known);
MUST_CHECK enum err known_print(struct known *known, struct buf *out);
/* Adds what text says, nobody connected; who was not seen since oldest_s is left out. ERR_MALFORMED: nothing was added. */
MUST_CHECK enum err known_parse(struct known *known, struct bytes text, int64_t oldest_s);

#endif
