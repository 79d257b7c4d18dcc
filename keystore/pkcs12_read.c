/*
 * pkcs12_read.c - from the bytes of a PKCS#12 file to its bags (RFC 7292 sections 4 and 5).
 * Owns:    the bags read so far; on failure nothing of them remains.
 * Never:   looks into the contents before the MAC over them was found right.
 * Threads: one at a time; blocks while keys are derived.
 */
#include "keystore/pkcs12.h"

#include "keystore/ber.h"

#define P12_VERSION   3u
#define P12_SAFES_MAX 256u

/* --- attributes --- */

/* SET OF ANY with exactly one value, as RFC 2985 5.5 wants it of friendlyName and localKeyId. */
static enum err single_value_get(struct wire_reader values, uint8_t tag, struct bytes *out)
{
	enum err err = tlv_get(&values, tag, out);
	return err != ERR_OK ? err : tlv_end(&values);
}

/* Windows ends the names of keys with U+0000: an import takes them without. */
static struct bytes end_dropped(struct bytes bmp)
{
	struct wire_reader reader = wire_reader_init(bmp);
	uint16_t last = 1;
	if (bmp.len >= 2 && wire_skip(&reader, bmp.len - 2) == ERR_OK &&
		wire_get_u16(&reader, &last) == ERR_OK && last == 0) {
		bmp.len -= 2;
	}
	return bmp;
}

static enum err friendly_name_get(
	const struct p12_context *context, struct wire_reader values, struct p12_attributes *out)
{
	struct bytes bmp = BYTES_NONE;
	enum err err = single_value_get(values, TLV_BMP_STRING, &bmp);
	if (err != ERR_OK) {
		return err;
	}
	if (out->name != NULL) {
		return ERR_MALFORMED;
	}
	if (context->rules != NULL) {
		bmp = end_dropped(bmp);
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
static enum err attribute_get(const struct p12_context *context, struct wire_reader *set,
	struct p12_attributes *out, struct buf *kept)
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
	case OID_FRIENDLY_NAME: return friendly_name_get(context, values, out);
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

static enum err attributes_get(
	const struct p12_context *context, struct wire_reader *bag, struct p12_attributes *out)
{
	struct p12_attributes attributes = {0};
	struct buf kept = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct wire_reader set = {0};
	enum err err = ERR_OK;
	if (wire_reader_left(bag) > 0) {
		err = tlv_enter(bag, TLV_SET, &set);
	}
	for (unsigned count = 0; err == ERR_OK && wire_reader_left(&set) > 0; count++) {
		err = count < KEYSTORE_ATTRIBUTES_MAX ? attribute_get(context, &set, &attributes, &kept)
						      : ERR_LIMIT;
	}
	if (err == ERR_OK && kept.len > 0) {
		err = bytes_dup(buf_bytes(&kept), &attributes.kept);
		attributes.kept_len = kept.len;
	}
	buf_release(&kept);
	if (err != ERR_OK) {
		p12_attributes_release(&attributes);
		return err;
	}
	*out = attributes;
	return ERR_OK;
}

/* --- bags --- */

/* One PrivateKeyInfo and nothing behind it; what is in it, base/crypto.h reads when the key is used. */
static enum err key_framed(const struct secret *pkcs8)
{
	struct wire_reader whole = wire_reader_init(secret_bytes(pkcs8));
	struct wire_reader info = {0};
	return tlv_enter(&whole, TLV_SEQUENCE, &info) != ERR_OK || tlv_end(&whole) != ERR_OK ? ERR_MALFORMED
											     : ERR_OK;
}

/* With the entry's own passphrase where it has one: that of the file stays as it was for the others. */
static enum err key_unshroud(
	struct p12_context *context, struct bytes value, const char *alias, struct secret *out)
{
	struct p12_context own = *context;
	own.passphrase = p12_entry_passphrase(context, alias);
	if (own.passphrase.data != context->passphrase.data) {
		own.form = P12_FORM_BMP;
	}
	enum err err = pbe_open_key(&own, value, out);
	context->work_left = own.work_left;
	if (err == ERR_DENIED && context->rules != NULL) {
		struct shown shown = keystore_shown(bytes_text(alias));
		return keystore_fail(context->error, err,
			"the key '%s' does not open with %s: give its own with --key-passphrase ALIAS=SPEC, "
			"or "
			"choose others with --entry",
			shown.text,
			own.passphrase.data != context->passphrase.data ? "the passphrase given for it"
									: "the passphrase of the file");
	}
	return err;
}

static enum err key_bag_get(struct p12_context *context, struct p12 *p12, struct bytes value, bool shrouded,
	struct wire_reader *bag)
{
	struct p12_attributes attributes = {0};
	struct secret pkcs8 = SECRET_NONE;
	enum err err = attributes_get(context, bag, &attributes);
	if (err != ERR_OK || (err = tlv_end(bag)) != ERR_OK) {
		goto out;
	}
	if (value.len > KEYSTORE_KEY_BYTES_MAX) {
		err = keystore_fail(context->error, ERR_LIMIT, "a private key is longer than %u bytes",
			KEYSTORE_KEY_BYTES_MAX);
		goto out;
	}
	err = shrouded ? key_unshroud(context, value, attributes.name, &pkcs8) : secret_copy(value, &pkcs8);
	if (err != ERR_OK) {
		err = p12_key_missed(context, attributes.name, err);
	} else if ((err = key_framed(&pkcs8)) == ERR_OK) {
		err = p12_key_put(context, p12, &pkcs8, &attributes);
	}
out:
	secret_free(&pkcs8);
	p12_attributes_release(&attributes);
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
	enum err err = tlv_enter(&whole, TLV_SEQUENCE, &cert_bag);
	if (err != ERR_OK || (err = tlv_end(&whole)) != ERR_OK ||
		(err = tlv_get(&cert_bag, TLV_OID, &oid)) != ERR_OK ||
		(err = tlv_enter(&cert_bag, TLV_CONTEXT_0_CONSTRUCTED, &explicit_0)) != ERR_OK ||
		(err = tlv_end(&cert_bag)) != ERR_OK) {
		return err;
	}
	if (oid_of(oid) != OID_X509_CERTIFICATE) {
		p12->unknown_bags++;
		p12_note(context, "left out: a certificate of type %s", oid_shown(oid).text);
		return ERR_OK;
	}
	if ((err = tlv_get(&explicit_0, TLV_OCTETS, &der)) != ERR_OK ||
		(err = tlv_end(&explicit_0)) != ERR_OK ||
		(err = attributes_get(context, bag, &attributes)) != ERR_OK) {
		return err;
	}
	if ((err = tlv_end(bag)) == ERR_OK) {
		err = p12_cert_put(context, p12, der, &attributes);
	}
	p12_attributes_release(&attributes);
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
	default:
		p12->unknown_bags++;
		p12_note(context, "left out: an entry of type %s", oid_shown(oid).text);
		return ERR_OK;
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

/* SafeContents as they come out of a safe: what an import accepts beyond the subset is rewritten here, once. */
static enum err safe_open(struct p12_context *context, struct p12 *p12, struct bytes contents)
{
	if (context->rules == NULL) {
		return safe_contents_get(context, p12, contents, 0);
	}
	struct buf definite = BUF_INIT(0);
	enum err err = ber_to_definite(contents, &definite);
	if (err == ERR_OK) {
		err = safe_contents_get(context, p12, buf_bytes(&definite), 0);
	}
	ber_release(&definite);
	return err;
}

/* --- safes --- */

/* encryptedContent [0] IMPLICIT OCTET STRING: in one piece, or (an import only) in several. */
static enum err sealed_get(
	struct p12_context *context, struct wire_reader *info, struct buf *joined, struct bytes *sealed)
{
	struct bytes pieces = BYTES_NONE;
	if (context->rules == NULL || !tlv_is_next(info, TLV_CONTEXT_0_CONSTRUCTED)) {
		return tlv_get(info, TLV_CONTEXT_0, sealed);
	}
	enum err err = tlv_get(info, TLV_CONTEXT_0_CONSTRUCTED, &pieces);
	if (err == ERR_OK && (err = ber_join(pieces, joined)) == ERR_OK) {
		*sealed = buf_bytes(joined);
	}
	return err;
}

/* EncryptedData ::= SEQUENCE { version 0, SEQUENCE { contentType data, algorithm, [0] IMPLICIT OCTET STRING } } */
static enum err encrypted_data_get(struct p12_context *context, struct p12 *p12, struct wire_reader content)
{
	struct wire_reader data = {0};
	struct wire_reader info = {0};
	struct wire_reader algorithm = {0};
	struct bytes type = BYTES_NONE;
	struct bytes sealed = BYTES_NONE;
	struct secret plain = SECRET_NONE;
	struct buf joined = BUF_INIT(0);
	uint32_t version = 0;
	enum err err = tlv_enter(&content, TLV_SEQUENCE, &data);
	if (err != ERR_OK || (err = tlv_end(&content)) != ERR_OK ||
		(err = tlv_get_uint(&data, &version)) != ERR_OK ||
		(err = tlv_enter(&data, TLV_SEQUENCE, &info)) != ERR_OK || (err = tlv_end(&data)) != ERR_OK ||
		(err = tlv_get(&info, TLV_OID, &type)) != ERR_OK ||
		(err = tlv_enter(&info, TLV_SEQUENCE, &algorithm)) != ERR_OK ||
		(err = sealed_get(context, &info, &joined, &sealed)) != ERR_OK ||
		(err = tlv_end(&info)) != ERR_OK) {
		goto out;
	}
	if (version != 0 || oid_of(type) != OID_DATA) {
		err = ERR_MALFORMED;
		goto out;
	}
	if ((err = pbe_open(context, algorithm, sealed, &plain)) == ERR_OK) {
		err = safe_open(context, p12, secret_bytes(&plain));
	}
out:
	secret_free(&plain);
	ber_release(&joined);
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
		return safe_open(context, p12, plain);
	case OID_ENCRYPTED_DATA: return encrypted_data_get(context, p12, content);
	default: {
		struct shown shown = oid_shown(type);
		if (context->rules != NULL) {
			p12->unknown_bags++;
			p12_note(context, "left out: a part of type %s, which no passphrase opens",
				shown.text);
			return ERR_OK;
		}
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

/* AuthenticatedSafe as it stands in the file, which the MAC was taken over. */
static enum err authenticated_safe_open(struct p12_context *context, struct p12 *p12, struct bytes content)
{
	if (context->rules == NULL) {
		return authenticated_safe_get(context, p12, content);
	}
	struct buf definite = BUF_INIT(0);
	enum err err = ber_to_definite(content, &definite);
	if (err == ERR_OK) {
		err = authenticated_safe_get(context, p12, buf_bytes(&definite));
	}
	ber_release(&definite);
	return err;
}

/* --- the file --- */

enum mac_mode { MAC_DEMANDED, MAC_IGNORED };

static enum err mac_absent(const struct p12_context *context)
{
	if (context->rules == NULL) {
		return keystore_fail(context->error, ERR_INVALID,
			"carries no integrity check (MAC): anybody could have altered it");
	}
	if (!context->rules->insecure_no_mac) {
		return keystore_fail(context->error, ERR_INVALID,
			"carries no integrity check (MAC): anybody could have altered it; if you know where "
			"it comes from, say --insecure-no-mac");
	}
	p12_note(context, "taken without an integrity check: the file carries none");
	return ERR_OK;
}

/* PFX ::= SEQUENCE { version 3, authSafe ContentInfo, macData MacData OPTIONAL } */
static enum err pfx_get(
	struct p12_context *context, struct p12 *p12, struct bytes file, enum mac_mode mac_mode)
{
	struct wire_reader whole = wire_reader_init(file);
	struct wire_reader pfx = {0};
	struct wire_reader content = {0};
	struct bytes type = BYTES_NONE;
	struct bytes safes = BYTES_NONE;
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
		/* Open before parse: no unauthenticated byte reaches the parser of the bags. */
		err = wire_reader_left(&pfx) == 0 ? mac_absent(context) : p12_mac_check(context, &pfx, safes);
		if (err != ERR_OK) {
			return err;
		}
	}
	return authenticated_safe_open(context, p12, safes);
}

/* The sentence of a refusal that has none yet. */
static enum err read_failed(const struct p12_context *context, enum err err)
{
	struct keystore_error *error = context->error;
	if (error == NULL || error->sentence[0] != '\0') {
		return err;
	}
	switch ((int)err) {
	case ERR_MALFORMED: return keystore_fail(error, err, "is no PKCS#12 file, or is cut short");
	case ERR_UNSUPPORTED:
		return keystore_fail(error, err,
			"uses BER indefinite or constructed encoding, which is not served from: bring it "
			"over with "
			"'lockgate keystore import'");
	case ERR_INVALID: return keystore_fail(error, err, "the passphrase is not valid UTF-8");
	case ERR_LIMIT: return keystore_fail(error, err, "a value in it is larger than we accept");
	default: return keystore_fail_plain(error, err, "cannot be read");
	}
}

static enum err read_file(struct bytes content, struct bytes passphrase, const struct p12_rules *rules,
	enum mac_mode mac_mode, struct p12 *out, struct keystore_error *error)
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
	struct buf definite = BUF_INIT(0);
	struct p12_context context = {
		.passphrase = passphrase,
		.work_left = mac_mode == MAC_DEMANDED ? KEYSTORE_WORK_MAX : P12_UNCHECKED_WORK,
		.bags_left = KEYSTORE_BAGS_MAX,
		.error = error,
		.rules = rules,
	};
	enum err err = ERR_OK;
	if (rules != NULL && (err = ber_to_definite(content, &definite)) == ERR_OK) {
		content = buf_bytes(&definite);
	}
	if (err == ERR_OK) {
		err = pfx_get(&context, &p12, content, mac_mode);
	}
	ber_release(&definite);
	if (err != ERR_OK) {
		p12_release(&p12);
		return read_failed(&context, err);
	}
	*out = p12;
	return ERR_OK;
}

enum err p12_read(
	struct bytes content, struct bytes passphrase, struct p12 *out, struct keystore_error *error)
{
	return read_file(content, passphrase, NULL, MAC_DEMANDED, out, error);
}

enum err p12_read_import(struct bytes content, struct bytes passphrase, const struct p12_rules *rules,
	struct p12 *out, struct keystore_error *error)
{
	return read_file(content, passphrase, rules, MAC_DEMANDED, out, error);
}

enum err p12_read_unchecked_mac(struct bytes content, struct bytes passphrase, const struct p12_rules *rules,
	struct p12 *out, struct keystore_error *error)
{
	return read_file(content, passphrase, rules, MAC_IGNORED, out, error);
}
