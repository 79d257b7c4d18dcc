/*
 * chlauth.h - CHLAUTH rules inside auth/: parsed records, their indexes, and the choice of the one that decides.
 * Owns:    nothing.
 * Never:   seen outside auth/.
 * Threads: rules are immutable once built.
 */
#ifndef LOCKGATE_AUTH_CHLAUTH_H
#define LOCKGATE_AUTH_CHLAUTH_H

#include <stdatomic.h>

#include "auth/dn.h"

struct chlauth_rule {
	struct chlauth_record record; /* points into text and list */
	char *text;                   /* all strings of the record, one behind the other */
	const char **list;
	char *key; /* chlauth_record_print_key(), so that judging prints without allocating */
	struct dn_pattern *peer, *issuer;
	bool has_fingerprint;
	uint8_t fingerprint[SHA256_BYTES];
	struct address_pattern *address;
	struct address_pattern **addresses; /* BLOCKADDR: list_count of them */
};

/*
 * A fleet has a rule per device: those are found by what they fix (a CN without wildcard, a fingerprint, a user), each table
 * sorted by that; general holds what must be looked at each time.
 */
struct chlauth_table {
	const struct chlauth_rule **items;
	size_t count;
};
struct chlauth_rules {
	atomic_uint refs;
	enum chlauth_mode mode;
	uint64_t generation;
	struct chlauth_rule *rules;
	size_t count;
	struct chlauth_table by_cn, by_fingerprint, by_user, general, block_users, block_addresses;
};

/* What is known of a connection when rules are chosen. */
struct chlauth_view {
	const char *channel;
	const struct auth_address *peer;
	enum { VIEW_CERTIFICATE_UNKNOWN, VIEW_CERTIFICATE_NONE, VIEW_CERTIFICATE_KNOWN } certificate;
	struct dn_name subject, issuer;
	bool pinned;
	const uint8_t *sha256; /* NULL: a name was given as text */
	bool user_known;
	const char *user; /* NULL: none */
};

struct chlauth_choice {
	const struct chlauth_rule *best;   /* of those that surely match; NULL: none */
	const struct chlauth_rule *warned; /* would have refused, but only warns; NULL: none */
	bool open;                         /* a rule that may still match would come before best */
};
void chlauth_choose(
	const struct chlauth_rules *rules, const struct chlauth_view *view, struct chlauth_choice *out);
/* Whether good(ctx, rule) holds for a rule that may still match and would come before best. */
typedef bool (*chlauth_good_fn)(void *ctx, const struct chlauth_rule *rule);
bool chlauth_any_open(const struct chlauth_rules *rules, const struct chlauth_view *view,
	const struct chlauth_rule *best, chlauth_good_fn good, void *ctx);

/* The one BLOCKUSER record that counts for this channel: the most specific profile. NULL: none. */
const struct chlauth_rule *chlauth_block_user(const struct chlauth_rules *rules, const char *channel);
bool chlauth_lists_user(const struct chlauth_rule *rule, const char *user);
/* The BLOCKADDR record that names this address, one that refuses before one that warns; NULL: none. */
const struct chlauth_rule *chlauth_block_address(
	const struct chlauth_rules *rules, const struct auth_address *peer);
bool chlauth_only_warns(const struct chlauth_rules *rules, const struct chlauth_rule *rule);

/* --- shared by the builder and the choice --- */
/* >0: a is more specific; both match the same connection (mq-semantics 3.4). 0 only for the same key. */
int chlauth_rule_compare(const struct chlauth_rule *a, const struct chlauth_rule *b);
MUST_CHECK enum err chlauth_rule_init(
	struct chlauth_rule *rule, const struct chlauth_record *record, struct auth_error *error);
void chlauth_rule_deinit(struct chlauth_rule *rule);
/* Ranges that overlap without one holding the other (MQ's reason 3343). */
bool address_pattern_crosses(const struct address_pattern *a, const struct address_pattern *b);

#endif
