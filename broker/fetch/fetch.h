/*
 * fetch.h - small files from HTTP servers that certificates and operators name: revocation lists, OCSP answers.
 * Owns:    libcurl: every transfer, its sockets, its time and byte limits; which addresses may be connected to.
 * Never:   blocks its loop; trusts the system's CA store, proxies, cookies or netrc; parses what it fetched.
 * Threads: the control loop, but where marked.
 */
#ifndef LOCKGATE_BROKER_FETCH_FETCH_H
#define LOCKGATE_BROKER_FETCH_FETCH_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/wheel.h"
#include "broker/net/net.h"

/* --- limits an operator can see (docs/manual.md) --- */
#define FETCH_URL_BYTES_MAX  2048u
#define FETCH_HOST_BYTES_MAX 255u
#define FETCH_REDIRECTS_MAX  3u
#define FETCH_TRANSFERS_MAX  16u   /* at once */
#define FETCH_PER_HOST_MAX   4u    /* at once from one host and port */
#define FETCH_QUEUE_MAX      1024u /* transfers that wait for one of those places */
#define FETCH_WAITERS_MAX    4096u /* of one transfer */
#define FETCH_CONNECT_MS     5000u
#define FETCH_TOTAL_MS       15000u  /* by default, redirects included, waiting for a place not */
#define FETCH_TOTAL_MS_MAX   600000u /* what a request may ask for */
#define FETCH_BODY_BYTES_MAX                                                                                 \
	100663296u /* what a request may ask for: a revocation list (X509_CRL_BYTES_MAX) */
#define FETCH_OCSP_BYTES_MAX      65536u     /* an OCSP answer */
#define FETCH_REQUEST_BYTES_MAX   16384u     /* a POST's body */
#define FETCH_HEADER_BYTES_MAX    32768u     /* status line and header fields of one hop */
#define FETCH_VALIDATOR_BYTES_MAX 256u       /* an ETag or Last-Modified longer than this is not kept */
#define FETCH_CA_BYTES_MAX        524288u    /* CAFILE */
#define FETCH_HELD_BYTES_MAX      268435456u /* bodies of all transfers under way together */
#define FETCH_LISTED_MAX          256u       /* entries of the operator's list */
#define FETCH_SENTENCE_BYTES      320u

/* Why there is no body. Stable: printed by name (fetch_fault_name()) in logs and DISPLAY. */
enum fetch_fault {
	FETCH_OK = 0,
	FETCH_URL,       /* not a URL that we fetch: syntax, length, user name in it */
	FETCH_SCHEME,    /* neither http nor https, or ldap */
	FETCH_NO_CAFILE, /* https without a named trust file */
	FETCH_LOOPBACK,  /* the address is … and not on the list */
	FETCH_LINK_LOCAL,
	FETCH_PRIVATE,            /* RFC 1918, RFC 6598, RFC 4193, site-local */
	FETCH_RESERVED,           /* documentation, benchmarking, protocol assignments, future use */
	FETCH_UNSPECIFIED,        /* 0.0.0.0/8, ::  - never, listed or not */
	FETCH_MULTICAST,          /* multicast, broadcast - never, listed or not */
	FETCH_NOT_INTERNET,       /* a socket that is neither IPv4 nor IPv6 */
	FETCH_REDIRECTS,          /* too many */
	FETCH_REDIRECT_DOWNGRADE, /* from https to http */
	FETCH_REDIRECT_POST,      /* a POST redirected by anything but 307 and 308 */
	FETCH_RESOLVE,            /* the name has no address */
	FETCH_CONNECT,
	FETCH_TLS, /* its certificate is not trusted by CAFILE, or the handshake failed */
	FETCH_TIMEOUT,
	FETCH_TOO_BIG,  /* more bytes than the request allows */
	FETCH_HEADERS,  /* more header bytes than FETCH_HEADER_BYTES_MAX */
	FETCH_CUT,      /* the answer ended early */
	FETCH_PROTOCOL, /* no HTTP */
	FETCH_STATUS,   /* an HTTP status that is not 200 (or 304 when asked conditionally) */
	FETCH_ENCODING, /* compressed, although we did not offer to read that */
	FETCH_EMPTY,    /* 200 with nothing in it */
	FETCH_BUSY,     /* FETCH_QUEUE_MAX, FETCH_WAITERS_MAX or FETCH_HELD_BYTES_MAX */
	FETCH_NO_MEMORY,
	FETCH_STOPPED, /* the broker stops */
	FETCH_FAULT_COUNT_
};
const char *fetch_fault_name(enum fetch_fault fault); /* "loopback", "too-big", … */
/* Whether it was we who refused to connect (a rule), rather than the network that failed. */
bool fetch_fault_is_refusal(enum fetch_fault fault);

struct fetch_error {
	enum fetch_fault fault;
	char sentence[FETCH_SENTENCE_BYTES]; /* for the operator; the peer's words in it are escaped */
};

/* --- which addresses: pure, any thread --- */
/*
 * What the operator allows besides the public internet: "host", "host:port", an address (IPv6 in brackets when a port
 * follows), or a network "10.1.0.0/16". Immutable, counted atomically.
 */
struct fetch_list;
/* ERR_INVALID with a sentence that names the entry; ERR_LIMIT (FETCH_LISTED_MAX); ERR_NOMEM. */
MUST_CHECK enum err fetch_list_new(
	const char *const *entries, size_t count, struct fetch_list **out, struct fetch_error *error);
struct fetch_list *fetch_list_ref(const struct fetch_list *list);
void fetch_list_unref(struct fetch_list *list); /* NULL is fine */
/* What kind of address this is: FETCH_OK for a public one. IPv4 inside IPv6 (mapped, 6to4, NAT64, compatible) counts as IPv4. */
enum fetch_fault fetch_address_kind(const struct net_address *address);
/* The whole rule: FETCH_OK, or why host and port (of the URL under way) may not be fetched from this address. list may be NULL. */
enum fetch_fault fetch_address_allowed(
	const struct fetch_list *list, const char *host, uint16_t port, const struct net_address *address);

/* A URL as we take it: http or https, no user name, no control characters, a host, perhaps a port. */
struct fetch_url {
	bool tls;
	uint16_t port;
	char host[FETCH_HOST_BYTES_MAX + 1]; /* lower case, without brackets, without a last dot */
};
MUST_CHECK enum err fetch_url_parse(const char *url, struct fetch_url *out, struct fetch_error *error);

/* --- transfers --- */
struct fetcher;

struct fetcher_options {
	struct net *net;     /* its control loop drives the sockets; borrowed until fetcher_free() */
	struct wheel *wheel; /* that loop's */
	struct clock clock;
	struct bytes ca_pem;     /* content of CAFILE, copied; BYTES_NONE: https is refused */
	struct fetch_list *list; /* NULL: public addresses only; ref'd */
	const char *user_agent;  /* NULL: "lockgate" */
	/* 0: the limits above. */
	unsigned transfers_max, per_host_max, queue_max, waiters_max;
	uint32_t connect_ms;
	size_t held_bytes_max;
};
/* ERR_UNSUPPORTED: this libcurl resolves names on the caller's thread. ERR_NOMEM. */
MUST_CHECK enum err fetcher_new(const struct fetcher_options *options, struct fetcher **out);
/* For transfers that start from now on, and for each further hop of those under way. Both may be none. */
MUST_CHECK enum err fetcher_set_trust(struct fetcher *fetcher, struct bytes ca_pem);
void fetcher_set_list(struct fetcher *fetcher, struct fetch_list *list); /* takes its own reference */
/* Ends every transfer; nobody who still waits is called. NULL is fine. Not from inside a done function. */
void fetcher_free(struct fetcher *fetcher);
/* The same for transfers only: everybody who waits is told FETCH_STOPPED, now. */
void fetcher_stop(struct fetcher *fetcher);

/* What came, shared by all who waited; immutable, counted atomically, so it may go to a lane. */
struct fetch_body;
struct fetch_body *fetch_body_ref(struct fetch_body *body);
void fetch_body_unref(struct fetch_body *body); /* NULL is fine */
struct bytes fetch_body_bytes(const struct fetch_body *body);
/* For who stands in for a fetcher in a test. Copies. */
MUST_CHECK enum err fetch_body_new(struct bytes content, struct fetch_body **out);

enum fetch_method { FETCH_GET, FETCH_POST };
struct fetch_request {
	const char *url; /* all texts and bytes are borrowed for the call */
	enum fetch_method method;
	struct bytes body;         /* POST */
	const char *content_type;  /* POST: "application/ocsp-request" */
	const char *accept;        /* NULL: any */
	const char *etag;          /* NULL or "": unconditional */
	const char *last_modified; /* as the server wrote it; NULL or "": unconditional */
	size_t bytes_max;          /* 0: FETCH_OCSP_BYTES_MAX */
	uint32_t total_ms;         /* 0: FETCH_TOTAL_MS */
	bool listed; /* the operator named this very URL: its host and port may have any address that a server can have */
};

struct fetch_answer {
	struct fetch_error error; /* FETCH_OK: body, or not_modified */
	unsigned status;          /* of the last hop; 0: none came */
	bool not_modified;
	struct fetch_body *body;          /* borrowed for the call: fetch_body_ref() to keep */
	const char *etag, *last_modified; /* "" when none; borrowed for the call */
	unsigned hops;                    /* redirects that were followed */
};

struct fetch; /* one who waits */
/* On the loop, never from inside fetch_start(). The struct fetch is gone when it is called. */
typedef void (*fetch_done_fn)(void *ctx, const struct fetch_answer *answer);
/*
 * One transfer per URL, method, body, condition and limits, however many wait for it. ERR_OK: done comes exactly once,
 * unless fetch_cancel() or fetcher_free() comes first. Else nothing is called and *error says why: ERR_INVALID (the URL),
 * ERR_DENIED (a rule: scheme, no CAFILE, a literal address), ERR_LIMIT, ERR_NOMEM. out may be NULL if it is never cancelled.
 */
MUST_CHECK enum err fetch_start(struct fetcher *fetcher, const struct fetch_request *request,
	fetch_done_fn done, void *ctx, struct fetch **out, struct fetch_error *error);
/* done is not called any more. The transfer ends when nobody is left to wait for it. */
void fetch_cancel(struct fetch *fetch);

struct fetcher_counters {
	uint64_t started, finished, failed, refused, joined, cancelled;
	uint64_t bytes_in;
	unsigned running, queued, waiting;
};
void fetcher_counters(const struct fetcher *fetcher, struct fetcher_counters *out);

#endif
