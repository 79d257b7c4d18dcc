/*
 * refresh.c - REFRESH SECURITY TYPE(SSL): every keystore, revocation list and login file again, all or nothing.
 * Owns:    what was read, until all of it is good, weighed, and taken.
 * Never:   takes a part.
 * Threads: the control loop; reading on lanes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/control/control.h"
#include "jaas_like/jaas_like.h"

struct refresh {
	struct control *control;
	control_done_fn done;
	void *ctx;
	bool force;
	uint64_t configuration; /* of which the files were read */
	unsigned due;
	enum err err;
	struct buf why;
	struct {
		char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
		struct material material;
	} * loaded;
	size_t loaded_count;
	struct job login_job;
	struct login_setup *logins;
	uint64_t login_generation; /* that it would have */
	struct buf warnings;
	struct hold_count gone; /* revocation lists that it let go, of all channels */
};

/* What came of it that the operator may not expect. */
static enum err say_refreshed(const struct refresh *refresh, struct buf *out)
{
	struct control *control = refresh->control;
	char when[CLOCK_TEXT_BYTES];
	enum err err = buf_append_text(out, "AMQ8560I: Lockgate security cache refreshed.");

	if (err == ERR_OK && refresh->gone.lists > 0) {
		err = buf_printf(out,
			" Revocation lists that CRLFILE does not hold any more were let go: %zu, entries: "
			"%zu.",
			refresh->gone.lists, refresh->gone.entries);
	}
	if (err == ERR_OK && refresh->force &&
		held_reload_look(&control->held, clock_mono_ms(&control->clock)) == HELD_PAST) {
		clock_format(control->held.wall_ms, when);
		err = buf_printf(out,
			" The configuration that SIGHUP brought, refused %s, is no part of it; SIGHUP brings "
			"it "
			"again.",
			when);
	}
	return err;
}

static void on_refresh_published(void *ctx, enum err err)
{
	struct refresh *refresh = ctx;
	struct buf answer = BUF_INIT(1024);
	const char *text = NULL;

	if (err != ERR_OK) {
		text = "AMQ9710E: What was read again could not be put in force yet.";
	} else if (say_refreshed(refresh, &answer) != ERR_OK || buf_text(&answer, &text) != ERR_OK) {
		text = NULL; /* then the usual sentence must do */
	}
	refresh->done(refresh->ctx, err, text);
	buf_release(&answer);
	free(refresh->loaded);
	buf_release(&refresh->warnings);
	buf_release(&refresh->why);
	free(refresh);
}

static void refresh_fail(struct refresh *refresh)
{
	struct buf text = BUF_INIT(8192);
	const char *message = NULL;

	for (size_t i = 0; i < refresh->loaded_count; i++) {
		material_release(&refresh->loaded[i].material);
	}
	login_setup_unref(refresh->logins);
	if (buf_printf(&text, "AMQ9710E: Nothing was refreshed, what was in force stays: %.*s",
		    (int)refresh->why.len,
		    refresh->why.len == 0 ? "" : (const char *)refresh->why.data) != ERR_OK ||
		buf_text(&text, &message) != ERR_OK) {
		message = NULL;
	}
	LOG(refresh->control->log, LOG_ERROR, "LKG0403E",
		"security was not refreshed; what was in force stays",
		LF_BYTES("why", buf_bytes(&refresh->why)));
	refresh->done(refresh->ctx, refresh->err, message);
	buf_release(&text);
	free(refresh->loaded);
	buf_release(&refresh->warnings);
	buf_release(&refresh->why);
	free(refresh);
}

/* All of it is good, and may be taken. */
static void refresh_take(struct refresh *refresh)
{
	struct control *control = refresh->control;

	for (size_t i = 0; i < refresh->loaded_count; i++) {
		struct channel *channel = control_channel(control, refresh->loaded[i].channel);

		if (channel != NULL) {
			const struct hold_count *gone = &refresh->loaded[i].material.gone_count;

			refresh->gone.lists += gone->lists;
			refresh->gone.entries += gone->entries;
			channel_take(channel, &refresh->loaded[i].material);
		} else {
			material_release(&refresh->loaded[i].material);
		}
	}
	login_setup_unref(control->logins);
	control->logins = refresh->logins;
	control->login_failed = false;
	control->login_generation = refresh->login_generation;
	control_time_accept(control, refresh->force);
	sources_refresh(control);
	control_staple_renew(control);
	control_dirty(control);
	if (control_published(control, on_refresh_published, refresh) != ERR_OK) {
		on_refresh_published(refresh, ERR_OK); /* it is on its way all the same */
	}
}

/* --- weighed before it is taken --- */

static bool refresh_channel(void *ctx, const char *name, const struct material **material)
{
	const struct refresh *refresh = ctx;

	for (size_t i = 0; i < refresh->loaded_count; i++) {
		if (strcmp(refresh->loaded[i].channel, name) == 0) {
			*material = &refresh->loaded[i].material;
		}
	}
	return true;
}

static struct proposal refresh_source(void *ctx)
{
	struct refresh *refresh = ctx;
	struct proposal source = control_in_force(refresh->control);

	source.logins = refresh->logins;
	source.login_generation = refresh->login_generation;
	source.channel = refresh_channel;
	source.ctx = refresh;
	return source;
}

/* What was read belongs to channels as they were. */
static bool refresh_is_late(struct refresh *refresh)
{
	const struct control *control = refresh->control;

	if (!control->stopping && control_configuration(control) == refresh->configuration) {
		return false;
	}
	enum err said = buf_append_text(&refresh->why, "the configuration itself was read again meanwhile");

	refresh->err = said == ERR_OK ? ERR_STATE : said;
	return true;
}

static void on_refresh_weighed(void *ctx, enum err err, const char *message)
{
	struct refresh *refresh = ctx;

	if (err != ERR_OK) {
		enum err said = buf_printf(&refresh->why, "%s%s", message,
			cut_may_force(err) ? ". REFRESH SECURITY TYPE(SSL) FORCE does it all the same" : "");

		(void)said;
		refresh->err = err;
	}
	if (refresh->err != ERR_OK || refresh_is_late(refresh)) {
		refresh_fail(refresh);
	} else {
		refresh_take(refresh);
	}
}

/* The last part is in: all of it, or nothing. */
static void refresh_part_in(struct refresh *refresh, enum err err, struct bytes why)
{
	if (err != ERR_OK) {
		refresh->err = refresh->err == ERR_OK ? err : refresh->err;
		enum err said = refresh->why.len == 0 ? ERR_OK : buf_append_text(&refresh->why, "; ");
		said = said == ERR_OK ? buf_append(&refresh->why, why) : said;
		(void)said;
	}
	refresh->due--;
	if (refresh->due > 0) {
		return;
	}
	if (refresh->err != ERR_OK || refresh_is_late(refresh)) {
		refresh_fail(refresh);
	} else if (refresh->force) {
		refresh_take(refresh);
	} else {
		struct cut_question question = {.source = refresh_source,
			.done = on_refresh_weighed,
			.ctx = refresh,
			.crl_free = true,
			/* It says, too, that the clock is right. */
			.judge_all = refresh->control->time.suspended,
			.now = control_time_new(refresh->control)};

		control_weigh(refresh->control, &question);
	}
}

static void on_refresh_loaded(struct load_job *load)
{
	struct refresh *refresh = load->ctx;

	if (load->err == ERR_OK) {
		size_t i = refresh->loaded_count++;

		memcpy(refresh->loaded[i].channel, load->channel, sizeof(load->channel));
		refresh->loaded[i].material = load->material;
		load->material = (struct material){0};
	}
	refresh_part_in(refresh, load->err, buf_bytes(&load->why));
}

static void refresh_logins_run(struct job *job)
{
	struct refresh *refresh = CONTAINER_OF(job, struct refresh, login_job);
	struct control *control = refresh->control;
	bool explicit_path = control->options->login_config != NULL;

	refresh->err = control_load_logins(
		control->login_config, explicit_path, &refresh->logins, &refresh->why, &refresh->warnings);
}

static void refresh_logins_done(struct job *job)
{
	struct refresh *refresh = CONTAINER_OF(job, struct refresh, login_job);
	struct control *control = refresh->control;
	enum err err = refresh->err;
	size_t channels = 0;

	/* A login configuration that lost an entry in use is as bad as one that cannot be read. */
	LIST_FOR_EACH(node, &control->channels)
	{
		const struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object =
			catalog_find(control_catalog(control), OBJECT_CHANNEL, channel->name);

		channels++;
		if (err == ERR_OK && object != NULL) {
			err = channel_check_start(object, refresh->logins, &refresh->why);
		}
	}
	refresh->due = 1;
	refresh->err = err;
	refresh->loaded = calloc(channels + 1, sizeof(*refresh->loaded));
	if (refresh->loaded == NULL) {
		refresh->err = ERR_NOMEM;
	}
	LIST_FOR_EACH(node, &control->channels)
	{
		const struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object =
			catalog_find(control_catalog(control), OBJECT_CHANNEL, channel->name);

		if (refresh->err == ERR_OK && object != NULL && channel->state == CHANNEL_RUNNING) {
			refresh->due++;
			enum err submitted = load_submit(control, object, on_refresh_loaded, refresh);

			if (submitted != ERR_OK) {
				refresh->due--;
				refresh->err = submitted;
			}
		}
	}
	refresh_part_in(refresh, ERR_OK, BYTES_NONE);
}

/* All of it is read again, not only what REFRESH reads; this answer goes out before scripts end. */
static void take_held_reload(struct control *control, control_done_fn done, void *ctx)
{
	char when[CLOCK_TEXT_BYTES];
	char text[256];

	clock_format(control->held.wall_ms, when);
	(void)snprintf(text, sizeof(text),
		"AMQ8560I: The configuration that SIGHUP brought, refused %s, is being read again, with "
		"FORCE; "
		"the log says what becomes of it.",
		when);
	held_reload_clear(&control->held);
	control->apply_force = true;
	control->apply_again = true;
	done(ctx, ERR_OK, text);
	control_apply_soon(control);
}

void control_refresh(struct control *control, bool force, control_done_fn done, void *ctx)
{
	if (force && !control->stopping &&
		held_reload_look(&control->held, clock_mono_ms(&control->clock)) == HELD_WAITS) {
		take_held_reload(control, done, ctx);
		return;
	}
	if (!force) {
		held_reload_pass(&control->held); /* a FORCE behind it is meant for this one */
	}
	struct refresh *refresh = control->stopping ? NULL : calloc(1, sizeof(*refresh));

	if (refresh == NULL) {
		done(ctx, control->stopping ? ERR_STATE : ERR_NOMEM,
			control->stopping ? "AMQ8101E: The broker is stopping." : NULL);
		return;
	}
	refresh->control = control;
	refresh->force = force;
	refresh->configuration = control_configuration(control);
	refresh->login_generation = control_next_generation(control);
	refresh->done = done;
	refresh->ctx = ctx;
	refresh->why = BUF_INIT(4096);
	refresh->warnings = BUF_INIT(4096);
	refresh->login_job = (struct job){.run = refresh_logins_run, .done = refresh_logins_done};
	if (executor_submit(&control->executor, LANE_FILE, &refresh->login_job) != ERR_OK) {
		refresh->err = ERR_BUSY;
		refresh_fail(refresh);
	}
}
