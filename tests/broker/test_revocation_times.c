/*
 * Goal: lists are fetched in time and not all at once, failures are spaced out, and nothing older is ever the newer one.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/fetch/revocation_private.h"
#include "tests/test.h"
#include "tests/x509/pki.h"

#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)

static const struct {
	const char *name;
	int64_t this_update, next_update, now;
	bool unchanged;
	uint64_t low_s, high_s; /* with random 0 and UINT32_MAX; high within a second */
} refreshes[] = {
	{"half a day, fresh: 75 to 95 per cent", 0, 12 * HOUR, 0, false, 32400, 41040},
	{"an hour old already", 0, 12 * HOUR, HOUR, false, 32400 - 3600, 41040 - 3600},
	{"a week: at least daily", 0, 7 * DAY, 0, false, 86400, 86400},
	{"ten years", 0, 3650 * DAY, 0, false, 86400, 86400},
	{"to the end of the calendar", 0, INT64_C(253402300799), 0, false, 86400, 86400},
	{"no nextUpdate: within the hour", 0, X509_NEVER, 5, false, 2700, 3420},
	{"nextUpdate not behind thisUpdate", 1000, 1000, 5, false, 2700, 3420},
	{"past its nextUpdate", 0, HOUR, 2 * HOUR, false, 60, 60},
	{"in the second of its nextUpdate", 0, HOUR, HOUR, false, 60, 60},
	{"a minute's life: no sooner than the minimum", 0, 60, 0, false, 60, 60},
	{"not begun yet: as if it began now", 100 * HOUR, 112 * HOUR, 0, false, 32400, 41040},
	{"its point has passed: a quarter of the rest", 0, 40 * HOUR, 39 * HOUR, false, 675, 855},
	{"unchanged before its point: the same", 0, 40 * HOUR, 36 * HOUR, true, 2700, 3420},
	{"unchanged, soon over: the minimum", 0, 40 * HOUR, 40 * HOUR - 100, true, 60, 60},
};

static void test_refresh(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(refreshes); i++) {
		uint64_t low = revocation_refresh_ms(refreshes[i].this_update, refreshes[i].next_update,
			refreshes[i].now * 1000, refreshes[i].unchanged, 0);
		uint64_t high = revocation_refresh_ms(refreshes[i].this_update, refreshes[i].next_update,
			refreshes[i].now * 1000, refreshes[i].unchanged, UINT32_MAX);

		CHECK(refreshes[i].name, low / 1000 == refreshes[i].low_s);
		CHECK(refreshes[i].name,
			high / 1000 + 20 >= refreshes[i].high_s && high / 1000 <= refreshes[i].high_s);
	}
	/* Whatever the numbers: never sooner than the minimum, never later than the maximum, later with a larger draw. */
	for (int64_t life = 1; life < 1000 * DAY; life = life * 3 + 1) {
		for (int64_t age = 0; age < 2 * life; age += life / 3 + 1) {
			uint64_t before = 0;

			for (uint32_t step = 0; step < 5; step++) {
				uint64_t ms = revocation_refresh_ms(
					0, life, age * 1000, step % 2 == 0, step / 2 * (UINT32_MAX / 2));

				CHECK("bounds",
					ms >= REVOCATION_REFRESH_MIN_MS && ms <= REVOCATION_REFRESH_MAX_MS);
				CHECK("later draws are later", step % 2 != 0 || ms >= before);
				CHECK("before it is over", age >= life || ms <= REVOCATION_REFRESH_MIN_MS ||
								   ms <= (uint64_t)(life - age) * 1000);
				before = step % 2 == 0 ? ms : before;
			}
		}
	}
}

static void test_retry(void)
{
	static const uint64_t want_s[] = {15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600};

	for (unsigned i = 0; i < ARRAY_COUNT(want_s); i++) {
		uint64_t low = revocation_retry_ms(i + 1, 0);
		uint64_t high = revocation_retry_ms(i + 1, UINT32_MAX);

		CHECK("doubling to the cap", high <= want_s[i] * 1000 && high + 10 >= want_s[i] * 1000);
		CHECK("from three quarters", low == want_s[i] * 750);
	}
	CHECK("very many failures", revocation_retry_ms(UINT32_MAX, UINT32_MAX) <= REVOCATION_RETRY_MAX_MS);
}

/* What may replace what: (vouched, unknown, forged) x the same x (newer, older, same). */
static const struct {
	const char *name;
	enum revocation_vouch fresh, held;
	enum revocation_take newer, older, same;
} decisions[] = {
	{"both vouched", REVOCATION_VOUCHED, REVOCATION_VOUCHED, REVOCATION_TAKE, REVOCATION_OLDER,
		REVOCATION_SAME},
	{"vouched over unknown", REVOCATION_VOUCHED, REVOCATION_UNKNOWN, REVOCATION_TAKE, REVOCATION_TAKE,
		REVOCATION_SAME},
	{"unknown over vouched", REVOCATION_UNKNOWN, REVOCATION_VOUCHED, REVOCATION_OLDER, REVOCATION_OLDER,
		REVOCATION_SAME},
	{"both unknown", REVOCATION_UNKNOWN, REVOCATION_UNKNOWN, REVOCATION_TAKE, REVOCATION_TAKE,
		REVOCATION_SAME},
	{"vouched over forged", REVOCATION_VOUCHED, REVOCATION_FORGED, REVOCATION_TAKE, REVOCATION_TAKE,
		REVOCATION_SAME},
	{"unknown over forged", REVOCATION_UNKNOWN, REVOCATION_FORGED, REVOCATION_TAKE, REVOCATION_TAKE,
		REVOCATION_SAME},
	{"forged over vouched", REVOCATION_FORGED, REVOCATION_VOUCHED, REVOCATION_REFUSE, REVOCATION_REFUSE,
		REVOCATION_REFUSE},
	{"forged over unknown", REVOCATION_FORGED, REVOCATION_UNKNOWN, REVOCATION_REFUSE, REVOCATION_REFUSE,
		REVOCATION_REFUSE},
	{"forged over forged", REVOCATION_FORGED, REVOCATION_FORGED, REVOCATION_REFUSE, REVOCATION_REFUSE,
		REVOCATION_REFUSE},
};

static void test_decisions(const struct pki *ca, const struct pki *other)
{
	struct crl *five = pki_crl_at(ca, 5, PKI_NOW, PKI_NOW + PKI_DAY, NULL, 0);
	struct crl *six = pki_crl_at(ca, 6, PKI_NOW, PKI_NOW + PKI_DAY, NULL, 0);
	struct crl *four_later = pki_crl_at(ca, 4, PKI_NOW + 100, PKI_NOW + PKI_DAY, NULL, 0);
	struct crl *five_later = pki_crl_at(ca, 5, PKI_NOW + 100, PKI_NOW + PKI_DAY, NULL, 0);
	struct crl *five_again = pki_crl_at(ca, 5, PKI_NOW, PKI_NOW + 2 * PKI_DAY, NULL, 0);
	struct crl *wide = pki_crl_at(ca, 256, PKI_NOW, PKI_NOW + PKI_DAY, NULL, 0);
	struct crl *high_bit = pki_crl_at(ca, 255, PKI_NOW, PKI_NOW + PKI_DAY, NULL, 0);
	struct crl *foreign = pki_crl_at(other, 1, PKI_NOW + 100, PKI_NOW + PKI_DAY, NULL, 0);
	struct crl *foreign_old = pki_crl_at(other, 99, PKI_NOW - 100, PKI_NOW + PKI_DAY, NULL, 0);

	for (size_t i = 0; i < ARRAY_COUNT(decisions); i++) {
		CHECK(decisions[i].name, revocation_weigh(six, decisions[i].fresh, five, decisions[i].held) ==
						 decisions[i].newer);
		CHECK(decisions[i].name, revocation_weigh(five, decisions[i].fresh, six, decisions[i].held) ==
						 decisions[i].older);
		CHECK(decisions[i].name, revocation_weigh(five, decisions[i].fresh, five,
						 decisions[i].held) == decisions[i].same);
	}
	CHECK("nothing held, vouched",
		revocation_weigh(five, REVOCATION_VOUCHED, NULL, REVOCATION_VOUCHED) == REVOCATION_TAKE);
	CHECK("nothing held, unknown",
		revocation_weigh(five, REVOCATION_UNKNOWN, NULL, REVOCATION_VOUCHED) == REVOCATION_TAKE);
	CHECK("nothing held, forged",
		revocation_weigh(five, REVOCATION_FORGED, NULL, REVOCATION_VOUCHED) == REVOCATION_REFUSE);
	CHECK("the number counts before the date", !revocation_crl_newer(four_later, five));
	CHECK("the number counts before the date", revocation_crl_newer(five, four_later));
	CHECK("of one number, the date", revocation_crl_newer(five_later, five));
	CHECK("of one number, the date", !revocation_crl_newer(five, five_later));
	CHECK("of one number and date, neither", !revocation_crl_newer(five_again, five));
	CHECK("of one number and date, neither", !revocation_crl_newer(five, five_again));
	CHECK("a longer number is higher",
		revocation_crl_newer(wide, high_bit) && revocation_crl_newer(wide, six));
	CHECK("a leading zero is none",
		revocation_crl_newer(high_bit, six) && !revocation_crl_newer(high_bit, wide));
	CHECK("of another issuer, the date", revocation_crl_newer(foreign, five));
	CHECK("of another issuer, the date", !revocation_crl_newer(foreign_old, five));
	struct crl *all[] = {
		five, six, four_later, five_later, five_again, wide, high_bit, foreign, foreign_old};

	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		for (size_t j = 0; j < ARRAY_COUNT(all); j++) {
			CHECK("never both", !(revocation_crl_newer(all[i], all[j]) &&
						    revocation_crl_newer(all[j], all[i])));
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		crl_unref(all[i]);
	}
}

/* A delta does not stand for a complete list, which the number alone would have it do. */
static void test_deltas(const struct pki *ca)
{
	static const uint8_t base5[] = {0x02, 0x01, 0x05};
	struct x509_make_extension indicator = {"2.5.29.27", true, bytes_of(base5, sizeof(base5))};
	struct crl *complete = pki_crl_at(ca, 5, PKI_NOW, PKI_NOW + PKI_DAY, NULL, 0);
	struct crl *later = pki_crl_at(ca, 8, PKI_NOW + 100, PKI_NOW + PKI_DAY, NULL, 0);
	struct crl *deltas[2] = {NULL, NULL};

	for (size_t i = 0; i < ARRAY_COUNT(deltas); i++) {
		struct buf der = BUF_INIT(65536);

		REQUIRE("a delta is made",
			x509_make_crl_extended(ca->cert, secret_bytes(&ca->key), PKI_NOW + 10 + (int64_t)i,
				PKI_NOW + PKI_DAY, 6 + i, NULL, 0, &indicator, 1, &der) == ERR_OK);
		REQUIRE("a delta is read", crl_parse(buf_bytes(&der), &deltas[i], NULL) == ERR_OK);
		buf_release(&der);
	}
	const struct {
		const char *name;
		const struct crl *fresh, *held;
		enum revocation_vouch held_vouch;
		enum revocation_take want;
	} cases[] = {
		{"RFC 5280 5.2.4 a delta over a complete list", deltas[0], complete, REVOCATION_VOUCHED,
			REVOCATION_OLDER},
		{"over one that nobody vouches for", deltas[0], complete, REVOCATION_UNKNOWN,
			REVOCATION_TAKE},
		{"a delta, and nothing held", deltas[0], NULL, REVOCATION_VOUCHED, REVOCATION_TAKE},
		{"a newer delta", deltas[1], deltas[0], REVOCATION_VOUCHED, REVOCATION_TAKE},
		{"an older delta", deltas[0], deltas[1], REVOCATION_VOUCHED, REVOCATION_OLDER},
		{"the complete list that a delta builds on", complete, deltas[0], REVOCATION_VOUCHED,
			REVOCATION_OLDER},
		{"a later complete list has the delta in it", later, deltas[1], REVOCATION_VOUCHED,
			REVOCATION_TAKE},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		CHECK(cases[i].name, revocation_weigh(cases[i].fresh, REVOCATION_VOUCHED, cases[i].held,
					     cases[i].held_vouch) == cases[i].want);
	}
	crl_unref(complete);
	crl_unref(later);
	crl_unref(deltas[0]);
	crl_unref(deltas[1]);
}

/* Files: what is written is read; cut, altered or lengthened it is refused. */
static void test_files(void)
{
	const struct revocation_list_file list = {bytes_text("http://host/a.crl"), bytes_text("\"v1\""),
		bytes_text("yesterday"), bytes_text("DER")};
	uint8_t key[SHA256_BYTES] = {7};
	const struct revocation_answer_file answer = {bytes_of(key, sizeof(key)),
		bytes_text("http://host/ocsp"), bytes_text("request"), bytes_text("response")};
	struct revocation_list_file list_back;
	struct revocation_answer_file answer_back;
	struct buf a = BUF_INIT(4096);
	struct buf b = BUF_INIT(4096);

	REQUIRE("encode", revocation_list_encode(&list, &a) == ERR_OK);
	REQUIRE("encode", revocation_answer_encode(&answer, &b) == ERR_OK);
	CHECK("list", revocation_list_decode(buf_bytes(&a), &list_back) == ERR_OK);
	CHECK("list", bytes_equal(list.url, list_back.url) && bytes_equal(list.etag, list_back.etag) &&
			      bytes_equal(list.last_modified, list_back.last_modified) &&
			      bytes_equal(list.der, list_back.der));
	CHECK("answer", revocation_answer_decode(buf_bytes(&b), &answer_back) == ERR_OK);
	CHECK("answer", bytes_equal(answer.key, answer_back.key) &&
				bytes_equal(answer.url, answer_back.url) &&
				bytes_equal(answer.request, answer_back.request) &&
				bytes_equal(answer.response, answer_back.response));
	CHECK("one is not the other", revocation_answer_decode(buf_bytes(&a), &answer_back) == ERR_MALFORMED);
	CHECK("one is not the other", revocation_list_decode(buf_bytes(&b), &list_back) == ERR_MALFORMED);
	for (size_t len = 0; len < a.len; len++) {
		CHECK("cut", revocation_list_decode(bytes_of(a.data, len), &list_back) == ERR_MALFORMED);
	}
	for (size_t len = 0; len < b.len; len++) {
		CHECK("cut", revocation_answer_decode(bytes_of(b.data, len), &answer_back) == ERR_MALFORMED);
	}
	REQUIRE("longer", buf_append_u8(&a, 0) == ERR_OK && buf_append_u8(&b, 0) == ERR_OK);
	CHECK("longer", revocation_list_decode(buf_bytes(&a), &list_back) == ERR_MALFORMED);
	CHECK("longer", revocation_answer_decode(buf_bytes(&b), &answer_back) == ERR_MALFORMED);
	struct revocation_list_file evil = list;

	a.len = 0;
	evil.etag = bytes_text("a\r\nX-Evil: b");
	REQUIRE("encode", revocation_list_encode(&evil, &a) == ERR_OK);
	CHECK("an ETag that would break a header",
		revocation_list_decode(buf_bytes(&a), &list_back) == ERR_MALFORMED);
	a.len = 0;
	evil = list;
	evil.url = BYTES_NONE;
	REQUIRE("encode", revocation_list_encode(&evil, &a) == ERR_OK);
	CHECK("no URL", revocation_list_decode(buf_bytes(&a), &list_back) == ERR_MALFORMED);
	struct revocation_answer_file short_key = answer;

	b.len = 0;
	short_key.key.len--;
	REQUIRE("encode", revocation_answer_encode(&short_key, &b) == ERR_OK);
	CHECK("a short key", revocation_answer_decode(buf_bytes(&b), &answer_back) == ERR_MALFORMED);
	buf_release(&a);
	buf_release(&b);
}

int main(void)
{
	pki_init();
	struct pki ca = pki_root("Plant CA");
	struct pki other = pki_root("Other CA");

	test_refresh();
	test_retry();
	test_decisions(&ca, &other);
	test_deltas(&ca);
	test_files();
	pki_free(&ca);
	pki_free(&other);
	return test_result();
}
