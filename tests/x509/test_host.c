/*
 * test_host.c - RFC 9525 (and 6125): which server names a certificate is for.
 * Goal:    one row per rule, the refusal beside each match; names that are no names match nothing.
 */
#include "tests/x509/pki.h"

#include <string.h>

static const struct {
	const char *row, *dns, *ip, *name;
	bool matches;
} rows[] = {
	{"6.3 the same name", "a.example.com", NULL, "a.example.com", true},
	{"6.3 letters are folded", "A.Example.com", NULL, "a.eXAMPLE.COM", true},
	{"the root's dot is not part of it", "a.example.com", NULL, "a.example.com.", true},
	{"another name", "a.example.com", NULL, "b.example.com", false},
	{"a name above", "a.example.com", NULL, "example.com", false},
	{"a name below", "example.com", NULL, "a.example.com", false},
	{"an end in common", "xexample.com", NULL, "example.com", false},
	{"6.3 a wildcard stands for one label", "*.example.com", NULL, "a.example.com", true},
	{"6.3 not for two", "*.example.com", NULL, "b.a.example.com", false},
	{"6.3 not for none", "*.example.com", NULL, "example.com", false},
	{"6.3 only whole", "a*.example.com", NULL, "ab.example.com", false},
	{"6.3 only whole, at the end", "*a.example.com", NULL, "ba.example.com", false},
	{"6.3 only left-most", "a.*.example.com", NULL, "a.b.example.com", false},
	{"6.3 only once", "*.*.example.com", NULL, "a.b.example.com", false},
	{"not for a top-level domain", "*.com", NULL, "example.com", false},
	{"a wildcard alone", "*", NULL, "example", false},
	{"a wildcard is asked for", "*.example.com", NULL, "*.example.com", false},
	{"6.3 an A-label below a wildcard", "*.example.com", NULL, "xn--bcher-kva.example.com", true},
	{"6.4 an address", NULL, "192.0.2.7", "192.0.2.7", true},
	{"6.4 another address", NULL, "192.0.2.7", "192.0.2.8", false},
	{"6.4 an IPv6 address, in another spelling", NULL, "2001:db8::1", "2001:DB8:0:0::1", true},
	{"6.4 another IPv6 address", NULL, "2001:db8::1", "2001:db8::2", false},
	{"6.4 an IPv4 address is no IPv6 address", NULL, "192.0.2.7", "::ffff:192.0.2.7", false},
	{"6.4 an address is not found among host names", "192.0.2.7", NULL, "192.0.2.7", false},
	{"no name at all", NULL, NULL, "example.com", false},
	{"6.2 the common name is not looked at", NULL, NULL, "device.example.com", false},
	{"what is no name: empty", "a.example.com", NULL, "", false},
	{"what is no name: a dot", "a.example.com", NULL, ".", false},
	{"what is no name: an empty label", "a..example.com", NULL, "a..example.com", false},
	{"what is no name: a blank", "a.example.com", NULL, "a.example.com ", false},
	{"what is no name: not ASCII", "b\xc3\xbc.example", NULL, "b\xc3\xbc.example", false},
};

int main(void)
{
	pki_init();
	struct pki root = pki_root("Root");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		bool ascii = rows[i].dns == NULL || strchr(rows[i].dns, '\xc3') == NULL;
		struct x509_make make = {.path_length = -1,
			.server_auth = true,
			.dns = &rows[i].dns,
			.dns_count = rows[i].dns != NULL && ascii ? 1 : 0,
			.ip = &rows[i].ip,
			.ip_count = rows[i].ip != NULL ? 1 : 0};
		struct pki leaf = pki_make(&root, &make, "device.example.com", NULL);
		CHECK(rows[i].row, x509_host_matches(leaf.cert, rows[i].name) == rows[i].matches);
		CHECK(rows[i].row, !rows[i].matches || x509_host_valid(rows[i].name));
		pki_free(&leaf);
	}
	pki_free(&root);
	crypto_cleanup();
	return test_result();
}
