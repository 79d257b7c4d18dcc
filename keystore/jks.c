/*
 * jks.c - Java's own keystores, JKS and JCEKS, as bags; for an import only.
 * Owns:    the bags read so far; on failure nothing of them remains.
 * Never:   looks into the entries before the digest over them was found right; makes a Java object.
 * Threads: one at a time; blocks while keys are derived.
 *
 * All numbers are big-endian, texts are Java's modified UTF-8 behind a 16-bit length:
 *   magic 32, version 32 (1 or 2), count 32, then entries { tag 32, alias, date 64, … }, then 20 bytes of SHA-1 over the
 *   passphrase in UTF-16BE, the words "Mighty Aphrodite" and all before.
 *   1 key: EncryptedPrivateKeyInfo (32-bit length), certificates (32-bit count);  2 certificate;
 *   3 secret key (JCEKS): a serialized Java object.  Certificate: type as text (version 2), DER (32-bit length).
 */
#include "keystore/pkcs12.h"

#include <stdlib.h>

#define JKS_MAGIC        0xfeedfeedu
#define JCEKS_MAGIC      0xcecececeu
#define JKS_DIGEST_BYTES 20u
#define JKS_KEY          1u
#define JKS_CERT         2u
#define JKS_SECRET       3u
#define JKS_ID_BYTES     4u

struct jks {
	struct p12_context *context;
	struct p12 *p12;
	struct wire_reader reader;
	bool jceks;
	uint32_t version;
};

bool jks_looks_like(struct bytes content, bool *jceks)
{
	struct wire_reader reader = wire_reader_init(content);
	uint32_t magic = 0;
	if (wire_get_u32(&reader, &magic) != ERR_OK || (magic != JKS_MAGIC && magic != JCEKS_MAGIC)) {
		return false;
	}
	*jceks = magic == JCEKS_MAGIC;
	return true;
}

/* --- texts --- */

/* A byte of a modified UTF-8 sequence that is not its first. */
static enum err continuation_get(struct wire_reader *reader, unsigned *unit)
{
	uint8_t octet = 0;
	if (wire_get_u8(reader, &octet) != ERR_OK || (octet & 0xc0u) != 0x80u) {
		return ERR_MALFORMED;
	}
	*unit = *unit << 6 | (octet & 0x3fu);
	return ERR_OK;
}

/* Sequences of one to three bytes, each a UTF-16 unit; U+0000 as c0 80. */
static enum err unit_get(struct wire_reader *reader, unsigned *unit)
{
	uint8_t first = 0;
	if (wire_get_u8(reader, &first) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*unit = first;
	if (first < 0x80) {
		return ERR_OK;
	}
	if ((first & 0xe0u) == 0xc0u) {
		*unit = first & 0x1fu;
		return continuation_get(reader, unit);
	}
	if ((first & 0xf0u) != 0xe0u) {
		return ERR_MALFORMED;
	}
	*unit = first & 0x0fu;
	enum err err = continuation_get(reader, unit);
	return err != ERR_OK ? err : continuation_get(reader, unit);
}

/* *out owned by the caller; NULL for an empty text. */
static enum err text_get(struct wire_reader *reader, char **out)
{
	uint16_t len = 0;
	struct wire_reader text = {0};
	if (wire_get_u16(reader, &len) != ERR_OK || wire_get_child(reader, len, &text) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (len == 0) {
		return ERR_OK;
	}
	struct buf wide = BUF_INIT((size_t)4 * KEYSTORE_ALIAS_BYTES_MAX);
	enum err err = ERR_OK;
	while (err == ERR_OK && wire_reader_left(&text) > 0) {
		unsigned unit = 0;
		if ((err = unit_get(&text, &unit)) == ERR_OK &&
			(err = buf_append_u8(&wide, (uint8_t)(unit >> 8))) == ERR_OK) {
			err = buf_append_u8(&wide, (uint8_t)unit);
		}
	}
	if (err == ERR_OK) {
		err = text_from_bmp(buf_bytes(&wide), out);
	}
	buf_release(&wide);
	return err;
}

static enum err block_get(struct wire_reader *reader, struct bytes *out)
{
	uint32_t len = 0;
	return wire_get_u32(reader, &len) != ERR_OK || wire_get_bytes(reader, len, out) != ERR_OK
		       ? ERR_MALFORMED
		       : ERR_OK;
}

/* --- entries --- */

static enum err bag_spend(struct jks *jks)
{
	if (jks->context->bags_left == 0) {
		return keystore_fail(
			jks->context->error, ERR_LIMIT, "holds more than %u entries", KEYSTORE_BAGS_MAX);
	}
	jks->context->bags_left--;
	return ERR_OK;
}

/* *known false: passed over, because it is no X.509 certificate. */
static enum err cert_get(struct jks *jks, struct bytes *der, bool *known)
{
	char *type = NULL;
	enum err err = bag_spend(jks);
	if (err == ERR_OK && jks->version == 2) {
		err = text_get(&jks->reader, &type);
	}
	if (err == ERR_OK) {
		err = block_get(&jks->reader, der);
	}
	*known = jks->version == 1 || (type != NULL && (bytes_equal_text(bytes_text(type), "X.509") ||
							       bytes_equal_text(bytes_text(type), "X509")));
	if (err == ERR_OK && !*known) {
		jks->p12->unknown_bags++;
		struct shown shown = keystore_shown(bytes_text(type));
		p12_note(jks->context, "left out: a certificate of type '%s'", shown.text);
	}
	free(type);
	return err;
}

static enum err key_open(struct jks *jks, struct bytes sealed, const char *alias, struct secret *out)
{
	struct p12_context own = *jks->context;
	own.passphrase = p12_entry_passphrase(jks->context, alias);
	bool file = own.passphrase.data == jks->context->passphrase.data;
	enum err err = pbe_open_key(&own, sealed, out);
	jks->context->work_left = own.work_left;
	if (err == ERR_DENIED) {
		struct shown shown = keystore_shown(bytes_text(alias));
		return keystore_fail(jks->context->error, err,
			"the key '%s' does not open with %s: give its own with --key-passphrase ALIAS=SPEC, "
			"or "
			"choose others with --entry",
			shown.text, file ? "the passphrase of the file" : "the passphrase given for it");
	}
	return err;
}

/* The chain stands behind its key: what joins the first of it with the key in our bags is a number. Not wanted: read over. */
static enum err chain_get(struct jks *jks, struct bytes id, bool wanted)
{
	uint32_t count = 0;
	if (wire_get_u32(&jks->reader, &count) != ERR_OK) {
		return ERR_MALFORMED;
	}
	enum err err = ERR_OK;
	for (uint32_t i = 0; i < count && err == ERR_OK; i++) {
		struct p12_attributes attributes = {0};
		struct bytes der = BYTES_NONE;
		bool known = false;
		err = cert_get(jks, &der, &known);
		if (err != ERR_OK || !known || !wanted) {
			continue;
		}
		if (i == 0 && (err = bytes_dup(id, &attributes.id)) == ERR_OK) {
			attributes.id_len = id.len;
		}
		if (err == ERR_OK) {
			err = p12_cert_put(jks->context, jks->p12, der, &attributes);
		}
		p12_attributes_release(&attributes);
	}
	return err;
}

/* alias is moved into the key's attributes. */
static enum err key_entry_get(struct jks *jks, char **alias)
{
	uint8_t id_octets[JKS_ID_BYTES];
	struct p12_attributes attributes = {.name = *alias};
	struct secret pkcs8 = SECRET_NONE;
	struct bytes sealed = BYTES_NONE;
	*alias = NULL;
	size_t number = jks->p12->key_count + 1;
	for (size_t i = 0; i < sizeof(id_octets); i++) {
		id_octets[i] = (uint8_t)(number >> (8 * (sizeof(id_octets) - 1 - i)));
	}
	struct bytes id = bytes_of(id_octets, sizeof(id_octets));
	enum err err = block_get(&jks->reader, &sealed);
	if (err == ERR_OK && sealed.len > KEYSTORE_KEY_BYTES_MAX) {
		err = keystore_fail(jks->context->error, ERR_LIMIT, "a private key is longer than %u bytes",
			KEYSTORE_KEY_BYTES_MAX);
	}
	bool opened = false;
	if (err == ERR_OK && (err = bytes_dup(id, &attributes.id)) == ERR_OK) {
		attributes.id_len = id.len;
		err = key_open(jks, sealed, attributes.name, &pkcs8);
		opened = err == ERR_OK;
		err = p12_key_missed(jks->context, attributes.name, err);
	}
	if (err == ERR_OK && opened) {
		err = p12_key_put(jks->context, jks->p12, &pkcs8, &attributes);
	}
	if (err == ERR_OK) {
		err = chain_get(jks, id, opened);
	}
	secret_free(&pkcs8);
	p12_attributes_release(&attributes);
	return err;
}

static enum err cert_entry_get(struct jks *jks, char **alias)
{
	struct p12_attributes attributes = {.name = *alias, .trusted = true};
	struct bytes der = BYTES_NONE;
	bool known = false;
	*alias = NULL;
	enum err err = cert_get(jks, &der, &known);
	if (err == ERR_OK && known) {
		err = p12_cert_put(jks->context, jks->p12, der, &attributes);
	}
	p12_attributes_release(&attributes);
	return err;
}

static enum err secret_entry_get(struct jks *jks, const char *alias)
{
	struct shown shown = keystore_shown(bytes_text(alias));
	enum err err = java_object_skip(&jks->reader);
	if (err != ERR_OK) {
		return keystore_fail(jks->context->error, err,
			"the secret key '%s' is in a form that cannot be passed over", shown.text);
	}
	jks->p12->unknown_bags++;
	p12_note(jks->context, "left out: '%s' is a secret key, not a private one", shown.text);
	return ERR_OK;
}

static enum err entry_get(struct jks *jks)
{
	uint32_t tag = 0;
	char *alias = NULL;
	enum err err = bag_spend(jks);
	if (err != ERR_OK) {
		return err;
	}
	if (wire_get_u32(&jks->reader, &tag) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if ((err = text_get(&jks->reader, &alias)) != ERR_OK) {
		return err;
	}
	if (wire_skip(&jks->reader, 8) != ERR_OK) {
		err = ERR_MALFORMED;
	} else if (tag == JKS_KEY) {
		err = key_entry_get(jks, &alias);
	} else if (tag == JKS_CERT) {
		err = cert_entry_get(jks, &alias);
	} else if (tag == JKS_SECRET && jks->jceks) {
		err = secret_entry_get(jks, alias);
	} else {
		err = ERR_MALFORMED;
	}
	free(alias);
	return err;
}

/* --- the file --- */

static enum err digest_check(struct p12_context *context, struct bytes body, struct bytes digest)
{
	uint8_t computed[HASH_BYTES_MAX];
	struct secret password = SECRET_NONE;
	enum err err = text_to_bmp(context->passphrase, false, &password);
	if (err != ERR_OK) {
		return err;
	}
	struct bytes parts[] = {secret_bytes(&password), bytes_text("Mighty Aphrodite"), body};
	hash_of_parts(HASH_SHA1, parts, ARRAY_COUNT(parts), computed);
	secret_free(&password);
	return secret_equal(bytes_of(computed, JKS_DIGEST_BYTES), digest)
		       ? ERR_OK
		       : keystore_fail(context->error, ERR_DENIED, "%s", P12_DENIED_SENTENCE);
}

static enum err body_get(struct jks *jks)
{
	uint32_t magic = 0;
	uint32_t count = 0;
	if (wire_get_u32(&jks->reader, &magic) != ERR_OK ||
		wire_get_u32(&jks->reader, &jks->version) != ERR_OK ||
		wire_get_u32(&jks->reader, &count) != ERR_OK || jks->version < 1 || jks->version > 2) {
		return ERR_MALFORMED;
	}
	enum err err = ERR_OK;
	for (uint32_t i = 0; i < count && err == ERR_OK; i++) {
		err = entry_get(jks);
	}
	return err != ERR_OK ? err : tlv_end(&jks->reader);
}

static enum err read_failed(struct keystore_error *error, enum err err)
{
	if (error == NULL || error->sentence[0] != '\0') {
		return err;
	}
	switch ((int)err) {
	case ERR_MALFORMED: return keystore_fail(error, err, "is no JKS or JCEKS file, or is cut short");
	case ERR_INVALID: return keystore_fail(error, err, "the passphrase is not valid UTF-8");
	case ERR_LIMIT: return keystore_fail(error, err, "a value in it is larger than we accept");
	default: return keystore_fail_plain(error, err, "cannot be read");
	}
}

static enum err read_file(struct bytes content, struct bytes passphrase, const struct p12_rules *rules,
	bool digest_wanted, struct p12 *out, struct keystore_error *error)
{
	if (error != NULL) {
		*error = (struct keystore_error){0};
	}
	if (content.len > KEYSTORE_FILE_BYTES_MAX) {
		return keystore_fail(error, ERR_LIMIT, "is longer than %u bytes", KEYSTORE_FILE_BYTES_MAX);
	}
	if (passphrase.len > KEYSTORE_PASSPHRASE_MAX) {
		return keystore_fail(
			error, ERR_LIMIT, "the passphrase is longer than %u bytes", KEYSTORE_PASSPHRASE_MAX);
	}
	struct p12 p12 = {0};
	struct p12_context context = {
		.passphrase = passphrase,
		.work_left = digest_wanted ? KEYSTORE_WORK_MAX : P12_UNCHECKED_WORK,
		.bags_left = KEYSTORE_BAGS_MAX,
		.error = error,
		.rules = rules,
	};
	struct jks jks = {.context = &context, .p12 = &p12};
	struct wire_reader whole = wire_reader_init(content);
	struct bytes body = BYTES_NONE;
	struct bytes digest = BYTES_NONE;
	enum err err = ERR_OK;
	if (!jks_looks_like(content, &jks.jceks) || content.len < JKS_DIGEST_BYTES ||
		wire_get_bytes(&whole, content.len - JKS_DIGEST_BYTES, &body) != ERR_OK ||
		wire_get_bytes(&whole, JKS_DIGEST_BYTES, &digest) != ERR_OK) {
		return read_failed(error, ERR_MALFORMED);
	}
	/* Open before parse, as with PKCS#12. */
	if (digest_wanted && rules->insecure_no_mac) {
		p12_note(&context, "taken without an integrity check, as asked for");
	} else if (digest_wanted) {
		err = digest_check(&context, body, digest);
	}
	if (err == ERR_OK) {
		jks.reader = wire_reader_init(body);
		err = body_get(&jks);
	}
	if (err != ERR_OK) {
		p12_release(&p12);
		return read_failed(error, err);
	}
	*out = p12;
	return ERR_OK;
}

enum err jks_read(struct bytes content, struct bytes passphrase, const struct p12_rules *rules,
	struct p12 *out, struct keystore_error *error)
{
	return read_file(content, passphrase, rules, true, out, error);
}

enum err jks_read_unchecked_digest(struct bytes content, struct bytes passphrase,
	const struct p12_rules *rules, struct p12 *out, struct keystore_error *error)
{
	return read_file(content, passphrase, rules, false, out, error);
}
