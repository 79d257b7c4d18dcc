/*
 * test_wheel.c - the wheel against a list that is searched from end to end: same timers, never early, none twice.
 */
#include "base/wheel.h"

#include <stdlib.h>

#include "base/macros.h"
#include "tests/test.h"

#define TIMERS  64
#define TICK_MS 16

struct world;
struct model {
	struct wheel_timer timer;
	struct world *world;
	bool pending;
	uint64_t deadline_ms; /* as asked for */
	uint64_t earliest_ms; /* nothing added during an advance runs in it */
	unsigned fired;
	unsigned re_add; /* how often the callback adds itself again */
	uint64_t re_add_after_ms;
	struct model *cancels; /* the callback cancels this one */
};
struct world {
	struct wheel *wheel;
	uint64_t now_ms;
	bool in_advance;
	struct model models[TIMERS];
};

static uint64_t test_random_state = 88172645463325252u;

/* xorshift64: the same sequence each run. */
static uint64_t test_random(uint64_t below)
{
	test_random_state ^= test_random_state << 13;
	test_random_state ^= test_random_state >> 7;
	test_random_state ^= test_random_state << 17;
	return test_random_state % below;
}

static void model_add(struct model *model, uint64_t deadline_ms)
{
	wheel_add(model->world->wheel, &model->timer, deadline_ms);
	model->pending = true;
	model->deadline_ms = deadline_ms;
	model->earliest_ms = (model->world->now_ms / TICK_MS + 1) * TICK_MS;
}

static void model_fire(struct wheel_timer *timer)
{
	struct model *model = CONTAINER_OF(timer, struct model, timer);
	struct world *world = model->world;
	CHECK("only within wheel_advance()", world->in_advance);
	CHECK("was pending", model->pending);
	CHECK("is no longer", !wheel_timer_pending(timer));
	CHECK("not early", world->now_ms >= model->deadline_ms && world->now_ms >= model->earliest_ms);
	model->pending = false;
	model->fired++;
	if (model->cancels != NULL) {
		wheel_cancel(world->wheel, &model->cancels->timer);
		model->cancels->pending = false;
	}
	if (model->re_add > 0) {
		model->re_add--;
		model_add(model, world->now_ms + model->re_add_after_ms);
	}
}

static bool model_due(const struct model *model, uint64_t now_ms)
{
	uint64_t now_tick = now_ms / TICK_MS;
	uint64_t due_tick = model->deadline_ms / TICK_MS + (model->deadline_ms % TICK_MS != 0);
	return model->pending && now_tick >= due_tick && now_tick * TICK_MS >= model->earliest_ms;
}

static void world_advance(struct world *world, uint64_t by_ms)
{
	uint64_t next = wheel_next_ms(world->wheel);
	world->now_ms += by_ms;
	bool any_due = false;
	for (size_t i = 0; i < TIMERS; i++) {
		any_due = any_due || model_due(&world->models[i], world->now_ms);
	}
	CHECK("wheel_next_ms() is never late", !any_due || next <= world->now_ms);
	unsigned before = 0;
	unsigned after = 0;
	for (size_t i = 0; i < TIMERS; i++) {
		before += world->models[i].fired;
	}
	world->in_advance = true;
	unsigned ran = wheel_advance(world->wheel, world->now_ms);
	world->in_advance = false;
	for (size_t i = 0; i < TIMERS; i++) {
		const struct model *model = &world->models[i];
		after += model->fired;
		CHECK("pending as the model says", wheel_timer_pending(&model->timer) == model->pending);
		CHECK("nothing due is left", !model_due(model, world->now_ms));
	}
	CHECK("the count is right", ran == after - before);
}

static void test_against_model(uint64_t start_ms, uint64_t span_ms, unsigned steps)
{
	struct world *world = calloc(1, sizeof(*world));
	REQUIRE("memory", world != NULL);
	world->now_ms = start_ms;
	REQUIRE("wheel", wheel_new(start_ms, &world->wheel) == ERR_OK);
	for (size_t i = 0; i < TIMERS; i++) {
		world->models[i].world = world;
		world->models[i].timer.fn = model_fire;
	}
	for (unsigned step = 0; step < steps; step++) {
		struct model *model = &world->models[test_random(TIMERS)];
		switch (test_random(6)) {
		case 0:
		case 1: model_add(model, world->now_ms + test_random(span_ms)); break;
		case 2: model_add(model, test_random(world->now_ms + 1)); break; /* in the past */
		case 3:
			wheel_cancel(world->wheel, &model->timer);
			model->pending = false;
			break;
		case 4:
			model->re_add = (unsigned)test_random(3);
			model->re_add_after_ms = test_random(span_ms);
			model->cancels = test_random(2) == 0 ? &world->models[test_random(TIMERS)] : NULL;
			if (model->cancels == model) {
				model->cancels = NULL;
			}
			break;
		default: world_advance(world, test_random(span_ms / 2)); break;
		}
	}
	/* Everything left comes in the end, re-added ones included. */
	for (int i = 0; i < 6; i++) {
		world_advance(world, span_ms + 2 * TICK_MS);
	}
	for (size_t i = 0; i < TIMERS; i++) {
		CHECK("all came", !world->models[i].pending);
	}
	CHECK("empty", wheel_next_ms(world->wheel) == WHEEL_NEVER);
	wheel_free(world->wheel);
	free(world);
}

static void test_edges(void)
{
	static const uint64_t far[] = {
		1, 15, 16, 17, 1023, 1024, 1025, 65536, UINT64_C(1) << 40, UINT64_MAX - 1, UINT64_MAX};
	for (size_t i = 0; i < ARRAY_COUNT(far); i++) {
		struct world world = {.now_ms = 0};
		struct model *model = &world.models[0];
		REQUIRE("wheel", wheel_new(0, &world.wheel) == ERR_OK);
		for (size_t j = 0; j < TIMERS; j++) {
			world.models[j].world = &world;
			world.models[j].timer.fn = model_fire;
		}
		CHECK("empty", wheel_next_ms(world.wheel) == WHEEL_NEVER);
		model_add(model, far[i]);
		world.in_advance = true;
		if (far[i] > TICK_MS) {
			world.now_ms = (far[i] - 1) / TICK_MS * TICK_MS;
			CHECK("one tick early", wheel_advance(world.wheel, world.now_ms) == 0);
		}
		/* The tick of UINT64_MAX lies beyond the clock: such a timer simply never comes. */
		if (far[i] < UINT64_MAX - 1) {
			world.now_ms = far[i] + TICK_MS;
			CHECK("late enough", wheel_advance(world.wheel, world.now_ms) == 1);
		}
		CHECK("time going back does nothing", wheel_advance(world.wheel, 0) == 0);
		wheel_cancel(world.wheel, &model->timer);
		wheel_cancel(world.wheel, &model->timer);
		CHECK("idempotent", !wheel_timer_pending(&model->timer));
		CHECK("empty", wheel_next_ms(world.wheel) == WHEEL_NEVER);
		wheel_free(world.wheel);
	}
	wheel_free(NULL);
	struct wheel *wheel = NULL;
	test_alloc_fail_at(1);
	CHECK("no memory", wheel_new(0, &wheel) == ERR_NOMEM && wheel == NULL);
	test_alloc_fail_at(0);
}

/* A timer that always adds itself for now must not keep one advance busy for ever. */
static void test_no_spin(void)
{
	struct world world = {.now_ms = 0};
	struct model *model = &world.models[0];
	REQUIRE("wheel", wheel_new(0, &world.wheel) == ERR_OK);
	model->world = &world;
	model->timer.fn = model_fire;
	model->re_add = 1000000;
	model_add(model, 0);
	world.in_advance = true;
	world.now_ms = 3600000;
	CHECK("once an advance, however far it jumps", wheel_advance(world.wheel, world.now_ms) == 1);
	world.now_ms += TICK_MS;
	CHECK("and once the next tick", wheel_advance(world.wheel, world.now_ms) == 1);
	wheel_free(world.wheel);
}

int main(void)
{
	test_edges();
	test_no_spin();
	test_against_model(0, 100, 20000);
	test_against_model(12345, 5000, 20000);
	test_against_model(UINT64_C(1) << 41, 100000000, 20000);
	test_against_model(1023, 1024 * 64 * 3, 20000);
	return test_result();
}
