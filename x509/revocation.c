/*
 * revocation.c - is a certificate of the path on its issuer's revocation list (RFC 5280 6.3)?
 * Owns:    nothing that outlives the call.
 * Never:   believes a list that the issuing CA's key did not sign; takes a partial list for a full one.
 * Threads: any.
 *
 * Of an issuer's lists the newest serves that the issuing CA signed: what is in the set unsigned is passed over. Listed is
 * revoked, however old the list: positive knowledge needs no freshness. Not listed counts only on a fresh, full list.
 * X509_REVOCATION_IF_AVAILABLE lets pass only where no list of the issuer exists at all: one that is stale or cannot be
 * read refuses, since somebody may be keeping the newer one away.
 */
#include <stdio.h>

#include "x509/internal.h"
#include "x509/time.h"

#define STALE_HOUR 3600

struct lookup {
	struct judgement *judgement;
	const struct cert *cert, *issuer;
	/* The best there is to say if no list serves. */
	enum x509_reason reason;
	const struct crl *about;
};

static bool may_sign_lists(const struct cert *issuer)
{
	return !issuer->ext.has[EXT_KEY_USAGE] || (issuer->ext.key_usage & KU_CRL_SIGN) != 0;
}

static bool other_key_signed(const struct crl *crl, const struct cert *issuer)
{
	return crl->authority_key_id.len != 0 && issuer->ext.subject_key_id.len != 0 &&
	       !bytes_equal(crl->authority_key_id, issuer->ext.subject_key_id);
}

/* X509_OK: the list is the issuing CA's own. */
static enum x509_reason check_signed(struct lookup *lookup, const struct crl *crl)
{
	struct signed_object object = {.object = crl,
		.memo = crl,
		.algorithm = &crl->algorithm,
		.message = crl->tbs,
		.signature = crl->signature};
	if (!may_sign_lists(lookup->issuer) || algorithm_is_weak(lookup->judgement, &crl->algorithm)) {
		return X509_CRL_BAD_SIGNATURE; /* RFC 5280 6.3.3 (f): keyUsage must have cRLSign */
	}
	switch (judgement_verify(lookup->judgement, &object, lookup->issuer)) {
	case ERR_OK: return X509_OK;
	case ERR_LIMIT: return X509_LIMIT;
	case ERR_NOMEM: return X509_NO_MEMORY;
	case ERR_UNSUPPORTED: return X509_CRL_UNSUPPORTED;
	default: break;
	}
	return other_key_signed(crl, lookup->issuer) ? X509_CRL_UNSUPPORTED : X509_CRL_BAD_SIGNATURE;
}

static void note(struct lookup *lookup, enum x509_reason reason, const struct crl *about)
{
	if (lookup->reason == X509_CRL_MISSING) {
		lookup->reason = reason;
		lookup->about = about;
	}
}

static bool revoked(struct lookup *lookup, const struct crl_entry *entry)
{
	char day[TIME_DAY_BYTES];
	time_day(entry->when, day);
	return judgement_fail(lookup->judgement, RANK_PATH, X509_REVOKED,
		"certificate '%s' was revoked %s by '%s'", cert_label(lookup->cert).text, day,
		cert_label(lookup->issuer).text);
}

enum status { STATUS_GOOD, STATUS_REVOKED, STATUS_ABSENT };

/* Asks one plain list. true: it decided *status. */
static bool ask(struct lookup *lookup, const struct crl *crl, enum status *status, int64_t *until)
{
	struct crl_entry entry;
	int64_t now = lookup->judgement->question->now;
	enum x509_reason reason = check_signed(lookup, crl);
	if (reason != X509_OK) {
		note(lookup, reason, crl);
		return false;
	}
	if (crl_find(crl, lookup->cert->serial, &entry)) {
		*status = STATUS_REVOKED;
		(void)revoked(lookup, &entry);
		return true;
	}
	if (crl->this_update > now) {
		note(lookup, X509_CRL_NOT_YET_VALID, crl);
		return false; /* an older one may be in force */
	}
	*status = STATUS_ABSENT;
	if (crl->next_update == X509_NEVER || now > crl->next_update) {
		lookup->reason = X509_CRL_STALE; /* RFC 5280 5.1.2.5: without nextUpdate nobody knows */
		lookup->about = crl;
		return true;
	}
	*status = STATUS_GOOD;
	if (crl->next_update < *until) {
		*until = crl->next_update;
	}
	return true;
}

static enum status look_up(struct lookup *lookup, int64_t *until)
{
	const struct x509_question *question = lookup->judgement->question;
	const struct crl *const *crls = NULL;
	size_t count =
		question->crls == NULL ? 0 : crl_set_of_issuer(question->crls, &lookup->cert->issuer, &crls);
	const struct crl *partial = NULL;
	enum status status = STATUS_ABSENT;
	for (size_t i = 0; i < count; i++) {
		if (crls[i]->oddities & CRL_IS_DELTA) {
			partial = crls[i];
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (crls[i]->oddities != CRL_PLAIN) {
			note(lookup, X509_CRL_UNSUPPORTED, crls[i]);
		} else if (ask(lookup, crls[i], &status, until)) {
			break;
		}
		if (lookup->judgement->out_of_memory || lookup->judgement->out_of_work) {
			return STATUS_ABSENT;
		}
	}
	if (status == STATUS_GOOD && partial != NULL) {
		/* A delta may revoke what its base does not list. */
		lookup->reason = X509_CRL_UNSUPPORTED;
		lookup->about = partial;
		return STATUS_ABSENT;
	}
	return status;
}

static bool absent(struct lookup *lookup)
{
	struct label issuer = cert_label(lookup->issuer);
	const char *why = "";
	switch (lookup->reason) {
	case X509_CRL_STALE: {
		char text[64];
		int64_t late = lookup->about->next_update == X509_NEVER
				       ? 0
				       : (lookup->judgement->question->now - lookup->about->next_update);
		if (late == 0) {
			return judgement_fail(lookup->judgement, RANK_PATH_ABSENCE, lookup->reason,
				"CRL of '%s' has no nextUpdate, so that nobody can say whether it is current",
				issuer.text);
		}
		if (late < 2 * STALE_HOUR) {
			(void)snprintf(text, sizeof(text), "%lld min", (long long)(late / 60));
		} else if (late < 48 * STALE_HOUR) {
			(void)snprintf(text, sizeof(text), "%lld h", (long long)(late / STALE_HOUR));
		} else {
			(void)snprintf(
				text, sizeof(text), "%lld days", (long long)(late / (24 * STALE_HOUR)));
		}
		return judgement_fail(lookup->judgement, RANK_PATH_ABSENCE, lookup->reason,
			"CRL of '%s' is %s past its nextUpdate", issuer.text, text);
	}
	case X509_CRL_NOT_YET_VALID: why = "is dated in the future"; break;
	case X509_CRL_BAD_SIGNATURE: why = "was not signed by that CA, or the CA may not sign CRLs"; break;
	case X509_CRL_UNSUPPORTED:
		why = "is partial, indirect or signed in a way that is not supported yet";
		break;
	case X509_CRL_MISSING:
		return judgement_fail(lookup->judgement, RANK_PATH_ABSENCE, X509_CRL_MISSING,
			"no CRL of '%s' is at hand to say whether '%s' is revoked%s", issuer.text,
			cert_label(lookup->cert).text,
			lookup->judgement->question->crl_set_incomplete ? " (a CRL source could not be read)"
									: "");
	default: return false; /* limit and memory are noted in the judgement */
	}
	return judgement_fail(
		lookup->judgement, RANK_PATH_ABSENCE, lookup->reason, "CRL of '%s' %s", issuer.text, why);
}

bool revocation_check(struct judgement *judgement, const struct cert *const *path, size_t count,
	int64_t *until, bool *known)
{
	const struct x509_question *question = judgement->question;
	struct lookup missing = {.judgement = NULL};
	*known = false;
	if (question->revocation == X509_REVOCATION_NONE) {
		return true;
	}
	bool all = true;
	for (size_t i = 0; i + 1 < count; i++) { /* an anchor is withdrawn by removing it, not by a list */
		struct lookup lookup = {.judgement = judgement,
			.cert = path[i],
			.issuer = path[i + 1],
			.reason = X509_CRL_MISSING};
		switch (look_up(&lookup, until)) {
		case STATUS_GOOD: continue;
		case STATUS_REVOKED: return false; /* noted; outweighs what is merely missing elsewhere */
		case STATUS_ABSENT: break;
		}
		all = false;
		if (judgement->out_of_memory || judgement->out_of_work) {
			return false;
		}
		bool tolerable = question->revocation == X509_REVOCATION_IF_AVAILABLE &&
				 lookup.reason == X509_CRL_MISSING && !question->crl_set_incomplete;
		if (!tolerable && missing.judgement == NULL) {
			missing = lookup;
		}
	}
	if (missing.judgement != NULL) {
		return absent(&missing);
	}
	*known = all;
	return true;
}
