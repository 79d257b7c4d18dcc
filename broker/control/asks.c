/*
 * asks.c - the questions of connections that wait for revocation data, and the statuses that live sessions go on living by.
 * Owns:    a question from its letter to its answer; the table of watched statuses.
 * Never:   keeps a question longer than its sources; asks a source once more while it is being asked.
 * Threads: the control loop; status_changed() runs on workers.
 *
 * A question is answered when each of its certificates has a source that said something, or when all are over. What is still
 * under way then is left to others who wait for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/connection.h"
#include "broker/control/sources_private.h"

#define OCSP_REQUEST_BYTES_MAX 4096u

/* A watched status: in the table while a connection lives by it, or asks for it. */
struct status {
	struct sources *sources;
	struct ocsp_watch *watch;
	struct revocation_wait *retry; /* asked again for those who live by it */
	enum x509_reason known; /* what the answer in force says; X509_OCSP_UNREACHABLE: there is none */
	unsigned asking;        /* questions that wait for it */
	bool answered;          /* a question went home with it: somebody may live by it */
	bool untold;            /* somebody may live by it who has not been told of a change */
	unsigned fruitless;     /* answers in a row that settled nothing */
	uint64_t asked_ms;      /* when it was asked last */
};

/* A responder that does not know is not asked again at once: so long, and twice as long each time, up to an hour. */
#define ASK_AGAIN_MS     60000u
#define ASK_AGAIN_MS_MAX 3600000u

static int64_t now_s(const struct sources *sources)
{
	return clock_wall_ms(&sources->control->clock) / 1000;
}

static struct bytes key_of(const struct ocsp_watch *watch)
{
	return bytes_of(ocsp_watch_key(watch), SHA256_BYTES);
}

/* --- responders, for DISPLAY --- */

static struct responder *responder_find(struct sources *sources, const char *url, bool listed)
{
	struct responder *oldest = &sources->responders[0];
	char *copy = NULL;

	for (size_t i = 0; i < sources->responder_count; i++) {
		struct responder *responder = &sources->responders[i];

		if (strcmp(responder->url, url) == 0 && responder->listed == listed) {
			responder->used = ++sources->responder_uses;
			return responder;
		}
		oldest = responder->used < oldest->used ? responder : oldest;
	}
	copy = strdup(url);
	if (copy == NULL) {
		return NULL;
	}
	if (sources->responder_count < SOURCES_RESPONDERS_MAX) {
		oldest = &sources->responders[sources->responder_count++];
	}
	free(oldest->url);
	*oldest = (struct responder){.url = copy, .listed = listed, .used = ++sources->responder_uses};
	return oldest;
}

static void responder_note(struct sources *sources, const struct ocsp_watch *watch, const char *sentence)
{
	struct ocsp_watch_facts facts = ocsp_watch_facts(watch);
	struct responder *responder = responder_find(sources, facts.url, facts.listed);
	int64_t now_ms = clock_wall_ms(&sources->control->clock);

	if (responder == NULL) {
		return;
	}
	responder->tried = true;
	if (sentence == NULL) {
		responder->last_success_ms = now_ms;
		responder->failures = 0;
		responder->sentence[0] = '\0';
		return;
	}
	responder->last_failure_ms = now_ms;
	(void)snprintf(responder->sentence, sizeof(responder->sentence), "%s", sentence);
	if (responder->failures++ == 0) {
		/* Once for a row of failures. */
		LOG(sources->control->log, LOG_WARN, "LKG0454W",
			"an OCSP responder did not say what was asked", LF_TEXT("url", facts.url),
			LF_TEXT("sentence", sentence));
	}
}

/* --- statuses --- */

static void status_free(struct status *status)
{
	if (status->retry != NULL) {
		revocation_wait_cancel(status->retry);
	}
	ocsp_watch_unref(status->watch);
	free(status);
}

/* The status of the need's question; the need's own watch gives way to the one that is known. NULL: no room. */
static struct status *status_of(struct sources *sources, struct park_need *need)
{
	struct status *status = map_get(sources->statuses, key_of(need->watch));

	if (status == NULL) {
		status = map_count(sources->statuses) >= SOURCES_STATUS_MAX ? NULL
									    : calloc(1, sizeof(*status));
		if (status == NULL) {
			return NULL;
		}
		*status = (struct status){.sources = sources,
			.watch = ocsp_watch_ref(need->watch),
			.known = X509_OCSP_UNREACHABLE};
		if (map_put(sources->statuses, key_of(need->watch), status, NULL) != ERR_OK) {
			status_free(status);
			return NULL;
		}
	}
	if (status->watch != need->watch) {
		ocsp_watch_unref(need->watch);
		need->watch = ocsp_watch_ref(status->watch);
	}
	return status;
}

/* --- what was said goes to those who live by it --- */

struct status_letter {
	struct mail mail;
	struct shared *shared;
	struct ocsp_watch *watch;
};

/* On a worker. */
static void status_changed(struct mail *mail, unsigned at)
{
	struct status_letter *letter = CONTAINER_OF(mail, struct status_letter, mail);

	connection_watch_changed(&letter->shared->workers[at], letter->watch);
	ocsp_watch_unref(letter->watch);
	free(letter);
}

/* False: out of memory, and not all of them were told. */
static bool tell_workers(struct sources *sources, struct ocsp_watch *watch)
{
	struct shared *shared = sources->control->shared;
	unsigned workers = net_worker_count(shared->net);

	for (unsigned at = 0; at < workers; at++) {
		struct status_letter *letter = calloc(1, sizeof(*letter));

		if (letter == NULL) {
			LOG(sources->control->log, LOG_ERROR, "LKG0455E",
				"out of memory: sessions learn of a changed status later",
				LF_INT("worker", at));
			return false;
		}
		*letter = (struct status_letter){
			.mail = {.run = status_changed}, .shared = shared, .watch = ocsp_watch_ref(watch)};
		net_post_reserved(shared->net, at, &letter->mail);
	}
	return true;
}

/* What the answer in force is worth now. */
static enum x509_reason worth(const struct sources *sources, struct ocsp_watch *watch)
{
	struct ocsp_watch_facts facts = ocsp_watch_facts(watch);
	struct ocsp_response *answer = ocsp_watch_answer(watch);
	enum x509_reason reason = X509_OCSP_UNREACHABLE;

	if (answer != NULL) {
		reason = ocsp_response_usable_for(
			answer, facts.cert, facts.issuer, now_s(sources), facts.allow_sha1, NULL);
	}
	ocsp_response_unref(answer);
	return reason;
}

static bool settles(enum x509_reason reason)
{
	return reason == X509_OK || reason == X509_REVOKED;
}

static void keep_answer(struct status *status, const struct ocsp_response *response)
{
	struct revocation_times times = {ocsp_response_produced_at(response),
		ocsp_response_this_update(response), ocsp_response_next_update(response)};
	/* That it is not kept only means that it is asked for again after a restart. */
	enum err err = revocation_ocsp_keep(
		status->sources->cache, ocsp_watch_key(status->watch), ocsp_response_der(response), &times);

	(void)err;
}

/*
 * Judges bytes that a responder, or the disk, gave, and puts them in force if they are good for that. fresh: they are not the
 * cache's own yet.
 */
static enum x509_reason take_answer(struct status *status, struct bytes der, bool fresh)
{
	struct sources *sources = status->sources;
	struct ocsp_watch_facts facts = ocsp_watch_facts(status->watch);
	struct ocsp_response *response = NULL;
	enum x509_reason reason = X509_OCSP_BAD;

	if (ocsp_response_parse(der, &response, NULL) != ERR_OK) {
		return X509_OCSP_BAD;
	}
	if (ocsp_response_status(response) != OCSP_STATUS_SUCCESSFUL) {
		reason = X509_OCSP_UNREACHABLE;
	} else {
		reason = ocsp_response_usable_for(
			response, facts.cert, facts.issuer, now_s(sources), facts.allow_sha1, NULL);
	}
	if (settles(reason) || reason == X509_OCSP_UNKNOWN) {
		bool newer = ocsp_watch_put(status->watch, response, reason == X509_REVOKED);
		enum x509_reason said = reason;

		if (!newer) {
			reason = worth(sources, status->watch);
		}
		/*
		 * One of the same second is as good, and the cache keeps out what is older; but what a "revoked" keeps out of force,
		 * be that believed today or not, is not to come back at the next start.
		 */
		if (fresh && (newer || said == reason)) {
			keep_answer(status, response);
		}
		if (reason != X509_OK && reason != status->known && status->answered) {
			status->untold = !tell_workers(sources, status->watch);
		}
		status->known = reason;
	} else if (reason == X509_OCSP_STALE && !settles(worth(sources, status->watch))) {
		/* Signed by who may, and late: it still serves where REVSTALE says so, and where nothing better is at hand. */
		(void)ocsp_watch_put(status->watch, response, false);
	}
	ocsp_response_unref(response);
	return reason;
}

/* What the operator reads of an answer that helps nobody. */
static const char *answer_sentence(enum x509_reason reason)
{
	if (settles(reason) || reason == X509_OCSP_UNKNOWN) {
		return NULL; /* that it does not know is an answer, too */
	}
	if (reason == X509_OCSP_STALE) {
		return "its answer is past its nextUpdate, or too old";
	}
	return reason == X509_OCSP_UNREACHABLE ? "it would not answer, or not about that certificate"
					       : "its answer cannot be believed: signer, dates or form";
}

static enum x509_reason take_and_note(
	struct status *status, enum err err, struct bytes response, const char *sentence)
{
	enum x509_reason reason = err == ERR_OK ? take_answer(status, response, true) : X509_OCSP_UNREACHABLE;

	status->asked_ms = clock_mono_ms(&status->sources->control->clock);
	status->fruitless = settles(reason) ? 0 : status->fruitless + 1;
	responder_note(status->sources, status->watch, err == ERR_OK ? answer_sentence(reason) : sentence);
	return reason;
}

/* The question as the cache takes it; request holds its bytes, and is the caller's to release. */
static enum err make_question(struct status *status, struct buf *request, struct revocation_ocsp *out)
{
	struct ocsp_watch_facts facts = ocsp_watch_facts(status->watch);
	enum err err = ocsp_request_make(facts.cert, facts.issuer, HASH_SHA1, BYTES_NONE, request);

	if (err == ERR_OK) {
		*out = (struct revocation_ocsp){
			.url = facts.url, .listed = facts.listed, .request = buf_bytes(request)};
		memcpy(out->key, ocsp_watch_key(status->watch), sizeof(out->key));
	}
	return err;
}

static enum err send_question(struct status *status, revocation_ocsp_fn fn, void *ctx,
	struct revocation_wait **wait, struct fetch_error *error)
{
	struct buf request = BUF_INIT(OCSP_REQUEST_BYTES_MAX);
	struct revocation_ocsp ocsp;
	enum err err = make_question(status, &request, &ocsp);

	if (err == ERR_OK) {
		err = revocation_ocsp_wait(status->sources->cache, &ocsp, fn, ctx, wait, error);
	}
	buf_release(&request);
	return err;
}

/* What the cache holds, from the disk too; said so that it is refreshed from whom the policy names today. */
static struct bytes held_answer(struct status *status)
{
	struct buf request = BUF_INIT(OCSP_REQUEST_BYTES_MAX);
	struct revocation_ocsp ocsp;
	struct bytes held = BYTES_NONE;

	if (make_question(status, &request, &ocsp) == ERR_OK) {
		held = revocation_ocsp_of(status->sources->cache, &ocsp);
	}
	buf_release(&request);
	return held;
}

static bool asked_lately(const struct status *status)
{
	uint64_t now_ms = clock_mono_ms(&status->sources->control->clock);
	uint64_t wait_ms = ASK_AGAIN_MS;

	for (unsigned i = 1; i < status->fruitless && wait_ms < ASK_AGAIN_MS_MAX; i++) {
		wait_ms *= 2;
	}
	return status->fruitless > 0 && now_ms < status->asked_ms + wait_ms;
}

/* --- refreshing for live sessions --- */

void asks_on_answer(void *ctx, const uint8_t key[SHA256_BYTES], struct bytes response)
{
	struct sources *sources = ctx;
	struct status *status = map_get(sources->statuses, bytes_of(key, SHA256_BYTES));

	if (status != NULL) {
		(void)take_and_note(status, ERR_OK, response, NULL);
	}
}

static void on_retried(void *ctx, enum err err, struct bytes response, const char *sentence)
{
	struct status *status = ctx;

	status->retry = NULL;
	(void)take_and_note(status, err, response, sentence);
}

static void ask_again(struct status *status)
{
	struct fetch_error error = {.fault = FETCH_OK};

	if (status->retry == NULL &&
		send_question(status, on_retried, status, &status->retry, &error) != ERR_OK) {
		status->retry = NULL; /* at its next time */
	}
}

/*
 * Statuses that nobody lives by any more are forgotten here, but not while a responder is being asked: what it says later than
 * REVWAIT is to be there when the device comes again. The cache keeps their answers while there is room. The others are
 * marked as used, so that they are refreshed, and asked for if nothing of them is in force.
 */
static void on_tick(struct wheel_timer *timer)
{
	struct sources *sources = CONTAINER_OF(timer, struct sources, tick);
	struct map_iter iter = MAP_ITER;
	struct bytes key;
	void *value = NULL;

	revocation_catch_up(sources->cache);
	while (map_next(sources->statuses, &iter, &key, &value)) {
		struct status *status = value;

		status->untold = status->untold && !tell_workers(sources, status->watch);
		if (status->asking > 0) {
			continue;
		}
		if (!ocsp_watch_is_shared(status->watch) && !asked_lately(status) &&
			!revocation_ocsp_asked(sources->cache, ocsp_watch_key(status->watch))) {
			(void)map_remove(sources->statuses, key_of(status->watch));
			status_free(status);
		} else if (ocsp_watch_is_shared(status->watch) &&
			   (revocation_ocsp(sources->cache, ocsp_watch_key(status->watch)).len == 0 ||
				   !settles(worth(sources, status->watch))) &&
			   !asked_lately(status)) {
			ask_again(status);
		}
	}
	wheel_add(sources->control->wheel, &sources->tick,
		clock_mono_ms(&sources->control->clock) + SOURCES_TICK_MS);
}

void asks_refresh(struct sources *sources)
{
	struct map_iter iter = MAP_ITER;
	struct bytes key;
	void *value = NULL;

	while (map_next(sources->statuses, &iter, &key, &value)) {
		struct status *status = value;

		if (ocsp_watch_is_shared(status->watch)) {
			ask_again(status);
		}
	}
}

/* --- questions --- */

static struct sources *sources_of(const struct park *park)
{
	const struct control *control = park->shared->park_desk.ctx;

	return control->sources;
}

/* Whatever became of a question, also where nobody answered it: its connection may live by the status from now on. */
static void send_home(struct sources *sources, struct park_need *need)
{
	struct status *status = need->watch == NULL ? NULL : map_get(sources->statuses, key_of(need->watch));

	if (status != NULL) {
		status->answered = true;
	}
	if (need->wait != NULL) {
		revocation_wait_cancel(need->wait);
		need->wait = NULL;
		if (status != NULL) {
			status->asking--;
		}
		if (status != NULL && need->park->beside) {
			status->asked_ms = clock_mono_ms(&sources->control->clock);
			status->fruitless++;
		}
	}
}

static void answer(struct park *park)
{
	for (size_t i = 0; i < park->need_count; i++) {
		send_home(sources_of(park), &park->needs[i]);
	}
	list_remove(&park->node);
	park->here = false;
	park_answer(park);
}

static void answer_all(struct list *parks)
{
	while (!list_empty(parks)) {
		answer(CONTAINER_OF(parks->next, struct park, node));
	}
}

static void publish_settled(struct sources *sources);

static void on_published(void *ctx, enum err err)
{
	struct sources *sources = ctx;

	(void)err; /* a policy that could not be built: they are judged by the one in force */
	sources->publish_waits = false;
	answer_all(&sources->publishing);
	if (!sources->closed) {
		publish_settled(sources);
	}
}

/* Those whose list came are judged when it is in force; one waits for the publication for all of them. */
static void publish_settled(struct sources *sources)
{
	if (sources->publish_waits || list_empty(&sources->settled)) {
		return;
	}
	list_append(&sources->publishing, &sources->settled);
	sources->publish_waits = true;
	if (control_published(sources->control, on_published, sources) != ERR_OK) {
		sources->publish_waits = false;
		answer_all(&sources->publishing);
	}
}

static bool all_groups_good(const struct park *park)
{
	for (size_t i = 0; i < park->need_count; i++) {
		bool good = false;

		for (size_t j = 0; j < park->need_count; j++) {
			good = good || (park->needs[j].group == park->needs[i].group && park->needs[j].good);
		}
		if (!good) {
			return false;
		}
	}
	return true;
}

/* Perhaps that was the last that the question waits for. */
static void check_settled(struct sources *sources, struct park *park)
{
	if (park->due > 0 && !all_groups_good(park)) {
		return;
	}
	for (size_t i = 0; i < park->need_count; i++) {
		park->lists = park->lists || (park->needs[i].kind == X509_NEED_CRL && park->needs[i].good);
	}
	if (park->lists) {
		list_remove(&park->node);
		list_push_back(&sources->settled, &park->node);
		publish_settled(sources);
	} else {
		answer(park);
	}
}

static void need_over(struct sources *sources, struct park_need *need, bool good)
{
	need->over = true;
	need->good = good;
	need->park->due--;
	check_settled(sources, need->park);
}

/*
 * What is held is to be in force before the question is answered. So is a list that is late: whoever is on it is revoked, and
 * REVSTALE may let it serve.
 */
static void publish_first(struct sources *sources, struct park_need *need, const struct channel *channel)
{
	struct revocation_state state;

	if (channel->lists.stale && revocation_state_of(sources->cache, need->url, &state) && state.held) {
		control_dirty(sources->control);
		need->park->lists = true;
	}
}

static void on_list(void *ctx, enum err err, const char *sentence)
{
	struct park_need *need = ctx;
	struct sources *sources = sources_of(need->park);

	(void)sentence; /* the cache tells of it */
	struct channel *channel = control_channel(sources->control, need->park->channel);

	need->wait = NULL;
	if (channel != NULL) {
		publish_first(sources, need, channel);
	}
	need_over(sources, need, err == ERR_OK);
}

static void on_said(void *ctx, enum err err, struct bytes response, const char *sentence)
{
	struct park_need *need = ctx;
	struct sources *sources = sources_of(need->park);
	struct status *status = map_get(sources->statuses, key_of(need->watch));

	need->wait = NULL;
	status->asking--; /* it is in the table as long as somebody asks */
	need_over(sources, need, settles(take_and_note(status, err, response, sentence)));
}

/*
 * The first look at a delta is waited for, so that who is listed in it alone does not come in by being early. One that is late, or
 * failed, or does not come, is fetched at its time: a server that hangs must not hold up every login for as long as it does.
 */
static bool is_waited_for(const struct sources *sources, const struct channel *channel, const char *url)
{
	struct revocation_state state;
	bool looked_at =
		revocation_state_of(sources->cache, url, &state) && (state.held || state.failures > 0);

	return !looked_at && sources_cdp_is_new(sources, channel, url);
}

static void ask_list(struct sources *sources, struct park_need *need)
{
	struct channel *channel = control_channel(sources->control, need->park->channel);
	const struct catalog *catalog = control_catalog(sources->control);
	const struct object *object = catalog_find(catalog, OBJECT_CHANNEL, need->park->channel);
	struct fetch_error error = {.fault = FETCH_OK};

	if (channel == NULL || object == NULL) {
		need->over = true;
		return;
	}
	need->listed = sources_is_listed(catalog, object, need->url);
	bool added = !need->listed && sources_add_cdp(sources, channel, need->url);
	struct revocation_want want = {need->url, need->listed};
	enum err err = ERR_BUSY;

	if (!need->delta || is_waited_for(sources, channel, need->url)) {
		err = revocation_crl_wait(sources->cache, &want, on_list, need, &need->wait, &error);
	} else if (added) {
		control_dirty(sources->control); /* from now on it is kept up */
	}

	if (err == ERR_OK) {
		need->park->due++;
		return;
	}
	need->over = true;
	need->good = err == ERR_EXISTS;
	publish_first(sources, need, channel);
}

static void ask_responder(struct sources *sources, struct park_need *need)
{
	struct status *status = status_of(sources, need);
	struct fetch_error error = {.fault = FETCH_OK};

	need->over = true;
	if (status == NULL) {
		need->park->busy = need->park->busy || !need->park->beside;
		return;
	}
	if (!settles(worth(sources, status->watch))) {
		/* From the disk, or from an earlier time when somebody lived by it. */
		struct bytes held = held_answer(status);

		if (held.len > 0) {
			(void)take_answer(status, held, false);
		}
	}
	if (settles(worth(sources, status->watch))) {
		need->good = true;
		return;
	}
	/* Who is let in without it anyway does not wait for one that was silent a moment ago. */
	if ((status->known == X509_OCSP_UNKNOWN || need->park->beside) && asked_lately(status)) {
		return;
	}
	enum err err = send_question(status, on_said, need, &need->wait, &error);

	if (err == ERR_OK) {
		need->over = false;
		need->park->due++;
		status->asking++;
		return;
	}
	need->park->busy =
		need->park->busy || (!need->park->beside && (err == ERR_NOMEM || err == ERR_LIMIT));
	if (error.sentence[0] != '\0') {
		responder_note(sources, status->watch, error.sentence);
	}
}

struct listing {
	struct sources *sources;
	struct park *park;
};

/* The lists that the operator named and that are looked at for the first time. */
static void add_listed(void *ctx, const char *url)
{
	struct listing *listing = ctx;
	struct park *park = listing->park;
	struct revocation_state state;
	bool pending = !revocation_state_of(listing->sources->cache, url, &state) ||
		       (!state.held && state.failures == 0);

	if (pending && park->need_count < ARRAY_COUNT(park->needs) && strlen(url) < X509_URL_BYTES) {
		struct park_need *need = &park->needs[park->need_count];

		*need = (struct park_need){
			.kind = X509_NEED_CRL, .park = park, .group = (uint8_t)park->need_count};
		memcpy(need->url, url, strlen(url) + 1);
		park->need_count++;
	}
}

static void on_ask(void *ctx, struct park *park)
{
	struct control *control = ctx;
	struct sources *sources = control->sources;
	const struct catalog *catalog = control_catalog(control);
	const struct object *object = catalog_find(catalog, OBJECT_CHANNEL, park->channel);

	list_init(&park->node);
	if (sources == NULL || sources->closed || control->stopping) {
		park_answer(park);
		return;
	}
	park->here = true;
	list_push_back(&sources->asks, &park->node);
	if (park->need_count == 0 && object != NULL) {
		struct listing listing = {sources, park};

		sources_each_listed(catalog, object, add_listed, &listing);
		park->lists = true; /* even if all came meanwhile: in the next world */
	}
	park->due = 1; /* not settled before all have been asked */
	for (size_t i = 0; i < park->need_count; i++) {
		if (park->needs[i].kind == X509_NEED_CRL) {
			ask_list(sources, &park->needs[i]);
		} else {
			ask_responder(sources, &park->needs[i]);
		}
	}
	park->due--;
	check_settled(sources, park);
}

static void on_cancel(void *ctx, struct park *park)
{
	(void)ctx;
	if (park->here) {
		answer(park);
	}
}

/* --- open and close --- */

enum err asks_open(struct sources *sources)
{
	enum err err = map_new(&sources->statuses);

	list_init(&sources->asks);
	list_init(&sources->settled);
	list_init(&sources->publishing);
	if (err == ERR_OK) {
		sources->tick.fn = on_tick;
		wheel_add(sources->control->wheel, &sources->tick,
			clock_mono_ms(&sources->control->clock) + SOURCES_TICK_MS);
		sources->control->shared->park_desk = (struct park_desk){on_ask, on_cancel, sources->control};
	}
	return err;
}

void asks_close(struct sources *sources)
{
	struct map_iter iter = MAP_ITER;
	struct bytes key;
	void *value = NULL;

	wheel_cancel(sources->control->wheel, &sources->tick);
	answer_all(&sources->asks);
	answer_all(&sources->settled);
	answer_all(&sources->publishing);
	while (map_next(sources->statuses, &iter, &key, &value)) {
		struct status *status = value;

		if (status->retry != NULL) {
			revocation_wait_cancel(status->retry);
			status->retry = NULL;
		}
	}
}

void asks_free(struct sources *sources)
{
	struct map_iter iter = MAP_ITER;
	struct bytes key;
	void *value = NULL;

	while (map_next(sources->statuses, &iter, &key, &value)) {
		status_free(value);
	}
	map_free(sources->statuses);
	for (size_t i = 0; i < sources->responder_count; i++) {
		free(sources->responders[i].url);
	}
}
