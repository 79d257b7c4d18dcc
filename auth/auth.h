/*
 * auth.h - who may come in and what they may do: DN patterns, channel authentication rules, authority, admission.
 * Owns:    the immutable policy and its parts (counted atomically).
 * Never:   has a socket, clock, lock, log or fetch; includes broker/ or jaas_like/.
 * Threads: a policy is immutable once built; judge on any thread.
 */
#ifndef LOCKGATE_AUTH_AUTH_H
#define LOCKGATE_AUTH_AUTH_H

#include "base/bytes.h"
#include "x509/x509.h"

/* --- limits an operator can see --- */
#define AUTH_CHANNEL_NAME_BYTES_MAX 20u
#define AUTH_USER_BYTES_MAX         64u
#define AUTH_DN_PATTERN_BYTES_MAX   1024u
#define AUTH_CERT_POLICIES_MAX      16u  /* CERTPOL */
#define AUTH_LIST_ITEMS_MAX         100u /* USERLIST, ADDRLIST */
#define AUTH_RULE_KEY_BYTES         512u
#define AUTH_RULES_MAX              100000u /* CHLAUTH records; also topic objects, and authority records */
#define AUTH_CHANNELS_MAX           1000u
#define AUTH_TOPIC_LEVELS_MAX       32u /* of a topic object's TOPICSTR */
#define AUTH_OBJECT_NAME_BYTES_MAX  48u
#define AUTH_TRACE_STEPS_MAX        24u

/* --- addresses --- */
struct auth_address {
	uint8_t family; /* 4 or 6; 0: none (a local pipe in tests) */
	uint8_t octets[16];
};
/* Textual IPv4 or IPv6; IPv4-mapped IPv6 becomes IPv4. ERR_INVALID. */
MUST_CHECK enum err auth_address_parse(const char *text, struct auth_address *out);
#define AUTH_ADDRESS_TEXT_BYTES 46
void auth_address_format(const struct auth_address *address, char out[AUTH_ADDRESS_TEXT_BYTES]);

/* --- patterns (mq-semantics 3.5, 3.6, 4): parse checks validity when a command is entered --- */
struct dn_pattern;
struct auth_error {
	enum err err;
	size_t offset; /* into the text */
	char sentence[160];
};
MUST_CHECK enum err dn_pattern_parse(const char *text, struct dn_pattern **out, struct auth_error *error);
void dn_pattern_free(struct dn_pattern *pattern);
/*
 * subject true: against the subject (SERIALNUMBER is the certificate's serial, never the X.520 attribute), else the issuer.
 * A value that holds a NUL, a control or a bidirectional control, or is no text, never matches. Of an attribute that
 * stands more than once only the one printed first (the last in DER order) is looked at; OU and DC are lists.
 */
bool dn_pattern_match(const struct dn_pattern *pattern, const struct cert *cert, bool subject);
/* >0: a is more specific than b (4.5). */
int dn_pattern_compare(const struct dn_pattern *a, const struct dn_pattern *b);

struct address_pattern;
MUST_CHECK enum err address_pattern_parse(
	const char *text, struct address_pattern **out, struct auth_error *error);
void address_pattern_free(struct address_pattern *pattern);
bool address_pattern_match(const struct address_pattern *pattern, const struct auth_address *address);
int address_pattern_compare(const struct address_pattern *a, const struct address_pattern *b);

bool name_pattern_match(const char *pattern, const char *name); /* '*' any number of times */
int name_pattern_compare(const char *a, const char *b); /* >0: a more specific; both match the same name */

/* --- CHLAUTH --- */
enum chlauth_type {
	CHLAUTH_BLOCKUSER,
	CHLAUTH_BLOCKADDR,
	CHLAUTH_SSLPEERMAP,
	CHLAUTH_ADDRESSMAP,
	CHLAUTH_USERMAP,
	CHLAUTH_QMGRMAP
};
enum chlauth_usersrc { USERSRC_MAP, USERSRC_NOACCESS, USERSRC_CHANNEL };
const char *chlauth_type_name(enum chlauth_type type);
const char *chlauth_usersrc_name(enum chlauth_usersrc source);

/* As the operator wrote it; text is borrowed for the call of chlauth_rules_new(), NULL where not given. */
struct chlauth_record {
	const char *profile;
	enum chlauth_type type;
	const char *ssl_peer, *ssl_issuer; /* SSLPEER, SSLCERTI */
	const char *fingerprint;           /* SSLFPRT, ours: SHA-256 in hex; for pinned certificates */
	const char *address;
	const char *client_user;
	enum chlauth_usersrc usersrc;
	const char *mca_user;
	const char *const *list; /* USERLIST or ADDRLIST */
	size_t list_count;
	bool warn;
	const char *description;
};
/*
 * Is this record well formed by itself (3.1)? QMGRMAP is refused as unsupported: no MQTT client has a queue manager name.
 * The users that '*MQADMIN' means in a USERLIST: mqm, root, lockgate, admin, administrator, in any case of letters.
 */
MUST_CHECK enum err chlauth_record_check(const struct chlauth_record *record, struct auth_error *error);
/* Same key (profile + type + selectors + address): then REPLACE and REMOVE mean this one. */
bool chlauth_record_same_key(const struct chlauth_record *a, const struct chlauth_record *b);
/* "SSLPEERMAP CHL('A.*') SSLPEER('CN=d1')": how logs, traces and CHSTATUS name it. Escaped. */
MUST_CHECK enum err chlauth_record_print_key(const struct chlauth_record *record, struct buf *out);

/* An immutable, counted set of rules. */
enum chlauth_mode { CHLAUTH_ENABLED, CHLAUTH_DISABLED, CHLAUTH_WARN };
struct chlauth_rules;
MUST_CHECK enum err chlauth_rules_new(const struct chlauth_record *records, size_t count,
	enum chlauth_mode mode, uint64_t generation, struct chlauth_rules **out, struct auth_error *error);
struct chlauth_rules *chlauth_rules_ref(const struct chlauth_rules *rules);
void chlauth_rules_unref(struct chlauth_rules *rules);
uint64_t chlauth_rules_generation(const struct chlauth_rules *rules);
enum chlauth_mode chlauth_rules_mode(const struct chlauth_rules *rules);

/* --- authority (mq-semantics 9) --- */
enum auth_right { RIGHT_CONNECT = 1u << 0, RIGHT_PUB = 1u << 1, RIGHT_SUB = 1u << 2, RIGHT_RETAIN = 1u << 3 };
struct topic_object {
	const char *name;
	const char *
		topic_string; /* "" is the root; may hold ${clientid}, ${user}, ${cn}, each as a whole level */
};
struct authority_record {
	const char *profile; /* generic object name; for OBJTYPE(QMGR) NULL */
	bool queue_manager;  /* OBJTYPE(QMGR), else OBJTYPE(TOPIC) */
	bool group; /* GROUP, else PRINCIPAL; kept, but nobody is a member of a group yet: it grants nothing */
	const char *entity;
	unsigned rights; /* enum auth_right bits */
};
struct authority;
MUST_CHECK enum err authority_new(const struct topic_object *topics, size_t topic_count,
	const struct authority_record *records, size_t record_count, uint64_t generation,
	struct authority **out, struct auth_error *error);
struct authority *authority_ref(const struct authority *authority);
void authority_unref(struct authority *authority);
uint64_t authority_generation(const struct authority *authority);

/* Who asks: the values as bound by admission; empty or hostile values never match a ${…}. */
struct authority_subject {
	const char *user;
	const char *client_id;   /* NULL: not bound, then ${clientid} never matches */
	const char *common_name; /* NULL: no verified certificate */
};
struct authority_answer {
	bool granted;
	char reason[160]; /* which object and record granted, or what was looked at last */
};
bool authority_may_connect(const struct authority *authority, const struct authority_subject *subject,
	struct authority_answer *answer);
/* Topic name, no wildcards. answer may be NULL (the hot path). */
bool authority_may_publish(const struct authority *authority, const struct authority_subject *subject,
	struct bytes topic, struct authority_answer *answer);
/*
 * A filter with wildcards needs a grant that contains the filter. Of a shared subscription ($share/NAME/FILTER) pass FILTER.
 * Topics whose first level begins with '$' are walled off: only a topic object that names that first level literally counts.
 */
bool authority_may_subscribe(const struct authority *authority, const struct authority_subject *subject,
	struct bytes filter, struct authority_answer *answer);
/* As publish, for RIGHT_RETAIN. */
bool authority_may_retain(const struct authority *authority, const struct authority_subject *subject,
	struct bytes topic, struct authority_answer *answer);

/* --- policy --- */
enum ssl_client_auth { SSLCAUTH_NEVER, SSLCAUTH_OPTIONAL, SSLCAUTH_REQUIRED };

/*
 * Account knowledge that lives in the login module's snapshot; a table, since auth is below jaas_like.
 * UNKNOWN by itself does not refuse (the user may live in a directory that has no snapshot): see login_account_known.
 */
enum account_state { ACCOUNT_UNKNOWN, ACCOUNT_ENABLED, ACCOUNT_DISABLED };
struct accounts {
	uint64_t generation;
	enum account_state (*state)(const void *ctx, const char *user);
	const void *ctx; /* outlives the policy */
};

/* Text borrowed for policy_new(), which copies; sets are ref'd. */
struct channel_policy {
	const char *name;
	bool tls;
	enum ssl_client_auth client_auth;
	const char *ssl_peer;       /* SSLPEER of the channel, NULL: not checked */
	const char *mca_user;       /* NULL: blank */
	bool use_client_id;         /* USECLTID(YES) */
	const char *login;          /* JAASCFG, NULL: none */
	bool login_checks_password; /* the stack has a module that judges a password */
	/* What tells this configuration of the entry from another one; 0: not known. */
	uint64_t login_config;
	/*
	 * No module of the stack rewrites user name or client id: then rules on names refuse before the login, and a login that
	 * comes back with another name is refused. false: the stack may rewrite, names count only after it.
	 */
	bool login_keeps_names;
	bool insecure_assert; /* INSECASSERT(YES): an unverified user name may be the effective user */
	enum x509_revocation revocation; /* REVCHECK */
	bool allow_sha1;
	/* CERTPOL, dotted OIDs: the path must hold for one of them. None: policies are not asked for. */
	const char *cert_policies[AUTH_CERT_POLICIES_MAX];
	size_t cert_policy_count;
	bool close_on_stale;           /* REVLIVE(CLOSE) */
	const struct trust_set *trust; /* NULL: plain channel */
	const struct crl_set *crls;    /* NULL: none configured */
	bool crls_incomplete;
	/* A list that the operator named is being looked at for the first time: what is absent may be about to come. */
	bool lists_pending;
	enum x509_ocsp ocsp_auth; /* OCSPAUTH where OCSP is used, else X509_OCSP_NONE */
	const char *ocsp_url;     /* the responder of REVINFO, NULL: none */
	bool need_cdp, need_aia;  /* CRLFETCH(CDP), OCSPFETCH(AIA) */
	uint32_t stale_grace_s;   /* REVSTALE */
	uint64_t generation;      /* of this channel's own attributes */
	/* For --prove and tests only: gates opened on purpose. 0 in every real configuration. */
	unsigned insecure_open_gates; /* enum gate bits */
};
enum gate {
	GATE_PATH = 1u << 0,
	GATE_CRL = 1u << 1,
	GATE_CHLAUTH = 1u << 2,
	GATE_OWNER = 1u << 3,
	GATE_AUTHORITY = 1u << 4
};

/* Whether CERTPOL may hold text. */
bool auth_policy_oid_valid(const char *text);

struct policy_parts {
	const struct channel_policy *channels;
	size_t channel_count;
	const struct chlauth_rules *rules;
	const struct authority *authority;
	struct accounts accounts; /* state NULL: none */
};
struct policy;
MUST_CHECK enum err policy_new(
	const struct policy_parts *parts, struct policy **out, struct auth_error *error);
struct policy *policy_ref(const struct policy *policy);
void policy_unref(struct policy *policy);
const struct channel_policy *policy_channel(const struct policy *policy, const char *name); /* NULL: none */
const struct authority *policy_authority(const struct policy *policy);
const struct chlauth_rules *policy_rules(const struct policy *policy);
/* For callers of authority_may_*: with GATE_AUTHORITY open (tests, --prove) they do not ask. Unknown channel: false. */
bool policy_gate_open(const struct policy *policy, const char *channel, enum gate gate);

/* --- evidence --- */
enum certificate_evidence {
	CERTIFICATE_PENDING, /* the handshake is not over; on a plain channel NOT_ASKED */
	CERTIFICATE_NOT_ASKED,
	CERTIFICATE_NONE_SENT,
	CERTIFICATE_CHAIN,
	CERTIFICATE_RESUMED /* a chain known from a ticket; judged like CHAIN */
};
enum login_outcome {
	LOGIN_PENDING,
	LOGIN_NOT_CONFIGURED,
	LOGIN_ALLOWED,
	LOGIN_DENIED,
	LOGIN_FAILED /* module error */,
	LOGIN_BUSY
};

/* Plain values; all pointers borrowed for the call. A connection keeps its own copy (evidence is never altered by the judge). */
struct evidence {
	const char *channel;
	struct auth_address peer;
	enum certificate_evidence certificate;
	const struct cert *const *chain;
	size_t chain_count;
	bool connect_seen;     /* CONNECT was parsed: the next three are valid */
	const char *client_id; /* "" when the client sent none */
	const char *user_name; /* NULL: none sent */
	bool password_sent;
	enum login_outcome login;
	const char *login_user;      /* user name after the stack's rewrite, NULL: none */
	const char *login_client_id; /* client id after the stack's rewrite, NULL: none */
	bool login_user_verified;    /* a committed module vouches for login_user */
	bool login_client_id_bound;  /* a committed module bound the client id to the certificate or user */
	/* Optional: the JAASCFG entry that judged the login; if given, a channel that names another one now refuses. */
	const char *login_name;
	/*
	 * The entry's configuration that judged it (0: not known), and whether a password was judged: a login without one does
	 * not hold where the entry was changed since and asks for one now.
	 */
	uint64_t login_config;
	bool login_password_judged;
	/* The accounts snapshot knew login_user when the login was allowed: then ACCOUNT_UNKNOWN now means removed, and refuses. */
	bool login_account_known;
	/*
	 * Answers of OCSP responders that were asked for this connection. revocation_asked: every source was tried, what is not
	 * known by now is not known; until then the verdict may be NEED_REVOCATION. revocation_busy: too many wait already, so it
	 * cannot wait as well.
	 */
	const struct ocsp_response *const *ocsp;
	size_t ocsp_count;
	bool revocation_asked, revocation_busy;
	const char *session_owner; /* owner of the session that exists under this client id, NULL: none */
};

/* --- the verdict --- */
enum admission { ADMISSION_REFUSE = 0, ADMISSION_ADMIT, ADMISSION_NEED };
enum need { NEED_NONE = 0, NEED_CERTIFICATE, NEED_CONNECT, NEED_LOGIN, NEED_REVOCATION };
enum admission_step {
	STEP_CHANNEL,
	STEP_BLOCKADDR,
	STEP_CLIENT_AUTH,
	STEP_PATH,
	STEP_REVOCATION,
	STEP_SSLPEER,
	STEP_LOGIN,
	STEP_ACCOUNT,
	STEP_CHLAUTH,
	STEP_EFFECTIVE_USER,
	STEP_BLOCKUSER,
	STEP_OWNER,
	STEP_CONNECT_AUTHORITY,
	STEP_COUNT_
};
const char *admission_step_name(enum admission_step step); /* "revocation", … */
enum trace_outcome { TRACE_PASSED, TRACE_REFUSED, TRACE_SKIPPED, TRACE_WAITING, TRACE_WARNED };
struct admission_trace {
	enum admission_step step;
	enum trace_outcome outcome;
	char detail[160]; /* escaped */
};

/* Which parts of the policy the verdict used; a session is judged again when one of these generations changed. */
struct admission_uses {
	uint64_t channel, trust, crls, rules, authority, accounts;
};

/* What a certificate was trusted by. */
enum trust_kind { TRUST_NONE, TRUST_ANCHOR, TRUST_PIN };

struct admission_verdict {
	enum admission admission;
	enum need need;
	enum admission_step step; /* where it was decided */
	const char *message_id; /* "LKG9633E" style, a literal; mq-semantics 11.2 numbers behind our prefix */
	uint8_t reason_code;    /* MQTT 5, for CONNACK or DISCONNECT */
	enum x509_reason certificate_reason;
	bool absence; /* refused for want of knowledge, not for knowledge */
	/* Refused for what does not come back by itself: revoked (but on hold), expired, the account removed since the login. */
	bool for_good;
	char user[AUTH_USER_BYTES_MAX + 1]; /* effective user, when admitted */
	bool client_id_bound;
	char common_name[AUTH_USER_BYTES_MAX + 1]; /* of the verified leaf, "" if none */
	/* Set once a path was accepted: the anchor's SHA-256, or the pinned certificate's. */
	enum trust_kind trust_kind;
	uint8_t trust_sha256[SHA256_BYTES];
	char rule[AUTH_RULE_KEY_BYTES];     /* deciding rule's key, "" if none */
	char sentence[X509_SENTENCE_BYTES]; /* for the operator's log and explain; escaped */
	int64_t valid_until;                /* seconds; X509_NEVER */
	struct admission_uses uses;
	/*
	 * With NEED_REVOCATION: what could settle it, certificates borrowed from the evidence and the policy's trust. None: the
	 * lists that the operator named are on their way. With a certificate that passed: deltas that may be had, and need not.
	 */
	struct x509_need needs[X509_NEEDS_MAX];
	size_t need_count;
	char warning[X509_SENTENCE_BYTES]; /* OCSPAUTH(WARN) let it pass, and for want of what; "" */
	struct admission_trace trace[AUTH_TRACE_STEPS_MAX];
	size_t trace_count;
};

/*
 * Pure and three-valued. Refuses as soon as no later evidence could lead to ADMIT, so that a blocked address, name or
 * certificate never costs a password hash. now: seconds. Called when evidence arrives, for an operator's question, and
 * for live sessions. Unknown channel, missing policy, anything unexpected: REFUSE.
 */
void admission_judge(const struct policy *policy, const struct evidence *evidence, int64_t now,
	struct admission_verdict *out);

/*
 * For a live session. As admission_judge(), but a revocation that is not known (a stale list) hides nothing: the other
 * steps are judged too, and a refusal there by positive knowledge is the verdict. Without one the verdict stays that of
 * admission_judge(), and user and valid_until are those of the other steps (valid_until 0: they did not admit).
 */
void admission_judge_live(const struct policy *policy, const struct evidence *evidence, int64_t now,
	struct admission_verdict *out);

/*
 * Should this verdict end a live session? Positive knowledge does; absence of knowledge (stale CRL) and NEED do not, unless
 * the channel says REVLIVE(CLOSE).
 */
bool admission_closes_live(
	const struct policy *policy, const char *channel, const struct admission_verdict *verdict);

/* Today's generations of what this channel's verdicts use: the last gate of a login compares. */
void policy_uses(const struct policy *policy, const char *channel, struct admission_uses *out);
bool admission_uses_equal(const struct admission_uses *a, const struct admission_uses *b);

/*
 * DISPLAY CHLAUTH MATCH(RUNCHECK): the names are taken as proven, everything from BLOCKADDR to BLOCKUSER is judged by the same
 * functions as a login. DNs are literal text as we print them; anything generic is ERR_INVALID, an unknown channel
 * ERR_NOT_FOUND. *record: the deciding record, NULL: none; borrowed from the policy's rules.
 */
struct admission_runcheck {
	const char *channel;
	struct auth_address address;
	const char *client_user;           /* NULL: none */
	const char *client_id;             /* NULL: none; counts with USECLTID(YES) */
	const char *ssl_peer, *ssl_issuer; /* NULL: no certificate */
};
MUST_CHECK enum err admission_runcheck(const struct policy *policy, const struct admission_runcheck *question,
	struct admission_verdict *out, const struct chlauth_record **record, struct auth_error *error);

/*
 * The mapping record that a login with this evidence would use; NULL: none. Borrowed from rules. The chain's leaf is taken
 * as verified by a path (not as pinned).
 */
const struct chlauth_record *chlauth_rules_pick(
	const struct chlauth_rules *rules, const struct evidence *evidence, const char *user);

#endif
