/*
 * der_write.c - writes DER: an element is opened, filled and closed; its length is put in when it is closed.
 * Owns:    nothing; appends to the caller's buf.
 * Never:   writes what der.c would not read.
 * Threads: any.
 */
#include <assert.h>
#include <string.h>

#include "x509/der.h"
#include "x509/time.h"

struct der_writer der_writer_init(struct buf *buf)
{
	return (struct der_writer){.buf = buf, .err = ERR_OK};
}

static void put_bytes(struct der_writer *writer, struct bytes in)
{
	if (writer->err == ERR_OK) {
		writer->err = buf_append(writer->buf, in);
	}
}

static size_t encode_length(size_t len, uint8_t out[5])
{
	if (len < 0x80u) {
		out[0] = (uint8_t)len;
		return 1;
	}
	size_t octets = len > 0xffffffu ? 4 : len > 0xffffu ? 3 : len > 0xffu ? 2 : 1;
	out[0] = (uint8_t)(0x80u | octets);
	for (size_t i = 0; i < octets; i++) {
		out[1 + i] = (uint8_t)(len >> (8 * (octets - 1 - i)));
	}
	return octets + 1;
}

void der_put_begin(struct der_writer *writer, uint8_t tag)
{
	assert(writer->depth < DER_WRITE_DEPTH_MAX);
	put_bytes(writer, bytes_of(&tag, 1));
	writer->at[writer->depth++] = writer->buf->len;
}

void der_put_end(struct der_writer *writer)
{
	assert(writer->depth > 0);
	size_t at = writer->at[--writer->depth];
	if (writer->err != ERR_OK) {
		return;
	}
	uint8_t head[5];
	size_t len = writer->buf->len - at;
	if (len > UINT32_MAX) {
		writer->err = ERR_LIMIT;
		return;
	}
	size_t head_len = encode_length(len, head);
	put_bytes(writer, bytes_of(head, head_len)); /* makes room; then moved to its place */
	if (writer->err != ERR_OK) {
		return;
	}
	memmove(writer->buf->data + at + head_len, writer->buf->data + at, len);
	memcpy(writer->buf->data + at, head, head_len);
}

void der_put(struct der_writer *writer, uint8_t tag, struct bytes content)
{
	uint8_t head[6] = {tag};
	if (content.len > UINT32_MAX) {
		writer->err = ERR_LIMIT;
		return;
	}
	size_t head_len = 1 + encode_length(content.len, head + 1);
	put_bytes(writer, bytes_of(head, head_len));
	put_bytes(writer, content);
}

void der_put_raw(struct der_writer *writer, struct bytes whole)
{
	put_bytes(writer, whole);
}

void der_put_bool(struct der_writer *writer, bool value)
{
	uint8_t octet = value ? 0xff : 0x00;
	der_put(writer, DER_BOOLEAN, bytes_of(&octet, 1));
}

void der_put_unsigned(struct der_writer *writer, struct bytes octets)
{
	while (octets.len > 1 && octets.data[0] == 0) {
		octets = bytes_of(octets.data + 1, octets.len - 1);
	}
	static const uint8_t zero = 0;
	if (octets.len == 0) {
		octets = bytes_of(&zero, 1);
	}
	der_put_begin(writer, DER_INTEGER);
	if (octets.data[0] & 0x80u) {
		put_bytes(writer, bytes_of(&zero, 1));
	}
	put_bytes(writer, octets);
	der_put_end(writer);
}

void der_put_uint(struct der_writer *writer, uint64_t value)
{
	uint8_t octets[8];
	for (unsigned i = 0; i < 8; i++) {
		octets[i] = (uint8_t)(value >> (8 * (7 - i)));
	}
	der_put_unsigned(writer, bytes_of(octets, sizeof(octets)));
}

void der_put_oid(struct der_writer *writer, const char *dotted)
{
	uint8_t content[DER_OID_BYTES_MAX];
	size_t len = 0;
	enum err err = der_oid_parse(dotted, content, &len);
	if (err != ERR_OK) {
		if (writer->err == ERR_OK) {
			writer->err = err;
		}
		return;
	}
	der_put(writer, DER_OID, bytes_of(content, len));
}

void der_put_bit_octets(struct der_writer *writer, struct bytes octets)
{
	static const uint8_t unused = 0;
	der_put_begin(writer, DER_BIT_STRING);
	put_bytes(writer, bytes_of(&unused, 1));
	put_bytes(writer, octets);
	der_put_end(writer);
}

void der_put_named_bits(struct der_writer *writer, uint32_t bits)
{
	uint8_t content[3] = {0};
	size_t len = 1;
	for (unsigned i = 0; i < 16; i++) {
		if (bits & (1u << i)) {
			content[1 + i / 8] |= (uint8_t)(0x80u >> (i % 8));
			content[0] = (uint8_t)(7u - i % 8);
			len = 2 + i / 8;
		}
	}
	der_put(writer, DER_BIT_STRING, bytes_of(content, len));
}

static void put_two_digits(char *out, unsigned value)
{
	out[0] = (char)('0' + value / 10 % 10);
	out[1] = (char)('0' + value % 10);
}

void der_put_time(struct der_writer *writer, int64_t when)
{
	struct civil civil;
	time_to_civil(when, &civil);
	if (civil.year < 1950 || civil.year > 9999) {
		if (writer->err == ERR_OK) {
			writer->err = ERR_INVALID;
		}
		return;
	}
	char text[15];
	put_two_digits(text, (unsigned)(civil.year / 100));
	put_two_digits(text + 2, (unsigned)(civil.year % 100));
	put_two_digits(text + 4, civil.month);
	put_two_digits(text + 6, civil.day);
	put_two_digits(text + 8, civil.hour);
	put_two_digits(text + 10, civil.minute);
	put_two_digits(text + 12, civil.second);
	text[14] = 'Z';
	if (civil.year < 2050) {
		der_put(writer, DER_UTC_TIME, bytes_of(text + 2, 13));
	} else {
		der_put(writer, DER_GENERALIZED_TIME, bytes_of(text, 15));
	}
}

enum err der_writer_err(const struct der_writer *writer)
{
	return writer->err;
}
