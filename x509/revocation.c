/*
 * revocation.c - is every certificate of a path good? What lists and OCSP say is brought together here, by the one table of
 *                docs/revocation.md, and where neither knows: what could be fetched to find out.
 * Owns:    nothing that outlives the call.
 * Never:   fetches; lets a certificate pass that either source has properly called revoked.
 * Threads: any.
 */
#include "x509/revocation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "x509/ocsp.h"
#include "x509/time.h"

#define HOUR_S 3600

/* --- freshness --- */

bool revocation_is_late(const struct x509_question *question, int64_t next_update)
{
	return question->now - (int64_t)question->stale_grace_s > next_update;
}

int64_t revocation_until(const struct x509_question *question, int64_t next_update, bool *grace)
{
	if (question->now <= next_update) {
		return next_update;
	}
	*grace = true;
	return next_update + (int64_t)question->stale_grace_s;
}

/* --- the table --- */

/* Where no source knows that a certificate is good and none knows that it is revoked. */
static enum revocation_decision decide_unknown(
	enum x509_ocsp_state ocsp, enum x509_revocation revocation, enum x509_ocsp ocsp_auth)
{
	bool asked = ocsp != X509_OCSP_STATE_NONE;
	if (revocation == X509_REVOCATION_REQUIRED) {
		return asked ? DECISION_REFUSE_OCSP : DECISION_REFUSE_LISTS;
	}
	if (!asked) {
		return DECISION_PASS;
	}
	switch (ocsp_auth) {
	case X509_OCSP_NONE:
	case X509_OCSP_OPTIONAL: return DECISION_PASS;
	case X509_OCSP_WARN: return DECISION_PASS_WARNED;
	case X509_OCSP_REQUIRED: break;
	}
	return DECISION_REFUSE_OCSP;
}

enum revocation_decision revocation_decide(enum x509_ocsp_state ocsp, enum x509_crl_state crl,
	enum x509_revocation revocation, enum x509_ocsp ocsp_auth)
{
	if (revocation == X509_REVOCATION_NONE) {
		return DECISION_PASS;
	}
	if (ocsp == X509_OCSP_STATE_REVOKED || crl == X509_CRL_STATE_REVOKED) {
		return DECISION_REVOKED;
	}
	if (ocsp == X509_OCSP_STATE_GOOD || crl == X509_CRL_STATE_GOOD) {
		return DECISION_PASS;
	}
	if (crl == X509_CRL_STATE_STALE) {
		return DECISION_REFUSE_LISTS; /* somebody may be keeping the newer list away */
	}
	return decide_unknown(ocsp, revocation, ocsp_auth);
}

/* --- one certificate --- */

struct status {
	struct judgement *judgement;
	const struct cert *cert, *issuer;
	struct lists_finding lists;
	struct ocsp_finding ocsp;
	enum revocation_decision decision;
};

static bool has_responder(const struct x509_question *question, const struct cert *cert)
{
	char url[X509_URL_BYTES];
	return question->ocsp_url != NULL || (question->need_aia && cert_ocsp_url(cert, 0, url));
}

static bool is_known(const struct status *status)
{
	return status->lists.state == X509_CRL_STATE_GOOD || status->ocsp.state == X509_OCSP_STATE_GOOD;
}

static void find_out(
	struct judgement *judgement, const struct cert *const *path, size_t count, struct status *out)
{
	const struct x509_question *question = judgement->question;
	*out = (struct status){.judgement = judgement, .cert = path[0], .issuer = path[1]};
	out->ocsp.reason = X509_OK;
	if (question->ocsp_auth != X509_OCSP_NONE) {
		ocsp_ask(judgement, path, count, lists_let_pass, &out->ocsp);
		if (out->ocsp.state == X509_OCSP_STATE_NONE && has_responder(question, path[0])) {
			out->ocsp.state = X509_OCSP_STATE_UNREACHABLE;
		} else if (out->ocsp.state == X509_OCSP_STATE_NONE) {
			out->ocsp.reason = X509_OK;
		}
	}
	if (!judgement->out_of_memory && !judgement->out_of_work) {
		lists_ask(judgement, path, count, &out->lists);
	}
	out->decision = revocation_decide(
		out->ocsp.state, out->lists.state, question->revocation, question->ocsp_auth);
}

static void show(const struct status *status)
{
	struct judgement *judgement = status->judgement;
	struct x509_evidence evidence = {.ocsp = status->ocsp.state,
		.ocsp_reason = status->ocsp.reason,
		.response = status->ocsp.response,
		.crl = status->lists.state,
		.crl_reason = status->lists.reason,
		.list = status->lists.list,
		.grace = status->ocsp.grace || status->lists.grace};
	if (status->lists.state == X509_CRL_STATE_REVOKED) {
		evidence.revoked_at = status->lists.revoked_at;
	} else if (status->ocsp.state == X509_OCSP_STATE_REVOKED) {
		evidence.revoked_at = status->ocsp.single->revoked_at;
	}
	judgement->evidence[judgement->evidence_count++] = evidence;
}

/* Until when the answer holds, by what was relied on. */
static int64_t holds_until(const struct status *status, int64_t until)
{
	if (status->lists.state == X509_CRL_STATE_GOOD && status->lists.until < until) {
		until = status->lists.until;
	}
	if (status->ocsp.state == X509_OCSP_STATE_GOOD && status->ocsp.until < until) {
		until = status->ocsp.until;
	}
	return until;
}

/* --- sentences --- */

#define LATE_BYTES 32

static void put_late(char out[LATE_BYTES], int64_t late)
{
	if (late < 120) {
		(void)snprintf(out, LATE_BYTES, "%" PRId64 " s", late);
	} else if (late < 2 * HOUR_S) {
		(void)snprintf(out, LATE_BYTES, "%" PRId64 " min", late / 60);
	} else if (late < 48 * HOUR_S) {
		(void)snprintf(out, LATE_BYTES, "%" PRId64 " h", late / HOUR_S);
	} else {
		(void)snprintf(out, LATE_BYTES, "%" PRId64 " days", late / (24 * HOUR_S));
	}
}

static void describe_lists(const struct status *status, char out[X509_SENTENCE_BYTES])
{
	const struct x509_question *question = status->judgement->question;
	struct label issuer = cert_label(status->issuer);
	const char *why = "does not cover the certificate, or nobody vouches for its signer";
	char late[LATE_BYTES];
	if (status->lists.reason == X509_CRL_MISSING) {
		(void)snprintf(out, X509_SENTENCE_BYTES,
			"no CRL of '%s' is at hand to say whether '%s' is revoked%s", issuer.text,
			cert_label(status->cert).text,
			question->crl_set_incomplete ? " (a CRL source could not be read)" : "");
		return;
	}
	if (status->lists.reason == X509_CRL_STALE && status->lists.list->next_update == X509_NEVER) {
		why = "has no nextUpdate, so that nobody can say whether it is current";
	} else if (status->lists.reason == X509_CRL_STALE) {
		put_late(late, question->now - status->lists.list->next_update);
		(void)snprintf(
			out, X509_SENTENCE_BYTES, "CRL of '%s' is %s past its nextUpdate", issuer.text, late);
		return;
	} else if (status->lists.reason == X509_CRL_NOT_YET_VALID) {
		why = "is dated in the future";
	} else if (status->lists.reason == X509_CRL_BAD_SIGNATURE) {
		why = "was not signed by that CA, or the CA may not sign CRLs";
	}
	(void)snprintf(out, X509_SENTENCE_BYTES, "CRL of '%s' %s", issuer.text, why);
}

static void describe_ocsp(const struct status *status, char out[X509_SENTENCE_BYTES])
{
	const struct x509_question *question = status->judgement->question;
	struct label name = cert_label(status->cert);
	struct label issuer = cert_label(status->issuer);
	char late[LATE_BYTES];
	if (status->ocsp.state == X509_OCSP_STATE_UNREACHABLE) {
		(void)snprintf(out, X509_SENTENCE_BYTES,
			"no answer of the OCSP responder is at hand to say whether '%s' is revoked",
			name.text);
	} else if (status->ocsp.reason == X509_OCSP_UNKNOWN) {
		(void)snprintf(out, X509_SENTENCE_BYTES,
			"the OCSP responder of '%s' does not know the certificate '%s'", issuer.text,
			name.text);
	} else if (status->ocsp.reason == X509_OCSP_STALE) {
		put_late(late, question->now - ocsp_single_until(status->ocsp.single));
		(void)snprintf(out, X509_SENTENCE_BYTES, "the OCSP answer about '%s' is %s %s", name.text,
			late,
			status->ocsp.single->next_update == X509_NEVER ? "too old (it has no nextUpdate)"
								       : "past its nextUpdate");
	} else if (status->ocsp.reason == X509_OCSP_SIGNER_UNKNOWN) {
		(void)snprintf(out, X509_SENTENCE_BYTES,
			"the OCSP answer about '%s' does not count: no fresh CRL covers its responder '%s', "
			"which has no id-pkix-ocsp-nocheck",
			name.text, cert_label(status->ocsp.signer).text);
	} else {
		(void)snprintf(out, X509_SENTENCE_BYTES, "the OCSP answer about '%s' is not believed: %s",
			name.text, status->ocsp.why);
	}
}

static bool refuse_revoked(const struct status *status)
{
	char day[TIME_DAY_BYTES];
	bool listed = status->lists.state == X509_CRL_STATE_REVOKED;
	bool on_hold = (listed && status->lists.on_hold) ||
		       (status->ocsp.state == X509_OCSP_STATE_REVOKED &&
			       status->ocsp.single->reason == REASON_CERTIFICATE_HOLD);
	const char *role =
		status->cert == status->judgement->question->chain[0] ? "certificate" : "issuing CA";
	time_day(listed ? status->lists.revoked_at : status->ocsp.single->revoked_at, day);
	/* Of several paths any that may be given back keeps the door open. */
	status->judgement->out->on_hold = status->judgement->out->on_hold || on_hold;
	return judgement_fail(status->judgement, RANK_PATH, X509_REVOKED, "%s '%s' was revoked %s by '%s'%s",
		role, cert_label(status->cert).text, day, cert_label(status->issuer).text,
		listed ? "" : ", says its OCSP responder");
}

/* Why a certificate's status is not known, whether or not that refuses. */
static enum x509_reason describe(const struct status *status, char out[X509_SENTENCE_BYTES])
{
	if (status->decision == DECISION_REFUSE_LISTS || status->ocsp.state == X509_OCSP_STATE_NONE) {
		describe_lists(status, out);
		return status->lists.reason;
	}
	describe_ocsp(status, out);
	return status->ocsp.reason;
}

static void warn(const struct status *status)
{
	struct x509_answer *out = status->judgement->out;
	if (!out->warned) {
		out->warned = true;
		(void)describe(status, out->warning);
	}
}

/* --- what could be fetched --- */

struct needs {
	struct x509_need *items;
	size_t count;
};

/* true: it can be fetched, although it may have to wait for a later round. */
static bool add_need(
	struct needs *needs, enum x509_need_kind kind, const char *url, const struct status *status)
{
	size_t len = strlen(url);
	if (len == 0 || len >= X509_URL_BYTES) {
		return false;
	}
	for (size_t i = 0; i < needs->count; i++) {
		const struct x509_need *need = &needs->items[i];
		if (need->kind == kind && strcmp(need->url, url) == 0 &&
			(kind == X509_NEED_CRL || need->cert == status->cert)) {
			return true;
		}
	}
	if (needs->count == X509_NEEDS_MAX) {
		return true;
	}
	struct x509_need *need = &needs->items[needs->count++];
	need->kind = kind;
	need->delta = false;
	need->cert = status->cert;
	need->issuer = status->issuer;
	memcpy(need->url, url, len + 1);
	return true;
}

static bool add_responders(struct needs *needs, const struct status *status)
{
	const struct x509_question *question = status->judgement->question;
	char url[X509_URL_BYTES];
	if (question->ocsp_auth == X509_OCSP_NONE) {
		return false;
	}
	bool fetchable =
		question->ocsp_url != NULL && add_need(needs, X509_NEED_OCSP, question->ocsp_url, status);
	for (size_t i = 0; question->need_aia && cert_ocsp_url(status->cert, i, url); i++) {
		fetchable = add_need(needs, X509_NEED_OCSP, url, status) || fetchable;
	}
	return fetchable;
}

/* As IBM MQ asks: the responder that is configured, then the certificate's own, then its lists. */
static bool add_needs(struct needs *needs, const struct status *status)
{
	const struct x509_question *question = status->judgement->question;
	char url[X509_URL_BYTES];
	bool fetchable = add_responders(needs, status);
	for (size_t i = 0; question->need_cdp && cert_crl_url(status->cert, i, url); i++) {
		fetchable = add_need(needs, X509_NEED_CRL, url, status) || fetchable;
	}
	return fetchable;
}

/* --- the whole path --- */

/* Deltas that the certificate or the complete lists that served for it name, where none is at hand. */
static void add_deltas(struct needs *needs, const struct status *status)
{
	const struct lists_finding *lists = &status->lists;
	char url[X509_URL_BYTES];
	size_t from = needs->count;
	for (size_t i = 0; lists->without_delta_count != 0 && cert_freshest_url(status->cert, i, url); i++) {
		(void)add_need(needs, X509_NEED_CRL, url, status);
	}
	for (size_t k = 0; k < lists->without_delta_count; k++) {
		for (size_t i = 0; crl_freshest_url(lists->without_delta[k], i, url); i++) {
			(void)add_need(needs, X509_NEED_CRL, url, status);
		}
	}
	for (size_t i = from; i < needs->count; i++) {
		needs->items[i].delta = true;
	}
}

/* What the walk over the path came to: the first certificate that would be refused, and what could still be fetched. */
struct walk {
	struct status refused;   /* judgement NULL: none */
	struct status unsettled; /* the first whose status a fetch may settle; judgement NULL: none */
	bool hopeless;           /* one that would be refused, and for which nothing can be fetched */
	struct needs needs;
	struct needs more; /* of those whose status is known: who may know more. They need not be there */
};

static void walk_known(struct walk *walk, const struct status *status)
{
	const struct x509_question *question = status->judgement->question;
	if (!question->may_need || status->lists.state != X509_CRL_STATE_GOOD) {
		return;
	}
	/* A responder may know of a revocation before any list does. One that said that it does not know has been asked. */
	if (status->ocsp.state == X509_OCSP_STATE_UNREACHABLE || status->ocsp.reason == X509_OCSP_STALE) {
		(void)add_responders(&walk->more, status);
	}
	if (question->need_cdp) {
		add_deltas(&walk->more, status);
	}
}

static void walk_unknown(struct walk *walk, const struct status *status)
{
	bool refuses = status->decision == DECISION_REFUSE_LISTS || status->decision == DECISION_REFUSE_OCSP;
	bool fetchable = status->judgement->question->may_need && add_needs(&walk->needs, status);
	if (fetchable && walk->unsettled.judgement == NULL) {
		walk->unsettled = *status;
	}
	if (refuses && walk->refused.judgement == NULL) {
		walk->refused = *status;
	}
	walk->hopeless = walk->hopeless || (refuses && !fetchable);
}

static void put_needs(struct x509_answer *out, const struct needs *needs)
{
	out->need_count = needs->count;
	if (needs->count != 0) {
		memcpy(out->needs, needs->items, needs->count * sizeof(needs->items[0]));
	}
}

static bool ask_for_more(struct judgement *judgement, const struct walk *walk)
{
	char sentence[X509_SENTENCE_BYTES];
	const struct status *status = walk->refused.judgement != NULL ? &walk->refused : &walk->unsettled;
	enum x509_reason reason = describe(status, sentence);
	if (judgement->best_rank < (int)RANK_PATH_NEED) {
		put_needs(judgement->out, &walk->needs);
	}
	return judgement_fail(judgement, RANK_PATH_NEED, reason, "%s", sentence);
}

static bool settle(struct judgement *judgement, const struct walk *walk)
{
	char sentence[X509_SENTENCE_BYTES];
	if (walk->needs.count != 0 && !walk->hopeless) {
		return ask_for_more(judgement, walk);
	}
	if (walk->refused.judgement != NULL) {
		enum x509_reason reason = describe(&walk->refused, sentence);
		return judgement_fail(judgement, RANK_PATH_ABSENCE, reason, "%s", sentence);
	}
	return true;
}

bool revocation_check(struct judgement *judgement, const struct cert *const *path, size_t count,
	int64_t *until, bool *known)
{
	struct x509_need items[X509_NEEDS_MAX];
	struct x509_need more[X509_NEEDS_MAX];
	struct walk walk = {.needs = {.items = items}, .more = {.items = more}};
	bool all = true;
	*known = false;
	judgement->out->warned = false;
	if (judgement->question->revocation == X509_REVOCATION_NONE) {
		return true;
	}
	for (size_t i = 0; i + 1 < count; i++) { /* an anchor is withdrawn by removing it, not by a list */
		struct status status;
		find_out(judgement, path + i, count - i, &status);
		if (judgement->out_of_memory || judgement->out_of_work) {
			return false;
		}
		show(&status);
		if (status.decision == DECISION_REVOKED) {
			return refuse_revoked(&status); /* outweighs what is merely missing elsewhere */
		}
		*until = holds_until(&status, *until);
		if (is_known(&status)) {
			walk_known(&walk, &status);
			continue;
		}
		all = false;
		if (status.decision == DECISION_PASS_WARNED) {
			warn(&status);
		}
		walk_unknown(&walk, &status);
	}
	*known = all;
	if (!settle(judgement, &walk)) {
		return false;
	}
	put_needs(judgement->out, &walk.more); /* an accepted path is the last that is looked at */
	return true;
}
