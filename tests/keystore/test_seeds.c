/*
 * test_seeds.c - the fuzzers' own seeds (tests/fuzz/make-import-seeds) as files to import: each old cipher, BER, JKS and
 *                JCEKS, without files of others. Cut at every byte, changed at every byte, wrong passphrases, and each
 *                allocation failing once.
 * Owns:    nothing.
 * Never:   needs openssl or keytool.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "keystore/store.h"
#include "tests/test.h"

#define FILE_MAX (1u << 20)

static const struct row {
	const char *file, *passphrase;
	size_t keys, certs, unknown;
	bool no_mac; /* there is none */
	enum err want;
} rows[] = {
	{"p12-pbe-sha1-3des", "x", 0, 1, 0, false, ERR_OK},
	{"p12-pbe-sha1-2des", "x", 0, 1, 0, false, ERR_OK},
	{"p12-pbe-sha1-rc2-128", "x", 0, 1, 0, false, ERR_OK},
	{"p12-pbe-sha1-rc2-40", "x", 0, 1, 0, false, ERR_OK},
	{"p12-pbe-md5-des", "x", 0, 1, 0, false, ERR_OK},
	{"p12-pbe-sha1-des", "x", 0, 1, 0, false, ERR_OK},
	{"p12-aes-256-cbc", "x", 0, 1, 0, false, ERR_OK},
	{"p12-des-ede3-cbc", "x", 0, 1, 0, false, ERR_OK},
	{"p12-des-cbc", "x", 0, 1, 0, false, ERR_OK},
	{"p12-rc2-cbc", "x", 0, 1, 0, false, ERR_OK},
	{"p12-none", "x", 0, 1, 0, false, ERR_OK},
	{"p12-empty-passphrase", "", 0, 1, 0, false, ERR_OK},
	{"p12-pbe-sha1-rc4-128", "x", 0, 0, 0, false, ERR_UNSUPPORTED},
	{"p12-ber", "x", 0, 1, 0, true, ERR_OK},
	{"jks-trusted", "changeit", 0, 1, 0, false, ERR_OK},
	{"jceks-trusted", "changeit", 0, 1, 0, false, ERR_OK},
	{"jceks-secret", "changeit", 0, 1, 1, false, ERR_OK},
	{"feedfeed-key", "x", 1, 1, 0, false, ERR_OK},
	{"feedfeed-sun", "x", 1, 1, 0, false, ERR_OK},
	{"feedfeed-own", "x", 0, 0, 0, false, ERR_DENIED},
	{"cececece-key", "x", 1, 1, 0, false, ERR_OK},
	{"cececece-sun", "x", 1, 1, 0, false, ERR_OK},
	{"cececece-own", "x", 0, 0, 0, false, ERR_DENIED},
};

static enum err read_any(
	struct bytes file, const char *passphrase, bool no_mac, struct p12 *out, struct keystore_error *error)
{
	const struct p12_rules rules = {.insecure_no_mac = no_mac};
	bool jceks = false;
	return jks_looks_like(file, &jceks)
		       ? jks_read(file, bytes_text(passphrase), &rules, out, error)
		       : p12_read_import(file, bytes_text(passphrase), &rules, out, error);
}

static void accept_and_refuse(const struct row *row, struct bytes file)
{
	struct keystore_error error = {0};
	struct p12 p12 = {0};
	enum err err = read_any(file, row->passphrase, row->no_mac, &p12, &error);
	CHECK(row->file, err == row->want);
	CHECK(row->file, p12.key_count == row->keys && p12.cert_count == row->certs);
	CHECK(row->file, p12.unknown_bags == row->unknown);
	CHECK(row->file, err == ERR_OK || error.sentence[0] != '\0');
	if (err == ERR_OK) {
		struct keystore *keystore = NULL;
		const struct p12_rules rules = {0};
		CHECK(row->file, store_build(&p12, &rules, &keystore, &error) == ERR_OK);
		keystore_free(keystore);
	}
	p12_release(&p12);
	if (row->no_mac) {
		CHECK("no MAC", read_any(file, row->passphrase, false, &p12, &error) == ERR_INVALID);
	} else {
		CHECK("wrong passphrase", read_any(file, "wrong", false, &p12, &error) == ERR_DENIED);
		CHECK("no passphrase",
			row->passphrase[0] == '\0' || read_any(file, "", false, &p12, &error) == ERR_DENIED);
	}
}

static void cut_and_change(const struct row *row, const struct buf *file)
{
	struct keystore_error error = {0};
	struct p12 p12 = {0};
	for (size_t len = 0; len < file->len; len++) {
		enum err err =
			read_any(bytes_of(file->data, len), row->passphrase, row->no_mac, &p12, &error);
		CHECK("cut", err != ERR_OK && err != ERR_NOMEM && error.sentence[0] != '\0');
		p12_release(&p12);
	}
	for (size_t at = 0; at < file->len; at++) {
		file->data[at] ^= 0x20;
		enum err err = read_any(buf_bytes(file), row->passphrase, row->no_mac, &p12, &error);
		CHECK("changed", err == ERR_OK || error.sentence[0] != '\0');
		p12_release(&p12);
		file->data[at] ^= 0x20;
	}
}

static void allocations_fail(const struct row *row, struct bytes file)
{
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		struct keystore_error error = {0};
		struct p12 p12 = {0};
		test_alloc_fail_at(n);
		enum err err = read_any(file, row->passphrase, row->no_mac, &p12, &error);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK(row->file, err == (failed ? ERR_NOMEM : row->want) || (failed && err == row->want));
		CHECK("nothing is left behind", err == ERR_OK || (p12.keys == NULL && p12.certs == NULL));
		p12_release(&p12);
	}
}

int main(int argc, char **argv)
{
	REQUIRE("folder of the seeds", argc == 2);
	REQUIRE("crypto", crypto_init() == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf file = BUF_INIT(FILE_MAX);
		REQUIRE(rows[i].file, file_read(test_path(argv[1], rows[i].file), FILE_MAX, &file) == ERR_OK);
		accept_and_refuse(&rows[i], buf_bytes(&file));
		cut_and_change(&rows[i], &file);
		allocations_fail(&rows[i], buf_bytes(&file));
		buf_release(&file);
	}
	crypto_cleanup();
	return test_result();
}
