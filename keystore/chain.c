/*
 * chain.c - which certificates of a file belong behind a leaf, and in what order.
 * Owns:    nothing.
 * Never:   judges: names and key identifiers only; whether a chain holds is for x509.
 * Threads: any.
 */
#include "keystore/store.h"

/* Beyond this many certificates only names that are equal octet by octet are found. */
#define CHAIN_LOOSE_NAMES_MAX 512u

static struct bytes subject_key_id(const struct cert *cert)
{
	bool critical = false;
	struct bytes id = BYTES_NONE;
	struct wire_reader reader = wire_reader_init(cert_extension(cert, "2.5.29.14", &critical));
	return tlv_get(&reader, TLV_OCTETS, &id) == ERR_OK ? id : BYTES_NONE;
}

static struct bytes authority_key_id(const struct cert *cert)
{
	bool critical = false;
	struct bytes id = BYTES_NONE;
	struct wire_reader fields = {0};
	struct wire_reader reader = wire_reader_init(cert_extension(cert, "2.5.29.35", &critical));
	if (tlv_enter(&reader, TLV_SEQUENCE, &fields) != ERR_OK ||
		tlv_get(&fields, TLV_CONTEXT_0, &id) != ERR_OK) {
		return BYTES_NONE;
	}
	return id;
}

/* How well the key identifiers speak for this issuer: 2 equal, 1 silent, 0 against. */
static unsigned key_id_score(const struct cert *issuer, struct bytes wanted)
{
	struct bytes own = subject_key_id(issuer);
	if (own.len == 0 || wanted.len == 0) {
		return 1;
	}
	return bytes_equal(own, wanted) ? 2 : 0;
}

static bool names_match(const struct cert *issuer, const struct cert *cert, bool loose)
{
	struct bytes subject = cert_subject_der(issuer);
	struct bytes wanted = cert_issuer_der(cert);
	return loose ? x509_name_equal(subject, wanted) : bytes_equal(subject, wanted);
}

static bool in_chain(const size_t *indices, size_t length, size_t index)
{
	for (size_t i = 0; i < length; i++) {
		if (indices[i] == index) {
			return true;
		}
	}
	return false;
}

static bool issuer_find(const struct chain_candidate *candidates, size_t count, const size_t *indices,
	size_t length, bool loose, size_t *out)
{
	const struct cert *cert = candidates[indices[length - 1]].cert;
	struct bytes wanted = authority_key_id(cert);
	unsigned best = 0;
	bool found = false;
	for (size_t i = 0; i < count; i++) {
		const struct chain_candidate *candidate = &candidates[i];
		if (candidate->cert == NULL || !names_match(candidate->cert, cert, loose) ||
			in_chain(indices, length, i) ||
			(candidate->trusted && cert_is_self_issued(candidate->cert))) {
			continue;
		}
		unsigned score = 1 + key_id_score(candidate->cert, wanted);
		if (score > best) {
			best = score;
			*out = i;
			found = true;
		}
	}
	return found;
}

enum err chain_order(
	const struct chain_candidate *candidates, size_t count, size_t leaf, size_t *indices, size_t *length)
{
	size_t at = 0;
	indices[at++] = leaf;
	while (!cert_is_self_issued(candidates[indices[at - 1]].cert)) {
		size_t issuer = 0;
		bool found = issuer_find(candidates, count, indices, at, false, &issuer);
		if (!found && count <= CHAIN_LOOSE_NAMES_MAX) {
			found = issuer_find(candidates, count, indices, at, true, &issuer);
		}
		if (!found) {
			break;
		}
		if (at == KEYSTORE_CHAIN_CERTS_MAX) {
			return ERR_LIMIT;
		}
		indices[at++] = issuer;
	}
	*length = at;
	return ERR_OK;
}
