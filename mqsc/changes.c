/*
 * changes.c - what a script has changed but the running broker has not weighed yet: kept, weighed, taken back if need be.
 * Owns:    the objects that were replaced or deleted, until the change stands; the catalog as it was before the first change,
 *          until the host gets it.
 * Never:   leaves a part of a refused change behind.
 * Threads: the control loop.
 *
 * A change may close live sessions. So the host weighs what a script has changed before it counts: at the script's end,
 * before a command that asks the running broker, and before and behind a command that says FORCE. What would close too
 * many is taken back, all of it since the last weighing.
 */
#include <stdlib.h>
#include <string.h>

#include "mqsc/pending.h"

struct script_change {
	enum object_class class;
	struct object *before; /* NULL: there was none */
	char *after;           /* key of what is there now; NULL: it was deleted */
};

void script_changes_forget(struct mqsc_script *script)
{
	for (size_t i = 0; i < script->change_count; i++) {
		object_free(script->changes[i].before);
		free(script->changes[i].after);
	}
	free(script->changes);
	catalog_free(script->before);
	script->before = NULL;
	script->changes = NULL;
	script->change_count = 0;
	script->change_cap = 0;
	script->changes_weigh = false;
}

enum err script_changes_reserve(struct mqsc_script *script)
{
	size_t cap = script->change_cap == 0 ? 8 : script->change_cap * 2;

	if (script->host->weigh == NULL) {
		return ERR_OK;
	}
	if (script->change_count == 0) {
		/* Anew each time: it may be of a change that was not made, and others have changed the catalog since. */
		catalog_free(script->before);
		enum err err = catalog_copy(script->catalog, &script->before);

		if (err != ERR_OK) {
			return err;
		}
	}
	if (script->change_count < script->change_cap) {
		return ERR_OK;
	}
	struct script_change *grown = realloc(script->changes, cap * sizeof(*grown));

	if (grown == NULL) {
		return ERR_NOMEM;
	}
	script->changes = grown;
	script->change_cap = cap;
	return ERR_OK;
}

/* Whether a session's verdict could change by it: topics, and rights on them, are asked for at each publish. */
static bool weighs(const struct object *object)
{
	return object->class != OBJECT_TOPIC &&
	       !(object->class == OBJECT_AUTHREC && object_is(object, "OBJTYPE", "TOPIC"));
}

void script_changed(struct mqsc_script *script, struct object *before, const struct object *after, char *key)
{
	const struct object *either = after != NULL ? after : before;

	script->host->changed(script->host->ctx, either->class, before, after);
	if (script->host->weigh == NULL) {
		object_free(before);
		free(key);
		return;
	}
	script->changes_weigh = script->changes_weigh || weighs(either);
	script->changes[script->change_count++] = (struct script_change){either->class, before, key};
}

/* The last first, so that what was changed twice ends as it began. */
static enum err take_back(struct mqsc_script *script)
{
	enum err err = ERR_OK;

	while (script->change_count > 0) {
		struct script_change *change = &script->changes[--script->change_count];
		struct object *old = NULL;

		if (change->before != NULL) {
			enum err put = catalog_put(script->catalog, change->before, &old);

			if (put != ERR_OK) {
				object_free(change->before);
				err = put;
			}
		} else {
			old = catalog_take(script->catalog, change->class, change->after);
		}
		object_free(old);
		free(change->after);
	}
	script_changes_forget(script);
	return err;
}

void script_changes_undo(struct mqsc_script *script)
{
	enum err err = take_back(script);

	/* Every object that comes back takes the place that another leaves: no room is needed. */
	if (err != ERR_OK) {
		script->out_err = err;
	}
}

void script_weigh(struct mqsc_script *script, bool forced)
{
	struct mqsc_pending *pending;

	if (script->change_count == 0 || script->host->weigh == NULL) {
		return;
	}
	pending = calloc(1, sizeof(*pending));
	if (pending == NULL) {
		script_changes_undo(script);
		(void)script_failed(script, ERR_NOMEM);
		script->summary.failed++;
		return;
	}
	pending->script = script;
	pending->what = MQSC_WEIGH;
	row_init(&pending->row);
	script->pending = pending;

	struct catalog *before = script->before;

	script->before = NULL;
	script->host->weigh(script->host->ctx, forced || !script->changes_weigh, before, pending);
}

void script_weighed(struct mqsc_script *script, enum err err)
{
	size_t count = script->change_count;

	if (err == ERR_OK) {
		script_changes_forget(script);
		return;
	}
	script_changes_undo(script);
	/* Each has had its line already, which says that it was done. */
	if (count == 1) {
		script_say(script, "AMQ8101E: The last change reported above did not come into force and was "
				   "taken back.\n");
	} else {
		script_say(script,
			"AMQ8101E: The last %zu changes reported above did not come into force and were "
			"taken "
			"back together.\n",
			count);
	}
}
