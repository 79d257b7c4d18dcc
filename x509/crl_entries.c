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

static size_t record_bytes(struct bytes serial, uint32_t issuer)
{
	return RECORD_FIXED_BYTES + serial.len + (issuer == ISSUER_OF_LIST ? 0 : RECORD_ISSUER_BYTES);
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

/* --- building: once for the sizes, once for the records --- */

struct walk {
	struct wire_reader in;
	uint32_t issuer;      /* of the current entry (RFC 5280 5.3.3: as the entry before, if not said) */
	uint32_t issuers_end; /* where the next one that is named will stand */
};

static struct walk walk_begin(struct bytes revoked)
{
	return (struct walk){.in = wire_reader_init(revoked), .issuer = ISSUER_OF_LIST};
}

static enum err walk_next(struct walk *walk, struct crl_entry *entry)
{
	unsigned oddities = 0;
	if (crl_entry_next(&walk->in, true, entry, &oddities) != ERR_OK) {
		return ERR_STATE; /* cannot be: read by the same function before */
	}
	if (entry->certificate_issuer.len != 0) {
		walk->issuer = walk->issuers_end;
		walk->issuers_end += 4u + (uint32_t)entry->certificate_issuer.len;
	}
	return ERR_OK;
}

static enum err measure(struct crl_entries *entries, struct bytes revoked)
{
	struct walk walk = walk_begin(revoked);
	struct wire_writer issuers = wire_writer_init(&entries->issuers);
	struct crl_entry entry;
	for (size_t i = 0; i < entries->count; i++) {
		enum err err = walk_next(&walk, &entry);
		if (err != ERR_OK) {
			return err;
		}
		if (entry.certificate_issuer.len != 0) {
			wire_put_u32(&issuers, (uint32_t)entry.certificate_issuer.len);
			wire_put_bytes(&issuers, entry.certificate_issuer);
		}
		entries->buckets[bucket_of(entries, entry.serial)] +=
			(uint32_t)record_bytes(entry.serial, walk.issuer);
	}
	return wire_writer_err(&issuers);
}

/* Sizes become the offsets behind each bucket. Returns the size of all. */
static uint32_t sum(struct crl_entries *entries)
{
	uint32_t total = 0;
	for (uint32_t i = 0; i < entries->bucket_count; i++) {
		uint32_t size = entries->buckets[i];
		entries->buckets[i] = total;
		total += size;
	}
	entries->buckets[entries->bucket_count] = total;
	return total;
}

static void put_record(uint8_t *at, const struct crl_entry *entry, uint32_t issuer)
{
	uint8_t flag = (uint8_t)((unsigned)(entry->reason + 1) & FLAG_REASON);
	*at++ = (uint8_t)entry->serial.len;
	if (entry->serial.len != 0) {
		memcpy(at, entry->serial.data, entry->serial.len);
	}
	at = put_number(at + entry->serial.len, (uint64_t)(entry->when + SECONDS_ZERO), SECONDS_BYTES);
	*at++ = issuer == ISSUER_OF_LIST ? flag : (uint8_t)(flag | FLAG_ISSUER);
	if (issuer != ISSUER_OF_LIST) {
		(void)put_number(at, issuer, RECORD_ISSUER_BYTES);
	}
}

/* Each bucket's offset moves to its end while it is filled, which is where the next one begins: then all move up by one. */
static enum err fill(struct crl_entries *entries, struct bytes revoked)
{
	struct walk walk = walk_begin(revoked);
	struct crl_entry entry;
	for (size_t i = 0; i < entries->count; i++) {
		enum err err = walk_next(&walk, &entry);
		if (err != ERR_OK) {
			return err;
		}
		uint32_t *end = &entries->buckets[bucket_of(entries, entry.serial)];
		put_record(entries->records + *end, &entry, walk.issuer);
		*end += (uint32_t)record_bytes(entry.serial, walk.issuer);
	}
	memmove(entries->buckets + 1, entries->buckets, entries->bucket_count * sizeof(uint32_t));
	entries->buckets[0] = 0;
	return ERR_OK;
}

enum err crl_entries_build(struct bytes revoked, size_t count, struct crl_entries *out)
{
	*out = (struct crl_entries){.count = count, .bucket_count = 1, .issuers = BUF_INIT(revoked.len)};
	if (count == 0) {
		return ERR_OK;
	}
	while (out->bucket_count < count / ENTRIES_PER_BUCKET) {
		out->bucket_count *= 2;
	}
	enum err err = crypto_random(out->key, sizeof(out->key));
	out->buckets = calloc(out->bucket_count + 1u, sizeof(uint32_t));
	if (err == ERR_OK && out->buckets == NULL) {
		err = ERR_NOMEM;
	}
	if (err == ERR_OK) {
		err = measure(out, revoked);
	}
	if (err == ERR_OK) {
		out->records = malloc(sum(out));
		err = out->records == NULL ? ERR_NOMEM : fill(out, revoked);
	}
	if (err != ERR_OK) {
		crl_entries_release(out);
	}
	return err;
}

void crl_entries_release(struct crl_entries *entries)
{
	free(entries->records);
	free(entries->buckets);
	buf_release(&entries->issuers);
	*entries = (struct crl_entries){.issuers = BUF_INIT(0)};
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
	if (entries->count == 0) {
		return false;
	}
	uint32_t bucket = bucket_of(entries, serial);
	size_t offset = *at == 0 ? entries->buckets[bucket] : *at;
	while (offset < entries->buckets[bucket + 1]) {
		const uint8_t *record = entries->records + offset;
		size_t len = record[0];
		const uint8_t *rest = record + 1 + len;
		uint8_t flag = rest[SECONDS_BYTES];
		offset += RECORD_FIXED_BYTES + len + ((flag & FLAG_ISSUER) ? RECORD_ISSUER_BYTES : 0);
		if (len != serial.len || memcmp(record + 1, serial.data, len) != 0) {
			continue;
		}
		*at = offset;
		*out = (struct crl_entry){.serial = bytes_of(record + 1, len),
			.when = (int64_t)get_number(rest, SECONDS_BYTES) - SECONDS_ZERO,
			.reason = (int)(flag & FLAG_REASON) - 1,
			.certificate_issuer = (flag & FLAG_ISSUER)
						      ? issuer_at(entries, rest + SECONDS_BYTES + 1)
						      : BYTES_NONE};
		return true;
	}
	return false;
}
