/*
 * Goal: no address but a public one is fetched from unless an operator listed it, however it is written.
 * Every network of the table is shown at its first and last address and one beyond at each side.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "broker/fetch/fetch.h"
#include "tests/test.h"

static struct net_address address_of(const char *text)
{
	struct net_address address = {0};

	if (inet_pton(AF_INET, text, address.octets) == 1) {
		address.family = 4;
	} else if (inet_pton(AF_INET6, text, address.octets) == 1) {
		address.family = 6; /* mapped ones too, so that the rule itself must see through them */
	} else {
		REQUIRE(text, strcmp(text, "none") == 0);
	}
	return address;
}

static const struct {
	const char *address;
	enum fetch_fault want;
} kinds[] = {
	{"none", FETCH_NOT_INTERNET},
	/* RFC 791: this network */
	{"0.0.0.0", FETCH_UNSPECIFIED},
	{"0.255.255.255", FETCH_UNSPECIFIED},
	{"1.0.0.0", FETCH_OK},
	/* RFC 1918: 10/8 */
	{"9.255.255.255", FETCH_OK},
	{"10.0.0.0", FETCH_PRIVATE},
	{"10.255.255.255", FETCH_PRIVATE},
	{"11.0.0.0", FETCH_OK},
	/* RFC 6598 */
	{"100.63.255.255", FETCH_OK},
	{"100.64.0.0", FETCH_PRIVATE},
	{"100.127.255.255", FETCH_PRIVATE},
	{"100.128.0.0", FETCH_OK},
	/* RFC 1122: loopback */
	{"126.255.255.255", FETCH_OK},
	{"127.0.0.0", FETCH_LOOPBACK},
	{"127.0.0.1", FETCH_LOOPBACK},
	{"127.255.255.255", FETCH_LOOPBACK},
	{"128.0.0.0", FETCH_OK},
	/* RFC 3927 */
	{"169.253.255.255", FETCH_OK},
	{"169.254.0.0", FETCH_LINK_LOCAL},
	{"169.254.169.254", FETCH_LINK_LOCAL},
	{"169.254.255.255", FETCH_LINK_LOCAL},
	{"169.255.0.0", FETCH_OK},
	/* RFC 1918: 172.16/12 */
	{"172.15.255.255", FETCH_OK},
	{"172.16.0.0", FETCH_PRIVATE},
	{"172.31.255.255", FETCH_PRIVATE},
	{"172.32.0.0", FETCH_OK},
	/* RFC 6890, RFC 5737 */
	{"191.255.255.255", FETCH_OK},
	{"192.0.0.0", FETCH_RESERVED},
	{"192.0.0.255", FETCH_RESERVED},
	{"192.0.1.0", FETCH_OK},
	{"192.0.1.255", FETCH_OK},
	{"192.0.2.0", FETCH_RESERVED},
	{"192.0.2.255", FETCH_RESERVED},
	{"192.0.3.0", FETCH_OK},
	{"192.88.98.255", FETCH_OK},
	{"192.88.99.0", FETCH_RESERVED},
	{"192.88.99.255", FETCH_RESERVED},
	{"192.88.100.0", FETCH_OK},
	/* RFC 1918: 192.168/16 */
	{"192.167.255.255", FETCH_OK},
	{"192.168.0.0", FETCH_PRIVATE},
	{"192.168.255.255", FETCH_PRIVATE},
	{"192.169.0.0", FETCH_OK},
	/* RFC 2544, RFC 5737 */
	{"198.17.255.255", FETCH_OK},
	{"198.18.0.0", FETCH_RESERVED},
	{"198.19.255.255", FETCH_RESERVED},
	{"198.20.0.0", FETCH_OK},
	{"198.51.99.255", FETCH_OK},
	{"198.51.100.0", FETCH_RESERVED},
	{"198.51.100.255", FETCH_RESERVED},
	{"198.51.101.0", FETCH_OK},
	{"203.0.112.255", FETCH_OK},
	{"203.0.113.0", FETCH_RESERVED},
	{"203.0.113.255", FETCH_RESERVED},
	{"203.0.114.0", FETCH_OK},
	/* RFC 5771, RFC 1112, RFC 919 */
	{"223.255.255.255", FETCH_OK},
	{"224.0.0.0", FETCH_MULTICAST},
	{"239.255.255.255", FETCH_MULTICAST},
	{"240.0.0.0", FETCH_RESERVED},
	{"255.255.255.254", FETCH_RESERVED},
	{"255.255.255.255", FETCH_MULTICAST},
	{"8.8.8.8", FETCH_OK},
	/* RFC 4291 2.5.2, 2.5.3 */
	{"::", FETCH_UNSPECIFIED},
	{"::1", FETCH_LOOPBACK},
	/* RFC 4291 2.5.5.1: compatible */
	{"::2", FETCH_UNSPECIFIED},
	{"::7f00:1", FETCH_LOOPBACK},
	{"::10.1.2.3", FETCH_PRIVATE},
	{"::8.8.8.8", FETCH_OK},
	{"0:0:0:0:0:1:808:808", FETCH_RESERVED},
	/* RFC 4291 2.5.5.2: mapped */
	{"::ffff:127.0.0.1", FETCH_LOOPBACK},
	{"::ffff:10.0.0.1", FETCH_PRIVATE},
	{"::ffff:192.168.255.255", FETCH_PRIVATE},
	{"::ffff:169.254.169.254", FETCH_LINK_LOCAL},
	{"::ffff:0.0.0.0", FETCH_UNSPECIFIED},
	{"::ffff:224.0.0.1", FETCH_MULTICAST},
	{"::ffff:8.8.8.8", FETCH_OK},
	{"::fffe:8.8.8.8", FETCH_RESERVED},
	/* RFC 2765: translated */
	{"::ffff:0:127.0.0.1", FETCH_LOOPBACK},
	{"::ffff:0:8.8.8.8", FETCH_OK},
	/* RFC 6052: NAT64; RFC 8215 */
	{"64:ff9b::127.0.0.1", FETCH_LOOPBACK},
	{"64:ff9b::10.0.0.1", FETCH_PRIVATE},
	{"64:ff9b::8.8.8.8", FETCH_OK},
	{"64:ff9b:0:0:0:1:808:808", FETCH_RESERVED},
	{"64:ff9b:1::", FETCH_PRIVATE},
	{"64:ff9b:1:ffff:ffff:ffff:ffff:ffff", FETCH_PRIVATE},
	{"64:ff9b:2::", FETCH_RESERVED},
	/* RFC 6666 */
	{"100::", FETCH_RESERVED},
	{"100::ffff:ffff:ffff:ffff", FETCH_RESERVED},
	/* RFC 4291 2.5.4: what was handed out */
	{"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_RESERVED},
	{"2000::", FETCH_OK},
	{"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_OK},
	{"4000::", FETCH_RESERVED},
	/* RFC 2928 */
	{"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_OK},
	{"2001::", FETCH_RESERVED},
	{"2001:0:7f00:1::", FETCH_RESERVED},
	{"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_RESERVED},
	{"2001:200::", FETCH_OK},
	/* RFC 3849, RFC 9637 */
	{"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_OK},
	{"2001:db8::", FETCH_RESERVED},
	{"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_RESERVED},
	{"2001:db9::", FETCH_OK},
	{"3fff::", FETCH_RESERVED},
	{"3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_RESERVED},
	{"3fff:1000::", FETCH_OK},
	/* RFC 3056: 6to4 */
	{"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_OK},
	{"2002:7f00:1::1", FETCH_LOOPBACK},
	{"2002:a00:1::", FETCH_PRIVATE},
	{"2002:c0a8:ffff::", FETCH_PRIVATE},
	{"2002:808:808::", FETCH_OK},
	{"2003::", FETCH_OK},
	/* RFC 4193 */
	{"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_RESERVED},
	{"fc00::", FETCH_PRIVATE},
	{"fd12:3456::1", FETCH_PRIVATE},
	{"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_PRIVATE},
	{"fe00::", FETCH_RESERVED},
	/* RFC 4291 2.5.6, RFC 3879, RFC 4291 2.7 */
	{"fe7f:ffff::", FETCH_RESERVED},
	{"fe80::", FETCH_LINK_LOCAL},
	{"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_LINK_LOCAL},
	{"fec0::", FETCH_PRIVATE},
	{"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_PRIVATE},
	{"ff00::", FETCH_MULTICAST},
	{"ff02::1", FETCH_MULTICAST},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", FETCH_MULTICAST},
	{"2606:4700::1111", FETCH_OK},
};

static void test_kinds(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		struct net_address address = address_of(kinds[i].address);

		CHECK(kinds[i].address, fetch_address_kind(&address) == kinds[i].want);
		/* Without a list the whole rule is the kind. */
		CHECK(kinds[i].address,
			fetch_address_allowed(NULL, "host.test", 80, &address) == kinds[i].want);
	}
}

static const char *const listed[] = {
	"crl.plant.test",
	"OCSP.Plant.Test.:8080",
	"10.1.0.0/16",
	"192.168.7.9",
	"192.168.7.10:8081",
	"fd12::/32",
	"[fd99::5]:80",
	"fd99::6",
	"[fd99::7]",
	"0.0.0.0/0",
};
/* The last entry is only for the rows that say so. */
#define LISTED_COUNT (ARRAY_COUNT(listed) - 1)

static const struct {
	const char *name, *host;
	uint16_t port;
	const char *address;
	enum fetch_fault want;
} rules[] = {
	{"public, not listed", "www.test", 80, "8.8.8.8", FETCH_OK},
	{"a listed host may be private", "crl.plant.test", 80, "10.9.9.9", FETCH_OK},
	{"at any port", "crl.plant.test", 9999, "127.0.0.1", FETCH_OK},
	{"a host below it is another", "x.crl.plant.test", 80, "10.9.9.9", FETCH_PRIVATE},
	{"a host that ends alike", "evilcrl.plant.test", 80, "10.9.9.9", FETCH_PRIVATE},
	{"a host that begins alike", "crl.plant.test.evil", 80, "10.9.9.9", FETCH_PRIVATE},
	{"a listed host has no multicast address", "crl.plant.test", 80, "224.0.0.1", FETCH_MULTICAST},
	{"nor none at all", "crl.plant.test", 80, "0.0.0.0", FETCH_UNSPECIFIED},
	{"nor ::", "crl.plant.test", 80, "::", FETCH_UNSPECIFIED},
	{"nor a socket of another kind", "crl.plant.test", 80, "none", FETCH_NOT_INTERNET},
	{"a listed host and port", "ocsp.plant.test", 8080, "10.9.9.9", FETCH_OK},
	{"another port", "ocsp.plant.test", 80, "10.9.9.9", FETCH_PRIVATE},
	{"a listed network, any host", "evil.test", 80, "10.1.255.255", FETCH_OK},
	{"one beyond it", "evil.test", 80, "10.2.0.0", FETCH_PRIVATE},
	{"one before it", "evil.test", 80, "10.0.255.255", FETCH_PRIVATE},
	{"a listed address", "evil.test", 1, "192.168.7.9", FETCH_OK},
	{"its neighbour", "evil.test", 1, "192.168.7.8", FETCH_PRIVATE},
	{"a listed address and port", "evil.test", 8081, "192.168.7.10", FETCH_OK},
	{"its other port", "evil.test", 8080, "192.168.7.10", FETCH_PRIVATE},
	{"a listed IPv6 network", "evil.test", 80, "fd12:0:1::1", FETCH_OK},
	{"one beyond that", "evil.test", 80, "fd12:1::1", FETCH_PRIVATE},
	{"IPv6 and port", "evil.test", 80, "fd99::5", FETCH_OK},
	{"IPv6 and other port", "evil.test", 81, "fd99::5", FETCH_PRIVATE},
	{"IPv6 without brackets", "evil.test", 81, "fd99::6", FETCH_OK},
	{"IPv6 in brackets without port", "evil.test", 81, "fd99::7", FETCH_OK},
	{"an IPv4 network lists no 6to4 address", "evil.test", 80, "2002:a01:1::", FETCH_PRIVATE},
	{"a name that looks like an address", "192.168.7.9", 80, "10.9.9.9", FETCH_PRIVATE},
};

static void test_rules(void)
{
	struct fetch_list *list = NULL;
	struct fetch_list *all = NULL;
	struct fetch_error error = {0};

	REQUIRE("list", fetch_list_new(listed, LISTED_COUNT, &list, &error) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		struct net_address address = address_of(rules[i].address);

		CHECK(rules[i].name,
			fetch_address_allowed(list, rules[i].host, rules[i].port, &address) == rules[i].want);
	}
	REQUIRE("list of all", fetch_list_new(listed, ARRAY_COUNT(listed), &all, &error) == ERR_OK);
	struct net_address loopback = address_of("127.0.0.1");
	struct net_address none = address_of("0.0.0.0");
	struct net_address loopback6 = address_of("::1");

	CHECK("/0 lists every address", fetch_address_allowed(all, "evil.test", 80, &loopback) == FETCH_OK);
	CHECK("but those of no server",
		fetch_address_allowed(all, "evil.test", 80, &none) == FETCH_UNSPECIFIED);
	CHECK("and of its family", fetch_address_allowed(all, "evil.test", 80, &loopback6) == FETCH_LOOPBACK);
	fetch_list_unref(fetch_list_ref(all));
	fetch_list_unref(all);
	fetch_list_unref(list);
	fetch_list_unref(NULL);
}

static const struct {
	const char *entry;
	enum err want;
} entries[] = {
	{"host", ERR_OK},
	{"host:1", ERR_OK},
	{"host:65535", ERR_OK},
	{"host:0", ERR_INVALID},
	{"host:65536", ERR_INVALID},
	{"host:", ERR_INVALID},
	{"host:8o", ERR_INVALID},
	{"host:+80", ERR_INVALID},
	{"", ERR_INVALID},
	{".", ERR_INVALID},
	{".host", ERR_INVALID},
	{"a..b", ERR_INVALID},
	{"*.host", ERR_INVALID},
	{"10.0.0.256", ERR_INVALID},
	{"host.1", ERR_INVALID},
	{"host.1x", ERR_OK},
	{"host.0x1f", ERR_INVALID},
	{"host.0x", ERR_INVALID},
	{"host.0x1g", ERR_OK},
	{"12", ERR_INVALID},
	{"http://host", ERR_INVALID},
	{"ho st", ERR_INVALID},
	{"10.0.0.0/8", ERR_OK},
	{"10.0.0.1/8", ERR_INVALID},
	{"10.0.0.0/33", ERR_INVALID},
	{"10.0.0.0/", ERR_INVALID},
	{"10.0.0.0/-1", ERR_INVALID},
	{"10.0.0.0/8:80", ERR_INVALID},
	{"host/8", ERR_INVALID},
	{"/8", ERR_INVALID},
	{"0.0.0.0/0", ERR_OK},
	{"10.0.0.1/32", ERR_OK},
	{"fd00::/8", ERR_OK},
	{"fd00::1/8", ERR_INVALID},
	{"::/0", ERR_OK},
	{"::1/128", ERR_OK},
	{"::1/129", ERR_INVALID},
	{"[::1]", ERR_OK},
	{"[::1]:80", ERR_OK},
	{"[::1]80", ERR_INVALID},
	{"[::1", ERR_INVALID},
	{"[]:80", ERR_INVALID},
	{"[10.0.0.1]:80", ERR_INVALID},
	{"[host]:80", ERR_INVALID},
	{"::ffff:10.0.0.1", ERR_OK},
};

static void test_entries(void)
{
	char name[FETCH_HOST_BYTES_MAX + 2];
	const char *long_name[] = {name};
	const char *many[FETCH_LISTED_MAX + 1];
	struct fetch_error error;

	for (size_t i = 0; i < ARRAY_COUNT(entries); i++) {
		struct fetch_list *list = NULL;

		error = (struct fetch_error){0};
		CHECK(entries[i].entry,
			fetch_list_new(&entries[i].entry, 1, &list, &error) == entries[i].want);
		CHECK(entries[i].entry, (list != NULL) == (entries[i].want == ERR_OK));
		CHECK(entries[i].entry, (error.sentence[0] != '\0') == (entries[i].want != ERR_OK));
		fetch_list_unref(list);
	}
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	struct fetch_list *list = NULL;

	CHECK("a name of max + 1", fetch_list_new(long_name, 1, &list, &error) == ERR_INVALID);
	name[FETCH_HOST_BYTES_MAX] = '\0';
	CHECK("a name of max", fetch_list_new(long_name, 1, &list, &error) == ERR_OK);
	fetch_list_unref(list);
	for (size_t i = 0; i < ARRAY_COUNT(many); i++) {
		many[i] = "host";
	}
	CHECK("max + 1 entries", fetch_list_new(many, ARRAY_COUNT(many), &list, &error) == ERR_LIMIT);
	CHECK("max entries", fetch_list_new(many, FETCH_LISTED_MAX, &list, &error) == ERR_OK);
	fetch_list_unref(list);
	struct net_address mapped = address_of("10.0.0.1");
	const char *one[] = {"::ffff:10.0.0.1"};

	REQUIRE("list", fetch_list_new(one, 1, &list, &error) == ERR_OK);
	CHECK("mapped is IPv4", fetch_address_allowed(list, "x", 80, &mapped) == FETCH_OK);
	fetch_list_unref(list);
}

static const struct {
	const char *url, *host;
	uint16_t port;
	bool tls;
	enum fetch_fault want;
} urls[] = {
	{"http://host", "host", 80, false, FETCH_OK},
	{"http://host/", "host", 80, false, FETCH_OK},
	{"HTTP://Host.Example./a?b#c", "host.example", 80, false, FETCH_OK},
	{"https://host/", "host", 443, true, FETCH_OK},
	{"http://host:8080/a", "host", 8080, false, FETCH_OK},
	{"http://host:443/", "host", 443, false, FETCH_OK},
	{"http://10.0.0.1/", "10.0.0.1", 80, false, FETCH_OK},
	{"http://[::1]:81/", "::1", 81, false, FETCH_OK},
	{"http://[FD00::AbCd]/", "fd00::abcd", 80, false, FETCH_OK},
	{"http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", 80, false, FETCH_OK},
	/* Other ways to write 127.0.0.1: seen as what they are. */
	{"http://2130706433/", "127.0.0.1", 80, false, FETCH_OK},
	{"http://0x7f.1/", "127.0.0.1", 80, false, FETCH_OK},
	{"http://0177.0.0.1/", "127.0.0.1", 80, false, FETCH_OK},
	{"http://127.1/", "127.0.0.1", 80, false, FETCH_OK},
	{"http://127.0.0.1./", "127.0.0.1", 80, false, FETCH_OK},
	{"http://1./", "", 0, false, FETCH_URL},
	{"http://127.1./", "", 0, false, FETCH_URL},
	{"http://0x7f000001./", "", 0, false, FETCH_URL},
	{"http://1.2.3.4.5/", "", 0, false, FETCH_URL},
	{"http://256.256.256.256/", "", 0, false, FETCH_URL},
	{"", "", 0, false, FETCH_URL},
	{"host", "", 0, false, FETCH_SCHEME},
	{"//host/", "", 0, false, FETCH_SCHEME},
	{"http:host", "", 0, false, FETCH_SCHEME},
	{"http:/host/", "", 0, false, FETCH_SCHEME},
	{"http://", "", 0, false, FETCH_URL},
	{"http:///path", "", 0, false, FETCH_URL},
	{"http://:80/", "", 0, false, FETCH_URL},
	{"ftp://host/", "", 0, false, FETCH_SCHEME},
	{"file:///etc/passwd", "", 0, false, FETCH_SCHEME},
	{"ldap://host/cn=x", "", 0, false, FETCH_SCHEME},
	{"gopher://host/", "", 0, false, FETCH_SCHEME},
	{"httpx://host/", "", 0, false, FETCH_SCHEME},
	{"http://user@host/", "", 0, false, FETCH_URL},
	{"http://user:pw@host/", "", 0, false, FETCH_URL},
	{"http://@host/", "", 0, false, FETCH_URL},
	{"http://a@b@host/", "", 0, false, FETCH_URL},
	{"http://host:0/", "", 0, false, FETCH_URL},
	{"http://host:65536/", "", 0, false, FETCH_URL},
	{"http://host:-1/", "", 0, false, FETCH_URL},
	{"http://host:80x/", "", 0, false, FETCH_URL},
	{"http://[::1/", "", 0, false, FETCH_URL},
	{"http://[fe80::1%25eth0]/", "", 0, false, FETCH_URL},
	{"http://[v1.x]/", "", 0, false, FETCH_URL},
	{"http://ho st/", "", 0, false, FETCH_URL},
	{"http://host/a b", "", 0, false, FETCH_URL},
	{"http://host/\r\nX: y", "", 0, false, FETCH_URL},
	{"http://host/\t", "", 0, false, FETCH_URL},
	{"http://host/\x7f", "", 0, false, FETCH_URL},
	{"http://host/\xc3\xb6", "", 0, false, FETCH_URL},
	{"http://host/a\\b", "", 0, false, FETCH_URL},
	{"http://host\\@evil/", "", 0, false, FETCH_URL},
	{"http://h\xc3\xb6st/", "", 0, false, FETCH_URL},
	{"http://ho%73t/", "host", 80, false, FETCH_OK},
	{"http://ho%0ast/", "", 0, false, FETCH_URL},
	{"http://ho%2fst/", "", 0, false, FETCH_URL},
	{"http://a..b/", "", 0, false, FETCH_URL},
	{"http://ho;st/", "", 0, false, FETCH_URL},
	{"http://ho*st/", "", 0, false, FETCH_URL},
};

static void test_urls(void)
{
	char text[FETCH_URL_BYTES_MAX + 2] = "http://host/";
	struct fetch_url url;
	struct fetch_error error;

	for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
		memset(&url, 0x55, sizeof(url));
		error = (struct fetch_error){0};
		enum err err = fetch_url_parse(urls[i].url, &url, &error);

		CHECK(urls[i].url, (err == ERR_OK) == (urls[i].want == FETCH_OK));
		CHECK(urls[i].url, error.fault == urls[i].want);
		if (err == ERR_OK && urls[i].want == FETCH_OK) {
			CHECK(urls[i].url, strcmp(url.host, urls[i].host) == 0);
			CHECK(urls[i].url, url.port == urls[i].port);
			CHECK(urls[i].url, url.tls == urls[i].tls);
		}
	}
	memset(text + strlen(text), 'a', sizeof(text) - 1 - strlen(text));
	text[sizeof(text) - 1] = '\0';
	CHECK("a URL of max + 1", fetch_url_parse(text, &url, &error) == ERR_INVALID);
	text[FETCH_URL_BYTES_MAX] = '\0';
	CHECK("a URL of max", fetch_url_parse(text, &url, &error) == ERR_OK);
}

static void test_names_of_faults(void)
{
	for (int i = 0; i < FETCH_FAULT_COUNT_; i++) {
		for (int j = 0; j < i; j++) {
			CHECK(fetch_fault_name((enum fetch_fault)i),
				strcmp(fetch_fault_name((enum fetch_fault)i),
					fetch_fault_name((enum fetch_fault)j)) != 0);
		}
	}
	CHECK("refusal", fetch_fault_is_refusal(FETCH_LOOPBACK) && fetch_fault_is_refusal(FETCH_NO_CAFILE));
	CHECK("failure", !fetch_fault_is_refusal(FETCH_OK) && !fetch_fault_is_refusal(FETCH_TIMEOUT));
}

static void test_memory(void)
{
	unsigned long n = 0;

	for (n = 1;; n++) {
		struct fetch_list *list = NULL;
		struct fetch_error error = {0};

		test_alloc_fail_at(n);
		enum err err = fetch_list_new(listed, LISTED_COUNT, &list, &error);
		bool failed = test_alloc_failed();

		test_alloc_fail_at(0);
		CHECK("list without memory",
			failed == (err == ERR_NOMEM) && (list != NULL) == (err == ERR_OK));
		fetch_list_unref(list);
		if (!failed) {
			break;
		}
	}
	CHECK("it did allocate", n > 1);
}

int main(void)
{
	test_kinds();
	test_rules();
	test_entries();
	test_urls();
	test_names_of_faults();
	test_memory();
	return test_result();
}
