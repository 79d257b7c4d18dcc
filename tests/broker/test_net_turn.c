/*
 * test_net_turn.c - a turn of the control loop ends in time, however late the machine comes back to it.
 * Threads: main is the control loop.
 */
#include <time.h>
#include <uv.h>

#include "base/clock.h"
#include "net_kit.h"
#include "tests/test.h"

#define TURN_MS 5u

/* So long every timer's starter is kept from going on. */
static unsigned late_ms;

int __real_uv_timer_start(uv_timer_t *handle, uv_timer_cb fn, uint64_t wait_ms, uint64_t repeat_ms);
int __wrap_uv_timer_start(uv_timer_t *handle, uv_timer_cb fn, uint64_t wait_ms, uint64_t repeat_ms);
int __wrap_uv_timer_start(uv_timer_t *handle, uv_timer_cb fn, uint64_t wait_ms, uint64_t repeat_ms)
{
	int status = __real_uv_timer_start(handle, fn, wait_ms, repeat_ms);
	struct timespec pause = {.tv_nsec = (long)late_ms * 1000000};
	(void)nanosleep(&pause, NULL);
	return status;
}

static uint64_t now_ms(void)
{
	struct clock clock = clock_system();
	return clock_mono_ms(&clock);
}

static const struct {
	const char *name;
	unsigned late_ms;
	uint64_t least_ms;
} rows[] = {
	{"in time: all of the wait", 0, TURN_MS - 1},
	{"as late as the wait is long", TURN_MS, 0},
	{"later than that", 4 * TURN_MS, 0},
};

static void test_turns(struct net *net)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		late_ms = rows[i].late_ms;
		for (unsigned turn = 0; turn < 3; turn++) {
			uint64_t before = now_ms();
			net_turn(net, TURN_MS); /* a turn that never ends is told by the test's limit */
			CHECK(rows[i].name, now_ms() - before >= rows[i].least_ms);
		}
	}
}

/* A stop waits in turns. Nobody is there whose mail would wake it. */
static void test_stop(struct net *net)
{
	late_ms = 40;
	CHECK("a stop", net_stop(net, 5000) == ERR_OK);
	late_ms = 0;
}

int main(void)
{
	struct net *net = NULL;
	REQUIRE("net_new", net_new(&(struct net_options){.workers = 1}, &net) == ERR_OK);
	REQUIRE("net_start", net_start(net) == ERR_OK);
	net_turn(net, 0);
	test_turns(net);
	test_stop(net);
	net_free(net);
	return test_result();
}
