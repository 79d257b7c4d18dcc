/*
 * ocsp_watch.c - see ocsp_watch.h.
 * Owns:    one answer at a time.
 * Never:   goes back to an older answer, or from revoked for good to anything else.
 * Threads: any.
 */
#include "broker/ocsp_watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct ocsp_watch {
	atomic_uint refs;
	pthread_mutex_t lock;
	/* Under the lock. */
	struct ocsp_response *answer;
	bool for_good; /* one in force said revoked, and not certificateHold */
	struct cert *cert, *issuer;
	bool listed, allow_sha1;
	uint8_t key[SHA256_BYTES];
	char url[];
};

/* What tells two questions apart: whose status, and who is asked. An operator's responder is another one than a certificate's. */
static enum err name_key(struct ocsp_watch *watch)
{
	struct buf all = BUF_INIT(4096);
	uint8_t status_of[SHA256_BYTES];

	ocsp_key(watch->cert, watch->issuer, status_of);
	enum err err = buf_append(&all, bytes_of(status_of, sizeof(status_of)));

	if (err == ERR_OK) {
		err = buf_append_u8(&all, watch->listed ? 1 : 0);
	}
	if (err == ERR_OK) {
		err = buf_append_text(&all, watch->url);
	}
	if (err == ERR_OK) {
		hash_of(HASH_SHA256, buf_bytes(&all), watch->key);
	}
	buf_release(&all);
	return err;
}

enum err ocsp_watch_new(const struct ocsp_watch_facts *facts, struct ocsp_watch **out)
{
	size_t len = strlen(facts->url) + 1;
	struct ocsp_watch *watch = calloc(1, sizeof(*watch) + len);

	*out = NULL;
	if (watch == NULL) {
		return ERR_NOMEM;
	}
	if (pthread_mutex_init(&watch->lock, NULL) != 0) {
		free(watch);
		return ERR_NOMEM;
	}
	atomic_init(&watch->refs, 1);
	watch->cert = cert_ref(facts->cert);
	watch->issuer = cert_ref(facts->issuer);
	watch->listed = facts->listed;
	watch->allow_sha1 = facts->allow_sha1;
	memcpy(watch->url, facts->url, len);
	enum err err = name_key(watch);

	if (err != ERR_OK) {
		ocsp_watch_unref(watch);
		return err;
	}
	*out = watch;
	return ERR_OK;
}

struct ocsp_watch *ocsp_watch_ref(struct ocsp_watch *watch)
{
	atomic_fetch_add_explicit(&watch->refs, 1, memory_order_relaxed);
	return watch;
}

void ocsp_watch_unref(struct ocsp_watch *watch)
{
	if (watch == NULL || atomic_fetch_sub_explicit(&watch->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	ocsp_response_unref(watch->answer);
	cert_unref(watch->cert);
	cert_unref(watch->issuer);
	(void)pthread_mutex_destroy(&watch->lock);
	free(watch);
}

bool ocsp_watch_is_shared(const struct ocsp_watch *watch)
{
	return atomic_load_explicit(&watch->refs, memory_order_acquire) > 1;
}

const uint8_t *ocsp_watch_key(const struct ocsp_watch *watch)
{
	return watch->key;
}

struct ocsp_watch_facts ocsp_watch_facts(const struct ocsp_watch *watch)
{
	return (struct ocsp_watch_facts){
		watch->cert, watch->issuer, watch->url, watch->listed, watch->allow_sha1};
}

struct ocsp_response *ocsp_watch_answer(struct ocsp_watch *watch)
{
	(void)pthread_mutex_lock(&watch->lock);
	struct ocsp_response *answer = watch->answer == NULL ? NULL : ocsp_response_ref(watch->answer);

	(void)pthread_mutex_unlock(&watch->lock);
	return answer;
}

bool ocsp_watch_put(struct ocsp_watch *watch, const struct ocsp_response *answer, bool revoked)
{
	struct ocsp_response *old = NULL;

	bool for_good = revoked && ocsp_response_revokes_for_good(answer, watch->cert, watch->issuer);

	(void)pthread_mutex_lock(&watch->lock);
	bool newer = ocsp_response_newer(answer, watch->answer) ||
		     (revoked && !ocsp_response_newer(watch->answer, answer));

	newer = newer && (revoked || !watch->for_good);
	if (newer) {
		watch->for_good = watch->for_good || for_good;
		old = watch->answer;
		watch->answer = ocsp_response_ref(answer);
	}
	(void)pthread_mutex_unlock(&watch->lock);
	ocsp_response_unref(old);
	return newer;
}
