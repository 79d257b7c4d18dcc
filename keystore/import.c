/*
 * import.c - what people bring: PEM, DER, PKCS#12, JKS and JCEKS files of others.
 * Owns:    nothing beyond a call.
 * Never:   makes anything trusted that the caller did not name as such; leaves half an import behind.
 * Threads: one at a time; blocks where keys are sealed.
 */
#include "keystore/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pem.h"

#define ALIAS_BYTES (KEYSTORE_ALIAS_BYTES_MAX + 32)

/* --- private keys in their older forms become PKCS#8 --- */

static void pkcs8_put(struct wire_writer *writer, enum oid oid, struct bytes parameters, struct bytes key)
{
	size_t info = tlv_open(writer, TLV_SEQUENCE);
	tlv_put_uint(writer, 0);
	size_t algorithm = tlv_open(writer, TLV_SEQUENCE);
	tlv_put(writer, TLV_OID, oid_bytes(oid));
	wire_put_bytes(writer, parameters);
	tlv_close(writer, algorithm);
	tlv_put(writer, TLV_OCTETS, key);
	tlv_close(writer, info);
}

/* RFC 5915: ECPrivateKey ::= SEQUENCE { 1, privateKey, [0] parameters OPTIONAL, [1] publicKey OPTIONAL } */
static enum err ec_parameters_get(struct bytes key, struct bytes *parameters)
{
	struct wire_reader whole = wire_reader_init(key);
	struct wire_reader fields = {0};
	struct bytes secret_value = BYTES_NONE;
	uint32_t version = 0;
	enum err err = tlv_enter(&whole, TLV_SEQUENCE, &fields);
	if (err != ERR_OK || (err = tlv_get_uint(&fields, &version)) != ERR_OK ||
		(err = tlv_get(&fields, TLV_OCTETS, &secret_value)) != ERR_OK) {
		return err;
	}
	return tlv_get(&fields, TLV_CONTEXT_0_CONSTRUCTED, parameters);
}

static enum err older_key_wrap(enum oid oid, struct bytes key, struct secret *out)
{
	static const uint8_t null_parameters[] = {TLV_NULL, 0};
	struct bytes parameters = bytes_of(null_parameters, sizeof(null_parameters));
	enum err err = ERR_OK;
	if (oid == OID_EC_PUBLIC_KEY && (err = ec_parameters_get(key, &parameters)) != ERR_OK) {
		return err;
	}
	/* Room for all of it at once: a buffer that grows would leave the key behind in freed memory. */
	struct buf made = BUF_INIT(KEYSTORE_KEY_BYTES_MAX);
	if ((err = buf_reserve(&made, key.len + 256)) != ERR_OK) {
		return err;
	}
	struct wire_writer writer = wire_writer_init(&made);
	pkcs8_put(&writer, oid, parameters, key);
	err = wire_writer_err(&writer);
	if (err == ERR_OK) {
		err = secret_copy(buf_bytes(&made), out);
	}
	secure_wipe(made.data, made.cap);
	buf_release(&made);
	return err;
}

/* --- PEM --- */

struct pem_import {
	struct p12 *p12;
	struct p12_context context;
};

static enum err pem_cert_add(struct pem_import *import, struct bytes der)
{
	struct p12_attributes none = {0};
	return p12_cert_put(&import->context, import->p12, der, &none);
}

static enum err pem_key_add(struct pem_import *import, struct bytes label, struct bytes der)
{
	struct p12_attributes none = {0};
	struct secret pkcs8 = SECRET_NONE;
	enum err err = ERR_OK;
	if (der.len > KEYSTORE_KEY_BYTES_MAX / 2) {
		return ERR_LIMIT;
	}
	if (bytes_equal_text(label, "PRIVATE KEY")) {
		err = secret_copy(der, &pkcs8);
	} else if (bytes_equal_text(label, "ENCRYPTED PRIVATE KEY")) {
		err = pbe_open_key(&import->context, der, &pkcs8);
	} else if (bytes_equal_text(label, "RSA PRIVATE KEY")) {
		err = older_key_wrap(OID_RSA_ENCRYPTION, der, &pkcs8);
	} else {
		err = older_key_wrap(OID_EC_PUBLIC_KEY, der, &pkcs8);
	}
	if (err == ERR_OK) {
		err = p12_key_put(&import->context, import->p12, &pkcs8, &none);
	}
	secret_free(&pkcs8);
	return err;
}

static enum err pem_block_add(struct pem_import *import, struct bytes label, struct bytes der)
{
	static const char *const keys[] = {
		"PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"};
	if (import->context.bags_left == 0) {
		return ERR_LIMIT;
	}
	import->context.bags_left--;
	if (bytes_equal_text(label, "CERTIFICATE")) {
		return pem_cert_add(import, der);
	}
	if (bytes_equal_text(label, "EC PARAMETERS")) {
		return ERR_OK; /* openssl ecparam writes it in front of its key, which repeats it */
	}
	if (bytes_equal_text(label, "X509 CRL")) {
		p12_note(&import->context, "left out: a CRL, which is no part of a keystore");
		return ERR_OK;
	}
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		if (bytes_equal_text(label, keys[i])) {
			return pem_key_add(import, label, der);
		}
	}
	struct shown shown = keystore_shown(label);
	return keystore_fail(import->context.error, ERR_UNSUPPORTED,
		"a PEM block '%s' cannot be imported: only certificates and private keys", shown.text);
}

static bool text_contains(struct bytes text, const char *needle)
{
	return text.len > 0 && memmem(text.data, text.len, needle, strlen(needle)) != NULL;
}

static enum err pem_read(struct bytes text, struct bytes passphrase, const struct p12_rules *rules,
	struct p12 *out, struct keystore_error *error)
{
	struct p12 p12 = {0};
	struct pem_import import = {&p12, {.passphrase = passphrase,
						  .work_left = KEYSTORE_WORK_MAX,
						  .bags_left = KEYSTORE_BAGS_MAX,
						  .error = error,
						  .rules = rules}};
	struct buf der = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	if (text_contains(text, "Proc-Type: 4,ENCRYPTED")) {
		return keystore_fail(error, ERR_UNSUPPORTED,
			"the key is in OpenSSL's old encrypted form: rewrite it with 'openssl pkcs8 -topk8'");
	}
	/* No block is longer than the text; so the buffer never moves, and one wipe reaches all that was in it. */
	enum err err = buf_reserve(&der, text.len + 1);
	while (err == ERR_OK) {
		struct bytes label = BYTES_NONE;
		der.len = 0;
		err = pem_next(&text, &label, &der);
		if (err == ERR_NOT_FOUND) {
			err = ERR_OK;
			break;
		}
		if (err == ERR_OK) {
			err = pem_block_add(&import, label, buf_bytes(&der));
		}
	}
	secure_wipe(der.data, der.cap);
	buf_release(&der);
	if (err == ERR_OK && p12.key_count + p12.cert_count == 0) {
		err = keystore_fail(error, ERR_MALFORMED, "holds neither a certificate nor a private key");
	}
	if (err != ERR_OK) {
		p12_release(&p12);
		return keystore_fail_plain(error, err, "the PEM text cannot be read");
	}
	*out = p12;
	return ERR_OK;
}

/* --- what is this file? --- */

const char *keystore_format_name(enum keystore_format format)
{
	static const char *const names[KEYSTORE_FORMAT_COUNT_] = {
		"unknown", "PEM", "DER", "PKCS12", "JKS", "JCEKS"};
	return names[format];
}

/* PFX begins with an INTEGER, a certificate with a SEQUENCE; either may stand behind an indefinite length. */
static bool looks_like_der(struct bytes content, bool *pkcs12)
{
	struct wire_reader whole = wire_reader_init(content);
	struct tlv_header header = {0};
	uint8_t octet = 0;
	if (tlv_header_get(&whole, &header) != ERR_OK || header.tag != TLV_SEQUENCE ||
		wire_peek_u8(&whole, &octet) != ERR_OK) {
		return false;
	}
	*pkcs12 = octet == TLV_INTEGER;
	return *pkcs12 || octet == TLV_SEQUENCE;
}

bool keystore_format_of(struct bytes content, enum keystore_format *format, bool *sealed)
{
	bool yes = false;
	if (jks_looks_like(content, &yes)) {
		*format = yes ? KEYSTORE_FORMAT_JCEKS : KEYSTORE_FORMAT_JKS;
		*sealed = true;
		return true;
	}
	if (text_contains(content, "-----BEGIN ")) {
		*format = KEYSTORE_FORMAT_PEM;
		*sealed = text_contains(content, "-----BEGIN ENCRYPTED ");
		return true;
	}
	if (looks_like_der(content, &yes)) {
		*format = yes ? KEYSTORE_FORMAT_PKCS12 : KEYSTORE_FORMAT_DER;
		*sealed = yes;
		return true;
	}
	return false;
}

static enum err der_read(struct bytes content, struct p12 *out, struct keystore_error *error)
{
	struct p12_context context = {.error = error};
	struct p12_attributes none = {0};
	struct wire_reader whole = wire_reader_init(content);
	struct tlv tlv = {0};
	if (tlv_next(&whole, &tlv) != ERR_OK || tlv.tag != TLV_SEQUENCE || tlv_end(&whole) != ERR_OK) {
		return keystore_fail(error, ERR_MALFORMED, "is no DER certificate, or is cut short");
	}
	return p12_cert_put(&context, out, content, &none);
}

/* What our certificate parser refuses is left out, so that one odd entry does not keep the others from coming. */
static enum err unreadable_drop(struct p12 *p12, const struct p12_rules *rules)
{
	struct p12_context context = {.rules = rules};
	size_t kept = 0;
	enum err err = ERR_OK;
	for (size_t i = 0; i < p12->cert_count; i++) {
		struct p12_cert *item = &p12->certs[i];
		struct cert *cert = NULL;
		struct x509_error why = {0};
		enum err parsed = cert_parse(bytes_of(item->der, item->der_len), &cert, &why);
		cert_unref(cert);
		if (parsed == ERR_OK || parsed == ERR_NOMEM) {
			err = parsed == ERR_NOMEM ? ERR_NOMEM : err;
			p12->certs[kept++] = *item;
			continue;
		}
		struct shown shown = keystore_shown(bytes_text(item->attributes.name));
		p12_note(&context, "left out: certificate %zu%s%s%s, which cannot be read: %s (byte %zu)",
			i + 1, shown.text[0] != '\0' ? " '" : "", shown.text,
			shown.text[0] != '\0' ? "'" : "", why.what != NULL ? why.what : err_name(parsed),
			why.offset);
		free(item->der);
		p12_attributes_release(&item->attributes);
	}
	p12->cert_count = kept;
	return err;
}

static enum err source_read(struct bytes content, enum keystore_format format,
	const struct keystore_import *options, const struct p12_rules *rules, struct keystore **out,
	struct keystore_error *error)
{
	struct p12 p12 = {0};
	enum err err = ERR_UNSUPPORTED;
	switch (format) {
	case KEYSTORE_FORMAT_PEM: err = pem_read(content, options->passphrase, rules, &p12, error); break;
	case KEYSTORE_FORMAT_DER: err = der_read(content, &p12, error); break;
	case KEYSTORE_FORMAT_PKCS12:
		err = p12_read_import(content, options->passphrase, rules, &p12, error);
		break;
	case KEYSTORE_FORMAT_JKS:
	case KEYSTORE_FORMAT_JCEKS: err = jks_read(content, options->passphrase, rules, &p12, error); break;
	case KEYSTORE_FORMAT_ANY:
	case KEYSTORE_FORMAT_COUNT_: break;
	}
	/* What an operator names by hand must be good; in another program's store one odd entry may be left out. */
	if (err == ERR_OK && format != KEYSTORE_FORMAT_PEM && !rules->keep_unusable &&
		p12.cert_count + p12.key_count > 1) {
		err = unreadable_drop(&p12, rules);
	}
	if (err == ERR_OK) {
		err = store_build(&p12, rules, out, error);
	}
	p12_release(&p12);
	return err == ERR_OK ? ERR_OK : keystore_fail_plain(error, err, "cannot be imported");
}

/* --- into the keystore --- */

static void alias_from_name(const struct cert *cert, char *out, size_t out_bytes)
{
	(void)snprintf(out, out_bytes, "cert");
	for (size_t i = 0; cert != NULL && i < cert_attribute_count(cert, true); i++) {
		struct x509_attribute attribute = cert_attribute(cert, true, i);
		char *text = NULL;
		if (attribute.raw || attribute.key == NULL || strcmp(attribute.key, "CN") != 0 ||
			attribute.value.len >= KEYSTORE_ALIAS_BYTES_MAX - 8 ||
			bytes_dup_text(attribute.value, &text) != ERR_OK) {
			continue;
		}
		if (alias_valid(text) && !alias_has_pin_prefix(text)) {
			(void)snprintf(out, out_bytes, "%s", text);
		}
		free(text);
	}
}

/* What an imported entry becomes: trust needs the caller's word, a mark in the source alone gives none. */
static enum err kind_choose(const struct entry *entry, enum keystore_kind wanted, enum keystore_kind *out,
	struct keystore_error *error)
{
	switch (entry->kind) {
	case KEYSTORE_KEY: *out = KEYSTORE_KEY; return ERR_OK;
	case KEYSTORE_OTHER: *out = wanted; return ERR_OK;
	case KEYSTORE_KEPT: *out = KEYSTORE_KEPT; return ERR_OK;
	case KEYSTORE_ANCHOR:
	case KEYSTORE_PIN: break;
	}
	if (wanted == KEYSTORE_OTHER) {
		struct shown shown = keystore_shown(bytes_text(entry->alias));
		return keystore_fail(error, ERR_INVALID,
			"'%s' is marked as trusted there: say --anchor or --pinned to take it over",
			shown.text);
	}
	*out = entry->kind == KEYSTORE_PIN ? KEYSTORE_PIN : wanted;
	return ERR_OK;
}

/* A free alias out of base, under the prefix that kind brings: see store_alias_make(). */
static enum err alias_unique(const struct keystore *keystore, struct map *numbers, const char *base,
	enum keystore_kind kind, char *out, size_t out_bytes)
{
	char full[ALIAS_BYTES];
	const char *prefix = kind == KEYSTORE_PIN && !alias_has_pin_prefix(base) ? "pin:" : "";
	int len = snprintf(full, sizeof(full), "%s%s", prefix, base);
	return len < 0 || (size_t)len >= sizeof(full)
		       ? ERR_LIMIT
		       : store_alias_make(keystore, numbers, full, true, out, out_bytes);
}

/* The kind that kind_choose() comes to where it chooses one. */
static enum keystore_kind kind_wanted(const struct entry *entry, enum keystore_kind wanted)
{
	return entry->kind == KEYSTORE_OTHER || entry->kind == KEYSTORE_ANCHOR ? wanted : entry->kind;
}

static enum err entry_import(struct keystore *keystore, const struct entry *entry, const char *alias,
	enum keystore_kind wanted, struct keystore_error *error)
{
	enum keystore_kind kind = KEYSTORE_OTHER;
	enum err err = kind_choose(entry, wanted, &kind, error);
	if (err != ERR_OK) {
		return err;
	}
	if (kind == KEYSTORE_KEPT) {
		return store_add_kept(keystore, alias, entry, error);
	}
	if (kind == KEYSTORE_KEY) {
		err = keystore_add_key(keystore, alias, secret_bytes(&entry->pkcs8),
			(const struct cert *const *)entry->chain, entry->chain_count, error);
		return err != ERR_OK ? err
				     : entry_id_set(&keystore->items[keystore->count - 1],
					       bytes_of(entry->id, entry->id_len));
	}
	return keystore_add_cert(keystore, alias, entry->chain[0], kind, error);
}

struct importing {
	struct keystore *keystore;
	const struct keystore_import *options;
	const struct p12_context *context; /* for notes */
	bool named;                        /* the source has aliases of its own */
	bool keep;                         /* what cannot be used comes in all the same */
	struct map *numbers;               /* of store_alias_make() */
	size_t taken;                      /* entries so far, the left out ones not counted */
	struct keystore_error *error;
};

/* Names that the source has stay; names that we made up for a source without any follow the subject. */
static enum err alias_import(
	const struct importing *importing, const struct entry *entry, char *out, size_t out_bytes)
{
	const struct keystore_import *options = importing->options;
	char base[ALIAS_BYTES];
	enum keystore_kind kind = kind_wanted(entry, options->kind);
	if (options->alias != NULL && importing->taken == 0) {
		/* As the caller wrote it: if it is taken, that is an error and not a reason for another name. */
		int len = snprintf(out, out_bytes, "%s", options->alias);
		return len >= 0 && (size_t)len < out_bytes ? ERR_OK : ERR_LIMIT;
	}
	if (options->alias != NULL) {
		(void)snprintf(base, sizeof(base), "%s", options->alias);
	} else if (importing->named) {
		(void)snprintf(out, out_bytes, "%s", entry->alias);
		return ERR_OK;
	} else {
		alias_from_name(entry->chain_count > 0 ? entry->chain[0] : NULL, base, sizeof(base));
	}
	return alias_unique(importing->keystore, importing->numbers, base, kind, out, out_bytes);
}

/* A key of a kind that we cannot use is left out of many; alone it is refused. */
static bool left_out(const struct importing *importing, const struct entry *entry, size_t source_count)
{
	bool keep = importing->keep && (!entry->kept_key || kept_key_framed(secret_bytes(&entry->pkcs8)));
	if (entry->kind != KEYSTORE_KEPT || keep || source_count == 1) {
		return false;
	}
	struct shown shown = keystore_shown(bytes_text(entry->alias));
	p12_note(importing->context, "left out: the private key '%s' is of a kind that is not supported: %s",
		shown.text, entry->why);
	return true;
}

/* Whether an alias that is taken lets the entry in under another name, or keeps it out. */
static enum err collision_solve(
	struct importing *importing, const struct entry *entry, char *alias, size_t alias_bytes, bool *skip)
{
	char free_alias[ALIAS_BYTES];
	const struct keystore_import *options = importing->options;
	enum keystore_kind kind = kind_wanted(entry, options->kind);
	size_t index = 0;
	const char *prefix = kind == KEYSTORE_PIN && !alias_has_pin_prefix(alias) ? "pin:" : "";
	int len = snprintf(free_alias, sizeof(free_alias), "%s%s", prefix, alias);
	if (len < 0 || (size_t)len >= sizeof(free_alias)) {
		return ERR_LIMIT;
	}
	if (options->collision == KEYSTORE_COLLISION_REFUSE ||
		!keystore_find(importing->keystore, free_alias, &index)) {
		return ERR_OK; /* what is taken is refused where it is added */
	}
	struct shown shown = keystore_shown(bytes_text(free_alias));
	if (options->collision == KEYSTORE_COLLISION_SKIP) {
		p12_note(importing->context, "left out: there is already an entry '%s'", shown.text);
		*skip = true;
		return ERR_OK;
	}
	enum err err =
		alias_unique(importing->keystore, importing->numbers, free_alias, kind, alias, alias_bytes);
	if (err == ERR_OK) {
		struct shown renamed = keystore_shown(bytes_text(alias));
		p12_note(importing->context, "'%s' is taken: imported as '%s'", shown.text, renamed.text);
	}
	return err;
}

/* A lone entry that cannot be used is refused where nobody wants it kept; a name of trust is none for it. */
static enum err kept_prepare(const struct importing *importing, const struct entry *entry, char *alias)
{
	if (!importing->keep) {
		return keystore_fail(importing->error, ERR_UNSUPPORTED,
			"the private key is of a kind that is not supported: %s", entry->why);
	}
	const char *plain = kept_alias(alias, entry->kept_key);
	memmove(alias, plain, strlen(plain) + 1);
	return ERR_OK;
}

static enum err entries_import(struct importing *importing, const struct keystore *source)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < source->count && err == ERR_OK; i++) {
		char alias[ALIAS_BYTES];
		const struct entry *entry = &source->items[i];
		bool skip = false;
		if ((importing->named && !p12_wanted(importing->context, entry->alias)) ||
			left_out(importing, entry, source->count)) {
			continue;
		}
		err = alias_import(importing, entry, alias, sizeof(alias));
		if (err == ERR_OK && entry->kind == KEYSTORE_KEPT) {
			err = kept_prepare(importing, entry, alias);
		}
		if (err == ERR_OK) {
			err = collision_solve(importing, entry, alias, sizeof(alias), &skip);
		}
		if (err == ERR_OK && !skip) {
			err = entry_import(importing->keystore, entry, alias, importing->options->kind,
				importing->error);
			importing->taken++;
		}
	}
	return err;
}

/* Each name that --entry gave must stand for something, or it was mistyped. */
static enum err only_check(const struct keystore_import *options, bool named, const struct keystore *source,
	struct keystore_error *error)
{
	if (options->only_count > 0 && !named) {
		return keystore_fail(error, ERR_INVALID, "its entries have no aliases to choose by");
	}
	for (size_t i = 0; i < options->only_count; i++) {
		size_t index = 0;
		if (!keystore_find(source, options->only[i], &index)) {
			struct shown shown = keystore_shown(bytes_text(options->only[i]));
			return keystore_fail(error, ERR_NOT_FOUND, "holds no entry '%s'", shown.text);
		}
	}
	return ERR_OK;
}

/* Whoever names a key and certificates together means them to belong together: one is of another, or was forgotten. */
static enum err keys_check(const struct keystore *source, struct keystore_error *error)
{
	size_t lone = 0;
	size_t certs = 0;
	for (size_t i = 0; i < source->count; i++) {
		const struct entry *entry = &source->items[i];
		lone += entry->kind == KEYSTORE_KEY && entry->chain_count == 0 ? 1 : 0;
		certs += entry->chain_count;
	}
	return lone == 0 || certs == 0
		       ? ERR_OK
		       : keystore_fail(error, ERR_INVALID,
				 "a private key belongs to none of the certificates that come with it");
}

static enum err format_choose(struct bytes content, enum keystore_format wanted_format,
	enum keystore_format *out, struct keystore_error *error)
{
	enum keystore_format found = KEYSTORE_FORMAT_ANY;
	bool sealed = false;
	if (!keystore_format_of(content, &found, &sealed)) {
		return keystore_fail(error, ERR_MALFORMED,
			"is neither PEM nor a DER certificate nor a PKCS#12, JKS or JCEKS file");
	}
	if (wanted_format != KEYSTORE_FORMAT_ANY && wanted_format != found) {
		return keystore_fail(error, ERR_INVALID, "looks like %s, not like %s",
			keystore_format_name(found), keystore_format_name(wanted_format));
	}
	*out = found;
	return ERR_OK;
}

enum err keystore_import(struct keystore *keystore, struct bytes content,
	const struct keystore_import *options, size_t *added, struct keystore_error *error)
{
	struct keystore *source = NULL;
	size_t before = keystore->count;
	enum keystore_format format = KEYSTORE_FORMAT_ANY;
	struct p12_rules rules = {options->key_passphrases, options->key_passphrase_count,
		options->insecure_no_mac, options->note, options->progress, options->ctx, false,
		options->only, options->only_count};
	const struct p12_context context = {.rules = &rules};
	if (options->kind == KEYSTORE_KEY || options->kind == KEYSTORE_KEPT) {
		return keystore_fail(error, ERR_INVALID, "a certificate alone is no key entry");
	}
	if (content.len > KEYSTORE_FILE_BYTES_MAX) {
		return keystore_fail(error, ERR_LIMIT, "is longer than %u bytes", KEYSTORE_FILE_BYTES_MAX);
	}
	if (error != NULL) {
		*error = (struct keystore_error){0};
	}
	enum err err = format_choose(content, options->format, &format, error);
	bool named = format == KEYSTORE_FORMAT_PKCS12 || format == KEYSTORE_FORMAT_JKS ||
		     format == KEYSTORE_FORMAT_JCEKS;
	rules.keep_unusable = options->keep_unusable && named;
	if (err != ERR_OK ||
		(err = source_read(content, format, options, &rules, &source, error)) != ERR_OK) {
		return err;
	}
	/* What an operator names by hand is to be used, or refused. */
	bool keep = options->keep_unusable && (named || source->count > 1);
	struct importing importing = {keystore, options, &context, named, keep, NULL, 0, error};
	if (format == KEYSTORE_FORMAT_PEM) {
		err = keys_check(source, error);
	}
	if (err == ERR_OK && (err = map_new(&importing.numbers)) == ERR_OK &&
		(err = kept_ids_renew(source)) == ERR_OK &&
		(err = only_check(options, named, source, error)) == ERR_OK) {
		err = entries_import(&importing, source);
	}
	if (err == ERR_OK && keystore->count == before && importing.taken == 0 &&
		options->collision != KEYSTORE_COLLISION_SKIP) {
		err = keystore_fail(error, ERR_UNSUPPORTED,
			source->count == 0 && keystore_unknown_bags(source) == 0
				? "holds nothing: no private key and no certificate"
				: "holds nothing that can be used: no private key and no certificate that "
				  "we can read");
	}
	map_free(importing.numbers);
	keystore_free(source);
	if (err != ERR_OK) {
		store_truncate(keystore, before);
		return keystore_fail_plain(error, err, "cannot be imported");
	}
	if (added != NULL) {
		*added = keystore->count - before;
	}
	return ERR_OK;
}
