/*
 * test_net_slice.c - slices: one a turn, others are served in between, and the loop does not wait while one is asked for.
 * Threads: main is the control loop.
 */
#include <string.h>

#include "net_kit.h"
#include "tests/test.h"

#define LONG_WAIT_MS 20000u
#define STEPS_MAX    16

struct scene {
	struct net *net;
	unsigned at;
	struct net_slice slice, other;
	struct mail mail;
	unsigned again; /* so often the slice still asks for itself */
	bool drops_other;
	char steps[STEPS_MAX]; /* 's', 'o' or 'm' for what ran */
};

static void note(struct scene *scene, char step)
{
	size_t len = strlen(scene->steps);
	REQUIRE("room", len + 1 < STEPS_MAX);
	scene->steps[len] = step;
}

static void on_mail(struct mail *mail, unsigned at)
{
	(void)at;
	note(CONTAINER_OF(mail, struct scene, mail), 'm');
}

static void on_slice(struct net_slice *slice)
{
	struct scene *scene = CONTAINER_OF(slice, struct scene, slice);
	note(scene, 's');
	if (scene->drops_other) {
		net_slice_cancel(&scene->other);
	}
	if (scene->again > 0) {
		scene->again--;
		net_slice_soon(scene->net, scene->at, slice);
		net_slice_soon(scene->net, scene->at, slice); /* once is enough */
		scene->mail.run = on_mail;
		net_post_reserved(scene->net, scene->at, &scene->mail);
	}
}

static void on_other(struct net_slice *slice)
{
	note(CONTAINER_OF(slice, struct scene, other), 'o');
}

static void scene_open(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	REQUIRE("net", net_new(&(struct net_options){.workers = 1}, &scene->net) == ERR_OK);
	scene->at = net_control_at(scene->net);
	net_slice_init(&scene->slice, on_slice);
	net_slice_init(&scene->other, on_other);
}

static void scene_close(struct scene *scene)
{
	net_free(scene->net);
}

static void test_between(void)
{
	struct scene scene;
	scene_open(&scene);
	uint64_t start_ms = net_now_ms(scene.net, scene.at);
	scene.again = 2;
	net_slice_soon(scene.net, scene.at, &scene.slice);
	for (unsigned turn = 0; turn < STEPS_MAX && strlen(scene.steps) < 5; turn++) {
		net_turn(scene.net, LONG_WAIT_MS);
	}
	CHECK("letters are read between slices", strcmp(scene.steps, "smsms") == 0);
	CHECK("no turn waited", net_now_ms(scene.net, scene.at) - start_ms < LONG_WAIT_MS);
	net_turn(scene.net, 0);
	net_turn(scene.net, 0);
	CHECK("who does not ask again is left alone", strcmp(scene.steps, "smsms") == 0);
	scene_close(&scene);
}

static void test_cancel(void)
{
	struct scene scene;
	scene_open(&scene);
	net_slice_soon(scene.net, scene.at, &scene.slice);
	net_slice_cancel(&scene.slice);
	net_slice_cancel(&scene.slice);
	net_turn(scene.net, 0);
	CHECK("cancelled", scene.steps[0] == '\0');
	scene.drops_other = true;
	net_slice_soon(scene.net, scene.at, &scene.slice);
	net_slice_soon(scene.net, scene.at, &scene.other);
	net_turn(scene.net, 0);
	net_turn(scene.net, 0);
	CHECK("cancelled by one that runs before it", strcmp(scene.steps, "s") == 0);
	scene.drops_other = false;
	net_slice_soon(scene.net, scene.at, &scene.slice);
	net_slice_soon(scene.net, scene.at, &scene.other);
	net_turn(scene.net, 0);
	net_turn(scene.net, 0);
	CHECK("both, in the order asked for", strcmp(scene.steps, "sso") == 0);
	scene_close(&scene);
}

int main(void)
{
	test_between();
	test_cancel();
	return test_result();
}
