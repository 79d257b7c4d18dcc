/*
 * test_check.c - each thing that keystore_check() is for is found where it is, and nowhere else.
 * Owns:    nothing.
 * Never:   reads the clock: now is given.
 * Threads: one.
 */
#include <string.h>

#include "fixture.h"
#include "tests/test.h"

static bool found(const struct keystore_findings *findings, const char *code, enum keystore_severity severity,
	const char *alias)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct keystore_finding *finding = &findings->items[i];
		if (strcmp(finding->code, code) == 0 && finding->severity == severity &&
			(alias == NULL ? finding->alias == NULL
				       : finding->alias != NULL && strcmp(finding->alias, alias) == 0)) {
			return finding->sentence[0] != '\0';
		}
	}
	return false;
}

static size_t worst_count(const struct keystore_findings *findings, enum keystore_severity at_least)
{
	size_t count = 0;
	for (size_t i = 0; i < findings->count; i++) {
		count += findings->items[i].severity >= at_least ? 1 : 0;
	}
	return count;
}

static void add(struct keystore *keystore, const char *alias, const struct identity *identity,
	enum keystore_kind kind)
{
	REQUIRE(alias, keystore_add_cert(keystore, alias, identity->cert, kind, NULL) == ERR_OK);
}

static void add_key(struct keystore *keystore, const char *alias, const struct identity *identity,
	const struct identity *issuer)
{
	const struct cert *chain[] = {identity->cert, issuer != NULL ? issuer->cert : NULL};
	REQUIRE(alias, keystore_add_key(keystore, alias, secret_bytes(&identity->key), chain,
			       issuer != NULL ? 2 : 1, NULL) == ERR_OK);
}

static void good_store(const struct fixture *pki)
{
	struct keystore *keystore = NULL;
	struct keystore_findings findings = KEYSTORE_FINDINGS_NONE;
	REQUIRE("new", keystore_new(&keystore) == ERR_OK);
	REQUIRE("empty", keystore_check(keystore, FIXTURE_NOW, &findings) == ERR_OK);
	CHECK("no key", findings.count == 1 && found(&findings, "no-key", KEYSTORE_NOTE, NULL));
	keystore_findings_release(&findings);
	add_key(keystore, "gate", &pki->leaf, &pki->ca);
	add(keystore, "root", &pki->root, KEYSTORE_ANCHOR);
	add(keystore, "d1", &pki->device, KEYSTORE_PIN);
	REQUIRE("good", keystore_check(keystore, FIXTURE_NOW, &findings) == ERR_OK);
	CHECK("nothing to say", findings.count == 0);
	keystore_findings_release(&findings);
	REQUIRE("late", keystore_check(keystore, FIXTURE_NOW + 350 * INT64_C(86400), &findings) == ERR_OK);
	CHECK("expires soon", found(&findings, "expires-soon", KEYSTORE_WARNING, "gate"));
	CHECK("expires soon", found(&findings, "expires-soon", KEYSTORE_WARNING, "pin:d1"));
	CHECK("no error yet", worst_count(&findings, KEYSTORE_ERROR) == 0);
	keystore_findings_release(&findings);
	REQUIRE("too late",
		keystore_check(keystore, FIXTURE_NOW + 366 * INT64_C(86400), &findings) == ERR_OK);
	CHECK("expired", found(&findings, "expired", KEYSTORE_ERROR, "gate"));
	CHECK("not expired", !found(&findings, "expired", KEYSTORE_ERROR, "root"));
	keystore_findings_release(&findings);
	REQUIRE("too early",
		keystore_check(keystore, FIXTURE_NOW - 500 * INT64_C(86400), &findings) == ERR_OK);
	CHECK("not yet valid", found(&findings, "not-yet-valid", KEYSTORE_ERROR, "root"));
	keystore_findings_release(&findings);
	keystore_free(keystore);
}

static void bad_store(const struct fixture *pki)
{
	struct keystore *keystore = NULL;
	struct keystore_findings findings = KEYSTORE_FINDINGS_NONE;
	const struct cert *unordered[] = {pki->leaf.cert, pki->device.cert};
	REQUIRE("new", keystore_new(&keystore) == ERR_OK);
	add_key(keystore, "incomplete", &pki->leaf, NULL);
	REQUIRE("unordered", keystore_add_key(keystore, "unordered", secret_bytes(&pki->leaf.key), unordered,
				     2, NULL) == ERR_OK);
	REQUIRE("bare",
		keystore_add_key(keystore, "bare", secret_bytes(&pki->leaf.key), NULL, 0, NULL) == ERR_OK);
	add(keystore, "no ca", &pki->device, KEYSTORE_ANCHOR);
	add(keystore, "both", &pki->device, KEYSTORE_PIN);
	add(keystore, "ca", &pki->root, KEYSTORE_PIN);
	add(keystore, "one", &pki->root, KEYSTORE_ANCHOR);
	add(keystore, "two", &pki->root, KEYSTORE_ANCHOR);
	add(keystore, "stray", &pki->ca, KEYSTORE_OTHER);
	REQUIRE("check", keystore_check(keystore, FIXTURE_NOW, &findings) == ERR_OK);
	static const struct {
		const char *code, *alias;
		enum keystore_severity severity;
	} want[] = {
		{"chain-incomplete", "incomplete", KEYSTORE_WARNING},
		{"chain-order", "unordered", KEYSTORE_ERROR},
		{"issuer-not-ca", "unordered", KEYSTORE_ERROR},
		{"no-certificate", "bare", KEYSTORE_ERROR},
		{"anchor-not-ca", "no ca", KEYSTORE_ERROR},
		{"pin-and-anchor", "pin:both", KEYSTORE_WARNING},
		{"pin-and-anchor", "one", KEYSTORE_WARNING},
		{"pin-is-ca", "pin:ca", KEYSTORE_NOTE},
		{"duplicate", "two", KEYSTORE_WARNING},
		{"untrusted", "stray", KEYSTORE_NOTE},
	};
	for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
		CHECK(want[i].code, found(&findings, want[i].code, want[i].severity, want[i].alias));
	}
	CHECK("a sound pin is not blamed", !found(&findings, "anchor-not-ca", KEYSTORE_ERROR, "pin:both"));
	CHECK("one is no duplicate", !found(&findings, "duplicate", KEYSTORE_WARNING, "one"));
	keystore_findings_release(&findings);
	bool passed = false;
	for (unsigned long n = 1; n < 2000 && !passed; n++) {
		test_alloc_fail_at(n);
		enum err err = keystore_check(keystore, FIXTURE_NOW, &findings);
		passed = !test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("out of memory is said",
			passed ? err == ERR_OK : err == ERR_NOMEM || findings.count > 0);
		keystore_findings_release(&findings);
	}
	CHECK("passes in the end", passed);
	keystore_free(keystore);
}

int main(void)
{
	REQUIRE("crypto", crypto_init() == ERR_OK);
	struct fixture pki = fixture_new();
	good_store(&pki);
	bad_store(&pki);
	fixture_free(&pki);
	crypto_cleanup();
	return test_result();
}
