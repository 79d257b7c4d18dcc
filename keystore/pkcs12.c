/*
 * pkcs12.c - the bags that a reader collects, whatever file they come from, and what readers share.
 * Owns:    keys and certificates until p12_release().
 * Never:   parses.
 * Threads: one at a time.
 */
#include "keystore/pkcs12.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void p12_attributes_release(struct p12_attributes *attributes)
{
	free(attributes->name);
	free(attributes->id);
	free(attributes->kept);
	*attributes = (struct p12_attributes){0};
}

void p12_release(struct p12 *p12)
{
	for (size_t i = 0; i < p12->key_count; i++) {
		secret_free(&p12->keys[i].pkcs8);
		p12_attributes_release(&p12->keys[i].attributes);
	}
	for (size_t i = 0; i < p12->cert_count; i++) {
		free(p12->certs[i].der);
		p12_attributes_release(&p12->certs[i].attributes);
	}
	free(p12->keys);
	free(p12->certs);
	*p12 = (struct p12){0};
}

/* Doubles an array; *cap is changed with it. */
static enum err array_grow(void **items, size_t count, size_t *cap, size_t item_bytes)
{
	if (count < *cap) {
		return ERR_OK;
	}
	size_t cap_new = *cap == 0 ? 8 : *cap * 2;
	void *grown = realloc(*items, cap_new * item_bytes);
	if (grown == NULL) {
		return ERR_NOMEM;
	}
	*items = grown;
	*cap = cap_new;
	return ERR_OK;
}

enum err p12_key_put(
	struct p12_context *context, struct p12 *p12, struct secret *pkcs8, struct p12_attributes *attributes)
{
	if (p12->key_count >= P12_KEYS_MAX) {
		return keystore_fail(
			context->error, ERR_LIMIT, "holds more than %u private keys", P12_KEYS_MAX);
	}
	void *keys = p12->keys;
	enum err err = array_grow(&keys, p12->key_count, &p12->key_cap, sizeof(*p12->keys));
	p12->keys = keys;
	if (err != ERR_OK) {
		return err;
	}
	p12->keys[p12->key_count++] = (struct p12_key){*pkcs8, *attributes};
	*pkcs8 = SECRET_NONE;
	*attributes = (struct p12_attributes){0};
	return ERR_OK;
}

enum err p12_cert_put(
	struct p12_context *context, struct p12 *p12, struct bytes der, struct p12_attributes *attributes)
{
	uint8_t *copy = NULL;
	if (der.len > X509_CERT_BYTES_MAX) {
		return keystore_fail(context->error, ERR_LIMIT, "a certificate is longer than %u bytes",
			X509_CERT_BYTES_MAX);
	}
	void *certs = p12->certs;
	enum err err = array_grow(&certs, p12->cert_count, &p12->cert_cap, sizeof(*p12->certs));
	p12->certs = certs;
	if (err != ERR_OK || (err = bytes_dup(der, &copy)) != ERR_OK) {
		return err;
	}
	p12->certs[p12->cert_count++] = (struct p12_cert){copy, der.len, *attributes};
	*attributes = (struct p12_attributes){0};
	return ERR_OK;
}

void p12_note(const struct p12_context *context, const char *format, ...)
{
	char sentence[KEYSTORE_SENTENCE_BYTES];
	if (context->rules == NULL || context->rules->note == NULL) {
		return;
	}
	va_list args;
	va_start(args, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	context->rules->note(sentence, context->rules->ctx);
}

struct bytes p12_entry_passphrase(const struct p12_context *context, const char *alias)
{
	const struct p12_rules *rules = context->rules;
	for (size_t i = 0; rules != NULL && alias != NULL && i < rules->key_passphrase_count; i++) {
		if (alias_equal(rules->key_passphrases[i].alias, alias)) {
			return rules->key_passphrases[i].passphrase;
		}
	}
	return context->passphrase;
}

bool p12_wanted(const struct p12_context *context, const char *alias)
{
	const struct p12_rules *rules = context->rules;
	for (size_t i = 0; rules != NULL && i < rules->only_count; i++) {
		if (alias_equal(rules->only[i], alias)) {
			return true;
		}
	}
	return rules == NULL || rules->only_count == 0;
}

enum err p12_key_missed(const struct p12_context *context, const char *alias, enum err err)
{
	/* What has no name may be called by one that is made up for it: nobody can tell yet. */
	if ((err != ERR_DENIED && err != ERR_UNSUPPORTED) || alias == NULL || p12_wanted(context, alias)) {
		return err;
	}
	if (context->error != NULL) {
		*context->error = (struct keystore_error){0};
	}
	return ERR_OK;
}

static bool ascii(struct bytes text)
{
	struct wire_reader reader = wire_reader_init(text);
	uint8_t octet = 0;
	while (wire_get_u8(&reader, &octet) == ERR_OK) {
		if (octet > 0x7f) {
			return false;
		}
	}
	return true;
}

enum err p12_form_bytes(const struct p12_context *context, enum p12_form form, struct secret *out)
{
	struct bytes passphrase = context->passphrase;
	switch (form) {
	case P12_FORM_BMP: return text_to_bmp(passphrase, true, out);
	case P12_FORM_NONE: return passphrase.len == 0 ? secret_copy(BYTES_NONE, out) : ERR_NOT_FOUND;
	case P12_FORM_BYTES:
		return context->rules != NULL && !ascii(passphrase) ? text_bytes_to_bmp(passphrase, out)
								    : ERR_NOT_FOUND;
	case P12_FORM_COUNT_: break;
	}
	return ERR_NOT_FOUND;
}
