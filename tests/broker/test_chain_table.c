/*
 * test_chain_table.c - Goal: the same chain gives the same objects, another never; each shelf is bounded by count and bytes, the
 * one used longest ago goes, who is refused pushes out nobody who is not, and a refused chain is soon forgotten.
 */
#include "broker/chain_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/x509/pki.h"

#define NOW 1000u

struct chains {
	struct pki root;
	struct pki leaves[8];
	struct cert *certs[8][2];
	uint8_t digests[8][SHA256_BYTES];
};

static void chains_open(struct chains *chains)
{
	chains->root = pki_root("Plant");
	for (size_t i = 0; i < 8; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "leaf%zu", i);
		chains->leaves[i] = pki_leaf(&chains->root, name);
		chains->certs[i][0] = chains->leaves[i].cert;
		chains->certs[i][1] = chains->root.cert;
		chain_digest_of_certs(chains->certs[i], 2, chains->digests[i]);
	}
}

static void chains_close(struct chains *chains)
{
	for (size_t i = 0; i < 8; i++) {
		pki_free(&chains->leaves[i]);
	}
	pki_free(&chains->root);
}

/* Whether chain i is found, and then is itself. */
static bool found(struct chain_table *table, const struct chains *chains, size_t i, enum chain_shelf last,
	uint64_t now_s)
{
	struct cert *out[X509_CHAIN_CERTS_MAX];
	size_t count = chain_table_find(table, chains->digests[i], last, now_s, out);

	CHECK("whole or nothing", count == 0 || count == 2);
	CHECK("the same objects",
		count == 0 || (out[0] == chains->certs[i][0] && out[1] == chains->certs[i][1]));
	for (size_t j = 0; j < count; j++) {
		cert_unref(out[j]);
	}
	return count > 0;
}

static void test_digests(const struct chains *chains)
{
	struct bytes ders[] = {cert_der(chains->certs[0][0]), cert_der(chains->certs[0][1])};
	struct bytes turned[] = {ders[1], ders[0]};
	uint8_t digest[SHA256_BYTES];

	chain_digest_of_ders(ders, 2, digest);
	CHECK("of DER as of certificates", memcmp(digest, chains->digests[0], SHA256_BYTES) == 0);
	chain_digest_of_ders(turned, 2, digest);
	CHECK("another order", memcmp(digest, chains->digests[0], SHA256_BYTES) != 0);
	chain_digest_of_ders(ders, 1, digest);
	CHECK("a part of it", memcmp(digest, chains->digests[0], SHA256_BYTES) != 0);
}

static void test_shelves(const struct chains *chains)
{
	struct chain_table *table = NULL;

	REQUIRE("new", chain_table_new(NULL, &table) == ERR_OK);
	CHECK("nothing yet", !found(table, chains, 0, CHAIN_REFUSED, NOW));
	chain_table_keep(table, CHAIN_ADMITTED, NOW, chains->certs[0], 2);
	chain_table_keep(table, CHAIN_ADMITTED, NOW, chains->certs[0], 2);
	CHECK("kept once", chain_table_count(table, CHAIN_ADMITTED) == 1);
	CHECK("admitted", found(table, chains, 0, CHAIN_ADMITTED, NOW));
	CHECK("for ever", found(table, chains, 0, CHAIN_ADMITTED, UINT64_MAX - 1));
	CHECK("another", !found(table, chains, 1, CHAIN_REFUSED, NOW));
	chain_table_keep(table, CHAIN_REFUSED, NOW, chains->certs[0], 2);
	CHECK("refused since: no ticket names it", !found(table, chains, 0, CHAIN_ADMITTED, NOW));
	CHECK("refused since: found again", found(table, chains, 0, CHAIN_REFUSED, NOW));
	CHECK("until", found(table, chains, 0, CHAIN_REFUSED, NOW + CHAIN_REFUSED_S - 1));
	chain_table_keep(table, CHAIN_REFUSED, NOW + 30, chains->certs[0], 2);
	CHECK("refused once more: not for longer",
		!found(table, chains, 0, CHAIN_REFUSED, NOW + CHAIN_REFUSED_S));
	CHECK("and gone",
		chain_table_count(table, CHAIN_REFUSED) == 0 && chain_table_bytes(table, CHAIN_REFUSED) == 0);
	chain_table_keep(table, CHAIN_REFUSED, NOW, chains->certs[0], 2);
	chain_table_keep(table, CHAIN_ADMITTED, NOW, chains->certs[0], 2);
	CHECK("admitted after all",
		found(table, chains, 0, CHAIN_ADMITTED, NOW) && chain_table_count(table, CHAIN_REFUSED) == 0);
	chain_table_keep(table, CHAIN_ADMITTED, NOW, chains->certs[1], 0);
	CHECK("an empty chain is none", chain_table_count(table, CHAIN_ADMITTED) == 1);
	chain_table_free(table);
	chain_table_free(NULL);
}

static void test_bounds(const struct chains *chains)
{
	struct chain_limits limits[CHAIN_SHELVES_] = {{.chains_max = 3}, {.chains_max = 2}};
	struct chain_table *table = NULL;

	REQUIRE("new", chain_table_new(limits, &table) == ERR_OK);
	for (size_t i = 0; i < 3; i++) {
		chain_table_keep(table, CHAIN_ADMITTED, NOW, chains->certs[i], 2);
	}
	size_t bytes = chain_table_bytes(table, CHAIN_ADMITTED);

	CHECK("at max", chain_table_count(table, CHAIN_ADMITTED) == 3);
	CHECK("used", found(table, chains, 0, CHAIN_ADMITTED, NOW));
	chain_table_keep(table, CHAIN_ADMITTED, NOW, chains->certs[3], 2);
	CHECK("max + 1: the one used longest ago goes",
		chain_table_count(table, CHAIN_ADMITTED) == 3 &&
			!found(table, chains, 1, CHAIN_REFUSED, NOW) &&
			found(table, chains, 0, CHAIN_ADMITTED, NOW) &&
			found(table, chains, 2, CHAIN_ADMITTED, NOW) &&
			found(table, chains, 3, CHAIN_ADMITTED, NOW));
	for (size_t i = 4; i < 8; i++) {
		chain_table_keep(table, CHAIN_REFUSED, NOW, chains->certs[i], 2);
	}
	CHECK("who is refused pushes out nobody who is not",
		chain_table_count(table, CHAIN_REFUSED) == 2 &&
			chain_table_count(table, CHAIN_ADMITTED) == 3);
	chain_table_free(table);

	limits[CHAIN_ADMITTED] = (struct chain_limits){.bytes_max = bytes};
	REQUIRE("new", chain_table_new(limits, &table) == ERR_OK);
	for (size_t i = 0; i < 8; i++) {
		chain_table_keep(table, CHAIN_ADMITTED, NOW, chains->certs[i], 2);
		CHECK("bounded by bytes", chain_table_bytes(table, CHAIN_ADMITTED) <= bytes);
		CHECK("the youngest is there", found(table, chains, i, CHAIN_ADMITTED, NOW));
	}
	CHECK("about three fit", chain_table_count(table, CHAIN_ADMITTED) >= 2 &&
					 chain_table_count(table, CHAIN_ADMITTED) <= 3);
	chain_table_free(table);

	limits[CHAIN_ADMITTED] = (struct chain_limits){.bytes_max = 100};
	REQUIRE("new", chain_table_new(limits, &table) == ERR_OK);
	chain_table_keep(table, CHAIN_ADMITTED, NOW, chains->certs[0], 2);
	CHECK("larger than the shelf", chain_table_count(table, CHAIN_ADMITTED) == 0 &&
					       chain_table_bytes(table, CHAIN_ADMITTED) == 0);
	chain_table_free(table);
}

static void test_allocation(const struct chains *chains)
{
	bool failed = true;

	for (unsigned long n = 1; failed; n++) {
		struct chain_table *table = NULL;
		struct cert *out[X509_CHAIN_CERTS_MAX];
		size_t count = 0;

		test_alloc_fail_at(n);
		if (chain_table_new(NULL, &table) == ERR_OK) {
			chain_table_keep(table, CHAIN_ADMITTED, NOW, chains->certs[0], 2);
			count = chain_table_find(table, chains->digests[0], CHAIN_ADMITTED, NOW, out);
		}
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation: there whole, or not", count == 2 || (failed && count == 0));
		for (size_t i = 0; i < count; i++) {
			cert_unref(out[i]);
		}
		chain_table_free(table);
	}
}

struct churn {
	struct chain_table *table;
	const struct chains *chains;
};

static void *churn(void *ctx)
{
	struct churn *churn = ctx;

	for (uint64_t i = 0; i < 4000; i++) {
		chain_table_keep(churn->table, i % 3 == 0 ? CHAIN_REFUSED : CHAIN_ADMITTED, NOW + i / 50,
			churn->chains->certs[i % 8], 2);
		(void)found(churn->table, churn->chains, (i * 5) % 8, CHAIN_REFUSED, NOW + i / 50);
	}
	return NULL;
}

static void test_threads(const struct chains *chains)
{
	struct chain_limits limits[CHAIN_SHELVES_] = {{.chains_max = 3}, {.chains_max = 2}};
	struct churn both = {NULL, chains};
	pthread_t threads[3];

	REQUIRE("new", chain_table_new(limits, &both.table) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		REQUIRE("thread", pthread_create(&threads[i], NULL, churn, &both) == 0);
	}
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		REQUIRE("joined", pthread_join(threads[i], NULL) == 0);
	}
	CHECK("bounded", chain_table_count(both.table, CHAIN_ADMITTED) <= 3 &&
				 chain_table_count(both.table, CHAIN_REFUSED) <= 2);
	chain_table_free(both.table);
}

int main(void)
{
	static struct chains chains;

	chains_open(&chains);
	test_digests(&chains);
	test_shelves(&chains);
	test_bounds(&chains);
	test_allocation(&chains);
	test_threads(&chains);
	chains_close(&chains);
	return test_result();
}
