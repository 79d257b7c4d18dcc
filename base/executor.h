/*
 * executor.h - where blocking work goes, and how its answer comes back to the loop that asked.
 * Never:   runs done on another thread than the poster's loop; drops a job whose submit returned ERR_OK.
 *
 * base defines the table; broker/net implements it with bounded thread lanes. Tests use executor_inline().
 */
#ifndef LOCKGATE_BASE_EXECUTOR_H
#define LOCKGATE_BASE_EXECUTOR_H

#include "base/err.h"

enum lane {
	LANE_HASH,  /* password hashes: CPU bound, few threads, short queue */
	LANE_FILE,  /* files, keystores, CRLs */
	LANE_LOGIN, /* login modules that block on somebody else (LDAP, PAM, later) */
	LANE_COUNT_
};

/* Embed in the job's owner. run is called on a lane's thread, done on the submitting loop, exactly once each. */
struct job {
	void (*run)(struct job *job);
	void (*done)(struct job *job);
	struct job *next; /* the executor's, while submitted */
	void *home;       /* the executor's: the loop that gets done */
};

struct executor {
	/* ERR_LIMIT: the lane is full, nothing was taken ("server busy"; never an admission). */
	enum err (*submit)(void *ctx, enum lane lane, struct job *job);
	void *ctx;
};

MUST_CHECK enum err executor_submit(const struct executor *executor, enum lane lane, struct job *job);

/*
 * For tests: submit queues; executor_inline_run() then runs every queued job and its done on the calling thread.
 * limit is how many may wait.
 */
struct executor_inline {
	struct job *head;
	struct job *tail;
	unsigned queued;
	unsigned limit;
};
struct executor executor_from_inline(struct executor_inline *state);
unsigned executor_inline_run(struct executor_inline *state);

#endif
