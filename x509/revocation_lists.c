/*
 * revocation_lists.c - what the lists at hand say of a certificate of the path (RFC 5280 6.3). Full, partitioned, indirect and
 *                      delta lists, signed by the issuing CA's key or by another that a CA of the path vouches for.
 * Owns:    nothing that outlives the call.
 * Never:   believes a list whose signer is not vouched for; takes a partial list for a full one.
 * Threads: any.
 *
 * Of the lists of one scope the newest serves that was properly signed: what is in the set unsigned is passed over. Listed is
 * revoked, however old the list: positive knowledge needs no freshness. So every scope that covers the certificate is asked,
 * also when others have covered all reasons before (RFC 5280 6.3.3 may stop there). Not listed counts only on fresh lists
 * that cover every reason. Fresh is what is not past its nextUpdate, or by no more than stale_grace_s.
 */
#include <limits.h>

#include "x509/ocsp.h"
#include "x509/revocation.h"

#define DISTRIBUTION_POINTS_MAX 32u
#define SCOPES_MAX              16u /* that cover one certificate */

enum status { STATUS_GOOD, STATUS_REVOKED, STATUS_ABSENT };

/* path[0] is looked up; path[1] issued it; path[count - 1] is the anchor. */
struct lookup {
	struct judgement *judgement;
	const struct cert *const *path;
	size_t count;
	bool nested;      /* the certificate vouches for others itself: only direct signatures */
	uint32_t reasons; /* covered so far */
	int64_t until;    /* earliest nextUpdate relied on */
	/* The best there is to say if no list serves. */
	enum x509_reason reason;
	const struct crl *about;
	/* The newest of their scope, which were asked: older ones must not serve. */
	struct {
		const struct crl *crl;
		bool stale;
	} asked[SCOPES_MAX];
	size_t asked_count;
	const struct crl *good;    /* one that covers the certificate and does not list it */
	struct lists_finding *out; /* NULL: nobody asks where deltas lie */
	bool grace;                /* what served is past its nextUpdate */
	int64_t revoked_at;
	bool on_hold;
};

/* Nothing that is found out from here on is told; the rank that it returns is put back afterwards. */
static int judgement_hush(struct judgement *judgement)
{
	int rank = judgement->best_rank;
	judgement->best_rank = INT_MAX;
	return rank;
}

static void note(struct lookup *lookup, enum x509_reason reason, const struct crl *about)
{
	if (lookup->reason == X509_CRL_MISSING) {
		lookup->reason = reason;
		lookup->about = about;
	}
}

static bool stopped(const struct lookup *lookup)
{
	return lookup->judgement->out_of_memory || lookup->judgement->out_of_work;
}

/* --- who signed it --- */

static bool may_sign_lists(const struct cert *issuer)
{
	return !issuer->ext.has[EXT_KEY_USAGE] || (issuer->ext.key_usage & KU_CRL_SIGN) != 0;
}

static bool signed_by(struct lookup *lookup, const struct crl *crl, const struct cert *signer)
{
	struct signed_object object = {.object = crl,
		.memo = &crl->memo,
		.algorithm = &crl->algorithm,
		.message = crl->tbs,
		.digest = crl->tbs.len == 0 ? crl->digest : NULL,
		.signature = crl->signature};
	return judgement_verify(lookup->judgement, &object, signer) == ERR_OK;
}

static enum status look_up(struct lookup *lookup);

/*
 * A certificate that was presented, or that the operator keeps, and that is not on the path: it counts only if a CA of this
 * very path issued it, within what the path allows, and if it is not revoked itself (6.3.3 (f)). So nobody can vouch for
 * lists who could not issue them.
 */
static bool vouched_for(struct lookup *lookup, const struct cert *signer)
{
	const struct cert *path[PATH_CERTS_MAX + 1] = {signer};
	struct judgement *judgement = lookup->judgement;
	if (!check_crl_signer(judgement, signer)) {
		return false;
	}
	for (size_t k = 1; k < lookup->count; k++) {
		struct signed_object object = {.object = signer,
			.memo = &signer->memo,
			.algorithm = &signer->algorithm,
			.message = signer->tbs,
			.signature = signer->signature};
		if (!name_equal(&signer->issuer, &lookup->path[k]->subject) ||
			judgement_verify(judgement, &object, lookup->path[k]) != ERR_OK) {
			continue;
		}
		size_t count = 1;
		for (size_t i = k; i < lookup->count; i++) {
			path[count++] = lookup->path[i];
		}
		struct lookup nested = {.judgement = judgement,
			.path = path,
			.count = count,
			.nested = true,
			.until = lookup->until,
			.reason = X509_CRL_MISSING};
		int rank = judgement_hush(judgement);
		bool good = path_check_signer(judgement, path, count) && look_up(&nested) == STATUS_GOOD;
		judgement->best_rank = rank;
		if (good) {
			lookup->until = nested.until < signer->not_after ? nested.until : signer->not_after;
			return true;
		}
	}
	return false;
}

/* signer if it is not on the path and signed the list as it may, else NULL. */
static const struct cert *signed_aside(
	struct lookup *lookup, const struct crl *crl, const struct cert *signer)
{
	bool self = lookup->nested && signer == lookup->path[0];
	if (!name_equal(&signer->subject, &crl->issuer) || (lookup->nested && !self)) {
		return NULL;
	}
	return check_crl_signer(lookup->judgement, signer) && signed_by(lookup, crl, signer) &&
			       (self || vouched_for(lookup, signer))
		       ? signer
		       : NULL;
}

/* NULL: nobody who may; noted. */
static const struct cert *find_signer(struct lookup *lookup, const struct crl *crl)
{
	const struct x509_question *question = lookup->judgement->question;
	bool candidates = false;
	if (algorithm_is_weak(lookup->judgement, &crl->algorithm)) {
		note(lookup, X509_CRL_BAD_SIGNATURE, crl);
		return NULL;
	}
	for (size_t k = 1; k < lookup->count && !stopped(lookup); k++) {
		const struct cert *ca = lookup->path[k];
		if (name_equal(&ca->subject, &crl->issuer) && may_sign_lists(ca)) {
			candidates = true;
			if (signed_by(lookup, crl, ca)) {
				return ca;
			}
		}
	}
	const struct cert *signer = NULL;
	for (size_t i = 0; i < question->chain_count && signer == NULL && !stopped(lookup); i++) {
		signer = signed_aside(lookup, crl, question->chain[i]);
	}
	for (size_t i = 0; i < trust_set_signer_count(question->trust) && signer == NULL && !stopped(lookup);
		i++) {
		signer = signed_aside(lookup, crl, trust_set_signer(question->trust, i));
	}
	if (signer != NULL) {
		return signer;
	}
	bool other_key = crl->authority_key_id.len != 0 && lookup->path[1]->ext.subject_key_id.len != 0 &&
			 !bytes_equal(crl->authority_key_id, lookup->path[1]->ext.subject_key_id);
	bool unsupported = !crl->algorithm.supported || other_key || !candidates;
	note(lookup,
		name_equal(&crl->issuer, &lookup->path[1]->subject) && !may_sign_lists(lookup->path[1])
			? X509_CRL_BAD_SIGNATURE
		: unsupported ? X509_CRL_UNSUPPORTED
			      : X509_CRL_BAD_SIGNATURE,
		crl);
	return NULL;
}

/* --- what it says --- */

static bool number_at_most(struct bytes a, struct bytes b)
{
	return crl_number_compare(a, b) <= 0;
}

/* RFC 5280 6.3.3 (c): the newest delta that goes with this complete list. */
static const struct crl *find_delta(struct lookup *lookup, const struct crl *const *crls, size_t count,
	const struct crl *complete, const struct cert *signer)
{
	for (size_t i = 0; i < count; i++) {
		const struct crl *delta = crls[i];
		if (!(delta->oddities & CRL_IS_DELTA) ||
			!bytes_equal(delta->scope_value, complete->scope_value) ||
			!bytes_equal(delta->authority_key_id, complete->authority_key_id) ||
			complete->number.len == 0 || delta->number.len == 0 ||
			!number_at_most(delta->base_number, complete->number) ||
			number_at_most(delta->number, complete->number) ||
			delta->this_update > lookup->judgement->question->now) {
			continue;
		}
		if (signed_by(lookup, delta, signer)) {
			return delta;
		}
		if (stopped(lookup)) {
			return NULL;
		}
	}
	return NULL;
}

static bool is_stale(const struct lookup *lookup, const struct crl *crl)
{
	/* RFC 5280 5.1.2.5: without nextUpdate nobody knows. */
	return crl->next_update == X509_NEVER ||
	       revocation_is_late(lookup->judgement->question, crl->next_update);
}

/*
 * A delta of the same list that is not stale: as new as one can be had, whether or not it goes with this complete list. It may be
 * anybody's: then its address is known already, and is looked at again when its time comes.
 */
static bool has_delta(
	const struct lookup *lookup, const struct crl *const *crls, size_t count, const struct crl *complete)
{
	for (size_t i = 0; i < count; i++) {
		if (crl_is_delta(crls[i]) && bytes_equal(crls[i]->scope_value, complete->scope_value) &&
			bytes_equal(crls[i]->authority_key_id, complete->authority_key_id) &&
			crls[i]->this_update <= lookup->judgement->question->now &&
			!is_stale(lookup, crls[i])) {
			return true;
		}
	}
	return false;
}

static void note_without_delta(
	struct lookup *lookup, const struct crl *const *crls, size_t count, const struct crl *complete)
{
	struct lists_finding *out = lookup->out;
	if (out != NULL && complete->number.len != 0 &&
		out->without_delta_count < ARRAY_COUNT(out->without_delta) &&
		!has_delta(lookup, crls, count, complete)) {
		out->without_delta[out->without_delta_count++] = complete;
	}
}

/*
 * A delta that builds on a later list than complete cannot be put together with it (6.3.3 (c)). Whom it names is revoked all the
 * same, be that later list fetched or not: NULL unless the newest of them does. It lifts nothing.
 */
static const struct crl *ahead_of(struct lookup *lookup, const struct crl *const *crls, size_t count,
	const struct crl *complete, const struct cert *signer, struct crl_entry *found)
{
	const struct cert *cert = lookup->path[0];
	for (size_t i = 0; i < count && !stopped(lookup); i++) {
		const struct crl *delta = crls[i];
		if (!(delta->oddities & CRL_IS_DELTA) ||
			!bytes_equal(delta->scope_value, complete->scope_value) ||
			!bytes_equal(delta->authority_key_id, complete->authority_key_id) ||
			complete->number.len == 0 || number_at_most(delta->base_number, complete->number) ||
			delta->this_update > lookup->judgement->question->now ||
			!signed_by(lookup, delta, signer)) {
			continue;
		}
		enum err err = crl_find(delta, cert->serial, &cert->issuer, found);
		if (err == ERR_NOMEM) {
			lookup->judgement->out_of_memory = true;
		}
		return err == ERR_OK && found->reason != CRL_REASON_REMOVE ? delta : NULL;
	}
	return NULL;
}

static void revoked(struct lookup *lookup, const struct crl *crl, const struct crl_entry *entry)
{
	lookup->about = crl;
	lookup->on_hold = entry->reason == REASON_CERTIFICATE_HOLD;
	lookup->revoked_at = entry->when;
}

static void rely_on(struct lookup *lookup, const struct crl *crl)
{
	int64_t until = revocation_until(lookup->judgement->question, crl->next_update, &lookup->grace);
	if (until < lookup->until) {
		lookup->until = until;
	}
}

/* Is the certificate on complete, as delta changes it? *found: where. */
static enum err find_entry(
	struct lookup *lookup, const struct crl *complete, const struct crl *delta, struct crl_entry *found)
{
	const struct cert *cert = lookup->path[0];
	if (delta != NULL) {
		enum err err = crl_find(delta, cert->serial, &cert->issuer, found);
		/* A delta that we do not understand whole (RFC 5280 5.2) may revoke, but lifts nothing. */
		bool understood = (delta->oddities & CRL_HAS_CRITICAL_UNKNOWN) == 0;
		if (err == ERR_OK && found->reason == CRL_REASON_REMOVE && understood &&
			!is_stale(lookup, delta)) {
			return ERR_NOT_FOUND; /* a hold that was lifted */
		}
		if (err == ERR_NOMEM || (err == ERR_OK && found->reason != CRL_REASON_REMOVE)) {
			return err;
		}
	}
	return crl_find(complete, cert->serial, &cert->issuer, found);
}

/* false: too many scopes. */
static bool remember(struct lookup *lookup, const struct crl *crl, bool stale)
{
	if (lookup->asked_count == SCOPES_MAX) {
		judgement_stop(lookup->judgement, LIMIT_LISTS, SCOPES_MAX);
		return false;
	}
	lookup->asked[lookup->asked_count].crl = crl;
	lookup->asked[lookup->asked_count++].stale = stale;
	return true;
}

/* One list that covers the certificate. STATUS_GOOD: its reasons are covered; STATUS_ABSENT: noted. */
static enum status ask(struct lookup *lookup, const struct crl *const *crls, size_t count,
	const struct crl *crl, uint32_t reasons)
{
	struct crl_entry entry;
	const struct cert *signer = find_signer(lookup, crl);
	if (signer == NULL) {
		return STATUS_ABSENT;
	}
	const struct crl *delta = find_delta(lookup, crls, count, crl, signer);
	enum err err = find_entry(lookup, crl, delta, &entry);
	if (err == ERR_NOMEM) {
		lookup->judgement->out_of_memory = true;
		return STATUS_ABSENT;
	}
	if (err == ERR_OK) {
		revoked(lookup, crl, &entry);
		return STATUS_REVOKED;
	}
	const struct crl *ahead = ahead_of(lookup, crls, count, crl, signer, &entry);
	if (ahead != NULL) {
		revoked(lookup, ahead, &entry);
		return STATUS_REVOKED;
	}
	if (stopped(lookup)) {
		return STATUS_ABSENT;
	}
	if (crl->this_update > lookup->judgement->question->now) {
		note(lookup, X509_CRL_NOT_YET_VALID, crl);
		return STATUS_ABSENT; /* an older one may be in force */
	}
	if (is_stale(lookup, crl)) {
		lookup->reason = X509_CRL_STALE;
		lookup->about = crl;
		(void)remember(lookup, crl, true);
		return STATUS_ABSENT;
	}
	if (lookup->judgement->question->purpose == X509_PURPOSE_SERVER && crl->number.len == 0) {
		note(lookup, X509_CRL_UNSUPPORTED, crl); /* profile.c: RFC 5280 5.2.3 is the issuer's duty */
		return STATUS_ABSENT;
	}
	if (!remember(lookup, crl, false)) {
		return STATUS_ABSENT;
	}
	rely_on(lookup, crl);
	if (delta != NULL && !is_stale(lookup, delta)) {
		rely_on(lookup, delta);
	}
	note_without_delta(lookup, crls, count, crl);
	if ((reasons & ~lookup->reasons) != 0) {
		lookup->good = crl;
	}
	lookup->reasons |= reasons;
	return STATUS_GOOD;
}

/* Was a list of this scope asked? If it served, it serves for reasons, too. */
static bool was_asked(struct lookup *lookup, const struct crl *crl, uint32_t reasons)
{
	for (size_t i = 0; i < lookup->asked_count; i++) {
		const struct crl *asked = lookup->asked[i].crl;
		if (name_equal(&asked->issuer, &crl->issuer) &&
			bytes_equal(asked->scope_value, crl->scope_value)) {
			lookup->reasons |= lookup->asked[i].stale ? 0 : reasons;
			return true;
		}
	}
	return false;
}

/* All lists of one issuer, for one distribution point. */
static enum status ask_issuer(
	struct lookup *lookup, const struct name *issuer, const struct distribution_point *point)
{
	const struct x509_question *question = lookup->judgement->question;
	const struct crl *const *crls = NULL;
	size_t count = question->crls == NULL ? 0 : crl_set_of_issuer(question->crls, issuer, &crls);
	for (size_t i = 0; i < count && !stopped(lookup); i++) {
		uint32_t reasons = crls[i]->scope.reasons & point->reasons;
		if (crls[i]->oddities & CRL_HAS_CRITICAL_UNKNOWN) {
			note(lookup, X509_CRL_UNSUPPORTED, crls[i]);
			continue;
		}
		if ((crls[i]->oddities & CRL_IS_DELTA) || reasons == 0) {
			continue;
		}
		enum err err = crl_scope_covers(crls[i], lookup->path[0], point);
		if (err == ERR_NOMEM) {
			lookup->judgement->out_of_memory = true;
			return STATUS_ABSENT;
		}
		if (err == ERR_OK && !was_asked(lookup, crls[i], reasons) &&
			ask(lookup, crls, count, crls[i], reasons) == STATUS_REVOKED) {
			return STATUS_REVOKED;
		}
	}
	if (count != 0 && lookup->reasons != REASONS_ALL) {
		note(lookup, X509_CRL_UNSUPPORTED,
			crls[0]); /* there are lists, but not for this certificate */
	}
	return lookup->reasons == REASONS_ALL ? STATUS_GOOD : STATUS_ABSENT;
}

static enum status ask_point(struct lookup *lookup, const struct distribution_point *point)
{
	if (point->crl_issuer.len == 0) {
		return ask_issuer(lookup, &lookup->path[0]->issuer, point);
	}
	struct wire_reader in = wire_reader_init(point->crl_issuer);
	struct general_name general;
	while (wire_reader_left(&in) != 0 && general_name_next(&in, &general) == ERR_OK) {
		struct name issuer;
		if (general.tag != DER_CONTEXT_CONSTRUCTED(4)) {
			continue;
		}
		enum err err = name_parse(general.value, false, &issuer);
		if (err == ERR_NOMEM) {
			lookup->judgement->out_of_memory = true;
			return STATUS_ABSENT;
		}
		if (err != ERR_OK) {
			continue;
		}
		enum status status = ask_issuer(lookup, &issuer, point);
		name_release(&issuer);
		return status; /* RFC 5280 4.2.1.13: it holds one name */
	}
	return STATUS_ABSENT;
}

/* RFC 5280 6.3.3: the certificate's distribution points, then whatever else its issuer published. */
static enum status look_up(struct lookup *lookup)
{
	const struct cert *cert = lookup->path[0];
	struct distribution_point point;
	enum status status = STATUS_ABSENT;
	if (cert->ext.has[EXT_CRL_DISTRIBUTION_POINTS]) {
		struct wire_reader list;
		if (der_single(cert->ext.value[EXT_CRL_DISTRIBUTION_POINTS], DER_SEQUENCE, &list) != ERR_OK) {
			list = wire_reader_init(BYTES_NONE);
		}
		for (size_t i = 0; i < DISTRIBUTION_POINTS_MAX && wire_reader_left(&list) != 0; i++) {
			if (distribution_point_next(&list, &point) != ERR_OK) {
				break;
			}
			status = ask_point(lookup, &point);
			if (status == STATUS_REVOKED || stopped(lookup)) {
				return stopped(lookup) ? STATUS_ABSENT : status;
			}
		}
	}
	point = (struct distribution_point){.reasons = REASONS_ALL};
	status = ask_point(lookup, &point);
	if (stopped(lookup)) {
		return STATUS_ABSENT;
	}
	return status == STATUS_REVOKED         ? status
	       : lookup->reasons == REASONS_ALL ? STATUS_GOOD
						: STATUS_ABSENT;
}

void lists_ask(
	struct judgement *judgement, const struct cert *const *path, size_t count, struct lists_finding *out)
{
	struct lookup lookup = {.judgement = judgement,
		.path = path,
		.count = count,
		.until = X509_NEVER,
		.reason = X509_CRL_MISSING,
		.out = out};
	*out = (struct lists_finding){.state = X509_CRL_STATE_ABSENT};
	enum status status = look_up(&lookup);
	out->until = lookup.until;
	out->grace = lookup.grace;
	switch (status) {
	case STATUS_GOOD:
		out->state = X509_CRL_STATE_GOOD;
		out->list = lookup.good;
		break;
	case STATUS_REVOKED:
		out->state = X509_CRL_STATE_REVOKED;
		out->reason = X509_REVOKED;
		out->list = lookup.about;
		out->revoked_at = lookup.revoked_at;
		out->on_hold = lookup.on_hold;
		break;
	case STATUS_ABSENT:
		out->state = lookup.reason == X509_CRL_MISSING && !judgement->question->crl_set_incomplete
				     ? X509_CRL_STATE_ABSENT
				     : X509_CRL_STATE_STALE;
		out->reason = lookup.reason;
		out->list = lookup.about;
		break;
	}
}

enum ocsp_signer lists_let_pass(
	struct judgement *judgement, const struct cert *const *path, size_t count, int64_t *until)
{
	struct lookup lookup = {.judgement = judgement,
		.path = path,
		.count = count,
		.nested = true,
		.until = *until,
		.reason = X509_CRL_MISSING};
	int rank = judgement_hush(judgement);
	bool good = path_check_signer(judgement, path, count);
	enum status status = good ? look_up(&lookup) : STATUS_ABSENT;
	judgement->best_rank = rank;
	if (!good || stopped(&lookup) || status == STATUS_REVOKED) {
		return OCSP_SIGNER_BAD;
	}
	if (status == STATUS_ABSENT &&
		(lookup.reason != X509_CRL_MISSING ||
			judgement->question->revocation != X509_REVOCATION_IF_AVAILABLE ||
			judgement->question->crl_set_incomplete)) {
		return OCSP_SIGNER_UNKNOWN;
	}
	*until = lookup.until;
	return OCSP_SIGNER_GOOD;
}
