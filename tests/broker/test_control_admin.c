/*
 * test_control_admin.c - Goal: the operators' socket serves again after descriptors or memory ran out, and the control loop
 *                        turns meanwhile.
 * Threads: main is the control loop and the client.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/control/control.h"
#include "tests/test.h"

#define TURN_MS 20u

/* As if the process had no descriptor left, and others took each that comes back: libuv's accept() is this one, too. */
static bool starved;
static unsigned attempts;

int accept4(int fd, __SOCKADDR_ARG address, socklen_t *len, int flags)
{
	attempts++;
	if (starved) {
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_accept4, fd, address.__sockaddr__, len, flags);
}

struct scene {
	struct broker_options options;
	struct shared shared;
	struct control control;
};

static void scene_open(struct scene *scene)
{
	struct buf why = BUF_INIT(1024);

	*scene = (struct scene){.options = {.directory = test_folder()}};
	REQUIRE("net", net_new(&(struct net_options){.workers = 1}, &scene->shared.net) == ERR_OK);
	REQUIRE("start", net_start(scene->shared.net) == ERR_OK);
	unsigned at = net_control_at(scene->shared.net);

	scene->control = (struct control){.options = &scene->options,
		.shared = &scene->shared,
		.clock = net_clock(scene->shared.net, at),
		.wheel = net_wheel(scene->shared.net, at)};
	list_init(&scene->control.channels);
	REQUIRE("admin", admin_open(&scene->control, &why) == ERR_OK);
}

static void scene_close(struct scene *scene)
{
	admin_close(&scene->control);
	CHECK("nothing is left on the loop", net_stop(scene->shared.net, 5000) == ERR_OK);
	net_free(scene->shared.net);
}

static int client(const struct scene *scene)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/admin.sock", scene->options.directory);
	REQUIRE("connect", fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

/* Whether it is closed by the broker: at once, or for what it says. */
static bool is_closed(struct scene *scene, int fd)
{
	char octet;

	for (unsigned i = 0; i < 250; i++) {
		net_turn(scene->shared.net, TURN_MS);
		if (recv(fd, &octet, 1, MSG_DONTWAIT) == 0) {
			return true;
		}
	}
	return false;
}

/* Nonsense is read, and no answer is given. */
static bool is_served(struct scene *scene, int fd)
{
	return send(fd, "nonsense\n", 9, MSG_NOSIGNAL) == 9 && is_closed(scene, fd);
}

static void test_no_descriptors(void)
{
	struct scene scene;

	scene_open(&scene);
	int first = client(&scene);

	starved = true;
	attempts = 0;
	for (unsigned i = 0; i < 10; i++) {
		net_turn(scene.shared.net, TURN_MS); /* one that does not end is told by the test's limit */
	}
	CHECK("the loop turns, and tries now and then", attempts > 0 && attempts < 10);
	starved = false;
	CHECK("who waited is served", is_served(&scene, first));
	int second = client(&scene);

	CHECK("and so is the next one", is_served(&scene, second));
	(void)close(first);
	(void)close(second);
	scene_close(&scene);
}

static void test_no_memory(void)
{
	struct scene scene;

	scene_open(&scene);
	int first = client(&scene);

	test_alloc_fail_at(1);
	CHECK("no memory for it: it is turned away", is_closed(&scene, first) && test_alloc_failed());
	test_alloc_fail_at(0);
	int second = client(&scene);

	CHECK("the next one is served", is_served(&scene, second));
	(void)close(first);
	(void)close(second);
	scene_close(&scene);
}

static void test_stop_while_starved(void)
{
	struct scene scene;

	scene_open(&scene);
	int fd = client(&scene);

	starved = true;
	net_turn(scene.shared.net, TURN_MS);
	scene_close(&scene);
	starved = false;
	(void)close(fd);
}

int main(void)
{
	test_no_descriptors();
	test_no_memory();
	test_stop_while_starved();
	return test_result();
}
