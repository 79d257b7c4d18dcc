/*
 * test_control_watch.c - Goal: the control loop asks no file system for the files that it watches: one that hangs holds up a
 *                        lane, and not whoever is served.
 * Threads: main is the control loop.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/control/control.h"
#include "tests/test.h"

#define TURN_MS 20u

static pthread_t loop;
static const char *watched;
static atomic_uint on_lanes, on_loop;

int __real_stat(const char *path, struct stat *status);
int __wrap_stat(const char *path, struct stat *status);
int __wrap_stat(const char *path, struct stat *status)
{
	if (watched != NULL && strcmp(path, watched) == 0) {
		atomic_fetch_add(pthread_equal(pthread_self(), loop) != 0 ? &on_loop : &on_lanes, 1);
	}
	return __real_stat(path, status);
}

static void on_changed(
	void *ctx, enum object_class class, const struct object *before, const struct object *after)
{
	(void)ctx;
	(void)class;
	(void)before;
	(void)after;
}

static void on_over(struct mqsc_script *script, void *ctx)
{
	(void)script;
	*(bool *)ctx = true;
}

static void define_channel(struct control *control, const char *crl_file)
{
	struct mqsc_host host = {.changed = on_changed};
	struct mqsc_options options = {.source = "test", .clock = control->clock};
	struct mqsc_script *script = NULL;
	struct buf report = BUF_INIT(65536);
	char text[2048];
	bool over = false;

	(void)snprintf(text, sizeof(text),
		"DEFINE CHANNEL(C) CHLTYPE(MQTT) PORT(1883) SSLKEYR('k') SSLKEYP('file:p') MCAUSER('unit') "
		"CRLFILE('%s')\n",
		crl_file);
	REQUIRE("script", mqsc_script_start(control->catalog, &host, &options, bytes_text(text), &report,
				  on_over, &over, &script) == ERR_OK &&
				  over);
	mqsc_script_free(script);
	buf_release(&report);
}

int main(void)
{
	struct shared shared = {.net = NULL};
	struct broker_options broker = {.directory = test_folder()};
	struct channel *channel = NULL;

	loop = pthread_self();
	REQUIRE("net", net_new(&(struct net_options){.workers = 1}, &shared.net) == ERR_OK);
	REQUIRE("start", net_start(shared.net) == ERR_OK);
	unsigned at = net_control_at(shared.net);
	struct control *control = calloc(1, sizeof(*control));

	REQUIRE("control", control != NULL);
	*control = (struct control){.options = &broker,
		.shared = &shared,
		.executor = net_executor(shared.net, at),
		.clock = net_clock(shared.net, at),
		.wheel = net_wheel(shared.net, at),
		.login_config = strdup(test_path(broker.directory, "jaas.config"))};
	list_init(&control->channels);
	REQUIRE("catalog", catalog_new(&control->catalog) == ERR_OK);
	const char *folder = test_path(broker.directory, "crl");

	REQUIRE("folder", mkdir(folder, 0700) == 0);
	define_channel(control, folder);
	REQUIRE("channel", channel_new(control, "C", &channel) == ERR_OK);
	channel->state = CHANNEL_RUNNING;
	channel->crl_failed = true; /* an empty folder is no news */
	watched = folder;
	control_watch_start(control);
	for (unsigned i = 0; i < 1000 && atomic_load(&on_lanes) < 3; i++) {
		net_turn(shared.net, TURN_MS);
	}
	CHECK("it is looked at", atomic_load(&on_lanes) >= 3);
	CHECK("never by the loop", atomic_load(&on_loop) == 0);
	control->stopping = true;
	control_watch_stop(control);
	channel_close(channel, MQTT_REASON_SERVER_SHUTTING_DOWN);
	CHECK("nothing is left on the loop", net_stop(shared.net, 5000) == ERR_OK);
	control_publish_stop(control);
	catalog_free(control->catalog);
	free(control->login_config);
	free(control);
	net_free(shared.net);
	return test_result();
}
