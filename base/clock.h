/*
 * clock.h - the only clock. Deadlines are monotonic milliseconds; certificates and logs use wall time.
 */
#ifndef LOCKGATE_BASE_CLOCK_H
#define LOCKGATE_BASE_CLOCK_H

#include <stdint.h>

struct clock {
	uint64_t (*mono_ms)(void *ctx);
	int64_t (*wall_ms)(void *ctx); /* milliseconds since 1970-01-01T00:00:00Z */
	void *ctx;
};

struct clock clock_system(void);
uint64_t clock_mono_ms(const struct clock *clock);
int64_t clock_wall_ms(const struct clock *clock);

/* Of the system, for measuring how long our own work took; never for deadlines. */
uint64_t clock_mono_ns(void);
/* What the calling thread has used of a processor, for measuring too. */
uint64_t clock_thread_ns(void);

/* A clock that stands still until a test moves it. Borrowed by the clocks made from it. */
struct clock_fake {
	uint64_t mono_ms;
	int64_t wall_ms;
};
struct clock clock_from_fake(struct clock_fake *fake);
void clock_fake_advance(struct clock_fake *fake, uint64_t ms);

/* RFC 3339 UTC with milliseconds, "2026-11-21T19:52:42.123Z": 25 bytes with the NUL. */
#define CLOCK_TEXT_BYTES 25
void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_BYTES]);

#endif
