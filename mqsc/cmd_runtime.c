/*
 * cmd_runtime.c - commands that the running broker answers: START, STOP, PURGE CHANNEL, DISPLAY CHSTATUS and
 *                 AUTHSTATUS, REFRESH SECURITY.
 * Owns:    nothing.
 * Never:   knows how a channel runs.
 * Threads: the control loop.
 */
#include <string.h>

#include "mqsc/script.h"

static enum command_result check_type(struct mqsc_script *script, struct mqsc_command *command)
{
	const char *type = command_value(command, "CHLTYPE");

	if (type != NULL && strcmp(type, "MQTT") != 0) {
		return script_syntax(
			script, command_param(command, "CHLTYPE")->values[0].at, "expected CHLTYPE(MQTT)");
	}
	return COMMAND_DONE;
}

static enum command_result with_channel(
	struct mqsc_script *script, struct mqsc_command *command, enum mqsc_runtime what)
{
	struct mqsc_request request = {.what = what,
		.channel = command_name(command),
		.client_id = command_value(command, "CLIENTID")};
	enum command_result result = check_type(script, command);

	if (result != COMMAND_DONE || script->options.verify_only) {
		return result;
	}
	if (catalog_find(script->catalog, OBJECT_CHANNEL, request.channel) == NULL) {
		script_say(script, "AMQ9519E: Channel '%s' not found.\n", request.channel);
		return COMMAND_FAILED;
	}
	return script_runtime(script, &request, NULL);
}

enum command_result command_start_channel(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	(void)class;
	return with_channel(script, command, MQSC_START_CHANNEL);
}

enum command_result command_stop_channel(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	(void)class;
	return with_channel(script, command, MQSC_STOP_CHANNEL);
}

enum command_result command_purge_channel(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	(void)class;
	return with_channel(script, command, MQSC_PURGE_CHANNEL);
}

enum command_result command_display_chstatus(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	struct mqsc_request request = {.what = MQSC_CHSTATUS,
		.channel = command_name(command),
		.client_id = command_value(command, "CLIENTID")};
	struct display display;

	(void)class;
	if (check_type(script, command) != COMMAND_DONE) {
		return COMMAND_SYNTAX;
	}
	if (command_param(command, "SUMMARY") != NULL && request.client_id != NULL) {
		return script_syntax(script, command_param(command, "SUMMARY")->at,
			"SUMMARY and CLIENTID exclude each other");
	}
	if (display_read(script, command, &display) != ERR_OK) {
		return COMMAND_SYNTAX;
	}
	display.all = display.all || display.key_count == 0;
	return script_runtime(script, &request, &display);
}

enum command_result command_display_authstatus(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	struct mqsc_request request = {.what = MQSC_AUTHSTATUS, .channel = command_name(command)};
	struct display display;

	(void)class;
	if (display_read(script, command, &display) != ERR_OK) {
		return COMMAND_SYNTAX;
	}
	display.all = display.all || display.key_count == 0;
	return script_runtime(script, &request, &display);
}

enum command_result command_refresh_security(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const char *type = command_value(command, "TYPE");
	struct mqsc_request request = {
		.what = MQSC_REFRESH_SSL, .channel = "*", .force = command_param(command, "FORCE") != NULL};

	(void)class;
	if (type == NULL || strcmp(type, "SSL") != 0) {
		return script_syntax(script,
			type == NULL ? command->end : command_param(command, "TYPE")->values[0].at,
			"expected TYPE(SSL)");
	}
	return script_runtime(script, &request, NULL);
}
