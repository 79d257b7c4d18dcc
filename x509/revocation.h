/*
 * revocation.h - what the files of x509/ share about revocation: what the lists say, and what two sources come to.
 * Never:   included from outside x509/.
 */
#ifndef LOCKGATE_X509_REVOCATION_H
#define LOCKGATE_X509_REVOCATION_H

#include "x509/internal.h"
#include "x509/ocsp.h"

/* --- freshness --- */

/* Past next_update by more than stale_grace_s. */
bool revocation_is_late(const struct x509_question *question, int64_t next_update);
/* When to judge again what relies on something that is not late; *grace is set where it is past next_update already. */
int64_t revocation_until(const struct x509_question *question, int64_t next_update, bool *grace);

/* --- revocation_lists.c --- */

#define LISTS_WITHOUT_DELTA_MAX 16u

/* What the lists at hand say of path[0], which path[1] issued; path[count - 1] is the anchor. */
struct lists_finding {
	enum x509_crl_state state;
	enum x509_reason reason;
	const struct crl *list;
	int64_t revoked_at;
	int64_t until;
	bool grace;
	bool on_hold; /* revoked by certificateHold */
	/* Complete lists that served, signatures verified, and for which no delta is at hand that is not stale. */
	const struct crl *without_delta[LISTS_WITHOUT_DELTA_MAX];
	size_t without_delta_count;
};
void lists_ask(
	struct judgement *judgement, const struct cert *const *path, size_t count, struct lists_finding *out);
/*
 * Whether path[0], which signs OCSP responses, passes by lists alone, under the question's own rule for certificates without
 * a list, and within what the path allows. Nothing is noted.
 */
enum ocsp_signer lists_let_pass(
	struct judgement *judgement, const struct cert *const *path, size_t count, int64_t *until);

/* --- what both sources come to: the table of docs/revocation.md --- */
enum revocation_decision {
	DECISION_PASS,
	DECISION_PASS_WARNED,
	DECISION_REVOKED,
	DECISION_REFUSE_LISTS, /* for the reason that the lists give */
	DECISION_REFUSE_OCSP   /* for the reason that OCSP gives */
};
enum revocation_decision revocation_decide(enum x509_ocsp_state ocsp, enum x509_crl_state crl,
	enum x509_revocation revocation, enum x509_ocsp ocsp_auth);

#endif
