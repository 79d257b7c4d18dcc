/*
 * Goal: the harness and the raw client themselves: both channels, both versions, every QoS from a publisher to a subscriber.
 */
#include <string.h>

#include "tests/e2e/matrix.h"
#include "tests/e2e/raw.h"

static void one(const struct matrix *matrix, bool tls, enum mqtt_version version)
{
	char row[64];
	struct raw raw;
	struct mqtt_packet_view got;
	struct raw_identity identity = {matrix->cert, matrix->key};

	(void)snprintf(row, sizeof(row), "%s, %s", tls ? "tls" : "tcp", mqtt_version_name(version));
	REQUIRE(row, raw_open(&raw, tls ? matrix->tls_port : matrix->plain_port));
	REQUIRE(row, !tls || raw_tls(&raw, &identity));
	struct raw_connect connect = {.version = version,
		.client_id = "raw",
		.user = tls ? "app" : NULL,
		.password = tls ? matrix->password : NULL};

	CHECK(row, raw_login(&raw, &connect, NULL) == 0);
	for (uint8_t qos = 0; qos < 3; qos++) {
		CHECK(row, raw_subscribe(&raw, "t/a", qos) == qos);
		uint8_t sent = qos > 1 ? 1 : qos; /* QoS 2 out of turn would be more of a client */
		struct buf packet = BUF_INIT(1024);

		raw_publish_packet(version,
			&(struct mqtt_publish_view){.topic = bytes_text("t/a"),
				.payload = bytes_text("hello"),
				.qos = sent,
				.packet_id = sent == 0 ? 0 : 7},
			&packet);
		CHECK(row, raw_send(&raw, buf_bytes(&packet)));
		buf_release(&packet);
		bool acked = sent == 0;
		bool arrived = false;

		while (!acked || !arrived) {
			if (raw_recv(&raw, E2E_WAIT_MS, &got) != RAW_PACKET) {
				break;
			}
			acked = acked || got.type == MQTT_PUBACK;
			if (got.type == MQTT_PUBLISH) {
				arrived = true;
				CHECK(row, got.as.publish.qos == sent);
				CHECK(row, bytes_equal_text(got.as.publish.payload, "hello"));
				if (sent == 1) {
					struct buf ack = BUF_INIT(64);

					raw_ack_packet(version, MQTT_PUBACK, got.as.publish.packet_id, &ack);
					CHECK(row, raw_send(&raw, buf_bytes(&ack)));
					buf_release(&ack);
				}
			}
		}
		CHECK(row, acked && arrived);
	}
	raw_close(&raw);
}

int main(void)
{
	struct matrix matrix;

	matrix_start(&matrix);
	for (int tls = 0; tls < 2; tls++) {
		one(&matrix, tls == 1, MQTT_3_1_1);
		one(&matrix, tls == 1, MQTT_5);
	}
	site_stop(&matrix.site);
	return test_result();
}
