/*
 * pem.h - RFC 7468 textual encoding, and base64, base32 and hex beneath it.
 */
#ifndef LOCKGATE_BASE_PEM_H
#define LOCKGATE_BASE_PEM_H

#include "base/bytes.h"

MUST_CHECK enum err hex_encode(struct bytes in, struct buf *out); /* lower case */
MUST_CHECK enum err hex_decode(struct bytes in, struct buf *out);
MUST_CHECK enum err base64_encode(struct bytes in, struct buf *out); /* one line, padded */
MUST_CHECK enum err base64_decode(struct bytes in, struct buf *out); /* strict; white space is skipped */
/* Lower-case RFC 4648 base32 without padding; for secrets that people type. */
MUST_CHECK enum err base32_encode(struct bytes in, struct buf *out);

MUST_CHECK enum err pem_encode(const char *label, struct bytes der, struct buf *out);
/*
 * Finds the next block in *text and moves *text behind it. label points into the input. Text between blocks is
 * skipped. ERR_NOT_FOUND: no further block. ERR_MALFORMED: a block that is broken. der is appended to (decoded).
 */
MUST_CHECK enum err pem_next(struct bytes *text, struct bytes *label, struct buf *der);

#endif
