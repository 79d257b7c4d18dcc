/*
 * tls_choose.h - which of a channel's certificates a client gets.
 * Owns:    nothing.
 * Never:   calls the TLS library; serves a certificate that is not valid now.
 * Threads: any; pure.
 */
#ifndef LOCKGATE_BROKER_NET_TLS_CHOOSE_H
#define LOCKGATE_BROKER_NET_TLS_CHOOSE_H

#include "broker/net/hello.h"
#include "broker/net/net.h"

/* What is known of one identity; all borrowed. */
struct tls_facts {
	enum key_kind kind;
	int64_t not_before, not_after; /* seconds, inclusive; both 0: always valid */
	const struct tls_name *names;
	size_t name_count;
	size_t group; /* the index of the first identity with the same names */
};
/* Fills in the groups. */
void tls_facts_group(struct tls_facts *facts, size_t count);

/*
 * Among those that are valid at now (seconds):
 *   1. those whose names match the hello's host_name; none: those with the same names as the first of all (the default),
 *      or, when no such is valid, as the first valid one;
 *   2. of these the ones whose key the client can use in the version that will be spoken, by its signature algorithms
 *      (RFC 8446 4.2.3, 4.4.2.2), suites and curves (RFC 8422 5.1); none: all of them, so that the TLS library refuses with its alert;
 *   3. a name in full before a wildcard; ECDSA before Ed25519 before RSA; the latest notBefore; the first.
 * ERR_NOT_FOUND: none is valid.
 */
MUST_CHECK enum err tls_choose(const struct tls_facts *facts, size_t count, const struct tls_spec *spec,
	const struct hello *hello, int64_t now, size_t *index);

#endif
