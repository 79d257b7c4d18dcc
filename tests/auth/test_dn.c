/*
 * test_dn.c - SSLPEER patterns: grammar, matching, hostile names, precedence (mq-semantics 4).
 * Owns:    the certificates it makes.
 * Never:   needs a file.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "tests/x509/pki.h"

static const struct {
	const char *row, *text;
	enum err want;
	size_t offset;
} grammar[] = {
	{"one attribute", "CN=pump-7", ERR_OK, 0},
	{"4.2.1 comma", "CN=a,O=b", ERR_OK, 0},
	{"4.2.1 semicolon", "CN=a;O=b", ERR_OK, 0},
	{"4.2.1 blanks around separators", "  CN=a , O=b ;  C=DE ", ERR_OK, 0},
	{"4.2.2 keys are upper case", "cn=a", ERR_INVALID, 0},
	{"4.2.2 no blank before =", "CN =a", ERR_INVALID, 2},
	{"4.2.2 a blank after = is outside the value", "CN= a", ERR_OK, 0},
	{"4.1 every key",
		"SERIALNUMBER=1,MAIL=a,UID=a,CN=a,T=a,OU=a,DC=a,O=a,STREET=a,L=a,ST=a,PC=a,C=a,"
		"UNSTRUCTUREDNAME=a,UNSTRUCTUREDADDRESS=a,DNQ=a",
		ERR_OK, 0},
	{"4.1 aliases", "E=a,USERID=a,SP=a", ERR_OK, 0},
	{"4.1 unknown key", "GN=a", ERR_INVALID, 0},
	{"4.1 dotted key", "2.5.4.3=a", ERR_INVALID, 0},
	{"4.1 MAIL and E are one", "MAIL=a,E=b", ERR_INVALID, 7},
	{"4.2.5 ST and S are one", "ST=a,S=b", ERR_INVALID, 5},
	{"4.2.10 CN twice", "CN=a,CN=b", ERR_INVALID, 5},
	{"4.2.10 OU twice", "OU=a,OU=b", ERR_OK, 0},
	{"4.2.10 DC twice", "DC=a,DC=b", ERR_OK, 0},
	{"4.2.4 quoted", "CN=\"a,b;O=c\",C=DE", ERR_OK, 0},
	{"4.2.4 quote not closed", "CN=\"a", ERR_INVALID, 3},
	{"4.2.4 text after a quote", "CN=\"a\"b", ERR_INVALID, 6},
	{"4.2.4 quote inside", "CN=a\"b", ERR_INVALID, 4},
	{"4.2.4 escaped quote", "CN=\"a\\\"b\"", ERR_OK, 0},
	{"forgotten comma", "CN=a O=b", ERR_INVALID, 6},
	{"4.2.6 escaped asterisk", "CN=\\*a", ERR_OK, 0},
	{"backslash before a letter", "CN=\\a", ERR_INVALID, 3},
	{"backslash at the end", "CN=a\\", ERR_INVALID, 4},
	{"\\x of a printable character", "CN=a\\x5cb", ERR_OK, 0},
	{"\\x of a control", "CN=a\\x0ab", ERR_INVALID, 4},
	{"\\x cut", "CN=a\\x5", ERR_INVALID, 4},
	{"4.2.13 empty", "", ERR_INVALID, 0},
	{"only blanks", "   ", ERR_INVALID, 0},
	{"empty value", "CN=", ERR_INVALID, 3},
	{"empty quoted value", "CN=\"\"", ERR_INVALID, 3},
	{"no value", "CN", ERR_INVALID, 0},
	{"no key", "=a", ERR_INVALID, 0},
	{"trailing separator", "CN=a,", ERR_INVALID, 5},
	{"two separators", "CN=a,,O=b", ERR_INVALID, 5},
	{"control", "CN=a\tb", ERR_INVALID, 0},
	{"not UTF-8", "CN=a\xff", ERR_INVALID, 0},
	{"bidirectional control", "CN=a\xe2\x80\xae", ERR_INVALID, 0},
	{"UTF-8",
		"CN=Stra\xc3\x9f"
		"e",
		ERR_OK, 0},
};

static void test_grammar(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(grammar); i++) {
		struct dn_pattern *pattern = NULL;
		struct auth_error error = {0};
		enum err err = dn_pattern_parse(grammar[i].text, &pattern, &error);
		CHECK(grammar[i].row, err == grammar[i].want);
		CHECK(grammar[i].row, (pattern != NULL) == (err == ERR_OK));
		CHECK(grammar[i].row,
			err == ERR_OK || (error.offset == grammar[i].offset && error.sentence[0] != '\0'));
		dn_pattern_free(pattern);
	}
	char text[AUTH_DN_PATTERN_BYTES_MAX + 2];
	struct dn_pattern *pattern = NULL;
	memset(text, 'a', sizeof(text));
	memcpy(text, "CN=", 3);
	text[AUTH_DN_PATTERN_BYTES_MAX] = '\0';
	CHECK("4.2.12 1024 bytes", dn_pattern_parse(text, &pattern, NULL) == ERR_OK);
	dn_pattern_free(pattern);
	text[AUTH_DN_PATTERN_BYTES_MAX] = 'a';
	text[AUTH_DN_PATTERN_BYTES_MAX + 1] = '\0';
	CHECK("4.2.12 1025 bytes", dn_pattern_parse(text, &pattern, NULL) == ERR_LIMIT);
	for (unsigned count = 64; count <= 65; count++) {
		struct buf many = BUF_INIT(1024);
		const char *list = NULL;
		for (unsigned i = 0; i < count; i++) {
			REQUIRE("components", buf_append_text(&many, i == 0 ? "OU=a" : ",OU=a") == ERR_OK);
		}
		REQUIRE("components", buf_text(&many, &list) == ERR_OK);
		CHECK("64 components, no more",
			dn_pattern_parse(list, &pattern, NULL) == (count == 64 ? ERR_OK : ERR_LIMIT));
		dn_pattern_free(pattern);
		buf_release(&many);
	}
	for (unsigned long n = 1; n <= 4; n++) {
		test_alloc_fail_at(n);
		enum err err = dn_pattern_parse("CN=a", &pattern, NULL);
		CHECK("Nth allocation", err == (test_alloc_failed() ? ERR_NOMEM : ERR_OK));
		test_alloc_fail_at(0);
		dn_pattern_free(pattern);
	}
}

/* C=DE, O=Acme, OU=IBM, OU=WEBSPHERE, CN=QMGR.ONE, as a general-first name; issued by "Plant 7 CA". */
static const struct x509_make_attribute subject_1[] = {
	{"C", "DE"}, {"O", "Acme"}, {"OU", "IBM"}, {"OU", "WEBSPHERE"}, {"CN", "QMGR.ONE"}};
static const struct x509_make_attribute subject_2[] = {
	{"DC", "com"}, {"DC", "example"}, {"CN", "a*b"}, {"UID", "*x"}, {"O", "x, y"}};
static const struct x509_make_attribute subject_3[] = {{"CN", "first"}, {"CN", "second"}};

static const struct {
	const char *row;
	int subject;
	const char *pattern;
	bool want;
} matches[] = {
	{"4.2.3 case is ignored", 1, "CN=qmgr.one", true},
	{"4.2.7 keys not named are ignored", 1, "O=Acme", true},
	{"4.2.7 every key named must match", 1, "CN=QMGR.ONE,O=Other", false},
	{"4.2.7 a key that is not there", 1, "CN=QMGR.ONE,L=Bonn", false},
	{"any value is not none", 1, "L=*", false},
	{"4.2.6 star at the end", 1, "CN=QMGR.*", true},
	{"4.2.6 star at the end stands for nothing", 1, "CN=QMGR.ONE*", true},
	{"4.2.6 star at the end, other text", 1, "CN=QM2*", false},
	{"4.2.6 star in front", 1, "CN=*.ONE", true},
	{"4.2.6 star in front, other text", 1, "CN=*.TWO", false},
	{"4.2.6 star in front does not match in the middle", 1, "CN=*QMGR", false},
	{"4.2.6 star at the end does not match in the middle", 1, "CN=ONE*", false},
	{"4.2.6 stars around", 1, "CN=*gr.o*", true},
	{"4.2.6 stars around, other text", 1, "CN=*gr,o=*", false},
	{"4.2.6 lone star", 1, "CN=*", true},
	{"4.2.6 longer than the value", 1, "CN=QMGR.ONE.MORE*", false},
	{"4.2.6 a star in the middle is a character", 1, "CN=QM*ONE", false},
	{"4.2.6 a star in the middle is a character", 2, "CN=a*b", true},
	{"4.2.6 escaped star", 2, "UID=\\*x", true},
	{"4.2.6 escaped star is no wildcard", 1, "CN=QMGR.\\*", false},
	{"4.2.4 quoted separator", 2, "O=\"x, y\"", true},
	{"4.2.4 escaped separator", 2, "O=x\\, y", true},
	{"4.2.4 blanks in quotes count", 2, "O=\"x, y \"", false},
	{"4.2.8 IBM's example", 1, "CN=QMGR.*,OU=IBM,OU=WEBSPHERE", true},
	{"4.2.8 from the first", 1, "OU=IBM", true},
	{"4.2.8 not from the second", 1, "OU=WEBSPHERE", false},
	{"4.2.8 in order", 1, "OU=WEBSPHERE,OU=IBM", false},
	{"4.2.8 no more than there are", 1, "OU=IBM,OU=WEBSPHERE,OU=*", false},
	{"4.2.8 wildcard in front", 1, "OU=*,OU=WEBSPHERE", true},
	{"4.2.9 DC lowest level first", 2, "DC=example,DC=com", true},
	{"4.2.9 DC lowest level alone", 2, "DC=example", true},
	{"4.2.9 DC not the highest", 2, "DC=com", false},
	{"4.6 of two CN the one printed first", 3, "CN=second", true},
	{"4.6 of two CN not the other", 3, "CN=first", false},
	{"the X.520 or any other serial does not match by chance", 1, "SERIALNUMBER=00", false},
};

static void test_matches(void)
{
	struct pki ca = pki_root("Plant 7 CA");
	struct pki leafs[3];
	const struct x509_make makes[3] = {{.subject = subject_1,
						   .subject_count = ARRAY_COUNT(subject_1),
						   .path_length = -1,
						   .client_auth = true},
		{.subject = subject_2,
			.subject_count = ARRAY_COUNT(subject_2),
			.path_length = -1,
			.client_auth = true},
		{.subject = subject_3,
			.subject_count = ARRAY_COUNT(subject_3),
			.path_length = -1,
			.client_auth = true}};
	for (size_t i = 0; i < 3; i++) {
		leafs[i] = pki_make(&ca, &makes[i], "unused", NULL);
	}
	for (size_t i = 0; i < ARRAY_COUNT(matches); i++) {
		struct dn_pattern *pattern = NULL;
		if (dn_pattern_parse(matches[i].pattern, &pattern, NULL) == ERR_OK) {
			const struct cert *cert = leafs[matches[i].subject - 1].cert;
			CHECK(matches[i].row, dn_pattern_match(pattern, cert, true) == matches[i].want);
			dn_pattern_free(pattern);
		} else {
			CHECK(matches[i].row, !matches[i].want);
		}
	}
	struct dn_pattern *issuer = NULL;
	REQUIRE("issuer", dn_pattern_parse("CN=Plant 7 CA", &issuer, NULL) == ERR_OK);
	CHECK("4.4 issuer", dn_pattern_match(issuer, leafs[0].cert, false));
	CHECK("4.4 not the subject", !dn_pattern_match(issuer, leafs[0].cert, true));
	dn_pattern_free(issuer);
	/* 4.3: what we print can be pasted, and means this certificate and no other of the same name. */
	for (size_t i = 0; i < 3; i++) {
		struct buf printed = BUF_INIT(4096);
		const char *text = NULL;
		struct dn_pattern *pattern = NULL;
		REQUIRE("4.3 print", cert_print_dn(leafs[i].cert, true, &printed) == ERR_OK);
		REQUIRE("4.3 print", buf_text(&printed, &text) == ERR_OK);
		if (i < 2) {
			CHECK("4.3 what is printed can be pasted",
				dn_pattern_parse(text, &pattern, NULL) == ERR_OK);
			CHECK("4.3 what is printed matches",
				pattern != NULL && dn_pattern_match(pattern, leafs[i].cert, true));
			CHECK("4.3 and only that",
				pattern != NULL && !dn_pattern_match(pattern, leafs[1 - i].cert, true));
			CHECK("4.3 SERIALNUMBER is the subject's only",
				pattern != NULL && !dn_pattern_match(pattern, leafs[i].cert, false));
		}
		dn_pattern_free(pattern);
		buf_release(&printed);
	}
	for (size_t i = 0; i < 3; i++) {
		pki_free(&leafs[i]);
	}
	pki_free(&ca);
}

/* A value with these bytes in it (cut out of DER by replacing a place holder) matches nothing at all. */
static void test_hostile(void)
{
	static const struct {
		const char *row, *bytes;
		size_t len;
		bool plain; /* harmless after all: may match */
	} values[] = {
		{"NUL", "ad\0min78", 8, false},
		{"newline", "ad\nmin78", 8, false},
		{"escape", "ad\x1bmin78", 8, false},
		{"DEL", "ad\x7fmin78", 8, false},
		{"C1", "ad\xc2\x9bmin7", 8, false},
		{"bidirectional override", "ad\xe2\x80\xaemin", 8, false},
		{"bidirectional isolate", "ad\xe2\x81\xa6min", 8, false},
		{"Arabic letter mark", "ad\xd8\x9cmin7", 8, false},
		{"line separator", "ad\xe2\x80\xa8min", 8, false},
		{"broken UTF-8",
			"ad\xff"
			"min78",
			8, false},
		{"quotes", "ad'm\"n78", 8, true},
		{"slash, plus, hash", "ad/m+n#8", 8, true},
	};
	static const char *const patterns[] = {"CN=*", "CN=ad*", "CN=*8", "CN=*min*"};
	struct pki ca = pki_root("CA");
	struct pki leaf = pki_leaf(&ca, "PLACEHLD");
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		struct bytes der = cert_der(leaf.cert);
		uint8_t *copy = NULL;
		struct cert *hostile = NULL;
		REQUIRE(values[i].row, bytes_dup(der, &copy) == ERR_OK);
		uint8_t *place = memmem(copy, der.len, "PLACEHLD", 8);
		REQUIRE(values[i].row, place != NULL);
		memcpy(place, values[i].bytes, values[i].len);
		if (cert_parse(bytes_of(copy, der.len), &hostile, NULL) == ERR_OK) {
			for (size_t p = 0; p < ARRAY_COUNT(patterns); p++) {
				struct dn_pattern *pattern = NULL;
				REQUIRE(values[i].row,
					dn_pattern_parse(patterns[p], &pattern, NULL) == ERR_OK);
				bool matched = dn_pattern_match(pattern, hostile, true);
				CHECK(values[i].row, values[i].plain ? p > 0 || matched : !matched);
				dn_pattern_free(pattern);
			}
		} else {
			CHECK(values[i].row, !values[i].plain); /* refused even earlier */
		}
		cert_unref(hostile);
		free(copy);
	}
	pki_free(&leaf);
	pki_free(&ca);
}

static const struct {
	const char *row, *more, *less;
} orders[] = {
	{"4.5.1 O before C", "O=Acme", "C=DE"},
	{"4.5.1 CN before O and C", "CN=a*", "O=Acme,C=DE"},
	{"4.5.1 serial number before all", "SERIALNUMBER=*", "CN=a,O=b,C=DE"},
	{"4.5.1 one attribute more", "CN=a,O=b", "CN=a"},
	{"4.5.2 no wildcard before one", "CN=ab", "CN=a*"},
	{"4.5.2 one wildcard before two", "CN=a*", "CN=*ab*"},
	{"4.5.2 two wildcards before a lone one", "CN=*a*", "CN=*"},
	{"4.5.2 longer before shorter", "CN=pump*", "CN=pu*"},
	{"4.5.2 the attribute with precedence counts first", "CN=a,O=b*", "CN=a*,O=b"},
	{"4.5.3 more OU", "CN=a,OU=x,OU=*", "CN=a,OU=x"},
	{"4.5.3 OU from the left", "OU=x,OU=*", "OU=*,OU=x"},
	{"4.5.3 other attributes before OU", "O=a,OU=*", "O=a*,OU=x"},
	{"4.5.4 DC from the right", "DC=*,DC=com", "DC=example,DC=*"},
	{"4.5.4 more DC", "DC=a,DC=*", "DC=a"},
};

static void test_orders(void)
{
	struct dn_pattern *all[2 * ARRAY_COUNT(orders)];
	for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
		REQUIRE(orders[i].row, dn_pattern_parse(orders[i].more, &all[2 * i], NULL) == ERR_OK);
		REQUIRE(orders[i].row, dn_pattern_parse(orders[i].less, &all[2 * i + 1], NULL) == ERR_OK);
		CHECK(orders[i].row, dn_pattern_compare(all[2 * i], all[2 * i + 1]) > 0);
		CHECK(orders[i].row, dn_pattern_compare(all[2 * i + 1], all[2 * i]) < 0);
		CHECK(orders[i].row, dn_pattern_compare(all[2 * i], all[2 * i]) == 0);
	}
	bool transitive = true;
	for (size_t a = 0; a < ARRAY_COUNT(all); a++) {
		for (size_t b = 0; b < ARRAY_COUNT(all); b++) {
			for (size_t c = 0; c < ARRAY_COUNT(all); c++) {
				transitive = transitive && (dn_pattern_compare(all[a], all[b]) <= 0 ||
								   dn_pattern_compare(all[b], all[c]) <= 0 ||
								   dn_pattern_compare(all[a], all[c]) > 0);
			}
		}
	}
	CHECK("the order is transitive", transitive);
	for (size_t a = 0; a < ARRAY_COUNT(all); a++) {
		dn_pattern_free(all[a]);
	}
	struct dn_pattern *a = NULL;
	struct dn_pattern *b = NULL;
	REQUIRE("same", dn_pattern_parse("CN=a,O=B;C=\"de\"", &a, NULL) == ERR_OK);
	REQUIRE("same", dn_pattern_parse("C=DE , O=b, CN=A", &b, NULL) == ERR_OK);
	CHECK("order and case of writing make no difference", dn_pattern_compare(a, b) == 0);
	dn_pattern_free(b);
	REQUIRE("differ", dn_pattern_parse("CN=\\*,O=b,C=de", &b, NULL) == ERR_OK);
	CHECK("an escaped star is not a wildcard", dn_pattern_compare(a, b) != 0);
	dn_pattern_free(a);
	dn_pattern_free(b);
	REQUIRE("differ", dn_pattern_parse("CN=*x", &a, NULL) == ERR_OK);
	REQUIRE("differ", dn_pattern_parse("CN=x*", &b, NULL) == ERR_OK);
	CHECK("where the wildcard stands makes a difference",
		dn_pattern_compare(a, b) != 0 && dn_pattern_compare(a, b) == -dn_pattern_compare(b, a));
	dn_pattern_free(a);
	dn_pattern_free(b);
}

int main(void)
{
	pki_init();
	test_grammar();
	test_matches();
	test_hostile();
	test_orders();
	return test_result();
}
