/*
 * text.c - short texts in the caller's memory: sentences and trace details, and the errors of parsers.
 * Owns:    nothing.
 * Never:   allocates; lets peer bytes through unescaped.
 * Threads: any.
 */
#include "auth/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* The longest escape, \u{10ffff}, has ten characters, and stands for at least two bytes; \xHH has four for one. */
#define TEXT_ESCAPED_BYTES_MAX (10u * TEXT_PEER_BYTES_MAX)
#define TEXT_LINE_BYTES        1024u

struct text text_init(char *data, size_t cap)
{
	data[0] = '\0';
	return (struct text){data, cap, 0, false};
}

/* The bytes of the character that begins here, by its first byte; the text is valid UTF-8. */
static size_t text_step(char first)
{
	unsigned char c = (unsigned char)first;
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static void text_append(struct text *text, const char *data, size_t len)
{
	while (len > 0 && !text->cut) {
		size_t step = text_step(*data);
		step = step > len ? len : step;
		if (text->len + step >= text->cap) {
			text->cut = true;
			break;
		}
		memcpy(text->data + text->len, data, step);
		text->len += step;
		data += step;
		len -= step;
	}
	text->data[text->len] = '\0';
}

void text_put(struct text *text, const char *literal)
{
	text_append(text, literal, strlen(literal));
}

void text_printf(struct text *text, const char *format, ...)
{
	char line[TEXT_LINE_BYTES];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len > 0) {
		text_append(text, line, strlen(line));
	}
}

/* Up to the limit, without cutting a character in two. */
static struct bytes text_front(struct bytes value)
{
	size_t len = value.len < TEXT_PEER_BYTES_MAX ? value.len : TEXT_PEER_BYTES_MAX;
	if (len < value.len) {
		while (len > 0 && (value.data[len] & 0xc0u) == 0x80u) {
			len--;
		}
		/* Nothing but continuation bytes: no character is there to be cut. */
		len = len == 0 ? TEXT_PEER_BYTES_MAX : len;
	}
	return bytes_of(value.data, len);
}

void text_quote(struct text *text, struct bytes value)
{
	uint8_t room[TEXT_ESCAPED_BYTES_MAX];
	/* A buf that is as large as it may become never asks for memory. */
	struct buf escaped = {room, 0, sizeof(room), sizeof(room)};
	struct bytes front = text_front(value);
	enum err err = utf8_escape(&escaped, front);
	text_put(text, "'");
	for (size_t i = 0; err == ERR_OK && i < escaped.len;) {
		size_t step = text_step((char)room[i]);
		if (room[i] == '\'') {
			text_put(text, "''");
		} else {
			text_append(text, (const char *)room + i, step);
		}
		i += step;
	}
	text_put(text, front.len < value.len ? "...'" : "'");
}

/* The characters above ASCII that a terminal acts on, as their UTF-8 bytes. */
static bool text_is_harmful(const uint8_t *at, size_t left)
{
	if (left >= 2 && at[0] == 0xc2 && at[1] <= 0x9f) {
		return true; /* C1 */
	}
	if (left >= 2 && at[0] == 0xd8 && at[1] == 0x9c) {
		return true; /* U+061C */
	}
	if (left >= 3 && at[0] == 0xe2 && at[1] == 0x80) {
		return at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae);
	}
	return left >= 3 && at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
}

bool text_is_plain(struct bytes value)
{
	if (!utf8_valid(value)) {
		return false;
	}
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.data[i];
		if (c < 0x20 || c == 0x7f || (c >= 0x80 && text_is_harmful(value.data + i, value.len - i))) {
			return false;
		}
	}
	return true;
}

uint8_t text_fold(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet + ('a' - 'A')) : octet;
}

int text_compare_folded(struct bytes a, struct bytes b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	for (size_t i = 0; i < len; i++) {
		int diff = text_fold(a.data[i]) - text_fold(b.data[i]);
		if (diff != 0) {
			return diff;
		}
	}
	return a.len < b.len ? -1 : a.len > b.len ? 1 : 0;
}

bool text_equal_folded(struct bytes a, struct bytes b)
{
	return a.len == b.len && text_compare_folded(a, b) == 0;
}

bool text_is_user(const char *user)
{
	struct bytes name = bytes_text(user);
	return name.len > 0 && name.len <= AUTH_USER_BYTES_MAX && user[0] != '*' && text_is_plain(name);
}

enum err auth_fail(struct auth_error *error, enum err err, size_t offset, const char *format, ...)
{
	if (error != NULL) {
		va_list args;
		va_start(args, format);
		error->err = err;
		error->offset = offset;
		int len = vsnprintf(error->sentence, sizeof(error->sentence), format, args);
		va_end(args);
		if (len < 0) {
			error->sentence[0] = '\0';
		}
	}
	return err;
}
