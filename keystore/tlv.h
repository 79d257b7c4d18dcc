/*
 * tlv.h - the BER subset that PKCS#12 files use: single-byte tags and definite lengths, over wire cursors.
 * Owns:    nothing; contents borrow the input, writers append to the caller's buf.
 * Never:   recurses; copies.
 * Threads: any.
 *
 * PKCS#12 is BER (RFC 7292 section 3), so a length may be written longer than needed. Indefinite lengths and
 * constructed strings are answered ERR_UNSUPPORTED, never taken for something else; an import rewrites them first
 * (ber.h).
 */
#ifndef LOCKGATE_KEYSTORE_TLV_H
#define LOCKGATE_KEYSTORE_TLV_H

#include "base/wire.h"

enum tlv_tag {
	TLV_INTEGER = 0x02,
	TLV_BIT_STRING = 0x03,
	TLV_OCTETS = 0x04,
	TLV_NULL = 0x05,
	TLV_OID = 0x06,
	TLV_BMP_STRING = 0x1e,
	TLV_OCTETS_CONSTRUCTED = 0x24,
	TLV_SEQUENCE = 0x30,
	TLV_SET = 0x31,
	TLV_CONTEXT_0 = 0x80,
	TLV_CONTEXT_0_CONSTRUCTED = 0xa0,
	TLV_CONTEXT_1_CONSTRUCTED = 0xa1
};

struct tlv {
	uint8_t tag;
	struct bytes content;
	struct bytes whole; /* tag and length included */
};

struct tlv_header {
	uint8_t tag;
	bool indefinite; /* then length is 0 */
	size_t length;
};

/* Tag and length only; whether so many bytes follow is not looked at. ERR_MALFORMED. */
MUST_CHECK enum err tlv_header_get(struct wire_reader *reader, struct tlv_header *out);

/* All: ERR_MALFORMED (also when cut short), ERR_UNSUPPORTED (indefinite length, constructed string). */
MUST_CHECK enum err tlv_next(struct wire_reader *reader, struct tlv *out);
MUST_CHECK enum err tlv_get(struct wire_reader *reader, uint8_t tag, struct bytes *content);
MUST_CHECK enum err tlv_enter(struct wire_reader *reader, uint8_t tag, struct wire_reader *child);
bool tlv_is_next(const struct wire_reader *reader, uint8_t tag);
/* ERR_MALFORMED when something is left. */
MUST_CHECK enum err tlv_end(const struct wire_reader *reader);
/* A non-negative INTEGER below 2^31; ERR_LIMIT when larger. */
MUST_CHECK enum err tlv_get_uint(struct wire_reader *reader, uint32_t *out);

/* A constructed value of a buf in the making: the length is put in when the value is closed. */
size_t tlv_open(struct wire_writer *writer, uint8_t tag);
void tlv_close(struct wire_writer *writer, size_t opened);
void tlv_put(struct wire_writer *writer, uint8_t tag, struct bytes content);
void tlv_put_uint(struct wire_writer *writer, uint32_t value);

#endif
