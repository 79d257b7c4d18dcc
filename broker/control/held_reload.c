/*
 * held_reload.c - a SIGHUP that would close too many sessions.
 * Owns:    see held_reload.h.
 * Never:   see held_reload.h.
 * Threads: see held_reload.h.
 */
#include "broker/control/held_reload.h"

void held_reload_begin(struct held_reload *held, uint64_t mono_ms, int64_t wall_ms)
{
	*held = (struct held_reload){HELD_WAITS, mono_ms, wall_ms};
}

void held_reload_clear(struct held_reload *held)
{
	held->state = HELD_NONE;
}

void held_reload_pass(struct held_reload *held)
{
	if (held->state == HELD_WAITS) {
		held->state = HELD_PAST;
	}
}

enum held_state held_reload_look(struct held_reload *held, uint64_t mono_ms)
{
	if (held->state == HELD_WAITS && mono_ms - held->since_ms >= HELD_RELOAD_MS) {
		held->state = HELD_PAST;
	}
	return held->state;
}
