/*
 * Goal: commands that the running broker answers: what it is asked, how its answer is shown, whether it comes at once, later
 * or never, and that a script may be freed at any of these moments; then the transcript as runmqsc writes it (2.5).
 */
#include <string.h>

#include "tests/mqsc/kit.h"

#define SYNTAX "AMQ8405I: Syntax error detected at or near end of command segment below:-\n"
#define A      "DEFINE CHANNEL(A) CHLTYPE(MQTT)"

static const struct kit_row rows[] = {
	{"1.2 START", A, "START CHANNEL(A)\nSTA CHL(A) CHLTYPE(MQTT)",
		"AMQ8018I: Start Lockgate channel accepted.\nAMQ8018I: Start Lockgate channel accepted.\n", 2,
		0, 0},
	{"1.2 STOP", A, "STOP CHANNEL(A)", "AMQ8019I: Stop Lockgate channel accepted.\n", 1, 0, 0},
	{"1.2 PURGE", A, "PURGE CHANNEL(A) CLIENTID('d1')", "AMQ8017I: Purge channel accepted.\n", 1, 0, 0},
	{"1.2 the name must exist", A, "START CHANNEL(B)", "AMQ9519E: Channel 'B' not found.\n", 1, 0, 1},
	{"1.2 and is not generic", A, "STOP CHANNEL('*')", "AMQ9519E: Channel '*' not found.\n", 1, 0, 1},
	{"1.2 another type", A, "START CHANNEL(A) CHLTYPE(SDR)",
		SYNTAX "START CHANNEL(A) CHLTYPE(SDR\nt.mqsc:1:26: expected CHLTYPE(MQTT)\n", 1, 1, 0},
	{"CLIENTID without a value does not stop the whole channel", A, "STOP CHANNEL(A) CLIENTID",
		SYNTAX "STOP CHANNEL(A) CLIENTID\nt.mqsc:1:17: CLIENTID needs a value in parentheses\n", 1, 1,
		0},
	{"START takes no CLIENTID", A, "START CHANNEL(A) CLIENTID('d')",
		SYNTAX "START CHANNEL(A) CLIENTID\nt.mqsc:1:18: 'CLIENTID' is no keyword of START CHANNEL\n",
		1, 1, 0},
	{"REFRESH", NULL, "REFRESH SECURITY TYPE(SSL)\nREF SEC(*) TYPE(SSL)",
		"AMQ8560I: Lockgate security cache refreshed.\nAMQ8560I: Lockgate security cache "
		"refreshed.\n",
		2, 0, 0},
	{"REFRESH of what", NULL, "REFRESH SECURITY",
		SYNTAX "REFRESH SECURITY\nt.mqsc:1:17: expected TYPE(SSL)\n", 1, 1, 0},
	{"REFRESH of something else", NULL, "REFRESH SECURITY TYPE(AUTHSERV)",
		SYNTAX "REFRESH SECURITY TYPE(AUTHSERV\nt.mqsc:1:23: expected TYPE(SSL)\n", 1, 1, 0},
	{"REFRESH with a name", NULL, "REFRESH SECURITY(A) TYPE(SSL)",
		SYNTAX "REFRESH SECURITY(A\nt.mqsc:1:18: expected REFRESH SECURITY(*)\n", 1, 1, 0},
	{"FORCE takes no value", NULL, "REFRESH SECURITY TYPE(SSL) FORCE(YES)",
		SYNTAX "REFRESH SECURITY TYPE(SSL) FORCE(YES\nt.mqsc:1:34: FORCE takes no value\n", 1, 1, 0},
	{"FORCE where nothing can be cut", A, "START CHANNEL(A) FORCE",
		SYNTAX "START CHANNEL(A) FORCE\nt.mqsc:1:18: 'FORCE' is no keyword of START CHANNEL\n", 1, 1,
		0},
	{"2.5 no status counts as a failure", NULL, "DISPLAY CHSTATUS(*)",
		"AMQ8420I: Channel Status not found.\n", 1, 0, 1},
	{"1.3 SUMMARY and CLIENTID", NULL, "DISPLAY CHSTATUS(*) CLIENTID(*) SUMMARY",
		SYNTAX "DISPLAY CHSTATUS(*) CLIENTID(*) SUMMARY\nt.mqsc:1:33: SUMMARY and CLIENTID exclude "
		       "each other\n",
		1, 1, 0},
	{"1.3 unknown attribute", NULL, "DISPLAY CHSTATUS(*) CONNECTION",
		SYNTAX "DISPLAY CHSTATUS(*) CONNECTION\nt.mqsc:1:21: 'CONNECTION' is no keyword of DISPLAY "
		       "CHSTATUS; did you "
		       "mean CONNECTIONS?\n",
		1, 1, 0},
	{"3.8 RUNCHECK needs a channel's name", NULL,
		"DISPLAY CHLAUTH('A*') MATCH(RUNCHECK) ADDRESS('192.0.2.1')",
		SYNTAX "DISPLAY CHLAUTH('A*'\nt.mqsc:1:17: MATCH(RUNCHECK) needs the name of one channel, "
		       "not a pattern\n",
		1, 1, 0},
	{"3.8 and an address", A, "DISPLAY CHLAUTH(A) MATCH(RUNCHECK)",
		SYNTAX
		"DISPLAY CHLAUTH(A) MATCH(RUNCHECK)\nt.mqsc:1:35: MATCH(RUNCHECK) needs one literal address: "
		"ADDRESS('192.0.2.7')\n",
		1, 1, 0},
	{"3.8 a literal one", A, "DISPLAY CHLAUTH(A) MATCH(RUNCHECK) ADDRESS('192.0.2.*')",
		SYNTAX "DISPLAY CHLAUTH(A) MATCH(RUNCHECK) ADDRESS('192.0.2.*'\nt.mqsc:1:44: MATCH(RUNCHECK) "
		       "needs one "
		       "literal address: ADDRESS('192.0.2.7')\n",
		1, 1, 0},
	{"3.8 TYPE(ALL)", A, "DISPLAY CHLAUTH(A) MATCH(RUNCHECK) ADDRESS('192.0.2.1') TYPE(USERMAP)",
		SYNTAX "DISPLAY CHLAUTH(A) MATCH(RUNCHECK) ADDRESS('192.0.2.1') TYPE(USERMAP\nt.mqsc:1:62: "
		       "MATCH(RUNCHECK) "
		       "tries every type; expected TYPE(ALL) or none\n",
		1, 1, 0},
	{"3.8 an unknown channel", NULL, "DISPLAY CHLAUTH(A) MATCH(RUNCHECK) ADDRESS('192.0.2.1')",
		"AMQ9519E: Channel 'A' not found.\n", 1, 0, 1},
};

/* What reaches the host. */
static const struct {
	const char *script, *request;
} requests[] = {
	{"START CHANNEL(A)", "START A - - - - -"},
	{"STOP CHANNEL(A) CLIENTID('d 1')", "STOP A d 1 - - - -"},
	{"PURGE CHANNEL(A)", "PURGE A - - - - -"},
	{"DISPLAY CHSTATUS('A*') CLIENTID('d*')", "CHSTATUS A* d* - - - -"},
	{"DISPLAY CHSTATUS('A*')", "CHSTATUS A* - - - - -"},
	{"REFRESH SECURITY TYPE(SSL)", "REFRESH * - - - - -"},
	{"DISPLAY CHLAUTH(A) MATCH(RUNCHECK) ADDRESS('192.0.2.1') CLNTUSER('u') SSLPEER('CN=a') "
	 "SSLCERTI('CN=b')",
		"RUNCHECK A - 192.0.2.1 u CN=a CN=b"},
};

static void test_requests(void)
{
	struct kit kit;

	kit_init(&kit);
	REQUIRE("requests", kit_run(&kit, A));
	for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
		REQUIRE(requests[i].script, kit_run(&kit, requests[i].script));
		CHECK(requests[i].script, strcmp(kit.last_request, requests[i].request) == 0);
	}
	kit_end(&kit);
}

#define STATUS "AMQ8417I: Display Channel Status details.\n"

static const struct {
	const char *name, *script, *want;
	unsigned rows;
	bool record;
	enum err err;
	const char *message;
	unsigned failed;
} answers[] = {
	{"chosen attributes", "DISPLAY CHSTATUS(*) STATUS CONNECTIONS",
		STATUS
		"   CHANNEL(A)                              STATUS(RUNNING)\n   CONNECTIONS(7)\n" STATUS
		"   CHANNEL(B)                              STATUS(DISCONNECTED)\n   CONNECTIONS(8)\n",
		2, false, ERR_OK, NULL, 0},
	{"peer text cannot be taken for more",
		"DISPLAY CHSTATUS(A) CLIENTID('d*') CONNAME WHERE(CLIENTID LK 'd1*')",
		STATUS "   CHANNEL(A)\n   CLIENTID('d1) STATUS(RUNNING\\x1b[2J''\\u{202e}')\n   CONNAME( )\n",
		1, false, ERR_OK, NULL, 0},
	{"1.3 WHERE on a number", "DISPLAY CHSTATUS(*) STATUS WHERE(CONNECTIONS GE 8)",
		STATUS "   CHANNEL(B)                              STATUS(DISCONNECTED)\n   CONNECTIONS(8)\n",
		2, false, ERR_OK, NULL, 0},
	{"WHERE lets nothing through", "DISPLAY CHSTATUS(*) WHERE(STATUS EQ STOPPED)",
		"AMQ8420I: Channel Status not found.\n", 2, false, ERR_OK, NULL, 1},
	{"a message of the host's", "DISPLAY CHSTATUS(*) STATUS",
		STATUS
		"   CHANNEL(A)                              STATUS(RUNNING)\nAMQ8492W: cut \\x1b[2J.\n",
		1, false, ERR_OK, "AMQ8492W: cut \x1b[2J.", 0},
	{"a failure with its message", "START CHANNEL(A)", "AMQ9524E: no.\nnor so.\n", 0, false, ERR_IO,
		"AMQ9524E: no.\nnor so.", 1},
	{"a failure without one", "START CHANNEL(A)", "AMQ8101E: The command could not be processed: ", 0,
		false, ERR_NOMEM, NULL, 1},
	{"RUNCHECK shows the record", "DISPLAY CHLAUTH(A) MATCH(RUNCHECK) ADDRESS('192.0.2.1')",
		"AMQ8878I: Display channel authentication record details.\n"
		"   CHLAUTH(A)                              TYPE(BLOCKUSER)\n"
		"   USERLIST(eve,'a,b',mallory)             WARN(NO)\n   DESCR('it''s')\nAMQ9777I: blocked\n",
		0, true, ERR_OK, "AMQ9777I: blocked", 0},
};

static void test_answers(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
		for (enum kit_answer answer = KIT_AT_ONCE; answer <= KIT_LATER; answer++) {
			const char *name = answers[i].name;
			struct kit kit;

			kit_init(&kit);
			REQUIRE(name, kit_run(&kit, A));
			kit.answer = answer;
			kit.answer_rows = answers[i].rows;
			kit.answer_record = answers[i].record;
			kit.answer_err = answers[i].err;
			kit.answer_message = answers[i].message;
			REQUIRE(name, kit_run(&kit, answers[i].script));
			CHECK(name, kit.over && kit.summary.failed == answers[i].failed);
			if (strncmp(kit_text(&kit), answers[i].want, strlen(answers[i].want)) != 0) {
				CHECK(name, strcmp(kit_text(&kit), answers[i].want) == 0);
				fprintf(stderr, "--- got\n%s--- want\n%s---\n", kit_text(&kit),
					answers[i].want);
			}
			kit_end(&kit);
		}
	}
}

#define LONG_SCRIPT A "\nSTART CHANNEL(A)\nDISPLAY CHSTATUS(A)\nSTOP CHANNEL(A)\nDELETE CHANNEL(A)\n"

/* Freed while a command waits; the answer comes later and goes nowhere. */
static void test_freed_while_waiting(void)
{
	for (unsigned given = 0; given < 3; given++) {
		struct kit kit;

		kit_init(&kit);
		kit.answer = KIT_NEVER;
		kit.answer_rows = given;
		kit.answer_record = given == 2;
		REQUIRE("waiting", kit_run(&kit, LONG_SCRIPT));
		CHECK("waiting: the script waits", !kit.over && kit.waiting != NULL);
		size_t len = kit.report.len;

		mqsc_script_free(kit.script);
		kit.script = NULL;
		kit_answer(&kit);
		CHECK("waiting: nothing is written behind", kit.report.len == len && !kit.over);
		CHECK("waiting: nothing is done behind", catalog_count(kit.catalog, OBJECT_CHANNEL) == 1);
		kit_end(&kit);
	}
}

/* Freed after some of the rows of an answer, or from within a callback, with the answer at once, later or never. */
static void test_freed_in_callback(void)
{
	static const char *const first[] = {"START CHANNEL(A)\n", "ALTER CHANNEL(A) DESCR(X)\n",
		"DISPLAY CHSTATUS(A)\n", "SET CHLAUTH('*') TYPE(BLOCKUSER) ACTION(REMOVEALL)\n"};

	for (size_t i = 0; i < ARRAY_COUNT(first); i++) {
		for (enum kit_answer answer = KIT_AT_ONCE; answer <= KIT_NEVER; answer++) {
			struct buf text = BUF_INIT(1024);
			struct kit kit;

			kit_init(&kit);
			REQUIRE(first[i], kit_run(&kit, A));
			/* The first START gives the test the script's handle; the next callback frees it. */
			kit.answer = KIT_NEVER;
			REQUIRE(first[i], buf_printf(&text, "START CHANNEL(A)\n%sDELETE CHANNEL(A)\n",
						  first[i]) == ERR_OK);
			REQUIRE(first[i], kit_run_bytes(&kit, buf_bytes(&text)));
			kit.answer = answer;
			kit.answer_rows = 2;
			kit.free_in_callback = kit.script;
			kit_answer(&kit);
			CHECK(first[i], kit.script == NULL && !kit.over);
			CHECK(first[i], catalog_count(kit.catalog, OBJECT_CHANNEL) == 1);
			if (kit.waiting != NULL) {
				kit_answer(&kit);
			}
			buf_release(&text);
			kit_end(&kit);
		}
	}
}

static void free_when_over(struct mqsc_script *script, void *ctx)
{
	bool *over = ctx;

	*over = true;
	mqsc_script_free(script);
}

static void test_freed_when_over(void)
{
	struct mqsc_script *script = NULL;
	bool over = false;
	struct kit kit;

	kit_init(&kit);
	REQUIRE("done", mqsc_script_start(kit.catalog, &kit.host, &kit.options, bytes_text(LONG_SCRIPT),
				&kit.report, free_when_over, &over, &script) == ERR_OK);
	CHECK("done may free the script", over);
	kit_end(&kit);
}

/* A script of many commands that are answered at once needs no stack for each. */
static void test_many(void)
{
	struct buf text = BUF_INIT(1u << 20);
	struct kit kit;

	kit_init(&kit);
	REQUIRE("many", kit_run(&kit, A));
	for (unsigned i = 0; i < 20000; i++) {
		REQUIRE("many", buf_append_text(&text, "START CHANNEL(A)\n") == ERR_OK);
	}
	REQUIRE("many", kit_run_bytes(&kit, buf_bytes(&text)));
	CHECK("many: all", kit.over && kit.summary.read == 20000 && kit.summary.failed == 0);
	buf_release(&text);
	kit_end(&kit);
}

/* A report that does not fit says so, fails, and leaves room for the summary. */
static void test_full_report(void)
{
	struct buf text = BUF_INIT(1u << 20);
	struct kit kit;

	kit_init(&kit);
	kit.report.max = 4096;
	for (unsigned i = 0; i < 200; i++) {
		REQUIRE("full", buf_printf(&text, "DEFINE TOPIC(T%u)\n", i) == ERR_OK);
	}
	REQUIRE("full", kit_run_bytes(&kit, buf_bytes(&text)));
	CHECK("full: all is done", catalog_count(kit.catalog, OBJECT_TOPIC) == 201);
	CHECK("full: it is a failure", kit.over && mqsc_summary_exit_code(&kit.summary) == 10);
	CHECK("full: the summary fits", mqsc_summary_print(&kit.summary, &kit.report) == ERR_OK);
	CHECK("full: said",
		strstr(kit_text(&kit),
			"created.\nAMQ8492W: The report is not whole: it is too long.\n200 MQSC") != NULL);
	buf_release(&text);
	kit_end(&kit);
}

static const char script[] = "* a lock on the canal\n"
			     "define channel(locks) chltype(mqtt) +\n"
			     "\n"
			     "* who may pass\r\n"
			     "  port(8883) descr('Schleuse')\n"
			     "   \n"
			     "DIS CHL(LOCKS) PORT DESCR\n"
			     "alter channel(locks) prot(1)\n"
			     "start channel(weir)\n"
			     "SET CHLAUTH('LOCKS') TYPE(BLOCKUSER) -\n"
			     "USERLIST('eve') ;\n"
			     "DEFINE CHANNEL(B) CHLTYPE(MQTT) SSLKEYP(+\n"
			     "  'open sesame')\n"
			     "end\n"
			     "never read\n";
static const char transcript[] = "       : * a lock on the canal\n"
				 "     1 : define channel(locks) chltype(mqtt) +\n"
				 "       : \n"
				 "       : * who may pass\n"
				 "       :   port(8883) descr('Schleuse')\n"
				 "AMQ8014I: Lockgate channel created.\n"
				 "       :    \n"
				 "     2 : DIS CHL(LOCKS) PORT DESCR\n"
				 "AMQ8414I: Display Channel details.\n"
				 "   CHANNEL(LOCKS)                          CHLTYPE(MQTT)\n"
				 "   DESCR(Schleuse)                         PORT(8883)\n"
				 "     3 : alter channel(locks) prot(1)\n"
				 "AMQ8405I: Syntax error detected at or near end of command segment below:-\n"
				 "alter channel(locks) prot\n"
				 "t.mqsc:8:22: 'PROT' is no keyword of ALTER CHANNEL; did you mean PORT?\n"
				 "     4 : start channel(weir)\n"
				 "AMQ9519E: Channel 'WEIR' not found.\n"
				 "     5 : SET CHLAUTH('LOCKS') TYPE(BLOCKUSER) -\n"
				 "       : USERLIST('eve') ;\n"
				 "AMQ8877I: Lockgate channel authentication record set.\n"
				 "     6 : DEFINE CHANNEL(B) CHLTYPE(MQTT) SSLKEYP(*\n"
				 "       : ***************)\n"
				 "AMQ8405I: Syntax error detected at or near end of command segment below:-\n"
				 "DEFINE CHANNEL(B) CHLTYPE(MQTT) SSLKEYP(*****\n"
				 "t.mqsc:13:3: SSLKEYP says where the passphrase is, not what it is: "
				 "file:PATH, fd:N, env:NAME or cred:NAME (put a "
				 "literal into a 0600 file)\n"
				 "     7 : end\n"
				 "6 MQSC commands read.\n"
				 "2 commands have a syntax error.\n"
				 "One valid MQSC command could not be processed.\n";

static void test_transcript(void)
{
	struct kit kit;

	kit_init(&kit);
	kit.options.echo = true;
	REQUIRE("2.5 transcript", kit_run(&kit, script));
	REQUIRE("2.5 summary", mqsc_summary_print(&kit.summary, &kit.report) == ERR_OK);
	if (strcmp(kit_text(&kit), transcript) != 0) {
		CHECK("2.5 transcript", strcmp(kit_text(&kit), transcript) == 0);
		fprintf(stderr, "--- got\n%s---\n", kit_text(&kit));
	}
	kit_end(&kit);
}

static const struct {
	struct mqsc_summary summary;
	const char *want;
	int code;
} summaries[] = {
	{{0, 0, 0},
		"No MQSC commands read.\nNo commands have a syntax error.\nAll valid MQSC commands were "
		"processed.\n",
		0},
	{{1, 0, 0},
		"One MQSC command read.\nNo commands have a syntax error.\nAll valid MQSC commands were "
		"processed.\n",
		0},
	{{2, 1, 0},
		"2 MQSC commands read.\nOne command has a syntax error.\nAll valid MQSC commands were "
		"processed.\n",
		10},
	{{3, 0, 1},
		"3 MQSC commands read.\nNo commands have a syntax error.\nOne valid MQSC command could not "
		"be "
		"processed.\n",
		10},
	{{9, 3, 2},
		"9 MQSC commands read.\n3 commands have a syntax error.\n2 valid MQSC commands could not be "
		"processed.\n",
		10},
};

static void test_summaries(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(summaries); i++) {
		struct buf out = BUF_INIT(1024);
		const char *text = "";

		REQUIRE("2.5", mqsc_summary_print(&summaries[i].summary, &out) == ERR_OK);
		REQUIRE("2.5", buf_text(&out, &text) == ERR_OK);
		CHECK(summaries[i].want, strcmp(text, summaries[i].want) == 0);
		CHECK(summaries[i].want, mqsc_summary_exit_code(&summaries[i].summary) == summaries[i].code);
		buf_release(&out);
	}
}

int main(void)
{
	kit_check_rows(rows, ARRAY_COUNT(rows));
	test_requests();
	test_answers();
	test_freed_while_waiting();
	test_freed_in_callback();
	test_freed_when_over();
	test_many();
	test_full_report();
	test_transcript();
	test_summaries();
	return test_result();
}
