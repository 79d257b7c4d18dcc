/*
 * lexer.c - lines to commands, characters to words.
 * Owns:    nothing beyond struct mqsc_text.
 * Never:   knows verbs or objects.
 * Threads: one at a time.
 */
#include "mqsc/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mqsc/mqsc.h"

void mqsc_error_set(struct mqsc_error *error, enum err err, struct mqsc_position at, const char *format, ...)
{
	va_list args;

	error->err = err;
	error->at = at;
	va_start(args, format);
	(void)vsnprintf(error->sentence, sizeof(error->sentence), format, args);
	va_end(args);
}

void mqsc_text_release(struct mqsc_text *text)
{
	free(text->chars);
	free(text->positions);
	text->chars = NULL;
	text->positions = NULL;
	text->len = 0;
	text->cap = 0;
	text->end = (struct mqsc_position){0};
}

static enum err text_push(struct mqsc_text *text, char c, struct mqsc_position at)
{
	if (text->len == MQSC_COMMAND_BYTES_MAX) {
		return ERR_LIMIT;
	}
	if (text->len == text->cap) {
		size_t cap = text->cap == 0 ? 256 : text->cap * 2;
		char *chars = realloc(text->chars, cap);

		if (chars == NULL) {
			return ERR_NOMEM;
		}
		text->chars = chars;
		struct mqsc_position *positions = realloc(text->positions, cap * sizeof(*positions));

		if (positions == NULL) {
			return ERR_NOMEM;
		}
		text->positions = positions;
		text->cap = cap;
	}
	text->chars[text->len] = c;
	text->positions[text->len] = at;
	text->len++;
	return ERR_OK;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* One physical line without its end; carriage returns before the newline are dropped, as scripts come from Windows too. */
static struct bytes line_take(struct mqsc_lines *lines)
{
	const uint8_t *start = lines->script.data + lines->next;
	size_t left = lines->script.len - lines->next;
	size_t n = 0;

	while (n < left && start[n] != '\n') {
		n++;
	}
	lines->next += n < left ? n + 1 : n;
	lines->line++;
	while (n > 0 && start[n - 1] == '\r') {
		n--;
	}
	return bytes_of(start, n);
}

static bool line_is_empty(struct bytes line)
{
	if (line.len > 0 && line.data[0] == '*') {
		return true;
	}
	for (size_t i = 0; i < line.len; i++) {
		if (!is_blank(line.data[i])) {
			return false;
		}
	}
	return true;
}

enum continuation { LINE_ENDS, LINE_CONTINUES_TRIMMED, LINE_CONTINUES_WHOLE };

/* Cuts trailing blanks and the mark off *line and says what the mark means. */
static enum continuation line_mark(struct bytes *line)
{
	while (line->len > 0 && is_blank(line->data[line->len - 1])) {
		line->len--;
	}
	if (line->len == 0) {
		return LINE_ENDS;
	}
	switch (line->data[line->len - 1]) {
	case ';': line->len--; return LINE_ENDS;
	case '+': line->len--; return LINE_CONTINUES_TRIMMED;
	case '-': line->len--; return LINE_CONTINUES_WHOLE;
	default: return LINE_ENDS;
	}
}

static enum err line_append(
	struct mqsc_text *text, struct bytes line, uint32_t number, size_t from, struct mqsc_error *error)
{
	for (size_t i = from; i < line.len; i++) {
		struct mqsc_position at = {number, (uint32_t)i + 1};
		enum err err = text_push(text, (char)line.data[i], at);

		if (err == ERR_LIMIT) {
			mqsc_error_set(error, err, at, "the command is longer than %u bytes",
				MQSC_COMMAND_BYTES_MAX);
		} else if (err != ERR_OK) {
			mqsc_error_set(error, err, at, "out of memory");
		}
		if (err != ERR_OK) {
			return err;
		}
	}
	text->end = (struct mqsc_position){number, (uint32_t)line.len + 1};
	return ERR_OK;
}

enum err mqsc_lines_next(struct mqsc_lines *lines, struct mqsc_text *out, size_t *first, size_t *last,
	struct mqsc_error *error)
{
	enum continuation mark = LINE_ENDS;
	enum err err = ERR_OK;
	bool begun = false;

	mqsc_text_release(out);
	*first = lines->next;
	*last = lines->next;
	while (lines->next < lines->script.len) {
		struct bytes line = line_take(lines);

		*last = lines->next;
		if (line_is_empty(line)) {
			continue;
		}
		if (line.len > MQSC_LINE_BYTES_MAX && err == ERR_OK) {
			err = ERR_LIMIT;
			mqsc_error_set(error, err,
				(struct mqsc_position){lines->line, MQSC_LINE_BYTES_MAX + 1},
				"the line is longer than %u bytes", MQSC_LINE_BYTES_MAX);
		}
		size_t from = 0;

		if (begun && mark == LINE_CONTINUES_TRIMMED) {
			while (from < line.len && is_blank(line.data[from])) {
				from++;
			}
		}
		begun = true;
		mark = line_mark(&line);
		if (err == ERR_OK) {
			err = line_append(out, line, lines->line, from, error);
		}
		if (mark == LINE_ENDS) {
			return err;
		}
	}
	if (!begun) {
		return ERR_NOT_FOUND;
	}
	return err; /* a continued last line ends with the script */
}

static bool is_separator(uint8_t c)
{
	return is_blank(c) || c == ',';
}

static enum err lexer_string(struct mqsc_lexer *lexer, struct mqsc_token *out, struct mqsc_error *error)
{
	const struct mqsc_text *text = lexer->text;
	size_t i = lexer->pos + 1;

	while (i < text->len) {
		if (text->chars[i] != '\'') {
			i++;
		} else if (i + 1 < text->len && text->chars[i + 1] == '\'') {
			i += 2;
		} else {
			out->kind = TOKEN_STRING;
			out->start = lexer->pos + 1;
			out->end = i;
			lexer->pos = i + 1;
			return ERR_OK;
		}
	}
	mqsc_error_set(error, ERR_MALFORMED, out->at, "the apostrophe that opens here is not closed");
	return ERR_MALFORMED;
}

enum err mqsc_lexer_next(struct mqsc_lexer *lexer, struct mqsc_token *out, struct mqsc_error *error)
{
	const struct mqsc_text *text = lexer->text;
	size_t from = lexer->pos;

	while (lexer->pos < text->len && is_separator((uint8_t)text->chars[lexer->pos])) {
		lexer->pos++;
	}
	*out = (struct mqsc_token){TOKEN_END, text->end, lexer->pos, lexer->pos, lexer->pos > from};
	if (lexer->pos == text->len) {
		return ERR_OK;
	}
	out->at = text->positions[lexer->pos];
	char c = text->chars[lexer->pos];

	if (c == '\'') {
		return lexer_string(lexer, out, error);
	}
	if (c == '(' || c == ')') {
		out->kind = c == '(' ? TOKEN_OPEN : TOKEN_CLOSE;
		lexer->pos++;
		out->end = lexer->pos;
		return ERR_OK;
	}
	while (lexer->pos < text->len) {
		uint8_t at = (uint8_t)text->chars[lexer->pos];

		if (is_separator(at) || at == '(' || at == ')' || at == '\'') {
			break;
		}
		if (at < 0x20 || at >= 0x7f) {
			mqsc_error_set(error, ERR_MALFORMED, text->positions[lexer->pos],
				"byte 0x%02x can only stand between apostrophes", at);
			return ERR_MALFORMED;
		}
		lexer->pos++;
	}
	out->kind = TOKEN_WORD;
	out->end = lexer->pos;
	return ERR_OK;
}
