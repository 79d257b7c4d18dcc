/*
 * executor.c - the executor that tests use: jobs wait until somebody runs them, on the same thread.
 * Threads: one.
 */
#include "base/executor.h"

#include <assert.h>
#include <stddef.h>

enum err executor_submit(const struct executor *executor, enum lane lane, struct job *job)
{
	assert(job->run != NULL);
	assert(job->done != NULL);
	return executor->submit(executor->ctx, lane, job);
}

static enum err executor_inline_submit(void *ctx, enum lane lane, struct job *job)
{
	struct executor_inline *state = ctx;
	(void)lane;
	if (state->queued >= state->limit) {
		return ERR_LIMIT;
	}
	job->next = NULL;
	if (state->tail == NULL) {
		state->head = job;
	} else {
		state->tail->next = job;
	}
	state->tail = job;
	state->queued++;
	return ERR_OK;
}

struct executor executor_from_inline(struct executor_inline *state)
{
	return (struct executor){executor_inline_submit, state};
}

unsigned executor_inline_run(struct executor_inline *state)
{
	unsigned ran = 0;
	while (state->head != NULL) {
		struct job *job = state->head;
		state->head = job->next;
		if (state->head == NULL) {
			state->tail = NULL;
		}
		state->queued--;
		ran++;
		job->next = NULL;
		job->run(job);
		job->done(job); /* may free the job, and may submit again */
	}
	return ran;
}
