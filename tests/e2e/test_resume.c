/*
 * Goal: a good certificate on its own channel really resumes, and nothing that is resumed, or tried to be, lets in whom a
 * full handshake would not: {1.2 session id, 1.2 ticket, 1.3 ticket} x {same channel, other channel, other SSLCAUTH, other
 * identity, revoked since, CA removed since, pin removed, expired since, RESUME(NO), altered ticket, offered twice, broker
 * restarted}. (Evicted chains, rotated keys and two tickets at once: tests/broker.)
 */
#include <string.h>
#include <sys/wait.h>

#include "base/pem.h"
#include "base/wire.h"
#include "tests/e2e/raw.h"

static const char script[] =
	"DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') CRLFILE('@ROOT@/broker/crl') +\n"
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass')\n"
	"DEFINE CHANNEL(B) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') +\n"
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass')\n"
	"DEFINE CHANNEL(OPT) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') SSLCAUTH(OPTIONAL) +\n"
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass')\n"
	"DEFINE CHANNEL(NEV) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') SSLCAUTH(NEVER) MCAUSER('app') +\n"
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass')\n"
	"DEFINE CHANNEL(KEYS) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') +\n"
	"  SSLKEYR('@ROOT@/broker/keys.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass')\n"
	"SET CHLAUTH('*') TYPE(SSLPEERMAP) SSLPEER('CN=*') USERSRC(MAP) MCAUSER('app')\n"
	"SET CHLAUTH('*') TYPE(SSLPEERMAP) SSLPEER('CN=nobody') USERSRC(MAP) MCAUSER('nobody')\n"
	"SET CHLAUTH('KEYS') TYPE(SSLPEERMAP) SSLPEER('CN=pinned') SSLFPRT('@FINGERPRINT@') +\n"
	"  USERSRC(MAP) MCAUSER('app')\n"
	"SET CHLAUTH(NEV) TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)\n"
	"SET CHLAUTH(OPT) TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(MAP) MCAUSER('app')\n"
	"SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS) ACTION(REPLACE)\n"
	"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('app') AUTHADD(CONNECT)\n"
	"START CHANNEL(A)\nSTART CHANNEL(B)\nSTART CHANNEL(OPT)\nSTART CHANNEL(NEV)\nSTART CHANNEL(KEYS)\n";

#define NO_ANSWER (-1)

/* One visit: what it was like, and the session that it leaves. */
struct visit {
	const char *channel;
	const char *cert; /* pki/NAME-chain.crt; NULL: none */
	void *offer;      /* a session; borrowed */
	struct raw_again how;
	/* seen */
	bool secured, resumed;
	int connack;
	size_t ticket;
	void *session;
};

#define OFFER(channel_, cert_, session_)                                                                     \
	((struct visit){.channel = (channel_), .cert = (cert_), .offer = (session_)})

static unsigned visits;

static void visit(struct site *site, struct visit *visit)
{
	char cert[64];
	char key[64];
	char id[32];
	struct raw raw;
	struct mqtt_packet_view got;
	struct raw_identity identity = {NULL, NULL};

	if (visit->cert != NULL) {
		(void)snprintf(cert, sizeof(cert), "pki/%s-chain.crt", visit->cert);
		(void)snprintf(key, sizeof(key), "pki/%s.key", visit->cert);
		identity = (struct raw_identity){site_path(site, cert), site_path(site, key)};
	}
	/* Another name each time: with two workers about half of the connections move before their CONNACK. */
	(void)snprintf(id, sizeof(id), "visitor%u", visits++);
	REQUIRE(id, raw_open(&raw, site_port(site, visit->channel)));
	visit->secured = raw_tls_again(&raw, &identity, visit->offer, &visit->how);
	visit->resumed = visit->secured && raw_resumed(&raw);
	visit->connack =
		!visit->secured
			? NO_ANSWER
			: raw_login(&raw, &(struct raw_connect){.version = MQTT_5, .client_id = id}, NULL);
	CHECK("no ticket before the CONNACK", raw.tickets == 0 || visit->how.version_12);
	visit->ticket = 0;
	visit->session = NULL;
	if (visit->connack == 0) {
		/* The ticket stands behind the CONNACK, and the answer to a ping behind both. */
		CHECK(id, raw_send_hex(&raw, "c000") && raw_expect(&raw, MQTT_PINGRESP, &got));
		visit->ticket = raw.tickets == 0 ? 0 : raw.ticket_bytes;
		CHECK("one ticket at most", raw.tickets <= 1);
		visit->session = raw_session(&raw);
		CHECK(id, raw_send_hex(&raw, "e000"));
	} else if (visit->connack > 0) {
		(void)raw_drain(&raw); /* nothing but the end comes behind a refusal */
		visit->ticket = raw.tickets == 0 ? 0 : raw.ticket_bytes;
	}
	raw_close(&raw);
}

/* A first visit, which is admitted and leaves a session. */
static void *first(struct site *site, const char *row, const char *channel, const char *cert)
{
	struct visit first = {.channel = channel, .cert = cert};

	visit(site, &first);
	CHECK(row, first.secured && !first.resumed && first.connack == 0);
	CHECK(row, first.ticket > 0);
	return first.session;
}

/* Offers session; wants this outcome. connack 0: admitted, and then with another ticket. */
struct want {
	bool resumed;
	int connack;
};
static void again(struct site *site, const char *row, struct visit offer, struct want want)
{
	visit(site, &offer);
	CHECK(row, offer.resumed == want.resumed);
	CHECK(row, offer.connack == want.connack);
	CHECK(row, (offer.ticket > 0) == (want.connack == 0) || offer.how.version_12);
	raw_session_free(offer.session);
}

static const struct want RESUMES = {true, 0};
static const struct want FULL = {false, 0};            /* a full handshake, and admitted */
static const struct want REFUSED = {false, NO_ANSWER}; /* not even that */
static const struct want SEEN_AND_REFUSED = {
	true, NO_ANSWER}; /* it resumed, and was judged as a full one is */

/* --- where it resumes, and where not --- */

static void same_and_other_places(struct site *site)
{
	void *app = first(site, "A, first", "A", "app");
	void *open = first(site, "OPTIONAL without a certificate, first", "OPT", NULL);
	void *shown = first(site, "OPTIONAL with a certificate, first", "OPT", "app");
	void *never = first(site, "NEVER, first", "NEV", NULL);

	for (int i = 0; i < 6; i++) {
		again(site, "same channel, offered again and again", OFFER("A", "app", app), RESUMES);
	}
	again(site, "same channel, without the certificate at hand", OFFER("A", NULL, app), RESUMES);
	again(site, "same channel, NEVER", OFFER("NEV", NULL, never), RESUMES);
	again(site, "same channel, OPTIONAL without", OFFER("OPT", NULL, open), RESUMES);
	again(site, "same channel, OPTIONAL with", OFFER("OPT", NULL, shown), RESUMES);
	again(site, "other channel", OFFER("B", "app", app), FULL);
	again(site, "other channel, no certificate to fall back on", OFFER("B", NULL, app), REFUSED);
	again(site, "other SSLCAUTH: REQUIRED to OPTIONAL", OFFER("OPT", NULL, app), FULL);
	again(site, "other SSLCAUTH: REQUIRED to NEVER", OFFER("NEV", NULL, app), FULL);
	again(site, "other SSLCAUTH: OPTIONAL without to REQUIRED", OFFER("A", NULL, open), REFUSED);
	again(site, "other SSLCAUTH: OPTIONAL with to REQUIRED", OFFER("A", NULL, shown), REFUSED);
	again(site, "other SSLCAUTH: NEVER to REQUIRED", OFFER("A", NULL, never), REFUSED);
	again(site, "other SSLCAUTH: NEVER to OPTIONAL", OFFER("OPT", NULL, never), FULL);
	raw_session_free(open);
	raw_session_free(shown);
	raw_session_free(never);
	raw_session_free(app);
}

/* Octets of the name, the IV, the length, the sealed text, the tag and the sealed trailer; the last is the ticket's last. */
static void altered(struct site *site)
{
	struct visit one = {.channel = "A", .cert = "app"};

	visit(site, &one);
	REQUIRE("a ticket to alter", one.ticket > 200);
	size_t octets[] = {1, 17, 29, 32, 33, 34, 35, 100, one.ticket - 40, one.ticket - 31, one.ticket - 10,
		one.ticket};

	for (size_t i = 0; i < ARRAY_COUNT(octets); i++) {
		char row[48];
		/* The library's client alters the session that it was given: a fresh one each time. */
		void *session = first(site, "to be altered", "A", "app");

		(void)snprintf(row, sizeof(row), "altered ticket, octet %zu of %zu", octets[i], one.ticket);
		struct visit offer = OFFER("A", "app", session);

		offer.how.flip_bit_of = octets[i];
		again(site, row, offer, FULL);
		raw_session_free(session);
	}
	struct visit offer = OFFER("A", "app", one.session);

	again(site, "the same, not altered", offer, RESUMES);
	offer.how.psk_ke_only = true;
	again(site, "RFC 8446 4.2.9 without a new key exchange", offer, REFUSED);
	raw_session_free(one.session);
}

static void tls_12(struct site *site)
{
	for (int tickets = 0; tickets <= 1; tickets++) {
		const char *row = tickets ? "1.2 ticket" : "1.2 session id";
		struct raw_again how = {.version_12 = true, .want_ticket_12 = tickets == 1};
		struct visit one = {.channel = "A", .cert = "app", .how = how};

		visit(site, &one);
		CHECK(row, one.connack == 0);
		again(site, row,
			(struct visit){.channel = "A", .cert = "app", .offer = one.session, .how = how},
			FULL);
		again(site, row, (struct visit){.channel = "A", .offer = one.session, .how = how}, REFUSED);
		again(site, row, (struct visit){.channel = "B", .offer = one.session, .how = how}, REFUSED);
		again(site, row, (struct visit){.channel = "OPT", .offer = one.session, .how = how}, FULL);
		raw_session_free(one.session);
	}
}

/* --- what changed since --- */

static bool log_says(struct site *site, long from, const char *step, const char *reason)
{
	char a[64];
	char b[64];
	struct log_line line;

	(void)snprintf(a, sizeof(a), "\"step\":\"%s\"", step);
	(void)snprintf(b, sizeof(b), "\"certificate\":\"%s\"", reason);
	return site_log_find(site, from, E2E_WAIT_MS, &line, (const char *const[]){a, b, NULL});
}

static void refused_since(
	struct site *site, const char *row, struct visit offer, const char *step, const char *reason)
{
	long from = site_log_end(site);

	again(site, row, offer, SEEN_AND_REFUSED);
	CHECK(row, log_says(site, from, step, reason));
	/* By now the chain is on the other shelf: the ticket opens no more, the verdict is the same. */
	from = site_log_end(site);
	again(site, row, offer, (struct want){false, NO_ANSWER});
	CHECK(row, offer.cert == NULL || log_says(site, from, step, reason));
}

static void revoked_since(struct site *site)
{
	static const char *const list[] = {"--number", "2", "--revoke", "pki/gone.crt", NULL};
	void *gone = first(site, "revoked since, first", "A", "gone");
	void *app = first(site, "not revoked, first", "A", "app");

	site_crl(site, "ca", list);
	CHECK("the list is read", site_mqsc(site, "REFRESH SECURITY TYPE(SSL)") == 0);
	refused_since(site, "revoked since", OFFER("A", "gone", gone), "revocation", "revoked");
	again(site, "another's revocation", OFFER("A", "app", app), RESUMES);
	raw_session_free(gone);
	raw_session_free(app);
}

static void expired_since(struct site *site)
{
	site_leaf(site, "brief", "ca",
		(const char *const[]){"--cn", "brief", "--client", "--not-after", "+3s", NULL});
	void *brief = first(site, "expired since, first", "A", "brief");
	long until = e2e_now_ms() + 4500;

	while (e2e_now_ms() < until) {
		e2e_pause();
	}
	/* The ticket ends with the certificate: a full handshake, which is refused. */
	again(site, "expired since", OFFER("A", "brief", brief), REFUSED);
	raw_session_free(brief);
}

static const char pass[] = "file:broker/keystore.pass";

static void keystore(struct site *site, const char *row, const char *const *arguments)
{
	CHECK(row, site_run_list(site, "lockgate", arguments) == 0);
}

static void trust_removed(struct site *site)
{
	void *stranger = first(site, "CA removed since, first", "KEYS", "stranger");
	void *pinned = first(site, "pin removed since, first", "KEYS", "pinned");

	again(site, "CA still there", OFFER("KEYS", "stranger", stranger), RESUMES);
	again(site, "pin still there", OFFER("KEYS", "pinned", pinned), RESUMES);
	keystore(site, "remove",
		(const char *const[]){
			"keystore", "remove", "--passphrase", pass, "broker/keys.p12", "other", NULL});
	keystore(site, "remove",
		(const char *const[]){
			"keystore", "remove", "--passphrase", pass, "broker/keys.p12", "pin:pinned", NULL});
	CHECK("refresh", site_mqsc(site, "REFRESH SECURITY TYPE(SSL)") == 0);
	refused_since(
		site, "CA removed since", OFFER("KEYS", "stranger", stranger), "path", "unknown-issuer");
	again(site, "pin removed since", OFFER("KEYS", "pinned", pinned), SEEN_AND_REFUSED);
	again(site, "pin removed since", OFFER("KEYS", "pinned", pinned), REFUSED);
	raw_session_free(stranger);
	raw_session_free(pinned);
}

static void other_identity(struct site *site)
{
	void *app = first(site, "other identity, first", "KEYS", "app");

	again(site, "same identity", OFFER("KEYS", NULL, app), RESUMES);
	keystore(site, "remove",
		(const char *const[]){
			"keystore", "remove", "--passphrase", pass, "broker/keys.p12", "channel", NULL});
	keystore(site, "import",
		(const char *const[]){"keystore", "import", "--passphrase", pass, "--alias", "channel2",
			"broker/keys.p12", "pki/channel2-chain.crt", "pki/channel2.key", NULL});
	CHECK("refresh", site_mqsc(site, "REFRESH SECURITY TYPE(SSL)") == 0);
	again(site, "other identity", OFFER("KEYS", NULL, app), REFUSED);
	again(site, "other identity", OFFER("KEYS", "app", app), FULL);
	raw_session_free(app);
}

static void switched_off(struct site *site)
{
	void *app = first(site, "RESUME(NO), first", "A", "app");
	struct visit offer = OFFER("A", "app", app);

	CHECK("RESUME(NO)", site_mqsc(site, "ALTER CHANNEL(A) CHLTYPE(MQTT) RESUME(NO)") == 0);
	visit(site, &offer);
	CHECK("RESUME(NO)", !offer.resumed && offer.connack == 0 && offer.ticket == 0);
	raw_session_free(offer.session);
	CHECK("RESUME(YES)", site_mqsc(site, "ALTER CHANNEL(A) CHLTYPE(MQTT) RESUME(YES)") == 0);
	again(site, "RESUME(YES)", OFFER("A", "app", app), RESUMES);
	raw_session_free(app);
}

/* --- who gets none --- */

static void refused_get_none(struct site *site)
{
	struct visit nobody = {.channel = "B", .cert = "nobody"};
	struct visit forged = {.channel = "B", .cert = "stranger"};

	visit(site, &nobody);
	CHECK("refused in CONNACK", nobody.connack > 0 && nobody.ticket == 0);
	visit(site, &forged);
	CHECK("refused at the gate", forged.connack == NO_ANSWER && forged.ticket == 0);
}

/* --- somebody else's client --- */

/* Its session is in name.out then, what it said in s_client.name. */
static int s_client(struct site *site, unsigned port, const char *more, const char *name)
{
	char line[1024];

	/* Speaks MQTT: a CONNECT, then waits until the session is there, and leaves. */
	(void)snprintf(line, sizeof(line),
		"{ printf '\\020\\017\\000\\004MQTT\\004\\002\\000\\000\\000\\003%s'; "
		"for i in $(seq 80); do test -s %s.out && break; sleep 0.1; done; sleep 0.1; } | "
		"timeout 10 openssl s_client -connect 127.0.0.1:%u -tls1_3 -cert pki/app-chain.crt "
		"-cert_chain pki/app-chain.crt -key pki/app.key %s -sess_out %s.out >s_client.%s 2>&1",
		name, name, port, more, name, name);
	return site_run(site, "sh", "-c", line, NULL);
}

static void openssl_client(struct site *site)
{
	if (!e2e_program_there("openssl")) {
		return;
	}
	unsigned port = site_port(site, "A");

	(void)s_client(site, port, "", "se1");
	CHECK("openssl: new", strstr(site_read(site, "s_client.se1"), "New, TLSv1.3") != NULL);
	(void)s_client(site, port, "-sess_in se1.out", "se2");
	CHECK("openssl: reused", strstr(site_read(site, "s_client.se2"), "Reused, TLSv1.3") != NULL);
}

/* Length of a DER element's header and content, in the two forms that a session has. */
static void der_lengths(struct bytes in, size_t *head, size_t *content)
{
	struct wire_reader reader = wire_reader_init(in);
	uint8_t tag = 0, first = 0;
	uint16_t longer = 0;

	REQUIRE("an element", wire_get_u8(&reader, &tag) == ERR_OK && wire_get_u8(&reader, &first) == ERR_OK);
	if (first == 0x81) {
		REQUIRE("its length", wire_get_u8(&reader, &first) == ERR_OK);
		*head = 3, *content = first;
	} else if (first == 0x82) {
		REQUIRE("its length", wire_get_u16(&reader, &longer) == ERR_OK);
		*head = 4, *content = longer;
	} else {
		*head = 2, *content = first;
	}
}

/* OpenSSL's session file, told that its ticket allows early data: [15] INTEGER, behind [14]. */
static void allow_early_data(struct site *site, const char *from, const char *to)
{
	static const uint8_t allowed[] = {0xaf, 0x04, 0x02, 0x02, 0x40, 0x00};
	struct bytes text = bytes_text(site_read(site, from)), label;
	struct buf der = BUF_INIT(65536), out = BUF_INIT(65536), pem = BUF_INIT(131072);
	size_t head = 0, content = 0;

	REQUIRE("a session", pem_next(&text, &label, &der) == ERR_OK);
	der_lengths(buf_bytes(&der), &head, &content);
	size_t at = head;

	while (at < der.len && der.data[at] < 0xaf) { /* the elements stand in the order of their tags */
		size_t inner = 0, len = 0;

		der_lengths(bytes_of(der.data + at, der.len - at), &inner, &len);
		at += inner + len;
	}
	content += sizeof(allowed);
	uint8_t begin[] = {0x30, 0x82, (uint8_t)(content >> 8), (uint8_t)content};

	REQUIRE("written", buf_append(&out, bytes_of(begin, sizeof(begin))) == ERR_OK &&
				   buf_append(&out, bytes_of(der.data + head, at - head)) == ERR_OK &&
				   buf_append(&out, bytes_of(allowed, sizeof(allowed))) == ERR_OK &&
				   buf_append(&out, bytes_of(der.data + at, der.len - at)) == ERR_OK &&
				   pem_encode("SSL SESSION PARAMETERS", buf_bytes(&out), &pem) == ERR_OK &&
				   buf_append_u8(&pem, 0) == ERR_OK);
	site_write(site, to, (const char *)pem.data);
	buf_release(&der);
	buf_release(&out);
	buf_release(&pem);
}

/* RFC 8446 4.2.10: the ticket allowed none; what is sent all the same is never read as MQTT. */
static void early_data(struct site *site)
{
	char line[512];
	struct log_line seen;
	long from = site_log_end(site);

	if (!e2e_program_there("openssl")) {
		return;
	}
	(void)s_client(site, site_port(site, "A"), "", "se4");
	allow_early_data(site, "se4.out", "se3");
	(void)snprintf(line, sizeof(line),
		"printf '\\020\\021\\000\\004MQTT\\004\\002\\000\\000\\000\\005early' >early; sleep 1 | "
		"timeout 10 openssl s_client -connect 127.0.0.1:%u -tls1_3 -cert pki/app-chain.crt "
		"-cert_chain pki/app-chain.crt -key pki/app.key -early_data early -sess_in se3 >s_client.se3 "
		"2>&1",
		site_port(site, "A"));
	(void)site_run(site, "sh", "-c", line, NULL);
	CHECK("early data is rejected",
		strstr(site_read(site, "s_client.se3"), "Early data was rejected") != NULL);
	CHECK("and admits nobody", !site_log_find(site, from, E2E_QUIET_MS, &seen,
					   (const char *const[]){"LKG0300I", "\"early\"", NULL}));
}

/* --- the site --- */

static void make_site(struct site *site)
{
	static const char *const leaves[][3] = {
		{"gone", "ca", "gone"}, {"nobody", "ca", "nobody"}, {"stranger", "other", "stranger"}};
	char fingerprint[128];
	char text[sizeof(script) + 128];

	site_init(site);
	for (size_t i = 0; i < ARRAY_COUNT(leaves); i++) {
		site_leaf(site, leaves[i][0], leaves[i][1],
			(const char *const[]){"--cn", leaves[i][2], "--client", NULL});
	}
	site_leaf(site, "channel2", "ca",
		(const char *const[]){"--cn", "localhost", "--server", "--dns", "localhost", NULL});
	CHECK("self-signed", site_run(site, "lockgate-certs", "self-signed", "--out", "pki/pinned", "--cn",
				     "pinned", NULL) == 0);
	CHECK("self-signed", site_run(site, "cp", "pki/pinned.crt", "pki/pinned-chain.crt", NULL) == 0);
	CHECK("keys", site_run(site, "cp", "broker/keystore.p12", "broker/keys.p12", NULL) == 0);
	keystore(site, "import-trust",
		(const char *const[]){"keystore", "import-trust", "--passphrase", pass, "--anchor", "--alias",
			"other", "broker/keys.p12", "pki/other.crt", NULL});
	keystore(site, "import-trust",
		(const char *const[]){"keystore", "import-trust", "--passphrase", pass, "--pinned", "--alias",
			"pin:pinned", "broker/keys.p12", "pki/pinned.crt", NULL});
	REQUIRE("fingerprint",
		site_run(site, "sh", "-c",
			"openssl x509 -in pki/pinned.crt -noout -fingerprint -sha256 | sed 's/.*=//'",
			NULL) == 0);
	(void)snprintf(fingerprint, sizeof(fingerprint), "%.127s", site->text);
	fingerprint[strcspn(fingerprint, "\n")] = '\0';
	const char *at = strstr(script, "@FINGERPRINT@");

	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - script), script, fingerprint,
		at + strlen("@FINGERPRINT@"));
	site_write(site, "resume.mqsc", text);
}

int main(void)
{
	static struct site site;

	make_site(&site);
	site_start(&site, "resume.mqsc");
	same_and_other_places(&site);
	altered(&site);
	tls_12(&site);
	refused_get_none(&site);
	openssl_client(&site);
	early_data(&site);
	switched_off(&site);
	trust_removed(&site);
	other_identity(&site);
	revoked_since(&site);
	expired_since(&site);
	void *app = first(&site, "broker restarted, first", "A", "app");

	site_stop(&site);
	site_start(&site, "resume.mqsc");
	again(&site, "broker restarted", OFFER("A", "app", app), FULL);
	again(&site, "broker restarted", OFFER("A", NULL, app), REFUSED);
	raw_session_free(app);
	site_stop(&site);
	return test_result();
}
