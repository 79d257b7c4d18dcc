/*
 * chain_certs.c - a small two-way table; see chain_certs.h.
 * Owns:    a reference per entry.
 * Never:   grows.
 * Threads: any.
 */
#include "broker/chain_certs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

#define WAYS 2u
#define SETS (CHAIN_CERTS_MAX / WAYS)

struct chain_certs {
	pthread_mutex_t lock;
	struct cert *entries[SETS][WAYS]; /* the younger one first */
};

enum err chain_certs_new(struct chain_certs **out)
{
	struct chain_certs *certs = calloc(1, sizeof(*certs));

	*out = NULL;
	if (certs == NULL || pthread_mutex_init(&certs->lock, NULL) != 0) {
		free(certs);
		return ERR_NOMEM;
	}
	*out = certs;
	return ERR_OK;
}

void chain_certs_free(struct chain_certs *certs)
{
	if (certs == NULL) {
		return;
	}
	for (size_t set = 0; set < SETS; set++) {
		for (size_t way = 0; way < WAYS; way++) {
			cert_unref(certs->entries[set][way]);
		}
	}
	(void)pthread_mutex_destroy(&certs->lock);
	free(certs);
}

static struct cert **set_of(struct chain_certs *certs, const uint8_t sha256[SHA256_BYTES])
{
	return certs->entries[((size_t)sha256[0] << 8 | sha256[1]) % SETS];
}

/* Under the lock. */
static struct cert *find_in(struct cert *const *set, const uint8_t sha256[SHA256_BYTES])
{
	for (size_t way = 0; way < WAYS; way++) {
		if (set[way] != NULL && memcmp(cert_sha256(set[way]), sha256, SHA256_BYTES) == 0) {
			return set[way];
		}
	}
	return NULL;
}

struct cert *chain_certs_find(struct chain_certs *certs, struct bytes der)
{
	uint8_t sha256[SHA256_BYTES];
	struct cert *found;

	if (der.len > CHAIN_CERT_BYTES_MAX) {
		return NULL;
	}
	hash_of(HASH_SHA256, der, sha256);
	(void)pthread_mutex_lock(&certs->lock);
	found = find_in(set_of(certs, sha256), sha256);
	if (found != NULL) {
		found = cert_ref(found);
	}
	(void)pthread_mutex_unlock(&certs->lock);
	return found;
}

void chain_certs_keep(struct chain_certs *certs, const struct cert *cert)
{
	const uint8_t *sha256 = cert_sha256(cert);
	struct cert *gone = NULL;

	if (cert_der(cert).len > CHAIN_CERT_BYTES_MAX) {
		return;
	}
	(void)pthread_mutex_lock(&certs->lock);
	struct cert **set = set_of(certs, sha256);

	if (find_in(set, sha256) == NULL) {
		gone = set[WAYS - 1];
		memmove(set + 1, set, (WAYS - 1) * sizeof(struct cert *));
		set[0] = cert_ref(cert);
	}
	(void)pthread_mutex_unlock(&certs->lock);
	cert_unref(gone);
}
