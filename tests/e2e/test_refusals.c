/*
 * Goal: every gate x {tcp, tls}. Every refusal as both sides see it: what the client gets (nothing, a close, a CONNACK or an acknowledgement with
 * its code) and the broker's log entry with step, reason and refusal id, which `lockgate explain` then explains.
 */
#include <string.h>

#include "tests/e2e/raw.h"

static const char script[] =
	"DEFINE CHANNEL(GATED) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') JAASCFG('Devices') FAILDLAY(0) +\n"
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass') +\n"
	"  SSLCAUTH(REQUIRED) CRLFILE('@ROOT@/broker/crl')\n"
	"DEFINE CHANNEL(PEER) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') SSLPEER('OU=pumps') +\n"
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass')\n"
	"DEFINE CHANNEL(RULES) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') +\n"
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass')\n"
	"DEFINE CHANNEL(OPEN) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('open')\n"
	"DEFINE CHANNEL(WORDS) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('open') +\n"
	"  JAASCFG('Passwords') FAILDLAY(1)\n"
	"SET CHLAUTH('*') TYPE(BLOCKADDR) ADDRLIST('127.0.0.2')\n"
	"SET CHLAUTH(RULES) TYPE(BLOCKUSER) USERLIST('blocked')\n"
	"SET CHLAUTH(RULES) TYPE(SSLPEERMAP) SSLPEER('CN=app') USERSRC(MAP) MCAUSER('noconnect')\n"
	"SET CHLAUTH(RULES) TYPE(SSLPEERMAP) SSLPEER('CN=stranger') USERSRC(MAP) MCAUSER('blocked')\n"
	"SET CHLAUTH(PEER) TYPE(SSLPEERMAP) SSLPEER('CN=pump') USERSRC(MAP) MCAUSER('open')\n"
	"SET CHLAUTH(OPEN) TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)\n"
	"SET CHLAUTH(WORDS) TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)\n"
	"SET CHLAUTH('WORDS') TYPE(USERMAP) CLNTUSER('app') MCAUSER('blocked')\n"
	"SET CHLAUTH('WORDS') TYPE(BLOCKUSER) USERLIST('blocked')\n"
	"SET CHLAUTH('WORDS') TYPE(USERMAP) CLNTUSER('m1') USERSRC(NOACCESS)\n"
	"SET CHLAUTH('WORDS') TYPE(USERMAP) CLNTUSER('m2') MCAUSER('noconnect')\n"
	"SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS) ACTION(REPLACE)\n"
	"DEFINE TOPIC(OPEN.T) TOPICSTR('open')\n"
	"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('open') AUTHADD(CONNECT)\n"
	"SET AUTHREC PROFILE(OPEN.T) OBJTYPE(TOPIC) PRINCIPAL('open') AUTHADD(PUB,SUB)\n"
	"START CHANNEL(GATED)\n"
	"START CHANNEL(PEER)\n"
	"START CHANNEL(RULES)\n"
	"START CHANNEL(OPEN)\n"
	"START CHANNEL(WORDS)\n";

#define NO_ANSWER (-1)

/* cert: NULL is plain; "" is TLS without certificate; else pki/NAME or a device's folder. */
struct row {
	const char *name, *channel, *cert, *from;
	const char *client, *user, *password; /* password NULL: d1's own */
	int five, three;           /* reason of the CONNACK (MQTT 5's numbers), NO_ANSWER: it is closed */
	const char *step, *reason; /* of the log entry; reason of the certificate or "" */
};

static const struct row rows[] = {
	{"no certificate", "GATED", "", NULL, "d1", "d1", NULL, NO_ANSWER, NO_ANSWER, "client-auth", ""},
	{"a certificate of an unknown CA", "GATED", "pki/forged-chain", NULL, "d1", "d1", NULL, NO_ANSWER,
		NO_ANSWER, "path", "unknown-issuer"},
	{"an expired certificate", "GATED", "pki/expired-chain", NULL, "d1", "d1", NULL, NO_ANSWER, NO_ANSWER,
		"path", "expired"},
	{"a certificate that is not yet valid", "GATED", "pki/early-chain", NULL, "d1", "d1", NULL, NO_ANSWER,
		NO_ANSWER, "path", "not-yet-valid"},
	{"a server's certificate", "GATED", "pki/server-chain", NULL, "d1", "d1", NULL, NO_ANSWER, NO_ANSWER,
		"path", "extended-key-usage"},
	{"a revoked certificate", "GATED", "pki/revoked-chain", NULL, "d1", "d1", NULL, NO_ANSWER, NO_ANSWER,
		"revocation", "revoked"},
	{"SSLPEER does not match", "PEER", "pki/app-chain", NULL, "d1", NULL, "", 0x87, 0x87, "sslpeer", ""},
	/* Where no rule can let it in any more, it is closed before its CONNECT is read. */
	{"a NOACCESS rule", "GATED", "pki/stranger-chain", NULL, "stranger", "stranger", "x", 0x87, 0x87,
		"chlauth", ""},
	{"BLOCKADDR, plain", "OPEN", NULL, "127.0.0.2", "x", NULL, "", NO_ANSWER, NO_ANSWER, "blockaddr", ""},
	{"BLOCKADDR, TLS", "GATED", "d1/device", "127.0.0.2", "d1", "d1", NULL, NO_ANSWER, NO_ANSWER,
		"blockaddr", ""},
	{"BLOCKUSER", "RULES", "pki/stranger-chain", NULL, "x", NULL, "", 0x87, 0x87, "blockuser", ""},
	{"no authority to connect", "RULES", "pki/app-chain", NULL, "x", NULL, "", 0x87, 0x87,
		"connect-authority", ""},
	/* What hangs on the user name is known only behind CONNECT and login, and then CONNACK says it. */
	{"a NOACCESS rule for a user", "WORDS", NULL, NULL, "x", "m1", "@m1.password", 0x87, 0x87, "chlauth",
		""},
	{"BLOCKUSER of a user", "WORDS", NULL, NULL, "x", "app", "@app.password", 0x87, 0x87, "blockuser",
		""},
	{"a user with no authority to connect", "WORDS", NULL, NULL, "x", "m2", "@m2.password", 0x87, 0x87,
		"connect-authority", ""},
	{"wrong password", "GATED", "d1/device", NULL, "d1", "d1", "wrong", 0x86, 0x86, "login", ""},
	{"no password", "GATED", "d1/device", NULL, "d1", "d1", "", 0x86, 0x86, "login", ""},
	{"another device's certificate", "GATED", "d2/device", NULL, "d1", "d1", NULL, 0x86, 0x86, "login",
		""},
	{"a foreign client id", "GATED", "d1/device", NULL, "d2", "d1", NULL, 0x86, 0x86, "login", ""},
	{"another device's user name", "GATED", "d1/device", NULL, "d1", "d2", NULL, 0x86, 0x86, "login", ""},
	{"a client id of another owner, TLS", "PEER", "pki/pump-chain", NULL, "d1", NULL, "", 0x85, 0x85,
		"owner", ""},
	{"a client id of another owner, plain", "OPEN", NULL, NULL, "d1", NULL, "", 0x85, 0x85, "owner", ""},
};

struct stage {
	struct site site;
	unsigned gated, peer, rules, open, words;
	const char *password; /* of d1 */
};

static unsigned port_of(const struct stage *stage, const char *channel)
{
	return strcmp(channel, "GATED") == 0   ? stage->gated
	       : strcmp(channel, "PEER") == 0  ? stage->peer
	       : strcmp(channel, "RULES") == 0 ? stage->rules
	       : strcmp(channel, "OPEN") == 0  ? stage->open
					       : stage->words;
}

static void key_name(char *out, size_t size, const char *cert)
{
	size_t len = strlen(cert);
	bool chain = len > 6 && strcmp(cert + len - 6, "-chain") == 0;

	(void)snprintf(out, size, "%.*s.key", (int)(chain ? len - 6 : len), cert);
}

/* Whether the client came as far as a handshake that it holds for complete. */
static bool dial(
	struct stage *stage, const char *channel, const char *cert, const char *from, struct raw *raw)
{
	char crt[128];
	char key[128];
	struct raw_identity identity = {NULL, NULL};

	if (!raw_open_from(raw, from == NULL ? "127.0.0.1" : from, port_of(stage, channel))) {
		return false;
	}
	if (cert == NULL) {
		return true;
	}
	if (cert[0] != '\0') {
		(void)snprintf(crt, sizeof(crt), "%s.crt", cert);
		key_name(key, sizeof(key), cert);
		identity.cert = site_path(&stage->site, crt);
		identity.key = site_path(&stage->site, key);
	}
	return raw_tls(raw, &identity);
}

static int attempt(struct stage *stage, const struct row *row, enum mqtt_version version)
{
	struct raw raw = {.fd = -1};
	int reason = NO_ANSWER;
	struct raw_connect connect = {.version = version,
		.client_id = row->client,
		.user = row->user,
		.password = row->password == NULL      ? stage->password
			    : row->password[0] == '\0' ? NULL
			    : row->password[0] == '@'  ? site_secret(&stage->site, row->password + 1)
						       : row->password};

	if (dial(stage, row->channel, row->cert, row->from, &raw)) {
		reason = raw_login(&raw, &connect, NULL);
		CHECK(row->name, reason == 0 || raw_drain(&raw) != RAW_SILENT);
	}
	raw_close(&raw);
	return reason;
}

/* Text for people and JSON for programs; both name the step, and neither knows the password. */
static void explain(struct stage *stage, const struct row *row, const char *id, const char *word)
{
	struct site *site = &stage->site;
	char want[64];

	CHECK(row->name,
		site_run(site, "lockgate", "explain", "--dir", site->data, "--refusal", id, NULL) == 0);
	CHECK(row->name, strstr(site->text, id) != NULL);
	CHECK(row->name, strstr(site->text, word) != NULL);
	CHECK(row->name, strstr(site->text, "oday") != NULL); /* today's policy, a right today */
	CHECK(row->name, strstr(site->text, stage->password) == NULL);
	CHECK(row->name, site_run(site, "lockgate", "explain", "--dir", site->data, "--json", "--refusal", id,
				 NULL) == 0);
	(void)snprintf(want, sizeof(want), "\"then_step\":\"%s\"", row->step);
	CHECK(row->name, strstr(site->text, want) != NULL);
	CHECK(row->name, site->text[0] == '{');
	CHECK(row->name, strstr(site->text, stage->password) == NULL);
}

static void check_row(
	struct stage *stage, const struct row *row, enum mqtt_version version, bool with_explain)
{
	struct log_line line;
	char field[512];
	char step[64];
	long from = site_log_end(&stage->site);
	int want = version == MQTT_5 ? row->five : row->three;
	int got = attempt(stage, row, version);

	if (got != want) {
		(void)fprintf(stderr, "%s, %s: CONNACK %d, not %d\n", row->name, mqtt_version_name(version),
			got, want);
	}
	CHECK(row->name, got == want);
	(void)snprintf(step, sizeof(step), "\"step\":\"%s\"", row->step);
	bool found = site_log_find(
		&stage->site, from, E2E_WAIT_MS / 4, &line, (const char *const[]){"\"refusal\":\"", NULL});

	if (!found || strstr(line.text, step) == NULL || got != want) {
		(void)fprintf(stderr, "%s, %s: %s\n", row->name, mqtt_version_name(version), line.text);
	}
	CHECK(row->name, found && strstr(line.text, step) != NULL);
	CHECK(row->name, strcmp(log_field(&line, "certificate", field, sizeof(field)), row->reason) == 0);
	CHECK(row->name, strcmp(log_field(&line, "channel", field, sizeof(field)), row->channel) == 0);
	CHECK(row->name, log_field(&line, "sentence", field, sizeof(field))[0] != '\0');
	CHECK(row->name, strstr(line.text, stage->password) == NULL);
	(void)log_field(&line, "refusal", field, sizeof(field));
	CHECK(row->name, strlen(field) == 8);
	if (with_explain) {
		explain(stage, row, field, row->step);
	}
}

static void add_user(struct site *site, const char *name)
{
	char file[64];

	(void)snprintf(file, sizeof(file), "%s.password", name);
	CHECK(name, site_run(site, "lockgate", "passwd", "add", "--dir", "broker", "--out", file, name,
			    NULL) == 0);
}

static void setup(struct stage *stage)
{
	struct site *site = &stage->site;

	site_init(site);
	site_leaf(site, "expired", "ca",
		(const char *const[]){
			"--cn", "d1", "--client", "--not-before", "-3d", "--not-after", "-1d", NULL});
	site_leaf(site, "early", "ca",
		(const char *const[]){
			"--cn", "d1", "--client", "--not-before", "+1d", "--not-after", "+3d", NULL});
	site_leaf(site, "server", "ca", (const char *const[]){"--cn", "d1", "--server", NULL});
	site_leaf(site, "revoked", "ca", (const char *const[]){"--cn", "d1", "--client", NULL});
	site_leaf(site, "stranger", "ca", (const char *const[]){"--cn", "stranger", "--client", NULL});
	site_leaf(
		site, "pump", "ca", (const char *const[]){"--subject", "OU=pumps,CN=pump", "--client", NULL});
	site_leaf(site, "forged", "other", (const char *const[]){"--cn", "d1", "--client", NULL});
	site_leaf(site, "old", "ca", (const char *const[]){"--cn", "d1", "--v1", NULL});
	site_crl(site, "ca", (const char *const[]){"--number", "2", "--revoke", "pki/revoked.crt", NULL});
	site_add_device(site, "d1", false);
	site_add_device(site, "d2", true);
	add_user(site, "m1");
	add_user(site, "m2");
	add_user(site, "locked");
	CHECK("a user that is disabled",
		site_run(site, "lockgate", "passwd", "disable", "--dir", "broker", "locked", NULL) == 0);
	site_write(site, "site.mqsc", script);
	site->scripts[site->script_count++] = "broker/devices.mqsc";
	site_start(site, "site.mqsc");
	stage->gated = site_port(site, "GATED");
	stage->peer = site_port(site, "PEER");
	stage->rules = site_port(site, "RULES");
	stage->open = site_port(site, "OPEN");
	stage->words = site_port(site, "WORDS");
	stage->password = site_secret(site, "d1/password");
}

/* --- one answer for every failed login --- */

struct answer {
	uint8_t bytes[256];
	size_t len;
	long ms;
};

struct failed {
	struct raw raw;
	long since;
	struct answer answer;
};

static void failed_begin(
	struct stage *stage, enum mqtt_version version, const struct raw_connect *connect, struct failed *out)
{
	struct buf packet = BUF_INIT(4096);
	struct raw_connect with = *connect;

	with.version = version;
	REQUIRE(connect->user, raw_open(&out->raw, stage->words));
	out->raw.version = version;
	raw_connect_packet(&with, &packet);
	out->since = e2e_now_ms();
	CHECK(connect->user, raw_send(&out->raw, buf_bytes(&packet)));
	buf_release(&packet);
}

static void failed_end(const char *row, struct failed *failed)
{
	struct mqtt_packet_view got;
	struct answer *answer = &failed->answer;

	CHECK(row, raw_expect(&failed->raw, MQTT_CONNACK, &got));
	*answer = (struct answer){.ms = e2e_now_ms() - failed->since};
	if (failed->raw.used > 0 && failed->raw.packet.len <= sizeof(answer->bytes)) {
		memcpy(answer->bytes, failed->raw.packet.data, failed->raw.packet.len);
		answer->len = failed->raw.packet.len;
	}
	CHECK(row, raw_drain(&failed->raw) == RAW_CLOSED);
	raw_close(&failed->raw);
}

/* Unknown, disabled and wrong get identical bytes, and not before FAILDLAY. */
static void alike(struct stage *stage, enum mqtt_version version)
{
	const char *locked = site_secret(&stage->site, "locked.password");
	const struct raw_connect all[] = {
		{.client_id = "c", .user = "d1", .password = "wrong"},
		{.client_id = "c", .user = "nobody-of-this-name", .password = "wrong"},
		{.client_id = "c", .user = "locked", .password = locked},
		{.client_id = "c", .user = "locked", .password = "wrong"},
		{.client_id = "c", .user = "d1", .password = NULL},
	};
	struct failed failed[ARRAY_COUNT(all)];

	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		failed_begin(stage, version, &all[i], &failed[i]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		const struct answer *first = &failed[0].answer;
		const struct answer *answer = &failed[i].answer;

		failed_end(all[i].user, &failed[i]);
		CHECK(all[i].user, answer->len > 0 && answer->len == first->len &&
					   memcmp(answer->bytes, first->bytes, answer->len) == 0);
		CHECK(all[i].user, answer->ms >= 1000);
		CHECK(all[i].user, answer->ms < (E2E_SLOW ? 20000 : 4000));
	}
}

/* --- publish and subscribe without authority --- */

static bool logged(struct stage *stage, const char *row, long from, const char *topic)
{
	struct log_line line;
	char mark[128];
	char id[16];

	(void)snprintf(mark, sizeof(mark), "\"topic\":\"%s\"", topic);
	bool found = site_log_find(&stage->site, from, E2E_WAIT_MS / 4, &line,
		(const char *const[]){mark, "\"step\":\"authority\"", NULL});

	if (!found) {
		(void)fprintf(stderr, "%s: no log entry for topic %s\n", row, topic);
		return false;
	}
	explain(stage, &(struct row){.name = row, .step = "authority"},
		log_field(&line, "refusal", id, sizeof(id)), topic);
	return true;
}

/*
 * MQTT-3.3.5-2: before MQTT 5 a server may take a PUBLISH that is not allowed and say nothing of it, or close. MQTT 5 says it.
 */
static void unauthorised(struct stage *stage, enum mqtt_version version)
{
	const char *row = mqtt_version_name(version);
	struct raw raw;
	struct mqtt_packet_view got;
	long from = site_log_end(&stage->site);

	REQUIRE(row, raw_open(&raw, stage->open));
	REQUIRE(row, raw_login(&raw, &(struct raw_connect){.version = version, .client_id = "meddler"},
			     NULL) == 0);
	CHECK(row, raw_subscribe(&raw, "open/a", 1) == 1);
	CHECK(row, raw_subscribe(&raw, "foreign", 1) == (version == MQTT_5 ? 0x87 : 0x80));
	CHECK(row, logged(stage, row, from, "foreign"));
	CHECK(row, raw_subscribe(&raw, "#", 0) == (version == MQTT_5 ? 0x87 : 0x80));
	CHECK(row, raw_subscribe(&raw, "+/a", 0) == (version == MQTT_5 ? 0x87 : 0x80));
	from = site_log_end(&stage->site);
	int reason = raw_publish(&raw, "foreign/topic", "x", 1);

	if (version == MQTT_5) {
		CHECK(row, reason == 0x87);
		CHECK(row, raw_send_hex(&raw, "c000"));
		CHECK(row, raw_expect(&raw, MQTT_PINGRESP, &got));
	} else {
		CHECK(row, reason == 0 || reason == -1);
	}
	CHECK(row, logged(stage, row, from, "foreign/topic"));
	raw_close(&raw);
}

/* wolfSSL refuses X.509 v1 before we see it; the log says so in words that help. */
static void version_one(struct stage *stage)
{
	struct raw raw = {.fd = -1};
	struct log_line line;
	long from = site_log_end(&stage->site);

	if (dial(stage, "GATED", "pki/old-chain", NULL, &raw)) {
		CHECK("X.509 v1", raw_drain(&raw) != RAW_SILENT);
	}
	raw_close(&raw);
	bool found = site_log_find(&stage->site, from, E2E_WAIT_MS / 4, &line,
			     (const char *const[]){"GATED", "version 1", NULL}) ||
		     site_log_find(&stage->site, from, 0, &line, (const char *const[]){"GATED", "v1", NULL});

	if (!found) {
		(void)site_log_find(&stage->site, from, 0, &line, (const char *const[]){"", NULL});
		(void)fprintf(stderr, "X.509 v1: %s\n", line.text);
	}
	CHECK("X.509 v1: a sentence that helps", found);
}

/* A hostile name is one value in the log and in what an operator may paste: it never begins a line of its own. */
static void hostile_name(struct stage *stage)
{
	static const char name[] = "a')\nSTOP CHANNEL(OPEN)\x1b[2J";
	const char *row = "hostile name -> log -> parser yields at most one command";
	struct raw raw;
	struct log_line line;
	long from = site_log_end(&stage->site);

	REQUIRE(row, raw_open(&raw, stage->open));
	CHECK(row, raw_login(&raw, &(struct raw_connect){.version = MQTT_5, .client_id = name}, NULL) == 0);
	CHECK(row, site_log_find(&stage->site, from, E2E_WAIT_MS, &line,
			   (const char *const[]){"LKG0300I", "STOP CHANNEL(OPEN)", "}\n", NULL}));
	CHECK(row, line.text[0] == '{' && strchr(line.text, 0x1b) == NULL);
	CHECK(row, site_mqsc(&stage->site, "DISPLAY CHSTATUS(OPEN) CLIENTID('*')") == 0);
	CHECK(row, strstr(stage->site.text, "STOP CHANNEL") != NULL);
	CHECK(row, strstr(stage->site.text, "\nSTOP CHANNEL") == NULL);
	CHECK(row, strchr(stage->site.text, 0x1b) == NULL);
	raw_close(&raw);
}

int main(void)
{
	struct stage stage;
	struct raw device = {.fd = -1};

	setup(&stage);
	/* d1 is there all the while: it is what the owner row runs into, and it notices nothing. */
	REQUIRE("d1", dial(&stage, "GATED", "d1/device", NULL, &device));
	CHECK("d1: both gates open", raw_login(&device,
					     &(struct raw_connect){.version = MQTT_5,
						     .client_id = "d1",
						     .user = "d1",
						     .password = stage.password},
					     NULL) == 0);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		check_row(&stage, &rows[i], MQTT_5, true);
		check_row(&stage, &rows[i], MQTT_3_1_1, false);
	}
	alike(&stage, MQTT_3_1_1);
	alike(&stage, MQTT_5);
	unauthorised(&stage, MQTT_3_1_1);
	unauthorised(&stage, MQTT_5);
	version_one(&stage);
	hostile_name(&stage);
	struct mqtt_packet_view got;

	CHECK("d1 noticed nothing", raw_send_hex(&device, "c000"));
	CHECK("d1 noticed nothing", raw_expect(&device, MQTT_PINGRESP, &got));
	raw_close(&device);
	CHECK("an id of no refusal", site_run(&stage.site, "lockgate", "explain", "--dir", stage.site.data,
					     "--refusal", "00000000", NULL) != 0);
	site_stop(&stage.site);
	return test_result();
}
