/*
 * chain_table.c - two shelves of parsed chains, each with a map and a list by last use; see chain_table.h.
 * Owns:    the entries.
 * Never:   looks inside a certificate.
 * Threads: any.
 */
#include "broker/chain_table.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"

struct entry {
	struct list used; /* of its shelf, the one used last in front */
	uint8_t digest[SHA256_BYTES];
	size_t bytes;
	uint64_t until_s; /* REFUSED */
	size_t count;
	struct cert *certs[];
};

struct shelf {
	struct map *map;
	struct list used;
	size_t bytes;
	struct chain_limits limits;
};

struct chain_table {
	pthread_mutex_t lock;
	struct shelf shelves[CHAIN_SHELVES_];
};

static const struct chain_limits usual[CHAIN_SHELVES_] = {
	[CHAIN_ADMITTED] = {CHAIN_ADMITTED_MAX, CHAIN_ADMITTED_BYTES_MAX},
	[CHAIN_REFUSED] = {CHAIN_REFUSED_MAX, CHAIN_REFUSED_BYTES_MAX},
};

enum err chain_table_new(const struct chain_limits *limits, struct chain_table **out)
{
	struct chain_table *table = calloc(1, sizeof(*table));
	enum err err = table == NULL ? ERR_NOMEM : ERR_OK;

	*out = NULL;
	if (err == ERR_OK && pthread_mutex_init(&table->lock, NULL) != 0) {
		free(table);
		return ERR_NOMEM;
	}
	for (size_t i = 0; err == ERR_OK && i < CHAIN_SHELVES_; i++) {
		struct shelf *shelf = &table->shelves[i];

		list_init(&shelf->used);
		shelf->limits = usual[i];
		if (limits != NULL && limits[i].chains_max != 0) {
			shelf->limits.chains_max = limits[i].chains_max;
		}
		if (limits != NULL && limits[i].bytes_max != 0) {
			shelf->limits.bytes_max = limits[i].bytes_max;
		}
		err = map_new(&shelf->map);
	}
	if (err != ERR_OK) {
		chain_table_free(table);
		return err;
	}
	*out = table;
	return ERR_OK;
}

static void entry_free(struct entry *entry)
{
	if (entry == NULL) {
		return;
	}
	for (size_t i = 0; i < entry->count; i++) {
		cert_unref(entry->certs[i]);
	}
	free(entry);
}

static void entries_free(struct list *entries)
{
	LIST_FOR_EACH_SAFE(node, after, entries)
	{
		entry_free(CONTAINER_OF(node, struct entry, used));
	}
}

void chain_table_free(struct chain_table *table)
{
	if (table == NULL) {
		return;
	}
	for (size_t i = 0; i < CHAIN_SHELVES_; i++) {
		if (table->shelves[i].map != NULL) {
			entries_free(&table->shelves[i].used);
			map_free(table->shelves[i].map);
		}
	}
	(void)pthread_mutex_destroy(&table->lock);
	free(table);
}

/* --- digests --- */

static void digest_of(uint8_t (*each)[SHA256_BYTES], size_t count, uint8_t out[SHA256_BYTES])
{
	hash_of(HASH_SHA256, bytes_of(each, count * SHA256_BYTES), out);
}

void chain_digest_of_ders(const struct bytes *ders, size_t count, uint8_t out[SHA256_BYTES])
{
	uint8_t each[X509_CHAIN_CERTS_MAX][SHA256_BYTES];

	assert(count <= X509_CHAIN_CERTS_MAX);
	for (size_t i = 0; i < count; i++) {
		hash_of(HASH_SHA256, ders[i], each[i]);
	}
	digest_of(each, count, out);
}

void chain_digest_of_certs(struct cert *const *certs, size_t count, uint8_t out[SHA256_BYTES])
{
	uint8_t each[X509_CHAIN_CERTS_MAX][SHA256_BYTES];

	assert(count <= X509_CHAIN_CERTS_MAX);
	for (size_t i = 0; i < count; i++) {
		memcpy(each[i], cert_sha256(certs[i]), SHA256_BYTES);
	}
	digest_of(each, count, out);
}

/* --- under the lock; what goes is collected in gone, and freed outside --- */

static void take_out(struct shelf *shelf, struct entry *entry, struct list *gone)
{
	(void)map_remove(shelf->map, bytes_of(entry->digest, SHA256_BYTES));
	list_remove(&entry->used);
	shelf->bytes -= entry->bytes;
	list_push_back(gone, &entry->used);
}

static struct entry *find_on(
	struct shelf *shelf, const uint8_t digest[SHA256_BYTES], uint64_t now_s, struct list *gone)
{
	struct entry *entry = map_get(shelf->map, bytes_of(digest, SHA256_BYTES));

	if (entry != NULL && now_s >= entry->until_s) {
		take_out(shelf, entry, gone);
		return NULL;
	}
	return entry;
}

static void use(struct shelf *shelf, struct entry *entry)
{
	list_remove(&entry->used);
	list_push_front(&shelf->used, &entry->used);
}

/* Entries that are over leave first by themselves: on the REFUSED shelf last use and age go together. */
static void make_room(struct shelf *shelf, struct list *gone)
{
	while (map_count(shelf->map) > shelf->limits.chains_max || shelf->bytes > shelf->limits.bytes_max) {
		take_out(shelf, CONTAINER_OF(shelf->used.prev, struct entry, used), gone);
	}
}

size_t chain_table_find(struct chain_table *table, const uint8_t digest[SHA256_BYTES], enum chain_shelf last,
	uint64_t now_s, struct cert **out)
{
	struct list gone;
	size_t count = 0;

	list_init(&gone);
	(void)pthread_mutex_lock(&table->lock);
	for (size_t i = 0; i <= (size_t)last && count == 0; i++) {
		struct shelf *shelf = &table->shelves[i];
		struct entry *entry = find_on(shelf, digest, now_s, &gone);

		if (entry != NULL) {
			use(shelf, entry);
			count = entry->count;
			for (size_t j = 0; j < count; j++) {
				out[j] = cert_ref(entry->certs[j]);
			}
		}
	}
	(void)pthread_mutex_unlock(&table->lock);
	entries_free(&gone);
	return count;
}

static struct entry *entry_new(struct cert *const *certs, size_t count, const uint8_t digest[SHA256_BYTES])
{
	struct entry *entry = calloc(1, sizeof(*entry) + count * sizeof(struct cert *));

	if (entry == NULL) {
		return NULL;
	}
	list_init(&entry->used);
	memcpy(entry->digest, digest, SHA256_BYTES);
	entry->bytes = sizeof(*entry);
	entry->count = count;
	for (size_t i = 0; i < count; i++) {
		entry->certs[i] = cert_ref(certs[i]);
		entry->bytes += cert_der(certs[i]).len + CHAIN_CERT_OVERHEAD;
	}
	return entry;
}

static uint64_t until_of(enum chain_shelf shelf, uint64_t now_s)
{
	return shelf == CHAIN_REFUSED ? now_s + CHAIN_REFUSED_S : UINT64_MAX;
}

/* Moves what stands on the other shelf, or makes a new entry of fresh, which is consumed either way. */
static void put(struct chain_table *table, enum chain_shelf on, uint64_t now_s, struct entry *fresh,
	struct list *gone)
{
	enum chain_shelf other = on == CHAIN_ADMITTED ? CHAIN_REFUSED : CHAIN_ADMITTED;
	struct shelf *shelf = &table->shelves[on];
	struct entry *there = find_on(&table->shelves[other], fresh->digest, now_s, gone);
	struct entry *here = find_on(shelf, fresh->digest, now_s, gone);

	if (there != NULL) {
		take_out(&table->shelves[other], there, gone);
	}
	if (here != NULL) {
		use(shelf,
			here); /* its end stays: who is refused in a loop is parsed afresh once in a while */
	} else if (map_put(shelf->map, bytes_of(fresh->digest, SHA256_BYTES), fresh, NULL) == ERR_OK) {
		fresh->until_s = until_of(on, now_s);
		list_push_front(&shelf->used, &fresh->used);
		shelf->bytes += fresh->bytes;
		make_room(shelf, gone);
		return;
	}
	list_push_back(gone, &fresh->used);
}

/* A device that comes back is here already: nothing is made for it. */
static bool is_there(
	struct chain_table *table, enum chain_shelf on, const uint8_t digest[SHA256_BYTES], uint64_t now_s)
{
	struct list gone;

	list_init(&gone);
	(void)pthread_mutex_lock(&table->lock);
	struct entry *entry = find_on(&table->shelves[on], digest, now_s, &gone);

	if (entry != NULL) {
		use(&table->shelves[on], entry);
	}
	(void)pthread_mutex_unlock(&table->lock);
	entries_free(&gone);
	return entry != NULL;
}

void chain_table_keep(struct chain_table *table, enum chain_shelf shelf, uint64_t now_s,
	struct cert *const *certs, size_t count)
{
	uint8_t digest[SHA256_BYTES];
	struct entry *fresh = NULL;
	struct list gone;

	if (count == 0 || count > X509_CHAIN_CERTS_MAX) {
		return;
	}
	chain_digest_of_certs(certs, count, digest);
	if (!is_there(table, shelf, digest, now_s)) {
		fresh = entry_new(certs, count, digest);
	}
	if (fresh == NULL || fresh->bytes > table->shelves[shelf].limits.bytes_max) {
		entry_free(fresh);
		return;
	}
	list_init(&gone);
	(void)pthread_mutex_lock(&table->lock);
	put(table, shelf, now_s, fresh, &gone);
	(void)pthread_mutex_unlock(&table->lock);
	entries_free(&gone);
}

size_t chain_table_count(struct chain_table *table, enum chain_shelf shelf)
{
	(void)pthread_mutex_lock(&table->lock);
	size_t count = map_count(table->shelves[shelf].map);

	(void)pthread_mutex_unlock(&table->lock);
	return count;
}

size_t chain_table_bytes(struct chain_table *table, enum chain_shelf shelf)
{
	(void)pthread_mutex_lock(&table->lock);
	size_t bytes = table->shelves[shelf].bytes;

	(void)pthread_mutex_unlock(&table->lock);
	return bytes;
}
