/*
 * crl.c - one certificate revocation list: parsed once, strictly, then immutable and searchable (RFC 5280 5).
 * Owns:    its entries, packed (crl_entries.c), and the DER around them. The entries' DER is not kept: a digest of the
 *          signed part is enough to verify the signature when the signer is known.
 * Never:   decides whether the list may be believed or covers a certificate; revocation.c does.
 * Threads: any; the counts and the signature memo are atomic.
 */
#include <stdlib.h>
#include <string.h>

#include "x509/internal.h"

#define ENTRY_EXTENSIONS_MAX 16u
#define CRL_NUMBER_BYTES_MAX 20u /* RFC 5280 5.2.3 */

enum err crl_reason_parse(struct wire_reader in, int *out)
{
	uint32_t code = 0;
	if (der_uint(&in, DER_ENUMERATED, &code) != ERR_OK || der_end(&in) != ERR_OK || code > 10 ||
		code == 7) {
		return ERR_MALFORMED;
	}
	*out = (int)code;
	return ERR_OK;
}

static enum err entry_extension(
	const struct extension *extension, struct crl_entry *entry, unsigned *oddities)
{
	switch (extension->id) {
	case EXT_REASON_CODE: return crl_reason_parse(wire_reader_init(extension->value), &entry->reason);
	case EXT_CERTIFICATE_ISSUER:
		*oddities |= CRL_IS_INDIRECT;
		entry->certificate_issuer = extension->value;
		return ERR_OK;
	case EXT_INVALIDITY_DATE: return ERR_OK;
	default:
		if (extension->critical) {
			*oddities |= CRL_HAS_CRITICAL_UNKNOWN; /* RFC 5280 5.3 */
		}
		return ERR_OK;
	}
}

static enum err entry_extensions(struct wire_reader *entry, struct crl_entry *out, unsigned *oddities)
{
	struct wire_reader list;
	struct extension_walk walk;
	if (der_enter(entry, DER_SEQUENCE, &list) != ERR_OK ||
		extension_walk_begin(&walk, list, ENTRY_EXTENSIONS_MAX) != ERR_OK) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&walk.list) != 0) {
		struct extension extension;
		enum err err = extension_walk_next(&walk, &extension);
		if (err == ERR_OK) {
			err = entry_extension(&extension, out, oddities);
		}
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

enum err crl_entry_next(
	struct wire_reader *in, bool extensions_allowed, struct crl_entry *out, unsigned *oddities)
{
	struct wire_reader entry;
	*out = (struct crl_entry){.reason = -1};
	if (der_enter(in, DER_SEQUENCE, &entry) != ERR_OK || der_integer(&entry, &out->serial) != ERR_OK ||
		der_time(&entry, &out->when) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (out->serial.len > CRL_SERIAL_BYTES_MAX) {
		return ERR_LIMIT;
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
	case EXT_FRESHEST_CRL: crl->freshest = extension->value; return ERR_OK;
	case EXT_ISSUER_ALT_NAME:
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
	struct wire_reader list;
	struct extension_walk walk;
	if (der_enter_explicit(tbs, DER_CONTEXT_CONSTRUCTED(0), DER_SEQUENCE, &list) != ERR_OK ||
		extension_walk_begin(&walk, list, EXTENSIONS_MAX) != ERR_OK) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&walk.list) != 0) {
		struct extension extension;
		parse_at(parse, &walk.list, "CRL extension");
		enum err err = extension_walk_next(&walk, &extension);
		if (err == ERR_OK) {
			err = list_extension(&extension, crl);
		}
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

/* --- looking up --- */

/* Whose certificate the entry revokes. */
static enum err is_issuer(const struct crl *crl, const struct crl_entry *entry, const struct name *issuer)
{
	struct wire_reader names;
	if (issuer == NULL) {
		return ERR_OK;
	}
	if (entry->certificate_issuer.len == 0) {
		return name_equal(&crl->issuer, issuer) ? ERR_OK : ERR_NOT_FOUND;
	}
	if (der_single(entry->certificate_issuer, DER_SEQUENCE, &names) != ERR_OK) {
		return ERR_OK; /* unreadable: taken for ours, which refuses */
	}
	return general_names_hold(wire_reader_rest(&names), issuer);
}

enum err crl_find(
	const struct crl *crl, struct bytes serial, const struct name *issuer, struct crl_entry *out)
{
	struct crl_entry entry;
	size_t at = 0;
	while (crl_entries_next(&crl->entries, serial, &at, &entry)) {
		enum err err = is_issuer(crl, &entry, issuer);
		if (err == ERR_OK) {
			*out = entry;
		}
		if (err != ERR_NOT_FOUND) {
			return err;
		}
	}
	return ERR_NOT_FOUND;
}

/* --- parsing --- */

/* What is only needed while a list is read. */
struct draft {
	struct bytes tbs;     /* whole */
	struct bytes revoked; /* content of revokedCertificates */
};

static enum err get_revoked(
	struct wire_reader *tbs, struct parse *parse, bool version2, struct draft *draft, struct crl *crl)
{
	struct wire_reader list;
	if (!der_is_next(tbs, DER_SEQUENCE)) {
		return ERR_OK;
	}
	parse_at(parse, tbs, "revokedCertificates");
	if (der_enter(tbs, DER_SEQUENCE, &list) != ERR_OK) {
		return ERR_MALFORMED;
	}
	draft->revoked = wire_reader_rest(&list);
	while (wire_reader_left(&list) != 0) {
		struct crl_entry entry;
		parse_at(parse, &list, "revokedCertificates entry");
		enum err err = crl_entry_next(&list, version2, &entry, &crl->oddities);
		if (err == ERR_OK) {
			err = crl_entries_add(&crl->entries, &entry);
		}
		if (err != ERR_OK) {
			return err;
		}
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

static enum err parse_into(struct parse *parse, struct draft *draft, struct crl *crl)
{
	struct wire_reader outer;
	struct wire_reader tbs;
	struct der_item tbs_item;
	struct bytes algorithm;
	bool version2 = false;
	if (der_single(parse->whole, DER_SEQUENCE, &outer) != ERR_OK ||
		der_expect(&outer, DER_SEQUENCE, &tbs_item) != ERR_OK) {
		parse->what = "certificate revocation list";
		return ERR_MALFORMED;
	}
	draft->tbs = tbs_item.whole;
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
		err = get_revoked(&tbs, parse, version2, draft, crl);
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

/* --- what is kept --- */

/* A slice of der becomes the same slice of the copy, from which der's `cut` is missing. */
static void rebase(struct bytes *slice, struct bytes der, struct bytes cut, const uint8_t *copy)
{
	if (slice->len == 0) {
		*slice = BYTES_NONE;
		return;
	}
	size_t offset = (size_t)(slice->data - der.data);
	if (cut.len != 0 && slice->data > cut.data) {
		offset -= cut.len;
	}
	slice->data = copy + offset;
}

static enum err keep_frame(struct bytes der, struct bytes cut, struct crl *crl)
{
	size_t head = cut.len == 0 ? der.len : (size_t)(cut.data - der.data);
	size_t tail = der.len - head - cut.len;
	uint8_t *copy = calloc(1, head + tail + 1);
	if (copy == NULL) {
		return ERR_NOMEM;
	}
	memcpy(copy, der.data, head);
	if (tail != 0) {
		memcpy(copy + head, der.data + head + cut.len, tail);
	}
	crl->kept = bytes_of(copy, head + tail);
	rebase(&crl->signature, der, cut, copy);
	rebase(&crl->number, der, cut, copy);
	rebase(&crl->authority_key_id, der, cut, copy);
	rebase(&crl->base_number, der, cut, copy);
	rebase(&crl->scope_value, der, cut, copy);
	rebase(&crl->freshest, der, cut, copy);
	rebase(&crl->scope.point.value, der, cut, copy);
	struct bytes issuer = crl->issuer.der;
	rebase(&issuer, der, cut, copy);
	name_release(&crl->issuer);
	return name_parse(issuer, true, &crl->issuer);
}

/* What the signature is checked against; BYTES_NONE for an algorithm that nobody here can check. */
static enum err keep_message(struct bytes tbs, struct crl *crl)
{
	uint8_t *copy = NULL;
	if (!crl->algorithm.supported) {
		return ERR_OK;
	}
	if (crl->algorithm.alg != SIG_ED25519) {
		hash_of(crl->algorithm.hash, tbs, crl->digest);
		return ERR_OK;
	}
	enum err err = bytes_dup(tbs, &copy);
	if (err == ERR_OK) {
		crl->tbs = bytes_of(copy, tbs.len);
	}
	return err;
}

static enum err parse_and_keep(struct parse *parse, struct crl *crl)
{
	struct draft draft = {.tbs = BYTES_NONE, .revoked = BYTES_NONE};
	enum err err = parse_into(parse, &draft, crl);
	if (err != ERR_OK) {
		return err;
	}
	if ((crl->oddities & CRL_IS_INDIRECT) && !crl->scope.indirect) {
		crl->oddities |=
			CRL_HAS_CRITICAL_UNKNOWN; /* entries of others in a list that does not say so */
	}
	err = crl_entries_seal(&crl->entries);
	if (err == ERR_OK) {
		err = keep_message(draft.tbs, crl);
	}
	return err == ERR_OK ? keep_frame(parse->whole, draft.revoked, crl) : err;
}

enum err crl_parse(struct bytes der, struct crl **out, struct x509_error *error)
{
	struct parse parse = {.whole = der, .what = "size"};
	*out = NULL;
	if (der.len > X509_CRL_BYTES_MAX) {
		return parse_fail(&parse, ERR_LIMIT, error);
	}
	parse.what = "memory";
	struct crl *crl = calloc(1, sizeof(*crl));
	if (crl == NULL) {
		return parse_fail(&parse, ERR_NOMEM, error);
	}
	atomic_init(&crl->refs, 1);
	atomic_init(&crl->memo.state, 0);
	crl->entries = crl_entries_init(der.len);
	enum err err = parse_and_keep(&parse, crl);
	if (err != ERR_OK) {
		err = parse_fail(&parse, err, error);
		crl_unref(crl);
		return err;
	}
	hash_of(HASH_SHA256, der, crl->sha256);
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
	crl_entries_release(&crl->entries);
	free(UNCONST(uint8_t, crl->kept.data));
	free(UNCONST(uint8_t, crl->tbs.data));
	free(crl);
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

bool crl_is_delta(const struct crl *crl)
{
	return (crl->oddities & CRL_IS_DELTA) != 0;
}

bool crl_is_behind(const struct crl *complete, const struct crl *delta)
{
	return crl_is_delta(delta) && !crl_is_delta(complete) &&
	       name_equal(&complete->issuer, &delta->issuer) &&
	       bytes_equal(complete->scope_value, delta->scope_value) &&
	       bytes_equal(complete->authority_key_id, delta->authority_key_id) &&
	       complete->number.len != 0 && crl_number_compare(complete->number, delta->base_number) < 0;
}

size_t crl_entry_count(const struct crl *crl)
{
	return crl->entries.count;
}

bool crl_lists(const struct crl *crl, struct bytes serial)
{
	struct crl_entry entry;
	return crl_find(crl, serial, &crl->issuer, &entry) == ERR_OK;
}

size_t crl_memory_bytes(const struct crl *crl)
{
	const struct crl_entries *entries = &crl->entries;
	size_t records = entries->count == 0 ? 0 : entries->buckets[entries->bucket_count];
	size_t buckets = entries->count == 0 ? 0 : (entries->bucket_count + 1u) * sizeof(uint32_t);
	return sizeof(*crl) + crl->kept.len + crl->tbs.len + records + buckets + entries->issuers.cap;
}

bool crl_was_verified(const struct crl *crl)
{
	return atomic_load_explicit(&crl->memo.state, memory_order_acquire) == 2;
}

const uint8_t *crl_sha256(const struct crl *crl)
{
	return crl->sha256;
}

enum err crl_verify_issued_by(const struct crl *crl, const struct cert *issuer)
{
	struct subject_key key = cert_subject_key(issuer);
	if (!name_equal(&crl->issuer, &issuer->subject)) {
		return ERR_DENIED;
	}
	return crl->tbs.len == 0 ? algorithm_verify_digest(&crl->algorithm, &key, crl->digest, crl->signature)
				 : algorithm_verify(&crl->algorithm, &key, crl->tbs, crl->signature);
}
