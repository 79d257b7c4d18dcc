/*
 * fetcher.c - who waits for which transfer, and which transfer may run now.
 * Owns:    every flight and everybody who waits for it; libcurl's global state, counted.
 * Never:   calls somebody who waits from within fetch_start() or fetch_cancel().
 * Threads: the control loop.
 */
#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "broker/fetch/fetch_private.h"

/* --- bodies --- */

enum err fetch_body_new(struct bytes content, struct fetch_body **out)
{
	struct fetch_body *body = calloc(1, sizeof(*body));

	if (body == NULL) {
		return ERR_NOMEM;
	}
	atomic_init(&body->refs, 1);
	buf_init(&body->buf, FETCH_BODY_BYTES_MAX);
	enum err err = buf_append(&body->buf, content);

	if (err != ERR_OK) {
		fetch_body_unref(body);
		return err;
	}
	*out = body;
	return ERR_OK;
}

struct fetch_body *fetch_body_ref(struct fetch_body *body)
{
	(void)atomic_fetch_add(&body->refs, 1);
	return body;
}

void fetch_body_unref(struct fetch_body *body)
{
	if (body != NULL && atomic_fetch_sub(&body->refs, 1) == 1) {
		buf_release(&body->buf);
		free(body);
	}
}

struct bytes fetch_body_bytes(const struct fetch_body *body)
{
	return buf_bytes(&body->buf);
}

/* --- flights --- */

static void flight_free(struct flight *flight)
{
	assert(list_empty(&flight->waiters));
	hop_end(flight);
	wheel_cancel(flight->fetcher->wheel, &flight->deadline);
	list_remove(&flight->node);
	if (flight->body != NULL) {
		flight->fetcher->held_bytes -= flight->body->buf.len;
	}
	fetch_body_unref(flight->body);
	free(flight->url);
	free(flight->request);
	free(flight->content_type);
	free(flight->accept);
	free(flight->if_etag);
	free(flight->if_modified);
	free(flight);
}

/* Out of the map and of its place: nobody can join any more, and the next one may run. */
static void flight_leave(struct flight *flight)
{
	struct fetcher *fetcher = flight->fetcher;

	assert(flight->state != FLIGHT_ENDING);
	(void)map_remove(fetcher->flights, bytes_of(flight->key, sizeof(flight->key)));
	if (flight->state == FLIGHT_RUNNING) {
		fetcher->running_count--;
	} else {
		fetcher->queue_count--;
	}
	list_remove(&flight->node);
	hop_end(flight);
	wheel_cancel(fetcher->wheel, &flight->deadline);
	flight->state = FLIGHT_ENDING;
}

static void flight_finish(struct flight *flight, const struct fetch_error *error)
{
	struct fetcher *fetcher = flight->fetcher;

	flight_leave(flight);
	if (error->fault == FETCH_OK) {
		fetcher->counters.finished++;
	} else if (fetch_fault_is_refusal(error->fault)) {
		fetcher->counters.refused++;
	} else {
		fetcher->counters.failed++;
	}
	struct fetch_answer answer = {
		.error = *error,
		.status = flight->status,
		.not_modified = error->fault == FETCH_OK && flight->status == 304,
		.body = error->fault == FETCH_OK ? flight->body : NULL,
		.etag = flight->etag,
		.last_modified = flight->last_modified,
		.hops = flight->hops,
	};

	if (answer.not_modified) {
		answer.body = NULL;
	}
	while (!list_empty(&flight->waiters)) {
		struct fetch *fetch = CONTAINER_OF(flight->waiters.next, struct fetch, node);
		fetch_done_fn done = fetch->done;
		void *ctx = fetch->ctx;

		list_remove(&fetch->node);
		flight->waiter_count--;
		fetcher->counters.waiting--;
		free(fetch);
		done(ctx, &answer);
	}
	flight_free(flight);
}

static void on_deadline(struct wheel_timer *timer)
{
	struct flight *flight = CONTAINER_OF(timer, struct flight, deadline);
	struct fetcher *fetcher = flight->fetcher;
	struct fetch_error error = {0};

	if (flight->unwatched) {
		fetch_error_set(
			&error, FETCH_NO_MEMORY, "%.200s: its socket could not be watched", flight->url);
	} else {
		fetch_error_set(&error, FETCH_TIMEOUT, "%.200s: no whole answer within %u ms", flight->url,
			flight->total_ms);
	}
	flight_finish(flight, &error);
	fetcher_pump(fetcher);
}

/* Takes a place: the time it may take runs from here. */
static enum err flight_run(struct flight *flight, struct fetch_error *error)
{
	struct fetcher *fetcher = flight->fetcher;

	assert(flight->state == FLIGHT_QUEUED);
	enum err err = hop_check(fetcher, flight, error);

	if (err == ERR_OK) {
		err = hop_begin(flight, error);
	}
	if (err != ERR_OK) {
		return err;
	}
	list_remove(&flight->node);
	list_push_back(&fetcher->running, &flight->node);
	fetcher->queue_count--;
	fetcher->running_count++;
	fetcher->counters.started++;
	flight->state = FLIGHT_RUNNING;
	wheel_add(fetcher->wheel, &flight->deadline, clock_mono_ms(&fetcher->clock) + flight->total_ms);
	return ERR_OK;
}

/* The next hop of a flight that keeps its place and its deadline. */
static enum err flight_redirect(struct flight *flight, char *next, struct fetch_error *error)
{
	struct fetch_url to;
	enum err err = fetch_url_parse(next, &to, error);

	if (err == ERR_OK && flight->at.tls && !to.tls) {
		fetch_error_set(error, FETCH_REDIRECT_DOWNGRADE, "%.120s: redirected from https to %.120s",
			flight->url, next);
		err = ERR_DENIED;
	}
	if (err != ERR_OK) {
		free(next);
		return err;
	}
	hop_end(flight);
	free(flight->url);
	flight->url = next;
	flight->at = to;
	flight->hops++;
	err = hop_check(flight->fetcher, flight, error);
	return err == ERR_OK ? hop_begin(flight, error) : err;
}

void flight_hop_over(struct flight *flight, int code)
{
	struct fetch_error error = {.fault = FETCH_OK};
	char *next = NULL;

	assert(flight->state == FLIGHT_RUNNING);
	if (hop_outcome(flight, code, &next, &error) && flight_redirect(flight, next, &error) == ERR_OK) {
		return;
	}
	flight_finish(flight, &error);
}

/* --- places --- */

static bool host_is_full(const struct fetcher *fetcher, const struct fetch_url *url)
{
	unsigned count = 0;

	LIST_FOR_EACH(node, &fetcher->running)
	{
		const struct flight *flight = CONTAINER_OF(node, struct flight, node);

		if (flight->at.port == url->port && strcmp(flight->at.host, url->host) == 0) {
			count++;
		}
	}
	return count >= fetcher->per_host_max;
}

static struct flight *next_to_run(struct fetcher *fetcher)
{
	LIST_FOR_EACH(node, &fetcher->queue)
	{
		struct flight *flight = CONTAINER_OF(node, struct flight, node);

		if (fetcher->running_count >= fetcher->transfers_max) {
			break;
		}
		if (!host_is_full(fetcher, &flight->at)) {
			return flight;
		}
	}
	return NULL;
}

/* In an event of the loop, never under a call of a consumer: who waits may be told here. */
void fetcher_pump(struct fetcher *fetcher)
{
	for (;;) {
		struct fetch_error error = {.fault = FETCH_OK};
		struct flight *flight = fetcher->stopped ? NULL : next_to_run(fetcher);

		if (flight == NULL) {
			break;
		}
		if (flight_run(flight, &error) != ERR_OK) {
			flight_finish(flight, &error);
		}
	}
}

static void on_pump_timer(struct wheel_timer *timer)
{
	fetcher_pump(CONTAINER_OF(timer, struct fetcher, pump_timer));
}

/* --- asking --- */

static void add_part(struct buf *key, bool *good, struct bytes part)
{
	uint8_t len[8];

	for (size_t i = 0; i < sizeof(len); i++) {
		len[i] = (uint8_t)((uint64_t)part.len >> (8 * i));
	}
	*good = *good && buf_append(key, bytes_of(len, sizeof(len))) == ERR_OK &&
		buf_append(key, part) == ERR_OK;
}

/* Everything that makes another transfer of it. */
static enum err key_of(const struct fetch_request *request, size_t bytes_max, uint32_t total_ms, uint8_t *out)
{
	struct buf key = BUF_INIT(FETCH_URL_BYTES_MAX + FETCH_REQUEST_BYTES_MAX + 8192);
	const uint64_t numbers[4] = {
		(uint64_t)request->method, bytes_max, total_ms, request->listed ? 1u : 0u};
	bool good = true;

	add_part(&key, &good, bytes_of(numbers, sizeof(numbers)));
	add_part(&key, &good, bytes_text(request->url));
	add_part(&key, &good, request->body);
	add_part(&key, &good, bytes_text(request->content_type));
	add_part(&key, &good, bytes_text(request->accept));
	add_part(&key, &good, bytes_text(request->etag));
	add_part(&key, &good, bytes_text(request->last_modified));
	if (good) {
		hash_of(HASH_SHA256, buf_bytes(&key), out);
	}
	buf_release(&key);
	return good ? ERR_OK : ERR_NOMEM;
}

/* A header value of our own making; NULL and "" are none. */
static bool dup_header(const char *value, char **out)
{
	if (value == NULL || value[0] == '\0') {
		return true;
	}
	for (const char *at = value; *at != '\0'; at++) {
		if (*at < 0x20 || *at > 0x7e || at - value >= (ptrdiff_t)FETCH_VALIDATOR_BYTES_MAX) {
			return false; /* would break the header: as our own callers never do */
		}
	}
	return bytes_dup_text(bytes_text(value), out) == ERR_OK;
}

static enum err flight_new(struct fetcher *fetcher, const struct fetch_request *request,
	const struct fetch_url *url, struct flight **out)
{
	struct flight *flight = calloc(1, sizeof(*flight));

	if (flight == NULL) {
		return ERR_NOMEM;
	}
	list_init(&flight->node);
	list_init(&flight->waiters);
	flight->fetcher = fetcher;
	flight->state = FLIGHT_QUEUED;
	flight->deadline.fn = on_deadline;
	flight->method = request->method;
	flight->named = *url;
	flight->at = *url;
	flight->listed = request->listed;
	flight->bytes_max = request->bytes_max != 0 ? request->bytes_max : FETCH_OCSP_BYTES_MAX;
	flight->total_ms = request->total_ms != 0 ? request->total_ms : FETCH_TOTAL_MS;
	enum err err = bytes_dup_text(bytes_text(request->url), &flight->url);

	if (err == ERR_OK && request->body.len > 0) {
		err = bytes_dup(request->body, &flight->request);
		flight->request_len = request->body.len;
	}
	if (err == ERR_OK && !(dup_header(request->content_type, &flight->content_type) &&
				     dup_header(request->accept, &flight->accept) &&
				     dup_header(request->etag, &flight->if_etag) &&
				     dup_header(request->last_modified, &flight->if_modified))) {
		err = ERR_NOMEM;
	}
	if (err == ERR_OK) {
		err = fetch_body_new(BYTES_NONE, &flight->body);
	}
	if (err == ERR_OK) {
		buf_init(&flight->body->buf, flight->bytes_max);
		err = key_of(request, flight->bytes_max, flight->total_ms, flight->key);
	}
	if (err != ERR_OK) {
		flight_free(flight);
		return err;
	}
	*out = flight;
	return ERR_OK;
}

static enum err check_request(
	const struct fetch_request *request, struct fetch_url *url, struct fetch_error *error)
{
	enum err err = fetch_url_parse(request->url, url, error);

	if (err != ERR_OK) {
		return err;
	}
	if (request->body.len > FETCH_REQUEST_BYTES_MAX || request->bytes_max > FETCH_BODY_BYTES_MAX ||
		request->total_ms > FETCH_TOTAL_MS_MAX) {
		fetch_error_set(
			error, FETCH_TOO_BIG, "%.200s: asks for more than the limits allow", request->url);
		return ERR_LIMIT;
	}
	return ERR_OK;
}

/* The flight for this question: one under way, or a new one in the queue. */
static enum err flight_find_or_add(struct fetcher *fetcher, const struct fetch_request *request,
	const struct fetch_url *url, struct flight **out, struct fetch_error *error)
{
	struct flight *flight = NULL;
	enum err err = flight_new(fetcher, request, url, &flight);

	if (err != ERR_OK) {
		goto out;
	}
	struct flight *other = map_get(fetcher->flights, bytes_of(flight->key, sizeof(flight->key)));

	if (other != NULL) {
		flight_free(flight);
		*out = other;
		fetcher->counters.joined++;
		return ERR_OK;
	}
	if (fetcher->queue_count >= fetcher->queue_max) {
		err = ERR_LIMIT;
		fetch_error_set(error, FETCH_BUSY, "%.200s: %u transfers wait already", request->url,
			fetcher->queue_max);
		flight_free(flight);
		return err;
	}
	err = hop_check(fetcher, flight, error);
	if (err != ERR_OK) {
		fetcher->counters.refused++;
		flight_free(flight);
		return err;
	}
	err = map_put(fetcher->flights, bytes_of(flight->key, sizeof(flight->key)), flight, NULL);
	if (err != ERR_OK) {
		flight_free(flight);
		goto out;
	}
	list_push_back(&fetcher->queue, &flight->node);
	fetcher->queue_count++;
	*out = flight;
out:
	if (err != ERR_OK) {
		fetch_error_set(error, FETCH_NO_MEMORY, "%.200s: not enough memory", request->url);
	}
	return err;
}

enum err fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_done_fn done,
	void *ctx, struct fetch **out, struct fetch_error *error)
{
	struct fetch_url url;
	struct flight *flight = NULL;
	struct fetch *fetch = NULL;

	assert(fetcher->magic == FETCHER_MAGIC);
	if (fetcher->stopped) {
		fetch_error_set(error, FETCH_STOPPED, "the broker stops");
		return ERR_STATE;
	}
	enum err err = check_request(request, &url, error);

	if (err != ERR_OK) {
		return err;
	}
	fetch = calloc(1, sizeof(*fetch));
	if (fetch == NULL) {
		fetch_error_set(error, FETCH_NO_MEMORY, "%.200s: not enough memory", request->url);
		return ERR_NOMEM;
	}
	err = flight_find_or_add(fetcher, request, &url, &flight, error);
	if (err != ERR_OK) {
		free(fetch);
		return err;
	}
	assert(flight != NULL);
	if (flight->waiter_count >= fetcher->waiters_max) {
		fetch_error_set(error, FETCH_BUSY, "%.200s: %u wait for it already", request->url,
			fetcher->waiters_max);
		free(fetch);
		return ERR_LIMIT;
	}
	fetch->flight = flight;
	fetch->done = done;
	fetch->ctx = ctx;
	list_init(&fetch->node);
	list_push_back(&flight->waiters, &fetch->node);
	flight->waiter_count++;
	fetcher->counters.waiting++;
	if (flight->state == FLIGHT_QUEUED && !wheel_timer_pending(&fetcher->pump_timer)) {
		wheel_add(fetcher->wheel, &fetcher->pump_timer, clock_mono_ms(&fetcher->clock));
	}
	if (out != NULL) {
		*out = fetch;
	}
	return ERR_OK;
}

void fetch_cancel(struct fetch *fetch)
{
	if (fetch == NULL) {
		return;
	}
	struct flight *flight = fetch->flight;
	struct fetcher *fetcher = flight->fetcher;

	list_remove(&fetch->node);
	flight->waiter_count--;
	fetcher->counters.waiting--;
	fetcher->counters.cancelled++;
	free(fetch);
	if (flight->waiter_count > 0 || flight->state == FLIGHT_ENDING) {
		return;
	}
	flight_leave(flight);
	flight_free(flight);
	if (fetcher->queue_count > 0 && !wheel_timer_pending(&fetcher->pump_timer)) {
		wheel_add(fetcher->wheel, &fetcher->pump_timer, clock_mono_ms(&fetcher->clock));
	}
}

/* --- the fetcher --- */

static unsigned or_default(unsigned given, unsigned otherwise)
{
	return given != 0 ? given : otherwise;
}

enum err fetcher_new(const struct fetcher_options *options, struct fetcher **out)
{
	const char *agent = options->user_agent != NULL ? options->user_agent : "lockgate";
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

	if (fetcher == NULL) {
		return ERR_NOMEM;
	}
	fetcher->magic = FETCHER_MAGIC;
	fetcher->clock = options->clock;
	fetcher->wheel = options->wheel;
	fetcher->transfers_max = or_default(options->transfers_max, FETCH_TRANSFERS_MAX);
	fetcher->per_host_max = or_default(options->per_host_max, FETCH_PER_HOST_MAX);
	fetcher->queue_max = or_default(options->queue_max, FETCH_QUEUE_MAX);
	fetcher->waiters_max = or_default(options->waiters_max, FETCH_WAITERS_MAX);
	fetcher->connect_ms = or_default(options->connect_ms, FETCH_CONNECT_MS);
	fetcher->held_bytes_max =
		options->held_bytes_max != 0 ? options->held_bytes_max : FETCH_HELD_BYTES_MAX;
	fetcher->pump_timer.fn = on_pump_timer;
	fetcher->list = fetch_list_ref(options->list);
	buf_init(&fetcher->ca_pem, FETCH_CA_BYTES_MAX);
	list_init(&fetcher->running);
	list_init(&fetcher->queue);

	enum err err = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? ERR_OK : ERR_NOMEM;

	fetcher->library = err == ERR_OK;
	if (err == ERR_OK && (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) == 0) {
		err = ERR_UNSUPPORTED; /* it would look up names on our loop */
	}
	if (err == ERR_OK) {
		err = bytes_dup_text(bytes_text(agent), &fetcher->user_agent);
	}
	if (err == ERR_OK) {
		err = fetcher_set_trust(fetcher, options->ca_pem);
	}
	if (err == ERR_OK) {
		err = map_new(&fetcher->flights);
	}
	if (err == ERR_OK) {
		err = multi_open(fetcher, options->net);
	}
	if (err != ERR_OK) {
		fetcher_free(fetcher);
		return err;
	}
	*out = fetcher;
	return ERR_OK;
}

enum err fetcher_set_trust(struct fetcher *fetcher, struct bytes ca_pem)
{
	struct buf fresh = BUF_INIT(FETCH_CA_BYTES_MAX);
	enum err err = buf_append(&fresh, ca_pem);

	if (err != ERR_OK) {
		return err;
	}
	buf_release(&fetcher->ca_pem);
	fetcher->ca_pem = fresh;
	return ERR_OK;
}

void fetcher_set_list(struct fetcher *fetcher, struct fetch_list *list)
{
	struct fetch_list *before = fetcher->list;

	fetcher->list = fetch_list_ref(list);
	fetch_list_unref(before);
}

static struct flight *any_flight(struct fetcher *fetcher)
{
	struct list *list = !list_empty(&fetcher->running) ? &fetcher->running : &fetcher->queue;

	return list_empty(list) ? NULL : CONTAINER_OF(list->next, struct flight, node);
}

void fetcher_stop(struct fetcher *fetcher)
{
	struct fetch_error error = {0};
	struct flight *flight = NULL;

	fetcher->stopped = true;
	fetch_error_set(&error, FETCH_STOPPED, "the broker stops");
	while ((flight = any_flight(fetcher)) != NULL) {
		flight_finish(flight, &error);
	}
}

static void flight_forget(struct flight *flight)
{
	while (!list_empty(&flight->waiters)) {
		struct fetch *fetch = CONTAINER_OF(flight->waiters.next, struct fetch, node);

		list_remove(&fetch->node);
		free(fetch);
	}
	flight_leave(flight);
	flight_free(flight);
}

void fetcher_free(struct fetcher *fetcher)
{
	struct flight *flight = NULL;

	if (fetcher == NULL) {
		return;
	}
	assert(fetcher->magic == FETCHER_MAGIC);
	while ((flight = any_flight(fetcher)) != NULL) {
		flight_forget(flight);
	}
	multi_close(fetcher);
	wheel_cancel(fetcher->wheel, &fetcher->pump_timer);
	map_free(fetcher->flights);
	buf_release(&fetcher->ca_pem);
	fetch_list_unref(fetcher->list);
	free(fetcher->user_agent);
	if (fetcher->library) {
		curl_global_cleanup();
	}
	fetcher->magic = 0;
	free(fetcher);
}

void fetcher_counters(const struct fetcher *fetcher, struct fetcher_counters *out)
{
	*out = fetcher->counters;
	out->running = fetcher->running_count;
	out->queued = fetcher->queue_count;
}
