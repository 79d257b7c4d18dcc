/*
 * Goal: the asynchronous Eclipse Paho client (MQTTAsync) against the broker: MQTT 3.1.1 and 5, TLS and plain, every QoS both
 * ways with many messages under way, a lasting session, takeover with its DISCONNECT reason, refusals as the client sees them.
 */
#include <MQTTAsync.h>
#include <pthread.h>
#include <string.h>

#include "tests/e2e/matrix.h"

#define BURST 60

struct client {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	MQTTAsync handle;
	const struct matrix_way *way;
	int done, failed; /* of what was asked last: counts */
	int code;         /* of the last success or failure */
	int arrived, last_qos, out_of_order;
	int lost, disconnect_reason;
};

static void told(struct client *client, int *counter, int code)
{
	(void)pthread_mutex_lock(&client->lock);
	(*counter)++;
	client->code = code;
	(void)pthread_cond_signal(&client->changed);
	(void)pthread_mutex_unlock(&client->lock);
}

static void on_success(void *ctx, MQTTAsync_successData *data)
{
	struct client *client = ctx;

	(void)data;
	told(client, &client->done, 0);
}

static void on_failure(void *ctx, MQTTAsync_failureData *data)
{
	struct client *client = ctx;

	told(client, &client->failed, data == NULL ? -1 : data->code);
}

static void on_success5(void *ctx, MQTTAsync_successData5 *data)
{
	struct client *client = ctx;

	told(client, &client->done, data == NULL ? 0 : (int)data->reasonCode);
}

static void on_failure5(void *ctx, MQTTAsync_failureData5 *data)
{
	struct client *client = ctx;

	/* A CONNACK's reason stands in code, a PUBACK's in reasonCode. */
	told(client, &client->failed,
		data == NULL            ? -1
		: data->reasonCode != 0 ? (int)data->reasonCode
					: data->code);
}

static void on_lost(void *ctx, char *cause)
{
	struct client *client = ctx;

	(void)cause;
	told(client, &client->lost, client->code);
}

static void on_disconnected(void *ctx, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
	struct client *client = ctx;

	(void)properties;
	(void)pthread_mutex_lock(&client->lock);
	client->disconnect_reason = (int)reason;
	client->lost++;
	(void)pthread_cond_signal(&client->changed);
	(void)pthread_mutex_unlock(&client->lock);
}

/* Payloads are their numbers, "0" and upwards. */
static int on_arrived(void *ctx, char *topic, int topic_len, MQTTAsync_message *message)
{
	struct client *client = ctx;
	char want[16];

	(void)topic_len;
	(void)pthread_mutex_lock(&client->lock);
	(void)snprintf(want, sizeof(want), "%d", client->arrived % BURST);
	if ((size_t)message->payloadlen != strlen(want) ||
		memcmp(message->payload, want, strlen(want)) != 0) {
		client->out_of_order++;
	}
	client->arrived++;
	client->last_qos = message->qos;
	(void)pthread_cond_signal(&client->changed);
	(void)pthread_mutex_unlock(&client->lock);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	return 1;
}

static bool wait_for(struct client *client, const int *counter, int want, unsigned ms)
{
	struct timespec until;
	bool came;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&client->lock);
	while (*counter < want && pthread_cond_timedwait(&client->changed, &client->lock, &until) == 0) {
	}
	came = *counter >= want;
	(void)pthread_mutex_unlock(&client->lock);
	return came;
}

/* What was asked last came to an end: its reason, with *failed set where it failed. */
static int outcome(struct client *client, bool *failed)
{
	long deadline = e2e_now_ms() + (long)E2E_WAIT_MS;

	while (e2e_now_ms() < deadline) {
		if (wait_for(client, &client->done, 1, 20)) {
			*failed = false;
			return client->code;
		}
		if (wait_for(client, &client->failed, 1, 1)) {
			*failed = true;
			return client->code;
		}
	}
	*failed = true;
	return -1000;
}

static void ask(struct client *client)
{
	(void)pthread_mutex_lock(&client->lock);
	client->done = 0;
	client->failed = 0;
	(void)pthread_mutex_unlock(&client->lock);
}

static const char *topic(const struct matrix_way *way, const char *name)
{
	return test_path(way->topics, name);
}

static bool is_five(const struct client *client)
{
	return client->way->version == MQTTVERSION_5;
}

static void client_init(struct client *client, const struct matrix_way *way, const char *id)
{
	char uri[64];
	MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;

	*client = (struct client){.way = way, .disconnect_reason = -1};
	(void)pthread_mutex_init(&client->lock, NULL);
	(void)pthread_cond_init(&client->changed, NULL);
	(void)snprintf(uri, sizeof(uri), "%s://localhost:%u", way->tls ? "ssl" : "tcp",
		way->tls ? way->matrix->tls_port : way->matrix->plain_port);
	create.MQTTVersion = way->version;
	create.maxBufferedMessages = 2 * BURST;
	REQUIRE(way->row, MQTTAsync_createWithOptions(&client->handle, uri, topic(way, id),
				  MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) == MQTTASYNC_SUCCESS);
	REQUIRE(way->row, MQTTAsync_setCallbacks(client->handle, client, on_lost, on_arrived, NULL) ==
				  MQTTASYNC_SUCCESS);
	if (is_five(client)) {
		(void)MQTTAsync_setDisconnected(client->handle, client, on_disconnected);
	}
}

struct credentials {
	const char *user, *password, *cert, *key;
	bool lasting;
};

static int client_connect(struct client *client, const struct credentials *with, bool *failed)
{
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
	MQTTAsync_connectOptions options5 = MQTTAsync_connectOptions_initializer5;
	MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
	MQTTProperties properties = MQTTProperties_initializer;
	MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
	int code;

	options = is_five(client) ? options5 : options;
	tls.trustStore = client->way->matrix->ca;
	tls.keyStore = with->cert;
	tls.privateKey = with->key;
	tls.verify = 1;
	options.ssl = client->way->tls ? &tls : NULL;
	options.username = with->user;
	options.password = with->password;
	options.keepAliveInterval = 60;
	options.maxInflight = BURST;
	options.context = client;
	if (is_five(client)) {
		options.cleanstart = with->lasting ? 0 : 1;
		options.onSuccess5 = on_success5;
		options.onFailure5 = on_failure5;
		if (with->lasting) {
			expiry.value.integer4 = 3600;
			REQUIRE(client->way->row, MQTTProperties_add(&properties, &expiry) == 0);
			options.connectProperties = &properties;
		}
	} else {
		options.cleansession = with->lasting ? 0 : 1;
		options.MQTTVersion = client->way->version;
		options.onSuccess = on_success;
		options.onFailure = on_failure;
	}
	ask(client);
	REQUIRE(client->way->row, MQTTAsync_connect(client->handle, &options) == MQTTASYNC_SUCCESS);
	code = outcome(client, failed);
	MQTTProperties_free(&properties);
	return code;
}

static struct credentials good_of(const struct matrix_way *way)
{
	return way->tls ? (struct credentials){"app", way->matrix->password, way->matrix->cert,
				  way->matrix->key, false}
			: (struct credentials){NULL, NULL, NULL, NULL, false};
}

static MQTTAsync_responseOptions response_of(struct client *client)
{
	MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;

	response.context = client;
	if (is_five(client)) {
		response.onSuccess5 = on_success5;
		response.onFailure5 = on_failure5;
	} else {
		response.onSuccess = on_success;
		response.onFailure = on_failure;
	}
	return response;
}

static void client_subscribe(struct client *client, const char *filter, int qos)
{
	MQTTAsync_responseOptions response = response_of(client);
	bool failed = true;

	ask(client);
	CHECK(client->way->row,
		MQTTAsync_subscribe(client->handle, filter, qos, &response) == MQTTASYNC_SUCCESS);
	(void)outcome(client, &failed);
	CHECK(client->way->row, !failed);
}

static void client_end(struct client *client)
{
	if (MQTTAsync_isConnected(client->handle)) {
		MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
		MQTTAsync_disconnectOptions options5 = MQTTAsync_disconnectOptions_initializer5;
		bool failed = true;

		options = is_five(client) ? options5 : options;
		options.context = client;
		options.timeout = 1000;
		if (is_five(client)) {
			options.onSuccess5 = on_success5;
			options.onFailure5 = on_failure5;
		} else {
			options.onSuccess = on_success;
			options.onFailure = on_failure;
		}
		ask(client);
		if (MQTTAsync_disconnect(client->handle, &options) == MQTTASYNC_SUCCESS) {
			(void)outcome(client, &failed);
		}
	}
	MQTTAsync_destroy(&client->handle);
	(void)pthread_cond_destroy(&client->changed);
	(void)pthread_mutex_destroy(&client->lock);
}

static void burst(struct client *from, int qos)
{
	char text[16];

	ask(from);
	for (int i = 0; i < BURST; i++) {
		MQTTAsync_responseOptions response = response_of(from);

		(void)snprintf(text, sizeof(text), "%d", i);
		int asked = MQTTAsync_send(
			from->handle, topic(from->way, "burst"), (int)strlen(text), text, qos, 0, &response);

		if (asked != MQTTASYNC_SUCCESS) {
			(void)fprintf(stderr, "%s: QoS %d, message %d: %s\n", from->way->row, qos, i,
				MQTTAsync_strerror(asked));
		}
		REQUIRE(from->way->row, asked == MQTTASYNC_SUCCESS);
	}
	CHECK(from->way->row, wait_for(from, &from->done, BURST, E2E_WAIT_MS));
	CHECK(from->way->row, from->failed == 0);
}

static void bursts(const struct matrix_way *way)
{
	struct client to;
	struct client from;
	struct credentials good = good_of(way);
	bool failed = true;

	client_init(&to, way, "to");
	client_init(&from, way, "from");
	(void)client_connect(&to, &good, &failed);
	REQUIRE(way->row, !failed);
	(void)client_connect(&from, &good, &failed);
	REQUIRE(way->row, !failed);
	for (int qos = 0; qos < 3; qos++) {
		client_subscribe(&to, topic(way, "burst"), qos);
		burst(&from, qos);
		CHECK(way->row, wait_for(&to, &to.arrived, BURST * (qos + 1), E2E_WAIT_MS));
		CHECK(way->row, to.out_of_order == 0);
		CHECK(way->row, to.last_qos == qos);
	}
	client_end(&from);
	client_end(&to);
}

/* MQTT-3.1.4-3: with MQTT 5 the one that goes hears why. Messages of a lasting session wait. */
static void takeover(const struct matrix_way *way)
{
	struct client first;
	struct client second;
	struct client from;
	struct credentials good = good_of(way);
	bool failed = true;

	good.lasting = true;
	client_init(&first, way, "twin");
	client_init(&second, way, "twin");
	client_init(&from, way, "from");
	(void)client_connect(&first, &good, &failed);
	REQUIRE(way->row, !failed);
	client_subscribe(&first, topic(way, "burst"), 2);
	(void)client_connect(&second, &good, &failed);
	CHECK(way->row, !failed);
	CHECK(way->row, wait_for(&first, &first.lost, 1, E2E_WAIT_MS));
	CHECK(way->row, !is_five(&first) || first.disconnect_reason == MQTTREASONCODE_SESSION_TAKEN_OVER);
	client_end(&first);
	client_end(&second);
	good.lasting = false;
	(void)client_connect(&from, &good, &failed);
	CHECK(way->row, !failed);
	burst(&from, 2);
	client_end(&from);
	good.lasting = true;
	client_init(&second, way, "twin");
	(void)client_connect(&second, &good, &failed);
	CHECK(way->row, !failed);
	CHECK(way->row, wait_for(&second, &second.arrived, BURST, E2E_WAIT_MS));
	CHECK(way->row, second.out_of_order == 0);
	client_end(&second);
	good.lasting = false;
	client_init(&second, way, "twin");
	(void)client_connect(&second, &good, &failed);
	client_end(&second);
}

static void refusals(const struct matrix_way *way)
{
	struct client client;
	struct credentials wrong = good_of(way);
	bool failed = false;
	int code;

	if (!way->tls) {
		return;
	}
	wrong.password = "wrong";
	client_init(&client, way, "intruder");
	code = client_connect(&client, &wrong, &failed);
	CHECK(way->row, failed);
	/* MQTT 3.1.1 has code 4 for it, MQTT 5 has 0x86. */
	CHECK(way->row, code == (is_five(&client) ? 0x86 : 4));
	wrong = good_of(way);
	wrong.cert = NULL;
	wrong.key = NULL;
	(void)client_connect(&client, &wrong, &failed);
	CHECK(way->row, failed);
	client_end(&client);
}

static void all(const struct matrix_way *way)
{
	MQTTAsync_init_options init = MQTTAsync_init_options_initializer;

	init.do_openssl_init = 1;
	MQTTAsync_global_init(&init);
	bursts(way);
	takeover(way);
	refusals(way);
}

int main(void)
{
	matrix_each_way(all);
	return test_result();
}
