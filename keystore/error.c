/*
 * error.c - sentences for humans.
 * Owns:    nothing.
 * Never:   lets a control character of a file through to a terminal.
 * Threads: any.
 */
#include "keystore/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum err keystore_fail(struct keystore_error *error, enum err err, const char *format, ...)
{
	if (error != NULL) {
		error->err = err;
		va_list args;
		va_start(args, format);
		(void)vsnprintf(error->sentence, sizeof(error->sentence), format, args);
		va_end(args);
	}
	return err;
}

enum err keystore_fail_plain(struct keystore_error *error, enum err err, const char *what)
{
	if (error != NULL && (error->err != err || error->sentence[0] == '\0')) {
		const char *why = err == ERR_NOMEM ? "out of memory" : err_name(err);
		return keystore_fail(error, err, "%s: %s", what, why);
	}
	return err;
}

struct shown keystore_shown(struct bytes in)
{
	struct shown out = {""};
	/* What does not fit is cut: a sentence is for reading, not for parsing. */
	struct buf escaped = BUF_INIT((size_t)4 * KEYSTORE_ALIAS_BYTES_MAX * 2);
	if (in.len > KEYSTORE_ALIAS_BYTES_MAX) {
		in.len = KEYSTORE_ALIAS_BYTES_MAX;
	}
	const char *text = NULL;
	if (utf8_escape(&escaped, in) == ERR_OK && buf_text(&escaped, &text) == ERR_OK) {
		(void)snprintf(out.text, sizeof(out.text), "%s", text);
		size_t len = strlen(out.text);
		/* Never end within a UTF-8 character. */
		if (escaped.len > len) {
			while (len > 0 && ((unsigned char)out.text[len - 1] & 0xc0u) == 0x80u) {
				len--;
			}
			if (len > 0 && ((unsigned char)out.text[len - 1] & 0x80u) != 0) {
				len--;
			}
			out.text[len] = '\0';
		}
	}
	buf_release(&escaped);
	return out;
}

struct shown keystore_errno_shown(int number)
{
	struct shown out = {""};
	char room[SHOWN_BYTES];
	(void)snprintf(out.text, sizeof(out.text), "%s", strerror_r(number, room, sizeof(room)));
	return out;
}
