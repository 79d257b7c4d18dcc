/*
 * net_kit.h - a pool with an echoing application, certificates, and plain or TLS clients on real sockets.
 * Owns:    what it makes; kit_close() gives all of it back and checks that nothing is left.
 * Never:   sleeps blindly: every wait has a condition and a deadline.
 * Threads: the test's main thread is the control loop and drives the clients; what workers write is atomic.
 */
#ifndef LOCKGATE_TESTS_BROKER_NET_KIT_H
#define LOCKGATE_TESTS_BROKER_NET_KIT_H

#include <pthread.h>
#include <stdatomic.h>

#include "broker/net/net.h"

#define KIT_WAIT_MS 20000u

/* --- certificates --- */
struct kit_cert; /* a certificate with its key */
struct kit_cert_options {
	const char *name;
	const struct kit_cert *issuer; /* NULL: self-signed */
	bool is_ca, is_version_1, is_rsa;
	size_t padding;
};
struct kit_cert *kit_cert_new(const struct kit_cert_options *options);
struct bytes kit_cert_der(const struct kit_cert *cert);
struct bytes kit_cert_key(const struct kit_cert *cert);
void kit_cert_free(struct kit_cert *cert);

/* --- the application behind the listeners --- */
struct app {
	/* what it does */
	bool gate_shut;     /* on_secure does not open the gate */
	bool echo;          /* by io_send(); else input is counted only */
	bool hop;           /* moves to the next worker after every on_data */
	bool hop_once;      /* moves on the first on_data only, giving that input back */
	bool keep_parcel;   /* hop: the parcel is kept in `parcel` instead of being sent */
	bool close_at_once; /* on_secure: a word, then io_close() */
	bool refuse_peers;
	uint32_t push_bytes; /* on_secure: so much output by reference */
	bool give_tickets;   /* on_data: a ticket behind the answer, for what is known of the client */
	uint32_t ticket_s;   /* of so many seconds; 0: as long as may be */
	bool know_nobody;    /* may_resume: the chain is not known any more */
	/* what it saw */
	atomic_uint accepted, secure, data_calls, drained, closed, moves, released, gone;
	atomic_uint batch_open[NET_WORKERS_MAX + 1], batch_wrong; /* unpaired, or a callback outside */
	atomic_uint early_data; /* on_data before the gate was opened: must stay 0 */
	atomic_ullong bytes;
	atomic_uint workers_seen; /* bits */
	atomic_uint last_why, last_failure, last_evidence, last_chain, last_version;
	atomic_bool leaf_matches;
	atomic_uint resume_asked, resumed, last_proved_s;
	uint8_t leaf_digest
		[SHA256_BYTES]; /* of the last leaf that may_resume was asked about; read it after `secure` */
	struct bytes want_leaf; /* set before, compared with what came */
	pthread_mutex_t text_lock;    /* zeroed is unlocked: several workers write the texts */
	char detail[200], cipher[64]; /* of the last: read them after `closed` or `secure` counted up */
	_Atomic(struct io *) last_io; /* for what a test asks for on the loop */
	_Atomic(struct io_parcel *) parcel;
};
extern const struct io_calls app_calls;

struct kit {
	struct net *net;
	struct app app;
	struct listener *listener;
	struct tls_set *tls; /* of the last kit_listener() */
};
/* workers, then a listener on 127.0.0.1, port 0; tls NULL: plain. options may be NULL. */
void kit_open(struct kit *kit, unsigned workers, struct tls_context *tls, const struct io_limits *limits);
void kit_open_pool(struct kit *kit, const struct net_options *options);
void kit_listen(struct kit *kit, const struct listener_options *options);
/* listener_options for this kit's application on 127.0.0.1; the set around tls lives until the next call or kit_close(). */
struct listener_options kit_listener(struct kit *kit, struct tls_context *tls);
void kit_close(struct kit *kit); /* net_stop() == ERR_OK, accepted == closed */
/* Turns the control loop until *counter >= want or the deadline; says whether it came. */
bool kit_wait(struct kit *kit, const atomic_uint *counter, unsigned want);
void kit_turns(struct kit *kit, unsigned ms); /* for "and nothing happens" */
/* Runs fn on the loop of the last connection and waits for it. */
void kit_on_loop(struct kit *kit, void (*fn)(struct io *io, struct app *app));
/* One context as a channel's only identity, always valid; NULL stays NULL. */
struct tls_set *kit_set(struct tls_context *context);
struct tls_context *kit_context(
	const struct kit_cert *identity, enum tls_client_auth client_auth, const char *sslciph);
/* With tickets for that channel. */
struct tls_context *kit_context_for(const struct kit_cert *identity, enum tls_client_auth client_auth,
	const char *sslciph, const char *ticket_scope);

/* --- clients: blocking sockets with a receive limit --- */
enum kit_end { KIT_OPEN, KIT_FIN, KIT_RESET, KIT_SILENT, KIT_CLOSE_NOTIFY, KIT_ALERT, KIT_ERROR };
struct kit_client {
	int fd;
	void *ssl, *ctx;
	int alert;   /* the last one received, or -1 */
	size_t sent; /* over TLS, by the two options below */
	bool byte_by_byte;
	size_t bytes_max, hello_part;
};
struct kit_client_options {
	int version; /* 12, 13, or 0: both */
	const struct kit_cert *cert;
	const struct kit_cert *issuing;     /* sent behind cert; may be NULL */
	const struct kit_cert *foreign_key; /* sign with this key instead of cert's: cannot be proved */
	const char *alpn, *suites;
	bool trust_nobody; /* verifies the server, and knows no CA */
	bool byte_by_byte; /* one byte in a segment, as far as the kernel lets us */
	size_t bytes_max;  /* cuts the connection after so many bytes of ours; 0: never */
	size_t hello_part; /* the first message goes out in records of so many bytes; 0: as it is */
	int group;         /* the library's number; 0: its own choice */
	void *session;     /* to offer; see kit_session() */
	bool no_key_share; /* the server has to ask for one: a second hello */
};
/* What this client could resume by; kit_session_free(). */
void *kit_session(struct kit_client *client);
void kit_session_free(void *session);
bool kit_reused(struct kit_client *client);
bool kit_connect(struct kit_client *client, uint16_t port);
bool kit_connect_to(struct kit_client *client, const char *address, uint16_t port);
/* Handshake on a connected client. */
bool kit_tls(struct kit_client *client, const struct kit_client_options *options);
/* What such a client says first, as it would go over the wire. */
size_t kit_hello(int version, uint8_t *into, size_t room);
bool kit_send(struct kit_client *client, struct bytes in);
bool kit_rekey(struct kit_client *client); /* TLS 1.3: new keys for us, and a wish for new ones back */
/* Up to room bytes; 0 with *end set when nothing more comes. */
size_t kit_recv(struct kit_client *client, void *into, size_t room, enum kit_end *end);
bool kit_recv_exactly(struct kit_client *client, void *into, size_t n);
/* Reads to the end; how it ended. */
enum kit_end kit_drain(struct kit_client *client);
void kit_limit_ms(struct kit_client *client, unsigned ms); /* of one receive, of one send */
void kit_hang_up(struct kit_client *client);               /* FIN; plain close of the socket */
void kit_cut(struct kit_client *client);                   /* a reset */
void kit_goodbye(struct kit_client *client);               /* close_notify, then FIN */

#endif
