/*
 * test_freshest.c - Goal: where a delta list lies is read from freshestCRL and from nothing that is damaged; it is told once a
 *                   verified complete list served, and only then; nobody is refused or made to wait for want of a delta.
 */
#include <string.h>

#include "tests/x509/pki.h"
#include "x509/der.h"

#define URL_LEAF "http://crl.plant.example/leaf-delta.crl"
#define URL_LIST "http://crl.plant.example/list-delta.crl"
#define URL_CRL  "http://crl.plant.example/ca.crl"
#define OID      "2.5.29.46"

static void put_point(struct der_writer *writer, uint8_t kind, uint8_t name, const char *url)
{
	der_put_begin(writer, DER_SEQUENCE);
	der_put_begin(writer, DER_CONTEXT_CONSTRUCTED(0));
	der_put_begin(writer, kind);
	der_put(writer, name, bytes_text(url));
	der_put_end(writer);
	der_put_end(writer);
	der_put_end(writer);
}

/* One point for each URL. */
static struct bytes points(struct buf *out, const char *const *urls, size_t count)
{
	struct der_writer writer = der_writer_init(out);
	der_put_begin(&writer, DER_SEQUENCE);
	for (size_t i = 0; i < count; i++) {
		put_point(&writer, DER_CONTEXT_CONSTRUCTED(0), DER_CONTEXT(6), urls[i]);
	}
	der_put_end(&writer);
	REQUIRE("points are made", der_writer_err(&writer) == ERR_OK);
	return buf_bytes(out);
}

static struct pki leaf_with(const struct pki *issuer, struct bytes value, bool critical)
{
	struct x509_make_extension extension = {OID, critical, value};
	return pki_make(issuer,
		&(struct x509_make){.path_length = -1,
			.client_auth = true,
			.crl_url = URL_CRL,
			.extensions = &extension,
			.extension_count = value.len == 0 ? 0 : 1},
		"d1", NULL);
}

struct list {
	const struct pki *signer; /* NULL: the issuer */
	uint64_t number;
	int64_t this_update, next_update; /* from PKI_NOW */
	int base;                         /* of a delta; -1: a complete list */
	bool scoped;                      /* onlyContainsUserCerts */
	const struct cert *revoked;       /* NULL: nobody */
	struct bytes freshest;
};

static struct crl *list_of(const struct pki *issuer, const struct list *list)
{
	uint8_t base[] = {0x02, 0x01, (uint8_t)list->base};
	static const uint8_t only_user[] = {0x30, 0x03, 0x81, 0x01, 0xff};
	struct x509_make_extension extensions[3];
	struct x509_make_revoked entry = {.when = PKI_NOW, .reason = -1};
	struct buf der = BUF_INIT(65536);
	struct crl *crl = NULL;
	size_t count = 0;
	if (list->base >= 0) {
		extensions[count++] =
			(struct x509_make_extension){"2.5.29.27", true, bytes_of(base, sizeof(base))};
	}
	if (list->scoped) {
		extensions[count++] = (struct x509_make_extension){
			"2.5.29.28", true, bytes_of(only_user, sizeof(only_user))};
	}
	if (list->freshest.len != 0) {
		extensions[count++] = (struct x509_make_extension){OID, false, list->freshest};
	}
	if (list->revoked != NULL) {
		entry.serial = cert_serial(list->revoked);
	}
	const struct pki *signer = list->signer != NULL ? list->signer : issuer;
	REQUIRE("a list is made",
		x509_make_crl_extended(signer->cert, secret_bytes(&signer->key), PKI_NOW + list->this_update,
			PKI_NOW + list->next_update, list->number, &entry, list->revoked != NULL ? 1 : 0,
			extensions, count, &der) == ERR_OK);
	REQUIRE("a list is read", crl_parse(buf_bytes(&der), &crl, NULL) == ERR_OK);
	buf_release(&der);
	return crl;
}

/* --- which URLs count --- */

static void test_urls(const struct pki *root)
{
	static const struct {
		const char *name;
		const char *urls[6];
		const char *want[5];
	} rows[] = {
		{"one", {URL_LEAF}, {URL_LEAF}},
		{"in their order", {URL_LIST, URL_LEAF}, {URL_LIST, URL_LEAF}},
		{"https too", {"HTTPS://a.example/d"}, {"HTTPS://a.example/d"}},
		{"LDAP is passed over", {"ldap://a.example/d", URL_LEAF}, {URL_LEAF}},
		{"LDAP alone", {"ldap://a.example/d"}, {NULL}},
		{"a file", {"file:///etc/passwd"}, {NULL}},
		{"a line feed", {"http://a/\nHost: b"}, {NULL}},
		{"four at most", {"http://0/", "http://1/", "http://2/", "http://3/", "http://4/"},
			{"http://0/", "http://1/", "http://2/", "http://3/"}},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf value = BUF_INIT(8192);
		char out[X509_URL_BYTES];
		size_t count = 0;
		while (count < ARRAY_COUNT(rows[i].urls) && rows[i].urls[count] != NULL) {
			count++;
		}
		struct pki leaf = leaf_with(root, points(&value, rows[i].urls, count), false);
		struct crl *crl = list_of(root, &(struct list){.number = 5,
							.next_update = PKI_DAY,
							.base = -1,
							.freshest = buf_bytes(&value)});
		struct crl *delta = list_of(root, &(struct list){.number = 6,
							  .next_update = PKI_DAY,
							  .base = 5,
							  .freshest = buf_bytes(&value)});
		for (size_t k = 0; k < ARRAY_COUNT(rows[i].want); k++) {
			const char *want = rows[i].want[k];
			CHECK(rows[i].name, cert_freshest_url(leaf.cert, k, out) == (want != NULL));
			CHECK(rows[i].name, want == NULL || strcmp(out, want) == 0);
			CHECK(rows[i].name, crl_freshest_url(crl, k, out) == (want != NULL));
			CHECK(rows[i].name, want == NULL || strcmp(out, want) == 0);
			CHECK("RFC 5280 5.2.6 not of a delta", !crl_freshest_url(delta, k, out));
		}
		CHECK("distribution points are not mixed up",
			cert_crl_url(leaf.cert, 0, out) && strcmp(out, URL_CRL) == 0);
		crl_unref(crl);
		crl_unref(delta);
		pki_free(&leaf);
		buf_release(&value);
	}
}

/* The certificate and the list are read all the same; the value names nothing. */
static void check_value(const char *row, const struct pki *root, struct bytes value, bool want)
{
	char out[X509_URL_BYTES];
	struct pki leaf = leaf_with(root, value, false);
	struct crl *crl = list_of(
		root, &(struct list){.number = 5, .next_update = PKI_DAY, .base = -1, .freshest = value});
	CHECK(row, cert_freshest_url(leaf.cert, 0, out) == want);
	CHECK(row, crl_freshest_url(crl, 0, out) == want);
	crl_unref(crl);
	pki_free(&leaf);
}

static void test_values(const struct pki *root)
{
	static const char *const urls[] = {URL_LEAF, URL_LIST};
	struct buf value = BUF_INIT(8192);
	struct bytes whole = points(&value, urls, ARRAY_COUNT(urls));
	check_value("whole", root, whole, true);
	for (size_t cut = 1; cut < whole.len; cut++) {
		check_value("cut", root, bytes_of(whole.data, cut), false);
	}
	REQUIRE("a byte more", buf_append(&value, bytes_of("\x05\x00", 2)) == ERR_OK);
	check_value("data behind it", root, buf_bytes(&value), false);
	value.len = 0;
	struct der_writer writer = der_writer_init(&value);
	der_put_begin(&writer, DER_SEQUENCE);
	put_point(&writer, DER_CONTEXT_CONSTRUCTED(1), DER_CONTEXT(6), URL_LEAF);
	der_put_end(&writer);
	check_value("RFC 5280 4.2.1.13 a name relative to the issuer", root, buf_bytes(&value), false);
	value.len = 0;
	writer = der_writer_init(&value);
	der_put_begin(&writer, DER_SEQUENCE);
	put_point(&writer, DER_CONTEXT_CONSTRUCTED(0), DER_CONTEXT(2), "crl.plant.example");
	der_put_end(&writer);
	check_value("a host name is no URL", root, buf_bytes(&value), false);
	check_value("no point", root, bytes_of("\x30\x00", 2), false);
	check_value("no sequence", root, bytes_of("\x04\x00", 2), false);
	check_value("a point that is none, behind one", root,
		bytes_of("\x30\x16\x30\x12\xa0\x10\xa0\x0e\x86\x0chttp://a/d.c\x05\x00", 24), false);
	/* 4096 octets and one more: the second URL fills. */
	for (size_t above = 0; above < 2; above++) {
		static char fill[X509_FRESHEST_BYTES_MAX];
		const char *const two[] = {URL_LEAF, fill};
		size_t len = X509_FRESHEST_BYTES_MAX - 128;
		do {
			memset(fill, 'a', ++len);
			fill[len] = '\0';
			value.len = 0;
		} while (points(&value, two, 2).len < X509_FRESHEST_BYTES_MAX + above);
		REQUIRE("of that length", value.len == X509_FRESHEST_BYTES_MAX + above);
		check_value("the longest, and a longer one", root, buf_bytes(&value), above == 0);
	}
	buf_release(&value);
}

/* --- when a verdict tells of them --- */

struct world {
	struct pki root, stranger, leaf, plain, pinned;
	struct trust_set *trust;
	struct buf leaf_value, list_value;
};

enum complete { NONE, NAMES, NAMELESS, STALE, FORGED, REVOKES, NAMES_SCOPED };
enum delta { WITHOUT, FRESH, LATE, OTHER_SCOPE, TOMORROW, LATER_BASE, SAYS_REVOKED };

static struct crl *complete_of(const struct world *world, enum complete kind)
{
	struct list list = {.number = 5,
		.this_update = -PKI_DAY,
		.next_update = kind == STALE ? -1 : PKI_DAY,
		.base = -1,
		.scoped = kind == NAMES_SCOPED,
		.signer = kind == FORGED ? &world->stranger : NULL,
		.revoked = kind == REVOKES ? world->leaf.cert : NULL};
	if (kind != NAMELESS) {
		list.freshest = buf_bytes(&world->list_value);
	}
	return kind == NONE ? NULL : list_of(&world->root, &list);
}

static struct crl *delta_of(const struct world *world, enum delta kind)
{
	struct list list = {.number = kind == LATER_BASE ? 8 : 6,
		.this_update = kind == TOMORROW ? PKI_DAY : -10,
		.next_update = kind == LATE ? -1 : 2 * PKI_DAY,
		.base = kind == LATER_BASE ? 7 : 5,
		.scoped = kind == OTHER_SCOPE,
		.revoked = kind == SAYS_REVOKED ? world->leaf.cert : NULL};
	return kind == WITHOUT ? NULL : list_of(&world->root, &list);
}

static const struct row {
	const char *name;
	enum complete complete;
	enum delta delta;
	bool plain; /* the certificate names no delta */
	bool no_waiting, no_cdp;
	enum x509_revocation revocation;
	enum x509_verdict want;
	enum x509_reason reason;
	const char *urls[2];
} rows[] = {
	{"RFC 5280 4.2.1.15 a certificate's and 5.2.6 a list's", NAMES, WITHOUT, false, false, false,
		X509_REVOCATION_REQUIRED, X509_ACCEPT, X509_OK, {URL_LEAF, URL_LIST}},
	{"RFC 5280 4.2.1.15 a certificate's", NAMELESS, WITHOUT, false, false, false,
		X509_REVOCATION_REQUIRED, X509_ACCEPT, X509_OK, {URL_LEAF}},
	{"RFC 5280 5.2.6 a list's", NAMES, WITHOUT, true, false, false, X509_REVOCATION_IF_AVAILABLE,
		X509_ACCEPT, X509_OK, {URL_LIST}},
	{"of a list of some certificates", NAMES_SCOPED, WITHOUT, true, false, false,
		X509_REVOCATION_REQUIRED, X509_ACCEPT, X509_OK, {URL_LIST}},
	{"nobody names any", NAMELESS, WITHOUT, true, false, false, X509_REVOCATION_REQUIRED, X509_ACCEPT,
		X509_OK, {NULL}},
	{"a live session asks for nothing", NAMES, WITHOUT, false, true, false, X509_REVOCATION_REQUIRED,
		X509_ACCEPT, X509_OK, {NULL}},
	{"without CRLFETCH(CDP)", NAMES, WITHOUT, false, false, true, X509_REVOCATION_REQUIRED, X509_ACCEPT,
		X509_OK, {NULL}},
	{"REVCHECK(NONE)", NAMES, WITHOUT, false, false, false, X509_REVOCATION_NONE, X509_ACCEPT, X509_OK,
		{NULL}},
	{"a delta is at hand", NAMES, FRESH, false, false, false, X509_REVOCATION_REQUIRED, X509_ACCEPT,
		X509_OK, {NULL}},
	{"one that does not go with the list yet is as new as can be had", NAMES, LATER_BASE, false, false,
		false, X509_REVOCATION_REQUIRED, X509_ACCEPT, X509_OK, {NULL}},
	{"a delta that is late: the complete list serves", NAMES, LATE, false, false, false,
		X509_REVOCATION_REQUIRED, X509_ACCEPT, X509_OK, {URL_LEAF, URL_LIST}},
	{"a delta of another scope", NAMES, OTHER_SCOPE, false, false, false, X509_REVOCATION_REQUIRED,
		X509_ACCEPT, X509_OK, {URL_LEAF, URL_LIST}},
	{"a delta of tomorrow", NAMES, TOMORROW, false, false, false, X509_REVOCATION_REQUIRED, X509_ACCEPT,
		X509_OK, {URL_LEAF, URL_LIST}},
	{"a delta lists it", NAMES, SAYS_REVOKED, false, false, false, X509_REVOCATION_REQUIRED, X509_REFUSE,
		X509_REVOKED, {NULL}},
	{"the complete list lists it", REVOKES, WITHOUT, false, false, false, X509_REVOCATION_REQUIRED,
		X509_REFUSE, X509_REVOKED, {NULL}},
	{"no complete list: that comes first", NONE, WITHOUT, false, false, false, X509_REVOCATION_REQUIRED,
		X509_NEED, X509_CRL_MISSING, {URL_CRL}},
	{"a stale complete list: that comes first", STALE, WITHOUT, false, false, false,
		X509_REVOCATION_REQUIRED, X509_NEED, X509_CRL_STALE, {URL_CRL}},
	{"a stale complete list, no waiting", STALE, WITHOUT, false, true, false, X509_REVOCATION_REQUIRED,
		X509_REFUSE, X509_CRL_STALE, {NULL}},
	{"a list that its CA did not sign names nothing", FORGED, WITHOUT, true, false, false,
		X509_REVOCATION_REQUIRED, X509_NEED, X509_CRL_UNSUPPORTED, {URL_CRL}},
};

static struct x509_answer judge(const struct world *world, const struct row *row, const struct cert *leaf)
{
	struct crl *complete = complete_of(world, row->complete);
	struct crl *delta = delta_of(world, row->delta);
	struct crl_set *set = pki_crls(complete, delta);
	const struct cert *chain[] = {leaf};
	struct x509_question question = {.chain = chain,
		.chain_count = 1,
		.trust = world->trust,
		.crls = set,
		.now = PKI_NOW,
		.revocation = row->revocation,
		.may_need = !row->no_waiting,
		.need_cdp = !row->no_cdp};
	struct x509_answer answer;
	x509_judge(&question, &answer);
	/* Whichever allocation fails: never accepted for that. */
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		struct x509_answer other;
		test_alloc_fail_at(n);
		x509_judge(&question, &other);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		bool same = other.verdict == answer.verdict && other.need_count == answer.need_count;
		CHECK(row->name, same || (failed && other.verdict == X509_REFUSE && other.need_count == 0));
	}
	crl_set_unref(set);
	crl_unref(complete);
	crl_unref(delta);
	return answer;
}

static void test_verdicts(const struct world *world)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct x509_answer answer =
			judge(world, row, row->plain ? world->plain.cert : world->leaf.cert);
		size_t count = 0;
		while (count < ARRAY_COUNT(row->urls) && row->urls[count] != NULL) {
			count++;
		}
		CHECK(row->name, answer.verdict == row->want);
		CHECK(row->name, answer.reason == row->reason);
		CHECK(row->name, answer.need_count == count);
		for (size_t k = 0; k < count && k < answer.need_count; k++) {
			CHECK(row->name, strcmp(answer.needs[k].url, row->urls[k]) == 0);
			CHECK(row->name, answer.needs[k].delta == (row->want == X509_ACCEPT));
			CHECK(row->name, answer.needs[k].kind == X509_NEED_CRL);
		}
	}
	struct x509_answer pin = judge(world, &rows[0], world->pinned.cert);
	CHECK("a pin: nothing is fetched", pin.verdict == X509_ACCEPT && pin.need_count == 0);
	struct x509_answer stranger = judge(world, &rows[0], world->stranger.cert);
	CHECK("a stranger: nothing is fetched", stranger.verdict == X509_REFUSE && stranger.need_count == 0);
}

/* A CA and its device: what is unknown is settled first, then the deltas of both are told, each URL once. */
static void test_chain(const struct world *world)
{
	struct x509_make_extension extension = {OID, false, buf_bytes(&world->leaf_value)};
	struct pki ca = pki_make(&world->root,
		&(struct x509_make){
			.ca = true, .path_length = -1, .extensions = &extension, .extension_count = 1},
		"CA", NULL);
	struct pki leaf = leaf_with(&ca, buf_bytes(&world->leaf_value), false);
	struct crl *above = complete_of(world, NAMES);
	struct crl *below = list_of(&ca, &(struct list){.number = 1, .next_update = PKI_DAY, .base = -1});
	const struct cert *chain[] = {leaf.cert, ca.cert};
	struct x509_answer answer;
	for (size_t both = 0; both < 2; both++) {
		struct crl_set *set = pki_crls(above, both == 1 ? below : NULL);
		struct x509_question question = {.chain = chain,
			.chain_count = 2,
			.trust = world->trust,
			.crls = set,
			.now = PKI_NOW,
			.revocation = X509_REVOCATION_REQUIRED,
			.may_need = true,
			.need_cdp = true};
		x509_judge(&question, &answer);
		CHECK("what is unknown first",
			both == 1 || (answer.verdict == X509_NEED && answer.need_count == 1 &&
					     !answer.needs[0].delta));
		CHECK("then both, each URL once",
			both == 0 || (answer.verdict == X509_ACCEPT && answer.need_count == 2 &&
					     answer.needs[0].delta && answer.needs[1].delta));
		crl_set_unref(set);
	}
	crl_unref(above);
	crl_unref(below);
	pki_free(&leaf);
	pki_free(&ca);
}

static void test_critical(const struct world *world)
{
	struct pki leaf = leaf_with(&world->root, buf_bytes(&world->leaf_value), true);
	struct x509_answer answer = judge(world, &rows[0], leaf.cert);
	CHECK("RFC 5280 4.2.1.15 it must not be critical", answer.verdict == X509_REFUSE);
	CHECK("RFC 5280 4.2.1.15 it must not be critical", answer.reason == X509_UNSUPPORTED_EXTENSION);
	pki_free(&leaf);
}

/* Which complete list a delta leaves behind. */
static void test_behind(const struct world *world)
{
	static const struct {
		const char *name;
		enum complete complete;
		enum delta delta;
		bool want;
	} cases[] = {
		{"RFC 5280 5.2.4 it builds on a later one", NAMES, LATER_BASE, true},
		{"it builds on this one", NAMES, FRESH, false},
		{"of another scope", NAMES_SCOPED, LATER_BASE, false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct crl *complete = complete_of(world, cases[i].complete);
		struct crl *delta = delta_of(world, cases[i].delta);
		CHECK(cases[i].name, crl_is_behind(complete, delta) == cases[i].want);
		CHECK("a delta is never behind", !crl_is_behind(delta, delta));
		CHECK("behind a complete list is nobody", !crl_is_behind(complete, complete));
		CHECK("which is which", crl_is_delta(delta) && !crl_is_delta(complete));
		crl_unref(complete);
		crl_unref(delta);
	}
	struct crl *other =
		list_of(&world->stranger, &(struct list){.number = 5, .next_update = PKI_DAY, .base = -1});
	struct crl *delta = delta_of(world, LATER_BASE);
	CHECK("of another key", !crl_is_behind(other, delta));
	crl_unref(other);
	crl_unref(delta);
}

int main(void)
{
	static const char *const leaf_url[] = {URL_LEAF};
	static const char *const list_url[] = {URL_LIST};
	pki_init();
	struct world world = {.root = pki_root("Root"),
		.stranger = pki_root("Root"),
		.leaf_value = BUF_INIT(4096),
		.list_value = BUF_INIT(4096)};
	struct bytes value = points(&world.leaf_value, leaf_url, 1);
	(void)points(&world.list_value, list_url, 1);
	world.leaf = leaf_with(&world.root, value, false);
	world.plain = leaf_with(&world.root, BYTES_NONE, false);
	world.pinned = leaf_with(NULL, value, false);
	world.trust = pki_trust(world.root.cert, world.pinned.cert);
	test_urls(&world.root);
	test_values(&world.root);
	test_verdicts(&world);
	test_chain(&world);
	test_critical(&world);
	test_behind(&world);
	trust_set_unref(world.trust);
	buf_release(&world.leaf_value);
	buf_release(&world.list_value);
	struct pki *all[] = {&world.root, &world.stranger, &world.leaf, &world.plain, &world.pinned};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
	return test_result();
}
