/*
 * revocation_list.c - revocation lists by URL: fetched, looked at on a lane, taken if they are newer.
 * Owns:    every struct revocation_list and the jobs that look at what was fetched.
 * Never:   gives up what it holds for anything but a newer list that is as well vouched for.
 * Threads: the control loop; list_job_run() on a lane.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "broker/fetch/revocation_private.h"

/* What came for one list, on its way through the lane. Owned copies: the cache may be gone when it comes back. */
struct list_job {
	struct job job;
	struct revocation_cache *cache;
	struct revocation_list *list; /* not looked at when the cache is dead */
	struct fetch_body *body;
	char *url, *folder;
	char etag[FETCH_VALIDATOR_BYTES_MAX + 1];
	char last_modified[FETCH_VALIDATOR_BYTES_MAX + 1];
	struct crl *held;
	enum revocation_vouch held_vouch;
	bool has_snapshot;
	void *snapshot;
	struct revocation_calls calls;
	int64_t now;
	/* The answer. */
	struct crl *crl;
	enum revocation_vouch vouched;
	enum revocation_take take;
	bool disk_failed;
	char sentence[FETCH_SENTENCE_BYTES];
};

static void list_due(struct wheel_timer *timer);

/* --- entries --- */

static struct revocation_list *list_of(struct entry *entry)
{
	return CONTAINER_OF(entry, struct revocation_list, entry);
}

struct revocation_list *list_find(const struct revocation_cache *cache, const char *url)
{
	return map_get(cache->list_map, bytes_text(url));
}

void list_drop(struct revocation_list *list, bool with_file)
{
	struct revocation_cache *cache = list->entry.cache;
	uint8_t name[SHA256_BYTES];

	if (with_file && list->crl != NULL) {
		disk_list_name(list->entry.url, name);
		disk_remove(cache, name, ".crl");
	}
	(void)map_remove(cache->list_map, bytes_text(list->entry.url));
	cache->counters.list_bytes -= list->entry.bytes;
	crl_unref(list->crl);
	cache_entry_release(&list->entry);
	free(list);
}

/* The least recently used one that nobody wants, but not `except`. */
static bool list_evict(struct revocation_cache *cache, const struct revocation_list *except)
{
	LIST_FOR_EACH(node, &cache->lists)
	{
		struct revocation_list *list = CONTAINER_OF(node, struct revocation_list, entry.node);

		if (list != except && !list->wanted && entry_is_quiet(&list->entry)) {
			cache->counters.evicted++;
			list_drop(list, true);
			return true;
		}
	}
	return false;
}

bool list_make_room(struct revocation_list *list, size_t bytes)
{
	struct revocation_cache *cache = list->entry.cache;

	if (bytes > cache->list_bytes_max || bytes > cache->all_bytes_max) {
		return false;
	}
	while (cache->counters.list_bytes - list->entry.bytes > cache->all_bytes_max - bytes) {
		if (!list_evict(cache, list)) {
			return false;
		}
	}
	return true;
}

enum err list_get(struct revocation_cache *cache, const char *url, bool listed, struct revocation_list **out)
{
	struct revocation_list *list = list_find(cache, url);

	if (list != NULL) {
		list->entry.listed = list->entry.listed || listed;
		*out = list;
		return ERR_OK;
	}
	if (strlen(url) > FETCH_URL_BYTES_MAX) {
		return ERR_INVALID;
	}
	if (map_count(cache->list_map) >= cache->lists_max && !list_evict(cache, NULL)) {
		return ERR_LIMIT;
	}
	list = calloc(1, sizeof(*list));
	if (list == NULL) {
		return ERR_NOMEM;
	}
	cache_entry_init(&list->entry, cache, list_due);
	list->entry.listed = listed;
	enum err err = bytes_dup_text(bytes_text(url), &list->entry.url);

	if (err == ERR_OK) {
		err = map_put(cache->list_map, bytes_text(url), list, NULL);
	}
	if (err != ERR_OK) {
		free(list->entry.url);
		free(list);
		return err;
	}
	list_push_back(&cache->lists, &list->entry.node);
	*out = list;
	return ERR_OK;
}

void list_take(struct revocation_list *list, struct crl *crl, size_t bytes, enum revocation_vouch vouched)
{
	struct revocation_cache *cache = list->entry.cache;

	cache->counters.list_bytes += bytes - list->entry.bytes;
	list->entry.bytes = bytes;
	crl_unref(list->crl);
	list->crl = crl;
	list->vouched = vouched;
}

static bool is_stale(const struct revocation_list *list)
{
	int64_t now = clock_wall_ms(&list->entry.cache->clock) / 1000;

	return crl_next_update(list->crl) != X509_NEVER && crl_next_update(list->crl) <= now;
}

void list_plan(struct revocation_list *list, bool unchanged)
{
	struct revocation_cache *cache = list->entry.cache;
	uint64_t after_ms = 0;

	if (list->crl != NULL && !is_stale(list)) {
		after_ms = revocation_refresh_ms(crl_this_update(list->crl), crl_next_update(list->crl),
			clock_wall_ms(&cache->clock), unchanged, cache_random(cache));
	}
	entry_schedule(&list->entry, after_ms);
}

/* --- outcomes --- */

static void list_settle(struct revocation_list *list, enum err err, const char *sentence)
{
	struct revocation_wait *wait = NULL;

	/* Whoever is called may cancel others, or ask anew: then he finds a list in force, or is told to wait for its time. */
	while ((wait = cache_take_wait(&list->entry)) != NULL) {
		revocation_done_fn done = wait->list_done;
		void *ctx = wait->ctx;

		free(wait);
		done(ctx, err, sentence);
	}
}

bool list_settle_one(struct revocation_cache *cache)
{
	LIST_FOR_EACH(node, &cache->lists)
	{
		struct revocation_list *list = CONTAINER_OF(node, struct revocation_list, entry.node);

		if (!list_empty(&list->entry.waits) && list->crl != NULL && !is_stale(list)) {
			list->entry.pins++;
			list_settle(list, ERR_OK, "");
			list->entry.pins--;
			return true;
		}
	}
	return false;
}

static void list_failed(struct revocation_list *list, const char *sentence)
{
	struct revocation_cache *cache = list->entry.cache;
	uint64_t retry_ms = entry_failed(&list->entry, sentence);

	list->entry.pins++;
	list_settle(list, ERR_IO, list->entry.sentence);
	if (cache->calls.on_failed != NULL) {
		cache->calls.on_failed(cache->calls.ctx, list->entry.url, list->entry.sentence, retry_ms);
	}
	list->entry.pins--;
}

static void list_unchanged(struct revocation_list *list)
{
	list->entry.cache->counters.unmodified++;
	if (is_stale(list)) {
		list_failed(list, "the server still has the list that is past its nextUpdate");
		return;
	}
	entry_good(&list->entry);
	list->entry.asked = false;
	list_plan(list, true);
	list->entry.pins++;
	list_settle(list, ERR_OK, "");
	list->entry.pins--;
}

/* --- looking at it, on the lane --- */

static void list_job_free(struct list_job *job)
{
	fetch_body_unref(job->body);
	crl_unref(job->held);
	crl_unref(job->crl);
	if (job->has_snapshot) {
		job->calls.snapshot_release(job->snapshot);
	}
	free(job->url);
	free(job->folder);
	free(job);
}

static void list_job_save(struct list_job *job)
{
	uint8_t name[SHA256_BYTES];
	struct bytes der = fetch_body_bytes(job->body);
	struct revocation_list_file file = {
		bytes_text(job->url), bytes_text(job->etag), bytes_text(job->last_modified), der};
	struct buf path = BUF_INIT(4096);
	struct buf content = BUF_INIT(der.len + 8192);
	const char *text = NULL;

	if (job->folder == NULL) {
		return;
	}
	disk_list_name(job->url, name);
	disk_path(job->folder, name, ".crl", &path);
	job->disk_failed = buf_text(&path, &text) != ERR_OK || path.len == 0 ||
			   revocation_list_encode(&file, &content) != ERR_OK ||
			   file_write_atomic(text, buf_bytes(&content), 0600) != ERR_OK;
	buf_release(&content);
	buf_release(&path);
}

static enum revocation_vouch job_vouch(const struct list_job *job, const struct crl *crl, char *sentence)
{
	return job->has_snapshot ? job->calls.vouch(job->snapshot, crl, sentence) : REVOCATION_VOUCHED;
}

static void list_job_run(struct job *base)
{
	struct list_job *job = CONTAINER_OF(base, struct list_job, job);
	char why[X509_SENTENCE_BYTES] = "";
	char ignored[X509_SENTENCE_BYTES] = "";
	const char *what = NULL;

	job->take = REVOCATION_REFUSE;
	if (revocation_parse(fetch_body_bytes(job->body), &job->crl, &what) != ERR_OK) {
		(void)snprintf(job->sentence, sizeof(job->sentence), "what came is no revocation list: %s",
			what == NULL ? "not enough memory" : what);
		return;
	}
	if (crl_this_update(job->crl) > job->now + REVOCATION_FUTURE_S) {
		(void)snprintf(job->sentence, sizeof(job->sentence),
			"what came is a revocation list whose thisUpdate lies ahead of our clock");
		return;
	}
	job->vouched = job_vouch(job, job->crl, why);
	if (job->held != NULL && job->held_vouch != REVOCATION_VOUCHED) {
		job->held_vouch = job_vouch(job, job->held, ignored); /* its signer may be known by now */
	}
	job->take = revocation_weigh(job->crl, job->vouched, job->held, job->held_vouch);
	switch (job->take) {
	case REVOCATION_TAKE: list_job_save(job); break;
	case REVOCATION_SAME: break;
	case REVOCATION_OLDER:
		(void)snprintf(job->sentence, sizeof(job->sentence), "%s",
			job->vouched != REVOCATION_VOUCHED
				? "the signer of what came is not known, and that of the list held is"
			: crl_is_delta(job->crl) && !crl_is_delta(job->held)
				? "what came is a delta list, and a complete one is held"
				: "what came is not newer than the list that is held");
		break;
	case REVOCATION_REFUSE:
		(void)snprintf(job->sentence, sizeof(job->sentence), "what came is not taken: %s", why);
		break;
	}
}

/* --- back on the loop --- */

static void list_job_took(struct revocation_list *list, struct list_job *job)
{
	struct revocation_cache *cache = list->entry.cache;
	struct crl *crl = job->crl;

	job->crl = NULL;
	cache->counters.fetched++;
	memcpy(list->etag, job->etag, sizeof(list->etag));
	memcpy(list->last_modified, job->last_modified, sizeof(list->last_modified));
	list_take(list, crl, fetch_body_bytes(job->body).len, job->vouched);
	list->from_disk = false;
	list->entry.pins++;
	if (cache->calls.on_crl != NULL) {
		cache->calls.on_crl(cache->calls.ctx, list->entry.url, crl);
	}
	if (is_stale(list)) {
		/* Newer than nothing, or than an older one, but no good beginning: asked again soon. */
		list_failed(list, "the server has a list that is past its nextUpdate");
	} else {
		entry_good(&list->entry);
		list->entry.asked = false;
		list_plan(list, false);
		list_settle(list, ERR_OK, "");
	}
	list->entry.pins--;
}

static void list_job_done(struct job *base)
{
	struct list_job *job = CONTAINER_OF(base, struct list_job, job);
	struct revocation_cache *cache = job->cache;
	struct revocation_list *list = job->list;

	if (!cache->dead) {
		list->entry.state = ENTRY_IDLE;
		cache->counters.disk_errors += job->disk_failed ? 1 : 0;
		switch (job->take) {
		case REVOCATION_TAKE: list_job_took(list, job); break;
		case REVOCATION_SAME:
			list->vouched = job->vouched;
			memcpy(list->etag, job->etag, sizeof(list->etag));
			memcpy(list->last_modified, job->last_modified, sizeof(list->last_modified));
			list_unchanged(list);
			break;
		case REVOCATION_OLDER:
			list->vouched = job->held_vouch;
			cache->counters.older++;
			list_failed(list, job->sentence);
			break;
		case REVOCATION_REFUSE:
			cache->counters.forged +=
				job->vouched == REVOCATION_FORGED && job->crl != NULL ? 1 : 0;
			list_failed(list, job->sentence);
			break;
		}
	}
	list_job_free(job);
	cache_job_over(cache);
}

static enum err list_job_new(
	struct revocation_list *list, const struct fetch_answer *answer, struct list_job **out)
{
	struct revocation_cache *cache = list->entry.cache;
	struct list_job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		return ERR_NOMEM;
	}
	job->job.run = list_job_run;
	job->job.done = list_job_done;
	job->cache = cache;
	job->list = list;
	job->calls = cache->calls;
	job->now = clock_wall_ms(&cache->clock) / 1000;
	job->body = fetch_body_ref(answer->body);
	job->held = list->crl == NULL ? NULL : crl_ref(list->crl);
	job->held_vouch = list->vouched;
	(void)snprintf(job->etag, sizeof(job->etag), "%s", answer->etag);
	(void)snprintf(job->last_modified, sizeof(job->last_modified), "%s", answer->last_modified);
	enum err err = bytes_dup_text(bytes_text(list->entry.url), &job->url);

	if (err == ERR_OK && cache->folder != NULL) {
		err = bytes_dup_text(bytes_text(cache->folder), &job->folder);
	}
	if (err == ERR_OK && cache->calls.vouch != NULL) {
		job->snapshot = cache->calls.snapshot(cache->calls.ctx);
		job->has_snapshot = true;
	}
	if (err != ERR_OK) {
		list_job_free(job);
		return err;
	}
	*out = job;
	return ERR_OK;
}

static void list_look_at(struct revocation_list *list, const struct fetch_answer *answer)
{
	struct revocation_cache *cache = list->entry.cache;
	struct list_job *job = NULL;

	if (!list_make_room(list, fetch_body_bytes(answer->body).len)) {
		list_failed(list, "there is no room for a list of this size");
		return;
	}
	enum err err = list_job_new(list, answer, &job);

	if (err == ERR_OK) {
		err = executor_submit(&cache->executor, LANE_FILE, &job->job);
		if (err != ERR_OK) {
			list_job_free(job);
		}
	}
	if (err != ERR_OK) {
		list_failed(list, err == ERR_NOMEM ? "not enough memory to look at it"
						   : "too much else is to be read and written");
		return;
	}
	cache->jobs++;
	list->entry.state = ENTRY_PARSING;
}

static void list_fetched(void *ctx, const struct fetch_answer *answer)
{
	struct revocation_list *list = ctx;

	assert(list->entry.state == ENTRY_FETCHING);
	list->entry.fetch = NULL;
	list->entry.state = ENTRY_IDLE;
	entry_fetched(&list->entry, &answer->error);
	if (answer->error.fault != FETCH_OK) {
		list_failed(list, answer->error.sentence);
	} else if (!answer->not_modified) {
		list_look_at(list, answer);
	} else if (list->crl != NULL) {
		list_unchanged(list);
	} else {
		list_failed(list, "the server says that nothing has changed, and nothing is held");
	}
}

static void list_due(struct wheel_timer *timer)
{
	struct revocation_list *list = list_of(CONTAINER_OF(timer, struct entry, timer));
	struct revocation_cache *cache = list->entry.cache;
	struct fetch_error error = {.fault = FETCH_OK};
	struct fetch_request request = {
		.url = list->entry.url,
		.method = FETCH_GET,
		.accept = "application/pkix-crl, */*",
		.etag = list->crl == NULL ? NULL : list->etag,
		.last_modified = list->crl == NULL ? NULL : list->last_modified,
		.bytes_max = cache->list_bytes_max,
		.total_ms = REVOCATION_LIST_TOTAL_MS,
		.listed = list->entry.listed,
	};

	list->entry.next_try_ms = 0;
	if (!list->wanted && !list->entry.asked && list_empty(&list->entry.waits)) {
		return; /* nobody has looked at it since: held, not refreshed */
	}
	assert(list->entry.state == ENTRY_IDLE);
	if (cache->source.start(
		    cache->source.ctx, &request, list_fetched, list, &list->entry.fetch, &error) != ERR_OK) {
		entry_fetched(&list->entry, &error);
		list_failed(list, error.sentence);
		return;
	}
	list->entry.state = ENTRY_FETCHING;
}

/* --- the door --- */

enum err revocation_want_set(
	struct revocation_cache *cache, const struct revocation_want *wants, size_t count)
{
	enum err result = ERR_OK;

	LIST_FOR_EACH(node, &cache->lists)
	{
		struct revocation_list *list = CONTAINER_OF(node, struct revocation_list, entry.node);

		list->wanted = false;
		list->entry.listed = false;
	}
	for (size_t i = 0; i < count; i++) {
		struct revocation_list *list = NULL;
		enum err err = list_get(cache, wants[i].url, wants[i].listed, &list);

		if (err != ERR_OK) {
			result = err;
			continue;
		}
		list->wanted = true;
		if (list->entry.state == ENTRY_IDLE && !wheel_timer_pending(&list->entry.timer)) {
			list_plan(list, false);
		}
	}
	return result;
}

struct crl *revocation_crl(struct revocation_cache *cache, const char *url)
{
	struct revocation_list *list = list_find(cache, url);

	if (list == NULL || list->crl == NULL) {
		return NULL;
	}
	entry_use(&list->entry, &cache->lists);
	if (list->entry.state == ENTRY_IDLE && !wheel_timer_pending(&list->entry.timer)) {
		list_plan(list, false); /* its time had passed while nobody asked */
	}
	return list->crl;
}

enum err revocation_crl_wait(struct revocation_cache *cache, const struct revocation_want *want,
	revocation_done_fn done, void *ctx, struct revocation_wait **out, struct fetch_error *error)
{
	struct revocation_list *list = NULL;
	struct revocation_wait *wait = NULL;
	enum err err = list_get(cache, want->url, want->listed, &list);

	if (err != ERR_OK) {
		return err;
	}
	entry_use(&list->entry, &cache->lists);
	if (list->crl != NULL && !is_stale(list)) {
		return ERR_EXISTS;
	}
	bool idle = list->entry.state == ENTRY_IDLE;

	if (idle && list->entry.failures > 0 && clock_mono_ms(&cache->clock) < list->entry.next_try_ms) {
		if (error != NULL) {
			error->fault = FETCH_BUSY;
			(void)snprintf(error->sentence, sizeof(error->sentence), "%s", list->entry.sentence);
		}
		return ERR_BUSY;
	}
	err = cache_add_wait(&list->entry, &wait);
	if (err != ERR_OK) {
		return err;
	}
	wait->list_done = done;
	wait->ctx = ctx;
	if (idle) {
		entry_schedule(&list->entry, 0);
	}
	if (out != NULL) {
		*out = wait;
	}
	return ERR_OK;
}

void revocation_refresh(struct revocation_cache *cache)
{
	LIST_FOR_EACH(node, &cache->lists)
	{
		struct revocation_list *list = CONTAINER_OF(node, struct revocation_list, entry.node);

		if (list->wanted || list->entry.asked) {
			entry_schedule(&list->entry, 0);
		}
	}
}

void revocation_renew(struct revocation_cache *cache, const char *url)
{
	struct revocation_list *list = list_find(cache, url);

	if (list != NULL && list->wanted && list->entry.failures == 0) {
		entry_schedule(&list->entry, 0);
	}
}

void revocation_catch_up(struct revocation_cache *cache)
{
	int64_t now_ms = clock_wall_ms(&cache->clock);

	LIST_FOR_EACH(node, &cache->lists)
	{
		struct revocation_list *list = CONTAINER_OF(node, struct revocation_list, entry.node);
		struct entry *entry = &list->entry;

		if (entry->failures == 0 && wheel_timer_pending(&entry->timer) &&
			now_ms >= entry->next_try_wall_ms) {
			entry_schedule(entry, 0);
		}
	}
}

void revocation_rules_changed(struct revocation_cache *cache)
{
	LIST_FOR_EACH(node, &cache->lists)
	{
		struct revocation_list *list = CONTAINER_OF(node, struct revocation_list, entry.node);

		entry_forgive(&list->entry);
	}
	/* Who is asked about a status is asked when somebody comes with it. */
	LIST_FOR_EACH(node, &cache->answers)
	{
		struct revocation_answer *answer = CONTAINER_OF(node, struct revocation_answer, entry.node);

		entry_forgive(&answer->entry);
	}
}

/* --- for DISPLAY --- */

static void state_of(const struct revocation_list *list, struct revocation_state *out)
{
	const struct entry *entry = &list->entry;
	const struct clock *clock = &entry->cache->clock;
	int64_t until_ms = 0;

	if (entry->next_try_ms != 0) {
		until_ms = (int64_t)entry->next_try_ms - (int64_t)clock_mono_ms(clock);
	}
	*out = (struct revocation_state){
		.url = entry->url,
		.wanted = list->wanted,
		.listed = entry->listed,
		.held = list->crl != NULL,
		.vouched = list->crl != NULL && list->vouched == REVOCATION_VOUCHED,
		.fetching = entry->state != ENTRY_IDLE,
		.from_disk = list->from_disk,
		.bytes = entry->bytes,
		.entries = list->crl == NULL ? 0 : crl_entry_count(list->crl),
		.this_update = list->crl == NULL ? 0 : crl_this_update(list->crl),
		.next_update = list->crl == NULL ? 0 : crl_next_update(list->crl),
		.last_success_ms = entry->last_success_ms,
		.last_failure_ms = entry->last_failure_ms,
		.next_try_ms = entry->next_try_ms == 0 ? 0 : clock_wall_ms(clock) + until_ms,
		.failures = entry->failures,
		.sentence = entry->sentence,
	};
}

bool revocation_state_at(const struct revocation_cache *cache, size_t index, struct revocation_state *out)
{
	LIST_FOR_EACH(node, &cache->lists)
	{
		if (index-- == 0) {
			state_of(CONTAINER_OF(node, struct revocation_list, entry.node), out);
			return true;
		}
	}
	return false;
}

bool revocation_state_of(const struct revocation_cache *cache, const char *url, struct revocation_state *out)
{
	const struct revocation_list *list = list_find(cache, url);

	if (list == NULL) {
		return false;
	}
	state_of(list, out);
	return true;
}
