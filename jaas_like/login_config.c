/*
 * login_config.c - reads a login configuration: the grammar of the JDK's ConfigFile, strictly.
 * Owns:    the words of what it has read.
 * Never:   knows which modules exist (login_setup.c does), reads a file, expands anything.
 * Threads: any; pure.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "jaas_like/login_internal.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_PUNCTUATION };

struct lexer {
	struct bytes text;
	size_t pos;
	unsigned line, column; /* of text[pos]; columns count characters */
	struct login_problem *problem;
	/* The token that was read last. */
	enum token_kind kind;
	unsigned token_line, token_column;
	size_t token_len;
	char token[LOGIN_WORD_BYTES_MAX + 1];
};

static bool lexer_at_end(const struct lexer *lexer)
{
	return lexer->pos >= lexer->text.len;
}

/* The byte ahead bytes further, or 0 behind the end (0 itself is refused before). */
static uint8_t lexer_peek(const struct lexer *lexer, size_t ahead)
{
	return ahead < lexer->text.len - lexer->pos ? lexer->text.data[lexer->pos + ahead] : 0;
}

static void lexer_step(struct lexer *lexer)
{
	if (lexer->text.data[lexer->pos] == '\n') {
		lexer->line++;
		lexer->column = 0;
	}
	lexer->pos++;
	/* UTF-8 continuation bytes belong to the character before. */
	if ((lexer_peek(lexer, 0) & 0xc0) != 0x80) {
		lexer->column++;
	}
}

static enum err lexer_here(const struct lexer *lexer, const char *message)
{
	return login_problem_set(lexer->problem, ERR_MALFORMED, lexer->line, lexer->column, "%s", message);
}

static bool lexer_is_word(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	       (byte != 0 && strchr(".$_-*", byte) != NULL);
}

/* White space and comments. */
static enum err lexer_skip(struct lexer *lexer)
{
	while (!lexer_at_end(lexer)) {
		uint8_t byte = lexer_peek(lexer, 0);
		if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n') {
			lexer_step(lexer);
		} else if (byte == '/' && lexer_peek(lexer, 1) == '/') {
			while (!lexer_at_end(lexer) && lexer_peek(lexer, 0) != '\n') {
				lexer_step(lexer);
			}
		} else if (byte == '/' && lexer_peek(lexer, 1) == '*') {
			unsigned line = lexer->line;
			unsigned column = lexer->column;
			lexer_step(lexer);
			lexer_step(lexer);
			while (lexer_peek(lexer, 0) != '*' || lexer_peek(lexer, 1) != '/') {
				if (lexer_at_end(lexer)) {
					return login_problem_set(lexer->problem, ERR_MALFORMED, line, column,
						"this comment has no end");
				}
				lexer_step(lexer);
			}
			lexer_step(lexer);
			lexer_step(lexer);
		} else if (byte == '/') {
			/* The JDK's trap: here it would skip the rest of the line. */
			return lexer_here(lexer, "a lone '/': values with a slash must stand in \"quotes\"");
		} else {
			return ERR_OK;
		}
	}
	return ERR_OK;
}

static enum err lexer_add(struct lexer *lexer, uint8_t byte)
{
	if (lexer->token_len >= LOGIN_WORD_BYTES_MAX) {
		return login_problem_set(lexer->problem, ERR_LIMIT, lexer->token_line, lexer->token_column,
			"longer than %d bytes", LOGIN_WORD_BYTES_MAX);
	}
	lexer->token[lexer->token_len++] = (char)byte;
	return ERR_OK;
}

/* Behind the opening quote. Only \" and \\ are escapes. */
static enum err lexer_string(struct lexer *lexer)
{
	for (;;) {
		uint8_t byte = lexer_peek(lexer, 0);
		if (lexer_at_end(lexer) || byte == '\n') {
			return login_problem_set(lexer->problem, ERR_MALFORMED, lexer->token_line,
				lexer->token_column, "this quote is not closed on its line");
		}
		if (byte < 0x20 || byte == 0x7f) {
			return lexer_here(lexer, "a control character in quotes");
		}
		if (byte == '"') {
			lexer_step(lexer);
			return ERR_OK;
		}
		if (byte == '\\') {
			lexer_step(lexer);
			byte = lexer_peek(lexer, 0);
			if (byte != '"' && byte != '\\') {
				return lexer_here(lexer, "only \\\" and \\\\ may follow a backslash");
			}
		}
		enum err err = lexer_add(lexer, byte);
		if (err != ERR_OK) {
			return err;
		}
		lexer_step(lexer);
	}
}

/* Reads the next token into lexer->kind and lexer->token. */
static enum err lexer_next(struct lexer *lexer)
{
	enum err err = lexer_skip(lexer);
	if (err != ERR_OK) {
		return err;
	}
	lexer->token_line = lexer->line;
	lexer->token_column = lexer->column;
	lexer->token_len = 0;
	if (lexer_at_end(lexer)) {
		lexer->kind = TOKEN_END;
	} else if (lexer_peek(lexer, 0) == '"') {
		lexer->kind = TOKEN_STRING;
		lexer_step(lexer);
		err = lexer_string(lexer);
	} else if (lexer_is_word(lexer_peek(lexer, 0))) {
		lexer->kind = TOKEN_WORD;
		while (err == ERR_OK && lexer_is_word(lexer_peek(lexer, 0))) {
			err = lexer_add(lexer, lexer_peek(lexer, 0));
			lexer_step(lexer);
		}
	} else if (strchr("{};=", lexer_peek(lexer, 0)) != NULL && lexer_peek(lexer, 0) != 0) {
		lexer->kind = TOKEN_PUNCTUATION;
		err = lexer_add(lexer, lexer_peek(lexer, 0));
		lexer_step(lexer);
	} else {
		err = lexer_here(lexer, "this character may stand only in \"quotes\"");
	}
	lexer->token[lexer->token_len] = '\0';
	return err;
}

/* Refuses the token that was read last. */
static enum err lexer_refuse(const struct lexer *lexer, const char *expected)
{
	if (lexer->kind == TOKEN_END) {
		return login_problem_set(lexer->problem, ERR_MALFORMED, lexer->token_line,
			lexer->token_column, "the file ends where %s was expected", expected);
	}
	struct bytes token = bytes_of(lexer->token, lexer->token_len);
	return login_problem_set(lexer->problem, ERR_MALFORMED, lexer->token_line, lexer->token_column,
		"'%.*s' stands where %s was expected", login_shown(token), lexer->token, expected);
}

static bool lexer_is(const struct lexer *lexer, char punctuation)
{
	return lexer->kind == TOKEN_PUNCTUATION && lexer->token[0] == punctuation;
}

static enum err lexer_want(struct lexer *lexer, char punctuation, const char *expected)
{
	enum err err = lexer_next(lexer);
	if (err == ERR_OK && !lexer_is(lexer, punctuation)) {
		err = lexer_refuse(lexer, expected);
	}
	return err;
}

static enum err lexer_limit(const struct lexer *lexer, const char *what, int max)
{
	return login_problem_set(lexer->problem, ERR_LIMIT, lexer->token_line, lexer->token_column,
		"more than %d %s", max, what);
}

/* A copy of the token's text. */
static enum err lexer_take(const struct lexer *lexer, char **out)
{
	enum err err = bytes_dup_text(bytes_of(lexer->token, lexer->token_len), out);
	if (err != ERR_OK) {
		return login_problem_set(
			lexer->problem, err, lexer->token_line, lexer->token_column, "out of memory");
	}
	return ERR_OK;
}

static void config_free_module(struct login_config_module *module)
{
	if (module == NULL) {
		return;
	}
	for (size_t i = 0; i < module->text_count; i++) {
		free(module->texts[i]);
	}
	free(module->name);
	free(module);
}

static void config_free_entry(struct login_config_entry *entry)
{
	if (entry == NULL) {
		return;
	}
	for (size_t i = 0; i < entry->module_count; i++) {
		config_free_module(entry->modules[i]);
	}
	free(entry->name);
	free(entry);
}

void login_config_free(struct login_config *config)
{
	if (config == NULL) {
		return;
	}
	for (size_t i = 0; i < config->entry_count; i++) {
		config_free_entry(config->entries[i]);
	}
	free(config);
}

/* As lexer_take(), owned by the module. */
static enum err config_take(const struct lexer *lexer, struct login_config_module *module, const char **out)
{
	char *text = NULL;
	enum err err = lexer_take(lexer, &text);
	if (err == ERR_OK) {
		module->texts[module->text_count++] = text;
		*out = text;
	}
	return err;
}

/* name = value; the name is the token that was read last. */
static enum err config_option(struct lexer *lexer, struct login_config_module *module)
{
	struct bytes name = bytes_of(lexer->token, lexer->token_len);
	if (lexer->kind != TOKEN_WORD) {
		return lexer_refuse(lexer, "an option, or ';'");
	}
	for (size_t i = 0; i < module->option_count; i++) {
		if (bytes_equal_text(name, module->options[i].name)) {
			return login_problem_set(lexer->problem, ERR_MALFORMED, lexer->token_line,
				lexer->token_column, "option '%.*s' is given twice", login_shown(name),
				lexer->token);
		}
	}
	if (module->option_count >= LOGIN_OPTIONS_MAX) {
		return lexer_limit(lexer, "options of one module", LOGIN_OPTIONS_MAX);
	}
	struct login_option *option = &module->options[module->option_count];
	enum err err = config_take(lexer, module, &option->name);
	if (err != ERR_OK) {
		return err;
	}
	err = lexer_want(lexer, '=', "'='");
	if (err == ERR_OK) {
		err = lexer_next(lexer);
	}
	if (err != ERR_OK) {
		return err;
	}
	if (lexer->kind != TOKEN_WORD && lexer->kind != TOKEN_STRING) {
		return lexer_refuse(lexer, "a value");
	}
	if (strstr(lexer->token, "${") != NULL) {
		return login_problem_set(lexer->problem, ERR_MALFORMED, lexer->token_line,
			lexer->token_column, "${...} is not expanded here");
	}
	option->line = lexer->token_line;
	option->column = lexer->token_column;
	module->option_count++;
	return config_take(lexer, module, &option->value);
}

static enum err config_flag(struct lexer *lexer, enum login_flag *out)
{
	enum err err = lexer_next(lexer);
	if (err != ERR_OK) {
		return err;
	}
	for (unsigned flag = LOGIN_REQUIRED; flag <= LOGIN_OPTIONAL; flag++) {
		if (lexer->kind == TOKEN_WORD &&
			strcasecmp(lexer->token, login_flag_name((enum login_flag)flag)) == 0) {
			*out = (enum login_flag)flag;
			return ERR_OK;
		}
	}
	return lexer_refuse(lexer, "required, requisite, sufficient or optional");
}

/* Module flag { option } ';' — the module's name is the token that was read last. */
static enum err config_module(struct lexer *lexer, struct login_config_entry *entry)
{
	if (lexer->kind != TOKEN_WORD) {
		return lexer_refuse(lexer, "a module, or '}'");
	}
	if (entry->module_count >= LOGIN_STACK_MODULES_MAX) {
		return lexer_limit(lexer, "modules in one entry", LOGIN_STACK_MODULES_MAX);
	}
	struct login_config_module *module = calloc(1, sizeof(*module));
	if (module == NULL) {
		return login_problem_set(
			lexer->problem, ERR_NOMEM, lexer->token_line, lexer->token_column, "out of memory");
	}
	entry->modules[entry->module_count++] = module;
	module->line = lexer->token_line;
	module->column = lexer->token_column;
	enum err err = lexer_take(lexer, &module->name);
	if (err == ERR_OK) {
		err = config_flag(lexer, &module->flag);
	}
	while (err == ERR_OK) {
		err = lexer_next(lexer);
		if (err == ERR_OK && lexer_is(lexer, ';')) {
			return ERR_OK;
		}
		if (err == ERR_OK) {
			err = config_option(lexer, module);
		}
	}
	return err;
}

/* Name '{' { module } '}' ';' — the name is the token that was read last. */
static enum err config_entry(struct lexer *lexer, struct login_config *config)
{
	struct bytes name = bytes_of(lexer->token, lexer->token_len);
	if ((lexer->kind != TOKEN_WORD && lexer->kind != TOKEN_STRING) || name.len == 0) {
		return lexer_refuse(lexer, "the name of an entry");
	}
	for (size_t i = 0; i < config->entry_count; i++) {
		if (bytes_equal_text(name, config->entries[i]->name)) {
			return login_problem_set(lexer->problem, ERR_MALFORMED, lexer->token_line,
				lexer->token_column, "entry '%.*s' stands in line %u already",
				login_shown(name), lexer->token, config->entries[i]->line);
		}
	}
	if (config->entry_count >= LOGIN_ENTRIES_MAX) {
		return lexer_limit(lexer, "entries", LOGIN_ENTRIES_MAX);
	}
	struct login_config_entry *entry = calloc(1, sizeof(*entry));
	if (entry == NULL) {
		return login_problem_set(
			lexer->problem, ERR_NOMEM, lexer->token_line, lexer->token_column, "out of memory");
	}
	config->entries[config->entry_count] = entry;
	entry->line = lexer->token_line;
	entry->column = lexer->token_column;
	enum err err = lexer_take(lexer, &entry->name);
	config->entry_count++;
	if (err == ERR_OK) {
		err = lexer_want(lexer, '{', "'{'");
	}
	while (err == ERR_OK) {
		err = lexer_next(lexer);
		if (err == ERR_OK && lexer_is(lexer, '}')) {
			return lexer_want(lexer, ';', "';' behind '}'");
		}
		if (err == ERR_OK) {
			err = config_module(lexer, entry);
		}
	}
	return err;
}

enum err login_config_parse(struct bytes text, struct login_config **out, struct login_problem *problem)
{
	struct lexer lexer = {.text = text, .line = 1, .column = 1, .problem = problem};
	if (text.len > LOGIN_CONFIG_BYTES_MAX) {
		return login_problem_set(
			problem, ERR_LIMIT, 0, 0, "longer than %d bytes", LOGIN_CONFIG_BYTES_MAX);
	}
	if (!utf8_valid_mqtt(text)) {
		return login_problem_set(problem, ERR_MALFORMED, 0, 0, "not UTF-8 text");
	}
	struct login_config *config = calloc(1, sizeof(*config));
	if (config == NULL) {
		return login_problem_set(problem, ERR_NOMEM, 0, 0, "out of memory");
	}
	enum err err = lexer_next(&lexer);
	while (err == ERR_OK && lexer.kind != TOKEN_END) {
		err = config_entry(&lexer, config);
		if (err == ERR_OK) {
			err = lexer_next(&lexer);
		}
	}
	if (err != ERR_OK) {
		login_config_free(config);
		return err;
	}
	*out = config;
	return ERR_OK;
}
