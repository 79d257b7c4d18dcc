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
/* Steps that one verdict may spend on name constraints, over all paths: a subtree, a name, a comparison; of up to 64 octets. */
#define X509_CONSTRAINT_STEPS_MAX 65536u
#define X509_SENTENCE_BYTES       256u
#define X509_OCSP_BYTES_MAX       (64u * 1024u) /* one OCSP response */
#define X509_OCSP_SINGLES_MAX     256u          /* SingleResponses in it */
#define X509_OCSP_CERTS_MAX       8u            /* certificates in it */
#define X509_OCSP_NONCE_MAX       128u          /* octets (RFC 9654 2.1) */
#define X509_OCSP_ANSWERS_MAX     64u           /* responses that one question may hold */
#define X509_OCSP_AGE_MAX_S                                                                                  \
	(7 * 86400) /* an answer without nextUpdate is current for so long from its thisUpdate on */
#define X509_OCSP_SKEW_S        300   /* a responder's clock may be ahead of ours by so much */
#define X509_URL_BYTES          512u  /* a URL of a certificate, with its NUL; longer ones are not used */
#define X509_CERT_URLS_MAX      4u    /* URLs of one kind that one certificate may name */
#define X509_NEEDS_MAX          16u   /* fetches that one answer may ask for */
#define X509_FRESHEST_BYTES_MAX 4096u /* of a freshestCRL extension; a longer one is not followed */

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

/* Whether text is an object identifier in dotted decimals that a question may name as a policy. */
bool x509_oid_valid(const char *text);

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

/*
 * Whether cert is for the server name: a host name (as A-labels) or an address, against subjectAltName alone (RFC 9525 6).
 * A name that is neither matches nothing; x509_host_valid() tells.
 */
bool x509_host_matches(const struct cert *cert, const char *name);
bool x509_host_valid(const char *name);

/* --- what is trusted: immutable, counted --- */
struct trust_set;

struct trust_pin {
	const struct cert *cert; /* matched by exact DER, never an issuer */
	const char *name;        /* the alias after "pin:" */
};
/* Refs the certificates. generation is the caller's number for this part of the policy. */
MUST_CHECK enum err trust_set_new(const struct cert *const *anchors, size_t anchor_count,
	const struct trust_pin *pins, size_t pin_count, uint64_t generation, struct trust_set **out);
/*
 * Certificates that may have signed revocation lists for a CA, and are trusted for nothing: which of them may is asked of each
 * list (RFC 5280 6.3.3 (f)). Those without cRLSign are left out. Once, before the set is shared. ERR_NOMEM.
 */
MUST_CHECK enum err trust_set_add_signers(
	struct trust_set *set, const struct cert *const *certs, size_t count);
size_t trust_set_signer_count(const struct trust_set *set); /* NULL: none */
const struct cert *trust_set_signer(const struct trust_set *set, size_t index);
struct trust_set *trust_set_ref(const struct trust_set *set);
void trust_set_unref(struct trust_set *set);
uint64_t trust_set_generation(const struct trust_set *set);
size_t trust_set_anchor_count(const struct trust_set *set);
const struct cert *trust_set_anchor(const struct trust_set *set, size_t index);
size_t trust_set_pin_count(const struct trust_set *set);
const struct cert *trust_set_pin(const struct trust_set *set, size_t index, const char **name);

/* --- revocation lists: immutable, counted --- */
struct crl;
/* Keeps no copy of the entries' DER: 8 octets beside the serial number an entry. Errors as cert_parse(). */
MUST_CHECK enum err crl_parse(struct bytes der, struct crl **out, struct x509_error *error);
struct crl *crl_ref(const struct crl *crl);
void crl_unref(struct crl *crl);
struct bytes crl_issuer_der(const struct crl *crl);
MUST_CHECK enum err crl_print_issuer(const struct crl *crl, struct buf *out);
int64_t crl_this_update(const struct crl *crl);
int64_t crl_next_update(const struct crl *crl); /* X509_NEVER when absent */
struct bytes crl_number(const struct crl *crl); /* INTEGER content octets; BYTES_NONE when absent */
bool crl_is_delta(const struct crl *crl); /* it says what changed since a complete list (RFC 5280 5.2.4) */
/* Whether delta says what changed since a complete list that is newer than this one, so that the two do not go together. */
bool crl_is_behind(const struct crl *complete, const struct crl *delta);
size_t crl_entry_count(const struct crl *crl);
/* Whether a certificate of the list's own issuer with this serial (INTEGER content octets) is listed; not whether it is believed. */
bool crl_lists(const struct crl *crl, struct bytes serial);
size_t crl_memory_bytes(const struct crl *crl); /* what it holds, the allocator's overhead aside */
const uint8_t *crl_sha256(const struct crl *crl);
/* Whether a verdict has found its signature to hold under the key of a certificate of its issuer's name that was at hand. */
bool crl_was_verified(const struct crl *crl);
/* As cert_verify_issued_by(): whether issuer's name and key fit the list's issuer and signature; nothing else is looked at. */
MUST_CHECK enum err crl_verify_issued_by(const struct crl *crl, const struct cert *issuer);

struct crl_set;
/*
 * Refs the CRLs. Of two of one issuer and scope, the one with the higher CRL number (then the later thisUpdate, then more entries) serves,
 * whatever their order: an older signed CRL never replaces a newer one.
 */
MUST_CHECK enum err crl_set_new(
	const struct crl *const *crls, size_t count, uint64_t generation, struct crl_set **out);
struct crl_set *crl_set_ref(const struct crl_set *set);
void crl_set_unref(struct crl_set *set);
uint64_t crl_set_generation(const struct crl_set *set);
size_t crl_set_count(const struct crl_set *set);
const struct crl *crl_set_at(const struct crl_set *set, size_t index);
/* The same list, octet for octet. */
bool crl_set_has(const struct crl_set *set, const struct crl *crl);
/*
 * Whether a list of the set says anew what crl says: of its issuer, scope and key, and not older; of a delta also a complete
 * one of its number or a higher one. No signature is looked at.
 */
bool crl_set_replaces(const struct crl_set *set, const struct crl *crl);
/* The other way round: whether crl says anew what a list of the set says. */
bool crl_set_has_older(const struct crl_set *set, const struct crl *crl);
/* How many such lists of the set serve before crl, which may be in the set itself; each list has a rank of its own there. */
size_t crl_set_rank(const struct crl_set *set, const struct crl *crl);

/* --- OCSP (RFC 6960): responses are immutable, counted --- */
struct ocsp_response;

/* responseStatus (RFC 6960 4.2.1); only a successful response says something about certificates. */
enum ocsp_response_status {
	OCSP_STATUS_SUCCESSFUL = 0,
	OCSP_STATUS_MALFORMED_REQUEST = 1,
	OCSP_STATUS_INTERNAL_ERROR = 2,
	OCSP_STATUS_TRY_LATER = 3,
	OCSP_STATUS_SIG_REQUIRED = 5,
	OCSP_STATUS_UNAUTHORIZED = 6
};
const char *ocsp_response_status_name(enum ocsp_response_status status); /* "tryLater", … */

/*
 * Strict DER OCSPResponse with a BasicOCSPResponse. Nothing is verified: ocsp_response_usable_for() and x509_judge() do.
 * Of one that is not successful the status alone is kept. ERR_MALFORMED, ERR_UNSUPPORTED (another response type), ERR_LIMIT,
 * ERR_NOMEM. error may be NULL.
 */
MUST_CHECK enum err ocsp_response_parse(
	struct bytes der, struct ocsp_response **out, struct x509_error *error);
struct ocsp_response *ocsp_response_ref(const struct ocsp_response *response);
void ocsp_response_unref(struct ocsp_response *response); /* NULL is fine */
struct bytes ocsp_response_der(const struct ocsp_response *response);
const uint8_t *ocsp_response_sha256(const struct ocsp_response *response); /* 32 bytes over the DER */
enum ocsp_response_status ocsp_response_status(const struct ocsp_response *response);
/* Of a response that is not successful: 0. */
int64_t ocsp_response_produced_at(const struct ocsp_response *response);
int64_t ocsp_response_this_update(const struct ocsp_response *response); /* latest of its singles */
/* Earliest of its singles; one without nextUpdate counts as thisUpdate + X509_OCSP_AGE_MAX_S. Fetch again before. */
int64_t ocsp_response_next_update(const struct ocsp_response *response);
size_t ocsp_response_single_count(const struct ocsp_response *response);
/* The nonce it carries, or BYTES_NONE. */
struct bytes ocsp_response_nonce(const struct ocsp_response *response);
/* False only if both have a nonce and they differ: a responder may leave it out (RFC 9654 2.1, RFC 5019 4). */
bool ocsp_response_nonce_fits(const struct ocsp_response *response, struct bytes sent);
/* Whether it holds a SingleResponse about cert, issued by issuer. */
bool ocsp_response_is_about(
	const struct ocsp_response *response, const struct cert *cert, const struct cert *issuer);
/*
 * Whether a says more than b by thisUpdate, then producedAt: what is in a cache is replaced only by a newer one, and only by
 * one that ocsp_response_usable_for() let pass, since anybody can write a date. b may be NULL.
 */
bool ocsp_response_newer(const struct ocsp_response *a, const struct ocsp_response *b);
/*
 * One request about cert, DER appended to out. hash is HASH_SHA1, which every responder understands (RFC 5019 2.1.1: it names
 * a key here and protects nothing), or HASH_SHA256. nonce: 1 to X509_OCSP_NONCE_MAX octets, or BYTES_NONE. ERR_INVALID,
 * ERR_LIMIT, ERR_NOMEM.
 */
MUST_CHECK enum err ocsp_request_make(const struct cert *cert, const struct cert *issuer, enum hash_alg hash,
	struct bytes nonce, struct buf *out);
/* A stable name of (cert, issuer) for a cache: the issuer's name and key, and the serial number. */
void ocsp_key(const struct cert *cert, const struct cert *issuer, uint8_t out[SHA256_BYTES]);

/* http and https URLs that a certificate names, in its order: of its OCSP responders (AIA) and of its lists (CDP). */
bool cert_ocsp_url(const struct cert *cert, size_t index, char out[X509_URL_BYTES]);
bool cert_crl_url(const struct cert *cert, size_t index, char out[X509_URL_BYTES]);
/*
 * The same of the delta lists that a certificate (freshestCRL, RFC 5280 4.2.1.15) or a complete list (5.2.6) names. A value that
 * cannot be read whole, or is longer than X509_FRESHEST_BYTES_MAX, names none; nor does a delta list.
 */
bool cert_freshest_url(const struct cert *cert, size_t index, char out[X509_URL_BYTES]);
bool crl_freshest_url(const struct crl *crl, size_t index, char out[X509_URL_BYTES]);

struct ocsp_list {
	struct ocsp_response **items;
	size_t count, cap;
};
/* PEM ("OCSP RESPONSE", several) or DER in one file. */
MUST_CHECK enum err ocsp_list_load(struct bytes content, struct ocsp_list *list, struct x509_error *error);
MUST_CHECK enum err ocsp_list_add(
	struct ocsp_list *list, struct ocsp_response *response); /* moves the reference on ERR_OK */
void ocsp_list_release(struct ocsp_list *list);

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

/*
 * What an OCSP status that is not known does (IBM MQ's OCSPAuthentication), where no good CRL settles it and
 * X509_REVOCATION_IF_AVAILABLE would let the certificate pass: refuse, pass with a warning, pass. NONE: OCSP is not used.
 * The whole table: docs/revocation.md.
 */
enum x509_ocsp { X509_OCSP_NONE = 0, X509_OCSP_OPTIONAL, X509_OCSP_WARN, X509_OCSP_REQUIRED };

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
	X509_PROFILE,          /* purpose server: an issuer did not do what RFC 5280 section 4 demands */
	X509_HOST_NAME,        /* the certificate is for another server name than the question asks for */
	X509_OCSP_UNKNOWN,     /* the responder does not know the certificate */
	X509_OCSP_UNREACHABLE, /* there is a responder, but no answer of it at hand */
	X509_OCSP_STALE,       /* the answer is past its nextUpdate, or too old */
	X509_OCSP_BAD, /* an answer that cannot be believed: signer, dates, critical extensions, nonce */
	X509_OCSP_SIGNER_UNKNOWN, /* nobody says whether the responder's own certificate is revoked, and it must be known */
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
	const char *host; /* the server name that the leaf must be for (x509_host_matches); NULL: not asked */
	bool given_by_operator; /* chain holds up to X509_GIVEN_CERTS_MAX certificates; never set for a peer's */
	/* OCSP responses at hand, at most X509_OCSP_ANSWERS_MAX; borrowed. Those about other certificates are passed over. */
	const struct ocsp_response *const *ocsp;
	size_t ocsp_count;
	enum x509_ocsp ocsp_auth;
	struct bytes
		ocsp_nonce; /* as it was sent: a response with another one is not believed. BYTES_NONE: none */
	uint32_t stale_grace_s; /* a list or answer past its nextUpdate still serves for so long */
	bool may_need;          /* X509_NEED is an acceptable answer: not every source was tried yet */
	bool need_cdp;          /* distribution points of certificates are sources, for deltas too */
	bool need_aia;          /* the OCSP responder that a certificate names is a source */
	const char *ocsp_url;   /* the responder that is asked first, of every certificate; NULL: none */
};

/*
 * What X509_NEED asks to be fetched: the most preferred first (responder of the question, of the certificate, its lists). Beside
 * X509_ACCEPT, which holds without them: deltas, and responders where lists say good.
 */
enum x509_need_kind { X509_NEED_OCSP, X509_NEED_CRL };
struct x509_need {
	enum x509_need_kind kind;
	bool delta;                       /* a list that freshestCRL names */
	char url[X509_URL_BYTES];         /* http or https */
	const struct cert *cert, *issuer; /* of the question; signatures up to an anchor were verified */
};

/* What the two sources said of one certificate of the path. */
enum x509_ocsp_state {
	X509_OCSP_STATE_NONE, /* not used, or the certificate has no responder */
	X509_OCSP_STATE_GOOD,
	X509_OCSP_STATE_REVOKED,
	X509_OCSP_STATE_UNKNOWN, /* the responder does not know it, or what it said cannot be believed: see reason */
	X509_OCSP_STATE_UNREACHABLE /* there is a responder, but nothing of it at hand */
};
enum x509_crl_state {
	X509_CRL_STATE_ABSENT, /* no list of the issuer */
	X509_CRL_STATE_GOOD,
	X509_CRL_STATE_REVOKED,
	X509_CRL_STATE_STALE /* there are lists, but none that serves: see reason */
};
struct x509_evidence {
	enum x509_ocsp_state ocsp;
	enum x509_reason ocsp_reason;         /* X509_OK, X509_REVOKED or why nothing is known */
	const struct ocsp_response *response; /* that said so; NULL: none */
	enum x509_crl_state crl;
	enum x509_reason crl_reason;
	const struct crl *list; /* that said so; NULL: none */
	int64_t revoked_at;     /* where one of them says revoked */
	bool grace;             /* something past its nextUpdate served, by stale_grace_s */
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
	bool on_hold; /* with X509_REVOKED: by certificateHold, which may be taken back (RFC 5280 5.3.1) */
	bool revocation_known; /* of every certificate below the anchor a list or responder said that it is good */
	unsigned signatures;          /* work done, remembered or not: a function of the question alone */
	unsigned signatures_computed; /* of them, those that no object remembered from an earlier verdict */
	unsigned constraint_steps;    /* spent on name constraints, X509_CONSTRAINT_STEPS_MAX at most */
	/*
	 * X509_OCSP_WARN let a certificate pass whose status is not known; warning says which. Also set beside other
	 * verdicts: look at it only after X509_ACCEPT.
	 */
	bool warned;
	char warning[X509_SENTENCE_BYTES];
	/* evidence[i] is of path[i]; of the anchor, and of a path that was not looked up, there is none. */
	struct x509_evidence evidence[X509_CHAIN_CERTS_MAX + 1];
	size_t evidence_count;
	/*
	 * With X509_NEED: what could settle the status. Fetch what was not tried yet in this round, add what came, ask again; when
	 * nothing is left to try, ask with may_need false. With X509_ACCEPT and may_need: where a delta list may lie for a complete
	 * one that served and has none at hand. Nobody has to fetch it (RFC 5280 6.3.3 (c): use-deltas).
	 */
	struct x509_need needs[X509_NEEDS_MAX];
	size_t need_count;
};

/*
 * RFC 5280 6 over the presented certificates, in whatever order they came. Pure. Never ACCEPT unless everything held; out of
 * memory is REFUSE with X509_NO_MEMORY. What we decided where the RFC leaves it open:
 * - An anchor's validity, key usage, path length, name and policy constraints hold like any CA's: an expired anchor refuses.
 * - Extended key usage nests: where an issuer has it, it must list the purpose (or anyExtendedKeyUsage) too.
 * - For the purpose server, the issuers' duties (RFC 5280 4) hold as well: a server's certificate meets strict clients.
 * - A leaf that is itself an anchor is no client; a device that vouches for itself is pinned. A pin matches by exact DER,
 *   is checked as a leaf is (dates, version, usage, critical extensions), is not looked up in lists, and never issues.
 * - Of several paths the best counts: accepted, else one that fails for absence of knowledge alone, else the first found.
 */
void x509_judge(const struct x509_question *question, struct x509_answer *out);

/*
 * What a response proves about leaf, as x509_judge() would take it: signed by issuer or one it delegated to, of now, about
 * this certificate. X509_OK (good), X509_REVOKED, X509_OCSP_UNKNOWN (all three properly signed: worth keeping);
 * X509_OCSP_STALE, X509_OCSP_BAD, X509_OCSP_UNREACHABLE (it is not about leaf, or not successful), X509_NO_MEMORY.
 * *until (may be NULL): when it ceases to be current. For a fetched answer before it goes to a cache, and for stapling.
 */
enum x509_reason ocsp_response_usable_for(const struct ocsp_response *response, const struct cert *leaf,
	const struct cert *issuer, int64_t now, bool allow_sha1, int64_t *until);
/*
 * Of a response that ocsp_response_usable_for() found to say X509_REVOKED: whether for any other reason than certificateHold,
 * the only one that may be taken back (RFC 5280 5.3.1).
 */
bool ocsp_response_revokes_for_good(
	const struct ocsp_response *response, const struct cert *leaf, const struct cert *issuer);

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

/* --- making OCSP responses: tests, demonstrations --- */
enum ocsp_says { OCSP_SAYS_GOOD, OCSP_SAYS_REVOKED, OCSP_SAYS_UNKNOWN };
struct x509_make_ocsp_single {
	const struct cert *cert, *issuer;
	struct bytes serial; /* BYTES_NONE: cert's */
	enum hash_alg hash;  /* of the CertID; HASH_MD5 (0) stands for HASH_SHA1 */
	enum ocsp_says status;
	int64_t revoked_at;
	int reason;                       /* CRLReason, -1: none */
	int64_t this_update, next_update; /* X509_NEVER: no nextUpdate */
	const struct x509_make_extension *extensions;
	size_t extension_count;
};
struct x509_make_ocsp {
	enum ocsp_response_status status; /* not OCSP_STATUS_SUCCESSFUL: nothing else is written */
	const struct x509_make_ocsp_single *singles;
	size_t single_count;
	int64_t produced_at;
	const struct cert *signer; /* the issuer, or one it delegated to */
	struct bytes signer_key_pkcs8;
	bool by_key;                     /* name the responder by its key's hash, not by its name */
	bool sha1;                       /* sign with SHA-1 */
	const struct cert *const *certs; /* sent along: the delegated signer */
	size_t cert_count;
	struct bytes nonce;
	const struct x509_make_extension *extensions;
	size_t extension_count;
};
/* DER appended. ERR_INVALID for impossible values. */
MUST_CHECK enum err x509_make_ocsp(const struct x509_make_ocsp *make, struct buf *out_der);
/* What a request asks for, for a test's responder: serials of its Requests in order, and the nonce. Borrows der. */
struct ocsp_request_view {
	struct bytes serials[8];
	size_t count;
	struct bytes nonce;
};
MUST_CHECK enum err ocsp_request_read(struct bytes der, struct ocsp_request_view *out);

/* PKCS#10 (RFC 2986): subject and public key of a request whose self-signature holds. ERR_DENIED if it does not. */
struct csr;
MUST_CHECK enum err csr_parse(struct bytes der, struct csr **out, struct x509_error *error);
void csr_free(struct csr *csr);
struct bytes csr_spki(const struct csr *csr);
MUST_CHECK enum err csr_common_name(const struct csr *csr, char **out); /* owned by caller */
/* Of the subject, as cert_attribute(). Borrowed from csr. */
size_t csr_attribute_count(const struct csr *csr);
struct x509_attribute csr_attribute(const struct csr *csr, size_t index);
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
