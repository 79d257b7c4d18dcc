/*
 * cmd_object.c - DEFINE, ALTER, DELETE and DISPLAY of named objects: channels, topics, the queue manager.
 * Owns:    nothing.
 * Never:   changes an object in place: a change is a new object.
 * Threads: the control loop.
 */
#include <string.h>

#include "mqsc/script.h"

static const struct {
	const char *created, *altered, *deleted, *headline, *label;
} texts[OBJECT_CLASS_COUNT_] = {
	[OBJECT_CHANNEL] = {"AMQ8014I: Lockgate channel created.", "AMQ8016I: Lockgate channel changed.",
		"AMQ8015I: Lockgate channel deleted.", "AMQ8414I: Display Channel details.", "channel"},
	[OBJECT_TOPIC] = {"AMQ8690I: Lockgate topic created.", "AMQ8691I: Lockgate topic changed.",
		"AMQ8692I: Lockgate topic deleted.", "AMQ8633I: Display topic details.", "topic"},
	[OBJECT_QMGR] = {"", "AMQ8005I: Lockgate queue manager changed.", "",
		"AMQ8408I: Display Queue Manager details.", "queue manager"},
};

static enum command_result not_found(struct mqsc_script *script, enum object_class class, const char *name)
{
	script_say(script, "AMQ8147E: Lockgate %s %s not found.\n", texts[class].label, name);
	return COMMAND_FAILED;
}

static bool is_option(const char *key)
{
	return strcmp(key, "REPLACE") == 0 || strcmp(key, "NOREPLACE") == 0 || strcmp(key, "LIKE") == 0;
}

/* Sets every attribute that the command gives. */
static enum err apply_params(
	struct mqsc_script *script, const struct mqsc_command *command, struct object *object)
{
	enum err err = ERR_OK;

	for (size_t i = 2; err == ERR_OK && i < command->param_count; i++) {
		if (!is_option(command->params[i].key)) {
			err = object_set_param(object, &command->params[i], &script->error);
		}
	}
	return err;
}

/* Fills, checks and commits object, which is moved. */
static enum command_result finish(struct mqsc_script *script, struct mqsc_command *command,
	const struct object *before, struct object *object, const char *message)
{
	if (apply_params(script, command, object) != ERR_OK ||
		object_finish(object, script->options.insecure_test_gates, command->params[1].at,
			&script->error) != ERR_OK) {
		object_free(object);
		return COMMAND_SYNTAX;
	}
	return script_commit(script, before, object, message);
}

enum command_result command_define(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const char *name = command_name(command);
	const struct object *before = catalog_find(script->catalog, class, name);
	const char *like = command_value(command, "LIKE");
	struct mqsc_param *replace = command_param(command, "REPLACE");
	struct mqsc_param *noreplace = command_param(command, "NOREPLACE");
	struct object *object = NULL;
	enum err err;

	if (replace != NULL && noreplace != NULL) {
		return script_syntax(script, noreplace->at, "REPLACE and NOREPLACE contradict each other");
	}
	if (class == OBJECT_CHANNEL && command_param(command, "CHLTYPE") == NULL) {
		return script_syntax(script, command->end, "CHLTYPE is missing; expected CHLTYPE(MQTT)");
	}
	if (before != NULL && replace == NULL) {
		script_say(script,
			class == OBJECT_CHANNEL ? "AMQ8226E: Lockgate channel %s already exists.\n"
						: "AMQ8150E: Lockgate topic %s already exists.\n",
			name);
		return COMMAND_FAILED;
	}
	const struct object *model = like == NULL ? NULL : catalog_find(script->catalog, class, like);

	if (like != NULL && model == NULL) {
		return not_found(script, class, like);
	}
	err = model == NULL ? object_new(class, name, &object) : object_copy_as(model, name, &object);
	if (err != ERR_OK) {
		script_say(script, "AMQ8101E: The command could not be processed: %s.\n", err_name(err));
		return COMMAND_FAILED;
	}
	return finish(script, command, before, object, texts[class].created);
}

enum command_result command_alter(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const char *name = command_name(command);
	const struct object *before = catalog_find(script->catalog, class, name);
	struct object *object = NULL;

	if (before == NULL) {
		return not_found(script, class, name);
	}
	if (object_copy_as(before, before->name, &object) != ERR_OK) {
		script_say(
			script, "AMQ8101E: The command could not be processed: %s.\n", err_name(ERR_NOMEM));
		return COMMAND_FAILED;
	}
	return finish(script, command, before, object, texts[class].altered);
}

enum command_result command_delete(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const struct object *before = catalog_find(script->catalog, class, command_name(command));

	if (before == NULL) {
		return not_found(script, class, command_name(command));
	}
	return script_commit(script, before, NULL, texts[class].deleted);
}

enum command_result command_display(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const char *pattern = class == OBJECT_QMGR ? "*" : command_name(command);
	bool generic = pattern[0] != '\0' && pattern[strlen(pattern) - 1] == '*';
	struct display display;
	unsigned shown = 0;

	if (display_read(script, command, &display) != ERR_OK) {
		return COMMAND_SYNTAX;
	}
	/* A specific name without attributes means all of them. */
	display.all = display.all || (display.key_count == 0 && (!generic || class == OBJECT_QMGR));
	for (size_t i = 0; !script->options.verify_only && i < catalog_count(script->catalog, class); i++) {
		const struct object *object = catalog_at(script->catalog, class, i);
		struct mqsc_row row;

		if (!generic_match(pattern, object->name)) {
			continue;
		}
		row_init(&row);
		row_from_object(&row, object, class == OBJECT_QMGR ? "QMNAME" : object_class_name(class));
		if (row_selected(&row, &display)) {
			row_print(script, &row, &display, texts[class].headline);
			shown++;
		}
		row_release(&row);
	}
	if (shown == 0 && !generic && !script->options.verify_only) {
		return not_found(script, class, pattern);
	}
	return COMMAND_DONE;
}
