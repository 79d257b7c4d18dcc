/*
 * judge.c - the verdict over one presented chain, and the checks of a single certificate.
 * Owns:    nothing that outlives the call.
 * Never:   accepts but through path_search() or a pin; reads a clock; keeps anything between calls.
 * Threads: any.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "x509/policy.h"
#include "x509/time.h"

#define HOSTS_TEXT_BYTES 96u

/* --- signatures --- */

bool algorithm_is_weak(const struct judgement *judgement, const struct sig_algorithm *algorithm)
{
	switch (algorithm->strength) {
	case SIG_STRONG: return false;
	case SIG_SHA1: return !judgement->question->allow_sha1;
	case SIG_BROKEN: return true;
	}
	return true;
}

static bool memo_says(const struct signature_memo *given, const struct cert *signer)
{
	struct signature_memo *memo = UNCONST(struct signature_memo, given);
	return atomic_load_explicit(&memo->state, memory_order_acquire) == 2 &&
	       memcmp(memo->key, signer->spki_sha256, SHA256_BYTES) == 0;
}

static void memo_keep(const struct signature_memo *given, const struct cert *signer)
{
	struct signature_memo *memo = UNCONST(struct signature_memo, given);
	int empty = 0;
	if (atomic_compare_exchange_strong(&memo->state, &empty, 1)) {
		memcpy(memo->key, signer->spki_sha256, SHA256_BYTES);
		atomic_store_explicit(&memo->state, 2, memory_order_release);
	}
}

static unsigned signatures_max(const struct judgement *judgement)
{
	return judgement->question->given_by_operator ? GIVEN_SIGNATURES_MAX : X509_SIGNATURES_MAX;
}

static enum err verify_now(
	struct judgement *judgement, const struct signed_object *object, const struct cert *signer)
{
	if (memo_says(object->memo, signer)) {
		return ERR_OK;
	}
	if (object->not_memo != NULL && memo_says(object->not_memo, signer)) {
		return ERR_DENIED;
	}
	judgement->out->signatures_computed++;
	struct subject_key key = cert_subject_key(signer);
	enum err err =
		object->digest != NULL
			? algorithm_verify_digest(object->algorithm, &key, object->digest, object->signature)
			: algorithm_verify(object->algorithm, &key, object->message, object->signature);
	if (err == ERR_OK) {
		memo_keep(object->memo, signer);
	} else if (err == ERR_DENIED && object->not_memo != NULL) {
		memo_keep(object->not_memo, signer);
	}
	return err;
}

enum err judgement_verify(
	struct judgement *judgement, const struct signed_object *object, const struct cert *signer)
{
	unsigned done = judgement->out->signatures;
	for (unsigned i = 0; i < done; i++) {
		if (judgement->checked[i].object == object->object &&
			judgement->checked[i].signer == signer) {
			return judgement->checked[i].result;
		}
	}
	if (done >= signatures_max(judgement)) {
		judgement_stop(judgement, LIMIT_SIGNATURES, signatures_max(judgement));
		return ERR_LIMIT;
	}
	enum err err = verify_now(judgement, object, signer);
	if (err == ERR_NOMEM) {
		judgement->out_of_memory = true;
		return err;
	}
	judgement->checked[done] =
		(struct checked){.object = object->object, .signer = signer, .result = err};
	judgement->out->signatures = done + 1;
	return err;
}

void judgement_stop(struct judgement *judgement, enum work_limit limit, unsigned max)
{
	judgement->out_of_work = true;
	judgement->limit = limit;
	judgement->limit_max = max;
}

static bool fail_limit(struct judgement *judgement)
{
	unsigned max = judgement->limit_max;
	judgement->best_rank = RANK_NONE;
	if (!judgement->out_of_work) {
		return judgement_fail(judgement, RANK_FINAL, X509_LIMIT,
			"the path to a trusted CA would be too long: at most %u certificates, the trusted "
			"one "
			"included",
			PATH_CERTS_MAX);
	}
	switch (judgement->limit) {
	case LIMIT_SIGNATURES: break;
	case LIMIT_ISSUERS:
		return judgement_fail(judgement, RANK_FINAL, X509_LIMIT,
			"more than %u CAs bear the name of one issuer; no more of them are looked at", max);
	case LIMIT_STEPS:
		return judgement_fail(judgement, RANK_FINAL, X509_LIMIT,
			"the presented certificates would cost too much work (at most %u issuers are looked "
			"at)",
			max);
	case LIMIT_CONSTRAINTS:
		return judgement_fail(judgement, RANK_FINAL, X509_LIMIT,
			"the name constraints of the CAs above '%s' would cost too much work (at most %u "
			"steps)",
			cert_label(judgement->question->chain[0]).text, max);
	case LIMIT_LISTS:
		return judgement_fail(judgement, RANK_FINAL, X509_LIMIT,
			"too many revocation lists cover one certificate (at most %u are looked at)", max);
	case LIMIT_ANSWERS:
		return judgement_fail(judgement, RANK_FINAL, X509_LIMIT,
			"too many OCSP responses (at most %u are looked at)", max);
	}
	return judgement_fail(judgement, RANK_FINAL, X509_LIMIT,
		"the presented certificates would cost too much work (at most %u signature checks)", max);
}

/* --- one certificate --- */

static bool check_validity(
	struct judgement *judgement, const struct cert *cert, const char *role, enum failure_rank rank)
{
	char day[TIME_DAY_BYTES];
	int64_t now = judgement->question->now;
	if (now < cert->not_before) { /* RFC 5280 6.1.3 (a)(2) */
		time_day(cert->not_before, day);
		return judgement_fail(judgement, rank, X509_NOT_YET_VALID,
			"%s '%s' is valid only from %s on; check the clock here", role, cert_label(cert).text,
			day);
	}
	if (now > cert->not_after) {
		time_day(cert->not_after, day);
		return judgement_fail(judgement, rank, X509_EXPIRED, "%s '%s' expired %s", role,
			cert_label(cert).text, day);
	}
	return true;
}

static bool check_key(
	struct judgement *judgement, const struct cert *cert, const char *role, enum failure_rank rank)
{
	if (cert->key_kind == KEY_KIND_COUNT_ || cert->key_bits > RSA_BITS_MAX) {
		return judgement_fail(judgement, rank, X509_UNSUPPORTED_ALGORITHM,
			"%s '%s' has a key of a kind that is not supported (RSA 2048 to 8192, Ed25519, and "
			"EC P-256, P-384, P-521 with uncompressed points are)",
			role, cert_label(cert).text);
	}
	if (cert->key_kind == KEY_RSA && cert->key_bits < RSA_BITS_MIN) {
		return judgement_fail(judgement, rank, X509_WEAK_ALGORITHM,
			"%s '%s' has an RSA key of %u bits; at least %u are needed", role,
			cert_label(cert).text, cert->key_bits, RSA_BITS_MIN);
	}
	return true;
}

/* Whether a critical extension of this kind is processed by us (RFC 5280 4.2, 6.1.4 (o), 6.1.5 (f)). */
static bool processes(enum extension_id id)
{
	switch (id) {
	case EXT_BASIC_CONSTRAINTS:
	case EXT_KEY_USAGE:
	case EXT_EXTENDED_KEY_USAGE:
	case EXT_SUBJECT_ALT_NAME:
	case EXT_NAME_CONSTRAINTS:
	case EXT_CERTIFICATE_POLICIES:
	case EXT_POLICY_MAPPINGS:
	case EXT_POLICY_CONSTRAINTS:
	case EXT_INHIBIT_ANY_POLICY:
	case EXT_CRL_DISTRIBUTION_POINTS: return true;
	case EXT_SUBJECT_KEY_ID: /* these two must not be critical (4.2.1.1, 4.2.1.2) */
	case EXT_AUTHORITY_KEY_ID:
	case EXT_ISSUER_ALT_NAME:
	case EXT_FRESHEST_CRL:
	case EXT_AUTHORITY_INFO_ACCESS:
	case EXT_CRL_NUMBER:
	case EXT_DELTA_CRL_INDICATOR:
	case EXT_ISSUING_DISTRIBUTION_POINT:
	case EXT_REASON_CODE:
	case EXT_INVALIDITY_DATE:
	case EXT_CERTIFICATE_ISSUER:
	case EXT_UNKNOWN:
	case EXT_COUNT_: return false;
	}
	return false;
}

static bool check_critical(
	struct judgement *judgement, const struct cert *cert, const char *role, enum failure_rank rank)
{
	char oid[DER_OID_TEXT_BYTES_MAX] = "?";
	for (size_t i = 0; i < cert->extension_count; i++) {
		const struct extension *extension = &cert->extension_table[i];
		if (!extension->critical || processes(extension->id)) {
			continue;
		}
		(void)!der_oid_text(extension->oid, oid);
		return judgement_fail(judgement, rank,
			extension->id == EXT_UNKNOWN ? X509_UNKNOWN_CRITICAL_EXTENSION
						     : X509_UNSUPPORTED_EXTENSION,
			"%s '%s' has the critical extension %.64s, which is not %s", role,
			cert_label(cert).text, oid, extension->id == EXT_UNKNOWN ? "known" : "supported");
	}
	return true;
}

static bool check_version(
	struct judgement *judgement, const struct cert *cert, const char *role, enum failure_rank rank)
{
	if (cert->version == 3) {
		return true;
	}
	return judgement_fail(judgement, rank, X509_VERSION,
		"%s '%s' is X.509 version %u; only version 3 is accepted: have it issued again with "
		"extensions",
		role, cert_label(cert).text, cert->version);
}

static uint32_t purpose_bit(enum x509_purpose purpose)
{
	switch (purpose) {
	case X509_PURPOSE_CLIENT: return EKU_CLIENT;
	case X509_PURPOSE_SERVER: return EKU_SERVER;
	case X509_PURPOSE_ANY: return UINT32_MAX;
	}
	return 0;
}

static const char *purpose_name(enum x509_purpose purpose)
{
	return purpose == X509_PURPOSE_SERVER ? "serverAuth" : "clientAuth";
}

/* Absent allows everything (RFC 5280 4.2.1.12); present, it must name the purpose or anyExtendedKeyUsage. */
static bool check_eku(
	struct judgement *judgement, const struct cert *cert, const char *role, enum failure_rank rank)
{
	enum x509_purpose purpose = judgement->question->purpose;
	if (!cert->ext.has[EXT_EXTENDED_KEY_USAGE] || purpose == X509_PURPOSE_ANY ||
		(cert->ext.eku & (purpose_bit(purpose) | EKU_ANY)) != 0) {
		return true;
	}
	return judgement_fail(judgement, rank, X509_EXTENDED_KEY_USAGE,
		"%s '%s' may not be used for %s: its extended key usage does not list it", role,
		cert_label(cert).text, purpose_name(purpose));
}

static bool check_leaf_usage(struct judgement *judgement, const struct cert *leaf)
{
	uint32_t wanted = KU_DIGITAL_SIGNATURE; /* CertificateVerify is a signature */
	switch (judgement->question->purpose) {
	case X509_PURPOSE_ANY: return true;
	case X509_PURPOSE_SERVER: wanted |= KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT; break;
	case X509_PURPOSE_CLIENT: break;
	}
	if (leaf->ext.has[EXT_KEY_USAGE] && (leaf->ext.key_usage & wanted) == 0) {
		return judgement_fail(judgement, RANK_FINAL, X509_KEY_USAGE,
			"certificate '%s' may not sign: its key usage lacks digitalSignature",
			cert_label(leaf).text);
	}
	return check_eku(judgement, leaf, "certificate", RANK_FINAL);
}

/* What RFC 5280 forbids in a leaf and no honest issuer makes. */
static bool check_leaf_profile(struct judgement *judgement, const struct cert *leaf)
{
	const struct extensions *ext = &leaf->ext;
	if (name_is_empty(&leaf->subject) && !ext->critical[EXT_SUBJECT_ALT_NAME]) { /* 4.1.2.6 */
		return judgement_fail(judgement, RANK_FINAL, X509_MALFORMED,
			"certificate '%s' has neither a subject nor a critical subjectAltName",
			cert_label(leaf).text);
	}
	if (!ext->ca && (ext->key_usage & KU_KEY_CERT_SIGN)) { /* 4.2.1.3, 4.2.1.9 */
		return judgement_fail(judgement, RANK_FINAL, X509_KEY_USAGE,
			"certificate '%s' claims keyCertSign but is no CA", cert_label(leaf).text);
	}
	return true;
}

static void put_host(char out[HOSTS_TEXT_BYTES], size_t *used, const char *text)
{
	int n = snprintf(out + *used, HOSTS_TEXT_BYTES - *used, "%s%s", *used != 0 ? ", " : "", text);
	*used = n < 0 || *used + (size_t)n >= HOSTS_TEXT_BYTES ? HOSTS_TEXT_BYTES : *used + (size_t)n;
}

/* The first names that the certificate is for, for a sentence: addresses, or host names. */
static void list_hosts(const struct cert *leaf, bool addresses, char out[HOSTS_TEXT_BYTES])
{
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < cert_san_count(leaf) && used + 8 < HOSTS_TEXT_BYTES; i++) {
		char text[INET6_ADDRSTRLEN];
		struct bytes value;
		enum san_kind kind = cert_san(leaf, i, &value);
		if (!addresses && kind == SAN_DNS) {
			put_host(out, &used, bytes_label(value).text);
		} else if (addresses && kind == SAN_IP &&
			   inet_ntop(value.len == 4 ? AF_INET : AF_INET6, value.data, text, sizeof(text)) !=
				   NULL) {
			put_host(out, &used, text);
		}
	}
}

static bool check_host(struct judgement *judgement, const struct cert *leaf)
{
	char hosts[HOSTS_TEXT_BYTES];
	const char *host = judgement->question->host;
	if (host == NULL || x509_host_matches(leaf, host)) {
		return true;
	}
	bool address = host_is_address(host);
	list_hosts(leaf, address, hosts);
	return judgement_fail(judgement, RANK_FINAL, X509_HOST_NAME,
		"certificate '%s' is not for '%s'; its %s are: %s", cert_label(leaf).text,
		bytes_label(bytes_text(host)).text, address ? "IP addresses" : "host names",
		hosts[0] != '\0' ? hosts : "none");
}

bool check_leaf(struct judgement *judgement, const struct cert *leaf)
{
	static const char role[] = "certificate";
	return check_version(judgement, leaf, role, RANK_FINAL) &&
	       check_validity(judgement, leaf, role, RANK_FINAL) &&
	       check_critical(judgement, leaf, role, RANK_FINAL) &&
	       check_key(judgement, leaf, role, RANK_FINAL) && check_leaf_usage(judgement, leaf) &&
	       check_leaf_profile(judgement, leaf) && check_host(judgement, leaf);
}

/* A pin is trusted as it stands: no path, no revocation; the rest holds for it as for any leaf. */
bool check_pin(struct judgement *judgement, const struct cert *leaf)
{
	return check_leaf(judgement, leaf);
}

bool check_issuer(struct judgement *judgement, const struct cert *issuer, bool anchor)
{
	const char *role = anchor ? "trusted CA" : "issuing CA";
	if (!check_version(judgement, issuer, role, RANK_EDGE)) {
		return false;
	}
	if (name_is_empty(&issuer->subject)) { /* RFC 5280 4.1.2.6 */
		return judgement_fail(judgement, RANK_EDGE, X509_NAME_CHAINING, "%s '%s' has an empty name",
			role, cert_label(issuer).text);
	}
	if (!issuer->ext.ca) { /* RFC 5280 6.1.4 (k) */
		return judgement_fail(judgement, RANK_EDGE, X509_ISSUER_NOT_CA,
			"'%s' is no CA (basicConstraints does not say so) and cannot issue certificates",
			cert_label(issuer).text);
	}
	if (issuer->ext.has[EXT_KEY_USAGE] && !(issuer->ext.key_usage & KU_KEY_CERT_SIGN)) { /* 6.1.4 (n) */
		return judgement_fail(judgement, RANK_EDGE, X509_KEY_USAGE,
			"%s '%s' may not issue certificates: its key usage lacks keyCertSign", role,
			cert_label(issuer).text);
	}
	return check_validity(judgement, issuer, role, RANK_EDGE) &&
	       check_critical(judgement, issuer, role, RANK_EDGE) &&
	       check_key(judgement, issuer, role, RANK_EDGE) && check_eku(judgement, issuer, role, RANK_EDGE);
}

bool check_crl_signer(struct judgement *judgement, const struct cert *signer)
{
	static const char role[] = "CRL signer";
	return signer->ext.has[EXT_KEY_USAGE] && (signer->ext.key_usage & KU_CRL_SIGN) != 0 &&
	       !algorithm_is_weak(judgement, &signer->algorithm) &&
	       check_version(judgement, signer, role, RANK_NONE) &&
	       check_validity(judgement, signer, role, RANK_NONE) &&
	       check_critical(judgement, signer, role, RANK_NONE) &&
	       check_key(judgement, signer, role, RANK_NONE);
}

bool check_ocsp_signer(struct judgement *judgement, const struct cert *signer)
{
	static const char role[] = "OCSP responder";
	return (signer->ext.eku & EKU_OCSP_SIGNING) != 0 &&
	       (!signer->ext.has[EXT_KEY_USAGE] || (signer->ext.key_usage & KU_DIGITAL_SIGNATURE) != 0) &&
	       !algorithm_is_weak(judgement, &signer->algorithm) &&
	       check_version(judgement, signer, role, RANK_NONE) &&
	       check_validity(judgement, signer, role, RANK_NONE) &&
	       check_critical(judgement, signer, role, RANK_NONE) &&
	       check_key(judgement, signer, role, RANK_NONE);
}

/* --- the verdict --- */

static bool chain_fits(struct judgement *judgement)
{
	const struct x509_question *question = judgement->question;
	size_t count_max = question->given_by_operator ? X509_GIVEN_CERTS_MAX : X509_CHAIN_CERTS_MAX;
	size_t total = 0;
	if (question->chain_count == 0) {
		return judgement_fail(
			judgement, RANK_FINAL, X509_NO_CERTIFICATE, "no certificate was presented");
	}
	for (size_t i = 0; i < question->chain_count && total <= X509_CHAIN_BYTES_MAX; i++) {
		total += question->chain[i]->der.len;
	}
	if (question->chain_count > count_max || total > X509_CHAIN_BYTES_MAX) {
		return judgement_fail(judgement, RANK_FINAL, X509_LIMIT,
			"the presented chain is too long: at most %u certificates and %u bytes are read",
			(unsigned)count_max, X509_CHAIN_BYTES_MAX);
	}
	return true;
}

static const struct cert *find_pin(const struct x509_question *question, const char **name)
{
	for (size_t i = 0; question->trust != NULL && i < trust_set_pin_count(question->trust); i++) {
		const struct cert *pin = trust_set_pin(question->trust, i, name);
		if (bytes_equal(pin->der, question->chain[0]->der)) {
			return pin;
		}
	}
	*name = NULL;
	return NULL;
}

static bool judge(struct judgement *judgement)
{
	const struct x509_question *question = judgement->question;
	struct x509_answer *out = judgement->out;
	const char *pin = NULL;
	if (!chain_fits(judgement)) {
		return false;
	}
	const struct cert *leaf = question->chain[0];
	if (find_pin(question, &pin) != NULL) {
		out->pin = pin;
		if (!check_pin(judgement, leaf)) {
			return false;
		}
		out->path[0] = leaf;
		out->path_count = 1;
		out->valid_until = leaf->not_after;
		(void)snprintf(out->sentence, sizeof(out->sentence), "certificate '%s' is pinned",
			cert_label(leaf).text);
		return true;
	}
	if (!check_leaf(judgement, leaf)) {
		return false;
	}
	return path_search(judgement);
}

void x509_judge(const struct x509_question *question, struct x509_answer *out)
{
	struct judgement judgement = {.question = question, .out = out, .best_rank = RANK_NONE};
	*out = (struct x509_answer){.verdict = X509_REFUSE, .reason = X509_UNKNOWN_ISSUER};
	bool accepted = judge(&judgement);
	if (judgement.out_of_memory) {
		judgement.best_rank = RANK_NONE;
		accepted = judgement_fail(
			&judgement, RANK_FINAL, X509_NO_MEMORY, "out of memory while the chain was judged");
	} else if (!accepted && (judgement.out_of_work || judgement.too_deep) &&
		   judgement.best_rank < RANK_PATH) {
		accepted = fail_limit(&judgement);
	}
	if (accepted) {
		out->verdict = X509_ACCEPT;
		out->reason = X509_OK;
		return;
	}
	out->verdict = judgement.best_rank == RANK_PATH_NEED ? X509_NEED : X509_REFUSE;
	out->need_count = out->verdict == X509_NEED ? out->need_count : 0;
	out->valid_until = 0;
	out->revocation_known = false;
}
