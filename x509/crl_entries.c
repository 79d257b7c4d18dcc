/*
 * crl_entries.c - the entries of one revocation list, packed for millions: 8 octets beside the serial number, found in one
 *                 or two cache misses.
 * Owns:    records, buckets, the issuers that an indirect list names.
 * Never:   reads what crl_entry_next() has not read before it; decides what an entry means.
 * Threads: built by one, read by any.
 *
 * A record is: length of the serial, serial, seconds (five octets, from SECONDS_ZERO), a flag octet, and, if the entry is
 * another issuer's, four octets of where that issuer stands. Records of one bucket stand together in the list's order;
 * buckets are chosen by a keyed hash, so that no CA can make one of them long.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "x509/internal.h"

#define ENTRIES_PER_BUCKET  4u
#define SECONDS_BYTES       5u
#define SECONDS_ZERO        ((int64_t)1 << 39) /* a time of 0 is kept as this; der_time() gives 1950 to 9999 */
#define FLAG_ISSUER         0x80u
#define FLAG_REASON         0x0fu /* CRLReason + 1; 0: none given */
#define RECORD_FIXED_BYTES  (1u + SECONDS_BYTES + 1u)
#define RECORD_ISSUER_BYTES 4u
#define ISSUER_OF_LIST      UINT32_MAX

static uint32_t bucket_of(const struct crl_entries *entries, struct bytes serial)
{
	return (uint32_t)siphash(entries->key, serial) & (entries->bucket_count - 1);
}

static uint8_t *put_number(uint8_t *at, uint64_t value, unsigned octets)
{
	for (unsigned i = octets; i > 0; i--) {
		*at++ = (uint8_t)(value >> (8u * (i - 1)));
	}
	return at;
}

static uint64_t get_number(const uint8_t *at, unsigned octets)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < octets; i++) {
		value = value << 8 | at[i];
	}
	return value;
}

/* --- building: in the list's order as they are read, then by bucket --- */

enum err crl_entries_add(struct crl_entries *entries, const struct crl_entry *entry)
{
	uint8_t record[CRL_SERIAL_BYTES_MAX + RECORD_FIXED_BYTES + RECORD_ISSUER_BYTES];
	uint8_t flag = (uint8_t)((unsigned)(entry->reason + 1) & FLAG_REASON);
	uint8_t *at = record;
	if (entry->certificate_issuer.len != 0) { /* RFC 5280 5.3.3: and of the entries behind it */
		struct wire_writer issuers = wire_writer_init(&entries->issuers);
		entries->issuer = (uint32_t)entries->issuers.len;
		wire_put_u32(&issuers, (uint32_t)entry->certificate_issuer.len);
		wire_put_bytes(&issuers, entry->certificate_issuer);
		if (wire_writer_err(&issuers) != ERR_OK) {
			return wire_writer_err(&issuers);
		}
	}
	*at++ = (uint8_t)entry->serial.len;
	memcpy(at, entry->serial.data, entry->serial.len);
	at = put_number(at + entry->serial.len, (uint64_t)(entry->when + SECONDS_ZERO), SECONDS_BYTES);
	if (entries->issuer == ISSUER_OF_LIST) {
		*at++ = flag;
	} else {
		*at++ = (uint8_t)(flag | FLAG_ISSUER);
		at = put_number(at, entries->issuer, RECORD_ISSUER_BYTES);
	}
	entries->count++;
	return buf_append(&entries->unsorted, bytes_of(record, (size_t)(at - record)));
}

/* The size of the record at `at`, and where its serial is. */
static size_t record_at(const uint8_t *at, struct bytes *serial)
{
	size_t len = at[0];
	*serial = bytes_of(at + 1, len);
	return RECORD_FIXED_BYTES + len +
	       ((at[1 + len + SECONDS_BYTES] & FLAG_ISSUER) ? RECORD_ISSUER_BYTES : 0);
}

/* Where each bucket begins; the last is where all end. */
static void measure(struct crl_entries *entries)
{
	struct bytes serial;
	uint32_t total = 0;
	for (size_t at = 0; at < entries->unsorted.len;) {
		size_t size = record_at(entries->unsorted.data + at, &serial);
		entries->buckets[bucket_of(entries, serial)] += (uint32_t)size;
		at += size;
	}
	for (uint32_t i = 0; i < entries->bucket_count; i++) {
		uint32_t size = entries->buckets[i];
		entries->buckets[i] = total;
		total += size;
	}
	entries->buckets[entries->bucket_count] = total;
}

/* Each bucket's offset moves to its end while it is filled, which is where the next one begins: then all move up by one. */
static void fill(struct crl_entries *entries)
{
	struct bytes serial;
	for (size_t at = 0; at < entries->unsorted.len;) {
		const uint8_t *record = entries->unsorted.data + at;
		size_t size = record_at(record, &serial);
		uint32_t *end = &entries->buckets[bucket_of(entries, serial)];
		memcpy(entries->records + *end, record, size);
		*end += (uint32_t)size;
		at += size;
	}
	memmove(entries->buckets + 1, entries->buckets, entries->bucket_count * sizeof(uint32_t));
	entries->buckets[0] = 0;
}

struct crl_entries crl_entries_init(size_t der_bytes)
{
	return (struct crl_entries){.bucket_count = 1,
		.issuer = ISSUER_OF_LIST,
		.unsorted = BUF_INIT(der_bytes),
		.issuers = BUF_INIT(der_bytes)};
}

enum err crl_entries_seal(struct crl_entries *entries)
{
	if (entries->count == 0) {
		return ERR_OK;
	}
	while (entries->bucket_count < entries->count / ENTRIES_PER_BUCKET) {
		entries->bucket_count *= 2;
	}
	enum err err = crypto_random(entries->key, sizeof(entries->key));
	if (err != ERR_OK) {
		return err;
	}
	entries->buckets = calloc(entries->bucket_count + 1u, sizeof(uint32_t));
	entries->records = malloc(entries->unsorted.len);
	if (entries->buckets == NULL || entries->records == NULL) {
		return ERR_NOMEM;
	}
	measure(entries);
	fill(entries);
	buf_release(&entries->unsorted);
	return ERR_OK;
}

void crl_entries_release(struct crl_entries *entries)
{
	free(entries->records);
	free(entries->buckets);
	buf_release(&entries->unsorted);
	buf_release(&entries->issuers);
	*entries = crl_entries_init(0);
}

/* --- looking up --- */

static struct bytes issuer_at(const struct crl_entries *entries, const uint8_t *at)
{
	const uint8_t *issuer = entries->issuers.data + get_number(at, RECORD_ISSUER_BYTES);
	return bytes_of(issuer + 4, (size_t)get_number(issuer, 4));
}

bool crl_entries_next(
	const struct crl_entries *entries, struct bytes serial, size_t *at, struct crl_entry *out)
{
	if (entries->buckets == NULL) {
		return false;
	}
	uint32_t bucket = bucket_of(entries, serial);
	size_t offset = *at == 0 ? entries->buckets[bucket] : *at;
	while (offset < entries->buckets[bucket + 1]) {
		const uint8_t *record = entries->records + offset;
		struct bytes found;
		offset += record_at(record, &found);
		if (!bytes_equal(found, serial)) {
			continue;
		}
		const uint8_t *rest = found.data + found.len;
		uint8_t flag = rest[SECONDS_BYTES];
		*at = offset;
		*out = (struct crl_entry){.serial = found,
			.when = (int64_t)get_number(rest, SECONDS_BYTES) - SECONDS_ZERO,
			.reason = (int)(flag & FLAG_REASON) - 1,
			.certificate_issuer = (flag & FLAG_ISSUER)
						      ? issuer_at(entries, rest + SECONDS_BYTES + 1)
						      : BYTES_NONE};
		return true;
	}
	return false;
}
