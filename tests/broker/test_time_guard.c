/*
 * Goal: by which time is judged (DESIGN 1), with a fake clock: forward steps, backward steps, both, back again; what an
 * operator accepts; what a restart finds on disk; and that no doubted time reaches the disk.
 */
#include <string.h>

#include "base/clock.h"
#include "broker/control/time_guard.h"
#include "tests/test.h"

#define NOON    INT64_C(1795000000) /* seconds */
#define HOUR    INT64_C(3600)
#define DAY     (24 * HOUR)
#define YEAR    (365 * DAY)
#define NO_MARK 0

struct stage {
	struct clock_fake time;
	struct judging_clock clock;
	struct time_guard guard;
};

static int64_t new_now(const struct stage *stage)
{
	return judging_time_new(&stage->clock, stage->time.wall_ms);
}

static int64_t live_now(const struct stage *stage)
{
	return judging_time_live(&stage->clock, stage->time.mono_ms, stage->time.wall_ms);
}

static enum time_event start(struct stage *stage, int64_t wall_s, int64_t mark_s)
{
	memset(stage, 0, sizeof(*stage));
	stage->time = (struct clock_fake){.mono_ms = 5000, .wall_ms = wall_s * 1000};
	return time_guard_start(
		&stage->guard, &stage->clock, stage->time.mono_ms, stage->time.wall_ms, mark_s);
}

/* Time goes by, a look each second. The last event that was none of "as before". */
static enum time_event pass(struct stage *stage, int64_t seconds)
{
	enum time_event seen = TIME_AS_BEFORE;

	for (int64_t i = 0; i < seconds; i++) {
		clock_fake_advance(&stage->time, 1000);
		enum time_event event =
			time_guard_tick(&stage->guard, stage->time.mono_ms, stage->time.wall_ms);

		seen = event == TIME_AS_BEFORE ? seen : event;
	}
	return seen;
}

static void step(struct stage *stage, int64_t seconds)
{
	stage->time.wall_ms += seconds * 1000;
}

static void steps_forward(void)
{
	static const struct {
		const char *name;
		int64_t step;
		bool doubted;
	} rows[] = {
		{"a second", 1, false},
		{"an hour", HOUR, false},
		{"an hour and a second", HOUR + 1, true},
		{"a day", DAY, true},
		{"thirty years", 30 * YEAR, true},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct stage stage;

		CHECK(rows[i].name, start(&stage, NOON, NO_MARK) == TIME_AS_BEFORE);
		CHECK(rows[i].name, pass(&stage, 100) == TIME_AS_BEFORE);
		step(&stage, rows[i].step);
		/* Before the guard has looked at all: a session that is judged just now. */
		CHECK(rows[i].name, live_now(&stage) == NOON + 100 + (rows[i].doubted ? 0 : rows[i].step));
		CHECK("newcomers are judged by the clock", new_now(&stage) == NOON + 100 + rows[i].step);
		CHECK(rows[i].name,
			pass(&stage, 10) == (rows[i].doubted ? TIME_STEPPED_FORWARD : TIME_AS_BEFORE));
		CHECK(rows[i].name, stage.guard.suspended == rows[i].doubted);
		CHECK(rows[i].name, live_now(&stage) == NOON + 110 + (rows[i].doubted ? 0 : rows[i].step));
		CHECK("said once", pass(&stage, 10) == TIME_AS_BEFORE);
	}
}

static void ends_of_doubt(void)
{
	struct stage stage;

	(void)start(&stage, NOON, NO_MARK);
	(void)pass(&stage, 100);
	step(&stage, DAY);
	(void)pass(&stage, 50);
	CHECK("doubted", stage.guard.suspended && live_now(&stage) == NOON + 150);
	step(&stage, -DAY);
	CHECK("the step is taken back", live_now(&stage) == NOON + 150);
	CHECK("the step is taken back: said so", pass(&stage, 1) == TIME_BELIEVED && !stage.guard.suspended);
	CHECK("nothing of it stays", new_now(&stage) == NOON + 151 && live_now(&stage) == NOON + 151);

	step(&stage, DAY);
	(void)pass(&stage, 1);
	time_guard_accept(&stage.guard, stage.time.mono_ms, stage.time.wall_ms, false);
	CHECK("an operator accepts it", !stage.guard.suspended && live_now(&stage) == NOON + 152 + DAY);
	CHECK("an operator accepts it: it lasts",
		pass(&stage, 5) == TIME_AS_BEFORE && live_now(&stage) == NOON + 157 + DAY);

	step(&stage, DAY);
	CHECK("another step is another doubt", pass(&stage, 1) == TIME_STEPPED_FORWARD);
	step(&stage, -DAY - HOUR);
	CHECK("taken back too far: behind", pass(&stage, 1) == TIME_BEHIND);
	CHECK("taken back too far: time stands", live_now(&stage) == NOON + 158 + DAY);
}

static void steps_backward(void)
{
	struct stage stage;

	(void)start(&stage, NOON, NO_MARK);
	(void)pass(&stage, 100);
	step(&stage, -2 * HOUR);
	CHECK("no judgement is earlier than the newest time seen", new_now(&stage) == NOON + 100);
	CHECK("nor one of a live session", live_now(&stage) == NOON + 100);
	CHECK("said so", pass(&stage, 10) == TIME_BEHIND);
	CHECK("time goes on from there", new_now(&stage) == NOON + 109 && live_now(&stage) == NOON + 109);
	CHECK("said once", pass(&stage, 3 * HOUR) == TIME_AS_BEFORE);
	CHECK("what ends in these hours ends", new_now(&stage) == NOON + 109 + 3 * HOUR);
	step(&stage, 2 * HOUR);
	CHECK("until the clock is right", pass(&stage, 1) == TIME_BELIEVED);
	CHECK("and judges itself again", new_now(&stage) == NOON + 111 + 3 * HOUR);

	(void)start(&stage, NOON, NO_MARK);
	step(&stage, -30);
	CHECK("half a minute is not worth a word", pass(&stage, 1) == TIME_AS_BEFORE);
	CHECK("but holds, too", new_now(&stage) == NOON);

	(void)start(&stage, NOON, NO_MARK);
	(void)pass(&stage, 100);
	step(&stage, -3 * HOUR);
	(void)pass(&stage, 2 * HOUR);
	step(&stage, 3 * HOUR);
	CHECK("set right again after hours: that is no step forward", pass(&stage, 1) == TIME_BELIEVED);
	CHECK("and time is what it is", live_now(&stage) == NOON + 101 + 2 * HOUR);

	step(&stage, -3 * HOUR);
	(void)pass(&stage, 5);
	time_guard_accept(&stage.guard, stage.time.mono_ms, stage.time.wall_ms, false);
	CHECK("REFRESH alone does not turn time back", live_now(&stage) > NOON + 2 * HOUR);
	time_guard_accept(&stage.guard, stage.time.mono_ms, stage.time.wall_ms, true);
	CHECK("with FORCE it does",
		live_now(&stage) == NOON + 106 - HOUR && new_now(&stage) == live_now(&stage));
	step(&stage, 2 * HOUR);
	CHECK("and the line before it is forgotten", pass(&stage, 1) == TIME_STEPPED_FORWARD);
}

static void restarts(void)
{
	static const struct {
		const char *name;
		int64_t clock, mark;
		enum time_event event;
		int64_t judged;
	} rows[] = {
		{"no mark yet", NOON, NO_MARK, TIME_AS_BEFORE, NOON},
		{"the mark is older, as it should be", NOON, NOON - DAY, TIME_AS_BEFORE, NOON},
		{"the clock is a little behind", NOON, NOON + 60, TIME_AS_BEFORE, NOON + 60},
		{"the clock is behind", NOON, NOON + DAY, TIME_BEHIND, NOON + DAY},
		{"as far behind as is believed", NOON, NOON + 366 * DAY, TIME_BEHIND, NOON + 366 * DAY},
		{"a second more: the mark is doubted", NOON, NOON + 366 * DAY + 1, TIME_MARK_DOUBTED, NOON},
		{"a mark of the year 9999", NOON, INT64_C(253402300799), TIME_MARK_DOUBTED, NOON},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct stage stage;

		CHECK(rows[i].name, start(&stage, rows[i].clock, rows[i].mark) == rows[i].event);
		CHECK(rows[i].name, new_now(&stage) == rows[i].judged && live_now(&stage) == rows[i].judged);
		(void)pass(&stage, 500);
		bool stands =
			rows[i].event == TIME_AS_BEFORE && rows[i].judged > rows[i].clock; /* a minute */
		CHECK("and time goes on", new_now(&stage) == (stands ? rows[i].clock : rows[i].judged) + 500);
	}
}

/* No battery: the clock wakes up in 1970, and is set by the network a minute later. */
static void wakes_in_1970(void)
{
	struct stage stage;

	CHECK("so far ahead no mark is believed", start(&stage, 20, NOON) == TIME_MARK_DOUBTED);
	(void)pass(&stage, 60);
	step(&stage, NOON + HOUR);
	CHECK("the mark bears the step out", pass(&stage, 1) == TIME_AS_BEFORE && !stage.guard.suspended);
	CHECK("and it is the time", live_now(&stage) == NOON + HOUR + 81);
	step(&stage, 2 * HOUR);
	CHECK("the next one needs an operator", pass(&stage, 1) == TIME_STEPPED_FORWARD);

	(void)start(&stage, 20, NOON);
	step(&stage, NOON + 400 * DAY);
	CHECK("too far behind the mark: no", pass(&stage, 1) == TIME_STEPPED_FORWARD);
	(void)start(&stage, 20, NOON);
	step(&stage, NOON - 2 * DAY);
	CHECK("not yet at the mark: no", pass(&stage, 1) == TIME_STEPPED_FORWARD);
}

static void marks(void)
{
	struct stage stage;
	int64_t mark = 0;

	(void)start(&stage, NOON, NO_MARK);
	CHECK("the first mark is due at once", time_guard_mark_due(&stage.guard, &mark) && mark == NOON);
	time_guard_marked(&stage.guard, mark);
	(void)pass(&stage, TIME_GUARD_MARK_S - 1);
	CHECK("the next one is not", !time_guard_mark_due(&stage.guard, &mark));
	(void)pass(&stage, 1);
	CHECK("but later", time_guard_mark_due(&stage.guard, &mark) && mark == NOON + TIME_GUARD_MARK_S);
	time_guard_marked(&stage.guard, mark);
	step(&stage, 30 * YEAR);
	(void)pass(&stage, 10);
	CHECK("a doubted time is not written", !time_guard_mark_due(&stage.guard, &mark));
	(void)pass(&stage, TIME_GUARD_MARK_S);
	CHECK("the trusted one is",
		time_guard_mark_due(&stage.guard, &mark) && mark == NOON + 2 * TIME_GUARD_MARK_S + 10);

	(void)start(&stage, NOON, NOON + DAY);
	CHECK("an older time is not written", !time_guard_mark_due(&stage.guard, &mark));
	time_guard_accept(&stage.guard, stage.time.mono_ms, stage.time.wall_ms, true);
	CHECK("but where an operator turns time back",
		time_guard_mark_due(&stage.guard, &mark) && mark == NOON);
}

static void mark_text(void)
{
	static const struct {
		const char *name, *text;
		enum err want;
		int64_t value;
	} rows[] = {
		{"a mark", "lockgate-time 1 1795000000\n", ERR_OK, NOON},
		{"one digit", "lockgate-time 1 7\n", ERR_OK, 7},
		{"twelve digits", "lockgate-time 1 999999999999\n", ERR_OK, INT64_C(999999999999)},
		{"thirteen", "lockgate-time 1 9999999999999\n", ERR_MALFORMED, 0},
		{"none", "lockgate-time 1 \n", ERR_MALFORMED, 0},
		{"a sign", "lockgate-time 1 -7\n", ERR_MALFORMED, 0},
		{"a blank", "lockgate-time 1 7 \n", ERR_MALFORMED, 0},
		{"no line end", "lockgate-time 1 1795000000", ERR_MALFORMED, 0},
		{"another version", "lockgate-time 2 1795000000\n", ERR_MALFORMED, 0},
		{"nothing", "", ERR_MALFORMED, 0},
	};
	struct buf out = BUF_INIT(64);
	int64_t value = 0;

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		value = 0;
		CHECK(rows[i].name, time_mark_parse(bytes_text(rows[i].text), &value) == rows[i].want);
		CHECK(rows[i].name, value == rows[i].value);
	}
	for (size_t cut = 0; cut < strlen(rows[0].text); cut++) {
		CHECK("cut at every byte", time_mark_parse(bytes_of((const uint8_t *)rows[0].text, cut),
						   &value) == ERR_MALFORMED);
	}
	CHECK("printed", time_mark_print(NOON, &out) == ERR_OK);
	CHECK("and read back", time_mark_parse(buf_bytes(&out), &value) == ERR_OK && value == NOON);
	buf_release(&out);
}

/* Whatever the clock does: no judgement goes back, and the doubted time line never runs ahead of the trusted one. */
static void any_walk(void)
{
	uint32_t seed = 12345;

	for (unsigned walk = 0; walk < 200; walk++) {
		struct stage stage;
		int64_t last_new = 0;
		int64_t last_live = 0;
		int64_t mark = 0;

		(void)start(&stage, NOON, walk % 3 == 0 ? NOON + DAY : NO_MARK);
		for (unsigned i = 0; i < 200; i++) {
			seed = seed * 1664525u + 1013904223u;
			static const int64_t jumps[] = {
				1, -1, 30, -30, 3500, -3500, 3700, -3700, 100000, -100000};

			if (seed % 5 == 0) {
				step(&stage, jumps[(seed >> 8) % ARRAY_COUNT(jumps)]);
			}
			int64_t now = live_now(&stage);

			CHECK("a live session's time never goes back by more than a doubt",
				now >= last_live || stage.guard.suspended || last_live - now <= HOUR);
			(void)pass(&stage, (seed >> 16) % 50);
			CHECK("no mark is ahead of what judges newcomers",
				!time_guard_mark_due(&stage.guard, &mark) || mark <= new_now(&stage));
			CHECK("the floor never falls", stage.clock.floor_s >= last_new);
			last_new = stage.clock.floor_s;
			last_live = live_now(&stage);
		}
	}
}

int main(void)
{
	steps_forward();
	ends_of_doubt();
	steps_backward();
	restarts();
	wakes_in_1970();
	marks();
	mark_text();
	any_walk();
	return test_result();
}
