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

/* Password of a file under work, in both of its encodings, and what the file may still cost. */
struct p12_context {
	struct bytes passphrase; /* UTF-8, borrowed */
	uint32_t work_left;      /* iterations */
	uint32_t bags_left;
	struct keystore_error *error;
};

/* --- pkcs12_read.c --- */
MUST_CHECK enum err p12_read(
	struct bytes content, struct bytes passphrase, struct p12 *out, struct keystore_error *error);
/* For tests and fuzzing only: as p12_read(), but a MAC that does not match (or is absent) is no obstacle. */
MUST_CHECK enum err p12_read_unchecked_mac(
	struct bytes content, struct bytes passphrase, struct p12 *out, struct keystore_error *error);
void p12_release(struct p12 *p12); /* wipes, frees */

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
/* An EncryptedPrivateKeyInfo (RFC 5958 section 3). */
MUST_CHECK enum err pbe_open_key(struct p12_context *context, struct bytes der, struct secret *out);

/* The one sentence for a wrong passphrase and for an altered file. */
#define P12_DENIED_SENTENCE "wrong passphrase, or the file was altered"

#endif
