/*
 * net_private.h - what the files of broker/net know of each other.
 * Owns:    struct net, struct loop, struct io.
 * Never:   included outside broker/net.
 * Threads: a struct loop belongs to its thread, but for the fields under "any thread".
 */
#ifndef LOCKGATE_BROKER_NET_NET_PRIVATE_H
#define LOCKGATE_BROKER_NET_NET_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/list.h"
#include "broker/net/net.h"
#include "broker/net/out_queue.h"

struct WOLFSSL;

#define LOOP_MAGIC       0x4c4f4f50u /* "LOOP" */
#define IO_MAGIC         0x494f494fu /* "IOIO" */
#define ACCEPTOR_MAGIC   0x41434350u /* "ACCP" */
#define LOOP_ROUNDS_MAX  4u /* services per turn; what is left then waits for the next, unblocked turn */
#define IO_IOVECS_MAX    64u
#define TLS_RECORD_BYTES 16384u /* RFC 8446 5.1: plaintext of one record */
#define IO_WIRE_MARK     65536u /* ciphertext made ahead of the socket */

/* --- mail --- */
struct mailbox {
	pthread_mutex_t lock;
	struct mail *head, *tail;
	unsigned count;
};

struct reserved {
	pthread_mutex_t lock;
	struct mail *mail_head, *mail_tail;
	struct job *job_head, *job_tail;
};

/* Runs all that waits for this loop. True if there was something. */
bool loop_drain_mail(struct net *net, unsigned at);
void net_post_job(struct net *net, unsigned to, struct job *job);
MUST_CHECK enum err mailboxes_new(struct net *net);
void mailboxes_free(struct net *net);

/* --- loops --- */
struct counters {
	_Atomic uint64_t accepts, refusals, accept_errors, handshakes, handshake_failures;
	_Atomic uint64_t bytes_in, bytes_out, connections, arrivals;
};
/* One writer: no read-modify-write instruction needed. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(
		counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

struct loop {
	unsigned magic;
	unsigned at;
	struct net *net;
	uv_loop_t uv;
	uv_async_t wake;       /* any thread: mail is there */
	uv_prepare_t prepare;  /* ends the batch before the loop waits */
	uv_check_t check;      /* ends the batch after it was served */
	uv_idle_t again;       /* active while work is left over: the loop does not wait */
	uv_timer_t timer;      /* the wheel's */
	uv_timer_t turn_timer; /* net_turn() */
	uint64_t timer_due_ms; /* WHEEL_NEVER: stopped */
	struct wheel *wheel;
	bool handles_open;
	bool in_batch;
	bool freed;         /* a connection, in this batch */
	bool stopping;      /* net_stop(): connections that arrive are closed */
	struct list ios;    /* all of this loop */
	struct list dirty;  /* io.dirty: have something to do at the end of the batch */
	struct list slices; /* net_slice.node: asked for */
	uint8_t *read_buf;  /* NET_READ_BYTES */
	uint8_t *scratch;   /* TLS_RECORD_BYTES: plaintext in, and plaintext gathered */
	pthread_t thread;
	bool has_thread;
	struct mail close_all, abort_all, stop; /* net_stop() posts each at most once */
	struct counters counters;
	uint64_t batch_ns; /* when the batch began */
	uint64_t used_ns;  /* of a processor, until the last batch ended */
	_Atomic uint64_t longest_turn_us, longest_turn_cpu_us;
	struct reserved reserved; /* any thread */
};

MUST_CHECK enum err loop_open(struct loop *loop, struct net *net, unsigned at);
/* On any thread once nobody runs it; false if somebody left a handle behind. */
bool loop_close(struct loop *loop);
/* First thing in every callback of ours: starts the batch. */
void loop_enter(struct loop *loop);
void loop_leave(struct loop *loop); /* ends it, if there is one */
void loop_mark_dirty(struct loop *loop, struct list *item);

/* --- lanes --- */
struct lane_pool;
MUST_CHECK enum err lanes_new(struct net *net, const struct net_lane *options);
MUST_CHECK enum err lanes_start(struct net *net);
void lanes_stop(struct net *net); /* when no job is out */
void lanes_free(struct net *net);

/* --- the pool --- */
struct net {
	unsigned worker_count;
	unsigned mailbox_max;
	unsigned connections_max;
	struct net_hooks hooks;
	struct log *log;
	bool started, stopped, quit, told_close, told_abort;
	struct loop *loops;        /* worker_count + 1, the control loop last */
	struct mailbox *mailboxes; /* [from * (worker_count + 1) + to] */
	struct lane_pool *lanes;
	struct ticket_ring *tickets;
	struct list listeners; /* control thread */
	atomic_uint live;      /* connections, parcels included */
	atomic_uint jobs;      /* submitted and not yet done */
	bool has_tls_library;
};

static inline struct loop *net_loop(const struct net *net, unsigned at)
{
	return &net->loops[at];
}

/* --- listeners --- */
void listener_close_item(struct list *item); /* of net.listeners */
struct listener *listener_ref(struct listener *listener);
void listener_unref(struct listener *listener);
struct tls_set *listener_tls_ref(struct listener *listener); /* NULL: plain */
bool listener_is_tls(const struct listener *listener);
const struct io_limits *listener_limits(const struct listener *listener);
void listener_count_down(struct listener *listener);
void listener_count_leaving(struct listener *listener, bool leaves); /* its end has begun; or is over */

/* --- connections --- */
enum io_phase {
	IO_HANDSHAKE, /* to OPEN, FLUSHING, CLOSED */
	IO_OPEN,      /* to DEPARTING, FLUSHING, CLOSED */
	IO_DEPARTING, /* to GONE, FLUSHING, CLOSED */
	IO_FLUSHING,  /* our last words leave; to LINGERING, CLOSED */
	IO_LINGERING, /* FIN is sent, input is dropped; to CLOSED */
	IO_CLOSED,    /* uv_close() was called; its callback tells the owner and frees */
	IO_GONE       /* departed: the close callback only frees */
};

/* Input that nobody could take yet. */
struct held {
	size_t pos, len;
	uint8_t data[];
};

struct chain_copy {
	size_t count;
	struct bytes certs[TLS_CHAIN_CERTIFICATES_MAX];
	uint8_t data[];
};

/* Why a presented chain ended the handshake, before the library could work on it. */
enum chain_refusal { CHAIN_NOT_REFUSED, CHAIN_UNASKED, CHAIN_COSTLY, CHAIN_UNREADABLE };

/* What moves with a connection; no pointer in here points back. */
struct io_state {
	struct listener *listener; /* one reference, and one of its connections */
	struct tls_context *tls;   /* one reference, once the hello chose it; NULL: plain, or not yet */
	struct WOLFSSL *ssl;
	struct out_queue plain; /* TLS: not yet encrypted */
	struct out_queue wire;  /* as it goes to the socket */
	struct held *held_wire; /* TLS: not yet given to the library */
	struct held *held_data; /* not yet taken by the owner */
	struct chain_copy *chain;
	struct net_address peer;
	uint64_t bytes_in, bytes_out;
	uint32_t proved_at_s;  /* when the client last signed a handshake, by the loop's clock */
	uint8_t tls_failure;   /* enum tls_failure */
	uint8_t resumed;       /* enum tls_evidence of the ticket that this connection resumed by; 0 */
	uint8_t chain_refusal; /* enum chain_refusal */
	bool is_resumed;
	bool is_tls;     /* from accept on: no byte of the owner ever leaves in clear */
	bool chain_seen; /* a certificate came, even if its copy is dropped */
	bool chain_over; /* over a limit, no memory, or another one the second time */
	bool gate_open;
	bool paused;
	bool behind;  /* output passed its mark */
	bool leaving; /* counted as such */
};

struct io {
	unsigned magic;
	uint8_t phase; /* enum io_phase */
	uint8_t why;   /* enum io_close */
	bool writing;  /* a write request is out */
	bool reading;
	bool eof;
	bool tell_secure; /* on_secure is due */
	bool tell_drained;
	bool goodbye; /* close_notify was made */
	bool pull;    /* the TLS library may hold records that nobody asked for yet */
	uv_tcp_t tcp;
	struct loop *loop;
	struct list all, dirty;
	struct wheel_timer timer; /* handshake, departure, flush or linger limit */
	const struct io_calls *calls;
	void *owner;
	io_parcel_fn depart_ready;
	char *detail;                       /* heap, or NULL */
	struct ticket_opened *opened;       /* TLS, in the handshake: the one ticket that counts */
	const struct ticket_facts *sealing; /* during io_send_ticket() only */
	struct bytes in;  /* TLS: what the library may read now; borrowed from the read buffer */
	size_t write_len; /* of the write under way */
	size_t dropped;   /* lingering input */
	struct io_state s;
};

/* Takes fd (closed on failure) and the listener's count; NULL: no memory. */
struct io *io_new(struct loop *loop, int fd, struct listener *listener, const struct net_address *peer);
struct io *io_wrap(struct loop *loop, int fd);
void io_begin(struct io *io); /* after on_accept */
/* Calls the owner with what waits for him: on_secure, on_drained, held input, the parcel. */
void io_serve(struct io *io);
bool io_needs_service(const struct io *io);
void io_mark(struct io *io);
void io_update_reading(struct io *io);
void io_set_timer(struct io *io, uint32_t ms);
/* Ends it: gentle lets queued output and an alert out first. Idempotent; the first reason counts. */
void io_end(struct io *io, enum io_close why, const char *detail, bool gentle);
void io_state_release(struct net *net, struct io_state *state);
bool io_hold(struct held **held, struct bytes in);
void io_flush(struct io *io);
/* The owner may have done anything meanwhile: look at the phase afterwards. */
void io_deliver(struct io *io, struct bytes in);
static inline bool io_may_deliver(const struct io *io)
{
	return io->phase == IO_OPEN && io->s.gate_open && !io->s.paused && io->s.held_data == NULL;
}
void io_depart_now(struct io *io);

/* --- the ClientHello (peek.c) --- */
/* All that came so far. True: the identity is chosen and the TLS object there; else more is awaited, or it ended the connection. */
bool io_peek(struct io *io, struct bytes wire);

/* --- TLS on a connection (io_tls.c) --- */
MUST_CHECK enum err io_tls_begin(struct io *io);
void io_tls_rebind(struct io *io); /* after a move */
/* Feeds io->in: handshake, then data while it may be delivered. Leaves the rest in io->in. */
void io_tls_pump(struct io *io);
bool io_tls_encrypt(struct io *io); /* one record from s.plain to s.wire; false: it ended the connection */
void io_tls_goodbye(struct io *io); /* close_notify into s.wire */
void io_tls_free(struct io_state *state);

/* --- tickets (io_ticket.c) --- */
/* After Finished: what resumed, if anything. NULL, or why this handshake cannot be trusted. */
const char *io_ticket_finished(struct io *io);
void io_ticket_forget(struct io *io); /* what the handshake kept */

/* --- the TLS library's words (tls_context.c, tls_failure.c) --- */
struct WOLFSSL_CTX;
MUST_CHECK enum err tls_library_init(void); /* counted */
void tls_library_cleanup(void);
struct WOLFSSL_CTX *tls_context_library(const struct tls_context *context);
enum tls_client_auth tls_context_client_auth(const struct tls_context *context);
/* What this context's tickets are sealed with as context (SHA256_BYTES); NULL: it has none. */
const uint8_t *tls_context_ticket_binding(const struct tls_context *context);
const struct tls_spec *tls_context_spec(const struct tls_context *context);
struct hello;
/* A reference; NULL: none is valid at now (seconds). */
struct tls_context *tls_set_choose(const struct tls_set *set, const struct hello *hello, int64_t now);
/* Which failure an error code with these alerts means, and the sentence for the log. */
enum tls_failure tls_failure_of(int error, int alert_received, char *detail, size_t detail_bytes);

/* --- small things --- */
struct net_address net_address_of(const struct sockaddr_storage *from);
void net_error_set(struct net_error *error, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
