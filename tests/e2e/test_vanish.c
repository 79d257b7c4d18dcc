/*
 * Goal: a client that vanishes at each asynchronous step leaves nothing behind; a flood of half-open connections keeps no
 * device out and ends by itself.
 */
#include <string.h>

#include "tests/e2e/matrix.h"
#include "tests/e2e/raw.h"

static const char script[] =
	"DEFINE CHANNEL(SECURE) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') JAASCFG('Apps') FAILDLAY(0) +\n"
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass') +\n"
	"  SSLCAUTH(REQUIRED) CRLFILE('@ROOT@/broker/crl') CONNTIMEO(5)\n"
	"DEFINE CHANNEL(OPEN) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('app') CONNTIMEO(5)\n"
	"SET CHLAUTH(SECURE) TYPE(SSLPEERMAP) SSLPEER('CN=app') USERSRC(MAP) MCAUSER('app')\n"
	"SET CHLAUTH(OPEN) TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)\n"
	"DEFINE TOPIC(T) TOPICSTR('t')\n"
	"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('app') AUTHADD(CONNECT)\n"
	"SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('app') AUTHADD(PUB,SUB)\n"
	"START CHANNEL(SECURE)\n"
	"START CHANNEL(OPEN)\n";

enum step {
	AFTER_ACCEPT,
	AFTER_THREE_BYTES,
	AFTER_CLIENT_HELLO, /* TLS only */
	AFTER_FINISHED,     /* TLS only */
	AFTER_HALF_CONNECT,
	AFTER_CONNECT,    /* the login runs, or the connection moves, or the session is claimed */
	AFTER_PIPELINE,   /* SUBSCRIBE and PUBLISH wait behind CONNECT */
	BEFORE_SUBACK,    /* after CONNACK */
	BEFORE_ITS_QOS_2, /* a PUBREC is under way */
	STEP_COUNT
};

static const char *const names[STEP_COUNT] = {"after accept", "after three bytes", "after ClientHello",
	"after Finished", "after half a CONNECT", "after CONNECT", "behind pipelined packets",
	"before SUBACK", "before PUBREC"};

struct stage {
	struct site site;
	unsigned secure, open;
	const char *password;
	struct raw_identity identity;
	unsigned number; /* for client ids, so that both workers are homes */
};

static void packets(struct stage *stage, bool tls, struct buf *out, size_t *connect_len)
{
	char id[32];

	(void)snprintf(id, sizeof(id), "v%u", stage->number++ % 8);
	raw_connect_packet(&(struct raw_connect){.version = MQTT_5,
				   .client_id = id,
				   .user = tls ? "app" : NULL,
				   .password = tls ? stage->password : NULL,
				   .will_topic = "t/will",
				   .will_payload = "gone"},
		out);
	*connect_len = out->len;
	raw_subscribe_packet(MQTT_5, 1, "t/#", 2, out);
	raw_publish_packet(MQTT_5,
		&(struct mqtt_publish_view){
			.topic = bytes_text("t/x"), .payload = bytes_text("x"), .qos = 2, .packet_id = 2},
		out);
}

static void vanish(struct stage *stage, bool tls, enum step step, bool reset)
{
	struct raw raw;
	struct mqtt_packet_view got;
	struct buf all = BUF_INIT(4096);
	size_t connect_len = 0;
	const char *row = names[step];

	packets(stage, tls, &all, &connect_len);
	REQUIRE(row, raw_open(&raw, tls ? stage->secure : stage->open));
	if (step == AFTER_THREE_BYTES) {
		CHECK(row, raw_send_hex(&raw, tls ? "160301" : "101000"));
	} else if (step == AFTER_CLIENT_HELLO && tls) {
		CHECK(row, raw_tls_hello(&raw));
	} else if (step >= AFTER_FINISHED) {
		CHECK(row, !tls || raw_tls(&raw, &stage->identity));
		size_t len = step == AFTER_FINISHED || step == AFTER_CLIENT_HELLO ? 0
			     : step == AFTER_HALF_CONNECT                         ? connect_len / 2
			     : step == AFTER_PIPELINE                             ? all.len
										  : connect_len;

		CHECK(row, raw_send(&raw, bytes_of(all.data, len)));
		if (step >= BEFORE_SUBACK) {
			raw.version = MQTT_5;
			CHECK(row, raw_expect(&raw, MQTT_CONNACK, &got));
			CHECK(row, raw_send(&raw, bytes_of(all.data + connect_len, all.len - connect_len)));
		}
		if (step == BEFORE_ITS_QOS_2) {
			CHECK(row, raw_expect(&raw, MQTT_SUBACK, &got));
		}
	}
	if (reset) {
		raw_cut(&raw);
	} else {
		raw_close(&raw);
	}
	buf_release(&all);
}

static void enters(struct stage *stage, bool tls, const char *row)
{
	struct raw raw;

	REQUIRE(row, raw_open(&raw, tls ? stage->secure : stage->open));
	CHECK(row, !tls || raw_tls(&raw, &stage->identity));
	CHECK(row, raw_login(&raw,
			   &(struct raw_connect){.version = MQTT_5,
				   .client_id = "v1",
				   .user = tls ? "app" : NULL,
				   .password = tls ? stage->password : NULL},
			   NULL) == 0);
	CHECK(row, raw_publish(&raw, "t/alive", "yes", 1) == 0);
	raw_close(&raw);
}

/* Nobody is connected any more, as DISPLAY CHSTATUS says. */
static bool all_gone(struct site *site)
{
	long deadline = e2e_now_ms() + (long)E2E_WAIT_MS;

	do {
		if (site_mqsc(site, "DISPLAY CHSTATUS(*) CONNECTIONS") == 0) {
			const char *at = strstr(site->text, "CONNECTIONS(0)");

			if (at != NULL && strstr(at + 1, "CONNECTIONS(0)") != NULL) {
				return true;
			}
		}
		e2e_pause();
	} while (e2e_now_ms() < deadline);
	(void)fprintf(stderr, "%s", site->text);
	return false;
}

#define HALF_OPEN 200

static void half_open(struct stage *stage, bool tls)
{
	static const char *const row[] = {"half-open connections, plain", "half-open connections, TLS"};
	struct raw raws[HALF_OPEN];

	for (size_t i = 0; i < HALF_OPEN; i++) {
		REQUIRE(row[tls], raw_open(&raws[i], tls ? stage->secure : stage->open));
		if (i % 3 == 1) {
			CHECK(row[tls], raw_send_hex(&raws[i], tls ? "16030100" : "10"));
		} else if (i % 3 == 2 && tls) {
			CHECK(row[tls], raw_tls_hello(&raws[i]));
		}
	}
	long since = e2e_now_ms();

	for (int i = 0; i < 5; i++) {
		enters(stage, tls, row[tls]);
	}
	CHECK(row[tls], e2e_now_ms() - since < (E2E_SLOW ? 20000 : 2000));
	for (size_t i = 0; i < HALF_OPEN; i++) {
		raw_close(&raws[i]);
	}
}

/* A client that says nothing is gone once CONNTIMEO is over. */
static void silent(struct stage *stage)
{
	struct raw raw;
	long since = e2e_now_ms();

	REQUIRE("CONNTIMEO", raw_open(&raw, stage->open));
	CHECK("CONNTIMEO ends a client that says nothing", raw_drain(&raw) == RAW_CLOSED);
	CHECK("CONNTIMEO is 5 s", e2e_now_ms() - since >= 4500);
	raw_close(&raw);
}

int main(void)
{
	struct stage stage = {.number = 0};
	struct site *site = &stage.site;

	site_init(site);
	site_write(site, "site.mqsc", script);
	site_start(site, "site.mqsc");
	stage.secure = site_port(site, "SECURE");
	stage.open = site_port(site, "OPEN");
	stage.password = site_secret(site, "app.password");
	stage.identity =
		(struct raw_identity){site_path(site, "pki/app-chain.crt"), site_path(site, "pki/app.key")};
	for (int round = 0; round < 8; round++) {
		for (unsigned step = 0; step < STEP_COUNT; step++) {
			vanish(&stage, false, (enum step)step, round % 2 == 1);
			vanish(&stage, true, (enum step)step, round % 2 == 1);
		}
	}
	enters(&stage, false, "behind those that vanished");
	enters(&stage, true, "behind those that vanished");
	CHECK("a client that vanishes at each asynchronous step leaves nothing", all_gone(site));
	half_open(&stage, false);
	half_open(&stage, true);
	silent(&stage);
	CHECK("half-open connections leave nothing", all_gone(site));
	site_stop(site);
	return test_result();
}
