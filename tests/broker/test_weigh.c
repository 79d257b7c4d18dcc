/*
 * test_weigh.c - Goal: a weighing counts every live session once, under the proposed world; those that still wait to be judged
 * under the world in force are judged first, or they would be missed, and what that closes would be laid to the proposal.
 */
#include "broker/weigh.h"

#include <stdlib.h>
#include <string.h>

#include "broker/connection.h"
#include "broker/net/net_private.h"
#include "tests/test.h"

#define FLEET "FLEET"
#define OTHER "OTHER"
#define UNITS 4u

/* One worker without a thread: its mail and its slices run when the test says so. */
struct scene {
	struct shared shared;
	struct worker worker;
	struct world *open, *closed; /* user "unit" may connect; nobody may */
	struct connection units[UNITS];
	struct weigh_task task;
	atomic_bool given_up;
	unsigned back;
};

static struct world *make_world(uint64_t generation, const char *user)
{
	static const struct topic_object topic = {"SYSTEM.BASE.TOPIC", ""};
	const struct authority_record record = {NULL, true, false, user, RIGHT_CONNECT};
	const struct channel_policy policies[] = {
		{.name = FLEET, .client_auth = SSLCAUTH_NEVER, .mca_user = "unit", .generation = 1},
		{.name = OTHER, .client_auth = SSLCAUTH_NEVER, .mca_user = "unit", .generation = 1}};
	const struct world_channel channels[] = {
		{.name = FLEET, .running = true}, {.name = OTHER, .running = true}};
	struct authority *authority = NULL;
	struct chlauth_rules *rules = NULL;
	struct policy *policy = NULL;
	struct world *world = NULL;
	struct auth_error error = {0};

	REQUIRE("authority", authority_new(&topic, 1, &record, 1, generation, &authority, &error) == ERR_OK);
	REQUIRE("rules", chlauth_rules_new(NULL, 0, CHLAUTH_ENABLED, 1, &rules, &error) == ERR_OK);
	const struct policy_parts parts = {.channels = policies,
		.channel_count = ARRAY_COUNT(policies),
		.rules = rules,
		.authority = authority};

	REQUIRE("policy", policy_new(&parts, &policy, &error) == ERR_OK);
	chlauth_rules_unref(rules);
	authority_unref(authority);
	REQUIRE("world", world_new(&(struct world_options){.number = generation,
					   .policy = policy,
					   .channels = channels,
					   .channel_count = ARRAY_COUNT(channels)},
				 &world) == ERR_OK);
	return world;
}

static void add_unit(struct scene *scene, size_t i, const char *channel)
{
	static char session; /* a live connection has one; nothing looks into it */
	struct connection *unit = &scene->units[i];
	char name[16];

	(void)snprintf(name, sizeof(name), "unit%zu", i);
	*unit = (struct connection){.state = CONNECTION_LIVE,
		.worker = &scene->worker,
		.certificate = CERTIFICATE_NOT_ASKED,
		.connect_seen = true,
		.client_id = strdup(name),
		.login_outcome = LOGIN_NOT_CONFIGURED,
		.session = (struct session *)(void *)&session};
	(void)snprintf(unit->channel, sizeof(unit->channel), "%s", channel);
	REQUIRE("peer", auth_address_parse("192.0.2.7", &unit->peer) == ERR_OK);
	REQUIRE("identity",
		session_identity_new(
			&(struct session_identity){.client_id = name, .user = "unit", .channel = channel},
			&unit->identity) == ERR_OK);
	policy_uses(world_policy(scene->open), channel, &unit->uses);
	list_push_back(&scene->worker.connections, &unit->node);
}

static void on_back(struct mail *mail, unsigned at)
{
	struct scene *scene = CONTAINER_OF(CONTAINER_OF(mail, struct weigh_task, mail), struct scene, task);

	(void)at;
	scene->back++;
}

/* As many slices as a weighing can take that waits for nothing. */
static void turn(struct scene *scene)
{
	for (unsigned i = 0; i < UNITS + 4; i++) {
		(void)loop_drain_mail(scene->shared.net, 0);
		(void)uv_run(&net_loop(scene->shared.net, 0)->uv, UV_RUN_NOWAIT);
		(void)loop_drain_mail(scene->shared.net, net_control_at(scene->shared.net));
	}
}

static void scene_open(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	REQUIRE("net", net_new(&(struct net_options){.workers = 1}, &scene->shared.net) == ERR_OK);
	scene->shared.workers = &scene->worker;
	scene->worker.shared = &scene->shared;
	list_init(&scene->worker.connections);
	list_init(&scene->worker.unjudged);
	scene->open = make_world(1, "unit");
	scene->closed = make_world(2, "nobody");
	for (size_t i = 0; i < UNITS; i++) {
		add_unit(scene, i, i == 0 ? OTHER : FLEET);
	}
}

static void scene_close(struct scene *scene)
{
	CHECK("no slice is asked for", list_empty(&net_loop(scene->shared.net, 0)->slices));
	CHECK("the worker weighs nothing", scene->worker.weighing == NULL);
	for (size_t i = 0; i < UNITS; i++) {
		free(scene->units[i].client_id);
		session_identity_unref(scene->units[i].identity);
	}
	weigh_task_deinit(&scene->task);
	world_unref(scene->open);
	world_unref(scene->closed);
	net_free(scene->shared.net);
}

static void begin(struct scene *scene, struct world *proposed)
{
	scene->task = (struct weigh_task){.shared = &scene->shared,
		.before = scene->open,
		.proposed = proposed,
		.serial = 7,
		.names_max = WEIGH_NAMES_MAX,
		.given_up = &scene->given_up,
		.back = on_back};
	REQUIRE("task", weigh_task_init(&scene->task) == ERR_OK);
	weigh_task_send(&scene->task, 0);
	turn(scene);
}

static bool counted(const struct scene *scene, unsigned long live, unsigned long cut)
{
	const struct weigh_count *fleet = &scene->task.counts[0], *other = &scene->task.counts[1];

	return scene->back == 1 && scene->task.err == ERR_OK && fleet->live == live && fleet->cut == cut &&
	       other->live == 1 && other->cut == (cut > 0 ? 1 : 0) &&
	       scene->task.name_count == fleet->cut + other->cut;
}

static void test_counts(void)
{
	struct scene scene;

	scene_open(&scene);
	begin(&scene, scene.closed);
	CHECK("all of them, each on its channel", counted(&scene, UNITS - 1, UNITS - 1));
	CHECK("the first is named", strcmp(scene.task.names[0].client, "unit0") == 0 &&
					    scene.task.names[0].step == STEP_CONNECT_AUTHORITY);
	scene_close(&scene);
	scene_open(&scene);
	begin(&scene, scene.open);
	CHECK("what changes nothing closes nobody", counted(&scene, UNITS - 1, 0));
	scene_close(&scene);
	scene_open(&scene);
	scene.units[1].state = CONNECTION_CLAIM;
	scene.units[2].session = NULL;
	begin(&scene, scene.closed);
	CHECK("who does not live yet, or no longer, is not counted", counted(&scene, UNITS - 3, UNITS - 3));
	scene_close(&scene);
}

/* The world in force is new: two wait to be judged under it. */
static void test_unjudged_first(void)
{
	struct scene scene;

	scene_open(&scene);
	for (size_t i = 1; i <= 2; i++) {
		list_remove(&scene.units[i].node);
		list_push_back(&scene.worker.unjudged, &scene.units[i].node);
	}
	begin(&scene, scene.closed);
	CHECK("not before they are judged", scene.back == 0 && scene.worker.weighing == &scene.task);
	CHECK("nobody was counted meanwhile", scene.units[0].weighed == 0 && scene.units[3].weighed == 0);
	/* One stays, one is closed by the world in force: that is not the proposal's doing. */
	list_remove(&scene.units[1].node);
	list_push_back(&scene.worker.connections, &scene.units[1].node);
	turn(&scene);
	CHECK("not before all of them are", scene.back == 0);
	list_remove(&scene.units[2].node);
	turn(&scene);
	CHECK("then who was left is counted, once", counted(&scene, UNITS - 2, UNITS - 2));
	scene_close(&scene);
}

static void test_given_up(void)
{
	struct scene scene;

	scene_open(&scene);
	list_remove(&scene.units[1].node);
	list_push_back(&scene.worker.unjudged, &scene.units[1].node);
	begin(&scene, scene.closed);
	CHECK("it waits", scene.back == 0);
	atomic_store(&scene.given_up, true);
	turn(&scene);
	CHECK("nobody waits for it any more: it comes back uncounted",
		scene.back == 1 && scene.task.counts[0].live == 0);
	scene_close(&scene);
}

static void test_memory(void)
{
	struct scene scene;

	scene_open(&scene);
	scene.task = (struct weigh_task){.shared = &scene.shared,
		.before = scene.open,
		.proposed = scene.closed,
		.serial = 7,
		.names_max = WEIGH_NAMES_MAX,
		.given_up = &scene.given_up,
		.back = on_back};
	for (unsigned long n = 1; n <= 2; n++) {
		test_alloc_fail_at(n);
		CHECK("no room for the answer", weigh_task_init(&scene.task) == ERR_NOMEM);
		test_alloc_fail_at(0);
		weigh_task_deinit(&scene.task);
	}
	REQUIRE("room", weigh_task_init(&scene.task) == ERR_OK);
	weigh_task_send(&scene.task, 0);
	(void)loop_drain_mail(scene.shared.net, 0);
	test_alloc_fail_at(1);
	turn(&scene);
	test_alloc_fail_at(0);
	CHECK("not counted, and said so", scene.back == 1 && scene.task.err == ERR_NOMEM);
	scene_close(&scene);
}

int main(void)
{
	test_counts();
	test_unjudged_first();
	test_given_up();
	test_memory();
	return test_result();
}
