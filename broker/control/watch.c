/*
 * watch.c - looks at revocation lists and login files each half second, and as soon as their folder changed; takes what is
 *           new and good.
 * Owns:    one job at a time.
 * Never:   lets a bad file change anything; says why once per version of it.
 * Threads: the control loop; looking and reading on a lane.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/control/control.h"
#include "broker/control/notice.h"
#include "jaas_like/jaas_like.h"

struct watched {
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	char *crl_path;
	uint8_t known[SHA256_BYTES]; /* of the version in force */
	uint8_t tried[SHA256_BYTES]; /* of the version that was bad */
	bool failed_before;
	struct crl_set *before;
	uint64_t generation;
	/* Answers. */
	bool changed;
	bool bad;     /* something could not be read, and not because it is still being written */
	char *folder; /* that changes of crl_path show in; NULL: no memory */
	uint8_t stamp[SHA256_BYTES];
	struct material material; /* of what is good; crls NULL: nothing of it is new */
	struct buf why;
	enum err err;
};

struct watch_job {
	struct job job;
	struct control *control;
	struct watched *channels;
	size_t count;
	struct login_setup *logins; /* in force; a reference */
	bool logins_failed_before;
	char *login_config;
	bool login_explicit;
	bool logins_changed;
	struct login_setup *fresh;
	struct buf login_why, warnings;
	enum err login_err;
};

static void watch_free(struct watch_job *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		free(watch->channels[i].crl_path);
		free(watch->channels[i].folder);
		crl_set_unref(watch->channels[i].before);
		material_release(&watch->channels[i].material);
		buf_release(&watch->channels[i].why);
	}
	free(watch->channels);
	login_setup_unref(watch->logins);
	login_setup_unref(watch->fresh);
	free(watch->login_config);
	buf_release(&watch->login_why);
	buf_release(&watch->warnings);
	free(watch);
}

/* --- on the lane --- */

/* Whether a list of now was not there before. */
static bool brings_news(const struct crl_set *now, const struct crl_set *before)
{
	for (size_t i = 0; now != NULL && i < crl_set_count(now); i++) {
		if (before == NULL || !crl_set_has(before, crl_set_at(now, i))) {
			return true;
		}
	}
	return false;
}

/*
 * Not all could be read. What the good files say anew counts at once; of the others nothing has changed. While one is written
 * in place, or was just renamed, that it is not good says nothing yet.
 */
static void judge_bad(struct watched *channel)
{
	struct clock clock = clock_system();
	uint8_t stamp[SHA256_BYTES];
	bool moving = crl_stamp(channel->crl_path, stamp) != ERR_OK ||
		      memcmp(stamp, channel->stamp, SHA256_BYTES) != 0;

	channel->bad = !moving && !crl_settling(channel->crl_path, clock_wall_ms(&clock));
	if (!brings_news(channel->material.crls, channel->before)) {
		material_release(&channel->material);
	}
}

static void look_at_crls(struct watched *channel)
{
	channel->err = crl_stamp(channel->crl_path, channel->stamp);
	if (channel->err != ERR_OK) {
		channel->bad = !channel->failed_before;
		channel->changed = channel->bad;
		enum err said = buf_printf(&channel->why, "CRLFILE %s: %s", channel->crl_path,
			channel->err == ERR_NOT_FOUND ? "there is no such file or folder"
						      : err_name(channel->err));
		(void)said;
		return;
	}
	bool same = memcmp(channel->stamp, channel->known, SHA256_BYTES) == 0;
	bool tried = memcmp(channel->stamp, channel->tried, SHA256_BYTES) == 0;

	if ((same && !channel->failed_before) || tried) {
		return;
	}
	struct material_options options = {
		.channel = channel->channel,
		.keystore_path = "",
		.passphrase_source = "",
		.cipher = "",
		.crl_path = channel->crl_path,
		.crls_before = channel->before,
		.crl_generation = channel->generation,
		.pass_over_bad = true,
		.want_crls = true,
	};

	channel->err = material_load(&options, &channel->material, &channel->why);
	if (channel->err != ERR_OK || channel->material.crls_partial) {
		judge_bad(channel);
	}
	channel->changed = channel->bad || channel->material.crls != NULL;
}

static void watch_run(struct job *job)
{
	struct watch_job *watch = CONTAINER_OF(job, struct watch_job, job);

	for (size_t i = 0; i < watch->count; i++) {
		look_at_crls(&watch->channels[i]);
		watch->channels[i].folder = notice_folder(watch->channels[i].crl_path);
	}
	watch->logins_changed = control_logins_stale(watch->logins, watch->login_config);
	if (watch->logins_changed) {
		watch->login_err = control_load_logins(watch->login_config, watch->login_explicit,
			&watch->fresh, &watch->login_why, &watch->warnings);
	}
}

/* --- back on the loop --- */

/* SIGHUP may have given the channel another CRLFILE while the old one was read. */
static bool still_named(const struct control *control, const struct watched *watched)
{
	const struct object *object =
		catalog_find(control_catalog(control), OBJECT_CHANNEL, watched->channel);

	return object != NULL && strcmp(object_text(object, "CRLFILE"), watched->crl_path) == 0;
}

/* One line for all that no file holds since this look, however many. */
static void say_held(struct control *control, const struct channel *channel, const struct watched *watched)
{
	const struct crl_set *held = watched->material.held;
	const struct crl_set *before = channel->material.held;
	const struct crl *first = NULL;
	struct buf issuer = BUF_INIT(8192);
	char until[CLOCK_TEXT_BYTES] = "";
	size_t lists = 0;
	size_t entries = 0;

	for (size_t i = 0; held != NULL && i < crl_set_count(held); i++) {
		const struct crl *crl = crl_set_at(held, i);

		if (before == NULL || !crl_set_has(before, crl)) {
			first = first == NULL ? crl : first;
			lists++;
			entries += crl_entry_count(crl);
		}
	}
	if (first == NULL) {
		return;
	}
	if (crl_print_issuer(first, &issuer) != ERR_OK) {
		issuer.len = 0; /* then the folder has to do */
	}
	if (crl_next_update(first) != X509_NEVER) {
		clock_format(crl_next_update(first) * 1000, until);
	}
	LOG(control->log, LOG_WARN, "LKG0427W",
		"a revocation list is gone from CRLFILE, or an older one came; it stays in force until "
		"REFRESH "
		"SECURITY TYPE(SSL) lets it go",
		LF_TEXT("channel", channel->name), LF_TEXT("crlfile", watched->crl_path),
		LF_BYTES("issuer", buf_bytes(&issuer)), LF_TEXT("next_update", until), LF_INT("lists", lists),
		LF_INT("entries", entries));
	buf_release(&issuer);
}

static bool take_crls(struct control *control, struct watched *watched)
{
	struct channel *channel = control_channel(control, watched->channel);

	/* REFRESH or SIGHUP may have let go what was held here: the next look finds what is to be found. */
	if (channel == NULL || !watched->changed || !still_named(control, watched) ||
		channel->material.crls != watched->before) {
		return false;
	}
	bool first = watched->bad && !channel->crl_failed;
	bool news = watched->material.crls != NULL;

	if (news) {
		bool partial = watched->material.crls_partial;

		say_held(control, channel, watched);
		channel_take(channel, &watched->material);
		memset(channel->crl_tried, 0, SHA256_BYTES);
		if (partial) { /* not all that these files say is known: they are read again */
			memset(channel->material.crl_stamp, 0, SHA256_BYTES);
			channel->crl_failed = watched->failed_before;
		}
		LOG(control->log, LOG_INFO, "LKG0405I", "revocation lists taken",
			LF_TEXT("channel", channel->name),
			LF_INT("lists", channel->material.crls_count.lists),
			LF_INT("held", channel->material.held_count.lists));
	}
	if (watched->bad) {
		memcpy(channel->crl_tried, watched->stamp, SHA256_BYTES);
		channel->crl_failed = true;
		LOG(control->log, LOG_ERROR, "LKG0404E",
			"CRLFILE could not be read; what was known of it stays in force",
			LF_TEXT("channel", channel->name), LF_BYTES("why", buf_bytes(&watched->why)));
	}
	return news || first;
}

/* A setup that lost an entry which a channel in use names would shut that channel's door: it is not taken. */
static enum err check_entries(struct control *control, const struct login_setup *setup, struct buf *why)
{
	enum err err = ERR_OK;

	LIST_FOR_EACH(node, &control->channels)
	{
		const struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object =
			catalog_find(control_catalog(control), OBJECT_CHANNEL, channel->name);

		if (err == ERR_OK && object != NULL) {
			err = channel_check_start(object, setup, why);
		}
	}
	return err;
}

static bool take_logins(struct control *control, struct watch_job *watch)
{
	if (!watch->logins_changed || control->logins != watch->logins) {
		return false; /* REFRESH or SIGHUP was faster */
	}
	enum err err = watch->login_err;

	if (err == ERR_OK) {
		err = check_entries(control, watch->fresh, &watch->login_why);
	}
	if (err != ERR_OK) {
		if (!control->login_failed) {
			LOG(control->log, LOG_ERROR, "LKG0406E",
				"the login files are not good; what was read before stays in force",
				LF_BYTES("why", buf_bytes(&watch->login_why)));
		}
		control->login_failed = true;
		return false;
	}
	login_setup_unref(control->logins);
	control->logins = watch->fresh;
	watch->fresh = NULL;
	control->login_failed = false;
	control->login_generation = control_next_generation(control);
	LOG(control->log, LOG_INFO, "LKG0407I", "login files taken",
		LF_BYTES("warnings", buf_bytes(&watch->warnings)));
	return true;
}

/* Their folders' changes are told at once. What they are was found on the lane: the loop asks no file system that may hang. */
static void set_notices(struct control *control, const struct watch_job *watch)
{
	const char *folders[NOTICE_FOLDERS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < watch->count && count < ARRAY_COUNT(folders); i++) {
		if (watch->channels[i].folder != NULL) {
			folders[count++] = watch->channels[i].folder;
		}
	}
	if (control->notices != NULL) {
		notices_set(control->notices, folders, count);
	}
}

static void watch_again(struct control *control);

static void watch_done(struct job *job)
{
	struct watch_job *watch = CONTAINER_OF(job, struct watch_job, job);
	struct control *control = watch->control;
	bool changed = false;

	control->watch = NULL;
	if (!control->stopping) {
		for (size_t i = 0; i < watch->count; i++) {
			changed = take_crls(control, &watch->channels[i]) || changed;
		}
		changed = take_logins(control, watch) || changed;
		if (changed) {
			control_dirty(control);
		}
		set_notices(control, watch);
		watch_again(control);
	}
	watch_free(watch);
}

static enum err watch_fill(struct control *control, struct watch_job *watch)
{
	size_t count = 0;

	LIST_FOR_EACH(node, &control->channels)
	{
		count++;
	}
	watch->channels = calloc(count + 1, sizeof(*watch->channels));
	watch->login_config = strdup(control->login_config);
	if (watch->channels == NULL || watch->login_config == NULL) {
		return ERR_NOMEM;
	}
	LIST_FOR_EACH(node, &control->channels)
	{
		const struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object =
			catalog_find(control_catalog(control), OBJECT_CHANNEL, channel->name);

		if (object == NULL || channel->state != CHANNEL_RUNNING ||
			object_text_or_null(object, "CRLFILE") == NULL) {
			continue;
		}
		struct watched *watched = &watch->channels[watch->count];

		watched->crl_path = strdup(object_text(object, "CRLFILE"));
		if (watched->crl_path == NULL) {
			return ERR_NOMEM;
		}
		watch->count++;
		memcpy(watched->channel, channel->name, sizeof(watched->channel));
		memcpy(watched->known, channel->material.crl_stamp, SHA256_BYTES);
		memcpy(watched->tried, channel->crl_tried, SHA256_BYTES);
		watched->failed_before = channel->crl_failed;
		watched->before = channel->material.crls == NULL ? NULL : crl_set_ref(channel->material.crls);
		watched->generation = control_next_generation(control);
		watched->why = BUF_INIT(2048);
	}
	watch->logins = control->logins;
	if (watch->logins != NULL) {
		login_setup_ref(watch->logins);
	}
	watch->login_explicit = control->options->login_config != NULL;
	watch->login_why = BUF_INIT(2048);
	watch->warnings = BUF_INIT(8192);
	return ERR_OK;
}

static void on_watch_timer(struct wheel_timer *timer)
{
	struct control *control = CONTAINER_OF(timer, struct control, watch_timer);

	control->watch_noticed = false; /* what is noticed from here on is not in this look */
	struct watch_job *watch = control->apply != NULL ? NULL : calloc(1, sizeof(*watch));
	enum err err = watch == NULL ? ERR_NOMEM : watch_fill(control, watch);

	if (err == ERR_OK) {
		watch->control = control;
		watch->job = (struct job){.run = watch_run, .done = watch_done};
		err = executor_submit(&control->executor, LANE_FILE, &watch->job);
	}
	if (err == ERR_OK) {
		control->watch = watch;
		return;
	}
	if (watch != NULL) {
		watch_free(watch);
	}
	watch_again(control);
}

static void watch_in(struct control *control, uint64_t ms)
{
	control->watch_timer.fn = on_watch_timer;
	wheel_cancel(control->wheel, &control->watch_timer);
	wheel_add(control->wheel, &control->watch_timer, clock_mono_ms(&control->clock) + ms);
}

static void watch_again(struct control *control)
{
	watch_in(control, control->watch_noticed ? BROKER_NOTICE_MS : BROKER_WATCH_MS);
	control->watch_noticed = false;
}

static void on_notice(void *ctx)
{
	struct control *control = ctx;

	if (control->stopping || control->watch_noticed) {
		return;
	}
	control->watch_noticed = true; /* of a look that is under way, and until the next one begins */
	if (control->watch == NULL) {
		watch_in(control, BROKER_NOTICE_MS);
	}
}

void control_watch_start(struct control *control)
{
	if (notices_new(net_control_loop(control->shared->net), on_notice, control, &control->notices) !=
		ERR_OK) {
		control->notices = NULL; /* then a change is seen at the next turn */
	}
	watch_again(control);
}

void control_watch_stop(struct control *control)
{
	wheel_cancel(control->wheel, &control->watch_timer);
	notices_free(control->notices);
	control->notices = NULL;
}
