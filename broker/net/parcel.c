/*
 * parcel.c - a connection on its way to another loop.
 * Owns:    while it travels: the descriptor, the TLS state and both queues.
 * Never:   leaves with a write under way, or calls the owner from inside the owner's call.
 * Threads: the departing loop, then whoever holds the parcel, then the receiving loop.
 *
 * libuv has no way to take a socket out of a handle: the descriptor is duplicated and the old handle closed, which
 * also takes the old number out of the old loop's epoll set; the connection itself does not notice.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/net/net_private.h"

struct io_parcel {
	struct net *net;
	int fd;
	bool tell_secure, tell_drained;
	struct io_state state;
};

void io_depart(struct io *io, io_parcel_fn ready)
{
	assert(io->phase != IO_HANDSHAKE);
	if (io->phase != IO_OPEN) {
		return; /* already ending, or already departing: one answer is under way */
	}
	io->phase = IO_DEPARTING;
	io->depart_ready = ready;
	io_set_timer(io, IO_FLUSH_MS); /* a peer that reads nothing must not keep it here */
	io_update_reading(io);
	io_mark(io);
}

static void on_gone(uv_handle_t *handle)
{
	struct io *io = handle->data;
	assert(io->magic == IO_MAGIC);
	loop_enter(io->loop);
	io->magic = 0;
	free(io);
}

void io_depart_now(struct io *io)
{
	assert(!io->writing);
	uv_os_fd_t fd = -1;
	struct io_parcel *parcel = calloc(1, sizeof(*parcel));
	int copy = parcel != NULL && uv_fileno((const uv_handle_t *)&io->tcp, &fd) == 0
			   ? fcntl(fd, F_DUPFD_CLOEXEC, 0)
			   : -1;
	if (copy < 0) {
		free(parcel);
		io_end(io, IO_CLOSE_NOMEM, "no memory or descriptor for moving the connection", false);
		return;
	}
	*parcel = (struct io_parcel){.net = io->loop->net,
		.fd = copy,
		.tell_secure = io->tell_secure,
		.tell_drained = io->tell_drained,
		.state = io->s};
	io->s = (struct io_state){0}; /* moved */
	io->phase = IO_GONE;
	list_remove(&io->all);
	list_remove(&io->dirty);
	wheel_cancel(io->loop->wheel, &io->timer);
	counter_add(&io->loop->counters.connections, UINT64_MAX); /* one less */
	io_parcel_fn ready = io->depart_ready;
	void *owner = io->owner;
	uv_close((uv_handle_t *)&io->tcp, on_gone);
	ready(parcel, owner);
}

void io_parcel_free(struct io_parcel *parcel)
{
	if (parcel == NULL) {
		return;
	}
	(void)close(parcel->fd);
	io_state_release(parcel->net, &parcel->state);
	free(parcel);
}

enum err io_from_parcel(struct net *net, unsigned at, struct io_parcel *parcel, const struct io_calls *calls,
	void *owner, struct io **out)
{
	struct loop *loop = net_loop(net, at);
	*out = NULL;
	loop_enter(loop);
	struct io *io = io_wrap(loop, parcel->fd); /* takes the descriptor, also on failure */
	if (io == NULL) {
		io_state_release(net, &parcel->state);
		free(parcel);
		return ERR_NOMEM;
	}
	io->s = parcel->state;
	io->phase = IO_OPEN;
	io->tell_secure = parcel->tell_secure;
	io->tell_drained = parcel->tell_drained;
	io->pull = true;
	io->calls = calls;
	io->owner = owner;
	free(parcel);
	io_tls_rebind(io);
	counter_add(&loop->counters.arrivals, 1);
	if (loop->stopping) {
		io_end(io, IO_CLOSE_STOP, NULL, true);
	}
	/* Held input and output first, then the socket: the end of this batch does both, and reading starts last. */
	io_mark(io);
	*out = io;
	return ERR_OK;
}
