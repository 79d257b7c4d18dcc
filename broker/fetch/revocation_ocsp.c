/*
 * revocation_ocsp.c - OCSP answers by key: fetched for who waits, kept when who asked has judged them.
 * Owns:    every struct revocation_answer.
 * Never:   judges an answer; replaces one that was judged by an older one.
 * Threads: the control loop.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/fetch/revocation_private.h"

static void answer_due(struct wheel_timer *timer);

struct revocation_answer *answer_find(const struct revocation_cache *cache, const uint8_t *key)
{
	return map_get(cache->answer_map, bytes_of(key, SHA256_BYTES));
}

void answer_drop(struct revocation_answer *answer, bool with_file)
{
	struct revocation_cache *cache = answer->entry.cache;

	if (with_file && answer->response != NULL) {
		disk_remove(cache, answer->key, ".ocsp");
	}
	(void)map_remove(cache->answer_map, bytes_of(answer->key, sizeof(answer->key)));
	cache->counters.answer_bytes -= answer->entry.bytes;
	list_remove(&answer->unsaved);
	cache_entry_release(&answer->entry);
	free(answer->request);
	free(answer->response);
	free(answer);
}

static bool answer_evict(struct revocation_cache *cache, const struct revocation_answer *except)
{
	LIST_FOR_EACH(node, &cache->answers)
	{
		struct revocation_answer *answer = CONTAINER_OF(node, struct revocation_answer, entry.node);

		if (answer != except && entry_is_quiet(&answer->entry)) {
			cache->counters.evicted++;
			answer_drop(answer, true);
			return true;
		}
	}
	return false;
}

/* What is asked, and of whom, may change with the certificate's issuer or the operator's mind: the last one counts. */
static enum err answer_ask(
	struct revocation_answer *answer, struct bytes url, bool listed, struct bytes request)
{
	char *fresh_url = NULL;
	uint8_t *fresh = NULL;
	enum err err = ERR_OK;

	if (request.len > FETCH_REQUEST_BYTES_MAX || url.len > FETCH_URL_BYTES_MAX) {
		return ERR_LIMIT;
	}
	answer->entry.listed = listed;
	if (answer->entry.url != NULL && bytes_equal_text(url, answer->entry.url) &&
		bytes_equal(request, bytes_of(answer->request, answer->request_len))) {
		return ERR_OK;
	}
	err = bytes_dup_text(url, &fresh_url);
	if (err == ERR_OK) {
		err = bytes_dup(request, &fresh);
	}
	if (err != ERR_OK) {
		free(fresh_url);
		return err;
	}
	free(answer->entry.url);
	free(answer->request);
	answer->entry.url = fresh_url;
	answer->request = fresh;
	answer->request_len = request.len;
	return ERR_OK;
}

enum err answer_get(struct revocation_cache *cache, const uint8_t *key, struct bytes url, bool listed,
	struct bytes request, struct revocation_answer **out)
{
	struct revocation_answer *answer = answer_find(cache, key);

	if (answer != NULL) {
		*out = answer;
		return answer_ask(answer, url, listed, request);
	}
	if (map_count(cache->answer_map) >= cache->answers_max && !answer_evict(cache, NULL)) {
		return ERR_LIMIT;
	}
	answer = calloc(1, sizeof(*answer));
	if (answer == NULL) {
		return ERR_NOMEM;
	}
	cache_entry_init(&answer->entry, cache, answer_due);
	list_init(&answer->unsaved);
	memcpy(answer->key, key, sizeof(answer->key));
	enum err err = answer_ask(answer, url, listed, request);

	if (err == ERR_OK) {
		err = map_put(cache->answer_map, bytes_of(key, SHA256_BYTES), answer, NULL);
	}
	if (err != ERR_OK) {
		free(answer->entry.url);
		free(answer->request);
		free(answer);
		return err;
	}
	list_push_back(&cache->answers, &answer->entry.node);
	*out = answer;
	return ERR_OK;
}

enum err answer_set(
	struct revocation_answer *answer, struct bytes response, const struct revocation_times *times)
{
	struct revocation_cache *cache = answer->entry.cache;
	uint8_t *copy = NULL;

	if (response.len == 0 || response.len > FETCH_OCSP_BYTES_MAX ||
		response.len > cache->answer_bytes_max) {
		return ERR_LIMIT;
	}
	while (cache->counters.answer_bytes - answer->entry.bytes > cache->answer_bytes_max - response.len) {
		if (!answer_evict(cache, answer)) {
			return ERR_LIMIT;
		}
	}
	enum err err = bytes_dup(response, &copy);

	if (err != ERR_OK) {
		return err;
	}
	free(answer->response);
	answer->response = copy;
	cache->counters.answer_bytes += response.len - answer->entry.bytes;
	answer->entry.bytes = response.len;
	answer->times = *times;
	return ERR_OK;
}

/* --- fetching --- */

static void answer_settle(
	struct revocation_answer *answer, enum err err, struct bytes response, const char *sentence)
{
	struct revocation_wait *wait = NULL;

	while ((wait = cache_take_wait(&answer->entry)) != NULL) {
		revocation_ocsp_fn done = wait->answer_done;
		void *ctx = wait->ctx;

		free(wait);
		done(ctx, err, response, sentence);
	}
}

static void answer_failed(struct revocation_answer *answer, const char *sentence)
{
	struct revocation_cache *cache = answer->entry.cache;
	uint64_t retry_ms = entry_failed(&answer->entry, sentence);

	answer->entry.pins++;
	answer_settle(answer, ERR_IO, BYTES_NONE, answer->entry.sentence);
	if (cache->calls.on_failed != NULL) {
		cache->calls.on_failed(cache->calls.ctx, answer->entry.url, answer->entry.sentence, retry_ms);
	}
	answer->entry.pins--;
}

static void answer_fetched(void *ctx, const struct fetch_answer *fetched)
{
	struct revocation_answer *answer = ctx;
	struct revocation_cache *cache = answer->entry.cache;

	assert(answer->entry.state == ENTRY_FETCHING);
	answer->entry.fetch = NULL;
	answer->entry.state = ENTRY_IDLE;
	entry_fetched(&answer->entry, &fetched->error);
	if (fetched->error.fault != FETCH_OK) {
		answer_failed(answer, fetched->error.sentence);
		return;
	}
	struct bytes response = fetch_body_bytes(fetched->body);

	cache->counters.fetched++;
	/* Until somebody keeps it, it counts as no answer: a responder that talks nonsense is not asked at each connection. */
	(void)entry_failed(&answer->entry, "what the responder said was not found good");
	cache->counters.failed--;
	answer->entry.pins++;
	if (list_empty(&answer->entry.waits)) {
		if (cache->calls.on_ocsp != NULL) {
			cache->calls.on_ocsp(cache->calls.ctx, answer->key, response);
		}
	} else {
		answer_settle(answer, ERR_OK, response, "");
	}
	answer->entry.pins--;
}

static void answer_due(struct wheel_timer *timer)
{
	struct entry *entry = CONTAINER_OF(timer, struct entry, timer);
	struct revocation_answer *answer = CONTAINER_OF(entry, struct revocation_answer, entry);
	struct revocation_cache *cache = entry->cache;
	struct fetch_error error = {.fault = FETCH_OK};
	struct fetch_request request = {
		.url = entry->url,
		.method = FETCH_POST,
		.body = bytes_of(answer->request, answer->request_len),
		.content_type = "application/ocsp-request",
		.accept = "application/ocsp-response",
		.bytes_max = FETCH_OCSP_BYTES_MAX,
		.listed = entry->listed,
	};

	entry->next_try_ms = 0;
	if (!entry->asked && list_empty(&entry->waits)) {
		return; /* a device that has not come again: held until its time or its place is up */
	}
	assert(entry->state == ENTRY_IDLE);
	entry->asked = false;
	if (cache->source.start(cache->source.ctx, &request, answer_fetched, answer, &entry->fetch, &error) !=
		ERR_OK) {
		entry_fetched(entry, &error);
		answer_failed(answer, error.sentence);
		return;
	}
	entry->state = ENTRY_FETCHING;
}

/* --- the door --- */

struct bytes revocation_ocsp(struct revocation_cache *cache, const uint8_t key[SHA256_BYTES])
{
	struct revocation_answer *answer = answer_find(cache, key);

	if (answer == NULL || answer->response == NULL) {
		return BYTES_NONE;
	}
	entry_use(&answer->entry, &cache->answers);
	if (answer->confirmed && answer->entry.state == ENTRY_IDLE &&
		!wheel_timer_pending(&answer->entry.timer)) {
		/* From disk, or its time had passed while nobody asked. */
		entry_schedule(&answer->entry,
			revocation_refresh_ms(answer->times.this_update, answer->times.next_update,
				clock_wall_ms(&cache->clock), answer->judged, cache_random(cache)));
	}
	return bytes_of(answer->response, answer->entry.bytes);
}

struct bytes revocation_ocsp_of(struct revocation_cache *cache, const struct revocation_ocsp *ocsp)
{
	struct revocation_answer *answer = answer_find(cache, ocsp->key);

	/* Without memory it is asked for as before. */
	if (answer != NULL &&
		answer_ask(answer, bytes_text(ocsp->url), ocsp->listed, ocsp->request) == ERR_OK) {
		answer->confirmed = true;
	}
	return revocation_ocsp(cache, ocsp->key);
}

enum err revocation_ocsp_wait(struct revocation_cache *cache, const struct revocation_ocsp *ocsp,
	revocation_ocsp_fn done, void *ctx, struct revocation_wait **out, struct fetch_error *error)
{
	struct revocation_answer *answer = NULL;
	struct revocation_wait *wait = NULL;
	enum err err =
		answer_get(cache, ocsp->key, bytes_text(ocsp->url), ocsp->listed, ocsp->request, &answer);

	if (err != ERR_OK) {
		return err;
	}
	struct entry *entry = &answer->entry;
	bool idle = entry->state == ENTRY_IDLE;

	answer->confirmed = true;
	entry_use(entry, &cache->answers);
	if (idle && entry->failures > 0 && clock_mono_ms(&cache->clock) < entry->next_try_ms) {
		if (error != NULL) {
			error->fault = FETCH_BUSY;
			(void)snprintf(error->sentence, sizeof(error->sentence), "%s", entry->sentence);
		}
		return ERR_BUSY;
	}
	err = cache_add_wait(entry, &wait);
	if (err != ERR_OK) {
		return err;
	}
	wait->answer_done = done;
	wait->ctx = ctx;
	if (idle) {
		entry_schedule(entry, 0);
	}
	if (out != NULL) {
		*out = wait;
	}
	return ERR_OK;
}

bool revocation_ocsp_asked(const struct revocation_cache *cache, const uint8_t key[SHA256_BYTES])
{
	const struct revocation_answer *answer = answer_find(cache, key);

	return answer != NULL && answer->entry.state == ENTRY_FETCHING;
}

/* Whether times say more than what is held, or the same. */
static bool is_older(const struct revocation_times *times, const struct revocation_times *held)
{
	if (times->this_update != held->this_update) {
		return times->this_update < held->this_update;
	}
	return times->produced_at < held->produced_at;
}

enum err revocation_ocsp_keep(struct revocation_cache *cache, const uint8_t key[SHA256_BYTES],
	struct bytes response, const struct revocation_times *times)
{
	struct revocation_answer *answer = answer_find(cache, key);
	int64_t now_ms = clock_wall_ms(&cache->clock);
	int64_t latest = now_ms / 1000 + REVOCATION_FUTURE_S;

	if (answer == NULL) {
		return ERR_STATE;
	}
	if (times->this_update > latest || times->produced_at > latest) {
		return ERR_DENIED;
	}
	if (answer->response != NULL && answer->judged && is_older(times, &answer->times)) {
		cache->counters.older++;
		return ERR_DENIED;
	}
	enum err err = answer_set(answer, response, times);

	if (err != ERR_OK) {
		return err;
	}
	answer->judged = true;
	if (answer->entry.state == ENTRY_IDLE) {
		entry_good(&answer->entry);
		entry_schedule(&answer->entry, revocation_refresh_ms(times->this_update, times->next_update,
						       now_ms, false, cache_random(cache)));
	}
	if (cache->folder != NULL && list_empty(&answer->unsaved)) {
		list_push_back(&cache->unsaved, &answer->unsaved);
		disk_save_answers(cache);
	}
	return ERR_OK;
}
