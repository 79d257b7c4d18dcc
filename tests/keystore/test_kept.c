/*
 * test_kept.c - what is carried along and never used: how it comes in, that nothing serves or trusts it, that it comes
 *               out again as it was; each beside the refusal.
 * Owns:    nothing.
 * Never:   needs a tool of others (tests/cli/test_import.sh does) or test data (test_carried.c does).
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "keystore/store.h"
#include "tests/test.h"

#define PASS "pw"

/* RFC 8410: an Ed448 key, whose octets are nobody's. */
#define ED448_HEAD "3047 020100 3005 0603 2b6571 043b 0439"

static struct bytes ed448(uint8_t *out, uint8_t fill)
{
	struct test_bytes head = test_hex(ED448_HEAD);
	memcpy(out, head.data, head.len);
	memset(out + head.len, fill, 57);
	return bytes_of(out, head.len + 57);
}

/* A certificate that the parser refuses: there is no such version. */
static struct bytes odd_cert(const struct cert *cert, struct buf *out)
{
	struct bytes der = cert_der(cert);
	REQUIRE("odd", buf_append(out, der) == ERR_OK);
	for (size_t i = 0; i + 5 < out->len; i++) {
		if (memcmp(out->data + i, "\xa0\x03\x02\x01\x02", 5) == 0) {
			out->data[i + 4] = 9; /* version 10 */
			return buf_bytes(out);
		}
	}
	REQUIRE("odd", false);
	return BYTES_NONE;
}

static struct buf sealed(
	const struct p12_put_key *keys, size_t key_count, const struct p12_put_cert *certs, size_t cert_count)
{
	struct buf out = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	const struct p12_put put = {keys, key_count, certs, cert_count};
	REQUIRE("seal", p12_write(&put, bytes_text(PASS), &out, NULL) == ERR_OK);
	return out;
}

static struct keystore *empty(void)
{
	struct keystore *made = NULL;
	REQUIRE("new", keystore_new(&made) == ERR_OK);
	return made;
}

struct notes {
	unsigned count;
	bool mark_lost;
};

static void note(const char *sentence, void *ctx)
{
	struct notes *notes = ctx;
	notes->count++;
	notes->mark_lost =
		notes->mark_lost || strstr(sentence, "marked as trusted there, and is not here") != NULL;
}

static enum err import(struct keystore *keystore, const struct buf *file, bool keep, struct notes *notes,
	struct keystore_error *error)
{
	const struct keystore_import options = {.kind = KEYSTORE_ANCHOR,
		.passphrase = bytes_text(PASS),
		.collision = KEYSTORE_COLLISION_RENAME,
		.keep_unusable = keep,
		.note = note,
		.ctx = notes};
	*notes = (struct notes){0};
	return keystore_import(keystore, buf_bytes(file), &options, NULL, error);
}

static struct keystore_entry entry_of(const struct keystore *keystore, const char *alias)
{
	size_t index = 0;
	REQUIRE(alias, keystore_find(keystore, alias, &index));
	return keystore_at(keystore, index);
}

/* --- why --- */

static void reasons(void)
{
	static const struct {
		const char *name, *pkcs8, *word;
	} rows[] = {
		{"Ed448", "300c 020100 3005 0603 2b6571 0400", "Ed448 keys cannot be served; RSA"},
		{"X448", "300c 020100 3005 0603 2b656f 0400", "X448 keys cannot"},
		{"DSA", "3010 020100 3009 0607 2a8648ce380401 0400", "DSA keys cannot"},
		{"RSASSA-PSS", "3012 020100 300b 0609 2a864886f70d01010a 0400", "RSASSA-PSS keys cannot"},
		{"ML-KEM-768", "3012 020100 300b 0609 608648016503040402 0400", "ML-KEM-768 keys cannot"},
		{"ML-DSA-65", "3012 020100 300b 0609 608648016503040312 0400", "ML-DSA-65 keys cannot"},
		{"another", "300b 020100 3004 0602 2a03 0400", "1.2.3 keys cannot"},
		{"damaged RSA", "3012 020100 300b 0609 2a864886f70d010101 0400", "this RSA key cannot"},
		{"damaged EC", "3010 020100 3009 0607 2a8648ce3d0201 0400", "this EC key cannot"},
		{"no key at all", "3003 020100", "cannot be read"},
		{"nothing", "", "cannot be read"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes key = test_hex(rows[i].pkcs8);
		for (size_t len = 0; len <= key.len; len++) {
			char *why = NULL;
			REQUIRE(rows[i].name, kept_key_why(bytes_of(key.data, len), &why) == ERR_OK);
			CHECK(rows[i].name, why[0] != '\0');
			CHECK(rows[i].name, len < key.len || strstr(why, rows[i].word) != NULL);
			free(why);
		}
	}
}

/* --- one store of everything --- */

struct store {
	uint8_t ed[128];
	struct buf odd, odd_ca;
	struct buf file;
};

/* A key that serves, an Ed448 key with its certificate, a key whose certificate is odd, an odd CA marked as trusted. */
static struct store store_new(const struct fixture *pki, bool trusted)
{
	struct store made = {.odd = BUF_INIT(8192), .odd_ca = BUF_INIT(8192)};
	const struct bytes one = bytes_text("1");
	const struct bytes two = bytes_text("2");
	const struct bytes three = bytes_text("3");
	const struct p12_put_key keys[] = {{.pkcs8 = ed448(made.ed, 7), .name = "ed", .id = one},
		{.pkcs8 = secret_bytes(&pki->leaf.key), .name = "gate", .id = two},
		{.pkcs8 = secret_bytes(&pki->device.key), .name = "lost", .id = three}};
	const struct p12_put_cert certs[] = {{.der = cert_der(pki->old.cert), .name = "ed", .id = one},
		{.der = cert_der(pki->leaf.cert), .name = "gate", .id = two},
		{.der = odd_cert(pki->device.cert, &made.odd), .name = "pin:lost", .id = three},
		{.der = odd_cert(pki->root.cert, &made.odd_ca), .name = "plant", .trusted = trusted}};
	made.file = sealed(keys, ARRAY_COUNT(keys), certs, ARRAY_COUNT(certs));
	return made;
}

static void store_free(struct store *store)
{
	buf_release(&store->odd);
	buf_release(&store->odd_ca);
	buf_release(&store->file);
}

static enum err key_same(struct bytes pkcs8, void *ctx)
{
	const struct bytes *want = ctx;
	return bytes_equal(pkcs8, *want) ? ERR_OK : ERR_INVALID;
}

/* Nothing finds one that looks for a key, an anchor or a pin. */
static void unused_check(const char *row, struct keystore *keystore)
{
	struct trust_set *trust = NULL;
	struct keystore_error error = {0};
	size_t index = 0;
	CHECK(row, keystore_identity(keystore, NULL, &index) &&
			   strcmp(keystore_at(keystore, index).alias, "gate") == 0);
	CHECK(row, keystore_identity(keystore, "gate", &index));
	CHECK(row, !keystore_identity(keystore, "ed", &index));
	CHECK(row, !keystore_identity(keystore, "plant", &index));
	REQUIRE(row, keystore_trust_set(keystore, 1, &trust) == ERR_OK);
	CHECK(row, trust_set_anchor_count(trust) == 0 && trust_set_pin_count(trust) == 0);
	trust_set_unref(trust);
	for (size_t i = 0; i < keystore_count(keystore); i++) {
		struct keystore_entry entry = keystore_at(keystore, i);
		struct bytes any = BYTES_NONE;
		if (entry.kind != KEYSTORE_KEPT) {
			CHECK(row, keystore_kept_key_use(keystore, i, key_same, &any) == ERR_NOT_FOUND);
			continue;
		}
		CHECK(row, keystore_key_use(keystore, i, key_same, &any) == ERR_NOT_FOUND);
		CHECK(row, !entry.key_usable && entry.pin_name == NULL);
		CHECK(row, keystore_mark(keystore, entry.alias, KEYSTORE_ANCHOR, &error) == ERR_INVALID);
		CHECK(row, strstr(error.sentence, "is a kept entry") != NULL);
		CHECK(row, keystore_mark(keystore, entry.alias, KEYSTORE_PIN, &error) == ERR_INVALID);
		CHECK(row, keystore_rename(keystore, entry.alias, "pin:x", &error) == ERR_INVALID);
		CHECK(row, keystore_at(keystore, i).kind == KEYSTORE_KEPT);
	}
}

/* All of it is there, as it was. */
static void whole_check(
	const char *row, struct keystore *keystore, const struct fixture *pki, struct store *store)
{
	struct bytes ed = bytes_of(store->ed, 73);
	size_t index = 0;
	CHECK(row, keystore_count(keystore) == 5);
	struct keystore_entry entry = entry_of(keystore, "ed");
	CHECK(row, entry.kind == KEYSTORE_KEPT && entry.kept_key && entry.chain_count >= 1);
	CHECK(row, entry.chain_count == 0 || bytes_equal(cert_der(entry.chain[0]), cert_der(pki->old.cert)));
	CHECK(row, strstr(entry.kept_why, "Ed448 keys cannot be served") != NULL);
	REQUIRE(row, keystore_find(keystore, "ed", &index));
	CHECK(row, keystore_kept_key_use(keystore, index, key_same, &ed) == ERR_OK);
	entry = entry_of(keystore, "lost");
	CHECK(row, entry.kind == KEYSTORE_KEY && entry.key_usable && entry.chain_count == 0);
	entry = entry_of(keystore, "plant");
	CHECK(row, entry.kind == KEYSTORE_KEPT && !entry.kept_key && entry.chain_count == 0);
	CHECK(row, bytes_equal(entry.kept_der, buf_bytes(&store->odd_ca)));
	CHECK(row, strstr(entry.kept_why, "refuses the certificate") != NULL);
	REQUIRE(row, keystore_find(keystore, "plant", &index));
	CHECK(row, keystore_kept_key_use(keystore, index, key_same, &ed) == ERR_NOT_FOUND);
	unused_check(row, keystore);
}

/* The key and the certificate that it is joined to have one identifier, which no other entry has. */
static void joined_check(const char *row, const struct keystore *keystore, const char *key, const char *cert)
{
	size_t a = 0;
	size_t b = 0;
	REQUIRE(row, keystore_find(keystore, key, &a) && keystore_find(keystore, cert, &b));
	struct bytes id = bytes_of(keystore->items[a].id, keystore->items[a].id_len);
	CHECK(row, id.len > 0);
	for (size_t i = 0; i < keystore->count; i++) {
		CHECK(row, bytes_equal(id, bytes_of(keystore->items[i].id, keystore->items[i].id_len)) ==
				   (i == a || i == b));
	}
}

static void round_trip(const struct fixture *pki)
{
	struct store store = store_new(pki, true);
	struct keystore *keystore = empty();
	struct keystore *again = NULL;
	struct keystore_error error = {0};
	struct notes notes = {0};
	struct buf file = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	CHECK("import", import(keystore, &store.file, true, &notes, &error) == ERR_OK);
	CHECK("a mark that is lost is told", notes.mark_lost);
	whole_check("import", keystore, pki, &store);
	CHECK("a pin's name is taken off it", entry_of(keystore, "lost-2").kind == KEYSTORE_KEPT);
	joined_check("import", keystore, "lost", "lost-2");
	REQUIRE("encode", keystore_encode(keystore, bytes_text(PASS), &file, &error) == ERR_OK);
	REQUIRE("decode", keystore_decode(buf_bytes(&file), bytes_text(PASS), &again, &error) == ERR_OK);
	whole_check("decode", again, pki, &store);
	joined_check("decode", again, "lost", "lost-2");
	/* The same identifiers from elsewhere are not the same. */
	CHECK("import again", import(again, &store.file, true, &notes, &error) == ERR_OK);
	CHECK("import again", keystore_count(again) == 10);
	joined_check("import again", again, "lost", "lost-2");
	joined_check("import again", again, "lost-3", "lost-4");
	CHECK("remove", keystore_remove(again, "ed", &error) == ERR_OK &&
				keystore_remove(again, "plant", &error) == ERR_OK);
	CHECK("remove", keystore_count(again) == 8);
	keystore_free(again);
	keystore_free(keystore);
	buf_release(&file);
	store_free(&store);
}

/* Who does not ask for it has it left out, with a word; alone it is refused. */
static void not_asked_for(const struct fixture *pki)
{
	struct store store = store_new(pki, true);
	struct keystore *keystore = empty();
	struct keystore_error error = {0};
	struct notes notes = {0};
	uint8_t ed[128];
	const struct p12_put_key key = {.pkcs8 = ed448(ed, 1), .name = "ed"};
	struct buf alone = sealed(&key, 1, NULL, 0);
	CHECK("left out", import(keystore, &store.file, false, &notes, &error) == ERR_OK);
	CHECK("left out", keystore_count(keystore) == 2 && notes.count == 3);
	for (size_t i = 0; i < keystore_count(keystore); i++) {
		CHECK("left out", keystore_at(keystore, i).kind == KEYSTORE_KEY);
	}
	CHECK("alone", import(keystore, &alone, false, &notes, &error) == ERR_UNSUPPORTED);
	CHECK("alone", strstr(error.sentence, "Ed448") != NULL && keystore_count(keystore) == 2);
	CHECK("alone, kept", import(keystore, &alone, true, &notes, &error) == ERR_OK);
	CHECK("alone, kept", keystore_count(keystore) == 3);
	CHECK("no way in by the others",
		keystore_add_cert(keystore, "x", pki->leaf.cert, KEYSTORE_KEPT, &error) == ERR_INVALID);
	CHECK("no way in by the others",
		keystore_add_key(keystore, "x", ed448(ed, 2), NULL, 0, &error) == ERR_UNSUPPORTED);
	struct buf pem = BUF_INIT(8192);
	const struct secret lone = {.data = ed, .len = 73};
	fixture_pem_key(&pem, &lone);
	CHECK("by hand, alone", import(keystore, &pem, true, &notes, &error) == ERR_UNSUPPORTED);
	fixture_pem_cert(&pem, pki->device.cert);
	CHECK("by hand, in company", import(keystore, &pem, true, &notes, &error) == ERR_OK);
	pem.len = 0;
	CHECK("nothing", import(keystore, &pem, true, &notes, &error) == ERR_MALFORMED);
	buf_release(&alone);
	alone = sealed(NULL, 0, NULL, 0);
	CHECK("an empty file", import(keystore, &alone, true, &notes, &error) == ERR_UNSUPPORTED);
	CHECK("an empty file", strstr(error.sentence, "holds nothing: no private key") != NULL);
	keystore_free(keystore);
	buf_release(&pem);
	buf_release(&alone);
	store_free(&store);
}

/* --- what is served from --- */

/* PFX without its MacData. */
static struct buf without_mac(const struct buf *file)
{
	struct wire_reader whole = wire_reader_init(buf_bytes(file));
	struct wire_reader pfx = {0};
	struct tlv version = {0};
	struct tlv safe = {0};
	struct buf out = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct wire_writer writer = wire_writer_init(&out);
	REQUIRE("pfx", tlv_enter(&whole, TLV_SEQUENCE, &pfx) == ERR_OK &&
			       tlv_next(&pfx, &version) == ERR_OK && tlv_next(&pfx, &safe) == ERR_OK);
	size_t at = tlv_open(&writer, TLV_SEQUENCE);
	wire_put_bytes(&writer, version.whole);
	wire_put_bytes(&writer, safe.whole);
	tlv_close(&writer, at);
	REQUIRE("pfx", wire_writer_err(&writer) == ERR_OK);
	return out;
}

static void served(const struct fixture *pki)
{
	struct store plain = store_new(pki, false);
	struct store marked = store_new(pki, true);
	struct buf no_mac = without_mac(&plain.file);
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	CHECK("unmarked",
		keystore_decode(buf_bytes(&plain.file), bytes_text(PASS), &keystore, &error) == ERR_OK);
	REQUIRE("unmarked", keystore != NULL);
	unused_check("unmarked", keystore);
	keystore_free(keystore);
	keystore = NULL;
	CHECK("marked as trusted: somebody counts on it",
		keystore_decode(buf_bytes(&marked.file), bytes_text(PASS), &keystore, &error) != ERR_OK);
	CHECK("marked as trusted",
		keystore == NULL && strstr(error.sentence, "'plant' cannot be read") != NULL);
	CHECK("no MAC is never served",
		keystore_decode(buf_bytes(&no_mac), bytes_text(PASS), &keystore, &error) == ERR_INVALID);
	CHECK("no MAC", keystore == NULL && strstr(error.sentence, "integrity check") != NULL);
	CHECK("another passphrase",
		keystore_decode(buf_bytes(&plain.file), bytes_text("no"), &keystore, &error) == ERR_DENIED);
	buf_release(&no_mac);
	store_free(&plain);
	store_free(&marked);
}

/* --- limits --- */

/* Without names, so that each has to be given one. */
static void entries_limit(void)
{
	struct p12_put_cert *certs = calloc(KEYSTORE_ENTRIES_MAX + 1, sizeof(*certs));
	REQUIRE("memory", certs != NULL);
	for (size_t i = 0; i <= KEYSTORE_ENTRIES_MAX; i++) {
		certs[i] = (struct p12_put_cert){.der = bytes_text("junk")};
	}
	for (size_t more = 0; more < 2; more++) {
		struct buf file = sealed(NULL, 0, certs, KEYSTORE_ENTRIES_MAX + more);
		struct keystore *keystore = NULL;
		struct keystore_error error = {0};
		CHECK("entries", keystore_decode(buf_bytes(&file), bytes_text(PASS), &keystore, &error) ==
					 (more == 0 ? ERR_OK : ERR_LIMIT));
		CHECK("entries", more == 1 || keystore_count(keystore) == KEYSTORE_ENTRIES_MAX);
		keystore_free(keystore);
		buf_release(&file);
	}
	free(certs);
}

/* Nothing at all where a certificate should be; a key that we could not read again. */
static void nothing_in_it(void)
{
	static const struct p12_put_cert certs[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
	struct buf file = sealed(NULL, 0, certs, ARRAY_COUNT(certs));
	struct buf again = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct keystore *keystore = empty();
	struct keystore *read = NULL;
	struct keystore_error error = {0};
	struct notes notes = {0};
	struct entry entry = {0};
	CHECK("no octets", import(keystore, &file, true, &notes, &error) == ERR_OK);
	CHECK("no octets", keystore_count(keystore) == 3);
	CHECK("no octets", keystore_encode(keystore, bytes_text(PASS), &again, &error) == ERR_OK);
	CHECK("no octets", keystore_decode(buf_bytes(&again), bytes_text(PASS), &read, &error) == ERR_OK);
	CHECK("no octets", read != NULL && keystore_count(read) == 3);
	REQUIRE("key", entry_init(&entry, "k", KEYSTORE_KEPT) == ERR_OK &&
			       secret_copy(bytes_text("no DER"), &entry.pkcs8) == ERR_OK &&
			       kept_key_why(secret_bytes(&entry.pkcs8), &entry.why) == ERR_OK);
	entry.kept_key = true;
	CHECK("no PKCS#8", store_add_kept(keystore, "k", &entry, &error) == ERR_UNSUPPORTED);
	CHECK("no PKCS#8", keystore_count(keystore) == 3);
	entry_release(&entry);
	keystore_free(keystore);
	keystore_free(read);
	buf_release(&file);
	buf_release(&again);
}

static void sizes_limit(void)
{
	static const struct {
		const char *name;
		size_t key, cert;
		enum err want;
	} rows[] = {
		{"a key at its most", KEYSTORE_KEY_BYTES_MAX / 2, 0, ERR_OK},
		{"a key one longer", KEYSTORE_KEY_BYTES_MAX / 2 + 1, 0, ERR_LIMIT},
		{"a certificate at its most", 0, X509_CERT_BYTES_MAX, ERR_OK},
		{"a certificate one longer", 0, X509_CERT_BYTES_MAX + 1, ERR_LIMIT},
	};
	uint8_t *bytes = calloc(1, X509_CERT_BYTES_MAX + KEYSTORE_KEY_BYTES_MAX);
	REQUIRE("memory", bytes != NULL);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct keystore *keystore = empty();
		struct keystore_error error = {0};
		struct notes notes = {0};
		size_t len = rows[i].key;
		bytes[0] = 0x30; /* a SEQUENCE of that many octets in all, of which nobody makes sense */
		bytes[1] = 0x82;
		bytes[2] = (uint8_t)((len - 4) >> 8);
		bytes[3] = (uint8_t)(len - 4);
		const struct p12_put_key key = {.pkcs8 = bytes_of(bytes, len), .name = "k"};
		const struct p12_put_cert cert = {.der = bytes_of(bytes, rows[i].cert), .name = "c"};
		struct buf file = sealed(&key, len > 0 ? 1 : 0, &cert, rows[i].cert > 0 ? 1 : 0);
		CHECK(rows[i].name, import(keystore, &file, true, &notes, &error) == rows[i].want);
		CHECK(rows[i].name, keystore_count(keystore) == (rows[i].want == ERR_OK ? 1 : 0));
		keystore_free(keystore);
		buf_release(&file);
	}
	free(bytes);
}

/* Keys that are kept cost as much as others, and are counted with them. */
static void keys_limit(void)
{
	struct keystore *keystore = empty();
	struct keystore_error error = {0};
	struct buf out = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct entry entry = {0};
	uint8_t ed[128];
	REQUIRE("key", entry_init(&entry, "ed", KEYSTORE_KEPT) == ERR_OK &&
			       secret_copy(ed448(ed, 3), &entry.pkcs8) == ERR_OK &&
			       kept_key_why(secret_bytes(&entry.pkcs8), &entry.why) == ERR_OK);
	entry.kept_key = true;
	for (unsigned i = 0; i <= P12_KEYS_MAX; i++) {
		char alias[16];
		(void)snprintf(alias, sizeof(alias), "k%u", i);
		REQUIRE(alias, store_add_kept(keystore, alias, &entry, &error) == ERR_OK);
	}
	CHECK("keys", keystore_encode(keystore, bytes_text(PASS), &out, &error) == ERR_LIMIT && out.len == 0);
	CHECK("taken", store_add_kept(keystore, "K0", &entry, &error) == ERR_EXISTS);
	CHECK("no name", store_add_kept(keystore, "a\nb", &entry, &error) == ERR_INVALID);
	entry_release(&entry);
	keystore_free(keystore);
	buf_release(&out);
}

static void every_allocation(const struct fixture *pki)
{
	struct store store = store_new(pki, true);
	bool passed = false;
	for (unsigned long n = 1; n < 4000 && !passed; n++) {
		struct keystore *keystore = empty();
		struct notes notes = {0};
		test_alloc_fail_at(n);
		enum err err = import(keystore, &store.file, true, &notes, NULL);
		passed = !test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("import", passed ? err == ERR_OK : err == ERR_OK || err == ERR_NOMEM);
		CHECK("whole or not at all", keystore_count(keystore) == (err == ERR_OK ? 5 : 0));
		keystore_free(keystore);
	}
	CHECK("import passes in the end", passed);
	store_free(&store);
}

int main(void)
{
	REQUIRE("crypto", crypto_init() == ERR_OK);
	struct fixture pki = fixture_new();
	reasons();
	round_trip(&pki);
	not_asked_for(&pki);
	served(&pki);
	entries_limit();
	nothing_in_it();
	sizes_limit();
	keys_limit();
	every_allocation(&pki);
	fixture_free(&pki);
	crypto_cleanup();
	return test_result();
}
