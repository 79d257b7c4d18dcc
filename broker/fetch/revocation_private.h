/*
 * revocation_private.h - what the files of the revocation cache know of each other.
 * Owns:    struct revocation_cache and its entries.
 * Never:   included outside broker/fetch, but by its own tests.
 * Threads: the control loop, but for the jobs' run functions and what is marked pure.
 */
#ifndef LOCKGATE_BROKER_FETCH_REVOCATION_PRIVATE_H
#define LOCKGATE_BROKER_FETCH_REVOCATION_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "broker/fetch/revocation_cache.h"

#define REVOCATION_LIST_TOTAL_MS 120000u /* a list may be long */
#define REVOCATION_DISK_JOBS_MAX 4u      /* of OCSP answers at once: the lane serves others too */
#define REVOCATION_NAME_BYTES    80u     /* "<64 hex digits>.ocsp" and its NUL, with room */

/* --- times and order: pure --- */
/* How long until a list of these times is fetched again; unchanged: the last fetch brought nothing new. random: 0 … UINT32_MAX. */
uint64_t revocation_refresh_ms(
	int64_t this_update, int64_t next_update, int64_t now_ms, bool unchanged, uint32_t random);
uint64_t revocation_retry_ms(unsigned failures, uint32_t random); /* failures >= 1 */
/* Whether a is newer than b: by CRL number where both have one, then by thisUpdate. Another issuer: by thisUpdate. */
bool revocation_crl_newer(const struct crl *a, const struct crl *b);
enum revocation_take { REVOCATION_TAKE, REVOCATION_SAME, REVOCATION_OLDER, REVOCATION_REFUSE };
/*
 * Whether fresh replaces held (NULL: nothing), given what is known of their signatures. A delta never takes the place of a
 * complete list, which it does not stand for (RFC 5280 5.2.4): anybody on the way to the server could send one for the other.
 */
enum revocation_take revocation_weigh(const struct crl *fresh, enum revocation_vouch fresh_vouch,
	const struct crl *held, enum revocation_vouch held_vouch);

/* --- files: pure --- */
struct revocation_list_file {
	struct bytes url, etag, last_modified, der;
};
struct revocation_answer_file {
	struct bytes key, url, request, response;
};
MUST_CHECK enum err revocation_list_encode(const struct revocation_list_file *in, struct buf *out);
/* Borrows in. ERR_MALFORMED: not a file of ours, or not whole. */
MUST_CHECK enum err revocation_list_decode(struct bytes in, struct revocation_list_file *out);
MUST_CHECK enum err revocation_answer_encode(const struct revocation_answer_file *in, struct buf *out);
MUST_CHECK enum err revocation_answer_decode(struct bytes in, struct revocation_answer_file *out);
/* One list in DER or PEM. what: a literal, or NULL. */
MUST_CHECK enum err revocation_parse(struct bytes content, struct crl **out, const char **what);

/* --- entries --- */
struct revocation_wait {
	struct list node; /* of the entry's waits */
	struct revocation_cache *cache;
	revocation_done_fn list_done; /* one of these two */
	revocation_ocsp_fn answer_done;
	void *ctx;
};

enum entry_state {
	ENTRY_IDLE,     /* its timer may run; to FETCHING */
	ENTRY_FETCHING, /* to PARSING, IDLE */
	ENTRY_PARSING   /* lists only: a job of the lane has it; to IDLE */
};

/* What lists and answers have in common. */
struct entry {
	struct list node; /* of cache.lists or cache.answers, least recently used first */
	struct revocation_cache *cache;
	enum entry_state state;
	struct wheel_timer timer;
	struct fetch *fetch;
	struct list waits;
	char *url;
	bool listed;
	bool asked;    /* since it was fetched last */
	unsigned pins; /* consumers are being called about it: it must not go */
	size_t bytes;  /* held */
	unsigned failures;
	bool forbidden; /* the last fetch ended by a rule of ours, not by the network */
	int64_t last_success_ms, last_failure_ms; /* wall */
	uint64_t next_try_ms;                     /* mono; 0: none */
	int64_t next_try_wall_ms;                 /* the same by the wall clock, as it went then */
	char sentence[FETCH_SENTENCE_BYTES];
};

struct revocation_list {
	struct entry entry;
	bool wanted, from_disk;
	struct crl *crl;
	enum revocation_vouch vouched;
	char etag[FETCH_VALIDATOR_BYTES_MAX + 1];
	char last_modified[FETCH_VALIDATOR_BYTES_MAX + 1];
};

struct revocation_answer {
	struct entry entry;
	uint8_t key[SHA256_BYTES];
	uint8_t *request;
	size_t request_len;
	uint8_t *response; /* bytes of it: entry.bytes */
	struct revocation_times times;
	bool judged;         /* by the consumer, in this life */
	bool confirmed;      /* the consumer said in this life whom to ask */
	struct list unsaved; /* of cache.unsaved */
};

struct revocation_cache {
	struct fetch_source source;
	struct executor executor;
	struct wheel *wheel;
	struct clock clock;
	struct log *log;
	char *folder; /* NULL: none */
	uint32_t (*random_below)(void *ctx, uint32_t n);
	void *random_ctx;
	struct revocation_calls calls;
	size_t lists_max, answers_max, list_bytes_max, all_bytes_max, answer_bytes_max;
	unsigned waits_max;

	struct map *list_map, *answer_map; /* by URL, by key */
	struct list lists, answers;
	struct list unsaved; /* answers that wait for a job to write them */
	unsigned disk_jobs;
	unsigned jobs; /* of any kind: the cache is freed when the last comes back */
	bool loading, dead;
	struct revocation_counters counters;
};

/* --- revocation_cache.c --- */
void cache_entry_init(struct entry *entry, struct revocation_cache *cache, wheel_fn due);
void entry_use(struct entry *entry, struct list *order);
void entry_schedule(struct entry *entry, uint64_t after_ms);
/* Counts, plans the next try, remembers why. */
uint64_t entry_failed(struct entry *entry, const char *sentence);
void entry_good(struct entry *entry);
void entry_fetched(
	struct entry *entry, const struct fetch_error *error); /* before what it says is acted upon */
/* If a rule of ours forbade it: as if it had never been tried. */
void entry_forgive(struct entry *entry);
void cache_entry_release(struct entry *entry); /* its waits are forgotten */
uint32_t cache_random(struct revocation_cache *cache);
MUST_CHECK enum err cache_add_wait(struct entry *entry, struct revocation_wait **out);
struct revocation_wait *cache_take_wait(struct entry *entry); /* NULL: none is left */
void cache_job_over(struct revocation_cache *cache);          /* the last one of a dead cache frees it */
static inline bool entry_is_quiet(const struct entry *entry)
{
	return entry->state == ENTRY_IDLE && entry->pins == 0 && list_empty(&entry->waits);
}

/* --- revocation_list.c --- */
MUST_CHECK enum err list_get(
	struct revocation_cache *cache, const char *url, bool listed, struct revocation_list **out);
struct revocation_list *list_find(const struct revocation_cache *cache, const char *url);
void list_drop(struct revocation_list *list, bool with_file);
/* Room for so many bytes more in place of what list holds; unwanted ones go. */
bool list_make_room(struct revocation_list *list, size_t bytes);
void list_take(struct revocation_list *list, struct crl *crl, size_t bytes, enum revocation_vouch vouched);
void list_plan(struct revocation_list *list, bool unchanged);
/* Tells those who wait for one list that came from disk and is good. False: there is none. */
bool list_settle_one(struct revocation_cache *cache);

/* --- revocation_ocsp.c --- */
struct revocation_answer *answer_find(const struct revocation_cache *cache, const uint8_t *key);
MUST_CHECK enum err answer_get(struct revocation_cache *cache, const uint8_t *key, struct bytes url,
	bool listed, struct bytes request, struct revocation_answer **out);
MUST_CHECK enum err answer_set(
	struct revocation_answer *answer, struct bytes response, const struct revocation_times *times);
void answer_drop(struct revocation_answer *answer, bool with_file);

/* --- revocation_disk.c --- */
MUST_CHECK enum err disk_load(struct revocation_cache *cache); /* submits */
void disk_remove(struct revocation_cache *cache, const uint8_t name[SHA256_BYTES], const char *suffix);
void disk_save_answers(struct revocation_cache *cache); /* as many as may be under way */
void disk_path(const char *folder, const uint8_t name[SHA256_BYTES], const char *suffix, struct buf *out);
void disk_list_name(const char *url, uint8_t out[SHA256_BYTES]);

#endif
