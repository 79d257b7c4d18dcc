/*
 * test_text.c - names in a file are text or refused; aliases compare as keytool compares them.
 * Owns:    nothing.
 * Never:   needs keys or certificates.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "keystore/internal.h"
#include "tests/test.h"

static const struct {
	const char *name, *hex;
	enum err want;
	const char *want_text;
} from_bmp[] = {
	{"ASCII", "00610062", ERR_OK, "ab"},
	{"two bytes", "00e9", ERR_OK, "\xc3\xa9"},
	{"three bytes", "20ac", ERR_OK, "\xe2\x82\xac"},
	{"surrogate pair", "d83dde00", ERR_OK, "\xf0\x9f\x98\x80"},
	{"empty", "", ERR_OK, ""},
	{"odd length", "006100", ERR_MALFORMED, NULL},
	{"U+0000", "00610000", ERR_MALFORMED, NULL},
	{"lone high surrogate", "d83d", ERR_MALFORMED, NULL},
	{"high surrogate before ASCII", "d83d0061", ERR_MALFORMED, NULL},
	{"lone low surrogate", "de00", ERR_MALFORMED, NULL},
};

static const struct {
	const char *name, *a, *b;
	bool equal;
} folds[] = {
	{"same", "gate", "gate", true},
	{"ASCII case", "Gate", "gATE", true},
	{"Latin-1 case", "\xc3\x84gypten", "\xc3\xa4gypten", true},
	{"multiplication sign is no letter", "\xc3\x97", "\xc3\xb7", false},
	{"prefix", "gate", "gate2", false},
	{"empty", "", "a", false},
	{"brackets are no letters", "[", "{", false},
};

static const struct {
	const char *alias;
	bool valid, pin;
} aliases[] = {
	{"gate", true, false},
	{"pin:d1", true, true},
	{"PIN:d1", true, true},
	{"pin:", true, false},
	{"pin", true, false},
	{"", false, false},
	{"a\nb", false, false},
	{"a\x7f", false, false},
	{"\xc2\x85", false, false},
	{"\xff", false, false},
};

static void rows(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(from_bmp); i++) {
		struct test_bytes in = test_hex(from_bmp[i].hex);
		char *text = NULL;
		CHECK(from_bmp[i].name, text_from_bmp(test_bytes_view(&in), &text) == from_bmp[i].want);
		CHECK(from_bmp[i].name, from_bmp[i].want_text == NULL
						? text == NULL
						: text != NULL && strcmp(text, from_bmp[i].want_text) == 0);
		if (text != NULL) {
			struct secret back = SECRET_NONE;
			CHECK(from_bmp[i].name, text_to_bmp(bytes_text(text), false, &back) == ERR_OK);
			CHECK(from_bmp[i].name, bytes_equal(secret_bytes(&back), test_bytes_view(&in)));
			secret_free(&back);
		}
		free(text);
	}
	for (size_t i = 0; i < ARRAY_COUNT(folds); i++) {
		CHECK(folds[i].name, alias_equal(folds[i].a, folds[i].b) == folds[i].equal);
		char *a = alias_fold(folds[i].a);
		char *b = alias_fold(folds[i].b);
		REQUIRE(folds[i].name, a != NULL && b != NULL);
		CHECK(folds[i].name, (strcmp(a, b) == 0) == folds[i].equal);
		free(a);
		free(b);
	}
	for (size_t i = 0; i < ARRAY_COUNT(aliases); i++) {
		CHECK(aliases[i].alias, alias_valid(aliases[i].alias) == aliases[i].valid);
		CHECK(aliases[i].alias, alias_is_pin(aliases[i].alias) == aliases[i].pin);
	}
}

static void limits(void)
{
	char text[KEYSTORE_ALIAS_BYTES_MAX + 2];
	memset(text, 'a', sizeof(text));
	text[KEYSTORE_ALIAS_BYTES_MAX] = '\0';
	CHECK("alias at max", alias_valid(text));
	text[KEYSTORE_ALIAS_BYTES_MAX] = 'a';
	text[KEYSTORE_ALIAS_BYTES_MAX + 1] = '\0';
	CHECK("alias at max + 1", !alias_valid(text));
	struct secret out = SECRET_NONE;
	CHECK("passphrase terminated", text_to_bmp(bytes_text("a"), true, &out) == ERR_OK);
	CHECK("passphrase terminated", out.len == 4 && out.data[1] == 'a' && out.data[3] == 0);
	secret_free(&out);
	CHECK("passphrase not UTF-8", text_to_bmp(bytes_text("\xff"), true, &out) == ERR_INVALID);
	struct shown shown = keystore_shown(bytes_text("a\x1b[31mb"));
	CHECK("no control character in a sentence", strchr(shown.text, '\x1b') == NULL);
}

int main(void)
{
	rows();
	limits();
	return test_result();
}
