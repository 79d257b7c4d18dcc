/*
 * host.c - is a certificate for this server name (RFC 9525, RFC 6125)?
 * Owns:    nothing.
 * Never:   looks at a common name; lets a wildcard stand for more or less than the whole left-most label.
 * Threads: any.
 *
 * An address is compared with iPAddress names, octet by octet, and with nothing else. A host name is compared with dNSName
 * names, letters folded as ASCII: internationalised names are asked for as A-labels (RFC 9525 6.3). "*.example.com" stands
 * for one label before example.com; what is left must have two labels, so that nobody is certified for a whole top-level
 * domain.
 */
#include <arpa/inet.h>
#include <string.h>

#include "x509/policy.h"

#define ADDRESS_OCTETS_MAX 16u

struct reference {
	uint8_t address[ADDRESS_OCTETS_MAX];
	size_t address_len; /* 0: it is a host name */
	struct bytes host;
};

static bool reference_parse(const char *name, struct reference *out)
{
	*out = (struct reference){.host = bytes_text(name)};
	if (inet_pton(AF_INET, name, out->address) == 1) {
		out->address_len = 4;
		return true;
	}
	if (inet_pton(AF_INET6, name, out->address) == 1) {
		out->address_len = 16;
		return true;
	}
	if (out->host.len > 1 && out->host.data[out->host.len - 1] == '.') {
		out->host.len--; /* the root's dot, which no certificate has */
	}
	return host_name_valid(out->host);
}

bool x509_host_valid(const char *name)
{
	struct reference reference;
	return reference_parse(name, &reference);
}

bool host_is_address(const char *name)
{
	struct reference reference;
	return reference_parse(name, &reference) && reference.address_len != 0;
}

/* What stands behind the first dot; empty: nothing. */
static struct bytes parent_of(struct bytes name)
{
	const uint8_t *dot = name.len == 0 ? NULL : memchr(name.data, '.', name.len);
	return dot == NULL ? BYTES_NONE : bytes_of(dot + 1, name.len - (size_t)(dot - name.data) - 1);
}

static bool dns_matches(struct bytes presented, struct bytes host)
{
	if (presented.len < 2 || presented.data[0] != '*' || presented.data[1] != '.') {
		return host_name_valid(presented) && host_equal_folded(presented, host);
	}
	struct bytes below = bytes_of(presented.data + 2, presented.len - 2);
	return host_name_valid(below) && parent_of(below).len != 0 &&
	       host_equal_folded(below, parent_of(host));
}

bool x509_host_matches(const struct cert *cert, const char *name)
{
	struct reference reference;
	if (!reference_parse(name, &reference)) {
		return false;
	}
	for (size_t i = 0; i < cert_san_count(cert); i++) {
		struct bytes value;
		enum san_kind kind = cert_san(cert, i, &value);
		if (reference.address_len != 0
				? kind == SAN_IP && bytes_equal(value, bytes_of(reference.address,
									       reference.address_len))
				: kind == SAN_DNS && dns_matches(value, reference.host)) {
			return true;
		}
	}
	return false;
}
