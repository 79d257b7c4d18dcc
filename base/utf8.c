/*
 * utf8.c - is this text, and how is it shown to a human without harm.
 * Never:   guesses another encoding; a bad byte is shown as a byte.
 * Threads: any; pure.
 */
#include "base/utf8.h"

/*
 * Decodes the sequence at in.data[at]; returns its length, or 0 when it is not well-formed (RFC 3629 4: shortest
 * form, no surrogates, nothing above U+10FFFF). The bounds on the second byte carry all three rules.
 */
static size_t utf8_step(struct bytes in, size_t at, uint32_t *code)
{
	const uint8_t *p = in.data + at;
	size_t left = in.len - at;
	uint8_t low = 0x80;
	uint8_t high = 0xbf;
	size_t more = 0;

	if (p[0] < 0x80) {
		*code = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		more = 1;
		*code = p[0] & 0x1fu;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		more = 2;
		*code = p[0] & 0x0fu;
		low = p[0] == 0xe0 ? 0xa0 : low;
		high = p[0] == 0xed ? 0x9f : high;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		more = 3;
		*code = p[0] & 0x07u;
		low = p[0] == 0xf0 ? 0x90 : low;
		high = p[0] == 0xf4 ? 0x8f : high;
	} else {
		return 0;
	}
	if (more >= left) {
		return 0;
	}
	for (size_t i = 1; i <= more; i++) {
		if (p[i] < low || p[i] > high) {
			return 0;
		}
		low = 0x80;
		high = 0xbf;
		*code = *code << 6 | (p[i] & 0x3fu);
	}
	return more + 1;
}

bool utf8_valid(struct bytes in)
{
	uint32_t code = 0;
	for (size_t at = 0; at < in.len;) {
		size_t step = utf8_step(in, at, &code);
		if (step == 0) {
			return false;
		}
		at += step;
	}
	return true;
}

bool utf8_valid_mqtt(struct bytes in)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] == 0) {
			return false; /* MQTT-1.5.4-2 */
		}
	}
	return utf8_valid(in); /* MQTT-1.5.4-1 */
}

/* Characters that a terminal or a viewer acts on instead of showing. */
static bool utf8_is_harmful(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == '\\' || code == 0x061c ||
	       code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

/* Writes digits of value in hex, at least two, and returns how many. */
static size_t utf8_hex(uint32_t value, char out[8])
{
	static const char digits[] = "0123456789abcdef";
	size_t count = 2;
	while (count < 8 && value >> (4 * count) != 0) {
		count++;
	}
	for (size_t i = 0; i < count; i++) {
		out[i] = digits[value >> (4 * (count - 1 - i)) & 15];
	}
	return count;
}

static enum err utf8_append_escaped(struct buf *out, uint32_t value, bool wide)
{
	char text[16] = "\\x";
	size_t len = 2;
	if (wide) {
		text[1] = 'u';
		text[len++] = '{';
	}
	len += utf8_hex(value, text + len);
	if (wide) {
		text[len++] = '}';
	}
	return buf_append(out, bytes_of(text, len));
}

enum err utf8_escape(struct buf *out, struct bytes in)
{
	size_t start = out->len;
	enum err err = ERR_OK;
	size_t at = 0;
	while (at < in.len && err == ERR_OK) {
		uint32_t code = 0;
		size_t step = utf8_step(in, at, &code);
		if (step == 0) {
			err = utf8_append_escaped(out, in.data[at], false);
			step = 1;
		} else if (utf8_is_harmful(code)) {
			err = utf8_append_escaped(out, code, code >= 0x80);
		} else {
			err = buf_append(out, bytes_of(in.data + at, step));
		}
		at += step;
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	return err;
}
