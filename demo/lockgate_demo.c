/*
 * lockgate_demo.c - a device, an operator, or an impostor, over the Eclipse Paho MQTT C client.
 * Owns:    one connection.
 * Never:   is part of the broker; it sees what any client sees.
 * Threads: Paho calls back on its own thread; what it tells is under one lock.
 *
 * Settings come from the environment, as `lockgate device add` writes them into client.env.
 *   telemetry   publishes this machine's telemetry until it is closed or told to stop; on SIGUSR1 once to
 *               LOCKGATE_OUTSIDE_TOPIC, which is not its own
 *   watch       prints what arrives under LOCKGATE_TOPIC
 *   attempt     connects, perhaps publishes once, and says how it ended
 * Each event is one JSON line on standard output.
 */
#include <MQTTClient.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "demo/telemetry.h"

#define PASSWORD_BYTES 512
#define NOTE_BYTES     256

struct demo {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	MQTTClient client;
	char password[PASSWORD_BYTES];
	struct timespec started;
	/* Written by Paho's thread under the lock; the atomics last, and read without it. */
	atomic_int closed;    /* the broker ended it */
	int close_reason;     /* of its DISCONNECT, -1: none came */
	atomic_int published; /* an acknowledgement came */
	int publish_reason;
	char note[NOTE_BYTES]; /* reason string */
	char tls_error[NOTE_BYTES];
};

static volatile sig_atomic_t stopped;
static volatile sig_atomic_t outside; /* SIGUSR1 came */

static void on_signal(int number)
{
	if (number == SIGUSR1) {
		outside = 1;
	} else {
		stopped = 1;
	}
}

static long elapsed_ms(const struct demo *demo)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - demo->started.tv_sec) * 1000 + (now.tv_nsec - demo->started.tv_nsec) / 1000000;
}

static long wall_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Only what we or the broker's own words put there: quotes and backslashes do not occur but are dropped all the same. */
static void plain(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20) {
			*text = ' ';
		}
	}
}

static const char *setting(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? fallback : value;
}

/* NULL also for an empty one. */
static const char *optional(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

static int on_tls_error(const char *text, size_t len, void *ctx)
{
	struct demo *demo = ctx;

	(void)pthread_mutex_lock(&demo->lock);
	(void)snprintf(demo->tls_error, sizeof(demo->tls_error), "%.*s", (int)len, text);
	plain(demo->tls_error);
	(void)pthread_mutex_unlock(&demo->lock);
	return 0;
}

static void take_reason_string(struct demo *demo, MQTTProperties *properties)
{
	MQTTProperty *property =
		properties == NULL ? NULL
				   : MQTTProperties_getProperty(properties, MQTTPROPERTY_CODE_REASON_STRING);

	if (property != NULL) {
		(void)snprintf(demo->note, sizeof(demo->note), "%.*s", property->value.data.len,
			property->value.data.data);
		plain(demo->note);
	}
}

static void on_disconnected(void *ctx, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
	struct demo *demo = ctx;

	(void)pthread_mutex_lock(&demo->lock);
	demo->close_reason = (int)reason;
	take_reason_string(demo, properties);
	demo->closed = 1;
	(void)pthread_cond_signal(&demo->changed);
	(void)pthread_mutex_unlock(&demo->lock);
}

static void on_lost(void *ctx, char *cause)
{
	struct demo *demo = ctx;

	(void)cause;
	(void)pthread_mutex_lock(&demo->lock);
	demo->closed = 1;
	(void)pthread_cond_signal(&demo->changed);
	(void)pthread_mutex_unlock(&demo->lock);
}

static int on_arrived(void *ctx, char *topic, int topic_len, MQTTClient_message *message)
{
	(void)ctx;
	(void)topic_len;
	(void)printf("{\"event\":\"message\",\"at\":%ld,\"topic\":\"%s\",\"payload\":%.*s}\n", wall_ms(),
		topic, message->payloadlen, (const char *)message->payload);
	(void)fflush(stdout);
	MQTTClient_freeMessage(&message);
	MQTTClient_free(topic);
	return 1;
}

static void on_published(
	void *ctx, int token, int packet, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
	struct demo *demo = ctx;

	(void)token;
	(void)packet;
	(void)pthread_mutex_lock(&demo->lock);
	demo->publish_reason = (int)reason;
	take_reason_string(demo, properties);
	demo->published = 1;
	(void)pthread_cond_signal(&demo->changed);
	(void)pthread_mutex_unlock(&demo->lock);
}

/* Waits until the broker closes, an acknowledgement comes, we are told to stop, or the time is over. */
static void wait_change(struct demo *demo, long ms, int for_published)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&demo->lock);
	while (!demo->closed && !(for_published && demo->published) && !stopped &&
		(for_published || !outside)) {
		if (pthread_cond_timedwait(&demo->changed, &demo->lock, &until) != 0) {
			break;
		}
	}
	(void)pthread_mutex_unlock(&demo->lock);
}

static int read_password(struct demo *demo)
{
	const char *path = getenv("LOCKGATE_PASSWORD_FILE");
	FILE *file;

	if (path == NULL || path[0] == '\0') {
		return 0;
	}
	file = fopen(path, "re");
	if (file == NULL || fgets(demo->password, sizeof(demo->password), file) == NULL) {
		(void)fprintf(stderr, "lockgate-demo: %s cannot be read\n", path);
		if (file != NULL) {
			(void)fclose(file);
		}
		return -1;
	}
	(void)fclose(file);
	demo->password[strcspn(demo->password, "\r\n")] = '\0';
	return 0;
}

/* Returns the CONNACK's reason code, or a negative number of Paho's when there was none. */
static int connect_now(struct demo *demo)
{
	char uri[300];
	const char *user = optional("LOCKGATE_USER");
	MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
	MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer5;
	MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
	int plain_tcp = optional("LOCKGATE_CA_FILE") == NULL;

	(void)snprintf(uri, sizeof(uri), "%s://%s:%s", plain_tcp ? "tcp" : "ssl",
		setting("LOCKGATE_HOST", "localhost"), setting("LOCKGATE_PORT", "8883"));
	create.MQTTVersion = MQTTVERSION_5;
	if (MQTTClient_createWithOptions(&demo->client, uri, setting("LOCKGATE_CLIENT_ID", "demo"),
		    MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) != MQTTCLIENT_SUCCESS) {
		return MQTTCLIENT_FAILURE;
	}
	(void)MQTTClient_setCallbacks(demo->client, demo, on_lost, on_arrived, NULL);
	(void)MQTTClient_setDisconnected(demo->client, demo, on_disconnected);
	(void)MQTTClient_setPublished(demo->client, demo, on_published);
	tls.trustStore = optional("LOCKGATE_CA_FILE");
	tls.keyStore = optional("LOCKGATE_CERT_FILE");
	tls.privateKey = optional("LOCKGATE_KEY_FILE");
	tls.enableServerCertAuth = 1;
	tls.verify = 1;
	tls.ssl_error_cb = on_tls_error;
	tls.ssl_error_context = demo;
	options.ssl = plain_tcp ? NULL : &tls;
	options.keepAliveInterval = 30;
	options.cleanstart = 1;
	options.connectTimeout = 10;
	options.MQTTVersion = MQTTVERSION_5;
	options.username = user;
	options.password = demo->password[0] != '\0' ? demo->password : NULL;
	(void)clock_gettime(CLOCK_MONOTONIC, &demo->started);
	MQTTResponse response = MQTTClient_connect5(demo->client, &options, NULL, NULL);
	int reason = (int)response.reasonCode;

	if (response.properties != NULL) {
		(void)pthread_mutex_lock(&demo->lock);
		take_reason_string(demo, response.properties);
		(void)pthread_mutex_unlock(&demo->lock);
	}
	MQTTResponse_free(response);
	return reason;
}

static void say_connect(const struct demo *demo, int reason)
{
	if (reason == 0) {
		(void)printf(
			"{\"event\":\"connected\",\"at\":%ld,\"ms\":%ld}\n", wall_ms(), elapsed_ms(demo));
	} else if (reason > 0) {
		(void)printf("{\"event\":\"refused\",\"seen\":\"CONNACK "
			     "0x%02X\",\"note\":\"%s\",\"at\":%ld,\"ms\":%ld}\n",
			(unsigned)reason, demo->note, wall_ms(), elapsed_ms(demo));
	} else {
		(void)printf("{\"event\":\"refused\",\"seen\":\"%s\",\"note\":\"\",\"at\":%ld,\"ms\":%ld}\n",
			strstr(demo->tls_error, "alert") != NULL ? "TLS alert" : "connection closed",
			wall_ms(), elapsed_ms(demo));
	}
	(void)fflush(stdout);
}

static void say_closed(struct demo *demo)
{
	(void)pthread_mutex_lock(&demo->lock);
	if (demo->closed && demo->close_reason >= 0) {
		(void)printf(
			"{\"event\":\"closed\",\"seen\":\"DISCONNECT 0x%02X\",\"note\":\"%s\",\"at\":%ld}\n",
			(unsigned)demo->close_reason, demo->note, wall_ms());
	} else if (demo->closed) {
		(void)printf(
			"{\"event\":\"closed\",\"seen\":\"connection closed\",\"note\":\"\",\"at\":%ld}\n",
			wall_ms());
	} else {
		(void)printf("{\"event\":\"stopped\",\"at\":%ld}\n", wall_ms());
	}
	(void)pthread_mutex_unlock(&demo->lock);
	(void)fflush(stdout);
}

static int publish(struct demo *demo, const char *topic, const char *payload)
{
	MQTTResponse response;
	int reason;

	demo->published = 0;
	response = MQTTClient_publish5(demo->client, topic, (int)strlen(payload), payload, 1, 0, NULL, NULL);
	reason = (int)response.reasonCode;
	MQTTResponse_free(response);
	if (reason != 0) {
		return reason;
	}
	wait_change(demo, 5000, 1);
	return demo->published ? demo->publish_reason : MQTTCLIENT_FAILURE;
}

static void publish_outside(struct demo *demo)
{
	const char *topic = setting("LOCKGATE_OUTSIDE_TOPIC", "devices/somebody-else/telemetry");
	int reason = publish(demo, topic, "{}");

	if (reason >= 0 && !demo->closed) {
		(void)pthread_mutex_lock(&demo->lock);
		(void)printf(
			"{\"event\":\"outside\",\"seen\":\"PUBACK 0x%02X\",\"note\":\"%s\",\"at\":%ld}\n",
			(unsigned)reason, demo->note, wall_ms());
		(void)pthread_mutex_unlock(&demo->lock);
		(void)fflush(stdout);
	}
}

static int run_telemetry(struct demo *demo)
{
	long interval_ms = strtol(setting("LOCKGATE_INTERVAL_MS", "1000"), NULL, 10);
	char topic[300];
	char payload[512];

	(void)snprintf(topic, sizeof(topic), "%s/telemetry", setting("LOCKGATE_TOPIC", "devices/demo"));
	for (unsigned n = 1; !stopped && !demo->closed; n++) {
		if (telemetry_read(payload, sizeof(payload), n) > 0) {
			int reason = publish(demo, topic, payload);

			if (!demo->closed) {
				(void)printf("{\"event\":\"published\",\"at\":%ld,\"topic\":\"%s\","
					     "\"reason\":%d}\n",
					wall_ms(), topic, reason);
				(void)fflush(stdout);
			}
		}
		for (long waited_ms = 0; waited_ms < interval_ms && !outside && !stopped && !demo->closed;
			waited_ms += 50) {
			wait_change(demo, 50, 0);
		}
		if (outside) {
			outside = 0;
			publish_outside(demo);
		}
	}
	say_closed(demo);
	return 0;
}

static int run_watch(struct demo *demo)
{
	MQTTResponse response =
		MQTTClient_subscribe5(demo->client, setting("LOCKGATE_TOPIC", "devices/#"), 1, NULL, NULL);
	int reason = (int)response.reasonCode;

	MQTTResponse_free(response);
	(void)printf("{\"event\":\"subscribed\",\"at\":%ld,\"reason\":%d}\n", wall_ms(), reason);
	(void)fflush(stdout);
	while (!stopped && !demo->closed) {
		wait_change(demo, 250, 0);
	}
	say_closed(demo);
	return 0;
}

/* One publish outside or inside the branch, if asked for. */
static int run_attempt(struct demo *demo)
{
	const char *topic = getenv("LOCKGATE_PUBLISH_TOPIC");

	if (topic != NULL) {
		int reason = publish(demo, topic, "{}");

		if (demo->closed) {
			say_closed(demo);
		} else {
			(void)pthread_mutex_lock(&demo->lock);
			(void)printf("{\"event\":\"%s\",\"seen\":\"PUBACK "
				     "0x%02X\",\"note\":\"%s\",\"at\":%ld,\"ms\":%ld}\n",
				reason < 0x80 ? "accepted" : "refused", (unsigned)reason, demo->note,
				wall_ms(), elapsed_ms(demo));
			(void)pthread_mutex_unlock(&demo->lock);
			(void)fflush(stdout);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct demo demo = {.close_reason = -1};
	struct sigaction action = {.sa_handler = on_signal};
	const char *mode = argc > 1 ? argv[1] : "";
	int (*run)(struct demo *) = NULL;

	run = strcmp(mode, "telemetry") == 0 ? run_telemetry : run;
	run = strcmp(mode, "watch") == 0 ? run_watch : run;
	run = strcmp(mode, "attempt") == 0 ? run_attempt : run;
	if (run == NULL) {
		(void)fprintf(stderr, "Usage: lockgate-demo telemetry|watch|attempt\nSettings come from the "
				      "environment: see client.env of 'lockgate device add'.\n");
		return strcmp(mode, "--help") == 0 ? 0 : 2;
	}
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGUSR1, &action, NULL);
	(void)pthread_mutex_init(&demo.lock, NULL);
	(void)pthread_cond_init(&demo.changed, NULL);
	if (read_password(&demo) != 0) {
		return 2;
	}
	int reason = connect_now(&demo);

	say_connect(&demo, reason);
	if (reason == 0) {
		(void)run(&demo);
		if (!demo.closed) {
			(void)MQTTClient_disconnect5(demo.client, 1000, MQTTREASONCODE_SUCCESS, NULL);
		}
	}
	MQTTClient_destroy(&demo.client);
	memset(demo.password, 0, sizeof(demo.password));
	return reason == 0 ? 0 : 1;
}
