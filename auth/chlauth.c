/*
 * chlauth.c - builds an immutable set of CHLAUTH rules, with the tables that find a device's rule quickly.
 * Owns:    the rules.
 * Never:   changes a set once it is built.
 * Threads: references are counted atomically; everything else is read only.
 */
#include "auth/chlauth.h"

#include <stdlib.h>
#include <string.h>

#include "auth/text.h"

static int by_key(const void *a, const void *b)
{
	const struct chlauth_rule *left = *(const struct chlauth_rule *const *)a;
	const struct chlauth_rule *right = *(const struct chlauth_rule *const *)b;
	int diff = (int)left->record.type - (int)right->record.type;
	return diff != 0 ? diff : chlauth_rule_compare(left, right);
}

static int by_cn(const void *a, const void *b)
{
	const struct chlauth_rule *left = *(const struct chlauth_rule *const *)a;
	const struct chlauth_rule *right = *(const struct chlauth_rule *const *)b;
	return text_compare_folded(dn_pattern_fixed_cn(left->peer), dn_pattern_fixed_cn(right->peer));
}

static int by_user(const void *a, const void *b)
{
	const struct chlauth_rule *left = *(const struct chlauth_rule *const *)a;
	const struct chlauth_rule *right = *(const struct chlauth_rule *const *)b;
	return strcmp(left->record.client_user, right->record.client_user);
}

static int by_fingerprint(const void *a, const void *b)
{
	const struct chlauth_rule *left = *(const struct chlauth_rule *const *)a;
	const struct chlauth_rule *right = *(const struct chlauth_rule *const *)b;
	return memcmp(left->fingerprint, right->fingerprint, SHA256_BYTES);
}

static struct chlauth_table *table_of(struct chlauth_rules *rules, const struct chlauth_rule *rule)
{
	switch (rule->record.type) {
	case CHLAUTH_BLOCKUSER: return &rules->block_users;
	case CHLAUTH_BLOCKADDR: return &rules->block_addresses;
	case CHLAUTH_USERMAP: return &rules->by_user;
	case CHLAUTH_SSLPEERMAP:
		if (rule->has_fingerprint) {
			return &rules->by_fingerprint;
		}
		return dn_pattern_fixed_cn(rule->peer).len > 0 ? &rules->by_cn : &rules->general;
	case CHLAUTH_ADDRESSMAP:
	case CHLAUTH_QMGRMAP: break;
	}
	return &rules->general;
}

static void table_sort(struct chlauth_table *table, int (*compare)(const void *, const void *))
{
	if (table->count > 1) {
		/* The elements are pointers to rules that nobody changes any more. */
		qsort(table->items, table->count, sizeof(*table->items), compare);
	}
}

static enum err fill_tables(struct chlauth_rules *rules)
{
	struct chlauth_table *tables[] = {&rules->by_cn, &rules->by_fingerprint, &rules->by_user,
		&rules->general, &rules->block_users, &rules->block_addresses};
	for (size_t i = 0; i < rules->count; i++) {
		table_of(rules, &rules->rules[i])->count++;
	}
	for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
		if (tables[i]->count == 0) {
			continue;
		}
		tables[i]->items = calloc(tables[i]->count, sizeof(*tables[i]->items));
		if (tables[i]->items == NULL) {
			return ERR_NOMEM;
		}
		tables[i]->count = 0;
	}
	for (size_t i = 0; i < rules->count; i++) {
		struct chlauth_table *table = table_of(rules, &rules->rules[i]);
		table->items[table->count++] = &rules->rules[i];
	}
	table_sort(&rules->by_cn, by_cn);
	table_sort(&rules->by_user, by_user);
	table_sort(&rules->by_fingerprint, by_fingerprint);
	return ERR_OK;
}

static enum err refuse_pair(
	const struct chlauth_rule *a, const struct chlauth_rule *b, enum err err, struct auth_error *error)
{
	char room[sizeof(error->sentence)];
	struct text text = text_init(room, sizeof(room));
	text_printf(&text, err == ERR_EXISTS ? "the same rule stands twice: %s" : "ranges of %s", a->key);
	if (err != ERR_EXISTS) {
		text_printf(&text, " and of %s overlap, and neither holds the other", b->key);
	}
	return auth_fail(error, err, 0, "%s", room);
}

/* sorted: by type and key, so that equal keys are neighbours and profiles stand together. */
static enum err check_pairs(const struct chlauth_rule *const *sorted, size_t count, struct auth_error *error)
{
	for (size_t i = 1; i < count; i++) {
		const struct chlauth_rule *a = sorted[i - 1];
		if (a->record.type == sorted[i]->record.type && chlauth_rule_compare(a, sorted[i]) == 0) {
			return refuse_pair(a, sorted[i], ERR_EXISTS, error);
		}
	}
	for (size_t i = 0; i < count; i++) {
		const struct chlauth_rule *a = sorted[i];
		for (size_t j = i + 1; a->record.type == CHLAUTH_ADDRESSMAP && j < count; j++) {
			const struct chlauth_rule *b = sorted[j];
			if (b->record.type != CHLAUTH_ADDRESSMAP ||
				strcmp(a->record.profile, b->record.profile) != 0) {
				break;
			}
			if (address_pattern_crosses(a->address, b->address)) {
				return refuse_pair(a, b, ERR_INVALID, error); /* MQ's reason 3343 */
			}
		}
	}
	return ERR_OK;
}

static enum err check_set(const struct chlauth_rules *rules, struct auth_error *error)
{
	if (rules->count < 2) {
		return ERR_OK;
	}
	const struct chlauth_rule **sorted = calloc(rules->count, sizeof(*sorted));
	if (sorted == NULL) {
		return auth_fail(error, ERR_NOMEM, 0, "out of memory");
	}
	for (size_t i = 0; i < rules->count; i++) {
		sorted[i] = &rules->rules[i];
	}
	qsort(sorted, rules->count, sizeof(*sorted), by_key);
	enum err err = check_pairs(sorted, rules->count, error);
	free(sorted);
	return err;
}

static void rules_free(struct chlauth_rules *rules)
{
	if (rules == NULL) {
		return;
	}
	for (size_t i = 0; i < rules->count; i++) {
		chlauth_rule_deinit(&rules->rules[i]);
	}
	free(rules->rules);
	free(rules->by_cn.items);
	free(rules->by_fingerprint.items);
	free(rules->by_user.items);
	free(rules->general.items);
	free(rules->block_users.items);
	free(rules->block_addresses.items);
	free(rules);
}

static enum err build(struct chlauth_rules *rules, const struct chlauth_record *records, size_t count,
	struct auth_error *error)
{
	rules->rules = calloc(count > 0 ? count : 1, sizeof(*rules->rules));
	if (rules->rules == NULL) {
		return auth_fail(error, ERR_NOMEM, 0, "out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		enum err err = chlauth_rule_init(&rules->rules[i], &records[i], error);
		if (err != ERR_OK) {
			return err;
		}
		rules->count++;
	}
	enum err err = check_set(rules, error);
	if (err != ERR_OK) {
		return err;
	}
	err = fill_tables(rules);
	return err == ERR_OK ? ERR_OK : auth_fail(error, err, 0, "out of memory");
}

enum err chlauth_rules_new(const struct chlauth_record *records, size_t count, enum chlauth_mode mode,
	uint64_t generation, struct chlauth_rules **out, struct auth_error *error)
{
	*out = NULL;
	if (count > AUTH_RULES_MAX) {
		return auth_fail(error, ERR_LIMIT, 0, "there are at most %u CHLAUTH records", AUTH_RULES_MAX);
	}
	struct chlauth_rules *rules = calloc(1, sizeof(*rules));
	if (rules == NULL) {
		return auth_fail(error, ERR_NOMEM, 0, "out of memory");
	}
	atomic_init(&rules->refs, 1);
	rules->mode = mode;
	rules->generation = generation;
	enum err err = build(rules, records, count, error);
	if (err == ERR_OK) {
		*out = rules;
		rules = NULL; /* moved to the caller */
	}
	rules_free(rules);
	return err;
}

struct chlauth_rules *chlauth_rules_ref(const struct chlauth_rules *rules)
{
	/* The count is the only part that changes, and it is atomic. */
	struct chlauth_rules *counted = UNCONST(struct chlauth_rules, rules);
	if (counted != NULL) {
		atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	}
	return counted;
}

void chlauth_rules_unref(struct chlauth_rules *rules)
{
	if (rules != NULL && atomic_fetch_sub_explicit(&rules->refs, 1, memory_order_acq_rel) == 1) {
		rules_free(rules);
	}
}

uint64_t chlauth_rules_generation(const struct chlauth_rules *rules)
{
	return rules->generation;
}

enum chlauth_mode chlauth_rules_mode(const struct chlauth_rules *rules)
{
	return rules->mode;
}
