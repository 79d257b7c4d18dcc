/*
 * test_sharing.c - a context is shared by threads and outlived by its connections; no failed allocation lets anybody in.
 * Owns:    its certificates, contexts and threads; the allocator of wolfSSL while test_memory() runs.
 * Never:   sleeps.
 * Threads: several in test_threads(), which waits for them.
 */
#include "pair.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct pki_cert identity, device, issuing;

/* REFRESH SECURITY publishes a new context and drops the old one; connections made with it go on. */
static void test_outlived(int version)
{
	const char *name = "a connection outlives its context";
	WOLFSSL_CTX *server_ctx = recipe_server_ctx(&identity, SSLCAUTH_REQUIRED);
	const struct pki_cert *chain[] = {&issuing};
	WOLFSSL_CTX *client_ctx = client_ctx_new(version, &device, chain, 1);
	require(server_ctx != NULL, "the recipe");
	struct pair before, within;
	pair_open(&before, server_ctx, client_ctx);
	pair_handshake(&before);
	pair_open(&within, server_ctx, client_ctx);
	(void)wolfSSL_connect(within.client);
	(void)wolfSSL_accept(within.server);
	wolfSSL_CTX_free(server_ctx); /* one connection is up, one is in its handshake */
	CHECK(name, before.server_done && pair_talk(&before));
	pair_handshake(&within);
	CHECK(name, within.server_done && pair_talk(&within));
	CHECK_INT(name, within.evidence.count, 2);
	pair_close(&before);
	pair_close(&within);
	wolfSSL_CTX_free(client_ctx);
}

enum { THREADS = 4, HANDSHAKES = 25 };

struct worker {
	WOLFSSL_CTX *server_ctx;
	int version;
	int good;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	const struct pki_cert *chain[] = {&issuing};
	WOLFSSL_CTX *client_ctx = client_ctx_new(worker->version, &device, chain, 1);
	for (int i = 0; i < HANDSHAKES; i++) {
		struct pair pair;
		pair_open(&pair, worker->server_ctx, client_ctx);
		pair_handshake(&pair);
		worker->good += pair.server_done && pair.evidence.count == 2 && !pair.evidence.broken &&
				pair_talk(&pair);
		pair_close(&pair);
	}
	wolfSSL_CTX_free(client_ctx);
	return NULL;
}

static void test_threads(int version)
{
	WOLFSSL_CTX *server_ctx = recipe_server_ctx(&identity, SSLCAUTH_REQUIRED);
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	require(server_ctx != NULL, "the recipe");
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.server_ctx = server_ctx, .version = version};
		require(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "a thread");
	}
	for (int i = 0; i < THREADS; i++) {
		require(pthread_join(threads[i], NULL) == 0, "the thread's end");
		CHECK_INT("one context, many threads", workers[i].good, HANDSHAKES);
	}
	wolfSSL_CTX_free(server_ctx);
}

/* ---- the Nth allocation of the server fails ---- */

struct allocator {
	bool is_on; /* only while the server works: the client shares the process */
	long left;  /* allocations until one fails */
	bool has_failed;
};
static struct allocator allocator; /* wolfSSL's allocation callbacks have no argument of ours */

static bool must_fail(void)
{
	if (!allocator.is_on || allocator.has_failed || --allocator.left > 0) {
		return false;
	}
	allocator.has_failed = true;
	return true;
}

static void *failing_malloc(size_t size)
{
	return must_fail() ? NULL : malloc(size);
}

static void *failing_realloc(void *old, size_t size)
{
	return must_fail() ? NULL : realloc(old, size);
}

static void failing_free(void *memory)
{
	free(memory);
}

/* One handshake whose server loses its Nth allocation. Returns whether there was an Nth one. */
static bool lose_allocation(
	WOLFSSL_CTX *server_ctx, WOLFSSL_CTX *client_ctx, long n, enum sslcauth cauth, bool has_cert)
{
	const char *name = "an allocation of the server fails";
	struct pair pair;
	pair_open(&pair, server_ctx, client_ctx);
	allocator = (struct allocator){.left = n};
	for (int turn = 0; turn < 16 && !pair.server_done; turn++) {
		(void)wolfSSL_connect(pair.client);
		allocator.is_on = true;
		int result = wolfSSL_accept(pair.server);
		allocator.is_on = false;
		pair.server_done = result == WOLFSSL_SUCCESS;
		pair.server_error = pair.server_done ? 0 : wolfSSL_get_error(pair.server, result);
		if (!pair.server_done && pair.server_error != WOLFSSL_ERROR_WANT_READ) {
			break;
		}
	}
	bool has_failed = allocator.has_failed;
	if (pair.server_done && cauth == SSLCAUTH_REQUIRED) {
		/* Through in spite of it: then the evidence is whole. Never "connected, nothing known". */
		CHECK(name, has_cert);
		CHECK_INT(name, pair.evidence.count, 2);
		CHECK(name, !pair.evidence.broken);
	} else if (pair.server_done) {
		CHECK(name, pair.evidence.count == (has_cert ? 2 : 0));
	} else {
		CHECK(name, has_failed || (cauth == SSLCAUTH_REQUIRED && !has_cert));
	}
	pair_close(&pair);
	return has_failed;
}

static void test_memory(int version, enum sslcauth cauth, bool has_cert)
{
	enum { ALLOCATIONS_MAX = 5000 };
	const struct pki_cert *chain[] = {&issuing};
	WOLFSSL_CTX *server_ctx = recipe_server_ctx(&identity, cauth);
	WOLFSSL_CTX *client_ctx = client_ctx_new(version, has_cert ? &device : NULL, chain, 1);
	require(server_ctx != NULL, "the recipe");
	long n = 1;
	while (n < ALLOCATIONS_MAX && lose_allocation(server_ctx, client_ctx, n, cauth, has_cert)) {
		n++;
	}
	CHECK("every allocation of a handshake was lost once", n > 10 && n < ALLOCATIONS_MAX);
	wolfSSL_CTX_free(server_ctx);
	wolfSSL_CTX_free(client_ctx);
}

int main(void)
{
	/* Before anything is allocated: what is freed must come from the same pair of functions. */
	require(wolfSSL_SetAllocators(failing_malloc, failing_free, failing_realloc) == 0, "our allocator");
	require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	pki_make(&identity, &(struct pki_spec){.name = "broker"});
	pki_make(&issuing, &(struct pki_spec){.name = "issuing", .is_ca = true});
	pki_make(&device, &(struct pki_spec){.name = "device", .issuer = &issuing});
	for (int version = 12; version <= 13; version++) {
		test_outlived(version);
		test_threads(version);
		test_memory(version, SSLCAUTH_REQUIRED, true);
		test_memory(version, SSLCAUTH_REQUIRED, false);
		test_memory(version, SSLCAUTH_OPTIONAL, true);
		test_memory(version, SSLCAUTH_OPTIONAL, false);
	}
	pki_free(&identity), pki_free(&issuing), pki_free(&device);
	(void)wolfSSL_Cleanup();
	return check_result();
}
