/*
 * text.c - BMPString and UTF-8, and how aliases compare.
 * Owns:    nothing.
 * Never:   accepts text that is not text: lone surrogates, U+0000, ill-formed UTF-8.
 * Threads: any.
 */
#include "keystore/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/wire.h"

/* One code point of valid UTF-8; the caller has checked validity. */
static uint32_t codepoint_next(struct wire_reader *reader)
{
	uint8_t first = 0;
	if (wire_get_u8(reader, &first) != ERR_OK || first < 0x80) {
		return first;
	}
	unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
	uint32_t value = first & (0x3fu >> more);
	for (unsigned i = 0; i < more; i++) {
		uint8_t next = 0;
		if (wire_get_u8(reader, &next) != ERR_OK) {
			break;
		}
		value = value << 6 | (next & 0x3fu);
	}
	return value;
}

static size_t put_u16(uint8_t *out, size_t at, uint32_t unit)
{
	out[at] = (uint8_t)(unit >> 8);
	out[at + 1] = (uint8_t)unit;
	return at + 2;
}

enum err text_to_bmp(struct bytes utf8, bool terminated, struct secret *out)
{
	if (!utf8_valid(utf8)) {
		return ERR_INVALID;
	}
	/* Each UTF-8 byte gives at most one 16-bit unit. */
	struct secret wide = SECRET_NONE;
	enum err err = secret_new(utf8.len * 2 + 2, &wide);
	if (err != ERR_OK) {
		return err;
	}
	size_t at = 0;
	struct wire_reader reader = wire_reader_init(utf8);
	while (wire_reader_left(&reader) > 0) {
		uint32_t point = codepoint_next(&reader);
		if (point >= 0x10000) {
			point -= 0x10000;
			at = put_u16(wide.data, at, 0xd800u + (point >> 10));
			at = put_u16(wide.data, at, 0xdc00u + (point & 0x3ffu));
		} else {
			at = put_u16(wide.data, at, point);
		}
	}
	if (terminated) {
		at = put_u16(wide.data, at, 0);
	}
	wide.len = at;
	*out = wide;
	return ERR_OK;
}

enum err text_bytes_to_bmp(struct bytes text, struct secret *out)
{
	struct secret wide = SECRET_NONE;
	enum err err = secret_new(text.len * 2 + 2, &wide);
	if (err != ERR_OK) {
		return err;
	}
	size_t at = 0;
	struct wire_reader reader = wire_reader_init(text);
	uint8_t octet = 0;
	while (wire_get_u8(&reader, &octet) == ERR_OK) {
		at = put_u16(wide.data, at, octet);
	}
	*out = wide;
	return ERR_OK;
}

static size_t put_utf8(uint8_t *out, size_t at, uint32_t point)
{
	if (point < 0x80) {
		out[at++] = (uint8_t)point;
	} else if (point < 0x800) {
		out[at++] = (uint8_t)(0xc0u | point >> 6);
		out[at++] = (uint8_t)(0x80u | (point & 0x3fu));
	} else if (point < 0x10000) {
		out[at++] = (uint8_t)(0xe0u | point >> 12);
		out[at++] = (uint8_t)(0x80u | (point >> 6 & 0x3fu));
		out[at++] = (uint8_t)(0x80u | (point & 0x3fu));
	} else {
		out[at++] = (uint8_t)(0xf0u | point >> 18);
		out[at++] = (uint8_t)(0x80u | (point >> 12 & 0x3fu));
		out[at++] = (uint8_t)(0x80u | (point >> 6 & 0x3fu));
		out[at++] = (uint8_t)(0x80u | (point & 0x3fu));
	}
	return at;
}

/* One code point of UTF-16BE. ERR_MALFORMED for half a unit, a lone surrogate and U+0000. */
static enum err utf16_next(struct wire_reader *reader, uint32_t *out)
{
	uint16_t unit = 0;
	uint16_t low = 0;
	if (wire_get_u16(reader, &unit) != ERR_OK || unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
		return ERR_MALFORMED;
	}
	if (unit < 0xd800 || unit > 0xdfff) {
		*out = unit;
		return ERR_OK;
	}
	if (wire_get_u16(reader, &low) != ERR_OK || low < 0xdc00 || low > 0xdfff) {
		return ERR_MALFORMED;
	}
	*out = 0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
	return ERR_OK;
}

enum err text_from_bmp(struct bytes bmp, char **out)
{
	if (bmp.len > 2 * KEYSTORE_ALIAS_BYTES_MAX) {
		return ERR_LIMIT;
	}
	/* A 16-bit unit gives at most three UTF-8 bytes. */
	uint8_t text[3 * KEYSTORE_ALIAS_BYTES_MAX + 4];
	size_t at = 0;
	struct wire_reader reader = wire_reader_init(bmp);
	while (wire_reader_left(&reader) > 0) {
		uint32_t point = 0;
		enum err err = utf16_next(&reader, &point);
		if (err != ERR_OK) {
			return err;
		}
		at = put_utf8(text, at, point);
	}
	if (at > KEYSTORE_ALIAS_BYTES_MAX) {
		return ERR_LIMIT;
	}
	return bytes_dup_text(bytes_of(text, at), out);
}

static uint32_t point_fold(uint32_t point)
{
	bool ascii = point >= 'A' && point <= 'Z';
	bool latin = point >= 0xc0 && point <= 0xde && point != 0xd7;
	return ascii || latin ? point + 0x20 : point;
}

bool alias_equal(const char *a, const char *b)
{
	struct wire_reader left = wire_reader_init(bytes_text(a));
	struct wire_reader right = wire_reader_init(bytes_text(b));
	while (wire_reader_left(&left) > 0 && wire_reader_left(&right) > 0) {
		if (point_fold(codepoint_next(&left)) != point_fold(codepoint_next(&right))) {
			return false;
		}
	}
	return wire_reader_left(&left) == 0 && wire_reader_left(&right) == 0;
}

/* Folding keeps the number of bytes: both ranges stay within their UTF-8 length. */
static void fold(const char *alias, char *folded)
{
	struct wire_reader reader = wire_reader_init(bytes_text(alias));
	size_t at = 0;
	while (wire_reader_left(&reader) > 0) {
		at = put_utf8((uint8_t *)folded, at, point_fold(codepoint_next(&reader)));
	}
	folded[at] = '\0';
}

char *alias_fold(const char *alias)
{
	char *folded = malloc(strlen(alias) + 4);
	if (folded != NULL) {
		fold(alias, folded);
	}
	return folded;
}

bool alias_fold_into(const char *alias, char out[ALIAS_FOLDED_BYTES])
{
	if (strlen(alias) + 4 > ALIAS_FOLDED_BYTES) {
		return false;
	}
	fold(alias, out);
	return true;
}

static const char pin_prefix[] = "pin:";

bool alias_has_pin_prefix(const char *alias)
{
	for (size_t i = 0; i < sizeof(pin_prefix) - 1; i++) {
		if (point_fold((unsigned char)alias[i]) != (unsigned char)pin_prefix[i]) {
			return false;
		}
	}
	return true;
}

bool alias_is_pin(const char *alias)
{
	return alias_has_pin_prefix(alias) && alias[sizeof(pin_prefix) - 1] != '\0';
}

bool alias_valid(const char *alias)
{
	size_t len = strlen(alias);
	if (len == 0 || len > KEYSTORE_ALIAS_BYTES_MAX || !utf8_valid(bytes_text(alias))) {
		return false;
	}
	struct wire_reader reader = wire_reader_init(bytes_text(alias));
	while (wire_reader_left(&reader) > 0) {
		uint32_t point = codepoint_next(&reader);
		if (point < 0x20 || (point >= 0x7f && point < 0xa0)) {
			return false;
		}
	}
	return true;
}
