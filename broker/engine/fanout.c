/*
 * fanout.c - one message to the sessions of other workers: one mail, one reference per worker.
 * Owns:    the mail, from post to run.
 * Threads: made by the publisher's worker, run by the sessions' one.
 */
#include "broker/engine/hub.h"

#include <stdlib.h>

struct fanout_target {
	struct session_handle session;
	struct store_position position;
	uint64_t seq;
	uint32_t id_first;
	uint32_t id_count;
	uint8_t qos;
	bool retain;
	bool full;
	bool stored;
};

struct fanout {
	struct mail mail;
	struct engine *engine;
	struct message *message;
	uint32_t *ids; /* in the same allocation */
	size_t count;
	struct fanout_target targets[];
};

static void offer_target(
	struct hub *hub, struct message *message, const struct fanout_target *target, const uint32_t *ids)
{
	struct session *session = hub_find(hub, target->session);
	if (session == NULL) {
		return; /* it ended meanwhile */
	}
	const struct offer offer = {.message = message,
		.ids = target->id_count == 0 ? NULL : ids + target->id_first,
		.id_count = target->id_count,
		.seq = target->seq,
		.position = target->position,
		.qos = target->qos,
		.retain = target->retain,
		.full = target->full,
		.stored = target->stored};
	session_offer(session, &offer);
}

static void fanout_run(struct mail *mail, unsigned at)
{
	struct fanout *fanout = CONTAINER_OF(mail, struct fanout, mail);
	struct hub *hub = atomic_load(&fanout->engine->hubs[at]);
	for (size_t i = 0; hub != NULL && i < fanout->count; i++) {
		offer_target(hub, fanout->message, &fanout->targets[i], fanout->ids);
	}
	message_unref(fanout->message);
	free(fanout);
}

static struct fanout_target target_of(const struct route_target *route, const struct store_target *stored)
{
	struct fanout_target target = {.session = route->session,
		.id_first = route->id_first,
		.id_count = route->id_count,
		.qos = route->qos,
		.retain = route->retain};
	if (stored != NULL) {
		target.stored = true;
		target.seq = stored->seq;
		target.position = stored->position;
		target.full = stored->full;
	}
	return target;
}

static bool is_stored(const struct route_target *target)
{
	return target->store_id != 0 && target->qos > 0;
}

/* Targets [first, end) are all of one other worker; stored is the first store target among them. */
static enum err post_batch(
	const struct publish_op *op, size_t first, size_t end, const struct store_target *stored)
{
	size_t ids = 0;
	for (size_t i = first; i < end; i++) {
		ids += op->route.targets[i].id_count;
	}
	const size_t count = end - first;
	struct fanout *fanout =
		malloc(sizeof(*fanout) + count * sizeof(fanout->targets[0]) + ids * sizeof(fanout->ids[0]));
	if (fanout == NULL) {
		return ERR_NOMEM;
	}
	struct hub *hub = op->hub;
	*fanout = (struct fanout){.mail = {.run = fanout_run}, .engine = hub->engine, .count = count};
	fanout->ids = (uint32_t *)(void *)&fanout->targets[count];
	size_t at = 0;
	for (size_t i = 0; i < count; i++) {
		const struct route_target *route = &op->route.targets[first + i];
		struct fanout_target target = target_of(route, is_stored(route) ? stored++ : NULL);
		for (uint32_t j = 0; j < route->id_count; j++) {
			fanout->ids[at + j] = op->route.ids[route->id_first + j];
		}
		target.id_first = (uint32_t)at;
		at += route->id_count;
		fanout->targets[i] = target;
	}
	fanout->message = message_ref(op->message);
	const struct hub_post *post = &hub->engine->options.post;
	enum err err =
		post->post(post->ctx, hub->worker, op->route.targets[first].session.worker, &fanout->mail);
	if (err != ERR_OK) {
		message_unref(fanout->message);
		free(fanout);
	}
	return err;
}

static bool all_qos0(const struct publish_op *op, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		if (op->route.targets[i].qos > 0) {
			return false;
		}
	}
	return true;
}

enum err fanout_send(struct publish_op *op)
{
	struct hub *hub = op->hub;
	const struct store_target *stored = op->targets;
	for (size_t i = 0; i < op->sent; i++) {
		stored += is_stored(&op->route.targets[i]) ? 1 : 0;
	}
	while (op->sent < op->route.count) {
		const size_t first = op->sent;
		const uint32_t worker = op->route.targets[first].session.worker;
		size_t end = first;
		size_t stored_count = 0;
		while (end < op->route.count && op->route.targets[end].session.worker == worker) {
			stored_count += is_stored(&op->route.targets[end]) ? 1 : 0;
			end++;
		}
		if (worker != hub->worker) {
			enum err err = post_batch(op, first, end, stored);
			if (err != ERR_OK && !all_qos0(op, first, end)) {
				return ERR_LIMIT; /* tried again by hub_turn(); the publisher waits */
			}
			hub->counters.dropped_qos0 += err == ERR_OK ? 0 : end - first;
		} else {
			const struct store_target *one = stored;
			for (size_t i = first; i < end; i++) {
				const struct route_target *route = &op->route.targets[i];
				const struct fanout_target target =
					target_of(route, is_stored(route) ? one++ : NULL);
				offer_target(hub, op->message, &target, op->route.ids);
			}
		}
		stored += stored_count;
		op->sent = end;
	}
	return ERR_OK;
}
