/*
 * cache_kit.h - a revocation cache on a fake clock, with a fake transport whose answers a test gives by hand.
 * Owns:    the wheel, the executor, the cache, the questions under way.
 * Threads: one.
 */
#ifndef LOCKGATE_TESTS_BROKER_CACHE_KIT_H
#define LOCKGATE_TESTS_BROKER_CACHE_KIT_H

#include "broker/fetch/revocation_cache.h"
#include "tests/x509/pki.h"

#define CKIT_ASKED_MAX 64u

struct asked {
	bool open; /* neither answered nor cancelled */
	char url[512], etag[300], last_modified[300];
	char body[64];
	bool listed, post;
	size_t bytes_max;
	fetch_done_fn done;
	void *ctx;
};

struct ckit {
	struct clock_fake clock;
	struct wheel *wheel;
	struct executor_inline lane;
	struct revocation_cache *cache;
	struct asked asked[CKIT_ASKED_MAX]; /* every question ever, in order */
	unsigned asked_count, cancelled;
	enum err start_err; /* what the next starts answer */
	uint32_t random;
	/* What the consumer saw. */
	unsigned crl_calls, failed_calls, ocsp_calls;
	char crl_url[512], failed_url[512], failed_sentence[FETCH_SENTENCE_BYTES];
	uint64_t failed_retry_ms;
	struct crl *crl; /* the last one told of */
	char ocsp_response[128];
	/* What it does. */
	const struct cert *vouch_for;  /* issues what is VOUCHED; NULL: nobody is known */
	const struct cert *forged_for; /* lists of this name are FORGED */
	unsigned snapshots, released;
	bool keep_on_ocsp;
	struct revocation_times keep_times;
	/* Also told of answers that nobody waits for; NULL: nobody is. */
	void (*on_ocsp)(void *ctx, const uint8_t key[SHA256_BYTES], struct bytes response);
	void *on_ocsp_ctx;
};

/* options may be NULL; only its limits are used. vouch: with the three hooks. */
void ckit_open(struct ckit *kit, const char *folder, bool vouch, const struct revocation_options *options);
/* Frees the cache, then lets its jobs come back. */
void ckit_close(struct ckit *kit);
void ckit_advance(struct ckit *kit, uint64_t ms); /* in steps of at most an hour; jobs run behind each */
void ckit_jobs(struct ckit *kit);
unsigned ckit_open_count(const struct ckit *kit);
struct asked *ckit_last(struct ckit *kit); /* the open question that was asked last */
/* Answers the last open question. */
void ckit_answer(struct ckit *kit, struct bytes body, const char *etag);
void ckit_answer_crl(
	struct ckit *kit, const struct pki *ca, uint64_t number, int64_t this_update, int64_t next_update);
void ckit_answer_unmodified(struct ckit *kit);
void ckit_answer_fault(struct ckit *kit, enum fetch_fault fault);

struct told {
	unsigned calls;
	enum err err;
	char sentence[FETCH_SENTENCE_BYTES];
	char response[128];
};
void told_list(void *ctx, enum err err, const char *sentence);
void told_ocsp(void *ctx, enum err err, struct bytes response, const char *sentence);

#endif
