/*
 * revocation_times.c - when to fetch again, and which of two lists is the newer one.
 * Owns:    nothing; pure.
 * Never:   reads a clock or draws a random number.
 * Threads: any.
 */
#include "broker/fetch/revocation_private.h"

/* low + (high - low) * random / 2^32 */
static uint64_t between(uint64_t low, uint64_t high, uint32_t random)
{
	return low + ((high - low) / 65536 * random + (high - low) % 65536 * random / 65536) / 65536;
}

static uint64_t within(uint64_t ms)
{
	if (ms < REVOCATION_REFRESH_MIN_MS) {
		return REVOCATION_REFRESH_MIN_MS;
	}
	return ms > REVOCATION_REFRESH_MAX_MS ? REVOCATION_REFRESH_MAX_MS : ms;
}

uint64_t revocation_refresh_ms(
	int64_t this_update, int64_t next_update, int64_t now_ms, bool unchanged, uint32_t random)
{
	uint64_t percent = between(REVOCATION_EARLY_LOW * 100, REVOCATION_EARLY_HIGH * 100, random);
	int64_t now = now_ms / 1000;

	if (next_update == X509_NEVER || next_update <= this_update) {
		return within(REVOCATION_NO_NEXT_MS / 10000 * percent);
	}
	if (now < this_update) {
		now = this_update;
	}
	if (now >= next_update) {
		return REVOCATION_REFRESH_MIN_MS;
	}
	/* A life longer than a year is looked at daily anyway; so the products below stay small. */
	uint64_t life = (uint64_t)(next_update - this_update);
	uint64_t gone = (uint64_t)(now - this_update);
	uint64_t left = (uint64_t)(next_update - now);

	if (left > REVOCATION_REFRESH_MAX_MS) { /* in seconds: over two years */
		return REVOCATION_REFRESH_MAX_MS;
	}
	uint64_t point = life / 10000 * percent + life % 10000 * percent / 10000;

	if (!unchanged && point > gone) {
		return within((point - gone) * 1000);
	}
	/* The server had nothing newer at that point: ask in ever shorter steps of what is left. */
	return within(left * 1000 / 4 / 10000 * percent);
}

uint64_t revocation_retry_ms(unsigned failures, uint32_t random)
{
	uint64_t ms = REVOCATION_RETRY_FIRST_MS;

	for (unsigned i = 1; i < failures && ms < REVOCATION_RETRY_MAX_MS; i++) {
		ms *= 2;
	}
	if (ms > REVOCATION_RETRY_MAX_MS) {
		ms = REVOCATION_RETRY_MAX_MS;
	}
	/* Down to three quarters, so that those who failed together do not come back together. */
	return between(ms - ms / 4, ms, random);
}

static struct bytes without_zeros(struct bytes number)
{
	while (number.len > 0 && number.data[0] == 0) {
		number = bytes_of(number.data + 1, number.len - 1);
	}
	return number;
}

/* CRL numbers are not negative (RFC 5280 5.2.3). */
static int compare_numbers(struct bytes a, struct bytes b)
{
	a = without_zeros(a);
	b = without_zeros(b);
	if (a.len != b.len) {
		return a.len < b.len ? -1 : 1;
	}
	return bytes_compare(a, b);
}

bool revocation_crl_newer(const struct crl *a, const struct crl *b)
{
	struct bytes a_number = crl_number(a);
	struct bytes b_number = crl_number(b);

	if (a_number.len > 0 && b_number.len > 0 && x509_name_equal(crl_issuer_der(a), crl_issuer_der(b))) {
		int order = compare_numbers(a_number, b_number);

		if (order != 0) {
			return order > 0;
		}
	}
	return crl_this_update(a) > crl_this_update(b);
}

enum revocation_take revocation_weigh(const struct crl *fresh, enum revocation_vouch fresh_vouch,
	const struct crl *held, enum revocation_vouch held_vouch)
{
	if (fresh_vouch == REVOCATION_FORGED) {
		return REVOCATION_REFUSE;
	}
	if (held == NULL) {
		return REVOCATION_TAKE;
	}
	if (bytes_equal(
		    bytes_of(crl_sha256(fresh), SHA256_BYTES), bytes_of(crl_sha256(held), SHA256_BYTES))) {
		return REVOCATION_SAME;
	}
	if (held_vouch != REVOCATION_VOUCHED) {
		return REVOCATION_TAKE; /* what it claims of its own age counts for nothing */
	}
	if (fresh_vouch != REVOCATION_VOUCHED || !revocation_crl_newer(fresh, held) ||
		(crl_is_delta(fresh) && !crl_is_delta(held))) {
		return REVOCATION_OLDER;
	}
	return REVOCATION_TAKE;
}
