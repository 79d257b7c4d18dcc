/*
 * revocation_cache.c - what lists and answers have in common: waiting, failing, being used; and the cache around them.
 * Owns:    struct revocation_cache, the waits.
 * Never:   starts a fetch from within a call of a consumer: a timer does, so every answer comes later.
 * Threads: the control loop.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/fetch/revocation_private.h"

/* --- entries --- */

void cache_entry_init(struct entry *entry, struct revocation_cache *cache, wheel_fn due)
{
	list_init(&entry->node);
	list_init(&entry->waits);
	entry->cache = cache;
	entry->timer.fn = due;
}

void entry_use(struct entry *entry, struct list *order)
{
	entry->asked = true;
	list_remove(&entry->node);
	list_push_back(order, &entry->node);
}

void entry_schedule(struct entry *entry, uint64_t after_ms)
{
	struct revocation_cache *cache = entry->cache;

	if (entry->state != ENTRY_IDLE || cache->loading) {
		return; /* planned when that is over */
	}
	entry->next_try_ms = clock_mono_ms(&cache->clock) + after_ms;
	entry->next_try_wall_ms = clock_wall_ms(&cache->clock) + (int64_t)after_ms;
	wheel_add(cache->wheel, &entry->timer, entry->next_try_ms);
}

uint64_t entry_failed(struct entry *entry, const char *sentence)
{
	struct revocation_cache *cache = entry->cache;

	entry->state = ENTRY_IDLE;
	entry->failures += entry->failures < UINT32_MAX ? 1 : 0;
	entry->last_failure_ms = clock_wall_ms(&cache->clock);
	if (sentence != entry->sentence) {
		(void)snprintf(entry->sentence, sizeof(entry->sentence), "%s", sentence);
	}
	cache->counters.failed++;
	uint64_t retry_ms = revocation_retry_ms(entry->failures, cache_random(cache));

	entry_schedule(entry, retry_ms);
	return retry_ms;
}

void entry_fetched(struct entry *entry, const struct fetch_error *error)
{
	entry->forbidden = fetch_fault_is_refusal(error->fault);
}

void entry_forgive(struct entry *entry)
{
	if (entry->forbidden && entry->state == ENTRY_IDLE) {
		entry->forbidden = false;
		entry->failures = 0;
		entry_schedule(entry, 0);
	}
}

void entry_good(struct entry *entry)
{
	entry->state = ENTRY_IDLE;
	entry->failures = 0;
	entry->sentence[0] = '\0';
	entry->last_success_ms = clock_wall_ms(&entry->cache->clock);
}

void cache_entry_release(struct entry *entry)
{
	struct revocation_cache *cache = entry->cache;
	struct revocation_wait *wait = NULL;

	if (entry->fetch != NULL) {
		cache->source.cancel(cache->source.ctx, entry->fetch);
		entry->fetch = NULL;
	}
	wheel_cancel(cache->wheel, &entry->timer);
	while ((wait = cache_take_wait(entry)) != NULL) {
		free(wait);
	}
	list_remove(&entry->node);
	free(entry->url);
	entry->url = NULL;
}

/* --- waits --- */

enum err cache_add_wait(struct entry *entry, struct revocation_wait **out)
{
	struct revocation_cache *cache = entry->cache;

	if (cache->counters.waits >= cache->waits_max) {
		return ERR_LIMIT;
	}
	struct revocation_wait *wait = calloc(1, sizeof(*wait));

	if (wait == NULL) {
		return ERR_NOMEM;
	}
	wait->cache = cache;
	list_init(&wait->node);
	list_push_back(&entry->waits, &wait->node);
	cache->counters.waits++;
	*out = wait;
	return ERR_OK;
}

struct revocation_wait *cache_take_wait(struct entry *entry)
{
	if (list_empty(&entry->waits)) {
		return NULL;
	}
	struct revocation_wait *wait = CONTAINER_OF(entry->waits.next, struct revocation_wait, node);

	list_remove(&wait->node);
	entry->cache->counters.waits--;
	return wait;
}

void revocation_wait_cancel(struct revocation_wait *wait)
{
	if (wait != NULL) {
		list_remove(&wait->node);
		wait->cache->counters.waits--;
		free(wait);
	}
}

/* --- small things --- */

uint32_t cache_random(struct revocation_cache *cache)
{
	uint8_t octets[4] = {0};
	uint32_t value = 0;

	if (cache->random_below != NULL) {
		return cache->random_below(cache->random_ctx, UINT32_MAX);
	}
	if (crypto_random(octets, sizeof(octets)) == ERR_OK) {
		memcpy(&value, octets, sizeof(value));
	}
	return value; /* without a random source all come at the low end: only jitter is lost */
}

static void cache_destroy(struct revocation_cache *cache)
{
	map_free(cache->list_map);
	map_free(cache->answer_map);
	free(cache->folder);
	free(cache);
}

void cache_job_over(struct revocation_cache *cache)
{
	assert(cache->jobs > 0);
	cache->jobs--;
	if (cache->dead && cache->jobs == 0) {
		cache_destroy(cache);
	}
}

/* --- the cache --- */

static enum err fetcher_start_for(void *ctx, const struct fetch_request *request, fetch_done_fn done,
	void *done_ctx, struct fetch **out, struct fetch_error *error)
{
	return fetch_start(ctx, request, done, done_ctx, out, error);
}

static void fetcher_cancel_for(void *ctx, struct fetch *fetch)
{
	(void)ctx;
	fetch_cancel(fetch);
}

static size_t or_default(size_t given, size_t otherwise)
{
	return given != 0 ? given : otherwise;
}

static void cache_set(struct revocation_cache *cache, const struct revocation_options *options)
{
	const struct fetch_source fetcher = {fetcher_start_for, fetcher_cancel_for, options->fetcher};

	cache->source = options->source != NULL ? *options->source : fetcher;
	cache->executor = options->executor;
	cache->wheel = options->wheel;
	cache->clock = options->clock;
	cache->log = options->log;
	cache->random_below = options->random_below;
	cache->random_ctx = options->random_ctx;
	cache->calls = options->calls;
	cache->lists_max = or_default(options->lists_max, REVOCATION_LISTS_MAX);
	cache->answers_max = or_default(options->answers_max, REVOCATION_ANSWERS_MAX);
	cache->list_bytes_max = or_default(options->list_bytes_max, REVOCATION_LIST_BYTES_MAX);
	cache->all_bytes_max = or_default(options->all_bytes_max, REVOCATION_ALL_BYTES_MAX);
	cache->answer_bytes_max = or_default(options->answer_bytes_max, REVOCATION_ANSWER_BYTES_MAX);
	cache->waits_max = options->waits_max != 0 ? options->waits_max : REVOCATION_WAITS_MAX;
	list_init(&cache->lists);
	list_init(&cache->answers);
	list_init(&cache->unsaved);
}

enum err revocation_cache_new(const struct revocation_options *options, struct revocation_cache **out)
{
	struct revocation_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL) {
		return ERR_NOMEM;
	}
	cache_set(cache, options);
	enum err err = map_new(&cache->list_map);

	if (err == ERR_OK) {
		err = map_new(&cache->answer_map);
	}
	if (err == ERR_OK && options->folder != NULL) {
		err = bytes_dup_text(bytes_text(options->folder), &cache->folder);
	}
	if (err == ERR_OK && cache->folder != NULL) {
		err = disk_load(cache);
	}
	if (err != ERR_OK) {
		cache_destroy(cache);
		return err;
	}
	*out = cache;
	return ERR_OK;
}

void revocation_cache_free(struct revocation_cache *cache)
{
	if (cache == NULL) {
		return;
	}
	assert(!cache->dead);
	cache->dead = true;
	while (!list_empty(&cache->lists)) {
		list_drop(CONTAINER_OF(cache->lists.next, struct revocation_list, entry.node), false);
	}
	while (!list_empty(&cache->answers)) {
		answer_drop(CONTAINER_OF(cache->answers.next, struct revocation_answer, entry.node), false);
	}
	if (cache->jobs == 0) {
		cache_destroy(cache);
	}
}

void revocation_counters(const struct revocation_cache *cache, struct revocation_counters *out)
{
	*out = cache->counters;
	out->lists = map_count(cache->list_map);
	out->answers = map_count(cache->answer_map);
}

bool revocation_busy(const struct revocation_cache *cache)
{
	return cache->jobs > 0 || !list_empty(&cache->unsaved);
}
