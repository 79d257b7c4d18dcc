/*
 * props.c - the properties of MQTT 5 (2.2.2): one table, one checked reading, and what is passed on.
 * Never:   decides about a packet as a whole; its decoder does.
 */
#include <string.h>

#include "mqtt/codec.h"

#define C(type)       MQTT_IN(MQTT_##type)
#define W             MQTT_IN_WILL
#define ACKS          (C(PUBACK) | C(PUBREC) | C(PUBREL) | C(PUBCOMP) | C(SUBACK) | C(UNSUBACK))
#define FIELD(member) offsetof(struct mqtt_props_view, member)
#define ANY_U32       0, UINT32_MAX
#define ANY_U16       0, UINT16_MAX
#define FLAG          0, 1
#define PROTO         MQTT_REASON_PROTOCOL_ERROR
#define NO_FIELD      0

/* 2.2.2.2, table 2-4. The clause is the section that says what a repetition or a bad value is. */
static const struct mqtt_prop_rule rules[] = {
	[MQTT_PROP_PAYLOAD_FORMAT] = {MQTT_KIND_U8, C(PUBLISH) | W, FLAG, PROTO, FIELD(payload_format),
		"3.3.2.3.2", "Payload Format Indicator"},
	[MQTT_PROP_MESSAGE_EXPIRY] = {MQTT_KIND_U32, C(PUBLISH) | W, ANY_U32, PROTO, FIELD(message_expiry_s),
		"3.3.2.3.3", "Message Expiry Interval"},
	[MQTT_PROP_CONTENT_TYPE] = {MQTT_KIND_STRING, C(PUBLISH) | W, 0, 0, PROTO, FIELD(content_type),
		"3.3.2.3.9", "Content Type"}, /* MQTT-3.3.2-19 */
	[MQTT_PROP_RESPONSE_TOPIC] = {MQTT_KIND_TOPIC, C(PUBLISH) | W, 0, 0, PROTO, FIELD(response_topic),
		"3.3.2.3.5", "Response Topic"}, /* MQTT-3.3.2-13 */
	[MQTT_PROP_CORRELATION_DATA] = {MQTT_KIND_BINARY, C(PUBLISH) | W, 0, 0, PROTO,
		FIELD(correlation_data), "3.3.2.3.6", "Correlation Data"},
	[MQTT_PROP_SUBSCRIPTION_ID] = {MQTT_KIND_VARINT, C(PUBLISH) | C(SUBSCRIBE), 1, MQTT_VARINT_MAX, PROTO,
		FIELD(subscription_id), "3.8.2.1.2", "Subscription Identifier"},
	[MQTT_PROP_SESSION_EXPIRY] = {MQTT_KIND_U32, C(CONNECT) | C(CONNACK) | C(DISCONNECT), ANY_U32, PROTO,
		FIELD(session_expiry_s), "3.1.2.11.2", "Session Expiry Interval"},
	[MQTT_PROP_ASSIGNED_CLIENT_ID] = {MQTT_KIND_STRING, C(CONNACK), 0, 0, PROTO,
		FIELD(assigned_client_id), "3.2.2.3.7", "Assigned Client Identifier"},
	[MQTT_PROP_SERVER_KEEP_ALIVE] = {MQTT_KIND_U16, C(CONNACK), ANY_U16, PROTO,
		FIELD(server_keep_alive_s), "3.2.2.3.14", "Server Keep Alive"},
	[MQTT_PROP_AUTH_METHOD] = {MQTT_KIND_STRING, C(CONNECT) | C(CONNACK) | C(AUTH), 0, 0, PROTO,
		FIELD(auth_method), "3.1.2.11.9", "Authentication Method"},
	[MQTT_PROP_AUTH_DATA] = {MQTT_KIND_BINARY, C(CONNECT) | C(CONNACK) | C(AUTH), 0, 0, PROTO,
		FIELD(auth_data), "3.1.2.11.10", "Authentication Data"},
	[MQTT_PROP_REQUEST_PROBLEM_INFO] = {MQTT_KIND_BOOL, C(CONNECT), FLAG, PROTO,
		FIELD(request_problem_info), "3.1.2.11.7", "Request Problem Information"},
	[MQTT_PROP_WILL_DELAY] = {MQTT_KIND_U32, W, ANY_U32, PROTO, FIELD(will_delay_s), "3.1.3.2.2",
		"Will Delay Interval"},
	[MQTT_PROP_REQUEST_RESPONSE_INFO] = {MQTT_KIND_BOOL, C(CONNECT), FLAG, PROTO,
		FIELD(request_response_info), "3.1.2.11.6", "Request Response Information"},
	[MQTT_PROP_RESPONSE_INFO] = {MQTT_KIND_STRING, C(CONNACK), 0, 0, PROTO, FIELD(response_info),
		"3.2.2.3.15", "Response Information"},
	[MQTT_PROP_SERVER_REFERENCE] = {MQTT_KIND_STRING, C(CONNACK) | C(DISCONNECT), 0, 0, PROTO,
		FIELD(server_reference), "3.2.2.3.16", "Server Reference"},
	[MQTT_PROP_REASON_STRING] = {MQTT_KIND_STRING, C(CONNACK) | ACKS | C(DISCONNECT) | C(AUTH), 0, 0,
		PROTO, FIELD(reason_string), "3.2.2.3.9", "Reason String"},
	[MQTT_PROP_RECEIVE_MAX] = {MQTT_KIND_U16, C(CONNECT) | C(CONNACK), 1, UINT16_MAX, PROTO,
		FIELD(receive_max), "3.1.2.11.3", "Receive Maximum"},
	[MQTT_PROP_TOPIC_ALIAS_MAX] = {MQTT_KIND_U16, C(CONNECT) | C(CONNACK), ANY_U16, PROTO,
		FIELD(topic_alias_max), "3.1.2.11.5", "Topic Alias Maximum"},
	[MQTT_PROP_TOPIC_ALIAS] = {MQTT_KIND_U16, C(PUBLISH), 1, UINT16_MAX, MQTT_REASON_TOPIC_ALIAS_INVALID,
		FIELD(topic_alias), "MQTT-3.3.2-8", "Topic Alias"},
	[MQTT_PROP_MAX_QOS] = {MQTT_KIND_U8, C(CONNACK), FLAG, PROTO, FIELD(max_qos), "3.2.2.3.4",
		"Maximum QoS"},
	[MQTT_PROP_RETAIN_AVAILABLE] = {MQTT_KIND_BOOL, C(CONNACK), FLAG, PROTO, FIELD(retain_available),
		"3.2.2.3.5", "Retain Available"},
	[MQTT_PROP_USER] = {MQTT_KIND_PAIR,
		C(CONNECT) | C(CONNACK) | C(PUBLISH) | W | ACKS | C(SUBSCRIBE) | C(UNSUBSCRIBE) |
			C(DISCONNECT) | C(AUTH),
		0, 0, PROTO, NO_FIELD, "3.1.2.11.8", "User Property"},
	[MQTT_PROP_PACKET_BYTES_MAX] = {MQTT_KIND_U32, C(CONNECT) | C(CONNACK), 1, UINT32_MAX, PROTO,
		FIELD(packet_bytes_max), "3.1.2.11.4", "Maximum Packet Size"},
	[MQTT_PROP_WILDCARD_AVAILABLE] = {MQTT_KIND_BOOL, C(CONNACK), FLAG, PROTO, FIELD(wildcard_available),
		"3.2.2.3.11", "Wildcard Subscription Available"},
	[MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE] = {MQTT_KIND_BOOL, C(CONNACK), FLAG, PROTO,
		FIELD(subscription_id_available), "3.2.2.3.12", "Subscription Identifier Available"},
	[MQTT_PROP_SHARED_AVAILABLE] = {MQTT_KIND_BOOL, C(CONNACK), FLAG, PROTO, FIELD(shared_available),
		"3.2.2.3.13", "Shared Subscription Available"},
};

#undef C
#undef W

const struct mqtt_prop_rule *mqtt_prop_rule(uint32_t id)
{
	return id < ARRAY_COUNT(rules) && rules[id].kind != MQTT_KIND_NONE ? &rules[id] : NULL;
}

const char *mqtt_prop_name(uint8_t prop)
{
	const struct mqtt_prop_rule *rule = mqtt_prop_rule(prop);

	return rule != NULL ? rule->name : "unknown";
}

struct mqtt_props_view mqtt_props_none(void)
{
	return (struct mqtt_props_view){
		.packet_bytes_max = UINT32_MAX,
		.receive_max = UINT16_MAX,
		.max_qos = 2,
		.request_problem_info = true,
		.retain_available = true,
		.wildcard_available = true,
		.subscription_id_available = true,
		.shared_available = true,
	};
}

bool mqtt_props_has(const struct mqtt_props_view *props, enum mqtt_prop prop)
{
	return (props->present >> (unsigned)prop & 1u) != 0;
}

/* An integer property, checked against its range and put into its field. */
static enum err store_int(const struct mqtt_cursor *cursor, const struct mqtt_prop_rule *rule, uint32_t value,
	struct mqtt_props_view *props)
{
	void *field = (char *)props + rule->offset;

	if (value < rule->value_min || value > rule->value_max) {
		return mqtt_refuse(cursor->fault, ERR_INVALID, rule->reason, rule->clause);
	}
	if (rule->kind == MQTT_KIND_BOOL) {
		bool flag = value != 0;
		memcpy(field, &flag, sizeof(flag));
	} else if (rule->kind == MQTT_KIND_U8) {
		uint8_t byte = (uint8_t)value;
		memcpy(field, &byte, sizeof(byte));
	} else if (rule->kind == MQTT_KIND_U16) {
		uint16_t word = (uint16_t)value;
		memcpy(field, &word, sizeof(word));
	} else {
		memcpy(field, &value, sizeof(value));
	}
	return ERR_OK;
}

static enum err read_int(struct mqtt_cursor *cursor, enum mqtt_prop_kind kind, uint32_t *out)
{
	uint8_t byte = 0;
	uint16_t word = 0;
	enum err err = ERR_OK;

	if (kind == MQTT_KIND_U32) {
		return mqtt_cursor_u32(cursor, out);
	}
	if (kind == MQTT_KIND_VARINT) {
		return mqtt_cursor_varint(cursor, out);
	}
	if (kind == MQTT_KIND_U16) {
		err = mqtt_cursor_u16(cursor, &word);
		*out = word;
	} else {
		err = mqtt_cursor_u8(cursor, &byte);
		*out = byte;
	}
	return err;
}

static enum err read_value(
	struct mqtt_cursor *cursor, const struct mqtt_prop_rule *rule, struct mqtt_props_view *props)
{
	struct bytes bytes = BYTES_NONE;
	uint32_t number = 0;
	enum err err = ERR_OK;

	switch (rule->kind) {
	case MQTT_KIND_BOOL:
	case MQTT_KIND_U8:
	case MQTT_KIND_U16:
	case MQTT_KIND_U32:
	case MQTT_KIND_VARINT:
		err = read_int(cursor, rule->kind, &number);
		return err == ERR_OK ? store_int(cursor, rule, number, props) : err;
	case MQTT_KIND_PAIR:
		err = mqtt_cursor_string(cursor, &bytes);
		return err == ERR_OK ? mqtt_cursor_string(cursor, &bytes) : err;
	case MQTT_KIND_STRING: err = mqtt_cursor_string(cursor, &bytes); break;
	case MQTT_KIND_TOPIC: err = mqtt_cursor_topic(cursor, "MQTT-3.3.2-14", &bytes); break;
	case MQTT_KIND_BINARY: err = mqtt_cursor_binary(cursor, &bytes); break;
	case MQTT_KIND_NONE: return ERR_STATE; /* mqtt_prop_rule() gives no such rule */
	}
	if (err == ERR_OK) {
		memcpy((char *)props + rule->offset, &bytes, sizeof(bytes));
	}
	return err;
}

/* Repetitions: a Protocol Error but for User Property, and Subscription Identifier in PUBLISH (3.3.2.3.8). */
static enum err count_prop(const struct mqtt_cursor *cursor, enum mqtt_prop prop,
	const struct mqtt_prop_rule *rule, uint32_t place, struct mqtt_props_view *props)
{
	bool again = mqtt_props_has(props, prop);

	props->present |= (uint64_t)1 << (unsigned)prop;
	if (prop == MQTT_PROP_USER) {
		props->user_count++;
		if (props->user_count > MQTT_USER_PROPERTIES_MAX) {
			return mqtt_refuse(
				cursor->fault, ERR_LIMIT, MQTT_REASON_QUOTA_EXCEEDED, rule->clause);
		}
		return ERR_OK;
	}
	if (prop == MQTT_PROP_SUBSCRIPTION_ID) {
		props->subscription_id_count++;
		again = again && place != MQTT_IN(MQTT_PUBLISH);
	}
	if (again) {
		return mqtt_refuse(cursor->fault, ERR_INVALID, MQTT_REASON_PROTOCOL_ERROR, rule->clause);
	}
	return ERR_OK;
}

static enum err read_prop(
	struct mqtt_cursor *cursor, uint32_t place, enum mqtt_side from, struct mqtt_props_view *props)
{
	const struct mqtt_prop_rule *rule = NULL;
	uint32_t first_subscription_id = props->subscription_id;
	uint32_t id = 0;
	enum err err = mqtt_cursor_varint(cursor, &id);

	if (err != ERR_OK) {
		return err;
	}
	rule = mqtt_prop_rule(id);
	if (rule == NULL || (rule->places & place) == 0) {
		return mqtt_refuse(cursor->fault, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "2.2.2.2");
	}
	if (from == MQTT_CLIENT && id == MQTT_PROP_SUBSCRIPTION_ID && place == MQTT_IN(MQTT_PUBLISH)) {
		return mqtt_refuse(cursor->fault, ERR_INVALID, MQTT_REASON_PROTOCOL_ERROR, "MQTT-3.3.4-6");
	}
	if (from == MQTT_SERVER && id == MQTT_PROP_SESSION_EXPIRY && place == MQTT_IN(MQTT_DISCONNECT)) {
		return mqtt_refuse(cursor->fault, ERR_INVALID, MQTT_REASON_PROTOCOL_ERROR, "MQTT-3.14.2-2");
	}
	err = count_prop(cursor, (enum mqtt_prop)id, rule, place, props);
	if (err == ERR_OK) {
		err = read_value(cursor, rule, props);
	}
	if (err == ERR_OK && first_subscription_id != 0) {
		props->subscription_id = first_subscription_id;
	}
	return err;
}

enum err mqtt_cursor_props(
	struct mqtt_cursor *cursor, uint32_t place, enum mqtt_side from, struct mqtt_props_view *out)
{
	struct mqtt_cursor child = *cursor;
	struct mqtt_props_view props = mqtt_props_none();
	uint32_t len = 0;
	enum err err = ERR_OK;

	if (cursor->version != MQTT_5) {
		*out = props;
		return ERR_OK;
	}
	err = mqtt_cursor_varint(cursor, &len); /* MQTT-2.2.2-1: it is there even when it is 0 */
	if (err != ERR_OK) {
		return err;
	}
	if (wire_get_child(&cursor->reader, len, &child.reader) != ERR_OK) {
		return mqtt_refuse(cursor->fault, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "2.2.2.1");
	}
	props.raw = wire_reader_rest(&child.reader);
	while (wire_reader_left(&child.reader) > 0) {
		err = read_prop(&child, place, from, &props);
		if (err != ERR_OK) {
			return err;
		}
	}
	if (mqtt_props_has(&props, MQTT_PROP_AUTH_DATA) && !mqtt_props_has(&props, MQTT_PROP_AUTH_METHOD)) {
		return mqtt_refuse(cursor->fault, ERR_INVALID, MQTT_REASON_PROTOCOL_ERROR, "3.1.2.11.10");
	}
	*out = props;
	return ERR_OK;
}

/* --- raw properties --- */

static enum err skip_binary(struct wire_reader *reader)
{
	uint16_t len = 0;
	enum err err = wire_get_u16(reader, &len);

	return err == ERR_OK ? wire_skip(reader, len) : err;
}

static enum err skip_value(struct wire_reader *reader, enum mqtt_prop_kind kind)
{
	uint32_t ignored = 0;
	enum err err = ERR_OK;

	switch (kind) {
	case MQTT_KIND_BOOL:
	case MQTT_KIND_U8: return wire_skip(reader, 1);
	case MQTT_KIND_U16: return wire_skip(reader, 2);
	case MQTT_KIND_U32: return wire_skip(reader, 4);
	case MQTT_KIND_VARINT: return mqtt_get_varint(reader, &ignored);
	case MQTT_KIND_STRING:
	case MQTT_KIND_TOPIC:
	case MQTT_KIND_BINARY: return skip_binary(reader);
	case MQTT_KIND_PAIR: err = skip_binary(reader); return err == ERR_OK ? skip_binary(reader) : err;
	case MQTT_KIND_NONE: break;
	}
	return ERR_MALFORMED;
}

enum err mqtt_props_step(struct wire_reader *reader, uint32_t *id, struct bytes *whole)
{
	struct wire_reader ahead = *reader;
	struct bytes all = wire_reader_rest(reader);
	const struct mqtt_prop_rule *rule = NULL;
	uint32_t found = 0;

	if (all.len == 0) {
		return ERR_NOT_FOUND;
	}
	if (mqtt_get_varint(&ahead, &found) != ERR_OK) {
		return ERR_MALFORMED;
	}
	rule = mqtt_prop_rule(found);
	if (rule == NULL || skip_value(&ahead, rule->kind) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*id = found;
	*whole = bytes_of(all.data, all.len - wire_reader_left(&ahead));
	*reader = ahead;
	return ERR_OK;
}

struct mqtt_props_iter mqtt_props_iter_init(const struct mqtt_props_view *props)
{
	return (struct mqtt_props_iter){wire_reader_init(props->raw)};
}

/* The value of the next property with that id. */
static bool next_of(struct mqtt_props_iter *iter, enum mqtt_prop prop, struct wire_reader *value)
{
	struct bytes whole = BYTES_NONE;
	uint32_t id = 0;

	while (mqtt_props_step(&iter->reader, &id, &whole) == ERR_OK) {
		if (id == (uint32_t)prop) {
			*value = wire_reader_init(whole);
			return wire_skip(value, 1) == ERR_OK; /* the id: one byte for all there are */
		}
	}
	return false;
}

bool mqtt_props_next_user(struct mqtt_props_iter *iter, struct bytes *name, struct bytes *value)
{
	struct wire_reader reader = wire_reader_init(BYTES_NONE);
	uint16_t len = 0;

	return next_of(iter, MQTT_PROP_USER, &reader) && wire_get_u16(&reader, &len) == ERR_OK &&
	       wire_get_bytes(&reader, len, name) == ERR_OK && wire_get_u16(&reader, &len) == ERR_OK &&
	       wire_get_bytes(&reader, len, value) == ERR_OK;
}

bool mqtt_props_next_subscription_id(struct mqtt_props_iter *iter, uint32_t *id)
{
	struct wire_reader reader = wire_reader_init(BYTES_NONE);

	return next_of(iter, MQTT_PROP_SUBSCRIPTION_ID, &reader) && mqtt_get_varint(&reader, id) == ERR_OK;
}

enum err mqtt_props_forward(const struct mqtt_props_view *props, struct buf *out)
{
	/*
	 * MQTT-3.3.2-4, MQTT-3.3.2-15, MQTT-3.3.2-16, MQTT-3.3.2-17, MQTT-3.3.2-20; in their order: MQTT-3.3.2-18, and
	 * for wills MQTT-3.1.3-10.
	 */
	static const uint64_t kept =
		(uint64_t)1 << MQTT_PROP_PAYLOAD_FORMAT | (uint64_t)1 << MQTT_PROP_CONTENT_TYPE |
		(uint64_t)1 << MQTT_PROP_RESPONSE_TOPIC | (uint64_t)1 << MQTT_PROP_CORRELATION_DATA |
		(uint64_t)1 << MQTT_PROP_USER;
	struct wire_reader reader = wire_reader_init(props->raw);
	struct wire_writer writer = wire_writer_init(out);
	struct bytes whole = BYTES_NONE;
	uint32_t id = 0;
	enum err err = ERR_OK;

	while (mqtt_props_step(&reader, &id, &whole) == ERR_OK) {
		if ((kept >> id & 1u) != 0) {
			wire_put_bytes(&writer, whole);
		}
	}
	err = wire_writer_err(&writer);
	if (err != ERR_OK) {
		wire_writer_rollback(&writer);
	}
	return err;
}

/* --- building --- */

static void stick(struct wire_writer *writer, enum err err)
{
	if (writer->err == ERR_OK) {
		writer->err = err;
	}
}

void mqtt_put_prop_int(struct wire_writer *writer, enum mqtt_prop prop, uint32_t value)
{
	const struct mqtt_prop_rule *rule = mqtt_prop_rule((uint32_t)prop);
	enum mqtt_prop_kind kind = rule != NULL ? rule->kind : MQTT_KIND_NONE;

	if ((kind != MQTT_KIND_BOOL && kind != MQTT_KIND_U8 && kind != MQTT_KIND_U16 &&
		    kind != MQTT_KIND_U32 && kind != MQTT_KIND_VARINT) ||
		value < rule->value_min || value > rule->value_max) {
		stick(writer, ERR_INVALID);
		return;
	}
	wire_put_u8(writer, (uint8_t)prop);
	if (kind == MQTT_KIND_VARINT) {
		mqtt_put_varint(writer, value);
	} else if (kind == MQTT_KIND_U32) {
		wire_put_u32(writer, value);
	} else if (kind == MQTT_KIND_U16) {
		wire_put_u16(writer, (uint16_t)value);
	} else {
		wire_put_u8(writer, (uint8_t)value);
	}
}

void mqtt_put_prop_bytes(struct wire_writer *writer, enum mqtt_prop prop, struct bytes value)
{
	const struct mqtt_prop_rule *rule = mqtt_prop_rule((uint32_t)prop);

	if (rule == NULL || (rule->kind != MQTT_KIND_STRING && rule->kind != MQTT_KIND_TOPIC &&
				    rule->kind != MQTT_KIND_BINARY)) {
		stick(writer, ERR_INVALID);
		return;
	}
	wire_put_u8(writer, (uint8_t)prop);
	mqtt_put_binary(writer, value);
}

void mqtt_put_prop_user(struct wire_writer *writer, struct bytes name, struct bytes value)
{
	wire_put_u8(writer, MQTT_PROP_USER);
	mqtt_put_binary(writer, name);
	mqtt_put_binary(writer, value);
}
