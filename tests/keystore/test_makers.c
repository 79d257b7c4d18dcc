/*
 * test_makers.c - PKCS#12 files of other makers: an import finds in each what OpenSSL finds in it, and refuses what
 *                 OpenSSL refuses; of those, a channel serves from the ones that are sealed well. None crashes.
 * Owns:    nothing.
 * Never:   copies the files: they stand beside the source tree, or the test is skipped.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "keystore/pkcs12.h"
#include "tests/test.h"

enum {
	COLUMN_FILE,
	COLUMN_OPENS,
	COLUMN_PASSWORD,
	COLUMN_KEYS,
	COLUMN_CERTS,
	COLUMN_MAC,
	COLUMN_BAGS,
	COLUMN_COUNT
};

/* Splits a line at tabs, in place. */
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

static bool has(const char *text, const char *word)
{
	return strstr(text, word) != NULL;
}

/* What a channel serves from: a MAC of the SHA family or PBMAC1, bags that are plain or sealed by PBES2 with AES. */
static bool served(char *const columns[COLUMN_COUNT])
{
	const char *mac = columns[COLUMN_MAC];
	return strcmp(columns[COLUMN_OPENS], "opens") == 0 &&
	       (strncmp(mac, "sha", 3) == 0 || strncmp(mac, "PBMAC1", 6) == 0) &&
	       !has(columns[COLUMN_BAGS], "pbeWith") && !has(columns[COLUMN_BAGS], "RC2") &&
	       !has(columns[COLUMN_BAGS], "legacy");
}

/* --- the same contents as OpenSSL lists --- */

struct listed {
	struct buf pem;
	size_t certs, keys;           /* that it listed */
	size_t certs_same, keys_same; /* of them, that we have as well */
};

static bool openssl_there(void)
{
	return system("openssl version >/dev/null 2>&1") == 0;
}

/* The MAC is left to us where it can be: the openssl of a machine may be too old for PBMAC1. */
static bool openssl_lists(const char *path, const char *password, const char *out)
{
	static const char *const modes[] = {"-nomacver", ""};
	bool listed = false;
	(void)setenv("LOCKGATE_TEST_PASSWORD", password, 1);
	for (size_t i = 0; i < ARRAY_COUNT(modes) && !listed; i++) {
		char line[2048];
		(void)snprintf(line, sizeof(line),
			"openssl pkcs12 -in '%s' -passin env:LOCKGATE_TEST_PASSWORD -nodes -legacy %s -out "
			"'%s' "
			">/dev/null 2>&1 </dev/null",
			path, modes[i], out);
		listed = system(line) == 0;
	}
	return listed;
}

static bool cert_have(const struct p12 *p12, struct bytes der)
{
	for (size_t i = 0; i < p12->cert_count; i++) {
		if (bytes_equal(bytes_of(p12->certs[i].der, p12->certs[i].der_len), der)) {
			return true;
		}
	}
	return false;
}

/* The same private key: the same octets, or (OpenSSL may write it anew) one with the same public half. */
static bool key_have(const struct p12 *p12, struct bytes pkcs8)
{
	bool found = false;
	for (size_t i = 0; i < p12->key_count && !found; i++) {
		struct buf theirs = BUF_INIT(1 << 16);
		struct buf ours = BUF_INIT(1 << 16);
		enum key_kind kind = KEY_RSA;
		struct bytes mine = secret_bytes(&p12->keys[i].pkcs8);
		found = bytes_equal(mine, pkcs8) ||
			(key_public(pkcs8, &kind, &theirs) == ERR_OK &&
				key_public(mine, &kind, &ours) == ERR_OK &&
				bytes_equal(buf_bytes(&ours), buf_bytes(&theirs)));
		buf_release(&theirs);
		buf_release(&ours);
	}
	return found;
}

static void contents_compare(
	const char *name, const char *path, const char *password, const struct p12 *p12, struct listed *total)
{
	const char *out = test_path(test_folder(), "listed.pem");
	struct buf pem = BUF_INIT(1 << 22);
	struct buf der = BUF_INIT(1 << 20);
	(void)unlink(out);
	if (!openssl_lists(path, password, out) || file_read(out, 1 << 22, &pem) != ERR_OK) {
		(void)printf("%s: this openssl cannot list it\n", name);
		buf_release(&pem);
		return;
	}
	struct bytes text = buf_bytes(&pem);
	struct bytes label = BYTES_NONE;
	while (pem_next(&text, &label, &der) == ERR_OK) {
		if (bytes_equal_text(label, "CERTIFICATE")) {
			total->certs++;
			total->certs_same += cert_have(p12, buf_bytes(&der)) ? 1 : 0;
			CHECK(name, cert_have(p12, buf_bytes(&der)));
		} else if (bytes_equal_text(label, "PRIVATE KEY")) {
			total->keys++;
			total->keys_same += key_have(p12, buf_bytes(&der)) ? 1 : 0;
			CHECK(name, key_have(p12, buf_bytes(&der)));
		}
		der.len = 0;
	}
	buf_release(&der);
	buf_release(&pem);
}

/* --- one row --- */

struct totals {
	unsigned imported, served, refused;
	bool openssl;
	struct listed listed;
};

static void opens_check(
	char *const columns[COLUMN_COUNT], struct bytes file, const char *path, struct totals *totals)
{
	const char *name = columns[COLUMN_FILE];
	struct bytes password = bytes_text(columns[COLUMN_PASSWORD]);
	struct keystore_error error = {0};
	struct p12 p12 = {0};
	bool no_mac = has(columns[COLUMN_MAC], "absent");
	struct p12_rules rules = {0};
	if (no_mac) {
		CHECK(name, p12_read_import(file, password, &rules, &p12, &error) == ERR_INVALID);
		CHECK(name, has(error.sentence, "--insecure-no-mac"));
		rules.insecure_no_mac = true;
	}
	enum err err = p12_read_import(file, password, &rules, &p12, &error);
	CHECK(name, err == ERR_OK);
	if (err != ERR_OK) {
		(void)printf("%s: %s, '%s'\n", name, err_name(err), error.sentence);
		return;
	}
	CHECK(name, p12.key_count == strtoul(columns[COLUMN_KEYS], NULL, 10));
	CHECK(name, p12.cert_count == strtoul(columns[COLUMN_CERTS], NULL, 10));
	if (totals->openssl) {
		contents_compare(name, path, columns[COLUMN_PASSWORD], &p12, &totals->listed);
	}
	totals->imported++;
	p12_release(&p12);
	CHECK("wrong passphrase", no_mac || p12_read_import(file, bytes_text("not this one"), &rules, &p12,
						    &error) == ERR_DENIED);
	p12_release(&p12);
	err = p12_read(file, password, &p12, &error);
	CHECK(name, (err == ERR_OK) == served(columns));
	CHECK(name, err == ERR_OK || error.sentence[0] != '\0');
	totals->served += err == ERR_OK ? 1 : 0;
	p12_release(&p12);
}

/* What OpenSSL refuses stays refused, also with the passwords that its sisters have. */
static void refused_check(const char *name, struct bytes file)
{
	static const char *const passwords[] = {
		"", "1234", "password", "changeit", "Red Hat Enterprise Linux 7.4", "test"};
	const struct p12_rules rules = {.insecure_no_mac = true};
	for (size_t i = 0; i < ARRAY_COUNT(passwords); i++) {
		struct keystore_error error = {0};
		struct p12 p12 = {0};
		CHECK(name, p12_read_import(file, bytes_text(passwords[i]), &rules, &p12, &error) != ERR_OK);
		CHECK(name, error.sentence[0] != '\0');
		p12_release(&p12);
		CHECK(name, p12_read(file, bytes_text(passwords[i]), &p12, &error) != ERR_OK);
		p12_release(&p12);
	}
}

/* The whole way as well, also past a MAC that is absent or of another kind: no crash, no leak. */
static void whole_way(struct bytes file, struct bytes password)
{
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	const struct p12_rules rules = {0};
	struct p12 p12 = {0};
	enum err err = keystore_decode(file, password, &keystore, &error);
	CHECK("whole way", (keystore != NULL) == (err == ERR_OK));
	if (err == ERR_OK && keystore_unknown_bags(keystore) > 0) {
		struct buf again = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
		CHECK("what we cannot write again is not lost",
			keystore_encode(keystore, password, &again, &error) == ERR_UNSUPPORTED &&
				again.len == 0);
		buf_release(&again);
	}
	keystore_free(keystore);
	if (p12_read_unchecked_mac(file, password, NULL, &p12, &error) == ERR_OK) {
		p12_release(&p12);
	}
	if (p12_read_unchecked_mac(file, password, &rules, &p12, &error) == ERR_OK) {
		p12_release(&p12);
	}
}

static void row_check(char *const columns[COLUMN_COUNT], struct totals *totals)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "pkcs12/%s", columns[COLUMN_FILE]);
	const char *name = columns[COLUMN_FILE];
	const char *full = test_path(test_data(), path);
	struct buf file = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	REQUIRE(name, file_read(full, KEYSTORE_FILE_BYTES_MAX, &file) == ERR_OK);
	if (strcmp(columns[COLUMN_OPENS], "opens") == 0) {
		opens_check(columns, buf_bytes(&file), full, totals);
	} else {
		refused_check(name, buf_bytes(&file));
		totals->refused++;
	}
	whole_way(buf_bytes(&file), bytes_text(columns[COLUMN_PASSWORD]));
	buf_release(&file);
}

int main(void)
{
	if (test_data() == NULL) {
		test_skip("no test data beside the source tree ($LOCKGATE_TESTDATA)");
	}
	struct buf manifest = BUF_INIT(1 << 20);
	const char *text = NULL;
	struct totals totals = {.openssl = openssl_there()};
	REQUIRE("crypto", crypto_init() == ERR_OK);
	REQUIRE("manifest",
		file_read(test_path(test_data(), "pkcs12/manifest.tsv"), 1 << 20, &manifest) == ERR_OK);
	REQUIRE("manifest", buf_text(&manifest, &text) == ERR_OK);
	char *save = NULL;
	char *line = strtok_r((char *)manifest.data, "\n", &save);
	while (line != NULL && (line = strtok_r(NULL, "\n", &save)) != NULL) {
		char *columns[COLUMN_COUNT];
		columns_split(line, columns);
		row_check(columns, &totals);
	}
	(void)printf(
		"%u imported, %u of them served, %u refused; openssl listed %zu certificates and %zu keys, "
		"of which we have %zu and %zu\n",
		totals.imported, totals.served, totals.refused, totals.listed.certs, totals.listed.keys,
		totals.listed.certs_same, totals.listed.keys_same);
	CHECK("every file that OpenSSL opens", totals.imported >= 91);
	CHECK("every file that OpenSSL refuses", totals.refused >= 32);
	buf_release(&manifest);
	crypto_cleanup();
	return test_result();
}
