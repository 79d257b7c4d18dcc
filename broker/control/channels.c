/*
 * channels.c - starting, stopping and refreshing channels.
 * Owns:    channels, the jobs that load their files.
 * Never:   lets a channel accept before every worker knows its policy.
 * Threads: the control loop; loading on a lane.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/connection.h"
#include "broker/control/control.h"
#include "broker/control/identities.h"
#include "jaas_like/jaas_like.h"

static_assert(MQSC_CERT_LABELS_MAX == TLS_IDENTITIES_MAX, "what CERTLABL names can be served");

struct channel *control_channel(struct control *control, const char *name)
{
	LIST_FOR_EACH(node, &control->channels)
	{
		struct channel *channel = CONTAINER_OF(node, struct channel, node);

		if (strcmp(channel->name, name) == 0) {
			return channel;
		}
	}
	return NULL;
}

/* --- what may start --- */

static bool is_blank(const struct object *object, const char *key)
{
	return object_text_or_null(object, key) == NULL;
}

static enum err refuse(struct buf *why, const struct object *object, const char *sentence)
{
	enum err err =
		buf_printf(why, "AMQ9524E: Channel '%s' cannot start: %s.", object_name(object), sentence);

	return err == ERR_OK ? ERR_INVALID : err;
}

enum err channel_check_start(const struct object *object, const struct login_setup *logins, struct buf *why)
{
	struct tls_spec spec;
	struct net_error error = {0};

	if (is_blank(object, "SSLKEYR")) {
		if (!is_blank(object, "SSLCIPH") || !is_blank(object, "SSLPEER") ||
			!is_blank(object, "CRLFILE")) {
			return refuse(why, object, "SSLCIPH, SSLPEER and CRLFILE need SSLKEYR");
		}
		if (is_blank(object, "LOCLADDR") || is_blank(object, "MCAUSER")) {
			return refuse(why, object,
				"without SSLKEYR it speaks plain MQTT, and then LOCLADDR and MCAUSER must "
				"say where and as whom");
		}
	} else if (is_blank(object, "SSLKEYP")) {
		return refuse(why, object, "SSLKEYP must say where the keystore's passphrase is");
	} else if (tls_spec_find(object_text_or_null(object, "SSLCIPH"), &spec, &error) != ERR_OK) {
		return refuse(why, object, error.sentence);
	}
	if (!is_blank(object, "JAASCFG") &&
		(logins == NULL || !login_setup_has_entry(logins, object_text(object, "JAASCFG")))) {
		return refuse(
			why, object, "JAASCFG names an entry that the login configuration does not have");
	}
	return ERR_OK;
}

static enum tls_client_auth client_auth_of(const struct object *object)
{
	if (object_is(object, "SSLCAUTH", "NEVER")) {
		return TLS_CLIENT_AUTH_NEVER;
	}
	return object_is(object, "SSLCAUTH", "OPTIONAL") ? TLS_CLIENT_AUTH_OPTIONAL
							 : TLS_CLIENT_AUTH_REQUIRED;
}

void channel_material_options(struct control *control, const struct object *object,
	const struct channel *before, struct material_options *out)
{
	*out = (struct material_options){
		.channel = object_name(object),
		.keystore_path = object_text(object, "SSLKEYR"),
		.passphrase_source = object_text(object, "SSLKEYP"),
		.cipher = object_text(object, "SSLCIPH"),
		.client_auth = client_auth_of(object),
		.staple = object_is(object, "STAPLE", "YES"),
		.crl_path = object_text(object, "CRLFILE"),
		.trust_generation = control_next_generation(control),
		.crl_generation = control_next_generation(control),
		.now = control_time_new(control),
		.want_keystore = true,
		.want_crls = true,
		.let_go = true, /* only the watch of the files is no operator */
	};
	out->label_count = object_list_count(object, "CERTLABL");
	assert(out->label_count <= TLS_IDENTITIES_MAX); /* check.c refuses more */
	for (size_t i = 0; i < out->label_count; i++) {
		(void)snprintf(out->labels[i], sizeof(out->labels[i]), "%s",
			object_list_item(object, "CERTLABL", i));
	}
	if (before != NULL) {
		out->passphrase = secret_bytes(&before->material.passphrase);
		out->crls_before = before->material.crls;
	}
}

/* --- a channel --- */

enum err channel_new(struct control *control, const char *name, struct channel **out)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (channel == NULL) {
		return ERR_NOMEM;
	}
	channel->control = control;
	channel->serial = ++control->channel_serial;
	channel->state = CHANNEL_STARTING;
	memcpy(channel->name, name, strlen(name) + 1); /* the catalog bounds it */
	list_push_back(&control->channels, &channel->node);
	*out = channel;
	return ERR_OK;
}

static bool on_may_accept(void *ctx, unsigned at, const struct net_address *peer)
{
	struct channel *channel = ctx;

	return connection_may_accept(&channel->control->shared->workers[at], channel->name, peer);
}

static void on_accept(void *ctx, unsigned at, struct io *io)
{
	struct channel *channel = ctx;

	connection_accept(&channel->control->shared->workers[at], channel->name, io);
}

static void channel_free(struct channel *channel)
{
	material_release(&channel->material);
	free(channel->keystore.why);
	channel_lists_release(&channel->lists);
	free(channel);
}

static void on_gone(void *ctx)
{
	channel_free(ctx);
}

enum err channel_open(struct channel *channel, const struct object *object, struct buf *why)
{
	struct net_error error = {0};
	struct listener_options options = {
		.address = object_text_or_null(object, "LOCLADDR"),
		.port = (uint16_t)object_number(object, "PORT"),
		.backlog = (unsigned)object_number(object, "BACKLOG"),
		.connections_max = (unsigned)object_number(object, "MAXINST"),
		.tls = channel->material.tls,
		.limits = {.handshake_ms = (uint32_t)object_number(object, "CONNTIMEO") * 1000},
		.calls = {on_may_accept, on_accept, on_gone, channel},
	};
	enum err err = listener_open(channel->control->shared->net, &options, &channel->listener, &error);

	if (err != ERR_OK) {
		channel->listener = NULL;
		enum err said = buf_printf(
			why, "AMQ9218E: Channel '%s' cannot listen: %s", channel->name, error.sentence);

		return said == ERR_OK ? err : said;
	}
	channel->port = listener_port(channel->listener);
	channel->started_ms = clock_wall_ms(&channel->control->clock);
	LOG(channel->control->log, LOG_INFO, "LKG0200I", "channel started", LF_TEXT("channel", channel->name),
		LF_INT("port", channel->port), LF_BOOL("tls", channel->material.tls != NULL));
	return ERR_OK;
}

void channel_let_go(struct channel *channel, const struct crl_set *gone, struct hold_count count)
{
	struct control *control = channel->control;
	struct crl_set *rest = NULL;

	if (gone == NULL) {
		return;
	}
	if (channel->lists.joined != NULL) {
		if (hold_without(channel->lists.joined, gone, control_next_generation(control), &rest) ==
			ERR_OK) {
			crl_set_unref(channel->lists.joined);
			channel->lists.joined = rest;
		}
		channel->lists.stale = true; /* what was fetched, too, joins again */
	}
	LOG(control->log, LOG_WARN, "LKG0428W",
		"revocation lists that CRLFILE does not hold any more were let go",
		LF_TEXT("channel", channel->name), LF_INT("lists", count.lists),
		LF_INT("entries", count.entries));
}

/* What is in the file and of no use, once for as long as it is the same. */
static void kept_log(
	const struct inventory *now, const struct inventory *before, const struct channel *channel)
{
	if (now->kept_count == 0 ||
		(now->kept_count == before->kept_count && strcmp(now->kept, before->kept) == 0)) {
		return;
	}
	LOG(channel->control->log, LOG_WARN, "LKG0208W", "entries of the keystore are kept, not usable",
		LF_TEXT("channel", channel->name), LF_INT("entries", now->kept_count),
		LF_TEXT("which", now->kept));
}

void channel_take(struct channel *channel, struct material *material)
{
	struct material *into = &channel->material;

	if (material->tls != NULL) {
		identities_log(material->tls, into->tls, channel->name, channel->control->log);
		tls_set_unref(into->tls);
		trust_set_unref(into->trust);
		into->tls = material->tls;
		into->trust = material->trust;
		into->leaf_not_after = material->leaf_not_after;
		into->look = material->look;
		channel->keystore.fate =
			KEYSTORE_GOOD; /* what was said of a bad one is said anew if it comes again */
		struct inventory before = into->inventory;

		into->inventory = material->inventory;
		material->inventory = before; /* released with it */
		material->tls = NULL;
		material->trust = NULL;
		kept_log(&into->inventory, &material->inventory, channel);
		control_staple(channel->control, channel->name, material);
		if (channel->listener != NULL) {
			listener_set_tls(channel->listener, into->tls);
		}
	}
	if (material->crls != NULL && into->crls != NULL &&
		crl_set_generation(into->crls) != material->crls_known &&
		material_join_files(material, into->crls, control_next_generation(channel->control)) !=
			ERR_OK) {
		/* Out of memory: what is in force stays, and the watch finds that it is not what the files say. */
		crl_set_unref(material->crls);
		material->crls = NULL;
	}
	if (material->crls != NULL) {
		channel_let_go(channel, material->gone, material->gone_count);
		crl_set_unref(into->crls);
		into->crls = material->crls;
		into->crls_count = material->crls_count;
		if (!material->crls_partial) {
			crl_set_unref(into->held);
			into->held = material->held;
			into->held_count = material->held_count;
			material->held = NULL;
		}
		memcpy(into->crl_stamp, material->crl_stamp, sizeof(into->crl_stamp));
		material->crls = NULL;
		channel->crl_failed = false;
	}
	if (material->passphrase.data != NULL) {
		secret_free(&into->passphrase);
		into->passphrase = material->passphrase;
		material->passphrase = SECRET_NONE;
	}
	material_release(material);
}

/* --- closing sessions on the workers --- */

struct close_letter {
	struct mail mail;
	struct shared *shared;
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	char *client_id; /* NULL: every session of the channel */
	uint8_t reason;
	bool end_session;
};

static void close_connections(
	struct worker *worker, struct list *connections, const struct close_letter *letter)
{
	LIST_FOR_EACH_SAFE(node, after, connections)
	{
		struct connection *connection = CONTAINER_OF(node, struct connection, node);

		if (strcmp(connection->channel, letter->channel) != 0) {
			continue;
		}
		const char *id = connection->identity == NULL ? NULL : connection->identity->client_id;

		if (letter->client_id != NULL && (id == NULL || strcmp(letter->client_id, id) != 0)) {
			continue;
		}
		if (connection->session != NULL) {
			enum err err = hub_session_close(worker->hub, bytes_text(id), letter->reason,
				SESSION_WILL_PUBLISH, letter->end_session);

			if (err == ERR_OK) {
				continue;
			}
		}
		if (connection->io != NULL) {
			io_close(connection->io);
		}
	}
}

static void on_close_letter(struct mail *mail, unsigned at)
{
	struct close_letter *letter = CONTAINER_OF(mail, struct close_letter, mail);
	struct worker *worker = &letter->shared->workers[at];

	close_connections(worker, &worker->connections, letter);
	close_connections(worker, &worker->unjudged, letter);
	if (letter->client_id != NULL && letter->end_session) {
		/* Detached sessions too; not here is no error. */
		enum err err = hub_session_close(
			worker->hub, bytes_text(letter->client_id), letter->reason, SESSION_WILL_DROP, true);
		(void)err;
	}
	free(letter->client_id);
	free(letter);
}

static enum err close_sessions(struct control *control, const struct close_letter *what)
{
	unsigned workers = net_worker_count(control->shared->net);
	enum err err = ERR_OK;

	for (unsigned at = 0; at < workers; at++) {
		struct close_letter *letter = calloc(1, sizeof(*letter));

		if (letter == NULL) {
			return ERR_NOMEM;
		}
		*letter = *what;
		letter->mail = (struct mail){.run = on_close_letter};
		letter->shared = control->shared;
		letter->client_id = NULL;
		if (what->client_id != NULL) {
			letter->client_id = strdup(what->client_id);
			if (letter->client_id == NULL) {
				free(letter);
				return ERR_NOMEM;
			}
		}
		net_post_reserved(control->shared->net, at, &letter->mail);
	}
	return err;
}

static void channel_end(struct channel *channel, uint8_t reason, bool end_sessions)
{
	struct control *control = channel->control;
	struct close_letter what = {.reason = reason, .end_session = end_sessions};

	memcpy(what.channel, channel->name, sizeof(what.channel));
	control_staple_end(control, channel->name);
	list_remove(&channel->node);
	LOG(control->log, LOG_INFO, "LKG0201I", "channel stopped", LF_TEXT("channel", channel->name));
	if (channel->listener != NULL) {
		struct listener *listener = channel->listener;

		channel->listener = NULL;
		listener_close(listener); /* on_gone frees the channel */
	} else {
		channel_free(channel);
	}
	if (!control->stopping && close_sessions(control, &what) != ERR_OK) {
		LOG(control->log, LOG_ERROR, "LKG0202E",
			"sessions of a stopped channel could not all be closed",
			LF_TEXT("channel", what.channel));
	}
	control_dirty(control);
}

void channel_close(struct channel *channel, uint8_t reason)
{
	channel_end(channel, reason, false);
}

bool channel_listens_alike(const struct object *a, const struct object *b)
{
	static const char *const keys[] = {"LOCLADDR"};
	bool alike =
		object_number(a, "PORT") == object_number(b, "PORT") &&
		object_number(a, "BACKLOG") == object_number(b, "BACKLOG") &&
		object_number(a, "MAXINST") == object_number(b, "MAXINST") &&
		object_number(a, "CONNTIMEO") == object_number(b, "CONNTIMEO") &&
		(object_text_or_null(a, "SSLKEYR") == NULL) == (object_text_or_null(b, "SSLKEYR") == NULL);

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		alike = alike && strcmp(object_text(a, keys[i]), object_text(b, keys[i])) == 0;
	}
	return alike;
}

uint64_t control_configuration(const struct control *control)
{
	return control->catalog_base;
}

/* --- START CHANNEL --- */

#define STOPPING_SENTENCE "AMQ8101E: The broker is stopping."

static void load_free(struct load_job *load)
{
	for (size_t i = 0; i < ARRAY_COUNT(load->texts); i++) {
		free(load->texts[i]);
	}
	secret_free(&load->passphrase);
	crl_set_unref(load->crls_before);
	material_release(&load->material);
	buf_release(&load->why);
	free(load);
}

static void load_run(struct job *job)
{
	struct load_job *load = CONTAINER_OF(job, struct load_job, job);

	load->err = material_load(&load->options, &load->material, &load->why);
}

static void load_done(struct job *job)
{
	struct load_job *load = CONTAINER_OF(job, struct load_job, job);

	load->then(load);
	load_free(load);
}

static enum err submit(struct control *control, const struct object *object, bool keystore_only,
	void (*then)(struct load_job *), void *ctx)
{
	struct load_job *load = calloc(1, sizeof(*load));
	struct channel *before = control_channel(control, object_name(object));
	enum err err = load == NULL ? ERR_NOMEM : ERR_OK;

	if (err != ERR_OK) {
		return err;
	}
	load->job = (struct job){.run = load_run, .done = load_done};
	load->control = control;
	load->then = then;
	load->ctx = ctx;
	load->why = BUF_INIT(2048);
	memcpy(load->channel, object_name(object), strlen(object_name(object)) + 1);
	channel_material_options(control, object, before, &load->options);
	load->options.want_crls = !keystore_only;
	const char **texts[] = {&load->options.channel, &load->options.keystore_path,
		&load->options.passphrase_source, &load->options.cipher, &load->options.crl_path};

	for (size_t i = 0; i < ARRAY_COUNT(texts) && err == ERR_OK; i++) {
		load->texts[i] = strdup(*texts[i]);
		*texts[i] = load->texts[i];
		err = load->texts[i] == NULL ? ERR_NOMEM : ERR_OK;
	}
	if (err == ERR_OK && load->options.passphrase.len > 0) {
		err = secret_copy(load->options.passphrase, &load->passphrase);
		load->options.passphrase = secret_bytes(&load->passphrase);
	}
	if (load->options.crls_before != NULL) {
		load->crls_before = crl_set_ref(load->options.crls_before);
	}
	if (err == ERR_OK) {
		err = executor_submit(&control->executor, LANE_FILE, &load->job);
	}
	if (err != ERR_OK) {
		load_free(load);
	}
	return err;
}

enum err load_submit(
	struct control *control, const struct object *object, void (*then)(struct load_job *), void *ctx)
{
	return submit(control, object, false, then, ctx);
}

enum err load_submit_keystore(
	struct control *control, const struct object *object, void (*then)(struct load_job *), void *ctx)
{
	return submit(control, object, true, then, ctx);
}

struct start {
	struct control *control;
	uint64_t serial;
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	control_done_fn done;
	void *ctx;
};

static void start_end(struct start *start, enum err err, const char *message)
{
	start->done(start->ctx, err, message);
	free(start);
}

/* The channel that this START made; NULL: it was stopped meanwhile, even if another one has its name by now. */
static struct channel *started_channel(const struct start *start)
{
	struct channel *channel = control_channel(start->control, start->channel);

	return channel != NULL && channel->serial == start->serial ? channel : NULL;
}

/* Every worker knows the channel's policy: it may accept. */
static void on_start_published(void *ctx, enum err published)
{
	struct start *start = ctx;
	struct control *control = start->control;
	struct channel *channel = started_channel(start);
	const struct object *object = catalog_find(control_catalog(control), OBJECT_CHANNEL, start->channel);
	struct buf why = BUF_INIT(1024);
	const char *message = NULL;
	enum err err = published == ERR_OK ? ERR_STATE : published;

	if (published == ERR_OK && channel != NULL && channel->listener != NULL) {
		err = ERR_OK; /* SIGHUP wanted it, too, and was faster */
	} else if (published == ERR_OK && channel != NULL && object != NULL) {
		err = channel_open(channel, object, &why);
	} else if (published != ERR_OK && !control->stopping) {
		enum err said = buf_printf(&why,
			"AMQ9524E: Channel '%s' cannot start: the policy cannot be built: %s", start->channel,
			control->publish_sentence);
		(void)said;
	}
	if (err != ERR_OK && channel != NULL) {
		channel_close(channel, MQTT_REASON_SERVER_SHUTTING_DOWN);
	}
	if (err != ERR_OK && (why.len == 0 || buf_text(&why, &message) != ERR_OK)) {
		message = "AMQ9524E: The channel was stopped while it started.";
	}
	start_end(start, err, message);
	buf_release(&why);
}

static void on_start_loaded(struct load_job *load)
{
	struct start *start = load->ctx;
	struct channel *channel = started_channel(start);
	const char *message = NULL;

	if (channel == NULL || load->err != ERR_OK) {
		struct buf text = BUF_INIT(4096);

		if (channel != NULL) {
			list_remove(&channel->node);
			channel_free(channel);
		}
		if (buf_printf(&text, "AMQ9524E: Channel '%s' cannot start: %.*s", load->channel,
			    (int)load->why.len,
			    load->why.len == 0 ? "" : (const char *)load->why.data) != ERR_OK ||
			buf_text(&text, &message) != ERR_OK) {
			message = NULL;
		}
		start_end(start, load->err == ERR_OK ? ERR_STATE : load->err, message);
		buf_release(&text);
		return;
	}
	channel_take(channel, &load->material);
	channel->state = CHANNEL_RUNNING;
	control_dirty(load->control);
	if (control_published(load->control, on_start_published, start) != ERR_OK) {
		channel_close(channel, MQTT_REASON_SERVER_SHUTTING_DOWN);
		start_end(start, ERR_BUSY, "AMQ8101E: Too many commands wait for the broker.");
	}
}

void control_start_channel(struct control *control, const char *name, control_done_fn done, void *ctx)
{
	const struct object *object = catalog_find(control->catalog, OBJECT_CHANNEL, name);
	struct buf why = BUF_INIT(1024);
	const char *message = NULL;
	struct channel *channel = NULL;
	struct start *start = NULL;
	enum err err = object == NULL ? ERR_NOT_FOUND : ERR_OK;

	if (control->stopping) {
		done(ctx, ERR_STATE, STOPPING_SENTENCE);
		return;
	}
	if (err == ERR_OK && control_channel(control, name) != NULL) {
		err = buf_printf(&why, "AMQ9514E: Channel '%s' is in use.", name);
		err = err == ERR_OK ? ERR_BUSY : err;
	}
	if (err == ERR_OK) {
		err = channel_check_start(object, control->logins, &why);
	}
	if (err == ERR_OK) {
		err = sources_check(control->catalog, object, &why);
	}
	if (err == ERR_OK) {
		start = calloc(1, sizeof(*start));
		err = start == NULL ? ERR_NOMEM : channel_new(control, name, &channel);
	}
	if (err == ERR_OK) {
		*start = (struct start){
			.control = control, .serial = channel->serial, .done = done, .ctx = ctx};
		memcpy(start->channel, name, strlen(name) + 1);
		err = load_submit(control, object, on_start_loaded, start);
	}
	if (err != ERR_OK) {
		if (channel != NULL) {
			list_remove(&channel->node);
			channel_free(channel);
		}
		free(start);
		if (why.len > 0 && buf_text(&why, &message) != ERR_OK) {
			message = NULL;
		}
		done(ctx, err, message);
	}
	buf_release(&why);
}

/* --- STOP and PURGE CHANNEL --- */

void control_stop_channel(struct control *control, const char *name, const char *client_id, bool purge,
	control_done_fn done, void *ctx)
{
	struct channel *channel = control_channel(control, name);
	struct hold_count lost = {0, 0};
	char text[256];
	enum err err = ERR_OK;

	if (channel == NULL && (client_id == NULL || !purge)) {
		done(ctx, ERR_STATE, "AMQ9533E: The channel is not currently active.");
		return;
	}
	if (client_id == NULL) {
		lost = channel->material.held_count;
		channel_let_go(channel, channel->material.held, lost);
		channel_end(channel, MQTT_REASON_ADMINISTRATIVE_ACTION, purge);
	} else {
		struct close_letter what = {
			.reason = MQTT_REASON_ADMINISTRATIVE_ACTION, .end_session = purge};
		char *copy = strdup(client_id);

		what.client_id = copy;
		memcpy(what.channel, name, strlen(name) + 1);
		err = copy == NULL ? ERR_NOMEM : close_sessions(control, &what);
		free(copy);
	}
	(void)snprintf(text, sizeof(text),
		"%s accepted. Revocation lists that CRLFILE does not hold any more were let go: %zu, "
		"entries: %zu.",
		purge ? "AMQ8017I: Purge channel" : "AMQ8019I: Stop Lockgate channel", lost.lists,
		lost.entries);
	done(ctx, err, err == ERR_OK && lost.lists > 0 ? text : NULL);
}
