/*
 * test_crl.c - revocation lists: reading, looking up, which list serves, and what each lack of knowledge leads to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/x509/pki.h"

static void test_cut(struct bytes whole)
{
	struct crl *out = NULL;
	for (size_t n = 0; n < whole.len; n++) {
		uint8_t *copy = NULL;
		if (n != 0) {
			REQUIRE("memory", bytes_dup(bytes_of(whole.data, n), &copy) == ERR_OK);
		}
		CHECK("cut at every byte", crl_parse(bytes_of(copy, n), &out, NULL) == ERR_MALFORMED);
		free(copy);
	}
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		test_alloc_fail_at(n);
		enum err err = crl_parse(whole, &out, NULL);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("the Nth allocation fails", err == (failed ? ERR_NOMEM : ERR_OK));
		CHECK("the Nth allocation fails", (out == NULL) == failed);
		crl_unref(out);
	}
}

/* root > ca > leaf and another leaf, with the lists that the rows name. */
struct world {
	struct pki root, ca, impostor, leaf, other;
	struct trust_set *trust;
	struct crl *root_list;
};

enum list { NONE, EMPTY, LISTED, STALE, STALE_LISTED, FUTURE, FUTURE_LISTED, FORGED, NO_NEXT };

static struct crl *make_list(const struct world *world, enum list which, uint64_t number)
{
	const struct cert *revoked[] = {world->other.cert, world->leaf.cert};
	size_t count = which == LISTED || which == STALE_LISTED || which == FUTURE_LISTED ? 2 : 1;
	const struct pki *issuer = which == FORGED ? &world->impostor : &world->ca;
	int64_t from = PKI_NOW - 9 * PKI_DAY;
	int64_t to = PKI_NOW + PKI_DAY;
	switch (which) {
	case NONE: return NULL;
	case STALE:
	case STALE_LISTED: to = PKI_NOW - 1; break;
	case FUTURE:
	case FUTURE_LISTED: from = PKI_NOW + 1; break;
	case NO_NEXT: to = X509_NEVER; break;
	case EMPTY:
	case LISTED:
	case FORGED: break;
	}
	return pki_crl_at(issuer, number, from, to, revoked, count);
}

static struct x509_answer judge(const struct world *world, enum list first, enum list second,
	enum x509_revocation mode, bool incomplete)
{
	struct crl *lists[3] = {world->root_list, make_list(world, first, 7), make_list(world, second, 6)};
	const struct crl *all[3];
	size_t count = 0;
	struct crl_set *set = NULL;
	const struct cert *chain[] = {world->leaf.cert, world->ca.cert};
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		if (lists[i] != NULL) {
			all[count++] = lists[i];
		}
	}
	REQUIRE("set", crl_set_new(all, count, 3, &set) == ERR_OK);
	struct x509_question question = {.chain = chain,
		.chain_count = 2,
		.trust = world->trust,
		.crls = set,
		.now = PKI_NOW,
		.revocation = mode,
		.crl_set_incomplete = incomplete};
	struct x509_answer answer;
	x509_judge(&question, &answer);
	crl_set_unref(set);
	crl_unref(lists[1]);
	crl_unref(lists[2]);
	return answer;
}

static void test_cells(const struct world *world)
{
	static const struct {
		const char *name;
		enum list first, second; /* numbers 7 and 6 */
		enum x509_reason required, if_available, incomplete;
	} rows[] = {
		{"fresh, not listed", EMPTY, NONE, X509_OK, X509_OK, X509_OK},
		{"fresh, listed", LISTED, NONE, X509_REVOKED, X509_REVOKED, X509_REVOKED},
		{"none", NONE, NONE, X509_CRL_MISSING, X509_OK, X509_CRL_MISSING},
		{"stale, not listed", STALE, NONE, X509_CRL_STALE, X509_CRL_STALE, X509_CRL_STALE},
		{"stale, listed: positive knowledge", STALE_LISTED, NONE, X509_REVOKED, X509_REVOKED,
			X509_REVOKED},
		{"RFC 5280 5.1.2.5 no nextUpdate", NO_NEXT, NONE, X509_CRL_STALE, X509_CRL_STALE,
			X509_CRL_STALE},
		{"RFC 5280 5.1.2.4 in the future", FUTURE, NONE, X509_CRL_NOT_YET_VALID,
			X509_CRL_NOT_YET_VALID, X509_CRL_NOT_YET_VALID},
		{"in the future, listed", FUTURE_LISTED, NONE, X509_REVOKED, X509_REVOKED, X509_REVOKED},
		{"in the future, an older one in force", FUTURE, EMPTY, X509_OK, X509_OK, X509_OK},
		{"RFC 5280 6.3.3 (g) signed by another", FORGED, NONE, X509_CRL_UNSUPPORTED,
			X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED},
		{"a forged newer one does not push out the real one", FORGED, LISTED, X509_REVOKED,
			X509_REVOKED, X509_REVOKED},
		{"a forged newer one, real one not listing", FORGED, EMPTY, X509_OK, X509_OK, X509_OK},
		{"RFC 5280 5.2.3 the higher number serves: released", EMPTY, LISTED, X509_OK, X509_OK,
			X509_OK},
		{"RFC 5280 5.2.3 the higher number serves: revoked", LISTED, EMPTY, X509_REVOKED,
			X509_REVOKED, X509_REVOKED},
		{"the newest is stale: no falling back", STALE, EMPTY, X509_CRL_STALE, X509_CRL_STALE,
			X509_CRL_STALE},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct {
			enum x509_revocation mode;
			bool incomplete;
			enum x509_reason want;
		} cells[] = {
			{X509_REVOCATION_NONE, false, X509_OK},
			{X509_REVOCATION_REQUIRED, false, rows[i].required},
			{X509_REVOCATION_REQUIRED, true, rows[i].required},
			{X509_REVOCATION_IF_AVAILABLE, false, rows[i].if_available},
			{X509_REVOCATION_IF_AVAILABLE, true, rows[i].incomplete},
		};
		for (size_t j = 0; j < ARRAY_COUNT(cells); j++) {
			struct x509_answer answer = judge(
				world, rows[i].first, rows[i].second, cells[j].mode, cells[j].incomplete);
			if (answer.reason != cells[j].want) {
				printf("%s %zu: %s (%s)\n", rows[i].name, j, x509_reason_name(answer.reason),
					answer.sentence);
			}
			CHECK(rows[i].name, answer.reason == cells[j].want);
			CHECK(rows[i].name, (answer.verdict == X509_ACCEPT) == (cells[j].want == X509_OK));
			CHECK(rows[i].name, answer.revocation_known ==
						    (cells[j].want == X509_OK && rows[i].first != NONE &&
							    cells[j].mode != X509_REVOCATION_NONE));
		}
	}
	struct x509_answer answer = judge(world, EMPTY, NONE, X509_REVOCATION_REQUIRED, false);
	CHECK("valid until nextUpdate", answer.valid_until == PKI_NOW + PKI_DAY);
	answer = judge(world, STALE, NONE, X509_REVOCATION_REQUIRED, false);
	CHECK("a sentence says how late", strstr(answer.sentence, "past its nextUpdate") != NULL);
}

/* An intermediate on its root's list takes all below it along, also where the leaf's own list is missing. */
static void test_intermediate(const struct world *world)
{
	const struct cert *revoked[] = {world->ca.cert};
	struct crl *list = pki_crl(&world->root, 9, revoked, 1);
	struct crl_set *set = pki_crls(list, NULL);
	struct x509_answer answer = pki_judge(
		world->trust, set, X509_REVOCATION_REQUIRED, world->leaf.cert, world->ca.cert, NULL);
	CHECK("a revoked intermediate outweighs a missing list", answer.reason == X509_REVOKED);
	CHECK("a revoked intermediate is named", strstr(answer.sentence, "Plant 7 CA") != NULL);
	crl_set_unref(set);
	crl_unref(list);
}

/* Lists that are not full: each covers what it says and no more. */
static void test_odd_lists(const struct world *world)
{
	static const struct {
		const char *name;
		struct x509_make_extension extension;
		enum x509_reason want, want_listed;
	} rows[] = {
		{"RFC 5280 5.2.5 onlyContainsUserCerts",
			{"2.5.29.28", true, {(const uint8_t *)"\x30\x03\x81\x01\xff", 5}}, X509_OK,
			X509_REVOKED},
		{"RFC 5280 5.2.5 onlyContainsCACerts",
			{"2.5.29.28", true, {(const uint8_t *)"\x30\x03\x82\x01\xff", 5}},
			X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED},
		{"RFC 5280 5.2.5 not critical does not make it full",
			{"2.5.29.28", false, {(const uint8_t *)"\x30\x03\x82\x01\xff", 5}},
			X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED},
		{"RFC 5280 5.2.5 onlyContainsAttributeCerts",
			{"2.5.29.28", true, {(const uint8_t *)"\x30\x03\x85\x01\xff", 5}},
			X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED},
		{"RFC 5280 5.2.5 onlySomeReasons",
			{"2.5.29.28", true, {(const uint8_t *)"\x30\x04\x83\x02\x06\x40", 6}},
			X509_CRL_UNSUPPORTED, X509_REVOKED},
		{"RFC 5280 5.2.5 of a point that the certificate does not name",
			{"2.5.29.28", true, {(const uint8_t *)"\x30\x0a\xa0\x08\xa0\x06\x86\x04http", 12}},
			X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED},
		{"RFC 5280 5.2.4 a delta alone", {"2.5.29.27", true, {(const uint8_t *)"\x02\x01\x01", 3}},
			X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED},
		{"RFC 5280 5.2 unknown critical",
			{"1.3.6.1.4.1.55555.1", true, {(const uint8_t *)"\x05\x00", 2}}, X509_CRL_UNSUPPORTED,
			X509_CRL_UNSUPPORTED},
		{"RFC 5280 5.2 unknown, not critical",
			{"1.3.6.1.4.1.55555.1", false, {(const uint8_t *)"\x05\x00", 2}}, X509_OK,
			X509_REVOKED},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		for (size_t listed = 0; listed < 2; listed++) {
			struct x509_make_revoked entry = {
				.serial = cert_serial(world->leaf.cert), .when = PKI_NOW, .reason = 1};
			struct buf der = BUF_INIT(65536);
			struct crl *crl = NULL;
			REQUIRE(rows[i].name,
				x509_make_crl_extended(world->ca.cert, secret_bytes(&world->ca.key),
					PKI_NOW - 1, PKI_NOW + PKI_DAY, 5, &entry, listed, &rows[i].extension,
					1, &der) == ERR_OK);
			REQUIRE(rows[i].name, crl_parse(buf_bytes(&der), &crl, NULL) == ERR_OK);
			struct crl_set *set = pki_crls(world->root_list, crl);
			struct x509_answer answer = pki_judge(world->trust, set, X509_REVOCATION_REQUIRED,
				world->leaf.cert, world->ca.cert, NULL);
			CHECK(rows[i].name, answer.reason == (listed ? rows[i].want_listed : rows[i].want));
			crl_set_unref(set);
			crl_unref(crl);
			buf_release(&der);
		}
	}
}

/* RFC 5280 5.2.4, 6.3.3 (c): a delta beside its base, which has number 5. */
static void test_deltas(const struct world *world)
{
	static const struct {
		const char *name;
		bool base_lists, delta_lists;
		int base_reason, delta_reason;
		uint8_t delta_base;
		uint64_t delta_number;
		int64_t delta_next;
		enum x509_reason want;
		bool delta_odd;      /* a critical extension that nobody knows */
		bool delta_tomorrow; /* its thisUpdate */
	} rows[] = {
		{"neither lists", false, false, -1, -1, 5, 6, PKI_DAY, X509_OK, false, false},
		{"only the delta lists", false, true, -1, 1, 5, 6, PKI_DAY, X509_REVOKED, false, false},
		{"only the base lists", true, false, 1, -1, 5, 6, PKI_DAY, X509_REVOKED, false, false},
		{"a hold lifted", true, true, 6, 8, 5, 6, PKI_DAY, X509_OK, false, false},
		{"a hold lifted by a stale delta", true, true, 6, 8, 5, 6, -1, X509_REVOKED, false, false},
		{"a stale delta lists", false, true, -1, 1, 5, 6, -1, X509_REVOKED, false, false},
		{"the delta builds on a later base", true, true, 6, 8, 6, 7, PKI_DAY, X509_REVOKED, false,
			false},
		{"RFC 5280 6.3.3 (c) a delta that builds on a later base lists", false, true, -1, 1, 6, 7,
			PKI_DAY, X509_REVOKED, false, false},
		{"a stale delta that builds on a later base lists", false, true, -1, 1, 6, 7, -1,
			X509_REVOKED, false, false},
		{"a delta that builds on a later base does not list", false, false, -1, -1, 6, 7, PKI_DAY,
			X509_OK, false, false},
		{"a delta that builds on a later base takes off", false, true, -1, 8, 6, 7, PKI_DAY, X509_OK,
			false, false},
		{"the delta is older than the base", true, true, 6, 8, 4, 5, PKI_DAY, X509_REVOKED, false,
			false},
		{"RFC 5280 5.2 a hold lifted by a delta with an unknown critical extension", true, true, 6, 8,
			5, 6, PKI_DAY, X509_REVOKED, true, false},
		{"RFC 5280 5.2 such a delta lists", false, true, -1, 1, 5, 6, PKI_DAY, X509_REVOKED, true,
			false},
		{"a hold lifted by the delta of tomorrow", true, true, 6, 8, 5, 6, 2 * PKI_DAY, X509_REVOKED,
			false, true},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t base_number[] = {0x02, 0x01, rows[i].delta_base};
		const struct x509_make_extension extensions[] = {
			{"2.5.29.27", true, {base_number, sizeof(base_number)}},
			{"1.3.6.1.4.1.55555.1", true, {(const uint8_t *)"\x05\x00", 2}}};
		struct x509_make_revoked base_entry = {.serial = cert_serial(world->leaf.cert),
			.when = PKI_NOW,
			.reason = rows[i].base_reason};
		struct x509_make_revoked delta_entry = {.serial = cert_serial(world->leaf.cert),
			.when = PKI_NOW,
			.reason = rows[i].delta_reason};
		struct buf der = BUF_INIT(65536);
		struct crl *base = NULL;
		struct crl *delta = NULL;
		struct crl_set *set = NULL;
		REQUIRE(rows[i].name, x509_make_crl(world->ca.cert, secret_bytes(&world->ca.key),
					      PKI_NOW - 10, PKI_NOW + PKI_DAY, 5, &base_entry,
					      rows[i].base_lists ? 1 : 0, &der) == ERR_OK);
		REQUIRE(rows[i].name, crl_parse(buf_bytes(&der), &base, NULL) == ERR_OK);
		der.len = 0;
		REQUIRE(rows[i].name, x509_make_crl_extended(world->ca.cert, secret_bytes(&world->ca.key),
					      rows[i].delta_tomorrow ? PKI_NOW + PKI_DAY : PKI_NOW - 9,
					      PKI_NOW + rows[i].delta_next, rows[i].delta_number,
					      &delta_entry, rows[i].delta_lists ? 1 : 0, extensions,
					      rows[i].delta_odd ? 2 : 1, &der) == ERR_OK);
		REQUIRE(rows[i].name, crl_parse(buf_bytes(&der), &delta, NULL) == ERR_OK);
		const struct crl *all[] = {world->root_list, base, delta};
		REQUIRE(rows[i].name, crl_set_new(all, 3, 1, &set) == ERR_OK);
		struct x509_answer answer = pki_judge(
			world->trust, set, X509_REVOCATION_REQUIRED, world->leaf.cert, world->ca.cert, NULL);
		CHECK(rows[i].name, answer.reason == rows[i].want);
		CHECK("RFC 5280 5.3.1 a hold may be taken back",
			answer.on_hold == (rows[i].want == X509_REVOKED && rows[i].base_reason == 6));
		crl_set_unref(set);
		crl_unref(base);
		crl_unref(delta);
		buf_release(&der);
	}
}

/* RFC 5280 6.3.3 (f): lists signed by another certificate of the CA's name. */
static void test_signers(const struct world *world)
{
	const struct x509_make signs_lists = {.path_length = -1, .key_usage = 1u << 6};
	const struct x509_make signs_data = {.path_length = -1, .key_usage = 1u << 0};
	struct pki good = pki_make(&world->root, &signs_lists, "Plant 7 CA", NULL);
	struct pki no_usage = pki_make(&world->root, &signs_data, "Plant 7 CA", NULL);
	struct pki other_root = pki_root("Root");
	struct pki foreign = pki_make(&other_root, &signs_lists, "Plant 7 CA", NULL);
	struct pki by_device = pki_make(&world->leaf, &signs_lists, "Plant 7 CA", NULL);
	const struct {
		const char *name;
		const struct pki *signer;
		bool signer_revoked, present;
		enum x509_reason want, want_listed;
		bool no_root_list, kept; /* kept: by the operator */
	} rows[] = {
		{"vouched for by the root", &good, false, true, X509_OK, X509_REVOKED, false, false},
		{"nobody knows whether it is revoked", &good, false, true, X509_CRL_UNSUPPORTED,
			X509_CRL_UNSUPPORTED, true, false},
		{"not presented", &good, false, false, X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED, false,
			false},
		{"itself revoked", &good, true, true, X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED, false,
			false},
		{"without cRLSign", &no_usage, false, true, X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED, false,
			false},
		{"of a foreign root of the same name", &foreign, false, true, X509_CRL_UNSUPPORTED,
			X509_CRL_UNSUPPORTED, false, false},
		{"issued by the device itself", &by_device, false, true, X509_CRL_UNSUPPORTED,
			X509_CRL_UNSUPPORTED, false, false},
		{"kept by the operator, vouched for by the root", &good, false, false, X509_OK, X509_REVOKED,
			false, true},
		{"kept by the operator, nobody knows whether it is revoked", &good, false, false,
			X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED, true, true},
		{"kept by the operator, itself revoked", &good, true, false, X509_CRL_UNSUPPORTED,
			X509_CRL_UNSUPPORTED, false, true},
		{"kept by the operator, without cRLSign", &no_usage, false, false, X509_CRL_UNSUPPORTED,
			X509_CRL_UNSUPPORTED, false, true},
		{"kept by the operator, of a foreign root of the same name", &foreign, false, false,
			X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED, false, true},
		{"kept by the operator, issued by the device itself", &by_device, false, false,
			X509_CRL_UNSUPPORTED, X509_CRL_UNSUPPORTED, false, true},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		for (size_t listed = 0; listed < 2; listed++) {
			const struct cert *revoked[] = {world->leaf.cert};
			struct crl *list = pki_crl(rows[i].signer, 5, revoked, listed);
			struct crl *of_root =
				pki_crl(&world->root, 2, (const struct cert *const *)&rows[i].signer->cert,
					rows[i].signer_revoked ? 1 : 0);
			struct crl_set *set = pki_crls(rows[i].no_root_list ? NULL : of_root, list);
			struct trust_set *trust = pki_trust(world->root.cert, NULL);
			REQUIRE(rows[i].name, trust_set_add_signers(trust,
						      (const struct cert *const *)&rows[i].signer->cert,
						      rows[i].kept ? 1 : 0) == ERR_OK);
			struct x509_answer answer =
				pki_judge(trust, set, X509_REVOCATION_REQUIRED, world->leaf.cert,
					world->ca.cert, rows[i].present ? rows[i].signer->cert : NULL);
			if (answer.reason != (listed ? rows[i].want_listed : rows[i].want)) {
				printf("%s: %s (%s)\n", rows[i].name, x509_reason_name(answer.reason),
					answer.sentence);
			}
			CHECK(rows[i].name, answer.reason == (listed ? rows[i].want_listed : rows[i].want));
			crl_set_unref(set);
			trust_set_unref(trust);
			crl_unref(list);
			crl_unref(of_root);
		}
	}
	pki_free(&good);
	pki_free(&no_usage);
	pki_free(&other_root);
	pki_free(&foreign);
	pki_free(&by_device);
}

/* RFC 5280 4.2.1.3: the CA's key usage must allow cRLSign. */
static void test_crl_sign(void)
{
	struct pki root = pki_make(
		NULL, &(struct x509_make){.ca = true, .path_length = -1, .key_usage = 1u << 5}, "Root", NULL);
	struct pki leaf = pki_leaf(&root, "dev");
	struct crl *list = pki_crl(&root, 1, NULL, 0);
	struct trust_set *trust = pki_trust(root.cert, NULL);
	struct crl_set *set = pki_crls(list, NULL);
	struct x509_answer answer = pki_judge(trust, set, X509_REVOCATION_REQUIRED, leaf.cert, NULL, NULL);
	CHECK("RFC 5280 6.3.3 (f) no cRLSign", answer.reason == X509_CRL_BAD_SIGNATURE);
	crl_set_unref(set);
	trust_set_unref(trust);
	crl_unref(list);
	pki_free(&root);
	pki_free(&leaf);
}

#define MANY 3000u

static void test_many(const struct world *world)
{
	struct x509_make_revoked *entries = calloc(MANY, sizeof(*entries));
	uint8_t(*serials)[3] = calloc(MANY, sizeof(*serials));
	struct buf der = BUF_INIT(1u << 22);
	struct crl *crl = NULL;
	REQUIRE("memory", entries != NULL && serials != NULL);
	for (size_t i = 0; i < MANY; i++) { /* in no order */
		size_t mixed = i * 7919u % MANY;
		serials[i][0] = 0x40;
		serials[i][1] = (uint8_t)(mixed >> 7);
		serials[i][2] = (uint8_t)((mixed & 0x7fu) << 1);
		entries[i] = (struct x509_make_revoked){
			.serial = bytes_of(serials[i], 3), .when = PKI_NOW, .reason = i % 2 ? 1 : -1};
	}
	REQUIRE("made", x509_make_crl(world->ca.cert, secret_bytes(&world->ca.key), PKI_NOW,
				PKI_NOW + PKI_DAY, 1, entries, MANY, &der) == ERR_OK);
	REQUIRE("read", crl_parse(buf_bytes(&der), &crl, NULL) == ERR_OK);
	CHECK("count", crl_entry_count(crl) == MANY);
	struct crl_set *set = pki_crls(world->root_list, crl);
	unsigned wrong = 0;
	for (unsigned i = 0; i < 2 * MANY; i += 37) {
		uint8_t serial[3] = {0x40, (uint8_t)(i >> 8), (uint8_t)i};
		bool listed = i % 2 == 0;
		struct x509_make make = {.path_length = -1, .serial = {serial, 3}};
		struct pki leaf = pki_make(&world->ca, &make, "dev", &world->leaf.key);
		struct x509_answer answer = pki_judge(
			world->trust, set, X509_REVOCATION_REQUIRED, leaf.cert, world->ca.cert, NULL);
		wrong += answer.reason == (listed ? X509_REVOKED : X509_OK) ? 0 : 1;
		pki_free(&leaf);
	}
	CHECK("each even one of 3000 is found, no odd one", wrong == 0);
	crl_set_unref(set);
	crl_unref(crl);
	buf_release(&der);
	free(entries);
	free(serials);
}

int main(void)
{
	pki_init();
	struct world world;
	world.root = pki_root("Root");
	world.ca = pki_ca(&world.root, "Plant 7 CA");
	world.impostor = pki_ca(&world.root, "Plant 7 CA");
	world.leaf = pki_leaf(&world.ca, "dev1");
	world.other = pki_leaf(&world.ca, "dev2");
	world.trust = pki_trust(world.root.cert, NULL);
	world.root_list = pki_crl(&world.root, 1, NULL, 0);
	const struct cert *revoked[] = {world.other.cert, world.leaf.cert};
	struct buf listed = BUF_INIT(PKI_DER_BYTES_MAX);
	pki_crl_der(&world.ca, 1, PKI_NOW - PKI_DAY, PKI_NOW + PKI_DAY, revoked, 2, &listed);
	test_cut(buf_bytes(&listed));
	test_cells(&world);
	test_intermediate(&world);
	test_odd_lists(&world);
	test_deltas(&world);
	test_signers(&world);
	test_crl_sign();
	test_many(&world);
	buf_release(&listed);
	crl_unref(world.root_list);
	trust_set_unref(world.trust);
	pki_free(&world.root);
	pki_free(&world.ca);
	pki_free(&world.impostor);
	pki_free(&world.leaf);
	pki_free(&world.other);
	crypto_cleanup();
	return test_result();
}
