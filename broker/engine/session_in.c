/*
 * session_in.c - messages from the client: aliases, quota, rights, QoS 2 packet ids.
 * Threads: its hub's worker.
 */
#include "broker/engine/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* --- unfinished QoS 2 packet ids --- */

struct inbound *inbound_find(const struct session *session, uint16_t id)
{
	for (uint32_t i = 0; session->inbound != NULL && i < session->inbound->count; i++) {
		if (session->inbound->items[i].id == id) {
			return &session->inbound->items[i];
		}
	}
	return NULL;
}

enum err inbound_add(struct session *session, uint16_t id, enum inbound_state state)
{
	struct inbound_set *set = session->inbound;
	if (set == NULL || set->count == set->cap) {
		const uint32_t cap = set == NULL ? 4 : set->cap * 2;
		const uint32_t count = set == NULL ? 0 : set->count;
		set = realloc(set, sizeof(*set) + cap * sizeof(set->items[0]));
		if (set == NULL) {
			return ERR_NOMEM;
		}
		set->count = count;
		set->cap = cap;
		session->inbound = set;
	}
	set->items[set->count++] =
		(struct inbound){.id = id, .state = (uint8_t)state, .connection = session->connection};
	return ERR_OK;
}

void inbound_remove(struct session *session, struct inbound *inbound)
{
	struct inbound_set *set = session->inbound;
	*inbound = set->items[--set->count];
	if (set->count == 0) {
		free(set);
		session->inbound = NULL;
	}
}

/* --- topic aliases --- */

void aliases_free(struct alias_table *aliases)
{
	for (uint16_t i = 0; aliases != NULL && i < aliases->count; i++) {
		free(aliases->items[i].topic);
	}
	free(aliases);
}

/* Resolves or learns (MQTT-3.3.2-12). ERR_INVALID: unknown or beyond our maximum. */
static enum err alias_apply(struct session *session, uint16_t alias, struct bytes *topic)
{
	const uint16_t most = session->hub->engine->limits.topic_alias_max;
	if (alias > most) {
		return ERR_INVALID;
	}
	struct alias_table *table = session->aliases;
	if (table == NULL && topic->len > 0) {
		table = calloc(1, sizeof(*table) + most * sizeof(table->items[0]));
		if (table == NULL) {
			return ERR_NOMEM;
		}
		table->count = most;
		session->aliases = table;
	}
	if (topic->len == 0) {
		if (table == NULL || table->items[alias - 1].topic == NULL) {
			return ERR_INVALID;
		}
		*topic = bytes_of(table->items[alias - 1].topic, table->items[alias - 1].len);
		return ERR_OK;
	}
	uint8_t *copy = NULL;
	enum err err = bytes_dup(*topic, &copy);
	if (err == ERR_OK) {
		free(table->items[alias - 1].topic);
		table->items[alias - 1].topic = copy;
		table->items[alias - 1].len = topic->len;
	}
	return err;
}

/* --- PUBLISH --- */

/* A refusal of one message, where the version has one; else the connection ends (3.1.1 MQTT-3.3.5-2). */
static enum err refuse_message(struct session *session, const struct mqtt_publish_view *view, uint8_t reason)
{
	if (session->version != MQTT_5 || view->qos == 0) {
		return session_refuse(session, reason);
	}
	session_send_ack(session, view->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, view->packet_id, reason);
	return ERR_OK;
}

/* A QoS 2 packet id that we know already: no second delivery (MQTT-4.3.3-10, 3.1.1 MQTT-4.3.3-2). */
static enum err again(struct session *session, struct inbound *inbound)
{
	if (inbound->state == INBOUND_RELEASING) {
		/* The exchange is not over, so the id is not free (MQTT-4.3.3-12). */
		if (session->version != MQTT_5) {
			return session_refuse(session, MQTT_REASON_PROTOCOL_ERROR);
		}
		session_send_ack(session, MQTT_PUBREC, inbound->id, MQTT_REASON_PACKET_ID_IN_USE);
		return ERR_OK;
	}
	if (inbound->connection != session->connection) {
		inbound->connection = session->connection;
		session->quota_in++;
	}
	if (inbound->state == INBOUND_RECEIVED) {
		session_send_ack(session, MQTT_PUBREC, inbound->id, MQTT_REASON_SUCCESS);
	}
	return ERR_OK;
}

/* What may refuse a message without a trace of it. *handled: answered, or the session is gone (ERR_CLOSED). */
static enum err check_message(
	struct session *session, const struct mqtt_publish_view *view, struct bytes topic, bool *handled)
{
	struct hub *hub = session->hub;
	const struct hub_limits *limits = &hub->engine->limits;
	const struct hub_hooks *hooks = &hub->engine->options.hooks;
	*handled = true;
	if (view->qos > 0) {
		const uint32_t most = session->version == MQTT_5 ? limits->receive_max : INBOUND_V3_MAX;
		struct inbound *known = view->qos == 2 ? inbound_find(session, view->packet_id) : NULL;
		if (known != NULL) {
			return again(session, known);
		}
		if (session->quota_in >= most ||
			(session->inbound != NULL && session->inbound->count >= INBOUND_V3_MAX)) {
			return session_refuse(
				session, MQTT_REASON_RECEIVE_MAXIMUM_EXCEEDED); /* MQTT-3.3.4-7 */
		}
	}
	if (limits->check_payload_utf8 && view->props.payload_format == 1 && !utf8_valid(view->payload)) {
		return refuse_message(session, view, MQTT_REASON_PAYLOAD_FORMAT_INVALID);
	}
	if (!hooks->may_publish(hooks->ctx, hub->worker, session->identity, topic, view->retain)) {
		hub->counters.refused_publish++;
		return refuse_message(session, view, MQTT_REASON_NOT_AUTHORIZED);
	}
	*handled = false;
	return ERR_OK;
}

static enum err message_of(struct session *session, const struct mqtt_publish_view *view, struct bytes topic,
	uint64_t rights, struct message **out)
{
	struct buf props = BUF_INIT(MQTT_PACKET_BYTES_MAX);
	enum err err = ERR_OK;
	if (session->version == MQTT_5) {
		err = mqtt_props_forward(&view->props, &props);
	}
	if (err == ERR_OK) {
		const struct message_parts parts = {.topic = topic,
			.payload = view->payload,
			.props = buf_bytes(&props),
			.publisher = session->identity,
			.rights = rights,
			.qos = view->qos,
			.retain = view->retain,
			.has_expiry = session->version == MQTT_5 &&
				      mqtt_props_has(&view->props, MQTT_PROP_MESSAGE_EXPIRY),
			.expiry_s = view->props.message_expiry_s};
		err = message_new(&parts, hub_now_ms(session->hub), out);
	}
	buf_release(&props);
	return err;
}

static enum err accept_message(
	struct session *session, const struct mqtt_publish_view *view, struct bytes topic, uint64_t rights)
{
	struct hub *hub = session->hub;
	struct publisher *publisher = NULL;
	struct message *message = NULL;
	enum err err = session_publisher(session, &publisher);
	if (err == ERR_OK) {
		err = message_of(session, view, topic, rights, &message);
	}
	if (err == ERR_OK && view->qos == 2) {
		err = inbound_add(session, view->packet_id, INBOUND_COMMITTING);
		if (err != ERR_OK) {
			message_unref(message);
		}
	}
	if (err == ERR_OK) {
		const struct publication publication = {.publisher = publisher,
			.session = session,
			.message = message,
			.packet_id = view->packet_id,
			.inbound_id = view->qos == 2 && session->stored.id != 0 ? view->packet_id : 0};
		session->quota_in += view->qos > 0;
		err = publish(hub, &publication);
	}
	if (err != ERR_OK) {
		/* Out of memory: the client keeps the message and brings it again (MQTT-4.8.0-2 of 3.1.1). */
		struct inbound *inbound = view->qos == 2 ? inbound_find(session, view->packet_id) : NULL;
		if (inbound != NULL) {
			inbound_remove(session, inbound);
		}
		return session_refuse(session, MQTT_REASON_QUOTA_EXCEEDED);
	}
	session->messages_in++;
	session->last_message_ms = hub_wall_ms(hub);
	hub->counters.messages_in++;
	return ERR_OK;
}

enum err session_on_publish(struct session *session, const struct mqtt_frame *frame)
{
	struct mqtt_publish_view view;
	struct fault fault = FAULT_NONE;
	if (mqtt_decode_publish((enum mqtt_version)session->version, MQTT_CLIENT, frame, &view, &fault) !=
		ERR_OK) {
		return session_refuse(session, fault.reason);
	}
	struct bytes topic = view.topic;
	if (session->version == MQTT_5 && view.props.topic_alias != 0) {
		enum err err = alias_apply(session, view.props.topic_alias, &topic);
		if (err != ERR_OK) {
			return session_refuse(session,
				err == ERR_NOMEM ? MQTT_REASON_QUOTA_EXCEEDED
						 : MQTT_REASON_TOPIC_ALIAS_INVALID); /* MQTT-3.3.2-9 */
		}
	}
	if (topic.len == 0) {
		return session_refuse(session, MQTT_REASON_PROTOCOL_ERROR);
	}
	/* Before the question, so that a change while we ask is seen as one. */
	const uint64_t rights = engine_rights(session->hub->engine);
	bool handled = false;
	enum err err = check_message(session, &view, topic, &handled);
	return handled ? err : accept_message(session, &view, topic, rights);
}

/* --- PUBREL ---
 * Nothing here looks at the message: expired or not, the exchange is carried through (MQTT-4.3.3-13). */

struct release_op {
	struct store_release release;
	struct hub *hub;
	struct session_handle session;
};

static void finish_release(struct session *session, struct inbound *inbound)
{
	const bool ours = inbound->connection == session->connection && session_connected(session);
	const uint16_t id = inbound->id;
	inbound_remove(session, inbound);
	if (ours) {
		session->quota_in -= session->quota_in > 0;
		session_send_ack(session, MQTT_PUBCOMP, id, MQTT_REASON_SUCCESS); /* MQTT-4.3.3-11 */
	}
}

static void release_done(struct mail *mail, unsigned at)
{
	(void)at;
	struct release_op *op = CONTAINER_OF(mail, struct release_op, release.request.mail);
	struct hub *hub = op->hub;
	hub_request_done(hub, &op->release.request);
	const enum err status = op->release.request.status;
	struct session *session = hub_find(hub, op->session);
	struct inbound *inbound = session == NULL ? NULL : inbound_find(session, op->release.inbound_id);
	const bool stale = session != NULL && op->release.session.epoch != session->stored.epoch;
	free(op);
	if (inbound == NULL || inbound->state != INBOUND_RELEASING) {
		return;
	}
	if (status == ERR_OK) {
		finish_release(session, inbound);
		return;
	}
	/* Not known to be forgotten: no PUBCOMP. The client sends its PUBREL again on the next connection. */
	inbound->state = INBOUND_RECEIVED;
	if (session_connected(session) && !stale) {
		session_close(session, MQTT_REASON_UNSPECIFIED, true, SESSION_WILL_PUBLISH);
	}
}

static enum err release_stored(struct session *session, struct inbound *inbound)
{
	struct release_op *op = calloc(1, sizeof(*op));
	void *ctx = NULL;
	if (op == NULL) {
		return session_refuse(session, MQTT_REASON_QUOTA_EXCEEDED);
	}
	inbound->state = INBOUND_RELEASING;
	op->hub = session->hub;
	op->session = session->handle;
	op->release.session = session->stored;
	op->release.inbound_id = inbound->id;
	hub_request(session->hub, &op->release.request, release_done);
	hub_store(session->hub, &ctx)->release(ctx, &op->release);
	return ERR_OK;
}

enum err session_on_pubrel(struct session *session, const struct mqtt_ack_view *ack)
{
	struct inbound *inbound = inbound_find(session, ack->packet_id);
	if (inbound == NULL) {
		session_send_ack(session, MQTT_PUBCOMP, ack->packet_id, MQTT_REASON_PACKET_ID_NOT_FOUND);
		return ERR_OK;
	}
	if (inbound->state == INBOUND_COMMITTING) {
		/* A PUBREL before our PUBREC: on this connection that is an answer to nothing. */
		return session_refuse(session, MQTT_REASON_PROTOCOL_ERROR);
	}
	if (inbound->connection != session->connection) {
		inbound->connection = session->connection;
		session->quota_in++;
	}
	if (inbound->state == INBOUND_RELEASING) {
		return ERR_OK; /* answered when the store has forgotten the id */
	}
	if (session->stored.id != 0) {
		return release_stored(session, inbound);
	}
	finish_release(session, inbound);
	return ERR_OK;
}
