/*
 * crl.c - one certificate revocation list: parsed once, strictly, then immutable and searchable (RFC 5280 5).
 * Owns:    the DER copy and an index of four bytes an entry, sorted by serial number.
 * Never:   decides whether the list may be believed or covers a certificate; revocation.c does.
 * Threads: any; the counts and the signature memo are atomic.
 */
#include <stdlib.h>
#include <string.h>

#include "x509/internal.h"

#define ENTRY_EXTENSIONS_MAX 16u
#define CRL_NUMBER_BYTES_MAX 20u /* RFC 5280 5.2.3 */

static enum err entry_extensions(struct wire_reader *entry, struct crl_entry *out, unsigned *oddities)
{
	struct wire_reader list;
	struct bytes seen[ENTRY_EXTENSIONS_MAX];
	size_t count = 0;
	if (der_enter(entry, DER_SEQUENCE, &list) != ERR_OK || wire_reader_left(&list) == 0) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&list) != 0) {
		struct extension extension;
		if (count == ENTRY_EXTENSIONS_MAX) {
			return ERR_LIMIT;
		}
		if (extension_next(&list, &extension) != ERR_OK) {
			return ERR_MALFORMED;
		}
		for (size_t i = 0; i < count; i++) {
			if (bytes_equal(seen[i], extension.oid)) {
				return ERR_MALFORMED;
			}
		}
		seen[count++] = extension.oid;
		if (extension.id == EXT_REASON_CODE) {
			struct wire_reader in = wire_reader_init(extension.value);
			uint32_t code = 0;
			if (der_uint(&in, DER_ENUMERATED, &code) != ERR_OK || der_end(&in) != ERR_OK ||
				code > 10 || code == 7) {
				return ERR_MALFORMED;
			}
			out->reason = (int)code;
		} else if (extension.id == EXT_CERTIFICATE_ISSUER) {
			*oddities |= CRL_IS_INDIRECT;
			out->certificate_issuer = extension.value;
		} else if (extension.id != EXT_INVALIDITY_DATE && extension.critical) {
			*oddities |= CRL_HAS_CRITICAL_UNKNOWN; /* RFC 5280 5.3 */
		}
	}
	return ERR_OK;
}

static enum err entry_next(
	struct wire_reader *in, bool extensions_allowed, struct crl_entry *out, unsigned *oddities)
{
	struct wire_reader entry;
	*out = (struct crl_entry){.reason = -1};
	if (der_enter(in, DER_SEQUENCE, &entry) != ERR_OK || der_integer(&entry, &out->serial) != ERR_OK ||
		der_time(&entry, &out->when) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (wire_reader_left(&entry) != 0) {
		if (!extensions_allowed) {
			return ERR_MALFORMED;
		}
		enum err err = entry_extensions(&entry, out, oddities);
		if (err != ERR_OK) {
			return err;
		}
	}
	return der_end(&entry);
}

static enum err number_from(struct bytes value, struct bytes *out)
{
	struct wire_reader in = wire_reader_init(value);
	if (der_integer(&in, out) != ERR_OK || der_end(&in) != ERR_OK || out->len > CRL_NUMBER_BYTES_MAX ||
		(out->data[0] & 0x80u)) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

static enum err list_extension(const struct extension *extension, struct crl *crl)
{
	switch (extension->id) {
	case EXT_CRL_NUMBER: /* RFC 5280 5.2.3: not critical */
		return extension->critical ? ERR_MALFORMED : number_from(extension->value, &crl->number);
	case EXT_AUTHORITY_KEY_ID: return authority_key_id_parse(extension->value, &crl->authority_key_id);
	case EXT_DELTA_CRL_INDICATOR:
		crl->oddities |= CRL_IS_DELTA;
		return number_from(extension->value, &crl->base_number);
	case EXT_ISSUING_DISTRIBUTION_POINT:
		crl->oddities |= CRL_HAS_SCOPE;
		crl->scope_value = extension->value;
		return crl_scope_parse(extension->value, &crl->scope);
	case EXT_ISSUER_ALT_NAME:
	case EXT_FRESHEST_CRL:
	case EXT_AUTHORITY_INFO_ACCESS: return ERR_OK;
	default:
		if (extension->critical) {
			crl->oddities |= CRL_HAS_CRITICAL_UNKNOWN; /* RFC 5280 5.2 */
		}
		return ERR_OK;
	}
}

static enum err list_extensions(struct wire_reader *tbs, struct parse *parse, struct crl *crl)
{
	struct wire_reader explicit_tag;
	struct wire_reader list;
	struct bytes seen[EXTENSIONS_MAX];
	size_t count = 0;
	if (der_enter(tbs, DER_CONTEXT_CONSTRUCTED(0), &explicit_tag) != ERR_OK ||
		der_enter(&explicit_tag, DER_SEQUENCE, &list) != ERR_OK || der_end(&explicit_tag) != ERR_OK ||
		wire_reader_left(&list) == 0) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&list) != 0) {
		struct extension extension;
		if (count == EXTENSIONS_MAX) {
			return ERR_LIMIT;
		}
		parse_at(parse, &list, "CRL extension");
		if (extension_next(&list, &extension) != ERR_OK) {
			return ERR_MALFORMED;
		}
		for (size_t i = 0; i < count; i++) {
			if (bytes_equal(seen[i], extension.oid)) {
				return ERR_MALFORMED;
			}
		}
		seen[count++] = extension.oid;
		enum err err = list_extension(&extension, crl);
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

/* --- the index --- */

struct slot {
	uint64_t prefix; /* length and first octets of the serial: decides nearly every comparison */
	uint32_t offset;
	uint32_t issuer; /* offset of the entry that names the issuer of this one */
};

#define ISSUER_OF_LIST UINT32_MAX

static struct bytes serial_at(const struct crl *crl, uint32_t offset)
{
	struct wire_reader in = wire_reader_init(crl->revoked);
	struct wire_reader entry;
	struct bytes serial = BYTES_NONE;
	if (wire_skip(&in, offset) == ERR_OK && der_enter(&in, DER_SEQUENCE, &entry) == ERR_OK) {
		(void)!der_integer(&entry, &serial); /* checked when the list was parsed */
	}
	return serial;
}

/* Any total order will do: by length, then octets. */
static int serial_compare(struct bytes a, struct bytes b)
{
	if (a.len != b.len) {
		return a.len < b.len ? -1 : 1;
	}
	return bytes_compare(a, b);
}

static uint64_t serial_prefix(struct bytes serial)
{
	uint64_t prefix = serial.len < 0xff ? serial.len : 0xff;
	for (size_t i = 0; i < 7; i++) {
		prefix = (prefix << 8) | (i < serial.len ? serial.data[i] : 0u);
	}
	return prefix;
}

static int slot_compare(const void *left, const void *right, void *ctx)
{
	const struct slot *a = left;
	const struct slot *b = right;
	if (a->prefix != b->prefix) {
		return a->prefix < b->prefix ? -1 : 1;
	}
	const struct crl *crl = ctx;
	return serial_compare(serial_at(crl, a->offset), serial_at(crl, b->offset));
}

/* Offsets, and for indirect lists who the issuer of each entry is (RFC 5280 5.3.3: as the entry before, if not said). */
static bool fill_slots(const struct crl *crl, struct slot *slots)
{
	struct wire_reader in = wire_reader_init(crl->revoked);
	uint32_t issuer = ISSUER_OF_LIST;
	bool sorted = true;
	for (size_t i = 0; i < crl->entry_count; i++) {
		struct crl_entry entry;
		unsigned oddities = 0;
		uint32_t offset = (uint32_t)(crl->revoked.len - wire_reader_left(&in));
		if (entry_next(&in, true, &entry, &oddities) != ERR_OK) {
			break; /* cannot be: read by the same function before */
		}
		if (entry.certificate_issuer.len != 0) {
			issuer = offset;
		}
		slots[i] = (struct slot){
			.prefix = serial_prefix(entry.serial), .offset = offset, .issuer = issuer};
		sorted = sorted && (i == 0 || slots[i - 1].prefix < slots[i].prefix);
	}
	return sorted;
}

static enum err build_index(struct crl *crl)
{
	bool indirect = (crl->oddities & CRL_IS_INDIRECT) != 0;
	if (crl->entry_count == 0) {
		return ERR_OK;
	}
	struct slot *slots = calloc(crl->entry_count, sizeof(*slots));
	crl->entries = calloc(crl->entry_count, sizeof(*crl->entries));
	crl->entry_issuers = indirect ? calloc(crl->entry_count, sizeof(*crl->entry_issuers)) : NULL;
	if (slots == NULL || crl->entries == NULL || (indirect && crl->entry_issuers == NULL)) {
		free(slots);
		return ERR_NOMEM;
	}
	if (!fill_slots(crl, slots)) {
		qsort_r(slots, crl->entry_count, sizeof(*slots), slot_compare, crl);
	}
	for (size_t i = 0; i < crl->entry_count; i++) {
		crl->entries[i] = slots[i].offset;
		if (indirect) {
			crl->entry_issuers[i] = slots[i].issuer;
		}
	}
	free(slots);
	return ERR_OK;
}

static void entry_at(const struct crl *crl, uint32_t offset, struct crl_entry *out)
{
	struct wire_reader in = wire_reader_init(crl->revoked);
	unsigned oddities = 0;
	*out = (struct crl_entry){.reason = -1};
	if (wire_skip(&in, offset) == ERR_OK) {
		(void)!entry_next(&in, true, out, &oddities); /* read before */
	}
}

/* Whose certificate the entry at index revokes. */
static enum err is_issuer(const struct crl *crl, size_t index, const struct name *issuer)
{
	struct crl_entry named;
	if (issuer == NULL) {
		return ERR_OK;
	}
	if (crl->entry_issuers == NULL || crl->entry_issuers[index] == ISSUER_OF_LIST) {
		return name_equal(&crl->issuer, issuer) ? ERR_OK : ERR_NOT_FOUND;
	}
	entry_at(crl, crl->entry_issuers[index], &named);
	struct wire_reader names;
	if (der_single(named.certificate_issuer, DER_SEQUENCE, &names) != ERR_OK) {
		return ERR_OK; /* unreadable: taken for ours, which refuses */
	}
	return general_names_hold(wire_reader_rest(&names), issuer);
}

enum err crl_find(
	const struct crl *crl, struct bytes serial, const struct name *issuer, struct crl_entry *out)
{
	size_t low = 0;
	size_t high = crl->entry_count;
	while (low < high) { /* the first that is not before serial */
		size_t middle = low + (high - low) / 2;
		if (serial_compare(serial_at(crl, crl->entries[middle]), serial) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	for (; low < crl->entry_count && bytes_equal(serial_at(crl, crl->entries[low]), serial); low++) {
		enum err err = is_issuer(crl, low, issuer);
		if (err == ERR_OK) {
			entry_at(crl, crl->entries[low], out);
		}
		if (err != ERR_NOT_FOUND) {
			return err;
		}
	}
	return ERR_NOT_FOUND;
}

/* --- parsing --- */

static enum err get_revoked(struct wire_reader *tbs, struct parse *parse, bool version2, struct crl *crl)
{
	struct wire_reader list;
	if (!der_is_next(tbs, DER_SEQUENCE)) {
		return ERR_OK;
	}
	parse_at(parse, tbs, "revokedCertificates");
	if (der_enter(tbs, DER_SEQUENCE, &list) != ERR_OK) {
		return ERR_MALFORMED;
	}
	crl->revoked = wire_reader_rest(&list);
	while (wire_reader_left(&list) != 0) {
		struct crl_entry entry;
		parse_at(parse, &list, "revokedCertificates entry");
		enum err err = entry_next(&list, version2, &entry, &crl->oddities);
		if (err != ERR_OK) {
			return err;
		}
		crl->entry_count++;
	}
	return ERR_OK;
}

static enum err get_header(struct wire_reader *tbs, struct bytes outer_algorithm, struct parse *parse,
	bool *version2, struct crl *crl)
{
	struct bytes algorithm;
	struct der_item issuer;
	*version2 = false;
	parse_at(parse, tbs, "version");
	if (der_is_next(tbs, DER_INTEGER)) {
		uint32_t version = 0;
		if (der_uint(tbs, DER_INTEGER, &version) != ERR_OK || version != 1) {
			return ERR_MALFORMED;
		}
		*version2 = true;
	}
	parse_at(parse, tbs, "signature algorithm inside and outside differ");
	if (der_value(tbs, DER_SEQUENCE, &algorithm) != ERR_OK || !bytes_equal(algorithm, outer_algorithm)) {
		return ERR_MALFORMED; /* RFC 5280 5.1.1.2 */
	}
	parse_at(parse, tbs, "issuer");
	if (der_expect(tbs, DER_SEQUENCE, &issuer) != ERR_OK) {
		return ERR_MALFORMED;
	}
	enum err err = name_parse(issuer.whole, true, &crl->issuer);
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, tbs, "thisUpdate");
	if (der_time(tbs, &crl->this_update) != ERR_OK) {
		return ERR_MALFORMED;
	}
	crl->next_update = X509_NEVER;
	crl->scope.reasons = REASONS_ALL;
	if (der_is_next(tbs, DER_UTC_TIME) || der_is_next(tbs, DER_GENERALIZED_TIME)) {
		parse_at(parse, tbs, "nextUpdate");
		if (der_time(tbs, &crl->next_update) != ERR_OK) {
			return ERR_MALFORMED;
		}
	}
	return ERR_OK;
}

static enum err parse_into(struct parse *parse, struct crl *crl)
{
	struct wire_reader outer;
	struct wire_reader tbs;
	struct der_item tbs_item;
	struct bytes algorithm;
	bool version2 = false;
	if (der_single(crl->der, DER_SEQUENCE, &outer) != ERR_OK ||
		der_expect(&outer, DER_SEQUENCE, &tbs_item) != ERR_OK) {
		parse->what = "certificate revocation list";
		return ERR_MALFORMED;
	}
	crl->tbs = tbs_item.whole;
	tbs = wire_reader_init(tbs_item.value);
	parse_at(parse, &outer, "signatureAlgorithm");
	if (der_value(&outer, DER_SEQUENCE, &algorithm) != ERR_OK ||
		algorithm_parse(algorithm, &crl->algorithm) != ERR_OK) {
		return ERR_MALFORMED;
	}
	parse_at(parse, &outer, "signatureValue");
	if (der_bit_octets(&outer, &crl->signature) != ERR_OK || der_end(&outer) != ERR_OK) {
		return ERR_MALFORMED;
	}
	enum err err = get_header(&tbs, algorithm, parse, &version2, crl);
	if (err == ERR_OK) {
		err = get_revoked(&tbs, parse, version2, crl);
	}
	if (err == ERR_OK && version2 && wire_reader_left(&tbs) != 0) {
		parse_at(parse, &tbs, "crlExtensions");
		err = list_extensions(&tbs, parse, crl);
	}
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &tbs, "data behind the last field of tbsCertList");
	return der_end(&tbs);
}

enum err crl_parse(struct bytes der, struct crl **out, struct x509_error *error)
{
	struct parse parse = {.whole = der, .what = "size"};
	*out = NULL;
	if (der.len > X509_CRL_BYTES_MAX) {
		return parse_fail(&parse, ERR_LIMIT, error);
	}
	parse.what = "memory";
	struct crl *crl = calloc(1, sizeof(*crl) + der.len);
	if (crl == NULL) {
		return parse_fail(&parse, ERR_NOMEM, error);
	}
	atomic_init(&crl->refs, 1);
	atomic_init(&crl->memo.state, 0);
	if (der.len != 0) {
		memcpy(crl->bytes, der.data, der.len);
	}
	crl->der = bytes_of(crl->bytes, der.len);
	parse.whole = crl->der;
	enum err err = parse_into(&parse, crl);
	if (err == ERR_OK && (crl->oddities & CRL_IS_INDIRECT) && !crl->scope.indirect) {
		crl->oddities |=
			CRL_HAS_CRITICAL_UNKNOWN; /* entries of others in a list that does not say so */
	}
	if (err == ERR_OK) {
		err = build_index(crl);
	}
	if (err != ERR_OK) {
		err = parse_fail(&parse, err, error);
		crl_unref(crl);
		return err;
	}
	hash_of(HASH_SHA256, crl->der, crl->sha256);
	*out = crl;
	return ERR_OK;
}

struct crl *crl_ref(const struct crl *crl)
{
	struct crl *counted = UNCONST(struct crl, crl);
	atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	return counted;
}

void crl_unref(struct crl *crl)
{
	if (crl == NULL || atomic_fetch_sub_explicit(&crl->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	name_release(&crl->issuer);
	free(crl->entries);
	free(crl->entry_issuers);
	free(crl);
}

struct bytes crl_der(const struct crl *crl)
{
	return crl->der;
}

struct bytes crl_issuer_der(const struct crl *crl)
{
	return crl->issuer.der;
}

int64_t crl_this_update(const struct crl *crl)
{
	return crl->this_update;
}

int64_t crl_next_update(const struct crl *crl)
{
	return crl->next_update;
}

struct bytes crl_number(const struct crl *crl)
{
	return crl->number;
}

size_t crl_entry_count(const struct crl *crl)
{
	return crl->entry_count;
}

const uint8_t *crl_sha256(const struct crl *crl)
{
	return crl->sha256;
}
