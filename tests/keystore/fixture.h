/*
 * fixture.h - a small PKI for the keystore's tests: root, issuing CA, leaf, and a self-signed device.
 */
#ifndef LOCKGATE_TESTS_KEYSTORE_FIXTURE_H
#define LOCKGATE_TESTS_KEYSTORE_FIXTURE_H

#include "keystore/keystore.h"

#define FIXTURE_NOW INT64_C(1790000000) /* 2026-09-21 */

struct identity {
	struct secret key;
	struct cert *cert;
};

struct fixture {
	struct identity root, ca, leaf, device, old;
};

/* Makes one: issuer NULL is self-signed. Aborts the test on failure. days may be negative: expired. */
struct identity fixture_identity(
	const char *name, const struct identity *issuer, bool ca, enum key_kind kind, int days);
void identity_release(struct identity *identity);
struct fixture fixture_new(void);
void fixture_free(struct fixture *fixture);
/* Appends PEM of a certificate or key. */
void fixture_pem_cert(struct buf *out, const struct cert *cert);
void fixture_pem_key(struct buf *out, const struct secret *key);

#endif
