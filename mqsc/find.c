/*
 * find.c - from a parsed command to its row: verb, noun, name and keywords are known, stand once and in their form.
 * Owns:    nothing.
 * Never:   looks at what a value means.
 * Threads: the control loop.
 */
#include <string.h>

#include "mqsc/script.h"

#define SUGGESTION_BYTES_MAX 31u

static bool word_is(const char *word, const char *full, const char *brief)
{
	return strcmp(word, full) == 0 || (brief != NULL && strcmp(word, brief) == 0);
}

static bool is_suggestible(const char *word)
{
	return strlen(word) <= SUGGESTION_BYTES_MAX;
}

/* Levenshtein distance of suggestible words. */
static size_t word_distance(const char *a, const char *b)
{
	size_t row[SUGGESTION_BYTES_MAX + 1];
	size_t b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++) {
		row[j] = j;
	}
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t above = row[j];
			size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);

			best = above + 1 < best ? above + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[b_len];
}

/* The nearest of the words seen, if it is near enough to be meant: at most half of the letters differ. */
struct suggestion {
	const char *word;
	const char *best;
	size_t distance;
};

static struct suggestion suggestion_for(const char *word)
{
	return (struct suggestion){word, NULL, is_suggestible(word) ? strlen(word) / 2 + 1 : 0};
}

static void consider(struct suggestion *suggestion, const char *candidate)
{
	if (!is_suggestible(suggestion->word) || !is_suggestible(candidate)) {
		return;
	}
	size_t distance = word_distance(suggestion->word, candidate);

	if (distance < suggestion->distance && distance < 4) {
		suggestion->distance = distance;
		suggestion->best = candidate;
	}
}

bool command_keyword(
	const struct command_row *row, const char *key, enum keyword_form *form, enum attribute_kind *kind)
{
	size_t count;
	const struct attribute *attributes = object_attributes(row->class, &count);

	for (const struct command_keyword *at = row->keywords; at != NULL && at->key != NULL; at++) {
		if (strcmp(at->key, key) == 0) {
			*form = at->form;
			*kind = at->kind;
			return true;
		}
	}
	for (size_t i = 0; row->attributes != ATTRIBUTES_NOT_TAKEN && i < count; i++) {
		if (strcmp(attributes[i].key, key) == 0) {
			/* How many values an attribute takes is checked where it is set. */
			*form = row->attributes == ATTRIBUTES_SHOWN ? KEYWORD_SHOWN : KEYWORD_VALUES;
			*kind = attributes[i].kind;
			return true;
		}
	}
	return false;
}

/* Keywords that only MQ's objects of types not served here have: the type is what is wrong. */
static bool is_for_ldap(const char *key)
{
	return strcmp(key, "CONNAME") == 0 || strcmp(key, "LDAPUSER") == 0 || strcmp(key, "LDAPPWD") == 0;
}

static enum command_result unknown_keyword(struct mqsc_script *script, const struct mqsc_param *param)
{
	const struct command_row *row = script->row;

	if (row->class == OBJECT_AUTHINFO && is_for_ldap(param->key)) {
		return script_syntax(script, param->at,
			"'%.40s' is for AUTHTYPE(CRLLDAP), and lists are not fetched over LDAP; serve them "
			"over "
			"HTTP with AUTHTYPE(CRLURL), or as files with CRLFILE",
			param->key);
	}
	struct suggestion suggestion = suggestion_for(param->key);
	size_t count;
	const struct attribute *attributes = object_attributes(row->class, &count);

	for (size_t i = 0; row->attributes != ATTRIBUTES_NOT_TAKEN && i < count; i++) {
		consider(&suggestion, attributes[i].key);
	}
	for (const struct command_keyword *at = row->keywords; at != NULL && at->key != NULL; at++) {
		consider(&suggestion, at->key);
	}
	if (suggestion.best != NULL) {
		return script_syntax(script, param->at, "'%.40s' is no keyword of %s %s; did you mean %s?",
			param->key, row->verb, row->noun, suggestion.best);
	}
	return script_syntax(
		script, param->at, "'%.40s' is no keyword of %s %s", param->key, row->verb, row->noun);
}

static enum command_result check_form(
	struct mqsc_script *script, const struct mqsc_param *param, enum keyword_form form)
{
	switch (form) {
	case KEYWORD_FLAG:
		if (param->has_values) {
			return script_syntax(script, param->values[0].at, "%s takes no value", param->key);
		}
		return COMMAND_DONE;
	case KEYWORD_SHOWN:
		if (param->has_values) {
			return script_syntax(script, param->values[0].at,
				"%s only asks to be shown; WHERE(%s EQ value) selects by it", param->key,
				param->key);
		}
		return COMMAND_DONE;
	case KEYWORD_EITHER:
		if (!param->has_values) {
			return COMMAND_DONE;
		}
		break;
	case KEYWORD_WHERE: return COMMAND_DONE; /* display_read() says more */
	case KEYWORD_VALUE:
	case KEYWORD_VALUES: break;
	}
	if (!param->has_values) {
		return script_syntax(script, param->at, "%s needs a value in parentheses", param->key);
	}
	if (form != KEYWORD_VALUES && param->value_count > 1) {
		return script_syntax(
			script, param->values[1].at, "%s takes one value; expected ')'", param->key);
	}
	return COMMAND_DONE;
}

static enum command_result check_name(struct mqsc_script *script)
{
	const struct command_row *row = script->row;
	const struct mqsc_param *noun = &script->command.params[1];

	if (!noun->has_values) {
		return row->name != NAME_NEEDED ? COMMAND_DONE
						: script_syntax(script, noun->at, "%s needs a name: %s(NAME)",
							  row->noun, row->noun);
	}
	if (row->name == NAME_NONE) {
		return script_syntax(script, noun->values[0].at, "%s %s takes no name", row->verb, row->noun);
	}
	if (noun->value_count > 1) {
		return script_syntax(script, noun->values[1].at, "one name is enough; expected ')'");
	}
	if (noun->values[0].text[strspn(noun->values[0].text, " ")] == '\0') {
		return script_syntax(script, noun->values[0].at, "the name is empty");
	}
	if (row->name == NAME_OPTIONAL && strcmp(noun->values[0].text, "*") != 0) {
		return script_syntax(script, noun->values[0].at, "expected %s %s(*)", row->verb, row->noun);
	}
	return COMMAND_DONE;
}

static enum command_result check_keywords(struct mqsc_script *script)
{
	struct mqsc_command *command = &script->command;
	enum command_result result = check_name(script);

	for (size_t i = 2; result == COMMAND_DONE && i < command->param_count; i++) {
		const struct mqsc_param *param = &command->params[i];
		enum keyword_form form = KEYWORD_FLAG;
		enum attribute_kind kind = ATTRIBUTE_TEXT;

		if (!command_keyword(script->row, param->key, &form, &kind)) {
			return unknown_keyword(script, param);
		}
		for (size_t j = 2; j < i; j++) {
			if (strcmp(param->key, command->params[j].key) == 0) {
				return script_syntax(script, param->at,
					"%s was given before; a parameter may not be repeated", param->key);
			}
		}
		result = check_form(script, param, form);
	}
	return result;
}

static enum command_result unknown_verb(struct mqsc_script *script, const struct mqsc_param *verb)
{
	struct suggestion suggestion = suggestion_for(verb->key);
	size_t count;
	const struct command_row *rows = command_rows(&count);

	for (size_t i = 0; i < count; i++) {
		consider(&suggestion, rows[i].verb);
	}
	consider(&suggestion, "END");
	if (suggestion.best != NULL) {
		return script_syntax(
			script, verb->at, "'%.40s' is no verb; did you mean %s?", verb->key, suggestion.best);
	}
	return script_syntax(script, verb->at,
		"'%.40s' is no verb; expected ALTER, DEFINE, DELETE, DISPLAY, END, PURGE, REFRESH, SET, "
		"START or STOP",
		verb->key);
}

enum command_result command_find(struct mqsc_script *script)
{
	struct mqsc_command *command = &script->command;
	struct mqsc_param *verb = &command->params[0];
	size_t count;
	const struct command_row *rows = command_rows(&count);
	bool verb_known = false;

	for (size_t i = 0; i < count; i++) {
		verb_known = verb_known || word_is(verb->key, rows[i].verb, rows[i].verb_short);
	}
	if (!verb_known) {
		return unknown_verb(script, verb);
	}
	if (verb->has_values || command->param_count < 2) {
		return script_syntax(script, verb->has_values ? verb->values[0].at : command->end,
			"expected an object behind %s", verb->key);
	}
	struct mqsc_param *noun = &command->params[1];
	struct suggestion suggestion = suggestion_for(noun->key);

	for (size_t i = 0; i < count; i++) {
		if (!word_is(verb->key, rows[i].verb, rows[i].verb_short)) {
			continue;
		}
		if (word_is(noun->key, rows[i].noun, rows[i].noun_short)) {
			script->row = &rows[i];
			return check_keywords(script);
		}
		consider(&suggestion, rows[i].noun);
	}
	if (suggestion.best != NULL) {
		return script_syntax(script, noun->at, "%s knows no '%.40s'; did you mean %s?", verb->key,
			noun->key, suggestion.best);
	}
	return script_syntax(script, noun->at, "%s knows no '%.40s'", verb->key, noun->key);
}
