/*
 * frame.c - how much of a byte stream is one packet (2.1), and whether its first bytes can be one at all.
 * Never:   looks into a body, remembers anything: the caller hands in the front of its queue again.
 */
#include "mqtt/codec.h"

/*
 * MQTT-2.1.3-1, 3.1.1 MQTT-2.2.2-1 and MQTT-2.2.2-2; PUBREL, SUBSCRIBE and UNSUBSCRIBE are MQTT-3.6.1-1, -3.8.1-1, -3.10.1-1.
 * MQTT 3.1 let those three carry DUP; no client in use does, and a resend is not what 3.1.1 and 5.0 ask of them.
 */
static enum err check_first_byte(uint8_t first, struct fault *fault)
{
	unsigned type = first >> 4;
	unsigned flags = first & 0x0Fu;
	unsigned want = 0;

	if (type == 0) {
		return mqtt_refuse(fault, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "2.1.2");
	}
	if (type == MQTT_PUBLISH) {
		unsigned qos = (flags >> 1) & 3u;

		if (qos == 3) {
			return mqtt_refuse(
				fault, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "MQTT-3.3.1-4");
		}
		if (qos == 0 && (flags & 8u) != 0) {
			return mqtt_refuse(
				fault, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "MQTT-3.3.1-2");
		}
		return ERR_OK;
	}
	if (type == MQTT_PUBREL || type == MQTT_SUBSCRIBE || type == MQTT_UNSUBSCRIBE) {
		want = 2;
	}
	if (flags != want) {
		const char *clause = type == MQTT_PUBREL        ? "MQTT-3.6.1-1"
				     : type == MQTT_SUBSCRIBE   ? "MQTT-3.8.1-1"
				     : type == MQTT_UNSUBSCRIBE ? "MQTT-3.10.1-1"
				     : type == MQTT_DISCONNECT  ? "MQTT-3.14.1-1"
				     : type == MQTT_AUTH        ? "MQTT-3.15.1-1"
								: "MQTT-2.1.3-1";
		return mqtt_refuse(fault, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, clause);
	}
	return ERR_OK;
}

enum err mqtt_frame_next(
	struct bytes in, size_t packet_bytes_max, struct mqtt_frame *out, struct fault *fault)
{
	struct wire_reader reader = wire_reader_init(in);
	struct bytes body = BYTES_NONE;
	uint8_t first = 0;
	uint32_t body_len = 0;
	size_t packet_bytes = 0;
	enum err err = wire_get_u8(&reader, &first);

	if (err != ERR_OK) {
		out->packet_bytes = 2;
		return ERR_AGAIN;
	}
	err = check_first_byte(first, fault);
	if (err != ERR_OK) {
		return err;
	}
	err = mqtt_get_varint(&reader, &body_len);
	if (err == ERR_AGAIN) {
		out->packet_bytes = in.len + 1;
		return ERR_AGAIN;
	}
	if (err != ERR_OK) {
		return mqtt_refuse(fault, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "MQTT-1.5.5-1");
	}
	packet_bytes = in.len - wire_reader_left(&reader) + body_len;
	if (packet_bytes_max > 0 && packet_bytes > packet_bytes_max) {
		return mqtt_refuse(fault, ERR_LIMIT, MQTT_REASON_PACKET_TOO_LARGE, "MQTT-3.2.2-15");
	}
	if (body_len > 0 && (first >> 4 == MQTT_PINGREQ || first >> 4 == MQTT_PINGRESP)) {
		return mqtt_refuse(fault, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "3.12.1");
	}
	if (wire_get_bytes(&reader, body_len, &body) != ERR_OK) {
		out->packet_bytes = packet_bytes;
		return ERR_AGAIN;
	}
	*out = (struct mqtt_frame){
		.type = (enum mqtt_type)(first >> 4),
		.flags = first & 0x0Fu,
		.packet_bytes = packet_bytes,
		.body = body,
	};
	return ERR_OK;
}

enum err mqtt_type_allowed(
	enum mqtt_version version, enum mqtt_side from, enum mqtt_type type, struct fault *fault)
{
	static const uint32_t both = MQTT_IN(MQTT_PUBLISH) | MQTT_IN(MQTT_PUBACK) | MQTT_IN(MQTT_PUBREC) |
				     MQTT_IN(MQTT_PUBREL) | MQTT_IN(MQTT_PUBCOMP) | MQTT_IN(MQTT_AUTH);
	static const uint32_t client = MQTT_IN(MQTT_CONNECT) | MQTT_IN(MQTT_SUBSCRIBE) |
				       MQTT_IN(MQTT_UNSUBSCRIBE) | MQTT_IN(MQTT_PINGREQ) |
				       MQTT_IN(MQTT_DISCONNECT);
	static const uint32_t server = MQTT_IN(MQTT_CONNACK) | MQTT_IN(MQTT_SUBACK) | MQTT_IN(MQTT_UNSUBACK) |
				       MQTT_IN(MQTT_PINGRESP);
	uint32_t allowed = both | (from == MQTT_CLIENT ? client : server);

	if (version == MQTT_5) {
		allowed |= MQTT_IN(MQTT_DISCONNECT); /* 3.14: from either side */
	} else if (type == MQTT_AUTH) {
		return mqtt_refuse(fault, ERR_MALFORMED, MQTT_REASON_MALFORMED_PACKET, "2.2.1");
	}
	if ((allowed & MQTT_IN(type)) == 0) {
		return mqtt_refuse(fault, ERR_INVALID, MQTT_REASON_PROTOCOL_ERROR, "2.1.2");
	}
	return ERR_OK;
}
