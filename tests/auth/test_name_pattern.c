/*
 * test_name_pattern.c - channel name patterns: what they match, and which of two is the more specific (mq-semantics 3.5).
 * Owns:    nothing.
 * Never:   needs a policy.
 * Threads: one.
 */
#include <string.h>

#include "auth/auth.h"
#include "tests/test.h"

static const struct {
	const char *row, *pattern, *name;
	bool want;
} matches[] = {
	{"exact", "PLANT.A", "PLANT.A", true},
	{"exact, other case", "PLANT.A", "PLANT.a", false},
	{"exact, longer name", "PLANT.A", "PLANT.AB", false},
	{"exact, shorter name", "PLANT.A", "PLANT.", false},
	{"lone star", "*", "ANY.THING", true},
	{"lone star, empty name", "*", "", true},
	{"star at the end", "PLANT.*", "PLANT.A", true},
	{"star at the end stands for nothing too", "PLANT.*", "PLANT.", true},
	{"star at the end needs what stands before", "PLANT.*", "PLANT", false},
	{"star in front", "*.TLS", "A.B.TLS", true},
	{"star in front, other end", "*.TLS", "A.B.TLS2", false},
	{"star in the middle", "A.*.C", "A.B.C", true},
	{"star in the middle spans parts", "A.*.C", "A.X.Y.C", true},
	{"star in the middle is not needed twice", "A.*.C", "A.C", false},
	{"several stars", "*A*B*", "xxAyyBzz", true},
	{"several stars, wrong order", "*A*B*", "xxByyAzz", false},
	{"going back to the last star is enough", "*ab*ac", "abxabac", true},
	{"many stars against a long name that nearly fits", "*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaa", false},
	{"empty pattern, empty name", "", "", true},
	{"empty pattern", "", "A", false},
};

/* The first is more specific than the second. */
static const struct {
	const char *row, *more, *less;
} orders[] = {
	{"3.5 no wildcard is most specific", "A.B.C", "A.B.*"},
	{"3.5 no wildcard beats a star that stands for nothing", "A.B", "A.B*"},
	{"3.5 a lone star is least specific", "A*", "*"},
	{"3.5 *.B.C is more generic than A.*", "A.*", "*.B.C"},
	{"3.5 A.*.C is more generic than A.B.*", "A.B.*", "A.*.C"},
	{"3.5 A.* is more generic than A.*.C", "A.*.C", "A.*"},
	{"a later star is more specific", "A.B.C*", "A.B*"},
	{"text behind a common star", "*.LONG.END", "*.END"},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(matches); i++) {
		CHECK(matches[i].row,
			name_pattern_match(matches[i].pattern, matches[i].name) == matches[i].want);
	}
	for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
		CHECK(orders[i].row, name_pattern_compare(orders[i].more, orders[i].less) > 0);
		CHECK(orders[i].row, name_pattern_compare(orders[i].less, orders[i].more) < 0);
		CHECK(orders[i].row, name_pattern_compare(orders[i].more, orders[i].more) == 0);
	}
	/* A choice among many is only well defined if the order is transitive, for all patterns over a small alphabet. */
	char all[400][5];
	size_t count = 0;
	for (size_t code = 0; code < 340; code++) {
		size_t rest = code;
		size_t len = 0;
		char pattern[5] = "";
		for (; rest > 0; rest = (rest - 1) / 4) {
			pattern[len++] = "*.ab"[(rest - 1) % 4];
		}
		memcpy(all[count++], pattern, sizeof(pattern));
	}
	bool transitive = true;
	bool antisymmetric = true;
	for (size_t a = 0; a < count; a++) {
		for (size_t b = 0; b < count; b++) {
			int ab = name_pattern_compare(all[a], all[b]);
			antisymmetric = antisymmetric && ab == -name_pattern_compare(all[b], all[a]);
			antisymmetric = antisymmetric && (ab == 0) == (strcmp(all[a], all[b]) == 0);
			for (size_t c = 0; ab > 0 && c < count; c++) {
				transitive = transitive && (name_pattern_compare(all[b], all[c]) <= 0 ||
								   name_pattern_compare(all[a], all[c]) > 0);
			}
		}
	}
	CHECK("the order is antisymmetric and total", antisymmetric);
	CHECK("the order is transitive", transitive);
	return test_result();
}
