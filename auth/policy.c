/*
 * policy.c - the immutable root over the counted parts of the policy.
 * Owns:    copies of the channels' text, references to the parts.
 * Never:   changes once built; outlives the accounts' context that the caller lends.
 * Threads: references are counted atomically; everything else is read only.
 */
#include "auth/policy.h"

#include <stdlib.h>
#include <string.h>

#include "auth/text.h"

static bool given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

bool auth_policy_oid_valid(const char *text)
{
	return x509_oid_valid(text);
}

static enum err check_channel(const struct channel_policy *channel, struct auth_error *error)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./_%";
	size_t len = given(channel->name) ? strspn(channel->name, allowed) : 0;
	if (len == 0 || channel->name[len] != '\0' || len > AUTH_CHANNEL_NAME_BYTES_MAX) {
		return auth_fail(error, ERR_INVALID, len,
			"a channel name is 1 to %u characters of A-Z a-z 0-9 . / _ %%",
			AUTH_CHANNEL_NAME_BYTES_MAX);
	}
	if (given(channel->mca_user) && channel->use_client_id) {
		return auth_fail(error, ERR_INVALID, 0,
			"channel %s: MCAUSER and USECLTID(YES) exclude each other", channel->name);
	}
	if (channel->cert_policy_count > AUTH_CERT_POLICIES_MAX) {
		return auth_fail(error, ERR_INVALID, 0, "channel %s: CERTPOL names at most %u policies",
			channel->name, AUTH_CERT_POLICIES_MAX);
	}
	for (size_t i = 0; i < channel->cert_policy_count; i++) {
		if (!auth_policy_oid_valid(channel->cert_policies[i])) {
			return auth_fail(error, ERR_INVALID, 0,
				"channel %s: CERTPOL holds something that is no object identifier",
				channel->name);
		}
	}
	if (given(channel->mca_user) && !text_is_user(channel->mca_user)) {
		return auth_fail(error, ERR_INVALID, 0, "channel %s: MCAUSER is no user name", channel->name);
	}
	return ERR_OK;
}

static enum err copy_text(const char *from, const char **out)
{
	char *copy = NULL;
	if (given(from)) {
		enum err err = bytes_dup_text(bytes_text(from), &copy);
		if (err != ERR_OK) {
			return err;
		}
	}
	*out = copy;
	return ERR_OK;
}

/* The copies are ours although the view that callers get says const. */
static void free_text(const char *text)
{
	free(UNCONST(char, text));
}

static void entry_deinit(struct policy_channel_entry *entry)
{
	struct trust_set *trust = UNCONST(struct trust_set, entry->channel.trust);
	struct crl_set *crls = UNCONST(struct crl_set, entry->channel.crls);
	free_text(entry->channel.name);
	free_text(entry->channel.ssl_peer);
	free_text(entry->channel.mca_user);
	free_text(entry->channel.login);
	free_text(entry->channel.ocsp_url);
	for (size_t i = 0; i < entry->channel.cert_policy_count; i++) {
		free_text(entry->channel.cert_policies[i]);
	}
	trust_set_unref(trust);
	crl_set_unref(crls);
	dn_pattern_free(entry->ssl_peer);
}

/* entry is zero; on failure the caller deinits what is there. */
static enum err entry_init(
	struct policy_channel_entry *entry, const struct channel_policy *from, struct auth_error *error)
{
	enum err err = check_channel(from, error);
	if (err != ERR_OK) {
		return err;
	}
	entry->channel = *from;
	entry->channel.name = NULL;
	entry->channel.ssl_peer = NULL;
	entry->channel.mca_user = NULL;
	entry->channel.login = NULL;
	entry->channel.ocsp_url = NULL;
	entry->channel.cert_policy_count = 0; /* counts what has been copied */
	entry->channel.trust = from->trust == NULL ? NULL : trust_set_ref(from->trust);
	entry->channel.crls = from->crls == NULL ? NULL : crl_set_ref(from->crls);
	const struct {
		const char *from;
		const char **to;
	} texts[] = {
		{from->name, &entry->channel.name},
		{from->ssl_peer, &entry->channel.ssl_peer},
		{from->mca_user, &entry->channel.mca_user},
		{from->login, &entry->channel.login},
		{from->ocsp_url, &entry->channel.ocsp_url},
	};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		if (copy_text(texts[i].from, texts[i].to) != ERR_OK) {
			return auth_fail(error, ERR_NOMEM, 0, "out of memory");
		}
	}
	for (size_t i = 0; i < from->cert_policy_count; i++) {
		if (copy_text(from->cert_policies[i], &entry->channel.cert_policies[i]) != ERR_OK) {
			return auth_fail(error, ERR_NOMEM, 0, "out of memory");
		}
		entry->channel.cert_policy_count++;
	}
	return given(from->ssl_peer) ? dn_pattern_parse(from->ssl_peer, &entry->ssl_peer, error) : ERR_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct policy_channel_entry *left = a;
	const struct policy_channel_entry *right = b;
	return strcmp(left->channel.name, right->channel.name);
}

static void policy_free(struct policy *policy)
{
	if (policy == NULL) {
		return;
	}
	for (size_t i = 0; i < policy->channel_count; i++) {
		entry_deinit(&policy->channels[i]);
	}
	free(policy->channels);
	chlauth_rules_unref(policy->rules);
	authority_unref(policy->authority);
	free(policy);
}

static enum err build(struct policy *policy, const struct policy_parts *parts, struct auth_error *error)
{
	policy->channels =
		calloc(parts->channel_count > 0 ? parts->channel_count : 1, sizeof(*policy->channels));
	if (policy->channels == NULL) {
		return auth_fail(error, ERR_NOMEM, 0, "out of memory");
	}
	for (size_t i = 0; i < parts->channel_count; i++) {
		policy->channel_count++; /* also a half made entry is freed */
		enum err err = entry_init(&policy->channels[i], &parts->channels[i], error);
		if (err != ERR_OK) {
			return err;
		}
	}
	qsort(policy->channels, policy->channel_count, sizeof(*policy->channels), by_name);
	for (size_t i = 1; i < policy->channel_count; i++) {
		if (by_name(&policy->channels[i - 1], &policy->channels[i]) == 0) {
			return auth_fail(error, ERR_EXISTS, 0, "channel %s is defined twice",
				policy->channels[i].channel.name);
		}
	}
	policy->rules = chlauth_rules_ref(parts->rules);
	policy->authority = authority_ref(parts->authority);
	policy->accounts = parts->accounts;
	return ERR_OK;
}

enum err policy_new(const struct policy_parts *parts, struct policy **out, struct auth_error *error)
{
	*out = NULL;
	if (parts->rules == NULL || parts->authority == NULL) {
		return auth_fail(error, ERR_INVALID, 0, "a policy needs its rules and its authority");
	}
	if (parts->channel_count > AUTH_CHANNELS_MAX) {
		return auth_fail(error, ERR_LIMIT, 0, "there are at most %u channels", AUTH_CHANNELS_MAX);
	}
	struct policy *policy = calloc(1, sizeof(*policy));
	if (policy == NULL) {
		return auth_fail(error, ERR_NOMEM, 0, "out of memory");
	}
	atomic_init(&policy->refs, 1);
	enum err err = build(policy, parts, error);
	if (err == ERR_OK) {
		*out = policy;
		policy = NULL; /* moved to the caller */
	}
	policy_free(policy);
	return err;
}

struct policy *policy_ref(const struct policy *policy)
{
	/* The count is the only part that changes, and it is atomic. */
	struct policy *counted = UNCONST(struct policy, policy);
	if (counted != NULL) {
		atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	}
	return counted;
}

void policy_unref(struct policy *policy)
{
	if (policy != NULL && atomic_fetch_sub_explicit(&policy->refs, 1, memory_order_acq_rel) == 1) {
		policy_free(policy);
	}
}

const struct policy_channel_entry *policy_find(const struct policy *policy, const char *name)
{
	size_t low = 0;
	size_t high = policy == NULL || name == NULL ? 0 : policy->channel_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int diff = strcmp(policy->channels[middle].channel.name, name);
		if (diff == 0) {
			return &policy->channels[middle];
		}
		if (diff < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

const struct channel_policy *policy_channel(const struct policy *policy, const char *name)
{
	const struct policy_channel_entry *entry = policy_find(policy, name);
	return entry == NULL ? NULL : &entry->channel;
}

const struct authority *policy_authority(const struct policy *policy)
{
	return policy->authority;
}

const struct chlauth_rules *policy_rules(const struct policy *policy)
{
	return policy->rules;
}

bool policy_gate_open(const struct policy *policy, const char *channel, enum gate gate)
{
	const struct policy_channel_entry *entry = policy_find(policy, channel);
	return entry != NULL && (entry->channel.insecure_open_gates & (unsigned)gate) != 0;
}

/*
 * A part that this channel's verdicts never look at counts as 0: a new CRL does not disturb the sessions of a channel
 * without revocation checks. Whether it looks is an attribute of the channel, which has its own generation.
 */
void policy_uses(const struct policy *policy, const char *channel, struct admission_uses *out)
{
	const struct policy_channel_entry *entry = policy_find(policy, channel);
	*out = (struct admission_uses){0};
	if (entry == NULL) {
		return;
	}
	const struct channel_policy *view = &entry->channel;
	bool certificates = view->tls && view->client_auth != SSLCAUTH_NEVER;
	out->channel = view->generation;
	if (certificates && view->trust != NULL) {
		out->trust = trust_set_generation(view->trust);
	}
	if (certificates && view->revocation != X509_REVOCATION_NONE && view->crls != NULL) {
		out->crls = crl_set_generation(view->crls);
	}
	out->rules = chlauth_rules_generation(policy->rules);
	out->authority = authority_generation(policy->authority);
	out->accounts = policy->accounts.generation;
}

bool admission_uses_equal(const struct admission_uses *a, const struct admission_uses *b)
{
	return a->channel == b->channel && a->trust == b->trust && a->crls == b->crls &&
	       a->rules == b->rules && a->authority == b->authority && a->accounts == b->accounts;
}
