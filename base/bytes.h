/*
 * bytes.h - borrowed byte ranges, and one growing buffer.
 * Never:   holds secrets (that is struct secret).
 */
#ifndef LOCKGATE_BASE_BYTES_H
#define LOCKGATE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Borrows; whoever hands it out says until when. data may be NULL only when len is 0. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

#define BYTES_NONE ((struct bytes){NULL, 0})

struct bytes bytes_of(const void *data, size_t len);
struct bytes bytes_text(const char *text); /* without its NUL; NULL gives BYTES_NONE */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_text(struct bytes a, const char *text);
/* Octet order, the shorter first where one is a prefix of the other: <0, 0, >0. */
int bytes_compare(struct bytes a, struct bytes b);

/* Heap copies, owned by the caller (free()). *out is untouched on failure: ERR_NOMEM. */
MUST_CHECK enum err bytes_dup(struct bytes in, uint8_t **out);
/* As text with a NUL. ERR_INVALID if in holds a NUL byte. */
MUST_CHECK enum err bytes_dup_text(struct bytes in, char **out);

/*
 * A growing buffer, for bytes as well as for text being built.
 * max is a promise to the operator: growing past it is ERR_LIMIT and changes nothing.
 * Start with BUF_INIT(max) or buf_init(); buf_release() frees and returns to that state.
 */
struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max;
};

#define BUF_INIT(max_bytes) ((struct buf){NULL, 0, 0, (max_bytes)})

void buf_init(struct buf *buf, size_t max);
void buf_release(struct buf *buf);
struct bytes buf_bytes(const struct buf *buf);
/* Room for n more bytes at data + len; len is not moved. */
MUST_CHECK enum err buf_reserve(struct buf *buf, size_t n);
MUST_CHECK enum err buf_append(struct buf *buf, struct bytes in);
MUST_CHECK enum err buf_append_u8(struct buf *buf, uint8_t value);
MUST_CHECK enum err buf_append_text(struct buf *buf, const char *text);
MUST_CHECK enum err buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* Drops n bytes at the front (n <= len). */
void buf_consume(struct buf *buf, size_t n);
/* A NUL behind the content, not counted in len; the pointer is good until the next change. */
MUST_CHECK enum err buf_text(struct buf *buf, const char **out);

#endif
