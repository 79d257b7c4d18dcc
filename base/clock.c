/*
 * clock.c - the only clock.
 * Threads: any; a fake clock belongs to its test.
 */
#include "base/clock.h"

#include <stddef.h>
#include <stdio.h>
#include <time.h>

/* 9999-12-31T23:59:59.999Z: the last time that the format can show. */
#define CLOCK_WALL_MS_MAX INT64_C(253402300799999)

static int64_t clock_read_ms(clockid_t id)
{
	struct timespec now = {0};
	(void)clock_gettime(id, &now); /* fails only for an id that does not exist */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t clock_system_mono_ms(void *ctx)
{
	(void)ctx;
	return (uint64_t)clock_read_ms(CLOCK_MONOTONIC);
}

static int64_t clock_system_wall_ms(void *ctx)
{
	(void)ctx;
	return clock_read_ms(CLOCK_REALTIME);
}

struct clock clock_system(void)
{
	return (struct clock){clock_system_mono_ms, clock_system_wall_ms, NULL};
}

uint64_t clock_mono_ns(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t clock_thread_ns(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t clock_mono_ms(const struct clock *clock)
{
	return clock->mono_ms(clock->ctx);
}

int64_t clock_wall_ms(const struct clock *clock)
{
	return clock->wall_ms(clock->ctx);
}

static uint64_t clock_fake_mono_ms(void *ctx)
{
	const struct clock_fake *fake = ctx;
	return fake->mono_ms;
}

static int64_t clock_fake_wall_ms(void *ctx)
{
	const struct clock_fake *fake = ctx;
	return fake->wall_ms;
}

struct clock clock_from_fake(struct clock_fake *fake)
{
	return (struct clock){clock_fake_mono_ms, clock_fake_wall_ms, fake};
}

void clock_fake_advance(struct clock_fake *fake, uint64_t ms)
{
	fake->mono_ms += ms;
	fake->wall_ms += (int64_t)ms;
}

void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_BYTES])
{
	if (wall_ms < 0) {
		wall_ms = 0;
	}
	if (wall_ms > CLOCK_WALL_MS_MAX) {
		wall_ms = CLOCK_WALL_MS_MAX;
	}
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm utc = {0};
	(void)gmtime_r(&seconds, &utc); /* cannot fail within the range above */
	char text[80];
	(void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
		utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(wall_ms % 1000));
	for (size_t i = 0; i < CLOCK_TEXT_BYTES; i++) {
		out[i] = text[i];
	}
	out[CLOCK_TEXT_BYTES - 1] = '\0';
}
