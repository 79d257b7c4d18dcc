/*
 * Goal: a list that is held is never lost to a failure, an older list or a forged one, and is fetched again in time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_kit.h"

#define URL_A "http://crl.test/a.crl"
#define URL_B "http://crl.test/b.crl"
#define URL_C "http://crl.test/c.crl"
#define HOUR  UINT64_C(3600000)

static struct pki ca, other;

static const struct revocation_want want_a[] = {{URL_A, false}};
static const struct revocation_want want_listed[] = {{URL_A, true}};

static struct bytes number_of(struct revocation_cache *cache, const char *url)
{
	struct crl *crl = revocation_crl(cache, url);

	return crl == NULL ? BYTES_NONE : crl_number(crl);
}

static bool holds(struct ckit *kit, const char *url, uint8_t number)
{
	return bytes_equal(number_of(kit->cache, url), bytes_of(&number, 1));
}

static struct revocation_state state_of(struct ckit *kit, const char *url)
{
	struct revocation_state state = {0};

	CHECK("state", revocation_state_of(kit->cache, url, &state));
	return state;
}

/* --- the life of one list --- */

static void test_life(void)
{
	struct ckit kit = {0};

	ckit_open(&kit, NULL, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("nothing is held", revocation_crl(kit.cache, URL_A) == NULL);
	CHECK("wanted", revocation_want_set(kit.cache, want_listed, 1) == ERR_OK);
	CHECK("not from within", kit.asked_count == 0);
	ckit_advance(&kit, 20);
	CHECK("asked once", kit.asked_count == 1 && strcmp(ckit_last(&kit)->url, URL_A) == 0);
	CHECK("as the operator's", ckit_last(&kit)->listed && !ckit_last(&kit)->post);
	CHECK("unconditionally, as long as a list may be",
		ckit_last(&kit)->etag[0] == '\0' && ckit_last(&kit)->bytes_max == REVOCATION_LIST_BYTES_MAX);
	CHECK("it shows", state_of(&kit, URL_A).fetching && !state_of(&kit, URL_A).held);
	CHECK("wanted again", revocation_want_set(kit.cache, want_listed, 1) == ERR_OK);
	ckit_advance(&kit, 1000);
	CHECK("is not asked again", kit.asked_count == 1);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("told", kit.crl_calls == 1 && strcmp(kit.crl_url, URL_A) == 0 && kit.crl != NULL);
	CHECK("held", holds(&kit, URL_A, 5));
	struct revocation_state state = state_of(&kit, URL_A);

	CHECK("it shows", state.held && state.vouched && !state.fetching && state.failures == 0 &&
				  state.this_update == PKI_NOW && state.last_success_ms != 0 && state.wanted);
	CHECK("planned at 75 per cent", state.next_try_ms > (PKI_NOW + 32400) * 1000 - 2000 &&
						state.next_try_ms < (PKI_NOW + 32400) * 1000 + 2000);
	ckit_advance(&kit, 9 * HOUR - 30000);
	CHECK("not sooner", kit.asked_count == 1);
	ckit_advance(&kit, 60000);
	CHECK("then", kit.asked_count == 2);
	CHECK("on condition", strcmp(ckit_last(&kit)->etag, "\"5\"") == 0);
	ckit_answer_unmodified(&kit);
	CHECK("304 keeps it", holds(&kit, URL_A, 5) && kit.crl_calls == 1 && kit.failed_calls == 0);
	ckit_advance(&kit, HOUR);
	CHECK("asked again before it is over", kit.asked_count == 3);
	ckit_answer_crl(&kit, &ca, 6, PKI_NOW + 10 * 3600, PKI_NOW + 24 * 3600);
	CHECK("a newer one is taken", holds(&kit, URL_A, 6) && kit.crl_calls == 2);
	ckit_close(&kit);
}

static void test_jitter(void)
{
	struct ckit kit = {0};

	kit.random = UINT32_MAX;
	ckit_open(&kit, NULL, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	ckit_advance(&kit, 11 * HOUR);
	CHECK("not at 92 per cent", kit.asked_count == 1);
	ckit_advance(&kit, HOUR / 2);
	CHECK("at 95", kit.asked_count == 2);
	ckit_close(&kit);
}

/* One list before its time: if somebody wants it, and it does not fail. */
static void test_renew(void)
{
	struct ckit kit = {0};

	ckit_open(&kit, NULL, true, NULL);
	kit.vouch_for = ca.cert;
	revocation_renew(kit.cache, URL_A);
	CHECK("one that is not known", kit.asked_count == 0);
	CHECK("wanted", revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
	ckit_advance(&kit, 20);
	revocation_renew(kit.cache, URL_A);
	ckit_advance(&kit, 20);
	CHECK("while it is fetched: once", kit.asked_count == 1);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	ckit_advance(&kit, 60000);
	CHECK("its time has not come", kit.asked_count == 1);
	revocation_renew(kit.cache, URL_A);
	ckit_advance(&kit, 20);
	CHECK("renewed now", kit.asked_count == 2);
	ckit_answer_fault(&kit, FETCH_TIMEOUT);
	revocation_renew(kit.cache, URL_A);
	ckit_advance(&kit, 20);
	CHECK("what failed has its back-off", kit.asked_count == 2 && holds(&kit, URL_A, 5));
	ckit_advance(&kit, REVOCATION_RETRY_FIRST_MS);
	CHECK("and its turn", kit.asked_count == 3);
	ckit_answer_unmodified(&kit);
	CHECK("not wanted", revocation_want_set(kit.cache, NULL, 0) == ERR_OK);
	revocation_renew(kit.cache, URL_A);
	ckit_advance(&kit, 20);
	CHECK("not wanted: not fetched", kit.asked_count == 3);
	ckit_close(&kit);
}

/* Lists end by the wall clock, and timers do not run by it. */
static void test_wall_clock_moves(void)
{
	struct ckit kit = {0};

	ckit_open(&kit, NULL, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	kit.clock.wall_ms += (int64_t)(8 * HOUR);
	revocation_catch_up(kit.cache);
	ckit_advance(&kit, 20);
	CHECK("the machine slept for eight hours: its time has not come", kit.asked_count == 1);
	kit.clock.wall_ms += (int64_t)(5 * HOUR);
	revocation_catch_up(kit.cache);
	ckit_advance(&kit, 20);
	CHECK("for five more, and the list is past its nextUpdate: it is fetched now", kit.asked_count == 2);
	revocation_catch_up(kit.cache);
	ckit_advance(&kit, 20);
	CHECK("once", kit.asked_count == 2);
	ckit_answer_fault(&kit, FETCH_TIMEOUT);
	kit.clock.wall_ms += (int64_t)HOUR;
	revocation_catch_up(kit.cache);
	ckit_advance(&kit, 20);
	CHECK("what failed has its back-off", kit.asked_count == 2);
	ckit_advance(&kit, REVOCATION_RETRY_FIRST_MS);
	ckit_answer_crl(&kit, &ca, 6, PKI_NOW + 12 * 3600, PKI_NOW + 24 * 3600);
	CHECK("taken", holds(&kit, URL_A, 6));
	revocation_catch_up(kit.cache);
	ckit_advance(&kit, HOUR);
	CHECK("planned by the clock as it goes now", kit.asked_count == 3);
	kit.clock.wall_ms -= (int64_t)(48 * HOUR);
	revocation_catch_up(kit.cache);
	ckit_advance(&kit, 20);
	CHECK("a clock that is set back brings nothing forward", kit.asked_count == 3);
	ckit_close(&kit);
}

/* --- what does not replace it --- */

static const struct {
	const char *name;
	uint64_t number; /* of what comes while number 5 is held */
	int64_t this_update, next_update;
	bool from_other; /* issuer is `other` */
	bool vouch_other, forge_other;
	bool taken;
	const char *sentence; /* part of it */
} rivals[] = {
	{"a newer one", 6, PKI_NOW + 60, PKI_NOW + 40 * 3600, false, false, false, true, ""},
	{"a lower CRL number", 4, PKI_NOW + 60, PKI_NOW + 40 * 3600, false, false, false, false, "not newer"},
	{"the same number, an earlier date", 5, PKI_NOW - 60, PKI_NOW + 40 * 3600, false, false, false, false,
		"not newer"},
	{"the same number, a later date", 5, PKI_NOW + 60, PKI_NOW + 40 * 3600, false, false, false, true,
		""},
	{"a signer that nobody knows, however new", 99, PKI_NOW + 60, PKI_NOW + 40 * 3600, true, false, false,
		false, "is not known"},
	{"another CA that is known, later", 1, PKI_NOW + 60, PKI_NOW + 40 * 3600, true, true, false, true,
		""},
	{"another CA that is known, earlier", 99, PKI_NOW - 60, PKI_NOW + 40 * 3600, true, true, false, false,
		"not newer"},
	{"a forged one", 99, PKI_NOW + 60, PKI_NOW + 40 * 3600, true, false, true, false, "not the CA's"},
	{"one from the future", 99, PKI_NOW + 30 * 3600, PKI_NOW + 90 * 3600, false, false, false, false,
		"ahead of our clock"},
};

static void test_rivals(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rivals); i++) {
		struct ckit kit = {0};

		ckit_open(&kit, NULL, true, NULL);
		kit.vouch_for = ca.cert;
		CHECK(rivals[i].name, revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
		ckit_advance(&kit, 20);
		ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
		ckit_advance(&kit, 10 * HOUR);
		if (rivals[i].vouch_other) {
			kit.vouch_for = other.cert;
		}
		kit.forged_for = rivals[i].forge_other ? other.cert : NULL;
		ckit_answer_crl(&kit, rivals[i].from_other ? &other : &ca, rivals[i].number,
			rivals[i].this_update, rivals[i].next_update);
		CHECK(rivals[i].name, holds(&kit, URL_A, rivals[i].taken ? (uint8_t)rivals[i].number : 5));
		CHECK(rivals[i].name, kit.crl_calls == (rivals[i].taken ? 2 : 1));
		CHECK(rivals[i].name, kit.failed_calls == (rivals[i].taken ? 0 : 1));
		CHECK(rivals[i].name, strstr(kit.failed_sentence, rivals[i].sentence) != NULL);
		CHECK(rivals[i].name, rivals[i].taken || state_of(&kit, URL_A).failures == 1);
		ckit_close(&kit);
	}
}

static void test_rubbish(void)
{
	static const struct {
		const char *name, *body;
	} rows[] = {
		{"a page of apologies", "<html>sorry</html>"},
		{"one byte", "0"},
		{"a PEM of nothing", "-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n"},
	};
	struct ckit kit = {0};
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);

	ckit_open(&kit, NULL, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 30 * PKI_DAY);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		revocation_refresh(kit.cache);
		ckit_advance(&kit, 20);
		ckit_answer(&kit, bytes_text(rows[i].body), "");
		CHECK(rows[i].name, holds(&kit, URL_A, 5) && kit.failed_calls == i + 1);
	}
	/* Cut at every 16th byte, and with something behind it. */
	pki_crl_der(&ca, 6, PKI_NOW, PKI_NOW + PKI_DAY, NULL, 0, &der);
	for (size_t len = 1; len < der.len; len += 16) {
		kit.asked_count = 0;
		revocation_refresh(kit.cache);
		ckit_advance(&kit, 20);
		ckit_answer(&kit, bytes_of(der.data, len), "");
		CHECK("cut", holds(&kit, URL_A, 5));
	}
	kit.asked_count = 0;
	REQUIRE("longer", buf_append_u8(&der, 0) == ERR_OK);
	revocation_refresh(kit.cache);
	ckit_advance(&kit, 20);
	ckit_answer(&kit, buf_bytes(&der), "");
	CHECK("with something behind", holds(&kit, URL_A, 5) && kit.crl_calls == 1);
	buf_release(&der);
	ckit_close(&kit);
}

/* --- failures --- */

static void test_failures(void)
{
	static const uint64_t steps_s[] = {15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600};
	struct ckit kit = {0};

	ckit_open(&kit, NULL, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 20 * 3600);
	ckit_advance(&kit, 16 * HOUR);
	for (size_t i = 0; i < ARRAY_COUNT(steps_s); i++) {
		CHECK("asked", ckit_open_count(&kit) == 1);
		ckit_answer_fault(&kit, FETCH_TIMEOUT);
		CHECK("what is held stays", holds(&kit, URL_A, 5));
		CHECK("told", kit.failed_calls == i + 1 && kit.failed_retry_ms == steps_s[i] * 750);
		CHECK("it shows", state_of(&kit, URL_A).failures == i + 1 &&
					  strcmp(state_of(&kit, URL_A).sentence, "it failed: timeout") == 0);
		ckit_advance(&kit, steps_s[i] * 750 - 40);
		CHECK("not sooner", ckit_open_count(&kit) == 0);
		ckit_advance(&kit, 80);
	}
	CHECK("past its nextUpdate it is still held", holds(&kit, URL_A, 5));
	ckit_answer_crl(&kit, &ca, 6, kit.clock.wall_ms / 1000, kit.clock.wall_ms / 1000 + 20 * 3600);
	CHECK("then it comes", holds(&kit, URL_A, 6) && state_of(&kit, URL_A).failures == 0 &&
				       state_of(&kit, URL_A).sentence[0] == '\0');
	ckit_close(&kit);
}

static void test_refused_at_once(void)
{
	struct ckit kit = {0};

	ckit_open(&kit, NULL, true, NULL);
	kit.start_err = ERR_DENIED;
	CHECK("wanted all the same", revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
	CHECK("nobody is called from within", kit.failed_calls == 0);
	ckit_advance(&kit, 20);
	CHECK("told why", kit.failed_calls == 1 && strcmp(kit.failed_sentence, "refused at once") == 0);
	kit.start_err = ERR_OK;
	revocation_refresh(kit.cache);
	ckit_advance(&kit, 20);
	CHECK("REFRESH does not wait for its time", ckit_open_count(&kit) == 1);
	ckit_close(&kit);
}

/* A server that has nothing but a list past its nextUpdate: the list is taken, and asked for again with patience. */
static void test_stale_server(void)
{
	struct ckit kit = {0};

	ckit_open(&kit, NULL, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW - 7200, PKI_NOW - 3600);
	CHECK("better than nothing", holds(&kit, URL_A, 5) && kit.crl_calls == 1);
	CHECK("but no success", state_of(&kit, URL_A).failures == 1 && kit.failed_calls == 1);
	ckit_advance(&kit, 15000);
	ckit_answer_unmodified(&kit);
	CHECK("304 is none either", state_of(&kit, URL_A).failures == 2 && kit.failed_retry_ms == 22500);
	ckit_advance(&kit, 23000);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW - 7200, PKI_NOW - 3600);
	CHECK("nor the same again", state_of(&kit, URL_A).failures == 3 && kit.crl_calls == 1);
	ckit_close(&kit);
}

static void test_unasked_304(void)
{
	struct ckit kit = {0};

	ckit_open(&kit, NULL, false, NULL);
	CHECK("wanted", revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer_unmodified(&kit);
	CHECK("304 with nothing held", kit.failed_calls == 1 && revocation_crl(kit.cache, URL_A) == NULL);
	ckit_close(&kit);
}

/* --- signers that become known --- */

static void test_unknown_signers(void)
{
	struct ckit kit = {0};

	ckit_open(&kit, NULL, true, NULL);
	CHECK("wanted", revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
	ckit_advance(&kit, 20);
	/* A forged list with a high number, while nobody is known: held, for want of better. */
	ckit_answer_crl(&kit, &other, 100, PKI_NOW + 60, PKI_NOW + 12 * 3600);
	CHECK("held, not vouched for", holds(&kit, URL_A, 100) && !state_of(&kit, URL_A).vouched);
	revocation_refresh(kit.cache);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &other, 7, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("what it claims counts for nothing", holds(&kit, URL_A, 7));
	kit.vouch_for = ca.cert;
	revocation_refresh(kit.cache);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW - 60, PKI_NOW + 12 * 3600);
	CHECK("the real one takes its place", holds(&kit, URL_A, 5) && state_of(&kit, URL_A).vouched);
	ckit_close(&kit);

	/* Held before its signer was known; then it is, and nothing older comes in. */
	struct ckit late = {0};

	ckit_open(&late, NULL, true, NULL);
	CHECK("wanted", revocation_want_set(late.cache, want_a, 1) == ERR_OK);
	ckit_advance(&late, 20);
	ckit_answer_crl(&late, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("not vouched for", !state_of(&late, URL_A).vouched);
	late.vouch_for = ca.cert;
	revocation_refresh(late.cache);
	ckit_advance(&late, 20);
	ckit_answer_crl(&late, &ca, 4, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("vouched for at the next look", holds(&late, URL_A, 5) && state_of(&late, URL_A).vouched);
	ckit_close(&late);
}

/* --- who waits --- */

static void test_waits(void)
{
	struct ckit kit = {0};
	struct revocation_options options = {.waits_max = 3};
	struct told told[4] = {0};
	struct revocation_wait *waits[4] = {0};
	struct fetch_error error = {0};

	ckit_open(&kit, NULL, true, &options);
	kit.vouch_for = ca.cert;
	for (size_t i = 0; i < 3; i++) {
		CHECK("waits", revocation_crl_wait(kit.cache, &want_a[0], told_list, &told[i], &waits[i],
				       &error) == ERR_OK);
	}
	CHECK("one too many", revocation_crl_wait(kit.cache, &want_a[0], told_list, &told[3], &waits[3],
				      &error) == ERR_LIMIT);
	ckit_advance(&kit, 20);
	CHECK("one question", kit.asked_count == 1 && !ckit_last(&kit)->listed);
	revocation_wait_cancel(waits[1]);
	revocation_wait_cancel(NULL);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("told", told[0].calls == 1 && told[0].err == ERR_OK && told[2].calls == 1);
	CHECK("who cancelled is not", told[1].calls == 0 && told[3].calls == 0);
	CHECK("held", holds(&kit, URL_A, 5));
	CHECK("no need to wait now",
		revocation_crl_wait(kit.cache, &want_a[0], told_list, &told[3], NULL, &error) == ERR_EXISTS);
	/* Past its nextUpdate it is fetched anew; nobody had asked, so not before. */
	struct revocation_counters counters;

	revocation_counters(kit.cache, &counters);
	CHECK("nobody waits", counters.waits == 0);
	ckit_close(&kit);
}

static void test_waits_fail(void)
{
	struct ckit kit = {0};
	struct told told = {0};
	struct told later = {0};
	struct fetch_error error = {0};

	ckit_open(&kit, NULL, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("waits", revocation_crl_wait(kit.cache, &want_a[0], told_list, &told, NULL, &error) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer_fault(&kit, FETCH_CONNECT);
	CHECK("told why",
		told.calls == 1 && told.err == ERR_IO && strcmp(told.sentence, "it failed: connect") == 0);
	CHECK("the next is told at once",
		revocation_crl_wait(kit.cache, &want_a[0], told_list, &later, NULL, &error) == ERR_BUSY);
	CHECK("and why", strcmp(error.sentence, "it failed: connect") == 0);
	ckit_advance(&kit, 12000);
	CHECK("tried again, since somebody asked", ckit_open_count(&kit) == 1);
	CHECK("joins it",
		revocation_crl_wait(kit.cache, &want_a[0], told_list, &later, NULL, &error) == ERR_OK);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("told", later.calls == 1 && later.err == ERR_OK && told.calls == 1);
	ckit_close(&kit);
}

/* What REVALLOW forbade is tried when it is another; what failed by itself waits for its time. */
static void test_rules_changed(void)
{
	static const struct {
		enum fetch_fault fault;
		bool forbidden;
	} rows[] = {
		{FETCH_LOOPBACK, true},
		{FETCH_PRIVATE, true},
		{FETCH_LINK_LOCAL, true},
		{FETCH_NO_CAFILE, true},
		{FETCH_CONNECT, false},
		{FETCH_STATUS, false},
		{FETCH_TIMEOUT, false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *name = fetch_fault_name(rows[i].fault);
		struct ckit kit = {0};
		struct told told = {0};
		struct fetch_error error = {0};

		ckit_open(&kit, NULL, true, NULL);
		kit.vouch_for = ca.cert;
		CHECK(name, revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
		for (unsigned j = 0; j < 6; j++) { /* minutes of back-off */
			ckit_advance(&kit, j == 0 ? 20 : HOUR);
			ckit_answer_fault(&kit, rows[i].fault);
		}
		unsigned asked = kit.asked_count;

		CHECK(name, state_of(&kit, URL_A).failures == 6);
		ckit_advance(&kit, 1000);
		CHECK(name, kit.asked_count == asked);
		revocation_rules_changed(kit.cache);
		CHECK("not from within", kit.asked_count == asked);
		CHECK("who waits is not told to come later",
			revocation_crl_wait(kit.cache, &want_a[0], told_list, &told, NULL, &error) ==
				(rows[i].forbidden ? ERR_OK : ERR_BUSY));
		ckit_advance(&kit, 20);
		CHECK(name, kit.asked_count == asked + (rows[i].forbidden ? 1 : 0));
		if (rows[i].forbidden) {
			CHECK("counted anew", state_of(&kit, URL_A).failures == 0);
			revocation_rules_changed(kit.cache);
			ckit_advance(&kit, 20);
			CHECK("once", kit.asked_count == asked + 1);
			ckit_answer_fault(&kit, FETCH_CONNECT);
			revocation_rules_changed(kit.cache);
			ckit_advance(&kit, 20);
			CHECK("then the network fails: back-off", kit.asked_count == asked + 1);
			ckit_advance(&kit, 15000);
			CHECK("the first one", kit.asked_count == asked + 2);
			ckit_answer_crl(&kit, &ca, 5, PKI_NOW + 6 * 3600, PKI_NOW + 18 * 3600);
			revocation_rules_changed(kit.cache);
			ckit_advance(&kit, 20);
			CHECK("what is held is not asked for", kit.asked_count == asked + 2);
		}
		ckit_close(&kit);
	}
}

/* What nobody wants by policy is refreshed only while somebody asks. */
static void test_on_demand(void)
{
	struct ckit kit = {0};
	struct told told = {0};

	ckit_open(&kit, NULL, true, NULL);
	kit.vouch_for = ca.cert;
	CHECK("waits", revocation_crl_wait(kit.cache, &want_a[0], told_list, &told, NULL, NULL) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	ckit_advance(&kit, 11 * HOUR);
	CHECK("nobody has asked since", kit.asked_count == 1);
	CHECK("still held", revocation_crl(kit.cache, URL_A) != NULL);
	ckit_advance(&kit, HOUR / 2);
	CHECK("now somebody has", kit.asked_count == 2);
	ckit_answer_crl(&kit, &ca, 6, PKI_NOW + 11 * 3600, PKI_NOW + 36 * 3600);
	CHECK("held", holds(&kit, URL_A, 6));
	ckit_advance(&kit, 24 * HOUR);
	CHECK("asked for in time", kit.asked_count == 3);
	ckit_close(&kit);
}

/* --- room --- */

static void test_room(void)
{
	struct ckit kit = {0};
	struct revocation_options options = {.lists_max = 2};
	const struct revocation_want both[] = {{URL_A, false}, {URL_B, false}, {URL_A, true}};
	const struct revocation_want three[] = {{URL_A, false}, {URL_B, false}, {URL_C, false}};
	const struct revocation_want c = {URL_C, false};
	struct revocation_counters counters;

	ckit_open(&kit, NULL, true, &options);
	kit.vouch_for = ca.cert;
	CHECK("two, one of them twice", revocation_want_set(kit.cache, both, 3) == ERR_OK);
	CHECK("listed if one of them is", state_of(&kit, URL_A).listed && !state_of(&kit, URL_B).listed);
	CHECK("a third has no room", revocation_want_set(kit.cache, three, 3) == ERR_LIMIT);
	CHECK("no longer the operator's", !state_of(&kit, URL_A).listed);
	CHECK("nor has one who waits",
		revocation_crl_wait(kit.cache, &c, told_list, NULL, NULL, NULL) == ERR_LIMIT);
	ckit_advance(&kit, 20);
	CHECK("both are asked for", ckit_open_count(&kit) == 2);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	ckit_answer_crl(&kit, &ca, 6, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("wanted no more", revocation_want_set(kit.cache, NULL, 0) == ERR_OK);
	CHECK("but held",
		revocation_crl(kit.cache, URL_B) != NULL && revocation_crl(kit.cache, URL_A) != NULL);
	CHECK("B was used less recently, so it goes", revocation_want_set(kit.cache, &three[2], 1) == ERR_OK);
	CHECK("B was used less recently, so it goes",
		revocation_crl(kit.cache, URL_B) == NULL && revocation_crl(kit.cache, URL_A) != NULL);
	revocation_counters(kit.cache, &counters);
	CHECK("counted", counters.evicted == 1 && counters.lists == 2);
	ckit_close(&kit);
}

static void test_bytes(void)
{
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	const struct revocation_want wants[] = {{URL_A, false}, {URL_B, false}};

	pki_crl_der(&ca, 5, PKI_NOW, PKI_NOW + 12 * 3600, NULL, 0, &der);
	struct revocation_options options = {.all_bytes_max = der.len + der.len / 2};
	struct ckit kit = {0};

	ckit_open(&kit, NULL, true, &options);
	kit.vouch_for = ca.cert;
	CHECK("wanted", revocation_want_set(kit.cache, wants, 2) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer(&kit, buf_bytes(&der), "");
	ckit_answer(&kit, buf_bytes(&der), "");
	CHECK("the second has no room", kit.crl_calls == 1 && kit.failed_calls == 1);
	CHECK("and says so", strstr(kit.failed_sentence, "no room") != NULL);
	/* B came first; now A alone is wanted, so B makes room. */
	CHECK("held", revocation_crl(kit.cache, URL_B) != NULL && revocation_crl(kit.cache, URL_A) == NULL);
	CHECK("wanted", revocation_want_set(kit.cache, wants, 1) == ERR_OK);
	ckit_advance(&kit, 15000);
	ckit_answer(&kit, buf_bytes(&der), "");
	CHECK("room was made",
		revocation_crl(kit.cache, URL_A) != NULL && revocation_crl(kit.cache, URL_B) == NULL);
	struct revocation_counters counters;

	revocation_counters(kit.cache, &counters);
	CHECK("counted", counters.list_bytes == der.len && counters.evicted == 1);
	ckit_close(&kit);

	struct revocation_options small = {.list_bytes_max = der.len - 1};
	struct ckit tight = {0};

	ckit_open(&tight, NULL, true, &small);
	CHECK("wanted", revocation_want_set(tight.cache, wants, 1) == ERR_OK);
	ckit_advance(&tight, 20);
	CHECK("the limit is told to who fetches", ckit_last(&tight)->bytes_max == der.len - 1);
	ckit_answer(&tight, buf_bytes(&der), "");
	CHECK("max + 1", tight.failed_calls == 1 && tight.crl_calls == 0);
	ckit_close(&tight);
	buf_release(&der);
}

/* --- ends --- */

static void test_lane_full(void)
{
	struct ckit kit = {0};

	ckit_open(&kit, NULL, true, NULL);
	CHECK("wanted", revocation_want_set(kit.cache, want_a, 1) == ERR_OK);
	ckit_advance(&kit, 20);
	kit.lane.limit = 0;
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("a failure like others", kit.failed_calls == 1 && kit.crl_calls == 0);
	kit.lane.limit = 8;
	ckit_advance(&kit, 15000);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("then it comes", kit.crl_calls == 1);
	ckit_close(&kit);
}

static void test_free_under_way(void)
{
	struct ckit kit = {0};
	struct told told = {0};
	struct asked *asked = NULL;
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);

	ckit_open(&kit, NULL, true, NULL);
	CHECK("waits", revocation_crl_wait(kit.cache, &want_a[0], told_list, &told, NULL, NULL) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_close(&kit);
	CHECK("fetching: cancelled", kit.cancelled == 1 && told.calls == 0);

	struct ckit parsing = {0};

	ckit_open(&parsing, NULL, true, NULL);
	CHECK("waits",
		revocation_crl_wait(parsing.cache, &want_a[0], told_list, &told, NULL, NULL) == ERR_OK);
	ckit_advance(&parsing, 20);
	asked = ckit_last(&parsing);
	asked->open = false;
	struct fetch_answer answer = {.status = 200, .etag = "", .last_modified = ""};

	pki_crl_der(&ca, 6, PKI_NOW, PKI_NOW + PKI_DAY, NULL, 0, &der);
	REQUIRE("body", fetch_body_new(buf_bytes(&der), &answer.body) == ERR_OK);
	asked->done(asked->ctx, &answer);
	fetch_body_unref(answer.body);
	CHECK("on the lane", parsing.lane.queued == 1 && revocation_busy(parsing.cache));
	ckit_close(&parsing); /* the job comes back behind the end */
	CHECK("not called", told.calls == 0 && parsing.crl_calls == 0);
	buf_release(&der);
}

/* Who is told asks for something else, for which the list just told of would make room. */
struct meddler {
	struct ckit *kit;
	unsigned calls;
};

static void meddle(void *ctx, enum err err, const char *sentence)
{
	struct meddler *meddler = ctx;
	const struct revocation_want b = {URL_B, false};

	(void)err;
	(void)sentence;
	meddler->calls++;
	CHECK("no room: the one list is being talked of",
		revocation_crl_wait(meddler->kit->cache, &b, told_list, NULL, NULL, NULL) == ERR_LIMIT);
}

static void test_meddling(void)
{
	struct ckit kit = {0};
	struct revocation_options options = {.lists_max = 1};
	struct meddler meddler = {.kit = &kit};

	ckit_open(&kit, NULL, true, &options);
	CHECK("waits", revocation_crl_wait(kit.cache, &want_a[0], meddle, &meddler, NULL, NULL) == ERR_OK);
	ckit_advance(&kit, 20);
	ckit_answer_fault(&kit, FETCH_CUT);
	CHECK("told of a failure", meddler.calls == 1);
	ckit_advance(&kit, 15000);
	CHECK("waits", revocation_crl_wait(kit.cache, &want_a[0], meddle, &meddler, NULL, NULL) == ERR_OK);
	ckit_answer_crl(&kit, &ca, 5, PKI_NOW, PKI_NOW + 12 * 3600);
	CHECK("told of a list", meddler.calls == 2);
	ckit_close(&kit);
}

static void test_memory(void)
{
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	unsigned failures = 0;

	pki_crl_der(&ca, 5, PKI_NOW, PKI_NOW + 12 * 3600, NULL, 0, &der);
	for (unsigned long n = 1; n < 500; n++) {
		struct ckit kit = {0};
		struct told told = {0};

		ckit_open(&kit, NULL, true, NULL);
		kit.vouch_for = ca.cert;
		test_alloc_fail_at(n);
		enum err err = revocation_crl_wait(kit.cache, &want_a[0], told_list, &told, NULL, NULL);
		bool early = test_alloc_failed();

		if (err == ERR_OK) {
			ckit_advance(&kit, 20);
			struct asked *asked = ckit_last(&kit);
			struct fetch_answer answer = {.status = 200, .etag = "", .last_modified = ""};

			asked->open = false;
			test_alloc_fail_at(0);
			REQUIRE("body", fetch_body_new(buf_bytes(&der), &answer.body) == ERR_OK);
			test_alloc_fail_at(early ? 0 : n);
			asked->done(asked->ctx, &answer);
			ckit_jobs(&kit);
			fetch_body_unref(answer.body);
		}
		bool failed = test_alloc_failed();

		test_alloc_fail_at(0);
		CHECK("told, or not waiting", told.calls == (err == ERR_OK ? 1 : 0));
		CHECK("held exactly if told so",
			(revocation_crl(kit.cache, URL_A) != NULL) == (err == ERR_OK && told.err == ERR_OK));
		failures += err != ERR_OK || told.err != ERR_OK ? 1 : 0;
		ckit_close(&kit);
		if (!failed && !early) {
			break;
		}
	}
	CHECK("some failed", failures > 5);
	buf_release(&der);
}

int main(void)
{
	pki_init();
	ca = pki_root("Plant CA");
	other = pki_root("Other CA");
	test_life();
	test_jitter();
	test_renew();
	test_wall_clock_moves();
	test_rivals();
	test_rubbish();
	test_failures();
	test_refused_at_once();
	test_stale_server();
	test_unasked_304();
	test_unknown_signers();
	test_waits();
	test_waits_fail();
	test_rules_changed();
	test_on_demand();
	test_room();
	test_bytes();
	test_lane_full();
	test_free_under_way();
	test_meddling();
	test_memory();
	pki_free(&ca);
	pki_free(&other);
	return test_result();
}
