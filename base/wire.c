/*
 * wire.c - the only way to touch bytes that came from, or go to, a peer.
 * Owns:    nothing; a reader borrows its input, a writer borrows its buf.
 * Never:   moves or writes on a failed read.
 * Threads: any; pure.
 */
#include "base/wire.h"

#include <assert.h>

struct wire_reader wire_reader_init(struct bytes in)
{
	return (struct wire_reader){in.data, in.len, 0};
}

size_t wire_reader_left(const struct wire_reader *reader)
{
	assert(reader->pos <= reader->len);
	return reader->len - reader->pos;
}

enum err wire_get_bytes(struct wire_reader *reader, size_t n, struct bytes *out)
{
	if (n > wire_reader_left(reader)) {
		return ERR_AGAIN;
	}
	*out = n == 0 ? BYTES_NONE : bytes_of(reader->data + reader->pos, n);
	reader->pos += n;
	return ERR_OK;
}

enum err wire_get_u8(struct wire_reader *reader, uint8_t *out)
{
	struct bytes raw;
	enum err err = wire_get_bytes(reader, 1, &raw);
	if (err == ERR_OK) {
		*out = raw.data[0];
	}
	return err;
}

enum err wire_get_u16(struct wire_reader *reader, uint16_t *out)
{
	struct bytes raw;
	enum err err = wire_get_bytes(reader, 2, &raw);
	if (err == ERR_OK) {
		*out = (uint16_t)((unsigned)raw.data[0] << 8 | raw.data[1]);
	}
	return err;
}

enum err wire_get_u32(struct wire_reader *reader, uint32_t *out)
{
	struct bytes raw;
	enum err err = wire_get_bytes(reader, 4, &raw);
	if (err == ERR_OK) {
		*out = (uint32_t)raw.data[0] << 24 | (uint32_t)raw.data[1] << 16 |
		       (uint32_t)raw.data[2] << 8 | raw.data[3];
	}
	return err;
}

enum err wire_peek_u8(const struct wire_reader *reader, uint8_t *out)
{
	if (wire_reader_left(reader) == 0) {
		return ERR_AGAIN;
	}
	*out = reader->data[reader->pos];
	return ERR_OK;
}

enum err wire_skip(struct wire_reader *reader, size_t n)
{
	struct bytes skipped;
	return wire_get_bytes(reader, n, &skipped);
}

enum err wire_get_child(struct wire_reader *reader, size_t n, struct wire_reader *out)
{
	struct bytes inner;
	enum err err = wire_get_bytes(reader, n, &inner);
	if (err == ERR_OK) {
		*out = wire_reader_init(inner);
	}
	return err;
}

struct bytes wire_reader_rest(const struct wire_reader *reader)
{
	size_t left = wire_reader_left(reader);
	return left == 0 ? BYTES_NONE : bytes_of(reader->data + reader->pos, left);
}

struct wire_writer wire_writer_init(struct buf *buf)
{
	return (struct wire_writer){buf, buf->len, ERR_OK};
}

void wire_put_bytes(struct wire_writer *writer, struct bytes in)
{
	if (writer->err == ERR_OK) {
		writer->err = buf_append(writer->buf, in);
	}
}

void wire_put_u8(struct wire_writer *writer, uint8_t value)
{
	wire_put_bytes(writer, bytes_of(&value, 1));
}

void wire_put_u16(struct wire_writer *writer, uint16_t value)
{
	uint8_t raw[2] = {(uint8_t)(value >> 8), (uint8_t)value};
	wire_put_bytes(writer, bytes_of(raw, sizeof(raw)));
}

void wire_put_u32(struct wire_writer *writer, uint32_t value)
{
	uint8_t raw[4] = {
		(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
	wire_put_bytes(writer, bytes_of(raw, sizeof(raw)));
}

enum err wire_writer_err(const struct wire_writer *writer)
{
	return writer->err;
}

void wire_writer_rollback(struct wire_writer *writer)
{
	assert(writer->start <= writer->buf->len);
	writer->buf->len = writer->start;
}
