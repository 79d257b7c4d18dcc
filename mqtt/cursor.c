/*
 * cursor.c - the data types of MQTT (1.5), read from a packet body and written to a buffer.
 * Never:   knows a packet.
 */
#include "base/utf8.h"
#include "mqtt/codec.h"

enum err mqtt_refuse(struct fault *fault, enum err err, uint8_t reason, const char *clause)
{
	*fault = (struct fault){err, reason, clause};
	return err;
}

struct mqtt_cursor mqtt_cursor_init(enum mqtt_version version, struct bytes body, struct fault *fault)
{
	return (struct mqtt_cursor){wire_reader_init(body), version, fault};
}

enum err mqtt_cursor_refuse(const struct mqtt_cursor *cursor, enum err err, uint8_t reason,
	const char *clause_3_1_1, const char *clause_5)
{
	return mqtt_refuse(cursor->fault, err, reason, cursor->version == MQTT_5 ? clause_5 : clause_3_1_1);
}

/* A packet is whole when it is decoded: what is missing will not come. */
static enum err refuse_short(const struct mqtt_cursor *cursor)
{
	return mqtt_cursor_refuse(
		cursor, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "MQTT-4.8.0-1", "MQTT-4.13.1-1");
}

enum err mqtt_cursor_u8(struct mqtt_cursor *cursor, uint8_t *out)
{
	return wire_get_u8(&cursor->reader, out) == ERR_OK ? ERR_OK : refuse_short(cursor);
}

enum err mqtt_cursor_u16(struct mqtt_cursor *cursor, uint16_t *out)
{
	return wire_get_u16(&cursor->reader, out) == ERR_OK ? ERR_OK : refuse_short(cursor);
}

enum err mqtt_cursor_u32(struct mqtt_cursor *cursor, uint32_t *out)
{
	return wire_get_u32(&cursor->reader, out) == ERR_OK ? ERR_OK : refuse_short(cursor);
}

enum err mqtt_cursor_varint(struct mqtt_cursor *cursor, uint32_t *out)
{
	enum err err = mqtt_get_varint(&cursor->reader, out);

	if (err == ERR_AGAIN) {
		return refuse_short(cursor);
	}
	if (err != ERR_OK) {
		return mqtt_cursor_refuse(
			cursor, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "2.2.3", "MQTT-1.5.5-1");
	}
	return ERR_OK;
}

enum err mqtt_cursor_binary(struct mqtt_cursor *cursor, struct bytes *out)
{
	struct wire_reader reader = cursor->reader;
	uint16_t len = 0;

	if (wire_get_u16(&reader, &len) != ERR_OK || wire_get_bytes(&reader, len, out) != ERR_OK) {
		return refuse_short(cursor);
	}
	cursor->reader = reader;
	return ERR_OK;
}

enum err mqtt_cursor_string(struct mqtt_cursor *cursor, struct bytes *out)
{
	struct mqtt_cursor ahead = *cursor;
	struct bytes text = BYTES_NONE;
	enum err err = mqtt_cursor_binary(&ahead, &text);

	if (err != ERR_OK) {
		return err;
	}
	if (!utf8_valid(text)) {
		/* Also each string of a pair: MQTT-1.5.7-1. */
		return mqtt_cursor_refuse(
			cursor, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "MQTT-1.5.3-1", "MQTT-1.5.4-1");
	}
	if (!utf8_valid_mqtt(text)) {
		return mqtt_cursor_refuse(
			cursor, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "MQTT-1.5.3-2", "MQTT-1.5.4-2");
	}
	/* U+FEFF stays where it is (MQTT-1.5.3-3, MQTT-1.5.4-3): nothing is stripped. */
	*out = text;
	*cursor = ahead;
	return ERR_OK;
}

enum err mqtt_cursor_check_topic(
	const struct mqtt_cursor *cursor, const char *wildcard_clause, struct bytes topic)
{
	if (topic.len == 0) {
		return mqtt_refuse(
			cursor->fault, ERR_INVALID, MQTT_REASON_TOPIC_NAME_INVALID, "MQTT-4.7.3-1");
	}
	if (mqtt_has_wildcard(topic)) {
		return mqtt_refuse(
			cursor->fault, ERR_INVALID, MQTT_REASON_TOPIC_NAME_INVALID, wildcard_clause);
	}
	if (!mqtt_topic_name_valid(topic)) {
		/* What is left is our own MQTT_TOPIC_LEVELS_MAX. */
		return mqtt_refuse(cursor->fault, ERR_LIMIT, MQTT_REASON_TOPIC_NAME_INVALID, "4.7.3");
	}
	return ERR_OK;
}

enum err mqtt_cursor_topic(struct mqtt_cursor *cursor, const char *wildcard_clause, struct bytes *out)
{
	struct mqtt_cursor ahead = *cursor;
	struct bytes topic = BYTES_NONE;
	enum err err = mqtt_cursor_string(&ahead, &topic);

	if (err == ERR_OK) {
		err = mqtt_cursor_check_topic(cursor, wildcard_clause, topic);
	}
	if (err == ERR_OK) {
		*out = topic;
		*cursor = ahead;
	}
	return err;
}

enum err mqtt_cursor_packet_id(struct mqtt_cursor *cursor, uint16_t *out)
{
	uint16_t packet_id = 0;
	enum err err = mqtt_cursor_u16(cursor, &packet_id);

	if (err != ERR_OK) {
		return err;
	}
	if (packet_id == 0) {
		return mqtt_cursor_refuse(
			cursor, ERR_INVALID, MQTT_REASON_PROTOCOL_ERROR, "MQTT-2.3.1-1", "MQTT-2.2.1-3");
	}
	*out = packet_id;
	return ERR_OK;
}

enum err mqtt_cursor_end(struct mqtt_cursor *cursor)
{
	if (wire_reader_left(&cursor->reader) > 0) {
		return mqtt_cursor_refuse(
			cursor, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "MQTT-4.8.0-1", "MQTT-4.13.1-1");
	}
	return ERR_OK;
}

enum err mqtt_get_varint(struct wire_reader *reader, uint32_t *out)
{
	struct wire_reader ahead = *reader;
	uint32_t value = 0;

	for (unsigned shift = 0; shift < 28; shift += 7) {
		uint8_t byte = 0;
		enum err err = wire_get_u8(&ahead, &byte);

		if (err != ERR_OK) {
			return err;
		}
		value |= (uint32_t)(byte & 0x7Fu) << shift;
		if ((byte & 0x80u) != 0) {
			continue;
		}
		if (byte == 0 && shift > 0) {
			return ERR_MALFORMED; /* MQTT-1.5.5-1: a shorter form would do */
		}
		*reader = ahead;
		*out = value;
		return ERR_OK;
	}
	return ERR_MALFORMED; /* 1.5.5: the fourth byte says that there is a fifth */
}

size_t mqtt_varint_bytes(uint32_t value)
{
	size_t bytes = 1;

	for (; value >= 128; value /= 128) {
		bytes++;
	}
	return bytes;
}

void mqtt_put_varint(struct wire_writer *writer, uint32_t value)
{
	if (value > MQTT_VARINT_MAX) {
		if (writer->err == ERR_OK) {
			writer->err = ERR_LIMIT;
		}
		return;
	}
	/* MQTT-1.5.5-1: stops at the last byte that is not zero. */
	for (; value >= 128; value /= 128) {
		wire_put_u8(writer, (uint8_t)(value % 128 | 0x80u));
	}
	wire_put_u8(writer, (uint8_t)value);
}

void mqtt_put_binary(struct wire_writer *writer, struct bytes in)
{
	if (in.len > MQTT_STRING_BYTES_MAX) {
		if (writer->err == ERR_OK) {
			writer->err = ERR_LIMIT;
		}
		return;
	}
	wire_put_u16(writer, (uint16_t)in.len);
	wire_put_bytes(writer, in);
}
