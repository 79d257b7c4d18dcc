/*
 * chain.h - random chains for the comparison with OpenSSL: described, bent in a few places, and written as DER.
 * Owns:    a chain owns its DER; keys are made once and live in struct diff_keys.
 * Never:   is linked into the product; needs a clock: everything stands around DIFF_NOW.
 * Threads: one.
 */
#ifndef LOCKGATE_TESTS_DIFFERENTIAL_CHAIN_H
#define LOCKGATE_TESTS_DIFFERENTIAL_CHAIN_H

#include "base/crypto.h"
#include "x509/x509.h"

#define DIFF_NOW       INT64_C(1795035200)
#define DIFF_DAY       INT64_C(86400)
#define DIFF_CERTS_MAX 7u /* root, CAs, leaf, and a cross-signed one */
#define DIFF_KEYS      7u
#define DIFF_LIST_MAX  4u
#define DIFF_POLICIES  4 /* 1.2.3.4.1 and up; 0 is anyPolicy */

/* A generator that gives the same chain for the same seed everywhere. */
struct diff_random {
	uint64_t state;
};
uint64_t diff_random_next(struct diff_random *random);
/* 0 … n - 1 */
unsigned diff_random_below(struct diff_random *random, unsigned n);
bool diff_random_one_in(struct diff_random *random, unsigned n);

struct diff_keys {
	struct secret pkcs8[DIFF_KEYS];
	struct buf spki[DIFF_KEYS];
	enum key_kind kind[DIFF_KEYS];
};
void diff_keys_make(struct diff_keys *keys);
void diff_keys_free(struct diff_keys *keys);

struct diff_extension {
	bool present, critical;
};
struct diff_name {
	const char *organisation; /* NULL: none */
	const char *common;       /* NULL: none */
	uint8_t tag;              /* string type of common */
};
struct diff_general {
	uint8_t tag; /* [1], [2], [6], [7], [4] as encoded */
	const char *text;
};

struct diff_cert {
	int version; /* as encoded: -1 absent */
	struct diff_name subject, issuer;
	unsigned key, signer;
	int64_t not_before, not_after;
	bool sha1, inner_algorithm_differs, negative_serial, zero_serial;
	bool ca;
	int path_length;          /* -1: none */
	uint32_t usage, extended; /* keyUsage bits; 1 client, 2 server, 4 any, 8 another */
	struct diff_extension basic, key_usage, eku, san, ski, aki, constraints, policies, mappings,
		policy_constraints, inhibit_any, unknown;
	struct diff_general sans[DIFF_LIST_MAX];
	struct diff_general permitted[DIFF_LIST_MAX], excluded[DIFF_LIST_MAX];
	unsigned san_count, permitted_count, excluded_count;
	int policy[DIFF_LIST_MAX];
	unsigned policy_count;
	int mapped_from, mapped_to;
	int require_explicit, inhibit_mapping; /* -1: absent */
	unsigned inhibit_any_skip;
	bool wrong_key_id;
};

struct diff_chain {
	struct diff_cert specs[DIFF_CERTS_MAX];
	struct buf der[DIFF_CERTS_MAX];
	unsigned count; /* specs[0] is the root, specs[leaf] the leaf */
	unsigned leaf;
	unsigned anchor;                    /* which one is trusted */
	unsigned presented[DIFF_CERTS_MAX]; /* beside the leaf, in this order */
	unsigned presented_count;
	/* the question */
	bool policy_wanted, explicit_policy, inhibit_mapping, inhibit_any;
	char mutations[256]; /* what was done, for people */
};
void diff_chain_make(struct diff_random *random, const struct diff_keys *keys, struct diff_chain *out);
void diff_chain_free(struct diff_chain *chain);

/* write.c */
void diff_cert_write(const struct diff_cert *spec, const struct diff_keys *keys, struct buf *out);
/* Signs tbs (an element) as spec says; for bytes that were changed after they were written. */
void diff_cert_sign(
	const struct diff_cert *spec, const struct diff_keys *keys, struct bytes tbs, struct buf *out);
/* mutate.c: changes some bytes of, or elements in, the DER; true if it is to be signed again. */
bool diff_mangle(struct diff_random *random, struct buf *tbs);

#endif
