/*
 * test_ocsp.c - reading and making OCSP responses and requests (RFC 6960 4): what is DER but no response, every limit at and
 *               above it, cut at every byte, a byte changed anywhere, every allocation failing; cache keys and order of age.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/x509/pki.h"
#include "x509/ocsp.h"

struct plant {
	struct pki root, other, leaf, next, responder;
};

static struct ocsp_response *parse(struct bytes der, enum err *err)
{
	struct ocsp_response *response = NULL;
	struct x509_error error = {0};
	*err = ocsp_response_parse(der, &response, &error);
	CHECK("a response or a reason", (response != NULL) == (*err == ERR_OK));
	CHECK("what is wrong is said", *err == ERR_OK || (error.what != NULL && error.err == *err));
	CHECK("where is inside", error.offset <= der.len);
	return response;
}

/* --- what is read --- */

static void test_fields(const struct plant *plant)
{
	static const uint8_t nonce[] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct pki_ocsp make = {.issuer = &plant->root,
		.cert = plant->leaf.cert,
		.signer = &plant->responder,
		.status = OCSP_SAYS_REVOKED,
		.reason = 1,
		.this_update = PKI_NOW - 10,
		.next_update = PKI_NOW + 20,
		.produced_at = PKI_NOW - 5,
		.nonce = bytes_of(nonce, sizeof(nonce))};
	struct ocsp_response *response = pki_ocsp_made(&make);
	CHECK("status", ocsp_response_status(response) == OCSP_STATUS_SUCCESSFUL);
	CHECK("producedAt", ocsp_response_produced_at(response) == PKI_NOW - 5);
	CHECK("thisUpdate", ocsp_response_this_update(response) == PKI_NOW - 10);
	CHECK("nextUpdate", ocsp_response_next_update(response) == PKI_NOW + 20);
	CHECK("singles", ocsp_response_single_count(response) == 1);
	CHECK("reason", response->singles[0].reason == 1);
	CHECK("revokedAt", response->singles[0].revoked_at == PKI_NOW - PKI_DAY);
	CHECK("certificates", response->cert_count == 1);
	CHECK("nonce", bytes_equal(ocsp_response_nonce(response), make.nonce));
	CHECK("about the leaf", ocsp_response_is_about(response, plant->leaf.cert, plant->root.cert));
	CHECK("not about another", !ocsp_response_is_about(response, plant->next.cert, plant->root.cert));
	CHECK("not under another key",
		!ocsp_response_is_about(response, plant->leaf.cert, plant->other.cert));
	CHECK("the nonce that was sent", ocsp_response_nonce_fits(response, make.nonce));
	CHECK("another nonce", !ocsp_response_nonce_fits(response, bytes_of(nonce, 7)));
	CHECK("no nonce was sent", ocsp_response_nonce_fits(response, BYTES_NONE));
	CHECK("DER is kept", ocsp_response_der(response).len > 100);
	uint8_t hash[SHA256_BYTES];
	hash_of(HASH_SHA256, ocsp_response_der(response), hash);
	CHECK("and its hash", memcmp(hash, ocsp_response_sha256(response), sizeof(hash)) == 0);
	struct ocsp_response *again = ocsp_response_ref(response);
	ocsp_response_unref(response);
	CHECK("counted", ocsp_response_single_count(again) == 1);
	ocsp_response_unref(again);
	ocsp_response_unref(NULL);

	make.nonce = BYTES_NONE;
	make.next_update = X509_NEVER;
	response = pki_ocsp_made(&make);
	CHECK("a nonce may be left out (RFC 9654 2.1)",
		ocsp_response_nonce_fits(response, bytes_of(nonce, sizeof(nonce))));
	CHECK("without nextUpdate for a week",
		ocsp_response_next_update(response) == PKI_NOW - 10 + 7 * PKI_DAY);
	ocsp_response_unref(response);
}

/* RFC 6960 4.1.1: each hash, and name, key and serial number each on its own. */
static void test_cert_id(const struct plant *plant)
{
	static const enum hash_alg hashes[] = {HASH_SHA1, HASH_SHA256, HASH_SHA384, HASH_SHA512};
	for (size_t i = 0; i < ARRAY_COUNT(hashes); i++) {
		struct ocsp_response *response = pki_ocsp_made(&(struct pki_ocsp){.issuer = &plant->root,
			.cert = plant->leaf.cert,
			.hash = hashes[i],
			.status = OCSP_SAYS_GOOD});
		const char *row = ocsp_hash_oid(hashes[i]);
		struct ocsp_single *single = response->singles;
		uint8_t *parts[] = {UNCONST(uint8_t, single->name_hash.data),
			UNCONST(uint8_t, single->key_hash.data), UNCONST(uint8_t, single->serial.data)};
		CHECK(row, single->hash == hashes[i]);
		CHECK(row, single->name_hash.len == hash_bytes(hashes[i]));
		CHECK(row, ocsp_single_is_about(single, plant->leaf.cert, plant->root.cert));
		CHECK(row, ocsp_response_usable_for(response, plant->leaf.cert, plant->root.cert, PKI_NOW,
				   false, NULL) == X509_OK);
		for (size_t j = 0; j < ARRAY_COUNT(parts); j++) {
			parts[j][5] ^= 1;
			CHECK(row, !ocsp_single_is_about(single, plant->leaf.cert, plant->root.cert));
			parts[j][5] ^= 1;
		}
		single->hash = HASH_COUNT_;
		CHECK("an unknown hash matches nothing",
			!ocsp_single_is_about(single, plant->leaf.cert, plant->root.cert));
		ocsp_response_unref(response);
	}
}

/* --- what is refused --- */

#define HASH20 "0414000102030405060708090a0b0c0d0e0f10111213"

/* A response in parts: what stands before the responses, one SingleResponse behind its CertID, what follows. Unsigned. */
struct parts {
	const char *name;
	const char *head,
		*single; /* single NULL: no responses field; "": an empty one; "!…": with its CertID */
	const char *tail, *certs;
	enum err want;
};

static void put_hex(struct der_writer *writer, const char *hex)
{
	struct test_bytes raw = test_hex(hex);
	der_put_raw(writer, test_bytes_view(&raw));
}

static void put_tbs(struct der_writer *writer, const struct parts *parts)
{
	der_put_begin(writer, DER_SEQUENCE);
	put_hex(writer, parts->head);
	if (parts->single != NULL) {
		der_put_begin(writer, DER_SEQUENCE);
		if (parts->single[0] != '\0') {
			der_put_begin(writer, DER_SEQUENCE);
			if (parts->single[0] != '!') {
				put_hex(writer, "303a 300906052b0e03021a0500" HASH20 HASH20 "020105");
			}
			put_hex(writer, parts->single + (parts->single[0] == '!' ? 1 : 0));
			der_put_end(writer);
		}
		der_put_end(writer);
	}
	put_hex(writer, parts->tail);
	der_put_end(writer);
}

/* extra: at the end of which of the five containers, from the inside, something is that should not be; 5: none. */
static void put_parts(struct buf *out, const char *type, const struct parts *parts, size_t extra)
{
	static const uint8_t signature[] = {1, 2, 3};
	struct der_writer writer = der_writer_init(out);
	out->len = 0;
	der_put_begin(&writer, DER_SEQUENCE);
	der_put(&writer, DER_ENUMERATED, bytes_of("\0", 1));
	der_put_begin(&writer, DER_CONTEXT_CONSTRUCTED(0));
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_oid(&writer, type);
	der_put_begin(&writer, DER_OCTET_STRING);
	der_put_begin(&writer, DER_SEQUENCE);
	put_tbs(&writer, parts);
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_oid(&writer, "1.2.840.10045.4.3.2");
	der_put_end(&writer);
	der_put_bit_octets(&writer, bytes_of(signature, sizeof(signature)));
	put_hex(&writer, parts->certs);
	for (size_t i = 0; i < 5; i++) {
		put_hex(&writer, i == extra ? "0500" : "");
		der_put_end(&writer);
	}
	REQUIRE(parts->name, der_writer_err(&writer) == ERR_OK);
}

#define BYKEY "a2160414000102030405060708090a0b0c0d0e0f10111213"
#define TIME  "180f32303236313131383230353332305a"
#define HEAD  BYKEY TIME
#define GOOD  "8000"

static void test_refused(void)
{
	static const struct parts rows[] = {
		{"the least there can be", HEAD, "", "", "", ERR_OK},
		{"one good single", HEAD, GOOD TIME, "", "", ERR_OK},
		{"v1 written out (as some do)", "a003020100" HEAD, "", "", "", ERR_OK},
		{"v2", "a003020101" HEAD, "", "", "", ERR_MALFORMED},
		{"the version twice", "a006020100020100" HEAD, "", "", "", ERR_MALFORMED},
		{"a responder by name", "a111 300f310d300b06035504030c0454657374" TIME, "", "", "", ERR_OK},
		{"a name and something", "a113 300f310d300b06035504030c0454657374 0500" TIME, "", "", "",
			ERR_MALFORMED},
		{"no responder", TIME, "", "", "", ERR_MALFORMED},
		{"a key hash of 19 octets", "a2150413000102030405060708090a0b0c0d0e0f101112" TIME, "", "", "",
			ERR_MALFORMED},
		{"a key hash and something", "a2180414000102030405060708090a0b0c0d0e0f101112130500" TIME, "",
			"", "", ERR_MALFORMED},
		{"a responder of a third kind", "a3160414000102030405060708090a0b0c0d0e0f10111213" TIME, "",
			"", "", ERR_MALFORMED},
		{"producedAt in UTCTime", BYKEY "170d3236313131383230353332305a", "", "", "", ERR_MALFORMED},
		{"producedAt with a fraction", BYKEY "181132303236313131383230353332302e355a", "", "", "",
			ERR_MALFORMED},
		{"responses missing", HEAD, NULL, "", "", ERR_MALFORMED},
		{"data behind the last field", HEAD, "", "0500", "", ERR_MALFORMED},
		{"extensions: none in it", HEAD, "", "a1023000", "", ERR_MALFORMED},
		{"extensions: one", HEAD, "", "a10c300a300806022a0304020500", "", ERR_OK},
		{"extensions: one and something", HEAD, "", "a10e300a300806022a03040205000500", "",
			ERR_MALFORMED},
		{"certs", HEAD, "", "", "a0023000", ERR_OK},
		{"certs: one that is none is passed over", HEAD, "", "", "a00430023000", ERR_OK},
		{"certs: no SEQUENCE in it", HEAD, "", "", "a00430020500", ERR_MALFORMED},
		{"certs: something beside the list", HEAD, "", "", "a00430000500", ERR_MALFORMED},
		{"a broken single before good extensions", HEAD, "8300" TIME, "a10c300a300806022a0304020500",
			"", ERR_MALFORMED},
		{"behind certs", HEAD, "", "", "a00230000500", ERR_MALFORMED},
		{"something that is not certs", HEAD, "", "", "0500", ERR_MALFORMED},
		{"good with content", HEAD, "800105" TIME, "", "", ERR_MALFORMED},
		{"good, constructed", HEAD, "a000" TIME, "", "", ERR_MALFORMED},
		{"unknown", HEAD, "8200" TIME, "", "", ERR_OK},
		{"unknown with content", HEAD, "820100" TIME, "", "", ERR_MALFORMED},
		{"a status of a fourth kind", HEAD, "8300" TIME, "", "", ERR_MALFORMED},
		{"revoked", HEAD, "a111" TIME TIME, "", "", ERR_OK},
		{"revoked without a time", HEAD, "a100" TIME, "", "", ERR_MALFORMED},
		{"revoked, reason 1", HEAD, "a116" TIME "a0030a0101" TIME, "", "", ERR_OK},
		{"revoked, reason 7 (RFC 5280 5.3.1: not used)", HEAD, "a116" TIME "a0030a0107" TIME, "", "",
			ERR_MALFORMED},
		{"revoked, reason 10", HEAD, "a116" TIME "a0030a010a" TIME, "", "", ERR_OK},
		{"revoked, reason 11", HEAD, "a116" TIME "a0030a010b" TIME, "", "", ERR_MALFORMED},
		{"revoked, behind the reason", HEAD, "a118" TIME "a0030a01010500" TIME, "", "",
			ERR_MALFORMED},
		{"revoked, two reasons", HEAD, "a119" TIME "a0060a01010a0101" TIME, "", "", ERR_MALFORMED},
		{"nextUpdate", HEAD, GOOD TIME "a011" TIME, "", "", ERR_OK},
		{"nextUpdate before thisUpdate", HEAD, GOOD TIME "a011180f32303236313131383230353331395a", "",
			"", ERR_MALFORMED},
		{"two times in nextUpdate", HEAD, GOOD TIME "a022" TIME TIME, "", "", ERR_MALFORMED},
		{"behind nextUpdate", HEAD, GOOD TIME "a011" TIME "0500", "", "", ERR_MALFORMED},
		{"an extension of a single", HEAD, GOOD TIME "a10c300a300806022a0304020500", "", "", ERR_OK},
		{"behind the extensions of a single", HEAD, GOOD TIME "a10c300a300806022a03040205000500", "",
			"", ERR_MALFORMED},
		{"behind a single", HEAD, GOOD TIME "0500", "", "", ERR_MALFORMED},
		{"no thisUpdate", HEAD, GOOD, "", "", ERR_MALFORMED},
		{"no status", HEAD, TIME, "", "", ERR_MALFORMED},
		{"CertID: without parameters", HEAD,
			"!3038 300706052b0e03021a" HASH20 HASH20 "020105" GOOD TIME, "", "", ERR_OK},
		{"CertID: parameters that are not NULL", HEAD,
			"!303b 300a06052b0e03021a020105" HASH20 HASH20 "020105" GOOD TIME, "", "",
			ERR_MALFORMED},
		{"CertID: NULL with content", HEAD,
			"!303b 300a06052b0e03021a050105" HASH20 HASH20 "020105" GOOD TIME, "", "",
			ERR_MALFORMED},
		{"CertID: an unknown hash has parameters of its own", HEAD,
			"!3014 300706022a03020105 04020102 04020304 020105" GOOD TIME, "", "", ERR_OK},
		{"CertID: a name hash of 19 octets", HEAD,
			"!3039 300906052b0e03021a0500 0413000102030405060708090a0b0c0d0e0f101112" HASH20
			"020105" GOOD TIME,
			"", "", ERR_MALFORMED},
		{"CertID: a key hash of 19 octets", HEAD,
			"!3039 300906052b0e03021a0500" HASH20 "0413000102030405060708090a0b0c0d0e0f101112"
			"020105" GOOD TIME,
			"", "", ERR_MALFORMED},
		{"CertID: something behind", HEAD,
			"!303c 300906052b0e03021a0500" HASH20 HASH20 "0201050500" GOOD TIME, "", "",
			ERR_MALFORMED},
		{"CertID: X.690 8.3.2 a serial number with a superfluous octet", HEAD,
			"!303b 300906052b0e03021a0500" HASH20 HASH20 "02020005" GOOD TIME, "", "",
			ERR_MALFORMED},
	};
	struct buf der = BUF_INIT(X509_OCSP_BYTES_MAX);
	enum err err = ERR_OK;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		put_parts(&der, "1.3.6.1.5.5.7.48.1.1", &rows[i], 5);
		ocsp_response_unref(parse(buf_bytes(&der), &err));
		CHECK(rows[i].name, err == rows[i].want);
	}
	for (size_t extra = 0; extra < 5; extra++) {
		put_parts(&der, "1.3.6.1.5.5.7.48.1.1", &rows[0], extra);
		ocsp_response_unref(parse(buf_bytes(&der), &err));
		CHECK("something behind, at each level", err == ERR_MALFORMED);
	}
	put_parts(&der, "1.3.6.1.5.5.7.48.1.2", &rows[0], 5);
	ocsp_response_unref(parse(buf_bytes(&der), &err));
	CHECK("another type of response", err == ERR_UNSUPPORTED);
	buf_release(&der);
}

/* RFC 6960 4.2.1: the statuses, with and without what must not be there. */
static void test_statuses(void)
{
	static const struct {
		const char *name, *hex;
		enum err want;
		enum ocsp_response_status status;
	} rows[] = {
		{"malformedRequest", "30030a0101", ERR_OK, OCSP_STATUS_MALFORMED_REQUEST},
		{"internalError", "30030a0102", ERR_OK, OCSP_STATUS_INTERNAL_ERROR},
		{"tryLater", "30030a0103", ERR_OK, OCSP_STATUS_TRY_LATER},
		{"4 is not used", "30030a0104", ERR_MALFORMED, 0},
		{"sigRequired", "30030a0105", ERR_OK, OCSP_STATUS_SIG_REQUIRED},
		{"unauthorized", "30030a0106", ERR_OK, OCSP_STATUS_UNAUTHORIZED},
		{"7", "30030a0107", ERR_MALFORMED, 0},
		{"successful without a response", "30030a0100", ERR_MALFORMED, 0},
		{"tryLater with something", "30050a0103a000", ERR_MALFORMED, 0},
		{"no status", "3000", ERR_MALFORMED, 0},
		{"an INTEGER", "3003020101", ERR_MALFORMED, 0},
		{"something behind", "30030a01010500", ERR_MALFORMED, 0},
		{"nothing", "", ERR_MALFORMED, 0},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes hex = test_hex(rows[i].hex);
		enum err err = ERR_OK;
		struct ocsp_response *response = parse(test_bytes_view(&hex), &err);
		CHECK(rows[i].name, err == rows[i].want);
		if (response != NULL) {
			CHECK(rows[i].name, ocsp_response_status(response) == rows[i].status);
			CHECK(rows[i].name,
				strcmp(ocsp_response_status_name(rows[i].status), rows[i].name) == 0);
			CHECK(rows[i].name, ocsp_response_single_count(response) == 0);
			CHECK(rows[i].name, ocsp_response_this_update(response) == 0);
			CHECK(rows[i].name, ocsp_response_next_update(response) == 0);
		}
		ocsp_response_unref(response);
	}
}

/* --- limits --- */

static enum err make_many(
	const struct plant *plant, size_t singles, size_t certs, size_t extensions, struct buf *out)
{
	static struct x509_make_ocsp_single many[X509_OCSP_SINGLES_MAX + 1];
	static struct x509_make_extension more[OCSP_EXTENSIONS_MAX + 1];
	static char oids[OCSP_EXTENSIONS_MAX + 1][32];
	const struct cert *sent[X509_OCSP_CERTS_MAX + 1];
	static const uint8_t null[] = {0x05, 0x00};
	for (size_t i = 0; i < singles; i++) {
		many[i] = (struct x509_make_ocsp_single){.cert = plant->leaf.cert,
			.issuer = plant->root.cert,
			.reason = -1,
			.this_update = PKI_NOW,
			.next_update = X509_NEVER};
	}
	for (size_t i = 0; i < certs; i++) {
		sent[i] = plant->responder.cert;
	}
	for (size_t i = 0; i < extensions; i++) {
		(void)snprintf(oids[i], sizeof(oids[i]), "1.2.3.%zu", i);
		more[i] = (struct x509_make_extension){oids[i], false, bytes_of(null, sizeof(null))};
	}
	out->len = 0;
	return x509_make_ocsp(&(struct x509_make_ocsp){.singles = many,
				      .single_count = singles,
				      .produced_at = PKI_NOW,
				      .signer = plant->root.cert,
				      .signer_key_pkcs8 = secret_bytes(&plant->root.key),
				      .certs = sent,
				      .cert_count = certs,
				      .extensions = more,
				      .extension_count = extensions},
		out);
}

static void test_limits(const struct plant *plant)
{
	static uint8_t nonce[X509_OCSP_NONCE_MAX + 1];
	static uint8_t large[X509_OCSP_BYTES_MAX + 1] = {0x30};
	struct buf der = BUF_INIT(2u * X509_OCSP_BYTES_MAX);
	enum err err = ERR_OK;
	CHECK("256 singles", make_many(plant, X509_OCSP_SINGLES_MAX, 0, 0, &der) == ERR_OK);
	CHECK("257", make_many(plant, X509_OCSP_SINGLES_MAX + 1, 0, 0, &der) == ERR_LIMIT);
	CHECK("8 certificates", make_many(plant, 1, X509_OCSP_CERTS_MAX, 0, &der) == ERR_OK);
	CHECK("9", make_many(plant, 1, X509_OCSP_CERTS_MAX + 1, 0, &der) == ERR_LIMIT);
	CHECK("16 extensions", make_many(plant, 1, 0, OCSP_EXTENSIONS_MAX, &der) == ERR_OK);
	CHECK("17", make_many(plant, 1, 0, OCSP_EXTENSIONS_MAX + 1, &der) == ERR_LIMIT);
	for (uint8_t len = X509_OCSP_NONCE_MAX; len <= X509_OCSP_NONCE_MAX + 1; len++) {
		uint8_t value[3 + X509_OCSP_NONCE_MAX + 1] = {0x04, 0x81, len};
		struct x509_make_extension extension = {
			"1.3.6.1.5.5.7.48.1.2", false, bytes_of(value, 3u + len)};
		struct x509_make_ocsp make = {.produced_at = PKI_NOW,
			.signer = plant->root.cert,
			.signer_key_pkcs8 = secret_bytes(&plant->root.key),
			.extensions = &extension,
			.extension_count = 1};
		CHECK("RFC 9654 2.1: a nonce of 128 octets, not of 129",
			x509_make_ocsp(&make, &der) == (len == X509_OCSP_NONCE_MAX ? ERR_OK : ERR_LIMIT));
	}
	ocsp_response_unref(parse(bytes_of(large, X509_OCSP_BYTES_MAX), &err));
	CHECK("64 KiB are looked at", err == ERR_MALFORMED);
	ocsp_response_unref(parse(bytes_of(large, X509_OCSP_BYTES_MAX + 1), &err));
	CHECK("not one byte more", err == ERR_LIMIT);
	for (size_t len = X509_OCSP_NONCE_MAX; len <= X509_OCSP_NONCE_MAX + 1; len++) {
		der.len = 0;
		CHECK("a nonce of 128 octets, not of 129",
			(ocsp_request_make(plant->leaf.cert, plant->root.cert, HASH_SHA1,
				 bytes_of(nonce, len), &der) == ERR_OK) == (len == X509_OCSP_NONCE_MAX));
	}
	buf_release(&der);
}

static void test_repeated(const struct plant *plant)
{
	static const uint8_t null[] = {0x05, 0x00};
	const struct x509_make_extension twice[] = {{"1.2.3", false, bytes_of(null, sizeof(null))},
		{"1.2.3", false, bytes_of(null, sizeof(null))}};
	struct x509_make_ocsp_single single = {.cert = plant->leaf.cert,
		.issuer = plant->root.cert,
		.reason = -1,
		.this_update = PKI_NOW,
		.next_update = X509_NEVER};
	struct x509_make_ocsp make = {.singles = &single,
		.single_count = 1,
		.produced_at = PKI_NOW,
		.signer = plant->root.cert,
		.signer_key_pkcs8 = secret_bytes(&plant->root.key)};
	struct buf der = BUF_INIT(X509_OCSP_BYTES_MAX);
	make.extensions = twice;
	make.extension_count = 1;
	CHECK("an extension once", x509_make_ocsp(&make, &der) == ERR_OK);
	make.extension_count = 2;
	CHECK("an extension of the response twice", x509_make_ocsp(&make, &der) == ERR_INVALID);
	make.extension_count = 0;
	single.extensions = twice;
	single.extension_count = 2;
	CHECK("an extension of a single twice", x509_make_ocsp(&make, &der) == ERR_INVALID);
	single.extension_count = 0;
	single.hash = HASH_SHA224;
	CHECK("a hash that is none of a CertID", x509_make_ocsp(&make, &der) == ERR_INVALID);
	single.hash = HASH_SHA1;
	make.signer = plant->other.cert;
	CHECK("a key that is not the signer's", x509_make_ocsp(&make, &der) == ERR_INVALID);
	buf_release(&der);
}

/* --- damage --- */

static void test_damage(const struct plant *plant)
{
	static const uint8_t nonce[] = {9, 9, 9};
	struct buf der = BUF_INIT(X509_OCSP_BYTES_MAX);
	pki_ocsp_der(&(struct pki_ocsp){.issuer = &plant->root,
			     .cert = plant->leaf.cert,
			     .signer = &plant->responder,
			     .status = OCSP_SAYS_GOOD,
			     .nonce = bytes_of(nonce, sizeof(nonce))},
		&der);
	for (size_t len = 0; len < der.len; len++) {
		uint8_t *cut = NULL; /* of its own size, so that a read behind its end is seen */
		struct ocsp_response *response = NULL;
		REQUIRE("memory", bytes_dup(bytes_of(der.data, len), &cut) == ERR_OK);
		CHECK("cut at every byte",
			ocsp_response_parse(bytes_of(cut, len), &response, NULL) == ERR_MALFORMED);
		free(cut);
	}
	/* Whatever single bit is turned: not good any more. (The certificate sent along is signed, too.) */
	size_t read = 0;
	for (size_t i = 0; i < der.len; i++) {
		struct ocsp_response *response = NULL;
		der.data[i] ^= (uint8_t)(1u << (i % 8));
		if (ocsp_response_parse(buf_bytes(&der), &response, NULL) == ERR_OK) {
			read++;
			CHECK("a bit turned anywhere",
				ocsp_response_usable_for(response, plant->leaf.cert, plant->root.cert,
					PKI_NOW, false, NULL) != X509_OK);
		}
		ocsp_response_unref(response);
		der.data[i] ^= (uint8_t)(1u << (i % 8));
	}
	CHECK("some of them can be read", read > 20);
	buf_release(&der);
}

static void test_memory(const struct plant *plant)
{
	struct buf der = BUF_INIT(X509_OCSP_BYTES_MAX);
	pki_ocsp_der(&(struct pki_ocsp){.issuer = &plant->root,
			     .cert = plant->leaf.cert,
			     .signer = &plant->responder,
			     .status = OCSP_SAYS_GOOD},
		&der);
	unsigned long n = 0;
	for (bool failed = true; failed && n < 1000;) {
		struct ocsp_response *response = NULL;
		test_alloc_fail_at(++n);
		enum err err = ocsp_response_parse(buf_bytes(&der), &response, NULL);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("ERR_NOMEM, nothing else", err == (failed ? ERR_NOMEM : ERR_OK));
		CHECK("nothing half made", (response == NULL) == failed);
		ocsp_response_unref(response);
	}
	CHECK("several allocations failed", n > 4 && n < 1000);
	buf_release(&der);
}

/* --- requests, keys, age, files --- */

static void test_requests(const struct plant *plant)
{
	static const uint8_t nonce[] = {1, 2, 3, 4};
	struct buf der = BUF_INIT(4096);
	struct ocsp_request_view view;
	static const struct {
		const char *name;
		enum hash_alg hash;
		size_t nonce;
		enum err want;
	} rows[] = {
		{"SHA-1", HASH_SHA1, 0, ERR_OK},
		{"SHA-256", HASH_SHA256, 0, ERR_OK},
		{"SHA-1 with a nonce", HASH_SHA1, 4, ERR_OK},
		{"MD5", HASH_MD5, 0, ERR_INVALID},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		der.len = 0;
		CHECK(rows[i].name, ocsp_request_make(plant->leaf.cert, plant->root.cert, rows[i].hash,
					    bytes_of(nonce, rows[i].nonce), &der) == rows[i].want);
		if (rows[i].want != ERR_OK) {
			CHECK(rows[i].name, der.len == 0);
			continue;
		}
		CHECK(rows[i].name, ocsp_request_read(buf_bytes(&der), &view) == ERR_OK);
		CHECK(rows[i].name, view.count == 1);
		CHECK(rows[i].name, bytes_equal(view.serials[0], cert_serial(plant->leaf.cert)));
		CHECK(rows[i].name, bytes_equal(view.nonce, bytes_of(nonce, rows[i].nonce)));
		for (size_t len = 0; len < der.len; len++) {
			CHECK("a request cut at every byte",
				ocsp_request_read(bytes_of(der.data, len), &view) == ERR_MALFORMED);
		}
	}
	unsigned long n = 0;
	for (bool failed = true; failed && n < 1000;) {
		struct buf out = BUF_INIT(4096);
		test_alloc_fail_at(++n);
		enum err err = ocsp_request_make(
			plant->leaf.cert, plant->root.cert, HASH_SHA1, bytes_of(nonce, 4), &out);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("ERR_NOMEM, and nothing written", err == (failed ? ERR_NOMEM : ERR_OK));
		CHECK("ERR_NOMEM, and nothing written", !failed || out.len == 0);
		buf_release(&out);
	}
	buf_release(&der);
}

static void test_keys(const struct plant *plant)
{
	uint8_t a[SHA256_BYTES];
	uint8_t b[SHA256_BYTES];
	ocsp_key(plant->leaf.cert, plant->root.cert, a);
	ocsp_key(plant->leaf.cert, plant->root.cert, b);
	CHECK("stable", memcmp(a, b, sizeof(a)) == 0);
	ocsp_key(plant->next.cert, plant->root.cert, b);
	CHECK("another certificate", memcmp(a, b, sizeof(a)) != 0);
	ocsp_key(plant->leaf.cert, plant->other.cert, b);
	CHECK("another key", memcmp(a, b, sizeof(a)) != 0);
}

static void test_newer(const struct plant *plant)
{
	static const struct {
		const char *name;
		int64_t this_a, produced_a, this_b, produced_b;
		bool newer;
	} rows[] = {
		{"a later thisUpdate", 10, 10, 0, 20, true},
		{"an earlier thisUpdate, produced later", 0, 20, 10, 10, false},
		{"produced later", 10, 12, 10, 11, true},
		{"produced earlier", 10, 11, 10, 12, false},
		{"the same", 10, 10, 10, 10, false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct pki_ocsp make = {.issuer = &plant->root,
			.cert = plant->leaf.cert,
			.this_update = PKI_NOW + rows[i].this_a,
			.produced_at = PKI_NOW + rows[i].produced_a};
		struct ocsp_response *a = pki_ocsp_made(&make);
		make.this_update = PKI_NOW + rows[i].this_b;
		make.produced_at = PKI_NOW + rows[i].produced_b;
		struct ocsp_response *b = pki_ocsp_made(&make);
		CHECK(rows[i].name, ocsp_response_newer(a, b) == rows[i].newer);
		CHECK("anything is newer than nothing", ocsp_response_newer(a, NULL));
		ocsp_response_unref(a);
		ocsp_response_unref(b);
	}
}

/* The responder that other tests use: from a request to a status, and back. */
static void test_desk(const struct plant *plant)
{
	static const uint8_t nonce[] = {1, 2, 3};
	static const enum ocsp_says says[] = {OCSP_SAYS_GOOD};
	const struct cert *certs[] = {plant->leaf.cert};
	struct pki_ocsp_desk desk = {.issuer = &plant->root,
		.signer = &plant->responder,
		.certs = certs,
		.says = says,
		.count = 1,
		.keep_nonce = true};
	const struct {
		const char *name;
		const struct cert *cert;
		enum ocsp_response_status want;
	} rows[] = {{"known", plant->leaf.cert, OCSP_STATUS_SUCCESSFUL},
		{"not known", plant->next.cert, OCSP_STATUS_UNAUTHORIZED},
		{"no request", NULL, OCSP_STATUS_MALFORMED_REQUEST}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf request = BUF_INIT(4096);
		struct buf der = BUF_INIT(X509_OCSP_BYTES_MAX);
		struct ocsp_response *response = NULL;
		if (rows[i].cert != NULL) {
			REQUIRE(rows[i].name, ocsp_request_make(rows[i].cert, plant->root.cert, HASH_SHA256,
						      bytes_of(nonce, 3), &request) == ERR_OK);
		}
		pki_ocsp_reply(&desk, buf_bytes(&request), &der);
		REQUIRE(rows[i].name, ocsp_response_parse(buf_bytes(&der), &response, NULL) == ERR_OK);
		CHECK(rows[i].name, ocsp_response_status(response) == rows[i].want);
		CHECK(rows[i].name, ocsp_response_nonce_fits(response, bytes_of(nonce, 3)));
		CHECK(rows[i].name, (ocsp_response_usable_for(response, plant->leaf.cert, plant->root.cert,
					     PKI_NOW, false, NULL) == X509_OK) == (i == 0));
		ocsp_response_unref(response);
		buf_release(&der);
		buf_release(&request);
	}
}

int main(void)
{
	pki_init();
	struct plant plant = {.root = pki_root("Plant CA"), .other = pki_root("Plant CA")};
	plant.leaf = pki_leaf(&plant.root, "d1");
	plant.next = pki_leaf(&plant.root, "d2");
	plant.responder = pki_responder(&plant.root, "Responder", false);
	test_fields(&plant);
	test_cert_id(&plant);
	test_refused();
	test_statuses();
	test_limits(&plant);
	test_repeated(&plant);
	test_damage(&plant);
	test_memory(&plant);
	test_requests(&plant);
	test_keys(&plant);
	test_newer(&plant);
	test_desk(&plant);
	struct pki *all[] = {&plant.root, &plant.other, &plant.leaf, &plant.next, &plant.responder};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
	return test_result();
}
