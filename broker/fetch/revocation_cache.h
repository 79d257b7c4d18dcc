/*
 * revocation_cache.h - revocation lists by URL and OCSP answers by key: held, on disk, refreshed in time.
 * Owns:    the folder "revocation" below the data directory; when what is fetched again.
 * Never:   empties or replaces what it holds because a fetch failed; goes back to something older; believes a file or a
 *          server about a signature: `vouch` and the consumer judge.
 * Threads: the control loop, but where marked; parsing, vouching and files on LANE_FILE.
 */
#ifndef LOCKGATE_BROKER_FETCH_REVOCATION_CACHE_H
#define LOCKGATE_BROKER_FETCH_REVOCATION_CACHE_H

#include "base/executor.h"
#include "broker/fetch/fetch.h"
#include "x509/x509.h"

/* --- limits an operator can see (docs/manual.md) --- */
#define REVOCATION_LISTS_MAX        1024u /* URLs of lists, wanted or held */
#define REVOCATION_LIST_BYTES_MAX   X509_CRL_BYTES_MAX
#define REVOCATION_ALL_BYTES_MAX    268435456u /* of all lists held, in memory and on disk */
#define REVOCATION_ANSWERS_MAX      65536u     /* OCSP answers held */
#define REVOCATION_ANSWER_BYTES_MAX 67108864u  /* of all OCSP answers held */
#define REVOCATION_WAITS_MAX        4096u      /* who waits for a first answer, over all entries */
#define REVOCATION_RETRY_FIRST_MS   15000u    /* after the first failure; doubled with each further one … */
#define REVOCATION_RETRY_MAX_MS     3600000u  /* … up to this */
#define REVOCATION_REFRESH_MIN_MS   60000u    /* never fetched again sooner than this after a success */
#define REVOCATION_REFRESH_MAX_MS   86400000u /* a list is looked at once a day, however long it is good */
#define REVOCATION_EARLY_LOW        75u /* refreshed at 75 to 95 per cent of thisUpdate … nextUpdate */
#define REVOCATION_EARLY_HIGH       95u
#define REVOCATION_NO_NEXT_MS       3600000u /* a list that names no nextUpdate */
#define REVOCATION_FUTURE_S         300 /* a producedAt or thisUpdate further ahead of our clock is not taken */

struct revocation_cache;
struct revocation_wait;

/* What is known of a list's signature, on the lane. */
enum revocation_vouch {
	REVOCATION_VOUCHED, /* verifies under a certificate that may issue it */
	REVOCATION_UNKNOWN, /* nobody we know issues under this name: held, and replaced by whatever comes next */
	REVOCATION_FORGED /* the issuer is known and the signature is not its: never taken */
};

/* All called on the control loop but vouch; none from inside a function of this header but where said. */
struct revocation_calls {
	/*
	 * What vouch shall look at, taken on the loop before each parse: immutable, counted by whoever made it, released
	 * on the loop, perhaps after revocation_cache_free(). All three or none; without them every list counts as
	 * REVOCATION_VOUCHED: then a forged one with a high number keeps the real ones out. snapshot may return NULL.
	 */
	void *(*snapshot)(void *ctx);
	void (*snapshot_release)(void *snapshot);
	/* On a lane's thread. sentence has room for X509_SENTENCE_BYTES; for REVOCATION_FORGED. */
	enum revocation_vouch (*vouch)(void *snapshot, const struct crl *crl, char *sentence);
	/* A list is new in force for url (also when it comes from disk at start-up). crl_ref() to keep it. */
	void (*on_crl)(void *ctx, const char *url, struct crl *crl);
	/* A fetch or a look at what it brought failed; what was held stays. retry_ms: when it is tried again. */
	void (*on_failed)(void *ctx, const char *url, const char *sentence, uint64_t retry_ms);
	/*
	 * An answer for key was fetched before its time ran out, and nobody waits: judge it, and revocation_ocsp_keep() it
	 * when it is good. Borrowed for the call.
	 */
	void (*on_ocsp)(void *ctx, const uint8_t key[SHA256_BYTES], struct bytes response);
	void *ctx;
};

/* Who fetches: fetch_start() and fetch_cancel(), or what a test puts in their place. */
struct fetch_source {
	enum err (*start)(void *ctx, const struct fetch_request *request, fetch_done_fn done, void *done_ctx,
		struct fetch **out, struct fetch_error *error);
	void (*cancel)(void *ctx, struct fetch *fetch);
	void *ctx;
};

struct revocation_options {
	struct fetcher *fetcher;           /* borrowed until revocation_cache_free() */
	const struct fetch_source *source; /* instead of fetcher; copied */
	struct executor executor;          /* the control loop's */
	struct wheel *wheel;
	struct clock clock;
	struct log *log;    /* may be NULL */
	const char *folder; /* made 0700 when missing; NULL: nothing on disk */
	/* For jitter: a number below n. NULL: crypto_random(). */
	uint32_t (*random_below)(void *ctx, uint32_t n);
	void *random_ctx;
	struct revocation_calls calls;
	/* 0: the limits above. */
	size_t lists_max, answers_max, list_bytes_max, all_bytes_max, answer_bytes_max;
	unsigned waits_max;
};

/* Starts to read the folder on the lane. ERR_NOMEM; ERR_LIMIT (lane full). */
MUST_CHECK enum err revocation_cache_new(
	const struct revocation_options *options, struct revocation_cache **out);
/* Cancels its fetches and waits (nobody is called any more); jobs under way free what they hold when they come back. NULL is fine. */
void revocation_cache_free(struct revocation_cache *cache);

/* --- revocation lists --- */
struct revocation_want {
	const char *url; /* borrowed for the call */
	bool listed;     /* as in struct fetch_request: an operator named it (AUTHINFO, LISTED) */
};
/*
 * The whole set that policies need now (prefetch): new ones are fetched at once, those that are not in it any more are no
 * longer refreshed, but held until room is needed. A URL twice counts once, listed if one of them is. ERR_LIMIT
 * (REVOCATION_LISTS_MAX): the first so many are taken. A URL that may not be fetched is wanted all the same, and its state
 * says why it fails.
 */
MUST_CHECK enum err revocation_want_set(
	struct revocation_cache *cache, const struct revocation_want *wants, size_t count);
/* The list in force for url, or NULL: borrowed until the next turn, crl_ref() to keep. Marks it as used; fetches nothing. */
struct crl *revocation_crl(struct revocation_cache *cache, const char *url);
/* err ERR_OK: ask revocation_crl(). Else sentence says why there is none (perhaps an older one is still held). */
typedef void (*revocation_done_fn)(void *ctx, enum err err, const char *sentence);
/*
 * For a connection that is parked: a list for want->url from now on, and a call when the first look at it is over.
 * ERR_OK: *out, and done comes once on a later turn unless cancelled. ERR_EXISTS: one is held that is not past its
 * nextUpdate; no call. ERR_LIMIT (waits or lists), ERR_NOMEM. ERR_BUSY: the last try failed, and the next is not due yet;
 * error says why (both may be NULL); no call.
 */
MUST_CHECK enum err revocation_crl_wait(struct revocation_cache *cache, const struct revocation_want *want,
	revocation_done_fn done, void *ctx, struct revocation_wait **out, struct fetch_error *error);
/* NULL is fine. */
void revocation_wait_cancel(struct revocation_wait *wait);
/* Now rather than at its time (REFRESH SECURITY): all wanted lists, back-off or not. */
void revocation_refresh(struct revocation_cache *cache);
/* The same for one list, if it is wanted; but if its last try failed, it has its back-off. */
void revocation_renew(struct revocation_cache *cache, const char *url);
/*
 * To be called every few seconds. Lists end by the wall clock, timers run by another: when the machine has slept, or its clock
 * was set forward, what is due by the wall clock is fetched now. What failed has its back-off.
 */
void revocation_catch_up(struct revocation_cache *cache);
/*
 * The rules of who may be asked are others now (REVALLOW, REVCAFILE): whatever the old ones forbade may be tried at once, and
 * the lists among it are, if they are wanted. The back-off of what failed by itself stays.
 */
void revocation_rules_changed(struct revocation_cache *cache);

/* --- OCSP answers --- */
struct revocation_ocsp {
	uint8_t key
		[SHA256_BYTES]; /* the caller's: over issuer, serial, and whatever else tells two questions apart */
	const char *url;
	bool listed;
	struct bytes request; /* DER, posted as application/ocsp-request */
};
/*
 * The answer held, or BYTES_NONE: borrowed until the next turn. Marks it as used; fetches nothing. One that comes from disk
 * was judged in an earlier life and not in this one: judge every answer where it is used.
 */
struct bytes revocation_ocsp(struct revocation_cache *cache, const uint8_t key[SHA256_BYTES]);
/*
 * The same, and says how it is to be asked for from now on. One that comes from disk is refreshed only after this, or after
 * revocation_ocsp_wait(): whom its file names is not believed, and whether he is listed is not known.
 */
struct bytes revocation_ocsp_of(struct revocation_cache *cache, const struct revocation_ocsp *ocsp);
/* response: what the server said, not judged yet; BYTES_NONE and a sentence when nothing came. Borrowed for the call. */
typedef void (*revocation_ocsp_fn)(void *ctx, enum err err, struct bytes response, const char *sentence);
/*
 * Fetches (or joins who does). ERR_OK: done comes once on a later turn, unless cancelled. ERR_BUSY: the last try for this
 * key failed, or its answer was not kept, and the next is not due yet; error says why; no call. ERR_LIMIT (waits, answers,
 * FETCH_REQUEST_BYTES_MAX), ERR_NOMEM.
 */
MUST_CHECK enum err revocation_ocsp_wait(struct revocation_cache *cache, const struct revocation_ocsp *ocsp,
	revocation_ocsp_fn done, void *ctx, struct revocation_wait **out, struct fetch_error *error);
/* Whether a responder is being asked under this key, for whomever: somebody who gave up may come back for the answer. */
bool revocation_ocsp_asked(const struct revocation_cache *cache, const uint8_t key[SHA256_BYTES]);
/* The times of an answer that the caller has judged to be signed by who may. Seconds; X509_NEVER: no nextUpdate. */
struct revocation_times {
	int64_t produced_at, this_update, next_update;
};
/*
 * Keeps a judged answer in memory and on disk, and refreshes it before its nextUpdate as long as it is asked for.
 * ERR_DENIED: an answer with a later thisUpdate (then producedAt) is held, or this one lies in the future; what is held stays.
 * ERR_STATE: the key was never asked for (revocation_ocsp_wait()) nor read from disk. ERR_LIMIT, ERR_NOMEM: it is not kept.
 */
MUST_CHECK enum err revocation_ocsp_keep(struct revocation_cache *cache, const uint8_t key[SHA256_BYTES],
	struct bytes response, const struct revocation_times *times);

/* --- for DISPLAY --- */
struct revocation_state {
	const char *url; /* borrowed until the next turn */
	bool wanted, listed, held, vouched, fetching, from_disk;
	size_t bytes, entries;
	int64_t this_update, next_update; /* seconds, of what is held */
	int64_t last_success_ms;          /* wall; 0: never since start */
	int64_t last_failure_ms;
	int64_t next_try_ms;  /* wall; 0: not planned */
	unsigned failures;    /* in a row */
	const char *sentence; /* of the last failure; "" */
};
/* Walks all lists in no particular order; index from 0; false: no more. */
bool revocation_state_at(const struct revocation_cache *cache, size_t index, struct revocation_state *out);
bool revocation_state_of(const struct revocation_cache *cache, const char *url, struct revocation_state *out);
struct revocation_counters {
	size_t lists, list_bytes, answers, answer_bytes;
	unsigned waits;
	uint64_t fetched, unmodified, failed, older, forged, evicted;
	uint64_t disk_errors; /* files that could not be written, or were no good when read */
};
void revocation_counters(const struct revocation_cache *cache, struct revocation_counters *out);
/* Whether files are being read or written or parsed: for tests and a clean stop. */
bool revocation_busy(const struct revocation_cache *cache);

#endif
