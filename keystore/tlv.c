/*
 * tlv.c - tag, length, value.
 * Owns:    nothing.
 * Never:   reads past the cursor it was given.
 * Threads: any.
 */
#include "keystore/tlv.h"

#include <string.h>

#include "base/secret.h"

#define TLV_LENGTH_OCTETS_MAX 4u /* of a long-form length: 4 GB is more than any file we read */
#define TLV_LENGTH_RESERVED   5u /* what tlv_open() keeps free: the longest header that a 32-bit length needs */

enum err tlv_header_get(struct wire_reader *reader, struct tlv_header *out)
{
	struct wire_reader at = *reader;
	struct tlv_header header = {0};
	uint8_t first = 0;
	if (wire_get_u8(&at, &header.tag) != ERR_OK || wire_get_u8(&at, &first) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if ((header.tag & 0x1fu) == 0x1fu) {
		return ERR_MALFORMED; /* multi-byte tags: none in PKCS#12 */
	}
	size_t octets = first < 0x80 ? 0 : first & 0x7fu;
	header.length = first < 0x80 ? first : 0;
	header.indefinite = first == 0x80;
	if (octets > TLV_LENGTH_OCTETS_MAX) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < octets; i++) {
		uint8_t octet = 0;
		if (wire_get_u8(&at, &octet) != ERR_OK) {
			return ERR_MALFORMED;
		}
		header.length = header.length << 8 | octet;
	}
	*reader = at;
	*out = header;
	return ERR_OK;
}

enum err tlv_next(struct wire_reader *reader, struct tlv *out)
{
	/* A copy, so that a failed read moves nothing. */
	struct wire_reader at = *reader;
	struct bytes before = wire_reader_rest(reader);
	struct tlv tlv = {0};
	struct tlv_header header = {0};
	enum err err = tlv_header_get(&at, &header);
	if (err != ERR_OK) {
		return err;
	}
	if (header.indefinite) {
		return ERR_UNSUPPORTED;
	}
	tlv.tag = header.tag;
	if (wire_get_bytes(&at, header.length, &tlv.content) != ERR_OK) {
		return ERR_MALFORMED;
	}
	tlv.whole = bytes_of(before.data, before.len - wire_reader_left(&at));
	*reader = at;
	*out = tlv;
	return ERR_OK;
}

enum err tlv_get(struct wire_reader *reader, uint8_t tag, struct bytes *content)
{
	struct wire_reader at = *reader;
	struct tlv tlv = {0};
	enum err err = tlv_next(&at, &tlv);
	if (err != ERR_OK) {
		return err;
	}
	if (tlv.tag != tag) {
		bool constructed_string = (tag == TLV_OCTETS && tlv.tag == TLV_OCTETS_CONSTRUCTED) ||
					  (tag == TLV_CONTEXT_0 && tlv.tag == TLV_CONTEXT_0_CONSTRUCTED);
		return constructed_string ? ERR_UNSUPPORTED : ERR_MALFORMED;
	}
	*reader = at;
	*content = tlv.content;
	return ERR_OK;
}

enum err tlv_enter(struct wire_reader *reader, uint8_t tag, struct wire_reader *child)
{
	struct bytes content = BYTES_NONE;
	enum err err = tlv_get(reader, tag, &content);
	if (err == ERR_OK) {
		*child = wire_reader_init(content);
	}
	return err;
}

bool tlv_is_next(const struct wire_reader *reader, uint8_t tag)
{
	uint8_t next = 0;
	return wire_peek_u8(reader, &next) == ERR_OK && next == tag;
}

enum err tlv_end(const struct wire_reader *reader)
{
	return wire_reader_left(reader) == 0 ? ERR_OK : ERR_MALFORMED;
}

enum err tlv_get_uint(struct wire_reader *reader, uint32_t *out)
{
	struct bytes content = BYTES_NONE;
	enum err err = tlv_get(reader, TLV_INTEGER, &content);
	if (err != ERR_OK) {
		return err;
	}
	struct wire_reader octets = wire_reader_init(content);
	uint8_t octet = 0;
	if (wire_get_u8(&octets, &octet) != ERR_OK || octet > 0x7f) {
		return ERR_MALFORMED; /* empty, or negative */
	}
	uint32_t value = octet;
	while (wire_get_u8(&octets, &octet) == ERR_OK) {
		if (value > 0x7fffffu) {
			return ERR_LIMIT;
		}
		value = value << 8 | octet;
	}
	*out = value;
	return ERR_OK;
}

/* --- writing --- */

static size_t header_make(uint8_t tag, size_t length, uint8_t out[1 + TLV_LENGTH_RESERVED])
{
	size_t at = 0;
	out[at++] = tag;
	if (length < 0x80) {
		out[at++] = (uint8_t)length;
		return at;
	}
	unsigned octets = length > 0xffffff ? 4 : length > 0xffff ? 3 : length > 0xff ? 2 : 1;
	out[at++] = (uint8_t)(0x80u | octets);
	for (unsigned i = octets; i > 0; i--) {
		out[at++] = (uint8_t)(length >> (8 * (i - 1)));
	}
	return at;
}

size_t tlv_open(struct wire_writer *writer, uint8_t tag)
{
	static const uint8_t room[TLV_LENGTH_RESERVED];
	size_t opened = writer->buf->len;
	wire_put_u8(writer, tag);
	wire_put_bytes(writer, bytes_of(room, sizeof(room)));
	return opened;
}

void tlv_close(struct wire_writer *writer, size_t opened)
{
	if (writer->err != ERR_OK) {
		return;
	}
	struct buf *buf = writer->buf;
	size_t content_at = opened + 1 + TLV_LENGTH_RESERVED;
	size_t length = buf->len - content_at;
	uint8_t header[1 + TLV_LENGTH_RESERVED];
	size_t header_len = header_make(buf->data[opened], length, header);
	/* The content moves down to where the shortest header ends: DER. What it leaves behind may be key bytes. */
	memcpy(buf->data + opened, header, header_len);
	memmove(buf->data + opened + header_len, buf->data + content_at, length);
	size_t end = opened + header_len + length;
	secure_wipe(buf->data + end, buf->len - end);
	buf->len = end;
}

void tlv_put(struct wire_writer *writer, uint8_t tag, struct bytes content)
{
	uint8_t header[1 + TLV_LENGTH_RESERVED];
	size_t header_len = header_make(tag, content.len, header);
	wire_put_bytes(writer, bytes_of(header, header_len));
	wire_put_bytes(writer, content);
}

void tlv_put_uint(struct wire_writer *writer, uint32_t value)
{
	uint8_t octets[5];
	size_t len = 0;
	for (unsigned shift = 32; shift > 0; shift -= 8) {
		uint8_t octet = (uint8_t)(value >> (shift - 8));
		if (len == 0 && octet == 0 && shift > 8) {
			continue;
		}
		if (len == 0 && octet > 0x7f) {
			octets[len++] = 0;
		}
		octets[len++] = octet;
	}
	tlv_put(writer, TLV_INTEGER, bytes_of(octets, len));
}
