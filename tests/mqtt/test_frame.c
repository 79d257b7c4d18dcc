/*
 * Goal: a stream is cut into packets at the right places, lies about lengths are found with the first byte that tells,
 * and no cut of the stream changes an answer.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/mqtt/rows.h"

/* What the first bytes of a stream alone say; need is the promise of an ERR_AGAIN. */
static const struct {
	const char *name;
	const char *hex;
	size_t packet_bytes_max;
	enum err want;
	uint8_t reason;
	const char *clause;
	size_t need;
} head_rows[] = {
	{"nothing", "", 0, ERR_AGAIN, 0, NULL, 2},
	{"type alone", "10", 0, ERR_AGAIN, 0, NULL, 2},
	{"length begun", "1080", 0, ERR_AGAIN, 0, NULL, 3},
	{"length of three begun", "108080", 0, ERR_AGAIN, 0, NULL, 4},
	{"length of four begun", "10808080", 0, ERR_AGAIN, 0, NULL, 5},
	{"length 0 of PINGREQ", "c000", 0, ERR_OK, 0, NULL, 2},
	{"length known, body to come", "1005", 0, ERR_AGAIN, 0, NULL, 7},
	{"1.5.5 largest of one byte", "107f", 0, ERR_AGAIN, 0, NULL, 129},
	{"1.5.5 smallest of two bytes", "108001", 0, ERR_AGAIN, 0, NULL, 131},
	{"1.5.5 largest of two bytes", "10ff7f", 0, ERR_AGAIN, 0, NULL, 16386},
	{"1.5.5 smallest of three bytes", "10808001", 0, ERR_AGAIN, 0, NULL, 16388},
	{"1.5.5 largest of three bytes", "10ffff7f", 0, ERR_AGAIN, 0, NULL, 2097155},
	{"1.5.5 smallest of four bytes", "1080808001", 0, ERR_AGAIN, 0, NULL, 2097157},
	{"1.5.5 largest of four bytes", "10ffffff7f", 0, ERR_AGAIN, 0, NULL, 268435460},
	{"1.5.5 a fifth byte announced", "10ffffffff", 0, ERR_MALFORMED, 0x81, "MQTT-1.5.5-1", 0},
	{"MQTT-1.5.5-1 0 in two bytes", "108000", 0, ERR_MALFORMED, 0x81, "MQTT-1.5.5-1", 0},
	{"MQTT-1.5.5-1 127 in two bytes", "10ff00", 0, ERR_MALFORMED, 0x81, "MQTT-1.5.5-1", 0},
	{"MQTT-1.5.5-1 1 in four bytes", "1081808000", 0, ERR_MALFORMED, 0x81, "MQTT-1.5.5-1", 0},
	{"2.1.2 type 0 at the first byte", "00", 0, ERR_MALFORMED, 0x81, "2.1.2", 0},
	{"MQTT-2.1.3-1 flags of CONNECT at the first byte", "18", 0, ERR_MALFORMED, 0x81, "MQTT-2.1.3-1", 0},
	{"MQTT-3.3.1-4 qos 3 at the first byte", "37", 0, ERR_MALFORMED, 0x81, "MQTT-3.3.1-4", 0},
	{"MQTT-3.3.1-2 dup at qos 0 at the first byte", "39", 0, ERR_MALFORMED, 0x81, "MQTT-3.3.1-2", 0},
	{"3.12.1 PINGREQ with a length, before it came", "c001", 0, ERR_MALFORMED, 0x81, "3.12.1", 0},
	{"length at the maximum", "1005", 7, ERR_AGAIN, 0, NULL, 7},
	{"MQTT-3.2.2-15 one beyond the maximum, before it came", "1006", 7, ERR_LIMIT, 0x95, "MQTT-3.2.2-15",
		0},
	{"huge length before CONNECT", "10ffffff7f", 65536, ERR_LIMIT, 0x95, "MQTT-3.2.2-15", 0},
	{"largest packet of all", "30ffffff7f", MQTT_PACKET_BYTES_MAX, ERR_AGAIN, 0, NULL,
		MQTT_PACKET_BYTES_MAX},
	{"one less than the largest", "30ffffff7f", MQTT_PACKET_BYTES_MAX - 1, ERR_LIMIT, 0x95,
		"MQTT-3.2.2-15", 0},
};

static void check_heads(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(head_rows); i++) {
		struct test_bytes in = test_hex(head_rows[i].hex);
		struct mqtt_frame frame = {0};
		struct fault fault = FAULT_NONE;
		enum err err =
			mqtt_frame_next(test_bytes_view(&in), head_rows[i].packet_bytes_max, &frame, &fault);

		CHECK(head_rows[i].name, err == head_rows[i].want);
		CHECK(head_rows[i].name, frame.packet_bytes == head_rows[i].need);
		CHECK(head_rows[i].name, fault.reason == head_rows[i].reason);
		CHECK(head_rows[i].name,
			head_rows[i].clause == NULL
				? fault.clause == NULL
				: fault.clause != NULL && strcmp(fault.clause, head_rows[i].clause) == 0);
	}
}

/* Every first byte there is: exactly the ones of table 2-1 and 2-2 pass. */
static void check_first_bytes(void)
{
	for (unsigned first = 0; first < 256; first++) {
		uint8_t byte = (uint8_t)first;
		unsigned type = first / 16;
		unsigned flags = first % 16;
		unsigned qos = flags / 2 % 4;
		struct mqtt_frame frame = {0};
		struct fault fault = FAULT_NONE;
		bool good = type == 3
				    ? qos < 3 && !(qos == 0 && flags >= 8)
				    : type != 0 && flags == (type == 6 || type == 8 || type == 10 ? 2u : 0u);
		char name[48];

		(void)snprintf(name, sizeof(name), "MQTT-2.1.3-1 first byte %02x", first);
		CHECK(name, mqtt_frame_next(bytes_of(&byte, 1), 0, &frame, &fault) ==
				    (good ? ERR_AGAIN : ERR_MALFORMED));
	}
}

/* All good packets of the table as one stream, fed in pieces of every size from 1 to 40: the same frames. */
static void check_stream(void)
{
	struct buf stream = BUF_INIT(1 << 20);
	size_t count = 0;

	for (size_t i = 0; i < packet_row_count; i++) {
		if (packet_rows[i].err == ERR_OK) {
			struct test_bytes packet = rows_packet(packet_rows[i].packet);
			REQUIRE("stream", packet.len > 0);
			CHECK("stream", buf_append(&stream, test_bytes_view(&packet)) == ERR_OK);
			count++;
		}
	}
	for (size_t piece = 1; piece <= 40; piece++) {
		struct buf queue = BUF_INIT(1 << 20);
		size_t seen = 0;
		size_t fed = 0;

		while (fed < stream.len) {
			size_t n = stream.len - fed < piece ? stream.len - fed : piece;
			struct mqtt_frame frame = {0};
			struct fault fault = FAULT_NONE;

			CHECK("feed", buf_append(&queue, bytes_of(stream.data + fed, n)) == ERR_OK);
			fed += n;
			while (mqtt_frame_next(buf_bytes(&queue), 0, &frame, &fault) == ERR_OK) {
				seen++;
				buf_consume(&queue, frame.packet_bytes);
			}
			CHECK("no fault in pieces", fault.err == ERR_OK);
		}
		CHECK("all frames in pieces", seen == count);
		CHECK("nothing left over", queue.len == 0);
		buf_release(&queue);
	}
	buf_release(&stream);
}

/* Who may send what, in each version: 2.1.2, table 2-1. */
static void check_directions(void)
{
	static const struct {
		enum mqtt_type type;
		bool client, server, client_5, server_5;
	} rows[] = {
		{MQTT_CONNECT, true, false, true, false},
		{MQTT_CONNACK, false, true, false, true},
		{MQTT_PUBLISH, true, true, true, true},
		{MQTT_PUBACK, true, true, true, true},
		{MQTT_PUBREC, true, true, true, true},
		{MQTT_PUBREL, true, true, true, true},
		{MQTT_PUBCOMP, true, true, true, true},
		{MQTT_SUBSCRIBE, true, false, true, false},
		{MQTT_SUBACK, false, true, false, true},
		{MQTT_UNSUBSCRIBE, true, false, true, false},
		{MQTT_UNSUBACK, false, true, false, true},
		{MQTT_PINGREQ, true, false, true, false},
		{MQTT_PINGRESP, false, true, false, true},
		{MQTT_DISCONNECT, true, false, true, true},
		{MQTT_AUTH, false, false, true, true},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct fault fault = FAULT_NONE;
		const char *name = mqtt_type_name(rows[i].type);

		CHECK(name, (mqtt_type_allowed(MQTT_3_1_1, MQTT_CLIENT, rows[i].type, &fault) == ERR_OK) ==
				    rows[i].client);
		CHECK(name, (mqtt_type_allowed(MQTT_3_1, MQTT_SERVER, rows[i].type, &fault) == ERR_OK) ==
				    rows[i].server);
		CHECK(name, (mqtt_type_allowed(MQTT_5, MQTT_CLIENT, rows[i].type, &fault) == ERR_OK) ==
				    rows[i].client_5);
		CHECK(name, (mqtt_type_allowed(MQTT_5, MQTT_SERVER, rows[i].type, &fault) == ERR_OK) ==
				    rows[i].server_5);
	}
}

int main(void)
{
	check_heads();
	check_first_bytes();
	check_stream();
	check_directions();
	return test_result();
}
