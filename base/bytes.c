/*
 * bytes.c - borrowed byte ranges, and one growing buffer.
 * Owns:    the memory of each struct buf.
 * Never:   holds secrets (grown buffers leave copies behind).
 * Threads: any; a buf belongs to one thread at a time.
 */
#include "base/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first allocation: small enough for an MQTT ack, large enough for most log lines. */
#define BUF_FIRST_BYTES 64

struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){data, len};
}

struct bytes bytes_text(const char *text)
{
	if (text == NULL) {
		return BYTES_NONE;
	}
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	/* memcmp() must not see NULL, even for no bytes. */
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_text(struct bytes a, const char *text)
{
	return bytes_equal(a, bytes_text(text));
}

int bytes_compare(struct bytes a, struct bytes b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
	if (order != 0) {
		return order;
	}
	return (a.len > b.len) - (a.len < b.len);
}

enum err bytes_dup(struct bytes in, uint8_t **out)
{
	/* One byte at least, so that NULL always means failure. */
	uint8_t *copy = malloc(in.len == 0 ? 1 : in.len);
	if (copy == NULL) {
		return ERR_NOMEM;
	}
	if (in.len > 0) {
		memcpy(copy, in.data, in.len);
	}
	*out = copy;
	return ERR_OK;
}

enum err bytes_dup_text(struct bytes in, char **out)
{
	if (in.len > 0 && memchr(in.data, 0, in.len) != NULL) {
		return ERR_INVALID;
	}
	if (in.len == SIZE_MAX) {
		return ERR_NOMEM;
	}
	char *copy = malloc(in.len + 1);
	if (copy == NULL) {
		return ERR_NOMEM;
	}
	if (in.len > 0) {
		memcpy(copy, in.data, in.len);
	}
	copy[in.len] = '\0';
	*out = copy;
	return ERR_OK;
}

void buf_init(struct buf *buf, size_t max)
{
	*buf = BUF_INIT(max);
}

void buf_release(struct buf *buf)
{
	if (buf == NULL) {
		return;
	}
	free(buf->data);
	*buf = BUF_INIT(buf->max);
}

struct bytes buf_bytes(const struct buf *buf)
{
	return (struct bytes){buf->data, buf->len};
}

enum err buf_reserve(struct buf *buf, size_t n)
{
	assert(buf->len <= buf->cap);
	if (n <= buf->cap - buf->len) {
		return ERR_OK;
	}
	if (buf->len > buf->max || n > buf->max - buf->len) {
		return ERR_LIMIT;
	}
	size_t want = buf->len + n;
	size_t cap = buf->cap < BUF_FIRST_BYTES ? BUF_FIRST_BYTES : buf->cap;
	while (cap < want) {
		cap = cap > SIZE_MAX / 2 ? want : cap * 2;
	}
	if (cap > buf->max) {
		cap = buf->max; /* still >= want, tested above */
	}
	uint8_t *data = realloc(buf->data, cap);
	if (data == NULL) {
		return ERR_NOMEM;
	}
	buf->data = data;
	buf->cap = cap;
	return ERR_OK;
}

enum err buf_append(struct buf *buf, struct bytes in)
{
	if (in.len == 0) {
		return ERR_OK;
	}
	enum err err = buf_reserve(buf, in.len);
	if (err != ERR_OK) {
		return err;
	}
	memcpy(buf->data + buf->len, in.data, in.len);
	buf->len += in.len;
	return ERR_OK;
}

enum err buf_append_u8(struct buf *buf, uint8_t value)
{
	return buf_append(buf, bytes_of(&value, 1));
}

enum err buf_append_text(struct buf *buf, const char *text)
{
	return buf_append(buf, bytes_text(text));
}

enum err buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int need = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (need < 0) {
		return ERR_INVALID;
	}
	/* vsnprintf() writes a NUL behind the text, so that byte must fit too; it is not part of max. */
	char *scratch = malloc((size_t)need + 1);
	if (scratch == NULL) {
		return ERR_NOMEM;
	}
	va_start(args, format);
	(void)vsnprintf(scratch, (size_t)need + 1, format, args);
	va_end(args);
	enum err err = buf_append(buf, bytes_of(scratch, (size_t)need));
	free(scratch);
	return err;
}

void buf_consume(struct buf *buf, size_t n)
{
	assert(n <= buf->len);
	if (n > 0 && n < buf->len) {
		memmove(buf->data, buf->data + n, buf->len - n);
	}
	buf->len -= n;
}

enum err buf_text(struct buf *buf, const char **out)
{
	enum err err = buf_reserve(buf, 1);
	if (err != ERR_OK) {
		return err;
	}
	buf->data[buf->len] = '\0';
	*out = (const char *)buf->data;
	return ERR_OK;
}
