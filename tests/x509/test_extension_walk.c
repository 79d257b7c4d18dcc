/*
 * test_extension_walk.c - the walk over extensions that lists, their entries and OCSP messages share: how many, and none twice.
 */
#include <string.h>

#include "tests/test.h"
#include "x509/internal.h"

#define ONE   "300806022a0304020500" /* 1.2.3, not critical */
#define OTHER "300b06022a040101ff04020500"

struct walked {
	enum err err; /* of the step that was the last */
	size_t count;
	size_t critical;
};

static struct walked walk_all(struct bytes content, size_t max)
{
	struct walked walked = {.err = ERR_OK};
	struct extension_walk walk;
	walked.err = extension_walk_begin(&walk, wire_reader_init(content), max);
	while (walked.err == ERR_OK && wire_reader_left(&walk.list) != 0) {
		struct extension extension;
		walked.err = extension_walk_next(&walk, &extension);
		if (walked.err == ERR_OK) {
			walked.count++;
			walked.critical += extension.critical ? 1 : 0;
		}
	}
	return walked;
}

static void test_rows(void)
{
	static const struct {
		const char *name, *hex;
		size_t max;
		struct walked want;
	} rows[] = {
		{"RFC 5280 4.1.2.9 one", ONE, 4, {ERR_OK, 1, 0}},
		{"two", ONE OTHER, 4, {ERR_OK, 2, 1}},
		{"as many as there may be", ONE OTHER, 2, {ERR_OK, 2, 1}},
		{"one more", ONE OTHER, 1, {ERR_LIMIT, 1, 0}},
		{"RFC 5280 4.1.2.9 none", "", 4, {ERR_MALFORMED, 0, 0}},
		{"RFC 5280 4.2 the same twice", ONE ONE, 4, {ERR_MALFORMED, 1, 0}},
		{"RFC 5280 4.2 the same twice, apart", OTHER ONE OTHER, 4, {ERR_MALFORMED, 2, 1}},
		{"no extension", "0500", 4, {ERR_MALFORMED, 0, 0}},
		{"no extension behind one", ONE "0500", 4, {ERR_MALFORMED, 1, 0}},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		struct walked walked = walk_all(test_bytes_view(&in), rows[i].max);
		CHECK(rows[i].name, walked.err == rows[i].want.err);
		CHECK(rows[i].name, walked.count == rows[i].want.count);
		CHECK(rows[i].name, walked.critical == rows[i].want.critical);
	}
}

static void test_cut(void)
{
	struct test_bytes in = test_hex(ONE OTHER);
	struct bytes whole = test_bytes_view(&in);
	size_t first = sizeof(ONE) / 2;
	for (size_t len = 0; len < whole.len; len++) {
		struct walked walked = walk_all(bytes_of(whole.data, len), 4);
		CHECK("cut", walked.err == (len == first ? ERR_OK : ERR_MALFORMED));
		CHECK("cut", walked.count == (len >= first ? 1 : 0));
	}
}

/* EXTENSIONS_MAX different ones, which is all that a walk remembers, and one more. */
static void test_most(void)
{
	uint8_t content[(EXTENSIONS_MAX + 1) * 10];
	struct test_bytes one = test_hex(ONE);
	REQUIRE("an extension of ten octets", one.len == 10);
	for (size_t i = 0; i <= EXTENSIONS_MAX; i++) {
		memcpy(content + i * one.len, test_bytes_view(&one).data, one.len);
		content[i * one.len + 5] = (uint8_t)i; /* the last arc */
	}
	struct walked walked = walk_all(bytes_of(content, EXTENSIONS_MAX * one.len), EXTENSIONS_MAX);
	CHECK("the most", walked.err == ERR_OK && walked.count == EXTENSIONS_MAX);
	walked = walk_all(bytes_of(content, sizeof(content)), EXTENSIONS_MAX);
	CHECK("one more than the most", walked.err == ERR_LIMIT && walked.count == EXTENSIONS_MAX);
	content[(EXTENSIONS_MAX - 1) * one.len + 5] = 0;
	walked = walk_all(bytes_of(content, EXTENSIONS_MAX * one.len), EXTENSIONS_MAX);
	CHECK("the last is the first", walked.err == ERR_MALFORMED && walked.count == EXTENSIONS_MAX - 1);
}

/* CRLReason (RFC 5280 5.3.1), which lists and OCSP responses carry. */
static void test_reasons(void)
{
	static const struct {
		const char *name, *hex;
		enum err want;
		int reason;
	} rows[] = {
		{"unspecified", "0a0100", ERR_OK, 0},
		{"aACompromise, the last", "0a010a", ERR_OK, 10},
		{"beyond the last", "0a010b", ERR_MALFORMED, -1},
		{"7 is not used", "0a0107", ERR_MALFORMED, -1},
		{"removeFromCRL, beside it", "0a0108", ERR_OK, 8},
		{"negative", "0a01ff", ERR_MALFORMED, -1},
		{"an INTEGER", "020101", ERR_MALFORMED, -1},
		{"something behind it", "0a01010500", ERR_MALFORMED, -1},
		{"cut", "0a01", ERR_MALFORMED, -1},
		{"nothing", "", ERR_MALFORMED, -1},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		int reason = -1;
		CHECK(rows[i].name,
			crl_reason_parse(wire_reader_init(test_bytes_view(&in)), &reason) == rows[i].want);
		CHECK(rows[i].name, reason == rows[i].reason);
	}
}

int main(void)
{
	test_rows();
	test_cut();
	test_most();
	test_reasons();
	return test_result();
}
