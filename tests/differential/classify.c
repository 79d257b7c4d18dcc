/*
 * classify.c - the explanations. Each is a rule that is checked on the case, not a name for whatever is left over.
 *
 * A chain that we accept and OpenSSL refuses is put to OpenSSL again with exactly the path that we found, and then with one
 * demand after the other taken back (-x509_strict, the purpose, the last second of a validity): what makes it accept is the
 * explanation. A chain that OpenSSL accepts is put to us with exactly its path, and our reason is looked at.
 * Threads: one.
 */
#include "tests/differential/classify.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"
#include "x509/internal.h"

enum class {
	US_BACKTRACK,
	US_DUTY,
	US_ANY_PURPOSE,
	US_LAST_SECOND,
	US_SEVERAL,
	US_KEY_ID_HINT,
	US_SELF_ISSUED,
	US_LEAF_KEY,
	US_LEAF_MAPPING,
	US_MAPPED_POLICY,
	US_NAME_TEXT,
	US_ANCHOR_MAPPING,
	THEM_LEAF_ANCHOR,
	THEM_LOOP,
	THEM_DER,
	THEM_VERSION,
	THEM_KEY_AGREEMENT,
	THEM_LEAF_SIGNS,
	THEM_CONSTRAINED_LEAF,
	THEM_CONSTRAINTS_FORM,
	THEM_NAME_FORM,
	THEM_POLICY_FORM,
	THEM_ANCHOR_POLICY,
	THEM_INHIBITED_ANY,
	THEM_WILDCARD,
	THEM_SELF_ISSUED_LEAF,
	THEM_MAPPED_POLICY,
	THEM_RSA_PARAMETERS,
	CLASS_COUNT_
};

static const char *const class_names[CLASS_COUNT_] = {
	[US_BACKTRACK] = "accepted here: another path holds; OpenSSL takes one issuer for each certificate "
			 "and does not come "
			 "back (RFC 4158 2.4)",
	[US_DUTY] = "accepted here: -x509_strict holds a duty of issuers that RFC 5280 section 6 does not "
		    "look at (missing key "
		    "identifiers or keyUsage, extensions not critical, a path length without cA)",
	[US_ANY_PURPOSE] = "accepted here: anyExtendedKeyUsage includes clientAuth (RFC 5280 4.2.1.12)",
	[US_LAST_SECOND] = "accepted here: notAfter is the last second of a validity, not the first after it "
			   "(RFC 5280 4.1.2.5)",
	[US_SEVERAL] = "accepted here: several of these at once",
	[US_KEY_ID_HINT] = "accepted here: a key identifier that does not fit is a hint; the signature "
			   "decides (RFC 5280 4.2.1.1)",
	[US_SELF_ISSUED] = "accepted here: self-issued is not self-signed; another key made the signature "
			   "(RFC 5280 6.1)",
	[US_LEAF_KEY] = "accepted here: the leaf's key is no point of its curve, with which no handshake can "
			"be signed (RFC 8446 "
			"4.4.3)",
	[US_LEAF_MAPPING] = "accepted here: a leaf maps no policies (RFC 5280 6.1.5)",
	[US_MAPPED_POLICY] = "accepted here: a policy that a CA maps to another keeps its meaning below it, "
			     "also through anyPolicy "
			     "(RFC 5280 6.1.4 (b)(1))",
	[US_ANCHOR_MAPPING] =
		"accepted here: the anchor's own policy mappings hold, as a CA's do (RFC 5280 6.1.4 "
		"(b); policy-mappings-on-root of BoringSSL's suite)",
	[THEM_RSA_PARAMETERS] =
		"refused here: rsaEncryption without the NULL that belongs to it (RFC 3279 2.3.1)",
	[THEM_INHIBITED_ANY] = "refused here: initial-any-policy-inhibit holds from the first certificate on "
			       "(RFC 5280 6.1.2 (e))",
	[THEM_SELF_ISSUED_LEAF] = "refused here: a leaf counts for requireExplicitPolicy, self-issued or not "
				  "(RFC 5280 6.1.5 (a))",
	[THEM_WILDCARD] = "refused here: a wildcard stands for names that are excluded (RFC 5280 4.2.1.10, "
			  "RFC 9525 6.3)",
	[US_NAME_TEXT] = "accepted here: a name's text that is none is kept as it is and equals only itself "
			 "(RFC 5280 7.1)",
	[THEM_LOOP] = "refused here: the same name with the same key twice on one path (RFC 4158 2.4.2)",
	[THEM_LEAF_ANCHOR] = "refused here: the leaf is itself the anchor; a device that vouches for itself "
			     "is pinned (RFC 5280 6.1)",
	[THEM_DER] = "refused here: not the DER or the syntax of RFC 5280 4.1 and 4.2",
	[THEM_VERSION] = "refused here: X.509 v1 or v2 (RFC 5280 4.1.2.1, 6.1.4 (k))",
	[THEM_KEY_AGREEMENT] = "refused here: the leaf's keyUsage lacks digitalSignature (RFC 8446 4.4.2.2)",
	[THEM_LEAF_SIGNS] = "refused here: keyCertSign in a certificate that is no CA (RFC 5280 4.2.1.3)",
	[THEM_CONSTRAINED_LEAF] = "refused here: name constraints in a certificate that is no CA on the path "
				  "(RFC 5280 4.2.1.10)",
	[THEM_CONSTRAINTS_FORM] = "refused here: name constraints that are malformed or of no form there is "
				  "(RFC 5280 4.2.1.10)",
	[THEM_NAME_FORM] = "refused here: a name that cannot be held against a constraint of its form (RFC "
			   "5280 4.2.1.10)",
	[THEM_POLICY_FORM] =
		"refused here: a policy extension that is malformed (RFC 5280 4.2.1.4, 4.2.1.5, 4.2.1.11)",
	[THEM_MAPPED_POLICY] =
		"refused here: a policy that a CA maps away is another one below it, also where anyPolicy "
		"stands there (RFC 5280 6.1.3 (d), 6.1.4 (b))",
	[THEM_ANCHOR_POLICY] =
		"refused here: the anchor's own policies and policy constraints hold (RFC 5937 section 3)",
};

unsigned class_count(void)
{
	return CLASS_COUNT_;
}

const char *class_name(unsigned number)
{
	return number < CLASS_COUNT_ ? class_names[number] : "?";
}

/* --- accepted by us --- */

enum relaxed { RELAX_STRICT = 1, RELAX_PURPOSE = 2, RELAX_SECOND = 4 };

/* Our path, put to OpenSSL: leaf and CAs presented, the anchor trusted. */
static struct by_openssl_answer on_our_path(const struct difference *difference, unsigned relaxed)
{
	struct by_openssl_der ders[X509_CHAIN_CERTS_MAX + 1];
	const struct x509_answer *ours = difference->ours;
	struct by_openssl_question question = *difference->their_question;
	REQUIRE("a path", ours->path_count >= 2);
	for (size_t i = 0; i < ours->path_count; i++) {
		struct bytes der = cert_der(ours->path[i]);
		ders[i] = (struct by_openssl_der){der.data, der.len};
	}
	question.chain = ders;
	question.chain_count = ours->path_count - 1;
	question.anchor = ders[ours->path_count - 1];
	question.strict = (relaxed & RELAX_STRICT) == 0;
	question.any_purpose = (relaxed & RELAX_PURPOSE) != 0;
	question.any_time = (relaxed & RELAX_SECOND) != 0;
	return by_openssl_verify(&question);
}

static bool names_any_purpose(const struct x509_answer *ours)
{
	for (size_t i = 0; i < ours->path_count; i++) {
		const struct extensions *ext = &ours->path[i]->ext;
		if (ext->has[EXT_EXTENDED_KEY_USAGE] && (ext->eku & EKU_ANY) && !(ext->eku & EKU_CLIENT)) {
			return true;
		}
	}
	return false;
}

static bool key_id_differs(const struct x509_answer *ours)
{
	for (size_t i = 0; i + 1 < ours->path_count; i++) {
		const struct extensions *child = &ours->path[i]->ext;
		const struct extensions *issuer = &ours->path[i + 1]->ext;
		if (child->has[EXT_AUTHORITY_KEY_ID] && issuer->has[EXT_SUBJECT_KEY_ID] &&
			!bytes_equal(child->authority_key_id, issuer->subject_key_id)) {
			return true;
		}
	}
	return false;
}

static bool self_issued_by_another(const struct x509_answer *ours)
{
	for (size_t i = 0; i + 1 < ours->path_count; i++) {
		if (ours->path[i]->self_issued) {
			return true;
		}
	}
	return false;
}

static bool has_raw_alternative(const struct cert *cert)
{
	for (size_t i = 0; i < cert_san_count(cert); i++) {
		struct bytes value;
		struct name name;
		bool raw = false;
		if (cert_san(cert, i, &value) != SAN_DIRECTORY || name_parse(value, true, &name) != ERR_OK) {
			continue;
		}
		for (size_t j = 0; j < name.attribute_count; j++) {
			raw = raw || name.attributes[j].raw;
		}
		name_release(&name);
		if (raw) {
			return true;
		}
	}
	return false;
}

static bool has_raw_name(const struct x509_answer *ours)
{
	for (size_t i = 0; i < ours->path_count; i++) {
		for (unsigned subject = 0; subject < 2; subject++) {
			size_t count = cert_attribute_count(ours->path[i], subject == 1);
			for (size_t j = 0; j < count; j++) {
				if (cert_attribute(ours->path[i], subject == 1, j).raw) {
					return true;
				}
			}
		}
		if (has_raw_alternative(ours->path[i])) {
			return true;
		}
	}
	return false;
}

/* Even our path leaves OpenSSL a choice: it holds two of one name with different keys, and the wrong one is tried. */
static bool has_namesakes(const struct x509_answer *ours)
{
	for (size_t i = 1; i < ours->path_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (name_equal(&ours->path[i]->subject, &ours->path[j]->subject) &&
				!bytes_equal(ours->path[i]->spki, ours->path[j]->spki)) {
				return true;
			}
		}
	}
	return false;
}

static bool path_maps(const struct x509_answer *ours)
{
	for (size_t i = 1; i + 1 < ours->path_count; i++) {
		if (ours->path[i]->ext.has[EXT_POLICY_MAPPINGS]) {
			return true;
		}
	}
	return false;
}

/* What no demand taken back makes OpenSSL accept. */
static int for_good(const struct x509_answer *ours, const struct by_openssl_answer *theirs)
{
	const char *words = by_openssl_error(theirs->error);
	if (has_raw_name(ours) && (theirs->unread || strstr(words, "unspecified") != NULL ||
					  strstr(words, "issuer certificate") != NULL)) {
		return US_NAME_TEXT;
	}
	if (key_id_differs(ours) && strstr(words, "issuer certificate") != NULL) {
		return US_KEY_ID_HINT;
	}
	if (self_issued_by_another(ours) && strstr(words, "self-signed certificate") != NULL) {
		return US_SELF_ISSUED;
	}
	if (ours->path[0]->key_kind != KEY_RSA && strstr(words, "EE certificate key too weak") != NULL) {
		return US_LEAF_KEY;
	}
	if (has_namesakes(ours) && (strstr(words, "certificate signature failure") != NULL ||
					   strstr(words, "issuer certificate") != NULL)) {
		return US_BACKTRACK;
	}
	if (strstr(words, "no explicit policy") != NULL) {
		const struct cert *anchor = ours->path[ours->path_count - 1];
		return path_maps(ours)                               ? US_MAPPED_POLICY
		       : ours->path[0]->ext.has[EXT_POLICY_MAPPINGS] ? US_LEAF_MAPPING
		       : anchor->ext.has[EXT_POLICY_MAPPINGS]        ? US_ANCHOR_MAPPING
								     : -1;
	}
	return -1;
}

static int accepted_by_us(const struct difference *difference)
{
	const struct x509_answer *ours = difference->ours;
	if (on_our_path(difference, 0).accepted) {
		return US_BACKTRACK;
	}
	if (on_our_path(difference, RELAX_STRICT).accepted) {
		return US_DUTY;
	}
	if (names_any_purpose(ours) && on_our_path(difference, RELAX_PURPOSE).accepted) {
		return US_ANY_PURPOSE;
	}
	if (ours->valid_until == difference->their_question->now &&
		on_our_path(difference, RELAX_SECOND).accepted) {
		return US_LAST_SECOND;
	}
	unsigned all = RELAX_STRICT | (names_any_purpose(ours) ? RELAX_PURPOSE : 0) |
		       (ours->valid_until == difference->their_question->now ? RELAX_SECOND : 0);
	struct by_openssl_answer last = on_our_path(difference, all);
	int class = last.accepted ? US_SEVERAL : for_good(ours, &last);
	if (class < 0) {
		(void)printf("OpenSSL, with all that can be taken back: %s\n", by_openssl_error(last.error));
	}
	return class;
}

/* --- refused by us --- */

/* Our verdict over exactly the path that OpenSSL took. *unread: one of its certificates is none to us. */
static struct x509_answer on_their_path(const struct difference *difference, bool *unread)
{
	const struct by_openssl_question *theirs = difference->their_question;
	const struct by_openssl_answer *answer = difference->theirs;
	struct x509_question question = *difference->question;
	struct cert_list certs = {0};
	struct x509_answer ours = {.verdict = X509_REFUSE};
	*unread = false;
	for (size_t i = 0; i + 1 < answer->path_count; i++) {
		struct cert *cert = NULL;
		if (answer->path[i] == BY_OPENSSL_ANCHOR) {
			continue;
		}
		struct by_openssl_der der = theirs->chain[answer->path[i]];
		if (cert_parse(bytes_of(der.data, der.len), &cert, NULL) != ERR_OK) {
			*unread = true;
			continue;
		}
		REQUIRE("memory", cert_list_add(&certs, cert) == ERR_OK);
	}
	if (!*unread && certs.count != 0) {
		question.chain = (const struct cert *const *)certs.items;
		question.chain_count = certs.count;
		x509_judge(&question, &ours);
	}
	ours.path_count = 0; /* points into what is let go here */
	cert_list_release(&certs);
	return ours;
}

/* OpenSSL's path has two certificates of one name and key. */
static bool goes_round(const struct difference *difference)
{
	const struct by_openssl_question *theirs = difference->their_question;
	const struct by_openssl_answer *answer = difference->theirs;
	struct cert *certs[BY_OPENSSL_CERTS_MAX] = {NULL};
	bool found = false;
	for (size_t i = 0; i < answer->path_count; i++) {
		struct by_openssl_der der = answer->path[i] == BY_OPENSSL_ANCHOR
						    ? theirs->anchor
						    : theirs->chain[answer->path[i]];
		if (cert_parse(bytes_of(der.data, der.len), &certs[i], NULL) != ERR_OK) {
			certs[i] = NULL;
			continue;
		}
		for (size_t j = 0; j < i; j++) {
			found = found || (certs[j] != NULL && bytes_equal(certs[i]->spki, certs[j]->spki) &&
						 name_equal(&certs[i]->subject, &certs[j]->subject));
		}
	}
	for (size_t i = 0; i < answer->path_count; i++) {
		cert_unref(certs[i]);
	}
	return found;
}

static bool has_wildcard(const struct x509_answer *ours)
{
	for (size_t i = 0; i < ours->path_count; i++) {
		for (size_t j = 0; j < cert_san_count(ours->path[i]); j++) {
			struct bytes value;
			if (cert_san(ours->path[i], j, &value) == SAN_DNS && value.len > 2 &&
				value.data[0] == '*') {
				return true;
			}
		}
	}
	return false;
}

static int by_constraints(const struct difference *difference, const struct x509_answer *ours)
{
	if (strstr(ours->sentence, "out of place") != NULL) {
		return THEM_CONSTRAINED_LEAF;
	}
	if (strstr(ours->sentence, "malformed or of a form") != NULL) {
		return THEM_CONSTRAINTS_FORM;
	}
	if (strstr(ours->sentence, "the DNS name ") != NULL &&
		strstr(ours->sentence, "is excluded") != NULL && has_wildcard(difference->ours)) {
		return THEM_WILDCARD;
	}
	return strstr(ours->sentence, "cannot be held against") != NULL ? THEM_NAME_FORM : -1;
}

static int by_policy(const struct difference *difference, const struct x509_answer *ours)
{
	if (strstr(ours->sentence, "malformed") != NULL) {
		return THEM_POLICY_FORM;
	}
	const struct cert *anchor = trust_set_anchor(difference->question->trust, 0);
	bool constrains = anchor->ext.has[EXT_POLICY_CONSTRAINTS] ||
			  anchor->ext.has[EXT_INHIBIT_ANY_POLICY] ||
			  anchor->ext.has[EXT_CERTIFICATE_POLICIES];
	if (!constrains && difference->question->chain[0]->self_issued) {
		return THEM_SELF_ISSUED_LEAF;
	}
	return constrains                       ? THEM_ANCHOR_POLICY
	       : path_maps(difference->ours)    ? THEM_MAPPED_POLICY
	       : difference->chain->inhibit_any ? THEM_INHIBITED_ANY
						: -1;
}

static bool lacks_null(struct by_openssl_der der)
{
	static const uint8_t oid[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
	const uint8_t *at = memmem(der.data, der.len, oid, sizeof(oid));
	const uint8_t *end = der.data + der.len;
	return at != NULL && (end - at < (ptrdiff_t)sizeof(oid) + 2 || at[sizeof(oid)] != 0x05 ||
				     at[sizeof(oid) + 1] != 0x00);
}

static bool rsa_without_null(const struct by_openssl_question *question)
{
	bool any = lacks_null(question->anchor);
	for (size_t i = 0; i < question->chain_count; i++) {
		any = any || lacks_null(question->chain[i]);
	}
	return any;
}

static int refused_by_us(const struct difference *difference)
{
	bool unread = false;
	struct by_openssl_der leaf = difference->their_question->chain[0];
	struct by_openssl_der anchor = difference->their_question->anchor;
	if (bytes_equal(bytes_of(leaf.data, leaf.len), bytes_of(anchor.data, anchor.len))) {
		return THEM_LEAF_ANCHOR;
	}
	if (difference->question == NULL) {
		return THEM_DER;
	}
	struct x509_answer ours = on_their_path(difference, &unread);
	if (unread) {
		return THEM_DER;
	}
	if (goes_round(difference)) {
		return THEM_LOOP;
	}
	switch ((int)ours.reason) {
	case X509_VERSION: return THEM_VERSION;
	case X509_KEY_USAGE:
		return strstr(ours.sentence, "lacks digitalSignature") != NULL ? THEM_KEY_AGREEMENT
		       : strstr(ours.sentence, "is no CA") != NULL             ? THEM_LEAF_SIGNS
									       : -1;
	case X509_NAME_CONSTRAINTS: return by_constraints(difference, &ours);
	case X509_POLICY: return by_policy(difference, &ours);
	case X509_UNSUPPORTED_ALGORITHM:
		return rsa_without_null(difference->their_question) ? THEM_RSA_PARAMETERS : -1;
	default: return -1;
	}
}

int classify(const struct difference *difference)
{
	return difference->ours->verdict == X509_ACCEPT ? accepted_by_us(difference)
							: refused_by_us(difference);
}
