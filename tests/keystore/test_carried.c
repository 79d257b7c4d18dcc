/*
 * test_carried.c - the command itself, over every PKCS#12 file that OpenSSL opens: what `lockgate keystore import`
 *                  leaves in our keystore has the same keys and certificates, usable or not.
 * Owns:    nothing.
 * Never:   copies the files: they stand beside the source tree, or the test is skipped. Passes a secret in an argument.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "keystore/pkcs12.h"
#include "tests/test.h"

enum { COLUMN_FILE, COLUMN_OPENS, COLUMN_PASSWORD, COLUMN_KEYS, COLUMN_CERTS, COLUMN_MAC, COLUMN_COUNT };
#define OUTPUT_MAX (1u << 20)
#define OURS       "correct horse"

static const char *lockgate, *folder;

static void columns_split(char *line, char *columns[COLUMN_COUNT])
{
	for (int i = 0; i < COLUMN_COUNT; i++) {
		static char empty[1];
		columns[i] = line != NULL ? line : empty;
		char *tab = line != NULL ? strchr(line, '\t') : NULL;
		if (tab != NULL) {
			*tab++ = '\0';
		}
		line = tab;
	}
}

/* Runs `lockgate keystore WORDS` in the test's folder; both streams are left in *out. */
static int run(const char *words, struct buf *out)
{
	char line[4096];
	const char *text = NULL;
	(void)snprintf(line, sizeof(line), "cd '%s' && '%s' keystore %s >output 2>&1 </dev/null", folder,
		lockgate, words);
	int status = system(line);
	buf_release(out);
	*out = BUF_INIT(OUTPUT_MAX);
	REQUIRE(words, file_read(test_path(folder, "output"), OUTPUT_MAX - 1, out) == ERR_OK);
	REQUIRE(words, buf_text(out, &text) == ERR_OK);
	return status;
}

static bool has(const struct buf *out, const char *word)
{
	return out->len > 0 && strstr((const char *)out->data, word) != NULL;
}

static void file_put(const char *name, const char *text)
{
	REQUIRE(name, file_write_atomic(test_path(folder, name), bytes_text(text), 0600) == ERR_OK);
}

/* Octet by octet: neither is written anew. */
static bool key_among(const struct p12 *p12, struct bytes key)
{
	for (size_t i = 0; i < p12->key_count; i++) {
		if (bytes_equal(secret_bytes(&p12->keys[i].pkcs8), key)) {
			return true;
		}
	}
	return false;
}

static const struct p12_cert *cert_among(const struct p12 *p12, struct bytes der)
{
	for (size_t i = 0; i < p12->cert_count; i++) {
		if (bytes_equal(bytes_of(p12->certs[i].der, p12->certs[i].der_len), der)) {
			return &p12->certs[i];
		}
	}
	return NULL;
}

static struct bytes der_of(const struct p12_cert *cert)
{
	return bytes_of(cert->der, cert->der_len);
}

/* Each way: nothing is lost, nothing is added. A certificate that stands in a file twice may come once. */
static void same_check(const char *name, const struct p12 *theirs, const struct p12 *ours)
{
	CHECK(name, ours->key_count == theirs->key_count);
	for (size_t i = 0; i < theirs->key_count; i++) {
		CHECK(name, key_among(ours, secret_bytes(&theirs->keys[i].pkcs8)));
	}
	for (size_t i = 0; i < theirs->cert_count; i++) {
		CHECK(name, cert_among(ours, der_of(&theirs->certs[i])) != NULL);
	}
	for (size_t i = 0; i < ours->cert_count; i++) {
		CHECK(name, cert_among(theirs, der_of(&ours->certs[i])) != NULL);
	}
}

struct totals {
	struct buf empty_store;
	unsigned carried, empty, kept_keys, kept_certs;
};

/* What is kept is listed as such, served by nobody, trusted by nobody, and still joined to its key. */
static void kept_check(const char *name, const struct keystore *keystore, const struct p12 *ours,
	const struct buf *listed, struct totals *totals)
{
	size_t kept = 0;
	for (size_t i = 0; i < keystore_count(keystore); i++) {
		struct keystore_entry entry = keystore_at(keystore, i);
		size_t index = 0;
		if (entry.kind != KEYSTORE_KEPT) {
			continue;
		}
		kept++;
		totals->kept_keys += entry.kept_key ? 1 : 0;
		totals->kept_certs += entry.kept_key ? 0 : 1;
		CHECK(name, entry.kept_why[0] != '\0' && has(listed, entry.kept_why));
		CHECK(name, !keystore_identity(keystore, entry.alias, &index));
		if (!entry.kept_key) {
			const struct p12_cert *cert = cert_among(ours, entry.kept_der);
			CHECK(name, cert != NULL && !cert->attributes.trusted);
		}
	}
	CHECK(name, (kept > 0) == has(listed, ": kept, not usable: "));
}

static void row_check(char *const columns[COLUMN_COUNT], struct totals *totals)
{
	const char *name = columns[COLUMN_FILE];
	bool no_mac = strstr(columns[COLUMN_MAC], "absent") != NULL;
	const char *spec = columns[COLUMN_PASSWORD][0] == '\0' ? "none" : "file:theirs";
	char path[256];
	char words[2048];
	struct buf out = BUF_INIT(OUTPUT_MAX);
	struct buf file = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct p12 theirs = {0};
	struct p12 ours = {0};
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	const struct p12_rules rules = {.insecure_no_mac = no_mac};
	(void)snprintf(path, sizeof(path), "pkcs12/%s", name);
	REQUIRE(name, file_read(test_path(test_data(), path), KEYSTORE_FILE_BYTES_MAX, &file) == ERR_OK);
	REQUIRE(name, p12_read_import(buf_bytes(&file), bytes_text(columns[COLUMN_PASSWORD]), &rules, &theirs,
			      &error) == ERR_OK);
	CHECK(name, theirs.key_count == strtoul(columns[COLUMN_KEYS], NULL, 10));
	CHECK(name, theirs.cert_count == strtoul(columns[COLUMN_CERTS], NULL, 10));
	file_put("theirs", columns[COLUMN_PASSWORD]);
	REQUIRE(name, file_write_atomic(test_path(folder, "k.p12"), buf_bytes(&totals->empty_store), 0600) ==
			      ERR_OK);
	/* A file that brings a self-signed CA wants a word of trust; those that are none become what they are. */
	int status = 1;
	for (int anchor = 0; anchor < 2 && status != 0; anchor++) {
		(void)snprintf(words, sizeof(words),
			"import k.p12 '%s' --passphrase file:ours --source-passphrase %s%s%s",
			test_path(test_data(), path), spec, no_mac ? " --insecure-no-mac" : "",
			anchor != 0 ? " --anchor" : "");
		status = run(words, &out);
	}
	if (theirs.key_count + theirs.cert_count == 0) {
		/* Empty by the manifest: the one exception, refused since nothing would be left of it. */
		CHECK(name, status != 0 && has(&out, "holds nothing"));
		totals->empty++;
		goto out;
	}
	CHECK(name, status == 0);
	if (status != 0) {
		(void)printf("%s: %s\n", name, (const char *)out.data);
		goto out;
	}
	file.len = 0;
	REQUIRE(name, file_read(test_path(folder, "k.p12"), KEYSTORE_FILE_BYTES_MAX, &file) == ERR_OK);
	REQUIRE(name, p12_read(buf_bytes(&file), bytes_text(OURS), &ours, &error) == ERR_OK);
	same_check(name, &theirs, &ours);
	REQUIRE(name, keystore_decode(buf_bytes(&file), bytes_text(OURS), &keystore, &error) == ERR_OK);
	CHECK(name, run("list k.p12 --passphrase file:ours", &out) == 0);
	kept_check(name, keystore, &ours, &out, totals);
	totals->carried++;
out:
	keystore_free(keystore);
	p12_release(&theirs);
	p12_release(&ours);
	buf_release(&file);
	buf_release(&out);
}

int main(int argc, char **argv)
{
	if (test_data() == NULL) {
		test_skip("no test data beside the source tree ($LOCKGATE_TESTDATA)");
	}
	REQUIRE("the command is an argument", argc == 2);
	lockgate = argv[1];
	folder = test_folder();
	struct buf manifest = BUF_INIT(1 << 20);
	const char *text = NULL;
	struct totals totals = {.empty_store = BUF_INIT(OUTPUT_MAX)};
	struct buf out = BUF_INIT(OUTPUT_MAX);
	REQUIRE("crypto", crypto_init() == ERR_OK);
	REQUIRE("manifest",
		file_read(test_path(test_data(), "pkcs12/manifest.tsv"), 1 << 20, &manifest) == ERR_OK);
	REQUIRE("manifest", buf_text(&manifest, &text) == ERR_OK);
	file_put("ours", OURS);
	REQUIRE("create", run("create empty.p12 --passphrase file:ours", &out) == 0);
	REQUIRE("create",
		file_read(test_path(folder, "empty.p12"), OUTPUT_MAX, &totals.empty_store) == ERR_OK);
	char *save = NULL;
	char *line = strtok_r((char *)manifest.data, "\n", &save);
	while (line != NULL && (line = strtok_r(NULL, "\n", &save)) != NULL) {
		char *columns[COLUMN_COUNT];
		columns_split(line, columns);
		if (strcmp(columns[COLUMN_OPENS], "opens") == 0) {
			row_check(columns, &totals);
		}
	}
	(void)printf(
		"%u imported with the same keys and certificates, %u empty; kept, not usable: %u keys, %u "
		"certificates\n",
		totals.carried, totals.empty, totals.kept_keys, totals.kept_certs);
	CHECK("every file that OpenSSL opens", totals.carried + totals.empty >= 91);
	CHECK("but for one that is empty", totals.empty == 1);
	CHECK("kept keys", totals.kept_keys == 9);
	CHECK("kept certificates", totals.kept_certs == 11);
	buf_release(&totals.empty_store);
	buf_release(&out);
	buf_release(&manifest);
	crypto_cleanup();
	return test_result();
}
