/*
 * store.h - the inside of struct keystore, for the files of this folder.
 * Never:   included from outside this folder.
 */
#ifndef LOCKGATE_KEYSTORE_STORE_H
#define LOCKGATE_KEYSTORE_STORE_H

#include "keystore/pkcs12.h"

struct entry {
	char *alias;
	enum keystore_kind kind;
	char *pin_name; /* KEYSTORE_PIN: folded, without "pin:" */
	struct secret pkcs8;
	bool key_usable;
	enum key_kind key_kind;
	struct cert **chain; /* references */
	size_t chain_count;
	uint8_t *kept; /* attributes that we do not know; written back */
	size_t kept_len;
};

struct keystore {
	struct entry *items;
	size_t count, cap;
	size_t unknown_bags;
};

/* --- keystore.c --- */
/* Fills alias, kind and pin_name; the rest is empty. ERR_NOMEM. */
MUST_CHECK enum err entry_init(struct entry *entry, const char *alias, enum keystore_kind kind);
/* References the certificates. */
MUST_CHECK enum err entry_chain_set(struct entry *entry, const struct cert *const *chain, size_t count);
void entry_release(struct entry *entry);
/* Moves entry in on ERR_OK. ERR_LIMIT, ERR_NOMEM. Does not look for the alias. */
MUST_CHECK enum err store_append(struct keystore *keystore, struct entry *entry);
/* Kind and public half of a key; a key that we cannot use is ERR_OK with usable false. spki may be NULL. */
MUST_CHECK enum err store_key_look(struct bytes pkcs8, bool *usable, enum key_kind *kind, struct buf *spki);
/* Free to be taken by a new entry: valid, and used by no other than except (SIZE_MAX: none). */
MUST_CHECK enum err store_alias_free(
	const struct keystore *keystore, const char *alias, size_t except, struct keystore_error *error);

/* --- chain.c --- */
/* A certificate that a chain may be built from. */
struct chain_candidate {
	const struct cert *cert;
	bool trusted; /* never a leaf; an issuer only if not self-issued */
};
/*
 * Leaf first: candidates[leaf], then issuers by name and key identifier, up to a self-issued one or to where no
 * issuer is found. indices has room for KEYSTORE_CHAIN_CERTS_MAX. ERR_LIMIT: longer than that.
 */
MUST_CHECK enum err chain_order(
	const struct chain_candidate *candidates, size_t count, size_t leaf, size_t *indices, size_t *length);

/* --- import.c needs it, build.c has it --- */
/* rules NULL: strict. Under rules an alias that comes twice is made free with a note. */
MUST_CHECK enum err store_build(const struct p12 *p12, const struct p12_rules *rules, struct keystore **out,
	struct keystore_error *error);

#endif
