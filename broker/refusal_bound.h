/*
 * refusal_bound.h - which refused newcomers have a line of the log each, and how many of which kind had none.
 * Owns:    a window's counts: who was told of, and what was not told.
 * Never:   sees a clock, a lock or a log; forgets one that it did not let be told.
 * Threads: one at a time.
 *
 * Strangers can come as often as they like, and under as many addresses as they have. So a client has so many lines in a
 * window, all strangers' further lines have a bound together, and so have the strangers that are told apart. Who holds a
 * certificate of a path that is trusted is no stranger: those have places of their own, which no stranger can take. The
 * first of each kind (step and reason) is always told.
 */
#ifndef LOCKGATE_BROKER_REFUSAL_BOUND_H
#define LOCKGATE_BROKER_REFUSAL_BOUND_H

#include "auth/auth.h"

#define REFUSAL_WINDOW_MS     10000u
#define REFUSAL_LINES_EACH    20u   /* of one client in a window */
#define REFUSAL_STRANGERS_MAX 200u  /* addresses that are told apart */
#define REFUSAL_STRANGER_MORE 200u  /* lines beyond the first of each of them, all together */
#define REFUSAL_KNOWN_MAX     4096u /* certificates that are told apart */

/* Who was refused. hash: of the certificate if known, else of the address. */
struct refusal_who {
	uint64_t hash;
	bool known; /* holds a certificate whose path is trusted */
};

/* Where and why: a step of the verdict, or one of the ends without a verdict. */
enum { REFUSAL_STEP_HANDSHAKE = STEP_COUNT_, REFUSAL_STEP_CONNECT, REFUSAL_STEPS };
struct refusal_kind {
	unsigned step;
	enum x509_reason reason;
};
const char *refusal_step_name(unsigned step); /* "path", "handshake", … */

struct refusal_bound;
MUST_CHECK enum err refusal_bound_new(struct refusal_bound **out);
void refusal_bound_free(struct refusal_bound *bound);
/* true: this one has a line. false: it is counted. */
bool refusal_bound_take(
	struct refusal_bound *bound, const struct refusal_who *who, const struct refusal_kind *kind);

/* The window ends: each kind of which some were not told, in turn; at the end nothing is counted any more. */
struct refusal_sum {
	struct refusal_kind kind;
	uint64_t suppressed;
};
#define REFUSAL_SUMS_MAX ((size_t)REFUSAL_STEPS * X509_REASON_COUNT_)
size_t refusal_bound_end(struct refusal_bound *bound, struct refusal_sum out[REFUSAL_SUMS_MAX]);

#endif
