/*
 * Goal: a script becomes the commands that its author meant, and what is wrong is said with its line, column, word and what
 * was expected (mq-semantics 2.1, 2.2, 2.5).
 */
#include <stdlib.h>
#include <string.h>

#include "tests/mqsc/kit.h"

#define CREATED  "AMQ8690I: Lockgate topic created.\n"
#define CHANGED  "AMQ8691I: Lockgate topic changed.\n"
#define SYNTAX   "AMQ8405I: Syntax error detected at or near end of command segment below:-\n"
#define NO_TOPIC "AMQ8147E: Lockgate topic NOPE not found.\n"

/* Each line of the report is a command that was understood; DESCR is shown by the next table. */
static const struct kit_row lines[] = {
	{"nothing", NULL, "", "", 0, 0, 0},
	{"only blanks, comments and a lone mark", NULL, "  \n\t\n* one\n;\n+\n", "", 0, 0, 0},
	{"any case of letters, folded name", NULL, "dEfInE tOpIc(t)\nALTER TOPIC(T)", CREATED CHANGED, 2, 0,
		0},
	{"synonyms", NULL, "DEF TOPIC(T)\nALT TOPIC(T)", CREATED CHANGED, 2, 0, 0},
	{"no arbitrary shortening", NULL, "DEFI TOPIC(T)",
		SYNTAX "DEFI\nt.mqsc:1:1: 'DEFI' is no verb; did you mean DEFINE?\n", 1, 1, 0},
	{"semicolon at the end", NULL, "DEFINE TOPIC(T);\nALTER TOPIC(T) ; \n", CREATED CHANGED, 2, 0, 0},
	{"CRLF", NULL, "DEFINE TOPIC(T) +\r\nDESCR('x')\r\n\r\nALTER TOPIC(T)\r\n", CREATED CHANGED, 2, 0, 0},
	{"2.2 comment and blank line inside a continued command", NULL,
		"DEFINE TOPIC(T) +\n* why\n\n  \n  DESCR('x')\n", CREATED, 1, 0, 0},
	{"2.2 a star is a comment in column 1 only", NULL, "DEFINE TOPIC(T) +\n *",
		SYNTAX "DEFINE TOPIC(T) *\nt.mqsc:2:2: '*' is no keyword of DEFINE TOPIC\n", 1, 1, 0},
	{"+ at the end of the script", NULL, "DEFINE TOPIC(T) +", CREATED, 1, 0, 0},
	{"; rescues a stray +", NULL, "DEFINE TOPIC(T) +\n;\nALTER TOPIC(T)", CREATED CHANGED, 2, 0, 0},
	{"END, EXIT, QUIT are not counted and end", NULL, "DEFINE TOPIC(T)\nend\nrubbish", CREATED, 1, 0, 0},
	{"EXIT", NULL, "EXIT\nrubbish", "", 0, 0, 0},
	{"QUIT", NULL, "quit;\nrubbish", "", 0, 0, 0},
	{"commas and blanks separate alike", NULL, "DEFINE,TOPIC(T),, , DESCR('x')", CREATED, 1, 0, 0},
	{"tabs separate", NULL, "\tDEFINE\tTOPIC(\tT\t)\tDESCR('x')", CREATED, 1, 0, 0},
	{"a blank before the parenthesis", NULL, "DEFINE TOPIC (T)", CREATED, 1, 0, 0},
	{"2.1 a blank before each parameter", NULL, "DEFINE TOPIC(T)DESCR(X)",
		SYNTAX "DEFINE TOPIC(T)DESCR\nt.mqsc:1:16: expected a blank before this keyword\n", 1, 1, 0},
	{"2.1 KEY() is an error", NULL, "DEFINE TOPIC(T) DESCR()",
		SYNTAX
		"DEFINE TOPIC(T) DESCR()\nt.mqsc:1:23: DESCR() needs a value; DESCR(' ') means blank\n",
		1, 1, 0},
	{"2.1 no parameter twice", NULL, "DEFINE TOPIC(T) DESCR(A) DESCR(B)",
		SYNTAX "DEFINE TOPIC(T) DESCR(A) DESCR\nt.mqsc:1:26: DESCR was given before; a parameter may "
		       "not be repeated\n",
		1, 1, 0},
	{"2.1 nor a keyword and its opposite", NULL, "DEFINE TOPIC(T) NOREPLACE REPLACE",
		SYNTAX
		"DEFINE TOPIC(T) NOREPLACE REPLACE\nt.mqsc:1:27: REPLACE and NOREPLACE contradict each "
		"other\n",
		1, 1, 0},
	{"one bad keyword fails the whole command, the next is read", NULL,
		"DEFINE TOPIC(T) DSCR('x')\nALTER TOPIC(NOPE)\n",
		SYNTAX
		"DEFINE TOPIC(T) DSCR\nt.mqsc:1:17: 'DSCR' is no keyword of DEFINE TOPIC; did you mean "
		"DESCR?\n" NO_TOPIC,
		2, 1, 1},
	{"typo in a verb", NULL, "DEFNIE TOPIC(T)",
		SYNTAX "DEFNIE\nt.mqsc:1:1: 'DEFNIE' is no verb; did you mean DEFINE?\n", 1, 1, 0},
	{"unknown verb: all verbs", NULL, "PING CHANNEL(A)",
		SYNTAX "PING\nt.mqsc:1:1: 'PING' is no verb; expected ALTER, DEFINE, DELETE, DISPLAY, END, "
		       "PURGE, REFRESH, SET, START or STOP\n",
		1, 1, 0},
	{"typo in a noun, third line, behind blanks", NULL, "* a\n\n   DEFINE CHANEL(T)",
		SYNTAX "   DEFINE CHANEL\nt.mqsc:3:11: DEFINE knows no 'CHANEL'; did you mean CHANNEL?\n", 1,
		1, 0},
	{"noun of another verb", NULL, "STOP QMGR", SYNTAX "STOP QMGR\nt.mqsc:1:6: STOP knows no 'QMGR'\n", 1,
		1, 0},
	{"typo in a continued line", NULL, "DEFINE CHANNEL(A) CHLTYPE(MQTT) +\n    PROT(1883)",
		SYNTAX
		"DEFINE CHANNEL(A) CHLTYPE(MQTT) PROT\nt.mqsc:2:5: 'PROT' is no keyword of DEFINE CHANNEL; "
		"did you mean PORT?\n",
		1, 1, 0},
	{"typo in a word", NULL, "DEFINE CHANNEL(A) CHLTYPE(MQTT) SSLCAUTH(REQUIRE)",
		SYNTAX "DEFINE CHANNEL(A) CHLTYPE(MQTT) SSLCAUTH(REQUIRE\nt.mqsc:1:42: SSLCAUTH cannot be "
		       "'REQUIRE'; expected NEVER, OPTIONAL, REQUIRED\n",
		1, 1, 0},
	{"number with a letter", NULL, "DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(18B3)",
		SYNTAX
		"DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(18B3\nt.mqsc:1:38: PORT cannot be '18B3'; expected "
		"a number from 0 to 65535\n",
		1, 1, 0},
	{"number at max + 1", NULL, "DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(65536)",
		SYNTAX "DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(65536\nt.mqsc:1:38: PORT cannot be '65536'; "
		       "expected a number from 0 to 65535\n",
		1, 1, 0},
	{"number that would wrap", NULL, "DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(18446744073709551616)",
		SYNTAX
		"DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(18446744073709551616\nt.mqsc:1:38: PORT cannot be "
		"'18446744073709551616'; expected a number from 0 to 65535\n",
		1, 1, 0},
	{"value missing", NULL, "DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT",
		SYNTAX
		"DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT\nt.mqsc:1:33: PORT needs a value in parentheses\n",
		1, 1, 0},
	{"two values for one", NULL, "DEFINE TOPIC(T) DESCR('a' 'b')",
		SYNTAX "DEFINE TOPIC(T) DESCR('a' 'b'\nt.mqsc:1:27: DESCR takes one value; expected ')'\n", 1,
		1, 0},
	{"a flag with a value", NULL, "DEFINE TOPIC(T) REPLACE(NO)",
		SYNTAX "DEFINE TOPIC(T) REPLACE(NO\nt.mqsc:1:25: REPLACE takes no value\n", 1, 1, 0},
	{"a value without its parentheses", NULL, "DEFINE TOPIC(T) LIKE",
		SYNTAX "DEFINE TOPIC(T) LIKE\nt.mqsc:1:17: LIKE needs a value in parentheses\n", 1, 1, 0},
	{"parenthesis not closed", NULL, "DEFINE TOPIC(T) DESCR(X",
		SYNTAX "DEFINE TOPIC(T) DESCR(X\nt.mqsc:1:24: DESCR( is not closed; expected ')'\n", 1, 1, 0},
	{"parenthesis in parentheses", NULL, "DEFINE TOPIC(T) DESCR(A(1))",
		SYNTAX "DEFINE TOPIC(T) DESCR(A(\nt.mqsc:1:24: a value with parentheses stands between "
		       "apostrophes; expected a value or ')'\n",
		1, 1, 0},
	{"closed twice", NULL, "DEFINE TOPIC(T))",
		SYNTAX "DEFINE TOPIC(T))\nt.mqsc:1:16: expected a keyword or the end of the command\n", 1, 1,
		0},
	{"a string where a keyword stands", NULL, "DEFINE 'TOPIC'(T)",
		SYNTAX "DEFINE 'TOPIC'\nt.mqsc:1:8: expected a keyword or the end of the command\n", 1, 1, 0},
	{"begins with a parenthesis", NULL, "(A)", SYNTAX "(\nt.mqsc:1:1: expected a keyword\n", 1, 1, 0},
	{"apostrophe not closed", NULL, "DEFINE TOPIC(T) DESCR('it''s)\nALTER TOPIC(NOPE)",
		SYNTAX "DEFINE TOPIC(T) DESCR('it''s\nt.mqsc:1:23: the apostrophe that opens here is not "
		       "closed\n" NO_TOPIC,
		2, 1, 1},
	{"an apostrophe that was not doubled", NULL, "DEFINE TOPIC(T) DESCR(O'BRIEN')",
		SYNTAX "DEFINE TOPIC(T) DESCR(O'BRIEN'\nt.mqsc:1:24: expected a blank, a comma or ')'; an "
		       "apostrophe inside a value is doubled\n",
		1, 1, 0},
	{"semicolon inside", NULL, "DEFINE TOPIC(A;B)",
		SYNTAX "DEFINE TOPIC(A;B\nt.mqsc:1:15: ';' can only stand between apostrophes: put the whole "
		       "value into '…'\n",
		1, 1, 0},
	{"verb alone", NULL, "DEFINE", SYNTAX "DEFINE\nt.mqsc:1:7: expected an object behind DEFINE\n", 1, 1,
		0},
	{"no name", NULL, "DEFINE TOPIC",
		SYNTAX "DEFINE TOPIC\nt.mqsc:1:8: TOPIC needs a name: TOPIC(NAME)\n", 1, 1, 0},
	{"blank name", NULL, "DEFINE TOPIC(' ')", SYNTAX "DEFINE TOPIC('\nt.mqsc:1:14: the name is empty\n",
		1, 1, 0},
	{"two names", NULL, "DEFINE TOPIC(A B)",
		SYNTAX "DEFINE TOPIC(A B\nt.mqsc:1:16: one name is enough; expected ')'\n", 1, 1, 0},
	{"a name where there is none", NULL, "ALTER QMGR(X)",
		SYNTAX "ALTER QMGR(X\nt.mqsc:1:12: ALTER QMGR takes no name\n", 1, 1, 0},
	{"a passphrase is not repeated", NULL, "DEFINE CHANNEL(A) CHLTYPE(MQTT) SSLKEYP('hunter2') PORT(X)",
		SYNTAX
		"DEFINE CHANNEL(A) CHLTYPE(MQTT) SSLKEYP(*********) PORT(X\nt.mqsc:1:57: PORT cannot be "
		"'X'; expected a number from 0 to 65535\n",
		1, 1, 0},
	{"a passphrase is refused", NULL, "DEFINE CHANNEL(A) CHLTYPE(MQTT) SSLKEYP('hunter2')",
		SYNTAX
		"DEFINE CHANNEL(A) CHLTYPE(MQTT) SSLKEYP(*********\nt.mqsc:1:41: SSLKEYP says where the "
		"passphrase is, not what it is: file:PATH, fd:N, env:NAME or cred:NAME (put a literal into "
		"a 0600 file)\n",
		1, 1, 0},
};

/* What a value becomes. script defines TOPIC(T); DESCR is then want. */
static const struct {
	const char *name, *script, *want;
} values[] = {
	{"folded", "DEFINE TOPIC(T) DESCR(abc.DEF/_%*?:-9)", "ABC.DEF/_%*?:-9"},
	{"kept", "DEFINE TOPIC(T) DESCR('aBc (d) , ; + - *')", "aBc (d) , ; + - *"},
	{"'' is one apostrophe", "DEFINE TOPIC(T) DESCR('it''s ''''')", "it's ''"},
	{"blanks in front stay", "DEFINE TOPIC(T) DESCR('  x')", "  x"},
	{"2.1 blanks at the end do not", "DEFINE TOPIC(T) DESCR('x  ')", "x"},
	{"blank", "DEFINE TOPIC(T) DESCR(' ')", ""},
	{"empty", "DEFINE TOPIC(T) DESCR('')", ""},
	{"2.2 + inside a string", "DEFINE TOPIC(T) DESCR('Fr+\n   ed')", "Fred"},
	{"2.2 - inside a string keeps column 1", "DEFINE TOPIC(T) DESCR('Fr-\n  ed')", "Fr  ed"},
	{"blanks before the mark stay", "DEFINE TOPIC(T) DESCR('Fr +\ned')", "Fr ed"},
	{"a comment inside a string that goes on", "DEFINE TOPIC(T) DESCR('Fr+\n* no\n\ned')", "Fred"},
	{"+ and - that end no line are text", "DEFINE TOPIC(T) DESCR('a+b-c')", "a+b-c"},
	{"UTF-8", "DEFINE TOPIC(T) DESCR('Schleuse \xc3\xbc \xf0\x9f\x9a\xa2')",
		"Schleuse \xc3\xbc \xf0\x9f\x9a\xa2"},
};

static void test_values(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		struct kit kit;

		kit_init(&kit);
		REQUIRE(values[i].name, kit_run(&kit, values[i].script));
		const struct object *topic = catalog_find(kit.catalog, OBJECT_TOPIC, "T");

		CHECK(values[i].name, mqsc_summary_exit_code(&kit.summary) == 0 && kit.summary.read == 1);
		REQUIRE(values[i].name, topic != NULL);
		CHECK(values[i].name, strcmp(object_text(topic, "DESCR"), values[i].want) == 0);
		kit_end(&kit);
	}
}

/* Bytes that may not stand where they stand. */
static const struct {
	const char *name;
	struct bytes script;
	const char *want;
} bad_bytes[] = {
	{"NUL in a word", {(const uint8_t *)"DEF\0INE TOPIC(T)", 16},
		"t.mqsc:1:4: byte 0x00 can only stand between apostrophes"},
	{"NUL in a string", {(const uint8_t *)"DEFINE TOPIC(T) DESCR('a\0b')", 28},
		"t.mqsc:1:25: a value cannot hold the control character 0x00"},
	{"control in a string", {(const uint8_t *)"DEFINE TOPIC(T) DESCR('a\x1b[2J')", 30},
		"t.mqsc:1:25: a value cannot hold the control character 0x1b"},
	{"tab in a string", {(const uint8_t *)"DEFINE TOPIC(T) DESCR('a\tb')", 28},
		"t.mqsc:1:25: a value cannot hold the control character 0x09"},
	{"DEL", {(const uint8_t *)"DEFINE TOPIC(T) DESCR('\x7f')", 26},
		"t.mqsc:1:24: a value cannot hold the control character 0x7f"},
	{"carriage return within", {(const uint8_t *)"DEFINE\rTOPIC(T)", 15},
		"t.mqsc:1:7: byte 0x0d can only stand between apostrophes"},
	{"not UTF-8", {(const uint8_t *)"DEFINE TOPIC(T) DESCR('\xc3(')", 27},
		"t.mqsc:1:23: the value is not UTF-8"},
	{"cut UTF-8", {(const uint8_t *)"DEFINE TOPIC(T) DESCR('\xf0\x9f\x9a')", 28},
		"t.mqsc:1:23: the value is not UTF-8"},
	{"UTF-8 without apostrophes", {(const uint8_t *)"DEFINE TOPIC(\xc3\xbc)", 16},
		"t.mqsc:1:14: byte 0xc3 can only stand between apostrophes"},
};

static void test_bad_bytes(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(bad_bytes); i++) {
		struct kit kit;

		kit_init(&kit);
		kit.options.echo = true;
		REQUIRE(bad_bytes[i].name, kit_run_bytes(&kit, bad_bytes[i].script));
		const char *text = kit_text(&kit);

		CHECK(bad_bytes[i].name, strstr(text, bad_bytes[i].want) != NULL);
		CHECK(bad_bytes[i].name, kit.report.len == strlen(text));
		CHECK(bad_bytes[i].name, strpbrk(text, "\x1b\x7f\r\t") == NULL);
		CHECK(bad_bytes[i].name, kit.summary.syntax_errors == 1 && kit.changes == 0);
		kit_end(&kit);
	}
}

/* Hostile text that is quoted properly comes back escaped wherever it is shown. */
static void test_output_is_escaped(void)
{
	static const char *const scripts[] = {
		"DISPLAY CHANNEL('\xc2\x9b"
		"2J\xe2\x80\xae')",
		"DEFINE CHANNEL('\xc2\x9b"
		"2J\xe2\x80\xae') CHLTYPE(MQTT)",
		"START CHANNEL('\xc2\x9b"
		"2J\xe2\x80\xae')",
		"DEFINE TOPIC(T) LIKE('\xc2\x9b"
		"2J\xe2\x80\xae')",
		"DEFINE CHANNEL(A) CHLTYPE('\xc2\x9b"
		"2J\xe2\x80\xae')",
		"DEFINE TOPIC(T) DESCR('\xc2\x9b"
		"2J\xe2\x80\xae')\nDISPLAY TOPIC(T)",
		"DISPLAY CHLAUTH(A) ADDRESS('\xc2\x9b"
		"2J\xe2\x80\xae') MATCH(RUNCHECK)",
		"DISPLAY TOPIC(*) WHERE('\xc2\x9b"
		"2J\xe2\x80\xae' EQ A)",
		"* \xc2\x9b"
		"2J\xe2\x80\xae \x1b[2J\nEND",
	};

	for (size_t i = 0; i < ARRAY_COUNT(scripts); i++) {
		struct kit kit;

		kit_init(&kit);
		kit.options.echo = true;
		kit.options.source = "\xc2\x9b"
				     "2J\xe2\x80\xae";
		REQUIRE(scripts[i], kit_run(&kit, scripts[i]));
		const char *text = kit_text(&kit);

		CHECK(scripts[i], strstr(text, "\xc2\x9b") == NULL && strstr(text, "\xe2\x80\xae") == NULL);
		CHECK(scripts[i], strchr(text, '\x1b') == NULL);
		CHECK(scripts[i], strstr(text, "2J") != NULL && strchr(text, '\\') != NULL);
		kit_end(&kit);
	}
}

/* A description of n bytes in a line of len bytes. */
static void line_of(struct buf *out, size_t len, const char *mark)
{
	size_t start = out->len;

	REQUIRE("line", buf_append_text(out, "DESCR('") == ERR_OK);
	while (out->len - start < len - 2 - strlen(mark)) {
		REQUIRE("line", buf_append_u8(out, 'x') == ERR_OK);
	}
	REQUIRE("line", buf_append_text(out, "')") == ERR_OK && buf_append_text(out, mark) == ERR_OK);
}

static void test_lengths(void)
{
	static const struct {
		const char *name;
		size_t line;
		const char *want;
	} rows[] = {
		{"2.2 a line of 2048 bytes", 2048, "DESCR is longer than 64 bytes"},
		{"2.2 a line of 2049 bytes", 2049, "t.mqsc:2:2049: the line is longer than 2048 bytes"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf text = BUF_INIT(65536);
		struct kit kit;

		kit_init(&kit);
		REQUIRE(rows[i].name, buf_append_text(&text, "DEFINE TOPIC(T) +\n") == ERR_OK);
		line_of(&text, rows[i].line, "");
		REQUIRE(rows[i].name, buf_append_text(&text, "\nDEFINE TOPIC(U)\n") == ERR_OK);
		REQUIRE(rows[i].name, kit_run_bytes(&kit, buf_bytes(&text)));
		CHECK(rows[i].name, strstr(kit_text(&kit), rows[i].want) != NULL);
		CHECK(rows[i].name, kit.summary.read == 2 && kit.summary.syntax_errors == 1);
		CHECK(rows[i].name, catalog_find(kit.catalog, OBJECT_TOPIC, "T") == NULL);
		CHECK(rows[i].name, catalog_find(kit.catalog, OBJECT_TOPIC, "U") != NULL);
		buf_release(&text);
		kit_end(&kit);
	}
}

/* A command of exactly, and of one more than, MQSC_COMMAND_BYTES_MAX. What follows it is read in any case. */
static void test_long_command(void)
{
	for (size_t more = 0; more < 2; more++) {
		struct buf text = BUF_INIT(256u * 1024u);
		struct kit kit;
		size_t chars = strlen("DEFINE TOPIC(T) ");

		kit_init(&kit);
		REQUIRE("long", buf_append_text(&text, "DEFINE TOPIC(T) +\n") == ERR_OK);
		while (chars < MQSC_COMMAND_BYTES_MAX + more) {
			size_t n = MQSC_COMMAND_BYTES_MAX + more - chars;

			n = n < 1000 ? n : 1000;
			for (size_t i = 0; i < n; i++) {
				REQUIRE("long", buf_append_u8(&text, i % 100 == 0 ? ',' : ' ') == ERR_OK);
			}
			/* The mark follows a comma, so that no blank is taken for the end. */
			text.data[text.len - 1] = ',';
			text.data[text.len - n] = ',';
			chars += n;
			REQUIRE("long",
				buf_append_text(&text,
					chars < MQSC_COMMAND_BYTES_MAX + more ? "-\n" : "\n") == ERR_OK);
		}
		REQUIRE("long", buf_append_text(&text, "DEFINE TOPIC(U)\n") == ERR_OK);
		REQUIRE("long", kit_run_bytes(&kit, buf_bytes(&text)));
		CHECK("long: read", kit.summary.read == 2);
		CHECK("long: at max and max + 1", kit.summary.syntax_errors == more);
		CHECK("long: said", (strstr(kit_text(&kit), "the command is longer than 32768 bytes") !=
					    NULL) == (more == 1));
		CHECK("long: all or nothing",
			(catalog_find(kit.catalog, OBJECT_TOPIC, "T") != NULL) == (more == 0));
		CHECK("long: the next is read", catalog_find(kit.catalog, OBJECT_TOPIC, "U") != NULL);
		buf_release(&text);
		kit_end(&kit);
	}
}

/* Cut anywhere, a script does what its whole commands say and never half of one. */
static void test_cut(void)
{
	static const char script[] =
		"DEFINE TOPIC(T) DESCR('it''s') +\n TOPICSTR('a/b')\nALTER TOPIC(T) DESCR(X)\n";

	for (size_t len = 0; len <= strlen(script); len++) {
		struct kit kit;

		kit_init(&kit);
		REQUIRE("cut", kit_run_bytes(&kit, bytes_of(script, len)));
		const struct object *topic = catalog_find(kit.catalog, OBJECT_TOPIC, "T");

		CHECK("cut: over", kit.over);
		if (topic != NULL) {
			const char *descr = object_text(topic, "DESCR");

			CHECK("cut: whole values", strcmp(descr, "") == 0 || strcmp(descr, "it's") == 0 ||
							   strcmp(descr, "X") == 0);
		}
		kit_end(&kit);
	}
}

int main(void)
{
	kit_check_rows(lines, ARRAY_COUNT(lines));
	test_values();
	test_bad_bytes();
	test_output_is_escaped();
	test_lengths();
	test_long_command();
	test_cut();
	return test_result();
}
