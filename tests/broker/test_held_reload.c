/*
 * test_held_reload.c - Goal: FORCE means a refused SIGHUP for a while only, and not once anything else was commanded.
 */
#include "broker/control/held_reload.h"
#include "tests/test.h"

/* r: refused, s: another SIGHUP, e: something else, digits: minutes go by. */
static const struct {
	const char *name, *story;
	enum held_state want;
} rows[] = {
	{"nothing was refused", "", HELD_NONE},
	{"nothing was refused, something else", "e", HELD_NONE},
	{"nothing was refused, for long", "9999", HELD_NONE},
	{"refused", "r", HELD_WAITS},
	{"refused, nine minutes ago", "r9", HELD_WAITS},
	{"refused, ten minutes ago", "r91", HELD_PAST},
	{"refused, much later", "r9999", HELD_PAST},
	{"something else since", "re", HELD_PAST},
	{"something else before", "er", HELD_WAITS},
	{"something else, and time", "re99", HELD_PAST},
	{"refused again", "rer", HELD_WAITS},
	{"refused again: time counts from there", "r9r5", HELD_WAITS},
	{"refused again, and time", "r9r91", HELD_PAST},
	{"another SIGHUP", "rs", HELD_NONE},
	{"another SIGHUP, something else", "rse", HELD_NONE},
	{"another SIGHUP behind something else", "res", HELD_NONE},
	{"another SIGHUP, much later", "r99s99", HELD_NONE},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct held_reload held = {HELD_NONE, 0, 0};
		uint64_t now = 12345;

		for (const char *at = rows[i].story; *at != '\0'; at++) {
			switch (*at) {
			case 'r': held_reload_begin(&held, now, 777); break;
			case 's': held_reload_clear(&held); break;
			case 'e': held_reload_pass(&held); break;
			default: now += (uint64_t)(*at - '0') * 60000; break;
			}
		}
		CHECK(rows[i].name, held_reload_look(&held, now) == rows[i].want);
		CHECK("looking again changes nothing", held_reload_look(&held, now) == rows[i].want);
		CHECK("when it was, for the operator", rows[i].want == HELD_NONE || held.wall_ms == 777);
	}
	return test_result();
}
