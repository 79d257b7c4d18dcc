/*
 * test_ocsp_watch.c - Goal: a watch names one question; its answer never goes back, and of two of one second "revoked" stays;
 * connections and the control loop may share it across threads.
 */
#include "broker/ocsp_watch.h"

#include <pthread.h>
#include <string.h>

#include "tests/x509/pki.h"

static struct pki ca, device, other;

static struct ocsp_watch *watch_of(const struct pki *leaf, const char *url, bool listed)
{
	struct ocsp_watch_facts facts = {leaf->cert, ca.cert, url, listed, false};
	struct ocsp_watch *watch = NULL;

	REQUIRE("watch", ocsp_watch_new(&facts, &watch) == ERR_OK);
	return watch;
}

static bool same_question(struct ocsp_watch *a, struct ocsp_watch *b)
{
	bool same = memcmp(ocsp_watch_key(a), ocsp_watch_key(b), SHA256_BYTES) == 0;

	ocsp_watch_unref(a);
	ocsp_watch_unref(b);
	return same;
}

static void test_names(void)
{
	static const char url[] = "http://a/";

	CHECK("the same", same_question(watch_of(&device, url, true), watch_of(&device, url, true)));
	CHECK("another device", !same_question(watch_of(&device, url, true), watch_of(&other, url, true)));
	CHECK("another responder",
		!same_question(watch_of(&device, url, true), watch_of(&device, "http://b/", true)));
	CHECK("named by an operator, or by a certificate",
		!same_question(watch_of(&device, url, true), watch_of(&device, url, false)));
}

/* Each row is put into a watch that holds an answer of PKI_NOW that says `before`. */
static const struct {
	const char *name;
	enum ocsp_says before, says;
	int64_t later_s;
	bool taken;
} rows[] = {
	{"a newer one", OCSP_SAYS_GOOD, OCSP_SAYS_GOOD, 1, true},
	{"RFC 5280 5.3.1 a newer one after revoked for good", OCSP_SAYS_REVOKED, OCSP_SAYS_GOOD, 1, false},
	{"an older one", OCSP_SAYS_GOOD, OCSP_SAYS_GOOD, -1, false},
	{"an older one that revokes", OCSP_SAYS_GOOD, OCSP_SAYS_REVOKED, -1, false},
	{"of the same second", OCSP_SAYS_GOOD, OCSP_SAYS_GOOD, 0, false},
	{"of the same second, revoked", OCSP_SAYS_GOOD, OCSP_SAYS_REVOKED, 0, true},
	{"of the same second, after revoked", OCSP_SAYS_REVOKED, OCSP_SAYS_GOOD, 0, false},
};

static struct ocsp_response *answer_at(enum ocsp_says says, int64_t when)
{
	return pki_ocsp_made(&(struct pki_ocsp){.issuer = &ca,
		.cert = device.cert,
		.status = says,
		.this_update = when,
		.produced_at = when,
		.next_update = when + PKI_DAY});
}

static void test_answers(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *name = rows[i].name;
		struct ocsp_watch *watch = watch_of(&device, "http://a/", true);
		struct ocsp_response *before = answer_at(rows[i].before, PKI_NOW);
		struct ocsp_response *after = answer_at(rows[i].says, PKI_NOW + rows[i].later_s);

		CHECK(name, ocsp_watch_answer(watch) == NULL);
		CHECK(name, ocsp_watch_put(watch, before, rows[i].before == OCSP_SAYS_REVOKED));
		CHECK(name, ocsp_watch_put(watch, after, rows[i].says == OCSP_SAYS_REVOKED) == rows[i].taken);
		struct ocsp_response *held = ocsp_watch_answer(watch);

		CHECK(name, held == (rows[i].taken ? after : before));
		ocsp_response_unref(held);
		ocsp_response_unref(before);
		ocsp_response_unref(after);
		ocsp_watch_unref(watch);
	}
}

#define TURNS 2000u

static void *read_answers(void *ctx)
{
	struct ocsp_watch *watch = ctx;

	for (unsigned i = 0; i < TURNS; i++) {
		ocsp_response_unref(ocsp_watch_answer(watch));
	}
	ocsp_watch_unref(watch);
	return NULL;
}

static void test_threads(void)
{
	struct ocsp_watch *watch = watch_of(&device, "http://a/", true);
	struct ocsp_response *answers[8];
	pthread_t threads[3];

	for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
		answers[i] = answer_at(OCSP_SAYS_GOOD, PKI_NOW + (int64_t)i);
	}
	CHECK("alone", !ocsp_watch_is_shared(watch));
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		REQUIRE("thread",
			pthread_create(&threads[i], NULL, read_answers, ocsp_watch_ref(watch)) == 0);
	}
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
		CHECK("each is newer", ocsp_watch_put(watch, answers[i], false));
		ocsp_response_unref(answers[i]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		REQUIRE("thread", pthread_join(threads[i], NULL) == 0);
	}
	CHECK("alone again", !ocsp_watch_is_shared(watch));
	ocsp_watch_unref(watch);
}

static void test_memory(void)
{
	struct ocsp_watch_facts facts = {device.cert, ca.cert, "http://a/", true, false};
	struct ocsp_watch *watch = NULL;
	enum err err = ERR_NOMEM;

	for (unsigned long n = 1; err == ERR_NOMEM && n < 20; n++) {
		test_alloc_fail_at(n);
		err = ocsp_watch_new(&facts, &watch);
		test_alloc_fail_at(0);
		CHECK("memory: nothing is left", err == ERR_OK || watch == NULL);
	}
	CHECK("memory: it passes in the end", err == ERR_OK);
	ocsp_watch_unref(watch);
}

int main(void)
{
	pki_init();
	ca = pki_root("CA");
	device = pki_leaf(&ca, "d1");
	other = pki_leaf(&ca, "d2");
	test_names();
	test_answers();
	test_threads();
	test_memory();
	pki_free(&other);
	pki_free(&device);
	pki_free(&ca);
	return test_result();
}
