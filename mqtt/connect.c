/*
 * connect.c - CONNECT (3.1), the one packet that brings its own version, and the only one a stranger may send.
 * Never:   keeps anything: the view borrows the frame.
 */
#include "mqtt/codec.h"

#define MALFORMED MQTT_REASON_MALFORMED_PACKET

enum connect_flag {
	FLAG_RESERVED = 0x01,
	FLAG_CLEAN_START = 0x02,
	FLAG_WILL = 0x04,
	FLAG_WILL_QOS = 0x18,
	FLAG_WILL_RETAIN = 0x20,
	FLAG_PASSWORD = 0x40,
	FLAG_USER_NAME = 0x80
};

/* Name and level together say which specification judges the rest. */
static enum err read_version(struct mqtt_cursor *cursor)
{
	struct bytes name = BYTES_NONE;
	uint8_t level = 0;
	enum err err = mqtt_cursor_binary(cursor, &name);

	if (err == ERR_OK) {
		err = mqtt_cursor_u8(cursor, &level);
	}
	if (err != ERR_OK) {
		return err;
	}
	if (bytes_equal_text(name, "MQIsdp")) {
		cursor->version = MQTT_3_1;
		return level == MQTT_3_1 ? ERR_OK
					 : mqtt_refuse(cursor->fault, ERR_UNSUPPORTED,
						   MQTT_REASON_UNSUPPORTED_VERSION, "MQTT-3.1.2-2");
	}
	if (!bytes_equal_text(name, "MQTT")) {
		return mqtt_refuse(
			cursor->fault, ERR_UNSUPPORTED, MQTT_REASON_UNSUPPORTED_VERSION, "MQTT-3.1.2-1");
	}
	if (level != MQTT_3_1_1 && level != MQTT_5) {
		return mqtt_refuse(
			cursor->fault, ERR_UNSUPPORTED, MQTT_REASON_UNSUPPORTED_VERSION, "MQTT-3.1.2-2");
	}
	cursor->version = (enum mqtt_version)level;
	return ERR_OK;
}

static enum err check_flags(const struct mqtt_cursor *cursor, uint8_t flags)
{
	/* MQTT 3.1 leaves the bit unused, later versions check it (MQTT-3.1.2-3). */
	if ((flags & FLAG_RESERVED) != 0 && cursor->version != MQTT_3_1) {
		return mqtt_refuse(cursor->fault, ERR_MALFORMED, MALFORMED, "MQTT-3.1.2-3");
	}
	if ((flags & FLAG_WILL) == 0 && (flags & FLAG_WILL_QOS) != 0) {
		return mqtt_cursor_refuse(cursor, ERR_MALFORMED, MALFORMED, "MQTT-3.1.2-13", "MQTT-3.1.2-11");
	}
	if ((flags & FLAG_WILL) == 0 && (flags & FLAG_WILL_RETAIN) != 0) {
		return mqtt_cursor_refuse(cursor, ERR_MALFORMED, MALFORMED, "MQTT-3.1.2-15", "MQTT-3.1.2-13");
	}
	if ((flags & FLAG_WILL_QOS) == FLAG_WILL_QOS) {
		return mqtt_cursor_refuse(cursor, ERR_MALFORMED, MALFORMED, "MQTT-3.1.2-14", "MQTT-3.1.2-12");
	}
	/* MQTT 5 allows a password alone (3.1.2.9). */
	if (cursor->version != MQTT_5 && (flags & FLAG_PASSWORD) != 0 && (flags & FLAG_USER_NAME) == 0) {
		return mqtt_refuse(cursor->fault, ERR_MALFORMED, MALFORMED, "MQTT-3.1.2-22");
	}
	return ERR_OK;
}

static enum err read_will(struct mqtt_cursor *cursor, uint8_t flags, struct mqtt_will_view *will)
{
	enum err err = mqtt_cursor_props(cursor, MQTT_IN_WILL, MQTT_CLIENT, &will->props);

	will->qos = (uint8_t)((flags & FLAG_WILL_QOS) >> 3);
	will->retain = (flags & FLAG_WILL_RETAIN) != 0;
	if (err == ERR_OK) { /* UTF-8: MQTT-3.1.3-11, 3.1.1 MQTT-3.1.3-10 */
		err = mqtt_cursor_topic(
			cursor, cursor->version == MQTT_5 ? "MQTT-4.7.0-1" : "MQTT-4.7.1-1", &will->topic);
	}
	if (err == ERR_OK) {
		err = mqtt_cursor_binary(cursor, &will->payload);
	}
	return err;
}

/* The fields stand in one order (MQTT-3.1.3-1), each there exactly if its flag is set (3.1.2). */
static enum err read_payload(struct mqtt_cursor *cursor, uint8_t flags, struct mqtt_connect_view *view)
{
	enum err err = mqtt_cursor_string(cursor, &view->client_id); /* MQTT-3.1.3-3, -4 */

	if (err == ERR_OK && view->has_will) { /* MQTT-3.1.2-9 */
		err = read_will(cursor, flags, &view->will);
	}
	if (err == ERR_OK &&
		view->has_user_name) { /* MQTT-3.1.2-17, MQTT-3.1.3-12; 3.1.1 MQTT-3.1.2-19, MQTT-3.1.3-11 */
		err = mqtt_cursor_string(cursor, &view->user_name);
	}
	if (err == ERR_OK && view->has_password) { /* MQTT-3.1.2-19; any bytes (3.1.3.6) */
		err = mqtt_cursor_binary(cursor, &view->password);
	}
	/* A field whose flag is not set would be left over: MQTT-3.1.2-16, MQTT-3.1.2-18; 3.1.1 MQTT-3.1.2-11, -18, MQTT-3.1.2-20. */
	return err == ERR_OK ? mqtt_cursor_end(cursor) : err;
}

/* From MQTT 3.1.1 on any length and any characters will do (MQTT-3.1.3-5). */
static enum err check_client_id(const struct mqtt_cursor *cursor, const struct mqtt_connect_view *view)
{
	if (view->version == MQTT_3_1 &&
		(view->client_id.len == 0 || view->client_id.len > MQTT_3_1_CLIENT_ID_LEN_MAX)) {
		return mqtt_refuse(cursor->fault, ERR_INVALID, MQTT_REASON_CLIENT_ID_NOT_VALID, "3.1");
	}
	if (view->version == MQTT_3_1_1 && view->client_id.len == 0 && !view->clean_start) {
		/* MQTT-3.1.3-7 forbids it, -8 says what to answer. */
		return mqtt_refuse(
			cursor->fault, ERR_INVALID, MQTT_REASON_CLIENT_ID_NOT_VALID, "MQTT-3.1.3-8");
	}
	return ERR_OK;
}

enum err mqtt_decode_connect(
	const struct mqtt_frame *frame, struct mqtt_connect_view *out, struct fault *fault)
{
	/* Until the level is read a refusal is told in the words of 3.1.1; the clauses are the same ones. */
	struct mqtt_cursor cursor = mqtt_cursor_init(MQTT_3_1_1, frame->body, fault);
	struct mqtt_connect_view view = {.will.props = mqtt_props_none()};
	uint8_t flags = 0;
	enum err err = ERR_OK;

	if (frame->type != MQTT_CONNECT) {
		return mqtt_refuse(fault, ERR_STATE, MQTT_REASON_IMPLEMENTATION_SPECIFIC, "2.1.2");
	}
	err = read_version(&cursor);
	if (err == ERR_OK) {
		view.version = cursor.version;
		err = mqtt_cursor_u8(&cursor, &flags);
	}
	if (err == ERR_OK) {
		err = check_flags(&cursor, flags);
	}
	if (err == ERR_OK) {
		view.clean_start = (flags & FLAG_CLEAN_START) != 0;
		view.has_will = (flags & FLAG_WILL) != 0;
		view.has_user_name = (flags & FLAG_USER_NAME) != 0;
		view.has_password = (flags & FLAG_PASSWORD) != 0;
		err = mqtt_cursor_u16(&cursor, &view.keep_alive_s);
	}
	if (err == ERR_OK) {
		err = mqtt_cursor_props(&cursor, MQTT_IN(MQTT_CONNECT), MQTT_CLIENT, &view.props);
	}
	if (err == ERR_OK) {
		err = read_payload(&cursor, flags, &view);
	}
	if (err == ERR_OK) {
		err = check_client_id(&cursor, &view);
	}
	if (err == ERR_OK) {
		*out = view;
	}
	return err;
}

enum mqtt_version mqtt_connect_reply_version(const struct mqtt_frame *frame)
{
	struct wire_reader reader = wire_reader_init(frame->body);
	uint16_t name_len = 0;
	uint8_t level = 0;

	if (frame->type == MQTT_CONNECT && wire_get_u16(&reader, &name_len) == ERR_OK &&
		wire_skip(&reader, name_len) == ERR_OK && wire_get_u8(&reader, &level) == ERR_OK &&
		level >= MQTT_5 && level < 0x80) { /* bit 7 marks a bridge of the 3.x kind */
		return MQTT_5;
	}
	return MQTT_3_1_1;
}
