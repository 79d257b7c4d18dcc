/*
 * Goal: each protocol violation is answered as the specification says, over a real socket: MQTT 5 with the reason code in a
 * CONNACK or DISCONNECT, 3.1.1 with a close; and a client that did no wrong notices nothing. Rows are named by the clause.
 */
#include <string.h>

#include "tests/e2e/matrix.h"
#include "tests/e2e/raw.h"

#define CLOSED    (-1) /* nothing but the end */
#define UNTOUCHED (-2) /* the connection goes on */

#define CONNECT_3 "100d00044d5154540402003c000161"
#define CONNECT_5 "100e00044d5154540502003c0000000161"

struct row {
	const char *name, *hex;
	int want; /* CLOSED, UNTOUCHED, or the reason of CONNACK or DISCONNECT */
};

/* The first bytes of a connection. */
static const struct row first_rows[] = {
	{"MQTT-3.1.0-1 PINGREQ first", "c000", CLOSED},
	{"MQTT-3.1.0-1 PUBLISH first", "3005000161 6869", CLOSED},
	{"2.1.2 type 0", "0000", CLOSED},
	{"MQTT-2.1.3-1 flags of CONNECT", "110d00044d5154540402003c000161", CLOSED},
	{"1.5.5 length of five bytes", "10ffffffff01", CLOSED},
	{"larger than a CONNECT may be", "10808080 01", CLOSED},
	{"MQTT-3.1.2-1 protocol name", "100d00044d5154580402003c000161", 0x84},
	{"MQTT-3.1.2-2 level 6, answered in MQTT 5", "100e00044d5154540602003c0000000161", 0x84},
	{"MQTT-3.1.2-2 level 2, answered in 3.1.1", "100d00044d5154540202003c000161", 0x84},
	{"3.1.1 MQTT-3.1.2-3 reserved flag", "100d00044d5154540403003c000161", CLOSED},
	{"MQTT-3.1.2-3 reserved flag", "100e00044d5154540503003c00000161", 0x81},
	{"3.1.1 MQTT-3.1.2-14 will QoS 3", "101100044d515454041e003c0001610001620000", CLOSED},
	{"MQTT-3.1.2-12 will QoS 3", "101300044d515454051e003c000001610000016200 00", 0x81},
	{"3.1.1 MQTT-3.1.2-13 will QoS without a will", "100d00044d515454040a003c000161", CLOSED},
	{"MQTT-3.1.2-11 will QoS without a will", "100e00044d515454050a003c00000161", 0x81},
	{"3.1.1 MQTT-3.1.2-22 password without a user name", "101000044d5154540442003c000161000178", CLOSED},
	{"3.1.1 MQTT-3.1.3-8 no client id, not clean", "100c00044d5154540400003c0000", 0x85},
	{"MQTT-1.5.4-1 client id of bad UTF-8", "100e00044d5154540502003c000001ff", 0x81},
	{"MQTT-1.5.4-2 client id with U+0000", "100e00044d5154540502003c00000100", 0x81},
	{"3.1.1 MQTT-1.5.3-1 client id of bad UTF-8", "100d00044d5154540402003c0001ff", CLOSED},
	{"a byte behind the CONNECT", "100f00044d5154540502003c0000016100", 0x81},
	{"client id longer than the packet", "100e00044d5154540502003c00000261", 0x81},
	{"3.1.2.11.2 Session Expiry Interval twice", "101800044d5154540502003c0a11000000011100000002000161",
		0x82},
	{"3.1.2.11.3 Receive Maximum 0", "101100044d5154540502003c03210000000161", 0x82},
	{"3.1.2.11.4 Maximum Packet Size 0", "101300044d5154540502003c052700000000000161", 0x82},
	{"2.2.2.2 a property that CONNECT has not", "101000044d5154540502003c020100000161", 0x81},
	{"3.1.2.11.10 Authentication Data without a method", "101200044d5154540502003c0416000161000161",
		0x82},
	{"4.12 an authentication method that we have not", "101200044d5154540502003c0415000161000161", 0x8c},
};

/* Behind a CONNECT and CONNACK of MQTT 5. */
static const struct row five_rows[] = {
	{"MQTT-3.1.0-2 a second CONNECT", CONNECT_5, 0x82},
	{"2.1.2 type 0", "0000", 0x81},
	{"MQTT-3.3.1-4 QoS 3", "3607000161000100 68", 0x81},
	{"MQTT-3.3.1-2 DUP at QoS 0", "380500016100 68", 0x81},
	{"MQTT-3.3.2-2 wildcard in a topic name", "3005000123 0068", 0x90},
	{"MQTT-3.3.2-1 topic of bad UTF-8", "30050001ff0068", 0x81},
	{"MQTT-3.3.2-8 no topic and no alias", "30040000 0068", 0x82},
	{"MQTT-3.3.2-8 alias 0", "300700000323000068", 0x94},
	{"MQTT-3.3.2-9 alias above the maximum", "300700000323ffff68", 0x94},
	{"3.3.2.3.2 Payload Format Indicator 2", "3007000161020102 68", 0x82},
	{"MQTT-3.3.4-6 a client sends a Subscription Identifier", "3007000161020b01 68", 0x82},
	{"MQTT-2.2.1-4 QoS 1 with packet id 0", "320700016100000068", 0x82},
	{"MQTT-3.8.1-1 flags of SUBSCRIBE", "800700010000016100", 0x81},
	{"MQTT-3.8.3-2 SUBSCRIBE without a filter", "8203000100", 0x82},
	{"MQTT-2.2.1-3 SUBSCRIBE with packet id 0", "820700000000016100", 0x82},
	{"MQTT-3.8.3-5 reserved bits of the options", "82070001000001 6140", 0x81},
	{"3.8.3.1 QoS 3", "820700010000016103", 0x82},
	{"3.8.3.1 Retain Handling 3", "820700010000016130", 0x82},
	{"MQTT-3.8.3-4 No Local on a shared subscription", "821000010000 0a247368617265 2f6e2f61 04", 0x82},
	{"MQTT-4.7.1-1 # not last", "820900010000 03232f61 00", 0x8f},
	{"MQTT-3.10.1-1 flags of UNSUBSCRIBE", "a0060001000001 61", 0x81},
	{"MQTT-3.10.3-2 UNSUBSCRIBE without a filter", "a203000100", 0x82},
	{"MQTT-3.6.1-1 flags of PUBREL", "60020001", 0x81},
	{"MQTT-3.14.1-1 flags of DISCONNECT", "e100", 0x81},
	{"MQTT-3.14.2-2 Session Expiry where CONNECT had none", "e00700051100000001", 0x82},
	{"3.12 PINGREQ with a body", "c00100", 0x81},
	{"3.2 CONNACK from a client", "2003000000", 0x82},
	{"3.9 SUBACK from a client", "900400010000", 0x82},
	{"3.11 UNSUBACK from a client", "b00400010000", 0x82},
	{"3.13 PINGRESP from a client", "d000", 0x82},
	{"MQTT-4.12.0-7 AUTH where CONNECT had no method", "f000", 0x82},
	{"1.5.5 length of five bytes", "30ffffffff01", 0x81},
	{"MQTT-3.2.2-15 above Maximum Packet Size", "30a18d06", 0x95},
	{"PUBACK for nothing", "40020009", UNTOUCHED},
	{"PUBCOMP for nothing", "70020009", UNTOUCHED},
	{"a goodbye", "e000", CLOSED},
};

/* Behind a CONNECT and CONNACK of MQTT 3.1.1: always a close. */
static const struct row three_rows[] = {
	{"3.1.1 MQTT-3.1.0-2 a second CONNECT", CONNECT_3, CLOSED},
	{"3.1.1 MQTT-3.3.1-4 QoS 3", "36060001610001 68", CLOSED},
	{"3.1.1 MQTT-3.3.1-2 DUP at QoS 0", "3804000161 68", CLOSED},
	{"3.1.1 MQTT-3.3.2-2 wildcard in a topic name", "3004000123 68", CLOSED},
	{"3.1.1 MQTT-4.7.3-1 empty topic name", "30030000 68", CLOSED},
	{"3.1.1 MQTT-2.3.1-1 QoS 1 with packet id 0", "3206000161000068", CLOSED},
	{"3.1.1 MQTT-3.8.1-1 flags of SUBSCRIBE", "8006000100016100", CLOSED},
	{"3.1.1 MQTT-3.8.3-3 SUBSCRIBE without a filter", "82020001", CLOSED},
	{"3.1.1 MQTT-3.8.3-4 QoS 3", "8206000100016103", CLOSED},
	{"3.1.1 MQTT-4.7.1-2 # not last", "8208000100 03232f61 00", CLOSED},
	{"3.1.1 MQTT-3.10.1-1 flags of UNSUBSCRIBE", "a00500010001 61", CLOSED},
	{"3.1.1 MQTT-3.10.3-2 UNSUBSCRIBE without a filter", "a2020001", CLOSED},
	{"3.1.1 MQTT-3.6.1-1 flags of PUBREL", "60020001", CLOSED},
	{"3.1.1 MQTT-3.14.1-1 flags of DISCONNECT", "e100", CLOSED},
	{"3.1.1 MQTT-2.2.2-2 type 15", "f000", CLOSED},
	{"3.1.1 CONNACK from a client", "20020000", CLOSED},
	{"3.1.1 above MAXMSGL", "30a18d06", CLOSED},
	{"3.1.1 PUBACK for nothing", "40020009", UNTOUCHED},
};

/* What came: the reason of a CONNACK or DISCONNECT with a close behind it, CLOSED, or UNTOUCHED. */
static int answer(struct raw *raw, const char *row)
{
	struct mqtt_packet_view got;
	int reason = CLOSED;

	for (;;) {
		switch (raw_recv(raw, E2E_WAIT_MS, &got)) {
		case RAW_PACKET:
			if (got.type == MQTT_CONNACK) {
				reason = got.as.connack.reason;
			} else if (got.type == MQTT_DISCONNECT) {
				reason = got.as.disconnect.reason;
			} else if (got.type == MQTT_PINGRESP) {
				return UNTOUCHED;
			}
			break;
		case RAW_CLOSED: return reason;
		case RAW_RESET: (void)fprintf(stderr, "%s: a reset\n", row); return reason;
		case RAW_SILENT: (void)fprintf(stderr, "%s: silence\n", row); return -100;
		case RAW_GARBAGE: (void)fprintf(stderr, "%s: no good packet\n", row); return -101;
		}
	}
}

static void check(struct raw *raw, const struct row *row)
{
	CHECK(row->name, raw_send_hex(raw, row->hex));
	if (row->want == UNTOUCHED) {
		CHECK(row->name, raw_send_hex(raw, "c000"));
	}
	int got = answer(raw, row->name);

	if (got != row->want) {
		(void)fprintf(stderr, "%s: %d (0x%02x), not %d (0x%02x)\n", row->name, got, (unsigned)got,
			row->want, (unsigned)row->want);
	}
	CHECK(row->name, got == row->want);
	raw_close(raw);
}

static void behind_connect(
	const struct matrix *matrix, enum mqtt_version version, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct raw raw;

		REQUIRE(rows[i].name, raw_open(&raw, matrix->plain_port));
		CHECK(rows[i].name,
			raw_login(&raw, &(struct raw_connect){.version = version, .client_id = "a"}, NULL) ==
				0);
		check(&raw, &rows[i]);
	}
}

static void first(const struct matrix *matrix)
{
	for (size_t i = 0; i < ARRAY_COUNT(first_rows); i++) {
		struct raw raw;
		const char *level = strstr(first_rows[i].hex, "4d515454");

		REQUIRE(first_rows[i].name, raw_open(&raw, matrix->plain_port));
		raw.version = level != NULL && level[9] >= '5' ? MQTT_5 : MQTT_3_1_1;
		check(&raw, &first_rows[i]);
	}
}

/* MQTT-3.1.2-22 (3.1.1: -24): one and a half of the keep-alive. */
static void keep_alive(const struct matrix *matrix, enum mqtt_version version)
{
	const char *row = version == MQTT_5 ? "MQTT-3.1.2-22 keep-alive" : "3.1.1 MQTT-3.1.2-24 keep-alive";
	struct raw raw;

	REQUIRE(row, raw_open(&raw, matrix->plain_port));
	CHECK(row, raw_login(&raw,
			   &(struct raw_connect){.version = version, .client_id = "mute", .keep_alive_s = 1},
			   NULL) == 0);
	long since = e2e_now_ms();

	CHECK(row, answer(&raw, row) == (version == MQTT_5 ? MQTT_REASON_KEEP_ALIVE_TIMEOUT : CLOSED));
	long took = e2e_now_ms() - since;

	CHECK(row, took >= 1400 && took < (E2E_SLOW ? 10000 : 4000));
	raw_close(&raw);
}

/* MQTT-3.1.2-8: a protocol error is no goodbye; the will is published. */
static void will_of_an_offender(const struct matrix *matrix)
{
	const char *row = "MQTT-3.1.2-8 the will of a client that broke the protocol";
	struct raw heir;
	struct raw offender;
	struct mqtt_packet_view got;

	REQUIRE(row, raw_open(&heir, matrix->plain_port));
	REQUIRE(row, raw_open(&offender, matrix->plain_port));
	CHECK(row,
		raw_login(&heir, &(struct raw_connect){.version = MQTT_5, .client_id = "heir"}, NULL) == 0);
	CHECK(row, raw_subscribe(&heir, "t/will", 0) == 0);
	CHECK(row, raw_login(&offender,
			   &(struct raw_connect){.version = MQTT_5,
				   .client_id = "offender",
				   .will_topic = "t/will",
				   .will_payload = "gone"},
			   NULL) == 0);
	CHECK(row, raw_send_hex(&offender, "0000"));
	CHECK(row, answer(&offender, row) == MQTT_REASON_MALFORMED_PACKET);
	CHECK(row, raw_expect(&heir, MQTT_PUBLISH, &got));
	raw_close(&offender);
	raw_close(&heir);
}

int main(void)
{
	struct matrix matrix;
	struct raw bystander;
	struct mqtt_packet_view got;

	matrix_start(&matrix);
	REQUIRE("a bystander", raw_open(&bystander, matrix.plain_port));
	CHECK("a bystander",
		raw_login(&bystander, &(struct raw_connect){.version = MQTT_5, .client_id = "bystander"},
			NULL) == 0);
	first(&matrix);
	behind_connect(&matrix, MQTT_5, five_rows, ARRAY_COUNT(five_rows));
	behind_connect(&matrix, MQTT_3_1_1, three_rows, ARRAY_COUNT(three_rows));
	keep_alive(&matrix, MQTT_5);
	keep_alive(&matrix, MQTT_3_1_1);
	will_of_an_offender(&matrix);
	CHECK("a bystander notices nothing", raw_send_hex(&bystander, "c000"));
	CHECK("a bystander notices nothing", raw_expect(&bystander, MQTT_PINGRESP, &got));
	raw_close(&bystander);
	site_stop(&matrix.site);
	return test_result();
}
