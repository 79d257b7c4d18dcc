/*
 * park.h - a connection's question for revocation data, and its way to the control loop and back.
 * Owns:    copies of what is asked for; the answers until the connection takes them.
 * Never:   keeps a loop waiting: the connection waits, with a deadline.
 * Threads: made and freed on the connection's worker; between the two letters it is the control loop's, but for the fields
 *          that say whose.
 */
#ifndef LOCKGATE_BROKER_PARK_H
#define LOCKGATE_BROKER_PARK_H

#include "base/list.h"
#include "broker/mail.h"
#include "broker/ocsp_watch.h"
#include "broker/worker.h"

/* --- limits an operator can see --- */
#define PARK_ROUNDS_MAX 4u /* how often one connection may ask for what the last answer left open */
/* So long a connection waits for what is asked beside its acceptance, at most REVWAIT; then it goes on without. */
#define PARK_BESIDE_MS 2000u

struct revocation_wait;
struct connection;
struct park;

/* One source that could settle the status. */
struct park_need {
	enum x509_need_kind kind;
	char url[X509_URL_BYTES];
	bool listed; /* the operator named this address */
	bool delta;  /* nobody is refused for want of it, nor waits but for the first look at it */
	/* OCSP: the question; the control loop puts the one in its place that it knows already. */
	struct ocsp_watch *watch;
	uint8_t group; /* alike for the sources of one certificate */
	/* The control loop's. */
	struct park *park;
	struct revocation_wait *wait; /* NULL: over, or never begun */
	bool over, good;              /* good: something came that may settle the status */
};

struct park {
	struct mail mail, cancel;
	struct shared *shared;
	unsigned at; /* the worker */
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	struct park_need needs[X509_NEEDS_MAX];
	bool beside;       /* its certificate passes without them, too */
	size_t need_count; /* 0: the lists that the operator named; the control loop fills in which */
	/* The worker's. */
	struct connection *connection; /* NULL: it is gone, or no longer waits */
	unsigned letters;              /* not back yet */
	bool called_back;              /* the second one is on its way, or was */
	/* The control loop's. */
	struct list node;
	bool here;  /* asked and not answered */
	bool lists; /* one came that has to be published first */
	bool busy;  /* somebody could not be asked for want of room: that is not the responder's silence */
	unsigned due;
};

/* On the control loop: back to its worker. Once for each ask(). */
void park_answer(struct park *park);

/* --- the worker's side --- */
/*
 * The connection was judged NEED_REVOCATION: asks, and waits. Too many wait already, or there is no room to ask: the
 * connection is judged again with revocation_busy. Beside its acceptance (connection_wants_more()): it goes on without.
 */
void connection_park(struct connection *connection, const struct admission_verdict *verdict);
/* Its certificate passed, and who may know more was not asked yet: deltas, responders. */
bool connection_wants_more(const struct connection *connection, const struct admission_verdict *verdict);
/* The world changed: a connection that waits is judged again; it may have become hopeless, or have all it needs. */
void connection_park_look(struct connection *connection);
/* It does not wait any more. Idempotent. */
void connection_unpark(struct connection *connection);

#endif
