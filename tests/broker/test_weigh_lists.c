/*
 * test_weigh_lists.c - Goal: a revocation list acts while a script is weighed, whatever becomes of the script: whom it names is
 * closed before the answer; a script that is accepted comes into force upon the new list, never with an older one; what the
 * script would close is counted under the list that it would come into force with.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/connection_private.h"
#include "broker/control/control.h"
#include "broker/net/net_private.h"
#include "broker/store/store.h"
#include "broker/weigh.h"
#include "tests/x509/pki.h"

#define UNITS    24u
#define OUTSIDER "SET CHLAUTH(C) TYPE(ADDRESSMAP) ADDRESS('192.0.2.9') USERSRC(NOACCESS)"
#define BLOCKING "SET CHLAUTH(C) TYPE(BLOCKUSER) USERLIST('unit')"
#define CHECKING "ALTER CHANNEL(C) CHLTYPE(MQTT) REVCHECK(REQUIRED)"
#define HARMLESS "ALTER CHANNEL(C) CHLTYPE(MQTT) DESCR('other')"
#define A_WEIGH  10000u /* it may last so long */

/* A control loop with a clock that stands still, and one worker; neither has a thread. */
struct scene {
	struct shared shared;
	struct worker worker;
	struct control *control;
	struct clock_fake clock;
	struct store store;
	struct channel *channel;
	struct connection units[UNITS];
	uint64_t lists; /* that came */
	/* The script. */
	struct mqsc_host host;
	struct mqsc_script *script;
	struct buf report;
	bool over;
};

static struct pki ca, devices[UNITS];

/* --- the loops --- */

static void worker_turn(struct scene *scene)
{
	while (loop_drain_mail(scene->shared.net, 0)) {
	}
	(void)uv_run(&net_loop(scene->shared.net, 0)->uv, UV_RUN_NOWAIT);
}

/* A count takes several turns; the answer is on its way then. */
static void count_to_the_end(struct scene *scene)
{
	unsigned turns = 0;

	do {
		worker_turn(scene);
		turns++;
	} while (scene->worker.weighing != NULL && turns < 8 * UNITS);
	CHECK("counted", scene->worker.weighing == NULL);
}

static void control_turn(struct scene *scene)
{
	while (loop_drain_mail(scene->shared.net, net_control_at(scene->shared.net))) {
	}
}

static void pass(struct scene *scene, uint64_t ms)
{
	clock_fake_advance(&scene->clock, ms);
	(void)wheel_advance(scene->control->wheel, scene->clock.mono_ms);
}

/* Until nothing is left to do. */
static void settle(struct scene *scene)
{
	for (unsigned i = 0; i < 8 * UNITS; i++) {
		worker_turn(scene);
		control_turn(scene);
		pass(scene, i % 8 == 0 ? BROKER_PUBLISH_MS : 0);
	}
}

/* --- scripts --- */

static void on_over(struct mqsc_script *script, void *ctx)
{
	(void)script;
	*(bool *)ctx = true;
}

static void script_begin(struct scene *scene, const struct mqsc_host *host, const char *text)
{
	struct mqsc_options options = {.source = "test", .clock = clock_from_fake(&scene->clock)};

	scene->host = *host;
	scene->over = false;
	scene->report = BUF_INIT(64u * 1024u);
	REQUIRE("script", mqsc_script_start(scene->control->catalog, &scene->host, &options, bytes_text(text),
				  &scene->report, on_over, &scene->over, &scene->script) == ERR_OK);
}

static void script_end(struct scene *scene)
{
	mqsc_script_free(scene->script);
	scene->script = NULL;
	buf_release(&scene->report);
}

static bool says(struct scene *scene, const char *text)
{
	const char *report = "";

	return buf_text(&scene->report, &report) == ERR_OK && strstr(report, text) != NULL;
}

static bool accepted(struct scene *scene)
{
	struct mqsc_summary summary;

	mqsc_script_summary(scene->script, &summary);
	return scene->over && mqsc_summary_exit_code(&summary) == 0;
}

static void weigh_begin(struct scene *scene, const char *text)
{
	struct mqsc_host host = control_host(scene->control);

	script_begin(scene, &host, text);
	CHECK("it is weighed", !scene->over && scene->control->settled != NULL);
}

static void on_changed(
	void *ctx, enum object_class class, const struct object *before, const struct object *after)
{
	(void)ctx;
	(void)class;
	(void)before;
	(void)after;
}

/* --- a list --- */

/* It names the first `revoked` units. As watch.c hands it on. */
static void list_comes(struct scene *scene, size_t revoked)
{
	const struct cert *certs[UNITS];
	struct material material = {.tls = NULL};
	const struct crl_set *known = scene->channel->material.crls;

	for (size_t i = 0; i < revoked; i++) {
		certs[i] = devices[i].cert;
	}
	struct crl *crl = pki_crl(&ca, ++scene->lists, certs, revoked);

	REQUIRE("list", crl_set_new((const struct crl *const *)&crl, 1,
				control_next_generation(scene->control), &material.crls) == ERR_OK);
	crl_unref(crl);
	material.crls_known = known == NULL ? 0 : crl_set_generation(known);
	channel_take(scene->channel, &material);
	control_dirty(scene->control);
}

/* The newest list that the world in force has; 0: none. */
static size_t entries_in_force(const struct scene *scene)
{
	const struct channel_policy *policy = policy_channel(world_policy(scene->worker.world), "C");

	return policy == NULL || policy->crls == NULL ? 0 : crl_entry_count(crl_set_at(policy->crls, 0));
}

/* Whether somebody from there would be let in, were its certificate good: what the scripts change. */
static bool lets_in(const struct scene *scene, const char *address)
{
	struct admission_runcheck question = {.channel = "C", .ssl_peer = "CN=device"};
	const struct chlauth_record *record = NULL;
	struct admission_verdict verdict;
	struct auth_error error = {0};

	REQUIRE("address", auth_address_parse(address, &question.address) == ERR_OK);
	REQUIRE("runcheck", admission_runcheck(world_policy(scene->worker.world), &question, &verdict,
				    &record, &error) == ERR_OK);
	return verdict.admission != ADMISSION_REFUSE;
}

static size_t closed(const struct scene *scene)
{
	size_t count = 0;

	for (size_t i = 0; i < UNITS; i++) {
		count += scene->units[i].session == NULL ? 1 : 0;
	}
	return count;
}

/* --- the fleet --- */

static bool may_topic(void *ctx, unsigned worker, const struct session_identity *identity, struct bytes topic)
{
	(void)ctx;
	(void)worker;
	(void)identity;
	(void)topic;
	return true;
}

static bool may_publish(
	void *ctx, unsigned worker, const struct session_identity *identity, struct bytes topic, bool retain)
{
	(void)retain;
	return may_topic(ctx, worker, identity, topic);
}

static enum err post(void *ctx, unsigned from, unsigned to, struct mail *mail)
{
	return net_post(ctx, from, to, mail);
}

static void post_reserved(void *ctx, unsigned to, struct mail *mail)
{
	net_post_reserved(ctx, to, mail);
}

static void on_connected(void *ctx, const struct hub_connect_result *result)
{
	struct connection *unit = ctx;

	REQUIRE("connected", result->reason == MQTT_REASON_SUCCESS);
	unit->session = result->session;
	unit->state = CONNECTION_LIVE;
}

static void add_unit(struct scene *scene, size_t i)
{
	struct connection *unit = &scene->units[i];
	struct hub_connect *waiting = NULL;
	struct mqtt_connect_view connect = {.version = MQTT_5, .clean_start = true};
	char name[16];

	(void)snprintf(name, sizeof(name), "unit%zu", i);
	*unit = (struct connection){.worker = &scene->worker,
		.channel = "C",
		.certificate = CERTIFICATE_CHAIN,
		.chain = &devices[i].cert,
		.chain_count = 1,
		.connect_seen = true,
		.client_id = strdup(name),
		.client_id_assigned = true, /* nobody remembers it as a known client */
		.version = MQTT_5,
		.login_outcome = LOGIN_NOT_CONFIGURED};
	REQUIRE("peer", auth_address_parse("192.0.2.7", &unit->peer) == ERR_OK);
	REQUIRE("identity",
		session_identity_new(
			&(struct session_identity){.client_id = name, .user = "unit", .channel = "C"},
			&unit->identity) == ERR_OK);
	struct hub_connect_request request = {
		.connect = &connect, .identity = unit->identity, .link = {&connection_link_ops, unit}};

	REQUIRE("hub", hub_connect(scene->worker.hub, &request, on_connected, unit, &waiting) == ERR_OK);
	policy_uses(world_policy(scene->worker.world), "C", &unit->uses);
	list_push_back(&scene->worker.connections, &unit->node);
}

static void open_broker(struct scene *scene)
{
	struct engine_options options = {.workers = 1, .hooks = {may_publish, may_topic, may_topic, NULL}};

	REQUIRE("net", net_new(&(struct net_options){.workers = 1}, &scene->shared.net) == ERR_OK);
	scene->clock =
		(struct clock_fake){.mono_ms = net_now_ms(scene->shared.net, 0), .wall_ms = PKI_NOW * 1000};
	options.post = (struct hub_post){post, post_reserved, scene->shared.net};
	options.clock = clock_from_fake(&scene->clock);
	options.store = &scene->store;
	REQUIRE("store", store_memory_new(&(struct store_memory_options){.post = options.post},
				 &scene->store) == ERR_OK);
	REQUIRE("engine", engine_new(&options, &scene->shared.engine) == ERR_OK);
	REQUIRE("refusals", refusals_new(8, 8, NULL, options.clock, &scene->shared.refusals) == ERR_OK);
	REQUIRE("known", known_new(UNITS, &scene->shared.known) == ERR_OK);
	scene->shared.workers = &scene->worker;
	REQUIRE("worker", worker_init(&scene->worker, &scene->shared, 0) == ERR_OK);
}

static void scene_open(struct scene *scene, const char *channel)
{
	struct mqsc_host host = {.changed = on_changed};
	char text[1024];

	memset(scene, 0, sizeof(*scene));
	open_broker(scene);
	struct control *control = calloc(1, sizeof(*control));

	REQUIRE("control", control != NULL);
	scene->control = control;
	control->shared = &scene->shared;
	control->clock = clock_from_fake(&scene->clock);
	list_init(&control->channels);
	REQUIRE("wheel", wheel_new(scene->clock.mono_ms, &control->wheel) == ERR_OK);
	REQUIRE("guard", cut_guard_new(control) == ERR_OK);
	REQUIRE("catalog", catalog_new(&control->catalog) == ERR_OK);
	(void)time_guard_start(
		&control->time, &scene->shared.judging, scene->clock.mono_ms, scene->clock.wall_ms, 0);
	(void)snprintf(text, sizeof(text),
		"DEFINE CHANNEL(C) CHLTYPE(MQTT) PORT(1883) SSLKEYR('k') SSLKEYP('file:p') MCAUSER('unit') "
		"%s\n"
		"SET CHLAUTH(C) TYPE(ADDRESSMAP) ADDRESS('192.0.2.*') USERSRC(CHANNEL)\n"
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('unit') AUTHADD(CONNECT)\n",
		channel);
	script_begin(scene, &host, text);
	REQUIRE("configured", accepted(scene));
	script_end(scene);
	REQUIRE("channel", channel_new(control, "C", &scene->channel) == ERR_OK);
	scene->channel->state = CHANNEL_RUNNING;
	scene->channel->material.trust = pki_trust(ca.cert, NULL);
	list_comes(scene, 0);
	settle(scene);
	REQUIRE("in force", scene->worker.world != NULL && !control->dirty && !control->publishing);
	for (size_t i = 0; i < UNITS; i++) {
		add_unit(scene, i);
	}
	atomic_store(&scene->worker.live, UNITS);
	settle(scene);
	REQUIRE("they live", closed(scene) == 0);
}

static void scene_close(struct scene *scene)
{
	struct control *control = scene->control;

	CHECK("nothing is in doubt", control->settled == NULL && !cut_guard_busy(control));
	CHECK("the worker weighs nothing", scene->worker.weighing == NULL);
	for (size_t i = 0; i < UNITS; i++) {
		struct connection *unit = &scene->units[i];

		wheel_cancel(scene->worker.wheel, &unit->timer);
		if (unit->session != NULL) {
			session_lost(unit->session);
		}
		list_remove(&unit->node);
		free(unit->client_id);
		session_identity_unref(unit->identity);
	}
	control->stopping = true;
	hub_stop(scene->worker.hub);
	settle(scene);
	channel_close(scene->channel, MQTT_REASON_SERVER_SHUTTING_DOWN);
	control_publish_stop(control);
	cut_guard_free(control);
	worker_deinit(&scene->worker);
	engine_free(scene->shared.engine);
	store_close(&scene->store);
	refusals_free(scene->shared.refusals);
	known_free(scene->shared.known);
	catalog_free(control->catalog);
	wheel_free(control->wheel);
	free(control);
	net_free(scene->shared.net);
}

/* --- what may be seen --- */

static void test_accepted(void)
{
	struct scene scene;

	scene_open(&scene, "REVCHECK(REQUIRED)");
	weigh_begin(&scene, OUTSIDER);
	list_comes(&scene, 3);
	pass(&scene, BROKER_PUBLISH_MS);
	worker_turn(&scene);
	CHECK("the list acts while the script is weighed", closed(&scene) == 3 && !scene.over);
	CHECK("the list is in force, the script is not",
		entries_in_force(&scene) == 3 && lets_in(&scene, "192.0.2.9"));
	settle(&scene);
	CHECK("the script is accepted", accepted(&scene));
	CHECK("no lost update: it is in force upon the new list",
		entries_in_force(&scene) == 3 && !lets_in(&scene, "192.0.2.9"));
	CHECK("nobody else is closed", closed(&scene) == 3);
	script_end(&scene);
	scene_close(&scene);
}

static void test_refused(void)
{
	struct scene scene;

	scene_open(&scene, "REVCHECK(REQUIRED)");
	weigh_begin(&scene, BLOCKING);
	list_comes(&scene, 3);
	pass(&scene, BROKER_PUBLISH_MS);
	worker_turn(&scene);
	CHECK("the list acts while the script is weighed", closed(&scene) == 3 && !scene.over);
	settle(&scene);
	CHECK("refused", scene.over && !accepted(&scene));
	CHECK("whom the list closed is not laid to the script",
		says(&scene, "21 of 21 sessions of channel C"));
	CHECK("the list stays, the script is gone",
		entries_in_force(&scene) == 3 && lets_in(&scene, "192.0.2.7") && closed(&scene) == 3);
	script_end(&scene);
	weigh_begin(&scene, HARMLESS);
	settle(&scene);
	CHECK("the next script is upon the list as well", accepted(&scene) && entries_in_force(&scene) == 3);
	script_end(&scene);
	scene_close(&scene);
}

/* Under the old list the script closes nobody, under the new one most: on this channel lists did not count before. */
static void test_counted_upon_the_new_list(void)
{
	struct scene scene;

	scene_open(&scene, "REVCHECK(NONE)");
	weigh_begin(&scene, CHECKING);
	settle(&scene);
	CHECK("under the list that names nobody it is accepted", accepted(&scene) && closed(&scene) == 0);
	script_end(&scene);
	scene_close(&scene);
	/* Where in the count the list comes. */
	for (unsigned when = 0; when < 3; when++) {
		scene_open(&scene, "REVCHECK(NONE)");
		weigh_begin(&scene, CHECKING);
		if (when > 0) {
			count_to_the_end(&scene);
		}
		list_comes(&scene, UNITS - 2);
		if (when > 1) {
			control_turn(&scene); /* the answer is in, the list is not in force yet */
			CHECK("it is not accepted upon what is about to go", !scene.over);
		}
		pass(&scene, BROKER_PUBLISH_MS);
		worker_turn(&scene);
		CHECK("on this channel the list closes nobody",
			entries_in_force(&scene) == UNITS - 2 && closed(&scene) == 0);
		settle(&scene);
		CHECK("the script would close most: refused",
			scene.over && !accepted(&scene) && says(&scene, "22 of 24 sessions"));
		CHECK("the list stays", entries_in_force(&scene) == UNITS - 2 && closed(&scene) == 0);
		script_end(&scene);
		scene_close(&scene);
	}
}

/* Whoever gave the script has gone: what it had changed was taken back, and the weighing goes to its end for nobody. */
static void test_nobody_waits(void)
{
	struct scene scene;

	scene_open(&scene, "REVCHECK(REQUIRED)");
	weigh_begin(&scene, OUTSIDER);
	script_end(&scene);
	list_comes(&scene, 3);
	pass(&scene, BROKER_PUBLISH_MS);
	worker_turn(&scene);
	CHECK("the list acts", closed(&scene) == 3 && entries_in_force(&scene) == 3);
	settle(&scene);
	CHECK("nothing of the script is left",
		lets_in(&scene, "192.0.2.9") && entries_in_force(&scene) == 3 && closed(&scene) == 3);
	scene_close(&scene);
}

/* A list at every turn: each acts; the script is refused once its time is over, and no sooner. */
static void test_no_end_of_lists(void)
{
	struct scene scene;
	uint64_t gone = 0;

	scene_open(&scene, "REVCHECK(REQUIRED)");
	weigh_begin(&scene, OUTSIDER);
	while (!scene.over && gone < 2 * A_WEIGH) {
		list_comes(&scene, 1);
		worker_turn(&scene);
		control_turn(&scene);
		pass(&scene, BROKER_PUBLISH_MS);
		gone += BROKER_PUBLISH_MS;
	}
	CHECK("the time of a weighing, and no longer",
		scene.over && gone >= A_WEIGH && gone < A_WEIGH + 1000);
	CHECK("refused, and why",
		!accepted(&scene) && says(&scene, "could not be counted in time") && says(&scene, "FORCE"));
	settle(&scene);
	CHECK("the lists acted", closed(&scene) == 1 && entries_in_force(&scene) == 1);
	CHECK("the script did not", lets_in(&scene, "192.0.2.9"));
	script_end(&scene);
	scene_close(&scene);
}

/* In the middle of the count: half of them stand behind, counted; one of the others is judged again just then. */
static void test_judged_meanwhile(void)
{
	struct scene scene;

	scene_open(&scene, "REVCHECK(REQUIRED)");
	weigh_begin(&scene, BLOCKING);
	while (loop_drain_mail(scene.shared.net, 0)) {
	}
	REQUIRE("it is counted", scene.worker.weighing != NULL);
	for (size_t i = UNITS / 2; i < UNITS; i++) {
		scene.units[i].weighed = scene.worker.weighing->serial;
	}
	worker_judge_soon(&scene.worker, &scene.units[0].node);
	settle(&scene);
	CHECK("it is not passed over", says(&scene, "12 of 12 sessions"));
	script_end(&scene);
	scene_close(&scene);
}

/* The broker stops while it counts, or while it waits for a list to be in force before it does. */
static void test_stops(void)
{
	for (unsigned waits = 0; waits < 2; waits++) {
		struct scene scene;

		scene_open(&scene, "REVCHECK(REQUIRED)");
		weigh_begin(&scene, OUTSIDER);
		if (waits > 0) {
			list_comes(&scene, 3);
			count_to_the_end(&scene);
			control_turn(&scene);
		}
		scene.control->stopping = true;
		cut_guard_stop(scene.control);
		CHECK("it is told so",
			scene.over && says(&scene, "stopping") && scene.control->settled == NULL);
		script_end(&scene);
		pass(&scene, 2 * A_WEIGH); /* told once: its time does not end any more */
		settle(&scene);
		cut_guard_free(scene.control); /* its counts are home */
		REQUIRE("guard", cut_guard_new(scene.control) == ERR_OK);
		scene_close(&scene);
	}
}

int main(void)
{
	pki_init();
	ca = pki_root("CA");
	for (size_t i = 0; i < UNITS; i++) {
		devices[i] = pki_leaf(&ca, "device");
	}
	test_accepted();
	test_refused();
	test_counted_upon_the_new_list();
	test_nobody_waits();
	test_no_end_of_lists();
	test_judged_meanwhile();
	test_stops();
	for (size_t i = 0; i < UNITS; i++) {
		pki_free(&devices[i]);
	}
	pki_free(&ca);
	return test_result();
}
