/*
 * publish.c - from an accepted message to its targets: routed, committed if somebody lasting gets it, then handed out
 *             and answered, strictly in the order of its publisher. Every topic is ordered: MQTT-4.6.0-5, MQTT-4.6.0-6.
 * Owns:    the operations in a publisher's FIFO.
 * Threads: one worker's.
 */
#include "broker/engine/hub.h"

#include <stdlib.h>

#define SPARE_TARGETS_MAX 1024u /* a larger route's arrays are not kept for the next message */

static struct publish_op *op_new(struct hub *hub)
{
	struct publish_op *op = hub->spare;
	hub->spare = NULL;
	if (op == NULL) {
		op = calloc(1, sizeof(*op));
		if (op == NULL) {
			return NULL;
		}
	}
	hub->outstanding++;
	op->hub = hub;
	list_init(&op->item);
	return op;
}

/* Keeps one, with its arrays, for the next message. hub NULL: for good. */
void publish_op_free(struct hub *hub, struct publish_op *op)
{
	if (op == NULL) {
		return;
	}
	message_unref(op->message);
	if (hub != NULL) {
		hub->outstanding--;
	}
	if (hub != NULL && hub->spare == NULL && op->route.cap <= SPARE_TARGETS_MAX) {
		const struct publish_op kept = {
			.route = op->route, .targets = op->targets, .target_cap = op->target_cap};
		*op = kept;
		hub->spare = op;
		return;
	}
	route_release(&op->route);
	free(op->targets);
	free(op);
}

/* --- publishers --- */

enum err session_publisher(struct session *session, struct publisher **out)
{
	if (session->publisher == NULL) {
		struct publisher *publisher = calloc(1, sizeof(*publisher));
		if (publisher == NULL) {
			return ERR_NOMEM;
		}
		publisher->hub = session->hub;
		publisher->session = session->handle;
		list_init(&publisher->ops);
		list_init(&publisher->blocked);
		session->publisher = publisher;
	}
	*out = session->publisher;
	return ERR_OK;
}

static bool publisher_free_if_done(struct publisher *publisher)
{
	if (!publisher->orphan || publisher->draining || !list_empty(&publisher->ops)) {
		return false;
	}
	list_remove(&publisher->blocked);
	free(publisher);
	return true;
}

void publisher_release(struct publisher *publisher)
{
	publisher->orphan = true;
	(void)publisher_free_if_done(publisher);
}

/* --- the answer --- */

static void answer_failure(struct session *session, const struct publish_op *op)
{
	if (session->version == MQTT_5 && op->status != ERR_UNKNOWN && op->status != ERR_STATE) {
		/* Certainly not stored: the client may be told so and decides itself. */
		session->quota_in -= session->quota_in > 0;
		session_send_ack(session, op->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, op->packet_id,
			op->status == ERR_LIMIT ? MQTT_REASON_QUOTA_EXCEEDED
						: MQTT_REASON_IMPLEMENTATION_SPECIFIC);
		return;
	}
	/*
	 * Unknown: neither yes nor no is true (3.1.1 MQTT-4.8.0-2). The client comes back and asks again with the same
	 * packet id.
	 */
	session_close(session, MQTT_REASON_UNSPECIFIED, true, SESSION_WILL_PUBLISH);
}

static void answer_inbound(struct session *session, const struct publish_op *op)
{
	struct inbound *inbound = inbound_find(session, op->packet_id);
	if (inbound == NULL || inbound->state != INBOUND_COMMITTING) {
		return;
	}
	const bool ours = session_connected(session) && inbound->connection == session->connection;
	if (op->status == ERR_OK) {
		inbound->state = INBOUND_RECEIVED;
		if (ours) {
			session_send_ack(
				session, MQTT_PUBREC, op->packet_id, MQTT_REASON_SUCCESS); /* MQTT-4.3.3-8 */
		}
		return;
	}
	inbound_remove(session,
		inbound); /* MQTT-4.3.3-9; what the store holds of it answers a repeat as a duplicate */
	if (ours) {
		answer_failure(session, op);
	}
}

/*
 * By QoS (MQTT-3.3.4-1): PUBACK and PUBREC go out after the commit, in the order of the PUBLISH packets (MQTT-4.6.0-2,
 * MQTT-4.6.0-3).
 */
static void answer(struct publish_op *op)
{
	struct session *session = hub_find(op->hub, op->publisher->session);
	if (session == NULL || op->packet_id == 0) {
		return;
	}
	if (op->qos == 2) {
		answer_inbound(session, op);
		return;
	}
	if (!session_connected(session) || session->connection != op->connection) {
		return;
	}
	if (op->status != ERR_OK) {
		answer_failure(session, op);
		return;
	}
	session->quota_in -= session->quota_in > 0;
	/* MQTT-4.3.2-4; the id is not remembered, so the next PUBLISH with it is a new message (MQTT-4.3.2-5). */
	session_send_ack(session, MQTT_PUBACK, op->packet_id, MQTT_REASON_SUCCESS);
}

/* --- routing --- */

static enum err route_message(struct publish_op *op, uint64_t newer_than)
{
	struct engine *engine = op->hub->engine;
	const struct route_query query = {.topic = message_topic(op->message),
		.publisher = op->publisher->session,
		.hooks = &engine->options.hooks,
		.rights = engine_rights(engine),
		.newer_than = newer_than,
		.qos = message_qos(op->message),
		.retain = message_retain(op->message)};
	return router_match(engine->router, op->hub->worker, &query, &op->route);
}

static bool goes_through_store(const struct route_target *target)
{
	return target->store_id != 0 && target->qos > 0;
}

/* The store's view of the targets: a message is accepted once it is in each one's session (MQTT-4.5.0-1). */
static enum err targets_fill(struct publish_op *op)
{
	size_t count = 0;
	for (size_t i = 0; i < op->route.count; i++) {
		count += goes_through_store(&op->route.targets[i]);
	}
	if (count > op->target_cap) {
		struct store_target *targets = realloc(op->targets, count * sizeof(*targets));
		if (targets == NULL) {
			return ERR_NOMEM;
		}
		op->targets = targets;
		op->target_cap = count;
	}
	size_t at = 0;
	for (size_t i = 0; i < op->route.count; i++) {
		const struct route_target *target = &op->route.targets[i];
		if (goes_through_store(target)) {
			op->targets[at++] = (struct store_target){.session_id = target->store_id,
				.subscription_ids =
					target->id_count == 0 ? NULL : &op->route.ids[target->id_first],
				.subscription_id_count = target->id_count,
				.qos = target->qos,
				.retain = target->retain};
		}
	}
	op->append.targets = op->targets;
	op->append.target_count = count;
	return ERR_OK;
}

/* --- retained --- */

/*
 * Set when the message counts, that is after its commit. A subscription made between routing and here has seen the
 * old retained message only, so it is looked for and served like the others.
 */
static void retain_message(struct publish_op *op)
{
	struct hub *hub = op->hub;
	op->retained_done = true;
	if (!message_retain(op->message)) {
		return;
	}
	if (retained_set(hub->engine->retained, op->message) != ERR_OK) {
		hub->counters.retained_full++;
	}
}

/* --- the FIFO --- */

static void append_done(struct mail *mail, unsigned at);

static void commit(struct publish_op *op)
{
	void *ctx = NULL;
	op->committed = false;
	op->append.message = op->message;
	hub_request(op->hub, &op->append.request, append_done);
	hub_store(op->hub, &ctx)->append(ctx, &op->append);
}

/* true: it goes round once more for subscriptions that came while it was being committed. */
static bool late_targets(struct publish_op *op)
{
	if (op->routed_again || !message_retain(op->message) || op->append.duplicate ||
		router_version(op->hub->engine->router) == op->route.version) {
		return false;
	}
	op->routed_again = true;
	if (route_message(op, op->route.version) != ERR_OK || op->route.count == 0 ||
		targets_fill(op) != ERR_OK) {
		return false;
	}
	op->sent = 0;
	op->append.inbound_id = 0;
	if (op->append.target_count > 0) {
		commit(op);
	}
	return true;
}

/* ERR_OK: done and answered. ERR_LIMIT: a mailbox is full. ERR_AGAIN: it waits for the store. */
static enum err op_finish(struct publish_op *op)
{
	for (;;) {
		if (!op->committed) {
			return ERR_AGAIN;
		}
		if (op->status == ERR_OK && !op->append.duplicate) {
			if (!op->retained_done) {
				retain_message(op);
			}
			enum err err = fanout_send(op);
			if (err != ERR_OK) {
				return err;
			}
			if (late_targets(op)) {
				continue;
			}
		}
		answer(op);
		return ERR_OK;
	}
}

static void wait_for_room(struct publisher *publisher)
{
	struct hub *hub = publisher->hub;
	list_remove(&publisher->blocked);
	list_push_back(&hub->blocked, &publisher->blocked);
	wheel_add(hub->wheel, &hub->retry, hub_now_ms(hub) + RETRY_MS);
	struct session *session = hub_find(hub, publisher->session);
	if (session != NULL && publisher->session.generation != 0) {
		session_pause(session, PAUSE_PUBLISHER);
	}
}

bool publisher_drain(struct publisher *publisher)
{
	struct hub *hub = publisher->hub;
	if (publisher->draining) {
		return true;
	}
	publisher->draining = true;
	bool full = false;
	while (!list_empty(&publisher->ops)) {
		struct publish_op *op = CONTAINER_OF(publisher->ops.next, struct publish_op, item);
		const enum err err = op_finish(op);
		if (err != ERR_OK) {
			full = err == ERR_LIMIT;
			break;
		}
		list_remove(&op->item);
		publisher->count--;
		publish_op_free(hub, op);
	}
	publisher->draining = false;
	if (full) {
		wait_for_room(publisher);
		return false;
	}
	list_remove(&publisher->blocked);
	struct session *session =
		publisher->session.generation == 0 ? NULL : hub_find(hub, publisher->session);
	if (publisher_free_if_done(publisher)) {
		return true;
	}
	if (session != NULL && publisher->count < PUBLISHER_OPS_MAX / 2) {
		session_resume(session, PAUSE_PUBLISHER);
		session_pump(session); /* a feed of retained messages may go on */
	}
	return true;
}

static void append_done(struct mail *mail, unsigned at)
{
	(void)at;
	struct publish_op *op = CONTAINER_OF(mail, struct publish_op, append.request.mail);
	hub_request_done(op->hub, &op->append.request);
	op->committed = true;
	if (op->status == ERR_OK && !op->routed_again) {
		op->status = op->append.request.status;
	}
	if (op->routed_again && op->append.request.status != ERR_OK) {
		op->route.count = 0; /* the message itself stands; only the late ones miss it */
	}
	(void)publisher_drain(op->publisher);
}

/* Queues op; the head of the FIFO is finished at once if nothing holds it up. */
static void op_start(struct publish_op *op, bool needs_commit)
{
	struct publisher *publisher = op->publisher;
	list_push_back(&publisher->ops, &op->item);
	publisher->count++;
	op->committed = true;
	if (needs_commit) {
		commit(op);
	}
	struct session *session =
		publisher->session.generation == 0 ? NULL : hub_find(publisher->hub, publisher->session);
	if (session != NULL && publisher->count >= PUBLISHER_OPS_MAX) {
		session_pause(session, PAUSE_PUBLISHER);
	}
	if (publisher->ops.next == &op->item && !needs_commit) {
		(void)publisher_drain(publisher);
	}
}

enum err publish(struct hub *hub, const struct publication *publication)
{
	/* A client's queue is bounded by not reading it; the broker's own has nobody to hold back. */
	const bool full = publication->publisher == &hub->own && hub->own.count >= OWN_OPS_MAX;
	struct publish_op *op = full ? NULL : op_new(hub);
	if (op == NULL) {
		hub->counters.dropped_queue_full += full;
		message_unref(publication->message);
		return full ? ERR_LIMIT : ERR_NOMEM;
	}
	const struct session *session = publication->session;
	op->publisher = publication->publisher;
	op->message = publication->message;
	op->packet_id = publication->packet_id;
	op->qos = message_qos(op->message);
	op->connection = session == NULL ? 0 : session->connection;
	op->status = ERR_OK;
	/* Retained messages that need no commit are there before anybody new can look for them. */
	enum err err = route_message(op, 0);
	if (err == ERR_OK) {
		err = targets_fill(op);
	}
	if (err != ERR_OK) {
		publish_op_free(hub, op);
		return err;
	}
	if (publication->inbound_id != 0) {
		op->append.publisher = session->stored;
		op->append.inbound_id = publication->inbound_id;
	}
	op_start(op, op->append.target_count > 0 || op->append.inbound_id != 0);
	return ERR_OK;
}

enum err publish_to_stored(
	struct session *session, struct message *message, uint8_t qos, uint32_t subscription_id)
{
	struct hub *hub = session->hub;
	struct publisher *publisher = NULL;
	enum err err = session_publisher(session, &publisher);
	struct publish_op *op = err == ERR_OK ? op_new(hub) : NULL;
	if (op == NULL) {
		return ERR_NOMEM;
	}
	op->publisher = publisher;
	op->message = message_ref(message);
	op->status = ERR_OK;
	op->retained_done = true;
	op->routed_again = true; /* it is for this session alone */
	err = route_single(&op->route, session->handle, session->stored.id, qos, subscription_id);
	if (err == ERR_OK) {
		err = targets_fill(op);
	}
	if (err != ERR_OK) {
		publish_op_free(hub, op);
		return err;
	}
	op_start(op, true);
	return ERR_OK;
}

enum err hub_publish(struct hub *hub, const struct hub_publication *in)
{
	const struct message_parts parts = {
		.topic = in->topic, .payload = in->payload, .qos = in->qos, .retain = in->retain};
	struct message *message = NULL;
	enum err err = message_new(&parts, hub_now_ms(hub), &message);
	if (err != ERR_OK) {
		return err;
	}
	const struct publication publication = {.publisher = &hub->own, .message = message};
	return publish(hub, &publication);
}
