/*
 * decode.c - what a packet means, all types but CONNECT.
 * Never:   keeps anything: a view borrows the frame. Never answers; it says what to answer.
 */
#include "mqtt/codec.h"

#define MALFORMED MQTT_REASON_MALFORMED_PACKET
#define PROTOCOL  MQTT_REASON_PROTOCOL_ERROR

/* The caller's mistake, not the peer's; still it gets a fault, so that nobody acts on an unset one. */
static enum err refuse_type(struct fault *fault)
{
	return mqtt_refuse(fault, ERR_STATE, MQTT_REASON_IMPLEMENTATION_SPECIFIC, "2.1.2");
}

static enum err check_reason(
	const struct mqtt_cursor *cursor, enum mqtt_type type, enum mqtt_side from, uint8_t reason)
{
	const char *clause = type == MQTT_CONNACK      ? "MQTT-3.2.2-8"
			     : type == MQTT_PUBACK     ? "MQTT-3.4.2-1"
			     : type == MQTT_PUBREC     ? "MQTT-3.5.2-1"
			     : type == MQTT_PUBREL     ? "MQTT-3.6.2-1"
			     : type == MQTT_PUBCOMP    ? "MQTT-3.7.2-1"
			     : type == MQTT_SUBACK     ? "MQTT-3.9.3-2"
			     : type == MQTT_UNSUBACK   ? "MQTT-3.11.3-2"
			     : type == MQTT_DISCONNECT ? "MQTT-3.14.2-1"
						       : "MQTT-3.15.2-1";

	if (!mqtt_reason_allowed(type, from, reason)) {
		return mqtt_refuse(cursor->fault, ERR_INVALID, PROTOCOL, clause);
	}
	return ERR_OK;
}

enum err mqtt_decode_connack(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_connack_view *out, struct fault *fault)
{
	struct mqtt_cursor cursor = mqtt_cursor_init(version, frame->body, fault);
	struct mqtt_connack_view view = {0};
	uint8_t flags = 0;
	enum err err = ERR_OK;

	if (frame->type != MQTT_CONNACK) {
		return refuse_type(fault);
	}
	err = mqtt_cursor_u8(&cursor, &flags);
	if (err == ERR_OK) {
		err = mqtt_cursor_u8(&cursor, &view.reason);
	}
	if (err == ERR_OK) {
		err = mqtt_cursor_props(&cursor, MQTT_IN(MQTT_CONNACK), MQTT_SERVER, &view.props);
	}
	if (err == ERR_OK) {
		err = mqtt_cursor_end(&cursor);
	}
	if (err != ERR_OK) {
		return err;
	}
	/* MQTT 3.1 has no Session Present: the byte is reserved and unused there. */
	if (version != MQTT_3_1 && (flags & 0xFEu) != 0) {
		return mqtt_cursor_refuse(&cursor, ERR_MALFORMED, MALFORMED, "3.2.2.1", "MQTT-3.2.2-1");
	}
	view.session_present = version != MQTT_3_1 && flags == 1;
	if (view.session_present && view.reason != 0) {
		return mqtt_cursor_refuse(&cursor, ERR_INVALID, PROTOCOL, "MQTT-3.2.2-4", "MQTT-3.2.2-6");
	}
	if (version == MQTT_5) {
		err = check_reason(&cursor, MQTT_CONNACK, MQTT_SERVER, view.reason);
		if (err != ERR_OK) {
			return err;
		}
	} else if (mqtt_connack_reason_from_v3(view.reason, &view.reason) != ERR_OK) {
		return mqtt_refuse(fault, ERR_MALFORMED, MALFORMED, "3.2.2.3");
	}
	*out = view;
	return ERR_OK;
}

/* The topic of a PUBLISH, which in MQTT 5 may be an alias instead. */
static enum err check_publish_topic(const struct mqtt_cursor *cursor, const struct mqtt_publish_view *view)
{
	if (view->topic.len == 0 && cursor->version == MQTT_5) {
		if (view->props.topic_alias == 0) {
			return mqtt_refuse(cursor->fault, ERR_INVALID, PROTOCOL, "3.3.2.1");
		}
		return ERR_OK;
	}
	return mqtt_cursor_check_topic(cursor, "MQTT-3.3.2-2", view->topic);
}

enum err mqtt_decode_publish(enum mqtt_version version, enum mqtt_side from, const struct mqtt_frame *frame,
	struct mqtt_publish_view *out, struct fault *fault)
{
	struct mqtt_cursor cursor = mqtt_cursor_init(version, frame->body, fault);
	struct mqtt_publish_view view = {0};
	enum err err = ERR_OK;

	if (frame->type != MQTT_PUBLISH) {
		return refuse_type(fault);
	}
	view.dup = (frame->flags & 8u) != 0;
	view.qos = (uint8_t)(frame->flags >> 1 & 3u);
	view.retain = (frame->flags & 1u) != 0;
	err = mqtt_cursor_string(&cursor, &view.topic); /* MQTT-3.3.2-1 */
	if (err == ERR_OK && view.qos > 0) {            /* MQTT-2.2.1-2, 3.1.1 MQTT-2.3.1-5: none at QoS 0 */
		err = mqtt_cursor_packet_id(&cursor, &view.packet_id);
	}
	if (err == ERR_OK) {
		err = mqtt_cursor_props(&cursor, MQTT_IN(MQTT_PUBLISH), from, &view.props);
	}
	if (err == ERR_OK) {
		err = check_publish_topic(&cursor, &view);
	}
	if (err != ERR_OK) {
		return err;
	}
	view.payload = wire_reader_rest(&cursor.reader);
	*out = view;
	return ERR_OK;
}

enum err mqtt_decode_ack(enum mqtt_version version, const struct mqtt_frame *frame, struct mqtt_ack_view *out,
	struct fault *fault)
{
	struct mqtt_cursor cursor = mqtt_cursor_init(version, frame->body, fault);
	struct mqtt_ack_view view = {.type = frame->type, .props = mqtt_props_none()};
	enum err err = ERR_OK;

	if (frame->type != MQTT_PUBACK && frame->type != MQTT_PUBREC && frame->type != MQTT_PUBREL &&
		frame->type != MQTT_PUBCOMP) {
		return refuse_type(fault);
	}
	/* MQTT-2.2.1-5, 3.1.1 MQTT-2.3.1-6: whose PUBLISH it was. */
	err = mqtt_cursor_packet_id(&cursor, &view.packet_id);
	/* MQTT 5 may leave out the properties, and the reason code too if it is 0 (3.4.2.1, 3.4.2.2.1). */
	if (err == ERR_OK && version == MQTT_5 && wire_reader_left(&cursor.reader) > 0) {
		err = mqtt_cursor_u8(&cursor, &view.reason);
		if (err == ERR_OK) {
			/* Both sides send each of these with the same codes. */
			err = check_reason(&cursor, frame->type, MQTT_SERVER, view.reason);
		}
		if (err == ERR_OK && wire_reader_left(&cursor.reader) > 0) {
			err = mqtt_cursor_props(&cursor, MQTT_IN(frame->type), MQTT_SERVER, &view.props);
		}
	}
	if (err == ERR_OK) {
		err = mqtt_cursor_end(&cursor);
	}
	if (err == ERR_OK) {
		*out = view;
	}
	return err;
}

/* A filter by the rules of its version; in MQTT 5 the $share prefix has a meaning. */
static enum err check_filter(const struct mqtt_cursor *cursor, struct bytes filter, bool *shared)
{
	struct mqtt_share share = {BYTES_NONE, filter};
	enum err err = ERR_NOT_FOUND;

	if (filter.len == 0) {
		return mqtt_refuse(
			cursor->fault, ERR_INVALID, MQTT_REASON_TOPIC_FILTER_INVALID, "MQTT-4.7.3-1");
	}
	if (cursor->version == MQTT_5) {
		err = mqtt_share_parse(filter, &share);
	}
	*shared = err == ERR_OK;
	if (!mqtt_levels_within_limit(share.filter)) {
		return mqtt_refuse(cursor->fault, ERR_LIMIT, MQTT_REASON_TOPIC_FILTER_INVALID, "4.7.3");
	}
	if (err == ERR_INVALID) {
		return mqtt_refuse(
			cursor->fault, ERR_INVALID, MQTT_REASON_TOPIC_FILTER_INVALID, "MQTT-4.8.2-2");
	}
	if (err == ERR_NOT_FOUND && !mqtt_topic_filter_valid(filter)) {
		return mqtt_cursor_refuse(cursor, ERR_INVALID, MQTT_REASON_TOPIC_FILTER_INVALID,
			"MQTT-4.7.1-2", "MQTT-4.7.1-1");
	}
	return ERR_OK;
}

/* 3.8.3.1: QoS 0-1, No Local 2, Retain As Published 3, Retain Handling 4-5, reserved 6-7. */
static void unpack_options(uint8_t options, struct mqtt_subscription *out)
{
	out->qos = options & 3u;
	out->no_local = (options & 4u) != 0;
	out->retain_as_published = (options & 8u) != 0;
	out->retain_handling = (uint8_t)(options >> 4 & 3u);
}

static enum err check_options(const struct mqtt_cursor *cursor, uint8_t options, bool shared)
{
	struct mqtt_subscription view = {0};

	if (cursor->version != MQTT_5) {
		return options > 2 ? mqtt_refuse(cursor->fault, ERR_MALFORMED, MALFORMED, "MQTT-3.8.3-4")
				   : ERR_OK;
	}
	unpack_options(options, &view);
	if ((options & 0xC0u) != 0) {
		return mqtt_refuse(cursor->fault, ERR_MALFORMED, MALFORMED, "MQTT-3.8.3-5");
	}
	if (view.qos == 3 || view.retain_handling == 3) {
		return mqtt_refuse(cursor->fault, ERR_INVALID, PROTOCOL, "3.8.3.1");
	}
	if (view.no_local && shared) {
		return mqtt_refuse(cursor->fault, ERR_INVALID, PROTOCOL, "MQTT-3.8.3-4");
	}
	return ERR_OK;
}

/* The payload of SUBSCRIBE and UNSUBSCRIBE: at least one filter, each with or without an options byte. */
static enum err read_filters(struct mqtt_cursor *cursor, bool with_options, uint32_t *count)
{
	uint32_t found = 0;

	while (wire_reader_left(&cursor->reader) > 0) {
		struct bytes filter = BYTES_NONE;
		uint8_t options = 0;
		bool shared = false;
		/* MQTT-3.8.3-1, MQTT-3.10.3-1 */
		enum err err = mqtt_cursor_string(cursor, &filter);

		if (err == ERR_OK && with_options) {
			err = mqtt_cursor_u8(cursor, &options);
		}
		if (err == ERR_OK) {
			err = check_filter(cursor, filter, &shared);
		}
		if (err == ERR_OK && with_options) {
			err = check_options(cursor, options, shared);
		}
		if (err != ERR_OK) {
			return err;
		}
		found++;
		if (found > MQTT_SUBSCRIPTIONS_MAX) {
			return mqtt_refuse(cursor->fault, ERR_LIMIT, MQTT_REASON_QUOTA_EXCEEDED, "3.8.3");
		}
	}
	if (found == 0) {
		return mqtt_cursor_refuse(cursor, ERR_INVALID, PROTOCOL,
			with_options ? "MQTT-3.8.3-3" : "MQTT-3.10.3-2",
			with_options ? "MQTT-3.8.3-2" : "MQTT-3.10.3-2");
	}
	*count = found;
	return ERR_OK;
}

enum err mqtt_decode_subscribe(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_subscribe_view *out, struct fault *fault)
{
	struct mqtt_cursor cursor = mqtt_cursor_init(version, frame->body, fault);
	struct mqtt_subscribe_view view = {0};
	enum err err = ERR_OK;

	if (frame->type != MQTT_SUBSCRIBE) {
		return refuse_type(fault);
	}
	err = mqtt_cursor_packet_id(&cursor, &view.packet_id);
	if (err == ERR_OK) {
		err = mqtt_cursor_props(&cursor, MQTT_IN(MQTT_SUBSCRIBE), MQTT_CLIENT, &view.props);
	}
	if (err != ERR_OK) {
		return err;
	}
	view.raw = wire_reader_rest(&cursor.reader);
	err = read_filters(&cursor, true, &view.count);
	if (err == ERR_OK) {
		*out = view;
	}
	return err;
}

enum err mqtt_decode_unsubscribe(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_unsubscribe_view *out, struct fault *fault)
{
	struct mqtt_cursor cursor = mqtt_cursor_init(version, frame->body, fault);
	struct mqtt_unsubscribe_view view = {0};
	enum err err = ERR_OK;

	if (frame->type != MQTT_UNSUBSCRIBE) {
		return refuse_type(fault);
	}
	err = mqtt_cursor_packet_id(&cursor, &view.packet_id);
	if (err == ERR_OK) {
		err = mqtt_cursor_props(&cursor, MQTT_IN(MQTT_UNSUBSCRIBE), MQTT_CLIENT, &view.props);
	}
	if (err != ERR_OK) {
		return err;
	}
	view.raw = wire_reader_rest(&cursor.reader);
	err = read_filters(&cursor, false, &view.count);
	if (err == ERR_OK) {
		*out = view;
	}
	return err;
}

bool mqtt_subscribe_next(enum mqtt_version version, struct bytes *rest, struct mqtt_subscription *out)
{
	struct mqtt_subscription next = {0};
	uint8_t options = 0;

	if (!mqtt_unsubscribe_next(rest, &next.filter)) {
		return false;
	}
	struct wire_reader reader = wire_reader_init(*rest);
	if (wire_get_u8(&reader, &options) != ERR_OK) {
		return false;
	}
	*rest = wire_reader_rest(&reader);
	unpack_options(version == MQTT_5 ? options : options & 3u, &next);
	*out = next;
	return true;
}

bool mqtt_unsubscribe_next(struct bytes *rest, struct bytes *filter)
{
	struct wire_reader reader = wire_reader_init(*rest);
	uint16_t len = 0;

	if (wire_get_u16(&reader, &len) != ERR_OK || wire_get_bytes(&reader, len, filter) != ERR_OK) {
		return false;
	}
	*rest = wire_reader_rest(&reader);
	return true;
}

/* SUBACK, UNSUBACK: the packet id of the request (MQTT-2.2.1-6, 3.1.1 MQTT-2.3.1-7), properties, one code per filter. */
static enum err read_suback(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_suback_view *out, struct fault *fault)
{
	struct mqtt_cursor cursor = mqtt_cursor_init(version, frame->body, fault);
	struct mqtt_suback_view view = {0};
	uint8_t reason = 0;
	enum err err = mqtt_cursor_packet_id(&cursor, &view.packet_id);

	if (err == ERR_OK) {
		err = mqtt_cursor_props(&cursor, MQTT_IN(frame->type), MQTT_SERVER, &view.props);
	}
	if (err != ERR_OK) {
		return err;
	}
	if (version != MQTT_5 && frame->type == MQTT_UNSUBACK) {
		err = mqtt_cursor_end(&cursor); /* 3.11.3: no payload */
		if (err == ERR_OK) {
			*out = view;
		}
		return err;
	}
	view.reasons = wire_reader_rest(&cursor.reader);
	if (view.reasons.len == 0 || view.reasons.len > MQTT_SUBSCRIPTIONS_MAX) {
		/* As many as there were filters, which is at least one. */
		return mqtt_cursor_refuse(&cursor, ERR_MALFORMED, MALFORMED, "MQTT-3.8.4-5",
			frame->type == MQTT_SUBACK ? "MQTT-3.8.4-6" : "MQTT-3.11.3-1");
	}
	while (wire_get_u8(&cursor.reader, &reason) == ERR_OK) {
		if (version == MQTT_5) {
			err = check_reason(&cursor, frame->type, MQTT_SERVER, reason);
			if (err != ERR_OK) {
				return err;
			}
		} else if (reason > 2 && reason != 0x80) {
			return mqtt_refuse(fault, ERR_MALFORMED, MALFORMED, "MQTT-3.9.3-2");
		}
	}
	*out = view;
	return ERR_OK;
}

enum err mqtt_decode_suback(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_suback_view *out, struct fault *fault)
{
	return frame->type == MQTT_SUBACK ? read_suback(version, frame, out, fault) : refuse_type(fault);
}

enum err mqtt_decode_unsuback(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_suback_view *out, struct fault *fault)
{
	return frame->type == MQTT_UNSUBACK ? read_suback(version, frame, out, fault) : refuse_type(fault);
}

enum err mqtt_decode_disconnect(enum mqtt_version version, enum mqtt_side from,
	const struct mqtt_frame *frame, struct mqtt_disconnect_view *out, struct fault *fault)
{
	struct mqtt_cursor cursor = mqtt_cursor_init(version, frame->body, fault);
	struct mqtt_disconnect_view view = {.props = mqtt_props_none()};
	enum err err = ERR_OK;

	if (frame->type != MQTT_DISCONNECT) {
		return refuse_type(fault);
	}
	/* 3.14.2.1, 3.14.2.2.1: nothing is reason 0, a reason alone has no properties. */
	if (version == MQTT_5 && wire_reader_left(&cursor.reader) > 0) {
		err = mqtt_cursor_u8(&cursor, &view.reason);
		if (err == ERR_OK) {
			err = check_reason(&cursor, MQTT_DISCONNECT, from, view.reason);
		}
		if (err == ERR_OK && wire_reader_left(&cursor.reader) > 0) {
			err = mqtt_cursor_props(&cursor, MQTT_IN(MQTT_DISCONNECT), from, &view.props);
		}
	}
	if (err == ERR_OK) {
		err = mqtt_cursor_end(&cursor);
	}
	if (err == ERR_OK) {
		*out = view;
	}
	return err;
}

enum err mqtt_decode_auth(enum mqtt_version version, enum mqtt_side from, const struct mqtt_frame *frame,
	struct mqtt_auth_view *out, struct fault *fault)
{
	struct mqtt_cursor cursor = mqtt_cursor_init(version, frame->body, fault);
	struct mqtt_auth_view view = {.props = mqtt_props_none()};
	enum err err = ERR_OK;

	if (frame->type != MQTT_AUTH) {
		return refuse_type(fault);
	}
	err = mqtt_type_allowed(version, from, MQTT_AUTH, fault);
	/* 3.15.2.1: nothing at all is reason 0, which only a server may say. */
	if (err == ERR_OK && wire_reader_left(&cursor.reader) > 0) {
		err = mqtt_cursor_u8(&cursor, &view.reason);
		if (err == ERR_OK) {
			err = mqtt_cursor_props(&cursor, MQTT_IN(MQTT_AUTH), from, &view.props);
		}
		if (err == ERR_OK && !mqtt_props_has(&view.props, MQTT_PROP_AUTH_METHOD)) {
			err = mqtt_refuse(fault, ERR_INVALID, PROTOCOL, "3.15.2.2.2");
		}
	}
	if (err == ERR_OK) {
		err = check_reason(&cursor, MQTT_AUTH, from, view.reason);
	}
	if (err == ERR_OK) {
		err = mqtt_cursor_end(&cursor);
	}
	if (err == ERR_OK) {
		*out = view;
	}
	return err;
}

enum err mqtt_decode(enum mqtt_version version, enum mqtt_side from, const struct mqtt_frame *frame,
	struct mqtt_packet_view *out, struct fault *fault)
{
	struct mqtt_packet_view view = {.type = frame->type};
	/* A CONNECT names its version itself; it is not one of the types that differ. */
	enum err err = mqtt_type_allowed(version, from, frame->type, fault);

	if (err != ERR_OK) {
		return err;
	}
	switch (frame->type) {
	case MQTT_CONNECT: err = mqtt_decode_connect(frame, &view.as.connect, fault); break;
	case MQTT_CONNACK: err = mqtt_decode_connack(version, frame, &view.as.connack, fault); break;
	case MQTT_PUBLISH: err = mqtt_decode_publish(version, from, frame, &view.as.publish, fault); break;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP: err = mqtt_decode_ack(version, frame, &view.as.ack, fault); break;
	case MQTT_SUBSCRIBE: err = mqtt_decode_subscribe(version, frame, &view.as.subscribe, fault); break;
	case MQTT_SUBACK: err = mqtt_decode_suback(version, frame, &view.as.suback, fault); break;
	case MQTT_UNSUBSCRIBE:
		err = mqtt_decode_unsubscribe(version, frame, &view.as.unsubscribe, fault);
		break;
	case MQTT_UNSUBACK: err = mqtt_decode_unsuback(version, frame, &view.as.suback, fault); break;
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: break;
	case MQTT_DISCONNECT:
		err = mqtt_decode_disconnect(version, from, frame, &view.as.disconnect, fault);
		break;
	case MQTT_AUTH: err = mqtt_decode_auth(version, from, frame, &view.as.auth, fault); break;
	}
	if (err == ERR_OK) {
		*out = view;
	}
	return err;
}
