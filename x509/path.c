/*
 * path.c - from the leaf to an anchor: bounded depth-first search over anchors and presented certificates (RFC 4158),
 *          and the checks of a whole path (RFC 5280 6.1).
 * Owns:    nothing that outlives the call.
 * Never:   depends on the order in which a peer presents; takes a pin as an issuer; looks past PATH_STEPS_MAX.
 * Threads: any.
 *
 * First it is found out, from the anchors down, which presented certificates hang on an anchor by signatures: a stranger's
 * own chain, however long and tangled, costs a few checks under the anchors' keys and no more. Then the search goes up from
 * the leaf through these alone, and no name with the same key occurs twice on a path. A certificate has one signer, so the
 * paths that survive both are few, whatever a peer sends. An anchor's own validity,
 * constraints and key usage hold like any CA's: an expired anchor refuses.
 */
#include <stdio.h>
#include <string.h>

#include "x509/policy.h"

struct candidate {
	const struct cert *cert;
	bool anchor;
	int score;
};

static bool on_path(const struct cert *const *path, size_t count, const struct cert *cert)
{
	for (size_t i = 0; i < count; i++) {
		if (memcmp(path[i]->spki_sha256, cert->spki_sha256, SHA256_BYTES) == 0 &&
			name_equal(&path[i]->subject, &cert->subject)) {
			return true;
		}
	}
	return false;
}

static bool is_anchor(const struct x509_question *question, const struct cert *cert)
{
	for (size_t i = 0; i < trust_set_anchor_count(question->trust); i++) {
		if (memcmp(trust_set_anchor(question->trust, i)->sha256, cert->sha256, SHA256_BYTES) == 0) {
			return true;
		}
	}
	return false;
}

/* Anchors first, then matching key identifiers, then what is valid today. A hint never excludes (RFC 5280 4.2.1.1). */
static int score(
	const struct judgement *judgement, const struct cert *child, const struct cert *issuer, bool anchor)
{
	int points = anchor ? 4 : 0;
	if (child->ext.authority_key_id.len != 0 && issuer->ext.subject_key_id.len != 0) {
		points += bytes_equal(child->ext.authority_key_id, issuer->ext.subject_key_id) ? 8 : -8;
	}
	if (judgement->question->now >= issuer->not_before && judgement->question->now <= issuer->not_after) {
		points += 2;
	}
	return points + (issuer->ext.ca ? 1 : 0);
}

static bool goes_before(const struct candidate *a, const struct candidate *b)
{
	return a->score > b->score ||
	       (a->score == b->score && memcmp(a->cert->sha256, b->cert->sha256, SHA256_BYTES) < 0);
}

/*
 * Keeps the list sorted by score, the tie broken by hash: a verdict does not depend on the order presented. Of more than there
 * is room for the last is left out.
 */
static void add_candidate(
	struct judgement *judgement, struct candidate *list, size_t *count, const struct candidate *candidate)
{
	size_t at = *count;
	if (at == PATH_CANDIDATES_MAX) {
		judgement_stop(judgement, LIMIT_ISSUERS, PATH_CANDIDATES_MAX);
		if (!goes_before(candidate, &list[--at])) {
			return;
		}
	} else {
		(*count)++;
	}
	for (; at > 0 && goes_before(candidate, &list[at - 1]); at--) {
		list[at] = list[at - 1];
	}
	list[at] = *candidate;
}

static size_t find_candidates(struct judgement *judgement, const struct cert *const *path, size_t path_count,
	struct candidate list[PATH_CANDIDATES_MAX])
{
	const struct x509_question *question = judgement->question;
	const struct cert *child = path[path_count - 1];
	size_t count = 0;
	for (size_t i = 0; i < trust_set_anchor_count(question->trust); i++) {
		const struct cert *anchor = trust_set_anchor(question->trust, i);
		if (name_equal(&child->issuer, &anchor->subject) && !on_path(path, path_count, anchor)) {
			struct candidate candidate = {anchor, true, score(judgement, child, anchor, true)};
			add_candidate(judgement, list, &count, &candidate);
		}
	}
	for (size_t i = 1; i < question->chain_count; i++) {
		const struct cert *cert = question->chain[i];
		bool again = !judgement->reached[i];
		for (size_t j = 0; j < count; j++) {
			again = again || memcmp(list[j].cert->sha256, cert->sha256, SHA256_BYTES) == 0;
		}
		if (!again && name_equal(&child->issuer, &cert->subject) &&
			!on_path(path, path_count, cert) && !is_anchor(question, cert)) {
			struct candidate candidate = {cert, false, score(judgement, child, cert, false)};
			add_candidate(judgement, list, &count, &candidate);
		}
	}
	return count;
}

/* Whether issuer's key made child's signature; the failure is noted. */
static bool check_edge(struct judgement *judgement, const struct cert *child, const struct cert *issuer)
{
	struct signed_object object = {.object = child,
		.memo = &child->memo,
		.not_memo = &child->not_memo,
		.algorithm = &child->algorithm,
		.message = child->tbs,
		.signature = child->signature};
	if (algorithm_is_weak(judgement, &child->algorithm)) {
		return judgement_fail(judgement, RANK_EDGE, X509_WEAK_ALGORITHM,
			"certificate '%s' is signed with %s, which can be forged", cert_label(child).text,
			child->algorithm.strength == SIG_SHA1 ? "SHA-1" : "MD5 or MD2");
	}
	switch (judgement_verify(judgement, &object, issuer)) {
	case ERR_OK: return true;
	case ERR_LIMIT:
	case ERR_NOMEM: return false; /* noted in the judgement */
	case ERR_UNSUPPORTED:
		return judgement_fail(judgement, RANK_EDGE, X509_UNSUPPORTED_ALGORITHM,
			"certificate '%s' is signed with an algorithm that is not supported",
			cert_label(child).text);
	default:
		return judgement_fail(judgement, RANK_EDGE, X509_BAD_SIGNATURE,
			"the signature of certificate '%s' was not made by '%s'", cert_label(child).text,
			cert_label(issuer).text);
	}
}

/* The issuer's name and key are those of a pinned certificate: say that a pin is no CA, rather than "unknown". */
static bool pin_would_issue(struct judgement *judgement, const struct cert *child)
{
	const struct trust_set *trust = judgement->question->trust;
	for (size_t i = 0; i < trust_set_pin_count(trust); i++) {
		const char *name = NULL;
		const struct cert *pin = trust_set_pin(trust, i, &name);
		struct signed_object object = {.object = child,
			.memo = &child->memo,
			.not_memo = &child->not_memo,
			.algorithm = &child->algorithm,
			.message = child->tbs,
			.signature = child->signature};
		if (name_equal(&child->issuer, &pin->subject) &&
			judgement_verify(judgement, &object, pin) == ERR_OK) {
			return !judgement_fail(judgement, RANK_NO_ISSUER, X509_PIN_AS_ISSUER,
				"certificate '%s' was issued by '%s', which is only pinned (a pin is no CA)",
				cert_label(child).text, cert_label(pin).text);
		}
	}
	return false;
}

static bool was_presented(const struct x509_question *question, const struct name *name)
{
	for (size_t i = 0; i < question->chain_count; i++) {
		if (name_equal(&question->chain[i]->subject, name)) {
			return true;
		}
	}
	return false;
}

static void no_issuer(struct judgement *judgement, const struct cert *child)
{
	const struct x509_question *question = judgement->question;
	if (child->self_issued && child != question->chain[0]) {
		(void)judgement_fail(judgement, RANK_NO_ISSUER, X509_UNKNOWN_ISSUER,
			"the chain ends in '%s', which is self-signed and not trusted",
			cert_label(child).text);
		return;
	}
	if (child == question->chain[0] && is_anchor(question, child)) {
		(void)judgement_fail(judgement, RANK_NO_ISSUER, X509_UNKNOWN_ISSUER,
			"certificate '%s' is itself among the trusted CAs; that lets in what it issues, not "
			"itself: pin it",
			cert_label(child).text);
		return;
	}
	if (child->self_issued) {
		(void)judgement_fail(judgement, RANK_NO_ISSUER, X509_UNKNOWN_ISSUER,
			"certificate '%s' is self-signed and neither pinned nor a trusted CA's issue",
			cert_label(child).text);
		return;
	}
	(void)judgement_fail(judgement, RANK_NO_ISSUER, X509_UNKNOWN_ISSUER,
		was_presented(question, &child->issuer)
			? "the issuer '%s' of certificate '%s' was presented, but nothing trusted stands "
			  "above it"
			: "the issuer '%s' of certificate '%s' is neither trusted nor was it presented",
		name_label(&child->issuer).text, cert_label(child).text);
}

static bool path_holds(struct judgement *judgement, const struct cert *const *path, size_t count)
{
	int64_t until = X509_NEVER;
	bool known = false;
	if (!path_check(judgement, path, count) ||
		!revocation_check(judgement, path, count, &until, &known)) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (path[i]->not_after < until) {
			until = path[i]->not_after;
		}
	}
	judgement->out->valid_until = until;
	judgement->out->revocation_known = known;
	(void)snprintf(judgement->out->sentence, sizeof(judgement->out->sentence),
		"certificate '%s' was issued under the trusted CA '%s'", cert_label(path[0]).text,
		cert_label(path[count - 1]).text);
	return true;
}

/* The answer shows the path that it speaks of: the accepted one, or that of the failure that is told. */
static bool try_path(struct judgement *judgement, const struct cert *const *path, size_t count)
{
	int rank_before = judgement->best_rank;
	judgement->evidence_count = 0;
	bool holds = path_holds(judgement, path, count);
	if (holds || judgement->best_rank > rank_before) {
		judgement->out->path_count = count;
		for (size_t i = 0; i < count; i++) {
			judgement->out->path[i] = path[i];
		}
		judgement->out->evidence_count = judgement->evidence_count;
		for (size_t i = 0; i < judgement->evidence_count; i++) {
			judgement->out->evidence[i] = judgement->evidence[i];
		}
	}
	return holds;
}

/* Recursion is as deep as a path is long, at most PATH_CERTS_MAX. path has room for that many. */
static bool search_from(struct judgement *judgement, const struct cert **path, size_t count)
{
	struct candidate candidates[PATH_CANDIDATES_MAX];
	size_t candidate_count = find_candidates(judgement, path, count, candidates);
	for (size_t i = 0; i < candidate_count; i++) {
		const struct candidate *candidate = &candidates[i];
		if (count >= PATH_CERTS_MAX) {
			judgement->too_deep = true;
			return false;
		}
		if (++judgement->steps > PATH_STEPS_MAX) {
			judgement_stop(judgement, LIMIT_STEPS, PATH_STEPS_MAX);
			return false;
		}
		if (!check_issuer(judgement, candidate->cert, candidate->anchor) ||
			!check_edge(judgement, path[count - 1], candidate->cert)) {
			if (judgement->out_of_work || judgement->out_of_memory) {
				return false;
			}
			continue;
		}
		path[count] = candidate->cert;
		bool accepted = candidate->anchor ? try_path(judgement, path, count + 1)
						  : search_from(judgement, path, count + 1);
		if (accepted) {
			return true;
		}
		if (judgement->out_of_work || judgement->out_of_memory) {
			return false;
		}
	}
	return false;
}

static bool is_repeated(const struct x509_question *question, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (memcmp(question->chain[i]->sha256, question->chain[index]->sha256, SHA256_BYTES) == 0) {
			return true;
		}
	}
	return is_anchor(question, question->chain[index]);
}

/* Whether an anchor, or a CA that hangs on one, signed the certificate. */
static bool hangs_on_anchor(struct judgement *judgement, const struct cert *cert)
{
	const struct x509_question *question = judgement->question;
	for (size_t i = 0; i < trust_set_anchor_count(question->trust); i++) {
		const struct cert *anchor = trust_set_anchor(question->trust, i);
		if (name_equal(&cert->issuer, &anchor->subject) && check_edge(judgement, cert, anchor)) {
			return true;
		}
	}
	for (size_t i = 1; i < question->chain_count; i++) {
		const struct cert *ca = question->chain[i];
		if (judgement->reached[i] && ca->ext.ca && name_equal(&cert->issuer, &ca->subject) &&
			check_edge(judgement, cert, ca)) {
			return true;
		}
	}
	return false;
}

/* Each round reaches at least one more or is the last. */
static void find_reached(struct judgement *judgement)
{
	const struct x509_question *question = judgement->question;
	for (bool more = true; more && !judgement->out_of_work && !judgement->out_of_memory;) {
		more = false;
		for (size_t i = 1; i < question->chain_count; i++) {
			if (!judgement->reached[i] && !is_repeated(question, i) &&
				hangs_on_anchor(judgement, question->chain[i])) {
				judgement->reached[i] = true;
				more = true;
			}
		}
	}
}

/* Nothing was found and nothing noted: follow the names alone to where they end, and say what is missing there. */
static void explain_dead_end(struct judgement *judgement)
{
	const struct x509_question *question = judgement->question;
	const struct cert *path[X509_GIVEN_CERTS_MAX + 1] = {question->chain[0]};
	size_t count = 1;
	for (size_t i = 1; i < question->chain_count && count < ARRAY_COUNT(path);) {
		const struct cert *next = question->chain[i++];
		if (name_equal(&path[count - 1]->issuer, &next->subject) && !on_path(path, count, next)) {
			path[count++] = next;
			i = 1;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (pin_would_issue(judgement, path[i])) {
			return;
		}
	}
	no_issuer(judgement, path[count - 1]);
}

bool path_search(struct judgement *judgement)
{
	const struct cert *path[PATH_CERTS_MAX] = {judgement->question->chain[0]};
	if (judgement->question->trust == NULL) {
		return judgement_fail(judgement, RANK_FINAL, X509_UNKNOWN_ISSUER, "no CA is trusted here");
	}
	find_reached(judgement);
	if (search_from(judgement, path, 1)) {
		return true;
	}
	if (judgement->best_rank == RANK_NONE && !judgement->out_of_work && !judgement->too_deep &&
		!judgement->out_of_memory) {
		explain_dead_end(judgement);
	}
	return false;
}

/* --- a whole path --- */

/* RFC 5280 6.1.4 (l), (m): self-issued certificates do not count, nor does the leaf. */
static bool check_path_lengths(struct judgement *judgement, const struct cert *const *path, size_t count)
{
	int64_t below = 0;
	for (size_t i = 1; i < count; i++) {
		if (path[i]->ext.path_length >= 0 && below > path[i]->ext.path_length) {
			return judgement_fail(judgement, RANK_PATH, X509_PATH_LENGTH,
				"CA '%s' allows at most %lld CAs below it; the path has %lld",
				cert_label(path[i]).text, (long long)path[i]->ext.path_length,
				(long long)below);
		}
		below += path[i]->self_issued ? 0 : 1;
	}
	return true;
}

bool path_check_signer(struct judgement *judgement, const struct cert *const *path, size_t count)
{
	return check_path_lengths(judgement, path, count) && constraints_check(judgement, path, count);
}

bool path_check(struct judgement *judgement, const struct cert *const *path, size_t count)
{
	return check_path_lengths(judgement, path, count) && constraints_check(judgement, path, count) &&
	       policy_check(judgement, path, count) && path_check_profile(judgement, path, count);
}
