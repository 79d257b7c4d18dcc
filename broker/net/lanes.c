/*
 * lanes.c - bounded threads for blocking work, one pool per lane.
 * Owns:    the lanes' threads and queues; never a job's memory.
 * Never:   uses libuv's thread pool: four hung directory binds would stall every password hash.
 * Threads: any submits; run() on a lane's thread, done() on the loop that submitted.
 */
#include <assert.h>
#include <stdlib.h>

#include "broker/net/net_private.h"

#define LANE_THREADS_MAX 64u

static const struct {
	const char *name;
	unsigned queue_max;
} lane_defaults[LANE_COUNT_] = {
	[LANE_HASH] = {"lg-hash", 64},
	[LANE_FILE] = {"lg-file", 256},
	[LANE_LOGIN] = {"lg-login", 256},
};

struct lane_pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job *head, *tail;
	unsigned queued, running;
	unsigned queue_max, thread_max;
	unsigned thread_count; /* started */
	pthread_t threads[LANE_THREADS_MAX];
	struct net *net;
	bool quit;
};

static unsigned lane_default_threads(enum lane lane, unsigned workers)
{
	switch (lane) {
	case LANE_HASH: return workers > 2 ? workers / 2 : 1; /* CPU bound: the loops need the rest */
	case LANE_FILE: return 2;
	case LANE_LOGIN: return 4;
	case LANE_COUNT_: break;
	}
	return 1;
}

enum err lanes_new(struct net *net, const struct net_lane *options)
{
	net->lanes = calloc(LANE_COUNT_, sizeof(*net->lanes));
	if (net->lanes == NULL) {
		return ERR_NOMEM;
	}
	for (unsigned i = 0; i < LANE_COUNT_; i++) {
		struct lane_pool *pool = &net->lanes[i];
		(void)pthread_mutex_init(&pool->lock, NULL);
		(void)pthread_cond_init(&pool->work, NULL);
		pool->net = net;
		pool->queue_max =
			options[i].queue_max != 0 ? options[i].queue_max : lane_defaults[i].queue_max;
		pool->thread_max = options[i].threads != 0
					   ? options[i].threads
					   : lane_default_threads((enum lane)i, net->worker_count);
		if (pool->thread_max > LANE_THREADS_MAX) {
			pool->thread_max = LANE_THREADS_MAX;
		}
	}
	return ERR_OK;
}

static void *lane_main(void *arg)
{
	struct lane_pool *pool = arg;
	(void)pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (pool->head == NULL && !pool->quit) {
			(void)pthread_cond_wait(&pool->work, &pool->lock);
		}
		struct job *job = pool->head;
		if (job == NULL) {
			break; /* quit, and nothing is left */
		}
		pool->head = job->next;
		if (pool->head == NULL) {
			pool->tail = NULL;
		}
		pool->queued--;
		pool->running++;
		(void)pthread_mutex_unlock(&pool->lock);
		struct loop *home = job->home;
		job->run(job);
		/* Free again before the asker can know: who is told "done" may submit the next one. */
		(void)pthread_mutex_lock(&pool->lock);
		pool->running--;
		(void)pthread_mutex_unlock(&pool->lock);
		net_post_job(pool->net, home->at, job);
		(void)pthread_mutex_lock(&pool->lock);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return NULL;
}

enum err lanes_start(struct net *net)
{
	for (unsigned i = 0; i < LANE_COUNT_; i++) {
		struct lane_pool *pool = &net->lanes[i];
		while (pool->thread_count < pool->thread_max) {
			if (pthread_create(&pool->threads[pool->thread_count], NULL, lane_main, pool) != 0) {
				return ERR_NOMEM;
			}
			(void)pthread_setname_np(pool->threads[pool->thread_count], lane_defaults[i].name);
			pool->thread_count++;
		}
	}
	return ERR_OK;
}

void lanes_stop(struct net *net)
{
	for (unsigned i = 0; net->lanes != NULL && i < LANE_COUNT_; i++) {
		struct lane_pool *pool = &net->lanes[i];
		(void)pthread_mutex_lock(&pool->lock);
		pool->quit = true;
		(void)pthread_cond_broadcast(&pool->work);
		(void)pthread_mutex_unlock(&pool->lock);
		while (pool->thread_count > 0) {
			(void)pthread_join(pool->threads[--pool->thread_count], NULL);
		}
	}
}

void lanes_free(struct net *net)
{
	for (unsigned i = 0; net->lanes != NULL && i < LANE_COUNT_; i++) {
		assert(net->lanes[i].thread_count == 0);
		(void)pthread_cond_destroy(&net->lanes[i].work);
		(void)pthread_mutex_destroy(&net->lanes[i].lock);
	}
	free(net->lanes);
	net->lanes = NULL;
}

static enum err lane_submit(void *ctx, enum lane lane, struct job *job)
{
	struct loop *loop = ctx;
	assert(lane < LANE_COUNT_);
	struct lane_pool *pool = &loop->net->lanes[lane];
	enum err err = ERR_OK;
	job->next = NULL;
	job->home = loop;
	(void)pthread_mutex_lock(&pool->lock);
	if (pool->quit || pool->queued >= pool->queue_max) {
		err = ERR_LIMIT;
	} else {
		atomic_fetch_add(&loop->net->jobs, 1);
		if (pool->tail != NULL) {
			pool->tail->next = job;
		} else {
			pool->head = job;
		}
		pool->tail = job;
		pool->queued++;
		(void)pthread_cond_signal(&pool->work);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return err;
}

struct executor net_executor(struct net *net, unsigned at)
{
	assert(at <= net->worker_count);
	return (struct executor){.submit = lane_submit, .ctx = net_loop(net, at)};
}

void net_lane_load(struct net *net, enum lane lane, unsigned *busy, unsigned *max)
{
	assert(lane < LANE_COUNT_);
	struct lane_pool *pool = &net->lanes[lane];
	(void)pthread_mutex_lock(&pool->lock);
	*busy = pool->queued + pool->running;
	*max = pool->queue_max + pool->thread_max;
	(void)pthread_mutex_unlock(&pool->lock);
}
