/*
 * test_import.c - what people bring becomes the entry that they named, never a trusted one by the way.
 * Owns:    nothing.
 * Never:   needs a tool of others (test_interop.c does).
 * Threads: one.
 */
#include <string.h>

#include "base/pem.h"
#include "fixture.h"
#include "tests/test.h"

enum part { END, LEAF, CA, ROOT, DEVICE, LEAF_KEY, DEVICE_KEY, REQUEST, JUNK };

struct row {
	const char *name;
	enum part parts[6];
	const char *alias;
	enum keystore_kind kind;
	enum err want;
	const char *word;
	/* what is there afterwards: the first entry, and how many */
	const char *want_alias;
	enum keystore_kind want_kind;
	size_t want_chain, want_count;
};

static const struct row rows[] = {
	{"key, leaf, CA, root", {LEAF_KEY, LEAF, CA, ROOT}, NULL, KEYSTORE_OTHER, ERR_OK, NULL,
		"gate.example", KEYSTORE_KEY, 3, 1},
	{"in any order", {ROOT, CA, LEAF_KEY, LEAF}, "Gate", KEYSTORE_OTHER, ERR_OK, NULL, "Gate",
		KEYSTORE_KEY, 3, 1},
	{"self-signed device with its key", {DEVICE, DEVICE_KEY}, "d", KEYSTORE_OTHER, ERR_OK, NULL, "d",
		KEYSTORE_KEY, 1, 1},
	{"two keys", {LEAF_KEY, LEAF, DEVICE_KEY, DEVICE}, "k", KEYSTORE_OTHER, ERR_OK, NULL, "k",
		KEYSTORE_KEY, 1, 2},
	{"anchor", {ROOT}, NULL, KEYSTORE_ANCHOR, ERR_OK, NULL, "Plant Root", KEYSTORE_ANCHOR, 1, 1},
	{"two anchors", {ROOT, CA}, "trust", KEYSTORE_ANCHOR, ERR_OK, NULL, "trust", KEYSTORE_ANCHOR, 1, 2},
	{"pin", {DEVICE}, NULL, KEYSTORE_PIN, ERR_OK, NULL, "pin:sensor-7", KEYSTORE_PIN, 1, 1},
	{"pin with a name", {DEVICE}, "d1", KEYSTORE_PIN, ERR_OK, NULL, "pin:d1", KEYSTORE_PIN, 1, 1},
	{"untrusted CA", {CA}, NULL, KEYSTORE_OTHER, ERR_OK, NULL, "Plant CA", KEYSTORE_OTHER, 1, 1},
	{"self-signed CA without a word", {ROOT}, NULL, KEYSTORE_OTHER, ERR_INVALID, "--anchor", NULL,
		KEYSTORE_KEY, 0, 0},
	{"self-signed CA behind others", {CA, ROOT}, NULL, KEYSTORE_OTHER, ERR_INVALID,
		"'Plant Root' is a self-signed CA certificate", NULL, KEYSTORE_KEY, 0, 0},
	{"key alone", {LEAF_KEY}, "k", KEYSTORE_OTHER, ERR_OK, NULL, "k", KEYSTORE_KEY, 0, 1},
	{"key with another's certificate", {LEAF_KEY, DEVICE}, "k", KEYSTORE_OTHER, ERR_INVALID,
		"belongs to none of the certificates", NULL, KEYSTORE_KEY, 0, 0},
	{"key with a CA only", {LEAF_KEY, CA}, "k", KEYSTORE_OTHER, ERR_INVALID,
		"belongs to none of the certificates", NULL, KEYSTORE_KEY, 0, 0},
	{"one key of two without its certificate", {LEAF_KEY, LEAF, DEVICE_KEY}, "k", KEYSTORE_OTHER,
		ERR_INVALID, "belongs to none of the certificates", NULL, KEYSTORE_KEY, 0, 0},
	{"certificate request", {REQUEST}, NULL, KEYSTORE_OTHER, ERR_UNSUPPORTED, "CERTIFICATE REQUEST", NULL,
		KEYSTORE_KEY, 0, 0},
	{"damaged certificate", {LEAF, JUNK}, NULL, KEYSTORE_OTHER, ERR_MALFORMED, "certificate 2", NULL,
		KEYSTORE_KEY, 0, 0},
	{"nothing in it", {END}, NULL, KEYSTORE_OTHER, ERR_MALFORMED, "neither", NULL, KEYSTORE_KEY, 0, 0},
};

static struct buf pem_of(const struct fixture *pki, const enum part *parts, size_t count)
{
	struct buf text = BUF_INIT(1 << 20);
	REQUIRE("text", buf_append_text(&text, "a line of somebody's\n") == ERR_OK);
	for (size_t i = 0; i < count && parts[i] != END; i++) {
		switch (parts[i]) {
		case LEAF: fixture_pem_cert(&text, pki->leaf.cert); break;
		case CA: fixture_pem_cert(&text, pki->ca.cert); break;
		case ROOT: fixture_pem_cert(&text, pki->root.cert); break;
		case DEVICE: fixture_pem_cert(&text, pki->device.cert); break;
		case LEAF_KEY: fixture_pem_key(&text, &pki->leaf.key); break;
		case DEVICE_KEY: fixture_pem_key(&text, &pki->device.key); break;
		case REQUEST:
			REQUIRE("text", pem_encode("CERTIFICATE REQUEST", bytes_text("x"), &text) == ERR_OK);
			break;
		case JUNK:
			REQUIRE("text", pem_encode("CERTIFICATE", bytes_text("junk"), &text) == ERR_OK);
			break;
		case END: break;
		}
	}
	return text;
}

static void pem_rows(const struct fixture *pki)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct buf text = pem_of(pki, row->parts, ARRAY_COUNT(row->parts));
		struct keystore *keystore = NULL;
		struct keystore_error error = {0};
		struct keystore_import options = {
			.alias = row->alias, .kind = row->kind, .passphrase = BYTES_NONE};
		size_t added = 0;
		REQUIRE(row->name, keystore_new(&keystore) == ERR_OK);
		CHECK(row->name,
			keystore_import(keystore, buf_bytes(&text), &options, &added, &error) == row->want);
		CHECK(row->name, keystore_count(keystore) == row->want_count && added == row->want_count);
		CHECK(row->name, row->word == NULL || strstr(error.sentence, row->word) != NULL);
		if (row->want == ERR_OK && keystore_count(keystore) > 0) {
			struct keystore_entry entry = keystore_at(keystore, 0);
			CHECK(row->name, strcmp(entry.alias, row->want_alias) == 0);
			CHECK(row->name,
				entry.kind == row->want_kind && entry.chain_count == row->want_chain);
		}
		keystore_free(keystore);
		buf_release(&text);
	}
}

static void der_and_older(const struct fixture *pki)
{
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	struct keystore_import options = {.alias = NULL, .kind = KEYSTORE_PIN, .passphrase = BYTES_NONE};
	REQUIRE("new", keystore_new(&keystore) == ERR_OK);
	CHECK("DER", keystore_import(keystore, cert_der(pki->device.cert), &options, NULL, &error) == ERR_OK);
	CHECK("DER again gets a name of its own",
		keystore_import(keystore, cert_der(pki->device.cert), &options, NULL, &error) == ERR_OK);
	CHECK("DER again", strcmp(keystore_at(keystore, 1).alias, "pin:sensor-7-2") == 0);
	options.alias = "sensor-7";
	CHECK("a name that was asked for is not changed",
		keystore_import(keystore, cert_der(pki->device.cert), &options, NULL, &error) == ERR_EXISTS);
	struct bytes cut = cert_der(pki->device.cert);
	cut.len--;
	options.alias = NULL;
	CHECK("DER cut short", keystore_import(keystore, cut, &options, NULL, &error) == ERR_MALFORMED);
	CHECK("text",
		keystore_import(keystore, bytes_text("hello"), &options, NULL, &error) == ERR_MALFORMED);
	static const char old[] = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END "
				  "RSA PRIVATE KEY-----\n";
	CHECK("old encrypted PEM",
		keystore_import(keystore, bytes_text(old), &options, NULL, &error) == ERR_UNSUPPORTED);
	CHECK("old encrypted PEM", strstr(error.sentence, "openssl pkcs8 -topk8") != NULL);
	CHECK("nothing of it stayed", keystore_count(keystore) == 2);
	keystore_free(keystore);
}

/* A mark in somebody's file is not yet our trust: the importer says so, or nothing is imported. */
static void from_pkcs12(const struct fixture *pki)
{
	static const struct {
		const char *name;
		const char *passphrase;
		enum keystore_kind kind;
		enum err want;
		enum keystore_kind want_root, want_device;
	} cases[] = {
		{"no word", "pw", KEYSTORE_OTHER, ERR_INVALID, KEYSTORE_KEY, KEYSTORE_KEY},
		{"--anchor", "pw", KEYSTORE_ANCHOR, ERR_OK, KEYSTORE_ANCHOR, KEYSTORE_PIN},
		{"--pinned", "pw", KEYSTORE_PIN, ERR_OK, KEYSTORE_PIN, KEYSTORE_PIN},
		{"wrong passphrase", "no", KEYSTORE_ANCHOR, ERR_DENIED, KEYSTORE_KEY, KEYSTORE_KEY},
	};
	struct keystore *source = NULL;
	struct buf file = BUF_INIT(1 << 20);
	const struct cert *chain[] = {pki->leaf.cert, pki->ca.cert};
	REQUIRE("new", keystore_new(&source) == ERR_OK);
	REQUIRE("key",
		keystore_add_key(source, "gate", secret_bytes(&pki->leaf.key), chain, 2, NULL) == ERR_OK);
	REQUIRE("root", keystore_add_cert(source, "root", pki->root.cert, KEYSTORE_ANCHOR, NULL) == ERR_OK);
	REQUIRE("pin", keystore_add_cert(source, "d1", pki->device.cert, KEYSTORE_PIN, NULL) == ERR_OK);
	REQUIRE("encode", keystore_encode(source, bytes_text("pw"), &file, NULL) == ERR_OK);
	keystore_free(source);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct keystore *keystore = NULL;
		struct keystore_error error = {0};
		struct keystore_import options = {
			.alias = NULL, .kind = cases[i].kind, .passphrase = bytes_text(cases[i].passphrase)};
		size_t index = 0;
		REQUIRE(cases[i].name, keystore_new(&keystore) == ERR_OK);
		CHECK(cases[i].name,
			keystore_import(keystore, buf_bytes(&file), &options, NULL, &error) == cases[i].want);
		if (cases[i].want != ERR_OK) {
			CHECK(cases[i].name, keystore_count(keystore) == 0 && error.sentence[0] != '\0');
		} else {
			CHECK(cases[i].name, keystore_identity(keystore, "gate", &index));
			CHECK(cases[i].name, keystore_at(keystore, index).chain_count == 2);
			const char *root = cases[i].want_root == KEYSTORE_PIN ? "pin:root" : "root";
			CHECK(cases[i].name, keystore_find(keystore, root, &index) &&
						     keystore_at(keystore, index).kind == cases[i].want_root);
			CHECK(cases[i].name,
				keystore_find(keystore, "pin:d1", &index) &&
					keystore_at(keystore, index).kind == cases[i].want_device);
		}
		keystore_free(keystore);
	}
	buf_release(&file);
}

/* A pin alone: nothing else in the file would stop it. */
static void pin_from_pkcs12(const struct fixture *pki)
{
	struct keystore *source = NULL;
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	struct keystore_import options = {
		.alias = NULL, .kind = KEYSTORE_OTHER, .passphrase = bytes_text("pw")};
	struct buf file = BUF_INIT(1 << 20);
	REQUIRE("new", keystore_new(&source) == ERR_OK && keystore_new(&keystore) == ERR_OK);
	REQUIRE("pin", keystore_add_cert(source, "d1", pki->device.cert, KEYSTORE_PIN, NULL) == ERR_OK);
	REQUIRE("encode", keystore_encode(source, bytes_text("pw"), &file, NULL) == ERR_OK);
	CHECK("a pin without a word",
		keystore_import(keystore, buf_bytes(&file), &options, NULL, &error) == ERR_INVALID);
	CHECK("a pin without a word",
		keystore_count(keystore) == 0 && strstr(error.sentence, "--pinned") != NULL);
	options.kind = KEYSTORE_PIN;
	CHECK("a pin with it", keystore_import(keystore, buf_bytes(&file), &options, NULL, &error) == ERR_OK);
	CHECK("a pin with it",
		keystore_count(keystore) == 1 && keystore_at(keystore, 0).kind == KEYSTORE_PIN);
	keystore_free(source);
	keystore_free(keystore);
	buf_release(&file);
}

static void every_allocation(const struct fixture *pki)
{
	static const enum part parts[] = {LEAF_KEY, LEAF, CA, ROOT};
	struct buf text = pem_of(pki, parts, ARRAY_COUNT(parts));
	bool passed = false;
	for (unsigned long n = 1; n < 2000 && !passed; n++) {
		struct keystore *keystore = NULL;
		struct keystore_import options = {
			.alias = "gate", .kind = KEYSTORE_OTHER, .passphrase = BYTES_NONE};
		REQUIRE("new", keystore_new(&keystore) == ERR_OK);
		test_alloc_fail_at(n);
		enum err err = keystore_import(keystore, buf_bytes(&text), &options, NULL, NULL);
		passed = !test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("import", passed ? err == ERR_OK : err == ERR_OK || err == ERR_NOMEM);
		CHECK("whole or not at all", keystore_count(keystore) == (err == ERR_OK ? 1 : 0));
		keystore_free(keystore);
	}
	CHECK("import passes in the end", passed);
	buf_release(&text);
}

int main(void)
{
	REQUIRE("crypto", crypto_init() == ERR_OK);
	struct fixture pki = fixture_new();
	pem_rows(&pki);
	der_and_older(&pki);
	from_pkcs12(&pki);
	pin_from_pkcs12(&pki);
	every_allocation(&pki);
	fixture_free(&pki);
	crypto_cleanup();
	return test_result();
}
