/*
 * apply.c - scripts, login files and channel files to a running broker: at start-up, and again on SIGHUP.
 * Owns:    the new catalog until everything that it needs is in.
 * Never:   changes anything before the last file was read and found good.
 * Threads: the control loop; reading on lanes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "broker/control/control.h"
#include "jaas_like/jaas_like.h"

#define CATALOG_BASE_STEP (UINT64_C(1) << 40)

struct to_start {
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	struct material material;
	bool loaded;
};

struct apply {
	struct control *control;
	control_done_fn done;
	void *ctx;
	struct job job;
	struct buf *texts; /* one per script */
	struct login_setup *logins;
	struct buf warnings;
	struct catalog *catalog;
	struct to_start *channels;
	size_t channel_count;
	unsigned due;
	bool force;
	uint64_t catalog_base;     /* never that of another catalog, also of one that was not taken */
	uint64_t login_generation; /* that the new login files would have */
	enum err err;
	struct buf why;
	bool script_over;
	struct mqsc_summary summary;
};

static void say(struct apply *apply, const char *text)
{
	enum err err = apply->why.len == 0 ? ERR_OK : buf_append_text(&apply->why, "\n");

	err = err == ERR_OK ? buf_append_text(&apply->why, text) : err;
	(void)err;
}

static void apply_end(struct apply *apply, enum err err)
{
	struct control *control = apply->control;
	const char *message = NULL;

	control->apply = NULL;
	if (apply->why.len > 0 && buf_text(&apply->why, &message) != ERR_OK) {
		message = NULL;
	}
	apply->done(apply->ctx, err, message);
	for (size_t i = 0; i < control->options->script_count; i++) {
		buf_release(&apply->texts[i]);
	}
	for (size_t i = 0; i < apply->channel_count; i++) {
		material_release(&apply->channels[i].material);
	}
	free(apply->texts);
	free(apply->channels);
	login_setup_unref(apply->logins);
	catalog_free(apply->catalog);
	buf_release(&apply->warnings);
	buf_release(&apply->why);
	free(apply);
}

/* --- reading --- */

static void apply_run(struct job *job)
{
	struct apply *apply = CONTAINER_OF(job, struct apply, job);
	const struct broker_options *options = apply->control->options;

	for (size_t i = 0; i < options->script_count && apply->err == ERR_OK; i++) {
		apply->err = file_check_owner(options->scripts[i], false);
		if (apply->err == ERR_OK) {
			apply->err =
				file_read(options->scripts[i], BROKER_SCRIPT_BYTES_MAX, &apply->texts[i]);
		}
		if (apply->err != ERR_OK) {
			enum err said = buf_printf(&apply->why, "%s: %s", options->scripts[i],
				apply->err == ERR_DENIED      ? "its owner or mode would let others change it"
				: apply->err == ERR_NOT_FOUND ? "no such file"
							      : err_name(apply->err));
			(void)said;
		}
	}
	if (apply->err == ERR_OK) {
		apply->err = control_load_logins(apply->control->login_config, options->login_config != NULL,
			&apply->logins, &apply->why, &apply->warnings);
	}
}

/* --- the scripts, run into a catalog of their own --- */

static struct to_start *find_start(struct apply *apply, const char *name)
{
	for (size_t i = 0; i < apply->channel_count; i++) {
		if (strcmp(apply->channels[i].channel, name) == 0) {
			return &apply->channels[i];
		}
	}
	return NULL;
}

static enum err add_start(struct apply *apply, const char *name)
{
	if (find_start(apply, name) != NULL) {
		return ERR_OK;
	}
	struct to_start *grown = realloc(apply->channels, (apply->channel_count + 1) * sizeof(*grown));

	if (grown == NULL) {
		return ERR_NOMEM;
	}
	apply->channels = grown;
	memset(&grown[apply->channel_count], 0, sizeof(*grown));
	memcpy(grown[apply->channel_count].channel, name, strlen(name) + 1);
	apply->channel_count++;
	return ERR_OK;
}

/* START is remembered until everything is read; STOP takes it back. What asks the running broker has no answer yet. */
static void on_script_runtime(void *ctx, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	struct apply *apply = ctx;
	struct to_start *found;

	switch (request->what) {
	case MQSC_START_CHANNEL: mqsc_pending_done(pending, add_start(apply, request->channel), NULL); return;
	case MQSC_STOP_CHANNEL:
		found = find_start(apply, request->channel);
		if (found != NULL) {
			*found = apply->channels[--apply->channel_count];
		}
		mqsc_pending_done(pending, ERR_OK, NULL);
		return;
	case MQSC_REFRESH_SSL: mqsc_pending_done(pending, ERR_OK, NULL); return;
	case MQSC_PURGE_CHANNEL:
	case MQSC_CHSTATUS:
	case MQSC_AUTHSTATUS:
	case MQSC_WEIGH:
	case MQSC_RUNCHECK: break;
	}
	mqsc_pending_done(pending, ERR_STATE,
		"AMQ8101E: This command needs a running broker; it cannot stand in a start-up file.");
}

static void on_script_changed(
	void *ctx, enum object_class class, const struct object *before, const struct object *after)
{
	(void)ctx;
	(void)class;
	(void)before;
	(void)after;
}

static void on_script_over(struct mqsc_script *script, void *ctx)
{
	struct apply *apply = ctx;

	apply->script_over = true;
	mqsc_script_summary(script, &apply->summary);
}

static enum err run_script(struct apply *apply, size_t index)
{
	const struct broker_options *options = apply->control->options;
	struct mqsc_host host = {.changed = on_script_changed, .runtime = on_script_runtime, .ctx = apply};
	struct mqsc_options mqsc = {
		.source = options->scripts[index],
		.insecure_test_gates = options->insecure_test_gates,
		.stop_at_error = true,
		.clock = apply->control->clock,
	};
	struct buf report = BUF_INIT(MQSC_OUTPUT_BYTES_MAX);
	struct mqsc_script *script = NULL;
	const char *text = "";
	enum err err;

	apply->script_over = false;
	err = mqsc_script_start(apply->catalog, &host, &mqsc, buf_bytes(&apply->texts[index]), &report,
		on_script_over, apply, &script);
	if (err == ERR_OK && (!apply->script_over || mqsc_summary_exit_code(&apply->summary) != 0)) {
		err = ERR_INVALID;
		/* Only the end: what went well before it is no news. */
		if (buf_text(&report, &text) == ERR_OK) {
			const char *from = strstr(text, "AMQ8405I");
			const char *last = NULL;

			for (const char *at = text; at != NULL && *at != '\0';) {
				const char *next = strchr(at, '\n');

				last = at;
				at = next == NULL ? NULL : next + 1;
			}
			enum err said = buf_printf(&apply->why, "%s%s: %s", apply->why.len == 0 ? "" : "\n",
				options->scripts[index], from != NULL ? from : (last != NULL ? last : ""));

			(void)said;
		}
	}
	mqsc_script_free(script);
	buf_release(&report);
	return err;
}

/* --- putting it in force --- */

static void on_apply_published(void *ctx, enum err err)
{
	struct apply *apply = ctx;
	struct control *control = apply->control;

	if (err != ERR_OK) {
		say(apply, control->stopping ? "the broker is stopping" : control->publish_sentence);
		apply_end(apply, err);
		return;
	}
	LIST_FOR_EACH_SAFE(node, after, &control->channels)
	{
		struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object =
			catalog_find(control_catalog(control), OBJECT_CHANNEL, channel->name);
		struct buf why = BUF_INIT(1024);
		const char *text = "";

		if (channel->listener == NULL && channel->state == CHANNEL_RUNNING && object != NULL) {
			enum err opened = channel_open(channel, object, &why);

			if (opened != ERR_OK) {
				err = err == ERR_OK ? opened : err;
				if (buf_text(&why, &text) == ERR_OK) {
					say(apply, text);
				}
				channel_close(channel, MQTT_REASON_SERVER_SHUTTING_DOWN);
			}
		}
		buf_release(&why);
	}
	apply_end(apply, err);
}

static enum err commit_channels(struct apply *apply, const struct catalog *before)
{
	struct control *control = apply->control;
	enum err err = ERR_OK;

	LIST_FOR_EACH_SAFE(node, after, &control->channels)
	{
		struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *was =
			before == NULL ? NULL : catalog_find(before, OBJECT_CHANNEL, channel->name);
		const struct object *is = catalog_find(control->catalog, OBJECT_CHANNEL, channel->name);
		struct to_start *wanted = find_start(apply, channel->name);

		/* One that still reads its files for a START would take what an older configuration names. */
		if (channel->state == CHANNEL_STARTING || wanted == NULL || was == NULL || is == NULL ||
			!channel_listens_alike(was, is)) {
			channel_close(channel, MQTT_REASON_ADMINISTRATIVE_ACTION);
		}
	}
	for (size_t i = 0; i < apply->channel_count && err == ERR_OK; i++) {
		struct channel *channel = control_channel(control, apply->channels[i].channel);

		if (channel == NULL) {
			err = channel_new(control, apply->channels[i].channel, &channel);
		}
		if (err == ERR_OK) {
			if (apply->channels[i].material.crls == NULL) {
				struct material *gone = &channel->material; /* CRLFILE is no longer named */

				channel_let_go(channel, gone->crls, gone->crls_count);
				crl_set_unref(gone->crls);
				crl_set_unref(gone->held);
				gone->crls = NULL;
				gone->held = NULL;
				gone->crls_count = (struct hold_count){0, 0};
				gone->held_count = (struct hold_count){0, 0};
				channel->crl_failed = false;
			}
			channel_take(channel, &apply->channels[i].material);
			channel->state = CHANNEL_RUNNING;
		}
	}
	return err;
}

static void commit(struct apply *apply)
{
	struct control *control = apply->control;
	struct catalog *before = control->catalog;
	enum err err;

	admin_end_scripts(control);
	control_settle(control); /* what one of them had weighed was taken back */
	control->apply_committed = true;
	control->catalog = apply->catalog;
	apply->catalog = NULL;
	control->catalog_base = apply->catalog_base;
	login_setup_unref(control->logins);
	control->logins = apply->logins;
	apply->logins = NULL;
	control->login_failed = false;
	control->login_generation = apply->login_generation;
	err = commit_channels(apply, before);
	if (apply->force) {
		control_time_accept(control, true); /* it was REFRESH that forced it */
	}
	sources_refresh(control);
	catalog_free(before);
	if (apply->warnings.len > 0) {
		LOG(control->log, LOG_WARN, "LKG0408W",
			"the login configuration is allowed, but perhaps not what was meant",
			LF_BYTES("warnings", buf_bytes(&apply->warnings)));
	}
	control_dirty(control);
	if (err == ERR_OK) {
		err = control_published(control, on_apply_published, apply);
	}
	if (err != ERR_OK) {
		say(apply, err_name(err));
		apply_end(apply, err);
	}
}

/* --- weighed before it is put in force --- */

/* Whether a running channel stays as it listens; if not, its sessions end. */
static bool stays(const struct apply *apply, const char *name, const struct to_start *wanted)
{
	const struct object *was = catalog_find(apply->control->catalog, OBJECT_CHANNEL, name);
	const struct object *is = catalog_find(apply->catalog, OBJECT_CHANNEL, name);

	return wanted != NULL && was != NULL && is != NULL && channel_listens_alike(was, is);
}

static bool apply_channel(void *ctx, const char *name, const struct material **material)
{
	struct apply *apply = ctx;
	const struct to_start *wanted = find_start(apply, name);

	if (!stays(apply, name, wanted)) {
		return false;
	}
	*material = &wanted->material;
	return true;
}

static struct proposal apply_source(void *ctx)
{
	struct apply *apply = ctx;

	return (struct proposal){.catalog = apply->catalog,
		.catalog_base = apply->catalog_base,
		.logins = apply->logins,
		.login_generation = apply->login_generation,
		.channel = apply_channel,
		.ctx = apply};
}

static void on_apply_weighed(void *ctx, enum err err, const char *message)
{
	struct apply *apply = ctx;

	if (err == ERR_OK && !apply->control->stopping) {
		commit(apply);
		return;
	}
	if (err == ERR_OK) {
		err = ERR_STATE;
	} else {
		say(apply, message);
	}
	if (cut_may_force(err)) {
		const struct clock *clock = &apply->control->clock;

		held_reload_begin(&apply->control->held, clock_mono_ms(clock), clock_wall_ms(clock));
		say(apply, "REFRESH SECURITY TYPE(SSL) FORCE reads it again and takes it");
	}
	apply_end(apply, err);
}

static void weigh(struct apply *apply)
{
	struct cut_question question = {
		.source = apply_source, .done = on_apply_weighed, .ctx = apply, .crl_free = true};

	if (apply->force) {
		commit(apply);
	} else {
		control_weigh(apply->control, &question);
	}
}

static void part_in(struct apply *apply)
{
	apply->due--;
	if (apply->due > 0) {
		return;
	}
	if (apply->err == ERR_OK && !apply->control->stopping) {
		weigh(apply);
	} else {
		apply_end(apply, apply->err == ERR_OK ? ERR_STATE : apply->err);
	}
}

static void on_apply_loaded(struct load_job *load)
{
	struct apply *apply = load->ctx;
	struct to_start *wanted = find_start(apply, load->channel);

	if (load->err == ERR_OK && wanted != NULL) {
		wanted->material = load->material;
		wanted->loaded = true;
		load->material = (struct material){0};
	} else {
		const char *text = "";

		apply->err = apply->err == ERR_OK ? load->err : apply->err;
		if (buf_text(&load->why, &text) == ERR_OK) {
			say(apply, text);
		}
	}
	part_in(apply);
}

/* What the scripts want started must be able to start; all of it is tried, so that one look shows every fault. */
static void load_channels(struct apply *apply)
{
	struct control *control = apply->control;

	apply->due = 1;
	for (size_t i = 0; i < apply->channel_count; i++) {
		const struct object *object =
			catalog_find(apply->catalog, OBJECT_CHANNEL, apply->channels[i].channel);
		struct buf why = BUF_INIT(1024);
		const char *text = "";
		enum err err =
			object == NULL ? ERR_NOT_FOUND : channel_check_start(object, apply->logins, &why);

		if (err == ERR_OK) {
			err = sources_check(apply->catalog, object, &why);
		}
		if (err != ERR_OK) {
			if (buf_text(&why, &text) == ERR_OK) {
				say(apply, text[0] != '\0'
						   ? text
						   : "AMQ9519E: A channel that is started is not defined.");
			}
		} else {
			apply->due++;
			err = load_submit(control, object, on_apply_loaded, apply);
			if (err != ERR_OK) {
				apply->due--;
				say(apply, err_name(err));
			}
		}
		apply->err = apply->err == ERR_OK ? err : apply->err;
		buf_release(&why);
	}
	part_in(apply);
}

static void apply_done(struct job *job)
{
	struct apply *apply = CONTAINER_OF(job, struct apply, job);
	enum err err = apply->err;

	if (err == ERR_OK && apply->control->stopping) {
		err = ERR_STATE;
	}
	if (err == ERR_OK) {
		err = catalog_new(&apply->catalog);
	}
	for (size_t i = 0; i < apply->control->options->script_count && err == ERR_OK; i++) {
		err = run_script(apply, i);
	}
	if (err == ERR_OK) {
		err = sources_check_settings(catalog_find(apply->catalog, OBJECT_QMGR, ""), &apply->why);
	}
	if (err != ERR_OK) {
		apply_end(apply, err);
		return;
	}
	load_channels(apply);
}

void control_apply(struct control *control, control_done_fn done, void *ctx)
{
	bool busy = control->apply != NULL || control->stopping;
	struct apply *apply = busy ? NULL : calloc(1, sizeof(*apply));

	if (apply == NULL) {
		done(ctx, busy ? ERR_BUSY : ERR_NOMEM,
			busy ? "the configuration is being read already" : NULL);
		return;
	}
	control->apply_committed = false;
	apply->control = control;
	apply->force = control->apply_force;
	control->apply_force = false;
	held_reload_clear(&control->held);
	control->catalog_base_last += CATALOG_BASE_STEP;
	apply->catalog_base = control->catalog_base_last;
	apply->login_generation = control_next_generation(control);
	apply->done = done;
	apply->ctx = ctx;
	apply->why = BUF_INIT(64u * 1024u);
	apply->warnings = BUF_INIT(64u * 1024u);
	apply->texts = calloc(control->options->script_count + 1, sizeof(*apply->texts));
	apply->job = (struct job){.run = apply_run, .done = apply_done};
	control->apply = apply;
	if (apply->texts == NULL) {
		free(apply);
		control->apply = NULL;
		done(ctx, ERR_NOMEM, NULL);
		return;
	}
	for (size_t i = 0; i < control->options->script_count; i++) {
		apply->texts[i] = BUF_INIT(BROKER_SCRIPT_BYTES_MAX);
	}
	if (executor_submit(&control->executor, LANE_FILE, &apply->job) != ERR_OK) {
		apply_end(apply, ERR_BUSY);
	}
}
