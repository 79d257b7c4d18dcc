/*
 * Goal: 10,000 wrong passwords for d1 from clients without its certificate, and d1 enters at the first try: while they come
 * and behind them. (1,000 under sanitizers.) The same with fewer for d3, whose password is a chosen one, so that each
 * guess costs an argon2id hash.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/raw.h"

#define GUESSES  (E2E_SLOW ? 1000u : 10000u)
#define HASHED   (E2E_SLOW ? 64u : 150u)
#define PARALLEL 64u

static const char script[] =
	"DEFINE CHANNEL(GATED) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') JAASCFG('Devices') +\n"
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass') +\n"
	"  SSLCAUTH(REQUIRED) CRLFILE('@ROOT@/broker/crl')\n"
	"DEFINE CHANNEL(WORDS) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('nobody') +\n"
	"  JAASCFG('Passwords') FAILDLAY(0)\n"
	"SET CHLAUTH(WORDS) TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)\n"
	"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('nobody') AUTHADD(CONNECT)\n"
	"START CHANNEL(GATED)\n"
	"START CHANNEL(WORDS)\n";

struct stage {
	struct site site;
	unsigned gated, words;
	const char *device, *password; /* whose name is tried, and what would let it in */
	unsigned goal, sent, refused, busy, other;
};

static void enters(struct stage *stage, const char *row)
{
	struct raw raw;
	char cert[64];
	char key[64];

	(void)snprintf(cert, sizeof(cert), "%s/device.crt", stage->device);
	(void)snprintf(key, sizeof(key), "%s/device.key", stage->device);
	struct raw_identity identity = {site_path(&stage->site, cert), site_path(&stage->site, key)};

	REQUIRE(row, raw_open(&raw, stage->gated));
	CHECK(row, raw_tls(&raw, &identity));
	CHECK(row, raw_login(&raw,
			   &(struct raw_connect){.version = MQTT_5,
				   .client_id = stage->device,
				   .user = stage->device,
				   .password = stage->password},
			   NULL) == 0);
	raw_close(&raw);
}

/* One guess is sent; its answer is waited for in a crowd. Every other one looks like a password of our generator. */
static void guess(struct stage *stage, struct raw *raw)
{
	char password[80];
	struct buf packet = BUF_INIT(1024);
	unsigned number = stage->sent++;

	if (number % 2 == 0) {
		(void)snprintf(password, sizeof(password), "%s", stage->password);
		password[strlen(password) / 2] = password[strlen(password) / 2] == 'a' ? 'b' : 'a';
	} else {
		(void)snprintf(password, sizeof(password), "guess %u", number);
	}
	REQUIRE("a connection", raw_open(raw, stage->words));
	raw->version = MQTT_5;
	raw_connect_packet(
		&(struct raw_connect){
			.version = MQTT_5, .client_id = "d1", .user = "d1", .password = password},
		&packet);
	REQUIRE("a guess", raw_send(raw, buf_bytes(&packet)));
	buf_release(&packet);
}

static void take_answer(struct stage *stage, struct raw *raw)
{
	struct mqtt_packet_view got;
	int reason = raw_recv(raw, E2E_WAIT_MS, &got) == RAW_PACKET && got.type == MQTT_CONNACK
			     ? got.as.connack.reason
			     : -1;

	stage->refused += reason == MQTT_REASON_BAD_USER_NAME_OR_PASSWORD ? 1 : 0;
	stage->busy += reason == MQTT_REASON_SERVER_BUSY || reason == MQTT_REASON_SERVER_UNAVAILABLE ? 1 : 0;
	stage->other += reason == MQTT_REASON_SUCCESS ? 1 : 0;
	raw_cut(raw);
}

static void crowd(struct stage *stage)
{
	struct raw raws[PARALLEL];
	struct pollfd waits[PARALLEL];
	bool asked = false;
	unsigned done = 0;

	for (unsigned i = 0; i < PARALLEL; i++) {
		guess(stage, &raws[i]);
	}
	while (done < stage->goal) {
		for (unsigned i = 0; i < PARALLEL; i++) {
			waits[i] = (struct pollfd){.fd = raws[i].fd, .events = POLLIN};
		}
		REQUIRE("an answer in time", poll(waits, PARALLEL, (int)E2E_WAIT_MS) > 0);
		for (unsigned i = 0; i < PARALLEL; i++) {
			if (waits[i].fd < 0 || waits[i].revents == 0) {
				continue;
			}
			take_answer(stage, &raws[i]);
			done++;
			if (stage->sent < stage->goal) {
				guess(stage, &raws[i]);
			}
		}
		if (!asked && done >= stage->goal / 2) {
			asked = true;
			enters(stage, "wrong passwords: the device enters in their midst");
		}
	}
	CHECK("the device was asked for in the midst", asked);
}

static void guesses(struct stage *stage, const char *device, const char *password, unsigned goal)
{
	stage->device = device;
	stage->password = password;
	stage->goal = goal;
	stage->sent = stage->refused = stage->busy = stage->other = 0;
	crowd(stage);
	(void)fprintf(stderr, "%s: %u guesses, %u refused, %u told to come again\n", device, stage->sent,
		stage->refused, stage->busy);
	CHECK("nobody guessed in", stage->other == 0);
	CHECK("each had an answer", stage->refused + stage->busy == goal);
	CHECK("some were judged", stage->refused > 0);
	enters(stage, "10,000 wrong passwords: the device enters at the first try");
}

int main(void)
{
	struct stage stage = {.sent = 0};
	struct site *site = &stage.site;

	site_init(site);
	site_add_device(site, "d1", false);
	site_add_device(site, "d3", false);
	site_write(site, "chosen", "a password that somebody chose\n");
	CHECK("a chosen password", site_run(site, "lockgate", "passwd", "replace", "--dir", "broker",
					   "--password", "file:chosen", "d3", NULL) == 0);
	site_write(site, "site.mqsc", script);
	site->scripts[site->script_count++] = "broker/devices.mqsc";
	site_start(site, "site.mqsc");
	stage.gated = site_port(site, "GATED");
	stage.words = site_port(site, "WORDS");
	guesses(&stage, "d1", site_secret(site, "d1/password"), GUESSES);
	guesses(&stage, "d3", site_secret(site, "chosen"), HASHED);
	site_stop(site);
	return test_result();
}
