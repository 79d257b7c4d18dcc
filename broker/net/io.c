/*
 * io.c - a connection from accept to its end: phases, reading, deliveries to the owner.
 * Owns:    the socket's handle, the input that nobody could take yet.
 * Never:   hands a byte on before the gate is open; calls the owner from inside the owner's call.
 * Threads: the loop that holds the connection.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/net/net_private.h"

static struct io *io_of(const void *data)
{
	struct io *io = (struct io *)(uintptr_t)data;
	assert(io->magic == IO_MAGIC);
	return io;
}

static bool io_ended(const struct io *io)
{
	return io->phase == IO_CLOSED || io->phase == IO_GONE;
}

/* --- birth --- */

static void on_broken_birth(uv_handle_t *handle)
{
	free(io_of(handle->data));
}

struct io *io_wrap(struct loop *loop, int fd)
{
	struct io *io = calloc(1, sizeof(*io));
	if (io == NULL) {
		(void)close(fd);
		return NULL;
	}
	io->magic = IO_MAGIC;
	io->loop = loop;
	list_init(&io->all);
	list_init(&io->dirty);
	(void)uv_tcp_init(&loop->uv, &io->tcp); /* without a socket it cannot fail */
	io->tcp.data = io;
	if (uv_tcp_open(&io->tcp, fd) != 0) {
		(void)close(fd);
		uv_close((uv_handle_t *)&io->tcp, on_broken_birth);
		return NULL;
	}
	list_push_back(&loop->ios, &io->all);
	counter_add(&loop->counters.connections, 1);
	return io;
}

struct io *io_new(struct loop *loop, int fd, struct listener *listener, const struct net_address *peer)
{
	struct io *io = io_wrap(loop, fd);
	if (io == NULL) {
		listener_count_down(listener);
		atomic_fetch_sub(&loop->net->live, 1);
		return NULL;
	}
	io->s.listener = listener_ref(listener);
	io->s.is_tls = listener_is_tls(listener);
	io->s.peer = *peer;
	io->phase = io->s.is_tls ? IO_HANDSHAKE : IO_OPEN;
	return io;
}

static void on_timer(struct wheel_timer *timer)
{
	struct io *io = CONTAINER_OF(timer, struct io, timer);
	if (io->phase == IO_HANDSHAKE) {
		io_end(io, IO_CLOSE_TIMEOUT, "the handshake did not finish in time", false);
	} else if (io->phase == IO_DEPARTING) {
		io_end(io, IO_CLOSE_BACKLOG, "the client does not read, so that it could not be moved",
			false);
	} else if (io->phase == IO_FLUSHING || io->phase == IO_LINGERING) {
		io_end(io, (enum io_close)io->why, NULL, false);
	}
}

void io_set_timer(struct io *io, uint32_t ms)
{
	io->timer.fn = on_timer;
	wheel_add(io->loop->wheel, &io->timer, uv_now(&io->loop->uv) + ms);
}

void io_begin(struct io *io)
{
	assert(io->calls != NULL);
	assert(io->calls->on_closed != NULL);
	if (io->loop->stopping) {
		io_end(io, IO_CLOSE_STOP, NULL, false);
	}
	if (io->phase == IO_HANDSHAKE) {
		io_set_timer(io, listener_limits(io->s.listener)->handshake_ms);
		io_update_reading(io);
	} else if (io->phase == IO_OPEN) {
		io->tell_secure = true;
		io_mark(io);
	}
}

/* --- reading --- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct io *io = io_of(handle->data);
	(void)suggested;
	/* Before the gate little is taken at once: it is what we may have to hold. */
	bool trusted = io->s.gate_open || io->phase >= IO_FLUSHING;
	*buf = uv_buf_init((char *)io->loop->read_buf, trusted ? NET_READ_BYTES : IO_HANDSHAKE_READ_BYTES);
}

bool io_hold(struct held **held, struct bytes in)
{
	if (in.len == 0) {
		return true;
	}
	/* Behind what is held already. */
	size_t before = *held != NULL ? (*held)->len - (*held)->pos : 0;
	struct held *both = malloc(sizeof(*both) + before + in.len);
	if (both == NULL) {
		return false;
	}
	both->pos = 0;
	both->len = before + in.len;
	if (before > 0) {
		memcpy(both->data, (*held)->data + (*held)->pos, before);
	}
	memcpy(both->data + before, in.data, in.len);
	free(*held);
	*held = both;
	return true;
}

void io_deliver(struct io *io, struct bytes in)
{
	assert(io_may_deliver(io));
	if (io->calls->on_data != NULL) {
		io->calls->on_data(io, in);
	}
}

/* What the library did not want yet stays with us: the gate is closed, or the owner paused. */
static void pump(struct io *io, struct bytes in)
{
	io->in = in;
	io_tls_pump(io);
	if (io->phase < IO_FLUSHING && !io_hold(&io->s.held_wire, io->in)) {
		io_end(io, IO_CLOSE_NOMEM, "no memory for input", false);
	}
	io->in = BYTES_NONE;
}

/* Before the TLS object: bytes gather until the hello is whole. hello_read() bounds how many that can be. */
static void take_hello(struct io *io, struct bytes in)
{
	struct bytes all = in;
	if (io->s.held_wire != NULL) {
		if (!io_hold(&io->s.held_wire, in)) {
			io_end(io, IO_CLOSE_NOMEM, "no memory for input", false);
			return;
		}
		all = bytes_of(io->s.held_wire->data, io->s.held_wire->len);
	}
	if (io_peek(io, all)) {
		struct held *held = io->s.held_wire;
		io->s.held_wire = NULL;
		pump(io, all);
		free(held);
	} else if (io->phase == IO_HANDSHAKE && io->s.held_wire == NULL && !io_hold(&io->s.held_wire, in)) {
		io_end(io, IO_CLOSE_NOMEM, "no memory for input", false);
	}
}

static void take_input(struct io *io, struct bytes in)
{
	if (!io->s.is_tls) {
		if (io_may_deliver(io)) {
			io_deliver(io, in);
		} else if (!io_ended(io) && io->phase < IO_FLUSHING && !io_hold(&io->s.held_data, in)) {
			io_end(io, IO_CLOSE_NOMEM, "no memory for input", false);
		}
		return;
	}
	if (io->s.ssl == NULL) {
		take_hello(io, in);
		return;
	}
	if (io->s.held_wire != NULL) {
		/* Not while reading is stopped, but the order of bytes must not hang on that. */
		if (!io_hold(&io->s.held_wire, in)) {
			io_end(io, IO_CLOSE_NOMEM, "no memory for input", false);
		}
		return;
	}
	pump(io, in);
}

static void drop_input(struct io *io, size_t n)
{
	io->dropped += n;
	if (io->dropped > IO_LINGER_BYTES_MAX) {
		io_abort(io); /* it floods us while it is shown the door */
	}
}

static void read_failed(struct io *io, ssize_t status)
{
	io->eof = true;
	if (io->phase == IO_FLUSHING || io->phase == IO_LINGERING) {
		io_end(io, (enum io_close)io->why, NULL, false);
	} else if (status == UV_EOF && io->phase == IO_HANDSHAKE) {
		io_end(io, IO_CLOSE_PEER, "the client left during the handshake", false);
	} else if (status == UV_EOF) {
		io_end(io, IO_CLOSE_PEER,
			io->s.ssl != NULL ? "the client closed without close_notify" : "the client closed",
			false);
	} else {
		io_end(io, IO_CLOSE_RESET, uv_strerror((int)status), false);
	}
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
	struct io *io = io_of(stream->data);
	loop_enter(io->loop);
	if (nread == 0) {
		return; /* "again" */
	}
	if (nread < 0) {
		read_failed(io, nread);
		return;
	}
	size_t n = (size_t)nread;
	io->s.bytes_in += n;
	counter_add(&io->loop->counters.bytes_in, n);
	if (io->phase >= IO_FLUSHING) {
		drop_input(io, n);
		return;
	}
	if (io->phase == IO_HANDSHAKE &&
		io->s.bytes_in > listener_limits(io->s.listener)->handshake_bytes_max) {
		io_end(io, IO_CLOSE_FLOOD, "too many bytes before the handshake was finished", false);
		return;
	}
	take_input(io, bytes_of(buf->base, n));
	io_update_reading(io);
}

static bool wants_reading(const struct io *io)
{
	switch ((enum io_phase)io->phase) {
	case IO_HANDSHAKE: return true;
	case IO_OPEN:
		return io->s.gate_open && !io->s.paused && io->s.held_data == NULL && io->s.held_wire == NULL;
	case IO_FLUSHING:
	case IO_LINGERING: return !io->eof;
	case IO_DEPARTING:
	case IO_CLOSED:
	case IO_GONE: return false;
	}
	return false;
}

void io_update_reading(struct io *io)
{
	if (io_ended(io)) {
		return; /* uv_close() stopped it */
	}
	bool want = wants_reading(io);
	if (want && !io->reading) {
		if (uv_read_start((uv_stream_t *)&io->tcp, on_alloc, on_read) != 0) {
			io_end(io, IO_CLOSE_RESET, "the socket cannot be read", false);
			return;
		}
	} else if (!want && io->reading) {
		(void)uv_read_stop((uv_stream_t *)&io->tcp);
	}
	io->reading = want;
}

/* --- work at the end of a batch --- */

void io_mark(struct io *io)
{
	if (!io_ended(io)) {
		loop_mark_dirty(io->loop, &io->dirty);
	}
}

static void deliver_held(struct io *io)
{
	if (io->s.held_data != NULL && io->phase == IO_OPEN && io->s.gate_open && !io->s.paused) {
		struct held *held = io->s.held_data;
		io->s.held_data = NULL;
		io_deliver(io, bytes_of(held->data + held->pos, held->len - held->pos));
		free(held);
	}
	if (io->s.ssl != NULL && io_may_deliver(io) && (io->pull || io->s.held_wire != NULL)) {
		/* Also with nothing of ours held: the library may have records left. */
		io->pull = false;
		struct held *held = io->s.held_wire;
		io->s.held_wire = NULL;
		pump(io, held != NULL ? bytes_of(held->data + held->pos, held->len - held->pos) : BYTES_NONE);
		free(held);
	}
}

static bool has_input_for_owner(const struct io *io)
{
	return io->phase == IO_OPEN && io->s.gate_open && !io->s.paused &&
	       (io->s.held_data != NULL || io->s.held_wire != NULL || (io->pull && io->s.ssl != NULL));
}

bool io_needs_service(const struct io *io)
{
	return (io->phase == IO_OPEN && (io->tell_secure || io->tell_drained)) || has_input_for_owner(io) ||
	       (io->phase == IO_DEPARTING && !io->writing);
}

void io_serve(struct io *io)
{
	if (io->phase == IO_OPEN && io->tell_secure) {
		io->tell_secure = false;
		if (io->calls->on_secure != NULL) {
			io->calls->on_secure(io);
		}
	}
	if (io->phase == IO_OPEN && io->tell_drained) {
		io->tell_drained = false;
		if (io->calls->on_drained != NULL) {
			io->calls->on_drained(io);
		}
	}
	if (has_input_for_owner(io)) {
		deliver_held(io);
	}
	if (io->phase == IO_DEPARTING && !io->writing) {
		io_depart_now(io); /* with all that is queued */
		return;
	}
	io_update_reading(io);
}

/* --- the end --- */

static void set_detail(struct io *io, const char *detail)
{
	if (io->detail == NULL && detail != NULL) {
		io->detail = strdup(detail); /* without memory the reason's name must do */
	}
}

void io_state_release(struct net *net, struct io_state *state)
{
	io_tls_free(state);
	out_queue_clear(&state->plain);
	out_queue_clear(&state->wire);
	free(state->held_wire);
	free(state->held_data);
	free(state->chain);
	tls_context_unref(state->tls);
	if (state->listener != NULL) {
		if (state->leaving) {
			listener_count_leaving(state->listener, false);
		}
		listener_count_down(state->listener);
		listener_unref(state->listener);
		atomic_fetch_sub(&net->live, 1);
	}
	*state = (struct io_state){0};
}

static void io_free(struct io *io)
{
	struct loop *loop = io->loop;
	list_remove(&io->all);
	list_remove(&io->dirty);
	counter_add(&loop->counters.connections, UINT64_MAX); /* one less */
	io_state_release(loop->net, &io->s);
	io_ticket_forget(io);
	free(io->detail);
	io->magic = 0;
	free(io);
	loop->freed = true;
}

static void on_closed(uv_handle_t *handle)
{
	struct io *io = io_of(handle->data);
	loop_enter(io->loop);
	if (io->phase == IO_CLOSED && io->calls != NULL) {
		/* Before the payloads are released: the owner may look at counters and evidence. */
		io->calls->on_closed(io, (enum io_close)io->why,
			io->detail != NULL ? io->detail : io_close_name((enum io_close)io->why));
	}
	io_free(io);
}

static void io_leave(struct io *io)
{
	if (io->s.listener != NULL && !io->s.leaving) {
		io->s.leaving = true;
		listener_count_leaving(io->s.listener, true);
	}
}

static void io_shut(struct io *io, bool reset)
{
	assert(!io_ended(io));
	io_leave(io);
	wheel_cancel(io->loop->wheel, &io->timer);
	io->phase = IO_CLOSED;
	io->reading = false;
	if (!reset || uv_tcp_close_reset(&io->tcp, on_closed) != 0) {
		uv_close((uv_handle_t *)&io->tcp, on_closed);
	}
}

void io_end(struct io *io, enum io_close why, const char *detail, bool gentle)
{
	if (io_ended(io) || (gentle && io->phase >= IO_FLUSHING)) {
		return;
	}
	if (io->phase < IO_FLUSHING) {
		if (io->phase == IO_HANDSHAKE) {
			counter_add(&io->loop->counters.handshake_failures, 1);
		}
		io->why = (uint8_t)why;
		set_detail(io, detail);
	}
	if (gentle) {
		io_leave(io);
		io->phase = IO_FLUSHING;
		io_set_timer(io, IO_FLUSH_MS);
		io_mark(io);
		return;
	}
	bool reset = why == IO_CLOSE_FLOOD || why == IO_CLOSE_BACKLOG;
	if (why == IO_CLOSE_PEER && io->s.ssl != NULL && !io->writing && !io->goodbye) {
		/* The peer is leaving: one try to say goodbye, no waiting for it. What was queued is of no use now. */
		out_queue_clear(&io->s.plain);
		io->phase = IO_LINGERING;
		io_tls_goodbye(io);
		io_flush(io);
		if (io_ended(io)) {
			return;
		}
	}
	io_shut(io, reset);
}

void io_close(struct io *io)
{
	io_end(io, IO_CLOSE_OWNER, NULL, true);
}

void io_abort(struct io *io)
{
	if (io_ended(io)) {
		return;
	}
	if (io->phase < IO_FLUSHING) {
		io->why = IO_CLOSE_OWNER;
	}
	io_shut(io, true);
}

bool io_closing(const struct io *io)
{
	return io->phase >= IO_FLUSHING;
}

const char *io_close_name(enum io_close why)
{
	static const char *const names[IO_CLOSE_COUNT_] = {
		[IO_CLOSE_OWNER] = "closed by us",
		[IO_CLOSE_PEER] = "peer",
		[IO_CLOSE_RESET] = "reset",
		[IO_CLOSE_TLS] = "tls",
		[IO_CLOSE_TIMEOUT] = "timeout",
		[IO_CLOSE_FLOOD] = "flood",
		[IO_CLOSE_BACKLOG] = "backlog",
		[IO_CLOSE_NOMEM] = "no memory",
		[IO_CLOSE_STOP] = "stop",
	};
	return why < IO_CLOSE_COUNT_ ? names[why] : "unknown";
}

/* --- what owners ask for --- */

void io_set_owner(struct io *io, const struct io_calls *calls, void *owner)
{
	io->calls = calls;
	io->owner = owner;
}

void *io_owner(const struct io *io)
{
	return io->owner;
}

unsigned io_at(const struct io *io)
{
	return io->loop->at;
}

struct net *io_net(const struct io *io)
{
	return io->loop->net;
}

void io_open_gate(struct io *io)
{
	if (!io->s.gate_open) {
		io->s.gate_open = true;
		io->pull = true;
		io_mark(io);
	}
}

void io_unread(struct io *io, struct bytes rest)
{
	if (io_ended(io) || rest.len == 0) {
		return;
	}
	struct held *behind = io->s.held_data;
	io->s.held_data = NULL;
	bool good = io_hold(&io->s.held_data, rest);
	if (good && behind != NULL) {
		good = io_hold(
			&io->s.held_data, bytes_of(behind->data + behind->pos, behind->len - behind->pos));
	}
	free(behind);
	if (!good) {
		io_end(io, IO_CLOSE_NOMEM, "no memory for input", false);
		return;
	}
	io_mark(io);
}

void io_read_pause(struct io *io)
{
	io->s.paused = true;
	io_update_reading(io);
}

void io_read_resume(struct io *io)
{
	if (io->s.paused) {
		io->s.paused = false;
		io->pull = true;
		io_mark(io);
	}
}

struct net_address io_peer(const struct io *io)
{
	return io->s.peer;
}

struct net_address io_local(const struct io *io)
{
	struct sockaddr_storage local = {0};
	int len = sizeof(local);
	if (io_ended(io) || uv_tcp_getsockname(&io->tcp, (struct sockaddr *)&local, &len) != 0) {
		return (struct net_address){0};
	}
	return net_address_of(&local);
}

enum tls_failure io_tls_failure(const struct io *io)
{
	return (enum tls_failure)io->s.tls_failure;
}

uint64_t io_bytes_in(const struct io *io)
{
	return io->s.bytes_in;
}

uint64_t io_bytes_out(const struct io *io)
{
	return io->s.bytes_out;
}
