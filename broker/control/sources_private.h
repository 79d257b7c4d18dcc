/*
 * sources_private.h - shared by the files that make up the sources of revocation data.
 * Owns, Never, Threads: see sources.h.
 */
#ifndef LOCKGATE_BROKER_CONTROL_SOURCES_PRIVATE_H
#define LOCKGATE_BROKER_CONTROL_SOURCES_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "broker/control/control.h"
#include "broker/control/sources.h"
#include "broker/park.h"

/* One responder, for DISPLAY AUTHSTATUS. */
struct responder {
	char *url;
	bool listed, tried;
	int64_t last_success_ms, last_failure_ms;
	uint64_t used; /* orders them */
	unsigned failures;
	char sentence[FETCH_SENTENCE_BYTES];
};

struct sources {
	struct control *control;
	struct fetcher *fetcher;
	struct revocation_cache *cache;
	bool closed;
	uint8_t wanted[SHA256_BYTES]; /* digest of what was wanted last */
	uint64_t settings_from;       /* version of the broker object that is in force */
	/* asks.c */
	struct list asks;                /* parks whose sources are asked */
	struct list settled, publishing; /* parks that wait for a world with their list in it */
	bool publish_waits;
	struct map *statuses; /* struct status by the watch's key */
	struct wheel_timer tick;
	struct responder responders[SOURCES_RESPONDERS_MAX];
	size_t responder_count;
	uint64_t responder_uses;
};

/* --- sources.c --- */
/* The address is one of the channel's own from now on; true: it was not before. */
bool sources_add_cdp(struct sources *sources, struct channel *channel, const char *url);
/* It has been for less than PARK_BESIDE_MS. */
bool sources_cdp_is_new(const struct sources *sources, const struct channel *channel, const char *url);
/* struct revocation_calls: it is in force with the next policy of the channels that use it. */
void sources_on_crl(void *ctx, const char *url, struct crl *crl);
/* Calls fn for each list that the channel's REVINFO names and CRLFETCH lets fetch. */
typedef void (*sources_url_fn)(void *ctx, const char *url);
void sources_each_listed(
	const struct catalog *catalog, const struct object *channel, sources_url_fn fn, void *ctx);
bool sources_is_listed(const struct catalog *catalog, const struct object *channel, const char *url);

/* --- sources_vouch.c: struct revocation_calls --- */
void *sources_vouch_take(void *ctx);
void sources_vouch_free(void *snapshot);
enum revocation_vouch sources_vouch_for(void *snapshot, const struct crl *crl, char *sentence);

/* --- asks.c --- */
MUST_CHECK enum err asks_open(struct sources *sources);
void asks_close(struct sources *sources);
void asks_free(struct sources *sources);
void asks_refresh(struct sources *sources);
void asks_on_answer(void *ctx, const uint8_t key[SHA256_BYTES], struct bytes response);

#endif
