/*
 * name.c - distinguished names: attributes as UTF-8, and the canonical form that RFC 5280 7.1 compares by.
 * Owns:    the buffers of a struct name.
 * Never:   refuses a name for its text alone: what cannot be decoded is kept raw and equals only itself.
 * Threads: any.
 *
 * Canonical form, per attribute: OID, then for text a marker and the text as UTF-8 with letters folded, blanks trimmed and
 * runs of blanks made one; for anything else the value's DER. Attributes of one RDN are sorted by that.
 * Of RFC 4518 and 3454 this is the part that needs no tables: folding of one letter to one letter in Latin, Greek and
 * Cyrillic, and the blanks of all scripts. There is no normalisation: names that are the same only after NFKC, or after folding
 * one letter to two, are taken for different ones, which refuses. Only where *different* lets in, at an exclusion, it matters
 * whether a text could be another one after all: such text is marked as loose.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "x509/internal.h"

#define NAME_TEXT_BYTES_MAX (4u * X509_CERT_BYTES_MAX)

/* How an attribute's canonical value is meant. LOOSE: text of which normalisation could make another one. */
enum { MARK_TEXT = 1, MARK_DER = 2, MARK_LOOSE = 3 };

static const struct {
	const char *oid, *key;
} keys[] = {
	{"1.2.840.113549.1.9.1", "MAIL"},
	{"0.9.2342.19200300.100.1.1", "UID"},
	{"2.5.4.3", "CN"},
	{"2.5.4.12", "T"},
	{"2.5.4.11", "OU"},
	{"0.9.2342.19200300.100.1.25", "DC"},
	{"2.5.4.10", "O"},
	{"2.5.4.9", "STREET"},
	{"2.5.4.7", "L"},
	{"2.5.4.8", "ST"},
	{"2.5.4.17", "PC"},
	{"2.5.4.6", "C"},
	{"1.2.840.113549.1.9.2", "UNSTRUCTUREDNAME"},
	{"1.2.840.113549.1.9.8", "UNSTRUCTUREDADDRESS"},
	{"2.5.4.46", "DNQ"},
};

const char *name_key_of_oid(const char *oid)
{
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		if (strcmp(keys[i].oid, oid) == 0) {
			return keys[i].key;
		}
	}
	return NULL;
}

const char *name_oid_of_key(const char *key)
{
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		if (strcmp(keys[i].key, key) == 0) {
			return keys[i].oid;
		}
	}
	return NULL;
}

static enum err put_scalar(struct buf *out, uint32_t c)
{
	uint8_t octets[4];
	size_t len = 0;
	if (c > 0x10ffffu || (c >= 0xd800u && c <= 0xdfffu)) {
		return ERR_INVALID;
	}
	if (c < 0x80u) {
		octets[len++] = (uint8_t)c;
	} else if (c < 0x800u) {
		octets[len++] = (uint8_t)(0xc0u | (c >> 6));
		octets[len++] = (uint8_t)(0x80u | (c & 0x3fu));
	} else if (c < 0x10000u) {
		octets[len++] = (uint8_t)(0xe0u | (c >> 12));
		octets[len++] = (uint8_t)(0x80u | ((c >> 6) & 0x3fu));
		octets[len++] = (uint8_t)(0x80u | (c & 0x3fu));
	} else {
		octets[len++] = (uint8_t)(0xf0u | (c >> 18));
		octets[len++] = (uint8_t)(0x80u | ((c >> 12) & 0x3fu));
		octets[len++] = (uint8_t)(0x80u | ((c >> 6) & 0x3fu));
		octets[len++] = (uint8_t)(0x80u | (c & 0x3fu));
	}
	return buf_append(out, bytes_of(octets, len));
}

/* BMPString (width 2) and UniversalString (width 4). Surrogates are no characters in either. */
static enum err put_wide(struct bytes value, unsigned width, struct buf *out)
{
	struct wire_reader in = wire_reader_init(value);
	while (wire_reader_left(&in) != 0) {
		uint32_t c = 0;
		for (unsigned i = 0; i < width; i++) {
			uint8_t octet = 0;
			if (wire_get_u8(&in, &octet) != ERR_OK) {
				return ERR_INVALID;
			}
			c = (c << 8) | octet;
		}
		enum err err = put_scalar(out, c);
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

/*
 * Appends a string type's value as UTF-8. ERR_INVALID: not text that we can read. PrintableString is read as ASCII:
 * makers put '_' and '@' into it, and no ASCII text has two meanings. Of T61String only its ASCII part is certain.
 */
static enum err put_text(const struct der_item *item, struct buf *out)
{
	switch (item->tag) {
	case DER_UTF8: return utf8_valid(item->value) ? buf_append(out, item->value) : ERR_INVALID;
	case DER_PRINTABLE:
	case DER_IA5:
	case DER_VISIBLE:
	case DER_T61:
		for (size_t i = 0; i < item->value.len; i++) {
			if (item->value.data[i] >= 0x80u) {
				return ERR_INVALID;
			}
		}
		return buf_append(out, item->value);
	case DER_BMP: return put_wide(item->value, 2, out);
	case DER_UNIVERSAL: return put_wide(item->value, 4, out);
	default: return ERR_INVALID;
	}
}

/* RFC 4518 2.2: what is mapped to a blank. */
static bool is_blank(uint32_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85u || c == 0xa0u || c == 0x1680u ||
	       (c >= 0x2000u && c <= 0x200au) || c == 0x2028u || c == 0x2029u || c == 0x202fu ||
	       c == 0x205fu || c == 0x3000u;
}

/* RFC 3454 B.2, where one letter becomes one other and a range has one rule. */
static uint32_t fold(uint32_t c)
{
	static const struct {
		uint32_t from, to;
		uint8_t step; /* 1: each; 2: every second, from the first on */
		int32_t by;
	} ranges[] = {
		{0xc0, 0xd6, 1, 0x20}, /* Latin-1, but for the multiplication sign */
		{0xd8, 0xde, 1, 0x20},
		{0x100, 0x12e, 2, 1}, /* Latin Extended-A */
		{0x132, 0x136, 2, 1},
		{0x139, 0x147, 2, 1},
		{0x14a, 0x176, 2, 1},
		{0x178, 0x178, 1, -0x79},
		{0x179, 0x17d, 2, 1},
		{0x386, 0x386, 1, 0x26}, /* Greek */
		{0x388, 0x38a, 1, 0x25},
		{0x38c, 0x38c, 1, 0x40},
		{0x38e, 0x38f, 1, 0x3f},
		{0x391, 0x3a1, 1, 0x20},
		{0x3a3, 0x3ab, 1, 0x20},
		{0x3c2, 0x3c2, 1, 1},
		{0x400, 0x40f, 1, 0x50}, /* Cyrillic */
		{0x410, 0x42f, 1, 0x20},
	};
	if (c < ranges[0].from) {
		return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
	}
	for (size_t i = 0; i < ARRAY_COUNT(ranges); i++) {
		if (c >= ranges[i].from && c <= ranges[i].to && (c - ranges[i].from) % ranges[i].step == 0) {
			return (uint32_t)((int32_t)c + ranges[i].by);
		}
	}
	return c;
}

/*
 * Characters, folded, that RFC 4518 leaves as they are, alone and beside each other: two texts of these alone are the same only if
 * they are equal here. What is not listed (marks that combine, wide and ornate forms, sharp s, what is mapped to nothing,
 * controls) may or may not be.
 */
static bool is_settled(uint32_t c)
{
	static const struct {
		uint32_t from, to;
	} ranges[] = {
		{0x20, 0x7e}, {0xe0, 0xff},                                     /* ASCII, Latin-1 */
		{0x100, 0x12f}, {0x134, 0x13e}, {0x141, 0x148}, {0x14a, 0x17e}, /* Latin Extended-A */
		{0x3ac, 0x3af}, {0x3b1, 0x3ce}, {0x430, 0x45f},                 /* Greek, Cyrillic */
		{0x3041, 0x3096}, {0x30a1, 0x30fa},                             /* Kana */
		{0x4e00, 0x9fff}, {0xac00, 0xd7a3},                             /* Han, Hangul */
	};
	for (size_t i = 0; i < ARRAY_COUNT(ranges); i++) {
		if (c >= ranges[i].from && c <= ranges[i].to) {
			return true;
		}
	}
	return false;
}

/* The next character of valid UTF-8. */
static uint32_t next_scalar(struct wire_reader *in)
{
	uint8_t lead = 0;
	uint32_t c = 0;
	if (wire_get_u8(in, &lead) != ERR_OK || lead < 0x80u) {
		return lead;
	}
	unsigned more = lead >= 0xf0u ? 3 : lead >= 0xe0u ? 2 : 1;
	c = lead & (0x3fu >> more);
	for (unsigned i = 0; i < more; i++) {
		uint8_t octet = 0;
		(void)!wire_get_u8(in, &octet); /* it is valid */
		c = (c << 6) | (octet & 0x3fu);
	}
	return c;
}

/* RFC 4518, as far as the head of this file says: map, fold, trim, squeeze. Appends to out. */
static enum err put_folded(struct bytes text, struct buf *out, bool *loose)
{
	struct wire_reader in = wire_reader_init(text);
	bool blank_due = false;
	bool started = false;
	enum err err = ERR_OK;
	while (err == ERR_OK && wire_reader_left(&in) != 0) {
		uint32_t c = next_scalar(&in);
		if (is_blank(c)) {
			blank_due = started;
			continue;
		}
		if (blank_due) {
			err = buf_append_u8(out, ' ');
			blank_due = false;
		}
		started = true;
		c = fold(c);
		*loose = *loose || !is_settled(c);
		if (err == ERR_OK) {
			err = put_scalar(out, c);
		}
	}
	return err;
}

static enum err put_framed(struct buf *out, uint8_t mark, struct bytes in)
{
	uint8_t head[5] = {mark, (uint8_t)(in.len >> 24), (uint8_t)(in.len >> 16), (uint8_t)(in.len >> 8),
		(uint8_t)in.len};
	enum err err = buf_append(out, bytes_of(head, sizeof(head)));
	return err == ERR_OK ? buf_append(out, in) : err;
}

/* One attribute's canonical bytes, appended. */
static enum err put_canonical(struct bytes oid, const struct der_item *value, struct buf *out)
{
	struct buf text = BUF_INIT(NAME_TEXT_BYTES_MAX);
	struct buf folded = BUF_INIT(NAME_TEXT_BYTES_MAX);
	bool loose = false;
	enum err err = put_framed(out, 0, oid);
	if (err != ERR_OK) {
		goto out;
	}
	err = put_text(value, &text);
	if (err == ERR_INVALID) {
		err = put_framed(out, MARK_DER, value->whole);
		goto out;
	}
	if (err == ERR_OK) {
		err = put_folded(buf_bytes(&text), &folded, &loose);
	}
	if (err == ERR_OK) { /* the mark follows from the folded text, so that equal texts stay equal */
		err = put_framed(out, loose ? MARK_LOOSE : MARK_TEXT, buf_bytes(&folded));
	}
out:
	buf_release(&text);
	buf_release(&folded);
	return err;
}

/* X.690 10.2: in DER a string is never put together from parts. */
static bool is_string_in_parts(uint8_t tag)
{
	static const uint8_t strings[] = {DER_OCTET_STRING, DER_UTF8, DER_PRINTABLE, DER_T61, DER_IA5,
		DER_VISIBLE, DER_UNIVERSAL, DER_BMP};
	for (size_t i = 0; i < ARRAY_COUNT(strings); i++) {
		if (tag == (strings[i] | 0x20u)) {
			return true;
		}
	}
	return false;
}

static enum err get_attribute(struct wire_reader *set, struct bytes *oid, struct der_item *value)
{
	struct wire_reader pair;
	if (der_enter(set, DER_SEQUENCE, &pair) != ERR_OK || der_oid(&pair, oid) != ERR_OK ||
		der_next(&pair, value) != ERR_OK || der_end(&pair) != ERR_OK ||
		is_string_in_parts(value->tag)) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

/* Appends one RDN: a head with its length, then its attributes sorted by their canonical bytes. */
static enum err put_rdn(struct wire_reader set, struct buf *out)
{
	struct buf parts = BUF_INIT(NAME_TEXT_BYTES_MAX);
	struct {
		size_t at, len;
	} part[NAME_RDN_ATTRIBUTES_MAX];
	size_t count = 0;
	enum err err = ERR_OK;
	if (wire_reader_left(&set) == 0) {
		return ERR_MALFORMED; /* SET SIZE (1..MAX) */
	}
	while (err == ERR_OK && wire_reader_left(&set) != 0) {
		struct bytes oid;
		struct der_item value;
		if (count == NAME_RDN_ATTRIBUTES_MAX) {
			err = ERR_LIMIT;
			goto out;
		}
		err = get_attribute(&set, &oid, &value);
		if (err != ERR_OK) {
			goto out;
		}
		part[count].at = parts.len;
		err = put_canonical(oid, &value, &parts);
		part[count].len = parts.len - part[count].at;
		count++;
	}
	for (size_t i = 0; i < count && err == ERR_OK; i++) {
		size_t low = i;
		for (size_t j = i + 1; j < count; j++) {
			if (bytes_compare(bytes_of(parts.data + part[j].at, part[j].len),
				    bytes_of(parts.data + part[low].at, part[low].len)) < 0) {
				low = j;
			}
		}
		size_t at = part[low].at;
		size_t len = part[low].len;
		part[low] = part[i];
		err = put_framed(out, 0, bytes_of(parts.data + at, len));
	}
out:
	buf_release(&parts);
	return err;
}

static enum err put_rdn_framed(struct wire_reader set, struct buf *out)
{
	struct buf rdn = BUF_INIT(NAME_TEXT_BYTES_MAX);
	enum err err = put_rdn(set, &rdn);
	if (err == ERR_OK) {
		err = put_framed(out, 0, buf_bytes(&rdn));
	}
	buf_release(&rdn);
	return err;
}

/* Counts what is there, checking its form. */
static enum err count_attributes(struct wire_reader names, size_t *attributes, size_t *rdns)
{
	*attributes = 0;
	*rdns = 0;
	while (wire_reader_left(&names) != 0) {
		struct wire_reader set;
		if (der_enter(&names, DER_SET, &set) != ERR_OK) {
			return ERR_MALFORMED;
		}
		(*rdns)++;
		if (wire_reader_left(&set) == 0) {
			return ERR_MALFORMED; /* SET SIZE (1..MAX) */
		}
		while (wire_reader_left(&set) != 0) {
			struct bytes oid;
			struct der_item value;
			if (get_attribute(&set, &oid, &value) != ERR_OK) {
				return ERR_MALFORMED;
			}
			if (++(*attributes) > NAME_ATTRIBUTES_MAX) {
				return ERR_LIMIT;
			}
		}
	}
	return ERR_OK;
}

enum err name_check(struct bytes content)
{
	size_t attributes = 0;
	size_t rdns = 0;
	return count_attributes(wire_reader_init(content), &attributes, &rdns);
}

/* Value and OID go into name->text; offsets first, since the buffer may move. */
static enum err keep_attribute(struct name *name, struct bytes oid, const struct der_item *value, size_t *at)
{
	char text[DER_OID_TEXT_BYTES_MAX] = "?"; /* an OID without a text form equals no pattern */
	struct attribute *attribute = &name->attributes[name->attribute_count];
	enum err err = der_oid_text(oid, text);
	if (err == ERR_OK) {
		attribute->key = name_key_of_oid(text);
	}
	at[0] = name->text.len;
	err = buf_append(&name->text, bytes_of(text, strlen(text) + 1));
	if (err != ERR_OK) {
		return err;
	}
	at[1] = name->text.len;
	err = put_text(value, &name->text);
	if (err == ERR_INVALID) {
		name->text.len = at[1];
		attribute->raw = true;
		err = buf_append(&name->text, value->value);
	}
	if (err == ERR_OK) {
		at[2] = name->text.len - at[1];
		name->attribute_count++;
	}
	return err;
}

static enum err keep_attributes_of(struct wire_reader names, size_t count, struct name *name)
{
	size_t at[NAME_ATTRIBUTES_MAX][3] = {{0}};
	if (count == 0) {
		return ERR_OK;
	}
	name->attributes = calloc(count, sizeof(*name->attributes));
	if (name->attributes == NULL) {
		return ERR_NOMEM;
	}
	while (wire_reader_left(&names) != 0) {
		struct wire_reader set;
		if (der_enter(&names, DER_SET, &set) != ERR_OK) {
			return ERR_MALFORMED;
		}
		while (wire_reader_left(&set) != 0) {
			struct bytes oid;
			struct der_item value;
			enum err err = get_attribute(&set, &oid, &value);
			if (err == ERR_OK) {
				err = keep_attribute(name, oid, &value, at[name->attribute_count]);
			}
			if (err != ERR_OK) {
				return err;
			}
		}
	}
	for (size_t i = 0; i < name->attribute_count; i++) {
		name->attributes[i].oid = (char *)name->text.data + at[i][0];
		name->attributes[i].value = bytes_of(name->text.data + at[i][1], at[i][2]);
	}
	return ERR_OK;
}

enum err name_parse(struct bytes der, bool keep_attributes, struct name *out)
{
	struct wire_reader names;
	size_t attributes = 0;
	size_t rdns = 0;
	struct name name = {.der = der,
		.canonical = BUF_INIT(NAME_TEXT_BYTES_MAX),
		.text = BUF_INIT(NAME_TEXT_BYTES_MAX)};
	enum err err = der_single(der, DER_SEQUENCE, &names);
	if (err == ERR_OK) {
		err = count_attributes(names, &attributes, &rdns);
	}
	struct wire_reader walk = names;
	while (err == ERR_OK && wire_reader_left(&walk) != 0) {
		struct wire_reader set;
		err = der_enter(&walk, DER_SET, &set);
		if (err == ERR_OK) {
			err = put_rdn_framed(set, &name.canonical);
		}
	}
	name.rdn_count = rdns;
	if (err == ERR_OK && keep_attributes) {
		err = keep_attributes_of(names, attributes, &name);
	}
	if (err != ERR_OK) {
		name_release(&name);
		return err;
	}
	*out = name;
	return ERR_OK;
}

void name_release(struct name *name)
{
	buf_release(&name->canonical);
	buf_release(&name->text);
	free(name->attributes);
	name->attributes = NULL;
	name->attribute_count = 0;
}

bool name_equal(const struct name *a, const struct name *b)
{
	return bytes_equal(buf_bytes(&a->canonical), buf_bytes(&b->canonical));
}

bool name_is_empty(const struct name *name)
{
	return name->rdn_count == 0;
}

/* The next frame that put_framed() wrote; false: there is none. */
static bool next_frame(struct wire_reader *in, uint8_t *mark, struct bytes *out)
{
	uint32_t len = 0;
	return wire_get_u8(in, mark) == ERR_OK && wire_get_u32(in, &len) == ERR_OK &&
	       wire_get_bytes(in, len, out) == ERR_OK;
}

/* Two RDNs that are not equal: could they be, if their texts were normalised? Attributes are sorted by their OIDs first. */
static bool rdn_could_equal(struct bytes a, struct bytes b)
{
	struct wire_reader left = wire_reader_init(a);
	struct wire_reader right = wire_reader_init(b);
	struct bytes attribute[2];
	bool loose = false;
	uint8_t mark = 0;
	while (wire_reader_left(&left) != 0 && wire_reader_left(&right) != 0) {
		struct bytes oid[2];
		if (!next_frame(&left, &mark, &attribute[0]) || !next_frame(&right, &mark, &attribute[1])) {
			return true;
		}
		for (size_t i = 0; i < 2; i++) {
			struct wire_reader in = wire_reader_init(attribute[i]);
			struct bytes value;
			if (!next_frame(&in, &mark, &oid[i]) || !next_frame(&in, &mark, &value)) {
				return true;
			}
			loose = loose || mark != MARK_TEXT;
		}
		if (!bytes_equal(oid[0], oid[1])) {
			return false;
		}
	}
	return loose && wire_reader_left(&left) == 0 && wire_reader_left(&right) == 0;
}

enum name_relation name_relation(const struct name *name, const struct name *base)
{
	struct wire_reader names = wire_reader_init(buf_bytes(&name->canonical));
	struct wire_reader bases = wire_reader_init(buf_bytes(&base->canonical));
	enum name_relation relation = NAME_WITHIN;
	while (wire_reader_left(&bases) != 0) {
		struct bytes rdn;
		struct bytes base_rdn;
		uint8_t mark = 0;
		if (!next_frame(&bases, &mark, &base_rdn) || !next_frame(&names, &mark, &rdn)) {
			return NAME_OUTSIDE; /* name is the shorter one */
		}
		if (bytes_equal(rdn, base_rdn)) {
			continue;
		}
		if (!rdn_could_equal(rdn, base_rdn)) {
			return NAME_OUTSIDE;
		}
		relation = NAME_UNSETTLED;
	}
	return relation;
}

enum err name_append_relative(const struct name *base, struct bytes rdn_set_content, struct name *out)
{
	struct name name = {
		.canonical = BUF_INIT(NAME_TEXT_BYTES_MAX), .text = BUF_INIT(NAME_TEXT_BYTES_MAX)};
	enum err err = buf_append(&name.canonical, buf_bytes(&base->canonical));
	if (err == ERR_OK) {
		err = put_rdn_framed(wire_reader_init(rdn_set_content), &name.canonical);
	}
	if (err != ERR_OK) {
		name_release(&name);
		return err;
	}
	name.rdn_count = base->rdn_count + 1;
	*out = name;
	return ERR_OK;
}

bool x509_name_equal(struct bytes a, struct bytes b)
{
	struct name left = {0};
	struct name right = {0};
	bool equal = false;
	if (name_parse(a, false, &left) == ERR_OK) {
		if (name_parse(b, false, &right) == ERR_OK) {
			equal = name_equal(&left, &right);
			name_release(&right);
		}
		name_release(&left);
	}
	return equal;
}
