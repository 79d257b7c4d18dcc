/*
 * fixture.c - made at run time, so that no private key is in the tree.
 * Owns:    what it hands out, until released.
 * Never:   used outside tests.
 * Threads: one.
 */
#include "fixture.h"

#include "base/pem.h"
#include "tests/test.h"

#define DAY INT64_C(86400)

struct identity fixture_identity(
	const char *name, const struct identity *issuer, bool ca, enum key_kind kind, int days)
{
	struct identity made = {SECRET_NONE, NULL};
	struct x509_make_attribute subject[] = {{"O", "Example"}, {"CN", name}};
	struct x509_make make = {.subject = subject,
		.subject_count = ARRAY_COUNT(subject),
		.not_before = FIXTURE_NOW - 400 * DAY,
		.not_after = FIXTURE_NOW + days * DAY,
		.ca = ca,
		.path_length = -1,
		.client_auth = !ca,
		.server_auth = !ca};
	struct buf spki = BUF_INIT(8192);
	struct buf der = BUF_INIT(8192);
	enum key_kind found = kind;
	REQUIRE(name, key_generate(kind, 2048, &made.key) == ERR_OK);
	REQUIRE(name, key_public(secret_bytes(&made.key), &found, &spki) == ERR_OK);
	const struct secret *signer = issuer != NULL ? &issuer->key : &made.key;
	REQUIRE(name, x509_make_cert(&make, buf_bytes(&spki), issuer != NULL ? issuer->cert : NULL,
			      secret_bytes(signer), &der) == ERR_OK);
	REQUIRE(name, cert_parse(buf_bytes(&der), &made.cert, NULL) == ERR_OK);
	buf_release(&spki);
	buf_release(&der);
	return made;
}

void identity_release(struct identity *identity)
{
	secret_free(&identity->key);
	cert_unref(identity->cert);
	identity->cert = NULL;
}

struct fixture fixture_new(void)
{
	struct fixture made = {0};
	made.root = fixture_identity("Plant Root", NULL, true, KEY_EC_P256, 3650);
	made.ca = fixture_identity("Plant CA", &made.root, true, KEY_EC_P384, 1825);
	made.leaf = fixture_identity("gate.example", &made.ca, false, KEY_EC_P256, 365);
	made.device = fixture_identity("sensor-7", NULL, false, KEY_EC_P256, 365);
	made.old = fixture_identity("Former CA", &made.root, true, KEY_EC_P256, 30);
	return made;
}

void fixture_free(struct fixture *fixture)
{
	identity_release(&fixture->root);
	identity_release(&fixture->ca);
	identity_release(&fixture->leaf);
	identity_release(&fixture->device);
	identity_release(&fixture->old);
}

void fixture_pem_cert(struct buf *out, const struct cert *cert)
{
	REQUIRE("PEM", pem_encode("CERTIFICATE", cert_der(cert), out) == ERR_OK);
}

void fixture_pem_key(struct buf *out, const struct secret *key)
{
	REQUIRE("PEM", pem_encode("PRIVATE KEY", secret_bytes(key), out) == ERR_OK);
}
