/*
 * hub.c - the sessions of one worker: where they are kept, found, listed and closed.
 * Threads: one worker.
 */
#include "broker/engine/hub.h"

#include <assert.h>
#include <stdlib.h>

static void retry_due(struct wheel_timer *timer)
{
	struct hub *hub = CONTAINER_OF(timer, struct hub, retry);
	(void)hub_turn(hub);
}

enum err hub_new(struct engine *engine, unsigned worker, struct wheel *wheel, struct hub **out)
{
	*out = NULL;
	assert(worker < engine->options.workers);
	struct hub *hub = calloc(1, sizeof(*hub));
	if (hub == NULL) {
		return ERR_NOMEM;
	}
	hub->engine = engine;
	hub->worker = worker;
	hub->wheel = wheel;
	hub->free_slot = SLOT_NONE;
	list_init(&hub->acks);
	list_init(&hub->blocked);
	hub->retry.fn = retry_due;
	hub->own.hub = hub;
	list_init(&hub->own.ops);
	list_init(&hub->own.blocked);
	buf_init(&hub->head, HEAD_BYTES_MAX);
	enum err err = map_new(&hub->sessions);
	if (err == ERR_OK) {
		err = map_new(&hub->connects);
	}
	if (err == ERR_OK) {
		/* An acknowledgement always fits: it is never the want of memory that keeps it back. */
		err = buf_reserve(&hub->head, HEAD_BYTES_MIN);
	}
	if (err != ERR_OK) {
		map_free(hub->sessions);
		map_free(hub->connects);
		free(hub);
		return err;
	}
	atomic_store(&engine->hubs[worker], hub);
	*out = hub;
	return ERR_OK;
}

void hub_free(struct hub *hub)
{
	if (hub == NULL) {
		return;
	}
	atomic_store(&hub->engine->hubs[hub->worker], NULL);
	for (uint32_t i = 0; i < hub->slot_count; i++) {
		struct session *session = hub->slots[i].session;
		if (session == NULL) {
			continue;
		}
		if (session_connected(session)) {
			const struct session_link link = session->link;
			session->link.ops = NULL;
			link.ops->close(link.ctx, MQTT_REASON_SERVER_SHUTTING_DOWN, true);
		}
		session_free(session);
	}
	LIST_FOR_EACH_SAFE(item, after, &hub->own.ops)
	{
		list_remove(item);
		publish_op_free(NULL, CONTAINER_OF(item, struct publish_op, item));
	}
	wheel_cancel(hub->wheel, &hub->retry);
	publish_op_free(NULL, hub->spare);
	map_free(hub->sessions);
	map_free(hub->connects);
	buf_release(&hub->head);
	free(hub->slots);
	free(hub);
}

bool hub_turn(struct hub *hub)
{
	while (!list_empty(&hub->acks)) {
		acks_submit(CONTAINER_OF(hub->acks.next, struct session, acks_pending));
	}
	/* Each once: those still blocked go back to the end of the list. */
	struct list again;
	list_init(&again);
	while (!list_empty(&hub->blocked)) {
		struct list *item = hub->blocked.next;
		list_remove(item);
		list_push_back(&again, item);
	}
	while (!list_empty(&again)) {
		struct list *item = again.next;
		list_remove(item);
		(void)publisher_drain(CONTAINER_OF(item, struct publisher, blocked));
	}
	const bool waiting = !list_empty(&hub->blocked);
	if (waiting) {
		wheel_add(hub->wheel, &hub->retry, hub_now_ms(hub) + RETRY_MS);
	}
	return waiting;
}

/* --- slots --- */

struct session *hub_find(struct hub *hub, struct session_handle handle)
{
	if (handle.slot >= hub->slot_count || hub->slots[handle.slot].generation != handle.generation) {
		return NULL;
	}
	return hub->slots[handle.slot].session;
}

struct session *hub_find_name(const struct hub *hub, struct bytes client_id)
{
	return map_get(hub->sessions, client_id);
}

static enum err slot_take(struct hub *hub, uint32_t *out)
{
	if (hub->free_slot == SLOT_NONE) {
		if (hub->slot_count == hub->slot_cap) {
			const uint32_t cap = hub->slot_cap == 0 ? 16 : hub->slot_cap * 2;
			struct slot *slots = realloc(hub->slots, cap * sizeof(*slots));
			if (slots == NULL) {
				return ERR_NOMEM;
			}
			hub->slots = slots;
			hub->slot_cap = cap;
		}
		hub->slots[hub->slot_count] = (struct slot){.generation = 0, .next_free = SLOT_NONE};
		hub->free_slot = hub->slot_count++;
	}
	*out = hub->free_slot;
	struct slot *slot = &hub->slots[*out];
	hub->free_slot = slot->next_free;
	slot->generation++;
	if (slot->generation == 0) {
		slot->generation = 1; /* 0 means nobody */
	}
	return ERR_OK;
}

static void slot_give(struct hub *hub, uint32_t index)
{
	struct slot *slot = &hub->slots[index];
	slot->session = NULL;
	slot->next_free = hub->free_slot;
	hub->free_slot = index;
}

enum err hub_session_new(struct hub *hub, const struct session_identity *identity, struct session **out)
{
	struct engine *engine = hub->engine;
	if (atomic_fetch_add(&engine->sessions, 1) >= engine->limits.sessions_max) {
		atomic_fetch_sub(&engine->sessions, 1);
		return ERR_LIMIT;
	}
	struct session *session = calloc(1, sizeof(*session));
	uint32_t slot = SLOT_NONE;
	enum err err = session == NULL ? ERR_NOMEM : slot_take(hub, &slot);
	if (err == ERR_OK) {
		err = map_put(hub->sessions, bytes_text(identity->client_id), session, NULL);
		if (err != ERR_OK) {
			slot_give(hub, slot);
		}
	}
	if (err != ERR_OK) {
		free(session);
		atomic_fetch_sub(&engine->sessions, 1);
		return err;
	}
	session->hub = hub;
	session->identity = session_identity_ref(identity);
	session->handle = (struct session_handle){
		.worker = hub->worker, .slot = slot, .generation = hub->slots[slot].generation};
	list_init(&session->queue);
	list_init(&session->inflight);
	list_init(&session->acks_pending);
	hub->slots[slot].session = session;
	hub->counters.sessions++;
	*out = session;
	return ERR_OK;
}

void session_free(struct session *session)
{
	struct hub *hub = session->hub;
	assert(!session_connected(session));
	wheel_cancel(hub->wheel, &session->timer);
	if (session->publisher != NULL) {
		publisher_release(session->publisher);
	}
	subscriptions_free(session);
	feeds_free(session);
	session_purge_all(session);
	aliases_free(session->aliases);
	will_free(hub, session->will);
	list_remove(&session->acks_pending);
	free(session->acks);
	free(session->inbound);
	(void)map_remove(hub->sessions, bytes_text(session->identity->client_id));
	slot_give(hub, session->handle.slot);
	session_identity_unref(session->identity);
	hub->counters.sessions--;
	atomic_fetch_sub(&hub->engine->sessions, 1);
	free(session);
}

/* --- operating --- */

const char *hub_session_owner(const struct hub *hub, struct bytes client_id)
{
	const struct session *session = hub_find_name(hub, client_id);
	return session == NULL ? NULL : session->identity->user;
}

enum err hub_session_close(
	struct hub *hub, struct bytes client_id, uint8_t reason, enum session_will will, bool end_session)
{
	struct session *session = hub_find_name(hub, client_id);
	if (session == NULL || (!session_connected(session) && !end_session)) {
		return ERR_NOT_FOUND;
	}
	const struct session_handle handle = session->handle;
	if (session_connected(session)) {
		session_close(session, reason, true, will);
	} else if (will != SESSION_WILL_PUBLISH) {
		will_arm(session, will); /* one that still waits for its delay */
	}
	session = hub_find(hub, handle);
	if (session != NULL && end_session) {
		session_end(session);
	}
	return ERR_OK;
}

static void status_of(const struct session *session, struct session_status *out)
{
	*out = (struct session_status){.identity = session->identity,
		.connected = session_connected(session),
		.lasting = session->stored.id != 0,
		.version = (enum mqtt_version)session->version,
		.keep_alive_s = session->keep_alive_s,
		.session_expiry_s = session->expiry_s,
		.subscriptions = session->subscription_count,
		.messages_in = session->messages_in,
		.messages_out = session->messages_out,
		.dropped = session->dropped,
		.pending = session->queue_count,
		.in_doubt_in = session->inbound == NULL ? 0 : session->inbound->count,
		.in_doubt_out = session->inflight_count,
		.last_message_ms = session->last_message_ms,
		.connected_ms = session->connected_ms};
	if (session->publisher != NULL) {
		LIST_FOR_EACH(item, &session->publisher->ops)
		{
			/* QoS 2 is counted by its packet id. */
			out->in_doubt_in += CONTAINER_OF(item, struct publish_op, item)->qos == 1;
		}
	}
}

void hub_sessions_each(struct hub *hub, session_visit_fn visit, void *ctx)
{
	for (uint32_t i = 0; i < hub->slot_count; i++) {
		struct session_status status;
		if (hub->slots[i].session != NULL) {
			status_of(hub->slots[i].session, &status);
			if (!visit(ctx, &status)) {
				return;
			}
		}
	}
}

bool hub_session_status(struct hub *hub, struct bytes client_id, struct session_status *out)
{
	const struct session *session = hub_find_name(hub, client_id);
	if (session != NULL) {
		status_of(session, out);
	}
	return session != NULL;
}

void hub_counters(const struct hub *hub, struct hub_counters *out)
{
	*out = hub->counters;
}

void hub_stop(struct hub *hub)
{
	hub->stopping = true;
	for (uint32_t i = 0; i < hub->slot_count; i++) {
		struct session *session = hub->slots[i].session;
		if (session != NULL && session_connected(session)) {
			session_close(session, MQTT_REASON_SERVER_SHUTTING_DOWN, true, SESSION_WILL_PUBLISH);
		}
	}
	(void)hub_turn(hub);
}

bool hub_idle(const struct hub *hub)
{
	return hub->outstanding == 0 && list_empty(&hub->acks) && list_empty(&hub->blocked) &&
	       map_count(hub->connects) == 0;
}
