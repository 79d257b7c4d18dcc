/*
 * main.c - lockgate-bench: a connect storm, idle connections, fan-in and fan-out against a broker on this machine, with
 * what the broker used for it by the kernel's accounting.
 * Never:   leaves the loopback; runs longer than its limit.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/options.h"
#include "bench/pool.h"
#include "bench/usage.h"

#define PROGRAM           "lockgate-bench"
#define MESSAGES_MAX      10000000u
#define PAYLOAD_BYTES_MAX 65536u
#define ROUNDS_MAX        100u
#define SECONDS_MAX       3600u
#define AT_ONCE_MAX       1000u
#define PUBLISHERS_MAX    200u
#define SETTLE_MS         1500u
#define STALL_MS          10000u

static const char usage_text[] =
	"usage: lockgate-bench --port N --pid PID --devices DIR [options]\n"
	"Loads an MQTT broker on 127.0.0.1 and prints what its process used, one 'name value' a line on "
	"stdout.\n"
	"  --port N        the broker's port\n"
	"  --pid PID       the broker's process, whose CPU time and memory are read from /proc\n"
	"  --devices DIR   dNNNNN.crt, dNNNNN.key and passwords, as bench/run makes them\n"
	"  --ca FILE       TLS, and what the broker's certificate must lead to; without it plain TCP\n"
	"  --tls12         TLS 1.2 (default 1.3)\n"
	"  --v5            MQTT 5 (default 3.1.1)\n"
	"  --clients N     connections, one device each (default 200, at most 20000)\n"
	"  --at-once N     of them in their handshake at a time (default 16)\n"
	"  --rounds N      connect storms; memory is read in the first (default 3)\n"
	"  --resume        from the second round on clients offer the sessions they were given; each must "
	"resume\n"
	"  --messages N    for fan-in, and deliveries for fan-out (default 20000)\n"
	"  --payload N     bytes (default 64)\n"
	"  --qos 0|1       (default 1)\n"
	"  --seconds N     limit for the whole run (default 300)\n"
	"Exit: 0 done, 1 a connection failed or time ran out, 2 usage.\n";

struct plan {
	struct pool_options pool;
	pid_t pid;
	unsigned at_once;
	unsigned rounds;
	unsigned messages;
	unsigned payload_bytes;
	uint8_t qos;
	unsigned seconds;
};

struct run {
	struct plan plan;
	struct pool *pool;
	struct clock clock;
	uint64_t end_ms;
	uint64_t shown_ms;
};

/* --- progress and figures --- */

static void show(struct run *run, const char *what, uint64_t done, uint64_t all)
{
	uint64_t now = clock_mono_ms(&run->clock);
	bool terminal = isatty(STDERR_FILENO) != 0;

	if (done < all && now < run->shown_ms + (terminal ? 100 : 2000)) {
		return;
	}
	run->shown_ms = now;
	(void)fprintf(stderr, "%s%-10s %" PRIu64 "/%" PRIu64 "%s", terminal ? "\r" : "", what, done, all,
		terminal && done < all ? "" : "\n");
}

static bool over(const struct run *run)
{
	if (clock_mono_ms(&run->clock) < run->end_ms) {
		return false;
	}
	(void)fprintf(stderr, PROGRAM ": the time limit was reached\n");
	return true;
}

static bool went_wrong(const struct run *run)
{
	if (pool_counts(run->pool).failed > 0) {
		(void)fprintf(stderr, PROGRAM ": %s\n", pool_last_failure(run->pool));
		return true;
	}
	return over(run);
}

static bool measure(const struct run *run, struct usage *out)
{
	enum err err = usage_of(run->plan.pid, out);

	if (err != ERR_OK) {
		(void)fprintf(stderr, PROGRAM ": process %d: %s\n", (int)run->plan.pid, err_name(err));
	}
	return err == ERR_OK;
}

/* Lets the broker come to rest, while our clients stay served. */
static void settle(struct run *run, uint64_t ms)
{
	uint64_t end = clock_mono_ms(&run->clock) + ms;

	while (clock_mono_ms(&run->clock) < end) {
		pool_poll(run->pool, 20);
	}
}

/* --- connect storm, idle --- */

static bool storm(struct run *run, unsigned round)
{
	struct usage before;
	struct usage after;
	unsigned opened = 0;
	unsigned all = run->plan.pool.clients;
	uint64_t start = 0;
	uint64_t resumed = pool_counts(run->pool).resumed;
	bool offered = run->plan.pool.resume && round > 0;
	double seconds = 0;

	if (!measure(run, &before)) {
		return false;
	}
	start = clock_mono_ms(&run->clock);
	while (pool_counts(run->pool).ready < all) {
		while (opened < all && pool_counts(run->pool).opening < run->plan.at_once) {
			pool_open(run->pool, opened++);
		}
		pool_poll(run->pool, 100);
		show(run, "connect", pool_counts(run->pool).ready, all);
		if (went_wrong(run)) {
			return false;
		}
	}
	seconds = (double)(clock_mono_ms(&run->clock) - start) / 1e3;
	settle(run, SETTLE_MS);
	if (!measure(run, &after)) {
		return false;
	}
	resumed = pool_counts(run->pool).resumed - resumed;
	if (resumed != (offered ? all : 0)) {
		(void)fprintf(stderr, PROGRAM ": %" PRIu64 " of %u sessions were resumed\n", resumed, all);
		return false;
	}
	bench_figure(offered ? "resume_cpu_us" : "connect_cpu_us",
		(double)(after.cpu_ns - before.cpu_ns) / 1e3 / all);
	bench_figure(offered ? "resumes_per_s" : "connects_per_s", seconds > 0 ? all / seconds : 0);
	if (round == 0) {
		/* Later rounds would find memory that the allocator kept. */
		bench_figure("connection_anonymous_bytes",
			((double)after.anonymous_bytes - (double)before.anonymous_bytes) / all);
		bench_figure(
			"connection_rss_bytes", ((double)after.rss_bytes - (double)before.rss_bytes) / all);
		bench_figure(
			"connection_pss_bytes", ((double)after.pss_bytes - (double)before.pss_bytes) / all);
		bench_figure("broker_rss_kib", (double)after.rss_bytes / 1024);
	}
	return true;
}

static bool idle(struct run *run)
{
	struct usage before;
	struct usage after;

	if (!measure(run, &before)) {
		return false;
	}
	settle(run, 2000);
	if (!measure(run, &after)) {
		return false;
	}
	bench_figure("idle_cpu_us_per_s", (double)(after.cpu_ns - before.cpu_ns) / 1e3 / 2);
	return !went_wrong(run);
}

/* --- messages --- */

static bool await_subscriptions(struct run *run, uint64_t count)
{
	while (pool_counts(run->pool).subscribed < count) {
		pool_poll(run->pool, 100);
		if (went_wrong(run)) {
			return false;
		}
	}
	return true;
}

/* How messages flow: from whom, and how many copies of each come back to us. */
struct flow {
	const char *name;
	unsigned first; /* publishers */
	unsigned publishers;
	const char *topic;
	unsigned messages;
	unsigned copies;
	uint64_t window; /* copies on their way at most: nothing is dropped, nothing waits idle */
};

static bool play(struct run *run, const struct flow *flow)
{
	uint8_t payload[PAYLOAD_BYTES_MAX] = {0};
	struct bytes content = bytes_of(payload, run->plan.payload_bytes);
	struct usage before;
	struct usage after;
	uint64_t received = pool_counts(run->pool).received;
	uint64_t all = (uint64_t)flow->messages * flow->copies;
	uint64_t start = clock_mono_ms(&run->clock);
	uint64_t moved_ms = start;
	uint64_t done = 0;
	unsigned sent = 0;
	char name[64];

	if (!measure(run, &before)) {
		return false;
	}
	while (done < all) {
		while (sent < flow->messages && (uint64_t)sent * flow->copies - done < flow->window) {
			unsigned from = flow->first + sent % flow->publishers;

			if (pool_publish(run->pool, from, flow->topic, content, run->plan.qos) != ERR_OK) {
				break;
			}
			sent++;
		}
		pool_poll(run->pool, 100);
		if (pool_counts(run->pool).received - received > done) {
			done = pool_counts(run->pool).received - received;
			moved_ms = clock_mono_ms(&run->clock);
		} else if (clock_mono_ms(&run->clock) > moved_ms + STALL_MS) {
			(void)fprintf(
				stderr, PROGRAM ": %s: nothing came back for %u ms\n", flow->name, STALL_MS);
			return false;
		}
		show(run, flow->name, done, all);
		if (went_wrong(run)) {
			return false;
		}
	}
	double seconds = (double)(clock_mono_ms(&run->clock) - start) / 1e3;
	settle(run, 200);
	if (!measure(run, &after)) {
		return false;
	}
	(void)snprintf(name, sizeof(name), "%s_cpu_us", flow->name);
	bench_figure(name, (double)(after.cpu_ns - before.cpu_ns) / 1e3 / (double)all);
	(void)snprintf(name, sizeof(name), "%s_per_s", flow->name);
	bench_figure(name, seconds > 0 ? (double)all / seconds : 0);
	return true;
}

/* Many publishers, one subscriber: client 0. */
static bool fan_in(struct run *run)
{
	unsigned others = run->plan.pool.clients - 1;
	const struct flow flow = {.name = "fanin",
		.first = 1,
		.publishers = others < PUBLISHERS_MAX ? others : PUBLISHERS_MAX,
		.topic = "bench/in",
		.messages = run->plan.messages,
		.copies = 1,
		.window = 500};

	if (pool_subscribe(run->pool, 0, flow.topic, run->plan.qos) != ERR_OK ||
		!await_subscriptions(run, 1)) {
		return false;
	}
	return play(run, &flow);
}

/* One publisher, client 0; everybody else subscribes. */
static bool fan_out(struct run *run)
{
	unsigned others = run->plan.pool.clients - 1;
	const struct flow flow = {.name = "fanout",
		.first = 0,
		.publishers = 1,
		.topic = "bench/out",
		.messages = 1 + run->plan.messages / others,
		.copies = others,
		.window = 4 * (uint64_t)others};
	uint64_t subscribed = pool_counts(run->pool).subscribed;

	for (unsigned i = 1; i <= others; i++) {
		if (pool_subscribe(run->pool, i, flow.topic, run->plan.qos) != ERR_OK) {
			return false;
		}
	}
	return await_subscriptions(run, subscribed + others) && play(run, &flow);
}

static bool run_all(struct run *run)
{
	for (unsigned round = 0; round < run->plan.rounds; round++) {
		if (!storm(run, round)) {
			return false;
		}
		if (round + 1 < run->plan.rounds) {
			pool_close_all(run->pool);
			settle(run, SETTLE_MS);
		}
	}
	if (!idle(run)) {
		return false;
	}
	if (run->plan.messages == 0) {
		return true;
	}
	return fan_in(run) && fan_out(run);
}

/* --- options --- */

static void parse(int argc, char **argv, struct plan *plan)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"pid", required_argument, NULL, 'i'},
		{"devices", required_argument, NULL, 'd'},
		{"ca", required_argument, NULL, 'a'},
		{"tls12", no_argument, NULL, '2'},
		{"v5", no_argument, NULL, '5'},
		{"clients", required_argument, NULL, 'c'},
		{"at-once", required_argument, NULL, 'o'},
		{"rounds", required_argument, NULL, 'r'},
		{"resume", no_argument, NULL, 'u'},
		{"messages", required_argument, NULL, 'm'},
		{"payload", required_argument, NULL, 'b'},
		{"qos", required_argument, NULL, 'q'},
		{"seconds", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option = 0;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'p': plan->pool.port = (uint16_t)bench_number(PROGRAM, optarg, 65535); break;
		case 'i': plan->pid = (pid_t)bench_number(PROGRAM, optarg, 0x7FFFFFFF); break;
		case 'd': plan->pool.devices = optarg; break;
		case 'a': plan->pool.ca_path = optarg; break;
		case '2': plan->pool.tls12 = true; break;
		case '5': plan->pool.version = MQTT_5; break;
		case 'c': plan->pool.clients = bench_number(PROGRAM, optarg, POOL_CLIENTS_MAX); break;
		case 'o': plan->at_once = bench_number(PROGRAM, optarg, AT_ONCE_MAX); break;
		case 'r': plan->rounds = bench_number(PROGRAM, optarg, ROUNDS_MAX); break;
		case 'u': plan->pool.resume = true; break;
		case 'm': plan->messages = bench_number(PROGRAM, optarg, MESSAGES_MAX); break;
		case 'b': plan->payload_bytes = bench_number(PROGRAM, optarg, PAYLOAD_BYTES_MAX); break;
		case 'q': plan->qos = (uint8_t)bench_number(PROGRAM, optarg, 1); break;
		case 's': plan->seconds = bench_number(PROGRAM, optarg, SECONDS_MAX); break;
		case 'h': (void)fputs(usage_text, stdout); exit(0);
		default: bench_wrong_usage(PROGRAM, "unknown option", usage_text);
		}
	}
	if (plan->pool.port == 0 || plan->pid == 0 || plan->pool.devices == NULL || optind != argc) {
		bench_wrong_usage(PROGRAM, "--port, --pid and --devices are needed", usage_text);
	}
	if (plan->pool.clients < 2 || plan->at_once == 0 || plan->rounds == 0) {
		bench_wrong_usage(PROGRAM, "at least two clients, one at once, one round", usage_text);
	}
}

int main(int argc, char **argv)
{
	struct run run = {.plan = {.pool = {.clients = 200, .version = MQTT_3_1_1, .keep_alive_s = 600},
				  .at_once = 16,
				  .rounds = 3,
				  .messages = 20000,
				  .payload_bytes = 64,
				  .qos = 1,
				  .seconds = 300}};
	enum err err = ERR_OK;
	bool good = false;

	parse(argc, argv, &run.plan);
	run.clock = clock_system();
	run.end_ms = clock_mono_ms(&run.clock) + (uint64_t)run.plan.seconds * 1000;
	err = pool_new(&run.plan.pool, &run.pool);
	if (err != ERR_OK) {
		(void)fprintf(stderr, PROGRAM ": %s: %s\n", run.plan.pool.devices, err_name(err));
		return 1;
	}
	good = run_all(&run);
	pool_close_all(run.pool);
	pool_free(run.pool);
	return good ? 0 : 1;
}
