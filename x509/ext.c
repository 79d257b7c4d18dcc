/*
 * ext.c - certificate extensions (RFC 5280 4.2): what is known is decoded strictly, what is not is kept and named.
 * Owns:    the extension table and the list of alternative names, for cert.c.
 * Never:   decides whether an extension may be ignored; the judge does.
 * Threads: any.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "x509/internal.h"

static const struct {
	const char *oid; /* content octets */
	uint8_t len;
	enum extension_id id;
} known[] = {
#define ID_CE(last) "\x55\x1d" last, 3
	{ID_CE("\x13"), EXT_BASIC_CONSTRAINTS},
	{ID_CE("\x0f"), EXT_KEY_USAGE},
	{ID_CE("\x25"), EXT_EXTENDED_KEY_USAGE},
	{ID_CE("\x11"), EXT_SUBJECT_ALT_NAME},
	{ID_CE("\x12"), EXT_ISSUER_ALT_NAME},
	{ID_CE("\x0e"), EXT_SUBJECT_KEY_ID},
	{ID_CE("\x23"), EXT_AUTHORITY_KEY_ID},
	{ID_CE("\x1e"), EXT_NAME_CONSTRAINTS},
	{ID_CE("\x20"), EXT_CERTIFICATE_POLICIES},
	{ID_CE("\x21"), EXT_POLICY_MAPPINGS},
	{ID_CE("\x24"), EXT_POLICY_CONSTRAINTS},
	{ID_CE("\x36"), EXT_INHIBIT_ANY_POLICY},
	{ID_CE("\x1f"), EXT_CRL_DISTRIBUTION_POINTS},
	{ID_CE("\x2e"), EXT_FRESHEST_CRL},
	{"\x2b\x06\x01\x05\x05\x07\x01\x01", 8, EXT_AUTHORITY_INFO_ACCESS},
	{ID_CE("\x14"), EXT_CRL_NUMBER},
	{ID_CE("\x1b"), EXT_DELTA_CRL_INDICATOR},
	{ID_CE("\x1c"), EXT_ISSUING_DISTRIBUTION_POINT},
	{ID_CE("\x15"), EXT_REASON_CODE},
	{ID_CE("\x18"), EXT_INVALIDITY_DATE},
	{ID_CE("\x1d"), EXT_CERTIFICATE_ISSUER},
#undef ID_CE
};

enum extension_id extension_identify(struct bytes oid)
{
	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		if (bytes_equal(oid, bytes_of(known[i].oid, known[i].len))) {
			return known[i].id;
		}
	}
	return EXT_UNKNOWN;
}

enum err extension_next(struct wire_reader *in, struct extension *out)
{
	struct wire_reader ext;
	struct extension extension = {0};
	if (der_enter(in, DER_SEQUENCE, &ext) != ERR_OK || der_oid(&ext, &extension.oid) != ERR_OK ||
		der_boolean_default_false(&ext, &extension.critical) != ERR_OK ||
		der_value(&ext, DER_OCTET_STRING, &extension.value) != ERR_OK || der_end(&ext) != ERR_OK) {
		return ERR_MALFORMED;
	}
	extension.id = extension_identify(extension.oid);
	*out = extension;
	return ERR_OK;
}

enum err extension_walk_begin(struct extension_walk *walk, struct wire_reader list, size_t max)
{
	assert(max <= ARRAY_COUNT(walk->seen));
	walk->list = list;
	walk->max = max;
	walk->count = 0; /* no more of seen is read */
	return wire_reader_left(&list) != 0 ? ERR_OK : ERR_MALFORMED;
}

enum err extension_walk_next(struct extension_walk *walk, struct extension *out)
{
	if (walk->count == walk->max) {
		return ERR_LIMIT;
	}
	if (extension_next(&walk->list, out) != ERR_OK) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < walk->count; i++) {
		if (bytes_equal(walk->seen[i], out->oid)) {
			return ERR_MALFORMED;
		}
	}
	walk->seen[walk->count++] = out->oid;
	return ERR_OK;
}

static enum err basic_constraints(struct bytes value, struct extensions *out)
{
	struct wire_reader in;
	if (der_single(value, DER_SEQUENCE, &in) != ERR_OK ||
		der_boolean_default_false(&in, &out->ca) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (der_is_next(&in, DER_INTEGER)) {
		uint32_t length = 0;
		if (der_uint(&in, DER_INTEGER, &length) != ERR_OK) {
			return ERR_MALFORMED;
		}
		out->path_length = length;
	}
	return der_end(&in);
}

static enum err key_usage(struct bytes value, struct extensions *out)
{
	struct wire_reader in = wire_reader_init(value);
	if (der_named_bits(&in, DER_BIT_STRING, &out->key_usage) != ERR_OK || out->key_usage == 0) {
		return ERR_MALFORMED; /* RFC 5280 4.2.1.3: at least one bit */
	}
	return der_end(&in);
}

static enum err extended_key_usage(struct bytes value, struct extensions *out)
{
	static const struct {
		const char *oid;
		uint8_t len;
		enum eku_bit bit;
	} purposes[] = {
		{"\x55\x1d\x25\x00", 4, EKU_ANY},
		{"\x2b\x06\x01\x05\x05\x07\x03\x01", 8, EKU_SERVER},
		{"\x2b\x06\x01\x05\x05\x07\x03\x02", 8, EKU_CLIENT},
		{"\x2b\x06\x01\x05\x05\x07\x03\x09", 8, EKU_OCSP_SIGNING},
	};
	struct wire_reader in;
	size_t count = 0;
	if (der_single(value, DER_SEQUENCE, &in) != ERR_OK || wire_reader_left(&in) == 0) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&in) != 0) {
		struct bytes oid;
		if (++count > EKU_MAX) {
			return ERR_LIMIT;
		}
		if (der_oid(&in, &oid) != ERR_OK) {
			return ERR_MALFORMED;
		}
		for (size_t i = 0; i < ARRAY_COUNT(purposes); i++) {
			if (bytes_equal(oid, bytes_of(purposes[i].oid, purposes[i].len))) {
				out->eku |= purposes[i].bit;
			}
		}
	}
	return ERR_OK;
}

static enum err directory_string(struct wire_reader *in, uint8_t tag)
{
	static const uint8_t strings[] = {DER_UTF8, DER_PRINTABLE, DER_T61, DER_UNIVERSAL, DER_BMP};
	struct wire_reader inner;
	struct der_item text;
	if (der_enter(in, tag, &inner) != ERR_OK || der_next(&inner, &text) != ERR_OK ||
		der_end(&inner) != ERR_OK || memchr(strings, text.tag, sizeof(strings)) == NULL) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

/* RFC 5280 4.2.1.6: EDIPartyName, nameAssigner [0] OPTIONAL, partyName [1], each an explicit DirectoryString. */
static enum err edi_party_name(struct wire_reader in)
{
	if (der_is_next(&in, DER_CONTEXT_CONSTRUCTED(0)) &&
		directory_string(&in, DER_CONTEXT_CONSTRUCTED(0)) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (directory_string(&in, DER_CONTEXT_CONSTRUCTED(1)) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return der_end(&in);
}

enum err general_name_next(struct wire_reader *in, struct general_name *out)
{
	struct wire_reader work = *in;
	struct der_item item;
	if (der_next(&work, &item) != ERR_OK) {
		return ERR_MALFORMED;
	}
	struct wire_reader inner = wire_reader_init(item.value);
	struct der_item name;
	switch (item.tag) {
	case DER_CONTEXT(1):
	case DER_CONTEXT(2):
	case DER_CONTEXT(6):
		for (size_t i = 0; i < item.value.len; i++) {
			if (item.value.data[i] >= 0x80u) {
				return ERR_MALFORMED; /* IA5String */
			}
		}
		break;
	case DER_CONTEXT_CONSTRUCTED(4):
		if (der_expect(&inner, DER_SEQUENCE, &name) != ERR_OK || der_end(&inner) != ERR_OK ||
			name_check(name.value) != ERR_OK) {
			return ERR_MALFORMED;
		}
		break;
	case DER_CONTEXT(8):
		if (der_check_oid(item.value) != ERR_OK) {
			return ERR_MALFORMED;
		}
		break;
	case DER_CONTEXT_CONSTRUCTED(0):
		if (der_oid(&inner, &name.value) != ERR_OK ||
			der_expect(&inner, DER_CONTEXT_CONSTRUCTED(0), &name) != ERR_OK ||
			der_end(&inner) != ERR_OK) {
			return ERR_MALFORMED;
		}
		break;
	case DER_CONTEXT_CONSTRUCTED(5):
		if (edi_party_name(inner) != ERR_OK) {
			return ERR_MALFORMED;
		}
		break;
	case DER_CONTEXT(7):
	case DER_CONTEXT_CONSTRUCTED(3): break;
	default: return ERR_MALFORMED;
	}
	out->tag = item.tag;
	out->value = item.value;
	*in = work;
	return ERR_OK;
}

static enum err subject_alt_name(struct bytes value, struct extensions *out)
{
	struct wire_reader in;
	size_t count = 0;
	if (der_single(value, DER_SEQUENCE, &in) != ERR_OK || wire_reader_left(&in) == 0) {
		return ERR_MALFORMED;
	}
	for (struct wire_reader walk = in; wire_reader_left(&walk) != 0;) {
		struct general_name name;
		if (++count > SAN_NAMES_MAX) {
			return ERR_LIMIT;
		}
		if (general_name_next(&walk, &name) != ERR_OK) {
			return ERR_MALFORMED;
		}
		if (name.tag == DER_CONTEXT(7) && name.value.len != 4 && name.value.len != 16) {
			return ERR_MALFORMED; /* RFC 5280 4.2.1.6 */
		}
		if (name.tag == DER_CONTEXT_CONSTRUCTED(4)) {
			struct name directory;
			enum err err = name_parse(name.value, false, &directory);
			if (err != ERR_OK) {
				return err;
			}
			name_release(&directory);
		}
	}
	out->sans = calloc(count + 1, sizeof(*out->sans));
	if (out->sans == NULL) {
		return ERR_NOMEM;
	}
	while (wire_reader_left(&in) != 0 && out->san_count < count) {
		if (general_name_next(&in, &out->sans[out->san_count]) != ERR_OK) {
			return ERR_MALFORMED;
		}
		out->san_count++;
	}
	return ERR_OK;
}

static enum err subject_key_id(struct bytes value, struct extensions *out)
{
	struct wire_reader in = wire_reader_init(value);
	if (der_value(&in, DER_OCTET_STRING, &out->subject_key_id) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return der_end(&in);
}

enum err authority_key_id_parse(struct bytes value, struct bytes *key_id)
{
	struct wire_reader in;
	struct bytes ignored;
	*key_id = BYTES_NONE;
	if (der_single(value, DER_SEQUENCE, &in) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (der_is_next(&in, DER_CONTEXT(0)) && der_value(&in, DER_CONTEXT(0), key_id) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (der_is_next(&in, DER_CONTEXT_CONSTRUCTED(1)) &&
		der_value(&in, DER_CONTEXT_CONSTRUCTED(1), &ignored) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (der_is_next(&in, DER_CONTEXT(2)) && der_value(&in, DER_CONTEXT(2), &ignored) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return der_end(&in);
}

static enum err crl_distribution_points(struct bytes value)
{
	struct wire_reader list;
	if (der_single(value, DER_SEQUENCE, &list) != ERR_OK || wire_reader_left(&list) == 0) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&list) != 0) {
		struct distribution_point point;
		if (distribution_point_next(&list, &point) != ERR_OK) {
			return ERR_MALFORMED;
		}
	}
	return ERR_OK;
}

static enum err decode(const struct extension *extension, struct extensions *out)
{
	switch (extension->id) {
	case EXT_BASIC_CONSTRAINTS: return basic_constraints(extension->value, out);
	case EXT_KEY_USAGE: return key_usage(extension->value, out);
	case EXT_EXTENDED_KEY_USAGE: return extended_key_usage(extension->value, out);
	case EXT_SUBJECT_ALT_NAME: return subject_alt_name(extension->value, out);
	case EXT_SUBJECT_KEY_ID: return subject_key_id(extension->value, out);
	case EXT_AUTHORITY_KEY_ID: return authority_key_id_parse(extension->value, &out->authority_key_id);
	case EXT_CRL_DISTRIBUTION_POINTS: return crl_distribution_points(extension->value);
	case EXT_UNKNOWN:
	case EXT_ISSUER_ALT_NAME:
	case EXT_NAME_CONSTRAINTS:
	case EXT_CERTIFICATE_POLICIES:
	case EXT_POLICY_MAPPINGS:
	case EXT_POLICY_CONSTRAINTS:
	case EXT_INHIBIT_ANY_POLICY:
	case EXT_FRESHEST_CRL:
	case EXT_AUTHORITY_INFO_ACCESS:
	case EXT_CRL_NUMBER:
	case EXT_DELTA_CRL_INDICATOR:
	case EXT_ISSUING_DISTRIBUTION_POINT:
	case EXT_REASON_CODE:
	case EXT_INVALIDITY_DATE:
	case EXT_CERTIFICATE_ISSUER:
	case EXT_COUNT_: break;
	}
	return ERR_OK;
}

static const char *extension_what(enum extension_id id)
{
	switch (id) {
	case EXT_BASIC_CONSTRAINTS: return "basicConstraints";
	case EXT_KEY_USAGE: return "keyUsage";
	case EXT_EXTENDED_KEY_USAGE: return "extendedKeyUsage";
	case EXT_SUBJECT_ALT_NAME: return "subjectAltName";
	case EXT_SUBJECT_KEY_ID: return "subjectKeyIdentifier";
	case EXT_AUTHORITY_KEY_ID: return "authorityKeyIdentifier";
	default: return "extension";
	}
}

static bool is_there(const struct extension *table, size_t count, struct bytes oid)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes_equal(table[i].oid, oid)) {
			return true;
		}
	}
	return false;
}

static enum err add(const struct extension *extension, struct extensions *out)
{
	if (extension->id == EXT_UNKNOWN) {
		if (extension->critical && !out->unknown_critical) {
			out->unknown_critical = true;
			out->unknown_critical_oid = extension->oid;
		}
		return ERR_OK;
	}
	out->has[extension->id] = true;
	out->critical[extension->id] = extension->critical;
	out->value[extension->id] = extension->value;
	return decode(extension, out);
}

enum err extensions_parse(struct wire_reader *list, struct parse *parse, struct extension **table,
	size_t *count, struct extensions *out)
{
	size_t total = 0;
	out->path_length = -1;
	if (wire_reader_left(list) == 0) {
		return ERR_MALFORMED; /* SIZE (1..MAX) */
	}
	for (struct wire_reader walk = *list; wire_reader_left(&walk) != 0; total++) {
		struct der_item item;
		if (total == EXTENSIONS_MAX) {
			return ERR_LIMIT;
		}
		parse_at(parse, &walk, "extension");
		if (der_expect(&walk, DER_SEQUENCE, &item) != ERR_OK) {
			return ERR_MALFORMED;
		}
	}
	*table = calloc(total + 1, sizeof(**table));
	if (*table == NULL) {
		return ERR_NOMEM;
	}
	while (wire_reader_left(list) != 0 && *count < total) {
		struct extension *extension = &(*table)[*count];
		parse_at(parse, list, "extension");
		if (extension_next(list, extension) != ERR_OK) {
			return ERR_MALFORMED;
		}
		if (is_there(*table, *count, extension->oid)) {
			parse->what = "an extension that is there twice"; /* RFC 5280 4.2 */
			return ERR_MALFORMED;
		}
		parse->what = extension_what(extension->id);
		enum err err = add(extension, out);
		if (err != ERR_OK) {
			return err;
		}
		(*count)++;
	}
	return ERR_OK;
}

void extensions_release(struct extensions *ext)
{
	free(ext->sans);
	ext->sans = NULL;
	ext->san_count = 0;
}
