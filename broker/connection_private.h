/*
 * connection_private.h - shared by the files that make up a connection.
 * Owns, Never, Threads: see connection.h.
 */
#ifndef LOCKGATE_BROKER_CONNECTION_PRIVATE_H
#define LOCKGATE_BROKER_CONNECTION_PRIVATE_H

#include "base/secret.h"
#include "broker/connection.h"

/* What only the way in needs; freed when the session lives. */
struct connect_pending {
	uint8_t *packet; /* the CONNECT packet, password included: wiped */
	size_t packet_len;
	struct mqtt_frame frame; /* into packet */
	struct login_attempt *login;
	struct hub_connect *claim;
	struct mail mail; /* while it moves */
	struct io_parcel *parcel;
	struct connection *traveller;
	uint64_t since_ms; /* monotonic, when CONNECT had come */
	uint8_t answer;    /* CONNACK reason that waits for the failure delay */
};

void pending_free(struct connect_pending *pending);

/* connection_in.c: CONNECT to CONNACK. */
void connection_read_connect(struct connection *connection, const struct mqtt_frame *frame);
/* The user that a session of this verdict runs as. */
const char *connection_user(const struct connection *connection, const struct policy *policy,
	const struct admission_verdict *verdict);
/* connection_live.c */
extern const struct session_link_ops connection_link_ops;
void connection_feed(struct connection *connection, struct bytes in);
void partial_free(struct buf *partial); /* wipes; NULL is fine */
/* Whether this verdict of policy ends the live session. *note: more than the verdict says, or NULL. */
bool connection_must_close(const struct connection *connection, const struct policy *policy,
	const struct admission_verdict *verdict, const char **note);
void connection_live_begin(struct connection *connection, const struct admission_verdict *verdict);

/* connection.c: the gate after Finished, perhaps once more. Judges, and lets in, asks for more, or refuses. */
void connection_gate(struct connection *connection, const char *note);
/* park.c: the wait for revocation data is over; when the CONNECT is due now, 0: it never waited. */
uint64_t connection_wait_end(struct connection *connection);
/* Takes a reference of its own; once. NULL is fine. ERR_NOMEM, or ERR_LIMIT: CONNECTION_WATCHES_MAX. */
MUST_CHECK enum err connection_add_watch(struct connection *connection, struct ocsp_watch *watch);
void connection_drop_watches(struct connection *connection);
bool connection_watches(const struct connection *connection, const struct ocsp_watch *watch);

/* connection_chain.c */
void connection_drop_certs(struct cert ***certs, uint8_t *count);
/*
 * After Finished: what the peer presented, parsed or found again, or what its ticket stands for. Something that is no
 * certificate leaves an empty chain, which the judge refuses; then NULL or a sentence, borrowed: static.
 */
const char *connection_take_chain(struct connection *connection);
/* After its judgement, which is no longer NEED_REVOCATION: for the next time that this chain comes. */
void connection_remember_chain(struct connection *connection, const struct admission_verdict *verdict);
bool connection_may_resume(struct io *io, const struct tls_resumption *client);
void connection_send_ticket(struct connection *connection); /* behind its CONNACK, when it was admitted */

/* connection.c: ending */
void connection_free(struct connection *connection);
struct connection_refusal {
	const struct admission_verdict *verdict;
	const char *note; /* more than the verdict says, or NULL */
	bool live;
};
/* Logs and keeps; fills connection->refusal. */
void connection_note_refusal(struct connection *connection, const struct connection_refusal *refusal);
/* Refuses by verdict: CONNACK if CONNECT was read (after the failure delay where the login failed), then closes. */
void connection_refuse(
	struct connection *connection, const struct admission_verdict *verdict, const char *note);
/* Refuses outside the judge: a malformed CONNECT, a full server. reason 0: close without an answer. */
void connection_fault(struct connection *connection, uint8_t reason, const char *clause);
/* The Reason String that names the refusal, as a property in props; nothing where there is none. */
struct bytes connection_refusal_props(const struct connection *connection, struct buf *props);
void connection_send_connack_refusal(struct connection *connection, uint8_t reason);
/*
 * A verdict of today's world and today's users file; never on the stack, it is large. NULL when memory is short: then
 * refuse. A live session is judged as admission_judge_live() says.
 */
struct admission_verdict *connection_judge(struct connection *connection);
const struct world_channel *connection_settings(
	const struct connection *connection); /* NULL: the channel is gone */
extern const struct io_calls connection_io_calls;

#endif
