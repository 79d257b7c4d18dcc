/*
 * test_needs.c - what a verdict asks to be fetched (X509_NEED), in which order, and when it asks for nothing; which URLs of a
 *                certificate count.
 */
#include <string.h>

#include "tests/x509/pki.h"
#include "x509/der.h"

#define URL_OCSP "http://ocsp.plant.example/leaf"
#define URL_CRL  "http://crl.plant.example/ca.crl"
#define URL_MAIN "https://ocsp.example/"

static struct bytes aia(struct buf *out, const char *const *urls, size_t count)
{
	struct der_writer writer = der_writer_init(out);
	der_put_begin(&writer, DER_SEQUENCE);
	for (size_t i = 0; i < count; i++) {
		der_put_begin(&writer, DER_SEQUENCE);
		der_put_oid(&writer, i % 2 == 0 ? "1.3.6.1.5.5.7.48.1" : "1.3.6.1.5.5.7.48.2");
		der_put(&writer, DER_CONTEXT(6), bytes_text(urls[i]));
		der_put_end(&writer);
	}
	der_put_end(&writer);
	REQUIRE("an AIA is made", der_writer_err(&writer) == ERR_OK);
	return buf_bytes(out);
}

static struct pki leaf_with_urls(const struct pki *issuer, const char *name)
{
	static const char *const urls[] = {URL_OCSP, "http://plant.example/ca.cer"};
	struct buf value = BUF_INIT(4096);
	struct x509_make_extension extension = {"1.3.6.1.5.5.7.1.1", false, aia(&value, urls, 2)};
	struct pki leaf = pki_make(issuer,
		&(struct x509_make){.path_length = -1,
			.client_auth = true,
			.crl_url = URL_CRL,
			.extensions = &extension,
			.extension_count = 1},
		name, NULL);
	buf_release(&value);
	return leaf;
}

static void test_needs(void)
{
	static const struct {
		const char *name;
		enum x509_revocation revocation;
		enum x509_ocsp auth;
		bool may_need, main, aia, cdp;
		enum x509_verdict want;
		enum x509_reason reason;
		const char *urls[3];
	} rows[] = {
		{"the responder, the certificate's, its lists", X509_REVOCATION_REQUIRED, X509_OCSP_REQUIRED,
			true, true, true, true, X509_NEED, X509_OCSP_UNREACHABLE,
			{URL_MAIN, URL_OCSP, URL_CRL}},
		{"IFAVAIL asks too", X509_REVOCATION_IF_AVAILABLE, X509_OCSP_OPTIONAL, true, true, true, true,
			X509_NEED, X509_OCSP_UNREACHABLE, {URL_MAIN, URL_OCSP, URL_CRL}},
		{"NONE asks nobody", X509_REVOCATION_NONE, X509_OCSP_REQUIRED, true, true, true, true,
			X509_ACCEPT, X509_OK, {NULL}},
		{"no waiting: REQUIRED", X509_REVOCATION_REQUIRED, X509_OCSP_OPTIONAL, false, true, true,
			true, X509_REFUSE, X509_OCSP_UNREACHABLE, {NULL}},
		{"no waiting: OPTIONAL", X509_REVOCATION_IF_AVAILABLE, X509_OCSP_OPTIONAL, false, true, true,
			true, X509_ACCEPT, X509_OK, {NULL}},
		{"the certificate's responder alone", X509_REVOCATION_REQUIRED, X509_OCSP_WARN, true, false,
			true, false, X509_NEED, X509_OCSP_UNREACHABLE, {URL_OCSP}},
		{"without OCSP no responder is asked", X509_REVOCATION_REQUIRED, X509_OCSP_NONE, true, true,
			true, true, X509_NEED, X509_CRL_MISSING, {URL_CRL}},
		{"without sources nothing is asked", X509_REVOCATION_REQUIRED, X509_OCSP_REQUIRED, true,
			false, false, false, X509_REFUSE, X509_CRL_MISSING, {NULL}},
		{"distribution points alone", X509_REVOCATION_IF_AVAILABLE, X509_OCSP_NONE, true, false,
			false, true, X509_NEED, X509_CRL_MISSING, {URL_CRL}},
	};
	struct pki root = pki_root("Root");
	struct pki leaf = leaf_with_urls(&root, "d1");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct cert *chain[] = {leaf.cert};
		struct x509_question question = {.chain = chain,
			.chain_count = 1,
			.trust = trust,
			.now = PKI_NOW,
			.revocation = rows[i].revocation,
			.ocsp_auth = rows[i].auth,
			.may_need = rows[i].may_need,
			.need_aia = rows[i].aia,
			.need_cdp = rows[i].cdp,
			.ocsp_url = rows[i].main ? URL_MAIN : NULL};
		struct x509_answer answer;
		size_t count = 0;
		x509_judge(&question, &answer);
		CHECK(rows[i].name, answer.verdict == rows[i].want);
		CHECK(rows[i].name, answer.reason == rows[i].reason);
		while (count < ARRAY_COUNT(rows[i].urls) && rows[i].urls[count] != NULL) {
			count++;
		}
		CHECK(rows[i].name, answer.need_count == count);
		for (size_t j = 0; j < count && j < answer.need_count; j++) {
			CHECK(rows[i].name, strcmp(answer.needs[j].url, rows[i].urls[j]) == 0);
			CHECK(rows[i].name, answer.needs[j].cert == leaf.cert);
			CHECK(rows[i].name, answer.needs[j].issuer == root.cert);
			CHECK(rows[i].name, (answer.needs[j].kind == X509_NEED_CRL) ==
						    (strcmp(rows[i].urls[j], URL_CRL) == 0));
		}
	}
	trust_set_unref(trust);
	pki_free(&leaf);
	pki_free(&root);
}

struct no_needs_row {
	const char *name;
	const struct cert *leaf, *above;
	const struct trust_set *trust;
	const struct crl_set *crls;
	const struct ocsp_response *ocsp;
	enum x509_verdict want;
	enum x509_reason reason;
	size_t needs;
};

static struct x509_answer judge_needs(
	const struct no_needs_row *row, enum x509_revocation revocation, const char *url)
{
	const struct cert *chain[] = {row->leaf, row->above};
	struct x509_question question = {.chain = chain,
		.chain_count = row->above != NULL ? 2 : 1,
		.trust = row->trust,
		.crls = row->crls,
		.now = PKI_NOW,
		.revocation = revocation,
		.ocsp = &row->ocsp,
		.ocsp_count = row->ocsp != NULL ? 1 : 0,
		.ocsp_auth = X509_OCSP_REQUIRED,
		.may_need = true,
		.need_aia = true,
		.need_cdp = true,
		.ocsp_url = url};
	struct x509_answer answer;
	x509_judge(&question, &answer);
	return answer;
}

static void check_needs(const struct no_needs_row *row)
{
	struct x509_answer answer = judge_needs(row, X509_REVOCATION_REQUIRED, URL_MAIN);
	CHECK(row->name, answer.verdict == row->want);
	CHECK(row->name, answer.reason == row->reason);
	CHECK(row->name, answer.need_count == row->needs);
}

/* Whatever would be refused anyway, and a pinned certificate, is not fetched for. */
static void test_no_needs(void)
{
	struct pki root = pki_root("Root");
	struct pki stranger = pki_root("Root");
	struct pki leaf = leaf_with_urls(&root, "d1");
	struct x509_make old = {.path_length = -1,
		.client_auth = true,
		.crl_url = URL_CRL,
		.not_before = PKI_NOW - 2 * PKI_DAY,
		.not_after = PKI_NOW - PKI_DAY};
	struct pki expired = pki_make(&root, &old, "d3", NULL);
	struct pki self = leaf_with_urls(NULL, "d4");
	struct trust_set *trust = pki_trust(root.cert, self.cert);
	struct trust_set *other = pki_trust(stranger.cert, NULL);
	const struct no_needs_row rows[] = {
		{"a stranger's chain", leaf.cert, NULL, other, NULL, NULL, X509_REFUSE, X509_BAD_SIGNATURE,
			0},
		{"an expired certificate", expired.cert, NULL, trust, NULL, NULL, X509_REFUSE, X509_EXPIRED,
			0},
		{"a pinned certificate", self.cert, NULL, trust, NULL, NULL, X509_ACCEPT, X509_OK, 0},
		{"the same CA's certificate is asked about", leaf.cert, NULL, trust, NULL, NULL, X509_NEED,
			X509_OCSP_UNREACHABLE, 3},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		check_needs(&rows[i]);
	}
	trust_set_unref(trust);
	trust_set_unref(other);
	struct pki *all[] = {&root, &stranger, &leaf, &expired, &self};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
}

/* What is known is not fetched for, revoked least of all; what is unknown is. */
static void test_known_needs(void)
{
	struct pki root = pki_root("Root");
	struct pki leaf = leaf_with_urls(&root, "d1");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	struct crl *empty = pki_crl(&root, 1, NULL, 0);
	struct crl_set *clean = pki_crls(empty, NULL);
	struct ocsp_response *good = pki_ocsp(&root, leaf.cert, OCSP_SAYS_GOOD);
	struct ocsp_response *no = pki_ocsp(&root, leaf.cert, OCSP_SAYS_REVOKED);
	struct ocsp_response *dunno = pki_ocsp(&root, leaf.cert, OCSP_SAYS_UNKNOWN);
	const struct no_needs_row rows[] = {
		{"a good list is at hand: responders may know of a revocation sooner", leaf.cert, NULL, trust,
			clean, NULL, X509_ACCEPT, X509_OK, 2},
		{"a good list and a good answer are at hand", leaf.cert, NULL, trust, clean, good,
			X509_ACCEPT, X509_OK, 0},
		{"a good list, and an answer that says revoked", leaf.cert, NULL, trust, clean, no,
			X509_REFUSE, X509_REVOKED, 0},
		{"a good list, and an answer that does not know", leaf.cert, NULL, trust, clean, dunno,
			X509_ACCEPT, X509_OK, 0},
		{"a good answer is at hand", leaf.cert, NULL, trust, NULL, good, X509_ACCEPT, X509_OK, 0},
		{"revoked by an answer at hand", leaf.cert, NULL, trust, NULL, no, X509_REFUSE, X509_REVOKED,
			0},
		{"an unknown at hand: other sources may know", leaf.cert, NULL, trust, NULL, dunno, X509_NEED,
			X509_OCSP_UNKNOWN, 3},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		check_needs(&rows[i]);
	}
	ocsp_response_unref(good);
	ocsp_response_unref(no);
	ocsp_response_unref(dunno);
	crl_set_unref(clean);
	crl_unref(empty);
	trust_set_unref(trust);
	pki_free(&leaf);
	pki_free(&root);
}

/* Under REQUIRED an issuing CA of which nothing can be learnt makes fetching for its leaf idle. */
static void test_chain_needs(void)
{
	struct pki root = pki_root("Root");
	struct pki ca = pki_ca(&root, "CA");
	struct pki leaf = leaf_with_urls(&ca, "d2");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	const struct cert *bad[] = {ca.cert};
	struct crl *empty = pki_crl(&root, 1, NULL, 0);
	struct crl *listed = pki_crl(&root, 2, bad, 1);
	struct crl_set *clean = pki_crls(empty, NULL);
	struct crl_set *revoked = pki_crls(listed, NULL);
	const struct no_needs_row rows[] = {
		{"the issuing CA is revoked", leaf.cert, ca.cert, trust, revoked, NULL, X509_REFUSE,
			X509_REVOKED, 0},
		{"the issuing CA is fine", leaf.cert, ca.cert, trust, clean, NULL, X509_NEED,
			X509_OCSP_UNREACHABLE, 3},
		{"the issuing CA can be asked about at the responder alone", leaf.cert, ca.cert, trust, NULL,
			NULL, X509_NEED, X509_OCSP_UNREACHABLE, 4},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		check_needs(&rows[i]);
	}
	struct x509_answer answer = judge_needs(&rows[2], X509_REVOCATION_REQUIRED, NULL);
	CHECK("the issuing CA is hopeless", answer.verdict == X509_REFUSE);
	CHECK("the issuing CA is hopeless", answer.reason == X509_OCSP_UNREACHABLE);
	CHECK("the issuing CA is hopeless", answer.need_count == 0);
	answer = judge_needs(&rows[2], X509_REVOCATION_IF_AVAILABLE, NULL);
	CHECK("IFAVAIL lets the issuing CA pass", answer.verdict == X509_NEED);
	CHECK("IFAVAIL lets the issuing CA pass", answer.need_count == 2);
	CHECK("the leaf is what is waited for", strstr(answer.sentence, "'d2'") != NULL);
	answer = judge_needs(&rows[2], X509_REVOCATION_IF_AVAILABLE, URL_MAIN);
	CHECK("of both, the leaf is named", strstr(answer.sentence, "'d2'") != NULL);
	struct pki known = leaf_with_urls(&root, "CA 2");
	struct pki named = pki_make(&root,
		&(struct x509_make){.ca = true, .path_length = -1, .crl_url = URL_CRL}, "CA 2", &known.key);
	struct pki plain = pki_leaf(&named, "d3");
	struct no_needs_row row = {
		"", plain.cert, named.cert, trust, NULL, NULL, X509_NEED, X509_CRL_MISSING, 1};
	answer = judge_needs(&row, X509_REVOCATION_IF_AVAILABLE, NULL);
	CHECK("nothing can be learnt of the leaf, but of its CA", answer.verdict == X509_NEED);
	CHECK("nothing can be learnt of the leaf, but of its CA", answer.need_count == 1);
	CHECK("the CA is what is waited for", strstr(answer.sentence, "'CA 2'") != NULL);
	CHECK("the CA is what is waited for", strstr(answer.sentence, "'d3'") == NULL);
	pki_free(&plain);
	pki_free(&named);
	pki_free(&known);
	crl_set_unref(clean);
	crl_set_unref(revoked);
	crl_unref(empty);
	crl_unref(listed);
	trust_set_unref(trust);
	pki_free(&leaf);
	pki_free(&ca);
	pki_free(&root);
}

/* Two paths for one leaf: one whose status is known is taken without a fetch; one that may be fetched beats one refused. */
static void test_two_paths(void)
{
	struct pki roots[2] = {pki_root("Root A"), pki_root("Root B")};
	struct pki ca[2];
	struct secret key = pki_key(KEY_EC_P256);
	struct x509_make make = {.ca = true, .path_length = -1};
	ca[0] = pki_make(&roots[0], &make, "CA", &key);
	ca[1] = pki_make(&roots[1], &make, "CA", &key);
	struct pki leaf = leaf_with_urls(&ca[0], "d1");
	const struct cert *anchors[] = {roots[0].cert, roots[1].cert};
	const struct cert *chain[] = {leaf.cert, ca[0].cert, ca[1].cert};
	struct crl *of_leaf = pki_crl(&ca[0], 1, NULL, 0);
	struct trust_set *trust = NULL;
	REQUIRE("trust", trust_set_new(anchors, 2, NULL, 0, 1, &trust) == ERR_OK);
	for (size_t known = 0; known < 2; known++) {
		const struct cert *bad[] = {ca[1 - known].cert};
		struct crl *good = pki_crl(&roots[known], 1, NULL, 0);
		struct crl *listed = pki_crl(&roots[1 - known], 1, bad, 1);
		struct crl_set *crls = pki_crls(of_leaf, good);
		struct crl_set *refusing = pki_crls(of_leaf, listed);
		struct x509_question question = {.chain = chain,
			.chain_count = 3,
			.trust = trust,
			.crls = crls,
			.now = PKI_NOW,
			.revocation = X509_REVOCATION_REQUIRED,
			.ocsp_auth = X509_OCSP_REQUIRED,
			.may_need = true,
			.ocsp_url = URL_MAIN};
		struct x509_answer answer;
		x509_judge(&question, &answer);
		CHECK("a path that is known wins", answer.verdict == X509_ACCEPT);
		CHECK("a responder may know more of both", answer.need_count == 2);
		CHECK("a path that is known wins",
			answer.path_count == 3 && answer.path[1] == ca[known].cert);
		CHECK("its evidence is shown", answer.evidence_count == 2);
		CHECK("its evidence is shown", answer.evidence[1].list == good);
		question.crls = refusing;
		x509_judge(&question, &answer);
		CHECK("a path that may be fetched beats one revoked", answer.verdict == X509_NEED);
		CHECK("a path that may be fetched beats one revoked",
			answer.need_count == 1 && answer.needs[0].cert == ca[known].cert);
		question.may_need = false;
		x509_judge(&question, &answer);
		CHECK("and one that is merely unknown too",
			answer.verdict == X509_REFUSE && answer.reason == X509_OCSP_UNREACHABLE);
		crl_set_unref(crls);
		crl_set_unref(refusing);
		crl_unref(good);
		crl_unref(listed);
	}
	trust_set_unref(trust);
	crl_unref(of_leaf);
	secret_free(&key);
	struct pki *all[] = {&roots[0], &roots[1], &ca[0], &ca[1], &leaf};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
}

/* Which URLs of a certificate count. */
static void test_urls(void)
{
	static char longest[X509_URL_BYTES];
	static char longer[X509_URL_BYTES + 1];
	static const char scheme[] = "http://";
	for (size_t i = 0; i < sizeof(longer) - 1; i++) {
		char octet = 'a';
		if (i < sizeof(scheme) - 1) {
			octet = scheme[i];
		}
		longer[i] = octet;
		longest[i < sizeof(longest) - 1 ? i : 0] = i < sizeof(longest) - 1 ? octet : 'h';
	}
	const struct {
		const char *name, *url;
		bool want;
	} rows[] = {
		{"http", "http://a/", true},
		{"https", "https://a/", true},
		{"schemes ignore case", "HtTp://a/", true},
		{"ldap", "ldap://a/", false},
		{"file", "file:///etc/passwd", false},
		{"no scheme", "a.example/x", false},
		{"a scheme alone", "http://", false},
		{"a space", "http://a/ b", false},
		{"a line feed", "http://a/\nHost: b", false},
		{"DEL", "http://a/\x7f", false},
		{"empty", "", false},
		{"at the limit", longest, true},
		{"one above", longer, false},
	};
	struct pki root = pki_root("Root");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *const urls[] = {rows[i].url, "http://issuers/", "http://second/"};
		char out[X509_URL_BYTES];
		struct buf value = BUF_INIT(8192);
		struct x509_make_extension extension = {"1.3.6.1.5.5.7.1.1", false, aia(&value, urls, 3)};
		struct x509_make make = {.path_length = -1,
			.crl_url = rows[i].url[0] != '\0' ? rows[i].url : NULL,
			.extensions = &extension,
			.extension_count = 1};
		struct pki leaf = pki_make(&root, &make, "d1", NULL);
		CHECK(rows[i].name, cert_ocsp_url(leaf.cert, 0, out));
		CHECK(rows[i].name, strcmp(out, rows[i].want ? rows[i].url : "http://second/") == 0);
		CHECK(rows[i].name, cert_ocsp_url(leaf.cert, 1, out) == rows[i].want);
		CHECK(rows[i].name, !cert_ocsp_url(leaf.cert, 2, out));
		CHECK(rows[i].name, cert_crl_url(leaf.cert, 0, out) == rows[i].want);
		CHECK(rows[i].name, !rows[i].want || strcmp(out, rows[i].url) == 0);
		CHECK(rows[i].name, !cert_crl_url(leaf.cert, 1, out));
		pki_free(&leaf);
		buf_release(&value);
	}
	/* Six responders: four count. */
	static const char *const many[] = {"http://0/", "http://x/", "http://1/", "http://x/", "http://2/",
		"http://x/", "http://3/", "http://x/", "http://4/", "http://x/", "http://5/"};
	struct buf value = BUF_INIT(8192);
	struct x509_make_extension extension = {
		"1.3.6.1.5.5.7.1.1", false, aia(&value, many, ARRAY_COUNT(many))};
	struct pki leaf = pki_make(&root,
		&(struct x509_make){.path_length = -1, .extensions = &extension, .extension_count = 1}, "d1",
		NULL);
	char out[X509_URL_BYTES];
	CHECK("four responders count", cert_ocsp_url(leaf.cert, 3, out) && strcmp(out, "http://3/") == 0);
	CHECK("four responders count", !cert_ocsp_url(leaf.cert, 4, out));
	pki_free(&leaf);
	buf_release(&value);
	pki_free(&root);
}

/* The same URL twice is fetched once, where the same is fetched; and URLs of the configuration that are none. */
static void test_same_needs(void)
{
	static char longer[X509_URL_BYTES + 1];
	memset(longer, 'a', sizeof(longer) - 1);
	static const struct {
		const char *name, *url;
		size_t leaf, chain;
	} rows[] = {
		{"different", URL_MAIN, 3, 5},
		{"the certificate names the responder that is configured", URL_OCSP, 2, 3},
		{"a list and an answer under one URL are two", URL_CRL, 3, 5},
		{"an empty URL", "", 2, 3},
		{"one that is too long", longer, 2, 3},
	};
	struct pki root = pki_root("Root");
	static const char *const urls[] = {URL_OCSP};
	struct buf value = BUF_INIT(4096);
	struct x509_make_extension extension = {"1.3.6.1.5.5.7.1.1", false, aia(&value, urls, 1)};
	struct pki ca = pki_make(&root,
		&(struct x509_make){.ca = true,
			.path_length = -1,
			.crl_url = URL_CRL,
			.extensions = &extension,
			.extension_count = 1},
		"CA", NULL);
	struct pki leaf = leaf_with_urls(&root, "d1");
	struct pki below = leaf_with_urls(&ca, "d2");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct no_needs_row row = {rows[i].name, leaf.cert, NULL, trust, NULL, NULL, X509_NEED,
			X509_OCSP_UNREACHABLE, rows[i].leaf};
		struct x509_answer answer = judge_needs(&row, X509_REVOCATION_REQUIRED, rows[i].url);
		CHECK(rows[i].name, answer.verdict == X509_NEED && answer.need_count == rows[i].leaf);
		row.leaf = below.cert;
		row.above = ca.cert;
		answer = judge_needs(&row, X509_REVOCATION_REQUIRED, rows[i].url);
		CHECK(rows[i].name, answer.verdict == X509_NEED && answer.need_count == rows[i].chain);
	}
	buf_release(&value);
	trust_set_unref(trust);
	struct pki *all[] = {&root, &ca, &leaf, &below};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
}

/* Four certificates with five responders each: sixteen needs, and no more. */
static void test_many_needs(void)
{
	static const char *const urls[] = {
		"http://0/", "http://x/", "http://1/", "http://x/", "http://2/", "http://x/", "http://3/"};
	struct buf value = BUF_INIT(8192);
	struct x509_make_extension extension = {
		"1.3.6.1.5.5.7.1.1", false, aia(&value, urls, ARRAY_COUNT(urls))};
	struct x509_make make = {.ca = true,
		.path_length = -1,
		.crl_url = URL_CRL,
		.extensions = &extension,
		.extension_count = 1};
	struct pki certs[5] = {pki_root("Root")};
	for (size_t i = 1; i < ARRAY_COUNT(certs); i++) {
		static const char *const names[] = {"", "CA 1", "CA 2", "CA 3", "d1"};
		make.ca = i + 1 < ARRAY_COUNT(certs);
		make.client_auth = !make.ca;
		certs[i] = pki_make(&certs[i - 1], &make, names[i], NULL);
	}
	const struct cert *chain[] = {certs[4].cert, certs[3].cert, certs[2].cert, certs[1].cert};
	struct trust_set *trust = pki_trust(certs[0].cert, NULL);
	struct x509_question question = {.chain = chain,
		.chain_count = ARRAY_COUNT(chain),
		.trust = trust,
		.now = PKI_NOW,
		.revocation = X509_REVOCATION_REQUIRED,
		.ocsp_auth = X509_OCSP_REQUIRED,
		.may_need = true,
		.need_aia = true,
		.need_cdp = true,
		.ocsp_url = URL_MAIN};
	struct x509_answer answer;
	x509_judge(&question, &answer);
	CHECK("sixteen", answer.verdict == X509_NEED && answer.need_count == X509_NEEDS_MAX);
	CHECK("the leaf's first", answer.needs[0].cert == certs[4].cert);
	CHECK("in order", answer.needs[X509_NEEDS_MAX - 1].cert == certs[2].cert ||
				  answer.needs[X509_NEEDS_MAX - 1].cert == certs[1].cert);
	trust_set_unref(trust);
	buf_release(&value);
	for (size_t i = 0; i < ARRAY_COUNT(certs); i++) {
		pki_free(&certs[i]);
	}
}

/* Distribution points and access descriptions as they should not be. "http://a/" is 687474703a2f2f612f. */
static void test_odd_urls(void)
{
	static const struct {
		const char *name, *oid, *hex;
		size_t want; /* URLs */
	} rows[] = {
		{"an access description", "1.3.6.1.5.5.7.1.1",
			"3017 3015 06082b06010505073001 8609687474703a2f2f612f", 1},
		{"a DNS name that reads like a URL", "1.3.6.1.5.5.7.1.1",
			"3017 3015 06082b06010505073001 8209687474703a2f2f612f", 0},
		{"something behind the location", "1.3.6.1.5.5.7.1.1",
			"3019 3017 06082b06010505073001 8609687474703a2f2f612f 0500", 0},
		{"a broken one before a good one", "1.3.6.1.5.5.7.1.1",
			"301b 30020500 3015 06082b06010505073001 8609687474703a2f2f612f", 0},
		{"a distribution point", "2.5.29.31", "3011 300f a00d a00b 8609687474703a2f2f612f", 1},
		{"a name relative to the issuer", "2.5.29.31", "3011 300f a00d a10b 8609687474703a2f2f612f",
			0},
		{"a DNS name", "2.5.29.31", "3011 300f a00d a00b 8209687474703a2f2f612f", 0},
		{"two names in a point", "2.5.29.31",
			"301c 301a a018 a016 8609687474703a2f2f612f 8609687474703a2f2f612f", 2},
		{"six names in a point: four count", "2.5.29.31",
			"3048 3046 a044 a042 8609687474703a2f2f612f 8609687474703a2f2f612f "
			"8609687474703a2f2f612f "
			"8609687474703a2f2f612f 8609687474703a2f2f612f 8609687474703a2f2f612f",
			4},
	};
	struct pki root = pki_root("Root");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes value = test_hex(rows[i].hex);
		struct x509_make_extension extension = {rows[i].oid, false, test_bytes_view(&value)};
		struct x509_make make = {.path_length = -1, .extensions = &extension, .extension_count = 1};
		struct pki leaf = pki_make(&root, &make, "d1", NULL);
		char out[X509_URL_BYTES];
		for (size_t j = 0; j < 8; j++) {
			bool list = strcmp(rows[i].oid, "2.5.29.31") == 0;
			CHECK(rows[i].name, cert_crl_url(leaf.cert, j, out) == (list && j < rows[i].want));
			CHECK(rows[i].name, cert_ocsp_url(leaf.cert, j, out) == (!list && j < rows[i].want));
		}
		pki_free(&leaf);
	}
	pki_free(&root);
}

int main(void)
{
	pki_init();
	test_needs();
	test_no_needs();
	test_known_needs();
	test_chain_needs();
	test_same_needs();
	test_many_needs();
	test_two_paths();
	test_urls();
	test_odd_urls();
	return test_result();
}
