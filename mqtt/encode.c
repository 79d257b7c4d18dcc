/*
 * encode.c - writes packets. Sizes are computed first, so that a packet is written whole or not at all.
 * Never:   copies a payload that is meant for many (mqtt_encode_publish_head()).
 */
#include "mqtt/codec.h"

/* --- properties within the receiver's limits --- */

enum drop { DROP_NOTHING, DROP_USER, DROP_USER_AND_REASON };

/* Raw properties, and which of them are left out. len is what remains. */
struct prop_plan {
	struct bytes raw;
	enum drop drop;
	uint32_t len;
};

static bool kept(enum drop drop, uint32_t id)
{
	return !(drop >= DROP_USER && id == MQTT_PROP_USER) &&
	       !(drop == DROP_USER_AND_REASON && id == MQTT_PROP_REASON_STRING);
}

/* How many bytes of raw stay under drop. ERR_INVALID: raw is no row of properties, which is our caller's bug. */
static enum err measure(struct bytes raw, enum drop drop, uint32_t *len)
{
	struct wire_reader reader = wire_reader_init(raw);
	struct bytes whole = BYTES_NONE;
	size_t total = 0;
	uint32_t id = 0;

	if (raw.len > MQTT_VARINT_MAX) {
		return ERR_LIMIT;
	}
	for (;;) {
		enum err err = mqtt_props_step(&reader, &id, &whole);

		if (err == ERR_NOT_FOUND) {
			*len = (uint32_t)total; /* no more than raw.len */
			return ERR_OK;
		}
		if (err != ERR_OK) {
			return ERR_INVALID;
		}
		if (kept(drop, id)) {
			total += whole.len;
		}
	}
}

static enum err plan_props(
	const struct mqtt_encode_options *options, struct bytes raw, enum drop drop, struct prop_plan *out)
{
	*out = (struct prop_plan){raw, drop, 0};
	if (options->version != MQTT_5) {
		out->raw = BYTES_NONE;
		return ERR_OK;
	}
	return measure(raw, drop, &out->len);
}

static size_t plan_bytes(const struct mqtt_encode_options *options, const struct prop_plan *plan)
{
	return options->version == MQTT_5 ? mqtt_varint_bytes(plan->len) + plan->len : 0;
}

static void put_props(
	struct wire_writer *writer, const struct mqtt_encode_options *options, const struct prop_plan *plan)
{
	struct wire_reader reader = wire_reader_init(plan->raw);
	struct bytes whole = BYTES_NONE;
	uint32_t id = 0;

	if (options->version != MQTT_5) {
		return;
	}
	mqtt_put_varint(writer, plan->len); /* MQTT-2.2.2-1 */
	if (plan->drop == DROP_NOTHING) {
		wire_put_bytes(writer, plan->raw);
		return;
	}
	while (mqtt_props_step(&reader, &id, &whole) == ERR_OK) {
		if (kept(plan->drop, id)) {
			wire_put_bytes(writer, whole);
		}
	}
}

/* --- fixed header --- */

/* Whether a packet with this body can be sent to that receiver. */
static bool fits(const struct mqtt_encode_options *options, size_t body_len)
{
	if (body_len > MQTT_VARINT_MAX) {
		return false;
	}
	return options->packet_bytes_max == 0 ||
	       1 + mqtt_varint_bytes((uint32_t)body_len) + body_len <= options->packet_bytes_max;
}

/* MQTT-2.1.3-1; flags are the fixed ones of the type, or those of PUBLISH. */
static enum err begin(const struct mqtt_encode_options *options, enum mqtt_type type, unsigned flags,
	size_t body_len, struct wire_writer *writer)
{
	if (!fits(options, body_len)) { /* MQTT-3.1.2-24, MQTT-3.2.2-15 */
		return ERR_LIMIT;
	}
	wire_put_u8(writer, (uint8_t)((unsigned)type << 4 | flags));
	mqtt_put_varint(writer, (uint32_t)body_len);
	return ERR_OK;
}

static enum err finish(struct wire_writer *writer)
{
	enum err err = wire_writer_err(writer);

	if (err != ERR_OK) {
		wire_writer_rollback(writer);
	}
	return err;
}

/* --- packets that answer: their properties may shrink --- */

/* Shape of such a packet: what stands before the properties, and what after them. */
struct answer {
	enum mqtt_type type;
	unsigned flags;
	struct bytes before;
	struct bytes after;
	struct bytes props;
	/* Bytes of before that stay when there are no properties and they may be left out; 0: never. */
	size_t short_len;
	bool may_omit;
};

static size_t answer_bytes(
	const struct mqtt_encode_options *options, const struct answer *answer, const struct prop_plan *plan)
{
	if (answer->may_omit && plan->len == 0) {
		return answer->short_len;
	}
	return answer->before.len + plan_bytes(options, plan) + answer->after.len;
}

/*
 * Leaves out User Properties, then the Reason String, where the receiver asked for none (MQTT-3.1.2-29) or the packet
 * is too large with them:
 * CONNACK MQTT-3.2.2-19, MQTT-3.2.2-20; PUBACK MQTT-3.4.2-2, MQTT-3.4.2-3; PUBREC MQTT-3.5.2-2, MQTT-3.5.2-3;
 * PUBREL MQTT-3.6.2-2, MQTT-3.6.2-3; PUBCOMP MQTT-3.7.2-2, MQTT-3.7.2-3; SUBACK MQTT-3.9.2-1, MQTT-3.9.2-2;
 * UNSUBACK MQTT-3.11.2-1, MQTT-3.11.2-2; DISCONNECT MQTT-3.14.2-3, MQTT-3.14.2-4; AUTH MQTT-3.15.2-2, MQTT-3.15.2-3.
 */
static enum err put_answer(
	const struct mqtt_encode_options *options, const struct answer *answer, struct buf *out)
{
	struct wire_writer writer = wire_writer_init(out);
	struct prop_plan plan = {BYTES_NONE, DROP_NOTHING, 0};
	size_t body_len = 0;
	enum err err = ERR_OK;
	enum drop least =
		options->no_problem_info && answer->type != MQTT_CONNACK && answer->type != MQTT_DISCONNECT
			? DROP_USER_AND_REASON
			: DROP_NOTHING;

	for (enum drop drop = least; drop <= DROP_USER_AND_REASON; drop++) {
		err = plan_props(options, answer->props, drop, &plan);
		if (err != ERR_OK) {
			return err;
		}
		body_len = answer_bytes(options, answer, &plan);
		if (fits(options, body_len)) {
			break;
		}
	}
	err = begin(options, answer->type, answer->flags, body_len, &writer);
	if (err != ERR_OK) {
		return err;
	}
	if (answer->may_omit && plan.len == 0) {
		wire_put_bytes(&writer, bytes_of(answer->before.data, answer->short_len));
	} else {
		wire_put_bytes(&writer, answer->before);
		put_props(&writer, options, &plan);
		wire_put_bytes(&writer, answer->after);
	}
	return finish(&writer);
}

enum err mqtt_encode_connack(
	const struct mqtt_encode_options *options, const struct mqtt_connack_view *in, struct buf *out)
{
	/* Session Present is only for success (MQTT-3.2.2-6, 3.1.1 MQTT-3.2.2-4), and unknown to 3.1. */
	bool present = in->session_present && in->reason == 0 && options->version != MQTT_3_1;
	uint8_t before[2] = {present ? 1 : 0, in->reason};
	struct answer answer = {
		.type = MQTT_CONNACK,
		.before = bytes_of(before, sizeof(before)),
		.props = in->props.raw,
	};

	if (options->version != MQTT_5) {
		before[1] = mqtt_connack_code_v3(in->reason);
		if (before[1] == MQTT_CONNACK_NONE) {
			return ERR_INVALID;
		}
	} else if (!mqtt_reason_allowed(MQTT_CONNACK, MQTT_SERVER, in->reason)) { /* MQTT-3.2.2-8 */
		return ERR_INVALID;
	}
	return put_answer(options, &answer, out);
}

enum err mqtt_encode_ack(
	const struct mqtt_encode_options *options, const struct mqtt_ack_view *in, struct buf *out)
{
	const uint8_t before[3] = {
		(uint8_t)(in->packet_id >> 8), (uint8_t)(in->packet_id & 0xFFu), in->reason};
	bool v5 = options->version == MQTT_5;
	struct answer answer = {
		.type = in->type,
		.flags = in->type == MQTT_PUBREL ? 2 : 0,
		.before = bytes_of(before, v5 ? 3 : 2),
		.props = in->props.raw,
		.short_len = in->reason == 0 || !v5 ? 2 : 3,
		.may_omit = true,
	};

	if (in->type != MQTT_PUBACK && in->type != MQTT_PUBREC && in->type != MQTT_PUBREL &&
		in->type != MQTT_PUBCOMP) {
		return ERR_INVALID;
	}
	/* MQTT-3.4.2-1, -3.5.2-1, -3.6.2-1, -3.7.2-1. Before MQTT 5 an acknowledgement cannot refuse. */
	if (in->packet_id == 0 || (v5 && !mqtt_reason_allowed(in->type, MQTT_SERVER, in->reason))) {
		return ERR_INVALID;
	}
	return put_answer(options, &answer, out);
}

/* Turns codes into those of 3.1.1 while it writes; properties and codes are as in MQTT 5 otherwise. */
static enum err put_suback_v3(
	const struct mqtt_encode_options *options, const struct mqtt_suback_view *in, struct buf *out)
{
	struct wire_writer writer = wire_writer_init(out);
	struct wire_reader reader = wire_reader_init(in->reasons);
	uint8_t reason = 0;
	enum err err = begin(options, MQTT_SUBACK, 0, 2 + in->reasons.len, &writer);

	if (err != ERR_OK) {
		return err;
	}
	wire_put_u16(&writer, in->packet_id);
	while (wire_get_u8(&reader, &reason) == ERR_OK) {
		wire_put_u8(&writer, reason >= 0x80 ? 0x80 : reason); /* 3.1.1 MQTT-3.9.3-2 */
	}
	return finish(&writer);
}

static enum err encode_suback(const struct mqtt_encode_options *options, enum mqtt_type type,
	const struct mqtt_suback_view *in, struct buf *out)
{
	const uint8_t before[2] = {(uint8_t)(in->packet_id >> 8), (uint8_t)(in->packet_id & 0xFFu)};
	struct answer answer = {
		.type = type,
		.before = bytes_of(before, sizeof(before)),
		.after = in->reasons,
		.props = in->props.raw,
	};
	struct wire_reader reader = wire_reader_init(in->reasons);
	uint8_t reason = 0;

	if (in->packet_id == 0) {
		return ERR_INVALID;
	}
	if (options->version != MQTT_5 && type == MQTT_UNSUBACK) {
		answer.after = BYTES_NONE;
		return put_answer(options, &answer, out);
	}
	if (in->reasons.len == 0) {
		return ERR_INVALID;
	}
	while (wire_get_u8(&reader, &reason) == ERR_OK) {
		/* MQTT-3.9.3-2, MQTT-3.11.3-2 */
		if (!mqtt_reason_allowed(type, MQTT_SERVER, reason)) {
			return ERR_INVALID;
		}
	}
	return options->version == MQTT_5 ? put_answer(options, &answer, out)
					  : put_suback_v3(options, in, out);
}

enum err mqtt_encode_suback(
	const struct mqtt_encode_options *options, const struct mqtt_suback_view *in, struct buf *out)
{
	return encode_suback(options, MQTT_SUBACK, in, out);
}

enum err mqtt_encode_unsuback(
	const struct mqtt_encode_options *options, const struct mqtt_suback_view *in, struct buf *out)
{
	return encode_suback(options, MQTT_UNSUBACK, in, out);
}

enum err mqtt_encode_disconnect(
	const struct mqtt_encode_options *options, const struct mqtt_disconnect_view *in, struct buf *out)
{
	bool v5 = options->version == MQTT_5;
	struct answer answer = {
		.type = MQTT_DISCONNECT,
		.before = bytes_of(&in->reason, v5 ? 1 : 0),
		.props = in->props.raw,
		.short_len = in->reason == 0 || !v5 ? 0 : 1,
		.may_omit = true,
	};

	/* MQTT-3.14.2-1; which side we are is not known here, so the sum of both lists. */
	if (v5 && !mqtt_reason_allowed(MQTT_DISCONNECT, MQTT_SERVER, in->reason) &&
		!mqtt_reason_allowed(MQTT_DISCONNECT, MQTT_CLIENT, in->reason)) {
		return ERR_INVALID;
	}
	return put_answer(options, &answer, out);
}

enum err mqtt_encode_auth(
	const struct mqtt_encode_options *options, const struct mqtt_auth_view *in, struct buf *out)
{
	struct answer answer = {
		.type = MQTT_AUTH,
		.before = bytes_of(&in->reason, 1),
		.props = in->props.raw,
		.may_omit = in->reason == 0,
	};

	if (options->version != MQTT_5 ||
		(!mqtt_reason_allowed(MQTT_AUTH, MQTT_SERVER, in->reason) &&
			!mqtt_reason_allowed(MQTT_AUTH, MQTT_CLIENT, in->reason))) { /* MQTT-3.15.2-1 */
		return ERR_INVALID;
	}
	return put_answer(options, &answer, out);
}

static enum err put_ping(enum mqtt_type type, struct buf *out)
{
	const uint8_t packet[2] = {(uint8_t)((unsigned)type << 4), 0};

	return buf_append(out, bytes_of(packet, sizeof(packet)));
}

enum err mqtt_encode_pingreq(struct buf *out)
{
	return put_ping(MQTT_PINGREQ, out);
}

enum err mqtt_encode_pingresp(struct buf *out)
{
	return put_ping(MQTT_PINGRESP, out);
}

/* --- CONNECT --- */

static uint8_t connect_flags(const struct mqtt_connect_view *in)
{
	unsigned flags = in->clean_start ? 0x02u : 0;

	if (in->has_will) {
		flags |= 0x04u | (unsigned)in->will.qos << 3 | (in->will.retain ? 0x20u : 0);
	}
	flags |= in->has_password ? 0x40u : 0;
	flags |= in->has_user_name ? 0x80u : 0;
	return (uint8_t)flags;
}

enum err mqtt_encode_connect(
	const struct mqtt_encode_options *options, const struct mqtt_connect_view *in, struct buf *out)
{
	struct wire_writer writer = wire_writer_init(out);
	struct bytes name = bytes_text(options->version == MQTT_3_1 ? "MQIsdp" : "MQTT");
	struct prop_plan props = {BYTES_NONE, DROP_NOTHING, 0};
	struct prop_plan will_props = {BYTES_NONE, DROP_NOTHING, 0};
	size_t body_len = 2 + name.len + 4 + 2 + in->client_id.len;
	enum err err = ERR_OK;

	if (in->version != options->version || (in->has_will && in->will.qos > 2) ||
		(options->version != MQTT_5 && in->has_password && !in->has_user_name)) {
		return ERR_INVALID;
	}
	err = plan_props(options, in->props.raw, DROP_NOTHING, &props);
	if (err == ERR_OK) {
		err = plan_props(options, in->will.props.raw, DROP_NOTHING, &will_props);
	}
	if (err != ERR_OK) {
		return err;
	}
	body_len += plan_bytes(options, &props);
	if (in->has_will) {
		body_len += plan_bytes(options, &will_props) + 4 + in->will.topic.len + in->will.payload.len;
	}
	body_len += in->has_user_name ? 2 + in->user_name.len : 0;
	body_len += in->has_password ? 2 + in->password.len : 0;
	err = begin(options, MQTT_CONNECT, 0, body_len, &writer);
	if (err != ERR_OK) {
		return err;
	}
	mqtt_put_binary(&writer, name);
	wire_put_u8(&writer, (uint8_t)options->version);
	wire_put_u8(&writer, connect_flags(in));
	wire_put_u16(&writer, in->keep_alive_s);
	put_props(&writer, options, &props);
	mqtt_put_binary(&writer, in->client_id);
	if (in->has_will) {
		put_props(&writer, options, &will_props);
		mqtt_put_binary(&writer, in->will.topic);
		mqtt_put_binary(&writer, in->will.payload);
	}
	if (in->has_user_name) {
		mqtt_put_binary(&writer, in->user_name);
	}
	if (in->has_password) {
		mqtt_put_binary(&writer, in->password);
	}
	return finish(&writer);
}

/* --- SUBSCRIBE, UNSUBSCRIBE --- */

static enum err put_request(const struct mqtt_encode_options *options, enum mqtt_type type,
	uint16_t packet_id, struct bytes raw_props, struct bytes filters, struct buf *out)
{
	struct wire_writer writer = wire_writer_init(out);
	struct prop_plan props = {BYTES_NONE, DROP_NOTHING, 0};
	enum err err = plan_props(options, raw_props, DROP_NOTHING, &props);

	if (err != ERR_OK) {
		return err;
	}
	if (packet_id == 0 || filters.len == 0) { /* MQTT-2.2.1-3, MQTT-3.8.3-2, MQTT-3.10.3-2 */
		return ERR_INVALID;
	}
	err = begin(options, type, 2, 2 + plan_bytes(options, &props) + filters.len, &writer);
	if (err != ERR_OK) {
		return err;
	}
	wire_put_u16(&writer, packet_id);
	put_props(&writer, options, &props);
	wire_put_bytes(&writer, filters);
	return finish(&writer);
}

enum err mqtt_encode_subscribe(
	const struct mqtt_encode_options *options, const struct mqtt_subscribe_view *in, struct buf *out)
{
	return put_request(options, MQTT_SUBSCRIBE, in->packet_id, in->props.raw, in->raw, out);
}

enum err mqtt_encode_unsubscribe(
	const struct mqtt_encode_options *options, const struct mqtt_unsubscribe_view *in, struct buf *out)
{
	return put_request(options, MQTT_UNSUBSCRIBE, in->packet_id, in->props.raw, in->raw, out);
}

void mqtt_put_unsubscription(struct wire_writer *writer, struct bytes filter)
{
	mqtt_put_binary(writer, filter);
}

void mqtt_put_subscription(
	struct wire_writer *writer, enum mqtt_version version, const struct mqtt_subscription *subscription)
{
	unsigned options = subscription->qos;

	if (subscription->qos > 2 || subscription->retain_handling > 2) {
		if (writer->err == ERR_OK) {
			writer->err = ERR_INVALID;
		}
		return;
	}
	if (version == MQTT_5) {
		options |= subscription->no_local ? 4u : 0;
		options |= subscription->retain_as_published ? 8u : 0;
		options |= (unsigned)subscription->retain_handling << 4;
	}
	mqtt_put_binary(writer, subscription->filter);
	wire_put_u8(writer, (uint8_t)options);
}

/* --- PUBLISH --- */

/* The properties that this copy has of its own; the forwarded ones follow them. */
static size_t own_props_bytes(const struct mqtt_publish_head *in)
{
	size_t bytes = (in->has_message_expiry ? 5u : 0u) + (in->topic_alias != 0 ? 3u : 0u);

	for (size_t i = 0; i < in->subscription_id_count; i++) {
		bytes += 1 + mqtt_varint_bytes(in->subscription_ids[i]);
	}
	return bytes;
}

static void put_publish_props(
	struct wire_writer *writer, const struct mqtt_publish_head *in, uint32_t props_len)
{
	mqtt_put_varint(writer, props_len);
	if (in->has_message_expiry) {
		mqtt_put_prop_int(writer, MQTT_PROP_MESSAGE_EXPIRY, in->message_expiry_s);
	}
	if (in->topic_alias != 0) { /* MQTT-3.3.2-8 */
		mqtt_put_prop_int(writer, MQTT_PROP_TOPIC_ALIAS, in->topic_alias);
	}
	/* MQTT-3.3.4-4: one copy, the ids of all subscriptions that it serves. */
	for (size_t i = 0; i < in->subscription_id_count; i++) {
		mqtt_put_prop_int(writer, MQTT_PROP_SUBSCRIPTION_ID, in->subscription_ids[i]);
	}
	wire_put_bytes(writer, in->props);
}

enum err mqtt_encode_publish_head(
	const struct mqtt_encode_options *options, const struct mqtt_publish_head *in, struct buf *out)
{
	struct wire_writer writer = wire_writer_init(out);
	bool v5 = options->version == MQTT_5;
	unsigned flags = (in->dup ? 8u : 0) | (unsigned)in->qos << 1 | (in->retain ? 1u : 0);
	size_t props_len = v5 ? own_props_bytes(in) + in->props.len : 0;
	size_t body_len = 2 + in->topic.len + (in->qos > 0 ? 2u : 0u);
	enum err err = ERR_OK;

	/* MQTT-3.3.1-4; MQTT-3.3.1-2; MQTT-2.2.1-2 and MQTT-2.2.1-4; MQTT-4.7.3-1 */
	if (in->qos > 2 || (in->dup && in->qos == 0) || (in->qos == 0) != (in->packet_id == 0) ||
		(in->topic.len == 0 && !(v5 && props_len > 0))) {
		return ERR_INVALID;
	}
	if (in->payload_len > MQTT_VARINT_MAX || props_len > MQTT_VARINT_MAX) {
		return ERR_LIMIT;
	}
	body_len += in->payload_len + (v5 ? mqtt_varint_bytes((uint32_t)props_len) + props_len : 0);
	err = begin(options, MQTT_PUBLISH, flags, body_len, &writer);
	if (err != ERR_OK) {
		return err;
	}
	mqtt_put_binary(&writer, in->topic);
	if (in->qos > 0) {
		wire_put_u16(&writer, in->packet_id);
	}
	if (v5) {
		put_publish_props(&writer, in, (uint32_t)props_len);
	}
	return finish(&writer);
}

enum err mqtt_encode_publish(
	const struct mqtt_encode_options *options, const struct mqtt_publish_view *in, struct buf *out)
{
	struct wire_writer writer = wire_writer_init(out);
	const struct mqtt_publish_head head = {
		.topic = in->topic,
		.qos = in->qos,
		.dup = in->dup,
		.retain = in->retain,
		.packet_id = in->packet_id,
		.props = in->props.raw,
		.payload_len = in->payload.len,
	};
	enum err err = mqtt_encode_publish_head(options, &head, out);

	if (err == ERR_OK) {
		wire_put_bytes(&writer, in->payload);
		err = finish(&writer); /* takes the head back too: the writer began before it */
	}
	return err;
}

enum err mqtt_encode(
	const struct mqtt_encode_options *options, const struct mqtt_packet_view *in, struct buf *out)
{
	switch (in->type) {
	case MQTT_CONNECT: return mqtt_encode_connect(options, &in->as.connect, out);
	case MQTT_CONNACK: return mqtt_encode_connack(options, &in->as.connack, out);
	case MQTT_PUBLISH: return mqtt_encode_publish(options, &in->as.publish, out);
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP: return mqtt_encode_ack(options, &in->as.ack, out);
	case MQTT_SUBSCRIBE: return mqtt_encode_subscribe(options, &in->as.subscribe, out);
	case MQTT_SUBACK: return mqtt_encode_suback(options, &in->as.suback, out);
	case MQTT_UNSUBSCRIBE: return mqtt_encode_unsubscribe(options, &in->as.unsubscribe, out);
	case MQTT_UNSUBACK: return mqtt_encode_unsuback(options, &in->as.suback, out);
	case MQTT_PINGREQ: return mqtt_encode_pingreq(out);
	case MQTT_PINGRESP: return mqtt_encode_pingresp(out);
	case MQTT_DISCONNECT: return mqtt_encode_disconnect(options, &in->as.disconnect, out);
	case MQTT_AUTH: return mqtt_encode_auth(options, &in->as.auth, out);
	}
	return ERR_INVALID;
}
