/*
 * test_jks.c - JKS and JCEKS files of other makers: every certificate and private key in them is found, with what it
 *              is joined to; what is no key of ours is left out with a note. Refusals beside each.
 * Owns:    nothing.
 * Never:   copies the files: they stand beside the source tree, or the test is skipped.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/wire.h"
#include "keystore/store.h"
#include "tests/test.h"

#define NON_ASCII "\xe1\x83\x9a(\xe0\xb2\xa0\xe7\x9b\x8a\xe0\xb2\xa0\xe1\x83\x9a)"
#define FILE_MAX  (1u << 20)

struct row {
	const char *file, *password;
	size_t keys, usable, certs, secrets; /* certs: trusted entries and the certificates of chains */
	size_t anchors, untrusted; /* entries; untrusted: stands behind a key, and is not of its chain */
	const char *key_password;  /* of "private", where it is another */
	const char *why;           /* why something of it cannot be used; NULL: all can */
};
static const struct row rows[] = {
	{"3certs.jks", "12345678", 0, 0, 3, 0, 3, 0, NULL, NULL},
	{"3certs.jceks", "12345678", 0, 0, 3, 0, 3, 0, NULL, NULL},
	{"AES128.jceks", "12345678", 0, 0, 0, 1, 0, 0, NULL, "a secret key"},
	{"AES256.jceks", "12345678", 0, 0, 0, 1, 0, 0, NULL, "a secret key"},
	{"DES.jceks", "12345678", 0, 0, 0, 1, 0, 0, NULL, "a secret key"},
	{"DESede.jceks", "12345678", 0, 0, 0, 1, 0, 0, NULL, "a secret key"},
	{"PBKDF2WithHmacSHA1.jceks", "12345678", 0, 0, 0, 1, 0, 0, NULL, "a secret key"},
	{"DSA2048.jks", "12345678", 1, 0, 1, 0, 0, 0, NULL, "DSA: listed, not served"},
	{"DSA2048.jceks", "12345678", 1, 0, 1, 0, 0, 0, NULL, "DSA: listed, not served"},
	{"RSA1024.jks", "12345678", 1, 1, 1, 0, 0, 0, NULL, NULL},
	{"RSA1024.jceks", "12345678", 1, 1, 1, 0, 0, 0, NULL, NULL},
	{"RSA2048_3certs.jks", "12345678", 1, 1, 3, 0, 0, 2, NULL, NULL},
	{"RSA2048_3certs.jceks", "12345678", 1, 1, 3, 0, 0, 2, NULL, NULL},
	{"combined-keytool17.jks", "changeit", 3, 3, 7, 0, 4, 0, NULL, NULL},
	{"custom_entry_passwords.jks", "store_password", 1, 1, 2, 0, 1, 0, "private_password", NULL},
	{"custom_entry_passwords.jceks", "store_password", 1, 1, 2, 1, 1, 0, "private_password",
		"a secret key"},
	{"duplicate_aliases.jks", "12345678", 0, 0, 2, 0, 2, 0, NULL, NULL},
	{"duplicate_aliases.jceks", "12345678", 0, 0, 2, 0, 2, 0, NULL, NULL},
	{"empty.jks", "", 0, 0, 0, 0, 0, 0, NULL, NULL},
	{"empty.jceks", "", 0, 0, 0, 0, 0, 0, NULL, NULL},
	{"non_ascii_password.jks", NON_ASCII, 1, 1, 1, 0, 0, 0, NULL, NULL},
	{"truststore.jks", "trustpass", 0, 0, 2, 0, 2, 0, NULL, NULL},
	{"unknown_type_of_sealed_object.jceks", "12345678", 0, 0, 0, 1, 0, 0, NULL,
		"a Java object of no known class"},
	{"unknown_sealed_object_sealAlg.jceks", "12345678", 0, 0, 0, 1, 0, 0, NULL,
		"a secret key, unknown seal"},
	{"unknown_type_inside_sealed_object.jceks", "12345678", 0, 0, 0, 1, 0, 0, NULL,
		"a secret key of no known kind"},
};

static void note_count(const char *sentence, void *ctx)
{
	size_t *count = ctx;
	CHECK("a note is a sentence", sentence[0] != '\0');
	(*count)++;
}

static void row_check(const struct row *row, struct bytes file)
{
	struct p12 p12 = {0};
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	size_t notes = 0;
	struct keystore_key_passphrase own = {"PRIVATE", bytes_text(row->key_password)};
	struct p12_rules rules = {.note = note_count, .ctx = &notes};
	struct bytes password = bytes_text(row->password);
	if (row->key_password != NULL) {
		CHECK(row->file, jks_read(file, password, &rules, &p12, &error) == ERR_DENIED);
		CHECK(row->file, strstr(error.sentence, "--key-passphrase") != NULL);
		rules.key_passphrases = &own;
		rules.key_passphrase_count = 1;
		notes = 0;
	}
	enum err err = jks_read(file, password, &rules, &p12, &error);
	if (err != ERR_OK) {
		(void)printf("%s: %s, '%s'\n", row->file, err_name(err), error.sentence);
	}
	REQUIRE(row->file, err == ERR_OK);
	CHECK(row->file, p12.key_count == row->keys);
	CHECK(row->file, p12.cert_count == row->certs);
	CHECK(row->file, p12.unknown_bags == row->secrets && notes == row->secrets);
	REQUIRE(row->file, store_build(&p12, &rules, &keystore, &error) == ERR_OK);
	size_t usable = 0;
	size_t anchors = 0;
	size_t untrusted = 0;
	for (size_t i = 0; i < keystore_count(keystore); i++) {
		struct keystore_entry entry = keystore_at(keystore, i);
		if (entry.kind != KEYSTORE_KEY) {
			anchors += entry.kind == KEYSTORE_ANCHOR ? 1 : 0;
			untrusted += entry.kind == KEYSTORE_OTHER ? 1 : 0;
			continue;
		}
		usable += entry.key_usable ? 1 : 0;
		CHECK(row->file, entry.chain_count > 0);
	}
	CHECK(row->file, usable == row->usable);
	CHECK(row->file, anchors == row->anchors && untrusted == row->untrusted);
	keystore_free(keystore);
	p12_release(&p12);
	CHECK("wrong passphrase", jks_read(file, bytes_text("not this"), &rules, &p12, &error) == ERR_DENIED);
	CHECK("never served", keystore_decode(file, password, &keystore, &error) == ERR_MALFORMED);
}

/* The last byte is the digest's; every cut and every changed byte is one refusal: before the digest is right, nothing is parsed. */
static void cuts_and_changes(const struct row *row, const struct buf *file)
{
	const struct p12_rules rules = {0};
	struct keystore_error error = {0};
	struct p12 p12 = {0};
	for (size_t len = 0; len < file->len; len++) {
		enum err err =
			jks_read(bytes_of(file->data, len), bytes_text(row->password), &rules, &p12, &error);
		CHECK("cut", err == ERR_DENIED || err == ERR_MALFORMED);
		CHECK("cut", error.sentence[0] != '\0');
		err = jks_read_unchecked_digest(
			bytes_of(file->data, len), bytes_text(row->password), &rules, &p12, &error);
		CHECK("cut, digest not looked at", err != ERR_OK);
		CHECK("cut, digest not looked at", error.sentence[0] != '\0');
	}
	for (size_t at = 0; at < file->len; at++) {
		file->data[at] ^= 0x01;
		enum err err = jks_read(buf_bytes(file), bytes_text(row->password), &rules, &p12, &error);
		CHECK("changed", err == ERR_DENIED || err == ERR_MALFORMED);
		/* Past the digest any byte may be anything: no crash, no leak. */
		if (jks_read_unchecked_digest(
			    buf_bytes(file), bytes_text(row->password), &rules, &p12, &error) == ERR_OK) {
			p12_release(&p12);
		}
		file->data[at] ^= 0x01;
	}
}

static void allocations_fail(const struct row *row, struct bytes file)
{
	for (unsigned long n = 1;; n++) {
		struct keystore_error error = {0};
		struct keystore *keystore = NULL;
		size_t added = 0;
		REQUIRE("new", keystore_new(&keystore) == ERR_OK);
		struct keystore_import options = {
			.kind = KEYSTORE_ANCHOR, .passphrase = bytes_text(row->password)};
		test_alloc_fail_at(n);
		enum err err = keystore_import(keystore, file, &options, &added, &error);
		bool failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("nothing or all", (err == ERR_OK) == (keystore_count(keystore) > 0));
		CHECK("out of memory is said", !failed || err == ERR_OK || err == ERR_NOMEM);
		keystore_free(keystore);
		if (!failed) {
			CHECK("at last", err == ERR_OK);
			break;
		}
	}
}

/* With the flag a store whose passphrase is lost gives its certificates; keys stay shut. */
static void passphrase_lost(struct bytes certs, struct bytes keys)
{
	struct keystore_error error = {0};
	struct p12 p12 = {0};
	size_t notes = 0;
	const struct p12_rules rules = {.insecure_no_mac = true, .note = note_count, .ctx = &notes};
	CHECK("lost", jks_read(certs, BYTES_NONE, &rules, &p12, &error) == ERR_OK);
	CHECK("lost", p12.cert_count == 3 && notes == 1);
	p12_release(&p12);
	CHECK("lost", jks_read(keys, BYTES_NONE, &rules, &p12, &error) == ERR_DENIED);
	CHECK("lost", strstr(error.sentence, "does not open with the passphrase of the file") != NULL);
}

static const struct row *row_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (strcmp(rows[i].file, name) == 0) {
			return &rows[i];
		}
	}
	test_abort();
	return NULL;
}

static struct buf file_of(const char *name)
{
	char path[256];
	struct buf file = BUF_INIT(FILE_MAX);
	(void)snprintf(path, sizeof(path), "jks/%s", name);
	REQUIRE(name, file_read(test_path(test_data(), path), FILE_MAX, &file) == ERR_OK);
	return file;
}

int main(void)
{
	if (test_data() == NULL) {
		test_skip("no test data beside the source tree ($LOCKGATE_TESTDATA)");
	}
	REQUIRE("crypto", crypto_init() == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf file = file_of(rows[i].file);
		row_check(&rows[i], buf_bytes(&file));
		buf_release(&file);
	}
	static const char *const closely[] = {"custom_entry_passwords.jceks", "RSA1024.jks", "AES128.jceks"};
	for (size_t i = 0; i < ARRAY_COUNT(closely); i++) {
		struct buf file = file_of(closely[i]);
		cuts_and_changes(row_of(closely[i]), &file);
		buf_release(&file);
	}
	struct buf certs = file_of("3certs.jks");
	struct buf keys = file_of("RSA2048_3certs.jceks");
	allocations_fail(row_of("3certs.jks"), buf_bytes(&certs));
	allocations_fail(row_of("RSA2048_3certs.jceks"), buf_bytes(&keys));
	passphrase_lost(buf_bytes(&certs), buf_bytes(&keys));
	buf_release(&certs);
	buf_release(&keys);
	(void)printf("%zu files\n", ARRAY_COUNT(rows));
	crypto_cleanup();
	return test_result();
}
