/*
 * keystores.c - watches the keystores of running channels, and the files that their passphrases come from.
 * Owns:    one look at a time, and what is known of each channel's last try.
 * Never:   lets a bad or half-written file change anything; takes one that closes too many sessions (CUTHOLD).
 * Threads: the control loop; looking and reading on a lane.
 *
 * Keystore and passphrase may be replaced one behind the other, in either order: meanwhile they do not fit, and nothing is
 * said before that has lasted for KEYSTORE_PATIENCE_MS. Another content of either is another try.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/control/control.h"

#define KEYSTORE_PATIENCE_MS 3000u
#define KEYSTORE_RETRY_MS    10000u /* a bad one again: a certificate may have become valid since */

struct looked {
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	uint64_t serial;
	char *path, *source;
	struct keystore_look before, found;
	enum err err;
};

struct look_job {
	struct job job;
	struct control *control;
	uint64_t configuration;
	struct looked *channels;
	size_t count;
};

static void job_free(struct look_job *look)
{
	for (size_t i = 0; i < look->count; i++) {
		free(look->channels[i].path);
		free(look->channels[i].source);
	}
	free(look->channels);
	free(look);
}

static void look_run(struct job *job)
{
	struct look_job *look = CONTAINER_OF(job, struct look_job, job);
	struct clock clock = clock_system();

	for (size_t i = 0; i < look->count; i++) {
		struct looked *looked = &look->channels[i];

		looked->err = keystore_look(
			looked->path, looked->source, clock_wall_ms(&clock), &looked->before, &looked->found);
	}
}

/* --- a keystore that is read because it changed --- */

struct keystore_try {
	struct control *control;
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	uint64_t serial, configuration;
	struct keystore_look look;
	uint8_t instead_of[SHA256_BYTES]; /* what was in force when it was begun */
	struct material material;
};

static struct channel *tried_channel(const struct keystore_try *try)
{
	struct channel *channel = control_channel(try->control, try->channel);

	/* REFRESH may have been faster, and have read what is newer: the next look finds out. */
	return channel != NULL && channel->serial == try->serial &&
			       control_configuration(try->control) == try->configuration &&
			       memcmp(channel->material.look.digest, try->instead_of, SHA256_BYTES) == 0
		       ? channel
		       : NULL;
}

static void try_free(struct keystore_try *try)
{
	struct channel *channel = control_channel(try->control, try->channel);

	if (channel != NULL && channel->serial == try->serial) {
		channel->keystore.trying = false;
	}
	material_release(&try->material);
	free(try);
}

static void note_try(
	struct channel *channel, const struct keystore_try *try, enum keystore_fate fate, struct bytes why)
{
	struct keystore_watch *watch = &channel->keystore;
	char *copy = NULL;

	bool again = watch->fate == fate && memcmp(watch->tried, try->look.digest, SHA256_BYTES) == 0;

	free(watch->why);
	watch->why = bytes_dup_text(why, &copy) == ERR_OK ? copy : NULL;
	watch->fate = fate;
	watch->said = again && watch->said;
	watch->tried_ms = clock_mono_ms(&try->control->clock);
	watch->since_ms = again ? watch->since_ms : watch->tried_ms;
	memcpy(watch->tried, try->look.digest, sizeof(watch->tried));
}

static void take(struct keystore_try *try, struct channel *channel)
{
	char expires[CLOCK_TEXT_BYTES] = "";

	clock_format(try->material.leaf_not_after * 1000, expires);
	channel_take(channel, &try->material);
	LOG(try->control->log, LOG_INFO, "LKG0416I", "changed keystore taken",
		LF_TEXT("channel", channel->name), LF_TEXT("expires", expires));
	control_dirty(try->control);
}

static bool try_channel(void *ctx, const char *name, const struct material **material)
{
	const struct keystore_try *try = ctx;

	if (strcmp(name, try->channel) == 0) {
		*material = &try->material;
	}
	return true;
}

static struct proposal try_source(void *ctx)
{
	struct keystore_try *try = ctx;
	struct proposal source = control_in_force(try->control);

	source.channel = try_channel;
	source.ctx = try;
	return source;
}

static void on_try_weighed(void *ctx, enum err err, const char *message)
{
	struct keystore_try *try = ctx;
	struct channel *channel = tried_channel(try);

	if (channel == NULL || try->control->stopping) {
		try_free(try);
		return;
	}
	if (err == ERR_OK) {
		take(try, channel);
	} else {
		/* What could not be counted is not held: it is tried again as a bad one is. */
		note_try(channel, try, err == ERR_BUSY ? KEYSTORE_HELD : KEYSTORE_BAD, bytes_text(message));
	}
	if (err == ERR_BUSY) {
		channel->keystore.said = true;
		held_reload_pass(&try->control->held); /* a FORCE from now on is meant for this */
		LOG(try->control->log, LOG_WARN, "LKG0418W",
			"a changed keystore is held: REFRESH SECURITY TYPE(SSL) FORCE takes it",
			LF_TEXT("channel", channel->name), LF_TEXT("why", message));
	}
	try_free(try);
}

static void on_try_loaded(struct load_job *load)
{
	struct keystore_try *try = load->ctx;
	struct channel *channel = tried_channel(try);
	const struct object *object =
		catalog_find(control_catalog(try->control), OBJECT_CHANNEL, try->channel);

	if (channel == NULL || object == NULL || try->control->stopping) {
		try_free(try);
		return;
	}
	if (load->err != ERR_OK) {
		note_try(channel, try, KEYSTORE_BAD, buf_bytes(&load->why));
		try_free(try);
		return;
	}
	try->material = load->material;
	load->material = (struct material){0};
	if (object_is(object, "CUTHOLD", "NO")) {
		take(try, channel);
		try_free(try);
		return;
	}
	struct cut_question question = {
		.source = try_source, .done = on_try_weighed, .ctx = try, .crl_free = true};

	control_weigh(try->control, &question);
}

static void try_keystore(struct control *control, struct channel *channel, const struct looked *looked)
{
	const struct object *object = catalog_find(control_catalog(control), OBJECT_CHANNEL, channel->name);
	struct keystore_try *try = object == NULL ? NULL : calloc(1, sizeof(*try));

	if (try == NULL) {
		return; /* the next look finds it again */
	}
	*try = (struct keystore_try){.control = control,
		.serial = channel->serial,
		.configuration = control_configuration(control),
		.look = looked->found};
	memcpy(try->channel, channel->name, sizeof(try->channel));
	memcpy(try->instead_of, channel->material.look.digest, SHA256_BYTES);
	channel->keystore.trying = true;
	if (load_submit_keystore(control, object, on_try_loaded, try) != ERR_OK) {
		try_free(try);
	}
}

/* --- what was seen --- */

/* A try that failed is said once its files have had the time to become whole, and to fit. */
static void say_if_it_stays(struct control *control, struct channel *channel)
{
	struct keystore_watch *watch = &channel->keystore;

	if (watch->fate != KEYSTORE_BAD || watch->said ||
		clock_mono_ms(&control->clock) < watch->since_ms + KEYSTORE_PATIENCE_MS) {
		return;
	}
	watch->said = true;
	LOG(control->log, LOG_ERROR, "LKG0417E",
		"the keystore was changed and is not good; what was in force stays",
		LF_TEXT("channel", channel->name), LF_TEXT("why", watch->why == NULL ? "" : watch->why));
}

static void seen(struct control *control, const struct looked *looked)
{
	struct channel *channel = control_channel(control, looked->channel);

	if (channel == NULL || channel->serial != looked->serial || looked->err != ERR_OK ||
		channel->keystore.trying) {
		return;
	}
	struct keystore_watch *watch = &channel->keystore;
	const uint8_t *digest = looked->found.digest;

	watch->look = looked->found;
	if (memcmp(digest, channel->material.look.digest, SHA256_BYTES) == 0) {
		watch->fate = KEYSTORE_GOOD; /* it is, or is again, what is in force */
	} else if (watch->fate != KEYSTORE_GOOD && memcmp(digest, watch->tried, SHA256_BYTES) == 0) {
		say_if_it_stays(control, channel);
		if (watch->fate == KEYSTORE_BAD &&
			clock_mono_ms(&control->clock) >= watch->tried_ms + KEYSTORE_RETRY_MS) {
			try_keystore(control, channel, looked);
		}
	} else {
		try_keystore(control, channel, looked);
	}
}

static void watch_again(struct control *control);

static void look_done(struct job *job)
{
	struct look_job *look = CONTAINER_OF(job, struct look_job, job);
	struct control *control = look->control;

	if (!control->stopping) {
		for (size_t i = 0; i < look->count && control->apply == NULL &&
				   look->configuration == control_configuration(control);
			i++) {
			seen(control, &look->channels[i]);
		}
		watch_again(control);
	}
	job_free(look);
}

static enum err fill(struct control *control, struct look_job *look)
{
	size_t count = 0;

	LIST_FOR_EACH(node, &control->channels)
	{
		count++;
	}
	look->channels = calloc(count + 1, sizeof(*look->channels));
	if (look->channels == NULL) {
		return ERR_NOMEM;
	}
	LIST_FOR_EACH(node, &control->channels)
	{
		const struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object =
			catalog_find(control_catalog(control), OBJECT_CHANNEL, channel->name);

		if (object == NULL || channel->state != CHANNEL_RUNNING || channel->keystore.trying ||
			object_text_or_null(object, "SSLKEYR") == NULL) {
			continue;
		}
		struct looked *looked = &look->channels[look->count];

		looked->path = strdup(object_text(object, "SSLKEYR"));
		looked->source = strdup(object_text(object, "SSLKEYP"));
		look->count++;
		if (looked->path == NULL || looked->source == NULL) {
			return ERR_NOMEM;
		}
		memcpy(looked->channel, channel->name, sizeof(looked->channel));
		looked->serial = channel->serial;
		looked->before = channel->keystore.look;
	}
	return ERR_OK;
}

static void on_timer(struct wheel_timer *timer)
{
	struct control *control = CONTAINER_OF(timer, struct control, keystore_timer);
	struct look_job *look = control->apply != NULL ? NULL : calloc(1, sizeof(*look));
	enum err err = look == NULL ? ERR_NOMEM : fill(control, look);

	if (err == ERR_OK) {
		look->control = control;
		look->configuration = control_configuration(control);
		look->job = (struct job){.run = look_run, .done = look_done};
		err = executor_submit(&control->executor, LANE_FILE, &look->job);
	}
	if (err != ERR_OK) {
		if (look != NULL) {
			job_free(look);
		}
		watch_again(control);
	}
}

static void watch_again(struct control *control)
{
	control->keystore_timer.fn = on_timer;
	wheel_add(control->wheel, &control->keystore_timer, clock_mono_ms(&control->clock) + BROKER_WATCH_MS);
}

void control_keystores_start(struct control *control)
{
	watch_again(control);
}

void control_keystores_stop(struct control *control)
{
	wheel_cancel(control->wheel, &control->keystore_timer);
}
