/*
 * Goal: names, filters and shares are judged as 4.7 and 4.8.2 say; matching follows its examples; "covers" is exact,
 * which is shown against every name of a small world.
 */
#include <stdlib.h>
#include <string.h>

#include "mqtt/mqtt.h"
#include "tests/test.h"

#define HEX(text) (text), true
#define TXT(text) (text), false

static const struct {
	const char *name;
	const char *topic;
	bool hex;
	bool good_name;
	bool good_filter;
} valid_rows[] = {
	{"MQTT-4.7.3-1 empty", TXT(""), false, false},
	{"one character", TXT("a"), true, true},
	{"a space is a character", TXT(" "), true, true},
	{"empty levels", TXT("/"), true, true},
	{"empty levels around", TXT("//a//"), true, true},
	{"dollar", TXT("$SYS/x"), true, true},
	{"dollar that is not $SYS", TXT("$x"), true, true},
	{"MQTT-4.7.1-1 plus", TXT("+"), false, true},
	{"MQTT-4.7.1-1 hash", TXT("#"), false, true},
	{"hash behind a level", TXT("a/#"), false, true},
	{"hash behind an empty level", TXT("/#"), false, true},
	{"4.7.1-2 hash in a level", TXT("a#"), false, false},
	{"4.7.1-2 hash in a later level", TXT("a/b#"), false, false},
	{"4.7.1-2 hash before a level", TXT("#/a"), false, false},
	{"4.7.1-2 hash before an empty level", TXT("#/"), false, false},
	{"4.7.1-2 two hashes", TXT("##"), false, false},
	{"4.7.1-2 hash twice", TXT("#/#"), false, false},
	{"MQTT-4.7.1-3 plus in the middle", TXT("a/+/b"), false, true},
	{"plus everywhere", TXT("+/+/+"), false, true},
	{"plus, then hash", TXT("+/#"), false, true},
	{"MQTT-4.7.1-3 plus in a level", TXT("a+"), false, false},
	{"MQTT-4.7.1-3 plus before a level's rest", TXT("+a/b"), false, false},
	{"MQTT-4.7.1-3 two plus", TXT("++"), false, false},
	{"plus and hash in one level", TXT("+#"), false, false},
	{"MQTT-4.7.3-2 U+0000", HEX("610062"), false, false},
	{"MQTT-1.5.4-1 broken UTF-8", HEX("61ff"), false, false},
	{"MQTT-1.5.4-1 surrogate", HEX("eda080"), false, false},
	{"UTF-8", HEX("c3a42fe282ac2ff09f9a80"), true, true},
};

static struct bytes row_bytes(const char *text, bool hex, struct test_bytes *keep)
{
	if (!hex) {
		return bytes_text(text);
	}
	*keep = test_hex(text);
	return test_bytes_view(keep);
}

static void check_valid(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(valid_rows); i++) {
		struct test_bytes keep = {NULL, 0};
		struct bytes topic = row_bytes(valid_rows[i].topic, valid_rows[i].hex, &keep);

		CHECK(valid_rows[i].name, mqtt_topic_name_valid(topic) == valid_rows[i].good_name);
		CHECK(valid_rows[i].name, mqtt_topic_filter_valid(topic) == valid_rows[i].good_filter);
	}
}

static void check_lengths(void)
{
	static uint8_t text[MQTT_STRING_BYTES_MAX + 1];
	struct bytes levels = bytes_of(text, MQTT_TOPIC_LEVELS_MAX - 1);

	memset(text, 'a', sizeof(text));
	CHECK("MQTT-4.7.3-3 65535 bytes", mqtt_topic_name_valid(bytes_of(text, MQTT_STRING_BYTES_MAX)));
	CHECK("MQTT-4.7.3-3 65536 bytes", !mqtt_topic_name_valid(bytes_of(text, MQTT_STRING_BYTES_MAX + 1)));
	CHECK("MQTT-4.7.3-3 65535 bytes", mqtt_topic_filter_valid(bytes_of(text, MQTT_STRING_BYTES_MAX)));
	CHECK("MQTT-4.7.3-3 65536 bytes",
		!mqtt_topic_filter_valid(bytes_of(text, MQTT_STRING_BYTES_MAX + 1)));
	memset(text, '/', sizeof(text));
	CHECK("128 levels", mqtt_topic_name_valid(levels));
	CHECK("128 levels", mqtt_topic_filter_valid(levels));
	levels.len++;
	CHECK("129 levels", !mqtt_topic_name_valid(levels));
	CHECK("129 levels", !mqtt_topic_filter_valid(levels));
	CHECK("65535 slashes", !mqtt_topic_filter_valid(bytes_of(text, MQTT_STRING_BYTES_MAX)));
}

static const struct {
	const char *in;
	enum err want;
	const char *name;
	const char *filter;
} share_rows[] = {
	{"$share/g/a", ERR_OK, "g", "a"},
	{"$share/g/a/b/#", ERR_OK, "g", "a/b/#"},
	{"$share/g//", ERR_OK, "g", "/"},
	{"$share/g/$SYS/x", ERR_OK, "g", "$SYS/x"},
	{"$share/$share/a", ERR_OK, "$share", "a"},
	{"a/b", ERR_NOT_FOUND, "", "a/b"},
	{"$shared/g/a", ERR_NOT_FOUND, "", "$shared/g/a"},
	{"$SHARE/g/a", ERR_NOT_FOUND, "", "$SHARE/g/a"},
	{"$share", ERR_NOT_FOUND, "", "$share"},
	{"x/$share/g/a", ERR_NOT_FOUND, "", "x/$share/g/a"},
	{"$share/", ERR_INVALID, NULL, NULL},     /* MQTT-4.8.2-1 */
	{"$share//a", ERR_INVALID, NULL, NULL},   /* MQTT-4.8.2-1 */
	{"$share/g", ERR_INVALID, NULL, NULL},    /* MQTT-4.8.2-2 */
	{"$share/g/", ERR_INVALID, NULL, NULL},   /* MQTT-4.8.2-2, MQTT-4.7.3-1 */
	{"$share/+/a", ERR_INVALID, NULL, NULL},  /* MQTT-4.8.2-2 */
	{"$share/#", ERR_INVALID, NULL, NULL},    /* MQTT-4.8.2-2 */
	{"$share/g#/a", ERR_INVALID, NULL, NULL}, /* MQTT-4.8.2-2 */
	{"$share/g/a#", ERR_INVALID, NULL, NULL},
	{"$share/g/#/a", ERR_INVALID, NULL, NULL},
};

static void check_shares(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(share_rows); i++) {
		struct mqtt_share share = {bytes_text("unset"), bytes_text("unset")};
		const char *row = share_rows[i].in;

		CHECK(row, mqtt_share_parse(bytes_text(row), &share) == share_rows[i].want);
		if (share_rows[i].want == ERR_INVALID) {
			CHECK(row, bytes_equal_text(share.name, "unset"));
			CHECK(row, bytes_equal_text(share.filter, "unset"));
		} else {
			CHECK(row, bytes_equal_text(share.name, share_rows[i].name));
			CHECK(row, bytes_equal_text(share.filter, share_rows[i].filter));
		}
	}
}

static const struct {
	const char *filter;
	const char *name;
	bool want;
} match_rows[] = {
	/* 4.7.1.2 */
	{"sport/tennis/player1/#", "sport/tennis/player1", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	{"sport/tennis/player1/#", "sport/tennis/player11", false},
	{"sport/#", "sport", true},
	{"sport/#", "sports", false},
	{"#", "a/b/c", true},
	{"#", "/", true},
	/* 4.7.1.3 */
	{"sport/tennis/+", "sport/tennis/player1", true},
	{"sport/tennis/+", "sport/tennis/player1/ranking", false},
	{"sport/+", "sport", false},
	{"sport/+", "sport/", true},
	{"+/+", "/finance", true},
	{"/+", "/finance", true},
	{"+", "/finance", false},
	{"+/tennis/#", "x/tennis", true},
	{"+/tennis/#", "x/golf", false},
	{"+/+/+", "a/b", false},
	{"a/+/c", "a//c", true},
	/* MQTT-4.7.2-1 */
	{"#", "$SYS/x", false},
	{"#", "$", false},
	{"+/x", "$SYS/x", false},
	{"+/#", "$SYS/x", false},
	{"$SYS/#", "$SYS/x", true},
	{"$SYS/#", "$SYS", true},
	{"$SYS/+", "$SYS/x", true},
	{"a/#", "a/$x", true},
	{"+/+", "a/$x", true},
	/* MQTT-4.7.3-4: as they are, letter by letter */
	{"ACCOUNTS", "Accounts", false},
	{"/finance", "finance", false},
	{"a", "a/", false},
	{"a/", "a", false},
	{"a//b", "a/b", false},
	{"a/b", "a/b", true},
	{"\xc3\xa4", "a\xcc\x88", false},
};

static void check_matches(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(match_rows); i++) {
		char row[160];

		(void)snprintf(row, sizeof(row), "%s on %s", match_rows[i].filter, match_rows[i].name);
		CHECK(row, mqtt_topic_match(bytes_text(match_rows[i].filter),
				   bytes_text(match_rows[i].name)) == match_rows[i].want);
	}
}

static void check_many_levels(void)
{
	uint8_t name[MQTT_TOPIC_LEVELS_MAX - 1];
	uint8_t filter[2 * MQTT_TOPIC_LEVELS_MAX - 1];

	memset(name, '/', sizeof(name));
	for (size_t i = 0; i < sizeof(filter); i++) {
		filter[i] = i % 2 == 0 ? '+' : '/';
	}
	CHECK("every level a plus", mqtt_topic_match(bytes_of(filter, sizeof(filter)), bytes_of(name, 127)));
	CHECK("one level short", !mqtt_topic_match(bytes_of(filter, sizeof(filter)), bytes_of(name, 126)));
	CHECK("covers itself",
		mqtt_filter_covers(bytes_of(filter, sizeof(filter)), bytes_of(filter, sizeof(filter))));
}

/* --- covers, against a small world: filters of up to three levels, names of up to four --- */

#define WORLD_DEPTH   4
#define WORLD_ROW_MAX 24
struct world {
	char rows[1024][WORLD_ROW_MAX];
	size_t count;
};

static void grow(struct world *world, const char *const *words, size_t word_count, char *text, size_t len,
	unsigned depth)
{
	for (size_t i = 0; i < word_count; i++) {
		int n = snprintf(text + len, WORLD_ROW_MAX - len, "%s", words[i]);
		size_t end = len + (size_t)n;

		REQUIRE("room in the world",
			end + 2 < WORLD_ROW_MAX && world->count < ARRAY_COUNT(world->rows));
		if (end > 0) {
			memcpy(world->rows[world->count++], text, end + 1);
		}
		if (depth > 1 && strcmp(words[i], "#") != 0) {
			text[end] = '/';
			text[end + 1] = '\0';
			grow(world, words, word_count, text, end + 1, depth - 1);
		}
		text[len] = '\0';
	}
}

static bool covers_by_trying(const char *a, const char *b, const struct world *names)
{
	for (size_t i = 0; i < names->count; i++) {
		struct bytes name = bytes_text(names->rows[i]);

		if (mqtt_topic_match(bytes_text(b), name) && !mqtt_topic_match(bytes_text(a), name)) {
			return false;
		}
	}
	return true;
}

static void check_covers(void)
{
	static const char *const filter_words[] = {"", "a", "$x", "+", "#"};
	/* One word more than any filter names: what only a wildcard reaches. */
	static const char *const name_words[] = {"", "a", "b", "$x", "$y"};
	static struct world filters;
	static struct world names;
	char text[WORLD_ROW_MAX] = "";
	unsigned long yes = 0;

	grow(&filters, filter_words, ARRAY_COUNT(filter_words), text, 0, 3);
	text[0] = '\0';
	grow(&names, name_words, ARRAY_COUNT(name_words), text, 0, WORLD_DEPTH);
	for (size_t i = 0; i < filters.count; i++) {
		REQUIRE(filters.rows[i], mqtt_topic_filter_valid(bytes_text(filters.rows[i])));
		for (size_t j = 0; j < filters.count; j++) {
			char row[2 * WORLD_ROW_MAX + 16];
			bool covers =
				mqtt_filter_covers(bytes_text(filters.rows[i]), bytes_text(filters.rows[j]));

			(void)snprintf(row, sizeof(row), "%s covers %s", filters.rows[i], filters.rows[j]);
			CHECK(row, covers == covers_by_trying(filters.rows[i], filters.rows[j], &names));
			yes += covers;
		}
	}
	CHECK("the world has both answers", yes > filters.count && yes < filters.count * filters.count / 2);
}

static void check_levels(void)
{
	struct mqtt_levels levels = mqtt_levels_init(bytes_text("/a//b/"));
	static const char *const want[] = {"", "a", "", "b", ""};
	struct bytes level = BYTES_NONE;

	for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
		REQUIRE("a level is left", !levels.done);
		CHECK("next level", mqtt_levels_next(&levels, &level));
		CHECK("level", bytes_equal_text(level, want[i]));
	}
	CHECK("no level is left", !mqtt_levels_next(&levels, &level));
}

int main(void)
{
	check_valid();
	check_lengths();
	check_shares();
	check_matches();
	check_many_levels();
	check_covers();
	check_levels();
	return test_result();
}
