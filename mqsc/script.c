/*
 * script.c - runs a script: reads a command, finds its row, runs it, waits if it must, and writes the report.
 * Owns:    the script's state.
 * Never:   does half a command: what is refused changes nothing.
 * Threads: the control loop.
 */
#include "mqsc/script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "mqsc/pending.h"

/* Kept free in a full report for the line that says so and for the summary. */
#define REPORT_TAIL_BYTES 512u
/* Of a wrong command at most so much is shown. */
#define SEGMENT_BYTES_MAX 80u

/* --- the report --- */

/* Line ends are ours, and backslashes come from what is escaped already; all else is made harmless. */
static enum err append_harmless(struct buf *out, const char *text, size_t len)
{
	enum err err = ERR_OK;

	for (size_t at = 0; err == ERR_OK && at < len;) {
		size_t n = 0;

		while (at + n < len && text[at + n] != '\n' && text[at + n] != '\\') {
			n++;
		}
		err = utf8_escape(out, bytes_of(text + at, n));
		at += n;
		if (err == ERR_OK && at < len) {
			err = buf_append_u8(out, (uint8_t)text[at]);
			at++;
		}
	}
	return err;
}

static void report_append(struct mqsc_script *script, const char *text, size_t len)
{
	struct buf *out = script->out;
	size_t before = out->len;
	size_t tail = out->max > 2 * REPORT_TAIL_BYTES ? REPORT_TAIL_BYTES : out->max / 2;
	enum err err = append_harmless(out, text, len);

	if (err == ERR_OK && out->len > out->max - tail) {
		err = ERR_LIMIT;
	}
	if (err != ERR_OK) {
		out->len = before; /* no half line */
		script->out_err = err;
	}
}

void script_say(struct mqsc_script *script, const char *format, ...)
{
	va_list args;
	char *line = NULL;

	if (script->out == NULL || script->out_err != ERR_OK) {
		return;
	}
	va_start(args, format);
	int n = vasprintf(&line, format, args);

	va_end(args);
	if (n < 0) {
		script->out_err = ERR_NOMEM;
		return;
	}
	report_append(script, line, (size_t)n);
	free(line);
}

/* A report that is not whole must not look like one. */
static void report_end(struct mqsc_script *script)
{
	if (script->out_err == ERR_OK || script->out == NULL) {
		return;
	}
	script->summary.failed++;
	if (buf_printf(script->out, "AMQ8492W: The report is not whole: %s.\n",
		    script->out_err == ERR_LIMIT ? "it is too long" : err_name(script->out_err)) != ERR_OK) {
		script->out_err = ERR_LIMIT; /* the exit code still says it */
	}
}

enum command_result script_failed(struct mqsc_script *script, enum err err)
{
	script_say(script, "AMQ8101E: The command could not be processed: %s.\n", err_name(err));
	return COMMAND_FAILED;
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

/* A value that names a source is no secret; anything else may be a passphrase that was typed by mistake. */
static bool names_a_source(const char *value, size_t len)
{
	static const char *const schemes[] = {"file:", "fd:", "env:", "cred:"};
	size_t from = 0;

	while (from < len && (value[from] == ' ' || value[from] == '\'')) {
		from++;
	}
	for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
		size_t n = strlen(schemes[i]);

		if (len - from >= n && memcmp(value + from, schemes[i], n) == 0) {
			return true;
		}
	}
	return false;
}

void script_hide_passphrase(char *chars, size_t len, bool *inside)
{
	static const char key[] = "SSLKEYP";
	size_t at = 0;

	while (at < len) {
		if (*inside) {
			while (at < len && chars[at] != ')') {
				chars[at] = '*';
				at++;
			}
			*inside = at == len;
			continue;
		}
		if (len - at < sizeof(key) - 1 || strncasecmp(chars + at, key, sizeof(key) - 1) != 0) {
			at++;
			continue;
		}
		at += sizeof(key) - 1;
		while (at < len && chars[at] == ' ') {
			at++;
		}
		if (at < len && chars[at] == '(') {
			at++;
			*inside = !names_a_source(chars + at, len - at);
		}
	}
}

/* --- parameters --- */

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

/* --- changing the catalog --- */

enum command_result script_commit(struct mqsc_script *script, const struct object *before,
	struct object *after, const char *done_message)
{
	const struct object *either = after != NULL ? after : before;
	enum object_class class = either->class;
	struct buf why = BUF_INIT(1024);
	struct object *old = NULL;
	char *key = NULL;
	enum err err = ERR_OK;

	if (script->options.verify_only) {
		object_free(after);
		return COMMAND_DONE;
	}
	if (script->host->allow != NULL) {
		err = script->host->allow(script->host->ctx, class, before, after, &why);
	}
	if (err == ERR_OK) {
		err = script_changes_reserve(script);
	}
	if (err == ERR_OK && after != NULL) {
		err = bytes_dup_text(bytes_text(after->key), &key);
	}
	if (err == ERR_OK && after != NULL) {
		after->altered_ms = clock_wall_ms(&script->options.clock);
		err = catalog_put(script->catalog, after, &old);
		if (err == ERR_LIMIT) {
			script_say(script,
				"AMQ8101E: There are as many objects of class %s as there can be.\n",
				object_class_name(class));
			object_free(after);
			free(key);
			buf_release(&why);
			return COMMAND_FAILED;
		}
		if (err == ERR_OK) {
			script_changed(script, old, after, key);
			after = NULL; /* moved */
			key = NULL;
		}
	} else if (err == ERR_OK) {
		old = catalog_take(script->catalog, class, before->key);
		script_changed(script, old, NULL, NULL);
	}
	if (err == ERR_OK) {
		script_say(script, "%s\n", done_message);
	} else if (why.len > 0) {
		script_say(script, "%.*s\n", (int)why.len, (const char *)why.data);
	} else {
		(void)script_failed(script, err);
	}
	buf_release(&why);
	free(key);
	object_free(after);
	return err == ERR_OK ? COMMAND_DONE : COMMAND_FAILED;
}

/* --- the run --- */

static bool line_is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] != ' ' && line[i] != '\t') {
			return false;
		}
	}
	return true;
}

static void echo_line(struct mqsc_script *script, const char *line, size_t len, bool *numbered, bool *inside)
{
	char *copy = NULL;
	struct buf text = BUF_INIT(MQSC_LINE_BYTES_MAX * 8);

	while (len > 0 && line[len - 1] == '\r') {
		len--;
	}
	len = len < MQSC_LINE_BYTES_MAX ? len : MQSC_LINE_BYTES_MAX;
	copy = malloc(len + 1);
	if (copy == NULL) {
		script->out_err = ERR_NOMEM;
		return;
	}
	memcpy(copy, line, len);
	script_hide_passphrase(copy, len, inside);
	if (utf8_escape(&text, bytes_of(copy, len)) != ERR_OK) {
		script->out_err = ERR_NOMEM;
	} else if (!*numbered && !(len > 0 && copy[0] == '*') && !line_is_blank(copy, len)) {
		script_say(script, "%6u : %.*s\n", script->summary.read + 1, (int)text.len,
			(const char *)text.data);
		*numbered = true;
	} else {
		script_say(script, "       : %.*s\n", (int)text.len, (const char *)text.data);
	}
	buf_release(&text);
	free(copy);
}

/* The report's echo, as runmqsc writes it: a command's first line is numbered, all others have a bare colon. */
static void echo_lines(struct mqsc_script *script, size_t first, size_t last)
{
	const char *chars = (const char *)script->script;
	bool numbered = false;
	bool inside = false;

	for (size_t at = first; script->options.echo && at < last;) {
		size_t n = 0;

		while (at + n < last && chars[at + n] != '\n') {
			n++;
		}
		echo_line(script, chars + at, n, &numbered, &inside);
		at += n + 1;
	}
}

/* Where the shown segment ends: behind the word that the error points at. */
static size_t segment_end(const struct mqsc_text *text, struct mqsc_position at)
{
	size_t until = 0;

	while (until < text->len) {
		const struct mqsc_position *here = &text->positions[until];

		if (here->line > at.line || (here->line == at.line && here->column > at.column)) {
			break;
		}
		until++;
	}
	while (until > 0 && until < text->len && strchr("() ,", text->chars[until - 1]) == NULL &&
		strchr("() ,", text->chars[until]) == NULL) {
		until++;
	}
	return until;
}

static void say_syntax_error(struct mqsc_script *script)
{
	const struct mqsc_error *error = &script->error;
	size_t until = segment_end(&script->text, error->at);
	size_t from = until > SEGMENT_BYTES_MAX ? until - SEGMENT_BYTES_MAX : 0;
	struct buf segment = BUF_INIT(SEGMENT_BYTES_MAX * 8);
	struct buf sentence = BUF_INIT(sizeof(error->sentence) * 8);
	bool inside = false;

	/* Not in the middle of a character. */
	while (from > 0 && from < until && ((uint8_t)script->text.chars[from] & 0xc0u) == 0x80u) {
		from++;
	}
	if (script->text.len > 0) {
		script_hide_passphrase(script->text.chars, script->text.len, &inside);
	}
	if (utf8_escape(&segment, bytes_of(until > from ? script->text.chars + from : NULL, until - from)) !=
			ERR_OK ||
		utf8_escape(&sentence, bytes_text(error->sentence)) != ERR_OK) {
		script->out_err = ERR_NOMEM;
	}
	script_say(script,
		"AMQ8405I: Syntax error detected at or near end of command segment below:-\n%.*s\n"
		"%s:%u:%u: %.*s\n",
		(int)segment.len, segment.data == NULL ? "" : (const char *)segment.data, script->source,
		error->at.line, error->at.column, (int)sentence.len,
		sentence.data == NULL ? "" : (const char *)sentence.data);
	buf_release(&segment);
	buf_release(&sentence);
}

static bool is_end(const struct mqsc_command *command)
{
	const char *verb = command->params[0].key;

	return strcmp(verb, "END") == 0 || strcmp(verb, "EXIT") == 0 || strcmp(verb, "QUIT") == 0;
}

/* What was wrong with the command is the operator's, but want of memory. */
static void command_end(struct mqsc_script *script, enum command_result result)
{
	if (result == COMMAND_SYNTAX && script->error.err == ERR_NOMEM) {
		result = script_failed(script, ERR_NOMEM);
	}
	if (result == COMMAND_SYNTAX) {
		say_syntax_error(script);
		script->summary.syntax_errors++;
	} else if (result == COMMAND_FAILED) {
		script->summary.failed++;
	}
}

/* What the running broker answers: changes count before it is asked. */
static bool asks_broker(const struct command_row *row)
{
	static const command_fn askers[] = {command_start_channel, command_stop_channel,
		command_purge_channel, command_display_chstatus, command_display_authstatus,
		command_display_chlauth, command_refresh_security};

	for (size_t i = 0; i < ARRAY_COUNT(askers); i++) {
		if (askers[i] == row->run) {
			return true;
		}
	}
	return false;
}

/* The command at hand, which is found to be in order. */
static void run_found(struct mqsc_script *script)
{
	script->held = false;
	command_end(script, script->row->run(script, &script->command, script->row->class));
	if (script->forced && script->pending == NULL) {
		script_weigh(script, true);
	}
}

/* One command. False: the script is over. */
static bool run_command(struct mqsc_script *script)
{
	size_t first = 0;
	size_t last = 0;
	enum err err = mqsc_lines_next(&script->lines, &script->text, &first, &last, &script->error);

	echo_lines(script, first, last);
	if (err == ERR_NOT_FOUND) {
		return false;
	}
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
	enum command_result result = err == ERR_OK ? command_find(script) : COMMAND_SYNTAX;

	if (result != COMMAND_DONE) {
		command_end(script, result);
		return true;
	}
	script->forced = command_param(&script->command, "FORCE") != NULL;
	if (script->change_count > 0 && (script->forced || asks_broker(script->row))) {
		script_weigh(script, false); /* what came before it is weighed before it runs */
		script->held = true;
		return true;
	}
	run_found(script);
	return true;
}

static void script_release(struct mqsc_script *script)
{
	script_changes_undo(script);
	mqsc_command_release(&script->command);
	mqsc_text_release(&script->text);
	free(script->script);
	free(script->source);
	free(script);
}

void script_step(struct mqsc_script *script)
{
	const struct mqsc_host *host = script->host;
	bool busy = false;

	script->stepping = true;
	while (!script->ended && !busy && script->pending == NULL && script->out != NULL) {
		bool failed = script->summary.failed + script->summary.syntax_errors > 0;

		/* Only between weighings: what is changed but not weighed must not wait for others. */
		busy = script->change_count == 0 && host->busy != NULL && host->busy(host->ctx);
		if (busy) {
			break;
		}
		if (script->held) {
			run_found(script);
		} else {
			script->ended = (failed && script->options.stop_at_error) || !run_command(script);
		}
		if (script->ended && script->pending == NULL && script->out != NULL) {
			script_weigh(script, false);
		}
	}
	script->stepping = false;
	if (script->out == NULL) {
		script_release(script); /* freed from within a callback */
		return;
	}
	if (script->pending == NULL && !busy && !script->over) {
		script->over = true;
		report_end(script);
		script->done(script, script->ctx); /* which may free the script */
	}
}

enum err mqsc_script_start(struct catalog *catalog, const struct mqsc_host *host,
	const struct mqsc_options *options, struct bytes text, struct buf *out, mqsc_done_fn done, void *ctx,
	struct mqsc_script **out_script)
{
	struct mqsc_script *script = calloc(1, sizeof(*script));
	const char *source = options->source == NULL ? "-" : options->source;

	*out_script = NULL;
	if (script == NULL) {
		return ERR_NOMEM;
	}
	script->catalog = catalog;
	script->host = host;
	script->options = *options;
	script->options.source = NULL; /* ours outlives the caller's */
	script->out = out;
	script->done = done;
	script->ctx = ctx;
	if (bytes_dup_text(bytes_text(source), &script->source) != ERR_OK ||
		bytes_dup(text, &script->script) != ERR_OK) {
		script_release(script);
		return ERR_NOMEM;
	}
	script->lines.script = bytes_of(script->script, text.len);
	*out_script = script;
	script_step(script);
	return ERR_OK;
}

void mqsc_script_resume(struct mqsc_script *script)
{
	if (script->pending == NULL && !script->over && !script->stepping) {
		script_step(script);
	}
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
	if (script->pending != NULL) {
		script->pending->script = NULL;
		script->pending = NULL;
	}
	script->out = NULL;
	if (!script->stepping) {
		script_release(script);
	}
}
