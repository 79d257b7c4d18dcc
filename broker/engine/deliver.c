/*
 * deliver.c - a session's outgoing messages: queued, sent within the client's limits, repeated on a new connection.
 * Owns:    the session's deliveries.
 * Threads: its hub's worker. Never closes a session but from a client's own packet.
 *
 * What is dropped, and counted: QoS 0 while the link's backlog is above backlog_bytes_max, or while the session is
 * detached; QoS 1 and 2 of a session that ends with its connection beyond queue_count_max or queue_bytes_max, the newest
 * first, so that what is queued keeps its order; the same for a lasting one in the store; anything expired, too large
 * for the client, or no longer allowed.
 */
#include "broker/engine/hub.h"

#include <stdlib.h>
#include <string.h>

#define PACKET_IDS 65535u

static uint16_t packet_id_of(const struct delivery *delivery)
{
	return (uint16_t)(1 + delivery->seq % PACKET_IDS);
}

static void delivery_free(struct delivery *delivery)
{
	list_remove(&delivery->item);
	message_unref(delivery->message);
	free(delivery);
}

static uint32_t weight(const struct delivery *delivery)
{
	return delivery->message == NULL ? 0 : (uint32_t)message_bytes(delivery->message);
}

static void dequeue(struct session *session, struct delivery *delivery)
{
	list_remove(&delivery->item);
	session->queue_count--;
	session->queue_bytes -= weight(delivery);
}

static void stop_waiting(struct session *session, struct delivery *delivery)
{
	session->waiting_count -= delivery->waits;
	delivery->waits = false;
}

/* In the order of first sending, which a resume from the store does not keep by itself (MQTT-4.6.0-1). */
static void add_inflight(struct session *session, struct delivery *delivery)
{
	struct list *before = session->inflight.prev;
	while (before != &session->inflight &&
		CONTAINER_OF(before, struct delivery, item)->seq > delivery->seq) {
		before = before->prev;
	}
	list_push_front(before, &delivery->item);
	session->inflight_count++;
}

static void forget_inflight(struct session *session, struct delivery *delivery)
{
	stop_waiting(session, delivery);
	session->inflight_count--;
	delivery_free(delivery);
}

void session_purge_queue(struct session *session)
{
	LIST_FOR_EACH_SAFE(item, after, &session->queue)
	{
		struct delivery *delivery = CONTAINER_OF(item, struct delivery, item);
		dequeue(session, delivery);
		delivery_free(delivery);
	}
	/* The store still has them: read again from behind what was sent last. */
	session->last_seq = session->sent_seq;
	session->position = session->sent_position;
	session->behind = session->stored.id != 0;
}

void session_purge_all(struct session *session)
{
	session_purge_queue(session);
	LIST_FOR_EACH_SAFE(item, after, &session->inflight)
	{
		forget_inflight(session, CONTAINER_OF(item, struct delivery, item));
	}
}

/* --- sending --- */

static enum err encode_delivery(
	struct session *session, const struct delivery *delivery, uint32_t left_s, bool has)
{
	struct hub *hub = session->hub;
	const struct mqtt_encode_options options = session_encode(session);
	const struct mqtt_publish_head head = {.topic = message_topic(delivery->message),
		.qos = delivery->qos,
		.dup = delivery->dup, /* of this copy alone: MQTT-3.3.1-3; first 0: MQTT-4.3.1-1, MQTT-4.3.2-2, MQTT-4.3.3-2 */
		.retain = delivery->retain,
		.packet_id = delivery->qos == 0 ? 0 : packet_id_of(delivery),
		.has_message_expiry = has,
		.message_expiry_s = left_s, /* MQTT-3.3.2-6 */
		.props = message_props(delivery->message),
		.subscription_ids = delivery->id_count == 0 ? NULL : delivery->ids,
		.subscription_id_count = delivery->id_count,
		.payload_len = message_payload(delivery->message).len};
	/* By name always: no Topic Alias goes out, whatever Topic Alias Maximum came (MQTT-3.1.2-26,
	 * MQTT-3.1.2-27, MQTT-3.3.2-11). */
	hub->head.len = 0;
	return mqtt_encode_publish_head(&options, &head, &hub->head);
}

/* Whether its rights still stand; a message queued under today's generation has been judged already. */
static bool still_permitted(struct session *session, struct delivery *delivery)
{
	struct hub *hub = session->hub;
	const uint64_t rights = engine_rights(hub->engine);
	if (delivery->rights == rights) {
		return true;
	}
	const struct hub_hooks *hooks = &hub->engine->options.hooks;
	delivery->rights = rights;
	return hooks->may_deliver(
		hooks->ctx, hub->worker, session->identity, message_topic(delivery->message));
}

enum sending {
	SENDING_DONE,
	SENDING_OVER, /* it is not sent and counts as delivered */
	SENDING_LATER /* no memory: it stays where it is, and the next pump tries again */
};

static enum sending send_delivery(struct session *session, struct delivery *delivery)
{
	struct hub *hub = session->hub;
	bool has_expiry = false;
	uint32_t left_s = 0;
	/* MQTT-4.3.3-7: what has once been sent goes through, expired or not (3.3.2.3.3). */
	if (!message_alive(delivery->message, hub_now_ms(hub), &has_expiry, &left_s) && !delivery->dup) {
		hub->counters.dropped_expired++;
		return SENDING_OVER; /* MQTT-3.3.2-5 */
	}
	if (!still_permitted(session, delivery)) {
		hub->counters.dropped_denied++;
		return SENDING_OVER;
	}
	const enum err err = encode_delivery(session, delivery, left_s, has_expiry);
	if (err == ERR_NOMEM) {
		return SENDING_LATER;
	}
	if (err != ERR_OK) {
		hub->counters.dropped_too_large++;
		return SENDING_OVER; /* MQTT-3.1.2-24, MQTT-3.1.2-25 */
	}
	const struct bytes payload = message_payload(delivery->message);
	session->link.ops->send(session->link.ctx, buf_bytes(&hub->head),
		payload.len == 0 ? NULL : delivery->message, payload);
	if (!delivery->dup) {
		session->messages_out++;
		hub->counters.messages_out++;
		session->last_message_ms = hub_wall_ms(hub);
	}
	return SENDING_DONE;
}

/* MQTT-4.3.3-4; unanswered until its PUBCOMP (MQTT-4.3.3-5). */
static void send_pubrel(struct session *session, const struct delivery *delivery)
{
	session_send_ack(session, MQTT_PUBREL, packet_id_of(delivery), MQTT_REASON_SUCCESS);
}

bool session_backlog_full(const struct session *session)
{
	return session->link.ops->backlog_bytes(session->link.ctx) >=
	       session->hub->engine->limits.backlog_bytes_max;
}

/*
 * The send quota (MQTT-4.9.0-1, MQTT-4.9.0-2): what is unanswered on this connection, a PUBREL included, against the client's
 * Receive Maximum and our own. It holds back PUBLISH only (MQTT-3.3.4-9, MQTT-3.3.4-10, MQTT-4.9.0-3).
 */
static bool quota_left(const struct session *session)
{
	const uint32_t ours = session->hub->engine->limits.inflight_max;
	const uint32_t most = session->receive_max < ours ? session->receive_max : ours;
	return session->inflight_count - session->waiting_count < most;
}

/* And a packet id must be free before a new message takes it (MQTT-2.2.1-4, MQTT-4.3.2-1, MQTT-4.3.3-1). */
static bool window_open(const struct session *session, const struct delivery *delivery)
{
	if (!quota_left(session)) {
		return false;
	}
	if (list_empty(&session->inflight)) {
		return true;
	}
	const struct delivery *oldest = CONTAINER_OF(session->inflight.next, struct delivery, item);
	/* After a resume an older one may still have to follow: its id has been its own all along. */
	return delivery->seq < oldest->seq || delivery->seq - oldest->seq < PACKET_IDS;
}

/* --- reading on from the store --- */

struct read_op {
	struct store_read read;
	struct hub *hub;
	uint64_t noticed; /* committed before we asked, so the answer covers it */
	struct session_handle session;
};

static enum err delivery_new(const struct offer *offer, uint64_t rights, struct delivery **out)
{
	struct delivery *delivery = malloc(sizeof(*delivery) + offer->id_count * sizeof(delivery->ids[0]));
	if (delivery == NULL) {
		return ERR_NOMEM;
	}
	*delivery = (struct delivery){.seq = offer->seq,
		.position = offer->position,
		.rights = rights,
		.qos = offer->qos,
		.retain = offer->retain,
		.id_count = offer->id_count};
	if (offer->id_count > 0) {
		memcpy(delivery->ids, offer->ids, offer->id_count * sizeof(delivery->ids[0]));
	}
	list_init(&delivery->item);
	delivery->message = offer->message == NULL ? NULL : message_ref(offer->message);
	*out = delivery;
	return ERR_OK;
}

static void enqueue(struct session *session, struct delivery *delivery)
{
	list_push_back(&session->queue, &delivery->item);
	session->queue_count++;
	session->queue_bytes += weight(delivery);
}

/* Its PUBREC is on record: only the PUBREL goes again, and never the message (MQTT-4.3.3-6). */
static void take_received(struct session *session, struct delivery *delivery)
{
	if (list_empty(&session->queue)) {
		/* Else what is queued before it has not been sent, and must be read again after a loss. */
		session->sent_seq = delivery->seq;
		session->sent_position = delivery->position;
	}
	LIST_FOR_EACH(item, &session->inflight)
	{
		if (CONTAINER_OF(item, struct delivery, item)->seq == delivery->seq) {
			delivery_free(delivery); /* read a second time: its PUBREL has gone already */
			return;
		}
	}
	delivery->state = DELIVERY_RELEASED;
	add_inflight(session, delivery);
	send_pubrel(session, delivery);
}

/* false: no memory; the rest stays in the store. */
static bool take_entry(struct session *session, const struct store_entry *entry)
{
	const struct offer offer = {.message = entry->message,
		.ids = entry->subscription_ids,
		.id_count = entry->subscription_id_count,
		.seq = entry->seq,
		.position = entry->position,
		.qos = entry->qos,
		.retain = entry->retain};
	struct delivery *delivery = NULL;
	if (entry->seq <= session->last_seq) {
		return true;
	}
	/* Generation 0: nobody knows under which rights it was queued. */
	if (delivery_new(&offer, 0, &delivery) != ERR_OK) {
		return false;
	}
	session->last_seq = entry->seq;
	session->position = entry->position;
	if (entry->received) {
		take_received(session, delivery);
		return true;
	}
	/* Sent before a restart or not, nobody knows: then DUP is the honest flag (MQTT-3.3.1-1). */
	delivery->dup = entry->seq < session->dup_below;
	enqueue(session, delivery);
	return true;
}

static void read_done(struct mail *mail, unsigned at)
{
	(void)at;
	struct read_op *op = CONTAINER_OF(mail, struct read_op, read.request.mail);
	struct hub *hub = op->hub;
	hub_request_done(hub, &op->read.request);
	struct session *session = hub_find(hub, op->session);
	if (session != NULL) {
		const enum err status = op->read.request.status;
		bool good = status == ERR_OK && session_connected(session) && !session->frozen &&
			    op->read.session.epoch == session->stored.epoch;
		session->reading = false;
		for (size_t i = 0; good && i < op->read.entry_count; i++) {
			good = take_entry(session, &op->read.entries[i]);
		}
		if (good && !op->read.more && session->last_seq < op->noticed) {
			session->last_seq = op->noticed; /* what is between has been acknowledged */
		}
		if (good) {
			session->behind = op->read.more || session->noticed_seq > session->last_seq;
		}
		if (good || op->read.session.epoch != session->stored.epoch) {
			session_pump(session);
		} /* else the next notice, acknowledgement or connection tries again */
	}
	store_read_release(&op->read);
	free(op);
}

static void read_on(struct session *session)
{
	if (!session->behind || session->reading || session->frozen ||
		session->queue_count >= DELIVERY_WINDOW / 2) {
		return;
	}
	struct read_op *op = calloc(1, sizeof(*op));
	void *ctx = NULL;
	if (op == NULL) {
		return;
	}
	session->reading = true;
	op->hub = session->hub;
	op->session = session->handle;
	op->noticed = session->noticed_seq;
	op->read.session = session->stored;
	op->read.after = session->position;
	op->read.count_max = STORE_READ_MAX;
	hub_request(session->hub, &op->read.request, read_done);
	hub_store(session->hub, &ctx)->read(ctx, &op->read);
}

/* --- the pump --- */

/* Sent, or over without that; false: the window is shut, or memory is short. */
static bool pump_one(struct session *session, struct delivery *delivery)
{
	if (!window_open(session, delivery)) {
		return false;
	}
	const enum sending sending = send_delivery(session, delivery);
	if (sending == SENDING_LATER) {
		return false;
	}
	dequeue(session, delivery);
	session->sent_seq = delivery->seq;
	session->sent_position = delivery->position;
	if (sending == SENDING_DONE) {
		delivery->state = DELIVERY_SENT; /* until PUBACK or PUBREC: MQTT-4.3.2-3, MQTT-4.3.3-3 */
		add_inflight(session, delivery);
		return true;
	}
	/* Without memory for the note it only comes up again after a restart. */
	(void)!acks_add(session, delivery->seq, STORE_ACK_DONE);
	delivery_free(delivery);
	return true;
}

/* What earlier connections left open goes before anything new, within this one's quota. false: some still waits. */
static bool pump_waiting(struct session *session)
{
	LIST_FOR_EACH_SAFE(item, after, &session->inflight)
	{
		struct delivery *delivery = CONTAINER_OF(item, struct delivery, item);
		if (!delivery->waits) {
			continue;
		}
		if (!quota_left(session) || session_backlog_full(session)) {
			return false;
		}
		const enum sending sending = send_delivery(session, delivery);
		if (sending == SENDING_LATER) {
			return false;
		}
		stop_waiting(session, delivery);
		if (sending == SENDING_OVER) {
			(void)!acks_add(session, delivery->seq, STORE_ACK_DONE);
			forget_inflight(session, delivery);
		}
	}
	return true;
}

void session_pump(struct session *session)
{
	if (!session_connected(session) || session->frozen) {
		return;
	}
	if (!pump_waiting(session)) {
		return;
	}
	feeds_pump(session);
	while (!list_empty(&session->queue) && !session_backlog_full(session)) {
		struct delivery *delivery = CONTAINER_OF(session->queue.next, struct delivery, item);
		if (!pump_one(session, delivery)) {
			break;
		}
	}
	read_on(session);
}

/*
 * MQTT-4.4.0-1: what is unfinished, in the order of its first sending, under its old packet ids (3.1.1 MQTT-2.3.1-4),
 * with DUP (MQTT-3.3.1-1). The PUBLISH packets follow with the pump: this connection's Receive Maximum may be smaller.
 */
void session_resend(struct session *session)
{
	LIST_FOR_EACH(item, &session->inflight)
	{
		struct delivery *delivery = CONTAINER_OF(item, struct delivery, item);
		if (delivery->state == DELIVERY_RELEASED) {
			send_pubrel(session, delivery);
		} else if (delivery->state == DELIVERY_SENT) {
			delivery->dup = true;
			session->waiting_count += !delivery->waits;
			delivery->waits = true;
		} /* RECEIVING: its PUBREL goes when the store has the PUBREC */
	}
}

/* --- offers --- */

static void drop_full(struct session *session)
{
	session->dropped++;
	session->hub->counters.dropped_queue_full++;
}

static void offer_qos0(struct session *session, const struct offer *offer)
{
	struct delivery *delivery = NULL;
	if (!session_connected(session)) {
		return;
	}
	if (session_backlog_full(session) ||
		delivery_new(offer, engine_rights(session->hub->engine), &delivery) != ERR_OK) {
		session->dropped++;
		session->hub->counters.dropped_qos0++;
		return;
	}
	if (send_delivery(session, delivery) == SENDING_LATER) {
		session->dropped++;
		session->hub->counters.dropped_qos0++;
	}
	delivery_free(delivery);
}

/* The store has it. In order and near enough, it is kept in memory too; else it is read when its turn comes. */
static void offer_stored(struct session *session, const struct offer *offer)
{
	struct delivery *delivery = NULL;
	if (offer->seq == 0) {
		if (offer->full) {
			drop_full(session);
		}
		return;
	}
	if (offer->seq > session->noticed_seq) {
		session->noticed_seq = offer->seq;
	}
	if (offer->seq <= session->last_seq) {
		return; /* a read was faster */
	}
	if (!session_connected(session) || session->behind || session->reading ||
		offer->seq != session->last_seq + 1 || session->queue_count >= DELIVERY_WINDOW ||
		delivery_new(offer, engine_rights(session->hub->engine), &delivery) != ERR_OK) {
		session->behind = true;
		session_pump(session);
		return;
	}
	session->last_seq = offer->seq;
	session->position = offer->position;
	enqueue(session, delivery);
	session_pump(session);
}

static void offer_passing(struct session *session, const struct offer *offer)
{
	const struct hub_limits *limits = &session->hub->engine->limits;
	struct delivery *delivery = NULL;
	if (!session_connected(session)) {
		return;
	}
	if (session->queue_count >= limits->queue_count_max ||
		message_bytes(offer->message) > limits->queue_bytes_max - session->queue_bytes ||
		delivery_new(offer, engine_rights(session->hub->engine), &delivery) != ERR_OK) {
		drop_full(session);
		return;
	}
	delivery->seq = ++session->last_seq;
	enqueue(session, delivery);
	session_pump(session);
}

void session_offer(struct session *session, const struct offer *offer)
{
	if (offer->qos == 0) {
		offer_qos0(session, offer);
	} else if (offer->stored) {
		offer_stored(session, offer);
	} else {
		offer_passing(session, offer);
	}
}

/* --- the client's answers --- */

static struct delivery *inflight_find(struct session *session, uint16_t packet_id)
{
	/* At most inflight_max; answers come nearly in order, so it is among the first. */
	LIST_FOR_EACH(item, &session->inflight)
	{
		struct delivery *delivery = CONTAINER_OF(item, struct delivery, item);
		if (packet_id_of(delivery) == packet_id) {
			return delivery;
		}
	}
	return NULL;
}

/*
 * Whatever code it came with (MQTT-4.4.0-2). Recorded first, forgotten then: without memory for the note the client is
 * asked again.
 */
static enum err finish(struct session *session, struct delivery *delivery)
{
	if (acks_add(session, delivery->seq, STORE_ACK_DONE) != ERR_OK) {
		return session_refuse(session, MQTT_REASON_UNSPECIFIED);
	}
	forget_inflight(session, delivery);
	session_pump(session);
	return ERR_OK;
}

enum err session_on_puback(struct session *session, const struct mqtt_ack_view *ack)
{
	struct delivery *delivery = inflight_find(session, ack->packet_id);
	if (delivery == NULL) {
		return ERR_OK; /* late or twice: nothing waits for it */
	}
	if (delivery->qos != 1) {
		return session_refuse(session, MQTT_REASON_PROTOCOL_ERROR);
	}
	return finish(session, delivery);
}

enum err session_on_pubrec(struct session *session, const struct mqtt_ack_view *ack)
{
	struct delivery *delivery = inflight_find(session, ack->packet_id);
	if (delivery == NULL) {
		if (ack->reason < MQTT_REASON_UNSPECIFIED) {
			session_send_ack(
				session, MQTT_PUBREL, ack->packet_id, MQTT_REASON_PACKET_ID_NOT_FOUND);
		}
		return ERR_OK;
	}
	if (delivery->qos != 2) {
		return session_refuse(session, MQTT_REASON_PROTOCOL_ERROR);
	}
	if (ack->reason >= MQTT_REASON_UNSPECIFIED) {
		return finish(
			session, delivery); /* MQTT-4.4.0-2: that ends the exchange, nothing is sent again */
	}
	stop_waiting(session, delivery); /* answered, though not on the connection that carried it */
	if (delivery->state == DELIVERY_RELEASED) {
		send_pubrel(session, delivery);
		return ERR_OK;
	}
	if (session->stored.id == 0) {
		delivery->state = DELIVERY_RELEASED;
		send_pubrel(session, delivery);
		return ERR_OK;
	}
	if (delivery->state == DELIVERY_SENT) {
		if (acks_add(session, delivery->seq, STORE_ACK_RECEIVED) != ERR_OK) {
			return session_refuse(session, MQTT_REASON_UNSPECIFIED);
		}
		delivery->state = DELIVERY_RECEIVING;
	}
	return ERR_OK;
}

enum err session_on_pubcomp(struct session *session, const struct mqtt_ack_view *ack)
{
	struct delivery *delivery = inflight_find(session, ack->packet_id);
	if (delivery == NULL) {
		return ERR_OK;
	}
	if (delivery->qos != 2 || delivery->state != DELIVERY_RELEASED) {
		return session_refuse(session, MQTT_REASON_PROTOCOL_ERROR);
	}
	return finish(session, delivery);
}

void delivery_released(struct session *session, uint64_t seq)
{
	LIST_FOR_EACH(item, &session->inflight)
	{
		struct delivery *delivery = CONTAINER_OF(item, struct delivery, item);
		if (delivery->seq == seq && delivery->state == DELIVERY_RECEIVING) {
			delivery->state = DELIVERY_RELEASED;
			if (session_connected(session)) {
				send_pubrel(session, delivery);
			}
			return;
		}
	}
}

void delivery_unreceived(struct session *session)
{
	LIST_FOR_EACH(item, &session->inflight)
	{
		struct delivery *delivery = CONTAINER_OF(item, struct delivery, item);
		if (delivery->state == DELIVERY_RECEIVING) {
			delivery->state = DELIVERY_SENT; /* sent again, and the client knows its packet id */
		}
	}
}
