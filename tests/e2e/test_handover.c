/*
 * Goal: connections move between workers under load and lose nothing; a graceful stop says DISCONNECT 0x8B to every MQTT 5
 * client, lasting sessions included, and ends in order.
 */
#include <signal.h>
#include <string.h>

#include "tests/e2e/matrix.h"
#include "tests/e2e/raw.h"

#define CROWDS 4
#define ROUNDS (E2E_SLOW ? 25 : 120)

/* CONNECT, SUBSCRIBE and PUBLISH in one write: what waits behind CONNECT moves along with the connection. */
static void round_of(const struct matrix *matrix, bool tls, size_t crowd, int round)
{
	char id[32];
	char topic[40];
	struct raw raw;
	struct raw_identity identity = {matrix->cert, matrix->key};
	struct buf all = BUF_INIT(4096);
	struct mqtt_packet_view got;
	bool subscribed = false;
	bool acked = false;
	bool arrived = false;

	(void)snprintf(id, sizeof(id), "crowd%zu-%d", crowd, round);
	(void)snprintf(topic, sizeof(topic), "t/%s", id);
	raw_connect_packet(&(struct raw_connect){.version = MQTT_5,
				   .client_id = id,
				   .user = tls ? "app" : NULL,
				   .password = tls ? matrix->password : NULL},
		&all);
	raw_subscribe_packet(MQTT_5, 1, topic, 1, &all);
	raw_publish_packet(MQTT_5,
		&(struct mqtt_publish_view){
			.topic = bytes_text(topic), .payload = bytes_text(id), .qos = 1, .packet_id = 2},
		&all);
	REQUIRE(id, raw_open(&raw, tls ? matrix->tls_port : matrix->plain_port));
	raw.version = MQTT_5;
	REQUIRE(id, !tls || raw_tls(&raw, &identity));
	CHECK(id, raw_send(&raw, buf_bytes(&all)));
	CHECK(id, raw_expect(&raw, MQTT_CONNACK, &got));
	while (!subscribed || !acked || !arrived) {
		if (raw_recv(&raw, E2E_WAIT_MS, &got) != RAW_PACKET) {
			break;
		}
		subscribed = subscribed || got.type == MQTT_SUBACK;
		acked = acked || (got.type == MQTT_PUBACK && got.as.ack.reason == 0);
		arrived =
			arrived || (got.type == MQTT_PUBLISH && bytes_equal_text(got.as.publish.payload, id));
	}
	CHECK(id, subscribed && acked && arrived);
	raw_close(&raw);
	buf_release(&all);
}

static void crowd_of(void *ctx, size_t i)
{
	const struct matrix *matrix = ctx;

	for (int round = 0; round < ROUNDS; round++) {
		round_of(matrix, i % 2 == 1, i, round);
	}
}

#define GUESTS 12

static void graceful_stop(struct matrix *matrix)
{
	struct raw guests[GUESTS];
	struct raw_identity identity = {matrix->cert, matrix->key};
	struct mqtt_packet_view got;
	char id[32];

	for (size_t i = 0; i < GUESTS; i++) {
		bool tls = i % 2 == 1;
		struct raw_connect connect = {.version = i % 3 == 2 ? MQTT_3_1_1 : MQTT_5,
			.client_id = id,
			.user = tls ? "app" : NULL,
			.password = tls ? matrix->password : NULL,
			.lasting = i % 4 < 2};

		(void)snprintf(id, sizeof(id), "guest%zu", i);
		REQUIRE(id, raw_open(&guests[i], tls ? matrix->tls_port : matrix->plain_port));
		REQUIRE(id, !tls || raw_tls(&guests[i], &identity));
		CHECK(id, raw_login(&guests[i], &connect, NULL) == 0);
		CHECK(id, raw_subscribe(&guests[i], "t/guests", 1) == 1);
	}
	site_signal(&matrix->site, SIGTERM);
	for (size_t i = 0; i < GUESTS; i++) {
		const char *row =
			guests[i].version == MQTT_5 ? "graceful stop, MQTT 5" : "graceful stop, MQTT 3.1.1";

		if (guests[i].version == MQTT_5) {
			bool told = raw_expect(&guests[i], MQTT_DISCONNECT, &got);

			CHECK(row, told);
			CHECK(row, told && got.as.disconnect.reason == MQTT_REASON_SERVER_SHUTTING_DOWN);
		}
		CHECK(row, raw_drain(&guests[i]) == RAW_CLOSED);
		raw_close(&guests[i]);
	}
}

int main(void)
{
	struct matrix matrix;

	matrix_start(&matrix);
	e2e_in_parallel(CROWDS, crowd_of, &matrix);
	graceful_stop(&matrix);
	site_stop(&matrix.site);
	return test_result();
}
