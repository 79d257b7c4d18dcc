/*
 * test_path.c - building paths where certificates are cross-signed, renewed, namesakes of each other or too many.
 * Goal:    each knot that a real PKI ties is undone, in whatever order it is presented; beside it what must not be.
 */
#include <stdio.h>
#include <string.h>

#include "tests/x509/pki.h"

enum id {
	NONE,
	/* Two roots, the new one with a key and name of its own, each certified by the other. */
	OLD,
	NEW,
	NEW_BY_OLD,
	OLD_BY_NEW,
	OLD_LATE, /* name and key of OLD, expired */
	NEW_CA,
	NEW_DEVICE,
	OLD_CA,
	OLD_DEVICE,
	/* One name, two keys (RFC 4210 4.4): the second certified with the first, and the first with the second. */
	FIRST,
	SECOND,
	SECOND_WITH_FIRST,
	FIRST_WITH_SECOND,
	FIRST_DEVICE,
	SECOND_DEVICE,
	/* CAs that certify each other in a ring of two and of three; the way in is through B or C, from the old root. */
	A_BY_B,
	B_BY_A,
	B_BY_C,
	C_BY_A,
	B_BY_OLD,
	B_BY_OLD_LATE,
	C_BY_OLD,
	A_BY_ITSELF,
	A_DEVICE,
	/* One name, three keys, all certified by the old root, and one that a stranger made. */
	TWIN_1,
	TWIN_2,
	TWIN_3,
	TWIN_FORGED,
	TWIN_2_DEVICE,
	/* One name, one key, issued again. */
	SHOP_LATE,
	SHOP,
	SHOP_DEVICE,
	/* One name, one key, two roots: the old one allows it less. */
	HALL_BY_OLD,
	HALL_BY_NEW,
	HALL_DEVICE,
	HALL_SHORT, /* by the old root, with no CA below */
	HALL_LONG,  /* the same, by the new root */
	ROOM,       /* a CA below */
	ROOM_DEVICE,
	STRANGER,
	ID_COUNT
};

#define CA_MAKE   .ca = true, .path_length = -1
#define LATE      .not_before = PKI_NOW - 9 * PKI_DAY, .not_after = PKI_NOW - 1
#define GIVEN_MAX 6u

static struct pki cross(struct pki *all, enum id issuer, const char *name, const struct pki *subject)
{
	return pki_make(&all[issuer], &(struct x509_make){CA_MAKE}, name, &subject->key);
}

static void make_roots(struct pki *all)
{
	all[OLD] = pki_root("Old Root");
	all[NEW] = pki_root("New Root");
	all[NEW_BY_OLD] = cross(all, OLD, "New Root", &all[NEW]);
	all[OLD_BY_NEW] = cross(all, NEW, "Old Root", &all[OLD]);
	all[OLD_LATE] = pki_make(NULL, &(struct x509_make){CA_MAKE, LATE}, "Old Root", &all[OLD].key);
	all[NEW_CA] = pki_ca(&all[NEW], "Plant CA");
	all[NEW_DEVICE] = pki_leaf(&all[NEW_CA], "new device");
	all[OLD_CA] = pki_ca(&all[OLD], "Legacy CA");
	all[OLD_DEVICE] = pki_leaf(&all[OLD_CA], "old device");
	all[FIRST] = pki_root("Root");
	all[SECOND] = pki_root("Root");
	all[SECOND_WITH_FIRST] = cross(all, FIRST, "Root", &all[SECOND]);
	all[FIRST_WITH_SECOND] = cross(all, SECOND, "Root", &all[FIRST]);
	all[FIRST_DEVICE] = pki_leaf(&all[FIRST], "first device");
	all[SECOND_DEVICE] = pki_leaf(&all[SECOND], "second device");
	all[STRANGER] = pki_root("Old Root");
}

static void make_rings(struct pki *all)
{
	all[A_BY_ITSELF] = pki_root("Ring A");
	struct pki b = pki_root("Ring B");
	struct pki c = pki_root("Ring C");
	all[B_BY_A] = cross(all, A_BY_ITSELF, "Ring B", &b);
	all[C_BY_A] = cross(all, A_BY_ITSELF, "Ring C", &c);
	all[A_BY_B] = cross(all, B_BY_A, "Ring A", &all[A_BY_ITSELF]);
	all[B_BY_C] = cross(all, C_BY_A, "Ring B", &b);
	all[B_BY_OLD] = cross(all, OLD, "Ring B", &b);
	all[C_BY_OLD] = cross(all, OLD, "Ring C", &c);
	all[B_BY_OLD_LATE] = pki_make(&all[OLD], &(struct x509_make){CA_MAKE, LATE}, "Ring B", &b.key);
	all[A_DEVICE] = pki_leaf(&all[A_BY_ITSELF], "ring device");
	pki_free(&b);
	pki_free(&c);
}

static void make_namesakes(struct pki *all)
{
	/* permitted { DNS plant.example } */
	static const struct x509_make_extension plant_only = {
		"2.5.29.30", true, {(const uint8_t *)"\x30\x13\xa0\x11\x30\x0f\x82\x0dplant.example", 21}};
	static const char *const elsewhere = "d1.elsewhere.example";
	all[TWIN_1] = pki_ca(&all[OLD], "Twin CA");
	all[TWIN_2] = pki_ca(&all[OLD], "Twin CA");
	all[TWIN_3] = pki_ca(&all[OLD], "Twin CA");
	all[TWIN_FORGED] = cross(all, STRANGER, "Twin CA", &all[TWIN_2]);
	all[TWIN_2_DEVICE] = pki_leaf(&all[TWIN_2], "twin device");
	all[SHOP] = pki_ca(&all[OLD], "Shop CA");
	all[SHOP_LATE] = pki_make(&all[OLD], &(struct x509_make){CA_MAKE, LATE}, "Shop CA", &all[SHOP].key);
	all[SHOP_DEVICE] = pki_leaf(&all[SHOP], "shop device");
	all[HALL_BY_NEW] = pki_ca(&all[NEW], "Hall CA");
	all[HALL_BY_OLD] = pki_make(&all[OLD],
		&(struct x509_make){CA_MAKE, .extensions = &plant_only, .extension_count = 1}, "Hall CA",
		&all[HALL_BY_NEW].key);
	all[HALL_DEVICE] = pki_make(&all[HALL_BY_NEW],
		&(struct x509_make){.path_length = -1, .dns = &elsewhere, .dns_count = 1}, "hall device",
		NULL);
	all[HALL_LONG] = pki_ca(&all[NEW], "Long Hall CA");
	all[HALL_SHORT] = pki_make(&all[OLD], &(struct x509_make){.ca = true, .path_length = 0},
		"Long Hall CA", &all[HALL_LONG].key);
	all[ROOM] = pki_ca(&all[HALL_LONG], "Room CA");
	all[ROOM_DEVICE] = pki_leaf(&all[ROOM], "room device");
}

/* given: the leaf first. path: what an accepted path must be, the leaf left out. */
static const struct row {
	const char *name;
	enum id anchors[3], given[GIVEN_MAX];
	enum x509_reason want;
	enum id path[GIVEN_MAX];
} rows[] = {
	/* old and new roots */
	{"cross-signed roots: the new one is trusted", {NEW}, {NEW_DEVICE, NEW_CA}, X509_OK, {NEW_CA, NEW}},
	{"cross-signed roots: the old one alone is trusted, through new-by-old", {OLD},
		{NEW_DEVICE, NEW_CA, NEW_BY_OLD}, X509_OK, {NEW_CA, NEW_BY_OLD, OLD}},
	{"cross-signed roots: new-by-old is not presented", {OLD}, {NEW_DEVICE, NEW_CA}, X509_UNKNOWN_ISSUER,
		{NONE}},
	{"cross-signed roots: the new root itself instead of new-by-old", {OLD}, {NEW_DEVICE, NEW_CA, NEW},
		X509_UNKNOWN_ISSUER, {NONE}},
	{"cross-signed roots: old-by-new does not vouch for the new one", {OLD},
		{NEW_DEVICE, NEW_CA, OLD_BY_NEW}, X509_UNKNOWN_ISSUER, {NONE}},
	{"cross-signed roots: an old device under the new root, through old-by-new", {NEW},
		{OLD_DEVICE, OLD_CA, OLD_BY_NEW}, X509_OK, {OLD_CA, OLD_BY_NEW, NEW}},
	{"cross-signed roots: the same without old-by-new", {NEW}, {OLD_DEVICE, OLD_CA}, X509_UNKNOWN_ISSUER,
		{NONE}},
	{"cross-signed roots: both trusted, everything presented: the short way", {OLD, NEW},
		{NEW_DEVICE, NEW_CA, NEW_BY_OLD, OLD_BY_NEW, NEW, OLD}, X509_OK, {NEW_CA, NEW}},
	{"cross-signed roots: each vouches for the other, neither is trusted", {FIRST},
		{NEW_DEVICE, NEW_CA, NEW_BY_OLD, OLD_BY_NEW, NEW, OLD}, X509_UNKNOWN_ISSUER, {NONE}},
	{"cross-signed roots: the old one expired, the new one is trusted too", {OLD_LATE, NEW},
		{NEW_DEVICE, NEW_CA, NEW_BY_OLD}, X509_OK, {NEW_CA, NEW}},
	{"cross-signed roots: the old one expired and nothing else is trusted", {OLD_LATE},
		{NEW_DEVICE, NEW_CA, NEW_BY_OLD}, X509_EXPIRED, {NONE}},
	{"a root trusted in its expired and in its renewed certificate", {OLD_LATE, OLD},
		{OLD_DEVICE, OLD_CA}, X509_OK, {OLD_CA, OLD}},
	{"a root trusted in its expired certificate, the renewed one presented", {OLD_LATE},
		{OLD_DEVICE, OLD_CA, OLD}, X509_EXPIRED, {NONE}},
	{"RFC 4210 4.4 the second key with the first", {FIRST}, {SECOND_DEVICE, SECOND_WITH_FIRST}, X509_OK,
		{SECOND_WITH_FIRST, FIRST}},
	{"RFC 4210 4.4 the second key, and nothing that vouches for it", {FIRST}, {SECOND_DEVICE},
		X509_BAD_SIGNATURE, {NONE}},
	{"RFC 4210 4.4 the second key, and what vouches for the first", {FIRST},
		{SECOND_DEVICE, FIRST_WITH_SECOND, SECOND}, X509_BAD_SIGNATURE, {NONE}},
	{"RFC 4210 4.4 the first key with the second", {SECOND}, {FIRST_DEVICE, FIRST_WITH_SECOND}, X509_OK,
		{FIRST_WITH_SECOND, SECOND}},
	{"RFC 4210 4.4 both keys trusted", {FIRST, SECOND},
		{SECOND_DEVICE, SECOND_WITH_FIRST, FIRST_WITH_SECOND}, X509_OK, {SECOND}},

	/* loops */
	{"a ring of two with a way in", {OLD}, {A_DEVICE, A_BY_B, B_BY_A, B_BY_OLD}, X509_OK,
		{A_BY_B, B_BY_OLD, OLD}},
	{"a ring of two without", {OLD}, {A_DEVICE, A_BY_B, B_BY_A}, X509_UNKNOWN_ISSUER, {NONE}},
	{"a ring of two, the way in expired", {OLD}, {A_DEVICE, A_BY_B, B_BY_A, B_BY_OLD_LATE}, X509_EXPIRED,
		{NONE}},
	{"a ring of two, the way in expired and renewed", {OLD},
		{A_DEVICE, A_BY_B, B_BY_A, B_BY_OLD_LATE, B_BY_OLD}, X509_OK, {A_BY_B, B_BY_OLD, OLD}},
	{"a ring of three with a way in", {OLD}, {A_DEVICE, A_BY_B, B_BY_C, C_BY_A, C_BY_OLD}, X509_OK,
		{A_BY_B, B_BY_C, C_BY_OLD, OLD}},
	{"a ring of three without", {OLD}, {A_DEVICE, A_BY_B, B_BY_C, C_BY_A}, X509_UNKNOWN_ISSUER, {NONE}},
	{"a ring of three with a way in beside the one that is trusted", {NEW},
		{A_DEVICE, A_BY_B, B_BY_C, C_BY_A, C_BY_OLD}, X509_UNKNOWN_ISSUER, {NONE}},
	{"a CA that vouches for itself, with a way in", {OLD}, {A_DEVICE, A_BY_ITSELF, A_BY_B, B_BY_OLD},
		X509_OK, {A_BY_B, B_BY_OLD, OLD}},
	{"a CA that vouches for itself, without", {OLD}, {A_DEVICE, A_BY_ITSELF, A_BY_B, B_BY_A},
		X509_UNKNOWN_ISSUER, {NONE}},

	/* namesakes */
	{"three CAs of one name: the one whose key it is", {OLD}, {TWIN_2_DEVICE, TWIN_1, TWIN_2, TWIN_3},
		X509_OK, {TWIN_2, OLD}},
	{"three CAs of one name: the others", {OLD}, {TWIN_2_DEVICE, TWIN_1, TWIN_3}, X509_BAD_SIGNATURE,
		{NONE}},
	{"three CAs of one name: the right key in a stranger's certificate", {OLD},
		{TWIN_2_DEVICE, TWIN_1, TWIN_3, TWIN_FORGED}, X509_BAD_SIGNATURE, {NONE}},
	{"three CAs of one name: the stranger's beside the right one", {OLD},
		{TWIN_2_DEVICE, TWIN_1, TWIN_FORGED, TWIN_2}, X509_OK, {TWIN_2, OLD}},
	{"a root's namesake beside it", {STRANGER, OLD}, {TWIN_2_DEVICE, TWIN_2}, X509_OK, {TWIN_2, OLD}},
	{"a root's namesake alone", {STRANGER}, {TWIN_2_DEVICE, TWIN_2}, X509_BAD_SIGNATURE, {NONE}},
	{"a CA's expired certificate beside the renewed one", {OLD}, {SHOP_DEVICE, SHOP_LATE, SHOP}, X509_OK,
		{SHOP, OLD}},
	{"a CA's expired certificate alone", {OLD}, {SHOP_DEVICE, SHOP_LATE}, X509_EXPIRED, {NONE}},
	{"RFC 5280 4.2.1.10 a name outside on one way, inside on the other", {OLD, NEW},
		{HALL_DEVICE, HALL_BY_OLD, HALL_BY_NEW}, X509_OK, {HALL_BY_NEW, NEW}},
	{"RFC 5280 4.2.1.10 the other way is not presented", {OLD, NEW}, {HALL_DEVICE, HALL_BY_OLD},
		X509_NAME_CONSTRAINTS, {NONE}},
	{"RFC 5280 4.2.1.10 the other way is not trusted", {OLD}, {HALL_DEVICE, HALL_BY_OLD, HALL_BY_NEW},
		X509_NAME_CONSTRAINTS, {NONE}},
	{"RFC 5280 6.1.4 (l) too long on one way, not on the other", {OLD, NEW},
		{ROOM_DEVICE, ROOM, HALL_SHORT, HALL_LONG}, X509_OK, {ROOM, HALL_LONG, NEW}},
	{"RFC 5280 6.1.4 (l) the other way is not trusted", {OLD}, {ROOM_DEVICE, ROOM, HALL_SHORT, HALL_LONG},
		X509_PATH_LENGTH, {NONE}},
};

static struct trust_set *trust_in(const struct pki *all, const enum id anchors[3])
{
	const struct cert *certs[3];
	struct trust_set *trust = NULL;
	size_t count = 0;
	while (count < 3 && anchors[count] != NONE) {
		certs[count] = all[anchors[count]].cert;
		count++;
	}
	REQUIRE("trust", trust_set_new(certs, count, NULL, 0, 1, &trust) == ERR_OK);
	return trust;
}

static bool path_is(const struct pki *all, const struct x509_answer *answer, const struct row *row)
{
	if (row->want != X509_OK) {
		return true;
	}
	size_t at = 1;
	bool same = answer->path_count > 1 && answer->path[0] == all[row->given[0]].cert;
	for (; same && at < answer->path_count; at++) {
		same = answer->path[at] == all[row->path[at - 1]].cert;
	}
	return same && row->path[at - 1] == NONE;
}

/* The next order of what stands behind the leaf; false after the last. */
static bool next_order(size_t order[GIVEN_MAX], size_t count)
{
	if (count < 2) {
		return false;
	}
	size_t i = count - 1;
	while (i > 1 && order[i - 1] > order[i]) {
		i--;
	}
	if (i <= 1) {
		return false;
	}
	size_t j = count - 1;
	while (order[j] < order[i - 1]) {
		j--;
	}
	size_t kept = order[i - 1];
	order[i - 1] = order[j];
	order[j] = kept;
	for (size_t low = i, high = count - 1; low < high; low++, high--) {
		kept = order[low];
		order[low] = order[high];
		order[high] = kept;
	}
	return true;
}

/* In every order in which the peer may present it. */
static void test_row(const struct pki *all, const struct row *row)
{
	size_t order[GIVEN_MAX] = {0, 1, 2, 3, 4, 5};
	struct trust_set *trust = trust_in(all, row->anchors);
	size_t count = 0;
	unsigned signatures = 0;
	while (count < GIVEN_MAX && row->given[count] != NONE) {
		count++;
	}
	do {
		const struct cert *chain[GIVEN_MAX];
		struct x509_answer answer;
		for (size_t i = 0; i < count; i++) {
			chain[i] = all[row->given[order[i]]].cert;
		}
		x509_judge(&(struct x509_question){.chain = chain,
				   .chain_count = count,
				   .trust = trust,
				   .now = PKI_NOW,
				   .purpose = X509_PURPOSE_CLIENT},
			&answer);
		bool good = answer.reason == row->want &&
			    answer.verdict == (row->want == X509_OK ? X509_ACCEPT : X509_REFUSE) &&
			    path_is(all, &answer, row);
		if (!good) {
			printf("%s: %s, path of %zu (%s)\n", row->name, x509_reason_name(answer.reason),
				answer.path_count, answer.sentence);
		}
		CHECK(row->name, good);
		signatures = answer.signatures > signatures ? answer.signatures : signatures;
	} while (next_order(order, count));
	CHECK(row->name, signatures <= X509_SIGNATURES_MAX / 2);
	trust_set_unref(trust);
}

/* --- the bound on signatures --- */

#define STRANGERS_MAX 56u
#define NAMESAKES     5u

/*
 * Five roots of one name, and one of another. A certificate that claims to be of the five costs a check under each, one that
 * claims to be of the one costs one; the leaf costs one more.
 */
static const struct {
	const char *name;
	size_t of_five, of_one;
	bool given_by_operator;
	unsigned signatures;
	enum x509_reason want;
	const char *sentence;
} bounds[] = {
	{"presented by a peer: as many signatures as one verdict may cost", 6, 1, false, X509_SIGNATURES_MAX,
		X509_OK, "certificate 'dev' was issued under the trusted CA 'Root'"},
	{"presented by a peer: one more", 6, 2, false, X509_SIGNATURES_MAX, X509_LIMIT,
		"the presented certificates would cost too much work (at most 32 signature checks)"},
	{"presented by a peer: many more", 8, 0, false, X509_SIGNATURES_MAX, X509_LIMIT,
		"the presented certificates would cost too much work (at most 32 signature checks)"},
	{"given by an operator: what a peer may not", 6, 2, true, 33, X509_OK,
		"certificate 'dev' was issued under the trusted CA 'Root'"},
	{"given by an operator: as many as one verdict may cost", 51, 0, true, 256, X509_OK,
		"certificate 'dev' was issued under the trusted CA 'Root'"},
	{"given by an operator: one more", 51, 1, true, 256, X509_LIMIT,
		"the presented certificates would cost too much work (at most 256 signature checks)"},
};

static void test_bounds(void)
{
	struct pki roots[NAMESAKES + 1];
	const struct cert *anchors[NAMESAKES + 1];
	struct pki forged[2] = {pki_root("Root"), pki_root("Other Root")};
	struct pki strangers[2][STRANGERS_MAX];
	struct trust_set *trust = NULL;
	for (size_t i = 0; i < ARRAY_COUNT(roots); i++) {
		roots[i] = pki_root(i < NAMESAKES ? "Root" : "Other Root");
		anchors[i] = roots[i].cert;
	}
	for (size_t i = 0; i < 2 * STRANGERS_MAX; i++) {
		strangers[i % 2][i / 2] =
			pki_make(&forged[i % 2], &(struct x509_make){CA_MAKE}, "Stranger CA", &forged[0].key);
	}
	REQUIRE("trust", trust_set_new(anchors, ARRAY_COUNT(anchors), NULL, 0, 1, &trust) == ERR_OK);
	struct pki leaf = pki_leaf(&roots[2], "dev");
	for (size_t i = 0; i < ARRAY_COUNT(bounds); i++) {
		const struct cert *chain[X509_GIVEN_CERTS_MAX] = {leaf.cert};
		struct x509_answer answer;
		size_t count = 1;
		for (size_t j = 0; j < bounds[i].of_five; j++) {
			chain[count++] = strangers[0][j].cert;
		}
		for (size_t j = 0; j < bounds[i].of_one; j++) {
			chain[count++] = strangers[1][j].cert;
		}
		x509_judge(&(struct x509_question){.chain = chain,
				   .chain_count = count,
				   .trust = trust,
				   .now = PKI_NOW,
				   .purpose = X509_PURPOSE_CLIENT,
				   .given_by_operator = bounds[i].given_by_operator},
			&answer);
		CHECK(bounds[i].name, answer.reason == bounds[i].want);
		CHECK(bounds[i].name, (answer.verdict == X509_ACCEPT) == (bounds[i].want == X509_OK));
		CHECK(bounds[i].name, answer.signatures == bounds[i].signatures);
		CHECK(bounds[i].name, strcmp(answer.sentence, bounds[i].sentence) == 0);
		if (strcmp(answer.sentence, bounds[i].sentence) != 0) {
			printf("%s: %s\n", bounds[i].name, answer.sentence);
		}
	}
	for (size_t i = 0; i < 2 * STRANGERS_MAX; i++) {
		pki_free(&strangers[i % 2][i / 2]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(roots); i++) {
		pki_free(&roots[i]);
	}
	pki_free(&forged[0]);
	pki_free(&forged[1]);
	pki_free(&leaf);
	trust_set_unref(trust);
}

/*
 * One root more of one name than candidates are looked at: those left out are the least likely, whatever their place in the
 * trust set.
 */
static void test_many_roots_of_one_name(void)
{
	struct pki roots[33];
	const struct cert *anchors[ARRAY_COUNT(roots)];
	struct trust_set *trust = NULL;
	for (size_t i = 0; i < ARRAY_COUNT(roots); i++) {
		roots[i] = pki_root("Root");
		anchors[i] = roots[i].cert;
	}
	REQUIRE("trust", trust_set_new(anchors, ARRAY_COUNT(anchors), NULL, 0, 1, &trust) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(roots); i++) {
		struct pki leaf = pki_leaf(&roots[i], "dev");
		struct x509_answer answer =
			pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, NULL, NULL);
		CHECK("33 roots of one name: that of the key identifier is found",
			answer.verdict == X509_ACCEPT);
		CHECK("and is the only one tried", answer.signatures == 1);
		pki_free(&leaf);
	}
	struct pki stranger = pki_root("Root");
	struct pki leaf = pki_leaf(&stranger, "dev");
	struct x509_answer answer = pki_judge(trust, NULL, X509_REVOCATION_NONE, leaf.cert, NULL, NULL);
	CHECK("33 roots of one name: a stranger's issue", answer.reason == X509_LIMIT);
	CHECK("costs no more for it", answer.signatures <= X509_SIGNATURES_MAX);
	CHECK("and is told so",
		strcmp(answer.sentence,
			"more than 32 CAs bear the name of one issuer; no more of them are looked at") == 0);
	for (size_t i = 0; i < ARRAY_COUNT(roots); i++) {
		pki_free(&roots[i]);
	}
	pki_free(&stranger);
	pki_free(&leaf);
	trust_set_unref(trust);
}

/*
 * CA 0 to CA 9, one below the other, and a device below the last: with the root that is a path of as many as there may be, or
 * more. A short way that stands beside a long one is found, whichever is tried first.
 */
static void test_long_paths(void)
{
	struct pki root = pki_root("Root");
	struct pki ca[10];
	struct trust_set *trust = pki_trust(root.cert, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(ca); i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "CA %zu", i);
		ca[i] = pki_ca(i == 0 ? &root : &ca[i - 1], name);
	}
	struct pki short_way = pki_make(&root, &(struct x509_make){CA_MAKE}, "CA 9", &ca[9].key);
	for (size_t last = 7; last < ARRAY_COUNT(ca); last++) {
		const struct cert *chain[ARRAY_COUNT(ca) + 2];
		struct x509_answer answer;
		struct pki leaf = pki_leaf(&ca[last], "dev");
		size_t count = 0;
		chain[count++] = leaf.cert;
		for (size_t i = 0; i <= last; i++) {
			chain[count++] = ca[i].cert;
		}
		struct x509_question question = {.chain = chain,
			.chain_count = count,
			.trust = trust,
			.now = PKI_NOW,
			.purpose = X509_PURPOSE_CLIENT,
			.given_by_operator = true};
		x509_judge(&question, &answer);
		bool fits = last + 3 <= 10;
		CHECK("a path of ten certificates, and longer ones",
			answer.reason == (fits ? X509_OK : X509_LIMIT));
		CHECK("what is too long is called so",
			fits || strcmp(answer.sentence, "the path to a trusted CA would be too long: at most "
							"10 certificates, the "
							"trusted one included") == 0);
		if (last == 9) {
			chain[question.chain_count++] = short_way.cert;
			x509_judge(&question, &answer);
			CHECK("a short way beside a long one",
				answer.verdict == X509_ACCEPT && answer.path_count == 3);
		}
		pki_free(&leaf);
	}
	for (size_t i = 0; i < ARRAY_COUNT(ca); i++) {
		pki_free(&ca[i]);
	}
	pki_free(&short_way);
	pki_free(&root);
	trust_set_unref(trust);
}

int main(void)
{
	struct pki all[ID_COUNT] = {0};
	pki_init();
	make_roots(all);
	make_rings(all);
	make_namesakes(all);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		test_row(all, &rows[i]);
	}
	test_bounds();
	test_many_roots_of_one_name();
	test_long_paths();
	for (size_t i = 0; i < ID_COUNT; i++) {
		pki_free(&all[i]);
	}
	crypto_cleanup();
	return test_result();
}
