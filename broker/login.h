/*
 * login.h - one login: the evidence of a connection put before the stack that its channel names.
 * Owns:    each waiting attempt; what loops share for logins (struct login_desks).
 * Never:   decides an admission; it reports the stack's outcome.
 * Threads: a desk and its attempts belong to one worker; struct login_setup (jaas_like) is immutable and counted.
 */
#ifndef LOCKGATE_BROKER_LOGIN_H
#define LOCKGATE_BROKER_LOGIN_H

#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "x509/x509.h"

struct login_setup; /* jaas_like's */

/* --- one desk per worker; all of them share the bound on hashes for clients without a certificate --- */
struct login_desks;
struct login_desk_options {
	struct executor executor; /* of the worker's loop */
	struct clock clock;
	struct log *log;
};
/* options: one per worker. uncertified_max: at most half of the hash lane. */
MUST_CHECK enum err login_desks_new(const struct login_desk_options *options, unsigned count,
	unsigned uncertified_max, struct login_desks **out);
void login_desks_free(struct login_desks *desks); /* after every attempt's last work came back */

/* --- one attempt --- */
struct login_attempt;

enum login_answer { LOGIN_ANSWER_DENIED = 0, LOGIN_ANSWER_ALLOWED, LOGIN_ANSWER_FAILED, LOGIN_ANSWER_BUSY };

/* All borrowed for the call of login_attempt_start(), but for leaf, which is referenced. */
struct login_attempt_request {
	const char *entry;
	const char *channel;
	const char *client_id;
	const char *user_name; /* NULL: none */
	bool password_sent;
	struct bytes password;
	const char *peer;        /* address as text */
	const struct cert *leaf; /* verified; NULL: none */
};

/* Texts are the receiver's own (free()); NULL where there is none. */
struct login_attempt_result {
	enum login_answer answer;
	const char *reason; /* literal, for the log */
	char *user;         /* after the stack */
	char *client_id;
	bool user_verified;
	bool client_id_bound;
	char *password_user; /* whom the users file knows */
	uint64_t credential;
	bool account_known; /* the users file knows the user by that name */
};
/* Runs once; from within login_attempt_start() where no module had to wait (then *out is NULL). */
typedef void (*login_attempt_fn)(void *ctx, struct login_attempt_result *result);

/* ERR_NOT_FOUND: no such entry. ERR_LIMIT, ERR_NOMEM. Otherwise done follows, perhaps with LOGIN_ANSWER_FAILED. */
MUST_CHECK enum err login_attempt_start(struct login_desks *desks, unsigned at, struct login_setup *setup,
	const struct login_attempt_request *request, login_attempt_fn done, void *ctx,
	struct login_attempt **out);
/* The client vanished: done will not run. NULL is fine. */
void login_attempt_cancel(struct login_attempt *attempt);
/* Whether today's users file would still let this session in. */
bool login_still_allows(
	const struct login_setup *setup, const char *entry, const char *password_user, uint64_t credential);

#endif
