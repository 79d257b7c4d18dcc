/*
 * pkcs12_read.c - from the bytes of a PKCS#12 file to its bags (RFC 7292 sections 4 and 5).
 * Owns:    the bags read so far; on failure nothing of them remains.
 * Never:   looks into the contents before the MAC over them was found right.
 * Threads: one at a time; blocks while keys are derived.
 */
#include "keystore/pkcs12.h"

#include <stdlib.h>

#define P12_VERSION        3u
#define P12_KDF_MAC_KEY    3u    /* RFC 7292 B.3: the diversifier for MAC keys */
#define P12_UNCHECKED_WORK 4096u /* iterations that a file may cost whose MAC nobody looks at */
#define P12_SAFES_MAX      256u

struct mac_data {
	enum hash_alg hash;
	struct bytes digest;
	struct bytes salt;
	uint32_t iterations;
};

static void attributes_release(struct p12_attributes *attributes)
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
		attributes_release(&p12->keys[i].attributes);
	}
	for (size_t i = 0; i < p12->cert_count; i++) {
		free(p12->certs[i].der);
		attributes_release(&p12->certs[i].attributes);
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

/* --- attributes --- */

/* SET OF ANY with exactly one value, as RFC 2985 5.5 wants it of friendlyName and localKeyId. */
static enum err single_value_get(struct wire_reader values, uint8_t tag, struct bytes *out)
{
	enum err err = tlv_get(&values, tag, out);
	return err != ERR_OK ? err : tlv_end(&values);
}

static enum err friendly_name_get(struct wire_reader values, struct p12_attributes *out)
{
	struct bytes bmp = BYTES_NONE;
	enum err err = single_value_get(values, TLV_BMP_STRING, &bmp);
	if (err != ERR_OK) {
		return err;
	}
	if (out->name != NULL) {
		return ERR_MALFORMED;
	}
	/* An empty name is no name: some writers put one on every bag. */
	return bmp.len == 0 ? ERR_OK : text_from_bmp(bmp, &out->name);
}

static enum err local_key_id_get(struct wire_reader values, struct p12_attributes *out)
{
	struct bytes id = BYTES_NONE;
	enum err err = single_value_get(values, TLV_OCTETS, &id);
	if (err != ERR_OK) {
		return err;
	}
	if (out->id != NULL) {
		return ERR_MALFORMED;
	}
	if (id.len == 0) {
		return ERR_OK;
	}
	if (id.len > KEYSTORE_ALIAS_BYTES_MAX) {
		return ERR_LIMIT;
	}
	err = bytes_dup(id, &out->id);
	if (err == ERR_OK) {
		out->id_len = id.len;
	}
	return err;
}

/* The mark counts for us if it names any use or client authentication; a mark for other uses is only kept. */
static enum err trusted_key_usage_get(struct wire_reader values, bool *trusted)
{
	while (wire_reader_left(&values) > 0) {
		struct bytes usage = BYTES_NONE;
		enum err err = tlv_get(&values, TLV_OID, &usage);
		if (err != ERR_OK) {
			return err;
		}
		enum oid oid = oid_of(usage);
		if (oid == OID_ANY_EXTENDED_KEY_USAGE || oid == OID_CLIENT_AUTH) {
			*trusted = true;
		}
	}
	return ERR_OK;
}

/* PKCS12Attribute ::= SEQUENCE { attrId OID, attrValues SET OF ANY } */
static enum err attribute_get(struct wire_reader *set, struct p12_attributes *out, struct buf *kept)
{
	struct tlv whole = {0};
	struct bytes oid = BYTES_NONE;
	struct wire_reader values = {0};
	enum err err = tlv_next(set, &whole);
	if (err != ERR_OK) {
		return err;
	}
	if (whole.tag != TLV_SEQUENCE) {
		return ERR_MALFORMED;
	}
	struct wire_reader attribute = wire_reader_init(whole.content);
	if ((err = tlv_get(&attribute, TLV_OID, &oid)) != ERR_OK ||
		(err = tlv_enter(&attribute, TLV_SET, &values)) != ERR_OK ||
		(err = tlv_end(&attribute)) != ERR_OK) {
		return err;
	}
	switch ((int)oid_of(oid)) {
	case OID_FRIENDLY_NAME: return friendly_name_get(values, out);
	case OID_LOCAL_KEY_ID: return local_key_id_get(values, out);
	case OID_TRUSTED_KEY_USAGE: {
		bool trusted = false;
		err = trusted_key_usage_get(values, &trusted);
		if (err == ERR_OK && trusted) {
			out->trusted = true;
			return ERR_OK;
		}
		return err != ERR_OK ? err : buf_append(kept, whole.whole);
	}
	default: return buf_append(kept, whole.whole);
	}
}

static enum err attributes_get(struct wire_reader *bag, struct p12_attributes *out)
{
	struct p12_attributes attributes = {0};
	struct buf kept = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct wire_reader set = {0};
	enum err err = ERR_OK;
	if (wire_reader_left(bag) > 0) {
		err = tlv_enter(bag, TLV_SET, &set);
	}
	for (unsigned count = 0; err == ERR_OK && wire_reader_left(&set) > 0; count++) {
		err = count < KEYSTORE_ATTRIBUTES_MAX ? attribute_get(&set, &attributes, &kept) : ERR_LIMIT;
	}
	if (err == ERR_OK && kept.len > 0) {
		err = bytes_dup(buf_bytes(&kept), &attributes.kept);
		attributes.kept_len = kept.len;
	}
	buf_release(&kept);
	if (err != ERR_OK) {
		attributes_release(&attributes);
		return err;
	}
	*out = attributes;
	return ERR_OK;
}

/* --- bags --- */

/* key is moved in on ERR_OK. */
static enum err key_add(
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

static enum err key_bag_get(struct p12_context *context, struct p12 *p12, struct bytes value, bool shrouded,
	struct wire_reader *bag)
{
	struct p12_attributes attributes = {0};
	struct secret pkcs8 = SECRET_NONE;
	enum err err = attributes_get(bag, &attributes);
	if (err != ERR_OK || (err = tlv_end(bag)) != ERR_OK) {
		goto out;
	}
	if (value.len > KEYSTORE_KEY_BYTES_MAX) {
		err = keystore_fail(context->error, ERR_LIMIT, "a private key is longer than %u bytes",
			KEYSTORE_KEY_BYTES_MAX);
		goto out;
	}
	err = shrouded ? pbe_open_key(context, value, &pkcs8) : secret_copy(value, &pkcs8);
	if (err != ERR_OK) {
		goto out;
	}
	/* One PrivateKeyInfo and nothing behind it; what is in it, base/crypto.h reads when the key is used. */
	struct wire_reader whole = wire_reader_init(secret_bytes(&pkcs8));
	struct wire_reader info = {0};
	if (tlv_enter(&whole, TLV_SEQUENCE, &info) != ERR_OK || tlv_end(&whole) != ERR_OK) {
		err = ERR_MALFORMED;
		goto out;
	}
	err = key_add(context, p12, &pkcs8, &attributes);
out:
	secret_free(&pkcs8);
	attributes_release(&attributes);
	return err;
}

/* CertBag ::= SEQUENCE { certId OID, certValue [0] EXPLICIT OCTET STRING } */
static enum err cert_bag_get(
	struct p12_context *context, struct p12 *p12, struct bytes value, struct wire_reader *bag)
{
	struct p12_attributes attributes = {0};
	struct wire_reader whole = wire_reader_init(value);
	struct wire_reader cert_bag = {0};
	struct wire_reader explicit_0 = {0};
	struct bytes oid = BYTES_NONE;
	struct bytes der = BYTES_NONE;
	uint8_t *copy = NULL;
	enum err err = tlv_enter(&whole, TLV_SEQUENCE, &cert_bag);
	if (err != ERR_OK || (err = tlv_end(&whole)) != ERR_OK ||
		(err = tlv_get(&cert_bag, TLV_OID, &oid)) != ERR_OK ||
		(err = tlv_enter(&cert_bag, TLV_CONTEXT_0_CONSTRUCTED, &explicit_0)) != ERR_OK ||
		(err = tlv_end(&cert_bag)) != ERR_OK) {
		return err;
	}
	if (oid_of(oid) != OID_X509_CERTIFICATE) {
		p12->unknown_bags++;
		return ERR_OK;
	}
	if ((err = tlv_get(&explicit_0, TLV_OCTETS, &der)) != ERR_OK ||
		(err = tlv_end(&explicit_0)) != ERR_OK) {
		return err;
	}
	if (der.len > X509_CERT_BYTES_MAX) {
		return keystore_fail(context->error, ERR_LIMIT, "a certificate is longer than %u bytes",
			X509_CERT_BYTES_MAX);
	}
	void *certs = p12->certs;
	if ((err = attributes_get(bag, &attributes)) != ERR_OK || (err = tlv_end(bag)) != ERR_OK ||
		(err = bytes_dup(der, &copy)) != ERR_OK) {
		goto out;
	}
	err = array_grow(&certs, p12->cert_count, &p12->cert_cap, sizeof(*p12->certs));
	p12->certs = certs;
	if (err == ERR_OK) {
		p12->certs[p12->cert_count++] = (struct p12_cert){copy, der.len, attributes};
		copy = NULL;
		attributes = (struct p12_attributes){0};
	}
out:
	free(copy);
	attributes_release(&attributes);
	return err;
}

static enum err safe_contents_get(
	struct p12_context *context, struct p12 *p12, struct bytes contents, unsigned depth);

/* SafeBag ::= SEQUENCE { bagId OID, bagValue [0] EXPLICIT ANY, bagAttributes SET OF PKCS12Attribute OPTIONAL } */
static enum err safe_bag_get(
	struct p12_context *context, struct p12 *p12, struct wire_reader *contents, unsigned depth)
{
	struct wire_reader bag = {0};
	struct bytes oid = BYTES_NONE;
	struct bytes value = BYTES_NONE;
	enum err err = tlv_enter(contents, TLV_SEQUENCE, &bag);
	if (err != ERR_OK || (err = tlv_get(&bag, TLV_OID, &oid)) != ERR_OK ||
		(err = tlv_get(&bag, TLV_CONTEXT_0_CONSTRUCTED, &value)) != ERR_OK) {
		return err;
	}
	if (context->bags_left == 0) {
		return keystore_fail(context->error, ERR_LIMIT, "holds more than %u bags", KEYSTORE_BAGS_MAX);
	}
	context->bags_left--;
	switch ((int)oid_of(oid)) {
	case OID_KEY_BAG: return key_bag_get(context, p12, value, false, &bag);
	case OID_SHROUDED_KEY_BAG: return key_bag_get(context, p12, value, true, &bag);
	case OID_CERT_BAG: return cert_bag_get(context, p12, value, &bag);
	case OID_SAFE_CONTENTS_BAG: return safe_contents_get(context, p12, value, depth + 1);
	default: p12->unknown_bags++; return ERR_OK;
	}
}

static enum err safe_contents_get(
	struct p12_context *context, struct p12 *p12, struct bytes contents, unsigned depth)
{
	if (depth >= KEYSTORE_NESTING_MAX) {
		return keystore_fail(
			context->error, ERR_LIMIT, "bags are nested deeper than %u", KEYSTORE_NESTING_MAX);
	}
	struct wire_reader whole = wire_reader_init(contents);
	struct wire_reader bags = {0};
	enum err err = tlv_enter(&whole, TLV_SEQUENCE, &bags);
	if (err == ERR_OK) {
		err = tlv_end(&whole);
	}
	while (err == ERR_OK && wire_reader_left(&bags) > 0) {
		err = safe_bag_get(context, p12, &bags, depth);
	}
	return err;
}

/* --- safes --- */

/* EncryptedData ::= SEQUENCE { version 0, SEQUENCE { contentType data, algorithm, [0] IMPLICIT OCTET STRING } } */
static enum err encrypted_data_get(struct p12_context *context, struct p12 *p12, struct wire_reader content)
{
	struct wire_reader data = {0};
	struct wire_reader info = {0};
	struct wire_reader algorithm = {0};
	struct bytes type = BYTES_NONE;
	struct bytes sealed = BYTES_NONE;
	uint32_t version = 0;
	enum err err = tlv_enter(&content, TLV_SEQUENCE, &data);
	if (err != ERR_OK || (err = tlv_end(&content)) != ERR_OK ||
		(err = tlv_get_uint(&data, &version)) != ERR_OK ||
		(err = tlv_enter(&data, TLV_SEQUENCE, &info)) != ERR_OK || (err = tlv_end(&data)) != ERR_OK ||
		(err = tlv_get(&info, TLV_OID, &type)) != ERR_OK ||
		(err = tlv_enter(&info, TLV_SEQUENCE, &algorithm)) != ERR_OK ||
		(err = tlv_get(&info, TLV_CONTEXT_0, &sealed)) != ERR_OK ||
		(err = tlv_end(&info)) != ERR_OK) {
		return err;
	}
	if (version != 0 || oid_of(type) != OID_DATA) {
		return ERR_MALFORMED;
	}
	struct secret plain = SECRET_NONE;
	err = pbe_open(context, algorithm, sealed, &plain);
	if (err == ERR_OK) {
		err = safe_contents_get(context, p12, secret_bytes(&plain), 0);
	}
	secret_free(&plain);
	return err;
}

/* ContentInfo ::= SEQUENCE { contentType OID, content [0] EXPLICIT ANY OPTIONAL } */
static enum err content_info_enter(
	struct wire_reader *reader, struct bytes *type, struct wire_reader *content)
{
	struct wire_reader info = {0};
	enum err err = tlv_enter(reader, TLV_SEQUENCE, &info);
	if (err != ERR_OK || (err = tlv_get(&info, TLV_OID, type)) != ERR_OK ||
		(err = tlv_enter(&info, TLV_CONTEXT_0_CONSTRUCTED, content)) != ERR_OK) {
		return err;
	}
	return tlv_end(&info);
}

static enum err safe_get(struct p12_context *context, struct p12 *p12, struct wire_reader *safes)
{
	struct bytes type = BYTES_NONE;
	struct wire_reader content = {0};
	struct bytes plain = BYTES_NONE;
	enum err err = content_info_enter(safes, &type, &content);
	if (err != ERR_OK) {
		return err;
	}
	switch ((int)oid_of(type)) {
	case OID_DATA:
		if ((err = tlv_get(&content, TLV_OCTETS, &plain)) != ERR_OK ||
			(err = tlv_end(&content)) != ERR_OK) {
			return err;
		}
		return safe_contents_get(context, p12, plain, 0);
	case OID_ENCRYPTED_DATA: return encrypted_data_get(context, p12, content);
	default: {
		struct shown shown = oid_shown(type);
		return keystore_fail(context->error, ERR_UNSUPPORTED,
			"a part of it is of type %s, which is not supported", shown.text);
	}
	}
}

/* AuthenticatedSafe ::= SEQUENCE OF ContentInfo */
static enum err authenticated_safe_get(struct p12_context *context, struct p12 *p12, struct bytes content)
{
	struct wire_reader whole = wire_reader_init(content);
	struct wire_reader safes = {0};
	enum err err = tlv_enter(&whole, TLV_SEQUENCE, &safes);
	if (err == ERR_OK) {
		err = tlv_end(&whole);
	}
	for (unsigned count = 0; err == ERR_OK && wire_reader_left(&safes) > 0; count++) {
		err = count < P12_SAFES_MAX ? safe_get(context, p12, &safes) : ERR_LIMIT;
	}
	return err;
}

/* --- the MAC --- */

/* MacData ::= SEQUENCE { mac DigestInfo, macSalt OCTET STRING, iterations INTEGER DEFAULT 1 } */
static enum err mac_data_get(struct p12_context *context, struct wire_reader *pfx, struct mac_data *out)
{
	struct wire_reader mac = {0};
	struct wire_reader info = {0};
	struct bytes oid = BYTES_NONE;
	enum err err = tlv_enter(pfx, TLV_SEQUENCE, &mac);
	if (err != ERR_OK || (err = tlv_enter(&mac, TLV_SEQUENCE, &info)) != ERR_OK) {
		return err;
	}
	err = pbe_digest_get(&info, &oid, &out->hash);
	if (err == ERR_UNSUPPORTED && oid.len > 0) {
		struct shown shown = oid_shown(oid);
		return keystore_fail(context->error, err,
			"its integrity check (MAC) uses %s, which is not supported", shown.text);
	}
	if (err != ERR_OK || (err = tlv_get(&info, TLV_OCTETS, &out->digest)) != ERR_OK ||
		(err = tlv_end(&info)) != ERR_OK || (err = tlv_get(&mac, TLV_OCTETS, &out->salt)) != ERR_OK) {
		return err;
	}
	out->iterations = 1;
	if (wire_reader_left(&mac) > 0 && (err = tlv_get_uint(&mac, &out->iterations)) != ERR_OK) {
		return err;
	}
	if (out->salt.len > KEYSTORE_SALT_BYTES_MAX) {
		return ERR_LIMIT;
	}
	return tlv_end(&mac);
}

static enum err mac_try(
	const struct mac_data *mac, struct bytes content, struct bytes password_bmp, bool *matches)
{
	uint8_t computed[HASH_BYTES_MAX];
	struct secret key = SECRET_NONE;
	enum err err = secret_new(hash_bytes(mac->hash), &key);
	if (err != ERR_OK) {
		return err;
	}
	err = pkcs12_kdf(
		mac->hash, P12_KDF_MAC_KEY, password_bmp, mac->salt, mac->iterations, key.data, key.len);
	if (err == ERR_OK) {
		hmac_of(mac->hash, secret_bytes(&key), content, computed);
		*matches = secret_equal(bytes_of(computed, hash_bytes(mac->hash)), mac->digest);
	}
	secret_free(&key);
	return err;
}

static enum err mac_check(struct p12_context *context, const struct mac_data *mac, struct bytes content)
{
	struct secret bmp = SECRET_NONE;
	bool matches = false;
	/* The whole file may be tried under two encodings of an empty passphrase. */
	enum err err = pbe_spend(context, mac->iterations, context->passphrase.len == 0 ? 2 : 1);
	if (err != ERR_OK || (err = text_to_bmp(context->passphrase, true, &bmp)) != ERR_OK) {
		return err;
	}
	err = mac_try(mac, content, secret_bytes(&bmp), &matches);
	if (err == ERR_OK && !matches && context->passphrase.len == 0) {
		err = mac_try(mac, content, BYTES_NONE, &matches);
	}
	secret_free(&bmp);
	if (err != ERR_OK) {
		return err;
	}
	return matches ? ERR_OK : keystore_fail(context->error, ERR_DENIED, "%s", P12_DENIED_SENTENCE);
}

/* --- the file --- */

enum mac_mode { MAC_DEMANDED, MAC_IGNORED };

/* PFX ::= SEQUENCE { version 3, authSafe ContentInfo, macData MacData OPTIONAL } */
static enum err pfx_get(
	struct p12_context *context, struct p12 *p12, struct bytes file, enum mac_mode mac_mode)
{
	struct wire_reader whole = wire_reader_init(file);
	struct wire_reader pfx = {0};
	struct wire_reader content = {0};
	struct bytes type = BYTES_NONE;
	struct bytes safes = BYTES_NONE;
	struct mac_data mac = {0};
	uint32_t version = 0;
	enum err err = tlv_enter(&whole, TLV_SEQUENCE, &pfx);
	if (err != ERR_OK || (err = tlv_end(&whole)) != ERR_OK ||
		(err = tlv_get_uint(&pfx, &version)) != ERR_OK ||
		(err = content_info_enter(&pfx, &type, &content)) != ERR_OK) {
		return err;
	}
	if (version != P12_VERSION) {
		return ERR_MALFORMED;
	}
	if (oid_of(type) != OID_DATA) {
		struct shown shown = oid_shown(type);
		return keystore_fail(context->error, ERR_UNSUPPORTED,
			"its content is protected by %s, which is not supported: only by a passphrase",
			shown.text);
	}
	if ((err = tlv_get(&content, TLV_OCTETS, &safes)) != ERR_OK || (err = tlv_end(&content)) != ERR_OK) {
		return err;
	}
	if (mac_mode == MAC_DEMANDED) {
		if (wire_reader_left(&pfx) == 0) {
			return keystore_fail(context->error, ERR_INVALID,
				"carries no integrity check (MAC): anybody could have altered it");
		}
		/* Open before parse: no unauthenticated byte reaches the parser of the bags. */
		if ((err = mac_data_get(context, &pfx, &mac)) != ERR_OK || (err = tlv_end(&pfx)) != ERR_OK ||
			(err = mac_check(context, &mac, safes)) != ERR_OK) {
			return err;
		}
	}
	return authenticated_safe_get(context, p12, safes);
}

static enum err read_file(struct bytes content, struct bytes passphrase, enum mac_mode mac_mode,
	struct p12 *out, struct keystore_error *error)
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
	uint32_t work = mac_mode == MAC_DEMANDED ? KEYSTORE_WORK_MAX : P12_UNCHECKED_WORK;
	struct p12_context context = {passphrase, work, KEYSTORE_BAGS_MAX, error};
	enum err err = pfx_get(&context, &p12, content, mac_mode);
	if (err != ERR_OK) {
		p12_release(&p12);
		if (error == NULL || error->sentence[0] != '\0') {
			return err;
		}
		switch ((int)err) {
		case ERR_MALFORMED: return keystore_fail(error, err, "is no PKCS#12 file, or is cut short");
		case ERR_UNSUPPORTED:
			return keystore_fail(error, err,
				"uses BER indefinite or constructed encoding, which is not supported");
		case ERR_INVALID: return keystore_fail(error, err, "the passphrase is not valid UTF-8");
		case ERR_LIMIT: return keystore_fail(error, err, "a value in it is larger than we accept");
		default: return keystore_fail_plain(error, err, "cannot be read");
		}
	}
	*out = p12;
	return ERR_OK;
}

enum err p12_read(
	struct bytes content, struct bytes passphrase, struct p12 *out, struct keystore_error *error)
{
	return read_file(content, passphrase, MAC_DEMANDED, out, error);
}

enum err p12_read_unchecked_mac(
	struct bytes content, struct bytes passphrase, struct p12 *out, struct keystore_error *error)
{
	return read_file(content, passphrase, MAC_IGNORED, out, error);
}
