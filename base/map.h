/*
 * map.h - a hash map from byte strings to pointers, keyed with SipHash-2-4 under a random key, so that no peer
 *         can choose colliding names.
 * Owns:    copies of the keys; never the values.
 * Threads: one at a time.
 */
#ifndef LOCKGATE_BASE_MAP_H
#define LOCKGATE_BASE_MAP_H

#include "base/bytes.h"

struct map;

/* SipHash-2-4 of in under a 16-byte key. */
uint64_t siphash(const uint8_t key[16], struct bytes in);

MUST_CHECK enum err map_new(struct map **out); /* draws its key from the system's random source */
void map_free(struct map *map);
size_t map_count(const struct map *map);
void *map_get(const struct map *map, struct bytes key); /* NULL: not there */
/* Adds or replaces; *old (may be NULL) receives what was there. value is never NULL. ERR_NOMEM changes nothing. */
MUST_CHECK enum err map_put(struct map *map, struct bytes key, void *value, void **old);
void *map_remove(struct map *map, struct bytes key); /* the value, or NULL */

/* Walks in no particular order; removing the current entry is allowed, adding is not. Start with MAP_ITER. */
struct map_iter {
	size_t slot;
};
#define MAP_ITER ((struct map_iter){0})
bool map_next(const struct map *map, struct map_iter *iter, struct bytes *key, void **value);

#endif
