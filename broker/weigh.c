/*
 * weigh.c - counts what a proposed world would close.
 * Owns:    see weigh.h.
 * Never:   changes a session.
 * Threads: the worker's loop, but where marked.
 *
 * Sessions are counted by going round the worker's list: the first goes to the end, until one comes that was counted. Who
 * comes in meanwhile stands behind all others and is counted or not; either is right.
 */
#include "broker/weigh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/connection.h"

#define SLICE_LOOK_AT 4u /* sessions between two looks at the clock */

enum err weigh_task_init(struct weigh_task *task)
{
	task->counts = calloc(world_channel_count(task->before) + 1, sizeof(*task->counts));
	task->names = calloc(task->names_max + 1, sizeof(*task->names));
	return task->counts == NULL || task->names == NULL ? ERR_NOMEM : ERR_OK;
}

void weigh_task_deinit(struct weigh_task *task)
{
	free(task->counts);
	free(task->names);
	task->counts = NULL;
	task->names = NULL;
}

static void weigh_end(struct weigh_task *task, enum err err)
{
	task->err = err;
	task->worker->weighing = NULL;
	task->mail.run = task->back;
	net_post_reserved(task->shared->net, net_control_at(task->shared->net), &task->mail);
}

/* Index of the channel in the world in force; the count of its channels: it is not there. */
static size_t channel_index(const struct world *world, const char *name)
{
	size_t i = 0;

	while (i < world_channel_count(world) && strcmp(world_channel_at(world, i)->name, name) != 0) {
		i++;
	}
	return i;
}

static void note_cut(struct weigh_task *task, const struct connection *connection, size_t channel,
	enum admission_step step)
{
	task->counts[channel].cut++;
	if (task->name_count < task->names_max) {
		struct weigh_name *name = &task->names[task->name_count++];

		(void)snprintf(name->client, sizeof(name->client), "%s", connection->identity->client_id);
		name->channel = channel;
		name->step = step;
	}
}

static void weigh_one(
	struct weigh_task *task, const struct connection *connection, struct admission_verdict *verdict)
{
	size_t channel = channel_index(task->before, connection->channel);
	struct admission_uses proposed;

	if (connection->state != CONNECTION_LIVE || connection->session == NULL ||
		channel == world_channel_count(task->before)) {
		return;
	}
	task->counts[channel].live++;
	if (task->only_trust != NULL &&
		(connection->trust_kind == TRUST_NONE ||
			memcmp(connection->trust_sha256, task->only_trust, SHA256_BYTES) != 0)) {
		return;
	}
	policy_uses(world_policy(task->proposed), connection->channel, &proposed);
	if (!task->judge_all && admission_uses_equal(&connection->uses, &proposed)) {
		return;
	}
	if (connection_would_close(connection, task->proposed, task->now, verdict) &&
		!(task->crl_free && verdict->step == STEP_REVOCATION && !verdict->absence)) {
		note_cut(task, connection, channel, verdict->step);
	}
}

static void on_slice(struct net_slice *slice)
{
	struct weigh_task *task = CONTAINER_OF(slice, struct weigh_task, slice);
	struct worker *worker = task->worker;
	struct admission_verdict *verdict = NULL;
	uint64_t end_ns = clock_mono_ns() + BROKER_SLICE_US * 1000u;
	unsigned turned = 0;
	bool over = atomic_load_explicit(task->given_up, memory_order_relaxed);

	/* What the world in force closes is not the proposal's doing: first all are judged under it. */
	if (!over && list_empty(&worker->unjudged)) {
		verdict = calloc(1, sizeof(*verdict));
		if (verdict == NULL) {
			weigh_end(task, ERR_NOMEM);
			return;
		}
		while (!over && (turned % SLICE_LOOK_AT != 0 || turned == 0 || clock_mono_ns() < end_ns)) {
			struct connection *connection =
				CONTAINER_OF(worker->connections.next, struct connection, node);

			over = list_empty(&worker->connections) || connection->weighed == task->serial;
			if (!over) {
				connection->weighed = task->serial;
				list_remove(&connection->node);
				list_push_back(&worker->connections, &connection->node);
				weigh_one(task, connection, verdict);
				turned++;
			}
		}
		free(verdict);
	}
	if (over) {
		weigh_end(task, ERR_OK);
	} else {
		net_slice_soon(worker->shared->net, worker->at, &task->slice);
	}
}

static void on_task(struct mail *mail, unsigned at)
{
	struct weigh_task *task = CONTAINER_OF(mail, struct weigh_task, mail);
	struct worker *worker = &task->shared->workers[at];

	task->worker = worker;
	worker->weighing = task;
	net_slice_init(&task->slice, on_slice);
	net_slice_soon(worker->shared->net, at, &task->slice);
}

void weigh_task_send(struct weigh_task *task, unsigned at)
{
	task->mail.run = on_task;
	net_post_reserved(task->shared->net, at, &task->mail);
}
