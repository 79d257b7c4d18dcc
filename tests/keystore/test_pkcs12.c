/*
 * test_pkcs12.c - bags come back as they were written; every altered, cut, oversized or foreign file is refused.
 * Owns:    nothing.
 * Never:   needs real certificates: at this level they are octets.
 * Threads: one.
 */
#include "keystore/pkcs12.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

/* SEQUENCE { INTEGER 0 }: as much of a PrivateKeyInfo as this level looks at. */
static const uint8_t some_key[] = {0x30, 0x03, 0x02, 0x01, 0x00};
static const uint8_t some_der[] = {0x30, 0x04, 0x0c, 0x02, 'o', 'k'};
static const uint8_t some_id[] = {1, 2, 3};
/* SEQUENCE { OID 1.2.3, SET { NULL } }: an attribute that nobody knows. */
static const uint8_t some_attribute[] = {0x30, 0x08, 0x06, 0x02, 0x2a, 0x03, 0x31, 0x02, 0x05, 0x00};

#define PASSPHRASE "b\xc3\xb6se \xf0\x9f\x98\x80"

static enum err put_sample(struct bytes passphrase, struct buf *out)
{
	struct p12_put_key key = {bytes_of(some_key, sizeof(some_key)), "gate",
		bytes_of(some_id, sizeof(some_id)), bytes_of(some_attribute, sizeof(some_attribute))};
	struct p12_put_cert certs[] = {
		{bytes_of(some_der, sizeof(some_der)), "gate", bytes_of(some_id, sizeof(some_id)), false,
			BYTES_NONE},
		{bytes_of(some_der, sizeof(some_der)), NULL, BYTES_NONE, false, BYTES_NONE},
		{bytes_of(some_der, sizeof(some_der)), "pin:d\xc3\xa9", BYTES_NONE, true,
			bytes_of(some_attribute, sizeof(some_attribute))},
	};
	struct p12_put put = {&key, 1, certs, ARRAY_COUNT(certs)};
	return p12_write(&put, passphrase, out, NULL);
}

static void round_trip(const char *row, struct bytes passphrase)
{
	struct buf file = BUF_INIT(1 << 20);
	struct p12 p12 = {0};
	struct keystore_error error = {0};
	REQUIRE(row, put_sample(passphrase, &file) == ERR_OK);
	REQUIRE(row, p12_read(buf_bytes(&file), passphrase, &p12, &error) == ERR_OK);
	REQUIRE(row, p12.key_count == 1 && p12.cert_count == 3 && p12.unknown_bags == 0);
	CHECK(row, bytes_equal(secret_bytes(&p12.keys[0].pkcs8), bytes_of(some_key, sizeof(some_key))));
	const struct p12_attributes *attributes = &p12.keys[0].attributes;
	CHECK(row, strcmp(attributes->name, "gate") == 0 && !attributes->trusted);
	CHECK(row, bytes_equal(
			   bytes_of(attributes->id, attributes->id_len), bytes_of(some_id, sizeof(some_id))));
	CHECK(row, bytes_equal(bytes_of(attributes->kept, attributes->kept_len),
			   bytes_of(some_attribute, sizeof(some_attribute))));
	CHECK(row, p12.certs[1].attributes.name == NULL && p12.certs[1].attributes.id == NULL);
	CHECK(row, p12.certs[2].attributes.trusted && !p12.certs[1].attributes.trusted);
	CHECK(row, strcmp(p12.certs[2].attributes.name, "pin:d\xc3\xa9") == 0);
	CHECK(row, p12.certs[2].attributes.kept_len == sizeof(some_attribute));
	for (size_t i = 0; i < p12.cert_count; i++) {
		CHECK(row, bytes_equal(bytes_of(p12.certs[i].der, p12.certs[i].der_len),
				   bytes_of(some_der, sizeof(some_der))));
	}
	p12_release(&p12);
	buf_release(&file);
}

static void wrong_passphrases(void)
{
	static const char *const wrong[] = {
		"", "B\xc3\xb6se \xf0\x9f\x98\x80", "bose", PASSPHRASE " ", "\xff"};
	struct buf file = BUF_INIT(1 << 20);
	struct p12 p12 = {0};
	REQUIRE("write", put_sample(bytes_text(PASSPHRASE), &file) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct keystore_error error = {0};
		enum err want = wrong[i][0] == '\xff' ? ERR_INVALID : ERR_DENIED;
		CHECK(wrong[i], p12_read(buf_bytes(&file), bytes_text(wrong[i]), &p12, &error) == want);
		CHECK(wrong[i], want != ERR_DENIED || strcmp(error.sentence, P12_DENIED_SENTENCE) == 0);
		CHECK(wrong[i], p12.keys == NULL && p12.certs == NULL);
	}
	buf_release(&file);
}

/* The MAC makes every octet count: a flip is refused wherever it falls, a cut wherever it is. */
static void every_octet_counts(void)
{
	struct buf file = BUF_INIT(1 << 20);
	struct p12 p12 = {0};
	REQUIRE("write", put_sample(bytes_text("x"), &file) == ERR_OK);
	for (size_t i = 0; i < file.len; i++) {
		struct keystore_error error = {0};
		file.data[i] ^= (uint8_t)(1u << (i % 8));
		enum err err = p12_read(buf_bytes(&file), bytes_text("x"), &p12, &error);
		CHECK("flipped bit", err != ERR_OK && err != ERR_NOMEM);
		CHECK("flipped bit has a sentence", error.sentence[0] != '\0' && error.err == err);
		file.data[i] ^= (uint8_t)(1u << (i % 8));
		/* A copy of its own, so that a read past the cut is seen. */
		uint8_t *cut = malloc(i + 1);
		REQUIRE("memory", cut != NULL);
		memcpy(cut, file.data, i);
		CHECK("cut", p12_read(bytes_of(cut, i), bytes_text("x"), &p12, &error) == ERR_MALFORMED);
		free(cut);
	}
	CHECK("trailing octet", buf_append_u8(&file, 0) == ERR_OK);
	CHECK("trailing octet", p12_read(buf_bytes(&file), bytes_text("x"), &p12, NULL) == ERR_MALFORMED);
	buf_release(&file);
}

/* --- files made by hand: unsealed, MAC not looked at --- */

struct hand {
	struct buf buf;
	struct wire_writer writer;
	size_t open[8];
	size_t depth;
};

static void hand_open(struct hand *hand, uint8_t tag)
{
	hand->open[hand->depth++] = tlv_open(&hand->writer, tag);
}

static void hand_close(struct hand *hand)
{
	tlv_close(&hand->writer, hand->open[--hand->depth]);
}

/* A PFX around one data safe with this SafeContents; the MAC is absent. */
static struct buf hand_file(struct bytes safe_contents)
{
	struct buf safes = BUF_INIT(KEYSTORE_FILE_BYTES_MAX * 2);
	struct hand hand = {.buf = BUF_INIT(KEYSTORE_FILE_BYTES_MAX * 2)};
	hand.writer = wire_writer_init(&safes);
	hand_open(&hand, TLV_SEQUENCE);
	hand_open(&hand, TLV_SEQUENCE);
	tlv_put(&hand.writer, TLV_OID, oid_bytes(OID_DATA));
	hand_open(&hand, TLV_CONTEXT_0_CONSTRUCTED);
	tlv_put(&hand.writer, TLV_OCTETS, safe_contents);
	while (hand.depth > 0) {
		hand_close(&hand);
	}
	hand.writer = wire_writer_init(&hand.buf);
	hand_open(&hand, TLV_SEQUENCE);
	tlv_put_uint(&hand.writer, 3);
	hand_open(&hand, TLV_SEQUENCE);
	tlv_put(&hand.writer, TLV_OID, oid_bytes(OID_DATA));
	hand_open(&hand, TLV_CONTEXT_0_CONSTRUCTED);
	tlv_put(&hand.writer, TLV_OCTETS, buf_bytes(&safes));
	while (hand.depth > 0) {
		hand_close(&hand);
	}
	REQUIRE("hand", wire_writer_err(&hand.writer) == ERR_OK);
	buf_release(&safes);
	return hand.buf;
}

static enum err hand_read(struct bytes safe_contents, struct p12 *p12, struct keystore_error *error)
{
	struct buf file = hand_file(safe_contents);
	enum err err = p12_read_unchecked_mac(buf_bytes(&file), bytes_text("x"), NULL, p12, error);
	buf_release(&file);
	return err;
}

static void cert_bags_put(struct wire_writer *writer, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t bag = tlv_open(writer, TLV_SEQUENCE);
		tlv_put(writer, TLV_OID, oid_bytes(OID_CERT_BAG));
		size_t value = tlv_open(writer, TLV_CONTEXT_0_CONSTRUCTED);
		size_t inner = tlv_open(writer, TLV_SEQUENCE);
		tlv_put(writer, TLV_OID, oid_bytes(OID_X509_CERTIFICATE));
		size_t der = tlv_open(writer, TLV_CONTEXT_0_CONSTRUCTED);
		tlv_put(writer, TLV_OCTETS, bytes_of(some_der, sizeof(some_der)));
		tlv_close(writer, der);
		tlv_close(writer, inner);
		tlv_close(writer, value);
		tlv_close(writer, bag);
	}
}

static void bag_counts(void)
{
	static const struct {
		const char *name;
		size_t count;
		enum err want;
	} rows[] = {
		{"no bag", 0, ERR_OK},
		{"a hundred", 100, ERR_OK},
		{"bags at max", KEYSTORE_BAGS_MAX, ERR_OK},
		{"bags at max + 1", KEYSTORE_BAGS_MAX + 1, ERR_LIMIT},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf contents = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
		struct wire_writer writer = wire_writer_init(&contents);
		size_t bags = tlv_open(&writer, TLV_SEQUENCE);
		cert_bags_put(&writer, rows[i].count);
		tlv_close(&writer, bags);
		struct p12 p12 = {0};
		CHECK(rows[i].name, hand_read(buf_bytes(&contents), &p12, NULL) == rows[i].want);
		CHECK(rows[i].name, p12.cert_count == (rows[i].want == ERR_OK ? rows[i].count : 0));
		p12_release(&p12);
		buf_release(&contents);
	}
}

/* Oracle's mark: which uses in it make a certificate trusted for us. */
static void usage_rows(void)
{
	static const struct {
		const char *name, *uses; /* OID elements, one behind the other */
		bool want;
	} rows[] = {
		{"any use", "0604551d2500", true},
		{"clientAuth", "06082b06010505070302", true},
		{"serverAuth is no client's trust", "06082b06010505070301", false},
		{"serverAuth and clientAuth", "06082b06010505070301 06082b06010505070302", true},
		{"codeSigning", "06082b06010505070303", false},
		{"no use", "", false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes uses = test_hex(rows[i].uses);
		struct buf contents = BUF_INIT(1 << 16);
		struct wire_writer writer = wire_writer_init(&contents);
		size_t bags_at = tlv_open(&writer, TLV_SEQUENCE);
		size_t bag = tlv_open(&writer, TLV_SEQUENCE);
		tlv_put(&writer, TLV_OID, oid_bytes(OID_CERT_BAG));
		size_t value = tlv_open(&writer, TLV_CONTEXT_0_CONSTRUCTED);
		size_t inner = tlv_open(&writer, TLV_SEQUENCE);
		tlv_put(&writer, TLV_OID, oid_bytes(OID_X509_CERTIFICATE));
		size_t der = tlv_open(&writer, TLV_CONTEXT_0_CONSTRUCTED);
		tlv_put(&writer, TLV_OCTETS, bytes_of(some_der, sizeof(some_der)));
		tlv_close(&writer, der);
		tlv_close(&writer, inner);
		tlv_close(&writer, value);
		size_t set = tlv_open(&writer, TLV_SET);
		size_t attribute = tlv_open(&writer, TLV_SEQUENCE);
		tlv_put(&writer, TLV_OID, oid_bytes(OID_TRUSTED_KEY_USAGE));
		tlv_put(&writer, TLV_SET, test_bytes_view(&uses));
		tlv_close(&writer, attribute);
		tlv_close(&writer, set);
		tlv_close(&writer, bag);
		tlv_close(&writer, bags_at);
		struct p12 p12 = {0};
		CHECK(rows[i].name, hand_read(buf_bytes(&contents), &p12, NULL) == ERR_OK);
		CHECK(rows[i].name, p12.cert_count == 1);
		CHECK(rows[i].name, p12.cert_count == 1 && p12.certs[0].attributes.trusted == rows[i].want);
		p12_release(&p12);
		buf_release(&contents);
	}
}

static void nesting(void)
{
	for (unsigned depth = 1; depth <= KEYSTORE_NESTING_MAX + 1; depth++) {
		struct buf contents = BUF_INIT(1 << 16);
		struct wire_writer writer = wire_writer_init(&contents);
		size_t open[3 * (KEYSTORE_NESTING_MAX + 1)];
		size_t at = 0;
		open[at++] = tlv_open(&writer, TLV_SEQUENCE);
		for (unsigned i = 1; i < depth; i++) {
			open[at++] = tlv_open(&writer, TLV_SEQUENCE);
			tlv_put(&writer, TLV_OID, oid_bytes(OID_SAFE_CONTENTS_BAG));
			open[at++] = tlv_open(&writer, TLV_CONTEXT_0_CONSTRUCTED);
			open[at++] = tlv_open(&writer, TLV_SEQUENCE);
		}
		cert_bags_put(&writer, 1);
		while (at > 0) {
			tlv_close(&writer, open[--at]);
		}
		struct p12 p12 = {0};
		enum err want = depth <= KEYSTORE_NESTING_MAX ? ERR_OK : ERR_LIMIT;
		CHECK("nested bags", hand_read(buf_bytes(&contents), &p12, NULL) == want);
		CHECK("nested bags", p12.cert_count == (want == ERR_OK ? 1 : 0));
		p12_release(&p12);
		buf_release(&contents);
	}
}

/* One bag by its hex, within a SafeContents. */
static const struct {
	const char *name, *hex;
	enum err want;
	size_t keys, certs, unknown;
	const char *word; /* stands in the sentence */
} bags[] = {
	{"keyBag", "3016060b2a864886f70d010c0a0101a0073005020100 0500", ERR_OK, 1, 0, 0, NULL},
	{"key with something behind it", "3018060b2a864886f70d010c0a0101a0093005020100 05000500",
		ERR_MALFORMED, 0, 0, 0, NULL},
	{"secretBag is counted", "3011060b2a864886f70d010c0a0105a0020500", ERR_OK, 0, 0, 1, NULL},
	{"crlBag is counted", "3011060b2a864886f70d010c0a0104a0020500", ERR_OK, 0, 0, 1, NULL},
	{"bag without value", "300d060b2a864886f70d010c0a0105", ERR_MALFORMED, 0, 0, 0, NULL},
	{"indefinite length", "3080060b2a864886f70d010c0a0105a0020500 0000", ERR_UNSUPPORTED, 0, 0, 0,
		"indefinite"},
};

static void bag_rows(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(bags); i++) {
		struct test_bytes bag = test_hex(bags[i].hex);
		struct buf contents = BUF_INIT(1 << 16);
		struct wire_writer writer = wire_writer_init(&contents);
		tlv_put(&writer, TLV_SEQUENCE, test_bytes_view(&bag));
		struct p12 p12 = {0};
		struct keystore_error error = {0};
		CHECK(bags[i].name, hand_read(buf_bytes(&contents), &p12, &error) == bags[i].want);
		CHECK(bags[i].name, p12.key_count == bags[i].keys && p12.cert_count == bags[i].certs &&
					    p12.unknown_bags == bags[i].unknown);
		CHECK(bags[i].name, bags[i].word == NULL || strstr(error.sentence, bags[i].word) != NULL);
		p12_release(&p12);
		buf_release(&contents);
	}
}

/* --- what a passphrase must not cost, and what we do not do --- */

struct sealed_row {
	const char *name;
	enum oid scheme, kdf, prf, cipher;
	uint32_t iterations;
	size_t iv_bytes, salt_bytes;
	enum err want;
	const char *word;
};
static const struct sealed_row sealed_rows[] = {
	{"iterations zero", OID_PBES2, OID_PBKDF2, OID_HMAC_SHA256, OID_AES256_CBC, 0, 16, 8, ERR_MALFORMED,
		"zero"},
	{"iterations max + 1", OID_PBES2, OID_PBKDF2, OID_HMAC_SHA256, OID_AES256_CBC,
		KEYSTORE_ITERATIONS_MAX + 1, 16, 8, ERR_LIMIT, "iterations"},
	/* What a file may cost whose MAC nobody looks at: all its derivations together. */
	{"work at max", OID_PBES2, OID_PBKDF2, OID_HMAC_SHA256, OID_AES256_CBC, 4096, 16, 8, ERR_DENIED,
		"wrong passphrase"},
	{"work at max + 1", OID_PBES2, OID_PBKDF2, OID_HMAC_SHA256, OID_AES256_CBC, 4097, 16, 8, ERR_LIMIT,
		"in total"},
	{"two blocks cost twice", OID_PBES2, OID_PBKDF2, OID_HMAC_SHA1, OID_AES256_CBC, 2049, 16, 8,
		ERR_LIMIT, "in total"},
	{"salt at max", OID_PBES2, OID_PBKDF2, OID_HMAC_SHA256, OID_AES256_CBC, 1, 16,
		KEYSTORE_SALT_BYTES_MAX, ERR_DENIED, "wrong passphrase"},
	{"salt at max + 1", OID_PBES2, OID_PBKDF2, OID_HMAC_SHA256, OID_AES256_CBC, 1, 16,
		KEYSTORE_SALT_BYTES_MAX + 1, ERR_LIMIT, "larger"},
	{"IV too short", OID_PBES2, OID_PBKDF2, OID_HMAC_SHA256, OID_AES256_CBC, 1, 15, 8, ERR_MALFORMED, ""},
	{"triple DES in PBES2", OID_PBES2, OID_PBKDF2, OID_HMAC_SHA256, OID_DES_EDE3_CBC, 1, 8, 8,
		ERR_UNSUPPORTED, "DES-EDE3-CBC"},
	{"RC2 in PBES2", OID_PBES2, OID_PBKDF2, OID_HMAC_SHA1, OID_RC2_CBC, 1, 8, 8, ERR_UNSUPPORTED,
		"RC2-CBC"},
	{"scrypt with the parameters of PBKDF2", OID_PBES2, OID_SCRYPT, OID_HMAC_SHA1, OID_AES256_CBC, 1, 16,
		8, ERR_MALFORMED, ""},
	{"unknown key derivation", OID_PBES2, OID_PBMAC1, OID_HMAC_SHA1, OID_AES256_CBC, 1, 16, 8,
		ERR_UNSUPPORTED, "PBMAC1"},
	{"unknown PRF", OID_PBES2, OID_PBKDF2, OID_MD5, OID_AES256_CBC, 1, 16, 8, ERR_UNSUPPORTED, "MD5"},
	{"old 3DES", OID_PBE_SHA1_3DES_3KEY, OID_PBKDF2, OID_HMAC_SHA1, OID_AES256_CBC, 1, 16, 8,
		ERR_UNSUPPORTED, "TripleDES"},
	{"old RC2", OID_PBE_SHA1_RC2_40, OID_PBKDF2, OID_HMAC_SHA1, OID_AES256_CBC, 1, 16, 8, ERR_UNSUPPORTED,
		"40BitRC2"},
	{"unknown scheme", OID_FRIENDLY_NAME, OID_PBKDF2, OID_HMAC_SHA1, OID_AES256_CBC, 1, 16, 8,
		ERR_UNSUPPORTED, "friendlyName"},
};

static void algorithm_put(struct wire_writer *writer, const struct sealed_row *row)
{
	static const uint8_t octets[KEYSTORE_SALT_BYTES_MAX + 1];
	size_t algorithm = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(row->scheme));
	size_t params = tlv_open(writer, TLV_SEQUENCE);
	size_t kdf = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(row->kdf));
	size_t kdf_params = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OCTETS, bytes_of(octets, row->salt_bytes));
	tlv_put_uint(writer, row->iterations);
	size_t prf = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(row->prf));
	tlv_put(writer, TLV_NULL, BYTES_NONE);
	tlv_close(writer, prf);
	tlv_close(writer, kdf_params);
	tlv_close(writer, kdf);
	size_t cipher = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(row->cipher));
	tlv_put(writer, TLV_OCTETS, bytes_of(octets, row->iv_bytes));
	tlv_close(writer, cipher);
	tlv_close(writer, params);
	tlv_close(writer, algorithm);
}

static void sealed_key_rows(void)
{
	static const uint8_t sealed[32];
	for (size_t i = 0; i < ARRAY_COUNT(sealed_rows); i++) {
		const struct sealed_row *row = &sealed_rows[i];
		struct buf contents = BUF_INIT(1 << 16);
		struct wire_writer writer = wire_writer_init(&contents);
		size_t bags_at = tlv_open(&writer, TLV_SEQUENCE);
		size_t bag = tlv_open(&writer, TLV_SEQUENCE);
		tlv_put(&writer, TLV_OID, oid_bytes(OID_SHROUDED_KEY_BAG));
		size_t value = tlv_open(&writer, TLV_CONTEXT_0_CONSTRUCTED);
		size_t info = tlv_open(&writer, TLV_SEQUENCE);
		algorithm_put(&writer, row);
		tlv_put(&writer, TLV_OCTETS, bytes_of(sealed, sizeof(sealed)));
		tlv_close(&writer, info);
		tlv_close(&writer, value);
		tlv_close(&writer, bag);
		tlv_close(&writer, bags_at);
		struct p12 p12 = {0};
		struct keystore_error error = {0};
		CHECK(row->name, hand_read(buf_bytes(&contents), &p12, &error) == row->want);
		CHECK(row->name, error.err == row->want && strstr(error.sentence, row->word) != NULL);
		p12_release(&p12);
		buf_release(&contents);
	}
}

static void foreign_files(void)
{
	static const struct {
		const char *name, *hex;
		enum err want;
		const char *word;
	} rows[] = {
		{"empty file", "", ERR_MALFORMED, "no PKCS#12"},
		{"a JPEG", "ffd8ffe000104a46494600010100", ERR_MALFORMED, "no PKCS#12"},
		{"JKS", "feedfeed0000000200000001", ERR_MALFORMED, "no PKCS#12"},
		{"PEM", "2d2d2d2d2d424547494e", ERR_MALFORMED, "no PKCS#12"},
		{"BER indefinite", "30800201033080", ERR_UNSUPPORTED, "indefinite"},
		{"version 2", "3014020102300f06092a864886f70d010701a0020400", ERR_MALFORMED, "no PKCS#12"},
		{"no MAC", "3014020103300f06092a864886f70d010701a0020400", ERR_INVALID, "MAC"},
		{"signed, not MACed", "3014020103300f06092a864886f70d010702a0020400", ERR_UNSUPPORTED,
			"signedData"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		struct p12 p12 = {0};
		struct keystore_error error = {0};
		CHECK(rows[i].name,
			p12_read(test_bytes_view(&in), bytes_text("x"), &p12, &error) == rows[i].want);
		CHECK(rows[i].name, strstr(error.sentence, rows[i].word) != NULL);
	}
	struct bytes huge = {some_der, KEYSTORE_FILE_BYTES_MAX + 1};
	struct p12 p12 = {0};
	CHECK("file at max + 1", p12_read(huge, bytes_text("x"), &p12, NULL) == ERR_LIMIT);
}

static void every_allocation(void)
{
	bool passed = false;
	for (unsigned long n = 1; n < 1000 && !passed; n++) {
		struct buf file = BUF_INIT(1 << 20);
		struct keystore_error error = {0};
		test_alloc_fail_at(n);
		enum err err = put_sample(bytes_text("x"), &file);
		passed = !test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("writing", err == (passed ? ERR_OK : ERR_NOMEM));
		CHECK("nothing half written", passed || file.len == 0);
		if (passed) {
			bool read_passed = false;
			for (unsigned long m = 1; m < 1000 && !read_passed; m++) {
				struct p12 p12 = {0};
				test_alloc_fail_at(m);
				err = p12_read(buf_bytes(&file), bytes_text("x"), &p12, &error);
				read_passed = !test_alloc_failed();
				test_alloc_fail_at(0);
				CHECK("reading", err == (read_passed ? ERR_OK : ERR_NOMEM));
				CHECK("reading leaves nothing", read_passed || p12.keys == NULL);
				p12_release(&p12);
			}
			CHECK("reading passes in the end", read_passed);
		}
		buf_release(&file);
	}
	CHECK("writing passes in the end", passed);
}

int main(void)
{
	REQUIRE("crypto", crypto_init() == ERR_OK);
	round_trip("round trip", bytes_text(PASSPHRASE));
	round_trip("RFC 7292 B.1 empty passphrase", BYTES_NONE);
	wrong_passphrases();
	foreign_files();
	bag_rows();
	bag_counts();
	nesting();
	usage_rows();
	sealed_key_rows();
	every_octet_counts();
	every_allocation();
	crypto_cleanup();
	return test_result();
}
