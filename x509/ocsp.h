/*
 * ocsp.h - what the files of x509/ share about OCSP: parsed responses, and what one of them says of a certificate.
 * Never:   included from outside x509/.
 */
#ifndef LOCKGATE_X509_OCSP_H
#define LOCKGATE_X509_OCSP_H

#include "x509/internal.h"

#define OCSP_EXTENSIONS_MAX 16u /* of a response, and of each SingleResponse */
#define OCSP_SIGNERS_MAX    2u  /* certificates sent along that are tried, of those that could have signed */

/* CRLReason certificateHold (RFC 5280 5.3.1): the one revocation that ends. */
#define REASON_CERTIFICATE_HOLD 6

struct ocsp_single {
	enum hash_alg hash; /* HASH_COUNT_: one that is not known; matches nothing */
	struct bytes name_hash, key_hash, serial;
	enum ocsp_says status;
	int64_t revoked_at;
	int reason; /* CRLReason, -1: none */
	int64_t this_update, next_update;
	bool unknown_critical;
};

struct ocsp_response {
	atomic_uint refs;
	enum ocsp_response_status status;
	struct bytes der;
	struct bytes tbs;
	struct bytes signature;
	struct sig_algorithm algorithm;
	bool by_name;
	struct name responder_name;
	struct bytes responder_key; /* SHA-1 of the key's octets */
	int64_t produced_at;
	struct ocsp_single *singles;
	size_t single_count;
	struct cert *certs[X509_OCSP_CERTS_MAX];
	size_t cert_count;
	bool unknown_critical;
	bool has_nonce;
	struct bytes nonce;
	uint8_t sha256[SHA256_BYTES];
	struct signature_memo memo;
	uint8_t bytes[]; /* the DER */
};

/* dotted OIDs of the CertID hashes; NULL: not one of them. */
const char *ocsp_hash_oid(enum hash_alg hash);
void ocsp_put_cert_id(struct der_writer *writer, enum hash_alg hash, const struct cert *cert,
	const struct cert *issuer, struct bytes serial);
/* Octets of the subjectPublicKey BIT STRING: what issuerKeyHash and byKey hash. */
struct bytes ocsp_key_octets(const struct cert *cert);
bool ocsp_single_is_about(
	const struct ocsp_single *single, const struct cert *cert, const struct cert *issuer);

/* When an answer ceases to be current. */
int64_t ocsp_single_until(const struct ocsp_single *single);

/* Who signed a response; of several the best counts. */
enum ocsp_signer {
	OCSP_SIGNER_NONE, /* nobody who may */
	OCSP_SIGNER_BAD, /* a delegate that is revoked, or beyond what the path allows; or no memory or work is left */
	OCSP_SIGNER_UNKNOWN, /* a delegate; whether it is revoked is not known, and the question wants to know */
	OCSP_SIGNER_GOOD     /* the issuer, or a delegate that passes */
};
/*
 * What all responses at hand say of path[0], which path[1] issued; path[count - 1] is the anchor. delegate decides about a
 * delegated signer that has no id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1).
 */
struct ocsp_finding {
	enum x509_ocsp_state state;
	enum x509_reason reason;
	const char *why;           /* of X509_OCSP_BAD, for a sentence */
	const struct cert *signer; /* of X509_OCSP_SIGNER_UNKNOWN: borrowed from response */
	const struct ocsp_response *response;
	const struct ocsp_single *single;
	int64_t until; /* of a good one: when to ask again */
	bool grace;
};
typedef enum ocsp_signer (*ocsp_delegate_fn)(
	struct judgement *judgement, const struct cert *const *path, size_t count, int64_t *until);
void ocsp_ask(struct judgement *judgement, const struct cert *const *path, size_t count,
	ocsp_delegate_fn delegate, struct ocsp_finding *out);

#endif
