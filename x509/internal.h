/*
 * internal.h - what the files of x509/ share: parsed forms of certificates, names and revocation lists.
 * Owns:    (cert.c, crl.c, name.c own what they build.)
 * Never:   included from outside x509/.
 * Threads: all of it is immutable once built but the counts and the signature memos.
 */
#ifndef LOCKGATE_X509_INTERNAL_H
#define LOCKGATE_X509_INTERNAL_H

#include <stdatomic.h>

#include "x509/der.h"
#include "x509/x509.h"

/* --- limits --- */
#define NAME_ATTRIBUTES_MAX     64u
#define NAME_RDN_ATTRIBUTES_MAX 16u
#define EXTENSIONS_MAX          64u
#define SAN_NAMES_MAX           256u
#define EKU_MAX                 64u
#define SERIAL_BYTES_MAX        20u   /* RFC 5280 4.1.2.2 */
#define RSA_BITS_MIN            2048u /* below: weak */
#define RSA_BITS_MAX            8192u /* above: a verification costs too much; refused as unsupported */
#define PATH_STEPS_MAX          512u  /* issuer candidates one verdict may look at */
#define PATH_CANDIDATES_MAX     32u   /* issuers of one name that are tried */
#define GIVEN_SIGNATURES_MAX    256u  /* signature checks over what an operator gave */
#define PATH_CERTS_MAX          (X509_CHAIN_CERTS_MAX + 1u) /* leaf … anchor */

/* --- parse errors --- */
struct parse {
	struct bytes whole;
	const uint8_t *at; /* where we are, for the offset */
	const char *what;  /* what is being read */
};
/* Fills *error (may be NULL) from where the parse stands. Returns err. */
enum err parse_fail(const struct parse *parse, enum err err, struct x509_error *error);
void parse_at(struct parse *parse, const struct wire_reader *in, const char *what);

/* --- names --- */
struct attribute {
	char *oid; /* dotted text, in name->text */
	const char *key;
	struct bytes value;
	bool raw;
};

/* canonical: two names are equal by RFC 5280 7.1 if and only if these bytes are. */
struct name {
	struct bytes der; /* borrowed from the certificate or CRL */
	struct buf canonical;
	struct buf text; /* OID texts and converted values */
	struct attribute *attributes;
	size_t attribute_count;
	size_t rdn_count;
};
/* in stands at the Name's SEQUENCE. keep_attributes false: only der and canonical (CRL issuers, comparisons). */
MUST_CHECK enum err name_parse(struct bytes der, bool keep_attributes, struct name *out);
/* The form alone, of the content of the SEQUENCE: allocates nothing. */
MUST_CHECK enum err name_check(struct bytes content);
void name_release(struct name *name);
bool name_equal(const struct name *a, const struct name *b);
bool name_is_empty(const struct name *name);
/*
 * Whether the RDN sequence base is a prefix of that of name (RFC 5280 4.2.1.10, directoryName). UNSETTLED: it is not as we compare,
 * but normalisation (RFC 4518), which is not done here, could make it one.
 */
enum name_relation { NAME_OUTSIDE, NAME_WITHIN, NAME_UNSETTLED };
enum name_relation name_relation(const struct name *name, const struct name *base);
/* As IBM MQ prints a name, appended to out; *first: no comma yet. */
MUST_CHECK enum err name_print(const struct name *name, bool *first, struct buf *out);
/* One RDN's values as canonical bytes, appended: for a distribution point name relative to its issuer. */
MUST_CHECK enum err name_append_relative(
	const struct name *base, struct bytes rdn_set_content, struct name *out);

/* The key of mq-semantics 4.1 for a dotted OID, and back; NULL: none. */
const char *name_key_of_oid(const char *oid);
const char *name_oid_of_key(const char *key);

/* --- algorithms and keys --- */
enum sig_strength { SIG_STRONG, SIG_SHA1, SIG_BROKEN /* MD2, MD5 */ };
struct sig_algorithm {
	bool supported;
	enum sig_alg alg;
	enum hash_alg hash;
	enum sig_strength strength;
	uint32_t salt_len; /* RSASSA-PSS */
};
/* What a SubjectPublicKeyInfo of id-RSASSA-PSS allows (RFC 4055 1.2); all false: anything. */
struct key_rule {
	bool pss_only;
	bool restricted; /* it has parameters: this hash, and at least this salt */
	enum hash_alg hash;
	uint32_t salt_len_min;
};
struct subject_key {
	struct bytes spki;
	enum key_kind kind;
	unsigned bits;
	struct key_rule rule;
};
/* in: content of an AlgorithmIdentifier SEQUENCE. Unknown ones are fine here and refused by the judge. */
MUST_CHECK enum err algorithm_parse(struct bytes content, struct sig_algorithm *out);
/* der: SubjectPublicKeyInfo. An unknown algorithm or curve gives KEY_KIND_COUNT_; a broken known one ERR_MALFORMED. */
MUST_CHECK enum err spki_parse(struct bytes der, struct subject_key *out);
/* Whether the algorithm is supported and key may be used with it. */
bool sig_fits_key(const struct sig_algorithm *algorithm, const struct subject_key *key);
/* ERR_OK, ERR_DENIED, ERR_UNSUPPORTED (the algorithm, or not with this key), ERR_NOMEM. */
MUST_CHECK enum err algorithm_verify(const struct sig_algorithm *algorithm, const struct subject_key *key,
	struct bytes message, struct bytes signature);
/* The same over the message's digest under algorithm->hash. ERR_UNSUPPORTED for Ed25519, which signs no digest. */
MUST_CHECK enum err algorithm_verify_digest(const struct sig_algorithm *algorithm,
	const struct subject_key *key, const uint8_t *digest, struct bytes signature);
struct cert;
struct subject_key cert_subject_key(const struct cert *cert);
/* algorithm_verify() with signer's key. */
MUST_CHECK enum err algorithm_verify_by(const struct sig_algorithm *algorithm, const struct cert *signer,
	struct bytes message, struct bytes signature);

/* --- extensions --- */
enum extension_id {
	EXT_UNKNOWN,
	EXT_BASIC_CONSTRAINTS,
	EXT_KEY_USAGE,
	EXT_EXTENDED_KEY_USAGE,
	EXT_SUBJECT_ALT_NAME,
	EXT_ISSUER_ALT_NAME,
	EXT_SUBJECT_KEY_ID,
	EXT_AUTHORITY_KEY_ID,
	EXT_NAME_CONSTRAINTS,
	EXT_CERTIFICATE_POLICIES,
	EXT_POLICY_MAPPINGS,
	EXT_POLICY_CONSTRAINTS,
	EXT_INHIBIT_ANY_POLICY,
	EXT_CRL_DISTRIBUTION_POINTS,
	EXT_FRESHEST_CRL,
	EXT_AUTHORITY_INFO_ACCESS,
	EXT_CRL_NUMBER,
	EXT_DELTA_CRL_INDICATOR,
	EXT_ISSUING_DISTRIBUTION_POINT,
	EXT_REASON_CODE,
	EXT_INVALIDITY_DATE,
	EXT_CERTIFICATE_ISSUER,
	EXT_COUNT_
};
struct extension {
	struct bytes oid;   /* content octets */
	struct bytes value; /* content of the OCTET STRING */
	bool critical;
	enum extension_id id;
};
/* One Extension; in stands at it. */
MUST_CHECK enum err extension_next(struct wire_reader *in, struct extension *out);
/* The extensions of a list, of its entry or of a response: at least one, at most max, none twice (RFC 5280 4.2). */
struct extension_walk {
	struct wire_reader list; /* stands at the next; nothing left: that was all */
	size_t max;
	size_t count;
	struct bytes seen[EXTENSIONS_MAX];
};
/* list: the content of an Extensions; max: EXTENSIONS_MAX or fewer. ERR_MALFORMED: it is empty. */
MUST_CHECK enum err extension_walk_begin(struct extension_walk *walk, struct wire_reader list, size_t max);
/* ERR_MALFORMED, ERR_LIMIT. */
MUST_CHECK enum err extension_walk_next(struct extension_walk *walk, struct extension *out);

enum key_usage_bit {
	KU_DIGITAL_SIGNATURE = 1u << 0,
	KU_KEY_ENCIPHERMENT = 1u << 2,
	KU_KEY_AGREEMENT = 1u << 4,
	KU_KEY_CERT_SIGN = 1u << 5,
	KU_CRL_SIGN = 1u << 6
};
enum eku_bit { EKU_ANY = 1u << 0, EKU_SERVER = 1u << 1, EKU_CLIENT = 1u << 2, EKU_OCSP_SIGNING = 1u << 3 };

struct general_name {
	uint8_t tag;        /* [0] … [8] as encoded */
	struct bytes value; /* content octets; of [4] the Name's DER */
};
/* The next GeneralName; its form is checked (IA5 text, IP length is the caller's). */
MUST_CHECK enum err general_name_next(struct wire_reader *in, struct general_name *out);

/* What the extensions of one certificate say. */
struct extensions {
	bool has[EXT_COUNT_];
	bool critical[EXT_COUNT_];
	struct bytes value[EXT_COUNT_];
	bool ca;
	int64_t path_length; /* -1: none */
	uint32_t key_usage;
	uint32_t eku;
	struct bytes subject_key_id;
	struct bytes authority_key_id;
	bool unknown_critical;
	struct bytes unknown_critical_oid;
	struct general_name *sans;
	size_t san_count;
};
MUST_CHECK enum err extensions_parse(struct wire_reader *list, struct parse *parse, struct extension **table,
	size_t *count, struct extensions *out);
void extensions_release(struct extensions *ext);
enum extension_id extension_identify(struct bytes oid);
MUST_CHECK enum err authority_key_id_parse(struct bytes value, struct bytes *key_id);

/*
 * "The signature holds under the key whose hash is key", or, as a memo of its own, "it does not": a pure function of the
 * object's bytes and that key, so remembering it cannot make one verdict depend on another connection. A connection is judged
 * several times, and a fleet at once when a list changes; each signature is computed once. state: 0 empty, 1 being written,
 * 2 readable.
 */
struct signature_memo {
	atomic_int state;
	uint8_t key[SHA256_BYTES];
};

struct cert {
	atomic_uint refs;
	struct bytes der;
	struct bytes tbs; /* whole */
	struct bytes signature;
	struct sig_algorithm algorithm;
	unsigned version;
	struct bytes serial;
	struct name issuer, subject;
	bool self_issued;
	int64_t not_before, not_after;
	struct bytes spki;
	enum key_kind key_kind;
	unsigned key_bits;
	struct key_rule key_rule;
	struct extension *extension_table;
	size_t extension_count;
	struct extensions ext;
	uint8_t sha256[SHA256_BYTES];
	uint8_t spki_sha256[SHA256_BYTES];
	struct signature_memo memo;
	struct signature_memo not_memo; /* under which key it does not hold */
	uint8_t bytes[];                /* the DER */
};

/* What keeps a list from being a plain, full one of its issuer. */
enum crl_oddity {
	CRL_PLAIN = 0,
	CRL_HAS_CRITICAL_UNKNOWN = 1u
				   << 0, /* extension of the list or of an entry: such a list is never used */
	CRL_HAS_SCOPE = 1u << 1,         /* issuingDistributionPoint */
	CRL_IS_DELTA = 1u << 2,
	CRL_IS_INDIRECT = 1u << 3 /* an entry names another issuer */
};

#define REASONS_ALL 0x1feu /* ReasonFlags 1 … 8 */

/* DistributionPointName, in a certificate or a list. */
enum point_kind { POINT_NONE, POINT_FULL, POINT_RELATIVE };
struct point {
	enum point_kind kind;
	struct bytes value; /* content of fullName or of nameRelativeToCRLIssuer */
};

/* issuingDistributionPoint (RFC 5280 5.2.5); without one: everything. */
struct crl_scope {
	struct point point;
	bool only_user, only_ca, only_attribute, indirect;
	uint32_t reasons;
};
MUST_CHECK enum err crl_scope_parse(struct bytes value, struct crl_scope *out);

/* One DistributionPoint of a certificate (RFC 5280 4.2.1.13). */
struct distribution_point {
	struct point point;
	uint32_t reasons;
	struct bytes crl_issuer; /* GeneralNames content; empty: the certificate's issuer */
};
MUST_CHECK enum err distribution_point_next(struct wire_reader *list, struct distribution_point *out);
/* RFC 5280 6.3.3 (b): whether crl, whose issuer already fits, speaks of cert through point. ERR_OK, ERR_NOT_FOUND, ERR_NOMEM. */
struct crl;
MUST_CHECK enum err crl_scope_covers(
	const struct crl *crl, const struct cert *cert, const struct distribution_point *point);

struct crl_entry {
	struct bytes serial;
	int64_t when;
	int reason;                      /* CRLReason; -1: none given */
	struct bytes certificate_issuer; /* GeneralNames, as DER; empty: as the entry before */
};
#define CRL_REASON_REMOVE 8 /* removeFromCRL */
/* A CRLReason (RFC 5280 5.3.1), all that is left of in. ERR_MALFORMED: also one that is not assigned. */
MUST_CHECK enum err crl_reason_parse(struct wire_reader in, int *out);
/* The next revokedCertificates entry; what is odd about it is added to *oddities. ERR_MALFORMED, ERR_LIMIT. */
MUST_CHECK enum err crl_entry_next(
	struct wire_reader *in, bool extensions_allowed, struct crl_entry *out, unsigned *oddities);

/* --- crl_entries.c: the entries of one list, packed --- */
#define CRL_SERIAL_BYTES_MAX 255u
struct crl_entries {
	uint8_t *records;
	uint32_t *buckets; /* bucket_count + 1 offsets into records; NULL: none yet */
	uint32_t bucket_count;
	uint32_t issuer; /* of the entry that is added next */
	size_t count;
	uint8_t key[16];     /* of the hash that chooses a bucket */
	struct buf unsorted; /* until sealed: records in the list's order */
	struct buf issuers;  /* of an indirect list: certificateIssuer values, each behind its length */
};
struct crl_entries crl_entries_init(size_t der_bytes); /* of the list: an upper bound for what is kept */
/* In the list's order. entry: from crl_entry_next(). ERR_NOMEM. */
MUST_CHECK enum err crl_entries_add(struct crl_entries *entries, const struct crl_entry *entry);
/* No more are added; from now on they are found. ERR_NOMEM, ERR_IO: release it. */
MUST_CHECK enum err crl_entries_seal(struct crl_entries *entries);
void crl_entries_release(struct crl_entries *entries);
/* Walks the entries of one serial in the list's order; *at begins as 0. false: no more. */
bool crl_entries_next(
	const struct crl_entries *entries, struct bytes serial, size_t *at, struct crl_entry *out);

struct crl {
	atomic_uint refs;
	struct bytes kept; /* the DER without its entries; what is borrowed below points into it */
	struct bytes tbs;  /* whole, but only where a digest will not do (Ed25519) */
	uint8_t digest[HASH_BYTES_MAX]; /* else: of tbsCertList, under algorithm.hash */
	struct bytes signature;
	struct sig_algorithm algorithm;
	struct name issuer;
	int64_t this_update, next_update;
	struct bytes number;
	struct bytes authority_key_id;
	struct bytes base_number; /* of a delta */
	struct bytes scope_value; /* issuingDistributionPoint, content of the OCTET STRING */
	struct bytes freshest;    /* freshestCRL, likewise; looked at only when its URLs are asked for */
	struct crl_scope scope;
	unsigned oddities;
	struct crl_entries entries;
	uint8_t sha256[SHA256_BYTES];
	struct signature_memo memo;
};

/*
 * Whether serial is listed; of an indirect list, as a certificate of issuer (NULL: of anybody). One or two cache misses,
 * however long the list. ERR_OK, ERR_NOT_FOUND, ERR_NOMEM.
 */
MUST_CHECK enum err crl_find(
	const struct crl *crl, struct bytes serial, const struct name *issuer, struct crl_entry *out);
/* CRL numbers, as INTEGER content: <0, 0, >0. */
int crl_number_compare(struct bytes a, struct bytes b);
/* Whether GeneralNames content holds name as a directoryName. ERR_OK, ERR_NOT_FOUND, ERR_NOMEM. */
MUST_CHECK enum err general_names_hold(struct bytes content, const struct name *name);

/* The CRLs of one issuer name, the one that serves first in front (numbered, higher number, later thisUpdate). */
size_t crl_set_of_issuer(
	const struct crl_set *set, const struct name *issuer, const struct crl *const **first);

/* --- the verdict --- */

/* One signature check already made in this verdict: object (certificate or CRL) under signer's key. */
struct checked {
	const void *object;
	const struct cert *signer;
	enum err result;
};

/* Which bound ended a verdict: the engineer is told that one. */
enum work_limit {
	LIMIT_SIGNATURES,
	LIMIT_ISSUERS,
	LIMIT_STEPS,
	LIMIT_CONSTRAINTS,
	LIMIT_LISTS,
	LIMIT_ANSWERS
};

struct judgement {
	const struct x509_question *question;
	struct x509_answer *out;
	unsigned steps;
	bool out_of_work; /* judgement_stop() was called */
	enum work_limit limit;
	unsigned limit_max;
	bool too_deep; /* a path was given up for its length; others are still tried */
	bool out_of_memory;
	int best_rank; /* how near to acceptance the failure got that *out tells of; a better one replaces it */
	struct checked checked[GIVEN_SIGNATURES_MAX];
	bool reached[X509_GIVEN_CERTS_MAX]; /* presented certificates that hang on an anchor by signatures */
	/* Of the path that was looked at last; the answer shows those of the path that it shows. */
	struct x509_evidence evidence[PATH_CERTS_MAX];
	size_t evidence_count;
};

/*
 * How near to acceptance a failure was: the nearest is what an engineer is told. A path that failed for absence of knowledge
 * alone outranks one that failed for good, and one that a fetch may settle outranks both: of several paths the best counts
 * (DESIGN.md 1, three values).
 */
enum failure_rank {
	RANK_NONE,
	RANK_NO_ISSUER,
	RANK_EDGE,
	RANK_PATH,
	RANK_PATH_ABSENCE,
	RANK_PATH_NEED,
	RANK_FINAL
};

/* Notes a refusal and returns false, so that checks read "return judgement_fail(…)". */
/* There is no going on: the search ends, and the limit is what is told. */
void judgement_stop(struct judgement *judgement, enum work_limit limit, unsigned max);
bool judgement_fail(struct judgement *judgement, enum failure_rank rank, enum x509_reason reason,
	const char *format, ...) PRINTF_LIKE(4, 5);

/*
 * One signature check; each pair of object and signer costs once per verdict, memo or not, so that the cost of a verdict is
 * a function of the question alone.
 * ERR_OK, ERR_DENIED, ERR_UNSUPPORTED, ERR_LIMIT (no work left), ERR_NOMEM.
 */
struct signed_object {
	const void *object;
	const struct signature_memo *memo; /* the object's */
	/*
	 * Of a presented certificate, else NULL: a failure that was ours in truth is forgotten with the object, and a stranger's
	 * does not live long, while a list does.
	 */
	const struct signature_memo *not_memo;
	const struct sig_algorithm *algorithm;
	struct bytes message, signature;
	const uint8_t *digest; /* of a message that is not kept, under algorithm->hash; NULL: see message */
};
MUST_CHECK enum err judgement_verify(
	struct judgement *judgement, const struct signed_object *object, const struct cert *signer);
bool algorithm_is_weak(const struct judgement *judgement, const struct sig_algorithm *algorithm);

/* A name for a sentence: the CN, else the last attribute, else the serial number; escaped and short. */
#define LABEL_BYTES 72
struct label {
	char text[LABEL_BYTES];
};
struct label cert_label(const struct cert *cert);
struct label name_label(const struct name *name);
struct label bytes_label(struct bytes text);

/* Checks of one certificate in its role; false with the failure noted. */
bool check_leaf(struct judgement *judgement, const struct cert *leaf);
bool check_pin(struct judgement *judgement, const struct cert *leaf);
bool check_issuer(struct judgement *judgement, const struct cert *issuer, bool anchor);
/* Of a certificate that is no CA on the path but signs lists; nothing is noted. */
bool check_crl_signer(struct judgement *judgement, const struct cert *signer);
/* Of a certificate that came with an OCSP response (RFC 6960 4.2.2.2); nothing is noted. */
bool check_ocsp_signer(struct judgement *judgement, const struct cert *signer);

/* Searches paths from the leaf; on acceptance fills *out and returns true. */
bool path_search(struct judgement *judgement);
/* The whole path leaf … anchor, whose certificates and signatures were checked one by one. */
bool path_check(struct judgement *judgement, const struct cert *const *path, size_t count);
/* Path lengths and name constraints alone: for the path of a CRL signer. */
bool path_check_signer(struct judgement *judgement, const struct cert *const *path, size_t count);
/* *until: the earliest nextUpdate relied on. *known: every certificate was found in the scope of a fresh list. */
bool revocation_check(struct judgement *judgement, const struct cert *const *path, size_t count,
	int64_t *until, bool *known);

#endif
