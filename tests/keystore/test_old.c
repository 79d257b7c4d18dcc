/*
 * test_old.c - what only an import reads, made by hand: PBMAC1 with each of its refusals, Sun's triple DES with its
 *              slip, serialized Java objects, and what a hostile file may cost.
 * Owns:    nothing.
 * Never:   needs files of others.
 * Threads: one.
 */
#include <string.h>
#include <time.h>

#include "keystore/pkcs12.h"
#include "tests/test.h"

#define COST_SECONDS_MAX 60.0 /* of the dearest file that is let through, also under sanitizers */

/* --- PBMAC1 (RFC 9579) --- */

#define KEY_LENGTH_ABSENT 0
#define HMAC_ABSENT       OID_UNKNOWN

struct mac_row {
	const char *name;
	uint32_t iterations, key_bytes;
	size_t salt_bytes;
	enum oid kdf, prf, hmac;
	int digest_change; /* bytes added or (negative) cut; 99: one bit differs */
	const char *passphrase;
	enum err want;
	const char *word;
};
static const struct mac_row mac_rows[] = {
	{"good", 2, 32, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, 0, "x", ERR_OK, ""},
	{"SHA-512", 2, 64, 8, OID_PBKDF2, OID_HMAC_SHA512, OID_HMAC_SHA512, 0, "x", ERR_OK, ""},
	{"two hashes", 2, 32, 8, OID_PBKDF2, OID_HMAC_SHA512, OID_HMAC_SHA256, 0, "x", ERR_OK, ""},
	{"RFC 9579 5: key length min", 2, 20, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, 0, "x", ERR_OK,
		""},
	{"RFC 9579 5: key length min - 1", 2, 19, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, 0, "x",
		ERR_MALFORMED, "key length"},
	{"key length max + 1", 2, 65, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, 0, "x", ERR_MALFORMED,
		"key length"},
	{"RFC 9579 5: no key length", 2, KEY_LENGTH_ABSENT, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256,
		0, "x", ERR_MALFORMED, "key length"},
	{"no iteration", 0, 32, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, 0, "x", ERR_MALFORMED,
		"zero"},
	{"iterations max + 1", KEYSTORE_ITERATIONS_MAX + 1, 32, 8, OID_PBKDF2, OID_HMAC_SHA256,
		OID_HMAC_SHA256, 0, "x", ERR_LIMIT, "iterations"},
	{"salt max + 1", 2, 32, KEYSTORE_SALT_BYTES_MAX + 1, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, 0,
		"x", ERR_LIMIT, ""},
	{"another derivation", 2, 32, 8, OID_SCRYPT, OID_HMAC_SHA256, OID_HMAC_SHA256, 0, "x",
		ERR_UNSUPPORTED, "scrypt"},
	{"another PRF", 2, 32, 8, OID_PBKDF2, OID_MD5, OID_HMAC_SHA256, 0, "x", ERR_UNSUPPORTED, "MD5"},
	{"another scheme", 2, 32, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_SHA256, 0, "x", ERR_UNSUPPORTED,
		"SHA-256"},
	{"no scheme", 2, 32, 8, OID_PBKDF2, OID_HMAC_SHA256, HMAC_ABSENT, 0, "x", ERR_MALFORMED, ""},
	{"wrong passphrase", 2, 32, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, 0, "y", ERR_DENIED,
		"wrong passphrase"},
	{"one bit", 2, 32, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, 99, "x", ERR_DENIED, "altered"},
	{"digest cut", 2, 32, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, -1, "x", ERR_DENIED,
		"altered"},
	{"digest of no byte", 2, 32, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, -32, "x", ERR_DENIED,
		"altered"},
	{"digest extended", 2, 32, 8, OID_PBKDF2, OID_HMAC_SHA256, OID_HMAC_SHA256, 1, "x", ERR_DENIED,
		"altered"},
};

static enum hash_alg hash_of_oid(enum oid oid)
{
	return oid == OID_HMAC_SHA512 ? HASH_SHA512 : HASH_SHA256;
}

static void algorithm_put(struct wire_writer *writer, enum oid oid)
{
	size_t algorithm = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(oid));
	tlv_put(writer, TLV_NULL, BYTES_NONE);
	tlv_close(writer, algorithm);
}

static void pbmac1_put(struct wire_writer *writer, const struct mac_row *row, struct bytes salt)
{
	size_t algorithm = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_PBMAC1));
	size_t params = tlv_open(writer, TLV_SEQUENCE);
	size_t kdf = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(row->kdf));
	size_t kdf_params = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OCTETS, salt);
	tlv_put_uint(writer, row->iterations);
	if (row->key_bytes != KEY_LENGTH_ABSENT) {
		tlv_put_uint(writer, row->key_bytes);
	}
	algorithm_put(writer, row->prf);
	tlv_close(writer, kdf_params);
	tlv_close(writer, kdf);
	if (row->hmac != HMAC_ABSENT) {
		algorithm_put(writer, row->hmac);
	}
	tlv_close(writer, params);
	tlv_close(writer, algorithm);
}

/* PFX up to its macData; the result is for tlv_close(). */
static size_t pfx_open(struct wire_writer *writer, struct bytes safes)
{
	size_t pfx = tlv_open(writer, TLV_SEQUENCE);
	tlv_put_uint(writer, 3);
	size_t content = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(OID_DATA));
	size_t explicit_0 = tlv_open(writer, TLV_CONTEXT_0_CONSTRUCTED);
	tlv_put(writer, TLV_OCTETS, safes);
	tlv_close(writer, explicit_0);
	tlv_close(writer, content);
	return pfx;
}

/* A file with no bag in it, behind PBMAC1 as the row says. */
static void pbmac1_file(const struct mac_row *row, struct buf *out)
{
	static const uint8_t salt_octets[KEYSTORE_SALT_BYTES_MAX + 1];
	static const uint8_t safes[] = {0x30, 0x00};
	uint8_t key[80];
	uint8_t digest[HASH_BYTES_MAX + 1] = {0};
	struct bytes salt = bytes_of(salt_octets, row->salt_bytes);
	size_t key_bytes = row->key_bytes != KEY_LENGTH_ABSENT ? row->key_bytes : 32;
	size_t digest_len = hash_bytes(hash_of_oid(row->hmac));
	/* What costs too much, or nothing, is never derived: any digest will do. */
	if (row->iterations > 0 && row->iterations < 1000) {
		REQUIRE(row->name, pbkdf2(hash_of_oid(row->prf), bytes_text("x"), salt, row->iterations, key,
					   key_bytes) == ERR_OK);
		hmac_of(hash_of_oid(row->hmac), bytes_of(key, key_bytes), bytes_of(safes, sizeof(safes)),
			digest);
	}
	if (row->digest_change == 99) {
		digest[digest_len - 1] ^= 0x01;
	} else {
		digest_len += (size_t)(ptrdiff_t)row->digest_change; /* wraps where it is negative */
	}
	struct wire_writer writer = wire_writer_init(out);
	size_t pfx = pfx_open(&writer, bytes_of(safes, sizeof(safes)));
	size_t mac = tlv_open(&writer, TLV_SEQUENCE);
	size_t info = tlv_open(&writer, TLV_SEQUENCE);
	pbmac1_put(&writer, row, salt);
	tlv_put(&writer, TLV_OCTETS, bytes_of(digest, digest_len));
	tlv_close(&writer, info);
	tlv_put(&writer, TLV_OCTETS, bytes_text("NOT USED"));
	tlv_close(&writer, mac);
	tlv_close(&writer, pfx);
	REQUIRE(row->name, wire_writer_err(&writer) == ERR_OK);
}

static void pbmac1_rows(void)
{
	const struct p12_rules rules = {.insecure_no_mac = true};
	for (size_t i = 0; i < ARRAY_COUNT(mac_rows); i++) {
		const struct mac_row *row = &mac_rows[i];
		struct buf file = BUF_INIT(1 << 16);
		struct keystore_error error = {0};
		struct p12 p12 = {0};
		pbmac1_file(row, &file);
		CHECK(row->name,
			p12_read(buf_bytes(&file), bytes_text(row->passphrase), &p12, &error) == row->want);
		CHECK(row->name, row->want == ERR_OK || strstr(error.sentence, row->word) != NULL);
		CHECK(row->name, p12_read_import(buf_bytes(&file), bytes_text(row->passphrase), &rules, &p12,
					 &error) == row->want);
		for (size_t len = 0; row->want == ERR_OK && len < file.len; len++) {
			CHECK("cut", p12_read_import(bytes_of(file.data, len), bytes_text("x"), &rules, &p12,
					     &error) != ERR_OK);
		}
		buf_release(&file);
	}
}

/* --- RFC 7292 B.1: how a passphrase became bytes --- */

/* A file without a bag whose MAC was made with these bytes. */
static void plain_mac_file(struct bytes password, struct buf *out)
{
	static const uint8_t safes[] = {0x30, 0x00};
	uint8_t key[SHA256_BYTES];
	uint8_t digest[HASH_BYTES_MAX];
	struct bytes salt = bytes_text("salt");
	REQUIRE("kdf", pkcs12_kdf(HASH_SHA256, 3, password, salt, 2, key, sizeof(key)) == ERR_OK);
	hmac_of(HASH_SHA256, bytes_of(key, sizeof(key)), bytes_of(safes, sizeof(safes)), digest);
	struct wire_writer writer = wire_writer_init(out);
	size_t pfx = pfx_open(&writer, bytes_of(safes, sizeof(safes)));
	size_t mac = tlv_open(&writer, TLV_SEQUENCE);
	size_t info = tlv_open(&writer, TLV_SEQUENCE);
	algorithm_put(&writer, OID_SHA256);
	tlv_put(&writer, TLV_OCTETS, bytes_of(digest, SHA256_BYTES));
	tlv_close(&writer, info);
	tlv_put(&writer, TLV_OCTETS, salt);
	tlv_put_uint(&writer, 2);
	tlv_close(&writer, mac);
	tlv_close(&writer, pfx);
	REQUIRE("file", wire_writer_err(&writer) == ERR_OK);
}

static void passphrase_forms(void)
{
	static const struct {
		const char *name, *passphrase, *bytes;
		enum err served, imported;
	} forms[] = {
		{"two zero bytes behind it", "ab", "006100620000", ERR_OK, ERR_OK},
		{"no zero bytes", "ab", "00610062", ERR_DENIED, ERR_DENIED},
		{"empty: two zero bytes", "", "0000", ERR_OK, ERR_OK},
		{"empty: nothing", "", "", ERR_OK, ERR_OK},
		{"nothing is not everything", "ab", "", ERR_DENIED, ERR_DENIED},
		{"beyond ASCII", "\xc3\xa9", "00e90000", ERR_OK, ERR_OK},
		{"beyond the BMP", "\xf0\x9f\x94\x91", "d83ddd110000", ERR_OK, ERR_OK},
		{"UTF-8 taken byte by byte", "\xc3\xa9", "00c300a90000", ERR_DENIED, ERR_OK},
		{"not UTF-8", "\xe9", "00e90000", ERR_INVALID, ERR_INVALID},
	};
	const struct p12_rules rules = {0};
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		struct test_bytes bytes = test_hex(forms[i].bytes);
		struct bytes passphrase = bytes_text(forms[i].passphrase);
		struct buf file = BUF_INIT(1 << 12);
		struct keystore_error error = {0};
		struct p12 p12 = {0};
		plain_mac_file(test_bytes_view(&bytes), &file);
		CHECK(forms[i].name, p12_read(buf_bytes(&file), passphrase, &p12, &error) == forms[i].served);
		CHECK(forms[i].name, p12_read_import(buf_bytes(&file), passphrase, &rules, &p12, &error) ==
					     forms[i].imported);
		buf_release(&file);
	}
}

/* --- Sun's schemes: sealed by SunJCE of Java 17 (the slip by hand), passphrase "x", three iterations, content 30 03 02 01 00 --- */

struct sun_row {
	const char *name, *passphrase, *salt;
	uint32_t iterations;
	const char *sealed;
	enum err want;
};
static const struct sun_row sun_rows[] = {
	{"two halves", "x", "0102030405060708", 3, "715739bd33ba14fc", ERR_OK},
	{"equal halves", "x", "0102030401020304", 3, "abdadd0aadb5692d", ERR_OK},
	{"equal halves, the slip", "x", "0102030401020304", 3, "ffc8bc6e6365ec1b", ERR_OK},
	{"other passphrase", "z", "0102030405060708", 3, "715739bd33ba14fc", ERR_DENIED},
	{"other iterations", "x", "0102030405060708", 4, "715739bd33ba14fc", ERR_DENIED},
	{"salt too short", "x", "01020304050607", 3, "715739bd33ba14fc", ERR_MALFORMED},
	{"salt too long", "x", "010203040506070809", 3, "715739bd33ba14fc", ERR_MALFORMED},
	{"no iteration", "x", "0102030405060708", 0, "715739bd33ba14fc", ERR_MALFORMED},
	{"iterations max + 1", "x", "0102030405060708", KEYSTORE_ITERATIONS_MAX + 1, "715739bd33ba14fc",
		ERR_LIMIT},
	{"half a block", "x", "0102030405060708", 3, "715739bd", ERR_MALFORMED},
};

static enum err sun_open(const struct sun_row *row, const struct p12_rules *rules, struct secret *out)
{
	struct buf made = BUF_INIT(1 << 12);
	struct wire_writer writer = wire_writer_init(&made);
	struct test_bytes salt = test_hex(row->salt);
	struct test_bytes sealed = test_hex(row->sealed);
	size_t info = tlv_open(&writer, TLV_SEQUENCE);
	size_t algorithm = tlv_open(&writer, TLV_SEQUENCE);
	tlv_put(&writer, TLV_OID, oid_bytes(OID_SUN_MD5_3DES));
	size_t params = tlv_open(&writer, TLV_SEQUENCE);
	tlv_put(&writer, TLV_OCTETS, test_bytes_view(&salt));
	tlv_put_uint(&writer, row->iterations);
	tlv_close(&writer, params);
	tlv_close(&writer, algorithm);
	tlv_put(&writer, TLV_OCTETS, test_bytes_view(&sealed));
	tlv_close(&writer, info);
	struct keystore_error error = {0};
	struct p12_context context = {.passphrase = bytes_text(row->passphrase),
		.work_left = KEYSTORE_WORK_MAX,
		.error = &error,
		.rules = rules};
	enum err err = pbe_open_key(&context, buf_bytes(&made), out);
	CHECK("only an import", rules != NULL || strstr(error.sentence, "keystore import") != NULL);
	buf_release(&made);
	return err;
}

static void sun_3des_rows(void)
{
	const struct p12_rules rules = {0};
	for (size_t i = 0; i < ARRAY_COUNT(sun_rows); i++) {
		struct secret out = SECRET_NONE;
		CHECK(sun_rows[i].name, sun_open(&sun_rows[i], &rules, &out) == sun_rows[i].want);
		CHECK(sun_rows[i].name,
			sun_rows[i].want != ERR_OK ||
				bytes_equal(secret_bytes(&out), bytes_of("\x30\x03\x02\x01\x00", 5)));
		secret_free(&out);
		CHECK(sun_rows[i].name, sun_open(&sun_rows[i], NULL, &out) == ERR_UNSUPPORTED);
	}
}

/* --- scrypt: what a file may ask for --- */

static const struct {
	const char *name;
	uint32_t n, r, p, key_bytes; /* key_bytes 0: not stated */
	enum err want;
	const char *word;
} scrypt_rows[] = {
	{"small", 16, 1, 1, 0, ERR_DENIED, "wrong passphrase"},
	{"key length", 16, 1, 1, 32, ERR_DENIED, "wrong passphrase"},
	{"another key length", 16, 1, 1, 16, ERR_MALFORMED, ""},
	{"RFC 7914 2: n is 1", 1, 1, 1, 0, ERR_MALFORMED, ""},
	{"RFC 7914 2: n is no power of two", 24, 1, 1, 0, ERR_MALFORMED, ""},
	{"r is 0", 16, 0, 1, 0, ERR_MALFORMED, ""},
	{"p is 0", 16, 1, 0, 0, ERR_MALFORMED, ""},
	{"memory, max", 65536, 8, 1, 0, ERR_DENIED, "wrong passphrase"},
	{"memory, max + 1", 131072, 8, 1, 0, ERR_LIMIT, "more scrypt memory"},
	{"r, max + 1", 16, 9, 1, 0, ERR_LIMIT, "more scrypt memory"},
	{"p, max", 16, 1, 16, 0, ERR_DENIED, "wrong passphrase"},
	{"p, max + 1", 16, 1, 17, 0, ERR_LIMIT, "more scrypt memory"},
	{"work", 65536, 8, 16, 0, ERR_LIMIT, "in total"},
};

static void scrypt_limits(void)
{
	static const uint8_t zeroes[32];
	for (size_t i = 0; i < ARRAY_COUNT(scrypt_rows); i++) {
		struct buf made = BUF_INIT(1 << 12);
		struct wire_writer writer = wire_writer_init(&made);
		size_t info = tlv_open(&writer, TLV_SEQUENCE);
		size_t algorithm = tlv_open(&writer, TLV_SEQUENCE);
		tlv_put(&writer, TLV_OID, oid_bytes(OID_PBES2));
		size_t params = tlv_open(&writer, TLV_SEQUENCE);
		size_t kdf = tlv_open(&writer, TLV_SEQUENCE);
		tlv_put(&writer, TLV_OID, oid_bytes(OID_SCRYPT));
		size_t scrypt = tlv_open(&writer, TLV_SEQUENCE);
		tlv_put(&writer, TLV_OCTETS, bytes_text("salt"));
		tlv_put_uint(&writer, scrypt_rows[i].n);
		tlv_put_uint(&writer, scrypt_rows[i].r);
		tlv_put_uint(&writer, scrypt_rows[i].p);
		if (scrypt_rows[i].key_bytes != 0) {
			tlv_put_uint(&writer, scrypt_rows[i].key_bytes);
		}
		tlv_close(&writer, scrypt);
		tlv_close(&writer, kdf);
		size_t cipher = tlv_open(&writer, TLV_SEQUENCE);
		tlv_put(&writer, TLV_OID, oid_bytes(OID_AES256_CBC));
		tlv_put(&writer, TLV_OCTETS, bytes_of(zeroes, 16));
		tlv_close(&writer, cipher);
		tlv_close(&writer, params);
		tlv_close(&writer, algorithm);
		tlv_put(&writer, TLV_OCTETS, bytes_of(zeroes, 32));
		tlv_close(&writer, info);
		REQUIRE("make", wire_writer_err(&writer) == ERR_OK);
		struct keystore_error error = {0};
		struct secret out = SECRET_NONE;
		struct p12_context context = {
			.passphrase = bytes_text("x"), .work_left = KEYSTORE_WORK_MAX, .error = &error};
		CHECK(scrypt_rows[i].name,
			pbe_open_key(&context, buf_bytes(&made), &out) == scrypt_rows[i].want);
		CHECK(scrypt_rows[i].name, strstr(error.sentence, scrypt_rows[i].word) != NULL);
		secret_free(&out);
		buf_release(&made);
	}
}

/* --- JKS by hand, each with the digest that it should have --- */

#define JKS_HEAD "feedfeed 00000002 "
#define DATE     "0000000000000000 "

static const struct {
	const char *name, *body;
	enum err want;
} jks_rows[] = {
	{"no entry", JKS_HEAD "00000000", ERR_OK},
	{"version 1", "feedfeed 00000001 00000000", ERR_OK},
	{"version 0", "feedfeed 00000000 00000000", ERR_MALFORMED},
	{"version 3", "feedfeed 00000003 00000000", ERR_MALFORMED},
	{"other magic", "feedfeee 00000002 00000000", ERR_MALFORMED},
	{"no count", JKS_HEAD, ERR_MALFORMED},
	{"something behind the last entry", JKS_HEAD "00000000 00", ERR_MALFORMED},
	{"fewer entries than said", JKS_HEAD "00000001", ERR_MALFORMED},
	{"a certificate of another type",
		JKS_HEAD "00000001 00000002 0001 61 " DATE "0003 504750 00000002 3000", ERR_OK},
	{"a certificate", JKS_HEAD "00000001 00000002 0001 61 " DATE "0005 582e353039 00000002 3000", ERR_OK},
	{"a certificate without a name",
		JKS_HEAD "00000001 00000002 0000 " DATE "0005 582e353039 00000002 3000", ERR_OK},
	{"a certificate longer than the file",
		JKS_HEAD "00000001 00000002 0001 61 " DATE "0005 582e353039 ffffffff 3000", ERR_MALFORMED},
	{"U+0000 in a name", JKS_HEAD "00000001 00000002 0002 c080 " DATE "0005 582e353039 00000002 3000",
		ERR_MALFORMED},
	{"half a character", JKS_HEAD "00000001 00000002 0001 c3 " DATE "0005 582e353039 00000002 3000",
		ERR_MALFORMED},
	{"four bytes are not Java's",
		JKS_HEAD "00000001 00000002 0004 f09f9491 " DATE "0005 582e353039 00000002 3000",
		ERR_MALFORMED},
	{"two units of three bytes are",
		JKS_HEAD "00000001 00000002 0006 eda0bdedb491 " DATE "0005 582e353039 00000002 3000", ERR_OK},
	{"a lone unit", JKS_HEAD "00000001 00000002 0003 eda0bd " DATE "0005 582e353039 00000002 3000",
		ERR_MALFORMED},
	{"an unknown entry", JKS_HEAD "00000001 00000004 0001 61 " DATE, ERR_MALFORMED},
	{"a secret key is for JCEKS only",
		JKS_HEAD "00000001 00000003 0001 61 " DATE
			 "aced0005 73 72 0001 41 0000000000000001 02 0000 78 70",
		ERR_MALFORMED},
	{"a secret key",
		"cececece 00000002 00000001 00000003 0001 61 " DATE
		"aced0005 73 72 0001 41 0000000000000001 02 0000 78 70",
		ERR_OK},
	{"a key that is none", JKS_HEAD "00000001 00000001 0001 61 " DATE "00000002 3000 00000000",
		ERR_MALFORMED},
	{"a key in another cipher",
		JKS_HEAD "00000001 00000001 0001 61 " DATE "0000000b 3009 3004 06022a03 0401 00 00000000",
		ERR_UNSUPPORTED},
};

static void jks_by_hand(void)
{
	const struct p12_rules rules = {0};
	for (size_t i = 0; i < ARRAY_COUNT(jks_rows); i++) {
		struct test_bytes body = test_hex(jks_rows[i].body);
		uint8_t digest[HASH_BYTES_MAX];
		struct buf file = BUF_INIT(1 << 12);
		struct keystore_error error = {0};
		struct p12 p12 = {0};
		struct bytes parts[] = {
			bytes_of("\0x", 2), bytes_text("Mighty Aphrodite"), test_bytes_view(&body)};
		hash_of_parts(HASH_SHA1, parts, ARRAY_COUNT(parts), digest);
		REQUIRE("make", buf_append(&file, test_bytes_view(&body)) == ERR_OK);
		REQUIRE("make", buf_append(&file, bytes_of(digest, 20)) == ERR_OK);
		CHECK(jks_rows[i].name, jks_read(buf_bytes(&file), bytes_text("x"), &rules, &p12, &error) ==
						jks_rows[i].want);
		CHECK(jks_rows[i].name, jks_rows[i].want == ERR_OK || error.sentence[0] != '\0');
		p12_release(&p12);
		file.data[file.len - 1] ^= 0x01;
		enum err err = jks_read(buf_bytes(&file), bytes_text("x"), &rules, &p12, &error);
		CHECK("another digest", err == ERR_DENIED || (i == 4 && err == ERR_MALFORMED));
		buf_release(&file);
	}
}

/* --- serialized Java objects --- */

#define JAVA "aced0005 "
/* A class "A" with its serial number and flags, then fields, no annotation, no ancestor. */
#define CLASS_A(flags, fields) "72 0001 41 0000000000000001 " flags " " fields " 78 70 "
#define BYTE_ARRAY             "72 0002 5b42 0000000000000001 02 0000 78 70 "

static const struct {
	const char *name, *hex;
	enum err want;
} java_rows[] = {
	{"no field", JAVA "73 " CLASS_A("02", "0000"), ERR_OK},
	{"an int and a long",
		JAVA "73 " CLASS_A("02", "0002 49 0001 61 4a 0001 62") "00000001 0000000000000002", ERR_OK},
	{"a text", JAVA "73 " CLASS_A("02", "0001 4c 0001 61 74 0001 53") "74 0003 616263", ERR_OK},
	{"a null", JAVA "73 " CLASS_A("02", "0001 4c 0001 61 74 0001 53") "70", ERR_OK},
	{"bytes", JAVA "73 " CLASS_A("02", "0001 5b 0001 61 74 0002 5b42") "75 " BYTE_ARRAY "00000003 aabbcc",
		ERR_OK},
	{"a class again", JAVA "73 " CLASS_A("02", "0001 4c 0001 61 74 0001 53") "73 71 007e0000 70", ERR_OK},
	{"an ancestor",
		JAVA "73 72 0001 42 0000000000000001 02 0000 78 " CLASS_A("02", "0001 42 0001 61") "ff",
		ERR_OK},
	{"written by its class", JAVA "73 " CLASS_A("03", "0000") "77 02 aabb 74 0001 61 78", ERR_OK},
	{"other header", "aced0004 73 " CLASS_A("02", "0000"), ERR_MALFORMED},
	{"a text alone", JAVA "74 0000", ERR_MALFORMED},
	{"a block alone", JAVA "77 00", ERR_MALFORMED},
	{"no class", JAVA "73 70", ERR_OK},
	{"externalizable", JAVA "73 " CLASS_A("0c", "0000"), ERR_UNSUPPORTED},
	{"unknown field type", JAVA "73 " CLASS_A("02", "0001 51 0001 61"), ERR_MALFORMED},
	{"unknown value", JAVA "73 " CLASS_A("02", "0001 4c 0001 61 74 0001 53") "7e", ERR_UNSUPPORTED},
	{"reference to nothing", JAVA "73 " CLASS_A("02", "0001 4c 0001 61 74 0001 53") "71 007e0040",
		ERR_MALFORMED},
	{"reference below the first", JAVA "73 " CLASS_A("02", "0001 4c 0001 61 74 0001 53") "71 00000000",
		ERR_MALFORMED},
	{"a class that is a text", JAVA "73 " CLASS_A("02", "0001 4c 0001 61 74 0001 53") "73 71 007e0001",
		ERR_MALFORMED},
	{"its own ancestor", JAVA "73 72 0001 41 0000000000000001 02 0000 78 71 007e0000", ERR_LIMIT},
	{"it holds itself, over and over",
		JAVA "73 " CLASS_A(
			"02", "0001 4c 0001 61 74 0001 53") "73 71 007e0000 73 71 007e0000 73 71 007e0000 "
							    "73 71 007e0000 73 71 007e0000 73 71 007e0000 73 "
							    "71 007e0000 73 71 007e0000 70",
		ERR_LIMIT},
	{"more bytes than there are",
		JAVA "73 " CLASS_A("02", "0001 5b 0001 61 74 0002 5b42") "75 " BYTE_ARRAY "ffffffff aabbcc",
		ERR_MALFORMED},
	{"an array of no array",
		JAVA "73 " CLASS_A("02", "0001 5b 0001 61 74 0002 5b42") "75 71 007e0000 00000000",
		ERR_MALFORMED},
	{"too many fields", JAVA "73 72 0001 41 0000000000000001 02 0011", ERR_LIMIT},
};

static void java_objects(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(java_rows); i++) {
		struct test_bytes in = test_hex(java_rows[i].hex);
		struct wire_reader reader = wire_reader_init(test_bytes_view(&in));
		enum err err = java_object_skip(&reader);
		CHECK(java_rows[i].name, err == java_rows[i].want);
		CHECK(java_rows[i].name, wire_reader_left(&reader) == (err == ERR_OK ? 0 : in.len));
		for (size_t len = 0; err == ERR_OK && len < in.len; len++) {
			struct wire_reader cut = wire_reader_init(bytes_of(in.data, len));
			CHECK("cut", java_object_skip(&cut) != ERR_OK);
			CHECK("cut moves nothing", wire_reader_left(&cut) == len);
		}
	}
}

/* An array of that many nulls in an object: the values of one object are counted, however flat they lie. */
static enum err nulls_skip(unsigned count)
{
	struct test_bytes head = test_hex(JAVA "73 " CLASS_A(
		"02", "0001 5b 0001 61 74 0002 5b4c") "75 72 0002 5b4c 0000000000000001 02 0000 78 70");
	struct buf object = BUF_INIT(1 << 12);
	struct wire_writer writer = wire_writer_init(&object);
	wire_put_bytes(&writer, test_bytes_view(&head));
	wire_put_u32(&writer, count);
	for (unsigned i = 0; i < count; i++) {
		wire_put_u8(&writer, 0x70);
	}
	REQUIRE("make", wire_writer_err(&writer) == ERR_OK);
	struct wire_reader reader = wire_reader_init(buf_bytes(&object));
	enum err err = java_object_skip(&reader);
	buf_release(&object);
	return err;
}

static void java_values(void)
{
	/* The object, the name of its field's class and the array are three of 256. */
	CHECK("values, max", nulls_skip(253) == ERR_OK);
	CHECK("values, max + 1", nulls_skip(254) == ERR_LIMIT);
}

/* --- what a file may cost --- */

struct spent {
	uint32_t work;
};

static void work_note(uint32_t work, void *ctx)
{
	struct spent *spent = ctx;
	CHECK("work grows", work > spent->work);
	CHECK("work is bounded", work <= KEYSTORE_WORK_MAX);
	spent->work = work;
}

/* A key bag that takes as many iterations as one may, over and over: the sum is bounded, and with it the time. */
static void cost_is_bounded(void)
{
	struct spent spent = {0};
	struct keystore_error error = {0};
	const struct p12_rules rules = {.progress = work_note, .ctx = &spent};
	struct p12_context context = {.passphrase = bytes_text("x"),
		.work_left = KEYSTORE_WORK_MAX,
		.error = &error,
		.rules = &rules};
	unsigned granted = 0;
	while (pbe_spend(&context, KEYSTORE_ITERATIONS_MAX, 1) == ERR_OK) {
		granted++;
	}
	CHECK("granted", granted == KEYSTORE_WORK_MAX / KEYSTORE_ITERATIONS_MAX);
	CHECK("said", error.err == ERR_LIMIT && strstr(error.sentence, "in total") != NULL);
	CHECK("max + 1", pbe_spend(&context, KEYSTORE_ITERATIONS_MAX + 1, 1) == ERR_LIMIT);
	CHECK("none", pbe_spend(&context, 0, 1) == ERR_MALFORMED);
	context.work_left = KEYSTORE_WORK_MAX;
	CHECK("no overflow", pbe_spend(&context, KEYSTORE_ITERATIONS_MAX, UINT32_MAX) == ERR_LIMIT);
	/* One fiftieth of the dearest kind of derivation, measured: all of it stays far below minutes. */
	uint8_t out[64];
	struct timespec before = {0};
	struct timespec after = {0};
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	CHECK("derive", pbkdf2(HASH_SHA512, bytes_text("x"), bytes_text("salt"), KEYSTORE_WORK_MAX / 50, out,
				sizeof(out)) == ERR_OK);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	double seconds =
		(double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
	(void)printf("the dearest file costs %.1f s of CPU\n", seconds * 50);
	CHECK("the dearest file", seconds * 50 < COST_SECONDS_MAX);
}

/* --- a key that does not open, of a file of which only some entries are wanted --- */

static const char *const only_gate[] = {"gate"};
static const struct {
	const char *name;
	size_t only_count;
	const char *alias;
	enum err err, want;
} missed_rows[] = {
	{"all are wanted", 0, "own", ERR_DENIED, ERR_DENIED},
	{"not wanted", 1, "own", ERR_DENIED, ERR_OK},
	{"not wanted, sealed by a scheme that nobody reads", 1, "own", ERR_UNSUPPORTED, ERR_OK},
	{"wanted, in whatever case", 1, "GATE", ERR_DENIED, ERR_DENIED},
	{"without a name", 1, NULL, ERR_DENIED, ERR_DENIED},
	{"a damaged file is one", 1, "own", ERR_MALFORMED, ERR_MALFORMED},
	{"out of memory", 1, "own", ERR_NOMEM, ERR_NOMEM},
	{"too dear", 1, "own", ERR_LIMIT, ERR_LIMIT},
};

static void keys_missed(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(missed_rows); i++) {
		const struct p12_rules rules = {.only = only_gate, .only_count = missed_rows[i].only_count};
		struct keystore_error error = {missed_rows[i].err, "said"};
		const struct p12_context context = {.error = &error, .rules = &rules};
		enum err err = p12_key_missed(&context, missed_rows[i].alias, missed_rows[i].err);
		CHECK(missed_rows[i].name, err == missed_rows[i].want);
		CHECK(missed_rows[i].name, (error.sentence[0] == '\0') == (err == ERR_OK));
	}
	const struct p12_context strict = {.rules = NULL};
	CHECK("what is served is read whole", p12_key_missed(&strict, "own", ERR_DENIED) == ERR_DENIED);
}

int main(void)
{
	REQUIRE("crypto", crypto_init() == ERR_OK);
	pbmac1_rows();
	passphrase_forms();
	sun_3des_rows();
	scrypt_limits();
	jks_by_hand();
	java_objects();
	java_values();
	cost_is_bounded();
	keys_missed();
	crypto_cleanup();
	return test_result();
}
