/*
 * x509.h - certificates, certificate revocation lists, and the verdict over a presented chain (RFC 5280).
 * Owns:    parsed certificates and CRLs (immutable, counted atomically), trust sets, CRL sets.
 * Never:   fetches, reads a clock, logs, looks at what another connection presented.
 * Threads: everything here is immutable once built; parse and judge on any thread.
 */
#ifndef LOCKGATE_X509_X509_H
#define LOCKGATE_X509_X509_H

#include "base/bytes.h"
#include "base/crypto.h"

/* --- limits an operator can see (docs) --- */
#define X509_CERT_BYTES_MAX  (64u * 1024u)
#define X509_CHAIN_CERTS_MAX 9u /* presented by a peer, the leaf included */
#define X509_CHAIN_BYTES_MAX (64u * 1024u)
/* Given by an operator (lockgate cert verify --untrusted), the leaf included. */
#define X509_GIVEN_CERTS_MAX 64u
#define X509_CRL_BYTES_MAX   (96u * 1024u * 1024u)
#define X509_SIGNATURES_MAX  32u /* signature checks one verdict may cost */
#define X509_SENTENCE_BYTES  256u

/* --- times: seconds since 1970-01-01T00:00:00Z --- */
#define X509_NEVER INT64_MAX

/* --- certificates --- */
struct cert; /* opaque, immutable, owns its DER */

/* What is wrong with bytes that are no acceptable certificate or CRL. where is a byte offset; what a literal. */
struct x509_error {
	enum err err;
	size_t offset;
	const char *what;
};

/* Strict DER. ERR_MALFORMED, ERR_UNSUPPORTED (X.509 v1/v2 is parsed: ask cert_version), ERR_LIMIT, ERR_NOMEM. error may be NULL. */
MUST_CHECK enum err cert_parse(struct bytes der, struct cert **out, struct x509_error *error);
struct cert *cert_ref(const struct cert *cert);
void cert_unref(struct cert *cert); /* NULL is fine */

struct bytes cert_der(const struct cert *cert);
struct bytes cert_spki(const struct cert *cert);
struct bytes cert_serial(const struct cert *cert);      /* INTEGER content octets */
struct bytes cert_subject_der(const struct cert *cert); /* the Name's DER */
struct bytes cert_issuer_der(const struct cert *cert);
int64_t cert_not_before(const struct cert *cert);
int64_t cert_not_after(const struct cert *cert);
unsigned cert_version(const struct cert *cert);       /* 1, 2 or 3 */
bool cert_is_ca(const struct cert *cert);             /* basicConstraints cA */
bool cert_is_self_issued(const struct cert *cert);    /* subject == issuer by RFC 5280 7.1 */
enum key_kind cert_key_kind(const struct cert *cert); /* KEY_KIND_COUNT_: a key that we do not support */
unsigned cert_key_bits(const struct cert *cert);
const uint8_t *cert_sha256(const struct cert *cert); /* 32 bytes over the DER */
/* Extension value by dotted OID text ("2.5.29.14"): the OCTET STRING's content, or BYTES_NONE. */
struct bytes cert_extension(const struct cert *cert, const char *oid, bool *critical);
/*
 * Whether issuer's name and key fit cert's issuer name and signature; nothing else is looked at. With issuer == cert the
 * self-signature, as importing a pin demands. ERR_OK, ERR_DENIED, ERR_UNSUPPORTED (algorithm), ERR_NOMEM.
 */
MUST_CHECK enum err cert_verify_issued_by(const struct cert *cert, const struct cert *issuer);

/* --- names --- */
/* One attribute of a Name, in DER order; value is UTF-8 (converted), raw false; or the undecodable bytes, raw true. */
struct x509_attribute {
	const char *oid; /* dotted text */
	const char *key; /* "CN", "OU", … as mq-semantics 4.1 names them (MAIL, UID, …), or NULL */
	struct bytes value;
	bool raw;
};
/* Borrowed from cert. subject true: subject, else issuer. */
size_t cert_attribute_count(const struct cert *cert, bool subject);
struct x509_attribute cert_attribute(const struct cert *cert, bool subject, size_t index);
/* As IBM MQ prints it: SERIALNUMBER=hex pairs (subject only), then most specific first. Appended to out as text. */
MUST_CHECK enum err cert_print_dn(const struct cert *cert, bool subject, struct buf *out);
/* RFC 5280 7.1 comparison of two Name DERs. */
bool x509_name_equal(struct bytes a, struct bytes b);

enum san_kind { SAN_EMAIL, SAN_DNS, SAN_URI, SAN_IP, SAN_DIRECTORY, SAN_OTHER };
size_t cert_san_count(const struct cert *cert);
enum san_kind cert_san(const struct cert *cert, size_t index, struct bytes *value);

/* --- what is trusted: immutable, counted --- */
struct trust_set;

struct trust_pin {
	const struct cert *cert; /* matched by exact DER, never an issuer */
	const char *name;        /* the alias after "pin:" */
};
/* Refs the certificates. generation is the caller's number for this part of the policy. */
MUST_CHECK enum err trust_set_new(const struct cert *const *anchors, size_t anchor_count,
	const struct trust_pin *pins, size_t pin_count, uint64_t generation, struct trust_set **out);
struct trust_set *trust_set_ref(const struct trust_set *set);
void trust_set_unref(struct trust_set *set);
uint64_t trust_set_generation(const struct trust_set *set);
size_t trust_set_anchor_count(const struct trust_set *set);
const struct cert *trust_set_anchor(const struct trust_set *set, size_t index);
size_t trust_set_pin_count(const struct trust_set *set);
const struct cert *trust_set_pin(const struct trust_set *set, size_t index, const char **name);

/* --- revocation lists: immutable, counted --- */
struct crl;
MUST_CHECK enum err crl_parse(struct bytes der, struct crl **out, struct x509_error *error);
struct crl *crl_ref(const struct crl *crl);
void crl_unref(struct crl *crl);
struct bytes crl_der(const struct crl *crl);
struct bytes crl_issuer_der(const struct crl *crl);
MUST_CHECK enum err crl_print_issuer(const struct crl *crl, struct buf *out);
int64_t crl_this_update(const struct crl *crl);
int64_t crl_next_update(const struct crl *crl); /* X509_NEVER when absent */
struct bytes crl_number(const struct crl *crl); /* INTEGER content octets; BYTES_NONE when absent */
size_t crl_entry_count(const struct crl *crl);
const uint8_t *crl_sha256(const struct crl *crl);

struct crl_set;
/*
 * Refs the CRLs. Of two of one issuer and scope, the one with the higher CRL number (then the later thisUpdate) serves, whatever
 * their order: an older signed CRL never replaces a newer one.
 */
MUST_CHECK enum err crl_set_new(
	const struct crl *const *crls, size_t count, uint64_t generation, struct crl_set **out);
struct crl_set *crl_set_ref(const struct crl_set *set);
void crl_set_unref(struct crl_set *set);
uint64_t crl_set_generation(const struct crl_set *set);
size_t crl_set_count(const struct crl_set *set);
const struct crl *crl_set_at(const struct crl_set *set, size_t index);

/* PEM (several) or DER in one file; parsed objects are appended to *list. ERR_MALFORMED when nothing is found. */
struct cert_list {
	struct cert **items;
	size_t count, cap;
};
struct crl_list {
	struct crl **items;
	size_t count, cap;
};
MUST_CHECK enum err cert_list_load(struct bytes content, struct cert_list *list, struct x509_error *error);
MUST_CHECK enum err cert_list_add(
	struct cert_list *list, struct cert *cert); /* moves the reference on ERR_OK */
void cert_list_release(struct cert_list *list);
MUST_CHECK enum err crl_list_load(struct bytes content, struct crl_list *list, struct x509_error *error);
MUST_CHECK enum err crl_list_add(struct crl_list *list, struct crl *crl);
void crl_list_release(struct crl_list *list);

/* --- the verdict --- */
enum x509_verdict { X509_REFUSE = 0, X509_ACCEPT, X509_NEED };
enum x509_purpose { X509_PURPOSE_CLIENT, X509_PURPOSE_SERVER, X509_PURPOSE_ANY };
/*
 * NONE: lists are not looked at. REQUIRED: every certificate below the anchor must be covered by fresh lists, whatever the
 * reason of revocation. IF_AVAILABLE: only where no list of an issuer exists at all, it passes without (unless
 * crl_set_incomplete); one that is stale, unsigned or does not cover the certificate refuses as under REQUIRED.
 * Under both, "listed" is revoked however old the list is.
 */
enum x509_revocation { X509_REVOCATION_NONE, X509_REVOCATION_IF_AVAILABLE, X509_REVOCATION_REQUIRED };

/* Stable: printed by name (x509_reason_name) in logs, JSON and tests. */
enum x509_reason {
	X509_OK = 0,
	X509_NO_CERTIFICATE,
	X509_MALFORMED,
	X509_VERSION,        /* v1/v2 where v3 is needed */
	X509_UNKNOWN_ISSUER, /* no path to an anchor or pin */
	X509_NOT_YET_VALID,
	X509_EXPIRED,
	X509_BAD_SIGNATURE,
	X509_WEAK_ALGORITHM, /* MD5, SHA-1, RSA below 2048 bits */
	X509_UNSUPPORTED_ALGORITHM,
	X509_ISSUER_NOT_CA,
	X509_KEY_USAGE,
	X509_EXTENDED_KEY_USAGE,
	X509_PATH_LENGTH,
	X509_NAME_CHAINING,
	X509_UNKNOWN_CRITICAL_EXTENSION,
	X509_UNSUPPORTED_EXTENSION, /* known and critical, but not handled here: refused, never ignored */
	X509_NAME_CONSTRAINTS,
	X509_POLICY,
	X509_REVOKED,
	X509_CRL_MISSING,
	X509_CRL_STALE,
	X509_CRL_NOT_YET_VALID,
	X509_CRL_BAD_SIGNATURE,
	X509_CRL_UNSUPPORTED,
	X509_LIMIT, /* work or size limit of one verdict */
	X509_NO_MEMORY,
	X509_PIN_AS_ISSUER,
	X509_REASON_COUNT_
};
const char *x509_reason_name(enum x509_reason reason); /* "revoked", "unknown-issuer", … */
/* Positive knowledge (revoked, expired, no longer trusted…) closes live sessions; absence of knowledge does not (DESIGN.md 1). */
bool x509_reason_is_absence(enum x509_reason reason);

struct x509_question {
	const struct cert *const
		*chain; /* leaf first, then what the peer presented, in any order; borrowed for the call */
	size_t chain_count;
	const struct trust_set *trust;
	const struct crl_set *crls; /* NULL: none known */
	int64_t now;                /* seconds */
	enum x509_purpose purpose;
	enum x509_revocation revocation;
	bool allow_sha1;
	bool crl_set_incomplete; /* a CRL source could not be read: absence proves less */
	/* RFC 5280 6.1.1 (c), (e)-(g): acceptable policies as dotted text (none given: any), and what is demanded. */
	const char *const *policies;
	size_t policy_count;
	bool explicit_policy, inhibit_mapping, inhibit_any_policy;
	bool given_by_operator; /* chain holds up to X509_GIVEN_CERTS_MAX certificates; never set for a peer's */
};

/* Points into the question's certificates and trust set; copy what must live longer. */
struct x509_answer {
	enum x509_verdict verdict;
	enum x509_reason reason;
	char sentence
		[X509_SENTENCE_BYTES]; /* for a device engineer: "issuing CA 'Plant 7 CA' expired 2026-11-02" */
	const struct cert *path[X509_CHAIN_CERTS_MAX + 1]; /* leaf … anchor, when a path was found */
	size_t path_count;
	const char *pin; /* alias when a pin matched, else NULL */
	int64_t valid_until; /* seconds: earliest notAfter on the path (and, with REVOCATION_REQUIRED, nextUpdate); judge again then */
	bool revocation_known; /* every certificate below the anchor was looked up in a fresh CRL */
	unsigned signatures;   /* work done */
};

/*
 * RFC 5280 6 over the presented certificates, in whatever order they came. Pure. Never ACCEPT unless everything held; out of
 * memory is REFUSE with X509_NO_MEMORY. What we decided where the RFC leaves it open:
 * - An anchor's validity, key usage, path length, name and policy constraints hold like any CA's: an expired anchor refuses.
 * - Extended key usage nests: where an issuer has it, it must list the purpose (or anyExtendedKeyUsage) too.
 * - A leaf that is itself an anchor is no client; a device that vouches for itself is pinned. A pin matches by exact DER,
 *   is checked as a leaf is (dates, version, usage, critical extensions), is not looked up in lists, and never issues.
 * - Of several paths the best counts: accepted, else one that fails for absence of knowledge alone, else the first found.
 */
void x509_judge(const struct x509_question *question, struct x509_answer *out);

/* --- making certificates: devices onboarded here, demo and test PKIs --- */
struct x509_make_attribute {
	const char *key; /* "CN", "O", "OU", "C", … */
	const char *value;
};
struct x509_make_extension {
	const char *oid; /* dotted text */
	bool critical;
	struct bytes value; /* content of the OCTET STRING */
};
struct x509_make {
	const struct x509_make_attribute *subject; /* general first: C, O, OU, CN */
	size_t subject_count;
	struct bytes serial; /* BYTES_NONE: 16 random octets, positive */
	int64_t not_before, not_after;
	bool ca;
	int path_length;               /* -1: none */
	bool client_auth, server_auth; /* EKU; none of both: no EKU extension */
	const char *const *dns;        /* SAN dNSName */
	size_t dns_count;
	const char *const *ip; /* SAN iPAddress, textual */
	size_t ip_count;
	const char *crl_url; /* cRLDistributionPoints, or NULL */
	/* For tests and demonstrations of refusals; zero is the normal thing. */
	bool version1;                  /* X.509 v1: no extensions at all */
	bool without_basic_constraints; /* a CA that does not say so */
	unsigned key_usage;             /* bits as RFC 5280 4.2.1.3 numbers them; 0: what suits ca */
	bool without_key_usage;         /* no keyUsage extension */
	bool sha1;                      /* sign with SHA-1 */
	const struct x509_make_extension *extensions; /* added as they are */
	size_t extension_count;
};
/*
 * issuer NULL: self-signed with key. Else signed with issuer_key. spki is the subject's public key.
 * *out_der appended. ERR_INVALID for impossible values.
 */
MUST_CHECK enum err x509_make_cert(const struct x509_make *make, struct bytes spki, const struct cert *issuer,
	struct bytes signing_key_pkcs8, struct buf *out_der);

struct x509_make_revoked {
	struct bytes serial;
	int64_t when;
	int reason; /* CRLReason, -1: none */
};
MUST_CHECK enum err x509_make_crl(const struct cert *issuer, struct bytes issuer_key_pkcs8,
	int64_t this_update, int64_t next_update, uint64_t number, const struct x509_make_revoked *revoked,
	size_t revoked_count, struct buf *out_der);
/* The same with extensions of the list added as they are (issuingDistributionPoint, deltaCRLIndicator: for tests). */
MUST_CHECK enum err x509_make_crl_extended(const struct cert *issuer, struct bytes issuer_key_pkcs8,
	int64_t this_update, int64_t next_update, uint64_t number, const struct x509_make_revoked *revoked,
	size_t revoked_count, const struct x509_make_extension *extensions, size_t extension_count,
	struct buf *out_der);

/* PKCS#10 (RFC 2986): subject and public key of a request whose self-signature holds. ERR_DENIED if it does not. */
struct csr;
MUST_CHECK enum err csr_parse(struct bytes der, struct csr **out, struct x509_error *error);
void csr_free(struct csr *csr);
struct bytes csr_spki(const struct csr *csr);
MUST_CHECK enum err csr_common_name(const struct csr *csr, char **out); /* owned by caller */
MUST_CHECK enum err csr_make(const struct x509_make_attribute *subject, size_t subject_count,
	struct bytes key_pkcs8, struct buf *out_der);

/* --- the verdict as text (lockgate cert verify) --- */

/*
 * One JSON object, or lines for people: verdict, reason, sentence, path, revocation evidence. name is what the leaf is
 * called in the report (a file name), or NULL. Appended to out; peer text is escaped.
 */
MUST_CHECK enum err x509_report_json(const struct x509_question *question, const struct x509_answer *answer,
	const char *name, struct buf *out);
MUST_CHECK enum err x509_report_text(const struct x509_question *question, const struct x509_answer *answer,
	const char *name, struct buf *out);

#endif
