/*
 * parser.c - VERB NOUN[(name)] KEY[(value[,value…])] …
 * Owns:    the texts of one parsed command.
 * Never:   knows which verbs, nouns or keywords exist.
 * Threads: one at a time.
 */
#include "mqsc/parser.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "mqsc/mqsc.h"

void mqsc_command_release(struct mqsc_command *command)
{
	for (size_t i = 0; i < command->param_count; i++) {
		struct mqsc_param *param = &command->params[i];

		for (size_t j = 0; j < param->value_count; j++) {
			free(param->values[j].text);
		}
		free(param->values);
		free(param->key);
	}
	free(command->params);
	*command = (struct mqsc_command){0};
}

static char fold(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* Unquoted characters of mq-semantics 2.1: A-Z 0-9 . / _ % and, for generics and ranges, * ? : - */
static bool is_word_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("./_%*?:-", c) != NULL);
}

static enum err word_copy(
	const struct mqsc_text *text, const struct mqsc_token *token, char **out, struct mqsc_error *error)
{
	size_t len = token->end - token->start;
	char *copy = malloc(len + 1);

	if (copy == NULL) {
		mqsc_error_set(error, ERR_NOMEM, token->at, "out of memory");
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < len; i++) {
		char c = text->chars[token->start + i];

		if (!is_word_char(c)) {
			mqsc_error_set(error, ERR_MALFORMED, text->positions[token->start + i],
				"'%c' can only stand between apostrophes: put the whole value into '…'", c);
			free(copy);
			return ERR_MALFORMED;
		}
		copy[i] = fold(c);
	}
	copy[len] = '\0';
	*out = copy;
	return ERR_OK;
}

static enum err string_copy(
	const struct mqsc_text *text, const struct mqsc_token *token, char **out, struct mqsc_error *error)
{
	char *copy = malloc(token->end - token->start + 1);
	size_t n = 0;

	if (copy == NULL) {
		mqsc_error_set(error, ERR_NOMEM, token->at, "out of memory");
		return ERR_NOMEM;
	}
	for (size_t i = token->start; i < token->end; i++) {
		uint8_t c = (uint8_t)text->chars[i];

		if (c < 0x20 || c == 0x7f) {
			mqsc_error_set(error, ERR_MALFORMED, text->positions[i],
				"a value cannot hold the control character 0x%02x", c);
			free(copy);
			return ERR_MALFORMED;
		}
		copy[n++] = (char)c;
		if (c == '\'') {
			i++; /* the second of two */
		}
	}
	copy[n] = '\0';
	if (!utf8_valid(bytes_of(copy, n))) {
		mqsc_error_set(error, ERR_MALFORMED, token->at, "the value is not UTF-8");
		free(copy);
		return ERR_MALFORMED;
	}
	*out = copy;
	return ERR_OK;
}

static enum err param_add_value(struct mqsc_param *param, const struct mqsc_text *text,
	const struct mqsc_token *token, struct mqsc_error *error)
{
	struct mqsc_value value = {NULL, token->kind == TOKEN_STRING, token->at};
	enum err err;

	if (param->value_count == MQSC_VALUES_MAX) {
		mqsc_error_set(error, ERR_LIMIT, token->at, "%s has more than %u values", param->key,
			MQSC_VALUES_MAX);
		return ERR_LIMIT;
	}
	struct mqsc_value *grown = realloc(param->values, (param->value_count + 1) * sizeof(*grown));

	if (grown == NULL) {
		mqsc_error_set(error, ERR_NOMEM, token->at, "out of memory");
		return ERR_NOMEM;
	}
	param->values = grown;
	err = value.quoted ? string_copy(text, token, &value.text, error)
			   : word_copy(text, token, &value.text, error);
	if (err == ERR_OK) {
		param->values[param->value_count++] = value;
	}
	return err;
}

/* The values behind an opening parenthesis, up to and with the closing one. */
static enum err parse_values(struct mqsc_lexer *lexer, struct mqsc_param *param, struct mqsc_error *error)
{
	for (;;) {
		struct mqsc_token token;
		enum err err = mqsc_lexer_next(lexer, &token, error);

		if (err != ERR_OK) {
			return err;
		}
		switch (token.kind) {
		case TOKEN_CLOSE:
			if (param->value_count == 0) {
				mqsc_error_set(error, ERR_MALFORMED, token.at,
					"%s() needs a value; %s(' ') means blank", param->key, param->key);
				return ERR_MALFORMED;
			}
			return ERR_OK;
		case TOKEN_WORD:
		case TOKEN_STRING:
			if (param->value_count > 0 && !token.parted) {
				mqsc_error_set(error, ERR_MALFORMED, token.at,
					"expected a blank, a comma or ')'; an apostrophe inside a value is "
					"doubled");
				return ERR_MALFORMED;
			}
			err = param_add_value(param, lexer->text, &token, error);
			if (err != ERR_OK) {
				return err;
			}
			break;
		case TOKEN_OPEN:
			mqsc_error_set(error, ERR_MALFORMED, token.at,
				"a value with parentheses stands between apostrophes; expected a value or "
				"')'");
			return ERR_MALFORMED;
		case TOKEN_END:
			mqsc_error_set(error, ERR_MALFORMED, token.at, "%s( is not closed; expected ')'",
				param->key);
			return ERR_MALFORMED;
		}
	}
}

static enum err command_add_param(struct mqsc_command *command, const struct mqsc_text *text,
	const struct mqsc_token *token, struct mqsc_error *error)
{
	struct mqsc_param param = {.at = token->at};
	enum err err;

	if (command->param_count == MQSC_PARAMS_MAX) {
		mqsc_error_set(error, ERR_LIMIT, token->at, "the command has more than %u parameters",
			MQSC_PARAMS_MAX);
		return ERR_LIMIT;
	}
	struct mqsc_param *grown = realloc(command->params, (command->param_count + 1) * sizeof(*grown));

	if (grown == NULL) {
		mqsc_error_set(error, ERR_NOMEM, token->at, "out of memory");
		return ERR_NOMEM;
	}
	command->params = grown;
	err = word_copy(text, token, &param.key, error);
	if (err == ERR_OK) {
		command->params[command->param_count++] = param;
	}
	return err;
}

enum err mqsc_parse(const struct mqsc_text *text, struct mqsc_command *out, struct mqsc_error *error)
{
	struct mqsc_lexer lexer = {text, 0};
	struct mqsc_token token;
	enum err err;

	*out = (struct mqsc_command){.end = text->end};
	for (;;) {
		err = mqsc_lexer_next(&lexer, &token, error);
		if (err != ERR_OK || token.kind == TOKEN_END) {
			break;
		}
		struct mqsc_param *last = out->param_count == 0 ? NULL : &out->params[out->param_count - 1];

		if (token.kind == TOKEN_WORD && last != NULL && !token.parted) {
			mqsc_error_set(
				error, ERR_MALFORMED, token.at, "expected a blank before this keyword");
			err = ERR_MALFORMED;
		} else if (token.kind == TOKEN_WORD) {
			err = command_add_param(out, text, &token, error);
		} else if (token.kind == TOKEN_OPEN && last != NULL && !last->has_values) {
			last->has_values = true;
			err = parse_values(&lexer, last, error);
		} else {
			mqsc_error_set(error, ERR_MALFORMED, token.at, "expected a keyword%s",
				last != NULL ? " or the end of the command" : "");
			err = ERR_MALFORMED;
		}
		if (err != ERR_OK) {
			break;
		}
	}
	if (err != ERR_OK) {
		mqsc_command_release(out);
	}
	return err;
}
