/*
 * weigh.h - how many live sessions a proposed world would close: counted on each worker, in slices, changing nothing.
 * Owns:    nothing; the task is the asker's until it comes back.
 * Never:   counts for longer than BROKER_SLICE_US before the loop serves others.
 * Threads: the task travels by mail: its asker's loop, a worker's, its asker's.
 */
#ifndef LOCKGATE_BROKER_WEIGH_H
#define LOCKGATE_BROKER_WEIGH_H

#include <stdatomic.h>

#include "broker/worker.h"

#define WEIGH_NAMES_MAX   20u /* sessions that are named, of all that would be closed */
#define WEIGH_CLIENT_ROOM 65u /* bytes kept of a client id; a longer one is cut */

struct weigh_count {
	unsigned long live, cut;
};

struct weigh_name {
	char client[WEIGH_CLIENT_ROOM];
	size_t channel; /* index in the world in force */
	enum admission_step step;
};

struct weigh_task {
	/* The asker's. */
	struct shared *shared;
	struct world *before, *proposed; /* borrowed until the task is back */
	uint64_t serial;                 /* never used before */
	int64_t now;                     /* seconds */
	bool judge_all;                  /* also sessions none of whose parts differ: time is what differs */
	const uint8_t *only_trust;       /* NULL, or only sessions that are trusted by this certificate */
	size_t names_max;                /* WEIGH_NAMES_MAX at least */
	bool crl_free;               /* what a revocation list closes does not count: a list always acts */
	const atomic_bool *given_up; /* nobody waits any more */
	void *asker;
	void (*back)(struct mail *mail, unsigned at);
	struct mail mail;
	/* The worker's. */
	struct worker *worker;
	struct net_slice slice;
	/* The answer. */
	enum err err;
	struct weigh_count *counts; /* one per channel of before */
	struct weigh_name *names;
	size_t name_count;
};

/* Room for the answer; ERR_NOMEM. */
MUST_CHECK enum err weigh_task_init(struct weigh_task *task);
void weigh_task_deinit(struct weigh_task *task);
/* To worker `at`; task->back runs on the control loop. */
void weigh_task_send(struct weigh_task *task, unsigned at);

#endif
