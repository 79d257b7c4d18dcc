/*
 * keystore.c - the entries: look-up, and changes that happen whole or not at all.
 * Owns:    struct keystore.
 * Never:   trusts a certificate that no entry marks.
 * Threads: one at a time.
 */
#include "keystore/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIN_PREFIX_BYTES 4u /* "pin:" */

const char *keystore_kind_name(enum keystore_kind kind)
{
	static const char *const names[] = {"key", "anchor", "pin", "untrusted", "kept"};
	return names[kind];
}

enum err keystore_new(struct keystore **out)
{
	struct keystore *keystore = calloc(1, sizeof(*keystore));
	if (keystore == NULL) {
		return ERR_NOMEM;
	}
	enum err err = map_new(&keystore->places);
	if (err != ERR_OK) {
		free(keystore);
		return err;
	}
	*out = keystore;
	return ERR_OK;
}

void keystore_free(struct keystore *keystore)
{
	if (keystore == NULL) {
		return;
	}
	for (size_t i = 0; i < keystore->count; i++) {
		entry_release(&keystore->items[i]);
	}
	free(keystore->items);
	map_free(keystore->places);
	free(keystore);
}

/* --- one entry --- */

enum err entry_init(struct entry *entry, const char *alias, enum keystore_kind kind)
{
	struct entry made = {.kind = kind};
	enum err err = bytes_dup_text(bytes_text(alias), &made.alias);
	if (err == ERR_OK && kind == KEYSTORE_PIN) {
		made.pin_name = alias_fold(alias + PIN_PREFIX_BYTES);
		err = made.pin_name == NULL ? ERR_NOMEM : ERR_OK;
	}
	if (err != ERR_OK) {
		entry_release(&made);
		return err;
	}
	*entry = made;
	return ERR_OK;
}

enum err entry_chain_set(struct entry *entry, const struct cert *const *chain, size_t count)
{
	if (count == 0) {
		return ERR_OK;
	}
	struct cert **copy = calloc(count, sizeof(struct cert *));
	if (copy == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		copy[i] = cert_ref(chain[i]);
	}
	entry->chain = copy;
	entry->chain_count = count;
	return ERR_OK;
}

void entry_release(struct entry *entry)
{
	for (size_t i = 0; i < entry->chain_count; i++) {
		cert_unref(entry->chain[i]);
	}
	free(entry->chain);
	secret_free(&entry->pkcs8);
	free(entry->alias);
	free(entry->pin_name);
	free(entry->kept);
	free(entry->why);
	free(entry->der);
	free(entry->id);
	*entry = (struct entry){0};
}

/* The entry at index is found by alias from now on. Moving one that is found already needs no memory. */
static enum err place_put(struct keystore *keystore, const char *alias, size_t index)
{
	char folded[ALIAS_FOLDED_BYTES];
	return alias_fold_into(alias, folded)
		       ? map_put(keystore->places, bytes_text(folded), (void *)(uintptr_t)(index + 1), NULL)
		       : ERR_LIMIT;
}

static void place_forget(struct keystore *keystore, const char *alias)
{
	char folded[ALIAS_FOLDED_BYTES];
	if (alias_fold_into(alias, folded)) {
		(void)map_remove(keystore->places, bytes_text(folded));
	}
}

enum err store_append(struct keystore *keystore, struct entry *entry)
{
	size_t index = 0;
	if (keystore->count >= KEYSTORE_ENTRIES_MAX) {
		return ERR_LIMIT;
	}
	if (keystore_find(keystore, entry->alias, &index)) {
		return ERR_EXISTS;
	}
	if (keystore->count == keystore->cap) {
		size_t cap = keystore->cap == 0 ? 8 : keystore->cap * 2;
		struct entry *grown = realloc(keystore->items, cap * sizeof(*grown));
		if (grown == NULL) {
			return ERR_NOMEM;
		}
		keystore->items = grown;
		keystore->cap = cap;
	}
	enum err err = place_put(keystore, entry->alias, keystore->count);
	if (err != ERR_OK) {
		return err;
	}
	keystore->items[keystore->count++] = *entry;
	*entry = (struct entry){0};
	return ERR_OK;
}

void store_truncate(struct keystore *keystore, size_t count)
{
	while (keystore->count > count) {
		struct entry *last = &keystore->items[--keystore->count];
		place_forget(keystore, last->alias);
		entry_release(last);
	}
}

enum err store_key_look(struct bytes pkcs8, bool *usable, enum key_kind *kind, struct buf *spki)
{
	struct buf own = BUF_INIT(KEYSTORE_KEY_BYTES_MAX);
	enum key_kind found = KEY_RSA;
	enum err err = key_public(pkcs8, &found, spki != NULL ? spki : &own);
	buf_release(&own);
	/* A kind of key that we do not know is for the operator to see; any other failure is one. */
	if (err == ERR_UNSUPPORTED || err == ERR_MALFORMED || err == ERR_INVALID) {
		*usable = false;
		return ERR_OK;
	}
	if (err == ERR_OK) {
		*usable = true;
		*kind = found;
	}
	return err;
}

/* --- look-up --- */

size_t keystore_count(const struct keystore *keystore)
{
	return keystore->count;
}

size_t keystore_unknown_bags(const struct keystore *keystore)
{
	return keystore->unknown_bags;
}

struct keystore_entry keystore_at(const struct keystore *keystore, size_t index)
{
	assert(index < keystore->count);
	const struct entry *entry = &keystore->items[index];
	return (struct keystore_entry){
		.alias = entry->alias,
		.kind = entry->kind,
		.pin_name = entry->pin_name,
		.chain = (const struct cert *const *)entry->chain,
		.chain_count = entry->chain_count,
		.key_usable = entry->key_usable,
		.key_kind = entry->key_kind,
		.kept_why = entry->why,
		.kept_key = entry->kept_key,
		.kept_der = bytes_of(entry->der, entry->der_len),
	};
}

bool keystore_find(const struct keystore *keystore, const char *alias, size_t *index)
{
	char folded[ALIAS_FOLDED_BYTES];
	uintptr_t place = 0;
	if (alias_fold_into(alias, folded)) {
		place = (uintptr_t)map_get(keystore->places, bytes_text(folded));
	}
	if (place == 0) {
		return false;
	}
	*index = place - 1;
	return true;
}

bool keystore_serves(const struct keystore_entry *entry)
{
	static const uint8_t server_auth[] = {6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1}; /* the OIDs, as DER */
	static const uint8_t any_purpose[] = {6, 4, 0x55, 0x1d, 0x25, 0};
	bool critical = false;

	if (entry->kind != KEYSTORE_KEY || !entry->key_usable || entry->chain_count == 0) {
		return false;
	}
	struct bytes usage = cert_extension(entry->chain[0], "2.5.29.37", &critical);

	return usage.len == 0 || memmem(usage.data, usage.len, server_auth, sizeof(server_auth)) != NULL ||
	       memmem(usage.data, usage.len, any_purpose, sizeof(any_purpose)) != NULL;
}

bool keystore_identity(const struct keystore *keystore, const char *label, size_t *index)
{
	bool named = label != NULL && label[0] != '\0';
	bool found = false;
	for (size_t i = 0; i < keystore->count; i++) {
		struct keystore_entry entry = keystore_at(keystore, i);
		if (entry.kind != KEYSTORE_KEY || (named && !alias_equal(entry.alias, label))) {
			continue;
		}
		if (named || keystore_serves(&entry)) {
			*index = i;
			return true;
		}
		*index = found ? *index : i;
		found = true;
	}
	return found;
}

enum err keystore_key_use(const struct keystore *keystore, size_t index, keystore_key_fn fn, void *ctx)
{
	assert(index < keystore->count);
	const struct entry *entry = &keystore->items[index];
	if (entry->kind != KEYSTORE_KEY) {
		return ERR_NOT_FOUND;
	}
	return fn(secret_bytes(&entry->pkcs8), ctx);
}

enum err keystore_trust_set(const struct keystore *keystore, uint64_t generation, struct trust_set **out)
{
	const struct cert **anchors = calloc(keystore->count + 1, sizeof(*anchors));
	struct trust_pin *pins = calloc(keystore->count + 1, sizeof(*pins));
	const struct cert **others = calloc(keystore->count + 1, sizeof(*others));
	struct trust_set *set = NULL;
	size_t anchor_count = 0;
	size_t pin_count = 0;
	size_t other_count = 0;
	enum err err = ERR_NOMEM;
	if (anchors == NULL || pins == NULL || others == NULL) {
		goto out;
	}
	for (size_t i = 0; i < keystore->count; i++) {
		const struct entry *entry = &keystore->items[i];
		switch (entry->kind) {
		case KEYSTORE_ANCHOR: anchors[anchor_count++] = entry->chain[0]; break;
		case KEYSTORE_PIN:
			pins[pin_count++] = (struct trust_pin){entry->chain[0], entry->pin_name};
			break;
		case KEYSTORE_OTHER: others[other_count++] = entry->chain[0]; break;
		case KEYSTORE_KEY:
		case KEYSTORE_KEPT: break;
		}
	}
	err = trust_set_new(anchors, anchor_count, pins, pin_count, generation, &set);
	if (err == ERR_OK) {
		err = trust_set_add_signers(set, others, other_count);
	}
	if (err == ERR_OK) {
		*out = set;
		set = NULL; /* moved to the caller */
	}
out:
	trust_set_unref(set);
	free(anchors);
	free(pins);
	free(others);
	return err;
}

/* --- changes --- */

enum err store_alias_free(
	const struct keystore *keystore, const char *alias, size_t except, struct keystore_error *error)
{
	struct shown shown = keystore_shown(bytes_text(alias));
	size_t index = 0;
	if (!alias_valid(alias)) {
		return keystore_fail(error, ERR_INVALID,
			"'%s' cannot be an alias: 1 to %u bytes of UTF-8 without control characters",
			shown.text, KEYSTORE_ALIAS_BYTES_MAX);
	}
	if (keystore_find(keystore, alias, &index) && index != except) {
		return keystore_fail(error, ERR_EXISTS, "there is already an entry '%s' (%s)", shown.text,
			keystore_kind_name(keystore->items[index].kind));
	}
	return ERR_OK;
}

enum err store_alias_make(const struct keystore *keystore, struct map *numbers, const char *base,
	bool try_plain, char *out, size_t out_bytes)
{
	char folded[ALIAS_FOLDED_BYTES];
	if (!alias_fold_into(base, folded)) {
		return ERR_LIMIT;
	}
	uintptr_t number = (uintptr_t)map_get(numbers, bytes_text(folded));
	number = number > 0 ? number : try_plain ? 0 : 1;
	size_t index = 0;
	do {
		number++;
		int len = number == 1 ? snprintf(out, out_bytes, "%s", base)
				      : snprintf(out, out_bytes, "%s-%zu", base, (size_t)number);
		if (len < 0 || (size_t)len >= out_bytes || number > KEYSTORE_ENTRIES_MAX + 1) {
			return ERR_LIMIT;
		}
	} while (keystore_find(keystore, out, &index));
	return map_put(numbers, bytes_text(folded), (void *)number, NULL);
}

static enum err alias_not_found(const char *alias, struct keystore_error *error)
{
	struct shown shown = keystore_shown(bytes_text(alias));
	return keystore_fail(error, ERR_NOT_FOUND, "there is no entry '%s'", shown.text);
}

/* The alias that an entry of this kind is stored under: pins, and pins only, begin with "pin:". *out owned. */
static enum err alias_for_kind(
	const char *alias, enum keystore_kind kind, char **out, struct keystore_error *error)
{
	bool prefixed = alias_has_pin_prefix(alias);
	if (kind != KEYSTORE_PIN && prefixed) {
		return keystore_fail(error, ERR_INVALID,
			"an alias that begins with 'pin:' is for pinned certificates only");
	}
	struct buf full = BUF_INIT(KEYSTORE_ALIAS_BYTES_MAX + 1);
	const char *text = NULL;
	enum err err = ERR_OK;
	if (kind == KEYSTORE_PIN && !prefixed) {
		err = buf_append_text(&full, "pin:");
	}
	if (err == ERR_OK && (err = buf_append_text(&full, alias)) == ERR_OK &&
		(err = buf_text(&full, &text)) == ERR_OK) {
		if (kind == KEYSTORE_PIN && !alias_is_pin(text)) {
			err = keystore_fail(error, ERR_INVALID, "a pin needs a name behind 'pin:'");
		} else {
			err = bytes_dup_text(buf_bytes(&full), out);
		}
	}
	buf_release(&full);
	return err == ERR_OK ? ERR_OK : keystore_fail_plain(error, err, "the alias cannot be used");
}

enum err keystore_add_cert(struct keystore *keystore, const char *alias, const struct cert *cert,
	enum keystore_kind kind, struct keystore_error *error)
{
	struct entry entry = {0};
	char *full = NULL;
	if (kind == KEYSTORE_KEY || kind == KEYSTORE_KEPT) {
		return keystore_fail(error, ERR_INVALID, "a certificate alone is no key entry");
	}
	if (kind == KEYSTORE_OTHER && cert_is_self_issued(cert) && cert_is_ca(cert)) {
		struct shown shown = keystore_shown(bytes_text(alias));
		return keystore_fail(error, ERR_INVALID,
			"'%s' is a self-signed CA certificate: say --anchor if it is to be trusted to issue, "
			"--pinned if only itself is to be let in",
			shown.text);
	}
	enum err err = alias_for_kind(alias, kind, &full, error);
	if (err != ERR_OK || (err = store_alias_free(keystore, full, SIZE_MAX, error)) != ERR_OK) {
		goto out;
	}
	if ((err = entry_init(&entry, full, kind)) != ERR_OK ||
		(err = entry_chain_set(&entry, &cert, 1)) != ERR_OK ||
		(err = store_append(keystore, &entry)) != ERR_OK) {
		(void)keystore_fail_plain(error, err, "the certificate cannot be added");
	}
out:
	entry_release(&entry);
	free(full);
	return err;
}

/* The chain's leaf must hold the public half of this key. */
static enum err key_fits(struct entry *entry, const struct cert *leaf, struct keystore_error *error)
{
	struct buf spki = BUF_INIT(KEYSTORE_KEY_BYTES_MAX);
	enum err err =
		store_key_look(secret_bytes(&entry->pkcs8), &entry->key_usable, &entry->key_kind, &spki);
	if (err == ERR_OK && !entry->key_usable) {
		err = keystore_fail(error, ERR_UNSUPPORTED,
			"the private key is of a kind that is not supported (RSA, EC P-256, P-384, P-521, "
			"Ed25519 are), or is damaged");
	}
	if (err == ERR_OK && leaf != NULL && !bytes_equal(buf_bytes(&spki), cert_spki(leaf))) {
		err = keystore_fail(error, ERR_INVALID, "the private key does not belong to the certificate");
	}
	buf_release(&spki);
	return err;
}

enum err keystore_add_key(struct keystore *keystore, const char *alias, struct bytes pkcs8,
	const struct cert *const *chain, size_t chain_count, struct keystore_error *error)
{
	struct entry entry = {0};
	char *full = NULL;
	if (chain_count > KEYSTORE_CHAIN_CERTS_MAX) {
		return keystore_fail(error, ERR_LIMIT, "a chain may have at most %u certificates",
			KEYSTORE_CHAIN_CERTS_MAX);
	}
	if (pkcs8.len > KEYSTORE_KEY_BYTES_MAX / 2) {
		return keystore_fail(error, ERR_LIMIT, "the private key is too long");
	}
	enum err err = alias_for_kind(alias, KEYSTORE_KEY, &full, error);
	if (err != ERR_OK || (err = store_alias_free(keystore, full, SIZE_MAX, error)) != ERR_OK) {
		goto out;
	}
	if ((err = entry_init(&entry, full, KEYSTORE_KEY)) != ERR_OK ||
		(err = secret_copy(pkcs8, &entry.pkcs8)) != ERR_OK ||
		(err = entry_chain_set(&entry, chain, chain_count)) != ERR_OK ||
		(err = key_fits(&entry, chain_count > 0 ? chain[0] : NULL, error)) != ERR_OK ||
		(err = store_append(keystore, &entry)) != ERR_OK) {
		(void)keystore_fail_plain(error, err, "the key cannot be added");
	}
out:
	entry_release(&entry);
	free(full);
	return err;
}

enum err keystore_remove(struct keystore *keystore, const char *alias, struct keystore_error *error)
{
	size_t index = 0;
	if (!keystore_find(keystore, alias, &index)) {
		return alias_not_found(alias, error);
	}
	place_forget(keystore, alias);
	entry_release(&keystore->items[index]);
	memmove(&keystore->items[index], &keystore->items[index + 1],
		(keystore->count - index - 1) * sizeof(keystore->items[0]));
	keystore->count--;
	enum err err = ERR_OK;
	for (size_t i = index; i < keystore->count && err == ERR_OK; i++) {
		err = place_put(keystore, keystore->items[i].alias, i);
	}
	assert(err == ERR_OK);
	return err;
}

/* Gives the entry at index another alias and, with it, another kind. */
static enum err entry_rename(struct keystore *keystore, size_t index, const char *to, enum keystore_kind kind,
	struct keystore_error *error)
{
	struct entry renamed = {0};
	char *full = NULL;
	enum err err = alias_for_kind(to, kind, &full, error);
	if (err != ERR_OK || (err = store_alias_free(keystore, full, index, error)) != ERR_OK) {
		goto out;
	}
	if ((err = entry_init(&renamed, full, kind)) != ERR_OK) {
		(void)keystore_fail_plain(error, err, "the entry cannot be renamed");
		goto out;
	}
	struct entry *entry = &keystore->items[index];
	if (!alias_equal(entry->alias, full)) {
		if ((err = place_put(keystore, full, index)) != ERR_OK) {
			(void)keystore_fail_plain(error, err, "the entry cannot be renamed");
			goto out;
		}
		place_forget(keystore, entry->alias);
	}
	free(entry->alias);
	free(entry->pin_name);
	entry->alias = renamed.alias;
	entry->pin_name = renamed.pin_name;
	entry->kind = kind;
	renamed = (struct entry){0};
out:
	entry_release(&renamed);
	free(full);
	return err;
}

enum err keystore_rename(
	struct keystore *keystore, const char *alias, const char *to, struct keystore_error *error)
{
	size_t index = 0;
	if (!keystore_find(keystore, alias, &index)) {
		return alias_not_found(alias, error);
	}
	return entry_rename(keystore, index, to, keystore->items[index].kind, error);
}

enum err keystore_mark(
	struct keystore *keystore, const char *alias, enum keystore_kind kind, struct keystore_error *error)
{
	size_t index = 0;
	if (kind != KEYSTORE_ANCHOR && kind != KEYSTORE_PIN) {
		return keystore_fail(error, ERR_INVALID, "a certificate is marked as anchor or as pin");
	}
	if (!keystore_find(keystore, alias, &index)) {
		return alias_not_found(alias, error);
	}
	if (keystore->items[index].kind != KEYSTORE_OTHER) {
		struct shown shown = keystore_shown(bytes_text(alias));
		return keystore_fail(error, ERR_INVALID,
			"'%s' is a %s entry: only an untrusted certificate can be marked", shown.text,
			keystore_kind_name(keystore->items[index].kind));
	}
	return entry_rename(keystore, index, keystore->items[index].alias, kind, error);
}
