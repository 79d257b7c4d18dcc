/*
 * trust.c - the two immutable parts of a policy that x509 reads: what is trusted, and the revocation lists known.
 * Owns:    references to certificates and lists, the pins' names.
 * Never:   changes after it was made.
 * Threads: any; the counts are atomic.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "x509/internal.h"

struct pin {
	const struct cert *cert;
	char *name;
};

struct trust_set {
	atomic_uint refs;
	uint64_t generation;
	const struct cert **anchors;
	size_t anchor_count;
	struct pin *pins;
	size_t pin_count;
	const struct cert **signers;
	size_t signer_count;
};

static enum err fill_trust(struct trust_set *set, const struct cert *const *anchors, size_t anchor_count,
	const struct trust_pin *pins, size_t pin_count)
{
	set->anchors = calloc(anchor_count + 1, sizeof(struct cert *));
	set->pins = calloc(pin_count + 1, sizeof(*set->pins));
	if (set->anchors == NULL || set->pins == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < anchor_count; i++) {
		set->anchors[set->anchor_count++] = cert_ref(anchors[i]);
	}
	for (size_t i = 0; i < pin_count; i++) {
		char *name = NULL;
		enum err err = bytes_dup_text(bytes_text(pins[i].name), &name);
		if (err != ERR_OK) {
			return err;
		}
		set->pins[set->pin_count].name = name;
		set->pins[set->pin_count].cert = cert_ref(pins[i].cert);
		set->pin_count++;
	}
	return ERR_OK;
}

enum err trust_set_new(const struct cert *const *anchors, size_t anchor_count, const struct trust_pin *pins,
	size_t pin_count, uint64_t generation, struct trust_set **out)
{
	*out = NULL;
	struct trust_set *set = calloc(1, sizeof(*set));
	if (set == NULL) {
		return ERR_NOMEM;
	}
	atomic_init(&set->refs, 1);
	set->generation = generation;
	enum err err = fill_trust(set, anchors, anchor_count, pins, pin_count);
	if (err != ERR_OK) {
		trust_set_unref(set);
		return err;
	}
	*out = set;
	return ERR_OK;
}

enum err trust_set_add_signers(struct trust_set *set, const struct cert *const *certs, size_t count)
{
	assert(set->signers == NULL);
	set->signers = calloc(count + 1, sizeof(struct cert *));
	if (set->signers == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		if (certs[i]->ext.has[EXT_KEY_USAGE] && (certs[i]->ext.key_usage & KU_CRL_SIGN) != 0) {
			set->signers[set->signer_count++] = cert_ref(certs[i]);
		}
	}
	return ERR_OK;
}

struct trust_set *trust_set_ref(const struct trust_set *set)
{
	struct trust_set *counted = UNCONST(struct trust_set, set);
	atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	return counted;
}

void trust_set_unref(struct trust_set *set)
{
	if (set == NULL || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	for (size_t i = 0; i < set->anchor_count; i++) {
		cert_unref(UNCONST(struct cert, set->anchors[i]));
	}
	for (size_t i = 0; i < set->pin_count; i++) {
		cert_unref(UNCONST(struct cert, set->pins[i].cert));
		free(set->pins[i].name);
	}
	for (size_t i = 0; i < set->signer_count; i++) {
		cert_unref(UNCONST(struct cert, set->signers[i]));
	}
	free(set->anchors);
	free(set->pins);
	free(set->signers);
	free(set);
}

uint64_t trust_set_generation(const struct trust_set *set)
{
	return set->generation;
}

size_t trust_set_anchor_count(const struct trust_set *set)
{
	return set->anchor_count;
}

const struct cert *trust_set_anchor(const struct trust_set *set, size_t index)
{
	return index < set->anchor_count ? set->anchors[index] : NULL;
}

size_t trust_set_pin_count(const struct trust_set *set)
{
	return set->pin_count;
}

const struct cert *trust_set_pin(const struct trust_set *set, size_t index, const char **name)
{
	if (index >= set->pin_count) {
		return NULL;
	}
	if (name != NULL) {
		*name = set->pins[index].name;
	}
	return set->pins[index].cert;
}

size_t trust_set_signer_count(const struct trust_set *set)
{
	return set == NULL ? 0 : set->signer_count;
}

const struct cert *trust_set_signer(const struct trust_set *set, size_t index)
{
	return index < set->signer_count ? set->signers[index] : NULL;
}

/* --- revocation lists --- */

struct crl_set {
	atomic_uint refs;
	uint64_t generation;
	const struct crl **crls; /* sorted: issuer, then the one that serves first */
	size_t count;
};

static struct bytes without_leading_zeros(struct bytes number)
{
	while (number.len != 0 && number.data[0] == 0) {
		number = bytes_of(number.data + 1, number.len - 1);
	}
	return number;
}

int crl_number_compare(struct bytes a, struct bytes b)
{
	a = without_leading_zeros(a);
	b = without_leading_zeros(b);
	if (a.len != b.len) {
		return a.len < b.len ? -1 : 1;
	}
	return bytes_compare(a, b);
}

/*
 * A total order, so that sorting is safe whatever was loaded: issuer; numbered lists before unnumbered ones; higher
 * number; later thisUpdate; more entries (RFC 5280 5.2.3 forbids two of one number that differ); hash. None is dropped here:
 * which of them an issuer really signed is not known yet, and a forged list with a high number must not push the real one out.
 */
static int crl_order(const struct crl *a, const struct crl *b)
{
	int order = bytes_compare(buf_bytes(&a->issuer.canonical), buf_bytes(&b->issuer.canonical));
	if (order != 0) {
		return order;
	}
	if ((a->number.len != 0) != (b->number.len != 0)) {
		return a->number.len != 0 ? -1 : 1;
	}
	order = crl_number_compare(b->number, a->number);
	if (order != 0) {
		return order;
	}
	if (a->this_update != b->this_update) {
		return a->this_update > b->this_update ? -1 : 1;
	}
	if (a->entries.count != b->entries.count) {
		return a->entries.count > b->entries.count ? -1 : 1;
	}
	return 0;
}

static int crl_compare(const void *left, const void *right)
{
	const struct crl *a = *(const struct crl *const *)left;
	const struct crl *b = *(const struct crl *const *)right;
	int order = crl_order(a, b);
	return order != 0 ? order : memcmp(a->sha256, b->sha256, SHA256_BYTES);
}

enum err crl_set_new(const struct crl *const *crls, size_t count, uint64_t generation, struct crl_set **out)
{
	*out = NULL;
	struct crl_set *set = calloc(1, sizeof(*set));
	if (set == NULL) {
		return ERR_NOMEM;
	}
	atomic_init(&set->refs, 1);
	set->generation = generation;
	set->crls = calloc(count + 1, sizeof(struct crl *));
	if (set->crls == NULL) {
		free(set);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		set->crls[i] = crl_ref(crls[i]);
	}
	set->count = count;
	qsort(set->crls, count, sizeof(struct crl *), crl_compare);
	*out = set;
	return ERR_OK;
}

struct crl_set *crl_set_ref(const struct crl_set *set)
{
	struct crl_set *counted = UNCONST(struct crl_set, set);
	atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	return counted;
}

void crl_set_unref(struct crl_set *set)
{
	if (set == NULL || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	for (size_t i = 0; i < set->count; i++) {
		crl_unref(UNCONST(struct crl, set->crls[i]));
	}
	free(set->crls);
	free(set);
}

uint64_t crl_set_generation(const struct crl_set *set)
{
	return set->generation;
}

size_t crl_set_count(const struct crl_set *set)
{
	return set->count;
}

const struct crl *crl_set_at(const struct crl_set *set, size_t index)
{
	return index < set->count ? set->crls[index] : NULL;
}

/* The index of the first list whose issuer's name is not before name, or with past 1 the first whose name is behind it. */
static size_t issuer_bound(const struct crl_set *set, struct bytes name, int past)
{
	size_t low = 0;
	size_t high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (bytes_compare(buf_bytes(&set->crls[middle]->issuer.canonical), name) < past) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/* The index of crl in the set's order, or where it belongs. */
static size_t crl_bound(const struct crl_set *set, const struct crl *crl)
{
	size_t low = 0;
	size_t high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (crl_compare(&set->crls[middle], &crl) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

size_t crl_set_of_issuer(
	const struct crl_set *set, const struct name *issuer, const struct crl *const **first)
{
	struct bytes wanted = buf_bytes(&issuer->canonical);
	size_t begin = issuer_bound(set, wanted, 0);
	size_t end = issuer_bound(set, wanted, 1);
	*first = set->crls + begin;
	return end - begin;
}

bool crl_set_has(const struct crl_set *set, const struct crl *crl)
{
	size_t at = crl_bound(set, crl);
	return at < set->count && memcmp(set->crls[at]->sha256, crl->sha256, SHA256_BYTES) == 0;
}

/* What a list says ends with the next one only if that is about the same certificates, under the same key, and can be used. */
static bool crl_replaces(const struct crl *newer, const struct crl *older)
{
	unsigned differ = newer->oddities ^ older->oddities;
	if (!bytes_equal(newer->scope_value, older->scope_value) ||
		!bytes_equal(newer->authority_key_id, older->authority_key_id) ||
		(differ & CRL_HAS_CRITICAL_UNKNOWN) != 0) {
		return false;
	}
	if ((differ & CRL_IS_DELTA) == 0) {
		return crl_order(newer, older) <= 0;
	}
	/* RFC 5280 5.2.4: a complete list has in it what deltas up to its own number say. */
	return (older->oddities & CRL_IS_DELTA) != 0 && newer->number.len != 0 && older->number.len != 0 &&
	       crl_number_compare(newer->number, older->number) >= 0;
}

bool crl_set_replaces(const struct crl_set *set, const struct crl *crl)
{
	const struct crl *const *first = NULL;
	size_t count = crl_set_of_issuer(set, &crl->issuer, &first);
	for (size_t i = 0; i < count; i++) {
		if (crl_replaces(first[i], crl)) {
			return true;
		}
	}
	return false;
}

bool crl_set_has_older(const struct crl_set *set, const struct crl *crl)
{
	const struct crl *const *first = NULL;
	size_t count = crl_set_of_issuer(set, &crl->issuer, &first);
	for (size_t i = 0; i < count; i++) {
		if (crl_replaces(crl, first[i])) {
			return true;
		}
	}
	return false;
}

size_t crl_set_rank(const struct crl_set *set, const struct crl *crl)
{
	size_t end = crl_bound(set, crl);
	size_t newer = 0;
	for (size_t i = issuer_bound(set, buf_bytes(&crl->issuer.canonical), 0); i < end; i++) {
		newer += crl_replaces(set->crls[i], crl) ? 1 : 0;
	}
	return newer;
}
