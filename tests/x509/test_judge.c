/*
 * test_judge.c - the verdict over chains made here: what is accepted, and beside it each thing that must refuse it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/x509/pki.h"

#define BOTH(answer, want_reason)                                                                            \
	((answer).reason == (want_reason) &&                                                                 \
		(answer).verdict == ((want_reason) == X509_OK ? X509_ACCEPT : X509_REFUSE))

/* One PKI for all rows: root > ca > leaf, and an unrelated root of the same name. */
struct world {
	struct pki root, ca, leaf, impostor_root, impostor_ca;
	struct trust_set *trust;
};

static struct world world_new(void)
{
	struct world world;
	world.root = pki_root("Root");
	world.ca = pki_ca(&world.root, "Plant 7 CA");
	world.leaf = pki_leaf(&world.ca, "dev1");
	world.impostor_root = pki_root("Root");
	world.impostor_ca = pki_ca(&world.impostor_root, "Plant 7 CA");
	world.trust = pki_trust(world.root.cert, NULL);
	return world;
}

static void world_free(struct world *world)
{
	pki_free(&world->root);
	pki_free(&world->ca);
	pki_free(&world->leaf);
	pki_free(&world->impostor_root);
	pki_free(&world->impostor_ca);
	trust_set_unref(world->trust);
}

static void check_one(const char *row, const struct world *world, const struct cert *leaf,
	const struct cert *a, const struct cert *b, enum x509_reason want)
{
	struct x509_answer answer = pki_judge(world->trust, NULL, X509_REVOCATION_NONE, leaf, a, b);
	if (!BOTH(answer, want)) {
		printf("%s: %s (%s)\n", row, x509_reason_name(answer.reason), answer.sentence);
	}
	CHECK(row, BOTH(answer, want));
	CHECK(row, answer.sentence[0] != '\0');
	CHECK(row, (answer.verdict == X509_ACCEPT) == (answer.valid_until != 0));
}

static void test_chains(const struct world *world)
{
	struct pki stranger = pki_leaf(&world->impostor_ca, "dev1");
	struct pki direct = pki_leaf(&world->root, "direct");
	struct pki from_leaf = pki_leaf(&world->leaf, "child of a device");
	struct pki selfsigned = pki_self_signed("alone");
	check_one("leaf and CA", world, world->leaf.cert, world->ca.cert, NULL, X509_OK);
	check_one("leaf, root and CA in another order", world, world->leaf.cert, world->root.cert,
		world->ca.cert, X509_OK);
	check_one("leaf, CA and root", world, world->leaf.cert, world->ca.cert, world->root.cert, X509_OK);
	check_one("issued by the root itself", world, direct.cert, NULL, NULL, X509_OK);
	check_one("the CA's namesake stands in front", world, world->leaf.cert, world->impostor_ca.cert,
		world->ca.cert, X509_OK);
	check_one("CA not presented", world, world->leaf.cert, NULL, NULL, X509_UNKNOWN_ISSUER);
	check_one("same names, other keys", world, stranger.cert, world->impostor_ca.cert,
		world->impostor_root.cert, X509_BAD_SIGNATURE);
	check_one("RFC 5280 6.1.4 (k) a device is no CA", world, from_leaf.cert, world->leaf.cert,
		world->ca.cert, X509_ISSUER_NOT_CA);
	check_one("self-signed and not pinned", world, selfsigned.cert, NULL, NULL, X509_UNKNOWN_ISSUER);
	check_one("the anchor itself is no client", world, world->root.cert, NULL, NULL, X509_KEY_USAGE);
	pki_free(&stranger);
	pki_free(&direct);
	pki_free(&from_leaf);
	pki_free(&selfsigned);
}

/* Each row is one odd leaf under the good CA. */
static void test_leaves(const struct world *world)
{
	static const struct x509_make_extension unknown = {
		.oid = "1.3.6.1.4.1.55555.1", .critical = true, .value = {(const uint8_t *)"\x05\x00", 2}};
	static const struct x509_make_extension unknown_harmless = {
		.oid = "1.3.6.1.4.1.55555.1", .critical = false, .value = {(const uint8_t *)"\x05\x00", 2}};
	const int64_t day = PKI_DAY;
	const struct {
		const char *name;
		struct x509_make make;
		enum x509_reason want;
	} rows[] = {
		{"plain", {.path_length = -1}, X509_OK},
		{"RFC 5280 4.2.1.12 clientAuth", {.path_length = -1, .client_auth = true}, X509_OK},
		{"RFC 5280 4.2.1.12 serverAuth only", {.path_length = -1, .server_auth = true},
			X509_EXTENDED_KEY_USAGE},
		{"both purposes", {.path_length = -1, .client_auth = true, .server_auth = true}, X509_OK},
		{"RFC 5280 4.2.1.3 no digitalSignature", {.path_length = -1, .key_usage = 1u << 2},
			X509_KEY_USAGE},
		{"RFC 5280 4.2.1.3 absent allows", {.path_length = -1, .without_key_usage = true}, X509_OK},
		{"RFC 5280 4.2.1.9 keyCertSign without cA", {.path_length = -1, .key_usage = 0x21},
			X509_KEY_USAGE},
		{"RFC 5280 6.1.3 (a)(2) expired",
			{.path_length = -1, .not_before = PKI_NOW - 2 * day, .not_after = PKI_NOW - 1},
			X509_EXPIRED},
		{"RFC 5280 6.1.3 (a)(2) last second",
			{.path_length = -1, .not_before = PKI_NOW - 2 * day, .not_after = PKI_NOW}, X509_OK},
		{"RFC 5280 6.1.3 (a)(2) not yet",
			{.path_length = -1, .not_before = PKI_NOW + 1, .not_after = PKI_NOW + day},
			X509_NOT_YET_VALID},
		{"RFC 5280 6.1.3 (a)(2) first second",
			{.path_length = -1, .not_before = PKI_NOW, .not_after = PKI_NOW + day}, X509_OK},
		{"X.509 v1", {.path_length = -1, .version1 = true}, X509_VERSION},
		{"SHA-1", {.path_length = -1, .sha1 = true}, X509_WEAK_ALGORITHM},
		{"RFC 5280 4.2 unknown critical",
			{.path_length = -1, .extensions = &unknown, .extension_count = 1},
			X509_UNKNOWN_CRITICAL_EXTENSION},
		{"RFC 5280 4.2 unknown, not critical",
			{.path_length = -1, .extensions = &unknown_harmless, .extension_count = 1}, X509_OK},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct pki leaf = pki_make(&world->ca, &rows[i].make, "dev", NULL);
		check_one(rows[i].name, world, leaf.cert, world->ca.cert, NULL, rows[i].want);
		pki_free(&leaf);
	}
}

/* Each row is one odd CA between the root and a good leaf. */
static void test_issuers(const struct world *world)
{
	const int64_t day = PKI_DAY;
	const struct {
		const char *name;
		struct x509_make make;
		enum x509_reason want;
	} rows[] = {
		{"plain", {.ca = true, .path_length = -1}, X509_OK},
		{"path length 0, nothing below", {.ca = true, .path_length = 0}, X509_OK},
		{"RFC 5280 6.1.4 (k) basicConstraints absent",
			{.ca = true, .path_length = -1, .without_basic_constraints = true},
			X509_ISSUER_NOT_CA},
		{"RFC 5280 6.1.4 (k) cA false", {.path_length = -1, .key_usage = 0x60}, X509_ISSUER_NOT_CA},
		{"RFC 5280 6.1.4 (n) no keyCertSign", {.ca = true, .path_length = -1, .key_usage = 1u << 6},
			X509_KEY_USAGE},
		{"RFC 5280 4.2.1.3 absent allows", {.ca = true, .path_length = -1, .without_key_usage = true},
			X509_OK},
		{"EKU nesting: clientAuth", {.ca = true, .path_length = -1, .client_auth = true}, X509_OK},
		{"EKU nesting: serverAuth only", {.ca = true, .path_length = -1, .server_auth = true},
			X509_EXTENDED_KEY_USAGE},
		{"expired",
			{.ca = true,
				.path_length = -1,
				.not_before = PKI_NOW - 2 * day,
				.not_after = PKI_NOW - 1},
			X509_EXPIRED},
		{"not yet valid",
			{.ca = true,
				.path_length = -1,
				.not_before = PKI_NOW + 1,
				.not_after = PKI_NOW + day},
			X509_NOT_YET_VALID},
		{"X.509 v1", {.ca = true, .path_length = -1, .version1 = true}, X509_VERSION},
		{"SHA-1", {.ca = true, .path_length = -1, .sha1 = true}, X509_WEAK_ALGORITHM},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct pki ca = pki_make(&world->root, &rows[i].make, "CA", NULL);
		struct pki leaf = pki_leaf(&ca, "dev");
		check_one(rows[i].name, world, leaf.cert, ca.cert, NULL, rows[i].want);
		pki_free(&ca);
		pki_free(&leaf);
	}
}

/* SHA-1 only where the operator asked for it. */
static void test_sha1(const struct world *world)
{
	struct pki leaf =
		pki_make(&world->ca, &(struct x509_make){.path_length = -1, .sha1 = true}, "old", NULL);
	const struct cert *chain[] = {leaf.cert, world->ca.cert};
	struct x509_question question = {
		.chain = chain, .chain_count = 2, .trust = world->trust, .now = PKI_NOW};
	struct x509_answer answer;
	x509_judge(&question, &answer);
	CHECK("SHA-1", BOTH(answer, X509_WEAK_ALGORITHM));
	question.allow_sha1 = true;
	x509_judge(&question, &answer);
	CHECK("SHA-1 allowed", BOTH(answer, X509_OK));
	pki_free(&leaf);
}

/* RFC 5280 4.2.1.10: constraints of the CA bind the leaf. (PKITS and BetterTLS have the many cases.) */
static void test_constraints(const struct world *world)
{
	static const uint8_t only_example[] = {
		0x30, 0x0f, 0xa0, 0x0d, 0x30, 0x0b, 0x82, 0x09, 'a', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'};
	static const struct x509_make_extension critical = {
		"2.5.29.30", true, {only_example, sizeof(only_example)}};
	static const struct x509_make_extension plain = {
		"2.5.29.30", false, {only_example, sizeof(only_example)}};
	static const struct x509_make_extension broken = {
		"2.5.29.30", true, {only_example, sizeof(only_example) - 1}};
	/* Excluded: every name below CN=ß, CN=Ä. What the first is once it is normalised, we cannot say; the second is itself. */
	static const uint8_t excludes_sharp[] = {0x30, 0x15, 0xa1, 0x13, 0x30, 0x11, 0xa4, 0x0f, 0x30, 0x0d,
		0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x02, 0xc3, 0x9f};
	static const struct x509_make_extension sharp = {
		"2.5.29.30", true, {excludes_sharp, sizeof(excludes_sharp)}};
	static const uint8_t excludes_umlaut[] = {0x30, 0x15, 0xa1, 0x13, 0x30, 0x11, 0xa4, 0x0f, 0x30, 0x0d,
		0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x02, 0xc3, 0x84};
	static const struct x509_make_extension umlaut = {
		"2.5.29.30", true, {excludes_umlaut, sizeof(excludes_umlaut)}};
	static const struct {
		const char *name;
		const struct x509_make_extension *constraint;
		const char *dns;
		enum x509_reason want;
	} rows[] = {
		{"inside", &critical, "d1.a.example", X509_OK},
		{"the domain itself", &critical, "a.example", X509_OK},
		{"outside", &critical, "d1.b.example", X509_NAME_CONSTRAINTS},
		{"no label boundary", &critical, "xa.example", X509_NAME_CONSTRAINTS},
		{"not critical binds too", &plain, "d1.b.example", X509_NAME_CONSTRAINTS},
		{"a broken constraint refuses all", &broken, "d1.a.example", X509_NAME_CONSTRAINTS},
		{"an exclusion that cannot be compared", &sharp, "d1.a.example", X509_NAME_CONSTRAINTS},
		{"an exclusion of another name", &umlaut, "d1.a.example", X509_OK},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct pki ca = pki_make(&world->root,
			&(struct x509_make){.ca = true,
				.path_length = -1,
				.extensions = rows[i].constraint,
				.extension_count = 1},
			"CA", NULL);
		struct pki leaf = pki_make(&ca,
			&(struct x509_make){.path_length = -1, .dns = &rows[i].dns, .dns_count = 1}, "dev",
			NULL);
		check_one(rows[i].name, world, leaf.cert, ca.cert, NULL, rows[i].want);
		pki_free(&ca);
		pki_free(&leaf);
	}
}

static void test_path_length(void)
{
	struct pki root =
		pki_make(NULL, &(struct x509_make){.ca = true, .path_length = 0}, "Short root", NULL);
	struct pki ca = pki_ca(&root, "CA");
	struct pki direct = pki_leaf(&root, "direct");
	struct pki leaf = pki_leaf(&ca, "dev");
	/* The root's own new key, certified under the same name: self-issued, so it does not count. */
	struct pki rolled = pki_ca(&root, "Short root");
	struct pki below_rolled = pki_leaf(&rolled, "dev");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	const struct {
		const char *name;
		const struct cert *leaf, *a;
		enum x509_reason want;
	} rows[] = {
		{"RFC 5280 6.1.4 (l) at the limit", direct.cert, NULL, X509_OK},
		{"RFC 5280 6.1.4 (l) one beyond", leaf.cert, ca.cert, X509_PATH_LENGTH},
		{"RFC 5280 6.1.4 (l) self-issued does not count", below_rolled.cert, rolled.cert, X509_OK},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct x509_answer answer =
			pki_judge(trust, NULL, X509_REVOCATION_NONE, rows[i].leaf, rows[i].a, NULL);
		CHECK(rows[i].name, BOTH(answer, rows[i].want));
	}
	trust_set_unref(trust);
	pki_free(&root);
	pki_free(&ca);
	pki_free(&direct);
	pki_free(&leaf);
	pki_free(&rolled);
	pki_free(&below_rolled);
}

static void test_anchor_validity(void)
{
	struct pki root = pki_make(NULL,
		&(struct x509_make){.ca = true,
			.path_length = -1,
			.not_before = PKI_NOW - 9 * PKI_DAY,
			.not_after = PKI_NOW - 1},
		"Old root", NULL);
	struct pki leaf = pki_leaf(&root, "dev");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	struct x509_answer answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, NULL, NULL);
	CHECK("an expired anchor refuses", BOTH(answer, X509_EXPIRED));
	CHECK("an expired anchor is named", strstr(answer.sentence, "Old root") != NULL);
	trust_set_unref(trust);
	pki_free(&root);
	pki_free(&leaf);
}

static void test_pins(const struct world *world)
{
	struct pki device = pki_self_signed("pinned device");
	struct pki twin = pki_make(NULL, &(struct x509_make){.path_length = -1, .client_auth = true},
		"pinned device", &device.key);
	struct pki child = pki_leaf(&device, "child of a pin");
	struct pki late = pki_make(NULL,
		&(struct x509_make){
			.path_length = -1, .not_before = PKI_NOW - 9 * PKI_DAY, .not_after = PKI_NOW - 1},
		"late", NULL);
	struct pki old = pki_make(NULL, &(struct x509_make){.path_length = -1, .version1 = true}, "v1", NULL);
	struct pki pinned_ca = pki_root("pinned CA");
	struct pki child_of_ca = pki_leaf(&pinned_ca, "child of a pinned CA");
	const struct {
		const char *name;
		const struct cert *pin, *leaf, *a;
		enum x509_reason want;
	} rows[] = {
		{"pin: the exact certificate", device.cert, device.cert, NULL, X509_OK},
		{"pin: whatever else is presented", device.cert, device.cert, world->ca.cert, X509_OK},
		{"pin: same key and name, other certificate: the key vouches for nobody", device.cert,
			twin.cert, NULL, X509_PIN_AS_ISSUER},
		{"pin: never an issuer", device.cert, child.cert, NULL, X509_PIN_AS_ISSUER},
		{"pin: never an issuer, presented", device.cert, child.cert, device.cert, X509_PIN_AS_ISSUER},
		{"pin: a pinned CA is no issuer", pinned_ca.cert, child_of_ca.cert, NULL, X509_PIN_AS_ISSUER},
		{"pin: a pinned CA is no issuer, presented", pinned_ca.cert, child_of_ca.cert, pinned_ca.cert,
			X509_PIN_AS_ISSUER},
		{"pin: expired", late.cert, late.cert, NULL, X509_EXPIRED},
		{"pin: X.509 v1", old.cert, old.cert, NULL, X509_VERSION},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct trust_set *trust = pki_trust(world->root.cert, rows[i].pin);
		struct x509_answer answer =
			pki_judge(trust, NULL, X509_REVOCATION_REQUIRED, rows[i].leaf, rows[i].a, NULL);
		if (!BOTH(answer, rows[i].want)) {
			printf("%s: %s (%s)\n", rows[i].name, x509_reason_name(answer.reason),
				answer.sentence);
		}
		CHECK(rows[i].name, BOTH(answer, rows[i].want));
		CHECK(rows[i].name, (rows[i].want == X509_OK) == (answer.verdict == X509_ACCEPT &&
									 strcmp(answer.pin, "device") == 0));
		trust_set_unref(trust);
	}
	CHECK("self-signature of a pin", cert_verify_issued_by(device.cert, device.cert) == ERR_OK);
	CHECK("self-signature of another's", cert_verify_issued_by(child.cert, child.cert) == ERR_DENIED);
	pki_free(&device);
	pki_free(&twin);
	pki_free(&child);
	pki_free(&late);
	pki_free(&old);
	pki_free(&pinned_ca);
	pki_free(&child_of_ca);
}

static void test_key_kinds(void)
{
	static const enum key_kind kinds[] = {KEY_RSA, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_ED25519};
	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		const char *name = key_kind_name(kinds[i]);
		struct secret key = pki_key(kinds[i]);
		struct pki root =
			pki_make(NULL, &(struct x509_make){.ca = true, .path_length = -1}, "Root", &key);
		struct pki leaf = pki_leaf(&root, "dev");
		struct trust_set *trust = pki_trust(root.cert, NULL);
		struct x509_answer answer =
			pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, NULL, NULL);
		CHECK(name, BOTH(answer, X509_OK));
		CHECK(name, cert_key_kind(root.cert) == kinds[i]);
		/* The same certificate with any one bit of its signature turned. */
		struct bytes der = cert_der(leaf.cert);
		uint8_t *copy = malloc(der.len);
		REQUIRE(name, copy != NULL);
		memcpy(copy, der.data, der.len);
		copy[der.len - 1] ^= 1;
		struct cert *forged = NULL;
		REQUIRE(name, cert_parse(bytes_of(copy, der.len), &forged, NULL) == ERR_OK);
		answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, forged, NULL, NULL);
		CHECK(name, BOTH(answer, X509_BAD_SIGNATURE));
		free(copy);
		cert_unref(forged);
		trust_set_unref(trust);
		pki_free(&root);
		pki_free(&leaf);
		secret_free(&key);
	}
}

static void test_limits(const struct world *world)
{
	const struct cert *chain[X509_CHAIN_CERTS_MAX + 1];
	struct x509_question question = {.chain = chain, .trust = world->trust, .now = PKI_NOW};
	struct x509_answer answer;
	for (size_t i = 0; i < ARRAY_COUNT(chain); i++) {
		chain[i] = i == 0 ? world->leaf.cert : world->ca.cert;
	}
	question.chain_count = X509_CHAIN_CERTS_MAX;
	x509_judge(&question, &answer);
	CHECK("as many certificates as are read", BOTH(answer, X509_OK));
	question.chain_count = X509_CHAIN_CERTS_MAX + 1;
	x509_judge(&question, &answer);
	CHECK("one more", BOTH(answer, X509_LIMIT));
	question.chain_count = 0;
	x509_judge(&question, &answer);
	CHECK("none", BOTH(answer, X509_NO_CERTIFICATE));
	question.chain_count = 2;
	question.trust = NULL;
	x509_judge(&question, &answer);
	CHECK("no trust at all", BOTH(answer, X509_UNKNOWN_ISSUER));
}

/* Eight CAs of one name, each with another key: every certificate has eight issuers to try. The work stays bounded. */
static void test_work(const struct world *world)
{
	struct pki cas[X509_CHAIN_CERTS_MAX - 1];
	const struct cert *chain[X509_CHAIN_CERTS_MAX];
	struct x509_answer answer;
	struct pki first = pki_root("Loop");
	for (size_t i = 0; i < ARRAY_COUNT(cas); i++) {
		cas[i] = pki_ca(i == 0 ? &first : &cas[i - 1], "Loop");
		chain[i + 1] = cas[i].cert;
	}
	struct pki leaf = pki_leaf(&cas[ARRAY_COUNT(cas) - 1], "dev");
	chain[0] = leaf.cert;
	struct x509_question question = {.chain = chain,
		.chain_count = X509_CHAIN_CERTS_MAX,
		.trust = world->trust,
		.now = PKI_NOW,
		.purpose = X509_PURPOSE_CLIENT};
	x509_judge(&question, &answer);
	CHECK("a tangle of namesakes is refused", answer.verdict == X509_REFUSE);
	CHECK("a tangle of namesakes that no anchor signed costs nothing", answer.signatures == 0);
	for (size_t i = 0; i < ARRAY_COUNT(cas); i++) {
		pki_free(&cas[i]);
	}
	pki_free(&first);
	pki_free(&leaf);
}

/* The same with names that are ours: one check under the anchor's key for each that claims to be its issue. */
static void test_work_of_a_stranger(const struct world *world)
{
	struct pki cas[X509_CHAIN_CERTS_MAX - 1];
	const struct cert *chain[X509_CHAIN_CERTS_MAX];
	struct x509_answer answer;
	for (size_t i = 0; i < ARRAY_COUNT(cas); i++) {
		cas[i] = pki_ca(i == 0 ? &world->impostor_root : &cas[i - 1], "Root");
		chain[i + 1] = cas[i].cert;
	}
	struct pki leaf = pki_leaf(&cas[0], "dev");
	chain[0] = leaf.cert;
	struct x509_question question = {.chain = chain,
		.chain_count = X509_CHAIN_CERTS_MAX,
		.trust = world->trust,
		.now = PKI_NOW,
		.purpose = X509_PURPOSE_CLIENT};
	x509_judge(&question, &answer);
	CHECK("a stranger's namesakes of our root", BOTH(answer, X509_BAD_SIGNATURE));
	CHECK("a stranger costs one check a certificate", answer.signatures <= X509_CHAIN_CERTS_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(cas); i++) {
		pki_free(&cas[i]);
	}
	pki_free(&leaf);
}

/* "The signature holds" is remembered with a certificate: for the key that made it, and for no other. */
static void test_memo(const struct world *world)
{
	struct trust_set *impostor = pki_trust(world->impostor_root.cert, NULL);
	for (unsigned turn = 0; turn < 2; turn++) {
		check_one("its own CA", world, world->leaf.cert, world->ca.cert, NULL, X509_OK);
		struct x509_answer answer = pki_judge(impostor, NULL, X509_REVOCATION_NONE, world->leaf.cert,
			world->impostor_ca.cert, NULL);
		CHECK("the same certificate under a namesake's key", BOTH(answer, X509_BAD_SIGNATURE));
		answer = pki_judge(
			impostor, NULL, X509_REVOCATION_NONE, world->leaf.cert, world->ca.cert, NULL);
		CHECK("and its CA under a namesake's key", BOTH(answer, X509_BAD_SIGNATURE));
	}
	trust_set_unref(impostor);
}

/* As long a path as a peer may present, and as many bytes. */
static void test_longest(void)
{
	static uint8_t much[X509_CHAIN_BYTES_MAX / 2];
	const struct x509_make_extension padding = {"1.3.6.1.4.1.55555.2", false, {much, sizeof(much)}};
	const struct x509_make fat = {
		.ca = true, .path_length = -1, .extensions = &padding, .extension_count = 1};
	struct pki cas[X509_CHAIN_CERTS_MAX];
	const struct cert *chain[X509_CHAIN_CERTS_MAX];
	struct x509_answer answer;
	cas[0] = pki_root("CA 0");
	for (size_t i = 1; i < X509_CHAIN_CERTS_MAX; i++) {
		char name[] = {'C', 'A', ' ', (char)('0' + i), '\0'};
		cas[i] = pki_ca(&cas[i - 1], name);
		chain[i] = cas[i].cert;
	}
	struct pki leaf = pki_leaf(&cas[X509_CHAIN_CERTS_MAX - 1], "dev");
	struct pki fat_one = pki_make(&cas[0], &fat, "Fat 1", NULL);
	struct pki fat_two = pki_make(&cas[0], &fat, "Fat 2", NULL);
	struct pki below = pki_leaf(&fat_one, "dev");
	struct trust_set *trust = pki_trust(cas[0].cert, NULL);
	chain[0] = leaf.cert;
	struct x509_question question = {.chain = chain,
		.chain_count = X509_CHAIN_CERTS_MAX,
		.trust = trust,
		.now = PKI_NOW,
		.purpose = X509_PURPOSE_CLIENT};
	x509_judge(&question, &answer);
	CHECK("a path of as many as may be presented, and the anchor", BOTH(answer, X509_OK));
	CHECK("all of it is shown", answer.path_count == X509_CHAIN_CERTS_MAX + 1);
	answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, below.cert, fat_one.cert, NULL);
	CHECK("half of the bytes", BOTH(answer, X509_OK));
	answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, below.cert, fat_one.cert, fat_two.cert);
	CHECK("more bytes than are read", BOTH(answer, X509_LIMIT));
	for (size_t i = 0; i < X509_CHAIN_CERTS_MAX; i++) {
		pki_free(&cas[i]);
	}
	pki_free(&leaf);
	pki_free(&fat_one);
	pki_free(&fat_two);
	pki_free(&below);
	trust_set_unref(trust);
}

static void put_tlv(struct buf *out, uint8_t tag, struct bytes value)
{
	const uint8_t head[] = {tag, 0x82, (uint8_t)(value.len >> 8), (uint8_t)value.len};
	const uint8_t middle[] = {tag, 0x81, (uint8_t)value.len};
	const uint8_t brief[] = {tag, (uint8_t)value.len};
	struct bytes first = value.len > 255   ? bytes_of(head, sizeof(head))
			     : value.len > 127 ? bytes_of(middle, sizeof(middle))
					       : bytes_of(brief, sizeof(brief));
	REQUIRE("memory", buf_append(out, first) == ERR_OK && buf_append(out, value) == ERR_OK);
}

/* A SubjectPublicKeyInfo with a modulus of so many octets, all bits set. */
static struct buf rsa_spki(size_t octets, struct bytes exponent)
{
	static const uint8_t algorithm[] = {
		0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
	uint8_t modulus[2048];
	struct buf numbers = BUF_INIT(8192), key = BUF_INIT(8192), all = BUF_INIT(8192), out = BUF_INIT(8192);
	memset(modulus, 0xff, sizeof(modulus));
	modulus[0] = 0;
	put_tlv(&numbers, 0x02, bytes_of(modulus, octets + 1));
	put_tlv(&numbers, 0x02, exponent);
	REQUIRE("memory", buf_append_u8(&key, 0) == ERR_OK);
	put_tlv(&key, 0x30, buf_bytes(&numbers));
	REQUIRE("memory", buf_append(&all, bytes_of(algorithm, sizeof(algorithm))) == ERR_OK);
	put_tlv(&all, 0x03, buf_bytes(&key));
	put_tlv(&out, 0x30, buf_bytes(&all));
	buf_release(&numbers);
	buf_release(&key);
	buf_release(&all);
	return out;
}

/* Keys that nobody should hold, in certificates that our CA signed all the same. */
static void test_odd_rsa(const struct world *world)
{
	static const struct {
		const char *name;
		size_t octets;
		struct bytes exponent;
		uint8_t exponent_then; /* what it is made into; 0: stays */
		enum x509_reason want;
	} rows[] = {
		{"2048 bits", 256, {(const uint8_t *)"\x01\x00\x01", 3}, 0, X509_OK},
		{"2040 bits", 255, {(const uint8_t *)"\x01\x00\x01", 3}, 0, X509_WEAK_ALGORITHM},
		{"8192 bits", 1024, {(const uint8_t *)"\x01\x00\x01", 3}, 0, X509_OK},
		{"8200 bits", 1025, {(const uint8_t *)"\x01\x00\x01", 3}, 0, X509_UNSUPPORTED_ALGORITHM},
		{"exponent 3", 256, {(const uint8_t *)"\x03", 1}, 0, X509_OK},
		{"exponent 1: everything would be its own signature", 256, {(const uint8_t *)"\x03", 1}, 0x01,
			X509_MALFORMED},
		{"exponent 2", 256, {(const uint8_t *)"\x03", 1}, 0x02, X509_MALFORMED},
		{"exponent below zero", 256, {(const uint8_t *)"\x03", 1}, 0x81, X509_MALFORMED},
	};
	struct x509_make_attribute subject = {.key = "CN", .value = "rsa"};
	const struct x509_make make = {.subject = &subject,
		.subject_count = 1,
		.path_length = -1,
		.not_before = PKI_NOW - PKI_DAY,
		.not_after = PKI_NOW + PKI_DAY};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf spki = rsa_spki(rows[i].octets, rows[i].exponent);
		struct buf der = BUF_INIT(65536);
		struct cert *cert = NULL;
		REQUIRE(rows[i].name, x509_make_cert(&make, buf_bytes(&spki), world->ca.cert,
					      secret_bytes(&world->ca.key), &der) == ERR_OK);
		if (rows[i].exponent_then != 0) { /* our own maker would refuse it */
			uint8_t *at = memmem(der.data, der.len, "\xff\x02\x01\x03", 4);
			REQUIRE(rows[i].name, at != NULL);
			at[3] = rows[i].exponent_then;
		}
		enum err err = cert_parse(buf_bytes(&der), &cert, NULL);
		CHECK(rows[i].name, err == (rows[i].want == X509_MALFORMED ? ERR_MALFORMED : ERR_OK));
		if (cert != NULL) {
			check_one(rows[i].name, world, cert, world->ca.cert, NULL, rows[i].want);
		}
		cert_unref(cert);
		buf_release(&spki);
		buf_release(&der);
	}
}

static void test_no_memory(const struct world *world)
{
	struct crl *root_crl = pki_crl(&world->root, 1, NULL, 0);
	const struct cert *revoked[] = {world->leaf.cert};
	struct crl *ca_crl = pki_crl(&world->ca, 1, revoked, 1);
	struct crl *ca_empty = pki_crl(&world->ca, 2, NULL, 0);
	struct crl_set *refusing = pki_crls(root_crl, ca_crl);
	struct crl_set *accepting = pki_crls(root_crl, ca_empty);
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		test_alloc_fail_at(n);
		struct x509_answer answer = pki_judge(world->trust, refusing, X509_REVOCATION_REQUIRED,
			world->leaf.cert, world->ca.cert, NULL);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails: never accepted", answer.verdict == X509_REFUSE);
	}
	failed = true;
	for (unsigned long n = 1; failed; n++) {
		test_alloc_fail_at(n);
		struct x509_answer answer = pki_judge(world->trust, accepting, X509_REVOCATION_REQUIRED,
			world->leaf.cert, world->ca.cert, NULL);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails: accepted for good reason, or refused for memory",
			answer.verdict == X509_ACCEPT || answer.verdict == X509_REFUSE);
		if (!failed) {
			CHECK("and accepted in the end", BOTH(answer, X509_OK));
		}
	}
	crl_unref(root_crl);
	crl_unref(ca_crl);
	crl_unref(ca_empty);
	crl_set_unref(refusing);
	crl_set_unref(accepting);
}

int main(void)
{
	pki_init();
	struct world world = world_new();
	test_chains(&world);
	test_leaves(&world);
	test_issuers(&world);
	test_sha1(&world);
	test_constraints(&world);
	test_path_length();
	test_anchor_validity();
	test_pins(&world);
	test_key_kinds();
	test_limits(&world);
	test_work(&world);
	test_work_of_a_stranger(&world);
	test_memo(&world);
	test_longest();
	test_odd_rsa(&world);
	test_no_memory(&world);
	world_free(&world);
	crypto_cleanup();
	return test_result();
}
