/*
 * material.h - what a channel needs from files: keystore (TLS context, trust) and revocation lists; and what changed there.
 * Owns:    the sets and the context until the channel takes them.
 * Never:   leaves half of it behind: a file that is bad changes nothing.
 * Threads: loading blocks: run it on a lane.
 */
#ifndef LOCKGATE_BROKER_CONTROL_MATERIAL_H
#define LOCKGATE_BROKER_CONTROL_MATERIAL_H

#include "base/crypto.h"
#include "base/secret.h"
#include "broker/control/hold.h"
#include "broker/control/look.h"
#include "broker/control/staple.h"
#include "broker/net/net.h"
#include "x509/x509.h"

#define MATERIAL_LABEL_BYTES_MAX 64u /* as CERTLABL in mqsc */

/* Everything borrowed for the call. Texts "" where blank. */
struct material_options {
	const char *channel;
	const char *keystore_path;
	const char *passphrase_source;
	struct bytes
		passphrase; /* kept from an earlier load; used when its source can be read but once (fd:) */
	/* CERTLABL; none: every key that can be served, in the order of the file. */
	char labels[TLS_IDENTITIES_MAX][MATERIAL_LABEL_BYTES_MAX + 1];
	size_t label_count;
	const char *cipher;
	enum tls_client_auth client_auth;
	bool staple;
	const char *crl_path;
	/* NULL: none. Of these stays what no file holds and no newer list replaces, unless an operator lets it go. */
	const struct crl_set *crls_before;
	bool let_go;
	bool pass_over_bad; /* a bad file of a folder hides only itself, not the others */
	uint64_t trust_generation, crl_generation;
	int64_t now; /* seconds: the certificate that is served must be valid; 0: not looked at */
	bool want_keystore, want_crls;
};

/* What a keystore holds, for reports. */
struct inventory_item {
	int kind; /* enum keystore_kind */
	char *alias, *subject;
	int64_t not_after; /* of a key: the earliest of its chain */
	uint8_t sha256[SHA256_BYTES];
};
struct inventory {
	struct inventory_item *items;
	size_t count;
	char *kept; /* names the entries that are kept and not used, and why the first is not; NULL: there is none */
	size_t kept_count;
};

struct material {
	struct tls_set *tls; /* the identities that are served, the default first */
	struct staple_subject staples[TLS_IDENTITIES_MAX]; /* the same, to be stapled; referenced */
	size_t staple_count;
	struct trust_set *trust;
	struct crl_set *crls;
	struct crl_set *held; /* of crls: those that no file holds any more; NULL: none */
	struct crl_set *gone; /* of crls_before: those that were let go; NULL: none */
	/* Of these sets, counted where they are loaded: thousands of lists take longer than a loop has. */
	struct hold_count crls_count, held_count, gone_count;
	struct secret passphrase;        /* of an fd: source */
	struct inventory inventory;      /* of the keystore */
	struct keystore_look look;       /* of keystore and passphrase as they were read */
	uint8_t crl_stamp[SHA256_BYTES]; /* of the files as they were read */
	uint64_t crls_known;             /* generation of crls_before; 0: none */
	bool crls_partial;               /* a file was passed over; held is not known then */
	int64_t leaf_not_after;          /* seconds, of the certificate that is served the longest */
};
/* why: one sentence for the operator; also of the first file that was passed over. *out is empty on failure. */
MUST_CHECK enum err material_load(
	const struct material_options *options, struct material *out, struct buf *why);
void material_release(struct material *material);
/* What was fetched, and was in force, joins: an older list never replaces a newer one of an issuer that still has lists. */
MUST_CHECK enum err material_join_crls(
	struct material *material, const struct crl_set *in_force, uint64_t generation);
/* Somebody else was faster: what is in force joins what was loaded, but for what this load let go. */
MUST_CHECK enum err material_join_files(
	struct material *material, const struct crl_set *in_force, uint64_t generation);

/* A digest over names and stamps of the file, or of the files in the folder. ERR_NOT_FOUND, ERR_IO, ERR_LIMIT. */
MUST_CHECK enum err crl_stamp(const char *path, uint8_t out[SHA256_BYTES]);
/*
 * Whether a file of path was written so lately that it may be half of what it will be: then that it cannot be read says
 * nothing. now_ms: wall clock.
 */
#define MATERIAL_SETTLE_MS 2000
bool crl_settling(const char *path, int64_t now_ms);

#endif
