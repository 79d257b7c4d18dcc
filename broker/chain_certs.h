/*
 * chain_certs.h - the issuing certificates that devices present, once for all of them: ten thousand devices of a plant
 *                 need not hold ten thousand copies of its CA.
 * Owns:    a bounded number of parsed certificates, by the SHA-256 of their DER.
 * Never:   changes a verdict: what is found is byte for byte what was presented. Holds what nobody was let in with.
 * Threads: any; one lock, held for a comparison.
 */
#ifndef LOCKGATE_BROKER_CHAIN_CERTS_H
#define LOCKGATE_BROKER_CHAIN_CERTS_H

#include "x509/x509.h"

/* --- limits an operator can see --- */
#define CHAIN_CERTS_MAX      256u  /* kept at most; the oldest of two goes */
#define CHAIN_CERT_BYTES_MAX 4096u /* larger ones are not kept */

struct chain_certs;
MUST_CHECK enum err chain_certs_new(struct chain_certs **out);
void chain_certs_free(struct chain_certs *certs); /* NULL is fine */

/* The caller's own reference to a certificate of exactly these bytes, or NULL. */
struct cert *chain_certs_find(struct chain_certs *certs, struct bytes der);
/* For a certificate of a chain that passed its gate; takes a reference of its own, or not. */
void chain_certs_keep(struct chain_certs *certs, const struct cert *cert);

#endif
