/*
 * wheel.h - a hashed timer wheel: O(1) add and cancel, intrusive, no allocation.
 * Owns:    nothing; timers are embedded in their owners.
 * Threads: one loop.
 */
#ifndef LOCKGATE_BASE_WHEEL_H
#define LOCKGATE_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct wheel;
struct wheel_timer;
typedef void (*wheel_fn)(struct wheel_timer *timer);

/* Zero-initialise. fn is called once when the deadline has passed; it may re-add the timer or free its owner. */
struct wheel_timer {
	struct wheel_timer *prev;
	struct wheel_timer *next;
	uint64_t deadline_ms;
	wheel_fn fn;
};

#define WHEEL_NEVER UINT64_MAX

MUST_CHECK enum err wheel_new(uint64_t now_ms, struct wheel **out);
void wheel_free(struct wheel *wheel); /* pending timers are forgotten, not called */
/* Re-adding moves. Resolution is 16 ms upwards: never early. */
void wheel_add(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_ms);
void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer); /* idempotent */
bool wheel_timer_pending(const struct wheel_timer *timer);
/* Calls every timer that is due. Returns how many ran. */
unsigned wheel_advance(struct wheel *wheel, uint64_t now_ms);
/* A time by which wheel_advance() should be called again; WHEEL_NEVER with no timers. May be early, never late. */
uint64_t wheel_next_ms(const struct wheel *wheel);

#endif
