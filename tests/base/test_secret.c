/*
 * test_secret.c - secrets are wiped and compared whole; the fake clock, time as text, and the executor for tests.
 */
#include "base/secret.h"

#include <string.h>

#include "base/clock.h"
#include "base/executor.h"
#include "base/list.h"
#include "tests/test.h"

static void test_secret(void)
{
	static const size_t sizes[] = {0, 1, 31, 4095, 4096, 4097, 100000};
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct secret secret = SECRET_NONE;
		REQUIRE("new", secret_new(sizes[i], &secret) == ERR_OK);
		CHECK("has an address", secret.data != NULL && secret.len == sizes[i]);
		for (size_t j = 0; j < sizes[i]; j++) {
			CHECK("zeroed", secret.data[j] == 0);
			secret.data[j] = 0xa5;
		}
		secret_free(&secret);
		CHECK("back to none", secret.data == NULL && secret.len == 0);
		secret_free(&secret);
	}
	secret_free(NULL);
	struct secret none = SECRET_NONE;
	CHECK("too large", secret_new(SIZE_MAX, &none) == ERR_NOMEM && none.data == NULL);
	CHECK("too large", secret_new(SIZE_MAX / 2, &none) == ERR_NOMEM && none.data == NULL);
	CHECK("copy", secret_copy(bytes_text("abc"), &none) == ERR_OK &&
			      bytes_equal_text(secret_bytes(&none), "abc"));
	secret_free(&none);
	char text[] = "secret";
	secure_wipe(text, sizeof(text));
	secure_wipe(NULL, 0);
	CHECK("wiped", memcmp(text, "\0\0\0\0\0\0\0", sizeof(text)) == 0);
}

static void test_equal(void)
{
	uint8_t a[40];
	uint8_t b[40];
	memset(a, 7, sizeof(a));
	memcpy(b, a, sizeof(b));
	CHECK("equal", secret_equal(bytes_of(a, 40), bytes_of(b, 40)));
	CHECK("empty", secret_equal(BYTES_NONE, BYTES_NONE));
	for (size_t bit = 0; bit < sizeof(a) * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK("one bit", !secret_equal(bytes_of(a, 40), bytes_of(b, 40)));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut < 40; cut++) {
		CHECK("shorter", !secret_equal(bytes_of(a, 40), bytes_of(b, cut)));
	}
}

static void test_clock(void)
{
	static const struct {
		int64_t wall_ms;
		const char *want;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{-1, "1970-01-01T00:00:00.000Z"},
		{951827696789, "2000-02-29T12:34:56.789Z"},
		{1795290762123, "2026-11-21T19:52:42.123Z"},
		{253402300799999, "9999-12-31T23:59:59.999Z"},
		{INT64_MAX, "9999-12-31T23:59:59.999Z"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char out[CLOCK_TEXT_BYTES];
		clock_format(rows[i].wall_ms, out);
		CHECK(rows[i].want, strcmp(out, rows[i].want) == 0);
	}
	struct clock_fake fake = {100, 5000};
	struct clock clock = clock_from_fake(&fake);
	clock_fake_advance(&fake, 42);
	CHECK("fake", clock_mono_ms(&clock) == 142 && clock_wall_ms(&clock) == 5042);
	clock = clock_system();
	uint64_t before = clock_mono_ms(&clock);
	CHECK("monotonic", clock_mono_ms(&clock) >= before);
	CHECK("after this was written", clock_wall_ms(&clock) > INT64_C(1700000000000));
}

struct test_job {
	struct job job;
	struct executor executor;
	unsigned ran, done, again;
};

static void test_job_run(struct job *job)
{
	struct test_job *mine = CONTAINER_OF(job, struct test_job, job);
	CHECK("run before done", mine->ran == mine->done);
	mine->ran++;
}

static void test_job_done(struct job *job)
{
	struct test_job *mine = CONTAINER_OF(job, struct test_job, job);
	mine->done++;
	CHECK("done after run", mine->ran == mine->done);
	if (mine->again > 0) {
		mine->again--;
		CHECK("again", executor_submit(&mine->executor, LANE_FILE, job) == ERR_OK);
	}
}

static void test_executor(void)
{
	struct executor_inline state = {.limit = 2};
	struct executor executor = executor_from_inline(&state);
	struct test_job jobs[3];
	for (size_t i = 0; i < ARRAY_COUNT(jobs); i++) {
		jobs[i] = (struct test_job){
			.job = {.run = test_job_run, .done = test_job_done}, .executor = executor};
	}
	jobs[0].again = 2;
	CHECK("first", executor_submit(&executor, LANE_HASH, &jobs[0].job) == ERR_OK);
	CHECK("second", executor_submit(&executor, LANE_HASH, &jobs[1].job) == ERR_OK);
	CHECK("full", executor_submit(&executor, LANE_HASH, &jobs[2].job) == ERR_LIMIT);
	CHECK("nothing runs by itself", jobs[0].ran == 0);
	CHECK("each, and what they submit", executor_inline_run(&state) == 4);
	CHECK("counts", jobs[0].done == 3 && jobs[1].done == 1 && jobs[2].ran == 0 && state.queued == 0);
	CHECK("none", executor_inline_run(&state) == 0);
}

struct test_item {
	struct list link;
	int value;
};

static void test_list(void)
{
	struct list head;
	struct test_item items[4];
	int sum = 0;
	list_init(&head);
	CHECK("empty", list_empty(&head));
	for (int i = 0; i < 4; i++) {
		items[i].value = 1 << i;
		if (i % 2 == 0) {
			list_push_back(&head, &items[i].link);
		} else {
			list_push_front(&head, &items[i].link);
		}
	}
	LIST_FOR_EACH(item, &head)
	{
		sum = sum * 16 + CONTAINER_OF(item, struct test_item, link)->value;
	}
	CHECK("order", sum == 0x8214);
	LIST_FOR_EACH_SAFE(item, after, &head)
	{
		list_remove(item);
		list_remove(item);
	}
	CHECK("empty again", list_empty(&head));
}

int main(void)
{
	test_secret();
	test_equal();
	test_clock();
	test_executor();
	test_list();
	return test_result();
}
