/*
 * store.h - what must outlive a connection: sessions, subscriptions, queues, QoS 2 packet ids. A table of functions
 *           that every engine fills: memory now, an embedded and a replicated one later.
 * Owns:    its own copies of all it is given; messages by reference.
 * Never:   calls back from within a call: a completion is posted to the worker that asked, exactly once per call.
 * Threads: each function may be called by any worker; requests of one worker complete in any order, but those of one
 *          session take effect in the order of their calls.
 *
 * A request is the caller's memory, from the call until its mail has run. status then holds the outcome:
 *   ERR_OK       done, and as durable as the engine promises
 *   ERR_UNKNOWN  the outcome is not known and may never be (a time-out, a lost leader): neither acknowledge nor assume
 *                that it failed
 *   ERR_STATE    the epoch or the session is out of date: somebody else has claimed it
 *   ERR_DENIED   (claim only) the session has another owner
 *   ERR_LIMIT, ERR_NOMEM, ERR_IO   certainly not done
 *
 * Names. A session *id* is given to each new session and never used again; queues belong to it, and what is addressed to
 * an id that is gone is dropped in the same batch. An *epoch* is given to each claim; calls with an older one are
 * refused, so that a claimant that lost the session (another worker, another node) can do no harm.
 * A *sequence number* counts the messages queued for one session, 1, 2, 3… without gaps, given when they are committed;
 * the packet id is 1 + seq mod 65535, so that it survives a restart. A *position* is opaque: only the engine that made
 * it knows what it means.
 */
#ifndef LOCKGATE_BROKER_STORE_STORE_H
#define LOCKGATE_BROKER_STORE_STORE_H

#include "base/bytes.h"
#include "broker/mail.h"

struct message;

/* Embedded first in every request below. mail.run and home are the caller's to fill. */
struct store_request {
	struct mail mail;
	unsigned home; /* the worker that gets the mail */
	enum err status;
};

struct store_session {
	uint64_t id;    /* 0: nothing is stored for this session */
	uint64_t epoch; /* of the latest claim */
};

struct store_position {
	uint64_t opaque[2];
};
#define STORE_POSITION_START ((struct store_position){{0, 0}})

/* What the broker knows of a subscription; the engine keeps it as it is. */
struct store_subscription {
	struct bytes filter;
	uint32_t subscription_id; /* 0: none */
	uint8_t options;          /* as on the wire of MQTT 5, 3.8.3.1 */
};

/*
 * Claim: the session of a client id, found or made, with a new epoch.
 * clean drops what was there first; lasting false with nothing there makes nothing (session.id stays 0), but still gives
 * an epoch. Subscriptions and inbound ids are only filled in on a resume that asked for them (want_state).
 */
struct store_claim {
	struct store_request request;
	struct bytes client_id; /* borrowed until completion */
	struct bytes owner;     /* borrowed until completion */
	bool clean;
	bool lasting;
	bool want_state;

	struct store_session session;
	bool present;                             /* an earlier session was resumed */
	uint64_t next_seq;                        /* of the next message that will be queued */
	struct store_subscription *subscriptions; /* freed by store_claim_release() */
	size_t subscription_count;
	uint16_t *inbound_ids; /* QoS 2, received and not released; freed by store_claim_release() */
	size_t inbound_count;
};

/* One batch: all or nothing. An addition replaces what has the same filter; removing what is not there is no error. */
struct store_subscribe {
	struct store_request request;
	struct store_session session;
	const struct store_subscription *add; /* these two borrowed until completion */
	size_t add_count;
	const struct bytes *remove;
	size_t remove_count;
};

/* A copy of a message for one session. */
struct store_target {
	uint64_t session_id;
	const uint32_t *subscription_ids; /* borrowed until completion */
	uint32_t subscription_id_count;
	uint8_t qos; /* 1 or 2: what the subscriber gets */
	bool retain; /* the flag it goes out with */

	uint64_t seq; /* 0: not queued, because the session is gone or */
	bool full;    /* its queue is at its limit */
	struct store_position position;
};

/*
 * Append: a message, all its targets, and the publisher's QoS 2 packet id, in one commit. A packet id that is there
 * already makes the whole a duplicate: nothing is queued, duplicate is set.
 */
struct store_append {
	struct store_request request;
	struct message *message; /* the engine takes references of its own; borrowed until completion */
	struct store_target *targets;
	size_t target_count;
	struct store_session publisher; /* id 0: no packet id to keep */
	uint16_t inbound_id;            /* QoS 2 of a lasting publisher; 0: none */

	bool duplicate;
};

/* Release: a QoS 2 packet id is finished (PUBREL came). Unknown ids are no error. */
struct store_release {
	struct store_request request;
	struct store_session session;
	uint16_t inbound_id;
};

enum store_ack_kind {
	STORE_ACK_RECEIVED, /* PUBREC: kept until done, but only its PUBREL is sent again */
	STORE_ACK_DONE      /* PUBACK, PUBCOMP, or dropped */
};
struct store_ack {
	uint64_t seq;
	enum store_ack_kind kind;
};
#define STORE_ACKS_MAX 64u
/* In any order; an engine keeps a watermark and a sparse set above it. A seq that is done already is no error. */
struct store_acknowledge {
	struct store_request request;
	struct store_session session;
	struct store_ack acks[STORE_ACKS_MAX];
	size_t ack_count;
};

struct store_entry {
	struct message *message; /* a reference; the caller's after completion */
	uint64_t seq;
	struct store_position position;
	uint32_t *subscription_ids; /* freed by store_read_release() */
	uint32_t subscription_id_count;
	uint8_t qos;
	bool retain;
	bool received; /* STORE_ACK_RECEIVED: message may be NULL */
};
#define STORE_READ_MAX 64u
/* Read: what is queued behind a position and not done, in the order of seq. */
struct store_read {
	struct store_request request;
	struct store_session session;
	struct store_position after;
	uint32_t count_max; /* at most STORE_READ_MAX */

	struct store_entry entries[STORE_READ_MAX];
	size_t entry_count;
	bool more; /* something is queued behind the last entry */
};

/* Detach: the connection is gone, the session lasts for expiry_s (UINT32_MAX: for ever). Claiming ends that. */
struct store_detach {
	struct store_request request;
	struct store_session session;
	uint32_t expiry_s;
};

/* Drop: the session and all that it holds. */
struct store_drop {
	struct store_request request;
	struct store_session session;
};

/* Retain: the retained message of a topic, or NULL to remove it. Only called if the engine keeps_retained. */
struct store_retain {
	struct store_request request;
	struct message *message; /* as in append; its topic names the place */
	struct bytes topic;      /* of a removal, borrowed until completion */
};

struct store_ops {
	void (*claim)(void *ctx, struct store_claim *claim);
	void (*subscribe)(void *ctx, struct store_subscribe *subscribe);
	void (*append)(void *ctx, struct store_append *append);
	void (*release)(void *ctx, struct store_release *release);
	void (*acknowledge)(void *ctx, struct store_acknowledge *acknowledge);
	void (*read)(void *ctx, struct store_read *read);
	void (*detach)(void *ctx, struct store_detach *detach);
	void (*drop)(void *ctx, struct store_drop *drop);
	void (*retain)(void *ctx, struct store_retain *retain);
	void (*close)(void *ctx); /* after the last completion has run */
};

struct store {
	const struct store_ops *ops;
	void *ctx;
	bool keeps_retained; /* retained messages outlive the process */
};

void store_claim_release(struct store_claim *claim); /* frees what the completion brought */
void store_read_release(struct store_read *read);    /* entries' messages and ids; moved-out ones are NULL */
void store_close(struct store *store);               /* NULL is fine; the struct is zeroed */

/* --- the memory engine: lasts as long as the process --- */

struct store_memory_options {
	struct hub_post post;
	uint32_t queue_count_max; /* per session; 0: 10000 */
	uint64_t queue_bytes_max; /* per session; 0: 16 MiB */
	uint32_t sessions_max;    /* 0: 100000; a claim beyond it is ERR_LIMIT */
};
MUST_CHECK enum err store_memory_new(const struct store_memory_options *options, struct store *out);

#endif
