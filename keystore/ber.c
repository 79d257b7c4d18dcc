/*
 * ber.c - BER into the definite subset, in one pass.
 * Owns:    nothing beyond a call.
 * Never:   lets a buffer with key bytes move in memory: room for all of it is taken at once.
 * Threads: any.
 */
#include "keystore/ber.h"

#include "base/secret.h"

#define TLV_CONSTRUCTED 0x20u

/*
 * A value with an indefinite length spends 4 bytes on it, one with a definite length at most 6, and more than 4 only
 * when it holds over 64 kB; tlv_open() keeps 4 bytes more per open level. So the result outgrows the input only so far.
 */
static size_t room_for(size_t in_len)
{
	return in_len + in_len / 1024 * BER_DEPTH_MAX + (size_t)BER_DEPTH_MAX * 8 + 16;
}

/* X.690 8.1.5: end-of-contents. */
static bool end_of_contents(struct wire_reader *reader)
{
	struct wire_reader at = *reader;
	uint16_t both = 1;
	if (wire_get_u16(&at, &both) != ERR_OK || both != 0) {
		return false;
	}
	*reader = at;
	return true;
}

/* What the value's header was, and where its content is read from: the parent itself when the length is indefinite. */
struct ber_value {
	struct tlv_header header;
	struct wire_reader child;
	struct wire_reader *content;
};

static enum err value_begin(struct wire_reader *in, struct ber_value *out)
{
	enum err err = tlv_header_get(in, &out->header);
	if (err != ERR_OK) {
		return err;
	}
	bool constructed = (out->header.tag & TLV_CONSTRUCTED) != 0;
	if (out->header.tag == 0 || (out->header.indefinite && !constructed)) {
		return ERR_MALFORMED; /* X.690 8.1.3.2: an indefinite length is for constructed values only */
	}
	out->content = in;
	if (!out->header.indefinite) {
		if (wire_get_child(in, out->header.length, &out->child) != ERR_OK) {
			return ERR_MALFORMED;
		}
		out->content = &out->child;
	}
	return ERR_OK;
}

static bool value_ended(const struct ber_value *value)
{
	return value->header.indefinite ? end_of_contents(value->content)
					: wire_reader_left(value->content) == 0;
}

/* X.690 8.7.3: the segments of an octet string, each primitive or in segments itself. */
static enum err segments_join(struct ber_value *string, struct wire_writer *out, unsigned depth)
{
	if (depth >= BER_DEPTH_MAX) {
		return ERR_LIMIT;
	}
	while (!value_ended(string)) {
		struct ber_value segment = {0};
		enum err err = value_begin(string->content, &segment);
		if (err != ERR_OK) {
			return err;
		}
		if (segment.header.tag == TLV_OCTETS_CONSTRUCTED) {
			err = segments_join(&segment, out, depth + 1);
		} else if (segment.header.tag == TLV_OCTETS) {
			wire_put_bytes(out, wire_reader_rest(segment.content));
		} else {
			err = ERR_MALFORMED;
		}
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

static enum err value_convert(struct wire_reader *in, struct wire_writer *out, unsigned depth)
{
	struct ber_value value = {0};
	enum err err = value_begin(in, &value);
	if (err != ERR_OK) {
		return err;
	}
	if ((value.header.tag & TLV_CONSTRUCTED) == 0) {
		tlv_put(out, value.header.tag, wire_reader_rest(value.content));
		return wire_writer_err(out);
	}
	if (depth >= BER_DEPTH_MAX) {
		return ERR_LIMIT;
	}
	bool string = value.header.tag == TLV_OCTETS_CONSTRUCTED;
	size_t opened = tlv_open(out, string ? TLV_OCTETS : value.header.tag);
	if (string) {
		err = segments_join(&value, out, depth + 1);
	}
	while (err == ERR_OK && !string && !value_ended(&value)) {
		err = value_convert(value.content, out, depth + 1);
	}
	if (err != ERR_OK) {
		return err;
	}
	tlv_close(out, opened);
	return wire_writer_err(out);
}

enum err ber_to_definite(struct bytes in, struct buf *out)
{
	size_t room = room_for(in.len);
	*out = BUF_INIT(room);
	enum err err = buf_reserve(out, room);
	if (err != ERR_OK) {
		return err;
	}
	struct wire_reader reader = wire_reader_init(in);
	struct wire_writer writer = wire_writer_init(out);
	err = value_convert(&reader, &writer, 0);
	return err != ERR_OK ? err : tlv_end(&reader);
}

enum err ber_join(struct bytes pieces, struct buf *out)
{
	*out = BUF_INIT(pieces.len + 1);
	enum err err = buf_reserve(out, pieces.len + 1);
	struct wire_reader reader = wire_reader_init(pieces);
	while (err == ERR_OK && wire_reader_left(&reader) > 0) {
		struct bytes piece = BYTES_NONE;
		err = tlv_get(&reader, TLV_OCTETS, &piece);
		if (err == ERR_OK) {
			err = buf_append(out, piece);
		}
	}
	return err;
}

void ber_release(struct buf *buf)
{
	secure_wipe(buf->data, buf->cap);
	buf_release(buf);
}
