/*
 * rows.h - packets written so that a human can check them, and the table of good and bad ones that several tests share.
 */
#ifndef LOCKGATE_TESTS_MQTT_ROWS_H
#define LOCKGATE_TESTS_MQTT_ROWS_H

#include "mqtt/mqtt.h"
#include "tests/test.h"

/*
 * Bytes from a notation: hex digits are bytes, 'abc' is a string with its two-byte length, "abc" is bare text, and
 * { … } is its content with a variable byte integer for its length in front. A whole packet is "c0 {}".
 */
struct test_bytes rows_packet(const char *notation);

/* Good, but we would write it shorter. */
#define NOT_SHORTEST "not shortest"

struct packet_row {
	const char *name;
	enum mqtt_version version;
	enum mqtt_side from;
	const char *packet;
	enum err err;
	uint8_t reason;     /* of a refusal */
	const char *clause; /* of a refusal; on ERR_OK NULL or NOT_SHORTEST */
};

extern const struct packet_row packet_rows[];
extern const size_t packet_row_count;

/* Framing, then decoding, as a connection does it. */
enum err rows_decode(enum mqtt_version version, enum mqtt_side from, struct bytes packet,
	struct mqtt_packet_view *out, struct fault *fault);

#endif
