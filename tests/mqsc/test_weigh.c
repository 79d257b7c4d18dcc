/*
 * Goal: what a script changes counts only once the host has weighed it: when it is asked and with what, that a refusal
 * takes back all since the last weighing and nothing else, also when the script is freed while it waits, and that a busy
 * host stops a script between weighings only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mqsc/kit.h"

#define A "DEFINE CHANNEL(A) CHLTYPE(MQTT) MCAUSER('a')\n"

struct scale {
	struct kit kit;
	const char
		*verdicts; /* '+' lets it stand, '-' does not; one per weighing, the last again and again */
	char asked[64];    /* 'w' weigh, 'f' free pass, 'r' a runtime request */
	struct mqsc_pending *waiting;
	bool later, busy;
	bool blind;         /* memory is short: nothing is printed */
	struct buf settled; /* the catalog when all that was changed was weighed, printed */
	void (*runtime)(void *ctx, const struct mqsc_request *request, struct mqsc_pending *pending);
};

static struct scale *scale_of(void *ctx)
{
	return CONTAINER_OF(ctx, struct scale, kit);
}

static void note(struct scale *scale, char what)
{
	size_t n = strlen(scale->asked);

	REQUIRE("not asked for ever", n + 1 < sizeof(scale->asked));
	scale->asked[n] = what;
	scale->asked[n + 1] = '\0';
}

/* What is in the catalog now stands. */
static void stands(struct scale *scale)
{
	scale->settled.len = 0;
	if (!scale->blind) {
		kit_print_catalog(scale->kit.catalog, &scale->settled);
	}
}

static void give_free_pass(struct scale *scale, struct mqsc_pending *pending)
{
	stands(scale);
	mqsc_pending_done(pending, ERR_OK, NULL);
}

static void tip(struct scale *scale, struct mqsc_pending *pending)
{
	char verdict = scale->verdicts[0];

	scale->verdicts += scale->verdicts[1] != '\0' ? 1 : 0;
	if (verdict == '+') {
		stands(scale);
	}
	mqsc_pending_done(
		pending, verdict == '+' ? ERR_OK : ERR_BUSY, verdict == '+' ? NULL : "E: too heavy");
}

static void on_weigh(void *ctx, bool free_pass, struct catalog *before, struct mqsc_pending *pending)
{
	struct scale *scale = scale_of(ctx);
	struct buf was = BUF_INIT(1u << 20);

	if (!scale->blind) {
		kit_print_catalog(before, &was);
		CHECK("the host gets the catalog without what it is to weigh",
			was.len == scale->settled.len && memcmp(was.data, scale->settled.data, was.len) == 0);
	}
	buf_release(&was);
	catalog_free(before);

	note(scale, free_pass ? 'f' : 'w');
	if (scale->later) {
		REQUIRE("one weighing at a time", scale->waiting == NULL);
		scale->waiting = pending;
	} else if (free_pass) {
		give_free_pass(scale, pending);
	} else {
		tip(scale, pending);
	}
}

static void on_runtime(void *ctx, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	struct scale *scale = scale_of(ctx);

	note(scale, 'r');
	scale->runtime(ctx, request, pending);
}

static bool on_busy(void *ctx)
{
	return scale_of(ctx)->busy;
}

static void scale_init(struct scale *scale, const char *verdicts)
{
	memset(scale, 0, sizeof(*scale));
	kit_init(&scale->kit);
	scale->verdicts = verdicts;
	scale->runtime = scale->kit.host.runtime;
	scale->kit.host.ctx = &scale->kit;
	scale->kit.host.runtime = on_runtime;
	scale->kit.host.weigh = on_weigh;
	scale->kit.host.busy = on_busy;
	scale->settled = BUF_INIT(1u << 20);
	stands(scale);
}

static void scale_end(struct scale *scale)
{
	buf_release(&scale->settled);
	kit_end(&scale->kit);
}

static const struct {
	const char *name, *setup, *script, *verdicts, *asked;
	const char *same_as; /* the catalog is then as if only this had been said */
	int failed;
} rows[] = {
	{"a change that may stand", "", A, "+", "w", A, 0},
	{"a change that may not", "", A, "-", "w", "", 1},
	{"two changes are weighed as one", "", A "SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('x')", "-", "w", "",
		1},
	{"changed twice: back to the first", A,
		"ALTER CHANNEL(A) MCAUSER('b')\nALTER CHANNEL(A) MCAUSER('c')", "-", "w", A, 1},
	{"deleted: back again", A, "DELETE CHANNEL(A)", "-", "w", A, 1},
	{"deleted and defined anew: back to the first", A,
		"DELETE CHANNEL(A)\nDEFINE CHANNEL(A) CHLTYPE(MQTT) MCAUSER('z')", "-", "w", A, 1},
	{"REMOVEALL: all back again",
		"SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2.1') USERSRC(CHANNEL)\n"
		"SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2.2') USERSRC(CHANNEL)\n",
		"SET CHLAUTH(A) TYPE(ADDRESSMAP) ACTION(REMOVEALL)", "-", "w",
		"SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2.1') USERSRC(CHANNEL)\n"
		"SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2.2') USERSRC(CHANNEL)\n",
		1},
	{"a record in another spelling: the first spelling is back",
		"SET CHLAUTH(A) TYPE(SSLPEERMAP) SSLPEER('CN=a,O=b') MCAUSER('x')\n",
		"SET CHLAUTH(A) TYPE(SSLPEERMAP) SSLPEER('O=b, CN=a') MCAUSER('y') ACTION(REPLACE)", "-", "w",
		"SET CHLAUTH(A) TYPE(SSLPEERMAP) SSLPEER('CN=a,O=b') MCAUSER('x')\n", 1},
	{"the channel authentication mode", "", "ALTER QMGR CHLAUTH(DISABLED)", "-", "w", "", 1},
	{"a right to connect", "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') AUTHADD(CONNECT)\n",
		"DELETE AUTHREC OBJTYPE(QMGR) PRINCIPAL('a')", "-", "w",
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') AUTHADD(CONNECT)\n", 1},
	{"topics close nobody", "", "DEFINE TOPIC(T) TOPICSTR('t')", "-", "f",
		"DEFINE TOPIC(T) TOPICSTR('t')", 0},
	{"nor do rights on them", "", "SET AUTHREC OBJTYPE(TOPIC) PROFILE(T) PRINCIPAL('a') AUTHADD(PUB)",
		"-", "f", "SET AUTHREC OBJTYPE(TOPIC) PROFILE(T) PRINCIPAL('a') AUTHADD(PUB)", 0},
	{"a topic among others goes with them", "", "DEFINE TOPIC(T) TOPICSTR('t')\n" A, "-", "w", "", 1},
	{"nothing is changed: nothing is asked", A, "DISPLAY CHANNEL(A)", "-", "", A, 0},
	{"a refused command changes nothing", A, A, "-", "", A, 1},
	{"weighed before the broker is asked", A, "ALTER CHANNEL(A) MCAUSER('b')\nSTART CHANNEL(A)", "+",
		"wr", "DEFINE CHANNEL(A) CHLTYPE(MQTT) MCAUSER('b')", 0},
	{"the broker is asked although the change fell", A, "ALTER CHANNEL(A) MCAUSER('b')\nSTART CHANNEL(A)",
		"-", "wr", A, 1},
	{"what comes behind is weighed by itself", A,
		"ALTER CHANNEL(A) MCAUSER('b')\nSTART CHANNEL(A)\nALTER CHANNEL(A) MCAUSER('c')", "+-", "wrw",
		"DEFINE CHANNEL(A) CHLTYPE(MQTT) MCAUSER('b')", 1},
	{"FORCE has a free pass", A, "ALTER CHANNEL(A) MCAUSER('b') FORCE", "-", "f",
		"DEFINE CHANNEL(A) CHLTYPE(MQTT) MCAUSER('b')", 0},
	{"FORCE takes nobody along: what came before", A,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('x')\nALTER CHANNEL(A) MCAUSER('b') FORCE", "-",
		"wf", "DEFINE CHANNEL(A) CHLTYPE(MQTT) MCAUSER('b')", 1},
	{"FORCE takes nobody along: what comes behind", A,
		"ALTER CHANNEL(A) MCAUSER('b') FORCE\nSET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('x')", "-",
		"fw", "DEFINE CHANNEL(A) CHLTYPE(MQTT) MCAUSER('b')", 1},
	{"FORCE on each command that takes it", A,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('x') FORCE\n"
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('x') ACTION(REMOVE) FORCE\n"
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') AUTHADD(CONNECT) FORCE\n"
		"DELETE AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') FORCE\n"
		"ALTER QMGR CHLAUTH(DISABLED) FORCE\nALTER QMGR CHLAUTH(ENABLED) FORCE\n"
		"DEFINE CHANNEL(A) CHLTYPE(MQTT) MCAUSER('b') REPLACE FORCE",
		"-", "fffffff", "DEFINE CHANNEL(A) CHLTYPE(MQTT) MCAUSER('b')", 0},
	{"END before the end", A, "ALTER CHANNEL(A) MCAUSER('b')\nEND\nALTER CHANNEL(A) MCAUSER('c')", "-",
		"w", A, 1},
};

static void print(struct kit *kit, struct buf *out)
{
	*out = BUF_INIT(1u << 20);
	kit_print_catalog(kit->catalog, out);
}

static void expect_same(const char *row, struct kit *kit, const char *script)
{
	struct scale other;
	struct buf is;
	struct buf want;

	scale_init(&other, "+");
	CHECK(row, kit_run(&other.kit, script));
	print(kit, &is);
	print(&other.kit, &want);
	CHECK(row, is.len == want.len && memcmp(is.data, want.data, is.len) == 0);
	buf_release(&is);
	buf_release(&want);
	scale_end(&other);
}

static void setup(struct scale *scale, const char *row, const char *text)
{
	const char *verdicts = scale->verdicts;

	scale->verdicts = "+";
	CHECK(row, kit_run(&scale->kit, text));
	scale->verdicts = verdicts;
	scale->asked[0] = '\0';
}

static void run_rows(bool later)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct scale scale;

		scale_init(&scale, rows[i].verdicts);
		setup(&scale, rows[i].name, rows[i].setup);
		scale.later = later;
		CHECK(rows[i].name, kit_run(&scale.kit, rows[i].script));
		while (scale.waiting != NULL) {
			struct mqsc_pending *pending = scale.waiting;
			bool free_pass = scale.asked[strlen(scale.asked) - 1] == 'f';

			scale.waiting = NULL;
			CHECK(rows[i].name, !scale.kit.over);
			if (free_pass) {
				give_free_pass(&scale, pending);
			} else {
				tip(&scale, pending);
			}
		}
		CHECK(rows[i].name, scale.kit.over);
		CHECK(rows[i].name, strcmp(scale.asked, rows[i].asked) == 0);
		CHECK(rows[i].name, (int)scale.kit.summary.failed == rows[i].failed);
		CHECK(rows[i].name, scale.kit.summary.syntax_errors == 0);
		expect_same(rows[i].name, &scale.kit, rows[i].same_as);
		scale_end(&scale);
	}
}

/* Each line says "set" when it was only noted: what fell is told by number, behind what it was refused for. */
static void told_what_fell(void)
{
	static const struct {
		const char *name, *script, *verdicts, *want; /* how the report ends; NULL: nothing fell */
	} told[] = {
		{"one", A, "-",
			"E: too heavy\n"
			"AMQ8101E: The last change reported above did not come into force and was taken "
			"back.\n"},
		{"two", A "SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('x')", "-",
			"E: too heavy\n"
			"AMQ8101E: The last 2 changes reported above did not come into force and were taken "
			"back together.\n"},
		{"only those behind what stands",
			A "ALTER CHANNEL(A) MCAUSER('b')\nSTART CHANNEL(A)\n"
			  "ALTER CHANNEL(A) MCAUSER('c')",
			"+-",
			"AMQ8101E: The last change reported above did not come into force and was taken "
			"back.\n"},
		{"what stands", A, "+", NULL},
	};

	for (size_t i = 0; i < ARRAY_COUNT(told); i++) {
		struct scale scale;

		scale_init(&scale, told[i].verdicts);
		(void)kit_run(&scale.kit, told[i].script);
		const char *report = kit_text(&scale.kit);
		size_t len = strlen(report);
		size_t want = told[i].want == NULL ? 0 : strlen(told[i].want);

		CHECK(told[i].name, want == 0 ? strstr(report, "AMQ8101E") == NULL
					      : len > want && strcmp(report + len - want, told[i].want) == 0);
		scale_end(&scale);
	}
}

/* An operator who goes away while it is weighed leaves nothing, whatever the scale says later. */
static void freed_while_weighed(void)
{
	for (int late = 0; late < 2; late++) {
		struct scale scale;

		scale_init(&scale, "+");
		setup(&scale, "setup", A);
		scale.later = true;
		(void)kit_run(&scale.kit, "ALTER CHANNEL(A) MCAUSER('b')\nDEFINE TOPIC(T) TOPICSTR('t')");
		REQUIRE("it waits", scale.waiting != NULL);
		mqsc_script_free(scale.kit.script);
		scale.kit.script = NULL;
		expect_same("freed while it is weighed", &scale.kit, A);
		mqsc_pending_done(scale.waiting, late == 0 ? ERR_OK : ERR_BUSY, NULL);
		expect_same("freed while it is weighed: the answer comes", &scale.kit, A);
		scale_end(&scale);
	}
}

#define TEXT_BYTES 32768u

static void on_other_over(struct mqsc_script *script, void *ctx)
{
	(void)script;
	*(bool *)ctx = true;
}

/* Another operator, while the script at hand waits for the broker. */
static void on_runtime_meanwhile(void *ctx, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	struct scale *scale = scale_of(ctx);
	struct mqsc_host host = {.changed = scale->kit.host.changed, .ctx = ctx};
	struct buf report = BUF_INIT(4096);
	struct mqsc_script *other = NULL;
	bool over = false;

	(void)request;
	REQUIRE("another script", mqsc_script_start(scale->kit.catalog, &host, &scale->kit.options,
					  bytes_text("ALTER CHANNEL(A) MCAUSER('other')"), &report,
					  on_other_over, &over, &other) == ERR_OK);
	CHECK("it is done", over);
	mqsc_script_free(other);
	buf_release(&report);
	stands(scale);
	mqsc_pending_done(pending, ERR_OK, NULL);
}

/* A command that came to nothing, then another operator's, then a change: the catalog before it is of then, not of the first. */
static void changed_meanwhile(void)
{
	char *text = calloc(1, TEXT_BYTES);
	struct scale scale;
	size_t len = 0;

	REQUIRE("text", text != NULL);
	for (unsigned i = 0; i < MQSC_AUTHINFOS_MAX; i++) {
		len += (size_t)snprintf(text + len, TEXT_BYTES - len,
			"DEFINE AUTHINFO(N%u) AUTHTYPE(CRLURL) CRLURL('http://crl.example/%u')\n", i, i);
		REQUIRE("room", len < TEXT_BYTES);
	}
	scale_init(&scale, "-");
	setup(&scale, "setup", A);
	setup(&scale, "as many as there can be", text);
	scale.runtime = on_runtime_meanwhile;
	(void)kit_run(&scale.kit, "DEFINE AUTHINFO(MORE) AUTHTYPE(CRLURL) CRLURL('http://crl.example/')\n"
				  "START CHANNEL(A)\nALTER CHANNEL(A) DESCR('mine')");
	CHECK("one too many, and one too heavy",
		scale.kit.over && scale.kit.summary.failed == 2 && strcmp(scale.asked, "rw") == 0);
	CHECK("what the other operator did stands",
		object_is(catalog_find(scale.kit.catalog, OBJECT_CHANNEL, "A"), "MCAUSER", "other"));
	scale_end(&scale);
	free(text);
}

static void busy_host(void)
{
	struct scale scale;

	scale_init(&scale, "+");
	scale.busy = true;
	(void)kit_run(&scale.kit, A "ALTER CHANNEL(A) MCAUSER('b')");
	CHECK("a busy host stops a script before its first command",
		!scale.kit.over && scale.asked[0] == '\0');
	expect_same("nothing was done", &scale.kit, "");
	mqsc_script_resume(scale.kit.script);
	CHECK("and again while it is busy", !scale.kit.over);
	scale.busy = false;
	mqsc_script_resume(scale.kit.script);
	CHECK("it goes on", scale.kit.over && strcmp(scale.asked, "w") == 0);
	mqsc_script_resume(scale.kit.script);
	CHECK("once", strcmp(scale.asked, "w") == 0);
	scale_end(&scale);
}

static void only_syntax(void)
{
	struct scale scale;

	scale_init(&scale, "-");
	scale.kit.options.verify_only = true;
	CHECK("runs", kit_run(&scale.kit, A "ALTER CHANNEL(A) MCAUSER('b') FORCE"));
	CHECK("a syntax check weighs nothing", scale.asked[0] == '\0' && scale.kit.summary.failed == 0);
	scale_end(&scale);
}

/* The Nth allocation fails: what could not be weighed does not stand. */
static void no_memory(void)
{
	bool passed = false;

	for (unsigned long n = 1; !passed && n < 2000; n++) {
		struct scale scale;

		scale_init(&scale, "-");
		setup(&scale, "setup", A);
		scale.blind = true;
		scale.settled.len = 0;
		test_alloc_fail_at(n);
		(void)kit_run(&scale.kit, "ALTER CHANNEL(A) MCAUSER('b')");
		passed = !test_alloc_failed();
		test_alloc_fail_at(0);
		expect_same("a refused change never stands for want of memory", &scale.kit, A);
		scale_end(&scale);
	}
	CHECK("in the end there is memory enough", passed);
}

int main(void)
{
	run_rows(false);
	run_rows(true);
	told_what_fell();
	freed_while_weighed();
	changed_meanwhile();
	busy_host();
	only_syntax();
	no_memory();
	return test_result();
}
