/*
 * test_boringssl_parts.c - BoringSSL's tests of parts: certificates that must not parse, names that are equal, name constraints,
 *                          signatures, certificate policies, path building. The data says what is expected; where only its
 *                          code did, the row here says it.
 * Goal:    nothing that it refuses is accepted but what the tables say, with the reason.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/pem.h"
#include "tests/x509/pki.h"
#include "x509/internal.h"

#define FILE_BYTES_MAX (4u * 1024u * 1024u)
#define BLOCKS_MAX     16u
#define FILES_MAX      128u

/* --- a file of named blocks --- */

struct block {
	char label[48];
	struct buf der;
};
struct blocks {
	struct block items[BLOCKS_MAX];
	size_t count;
};

/* Blocks that are no base64 (ERRORS are words) count as there, and empty. */
static struct blocks blocks_read(const char *path)
{
	struct blocks blocks = {.count = 0};
	struct buf content = BUF_INIT(FILE_BYTES_MAX);
	const char *text = "";
	REQUIRE(path,
		file_read(path, FILE_BYTES_MAX, &content) == ERR_OK && buf_text(&content, &text) == ERR_OK);
	for (const char *at = strstr(text, "-----BEGIN "); at != NULL && blocks.count < BLOCKS_MAX;
		at = strstr(at + 1, "-----BEGIN ")) {
		const char *from = strchr(at, '\n');
		const char *to = from == NULL ? NULL : strstr(from, "-----END ");
		if ((at != text && at[-1] != '\n') || to == NULL) {
			continue; /* quoted in a comment */
		}
		struct block *block = &blocks.items[blocks.count++];
		(void)snprintf(
			block->label, sizeof(block->label), "%.*s", (int)strcspn(at + 11, "-"), at + 11);
		block->der = BUF_INIT(FILE_BYTES_MAX);
		if (base64_decode(bytes_of(from + 1, (size_t)(to - from - 1)), &block->der) != ERR_OK) {
			block->der.len = 0;
		}
	}
	buf_release(&content);
	return blocks;
}

static void blocks_release(struct blocks *blocks)
{
	for (size_t i = 0; i < blocks->count; i++) {
		buf_release(&blocks->items[i].der);
	}
}

static bool has_block(const struct blocks *blocks, const char *label)
{
	for (size_t i = 0; i < blocks->count; i++) {
		if (strcmp(blocks->items[i].label, label) == 0) {
			return true;
		}
	}
	return false;
}

static struct bytes block_of(const struct blocks *blocks, const char *label)
{
	for (size_t i = 0; i < blocks->count; i++) {
		if (strcmp(blocks->items[i].label, label) == 0) {
			return buf_bytes(&blocks->items[i].der);
		}
	}
	return BYTES_NONE;
}

struct files {
	char names[FILES_MAX][96];
	size_t count;
};

static struct files files_of(const char *folder)
{
	struct files files = {.count = 0};
	DIR *dir = opendir(folder);
	REQUIRE(folder, dir != NULL);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		const char *dot = strrchr(entry->d_name, '.');
		if (dot != NULL && strcmp(dot, ".pem") == 0 && files.count < FILES_MAX) {
			(void)snprintf(
				files.names[files.count++], sizeof(files.names[0]), "%.90s", entry->d_name);
		}
	}
	(void)closedir(dir);
	return files;
}

struct difference {
	const char *file, *why;
};

static bool is_in(const struct difference *table, size_t count, const char *file)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(table[i].file, file) == 0) {
			return true;
		}
	}
	return false;
}

/* --- certificates --- */

/* Parsed here although the suite's parser refuses. */
static const struct difference parsed[] = {
	{"bad_policy_qualifiers.pem", "RFC 5280 4.2.1.4: the verdict refuses it (policy.c)"},
	{"policy_qualifiers_empty_sequence.pem", "as above"},
	{"policy_constraints_empty.pem", "RFC 5280 4.2.1.11: the verdict refuses it (policy.c)"},
	{"name_constraints_bad_ip.pem", "RFC 5280 4.2.1.10: the verdict refuses it (constraints.c)"},
	{"subject_blank_subjectaltname_not_critical.pem",
		"RFC 5280 4.1.2.6: the verdict refuses it (judge.c)"},
	{"basic_constraints_pathlen_256.pem", "RFC 5280 4.2.1.9 knows no such limit"},
	{"serial_negative.pem", "RFC 5280 4.1.2.2: to be handled gracefully; it identifies as well as any"},
	{"serial_zero.pem", "as above"},
	{"issuer_bad_printable_string.pem",
		"RFC 5280 7.1: text that is none equals only itself, octet by octet, and matches no pattern"},
	{"subject_not_ascii.pem", "as above"},
	{"subject_not_printable_string.pem", "as above"},
};
/* Not parsed here although the suite's parser takes it. */
static const struct difference not_parsed[] = {
	{"cert_skeleton.pem", "a shell around nothing: only its three parts are taken apart there"},
	{"cert_version3.pem", "X.690 11.5: cA FALSE is written out"},
	{"basic_constraints_ca_false.pem", "as above"},
	{"failed_signature_algorithm.pem", "RFC 4055 5: RSA parameters are NULL or absent"},
	{"signature_algorithm_null.pem", "as above"},
	{"subject_printable_string_containing_utf8_client_cert.pem",
		"X.690 11.2.2: keyUsage ends in a zero bit"},
};

static void test_certificates(const char *folder)
{
	struct files files = files_of(folder);
	unsigned agree = 0;
	unsigned all = 0;
	for (size_t i = 0; i < files.count; i++) {
		struct blocks blocks = blocks_read(test_path(folder, files.names[i]));
		struct bytes der = block_of(&blocks, "CERTIFICATE");
		struct cert *cert = NULL;
		struct x509_error error = {.what = ""};
		if (has_block(&blocks, "CERTIFICATE")) {
			bool want = !has_block(&blocks, "ERRORS");
			bool is = cert_parse(der, &cert, &error) == ERR_OK;
			bool listed = is ? is_in(parsed, ARRAY_COUNT(parsed), files.names[i])
					 : is_in(not_parsed, ARRAY_COUNT(not_parsed), files.names[i]);
			if (is != want && !listed) {
				printf("%s: %s, %s\n", files.names[i], is ? "parsed" : "not parsed",
					error.what);
			}
			CHECK(files.names[i], is == want || listed);
			all++;
			agree += is == want ? 1 : 0;
		}
		cert_unref(cert);
		blocks_release(&blocks);
	}
	printf("BoringSSL certificates: %u of %u as expected\n", agree, all);
}

/* --- names --- */

/* What a file's name is equal to: the files of one class are equal to each other and to no other's. */
static const char *name_class(const char *file)
{
	static const char *const endings[] = {"-dupe_attr.pem", "-extra_attr.pem", "-extra_rdn.pem"};
	if (strncmp(file, "invalid-", 8) == 0) {
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
		size_t len = strlen(endings[i]);
		if (strlen(file) > len && strcmp(file + strlen(file) - len, endings[i]) == 0) {
			return endings[i];
		}
	}
	return strstr(file, "rdn_dupetype_sorting") != NULL ? "dupetype"
	       : strstr(file, "rdn_sorting") != NULL        ? "sorting"
	       : strncmp(file, "ascii-", 6) == 0            ? "ascii"
	       : strncmp(file, "unicode_bmp", 11) == 0      ? "bmp"
	       : strncmp(file, "unicode_sup", 11) == 0      ? "supplementary"
	       : strncmp(file, "unicode-mixed", 13) == 0    ? "mixed"
							    : file;
}

static void test_names(const char *folder)
{
	struct files files = files_of(folder);
	struct blocks *all = calloc(files.count + 1, sizeof(*all));
	unsigned pairs = 0;
	unsigned agree = 0;
	REQUIRE("memory", all != NULL);
	for (size_t i = 0; i < files.count; i++) {
		all[i] = blocks_read(test_path(folder, files.names[i]));
		REQUIRE(files.names[i], all[i].count == 1);
	}
	for (size_t i = 0; i < files.count; i++) {
		for (size_t j = 0; j < files.count; j++) {
			const char *a = name_class(files.names[i]);
			const char *b = name_class(files.names[j]);
			bool want = a != NULL && b != NULL && strcmp(a, b) == 0;
			bool is = x509_name_equal(
				buf_bytes(&all[i].items[0].der), buf_bytes(&all[j].items[0].der));
			pairs++;
			agree += is == want ? 1 : 0;
			if (is != want) {
				printf("%s and %s: %s\n", files.names[i], files.names[j],
					is ? "equal" : "different");
			}
			CHECK(files.names[i], want || !is); /* never equal that should not be */
			CHECK(files.names[i], is == want);
		}
	}
	printf("BoringSSL names: %u of %u pairs as expected\n", agree, pairs);
	for (size_t i = 0; i < files.count; i++) {
		blocks_release(&all[i]);
	}
	free(all);
}

/* --- signatures --- */

static const struct {
	const char *file;
	bool good; /* in the suite */
	bool ours;
	const char *why;
} signatures[] = {
	{"ecdsa-prime256v1-sha512-spki-params-null.pem", false, false, ""},
	{"ecdsa-prime256v1-sha512-unused-bits-signature.pem", false, false, ""},
	{"ecdsa-prime256v1-sha512-using-ecdh-key.pem", false, false, ""},
	{"ecdsa-prime256v1-sha512-using-ecmqv-key.pem", false, false, ""},
	{"ecdsa-prime256v1-sha512-using-rsa-algorithm.pem", false, false, ""},
	{"ecdsa-prime256v1-sha512-wrong-signature-format.pem", false, false, ""},
	{"ecdsa-prime256v1-sha512.pem", true, true, ""},
	{"ecdsa-secp384r1-sha256-corrupted-data.pem", false, false, ""},
	{"ecdsa-secp384r1-sha256.pem", true, true, ""},
	{"ecdsa-using-rsa-key.pem", false, false, ""},
	{"mldsa-44-spki-params-null.pem", false, false, ""},
	{"mldsa-44.pem", true, false, "ML-DSA is not supported"},
	{"mldsa-65-spki-params-null.pem", false, false, ""},
	{"mldsa-65.pem", true, false, "ML-DSA is not supported"},
	{"mldsa-87-spki-params-null.pem", false, false, ""},
	{"mldsa-87.pem", true, false, "ML-DSA is not supported"},
	{"rsa-pkcs1-sha1-bad-key-der-length.pem", false, false, ""},
	{"rsa-pkcs1-sha1-bad-key-der-null.pem", false, false, ""},
	{"rsa-pkcs1-sha1-key-params-absent.pem", false, false, ""},
	{"rsa-pkcs1-sha1-using-pss-key-no-params.pem", false, false, ""},
	{"rsa-pkcs1-sha1-wrong-algorithm.pem", false, false, ""},
	{"rsa-pkcs1-sha1.pem", true, true, "the algorithm alone: a verdict calls SHA-1 weak"},
	{"rsa-pkcs1-sha256-key-encoded-ber.pem", false, false, ""},
	{"rsa-pkcs1-sha256-spki-non-null-params.pem", false, false, ""},
	{"rsa-pkcs1-sha256-using-ecdsa-algorithm.pem", false, false, ""},
	{"rsa-pkcs1-sha256-using-id-ea-rsa.pem", false, false, ""},
	{"rsa-pkcs1-sha256.pem", true, true, ""},
	{"rsa-pss-sha256-using-pss-key-with-params.pem", false, true,
		"RFC 4055 1.2: keys that say id-RSASSA-PSS, which that library does not support, are "
		"supported"},
	{"rsa-pss-sha256-wrong-salt.pem", false, false, ""},
	{"rsa-pss-sha256.pem", true, true, ""},
	{"rsa-using-ec-key.pem", false, false, ""},
	{"rsa2048-pkcs1-sha512.pem", true, true, ""},
};

static enum err verify_signature(const struct blocks *blocks)
{
	struct wire_reader algorithm_in = wire_reader_init(block_of(blocks, "ALGORITHM"));
	struct wire_reader signature_in = wire_reader_init(block_of(blocks, "SIGNATURE"));
	struct bytes content;
	struct bytes signature;
	struct sig_algorithm algorithm;
	struct subject_key key;
	if (der_value(&algorithm_in, DER_SEQUENCE, &content) != ERR_OK ||
		algorithm_parse(content, &algorithm) != ERR_OK ||
		der_bit_octets(&signature_in, &signature) != ERR_OK ||
		spki_parse(block_of(blocks, "PUBLIC KEY"), &key) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return algorithm_verify(&algorithm, &key, block_of(blocks, "DATA"), signature);
}

static void test_signatures(const char *folder)
{
	unsigned agree = 0;
	CHECK("every file has its row", files_of(folder).count == ARRAY_COUNT(signatures));
	for (size_t i = 0; i < ARRAY_COUNT(signatures); i++) {
		struct blocks blocks = blocks_read(test_path(folder, signatures[i].file));
		bool good = verify_signature(&blocks) == ERR_OK;
		CHECK(signatures[i].file, good == signatures[i].ours);
		agree += good == signatures[i].good ? 1 : 0;
		blocks_release(&blocks);
	}
	printf("BoringSSL signatures: %u of %zu as expected\n", agree, ARRAY_COUNT(signatures));
}

/* --- certificate policies --- */

static void test_policies(const char *folder)
{
	struct files files = files_of(folder);
	struct pki root = pki_root("Root");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	unsigned agree = 0;
	for (size_t i = 0; i < files.count; i++) {
		struct blocks blocks = blocks_read(test_path(folder, files.names[i]));
		const struct x509_make_extension extension = {
			"2.5.29.32", false, block_of(&blocks, "CERTIFICATE POLICIES")};
		const struct x509_make make = {.path_length = -1,
			.client_auth = true,
			.extensions = &extension,
			.extension_count = 1};
		struct pki leaf = pki_make(&root, &make, "d", NULL);
		struct x509_answer answer =
			pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, NULL, NULL);
		bool want = strncmp(files.names[i], "invalid-", 8) != 0;
		if ((answer.verdict == X509_ACCEPT) != want) {
			printf("%s: %s\n", files.names[i], answer.sentence);
		}
		CHECK(files.names[i], (answer.verdict == X509_ACCEPT) == want);
		agree += (answer.verdict == X509_ACCEPT) == want ? 1 : 0;
		pki_free(&leaf);
		blocks_release(&blocks);
	}
	printf("BoringSSL policies: %u of %zu as expected\n", agree, files.count);
	trust_set_unref(trust);
	pki_free(&root);
}

int main(void)
{
	const char *data = test_data();
	if (data == NULL) {
		test_skip("no test data: set LOCKGATE_TESTDATA");
		return test_result();
	}
	pki_init();
	const char *folder = test_path(data, "boringssl-pki");
	test_certificates(test_path(folder, "parse_certificate_unittest"));
	test_names(test_path(test_path(folder, "verify_name_match_unittest"), "names"));
	test_signatures(test_path(folder, "verify_signed_data_unittest"));
	test_policies(test_path(folder, "certificate_policies_unittest"));
	crypto_cleanup();
	return test_result();
}
