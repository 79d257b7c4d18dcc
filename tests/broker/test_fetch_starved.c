/*
 * Goal: a fetch without memory, descriptors, room or time fails by name, tells who waits, and harms no other.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/crypto.h"
#include "fetch_kit.h"
#include "tests/test.h"

static const char *const loopback[] = {"127.0.0.0/8", NULL};

static void test_memory(void)
{
	struct fkit kit;
	unsigned long n = 0;
	unsigned failures = 0;

	fkit_open(&kit, loopback, NULL);
	struct fetch_request request = {.url = fkit_url(&kit, "http://%H/r/302?http://%H/etag"),
		.accept = "application/pkix-crl",
		.etag = "\"v0\""};

	/* Our own allocations, from the start to the last hop; libcurl's are its own. */
	for (n = 1; n < 500; n++) {
		struct seen seen = {0};
		struct fetch_error error = {0};

		test_alloc_fail_at(n);
		enum err err = fetch_start(kit.fetcher, &request, seen_done, &seen, NULL, &error);

		if (err == ERR_OK) {
			CHECK("it ends", fkit_wait(&kit, &seen));
			CHECK("in one of two ways",
				seen.error.fault == FETCH_OK || seen.error.fault == FETCH_NO_MEMORY);
			CHECK("with the body or without",
				(seen.error.fault == FETCH_OK) == (seen.body_len == 5));
			error = seen.error;
		}
		bool failed = test_alloc_failed();

		test_alloc_fail_at(0);
		CHECK("nothing else is said", err == ERR_OK || err == ERR_NOMEM);
		CHECK("a refusal is named", err == ERR_OK || error.fault == FETCH_NO_MEMORY);
		failures += failed && error.fault != FETCH_OK ? 1 : 0;
		if (!failed) {
			break;
		}
	}
	CHECK("some failed", failures > 10 && n < 500);
	fkit_close(&kit);
}

/* The limit under which so many more descriptors can be opened; what is open has holes. */
static rlim_t limit_that_leaves(unsigned more)
{
	int probes[16];
	rlim_t limit = 0;

	REQUIRE("room", more < ARRAY_COUNT(probes));
	for (unsigned i = 0; i < more; i++) {
		probes[i] = dup(0);
		REQUIRE("a descriptor", probes[i] >= 0);
		limit = (rlim_t)probes[i] + 1;
	}
	for (unsigned i = 0; i < more; i++) {
		(void)close(probes[i]);
	}
	return limit;
}

/* Every number of descriptors from none to enough: an answer or a named failure, and no harm to the next. */
static void test_descriptors(void)
{
	static const char *const urls[] = {"http://%H/ok", "http://two.test:%P/ok"};
	struct fkit kit;
	struct rlimit limit;
	struct seen seen;

	fkit_open(&kit, loopback, NULL);
	names_set("two.test", "127.0.0.2");
	REQUIRE("limit", getrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
		unsigned failures = 0;

		for (unsigned more = 0; more < 8; more++) {
			struct fetch_request request = {.url = fkit_url(&kit, urls[i]), .total_ms = 400};
			struct rlimit few = {.rlim_cur = limit_that_leaves(more), .rlim_max = limit.rlim_max};

			REQUIRE("few descriptors", setrlimit(RLIMIT_NOFILE, &few) == 0);
			enum err err = fkit_get(&kit, &request, &seen);

			REQUIRE("they are back", setrlimit(RLIMIT_NOFILE, &limit) == 0);
			CHECK(urls[i], err == ERR_OK);
			CHECK(urls[i], seen.error.fault != FETCH_OK || strcmp(seen.body, "hello") == 0);
			CHECK(urls[i], !fetch_fault_is_refusal(seen.error.fault));
			failures += seen.error.fault != FETCH_OK ? 1 : 0;
			CHECK("and then with all", fkit_get(&kit, &request, &seen) == ERR_OK);
			CHECK("and then with all", seen.error.fault == FETCH_OK);
		}
		CHECK("some failed, and not all", failures > 0 && failures < 8);
	}
	fkit_close(&kit);
}

static void test_held_bytes(void)
{
	static const struct {
		const char *name;
		size_t max;
		enum fetch_fault want;
	} rows[] = {{"max", 5, FETCH_OK}, {"max + 1", 4, FETCH_BUSY}};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct fetcher_options options = {.held_bytes_max = rows[i].max};
		struct fkit kit;
		struct seen seen;

		fkit_open(&kit, loopback, &options);
		struct fetch_request request = {.url = fkit_url(&kit, "http://%H/ok")};

		for (unsigned n = 0; n < 3; n++) {
			CHECK(rows[i].name, fkit_get(&kit, &request, &seen) == ERR_OK);
			CHECK("what is over is held no more", seen.error.fault == rows[i].want);
		}
		fkit_close(&kit);
	}
}

/* The time of a transfer is that of the clock it was given. */
static void test_clock(void)
{
	struct clock_fake fake = {.mono_ms = 5000, .wall_ms = 0};
	struct wheel *wheel = NULL;
	struct fkit kit;
	struct seen seen = {0};

	fkit_open(&kit, loopback, NULL);
	REQUIRE("wheel", wheel_new(fake.mono_ms, &wheel) == ERR_OK);
	struct fetcher_options options = {.net = kit.net, .wheel = wheel, .clock = clock_from_fake(&fake)};
	struct fetcher *fetcher = NULL;

	REQUIRE("fetcher", fetcher_new(&options, &fetcher) == ERR_OK);
	struct fetch_request request = {.url = fkit_url(&kit, "http://%H/slow-body"), .listed = true};

	CHECK("start", fetch_start(fetcher, &request, seen_done, &seen, NULL, NULL) == ERR_OK);
	uint64_t start = fake.mono_ms;

	while (web_hits(kit.web) == 0 && fake.mono_ms < start + FETCH_TOTAL_MS / 2) {
		clock_fake_advance(&fake, 1);
		(void)wheel_advance(wheel, fake.mono_ms);
		fkit_turns(&kit, 1);
	}
	CHECK("asked", web_hits(kit.web) == 1);
	clock_fake_advance(&fake, start + FETCH_TOTAL_MS - 100 - fake.mono_ms);
	(void)wheel_advance(wheel, fake.mono_ms);
	fkit_turns(&kit, 50);
	CHECK("not before its time", seen.calls == 0);
	clock_fake_advance(&fake, 200);
	(void)wheel_advance(wheel, fake.mono_ms);
	CHECK("then", seen.calls == 1 && seen.error.fault == FETCH_TIMEOUT);
	fetcher_free(fetcher);
	CHECK("no timer is left", wheel_next_ms(wheel) == WHEEL_NEVER);
	wheel_free(wheel);
	fkit_close(&kit);
}

int main(void)
{
	REQUIRE("crypto", crypto_init() == ERR_OK);
	test_memory();
	test_descriptors();
	test_held_bytes();
	test_clock();
	crypto_cleanup();
	return test_result();
}
