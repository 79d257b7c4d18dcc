/*
 * tls_staple.h - a TLS context's OCSP response.
 * Owns:    see tls_staple.c.
 * Never:   included outside broker/net.
 * Threads: see each.
 */
#ifndef LOCKGATE_BROKER_NET_TLS_STAPLE_H
#define LOCKGATE_BROKER_NET_TLS_STAPLE_H

#include "base/bytes.h"

struct WOLFSSL_CTX;
struct tls_staple;
/* While the context is built: it asks this staple from then on, which must outlive it. */
MUST_CHECK enum err tls_staple_new(struct WOLFSSL_CTX *library, struct tls_staple **out);
void tls_staple_free(struct tls_staple *staple); /* NULL is fine */
/* Any thread. Copies; BYTES_NONE: none any more. ERR_LIMIT, ERR_NOMEM: what was there stays. */
MUST_CHECK enum err tls_staple_set(struct tls_staple *staple, struct bytes response, int64_t until);
/* Any thread. Appends a copy. ERR_NOT_FOUND: none, or too old. */
MUST_CHECK enum err tls_staple_get(struct tls_staple *staple, int64_t now, struct buf *out);

#endif
