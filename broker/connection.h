/*
 * connection.h - one client's way through the gates: handshake, judge, log in, move, claim its session, live.
 * Owns:    its io, its evidence (parsed chain, names), its waiting login or claim.
 * Never:   touches a session before every gate has admitted; keeps a password longer than the login needs it.
 * Threads: one worker's loop at a time; it moves at most once, by mail.
 */
#ifndef LOCKGATE_BROKER_CONNECTION_H
#define LOCKGATE_BROKER_CONNECTION_H

#include "broker/login.h"
#include "broker/ocsp_watch.h"
#include "broker/worker.h"

#define CONNECTION_MAGIC 0x4c4b4754u

/*
 * HANDSHAKE -> CONNECT (Finished, chain judged) | REVOCATION | REFUSED
 * REVOCATION -> CONNECT | REVOCATION (a further round) | REFUSED
 * CONNECT   -> LOGIN | MOVING (no login) | REFUSED
 * LOGIN     -> MOVING | REFUSED
 * MOVING    -> CLAIM | REFUSED           (home already: at once)
 * CLAIM     -> LIVE | REFUSED
 * LIVE      -> CLOSING
 * REFUSED   -> (on_closed)               (perhaps after the failure delay)
 * CLOSING   -> (on_closed)
 */
enum connection_state {
	CONNECTION_HANDSHAKE,
	CONNECTION_REVOCATION, /* the certificate has a path; its status is being asked for */
	CONNECTION_CONNECT,
	CONNECTION_LOGIN,
	CONNECTION_MOVING,
	CONNECTION_CLAIM,
	CONNECTION_LIVE,
	CONNECTION_REFUSED,
	CONNECTION_CLOSING
};

/* Who ended a live session's connection; NETWORK: nobody here, see io_close. */
enum connection_end {
	CONNECTION_END_NETWORK = 0,
	CONNECTION_END_CLIENT, /* its DISCONNECT */
	CONNECTION_END_SERVER  /* us, by close_reason */
};

struct connection {
	uint32_t magic;
	enum connection_state state;
	struct list node;
	struct worker *worker;
	struct io *io;
	struct wheel_timer timer; /* CONNECT deadline, failure delay, then valid_until */
	struct auth_address peer;
	uint16_t peer_port;
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];

	/* Evidence, as it arrived. */
	enum certificate_evidence certificate;
	struct cert **chain;
	uint8_t chain_count;
	uint8_t resumable_count;
	struct cert **resumable; /* during the handshake: the chain that a ticket names; no evidence yet */
	bool connect_seen, password_sent, client_id_assigned;
	bool login_user_verified, login_client_id_bound, login_account_known;
	enum login_outcome login_outcome;
	enum mqtt_version version;
	uint32_t client_packet_bytes_max; /* of its CONNECT; 0: none */
	char *client_id, *user_name, *login_user, *login_client_id, *login_name, *session_owner;
	char *password_user; /* whom the users file vouched for, and by which secret */
	uint64_t credential;
	uint64_t login_config; /* which configuration of the entry judged the login */
	/* Statuses that responders were asked for; each holds its newest answer. */
	struct ocsp_watch **watches;
	uint8_t watch_count;
	bool revocation_asked, revocation_busy;

	/* On the way in only. */
	struct connect_pending *pending;
	struct connection_wait *wait; /* for revocation data */

	struct buf *partial; /* NULL between packets */
	size_t partial_wanted;

	/* Live. */
	struct session *session;
	bool paused;    /* by the session */
	bool doomed;    /* refused after its claim: the link is deaf */
	bool judge_due; /* to be judged again although no part of the policy changed */
	bool counted;   /* among worker->live, and announced as admitted */
	enum connection_end end;
	uint8_t close_reason;
	struct admission_uses uses;
	enum trust_kind trust_kind; /* what the certificate was trusted by when it was judged last */
	uint8_t trust_sha256[SHA256_BYTES];
	uint64_t weighed; /* the last weighing that counted it; see weigh.h */
	const struct session_identity *identity;
	char refusal[REFUSAL_ID_BYTES]; /* "" unless refused or closed by judgement */
};

/* Listener callbacks; ctx is the channel's name, good until the listener is gone. */
bool connection_may_accept(struct worker *worker, const char *channel, const struct net_address *peer);
void connection_accept(struct worker *worker, const char *channel, struct io *io);
/* Judges a live session again; closes it if positive knowledge says so. */
void connection_rejudge(struct connection *connection);
/* A status that connections watch may have changed: who lives by it is judged again soon. */
void connection_watch_changed(struct worker *worker, const struct ocsp_watch *watch);

#define CONNECTION_WATCHES_MAX 32u
/* What evidence points to, with a reference to each answer. */
struct evidence_space {
	const struct cert *chain[X509_CHAIN_CERTS_MAX];
	const struct ocsp_response *ocsp[CONNECTION_WATCHES_MAX];
	struct ocsp_response *answers[CONNECTION_WATCHES_MAX];
	size_t answer_count;
};
/*
 * Whether a live session would be closed if proposed were in force at now (seconds). Nothing changes. *verdict: the
 * caller's room, too large for a stack.
 */
bool connection_would_close(const struct connection *connection, const struct world *proposed, int64_t now,
	struct admission_verdict *verdict);
/* Fills evidence from the connection; it is good until space is released. */
void connection_evidence(
	const struct connection *connection, struct evidence *out, struct evidence_space *space);
void evidence_space_release(struct evidence_space *space);

#endif
