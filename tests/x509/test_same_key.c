/*
 * test_same_key.c - the key that our parser reads from a certificate is the one that wolfSSL verifies a handshake with.
 * Goal:    for every kind of key, and for certificates damaged in any one octet: where both parsers read the certificate at all,
 *          they read the same key. Two readings of one certificate would let a device prove one key and be judged by another.
 */
#include <wolfssl/options.h>

#include <string.h>
#include <wolfssl/wolfcrypt/asn.h>

#include "base/wire.h"
#include "tests/x509/pki.h"

/* What wolfSSL would verify CertificateVerify with; false where it refuses the certificate. */
static bool key_by_wolfssl(struct bytes der, struct buf *out)
{
	struct DecodedCert decoded;

	wc_InitDecodedCert(&decoded, der.data, (word32)der.len, NULL);
	bool good = wc_ParseCert(&decoded, CERT_TYPE, NO_VERIFY, NULL) == 0 && decoded.publicKey != NULL;

	out->len = 0;
	if (good) {
		REQUIRE("copy", buf_append(out, bytes_of(decoded.publicKey, decoded.pubKeySize)) == ERR_OK);
	}
	wc_FreeDecodedCert(&decoded);
	return good;
}

/* wolfSSL hands out the BIT STRING's content for EC and Ed25519 keys, the whole SubjectPublicKeyInfo for RSA. */
static bool same_key(struct bytes spki, struct bytes theirs)
{
	return theirs.len > 0 && theirs.len <= spki.len &&
	       memcmp(spki.data + spki.len - theirs.len, theirs.data, theirs.len) == 0;
}

static void damage_every_octet(const char *row, const struct cert *cert)
{
	static const uint8_t flips[] = {0x01, 0x02, 0x20, 0x80, 0xff};
	struct buf der = BUF_INIT(65536);
	struct buf theirs = BUF_INIT(65536);
	unsigned both = 0;

	REQUIRE(row, buf_append(&der, cert_der(cert)) == ERR_OK);
	for (size_t at = 0; at < der.len; at++) {
		for (size_t i = 0; i < ARRAY_COUNT(flips); i++) {
			struct cert *ours = NULL;

			der.data[at] ^= flips[i];
			if (cert_parse(buf_bytes(&der), &ours, NULL) == ERR_OK &&
				cert_key_kind(ours) != KEY_KIND_COUNT_ &&
				key_by_wolfssl(buf_bytes(&der), &theirs)) {
				CHECK(row, same_key(cert_spki(ours), buf_bytes(&theirs)));
				both++;
			}
			cert_unref(ours);
			der.data[at] ^= flips[i];
		}
	}
	/* Damage in names, times and signatures leaves both readable. */
	CHECK(row, both > 100);
	buf_release(&theirs);
	buf_release(&der);
}

int main(void)
{
	static const enum key_kind kinds[] = {KEY_RSA, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_ED25519};

	pki_init();
	struct pki root = pki_root("Root");

	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		const char *row = key_kind_name(kinds[i]);
		struct secret key = pki_key(kinds[i]);
		struct x509_make make = {.path_length = -1, .client_auth = true};
		struct pki leaf = pki_make(&root, &make, "device", &key);
		struct buf theirs = BUF_INIT(65536);

		CHECK(row, key_by_wolfssl(cert_der(leaf.cert), &theirs));
		CHECK(row, same_key(cert_spki(leaf.cert), buf_bytes(&theirs)));
		damage_every_octet(row, leaf.cert);
		buf_release(&theirs);
		pki_free(&leaf);
		secret_free(&key);
	}
	pki_free(&root);
	return test_result();
}
