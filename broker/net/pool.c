/*
 * pool.c - the loops and their threads: start, run, stop.
 * Owns:    struct net and everything in it.
 * Never:   stops a loop that still holds a connection or expects a job.
 * Threads: the control thread, unless said otherwise.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/net/net_private.h"
#include "broker/net/tls_ticket.h"

/* A stop waits this long for polite endings before it cuts what is left. */
#define STOP_GENTLE_MS 3000u
#define STOP_TURN_MS   10u

enum err net_new(const struct net_options *options, struct net **out)
{
	*out = NULL;
	enum err err = ERR_NOMEM;
	struct net *net = calloc(1, sizeof(*net));
	if (net == NULL) {
		goto out;
	}
	list_init(&net->listeners);
	net->worker_count = options->workers != 0 ? options->workers : uv_available_parallelism();
	net->mailbox_max = options->mailbox_max != 0 ? options->mailbox_max : NET_MAILBOX_MAX;
	net->connections_max = options->connections_max;
	net->hooks = options->hooks;
	net->log = options->log;
	if (net->worker_count > NET_WORKERS_MAX) {
		if (options->workers != 0) {
			err = ERR_LIMIT;
			goto out;
		}
		net->worker_count = NET_WORKERS_MAX;
	}
	err = tls_library_init();
	if (err != ERR_OK) {
		goto out;
	}
	net->has_tls_library = true;
	net->loops = calloc(net->worker_count + 1, sizeof(*net->loops));
	err = net->loops == NULL ? ERR_NOMEM : mailboxes_new(net);
	for (unsigned at = 0; err == ERR_OK && at <= net->worker_count; at++) {
		err = loop_open(net_loop(net, at), net, at);
	}
	if (err == ERR_OK) {
		err = lanes_new(net, options->lanes);
	}
	if (err == ERR_OK) {
		err = ticket_ring_new(&net->tickets);
	}
	if (err != ERR_OK) {
		goto out;
	}
	*out = net;
	net = NULL; /* moved to the caller */
out:
	net_free(net);
	return err;
}

void net_free(struct net *net)
{
	if (net == NULL) {
		return;
	}
	assert(!net->started || net->stopped);
	for (unsigned at = 0; net->loops != NULL && at <= net->worker_count; at++) {
		(void)loop_close(net_loop(net, at));
		/* Last: what is taken apart between net_stop() and here still cancels its timers. */
		wheel_free(net_loop(net, at)->wheel);
	}
	lanes_free(net);
	ticket_ring_free(net->tickets);
	mailboxes_free(net);
	free(net->loops);
	if (net->has_tls_library) {
		tls_library_cleanup();
	}
	free(net);
}

static void *worker_main(void *arg)
{
	struct loop *loop = arg;
	struct net *net = loop->net;
	char name[16];
	(void)snprintf(name, sizeof(name), "lg-worker-%u", loop->at);
	(void)pthread_setname_np(pthread_self(), name);
	if (net->hooks.on_start != NULL) {
		net->hooks.on_start(net->hooks.ctx, loop->at);
	}
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT); /* until run_stop() */
	loop_leave(loop);
	return NULL;
}

enum err net_start(struct net *net)
{
	assert(!net->started);
	/* A peer that is gone is an error of the write, not a signal. */
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	(void)sigaction(SIGPIPE, &ignore, NULL);
	net->started = true;
	enum err err = lanes_start(net);
	for (unsigned at = 0; err == ERR_OK && at < net->worker_count; at++) {
		struct loop *loop = net_loop(net, at);
		if (pthread_create(&loop->thread, NULL, worker_main, loop) != 0) {
			err = ERR_NOMEM;
		} else {
			loop->has_thread = true;
		}
	}
	if (err == ERR_OK && net->hooks.on_start != NULL) {
		net->hooks.on_start(net->hooks.ctx, net_control_at(net));
	}
	if (err != ERR_OK && net_stop(net, STOP_GENTLE_MS) != ERR_OK) {
		err = ERR_STATE; /* cannot be: nobody asked for anything yet, so there is no job to wait for */
	}
	return err;
}

void net_run(struct net *net)
{
	struct loop *loop = net_loop(net, net_control_at(net));
	while (!net->quit) {
		(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
		loop_leave(loop);
	}
}

void net_quit(struct net *net)
{
	net->quit = true;
	uv_stop(&net_loop(net, net_control_at(net))->uv);
}

/*
 * Being called ends the wait; but libuv runs the timers that are due before it waits, too, and would then wait without
 * one, for ever. A stop is good for this turn alone.
 */
static void on_turn_over(uv_timer_t *handle)
{
	uv_stop(handle->loop);
}

void net_turn(struct net *net, uint64_t wait_ms)
{
	struct loop *loop = net_loop(net, net_control_at(net));
	if (wait_ms == 0) {
		(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
		loop_leave(loop);
		return;
	}
	uv_update_time(&loop->uv);
	(void)uv_timer_start(&loop->turn_timer, on_turn_over, wait_ms, 0);
	(void)uv_run(&loop->uv, UV_RUN_ONCE);
	loop_leave(loop);
	(void)uv_timer_stop(&loop->turn_timer);
}

/* --- stopping --- */

static void run_close_all(struct mail *mail, unsigned at)
{
	struct loop *loop = CONTAINER_OF(mail, struct loop, close_all);
	assert(loop->at == at);
	loop->stopping = true;
	LIST_FOR_EACH(item, &loop->ios)
	{
		io_end(CONTAINER_OF(item, struct io, all), IO_CLOSE_STOP, NULL, true);
	}
}

static void run_abort_all(struct mail *mail, unsigned at)
{
	struct loop *loop = CONTAINER_OF(mail, struct loop, abort_all);
	assert(loop->at == at);
	LIST_FOR_EACH(item, &loop->ios)
	{
		io_abort(CONTAINER_OF(item, struct io, all));
	}
}

static void run_stop(struct mail *mail, unsigned at)
{
	struct loop *loop = CONTAINER_OF(mail, struct loop, stop);
	if (loop->net->hooks.on_stop != NULL) {
		loop->net->hooks.on_stop(loop->net->hooks.ctx, at);
	}
	uv_stop(&loop->uv);
}

static void tell_close(struct net *net)
{
	for (unsigned at = 0; at < net->worker_count && !net->told_close; at++) {
		net_loop(net, at)->close_all.run = run_close_all;
		net_post_reserved(net, at, &net_loop(net, at)->close_all);
	}
	net->told_close = true;
}

static void tell_abort(struct net *net)
{
	for (unsigned at = 0; at < net->worker_count && !net->told_abort; at++) {
		net_loop(net, at)->abort_all.run = run_abort_all;
		net_post_reserved(net, at, &net_loop(net, at)->abort_all);
	}
	net->told_abort = true;
}

static void join_workers(struct net *net)
{
	for (unsigned at = 0; at < net->worker_count; at++) {
		net_loop(net, at)->stop.run = run_stop;
		net_post_reserved(net, at, &net_loop(net, at)->stop);
	}
	for (unsigned at = 0; at < net->worker_count; at++) {
		struct loop *loop = net_loop(net, at);
		if (loop->has_thread) {
			(void)pthread_join(loop->thread, NULL);
			loop->has_thread = false;
		}
	}
}

/* True when nothing lives any more. */
static bool wait_until_idle(struct net *net, uint64_t until_ms)
{
	struct loop *loop = net_loop(net, net_control_at(net));
	for (;;) {
		if (atomic_load(&net->live) == 0 && atomic_load(&net->jobs) == 0 &&
			list_empty(&net->listeners)) {
			return true;
		}
		if (uv_now(&loop->uv) >= until_ms) {
			return false;
		}
		net_turn(net, STOP_TURN_MS);
	}
}

static void drain_left_over_mail(struct net *net)
{
	bool any = true;
	while (any) { /* a letter may post another one */
		any = false;
		for (unsigned at = 0; at <= net->worker_count; at++) {
			any = loop_drain_mail(net, at) || any;
		}
	}
}

enum err net_stop(struct net *net, uint64_t patience_ms)
{
	assert(net->started);
	assert(!net->stopped);
	struct loop *control = net_loop(net, net_control_at(net));
	LIST_FOR_EACH_SAFE(item, after, &net->listeners)
	{
		listener_close_item(item);
	}
	control->stopping = true;
	uv_update_time(&control->uv);
	uint64_t now = uv_now(&control->uv);
	tell_close(net);
	bool idle = wait_until_idle(net, now + (patience_ms < STOP_GENTLE_MS ? patience_ms : STOP_GENTLE_MS));
	if (!idle) {
		tell_abort(net);
		idle = wait_until_idle(net, now + patience_ms + STOP_GENTLE_MS);
	}
	if (!idle) {
		LOG(net->log, LOG_ERROR, "LKG0210E", "stopped with work that did not come back",
			LF_INT("jobs", atomic_load(&net->jobs)),
			LF_INT("connections", atomic_load(&net->live)));
		return ERR_BUSY;
	}
	lanes_stop(net);
	join_workers(net);
	/* From here this thread is the only one. */
	if (net->hooks.on_stop != NULL) {
		net->hooks.on_stop(net->hooks.ctx, net_control_at(net));
	}
	drain_left_over_mail(net);
	net->stopped = true;
	bool clean = true;
	for (unsigned at = 0; at <= net->worker_count; at++) {
		clean = loop_close(net_loop(net, at)) && clean;
	}
	return clean ? ERR_OK : ERR_STATE;
}

/* --- questions --- */

unsigned net_worker_count(const struct net *net)
{
	return net->worker_count;
}

unsigned net_control_at(const struct net *net)
{
	return net->worker_count;
}

struct uv_loop_s *net_control_loop(struct net *net)
{
	return &net_loop(net, net_control_at(net))->uv;
}

struct wheel *net_wheel(struct net *net, unsigned at)
{
	assert(at <= net->worker_count);
	return net_loop(net, at)->wheel;
}

uint64_t net_now_ms(const struct net *net, unsigned at)
{
	assert(at <= net->worker_count);
	return uv_now(&net_loop(net, at)->uv);
}

static uint64_t loop_mono_ms(void *ctx)
{
	const struct loop *loop = ctx;
	return uv_now(&loop->uv);
}

static int64_t system_wall_ms(void *ctx)
{
	(void)ctx;
	struct clock clock = clock_system();
	return clock_wall_ms(&clock);
}

struct clock net_clock(struct net *net, unsigned at)
{
	assert(at <= net->worker_count);
	return (struct clock){.mono_ms = loop_mono_ms, .wall_ms = system_wall_ms, .ctx = net_loop(net, at)};
}

void net_counters(const struct net *net, unsigned at, struct net_counters *out)
{
	assert(at <= net->worker_count);
	const struct counters *from = &net_loop(net, at)->counters;
	*out = (struct net_counters){
		.accepts = atomic_load_explicit(&from->accepts, memory_order_relaxed),
		.refusals = atomic_load_explicit(&from->refusals, memory_order_relaxed),
		.accept_errors = atomic_load_explicit(&from->accept_errors, memory_order_relaxed),
		.handshakes = atomic_load_explicit(&from->handshakes, memory_order_relaxed),
		.handshake_failures = atomic_load_explicit(&from->handshake_failures, memory_order_relaxed),
		.bytes_in = atomic_load_explicit(&from->bytes_in, memory_order_relaxed),
		.bytes_out = atomic_load_explicit(&from->bytes_out, memory_order_relaxed),
		.connections = atomic_load_explicit(&from->connections, memory_order_relaxed),
		.arrivals = atomic_load_explicit(&from->arrivals, memory_order_relaxed),
	};
}

struct net_turns net_longest_turns(struct net *net, unsigned at)
{
	assert(at <= net->worker_count);
	struct loop *loop = net_loop(net, at);
	return (struct net_turns){
		.wall_us = atomic_exchange_explicit(&loop->longest_turn_us, 0, memory_order_relaxed),
		.cpu_us = atomic_exchange_explicit(&loop->longest_turn_cpu_us, 0, memory_order_relaxed),
	};
}
