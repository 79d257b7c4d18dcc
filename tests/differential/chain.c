/*
 * chain.c - a good chain, then up to four things wrong or odd with it.
 * Threads: one.
 */
#include "tests/differential/chain.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"
#include "x509/internal.h"

#define DER_BYTES_MAX (256u * 1024u)

uint64_t diff_random_next(struct diff_random *random)
{
	uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

unsigned diff_random_below(struct diff_random *random, unsigned n)
{
	return (unsigned)(diff_random_next(random) % n);
}

bool diff_random_one_in(struct diff_random *random, unsigned n)
{
	return diff_random_below(random, n) == 0;
}

void diff_keys_make(struct diff_keys *keys)
{
	static const enum key_kind kinds[DIFF_KEYS] = {
		KEY_EC_P256, KEY_EC_P256, KEY_EC_P256, KEY_EC_P256, KEY_EC_P384, KEY_ED25519, KEY_RSA};
	for (unsigned i = 0; i < DIFF_KEYS; i++) {
		keys->pkcs8[i] = SECRET_NONE;
		keys->spki[i] = BUF_INIT(8192);
		REQUIRE("a key",
			key_generate(kinds[i], kinds[i] == KEY_RSA ? 2048 : 0, &keys->pkcs8[i]) == ERR_OK);
		REQUIRE("a public key",
			key_public(secret_bytes(&keys->pkcs8[i]), &keys->kind[i], &keys->spki[i]) == ERR_OK);
	}
}

void diff_keys_free(struct diff_keys *keys)
{
	for (unsigned i = 0; i < DIFF_KEYS; i++) {
		secret_free(&keys->pkcs8[i]);
		buf_release(&keys->spki[i]);
	}
}

/* --- a good chain --- */

static struct diff_cert good_cert(unsigned index, unsigned leaf)
{
	static const char *const names[] = {"Root", "CA One", "CA Two", "CA Three", "CA Four"};
	bool ca = index != leaf;
	struct diff_cert spec = {.version = 2,
		.subject = {"Plant", ca ? names[index] : "device-7", DER_UTF8},
		.issuer = {"Plant", names[index == 0 ? 0 : index - 1], DER_UTF8},
		.key = index % 4,
		.signer = index == 0 ? 0 : (index - 1) % 4,
		.not_before = DIFF_NOW - 30 * DIFF_DAY,
		.not_after = DIFF_NOW + 300 * DIFF_DAY,
		.ca = ca,
		.path_length = -1,
		.usage = ca ? KU_KEY_CERT_SIGN | KU_CRL_SIGN : KU_DIGITAL_SIGNATURE,
		.extended = 1,
		.basic = {true, true},
		.key_usage = {true, true},
		.eku = {!ca, false},
		.ski = {true, false},
		.aki = {index != 0, false},
		.require_explicit = -1,
		.inhibit_mapping = -1};
	return spec;
}

/* --- what may be wrong with one certificate --- */

static const struct diff_general names[] = {
	{DER_CONTEXT(2), "device-7.plant.example"},
	{DER_CONTEXT(2), "plant.example"},
	{DER_CONTEXT(2), "other.example"},
	{DER_CONTEXT(2), "*.plant.example"},
	{DER_CONTEXT(1), "ops@plant.example"},
	{DER_CONTEXT(1), "plant.example"},
	{DER_CONTEXT(1), ".example"},
	{DER_CONTEXT(6), "mqtt://broker.plant.example/x"},
	{DER_CONTEXT(6), ".plant.example"},
	{DER_CONTEXT(7), "10.1.2.3"},
	{DER_CONTEXT(7), "10.1.9.3"},
	{DER_CONTEXT_CONSTRUCTED(4), "Plant"},
	{DER_CONTEXT_CONSTRUCTED(4), "Elsewhere"},
	{DER_CONTEXT(8), "\x2a\x03"},
};

static unsigned some_names(struct diff_random *random, struct diff_general *out)
{
	unsigned count = diff_random_below(random, 3) + (diff_random_one_in(random, 4) ? 0 : 1);
	for (unsigned i = 0; i < count && i < DIFF_LIST_MAX; i++) {
		out[i] = names[diff_random_below(random, ARRAY_COUNT(names))];
	}
	return count;
}

static const char *bend_dates(struct diff_random *random, struct diff_cert *spec)
{
	static const int64_t days[] = {-400, -31, -1, 0, 1, 31, 4000, 9000};
	if (diff_random_one_in(random, 2)) {
		spec->not_before = DIFF_NOW + days[diff_random_below(random, ARRAY_COUNT(days))] * DIFF_DAY;
	} else {
		spec->not_after = DIFF_NOW + days[diff_random_below(random, ARRAY_COUNT(days))] * DIFF_DAY;
	}
	return "dates";
}

static const char *bend_extension(struct diff_random *random, struct diff_cert *spec)
{
	static const struct {
		const char *name;
		size_t at;
	} list[] = {
#define EXT(field) {#field, offsetof(struct diff_cert, field)}
		EXT(basic),
		EXT(key_usage),
		EXT(eku),
		EXT(san),
		EXT(ski),
		EXT(aki),
		EXT(constraints),
		EXT(policies),
		EXT(policy_constraints),
		EXT(inhibit_any),
		EXT(mappings),
		EXT(unknown),
#undef EXT
	};
	unsigned i = diff_random_below(random, ARRAY_COUNT(list));
	struct diff_extension *extension = (struct diff_extension *)(void *)((char *)spec + list[i].at);
	if (extension->present && diff_random_one_in(random, 2)) {
		extension->critical = !extension->critical;
	} else {
		extension->present = !extension->present;
		extension->critical = diff_random_one_in(random, 2);
	}
	if (spec->constraints.present && spec->permitted_count + spec->excluded_count == 0) {
		spec->permitted[spec->permitted_count++] = names[1];
	}
	if (spec->policies.present && spec->policy_count == 0) {
		spec->policy[spec->policy_count++] = 1;
	}
	if (spec->mappings.present && spec->mapped_from == 0) {
		spec->mapped_from = 1;
		spec->mapped_to = 2;
	}
	return list[i].name;
}

static const char *bend_usage(struct diff_random *random, struct diff_cert *spec)
{
	static const uint32_t usages[] = {KU_DIGITAL_SIGNATURE, KU_KEY_CERT_SIGN, KU_CRL_SIGN,
		KU_KEY_AGREEMENT, KU_KEY_ENCIPHERMENT, KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN, 1u << 8};
	spec->usage = usages[diff_random_below(random, ARRAY_COUNT(usages))];
	spec->key_usage.present = true;
	return "usage bits";
}

static const char *bend_eku(struct diff_random *random, struct diff_cert *spec)
{
	spec->eku.present = true;
	spec->extended = diff_random_below(random, 15) + 1;
	return "purposes";
}

static const char *bend_ca(struct diff_random *random, struct diff_cert *spec)
{
	if (diff_random_one_in(random, 2)) {
		spec->ca = !spec->ca;
	} else {
		spec->path_length = (int)diff_random_below(random, 4) - 1;
	}
	return "cA or path length";
}

static const char *bend_names(struct diff_random *random, struct diff_cert *spec)
{
	spec->san.present = true;
	spec->san_count = some_names(random, spec->sans);
	return "alternative names";
}

static const char *bend_constraints(struct diff_random *random, struct diff_cert *spec)
{
	spec->constraints.present = true;
	spec->constraints.critical = !diff_random_one_in(random, 4);
	spec->permitted_count = diff_random_one_in(random, 3) ? 0 : some_names(random, spec->permitted);
	spec->excluded_count = diff_random_one_in(random, 2) ? 0 : some_names(random, spec->excluded);
	return "name constraints";
}

static const char *bend_policies(struct diff_random *random, struct diff_cert *spec)
{
	spec->policies.present = true;
	spec->policy_count = diff_random_below(random, 3) + 1;
	for (unsigned i = 0; i < spec->policy_count; i++) {
		spec->policy[i] = (int)diff_random_below(random, DIFF_POLICIES);
	}
	if (diff_random_one_in(random, 3)) {
		spec->mappings.present = true;
		spec->mapped_from = (int)diff_random_below(random, DIFF_POLICIES);
		spec->mapped_to = (int)diff_random_below(random, DIFF_POLICIES);
	}
	if (diff_random_one_in(random, 3)) {
		spec->policy_constraints = (struct diff_extension){true, true};
		spec->require_explicit = (int)diff_random_below(random, 4) - 1;
		spec->inhibit_mapping = (int)diff_random_below(random, 4) - 1;
	}
	if (diff_random_one_in(random, 4)) {
		spec->inhibit_any = (struct diff_extension){true, true};
		spec->inhibit_any_skip = diff_random_below(random, 3);
	}
	return "policies";
}

static const char *bend_subject(struct diff_random *random, struct diff_cert *spec)
{
	static const struct diff_name odd[] = {
		{"Plant", "ca one", DER_PRINTABLE},
		{"Plant", "  CA   One ", DER_UTF8},
		{"Plant", "CA One", DER_BMP},
		{"Plant", "CA Two", DER_T61},
		{"Plant", "Root", DER_PRINTABLE},
		{"plant", "ROOT", DER_UTF8},
		{NULL, NULL, 0},
		{"Elsewhere", "Root", DER_UTF8},
		{"Plant", "\xc3\x84rger", DER_UTF8},
	};
	struct diff_name *name = diff_random_one_in(random, 2) ? &spec->subject : &spec->issuer;
	*name = odd[diff_random_below(random, ARRAY_COUNT(odd))];
	return "a name";
}

static const char *bend_key(struct diff_random *random, struct diff_cert *spec)
{
	if (diff_random_one_in(random, 2)) {
		spec->key = diff_random_below(random, DIFF_KEYS);
	} else {
		spec->signer = diff_random_below(random, DIFF_KEYS);
	}
	return "a key";
}

static const char *bend_form(struct diff_random *random, struct diff_cert *spec)
{
	switch (diff_random_below(random, 6)) {
	case 0: spec->version = (int)diff_random_below(random, 5) - 1; return "version";
	case 1: spec->sha1 = true; return "SHA-1";
	case 2: spec->inner_algorithm_differs = true; return "inner algorithm";
	case 3: spec->negative_serial = true; return "negative serial number";
	case 4: spec->zero_serial = true; return "serial number zero";
	default: spec->wrong_key_id = true; return "wrong key identifier";
	}
}

typedef const char *(*bend_fn)(struct diff_random *, struct diff_cert *);
static const bend_fn bends[] = {bend_dates, bend_extension, bend_extension, bend_usage, bend_eku, bend_ca,
	bend_names, bend_constraints, bend_constraints, bend_policies, bend_policies, bend_subject, bend_key,
	bend_form};

static void note(struct diff_chain *chain, unsigned index, const char *what)
{
	size_t at = strlen(chain->mutations);
	(void)snprintf(chain->mutations + at, sizeof(chain->mutations) - at, "%s%u: %s", at != 0 ? "; " : "",
		index, what);
}

/* --- the chain --- */

/* The keys of those above may have been changed; mostly the chain is to hang together all the same. */
static void tie_together(struct diff_random *random, struct diff_chain *chain)
{
	for (unsigned i = 0; i < chain->count; i++) {
		if (i == 0 || i > chain->leaf || diff_random_one_in(random, 24)) {
			continue;
		}
		chain->specs[i].signer = chain->specs[i - 1].key;
		if (!diff_random_one_in(random, 6)) {
			chain->specs[i].issuer = chain->specs[i - 1].subject;
		}
	}
	if (!diff_random_one_in(random, 16)) {
		chain->specs[0].signer = chain->specs[0].key;
		chain->specs[0].issuer = chain->specs[0].subject;
	}
}

/* A second certificate for one of the CAs: by another issuer, or with other contents. */
static void add_cross(struct diff_random *random, struct diff_chain *chain)
{
	if (chain->leaf < 2) {
		return;
	}
	unsigned of = diff_random_below(random, chain->leaf);
	unsigned by = diff_random_below(random, chain->leaf);
	struct diff_cert *cross = &chain->specs[chain->count];
	*cross = chain->specs[of];
	cross->signer = chain->specs[by].key;
	cross->issuer = chain->specs[by].subject;
	cross->aki.present = true;
	note(chain, chain->count, "cross-signed");
	note(chain, chain->count, bends[diff_random_below(random, ARRAY_COUNT(bends))](random, cross));
	chain->count++;
}

static void present(struct diff_random *random, struct diff_chain *chain)
{
	for (unsigned i = chain->leaf; i-- > 1;) {
		if (diff_random_one_in(random, 24)) {
			note(chain, i, "left out");
			continue;
		}
		chain->presented[chain->presented_count++] = i;
	}
	if (chain->count > chain->leaf + 1) {
		chain->presented[chain->presented_count++] = chain->leaf + 1;
	}
	if (diff_random_one_in(random, 8) && chain->presented_count < DIFF_CERTS_MAX) {
		chain->presented[chain->presented_count++] = diff_random_below(random, chain->count);
		note(chain, chain->presented[chain->presented_count - 1], "presented again");
	}
	for (unsigned i = chain->presented_count; diff_random_one_in(random, 3) && i > 1; i--) {
		unsigned j = diff_random_below(random, i);
		unsigned swapped = chain->presented[j];
		chain->presented[j] = chain->presented[i - 1];
		chain->presented[i - 1] = swapped;
	}
}

static void write_all(struct diff_random *random, const struct diff_keys *keys, struct diff_chain *chain)
{
	unsigned mangled =
		diff_random_one_in(random, 4) ? diff_random_below(random, chain->count) : chain->count;
	for (unsigned i = 0; i < chain->count; i++) {
		chain->der[i] = BUF_INIT(DER_BYTES_MAX);
		diff_cert_write(&chain->specs[i], keys, &chain->der[i]);
		if (i != mangled) {
			continue;
		}
		note(chain, i, "bytes");
		if (diff_random_one_in(random, 4)) {
			(void)diff_mangle(random, &chain->der[i]); /* the signature is not made again */
			continue;
		}
		struct wire_reader outer = {0};
		struct der_item tbs;
		struct buf changed = BUF_INIT(DER_BYTES_MAX);
		REQUIRE("own DER", der_single(buf_bytes(&chain->der[i]), DER_SEQUENCE, &outer) == ERR_OK &&
					   der_next(&outer, &tbs) == ERR_OK &&
					   buf_append(&changed, tbs.whole) == ERR_OK);
		(void)diff_mangle(random, &changed);
		diff_cert_sign(&chain->specs[i], keys, buf_bytes(&changed), &chain->der[i]);
		buf_release(&changed);
	}
}

void diff_chain_make(struct diff_random *random, const struct diff_keys *keys, struct diff_chain *out)
{
	static const unsigned how_many[] = {0, 1, 1, 1, 2, 2, 3, 4};
	*out = (struct diff_chain){.leaf = 1 + diff_random_below(random, 4)};
	out->count = out->leaf + 1;
	for (unsigned i = 0; i < out->count; i++) {
		out->specs[i] = good_cert(i, out->leaf);
	}
	if (diff_random_one_in(random, 3)) { /* policies need company to mean anything */
		for (unsigned i = 0; i < out->count; i++) {
			out->specs[i].policies = (struct diff_extension){true, false};
			out->specs[i].policy[0] = i != out->leaf && diff_random_one_in(random, 2) ? 0 : 1;
			out->specs[i].policy_count = 1;
		}
		out->policy_wanted = diff_random_one_in(random, 2);
		out->explicit_policy = diff_random_one_in(random, 2);
		out->inhibit_mapping = diff_random_one_in(random, 6);
		out->inhibit_any = diff_random_one_in(random, 6);
	}
	(void)snprintf(out->mutations, sizeof(out->mutations), "%s%s%s%s",
		out->policy_wanted ? "policy 1 wanted " : "", out->explicit_policy ? "explicit-policy " : "",
		out->inhibit_mapping ? "inhibit-mapping " : "", out->inhibit_any ? "inhibit-any " : "");
	unsigned count = how_many[diff_random_below(random, ARRAY_COUNT(how_many))];
	for (unsigned i = 0; i < count; i++) {
		unsigned at = diff_random_below(random, out->count);
		note(out, at, bends[diff_random_below(random, ARRAY_COUNT(bends))](random, &out->specs[at]));
	}
	tie_together(random, out);
	if (diff_random_one_in(random, 5)) {
		add_cross(random, out);
	}
	out->anchor = diff_random_one_in(random, 12) ? diff_random_below(random, out->leaf + 1) : 0;
	present(random, out);
	write_all(random, keys, out);
}

void diff_chain_free(struct diff_chain *chain)
{
	for (unsigned i = 0; i < chain->count; i++) {
		buf_release(&chain->der[i]);
	}
}
