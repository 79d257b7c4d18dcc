/*
 * keystore.h - the combined keystore and truststore: one PKCS#12 file (RFC 7292) with private keys and their chains,
 *              trust anchors and pinned device certificates.
 * Owns:    unsealed private keys (locked memory), aliases, the decision what an entry is trusted for.
 * Never:   opens a socket, logs, judges a chain (x509 does), hands a key to anyone but the builder of a TLS context
 *          and an explicit export.
 * Threads: a keystore is used by one thread at a time; a finished one that nobody changes may be read by many.
 *          Decoding, encoding, loading and saving derive keys from a passphrase: they block, never on a loop.
 */
#ifndef LOCKGATE_KEYSTORE_KEYSTORE_H
#define LOCKGATE_KEYSTORE_KEYSTORE_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/secret.h"
#include "x509/x509.h"

/* --- limits an operator can see (docs) --- */
#define KEYSTORE_FILE_BYTES_MAX  (8u * 1024u * 1024u)
#define KEYSTORE_ENTRIES_MAX     16384u
#define KEYSTORE_BAGS_MAX        32768u /* bags of one file, nested ones included */
#define KEYSTORE_NESTING_MAX     4u     /* SafeContents within SafeContents */
#define KEYSTORE_CHAIN_CERTS_MAX 9u     /* certificates kept for one private key, the leaf included */
#define KEYSTORE_KEY_BYTES_MAX   (32u * 1024u)
#define KEYSTORE_ITERATIONS_MAX  5000000u  /* of one derivation in a file that we read */
#define KEYSTORE_WORK_MAX        20000000u /* iterations of all derivations of one file together */
#define KEYSTORE_SALT_BYTES_MAX  1024u
#define KEYSTORE_ATTRIBUTES_MAX  64u    /* of one bag */
#define KEYSTORE_ALIAS_BYTES_MAX 512u   /* UTF-8 */
#define KEYSTORE_PASSPHRASE_MAX  1024u  /* UTF-8 */
#define KEYSTORE_ITERATIONS      10000u /* that we write, as keytool does */
#define KEYSTORE_SENTENCE_BYTES  384u

/* Why something was refused; sentence is for a human, holds no secret, and peer text in it is escaped. */
struct keystore_error {
	enum err err;
	char sentence[KEYSTORE_SENTENCE_BYTES];
};

struct keystore; /* opaque */

/*
 * What an entry is. A certificate is trusted only where its entry says so (Oracle's trustedKeyUsage attribute):
 * with it, alias "pin:NAME" is a pin, any other alias an anchor. Chain certificates of a private key are untrusted.
 */
enum keystore_kind {
	KEYSTORE_KEY,    /* private key with its chain, leaf first */
	KEYSTORE_ANCHOR, /* trust anchor */
	KEYSTORE_PIN,    /* exact device certificate, never an issuer */
	KEYSTORE_OTHER,  /* a certificate that nothing is trusted by */
	KEYSTORE_KEPT    /* a key or certificate that nothing here can use: never served, never trusted */
};
const char *keystore_kind_name(enum keystore_kind kind); /* "key", "anchor", "pin", "untrusted", "kept" */

/* A view of one entry, borrowed until the keystore is changed or freed. */
struct keystore_entry {
	const char *alias; /* UTF-8, as stored */
	enum keystore_kind kind;
	const char *pin_name; /* KEYSTORE_PIN: what follows "pin:", folded to lower case; else NULL */
	const struct cert *const
		*chain; /* KEYSTORE_KEY, KEYSTORE_KEPT: leaf first, may be empty; else the one certificate */
	size_t chain_count;
	bool key_usable;        /* KEYSTORE_KEY: of a kind that we can use */
	enum key_kind key_kind; /* when key_usable */
	/* KEYSTORE_KEPT: why it is not used (a sentence), whether it is a key, else the certificate's bytes */
	const char *kept_why;
	bool kept_key;
	struct bytes kept_der;
};

/* --- life --- */
MUST_CHECK enum err keystore_new(struct keystore **out); /* empty */
void keystore_free(struct keystore *keystore);           /* wipes; NULL is fine */

/*
 * Reads a PKCS#12 file that stands in memory. The MAC is demanded and checked before anything else is parsed.
 * passphrase  UTF-8, borrowed for the call; may be empty (both usual encodings of "empty" are tried).
 * Errors      ERR_DENIED: wrong passphrase or altered file, deliberately one code and one sentence; ERR_MALFORMED;
 *             ERR_UNSUPPORTED (names the algorithm); ERR_LIMIT; ERR_EXISTS (two trusted entries of one alias);
 *             ERR_NOMEM. error may be NULL.
 */
MUST_CHECK enum err keystore_decode(
	struct bytes content, struct bytes passphrase, struct keystore **out, struct keystore_error *error);
/* Seals with PBES2 (PBKDF2-HMAC-SHA-256, AES-256-CBC) and a SHA-256 MAC; appended to out. */
MUST_CHECK enum err keystore_encode(const struct keystore *keystore, struct bytes passphrase, struct buf *out,
	struct keystore_error *error);

/* keystore_decode() of a file; owner and mode are checked first (DESIGN.md 8). */
MUST_CHECK enum err keystore_load(
	const char *path, struct bytes passphrase, struct keystore **out, struct keystore_error *error);
/*
 * keystore_encode() into a file, atomically; a new file gets mode 0600. Changing the passphrase is saving with
 * another one. ERR_UNSUPPORTED when the file held bags that we cannot write again (secret keys of other programs).
 */
MUST_CHECK enum err keystore_save(const struct keystore *keystore, const char *path, struct bytes passphrase,
	struct keystore_error *error);

/* --- entries, in file order --- */
size_t keystore_count(const struct keystore *keystore);
struct keystore_entry keystore_at(const struct keystore *keystore, size_t index);
/* Aliases compare without regard to case (ASCII and Latin-1), as keytool does. */
bool keystore_find(const struct keystore *keystore, const char *alias, size_t *index);
/*
 * Whether a channel without CERTLABL serves the entry: a key that can be used, with a certificate that is not for other purposes
 * only (RFC 5280 4.2.1.12). A device's key in the same file is not ours to show.
 */
bool keystore_serves(const struct keystore_entry *entry);
/*
 * The key entry that a channel serves first: label's (CERTLABL). label NULL or empty: the first that keystore_serves(), and
 * where there is none the first key. Never KEPT.
 */
bool keystore_identity(const struct keystore *keystore, const char *label, size_t *index);
/* Bags that we keep no entry for (secret keys, CRLs, …); such a file can be served, but not rewritten. */
size_t keystore_unknown_bags(const struct keystore *keystore);

/*
 * Hands the unsealed PKCS#8 key of a key entry to fn, for the call only, and returns what fn returns. For the
 * builder of a TLS context and for export on an operator's command; nobody else calls it.
 */
typedef enum err (*keystore_key_fn)(struct bytes pkcs8, void *ctx);
MUST_CHECK enum err keystore_key_use(
	const struct keystore *keystore, size_t index, keystore_key_fn fn, void *ctx);
/* The same of a KEYSTORE_KEPT entry that is a key: for export on an operator's command, and nothing else. */
MUST_CHECK enum err keystore_kept_key_use(
	const struct keystore *keystore, size_t index, keystore_key_fn fn, void *ctx);

/* --- changes: each either happens whole or not at all --- */
/* chain leaf first, borrowed (referenced); its leaf must hold the key's public half: else ERR_INVALID. ERR_EXISTS. */
MUST_CHECK enum err keystore_add_key(struct keystore *keystore, const char *alias, struct bytes pkcs8,
	const struct cert *const *chain, size_t chain_count, struct keystore_error *error);
/*
 * KEYSTORE_PIN: alias with or without "pin:". KEYSTORE_ANCHOR, KEYSTORE_OTHER: alias without it. A self-signed CA
 * must be named anchor or pin, else ERR_INVALID: it may not come in by the way.
 */
MUST_CHECK enum err keystore_add_cert(struct keystore *keystore, const char *alias, const struct cert *cert,
	enum keystore_kind kind, struct keystore_error *error);
MUST_CHECK enum err keystore_remove(
	struct keystore *keystore, const char *alias, struct keystore_error *error);
/* A rename never changes what an entry is trusted for: a pin stays a pin (with "pin:"), an anchor an anchor. */
MUST_CHECK enum err keystore_rename(
	struct keystore *keystore, const char *alias, const char *to, struct keystore_error *error);
/* Turns an untrusted certificate entry into an anchor or a pin (import-trust). */
MUST_CHECK enum err keystore_mark(
	struct keystore *keystore, const char *alias, enum keystore_kind kind, struct keystore_error *error);

/* --- import --- */
enum keystore_format {
	KEYSTORE_FORMAT_ANY, /* found out by looking */
	KEYSTORE_FORMAT_PEM,
	KEYSTORE_FORMAT_DER, /* one certificate */
	KEYSTORE_FORMAT_PKCS12,
	KEYSTORE_FORMAT_JKS,
	KEYSTORE_FORMAT_JCEKS,
	KEYSTORE_FORMAT_COUNT_
};
const char *keystore_format_name(enum keystore_format format); /* "PEM", "DER", "PKCS12", "JKS", "JCEKS" */
/* What content looks like; false: nothing that we know. sealed: it needs a passphrase. */
bool keystore_format_of(struct bytes content, enum keystore_format *format, bool *sealed);

/* The passphrase of one key, where it is not that of the file. */
struct keystore_key_passphrase {
	const char *alias;
	struct bytes passphrase;
};
/* What an alias that is taken leads to. */
enum keystore_collision { KEYSTORE_COLLISION_REFUSE, KEYSTORE_COLLISION_RENAME, KEYSTORE_COLLISION_SKIP };

/* A sentence on what was left out or renamed, and why: for a human, peer text in it is escaped. */
typedef void (*keystore_note_fn)(const char *sentence, void *ctx);
/* Called before each derivation: iterations of the whole file so far (of at most KEYSTORE_WORK_MAX). */
typedef void (*keystore_progress_fn)(uint32_t work, void *ctx);

/*
 * Imports PEM (certificates; private keys, also encrypted ones), one DER certificate, or a PKCS#12, JKS or JCEKS file
 * of any program, old ciphers included. Nothing is changed on failure. What cannot be used (secret keys, CRLs, keys
 * and certificates of a kind that we do not know) is left out with a note; ERR_UNSUPPORTED when nothing is left.
 */
struct keystore_import {
	const char *alias; /* NULL: from the file (PKCS#12, JKS, JCEKS) or the subject's CN */
	enum keystore_kind
		kind; /* what certificates without a key become: ANCHOR, PIN, OTHER (the default: untrusted) */
	struct bytes passphrase; /* of the imported content; borrowed */
	enum keystore_format format;
	const struct keystore_key_passphrase *key_passphrases;
	size_t key_passphrase_count;
	const char *const *only; /* entries that are wanted, by their alias in the source; count 0: all */
	size_t only_count;
	enum keystore_collision collision;
	bool insecure_no_mac; /* a PKCS#12 file without integrity check, or a JKS file whose passphrase is lost */
	/* Keys and certificates that cannot be used come in as KEYSTORE_KEPT instead; what PEM or DER names alone does not. */
	bool keep_unusable;
	keystore_note_fn note;
	keystore_progress_fn progress;
	void *ctx;
};
MUST_CHECK enum err keystore_import(struct keystore *keystore, struct bytes content,
	const struct keystore_import *options, size_t *added, struct keystore_error *error);

/* --- for the judge --- */
/*
 * Anchors, pins, and what may have signed lists (KEYSTORE_OTHER). Refers to the certificates, not to the keystore. Pin names are
 * folded (pin_name).
 */
MUST_CHECK enum err keystore_trust_set(
	const struct keystore *keystore, uint64_t generation, struct trust_set **out);

/* --- what an operator should know about this file --- */
enum keystore_severity { KEYSTORE_NOTE, KEYSTORE_WARNING, KEYSTORE_ERROR };
const char *keystore_severity_name(enum keystore_severity severity);
struct keystore_finding {
	enum keystore_severity severity;
	const char *code;  /* stable word: "expired", "key-mismatch", … */
	const char *alias; /* borrowed from the keystore; NULL: the whole file */
	char sentence[KEYSTORE_SENTENCE_BYTES];
};
struct keystore_findings {
	struct keystore_finding *items;
	size_t count, cap;
};
#define KEYSTORE_FINDINGS_NONE ((struct keystore_findings){NULL, 0, 0})
#define KEYSTORE_EXPIRY_DAYS   30 /* "expires soon" */
/* now in seconds since 1970. Release the findings, also after a failure. */
MUST_CHECK enum err keystore_check(
	const struct keystore *keystore, int64_t now, struct keystore_findings *findings);
void keystore_findings_release(struct keystore_findings *findings);

/* --- passphrases --- */
/* Asks a human without echo. ERR_UNSUPPORTED when there is nobody to ask. */
typedef enum err (*keystore_prompt_fn)(const char *question, struct secret *out, void *ctx);
/*
 * spec: "file:PATH" (its first line; owner and mode checked, private), "fd:N" (to end of file, first line),
 * "env:NAME", "cred:NAME" (file NAME below $CREDENTIALS_DIRECTORY), "prompt" or NULL (prompt is asked; NULL: refused).
 * A literal is refused: secrets do not travel in arguments.
 */
MUST_CHECK enum err keystore_passphrase_read(const char *spec, keystore_prompt_fn prompt, void *ctx,
	struct secret *out, struct keystore_error *error);

#endif
