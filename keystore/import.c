/*
 * import.c - what people bring: PEM, DER, PKCS#12 files of others.
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

static enum err pem_cert_add(struct p12 *p12, struct bytes der)
{
	uint8_t *copy = NULL;
	enum err err = bytes_dup(der, &copy);
	if (err != ERR_OK) {
		return err;
	}
	struct p12_cert *grown = realloc(p12->certs, (p12->cert_count + 1) * sizeof(*grown));
	if (grown == NULL) {
		free(copy);
		return ERR_NOMEM;
	}
	p12->certs = grown;
	p12->certs[p12->cert_count++] = (struct p12_cert){.der = copy, .der_len = der.len};
	return ERR_OK;
}

static enum err pem_key_add(struct pem_import *import, struct bytes label, struct bytes der)
{
	struct p12 *p12 = import->p12;
	if (der.len > KEYSTORE_KEY_BYTES_MAX / 2) {
		return ERR_LIMIT;
	}
	struct p12_key *grown = realloc(p12->keys, (p12->key_count + 1) * sizeof(*grown));
	if (grown == NULL) {
		return ERR_NOMEM;
	}
	p12->keys = grown;
	struct secret pkcs8 = SECRET_NONE;
	enum err err = ERR_OK;
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
		p12->keys[p12->key_count++] = (struct p12_key){.pkcs8 = pkcs8};
	}
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
		return pem_cert_add(import->p12, der);
	}
	if (bytes_equal_text(label, "EC PARAMETERS")) {
		return ERR_OK; /* openssl ecparam writes it in front of its key, which repeats it */
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

static enum err pem_read(
	struct bytes text, struct bytes passphrase, struct p12 *out, struct keystore_error *error)
{
	struct p12 p12 = {0};
	struct pem_import import = {&p12, {passphrase, KEYSTORE_WORK_MAX, KEYSTORE_BAGS_MAX, error}};
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

static bool looks_like_pkcs12(struct bytes content)
{
	struct wire_reader whole = wire_reader_init(content);
	uint8_t octet = 0;
	struct tlv tlv = {0};
	struct wire_reader fields = {0};
	/* PFX begins with an INTEGER, a certificate with a SEQUENCE; also when the outer length is indefinite. */
	if (tlv_next(&whole, &tlv) == ERR_UNSUPPORTED) {
		return true;
	}
	fields = wire_reader_init(tlv.content);
	return tlv.tag == TLV_SEQUENCE && wire_peek_u8(&fields, &octet) == ERR_OK && octet == TLV_INTEGER;
}

static enum err source_read(
	struct bytes content, struct bytes passphrase, struct keystore **out, struct keystore_error *error)
{
	struct p12 p12 = {0};
	enum err err = ERR_OK;
	if (text_contains(content, "-----BEGIN ")) {
		err = pem_read(content, passphrase, &p12, error);
	} else if (looks_like_pkcs12(content)) {
		err = p12_read(content, passphrase, &p12, error);
	} else {
		struct wire_reader whole = wire_reader_init(content);
		struct tlv tlv = {0};
		if (tlv_next(&whole, &tlv) != ERR_OK || tlv.tag != TLV_SEQUENCE ||
			tlv_end(&whole) != ERR_OK) {
			return keystore_fail(error, ERR_MALFORMED,
				"is neither PEM nor a DER certificate nor a PKCS#12 file");
		}
		err = pem_cert_add(&p12, content);
	}
	if (err == ERR_OK) {
		err = store_build(&p12, out, error);
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

/* "base" or "base-2", "base-3", … whichever is free under the prefix that kind brings. */
static enum err alias_unique(const struct keystore *keystore, const char *base, enum keystore_kind kind,
	char *out, size_t out_bytes)
{
	const char *prefix = kind == KEYSTORE_PIN && !alias_has_pin_prefix(base) ? "pin:" : "";
	for (unsigned number = 1; number <= KEYSTORE_ENTRIES_MAX; number++) {
		size_t index = 0;
		int len = number == 1 ? snprintf(out, out_bytes, "%s%s", prefix, base)
				      : snprintf(out, out_bytes, "%s%s-%u", prefix, base, number);
		if (len < 0 || (size_t)len >= out_bytes) {
			return ERR_LIMIT;
		}
		if (!keystore_find(keystore, out, &index)) {
			return ERR_OK;
		}
	}
	return ERR_LIMIT;
}

static enum err entry_import(struct keystore *keystore, const struct entry *entry, const char *alias,
	enum keystore_kind wanted, struct keystore_error *error)
{
	enum keystore_kind kind = KEYSTORE_OTHER;
	enum err err = kind_choose(entry, wanted, &kind, error);
	if (err != ERR_OK) {
		return err;
	}
	if (kind == KEYSTORE_KEY) {
		return keystore_add_key(keystore, alias, secret_bytes(&entry->pkcs8),
			(const struct cert *const *)entry->chain, entry->chain_count, error);
	}
	return keystore_add_cert(keystore, alias, entry->chain[0], kind, error);
}

/* Names that the source has stay; names that we made up for a source without any follow the subject. */
static enum err alias_import(const struct keystore *keystore, const struct entry *entry, bool named,
	const struct keystore_import *options, size_t index, char *out, size_t out_bytes)
{
	char base[ALIAS_BYTES];
	enum keystore_kind kind = entry->kind == KEYSTORE_OTHER ? options->kind : entry->kind;
	if (options->alias != NULL && index == 0) {
		/* As the caller wrote it: if it is taken, that is an error and not a reason for another name. */
		int len = snprintf(out, out_bytes, "%s", options->alias);
		return len >= 0 && (size_t)len < out_bytes ? ERR_OK : ERR_LIMIT;
	}
	if (options->alias != NULL) {
		(void)snprintf(base, sizeof(base), "%s", options->alias);
	} else if (named) {
		(void)snprintf(out, out_bytes, "%s", entry->alias);
		return ERR_OK;
	} else {
		alias_from_name(entry->chain_count > 0 ? entry->chain[0] : NULL, base, sizeof(base));
	}
	return alias_unique(keystore, base, kind, out, out_bytes);
}

enum err keystore_import(struct keystore *keystore, struct bytes content,
	const struct keystore_import *options, size_t *added, struct keystore_error *error)
{
	struct keystore *source = NULL;
	size_t before = keystore->count;
	if (options->kind == KEYSTORE_KEY) {
		return keystore_fail(error, ERR_INVALID, "a certificate alone is no key entry");
	}
	if (content.len > KEYSTORE_FILE_BYTES_MAX) {
		return keystore_fail(error, ERR_LIMIT, "is longer than %u bytes", KEYSTORE_FILE_BYTES_MAX);
	}
	bool named = !text_contains(content, "-----BEGIN ") && looks_like_pkcs12(content);
	if (error != NULL) {
		*error = (struct keystore_error){0};
	}
	enum err err = source_read(content, options->passphrase, &source, error);
	if (err != ERR_OK) {
		return err;
	}
	for (size_t i = 0; i < source->count && err == ERR_OK; i++) {
		char alias[ALIAS_BYTES];
		const struct entry *entry = &source->items[i];
		err = alias_import(keystore, entry, named, options, i, alias, sizeof(alias));
		if (err == ERR_OK) {
			err = entry_import(keystore, entry, alias, options->kind, error);
		}
	}
	keystore_free(source);
	if (err != ERR_OK) {
		while (keystore->count > before) {
			entry_release(&keystore->items[--keystore->count]);
		}
		return keystore_fail_plain(error, err, "cannot be imported");
	}
	if (added != NULL) {
		*added = keystore->count - before;
	}
	return ERR_OK;
}
