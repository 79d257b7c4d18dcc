/*
 * cmd_records.c - SET and DISPLAY CHLAUTH; SET, DELETE and DISPLAY AUTHREC (mq-semantics 3.3, 3.8, 9.1).
 * Owns:    nothing.
 * Never:   judges; RUNCHECK asks the running broker, which asks the one judge.
 * Threads: the control loop.
 */
#include <string.h>

#include "mqsc/script.h"

/* --- CHLAUTH --- */

static const char *const selector_keys[] = {
	"TYPE", "SSLPEER", "SSLCERTI", "SSLFPRT", "CLNTUSER", "ADDRESS", "USERLIST", "ADDRLIST"};

static bool is_selector(const char *key)
{
	for (size_t i = 0; i < ARRAY_COUNT(selector_keys); i++) {
		if (strcmp(selector_keys[i], key) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_block(const struct object *object)
{
	return object_is(object, "TYPE", "BLOCKUSER") || object_is(object, "TYPE", "BLOCKADDR");
}

static const char *list_key(const struct object *object)
{
	return object_is(object, "TYPE", "BLOCKADDR") ? "ADDRLIST" : "USERLIST";
}

/* before's list with (or without) the items of object's, into object. */
static enum err merge_list(const struct object *before, struct object *object, bool remove)
{
	const char *key = list_key(object);
	const char *items[MQSC_VALUES_MAX];
	size_t count = 0;

	for (size_t i = 0; before != NULL && i < object_list_count(before, key); i++) {
		const char *item = object_list_item(before, key, i);

		if (!object_is(object, key, item)) {
			items[count++] = item;
		}
	}
	for (size_t i = 0; !remove && i < object_list_count(object, key); i++) {
		if (count == MQSC_VALUES_MAX) {
			return ERR_LIMIT;
		}
		items[count++] = object_list_item(object, key, i);
	}
	return object_set_text(object, key, items, count);
}

/* REMOVEALL: every record of the type under this profile; good when there is none. */
static enum command_result remove_all(struct mqsc_script *script, struct mqsc_command *command)
{
	const char *type = command_value(command, "TYPE");
	size_t i = 0;

	for (size_t p = 2; p < command->param_count; p++) {
		const char *key = command->params[p].key;

		if (strcmp(key, "TYPE") != 0 && strcmp(key, "ACTION") != 0) {
			return script_syntax(
				script, command->params[p].at, "%s cannot go with ACTION(REMOVEALL)", key);
		}
	}
	while (!script->options.verify_only && i < catalog_count(script->catalog, OBJECT_CHLAUTH)) {
		const struct object *object = catalog_at(script->catalog, OBJECT_CHLAUTH, i);

		if (strcmp(object->name, command_name(command)) != 0 || !object_is(object, "TYPE", type)) {
			i++;
			continue;
		}
		struct object *gone = catalog_take(script->catalog, OBJECT_CHLAUTH, object->key);

		script->host->changed(script->host->ctx, OBJECT_CHLAUTH, gone, NULL);
		object_free(gone);
	}
	script_say(script, "AMQ8877I: Lockgate channel authentication record set.\n");
	return COMMAND_DONE;
}

static enum command_result apply_chlauth(
	struct mqsc_script *script, struct mqsc_command *command, struct object *object, const char *action)
{
	static const char done[] = "AMQ8877I: Lockgate channel authentication record set.";
	struct mqsc_position at = command->params[1].at;
	const struct object *before = catalog_find_key(script->catalog, OBJECT_CHLAUTH, object->key);
	bool remove = strcmp(action, "REMOVE") == 0;
	bool replace = strcmp(action, "REPLACE") == 0;

	if (remove && before == NULL) {
		script_say(script, "AMQ8884E: Channel authentication record not found.\n");
		object_free(object);
		return COMMAND_FAILED;
	}
	if (!remove && !replace && before != NULL && !is_block(object)) {
		script_say(script, "AMQ8885E: Channel authentication record already exists; ACTION(REPLACE) "
				   "overwrites it.\n");
		object_free(object);
		return COMMAND_FAILED;
	}
	if (is_block(object) && !replace) {
		enum err err = merge_list(before, object, remove);

		if (err != ERR_OK) {
			object_free(object);
			return script_syntax(
				script, at, "the list would have more than %u entries", MQSC_VALUES_MAX);
		}
	}
	if (remove && (!is_block(object) || object_list_count(object, list_key(object)) == 0)) {
		object_free(object);
		return script_commit(script, before, NULL, done);
	}
	if (object_finish(object, false, at, &script->error) != ERR_OK) {
		object_free(object);
		return COMMAND_SYNTAX;
	}
	return script_commit(script, before, object, done);
}

/* For REMOVE the selectors alone must make a record; MCAUSER and the like belong to ADD and REPLACE (3.3). */
static enum command_result set_params(
	struct mqsc_script *script, struct mqsc_command *command, struct object *object, bool remove)
{
	for (size_t i = 2; i < command->param_count; i++) {
		const struct mqsc_param *param = &command->params[i];

		if (strcmp(param->key, "ACTION") == 0) {
			continue;
		}
		if (remove && !is_selector(param->key)) {
			return script_syntax(
				script, param->at, "%s cannot go with ACTION(REMOVE)", param->key);
		}
		if (object_set_param(object, param, &script->error) != ERR_OK) {
			return COMMAND_SYNTAX;
		}
	}
	if (remove && !is_block(object)) {
		static const char *const noaccess[] = {"NOACCESS"};

		/* Any USERSRC does: only the key counts. */
		if (object_set_text(object, "USERSRC", noaccess, 1) != ERR_OK) {
			return script_syntax(script, command->params[1].at, "out of memory");
		}
	}
	return COMMAND_DONE;
}

enum command_result command_set_chlauth(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	static const char *const actions[] = {"ADD", "REPLACE", "REMOVE", "REMOVEALL"};
	const char *given = command_value(command, "ACTION");
	const char *action = NULL;
	struct object *object = NULL;

	if (command_value(command, "TYPE") == NULL) {
		return script_syntax(script, command->end,
			"TYPE is missing; expected TYPE(BLOCKUSER), BLOCKADDR, SSLPEERMAP, ADDRESSMAP or "
			"USERMAP");
	}
	for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
		if (given != NULL && strcmp(given, actions[i]) == 0) {
			action = actions[i];
		}
	}
	if (given == NULL && command_param(command, "ACTION") == NULL) {
		action = "ADD";
	}
	if (action == NULL) {
		return script_syntax(script, command_param(command, "ACTION")->at,
			"expected ACTION(ADD), REPLACE, REMOVE or REMOVEALL");
	}
	bool remove = strcmp(action, "REMOVE") == 0;

	if (object_new(class, command_name(command), &object) != ERR_OK) {
		return script_syntax(script, command->params[1].at, "out of memory");
	}
	enum command_result result = set_params(script, command, object, remove);

	if (result == COMMAND_DONE && strcmp(action, "REMOVEALL") == 0) {
		object_free(object);
		return remove_all(script, command);
	}
	if (result == COMMAND_DONE &&
		object_finish(object, false, command->params[1].at, &script->error) != ERR_OK) {
		result = COMMAND_SYNTAX;
	}
	if (result != COMMAND_DONE) {
		object_free(object);
		return result;
	}
	return apply_chlauth(script, command, object, action);
}

static enum command_result runcheck(struct mqsc_script *script, struct mqsc_command *command)
{
	struct mqsc_request request = {
		.what = MQSC_RUNCHECK,
		.channel = command_name(command),
		.address = command_value(command, "ADDRESS"),
		.client_user = command_value(command, "CLNTUSER"),
		.ssl_peer = command_value(command, "SSLPEER"),
		.ssl_issuer = command_value(command, "SSLCERTI"),
	};
	struct display display = {.all = true};
	struct auth_address address;

	if (strchr(request.channel, '*') != NULL) {
		return script_syntax(script, command->params[1].values[0].at,
			"MATCH(RUNCHECK) needs the name of one channel, not a pattern");
	}
	if (request.address == NULL || auth_address_parse(request.address, &address) != ERR_OK) {
		return script_syntax(script,
			request.address == NULL ? command->end : command_param(command, "ADDRESS")->at,
			"MATCH(RUNCHECK) needs one literal address: ADDRESS('192.0.2.7')");
	}
	if (!script->options.verify_only &&
		catalog_find(script->catalog, OBJECT_CHANNEL, request.channel) == NULL) {
		script_say(script, "AMQ9519E: Channel '%s' not found.\n", request.channel);
		return COMMAND_FAILED;
	}
	return script_runtime(script, &request, &display);
}

/* MATCH: which stored profiles are meant by the one given (3.8). */
static bool profile_matches(const char *match, const char *given, const char *stored)
{
	if (strcmp(match, "EXACT") == 0) {
		return strcmp(given, stored) == 0;
	}
	if (strcmp(match, "ALL") == 0) {
		return name_pattern_match(stored, given) || name_pattern_match(given, stored);
	}
	return name_pattern_match(given, stored);
}

/* A parameter with a value in DISPLAY CHLAUTH narrows: TYPE, ADDRESS, CLNTUSER, SSLPEER, SSLCERTI. */
static bool selectors_match(struct mqsc_command *command, const struct object *object)
{
	static const char *const keys[] = {"TYPE", "ADDRESS", "CLNTUSER", "SSLPEER", "SSLCERTI", "SSLFPRT"};

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		const char *value = command_value(command, keys[i]);

		if (value != NULL && strcmp(value, "ALL") != 0 && !object_is(object, keys[i], value)) {
			return false;
		}
	}
	return true;
}

enum command_result command_display_chlauth(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	static const char *const matches[] = {"GENERIC", "EXACT", "ALL", "RUNCHECK"};
	const char *match = command_value(command, "MATCH");
	struct display display;
	unsigned shown = 0;
	bool known = match == NULL;

	for (size_t i = 0; i < ARRAY_COUNT(matches); i++) {
		known = known || strcmp(match, matches[i]) == 0;
	}
	if (!known) {
		return script_syntax(script, command_param(command, "MATCH")->at,
			"expected MATCH(GENERIC), EXACT, ALL or RUNCHECK");
	}
	if (match != NULL && strcmp(match, "RUNCHECK") == 0) {
		return runcheck(script, command);
	}
	if (display_read(script, command, &display) != ERR_OK) {
		return COMMAND_SYNTAX;
	}
	display.all = display.all || display.key_count == 0;
	for (size_t i = 0; !script->options.verify_only && i < catalog_count(script->catalog, class); i++) {
		const struct object *object = catalog_at(script->catalog, class, i);
		struct mqsc_row row;

		if (!profile_matches(
			    match == NULL ? "GENERIC" : match, command_name(command), object->name) ||
			!selectors_match(command, object)) {
			continue;
		}
		row_init(&row);
		row_from_object(&row, object, "CHLAUTH");
		if (row_selected(&row, &display)) {
			row_print(script, &row, &display,
				"AMQ8878I: Display channel authentication record details.");
			shown++;
		}
		row_release(&row);
	}
	if (shown == 0 && !script->options.verify_only) {
		script_say(script, "AMQ8884E: Channel authentication record not found.\n");
		return COMMAND_FAILED;
	}
	return COMMAND_DONE;
}

/* --- AUTHREC --- */

/* The record that the command's PROFILE, OBJTYPE and PRINCIPAL or GROUP name. */
static enum command_result authrec_from(
	struct mqsc_script *script, struct mqsc_command *command, struct object **out)
{
	static const char *const keys[] = {"OBJTYPE", "PRINCIPAL", "GROUP"};
	const char *profile = command_value(command, "PROFILE");
	struct object *object = NULL;

	if (object_new(OBJECT_AUTHREC, profile == NULL ? "" : profile, &object) != ERR_OK) {
		return script_syntax(script, command->params[1].at, "out of memory");
	}
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		struct mqsc_param *param = command_param(command, keys[i]);

		if (param != NULL && object_set_param(object, param, &script->error) != ERR_OK) {
			object_free(object);
			return COMMAND_SYNTAX;
		}
	}
	if (object_finish(object, false, command->params[1].at, &script->error) != ERR_OK) {
		object_free(object);
		return COMMAND_SYNTAX;
	}
	*out = object;
	return COMMAND_DONE;
}

/* AUTHADD and AUTHRMV against what is there; NONE and ALL stand for what the object type has. */
static enum err rights_merge(struct mqsc_script *script, struct mqsc_command *command,
	const struct object *before, struct object *object)
{
	static const char *const qmgr_rights[] = {"CONNECT"};
	static const char *const topic_rights[] = {"PUB", "SUB"};
	bool qmgr = object_is(object, "OBJTYPE", "QMGR");
	const char *const *all = qmgr ? qmgr_rights : topic_rights;
	size_t all_count = qmgr ? ARRAY_COUNT(qmgr_rights) : ARRAY_COUNT(topic_rights);
	const char *kept[2];
	size_t count = 0;
	struct mqsc_param *params[2] = {command_param(command, "AUTHADD"), command_param(command, "AUTHRMV")};
	bool named[2][2] = {{false, false}, {false, false}};

	for (size_t p = 0; p < 2; p++) {
		for (size_t v = 0; params[p] != NULL && v < params[p]->value_count; v++) {
			const char *word = params[p]->values[v].text;
			bool good = strcmp(word, "ALL") == 0 || strcmp(word, "NONE") == 0;

			for (size_t i = 0; i < all_count; i++) {
				if (strcmp(word, all[i]) == 0 || strcmp(word, "ALL") == 0) {
					named[p][i] = true;
					good = true;
				}
			}
			if (!good) {
				mqsc_error_set(&script->error, ERR_INVALID, params[p]->values[v].at,
					"'%.20s' is no authority on %s; expected %s", word,
					qmgr ? "QMGR" : "TOPIC",
					qmgr ? "CONNECT, ALL or NONE" : "PUB, SUB, ALL or NONE");
				return ERR_INVALID;
			}
		}
	}
	for (size_t i = 0; i < all_count; i++) {
		if (named[0][i] && named[1][i]) {
			mqsc_error_set(&script->error, ERR_INVALID, params[1]->at,
				"%s is both in AUTHADD and in AUTHRMV", all[i]);
			return ERR_INVALID;
		}
		bool had = before != NULL && object_is(before, "AUTHLIST", all[i]);

		if (named[0][i] || (had && !named[1][i])) {
			kept[count++] = all[i];
		}
	}
	return object_set_text(object, "AUTHLIST", kept, count);
}

enum command_result command_set_authrec(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	struct object *object = NULL;
	enum command_result result = authrec_from(script, command, &object);

	if (result != COMMAND_DONE) {
		return result;
	}
	if (command_param(command, "AUTHADD") == NULL && command_param(command, "AUTHRMV") == NULL) {
		object_free(object);
		return script_syntax(script, command->end, "expected AUTHADD(…) or AUTHRMV(…)");
	}
	const struct object *before = catalog_find_key(script->catalog, class, object->key);

	if (rights_merge(script, command, before, object) != ERR_OK) {
		object_free(object);
		return COMMAND_SYNTAX;
	}
	return script_commit(script, before, object, "AMQ8862I: Lockgate authority record set.");
}

enum command_result command_delete_authrec(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	struct object *object = NULL;
	enum command_result result = authrec_from(script, command, &object);

	if (result != COMMAND_DONE) {
		return result;
	}
	const struct object *before = catalog_find_key(script->catalog, class, object->key);

	object_free(object);
	if (before == NULL) {
		script_say(script, "AMQ8147E: Lockgate authority record not found.\n");
		return COMMAND_FAILED;
	}
	return script_commit(script, before, NULL, "AMQ8863I: Lockgate authority record deleted.");
}

enum command_result command_display_authrec(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const char *profile = command_value(command, "PROFILE");
	struct display display;
	unsigned shown = 0;

	if (display_read(script, command, &display) != ERR_OK) {
		return COMMAND_SYNTAX;
	}
	display.all = display.all || display.key_count == 0;
	for (size_t i = 0; !script->options.verify_only && i < catalog_count(script->catalog, class); i++) {
		static const char *const keys[] = {"OBJTYPE", "PRINCIPAL", "GROUP"};
		const struct object *object = catalog_at(script->catalog, class, i);
		bool wanted = profile == NULL || generic_match(profile, object->name);
		struct mqsc_row row;

		for (size_t k = 0; k < ARRAY_COUNT(keys); k++) {
			const char *value = command_value(command, keys[k]);

			wanted = wanted && (value == NULL || object_is(object, keys[k], value));
		}
		if (!wanted) {
			continue;
		}
		row_init(&row);
		row_from_object(&row, object, "PROFILE");
		if (row_selected(&row, &display)) {
			row_print(script, &row, &display, "AMQ8864I: Display authority record details.");
			shown++;
		}
		row_release(&row);
	}
	if (shown == 0 && !script->options.verify_only) {
		script_say(script, "AMQ8147E: Lockgate authority record not found.\n");
		return COMMAND_FAILED;
	}
	return COMMAND_DONE;
}
