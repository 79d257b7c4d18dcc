/*
 * refusal.h - why somebody was not let in, or was thrown out: one log line with an id, and the evidence behind it.
 * Owns:    the last pieces of evidence: BROKER_REFUSALS_KEPT of admission, BROKER_RIGHTS_KEPT of publishing and
 *          subscribing, apart, so that neither pushes the other out. No secret is among them. And the counts of who
 *          had no line, since strangers could fill a disk with theirs (refusal_bound.h).
 * Never:   judges but for explain, through the one judge.
 * Threads: any; one lock, held for a copy.
 */
#ifndef LOCKGATE_BROKER_REFUSAL_H
#define LOCKGATE_BROKER_REFUSAL_H

#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"

#define REFUSAL_ID_BYTES 9 /* eight hex digits and a NUL */

struct refusals;
MUST_CHECK enum err refusals_new(
	size_t kept, size_t rights_kept, struct log *log, struct clock clock, struct refusals **out);
void refusals_free(struct refusals *refusals);

struct refusal_facts {
	const struct evidence *evidence;
	const struct admission_verdict *verdict;
	bool live; /* a session was closed, not a login refused */
	uint16_t peer_port;
	const char *tls_version; /* "" for plain */
	const char *note;        /* more than the verdict says (a TLS failure), or NULL */
};
/*
 * Keeps a copy, writes the log line; id receives the refusal id. A newcomer beyond the bounds is counted instead: nothing is
 * kept, and id is "". Nothing here can fail outwardly: out of memory keeps no evidence.
 */
void refusals_add(struct refusals *refusals, const struct refusal_facts *facts, char id[REFUSAL_ID_BYTES]);

/* An end before any verdict, whose line is the caller's: whether it may be written. If not, it is counted. */
enum refusal_unjudged { REFUSAL_HANDSHAKE, REFUSAL_CONNECT };
MUST_CHECK bool refusals_may_tell(
	struct refusals *refusals, const struct auth_address *peer, enum refusal_unjudged what);
/* Once a second: writes what was counted when the window is over. */
void refusals_tick(struct refusals *refusals);

/* A publish or subscribe that authority refused. Borrowed for the call; the optional ones NULL. */
struct refusal_right {
	const char *channel;
	const char *client_id;
	bool client_id_bound;
	const char *user;
	const char *common_name;
	const char *peer;
	enum auth_right right;       /* RIGHT_PUB or RIGHT_SUB */
	struct bytes topic;          /* or filter */
	const struct policy *policy; /* that refused it */
};
/* As above, for a right. */
void refusals_add_right(
	struct refusals *refusals, const struct refusal_right *right, char id[REFUSAL_ID_BYTES]);

/*
 * Judges the kept evidence under policy, as of now (seconds), and appends the account to out: text or JSON.
 * ERR_NOT_FOUND: no such refusal, or no longer kept.
 */
MUST_CHECK enum err refusals_explain(struct refusals *refusals, const char *id, const struct policy *policy,
	int64_t now, bool json, struct buf *out);

#endif
