/*
 * tls_choose.c - the choice of a certificate: by name, by what the client can verify, by age.
 * Owns:    nothing.
 * Never:   see tls_choose.h.
 * Threads: any; pure.
 */
#include "broker/net/tls_choose.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define CODE_TLS_13 0x0304u

/* --- names --- */

static bool same_text(struct bytes a, struct bytes b)
{
	return a.len == b.len &&
	       (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

static bool same_name(const struct tls_name *a, const struct tls_name *b)
{
	if (a->kind != b->kind) {
		return false;
	}
	return a->kind == TLS_NAME_DNS ? same_text(a->value, b->value) : bytes_equal(a->value, b->value);
}

static bool has_all_names(const struct tls_facts *facts, const struct tls_facts *of)
{
	for (size_t i = 0; i < of->name_count; i++) {
		bool found = false;
		for (size_t j = 0; j < facts->name_count && !found; j++) {
			found = same_name(&facts->names[j], &of->names[i]);
		}
		if (!found) {
			return false;
		}
	}
	return true;
}

void tls_facts_group(struct tls_facts *facts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		facts[i].group = i;
		for (size_t j = 0; j < i && facts[i].group == i; j++) {
			if (has_all_names(&facts[i], &facts[j]) && has_all_names(&facts[j], &facts[i])) {
				facts[i].group = facts[j].group;
			}
		}
	}
}

/* RFC 6125 6.4.3: "*" stands for one whole left-most label, and for nothing else. */
static bool wildcard_matches(struct bytes pattern, struct bytes host)
{
	if (pattern.len < 3 || memcmp(pattern.data, "*.", 2) != 0) {
		return false;
	}
	const uint8_t *dot = memchr(host.data, '.', host.len);
	if (dot == NULL) {
		return false;
	}
	size_t label = (size_t)(dot - host.data);
	return same_text(bytes_of(pattern.data + 1, pattern.len - 1), bytes_of(dot, host.len - label));
}

enum name_rank { NAME_NONE, NAME_WILDCARD, NAME_EXACT };
static enum name_rank rank_name(const struct tls_facts *facts, struct bytes host)
{
	char text[HELLO_NAME_BYTES_MAX + 1] = "";
	uint8_t ipv4[4];
	enum name_rank best = NAME_NONE;
	if (host.len == 0 || host.len > HELLO_NAME_BYTES_MAX) {
		return NAME_NONE;
	}
	memcpy(text, host.data, host.len);
	/* RFC 6066 3 has no addresses in server_name; clients send them all the same. */
	bool is_address = inet_pton(AF_INET, text, ipv4) == 1;
	for (size_t i = 0; i < facts->name_count; i++) {
		const struct tls_name *name = &facts->names[i];
		if (name->kind == TLS_NAME_IP) {
			if (is_address && bytes_equal(name->value, bytes_of(ipv4, sizeof(ipv4)))) {
				return NAME_EXACT;
			}
		} else if (same_text(name->value, host)) {
			return NAME_EXACT;
		} else if (!is_address && wildcard_matches(name->value, host)) {
			best = NAME_WILDCARD;
		}
	}
	return best;
}

/* --- keys --- */

/* The suites of tls_spec.c by their numbers (IANA), and the kind of key each needs. */
static const struct {
	uint16_t code;
	const char *name;
	bool is_rsa;
} suites_12[] = {
	{0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256", false},
	{0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384", false},
	{0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305", false},
	{0xc023, "ECDHE-ECDSA-AES128-SHA256", false},
	{0xc024, "ECDHE-ECDSA-AES256-SHA384", false},
	{0xc02f, "ECDHE-RSA-AES128-GCM-SHA256", true},
	{0xc030, "ECDHE-RSA-AES256-GCM-SHA384", true},
	{0xcca8, "ECDHE-RSA-CHACHA20-POLY1305", true},
	{0xc027, "ECDHE-RSA-AES128-SHA256", true},
	{0xc028, "ECDHE-RSA-AES256-SHA384", true},
};

/* RFC 8446 4.2.3: a key's signature schemes in TLS 1.3 and in 1.2, and its curve (RFC 8422 5.1.1). 0: no more. */
static const struct {
	uint16_t in_13[3], in_12[6], curve;
	unsigned preference;
} keys[KEY_KIND_COUNT_] = {
	[KEY_RSA] = {{0x0804, 0x0805, 0x0806}, {0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806}, 0, 0},
	[KEY_EC_P256] = {{0x0403}, {0x0403, 0x0503, 0x0603}, 23, 2},
	[KEY_EC_P384] = {{0x0503}, {0x0403, 0x0503, 0x0603}, 24, 2},
	[KEY_EC_P521] = {{0x0603}, {0x0403, 0x0503, 0x0603}, 25, 2},
	[KEY_ED25519] = {{0x0807}, {0x0807}, 0, 1},
};

static bool offers_any(struct bytes codes, const uint16_t *wanted, size_t count)
{
	for (size_t i = 0; i < count && wanted[i] != 0; i++) {
		if (hello_offers(codes, wanted[i])) {
			return true;
		}
	}
	return false;
}

/* Whether name stands as a whole in a list with colons. */
static bool list_has(const char *list, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = list; at != NULL; at = strchr(at, ':')) {
		at += *at == ':' ? 1 : 0;
		if (strncmp(at, name, len) == 0 && (at[len] == ':' || at[len] == '\0')) {
			return true;
		}
	}
	return false;
}

static bool has_suite_12(const struct tls_spec *spec, const struct hello *hello, bool is_rsa)
{
	for (size_t i = 0; i < ARRAY_COUNT(suites_12); i++) {
		if (suites_12[i].is_rsa == is_rsa && hello_offers(hello->suites, suites_12[i].code) &&
			list_has(spec->suites, suites_12[i].name)) {
			return true;
		}
	}
	return false;
}

static bool client_can_use(enum key_kind kind, const struct tls_spec *spec, const struct hello *hello)
{
	if ((unsigned)kind >= KEY_KIND_COUNT_) {
		return false;
	}
	if (spec->max == TLS_VERSION_13 && hello_offers(hello->versions, CODE_TLS_13)) {
		return offers_any(hello->signatures, keys[kind].in_13, ARRAY_COUNT(keys[kind].in_13));
	}
	/* RFC 8422 5.1: no supported_groups is any curve; RFC 5246 7.4.1.4.1: no signature_algorithms is the old ones. */
	bool curve = keys[kind].curve == 0 || hello->groups.len == 0 ||
		     hello_offers(hello->groups, keys[kind].curve);
	bool signs = hello->signatures.len == 0 ||
		     offers_any(hello->signatures, keys[kind].in_12, ARRAY_COUNT(keys[kind].in_12));
	return curve && signs && has_suite_12(spec, hello, kind == KEY_RSA);
}

/* --- the choice --- */

static bool is_valid(const struct tls_facts *facts, int64_t now)
{
	return (facts->not_before == 0 && facts->not_after == 0) ||
	       (now >= facts->not_before && now <= facts->not_after);
}

static unsigned preference(enum key_kind kind)
{
	return (unsigned)kind < KEY_KIND_COUNT_ ? keys[kind].preference : 0;
}

struct view {
	bool in, usable;
	enum name_rank name;
};

static bool better(const struct tls_facts *facts, const struct view *views, size_t a, size_t b)
{
	if (views[a].usable != views[b].usable) {
		return views[a].usable;
	}
	if (views[a].name != views[b].name) {
		return views[a].name > views[b].name;
	}
	if (preference(facts[a].kind) != preference(facts[b].kind)) {
		return preference(facts[a].kind) > preference(facts[b].kind);
	}
	return facts[a].not_before > facts[b].not_before;
}

/* Which are looked at: by name, else the default's group. False: nothing is valid. */
static bool gather_views(const struct tls_facts *facts, size_t count, const struct tls_spec *spec,
	const struct hello *hello, int64_t now, struct view *views)
{
	bool by_name = false;
	size_t first = count, home = count;
	for (size_t i = 0; i < count; i++) {
		views[i] = (struct view){.in = is_valid(&facts[i], now)};
		if (!views[i].in) {
			continue;
		}
		views[i].name = rank_name(&facts[i], hello->host_name);
		views[i].usable = client_can_use(facts[i].kind, spec, hello);
		by_name = by_name || views[i].name != NAME_NONE;
		first = first == count ? i : first;
		home = home == count && facts[i].group == facts[0].group ? i : home;
	}
	if (first == count) {
		return false;
	}
	size_t group = facts[home != count ? home : first].group;
	for (size_t i = 0; i < count; i++) {
		views[i].in = views[i].in && (by_name ? views[i].name != NAME_NONE : facts[i].group == group);
	}
	return true;
}

enum err tls_choose(const struct tls_facts *facts, size_t count, const struct tls_spec *spec,
	const struct hello *hello, int64_t now, size_t *index)
{
	struct view views[TLS_IDENTITIES_MAX];
	if (count == 1 && is_valid(&facts[0], now)) {
		*index = 0; /* nothing to choose: most channels */
		return ERR_OK;
	}
	if (count > TLS_IDENTITIES_MAX || !gather_views(facts, count, spec, hello, now, views)) {
		return ERR_NOT_FOUND;
	}
	size_t best = count;
	for (size_t i = 0; i < count; i++) {
		if (views[i].in && (best == count || better(facts, views, i, best))) {
			best = i;
		}
	}
	*index = best;
	return ERR_OK;
}
