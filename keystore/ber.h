/*
 * ber.h - BER (X.690 section 8) with indefinite lengths and octet strings in pieces, rewritten into what tlv.h reads.
 * Owns:    nothing; the result is the caller's and may hold key bytes.
 * Never:   goes deeper than BER_DEPTH_MAX; reads a byte twice.
 * Threads: any.
 */
#ifndef LOCKGATE_KEYSTORE_BER_H
#define LOCKGATE_KEYSTORE_BER_H

#include "keystore/tlv.h"

#define BER_DEPTH_MAX 32u

/*
 * One value and nothing behind it: every length definite, every constructed OCTET STRING in one piece. *out starts
 * empty and is released by ber_release(), after a failure too. ERR_MALFORMED, ERR_LIMIT (too deep), ERR_NOMEM.
 */
MUST_CHECK enum err ber_to_definite(struct bytes in, struct buf *out);
/* Content of an implicitly tagged OCTET STRING in pieces, as ber_to_definite() left them: joins them. */
MUST_CHECK enum err ber_join(struct bytes pieces, struct buf *out);
void ber_release(struct buf *buf); /* wipes */

#endif
