/*
 * Goal: the manual names every command, keyword and attribute that the tables hold, within 100 columns; and what mqsc_quote()
 * makes of any text is one value of one command, the same text again, wherever it was taken from (DESIGN.md 9).
 */
#include <string.h>

#include "base/utf8.h"
#include "mqsc/script.h"
#include "tests/mqsc/kit.h"

/* word stands in text as a word of its own. */
static bool has_word(const char *text, const char *word)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
		if ((at == text || strchr(letters, at[-1]) == NULL) &&
			strchr(letters, at[strlen(word)]) == NULL) {
			return true;
		}
	}
	return false;
}

static void check_row(const struct command_row *row, const char *text)
{
	size_t count;
	const struct attribute *attributes = object_attributes(row->class, &count);

	CHECK(row->noun, has_word(text, row->verb) && has_word(text, row->noun) && row->help[0] != '\0');
	CHECK(row->noun, row->verb_short == NULL || has_word(text, row->verb_short));
	CHECK(row->noun, row->noun_short == NULL || has_word(text, row->noun_short));
	for (const struct command_keyword *at = row->keywords; at != NULL && at->key != NULL; at++) {
		CHECK(at->key, has_word(text, at->key) && at->help != NULL && at->help[0] != '\0');
	}
	for (size_t i = 0; row->attributes != ATTRIBUTES_NOT_TAKEN && i < count; i++) {
		CHECK(attributes[i].key, has_word(text, attributes[i].key) && attributes[i].help[0] != '\0');
		CHECK(attributes[i].key,
			attributes[i].initial == NULL || strstr(text, attributes[i].initial) != NULL);
		for (size_t w = 0; attributes[i].words != NULL && attributes[i].words[w] != NULL; w++) {
			CHECK(attributes[i].words[w], has_word(text, attributes[i].words[w]));
		}
	}
}

static const char *help(const char *command, struct buf *out)
{
	const char *text = "";

	out->len = 0;
	REQUIRE("help", mqsc_help(command, out) == ERR_OK && buf_text(out, &text) == ERR_OK);
	return text;
}

static void test_manual(void)
{
	struct buf whole = BUF_INIT(1u << 20);
	struct buf part = BUF_INIT(1u << 20);
	size_t count;
	const struct command_row *rows = command_rows(&count);
	const char *all = help(NULL, &whole);

	for (size_t i = 0; i < count; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%s %s", rows[i].verb, rows[i].noun);
		check_row(&rows[i], all);
		check_row(&rows[i], help(name, &part));
		check_row(&rows[i], help(rows[i].verb, &part));
		check_row(&rows[i], help(rows[i].noun, &part));
		CHECK(name, strstr(all, name) != NULL);
	}
	for (const char *at = all; *at != '\0';) {
		size_t len = strcspn(at, "\n");

		CHECK("lines of at most 100 columns", len <= 100 && at[len] == '\n');
		at += len + 1;
	}
	CHECK("any case of letters", mqsc_help("define channel", &part) == ERR_OK);
	CHECK("nothing of that name", mqsc_help("DEFINE QLOCAL", &part) == ERR_NOT_FOUND);
	buf_release(&whole);
	buf_release(&part);
}

/* Help says what is there: its own examples of keywords are accepted. */
static void test_every_attribute_is_taken(void)
{
	static const enum object_class classes[] = {
		OBJECT_CHANNEL, OBJECT_TOPIC, OBJECT_AUTHINFO, OBJECT_QMGR};
	static const char *const objects[] = {"CHANNEL(A)", "TOPIC(A)", "AUTHINFO(A)", "QMGR"};

	for (size_t c = 0; c < ARRAY_COUNT(classes); c++) {
		size_t count;
		const struct attribute *attributes = object_attributes(classes[c], &count);

		for (size_t i = 0; i < count; i++) {
			char script[256];
			struct kit kit;

			kit_init(&kit);
			REQUIRE("taken",
				kit_run(&kit, "DEFINE CHANNEL(A) CHLTYPE(MQTT)\nDEFINE TOPIC(A)\nDEFINE "
					      "AUTHINFO(A) AUTHTYPE(OCSP) OCSPURL('http://h')"));
			(void)snprintf(
				script, sizeof(script), "DISPLAY %s %s", objects[c], attributes[i].key);
			REQUIRE("taken", kit_run(&kit, script));
			CHECK(attributes[i].key, mqsc_summary_exit_code(&kit.summary) == 0);
			CHECK(attributes[i].key, has_word(kit_text(&kit), attributes[i].key));
			kit_end(&kit);
		}
	}
}

static const struct {
	const char *name, *text;
	enum err err;
} quotes[] = {
	{"empty", "", ERR_OK},
	{"plain", "pump-7", ERR_OK},
	{"apostrophes", "' '' '''", ERR_OK},
	{"an end and another command", "x')\nDELETE TOPIC(T)", ERR_INVALID},
	{"an end on one line", "x') TOPICSTR('#", ERR_OK},
	{"semicolons", "x';DELETE TOPIC(T);", ERR_OK},
	{"marks of continuation", "x +", ERR_OK},
	{"minus at the end", "x -", ERR_OK},
	{"a comment", "* x", ERR_OK},
	{"carriage return", "x\r", ERR_INVALID},
	{"tab", "x\ty", ERR_INVALID},
	{"escape", "\x1b[2J", ERR_INVALID},
	{"DEL", "\x7f", ERR_INVALID},
	{"C1", "\xc2\x9b", ERR_OK},
	{"bidirectional control", "\xe2\x80\xae", ERR_OK},
	{"not UTF-8", "\xff", ERR_INVALID},
	{"cut UTF-8", "x\xc3", ERR_INVALID},
	{"surrogate", "\xed\xa0\x80", ERR_INVALID},
};

/* As the value of a keyword, in a line between others. */
static void check_round_trip(const char *name, const char *text, struct bytes quoted)
{
	struct buf script = BUF_INIT(65536);
	struct kit kit;

	kit_init(&kit);
	REQUIRE(name, buf_printf(&script, "DEFINE TOPIC(T) DESCR(%.*s)\nDEFINE TOPIC(LAST)\n",
			      (int)quoted.len, (const char *)quoted.data) == ERR_OK);
	REQUIRE(name, kit_run_bytes(&kit, buf_bytes(&script)));
	const struct object *topic = catalog_find(kit.catalog, OBJECT_TOPIC, "T");

	CHECK(name, kit.summary.read == 2);
	CHECK(name, catalog_find(kit.catalog, OBJECT_TOPIC, "LAST") != NULL);
	CHECK(name, catalog_count(kit.catalog, OBJECT_TOPIC) == 3);
	/* Blanks at the end do not count in a description. */
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == ' ') {
		len--;
	}
	REQUIRE(name, topic != NULL);
	CHECK(name, bytes_equal(bytes_text(object_text(topic, "DESCR")), bytes_of(text, len)));
	buf_release(&script);
	kit_end(&kit);
}

static void test_quote(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(quotes); i++) {
		struct buf out = BUF_INIT(4096);

		REQUIRE("quote", buf_append_text(&out, "=") == ERR_OK);
		CHECK(quotes[i].name, mqsc_quote(&out, quotes[i].text) == quotes[i].err);
		if (quotes[i].err == ERR_OK) {
			check_round_trip(quotes[i].name, quotes[i].text, bytes_of(out.data + 1, out.len - 1));
		} else {
			CHECK(quotes[i].name, out.len == 1);
		}
		buf_release(&out);
	}
}

/* Text of the characters that matter to a lexer. */
static void test_quote_random(void)
{
	static const char *const parts[] = {"'", "''", "(", ")", ",", ";", "+", "-", "*", " ", "a", "\\",
		"\"", "\n", "\r", "\t", "END", "\xc3\xbc", "\xc3", "\xe2\x80\xae"};
	uint64_t state = 42;

	for (unsigned i = 0; i < 3000; i++) {
		struct buf text = BUF_INIT(4096);
		struct buf out = BUF_INIT(8192);
		const char *chars = "";

		while (text.len < 24 && state % 9 != 0) {
			state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			REQUIRE("quote",
				buf_append_text(&text, parts[(state >> 33) % ARRAY_COUNT(parts)]) == ERR_OK);
		}
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		REQUIRE("quote", buf_text(&text, &chars) == ERR_OK);
		bool good = strpbrk(chars, "\n\r\t") == NULL && utf8_valid(buf_bytes(&text));

		CHECK("hostile name: quoted or refused", (mqsc_quote(&out, chars) == ERR_OK) == good);
		if (good) {
			check_round_trip("hostile name -> log -> parser yields at most one command", chars,
				buf_bytes(&out));
		}
		buf_release(&text);
		buf_release(&out);
	}
}

int main(void)
{
	test_manual();
	test_every_attribute_is_taken();
	test_quote();
	test_quote_random();
	return test_result();
}
