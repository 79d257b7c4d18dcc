/*
 * test_chain_certs.c - Goal: the same bytes give the same certificate, other bytes never do, the table is bounded, and a
 * certificate outlives its place in it.
 */
#include "broker/chain_certs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/x509/pki.h"

#define MANY 600u /* more than twice CHAIN_CERTS_MAX */

static void test_same_bytes(void)
{
	struct pki root = pki_root("Plant");
	struct pki other = pki_root("Plant"); /* the same name, another key */
	struct chain_certs *certs = NULL;
	struct cert *again = NULL;

	REQUIRE("new", chain_certs_new(&certs) == ERR_OK);
	CHECK("nothing yet", chain_certs_find(certs, cert_der(root.cert)) == NULL);
	chain_certs_keep(certs, root.cert);
	chain_certs_keep(certs, root.cert);
	again = chain_certs_find(certs, cert_der(root.cert));
	CHECK("the same bytes, the same object", again == root.cert);
	CHECK("the same name, other bytes", chain_certs_find(certs, cert_der(other.cert)) == NULL);
	CHECK("a part of it", chain_certs_find(certs, bytes_of(cert_der(root.cert).data, 20)) == NULL);
	CHECK("nothing", chain_certs_find(certs, BYTES_NONE) == NULL);
	chain_certs_free(certs);
	CHECK("it outlives the table", again != NULL && cert_der(again).len > 0);
	cert_unref(again);
	pki_free(&root);
	pki_free(&other);
}

static void *churn(void *ctx)
{
	struct chain_certs *certs = ctx;
	struct pki mine = pki_root("Thread");

	for (unsigned i = 0; i < 2000; i++) {
		chain_certs_keep(certs, mine.cert);
		cert_unref(chain_certs_find(certs, cert_der(mine.cert)));
	}
	pki_free(&mine);
	return NULL;
}

static void test_threads(void)
{
	struct chain_certs *certs = NULL;
	pthread_t threads[3];

	REQUIRE("new", chain_certs_new(&certs) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		REQUIRE("thread", pthread_create(&threads[i], NULL, churn, certs) == 0);
	}
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		CHECK("join", pthread_join(threads[i], NULL) == 0);
	}
	chain_certs_free(certs);
}

static void test_bound(void)
{
	struct chain_certs *certs = NULL;
	struct pki *all = calloc(MANY, sizeof(*all));
	struct secret key = pki_key(KEY_EC_P256);
	unsigned found = 0;

	REQUIRE("memory", all != NULL);
	REQUIRE("new", chain_certs_new(&certs) == ERR_OK);
	for (size_t i = 0; i < MANY; i++) {
		struct x509_make make = {.ca = true, .path_length = -1};
		char name[32];

		(void)snprintf(name, sizeof(name), "CA %zu", i);
		all[i] = pki_make(NULL, &make, name, &key);
		chain_certs_keep(certs, all[i].cert);
		struct cert *last = chain_certs_find(certs, cert_der(all[i].cert));

		CHECK("the newest is there", last == all[i].cert);
		cert_unref(last);
	}
	for (size_t i = 0; i < MANY; i++) {
		struct cert *one = chain_certs_find(certs, cert_der(all[i].cert));

		found += one != NULL ? 1 : 0;
		cert_unref(one);
		pki_free(&all[i]);
	}
	CHECK("at most so many", found <= CHAIN_CERTS_MAX);
	CHECK("and not many fewer", found > CHAIN_CERTS_MAX / 2);
	secret_free(&key);
	chain_certs_free(certs);
	free(all);
}

int main(void)
{
	pki_init();
	test_same_bytes();
	test_threads();
	test_bound();
	chain_certs_free(NULL);
	return test_result();
}
