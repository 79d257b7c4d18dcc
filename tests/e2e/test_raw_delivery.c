/*
 * Goal: how a stream is cut does not matter: CONNECT, SUBSCRIBE and PUBLISH in one write, byte by byte, and split at every
 * offset, over TCP and TLS and in both versions, always have the same answers.
 */
#include <string.h>

#include "tests/e2e/matrix.h"
#include "tests/e2e/raw.h"

struct way {
	bool tls;
	enum mqtt_version version;
};

static void all_packets(const struct matrix *matrix, const struct way *way, struct buf *out)
{
	raw_connect_packet(&(struct raw_connect){.version = way->version,
				   .client_id = way->tls ? "cut-tls" : "cut",
				   .user = way->tls ? "app" : NULL,
				   .password = way->tls ? matrix->password : NULL},
		out);
	raw_subscribe_packet(way->version, 1, way->tls ? "t/cut-tls" : "t/cut", 1, out);
	raw_publish_packet(way->version,
		&(struct mqtt_publish_view){.topic = bytes_text(way->tls ? "t/cut-tls" : "t/cut"),
			.payload = bytes_text("payload"),
			.qos = 1,
			.packet_id = 2},
		out);
}

static void answers(struct raw *raw, const char *row)
{
	struct mqtt_packet_view got;
	bool acked = false;
	bool arrived = false;

	CHECK(row, raw_expect(raw, MQTT_CONNACK, &got) && got.as.connack.reason == 0);
	CHECK(row, raw_expect(raw, MQTT_SUBACK, &got) && got.as.suback.packet_id == 1);
	for (int i = 0; i < 2; i++) {
		CHECK(row, raw_recv(raw, E2E_WAIT_MS, &got) == RAW_PACKET);
		acked = acked || (got.type == MQTT_PUBACK && got.as.ack.packet_id == 2);
		arrived = arrived ||
			  (got.type == MQTT_PUBLISH && bytes_equal_text(got.as.publish.payload, "payload"));
	}
	CHECK(row, acked && arrived);
}

static void begin(const struct matrix *matrix, const struct way *way, const char *row, struct raw *raw)
{
	struct raw_identity identity = {matrix->cert, matrix->key};

	REQUIRE(row, raw_open(raw, way->tls ? matrix->tls_port : matrix->plain_port));
	REQUIRE(row, !way->tls || raw_tls(raw, &identity));
	raw->version = way->version;
}

static void cut_everywhere(const struct matrix *matrix, const struct way *way)
{
	char row[64];
	struct buf all = BUF_INIT(4096);
	struct raw raw;

	all_packets(matrix, way, &all);
	for (size_t at = 0; at < all.len; at += E2E_SLOW ? 5 : 1) {
		(void)snprintf(row, sizeof(row), "%s, %s, cut at %zu", way->tls ? "tls" : "tcp",
			mqtt_version_name(way->version), at);
		begin(matrix, way, row, &raw);
		CHECK(row, raw_send(&raw, bytes_of(all.data, at)));
		if (at > 0) {
			e2e_pause(); /* so that the broker sees the first part alone, as a rule */
		}
		CHECK(row, raw_send(&raw, bytes_of(all.data + at, all.len - at)));
		answers(&raw, row);
		raw_close(&raw);
	}
	begin(matrix, way, "byte by byte", &raw);
	for (size_t at = 0; at < all.len; at++) {
		CHECK("byte by byte", raw_send(&raw, bytes_of(all.data + at, 1)));
	}
	answers(&raw, "byte by byte");
	raw_close(&raw);
	buf_release(&all);
}

/* Many packets behind CONNECT in one write: none is lost, none comes before CONNACK, order holds. */
static void pipeline(const struct matrix *matrix, const struct way *way)
{
	enum { MESSAGES = 200 };
	struct buf all = BUF_INIT(1u << 20);
	struct mqtt_packet_view got;
	struct raw raw;
	char text[16];
	int arrived = 0;
	int acked = 0;

	raw_connect_packet(&(struct raw_connect){.version = way->version,
				   .client_id = "pipe",
				   .user = way->tls ? "app" : NULL,
				   .password = way->tls ? matrix->password : NULL},
		&all);
	raw_subscribe_packet(way->version, 1, "t/pipe", 0, &all);
	for (int i = 0; i < MESSAGES; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		raw_publish_packet(way->version,
			&(struct mqtt_publish_view){.topic = bytes_text("t/pipe"),
				.payload = bytes_text(text),
				.qos = 1,
				.packet_id = (uint16_t)(i + 2)},
			&all);
	}
	begin(matrix, way, "pipeline", &raw);
	CHECK("pipeline", raw_send(&raw, buf_bytes(&all)));
	CHECK("pipeline: CONNACK is first (MQTT-3.2.0-1)", raw_expect(&raw, MQTT_CONNACK, &got));
	CHECK("pipeline: SUBACK", raw_expect(&raw, MQTT_SUBACK, &got));
	while (arrived < MESSAGES || acked < MESSAGES) {
		if (raw_recv(&raw, E2E_WAIT_MS, &got) != RAW_PACKET) {
			break;
		}
		if (got.type == MQTT_PUBACK) {
			CHECK("MQTT-4.6.0-2 acknowledged in order", got.as.ack.packet_id == acked + 2);
			acked++;
		} else {
			(void)snprintf(text, sizeof(text), "%d", arrived);
			CHECK("MQTT-4.6.0-5 delivered in order",
				got.type == MQTT_PUBLISH && bytes_equal_text(got.as.publish.payload, text));
			arrived++;
		}
	}
	CHECK("pipeline: all", arrived == MESSAGES && acked == MESSAGES);
	raw_close(&raw);
	buf_release(&all);
}

static void one_way(void *ctx, size_t i)
{
	struct way way = {i == 1, MQTT_3_1_1};

	cut_everywhere(ctx, &way);
	way.version = MQTT_5;
	cut_everywhere(ctx, &way);
}

int main(void)
{
	static const struct way ways[] = {
		{false, MQTT_3_1_1}, {false, MQTT_5}, {true, MQTT_3_1_1}, {true, MQTT_5}};
	struct matrix matrix;

	matrix_start(&matrix);
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
		pipeline(&matrix, &ways[i]);
	}
	e2e_in_parallel(2, one_way, &matrix);
	site_stop(&matrix.site);
	return test_result();
}
