/*
 * rows.c - the table: for each packet and property what is accepted, and beside it what is refused and why.
 */
#include "tests/mqtt/rows.h"

#include <string.h>

#define NOTATION_DEPTH_MAX 4
#define NOTATION_BYTES_MAX 4096

struct scratch {
	uint8_t data[NOTATION_BYTES_MAX];
	size_t len;
};

static void add(struct scratch *out, const void *data, size_t len)
{
	REQUIRE("notation fits", len <= sizeof(out->data) - out->len);
	memcpy(out->data + out->len, data, len);
	out->len += len;
}

static void add_byte(struct scratch *out, size_t value)
{
	uint8_t byte = (uint8_t)value;
	add(out, &byte, 1);
}

static unsigned digit(char c)
{
	const char *found = strchr("0123456789abcdef", c);
	REQUIRE("hex digit in a notation", found != NULL && c != '\0');
	return (unsigned)(found - "0123456789abcdef");
}

/* Reads up to the end or an unpaired '}'. */
static const char *parse(const char *at, struct scratch *out, unsigned depth)
{
	REQUIRE("notation is not too deep", depth < NOTATION_DEPTH_MAX);
	while (*at != '\0' && *at != '}') {
		if (*at == ' ') {
			at++;
		} else if (*at == '{') {
			struct scratch inner = {.len = 0};
			at = parse(at + 1, &inner, depth + 1);
			REQUIRE("brace is closed", *at == '}');
			at++;
			size_t len = inner.len;
			for (; len >= 128; len /= 128) {
				add_byte(out, len % 128 + 128);
			}
			add_byte(out, len);
			add(out, inner.data, inner.len);
		} else if (*at == '\'' || *at == '"') {
			const char *end = strchr(at + 1, *at);
			REQUIRE("quote is closed", end != NULL);
			size_t len = (size_t)(end - at - 1);
			if (*at == '\'') {
				add_byte(out, len / 256);
				add_byte(out, len % 256);
			}
			add(out, at + 1, len);
			at = end + 1;
		} else {
			add_byte(out, digit(at[0]) * 16 + digit(at[1]));
			at += 2;
		}
	}
	return at;
}

struct test_bytes rows_packet(const char *notation)
{
	struct scratch all = {.len = 0};
	char hex[2 * NOTATION_BYTES_MAX + 1];

	const char *end = parse(notation, &all, 0);

	REQUIRE(notation, *end == '\0');
	for (size_t i = 0; i < all.len; i++) {
		hex[2 * i] = "0123456789abcdef"[all.data[i] / 16];
		hex[2 * i + 1] = "0123456789abcdef"[all.data[i] % 16];
	}
	hex[2 * all.len] = '\0';
	return test_hex(hex);
}

enum err rows_decode(enum mqtt_version version, enum mqtt_side from, struct bytes packet,
	struct mqtt_packet_view *out, struct fault *fault)
{
	struct mqtt_frame frame = {0};
	enum err err = mqtt_frame_next(packet, 0, &frame, fault);

	return err == ERR_OK ? mqtt_decode(version, from, &frame, out, fault) : err;
}

#define V31       MQTT_3_1, MQTT_CLIENT
#define V4C       MQTT_3_1_1, MQTT_CLIENT
#define V4S       MQTT_3_1_1, MQTT_SERVER
#define V5C       MQTT_5, MQTT_CLIENT
#define V5S       MQTT_5, MQTT_SERVER
#define GOOD      ERR_OK, 0, NULL
#define GOOD_LONG ERR_OK, 0, NOT_SHORTEST
#define MALFORMED ERR_MALFORMED, 0x81
#define PROTOCOL  ERR_INVALID, 0x82

const struct packet_row packet_rows[] = {
	/* --- CONNECT 3.1.1 --- */
	{"3.1 least", V4C, "10 {'MQTT' 04 02 003c 'id'}", GOOD},
	{"3.1 no id, clean", V4C, "10 {'MQTT' 04 02 003c ''}", GOOD},
	{"3.1 keep alive off", V4C, "10 {'MQTT' 04 00 0000 'id'}", GOOD},
	{"3.1 all fields", V4C, "10 {'MQTT' 04 ee ffff 'id' 'will/t' 0003 00ff80 'user' 0002 00ff}", GOOD},
	{"3.1 will qos 2, no retain", V4C, "10 {'MQTT' 04 16 000a 'id' 'w' ''}", GOOD},
	{"3.1 user alone", V4C, "10 {'MQTT' 04 82 000a 'id' 'user'}", GOOD},
	{"3.1.3-3 empty user and password", V4C, "10 {'MQTT' 04 c2 000a 'id' '' ''}", GOOD},
	{"MQTT-1.5.3-3 U+FEFF stays", V4C, "10 {'MQTT' 04 02 000a 0005 efbbbf 6964}", GOOD},
	{"MQTT-3.1.2-1 name", V4C, "10 {'MQTX' 04 02 003c 'id'}", ERR_UNSUPPORTED, 0x84, "MQTT-3.1.2-1"},
	{"MQTT-3.1.2-1 name in lower case", V4C, "10 {'mqtt' 04 02 003c 'id'}", ERR_UNSUPPORTED, 0x84,
		"MQTT-3.1.2-1"},
	{"MQTT-3.1.2-1 name empty", V4C, "10 {'' 04 02 003c 'id'}", ERR_UNSUPPORTED, 0x84, "MQTT-3.1.2-1"},
	{"MQTT-3.1.2-2 level 3 under the new name", V4C, "10 {'MQTT' 03 02 003c 'id'}", ERR_UNSUPPORTED, 0x84,
		"MQTT-3.1.2-2"},
	{"MQTT-3.1.2-2 level 6", V4C, "10 {'MQTT' 06 02 003c 'id'}", ERR_UNSUPPORTED, 0x84, "MQTT-3.1.2-2"},
	{"MQTT-3.1.2-2 bridge bit", V4C, "10 {'MQTT' 84 02 003c 'id'}", ERR_UNSUPPORTED, 0x84,
		"MQTT-3.1.2-2"},
	{"MQTT-3.1.2-3 reserved flag", V4C, "10 {'MQTT' 04 03 003c 'id'}", MALFORMED, "MQTT-3.1.2-3"},
	{"MQTT-3.1.2-13 qos without will", V4C, "10 {'MQTT' 04 0a 003c 'id'}", MALFORMED, "MQTT-3.1.2-13"},
	{"MQTT-3.1.2-15 retain without will", V4C, "10 {'MQTT' 04 22 003c 'id'}", MALFORMED, "MQTT-3.1.2-15"},
	{"MQTT-3.1.2-14 will qos 3", V4C, "10 {'MQTT' 04 1e 003c 'id' 'w' ''}", MALFORMED, "MQTT-3.1.2-14"},
	{"MQTT-3.1.2-22 password alone", V4C, "10 {'MQTT' 04 42 003c 'id' 'pw'}", MALFORMED, "MQTT-3.1.2-22"},
	{"MQTT-3.1.2-9 no will message", V4C, "10 {'MQTT' 04 06 003c 'id' 'w'}", MALFORMED, "MQTT-4.8.0-1"},
	{"MQTT-3.1.2-11 will without its flag", V4C, "10 {'MQTT' 04 02 003c 'id' 'w' ''}", MALFORMED,
		"MQTT-4.8.0-1"},
	{"MQTT-3.1.2-19 no user name", V4C, "10 {'MQTT' 04 82 003c 'id'}", MALFORMED, "MQTT-4.8.0-1"},
	{"MQTT-3.1.2-18 user name without its flag", V4C, "10 {'MQTT' 04 02 003c 'id' 'user'}", MALFORMED,
		"MQTT-4.8.0-1"},
	{"MQTT-3.1.2-21 no password", V4C, "10 {'MQTT' 04 c2 003c 'id' 'user'}", MALFORMED, "MQTT-4.8.0-1"},
	{"MQTT-3.1.2-20 password without its flag", V4C, "10 {'MQTT' 04 82 003c 'id' 'user' 'pw'}", MALFORMED,
		"MQTT-4.8.0-1"},
	{"MQTT-3.1.3-3 no client id", V4C, "10 {'MQTT' 04 02 003c}", MALFORMED, "MQTT-4.8.0-1"},
	{"MQTT-3.1.3-4 client id not UTF-8", V4C, "10 {'MQTT' 04 02 003c 0002 c328}", MALFORMED,
		"MQTT-1.5.3-1"},
	{"MQTT-1.5.3-1 surrogate", V4C, "10 {'MQTT' 04 02 003c 0003 eda080}", MALFORMED, "MQTT-1.5.3-1"},
	{"MQTT-1.5.3-1 overlong", V4C, "10 {'MQTT' 04 02 003c 0002 c0af}", MALFORMED, "MQTT-1.5.3-1"},
	{"MQTT-1.5.3-2 U+0000 in client id", V4C, "10 {'MQTT' 04 02 003c 0003 610062}", MALFORMED,
		"MQTT-1.5.3-2"},
	{"MQTT-3.1.3-10 will topic not UTF-8", V4C, "10 {'MQTT' 04 06 003c 'id' 0001 ff ''}", MALFORMED,
		"MQTT-1.5.3-1"},
	{"MQTT-4.7.1-1 will topic with wildcard", V4C, "10 {'MQTT' 04 06 003c 'id' 'a/+' ''}", ERR_INVALID,
		0x90, "MQTT-4.7.1-1"},
	{"MQTT-4.7.3-1 will topic empty", V4C, "10 {'MQTT' 04 06 003c 'id' '' ''}", ERR_INVALID, 0x90,
		"MQTT-4.7.3-1"},
	{"MQTT-3.1.3-11 user name not UTF-8", V4C, "10 {'MQTT' 04 82 003c 'id' 0001 80}", MALFORMED,
		"MQTT-1.5.3-1"},
	{"MQTT-1.5.3-2 U+0000 in user name", V4C, "10 {'MQTT' 04 82 003c 'id' 0001 00}", MALFORMED,
		"MQTT-1.5.3-2"},
	{"MQTT-3.1.3-8 no id, not clean", V4C, "10 {'MQTT' 04 00 003c ''}", ERR_INVALID, 0x85,
		"MQTT-3.1.3-8"},
	{"MQTT-2.2.2-2 CONNECT flags", V4C, "11 {'MQTT' 04 02 003c 'id'}", MALFORMED, "MQTT-2.1.3-1"},
	/* --- CONNECT 3.1 --- */
	{"3.1 old protocol", V31, "10 {'MQIsdp' 03 02 003c 'id'}", GOOD},
	{"3.1 old protocol, all fields", V31, "10 {'MQIsdp' 03 ee 003c 'id' 'w' 'x' 'user' 'pw'}", GOOD},
	{"3.1 id of 23", V31, "10 {'MQIsdp' 03 02 003c 'abcdefghijklmnopqrstuvw'}", GOOD},
	{"3.1 id of 24", V31, "10 {'MQIsdp' 03 02 003c 'abcdefghijklmnopqrstuvwx'}", ERR_INVALID, 0x85,
		"3.1"},
	{"3.1 id empty", V31, "10 {'MQIsdp' 03 02 003c ''}", ERR_INVALID, 0x85, "3.1"},
	{"MQTT-3.1.2-2 level 4 under the old name", V31, "10 {'MQIsdp' 04 02 003c 'id'}", ERR_UNSUPPORTED,
		0x84, "MQTT-3.1.2-2"},
	/* --- CONNECT 5 --- */
	{"MQTT-1.5.4-3 U+FEFF stays", V5C, "10 {'MQTT' 05 02 000a {} 0005 efbbbf 6964}", GOOD},
	{"MQTT-3.1.3-5 id of 23", V4C, "10 {'MQTT' 04 02 003c '0129ABYZabyz0129ABYZabz'}", GOOD},
	{"3.1 least, 5", V5C, "10 {'MQTT' 05 02 003c {} 'id'}", GOOD},
	{"3.1 no id, no clean start", V5C, "10 {'MQTT' 05 00 003c {} ''}", GOOD},
	{"3.1.2.9 password alone", V5C, "10 {'MQTT' 05 42 003c {} 'id' 0003 ff00fe}", GOOD},
	{"3.1 all properties", V5C,
		"10 {'MQTT' 05 ee 003c {11 00000e10 21 0014 27 00010000 22 000a 19 01 17 00 26 'k' 'v' 26 "
		"'k' "
		"'' 15 'm' 16 0001 00} 'id' {18 0000003c 01 01 02 00000e10 03 'text' 08 're/ply' 09 0001 ff "
		"26 "
		"'a' 'b'} 'w/t' 'bye' 'user' 'pw'}",
		GOOD},
	{"MQTT-2.2.2-1 no property length", V5C, "10 {'MQTT' 05 02 003c}", MALFORMED, "MQTT-4.13.1-1"},
	{"2.2.2.1 properties longer than the packet", V5C, "10 {'MQTT' 05 02 003c 09 'id'}", MALFORMED,
		"2.2.2.1"},
	{"MQTT-1.5.5-1 property length not minimal", V5C, "10 {'MQTT' 05 02 003c 8000 'id'}", MALFORMED,
		"MQTT-1.5.5-1"},
	{"1.5.5 property length of five bytes", V5C, "10 {'MQTT' 05 02 003c ffffffff01 'id'}", MALFORMED,
		"MQTT-1.5.5-1"},
	{"MQTT-3.1.2-3 reserved flag, 5", V5C, "10 {'MQTT' 05 01 003c {} 'id'}", MALFORMED, "MQTT-3.1.2-3"},
	{"MQTT-3.1.2-11 qos without will", V5C, "10 {'MQTT' 05 08 003c {} 'id'}", MALFORMED, "MQTT-3.1.2-11"},
	{"MQTT-3.1.2-13 retain without will", V5C, "10 {'MQTT' 05 20 003c {} 'id'}", MALFORMED,
		"MQTT-3.1.2-13"},
	{"MQTT-3.1.2-12 will qos 3", V5C, "10 {'MQTT' 05 1c 003c {} 'id' {} 'w' ''}", MALFORMED,
		"MQTT-3.1.2-12"},
	{"MQTT-3.1.2-9 no will properties", V5C, "10 {'MQTT' 05 04 003c {} 'id' 'w' 'x'}", MALFORMED,
		"MQTT-4.13.1-1"},
	{"MQTT-3.1.2-16 user name without its flag", V5C, "10 {'MQTT' 05 00 003c {} 'id' 'user'}", MALFORMED,
		"MQTT-4.13.1-1"},
	{"MQTT-3.1.2-17 no user name", V5C, "10 {'MQTT' 05 80 003c {} 'id'}", MALFORMED, "MQTT-4.13.1-1"},
	{"MQTT-3.1.2-18 password without its flag", V5C, "10 {'MQTT' 05 80 003c {} 'id' 'user' 'pw'}",
		MALFORMED, "MQTT-4.13.1-1"},
	{"MQTT-3.1.2-19 no password", V5C, "10 {'MQTT' 05 40 003c {} 'id'}", MALFORMED, "MQTT-4.13.1-1"},
	{"MQTT-3.1.3-4 client id not UTF-8, 5", V5C, "10 {'MQTT' 05 02 003c {} 0001 fe}", MALFORMED,
		"MQTT-1.5.4-1"},
	{"MQTT-1.5.4-2 U+0000 in client id", V5C, "10 {'MQTT' 05 02 003c {} 0001 00}", MALFORMED,
		"MQTT-1.5.4-2"},
	{"MQTT-3.1.3-11 will topic not UTF-8", V5C, "10 {'MQTT' 05 04 003c {} 'id' {} 0001 ff ''}", MALFORMED,
		"MQTT-1.5.4-1"},
	{"MQTT-3.1.3-12 user name not UTF-8", V5C, "10 {'MQTT' 05 80 003c {} 'id' 0001 ff}", MALFORMED,
		"MQTT-1.5.4-1"},
	{"MQTT-4.7.0-1 will topic with wildcard", V5C, "10 {'MQTT' 05 04 003c {} 'id' {} '#' ''}",
		ERR_INVALID, 0x90, "MQTT-4.7.0-1"},
	{"3.1.2.11.2 session expiry twice", V5C, "10 {'MQTT' 05 02 003c {11 00000001 11 00000001} 'id'}",
		PROTOCOL, "3.1.2.11.2"},
	{"2.2.2 session expiry cut", V5C, "10 {'MQTT' 05 02 003c {11 000001} 'id'}", MALFORMED,
		"MQTT-4.13.1-1"},
	{"3.1.2.11.3 receive maximum 1", V5C, "10 {'MQTT' 05 02 003c {21 0001} 'id'}", GOOD},
	{"3.1.2.11.3 receive maximum 0", V5C, "10 {'MQTT' 05 02 003c {21 0000} 'id'}", PROTOCOL,
		"3.1.2.11.3"},
	{"3.1.2.11.3 receive maximum twice", V5C, "10 {'MQTT' 05 02 003c {21 0001 21 0001} 'id'}", PROTOCOL,
		"3.1.2.11.3"},
	{"3.1.2.11.4 packet size 1", V5C, "10 {'MQTT' 05 02 003c {27 00000001} 'id'}", GOOD},
	{"3.1.2.11.4 packet size 0", V5C, "10 {'MQTT' 05 02 003c {27 00000000} 'id'}", PROTOCOL,
		"3.1.2.11.4"},
	{"3.1.2.11.4 packet size twice", V5C, "10 {'MQTT' 05 02 003c {27 00000009 27 00000009} 'id'}",
		PROTOCOL, "3.1.2.11.4"},
	{"3.1.2.11.5 alias maximum 0", V5C, "10 {'MQTT' 05 02 003c {22 0000} 'id'}", GOOD},
	{"3.1.2.11.5 alias maximum twice", V5C, "10 {'MQTT' 05 02 003c {22 0000 22 0000} 'id'}", PROTOCOL,
		"3.1.2.11.5"},
	{"3.1.2.11.6 response information 0", V5C, "10 {'MQTT' 05 02 003c {19 00} 'id'}", GOOD},
	{"3.1.2.11.6 response information 2", V5C, "10 {'MQTT' 05 02 003c {19 02} 'id'}", PROTOCOL,
		"3.1.2.11.6"},
	{"3.1.2.11.6 response information twice", V5C, "10 {'MQTT' 05 02 003c {19 01 19 01} 'id'}", PROTOCOL,
		"3.1.2.11.6"},
	{"3.1.2.11.7 problem information 1", V5C, "10 {'MQTT' 05 02 003c {17 01} 'id'}", GOOD},
	{"3.1.2.11.7 problem information 2", V5C, "10 {'MQTT' 05 02 003c {17 02} 'id'}", PROTOCOL,
		"3.1.2.11.7"},
	{"3.1.2.11.7 problem information twice", V5C, "10 {'MQTT' 05 02 003c {17 01 17 01} 'id'}", PROTOCOL,
		"3.1.2.11.7"},
	{"3.1.2.11.8 the same user property twice", V5C,
		"10 {'MQTT' 05 02 003c {26 'a' 'b' 26 'a' 'b'} 'id'}", GOOD},
	{"MQTT-1.5.7-1 user property name", V5C, "10 {'MQTT' 05 02 003c {26 0001 ff 'b'} 'id'}", MALFORMED,
		"MQTT-1.5.4-1"},
	{"MQTT-1.5.7-1 user property value", V5C, "10 {'MQTT' 05 02 003c {26 'a' 0001 00} 'id'}", MALFORMED,
		"MQTT-1.5.4-2"},
	{"MQTT-1.5.7-1 user property without value", V5C, "10 {'MQTT' 05 02 003c {26 'a'} 'id'}", MALFORMED,
		"MQTT-4.13.1-1"},
	{"3.1.2.11.9 method alone", V5C, "10 {'MQTT' 05 02 003c {15 'SCRAM'} 'id'}", GOOD},
	{"3.1.2.11.9 method twice", V5C, "10 {'MQTT' 05 02 003c {15 'a' 15 'a'} 'id'}", PROTOCOL,
		"3.1.2.11.9"},
	{"3.1.2.11.9 method not UTF-8", V5C, "10 {'MQTT' 05 02 003c {15 0001 ff} 'id'}", MALFORMED,
		"MQTT-1.5.4-1"},
	{"3.1.2.11.10 data before method", V5C, "10 {'MQTT' 05 02 003c {16 0001 00 15 'a'} 'id'}", GOOD},
	{"3.1.2.11.10 data alone", V5C, "10 {'MQTT' 05 02 003c {16 'a'} 'id'}", PROTOCOL, "3.1.2.11.10"},
	{"3.1.2.11.10 data twice", V5C, "10 {'MQTT' 05 02 003c {15 'a' 16 '' 16 ''} 'id'}", PROTOCOL,
		"3.1.2.11.10"},
	{"2.2.2.2 unknown property", V5C, "10 {'MQTT' 05 02 003c {00 01} 'id'}", MALFORMED, "2.2.2.2"},
	{"2.2.2.2 property id 0x2b", V5C, "10 {'MQTT' 05 02 003c {2b 01} 'id'}", MALFORMED, "2.2.2.2"},
	{"2.2.2.2 property id of two bytes", V5C, "10 {'MQTT' 05 02 003c {8101 01} 'id'}", MALFORMED,
		"2.2.2.2"},
	{"MQTT-1.5.5-1 property id not minimal", V5C, "10 {'MQTT' 05 02 003c {9100 00000001} 'id'}",
		MALFORMED, "MQTT-1.5.5-1"},
	{"2.2.2.2 will delay in CONNECT", V5C, "10 {'MQTT' 05 02 003c {18 00000001} 'id'}", MALFORMED,
		"2.2.2.2"},
	{"2.2.2.2 session expiry in the will", V5C, "10 {'MQTT' 05 06 003c {} 'id' {11 00000001} 'w' ''}",
		MALFORMED, "2.2.2.2"},
	{"3.1.3.2.2 will delay", V5C, "10 {'MQTT' 05 06 003c {} 'id' {18 ffffffff} 'w' ''}", GOOD},
	{"3.1.3.2.2 will delay twice", V5C, "10 {'MQTT' 05 06 003c {} 'id' {18 00000001 18 00000001} 'w' ''}",
		PROTOCOL, "3.1.3.2.2"},
	{"3.3.2.3.2 will payload format 2", V5C, "10 {'MQTT' 05 06 003c {} 'id' {01 02} 'w' ''}", PROTOCOL,
		"3.3.2.3.2"},
	{"MQTT-3.3.2-14 will response topic", V5C, "10 {'MQTT' 05 06 003c {} 'id' {08 'a/#'} 'w' ''}",
		ERR_INVALID, 0x90, "MQTT-3.3.2-14"},
	/* --- CONNACK --- */
	{"3.2 accepted", V4S, "20 {0000}", GOOD},
	{"3.2 session present", V4S, "20 {0100}", GOOD},
	{"3.2.2.3 each code: 1", V4S, "20 {0001}", GOOD},
	{"3.2.2.3 each code: 2", V4S, "20 {0002}", GOOD},
	{"3.2.2.3 each code: 3", V4S, "20 {0003}", GOOD},
	{"3.2.2.3 each code: 4", V4S, "20 {0004}", GOOD},
	{"3.2.2.3 each code: 5", V4S, "20 {0005}", GOOD},
	{"3.2.2.3 code 6", V4S, "20 {0006}", MALFORMED, "3.2.2.3"},
	{"3.2.2.1 reserved flag", V4S, "20 {0200}", MALFORMED, "3.2.2.1"},
	{"MQTT-3.2.2-4 session present and refused", V4S, "20 {0105}", PROTOCOL, "MQTT-3.2.2-4"},
	{"3.2 too long", V4S, "20 {000000}", MALFORMED, "MQTT-4.8.0-1"},
	{"3.2 too short", V4S, "20 {00}", MALFORMED, "MQTT-4.8.0-1"},
	{"2.1.2 CONNACK from a client", V4C, "20 {0000}", PROTOCOL, "2.1.2"},
	{"3.2 accepted, 5", V5S, "20 {0000 {}}", GOOD},
	{"3.2 all properties", V5S,
		"20 {0100 {11 00000001 21 0001 24 01 25 00 27 00000100 12 'x' 22 0001 1f 'why' 26 'a' 'b' 28 "
		"00 "
		"29 00 2a 00 13 000a 1a 'r' 1c 's' 15 'm' 16 'd'}}",
		GOOD},
	{"3.2 refused with a reason", V5S, "20 {0087 {1f 'no'}}", GOOD},
	{"MQTT-2.2.2-1 no properties", V5S, "20 {0000}", MALFORMED, "MQTT-4.13.1-1"},
	{"MQTT-3.2.2-1 reserved flags", V5S, "20 {8000 {}}", MALFORMED, "MQTT-3.2.2-1"},
	{"MQTT-3.2.2-6 session present and refused", V5S, "20 {0187 {}}", PROTOCOL, "MQTT-3.2.2-6"},
	{"MQTT-3.2.2-8 code of another packet", V5S, "20 {0010 {}}", PROTOCOL, "MQTT-3.2.2-8"},
	{"MQTT-3.2.2-8 unknown code", V5S, "20 {00ff {}}", PROTOCOL, "MQTT-3.2.2-8"},
	{"3.2.2.3.4 maximum qos 2", V5S, "20 {0000 {24 02}}", PROTOCOL, "3.2.2.3.4"},
	{"3.2.2.3.4 maximum qos twice", V5S, "20 {0000 {24 01 24 01}}", PROTOCOL, "3.2.2.3.4"},
	{"3.2.2.3.5 retain available 2", V5S, "20 {0000 {25 02}}", PROTOCOL, "3.2.2.3.5"},
	{"3.2.2.3.5 retain available twice", V5S, "20 {0000 {25 01 25 01}}", PROTOCOL, "3.2.2.3.5"},
	{"3.2.2.3.7 assigned id twice", V5S, "20 {0000 {12 'a' 12 'a'}}", PROTOCOL, "3.2.2.3.7"},
	{"3.2.2.3.9 reason string twice", V5S, "20 {0000 {1f 'a' 1f 'a'}}", PROTOCOL, "3.2.2.3.9"},
	{"3.2.2.3.11 wildcard 2", V5S, "20 {0000 {28 02}}", PROTOCOL, "3.2.2.3.11"},
	{"3.2.2.3.11 wildcard twice", V5S, "20 {0000 {28 01 28 01}}", PROTOCOL, "3.2.2.3.11"},
	{"3.2.2.3.12 subscription ids 2", V5S, "20 {0000 {29 02}}", PROTOCOL, "3.2.2.3.12"},
	{"3.2.2.3.12 subscription ids twice", V5S, "20 {0000 {29 01 29 01}}", PROTOCOL, "3.2.2.3.12"},
	{"3.2.2.3.13 shared 2", V5S, "20 {0000 {2a 02}}", PROTOCOL, "3.2.2.3.13"},
	{"3.2.2.3.13 shared twice", V5S, "20 {0000 {2a 01 2a 01}}", PROTOCOL, "3.2.2.3.13"},
	{"3.2.2.3.14 keep alive twice", V5S, "20 {0000 {13 0001 13 0001}}", PROTOCOL, "3.2.2.3.14"},
	{"3.2.2.3.15 response information twice", V5S, "20 {0000 {1a 'a' 1a 'a'}}", PROTOCOL, "3.2.2.3.15"},
	{"3.2.2.3.16 server reference twice", V5S, "20 {0000 {1c 'a' 1c 'a'}}", PROTOCOL, "3.2.2.3.16"},
	{"2.2.2.2 problem information in CONNACK", V5S, "20 {0000 {17 01}}", MALFORMED, "2.2.2.2"},
	/* --- PUBLISH --- */
	{"MQTT-2.3.1-5 qos 0 without a packet id", V4C, "30 {'a/b' \"hello\"}", GOOD},
	{"3.3 qos 0 retained, empty", V4C, "31 {'a/b'}", GOOD},
	{"3.3 qos 1", V4C, "32 {'a/b' 0001 00ff}", GOOD},
	{"3.3 qos 1 dup", V4C, "3a {'a/b' ffff 00}", GOOD},
	{"3.3 qos 2 dup retained", V4C, "3d {'a/b' 0001}", GOOD},
	{"MQTT-3.3.1-4 qos 3", V4C, "36 {'a/b' 0001}", MALFORMED, "MQTT-3.3.1-4"},
	{"MQTT-3.3.1-2 dup at qos 0", V4C, "38 {'a/b'}", MALFORMED, "MQTT-3.3.1-2"},
	{"MQTT-2.3.1-1 packet id 0", V4C, "32 {'a/b' 0000}", PROTOCOL, "MQTT-2.3.1-1"},
	{"MQTT-2.3.1-1 no packet id", V4C, "32 {'a/b'}", MALFORMED, "MQTT-4.8.0-1"},
	{"MQTT-3.3.2-1 not UTF-8", V4C, "30 {0002 61ff}", MALFORMED, "MQTT-1.5.3-1"},
	{"MQTT-4.7.3-2 U+0000", V4C, "30 {0002 6100}", MALFORMED, "MQTT-1.5.3-2"},
	{"MQTT-3.3.2-2 plus", V4C, "30 {'a/+'}", ERR_INVALID, 0x90, "MQTT-3.3.2-2"},
	{"MQTT-3.3.2-2 hash inside a level", V4C, "30 {'a#b'}", ERR_INVALID, 0x90, "MQTT-3.3.2-2"},
	{"MQTT-4.7.3-1 empty topic", V4C, "30 {''}", ERR_INVALID, 0x90, "MQTT-4.7.3-1"},
	{"3.3 no topic at all", V4C, "30 {}", MALFORMED, "MQTT-4.8.0-1"},
	{"3.3 topic longer than the packet", V4C, "30 {0005 6162}", MALFORMED, "MQTT-4.8.0-1"},
	{"3.3 qos 0, 5", V5C, "30 {'a' {} \"hi\"}", GOOD},
	{"3.3 all properties from a client", V5C,
		"34 {'a' 0007 {01 01 02 00000010 23 0005 08 'r/t' 09 0002 ff00 26 'k' 'v' 26 'k' 'w' 03 "
		"'ct'} "
		"\"hi\"}",
		GOOD},
	{"3.3.2.1 alias for a topic", V5C, "30 {'' {23 0001} \"hi\"}", GOOD},
	{"3.3.2.1 neither topic nor alias", V5C, "30 {'' {} \"hi\"}", PROTOCOL, "3.3.2.1"},
	{"MQTT-3.3.2-8 alias 0", V5C, "30 {'a' {23 0000}}", ERR_INVALID, 0x94, "MQTT-3.3.2-8"},
	{"3.3.2.3.4 alias twice", V5C, "30 {'a' {23 0001 23 0001}}", PROTOCOL, "MQTT-3.3.2-8"},
	{"MQTT-2.2.1-3 packet id 0", V5C, "32 {'a' 0000 {}}", PROTOCOL, "MQTT-2.2.1-3"},
	{"MQTT-2.2.2-1 no properties", V5C, "30 {'a'}", MALFORMED, "MQTT-4.13.1-1"},
	{"MQTT-3.3.2-2 wildcard, 5", V5C, "30 {'#' {}}", ERR_INVALID, 0x90, "MQTT-3.3.2-2"},
	{"MQTT-3.3.2-2 wildcard and alias", V5C, "30 {'+' {23 0001}}", ERR_INVALID, 0x90, "MQTT-3.3.2-2"},
	{"MQTT-3.3.2-13 response topic not UTF-8", V5C, "30 {'a' {08 0001 ff}}", MALFORMED, "MQTT-1.5.4-1"},
	{"MQTT-3.3.2-14 response topic with wildcard", V5C, "30 {'a' {08 'a/+'}}", ERR_INVALID, 0x90,
		"MQTT-3.3.2-14"},
	{"MQTT-4.7.3-1 response topic empty", V5C, "30 {'a' {08 ''}}", ERR_INVALID, 0x90, "MQTT-4.7.3-1"},
	{"3.3.2.3.5 response topic twice", V5C, "30 {'a' {08 'b' 08 'b'}}", PROTOCOL, "3.3.2.3.5"},
	{"MQTT-3.3.2-19 content type not UTF-8", V5C, "30 {'a' {03 0001 ff}}", MALFORMED, "MQTT-1.5.4-1"},
	{"3.3.2.3.9 content type twice", V5C, "30 {'a' {03 'b' 03 'b'}}", PROTOCOL, "3.3.2.3.9"},
	{"3.3.2.3.6 correlation data twice", V5C, "30 {'a' {09 'b' 09 'b'}}", PROTOCOL, "3.3.2.3.6"},
	{"3.3.2.3.2 payload format 0", V5C, "30 {'a' {01 00}}", GOOD},
	{"3.3.2.3.2 payload format 2", V5C, "30 {'a' {01 02}}", PROTOCOL, "3.3.2.3.2"},
	{"3.3.2.3.2 payload format twice", V5C, "30 {'a' {01 01 01 01}}", PROTOCOL, "3.3.2.3.2"},
	{"3.3.2.3.3 expiry twice", V5C, "30 {'a' {02 00000001 02 00000001}}", PROTOCOL, "3.3.2.3.3"},
	{"MQTT-3.3.4-6 subscription id from a client", V5C, "30 {'a' {0b 01}}", PROTOCOL, "MQTT-3.3.4-6"},
	{"MQTT-3.3.4-4 subscription ids from a server", V5S, "30 {'a' {0b 01 0b ffffff7f 0b 01}}", GOOD},
	{"3.8.2.1.2 subscription id 0 from a server", V5S, "30 {'a' {0b 00}}", PROTOCOL, "3.8.2.1.2"},
	{"MQTT-1.5.5-1 subscription id of five bytes", V5S, "30 {'a' {0b 8080808001}}", MALFORMED,
		"MQTT-1.5.5-1"},
	{"2.2.2.2 reason string in PUBLISH", V5C, "30 {'a' {1f 'x'}}", MALFORMED, "2.2.2.2"},
	/* --- PUBACK, PUBREC, PUBREL, PUBCOMP --- */
	{"MQTT-2.2.1-5 packet id 0", V5C, "40 {0000}", PROTOCOL, "MQTT-2.2.1-3"},
	{"MQTT-2.2.1-6 packet id 0", V5S, "90 {0000 {} 00}", PROTOCOL, "MQTT-2.2.1-3"},
	{"3.4 PUBACK", V4C, "40 {0001}", GOOD},
	{"3.5 PUBREC", V4C, "50 {ffff}", GOOD},
	{"3.6 PUBREL", V4S, "62 {0100}", GOOD},
	{"3.7 PUBCOMP", V4S, "70 {0001}", GOOD},
	{"3.4 with a reason before 5", V4C, "40 {000100}", MALFORMED, "MQTT-4.8.0-1"},
	{"MQTT-2.3.1-6 packet id 0", V4C, "40 {0000}", PROTOCOL, "MQTT-2.3.1-1"},
	{"3.4 cut", V4C, "40 {00}", MALFORMED, "MQTT-4.8.0-1"},
	{"3.4 empty", V4C, "40 {}", MALFORMED, "MQTT-4.8.0-1"},
	{"MQTT-3.6.1-1 PUBREL flags 0", V4C, "60 {0001}", MALFORMED, "MQTT-3.6.1-1"},
	{"MQTT-2.2.2-2 PUBACK flags 2", V4C, "42 {0001}", MALFORMED, "MQTT-2.1.3-1"},
	{"3.4.2.1 short PUBACK", V5C, "40 {0001}", GOOD},
	{"3.4.2.2.1 PUBACK with a reason", V5C, "40 {0001 10}", GOOD},
	{"3.4.2.1 PUBACK with reason 0 spelled out", V5C, "40 {0001 00}", GOOD_LONG},
	{"3.4.2.2.1 PUBACK with length 0 spelled out", V5C, "40 {0001 87 {}}", GOOD_LONG},
	{"3.4 PUBACK with properties", V5C, "40 {0001 00 {1f 'why' 26 'a' 'b' 26 'c' 'd'}}", GOOD},
	{"3.5 PUBREC with properties", V5S, "50 {0001 97 {1f 'why'}}", GOOD},
	{"3.6 PUBREL with properties", V5C, "62 {0001 92 {26 'a' 'b'}}", GOOD},
	{"3.7 PUBCOMP with properties", V5C, "70 {0001 92 {1f ''}}", GOOD},
	{"MQTT-3.4.2-1 PUBACK code", V5C, "40 {0001 92}", PROTOCOL, "MQTT-3.4.2-1"},
	{"MQTT-3.5.2-1 PUBREC code", V5C, "50 {0001 04}", PROTOCOL, "MQTT-3.5.2-1"},
	{"MQTT-3.6.2-1 PUBREL code", V5C, "62 {0001 87}", PROTOCOL, "MQTT-3.6.2-1"},
	{"MQTT-3.7.2-1 PUBCOMP code", V5C, "70 {0001 10}", PROTOCOL, "MQTT-3.7.2-1"},
	{"3.4.2.2.2 reason string twice", V5C, "40 {0001 00 {1f 'a' 1f 'b'}}", PROTOCOL, "3.2.2.3.9"},
	{"2.2.2.2 server reference in PUBACK", V5C, "40 {0001 00 {1c 'a'}}", MALFORMED, "2.2.2.2"},
	{"3.4 bytes behind the properties", V5C, "40 {0001 00 {} 00}", MALFORMED, "MQTT-4.13.1-1"},
	/* --- SUBSCRIBE --- */
	{"3.8 one filter", V4C, "82 {0001 'a/b' 00}", GOOD},
	{"3.8 three filters", V4C, "82 {0001 'a/+' 01 '#' 02 '$SYS/#' 00}", GOOD},
	{"3.8 $share is an ordinary level before 5", V4C, "82 {0001 '$share/g' 01}", GOOD},
	{"MQTT-3.8.3-3 no filter", V4C, "82 {0001}", PROTOCOL, "MQTT-3.8.3-3"},
	{"MQTT-3.8.3-4 qos 3", V4C, "82 {0001 'a' 03}", MALFORMED, "MQTT-3.8.3-4"},
	{"MQTT-3.8.3-4 reserved bit", V4C, "82 {0001 'a' 04}", MALFORMED, "MQTT-3.8.3-4"},
	{"MQTT-3.8.3-4 in the second filter", V4C, "82 {0001 'a' 00 'b' 80}", MALFORMED, "MQTT-3.8.3-4"},
	{"MQTT-3.8.3-1 not UTF-8", V4C, "82 {0001 0001 ff 00}", MALFORMED, "MQTT-1.5.3-1"},
	{"MQTT-2.3.1-1 packet id 0 in SUBSCRIBE", V4C, "82 {0000 'a' 00}", PROTOCOL, "MQTT-2.3.1-1"},
	{"MQTT-3.8.1-1 flags 0", V4C, "80 {0001 'a' 00}", MALFORMED, "MQTT-3.8.1-1"},
	{"MQTT-3.8.1-1 flags with dup", V4C, "8a {0001 'a' 00}", MALFORMED, "MQTT-3.8.1-1"},
	{"MQTT-4.7.3-1 empty filter", V4C, "82 {0001 '' 00}", ERR_INVALID, 0x8f, "MQTT-4.7.3-1"},
	{"MQTT-4.7.1-2 hash in the middle", V4C, "82 {0001 'a/#/b' 00}", ERR_INVALID, 0x8f, "MQTT-4.7.1-2"},
	{"MQTT-4.7.1-3 plus in a level", V4C, "82 {0001 'a+' 00}", ERR_INVALID, 0x8f, "MQTT-4.7.1-2"},
	{"3.8 no qos", V4C, "82 {0001 'a'}", MALFORMED, "MQTT-4.8.0-1"},
	{"3.8 old protocol", V31, "82 {0001 'a' 01}", GOOD},
	{"3.8 one filter, 5", V5C, "82 {0001 {} 'a/b' 00}", GOOD},
	{"3.8.3.1 all options", V5C, "82 {0001 {0b 07 26 'a' 'b'} 'a' 2e 'b' 1d '$share/g/+/x' 19}", GOOD},
	{"3.8.2.1.2 largest id", V5C, "82 {0001 {0b ffffff7f} 'a' 00}", GOOD},
	{"3.8.2.1.2 id 0", V5C, "82 {0001 {0b 00} 'a' 00}", PROTOCOL, "3.8.2.1.2"},
	{"3.8.2.1.2 two ids", V5C, "82 {0001 {0b 01 0b 02} 'a' 00}", PROTOCOL, "3.8.2.1.2"},
	{"MQTT-3.8.3-2 no filter, 5", V5C, "82 {0001 {}}", PROTOCOL, "MQTT-3.8.3-2"},
	{"MQTT-3.8.3-5 reserved bit 6", V5C, "82 {0001 {} 'a' 40}", MALFORMED, "MQTT-3.8.3-5"},
	{"MQTT-3.8.3-5 reserved bit 7", V5C, "82 {0001 {} 'a' 80}", MALFORMED, "MQTT-3.8.3-5"},
	{"3.8.3.1 qos 3, 5", V5C, "82 {0001 {} 'a' 03}", PROTOCOL, "3.8.3.1"},
	{"3.8.3.1 retain handling 3", V5C, "82 {0001 {} 'a' 30}", PROTOCOL, "3.8.3.1"},
	{"MQTT-3.8.3-4 no local on a shared filter", V5C, "82 {0001 {} '$share/g/a' 04}", PROTOCOL,
		"MQTT-3.8.3-4"},
	{"MQTT-4.8.2-1 empty share name", V5C, "82 {0001 {} '$share//a' 00}", ERR_INVALID, 0x8f,
		"MQTT-4.8.2-2"},
	{"MQTT-4.8.2-2 no filter behind the name", V5C, "82 {0001 {} '$share/g' 00}", ERR_INVALID, 0x8f,
		"MQTT-4.8.2-2"},
	{"MQTT-4.8.2-2 wildcard in the share name", V5C, "82 {0001 {} '$share/g+/a' 00}", ERR_INVALID, 0x8f,
		"MQTT-4.8.2-2"},
	{"MQTT-4.7.1-1 hash in the middle", V5C, "82 {0001 {} '#/a' 00}", ERR_INVALID, 0x8f, "MQTT-4.7.1-1"},
	{"MQTT-4.7.1-1 bad filter behind a share", V5C, "82 {0001 {} '$share/g/a#' 00}", ERR_INVALID, 0x8f,
		"MQTT-4.8.2-2"},
	{"2.1.2 SUBSCRIBE from a server", V5S, "82 {0001 {} 'a' 00}", PROTOCOL, "2.1.2"},
	/* --- SUBACK --- */
	{"3.9 each code", V4S, "90 {0001 00010280}", GOOD},
	{"MQTT-3.9.3-2 code 3", V4S, "90 {0001 03}", MALFORMED, "MQTT-3.9.3-2"},
	{"MQTT-3.8.4-5 no code", V4S, "90 {0001}", MALFORMED, "MQTT-3.8.4-5"},
	{"MQTT-2.3.1-7 packet id 0", V4S, "90 {0000 00}", PROTOCOL, "MQTT-2.3.1-1"},
	{"3.9 each code, 5", V5S, "90 {0001 {1f 'x' 26 'a' 'b'} 000102808387 8f91979ea1a2}", GOOD},
	{"MQTT-3.9.3-2 code 0x11", V5S, "90 {0001 {} 11}", PROTOCOL, "MQTT-3.9.3-2"},
	{"MQTT-3.8.4-6 no code, 5", V5S, "90 {0001 {}}", MALFORMED, "MQTT-3.8.4-6"},
	{"2.1.2 SUBACK from a client", V5C, "90 {0001 {} 00}", PROTOCOL, "2.1.2"},
	/* --- UNSUBSCRIBE, UNSUBACK --- */
	{"3.10 two filters", V4C, "a2 {0001 'a' 'b/#'}", GOOD},
	{"MQTT-3.10.3-2 no filter", V4C, "a2 {0001}", PROTOCOL, "MQTT-3.10.3-2"},
	{"MQTT-3.10.3-1 not UTF-8", V4C, "a2 {0001 0001 ff}", MALFORMED, "MQTT-1.5.3-1"},
	{"MQTT-3.10.1-1 flags 0", V4C, "a0 {0001 'a'}", MALFORMED, "MQTT-3.10.1-1"},
	{"3.10 half a filter", V4C, "a2 {0001 'a' 0002 61}", MALFORMED, "MQTT-4.8.0-1"},
	{"3.10 two filters, 5", V5C, "a2 {0001 {26 'a' 'b'} 'a' '$share/g/b'}", GOOD},
	{"MQTT-3.10.3-2 no filter, 5", V5C, "a2 {0001 {}}", PROTOCOL, "MQTT-3.10.3-2"},
	{"MQTT-4.7.3-1 empty filter, 5", V5C, "a2 {0001 {} ''}", ERR_INVALID, 0x8f, "MQTT-4.7.3-1"},
	{"2.2.2.2 subscription id in UNSUBSCRIBE", V5C, "a2 {0001 {0b 01} 'a'}", MALFORMED, "2.2.2.2"},
	{"3.11 no codes before 5", V4S, "b0 {0001}", GOOD},
	{"3.11 codes before 5", V4S, "b0 {0001 00}", MALFORMED, "MQTT-4.8.0-1"},
	{"3.11 each code", V5S, "b0 {0001 {1f 'x'} 0011808387 8f91}", GOOD},
	{"MQTT-3.11.3-1 no code", V5S, "b0 {0001 {}}", MALFORMED, "MQTT-3.11.3-1"},
	{"MQTT-3.11.3-2 code 0x01", V5S, "b0 {0001 {} 01}", PROTOCOL, "MQTT-3.11.3-2"},
	/* --- PINGREQ, PINGRESP --- */
	{"3.12 PINGREQ", V4C, "c0 {}", GOOD},
	{"3.13 PINGRESP", V5S, "d0 {}", GOOD},
	{"3.12 with content", V4C, "c0 {00}", MALFORMED, "3.12.1"},
	{"3.13 with content", V5S, "d0 {00}", MALFORMED, "3.12.1"},
	{"3.12 flags", V4C, "c1 {}", MALFORMED, "MQTT-2.1.3-1"},
	{"2.1.2 PINGREQ from a server", V4S, "c0 {}", PROTOCOL, "2.1.2"},
	{"2.1.2 PINGRESP from a client", V4C, "d0 {}", PROTOCOL, "2.1.2"},
	/* --- DISCONNECT --- */
	{"3.14 client", V4C, "e0 {}", GOOD},
	{"MQTT-3.14.1-1 flags", V4C, "e1 {}", MALFORMED, "MQTT-3.14.1-1"},
	{"3.14 content before 5", V4C, "e0 {00}", MALFORMED, "MQTT-4.8.0-1"},
	{"2.1.2 DISCONNECT from a server before 5", V4S, "e0 {}", PROTOCOL, "2.1.2"},
	{"3.14 empty, 5", V5C, "e0 {}", GOOD},
	{"3.14.2.1 reason 0 spelled out", V5C, "e0 {00}", GOOD_LONG},
	{"3.14.2.1 with will", V5C, "e0 {04}", GOOD},
	{"3.14.2.2.1 length 0 spelled out", V5C, "e0 {04 {}}", GOOD_LONG},
	{"3.14 client properties", V5C, "e0 {00 {11 00000000 1f 'x' 26 'a' 'b'}}", GOOD},
	{"3.14 server", V5S, "e0 {8e {1f 'x' 1c 'other'}}", GOOD},
	{"MQTT-3.14.2-1 with will from a server", V5S, "e0 {04}", PROTOCOL, "MQTT-3.14.2-1"},
	{"MQTT-3.14.2-1 taken over from a client", V5C, "e0 {8e}", PROTOCOL, "MQTT-3.14.2-1"},
	{"MQTT-3.14.2-1 unknown code", V5C, "e0 {7f}", PROTOCOL, "MQTT-3.14.2-1"},
	{"MQTT-3.14.2-2 session expiry from a server", V5S, "e0 {8b {11 00000001}}", PROTOCOL,
		"MQTT-3.14.2-2"},
	{"3.14.2.2.2 session expiry twice", V5C, "e0 {00 {11 00000001 11 00000001}}", PROTOCOL, "3.1.2.11.2"},
	{"2.2.2.2 receive maximum in DISCONNECT", V5C, "e0 {00 {21 0001}}", MALFORMED, "2.2.2.2"},
	{"3.14 bytes behind the properties", V5C, "e0 {00 {} 00}", MALFORMED, "MQTT-4.13.1-1"},
	/* --- AUTH --- */
	{"3.15 continue from a client", V5C, "f0 {18 {15 'm' 16 0002 00ff}}", GOOD},
	{"3.15 re-authenticate", V5C, "f0 {19 {15 'm'}}", GOOD},
	{"3.15 continue from a server", V5S, "f0 {18 {15 'm' 16 'x' 1f 'y' 26 'a' 'b'}}", GOOD},
	{"3.15.2.1 empty from a server", V5S, "f0 {}", GOOD},
	{"3.15 success from a server", V5S, "f0 {00 {15 'm'}}", GOOD},
	{"MQTT-3.15.2-1 success from a client", V5C, "f0 {00 {15 'm'}}", PROTOCOL, "MQTT-3.15.2-1"},
	{"MQTT-3.15.2-1 empty from a client", V5C, "f0 {}", PROTOCOL, "MQTT-3.15.2-1"},
	{"MQTT-3.15.2-1 re-authenticate from a server", V5S, "f0 {19 {15 'm'}}", PROTOCOL, "MQTT-3.15.2-1"},
	{"MQTT-3.15.2-1 unknown code", V5C, "f0 {80 {15 'm'}}", PROTOCOL, "MQTT-3.15.2-1"},
	{"3.15.2.2.2 no method", V5C, "f0 {18 {}}", PROTOCOL, "3.15.2.2.2"},
	{"3.15.2.2.3 data without method", V5C, "f0 {18 {16 'x'}}", PROTOCOL, "3.1.2.11.10"},
	{"MQTT-3.15.1-1 flags", V5C, "f1 {18 {15 'm'}}", MALFORMED, "MQTT-3.15.1-1"},
	{"2.2.1 AUTH before 5", V4C, "f0 {}", MALFORMED, "2.2.1"},
	/* --- type 0 --- */
	{"2.1.2 reserved type", V5C, "00 {}", MALFORMED, "2.1.2"},
};
const size_t packet_row_count = ARRAY_COUNT(packet_rows);
