/*
 * map.c - an open-addressed hash map under a random SipHash key.
 * Owns:    the slots and copies of the keys; never the values.
 * Never:   moves an entry on removal, so that removing while walking is safe.
 * Threads: one at a time.
 */
#include "base/map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MAP_SLOTS_MIN 16

/* key == NULL and !dead: never used; key == NULL and dead: removed, a search goes on behind it. */
struct map_slot {
	uint64_t hash;
	uint8_t *key;
	size_t key_len;
	void *value;
	bool dead;
};

struct map {
	struct map_slot *slots;
	size_t slot_count; /* zero or a power of two */
	size_t count;
	size_t dead_count;
	uint8_t hash_key[16];
};

static uint64_t siphash_rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static void siphash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = siphash_rotate(v[1], 13) ^ v[0];
	v[0] = siphash_rotate(v[0], 32);
	v[2] += v[3];
	v[3] = siphash_rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = siphash_rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = siphash_rotate(v[1], 17) ^ v[2];
	v[2] = siphash_rotate(v[2], 32);
}

static uint64_t siphash_load(const uint8_t *data, size_t n)
{
	uint64_t value = 0;
	for (size_t i = 0; i < n; i++) {
		value |= (uint64_t)data[i] << (8 * i);
	}
	return value;
}

uint64_t siphash(const uint8_t key[16], struct bytes in)
{
	uint64_t k0 = siphash_load(key, 8);
	uint64_t k1 = siphash_load(key + 8, 8);
	/* The constants of the SipHash paper, "somepseudorandomlygeneratedbytes". */
	uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
	size_t whole = in.len / 8 * 8;
	for (size_t at = 0; at < whole; at += 8) {
		uint64_t word = siphash_load(in.data + at, 8);
		v[3] ^= word;
		siphash_round(v);
		siphash_round(v);
		v[0] ^= word;
	}
	uint64_t last = (uint64_t)(in.len & 0xff) << 56;
	if (in.len > whole) {
		last |= siphash_load(in.data + whole, in.len - whole);
	}
	v[3] ^= last;
	siphash_round(v);
	siphash_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++) {
		siphash_round(v);
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

enum err map_new(struct map **out)
{
	struct map *map = calloc(1, sizeof(*map));
	if (map == NULL) {
		return ERR_NOMEM;
	}
	ssize_t got = 0;
	do {
		got = getrandom(map->hash_key, sizeof(map->hash_key), 0);
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(map->hash_key)) {
		free(map);
		return ERR_IO;
	}
	*out = map;
	return ERR_OK;
}

void map_free(struct map *map)
{
	if (map == NULL) {
		return;
	}
	for (size_t i = 0; i < map->slot_count; i++) {
		free(map->slots[i].key);
	}
	free(map->slots);
	free(map);
}

size_t map_count(const struct map *map)
{
	return map->count;
}

/* The slot that holds key, or NULL. */
static struct map_slot *map_find(const struct map *map, struct bytes key, uint64_t hash)
{
	if (map->count == 0) {
		return NULL;
	}
	/* Ends: map_make_room() keeps at least a quarter of the slots never used. */
	for (size_t i = hash & (map->slot_count - 1);; i = (i + 1) & (map->slot_count - 1)) {
		struct map_slot *slot = &map->slots[i];
		if (slot->key == NULL && !slot->dead) {
			return NULL;
		}
		if (slot->key != NULL && slot->hash == hash &&
			bytes_equal(bytes_of(slot->key, slot->key_len), key)) {
			return slot;
		}
	}
}

/* The first slot that an entry with this hash may take; the key is known not to be there. */
static struct map_slot *map_free_slot(struct map_slot *slots, size_t slot_count, uint64_t hash)
{
	size_t i = hash & (slot_count - 1);
	while (slots[i].key != NULL) {
		i = (i + 1) & (slot_count - 1);
	}
	return &slots[i];
}

/* Room for one more: grows when full, or only sweeps when removed slots are what fills it. */
static enum err map_make_room(struct map *map)
{
	if ((map->count + map->dead_count + 1) * 4 <= map->slot_count * 3) {
		return ERR_OK;
	}
	size_t slot_count = map->slot_count < MAP_SLOTS_MIN ? MAP_SLOTS_MIN : map->slot_count;
	while ((map->count + 1) * 2 > slot_count) {
		slot_count *= 2;
	}
	struct map_slot *slots = calloc(slot_count, sizeof(*slots));
	if (slots == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < map->slot_count; i++) {
		if (map->slots[i].key != NULL) {
			*map_free_slot(slots, slot_count, map->slots[i].hash) = map->slots[i];
		}
	}
	free(map->slots);
	map->slots = slots;
	map->slot_count = slot_count;
	map->dead_count = 0;
	return ERR_OK;
}

void *map_get(const struct map *map, struct bytes key)
{
	const struct map_slot *slot = map_find(map, key, siphash(map->hash_key, key));
	return slot == NULL ? NULL : slot->value;
}

enum err map_put(struct map *map, struct bytes key, void *value, void **old)
{
	assert(value != NULL);
	uint64_t hash = siphash(map->hash_key, key);
	struct map_slot *slot = map_find(map, key, hash);
	if (slot != NULL) {
		if (old != NULL) {
			*old = slot->value;
		}
		slot->value = value;
		return ERR_OK;
	}
	uint8_t *copy = NULL;
	enum err err = map_make_room(map);
	if (err == ERR_OK) {
		err = bytes_dup(key, &copy);
	}
	if (err != ERR_OK) {
		return err;
	}
	slot = map_free_slot(map->slots, map->slot_count, hash);
	if (slot->dead) {
		map->dead_count--;
	}
	*slot = (struct map_slot){hash, copy, key.len, value, false};
	map->count++;
	if (old != NULL) {
		*old = NULL;
	}
	return ERR_OK;
}

void *map_remove(struct map *map, struct bytes key)
{
	struct map_slot *slot = map_find(map, key, siphash(map->hash_key, key));
	if (slot == NULL) {
		return NULL;
	}
	void *value = slot->value;
	free(slot->key);
	*slot = (struct map_slot){.dead = true};
	map->count--;
	map->dead_count++;
	/* A removed slot before a never-used one leads nowhere: give such a run back at once. */
	size_t mask = map->slot_count - 1;
	size_t i = (size_t)(slot - map->slots);
	const struct map_slot *after = &map->slots[(i + 1) & mask];
	if (after->key == NULL && !after->dead) {
		while (map->slots[i].dead) {
			map->slots[i].dead = false;
			map->dead_count--;
			i = (i + mask) & mask;
		}
	}
	return value;
}

bool map_next(const struct map *map, struct map_iter *iter, struct bytes *key, void **value)
{
	while (iter->slot < map->slot_count) {
		const struct map_slot *slot = &map->slots[iter->slot++];
		if (slot->key != NULL) {
			*key = bytes_of(slot->key, slot->key_len);
			*value = slot->value;
			return true;
		}
	}
	return false;
}
