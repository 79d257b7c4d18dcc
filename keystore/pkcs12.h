/*
 * pkcs12.h - PKCS#12 files as bags (RFC 7292): what stands in them, before anything is concluded from it.
 * Owns:    keys (locked memory), certificate DER, the attributes of each bag.
 * Never:   parses certificates, decides on trust; parses a byte whose MAC was not checked.
 * Threads: one at a time; blocks while keys are derived.
 */
#ifndef LOCKGATE_KEYSTORE_PKCS12_H
#define LOCKGATE_KEYSTORE_PKCS12_H

#include "base/wire.h"
#include "keystore/internal.h"
#include "keystore/tlv.h"

#define P12_KEYS_MAX 1024u /* private keys of one file: each costs a derivation */

struct p12_attributes {
	char *name;  /* friendlyName as UTF-8, NULL: none */
	uint8_t *id; /* localKeyId, NULL: none */
	size_t id_len;
	bool trusted;  /* trustedKeyUsage names any use or client authentication */
	uint8_t *kept; /* DER of the attributes that we do not know, one behind the other */
	size_t kept_len;
};

struct p12_key {
	struct secret pkcs8;
	struct p12_attributes attributes;
};

struct p12_cert {
	uint8_t *der;
	size_t der_len;
	struct p12_attributes attributes;
};

struct p12 {
	struct p12_key *keys;
	size_t key_count, key_cap;
	struct p12_cert *certs;
	size_t cert_count, cert_cap;
	size_t unknown_bags;
};

/*
 * What a reader may accept beyond what is served: NULL is the strict reader. Old ciphers, BER, and what else other
 * programs write is taken only under rules, which only an import has.
 */
struct p12_rules {
	const struct keystore_key_passphrase *key_passphrases; /* borrowed */
	size_t key_passphrase_count;
	bool insecure_no_mac; /* PKCS#12: an absent integrity check is no obstacle (a wrong one is); JKS: not looked at */
	keystore_note_fn note;
	keystore_progress_fn progress;
	void *ctx;
	bool keep_unusable; /* certificates that the parser refuses become entries that are kept and not used */
	const char *const *only; /* aliases that are wanted, borrowed; count 0: all */
	size_t only_count;
};

/* How a passphrase became the bytes of RFC 7292 B.1; the second and third are mistakes that files have. */
enum p12_form {
	P12_FORM_BMP,   /* as it should be: UTF-16BE and two zero bytes */
	P12_FORM_NONE,  /* no passphrase: no bytes at all; only where it is empty */
	P12_FORM_BYTES, /* each byte of UTF-8 as a character; only where it is not ASCII */
	P12_FORM_COUNT_
};

/* Passphrase of a file under work, and what the file may still cost. */
struct p12_context {
	struct bytes passphrase; /* UTF-8, borrowed */
	uint32_t work_left;      /* iterations */
	uint32_t bags_left;
	struct keystore_error *error;
	const struct p12_rules *rules; /* NULL: strict */
	enum p12_form form;            /* the one that the integrity check was found right with */
};

/* --- pkcs12.c: what was read --- */
void p12_release(struct p12 *p12); /* wipes, frees */
void p12_attributes_release(struct p12_attributes *attributes);
/* What is given is moved in on ERR_OK. ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err p12_key_put(struct p12_context *context, struct p12 *p12, struct secret *pkcs8,
	struct p12_attributes *attributes);
/* der is copied, attributes are moved in on ERR_OK. */
MUST_CHECK enum err p12_cert_put(
	struct p12_context *context, struct p12 *p12, struct bytes der, struct p12_attributes *attributes);
/* Tells the import's caller, if there is one. */
void p12_note(const struct p12_context *context, const char *format, ...) PRINTF_LIKE(2, 3);
/* The passphrase of one entry: its own where the import has one for this alias, else the file's. */
struct bytes p12_entry_passphrase(const struct p12_context *context, const char *alias);
/* Whether the import wants the entry of this alias: all, or those that it names. */
bool p12_wanted(const struct p12_context *context, const char *alias);
/*
 * What becomes of a key that could not be opened, which ended with err: ERR_OK if nobody wants it, so that it is passed over,
 * else err. A passphrase that somebody does not have keeps him from that key only.
 */
MUST_CHECK enum err p12_key_missed(const struct p12_context *context, const char *alias, enum err err);
/* The bytes of a form. ERR_NOT_FOUND: the passphrase has none of this form (strict: only the first two exist). */
MUST_CHECK enum err p12_form_bytes(const struct p12_context *context, enum p12_form form, struct secret *out);

/* --- pkcs12_read.c --- */
/* The strict reader, for what is served. */
MUST_CHECK enum err p12_read(
	struct bytes content, struct bytes passphrase, struct p12 *out, struct keystore_error *error);
/* For an import; rules is never NULL. */
MUST_CHECK enum err p12_read_import(struct bytes content, struct bytes passphrase,
	const struct p12_rules *rules, struct p12 *out, struct keystore_error *error);
/* For tests and fuzzing only: a MAC that does not match (or is absent) is no obstacle. rules may be NULL: strict. */
MUST_CHECK enum err p12_read_unchecked_mac(struct bytes content, struct bytes passphrase,
	const struct p12_rules *rules, struct p12 *out, struct keystore_error *error);
#define P12_UNCHECKED_WORK 4096u /* iterations that a file may cost whose MAC nobody looks at */

/* --- pkcs12_mac.c --- */
/* MacData stands next in pfx, and nothing behind it. ERR_DENIED: does not match. Notes the form that did. */
MUST_CHECK enum err p12_mac_check(struct p12_context *context, struct wire_reader *pfx, struct bytes content);

/* --- jks.c: JKS and JCEKS, for an import only --- */
bool jks_looks_like(struct bytes content, bool *jceks);
MUST_CHECK enum err jks_read(struct bytes content, struct bytes passphrase, const struct p12_rules *rules,
	struct p12 *out, struct keystore_error *error);
/* For tests and fuzzing only. */
MUST_CHECK enum err jks_read_unchecked_digest(struct bytes content, struct bytes passphrase,
	const struct p12_rules *rules, struct p12 *out, struct keystore_error *error);

/* --- java_object.c --- */
/* Passes over one serialized Java object (a secret key of JCEKS). ERR_MALFORMED, ERR_UNSUPPORTED, ERR_LIMIT. */
MUST_CHECK enum err java_object_skip(struct wire_reader *reader);

/* --- pkcs12_write.c --- */
struct p12_put_key {
	struct bytes pkcs8;
	const char *name;
	struct bytes id;
	struct bytes kept;
};
struct p12_put_cert {
	struct bytes der;
	const char *name; /* NULL: no friendlyName */
	struct bytes id;  /* empty: no localKeyId */
	bool trusted;
	struct bytes kept;
};
struct p12_put {
	const struct p12_put_key *keys;
	size_t key_count;
	const struct p12_put_cert *certs;
	size_t cert_count;
};
MUST_CHECK enum err p12_write(
	const struct p12_put *put, struct bytes passphrase, struct buf *out, struct keystore_error *error);

/* --- pbe.c --- */
/* Opens what algorithm (the content of an AlgorithmIdentifier) sealed. ERR_DENIED: not with this passphrase. */
MUST_CHECK enum err pbe_open(
	struct p12_context *context, struct wire_reader algorithm, struct bytes sealed, struct secret *out);
/* Puts the AlgorithmIdentifier of PBES2 with fresh salt and IV; the sealed bytes are appended to sealed. */
MUST_CHECK enum err pbe_seal(
	struct bytes passphrase, struct bytes plain, struct wire_writer *algorithm, struct buf *sealed);
/* Takes iterations from what the file may cost. */
MUST_CHECK enum err pbe_spend(struct p12_context *context, uint32_t iterations, uint32_t blocks);
/* The digest of an AlgorithmIdentifier whose parameters are NULL or absent. */
MUST_CHECK enum err pbe_digest_get(struct wire_reader *reader, struct bytes *oid, enum hash_alg *out);
/* AlgorithmIdentifier ::= SEQUENCE { algorithm OID, parameters ANY OPTIONAL }: what stands behind the OID is left. */
MUST_CHECK enum err pbe_algorithm_enter(
	struct wire_reader *reader, struct bytes *oid, struct wire_reader *parameters);
MUST_CHECK enum err pbe_no_parameters(struct wire_reader *parameters);
/* What PBKDF2-params said. */
struct pbkdf2_params {
	struct bytes salt;
	uint32_t iterations;
	uint32_t key_bytes; /* 0: not stated */
	enum hash_alg prf;
};
/* reader stands within the AlgorithmIdentifier of PBKDF2, behind its OID. */
MUST_CHECK enum err pbe_pbkdf2_params_get(
	struct p12_context *context, struct wire_reader *kdf, struct pbkdf2_params *out);
/* An AlgorithmIdentifier of HMAC. */
MUST_CHECK enum err pbe_prf_get(struct p12_context *context, struct wire_reader *reader, enum hash_alg *out);
enum err pbe_unsupported(struct p12_context *context, struct bytes oid);

/* --- pbe_old.c: schemes for importing only; parameters as they stand behind the OID --- */
enum pbe_old {
	PBE_OLD_SHA1_3DES_3KEY,
	PBE_OLD_SHA1_3DES_2KEY,
	PBE_OLD_SHA1_RC2_128,
	PBE_OLD_SHA1_RC2_40,
	PBE_OLD_MD5_DES,
	PBE_OLD_SHA1_DES,
	PBE_OLD_SUN_PROTECTOR,
	PBE_OLD_SUN_MD5_3DES
};
MUST_CHECK enum err pbe_old_open(struct p12_context *context, enum pbe_old scheme,
	struct wire_reader parameters, struct bytes sealed, struct secret *out);

/* --- pbe.c --- */
/* An EncryptedPrivateKeyInfo (RFC 5958 section 3). */
MUST_CHECK enum err pbe_open_key(struct p12_context *context, struct bytes der, struct secret *out);

/* The one sentence for a wrong passphrase and for an altered file. */
#define P12_DENIED_SENTENCE "wrong passphrase, or the file was altered"

#endif
