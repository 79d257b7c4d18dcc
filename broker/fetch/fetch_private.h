/*
 * fetch_private.h - what the files of broker/fetch know of each other.
 * Owns:    struct fetcher, struct flight, struct fetch.
 * Never:   included outside broker/fetch, but by its own tests.
 * Threads: the control loop.
 */
#ifndef LOCKGATE_BROKER_FETCH_FETCH_PRIVATE_H
#define LOCKGATE_BROKER_FETCH_FETCH_PRIVATE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/crypto.h"
#include "base/list.h"
#include "base/map.h"
#include "broker/fetch/fetch.h"

#define FETCHER_MAGIC 0x46544348u /* "FTCH" */
/* What we read of an answer that is not 200: somebody's page of apologies, dropped. */
#define FETCH_OTHER_BODY_BYTES_MAX 65536u

/* --- pure parts --- */
void fetch_error_set(struct fetch_error *error, enum fetch_fault fault, const char *format, ...)
	PRINTF_LIKE(3, 4);
bool fetch_address_within(const uint8_t *octets, const uint8_t *network, unsigned bits);
bool fetch_address_parse(const char *text, struct net_address *out); /* mapped IPv4 becomes IPv4 */
enum fetch_fault fetch_address_of(const struct sockaddr *from, size_t len, struct net_address *out);
/* named: the URL that an operator wrote himself, or NULL. */
enum fetch_fault fetch_address_judge(const struct fetch_list *list, const struct fetch_url *named,
	const char *host, uint16_t port, const struct net_address *address);
bool fetch_list_has(
	const struct fetch_list *list, const char *host, uint16_t port, const struct net_address *address);
/* Lower case, no last dot; false: not a name that we take. */
bool fetch_host_normalise(const char *text, char out[FETCH_HOST_BYTES_MAX + 1]);

struct fetch_body {
	atomic_uint refs;
	struct buf buf;
};

/* --- one who waits --- */
struct fetch {
	struct list node; /* of flight.waiters */
	struct flight *flight;
	fetch_done_fn done;
	void *ctx;
};

/* --- one transfer, redirects included --- */
enum flight_state {
	FLIGHT_QUEUED,  /* waits for a place; to RUNNING, ENDING, or gone when nobody waits */
	FLIGHT_RUNNING, /* a hop is with libcurl; to ENDING, or gone when nobody waits */
	FLIGHT_ENDING   /* out of the map, its waiters are being called; freed behind */
};

struct flight {
	struct list node; /* of fetcher.running or fetcher.queue */
	struct fetcher *fetcher;
	enum flight_state state;
	uint8_t key[SHA256_BYTES];
	struct list waiters;
	unsigned waiter_count;

	/* The question. */
	enum fetch_method method;
	char *url; /* of the hop under way */
	struct fetch_url named, at;
	uint8_t *request;
	size_t request_len;
	char *content_type, *accept, *if_etag, *if_modified;
	size_t bytes_max;
	uint32_t total_ms;
	bool listed;

	/* The hop under way. */
	void *easy;     /* CURL */
	void *headers;  /* struct curl_slist */
	bool added;     /* easy is in the multi handle */
	bool unwatched; /* one of its sockets could not be watched: it will time out */
	size_t header_bytes, other_bytes;
	struct fetch_error seen; /* what a callback stopped it for; FETCH_OK: nothing */
	struct wheel_timer deadline;

	/* The answer. */
	struct fetch_body *body;
	unsigned status, hops;
	bool encoded;
	char etag[FETCH_VALIDATOR_BYTES_MAX + 1];
	char last_modified[FETCH_VALIDATOR_BYTES_MAX + 1];
};

struct fetcher {
	unsigned magic;
	struct clock clock;
	struct wheel *wheel;
	struct net_watch *watch;
	void *multi; /* CURLM */
	struct wheel_timer multi_timer, pump_timer;
	struct buf ca_pem;
	struct fetch_list *list;
	char *user_agent;
	unsigned transfers_max, per_host_max, queue_max, waiters_max;
	uint32_t connect_ms;
	struct map *flights;
	struct list running, queue;
	unsigned running_count, queue_count;
	size_t held_bytes, held_bytes_max; /* of all bodies under way */
	bool stopped;
	bool library; /* curl_global_init() was good */
	struct fetcher_counters counters;
};

/* --- hop.c: one request of one flight --- */
/* Configures and starts it. On failure *error says why and nothing runs. */
MUST_CHECK enum err hop_begin(struct flight *flight, struct fetch_error *error);
void hop_end(struct flight *flight); /* idempotent */
/* Whether flight->at may be asked at all, before a name is resolved. */
MUST_CHECK enum err hop_check(
	const struct fetcher *fetcher, const struct flight *flight, struct fetch_error *error);
/* The hop is over with libcurl's code: true, and *next is another URL to go to (owned by the caller); else *error is the outcome. */
bool hop_outcome(struct flight *flight, int code, char **next, struct fetch_error *error);

/* --- multi.c: libcurl's sockets and timer on our loop --- */
MUST_CHECK enum err multi_open(struct fetcher *fetcher, struct net *net);
void multi_close(struct fetcher *fetcher);
MUST_CHECK enum err multi_add(struct flight *flight);
void multi_remove(struct flight *flight);

/* --- fetcher.c --- */
void flight_hop_over(struct flight *flight, int code); /* from multi.c, outside of libcurl */
void fetcher_pump(struct fetcher *fetcher);

#endif
