/*
 * pki.c - throw-away certificates for the contract tests, made by wolfCrypt: see pair.h.
 * Owns:    the keys while a certificate is made.
 * Never:   reads or writes a file; no key outlives the program.
 * Threads: one.
 */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/rsa.h>

struct any_key {
	enum pki_key kind;
	ecc_key ecc;
	RsaKey rsa;
	ed25519_key ed;
};

static void *any_key_pointer(struct any_key *key)
{
	switch (key->kind) {
	case PKI_ECC: return &key->ecc;
	case PKI_RSA: return &key->rsa;
	case PKI_ED25519: return &key->ed;
	}
	return NULL;
}

static int any_key_type(enum pki_key kind)
{
	return kind == PKI_ECC ? ECC_TYPE : kind == PKI_RSA ? RSA_TYPE : ED25519_TYPE;
}

static int signature_of(enum pki_key kind)
{
	return kind == PKI_ECC ? CTC_SHA256wECDSA : kind == PKI_RSA ? CTC_SHA256wRSA : CTC_ED25519;
}

static void any_key_make(struct any_key *key, enum pki_key kind, WC_RNG *rng)
{
	int ret = -1;
	key->kind = kind;
	switch (kind) {
	case PKI_ECC:
		ret = wc_ecc_init(&key->ecc);
		ret = ret == 0 ? wc_ecc_make_key_ex(rng, 32, &key->ecc, ECC_SECP256R1) : ret;
		break;
	case PKI_RSA:
		ret = wc_InitRsaKey(&key->rsa, NULL);
		ret = ret == 0 ? wc_MakeRsaKey(&key->rsa, 2048, WC_RSA_EXPONENT, rng) : ret;
		break;
	case PKI_ED25519:
		ret = wc_ed25519_init(&key->ed);
		ret = ret == 0 ? wc_ed25519_make_key(rng, ED25519_KEY_SIZE, &key->ed) : ret;
		break;
	}
	require(ret == 0, "a key");
}

static void any_key_load(struct any_key *key, const struct pki_cert *cert)
{
	int ret = -1;
	word32 at = 0;
	key->kind = cert->kind;
	switch (cert->kind) {
	case PKI_ECC:
		ret = wc_ecc_init(&key->ecc);
		ret = ret == 0 ? wc_EccPrivateKeyDecode(cert->key, &at, &key->ecc, (word32)cert->key_len)
			       : ret;
		break;
	case PKI_RSA:
		ret = wc_InitRsaKey(&key->rsa, NULL);
		ret = ret == 0 ? wc_RsaPrivateKeyDecode(cert->key, &at, &key->rsa, (word32)cert->key_len)
			       : ret;
		break;
	case PKI_ED25519:
		ret = wc_ed25519_init(&key->ed);
		ret = ret == 0 ? wc_Ed25519PrivateKeyDecode(cert->key, &at, &key->ed, (word32)cert->key_len)
			       : ret;
		break;
	}
	require(ret == 0, "the issuer's key");
}

static void any_key_store(struct any_key *key, struct pki_cert *out)
{
	int key_len = -1, spki_len = -1;
	switch (key->kind) {
	case PKI_ECC:
		key_len = wc_EccKeyToDer(&key->ecc, out->key, sizeof(out->key));
		spki_len = wc_EccPublicKeyToDer(&key->ecc, out->spki, sizeof(out->spki), 1);
		break;
	case PKI_RSA:
		key_len = wc_RsaKeyToDer(&key->rsa, out->key, sizeof(out->key));
		spki_len = wc_RsaKeyToPublicDer(&key->rsa, out->spki, sizeof(out->spki));
		break;
	case PKI_ED25519:
		key_len = wc_Ed25519KeyToDer(&key->ed, out->key, sizeof(out->key));
		spki_len = wc_Ed25519PublicKeyToDer(&key->ed, out->spki, sizeof(out->spki), 1);
		break;
	}
	require(key_len > 0 && spki_len > 0, "the key's DER");
	out->kind = key->kind;
	out->key_len = (size_t)key_len;
	out->spki_len = (size_t)spki_len;
}

static void any_key_free(struct any_key *key)
{
	switch (key->kind) {
	case PKI_ECC: (void)wc_ecc_free(&key->ecc); break;
	case PKI_RSA: (void)wc_FreeRsaKey(&key->rsa); break;
	case PKI_ED25519: wc_ed25519_free(&key->ed); break;
	}
}

/* SubjectAltName content of many short DNS names: `bytes` or a little more. */
static void pad_names(Cert *cert, size_t bytes)
{
	enum { NAME_LEN = 32 };
	size_t at = 4; /* room for SEQUENCE and a two-byte length */
	require(bytes + at + 2 + NAME_LEN < sizeof(cert->altNames), "so much padding");
	while (at < bytes + 4) {
		cert->altNames[at] = 0x82;
		cert->altNames[at + 1] = NAME_LEN;
		memset(cert->altNames + at + 2, 'a', NAME_LEN);
		at += 2 + NAME_LEN;
	}
	cert->altNames[0] = 0x30;
	cert->altNames[1] = 0x82;
	cert->altNames[2] = (uint8_t)((at - 4) >> 8);
	cert->altNames[3] = (uint8_t)(at - 4);
	cert->altNamesSz = (int)at;
}

/* X.509 v1 as others write it: the version is left out, not written as 0. Returns the body's new size. */
static int drop_version(uint8_t *body, int size)
{
	static const uint8_t version[] = {0xa0, 0x03, 0x02, 0x01, 0x00};
	enum { HEAD = 4 };
	require(size > 0x110 && body[0] == 0x30 && body[1] == 0x82 &&
			memcmp(body + HEAD, version, sizeof(version)) == 0,
		"a body that begins with version 0");
	size -= (int)sizeof(version);
	memmove(body + HEAD, body + HEAD + sizeof(version), (size_t)(size - HEAD));
	body[2] = (uint8_t)((size - HEAD) >> 8);
	body[3] = (uint8_t)(size - HEAD);
	return size;
}

void pki_make(struct pki_cert *out, const struct pki_spec *spec)
{
	WC_RNG rng;
	Cert *cert = calloc(1, sizeof(*cert));
	struct any_key *key = calloc(1, sizeof(*key)), *signer = calloc(1, sizeof(*signer));
	*out = (struct pki_cert){0};
	out->der = malloc(PKI_DER_BYTES_MAX);
	require(cert != NULL && key != NULL && signer != NULL && out->der != NULL, "memory");
	require(wc_InitRng(&rng) == 0, "random numbers");
	any_key_make(key, spec->kind, &rng);
	any_key_store(key, out);
	if (spec->issuer != NULL) {
		any_key_load(signer, spec->issuer);
	}
	struct any_key *signing = spec->issuer != NULL ? signer : key;

	require(wc_InitCert(cert) == 0, "an empty certificate");
	(void)snprintf(cert->subject.commonName, sizeof(cert->subject.commonName), "%s", spec->name);
	(void)snprintf(cert->subject.org, sizeof(cert->subject.org), "Contract");
	cert->sigType = signature_of(signing->kind);
	cert->daysValid = spec->is_expired ? -30 : 30;
	cert->isCA = spec->is_ca;
	cert->selfSigned = spec->issuer == NULL;
	if (spec->padding > 0) {
		pad_names(cert, spec->padding);
	}
	if (spec->is_version_1) {
		cert->version = 0;
		/* Long enough for a two-byte length, so that drop_version() has one form to deal with. */
		(void)snprintf(cert->subject.unit, sizeof(cert->subject.unit), "%063d", 0);
	}
	if (spec->issuer != NULL) {
		require(wc_SetIssuerBuffer(cert, spec->issuer->der, (int)spec->issuer->der_len) == 0,
			"the issuer's name");
	}
	int body = wc_MakeCert_ex(
		cert, out->der, PKI_DER_BYTES_MAX, any_key_type(key->kind), any_key_pointer(key), &rng);
	require(body > 0, "the certificate's body");
	int body_size = spec->is_version_1 ? drop_version(out->der, cert->bodySz) : cert->bodySz;
	int len = wc_SignCert_ex(body_size, cert->sigType, out->der, PKI_DER_BYTES_MAX,
		any_key_type(signing->kind), any_key_pointer(signing), &rng);
	require(len > 0, "the certificate's signature");
	out->der_len = (size_t)len;

	any_key_free(key);
	if (spec->issuer != NULL) {
		any_key_free(signer);
	}
	(void)wc_FreeRng(&rng);
	free(cert);
	free(key);
	free(signer);
}

void pki_free(struct pki_cert *cert)
{
	free(cert->der);
	*cert = (struct pki_cert){0};
}
