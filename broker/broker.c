/*
 * broker.c - puts the parts together, starts them, and takes them apart again.
 * Owns:    the lock on the data directory; the order of start and stop.
 * Never:   accepts before every worker knows the policy.
 * Threads: the control loop's.
 */
#include "broker/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "broker/chain_certs.h"
#include "broker/chain_table.h"
#include "broker/control/control.h"
#include "broker/store/store.h"
#include "jaas_like/jaas_like.h"

#define STOP_PATIENCE_MS 10000u
#define TURN_MS          50u

struct broker {
	const struct broker_options *options;
	struct control control;
	struct shared shared;
	struct store store;
	struct buf *report;
	int lock_fd;
	bool started;
	bool hubs;
};

static enum err say(struct buf *report, enum err err, const char *a, const char *b)
{
	enum err said = buf_printf(report, "%s%s%s\n", a, b == NULL ? "" : ": ", b == NULL ? "" : b);

	return said == ERR_OK ? err : said;
}

/* --- the data directory --- */

static enum err lock_directory(struct broker *broker)
{
	const char *directory = broker->options->directory;
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/lock", directory);

	if (n < 0 || (size_t)n >= sizeof(path)) {
		return say(broker->report, ERR_LIMIT, "the path of the data directory is too long", NULL);
	}
	if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
		return say(broker->report, ERR_IO, directory, strerror(errno));
	}
	/* Who may write here could put a socket or a users file of his own in the place of ours. */
	if (file_check_owner(directory, false) != ERR_OK) {
		return say(broker->report, ERR_DENIED, directory,
			"its owner or mode would let others change the data directory");
	}
	broker->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (broker->lock_fd < 0) {
		return say(broker->report, ERR_IO, path, strerror(errno));
	}
	if (flock(broker->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		return say(broker->report, errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO, directory,
			errno == EWOULDBLOCK ? "another broker runs on this data directory"
					     : strerror(errno));
	}
	return ERR_OK;
}

static char *path_in(const char *directory, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

/* --- authority, asked by the engine on any worker --- */

static const struct policy *policy_at(struct shared *shared, unsigned worker)
{
	return shared->workers[worker].world == NULL ? NULL : world_policy(shared->workers[worker].world);
}

/* Without a policy nobody may do anything. */
static bool may(const struct policy *policy, const struct session_identity *identity, enum auth_right right,
	struct bytes topic)
{
	struct authority_subject subject = {
		.user = identity->user,
		.client_id = identity->client_id_bound ? identity->client_id : NULL,
		.common_name = identity->common_name,
	};

	if (policy == NULL) {
		return false;
	}
	if (policy_gate_open(policy, identity->channel, GATE_AUTHORITY)) {
		return true;
	}
	return right == RIGHT_PUB ? authority_may_publish(policy_authority(policy), &subject, topic, NULL)
				  : authority_may_subscribe(policy_authority(policy), &subject, topic, NULL);
}

static bool may_or_say(struct shared *shared, unsigned worker, const struct session_identity *identity,
	enum auth_right right, struct bytes topic)
{
	const struct policy *policy = policy_at(shared, worker);
	bool granted = may(policy, identity, right, topic);

	if (!granted && policy != NULL) {
		worker_right_refused(&shared->workers[worker], identity, right, topic);
	}
	return granted;
}

static bool may_publish(
	void *ctx, unsigned worker, const struct session_identity *identity, struct bytes topic, bool retain)
{
	/* As in MQ, who may publish may publish retained. */
	(void)retain;
	return may_or_say(ctx, worker, identity, RIGHT_PUB, topic);
}

static bool may_subscribe(
	void *ctx, unsigned worker, const struct session_identity *identity, struct bytes filter)
{
	return may_or_say(ctx, worker, identity, RIGHT_SUB, filter);
}

/*
 * A concrete topic is a filter that matches only itself: the right to subscribe to it is the right to get it. Nothing was
 * asked for by the client, so nothing is said.
 */
static bool may_deliver(
	void *ctx, unsigned worker, const struct session_identity *identity, struct bytes topic)
{
	return may(policy_at(ctx, worker), identity, RIGHT_SUB, topic);
}

/* --- assembling --- */

static enum err post(void *ctx, unsigned from, unsigned to, struct mail *mail)
{
	return net_post(ctx, from, to, mail);
}

static void post_reserved(void *ctx, unsigned to, struct mail *mail)
{
	net_post_reserved(ctx, to, mail);
}

/* Retries what found a mailbox full. */
static void on_batch_end(void *ctx, unsigned at)
{
	struct broker *broker = ctx;

	if (broker->hubs && at < net_worker_count(broker->shared.net)) {
		(void)hub_turn(broker->shared.workers[at].hub);
	}
}

static enum err make_net(struct broker *broker)
{
	struct net_options options = {
		.workers = broker->options->workers,
		.hooks = {.on_batch_end = on_batch_end, .ctx = broker},
		.log = broker->options->log,
	};

	return net_new(&options, &broker->shared.net);
}

static enum err make_engine(struct broker *broker)
{
	struct net *net = broker->shared.net;
	struct engine_options options = {
		.workers = net_worker_count(net),
		.post = {post, post_reserved, net},
		.hooks = {may_publish, may_subscribe, may_deliver, &broker->shared},
		.clock = clock_system(),
	};
	struct store_memory_options store = {.post = options.post};
	enum err err = crypto_random(options.home_key, sizeof(options.home_key));

	if (err == ERR_OK) {
		err = store_memory_new(&store, &broker->store);
	}
	if (err == ERR_OK) {
		options.store = &broker->store;
		err = engine_new(&options, &broker->shared.engine);
	}
	return err;
}

static enum err make_workers(struct broker *broker)
{
	struct shared *shared = &broker->shared;
	unsigned count = net_worker_count(shared->net);
	struct login_desk_options desks[NET_WORKERS_MAX];
	unsigned busy = 0;
	unsigned lane_max = 0;
	enum err err;

	shared->workers = calloc(count, sizeof(*shared->workers));
	if (shared->workers == NULL) {
		return ERR_NOMEM;
	}
	for (unsigned at = 0; at < count; at++) {
		desks[at] = (struct login_desk_options){
			net_executor(shared->net, at), clock_system(), broker->options->log};
	}
	net_lane_load(shared->net, LANE_HASH, &busy, &lane_max);
	err = login_desks_new(desks, count, lane_max / 2 == 0 ? 1 : lane_max / 2, &shared->desks);
	for (unsigned at = 0; at < count && err == ERR_OK; at++) {
		err = worker_init(&shared->workers[at], shared, at);
	}
	broker->hubs = err == ERR_OK;
	return err;
}

static enum err make_control(struct broker *broker)
{
	struct control *control = &broker->control;
	const struct broker_options *options = broker->options;

	*control = (struct control){
		.options = options,
		.shared = &broker->shared,
		.log = options->log,
		.report = broker->report,
	};
	list_init(&control->channels);
	control->executor = net_executor(broker->shared.net, net_control_at(broker->shared.net));
	control->clock = net_clock(broker->shared.net, net_control_at(broker->shared.net));
	control->wheel = net_wheel(broker->shared.net, net_control_at(broker->shared.net));
	control->login_config = options->login_config != NULL ? strdup(options->login_config)
							      : path_in(options->directory, "jaas.config");
	if (control->login_config == NULL) {
		return ERR_NOMEM;
	}
	enum err err = cut_guard_new(control);

	return err == ERR_OK ? catalog_new(&control->catalog) : err;
}

static enum err assemble(struct broker *broker)
{
	enum err err;

	broker->shared.log = broker->options->log;
	err = make_net(broker);
	if (err == ERR_OK) {
		err = refusals_new(BROKER_REFUSALS_KEPT, BROKER_RIGHTS_KEPT, broker->options->log,
			clock_system(), &broker->shared.refusals);
	}
	if (err == ERR_OK) {
		err = chain_certs_new(&broker->shared.chain_certs);
	}
	if (err == ERR_OK) {
		err = known_new(KNOWN_MAX, &broker->shared.known);
	}
	if (err == ERR_OK) {
		err = chain_table_new(NULL, &broker->shared.chains);
	}
	if (err == ERR_OK) {
		err = make_engine(broker);
	}
	if (err == ERR_OK) {
		err = make_workers(broker);
	}
	if (err == ERR_OK) {
		err = make_control(broker);
	}
	return err == ERR_OK ? ERR_OK
			     : say(broker->report, err, "the broker could not be set up", err_name(err));
}

/* --- start --- */

static void tell_ready(struct broker *broker)
{
	struct shared *shared = &broker->shared;
	uint64_t before = 0;
	uint64_t now = 0;
	enum err err = net_raise_nofile(&before, &now);

	LOG(broker->options->log, err == ERR_OK ? LOG_INFO : LOG_WARN, "LKG0001I", "ready",
		LF_INT("workers", net_worker_count(shared->net)), LF_INT("descriptors", now),
		LF_BOOL("secrets_locked", secret_all_locked()), LF_TEXT("version", LOCKGATE_VERSION),
		LF_TEXT("directory", broker->options->directory));
	if (broker->options->insecure_test_gates) {
		LOG(broker->options->log, LOG_WARN, "LKG0002W",
			"INSECGATE is accepted: gates may stand open; never run a fleet like this",
			LF_TEXT("option", "--insecure-test-gates"));
	}
	if (broker->options->ready_fd >= 0) {
		/* Who waits for this may look next at which ports the log names. */
		(void)log_flush(broker->options->log);
		ssize_t n = write(broker->options->ready_fd, "ready\n", 6);

		(void)n;
	}
}

static void on_applied(void *ctx, enum err err, const char *message)
{
	struct broker *broker = ctx;
	struct control *control = &broker->control;

	if (control->stopping) {
		return;
	}
	control->start_err = err;
	control->ready = err == ERR_OK;
	if (err != ERR_OK) {
		control->start_err =
			say(broker->report, err, message == NULL ? err_name(err) : message, NULL);
	}
	if (!control->ready) {
		control_quit(control);
		return;
	}
	control_watch_start(control);
	control_keystores_start(control);
	tell_ready(broker);
	control_apply_again(control);
}

static enum err start(struct broker *broker)
{
	struct control *control = &broker->control;
	uint64_t before = 0;
	uint64_t now = 0;
	enum err err = net_raise_nofile(&before, &now);

	if (err != ERR_OK) {
		LOG(broker->options->log, LOG_WARN, "LKG0003W",
			"the limit of open descriptors could not be raised", LF_INT("descriptors", now));
	}
	err = control_time_start(control);
	if (err != ERR_OK) {
		return say(broker->report, err, "the broker could not be started", err_name(err));
	}
	control_clients_start(control);
	err = net_start(broker->shared.net);
	broker->started = err == ERR_OK;
	if (err == ERR_OK) {
		err = signals_open(control);
	}
	if (err == ERR_OK) {
		err = sources_open(control);
	}
	if (err == ERR_OK) {
		err = admin_open(control, broker->report);
	}
	if (err != ERR_OK) {
		return broker->report->len > 0
			       ? err
			       : say(broker->report, err, "the broker could not be started", err_name(err));
	}
	control_apply(control, on_applied, broker);
	return ERR_OK;
}

void control_quit(struct control *control)
{
	net_quit(control->shared->net);
}

/* --- stop --- */

struct stop_letter {
	struct mail mail;
	struct worker *worker;
	bool asked;
};

static void on_stop_letter(struct mail *mail, unsigned at)
{
	struct stop_letter *letter = CONTAINER_OF(mail, struct stop_letter, mail);

	(void)at;
	hub_stop(letter->worker->hub);
	free(letter);
}

/* DISCONNECT 0x8B to everybody, wills by their rules, then a moment for it to leave. */
static void stop_hubs(struct broker *broker)
{
	struct shared *shared = &broker->shared;
	unsigned count = net_worker_count(shared->net);

	for (unsigned at = 0; at < count; at++) {
		struct stop_letter *letter = calloc(1, sizeof(*letter));

		if (letter != NULL) {
			*letter = (struct stop_letter){
				.mail = {.run = on_stop_letter}, .worker = &shared->workers[at]};
			net_post_reserved(shared->net, at, &letter->mail);
		}
	}
	for (unsigned turn = 0; turn < 20; turn++) {
		unsigned long live = 0;

		for (unsigned at = 0; at < count; at++) {
			live += atomic_load_explicit(&shared->workers[at].live, memory_order_relaxed);
		}
		if (live == 0) {
			break;
		}
		net_turn(shared->net, TURN_MS);
	}
}

static enum err stop(struct broker *broker)
{
	struct control *control = &broker->control;
	enum err err = ERR_OK;

	if (broker->started) {
		LOG(broker->options->log, LOG_INFO, "LKG0004I", "stopping",
			LF_TEXT("directory", broker->options->directory));
		control->stopping = true;
		control_watch_stop(control);
		control_keystores_stop(control);
		control_time_stop(control);
		control_clients_stop(control);
		LIST_FOR_EACH_SAFE(node, after, &control->channels)
		{
			channel_close(
				CONTAINER_OF(node, struct channel, node), MQTT_REASON_SERVER_SHUTTING_DOWN);
		}
		control_staple_stop(control);
		sources_close(control); /* whoever waits for its answer is sent back */
		admin_close(control);   /* its scripts end here: nothing starts any more */
		cut_guard_stop(control);
		control_publish_end_waiters(control);
		stop_hubs(broker);
		signals_close(control);
		err = net_stop(broker->shared.net, STOP_PATIENCE_MS);
	}
	return err;
}

static void dismantle(struct broker *broker)
{
	struct control *control = &broker->control;
	struct shared *shared = &broker->shared;

	if (control->shared != NULL) {
		if (broker->started) {
			control_clients_end(control);
		}
		cut_guard_free(control);
		control_publish_stop(control);
		sources_free(control);
		catalog_free(control->catalog);
		login_setup_unref(control->logins);
		free(control->login_config);
	}
	for (unsigned at = 0; shared->workers != NULL && at < net_worker_count(shared->net); at++) {
		if (shared->workers[at].shared != NULL) {
			worker_deinit(&shared->workers[at]);
		}
	}
	free(shared->workers);
	login_desks_free(shared->desks);
	engine_free(shared->engine);
	store_close(&broker->store);
	refusals_free(shared->refusals);
	chain_table_free(shared->chains);
	chain_certs_free(shared->chain_certs);
	known_free(shared->known);
	if (shared->net != NULL) {
		net_free(shared->net);
	}
}

enum err broker_run(const struct broker_options *options, struct buf *report)
{
	struct broker broker = {.options = options, .report = report, .lock_fd = -1};
	enum err err = crypto_init();

	if (err != ERR_OK) {
		return say(report, err, "the cryptographic library could not be started", NULL);
	}
	err = lock_directory(&broker);
	if (err == ERR_OK) {
		err = assemble(&broker);
	}
	if (err == ERR_OK) {
		err = start(&broker);
		if (err == ERR_OK) {
			net_run(broker.shared.net);
			err = broker.control.start_err;
		}
		if (stop(&broker) != ERR_OK) {
			/* A lane still works for somebody who is gone; the process ends, and with it the thread. */
			LOG(options->log, LOG_WARN, "LKG0005W", "a blocking job did not come back in time",
				LF_INT("patience_ms", STOP_PATIENCE_MS));
			(void)log_flush(options->log);
			_exit(1);
		}
	}
	dismantle(&broker);
	if (broker.lock_fd >= 0) {
		(void)close(broker.lock_fd);
	}
	crypto_cleanup();
	return err;
}
