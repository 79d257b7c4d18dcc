/*
 * listener.c - a TCP port (MQTT-4.2.0-1, 3.1.1 MQTT-7.1.1-1): one socket per worker, all bound with SO_REUSEPORT, so that the
 *          kernel spreads connections.
 * Owns:    the listening sockets; counts the listener's connections.
 * Never:   shares a port with another process: it is first bound once without SO_REUSEPORT.
 * Threads: opened and closed on the control thread; each acceptor belongs to its worker.
 *
 * We poll and accept ourselves instead of using uv_listen(): after EMFILE libuv either drops every waiting connection
 * or calls back again and again; we stop polling for a moment, and a refused peer costs one accept and one close.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/net/net_private.h"

#define LISTEN_BACKLOG 4096u

struct acceptor {
	unsigned magic;
	struct mail start, stop, gone; /* to the worker, to the worker, back to the control loop */
	struct loop *loop;
	struct listener *listener;
	int fd;
	uv_poll_t poll;
	struct wheel_timer backoff;
};

struct listener {
	struct list item; /* net.listeners, control thread */
	atomic_uint refs; /* opener, acceptors, connections */
	struct net *net;
	struct listener_calls calls;
	struct io_limits limits;
	unsigned connections_max;
	atomic_uint connections;
	atomic_uint leaving; /* of these, whose end has begun */
	uint16_t port;
	unsigned acceptors_open; /* control thread */
	bool closing;
	pthread_mutex_t tls_lock;
	struct tls_set *tls;
	bool is_tls;
	struct acceptor acceptors[];
};

/* --- counting --- */

struct listener *listener_ref(struct listener *listener)
{
	atomic_fetch_add_explicit(&listener->refs, 1, memory_order_relaxed);
	return listener;
}

void listener_unref(struct listener *listener)
{
	if (atomic_fetch_sub_explicit(&listener->refs, 1, memory_order_acq_rel) == 1) {
		tls_set_unref(listener->tls);
		(void)pthread_mutex_destroy(&listener->tls_lock);
		free(listener);
	}
}

bool listener_is_tls(const struct listener *listener)
{
	return listener->is_tls;
}

struct tls_set *listener_tls_ref(struct listener *listener)
{
	(void)pthread_mutex_lock(&listener->tls_lock);
	struct tls_set *tls = tls_set_ref(listener->tls);
	(void)pthread_mutex_unlock(&listener->tls_lock);
	return tls;
}

void listener_set_tls(struct listener *listener, struct tls_set *tls)
{
	(void)pthread_mutex_lock(&listener->tls_lock);
	/* A port does not turn from plain to TLS or back under its clients. */
	assert(listener->is_tls == (tls != NULL));
	struct tls_set *before = listener->tls;
	listener->tls = tls_set_ref(tls);
	(void)pthread_mutex_unlock(&listener->tls_lock);
	tls_set_unref(before);
}

const struct io_limits *listener_limits(const struct listener *listener)
{
	return &listener->limits;
}

uint16_t listener_port(const struct listener *listener)
{
	return listener->port;
}

unsigned listener_connections(const struct listener *listener)
{
	return atomic_load(&listener->connections);
}

unsigned listener_staying(const struct listener *listener)
{
	unsigned leaving = atomic_load(&listener->leaving); /* first, so that it is never more */
	unsigned connections = atomic_load(&listener->connections);
	return connections > leaving ? connections - leaving : 0;
}

void listener_count_leaving(struct listener *listener, bool leaves)
{
	if (leaves) {
		atomic_fetch_add(&listener->leaving, 1);
	} else {
		atomic_fetch_sub(&listener->leaving, 1);
	}
}

void listener_count_down(struct listener *listener)
{
	atomic_fetch_sub(&listener->connections, 1);
}

/* Adds one unless that would pass max (0: none). */
static bool count_up(atomic_uint *count, unsigned max)
{
	unsigned before = atomic_fetch_add(count, 1);
	if (max != 0 && before >= max) {
		atomic_fetch_sub(count, 1);
		return false;
	}
	return true;
}

/* --- accepting, on the worker --- */

static void refuse(struct loop *loop, int fd)
{
	/* A reset: the peer knows at once, and no state stays behind with us. */
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	counter_add(&loop->counters.refusals, 1);
	(void)close(fd);
}

static void accepted(struct acceptor *acceptor, int fd, const struct net_address *peer)
{
	struct listener *listener = acceptor->listener;
	struct loop *loop = acceptor->loop;
	const struct listener_calls *calls = &listener->calls;
	counter_add(&loop->counters.accepts, 1);
	if (calls->may_accept != NULL && !calls->may_accept(calls->ctx, loop->at, peer)) {
		refuse(loop, fd);
		return;
	}
	if (!count_up(&listener->connections, listener->connections_max)) {
		refuse(loop, fd);
		return;
	}
	if (!count_up(&listener->net->live, listener->net->connections_max)) {
		listener_count_down(listener);
		refuse(loop, fd);
		return;
	}
	int on = 1; /* we gather a turn's output ourselves */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct io *io = io_new(loop, fd, listener, peer);
	if (io == NULL) {
		counter_add(&loop->counters.accept_errors, 1);
		return;
	}
	calls->on_accept(calls->ctx, loop->at, io);
	io_begin(io);
}

static void poll_start(struct acceptor *acceptor);

static void on_backoff_over(struct wheel_timer *timer)
{
	poll_start(CONTAINER_OF(timer, struct acceptor, backoff));
}

static void back_off(struct acceptor *acceptor, int error)
{
	struct loop *loop = acceptor->loop;
	counter_add(&loop->counters.accept_errors, 1);
	(void)uv_poll_stop(&acceptor->poll);
	acceptor->backoff.fn = on_backoff_over;
	wheel_add(loop->wheel, &acceptor->backoff, uv_now(&loop->uv) + NET_ACCEPT_BACKOFF_MS);
	LOG(loop->net->log, LOG_WARN, "LKG0201W", "cannot accept connections for a moment",
		LF_INT("port", acceptor->listener->port), LF_TEXT("error", strerrordesc_np(error)));
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct acceptor *acceptor = poll->data;
	assert(acceptor->magic == ACCEPTOR_MAGIC);
	(void)events;
	loop_enter(acceptor->loop);
	if (status < 0) {
		back_off(acceptor, -status);
		return;
	}
	for (unsigned i = 0; i < NET_ACCEPTS_PER_TURN_MAX; i++) {
		struct sockaddr_storage from = {0};
		socklen_t len = sizeof(from);
		int fd = accept4(acceptor->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			struct net_address peer = net_address_of(&from);
			accepted(acceptor, fd, &peer);
			continue;
		}
		if (errno == EAGAIN) {
			return;
		}
		if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) {
			continue; /* that one is gone; the next may be fine */
		}
		back_off(acceptor, errno);
		return;
	}
}

static void poll_start(struct acceptor *acceptor)
{
	(void)uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
}

static void acceptor_gone(struct mail *mail, unsigned at);

static void on_poll_closed(uv_handle_t *handle)
{
	struct acceptor *acceptor = handle->data;
	struct net *net = acceptor->loop->net;
	(void)close(acceptor->fd);
	acceptor->fd = -1;
	acceptor->gone.run = acceptor_gone;
	net_post_reserved(net, net_control_at(net), &acceptor->gone);
}

static void acceptor_stop(struct mail *mail, unsigned at)
{
	struct acceptor *acceptor = CONTAINER_OF(mail, struct acceptor, stop);
	assert(acceptor->loop->at == at);
	wheel_cancel(acceptor->loop->wheel, &acceptor->backoff);
	uv_close((uv_handle_t *)&acceptor->poll, on_poll_closed);
}

static void acceptor_start(struct mail *mail, unsigned at)
{
	struct acceptor *acceptor = CONTAINER_OF(mail, struct acceptor, start);
	assert(acceptor->loop->at == at);
	/* Cannot fail for a socket that listens and is polled by nobody else. */
	int status = uv_poll_init(&acceptor->loop->uv, &acceptor->poll, acceptor->fd);
	assert(status == 0);
	(void)status;
	acceptor->poll.data = acceptor;
	poll_start(acceptor);
}

/* --- control thread --- */

static void acceptor_gone(struct mail *mail, unsigned at)
{
	struct listener *listener = CONTAINER_OF(mail, struct acceptor, gone)->listener;
	(void)at;
	if (--listener->acceptors_open > 0) {
		return;
	}
	list_remove(&listener->item);
	if (listener->calls.on_gone != NULL) {
		listener->calls.on_gone(listener->calls.ctx);
	}
	listener_unref(listener);
}

void listener_close(struct listener *listener)
{
	if (listener->closing) {
		return;
	}
	listener->closing = true;
	for (unsigned at = 0; at < listener->net->worker_count; at++) {
		listener->acceptors[at].stop.run = acceptor_stop;
		net_post_reserved(listener->net, at, &listener->acceptors[at].stop);
	}
}

void listener_close_item(struct list *item)
{
	listener_close(CONTAINER_OF(item, struct listener, item));
}

static enum err error_of_errno(int error)
{
	switch (error) {
	case EADDRINUSE: return ERR_BUSY;
	case EADDRNOTAVAIL: return ERR_INVALID;
	case EACCES:
	case EPERM: return ERR_DENIED;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS: return ERR_NOMEM;
	default: return ERR_IO;
	}
}

struct place {
	struct sockaddr_storage address;
	socklen_t len;
	bool both_families;
	char text[NET_ADDRESS_TEXT_BYTES];
};

static void place_set_port(struct place *place, uint16_t port)
{
	if (place->address.ss_family == AF_INET) {
		((struct sockaddr_in *)&place->address)->sin_port = htons(port);
	} else {
		((struct sockaddr_in6 *)&place->address)->sin6_port = htons(port);
	}
	struct net_address shown = net_address_of(&place->address);
	net_address_format(&shown, place->text);
}

static enum err place_of(const struct listener_options *options, struct place *out, struct net_error *error)
{
	*out = (struct place){0};
	struct sockaddr_in *in = (struct sockaddr_in *)&out->address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->address;
	if (options->address == NULL) {
		out->both_families = true;
		in6->sin6_family = AF_INET6;
		out->len = sizeof(*in6);
	} else if (inet_pton(AF_INET, options->address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		out->len = sizeof(*in);
	} else if (inet_pton(AF_INET6, options->address, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		out->len = sizeof(*in6);
	} else {
		net_error_set(error, ERR_INVALID, "'%.60s' is not an IPv4 or IPv6 address", options->address);
		return ERR_INVALID;
	}
	place_set_port(out, options->port);
	return ERR_OK;
}

/* Returns a bound socket, or -1 with errno. */
static int bind_one(struct place *place, bool shared)
{
	int on = 1, off = 0;
	int fd = socket(place->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 && errno == EAFNOSUPPORT && place->both_families) {
		/* A machine without IPv6: all addresses are then the IPv4 ones. */
		uint16_t port = ((struct sockaddr_in6 *)&place->address)->sin6_port;
		place->address = (struct sockaddr_storage){.ss_family = AF_INET};
		place->len = sizeof(struct sockaddr_in);
		place->both_families = false;
		place_set_port(place, ntohs(port));
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	}
	if (fd < 0) {
		return -1;
	}
	bool good = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
	if (good && place->address.ss_family == AF_INET6) {
		const int *only = place->both_families ? &off : &on;
		good = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, only, sizeof(*only)) == 0;
	}
	if (good && shared) {
		good = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
	}
	if (!good || bind(fd, (const struct sockaddr *)&place->address, place->len) != 0) {
		int error = errno;
		(void)close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static enum err learn_port(int fd, struct place *place)
{
	struct sockaddr_storage bound = {0};
	socklen_t len = sizeof(bound);
	if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0) {
		return ERR_IO;
	}
	place_set_port(place, net_address_of(&bound).port);
	return ERR_OK;
}

static enum err place_error(const struct place *place, struct net_error *error)
{
	int number = errno;
	enum err err = error_of_errno(number);
	switch (err) {
	case ERR_BUSY:
		net_error_set(error, err, "%s is in use by another program or another Lockgate", place->text);
		break;
	case ERR_INVALID:
		net_error_set(error, err, "%s is not an address of this machine", place->text);
		break;
	case ERR_DENIED:
		net_error_set(error, err, "%s: no right to use this port (below 1024?)", place->text);
		break;
	default: net_error_set(error, err, "cannot listen on %s: %s", place->text, strerrordesc_np(number));
	}
	return err;
}

/*
 * With SO_REUSEPORT alone a second process of the same user would share the port without a word: the probe binds
 * without it and so finds every other holder. Port 0 needs none: the kernel gives the first socket a port of its own.
 */
static enum err bind_all(struct listener *listener, struct place *place, int backlog, struct net_error *error)
{
	struct net_address wanted = net_address_of(&place->address);
	if (wanted.port != 0) {
		int probe = bind_one(place, false);
		if (probe < 0) {
			return place_error(place, error);
		}
		(void)close(probe);
	}
	for (unsigned at = 0; at < listener->net->worker_count; at++) {
		int fd = bind_one(place, true);
		if (fd < 0) {
			return place_error(place, error);
		}
		listener->acceptors[at].fd = fd;
		if (at == 0 && learn_port(fd, place) != ERR_OK) {
			return place_error(place, error);
		}
	}
	/* All are bound: none listens for a port that cannot be had whole. */
	for (unsigned at = 0; at < listener->net->worker_count; at++) {
		if (listen(listener->acceptors[at].fd, backlog) != 0) {
			return place_error(place, error);
		}
	}
	listener->port = net_address_of(&place->address).port;
	return ERR_OK;
}

static uint32_t or_default(uint32_t value, uint32_t standard)
{
	return value != 0 ? value : standard;
}

static struct listener *listener_make(struct net *net, const struct listener_options *options)
{
	size_t count = net->worker_count;
	struct listener *listener = calloc(1, sizeof(*listener) + count * sizeof(listener->acceptors[0]));
	if (listener == NULL) {
		return NULL;
	}
	atomic_init(&listener->refs, 1);
	list_init(&listener->item);
	(void)pthread_mutex_init(&listener->tls_lock, NULL);
	listener->net = net;
	listener->calls = options->calls;
	listener->connections_max = options->connections_max;
	listener->tls = tls_set_ref(options->tls);
	listener->is_tls = options->tls != NULL;
	listener->limits = (struct io_limits){
		.handshake_ms = or_default(options->limits.handshake_ms, IO_HANDSHAKE_MS),
		.handshake_bytes_max =
			or_default(options->limits.handshake_bytes_max, IO_HANDSHAKE_BYTES_MAX),
		.backlog_bytes_max = or_default(options->limits.backlog_bytes_max, IO_BACKLOG_BYTES_MAX),
		.backlog_mark_bytes = or_default(options->limits.backlog_mark_bytes, IO_BACKLOG_MARK_BYTES),
	};
	for (size_t at = 0; at < count; at++) {
		struct acceptor *acceptor = &listener->acceptors[at];
		acceptor->magic = ACCEPTOR_MAGIC;
		acceptor->loop = net_loop(net, (unsigned)at);
		acceptor->listener = listener;
		acceptor->fd = -1;
	}
	return listener;
}

enum err listener_open(struct net *net, const struct listener_options *options, struct listener **out,
	struct net_error *error)
{
	assert(net->started);
	assert(options->calls.on_accept != NULL);
	*out = NULL;
	struct place place;
	enum err err = place_of(options, &place, error);
	if (err != ERR_OK) {
		return err;
	}
	struct listener *listener = listener_make(net, options);
	if (listener == NULL) {
		net_error_set(error, ERR_NOMEM, "no memory for a listener");
		return ERR_NOMEM;
	}
	unsigned backlog = or_default(options->backlog, LISTEN_BACKLOG);
	err = bind_all(listener, &place, backlog > INT_MAX ? INT_MAX : (int)backlog, error);
	if (err != ERR_OK) {
		for (unsigned at = 0; at < net->worker_count; at++) {
			if (listener->acceptors[at].fd >= 0) {
				(void)close(listener->acceptors[at].fd);
			}
		}
		listener_unref(listener);
		return err;
	}
	listener->acceptors_open = net->worker_count;
	list_push_back(&net->listeners, &listener->item);
	for (unsigned at = 0; at < net->worker_count; at++) {
		listener->acceptors[at].start.run = acceptor_start;
		net_post_reserved(net, at, &listener->acceptors[at].start);
	}
	*out = listener;
	return ERR_OK;
}
