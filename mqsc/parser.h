/*
 * parser.h - a command as verb, noun, name and parameters; no meaning yet.
 * Owns:    the texts of one parsed command.
 * Never:   knows which verbs, nouns or keywords exist.
 * Threads: one at a time.
 */
#ifndef LOCKGATE_MQSC_PARSER_H
#define LOCKGATE_MQSC_PARSER_H

#include "mqsc/lexer.h"

struct mqsc_value {
	char *text; /* folded to upper case unless it was quoted, '' undone */
	bool quoted;
	struct mqsc_position at;
};

struct mqsc_param {
	char *key; /* upper case */
	struct mqsc_position at;
	bool has_values; /* KEY(…) rather than KEY */
	struct mqsc_value *values;
	size_t value_count;
};

/* params[0] is the verb (no values), params[1] the noun with its name, the rest the parameters. */
struct mqsc_command {
	struct mqsc_param *params;
	size_t param_count;
	struct mqsc_position end;
};

/* *out is to be released on ERR_OK; an empty command gives param_count 0. Errors: ERR_MALFORMED, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err mqsc_parse(
	const struct mqsc_text *text, struct mqsc_command *out, struct mqsc_error *error);
void mqsc_command_release(struct mqsc_command *command);

#endif
