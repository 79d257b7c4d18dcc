/*
 * ocsp_judge.c - what the OCSP responses at hand prove about a certificate of the path (RFC 6960 3.2).
 * Owns:    nothing that outlives the call.
 * Never:   believes a response that neither the issuer nor one that it delegated to has signed; asks anybody.
 * Threads: any.
 *
 * Within one response all SingleResponses about the certificate count: any "revoked" wins, else the newest, and of equally
 * old ones the less certain. Of several responses (of several responders) "revoked" wins, but that a later "good" lifts a
 * hold; then "good", then "unknown". As with lists, "revoked" needs no freshness. The issuer's key may sign whatever its key
 * usage says, as CAs do; a delegated signer needs id-kp-OCSPSigning, and the very key that issued the certificate
 * must have issued it (RFC 6960 4.2.2.2).
 */
#include "x509/ocsp.h"
#include "x509/revocation.h"

struct ask {
	struct judgement *judgement;
	const struct cert *const *path;
	size_t count;
	ocsp_delegate_fn delegate;
};

/* One response's own finding. */
struct reading {
	enum x509_ocsp_state state;
	enum x509_reason reason;
	const char *why;           /* X509_OCSP_BAD */
	const struct cert *signer; /* X509_OCSP_SIGNER_UNKNOWN */
	const struct ocsp_single *single;
	int64_t until;
	bool grace;
};

static bool stopped(const struct ask *ask)
{
	return ask->judgement->out_of_memory || ask->judgement->out_of_work;
}

/* --- who signed it --- */

static bool is_named(const struct ocsp_response *response, const struct cert *cert)
{
	uint8_t key[HASH_BYTES_MAX];
	if (response->by_name) {
		return name_equal(&response->responder_name, &cert->subject);
	}
	hash_of(HASH_SHA1, ocsp_key_octets(cert), key);
	return bytes_equal(response->responder_key, bytes_of(key, hash_bytes(HASH_SHA1)));
}

static bool signed_by(struct ask *ask, const struct ocsp_response *response, const struct cert *signer)
{
	struct signed_object object = {.object = response,
		.memo = &response->memo,
		.algorithm = &response->algorithm,
		.message = response->tbs,
		.signature = response->signature};
	return judgement_verify(ask->judgement, &object, signer) == ERR_OK;
}

/* Whether it could have signed; costs nothing. A forged answer full of certificates must not eat the verdict's work. */
static bool is_candidate(struct ask *ask, const struct ocsp_response *response, const struct cert *signer)
{
	return is_named(response, signer) && check_ocsp_signer(ask->judgement, signer) &&
	       name_equal(&signer->issuer, &ask->path[1]->subject);
}

/* RFC 6960 4.2.2.2: issued directly by the CA that issued the certificate in question, for this purpose. */
static enum ocsp_signer delegated(struct ask *ask, const struct cert *signer, int64_t *until)
{
	const struct cert *path[PATH_CERTS_MAX + 1] = {signer};
	struct signed_object object = {.object = signer,
		.memo = &signer->memo,
		.algorithm = &signer->algorithm,
		.message = signer->tbs,
		.signature = signer->signature};
	bool critical = false;
	if (judgement_verify(ask->judgement, &object, ask->path[1]) != ERR_OK) {
		return OCSP_SIGNER_NONE;
	}
	if (signer->not_after < *until) {
		*until = signer->not_after;
	}
	if (cert_extension(signer, "1.3.6.1.5.5.7.48.1.5", &critical).len != 0) {
		return OCSP_SIGNER_GOOD; /* id-pkix-ocsp-nocheck (4.2.2.2.1) */
	}
	for (size_t i = 1; i < ask->count; i++) {
		path[i] = ask->path[i];
	}
	return ask->delegate(ask->judgement, path, ask->count, until);
}

/* *who: the delegate that the answer tells of; NULL: none. */
static enum ocsp_signer find_signer(
	struct ask *ask, const struct ocsp_response *response, int64_t *until, const struct cert **who)
{
	const struct cert *issuer = ask->path[1];
	enum ocsp_signer best = OCSP_SIGNER_NONE;
	unsigned tried = 0;
	*who = NULL;
	if (is_named(response, issuer) && signed_by(ask, response, issuer)) {
		return OCSP_SIGNER_GOOD;
	}
	for (size_t i = 0; i < response->cert_count && tried < OCSP_SIGNERS_MAX && !stopped(ask); i++) {
		const struct cert *signer = response->certs[i];
		if (!is_candidate(ask, response, signer)) {
			continue;
		}
		tried++;
		if (!signed_by(ask, response, signer)) {
			continue;
		}
		enum ocsp_signer kind = delegated(ask, signer, until);
		if (kind > best) {
			best = kind;
			*who = signer;
		}
		if (kind == OCSP_SIGNER_GOOD) {
			break;
		}
	}
	return best;
}

/* --- what it says --- */

static void bad(struct reading *reading, const char *why)
{
	*reading = (struct reading){.state = X509_OCSP_STATE_UNKNOWN,
		.reason = X509_OCSP_BAD,
		.why = why,
		.single = reading->single};
}

/* What one SingleResponse says today, the signature set aside. */
static void read_single(const struct ask *ask, const struct ocsp_response *response,
	const struct ocsp_single *single, struct reading *out)
{
	const struct x509_question *question = ask->judgement->question;
	*out = (struct reading){.single = single};
	if (single->unknown_critical) {
		bad(out, "it has a critical extension that is not known");
	} else if (single->status == OCSP_SAYS_REVOKED) {
		out->state = X509_OCSP_STATE_REVOKED;
		out->reason = X509_REVOKED;
	} else if (single->this_update > question->now + X509_OCSP_SKEW_S) {
		bad(out, "it is dated in the future; check the clock here");
	} else if (single->this_update > response->produced_at + X509_OCSP_SKEW_S) {
		bad(out, "it speaks of a time after it was made");
	} else if (revocation_is_late(question, ocsp_single_until(single))) {
		out->state = X509_OCSP_STATE_UNKNOWN;
		out->reason = X509_OCSP_STALE;
	} else {
		bool good = single->status == OCSP_SAYS_GOOD;
		out->state = good ? X509_OCSP_STATE_GOOD : X509_OCSP_STATE_UNKNOWN;
		out->reason = good ? X509_OK : X509_OCSP_UNKNOWN;
		out->until = revocation_until(question, ocsp_single_until(single), &out->grace);
	}
}

static bool is_hold(const struct ocsp_single *single)
{
	return single->reason == REASON_CERTIFICATE_HOLD;
}

/* Of two that say revoked: one for good counts more than a hold, and of two holds the later. */
static bool revokes_more(const struct ocsp_single *b, const struct ocsp_single *a)
{
	if (is_hold(a) != is_hold(b)) {
		return is_hold(a);
	}
	return b->this_update > a->this_update;
}

/* Whether b counts more than a, of the same response. */
static bool outweighs(const struct reading *b, const struct reading *a)
{
	bool revoked_a = a->state == X509_OCSP_STATE_REVOKED;
	bool revoked_b = b->state == X509_OCSP_STATE_REVOKED;
	if (revoked_a || revoked_b) {
		return revoked_b && (!revoked_a || revokes_more(b->single, a->single));
	}
	if (a->reason == X509_OCSP_BAD || b->reason == X509_OCSP_BAD) {
		return a->reason != X509_OCSP_BAD; /* one that is not understood spoils the others */
	}
	if (a->single->this_update != b->single->this_update) {
		return b->single->this_update > a->single->this_update;
	}
	return a->state == X509_OCSP_STATE_GOOD;
}

/* false: it is not about the certificate. */
static bool read_singles(const struct ask *ask, const struct ocsp_response *response, struct reading *out)
{
	bool found = false;
	for (size_t i = 0; i < response->single_count; i++) {
		struct reading reading = {.state = X509_OCSP_STATE_NONE};
		if (!ocsp_single_is_about(&response->singles[i], ask->path[0], ask->path[1])) {
			continue;
		}
		read_single(ask, response, &response->singles[i], &reading);
		if (!found || outweighs(&reading, out)) {
			*out = reading;
		}
		found = true;
	}
	return found;
}

/* A response that somebody else has signed than who may is not believed; who: as find_signer() says. */
static void weigh_signer(struct reading *reading, enum ocsp_signer signer, const struct cert *who)
{
	switch (signer) {
	case OCSP_SIGNER_NONE:
		bad(reading, "neither the issuing CA nor a responder that it delegated to has signed it");
		break;
	case OCSP_SIGNER_BAD:
		bad(reading, "its responder is revoked, or beyond the limits of a CA on the path");
		break;
	case OCSP_SIGNER_UNKNOWN:
		bad(reading, "");
		reading->reason = X509_OCSP_SIGNER_UNKNOWN;
		reading->signer = who;
		break;
	case OCSP_SIGNER_GOOD: break;
	}
}

/* The whole response: what it says, if it may be believed. false: it is not about the certificate. */
static bool read_response(struct ask *ask, const struct ocsp_response *response, struct reading *out)
{
	const struct x509_question *question = ask->judgement->question;
	int64_t until = X509_NEVER;
	if (!read_singles(ask, response, out)) {
		return false;
	}
	if (out->reason == X509_OCSP_BAD) {
		return true; /* and costs no signature */
	}
	if (response->unknown_critical) {
		bad(out, "it has a critical extension that is not known");
	} else if (!ocsp_response_nonce_fits(response, question->ocsp_nonce)) {
		bad(out, "it answers another request: its nonce is not the one that was sent");
	} else if (out->state != X509_OCSP_STATE_REVOKED &&
		   response->produced_at > question->now + X509_OCSP_SKEW_S) {
		bad(out, "it was made in the future; check the clock here");
	} else if (algorithm_is_weak(ask->judgement, &response->algorithm)) {
		bad(out, "its signature algorithm can be forged");
	} else {
		const struct cert *who = NULL;
		enum ocsp_signer signer = find_signer(ask, response, &until, &who);
		weigh_signer(out, signer, who);
	}
	if (until < out->until) {
		out->until = until;
	}
	return true;
}

/* --- several responses --- */

static int weight(const struct reading *reading)
{
	switch (reading->reason) {
	case X509_OK: return 5;
	case X509_OCSP_UNKNOWN: return 4;
	case X509_OCSP_STALE: return 3;
	case X509_OCSP_SIGNER_UNKNOWN: return 2;
	case X509_OCSP_BAD: return 1;
	default: return 0;
	}
}

static bool replaces(const struct reading *reading, const struct ocsp_finding *finding)
{
	bool revoked = reading->state == X509_OCSP_STATE_REVOKED;
	bool was_revoked = finding->state == X509_OCSP_STATE_REVOKED;
	if (revoked != was_revoked) {
		/* finding->single is NULL only where nothing was found before: then a hold is not lifted, and anything counts. */
		const struct ocsp_single *hold = revoked ? reading->single : finding->single;
		const struct ocsp_single *other = revoked ? finding->single : reading->single;
		enum x509_ocsp_state state = revoked ? finding->state : reading->state;
		bool lifted = is_hold(hold) && state == X509_OCSP_STATE_GOOD &&
			      other->this_update > hold->this_update;
		return lifted != revoked;
	}
	if (revoked) {
		return revokes_more(reading->single, finding->single);
	}
	struct reading kept = {.reason = finding->reason};
	int order = weight(reading) - weight(&kept);
	return order != 0 ? order > 0 : reading->single->this_update > finding->single->this_update;
}

void ocsp_ask(struct judgement *judgement, const struct cert *const *path, size_t count,
	ocsp_delegate_fn delegate, struct ocsp_finding *out)
{
	struct ask ask = {.judgement = judgement, .path = path, .count = count, .delegate = delegate};
	const struct x509_question *question = judgement->question;
	*out = (struct ocsp_finding){.state = X509_OCSP_STATE_NONE, .reason = X509_OCSP_UNREACHABLE};
	if (question->ocsp_count > X509_OCSP_ANSWERS_MAX) {
		judgement_stop(judgement, LIMIT_ANSWERS, X509_OCSP_ANSWERS_MAX);
		return;
	}
	for (size_t i = 0; i < question->ocsp_count && !stopped(&ask); i++) {
		struct reading reading = {.state = X509_OCSP_STATE_NONE};
		if (!read_response(&ask, question->ocsp[i], &reading) || !replaces(&reading, out)) {
			continue;
		}
		*out = (struct ocsp_finding){.state = reading.state,
			.reason = reading.reason,
			.why = reading.why,
			.signer = reading.signer,
			.response = question->ocsp[i],
			.single = reading.single,
			.until = reading.until,
			.grace = reading.grace};
	}
}

enum x509_reason ocsp_response_usable_for(const struct ocsp_response *response, const struct cert *leaf,
	const struct cert *issuer, int64_t now, bool allow_sha1, int64_t *until)
{
	const struct cert *path[] = {leaf, issuer};
	struct x509_answer answer = {.verdict = X509_REFUSE};
	struct x509_question question = {.chain = path,
		.chain_count = 1,
		.now = now,
		.revocation = X509_REVOCATION_IF_AVAILABLE,
		.allow_sha1 = allow_sha1,
		.ocsp = &response,
		.ocsp_count = 1,
		.ocsp_auth = X509_OCSP_OPTIONAL};
	struct judgement judgement = {.question = &question, .out = &answer};
	struct ocsp_finding finding;
	ocsp_ask(&judgement, path, ARRAY_COUNT(path), lists_let_pass, &finding);
	if (until != NULL) {
		*until = finding.reason == X509_OK || finding.reason == X509_OCSP_UNKNOWN ? finding.until : 0;
	}
	return judgement.out_of_memory ? X509_NO_MEMORY : judgement.out_of_work ? X509_LIMIT : finding.reason;
}

bool ocsp_response_revokes_for_good(
	const struct ocsp_response *response, const struct cert *leaf, const struct cert *issuer)
{
	for (size_t i = 0; i < response->single_count; i++) {
		const struct ocsp_single *single = &response->singles[i];
		if (single->status == OCSP_SAYS_REVOKED && !single->unknown_critical && !is_hold(single) &&
			ocsp_single_is_about(single, leaf, issuer)) {
			return true;
		}
	}
	return false;
}
