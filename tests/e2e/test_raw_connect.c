/*
 * Goal: the first packet on a connection, by real sockets: what is answered, with what, and that a refusal ends it.
 */
#include <string.h>

#include "tests/e2e/matrix.h"
#include "tests/e2e/raw.h"

#define SILENT (-1) /* closed without an answer */

/* v4: 10 LEN 0004 'MQTT' 04 flags keepalive, client id; v5 has properties behind the keep alive. */
static const struct {
	const char *name;
	const char *hex;
	enum mqtt_version version;
	int reason;         /* of CONNACK as MQTT 5 names it */
	const char *clause; /* in the log */
} rows[] = {
	{"MQTT-3.1.0-1 no CONNECT first", "c000", MQTT_5, SILENT, "MQTT-3.1.0-1"},
	{"MQTT-3.1.0-1 a PUBLISH first", "3003000174", MQTT_3_1_1, SILENT, "MQTT-3.1.0-1"},
	{"3.1.1 MQTT-3.1.4-1 a reserved flag", "100d00044d5154540403000a000178", MQTT_3_1_1, SILENT,
		"MQTT-3.1.2-3"},
	{"MQTT-3.1.4-1 the same in MQTT 5", "100e00044d5154540503000a00000178", MQTT_5,
		MQTT_REASON_MALFORMED_PACKET, "MQTT-3.1.2-3"},
	{"3.1.1 MQTT-3.1.4-1 something behind the end", "100e00044d5154540402000a00017800", MQTT_3_1_1,
		SILENT, "MQTT-4.8.0-1"},
	{"3.1.1 MQTT-3.2.2-5 a level that is not known", "100d00044d5154540302000a000178", MQTT_3_1_1,
		MQTT_REASON_UNSUPPORTED_VERSION, "MQTT-3.1.2-2"},
	{"MQTT-3.2.2-7 a level that is not known", "100e00044d5154540602000a00000178", MQTT_5,
		MQTT_REASON_UNSUPPORTED_VERSION, "MQTT-3.1.2-2"},
	{"3.1.1 MQTT-3.1.3-8 no client id and no clean session", "100c00044d5154540400000a0000", MQTT_3_1_1,
		MQTT_REASON_CLIENT_ID_NOT_VALID, "MQTT-3.1.3-8"},
	{"MQTT-4.12.0-1 an authentication method", "101200044d5154540502000a0415000178000178", MQTT_5,
		MQTT_REASON_BAD_AUTHENTICATION_METHOD, "MQTT-4.12.0-1"},
	/* Behind each of these stands a PUBLISH to t/a that nobody may get. */
	{"MQTT-3.1.4-6 what follows a refused CONNECT",
		"100e00044d5154540602000a00000178"
		"30080003742f61007878",
		MQTT_5, MQTT_REASON_UNSUPPORTED_VERSION, "MQTT-3.1.2-2"},
	{"3.1.1 MQTT-3.1.4-5 what follows a refused CONNECT",
		"100d00044d5154540302000a000178"
		"30070003742f617878",
		MQTT_3_1_1, MQTT_REASON_UNSUPPORTED_VERSION, "MQTT-3.1.2-2"},
};

static void refused(struct matrix *matrix, size_t i, struct raw *watcher)
{
	struct raw raw;
	struct mqtt_packet_view got;
	struct log_line line;
	long from = site_log_end(&matrix->site);
	char clause[64];

	REQUIRE(rows[i].name, raw_open(&raw, matrix->plain_port));
	raw.version = rows[i].version;
	REQUIRE(rows[i].name, raw_send_hex(&raw, rows[i].hex));
	if (rows[i].reason != SILENT) {
		CHECK(rows[i].name, raw_expect(&raw, MQTT_CONNACK, &got));
		CHECK(rows[i].name, got.as.connack.reason == rows[i].reason);
	}
	/* Nothing more comes, but the end. */
	CHECK(rows[i].name, raw_recv(&raw, E2E_WAIT_MS, &got) == RAW_CLOSED);
	raw_close(&raw);
	(void)snprintf(clause, sizeof(clause), "\"%s\"", rows[i].clause);
	CHECK(rows[i].name,
		site_log_find(&matrix->site, from, E2E_WAIT_MS, &line, (const char *const[]){clause, NULL}));
	CHECK(rows[i].name, raw_recv(watcher, 0, &got) == RAW_SILENT);
}

/* A refused login: CONNACK, and the end (MQTT-4.12.0-4). */
static void wrong_password(const struct matrix *matrix, enum mqtt_version version)
{
	static const char row[] = "MQTT-4.12.0-4 MQTT-3.2.2-7, 3.1.1 MQTT-3.2.2-5 a wrong password";
	struct raw raw;
	struct raw_identity identity = {matrix->cert, matrix->key};
	struct raw_connect connect = {
		.version = version, .client_id = "w", .user = "app", .password = "wrong"};

	REQUIRE(row, raw_open(&raw, matrix->tls_port) && raw_tls(&raw, &identity));
	CHECK(row, raw_login(&raw, &connect, NULL) == MQTT_REASON_BAD_USER_NAME_OR_PASSWORD);
	CHECK(row, raw_drain(&raw) == RAW_CLOSED);
	raw_close(&raw);
}

/* An empty client id is given one, and no other session's. */
static void assigned(const struct matrix *matrix)
{
	static const char row[] = "MQTT-3.1.3-6 MQTT-3.1.3-7 MQTT-3.2.2-16 no client id";
	struct raw raw[2];
	char names[2][64] = {"", ""};

	for (size_t i = 0; i < 2; i++) {
		struct mqtt_packet_view got;
		struct buf packet = BUF_INIT(1024);
		struct raw_connect connect = {.version = MQTT_5, .client_id = ""};

		REQUIRE(row, raw_open(&raw[i], matrix->plain_port));
		raw[i].version = MQTT_5;
		raw_connect_packet(&connect, &packet);
		CHECK(row, raw_send(&raw[i], buf_bytes(&packet)));
		buf_release(&packet);
		REQUIRE(row, raw_expect(&raw[i], MQTT_CONNACK, &got));
		CHECK(row, got.as.connack.reason == 0);
		const struct bytes name = got.as.connack.props.assigned_client_id;

		REQUIRE(row, name.len > 0 && name.len < sizeof(names[i]));
		memcpy(names[i], name.data, name.len);
	}
	CHECK(row, strcmp(names[0], names[1]) != 0);
	for (size_t i = 0; i < 2; i++) {
		CHECK(row, raw_subscribe(&raw[i], "t/a", 0) == 0);
		raw_close(&raw[i]);
	}
}

/* TCP may cut anywhere: CONNECT and what follows it a byte at a time, and all at once before CONNACK. */
static void in_pieces(const struct matrix *matrix, bool whole)
{
	static const char row[] = "MQTT-4.2.0-1, 3.1.1 MQTT-7.1.1-1 an ordered, lossless stream";
	struct raw raw;
	struct mqtt_packet_view got;
	struct buf packets = BUF_INIT(1024);
	struct raw_connect connect = {.version = MQTT_5, .client_id = "pieces"};

	raw_connect_packet(&connect, &packets);
	raw_subscribe_packet(MQTT_5, 1, "t/a", 1, &packets);
	raw_publish_packet(MQTT_5,
		&(struct mqtt_publish_view){
			.topic = bytes_text("t/a"), .payload = bytes_text("hello"), .qos = 0},
		&packets);
	REQUIRE(row, raw_open(&raw, matrix->plain_port));
	raw.version = MQTT_5;
	for (size_t i = 0; i < packets.len; i += whole ? packets.len : 1) {
		CHECK(row, raw_send(&raw, bytes_of(packets.data + i, whole ? packets.len : 1)));
	}
	CHECK(row, raw_expect(&raw, MQTT_CONNACK, &got) && got.as.connack.reason == 0);
	CHECK(row, raw_expect(&raw, MQTT_SUBACK, &got));
	CHECK(row, raw_expect(&raw, MQTT_PUBLISH, &got) && bytes_equal_text(got.as.publish.payload, "hello"));
	buf_release(&packets);
	raw_close(&raw);
}

/* A refusal names itself in a Reason String, but not to a client that takes 16 bytes at most (MQTT-3.2.2-19). */
static void small_packets(struct matrix *matrix)
{
	static const struct {
		const char *name, *hex;
		bool told;
	} sizes[] = {
		{"a refusal has an id", "101300044d5154540582000a000001780003626164", true},
		{"MQTT-3.2.2-19 within Maximum Packet Size 16",
			"101800044d5154540582000a0527000000100001780003626164", false},
	};

	CHECK("USERMAP", site_mqsc(&matrix->site,
				 "SET CHLAUTH(OPEN) TYPE(USERMAP) CLNTUSER('bad') USERSRC(NOACCESS)") == 0);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct raw raw;
		struct mqtt_packet_view got;

		REQUIRE(sizes[i].name, raw_open(&raw, matrix->plain_port));
		raw.version = MQTT_5;
		REQUIRE(sizes[i].name, raw_send_hex(&raw, sizes[i].hex));
		REQUIRE(sizes[i].name, raw_expect(&raw, MQTT_CONNACK, &got));
		CHECK(sizes[i].name, got.as.connack.reason == MQTT_REASON_NOT_AUTHORIZED);
		CHECK(sizes[i].name, (got.as.connack.props.reason_string.len > 0) == sizes[i].told);
		CHECK(sizes[i].name, (raw.packet.len > 16) == sizes[i].told);
		CHECK(sizes[i].name, raw_drain(&raw) == RAW_CLOSED);
		raw_close(&raw);
	}
}

int main(void)
{
	struct matrix matrix;
	struct raw watcher;
	struct raw_connect connect = {.version = MQTT_5, .client_id = "watcher"};

	matrix_start(&matrix);
	REQUIRE("watcher", raw_open(&watcher, matrix.plain_port));
	REQUIRE("watcher",
		raw_login(&watcher, &connect, NULL) == 0 && raw_subscribe(&watcher, "t/a", 0) == 0);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		refused(&matrix, i, &watcher);
	}
	CHECK("the watcher hears others", raw_publish(&watcher, "t/a", "now", 0) == 0);
	struct mqtt_packet_view got;
	CHECK("and nothing came before",
		raw_expect(&watcher, MQTT_PUBLISH, &got) && bytes_equal_text(got.as.publish.payload, "now"));
	raw_close(&watcher);
	wrong_password(&matrix, MQTT_3_1_1);
	wrong_password(&matrix, MQTT_5);
	assigned(&matrix);
	in_pieces(&matrix, true);
	in_pieces(&matrix, false);
	small_packets(&matrix);
	site_stop(&matrix.site);
	return test_result();
}
