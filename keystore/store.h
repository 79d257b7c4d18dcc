/*
 * store.h - the inside of struct keystore, for the files of this folder.
 * Never:   included from outside this folder.
 */
#ifndef LOCKGATE_KEYSTORE_STORE_H
#define LOCKGATE_KEYSTORE_STORE_H

#include "base/map.h"
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
	/* KEYSTORE_KEPT: a key (pkcs8, perhaps a chain) or the bytes of a certificate that the parser refused */
	bool kept_key;
	char *why;
	uint8_t *der;
	size_t der_len;
	uint8_t *
		id; /* localKeyId, where one joins such a certificate to its key: of both; else made when written */
	size_t id_len;
};

struct keystore {
	struct entry *items;
	size_t count, cap;
	size_t unknown_bags;
	struct map *places; /* folded alias -> where the entry stands, counted from 1 */
};

/* --- keystore.c --- */
/* Fills alias, kind and pin_name; the rest is empty. ERR_NOMEM. */
MUST_CHECK enum err entry_init(struct entry *entry, const char *alias, enum keystore_kind kind);
/* References the certificates. */
MUST_CHECK enum err entry_chain_set(struct entry *entry, const struct cert *const *chain, size_t count);
void entry_release(struct entry *entry);
/* Moves entry in on ERR_OK. ERR_LIMIT, ERR_NOMEM; ERR_EXISTS: its alias is taken, without a sentence. */
MUST_CHECK enum err store_append(struct keystore *keystore, struct entry *entry);
/* Takes the last entries out again until count are left. */
void store_truncate(struct keystore *keystore, size_t count);
/*
 * A free alias out of base, "base-2", "base-3", …; base itself only if try_plain. Text in out. Numbers that were given out
 * for this base are remembered in numbers and not tried again: there may be as many entries of one name as there are entries.
 */
MUST_CHECK enum err store_alias_make(const struct keystore *keystore, struct map *numbers, const char *base,
	bool try_plain, char *out, size_t out_bytes);
/* Kind and public half of a key; a key that we cannot use is ERR_OK with usable false. spki may be NULL. */
MUST_CHECK enum err store_key_look(struct bytes pkcs8, bool *usable, enum key_kind *kind, struct buf *spki);
/* Free to be taken by a new entry: valid, and used by no other than except (SIZE_MAX: none). */
MUST_CHECK enum err store_alias_free(
	const struct keystore *keystore, const char *alias, size_t except, struct keystore_error *error);

/* --- kept.c --- */
#define LOCAL_KEY_ID_BYTES 20u /* as long as the SHA-1 that other writers put there */
/* Why a key or a certificate is kept and not used. *out owned by the caller. ERR_NOMEM. */
MUST_CHECK enum err kept_key_why(struct bytes pkcs8, char **out);
MUST_CHECK enum err kept_cert_why(enum err parsed, const struct x509_error *error, char **out);
/* alias, or what of it says nothing of trust: "pin:" is for pins. Borrowed from alias. */
const char *kept_alias(const char *alias, bool key);
/* Whether a key can stand in a file that we read again: one SEQUENCE and nothing behind it. */
bool kept_key_framed(struct bytes pkcs8);
/* Copies an entry of that kind under alias, from which "pin:" is taken. ERR_EXISTS, ERR_INVALID, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err store_add_kept(
	struct keystore *keystore, const char *alias, const struct entry *from, struct keystore_error *error);
MUST_CHECK enum err entry_id_set(struct entry *entry, struct bytes id); /* copied; empty: none */
/* Of a source that is about to be imported. */
MUST_CHECK enum err kept_ids_renew(struct keystore *source);

/* --- chain.c --- */
/* A certificate that a chain may be built from. */
struct chain_candidate {
	const struct cert *cert; /* NULL: none */
	bool trusted;            /* never a leaf; an issuer only if not self-issued */
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
