/*
 * pem.c - RFC 7468 textual encoding, and base64, base32 and hex beneath it.
 * Never:   looks inside the DER.
 * Threads: any; pure.
 */
#include "base/pem.h"

#include <string.h>

#include "base/secret.h"

/* "CERTIFICATE REQUEST" has 19; nothing in use comes near. */
#define PEM_LABEL_BYTES_MAX 64
#define PEM_LINE_BYTES      64 /* RFC 7468 2 */

static const char pem_begin[] = "-----BEGIN ";
static const char pem_end[] = "-----END ";
static const char pem_dashes[] = "-----";

static bool pem_is_space(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

enum err hex_encode(struct bytes in, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	if (in.len > SIZE_MAX / 2) {
		return ERR_LIMIT;
	}
	enum err err = buf_reserve(out, in.len * 2);
	if (err != ERR_OK) {
		return err;
	}
	for (size_t i = 0; i < in.len; i++) {
		out->data[out->len++] = (uint8_t)digits[in.data[i] >> 4];
		out->data[out->len++] = (uint8_t)digits[in.data[i] & 15];
	}
	return ERR_OK;
}

static int hex_value(uint8_t byte)
{
	if (byte >= '0' && byte <= '9') {
		return byte - '0';
	}
	if (byte >= 'a' && byte <= 'f') {
		return byte - 'a' + 10;
	}
	if (byte >= 'A' && byte <= 'F') {
		return byte - 'A' + 10;
	}
	return -1;
}

enum err hex_decode(struct bytes in, struct buf *out)
{
	if (in.len % 2 != 0) {
		return ERR_MALFORMED;
	}
	enum err err = buf_reserve(out, in.len / 2);
	if (err != ERR_OK) {
		return err;
	}
	size_t start = out->len;
	for (size_t i = 0; i < in.len; i += 2) {
		int high = hex_value(in.data[i]);
		int low = hex_value(in.data[i + 1]);
		if (high < 0 || low < 0) {
			out->len = start;
			return ERR_MALFORMED;
		}
		out->data[out->len++] = (uint8_t)(high << 4 | low);
	}
	return ERR_OK;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum err base64_encode(struct bytes in, struct buf *out)
{
	if (in.len > SIZE_MAX / 2) {
		return ERR_LIMIT;
	}
	enum err err = buf_reserve(out, (in.len + 2) / 3 * 4);
	if (err != ERR_OK) {
		return err;
	}
	for (size_t i = 0; i < in.len; i += 3) {
		size_t have = in.len - i < 3 ? in.len - i : 3;
		uint32_t group = (uint32_t)in.data[i] << 16;
		group |= have > 1 ? (uint32_t)in.data[i + 1] << 8 : 0;
		group |= have > 2 ? in.data[i + 2] : 0;
		for (size_t digit = 0; digit < 4; digit++) {
			char shown = digit > have ? '=' : base64_digits[group >> (18 - 6 * digit) & 63];
			out->data[out->len++] = (uint8_t)shown;
		}
	}
	return ERR_OK;
}

/* Arithmetic, not a table: key material passes here, and a table lookup would show in the cache. */
static int base64_value(uint8_t byte)
{
	if (byte >= 'A' && byte <= 'Z') {
		return byte - 'A';
	}
	if (byte >= 'a' && byte <= 'z') {
		return byte - 'a' + 26;
	}
	if (byte >= '0' && byte <= '9') {
		return byte - '0' + 52;
	}
	return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/* The bytes of one group of four digits, of which padding (0, 1, 2) stand at the end; unused bits are zero. */
static enum err base64_flush(uint32_t group, unsigned padding, struct buf *out)
{
	if ((padding == 1 && (group & 0xff) != 0) || (padding == 2 && (group & 0xffff) != 0)) {
		return ERR_MALFORMED; /* RFC 4648 3.5 */
	}
	uint8_t raw[3] = {(uint8_t)(group >> 16), (uint8_t)(group >> 8), (uint8_t)group};
	return buf_append(out, bytes_of(raw, 3 - padding));
}

enum err base64_decode(struct bytes in, struct buf *out)
{
	size_t start = out->len;
	uint32_t group = 0;
	unsigned digits = 0;
	unsigned padding = 0;
	bool ended = false;
	enum err err = ERR_OK;

	for (size_t i = 0; i < in.len && err == ERR_OK; i++) {
		uint8_t byte = in.data[i];
		if (pem_is_space(byte)) {
			continue;
		}
		int value = base64_value(byte);
		if (ended || (byte == '=' && digits < 2) || (byte != '=' && (value < 0 || padding > 0))) {
			err = ERR_MALFORMED;
			break;
		}
		padding += byte == '=';
		group = group << 6 | (byte == '=' ? 0 : (uint32_t)value);
		if (++digits == 4) {
			err = base64_flush(group, padding, out);
			ended = padding > 0;
			group = 0;
			digits = 0;
			padding = 0;
		}
	}
	if (err == ERR_OK && digits != 0) {
		err = ERR_MALFORMED;
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	return err;
}

enum err base32_encode(struct bytes in, struct buf *out)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	if (in.len > SIZE_MAX / 16) {
		return ERR_LIMIT;
	}
	enum err err = buf_reserve(out, (in.len * 8 + 4) / 5);
	if (err != ERR_OK) {
		return err;
	}
	uint32_t held = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < in.len; i++) {
		held = held << 8 | in.data[i];
		bits += 8;
		while (bits >= 5) {
			bits -= 5;
			out->data[out->len++] = (uint8_t)digits[held >> bits & 31];
		}
	}
	if (bits > 0) {
		out->data[out->len++] = (uint8_t)digits[held << (5 - bits) & 31];
	}
	return ERR_OK;
}

enum err pem_encode(const char *label, struct bytes der, struct buf *out)
{
	size_t start = out->len;
	struct buf body = BUF_INIT(SIZE_MAX / 2);
	enum err err = base64_encode(der, &body);
	if (err == ERR_OK) {
		err = buf_printf(out, "%s%s%s\n", pem_begin, label, pem_dashes);
	}
	for (size_t at = 0; at < body.len && err == ERR_OK; at += PEM_LINE_BYTES) {
		size_t left = body.len - at;
		err = buf_append(
			out, bytes_of(body.data + at, left < PEM_LINE_BYTES ? left : PEM_LINE_BYTES));
		if (err == ERR_OK) {
			err = buf_append_u8(out, '\n');
		}
	}
	if (err == ERR_OK) {
		err = buf_printf(out, "%s%s%s\n", pem_end, label, pem_dashes);
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	if (body.data != NULL) {
		secure_wipe(body.data, body.len); /* it may have been a private key */
	}
	buf_release(&body);
	return err;
}

/*
 * Does the line begin at hit? Blanks and the mark that editors put before UTF-8 do not count (RFC 7468 2): a block that
 * is passed over silently may be the list that revokes somebody.
 */
static bool pem_begins_line(struct bytes text, const uint8_t *hit)
{
	static const uint8_t utf8_mark[] = {0xef, 0xbb, 0xbf};
	size_t before = (size_t)(hit - text.data);
	while (before > 0 && (text.data[before - 1] == ' ' || text.data[before - 1] == '\t')) {
		before--;
	}
	if (before >= sizeof(utf8_mark) &&
		memcmp(text.data + before - sizeof(utf8_mark), utf8_mark, sizeof(utf8_mark)) == 0) {
		before -= sizeof(utf8_mark);
	}
	return before == 0 || text.data[before - 1] == '\n' || text.data[before - 1] == '\r';
}

/* Where needle stands at the beginning of a line, or NULL. */
static const uint8_t *pem_find_line(struct bytes text, const char *needle)
{
	size_t needle_len = strlen(needle);
	const uint8_t *at = text.data;
	size_t left = text.len;
	while (left >= needle_len) {
		const uint8_t *hit = memmem(at, left, needle, needle_len);
		if (hit == NULL) {
			return NULL;
		}
		if (pem_begins_line(text, hit)) {
			return hit;
		}
		left -= (size_t)(hit - at) + 1;
		at = hit + 1;
	}
	return NULL;
}

/* Drops trailing blanks and the end of the line. False: other text stands there. */
static bool pem_end_line(struct bytes *text)
{
	while (text->len > 0 && pem_is_space(text->data[0])) {
		bool last = text->data[0] == '\n';
		text->data++;
		text->len--;
		if (last) {
			return true;
		}
	}
	return text->len == 0;
}

/* After "-----BEGIN " or "-----END ": the label, its dashes and the end of the line. */
static bool pem_take_label(struct bytes *text, struct bytes *label)
{
	size_t len = 0;
	while (len < text->len && len <= PEM_LABEL_BYTES_MAX && text->data[len] != '-' &&
		text->data[len] >= 0x20 && text->data[len] < 0x7f) {
		len++;
	}
	size_t dashes = strlen(pem_dashes);
	if (len == 0 || len > PEM_LABEL_BYTES_MAX || text->len - len < dashes ||
		memcmp(text->data + len, pem_dashes, dashes) != 0) {
		return false;
	}
	*label = bytes_of(text->data, len);
	text->data += len + dashes;
	text->len -= len + dashes;
	return pem_end_line(text);
}

static struct bytes pem_from(struct bytes text, const uint8_t *at, size_t skip)
{
	size_t before = (size_t)(at - text.data) + skip;
	return bytes_of(text.data + before, text.len - before);
}

enum err pem_next(struct bytes *text, struct bytes *label, struct buf *der)
{
	const uint8_t *begin = text->len == 0 ? NULL : pem_find_line(*text, pem_begin);
	if (begin == NULL) {
		return ERR_NOT_FOUND;
	}
	struct bytes rest = pem_from(*text, begin, strlen(pem_begin));
	struct bytes name = BYTES_NONE;
	if (!pem_take_label(&rest, &name)) {
		return ERR_MALFORMED;
	}
	const uint8_t *end = rest.len == 0 ? NULL : pem_find_line(rest, pem_end);
	if (end == NULL) {
		return ERR_MALFORMED;
	}
	struct bytes body = bytes_of(rest.data, (size_t)(end - rest.data));
	struct bytes closing = BYTES_NONE;
	rest = pem_from(rest, end, strlen(pem_end));
	if (!pem_take_label(&rest, &closing) || !bytes_equal(name, closing)) {
		return ERR_MALFORMED;
	}
	enum err err = base64_decode(body, der);
	if (err == ERR_OK) {
		*text = rest;
		*label = name;
	}
	return err;
}
