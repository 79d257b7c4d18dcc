/*
 * test_control_identities.c - Goal: which keys of a keystore a channel serves for which CERTLABL, in which order, with which names.
 */
#include <string.h>

#include "base/utf8.h"
#include "broker/control/identities.h"
#include "tests/x509/pki.h"

struct entry {
	const char *alias;
	enum key_kind kind;
	bool client_only, expired, early;
	const char *dns;
};
static const struct entry entries[] = {
	{"old", KEY_EC_P256, false, true, false, "a.example"},
	{"ec", KEY_EC_P256, false, false, false, "a.example"},
	{"rsa", KEY_RSA, false, false, false, "a.example"},
	{"device", KEY_EC_P256, true, false, false, NULL},
	{"next", KEY_EC_P384, false, false, true, "b.example"},
};

static struct keystore *make_keystore(const char *letters)
{
	static const char *const addresses[] = {"192.0.2.7", "2001:db8::7"};
	struct pki root = pki_root("root");
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};

	REQUIRE("keystore", keystore_new(&keystore) == ERR_OK);
	for (const char *at = letters; *at != '\0'; at++) {
		const struct entry *entry = &entries[*at - '0'];
		struct secret key = pki_key(entry->kind);
		struct x509_make make = {.path_length = -1,
			.server_auth = !entry->client_only,
			.client_auth = entry->client_only,
			.dns = &entry->dns,
			.dns_count = entry->dns == NULL ? 0 : 1,
			.ip = addresses,
			.ip_count = ARRAY_COUNT(addresses),
			.not_before = PKI_NOW - 10 * PKI_DAY,
			.not_after = PKI_NOW + PKI_YEAR};

		if (entry->expired) {
			make.not_after = PKI_NOW - PKI_DAY;
		} else if (entry->early) {
			make.not_before = PKI_NOW + PKI_DAY;
		}
		struct pki made = pki_make(&root, &make, entry->alias, &key);
		const struct cert *chain[] = {made.cert};

		REQUIRE("key", keystore_add_key(keystore, entry->alias, secret_bytes(&made.key), chain, 1,
				       &error) == ERR_OK);
		pki_free(&made);
		secret_free(&key);
	}
	pki_free(&root);
	return keystore;
}

static const struct {
	const char *name, *keystore; /* indexes of entries[] */
	const char *labels;          /* with commas; "": blank */
	const char *want;            /* with commas; "": refused */
	const char *words;           /* of the refusal */
} rows[] = {
	{"blank: one key", "1", "", "ec", NULL},
	{"blank: every key, in the order of the file", "21", "", "rsa,ec", NULL},
	{"blank: not one for clients only", "132", "", "ec,rsa", NULL},
	{"blank: one for clients only in front is no default", "31", "", "ec", NULL},
	{"blank: not between others either", "312", "", "ec,rsa", NULL},
	{"blank: nothing but one for clients", "3", "", "device", NULL},
	{"blank: old and new together", "014", "", "old,ec,next", NULL},
	{"blank: no key", "", "", "", "no private key"},
	{"blank: the only one has expired", "0", "", "", "has expired"},
	{"blank: the only one is not valid yet", "4", "", "", "not valid yet"},
	{"blank: none is valid now", "04", "", "", "has expired"},
	{"one label", "12", "rsa", "rsa", NULL},
	{"their order, not the file's", "12", "rsa,ec", "rsa,ec", NULL},
	{"in other letters", "12", "RSA", "rsa", NULL},
	{"one that has expired, beside a good one", "01", "old,ec", "old,ec", NULL},
	{"one that has expired", "01", "old", "", "has expired"},
	{"one that is not valid yet", "14", "next", "", "not valid yet"},
	{"one that is not there", "12", "ec,other", "", "(other)"},
	{"one for clients, by name", "13", "device", "device", NULL},
};

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct keystore *keystore = make_keystore(rows[i].keystore);
		struct material_options options = {
			.channel = "C", .keystore_path = "k.p12", .cipher = "", .now = PKI_NOW};
		struct material out = {0};
		struct buf why = BUF_INIT(1024), seen = BUF_INIT(1024);
		const char *text = "";
		char labels[128];

		(void)snprintf(labels, sizeof(labels), "%s", rows[i].labels);
		for (char *rest = labels, *one = strsep(&rest, ","); one != NULL && one[0] != '\0';
			one = strsep(&rest, ",")) {
			(void)snprintf(
				options.labels[options.label_count++], sizeof(options.labels[0]), "%s", one);
		}
		enum err err = identities_build(&options, keystore, &out, &why);

		CHECK(rows[i].name,
			(err == ERR_OK) == (rows[i].want[0] != '\0') && (out.tls != NULL) == (err == ERR_OK));
		for (size_t j = 0; out.tls != NULL && j < tls_set_count(out.tls); j++) {
			struct tls_identity identity = tls_set_at(out.tls, j);

			REQUIRE("text",
				buf_printf(&seen, "%s%s", j == 0 ? "" : ",", identity.label) == ERR_OK);
		}
		REQUIRE("text", buf_text(&seen, &text) == ERR_OK);
		CHECK(rows[i].name, strcmp(text, rows[i].want) == 0);
		if (rows[i].words != NULL) {
			REQUIRE("text", buf_text(&why, &text) == ERR_OK);
			CHECK(rows[i].name,
				strstr(text, rows[i].words) != NULL && strstr(text, "k.p12") != NULL);
		}
		buf_release(&why);
		buf_release(&seen);
		material_release(&out);
		keystore_free(keystore);
	}
}

static void test_facts(void)
{
	struct keystore *keystore = make_keystore("241");
	struct material_options options = {.channel = "C", .keystore_path = "k.p12", .cipher = ""};
	struct material out = {0};
	struct buf why = BUF_INIT(1024);

	REQUIRE("built", identities_build(&options, keystore, &out, &why) == ERR_OK);
	/* The set stands alone. */
	keystore_free(keystore);
	REQUIRE("three", tls_set_count(out.tls) == 3);
	struct tls_identity rsa = tls_set_at(out.tls, 0), next = tls_set_at(out.tls, 1);

	CHECK("kinds", rsa.kind == KEY_RSA && next.kind == KEY_EC_P384);
	CHECK("times", rsa.not_before == PKI_NOW - 10 * PKI_DAY && rsa.not_after == PKI_NOW + PKI_YEAR &&
			       next.not_before == PKI_NOW + PKI_DAY);
	CHECK("the longest", out.leaf_not_after == PKI_NOW + PKI_YEAR);
	REQUIRE("names", next.name_count == 3);
	CHECK("a DNS name",
		next.names[0].kind == TLS_NAME_DNS && bytes_equal_text(next.names[0].value, "b.example"));
	CHECK("an IPv4 address", next.names[1].kind == TLS_NAME_IP && next.names[1].value.len == 4 &&
					 next.names[1].value.data[3] == 7);
	CHECK("an IPv6 address", next.names[2].kind == TLS_NAME_IP && next.names[2].value.len == 16);
	material_release(&out);
	buf_release(&why);
}

/* As many as there may be, by name. */
static void test_limit(void)
{
	struct keystore *keystore = make_keystore("1");
	struct material_options options = {.channel = "C", .keystore_path = "k.p12", .cipher = ""};
	struct keystore_error error = {0};
	struct material out = {0};
	struct buf why = BUF_INIT(1024);
	struct pki server = pki_self_signed("server");
	const struct cert *chain[] = {server.cert};

	for (unsigned i = 0; i < TLS_IDENTITIES_MAX; i++) {
		char alias[16];

		(void)snprintf(alias, sizeof(alias), "key%u", i);
		REQUIRE("key", keystore_add_key(keystore, alias, secret_bytes(&server.key), chain, 1,
				       &error) == ERR_OK);
	}
	REQUIRE("built", identities_build(&options, keystore, &out, &why) == ERR_OK);
	CHECK("those for clients are left out", tls_set_count(out.tls) == 1);
	material_release(&out);
	for (unsigned i = 0; i < TLS_IDENTITIES_MAX; i++) {
		(void)snprintf(options.labels[options.label_count++], sizeof(options.labels[0]), "key%u", i);
	}
	REQUIRE("built", identities_build(&options, keystore, &out, &why) == ERR_OK);
	CHECK("sixteen by name", tls_set_count(out.tls) == TLS_IDENTITIES_MAX);
	material_release(&out);
	pki_free(&server);
	keystore_free(keystore);
	buf_release(&why);
}

/* RSA takes long: a P-256 and a P-384 key do. */
static void test_nth_allocation(void)
{
	struct keystore *keystore = make_keystore("14");
	struct material_options options = {.channel = "C", .keystore_path = "k.p12", .cipher = ""};
	bool failed = true;

	for (unsigned long n = 1; failed && n < 5000; n++) {
		struct material out = {0};
		struct buf why = BUF_INIT(1024);

		test_alloc_fail_at(n);
		enum err err = identities_build(&options, keystore, &out, &why);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation: a set or none", (err == ERR_OK) == (out.tls != NULL));
		CHECK("Nth allocation: without failure it is whole", failed || tls_set_count(out.tls) == 2);
		material_release(&out);
		buf_release(&why);
	}
	CHECK("it ends", !failed);
	keystore_free(keystore);
}

int main(void)
{
	pki_init();
	test_rows();
	test_facts();
	test_limit();
	test_nth_allocation();
	return test_result();
}
