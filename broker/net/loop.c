/*
 * loop.c - one libuv loop with its batches, wheel and buffers.
 * Owns:    the loop's handles, read buffer, scratch and wheel.
 * Never:   waits while work is left (the idle handle sees to that).
 * Threads: loop_open() and loop_close() where nobody runs the loop, all else on it.
 *
 * A batch is what happens between two waits. libuv runs timers, then the prepare handle, waits, serves sockets, then
 * the check handle and closing callbacks; a batch therefore ends in prepare and in check, whichever comes first.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/heap.h"
#include "broker/net/net_private.h"

static struct loop *loop_of(const void *data)
{
	/* libuv keeps owners as void *; the magic shows a mix-up at once. */
	struct loop *loop = (struct loop *)(uintptr_t)data;
	assert(loop->magic == LOOP_MAGIC);
	return loop;
}

void loop_enter(struct loop *loop)
{
	if (loop->in_batch) {
		return;
	}
	loop->in_batch = true;
	loop->batch_ns = uv_hrtime();
	if (loop->net->hooks.on_batch_begin != NULL) {
		loop->net->hooks.on_batch_begin(loop->net->hooks.ctx, loop->at);
	}
}

void loop_mark_dirty(struct loop *loop, struct list *item)
{
	loop_enter(loop);
	if (list_empty(item)) {
		list_push_back(&loop->dirty, item);
	}
}

static void on_again(uv_idle_t *handle)
{
	/* Only keeps the loop from waiting: the batch's end does the work. */
	loop_enter(loop_of(handle->data));
}

static void move_all(struct list *from, struct list *to)
{
	while (!list_empty(from)) {
		struct list *item = from->next;
		list_remove(item);
		list_push_back(to, item);
	}
}

/* Each of those marked now, once; those marked meanwhile wait for the next round. */
static void serve_round(struct loop *loop, struct list *served)
{
	struct list now;
	list_init(&now);
	move_all(&loop->dirty, &now);
	while (!list_empty(&now)) {
		struct list *item = now.next;
		list_remove(item);
		list_push_back(served, item);
		io_serve(CONTAINER_OF(item, struct io, dirty));
	}
}

/* Once each; those asked for meanwhile wait for the next turn. */
static void run_slices(struct loop *loop)
{
	struct list now;
	list_init(&now);
	move_all(&loop->slices, &now);
	while (!list_empty(&now)) {
		struct list *item = now.next;
		list_remove(item);
		struct net_slice *slice = CONTAINER_OF(item, struct net_slice, node);
		slice->run(slice);
	}
}

void net_slice_init(struct net_slice *slice, void (*run)(struct net_slice *slice))
{
	list_init(&slice->node);
	slice->run = run;
}

void net_slice_soon(struct net *net, unsigned at, struct net_slice *slice)
{
	struct loop *loop = net_loop(net, at);
	loop_enter(loop);
	if (list_empty(&slice->node)) {
		list_push_back(&loop->slices, &slice->node);
	}
}

void net_slice_cancel(struct net_slice *slice)
{
	list_remove(&slice->node);
}

/* Raced only by a reader that sets it back to 0: then one turn is told twice, or not at all. */
static void note_longest(_Atomic uint64_t *longest, uint64_t us)
{
	if (us > atomic_load_explicit(longest, memory_order_relaxed)) {
		atomic_store_explicit(longest, us, memory_order_relaxed);
	}
}

static void note_turn(struct loop *loop)
{
	uint64_t used_ns = clock_thread_ns();
	note_longest(&loop->longest_turn_us, (uv_hrtime() - loop->batch_ns) / 1000);
	note_longest(&loop->longest_turn_cpu_us, (used_ns - loop->used_ns) / 1000);
	loop->used_ns = used_ns;
}

/*
 * Calls to owners first, then the owners' own end of the batch, then all output at once. Nothing calls an owner after
 * on_batch_end, so that a lock taken for the batch covers every callback.
 */
void loop_leave(struct loop *loop)
{
	struct list served;
	if (!loop->in_batch) {
		return;
	}
	list_init(&served);
	for (unsigned round = 0; round < LOOP_ROUNDS_MAX && !list_empty(&loop->dirty); round++) {
		serve_round(loop, &served);
		/* A connection that was served and marked again sits in served: io_needs_service() finds it below. */
	}
	if (loop->net->hooks.on_batch_end != NULL) {
		loop->net->hooks.on_batch_end(loop->net->hooks.ctx, loop->at);
	}
	move_all(&loop->dirty, &served);
	while (!list_empty(&served)) {
		struct list *item = served.next;
		struct io *io = CONTAINER_OF(item, struct io, dirty);
		list_remove(item);
		io_flush(io);
		io_update_reading(io);
		if (io_needs_service(io)) {
			loop_mark_dirty(loop, item);
		}
	}
	if (loop->freed) {
		loop->freed = false;
		heap_settle();
	}
	loop->in_batch = false;
	note_turn(loop);
	if (list_empty(&loop->dirty) && list_empty(&loop->slices)) {
		(void)uv_idle_stop(&loop->again);
	} else {
		(void)uv_idle_start(&loop->again, on_again);
	}
}

static void on_timer(uv_timer_t *handle)
{
	struct loop *loop = loop_of(handle->data);
	loop->timer_due_ms = WHEEL_NEVER;
	loop_enter(loop);
	(void)wheel_advance(loop->wheel, uv_now(&loop->uv));
}

static void arm_timer(struct loop *loop)
{
	uint64_t due = wheel_next_ms(loop->wheel);
	if (due == loop->timer_due_ms) {
		return;
	}
	loop->timer_due_ms = due;
	if (due == WHEEL_NEVER) {
		(void)uv_timer_stop(&loop->timer);
		return;
	}
	uint64_t now = uv_now(&loop->uv);
	(void)uv_timer_start(&loop->timer, on_timer, due > now ? due - now : 0, 0);
}

static void on_prepare(uv_prepare_t *handle)
{
	struct loop *loop = loop_of(handle->data);
	loop_leave(loop);
	arm_timer(loop);
}

/* Slices run here alone, so that between two of them the loop looks for whoever is ready. */
static void on_check(uv_check_t *handle)
{
	struct loop *loop = loop_of(handle->data);
	if (!list_empty(&loop->slices)) {
		loop_enter(loop);
		run_slices(loop);
	}
	loop_leave(loop);
}

static void on_wake(uv_async_t *handle)
{
	struct loop *loop = loop_of(handle->data);
	loop_enter(loop);
	(void)loop_drain_mail(loop->net, loop->at);
}

static void own(struct loop *loop, void *handle)
{
	((uv_handle_t *)handle)->data = loop;
}

enum err loop_open(struct loop *loop, struct net *net, unsigned at)
{
	enum err err = ERR_NOMEM;
	*loop = (struct loop){.magic = LOOP_MAGIC, .at = at, .net = net, .timer_due_ms = WHEEL_NEVER};
	list_init(&loop->ios);
	list_init(&loop->dirty);
	list_init(&loop->slices);
	(void)pthread_mutex_init(&loop->reserved.lock, NULL);
	loop->read_buf = malloc(NET_READ_BYTES);
	loop->scratch = malloc(TLS_RECORD_BYTES);
	if (loop->read_buf == NULL || loop->scratch == NULL || uv_loop_init(&loop->uv) != 0) {
		goto out;
	}
	/* Of these only the async handle can fail: it needs descriptors. */
	if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
		(void)uv_loop_close(&loop->uv);
		goto out;
	}
	(void)uv_prepare_init(&loop->uv, &loop->prepare);
	(void)uv_check_init(&loop->uv, &loop->check);
	(void)uv_idle_init(&loop->uv, &loop->again);
	(void)uv_timer_init(&loop->uv, &loop->timer);
	(void)uv_timer_init(&loop->uv, &loop->turn_timer);
	own(loop, &loop->wake);
	own(loop, &loop->prepare);
	own(loop, &loop->check);
	own(loop, &loop->again);
	own(loop, &loop->timer);
	own(loop, &loop->turn_timer);
	(void)uv_prepare_start(&loop->prepare, on_prepare);
	(void)uv_check_start(&loop->check, on_check);
	loop->handles_open = true;
	err = wheel_new(uv_now(&loop->uv), &loop->wheel);
out:
	return err; /* what there is goes by loop_close() */
}

bool loop_close(struct loop *loop)
{
	bool clean = true;
	if (loop->magic != LOOP_MAGIC) {
		return true; /* never opened */
	}
	assert(list_empty(&loop->ios));
	if (loop->handles_open) {
		uv_close((uv_handle_t *)&loop->wake, NULL);
		uv_close((uv_handle_t *)&loop->prepare, NULL);
		uv_close((uv_handle_t *)&loop->check, NULL);
		uv_close((uv_handle_t *)&loop->again, NULL);
		uv_close((uv_handle_t *)&loop->timer, NULL);
		uv_close((uv_handle_t *)&loop->turn_timer, NULL);
		/* Not UV_RUN_DEFAULT: a handle that somebody left behind must not hold us for ever. */
		for (unsigned turn = 0; turn < 4; turn++) {
			(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
		}
		clean = uv_loop_close(&loop->uv) == 0;
		loop->handles_open = false;
	}
	free(loop->read_buf);
	free(loop->scratch);
	(void)pthread_mutex_destroy(&loop->reserved.lock);
	loop->magic = 0;
	return clean;
}
