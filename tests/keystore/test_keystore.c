/*
 * test_keystore.c - entries are what their marks say, changes happen whole or not at all, and what was saved comes
 *                   back.
 * Owns:    nothing.
 * Never:   leaves files behind (tests/test.h removes the folder).
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "fixture.h"
#include "tests/test.h"

#define PASS bytes_text("correct horse")

static struct keystore *sample(const struct fixture *pki)
{
	struct keystore *keystore = NULL;
	const struct cert *chain[] = {pki->leaf.cert, pki->ca.cert};
	REQUIRE("new", keystore_new(&keystore) == ERR_OK);
	REQUIRE("key",
		keystore_add_key(keystore, "Gate", secret_bytes(&pki->leaf.key), chain, 2, NULL) == ERR_OK);
	REQUIRE("anchor",
		keystore_add_cert(keystore, "root", pki->root.cert, KEYSTORE_ANCHOR, NULL) == ERR_OK);
	REQUIRE("pin",
		keystore_add_cert(keystore, "Sensor-7", pki->device.cert, KEYSTORE_PIN, NULL) == ERR_OK);
	REQUIRE("other",
		keystore_add_cert(keystore, "old ca", pki->old.cert, KEYSTORE_OTHER, NULL) == ERR_OK);
	return keystore;
}

static enum err key_compare(struct bytes pkcs8, void *ctx)
{
	const struct secret *want = ctx;
	return bytes_equal(pkcs8, secret_bytes(want)) ? ERR_OK : ERR_DENIED;
}

static void sample_check(const char *row, const struct keystore *keystore, struct fixture *pki)
{
	size_t index = 0;
	REQUIRE(row, keystore_count(keystore) == 4);
	REQUIRE(row, keystore_find(keystore, "gATE", &index));
	struct keystore_entry entry = keystore_at(keystore, index);
	CHECK(row, entry.kind == KEYSTORE_KEY && strcmp(entry.alias, "Gate") == 0 && entry.chain_count == 2);
	CHECK(row, entry.key_usable && entry.key_kind == KEY_EC_P256);
	CHECK(row, bytes_equal(cert_der(entry.chain[0]), cert_der(pki->leaf.cert)));
	CHECK(row, bytes_equal(cert_der(entry.chain[1]), cert_der(pki->ca.cert)));
	CHECK(row, keystore_key_use(keystore, index, key_compare, &pki->leaf.key) == ERR_OK);
	REQUIRE(row, keystore_find(keystore, "root", &index));
	entry = keystore_at(keystore, index);
	CHECK(row, entry.kind == KEYSTORE_ANCHOR && entry.pin_name == NULL);
	CHECK(row, keystore_key_use(keystore, index, key_compare, &pki->leaf.key) == ERR_NOT_FOUND);
	REQUIRE(row, keystore_find(keystore, "PIN:sensor-7", &index));
	entry = keystore_at(keystore, index);
	CHECK(row, entry.kind == KEYSTORE_PIN && strcmp(entry.pin_name, "sensor-7") == 0);
	CHECK(row, strcmp(entry.alias, "pin:Sensor-7") == 0);
	CHECK(row, bytes_equal(cert_der(entry.chain[0]), cert_der(pki->device.cert)));
	CHECK(row, keystore_find(keystore, "old ca", &index) &&
			   keystore_at(keystore, index).kind == KEYSTORE_OTHER);
}

static void round_trip(struct fixture *pki)
{
	struct keystore *keystore = sample(pki);
	struct keystore *again = NULL;
	struct buf file = BUF_INIT(1 << 20);
	struct keystore_error error = {0};
	sample_check("as made", keystore, pki);
	REQUIRE("encode", keystore_encode(keystore, PASS, &file, &error) == ERR_OK);
	REQUIRE("decode", keystore_decode(buf_bytes(&file), PASS, &again, &error) == ERR_OK);
	sample_check("as read", again, pki);
	keystore_free(again);
	again = NULL;
	/* A copy of a chain certificate under a name of its own is an entry, and the chain is still whole. */
	size_t index = 0;
	REQUIRE("copy", keystore_add_cert(keystore, "copy", pki->ca.cert, KEYSTORE_OTHER, NULL) == ERR_OK);
	buf_release(&file);
	file = BUF_INIT(1 << 20);
	REQUIRE("copy", keystore_encode(keystore, PASS, &file, &error) == ERR_OK);
	REQUIRE("copy", keystore_decode(buf_bytes(&file), PASS, &again, &error) == ERR_OK);
	CHECK("copy",
		keystore_find(again, "copy", &index) && keystore_at(again, index).kind == KEYSTORE_OTHER);
	CHECK("copy", keystore_remove(again, "copy", NULL) == ERR_OK);
	sample_check("copy", again, pki);
	keystore_free(again);
	again = NULL;
	CHECK("wrong passphrase",
		keystore_decode(buf_bytes(&file), bytes_text("no"), &again, &error) == ERR_DENIED);
	CHECK("wrong passphrase",
		again == NULL && strcmp(error.sentence, "wrong passphrase, or the file was altered") == 0);
	buf_release(&file);
	keystore_free(keystore);
}

static void trust(struct fixture *pki)
{
	struct keystore *keystore = sample(pki);
	struct trust_set *set = NULL;
	const char *name = NULL;
	REQUIRE("no signer",
		keystore_add_cert(keystore, "leaf", pki->leaf.cert, KEYSTORE_OTHER, NULL) == ERR_OK);
	REQUIRE("trust", keystore_trust_set(keystore, 7, &set) == ERR_OK);
	keystore_free(keystore); /* the set lives on without it */
	CHECK("generation", trust_set_generation(set) == 7);
	REQUIRE("one anchor: chain certificates are untrusted", trust_set_anchor_count(set) == 1);
	CHECK("anchor", bytes_equal(cert_der(trust_set_anchor(set, 0)), cert_der(pki->root.cert)));
	REQUIRE("one pin", trust_set_pin_count(set) == 1);
	CHECK("pin", bytes_equal(cert_der(trust_set_pin(set, 0, &name)), cert_der(pki->device.cert)));
	CHECK("pin", strcmp(name, "sensor-7") == 0);
	REQUIRE("one that may sign lists: not the other untrusted ones", trust_set_signer_count(set) == 1);
	CHECK("signer", bytes_equal(cert_der(trust_set_signer(set, 0)), cert_der(pki->old.cert)));
	trust_set_unref(set);
}

enum change { ADD_KEY, ADD_ANCHOR, ADD_PIN, ADD_OTHER, REMOVE, RENAME, MARK_ANCHOR, MARK_PIN };
static const struct {
	const char *name;
	enum change change;
	const char *alias, *to;
	enum err want;
	const char *word; /* in the sentence */
} changes[] = {
	{"second key under a new alias", ADD_KEY, "gate2", NULL, ERR_OK, NULL},
	{"key under a taken alias", ADD_KEY, "ROOT", NULL, ERR_EXISTS, "'ROOT'"},
	{"key as a pin", ADD_KEY, "pin:x", NULL, ERR_INVALID, "pinned certificates only"},
	{"empty alias", ADD_KEY, "", NULL, ERR_INVALID, "alias"},
	{"alias with a control character", ADD_ANCHOR, "a\x1b[2J", NULL, ERR_INVALID, "\\x1"},
	{"anchor", ADD_ANCHOR, "root 2", NULL, ERR_OK, NULL},
	{"anchor as pin alias", ADD_ANCHOR, "PIN:x", NULL, ERR_INVALID, "pinned certificates only"},
	{"pin without prefix", ADD_PIN, "d9", NULL, ERR_OK, NULL},
	{"pin with prefix", ADD_PIN, "pin:d9", NULL, ERR_OK, NULL},
	{"pin taken in other case", ADD_PIN, "SENSOR-7", NULL, ERR_EXISTS, "SENSOR-7"},
	{"pin without a name", ADD_PIN, "pin:", NULL, ERR_INVALID, "name behind"},
	{"self-signed CA by the way", ADD_OTHER, "sneak", NULL, ERR_INVALID, "--anchor"},
	{"remove", REMOVE, "pin:sensor-7", NULL, ERR_OK, NULL},
	{"remove what is not there", REMOVE, "sensor-7", NULL, ERR_NOT_FOUND, "sensor-7"},
	{"rename", RENAME, "gate", "front", ERR_OK, NULL},
	{"rename to other case of itself", RENAME, "gate", "GATE", ERR_OK, NULL},
	{"rename onto another", RENAME, "gate", "Root", ERR_EXISTS, "Root"},
	{"rename an anchor into a pin", RENAME, "root", "pin:root", ERR_INVALID, "pinned certificates only"},
	{"rename a pin keeps it one", RENAME, "pin:sensor-7", "d1", ERR_OK, NULL},
	{"rename what is not there", RENAME, "nobody", "x", ERR_NOT_FOUND, "nobody"},
	{"mark as anchor", MARK_ANCHOR, "old ca", NULL, ERR_OK, NULL},
	{"mark as pin", MARK_PIN, "old ca", NULL, ERR_OK, NULL},
	{"mark a key", MARK_PIN, "gate", NULL, ERR_INVALID, "key"},
	{"mark an anchor again", MARK_PIN, "root", NULL, ERR_INVALID, "anchor"},
	{"mark what is not there", MARK_PIN, "nobody", NULL, ERR_NOT_FOUND, "nobody"},
};

static enum err change_do(struct keystore *keystore, const struct fixture *pki, enum change change,
	const char *alias, const char *to, struct keystore_error *error)
{
	const struct cert *chain[] = {pki->leaf.cert};
	switch (change) {
	case ADD_KEY: return keystore_add_key(keystore, alias, secret_bytes(&pki->leaf.key), chain, 1, error);
	case ADD_ANCHOR: return keystore_add_cert(keystore, alias, pki->root.cert, KEYSTORE_ANCHOR, error);
	case ADD_PIN: return keystore_add_cert(keystore, alias, pki->device.cert, KEYSTORE_PIN, error);
	case ADD_OTHER: return keystore_add_cert(keystore, alias, pki->root.cert, KEYSTORE_OTHER, error);
	case REMOVE: return keystore_remove(keystore, alias, error);
	case RENAME: return keystore_rename(keystore, alias, to, error);
	case MARK_ANCHOR: return keystore_mark(keystore, alias, KEYSTORE_ANCHOR, error);
	case MARK_PIN: return keystore_mark(keystore, alias, KEYSTORE_PIN, error);
	}
	return ERR_STATE;
}

static void change_rows(struct fixture *pki)
{
	for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
		struct keystore *keystore = sample(pki);
		struct keystore_error error = {0};
		enum err err =
			change_do(keystore, pki, changes[i].change, changes[i].alias, changes[i].to, &error);
		CHECK(changes[i].name, err == changes[i].want);
		if (changes[i].want != ERR_OK) {
			sample_check(changes[i].name, keystore, pki);
			CHECK(changes[i].name, strstr(error.sentence, changes[i].word) != NULL);
			CHECK(changes[i].name, error.err == changes[i].want);
		}
		keystore_free(keystore);
	}
	struct keystore *keystore = sample(pki);
	const struct cert *other[] = {pki->device.cert};
	struct keystore_error error = {0};
	size_t index = 0;
	CHECK("key of another certificate", keystore_add_key(keystore, "x", secret_bytes(&pki->leaf.key),
						    other, 1, &error) == ERR_INVALID);
	CHECK("key that is none",
		keystore_add_key(keystore, "x", bytes_text("junk"), NULL, 0, &error) == ERR_UNSUPPORTED);
	sample_check("unchanged", keystore, pki);
	CHECK("rename a pin", keystore_rename(keystore, "pin:sensor-7", "D1", NULL) == ERR_OK);
	REQUIRE("rename a pin", keystore_find(keystore, "pin:d1", &index));
	CHECK("rename a pin", strcmp(keystore_at(keystore, index).pin_name, "d1") == 0);
	keystore_free(keystore);
}

static void identities(struct fixture *pki)
{
	struct keystore *keystore = sample(pki);
	const struct cert *chain[] = {pki->device.cert};
	size_t index = 99;
	REQUIRE("second", keystore_add_key(keystore, "second", secret_bytes(&pki->device.key), chain, 1,
				  NULL) == ERR_OK);
	CHECK("first key", keystore_identity(keystore, NULL, &index) && index == 0);
	CHECK("first key", keystore_identity(keystore, "", &index) && index == 0);
	CHECK("label", keystore_identity(keystore, "SECOND", &index) && index == 4);
	CHECK("label of an anchor", !keystore_identity(keystore, "root", &index));
	CHECK("unknown label", !keystore_identity(keystore, "third", &index));
	keystore_free(keystore);
}

static void files(struct fixture *pki)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "gate.p12");
	struct keystore *keystore = sample(pki);
	struct keystore *again = NULL;
	struct keystore_error error = {0};
	struct stat status = {0};
	CHECK("no file", keystore_load(path, PASS, &again, &error) == ERR_NOT_FOUND);
	CHECK("no file",
		strstr(error.sentence, "no such file") != NULL && strstr(error.sentence, path) != NULL);
	REQUIRE("save", keystore_save(keystore, path, PASS, &error) == ERR_OK);
	CHECK("mode", stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
	REQUIRE("load", keystore_load(path, PASS, &again, &error) == ERR_OK);
	sample_check("load", again, pki);
	REQUIRE("other passphrase", keystore_save(again, path, bytes_text("new"), &error) == ERR_OK);
	keystore_free(again);
	again = NULL;
	CHECK("old passphrase", keystore_load(path, PASS, &again, &error) == ERR_DENIED && again == NULL);
	CHECK("new passphrase", keystore_load(path, bytes_text("new"), &again, &error) == ERR_OK);
	keystore_free(again);
	again = NULL;
	CHECK("others may write", chmod(path, 0620) == 0);
	CHECK("others may write", keystore_load(path, bytes_text("new"), &again, &error) == ERR_DENIED);
	CHECK("others may write", strstr(error.sentence, "chmod") != NULL);
	CHECK("a folder", keystore_load(folder, PASS, &again, &error) != ERR_OK && again == NULL);
	CHECK("unwritable folder",
		keystore_save(keystore, test_path(folder, "none/gate.p12"), PASS, &error) != ERR_OK);
	CHECK("unwritable folder", error.sentence[0] != '\0');
	keystore_free(keystore);
}

/* A chain of the greatest length is read; one certificate more refuses the file, and says whose chain it is. */
static void chain_limit(void)
{
	struct identity chain[KEYSTORE_CHAIN_CERTS_MAX + 1] = {{SECRET_NONE, NULL}};
	for (size_t i = 0; i < ARRAY_COUNT(chain); i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "link %zu", i);
		chain[i] = fixture_identity(name, i == 0 ? NULL : &chain[i - 1], true, KEY_EC_P256, 100);
	}
	for (size_t length = KEYSTORE_CHAIN_CERTS_MAX; length <= ARRAY_COUNT(chain); length++) {
		struct keystore *keystore = NULL;
		struct keystore_error error = {0};
		struct keystore_import options = {
			.alias = "long", .kind = KEYSTORE_OTHER, .passphrase = BYTES_NONE};
		struct buf text = BUF_INIT(1 << 20);
		bool good = length <= KEYSTORE_CHAIN_CERTS_MAX;
		fixture_pem_key(&text, &chain[length - 1].key);
		for (size_t i = 0; i < length; i++) {
			fixture_pem_cert(&text, chain[i].cert);
		}
		REQUIRE("new", keystore_new(&keystore) == ERR_OK);
		enum err err = keystore_import(keystore, buf_bytes(&text), &options, NULL, &error);
		CHECK("chain at max, max + 1", err == (good ? ERR_OK : ERR_LIMIT));
		CHECK("chain at max, max + 1", good || strstr(error.sentence, "longer than 9") != NULL);
		CHECK("chain at max, max + 1", keystore_count(keystore) == (good ? 1 : 0));
		CHECK("whole chain", !good || keystore_at(keystore, 0).chain_count == length);
		keystore_free(keystore);
		buf_release(&text);
	}
	for (size_t i = 0; i < ARRAY_COUNT(chain); i++) {
		identity_release(&chain[i]);
	}
}

/* Fails the Nth allocation of op until it passes; it must answer ERR_NOMEM each time before. */
static void every_allocation(struct fixture *pki)
{
	struct keystore *keystore = sample(pki);
	struct buf file = BUF_INIT(1 << 20);
	REQUIRE("encode", keystore_encode(keystore, PASS, &file, NULL) == ERR_OK);
	keystore_free(keystore);
	bool passed = false;
	for (unsigned long n = 1; n < 3000 && !passed; n++) {
		struct keystore *again = NULL;
		test_alloc_fail_at(n);
		enum err err = keystore_decode(buf_bytes(&file), PASS, &again, NULL);
		passed = !test_alloc_failed();
		test_alloc_fail_at(0);
		/* wolfCrypt may take its allocation failure for a key that it cannot read: never for one that fits. */
		CHECK("decoding", passed ? err == ERR_OK : (err == ERR_OK) == (again != NULL));
		CHECK("decoding", err == ERR_OK || err == ERR_NOMEM);
		keystore_free(again);
	}
	CHECK("decoding passes in the end", passed);
	for (enum change change = ADD_KEY; change <= MARK_PIN; change++) {
		passed = false;
		for (unsigned long n = 1; n < 200 && !passed; n++) {
			static const char *const alias[] = {
				"k", "a", "p", "o", "old ca", "old ca", "old ca", "old ca"};
			keystore = sample(pki);
			test_alloc_fail_at(n);
			enum err err = change_do(keystore, pki, change, alias[change], "to", NULL);
			passed = !test_alloc_failed();
			test_alloc_fail_at(0);
			if (!passed && err != ERR_OK) {
				sample_check("changed nothing", keystore, pki);
			}
			keystore_free(keystore);
		}
		CHECK("change passes in the end", passed);
	}
	buf_release(&file);
}

int main(void)
{
	REQUIRE("crypto", crypto_init() == ERR_OK);
	struct fixture pki = fixture_new();
	round_trip(&pki);
	trust(&pki);
	change_rows(&pki);
	identities(&pki);
	files(&pki);
	chain_limit();
	every_allocation(&pki);
	fixture_free(&pki);
	crypto_cleanup();
	return test_result();
}
