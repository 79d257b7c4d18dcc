/*
 * hold.h - which revocation lists stay when those in the files are others: what is known of a revocation ends with a newer
 *          list, or by an operator's act, not because a file is gone.
 * Owns:    nothing beyond a call.
 * Never:   copies a list: what stays is another reference to it.
 * Threads: any; it does not block.
 */
#ifndef LOCKGATE_BROKER_CONTROL_HOLD_H
#define LOCKGATE_BROKER_CONTROL_HOLD_H

#include "x509/x509.h"

/* Borrowed for the call. */
struct hold_question {
	const struct crl_set *files;  /* what the files say */
	const struct crl_set *before; /* what is in force; NULL: nothing yet */
	const struct crl_set *gone;   /* of before, what an operator let go meanwhile; NULL: nothing */
	bool let_go; /* an operator's act: what no file holds goes, unless one holds an older state of it */
	uint64_t generation;
};
/* Sets of the caller's; NULL where there is nothing. */
struct hold_answer {
	struct crl_set *crls; /* that serve: the files' and what stays */
	struct crl_set *held; /* of these: in force though no file holds them, nor a newer one */
	struct crl_set *gone; /* let go */
};
/* ERR_NOMEM: *out is empty. */
MUST_CHECK enum err hold_lists(const struct hold_question *question, struct hold_answer *out);

/* Lists of a set that said something which no other of it says anew, and how many entries they have. NULL: none. */
struct hold_count {
	size_t lists, entries;
};
struct hold_count hold_count(const struct crl_set *set);

/* set without those in gone, as *out. ERR_NOMEM. */
MUST_CHECK enum err hold_without(
	const struct crl_set *set, const struct crl_set *gone, uint64_t generation, struct crl_set **out);

#endif
