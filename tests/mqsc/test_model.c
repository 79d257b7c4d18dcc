/*
 * Goal: over thousands of random commands the catalog does what a model of a few arrays does; with the Nth allocation failing a
 * script leaves the catalog unchanged or changed whole, command by command; 20,000 records stay usable.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mqsc/kit.h"

/* --- the model: topics, and BLOCKUSER lists, of a few names --- */

#define NAMES 4u
#define USERS 5u

struct model {
	bool topic[NAMES];
	char descr[NAMES][8];
	unsigned blocked[NAMES]; /* a bit per user */
	bool mapped[NAMES][USERS];
	unsigned mapped_to[NAMES][USERS];
	unsigned rights[USERS]; /* on the queue manager: 0 none, 1 a record, 2 CONNECT */
};

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static unsigned pick(uint64_t *state, unsigned n)
{
	return (unsigned)(next_random(state) % n);
}

static bool run(struct kit *kit, const char *format, ...) PRINTF_LIKE(2, 3);
static bool run(struct kit *kit, const char *format, ...)
{
	char script[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(script, sizeof(script), format, args);
	va_end(args);
	REQUIRE(script, kit_run(kit, script));
	CHECK(script, kit->summary.read == 1 && kit->summary.syntax_errors == 0);
	return kit->summary.failed == 0;
}

static void step_topics(struct kit *kit, struct model *model, uint64_t *state)
{
	unsigned n = pick(state, NAMES);
	unsigned d = pick(state, 9);
	bool was = model->topic[n];

	switch (pick(state, 4)) {
	case 0:
		CHECK("model DEFINE", run(kit, "DEFINE TOPIC(T%u) DESCR(D%u)", n, d) == !was);
		if (was) {
			return;
		}
		break;
	case 1: CHECK("model REPLACE", run(kit, "DEFINE TOPIC(T%u) DESCR(D%u) REPLACE", n, d)); break;
	case 2:
		CHECK("model ALTER", run(kit, "ALTER TOPIC(T%u) DESCR(D%u)", n, d) == was);
		if (!was) {
			return;
		}
		break;
	default:
		CHECK("model DELETE", run(kit, "DELETE TOPIC(T%u)", n) == was);
		model->topic[n] = false;
		return;
	}
	model->topic[n] = true;
	(void)snprintf(model->descr[n], sizeof(model->descr[n]), "D%u", d);
}

static void step_lists(struct kit *kit, struct model *model, uint64_t *state)
{
	unsigned n = pick(state, NAMES);
	unsigned u = pick(state, USERS);
	unsigned v = pick(state, USERS);
	unsigned given = (1u << u) | (1u << v);

	switch (pick(state, 4)) {
	case 0:
		CHECK("model ADD", run(kit, "SET CHLAUTH(C%u) TYPE(BLOCKUSER) USERLIST(U%u U%u)", n, u, v));
		model->blocked[n] |= given;
		return;
	case 1:
		CHECK("model REPLACE",
			run(kit, "SET CHLAUTH(C%u) TYPE(BLOCKUSER) USERLIST(U%u U%u) ACTION(REPLACE)", n, u,
				v));
		model->blocked[n] = given;
		return;
	case 2:
		CHECK("model REMOVE",
			run(kit, "SET CHLAUTH(C%u) TYPE(BLOCKUSER) USERLIST(U%u U%u) ACTION(REMOVE)", n, u,
				v) == (model->blocked[n] != 0));
		model->blocked[n] &= ~given;
		return;
	default:
		CHECK("model REMOVEALL", run(kit, "SET CHLAUTH(C%u) TYPE(BLOCKUSER) ACTION(REMOVEALL)", n));
		model->blocked[n] = 0;
		return;
	}
}

static void step_maps(struct kit *kit, struct model *model, uint64_t *state)
{
	unsigned n = pick(state, NAMES);
	unsigned u = pick(state, USERS);
	unsigned to = pick(state, 9);
	bool was = model->mapped[n][u];

	switch (pick(state, 4)) {
	case 0:
		CHECK("model ADD map", run(kit, "SET CHLAUTH(C%u) TYPE(USERMAP) CLNTUSER(U%u) MCAUSER(M%u)",
					       n, u, to) == !was);
		model->mapped_to[n][u] = was ? model->mapped_to[n][u] : to;
		model->mapped[n][u] = true;
		return;
	case 1:
		CHECK("model REPLACE map",
			run(kit, "SET CHLAUTH(C%u) TYPE(USERMAP) CLNTUSER(U%u) MCAUSER(M%u) ACTION(REPLACE)",
				n, u, to));
		model->mapped_to[n][u] = to;
		model->mapped[n][u] = true;
		return;
	case 2:
		CHECK("model REMOVE map",
			run(kit, "SET CHLAUTH(C%u) TYPE(USERMAP) CLNTUSER(U%u) ACTION(REMOVE)", n, u) == was);
		model->mapped[n][u] = false;
		return;
	default:
		if (pick(state, 4) == 0) {
			CHECK("model REMOVEALL map",
				run(kit, "SET CHLAUTH(C%u) TYPE(USERMAP) ACTION(REMOVEALL)", n));
			memset(model->mapped[n], 0, sizeof(model->mapped[n]));
		}
		return;
	}
}

static void step_rights(struct kit *kit, struct model *model, uint64_t *state)
{
	unsigned u = pick(state, USERS);

	switch (pick(state, 3)) {
	case 0:
		CHECK("model AUTHADD",
			run(kit, "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL(U%u) AUTHADD(CONNECT)", u));
		model->rights[u] = 2;
		return;
	case 1:
		CHECK("model AUTHRMV", run(kit, "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL(U%u) AUTHRMV(ALL)", u));
		model->rights[u] = 1;
		return;
	default:
		CHECK("model DELETE AUTHREC",
			run(kit, "DELETE AUTHREC OBJTYPE(QMGR) PRINCIPAL(U%u)", u) == (model->rights[u] > 0));
		model->rights[u] = 0;
		return;
	}
}

static bool has_line(const char *text, const char *format, ...) PRINTF_LIKE(2, 3);
static bool has_line(const char *text, const char *format, ...)
{
	char line[160];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	return strstr(text, line) != NULL;
}

static void compare(struct kit *kit, const struct model *model)
{
	struct buf out = BUF_INIT(1u << 20);
	const char *text = "";

	kit_print_catalog(kit->catalog, &out);
	REQUIRE("model", buf_text(&out, &text) == ERR_OK);
	for (unsigned n = 0; n < NAMES; n++) {
		char line[160];

		(void)snprintf(line, sizeof(line), "TOPIC T%u DESCR=%s\n", n, model->descr[n]);
		CHECK("model: topics", (strstr(text, line) != NULL) == model->topic[n]);
		CHECK("model: no other topic", has_line(text, "TOPIC T%u ", n) == model->topic[n]);
		CHECK("model: lists",
			has_line(text, "CHLAUTH C%u TYPE=BLOCKUSER", n) == (model->blocked[n] != 0));
		for (unsigned u = 0; u < USERS; u++) {
			char *at = NULL;

			(void)snprintf(line, sizeof(line), "CHLAUTH C%u TYPE=BLOCKUSER", n);
			at = strstr(text, line);
			bool blocked = at != NULL && memmem(at, strcspn(at, "\n"),
							     (char[]){'=', 'U', (char)('0' + u)}, 3) != NULL;

			CHECK("model: list items", blocked == ((model->blocked[n] & (1u << u)) != 0));
			CHECK("model: maps",
				has_line(text,
					"CHLAUTH C%u TYPE=USERMAP CLNTUSER=U%u USERSRC=MAP MCAUSER=M%u ", n,
					u, model->mapped_to[n][u]) == model->mapped[n][u]);
		}
	}
	for (unsigned u = 0; u < USERS; u++) {
		CHECK("model: rights",
			has_line(text, "AUTHREC  OBJTYPE=QMGR PRINCIPAL=U%u AUTHLIST=CONNECT\n", u) ==
				(model->rights[u] == 2));
		CHECK("model: records without rights", has_line(text, "AUTHREC  OBJTYPE=QMGR PRINCIPAL=U%u\n",
							       u) == (model->rights[u] == 1));
	}
	buf_release(&out);
}

static void test_model(void)
{
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct model model;
		uint64_t state = seed;
		struct kit kit;

		memset(&model, 0, sizeof(model));
		kit_init(&kit);
		for (unsigned i = 0; i < 800; i++) {
			uint64_t before = 0;
			uint64_t after = 0;
			unsigned changes = kit.changes;

			for (enum object_class class = 0; class < OBJECT_CLASS_COUNT_; class ++) {
				before += catalog_generation(kit.catalog, class);
			}
			switch (pick(&state, 4)) {
			case 0: step_topics(&kit, &model, &state); break;
			case 1: step_lists(&kit, &model, &state); break;
			case 2: step_maps(&kit, &model, &state); break;
			default: step_rights(&kit, &model, &state); break;
			}
			for (enum object_class class = 0; class < OBJECT_CLASS_COUNT_; class ++) {
				after += catalog_generation(kit.catalog, class);
			}
			CHECK("the host is told of each change, and the generation grows",
				(kit.changes != changes) == (after != before) && after >= before);
			compare(&kit, &model);
		}
		kit_end(&kit);
	}
}

/* --- the Nth allocation --- */

static const char setup[] = "DEFINE TOPIC(T) DESCR(A) TOPICSTR('a')\nDEFINE CHANNEL(A) CHLTYPE(MQTT)\n"
			    "SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('ann','bob')\n"
			    "SET CHLAUTH(A) TYPE(SSLPEERMAP) SSLPEER('CN=a,O=b') MCAUSER('x')\n"
			    "SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2.1-9') USERSRC(NOACCESS)\n"
			    "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') AUTHADD(CONNECT)\n";

static const char *const commands[] = {
	"DEFINE TOPIC(U) LIKE(T) DESCR('x')",
	"DEFINE TOPIC(T) REPLACE TOPICSTR('b/${clientid}')",
	"ALTER TOPIC(T) DESCR(B)",
	"DELETE TOPIC(T)",
	"DEFINE CHANNEL(B) CHLTYPE(MQTT) PROTOCOL(MQTTV3,MQTTV5) SSLPEER('CN=x') MCAUSER('m')",
	"ALTER QMGR DESCR('x')",
	"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('eve') WARN(YES)",
	"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('ann') ACTION(REMOVE)",
	"SET CHLAUTH(A) TYPE(BLOCKUSER) ACTION(REMOVEALL)",
	"SET CHLAUTH(A) TYPE(SSLPEERMAP) SSLPEER('O=B,CN=A') MCAUSER('y') ACTION(REPLACE)",
	"SET CHLAUTH(A) TYPE(SSLPEERMAP) SSLPEER('CN=c') SSLCERTI('O=d') MCAUSER('y')",
	"SET CHLAUTH(A) TYPE(SSLPEERMAP) SSLPEER('O=B,CN=A') ACTION(REMOVE)",
	"SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2.2-8') USERSRC(NOACCESS)",
	"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') AUTHRMV(CONNECT)",
	"DELETE AUTHREC OBJTYPE(QMGR) PRINCIPAL('a')",
	"DISPLAY CHLAUTH('*') WHERE(TYPE NE BLOCKUSER)",
	"DISPLAY CHANNEL(A) ALL",
	"DISPLAY CHSTATUS(*) CLIENTID(*)",
	"START CHANNEL(A)",
	"RUBBISH (",
};

static void print(struct kit *kit, struct buf *out)
{
	out->len = 0;
	kit_print_catalog(kit->catalog, out);
}

static void test_nth_allocation(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
		struct buf before = BUF_INIT(1u << 20);
		struct buf whole = BUF_INIT(1u << 20);
		struct buf now = BUF_INIT(1u << 20);
		bool failed = true;
		unsigned long n = 0;
		struct kit kit;

		kit_init(&kit);
		kit.answer_rows = 2;
		REQUIRE(commands[i], kit_run(&kit, setup));
		print(&kit, &before);
		REQUIRE(commands[i], kit_run(&kit, commands[i]));
		int code = mqsc_summary_exit_code(&kit.summary);
		print(&kit, &whole);
		kit_end(&kit);
		while (failed && n < 2000) {
			kit_init(&kit);
			kit.answer_rows = 2;
			kit.options.echo = true;
			REQUIRE(commands[i], kit_run(&kit, setup));
			test_alloc_fail_at(++n);
			bool started = kit_run(&kit, commands[i]);
			failed = test_alloc_failed();
			test_alloc_fail_at(0);
			CHECK(commands[i], started || failed);
			print(&kit, &now);
			bool unchanged = bytes_equal(buf_bytes(&now), buf_bytes(&before));
			bool changed = bytes_equal(buf_bytes(&now), buf_bytes(&whole));

			CHECK(commands[i], unchanged || changed);
			if (started) {
				CHECK(commands[i], kit.over);
				/* Success is never said of a change that was not made. */
				CHECK(commands[i], changed || mqsc_summary_exit_code(&kit.summary) == 10);
				CHECK(commands[i], failed || mqsc_summary_exit_code(&kit.summary) == code);
			}
			kit_end(&kit);
		}
		CHECK(commands[i], !failed && n > 5);
		buf_release(&before);
		buf_release(&whole);
		buf_release(&now);
	}
}

static void test_catalog_allocation(void)
{
	bool failed = true;

	for (unsigned long n = 1; failed; n++) {
		struct catalog *catalog = NULL;

		test_alloc_fail_at(n);
		enum err err = catalog_new(&catalog);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("catalog_new", (err == ERR_OK) == !failed && (catalog != NULL) == !failed);
		catalog_free(catalog);
	}
}

/* --- many --- */

/* A command per device must not look at every other device's record. */
static void test_many(void)
{
	struct buf text = BUF_INIT(16u << 20);
	struct kit kit;

	kit_init(&kit);
	for (unsigned i = 0; i < 20000; i++) {
		REQUIRE("many",
			buf_printf(&text,
				"SET CHLAUTH('LOCKS') TYPE(SSLPEERMAP) SSLPEER('CN=device-%u,O=Acme') "
				"SSLCERTI('CN=Issuing CA') MCAUSER('d%u')\n",
				(i * 7919u) % 20000u, i) == ERR_OK);
	}
	REQUIRE("many", kit_run_bytes(&kit, buf_bytes(&text)));
	CHECK("many: all set", kit.summary.read == 20000 && mqsc_summary_exit_code(&kit.summary) == 0);
	CHECK("many: all there", catalog_count(kit.catalog, OBJECT_CHLAUTH) == 20003);
	REQUIRE("many",
		kit_run(&kit,
			"SET CHLAUTH('LOCKS') TYPE(SSLPEERMAP) SSLPEER('O=ACME,CN=Device-777') "
			"SSLCERTI('CN=Issuing CA') ACTION(REMOVE)\nDISPLAY CHLAUTH(LOCKS) WHERE(SSLPEER EQ "
			"'CN=device-778,O=Acme')"));
	CHECK("many: one is found by another spelling", mqsc_summary_exit_code(&kit.summary) == 0);
	CHECK("many: and is gone", catalog_count(kit.catalog, OBJECT_CHLAUTH) == 20002);
	REQUIRE("many", kit_run(&kit, "DISPLAY CHLAUTH(LOCKS)\n"));
	CHECK("many: shown", kit.summary.failed == 0 && kit.report.len > 2000000);
	REQUIRE("many", kit_run(&kit, "SET CHLAUTH('LOCKS') TYPE(SSLPEERMAP) ACTION(REMOVEALL)\n"));
	CHECK("many: all gone", catalog_count(kit.catalog, OBJECT_CHLAUTH) == 3);
	buf_release(&text);
	kit_end(&kit);
}

int main(void)
{
	test_model();
	test_nth_allocation();
	test_catalog_allocation();
	test_many();
	return test_result();
}
