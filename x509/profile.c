/*
 * profile.c - what RFC 5280 section 4 demands of issuers, held against the path of a server's certificate.
 * Owns:    nothing that outlives the call.
 * Never:   is applied to clients: there the broker alone judges, section 6 does not ask for any of it, and devices in the field
 *          have such certificates. A server's is judged by clients of every make, some of them strict; who checks a server's
 *          certificate wants to know that they will all take it.
 * Threads: any.
 */
#include "x509/policy.h"

static bool refuse(struct judgement *judgement, const struct cert *cert, const char *what)
{
	return judgement_fail(judgement, RANK_PATH, X509_PROFILE,
		"certificate '%s' %s, so strict clients refuse it", cert_label(cert).text, what);
}

static bool is_positive(struct bytes integer)
{
	return integer.len != 0 && !(integer.data[0] & 0x80u) && !(integer.len == 1 && integer.data[0] == 0);
}

/* 4.2.1.6: the preferred name syntax, and the wildcard of RFC 6125; an address is an iPAddress. */
static bool is_host_name(struct bytes name)
{
	struct bytes host = name;
	if (name.len > 2 && name.data[0] == '*' && name.data[1] == '.') {
		host = bytes_of(name.data + 2, name.len - 2);
	}
	for (size_t i = 0; i < host.len; i++) {
		if (host.data[i] == '_') {
			return false;
		}
	}
	return host_name_valid(host);
}

static bool check_every(struct judgement *judgement, const struct cert *cert)
{
	if (!is_positive(cert->serial)) { /* 4.1.2.2 */
		return refuse(judgement, cert, "has a serial number that is not positive");
	}
	if (!cert->self_issued && cert->ext.authority_key_id.len == 0) { /* 4.2.1.1 */
		return refuse(judgement, cert, "lacks the authority key identifier");
	}
	for (size_t i = 0; i < cert->ext.san_count; i++) {
		const struct general_name *name = &cert->ext.sans[i];
		if (name->tag == DER_CONTEXT(2) && !is_host_name(name->value)) {
			return refuse(judgement, cert, "has a DNS name that is no host name");
		}
	}
	return true;
}

static bool check_ca(struct judgement *judgement, const struct cert *ca)
{
	static const struct {
		enum extension_id id;
		const char *what;
	} critical[] = {
		{EXT_BASIC_CONSTRAINTS, "has basic constraints that are not critical"},   /* 4.2.1.9 */
		{EXT_NAME_CONSTRAINTS, "has name constraints that are not critical"},     /* 4.2.1.10 */
		{EXT_POLICY_CONSTRAINTS, "has policy constraints that are not critical"}, /* 4.2.1.11 */
	};
	if (ca->ext.subject_key_id.len == 0) { /* 4.2.1.2 */
		return refuse(judgement, ca, "lacks the subject key identifier");
	}
	for (size_t i = 0; i < ARRAY_COUNT(critical); i++) {
		if (ca->ext.has[critical[i].id] && !ca->ext.critical[critical[i].id]) {
			return refuse(judgement, ca, critical[i].what);
		}
	}
	return true;
}

bool path_check_profile(struct judgement *judgement, const struct cert *const *path, size_t count)
{
	if (judgement->question->purpose != X509_PURPOSE_SERVER) {
		return true;
	}
	for (size_t i = 0; i < count; i++) {
		if (!check_every(judgement, path[i]) || (i != 0 && !check_ca(judgement, path[i]))) {
			return false;
		}
	}
	return true;
}
