/*
 * park.c - connections that wait at the gate for revocation data: asked for by letter, judged again when it came.
 * Owns:    see park.h.
 * Never:   asks twice for the same; lets more connections wait than the channel's REVPARK.
 * Threads: the connection's worker, but where marked.
 *
 * A client that vanishes is not missed before its letter is back, since nothing is read behind Finished; the letter is called
 * back when its connection ends, and its place is taken until it is home.
 */
#include "broker/park.h"

#include <stdlib.h>
#include <string.h>

#include "broker/connection_private.h"

#define WAIT_ASKED_MAX (X509_NEEDS_MAX * PARK_ROUNDS_MAX)
/* What a client has at least for its CONNECT, once the wait that was ours is over. */
#define CONNECT_LEFT_MS 1000u
#define WAIT_OVER       "no answer came within REVWAIT"

/* Only while a connection waits, and between its rounds. */
struct connection_wait {
	struct park *park; /* NULL: no letter is out that it waits for */
	uint64_t until_ms, connect_due_ms;
	unsigned rounds;
	bool lists_asked;
	uint8_t asked[WAIT_ASKED_MAX][SHA256_BYTES];
	size_t asked_count;
};

/* --- what was asked already --- */

static bool was_asked(const struct connection_wait *wait, const uint8_t name[SHA256_BYTES])
{
	for (size_t i = 0; i < wait->asked_count; i++) {
		if (memcmp(wait->asked[i], name, SHA256_BYTES) == 0) {
			return true;
		}
	}
	return wait->asked_count == WAIT_ASKED_MAX;
}

static void name_need(const struct park_need *need, uint8_t out[SHA256_BYTES])
{
	if (need->watch != NULL) {
		memcpy(out, ocsp_watch_key(need->watch), SHA256_BYTES);
	} else {
		hash_of(HASH_SHA256, bytes_text(need->url), out);
	}
}

/* What was given up because another source was faster may be asked again. */
static void note_asked(struct connection_wait *wait, const struct park *park)
{
	for (size_t i = 0; i < park->need_count; i++) {
		uint8_t name[SHA256_BYTES];

		name_need(&park->needs[i], name);
		if (park->needs[i].over && !was_asked(wait, name)) {
			memcpy(wait->asked[wait->asked_count++], name, SHA256_BYTES);
		}
	}
}

/* --- letters --- */

static void park_free(struct park *park)
{
	for (size_t i = 0; i < park->need_count; i++) {
		ocsp_watch_unref(park->needs[i].watch);
	}
	atomic_fetch_sub_explicit(&park->shared->parked, 1, memory_order_relaxed);
	free(park);
}

static void letter_back(struct park *park)
{
	park->letters--;
	if (park->letters == 0) {
		park_free(park);
	}
}

static void on_answer(struct mail *mail, unsigned at)
{
	struct park *park = CONTAINER_OF(mail, struct park, mail);
	struct connection *connection = park->connection;
	enum err err = ERR_OK;

	(void)at;
	if (connection != NULL) {
		park->connection = NULL;
		connection->wait->park = NULL;
		note_asked(connection->wait, park);
		if (park->busy) {
			/* If it still needs that answer it is refused, also where OCSPAUTH lets silence pass. */
			connection->revocation_busy = true;
			connection->revocation_asked = false;
		}
		for (size_t i = 0; err == ERR_OK && i < park->need_count; i++) {
			err = connection_add_watch(connection, park->needs[i].watch);
		}
		if (connection->state != CONNECTION_REVOCATION || io_closing(connection->io)) {
			/* It ends already. */
		} else if (err != ERR_OK) {
			/* Nobody is judged without an answer that may have said revoked. */
			connection_fault(connection, 0, "what was said of its certificate cannot be kept");
		} else {
			connection_gate(connection, connection->revocation_asked ? WAIT_OVER : NULL);
		}
	}
	letter_back(park);
}

void park_answer(struct park *park)
{
	park->mail.run = on_answer;
	net_post_reserved(park->shared->net, park->at, &park->mail);
}

/* On the control loop. */
static void on_ask(struct mail *mail, unsigned at)
{
	struct park *park = CONTAINER_OF(mail, struct park, mail);
	const struct park_desk *desk = &park->shared->park_desk;

	(void)at;
	desk->ask(desk->ctx, park);
}

static void on_cancel_back(struct mail *mail, unsigned at)
{
	(void)at;
	letter_back(CONTAINER_OF(mail, struct park, cancel));
}

/* On the control loop; the answer may be on its way already. */
static void on_cancel(struct mail *mail, unsigned at)
{
	struct park *park = CONTAINER_OF(mail, struct park, cancel);
	const struct park_desk *desk = &park->shared->park_desk;

	(void)at;
	desk->cancel(desk->ctx, park);
	park->cancel.run = on_cancel_back;
	net_post_reserved(park->shared->net, park->at, &park->cancel);
}

/* Its answer comes home at once, whatever is known by then. */
static void hurry(struct park *park)
{
	if (!park->called_back) {
		park->called_back = true;
		park->letters++;
		park->cancel.run = on_cancel;
		net_post_reserved(park->shared->net, net_control_at(park->shared->net), &park->cancel);
	}
}

static void call_back(struct connection_wait *wait)
{
	struct park *park = wait->park;

	if (park != NULL) {
		wait->park = NULL;
		park->connection = NULL;
		hurry(park);
	}
}

/* --- what is asked for --- */

static enum err add_need(
	struct connection *connection, struct park *park, const struct x509_need *from, uint8_t group)
{
	const struct channel_policy *policy =
		policy_channel(world_policy(connection->worker->world), connection->channel);
	struct park_need *need = &park->needs[park->need_count];
	uint8_t name[SHA256_BYTES];
	enum err err = policy == NULL ? ERR_NOT_FOUND : ERR_OK;

	*need = (struct park_need){.kind = from->kind, .delta = from->delta, .group = group, .park = park};
	memcpy(need->url, from->url, sizeof(need->url));
	if (err == ERR_OK && from->kind == X509_NEED_OCSP) {
		need->listed = policy->ocsp_url != NULL && strcmp(policy->ocsp_url, from->url) == 0;
		struct ocsp_watch_facts facts = {
			from->cert, from->issuer, need->url, need->listed, policy->allow_sha1};

		err = ocsp_watch_new(&facts, &need->watch);
	}
	if (err != ERR_OK) {
		return err;
	}
	name_need(need, name);
	if (was_asked(connection->wait, name)) {
		ocsp_watch_unref(need->watch);
		need->watch = NULL;
	} else {
		park->need_count++;
	}
	return ERR_OK;
}

/* The place among the needs where its certificate stands first. No delta stands for another. */
static uint8_t group_of(const struct admission_verdict *verdict, size_t index)
{
	uint8_t group = 0;

	if (verdict->needs[index].delta) {
		return (uint8_t)index;
	}
	while (verdict->needs[group].delta || verdict->needs[group].cert != verdict->needs[index].cert) {
		group++;
	}
	return group;
}

/* ERR_NOT_FOUND: there is nothing left to ask for. */
static enum err fill(
	struct connection *connection, struct park *park, const struct admission_verdict *verdict)
{
	struct connection_wait *wait = connection->wait;
	enum err err = wait->rounds == PARK_ROUNDS_MAX ? ERR_NOT_FOUND : ERR_OK;

	if (err == ERR_OK && verdict->need_count == 0) {
		err = wait->lists_asked ? ERR_NOT_FOUND : ERR_OK;
		wait->lists_asked = true;
		return err;
	}
	for (size_t i = 0; err == ERR_OK && i < verdict->need_count; i++) {
		err = add_need(connection, park, &verdict->needs[i], group_of(verdict, i));
	}
	return err == ERR_OK && park->need_count == 0 ? ERR_NOT_FOUND : err;
}

/* --- waiting --- */

static void on_wait_over(struct wheel_timer *timer)
{
	struct connection *connection = CONTAINER_OF(timer, struct connection, timer);

	connection->revocation_asked = true;
	if (connection->wait->park != NULL) {
		/* Not before the letter is back: what is said later of its statuses is to be known of this connection. */
		hurry(connection->wait->park);
	} else {
		connection_gate(connection, WAIT_OVER);
	}
}

static enum err wait_begin(struct connection *connection, const struct world_channel *settings)
{
	uint64_t now_ms = net_now_ms(connection->worker->shared->net, connection->worker->at);
	struct connection_wait *wait = connection->wait;

	if (wait != NULL) {
		return ERR_OK; /* a further round, within the same time */
	}
	wait = calloc(1, sizeof(*wait));
	if (wait == NULL) {
		return ERR_NOMEM;
	}
	wait->connect_due_ms = connection->timer.deadline_ms;
	wait->until_ms = now_ms + settings->revocation_wait_ms;
	if (wait->until_ms > wait->connect_due_ms) {
		wait->until_ms = wait->connect_due_ms;
	}
	connection->wait = wait;
	return ERR_OK;
}

/*
 * A place for one more letter, with a park to go. Half of them are not for what is asked beside an acceptance: who cannot do
 * without is refused if there is none.
 */
static enum err take_place(
	struct connection *connection, const struct world_channel *settings, bool beside, struct park **out)
{
	struct shared *shared = connection->worker->shared;
	struct park *park = NULL;
	uint32_t places = settings->revocation_park_max;

	places = beside ? places / 2 + places % 2 : places;
	if (atomic_fetch_add_explicit(&shared->parked, 1, memory_order_relaxed) < places) {
		park = calloc(1, sizeof(*park));
	}
	if (park == NULL) {
		atomic_fetch_sub_explicit(&shared->parked, 1, memory_order_relaxed);
		return ERR_LIMIT;
	}
	park->shared = shared;
	park->at = connection->worker->at;
	memcpy(park->channel, connection->channel, sizeof(park->channel));
	*out = park;
	return ERR_OK;
}

bool connection_wants_more(const struct connection *connection, const struct admission_verdict *verdict)
{
	return !connection->revocation_asked && verdict->admission != ADMISSION_REFUSE &&
	       verdict->need != NEED_REVOCATION && verdict->need_count > 0;
}

static uint64_t wait_until(const struct connection *connection, bool beside)
{
	uint64_t beside_ms =
		net_now_ms(connection->worker->shared->net, connection->worker->at) + PARK_BESIDE_MS;

	return beside && beside_ms < connection->wait->until_ms ? beside_ms : connection->wait->until_ms;
}

void connection_park(struct connection *connection, const struct admission_verdict *verdict)
{
	const struct world_channel *settings = connection_settings(connection);
	struct worker *worker = connection->worker;
	struct park *park = NULL;
	bool beside = connection_wants_more(connection, verdict);
	enum err err = settings == NULL ? ERR_STATE : take_place(connection, settings, beside, &park);

	if (err == ERR_OK) {
		err = wait_begin(connection, settings);
	}
	if (err == ERR_OK) {
		park->beside = beside;
		err = fill(connection, park, verdict);
	}
	if (err != ERR_OK) {
		if (park != NULL) {
			park_free(park);
		}
		connection->revocation_asked = err == ERR_NOT_FOUND || beside;
		connection->revocation_busy = err != ERR_NOT_FOUND && !beside;
		connection_gate(connection, NULL); /* which now decides */
		return;
	}
	connection->wait->rounds++;
	connection->wait->park = park;
	connection->state = CONNECTION_REVOCATION;
	park->connection = connection;
	park->letters = 1;
	park->mail.run = on_ask;
	connection->timer.fn = on_wait_over;
	wheel_add(worker->wheel, &connection->timer, wait_until(connection, beside));
	net_post_reserved(worker->shared->net, net_control_at(worker->shared->net), &park->mail);
}

uint64_t connection_wait_end(struct connection *connection)
{
	struct connection_wait *wait = connection->wait;
	uint64_t least =
		net_now_ms(connection->worker->shared->net, connection->worker->at) + CONNECT_LEFT_MS;
	uint64_t due = 0;

	if (wait != NULL) {
		due = wait->connect_due_ms > least ? wait->connect_due_ms : least;
	}
	connection_unpark(connection);
	return due;
}

void connection_unpark(struct connection *connection)
{
	if (connection->wait != NULL) {
		call_back(connection->wait);
		free(connection->wait);
		connection->wait = NULL;
	}
}

void connection_park_look(struct connection *connection)
{
	struct park *park = connection->wait->park;

	if (park != NULL && park->called_back) {
		return; /* the wait is over, and the letter about to be back */
	}
	struct admission_verdict *verdict = connection_judge(connection);

	/* What waits for more goes on waiting; out of memory is no reason to decide. Who would pass now waits anew, and not as long. */
	bool waits = verdict == NULL ||
		     (verdict->admission == ADMISSION_NEED && verdict->need == NEED_REVOCATION) ||
		     (park != NULL && park->beside && connection_wants_more(connection, verdict));

	free(verdict);
	if (!waits) {
		call_back(connection->wait);
		connection_gate(connection, NULL);
	}
}

/* --- what the answers are kept in --- */

enum err connection_add_watch(struct connection *connection, struct ocsp_watch *watch)
{
	struct ocsp_watch **grown = NULL;

	if (watch == NULL || connection_watches(connection, watch)) {
		return ERR_OK;
	}
	if (connection->watch_count == CONNECTION_WATCHES_MAX) {
		return ERR_LIMIT;
	}
	grown = realloc(connection->watches, (connection->watch_count + 1u) * sizeof(connection->watches[0]));
	if (grown == NULL) {
		return ERR_NOMEM;
	}
	connection->watches = grown;
	connection->watches[connection->watch_count++] = ocsp_watch_ref(watch);
	return ERR_OK;
}

void connection_drop_watches(struct connection *connection)
{
	for (size_t i = 0; i < connection->watch_count; i++) {
		ocsp_watch_unref(connection->watches[i]);
	}
	free(connection->watches);
	connection->watches = NULL;
	connection->watch_count = 0;
}

bool connection_watches(const struct connection *connection, const struct ocsp_watch *watch)
{
	for (size_t i = 0; i < connection->watch_count; i++) {
		if (connection->watches[i] == watch) {
			return true;
		}
	}
	return false;
}
