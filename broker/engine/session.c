/*
 * session.c - a session's life beside its connection: packets in, links closed, wills and expiry armed.
 * Threads: its hub's worker.
 */
#include "broker/engine/hub.h"

#include <stdlib.h>

struct mqtt_encode_options session_encode(const struct session *session)
{
	return (struct mqtt_encode_options){.version = (enum mqtt_version)session->version,
		.packet_bytes_max = session->packet_bytes_max,
		.no_problem_info = session->no_problem_info};
}

bool session_connected(const struct session *session)
{
	return session->link.ops != NULL;
}

const struct session_identity *session_who(const struct session *session)
{
	return session->identity;
}

enum mqtt_version session_version(const struct session *session)
{
	return (enum mqtt_version)session->version;
}

void session_send_head(struct session *session)
{
	session->link.ops->send(session->link.ctx, buf_bytes(&session->hub->head), NULL, BYTES_NONE);
}

void session_send_ack(struct session *session, enum mqtt_type type, uint16_t packet_id, uint8_t reason)
{
	struct hub *hub = session->hub;
	const struct mqtt_encode_options options = session_encode(session);
	const struct mqtt_ack_view ack = {.type = type, .packet_id = packet_id, .reason = reason};
	hub->head.len = 0;
	/* An acknowledgement that does not even fit the client's maximum packet size stays away (MQTT-3.1.2-24). */
	if (session_connected(session) && mqtt_encode_ack(&options, &ack, &hub->head) == ERR_OK) {
		session_send_head(session);
	}
}

void session_pause(struct session *session, uint8_t why)
{
	const uint8_t before = session->pause;
	session->pause |= why;
	if (before == 0 && session_connected(session)) {
		session->hub->counters.paused += why == PAUSE_PUBLISHER;
		session->link.ops->pause_reading(session->link.ctx);
	}
}

void session_resume(struct session *session, uint8_t why)
{
	const uint8_t before = session->pause;
	session->pause &= (uint8_t)~why;
	if (before != 0 && session->pause == 0 && session_connected(session)) {
		/* The time in which we did not read is not the client's silence. */
		session->last_packet_ms = hub_now_ms(session->hub);
		session->link.ops->resume_reading(session->link.ctx);
	}
}

/* --- timers --- */

static uint64_t keep_alive_ms(const struct session *session)
{
	return (uint64_t)session->keep_alive_s * 1000u * KEEP_ALIVE_NUMERATOR / KEEP_ALIVE_DENOMINATOR;
}

/* Only a detached session runs out (MQTT-4.1.0-1); for a connected one the timer is its keep alive. */
static void timer_due(struct wheel_timer *timer)
{
	struct session *session = CONTAINER_OF(timer, struct session, timer);
	struct hub *hub = session->hub;
	if (!session_connected(session) && !session->frozen) {
		session_end(session); /* MQTT-4.1.0-2 */
		return;
	}
	if (!session_connected(session)) {
		return; /* its client is back: whoever claims it arms the timer again, or lets it end */
	}
	const uint64_t now = hub_now_ms(hub);
	if (session->pause != 0) {
		session->last_packet_ms = now; /* we do not listen, so we cannot hold silence against it */
	}
	const bool silent = now >= session->last_packet_ms + keep_alive_ms(session);
	if (silent && session->overdue) {
		session_close(session, MQTT_REASON_KEEP_ALIVE_TIMEOUT, true, SESSION_WILL_PUBLISH);
		return;
	}
	/* A loop that was held up looks at its timers first: its sockets come before the second look. */
	session->overdue = silent;
	wheel_add(hub->wheel, timer, silent ? now : session->last_packet_ms + keep_alive_ms(session));
}

/* MQTT-3.1.2-22. The timer is set once per interval, not per packet. */
void session_arm_keep_alive(struct session *session)
{
	struct hub *hub = session->hub;
	wheel_cancel(hub->wheel, &session->timer);
	session->timer.fn = timer_due;
	session->overdue = false;
	session->last_packet_ms = hub_now_ms(hub);
	if (session->keep_alive_s > 0) {
		wheel_add(hub->wheel, &session->timer, session->last_packet_ms + keep_alive_ms(session));
	}
}

static void arm_expiry(struct session *session)
{
	struct hub *hub = session->hub;
	wheel_cancel(hub->wheel, &session->timer);
	session->timer.fn = timer_due;
	if (session->expiry_s != UINT32_MAX) {
		wheel_add(hub->wheel, &session->timer, hub_now_ms(hub) + (uint64_t)session->expiry_s * 1000u);
	}
}

/* --- ends --- */

struct detach_op {
	struct store_detach detach;
	struct hub *hub;
};

static void detach_done(struct mail *mail, unsigned at)
{
	(void)at;
	struct detach_op *op = CONTAINER_OF(mail, struct detach_op, detach.request.mail);
	hub_request_done(op->hub, &op->detach.request);
	free(op);
}

/* Best effort: an engine that missed it still ends the session when it is told to drop it. */
static void store_detached(struct session *session)
{
	struct detach_op *op = calloc(1, sizeof(*op));
	void *ctx = NULL;
	if (op == NULL) {
		return;
	}
	op->hub = session->hub;
	op->detach.session = session->stored;
	op->detach.expiry_s = session->expiry_s;
	hub_request(session->hub, &op->detach.request, detach_done);
	hub_store(session->hub, &ctx)->detach(ctx, &op->detach);
}

struct drop_op {
	struct store_drop drop;
	struct hub *hub;
};

static void drop_done(struct mail *mail, unsigned at)
{
	(void)at;
	struct drop_op *op = CONTAINER_OF(mail, struct drop_op, drop.request.mail);
	hub_request_done(op->hub, &op->drop.request);
	free(op);
}

static void store_dropped(struct session *session)
{
	struct drop_op *op = calloc(1, sizeof(*op));
	void *ctx = NULL;
	if (op == NULL) {
		return;
	}
	op->hub = session->hub;
	op->drop.session = session->stored;
	hub_request(session->hub, &op->drop.request, drop_done);
	hub_store(session->hub, &ctx)->drop(ctx, &op->drop);
}

void session_end(struct session *session)
{
	if (session == NULL) {
		return;
	}
	if (session->will != NULL) {
		will_fire(session); /* the session ends before its delay is over (MQTT-3.1.2-8) */
	}
	if (session->stored.id != 0) {
		store_dropped(session);
	}
	session_free(session);
}

void session_detach(struct session *session, enum session_will will)
{
	struct hub *hub = session->hub;
	session->link.ops = NULL;
	session->pause = 0;
	session->quota_in = 0;
	hub->counters.connected--;
	aliases_free(session->aliases); /* MQTT-3.3.2-7 */
	session->aliases = NULL;
	will_arm(session, will);
	if (session->stored.id == 0 || session->expiry_s == 0) {
		session_end(session);
		return;
	}
	session_purge_queue(session);
	acks_submit(session);
	session_rest(session);
}

/* Detached, and nobody is claiming it: it lasts (MQTT-3.1.2-23), but the store and the timer count towards its end. */
void session_rest(struct session *session)
{
	if (!session_connected(session) && !session->frozen) {
		store_detached(session);
		arm_expiry(session);
	}
}

void session_close(struct session *session, uint8_t reason, bool disconnect, enum session_will will)
{
	const struct session_link link = session->link;
	const bool tell = disconnect && session->version == MQTT_5;
	/* DISCONNECT is the last word (MQTT-3.14.4-1), and the link closes behind it (MQTT-3.14.4-2, MQTT-4.13.2-1). */
	session->link.ops = NULL;
	link.ops->close(link.ctx, reason, tell);
	session_detach(session, will);
}

enum err session_refuse(struct session *session, uint8_t reason)
{
	session_close(session, reason, true, SESSION_WILL_PUBLISH);
	return ERR_CLOSED;
}

void session_lost(struct session *session)
{
	session_detach(session, SESSION_WILL_PUBLISH);
}

void session_fault(struct session *session, const struct fault *fault)
{
	session_close(session, fault->reason, true, SESSION_WILL_PUBLISH);
}

void session_writable(struct session *session)
{
	session_pump(session);
}

/* --- packets --- */

static enum err on_ack(struct session *session, const struct mqtt_frame *frame)
{
	struct mqtt_ack_view ack;
	struct fault fault = FAULT_NONE;
	if (mqtt_decode_ack((enum mqtt_version)session->version, frame, &ack, &fault) != ERR_OK) {
		return session_refuse(session, fault.reason);
	}
	if (ack.type == MQTT_PUBACK) {
		return session_on_puback(session, &ack);
	}
	if (ack.type == MQTT_PUBREC) {
		return session_on_pubrec(session, &ack);
	}
	if (ack.type == MQTT_PUBREL) {
		return session_on_pubrel(session, &ack);
	}
	return session_on_pubcomp(session, &ack);
}

static enum err on_pingreq(struct session *session, const struct mqtt_frame *frame)
{
	(void)frame;
	struct buf *head = &session->hub->head;
	head->len = 0;
	if (mqtt_encode_pingresp(head) != ERR_OK) {
		return session_refuse(session, MQTT_REASON_UNSPECIFIED);
	}
	session_send_head(session); /* MQTT-3.12.4-1 */
	return ERR_OK;
}

static enum err on_disconnect(struct session *session, const struct mqtt_frame *frame)
{
	struct mqtt_disconnect_view view;
	struct fault fault = FAULT_NONE;
	if (mqtt_decode_disconnect((enum mqtt_version)session->version, MQTT_CLIENT, frame, &view, &fault) !=
		ERR_OK) {
		return session_refuse(session, fault.reason);
	}
	if (session->version == MQTT_5 && mqtt_props_has(&view.props, MQTT_PROP_SESSION_EXPIRY)) {
		/* MQTT-3.14.2-2's counterpart: from 0 it cannot be raised (3.14.2.2.2). */
		if (session->session_expiry_zero && view.props.session_expiry_s != 0) {
			return session_refuse(session, MQTT_REASON_PROTOCOL_ERROR);
		}
		const uint32_t most = session->hub->engine->limits.session_expiry_max_s;
		session->expiry_s = view.props.session_expiry_s < most ? view.props.session_expiry_s : most;
	}
	/* MQTT-3.14.4-3: only 0x00 discards the will. */
	session_close(session, MQTT_REASON_SUCCESS, false,
		view.reason == MQTT_REASON_SUCCESS ? SESSION_WILL_DROP : SESSION_WILL_PUBLISH);
	return ERR_CLOSED;
}

typedef enum err (*packet_fn)(struct session *session, const struct mqtt_frame *frame);

/*
 * An empty slot is forbidden: CONNECT comes once (MQTT-3.1.0-2), AUTH needs a method that we do not offer
 * (MQTT-4.12.1-2).
 */
static const packet_fn packet_fns[16] = {
	[MQTT_PUBLISH] = session_on_publish,
	[MQTT_PUBACK] = on_ack,
	[MQTT_PUBREC] = on_ack,
	[MQTT_PUBREL] = on_ack,
	[MQTT_PUBCOMP] = on_ack,
	[MQTT_SUBSCRIBE] = session_on_subscribe,
	[MQTT_UNSUBSCRIBE] = session_on_unsubscribe,
	[MQTT_PINGREQ] = on_pingreq,
	[MQTT_DISCONNECT] = on_disconnect,
};

enum err session_packet(struct session *session, const struct mqtt_frame *frame)
{
	struct fault fault = FAULT_NONE;
	session->last_packet_ms = hub_now_ms(session->hub);
	if (mqtt_type_allowed((enum mqtt_version)session->version, MQTT_CLIENT, frame->type, &fault) !=
		ERR_OK) {
		return session_refuse(session, fault.reason);
	}
	const packet_fn fn = packet_fns[(unsigned)frame->type & 15u];
	if (fn == NULL) {
		return session_refuse(session, MQTT_REASON_PROTOCOL_ERROR);
	}
	return fn(session, frame);
}
