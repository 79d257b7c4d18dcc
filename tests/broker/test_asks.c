/*
 * test_asks.c - Goal: who lives by a status of which nothing is known goes on asking the responder, at its pace, and learns of
 * the first answer; nobody asks for those who are gone; and when the broker stops, everybody's question comes home.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/connection_private.h"
#include "broker/control/sources_private.h"
#include "broker/net/net_private.h"
#include "cache_kit.h"

#define RESPONDER "http://ocsp.example/"
#define MINUTE    60000u

/* The desk of a control loop, and one worker with one session; neither has a thread. */
struct scene {
	struct ckit kit;
	struct control *control;
	struct sources sources;
	struct shared shared;
	struct worker worker;
	struct connection session;
	struct pki ca, device;
};

/* Judging is not this test's: that it is due is seen by the lists. */
static void on_slice(struct net_slice *slice)
{
	(void)slice;
}

static void scene_open(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	scene->ca = pki_root("CA");
	scene->device = pki_leaf(&scene->ca, "device");
	ckit_open(&scene->kit, NULL, false, NULL);
	scene->kit.on_ocsp = asks_on_answer;
	scene->kit.on_ocsp_ctx = &scene->sources;
	scene->control = calloc(1, sizeof(*scene->control));
	REQUIRE("control", scene->control != NULL);
	REQUIRE("catalog", catalog_new(&scene->control->catalog) == ERR_OK);
	REQUIRE("net", net_new(&(struct net_options){.workers = 1}, &scene->shared.net) == ERR_OK);
	scene->shared.workers = &scene->worker;
	scene->worker.shared = &scene->shared;
	net_slice_init(&scene->worker.slice, on_slice);
	list_init(&scene->worker.connections);
	list_init(&scene->worker.unjudged);
	scene->session = (struct connection){.state = CONNECTION_LIVE, .worker = &scene->worker};
	list_push_back(&scene->worker.connections, &scene->session.node);
	scene->control->shared = &scene->shared;
	scene->control->clock = clock_from_fake(&scene->kit.clock);
	scene->control->wheel = scene->kit.wheel;
	scene->control->sources = &scene->sources;
	scene->sources.control = scene->control;
	scene->sources.cache = scene->kit.cache;
	REQUIRE("asks", asks_open(&scene->sources) == ERR_OK);
}

static void mail(struct scene *scene)
{
	while (loop_drain_mail(scene->shared.net, 0)) {
	}
}

static void scene_stop(struct scene *scene)
{
	sources_close(scene->control);
	scene->kit.cache = NULL; /* it went with the sources */
	mail(scene);
}

static void scene_close(struct scene *scene)
{
	CHECK("every letter is home", atomic_load(&scene->shared.parked) == 0);
	connection_drop_watches(&scene->session);
	asks_free(&scene->sources);
	ckit_close(&scene->kit); /* no question and no timer is left */
	catalog_free(scene->control->catalog);
	free(scene->control);
	net_slice_cancel(&scene->worker.slice);
	net_free(scene->shared.net);
	pki_free(&scene->device);
	pki_free(&scene->ca);
}

/* The session asks at its gate, and lives by the status from then on. The letter is the test's until it is home. */
static struct park *ask(struct scene *scene)
{
	struct ocsp_watch_facts facts = {scene->device.cert, scene->ca.cert, RESPONDER, true, false};
	struct park *park = calloc(1, sizeof(*park));

	REQUIRE("letter", park != NULL);
	*park = (struct park){.shared = &scene->shared, .channel = "C", .need_count = 1, .letters = 1};
	park->needs[0] = (struct park_need){.kind = X509_NEED_OCSP, .park = park};
	REQUIRE("watch", ocsp_watch_new(&facts, &park->needs[0].watch) == ERR_OK);
	atomic_fetch_add(&scene->shared.parked, 1);
	scene->shared.park_desk.ask(scene->shared.park_desk.ctx, park);
	REQUIRE("lives by it", connection_add_watch(&scene->session, park->needs[0].watch) == ERR_OK);
	ckit_advance(&scene->kit, 20);
	return park;
}

static void say(struct scene *scene, enum ocsp_says says)
{
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	int64_t now_s = scene->kit.clock.wall_ms / 1000;

	pki_ocsp_der(&(struct pki_ocsp){.issuer = &scene->ca,
			     .cert = scene->device.cert,
			     .status = says,
			     .this_update = now_s,
			     .produced_at = now_s,
			     .next_update = now_s + PKI_DAY},
		&der);
	ckit_answer(&scene->kit, buf_bytes(&der), "");
	buf_release(&der);
	mail(scene);
}

/* Time passes as it does: each timer at its time. */
static void pass(struct scene *scene, uint64_t ms)
{
	for (uint64_t gone = 0; gone < ms; gone += 1000) {
		ckit_advance(&scene->kit, 1000);
	}
	mail(scene);
}

/* The responder is silent at first: the session was let in with a warning, or without one. */
static void let_in_unanswered(struct scene *scene)
{
	struct park *park = ask(scene);

	CHECK("asked", scene->kit.asked_count == 1 && strcmp(ckit_last(&scene->kit)->url, RESPONDER) == 0);
	CHECK("waits", park->here && atomic_load(&scene->shared.parked) == 1);
	ckit_answer_fault(&scene->kit, FETCH_TIMEOUT);
	mail(scene);
	CHECK("the letter is home without an answer", atomic_load(&scene->shared.parked) == 0);
	CHECK("nothing is known", ocsp_watch_answer(scene->session.watches[0]) == NULL);
}

static bool is_to_be_judged(const struct scene *scene)
{
	return scene->session.judge_due && !list_empty(&scene->worker.unjudged);
}

static const struct {
	const char *name;
	enum ocsp_says says;
	bool judged;
} answers[] = {
	{"RFC 6960 2.2 the first answer says revoked", OCSP_SAYS_REVOKED, true},
	{"RFC 6960 2.2 the first answer says unknown", OCSP_SAYS_UNKNOWN, true},
	{"RFC 6960 2.2 the first answer says good", OCSP_SAYS_GOOD, false},
};

static void test_asked_again(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
		const char *name = answers[i].name;
		struct revocation_counters counters;
		struct scene scene;

		scene_open(&scene);
		let_in_unanswered(&scene);
		pass(&scene, MINUTE - 2 * SOURCES_TICK_MS);
		CHECK("not at once", scene.kit.asked_count == 1);
		pass(&scene, 4 * SOURCES_TICK_MS);
		CHECK("a minute later", scene.kit.asked_count == 2);
		ckit_answer_fault(&scene.kit, FETCH_TIMEOUT);
		pass(&scene, MINUTE + 2 * SOURCES_TICK_MS);
		CHECK("the second pause is longer", scene.kit.asked_count == 2);
		pass(&scene, MINUTE + 2 * SOURCES_TICK_MS);
		CHECK("two minutes later", scene.kit.asked_count == 3);
		CHECK("while it is asked the session is left alone", !is_to_be_judged(&scene));
		pass(&scene, MINUTE / 4);
		revocation_counters(scene.kit.cache, &counters);
		CHECK("not twice at one time", scene.kit.asked_count == 3 && counters.waits == 1);
		say(&scene, answers[i].says);
		struct ocsp_response *answer = ocsp_watch_answer(scene.session.watches[0]);

		CHECK(name, answer != NULL);
		CHECK(name, is_to_be_judged(&scene) == answers[i].judged);
		ocsp_response_unref(answer);
		pass(&scene, 10 * SOURCES_TICK_MS);
		CHECK("an answer is an answer: nobody asks", scene.kit.asked_count == 3);
		scene_stop(&scene);
		scene_close(&scene);
	}
}

static void test_nobody_lives_by_it(void)
{
	struct scene scene;

	scene_open(&scene);
	let_in_unanswered(&scene);
	connection_drop_watches(&scene.session);
	pass(&scene, 3600000);
	pass(&scene, 10 * SOURCES_TICK_MS);
	CHECK("the session is gone: nobody asks", scene.kit.asked_count == 1);
	CHECK("and it is forgotten", map_count(scene.sources.statuses) == 0);
	scene_stop(&scene);
	scene_close(&scene);
}

/* REVWAIT is over and the device is refused; the responder answers later than the desk looks who still lives by what. */
static void test_late_answer(void)
{
	static const enum ocsp_says says[] = {OCSP_SAYS_GOOD, OCSP_SAYS_REVOKED};

	for (size_t i = 0; i < ARRAY_COUNT(says); i++) {
		struct scene scene;

		scene_open(&scene);
		struct park *park = ask(&scene);

		scene.shared.park_desk.cancel(scene.shared.park_desk.ctx, park);
		mail(&scene);
		CHECK("its letter is home", atomic_load(&scene.shared.parked) == 0);
		connection_drop_watches(&scene.session);
		pass(&scene, 2 * SOURCES_TICK_MS);
		CHECK("the question is still out", ckit_open_count(&scene.kit) == 1);
		say(&scene, says[i]);
		park = ask(&scene);
		CHECK("the device comes again: its answer is there", !park->here && park->needs[0].good);
		CHECK("nobody was asked for it", scene.kit.asked_count == 1);
		mail(&scene);
		connection_drop_watches(&scene.session);
		pass(&scene, 2 * SOURCES_TICK_MS);
		CHECK("then it is forgotten", map_count(scene.sources.statuses) == 0);
		scene_stop(&scene);
		scene_close(&scene);
	}
}

/* Stopping while a question of a connection is out, and while one for a live session is. */
static void test_close(void)
{
	struct scene scene;

	scene_open(&scene);
	CHECK("it waits", ask(&scene)->here && ckit_open_count(&scene.kit) == 1);
	scene_stop(&scene);
	CHECK("its letter is home", atomic_load(&scene.shared.parked) == 0);
	CHECK("the transfer was ended", ckit_open_count(&scene.kit) == 0 && scene.kit.cancelled == 1);
	(void)ask(&scene);
	mail(&scene);
	CHECK("who asks behind the end comes home at once", atomic_load(&scene.shared.parked) == 0);
	CHECK("and asks nobody", scene.kit.asked_count == 1);
	scene_stop(&scene);
	scene_close(&scene);

	scene_open(&scene);
	let_in_unanswered(&scene);
	pass(&scene, MINUTE + 2 * SOURCES_TICK_MS);
	CHECK("asked for a live session", ckit_open_count(&scene.kit) == 1);
	scene_stop(&scene);
	CHECK("the transfer was ended", ckit_open_count(&scene.kit) == 0 && scene.kit.cancelled == 1);
	scene_close(&scene);
}

int main(void)
{
	pki_init();
	test_asked_again();
	test_nobody_lives_by_it();
	test_late_answer();
	test_close();
	crypto_cleanup();
	return test_result();
}
