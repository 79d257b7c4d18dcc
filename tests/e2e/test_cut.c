/*
 * Goal: the cut guard (CUTMAX, FORCE): a command that would close more than CUTMAX percent of a channel's live sessions,
 * and more than ten, is answered with the number and the names and changes nothing; with FORCE it is done. Up to the
 * limit, on another channel, or where it closes nobody, nothing is asked.
 */
#include <string.h>

#include "tests/e2e/raw.h"

#define CLIENTS 22u
#define FLOOR   10u /* so many may always be closed */

static const char script[] =
	"DEFINE CHANNEL(FLEET) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('fleet')\n"
	"DEFINE CHANNEL(OTHER) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('other')\n"
	"SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('127.0.0.*') USERSRC(CHANNEL)\n"
	"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('fleet') AUTHADD(CONNECT)\n"
	"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('other') AUTHADD(CONNECT)\n"
	"START CHANNEL(FLEET)\n"
	"START CHANNEL(OTHER)\n";

struct stage {
	struct site site;
	unsigned fleet, other;
	struct raw clients[CLIENTS];
	struct raw bystander;
};

static void admit(struct raw *raw, unsigned port, const char *from, const char *id)
{
	REQUIRE("a connection", raw_open_from(raw, from, port));
	CHECK("admitted",
		raw_login(raw, &(struct raw_connect){.version = MQTT_5, .client_id = id}, NULL) == 0);
}

/* The first ten come from 127.0.0.2, the next one from .3, all others from .4. */
static void fill(struct stage *stage)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		char id[16];
		const char *from = i < FLOOR ? "127.0.0.2" : i == FLOOR ? "127.0.0.3" : "127.0.0.4";

		(void)snprintf(id, sizeof(id), "unit%02u", i);
		admit(&stage->clients[i], stage->fleet, from, id);
	}
}

static void drop(struct stage *stage)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		raw_close(&stage->clients[i]);
	}
}

static bool is_told_to_go(struct raw *raw)
{
	struct mqtt_packet_view got;

	return raw_recv(raw, E2E_WAIT_MS, &got) == RAW_PACKET && got.type == MQTT_DISCONNECT &&
	       got.as.disconnect.reason == MQTT_REASON_NOT_AUTHORIZED;
}

static bool lives(struct raw *raw)
{
	struct mqtt_packet_view got;

	return raw_send_hex(raw, "c000") && raw_recv(raw, E2E_WAIT_MS, &got) == RAW_PACKET &&
	       got.type == MQTT_PINGRESP;
}

static void all_live(struct stage *stage, const char *row)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		CHECK(row, lives(&stage->clients[i]));
	}
	CHECK(row, lives(&stage->bystander));
}

static void all_go(struct stage *stage, const char *row)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		CHECK(row, is_told_to_go(&stage->clients[i]));
	}
	CHECK(row, lives(&stage->bystander));
}

/* Each would close all of them; with FORCE behind it each does, and undo makes all well again. */
static const struct {
	const char *name, *command, *undo, *step;
	const char *shows; /* DISPLAY that must not show trace of the refused command */
	const char *trace;
} rows[] = {
	{"SET CHLAUTH: a NOACCESS rule",
		"SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('127.0.0.*') USERSRC(NOACCESS)",
		"SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('127.0.0.*') ACTION(REMOVE)", "chlauth",
		"DISPLAY CHLAUTH(FLEET)", "NOACCESS"},
	{"SET CHLAUTH: a blocked user", "SET CHLAUTH(FLEET) TYPE(BLOCKUSER) USERLIST('fleet')",
		"SET CHLAUTH(FLEET) TYPE(BLOCKUSER) USERLIST('fleet') ACTION(REMOVE)", "blockuser",
		"DISPLAY CHLAUTH(FLEET)", "BLOCKUSER"},
	{"SET AUTHREC: the right to connect is taken",
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('fleet') AUTHRMV(CONNECT)",
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('fleet') AUTHADD(CONNECT)", "connect-authority",
		"DISPLAY AUTHREC PRINCIPAL('other')", "PRINCIPAL(fleet)"},
	{"DELETE AUTHREC", "DELETE AUTHREC OBJTYPE(QMGR) PRINCIPAL('fleet')",
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('fleet') AUTHADD(CONNECT)", "connect-authority",
		"DISPLAY CHANNEL(FLEET)", "MCAUSER(nobody)"},
	{"ALTER CHANNEL: another user, whom the sessions are not", "ALTER CHANNEL(FLEET) MCAUSER('nobody')",
		"ALTER CHANNEL(FLEET) MCAUSER('fleet')", "connect-authority", "DISPLAY CHANNEL(FLEET)",
		"MCAUSER(nobody)"},
	{"ALTER CHANNEL: SSLCAUTH cannot change, MCAUSER to one who may connect",
		"ALTER CHANNEL(FLEET) MCAUSER('other')", "ALTER CHANNEL(FLEET) MCAUSER('fleet')",
		"connect-authority", "DISPLAY CHANNEL(FLEET)", "MCAUSER(other)"},
};

static void refused_then_forced(struct stage *stage)
{
	struct site *site = &stage->site;

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char forced[256];

		fill(stage);
		CHECK(rows[i].name, site_mqsc(site, rows[i].command) == 10);
		CHECK(rows[i].name,
			strstr(site->text, "22 of 22 sessions of channel FLEET would be closed, CUTMAX(5)") !=
				NULL);
		CHECK(rows[i].name,
			strstr(site->text, "unit") != NULL && strstr(site->text, "and 2 more") != NULL);
		CHECK(rows[i].name, strstr(site->text, rows[i].step) != NULL);
		CHECK(rows[i].name, strstr(site->text, "FORCE") != NULL);
		(void)site_mqsc(site, rows[i].shows);
		CHECK(rows[i].name, strstr(site->text, rows[i].trace) == NULL);
		all_live(stage, rows[i].name);
		(void)snprintf(forced, sizeof(forced), "%s FORCE", rows[i].command);
		CHECK(rows[i].name, site_mqsc(site, forced) == 0);
		all_go(stage, rows[i].name);
		drop(stage);
		CHECK(rows[i].name, site_mqsc(site, rows[i].undo) == 0);
	}
}

/* Ten of 22 are 45 percent, but ten may always be closed; eleven may not. */
static void floor_of_ten(struct stage *stage)
{
	struct site *site = &stage->site;

	fill(stage);
	CHECK("eleven of 22", site_mqsc(site, "SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('127.0.0.2-3') "
					      "USERSRC(NOACCESS)") == 10);
	CHECK("eleven of 22: said so",
		strstr(site->text, "11 of 22 sessions") != NULL && strstr(site->text, "unit10") != NULL);
	all_live(stage, "eleven of 22");
	CHECK("ten of 22", site_mqsc(site, "SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('127.0.0.2') "
					   "USERSRC(NOACCESS)") == 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		CHECK("ten of 22", i < FLOOR ? is_told_to_go(&stage->clients[i]) : lives(&stage->clients[i]));
	}
	/* Whom an accepted command closes is not counted again: eleven in two commands, the second closes one. */
	CHECK("the next one", site_mqsc(site, "SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('127.0.0.3') "
					      "USERSRC(NOACCESS)") == 0);
	CHECK("the next one", is_told_to_go(&stage->clients[FLOOR]));
	CHECK("undo", site_mqsc(site, "SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ACTION(REMOVEALL)") == 0);
	drop(stage);
}

/* What FORCE closes is gone before the next command of the script is weighed, and not counted with it. */
static void forced_and_next(struct stage *stage)
{
	struct site *site = &stage->site;

	fill(stage);
	CHECK("behind a FORCE",
		site_mqsc(site,
			"SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('127.0.0.4') USERSRC(NOACCESS) FORCE\n"
			"SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('127.0.0.3') USERSRC(NOACCESS)") == 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		CHECK("behind a FORCE",
			i < FLOOR ? lives(&stage->clients[i]) : is_told_to_go(&stage->clients[i]));
	}
	CHECK("undo", site_mqsc(site, "SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ACTION(REMOVEALL)") == 0);
	drop(stage);
}

static void other_words(struct stage *stage)
{
	struct site *site = &stage->site;

	fill(stage);
	CHECK("CUTMAX(49) lets eleven of 22 be refused still",
		site_mqsc(site, "ALTER CHANNEL(FLEET) CUTMAX(49)") == 0 &&
			site_mqsc(site, "SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('127.0.0.2-3') "
					"USERSRC(NOACCESS)") == 10);
	CHECK("CUTMAX(50) lets them go",
		site_mqsc(site, "ALTER CHANNEL(FLEET) CUTMAX(50)") == 0 &&
			site_mqsc(site, "SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) "
					"ADDRESS('127.0.0.2-3') USERSRC(NOACCESS)") == 0);
	for (unsigned i = 0; i <= FLOOR; i++) {
		CHECK("CUTMAX(50)", is_told_to_go(&stage->clients[i]));
	}
	CHECK("undo", site_mqsc(site, "SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ACTION(REMOVEALL)") == 0);
	drop(stage);
	fill(stage);
	CHECK("a limit that the same command sets is not yet in force",
		site_mqsc(site, "ALTER CHANNEL(FLEET) CUTMAX(100) MCAUSER('nobody')") == 10);
	all_live(stage, "a limit that the same command sets");
	CHECK("a script is weighed as one: its parts fall together",
		site_mqsc(site, "ALTER CHANNEL(FLEET) CUTMAX(5)") == 0 &&
			site_mqsc(site,
				"ALTER CHANNEL(FLEET) DESCR('new')\n"
				"SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('127.0.0.2') USERSRC(NOACCESS)\n"
				"SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('127.0.0.3') "
				"USERSRC(NOACCESS)") == 10);
	CHECK("a script is weighed as one: said so", strstr(site->text, "3 changes") != NULL);
	all_live(stage, "a script is weighed as one");
	(void)site_mqsc(site, "DISPLAY CHANNEL(FLEET) DESCR");
	CHECK("a script is weighed as one: all of it fell", strstr(site->text, "DESCR(new)") == NULL);
	CHECK("who is on another channel is none of its sessions",
		site_mqsc(site, "ALTER CHANNEL(OTHER) MCAUSER('nobody')") == 0);
	CHECK("who is on another channel", is_told_to_go(&stage->bystander));
	CHECK("what closes nobody is not held up",
		site_mqsc(site,
			"SET CHLAUTH(FLEET) TYPE(ADDRESSMAP) ADDRESS('192.0.2.1') USERSRC(NOACCESS)") == 0);
	CHECK("STOP CHANNEL is what it says", site_mqsc(site, "STOP CHANNEL(FLEET)") == 0);
	drop(stage);
}

int main(void)
{
	static struct stage stage;
	struct site *site = &stage.site;

	site_init_bare(site);
	site_write(site, "site.mqsc", script);
	site_start(site, "site.mqsc");
	stage.fleet = site_port(site, "FLEET");
	stage.other = site_port(site, "OTHER");
	admit(&stage.bystander, stage.other, "127.0.0.1", "bystander");
	refused_then_forced(&stage);
	floor_of_ten(&stage);
	forced_and_next(&stage);
	other_words(&stage);
	raw_close(&stage.bystander);
	site_stop(site);
	return test_result();
}
