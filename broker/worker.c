/*
 * worker.c - swaps worlds, and has live sessions judged again in slices.
 * Owns:    see worker.h.
 * Never:   judges for longer than BROKER_SLICE_US before the loop serves others.
 * Threads: one worker's loop.
 */
#include "broker/worker.h"

#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/connection_private.h"
#include "broker/weigh.h"

#define SLICE_LOOK_AT 4u /* sessions between two looks at the clock */

static void on_slice(struct net_slice *slice);

enum err worker_init(struct worker *worker, struct shared *shared, unsigned at)
{
	*worker = (struct worker){.shared = shared, .at = at, .wheel = net_wheel(shared->net, at)};
	list_init(&worker->connections);
	list_init(&worker->unjudged);
	net_slice_init(&worker->slice, on_slice);
	atomic_init(&worker->live, 0);
	return hub_new(shared->engine, at, worker->wheel, &worker->hub);
}

void worker_deinit(struct worker *worker)
{
	net_slice_cancel(&worker->slice);
	free(worker->closed);
	worker->closed = NULL;
	if (worker->weighing != NULL) {
		net_slice_cancel(&worker->weighing->slice);
		worker->weighing = NULL;
	}
	hub_free(worker->hub);
	worker->hub = NULL;
	wheel_cancel(worker->wheel, &worker->lines_again);
	world_unref(worker->world);
	worker->world = NULL;
}

/* --- refused rights --- */

#define RIGHT_LINES_MS 1000u

static void on_lines_again(struct wheel_timer *timer)
{
	struct worker *worker = CONTAINER_OF(timer, struct worker, lines_again);

	if (worker->right_suppressed > 0) {
		LOG(worker->shared->log, LOG_WARN, "LKG8079W",
			"more publishes and subscribes were refused than are logged one by one",
			LF_INT("suppressed", worker->right_suppressed), LF_INT("worker", worker->at));
	}
	worker->right_lines = 0;
	worker->right_suppressed = 0;
}

void worker_right_refused(struct worker *worker, const struct session_identity *identity,
	enum auth_right right, struct bytes topic)
{
	char id[REFUSAL_ID_BYTES];
	struct refusal_right refused = {
		.channel = identity->channel,
		.client_id = identity->client_id,
		.client_id_bound = identity->client_id_bound,
		.user = identity->user,
		.common_name = identity->common_name,
		.peer = identity->peer,
		.right = right,
		.topic = topic,
		.policy = world_policy(worker->world),
	};

	if (!wheel_timer_pending(&worker->lines_again)) {
		worker->lines_again.fn = on_lines_again;
		wheel_add(worker->wheel, &worker->lines_again,
			net_now_ms(worker->shared->net, worker->at) + RIGHT_LINES_MS);
	}
	if (worker->right_lines == BROKER_RIGHT_LINES_MAX) {
		worker->right_suppressed++;
		return;
	}
	worker->right_lines++;
	refusals_add_right(worker->shared->refusals, &refused, id);
}

/* --- how many are closed --- */

void worker_count_closed(struct worker *worker, const char *channel)
{
	size_t i = 0;

	if (worker->closed == NULL && worker->shared->on_closed != NULL) {
		worker->closed = calloc(1, sizeof(*worker->closed));
	}
	struct closed_letter *letter = worker->closed;

	if (letter == NULL) {
		return; /* an alarm that is not given for want of memory */
	}
	while (i < letter->count && strcmp(letter->rows[i].channel, channel) != 0) {
		i++;
	}
	if (i == WORKER_CLOSED_CHANNELS_MAX) {
		return;
	}
	if (i == letter->count) {
		letter->count++;
		memcpy(letter->rows[i].channel, channel, strlen(channel) + 1);
	}
	letter->rows[i].closed++;
}

static void send_closed(struct worker *worker)
{
	struct closed_letter *letter = worker->closed;

	if (letter != NULL) {
		worker->closed = NULL;
		letter->ctx = worker->shared->closed_ctx;
		letter->mail.run = worker->shared->on_closed;
		net_post_reserved(worker->shared->net, net_control_at(worker->shared->net), &letter->mail);
	}
}

static void arm_slice(struct worker *worker)
{
	net_slice_soon(worker->shared->net, worker->at, &worker->slice);
}

void worker_judge_soon(struct worker *worker, struct list *connection_node)
{
	CONTAINER_OF(connection_node, struct connection, node)->judge_due = true;
	list_remove(connection_node);
	list_push_back(&worker->unjudged, connection_node);
	arm_slice(worker);
}

static bool used_parts_changed(const struct worker *worker, const struct connection *connection)
{
	struct admission_uses today;

	policy_uses(world_policy(worker->world), connection->channel, &today);
	return !admission_uses_equal(&connection->uses, &today);
}

/* Sessions whose parts are unchanged cost a comparison; the rest are judged. */
static void look_again(struct worker *worker, struct connection *connection)
{
	bool due = connection->judge_due;

	connection->judge_due = false;
	/* Who waits at the gate may have become hopeless, or have all it needs. */
	if (connection->state == CONNECTION_REVOCATION ||
		(connection->state == CONNECTION_LIVE && (due || used_parts_changed(worker, connection)))) {
		connection_rejudge(connection);
	}
}

static void on_slice(struct net_slice *slice)
{
	struct worker *worker = CONTAINER_OF(slice, struct worker, slice);
	uint64_t end_ns = clock_mono_ns() + BROKER_SLICE_US * 1000u;
	unsigned looked = 0;

	while (!list_empty(&worker->unjudged)) {
		struct connection *connection = CONTAINER_OF(worker->unjudged.next, struct connection, node);

		list_remove(&connection->node);
		if (worker->weighing != NULL && connection->weighed != worker->weighing->serial) {
			list_push_front(
				&worker->connections, &connection->node); /* or it would not be counted */
		} else {
			list_push_back(&worker->connections, &connection->node);
		}
		look_again(worker, connection);
		looked++;
		if (looked % SLICE_LOOK_AT == 0 && clock_mono_ns() >= end_ns) {
			break;
		}
	}
	if (!list_empty(&worker->unjudged)) {
		arm_slice(worker);
	} else {
		send_closed(worker);
	}
}

void worker_set_world(struct worker *worker, struct world *world)
{
	struct world *old = worker->world;

	worker->world = world_ref(world);
	world_unref(old);
	/* All of them, without a look at any: a hundred thousand comparisons would be a pause. */
	list_append(&worker->unjudged, &worker->connections);
	if (!list_empty(&worker->unjudged)) {
		arm_slice(worker);
	}
}

static bool watchers_due(struct list *connections, const struct ocsp_watch *watch)
{
	bool any = false;

	LIST_FOR_EACH(node, connections)
	{
		struct connection *connection = CONTAINER_OF(node, struct connection, node);

		if (connection->watch_count > 0 && connection_watches(connection, watch)) {
			connection->judge_due = true;
			any = true;
		}
	}
	return any;
}

void connection_watch_changed(struct worker *worker, const struct ocsp_watch *watch)
{
	bool any = watchers_due(&worker->connections, watch);

	(void)watchers_due(&worker->unjudged, watch);
	if (any) {
		list_append(&worker->unjudged, &worker->connections);
		arm_slice(worker);
	}
}
