/*
 * revoke.c - lockgate-bench-revoke: thousands of live sessions, then one revocation list that names many of them: how soon
 * are these closed, and do the others notice?
 * Never:   leaves the loopback; runs longer than its limit.
 */
#include <getopt.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/pem.h"
#include "bench/options.h"
#include "bench/pool.h"
#include "bench/usage.h"
#include "x509/x509.h"

#define PROGRAM        "lockgate-bench-revoke"
#define ENTRIES_MAX    2000000u
#define SERIAL_BYTES   16u
#define FILE_BYTES_MAX 16384u
#define PATH_BYTES     512
#define DAY_S          (24 * 3600)
#define AT_ONCE        16u
#define SETTLE_MS      2000u
#define WATCH_MS       20000u /* for the closes */
#define AFTER_MS       2000u  /* and the survivors are watched for so long behind the last */
#define LOOKUPS        1000000u
#define PROBE_MS       5.0

static const char usage_text[] =
	"usage: lockgate-bench-revoke --port N --pid PID --dir DIR --crl FILE [options]\n"
	"Connects devices to a broker on 127.0.0.1, then puts a revocation list in place of FILE that names "
	"some of them,\n"
	"and prints how long it took until these were closed, one 'name value' a line.\n"
	"  --dir DIR       ca and devices/ as lockgate-bench-fleet makes them, and devices/passwords\n"
	"  --crl FILE      what the channel's CRLFILE names\n"
	"  --clients N     connections (default 1000, at most 20000)\n"
	"  --revoked N     of them are on the list (default half)\n"
	"  --entries N     others on the list that nobody here has (default 0, at most 2000000)\n"
	"  --number N      CRL number (default 2)\n"
	"  --hook PROGRAM  run between the connects and the list, and again before the clients go\n"
	"  --only-write    writes the list and ends: no --port, no --pid\n"
	"  --only-read     reads FILE in this process, and measures memory and look-ups: nothing else is "
	"needed but --dir\n"
	"  --seconds N     limit for the whole run (default 300)\n"
	"Exit: 0 done, 1 something failed or time ran out, 2 usage.\n";

struct plan {
	struct pool_options pool;
	pid_t pid;
	const char *dir;
	const char *crl;
	const char *hook; /* NULL: none */
	unsigned revoked;
	unsigned entries;
	unsigned number;
	unsigned seconds;
	bool revoked_given, only_write, only_read;
};

struct run {
	struct plan plan;
	struct pool *pool;
	uint64_t end_ns;
};

static double ms_since(uint64_t start_ns)
{
	return (double)(clock_mono_ns() - start_ns) / 1e6;
}

static bool fail(const char *what, const char *why)
{
	(void)fprintf(stderr, PROGRAM ": %s: %s\n", what, why);
	return false;
}

/* --- the list --- */

static enum err read_pem(const char *path, struct buf *der)
{
	struct buf text = BUF_INIT(FILE_BYTES_MAX);
	struct bytes label;
	enum err err = file_read(path, FILE_BYTES_MAX, &text);

	if (err == ERR_OK) {
		struct bytes rest = buf_bytes(&text);

		err = pem_next(&rest, &label, der);
	}
	if (text.data != NULL) {
		secure_wipe(text.data, text.len);
	}
	buf_release(&text);
	return err;
}

static enum err read_cert(const char *path, struct cert **out)
{
	struct buf der = BUF_INIT(FILE_BYTES_MAX);
	enum err err = read_pem(path, &der);

	if (err == ERR_OK) {
		err = cert_parse(buf_bytes(&der), out, NULL);
	}
	buf_release(&der);
	return err;
}

struct list {
	uint8_t (*serials)[SERIAL_BYTES];
	struct x509_make_revoked *revoked;
	size_t count;
};

static enum err add_devices(const struct plan *plan, struct list *list, int64_t now)
{
	char path[PATH_BYTES];

	for (unsigned i = 1; i <= plan->revoked; i++) {
		struct cert *cert = NULL;

		(void)snprintf(path, sizeof(path), "%s/devices/d%05u.crt", plan->dir, i);
		enum err err = read_cert(path, &cert);

		if (err != ERR_OK) {
			return err;
		}
		struct bytes serial = cert_serial(cert);

		if (serial.len > SERIAL_BYTES) {
			cert_unref(cert);
			return ERR_LIMIT;
		}
		memcpy(list->serials[list->count], serial.data, serial.len);
		list->revoked[list->count] = (struct x509_make_revoked){
			.serial = bytes_of(list->serials[list->count], serial.len), .when = now, .reason = 1};
		list->count++;
		cert_unref(cert);
	}
	return ERR_OK;
}

/* Random serials of 16 octets, positive: what most CAs give. */
static enum err add_others(const struct plan *plan, struct list *list, int64_t now)
{
	for (unsigned i = 0; i < plan->entries; i++) {
		uint8_t *serial = list->serials[list->count];
		enum err err = crypto_random(serial, SERIAL_BYTES);

		if (err != ERR_OK) {
			return err;
		}
		serial[0] = (uint8_t)((serial[0] & 0x3fu) | 0x40u);
		list->revoked[list->count] = (struct x509_make_revoked){
			.serial = bytes_of(serial, SERIAL_BYTES), .when = now, .reason = i % 2 ? 1 : -1};
		list->count++;
	}
	return ERR_OK;
}

static enum err sign_list(const struct plan *plan, const struct list *list, int64_t now, struct buf *der)
{
	char path[PATH_BYTES];
	struct cert *ca = NULL;
	struct buf key = BUF_INIT(FILE_BYTES_MAX);

	(void)snprintf(path, sizeof(path), "%s/ca.crt", plan->dir);
	enum err err = read_cert(path, &ca);

	if (err == ERR_OK) {
		(void)snprintf(path, sizeof(path), "%s/ca.key", plan->dir);
		err = read_pem(path, &key);
	}
	if (err == ERR_OK) {
		err = x509_make_crl(ca, buf_bytes(&key), now - 60, now + 30 * DAY_S, plan->number,
			list->revoked, list->count, der);
	}
	if (key.data != NULL) {
		secure_wipe(key.data, key.len);
	}
	buf_release(&key);
	cert_unref(ca);
	return err;
}

static enum err make_list(const struct plan *plan, struct buf *der)
{
	struct clock clock = clock_system();
	int64_t now = clock_wall_ms(&clock) / 1000;
	size_t most = (size_t)plan->revoked + plan->entries + 1;
	struct list list = {calloc(most, SERIAL_BYTES), calloc(most, sizeof(struct x509_make_revoked)), 0};
	enum err err = list.serials == NULL || list.revoked == NULL ? ERR_NOMEM : ERR_OK;

	if (err == ERR_OK) {
		err = add_devices(plan, &list, now);
	}
	if (err == ERR_OK) {
		err = add_others(plan, &list, now);
	}
	if (err == ERR_OK) {
		err = sign_list(plan, &list, now, der);
	}
	free(list.serials);
	free(list.revoked);
	return err;
}

/* --- connecting --- */

static bool over(const struct run *run)
{
	return clock_mono_ns() >= run->end_ns && !fail("time", "the limit was reached");
}

static void settle(struct run *run, uint64_t ms)
{
	uint64_t start = clock_mono_ns();

	while (ms_since(start) < (double)ms) {
		pool_poll(run->pool, 20);
	}
}

static bool run_hook(const char *path)
{
	char *const arguments[] = {strdup(path), NULL};
	int status = -1;
	pid_t child = 0;
	bool good = arguments[0] != NULL && posix_spawn(&child, path, NULL, NULL, arguments, environ) == 0 &&
		    waitpid(child, &status, 0) == child && status == 0;

	free(arguments[0]);
	return good;
}

static bool hook(struct run *run)
{
	if (run->plan.hook != NULL && !run_hook(run->plan.hook)) {
		return fail(run->plan.hook, "it failed");
	}
	settle(run, SETTLE_MS);
	return true;
}

static bool connect_all(struct run *run)
{
	unsigned all = run->plan.pool.clients;
	unsigned opened = 0;
	uint64_t start = clock_mono_ns();

	while (pool_counts(run->pool).ready < all) {
		while (opened < all && pool_counts(run->pool).opening < AT_ONCE) {
			pool_open(run->pool, opened++);
			if (opened % 1000 == 0 || opened == all) {
				(void)fprintf(stderr, PROGRAM ": connect %u/%u\n", opened, all);
			}
		}
		pool_poll(run->pool, 100);
		if (pool_counts(run->pool).failed > 0) {
			return fail("connect", pool_last_failure(run->pool));
		}
		if (over(run)) {
			return false;
		}
	}
	bench_figure("connect_s", ms_since(start) / 1e3);
	settle(run, SETTLE_MS);
	return hook(run);
}

/* --- revoking --- */

/* A survivor that publishes at QoS 1 all the time: the longest it waited for an answer. */
struct probe {
	unsigned client;
	uint64_t sent_ns, acknowledged;
	bool waiting;
	double longest_ms;
	unsigned rounds;
};

static bool probe_step(struct run *run, struct probe *probe)
{
	uint64_t acknowledged = pool_counts(run->pool).acknowledged;

	if (probe->waiting && acknowledged > probe->acknowledged) {
		double took = ms_since(probe->sent_ns);

		probe->longest_ms = took > probe->longest_ms ? took : probe->longest_ms;
		probe->waiting = false;
		probe->rounds++;
	}
	if (!probe->waiting && ms_since(probe->sent_ns) >= PROBE_MS) {
		probe->acknowledged = acknowledged;
		probe->sent_ns = clock_mono_ns();
		probe->waiting = true;
		return pool_publish(run->pool, probe->client, "bench/probe", bytes_text("x"), 1) == ERR_OK;
	}
	return true;
}

static bool watch_closes(struct run *run, uint64_t renamed_ns)
{
	unsigned revoked = run->plan.revoked;
	struct probe probe = {.client = run->plan.pool.clients - 1};
	uint64_t last_ns = renamed_ns;
	unsigned closed = 0;

	while (closed < revoked || ms_since(last_ns) < AFTER_MS) {
		unsigned now = pool_counts(run->pool).failed;

		if (now > closed) {
			if (closed == 0) {
				bench_figure("first_closed_ms", ms_since(renamed_ns));
			}
			closed = now;
			last_ns = clock_mono_ns();
		}
		if (closed < revoked && ms_since(renamed_ns) > WATCH_MS) {
			(void)fprintf(stderr, PROGRAM ": %u of %u were closed\n", closed, revoked);
			return false;
		}
		if (!probe_step(run, &probe)) {
			return fail("a survivor", pool_last_failure(run->pool));
		}
		pool_poll(run->pool, 1);
	}
	bench_figure("all_closed_ms", (double)(last_ns - renamed_ns) / 1e6);
	bench_figure("probe_longest_ms", probe.longest_ms);
	bench_figure("probe_rounds", probe.rounds);
	for (unsigned i = 0; i < run->plan.pool.clients; i++) {
		if (pool_is_ready(run->pool, i) == (i < revoked)) {
			(void)fprintf(stderr, PROGRAM ": d%05u is %s\n", i + 1,
				i < revoked ? "on the list and still connected"
					    : "not on the list and closed");
			return false;
		}
	}
	return true;
}

static bool revoke_some(struct run *run)
{
	struct buf der = BUF_INIT(X509_CRL_BYTES_MAX);
	struct usage before;
	struct usage after;
	bool good = false;

	if (make_list(&run->plan, &der) != ERR_OK) {
		(void)fail("the list", "it could not be made");
	} else if (usage_of(run->plan.pid, &before) != ERR_OK) {
		(void)fail("the broker", "there is no such process");
	} else if (file_write_atomic(run->plan.crl, buf_bytes(&der), 0644) != ERR_OK) {
		(void)fail(run->plan.crl, "it could not be written");
	} else {
		/* The rename was a moment ago, behind it only the folder's fsync. */
		good = watch_closes(run, clock_mono_ns());
		if (usage_of(run->plan.pid, &after) == ERR_OK) {
			bench_figure("broker_cpu_ms", (double)(after.cpu_ns - before.cpu_ns) / 1e6);
		}
		bench_figure("list_bytes", (double)der.len);
		good = good && hook(run);
	}
	buf_release(&der);
	return good;
}

/* --- one list, read here --- */

static bool read_here(const struct plan *plan)
{
	struct buf der = BUF_INIT(X509_CRL_BYTES_MAX);
	struct crl_list list = {0};
	struct x509_error error = {0};
	bool good = file_read(plan->crl, X509_CRL_BYTES_MAX, &der) == ERR_OK;
	uint64_t start = clock_mono_ns();

	good = good && crl_list_load(buf_bytes(&der), &list, &error) == ERR_OK && list.count > 0;
	if (!good) {
		(void)fail(plan->crl, error.what == NULL ? "it could not be read" : error.what);
	} else {
		const struct crl *crl = list.items[0];
		double count = (double)crl_entry_count(crl);
		unsigned listed = 0;
		uint8_t(*serials)[SERIAL_BYTES] = calloc(LOOKUPS, SERIAL_BYTES);

		bench_figure("read_ms", ms_since(start));
		bench_figure("entries", count);
		bench_figure("file_bytes_per_entry", count > 0 ? (double)der.len / count : 0);
		bench_figure("bytes_per_entry", count > 0 ? (double)crl_memory_bytes(crl) / count : 0);
		if (serials != NULL && crypto_random(serials[0], (size_t)LOOKUPS * SERIAL_BYTES) == ERR_OK) {
			start = clock_mono_ns();
			for (unsigned i = 0; i < LOOKUPS; i++) {
				listed += crl_lists(crl, bytes_of(serials[i], SERIAL_BYTES)) ? 1 : 0;
			}
			bench_figure("lookup_ns", ms_since(start) * 1e6 / LOOKUPS);
			bench_figure("lookups_found", listed);
		}
		free(serials);
	}
	crl_list_release(&list);
	buf_release(&der);
	return good;
}

/* --- options --- */

static void check(struct plan *plan)
{
	bool alone = plan->only_write || plan->only_read;

	if (plan->dir == NULL || plan->crl == NULL || strlen(plan->dir) > PATH_BYTES / 2) {
		bench_wrong_usage(PROGRAM, "--dir and --crl are needed", usage_text);
	}
	if (!alone && (plan->pool.port == 0 || plan->pid == 0)) {
		bench_wrong_usage(PROGRAM, "--port and --pid are needed", usage_text);
	}
	if (!plan->revoked_given) {
		plan->revoked = alone ? 0 : plan->pool.clients / 2;
	}
	if (!alone && (plan->pool.clients < 2 || plan->revoked == 0 || plan->revoked >= plan->pool.clients)) {
		bench_wrong_usage(PROGRAM, "some are revoked and some are not", usage_text);
	}
}

static void parse(int argc, char **argv, struct plan *plan)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"pid", required_argument, NULL, 'i'},
		{"dir", required_argument, NULL, 'd'},
		{"crl", required_argument, NULL, 'l'},
		{"clients", required_argument, NULL, 'c'},
		{"revoked", required_argument, NULL, 'r'},
		{"entries", required_argument, NULL, 'e'},
		{"number", required_argument, NULL, 'n'},
		{"hook", required_argument, NULL, 'k'},
		{"only-write", no_argument, NULL, 'w'},
		{"only-read", no_argument, NULL, 'x'},
		{"seconds", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option = 0;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'p': plan->pool.port = (uint16_t)bench_number(PROGRAM, optarg, 65535); break;
		case 'i': plan->pid = (pid_t)bench_number(PROGRAM, optarg, 0x7FFFFFFF); break;
		case 'd': plan->dir = optarg; break;
		case 'l': plan->crl = optarg; break;
		case 'c': plan->pool.clients = bench_number(PROGRAM, optarg, POOL_CLIENTS_MAX); break;
		case 'r':
			plan->revoked = bench_number(PROGRAM, optarg, POOL_CLIENTS_MAX);
			plan->revoked_given = true;
			break;
		case 'e': plan->entries = bench_number(PROGRAM, optarg, ENTRIES_MAX); break;
		case 'n': plan->number = bench_number(PROGRAM, optarg, 0x7FFFFFFF); break;
		case 'k': plan->hook = optarg; break;
		case 'w': plan->only_write = true; break;
		case 'x': plan->only_read = true; break;
		case 's': plan->seconds = bench_number(PROGRAM, optarg, 3600); break;
		case 'h': (void)fputs(usage_text, stdout); exit(0);
		default: bench_wrong_usage(PROGRAM, "unknown option", usage_text);
		}
	}
	if (optind != argc) {
		bench_wrong_usage(PROGRAM, "there are only options", usage_text);
	}
	check(plan);
}

static bool write_only(const struct plan *plan)
{
	struct buf der = BUF_INIT(X509_CRL_BYTES_MAX);
	enum err err = make_list(plan, &der);

	if (err == ERR_OK) {
		err = file_write_atomic(plan->crl, buf_bytes(&der), 0644);
	}
	buf_release(&der);
	return err == ERR_OK || fail(plan->crl, err_name(err));
}

static bool with_pool(struct run *run)
{
	char devices[PATH_BYTES];
	char ca[PATH_BYTES];

	(void)snprintf(devices, sizeof(devices), "%s/devices", run->plan.dir);
	(void)snprintf(ca, sizeof(ca), "%s/ca.crt", run->plan.dir);
	struct pool_options options = run->plan.pool;

	options.devices = devices;
	options.ca_path = ca;
	enum err err = pool_new(&options, &run->pool);

	if (err != ERR_OK) {
		return fail(devices, err_name(err));
	}
	bool good = connect_all(run) && revoke_some(run);

	pool_close_all(run->pool);
	pool_free(run->pool);
	return good;
}

int main(int argc, char **argv)
{
	struct run run = {.plan = {.pool = {.clients = 1000, .version = MQTT_5, .keep_alive_s = 600},
				  .number = 2,
				  .seconds = 300}};

	parse(argc, argv, &run.plan);
	run.end_ns = clock_mono_ns() + (uint64_t)run.plan.seconds * UINT64_C(1000000000);
	if (crypto_init() != ERR_OK) {
		return 1;
	}
	bool good = run.plan.only_read    ? read_here(&run.plan)
		    : run.plan.only_write ? write_only(&run.plan)
					  : with_pool(&run);

	crypto_cleanup();
	return good ? 0 : 1;
}
