/*
 * test_makers.c - PKCS#12 files of other makers: those with algorithms that we have agree with what OpenSSL finds
 *                 in them, the others are refused; none crashes.
 * Owns:    nothing.
 * Never:   copies the files: they stand beside the source tree, or the test is skipped.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
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

/* What we read today: a MAC of the SHA family by RFC 7292, and bags that are plain or sealed by PBES2 with AES. */
static bool supported(char *const columns[COLUMN_COUNT])
{
	return strcmp(columns[COLUMN_OPENS], "opens") == 0 && strncmp(columns[COLUMN_MAC], "sha", 3) == 0 &&
	       !has(columns[COLUMN_BAGS], "pbeWith") && !has(columns[COLUMN_BAGS], "RC2") &&
	       !has(columns[COLUMN_BAGS], "legacy");
}

static bool row_check(char *const columns[COLUMN_COUNT])
{
	char path[256];
	(void)snprintf(path, sizeof(path), "pkcs12/%s", columns[COLUMN_FILE]);
	const char *name = columns[COLUMN_FILE];
	struct buf file = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct p12 p12 = {0};
	struct keystore_error error = {0};
	REQUIRE(name, file_read(test_path(test_data(), path), KEYSTORE_FILE_BYTES_MAX, &file) == ERR_OK);
	struct bytes password = bytes_text(columns[COLUMN_PASSWORD]);
	enum err err = p12_read(buf_bytes(&file), password, &p12, &error);
	bool good = supported(columns);
	CHECK(name, (err == ERR_OK) == good);
	CHECK(name, err == ERR_OK || error.sentence[0] != '\0');
	if (err == ERR_OK && good) {
		CHECK(name, p12.key_count == strtoul(columns[COLUMN_KEYS], NULL, 10));
		CHECK(name, p12.cert_count == strtoul(columns[COLUMN_CERTS], NULL, 10));
	} else if (err == ERR_OK || good) {
		(void)printf("%s: %s, '%s'\n", name, err_name(err), error.sentence);
	}
	p12_release(&p12);
	/* The whole way as well, also past a MAC that is absent or of another kind: no crash, no leak. */
	struct keystore *keystore = NULL;
	err = keystore_decode(buf_bytes(&file), password, &keystore, &error);
	CHECK(name, (keystore != NULL) == (err == ERR_OK));
	if (err == ERR_OK && keystore_unknown_bags(keystore) > 0) {
		struct buf again = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
		CHECK("what we cannot write again is not lost",
			keystore_encode(keystore, password, &again, &error) == ERR_UNSUPPORTED &&
				again.len == 0);
		buf_release(&again);
	}
	keystore_free(keystore);
	if (p12_read_unchecked_mac(buf_bytes(&file), password, &p12, &error) == ERR_OK) {
		p12_release(&p12);
	}
	buf_release(&file);
	return good;
}

int main(void)
{
	if (test_data() == NULL) {
		test_skip("no test data beside the source tree ($LOCKGATE_TESTDATA)");
	}
	struct buf manifest = BUF_INIT(1 << 20);
	const char *text = NULL;
	unsigned read = 0;
	unsigned refused = 0;
	REQUIRE("crypto", crypto_init() == ERR_OK);
	REQUIRE("manifest",
		file_read(test_path(test_data(), "pkcs12/manifest.tsv"), 1 << 20, &manifest) == ERR_OK);
	REQUIRE("manifest", buf_text(&manifest, &text) == ERR_OK);
	char *save = NULL;
	char *line = strtok_r((char *)manifest.data, "\n", &save);
	while (line != NULL && (line = strtok_r(NULL, "\n", &save)) != NULL) {
		char *columns[COLUMN_COUNT];
		columns_split(line, columns);
		if (row_check(columns)) {
			read++;
		} else {
			refused++;
		}
	}
	(void)printf("%u read, %u refused\n", read, refused);
	CHECK("the manifest was walked", read >= 30 && refused >= 60);
	buf_release(&manifest);
	crypto_cleanup();
	return test_result();
}
