/*
 * net.h - loops, mailboxes, lanes, listeners and connections: bytes in and out, plain or TLS.
 * Owns:    every uv_loop, socket, WOLFSSL and WOLFSSL_CTX; the worker threads and the lanes' threads.
 * Never:   reads MQTT, judges a certificate, hands an application byte on before io_open_gate().
 * Threads: see each function; "its loop" is the loop that holds the connection now.
 */
#ifndef LOCKGATE_BROKER_NET_NET_H
#define LOCKGATE_BROKER_NET_NET_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/executor.h"
#include "base/list.h"
#include "base/log.h"
#include "base/wheel.h"
#include "broker/mail.h"

struct uv_loop_s; /* libuv's; only broker/net and broker/control look inside */

/* --- limits an operator can see --- */
#define NET_WORKERS_MAX            64u
#define NET_MAILBOX_MAX            4096u    /* letters per (from, to), by default */
#define NET_ACCEPTS_PER_TURN_MAX   64u      /* then the loop serves others first */
#define NET_ACCEPT_BACKOFF_MS      100u     /* after EMFILE and the like */
#define NET_READ_BYTES             65536u   /* one read buffer per worker */
#define IO_HANDSHAKE_READ_BYTES    4096u    /* how much is taken from the socket at once before the gate */
#define IO_HANDSHAKE_MS            10000u   /* accept to Finished, by default */
#define IO_HANDSHAKE_BYTES_MAX     65536u   /* what a client may send before Finished, by default */
#define IO_BACKLOG_BYTES_MAX       4194304u /* unsent output that closes the connection, by default */
#define IO_BACKLOG_MARK_BYTES      262144u  /* so much output is "behind": on_drained follows, by default */
#define IO_FLUSH_MS                5000u    /* io_close(), io_depart(): for output still queued */
#define IO_LINGER_MS               1000u /* io_close(): input is read and dropped so that no reset hides our last word */
#define IO_LINGER_BYTES_MAX        1048576u /* io_close(): and no more of it than this */
#define TLS_CHAIN_CERTIFICATES_MAX 9u
#define TLS_CHAIN_BYTES_MAX        32768u
#define TLS_TICKET_LIFE_S          21600u /* a ticket resumes for so long after it was given out */
#define TLS_TICKET_KEY_S           21600u /* then a new key seals; the one before still opens */
#define TLS_TICKET_PROOF_S         86400u /* and no longer than this after the client last signed a handshake */
#define TLS_STAPLE_BYTES_MAX                                                                                 \
	16000u /* an OCSP response that clients get with our certificate; they take one record */
#define TLS_IDENTITIES_MAX 16u /* keys that one channel serves */
#define TLS_IDENTITY_NAMES_MAX                                                                               \
	256u /* alternative names of a certificate that are compared; what is behind them is not */
/*
 * So a connection whose ClientHello is not whole costs its socket (about 0.6 kB here) and the bytes that it sent, at most
 * HELLO_WIRE_BYTES_MAX + IO_HANDSHAKE_READ_BYTES (21 kB) and as much again while they are copied: there is no TLS object yet.
 * One that has not passed Finished costs at most: wolfSSL's handshake state (about 40 kB), its input
 * record (16.6 kB), IO_HANDSHAKE_BYTES_MAX of reassembled messages and TLS_CHAIN_BYTES_MAX of evidence; between
 * Finished and the gate nothing is read, and at most IO_HANDSHAKE_READ_BYTES are held.
 */

/* --- addresses --- */
struct net_address {
	uint8_t family; /* 4 or 6; IPv4-mapped IPv6 is shown as 4. 0: none */
	uint8_t octets[16];
	uint16_t port;
};
#define NET_ADDRESS_TEXT_BYTES 54
void net_address_format(
	const struct net_address *address, char out[NET_ADDRESS_TEXT_BYTES]); /* "[::1]:1883" */

/* Why something could not be set up: one sentence for the operator, with the name or port in it. */
struct net_error {
	enum err err;
	char sentence[200];
};

/* --- the pool: one control loop (the thread that calls net_run) and the workers --- */
struct net;

/* All optional; called on loop `at`'s own thread. The control loop is index net_worker_count(). */
struct net_hooks {
	void (*on_start)(void *ctx, unsigned at); /* before its loop runs */
	/*
	 * Around everything that a loop calls between two waits, in pairs: begin before the first callback of a turn
	 * (not in a turn without any), end after the last. Output queued by then, also by on_batch_end, leaves right
	 * after it. Only release functions of io_send_ref() may run outside.
	 */
	void (*on_batch_begin)(void *ctx, unsigned at);
	void (*on_batch_end)(void *ctx, unsigned at);
	void (*on_stop)(
		void *ctx, unsigned at); /* its last connection is gone; mail may still be run later */
	void *ctx;
};

struct net_lane {
	unsigned threads;   /* 0: default */
	unsigned queue_max; /* waiting jobs; 0: default */
};

struct net_options {
	unsigned workers;         /* 0: one per core */
	unsigned mailbox_max;     /* 0: NET_MAILBOX_MAX */
	unsigned connections_max; /* over all listeners; 0: no limit but descriptors */
	struct net_lane lanes[LANE_COUNT_];
	struct net_hooks hooks;
	struct log *log; /* borrowed until net_free(); may be NULL */
};

/* Makes the loops; no thread yet. ERR_NOMEM, ERR_LIMIT (workers). */
MUST_CHECK enum err net_new(const struct net_options *options, struct net **out);
/* Starts workers and lanes. The caller's thread is the control loop from here on. Once. */
MUST_CHECK enum err net_start(struct net *net);
/* Runs the control loop until net_quit(). */
void net_run(struct net *net);
void net_quit(struct net *net); /* on the control loop; async-signal handlers use uv signals there */
/* One turn of the control loop, waiting at most wait_ms: for tests and for a start-up that needs answers. */
void net_turn(struct net *net, uint64_t wait_ms);
/*
 * Control thread, after net_run(). Closes listeners and connections (each on_closed is called, with IO_CLOSE_STOP),
 * waits for parcels and jobs, joins all threads, runs the mail that is left (on this thread), closes all loops.
 * ERR_BUSY: a job did not come back within patience_ms; its thread still runs, so exit without net_free().
 */
MUST_CHECK enum err net_stop(struct net *net, uint64_t patience_ms);
void net_free(struct net *net); /* stopped or never started */

unsigned net_worker_count(const struct net *net);
unsigned net_control_at(const struct net *net); /* == net_worker_count() */
struct uv_loop_s *net_control_loop(
	struct net *net); /* for broker/control; close your handles before net_stop() */
struct wheel *net_wheel(struct net *net, unsigned at);   /* that loop only; advanced by net */
uint64_t net_now_ms(const struct net *net, unsigned at); /* monotonic, as of this turn; that loop only */
struct clock net_clock(struct net *net, unsigned at);    /* mono as net_now_ms(); wall from the system */

/*
 * --- slices: work that is too long for one turn ---
 * run() is called once in a turn of that loop, behind the callbacks of whoever was ready; for the next slice it asks
 * again. The loop does not wait while a slice is asked for, and serves all that is ready between two of them.
 */
struct net_slice {
	struct list node;
	void (*run)(struct net_slice *slice);
};
void net_slice_init(struct net_slice *slice, void (*run)(struct net_slice *slice));
void net_slice_soon(struct net *net, unsigned at, struct net_slice *slice); /* that loop only; idempotent */
void net_slice_cancel(struct net_slice *slice);                             /* that loop only; idempotent */

/* --- lanes: blocking work. One executor per loop; done() runs on that loop. --- */
struct executor net_executor(struct net *net, unsigned at);
/* Waiting and running jobs, and the most there may be: for "at most half of the hash lane". Any thread. */
void net_lane_load(struct net *net, enum lane lane, unsigned *busy, unsigned *max);

/* --- descriptors that a library owns (libcurl's sockets), watched on the control loop --- */
#define NET_WATCH_READ  1u
#define NET_WATCH_WRITE 2u
#define NET_WATCH_ERROR 4u
struct net_watch;
/* Within a batch; may call net_watch_set() and net_watch_free(). */
typedef void (*net_watch_fn)(void *ctx, int fd, unsigned events);
/* Control thread; net is borrowed until net_watch_free(). */
MUST_CHECK enum err net_watch_new(struct net *net, net_watch_fn fn, void *ctx, struct net_watch **out);
/*
 * From now on these events of fd are reported (level triggered); 0: none, and fd may be closed. On failure (ERR_NOMEM;
 * ERR_IO: not a descriptor that can be watched) nothing of fd is reported any more.
 */
MUST_CHECK enum err net_watch_set(struct net_watch *watch, int fd, unsigned events);
/* Before net_stop(). NULL is fine. */
void net_watch_free(struct net_watch *watch);

/* --- counters, each written by one loop; reading them elsewhere gives a recent value --- */
struct net_counters {
	uint64_t accepts, refusals, accept_errors; /* refusals: by may_accept or a limit */
	uint64_t handshakes, handshake_failures;
	uint64_t bytes_in, bytes_out;
	uint64_t connections; /* open now on this loop */
	uint64_t arrivals;    /* connections that moved here */
};
void net_counters(const struct net *net, unsigned at, struct net_counters *out);
/*
 * Microseconds of the longest turn of loop `at` since this was last asked: for so long nobody else was served. cpu_us: the
 * most that one turn used of a processor, its wait included; what wall_us has beyond it, others had. Any thread.
 */
struct net_turns {
	uint64_t wall_us, cpu_us;
};
struct net_turns net_longest_turns(struct net *net, unsigned at);

/* Raises the soft limit to the hard one. *now is the limit in force, also on ERR_IO. */
MUST_CHECK enum err net_raise_nofile(uint64_t *before, uint64_t *now);

/* --- SSLCIPH (mq-semantics 5): MQ CipherSpec, IANA or IBM-JSSE name, or an alias --- */
enum tls_version { TLS_VERSION_NONE = 0, TLS_VERSION_12, TLS_VERSION_13 };
struct tls_spec {
	const char *name; /* canonical, static */
	enum tls_version min, max;
	const char *suites;        /* as the TLS library writes them, static */
	bool ecdsa_only, rsa_only; /* the suite's kind of server key; both false: any */
};
/*
 * NULL or "": ANY_TLS12_OR_HIGHER. ERR_NOT_FOUND: no such name; ERR_UNSUPPORTED: known, but deprecated or not built.
 * Both with a sentence (AMQ8242E).
 */
MUST_CHECK enum err tls_spec_find(const char *sslciph, struct tls_spec *out, struct net_error *error);

/* --- TLS contexts: one per identity, suites and SSLCAUTH. Immutable, counted atomically. --- */
enum tls_client_auth { TLS_CLIENT_AUTH_NEVER, TLS_CLIENT_AUTH_OPTIONAL, TLS_CLIENT_AUTH_REQUIRED };
struct tls_options {
	struct bytes key_pkcs8;    /* PKCS#8 PrivateKeyInfo; secret, borrowed for the call */
	const struct bytes *chain; /* DER, leaf first; borrowed for the call */
	size_t chain_count;
	enum tls_client_auth client_auth;
	struct tls_spec spec;
	/*
	 * What tickets are bound to, beside client_auth and the identity: the channel's name. Borrowed for the call.
	 * NULL: no ticket is made or opened.
	 */
	const char *ticket_scope;
	bool staple; /* clients who ask get what tls_context_set_staple() gave */
};
struct tls_context;
/* ERR_MALFORMED, ERR_INVALID (key and leaf do not match), ERR_UNSUPPORTED, ERR_NOMEM; error says which and why. */
MUST_CHECK enum err tls_context_new(
	const struct tls_options *options, struct tls_context **out, struct net_error *error);
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context); /* NULL is fine */
/*
 * The OCSP response about this context's own certificate, judged by the caller: shown until `until` (seconds), to handshakes
 * from now on. BYTES_NONE: none any more. Copies. Any thread. ERR_STATE: made without `staple`; ERR_LIMIT
 * (TLS_STAPLE_BYTES_MAX), ERR_NOMEM: what was there stays.
 */
MUST_CHECK enum err tls_context_set_staple(struct tls_context *context, struct bytes response, int64_t until);
/* What a client that asks at now (seconds) is shown, appended. ERR_NOT_FOUND: nothing. */
MUST_CHECK enum err tls_context_get_staple(struct tls_context *context, int64_t now, struct buf *out);

/* --- what a channel serves: several identities, of which each ClientHello gets one (tls_choose.h). Immutable, counted. --- */
enum tls_name_kind { TLS_NAME_DNS, TLS_NAME_IP };
struct tls_name {
	enum tls_name_kind kind;
	struct bytes value; /* as the certificate has it: text, or 4 or 16 octets */
};
struct tls_identity {
	const char *label; /* the key's alias */
	struct tls_context *context;
	enum key_kind kind;
	int64_t not_before, not_after; /* seconds, of the leaf; both 0: always valid */
	const struct tls_name
		*names; /* the leaf's alternative names; others than these two kinds are of no use */
	size_t name_count;
	uint8_t chain_sha256
		[SHA256_BYTES]; /* tells one chain from another, for whoever compares; the set has no use for it */
};
struct tls_set;
/*
 * The first is the default. Copies all and refs the contexts, which are of one SSLCIPH and SSLCAUTH. ERR_LIMIT (none, or over
 * TLS_IDENTITIES_MAX), ERR_NOMEM.
 */
MUST_CHECK enum err tls_set_new(const struct tls_identity *identities, size_t count, struct tls_set **out);
struct tls_set *tls_set_ref(struct tls_set *set);
void tls_set_unref(struct tls_set *set); /* NULL is fine */
size_t tls_set_count(const struct tls_set *set);
struct tls_identity tls_set_at(const struct tls_set *set, size_t index); /* borrowed until the set is gone */

/* --- connections --- */
struct io;

enum io_close {
	IO_CLOSE_OWNER,   /* io_close() or io_abort() */
	IO_CLOSE_PEER,    /* the peer ended it: FIN or close_notify */
	IO_CLOSE_RESET,   /* the peer or the network cut it */
	IO_CLOSE_TLS,     /* handshake or record failed: io_tls_failure() */
	IO_CLOSE_TIMEOUT, /* no Finished within the limit */
	IO_CLOSE_FLOOD,   /* too many bytes before Finished */
	IO_CLOSE_BACKLOG, /* the peer does not read: backlog_bytes_max */
	IO_CLOSE_NOMEM,
	IO_CLOSE_STOP, /* net_stop() */
	IO_CLOSE_COUNT_
};
const char *io_close_name(enum io_close why); /* "peer", … */

enum tls_failure {
	TLS_FAILURE_NONE = 0,
	TLS_FAILURE_NO_CERTIFICATE,       /* REQUIRED and none sent; the client was told: alert 116 */
	TLS_FAILURE_PEER_UNKNOWN_CA,      /* the client does not trust us: its alert 48 */
	TLS_FAILURE_PEER_BAD_CERTIFICATE, /* its alerts 42 to 46 */
	TLS_FAILURE_PEER_ALERT,           /* any other alert; number in the detail */
	TLS_FAILURE_VERSION,              /* no common protocol version */
	TLS_FAILURE_CIPHER,               /* no common suite, group or signature algorithm */
	TLS_FAILURE_ALPN,
	TLS_FAILURE_V1_CERTIFICATE, /* X.509 v1 leaf: the TLS library refuses it (-141) */
	TLS_FAILURE_CERTIFICATE_MALFORMED,
	TLS_FAILURE_CERTIFICATE_LIMIT, /* over TLS_CHAIN_CERTIFICATES_MAX or TLS_CHAIN_BYTES_MAX, or a costly key */
	TLS_FAILURE_PROOF,             /* the client does not hold the certificate's key */
	TLS_FAILURE_NOT_TLS,           /* plain bytes on a TLS port */
	TLS_FAILURE_HELLO,             /* a ClientHello that breaks its grammar, or a limit of hello.h */
	TLS_FAILURE_NO_IDENTITY,       /* no certificate of the channel is valid now */
	TLS_FAILURE_RECORD,            /* altered or malformed record */
	TLS_FAILURE_OTHER,             /* the library's own words are in the detail */
	TLS_FAILURE_COUNT_
};
const char *tls_failure_name(enum tls_failure failure); /* "no-certificate", … */

/* What is known of a client without its certificate; the order is that of what a ticket says. */
enum tls_evidence {
	TLS_EVIDENCE_NOT_ASKED, /* plain, or SSLCAUTH(NEVER) */
	TLS_EVIDENCE_NONE_SENT,
	TLS_EVIDENCE_CHAIN,
	TLS_EVIDENCE_RESUMED /* the client was given a ticket for a chain that may_resume() knows */
};

/* Of a client whose session may be resumed: NOT_ASKED, NONE_SENT, or CHAIN and then the chain's digest, else zeroes. */
struct tls_resumption {
	enum tls_evidence evidence;
	uint8_t chain[SHA256_BYTES];
};

/*
 * All on its loop and within a batch, never from inside a call of yours into io. Each may call any io function. on_closed is the last,
 * exactly once (unless the connection departed): after it the io is gone. Any may be NULL but on_closed.
 */
struct io_calls {
	/* After Finished; plain: in the turn of the accept. Nothing was read behind it yet. */
	void (*on_secure)(struct io *io);
	/* Only after io_open_gate(). in is borrowed for the call; take all of it, or give the rest back: io_unread(). */
	void (*on_data)(struct io *io, struct bytes in);
	/* Output that had come to backlog_mark_bytes, or more, is down to half of that. */
	void (*on_drained)(struct io *io);
	/* detail: a sentence for the log, borrowed for the call, never with peer bytes in it. */
	void (*on_closed)(struct io *io, enum io_close why, const char *detail);
	/*
	 * In the handshake: a ticket of ours for this channel and identity opened. false: a full handshake instead. true is no
	 * promise that it resumes: on_secure tells by io_peer_chain(). At most one ticket of a connection comes so far, maybe
	 * twice. May call nothing of io but questions. NULL: nothing resumes.
	 */
	bool (*may_resume)(struct io *io, const struct tls_resumption *client);
};

/* 0 in a field: the default above. */
struct io_limits {
	uint32_t handshake_ms;
	uint32_t handshake_bytes_max;
	uint32_t backlog_bytes_max;
	uint32_t backlog_mark_bytes;
};

void io_set_owner(struct io *io, const struct io_calls *calls, void *owner); /* calls: static */
void *io_owner(const struct io *io);
unsigned io_at(const struct io *io); /* the loop that holds it */
struct net *io_net(const struct io *io);

/* From here on on_data is called. Until then nothing is read behind Finished (plain: nothing at all). Idempotent. */
void io_open_gate(struct io *io);
/* Puts the tail of what on_data gave back in front; it comes again after resume, or after the move. */
void io_unread(struct io *io, struct bytes rest);
void io_read_pause(struct io *io); /* on_data is not called again until io_read_resume() */
void io_read_resume(struct io *io);

/*
 * Queues output; all of a loop's turn leaves together at its end. No error to check: what cannot be queued (memory,
 * backlog_bytes_max, already closing) ends the connection, and on_closed says why.
 */
void io_send(struct io *io, struct bytes in); /* copies: heads and small packets */
/*
 * References: in is borrowed until release(owner), which is called exactly once, on the loop that then holds the
 * connection (or in this call, if it cannot be queued). The caller took a reference for it.
 */
void io_send_ref(struct io *io, struct bytes in, void (*release)(void *owner), void *owner);
size_t io_backlog_bytes(const struct io *io);

/* What is queued leaves, then close_notify and FIN, then input is dropped for up to IO_LINGER_MS. Idempotent. */
void io_close(struct io *io);
void io_abort(struct io *io); /* now, with a reset; also turns an io_close() under way into this */
bool io_closing(const struct io *io);

/* --- what is known of the peer --- */
struct net_address io_peer(const struct io *io);
struct net_address io_local(const struct io *io);
/*
 * After on_secure. *chain: DER, leaf first, borrowed until io_drop_chain() or the end. Possession of the key is proved.
 * RESUMED: none; the chain is the one that may_resume() was asked about last.
 */
enum tls_evidence io_peer_chain(const struct io *io, const struct bytes **chain, size_t *count);
/* Frees the copy once the certificates are parsed; the evidence state stays. */
void io_drop_chain(struct io *io);
bool io_resumed(const struct io *io); /* by a ticket, whatever the evidence */
/*
 * Behind all that is queued, one ticket leaves with which this client resumes for at most seconds_max (and the limits
 * above). For a client that was admitted, and no other. Without effect on a plain connection, below TLS 1.3, or where the
 * context has no ticket_scope.
 */
void io_send_ticket(struct io *io, const struct tls_resumption *client, uint32_t seconds_max);
enum tls_version io_tls_version(const struct io *io);   /* TLS_VERSION_NONE: plain */
const char *tls_version_name(enum tls_version version); /* "TLSv1.3"; none: "" */
const char *io_tls_cipher(const struct io *io);         /* IANA name, static; plain: "" */
enum tls_failure io_tls_failure(const struct io *io);
uint64_t io_bytes_in(const struct io *io);
uint64_t io_bytes_out(const struct io *io);

/* --- moving to another worker --- */
struct io_parcel;
/*
 * Stops reading; when no write is under way, calls ready (never from inside this call): the io is gone then without
 * on_closed, and the parcel is the owner's, to be sent by net_post_reserved() to the loop that unpacks it. If the
 * connection ends first, on_closed comes instead: as it does when the write takes longer than IO_FLUSH_MS, since the peer
 * does not read. Queued input and output travel along.
 */
typedef void (*io_parcel_fn)(struct io_parcel *parcel, void *owner);
void io_depart(struct io *io, io_parcel_fn ready);
/*
 * On loop `at`; the parcel is consumed also on failure (then the connection is cut without on_closed). The gate stays
 * as it was; nothing is called from inside. On the new loop, held input comes before anything from the socket.
 */
MUST_CHECK enum err io_from_parcel(struct net *net, unsigned at, struct io_parcel *parcel,
	const struct io_calls *calls, void *owner, struct io **out);
void io_parcel_free(struct io_parcel *parcel); /* cuts the connection; NULL is fine; any thread */

/* --- listeners: opened and closed on the control thread --- */
struct listener;
struct listener_calls {
	/* Worker, before any byte: false costs the peer a reset and us nothing more. NULL: all may. */
	bool (*may_accept)(void *ctx, unsigned at, const struct net_address *peer);
	/* Worker: call io_set_owner() here. on_secure comes later. */
	void (*on_accept)(void *ctx, unsigned at, struct io *io);
	/* Control loop, after listener_close(): no worker will call again. The listener is gone. NULL is fine. */
	void (*on_gone)(void *ctx);
	void *ctx;
};
struct listener_options {
	const char *address;      /* numeric IPv4 or IPv6 (LOCLADDR); NULL: all of both families */
	uint16_t port;            /* 0: any free one, see listener_port() */
	unsigned backlog;         /* 0: 4096 */
	unsigned connections_max; /* 0: no limit of its own */
	struct tls_set *tls;      /* NULL: plain; ref'd */
	struct io_limits limits;
	struct listener_calls calls;
};
/*
 * After net_start(). On ERR_OK the port accepts. ERR_BUSY: somebody else has the port, also a second process of the
 * same user; ERR_INVALID: not a local address; ERR_DENIED: a privileged port; ERR_IO. error names address and port.
 */
MUST_CHECK enum err listener_open(struct net *net, const struct listener_options *options,
	struct listener **out, struct net_error *error);
uint16_t listener_port(const struct listener *listener);
/* For every ClientHello read from now on; handshakes behind it keep theirs. Takes its own reference. Any thread. */
void listener_set_tls(struct listener *listener, struct tls_set *tls);
unsigned listener_connections(const struct listener *listener); /* open now, wherever they moved */
unsigned listener_staying(const struct listener *listener);     /* of these, whose end has not begun */
/* Stops accepting; its connections stay (their owners close them). */
void listener_close(struct listener *listener);

#endif
