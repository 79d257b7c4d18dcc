/*
 * test_map.c - SipHash as published; the map against an array, with removal while walking and memory running out.
 */
#include "base/map.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

#define KEYS 512

static uint64_t test_random_state = 0x2545f4914f6cdd1du;

static uint64_t test_random(uint64_t below)
{
	test_random_state ^= test_random_state << 13;
	test_random_state ^= test_random_state >> 7;
	test_random_state ^= test_random_state << 17;
	return test_random_state % below;
}

/* Appendix A of the SipHash paper and the reference vectors: key 00..0f, input 00, 01, … */
static void test_siphash(void)
{
	static const struct {
		size_t len;
		uint64_t want;
	} rows[] = {
		{0, UINT64_C(0x726fdb47dd0e0e31)},
		{1, UINT64_C(0x74f839c593dc67fd)},
		{7, UINT64_C(0xab0200f58b01d137)},
		{8, UINT64_C(0x93f5f5799a932462)},
		{15, UINT64_C(0xa129ca6149be45e5)},
		{63, UINT64_C(0x958a324ceb064572)},
	};
	uint8_t key[16];
	uint8_t in[64];
	for (size_t i = 0; i < sizeof(in); i++) {
		in[i] = (uint8_t)i;
	}
	memcpy(key, in, sizeof(key));
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		CHECK("SipHash-2-4", siphash(key, bytes_of(in, rows[i].len)) == rows[i].want);
	}
}

static struct bytes key_of(size_t i, char text[32])
{
	/* Key 0 is empty, and keys may hold any byte. */
	int len = i == 0 ? 0 : snprintf(text, 32, "k%c%zu", i % 2 == 0 ? '\0' : 'x', i);
	return bytes_of(text, (size_t)len);
}

static void check_same(const struct map *map, void *const values[KEYS])
{
	struct map_iter iter = MAP_ITER;
	struct bytes key;
	void *value = NULL;
	size_t want = 0;
	size_t seen = 0;
	char text[32];
	for (size_t i = 0; i < KEYS; i++) {
		CHECK("get", map_get(map, key_of(i, text)) == values[i]);
		want += values[i] != NULL;
	}
	while (map_next(map, &iter, &key, &value)) {
		CHECK("walk finds what get finds", map_get(map, key) == value);
		seen++;
	}
	CHECK("count", map_count(map) == want && seen == want);
}

static void test_against_model(void)
{
	static char targets[64];
	void *values[KEYS] = {NULL};
	struct map *map = NULL;
	char text[32];
	REQUIRE("map", map_new(&map) == ERR_OK);
	for (unsigned step = 0; step < 60000; step++) {
		/* Phases of growth and of shrinking, so that removed slots fill up and are swept. */
		size_t i = test_random(KEYS);
		bool put = test_random(10) < (step / 6000 % 2 == 0 ? 7u : 3u);
		if (put) {
			void *value = &targets[test_random(sizeof(targets))];
			void *old = &targets;
			CHECK("put", map_put(map, key_of(i, text), value, &old) == ERR_OK);
			CHECK("what was there", old == values[i]);
			values[i] = value;
		} else {
			CHECK("remove", map_remove(map, key_of(i, text)) == values[i]);
			values[i] = NULL;
		}
		if (step % 1500 == 0) {
			check_same(map, values);
		}
	}
	/* Remove every second entry while walking; each is seen exactly once. */
	struct map_iter iter = MAP_ITER;
	struct bytes key;
	void *value = NULL;
	size_t before = map_count(map);
	size_t seen = 0;
	size_t removed = 0;
	while (map_next(map, &iter, &key, &value)) {
		if (seen++ % 2 == 0) {
			for (size_t i = 0; i < KEYS; i++) {
				if (bytes_equal(key, key_of(i, text))) {
					CHECK("seen once", values[i] == value);
					values[i] = NULL;
				}
			}
			CHECK("remove the current one", map_remove(map, key) == value);
			removed++;
		}
	}
	CHECK("all were seen", seen == before);
	CHECK("half were removed", map_count(map) == before - removed);
	check_same(map, values);
	map_free(map);
	map_free(NULL);
}

static void test_alloc(void)
{
	struct map *map = NULL;
	static char target;
	char text[32];
	test_alloc_fail_at(1);
	CHECK("no memory", map_new(&map) == ERR_NOMEM && map == NULL);
	test_alloc_fail_at(0);
	REQUIRE("map", map_new(&map) == ERR_OK);
	CHECK("an empty map has nothing",
		map_get(map, BYTES_NONE) == NULL && map_remove(map, BYTES_NONE) == NULL);
	for (size_t i = 0; i < 200; i++) {
		bool hit = true;
		for (unsigned long n = 1; hit; n++) {
			void *old = &target;
			test_alloc_fail_at(n);
			enum err err = map_put(map, key_of(i, text), &target, &old);
			hit = test_alloc_failed();
			test_alloc_fail_at(0);
			CHECK("ERR_NOMEM or done", err == (hit ? ERR_NOMEM : ERR_OK));
			CHECK("nothing changed",
				map_count(map) == (hit ? i : i + 1) && (old == (hit ? &target : NULL)));
			CHECK("the others are still there",
				i == 0 || map_get(map, key_of(i - 1, text)) == &target);
		}
	}
	map_free(map);
}

int main(void)
{
	test_siphash();
	test_against_model();
	test_alloc();
	return test_result();
}
