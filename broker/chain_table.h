/*
 * chain_table.h - chains that devices presented, parsed, by the digest of their bytes: so that a returning device costs no
 *                 parsing and none of the signatures that its certificates remember, and a ticket can name a chain.
 * Owns:    a bounded number of chains, with a reference to each certificate; the one used longest ago goes first.
 * Never:   keeps a verdict. What is found is byte for byte what was presented, and is judged like anything else: being here
 *          or not changes what a judgement costs, and whether a ticket resumes, but never whom it lets in.
 * Threads: any; one lock, held for a lookup.
 *
 * Two shelves. ADMITTED: chains that passed their gate; only these may be named by a ticket. REFUSED: chains that a gate
 * refused, for CHAIN_REFUSED_S, so that a revoked fleet that comes back in a loop costs no signatures. They are apart so
 * that whoever is refused pushes nobody out who is not.
 */
#ifndef LOCKGATE_BROKER_CHAIN_TABLE_H
#define LOCKGATE_BROKER_CHAIN_TABLE_H

#include "base/crypto.h"
#include "x509/x509.h"

/* --- limits an operator can see --- */
#define CHAIN_ADMITTED_MAX       65536u
#define CHAIN_ADMITTED_BYTES_MAX (64u * 1024u * 1024u) /* about 20,000 chains of two that nobody else holds */
#define CHAIN_REFUSED_MAX        4096u
#define CHAIN_REFUSED_BYTES_MAX  (8u * 1024u * 1024u)
#define CHAIN_REFUSED_S          60u   /* seconds, from when it was first refused; then it is parsed afresh */
#define CHAIN_CERT_OVERHEAD      1024u /* what a parsed certificate costs beside its DER, roughly */

enum chain_shelf { CHAIN_ADMITTED, CHAIN_REFUSED, CHAIN_SHELVES_ };

/* 0 in a field: the limit above. Smaller ones are for tests. */
struct chain_limits {
	size_t chains_max, bytes_max;
};

struct chain_table;
/* limits: CHAIN_SHELVES_ of them, or NULL. */
MUST_CHECK enum err chain_table_new(const struct chain_limits *limits, struct chain_table **out);
void chain_table_free(struct chain_table *table); /* NULL is fine */

/* The digest of a chain: SHA-256 over the SHA-256 of each certificate, in the order presented. */
void chain_digest_of_ders(const struct bytes *ders, size_t count, uint8_t out[SHA256_BYTES]);
void chain_digest_of_certs(struct cert *const *certs, size_t count, uint8_t out[SHA256_BYTES]);

/*
 * Fills out (room for X509_CHAIN_CERTS_MAX) with the caller's own references and returns how many; 0: not here. last: the
 * shelf that is looked at after ADMITTED, or ADMITTED for that one alone. now_s: monotonic seconds.
 */
size_t chain_table_find(struct chain_table *table, const uint8_t digest[SHA256_BYTES], enum chain_shelf last,
	uint64_t now_s, struct cert **out);
/* Puts the chain on a shelf, and takes it from the other. Takes references of its own, or, without memory, none. */
void chain_table_keep(struct chain_table *table, enum chain_shelf shelf, uint64_t now_s,
	struct cert *const *certs, size_t count);

size_t chain_table_count(struct chain_table *table, enum chain_shelf shelf);
size_t chain_table_bytes(struct chain_table *table, enum chain_shelf shelf);

#endif
