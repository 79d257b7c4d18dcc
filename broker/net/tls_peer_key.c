/*
 * tls_peer_key.c - walks to a certificate's RSA exponent; see tls_peer_key.h.
 * Owns:    nothing.
 * Never:   allocates; looks at more than it has to pass by.
 * Threads: any; pure.
 */
#include "broker/net/tls_peer_key.h"

#include <string.h>

#include "base/wire.h"

enum { TAG_INTEGER = 0x02, TAG_BIT_STRING = 0x03, TAG_OID = 0x06, TAG_SEQUENCE = 0x30, TAG_VERSION = 0xa0 };

#define LENGTH_OCTETS_MAX 4u

/* X.690 8.1.3, definite lengths only; a long form may be longer than it needs to be. */
static bool enter(struct wire_reader *in, uint8_t tag, struct wire_reader *out)
{
	uint8_t seen = 0, first = 0;
	uint64_t len = 0;
	if (wire_get_u8(in, &seen) != ERR_OK || seen != tag || wire_get_u8(in, &first) != ERR_OK) {
		return false;
	}
	unsigned octets = first < 0x80 ? 0 : first & 0x7fu;
	len = first < 0x80 ? first : 0;
	if (first == 0x80 || octets > LENGTH_OCTETS_MAX) {
		return false;
	}
	for (unsigned i = 0; i < octets; i++) {
		uint8_t octet = 0;
		if (wire_get_u8(in, &octet) != ERR_OK) {
			return false;
		}
		len = len << 8 | octet;
	}
	return len <= wire_reader_left(in) && wire_get_child(in, (size_t)len, out) == ERR_OK;
}

/* To subjectPublicKeyInfo (RFC 5280 4.1). */
static bool find_key(struct bytes der, struct wire_reader *info)
{
	static const uint8_t before[] = {TAG_INTEGER, TAG_SEQUENCE, TAG_SEQUENCE, TAG_SEQUENCE, TAG_SEQUENCE};
	struct wire_reader whole = wire_reader_init(der);
	struct wire_reader cert, tbs, field;
	uint8_t next = 0;
	if (!enter(&whole, TAG_SEQUENCE, &cert) || !enter(&cert, TAG_SEQUENCE, &tbs)) {
		return false;
	}
	if (wire_peek_u8(&tbs, &next) == ERR_OK && next == TAG_VERSION && !enter(&tbs, TAG_VERSION, &field)) {
		return false;
	}
	for (size_t i = 0; i < sizeof(before); i++) {
		if (!enter(&tbs, before[i], &field)) {
			return false;
		}
	}
	return enter(&tbs, TAG_SEQUENCE, info);
}

/* pkcs-1 (RFC 8017 C) and all below it: rsaEncryption, id-RSASSA-PSS. */
static bool is_rsa(struct bytes oid)
{
	static const uint8_t pkcs_1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01};
	return oid.len > sizeof(pkcs_1) && memcmp(oid.data, pkcs_1, sizeof(pkcs_1)) == 0;
}

enum tls_peer_key tls_peer_key_look(struct bytes der)
{
	struct wire_reader info, algorithm, oid, bits, numbers, modulus, exponent;
	uint8_t unused = 0;
	if (!find_key(der, &info) || !enter(&info, TAG_SEQUENCE, &algorithm) ||
		!enter(&algorithm, TAG_OID, &oid)) {
		return TLS_PEER_KEY_UNREADABLE;
	}
	if (!is_rsa(wire_reader_rest(&oid))) {
		return TLS_PEER_KEY_BEARABLE;
	}
	if (!enter(&info, TAG_BIT_STRING, &bits) || wire_get_u8(&bits, &unused) != ERR_OK ||
		!enter(&bits, TAG_SEQUENCE, &numbers) || !enter(&numbers, TAG_INTEGER, &modulus) ||
		!enter(&numbers, TAG_INTEGER, &exponent)) {
		return TLS_PEER_KEY_UNREADABLE;
	}
	return wire_reader_left(&exponent) > TLS_PEER_EXPONENT_BYTES_MAX ? TLS_PEER_KEY_COSTLY
									 : TLS_PEER_KEY_BEARABLE;
}
