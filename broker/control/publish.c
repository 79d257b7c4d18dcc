/*
 * publish.c - from catalog and channels to one immutable world, and to every worker.
 * Owns:    the parts of the policy in force, which are reused while unchanged.
 * Never:   publishes more than once in BROKER_PUBLISH_MS, nor while workers still take the last world.
 * Threads: the control loop; the letters run on workers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/control/control.h"
#include "jaas_like/jaas_like.h"

/* What a policy may hold while it is built; texts stay the catalog's. */
struct draft {
	struct channel_policy *channels;
	struct world_channel *settings;
	struct crl_set *
		*joined; /* fetched lists and those of files, one for each channel; NULL: none fetched */
	size_t count;
	struct chlauth_rules *rules;
	struct authority *authority;
	struct policy *policy;
	struct login_setup *logins;
};

uint64_t control_next_generation(struct control *control)
{
	return ++control->generation;
}

/* --- rules and authority --- */

static enum chlauth_mode mode_of(const struct object *qmgr)
{
	if (object_is(qmgr, "CHLAUTH", "DISABLED")) {
		return CHLAUTH_DISABLED;
	}
	return object_is(qmgr, "CHLAUTH", "WARN") ? CHLAUTH_WARN : CHLAUTH_ENABLED;
}

static enum err build_rules(struct control *control, const struct proposal *source,
	struct chlauth_rules **out, struct auth_error *error)
{
	const struct catalog *catalog = source->catalog;
	size_t count = catalog_count(catalog, OBJECT_CHLAUTH);
	uint64_t from = catalog_generation(catalog, OBJECT_CHLAUTH) +
			catalog_generation(catalog, OBJECT_QMGR) + source->catalog_base;
	size_t items = 0;

	if (control->rules != NULL && control->rules_from == from) {
		*out = chlauth_rules_ref(control->rules);
		return ERR_OK;
	}
	for (size_t i = 0; i < count; i++) {
		const struct object *object = catalog_at(catalog, OBJECT_CHLAUTH, i);

		items += object_list_count(object, "USERLIST") + object_list_count(object, "ADDRLIST");
	}
	struct chlauth_record *records = calloc(count + 1, sizeof(*records));
	const char **texts = calloc(items + 1, sizeof(*texts));
	enum err err = records == NULL || texts == NULL ? ERR_NOMEM : ERR_OK;

	items = 0;
	for (size_t i = 0; err == ERR_OK && i < count; i++) {
		object_to_chlauth(catalog_at(catalog, OBJECT_CHLAUTH, i), &records[i], texts + items);
		items += records[i].list_count;
	}
	if (err == ERR_OK) {
		err = chlauth_rules_new(records, count, mode_of(catalog_find(catalog, OBJECT_QMGR, "")),
			control_next_generation(control), out, error);
	}
	if (err == ERR_OK && source->for_good) {
		chlauth_rules_unref(control->rules);
		control->rules = chlauth_rules_ref(*out);
		control->rules_from = from;
	}
	free(texts);
	free(records);
	return err;
}

static enum err build_authority(struct control *control, const struct proposal *source,
	struct authority **out, struct auth_error *error)
{
	const struct catalog *catalog = source->catalog;
	size_t topic_count = catalog_count(catalog, OBJECT_TOPIC);
	size_t record_count = catalog_count(catalog, OBJECT_AUTHREC);
	uint64_t from = catalog_generation(catalog, OBJECT_TOPIC) +
			catalog_generation(catalog, OBJECT_AUTHREC) + source->catalog_base;

	if (control->authority != NULL && control->authority_from == from) {
		*out = authority_ref(control->authority);
		return ERR_OK;
	}
	struct topic_object *topics = calloc(topic_count + 1, sizeof(*topics));
	struct authority_record *records = calloc(record_count + 1, sizeof(*records));
	enum err err = topics == NULL || records == NULL ? ERR_NOMEM : ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < topic_count; i++) {
		const struct object *object = catalog_at(catalog, OBJECT_TOPIC, i);

		topics[i] = (struct topic_object){object_name(object), object_text(object, "TOPICSTR")};
	}
	for (size_t i = 0; err == ERR_OK && i < record_count; i++) {
		object_to_authority(catalog_at(catalog, OBJECT_AUTHREC, i), &records[i]);
	}
	if (err == ERR_OK) {
		err = authority_new(topics, topic_count, records, record_count,
			control_next_generation(control), out, error);
	}
	if (err == ERR_OK && source->for_good) {
		authority_unref(control->authority);
		control->authority = authority_ref(*out);
		control->authority_from = from;
	}
	free(records);
	free(topics);
	return err;
}

/* --- channels --- */

static enum x509_revocation revocation_of(const struct object *object)
{
	if (object_is(object, "REVCHECK", "NONE")) {
		return X509_REVOCATION_NONE;
	}
	if (object_is(object, "REVCHECK", "IFAVAIL")) {
		return X509_REVOCATION_IF_AVAILABLE;
	}
	bool asked = object_is(object, "REVCHECK", "REQUIRED") ||
		     object_text_or_null(object, "CRLFILE") != NULL || sources_used(object);

	return asked ? X509_REVOCATION_REQUIRED : X509_REVOCATION_NONE;
}

static enum ssl_client_auth client_auth_of(const struct object *object)
{
	if (object_text_or_null(object, "SSLKEYR") == NULL || object_is(object, "SSLCAUTH", "NEVER")) {
		return SSLCAUTH_NEVER;
	}
	return object_is(object, "SSLCAUTH", "OPTIONAL") ? SSLCAUTH_OPTIONAL : SSLCAUTH_REQUIRED;
}

static unsigned gates_of(const struct object *object)
{
	static const struct {
		const char *word;
		unsigned bit;
	} gates[] = {{"PATH", GATE_PATH}, {"CRL", GATE_CRL}, {"CHLAUTH", GATE_CHLAUTH}, {"OWNER", GATE_OWNER},
		{"AUTHORITY", GATE_AUTHORITY}};
	unsigned bits = 0;

	for (size_t i = 0; i < ARRAY_COUNT(gates); i++) {
		bits |= object_is(object, "INSECGATE", gates[i].word) ? gates[i].bit : 0;
	}
	return bits;
}

/* From files: what is in force, or what a proposal has in its place. */
struct draft_files {
	const struct trust_set *trust;
	const struct crl_set *crls;
	bool crls_incomplete;
	struct sources_view fetched;
};

static void draft_channel(const struct proposal *source, const struct draft_files *files,
	const struct object *object, struct draft *draft)
{
	const char *login = object_text_or_null(object, "JAASCFG");
	struct login_traits traits = {false, false};

	if (login != NULL && source->logins != NULL) {
		traits = login_setup_traits(source->logins, login);
	}
	draft->channels[draft->count] = (struct channel_policy){
		.name = object_name(object),
		.tls = object_text_or_null(object, "SSLKEYR") != NULL,
		.client_auth = client_auth_of(object),
		.ssl_peer = object_text_or_null(object, "SSLPEER"),
		.mca_user = object_text_or_null(object, "MCAUSER"),
		.use_client_id = object_is(object, "USECLTID", "YES"),
		.login = login,
		.login_checks_password = traits.checks_password,
		.login_config = login == NULL || source->logins == NULL
					? 0
					: login_setup_config(source->logins, login),
		.login_keeps_names = traits.keeps_names,
		.insecure_assert = object_is(object, "INSECASSERT", "YES"),
		.revocation = revocation_of(object),
		.allow_sha1 = object_is(object, "ALLOWSHA1", "YES"),
		.close_on_stale = object_is(object, "REVLIVE", "CLOSE"),
		.trust = files->trust,
		.crls = files->fetched.crls != NULL ? files->fetched.crls : files->crls,
		.crls_incomplete = files->crls_incomplete || files->fetched.missing,
		.lists_pending = files->fetched.pending,
		.ocsp_auth = files->fetched.ocsp_auth,
		.ocsp_url = files->fetched.ocsp_url,
		.need_cdp = files->fetched.need_cdp,
		.need_aia = files->fetched.need_aia,
		.stale_grace_s = (uint32_t)object_number(object, "REVSTALE"),
		.generation = object_version(object) + source->catalog_base,
		.insecure_open_gates = gates_of(object),
	};
	struct channel_policy *policy = &draft->channels[draft->count];

	policy->cert_policy_count =
		object_list_count(object, "CERTPOL"); /* at most as many: mqsc checked it */
	for (size_t i = 0; i < policy->cert_policy_count; i++) {
		policy->cert_policies[i] = object_list_item(object, "CERTPOL", i);
	}
	struct world_channel *settings = &draft->settings[draft->count];

	*settings = (struct world_channel){
		.running = true,
		.tls = object_text_or_null(object, "SSLKEYR") != NULL,
		.packet_bytes_max = (uint32_t)object_number(object, "MAXMSGL"),
		.connect_ms = (uint32_t)object_number(object, "CONNTIMEO") * 1000,
		.revocation_wait_ms = (uint32_t)object_number(object, "REVWAIT") * 1000,
		.revocation_park_max = (uint32_t)object_number(object, "REVPARK"),
		.fail_delay_ms = (uint32_t)object_number(object, "FAILDLAY") * 1000,
		.version_3_1 = object_is(object, "PROTOCOL", "MQTTV3"),
		.version_3_1_1 = object_is(object, "PROTOCOL", "MQTTV311"),
		.version_5 = object_is(object, "PROTOCOL", "MQTTV5"),
		.will_revoked = object_is(object, "WILLREVOKED", "YES"),
		.resume = !object_is(object, "RESUME", "NO"),
		.cut_percent = (unsigned)object_number(object, "CUTMAX"),
		.cut_hold = object_is(object, "CUTHOLD", "YES"),
	};
	memcpy(settings->name, object_name(object), strlen(object_name(object)) + 1);
	memcpy(settings->login, object_text(object, "JAASCFG"), strlen(object_text(object, "JAASCFG")) + 1);
	draft->count++;
}

/* ctx is the login setup, which the world holds beside the policy. */
static enum account_state account_of(const void *ctx, const char *user)
{
	switch (login_setup_user_state(ctx, bytes_text(user))) {
	case LOGIN_USER_ENABLED: return ACCOUNT_ENABLED;
	case LOGIN_USER_DISABLED: return ACCOUNT_DISABLED;
	case LOGIN_USER_ABSENT: break;
	}
	return ACCOUNT_UNKNOWN;
}

/* False: the proposal ends this channel. */
static bool draft_files_of(
	const struct channel *channel, const struct proposal *source, struct draft_files *out)
{
	const struct material *other = NULL;

	*out = (struct draft_files){.trust = channel->material.trust,
		.crls = channel->material.crls,
		.crls_incomplete = channel->crl_failed};
	if (source->channel != NULL && !source->channel(source->ctx, channel->name, &other)) {
		return false;
	}
	if (other != NULL && other->trust != NULL) {
		out->trust = other->trust;
	}
	if (other != NULL && other->crls != NULL) {
		out->crls = other->crls;
		out->crls_incomplete = false;
	}
	return true;
}

static enum err draft_build(
	struct control *control, const struct proposal *source, struct draft *draft, struct auth_error *error)
{
	size_t channels = 0;
	enum err err = build_rules(control, source, &draft->rules, error);

	if (err == ERR_OK) {
		err = build_authority(control, source, &draft->authority, error);
	}
	LIST_FOR_EACH(node, &control->channels)
	{
		channels++;
	}
	if (err == ERR_OK) {
		draft->channels = calloc(channels + 1, sizeof(*draft->channels));
		draft->settings = calloc(channels + 1, sizeof(*draft->settings));
		draft->joined = calloc(channels + 1, sizeof(draft->joined[0]));
		err = draft->channels == NULL || draft->settings == NULL || draft->joined == NULL ? ERR_NOMEM
												  : ERR_OK;
	}
	LIST_FOR_EACH(node, &control->channels)
	{
		struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object = catalog_find(source->catalog, OBJECT_CHANNEL, channel->name);
		struct draft_files files;

		if (err == ERR_OK && object != NULL && channel->state == CHANNEL_RUNNING &&
			draft_files_of(channel, source, &files)) {
			sources_view(control, source, channel, object, files.crls, &files.fetched);
			draft_channel(source, &files, object, draft);
			draft->joined[draft->count - 1] = files.fetched.crls;
		}
	}
	if (err == ERR_OK) {
		struct policy_parts parts = {
			.channels = draft->channels,
			.channel_count = draft->count,
			.rules = draft->rules,
			.authority = draft->authority,
			.accounts = {source->login_generation, source->logins == NULL ? NULL : account_of,
				source->logins},
		};

		err = policy_new(&parts, &draft->policy, error);
	}
	return err;
}

const struct catalog *control_catalog(const struct control *control)
{
	return control->settled != NULL ? control->settled : control->catalog;
}

struct proposal control_in_force(const struct control *control)
{
	return (struct proposal){.catalog = control_catalog(control),
		.catalog_base = control->catalog_base,
		.logins = control->logins,
		.login_generation = control->login_generation};
}

enum err control_build_world(
	struct control *control, const struct proposal *source, struct world **out, struct auth_error *error)
{
	struct draft draft = {0};
	enum err err = draft_build(control, source, &draft, error);

	if (err == ERR_OK) {
		draft.logins = source->logins;
		if (draft.logins != NULL) {
			login_setup_ref(draft.logins);
		}
		struct world_options options = {
			.number = control_next_generation(control),
			.policy = draft.policy,
			.channels = draft.settings,
			.channel_count = draft.count,
			.logins = draft.logins,
		};

		err = world_new(&options, out);
		if (err != ERR_OK) {
			policy_unref(draft.policy);
			login_setup_unref(draft.logins);
		}
	}
	for (size_t i = 0; i < draft.count; i++) {
		crl_set_unref(draft.joined[i]);
	}
	chlauth_rules_unref(draft.rules);
	authority_unref(draft.authority);
	free(draft.joined);
	free(draft.settings);
	free(draft.channels);
	return err;
}

/* --- to the workers and back --- */

struct letter {
	struct mail mail;
	struct control *control;
	struct world *world;
	unsigned at;
};

#define PUBLISH_RETRY_MS 1000u /* after a policy that could not be built */

static void publish_now(struct control *control);

/* Those who wait for world `number` or an earlier one are told err. */
static void settle(struct control *control, uint64_t number, enum err err)
{
	size_t kept = 0;
	size_t count = control->waiter_count;

	for (size_t i = 0; i < count; i++) {
		if (control->waiters[i].world > number) {
			control->waiters[kept++] = control->waiters[i];
			continue;
		}
		published_fn fn = control->waiters[i].fn;
		void *ctx = control->waiters[i].ctx;

		control->waiters[i].fn = NULL;
		fn(ctx, err);
	}
	/* Callbacks may have added behind count. */
	for (size_t i = count; i < control->waiter_count; i++) {
		control->waiters[kept++] = control->waiters[i];
	}
	control->waiter_count = kept;
}

/* For operators: when a change was in force, and what it and all else since the last one cost the loops. */
static void log_published(const struct control *control)
{
	struct net *net = control->shared->net;
	struct net_turns longest = {0};

	for (unsigned at = 0; at < net_worker_count(net); at++) {
		struct net_turns turns = net_longest_turns(net, at);

		longest.wall_us = turns.wall_us > longest.wall_us ? turns.wall_us : longest.wall_us;
		longest.cpu_us = turns.cpu_us > longest.cpu_us ? turns.cpu_us : longest.cpu_us;
	}
	LOG(control->log, LOG_INFO, "LKG0430I", "policy in force on every worker",
		LF_INT("world", (int64_t)world_number(control->world)),
		LF_INT("longest_turn_us", (int64_t)longest.wall_us),
		LF_INT("longest_turn_cpu_us", (int64_t)longest.cpu_us));
}

static void on_ack(struct mail *mail, unsigned at)
{
	struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
	struct control *control = letter->control;

	(void)at;
	free(letter);
	control->acks_due--;
	if (control->acks_due > 0) {
		return;
	}
	control->publishing = false;
	log_published(control);
	/* Only now: until the last worker has the new world, a second look would be one under the old. */
	engine_rights_changed(control->shared->engine);
	settle(control, world_number(control->world), ERR_OK);
	if (control->dirty) {
		control_dirty(control);
	} else {
		admin_resume_scripts(control);
	}
}

static void on_world(struct mail *mail, unsigned at)
{
	struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
	struct shared *shared = letter->control->shared;

	worker_set_world(&shared->workers[at], letter->world);
	world_unref(letter->world);
	letter->world = NULL;
	letter->mail.run = on_ack;
	net_post_reserved(shared->net, net_control_at(shared->net), &letter->mail);
}

static void send_world(
	struct control *control, struct world *world, struct letter **letters, unsigned workers)
{
	control->publishing = true;
	control->acks_due = workers;
	for (unsigned at = 0; at < workers; at++) {
		*letters[at] = (struct letter){
			.mail = {.run = on_world}, .control = control, .world = world_ref(world), .at = at};
		net_post_reserved(control->shared->net, at, &letters[at]->mail);
	}
}

static void on_publish_timer(struct wheel_timer *timer)
{
	publish_now(CONTAINER_OF(timer, struct control, publish_timer));
}

static void publish_later(struct control *control)
{
	uint64_t now_ms = clock_mono_ms(&control->clock);
	uint64_t due_ms = control->published_ms + BROKER_PUBLISH_MS;

	control->publish_timer.fn = on_publish_timer;
	wheel_add(control->wheel, &control->publish_timer, due_ms > now_ms ? due_ms : now_ms);
}

static void publish_now(struct control *control)
{
	unsigned workers = net_worker_count(control->shared->net);
	struct letter *letters[NET_WORKERS_MAX] = {NULL};
	struct auth_error error = {0};
	struct proposal source = control_in_force(control);
	struct world *world = NULL;
	enum err err = ERR_OK;

	source.for_good = true;
	if (control->publishing || control->stopping) {
		return; /* the last acknowledgement looks at dirty */
	}
	for (unsigned at = 0; at < workers && err == ERR_OK; at++) {
		letters[at] = calloc(1, sizeof(struct letter));
		err = letters[at] == NULL ? ERR_NOMEM : ERR_OK;
	}
	if (err == ERR_OK) {
		sources_want(control);
		err = control_build_world(control, &source, &world, &error);
	}
	control->published_ms = clock_mono_ms(&control->clock);
	if (err != ERR_OK) {
		for (unsigned at = 0; at < workers; at++) {
			free(letters[at]);
		}
		if (!control->publish_failed) {
			LOG(control->log, LOG_ERROR, "LKG0402E",
				"the policy could not be built; the one in force stays",
				LF_TEXT("why", err_name(err)), LF_TEXT("sentence", error.sentence));
		}
		control->publish_failed = true;
		(void)snprintf(control->publish_sentence, sizeof(control->publish_sentence), "%s",
			error.sentence[0] != '\0' ? error.sentence : err_name(err));
		/* dirty stays: it is tried again, but nobody waits for that. */
		control->published_ms += PUBLISH_RETRY_MS - BROKER_PUBLISH_MS;
		publish_later(control);
		settle(control, UINT64_MAX, err);
		cut_guard_world(control);
		return;
	}
	control->dirty = false;
	control->publish_failed = false;
	world_unref(control->world);
	control->world = world;
	send_world(control, world, letters, workers);
	cut_guard_world(control);
}

void control_dirty(struct control *control)
{
	uint64_t now_ms = clock_mono_ms(&control->clock);

	control->dirty = true;
	if (control->publishing || wheel_timer_pending(&control->publish_timer)) {
		return;
	}
	if (control->world == NULL || now_ms >= control->published_ms + BROKER_PUBLISH_MS) {
		/* Not from within the command that changed something: the rest of its script joins in. */
		control->publish_timer.fn = on_publish_timer;
		wheel_add(control->wheel, &control->publish_timer, now_ms);
		return;
	}
	publish_later(control);
}

enum err control_published(struct control *control, published_fn fn, void *ctx)
{
	if (control->stopping) {
		return ERR_STATE;
	}
	if (!control->dirty && !control->publishing) {
		fn(ctx, ERR_OK);
		return ERR_OK;
	}
	if (control->waiter_count == PUBLISH_WAITERS_MAX) {
		return ERR_LIMIT;
	}
	/* A dirty state is in the next world, whatever its number; a clean one in the world under way. */
	uint64_t wanted = control->world == NULL ? 1 : world_number(control->world);

	control->waiters[control->waiter_count].fn = fn;
	control->waiters[control->waiter_count].ctx = ctx;
	control->waiters[control->waiter_count].world = control->dirty ? wanted + 1 : wanted;
	control->waiter_count++;
	return ERR_OK;
}

void control_publish_end_waiters(struct control *control)
{
	settle(control, UINT64_MAX, ERR_STATE);
}

void control_publish_stop(struct control *control)
{
	wheel_cancel(control->wheel, &control->publish_timer);
	world_unref(control->world);
	control->world = NULL;
	chlauth_rules_unref(control->rules);
	authority_unref(control->authority);
	control->rules = NULL;
	control->authority = NULL;
}
