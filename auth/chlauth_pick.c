/*
 * chlauth_pick.c - which CHLAUTH record decides about a connection (mq-semantics 3.4), also when not all is known yet.
 * Owns:    nothing.
 * Never:   allocates; stops at the first match (the most specific record decides, not the first).
 * Threads: any; pure.
 */
#include <string.h>

#include "auth/chlauth.h"
#include "auth/text.h"

/* Whom '*MQADMIN' means: names with which somebody runs this broker or another. In any case of letters. */
static const char *const privileged[] = {"mqm", "root", "lockgate", "admin", "administrator"};

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

static enum match match_certificate(const struct chlauth_rule *rule, const struct chlauth_view *view)
{
	bool refuses = rule->record.usersrc == USERSRC_NOACCESS;
	switch (view->certificate) {
	case VIEW_CERTIFICATE_UNKNOWN: return MATCH_MAYBE;
	case VIEW_CERTIFICATE_NONE: return MATCH_NO;
	case VIEW_CERTIFICATE_KNOWN: break;
	}
	if (rule->has_fingerprint) {
		if (view->sha256 == NULL || memcmp(rule->fingerprint, view->sha256, SHA256_BYTES) != 0) {
			return MATCH_NO;
		}
	} else if (view->pinned && !refuses) {
		return MATCH_NO; /* DESIGN 5: a pinned certificate is let in by its fingerprint, never by DN alone */
	}
	enum dn_answer subject = rule->peer == NULL ? DN_YES : dn_pattern_judge(rule->peer, &view->subject);
	enum dn_answer issuer = rule->issuer == NULL ? DN_YES : dn_pattern_judge(rule->issuer, &view->issuer);
	if (subject == DN_NO || issuer == DN_NO) {
		return MATCH_NO;
	}
	/* A name with controls in it escapes no rule that refuses, and meets none that lets in. */
	return refuses || (subject == DN_YES && issuer == DN_YES) ? MATCH_YES : MATCH_NO;
}

static enum match match_user(const struct chlauth_rule *rule, const struct chlauth_view *view)
{
	if (!view->user_known) {
		return MATCH_MAYBE;
	}
	return view->user != NULL && strcmp(rule->record.client_user, view->user) == 0 ? MATCH_YES : MATCH_NO;
}

static enum match match_rule(const struct chlauth_rule *rule, const struct chlauth_view *view)
{
	enum match match = MATCH_YES;
	if (!name_pattern_match(rule->record.profile, view->channel)) {
		return MATCH_NO;
	}
	if (rule->address != NULL && !address_pattern_match(rule->address, view->peer)) {
		return MATCH_NO;
	}
	if (rule->record.client_user != NULL) {
		match = match_user(rule, view);
	}
	if (match != MATCH_NO && (rule->peer != NULL || rule->has_fingerprint)) {
		enum match certificate = match_certificate(rule, view);
		match = certificate < match ? certificate : match;
	}
	return match;
}

/* --- candidates: what the tables do not already rule out --- */

typedef void (*visit_fn)(void *ctx, const struct chlauth_rule *rule);

static void visit_all(const struct chlauth_table *table, visit_fn visit, void *ctx)
{
	for (size_t i = 0; i < table->count; i++) {
		visit(ctx, table->items[i]);
	}
}

/* How an index compares its key with what the connection shows. */
typedef int (*probe_fn)(const struct chlauth_rule *rule, const void *what);

static void visit_equal(
	const struct chlauth_table *table, probe_fn probe, const void *what, visit_fn visit, void *ctx)
{
	size_t low = 0;
	size_t high = table->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (probe(table->items[middle], what) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	for (; low < table->count && probe(table->items[low], what) == 0; low++) {
		visit(ctx, table->items[low]);
	}
}

static int probe_cn(const struct chlauth_rule *rule, const void *what)
{
	const struct bytes *cn = what;
	return text_compare_folded(dn_pattern_fixed_cn(rule->peer), *cn);
}

static int probe_user(const struct chlauth_rule *rule, const void *what)
{
	return strcmp(rule->record.client_user, what);
}

static int probe_fingerprint(const struct chlauth_rule *rule, const void *what)
{
	return memcmp(rule->fingerprint, what, SHA256_BYTES);
}

static void visit_cn(
	const struct chlauth_rules *rules, const struct chlauth_view *view, visit_fn visit, void *ctx)
{
	char serial[3 * DN_SERIAL_OCTETS_MAX];
	struct bytes cn = BYTES_NONE;
	enum err err = dn_name_value(&view->subject, DN_CN, 0, serial, &cn);
	if (err == ERR_OK) {
		visit_equal(&rules->by_cn, probe_cn, &cn, visit, ctx);
	} else if (err != ERR_NOT_FOUND) {
		visit_all(&rules->by_cn, visit, ctx); /* a hostile CN: every rule that refuses must see it */
	}
}

static void visit_candidates(
	const struct chlauth_rules *rules, const struct chlauth_view *view, visit_fn visit, void *ctx)
{
	visit_all(&rules->general, visit, ctx);
	if (view->certificate == VIEW_CERTIFICATE_UNKNOWN) {
		visit_all(&rules->by_cn, visit, ctx);
		visit_all(&rules->by_fingerprint, visit, ctx);
	} else if (view->certificate == VIEW_CERTIFICATE_KNOWN) {
		visit_cn(rules, view, visit, ctx);
		if (view->sha256 != NULL) {
			visit_equal(&rules->by_fingerprint, probe_fingerprint, view->sha256, visit, ctx);
		}
	}
	if (!view->user_known) {
		visit_all(&rules->by_user, visit, ctx);
	} else if (view->user != NULL) {
		visit_equal(&rules->by_user, probe_user, view->user, visit, ctx);
	}
}

/* --- the choice --- */

bool chlauth_only_warns(const struct chlauth_rules *rules, const struct chlauth_rule *rule)
{
	return rule->record.warn || rules->mode == CHLAUTH_WARN;
}

struct choosing {
	const struct chlauth_rules *rules;
	const struct chlauth_view *view;
	struct chlauth_choice *choice;
	chlauth_good_fn good;
	void *ctx;
	bool found;
};

static bool comes_before(const struct chlauth_rule *rule, const struct chlauth_rule *best)
{
	return best == NULL || chlauth_rule_compare(rule, best) > 0;
}

static bool is_warning(const struct choosing *choosing, const struct chlauth_rule *rule)
{
	return rule->record.usersrc == USERSRC_NOACCESS && chlauth_only_warns(choosing->rules, rule);
}

/* A rule that only warns is passed over, and the next one decides: what MQ's RUNCHECK shows as "would then apply". */
static void choose_sure(void *ctx, const struct chlauth_rule *rule)
{
	struct choosing *choosing = ctx;
	bool warning = is_warning(choosing, rule);
	const struct chlauth_rule **best = warning ? &choosing->choice->warned : &choosing->choice->best;
	if (match_rule(rule, choosing->view) == MATCH_YES && comes_before(rule, *best)) {
		*best = rule;
	}
}

static void choose_open(void *ctx, const struct chlauth_rule *rule)
{
	struct choosing *choosing = ctx;
	if (!choosing->found && !is_warning(choosing, rule) &&
		match_rule(rule, choosing->view) == MATCH_MAYBE &&
		comes_before(rule, choosing->choice->best)) {
		choosing->found = choosing->good == NULL || choosing->good(choosing->ctx, rule);
	}
}

void chlauth_choose(
	const struct chlauth_rules *rules, const struct chlauth_view *view, struct chlauth_choice *out)
{
	*out = (struct chlauth_choice){NULL, NULL, false};
	if (rules == NULL || rules->mode == CHLAUTH_DISABLED) {
		return;
	}
	struct choosing choosing = {.rules = rules, .view = view, .choice = out};
	visit_candidates(rules, view, choose_sure, &choosing);
	if (out->warned != NULL && out->best != NULL && chlauth_rule_compare(out->warned, out->best) < 0) {
		out->warned = NULL; /* it would not have decided anyway */
	}
	out->open = chlauth_any_open(rules, view, out->best, NULL, NULL);
}

bool chlauth_any_open(const struct chlauth_rules *rules, const struct chlauth_view *view,
	const struct chlauth_rule *best, chlauth_good_fn good, void *ctx)
{
	struct chlauth_choice choice = {.best = best};
	struct choosing choosing = {
		.rules = rules, .view = view, .choice = &choice, .good = good, .ctx = ctx};
	if (view->certificate != VIEW_CERTIFICATE_UNKNOWN && view->user_known) {
		return false; /* all is known: a rule matches or does not */
	}
	visit_candidates(rules, view, choose_open, &choosing);
	return choosing.found;
}

const struct chlauth_rule *chlauth_block_user(const struct chlauth_rules *rules, const char *channel)
{
	const struct chlauth_rule *best = NULL;
	for (size_t i = 0; i < rules->block_users.count; i++) {
		const struct chlauth_rule *rule = rules->block_users.items[i];
		if (name_pattern_match(rule->record.profile, channel) &&
			(best == NULL ||
				name_pattern_compare(rule->record.profile, best->record.profile) > 0)) {
			best = rule;
		}
	}
	return best;
}

static bool is_privileged(const char *user)
{
	for (size_t i = 0; i < ARRAY_COUNT(privileged); i++) {
		if (text_equal_folded(bytes_text(user), bytes_text(privileged[i]))) {
			return true;
		}
	}
	return false;
}

bool chlauth_lists_user(const struct chlauth_rule *rule, const char *user)
{
	for (size_t i = 0; i < rule->record.list_count; i++) {
		const char *item = rule->record.list[i];
		if (strcmp(item, "*MQADMIN") == 0 ? is_privileged(user) : strcmp(item, user) == 0) {
			return true;
		}
	}
	return false;
}

const struct chlauth_rule *chlauth_block_address(
	const struct chlauth_rules *rules, const struct auth_address *peer)
{
	const struct chlauth_rule *found = NULL;
	for (size_t i = 0; i < rules->block_addresses.count; i++) {
		const struct chlauth_rule *rule = rules->block_addresses.items[i];
		for (size_t n = 0; n < rule->record.list_count; n++) {
			if (address_pattern_match(rule->addresses[n], peer) &&
				(found == NULL || !chlauth_only_warns(rules, rule))) {
				found = rule;
			}
		}
	}
	return found;
}

const struct chlauth_record *chlauth_rules_pick(
	const struct chlauth_rules *rules, const struct evidence *evidence, const char *user)
{
	struct chlauth_choice choice;
	struct chlauth_view view = {.channel = evidence->channel,
		.peer = &evidence->peer,
		.certificate = VIEW_CERTIFICATE_NONE,
		.user_known = true,
		.user = user};
	if (evidence->channel == NULL) {
		return NULL;
	}
	if (evidence->chain_count > 0 && (evidence->certificate == CERTIFICATE_CHAIN ||
						 evidence->certificate == CERTIFICATE_RESUMED)) {
		view.certificate = VIEW_CERTIFICATE_KNOWN;
		view.subject = (struct dn_name){.cert = evidence->chain[0], .subject = true};
		view.issuer = (struct dn_name){.cert = evidence->chain[0], .subject = false};
		view.sha256 = cert_sha256(evidence->chain[0]);
	}
	chlauth_choose(rules, &view, &choice);
	return choice.best == NULL ? NULL : &choice.best->record;
}
