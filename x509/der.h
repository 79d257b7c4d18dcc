/*
 * der.h - strict DER over wire cursors: X.690 sections 8, 10 and 11, nothing that only BER allows.
 * Owns:    nothing; every result borrows the input.
 * Never:   recurses; nesting is as deep as the decoder that calls it, which is fixed in the source.
 * Threads: any.
 */
#ifndef LOCKGATE_X509_DER_H
#define LOCKGATE_X509_DER_H

#include "base/wire.h"

/* Identifier octets that X.509 uses. High tag numbers (31 and up) do not occur in it and are refused. */
enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8 = 0x0c,
	DER_PRINTABLE = 0x13,
	DER_T61 = 0x14,
	DER_IA5 = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_VISIBLE = 0x1a,
	DER_UNIVERSAL = 0x1c,
	DER_BMP = 0x1e,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31
};
#define DER_CONTEXT(n)             ((uint8_t)(0x80u | (n))) /* implicit, primitive */
#define DER_CONTEXT_CONSTRUCTED(n) ((uint8_t)(0xa0u | (n)))

#define DER_OID_BYTES_MAX      64u  /* content octets of an object identifier */
#define DER_OID_TEXT_BYTES_MAX 256u /* its dotted text with the NUL */

struct der_item {
	uint8_t tag;
	struct bytes value; /* content octets */
	struct bytes whole; /* identifier, length and content */
};

/* All of these: ERR_OK, or ERR_MALFORMED with reader and output unmoved. Cut input is malformed: DER comes whole. */
MUST_CHECK enum err der_next(struct wire_reader *in, struct der_item *out);
MUST_CHECK enum err der_expect(struct wire_reader *in, uint8_t tag, struct der_item *out);
MUST_CHECK enum err der_value(struct wire_reader *in, uint8_t tag, struct bytes *value);
MUST_CHECK enum err der_enter(struct wire_reader *in, uint8_t tag, struct wire_reader *child);
/* [n] EXPLICIT, tag, around one element of type inner and nothing else: child is that element's content. */
MUST_CHECK enum err der_enter_explicit(
	struct wire_reader *in, uint8_t tag, uint8_t inner, struct wire_reader *child);
bool der_is_next(const struct wire_reader *in, uint8_t tag);
/* Nothing may be left: leftovers in a child are malformed. */
MUST_CHECK enum err der_end(const struct wire_reader *in);
/* Exactly one element, nothing behind it. */
MUST_CHECK enum err der_single(struct bytes in, uint8_t tag, struct wire_reader *child);

MUST_CHECK enum err der_boolean(struct wire_reader *in, bool *out);
/* BOOLEAN DEFAULT FALSE: absent is false; an encoded FALSE is malformed (X.690 11.5). */
MUST_CHECK enum err der_boolean_default_false(struct wire_reader *in, bool *out);
/* Content octets in the shortest form (X.690 8.3.2); may be negative. */
MUST_CHECK enum err der_integer(struct wire_reader *in, struct bytes *out);
/* 0 … UINT32_MAX under the given tag (DER_INTEGER, DER_ENUMERATED or an implicit one); ERR_MALFORMED beyond. */
MUST_CHECK enum err der_uint(struct wire_reader *in, uint8_t tag, uint32_t *out);
/* Padding bits must be zero (X.690 11.2.1). unused 0 … 7. */
MUST_CHECK enum err der_bit_string(struct wire_reader *in, uint8_t tag, struct bytes *out, unsigned *unused);
/* BIT STRING of whole octets, as keys and signatures are. */
MUST_CHECK enum err der_bit_octets(struct wire_reader *in, struct bytes *out);
/* A named bit list without trailing zero bits (X.690 11.2.2); bit n of *bits is named bit n; at most 16 bits. */
MUST_CHECK enum err der_named_bits(struct wire_reader *in, uint8_t tag, uint32_t *bits);
MUST_CHECK enum err der_oid(struct wire_reader *in, struct bytes *out);
MUST_CHECK enum err der_check_oid(struct bytes content);
/* UTCTime or GeneralizedTime in the only forms of RFC 5280 4.1.2.5: seconds, Z, no fraction. Seconds since 1970. */
MUST_CHECK enum err der_time(struct wire_reader *in, int64_t *out);

/* Content octets as dotted text. out holds DER_OID_TEXT_BYTES_MAX. ERR_LIMIT when it does not fit. */
MUST_CHECK enum err der_oid_text(struct bytes content, char out[DER_OID_TEXT_BYTES_MAX]);
/* Dotted text to content octets. ERR_INVALID. out holds DER_OID_BYTES_MAX. */
MUST_CHECK enum err der_oid_parse(const char *text, uint8_t out[DER_OID_BYTES_MAX], size_t *len);

/* --- writing --- */
#define DER_WRITE_DEPTH_MAX 16u

/* The first error sticks; begin and end nest; end puts the length in. Ask der_writer_err() once. */
struct der_writer {
	struct buf *buf;
	enum err err;
	unsigned depth;
	size_t at[DER_WRITE_DEPTH_MAX]; /* where each open element's content starts */
};

struct der_writer der_writer_init(struct buf *buf);
void der_put_begin(struct der_writer *writer, uint8_t tag);
void der_put_end(struct der_writer *writer);
void der_put(struct der_writer *writer, uint8_t tag, struct bytes content);
void der_put_raw(struct der_writer *writer, struct bytes whole); /* already encoded */
void der_put_bool(struct der_writer *writer, bool value);
void der_put_uint(struct der_writer *writer, uint64_t value);
/* Unsigned big-endian octets as a positive INTEGER. */
void der_put_unsigned(struct der_writer *writer, struct bytes octets);
void der_put_oid(struct der_writer *writer, const char *dotted);
void der_put_bit_octets(struct der_writer *writer, struct bytes octets);
void der_put_named_bits(struct der_writer *writer, uint32_t bits);
/* UTCTime to 2049, GeneralizedTime after (RFC 5280 4.1.2.5). ERR_INVALID outside 1950 … 9999. */
void der_put_time(struct der_writer *writer, int64_t when);
MUST_CHECK enum err der_writer_err(const struct der_writer *writer);

#endif
