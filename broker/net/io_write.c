/*
 * io_write.c - output of a connection: gathered during a turn, written once at its end.
 * Owns:    the write request under way.
 * Never:   holds a request or a buffer while there is nothing to write.
 * Threads: the loop that holds the connection.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "broker/net/net_private.h"

/* Below this a copy is cheaper than a segment of its own. */
#define COPY_BYTES_MAX 256u

struct write_request {
	uv_write_t uv;
	struct io *io;
};

size_t io_backlog_bytes(const struct io *io)
{
	return io->s.plain.bytes + io->s.wire.bytes;
}

/* Room for n more, or the connection is ended. */
static bool may_queue(struct io *io, size_t n)
{
	assert(io->phase != IO_HANDSHAKE); /* nobody has a word before Finished */
	if (io->phase != IO_OPEN && io->phase != IO_DEPARTING) {
		return false;
	}
	const struct io_limits *limits = listener_limits(io->s.listener);
	size_t backlog = io_backlog_bytes(io);
	if (n > limits->backlog_bytes_max || backlog > limits->backlog_bytes_max - n) {
		io_end(io, IO_CLOSE_BACKLOG, "the client does not read; its output passed backlog_bytes_max",
			false);
		return false;
	}
	/* At the mark, too: an owner who stops there waits to be told. */
	if (backlog + n >= limits->backlog_mark_bytes) {
		io->s.behind = true;
	}
	return true;
}

static struct out_queue *queue_of(struct io *io)
{
	return io->s.is_tls ? &io->s.plain : &io->s.wire;
}

void io_send(struct io *io, struct bytes in)
{
	if (!may_queue(io, in.len)) {
		return;
	}
	if (out_queue_copy(queue_of(io), in) != ERR_OK) {
		io_end(io, IO_CLOSE_NOMEM, "no memory for output", false);
		return;
	}
	io_mark(io);
}

void io_send_ref(struct io *io, struct bytes in, void (*release)(void *owner), void *owner)
{
	if (in.len <= COPY_BYTES_MAX) {
		io_send(io, in);
		release(owner);
		return;
	}
	if (!may_queue(io, in.len)) {
		release(owner);
		return;
	}
	if (out_queue_ref(queue_of(io), in, release, owner) != ERR_OK) {
		release(owner);
		io_end(io, IO_CLOSE_NOMEM, "no memory for output", false);
		return;
	}
	io_mark(io);
}

static void written(struct io *io, size_t n)
{
	out_queue_consume(&io->s.wire, n);
	io->s.bytes_out += n;
	counter_add(&io->loop->counters.bytes_out, n);
}

static void write_failed(struct io *io, int status)
{
	io_end(io, io->phase >= IO_FLUSHING ? (enum io_close)io->why : IO_CLOSE_RESET, uv_strerror(status),
		false);
}

static void on_written(uv_write_t *request, int status)
{
	struct write_request *write = CONTAINER_OF(request, struct write_request, uv);
	struct io *io = write->io;
	free(write);
	assert(io->magic == IO_MAGIC);
	loop_enter(io->loop);
	io->writing = false;
	if (io->phase == IO_CLOSED || status == UV_ECANCELED) {
		return;
	}
	if (status < 0) {
		write_failed(io, status);
		return;
	}
	written(io, io->write_len);
	io_mark(io);
}

/* The socket is full: libuv waits for it. */
static void write_later(struct io *io)
{
	uv_buf_t bufs[IO_IOVECS_MAX];
	unsigned count = out_queue_gather(&io->s.wire, bufs, IO_IOVECS_MAX, &io->write_len);
	struct write_request *write = calloc(1, sizeof(*write));
	if (write == NULL) {
		io_end(io, IO_CLOSE_NOMEM, "no memory for output", false);
		return;
	}
	write->io = io;
	int status = uv_write(&write->uv, (uv_stream_t *)&io->tcp, bufs, count, on_written);
	if (status != 0) {
		free(write);
		write_failed(io, status);
		return;
	}
	io->writing = true;
}

/* False: the connection ended, or libuv holds a request now. */
static bool write_now(struct io *io)
{
	while (io->s.wire.bytes > 0) {
		uv_buf_t bufs[IO_IOVECS_MAX];
		size_t len = 0;
		unsigned count = out_queue_gather(&io->s.wire, bufs, IO_IOVECS_MAX, &len);
		int n = uv_try_write((uv_stream_t *)&io->tcp, bufs, count);
		if (n == UV_EAGAIN) {
			n = 0;
		}
		if (n < 0) {
			write_failed(io, n);
			return false;
		}
		written(io, (size_t)n);
		if ((size_t)n < len) {
			write_later(io);
			return false;
		}
	}
	return true;
}

/* All is out: the last steps of an io_close(). */
static void flushed(struct io *io)
{
	if (io->phase != IO_FLUSHING) {
		return;
	}
	uv_os_fd_t fd = -1;
	if (uv_fileno((const uv_handle_t *)&io->tcp, &fd) == 0) {
		(void)shutdown(fd, SHUT_WR);
	}
	io->phase = IO_LINGERING;
	io_set_timer(io, IO_LINGER_MS);
	if (io->eof) {
		io_end(io, (enum io_close)io->why, NULL, false);
	}
}

/* The owner is told in the next batch: this one is over for him. */
static void note_drained(struct io *io)
{
	if (io->s.behind && io->phase == IO_OPEN &&
		io_backlog_bytes(io) <= listener_limits(io->s.listener)->backlog_mark_bytes / 2) {
		io->s.behind = false;
		io->tell_drained = true;
	}
}

/* Records and the library's own answers add to what the owner queued: he sees their bytes, and so must hear that they left. */
static void note_behind(struct io *io)
{
	if (io->phase == IO_OPEN &&
		io_backlog_bytes(io) >= listener_limits(io->s.listener)->backlog_mark_bytes) {
		io->s.behind = true;
	}
}

void io_flush(struct io *io)
{
	note_behind(io);
	if (io->writing || io->phase == IO_CLOSED || io->phase == IO_GONE) {
		return;
	}
	for (;;) {
		/* Small packets share a record; little is encrypted ahead of the socket: payloads stay shared. */
		while (io->s.plain.bytes > 0 && io->s.wire.bytes < IO_WIRE_MARK) {
			if (!io_tls_encrypt(io)) {
				return;
			}
		}
		if (io->s.plain.bytes == 0 && io->phase == IO_FLUSHING && !io->goodbye) {
			io_tls_goodbye(io);
		}
		if (io->s.wire.bytes == 0) {
			break;
		}
		note_behind(io);
		if (!write_now(io)) {
			note_drained(io);
			return;
		}
	}
	flushed(io);
	note_drained(io);
}
