/*
 * will.c - the message that a client leaves behind, kept with its session until it fires once or is dropped.
 * Owns:    the will's message, made at CONNECT so that firing needs little memory.
 */
#include "broker/engine/hub.h"

#include <stdlib.h>

static void delay_over(struct wheel_timer *timer)
{
	struct will *will = CONTAINER_OF(timer, struct will, timer);
	will_fire(will->session);
}

enum err will_new(
	const struct session_identity *identity, const struct mqtt_will_view *view, struct will **out)
{
	*out = NULL;
	struct buf props = BUF_INIT(MQTT_PACKET_BYTES_MAX);
	struct will *will = calloc(1, sizeof(*will));
	enum err err = will == NULL ? ERR_NOMEM : mqtt_props_forward(&view->props, &props);
	if (err == ERR_OK) {
		/* MQTT-3.1.3-10: user properties keep their order; the rights are judged when it fires. */
		const struct message_parts parts = {.topic = view->topic,
			.payload = view->payload,
			.props = buf_bytes(&props),
			.publisher = identity,
			.qos = view->qos,
			.retain = view->retain,
			.has_expiry = mqtt_props_has(&view->props, MQTT_PROP_MESSAGE_EXPIRY),
			.expiry_s = view->props.message_expiry_s};
		err = message_new(&parts, 0, &will->message);
	}
	buf_release(&props);
	if (err != ERR_OK) {
		free(will);
		return err;
	}
	will->delay_s = view->props.will_delay_s;
	will->timer.fn = delay_over;
	*out = will;
	return ERR_OK;
}

void will_free(struct hub *hub, struct will *will)
{
	if (will != NULL) {
		wheel_cancel(hub->wheel, &will->timer);
		message_unref(will->message);
		free(will);
	}
}

void will_drop(struct session *session)
{
	will_free(session->hub, session->will);
	session->will = NULL; /* MQTT-3.1.2-10 */
}

void will_fire(struct session *session)
{
	struct hub *hub = session->hub;
	struct will *will = session->will;
	if (will == NULL) {
		return;
	}
	session->will = NULL;
	struct message *message = will->message;
	will->message = NULL;
	will_free(hub, will);
	const struct hub_hooks *hooks = &hub->engine->options.hooks;
	if (!hooks->may_publish(hooks->ctx, hub->worker, session->identity, message_topic(message),
		    message_retain(message))) {
		hub->counters.wills_denied++;
		message_unref(message);
		return;
	}
	message_expire_from(message, hub_now_ms(hub));
	const struct publication publication = {.publisher = &hub->own, .message = message};
	if (publish(hub, &publication) == ERR_OK) {
		hub->counters.wills_published++;
	}
}

void will_arm(struct session *session, enum session_will how)
{
	struct will *will = session->will;
	if (will == NULL) {
		return;
	}
	if (how == SESSION_WILL_DROP ||
		(how == SESSION_WILL_REVOKED && !session->hub->engine->limits.will_revoked)) {
		will_drop(session);
		return;
	}
	/* MQTT-3.1.2-8: after its delay, or with the session, whichever is first. */
	if (will->delay_s == 0 || session->expiry_s == 0 || session->stored.id == 0) {
		will_fire(session);
		return;
	}
	will->session = session;
	wheel_add(session->hub->wheel, &will->timer,
		hub_now_ms(session->hub) + (uint64_t)will->delay_s * 1000u);
}
