/*
 * cmd_object.c - DEFINE, ALTER, DELETE and DISPLAY of named objects: channels, topics, sources of revocation data, the queue
 * manager.
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
	[OBJECT_AUTHINFO] = {"AMQ8563I: Lockgate authentication information object created.",
		"AMQ8567I: Lockgate authentication information object changed.",
		"AMQ8564I: Lockgate authentication information object deleted.",
		"AMQ8566I: Display authentication information details.", "authentication information"},
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
	return strcmp(key, "REPLACE") == 0 || strcmp(key, "NOREPLACE") == 0 || strcmp(key, "LIKE") == 0 ||
	       strcmp(key, "FORCE") == 0;
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

/* Fills and checks object. */
static enum err fill(struct mqsc_script *script, const struct mqsc_command *command, struct object *object)
{
	enum err err = apply_params(script, command, object);

	return err == ERR_OK
		       ? object_finish(object, script->options.insecure_test_gates, command, &script->error)
		       : err;
}

enum command_result command_define(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const char *name = command_name(command);
	/* Only the syntax: what the script has defined before is not there. */
	bool verify = script->options.verify_only;
	const struct object *before = verify ? NULL : catalog_find(script->catalog, class, name);
	const char *like = verify ? NULL : command_value(command, "LIKE");
	const struct object *model = like == NULL ? NULL : catalog_find(script->catalog, class, like);
	struct mqsc_param *replace = command_param(command, "REPLACE");
	struct mqsc_param *noreplace = command_param(command, "NOREPLACE");
	struct object *object = NULL;
	enum err err;

	if (replace != NULL && noreplace != NULL) {
		return script_syntax(script, (noreplace > replace ? noreplace : replace)->at,
			"REPLACE and NOREPLACE contradict each other");
	}
	if (class == OBJECT_CHANNEL && command_param(command, "CHLTYPE") == NULL) {
		return script_syntax(script, command->end, "CHLTYPE is missing; expected CHLTYPE(MQTT)");
	}
	err = model == NULL ? object_new(class, name, &object) : object_copy_as(model, name, &object);
	if (err != ERR_OK) {
		return script_failed(script, err);
	}
	/* What is wrong with the command is said before what is wrong with the world. */
	if (fill(script, command, object) != ERR_OK) {
		object_free(object);
		return COMMAND_SYNTAX;
	}
	if (before != NULL && replace == NULL) {
		object_free(object);
		script_say(script,
			class == OBJECT_CHANNEL ? "AMQ8226E: Lockgate %s %s already exists.\n"
						: "AMQ8150E: Lockgate %s %s already exists.\n",
			texts[class].label, name);
		return COMMAND_FAILED;
	}
	if (like != NULL && model == NULL) {
		object_free(object);
		return not_found(script, class, like);
	}
	return script_commit(script, before, object, texts[class].created);
}

enum command_result command_alter(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const char *name = command_name(command);
	bool verify = script->options.verify_only;
	const struct object *before = verify ? NULL : catalog_find(script->catalog, class, name);
	struct object *object = NULL;

	if (before == NULL && !verify) {
		return not_found(script, class, name);
	}
	enum err err = before == NULL ? object_new(class, name, &object)
				      : object_copy_as(before, before->name, &object);

	if (err != ERR_OK) {
		return script_failed(script, err);
	}
	if (fill(script, command, object) != ERR_OK) {
		object_free(object);
		return COMMAND_SYNTAX;
	}
	return script_commit(script, before, object, texts[class].altered);
}

enum command_result command_delete(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const struct object *before = catalog_find(script->catalog, class, command_name(command));
	struct mqsc_param *type = command_param(command, "CHLTYPE");

	if (type != NULL && strcmp(type->values[0].text, "MQTT") != 0) {
		return script_syntax(script, type->values[0].at, "expected CHLTYPE(MQTT)");
	}
	if (script->options.verify_only) {
		return COMMAND_DONE;
	}
	if (before == NULL) {
		return not_found(script, class, command_name(command));
	}
	return script_commit(script, before, NULL, texts[class].deleted);
}

enum command_result command_display(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const char *pattern = class == OBJECT_QMGR ? "*" : command_name(command);
	bool generic = pattern[strlen(pattern) - 1] == '*';
	struct mqsc_param *type = command_param(command, "CHLTYPE");
	struct display display;
	unsigned shown = 0;

	if (type != NULL && type->has_values && strcmp(type->values[0].text, "MQTT") != 0) {
		return script_syntax(script, type->values[0].at, "expected CHLTYPE(MQTT)");
	}
	if (display_read(script, command, &display) != ERR_OK) {
		return COMMAND_SYNTAX;
	}
	if (script->options.verify_only) {
		return COMMAND_DONE;
	}
	/* A specific name without attributes means all of them. */
	display.all = display.all || (display.key_count == 0 && (!generic || class == OBJECT_QMGR));
	for (size_t i = 0; i < catalog_count(script->catalog, class); i++) {
		const struct object *object = catalog_at(script->catalog, class, i);
		struct mqsc_row row;

		if (!mqsc_generic_match(pattern, object->name)) {
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
	return shown == 0 ? not_found(script, class, pattern) : COMMAND_DONE;
}
