/*
 * pki.h - certificates made in memory, for the tests of any module: roots, issuing CAs, devices, self-signed ones, CRLs.
 * Owns:    each entity owns its certificate and key until pki_free().
 * Never:   returns on failure (REQUIRE ends the test program); needs a file or a clock.
 * Threads: one.
 */
#ifndef LOCKGATE_TESTS_X509_PKI_H
#define LOCKGATE_TESTS_X509_PKI_H

#include "tests/test.h"
#include "x509/x509.h"

/* 2026-11-18T20:53:20Z. What is made here is valid from a day before to a year after, CAs ten years. */
#define PKI_NOW  INT64_C(1795035200)
#define PKI_DAY  INT64_C(86400)
#define PKI_YEAR (365 * PKI_DAY)

struct pki {
	struct cert *cert;
	struct secret key; /* PKCS#8 */
};

/* Once per test program, before anything else. */
void pki_init(void);

struct pki pki_root(const char *common_name);
struct pki pki_ca(const struct pki *issuer, const char *common_name);
struct pki pki_leaf(const struct pki *issuer, const char *common_name); /* clientAuth */
struct pki pki_server(const struct pki *issuer, const char *common_name, const char *dns);
struct pki pki_self_signed(const char *common_name); /* a device that vouches for itself: no CA, clientAuth */
/*
 * Anything else. issuer NULL: self-signed. make without validity gets the one above, without subject CN=common_name;
 * a path_length of 0 in a zeroed make means what it says, so set -1 for none. key NULL: a new P-256 key.
 */
struct pki pki_make(const struct pki *issuer, const struct x509_make *make, const char *common_name,
	const struct secret *key);
void pki_free(struct pki *pki);

struct secret pki_key(enum key_kind kind); /* RSA: 2048 bits */

/* A CRL of issuer that lists revoked (count certificates), valid from PKI_NOW - 1 day for 30 days. */
struct crl *pki_crl(
	const struct pki *issuer, uint64_t number, const struct cert *const *revoked, size_t count);
#define PKI_DER_BYTES_MAX (1024u * 1024u)
/* The same as DER, appended. */
void pki_crl_der(const struct pki *issuer, uint64_t number, int64_t this_update, int64_t next_update,
	const struct cert *const *revoked, size_t count, struct buf *out);
struct crl *pki_crl_at(const struct pki *issuer, uint64_t number, int64_t this_update, int64_t next_update,
	const struct cert *const *revoked, size_t count);

/*
 * An OCSP responder's certificate: id-kp-OCSPSigning, and id-pkix-ocsp-nocheck unless checked is true (then its own
 * status must be looked up).
 */
struct pki pki_responder(const struct pki *issuer, const char *common_name, bool checked);
/* What pki_ocsp_made() fills in where it is zero: signed by issuer, an hour old, for a day. */
struct pki_ocsp {
	const struct pki *issuer;
	const struct cert *cert;
	const struct pki *signer; /* NULL: issuer; else a delegated one, whose certificate is sent along */
	bool leave_out_signer;
	enum ocsp_says status;
	int reason; /* 0: none given */
	int64_t this_update, next_update, produced_at;
	bool by_key, sha1;
	enum hash_alg hash;
	struct bytes nonce;
	const struct x509_make_extension *extensions, *single_extensions;
	size_t extension_count, single_extension_count;
};
struct ocsp_response *pki_ocsp_made(const struct pki_ocsp *make);
struct ocsp_response *pki_ocsp(const struct pki *issuer, const struct cert *cert, enum ocsp_says status);
/* The same as DER, appended: for a responder in a test. */
void pki_ocsp_der(const struct pki_ocsp *make, struct buf *out);

/*
 * A responder in a test: what it says of some certificates of issuer to one request (DER), with the request's nonce unless
 * keep_nonce is false. Of a serial number that it does not know: unauthorized (RFC 5019 2.2.3); no request: malformedRequest.
 */
struct pki_ocsp_desk {
	const struct pki *issuer;
	const struct pki *signer; /* NULL: issuer */
	const struct cert *const *certs;
	const enum ocsp_says *says;
	size_t count;
	int64_t this_update, next_update;
	bool keep_nonce;
};
void pki_ocsp_reply(const struct pki_ocsp_desk *desk, struct bytes request, struct buf *out);

/* Trust in one anchor and, if pin is not NULL, one pin named "device". Generation 1. */
struct trust_set *pki_trust(const struct cert *anchor, const struct cert *pin);
struct der_writer;
/* For lists that pki_crl() does not make: parts of a TBSCertList, and the list that issuer signs over one, by ECDSA P-256. */
void pki_put_crl_algorithm(struct der_writer *out);
void pki_put_extension(struct der_writer *out, const char *oid, bool critical, struct bytes value);
struct crl *pki_crl_of_tbs(const char *row, const struct pki *issuer, struct bytes tbs);
struct crl_set *pki_crls(const struct crl *a, const struct crl *b); /* either may be NULL */

/* Judges leaf (and up to two more presented, NULL: fewer) as a client at PKI_NOW. */
struct x509_answer pki_judge(const struct trust_set *trust, const struct crl_set *crls,
	enum x509_revocation revocation, const struct cert *leaf, const struct cert *a, const struct cert *b);

#endif
