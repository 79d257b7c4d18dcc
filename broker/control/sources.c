/*
 * sources.c - the addresses that a channel's lists come from, and the lists of each channel put together.
 * Owns:    see sources.h.
 * Never:   see sources.h.
 * Threads: the control loop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/pem.h"
#include "broker/control/sources_private.h"

/* --- what a channel names --- */

void sources_each_listed(
	const struct catalog *catalog, const struct object *channel, sources_url_fn fn, void *ctx)
{
	for (size_t i = 0; i < object_list_count(channel, "REVINFO"); i++) {
		const struct object *info =
			catalog_find(catalog, OBJECT_AUTHINFO, object_list_item(channel, "REVINFO", i));

		if (info != NULL && object_is(info, "AUTHTYPE", "CRLURL") &&
			!object_is(channel, "CRLFETCH", "NONE")) {
			fn(ctx, object_text(info, "CRLURL"));
		}
	}
}

/* NULL: no responder is named, or none is asked. */
static const char *responder_of(const struct catalog *catalog, const struct object *channel)
{
	for (size_t i = 0; i < object_list_count(channel, "REVINFO"); i++) {
		const struct object *info =
			catalog_find(catalog, OBJECT_AUTHINFO, object_list_item(channel, "REVINFO", i));

		if (info != NULL && object_is(info, "AUTHTYPE", "OCSP") &&
			!object_is(channel, "OCSPFETCH", "NONE")) {
			return object_text(info, "OCSPURL");
		}
	}
	return NULL;
}

struct url_search {
	const char *url;
	bool found;
};

static void look_for_url(void *ctx, const char *url)
{
	struct url_search *search = ctx;

	search->found = search->found || (search->url != NULL && strcmp(search->url, url) == 0);
}

bool sources_is_listed(const struct catalog *catalog, const struct object *channel, const char *url)
{
	struct url_search search = {.url = url};

	sources_each_listed(catalog, channel, look_for_url, &search);
	return search.found;
}

bool sources_used(const struct object *channel)
{
	return object_list_count(channel, "REVINFO") > 0 || object_is(channel, "CRLFETCH", "CDP") ||
	       object_is(channel, "OCSPFETCH", "AIA");
}

/* changed stands for the object of its name; NULL: that one is gone. */
static enum err check_with(const struct catalog *catalog, const struct object *channel, const char *name,
	const struct object *changed, struct buf *why)
{
	unsigned responders = 0;
	enum err err = ERR_OK;

	if (object_list_count(channel, "REVINFO") > 0 && object_text_or_null(channel, "SSLKEYR") == NULL) {
		err = buf_printf(why, "AMQ9524E: Channel '%s': REVINFO needs SSLKEYR.", object_name(channel));
		return err == ERR_OK ? ERR_INVALID : err;
	}
	for (size_t i = 0; i < object_list_count(channel, "REVINFO"); i++) {
		const char *item = object_list_item(channel, "REVINFO", i);
		bool is_it = name != NULL && strcmp(item, name) == 0;
		const struct object *info = is_it ? changed : catalog_find(catalog, OBJECT_AUTHINFO, item);

		if (info == NULL) {
			err = buf_printf(why,
				"AMQ9524E: Channel '%s': REVINFO names '%s', and there is no such AUTHINFO "
				"object.",
				object_name(channel), item);
			return err == ERR_OK ? ERR_INVALID : err;
		}
		responders += object_is(info, "AUTHTYPE", "OCSP") ? 1 : 0;
	}
	if (responders > 1) {
		err = buf_printf(why,
			"AMQ9524E: Channel '%s': REVINFO names more than one AUTHINFO object of type OCSP.",
			object_name(channel));
		return err == ERR_OK ? ERR_INVALID : err;
	}
	return ERR_OK;
}

enum err sources_check(const struct catalog *catalog, const struct object *channel, struct buf *why)
{
	return check_with(catalog, channel, NULL, NULL, why);
}

enum err sources_check_change(
	struct control *control, const struct object *before, const struct object *after, struct buf *why)
{
	const char *name = object_name(before != NULL ? before : after);
	enum err err = ERR_OK;

	LIST_FOR_EACH(node, &control->channels)
	{
		const struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object = catalog_find(control->catalog, OBJECT_CHANNEL, channel->name);

		if (err == ERR_OK && object != NULL && object_is(object, "REVINFO", name)) {
			err = check_with(control->catalog, object, name, after, why);
		}
	}
	return err;
}

/* --- settings --- */

struct settings {
	struct fetch_list *list;
	struct buf pem;
};

static void settings_release(struct settings *settings)
{
	fetch_list_unref(settings->list);
	buf_release(&settings->pem);
}

/* A file without a certificate would only show when https is fetched. What libcurl makes of each is its own affair. */
static enum err check_roots(struct bytes pem)
{
	struct buf der = BUF_INIT(FETCH_CA_BYTES_MAX);
	struct bytes label = BYTES_NONE;
	enum err err = pem_next(&pem, &label, &der);

	while (err == ERR_OK && !bytes_equal_text(label, "CERTIFICATE")) {
		der.len = 0;
		err = pem_next(&pem, &label, &der);
	}
	buf_release(&der);
	return err == ERR_OK || err == ERR_NOMEM ? err : ERR_MALFORMED;
}

static const char *roots_sentence(enum err err)
{
	switch ((int)err) {
	case ERR_NOT_FOUND: return "no such file";
	case ERR_DENIED: return "its owner or mode would let others change it";
	case ERR_MALFORMED: return "holds no certificate in PEM";
	case ERR_LIMIT: return "too long";
	default: return err_name(err);
	}
}

/* Whatever comes back, release it. */
static enum err settings_read(const struct object *qmgr, struct settings *out, struct buf *why)
{
	const char *entries[MQSC_VALUES_MAX];
	size_t count = object_list_count(qmgr, "REVALLOW");
	const char *path = object_text_or_null(qmgr, "REVCAFILE");
	struct fetch_error error = {.fault = FETCH_OK};
	enum err said = ERR_OK;

	*out = (struct settings){.pem = BUF_INIT(FETCH_CA_BYTES_MAX)};
	for (size_t i = 0; i < count && i < ARRAY_COUNT(entries); i++) {
		entries[i] = object_list_item(qmgr, "REVALLOW", i);
	}
	enum err err = fetch_list_new(entries, count, &out->list, &error);

	if (err != ERR_OK) {
		said = buf_printf(why, "AMQ8405I: REVALLOW: %s.", error.sentence);
	} else if (path != NULL) {
		err = file_check_owner(path, false);
		if (err == ERR_OK) {
			err = file_read(path, FETCH_CA_BYTES_MAX, &out->pem);
		}
		if (err == ERR_OK) {
			err = check_roots(buf_bytes(&out->pem));
		}
		if (err != ERR_OK) {
			said = buf_printf(why, "AMQ8405I: REVCAFILE %s: %s.", path, roots_sentence(err));
		}
	}
	(void)said;
	return err;
}

enum err sources_check_settings(const struct object *qmgr, struct buf *why)
{
	struct settings settings;
	enum err err = settings_read(qmgr, &settings, why);

	settings_release(&settings);
	return err;
}

static void settings_take(struct sources *sources, const struct object *qmgr)
{
	struct buf why = BUF_INIT(1024);
	struct settings settings;
	enum err err = settings_read(qmgr, &settings, &why);

	if (err == ERR_OK) {
		err = fetcher_set_trust(sources->fetcher, buf_bytes(&settings.pem));
	}
	if (err == ERR_OK) {
		fetcher_set_list(sources->fetcher, settings.list);
		revocation_rules_changed(sources->cache);
	} else {
		LOG(sources->control->log, LOG_ERROR, "LKG0456E",
			"REVALLOW or REVCAFILE is not good; what was in force stays",
			LF_TEXT("error", err_name(err)), LF_BYTES("why", buf_bytes(&why)));
	}
	settings_release(&settings);
	buf_release(&why);
}

static void settings_look(struct sources *sources)
{
	const struct control *control = sources->control;
	const struct catalog *catalog = control_catalog(control);
	uint64_t from = catalog_generation(catalog, OBJECT_QMGR) + control->catalog_base;

	if (from != sources->settings_from) {
		sources->settings_from = from;
		settings_take(sources, catalog_find(catalog, OBJECT_QMGR, ""));
	}
}

/* --- what is wanted --- */

struct wants {
	struct revocation_want *items;
	size_t count, cap;
	bool listed;
	enum err err;
};

static void add_want(void *ctx, const char *url)
{
	struct wants *wants = ctx;

	if (wants->count == wants->cap) {
		size_t cap = wants->cap == 0 ? 16 : wants->cap * 2;
		struct revocation_want *grown = realloc(wants->items, cap * sizeof(*grown));

		if (grown == NULL) {
			wants->err = ERR_NOMEM;
			return;
		}
		wants->items = grown;
		wants->cap = cap;
	}
	wants->items[wants->count++] = (struct revocation_want){url, wants->listed};
}

static enum err digest_of(const struct wants *wants, uint8_t out[SHA256_BYTES])
{
	struct buf all = BUF_INIT(16u * 1024u * 1024u);
	enum err err = wants->err;

	for (size_t i = 0; err == ERR_OK && i < wants->count; i++) {
		err = buf_printf(&all, "%d %s\n", wants->items[i].listed ? 1 : 0, wants->items[i].url);
	}
	if (err == ERR_OK) {
		hash_of(HASH_SHA256, buf_bytes(&all), out);
	}
	buf_release(&all);
	return err;
}

void sources_want(struct control *control)
{
	const struct catalog *catalog = control_catalog(control);
	struct sources *sources = control->sources;
	struct wants wants = {.items = NULL};
	uint8_t digest[SHA256_BYTES] = {0};

	if (sources == NULL || sources->closed) {
		return;
	}
	settings_look(sources);
	LIST_FOR_EACH(node, &control->channels)
	{
		const struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object = catalog_find(catalog, OBJECT_CHANNEL, channel->name);

		if (object == NULL || channel->state != CHANNEL_RUNNING) {
			continue;
		}
		wants.listed = true;
		sources_each_listed(catalog, object, add_want, &wants);
		wants.listed = false;
		for (size_t i = 0; object_is(object, "CRLFETCH", "CDP") && i < channel->lists.cdp_count;
			i++) {
			add_want(&wants, channel->lists.cdp[i].url);
		}
	}
	enum err err = digest_of(&wants, digest);

	if (err == ERR_OK && memcmp(digest, sources->wanted, sizeof(digest)) != 0) {
		err = revocation_want_set(sources->cache, wants.items, wants.count);
		if (err != ERR_NOMEM) {
			memcpy(sources->wanted, digest, sizeof(digest)); /* else again with the next world */
		}
		if (err != ERR_OK) {
			LOG(control->log, LOG_WARN, "LKG0450W",
				"not every revocation list that is named can be fetched",
				LF_TEXT("why", err_name(err)), LF_INT("lists", wants.count));
		}
	}
	free(wants.items);
}

bool sources_add_cdp(struct sources *sources, struct channel *channel, const char *url)
{
	struct channel_lists *lists = &channel->lists;
	uint64_t now_ms = clock_mono_ms(&sources->control->clock);
	size_t oldest = 0;
	char *copy;

	for (size_t i = 0; i < lists->cdp_count; i++) {
		if (strcmp(lists->cdp[i].url, url) == 0) {
			lists->cdp[i].used_ms = now_ms;
			return false;
		}
		oldest = lists->cdp[i].used_ms < lists->cdp[oldest].used_ms ? i : oldest;
	}
	copy = strdup(url);
	if (copy == NULL) {
		return false;
	}
	if (lists->cdp_count == SOURCES_CHANNEL_CDP_MAX) {
		free(lists->cdp[oldest].url);
	} else {
		oldest = lists->cdp_count++;
	}
	lists->cdp[oldest].url = copy;
	lists->cdp[oldest].since_ms = now_ms;
	lists->cdp[oldest].used_ms = now_ms;
	lists->stale = true;
	return true;
}

bool sources_cdp_is_new(const struct sources *sources, const struct channel *channel, const char *url)
{
	const struct channel_lists *lists = &channel->lists;
	uint64_t now_ms = clock_mono_ms(&sources->control->clock);

	for (size_t i = 0; i < lists->cdp_count; i++) {
		if (strcmp(lists->cdp[i].url, url) == 0) {
			return now_ms - lists->cdp[i].since_ms < PARK_BESIDE_MS;
		}
	}
	return false;
}

void channel_lists_release(struct channel_lists *lists)
{
	for (size_t i = 0; i < lists->cdp_count; i++) {
		free(lists->cdp[i].url);
	}
	crl_set_unref(lists->joined);
	*lists = (struct channel_lists){.joined = NULL};
}

/* --- a channel's lists --- */

struct joining {
	struct sources *sources;
	struct crl_list list;
	bool pending, missing;
	enum err err;
};

static enum err add_crl(struct crl_list *list, const struct crl *crl)
{
	struct crl *reference = crl_ref(crl);
	enum err err = crl_list_add(list, reference);

	if (err != ERR_OK) {
		crl_unref(reference);
	}
	return err;
}

static void add_fetched(void *ctx, const char *url)
{
	struct joining *joining = ctx;
	struct crl *crl = revocation_crl(joining->sources->cache, url);

	if (crl != NULL && joining->err == ERR_OK) {
		joining->err = add_crl(&joining->list, crl);
	}
}

/* A list that was named and is not there: is it on its way, or is it not to be had? */
static void look_at_listed(void *ctx, const char *url)
{
	struct joining *joining = ctx;
	struct revocation_state state;

	if (!revocation_state_of(joining->sources->cache, url, &state)) {
		joining->pending = true;
		joining->missing = true;
	} else if (!state.held) {
		joining->missing = true;
		joining->pending = joining->pending || state.failures == 0;
	}
}

/* What is in force joins, so that nobody who was known to be revoked is forgotten for a list that is older. */
static enum err join(struct control *control, struct joining *joining, const struct crl_set *files,
	const struct crl_set *before, struct crl_set **out)
{
	struct material both = {.tls = NULL};
	enum err err = joining->err;

	for (size_t i = 0; files != NULL && err == ERR_OK && i < crl_set_count(files); i++) {
		err = add_crl(&joining->list, crl_set_at(files, i));
	}
	if (err == ERR_OK) {
		err = crl_set_new((const struct crl *const *)joining->list.items, joining->list.count,
			control_next_generation(control), &both.crls);
	}
	if (err == ERR_OK && before != NULL) {
		err = material_join_crls(&both, before, control_next_generation(control));
	}
	if (err == ERR_OK) {
		*out = both.crls;
		both.crls = NULL;
	}
	crl_set_unref(both.crls);
	return err;
}

static bool has_issuer(const struct crl_set *set, const struct crl *crl)
{
	for (size_t i = 0; i < crl_set_count(set); i++) {
		if (x509_name_equal(crl_issuer_der(crl_set_at(set, i)), crl_issuer_der(crl))) {
			return true;
		}
	}
	return false;
}

/*
 * The cache holds nothing from one of the addresses, or what came from there is of another issuer: lists of issuers that would
 * have none left stay.
 */
static enum err keep_unheld(struct control *control, const struct crl_set *before, struct crl_set **set)
{
	struct crl_list list = {0};
	struct crl_set *kept = NULL;
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < crl_set_count(*set); i++) {
		err = add_crl(&list, crl_set_at(*set, i));
	}
	for (size_t i = 0; err == ERR_OK && i < crl_set_count(before); i++) {
		if (!has_issuer(*set, crl_set_at(before, i))) {
			err = add_crl(&list, crl_set_at(before, i));
		}
	}
	if (err == ERR_OK) {
		err = crl_set_new((const struct crl *const *)list.items, list.count,
			control_next_generation(control), &kept);
	}
	if (err == ERR_OK) {
		crl_set_unref(*set);
		*set = kept;
	}
	crl_list_release(&list);
	return err;
}

static void mix(void *ctx, const char *text)
{
	uint64_t *sum = ctx;
	uint8_t key[16] = {0};

	memcpy(key, sum, sizeof(*sum));
	*sum = siphash(key, bytes_text(text));
}

/* What the operator named as sources, as a number: alike after a change of something else, or one that was taken back. */
static uint64_t named_by(const struct proposal *source, const struct object *object)
{
	uint64_t sum = 1;

	sources_each_listed(source->catalog, object, mix, &sum);
	mix(&sum, object_text(object, "CRLFETCH"));
	mix(&sum, object_text(object, "CRLFILE"));
	return sum;
}

/*
 * The caller's reference to what the channel's lists are, files and fetched, or NULL: nothing was fetched. Kept with the
 * channel while nothing changes, but not what is only proposed: were that refused, what is in force would be lost. What was
 * fetched from the same sources stays also when the cache holds it no longer.
 */
static struct crl_set *joined_lists(struct control *control, const struct proposal *source,
	struct channel *channel, const struct object *object, const struct crl_set *files)
{
	struct channel_lists *lists = &channel->lists;
	struct joining joining = {.sources = control->sources};
	uint64_t from = named_by(source, object);
	uint64_t generation = files == NULL ? 0 : crl_set_generation(files);
	bool other = from != lists->joined_from; /* other sources: what the old ones said is theirs */
	struct crl_set *fresh = NULL;

	if (!other && !lists->stale && generation == lists->joined_files) {
		return lists->joined == NULL ? NULL : crl_set_ref(lists->joined);
	}
	sources_each_listed(source->catalog, object, add_fetched, &joining);
	for (size_t i = 0; object_is(object, "CRLFETCH", "CDP") && i < lists->cdp_count; i++) {
		add_fetched(&joining, lists->cdp[i].url);
	}
	enum err err = joining.err;

	if (joining.list.count > 0 || (!other && lists->joined != NULL)) {
		err = join(control, &joining, files, other ? NULL : lists->joined, &fresh);
	}
	if (err == ERR_OK && fresh != NULL && !other && lists->joined != NULL) {
		err = keep_unheld(control, lists->joined, &fresh);
	}
	crl_list_release(&joining.list);
	if (err != ERR_OK) {
		crl_set_unref(fresh);
		LOG(control->log, LOG_ERROR, "LKG0451E",
			"fetched revocation lists could not be put in force; what was known stays",
			LF_TEXT("channel", channel->name), LF_TEXT("why", err_name(err)));
		return lists->joined == NULL ? NULL : crl_set_ref(lists->joined);
	}
	if (source->for_good) {
		crl_set_unref(lists->joined);
		lists->joined = fresh == NULL ? NULL : crl_set_ref(fresh);
		lists->joined_files = generation;
		lists->joined_from = from;
		lists->stale = false;
	}
	return fresh;
}

static enum x509_ocsp ocsp_auth_of(const struct object *object)
{
	if (object_is(object, "OCSPAUTH", "OPTIONAL")) {
		return X509_OCSP_OPTIONAL;
	}
	return object_is(object, "OCSPAUTH", "WARN") ? X509_OCSP_WARN : X509_OCSP_REQUIRED;
}

void sources_view(struct control *control, const struct proposal *source, struct channel *channel,
	const struct object *object, const struct crl_set *files, struct sources_view *out)
{
	struct joining looking = {.sources = control->sources};

	*out = (struct sources_view){
		.ocsp_url = responder_of(source->catalog, object),
		.need_aia = object_is(object, "OCSPFETCH", "AIA"),
		.need_cdp = object_is(object, "CRLFETCH", "CDP"),
	};
	out->ocsp_auth = out->ocsp_url != NULL || out->need_aia ? ocsp_auth_of(object) : X509_OCSP_NONE;
	if (control->sources == NULL || control->sources->closed) {
		return;
	}
	out->crls = joined_lists(control, source, channel, object, files);
	sources_each_listed(source->catalog, object, look_at_listed, &looking);
	out->missing = looking.missing;
	out->pending = looking.pending;
}

/* --- what the cache tells --- */

static bool channel_uses(struct sources *sources, const struct channel *channel, const char *url)
{
	const struct catalog *catalog = control_catalog(sources->control);
	const struct object *object = catalog_find(catalog, OBJECT_CHANNEL, channel->name);

	for (size_t i = 0; i < channel->lists.cdp_count; i++) {
		if (strcmp(channel->lists.cdp[i].url, url) == 0) {
			return true;
		}
	}
	return object != NULL && sources_is_listed(catalog, object, url);
}

/* came: else it only is no longer waited for. */
static void tell_channels(struct sources *sources, const char *url, bool came)
{
	bool any = false;

	LIST_FOR_EACH(node, &sources->control->channels)
	{
		struct channel *channel = CONTAINER_OF(node, struct channel, node);

		if (channel_uses(sources, channel, url)) {
			channel->lists.stale = channel->lists.stale || came;
			any = true;
		}
	}
	if (any) {
		control_dirty(sources->control);
	}
}

struct behind {
	struct sources *sources;
	const struct crl *delta;
};

static void renew_behind(void *ctx, const char *url)
{
	const struct behind *behind = ctx;
	const struct crl *held = revocation_crl(behind->sources->cache, url);

	if (held != NULL && crl_is_behind(held, behind->delta)) {
		revocation_renew(behind->sources->cache, url);
	}
}

/*
 * A delta that builds on a newer complete list than the one that is held says nothing beside it (RFC 5280 5.2.4): that one is
 * fetched now, rather than when its time comes.
 */
static void renew_complete(struct sources *sources, const char *url, const struct crl *delta)
{
	const struct catalog *catalog = control_catalog(sources->control);
	struct behind behind = {sources, delta};

	LIST_FOR_EACH(node, &sources->control->channels)
	{
		const struct channel *channel = CONTAINER_OF(node, struct channel, node);
		const struct object *object = catalog_find(catalog, OBJECT_CHANNEL, channel->name);

		if (object == NULL || !channel_uses(sources, channel, url)) {
			continue;
		}
		sources_each_listed(catalog, object, renew_behind, &behind);
		for (size_t i = 0; i < channel->lists.cdp_count; i++) {
			renew_behind(&behind, channel->lists.cdp[i].url);
		}
	}
}

void sources_on_crl(void *ctx, const char *url, struct crl *crl)
{
	struct sources *sources = ctx;

	char next_update[CLOCK_TEXT_BYTES] = "";

	if (crl_next_update(crl) != X509_NEVER) {
		clock_format(crl_next_update(crl) * 1000, next_update);
	}
	LOG(sources->control->log, LOG_INFO, "LKG0452I", "revocation list fetched", LF_TEXT("url", url),
		LF_INT("entries", crl_entry_count(crl)), LF_TEXT("next_update", next_update));
	tell_channels(sources, url, true);
	if (crl_is_delta(crl)) {
		renew_complete(sources, url, crl);
	}
}

static void on_failed(void *ctx, const char *url, const char *sentence, uint64_t retry_ms)
{
	struct sources *sources = ctx;
	struct revocation_state state = {.failures = 0};

	/* Once for a row of failures: DISPLAY AUTHSTATUS shows how it goes on. Of responders those tell who wait for them. */
	if (!revocation_state_of(sources->cache, url, &state) || state.failures > 1) {
		return;
	}
	LOG(sources->control->log, LOG_WARN, "LKG0453W",
		"a revocation list could not be fetched; what is known of it stays in force",
		LF_TEXT("url", url), LF_TEXT("sentence", sentence), LF_INT("retry_ms", retry_ms));
	tell_channels(sources, url, false); /* whoever waits for its first look need not */
}

/* --- open and close --- */

enum err sources_open(struct control *control)
{
	struct sources *sources = calloc(1, sizeof(*sources));
	struct fetcher_options fetch = {
		.net = control->shared->net, .wheel = control->wheel, .clock = control->clock};
	char *folder = NULL;
	enum err err = sources == NULL ? ERR_NOMEM : ERR_OK;

	if (err == ERR_OK && asprintf(&folder, "%s/revocation", control->options->directory) < 0) {
		folder = NULL;
		err = ERR_NOMEM;
	}
	if (err == ERR_OK) {
		sources->control = control;
		err = fetcher_new(&fetch, &sources->fetcher);
	}
	if (err == ERR_OK) {
		struct revocation_options options = {
			.fetcher = sources->fetcher,
			.executor = control->executor,
			.wheel = control->wheel,
			.clock = control->clock,
			.log = control->log,
			.folder = folder,
			.calls = {sources_vouch_take, sources_vouch_free, sources_vouch_for, sources_on_crl,
				on_failed, asks_on_answer, sources},
		};

		err = revocation_cache_new(&options, &sources->cache);
	}
	if (err == ERR_OK) {
		err = asks_open(sources);
	}
	if (err == ERR_OK) {
		control->sources = sources;
	} else if (sources != NULL) {
		revocation_cache_free(sources->cache);
		fetcher_free(sources->fetcher);
		free(sources);
	}
	free(folder);
	return err;
}

void sources_close(struct control *control)
{
	struct sources *sources = control->sources;

	if (sources == NULL || sources->closed) {
		return;
	}
	asks_close(sources);
	sources->closed = true;
	revocation_cache_free(sources->cache);
	fetcher_free(sources->fetcher);
	sources->cache = NULL;
	sources->fetcher = NULL;
}

struct fetcher *sources_fetcher(const struct control *control)
{
	return control->sources->fetcher;
}

void sources_free(struct control *control)
{
	if (control->sources != NULL) {
		asks_free(control->sources);
		free(control->sources);
		control->sources = NULL;
	}
}

void sources_refresh(struct control *control)
{
	if (control->sources != NULL && !control->sources->closed) {
		control->sources->settings_from = UINT64_MAX; /* the file is read again */
		revocation_refresh(control->sources->cache);
		asks_refresh(control->sources);
	}
}
