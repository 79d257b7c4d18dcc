/*
 * host.c - the running broker as MQSC sees it.
 * Owns:    nothing.
 * Never:   answers a command twice, or before its change is in force.
 * Threads: the control loop.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/control/control.h"
#include "jaas_like/jaas_like.h"

/* What a running channel took from files or from its listener; the rest of its attributes counts at once. */
static const char *const stop_first[] = {
	"SSLKEYR", "SSLKEYP", "CERTLABL", "SSLCIPH", "SSLCAUTH", "CRLFILE", "STAPLE"};

static bool same_values(const struct object *a, const struct object *b, const char *key)
{
	size_t count = object_list_count(a, key);
	bool same = count == object_list_count(b, key);

	for (size_t i = 0; same && i < count; i++) {
		same = strcmp(object_list_item(a, key, i), object_list_item(b, key, i)) == 0;
	}
	return same;
}

static enum err allow_channel(
	struct control *control, const struct object *before, const struct object *after, struct buf *why)
{
	const char *name = object_name(before != NULL ? before : after);
	enum err err = ERR_OK;

	if (control_channel(control, name) == NULL || before == NULL) {
		return ERR_OK;
	}
	if (after == NULL) {
		err = buf_printf(why, "AMQ9514E: Channel '%s' is in use.", name);
		return err == ERR_OK ? ERR_BUSY : err;
	}
	for (size_t i = 0; i < ARRAY_COUNT(stop_first); i++) {
		if (!same_values(before, after, stop_first[i])) {
			err = buf_printf(why,
				"AMQ9514E: Channel '%s' is in use; STOP CHANNEL before %s is changed.", name,
				stop_first[i]);
			return err == ERR_OK ? ERR_BUSY : err;
		}
	}
	if (!channel_listens_alike(before, after)) {
		err = buf_printf(why,
			"AMQ9514E: Channel '%s' is in use; STOP CHANNEL before what it listens on is "
			"changed.",
			name);
		return err == ERR_OK ? ERR_BUSY : err;
	}
	err = channel_check_start(after, control->logins, why);
	return err == ERR_OK ? sources_check(control->catalog, after, why) : err;
}

static enum err on_allow(void *ctx, enum object_class class, const struct object *before,
	const struct object *after, struct buf *why)
{
	switch (class) {
	case OBJECT_CHANNEL: return allow_channel(ctx, before, after, why);
	case OBJECT_AUTHINFO: return sources_check_change(ctx, before, after, why);
	case OBJECT_QMGR: return sources_check_settings(after, why);
	case OBJECT_TOPIC:
	case OBJECT_CHLAUTH:
	case OBJECT_AUTHREC:
	case OBJECT_CLASS_COUNT_: break;
	}
	return ERR_OK;
}

/* It counts once it has been weighed. */
static void on_changed(
	void *ctx, enum object_class class, const struct object *before, const struct object *after)
{
	(void)ctx;
	(void)class;
	(void)before;
	(void)after;
}

/* --- what a script has changed: may it stand? --- */

struct weigh_wait {
	struct control *control;
	struct mqsc_pending *pending;
};

static struct proposal on_source(void *ctx)
{
	const struct weigh_wait *wait = ctx;
	struct proposal source = control_in_force(wait->control);

	source.catalog = wait->control->catalog; /* with the changes */
	return source;
}

void control_settle(struct control *control)
{
	catalog_free(control->settled);
	control->settled = NULL;
}

static void on_weighed(void *ctx, enum err err, const char *message)
{
	struct weigh_wait *wait = ctx;
	struct mqsc_pending *pending = wait->pending;
	struct buf text = BUF_INIT(32768);
	const char *said = NULL;

	control_settle(wait->control);
	if (err == ERR_OK) {
		control_dirty(wait->control);
	} else if (buf_printf(&text, "AMQ8101E: Not put in force: %s%s", message,
			   cut_may_force(err) ? ". FORCE does it all the same." : ".") == ERR_OK &&
		   buf_text(&text, &said) != ERR_OK) {
		said = NULL;
	}
	free(wait);
	mqsc_pending_done(pending, err, said);
	buf_release(&text);
}

/* Behind a FORCE: what comes next is weighed against sessions as they are then. */
static void on_forced(void *ctx, enum err err)
{
	struct weigh_wait *wait = ctx;
	struct mqsc_pending *pending = wait->pending;
	struct control *control = wait->control;
	char text[256];

	(void)snprintf(text, sizeof(text), "AMQ8101E: It cannot be put in force: %s",
		control->stopping ? "the broker is stopping" : control->publish_sentence);
	free(wait);
	mqsc_pending_done(pending, err, err == ERR_OK ? NULL : text);
	if (err != ERR_OK && !control->stopping) {
		control_dirty(control); /* it was taken back */
	}
}

static void on_weigh(void *ctx, bool free_pass, struct catalog *before, struct mqsc_pending *pending)
{
	struct control *control = ctx;
	struct weigh_wait *wait = calloc(1, sizeof(*wait));

	held_reload_pass(&control->held); /* changed by command: the files would undo it */
	if (wait == NULL) {
		catalog_free(before);
		mqsc_pending_done(pending, ERR_NOMEM, NULL);
		return;
	}
	*wait = (struct weigh_wait){control, pending};
	if (!free_pass) {
		struct cut_question question = {.source = on_source, .done = on_weighed, .ctx = wait};

		assert(control->settled == NULL); /* on_busy(): one script at a time is weighed */
		control->settled = before;
		control_weigh(control, &question);
		return;
	}
	catalog_free(before);
	control_dirty(control);
	if (control_published(control, on_forced, wait) != ERR_OK) {
		on_forced(wait, control->stopping ? ERR_STATE : ERR_OK); /* it is on its way all the same */
	}
}

/* What was accepted is in force before the next change is weighed. A policy that cannot be built may be mended. */
static bool on_busy(void *ctx)
{
	const struct control *control = ctx;

	return cut_guard_busy(control) || control->publishing || (control->dirty && !control->publish_failed);
}

static void on_done(void *ctx, enum err err, const char *message)
{
	mqsc_pending_done(ctx, err, message);
}

/* A check is about rules and has no certificate to look up: it says what the channel would ask of one. Asks nobody. */
static enum err say_need(const struct channel_policy *policy, struct buf *text)
{
	enum err err = ERR_OK;

	if (policy == NULL || policy->revocation == X509_REVOCATION_NONE) {
		return ERR_OK;
	}
	if (policy->ocsp_url != NULL) {
		err = buf_printf(text, " The certificate would need an answer of '%s'.", policy->ocsp_url);
	} else if (policy->need_aia) {
		err = buf_append_text(
			text, " The certificate would need an answer of the responder that it names.");
	}
	if (err == ERR_OK && policy->need_cdp) {
		err = buf_append_text(text, " The certificate would need the lists that it names.");
	}
	return err;
}

static void runcheck(
	struct control *control, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	struct admission_runcheck question = {
		.channel = request->channel,
		.client_user = request->client_user,
		.ssl_peer = request->ssl_peer,
		.ssl_issuer = request->ssl_issuer,
	};
	static const char not_running[] = "AMQ9533E: The channel is not currently active.";
	const struct chlauth_record *record = NULL;
	struct auth_error error = {0};
	struct buf text = BUF_INIT(1024);
	const char *message = NULL;
	struct admission_verdict verdict;
	enum err err;

	if (control->world == NULL || control_channel(control, request->channel) == NULL) {
		mqsc_pending_done(pending, ERR_STATE, not_running);
		return;
	}
	err = auth_address_parse(request->address, &question.address);
	if (err == ERR_OK) {
		err = admission_runcheck(world_policy(control->world), &question, &verdict, &record, &error);
	}
	if (err != ERR_OK) {
		if (buf_printf(&text, "AMQ8405I: %s", error.sentence) != ERR_OK ||
			buf_text(&text, &message) != ERR_OK) {
			message = NULL;
		}
		mqsc_pending_done(pending, err, message);
		buf_release(&text);
		return;
	}
	if (record != NULL) {
		mqsc_pending_record(pending, record);
	}
	if (verdict.admission == ADMISSION_REFUSE) {
		err = buf_printf(&text, "AMQ9777I: Channel will be blocked: %s", verdict.sentence);
	} else {
		err = buf_printf(&text, "AMQ9783I: Channel will run using MCAUSER('%s').", verdict.user);
		if (err == ERR_OK && request->ssl_peer != NULL) {
			err = say_need(policy_channel(world_policy(control->world), request->channel), &text);
		}
	}
	if (err == ERR_OK) {
		err = buf_text(&text, &message);
	}
	mqsc_pending_done(pending, err, message);
	buf_release(&text);
}

static void on_runtime(void *ctx, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	struct control *control = ctx;

	switch (request->what) {
	case MQSC_START_CHANNEL: control_start_channel(control, request->channel, on_done, pending); return;
	case MQSC_STOP_CHANNEL:
		control_stop_channel(control, request->channel, request->client_id, false, on_done, pending);
		return;
	case MQSC_PURGE_CHANNEL:
		control_stop_channel(control, request->channel, request->client_id, true, on_done, pending);
		return;
	case MQSC_CHSTATUS: control_status(control, request, pending); return;
	case MQSC_REFRESH_SSL: control_refresh(control, request->force, on_done, pending); return;
	case MQSC_RUNCHECK: runcheck(control, request, pending); return;
	case MQSC_AUTHSTATUS: sources_status(control, request, pending); return;
	case MQSC_WEIGH: break; /* never asked for */
	}
}

struct mqsc_host control_host(struct control *control)
{
	return (struct mqsc_host){.allow = on_allow,
		.changed = on_changed,
		.runtime = on_runtime,
		.ctx = control,
		.weigh = on_weigh,
		.busy = on_busy};
}
