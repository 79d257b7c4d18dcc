/*
 * build.c - from bags to entries, and back.
 * Owns:    nothing beyond a call.
 * Never:   trusts by anything but the mark; lets two trusted entries share an alias; trusts or serves what is kept only.
 * Threads: one at a time; keystore_decode() and keystore_encode() block.
 *
 * Kept through a rewrite: unknown attributes of keys and of certificates that are entries of their own. Not kept:
 * attributes of chain certificates, nameless copies of them, and the localKeyId values, which are made anew.
 */
#include "keystore/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct build {
	const struct p12 *p12;
	struct keystore *keystore;
	struct cert **certs; /* one per certificate of p12; NULL: the parser refused it, and it is kept */
	char **whys;         /* of those */
	struct chain_candidate *candidates;
	struct map *chained;           /* SHA-256 of what stands in the chain of a key -> any pointer */
	struct map *copies;            /* SHA-256 of a certificate -> how often the file holds it */
	struct map *numbers;           /* folded alias -> the last number that was put behind it */
	const struct p12_rules *rules; /* NULL: strict */
	struct keystore_error *error;
};

/*
 * Whether a certificate that the parser refuses is kept. Of what is served, one that is marked as trusted is not: its
 * owner counts on it, and has to hear of it. Of an import, those are whose caller wants that; the mark is lost.
 */
static bool cert_kept(const struct build *build, const struct p12_attributes *attributes)
{
	return build->rules != NULL ? build->rules->keep_unusable : !attributes->trusted;
}

static enum err certs_parse(struct build *build)
{
	for (size_t i = 0; i < build->p12->cert_count; i++) {
		const struct p12_cert *cert = &build->p12->certs[i];
		struct x509_error why = {0};
		enum err err = cert_parse(bytes_of(cert->der, cert->der_len), &build->certs[i], &why);
		if (err == ERR_NOMEM) {
			return err;
		}
		if (err != ERR_OK && cert_kept(build, &cert->attributes)) {
			if ((err = kept_cert_why(err, &why, &build->whys[i])) != ERR_OK) {
				return err;
			}
		}
		if (err != ERR_OK) {
			struct shown shown = keystore_shown(bytes_text(cert->attributes.name));
			return keystore_fail(build->error, err,
				"certificate %zu%s%s%s cannot be read: %s (byte %zu)", i + 1,
				shown.text[0] != '\0' ? " '" : "", shown.text,
				shown.text[0] != '\0' ? "'" : "", why.what != NULL ? why.what : err_name(err),
				why.offset);
		}
		build->candidates[i] = (struct chain_candidate){build->certs[i], cert->attributes.trusted};
	}
	return ERR_OK;
}

static struct bytes digest_of(const struct build *build, size_t index)
{
	return bytes_of(cert_sha256(build->certs[index]), SHA256_BYTES);
}

static enum err copies_count(struct build *build)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < build->p12->cert_count && err == ERR_OK; i++) {
		if (build->certs[i] == NULL) {
			continue;
		}
		uintptr_t count = (uintptr_t)map_get(build->copies, digest_of(build, i)) + 1;
		err = map_put(build->copies, digest_of(build, i), (void *)count, NULL);
	}
	return err;
}

/*
 * Whether an untrusted certificate is an entry of its own. What stands in a chain is not, unless it is a further copy
 * under a name that somebody chose: keytool writes a chain certificate once per key, under its subject.
 */
static bool stands_alone(const struct build *build, size_t index)
{
	const struct p12_attributes *attributes = &build->p12->certs[index].attributes;
	if (map_get(build->chained, digest_of(build, index)) == NULL) {
		return true;
	}
	bool chosen =
		attributes->name != NULL && strchr(attributes->name, '=') == NULL && attributes->id == NULL;
	return chosen && (uintptr_t)map_get(build->copies, digest_of(build, index)) > 1;
}

/* --- aliases --- */

/* The alias of a new entry: its own name, which must be free if the entry is more than a mere certificate. */
static enum err alias_choose(struct build *build, const char *name, const char *fallback,
	enum keystore_kind kind, char *out, size_t out_bytes)
{
	size_t index = 0;
	if (name == NULL || name[0] == '\0') {
		return store_alias_make(build->keystore, build->numbers, fallback, true, out, out_bytes);
	}
	bool taken = keystore_find(build->keystore, name, &index);
	if (taken && (kind == KEYSTORE_OTHER || build->rules != NULL)) {
		enum err err = store_alias_make(build->keystore, build->numbers, name, false, out, out_bytes);
		if (err == ERR_OK && kind != KEYSTORE_OTHER) {
			struct p12_context context = {.rules = build->rules};
			struct shown shown = keystore_shown(bytes_text(out));
			p12_note(&context, "an alias comes twice there: taken as '%s'", shown.text);
		}
		return err;
	}
	if (taken) {
		struct shown shown = keystore_shown(bytes_text(name));
		return keystore_fail(build->error, ERR_EXISTS,
			"holds two entries with the alias '%s' (upper and lower case are the same)",
			shown.text);
	}
	(void)snprintf(out, out_bytes, "%s", name);
	return ERR_OK;
}

static enum err entry_append(
	struct build *build, struct entry *entry, const struct p12_attributes *attributes)
{
	enum err err = ERR_OK;
	if (attributes->kept_len > 0) {
		err = bytes_dup(bytes_of(attributes->kept, attributes->kept_len), &entry->kept);
		if (err != ERR_OK) {
			return err;
		}
		entry->kept_len = attributes->kept_len;
	}
	err = store_append(build->keystore, entry);
	return err == ERR_LIMIT
		       ? keystore_fail(build->error, err, "holds more than %u entries", KEYSTORE_ENTRIES_MAX)
		       : err;
}

/* --- keys --- */

static bool ids_equal(const struct p12_attributes *a, const struct p12_attributes *b)
{
	return a->id_len > 0 && bytes_equal(bytes_of(a->id, a->id_len), bytes_of(b->id, b->id_len));
}

/* The certificate of a key: best by localKeyId and public key, then by public key, then by localKeyId alone. */
static bool leaf_find(const struct build *build, const struct p12_key *key, struct bytes spki, size_t *leaf)
{
	unsigned best = 0;
	for (size_t i = 0; i < build->p12->cert_count; i++) {
		const struct p12_cert *cert = &build->p12->certs[i];
		if (build->certs[i] == NULL || cert->attributes.trusted) {
			continue;
		}
		unsigned score = ids_equal(&key->attributes, &cert->attributes) ? 1 : 0;
		if (spki.len > 0 && bytes_equal(spki, cert_spki(build->certs[i]))) {
			score += 2;
		}
		if (score > best) {
			best = score;
			*leaf = i;
		}
	}
	return best > 0;
}

static enum err key_chain_set(struct build *build, struct entry *entry, size_t leaf)
{
	size_t indices[KEYSTORE_CHAIN_CERTS_MAX];
	const struct cert *chain[KEYSTORE_CHAIN_CERTS_MAX];
	size_t length = 0;
	enum err err = chain_order(build->candidates, build->p12->cert_count, leaf, indices, &length);
	if (err == ERR_LIMIT) {
		struct shown shown = keystore_shown(bytes_text(entry->alias));
		return keystore_fail(build->error, err,
			"the chain of key '%s' is longer than %u certificates", shown.text,
			KEYSTORE_CHAIN_CERTS_MAX);
	}
	if (err != ERR_OK) {
		return err;
	}
	for (size_t i = 0; i < length; i++) {
		chain[i] = build->certs[indices[i]];
		if ((err = map_put(build->chained, bytes_of(cert_sha256(chain[i]), SHA256_BYTES), build,
			     NULL)) != ERR_OK) {
			return err;
		}
	}
	return entry_chain_set(entry, chain, length);
}

/* One that is not used says why; its identifier stays where a certificate that is kept is found by it. */
static enum err key_kept(const struct build *build, const struct p12_key *key, struct entry *entry)
{
	const struct p12_attributes *attributes = &key->attributes;
	enum err err = ERR_OK;
	if (!entry->key_usable) {
		entry->kind = KEYSTORE_KEPT;
		entry->kept_key = true;
		err = kept_key_why(secret_bytes(&key->pkcs8), &entry->why);
	}
	for (size_t i = 0; i < build->p12->cert_count && err == ERR_OK && entry->id_len == 0; i++) {
		if (build->certs[i] == NULL && ids_equal(attributes, &build->p12->certs[i].attributes)) {
			err = entry_id_set(entry, bytes_of(attributes->id, attributes->id_len));
		}
	}
	return err;
}

static enum err key_build(struct build *build, const struct p12_key *key)
{
	char alias[KEYSTORE_ALIAS_BYTES_MAX + 16];
	struct entry entry = {0};
	struct buf spki = BUF_INIT(KEYSTORE_KEY_BYTES_MAX);
	bool usable = false;
	enum key_kind kind = KEY_RSA;
	size_t leaf = 0;
	enum err err = store_key_look(secret_bytes(&key->pkcs8), &usable, &kind, &spki);
	if (err != ERR_OK) {
		goto out;
	}
	bool has_leaf = leaf_find(build, key, usable ? buf_bytes(&spki) : BYTES_NONE, &leaf);
	const char *name = key->attributes.name;
	if (name == NULL && has_leaf) {
		name = build->p12->certs[leaf].attributes.name;
	}
	if ((err = alias_choose(build, name, "key", KEYSTORE_KEY, alias, sizeof(alias))) != ERR_OK ||
		(err = entry_init(&entry, alias, KEYSTORE_KEY)) != ERR_OK ||
		(err = secret_copy(secret_bytes(&key->pkcs8), &entry.pkcs8)) != ERR_OK) {
		goto out;
	}
	entry.key_usable = usable;
	entry.key_kind = kind;
	if ((err = key_kept(build, key, &entry)) != ERR_OK ||
		(has_leaf && (err = key_chain_set(build, &entry, leaf)) != ERR_OK)) {
		goto out;
	}
	err = entry_append(build, &entry, &key->attributes);
out:
	entry_release(&entry);
	buf_release(&spki);
	return err;
}

/* --- certificates that stand for themselves --- */

static enum keystore_kind cert_kind(const struct p12_attributes *attributes)
{
	if (!attributes->trusted) {
		return KEYSTORE_OTHER;
	}
	return attributes->name != NULL && alias_has_pin_prefix(attributes->name) ? KEYSTORE_PIN
										  : KEYSTORE_ANCHOR;
}

static enum err cert_build(struct build *build, size_t index)
{
	char alias[KEYSTORE_ALIAS_BYTES_MAX + 16];
	const struct p12_attributes *attributes = &build->p12->certs[index].attributes;
	enum keystore_kind kind = cert_kind(attributes);
	struct entry entry = {0};
	if (kind == KEYSTORE_PIN && !alias_is_pin(attributes->name)) {
		return keystore_fail(build->error, ERR_INVALID,
			"holds a trusted certificate with the alias 'pin:': a pin needs a name");
	}
	const struct cert *cert = build->certs[index];
	enum err err = alias_choose(build, attributes->name, "cert", kind, alias, sizeof(alias));
	if (err == ERR_OK && (err = entry_init(&entry, alias, kind)) == ERR_OK &&
		(err = entry_chain_set(&entry, &cert, 1)) == ERR_OK) {
		err = entry_append(build, &entry, attributes);
	}
	entry_release(&entry);
	return err;
}

/* The bytes alone: see kept.c. Never by its mark. */
static enum err cert_kept_build(struct build *build, size_t index)
{
	char alias[KEYSTORE_ALIAS_BYTES_MAX + 16];
	const struct p12_cert *cert = &build->p12->certs[index];
	struct entry entry = {0};
	enum err err =
		alias_choose(build, cert->attributes.name, "cert", KEYSTORE_OTHER, alias, sizeof(alias));
	if (err != ERR_OK || (err = entry_init(&entry, alias, KEYSTORE_KEPT)) != ERR_OK ||
		(err = bytes_dup(bytes_of(cert->der, cert->der_len), &entry.der)) != ERR_OK) {
		goto out;
	}
	entry.der_len = cert->der_len;
	entry.why = build->whys[index];
	build->whys[index] = NULL;
	err = entry_id_set(&entry, bytes_of(cert->attributes.id, cert->attributes.id_len));
	if (err == ERR_OK && cert->attributes.trusted) {
		struct p12_context context = {.rules = build->rules};
		struct shown shown = keystore_shown(bytes_text(alias));
		p12_note(&context, "'%s' is marked as trusted there, and is not here: it cannot be read",
			shown.text);
	}
	if (err == ERR_OK) {
		err = entry_append(build, &entry, &cert->attributes);
	}
out:
	entry_release(&entry);
	return err;
}

/* --- whole stores --- */

static enum err entries_build(struct build *build)
{
	enum err err = certs_parse(build);
	if (err == ERR_OK) {
		err = copies_count(build);
	}
	for (size_t i = 0; i < build->p12->key_count && err == ERR_OK; i++) {
		err = key_build(build, &build->p12->keys[i]);
	}
	/* Trusted ones first: an untrusted certificate must give way to them where aliases collide. */
	for (size_t i = 0; i < build->p12->cert_count && err == ERR_OK; i++) {
		if (build->certs[i] != NULL && build->p12->certs[i].attributes.trusted) {
			err = cert_build(build, i);
		}
	}
	for (size_t i = 0; i < build->p12->cert_count && err == ERR_OK; i++) {
		if (build->certs[i] == NULL) {
			err = cert_kept_build(build, i);
		} else if (!build->p12->certs[i].attributes.trusted && stands_alone(build, i)) {
			err = cert_build(build, i);
		}
	}
	return err;
}

enum err store_build(const struct p12 *p12, const struct p12_rules *rules, struct keystore **out,
	struct keystore_error *error)
{
	struct build build = {.p12 = p12, .rules = rules, .error = error};
	enum err err = keystore_new(&build.keystore);
	if (err != ERR_OK || (err = map_new(&build.numbers)) != ERR_OK ||
		(err = map_new(&build.chained)) != ERR_OK || (err = map_new(&build.copies)) != ERR_OK) {
		goto out;
	}
	build.certs = calloc(p12->cert_count + 1, sizeof(struct cert *));
	build.whys = calloc(p12->cert_count + 1, sizeof(char *));
	build.candidates = calloc(p12->cert_count + 1, sizeof(*build.candidates));
	if (build.certs == NULL || build.whys == NULL || build.candidates == NULL) {
		err = ERR_NOMEM;
		goto out;
	}
	err = entries_build(&build);
	if (err == ERR_OK) {
		build.keystore->unknown_bags = p12->unknown_bags;
		*out = build.keystore;
		build.keystore = NULL;
	}
out:
	for (size_t i = 0; build.certs != NULL && i < p12->cert_count; i++) {
		cert_unref(build.certs[i]);
	}
	for (size_t i = 0; build.whys != NULL && i < p12->cert_count; i++) {
		free(build.whys[i]);
	}
	free(build.certs);
	free(build.whys);
	free(build.candidates);
	map_free(build.numbers);
	map_free(build.chained);
	map_free(build.copies);
	keystore_free(build.keystore);
	return err == ERR_OK ? ERR_OK : keystore_fail_plain(error, err, "cannot be read");
}

enum err keystore_decode(
	struct bytes content, struct bytes passphrase, struct keystore **out, struct keystore_error *error)
{
	struct p12 p12 = {0};
	enum err err = p12_read(content, passphrase, &p12, error);
	if (err == ERR_OK) {
		err = store_build(&p12, NULL, out, error);
	}
	p12_release(&p12);
	return err;
}

/* --- back to bags --- */

struct unbuild {
	struct p12_put_key *keys;
	struct p12_put_cert *certs;
	const struct cert **behind; /* chain certificates that are written already */
	uint8_t (*ids)[LOCAL_KEY_ID_BYTES];
	size_t key_count, cert_count, behind_count;
};

static bool written_already(const struct unbuild *unbuild, const struct cert *cert)
{
	for (size_t i = 0; i < unbuild->behind_count; i++) {
		if (memcmp(cert_sha256(unbuild->behind[i]), cert_sha256(cert), SHA256_BYTES) == 0) {
			return true;
		}
	}
	return false;
}

/* What joins a key and its certificate: any value that no other key of the file has. */
static void local_key_id_make(const struct entry *entry, uint8_t *out)
{
	uint8_t digest[SHA256_BYTES];
	struct bytes parts[] = {bytes_text("lockgate key"), bytes_text(entry->alias)};
	hash_of_parts(HASH_SHA256, parts, ARRAY_COUNT(parts), digest);
	memcpy(out, digest, LOCAL_KEY_ID_BYTES);
}

static void key_unbuild(struct unbuild *unbuild, const struct entry *entry)
{
	uint8_t *id_octets = unbuild->ids[unbuild->key_count];
	struct bytes id = bytes_of(entry->id, entry->id_len);
	if (id.len == 0) {
		local_key_id_make(entry, id_octets);
		id = bytes_of(id_octets, LOCAL_KEY_ID_BYTES);
	}
	unbuild->keys[unbuild->key_count++] = (struct p12_put_key){
		secret_bytes(&entry->pkcs8), entry->alias, id, bytes_of(entry->kept, entry->kept_len)};
	for (size_t i = 0; i < entry->chain_count; i++) {
		struct p12_put_cert put = {.der = cert_der(entry->chain[i])};
		if (i == 0) {
			put.name = entry->alias;
			put.id = id;
		} else if (written_already(unbuild, entry->chain[i])) {
			continue;
		} else {
			unbuild->behind[unbuild->behind_count++] = entry->chain[i];
		}
		unbuild->certs[unbuild->cert_count++] = put;
	}
}

static void entry_unbuild(struct unbuild *unbuild, const struct entry *entry)
{
	switch (entry->kind) {
	case KEYSTORE_KEY: key_unbuild(unbuild, entry); return;
	case KEYSTORE_KEPT:
		if (entry->kept_key) {
			key_unbuild(unbuild, entry);
			return;
		}
		break;
	case KEYSTORE_ANCHOR:
	case KEYSTORE_PIN:
	case KEYSTORE_OTHER: break;
	}
	unbuild->certs[unbuild->cert_count++] = (struct p12_put_cert){
		.der = entry->kind == KEYSTORE_KEPT ? bytes_of(entry->der, entry->der_len)
						    : cert_der(entry->chain[0]),
		.name = entry->alias,
		.id = bytes_of(entry->id, entry->id_len),
		.trusted = entry->kind == KEYSTORE_ANCHOR || entry->kind == KEYSTORE_PIN,
		.kept = bytes_of(entry->kept, entry->kept_len),
	};
}

enum err keystore_encode(const struct keystore *keystore, struct bytes passphrase, struct buf *out,
	struct keystore_error *error)
{
	if (keystore->unknown_bags > 0) {
		return keystore_fail(error, ERR_UNSUPPORTED,
			"holds %zu entries of other programs (secret keys, lists) that cannot be written "
			"again",
			keystore->unknown_bags);
	}
	size_t key_count = 0;
	size_t cert_count = 0;
	for (size_t i = 0; i < keystore->count; i++) {
		const struct entry *entry = &keystore->items[i];
		key_count += entry->kind == KEYSTORE_KEY || entry->kept_key ? 1 : 0;
		cert_count += entry->chain_count + (entry->kind == KEYSTORE_KEPT && !entry->kept_key ? 1 : 0);
	}
	if (key_count > P12_KEYS_MAX) {
		return keystore_fail(error, ERR_LIMIT, "holds more than %u private keys", P12_KEYS_MAX);
	}
	struct unbuild unbuild = {0};
	unbuild.keys = calloc(key_count + 1, sizeof(*unbuild.keys));
	unbuild.ids = calloc(key_count + 1, sizeof(*unbuild.ids));
	unbuild.certs = calloc(cert_count + 1, sizeof(*unbuild.certs));
	unbuild.behind = calloc(cert_count + 1, sizeof(*unbuild.behind));
	enum err err = ERR_NOMEM;
	if (unbuild.keys == NULL || unbuild.ids == NULL || unbuild.certs == NULL || unbuild.behind == NULL) {
		(void)keystore_fail_plain(error, err, "the keystore cannot be sealed");
		goto out;
	}
	for (size_t i = 0; i < keystore->count; i++) {
		entry_unbuild(&unbuild, &keystore->items[i]);
	}
	struct p12_put put = {unbuild.keys, unbuild.key_count, unbuild.certs, unbuild.cert_count};
	err = p12_write(&put, passphrase, out, error);
out:
	free(unbuild.keys);
	free(unbuild.ids);
	free(unbuild.certs);
	free(unbuild.behind);
	return err;
}
