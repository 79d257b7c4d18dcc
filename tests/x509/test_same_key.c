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
#include "x509/der.h"

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

/* The same RSA key under id-RSASSA-PSS without parameters (RFC 4055 1.2). */
static struct buf as_pss_key(struct bytes spki)
{
	struct wire_reader in;
	struct bytes algorithm;
	struct bytes key = BYTES_NONE;
	struct buf out = BUF_INIT(8192);
	struct der_writer writer = der_writer_init(&out);

	REQUIRE("an RSA key", der_single(spki, DER_SEQUENCE, &in) == ERR_OK &&
				      der_value(&in, DER_SEQUENCE, &algorithm) == ERR_OK &&
				      der_bit_octets(&in, &key) == ERR_OK);
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_oid(&writer, "1.2.840.113549.1.1.10");
	der_put_end(&writer);
	der_put_bit_octets(&writer, key);
	der_put_end(&writer);
	REQUIRE("a PSS key", der_writer_err(&writer) == ERR_OK);
	return out;
}

static void check_pss_key(const struct pki *root)
{
	struct secret key = pki_key(KEY_RSA);
	struct buf spki = BUF_INIT(8192);
	struct buf der = BUF_INIT(65536);
	struct buf theirs = BUF_INIT(65536);
	struct cert *cert = NULL;
	enum key_kind kind;
	const struct x509_make make = {.path_length = -1,
		.client_auth = true,
		.not_before = PKI_NOW - PKI_DAY,
		.not_after = PKI_NOW + PKI_DAY};

	REQUIRE("its public key", key_public(secret_bytes(&key), &kind, &spki) == ERR_OK);
	struct buf pss = as_pss_key(buf_bytes(&spki));
	REQUIRE("a certificate", x509_make_cert(&make, buf_bytes(&pss), root->cert, secret_bytes(&root->key),
					 &der) == ERR_OK &&
					 cert_parse(buf_bytes(&der), &cert, NULL) == ERR_OK);
	CHECK("RFC 4055 1.2 an RSA key", cert_key_kind(cert) == KEY_RSA && cert_key_bits(cert) == 2048);
	CHECK("RFC 4055 1.2 by wolfSSL", key_by_wolfssl(buf_bytes(&der), &theirs));
	CHECK("RFC 4055 1.2 the same key", same_key(cert_spki(cert), buf_bytes(&theirs)));
	damage_every_octet("RFC 4055 1.2", cert);
	cert_unref(cert);
	buf_release(&pss);
	buf_release(&spki);
	buf_release(&der);
	buf_release(&theirs);
	secret_free(&key);
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
	check_pss_key(&root);
	pki_free(&root);
	return test_result();
}
