/*
 * ocsp.c - one OCSP response: parsed once, strictly, then immutable (RFC 6960 4.2).
 * Owns:    the DER copy, the table of SingleResponses, the certificates sent along.
 * Never:   decides whether the response may be believed; ocsp_judge.c does.
 * Threads: any; the counts and the signature memo are atomic.
 *
 * Where we read more than strict DER: the version may be written out although it is the default (v1), as some responders do.
 * A certificate that was sent along and cannot be read is passed over: it only cannot vouch.
 */
#include "x509/ocsp.h"

#include <stdlib.h>
#include <string.h>

#include "x509/time.h"

/* id-pkix-ocsp 1.3.6.1.5.5.7.48.1, and its arcs */
#define OID_OCSP "\x2b\x06\x01\x05\x05\x07\x30\x01"

struct known_oid {
	const char *oid; /* content octets */
	uint8_t len;
};

static const struct known_oid oid_basic = {OID_OCSP "\x01", 9};
static const struct known_oid oid_nonce = {OID_OCSP "\x02", 9};

/* Extensions that change nothing in what a response means to us, so that they may be critical. */
static const struct known_oid response_extensions[] = {
	{OID_OCSP "\x02", 9}, /* nonce: compared by the judgement */
	{OID_OCSP "\x09", 9}, /* extended revoked definition (RFC 6960 4.4.8) */
};
static const struct known_oid single_extensions[] = {
	{OID_OCSP "\x03", 9},                             /* crl references (4.4.2) */
	{OID_OCSP "\x06", 9},                             /* archive cutoff (4.4.4) */
	{"\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x05", 10}, /* certificate transparency (RFC 6962 3.3) */
	{"\x55\x1d\x15", 3},                              /* reasonCode (4.4.5) */
	{"\x55\x1d\x18", 3},                              /* invalidityDate */
};

static const struct {
	enum hash_alg hash;
	const char *dotted;
	struct known_oid oid;
} hashes[] = {
	{HASH_SHA1, "1.3.14.3.2.26", {"\x2b\x0e\x03\x02\x1a", 5}},
	{HASH_SHA256, "2.16.840.1.101.3.4.2.1", {"\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9}},
	{HASH_SHA384, "2.16.840.1.101.3.4.2.2", {"\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9}},
	{HASH_SHA512, "2.16.840.1.101.3.4.2.3", {"\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9}},
};

static bool oid_is(struct bytes oid, const struct known_oid *known)
{
	return bytes_equal(oid, bytes_of(known->oid, known->len));
}

static bool oid_in(struct bytes oid, const struct known_oid *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (oid_is(oid, &list[i])) {
			return true;
		}
	}
	return false;
}

const char *ocsp_hash_oid(enum hash_alg hash)
{
	for (size_t i = 0; i < ARRAY_COUNT(hashes); i++) {
		if (hashes[i].hash == hash) {
			return hashes[i].dotted;
		}
	}
	return NULL;
}

const char *ocsp_response_status_name(enum ocsp_response_status status)
{
	switch (status) {
	case OCSP_STATUS_SUCCESSFUL: return "successful";
	case OCSP_STATUS_MALFORMED_REQUEST: return "malformedRequest";
	case OCSP_STATUS_INTERNAL_ERROR: return "internalError";
	case OCSP_STATUS_TRY_LATER: return "tryLater";
	case OCSP_STATUS_SIG_REQUIRED: return "sigRequired";
	case OCSP_STATUS_UNAUTHORIZED: return "unauthorized";
	}
	return "?";
}

/* --- parts --- */

/* RFC 6960 4.2.2: GeneralizedTime as RFC 5280 4.1.2.5.2 writes it. */
static enum err get_time(struct wire_reader *in, int64_t *out)
{
	struct wire_reader work = *in;
	struct bytes text;
	if (der_value(&work, DER_GENERALIZED_TIME, &text) != ERR_OK ||
		time_from_text(text, false, out) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*in = work;
	return ERR_OK;
}

/* CertID.hashAlgorithm; its parameters are NULL or absent. */
static enum err get_hash(struct wire_reader *in, enum hash_alg *out)
{
	struct wire_reader algorithm;
	struct bytes oid;
	struct bytes parameters;
	if (der_enter(in, DER_SEQUENCE, &algorithm) != ERR_OK || der_oid(&algorithm, &oid) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*out = HASH_COUNT_;
	for (size_t i = 0; i < ARRAY_COUNT(hashes); i++) {
		if (oid_is(oid, &hashes[i].oid)) {
			*out = hashes[i].hash;
		}
	}
	if (*out == HASH_COUNT_) {
		return ERR_OK; /* its parameters are its own */
	}
	if (wire_reader_left(&algorithm) != 0 &&
		(der_value(&algorithm, DER_NULL, &parameters) != ERR_OK || parameters.len != 0)) {
		return ERR_MALFORMED;
	}
	return der_end(&algorithm);
}

static enum err get_cert_id(struct wire_reader *in, struct ocsp_single *out)
{
	struct wire_reader id;
	if (der_enter(in, DER_SEQUENCE, &id) != ERR_OK || get_hash(&id, &out->hash) != ERR_OK ||
		der_value(&id, DER_OCTET_STRING, &out->name_hash) != ERR_OK ||
		der_value(&id, DER_OCTET_STRING, &out->key_hash) != ERR_OK ||
		der_integer(&id, &out->serial) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (out->hash != HASH_COUNT_ &&
		(out->name_hash.len != hash_bytes(out->hash) || out->key_hash.len != hash_bytes(out->hash))) {
		return ERR_MALFORMED;
	}
	return der_end(&id);
}

/* RevokedInfo: revocationTime, revocationReason [0] EXPLICIT CRLReason OPTIONAL. */
static enum err get_revoked_info(struct bytes content, struct ocsp_single *out)
{
	struct wire_reader in = wire_reader_init(content);
	if (get_time(&in, &out->revoked_at) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (wire_reader_left(&in) != 0) {
		struct wire_reader explicit_tag;
		if (der_enter(&in, DER_CONTEXT_CONSTRUCTED(0), &explicit_tag) != ERR_OK ||
			crl_reason_parse(explicit_tag, &out->reason) != ERR_OK) {
			return ERR_MALFORMED;
		}
	}
	return der_end(&in);
}

static enum err get_cert_status(struct wire_reader *in, struct ocsp_single *out)
{
	struct der_item item;
	if (der_next(in, &item) != ERR_OK) {
		return ERR_MALFORMED;
	}
	switch (item.tag) {
	case DER_CONTEXT(0): out->status = OCSP_SAYS_GOOD; break;
	case DER_CONTEXT_CONSTRUCTED(1):
		out->status = OCSP_SAYS_REVOKED;
		return get_revoked_info(item.value, out);
	case DER_CONTEXT(2): out->status = OCSP_SAYS_UNKNOWN; break;
	default: return ERR_MALFORMED;
	}
	return item.value.len == 0 ? ERR_OK : ERR_MALFORMED;
}

struct extension_rules {
	const struct known_oid *known;
	size_t known_count;
	bool unknown_critical;
	bool has_nonce;
	struct bytes nonce;
};

/* RFC 9654 2.1: an OCTET STRING; before RFC 8954 some wrote the octets alone. */
static enum err get_nonce(struct bytes value, struct extension_rules *rules)
{
	struct wire_reader in = wire_reader_init(value);
	struct bytes inner;
	rules->has_nonce = true;
	rules->nonce =
		der_value(&in, DER_OCTET_STRING, &inner) == ERR_OK && der_end(&in) == ERR_OK ? inner : value;
	return rules->nonce.len <= X509_OCSP_NONCE_MAX ? ERR_OK : ERR_LIMIT;
}

/* An [n] EXPLICIT Extensions; in stands at it. */
static enum err get_extensions(struct wire_reader *in, uint8_t tag, struct extension_rules *rules)
{
	struct wire_reader list;
	struct extension_walk walk;
	if (der_enter_explicit(in, tag, DER_SEQUENCE, &list) != ERR_OK ||
		extension_walk_begin(&walk, list, OCSP_EXTENSIONS_MAX) != ERR_OK) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&walk.list) != 0) {
		struct extension extension;
		enum err err = extension_walk_next(&walk, &extension);
		if (err != ERR_OK) {
			return err;
		}
		bool known = oid_in(extension.oid, rules->known, rules->known_count);
		rules->unknown_critical = rules->unknown_critical || (extension.critical && !known);
		if (known && oid_is(extension.oid, &oid_nonce)) {
			err = get_nonce(extension.value, rules);
			if (err != ERR_OK) {
				return err;
			}
		}
	}
	return ERR_OK;
}

static enum err get_single(struct wire_reader *in, struct ocsp_single *out)
{
	struct wire_reader single;
	struct extension_rules rules = {
		.known = single_extensions, .known_count = ARRAY_COUNT(single_extensions)};
	*out = (struct ocsp_single){.reason = -1, .next_update = X509_NEVER};
	if (der_enter(in, DER_SEQUENCE, &single) != ERR_OK || get_cert_id(&single, out) != ERR_OK ||
		get_cert_status(&single, out) != ERR_OK || get_time(&single, &out->this_update) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (der_is_next(&single, DER_CONTEXT_CONSTRUCTED(0))) {
		struct wire_reader explicit_tag;
		if (der_enter(&single, DER_CONTEXT_CONSTRUCTED(0), &explicit_tag) != ERR_OK ||
			get_time(&explicit_tag, &out->next_update) != ERR_OK ||
			der_end(&explicit_tag) != ERR_OK || out->next_update < out->this_update) {
			return ERR_MALFORMED;
		}
	}
	if (wire_reader_left(&single) != 0) {
		enum err err = get_extensions(&single, DER_CONTEXT_CONSTRUCTED(1), &rules);
		if (err != ERR_OK) {
			return err;
		}
		out->unknown_critical = rules.unknown_critical;
	}
	return der_end(&single);
}

static enum err get_singles(struct wire_reader *tbs, struct parse *parse, struct ocsp_response *response)
{
	struct wire_reader list;
	size_t count = 0;
	parse_at(parse, tbs, "responses");
	if (der_enter(tbs, DER_SEQUENCE, &list) != ERR_OK) {
		return ERR_MALFORMED;
	}
	for (struct wire_reader walk = list; wire_reader_left(&walk) != 0; count++) {
		struct der_item item;
		if (count == X509_OCSP_SINGLES_MAX) {
			return ERR_LIMIT;
		}
		if (der_next(&walk, &item) != ERR_OK) {
			return ERR_MALFORMED;
		}
	}
	response->singles = calloc(count + 1, sizeof(*response->singles));
	if (response->singles == NULL) {
		return ERR_NOMEM;
	}
	while (wire_reader_left(&list) != 0) {
		parse_at(parse, &list, "SingleResponse");
		enum err err = get_single(&list, &response->singles[response->single_count]);
		if (err != ERR_OK) {
			return err;
		}
		response->single_count++;
	}
	return ERR_OK;
}

static enum err get_responder(struct wire_reader *tbs, struct ocsp_response *response)
{
	struct der_item item;
	struct der_item name;
	if (der_next(tbs, &item) != ERR_OK) {
		return ERR_MALFORMED;
	}
	struct wire_reader in = wire_reader_init(item.value);
	if (item.tag == DER_CONTEXT_CONSTRUCTED(1)) {
		if (der_expect(&in, DER_SEQUENCE, &name) != ERR_OK || der_end(&in) != ERR_OK) {
			return ERR_MALFORMED;
		}
		response->by_name = true;
		return name_parse(name.whole, false, &response->responder_name);
	}
	if (item.tag != DER_CONTEXT_CONSTRUCTED(2) ||
		der_value(&in, DER_OCTET_STRING, &response->responder_key) != ERR_OK ||
		response->responder_key.len != hash_bytes(HASH_SHA1)) {
		return ERR_MALFORMED;
	}
	return der_end(&in);
}

static enum err get_version(struct wire_reader *tbs)
{
	struct wire_reader explicit_tag;
	uint32_t version = 0;
	if (!der_is_next(tbs, DER_CONTEXT_CONSTRUCTED(0))) {
		return ERR_OK;
	}
	if (der_enter(tbs, DER_CONTEXT_CONSTRUCTED(0), &explicit_tag) != ERR_OK ||
		der_uint(&explicit_tag, DER_INTEGER, &version) != ERR_OK || version != 0) {
		return ERR_MALFORMED;
	}
	return der_end(&explicit_tag);
}

static enum err get_tbs(struct bytes content, struct parse *parse, struct ocsp_response *response)
{
	struct wire_reader tbs = wire_reader_init(content);
	struct extension_rules rules = {
		.known = response_extensions, .known_count = ARRAY_COUNT(response_extensions)};
	parse_at(parse, &tbs, "version");
	if (get_version(&tbs) != ERR_OK) {
		return ERR_MALFORMED;
	}
	parse_at(parse, &tbs, "responderID");
	enum err err = get_responder(&tbs, response);
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &tbs, "producedAt");
	if (get_time(&tbs, &response->produced_at) != ERR_OK) {
		return ERR_MALFORMED;
	}
	err = get_singles(&tbs, parse, response);
	if (err == ERR_OK && wire_reader_left(&tbs) != 0) {
		parse_at(parse, &tbs, "responseExtensions");
		err = get_extensions(&tbs, DER_CONTEXT_CONSTRUCTED(1), &rules);
		response->unknown_critical = rules.unknown_critical;
		response->has_nonce = rules.has_nonce;
		response->nonce = rules.nonce;
	}
	if (err != ERR_OK) {
		return err;
	}
	parse_at(parse, &tbs, "data behind the last field of ResponseData");
	return der_end(&tbs);
}

static enum err get_certs(struct wire_reader *basic, struct parse *parse, struct ocsp_response *response)
{
	struct wire_reader list;
	if (wire_reader_left(basic) == 0) {
		return ERR_OK;
	}
	parse_at(parse, basic, "certs");
	if (der_enter_explicit(basic, DER_CONTEXT_CONSTRUCTED(0), DER_SEQUENCE, &list) != ERR_OK) {
		return ERR_MALFORMED;
	}
	for (size_t count = 0; wire_reader_left(&list) != 0; count++) {
		struct der_item item;
		if (count == X509_OCSP_CERTS_MAX) {
			return ERR_LIMIT;
		}
		if (der_expect(&list, DER_SEQUENCE, &item) != ERR_OK) {
			return ERR_MALFORMED;
		}
		enum err err = cert_parse(item.whole, &response->certs[response->cert_count], NULL);
		if (err == ERR_NOMEM) {
			return err;
		}
		response->cert_count += err == ERR_OK ? 1 : 0;
	}
	return ERR_OK;
}

static enum err get_basic(struct bytes der, struct parse *parse, struct ocsp_response *response)
{
	struct wire_reader basic;
	struct der_item tbs;
	struct bytes algorithm;
	parse->what = "BasicOCSPResponse";
	if (der_single(der, DER_SEQUENCE, &basic) != ERR_OK ||
		der_expect(&basic, DER_SEQUENCE, &tbs) != ERR_OK) {
		return ERR_MALFORMED;
	}
	response->tbs = tbs.whole;
	parse_at(parse, &basic, "signatureAlgorithm");
	if (der_value(&basic, DER_SEQUENCE, &algorithm) != ERR_OK ||
		algorithm_parse(algorithm, &response->algorithm) != ERR_OK) {
		return ERR_MALFORMED;
	}
	parse_at(parse, &basic, "signature");
	if (der_bit_octets(&basic, &response->signature) != ERR_OK) {
		return ERR_MALFORMED;
	}
	enum err err = get_certs(&basic, parse, response);
	if (err == ERR_OK) {
		parse_at(parse, &basic, "data behind the last field of BasicOCSPResponse");
		err = der_end(&basic);
	}
	return err == ERR_OK ? get_tbs(tbs.value, parse, response) : err;
}

static enum err parse_into(struct parse *parse, struct ocsp_response *response)
{
	struct wire_reader outer;
	struct wire_reader bytes;
	struct bytes type;
	struct bytes basic;
	uint32_t status = 0;
	parse->what = "OCSP response";
	if (der_single(response->der, DER_SEQUENCE, &outer) != ERR_OK) {
		return ERR_MALFORMED;
	}
	parse_at(parse, &outer, "responseStatus");
	if (der_uint(&outer, DER_ENUMERATED, &status) != ERR_OK || status > OCSP_STATUS_UNAUTHORIZED ||
		status == 4) {
		return ERR_MALFORMED;
	}
	response->status = (enum ocsp_response_status)status;
	if (status != OCSP_STATUS_SUCCESSFUL) {
		parse_at(parse, &outer, "responseBytes of a response that is not successful");
		return der_end(&outer);
	}
	parse_at(parse, &outer, "responseBytes");
	if (der_enter_explicit(&outer, DER_CONTEXT_CONSTRUCTED(0), DER_SEQUENCE, &bytes) != ERR_OK ||
		der_end(&outer) != ERR_OK || der_oid(&bytes, &type) != ERR_OK ||
		der_value(&bytes, DER_OCTET_STRING, &basic) != ERR_OK || der_end(&bytes) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (!oid_is(type, &oid_basic)) {
		parse->what = "responseType";
		return ERR_UNSUPPORTED;
	}
	return get_basic(basic, parse, response);
}

enum err ocsp_response_parse(struct bytes der, struct ocsp_response **out, struct x509_error *error)
{
	struct parse parse = {.whole = der, .what = "size"};
	*out = NULL;
	if (der.len > X509_OCSP_BYTES_MAX) {
		return parse_fail(&parse, ERR_LIMIT, error);
	}
	parse.what = "memory";
	struct ocsp_response *response = calloc(1, sizeof(*response) + der.len);
	if (response == NULL) {
		return parse_fail(&parse, ERR_NOMEM, error);
	}
	atomic_init(&response->refs, 1);
	atomic_init(&response->memo.state, 0);
	if (der.len != 0) {
		memcpy(response->bytes, der.data, der.len);
	}
	response->der = bytes_of(response->bytes, der.len);
	parse.whole = response->der;
	enum err err = parse_into(&parse, response);
	if (err != ERR_OK) {
		err = parse_fail(&parse, err, error);
		ocsp_response_unref(response);
		return err;
	}
	hash_of(HASH_SHA256, response->der, response->sha256);
	*out = response;
	return ERR_OK;
}

struct ocsp_response *ocsp_response_ref(const struct ocsp_response *response)
{
	struct ocsp_response *counted = UNCONST(struct ocsp_response, response);
	atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	return counted;
}

void ocsp_response_unref(struct ocsp_response *response)
{
	if (response == NULL || atomic_fetch_sub_explicit(&response->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	for (size_t i = 0; i < response->cert_count; i++) {
		cert_unref(response->certs[i]);
	}
	name_release(&response->responder_name);
	free(response->singles);
	free(response);
}

/* --- what it says --- */

struct bytes ocsp_response_der(const struct ocsp_response *response)
{
	return response->der;
}

const uint8_t *ocsp_response_sha256(const struct ocsp_response *response)
{
	return response->sha256;
}

enum ocsp_response_status ocsp_response_status(const struct ocsp_response *response)
{
	return response->status;
}

int64_t ocsp_response_produced_at(const struct ocsp_response *response)
{
	return response->produced_at;
}

int64_t ocsp_response_this_update(const struct ocsp_response *response)
{
	int64_t latest = 0;
	for (size_t i = 0; i < response->single_count; i++) {
		latest = i == 0 || response->singles[i].this_update > latest
				 ? response->singles[i].this_update
				 : latest;
	}
	return latest;
}

int64_t ocsp_single_until(const struct ocsp_single *single)
{
	return single->next_update != X509_NEVER ? single->next_update
						 : single->this_update + X509_OCSP_AGE_MAX_S;
}

int64_t ocsp_response_next_update(const struct ocsp_response *response)
{
	int64_t earliest = 0;
	for (size_t i = 0; i < response->single_count; i++) {
		int64_t until = ocsp_single_until(&response->singles[i]);
		earliest = i == 0 || until < earliest ? until : earliest;
	}
	return earliest;
}

size_t ocsp_response_single_count(const struct ocsp_response *response)
{
	return response->single_count;
}

struct bytes ocsp_response_nonce(const struct ocsp_response *response)
{
	return response->nonce;
}

bool ocsp_response_nonce_fits(const struct ocsp_response *response, struct bytes sent)
{
	return sent.len == 0 || !response->has_nonce || bytes_equal(response->nonce, sent);
}

struct bytes ocsp_key_octets(const struct cert *cert)
{
	struct wire_reader in;
	struct bytes algorithm;
	struct bytes key = BYTES_NONE;
	if (der_single(cert->spki, DER_SEQUENCE, &in) == ERR_OK &&
		der_value(&in, DER_SEQUENCE, &algorithm) == ERR_OK) {
		(void)!der_bit_octets(&in, &key); /* read when the certificate was parsed */
	}
	return key;
}

/* RFC 6960 4.1.1: the issuer's name as the certificate writes it, its key, and the serial number; each of them must fit. */
bool ocsp_single_is_about(
	const struct ocsp_single *single, const struct cert *cert, const struct cert *issuer)
{
	uint8_t hash[HASH_BYTES_MAX];
	if (single->hash == HASH_COUNT_ || !bytes_equal(single->serial, cert->serial)) {
		return false;
	}
	size_t len = hash_bytes(single->hash);
	hash_of(single->hash, cert->issuer.der, hash);
	if (!bytes_equal(single->name_hash, bytes_of(hash, len))) {
		return false;
	}
	hash_of(single->hash, ocsp_key_octets(issuer), hash);
	return bytes_equal(single->key_hash, bytes_of(hash, len));
}

bool ocsp_response_is_about(
	const struct ocsp_response *response, const struct cert *cert, const struct cert *issuer)
{
	for (size_t i = 0; i < response->single_count; i++) {
		if (ocsp_single_is_about(&response->singles[i], cert, issuer)) {
			return true;
		}
	}
	return false;
}

bool ocsp_response_newer(const struct ocsp_response *a, const struct ocsp_response *b)
{
	if (b == NULL) {
		return true;
	}
	int64_t of_a = ocsp_response_this_update(a);
	int64_t of_b = ocsp_response_this_update(b);
	return of_a != of_b ? of_a > of_b : a->produced_at > b->produced_at;
}
