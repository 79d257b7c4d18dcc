/*
 * held_reload.h - a SIGHUP that would close too many sessions: how long a FORCE means it.
 * Owns:    nothing; plain numbers.
 * Never:   asks a clock: both times are handed in.
 * Threads: the control loop.
 *
 * REFRESH SECURITY TYPE(SSL) FORCE takes what a SIGHUP brought and was refused, since that refusal asked for it. It must not
 * take it when the operator means something else by then: once anything else that FORCE could be meant for was commanded or
 * came up, or HELD_RELOAD_MS later, the refused one is past. Then only another SIGHUP brings it back.
 */
#ifndef LOCKGATE_BROKER_CONTROL_HELD_RELOAD_H
#define LOCKGATE_BROKER_CONTROL_HELD_RELOAD_H

#include <stdint.h>

#define HELD_RELOAD_MS (10u * 60u * 1000u)

enum held_state {
	HELD_NONE,  /* -> WAITS: a SIGHUP is refused */
	HELD_WAITS, /* -> NONE: another SIGHUP, or FORCE; -> PAST: something else, or HELD_RELOAD_MS */
	HELD_PAST   /* -> NONE: another SIGHUP */
};
struct held_reload {
	enum held_state state;
	uint64_t since_ms; /* monotonic */
	int64_t wall_ms;   /* for the operator */
};

void held_reload_begin(struct held_reload *held, uint64_t mono_ms, int64_t wall_ms);
/* A SIGHUP is read, or FORCE takes the one that was refused. */
void held_reload_clear(struct held_reload *held);
/* Something else was commanded, or asks for FORCE. */
void held_reload_pass(struct held_reload *held);
enum held_state held_reload_look(struct held_reload *held, uint64_t mono_ms);

#endif
