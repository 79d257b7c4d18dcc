/*
 * time_guard.h - by which time is judged: the wall clock, unless it steps.
 * Owns:    nothing; plain numbers.
 * Never:   asks a clock or touches a file by itself: both times are handed in, so that tests need no clock.
 * Threads: struct judging_clock is read by any thread; the guard is the control loop's.
 *
 * Forward: a wall clock that moves by more than an hour against the monotonic one is not believed where live sessions are
 * concerned: they are judged by the time line from before, until the step is taken back, or an operator says that it is
 * right (REFRESH SECURITY). New logins are judged by the wall clock: that refuses, it does not admit.
 * Backward: no judgement is made at an earlier time than the newest that was seen, this run or an earlier one (the mark in
 * the data directory). While the clock is behind that, time goes on from there by the monotonic clock: certificates expire and
 * lists grow stale as they should. A mark that is further ahead of the clock than TIME_GUARD_AHEAD_S is not believed, so that
 * one wrong clock does not shut the door for ever.
 */
#ifndef LOCKGATE_BROKER_CONTROL_TIME_GUARD_H
#define LOCKGATE_BROKER_CONTROL_TIME_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define TIME_GUARD_STEP_MS  (3600 * INT64_C(1000))         /* more than this is a step forward */
#define TIME_GUARD_AHEAD_S  (366 * 24 * 3600 * INT64_C(1)) /* a mark further ahead is not believed */
#define TIME_GUARD_BEHIND_S 60                             /* a clock that is so far behind is spoken of */
#define TIME_GUARD_MARK_S   300                            /* the mark on disk is so old at most */

struct judging_clock {
	_Atomic int64_t offset_ms; /* trusted wall time less monotonic time */
	_Atomic int64_t line_ms;   /* the largest such offset that was believed */
	_Atomic int64_t floor_s;   /* no judgement is made earlier */
};
/* Seconds since 1970. mono_ms and wall_ms are of now. */
int64_t judging_time_new(const struct judging_clock *clock, int64_t wall_ms);
int64_t judging_time_live(const struct judging_clock *clock, uint64_t mono_ms, int64_t wall_ms);

enum time_event {
	TIME_AS_BEFORE,
	TIME_STEPPED_FORWARD, /* cuts by time are suspended from now on */
	TIME_BELIEVED,        /* no longer: the step was taken back, or the mark bears it out */
	TIME_BEHIND,          /* the clock is behind the newest time seen */
	TIME_MARK_DOUBTED     /* at the start only: the mark is too far ahead to be believed */
};

struct time_guard {
	struct judging_clock *clock;
	bool suspended, behind;
	int64_t mark_s;          /* on disk; 0: none */
	int64_t floor_offset_ms; /* while behind: the floor less monotonic time */
};

/* mark_s: 0 if there is none. */
enum time_event time_guard_start(struct time_guard *guard, struct judging_clock *clock, uint64_t mono_ms,
	int64_t wall_ms, int64_t mark_s);
/* Each second or so. */
enum time_event time_guard_tick(struct time_guard *guard, uint64_t mono_ms, int64_t wall_ms);
/* An operator says that the clock is right. backward: also where it is behind what was seen; then the mark goes with it. */
void time_guard_accept(struct time_guard *guard, uint64_t mono_ms, int64_t wall_ms, bool backward);
/* True: mark_s should be written, and then is what time_guard_marked() is told. */
bool time_guard_mark_due(const struct time_guard *guard, int64_t *mark_s);
void time_guard_marked(struct time_guard *guard, int64_t mark_s);

/* The mark's file. Parsing is strict: ERR_MALFORMED. */
MUST_CHECK enum err time_mark_print(int64_t mark_s, struct buf *out);
MUST_CHECK enum err time_mark_parse(struct bytes text, int64_t *mark_s);

#endif
