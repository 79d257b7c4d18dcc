/*
 * der.c - reads DER: definite, minimal lengths; canonical BOOLEAN, INTEGER, BIT STRING, OID and time.
 * Owns:    nothing.
 * Never:   recurses, allocates.
 * Threads: any.
 */
#include "x509/der.h"

#include "x509/time.h"

/* Identifier and length. On ERR_OK *in stands at the content, which is wholly there. */
static enum err get_head(struct wire_reader *in, uint8_t *tag, size_t *len)
{
	uint8_t first = 0;
	if (wire_get_u8(in, tag) != ERR_OK || (*tag & 0x1fu) == 0x1fu || *tag == 0) {
		return ERR_MALFORMED; /* high tag number, or end-of-contents, which is BER */
	}
	if (wire_get_u8(in, &first) != ERR_OK) {
		return ERR_MALFORMED;
	}
	size_t n = first;
	if (first & 0x80u) {
		unsigned octets = first & 0x7fu;
		if (octets == 0 || octets > 4) {
			return ERR_MALFORMED; /* indefinite (X.690 10.1), or longer than anything we hold */
		}
		n = 0;
		for (unsigned i = 0; i < octets; i++) {
			uint8_t octet = 0;
			if (wire_get_u8(in, &octet) != ERR_OK || (i == 0 && octet == 0)) {
				return ERR_MALFORMED;
			}
			n = (n << 8) | octet;
		}
		if (n < 0x80u) {
			return ERR_MALFORMED; /* the short form was due */
		}
	}
	if (n > wire_reader_left(in)) {
		return ERR_MALFORMED;
	}
	*len = n;
	return ERR_OK;
}

enum err der_next(struct wire_reader *in, struct der_item *out)
{
	struct wire_reader work = *in;
	struct bytes before = wire_reader_rest(in);
	struct der_item item = {0};
	size_t len = 0;
	enum err err = get_head(&work, &item.tag, &len);
	if (err != ERR_OK) {
		return err;
	}
	if (wire_get_bytes(&work, len, &item.value) != ERR_OK) {
		return ERR_MALFORMED;
	}
	item.whole = bytes_of(before.data, before.len - wire_reader_left(&work));
	*in = work;
	*out = item;
	return ERR_OK;
}

enum err der_expect(struct wire_reader *in, uint8_t tag, struct der_item *out)
{
	struct wire_reader work = *in;
	struct der_item item;
	if (der_next(&work, &item) != ERR_OK || item.tag != tag) {
		return ERR_MALFORMED;
	}
	*in = work;
	*out = item;
	return ERR_OK;
}

enum err der_value(struct wire_reader *in, uint8_t tag, struct bytes *value)
{
	struct der_item item;
	enum err err = der_expect(in, tag, &item);
	if (err == ERR_OK) {
		*value = item.value;
	}
	return err;
}

enum err der_enter(struct wire_reader *in, uint8_t tag, struct wire_reader *child)
{
	struct bytes value;
	enum err err = der_value(in, tag, &value);
	if (err == ERR_OK) {
		*child = wire_reader_init(value);
	}
	return err;
}

enum err der_enter_explicit(struct wire_reader *in, uint8_t tag, uint8_t inner, struct wire_reader *child)
{
	struct wire_reader work = *in;
	struct bytes outer;
	enum err err = der_value(&work, tag, &outer);
	if (err == ERR_OK) {
		err = der_single(outer, inner, child);
	}
	if (err == ERR_OK) {
		*in = work;
	}
	return err;
}

bool der_is_next(const struct wire_reader *in, uint8_t tag)
{
	uint8_t next = 0;
	return wire_peek_u8(in, &next) == ERR_OK && next == tag;
}

enum err der_end(const struct wire_reader *in)
{
	return wire_reader_left(in) == 0 ? ERR_OK : ERR_MALFORMED;
}

enum err der_single(struct bytes in, uint8_t tag, struct wire_reader *child)
{
	struct wire_reader reader = wire_reader_init(in);
	struct wire_reader inner;
	enum err err = der_enter(&reader, tag, &inner);
	if (err == ERR_OK) {
		err = der_end(&reader);
	}
	if (err == ERR_OK) {
		*child = inner;
	}
	return err;
}

enum err der_boolean(struct wire_reader *in, bool *out)
{
	struct wire_reader work = *in;
	struct bytes value;
	if (der_value(&work, DER_BOOLEAN, &value) != ERR_OK || value.len != 1) {
		return ERR_MALFORMED;
	}
	if (value.data[0] != 0x00 && value.data[0] != 0xff) {
		return ERR_MALFORMED; /* X.690 11.1 */
	}
	*out = value.data[0] != 0;
	*in = work;
	return ERR_OK;
}

enum err der_boolean_default_false(struct wire_reader *in, bool *out)
{
	if (!der_is_next(in, DER_BOOLEAN)) {
		*out = false;
		return ERR_OK;
	}
	struct wire_reader work = *in;
	bool value = false;
	if (der_boolean(&work, &value) != ERR_OK || !value) {
		return ERR_MALFORMED;
	}
	*in = work;
	*out = true;
	return ERR_OK;
}

static enum err check_integer(struct bytes value)
{
	if (value.len == 0) {
		return ERR_MALFORMED;
	}
	if (value.len > 1) {
		bool negative_next = (value.data[1] & 0x80u) != 0;
		if ((value.data[0] == 0x00 && !negative_next) || (value.data[0] == 0xff && negative_next)) {
			return ERR_MALFORMED;
		}
	}
	return ERR_OK;
}

enum err der_integer(struct wire_reader *in, struct bytes *out)
{
	struct wire_reader work = *in;
	struct bytes value;
	if (der_value(&work, DER_INTEGER, &value) != ERR_OK || check_integer(value) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*in = work;
	*out = value;
	return ERR_OK;
}

enum err der_uint(struct wire_reader *in, uint8_t tag, uint32_t *out)
{
	struct wire_reader work = *in;
	struct bytes value;
	if (der_value(&work, tag, &value) != ERR_OK || check_integer(value) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if ((value.data[0] & 0x80u) || value.len > 5 || (value.len == 5 && value.data[0] != 0)) {
		return ERR_MALFORMED;
	}
	uint64_t n = 0;
	for (size_t i = 0; i < value.len; i++) {
		n = (n << 8) | value.data[i];
	}
	*out = (uint32_t)n;
	*in = work;
	return ERR_OK;
}

enum err der_bit_string(struct wire_reader *in, uint8_t tag, struct bytes *out, unsigned *unused)
{
	struct wire_reader work = *in;
	struct bytes value;
	if (der_value(&work, tag, &value) != ERR_OK || value.len == 0 || value.data[0] > 7) {
		return ERR_MALFORMED;
	}
	unsigned padding = value.data[0];
	struct bytes bits = bytes_of(value.data + 1, value.len - 1);
	if (padding != 0) {
		if (bits.len == 0 || (bits.data[bits.len - 1] & ((1u << padding) - 1u)) != 0) {
			return ERR_MALFORMED;
		}
	}
	*in = work;
	*out = bits;
	*unused = padding;
	return ERR_OK;
}

enum err der_bit_octets(struct wire_reader *in, struct bytes *out)
{
	struct wire_reader work = *in;
	struct bytes bits;
	unsigned unused = 0;
	if (der_bit_string(&work, DER_BIT_STRING, &bits, &unused) != ERR_OK || unused != 0) {
		return ERR_MALFORMED;
	}
	*in = work;
	*out = bits;
	return ERR_OK;
}

enum err der_named_bits(struct wire_reader *in, uint8_t tag, uint32_t *bits)
{
	struct wire_reader work = *in;
	struct bytes octets;
	unsigned unused = 0;
	if (der_bit_string(&work, tag, &octets, &unused) != ERR_OK || octets.len > 2) {
		return ERR_MALFORMED;
	}
	uint32_t set = 0;
	for (size_t i = 0; i < octets.len * 8; i++) {
		if (octets.data[i / 8] & (0x80u >> (i % 8))) {
			set |= 1u << i;
		}
	}
	if (octets.len != 0 && !(octets.data[octets.len - 1] & (1u << unused))) {
		return ERR_MALFORMED; /* the last bit that is there must be a one */
	}
	*in = work;
	*bits = set;
	return ERR_OK;
}

enum err der_check_oid(struct bytes content)
{
	if (content.len == 0 || content.len > DER_OID_BYTES_MAX || (content.data[content.len - 1] & 0x80u)) {
		return ERR_MALFORMED;
	}
	bool first = true;
	for (size_t i = 0; i < content.len; i++) {
		if (first && content.data[i] == 0x80u) {
			return ERR_MALFORMED; /* a leading zero in an arc (X.690 8.19.2) */
		}
		first = (content.data[i] & 0x80u) == 0;
	}
	return ERR_OK;
}

enum err der_oid(struct wire_reader *in, struct bytes *out)
{
	struct wire_reader work = *in;
	struct bytes value;
	if (der_value(&work, DER_OID, &value) != ERR_OK || der_check_oid(value) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*in = work;
	*out = value;
	return ERR_OK;
}

enum err der_time(struct wire_reader *in, int64_t *out)
{
	struct wire_reader work = *in;
	struct der_item item;
	if (der_next(&work, &item) != ERR_OK) {
		return ERR_MALFORMED;
	}
	bool utc = item.tag == DER_UTC_TIME;
	if (!utc && item.tag != DER_GENERALIZED_TIME) {
		return ERR_MALFORMED;
	}
	if (time_from_text(item.value, utc, out) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*in = work;
	return ERR_OK;
}
