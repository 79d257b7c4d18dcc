/*
 * codec.h - what the files of this module share: a cursor that knows whom to blame, the property table.
 * Never:   included from outside mqtt/.
 */
#ifndef LOCKGATE_MQTT_CODEC_H
#define LOCKGATE_MQTT_CODEC_H

#include "mqtt/mqtt.h"

/* Fills *fault and returns err, so that a refusal is one statement. */
enum err mqtt_refuse(struct fault *fault, enum err err, uint8_t reason, const char *clause);

/* A body being read. Clause numbers differ between the specifications: every refusal names both. */
struct mqtt_cursor {
	struct wire_reader reader;
	enum mqtt_version version;
	struct fault *fault;
};

struct mqtt_cursor mqtt_cursor_init(enum mqtt_version version, struct bytes body, struct fault *fault);
enum err mqtt_cursor_refuse(const struct mqtt_cursor *cursor, enum err err, uint8_t reason,
	const char *clause_3_1_1, const char *clause_5);
/* Each refuses what is cut short: within a whole packet there is no "more to come". */
MUST_CHECK enum err mqtt_cursor_u8(struct mqtt_cursor *cursor, uint8_t *out);
MUST_CHECK enum err mqtt_cursor_u16(struct mqtt_cursor *cursor, uint16_t *out);
MUST_CHECK enum err mqtt_cursor_u32(struct mqtt_cursor *cursor, uint32_t *out);
MUST_CHECK enum err mqtt_cursor_varint(struct mqtt_cursor *cursor, uint32_t *out);
MUST_CHECK enum err mqtt_cursor_binary(struct mqtt_cursor *cursor, struct bytes *out);
MUST_CHECK enum err mqtt_cursor_string(struct mqtt_cursor *cursor, struct bytes *out); /* UTF-8, no U+0000 */
/* A string that is a topic name; the clause is the one that forbids a wildcard there. */
MUST_CHECK enum err mqtt_cursor_topic(
	struct mqtt_cursor *cursor, const char *wildcard_clause, struct bytes *out);
/* The same, asked of a string already read. */
MUST_CHECK enum err mqtt_cursor_check_topic(
	const struct mqtt_cursor *cursor, const char *wildcard_clause, struct bytes topic);
MUST_CHECK enum err mqtt_cursor_packet_id(struct mqtt_cursor *cursor, uint16_t *out);
MUST_CHECK enum err mqtt_cursor_end(struct mqtt_cursor *cursor); /* refuses leftovers */

/* ERR_AGAIN when cut short, ERR_MALFORMED when longer than four bytes or not minimal; moves only on ERR_OK. */
MUST_CHECK enum err mqtt_get_varint(struct wire_reader *reader, uint32_t *out);
void mqtt_put_varint(struct wire_writer *writer, uint32_t value); /* value <= MQTT_VARINT_MAX */
size_t mqtt_varint_bytes(uint32_t value);
/* Length and content; a content that is too long sticks as ERR_LIMIT. */
void mqtt_put_binary(struct wire_writer *writer, struct bytes in);

bool mqtt_has_wildcard(struct bytes in);
/* Whether in has no more than MQTT_TOPIC_LEVELS_MAX levels. */
bool mqtt_levels_within_limit(struct bytes in);

/* --- properties --- */

enum mqtt_prop_kind {
	MQTT_KIND_NONE, /* no such property */
	MQTT_KIND_BOOL,
	MQTT_KIND_U8,
	MQTT_KIND_U16,
	MQTT_KIND_U32,
	MQTT_KIND_VARINT,
	MQTT_KIND_STRING,
	MQTT_KIND_TOPIC,
	MQTT_KIND_BINARY,
	MQTT_KIND_PAIR
};

/* Where a property may stand: the bit of its packet's type, or this one. */
#define MQTT_IN(type) (1u << (unsigned)(type))
#define MQTT_IN_WILL  (1u << 16)

struct mqtt_prop_rule {
	enum mqtt_prop_kind kind;
	uint32_t places;
	uint32_t value_min; /* of integers */
	uint32_t value_max;
	uint8_t reason;     /* of a value out of range */
	size_t offset;      /* of its field in struct mqtt_props_view */
	const char *clause; /* the section that limits its value and number */
	const char *name;
};
/* NULL for an id that no property has. */
const struct mqtt_prop_rule *mqtt_prop_rule(uint32_t id);

/* All properties absent, each field at its default. */
struct mqtt_props_view mqtt_props_none(void);
/* Reads length and properties; nothing before MQTT 5. place is one bit; from tells what only one side may send. */
MUST_CHECK enum err mqtt_cursor_props(
	struct mqtt_cursor *cursor, uint32_t place, enum mqtt_side from, struct mqtt_props_view *out);
/* The next raw property, unchecked but for its extent: id, and all of its bytes. ERR_NOT_FOUND at the end. */
MUST_CHECK enum err mqtt_props_step(struct wire_reader *reader, uint32_t *id, struct bytes *whole);

/* --- reason codes --- */

/* Whether this side may send that code in that packet (MQTT 5). */
bool mqtt_reason_allowed(enum mqtt_type type, enum mqtt_side from, uint8_t reason);

#endif
