/*
 * test_chain_memo.c - Goal: a chain that comes again costs no signature, refused ones included, and the verdict over what the table
 * gave back is, whatever was judged before, the verdict over the same bytes parsed afresh.
 */
#include "broker/chain_table.h"

#include <stdlib.h>
#include <string.h>

#include "tests/x509/pki.h"

#define NOW    1000u
#define CHAINS 10u
#define ROUNDS 3000u

struct world {
	struct pki root, ca, twin, other, leaf, second, gone, forged, brief, self, pinned;
	struct cert *chains[CHAINS][3];
	size_t counts[CHAINS];
	struct trust_set *trusts[4];
	struct crl_set *crls[3];
};

/* A leaf whose issuer's name is that of the CA, and whose signature is not. */
static void world_open(struct world *world)
{
	struct x509_make brief = {
		.not_before = PKI_NOW - PKI_DAY, .not_after = PKI_NOW + PKI_DAY, .path_length = -1};

	*world = (struct world){.root = pki_root("Root"), .other = pki_root("Other")};
	world->ca = pki_ca(&world->root, "CA");
	world->twin = pki_ca(&world->root, "CA"); /* of the same name, another key */
	world->leaf = pki_leaf(&world->ca, "d1");
	world->second = pki_leaf(&world->twin, "d2");
	world->gone = pki_leaf(&world->ca, "d3");
	world->forged = pki_leaf(&world->other, "d4");
	world->brief = pki_make(&world->ca, &brief, "d5", NULL);
	world->self = pki_self_signed("d6");
	world->pinned = pki_self_signed("d7");
	struct cert *chains[CHAINS][3] = {{world->leaf.cert, world->ca.cert},
		{world->second.cert, world->twin.cert},
		{world->second.cert, world->ca.cert}, /* by name its issuer, by signature not */
		/* The other order at the end: in one of them the wrong CA is tried first. */
		{world->second.cert, world->ca.cert, world->twin.cert}, {world->gone.cert, world->ca.cert},
		{world->forged.cert}, {world->brief.cert, world->ca.cert}, {world->self.cert},
		{world->pinned.cert}, {world->second.cert, world->twin.cert, world->ca.cert}};

	memcpy(world->chains, chains, sizeof(chains));
	for (size_t i = 0; i < CHAINS; i++) {
		while (world->counts[i] < 3 && world->chains[i][world->counts[i]] != NULL) {
			world->counts[i]++;
		}
	}
	world->trusts[0] = pki_trust(world->root.cert, NULL);
	world->trusts[1] = pki_trust(world->other.cert, NULL);
	world->trusts[2] = pki_trust(world->root.cert, world->pinned.cert);
	world->trusts[3] = pki_trust(world->ca.cert, NULL);
	const struct cert *revoked[] = {world->gone.cert};
	struct crl *of_root = pki_crl(&world->root, 1, NULL, 0), *of_ca = pki_crl(&world->ca, 1, revoked, 1);
	struct crl *later = pki_crl(&world->ca, 2, NULL, 0);

	world->crls[1] = pki_crls(of_root, of_ca);
	world->crls[2] = pki_crls(of_root, later);
	crl_unref(of_root);
	crl_unref(of_ca);
	crl_unref(later);
}

static void world_close(struct world *world)
{
	struct pki *all[] = {&world->root, &world->ca, &world->twin, &world->other, &world->leaf,
		&world->second, &world->gone, &world->forged, &world->brief, &world->self, &world->pinned};

	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(world->trusts); i++) {
		trust_set_unref(world->trusts[i]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(world->crls); i++) {
		crl_set_unref(world->crls[i]);
	}
}

/* --- one question --- */

struct ask {
	size_t chain, trust, crls;
	int64_t now;
	enum x509_revocation revocation;
};

static void judge(const struct world *world, const struct ask *ask, struct cert *const *certs, size_t count,
	struct x509_answer *out)
{
	const struct cert *chain[3];

	for (size_t i = 0; i < count; i++) {
		chain[i] = certs[i];
	}
	struct x509_question question = {.chain = chain,
		.chain_count = count,
		.trust = world->trusts[ask->trust],
		.crls = world->crls[ask->crls],
		.now = ask->now,
		.purpose = X509_PURPOSE_CLIENT,
		.revocation = ask->revocation};

	x509_judge(&question, out);
}

static void parse(const struct world *world, size_t chain, struct cert **out)
{
	for (size_t i = 0; i < world->counts[chain]; i++) {
		struct x509_error error;

		REQUIRE("parse", cert_parse(cert_der(world->chains[chain][i]), &out[i], &error) == ERR_OK);
	}
}

static void drop(struct cert **certs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		cert_unref(certs[i]);
	}
}

/* As a connection does: found, or parsed; judged; put on a shelf. */
static void visit(
	const struct world *world, struct chain_table *table, const struct ask *ask, struct x509_answer *out)
{
	struct cert *certs[X509_CHAIN_CERTS_MAX];
	struct bytes ders[3] = {BYTES_NONE};
	uint8_t digest[SHA256_BYTES];
	size_t count = world->counts[ask->chain];

	for (size_t i = 0; i < count; i++) {
		ders[i] = cert_der(world->chains[ask->chain][i]);
	}
	chain_digest_of_ders(ders, count, digest);
	size_t found = chain_table_find(table, digest, CHAIN_REFUSED, NOW, certs);

	if (found == 0) {
		parse(world, ask->chain, certs);
	}
	CHECK("whole", found == 0 || found == count);
	judge(world, ask, certs, count, out);
	chain_table_keep(
		table, out->verdict == X509_ACCEPT ? CHAIN_ADMITTED : CHAIN_REFUSED, NOW, certs, count);
	drop(certs, count);
}

/* --- what comes again costs nothing --- */

static void test_counts(const struct world *world)
{
	static const struct {
		const char *name;
		struct ask ask;
		enum x509_reason reason;
		unsigned first; /* at least */
	} rows[] = {
		{"a good device", {0, 0, 1, PKI_NOW, X509_REVOCATION_REQUIRED}, X509_OK, 2},
		{"a revoked device", {4, 0, 1, PKI_NOW, X509_REVOCATION_REQUIRED}, X509_REVOKED, 2},
		{"an expired device", {6, 0, 0, PKI_NOW + 2 * PKI_DAY, X509_REVOCATION_NONE}, X509_EXPIRED,
			0},
		{"a forged device", {2, 0, 0, PKI_NOW, X509_REVOCATION_NONE}, X509_BAD_SIGNATURE, 1},
		{"two CAs of one name", {3, 0, 0, PKI_NOW, X509_REVOCATION_NONE}, X509_OK, 2},
		{"two CAs of one name, turned", {9, 0, 0, PKI_NOW, X509_REVOCATION_NONE}, X509_OK, 2},
		{"a pinned device", {8, 2, 0, PKI_NOW, X509_REVOCATION_NONE}, X509_OK, 0},
		{"a stranger", {5, 0, 0, PKI_NOW, X509_REVOCATION_NONE}, X509_UNKNOWN_ISSUER, 0},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct chain_table *table = NULL;
		struct x509_answer first, second;

		REQUIRE("new", chain_table_new(NULL, &table) == ERR_OK);
		visit(world, table, &rows[i].ask, &first);
		visit(world, table, &rows[i].ask, &second);
		CHECK(rows[i].name, first.reason == rows[i].reason && second.reason == rows[i].reason);
		CHECK(rows[i].name, first.signatures_computed >= rows[i].first);
		CHECK("the second time nothing is computed", second.signatures_computed == 0);
		CHECK("and the work that is counted is the same", second.signatures == first.signatures);
		chain_table_free(table);
	}
}

/* --- and changes nothing --- */

static bool same(const struct x509_answer *a, const struct x509_answer *b)
{
	return a->verdict == b->verdict && a->reason == b->reason && strcmp(a->sentence, b->sentence) == 0 &&
	       a->path_count == b->path_count && a->valid_until == b->valid_until &&
	       a->revocation_known == b->revocation_known && (a->pin == NULL) == (b->pin == NULL) &&
	       a->signatures == b->signatures;
}

static void test_verdicts(const struct world *world)
{
	static const int64_t times[] = {
		PKI_NOW - 2 * PKI_DAY, PKI_NOW, PKI_NOW + 2 * PKI_DAY, PKI_NOW + 40 * PKI_DAY};
	static const enum x509_revocation modes[] = {
		X509_REVOCATION_NONE, X509_REVOCATION_IF_AVAILABLE, X509_REVOCATION_REQUIRED};
	struct chain_table *table = NULL;
	unsigned accepted = 0, refused = 0;
	unsigned dice = 12345;

	REQUIRE("new", chain_table_new(NULL, &table) == ERR_OK);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct ask ask;
		struct cert *certs[3];
		struct x509_answer known, fresh;

		dice = dice * 1103515245u + 12345u;
		ask = (struct ask){(dice >> 8) % CHAINS, (dice >> 12) % 4, (dice >> 15) % 3,
			times[(dice >> 18) % 4], modes[(dice >> 21) % 3]};
		visit(world, table, &ask, &known);
		parse(world, ask.chain, certs);
		judge(world, &ask, certs, world->counts[ask.chain], &fresh);
		CHECK("the same verdict", same(&known, &fresh));
		accepted += known.verdict == X509_ACCEPT;
		refused += known.verdict == X509_REFUSE;
		drop(certs, world->counts[ask.chain]);
	}
	CHECK("both happen", accepted > ROUNDS / 20 && refused > ROUNDS / 20);
	chain_table_free(table);
}

int main(void)
{
	static struct world world;

	pki_init();
	world_open(&world);
	test_counts(&world);
	test_verdicts(&world);
	world_close(&world);
	return test_result();
}
