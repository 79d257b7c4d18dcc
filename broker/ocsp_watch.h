/*
 * ocsp_watch.h - one certificate's status at one responder, shared by the control loop, which asks and refreshes, and by the
 *                connections that are judged by it.
 * Owns:    the newest answer that was believed; references to the certificate and its issuer.
 * Never:   fetches, judges, or forgets an answer because a later question failed.
 * Threads: any; one lock, held for a reference count. What else it holds never changes.
 */
#ifndef LOCKGATE_BROKER_OCSP_WATCH_H
#define LOCKGATE_BROKER_OCSP_WATCH_H

#include "x509/x509.h"

struct ocsp_watch;

struct ocsp_watch_facts {
	const struct cert *cert, *issuer; /* ref'd */
	const char *url;                  /* copied */
	bool listed;                      /* the operator named it */
	bool allow_sha1;
};
MUST_CHECK enum err ocsp_watch_new(const struct ocsp_watch_facts *facts, struct ocsp_watch **out);
struct ocsp_watch *ocsp_watch_ref(struct ocsp_watch *watch);
void ocsp_watch_unref(struct ocsp_watch *watch); /* NULL is fine */
/* Whether anybody but the caller holds it. Only a hint: somebody may let go meanwhile. */
bool ocsp_watch_is_shared(const struct ocsp_watch *watch);

/* Names certificate, issuer and responder: two watches of one key are the same question. */
const uint8_t *ocsp_watch_key(const struct ocsp_watch *watch);
/* Borrowed from the watch. */
struct ocsp_watch_facts ocsp_watch_facts(const struct ocsp_watch *watch);

/* The caller's reference to the answer in force, or NULL. */
struct ocsp_response *ocsp_watch_answer(struct ocsp_watch *watch);
/*
 * Takes a reference of its own to an answer that was believed, if it is newer than the one in force; false: it is not. Of two
 * of one second the one that says revoked is the newer one. Once an answer in force has said revoked for good, and not
 * certificateHold, no other than one that says revoked follows it (RFC 5280 5.3.1).
 */
bool ocsp_watch_put(struct ocsp_watch *watch, const struct ocsp_response *answer, bool revoked);

#endif
