/*
 * subscribe.c - SUBSCRIBE and UNSUBSCRIBE: judged, stored for a lasting session, put into the router, answered.
 * Owns:    the session's subscriptions.
 * Threads: its hub's worker. While the store works on one, the client is not read: so they keep their order.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/engine/hub.h"

struct filter_item {
	struct bytes filter;        /* of fresh, or of op.raw */
	struct subscription *fresh; /* NULL: refused, or to be removed */
	uint8_t retain_handling;
	uint8_t reason;
};

struct subscribe_op {
	struct store_subscribe store;
	struct hub *hub;
	struct session_handle session;
	uint32_t connection;
	uint16_t packet_id;
	bool removing;
	uint8_t *raw;                   /* removing: the packet's filters */
	struct store_subscription *add; /* store.add */
	struct bytes *remove;           /* store.remove */
	size_t count;
	uint32_t fresh_count; /* filters that the session does not have yet */
	struct filter_item items[];
};

static struct subscription *find(const struct session *session, struct bytes filter)
{
	struct subscription *at = session->subscriptions;
	while (at != NULL && !bytes_equal(subscription_filter(at), filter)) {
		at = at->next_of_session;
	}
	return at;
}

void subscriptions_free(struct session *session)
{
	router_remove_all(session->hub->engine->router, session->subscriptions);
	while (session->subscriptions != NULL) {
		struct subscription *gone = session->subscriptions;
		session->subscriptions = gone->next_of_session;
		free(gone);
	}
	session->subscription_count = 0;
}

static void op_free(struct subscribe_op *op)
{
	if (op == NULL) {
		return;
	}
	for (size_t i = 0; i < op->count; i++) {
		free(op->items[i].fresh);
	}
	free(op->raw);
	free(op->add);
	free(op->remove);
	free(op);
}

static struct subscribe_op *op_new(struct session *session, size_t count, uint16_t packet_id, bool removing)
{
	struct subscribe_op *op = calloc(1, sizeof(*op) + count * sizeof(op->items[0]));
	if (op == NULL) {
		return NULL;
	}
	op->hub = session->hub;
	op->session = session->handle;
	op->connection = session->connection;
	op->packet_id = packet_id;
	op->removing = removing;
	op->count = count;
	op->add = removing ? NULL : calloc(count, sizeof(*op->add));
	op->remove = removing ? calloc(count, sizeof(*op->remove)) : NULL;
	if (op->add == NULL && op->remove == NULL) {
		op_free(op);
		return NULL;
	}
	return op;
}

/* --- the answer ---
 * One for each SUBSCRIBE (MQTT-3.8.4-1) and UNSUBSCRIBE, whatever was found (MQTT-3.10.4-4, MQTT-3.10.4-5; many filters,
 * one answer: MQTT-3.10.4-6), with its packet id (MQTT-3.8.4-2). */

/* Fills hub.head. ERR_NOMEM, or too large for the client. */
static enum err encode_answer(struct session *session, const struct subscribe_op *op)
{
	struct hub *hub = session->hub;
	const struct mqtt_encode_options options = session_encode(session);
	struct buf reasons = BUF_INIT(MQTT_SUBSCRIPTIONS_MAX);
	enum err err = ERR_OK;
	for (size_t i = 0; err == ERR_OK && i < op->count; i++) {
		err = buf_append_u8(
			&reasons, op->items[i].reason); /* MQTT-3.9.3-1, MQTT-3.11.3-1: their order */
	}
	const struct mqtt_suback_view view = {.packet_id = op->packet_id, .reasons = buf_bytes(&reasons)};
	hub->head.len = 0;
	if (err == ERR_OK) {
		err = op->removing ? mqtt_encode_unsuback(&options, &view, &hub->head)
				   : mqtt_encode_suback(&options, &view, &hub->head);
	}
	buf_release(&reasons);
	return err;
}

/* --- applying --- */

/* ERR_NOMEM, ERR_LIMIT: its retained messages cannot be brought. */
static enum err apply_add(struct session *session, struct filter_item *item)
{
	struct router *router = session->hub->engine->router;
	if (item->fresh == NULL) {
		return ERR_OK;
	}
	struct subscription *known = find(session, item->filter);
	const bool is_new = known == NULL;
	if (known != NULL) {
		/* MQTT-3.8.4-3, -4: in place, so that nothing is lost in between. */
		router_change(router, known, item->fresh->options, item->fresh->id,
			atomic_load(&item->fresh->judged));
	} else if (router_add(router, item->fresh) != ERR_OK) {
		item->reason = MQTT_REASON_QUOTA_EXCEEDED;
		return ERR_OK;
	} else {
		known = item->fresh;
		item->fresh = NULL;
		known->next_of_session = session->subscriptions;
		session->subscriptions = known;
		session->subscription_count++;
	}
	/* MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11. The messages follow the SUBACK. */
	if (item->retain_handling == 0 || (item->retain_handling == 1 && is_new)) {
		return feed_add(session, known);
	}
	return ERR_OK;
}

/* From the router at once; what has been sent or queued goes its way (MQTT-3.10.4-3). */
static void apply_remove(struct session *session, struct filter_item *item)
{
	struct subscription **link = &session->subscriptions;
	while (*link != NULL && !bytes_equal(subscription_filter(*link), item->filter)) {
		link = &(*link)->next_of_session;
	}
	struct subscription *gone = *link;
	item->reason = gone == NULL ? MQTT_REASON_NO_SUBSCRIPTION_EXISTED : MQTT_REASON_SUCCESS;
	if (gone != NULL) {
		*link = gone->next_of_session;
		router_remove(session->hub->engine->router, gone); /* MQTT-3.10.4-1 */
		feeds_cancel(session, gone);
		free(gone);
		session->subscription_count--;
	}
}

static void refuse_all(struct subscribe_op *op, uint8_t reason)
{
	for (size_t i = 0; i < op->count; i++) {
		if (op->items[i].fresh != NULL || op->removing) {
			op->items[i].reason = reason;
		}
	}
}

/*
 * The outcome is there. ERR_CLOSED: the link was closed. A change that is in the store but not acknowledged, because
 * its client is gone, holds all the same.
 */
static enum err op_finish(struct session *session, struct subscribe_op *op, enum err status)
{
	const bool asks = session_connected(session) && session->connection == op->connection;
	const bool told = session->version == MQTT_5 || !op->removing;
	if (status != ERR_OK) {
		if (asks && (status == ERR_UNKNOWN || status == ERR_STATE || !told)) {
			return session_refuse(session, MQTT_REASON_UNSPECIFIED);
		}
		refuse_all(op, MQTT_REASON_IMPLEMENTATION_SPECIFIC);
	}
	enum err fed = ERR_OK;
	for (size_t i = 0; status == ERR_OK && i < op->count; i++) {
		if (op->removing) {
			apply_remove(session, &op->items[i]);
		} else if (apply_add(session, &op->items[i]) != ERR_OK) {
			fed = ERR_LIMIT; /* no SUBACK then: the client asks again, and gets them (MQTT-3.3.1-9) */
		}
	}
	if (!asks) {
		return ERR_OK;
	}
	if (fed != ERR_OK || encode_answer(session, op) == ERR_NOMEM) {
		return session_refuse(session, MQTT_REASON_QUOTA_EXCEEDED);
	}
	if (session->hub->head.len > 0) {
		session_send_head(session);
	}
	session_pump(session);
	return ERR_OK;
}

static void subscribe_done(struct mail *mail, unsigned at)
{
	(void)at;
	struct subscribe_op *op = CONTAINER_OF(mail, struct subscribe_op, store.request.mail);
	struct hub *hub = op->hub;
	hub_request_done(hub, &op->store.request);
	struct session *session = hub_find(hub, op->session);
	if (session != NULL) {
		const bool asks = session->connection == op->connection;
		if (op_finish(session, op, op->store.request.status) == ERR_OK && asks) {
			session_resume(session, PAUSE_SUBSCRIBE);
		}
	}
	op_free(op);
}

/* Through the store for a lasting session (SUBACK and UNSUBACK after the commit), at once for any other. */
static enum err op_run(struct session *session, struct subscribe_op *op)
{
	void *ctx = NULL;
	if (session->stored.id == 0 || op->store.add_count + op->store.remove_count == 0) {
		const enum err err = op_finish(session, op, ERR_OK);
		op_free(op);
		return err;
	}
	session_pause(session, PAUSE_SUBSCRIBE);
	op->store.session = session->stored;
	op->store.add = op->add;
	op->store.remove = op->remove;
	hub_request(session->hub, &op->store.request, subscribe_done);
	hub_store(session->hub, &ctx)->subscribe(ctx, &op->store);
	return ERR_OK;
}

/* --- SUBSCRIBE --- */

/* The reason to refuse, or the granted QoS (MQTT-3.8.4-7). */
static uint8_t judge(struct session *session, const struct mqtt_subscription *in, uint32_t added)
{
	struct hub *hub = session->hub;
	const struct hub_hooks *hooks = &hub->engine->options.hooks;
	struct mqtt_share share;
	if (session->version == MQTT_5 && mqtt_share_parse(in->filter, &share) != ERR_NOT_FOUND) {
		return MQTT_REASON_SHARED_NOT_SUPPORTED;
	}
	if (!hooks->may_subscribe(hooks->ctx, hub->worker, session->identity, in->filter)) {
		hub->counters.refused_subscribe++;
		return MQTT_REASON_NOT_AUTHORIZED;
	}
	if (find(session, in->filter) == NULL &&
		session->subscription_count + added >= hub->engine->limits.subscriptions_max) {
		return MQTT_REASON_QUOTA_EXCEEDED;
	}
	return in->qos;
}

static enum err item_fill(struct session *session, struct subscribe_op *op, struct filter_item *item,
	const struct mqtt_subscription *in, uint32_t subscription_id)
{
	const uint64_t rights = engine_rights(session->hub->engine);
	item->reason = judge(session, in, op->fresh_count);
	if (item->reason >= MQTT_REASON_UNSPECIFIED) {
		return ERR_OK;
	}
	enum err err = subscription_new(in->filter, &item->fresh);
	if (err != ERR_OK) {
		return err;
	}
	op->fresh_count += find(session, in->filter) == NULL;
	struct subscription *fresh = item->fresh;
	fresh->identity = session->identity;
	fresh->session = session->handle;
	fresh->store_id = session->stored.id;
	fresh->id = subscription_id;
	fresh->options = (uint8_t)(in->qos | (in->no_local ? SUB_NO_LOCAL : 0) |
				   (in->retain_as_published ? SUB_RETAIN_AS_PUBLISHED : 0) |
				   (unsigned)in->retain_handling << SUB_RETAIN_SHIFT);
	atomic_store(&fresh->judged, rights << 1 | 1u);
	item->retain_handling = in->retain_handling;
	item->filter = subscription_filter(fresh);
	op->add[op->store.add_count++] = (struct store_subscription){
		.filter = item->filter, .subscription_id = subscription_id, .options = fresh->options};
	return ERR_OK;
}

enum err session_on_subscribe(struct session *session, const struct mqtt_frame *frame)
{
	struct mqtt_subscribe_view view;
	struct fault fault = FAULT_NONE;
	const enum mqtt_version version = (enum mqtt_version)session->version;
	if (mqtt_decode_subscribe(version, frame, &view, &fault) != ERR_OK) {
		return session_refuse(session, fault.reason);
	}
	struct subscribe_op *op = op_new(session, view.count, view.packet_id, false);
	enum err err = op == NULL ? ERR_NOMEM : ERR_OK;
	struct bytes rest = view.raw;
	struct mqtt_subscription one;
	for (size_t i = 0; err == ERR_OK && i < view.count && mqtt_subscribe_next(version, &rest, &one);
		i++) {
		err = item_fill(session, op, &op->items[i], &one, view.props.subscription_id);
	}
	if (err != ERR_OK) {
		op_free(op);
		return session_refuse(session, MQTT_REASON_QUOTA_EXCEEDED);
	}
	return op_run(session, op);
}

/* --- UNSUBSCRIBE --- */

enum err session_on_unsubscribe(struct session *session, const struct mqtt_frame *frame)
{
	struct mqtt_unsubscribe_view view;
	struct fault fault = FAULT_NONE;
	if (mqtt_decode_unsubscribe((enum mqtt_version)session->version, frame, &view, &fault) != ERR_OK) {
		return session_refuse(session, fault.reason);
	}
	struct subscribe_op *op = op_new(session, view.count, view.packet_id, true);
	if (op == NULL || bytes_dup(view.raw, &op->raw) != ERR_OK) {
		op_free(op);
		return session_refuse(session, MQTT_REASON_QUOTA_EXCEEDED);
	}
	struct bytes rest = bytes_of(op->raw, view.raw.len);
	for (size_t i = 0; i < view.count && mqtt_unsubscribe_next(&rest, &op->items[i].filter); i++) {
		if (find(session, op->items[i].filter) != NULL) {
			op->remove[op->store.remove_count++] = op->items[i].filter;
		}
	}
	return op_run(session, op);
}

/* --- from the store --- */

static enum err restore_one(struct session *session, const struct store_subscription *in)
{
	struct subscription *fresh = NULL;
	enum err err = subscription_new(in->filter, &fresh);
	if (err != ERR_OK) {
		return err;
	}
	fresh->identity = session->identity;
	fresh->session = session->handle;
	fresh->store_id = session->stored.id;
	fresh->id = in->subscription_id;
	fresh->options = in->options;
	/* judged stays 0: authority is asked at the first message. */
	err = router_add(session->hub->engine->router, fresh);
	if (err != ERR_OK) {
		free(fresh);
		return err;
	}
	fresh->next_of_session = session->subscriptions;
	session->subscriptions = fresh;
	session->subscription_count++;
	return ERR_OK;
}

enum err session_restore(struct session *session, const struct store_claim *claim)
{
	enum err err = ERR_OK;
	for (size_t i = 0; err == ERR_OK && i < claim->subscription_count; i++) {
		err = restore_one(session, &claim->subscriptions[i]);
	}
	for (size_t i = 0; err == ERR_OK && i < claim->inbound_count; i++) {
		err = inbound_add(session, claim->inbound_ids[i], INBOUND_RECEIVED);
	}
	session->behind = true;
	session->dup_below = claim->next_seq;
	session->noticed_seq = claim->next_seq - 1;
	return err;
}
