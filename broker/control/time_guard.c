/*
 * time_guard.c - see time_guard.h.
 * Owns:    nothing.
 * Never:   lets an unbelieved time into the mark.
 * Threads: see time_guard.h.
 */
#include "broker/control/time_guard.h"

#include <string.h>

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t load(const _Atomic int64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void store(_Atomic int64_t *value, int64_t number)
{
	atomic_store_explicit(value, number, memory_order_relaxed);
}

int64_t judging_time_new(const struct judging_clock *clock, int64_t wall_ms)
{
	return larger(wall_ms / 1000, load(&clock->floor_s));
}

/* The three numbers are read one by one: between two believed states each mixture of them is one that is believed, too. */
int64_t judging_time_live(const struct judging_clock *clock, uint64_t mono_ms, int64_t wall_ms)
{
	int64_t line_ms = (int64_t)mono_ms + load(&clock->line_ms);
	int64_t trusted_ms = (int64_t)mono_ms + load(&clock->offset_ms);
	int64_t now_ms = wall_ms > line_ms + TIME_GUARD_STEP_MS ? trusted_ms : wall_ms;

	return larger(now_ms / 1000, load(&clock->floor_s));
}

static void believe(struct time_guard *guard, uint64_t mono_ms, int64_t wall_ms)
{
	struct judging_clock *clock = guard->clock;
	int64_t offset_ms = wall_ms - (int64_t)mono_ms;

	store(&clock->offset_ms, offset_ms);
	store(&clock->line_ms, larger(offset_ms, load(&clock->line_ms)));
	store(&clock->floor_s, larger(wall_ms / 1000, load(&clock->floor_s)));
}

/* The clock is behind: from here on the floor moves as the monotonic clock does. */
static void begin_behind(struct time_guard *guard, uint64_t mono_ms)
{
	guard->behind = true;
	guard->floor_offset_ms = load(&guard->clock->floor_s) * 1000 - (int64_t)mono_ms;
}

static void move_floor(struct time_guard *guard, uint64_t mono_ms)
{
	int64_t floor_s = ((int64_t)mono_ms + guard->floor_offset_ms) / 1000;

	store(&guard->clock->floor_s, larger(floor_s, load(&guard->clock->floor_s)));
}

enum time_event time_guard_start(struct time_guard *guard, struct judging_clock *clock, uint64_t mono_ms,
	int64_t wall_ms, int64_t mark_s)
{
	int64_t offset_ms = wall_ms - (int64_t)mono_ms;
	bool doubted = mark_s > wall_ms / 1000 + TIME_GUARD_AHEAD_S;

	*guard = (struct time_guard){.clock = clock, .mark_s = mark_s};
	store(&clock->offset_ms, offset_ms);
	store(&clock->line_ms, offset_ms);
	store(&clock->floor_s, doubted ? wall_ms / 1000 : larger(wall_ms / 1000, mark_s));
	if (!doubted && mark_s > wall_ms / 1000 + TIME_GUARD_BEHIND_S) {
		begin_behind(guard, mono_ms);
	}
	return doubted ? TIME_MARK_DOUBTED : (guard->behind ? TIME_BEHIND : TIME_AS_BEFORE);
}

/* A clock that woke up in the past (no battery) and is then set right: the mark has seen about that time. */
static bool mark_bears_out(const struct time_guard *guard, uint64_t mono_ms, int64_t wall_ms)
{
	int64_t trusted_s = ((int64_t)mono_ms + load(&guard->clock->offset_ms)) / 1000;
	int64_t now_s = wall_ms / 1000;

	return trusted_s < guard->mark_s && now_s >= guard->mark_s &&
	       now_s <= guard->mark_s + TIME_GUARD_AHEAD_S;
}

enum time_event time_guard_tick(struct time_guard *guard, uint64_t mono_ms, int64_t wall_ms)
{
	struct judging_clock *clock = guard->clock;
	bool was_suspended = guard->suspended;
	bool was_behind = guard->behind;

	if (wall_ms > (int64_t)mono_ms + load(&clock->line_ms) + TIME_GUARD_STEP_MS &&
		!mark_bears_out(guard, mono_ms, wall_ms)) {
		int64_t trusted_s = ((int64_t)mono_ms + load(&clock->offset_ms)) / 1000;

		guard->suspended = true;
		store(&clock->floor_s, larger(trusted_s, load(&clock->floor_s)));
		return was_suspended ? TIME_AS_BEFORE : TIME_STEPPED_FORWARD;
	}
	guard->suspended = false;
	believe(guard, mono_ms, wall_ms);
	if (wall_ms / 1000 + TIME_GUARD_BEHIND_S < load(&clock->floor_s)) {
		if (!was_behind) {
			begin_behind(guard, mono_ms);
			return TIME_BEHIND;
		}
		move_floor(guard, mono_ms);
		return TIME_AS_BEFORE;
	}
	guard->behind = false;
	return was_suspended || was_behind ? TIME_BELIEVED : TIME_AS_BEFORE;
}

void time_guard_accept(struct time_guard *guard, uint64_t mono_ms, int64_t wall_ms, bool backward)
{
	struct judging_clock *clock = guard->clock;
	int64_t offset_ms = wall_ms - (int64_t)mono_ms;

	guard->suspended = false;
	if (backward) {
		store(&clock->offset_ms, offset_ms);
		store(&clock->line_ms, offset_ms);
		store(&clock->floor_s, wall_ms / 1000);
		guard->behind = false;
		guard->mark_s = 0; /* to be written anew, whatever it was */
	} else {
		believe(guard, mono_ms, wall_ms);
	}
}

bool time_guard_mark_due(const struct time_guard *guard, int64_t *mark_s)
{
	*mark_s = load(&guard->clock->floor_s);
	return *mark_s >= guard->mark_s + TIME_GUARD_MARK_S;
}

void time_guard_marked(struct time_guard *guard, int64_t mark_s)
{
	guard->mark_s = mark_s;
}

/* --- the mark's file --- */

#define MARK_HEAD "lockgate-time 1 "

enum err time_mark_print(int64_t mark_s, struct buf *out)
{
	return buf_printf(out, MARK_HEAD "%lld\n", (long long)mark_s);
}

enum err time_mark_parse(struct bytes text, int64_t *mark_s)
{
	const size_t head = sizeof(MARK_HEAD) - 1;
	int64_t value = 0;

	/* Twelve digits are 30,000 years. */
	if (text.len < head + 2 || text.len > head + 13 || memcmp(text.data, MARK_HEAD, head) != 0 ||
		text.data[text.len - 1] != '\n') {
		return ERR_MALFORMED;
	}
	for (size_t i = head; i < text.len - 1; i++) {
		if (text.data[i] < '0' || text.data[i] > '9') {
			return ERR_MALFORMED;
		}
		value = value * 10 + (text.data[i] - '0');
	}
	*mark_s = value;
	return ERR_OK;
}
