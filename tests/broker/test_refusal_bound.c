/*
 * test_refusal_bound.c - Goal: whatever strangers do, lines are bounded, none is lost from the counts, the first of a kind is
 * told, and neither one address nor all strangers keep the line of another client out.
 */
#include "broker/refusal_bound.h"

#include <string.h>

#include "tests/test.h"

static const struct refusal_kind unknown_issuer = {STEP_PATH, X509_UNKNOWN_ISSUER};
static const struct refusal_kind no_certificate = {STEP_CLIENT_AUTH, X509_OK};
static const struct refusal_kind revoked = {STEP_REVOCATION, X509_REVOKED};
static const struct refusal_kind handshake = {REFUSAL_STEP_HANDSHAKE, X509_OK};

/* A hash that no test uses twice; places near each other, so that searches meet. */
static struct refusal_who client(uint64_t number, bool known)
{
	return (struct refusal_who){number * 2 + 1, known};
}

/* How many of count refusals of who have a line. */
static size_t told(
	struct refusal_bound *bound, struct refusal_who who, struct refusal_kind kind, size_t count)
{
	size_t lines = 0;

	for (size_t i = 0; i < count; i++) {
		lines += refusal_bound_take(bound, &who, &kind) ? 1 : 0;
	}
	return lines;
}

static uint64_t suppressed(const struct refusal_sum *sums, size_t count, struct refusal_kind kind)
{
	for (size_t i = 0; i < count; i++) {
		if (sums[i].kind.step == kind.step && sums[i].kind.reason == kind.reason) {
			return sums[i].suppressed;
		}
	}
	return 0;
}

static struct refusal_bound *made(void)
{
	struct refusal_bound *bound = NULL;

	REQUIRE("new", refusal_bound_new(&bound) == ERR_OK);
	return bound;
}

static void test_one_client(void)
{
	static const bool kinds[] = {false, true};
	struct refusal_sum sums[REFUSAL_SUMS_MAX];
	struct refusal_bound *bound = made();

	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		CHECK("one client: so many",
			told(bound, client(1, kinds[i]), unknown_issuer, 1000) == REFUSAL_LINES_EACH);
		CHECK("of another kind: the first",
			told(bound, client(1, kinds[i]), revoked, 500) == (i == 0));
		size_t count = refusal_bound_end(bound, sums);

		CHECK("two kinds are summed up", count == 2);
		CHECK("each", suppressed(sums, count, unknown_issuer) == 1000 - REFUSAL_LINES_EACH);
		CHECK("each", suppressed(sums, count, revoked) == (i == 0 ? 499 : 500));
		CHECK("then nothing is", refusal_bound_end(bound, sums) == 0);
		REQUIRE("one of a kind", told(bound, client(2, false), revoked, 1) == 1);
	}
	CHECK("a new window, new lines", told(bound, client(1, false), revoked, 5) == 5);
	refusal_bound_free(bound);
}

static void test_strangers(void)
{
	struct refusal_sum sums[REFUSAL_SUMS_MAX];
	struct refusal_bound *bound = made();
	size_t lines = told(bound, client(0, false), unknown_issuer, 100000);

	CHECK("a flood from one address", lines == REFUSAL_LINES_EACH);
	for (uint64_t i = 1; i < REFUSAL_STRANGERS_MAX; i++) {
		CHECK("leaves each other address its first",
			told(bound, client(i, false), unknown_issuer, 1) == 1);
		lines++;
	}
	CHECK("as many as are told apart", told(bound, client(5000, false), unknown_issuer, 7) == 0);
	CHECK("but the first of a kind", told(bound, client(5000, false), handshake, 7) == 1);
	for (uint64_t i = 1; i < REFUSAL_STRANGERS_MAX; i++) {
		lines += told(bound, client(i, false), unknown_issuer, 50);
	}
	CHECK("all of them together", lines == REFUSAL_STRANGERS_MAX + REFUSAL_STRANGER_MORE);
	CHECK("a device with a certificate of ours has its lines",
		told(bound, client(0, true), unknown_issuer, 100) == REFUSAL_LINES_EACH);
	size_t count = refusal_bound_end(bound, sums);
	uint64_t all = 100000 + (REFUSAL_STRANGERS_MAX - 1) * 51 + 7 + 100;

	CHECK("none is lost", suppressed(sums, count, unknown_issuer) == all - lines - REFUSAL_LINES_EACH);
	CHECK("of the other kind neither", suppressed(sums, count, handshake) == 6 && count == 2);
	refusal_bound_free(bound);
}

static void test_known(void)
{
	struct refusal_sum sums[REFUSAL_SUMS_MAX];
	struct refusal_bound *bound = made();

	for (uint64_t i = 0; i < REFUSAL_KNOWN_MAX; i++) {
		CHECK("each device of a fleet", told(bound, client(i, true), revoked, 2) == 2);
	}
	CHECK("one more than are told apart", told(bound, client(REFUSAL_KNOWN_MAX, true), revoked, 3) == 0);
	CHECK("one that is", told(bound, client(7, true), revoked, 100) == REFUSAL_LINES_EACH - 2);
	CHECK("strangers have theirs", told(bound, client(1, false), no_certificate, 3) == 3);
	CHECK("none is lost", refusal_bound_end(bound, sums) == 1 &&
				      sums[0].suppressed == 3 + 100 - (REFUSAL_LINES_EACH - 2));
	refusal_bound_free(bound);
}

/* The most that can be written in a window, whoever comes. */
static void test_most(void)
{
	struct refusal_bound *bound = made();
	size_t lines = 0;

	for (unsigned step = 0; step < REFUSAL_STEPS; step++) {
		for (unsigned reason = 0; reason < X509_REASON_COUNT_; reason++) {
			struct refusal_kind kind = {step, (enum x509_reason)reason};

			for (uint64_t i = 0; i < 300; i++) {
				lines += told(bound, client(i, false), kind, 3);
			}
		}
	}
	CHECK("strangers of every kind",
		lines <= REFUSAL_STRANGERS_MAX + REFUSAL_STRANGER_MORE + REFUSAL_SUMS_MAX);
	struct refusal_sum sums[REFUSAL_SUMS_MAX];

	CHECK("all kinds are summed up", refusal_bound_end(bound, sums) == REFUSAL_SUMS_MAX);
	for (size_t i = 0; i < REFUSAL_SUMS_MAX; i++) {
		CHECK("each has a name", refusal_step_name(sums[i].kind.step)[0] != '\0');
		lines += sums[i].suppressed;
	}
	CHECK("none is lost", lines == REFUSAL_SUMS_MAX * 300 * 3);
	refusal_bound_free(bound);
}

int main(void)
{
	struct refusal_bound *bound = NULL;

	test_one_client();
	test_strangers();
	test_known();
	test_most();
	test_alloc_fail_at(1);
	CHECK("no memory", refusal_bound_new(&bound) == ERR_NOMEM && bound == NULL);
	test_alloc_fail_at(0);
	refusal_bound_free(NULL);
	return test_result();
}
