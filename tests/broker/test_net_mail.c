/*
 * test_net_mail.c - mailboxes and lanes: order, bounds, nothing lost, a stop with work under way.
 * Owns:    its pools and letters.
 * Threads: main is the control loop.
 */
#include <pthread.h>
#include <stdlib.h>

#include "net_kit.h"
#include "tests/test.h"

/* --- letters --- */

enum { LETTERS = 5000 };
struct letter {
	struct mail mail;
	unsigned number;
	struct post *post;
};
struct post {
	struct net *net;
	struct letter letters[LETTERS];
	atomic_uint next, wrong, received, refused;
	atomic_uint batches, batch_begins, batch_ends, starts, stops;
	pthread_t seen_on[4];
};

static void letter_run(struct mail *mail, unsigned at)
{
	struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
	struct post *post = letter->post;
	(void)at;
	if (letter->number != atomic_load(&post->next)) {
		atomic_fetch_add(&post->wrong, 1);
	}
	atomic_store(&post->next, letter->number + 1);
	atomic_fetch_add(&post->received, 1);
}

static void hook_start(void *ctx, unsigned at)
{
	struct post *post = ctx;
	(void)at;
	atomic_fetch_add(&post->starts, 1);
}

static void hook_begin(void *ctx, unsigned at)
{
	struct post *post = ctx;
	(void)at;
	atomic_fetch_add(&post->batch_begins, 1);
}

static void hook_end(void *ctx, unsigned at)
{
	struct post *post = ctx;
	(void)at;
	atomic_fetch_add(&post->batch_ends, 1);
}

static void hook_stop(void *ctx, unsigned at)
{
	struct post *post = ctx;
	(void)at;
	atomic_fetch_add(&post->stops, 1);
}

static void test_order(void)
{
	struct post *post = calloc(1, sizeof(*post));
	struct kit kit = {0};
	REQUIRE("memory", post != NULL);
	kit_open_pool(&kit, &(struct net_options){.workers = 2,
				    .mailbox_max = LETTERS,
				    .hooks = {.on_start = hook_start,
					    .on_batch_begin = hook_begin,
					    .on_batch_end = hook_end,
					    .on_stop = hook_stop,
					    .ctx = post}});
	for (unsigned i = 0; i < LETTERS; i++) {
		post->letters[i] = (struct letter){.mail = {.run = letter_run}, .number = i, .post = post};
		CHECK("post",
			net_post(kit.net, net_control_at(kit.net), 1, &post->letters[i].mail) == ERR_OK);
	}
	CHECK("all arrive", kit_wait(&kit, &post->received, LETTERS));
	CHECK("first in, first out", atomic_load(&post->wrong) == 0);
	kit_close(&kit);
	CHECK("on_start on every loop", atomic_load(&post->starts) == 3);
	CHECK("on_stop on every loop", atomic_load(&post->stops) == 3);
	CHECK("batches begin", atomic_load(&post->batch_begins) > 0);
	CHECK("a batch is far less often than a letter: wakes coalesce",
		atomic_load(&post->batch_begins) < LETTERS);
	CHECK("every begun batch ends", atomic_load(&post->batch_begins) == atomic_load(&post->batch_ends));
	free(post);
}

/* A worker that stands still, so that its mailbox fills. */
struct gate_letter {
	struct mail mail;
	pthread_mutex_t *lock;
	atomic_uint entered;
};

static void gate_run(struct mail *mail, unsigned at)
{
	struct gate_letter *gate = CONTAINER_OF(mail, struct gate_letter, mail);
	(void)at;
	atomic_store(&gate->entered, 1);
	(void)pthread_mutex_lock(gate->lock);
	(void)pthread_mutex_unlock(gate->lock);
}

static void test_full(void)
{
	enum { MAX = 10 };
	struct post *post = calloc(1, sizeof(*post));
	struct kit kit = {0};
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct gate_letter gate = {.mail = {.run = gate_run}, .lock = &lock};
	REQUIRE("memory", post != NULL);
	kit_open_pool(&kit, &(struct net_options){.workers = 1, .mailbox_max = MAX});
	(void)pthread_mutex_lock(&lock);
	net_post_reserved(kit.net, 0, &gate.mail);
	REQUIRE("the worker stands", kit_wait(&kit, &gate.entered, 1));
	unsigned from = net_control_at(kit.net);
	for (unsigned i = 0; i < MAX; i++) {
		post->letters[i] = (struct letter){.mail = {.run = letter_run}, .number = i, .post = post};
		CHECK("up to the maximum", net_post(kit.net, from, 0, &post->letters[i].mail) == ERR_OK);
	}
	post->letters[MAX] = (struct letter){.mail = {.run = letter_run}, .number = MAX, .post = post};
	CHECK("max + 1 is refused and not taken",
		net_post(kit.net, from, 0, &post->letters[MAX].mail) == ERR_LIMIT);
	struct letter other = {.mail = {.run = letter_run}, .number = 0, .post = post};
	net_post_reserved(kit.net, 0, &other.mail); /* never refused, and first: it has its own order */
	(void)pthread_mutex_unlock(&lock);
	CHECK("all but the refused one arrive", kit_wait(&kit, &post->received, MAX + 1));
	kit_turns(&kit, 20);
	CHECK("and the refused one does not", atomic_load(&post->received) == MAX + 1);
	CHECK("there is room again", net_post(kit.net, from, 0, &post->letters[MAX].mail) == ERR_OK);
	kit_close(&kit);
	CHECK("mail left at the stop is still run", atomic_load(&post->received) == MAX + 2);
	free(post);
}

/* --- lanes --- */

struct work {
	struct job job;
	struct labour *labour;
};
struct labour {
	struct executor executor;
	pthread_mutex_t lock;
	atomic_uint ran, done, wrong_thread, started;
	pthread_t main_thread;
};

static void work_run(struct job *job)
{
	struct labour *labour = CONTAINER_OF(job, struct work, job)->labour;
	atomic_fetch_add(&labour->started, 1);
	(void)pthread_mutex_lock(&labour->lock);
	(void)pthread_mutex_unlock(&labour->lock);
	if (pthread_equal(pthread_self(), labour->main_thread)) {
		atomic_fetch_add(&labour->wrong_thread, 1);
	}
	atomic_fetch_add(&labour->ran, 1);
}

static void work_done(struct job *job)
{
	struct labour *labour = CONTAINER_OF(job, struct work, job)->labour;
	if (!pthread_equal(pthread_self(), labour->main_thread)) {
		atomic_fetch_add(&labour->wrong_thread, 1);
	}
	atomic_fetch_add(&labour->done, 1);
}

static void test_lane_full(void)
{
	enum { QUEUE = 4, THREADS = 1 };
	struct kit kit = {0};
	struct labour labour = {.main_thread = pthread_self(), .lock = PTHREAD_MUTEX_INITIALIZER};
	struct work works[QUEUE + THREADS + 1];
	kit_open_pool(&kit, &(struct net_options){.workers = 1,
				    .lanes = {[LANE_HASH] = {.threads = THREADS, .queue_max = QUEUE}}});
	labour.executor = net_executor(kit.net, net_control_at(kit.net));
	for (size_t i = 0; i < ARRAY_COUNT(works); i++) {
		works[i] = (struct work){.job = {.run = work_run, .done = work_done}, .labour = &labour};
	}
	(void)pthread_mutex_lock(&labour.lock);
	CHECK("the first", executor_submit(&labour.executor, LANE_HASH, &works[0].job) == ERR_OK);
	REQUIRE("is under way", kit_wait(&kit, &labour.started, 1));
	for (unsigned i = 1; i <= QUEUE; i++) {
		CHECK("up to the maximum",
			executor_submit(&labour.executor, LANE_HASH, &works[i].job) == ERR_OK);
	}
	unsigned busy = 0, max = 0;
	net_lane_load(kit.net, LANE_HASH, &busy, &max);
	CHECK("the load shows", busy == QUEUE + 1 && max == QUEUE + THREADS);
	CHECK("a full lane refuses",
		executor_submit(&labour.executor, LANE_HASH, &works[QUEUE + 1].job) == ERR_LIMIT);
	struct work other = {.job = {.run = work_run, .done = work_done}, .labour = &labour};
	CHECK("another lane does not care",
		executor_submit(&labour.executor, LANE_FILE, &other.job) == ERR_OK);
	(void)pthread_mutex_unlock(&labour.lock);
	CHECK("each taken job is done", kit_wait(&kit, &labour.done, QUEUE + 2));
	CHECK("and there is room again",
		executor_submit(&labour.executor, LANE_HASH, &works[QUEUE + 1].job) == ERR_OK);
	kit_close(&kit); /* with that one under way */
	CHECK("a stop waits for jobs", atomic_load(&labour.done) == QUEUE + 3);
	CHECK("run on a lane's thread, done on the asker's", atomic_load(&labour.wrong_thread) == 0);
}

static void test_hung_job(void)
{
	struct kit kit = {0};
	struct labour labour = {.main_thread = pthread_self(), .lock = PTHREAD_MUTEX_INITIALIZER};
	struct work work = {.job = {.run = work_run, .done = work_done}, .labour = &labour};
	kit_open_pool(&kit, &(struct net_options){.workers = 1});
	labour.executor = net_executor(kit.net, net_control_at(kit.net));
	(void)pthread_mutex_lock(&labour.lock);
	CHECK("submit", executor_submit(&labour.executor, LANE_LOGIN, &work.job) == ERR_OK);
	CHECK("a job that hangs does not hold the stop for ever", net_stop(kit.net, 50) == ERR_BUSY);
	(void)pthread_mutex_unlock(&labour.lock);
	CHECK("once it is back the stop succeeds", net_stop(kit.net, 5000) == ERR_OK);
	net_free(kit.net);
}

static void test_new(void)
{
	struct net *net = NULL;
	CHECK("more workers than the maximum",
		net_new(&(struct net_options){.workers = NET_WORKERS_MAX + 1}, &net) == ERR_LIMIT);
	CHECK("nothing is made", net == NULL);
	REQUIRE("a pool", net_new(&(struct net_options){.workers = 1}, &net) == ERR_OK);
	CHECK("the control loop's index", net_control_at(net) == 1 && net_worker_count(net) == 1);
	net_free(net); /* never started */
	for (unsigned long n = 1; n < 200; n++) {
		test_alloc_fail_at(n);
		enum err err = net_new(&(struct net_options){.workers = 2}, &net);
		bool failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation fails", !failed || (err == ERR_NOMEM && net == NULL) || err == ERR_OK);
		if (err == ERR_OK) {
			net_free(net);
		}
		if (!failed) {
			return;
		}
	}
	CHECK("the allocations end", false);
}

int main(void)
{
	test_new();
	test_order();
	test_full();
	test_lane_full();
	test_hung_job();
	return test_result();
}
