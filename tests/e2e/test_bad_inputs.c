/*
 * Goal: each bad input gets a clear error and leaves nothing half applied: at the start the broker does not run at all, in a
 * running broker everything that was in force stays in force.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/e2e/raw.h"

#define WORDS_MAX 5

#define CHANNEL(name, more)                                                                                  \
	"DEFINE CHANNEL(" name ") CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') +\n"                           \
	"  SSLKEYR('@ROOT@/broker/keystore.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass') " more "\n"     \
	"START CHANNEL(" name ")\n"
#define PLAIN(name, port)                                                                                    \
	"DEFINE CHANNEL(" name ") CHLTYPE(MQTT) PORT(" port ") LOCLADDR('127.0.0.1') MCAUSER('u')\n"         \
	"SET CHLAUTH(" name ") TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)\n"                     \
	"START CHANNEL(" name ")\n"
#define CONNECT_RIGHT "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('u') AUTHADD(CONNECT)\n"

/* The broker must not start on this script; what it says holds all the words. */
static void refused(struct site *site, const char *row, const char *script, const char *const *words)
{
	site_write(site, "site.mqsc", script);
	int code = site_start_refused(site, "site.mqsc");

	CHECK(row, code == 1);
	for (; *words != NULL; words++) {
		if (strstr(site->text, *words) == NULL) {
			(void)fprintf(stderr, "%s: '%s' is not in: %s\n", row, *words, site->text);
		}
		CHECK(row, strstr(site->text, *words) != NULL);
	}
	CHECK(row, access(site_path(site, "broker/admin.sock"), F_OK) != 0);
}

static void scripts(struct site *site)
{
	static const struct {
		const char *row, *script;
		const char *words[WORDS_MAX];
	} rows[] = {
		{"a word that is no command", "DEFINE CHANNEL(A) CHLTYPE(MQTT)\nDEFNE CHANNEL(B)\n",
			{"site.mqsc", "2:1", "DEFNE", "DEFINE"}},
		{"an object that is none", "\n\n  DEFINE CHANEL(A)\n",
			{"site.mqsc", "3:10", "CHANEL", "CHANNEL"}},
		{"an attribute that is none", "DEFINE CHANNEL(A) CHLTYPE(MQTT) +\n  PROT(1883)\n",
			{"site.mqsc", "2:3", "PROT", "did you mean PORT"}},
		{"a value that is none", "DEFINE CHANNEL(A) CHLTYPE(MQTT) SSLCAUTH(MAYBE)\n",
			{"site.mqsc", "1:", "MAYBE", "REQUIRED"}},
		{"a number out of range", "DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(70000)\n",
			{"site.mqsc", "1:", "70000", "65535"}},
		{"a quote that is not closed", "DEFINE CHANNEL('A) CHLTYPE(MQTT)\n", {"site.mqsc", "1:"}},
		{"an error behind good commands starts none of them",
			PLAIN("GOOD", "0") "STRAT CHANNEL(GOOD)\n", {"site.mqsc", "STRAT"}},
		{"START of a channel that is not defined", "START CHANNEL(NONE)\n", {"site.mqsc", "NONE"}},
		{"a plain channel without MCAUSER",
			"DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1')\nSTART CHANNEL(A)\n",
			{"'A'", "MCAUSER"}},
		{"an entry that the login configuration does not have", CHANNEL("A", "JAASCFG('Nobody')"),
			{"'A'", "JAASCFG"}},
		{"a revocation list that is not there", CHANNEL("A", "CRLFILE('@ROOT@/none.crl')"),
			{"none.crl", "no such file"}},
		{"a keystore that is not there",
			"DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(0) SSLKEYR('@ROOT@/none.p12') +\n"
			"  SSLKEYP('file:@ROOT@/broker/keystore.pass')\nSTART CHANNEL(A)\n",
			{"none.p12"}},
		{"a passphrase file that is not there",
			"DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(0) SSLKEYR('@ROOT@/broker/keystore.p12') +\n"
			"  SSLKEYP('file:@ROOT@/none.pass')\nSTART CHANNEL(A)\n",
			{"none.pass"}},
		{"an alias that is not there", CHANNEL("A", "CERTLABL('other')"),
			{"keystore.p12", "CERTLABL"}},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		refused(site, rows[i].row, rows[i].script, rows[i].words);
	}
}

/* --- keystores --- */

static void write_file(const char *path, struct bytes content)
{
	REQUIRE(path, file_write_atomic(path, content, 0600) == ERR_OK);
}

/* What the broker said, without the passphrase's or the file's name in front: up to the line's end. */
static void keep_said(const struct site *site, char *out, size_t size)
{
	const char *at = strstr(site->text, "keystore.p12");

	(void)snprintf(out, size, "%s", at == NULL ? "" : at);
}

static void keystores(struct site *site)
{
	const char *path = site_path(site, "broker/keystore.p12");
	const char *script = CHANNEL("A", "");
	struct buf whole = BUF_INIT(1u << 20);
	char wrong[1024];
	char altered[1024];

	REQUIRE("keystore", file_read(path, 1u << 20, &whole) == ERR_OK);
	const size_t cuts[] = {0, 1, 3, 40, whole.len / 2, whole.len - 1};

	for (size_t i = 0; i < ARRAY_COUNT(cuts); i++) {
		write_file(path, bytes_of(whole.data, cuts[i]));
		refused(site, "a truncated keystore", script, (const char *const[]){"keystore.p12", NULL});
	}
	write_file(path, bytes_text("\xff\xd8\xff\xe0 this is a picture, is it not?\n"));
	refused(site, "a foreign file", script, (const char *const[]){"keystore.p12", NULL});

	whole.data[whole.len / 2] ^= 0x01;
	write_file(path, buf_bytes(&whole));
	refused(site, "an altered file", script, (const char *const[]){"keystore.p12", "altered", NULL});
	keep_said(site, altered, sizeof(altered));
	whole.data[whole.len / 2] ^= 0x01;
	write_file(path, buf_bytes(&whole));
	site_write(site, "broker/keystore.pass", "another passphrase\n");
	refused(site, "a wrong passphrase", script,
		(const char *const[]){"keystore.p12", "passphrase", NULL});
	keep_said(site, wrong, sizeof(wrong));
	/* Nobody may learn from the message whether a passphrase was right. */
	CHECK("wrong passphrase and altered file: one message", strcmp(wrong, altered) == 0);
	site_write(site, "broker/keystore.pass", "passphrase of the tests\n");
	buf_release(&whole);
}

/* --- files of others, folders, ports --- */

static void owners(struct site *site)
{
	static const char *const files[] = {"site.mqsc", "broker/users", "broker/jaas.config"};

	for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
		site_write(site, "site.mqsc", CHANNEL("A", "JAASCFG('Devices')"));
		const char *path = site_path(site, files[i]);

		REQUIRE(path, chmod(path, 0666) == 0);
		CHECK(files[i], site_start_refused(site, "site.mqsc") == 1);
		const char *name = strrchr(files[i], '/');

		if (strstr(site->text, name == NULL ? files[i] : name + 1) == NULL) {
			(void)fprintf(stderr, "%s: %s\n", files[i], site->text);
		}
		CHECK(files[i], strstr(site->text, name == NULL ? files[i] : name + 1) != NULL);
		REQUIRE(path, chmod(path, 0600) == 0);
	}
}

static void folders(struct site *site)
{
	char data[sizeof(site->data)];

	memcpy(data, site->data, sizeof(data));
	site_write(site, "site.mqsc", PLAIN("A", "0"));
	(void)snprintf(site->data, sizeof(site->data), "%s", site_path(site, "site.mqsc"));
	CHECK("the data directory is a file", site_start_refused(site, "site.mqsc") == 1);
	CHECK("the data directory is a file", strstr(site->text, "site.mqsc") != NULL);
	(void)snprintf(site->data, sizeof(site->data), "%s", site_path(site, "none/at/all"));
	CHECK("the folder above is not there", site_start_refused(site, "site.mqsc") == 1);
	CHECK("the folder above is not there", strstr(site->text, "none/at/all") != NULL);
	if (geteuid() != 0) { /* root may read everything */
		(void)snprintf(site->data, sizeof(site->data), "%s", site_path(site, "shut"));
		REQUIRE(site->data, mkdir(site->data, 0) == 0);
		CHECK("an unreadable folder", site_start_refused(site, "site.mqsc") == 1);
		CHECK("an unreadable folder", strstr(site->text, "shut") != NULL);
	}
	memcpy(site->data, data, sizeof(data));
}

static void busy_port(struct site *site)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	char script[1024];
	char number[16];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	REQUIRE("a port", bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 1) == 0 &&
				  getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	(void)snprintf(number, sizeof(number), "%u", ntohs(at.sin_port));
	(void)snprintf(script, sizeof(script), PLAIN("FREE", "0") PLAIN("BUSY", "%s"), number);
	refused(site, "a busy port", script, (const char *const[]){"'BUSY'", number, NULL});
	(void)close(fd);
}

/* --- a broker that runs --- */

static bool lets_in(struct site *site, const char *channel)
{
	struct raw raw;
	unsigned port = site_port(site, channel);
	bool good = port != 0 && raw_open(&raw, port) &&
		    raw_login(&raw, &(struct raw_connect){.version = MQTT_5, .client_id = "c"}, NULL) == 0;

	if (port != 0) {
		raw_close(&raw);
	}
	return good;
}

static void second_broker(struct site *site)
{
	struct site second = *site;

	second.pid = 0;
	second.errors = "second.stderr";
	site_write(site, "second.mqsc", PLAIN("SECOND", "0"));
	CHECK("a second broker on one data directory", site_start_refused(&second, "second.mqsc") == 1);
	CHECK("a second broker on one data directory",
		strstr(second.text, "another broker runs on this data directory") != NULL);
	CHECK("the first one goes on", lets_in(site, "KEPT"));
}

static bool after_hangup(struct site *site, const char *id, struct log_line *line)
{
	long from = site_log_end(site);

	site_signal(site, SIGHUP);
	return site_log_find(site, from, E2E_WAIT_MS, line, (const char *const[]){id, NULL});
}

static void hangups(struct site *site)
{
	static const char kept[] = PLAIN("KEPT", "0") CONNECT_RIGHT;
	static const struct {
		const char *row, *file, *text, *word;
	} bad[] = {
		{"a script with an error", "site.mqsc", PLAIN("NEW", "0") "DEFNE CHANNEL(X)\n", "DEFNE"},
		{"a login configuration with an error", "broker/jaas.config", "Devices { What required; ;\n",
			"jaas.config"},
		{"a users file with an error", "broker/users", "this is no line of it\n", "users"},
		{"a channel that cannot start", "site.mqsc",
			PLAIN("KEPT", "0") CONNECT_RIGHT CHANNEL("NEW", "CRLFILE('@ROOT@/none.crl')"),
			"none.crl"},
	};
	struct log_line line;
	unsigned port = site_port(site, "KEPT");
	char was[SITE_TEXT_BYTES / 64];

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		(void)snprintf(was, sizeof(was), "%s", site_read(site, bad[i].file));
		site_write(site, bad[i].file, bad[i].text);
		bool told = after_hangup(site, "LKG0410E", &line);

		if (!told || strstr(line.text, bad[i].word) == NULL) {
			(void)fprintf(stderr, "%s: %s\n", bad[i].row, line.text);
		}
		CHECK(bad[i].row, told && strstr(line.text, bad[i].word) != NULL);
		CHECK(bad[i].row, strstr(line.text, "\\n") == NULL && strstr(line.text, "x0a") == NULL);
		CHECK(bad[i].row, lets_in(site, "KEPT"));
		CHECK(bad[i].row, site_port(site, "KEPT") == port);
		CHECK(bad[i].row, site_port(site, "NEW") == 0);
		site_write(site, bad[i].file, was);
	}
	site_write(site, "site.mqsc", PLAIN("NEW", "0") CONNECT_RIGHT);
	CHECK("SIGHUP: one channel added, one removed", after_hangup(site, "LKG0409I", &line));
	CHECK("SIGHUP: the new one lets in", lets_in(site, "NEW"));
	CHECK("SIGHUP: the old one is gone", site_port(site, "KEPT") == 0);
	site_write(site, "site.mqsc", kept);
	CHECK("SIGHUP: and back", after_hangup(site, "LKG0409I", &line));
	CHECK("SIGHUP: and back", lets_in(site, "KEPT") && site_port(site, "NEW") == 0);
}

static bool handshake(struct site *site)
{
	struct raw raw = {.fd = -1};
	struct raw_identity identity = {site_path(site, "pki/app-chain.crt"), site_path(site, "pki/app.key")};
	bool good = raw_open(&raw, site_port(site, "LOCKED")) && raw_tls(&raw, &identity) &&
		    raw_login(&raw, &(struct raw_connect){.version = MQTT_5, .client_id = "app"}, NULL) == 0;

	raw_close(&raw);
	return good;
}

static void refresh(struct site *site)
{
	const char *path = site_path(site, "broker/keystore.p12");
	struct buf whole = BUF_INIT(1u << 20);

	REQUIRE("keystore", file_read(path, 1u << 20, &whole) == ERR_OK);
	CHECK("REFRESH: lets in before", handshake(site));
	write_file(path, bytes_of(whole.data, whole.len / 2));
	CHECK("REFRESH with a broken keystore", site_mqsc(site, "REFRESH SECURITY TYPE(SSL)") != 0);
	CHECK("REFRESH says which file", strstr(site->text, "keystore.p12") != NULL);
	CHECK("REFRESH: what was in force stays", handshake(site));
	write_file(path, buf_bytes(&whole));
	CHECK("REFRESH with a good one", site_mqsc(site, "REFRESH SECURITY TYPE(SSL)") == 0);
	CHECK("REFRESH: lets in behind it", handshake(site));
	buf_release(&whole);
}

/* A stale list stops new logins and says so; a list taken from a file closes nobody who is in. */
static void stale_list(struct site *site)
{
	struct log_line line;
	long from = site_log_end(site);
	char field[512];

	site_crl(site, "ca",
		(const char *const[]){"--number", "9", "--this-update", "-2d", "--next-update", "-1d", NULL});
	CHECK("stale list: taken",
		site_log_find(site, from, E2E_WAIT_MS, &line, (const char *const[]){"LKG0405I", NULL}));
	from = site_log_end(site);
	CHECK("stale list: new logins are refused", !handshake(site));
	CHECK("stale list: logged", site_log_find(site, from, E2E_WAIT_MS, &line,
					    (const char *const[]){"\"step\":\"revocation\"", NULL}));
	CHECK("stale list: reason",
		strcmp(log_field(&line, "certificate", field, sizeof(field)), "crl-stale") == 0);
	CHECK("stale list: a sentence", strlen(log_field(&line, "sentence", field, sizeof(field))) > 20);
	from = site_log_end(site);
	site_crl(site, "ca", (const char *const[]){"--number", "10", NULL});
	CHECK("fresh list: taken",
		site_log_find(site, from, E2E_WAIT_MS, &line, (const char *const[]){"LKG0405I", NULL}));
	CHECK("fresh list: logins again", handshake(site));
}

/* No client that looks would come in: the broker says so at the start, and `keystore check` says it beforehand. */
static void expired_channel(struct site *site)
{
	static const char *const pass = "file:broker/keystore.pass";

	site_leaf(site, "late", "ca",
		(const char *const[]){
			"--cn", "localhost", "--server", "--not-before", "-3d", "--not-after", "-1d", NULL});
	CHECK("expired: create", site_run(site, "lockgate", "keystore", "create", "--passphrase", pass,
					 "broker/late.p12", NULL) == 0);
	CHECK("expired: import",
		site_run(site, "lockgate", "keystore", "import", "--passphrase", pass, "--alias", "late",
			"broker/late.p12", "pki/late-chain.crt", "pki/late.key", NULL) == 0);
	CHECK("expired: keystore check fails", site_run(site, "lockgate", "keystore", "check", "--passphrase",
						       pass, "broker/late.p12", NULL) != 0);
	CHECK("expired: and says so", strstr(site->text, "expired") != NULL);
	refused(site, "an expired channel certificate",
		"DEFINE CHANNEL(LATE) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') +\n"
		"  SSLKEYR('@ROOT@/broker/late.p12') SSLKEYP('file:@ROOT@/broker/keystore.pass')\n"
		"START CHANNEL(LATE)\n",
		(const char *const[]){"late.p12", "has expired", NULL});
}

int main(void)
{
	struct site site;

	site_init(&site);
	scripts(&site);
	keystores(&site);
	owners(&site);
	folders(&site);
	busy_port(&site);
	expired_channel(&site);
	site_write(&site, "locked.mqsc",
		CHANNEL("LOCKED",
			"CRLFILE('@ROOT@/broker/crl')") "SET CHLAUTH(LOCKED) TYPE(SSLPEERMAP) "
							"SSLPEER('CN=app') USERSRC(MAP) MCAUSER('u')\n");
	site_write(&site, "site.mqsc", PLAIN("KEPT", "0") CONNECT_RIGHT);
	site.scripts[site.script_count++] = "locked.mqsc";
	site_start(&site, "site.mqsc");
	second_broker(&site);
	hangups(&site);
	refresh(&site);
	stale_list(&site);
	site_stop(&site);
	return test_result();
}
