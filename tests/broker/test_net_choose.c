/*
 * test_net_choose.c - which certificate a client gets: one table over the pure choice, one row per rule.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/net/tls_choose.h"
#include "tests/test.h"

#define NOW 1000000

/* --- clients --- */
static const uint8_t suites_all[] = {0x13, 0x01, 0xc0, 0x2b, 0xc0, 0x2f};
static const uint8_t suites_12_rsa[] = {0xc0, 0x30, 0xc0, 0x2f};
static const uint8_t suites_12_both[] = {0xc0, 0x2c, 0xc0, 0x2f};
static const uint8_t suites_12_cbc[] = {0xc0, 0x23};
static const uint8_t versions_13[] = {0x03, 0x04, 0x03, 0x03};
static const uint8_t versions_12[] = {0x03, 0x03};
static const uint8_t signatures_all[] = {4, 3, 5, 3, 6, 3, 8, 4, 8, 7, 4, 1};
static const uint8_t signatures_ec[] = {4, 3};
static const uint8_t signatures_p384[] = {5, 3};
static const uint8_t signatures_pss[] = {8, 4};
static const uint8_t signatures_pkcs1[] = {4, 1};
static const uint8_t signatures_ed[] = {8, 7, 8, 4};
static const uint8_t groups_all[] = {0, 29, 0, 23, 0, 24};
static const uint8_t groups_x25519[] = {0, 29};

#define LIST(array)   ((struct bytes){(array), sizeof(array)})
#define HELLO_OF(...) ((struct hello){.legacy_version = 0x0303, __VA_ARGS__})

enum client {
	ANY_CLIENT,       /* 1.3, everything */
	EC_CLIENT,        /* 1.3, ECDSA with P-256 only */
	P384_CLIENT,      /* 1.3, ECDSA with P-384 only */
	PSS_CLIENT,       /* 1.3, RSA only */
	PKCS1_CLIENT,     /* 1.3, only what 1.3 cannot use */
	ED_CLIENT,        /* 1.3, Ed25519 and RSA */
	RSA_12_CLIENT,    /* 1.2, ECDHE-RSA suites only */
	BOTH_12_CLIENT,   /* 1.2, both kinds of suites */
	PKCS1_12_CLIENT,  /* 1.2, both suites, RSA signatures only */
	X25519_12_CLIENT, /* 1.2, both suites, no curve for an EC certificate */
	BARE_12_CLIENT,   /* 1.2, no extension */
	CBC_12_CLIENT,    /* 1.2, one suite that only SSLCIPH by name gives */
	CLIENT_COUNT_
};

static struct hello client_hello(enum client client, const char *name)
{
	const struct hello hellos[CLIENT_COUNT_] = {
		[ANY_CLIENT] = HELLO_OF(.suites = LIST(suites_all), .versions = LIST(versions_13),
			.signatures = LIST(signatures_all), .groups = LIST(groups_all)),
		[EC_CLIENT] = HELLO_OF(.suites = LIST(suites_all), .versions = LIST(versions_13),
			.signatures = LIST(signatures_ec), .groups = LIST(groups_x25519)),
		[P384_CLIENT] = HELLO_OF(.suites = LIST(suites_all), .versions = LIST(versions_13),
			.signatures = LIST(signatures_p384)),
		[PSS_CLIENT] = HELLO_OF(.suites = LIST(suites_all), .versions = LIST(versions_13),
			.signatures = LIST(signatures_pss)),
		[PKCS1_CLIENT] = HELLO_OF(.suites = LIST(suites_all), .versions = LIST(versions_13),
			.signatures = LIST(signatures_pkcs1)),
		[ED_CLIENT] = HELLO_OF(.suites = LIST(suites_all), .versions = LIST(versions_13),
			.signatures = LIST(signatures_ed)),
		[RSA_12_CLIENT] = HELLO_OF(.suites = LIST(suites_12_rsa), .signatures = LIST(signatures_all),
			.groups = LIST(groups_all)),
		[BOTH_12_CLIENT] =
			HELLO_OF(.suites = LIST(suites_12_both), .signatures = LIST(signatures_all),
				.groups = LIST(groups_all), .versions = LIST(versions_12)),
		[PKCS1_12_CLIENT] = HELLO_OF(.suites = LIST(suites_12_both),
			.signatures = LIST(signatures_pkcs1), .groups = LIST(groups_all)),
		[X25519_12_CLIENT] = HELLO_OF(.suites = LIST(suites_12_both),
			.signatures = LIST(signatures_all), .groups = LIST(groups_x25519)),
		[BARE_12_CLIENT] = HELLO_OF(.suites = LIST(suites_12_both)),
		[CBC_12_CLIENT] = HELLO_OF(.suites = LIST(suites_12_cbc)),
	};
	struct hello hello = hellos[client];
	hello.host_name = bytes_text(name);
	return hello;
}

/* --- identities: letters in a row's text --- */
static const uint8_t ip_1[] = {10, 0, 0, 1};
#define DNS(text)                                                                                            \
	{                                                                                                    \
		TLS_NAME_DNS,                                                                                \
		{                                                                                            \
			(const uint8_t *)(text), sizeof(text) - 1                                            \
		}                                                                                            \
	}
static const struct tls_name names_a[] = {DNS("a.example"), DNS("www.a.example")};
static const struct tls_name names_a_turned[] = {DNS("WWW.a.example"), DNS("A.example")};
static const struct tls_name names_b[] = {DNS("b.example"), {TLS_NAME_IP, {ip_1, sizeof(ip_1)}}};
static const struct tls_name names_wild[] = {DNS("*.example")};
static const struct tls_name names_part[] = {DNS("a.example")};
static const struct tls_name names_odd[] = {
	DNS("*.0.0.9"), DNS("*"), DNS("*."), DNS("a*.c.example"), DNS("w.*.example")};

#define VALID        .not_before = NOW - 10, .not_after = NOW + 10
#define NAMES(array) .names = (array), .name_count = ARRAY_COUNT(array)
static const struct {
	char letter;
	struct tls_facts facts;
} pool[] = {
	{'E', {.kind = KEY_EC_P256, VALID, NAMES(names_a)}},
	{'R', {.kind = KEY_RSA, VALID, NAMES(names_a_turned)}},
	{'F', {.kind = KEY_EC_P384, VALID, NAMES(names_a)}},
	{'D', {.kind = KEY_ED25519, VALID, NAMES(names_a)}},
	{'N', {.kind = KEY_EC_P256,
		      .not_before = NOW - 5,
		      .not_after = NOW + 100,
		      NAMES(names_a)}}, /* newer */
	{'X', {.kind = KEY_EC_P256,
		      .not_before = NOW - 10,
		      .not_after = NOW - 1,
		      NAMES(names_a)}}, /* expired */
	{'L', {.kind = KEY_EC_P256,
		      .not_before = NOW - 10,
		      .not_after = NOW,
		      NAMES(names_a)}}, /* its last second */
	{'Y', {.kind = KEY_EC_P256,
		      .not_before = NOW + 1,
		      .not_after = NOW + 9,
		      NAMES(names_a)}},                                                        /* not yet */
	{'S', {.kind = KEY_EC_P256, .not_before = NOW, .not_after = NOW + 9, NAMES(names_a)}}, /* its first */
	{'B', {.kind = KEY_EC_P256, VALID, NAMES(names_b)}},
	{'C', {.kind = KEY_RSA, VALID, NAMES(names_b)}},
	{'W', {.kind = KEY_EC_P256, VALID, NAMES(names_wild)}},
	{'V', {.kind = KEY_RSA, VALID, NAMES(names_wild)}},
	{'O', {.kind = KEY_EC_P256, VALID, NAMES(names_odd)}},
	{'U', {.kind = KEY_RSA, VALID, NAMES(names_part)}},
	{'P', {.kind = KEY_EC_P256, VALID, NAMES(names_part)}},
	{'0', {.kind = KEY_EC_P256, VALID}}, /* without names */
	{'1', {.kind = KEY_RSA, VALID}},
	{'T', {.kind = KEY_RSA, NAMES(names_a)}}, /* no times: always valid */
	{'?', {.kind = KEY_KIND_COUNT_, VALID, NAMES(names_a)}},
};

static const struct {
	const char *name, *identities;
	enum client client;
	const char *host, *cipher;
	char want; /* '-': none is valid */
} rows[] = {
	{"one identity serves all", "E", ANY_CLIENT, "", "", 'E'},
	{"one identity, whatever name", "E", ANY_CLIENT, "x.test", "", 'E'},
	{"one identity that the client cannot use: the library says no", "R", EC_CLIENT, "", "", 'R'},
	/* key type */
	{"ECDSA before RSA", "RE", ANY_CLIENT, "", "", 'E'},
	{"RSA for a client that knows no ECDSA", "ER", PSS_CLIENT, "", "", 'R'},
	{"ECDSA for a client that knows only it", "RE", EC_CLIENT, "", "", 'E'},
	{"RFC 8446 4.2.3: a curve has its own hash in 1.3", "EFR", P384_CLIENT, "", "", 'F'},
	{"P-256 for who does not know P-384", "FE", EC_CLIENT, "", "", 'E'},
	{"Ed25519 before RSA", "RD", ED_CLIENT, "", "", 'D'},
	{"ECDSA before Ed25519", "DE", ANY_CLIENT, "", "", 'E'},
	{"RFC 8446 4.2.3: PKCS #1 signs no handshake of 1.3", "RE", PKCS1_CLIENT, "", "", 'E'},
	{"1.2 with ECDHE-RSA suites only", "ER", RSA_12_CLIENT, "", "", 'R'},
	{"1.2 with both", "RE", BOTH_12_CLIENT, "", "", 'E'},
	{"1.2 with RSA signatures only", "ER", PKCS1_12_CLIENT, "", "", 'R'},
	{"RFC 8422 5.1: the certificate's curve is not offered", "ER", X25519_12_CLIENT, "", "", 'R'},
	{"Ed25519 has no curve in supported_groups", "RD", X25519_12_CLIENT, "", "", 'D'},
	{"1.2 without extensions", "RE", BARE_12_CLIENT, "", "", 'E'},
	{"a 1.3 client on a channel of 1.2: suites count", "ER", PSS_CLIENT, "", "ANY_TLS12", 'R'},
	{"a 1.2 client on a channel of 1.3: the library says no", "RE", RSA_12_CLIENT, "", "ANY_TLS13", 'E'},
	{"SSLCIPH of RSA", "ER", ANY_CLIENT, "", "ECDHE_RSA_AES_128_GCM_SHA256", 'R'},
	{"SSLCIPH of ECDSA", "RE", ANY_CLIENT, "", "ECDHE_ECDSA_AES_128_GCM_SHA256", 'E'},
	{"SSLCIPH of RSA, another suite", "ER", BOTH_12_CLIENT, "", "ECDHE_RSA_AES_256_GCM_SHA384", 'E'},
	{"a CBC suite that the aliases lack", "RE", CBC_12_CLIENT, "", "", 'E'},
	{"a CBC suite by name", "RE", CBC_12_CLIENT, "", "ECDHE_ECDSA_AES_128_CBC_SHA256", 'E'},
	{"a key of no kind is the last choice", "?R", ANY_CLIENT, "", "", 'R'},
	/* names */
	{"by name", "EB", ANY_CLIENT, "b.example", "", 'B'},
	{"letter case does not count", "EB", ANY_CLIENT, "B.Example", "", 'B'},
	{"by a second name", "BE", ANY_CLIENT, "www.a.example", "", 'E'},
	{"by address", "EB", ANY_CLIENT, "10.0.0.1", "", 'B'},
	{"another address", "EB", ANY_CLIENT, "10.0.0.2", "", 'E'},
	{"a wildcard is one label", "EW", ANY_CLIENT, "c.example", "", 'W'},
	{"a wildcard is not two labels", "EW", ANY_CLIENT, "d.c.example", "", 'E'},
	{"a wildcard is not none", "EW", ANY_CLIENT, "example", "", 'E'},
	{"a wildcard is no part of a label, and nowhere else", "EO", ANY_CLIENT, "ab.c.example", "", 'E'},
	{"a wildcard in the middle", "EO", ANY_CLIENT, "w.x.example", "", 'E'},
	{"a lone star", "EO", ANY_CLIENT, "localhost", "", 'E'},
	{"the name in full before a wildcard", "WB", ANY_CLIENT, "b.example", "", 'B'},
	{"also where its key is the lesser one", "WC", ANY_CLIENT, "b.example", "", 'C'},
	{"but not where its key cannot be used", "WC", EC_CLIENT, "b.example", "", 'W'},
	{"by name, then key", "EBC", PSS_CLIENT, "b.example", "", 'C'},
	{"a name is not given up for a key", "RB", PSS_CLIENT, "b.example", "", 'B'},
	{"no name: the default", "BE", ANY_CLIENT, "", "", 'B'},
	{"an unknown name: the default", "BE", ANY_CLIENT, "x.test", "", 'B'},
	{"the default by key type among its own names", "BRC", PSS_CLIENT, "", "", 'C'},
	{"the default does not become another name", "BR", PSS_CLIENT, "", "", 'B'},
	{"names in another order and case are the same", "ER", PSS_CLIENT, "", "", 'R'},
	{"fewer names are no kin", "EU", PSS_CLIENT, "", "", 'E'},
	{"nor are more", "PR", PSS_CLIENT, "", "", 'P'},
	{"an address is no name for a wildcard", "EO", ANY_CLIENT, "10.0.0.9", "", 'E'},
	{"without names: each other's kin", "01", PSS_CLIENT, "", "", '1'},
	{"without names: no kin of those with", "0R", PSS_CLIENT, "", "", '0'},
	/* old and new together */
	{"the newer of two", "EN", ANY_CLIENT, "", "", 'N'},
	{"the newer of two, in any order", "NE", ANY_CLIENT, "a.example", "", 'N'},
	{"alike: the first", "FE", ANY_CLIENT, "", "", 'F'},
	{"alike: the first, the other way about", "EF", ANY_CLIENT, "", "", 'E'},
	{"an expired one is never served", "XR", EC_CLIENT, "a.example", "", 'R'},
	{"its last second", "LR", ANY_CLIENT, "", "", 'L'},
	{"one that is not valid yet is not served", "EY", ANY_CLIENT, "", "", 'E'},
	{"its first second", "ES", ANY_CLIENT, "", "", 'S'},
	{"all expired", "X", ANY_CLIENT, "", "", '-'},
	{"expired or not yet", "XY", ANY_CLIENT, "a.example", "", '-'},
	{"the default expired: its kin", "XBR", ANY_CLIENT, "", "", 'R'},
	{"the default expired, no kin: the first valid", "XBC", ANY_CLIENT, "", "", 'B'},
	{"the default expired: still by name", "XBW", ANY_CLIENT, "c.example", "", 'W'},
	{"a wanted name expired: the default", "BX", ANY_CLIENT, "a.example", "", 'B'},
	{"without times", "T", ANY_CLIENT, "", "", 'T'},
	{"none at all", "", ANY_CLIENT, "", "", '-'},
	{"sixteen", "XXXXXXXXXXXXXXXE", ANY_CLIENT, "", "", 'E'},
	{"over TLS_IDENTITIES_MAX", "XXXXXXXXXXXXXXXXE", ANY_CLIENT, "", "", '-'},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct tls_facts facts[TLS_IDENTITIES_MAX + 1];
		struct tls_spec spec = {0};
		struct net_error error = {0};
		size_t count = strlen(rows[i].identities), index = 99;
		for (size_t j = 0; j < count; j++) {
			size_t at = 0;
			while (at < ARRAY_COUNT(pool) && pool[at].letter != rows[i].identities[j]) {
				at++;
			}
			REQUIRE(rows[i].name, at < ARRAY_COUNT(pool));
			facts[j] = pool[at].facts;
		}
		tls_facts_group(facts, count);
		REQUIRE(rows[i].name, tls_spec_find(rows[i].cipher, &spec, &error) == ERR_OK);
		struct hello hello = client_hello(rows[i].client, rows[i].host);
		enum err err = tls_choose(facts, count, &spec, &hello, NOW, &index);
		CHECK(rows[i].name, err == (rows[i].want == '-' ? ERR_NOT_FOUND : ERR_OK));
		CHECK(rows[i].name, err == ERR_OK ? index < count && rows[i].identities[index] == rows[i].want
						  : index == 99);
	}
	return test_result();
}
