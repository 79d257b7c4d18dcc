/*
 * watch.c - descriptors that a library owns, watched on the control loop.
 * Owns:    one poll handle per watched descriptor; never the descriptor.
 * Never:   reads or writes; knows whose descriptors these are.
 * Threads: the control loop.
 */
#include <assert.h>
#include <stdlib.h>

#include "broker/net/net_private.h"

#define WATCH_MAGIC 0x57415443u /* "WATC" */

struct watched_fd {
	struct list node; /* of net_watch.open, or alone while closing */
	struct net_watch *watch;
	uv_poll_t poll;
	int fd;
};

/* OPEN: to CLOSING by net_watch_free(); freed when the last handle's close callback has run. */
struct net_watch {
	unsigned magic;
	struct loop *loop;
	net_watch_fn fn;
	void *ctx;
	struct list open;
	unsigned handles; /* closing ones too */
	bool closing;
};

enum err net_watch_new(struct net *net, net_watch_fn fn, void *ctx, struct net_watch **out)
{
	struct net_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL) {
		return ERR_NOMEM;
	}
	watch->magic = WATCH_MAGIC;
	watch->loop = net_loop(net, net_control_at(net));
	watch->fn = fn;
	watch->ctx = ctx;
	list_init(&watch->open);
	*out = watch;
	return ERR_OK;
}

static void watch_free_when_closed(struct net_watch *watch)
{
	if (watch->closing && watch->handles == 0) {
		watch->magic = 0;
		free(watch);
	}
}

static void on_watched_closed(uv_handle_t *handle)
{
	struct watched_fd *watched = handle->data;
	struct net_watch *watch = watched->watch;

	assert(watch->magic == WATCH_MAGIC);
	watch->handles--;
	free(watched);
	watch_free_when_closed(watch);
}

/* From here on the descriptor's number may belong to somebody else. */
static void watched_close(struct watched_fd *watched)
{
	list_remove(&watched->node);
	uv_close((uv_handle_t *)&watched->poll, on_watched_closed);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watched_fd *watched = poll->data;
	struct net_watch *watch = watched->watch;
	unsigned seen = 0;

	assert(watch->magic == WATCH_MAGIC);
	if (status < 0) {
		seen |= NET_WATCH_ERROR;
	}
	if ((events & UV_READABLE) != 0) {
		seen |= NET_WATCH_READ;
	}
	if ((events & UV_WRITABLE) != 0) {
		seen |= NET_WATCH_WRITE;
	}
	loop_enter(watch->loop);
	watch->fn(watch->ctx, watched->fd, seen);
}

static struct watched_fd *watch_find(struct net_watch *watch, int fd)
{
	LIST_FOR_EACH(node, &watch->open)
	{
		struct watched_fd *watched = CONTAINER_OF(node, struct watched_fd, node);

		if (watched->fd == fd) {
			return watched;
		}
	}
	return NULL;
}

static enum err watch_add(struct net_watch *watch, int fd, struct watched_fd **out)
{
	struct watched_fd *watched = calloc(1, sizeof(*watched));

	if (watched == NULL) {
		return ERR_NOMEM;
	}
	if (uv_poll_init(&watch->loop->uv, &watched->poll, fd) != 0) {
		free(watched); /* libuv took nothing */
		return ERR_IO;
	}
	list_init(&watched->node);
	list_push_back(&watch->open, &watched->node);
	watched->watch = watch;
	watched->poll.data = watched;
	watched->fd = fd;
	watch->handles++;
	*out = watched;
	return ERR_OK;
}

enum err net_watch_set(struct net_watch *watch, int fd, unsigned events)
{
	struct watched_fd *watched = watch_find(watch, fd);
	int wanted = 0;

	assert(watch->magic == WATCH_MAGIC);
	assert(!watch->closing);
	if (events == 0) {
		if (watched != NULL) {
			watched_close(watched);
		}
		return ERR_OK;
	}
	if (watched == NULL) {
		enum err err = watch_add(watch, fd, &watched);

		if (err != ERR_OK) {
			return err;
		}
	}
	wanted |= (events & NET_WATCH_READ) != 0 ? UV_READABLE : 0;
	wanted |= (events & NET_WATCH_WRITE) != 0 ? UV_WRITABLE : 0;
	if (uv_poll_start(&watched->poll, wanted, on_poll) != 0) {
		watched_close(watched);
		return ERR_IO;
	}
	return ERR_OK;
}

void net_watch_free(struct net_watch *watch)
{
	if (watch == NULL) {
		return;
	}
	assert(watch->magic == WATCH_MAGIC);
	assert(!watch->closing);
	LIST_FOR_EACH_SAFE(node, after, &watch->open)
	{
		watched_close(CONTAINER_OF(node, struct watched_fd, node));
	}
	watch->closing = true;
	watch_free_when_closed(watch);
}
