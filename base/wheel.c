/*
 * wheel.c - a hierarchical timer wheel over 16 ms ticks.
 * Owns:    the slot heads; timers are embedded in their owners.
 * Never:   allocates after wheel_new(), calls a timer early or twice.
 * Threads: one loop.
 *
 * A tick is a number in base 64; level L holds the timers whose highest digit that differs from the wheel's own
 * tick is digit L, in the slot named by that digit. So every slot in use at level L lies ahead of the wheel's digit,
 * the first slot of the lowest level in use is always next, and reaching a slot of level L > 0 spreads it
 * over the levels below. Eleven digits hold every tick, so no deadline needs to be clamped.
 */
#include "base/wheel.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#define WHEEL_TICK_MS     16
#define WHEEL_DIGIT_BITS  6
#define WHEEL_SLOTS       64
#define WHEEL_LEVELS      11
#define WHEEL_SLOTS_TOTAL ((size_t)WHEEL_LEVELS * WHEEL_SLOTS)

struct wheel {
	uint64_t tick; /* reached; slots up to here are empty */
	uint64_t
		floor; /* nothing is added at or before this: what a callback re-adds waits for the next advance */
	uint64_t used[WHEEL_LEVELS]; /* bit per slot that is not empty */
	struct wheel_timer heads[WHEEL_SLOTS_TOTAL];
};

enum err wheel_new(uint64_t now_ms, struct wheel **out)
{
	struct wheel *wheel = calloc(1, sizeof(*wheel));
	if (wheel == NULL) {
		return ERR_NOMEM;
	}
	wheel->tick = now_ms / WHEEL_TICK_MS;
	wheel->floor = wheel->tick;
	for (size_t i = 0; i < WHEEL_SLOTS_TOTAL; i++) {
		wheel->heads[i].prev = &wheel->heads[i];
		wheel->heads[i].next = &wheel->heads[i];
	}
	*out = wheel;
	return ERR_OK;
}

void wheel_free(struct wheel *wheel)
{
	free(wheel);
}

static void wheel_insert(struct wheel *wheel, struct wheel_timer *timer, uint64_t tick)
{
	assert(tick >= wheel->tick);
	uint64_t difference = tick ^ wheel->tick;
	unsigned level =
		difference == 0 ? 0 : (63u - (unsigned)__builtin_clzll(difference)) / WHEEL_DIGIT_BITS;
	unsigned slot = (unsigned)(tick >> (level * WHEEL_DIGIT_BITS)) % WHEEL_SLOTS;
	struct wheel_timer *head = &wheel->heads[(size_t)level * WHEEL_SLOTS + slot];
	timer->prev = head->prev;
	timer->next = head;
	head->prev->next = timer;
	head->prev = timer;
	wheel->used[level] |= UINT64_C(1) << slot;
}

static uint64_t wheel_tick_of(uint64_t deadline_ms)
{
	return deadline_ms / WHEEL_TICK_MS + (deadline_ms % WHEEL_TICK_MS != 0);
}

void wheel_add(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_ms)
{
	assert(timer->fn != NULL);
	wheel_cancel(wheel, timer);
	uint64_t tick = wheel_tick_of(deadline_ms);
	if (tick <= wheel->floor) {
		/* Kept in the timer, so that spreading a slot cannot make it due earlier. */
		tick = wheel->floor + 1;
		deadline_ms = tick * WHEEL_TICK_MS;
	}
	timer->deadline_ms = deadline_ms;
	wheel_insert(wheel, timer, tick);
}

void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer)
{
	struct wheel_timer *prev = timer->prev;
	struct wheel_timer *next = timer->next;
	if (next == NULL) {
		return;
	}
	prev->next = next;
	next->prev = prev;
	timer->prev = NULL;
	timer->next = NULL;
	/* The same neighbour on both sides can only be the slot's head: the slot is empty now. */
	if (prev == next) {
		size_t index = (size_t)(prev - wheel->heads);
		assert(index < WHEEL_SLOTS_TOTAL);
		wheel->used[index / WHEEL_SLOTS] &= ~(UINT64_C(1) << index % WHEEL_SLOTS);
	}
}

bool wheel_timer_pending(const struct wheel_timer *timer)
{
	return timer->next != NULL;
}

/* The next slot in use: its level, its index in heads and the tick at which it begins. False: the wheel is empty. */
static bool wheel_next_slot(const struct wheel *wheel, unsigned *level, size_t *index, uint64_t *tick)
{
	for (unsigned i = 0; i < WHEEL_LEVELS; i++) {
		if (wheel->used[i] == 0) {
			continue;
		}
		unsigned slot = (unsigned)__builtin_ctzll(wheel->used[i]);
		unsigned shift = i * WHEEL_DIGIT_BITS;
		unsigned above = shift + WHEEL_DIGIT_BITS;
		uint64_t prefix = above >= 64 ? 0 : wheel->tick >> above << above;
		*level = i;
		*index = (size_t)i * WHEEL_SLOTS + slot;
		*tick = prefix | (uint64_t)slot << shift;
		return true;
	}
	return false;
}

unsigned wheel_advance(struct wheel *wheel, uint64_t now_ms)
{
	uint64_t target = now_ms / WHEEL_TICK_MS;
	unsigned ran = 0;
	unsigned level = 0;
	size_t index = 0;
	uint64_t tick = 0;

	if (target <= wheel->tick) {
		return 0;
	}
	wheel->floor = target;
	while (wheel_next_slot(wheel, &level, &index, &tick) && tick <= target) {
		struct wheel_timer *head = &wheel->heads[index];
		wheel->tick = tick;
		/* A callback may cancel or free any other timer, so take them one by one from the head. */
		while (head->next != head) {
			struct wheel_timer *timer = head->next;
			wheel_cancel(wheel, timer);
			if (level == 0) {
				ran++;
				timer->fn(timer);
			} else {
				uint64_t due = wheel_tick_of(timer->deadline_ms);
				wheel_insert(wheel, timer, due > tick ? due : tick);
			}
		}
	}
	wheel->tick = target;
	return ran;
}

uint64_t wheel_next_ms(const struct wheel *wheel)
{
	unsigned level = 0;
	size_t index = 0;
	uint64_t tick = 0;
	if (!wheel_next_slot(wheel, &level, &index, &tick)) {
		return WHEEL_NEVER;
	}
	return tick > UINT64_MAX / WHEEL_TICK_MS ? WHEEL_NEVER - 1 : tick * WHEEL_TICK_MS;
}
