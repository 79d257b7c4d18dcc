/*
 * test_address.c - addresses, address patterns and their precedence (mq-semantics 3.6).
 * Owns:    nothing.
 * Never:   resolves a name.
 * Threads: one.
 */
#include <string.h>

#include "auth/auth.h"
#include "tests/test.h"

static const struct {
	const char *row, *text, *want; /* want NULL: refused */
} addresses[] = {
	{"IPv4", "192.0.2.1", "192.0.2.1"},
	{"IPv6, shortened in print", "2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
	{"IPv4-mapped IPv6 is IPv4", "::ffff:192.0.2.1", "192.0.2.1"},
	{"IPv4-mapped IPv6 in hexadecimal", "::FFFF:c000:0201", "192.0.2.1"},
	{"IPv4-compatible is not mapped", "::192.0.2.1", "::192.0.2.1"},
	{"part too large", "192.0.2.256", NULL},
	{"too few parts", "192.0.2", NULL},
	{"leading zero", "192.0.2.01", NULL},
	{"zone", "fe80::1%eth0", NULL},
	{"wildcard", "192.0.2.*", NULL},
	{"host name", "localhost", NULL},
	{"empty", "", NULL},
	{"trailing blank", "192.0.2.1 ", NULL},
};

static const struct {
	const char *row, *pattern;
	enum err want;
	const char *yes[3], *no[3];
} patterns[] = {
	{"3.6 single IPv4", "192.0.2.0", ERR_OK, {"192.0.2.0"}, {"192.0.2.1", "::1"}},
	{"3.6 single IPv6", "2001:DB8:0:0:0:0:0:0", ERR_OK, {"2001:db8::"}, {"2001:db8::1", "32.1.13.184"}},
	{"3.6 last part any", "192.0.2.*", ERR_OK, {"192.0.2.0", "192.0.2.255"}, {"192.0.3.0"}},
	{"3.6 last parts any", "192.0.*", ERR_OK, {"192.0.2.0", "192.0.9.9"}, {"192.1.0.0"}},
	{"3.6 one part any", "192.0.*.2", ERR_OK, {"192.0.7.2"}, {"192.0.7.3", "192.1.7.2"}},
	{"3.6 one star for two parts", "192.*.2", ERR_OK, {"192.0.7.2", "192.9.9.2"}, {"192.0.2.7"}},
	{"3.6 lone star", "*", ERR_OK, {"1.2.3.4", "::1"}, {NULL}},
	{"3.6 star in front", "*.2", ERR_OK, {"9.9.9.2"}, {"9.9.9.3"}},
	{"3.6 range", "192.0.2.1-8", ERR_OK, {"192.0.2.1", "192.0.2.8"}, {"192.0.2.0", "192.0.2.9"}},
	{"3.6 range behind a star", "192.0.*.1-8", ERR_OK, {"192.0.9.5"}, {"192.0.9.9"}},
	{"3.6 IPv6 range", "2001:DB8:0:0:0:0:0:0-8", ERR_OK, {"2001:db8::", "2001:db8::8"}, {"2001:db8::9"}},
	{"3.6 IPv6 trailing star", "2001:DB8:0:0:0:*", ERR_OK, {"2001:db8::5:6:7"}, {"2001:db8:1::"}},
	{"3.6 IPv6 star in the middle", "2001:*:1", ERR_OK, {"2001:db8::1"}, {"2001:db8::2"}},
	{"3.6 two stars, one trailing", "192.*.2.*", ERR_OK, {"192.7.2.9"}, {"192.7.3.9"}},
	{"3.6 mapped address is IPv4", "::ffff:192.0.2.1", ERR_OK, {"192.0.2.1"}, {"192.0.2.2"}},
	{"3.6 mapped pattern is IPv4", "::ffff:192.0.2.*", ERR_OK, {"192.0.2.1"}, {"192.0.3.1"}},
	{"3.6 mapped in hexadecimal is IPv4", "::ffff:c000:201", ERR_OK, {"192.0.2.1"}, {"192.0.2.2"}},
	{"3.6 :: alone", "::", ERR_OK, {"::"}, {"::1", "0.0.0.0"}},
	{"3.6 :: in the middle", "2001:db8::8-9", ERR_OK, {"2001:db8::8"}, {"2001:db8::7"}},
	{"3.6 :: at the end", "2001:db8::", ERR_OK, {"2001:db8::"}, {"2001:db8::1"}},
	{"3.6 too few parts", "192.0.2", ERR_INVALID, {NULL}, {NULL}},
	{"3.6 trailing star is a part of its own", "192.0*", ERR_INVALID, {NULL}, {NULL}},
	{"3.6 no star beside the trailing one", "192.0.*.*", ERR_INVALID, {NULL}, {NULL}},
	{"3.6 :: and a trailing star", "2001::*", ERR_INVALID, {NULL}, {NULL}},
	{"3.6 :: and another star", "2001:*::1", ERR_INVALID, {NULL}, {NULL}},
	{"3.6 mapped range in hexadecimal", "::ffff:c000:1-2", ERR_INVALID, {NULL}, {NULL}},
	{"two stars that could be any length", "1.*.*", ERR_INVALID, {NULL}, {NULL}},
	{"3346 range low equals high", "192.0.2.8-8", ERR_INVALID, {NULL}, {NULL}},
	{"3346 range backwards", "192.0.2.8-1", ERR_INVALID, {NULL}, {NULL}},
	{"3345 part too large", "192.0.2.256", ERR_INVALID, {NULL}, {NULL}},
	{"3345 range end too large", "192.0.2.1-256", ERR_INVALID, {NULL}, {NULL}},
	{"largest part", "255.255.255.255", ERR_OK, {"255.255.255.255"}, {"255.255.255.254"}},
	{"too many parts", "1.2.3.4.5", ERR_INVALID, {NULL}, {NULL}},
	{"too many IPv6 parts", "1:2:3:4:5:6:7:8:9", ERR_INVALID, {NULL}, {NULL}},
	{"too many digits", "1:2:3:4:5:6:7:12345", ERR_INVALID, {NULL}, {NULL}},
	{":: twice", "1::2::3", ERR_INVALID, {NULL}, {NULL}},
	{":: for nothing", "1:2:3:4:5:6:7::8", ERR_INVALID, {NULL}, {NULL}},
	{"leading zero is ambiguous", "192.0.2.010", ERR_INVALID, {NULL}, {NULL}},
	{"no CIDR", "192.0.2.0/24", ERR_INVALID, {NULL}, {NULL}},
	{"no host names", "device.example", ERR_INVALID, {NULL}, {NULL}},
	{"empty part", "192..2.1", ERR_INVALID, {NULL}, {NULL}},
	{"trailing separator", "192.0.2.1.", ERR_INVALID, {NULL}, {NULL}},
	{"blank", "192.0.2.1 ", ERR_INVALID, {NULL}, {NULL}},
	{"empty", "", ERR_INVALID, {NULL}, {NULL}},
	{"lone separator", ":", ERR_INVALID, {NULL}, {NULL}},
};

static const struct {
	const char *row, *more, *less;
} orders[] = {
	{"3.6 exact beats range", "192.0.2.5", "192.0.2.1-8"},
	{"3.6 range beats star", "192.0.2.1-8", "192.0.2.*"},
	{"3.6 nested range beats enclosing", "192.0.2.2-5", "192.0.2.1-8"},
	{"3.6 anything beats a lone star", "*.2", "*"},
	{"3.6 from the left", "192.0.*.5", "192.*.2.5"},
	{"3.6 from the left, also against a longer exact tail", "192.1-8.*", "192.*.2.5"},
	{"3.6 more exact parts", "192.0.2.*", "192.0.*"},
	{"3.6 IPv6 beats a lone star", "2001:*", "*"},
};

static void test_addresses(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		struct auth_address address = {.family = 9};
		char text[AUTH_ADDRESS_TEXT_BYTES];
		enum err err = auth_address_parse(addresses[i].text, &address);
		CHECK(addresses[i].row, (err == ERR_OK) == (addresses[i].want != NULL));
		if (err == ERR_OK && addresses[i].want != NULL) {
			auth_address_format(&address, text);
			CHECK(addresses[i].row, strcmp(text, addresses[i].want) == 0);
		} else {
			CHECK(addresses[i].row, address.family == 9);
		}
	}
	char text[AUTH_ADDRESS_TEXT_BYTES];
	struct auth_address none = {0};
	struct address_pattern *any = NULL;
	auth_address_format(&none, text);
	CHECK("no address", strcmp(text, "-") == 0);
	REQUIRE("no address", address_pattern_parse("*", &any, NULL) == ERR_OK);
	CHECK("a lone star matches even no address", address_pattern_match(any, &none));
	address_pattern_free(any);
}

static void test_patterns(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
		struct address_pattern *pattern = NULL;
		struct auth_error error = {0};
		enum err err = address_pattern_parse(patterns[i].pattern, &pattern, &error);
		CHECK(patterns[i].row, err == patterns[i].want);
		CHECK(patterns[i].row, (pattern != NULL) == (err == ERR_OK));
		CHECK(patterns[i].row, err == ERR_OK || (error.err == err && error.sentence[0] != '\0'));
		CHECK(patterns[i].row, error.offset <= strlen(patterns[i].pattern));
		for (size_t n = 0; n < 3 && pattern != NULL; n++) {
			struct auth_address address;
			if (patterns[i].yes[n] != NULL) {
				REQUIRE(patterns[i].row,
					auth_address_parse(patterns[i].yes[n], &address) == ERR_OK);
				CHECK(patterns[i].row, address_pattern_match(pattern, &address));
			}
			if (patterns[i].no[n] != NULL) {
				REQUIRE(patterns[i].row,
					auth_address_parse(patterns[i].no[n], &address) == ERR_OK);
				CHECK(patterns[i].row, !address_pattern_match(pattern, &address));
			}
		}
		address_pattern_free(pattern);
	}
}

static void test_orders(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
		struct address_pattern *more = NULL;
		struct address_pattern *less = NULL;
		REQUIRE(orders[i].row, address_pattern_parse(orders[i].more, &more, NULL) == ERR_OK);
		REQUIRE(orders[i].row, address_pattern_parse(orders[i].less, &less, NULL) == ERR_OK);
		CHECK(orders[i].row, address_pattern_compare(more, less) > 0);
		CHECK(orders[i].row, address_pattern_compare(less, more) < 0);
		CHECK(orders[i].row, address_pattern_compare(more, more) == 0);
		address_pattern_free(more);
		address_pattern_free(less);
	}
}

static void test_length(void)
{
	char text[200];
	struct address_pattern *pattern = NULL;
	memset(text, '1', sizeof(text));
	text[128] = '\0';
	CHECK("128 characters are read", address_pattern_parse(text, &pattern, NULL) == ERR_INVALID);
	text[128] = '1';
	text[129] = '\0';
	CHECK("129 characters are not", address_pattern_parse(text, &pattern, NULL) == ERR_LIMIT);
	test_alloc_fail_at(1);
	CHECK("no memory", address_pattern_parse("1.2.3.4", &pattern, NULL) == ERR_NOMEM);
	CHECK("no memory", pattern == NULL);
	test_alloc_fail_at(0);
}

int main(void)
{
	test_addresses();
	test_patterns();
	test_orders();
	test_length();
	return test_result();
}
