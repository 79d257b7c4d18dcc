/*
 * worker.h - what one worker's loop holds: its hub, its world, its connections.
 * Owns:    the connections of this loop, the hub, a reference to the world.
 * Never:   touched from another loop, but by mail.
 * Threads: one worker's loop. struct shared is read by all.
 */
#ifndef LOCKGATE_BROKER_WORKER_H
#define LOCKGATE_BROKER_WORKER_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/wheel.h"
#include "broker/control/time_guard.h"
#include "broker/engine/engine.h"
#include "broker/known.h"
#include "broker/login.h"
#include "broker/net/net.h"
#include "broker/refusal.h"
#include "broker/world.h"

struct park;
/* What the control loop does with questions for revocation data (park.h). */
struct park_desk {
	/* park is the desk's until park_answer(). */
	void (*ask)(void *ctx, struct park *park);
	/* Nobody waits any more: answer soon, if it is here at all. */
	void (*cancel)(void *ctx, struct park *park);
	void *ctx;
};

#define WORKER_CLOSED_CHANNELS_MAX 64u

/* How many live sessions a worker closed by judging them again; by mail to the control loop, which frees it. */
struct closed_letter {
	struct mail mail;
	void *ctx; /* shared->closed_ctx */
	size_t count;
	struct {
		char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
		unsigned long closed;
	} rows[WORKER_CLOSED_CHANNELS_MAX];
};

/* What every worker shares and nobody changes while workers run. */
struct shared {
	struct net *net;
	struct engine *engine;
	struct refusals *refusals;
	struct chain_certs *chain_certs;
	struct chain_table *chains;
	struct login_desks *desks;
	struct log *log;
	struct worker *workers; /* net_worker_count() of them */
	void (*on_closed)(
		struct mail *mail, unsigned at); /* takes a struct closed_letter; NULL: nobody counts */
	void *closed_ctx;
	struct known *known;
	struct judging_clock judging; /* set by the control loop */
	struct park_desk park_desk;
	atomic_uint parked; /* letters for revocation data that are out */
};

struct worker {
	struct shared *shared;
	unsigned at;
	struct hub *hub;
	struct world *world; /* NULL until the first publication */
	struct wheel *wheel;
	struct list connections; /* judged under this world, or accepted under it */
	struct list unjudged;    /* to be looked at under this world; those that live are judged again */
	struct net_slice slice;
	struct closed_letter *closed; /* NULL: none since the last letter */
	struct weigh_task *weighing;  /* NULL: none is under way here */
	/* Lines about refused rights: how many this second, and how many more there would have been. */
	struct wheel_timer lines_again;
	unsigned right_lines, right_suppressed;
	atomic_ulong live; /* admitted sessions here; read by the control loop */
};

/* Before the loops start. */
MUST_CHECK enum err worker_init(struct worker *worker, struct shared *shared, unsigned at);
/* On the worker's loop: takes a reference to world and has every live session judged again that used a changed part. */
void worker_set_world(struct worker *worker, struct world *world);
/* On the worker's loop, when it stops; or after the loops have ended. */
void worker_deinit(struct worker *worker);
/* On the worker's loop: a publish or subscribe was refused; logs and keeps it, within bounds. */
void worker_right_refused(struct worker *worker, const struct session_identity *identity,
	enum auth_right right, struct bytes topic);
/* A live session of channel was closed because it was judged again. */
void worker_count_closed(struct worker *worker, const char *channel);
/* Puts a live connection among those to be judged again soon. */
void worker_judge_soon(struct worker *worker, struct list *connection_node);

#endif
