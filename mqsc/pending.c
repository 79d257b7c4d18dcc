/*
 * pending.c - commands that the running broker answers: the handle that the host fills and ends, at once or later.
 * Owns:    the handle until mqsc_pending_done(), which may be long after its script was freed.
 * Never:   touches a script that is gone.
 * Threads: the control loop.
 */
#include <stdlib.h>
#include <string.h>

#include "mqsc/pending.h"

static const struct {
	const char *headline;  /* above each record */
	const char *usual;     /* said when all went well and the host says nothing */
	const char *not_found; /* said, as a failure, when there was neither record nor message */
} texts[] = {
	[MQSC_START_CHANNEL] = {NULL, "AMQ8018I: Start Lockgate channel accepted.", NULL},
	[MQSC_STOP_CHANNEL] = {NULL, "AMQ8019I: Stop Lockgate channel accepted.", NULL},
	[MQSC_PURGE_CHANNEL] = {NULL, "AMQ8017I: Purge channel accepted.", NULL},
	/* As runmqsc counts it: no status found is a command that could not be processed. */
	[MQSC_CHSTATUS] = {"AMQ8417I: Display Channel Status details.", NULL,
		"AMQ8420I: Channel Status not found."},
	[MQSC_REFRESH_SSL] = {NULL, "AMQ8560I: Lockgate security cache refreshed.", NULL},
	[MQSC_WEIGH] = {NULL, NULL, NULL},
	[MQSC_RUNCHECK] = {"AMQ8878I: Display channel authentication record details.", NULL,
		"AMQ8884E: Channel authentication record not found."},
	[MQSC_AUTHSTATUS] = {"AMQ8566I: Display authentication information status details.", NULL,
		"AMQ8420I: No source of revocation data is in use by that name."},
};

static void pending_close_row(struct mqsc_pending *pending)
{
	if (!pending->row_open) {
		return;
	}
	if (pending->script != NULL && row_selected(&pending->row, &pending->display)) {
		row_print(pending->script, &pending->row, &pending->display, texts[pending->what].headline);
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
	bool maps = record->type != CHLAUTH_BLOCKUSER && record->type != CHLAUTH_BLOCKADDR;

	row_identity(row, "TYPE", chlauth_type_name(record->type));
	row_text_if(row, "SSLPEER", record->ssl_peer);
	row_text_if(row, "SSLCERTI", record->ssl_issuer);
	row_text_if(row, "SSLFPRT", record->fingerprint);
	row_text_if(row, "CLNTUSER", record->client_user);
	row_text_if(row, "ADDRESS", record->address);
	if (record->list_count > 0) {
		row_list(row, record->type == CHLAUTH_BLOCKADDR ? "ADDRLIST" : "USERLIST", record->list,
			record->list_count);
	}
	if (maps) {
		mqsc_row_text(row, "USERSRC", chlauth_usersrc_name(record->usersrc));
		row_text_if(row, "MCAUSER", record->mca_user);
	}
	mqsc_row_text(row, "WARN", record->warn ? "YES" : "NO");
	row_text_if(row, "DESCR", record->description);
}

void mqsc_pending_done(struct mqsc_pending *pending, enum err err, const char *message)
{
	struct mqsc_script *script = pending->script;

	pending_close_row(pending);
	if (script != NULL) {
		const char *text = message;

		if (text == NULL && err == ERR_OK) {
			text = texts[pending->what].usual;
		}
		if (text == NULL && err == ERR_OK && pending->rows == 0 && pending->what != MQSC_WEIGH) {
			text = texts[pending->what].not_found;
			err = ERR_NOT_FOUND;
		}
		if (text != NULL) {
			script_say(script, "%s\n", text);
		} else if (err != ERR_OK) {
			(void)script_failed(script, err);
		}
		if (err != ERR_OK) {
			script->summary.failed++;
		}
		if (pending->what == MQSC_WEIGH) {
			script_weighed(script, err);
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
		return script_failed(script, ERR_NOMEM);
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
