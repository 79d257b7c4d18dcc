/*
 * wire.h - the only way to touch bytes that came from, or go to, a peer.
 * Owns:    nothing; a reader borrows its input, a writer borrows its buf.
 * Never:   moves or writes on a failed read.
 */
#ifndef LOCKGATE_BASE_WIRE_H
#define LOCKGATE_BASE_WIRE_H

#include "base/bytes.h"

struct wire_reader {
	const uint8_t *data;
	size_t len;
	size_t pos;
};

struct wire_reader wire_reader_init(struct bytes in);
size_t wire_reader_left(const struct wire_reader *reader);
/* Big-endian. ERR_AGAIN when fewer bytes are left: the caller decides whether that is "more" or "malformed". */
MUST_CHECK enum err wire_get_u8(struct wire_reader *reader, uint8_t *out);
MUST_CHECK enum err wire_get_u16(struct wire_reader *reader, uint16_t *out);
MUST_CHECK enum err wire_get_u32(struct wire_reader *reader, uint32_t *out);
MUST_CHECK enum err wire_get_bytes(struct wire_reader *reader, size_t n, struct bytes *out);
MUST_CHECK enum err wire_peek_u8(const struct wire_reader *reader, uint8_t *out);
MUST_CHECK enum err wire_skip(struct wire_reader *reader, size_t n);
/* A reader over the next n bytes, which are consumed here; it cannot see past its end. */
MUST_CHECK enum err wire_get_child(struct wire_reader *reader, size_t n, struct wire_reader *out);
/* All that is left, without consuming it. */
struct bytes wire_reader_rest(const struct wire_reader *reader);

/*
 * Appends to a buf. The first error sticks (wire_writer_err) and later puts do nothing, so that an encoder
 * reads straight down and tests once. wire_writer_rollback() returns the buf to where the writer began.
 */
struct wire_writer {
	struct buf *buf;
	size_t start;
	enum err err;
};

struct wire_writer wire_writer_init(struct buf *buf);
void wire_put_u8(struct wire_writer *writer, uint8_t value);
void wire_put_u16(struct wire_writer *writer, uint16_t value);
void wire_put_u32(struct wire_writer *writer, uint32_t value);
void wire_put_bytes(struct wire_writer *writer, struct bytes in);
MUST_CHECK enum err wire_writer_err(const struct wire_writer *writer);
void wire_writer_rollback(struct wire_writer *writer);

#endif
