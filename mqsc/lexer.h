/*
 * lexer.h - from a script's lines to commands, and from a command's characters to words, each with line and column.
 * Owns:    the characters of the command at hand.
 * Never:   knows verbs or objects.
 * Threads: one at a time.
 */
#ifndef LOCKGATE_MQSC_LEXER_H
#define LOCKGATE_MQSC_LEXER_H

#include "base/bytes.h"

struct mqsc_position {
	uint32_t line, column; /* from 1 */
};

/* One command, its lines joined; position[i] is where chars[i] stood in the script. */
struct mqsc_text {
	char *chars;
	struct mqsc_position *positions;
	size_t len, cap;
	struct mqsc_position end; /* where more was expected */
};
void mqsc_text_release(struct mqsc_text *text);

struct mqsc_error {
	enum err err;
	struct mqsc_position at;
	char sentence[200];
};

/* Reads commands off a script. Zero-initialise next and line; text is borrowed. */
struct mqsc_lines {
	struct bytes script;
	size_t next;
	uint32_t line;
};
/*
 * The next command (mq-semantics 2.2): comments and blank lines are skipped even between continued lines, '+' and '-' continue,
 * ';' or the line's end finishes. *first and *last are the byte range of the lines it came from, for the echo.
 * ERR_NOT_FOUND: the script is over. ERR_LIMIT, ERR_MALFORMED: *error says; the command's lines are consumed.
 */
MUST_CHECK enum err mqsc_lines_next(struct mqsc_lines *lines, struct mqsc_text *out, size_t *first,
	size_t *last, struct mqsc_error *error);

enum mqsc_token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_OPEN, TOKEN_CLOSE };
struct mqsc_token {
	enum mqsc_token_kind kind;
	struct mqsc_position at;
	/* In the command's chars; of a string without the apostrophes, '' not yet undone. */
	size_t start, end;
	bool parted; /* a blank or a comma stands before it */
};
struct mqsc_lexer {
	const struct mqsc_text *text;
	size_t pos;
};
/* ERR_MALFORMED: an apostrophe without its partner, a control character. */
MUST_CHECK enum err mqsc_lexer_next(
	struct mqsc_lexer *lexer, struct mqsc_token *out, struct mqsc_error *error);

void mqsc_error_set(struct mqsc_error *error, enum err err, struct mqsc_position at, const char *format, ...)
	PRINTF_LIKE(4, 5);

#endif
