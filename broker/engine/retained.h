/*
 * retained.h - the last retained message of each topic, for the whole broker.
 * Owns:    a reference to each.
 * Threads: any; one lock, held for a lookup or a walk.
 */
#ifndef LOCKGATE_BROKER_ENGINE_RETAINED_H
#define LOCKGATE_BROKER_ENGINE_RETAINED_H

#include "broker/engine/engine.h"

struct retained;
MUST_CHECK enum err retained_new(uint32_t count_max, uint64_t bytes_max, struct retained **out);
void retained_free(struct retained *retained);

/* Takes a reference. An empty payload removes (MQTT-3.3.1-6, -7). ERR_LIMIT, ERR_NOMEM: the old one stays. */
MUST_CHECK enum err retained_set(struct retained *retained, struct message *message);

/* References to all that a filter matches and that have not expired; expired ones met on the way are removed. */
struct retained_match {
	struct message **messages; /* the caller's: unref each, free() */
	size_t count;
	size_t cap;
};
MUST_CHECK enum err retained_find(
	struct retained *retained, struct bytes filter, uint64_t now_ms, struct retained_match *out);
void retained_match_release(struct retained_match *match);
void retained_usage(struct retained *retained, uint32_t *count, uint64_t *bytes);

#endif
