/*
 * der_oid.c - object identifiers between content octets and dotted text.
 * Owns:    nothing.
 * Never:   allocates.
 * Threads: any.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "x509/der.h"

#define ARC_MAX (UINT64_MAX >> 8) /* arcs beyond this have no text form here (UUID arcs are 128 bits) */

static enum err append_arc(char *out, size_t *used, uint64_t arc)
{
	int n = snprintf(
		out + *used, DER_OID_TEXT_BYTES_MAX - *used, *used == 0 ? "%" PRIu64 : ".%" PRIu64, arc);
	if (n < 0 || (size_t)n >= DER_OID_TEXT_BYTES_MAX - *used) {
		return ERR_LIMIT;
	}
	*used += (size_t)n;
	return ERR_OK;
}

enum err der_oid_text(struct bytes content, char out[DER_OID_TEXT_BYTES_MAX])
{
	if (der_check_oid(content) != ERR_OK) {
		return ERR_MALFORMED;
	}
	struct wire_reader in = wire_reader_init(content);
	size_t used = 0;
	uint64_t arc = 0;
	bool first = true;
	uint8_t octet = 0;
	while (wire_get_u8(&in, &octet) == ERR_OK) {
		if (arc > ARC_MAX) {
			return ERR_LIMIT;
		}
		arc = (arc << 7) | (octet & 0x7fu);
		if (octet & 0x80u) {
			continue;
		}
		enum err err = ERR_OK;
		if (first) {
			uint64_t root = arc < 40 ? 0 : arc < 80 ? 1 : 2;
			err = append_arc(out, &used, root);
			arc -= root * 40;
			first = false;
		}
		if (err == ERR_OK) {
			err = append_arc(out, &used, arc);
		}
		if (err != ERR_OK) {
			return err;
		}
		arc = 0;
	}
	return ERR_OK;
}

static enum err parse_arc(const char **text, uint64_t *out)
{
	const char *at = *text;
	uint64_t arc = 0;
	if (*at < '0' || *at > '9' || (*at == '0' && at[1] >= '0' && at[1] <= '9')) {
		return ERR_INVALID;
	}
	for (; *at >= '0' && *at <= '9'; at++) {
		if (arc > UINT32_MAX) {
			return ERR_INVALID;
		}
		arc = arc * 10 + (uint64_t)(*at - '0');
	}
	*text = at;
	*out = arc;
	return ERR_OK;
}

static enum err put_arc(uint8_t *out, size_t *len, uint64_t arc)
{
	unsigned groups = 1;
	for (uint64_t rest = arc >> 7; rest != 0; rest >>= 7) {
		groups++;
	}
	if (*len + groups > DER_OID_BYTES_MAX) {
		return ERR_INVALID;
	}
	for (unsigned i = groups; i-- > 0;) {
		out[(*len)++] = (uint8_t)(((arc >> (7 * i)) & 0x7fu) | (i != 0 ? 0x80u : 0u));
	}
	return ERR_OK;
}

enum err der_oid_parse(const char *text, uint8_t out[DER_OID_BYTES_MAX], size_t *len)
{
	uint64_t root = 0;
	uint64_t second = 0;
	size_t used = 0;
	if (parse_arc(&text, &root) != ERR_OK || root > 2 || *text++ != '.' ||
		parse_arc(&text, &second) != ERR_OK || (root < 2 && second > 39)) {
		return ERR_INVALID;
	}
	enum err err = put_arc(out, &used, root * 40 + second);
	while (err == ERR_OK && *text != '\0') {
		uint64_t arc = 0;
		if (*text++ != '.' || parse_arc(&text, &arc) != ERR_OK) {
			return ERR_INVALID;
		}
		err = put_arc(out, &used, arc);
	}
	if (err == ERR_OK) {
		*len = used;
	}
	return err;
}
