/*
 * kept.c - entries that are carried along and never used: keys of a kind that nothing here can serve with, and
 *          certificates that are no strict DER. Why each is one, in words, and how it comes into a keystore.
 * Owns:    nothing beyond a call.
 * Never:   makes one an anchor, a pin, or a key that is served; parses a certificate that the parser refused.
 * Threads: one at a time.
 *
 * The bytes of such a certificate are opaque: they are compared, hashed and copied, no more. So what the strict parser
 * guards against cannot come in by this door, and it is written without the mark of trust: a later parser that
 * understands it finds an untrusted certificate.
 */
#include "keystore/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- why a key cannot be used --- */

/* Algorithms of private keys that people have, by the content octets of their OID. */
static const struct {
	const char *name;
	uint8_t len, oid[11];
} algorithms[] = {
	{"RSA", 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1}},
	{"RSASSA-PSS", 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10}},
	{"EC", 7, {0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1}},
	{"DSA", 7, {0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1}},
	{"Diffie-Hellman", 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 3, 1}},
	{"Diffie-Hellman", 7, {0x2a, 0x86, 0x48, 0xce, 0x3e, 2, 1}},
	{"X25519", 3, {0x2b, 0x65, 0x6e}},
	{"X448", 3, {0x2b, 0x65, 0x6f}},
	{"Ed25519", 3, {0x2b, 0x65, 0x70}},
	{"Ed448", 3, {0x2b, 0x65, 0x71}},
	{"ML-KEM-512", 9, {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, 1}},
	{"ML-KEM-768", 9, {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, 2}},
	{"ML-KEM-1024", 9, {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, 3}},
	{"ML-DSA-44", 9, {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17}},
	{"ML-DSA-65", 9, {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18}},
	{"ML-DSA-87", 9, {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19}},
};

/* PrivateKeyInfo ::= SEQUENCE { version INTEGER, algorithm AlgorithmIdentifier, … } (RFC 5958 section 2) */
static bool algorithm_get(struct bytes pkcs8, struct bytes *oid)
{
	struct wire_reader whole = wire_reader_init(pkcs8);
	struct wire_reader info = {0};
	struct wire_reader algorithm = {0};
	uint32_t version = 0;
	return tlv_enter(&whole, TLV_SEQUENCE, &info) == ERR_OK && tlv_get_uint(&info, &version) == ERR_OK &&
	       tlv_enter(&info, TLV_SEQUENCE, &algorithm) == ERR_OK &&
	       tlv_get(&algorithm, TLV_OID, oid) == ERR_OK;
}

/* What a key is called, and whether others of its algorithm can be used. */
static struct shown algorithm_shown(struct bytes pkcs8, bool *known)
{
	struct bytes oid = BYTES_NONE;
	*known = false;
	if (!algorithm_get(pkcs8, &oid)) {
		return (struct shown){""};
	}
	for (size_t i = 0; i < ARRAY_COUNT(algorithms); i++) {
		if (bytes_equal(oid, bytes_of(algorithms[i].oid, algorithms[i].len))) {
			const char *name = algorithms[i].name;
			*known = strcmp(name, "RSA") == 0 || strcmp(name, "EC") == 0 ||
				 strcmp(name, "Ed25519") == 0;
			return keystore_shown(bytes_text(name));
		}
	}
	return oid_shown(oid);
}

enum err kept_key_why(struct bytes pkcs8, char **out)
{
	struct keystore_error why = {0};
	bool known = false;
	struct shown name = algorithm_shown(pkcs8, &known);
	if (name.text[0] == '\0') {
		(void)keystore_fail(&why, ERR_OK, "the private key cannot be read");
	} else if (known) {
		(void)keystore_fail(&why, ERR_OK,
			"this %s key cannot be served: it is damaged, or of a size or curve other than RSA "
			"up to 4096 bits, EC P-256, P-384 and P-521",
			name.text);
	} else {
		(void)keystore_fail(&why, ERR_OK,
			"%s keys cannot be served; RSA, EC P-256, P-384, P-521 and Ed25519 can", name.text);
	}
	return bytes_dup_text(bytes_text(why.sentence), out);
}

enum err kept_cert_why(enum err parsed, const struct x509_error *error, char **out)
{
	struct keystore_error why = {0};
	(void)keystore_fail(&why, ERR_OK, "our strict reader refuses the certificate: %s (byte %zu)",
		error->what != NULL ? error->what : err_name(parsed), error->offset);
	return bytes_dup_text(bytes_text(why.sentence), out);
}

/* --- into a keystore --- */

/* A name that says nothing of trust: "pin:" is for pins. */
const char *kept_alias(const char *alias, bool key)
{
	while (alias_has_pin_prefix(alias)) {
		alias += strlen("pin:");
	}
	return alias[0] != '\0' ? alias : key ? "key" : "cert";
}

bool kept_key_framed(struct bytes pkcs8)
{
	struct wire_reader whole = wire_reader_init(pkcs8);
	struct wire_reader info = {0};
	return tlv_enter(&whole, TLV_SEQUENCE, &info) == ERR_OK && tlv_end(&whole) == ERR_OK;
}

/* A copy of everything but the attributes that we do not know, as for other entries. */
static enum err kept_copy(const struct entry *from, const char *alias, struct entry *out)
{
	struct entry made = {0};
	enum err err = entry_init(&made, alias, KEYSTORE_KEPT);
	made.kept_key = from->kept_key;
	if (err == ERR_OK && from->kept_key) {
		err = secret_copy(secret_bytes(&from->pkcs8), &made.pkcs8);
	}
	if (err == ERR_OK) {
		err = entry_chain_set(&made, (const struct cert *const *)from->chain, from->chain_count);
	}
	if (err == ERR_OK && !from->kept_key) {
		err = bytes_dup(bytes_of(from->der, from->der_len), &made.der);
		made.der_len = err == ERR_OK ? from->der_len : 0;
	}
	if (err == ERR_OK) {
		err = entry_id_set(&made, bytes_of(from->id, from->id_len));
	}
	if (err == ERR_OK) {
		err = bytes_dup_text(bytes_text(from->why), &made.why);
	}
	if (err != ERR_OK) {
		entry_release(&made);
		return err;
	}
	*out = made;
	return ERR_OK;
}

enum err store_add_kept(
	struct keystore *keystore, const char *alias, const struct entry *from, struct keystore_error *error)
{
	struct entry entry = {0};
	assert(from->kind == KEYSTORE_KEPT);
	alias = kept_alias(alias, from->kept_key);
	enum err err = ERR_OK;
	if (from->pkcs8.len > KEYSTORE_KEY_BYTES_MAX / 2) {
		err = keystore_fail(error, ERR_LIMIT, "the private key is too long");
	} else if (from->kept_key && !kept_key_framed(secret_bytes(&from->pkcs8))) {
		err = keystore_fail(error, ERR_UNSUPPORTED, "the private key is no PKCS#8");
	}
	if (err == ERR_OK && (err = store_alias_free(keystore, alias, SIZE_MAX, error)) == ERR_OK &&
		(err = kept_copy(from, alias, &entry)) == ERR_OK) {
		err = store_append(keystore, &entry);
	}
	entry_release(&entry);
	return err == ERR_OK ? ERR_OK : keystore_fail_plain(error, err, "the entry cannot be added");
}

/* --- localKeyId: what joins such a certificate to its key --- */

enum err entry_id_set(struct entry *entry, struct bytes id)
{
	uint8_t *copy = NULL;
	enum err err = id.len > 0 ? bytes_dup(id, &copy) : ERR_OK;
	if (err == ERR_OK) {
		free(entry->id);
		entry->id = copy;
		entry->id_len = id.len;
	}
	return err;
}

/*
 * A source's identifiers may be those of another file (many writers begin with 1): each gets a value that nothing else
 * has, and whoever had it in common has it still.
 */
enum err kept_ids_renew(struct keystore *source)
{
	struct map *firsts = NULL; /* an identifier as it was -> who had it first, and has the new one */
	enum err err = map_new(&firsts);
	for (size_t i = 0; i < source->count && err == ERR_OK; i++) {
		struct entry *entry = &source->items[i];
		uint8_t fresh[LOCAL_KEY_ID_BYTES];
		if (entry->id_len == 0) {
			continue;
		}
		const struct entry *first = map_get(firsts, bytes_of(entry->id, entry->id_len));
		if (first != NULL) {
			err = entry_id_set(entry, bytes_of(first->id, first->id_len));
		} else if ((err = map_put(firsts, bytes_of(entry->id, entry->id_len), entry, NULL)) ==
				   ERR_OK &&
			   (err = crypto_random(fresh, sizeof(fresh))) == ERR_OK) {
			err = entry_id_set(entry, bytes_of(fresh, sizeof(fresh)));
		}
	}
	map_free(firsts);
	return err;
}

/* --- out again, for an export --- */

enum err keystore_kept_key_use(const struct keystore *keystore, size_t index, keystore_key_fn fn, void *ctx)
{
	assert(index < keystore->count);
	const struct entry *entry = &keystore->items[index];
	if (!entry->kept_key) {
		return ERR_NOT_FOUND;
	}
	return fn(secret_bytes(&entry->pkcs8), ctx);
}
