/*
 * rig_print.c - what a client has got, as text: packets joined by "; ".
 *   CONNACK 00 present exp=5 ka=7 assigned info=TEXT  PUB topic=payload q1 #2 retain dup ids=5,7 exp=3  PUBACK #2 x87  SUBACK #1 00 87  PINGRESP
 *   CLOSE x8e told
 */
#include <stdarg.h>
#include <string.h>

#include "tests/broker/rig.h"

static void say(struct rig_client *client, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(struct rig_client *client, const char *format, ...)
{
	const size_t at = strlen(client->seen);
	va_list args;
	va_start(args, format);
	(void)vsnprintf(client->seen + at, sizeof(client->seen) - at, format, args);
	va_end(args);
}

static void say_publish(struct rig_client *client, const struct mqtt_publish_view *view)
{
	say(client, "PUB %.*s=%.*s q%u", (int)view->topic.len, (const char *)view->topic.data,
		(int)view->payload.len, (const char *)view->payload.data, view->qos);
	if (view->packet_id != 0) {
		say(client, " #%u", view->packet_id);
	}
	if (view->retain) {
		say(client, " retain");
	}
	if (view->dup) {
		say(client, " dup");
	}
	if (view->props.topic_alias != 0) {
		say(client, " alias=%u", view->props.topic_alias);
	}
	struct mqtt_props_iter iter = mqtt_props_iter_init(&view->props);
	uint32_t id = 0;
	for (const char *join = " ids=";
		client->version == MQTT_5 && mqtt_props_next_subscription_id(&iter, &id); join = ",") {
		say(client, "%s%u", join, id);
	}
	if (client->version == MQTT_5 && mqtt_props_has(&view->props, MQTT_PROP_MESSAGE_EXPIRY)) {
		say(client, " exp=%u", view->props.message_expiry_s);
	}
	iter = mqtt_props_iter_init(&view->props);
	struct bytes name;
	struct bytes value;
	while (client->version == MQTT_5 && mqtt_props_next_user(&iter, &name, &value)) {
		say(client, " %.*s:%.*s", (int)name.len, (const char *)name.data, (int)value.len,
			(const char *)value.data);
	}
	if (view->props.response_topic.len > 0) {
		say(client, " to=%.*s", (int)view->props.response_topic.len,
			(const char *)view->props.response_topic.data);
	}
}

static void say_connack(struct rig_client *client, const struct mqtt_connack_view *view)
{
	const struct mqtt_props_view *props = &view->props;
	say(client, " %02x%s", view->reason, view->session_present ? " present" : "");
	if (mqtt_props_has(props, MQTT_PROP_SESSION_EXPIRY)) {
		say(client, " exp=%u", props->session_expiry_s);
	}
	if (mqtt_props_has(props, MQTT_PROP_SERVER_KEEP_ALIVE)) {
		say(client, " ka=%u", props->server_keep_alive_s);
	}
	if (props->assigned_client_id.len > 0) {
		say(client, " assigned");
	}
	if (props->response_info.len > 0) {
		say(client, " info=%.*s", (int)props->response_info.len,
			(const char *)props->response_info.data);
	}
	if (mqtt_props_has(props, MQTT_PROP_AUTH_METHOD)) {
		say(client, " auth");
	}
}

static void say_packet(struct rig_client *client, const struct mqtt_packet_view *view)
{
	say(client, "%s", client->seen[0] == '\0' ? "" : "; ");
	if (view->type == MQTT_PUBLISH) {
		say_publish(client, &view->as.publish);
		return;
	}
	say(client, "%s", mqtt_type_name(view->type));
	if (view->type == MQTT_CONNACK) {
		say_connack(client, &view->as.connack);
	} else if (view->type == MQTT_SUBACK || view->type == MQTT_UNSUBACK) {
		say(client, " #%u", view->as.suback.packet_id);
		for (size_t i = 0; i < view->as.suback.reasons.len; i++) {
			say(client, " %02x", view->as.suback.reasons.data[i]);
		}
	} else if (view->type >= MQTT_PUBACK && view->type <= MQTT_PUBCOMP) {
		say(client, " #%u", view->as.ack.packet_id);
		if (view->as.ack.reason != 0) {
			say(client, " x%02x", view->as.ack.reason);
		}
	}
}

/* Appends; the caller empties client->seen when it has looked. */
const char *rig_seen(struct rig_client *client)
{
	struct bytes left = buf_bytes(&client->out);
	while (left.len > 0) {
		struct mqtt_frame frame;
		struct mqtt_packet_view view;
		struct fault fault = FAULT_NONE;
		REQUIRE("the broker sends whole packets", mqtt_frame_next(left, 0, &frame, &fault) == ERR_OK);
		if (mqtt_decode(client->version, MQTT_SERVER, &frame, &view, &fault) != ERR_OK) {
			(void)fprintf(stderr, "refused: %s\n", fault.clause == NULL ? "?" : fault.clause);
			REQUIRE("the broker sends valid packets", false);
		}
		say_packet(client, &view);
		left.data += frame.packet_bytes;
		left.len -= frame.packet_bytes;
	}
	client->out.len = 0;
	return client->seen;
}
