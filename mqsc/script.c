/*
 * script.c - runs a script: reads a command, finds its row, checks its keywords, runs it, waits if it must.
 * Owns:    the script's state and the handle of a waiting command.
 * Never:   does half a command: what is refused changes nothing.
 * Threads: the control loop.
 */
#include "mqsc/script.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

void script_say(struct mqsc_script *script, const char *format, ...)
{
	va_list args;
	char *line = NULL;

	va_start(args, format);
	int n = vasprintf(&line, format, args);

	va_end(args);
	if (n < 0) {
		script->out_err = ERR_NOMEM;
		return;
	}
	enum err err = buf_append(script->out, bytes_of(line, (size_t)n));

	if (err != ERR_OK) {
		script->out_err = err;
	}
	free(line);
}

enum command_result script_syntax(
	struct mqsc_script *script, struct mqsc_position at, const char *format, ...)
{
	va_list args;

	script->error.err = ERR_MALFORMED;
	script->error.at = at;
	va_start(args, format);
	(void)vsnprintf(script->error.sentence, sizeof(script->error.sentence), format, args);
	va_end(args);
	return COMMAND_SYNTAX;
}

struct mqsc_param *command_param(struct mqsc_command *command, const char *key)
{
	for (size_t i = 2; i < command->param_count; i++) {
		if (strcmp(command->params[i].key, key) == 0) {
			return &command->params[i];
		}
	}
	return NULL;
}

const char *command_value(struct mqsc_command *command, const char *key)
{
	struct mqsc_param *param = command_param(command, key);

	return param != NULL && param->value_count > 0 ? param->values[0].text : NULL;
}

const char *command_name(const struct mqsc_command *command)
{
	const struct mqsc_param *noun = &command->params[1];

	return noun->value_count > 0 ? noun->values[0].text : "";
}

/* --- finding and checking --- */

static bool word_is(const char *word, const char *full, const char *brief)
{
	return strcmp(word, full) == 0 || (brief != NULL && strcmp(word, brief) == 0);
}

static bool keyword_allowed(const struct command_row *row, const char *key)
{
	for (size_t i = 0; row->keywords != NULL && row->keywords[i] != NULL; i++) {
		if (strcmp(row->keywords[i], key) == 0) {
			return true;
		}
	}
	return row->takes_attributes && attribute_index(row->class, key) >= 0;
}

/* Levenshtein distance, for words of up to 31 bytes. */
static size_t word_distance(const char *a, const char *b)
{
	size_t row[32];
	size_t b_len = strlen(b);

	if (strlen(a) > 31 || b_len > 31) {
		return 99;
	}
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

static void consider(const char *word, const char *candidate, const char **best, size_t *distance)
{
	size_t d = word_distance(word, candidate);

	if (d < *distance) {
		*distance = d;
		*best = candidate;
	}
}

static enum command_result unknown_keyword(
	struct mqsc_script *script, const struct command_row *row, const struct mqsc_param *param)
{
	const char *best = NULL;
	size_t distance = 4;
	size_t count;
	const struct attribute *attributes = object_attributes(row->class, &count);

	for (size_t i = 0; row->takes_attributes && i < count; i++) {
		consider(param->key, attributes[i].key, &best, &distance);
	}
	for (size_t i = 0; row->keywords != NULL && row->keywords[i] != NULL; i++) {
		consider(param->key, row->keywords[i], &best, &distance);
	}
	if (best != NULL) {
		return script_syntax(script, param->at, "'%.40s' is no keyword of %s %s; did you mean %s?",
			param->key, row->verb, row->noun, best);
	}
	return script_syntax(
		script, param->at, "'%.40s' is no keyword of %s %s", param->key, row->verb, row->noun);
}

static enum command_result check_keywords(struct mqsc_script *script, const struct command_row *row)
{
	struct mqsc_command *command = &script->command;
	struct mqsc_param *noun = &command->params[1];

	if (row->name == NAME_NEEDED && !noun->has_values) {
		return script_syntax(script, noun->at, "%s needs a name: %s(NAME)", row->noun, row->noun);
	}
	if (row->name == NAME_NONE && noun->has_values) {
		return script_syntax(script, noun->values[0].at, "%s %s takes no name", row->verb, row->noun);
	}
	if (noun->value_count > 1) {
		return script_syntax(script, noun->values[1].at, "one name is enough; expected ')'");
	}
	if (noun->has_values && noun->values[0].text[0] == '\0') {
		return script_syntax(script, noun->values[0].at, "the name is empty");
	}
	for (size_t i = 2; i < command->param_count; i++) {
		if (!keyword_allowed(row, command->params[i].key)) {
			return unknown_keyword(script, row, &command->params[i]);
		}
		for (size_t j = 2; j < i; j++) {
			if (strcmp(command->params[i].key, command->params[j].key) == 0) {
				return script_syntax(script, command->params[i].at,
					"%s was given before; a parameter may not be repeated",
					command->params[i].key);
			}
		}
	}
	return COMMAND_DONE;
}

static enum command_result find_row(struct mqsc_script *script, const struct command_row **out)
{
	struct mqsc_command *command = &script->command;
	struct mqsc_param *verb = &command->params[0];
	size_t count;
	const struct command_row *rows = command_rows(&count);
	const char *best = NULL;
	size_t distance = 4;
	bool verb_known = false;

	for (size_t i = 0; i < count; i++) {
		verb_known = verb_known || word_is(verb->key, rows[i].verb, rows[i].verb_short);
		consider(verb->key, rows[i].verb, &best, &distance);
	}
	if (!verb_known) {
		return script_syntax(script, verb->at,
			best != NULL ? "'%.40s' is no verb; did you mean %s?"
				     : "'%.40s' is no verb%s; expected ALTER, DEFINE, DELETE, DISPLAY, END, "
				       "PURGE, REFRESH, SET, START or STOP",
			verb->key, best != NULL ? best : "");
	}
	if (verb->has_values || command->param_count < 2) {
		return script_syntax(script, verb->has_values ? verb->values[0].at : command->end,
			"expected an object behind %s", verb->key);
	}
	struct mqsc_param *noun = &command->params[1];

	best = NULL;
	distance = 4;
	for (size_t i = 0; i < count; i++) {
		if (!word_is(verb->key, rows[i].verb, rows[i].verb_short)) {
			continue;
		}
		if (word_is(noun->key, rows[i].noun, rows[i].noun_short)) {
			*out = &rows[i];
			return check_keywords(script, &rows[i]);
		}
		consider(noun->key, rows[i].noun, &best, &distance);
	}
	return script_syntax(script, noun->at,
		best != NULL ? "%s knows no '%.40s'; did you mean %s?" : "%s knows no '%.40s'%s", verb->key,
		noun->key, best != NULL ? best : "");
}

/* --- changing the catalog --- */

enum command_result script_commit(struct mqsc_script *script, const struct object *before,
	struct object *after, const char *done_message)
{
	const struct object *either = after != NULL ? after : before;
	enum object_class class = either->class;
	struct buf why = BUF_INIT(1024);
	struct object *old = NULL;
	enum err err = ERR_OK;

	if (script->options.verify_only) {
		object_free(after);
		return COMMAND_DONE;
	}
	if (script->host->allow != NULL) {
		err = script->host->allow(script->host->ctx, class, before, after, &why);
	}
	if (err == ERR_OK && after != NULL) {
		after->altered_ms = clock_wall_ms(&script->options.clock);
		err = catalog_put(script->catalog, after, &old);
		if (err == ERR_OK) {
			script->host->changed(script->host->ctx, class, old, after);
			after = NULL; /* moved */
		}
	} else if (err == ERR_OK) {
		old = catalog_take(script->catalog, class, before->key);
		script->host->changed(script->host->ctx, class, old, NULL);
	}
	if (err == ERR_OK) {
		script_say(script, "%s\n", done_message);
	} else if (why.len > 0) {
		script_say(script, "%.*s\n", (int)why.len, (const char *)why.data);
	} else {
		script_say(script, "AMQ8101E: The command could not be processed: %s.\n", err_name(err));
	}
	buf_release(&why);
	object_free(old);
	object_free(after);
	return err == ERR_OK ? COMMAND_DONE : COMMAND_FAILED;
}

/* --- commands that the running broker answers --- */

struct mqsc_pending {
	struct mqsc_script *script; /* NULL: the asker is gone */
	enum mqsc_runtime what;
	struct display display;
	struct mqsc_row row;
	bool row_open;
	unsigned rows;
};

static const char *const headlines[] = {
	[MQSC_START_CHANNEL] = "",
	[MQSC_STOP_CHANNEL] = "",
	[MQSC_PURGE_CHANNEL] = "",
	[MQSC_CHSTATUS] = "AMQ8417I: Display Channel Status details.",
	[MQSC_REFRESH_SSL] = "",
	[MQSC_RUNCHECK] = "AMQ8878I: Display channel authentication record details.",
};

static const char *const usual_messages[] = {
	[MQSC_START_CHANNEL] = "AMQ8018I: Start Lockgate channel accepted.",
	[MQSC_STOP_CHANNEL] = "AMQ8019I: Stop Lockgate channel accepted.",
	[MQSC_PURGE_CHANNEL] = "AMQ8017I: Purge channel accepted.",
	[MQSC_CHSTATUS] = NULL,
	[MQSC_REFRESH_SSL] = "AMQ8560I: Lockgate security cache refreshed.",
	[MQSC_RUNCHECK] = NULL,
};

static void pending_close_row(struct mqsc_pending *pending)
{
	if (!pending->row_open) {
		return;
	}
	if (pending->script != NULL && row_selected(&pending->row, &pending->display)) {
		row_print(pending->script, &pending->row, &pending->display, headlines[pending->what]);
		pending->rows++;
	}
	row_release(&pending->row);
	pending->row_open = false;
}

struct mqsc_row *mqsc_pending_row(struct mqsc_pending *pending, const char *name_key, const char *name)
{
	pending_close_row(pending);
	pending->row_open = true;
	row_identity(&pending->row, name_key, name);
	return &pending->row;
}

static void row_text_if(struct mqsc_row *row, const char *key, const char *value)
{
	if (value != NULL) {
		mqsc_row_text(row, key, value);
	}
}

void mqsc_pending_record(struct mqsc_pending *pending, const struct chlauth_record *record)
{
	struct mqsc_row *row = mqsc_pending_row(pending, "CHLAUTH", record->profile);
	struct buf list = BUF_INIT(AUTH_LIST_ITEMS_MAX * (AUTH_USER_BYTES_MAX + 1));
	const char *text = NULL;
	bool maps = record->type != CHLAUTH_BLOCKUSER && record->type != CHLAUTH_BLOCKADDR;

	mqsc_row_text(row, "TYPE", chlauth_type_name(record->type));
	row_text_if(row, "SSLPEER", record->ssl_peer);
	row_text_if(row, "SSLCERTI", record->ssl_issuer);
	row_text_if(row, "SSLFPRT", record->fingerprint);
	row_text_if(row, "CLNTUSER", record->client_user);
	row_text_if(row, "ADDRESS", record->address);
	for (size_t i = 0; i < record->list_count; i++) {
		if (buf_append_text(&list, i == 0 ? "" : ",") != ERR_OK ||
			buf_append_text(&list, record->list[i]) != ERR_OK) {
			break;
		}
	}
	if (record->list_count > 0 && buf_text(&list, &text) == ERR_OK) {
		mqsc_row_text(row, record->type == CHLAUTH_BLOCKADDR ? "ADDRLIST" : "USERLIST", text);
	}
	if (maps) {
		mqsc_row_text(row, "USERSRC", chlauth_usersrc_name(record->usersrc));
		row_text_if(row, "MCAUSER", record->mca_user);
	}
	mqsc_row_text(row, "WARN", record->warn ? "YES" : "NO");
	row_text_if(row, "DESCR", record->description);
	buf_release(&list);
}

static void script_step(struct mqsc_script *script);

void mqsc_pending_done(struct mqsc_pending *pending, enum err err, const char *message)
{
	struct mqsc_script *script = pending->script;

	pending_close_row(pending);
	if (script != NULL) {
		const char *usual = err == ERR_OK ? usual_messages[pending->what] : NULL;
		const char *text = message != NULL ? message : usual;

		if (err != ERR_OK && text == NULL) {
			script_say(
				script, "AMQ8101E: The command could not be processed: %s.\n", err_name(err));
		} else if (text != NULL) {
			script_say(script, "%s\n", text);
		} else if (pending->rows == 0) {
			/* As runmqsc counts it: no status found is a command that could not be processed. */
			script_say(script, "AMQ8420I: Channel Status not found.\n");
			err = ERR_NOT_FOUND;
		}
		if (err != ERR_OK) {
			script->summary.failed++;
		}
		script->pending = NULL;
	}
	free(pending);
	if (script != NULL && !script->stepping) {
		script_step(script);
	}
}

enum command_result script_runtime(
	struct mqsc_script *script, const struct mqsc_request *request, const struct display *display)
{
	if (script->options.verify_only) {
		return COMMAND_DONE;
	}
	struct mqsc_pending *pending = calloc(1, sizeof(*pending));

	if (pending == NULL) {
		script_say(
			script, "AMQ8101E: The command could not be processed: %s.\n", err_name(ERR_NOMEM));
		return COMMAND_FAILED;
	}
	pending->script = script;
	pending->what = request->what;
	if (display != NULL) {
		pending->display = *display; /* keys stay valid: the command lives until the answer is in */
	}
	row_init(&pending->row);
	script->pending = pending;
	script->host->runtime(script->host->ctx, request, pending);
	return COMMAND_WAITS;
}

/* --- the run --- */

/* The report's echo, as runmqsc writes it: numbered command lines, others with a bare colon. */
static void echo_lines(struct mqsc_script *script, size_t first, size_t last)
{
	bool numbered = false;
	size_t at = first;

	while (script->options.echo && at < last) {
		size_t n = 0;

		while (at + n < last && script->script[at + n] != '\n') {
			n++;
		}
		struct buf line = BUF_INIT(MQSC_LINE_BYTES_MAX * 8);
		bool comment = n > 0 && script->script[at] == '*';

		if (utf8_escape(&line, bytes_of(script->script + at,
					       n < MQSC_LINE_BYTES_MAX ? n : MQSC_LINE_BYTES_MAX)) ==
			ERR_OK) {
			if (!numbered && !comment && n > 0) {
				script_say(script, "%6u : %.*s\n", script->summary.read + 1, (int)line.len,
					(const char *)line.data);
				numbered = true;
			} else {
				script_say(script, "       : %.*s\n", (int)line.len, (const char *)line.data);
			}
		}
		buf_release(&line);
		at += n + 1;
	}
}

static void say_syntax_error(struct mqsc_script *script)
{
	const struct mqsc_error *error = &script->error;
	size_t until = 0;

	while (until < script->text.len) {
		const struct mqsc_position *at = &script->text.positions[until];

		if (at->line > error->at.line ||
			(at->line == error->at.line && at->column > error->at.column)) {
			break;
		}
		until++;
	}
	while (until < script->text.len && script->text.chars[until] != ' ' &&
		script->text.chars[until] != '(') {
		until++; /* the whole offending word */
	}
	size_t from = until > 80 ? until - 80 : 0;
	struct buf segment = BUF_INIT(1024);

	script_say(script, "AMQ8405I: Syntax error detected at or near end of command segment below:-\n");
	if (utf8_escape(&segment, bytes_of(script->text.chars + from, until - from)) == ERR_OK) {
		script_say(script, "%.*s\n", (int)segment.len, (const char *)segment.data);
	}
	buf_release(&segment);
	if (utf8_escape(&segment, bytes_text(error->sentence)) == ERR_OK) {
		script_say(script, "%s:%u:%u: %.*s\n", script->source, error->at.line, error->at.column,
			(int)segment.len, (const char *)segment.data);
	}
	buf_release(&segment);
	script->summary.syntax_errors++;
}

static bool is_end(const struct mqsc_command *command)
{
	const char *verb = command->params[0].key;

	return strcmp(verb, "END") == 0 || strcmp(verb, "EXIT") == 0 || strcmp(verb, "QUIT") == 0;
}

/* One command. False: the script is over. */
static bool run_command(struct mqsc_script *script)
{
	const struct command_row *row = NULL;
	size_t first = 0;
	size_t last = 0;
	enum err err = mqsc_lines_next(&script->lines, &script->text, &first, &last, &script->error);

	if (err == ERR_NOT_FOUND) {
		return false;
	}
	echo_lines(script, first, last);
	mqsc_command_release(&script->command);
	if (err == ERR_OK) {
		err = mqsc_parse(&script->text, &script->command, &script->error);
	}
	if (err == ERR_OK && script->command.param_count == 0) {
		return true; /* a lone ';' */
	}
	if (err == ERR_OK && is_end(&script->command)) {
		return false;
	}
	script->summary.read++;
	enum command_result result = err == ERR_OK ? find_row(script, &row) : COMMAND_SYNTAX;

	if (result == COMMAND_DONE) {
		result = row->run(script, &script->command, row->class);
	}
	if (result == COMMAND_SYNTAX) {
		say_syntax_error(script);
	} else if (result == COMMAND_FAILED) {
		script->summary.failed++;
	}
	return true;
}

static void script_step(struct mqsc_script *script)
{
	bool more = true;

	script->stepping = true;
	while (more && script->pending == NULL) {
		bool failed = script->summary.failed + script->summary.syntax_errors > 0;

		more = !(failed && script->options.stop_at_error) && run_command(script);
	}
	script->stepping = false;
	if (script->pending == NULL && !script->over) {
		script->over = true;
		script->done(script, script->ctx);
	}
}

enum err mqsc_script_start(struct catalog *catalog, const struct mqsc_host *host,
	const struct mqsc_options *options, struct bytes text, struct buf *out, mqsc_done_fn done, void *ctx,
	struct mqsc_script **out_script)
{
	struct mqsc_script *script = calloc(1, sizeof(*script));

	if (script == NULL) {
		return ERR_NOMEM;
	}
	script->catalog = catalog;
	script->host = host;
	script->options = *options;
	script->out = out;
	script->done = done;
	script->ctx = ctx;
	script->source = strdup(options->source == NULL ? "-" : options->source);
	if (script->source == NULL || bytes_dup(text, &script->script) != ERR_OK) {
		free(script->source);
		free(script);
		return ERR_NOMEM;
	}
	script->lines.script = bytes_of(script->script, text.len);
	*out_script = script;
	script_step(script);
	return ERR_OK;
}

void mqsc_script_summary(const struct mqsc_script *script, struct mqsc_summary *out)
{
	*out = script->summary;
}

void mqsc_script_free(struct mqsc_script *script)
{
	if (script == NULL) {
		return;
	}
	assert(!script->stepping);
	if (script->pending != NULL) {
		script->pending->script = NULL;
	}
	mqsc_command_release(&script->command);
	mqsc_text_release(&script->text);
	free(script->script);
	free(script->source);
	free(script);
}
