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

static enum command_result no_record(struct mqsc_script *script)
{
	script_say(script, "AMQ8884E: Channel authentication record not found.\n");
	return COMMAND_FAILED;
}

static const char set_done[] = "AMQ8877I: Lockgate channel authentication record set.";

/* REMOVEALL: every record of the type under this profile; good when there is none. */
static enum command_result remove_all(struct mqsc_script *script, const char *profile, const char *type)
{
	size_t i = catalog_lower(script->catalog, OBJECT_CHLAUTH, profile);

	if (script->options.verify_only) {
		return COMMAND_DONE;
	}
	while (i < catalog_count(script->catalog, OBJECT_CHLAUTH)) {
		const struct object *object = catalog_at(script->catalog, OBJECT_CHLAUTH, i);

		if (strcmp(object->name, profile) != 0) {
			break;
		}
		if (!object_is(object, "TYPE", type)) {
			i++;
			continue;
		}
		if (script_changes_reserve(script) != ERR_OK) {
			return script_failed(script, ERR_NOMEM);
		}
		script_changed(
			script, catalog_take(script->catalog, OBJECT_CHLAUTH, object->key), NULL, NULL);
	}
	script_say(script, "%s\n", set_done);
	return COMMAND_DONE;
}

/* before's list with (or without) the items of given's, into out. */
static enum err merge_list(
	const struct object *before, const struct object *given, bool remove, struct object *out)
{
	const char *key = list_key(given);
	const char *items[2 * MQSC_VALUES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < object_list_count(before, key); i++) {
		const char *item = object_list_item(before, key, i);

		if (!object_is(given, key, item)) {
			items[count++] = item;
		}
	}
	for (size_t i = 0; !remove && i < object_list_count(given, key); i++) {
		items[count++] = object_list_item(given, key, i);
	}
	return count > MQSC_VALUES_MAX ? ERR_LIMIT : object_set_text(out, key, items, count);
}

/* The BLOCK record that before becomes; what the command does not give (WARN, DESCR) stays. *out is the caller's. */
static enum err merge_block(struct mqsc_script *script, struct mqsc_command *command,
	const struct object *before, const struct object *given, bool remove, struct object **out)
{
	static const char *const data_keys[] = {"WARN", "DESCR"};
	struct object *merged = NULL;
	enum err err = object_copy_as(before, before->name, &merged);

	script->error.err = err;
	for (size_t i = 0; err == ERR_OK && i < ARRAY_COUNT(data_keys); i++) {
		const struct mqsc_param *param = command_param(command, data_keys[i]);

		err = param == NULL ? ERR_OK : object_set_param(merged, param, &script->error);
	}
	if (err == ERR_OK) {
		err = merge_list(before, given, remove, merged);
		mqsc_error_set(&script->error, err, command_param(command, list_key(given))->at,
			"the list would have more than %u entries", MQSC_VALUES_MAX);
	}
	if (err == ERR_OK && object_list_count(merged, list_key(given)) > 0) {
		err = object_finish(merged, false, command, &script->error);
	}
	if (err != ERR_OK) {
		object_free(merged);
		return err;
	}
	*out = merged;
	return ERR_OK;
}

enum action { ACTION_ADD, ACTION_REPLACE, ACTION_REMOVE, ACTION_REMOVEALL };
static const char *const action_words[] = {"ADD", "REPLACE", "REMOVE", "REMOVEALL"};

/* ADD to, or REMOVE from, a BLOCK record that is there. given stays the caller's. */
static enum command_result change_block(struct mqsc_script *script, struct mqsc_command *command,
	const struct object *before, const struct object *given, enum action action)
{
	struct object *merged = NULL;

	if (merge_block(script, command, before, given, action == ACTION_REMOVE, &merged) != ERR_OK) {
		return COMMAND_SYNTAX;
	}
	if (object_list_count(merged, list_key(given)) == 0) {
		object_free(merged);
		return script_commit(script, before, NULL, set_done);
	}
	return script_commit(script, before, merged, set_done);
}

/* ADD or REPLACE of a whole record. object is moved. */
static enum command_result put_record(struct mqsc_script *script, struct mqsc_command *command,
	const struct object *before, struct object *object)
{
	struct auth_error why = {0};
	enum err err = catalog_check_ranges(script->catalog, object, before, &why);

	if (err == ERR_OK && before != NULL) {
		err = object_take_key(object, before);
	}
	if (err == ERR_OK) {
		return script_commit(script, before, object, set_done);
	}
	object_free(object);
	if (err == ERR_NOMEM) {
		return script_failed(script, err);
	}
	return script_syntax(script, command_param(command, "ADDRESS")->values[0].at, "%s", why.sentence);
}

/* object is moved. */
static enum command_result apply_chlauth(
	struct mqsc_script *script, struct mqsc_command *command, struct object *object, enum action action)
{
	const struct object *before = NULL;
	enum command_result result;

	if (script->options.verify_only) {
		object_free(object);
		return COMMAND_DONE;
	}
	if (catalog_find_same(script->catalog, object, &before) != ERR_OK) {
		object_free(object);
		return script_failed(script, ERR_NOMEM);
	}
	if (before != NULL && is_block(object) && action != ACTION_REPLACE) {
		result = change_block(script, command, before, object, action);
		object_free(object);
		return result;
	}
	if (action == ACTION_REMOVE) {
		object_free(object);
		return before == NULL ? no_record(script) : script_commit(script, before, NULL, set_done);
	}
	if (action == ACTION_ADD && before != NULL) {
		object_free(object);
		script_say(script, "AMQ8885E: Channel authentication record already exists; ACTION(REPLACE) "
				   "overwrites it.\n");
		return COMMAND_FAILED;
	}
	return put_record(script, command, before, object);
}

/* Which parameters go with which action (3.3), and the record that they make. */
static enum command_result set_params(
	struct mqsc_script *script, struct mqsc_command *command, struct object *object, enum action action)
{
	for (size_t i = 2; i < command->param_count; i++) {
		const struct mqsc_param *param = &command->params[i];
		bool type = strcmp(param->key, "TYPE") == 0;

		if (strcmp(param->key, "ACTION") == 0 || strcmp(param->key, "FORCE") == 0) {
			continue;
		}
		if ((action == ACTION_REMOVE && !is_selector(param->key)) ||
			(action == ACTION_REMOVEALL && !type)) {
			return script_syntax(script, param->at, "%s cannot go with ACTION(%s)", param->key,
				action_words[action]);
		}
		if (object_set_param(object, param, &script->error) != ERR_OK) {
			return COMMAND_SYNTAX;
		}
	}
	if (object_text_or_null(object, "TYPE") == NULL) {
		return script_syntax(script, command_param(command, "TYPE")->at, "TYPE cannot be blank");
	}
	const struct mqsc_param *source = command_param(command, "USERSRC");

	if (is_block(object) && source != NULL) {
		return script_syntax(
			script, source->at, "USERSRC cannot go with TYPE(%s)", object_text(object, "TYPE"));
	}
	if (action == ACTION_REMOVE && !is_block(object)) {
		static const char *const noaccess[] = {"NOACCESS"};

		/* Any USERSRC does: only the key counts. */
		if (object_set_text(object, "USERSRC", noaccess, 1) != ERR_OK) {
			return script_failed(script, ERR_NOMEM);
		}
	}
	return COMMAND_DONE;
}

static enum command_result read_action(
	struct mqsc_script *script, struct mqsc_command *command, enum action *out)
{
	struct mqsc_param *param = command_param(command, "ACTION");

	*out = ACTION_ADD;
	for (size_t i = 0; param != NULL && i < ARRAY_COUNT(action_words); i++) {
		if (strcmp(param->values[0].text, action_words[i]) == 0) {
			*out = (enum action)i;
			return COMMAND_DONE;
		}
	}
	return param == NULL ? COMMAND_DONE
			     : script_syntax(script, param->values[0].at,
				       "'%.20s' is no ACTION; expected ADD, REPLACE, REMOVE or REMOVEALL",
				       param->values[0].text);
}

enum command_result command_set_chlauth(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	enum action action = ACTION_ADD;
	struct object *object = NULL;
	enum command_result result = read_action(script, command, &action);

	if (result != COMMAND_DONE) {
		return result;
	}
	if (command_value(command, "TYPE") == NULL) {
		return script_syntax(script, command->end,
			"TYPE is missing; expected TYPE(BLOCKUSER), BLOCKADDR, SSLPEERMAP, ADDRESSMAP or "
			"USERMAP");
	}
	if (object_new(class, command_name(command), &object) != ERR_OK) {
		return script_failed(script, ERR_NOMEM);
	}
	result = set_params(script, command, object, action);
	/* A BLOCK record whose list is replaced by nothing is no more (3.3). */
	bool all = action == ACTION_REMOVEALL ||
		   (action == ACTION_REPLACE && result == COMMAND_DONE && is_block(object) &&
			   object_list_count(object, list_key(object)) == 0);

	if (result == COMMAND_DONE && all) {
		object_free(object);
		return remove_all(script, command_name(command), command_value(command, "TYPE"));
	}
	if (result == COMMAND_DONE && object_finish(object, false, command, &script->error) != ERR_OK) {
		result = COMMAND_SYNTAX;
	}
	if (result != COMMAND_DONE) {
		object_free(object);
		return result;
	}
	return apply_chlauth(script, command, object, action);
}

static enum command_result runcheck(
	struct mqsc_script *script, struct mqsc_command *command, const struct display *display)
{
	struct mqsc_request request = {
		.what = MQSC_RUNCHECK,
		.channel = command_name(command),
		.address = command_value(command, "ADDRESS"),
		.client_user = command_value(command, "CLNTUSER"),
		.ssl_peer = command_value(command, "SSLPEER"),
		.ssl_issuer = command_value(command, "SSLCERTI"),
	};
	const char *type = command_value(command, "TYPE");
	struct auth_address address;

	if (strchr(request.channel, '*') != NULL) {
		return script_syntax(script, command->params[1].values[0].at,
			"MATCH(RUNCHECK) needs the name of one channel, not a pattern");
	}
	if (type != NULL && strcmp(type, "ALL") != 0) {
		return script_syntax(script, command_param(command, "TYPE")->values[0].at,
			"MATCH(RUNCHECK) tries every type; expected TYPE(ALL) or none");
	}
	if (command_value(command, "SSLFPRT") != NULL) {
		return script_syntax(script, command_param(command, "SSLFPRT")->at,
			"SSLFPRT cannot go with MATCH(RUNCHECK)");
	}
	if (request.address == NULL || auth_address_parse(request.address, &address) != ERR_OK) {
		return script_syntax(script,
			request.address == NULL ? command->end
						: command_param(command, "ADDRESS")->values[0].at,
			"MATCH(RUNCHECK) needs one literal address: ADDRESS('192.0.2.7')");
	}
	if (script->options.verify_only) {
		return COMMAND_DONE;
	}
	if (catalog_find(script->catalog, OBJECT_CHANNEL, request.channel) == NULL) {
		script_say(script, "AMQ9519E: Channel '%s' not found.\n", request.channel);
		return COMMAND_FAILED;
	}
	return script_runtime(script, &request, display);
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
		bool every = i == 0 && value != NULL && strcmp(value, "ALL") == 0; /* TYPE(ALL) */

		if (value != NULL && !every && !object_is(object, keys[i], value)) {
			return false;
		}
	}
	return true;
}

/* MATCH and TYPE hold words. */
static enum command_result check_display_words(struct mqsc_script *script, struct mqsc_command *command)
{
	static const struct {
		const char *key, *words[7], *expected;
	} rows[] = {
		{"MATCH", {"GENERIC", "EXACT", "ALL", "RUNCHECK"}, "GENERIC, EXACT, ALL or RUNCHECK"},
		{"TYPE", {"ALL", "BLOCKUSER", "BLOCKADDR", "SSLPEERMAP", "ADDRESSMAP", "USERMAP"},
			"ALL, BLOCKUSER, BLOCKADDR, SSLPEERMAP, ADDRESSMAP or USERMAP"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *value = command_value(command, rows[i].key);
		bool known = value == NULL;

		for (size_t w = 0; !known && rows[i].words[w] != NULL; w++) {
			known = strcmp(value, rows[i].words[w]) == 0;
		}
		if (!known) {
			return script_syntax(script, command_param(command, rows[i].key)->values[0].at,
				"%s cannot be '%.20s'; expected %s", rows[i].key, value, rows[i].expected);
		}
	}
	return COMMAND_DONE;
}

enum command_result command_display_chlauth(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class)
{
	const char *match = command_value(command, "MATCH");
	struct display display;
	unsigned shown = 0;
	enum command_result result = check_display_words(script, command);

	if (result != COMMAND_DONE) {
		return result;
	}
	if (display_read(script, command, &display) != ERR_OK) {
		return COMMAND_SYNTAX;
	}
	display.all = display.all || display.key_count == 0;
	if (match != NULL && strcmp(match, "RUNCHECK") == 0) {
		return runcheck(script, command, &display);
	}
	if (script->options.verify_only) {
		return COMMAND_DONE;
	}
	for (size_t i = 0; i < catalog_count(script->catalog, class); i++) {
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
	return shown == 0 ? no_record(script) : COMMAND_DONE;
}

/* --- AUTHREC --- */

/* The record that the command's PROFILE, OBJTYPE and PRINCIPAL name. */
static enum command_result authrec_from(
	struct mqsc_script *script, struct mqsc_command *command, struct object **out)
{
	static const char *const keys[] = {"OBJTYPE", "PRINCIPAL"};
	const char *profile = command_value(command, "PROFILE");
	struct object *object = NULL;

	if (object_new(OBJECT_AUTHREC, profile == NULL ? "" : profile, &object) != ERR_OK) {
		return script_failed(script, ERR_NOMEM);
	}
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		struct mqsc_param *param = command_param(command, keys[i]);

		if (param != NULL && object_set_param(object, param, &script->error) != ERR_OK) {
			object_free(object);
			return COMMAND_SYNTAX;
		}
	}
	if (object_finish(object, false, command, &script->error) != ERR_OK) {
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
	enum err err = object_set_text(object, "AUTHLIST", kept, count);

	script->error.err = err;
	return err;
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
	if (script->options.verify_only) {
		return COMMAND_DONE;
	}
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
	if (script->options.verify_only) {
		return COMMAND_DONE;
	}
	display.all = display.all || display.key_count == 0;
	for (size_t i = 0; i < catalog_count(script->catalog, class); i++) {
		static const char *const keys[] = {"OBJTYPE", "PRINCIPAL"};
		const struct object *object = catalog_at(script->catalog, class, i);
		bool wanted = profile == NULL || mqsc_generic_match(profile, object->name);
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
	if (shown == 0) {
		script_say(script, "AMQ8147E: Lockgate authority record not found.\n");
		return COMMAND_FAILED;
	}
	return COMMAND_DONE;
}
