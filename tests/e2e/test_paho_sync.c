/*
 * Goal: the synchronous Eclipse Paho client (MQTTClient) against the broker: MQTT 3.1.1 and 5, TLS and plain, every QoS both
 * ways, retained messages, wills, lasting sessions, takeover, sizes, unsubscribing, keep-alive.
 */
#include <MQTTClient.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/matrix.h"
#include "tests/e2e/raw.h"

struct options {
	const char *id;
	bool lasting;
	int keep_alive_s;
};

static const char *topic(const struct matrix_way *way, const char *name)
{
	return test_path(way->topics, name);
}

static bool is_five(const struct matrix_way *way)
{
	return way->version == MQTTVERSION_5;
}

static int connect_with(const struct matrix_way *way, const struct options *with, MQTTClient *out)
{
	char uri[64];
	MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
	MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
	MQTTClient_connectOptions options5 = MQTTClient_connectOptions_initializer5;
	MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
	MQTTProperties properties = MQTTProperties_initializer;
	MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
	int result;

	options = is_five(way) ? options5 : options;
	(void)snprintf(uri, sizeof(uri), "%s://localhost:%u", way->tls ? "ssl" : "tcp",
		way->tls ? way->matrix->tls_port : way->matrix->plain_port);
	create.MQTTVersion = way->version;
	REQUIRE(way->row, MQTTClient_createWithOptions(out, uri, with->id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
				  &create) == MQTTCLIENT_SUCCESS);
	tls.trustStore = way->matrix->ca;
	tls.keyStore = way->matrix->cert;
	tls.privateKey = way->matrix->key;
	tls.verify = 1;
	options.ssl = way->tls ? &tls : NULL;
	options.keepAliveInterval = with->keep_alive_s == 0 ? 60 : with->keep_alive_s;
	options.connectTimeout = 20;
	options.MQTTVersion = way->version;
	if (way->tls) {
		options.username = "app";
		options.password = way->matrix->password;
	}
	if (!is_five(way)) {
		options.cleansession = with->lasting ? 0 : 1;
		return MQTTClient_connect(*out, &options);
	}
	options.cleanstart = with->lasting ? 0 : 1;
	if (with->lasting) {
		expiry.value.integer4 = 3600;
		REQUIRE(way->row, MQTTProperties_add(&properties, &expiry) == 0);
	}
	MQTTResponse response = MQTTClient_connect5(*out, &options, &properties, NULL);

	result = (int)response.reasonCode;
	MQTTResponse_free(response);
	MQTTProperties_free(&properties);
	return result;
}

static MQTTClient connect_good(const struct matrix_way *way, const char *id, bool lasting)
{
	MQTTClient client = NULL;

	REQUIRE(way->row, connect_with(way, &(struct options){topic(way, id), lasting, 0}, &client) == 0);
	return client;
}

static void leave(const struct matrix_way *way, MQTTClient *client)
{
	if (is_five(way)) {
		(void)MQTTClient_disconnect5(*client, 5000, MQTTREASONCODE_SUCCESS, NULL);
	} else {
		(void)MQTTClient_disconnect(*client, 5000);
	}
	MQTTClient_destroy(client);
}

static int subscribe(const struct matrix_way *way, MQTTClient client, const char *filter, int qos)
{
	if (!is_five(way)) {
		return MQTTClient_subscribe(client, filter, qos);
	}
	MQTTResponse response = MQTTClient_subscribe5(client, filter, qos, NULL, NULL);
	int reason = (int)response.reasonCode;

	MQTTResponse_free(response);
	return reason;
}

struct message {
	const char *topic, *payload;
	size_t len;
	int qos;
	bool retained;
};

static int publish(const struct matrix_way *way, MQTTClient client, const struct message *message)
{
	union {
		const char *in;
		char *out; /* only read */
	} payload = {.in = message->payload};
	MQTTClient_message out = MQTTClient_message_initializer;
	MQTTClient_deliveryToken token = 0;
	int result;

	out.payload = payload.out;
	out.payloadlen = (int)message->len;
	out.qos = message->qos;
	out.retained = message->retained;
	if (is_five(way)) {
		MQTTResponse response = MQTTClient_publishMessage5(client, message->topic, &out, &token);

		result = (int)response.reasonCode;
		MQTTResponse_free(response);
	} else {
		result = MQTTClient_publishMessage(client, message->topic, &out, &token);
	}
	return result != 0 ? result : MQTTClient_waitForCompletion(client, token, 10000);
}

/* The next message must be this one. */
static void expect(const struct matrix_way *way, MQTTClient client, const struct message *want)
{
	char *topic = NULL;
	int topic_len = 0;
	MQTTClient_message *got = NULL;
	int result = MQTTClient_receive(client, &topic, &topic_len, &got, (unsigned long)E2E_WAIT_MS);

	CHECK(way->row, result == MQTTCLIENT_SUCCESS || result == MQTTCLIENT_TOPICNAME_TRUNCATED);
	CHECK(way->row, got != NULL);
	if (got != NULL) {
		CHECK(way->row, strcmp(topic, want->topic) == 0);
		CHECK(way->row, (size_t)got->payloadlen == want->len &&
					(want->payload == NULL ||
						memcmp(got->payload, want->payload, want->len) == 0));
		CHECK(way->row, got->qos == want->qos);
		CHECK(way->row, (got->retained != 0) == want->retained);
		MQTTClient_freeMessage(&got);
		MQTTClient_free(topic);
	}
}

static void expect_nothing(const struct matrix_way *way, MQTTClient client)
{
	char *topic = NULL;
	int topic_len = 0;
	MQTTClient_message *got = NULL;

	(void)MQTTClient_receive(client, &topic, &topic_len, &got, (unsigned long)E2E_QUIET_MS);
	CHECK(way->row, got == NULL);
	if (got != NULL) {
		MQTTClient_freeMessage(&got);
		MQTTClient_free(topic);
	}
}

/* Every QoS of a publisher to every QoS of a subscriber: the lower one counts (MQTT-3.8.4-8). */
static void levels(const struct matrix_way *way)
{
	MQTTClient to = connect_good(way, "to", false);
	MQTTClient from = connect_good(way, "from", false);

	for (int granted = 0; granted < 3; granted++) {
		int reason = subscribe(way, to, topic(way, "levels/+"), granted);

		CHECK(way->row, is_five(way) ? reason == granted : reason == MQTTCLIENT_SUCCESS);
		for (int sent = 0; sent < 3; sent++) {
			struct message message = {topic(way, "levels/a"), "level", 5, sent, false};

			CHECK(way->row, publish(way, from, &message) == 0);
			message.qos = sent < granted ? sent : granted;
			expect(way, to, &message);
		}
	}
	if (is_five(way)) {
		MQTTResponse response = MQTTClient_unsubscribe5(to, topic(way, "levels/+"), NULL);

		CHECK(way->row, response.reasonCode == MQTTREASONCODE_SUCCESS);
		MQTTResponse_free(response);
	} else {
		CHECK(way->row, MQTTClient_unsubscribe(to, topic(way, "levels/+")) == MQTTCLIENT_SUCCESS);
	}
	CHECK(way->row,
		publish(way, from, &(struct message){topic(way, "levels/a"), "late", 4, 1, false}) == 0);
	expect_nothing(way, to);
	leave(way, &from);
	leave(way, &to);
}

static void retained(const struct matrix_way *way)
{
	MQTTClient client = connect_good(way, "keeper", false);

	CHECK(way->row, publish(way, client, &(struct message){topic(way, "kept"), "old", 3, 1, true}) == 0);
	CHECK(way->row, publish(way, client, &(struct message){topic(way, "kept"), "kept", 4, 1, true}) == 0);
	CHECK(way->row, subscribe(way, client, topic(way, "kept"), 2) >= 0);
	expect(way, client, &(struct message){topic(way, "kept"), "kept", 4, 1, true});
	CHECK(way->row, publish(way, client, &(struct message){topic(way, "kept"), "", 0, 1, true}) == 0);
	expect(way, client, &(struct message){topic(way, "kept"), NULL, 0, 1, false});
	CHECK(way->row, subscribe(way, client, topic(way, "+"), 1) >= 0);
	expect_nothing(way, client);
	leave(way, &client);
}

static void lasting(const struct matrix_way *way)
{
	char text[16];
	MQTTClient from = connect_good(way, "from", false);
	MQTTClient sleeper = connect_good(way, "sleeper", true);

	CHECK(way->row, subscribe(way, sleeper, topic(way, "queue"), 2) >= 0);
	leave(way, &sleeper);
	/* First QoS 1, then QoS 2: Paho hands a QoS 2 message on at its PUBREL, which may be behind a later one of QoS 1. */
	for (int i = 0; i < 6; i++) {
		(void)snprintf(text, sizeof(text), "n%d", i);
		CHECK(way->row, publish(way, from,
					&(struct message){topic(way, "queue"), text, strlen(text), 1 + i / 3,
						false}) == 0);
	}
	sleeper = connect_good(way, "sleeper", true);
	for (int i = 0; i < 6; i++) {
		(void)snprintf(text, sizeof(text), "n%d", i);
		expect(way, sleeper,
			&(struct message){topic(way, "queue"), text, strlen(text), 1 + i / 3, false});
	}
	leave(way, &sleeper);
	sleeper = connect_good(way, "sleeper", false); /* a clean one ends it */
	CHECK(way->row, publish(way, from, &(struct message){topic(way, "queue"), "gone", 4, 1, false}) == 0);
	expect_nothing(way, sleeper);
	leave(way, &sleeper);
	leave(way, &from);
}

/* The socket of a client with a will is cut; the will reaches the subscriber. A goodbye drops it. */
static void will(const struct matrix_way *way)
{
	struct raw_identity identity = {way->matrix->cert, way->matrix->key};
	MQTTClient heir = connect_good(way, "heir", false);

	CHECK(way->row, subscribe(way, heir, topic(way, "will"), 1) >= 0);
	for (int polite = 0; polite < 2; polite++) {
		struct raw raw;
		struct raw_connect connect = {.version = is_five(way) ? MQTT_5 : MQTT_3_1_1,
			.client_id = topic(way, "testator"),
			.user = way->tls ? "app" : NULL,
			.password = way->tls ? way->matrix->password : NULL,
			.will_topic = topic(way, "will"),
			.will_payload = "goods"};

		REQUIRE(way->row, raw_open(&raw, way->tls ? way->matrix->tls_port : way->matrix->plain_port));
		REQUIRE(way->row, !way->tls || raw_tls(&raw, &identity));
		CHECK(way->row, raw_login(&raw, &connect, NULL) == 0);
		if (polite == 1) {
			CHECK(way->row, raw_send_hex(&raw, "e000"));
			CHECK(way->row, raw_drain(&raw) == RAW_CLOSED);
			raw_close(&raw);
			expect_nothing(way, heir);
		} else {
			raw_cut(&raw);
			expect(way, heir, &(struct message){topic(way, "will"), "goods", 5, 1, false});
		}
	}
	leave(way, &heir);
}

static bool gone(MQTTClient client)
{
	long deadline = e2e_now_ms() + (long)E2E_WAIT_MS;

	while (MQTTClient_isConnected(client) && e2e_now_ms() < deadline) {
		MQTTClient_yield();
	}
	return !MQTTClient_isConnected(client);
}

/* MQTT-3.1.4-3: the older connection of a client id ends. */
static void takeover(const struct matrix_way *way)
{
	MQTTClient first = connect_good(way, "twin", true);

	CHECK(way->row, subscribe(way, first, topic(way, "twin"), 1) >= 0);
	MQTTClient second = connect_good(way, "twin", true);

	CHECK(way->row, gone(first));
	MQTTClient_destroy(&first);
	CHECK(way->row,
		publish(way, second, &(struct message){topic(way, "twin"), "heir", 4, 1, false}) == 0);
	expect(way, second, &(struct message){topic(way, "twin"), "heir", 4, 1, false});
	leave(way, &second);
	second = connect_good(way, "twin", false);
	leave(way, &second);
}

static void sizes(const struct matrix_way *way)
{
	/* Fixed header 4, the topic with its length, packet id 2, and with MQTT 5 one byte of properties. */
	size_t most = MATRIX_PACKET_BYTES_MAX - 8u - strlen(topic(way, "big")) - (is_five(way) ? 1u : 0u);
	char *payload = malloc(MATRIX_PACKET_BYTES_MAX);
	MQTTClient to = connect_good(way, "to", false);
	MQTTClient from = connect_good(way, "from", false);

	REQUIRE(way->row, payload != NULL);
	memset(payload, 'x', MATRIX_PACKET_BYTES_MAX);
	CHECK(way->row, subscribe(way, to, topic(way, "big"), 1) >= 0);
	CHECK(way->row,
		publish(way, from, &(struct message){topic(way, "big"), payload, most, 1, false}) == 0);
	expect(way, to, &(struct message){topic(way, "big"), payload, most, 1, false});
	/* Paho knows the broker's Maximum Packet Size in MQTT 5 but leaves it to the broker. */
	CHECK(way->row,
		publish(way, from, &(struct message){topic(way, "big"), payload, most + 1, 1, false}) != 0);
	CHECK(way->row, gone(from));
	expect_nothing(way, to);
	MQTTClient_destroy(&from);
	leave(way, &to);
	free(payload);
}

/* Right and wrong beside each other: what app may not use. */
static void rights(const struct matrix_way *way)
{
	MQTTClient client = connect_good(way, "curious", false);
	int reason = subscribe(way, client, "elsewhere", 1);

	CHECK(way->row, reason == (is_five(way) ? 0x87 : 0x80));
	CHECK(way->row, subscribe(way, client, "#", 1) >= 0x80);
	leave(way, &client);
}

/* Its pings keep it there; longer than one and a half of the interval. */
static void keep_alive(const struct matrix_way *way)
{
	MQTTClient quiet = NULL;

	CHECK(way->row, connect_with(way, &(struct options){topic(way, "quiet"), false, 1}, &quiet) == 0);
	for (long since = e2e_now_ms(); e2e_now_ms() < since + 2500;) {
		MQTTClient_yield();
	}
	CHECK(way->row, MQTTClient_isConnected(quiet));
	leave(way, &quiet);
}

static void all(const struct matrix_way *way)
{
	void (*const parts[])(const struct matrix_way *) = {
		levels, retained, lasting, will, takeover, sizes, rights, keep_alive};
	MQTTClient_init_options init = MQTTClient_init_options_initializer;

	init.do_openssl_init = 1;
	MQTTClient_global_init(&init);
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		parts[i](way);
	}
}

int main(void)
{
	matrix_each_way(all);
	return test_result();
}
