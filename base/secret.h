/*
 * secret.h - bytes that must not leak: locked in memory, kept out of dumps, wiped on every path.
 */
#ifndef LOCKGATE_BASE_SECRET_H
#define LOCKGATE_BASE_SECRET_H

#include "base/bytes.h"

/* Zeroes so that no compiler removes it. NULL with n == 0 is fine. */
void secure_wipe(void *data, size_t n);

/* Owns its memory (own pages, mlock where the limit allows, MADV_DONTDUMP). SECRET_NONE or secret_new(). */
struct secret {
	uint8_t *data;
	size_t len;
	size_t mapped; /* bytes of the mapping behind data */
};

#define SECRET_NONE ((struct secret){NULL, 0, 0})

MUST_CHECK enum err secret_new(size_t len, struct secret *out); /* zeroed */
MUST_CHECK enum err secret_copy(struct bytes in, struct secret *out);
void secret_free(struct secret *secret); /* wipes, unmaps, back to SECRET_NONE */
struct bytes secret_bytes(const struct secret *secret);
/* Constant time in the contents; lengths may show. */
bool secret_equal(struct bytes a, struct bytes b);
/* Whether mlock worked for every secret so far in this process; for the start-up report. */
bool secret_all_locked(void);

#endif
