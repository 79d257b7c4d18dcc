/*
 * test_utf8.c - what is text (RFC 3629 4), and that no byte of it can act on a terminal once escaped.
 */
#include "base/utf8.h"

#include <string.h>

#include "tests/test.h"

static void test_valid(void)
{
	static const struct {
		const char *name, *hex;
		bool valid;
	} rows[] = {
		{"empty", "", true},
		{"ASCII", "61 7a 7e 20", true},
		{"two bytes, lowest U+0080", "c280", true},
		{"two bytes, highest U+07FF", "dfbf", true},
		{"three bytes, lowest U+0800", "e0a080", true},
		{"U+D7FF, below the surrogates", "ed9fbf", true},
		{"U+E000, above the surrogates", "ee8080", true},
		{"U+FFFF", "efbfbf", true},
		{"four bytes, lowest U+10000", "f0908080", true},
		{"U+10FFFF, the last", "f48fbfbf", true},
		{"overlong NUL", "c080", false},
		{"overlong slash", "c0af", false},
		{"overlong U+007F", "c1bf", false},
		{"overlong U+07FF", "e09fbf", false},
		{"overlong U+FFFF", "f08fbfbf", false},
		{"surrogate U+D800", "eda080", false},
		{"surrogate U+DFFF", "edbfbf", false},
		{"surrogate pair", "eda080edb080", false},
		{"U+110000", "f4908080", false},
		{"f5", "f5808080", false},
		{"ff", "ff", false},
		{"lone continuation", "80", false},
		{"continuation too many", "c28080", false},
		{"ASCII for a continuation", "c261", false},
		{"lead for a continuation", "e0a0c2", false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		CHECK(rows[i].name, utf8_valid(test_bytes_view(&in)) == rows[i].valid);
		CHECK("MQTT-1.5.4-1", utf8_valid_mqtt(test_bytes_view(&in)) == rows[i].valid);
		for (size_t cut = 1; cut < in.len; cut++) {
			/* Cut inside its last character, what was valid is not. */
			bool boundary = (in.data[cut] & 0xc0) != 0x80;
			if (rows[i].valid) {
				CHECK(rows[i].name, utf8_valid(bytes_of(in.data, cut)) == boundary);
			}
		}
	}
	CHECK("U+0000 is text", utf8_valid(bytes_of("a\0b", 3)));
	CHECK("MQTT-1.5.4-2 U+0000", !utf8_valid_mqtt(bytes_of("a\0b", 3)));
}

/* Each code point by itself against the definition: encoded in 1 to 4 bytes by arithmetic. */
static void test_all_code_points(void)
{
	unsigned wrong = 0;
	for (uint32_t code = 0; code < 0x120000; code++) {
		uint8_t raw[4];
		size_t len = 0;
		if (code < 0x80) {
			raw[len++] = (uint8_t)code;
		} else if (code < 0x800) {
			raw[len++] = (uint8_t)(0xc0 | code >> 6);
			raw[len++] = (uint8_t)(0x80 | (code & 63));
		} else if (code < 0x10000) {
			raw[len++] = (uint8_t)(0xe0 | code >> 12);
			raw[len++] = (uint8_t)(0x80 | (code >> 6 & 63));
			raw[len++] = (uint8_t)(0x80 | (code & 63));
		} else {
			raw[len++] = (uint8_t)(0xf0 | code >> 18);
			raw[len++] = (uint8_t)(0x80 | (code >> 12 & 63));
			raw[len++] = (uint8_t)(0x80 | (code >> 6 & 63));
			raw[len++] = (uint8_t)(0x80 | (code & 63));
		}
		bool want = code < 0xd800 || (code > 0xdfff && code < 0x110000);
		wrong += utf8_valid(bytes_of(raw, len)) != want;
	}
	CHECK("RFC 3629 3 every code point", wrong == 0);
}

static void test_escape(void)
{
	static const struct {
		const char *name, *hex, *want;
	} rows[] = {
		{"plain", "61 22 7e", "a\"~"},
		{"umlaut stays", "c3a4", "\xc3\xa4"},
		{"NUL", "00", "\\x00"},
		{"newline, return, tab, escape", "0a 0d 09 1b", "\\x0a\\x0d\\x09\\x1b"},
		{"DEL", "7f", "\\x7f"},
		{"C1: U+0085, U+009B", "c285 c29b", "\\u{85}\\u{9b}"},
		{"backslash", "5c", "\\x5c"},
		{"bidi U+061C", "d89c", "\\u{61c}"},
		{"bidi U+200E, U+200F", "e2808e e2808f", "\\u{200e}\\u{200f}"},
		{"bidi U+202A to U+202E", "e280aa e280ab e280ac e280ad e280ae",
			"\\u{202a}\\u{202b}\\u{202c}\\u{202d}\\u{202e}"},
		{"bidi U+2066 to U+2069", "e281a6 e281a7 e281a8 e281a9",
			"\\u{2066}\\u{2067}\\u{2068}\\u{2069}"},
		{"separators U+2028, U+2029", "e280a8 e280a9", "\\u{2028}\\u{2029}"},
		{"neighbours U+200D, U+2027, U+202F, U+2065, U+206A", "e2808d e280a7 e280af e281a5 e281aa",
			"\xe2\x80\x8d\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"},
		{"bad byte", "61 ff 62", "a\\xffb"},
		{"surrogate, byte by byte", "eda080", "\\xed\\xa0\\x80"},
		{"overlong newline", "c08a", "\\xc0\\x8a"},
		{"cut sequence", "e282", "\\xe2\\x82"},
		{"cut sequence before ASCII", "e28261",
			"\\xe2\\x82"
			"a"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		struct buf out = BUF_INIT(1024);
		CHECK("before", buf_append_text(&out, ">") == ERR_OK);
		CHECK(rows[i].name, utf8_escape(&out, test_bytes_view(&in)) == ERR_OK);
		buf_consume(&out, 1);
		CHECK(rows[i].name, bytes_equal_text(buf_bytes(&out), rows[i].want));
		size_t len = out.len;
		buf_release(&out);
		buf_init(&out, len - 1);
		CHECK("no room: nothing is appended",
			utf8_escape(&out, test_bytes_view(&in)) == ERR_LIMIT && out.len == 0);
		buf_release(&out);
	}
}

/* Whatever two or three bytes come: the result is valid UTF-8 without controls, and tells inputs apart. */
static void test_escape_is_safe(void)
{
	static const uint8_t interesting[] = {0, '\n', 0x1b, ' ', '\\', 'x', 0x7f, 0x80, 0x8f, 0x9f, 0xa0,
		0xbf, 0xc2, 0xd8, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff};
	for (size_t a = 0; a < sizeof(interesting); a++) {
		for (size_t b = 0; b < sizeof(interesting); b++) {
			for (size_t c = 0; c < sizeof(interesting); c++) {
				uint8_t raw[3] = {interesting[a], interesting[b], interesting[c]};
				struct buf out = BUF_INIT(64);
				CHECK("escape", utf8_escape(&out, bytes_of(raw, 3)) == ERR_OK);
				CHECK("valid", utf8_valid(buf_bytes(&out)));
				for (size_t i = 0; i < out.len; i++) {
					CHECK("no control", out.data[i] >= 0x20 && out.data[i] != 0x7f);
				}
				buf_release(&out);
			}
		}
	}
}

int main(void)
{
	test_valid();
	test_all_code_points();
	test_escape();
	test_escape_is_safe();
	return test_result();
}
