/*
 * Goal: mosquitto_pub and mosquitto_sub over TLS and plain, MQTT 3.1.1 and 5, at every QoS; retained messages,
 * lasting sessions, refusals.
 */
#include <string.h>

#include "tests/e2e/matrix.h"

#define OPTIONS_MAX 32

struct options {
	const char *list[OPTIONS_MAX];
	size_t count;
	char port[16];
};

static void add(struct options *options, const char *text)
{
	REQUIRE(text, options->count < OPTIONS_MAX - 1);
	options->list[options->count++] = text;
	options->list[options->count] = NULL;
}

static void common(const struct matrix *matrix, struct options *options, bool tls, const char *version)
{
	options->count = 0;
	(void)snprintf(
		options->port, sizeof(options->port), "%u", tls ? matrix->tls_port : matrix->plain_port);
	add(options, "-h");
	add(options, "localhost");
	add(options, "-p");
	add(options, options->port);
	add(options, "-V");
	add(options, version);
	if (tls) {
		const char *const secure[] = {"--cafile", matrix->ca, "--cert", matrix->cert, "--key",
			matrix->key, "-u", "app", "-P", matrix->password};

		for (size_t i = 0; i < ARRAY_COUNT(secure); i++) {
			add(options, secure[i]);
		}
	}
}

/* Publishes retained, subscribes, gets it; then takes it away. The QoS is that of both sides. */
static void retained(struct matrix *matrix, bool tls, const char *version, const char *qos)
{
	struct options options;
	char row[64];

	(void)snprintf(row, sizeof(row), "%s, version %s, QoS %s", tls ? "tls" : "tcp", version, qos);
	common(matrix, &options, tls, version);
	const char *const publish[] = {"-t", "t/retained", "-m", "kept", "-r", "-q", qos};

	for (size_t i = 0; i < ARRAY_COUNT(publish); i++) {
		add(&options, publish[i]);
	}
	int code = site_run_list(&matrix->site, "mosquitto_pub", options.list);

	if (code != 0) {
		(void)fprintf(stderr, "%s: %s\n", row, matrix->site.text);
	}
	CHECK(row, code == 0);
	common(matrix, &options, tls, version);
	const char *const subscribe[] = {"-t", "t/#", "-q", qos, "-C", "1", "-W", "20", "-F", "%t %q %r %p"};

	for (size_t i = 0; i < ARRAY_COUNT(subscribe); i++) {
		add(&options, subscribe[i]);
	}
	code = site_run_list(&matrix->site, "mosquitto_sub", options.list);
	char want[64];

	(void)snprintf(want, sizeof(want), "t/retained %s 1 kept\n", qos);
	if (code != 0 || strcmp(matrix->site.text, want) != 0) {
		(void)fprintf(stderr, "%s: %d: %s\n", row, code, matrix->site.text);
	}
	CHECK(row, code == 0);
	CHECK(row, strcmp(matrix->site.text, want) == 0);
	common(matrix, &options, tls, version);
	const char *const away[] = {"-t", "t/retained", "-n", "-r", "-q", qos};

	for (size_t i = 0; i < ARRAY_COUNT(away); i++) {
		add(&options, away[i]);
	}
	CHECK(row, site_run_list(&matrix->site, "mosquitto_pub", options.list) == 0);
}

/* A lasting session: subscribed, away, then it gets what came meanwhile. */
static void lasting(struct matrix *matrix, bool tls, const char *version)
{
	struct options options;
	char row[64];
	bool five = strcmp(version, "5") == 0;

	(void)snprintf(row, sizeof(row), "%s, version %s, lasting session", tls ? "tls" : "tcp", version);
	for (int turn = 0; turn < 3; turn++) {
		common(matrix, &options, tls, version);
		const char *const away[] = {"-t", "t/away", "-q", "2"};

		for (size_t i = 0; i < ARRAY_COUNT(away); i++) {
			add(&options, away[i]);
		}
		if (turn == 1) {
			add(&options, "-m");
			add(&options, "while you were out");
			CHECK(row, site_run_list(&matrix->site, "mosquitto_pub", options.list) == 0);
			continue;
		}
		const char *const stay[] = {"-i", "sleeper", "-c"};

		for (size_t i = 0; i < ARRAY_COUNT(stay); i++) {
			add(&options, stay[i]);
		}
		if (five) {
			add(&options, "-x");
			add(&options, "3600");
		}
		if (turn == 0) {
			add(&options, "-E");
		} else {
			add(&options, "-C");
			add(&options, "1");
			add(&options, "-W");
			add(&options, "20");
		}
		CHECK(row, site_run_list(&matrix->site, "mosquitto_sub", options.list) == 0);
	}
	if (strcmp(matrix->site.text, "while you were out\n") != 0) {
		(void)fprintf(stderr, "%s: %s\n", row, matrix->site.text);
	}
	CHECK(row, strcmp(matrix->site.text, "while you were out\n") == 0);
}

/* Refusals beside it: no certificate, and a topic that "app" has no right to. */
static void refused(struct matrix *matrix)
{
	struct options options;

	common(matrix, &options, false, "5");
	const char *const foreign[] = {"-t", "elsewhere", "-m", "x", "-q", "1"};

	for (size_t i = 0; i < ARRAY_COUNT(foreign); i++) {
		add(&options, foreign[i]);
	}
	(void)site_run_list(&matrix->site, "mosquitto_pub", options.list);
	CHECK("no authority: said to an MQTT 5 client", strstr(matrix->site.text, "Not authorized") != NULL);

	char port[16];

	(void)snprintf(port, sizeof(port), "%u", matrix->tls_port);
	CHECK("no certificate",
		site_run(&matrix->site, "mosquitto_pub", "-h", "localhost", "-p", port, "--cafile",
			matrix->ca, "-u", "app", "-P", matrix->password, "-t", "t/x", "-m", "x", NULL) != 0);
}

int main(void)
{
	static const char *const versions[] = {"311", "5"};
	static const char *const levels[] = {"0", "1", "2"};
	struct matrix matrix;

	if (!e2e_program_there("mosquitto_pub") || !e2e_program_there("mosquitto_sub")) {
		test_skip("mosquitto_pub and mosquitto_sub are not installed (mosquitto-clients)");
	}
	matrix_start(&matrix);
	for (int tls = 0; tls < 2; tls++) {
		for (size_t v = 0; v < ARRAY_COUNT(versions); v++) {
			for (size_t q = 0; q < ARRAY_COUNT(levels); q++) {
				retained(&matrix, tls == 1, versions[v], levels[q]);
			}
			lasting(&matrix, tls == 1, versions[v]);
		}
	}
	refused(&matrix);
	site_stop(&matrix.site);
	return test_result();
}
