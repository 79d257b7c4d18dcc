/*
 * text.h - short texts in the caller's memory: sentences and trace details, and the errors of parsers.
 * Owns:    nothing.
 * Never:   allocates; lets peer bytes through unescaped.
 * Threads: any.
 */
#ifndef LOCKGATE_AUTH_TEXT_H
#define LOCKGATE_AUTH_TEXT_H

#include "auth/auth.h"

/* Of a peer's value at most this many bytes are shown; "..." stands for the rest. */
#define TEXT_PEER_BYTES_MAX 64u

/* data always ends in a NUL. What does not fit is cut at a character, and cut is set. */
struct text {
	char *data;
	size_t cap;
	size_t len;
	bool cut;
};

struct text text_init(char *data, size_t cap);
/* Our own words only. */
void text_put(struct text *text, const char *literal);
void text_printf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
/*
 * A peer's or an operator's value between apostrophes: escaped as utf8_escape() does, an apostrophe doubled as MQSC
 * wants it, so that the text cannot end the quotes that it stands in.
 */
void text_quote(struct text *text, struct bytes value);

/* Valid UTF-8 without NUL, controls (C0, DEL, C1), bidirectional controls, line and paragraph separators. */
bool text_is_plain(struct bytes value);
/* ASCII case only: nothing else in a DN is folded. */
uint8_t text_fold(uint8_t octet);
bool text_equal_folded(struct bytes a, struct bytes b);
int text_compare_folded(struct bytes a, struct bytes b);
/* May this stand as a user name: 1 to AUTH_USER_BYTES_MAX bytes, plain, and not one of the reserved names ("*…")? */
bool text_is_user(const char *user);

/* Fills error (may be NULL) and returns err, so that a parser can say "return auth_fail(…)". */
MUST_CHECK enum err auth_fail(struct auth_error *error, enum err err, size_t offset, const char *format, ...)
	PRINTF_LIKE(4, 5);

#endif
