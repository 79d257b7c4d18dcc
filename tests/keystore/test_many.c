/*
 * test_many.c - what a store of many entries costs to import: how often an alias is compared or folded, by the entry. A time
 *               would depend on the machine; a count that grows with the square of the entries is what took minutes.
 * Owns:    the counts.
 * Never:   needs another tool.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "keystore/store.h"
#include "tests/test.h"

#define PASS      "pw"
#define MANY      1000u
#define LOOKS_MAX 16u /* at one entry, from the file until it is stored */

static unsigned long looks;

bool __real_alias_equal(const char *a, const char *b);
bool __real_alias_fold_into(const char *alias, char out[ALIAS_FOLDED_BYTES]);

bool __wrap_alias_equal(const char *a, const char *b);
bool __wrap_alias_equal(const char *a, const char *b)
{
	looks++;
	return __real_alias_equal(a, b);
}

bool __wrap_alias_fold_into(const char *alias, char out[ALIAS_FOLDED_BYTES]);
bool __wrap_alias_fold_into(const char *alias, char out[ALIAS_FOLDED_BYTES])
{
	looks++;
	return __real_alias_fold_into(alias, out);
}

enum naming { NAMED, NAMELESS, SAME };

/* count certificates; NAMED: "Device 1", "Device 2", …; each with an identifier of its own if with_ids. */
static struct buf store_of(size_t count, enum naming naming, struct bytes der, bool trusted, bool with_ids)
{
	struct buf out = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct p12_put_cert *certs = calloc(count, sizeof(*certs));
	char(*names)[24] = calloc(count, sizeof(*names));
	REQUIRE("memory", certs != NULL);
	REQUIRE("memory", names != NULL);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(names[i], sizeof(names[i]), naming == NAMED ? "Device %05zu" : "Device", i);
		certs[i] = (struct p12_put_cert){.der = der,
			.name = naming == NAMELESS ? NULL : names[i],
			.id = with_ids ? bytes_of(names[i], strlen(names[i])) : BYTES_NONE,
			.trusted = trusted};
	}
	const struct p12_put put = {NULL, 0, certs, count};
	REQUIRE("seal", p12_write(&put, bytes_text(PASS), &out, NULL) == ERR_OK);
	free(certs);
	free(names);
	return out;
}

static enum err take(struct keystore *keystore, struct bytes content, enum keystore_kind kind,
	enum keystore_collision collision, size_t *added)
{
	const struct keystore_import options = {
		.kind = kind, .passphrase = bytes_text(PASS), .collision = collision, .keep_unusable = true};
	struct keystore_error error = {0};
	looks = 0;
	enum err err = keystore_import(keystore, content, &options, added, &error);
	if (err != ERR_OK) {
		(void)printf("  %s\n", error.sentence);
	}
	return err;
}

static struct keystore *empty(void)
{
	struct keystore *made = NULL;
	REQUIRE("new", keystore_new(&made) == ERR_OK);
	return made;
}

static void check_looks(const char *row, size_t entries)
{
	CHECK(row, looks > 0 && looks <= LOOKS_MAX * entries);
	if (looks > LOOKS_MAX * entries) {
		(void)printf("  %s: %lu looks for %zu entries\n", row, looks, entries);
	}
}

static void test_counts(const struct fixture *fixture)
{
	struct bytes cert = cert_der(fixture->device.cert);
	const struct {
		const char *name;
		enum naming naming;
		struct bytes der;
		bool trusted, with_ids;
		enum keystore_kind kind;
	} rows[] = {
		{"pins", NAMED, cert, true, false, KEYSTORE_PIN},
		{"without names", NAMELESS, cert, false, false, KEYSTORE_PIN},
		{"all of one name", SAME, cert, false, false, KEYSTORE_PIN},
		{"kept, each with an identifier", NAMED, bytes_text("junk"), false, true, KEYSTORE_OTHER},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf file =
			store_of(MANY, rows[i].naming, rows[i].der, rows[i].trusted, rows[i].with_ids);
		struct keystore *keystore = empty();
		size_t added = 0;
		CHECK(rows[i].name, take(keystore, buf_bytes(&file), rows[i].kind, KEYSTORE_COLLISION_REFUSE,
					    &added) == ERR_OK);
		CHECK(rows[i].name, added == MANY && keystore_count(keystore) == MANY);
		check_looks(rows[i].name, MANY);
		/* And once more: each is taken now. */
		CHECK(rows[i].name, take(keystore, buf_bytes(&file), rows[i].kind, KEYSTORE_COLLISION_RENAME,
					    &added) == ERR_OK);
		CHECK(rows[i].name, added == MANY && keystore_count(keystore) == 2 * MANY);
		check_looks(rows[i].name, MANY);
		keystore_free(keystore);
		buf_release(&file);
	}
}

/* PEM has no names: all get the subject's. */
static void test_pem(const struct fixture *fixture)
{
	struct buf file = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct keystore *keystore = empty();
	size_t added = 0;
	for (size_t i = 0; i < MANY; i++) {
		fixture_pem_cert(&file, fixture->device.cert);
	}
	CHECK("PEM",
		take(keystore, buf_bytes(&file), KEYSTORE_PIN, KEYSTORE_COLLISION_REFUSE, &added) == ERR_OK);
	CHECK("PEM", added == keystore_count(keystore));
	CHECK("PEM", added == MANY);
	check_looks("PEM", MANY);
	keystore_free(keystore);
	buf_release(&file);
}

/* What is found after entries came, went and were named otherwise is what stands there. */
static void check_places(const char *row, const struct keystore *keystore)
{
	for (size_t i = 0; i < keystore_count(keystore); i++) {
		size_t index = SIZE_MAX;
		CHECK(row, keystore_find(keystore, keystore_at(keystore, i).alias, &index));
		CHECK(row, index == i);
	}
}

/* Whole or not at all. A failure that a sentence alone has felt is none. */
static void test_allocations(struct keystore *keystore, const struct cert *cert)
{
	struct keystore_error error;
	size_t index = 0;
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		test_alloc_fail_at(n);
		enum err err = keystore_add_cert(keystore, "one more", cert, KEYSTORE_PIN, &error);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails", err == ERR_OK || (failed && err == ERR_NOMEM));
		CHECK("the Nth allocation fails: found if it is there",
			keystore_find(keystore, "pin:one more", &index) == (err == ERR_OK));
		check_places("the Nth allocation fails", keystore);
		CHECK("out again",
			err != ERR_OK || keystore_remove(keystore, "pin:one more", &error) == ERR_OK);
	}
	failed = true;
	for (unsigned long n = 1; failed; n++) {
		test_alloc_fail_at(n);
		enum err err = keystore_rename(keystore, "Device 00006", "other", &error);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails: found by one name",
			keystore_find(keystore, "other", &index) == (err == ERR_OK) &&
				keystore_find(keystore, "Device 00006", &index) == (err != ERR_OK));
		check_places("the Nth allocation fails", keystore);
		CHECK("back again", err != ERR_OK || keystore_rename(keystore, "other", "Device 00006",
							     &error) == ERR_OK);
	}
}

static void test_places(const struct fixture *fixture)
{
	struct buf file = store_of(8, NAMED, cert_der(fixture->device.cert), true, false);
	struct keystore *keystore = empty();
	struct keystore_error error;
	size_t index = 0;
	REQUIRE("pins", take(keystore, buf_bytes(&file), KEYSTORE_ANCHOR, KEYSTORE_COLLISION_REFUSE,
				&index) == ERR_OK);
	check_places("taken", keystore);
	CHECK("another case", keystore_find(keystore, "dEVICE 00003", &index) && index == 3);
	CHECK("gone", keystore_remove(keystore, "device 00003", &error) == ERR_OK);
	CHECK("gone", !keystore_find(keystore, "Device 00003", &index));
	check_places("gone", keystore);
	CHECK("to another name", keystore_rename(keystore, "Device 00005", "Device 00003", &error) == ERR_OK);
	CHECK("to another name", !keystore_find(keystore, "Device 00005", &index));
	CHECK("to another case", keystore_rename(keystore, "Device 00003", "DEVICE 00003", &error) == ERR_OK);
	check_places("renamed", keystore);
	CHECK("to a name that is taken",
		keystore_rename(keystore, "Device 00003", "device 00000", &error) == ERR_EXISTS);
	/* Half of these are taken: nothing of the import stays, nothing of what was there goes. */
	CHECK("an import that is refused", take(keystore, buf_bytes(&file), KEYSTORE_ANCHOR,
						   KEYSTORE_COLLISION_REFUSE, &index) == ERR_EXISTS);
	CHECK("an import that is refused", keystore_count(keystore) == 7);
	CHECK("an import that is refused", !keystore_find(keystore, "Device 00005", &index));
	check_places("an import that is refused", keystore);
	char longest[KEYSTORE_ALIAS_BYTES_MAX + 200];
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	CHECK("longer than any alias", !keystore_find(keystore, longest, &index));
	test_allocations(keystore, fixture->device.cert);
	keystore_free(keystore);
	buf_release(&file);
}

int main(void)
{
	REQUIRE("crypto", crypto_init() == ERR_OK);
	struct fixture fixture = fixture_new();
	test_counts(&fixture);
	test_pem(&fixture);
	test_places(&fixture);
	fixture_free(&fixture);
	crypto_cleanup();
	return test_result();
}
