/*
 * test_ocsp_judge.c - which OCSP responses are believed (RFC 6960 3.2, 4.2.2.2), and what several of them come to. Each row is
 *                     judged alone (ocsp_response_usable_for) and as the status of a leaf below a trusted root.
 */
#include <string.h>

#include "tests/x509/pki.h"
#include "x509/make.h"
#include "x509/ocsp.h"

#define NOW PKI_NOW

struct plant {
	struct pki root, twin, leaf, next;
	struct trust_set *trust;
};

struct setting {
	const struct crl_set *crls;
	enum x509_revocation revocation;
	bool allow_sha1;
	struct bytes nonce;
};

static const struct setting plain = {.revocation = X509_REVOCATION_REQUIRED};

static enum x509_reason judge(const struct plant *plant, const struct setting *setting,
	const struct ocsp_response *const *responses, size_t count, struct x509_answer *answer)
{
	const struct cert *chain[] = {plant->leaf.cert};
	struct x509_question question = {.chain = chain,
		.chain_count = 1,
		.trust = plant->trust,
		.crls = setting->crls,
		.now = NOW,
		.revocation = setting->revocation,
		.allow_sha1 = setting->allow_sha1,
		.ocsp = responses,
		.ocsp_count = count,
		.ocsp_auth = X509_OCSP_REQUIRED,
		.ocsp_nonce = setting->nonce,
		.ocsp_url = "http://responder.example/"};
	x509_judge(&question, answer);
	CHECK("a sentence", answer->sentence[0] != '\0');
	return answer->verdict == X509_ACCEPT ? X509_OK : answer->reason;
}

static void check_one(const struct plant *plant, const char *row, const struct setting *setting,
	const struct pki_ocsp *make, enum x509_reason want)
{
	struct x509_answer answer;
	struct pki_ocsp full = *make;
	full.issuer = full.issuer != NULL ? full.issuer : &plant->root;
	full.cert = full.cert != NULL ? full.cert : plant->leaf.cert;
	struct ocsp_response *response = pki_ocsp_made(&full);
	const struct ocsp_response *list[] = {response};
	enum x509_reason got = judge(plant, setting, list, 1, &answer);
	CHECK(row, got == want);
	if (got != want) {
		(void)printf("  %s: %s (%s)\n", row, x509_reason_name(got), answer.sentence);
	}
	if (strstr(answer.sentence, "critical extension") != NULL) {
		CHECK("what is not understood costs no signature but the path's", answer.signatures == 1);
	}
	if (setting == &plain && make->issuer == NULL && make->cert == NULL) {
		int64_t until = 1;
		enum x509_reason alone = ocsp_response_usable_for(
			response, plant->leaf.cert, plant->root.cert, NOW, false, &until);
		CHECK(row, alone == want);
		CHECK(row, (until != 0) == (want == X509_OK || want == X509_OCSP_UNKNOWN));
	}
	ocsp_response_unref(response);
}

/* --- who may sign --- */

static const uint8_t eku_ocsp[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09};
static const uint8_t eku_any[] = {0x30, 0x06, 0x06, 0x04, 0x55, 0x1d, 0x25, 0x00};
static const uint8_t null_value[] = {0x05, 0x00};

struct delegate {
	const char *name;
	bool no_eku, any_eku, sha1;
	unsigned key_usage;
	int64_t from, to; /* from now; 0, 0: valid */
	bool critical;    /* an extension that nobody knows */
	enum x509_reason want;
	enum x509_reason with_sha1; /* with allow_sha1 */
};

static struct pki delegate_make(const struct pki *issuer, const struct delegate *row)
{
	const struct x509_make_extension extensions[] = {
		{"1.3.6.1.5.5.7.48.1.5", false, bytes_of(null_value, sizeof(null_value))},
		{"2.5.29.37", false,
			row->any_eku ? bytes_of(eku_any, sizeof(eku_any))
				     : bytes_of(eku_ocsp, sizeof(eku_ocsp))},
		{"1.2.3.4", true, bytes_of(null_value, sizeof(null_value))}};
	struct x509_make make = {.path_length = -1,
		.not_before = row->from != 0 || row->to != 0 ? NOW + row->from : 0,
		.not_after = row->from != 0 || row->to != 0 ? NOW + row->to : 0,
		.key_usage = row->key_usage,
		.sha1 = row->sha1,
		.extensions = extensions,
		.extension_count = row->critical ? 3
				   : row->no_eku ? 1
						 : 2};
	return pki_make(issuer, &make, "Responder", NULL);
}

static void test_delegates(const struct plant *plant)
{
	static const struct delegate rows[] = {
		{.name = "delegated"},
		{.name = "RFC 6960 4.2.2.2: without id-kp-OCSPSigning",
			.no_eku = true,
			.want = X509_OCSP_BAD},
		{.name = "RFC 6960 4.2.2.2: anyExtendedKeyUsage is not it",
			.any_eku = true,
			.want = X509_OCSP_BAD},
		{.name = "expired", .from = -2 * PKI_DAY, .to = -1, .want = X509_OCSP_BAD},
		{.name = "valid to this second", .from = -2 * PKI_DAY, .to = 0},
		{.name = "not yet valid", .from = 1, .to = PKI_DAY, .want = X509_OCSP_BAD},
		{.name = "RFC 5280 4.2.1.3: may not sign",
			.key_usage = KU_KEY_ENCIPHERMENT,
			.want = X509_OCSP_BAD},
		{.name = "RFC 5280 4.2: a critical extension that is not known",
			.critical = true,
			.want = X509_OCSP_BAD},
		{.name = "signed with SHA-1", .sha1 = true, .want = X509_OCSP_BAD},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct pki signer = delegate_make(&plant->root, &rows[i]);
		struct pki_ocsp make = {.signer = &signer};
		check_one(plant, rows[i].name, &plain, &make, rows[i].want);
		make.by_key = true;
		check_one(plant, rows[i].name, &plain, &make, rows[i].want);
		make.status = OCSP_SAYS_REVOKED; /* whoever may not say "good" may not say "revoked" either */
		check_one(plant, rows[i].name, &plain, &make,
			rows[i].want == X509_OK ? X509_REVOKED : rows[i].want);
		pki_free(&signer);
	}
	struct pki signer = delegate_make(&plant->root, &rows[8]);
	struct setting lenient = {.revocation = X509_REVOCATION_REQUIRED, .allow_sha1 = true};
	check_one(plant, "SHA-1 allowed", &lenient, &(struct pki_ocsp){.signer = &signer}, X509_OK);
	pki_free(&signer);
}

static void test_signers(const struct plant *plant)
{
	struct pki ca = pki_ca(&plant->root, "Sub CA");
	struct pki own = pki_responder(&plant->root, "Responder", false);
	struct pki of_twin = pki_responder(&plant->twin, "Responder", false);
	struct pki of_ca = pki_responder(&ca, "Responder", false);
	struct pki self = pki_responder(NULL, "Responder", false);
	const struct {
		const char *name;
		struct pki_ocsp make;
		enum x509_reason want;
	} rows[] = {
		{"the issuer, by name", {.by_key = false}, X509_OK},
		{"the issuer, by key", {.by_key = true}, X509_OK},
		{"the issuer says unknown", {.status = OCSP_SAYS_UNKNOWN}, X509_OCSP_UNKNOWN},
		{"the issuer says revoked", {.status = OCSP_SAYS_REVOKED}, X509_REVOKED},
		{"the issuer with SHA-1", {.sha1 = true}, X509_OCSP_BAD},
		{"the issuer with SHA-1 says revoked", {.sha1 = true, .status = OCSP_SAYS_REVOKED},
			X509_OCSP_BAD},
		{"a delegated one", {.signer = &own}, X509_OK},
		{"a delegated one that is not sent along", {.signer = &own, .leave_out_signer = true},
			X509_OCSP_BAD},
		{"another CA of the same name", {.signer = &plant->twin}, X509_OCSP_BAD},
		{"another CA of the same name, by key", {.signer = &plant->twin, .by_key = true},
			X509_OCSP_BAD},
		{"another CA of the same name, not sent along",
			{.signer = &plant->twin, .leave_out_signer = true}, X509_OCSP_BAD},
		{"delegated by another CA of the same name", {.signer = &of_twin}, X509_OCSP_BAD},
		{"delegated by a CA below", {.signer = &of_ca}, X509_OCSP_BAD},
		{"delegated by itself", {.signer = &self}, X509_OCSP_BAD},
		{"the certificate about itself", {.signer = &plant->leaf}, X509_OCSP_BAD},
		{"another certificate of the CA", {.signer = &plant->next}, X509_OCSP_BAD},
		{"a CA below", {.signer = &ca}, X509_OCSP_BAD},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		check_one(plant, rows[i].name, &plain, &rows[i].make, rows[i].want);
	}
	struct setting lenient = {.revocation = X509_REVOCATION_REQUIRED, .allow_sha1 = true};
	check_one(
		plant, "the issuer with SHA-1, allowed", &lenient, &(struct pki_ocsp){.sha1 = true}, X509_OK);
	struct pki *all[] = {&ca, &own, &of_twin, &of_ca, &self};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
}

/* RFC 6960 4.2.2.3: the key alone is not enough; responderID names the signer, and the signer's issuer is the CA by name. */
static void test_names(const struct plant *plant)
{
	struct x509_make ca = {.ca = true, .path_length = -1};
	struct pki alias = pki_make(NULL, &ca, "Alias of the CA", &plant->root.key);
	struct pki of_alias = pki_responder(&alias, "Responder", false);
	struct pki responder = pki_responder(&plant->root, "Responder", false);
	struct pki renamed =
		pki_make(&plant->twin, &(struct x509_make){.path_length = -1}, "Renamed", &responder.key);
	check_one(plant, "the CA's key under another name", &plain,
		&(struct pki_ocsp){.signer = &alias, .leave_out_signer = true}, X509_OCSP_BAD);
	check_one(plant, "the CA's key by its hash", &plain,
		&(struct pki_ocsp){.signer = &alias, .leave_out_signer = true, .by_key = true}, X509_OK);
	check_one(plant, "a responder that the CA's key issued under another name", &plain,
		&(struct pki_ocsp){.signer = &of_alias}, X509_OCSP_BAD);
	for (size_t i = 0; i < 2; i++) {
		struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
		struct ocsp_response *response = NULL;
		const struct cert *sent = responder.cert;
		struct x509_make_ocsp_single single = {.cert = plant->leaf.cert,
			.issuer = plant->root.cert,
			.reason = -1,
			.this_update = NOW,
			.next_update = NOW + 1};
		struct x509_make_ocsp make = {.singles = &single,
			.single_count = 1,
			.produced_at = NOW,
			.signer = i == 0 ? responder.cert : renamed.cert,
			.signer_key_pkcs8 = secret_bytes(&responder.key),
			.certs = &sent,
			.cert_count = 1};
		REQUIRE("made", x509_make_ocsp(&make, &der) == ERR_OK);
		REQUIRE("read", ocsp_response_parse(buf_bytes(&der), &response, NULL) == ERR_OK);
		CHECK("the responder's key under another name",
			ocsp_response_usable_for(response, plant->leaf.cert, plant->root.cert, NOW, false,
				NULL) == (i == 0 ? X509_OK : X509_OCSP_BAD));
		ocsp_response_unref(response);
		buf_release(&der);
	}
	struct pki *all[] = {&alias, &of_alias, &responder, &renamed};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
}

/* RFC 6960 4.2.2.3: byKey names another key than the one that signed. The issuer's own signature does not help. */
static void test_key_hash(const struct plant *plant)
{
	for (size_t i = 0; i < 2; i++) {
		const struct pki *named = i == 0 ? &plant->root : &plant->twin;
		struct ocsp_response *first = pki_ocsp_made(&(struct pki_ocsp){.issuer = &plant->root,
			.cert = plant->leaf.cert,
			.signer = i == 0 ? NULL : named,
			.leave_out_signer = true,
			.by_key = true});
		struct ocsp_response *second = NULL;
		struct buf basic = BUF_INIT(PKI_DER_BYTES_MAX);
		struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
		REQUIRE("signed", make_sign(first->tbs, secret_bytes(&plant->root.key), KEY_EC_P256, false,
					  &basic) == ERR_OK);
		struct der_writer writer = der_writer_init(&der);
		der_put_begin(&writer, DER_SEQUENCE);
		der_put(&writer, DER_ENUMERATED, bytes_of("\0", 1));
		der_put_begin(&writer, DER_CONTEXT_CONSTRUCTED(0));
		der_put_begin(&writer, DER_SEQUENCE);
		der_put_oid(&writer, "1.3.6.1.5.5.7.48.1.1");
		der_put(&writer, DER_OCTET_STRING, buf_bytes(&basic));
		der_put_end(&writer);
		der_put_end(&writer);
		der_put_end(&writer);
		REQUIRE("written", der_writer_err(&writer) == ERR_OK);
		REQUIRE("read", ocsp_response_parse(buf_bytes(&der), &second, NULL) == ERR_OK);
		CHECK("signed by the CA, named by another key's hash",
			ocsp_response_usable_for(second, plant->leaf.cert, plant->root.cert, NOW, false,
				NULL) == (i == 0 ? X509_OK : X509_OCSP_BAD));
		ocsp_response_unref(first);
		ocsp_response_unref(second);
		buf_release(&basic);
		buf_release(&der);
	}
}

/* A response with many certificates: those that cannot have signed are passed over, and of the others two are tried. */
static void test_many_signers(const struct plant *plant)
{
	struct pki responders[X509_OCSP_CERTS_MAX];
	struct pki idle = pki_leaf(&plant->root, "Responder");
	for (size_t i = 0; i < ARRAY_COUNT(responders); i++) {
		responders[i] = pki_responder(&plant->root, "Responder", false);
	}
	static const struct {
		const char *name;
		size_t at;
		bool idle_first; /* certificates of the name that may not sign */
		enum x509_reason want;
		unsigned signatures;
	} rows[] = {
		{"the first signed", 0, false, X509_OK, 1 + 2},
		{"the second signed", 1, false, X509_OK, 1 + 3},
		{"the third signed", 2, false, X509_OCSP_BAD, 1 + 2},
		{"the second that may, behind others", 1, true, X509_OK, 1 + 3},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct cert *sent[X509_OCSP_CERTS_MAX];
		struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
		struct ocsp_response *response = NULL;
		struct x509_answer answer;
		size_t skipped = rows[i].idle_first ? 4 : 0;
		for (size_t j = 0; j < ARRAY_COUNT(sent); j++) {
			sent[j] = j < skipped ? idle.cert : responders[j - skipped].cert;
		}
		struct x509_make_ocsp_single single = {.cert = plant->leaf.cert,
			.issuer = plant->root.cert,
			.reason = -1,
			.this_update = NOW,
			.next_update = NOW + 1};
		struct x509_make_ocsp make = {.singles = &single,
			.single_count = 1,
			.produced_at = NOW,
			.signer = responders[rows[i].at].cert,
			.signer_key_pkcs8 = secret_bytes(&responders[rows[i].at].key),
			.certs = sent,
			.cert_count = ARRAY_COUNT(sent)};
		REQUIRE("made", x509_make_ocsp(&make, &der) == ERR_OK);
		REQUIRE("read", ocsp_response_parse(buf_bytes(&der), &response, NULL) == ERR_OK);
		const struct ocsp_response *list[] = {response};
		CHECK(rows[i].name, judge(plant, &plain, list, 1, &answer) == rows[i].want);
		CHECK(rows[i].name, answer.signatures == rows[i].signatures);
		ocsp_response_unref(response);
		buf_release(&der);
	}
	for (size_t i = 0; i < ARRAY_COUNT(responders); i++) {
		pki_free(&responders[i]);
	}
	pki_free(&idle);
}

/* RFC 6960 4.2.2.2.1: a delegated signer without nocheck is looked up in the lists at hand, by the channel's REVCHECK. */
static void test_checked_delegates(const struct plant *plant)
{
	enum { NO_LIST, CLEAN, LISTED, STALE, LISTS };
	static const struct {
		const char *name;
		int list;
		enum x509_revocation revocation;
		bool incomplete;
		enum x509_reason want;
	} rows[] = {
		{"REQUIRED, no list", NO_LIST, X509_REVOCATION_REQUIRED, false, X509_OCSP_SIGNER_UNKNOWN},
		{"REQUIRED, listed", LISTED, X509_REVOCATION_REQUIRED, false, X509_OCSP_BAD},
		{"REQUIRED, a stale list", STALE, X509_REVOCATION_REQUIRED, false, X509_OCSP_SIGNER_UNKNOWN},
		{"REQUIRED, a clean list", CLEAN, X509_REVOCATION_REQUIRED, false, X509_OK},
		{"IFAVAIL, no list", NO_LIST, X509_REVOCATION_IF_AVAILABLE, false, X509_OK},
		{"IFAVAIL, no list, but one could not be read", NO_LIST, X509_REVOCATION_IF_AVAILABLE, true,
			X509_OCSP_SIGNER_UNKNOWN},
		{"IFAVAIL, listed", LISTED, X509_REVOCATION_IF_AVAILABLE, false, X509_OCSP_BAD},
		{"IFAVAIL, a stale list", STALE, X509_REVOCATION_IF_AVAILABLE, false,
			X509_OCSP_SIGNER_UNKNOWN},
		{"IFAVAIL, a clean list", CLEAN, X509_REVOCATION_IF_AVAILABLE, false, X509_OK},
	};
	struct pki signer = pki_responder(&plant->root, "Responder", true);
	const struct cert *bad[] = {signer.cert};
	struct crl *lists[LISTS] = {NULL, pki_crl(&plant->root, 1, NULL, 0), pki_crl(&plant->root, 1, bad, 1),
		pki_crl_at(&plant->root, 1, NOW - PKI_DAY, NOW - 1, NULL, 0)};
	struct ocsp_response *response = pki_ocsp_made(
		&(struct pki_ocsp){.issuer = &plant->root, .cert = plant->leaf.cert, .signer = &signer});
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct cert *path[] = {plant->leaf.cert, plant->root.cert};
		struct crl_set *set = pki_crls(lists[rows[i].list], NULL);
		struct x509_answer answer;
		struct x509_question question = {.chain = path,
			.chain_count = 1,
			.trust = plant->trust,
			.crls = set,
			.now = NOW,
			.revocation = rows[i].revocation,
			.crl_set_incomplete = rows[i].incomplete,
			.ocsp = (const struct ocsp_response *const *)&response,
			.ocsp_count = 1,
			.ocsp_auth = X509_OCSP_REQUIRED};
		x509_judge(&question, &answer);
		/* A clean list says the same of the leaf; what OCSP itself came to is in the evidence. */
		CHECK(rows[i].name, answer.evidence_count == 1);
		CHECK(rows[i].name, answer.evidence[0].ocsp_reason == rows[i].want);
		CHECK(rows[i].name,
			(answer.evidence[0].ocsp == X509_OCSP_STATE_GOOD) == (rows[i].want == X509_OK));
		crl_set_unref(set);
	}
	CHECK("alone: nothing is known of the signer",
		ocsp_response_usable_for(response, plant->leaf.cert, plant->root.cert, NOW, false, NULL) ==
			X509_OK);
	ocsp_response_unref(response);
	for (size_t i = 0; i < LISTS; i++) {
		crl_unref(lists[i]);
	}
	pki_free(&signer);
}

/* --- when --- */

static void test_dates(const struct plant *plant)
{
	static const int64_t week = 7 * PKI_DAY;
	static const struct {
		const char *name;
		int64_t this_update, next_update, produced_at; /* from now; next_update 0: none */
		enum x509_reason want;
	} rows[] = {
		{"current", -10, 10, -10, X509_OK},
		{"to this second", -10, 0, -10, X509_OK},
		{"a second late", -10, -1, -10, X509_OCSP_STALE},
		{"no nextUpdate, a week old", -week, X509_NEVER, -10, X509_OK},
		{"no nextUpdate, a week and a second", -week - 1, X509_NEVER, -10, X509_OCSP_STALE},
		{"the responder's clock is 300 s ahead", 300, 1000, 300, X509_OK},
		{"thisUpdate 301 s ahead", 301, 1000, 300, X509_OCSP_BAD},
		{"producedAt 301 s ahead", 300, 1000, 301, X509_OCSP_BAD},
		{"thisUpdate 300 s behind producedAt", -1000, 1000, -1300, X509_OK},
		{"thisUpdate 301 s behind producedAt", -1000, 1000, -1301, X509_OCSP_BAD},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct pki_ocsp make = {.this_update = NOW + rows[i].this_update,
			.next_update =
				rows[i].next_update == X509_NEVER ? X509_NEVER : NOW + rows[i].next_update,
			.produced_at = NOW + rows[i].produced_at};
		check_one(plant, rows[i].name, &plain, &make, rows[i].want);
		make.status = OCSP_SAYS_REVOKED;
		check_one(plant, "revoked, whenever", &plain, &make, X509_REVOKED);
	}
}

static void test_until(const struct plant *plant)
{
	int64_t until = 0;
	struct pki brief = delegate_make(&plant->root, &(struct delegate){.from = -PKI_DAY, .to = 50});
	struct pki_ocsp make = {.issuer = &plant->root, .cert = plant->leaf.cert, .next_update = NOW + 100};
	struct ocsp_response *response = pki_ocsp_made(&make);
	CHECK("good", ocsp_response_usable_for(
			      response, plant->leaf.cert, plant->root.cert, NOW, false, &until) == X509_OK);
	CHECK("until nextUpdate", until == NOW + 100);
	ocsp_response_unref(response);
	make.signer = &brief;
	response = pki_ocsp_made(&make);
	CHECK("good", ocsp_response_usable_for(
			      response, plant->leaf.cert, plant->root.cert, NOW, false, &until) == X509_OK);
	CHECK("until the signer ends", until == NOW + 50);
	ocsp_response_unref(response);
	pki_free(&brief);
}

/* --- extensions --- */

static void test_extensions(const struct plant *plant)
{
	static const uint8_t nonce[] = {1, 2, 3, 4};
	static const uint8_t other[] = {1, 2, 3, 5};
	static const struct {
		const char *name, *oid;
		bool single, critical;
		enum x509_reason want;
	} rows[] = {
		{"unknown", "1.2.3", false, false, X509_OK},
		{"RFC 6960 4.4: unknown and critical", "1.2.3", false, true, X509_OCSP_BAD},
		{"RFC 6960 4.4.8: extended revoked", "1.3.6.1.5.5.7.48.1.9", false, true, X509_OK},
		{"an unknown one of a single", "1.2.3", true, false, X509_OK},
		{"an unknown critical one of a single", "1.2.3", true, true, X509_OCSP_BAD},
		{"RFC 6962 3.3: certificate transparency", "1.3.6.1.4.1.11129.2.4.5", true, true, X509_OK},
		{"RFC 6960 4.4.2: CRL references", "1.3.6.1.5.5.7.48.1.3", true, true, X509_OK},
		{"RFC 6960 4.4.4: archive cutoff", "1.3.6.1.5.5.7.48.1.6", true, true, X509_OK},
		{"RFC 6960 4.4.5: reason code", "2.5.29.21", true, true, X509_OK},
		{"RFC 6960 4.4.5: invalidity date", "2.5.29.24", true, true, X509_OK},
		{"one of a single in the response", "1.3.6.1.5.5.7.48.1.6", false, true, X509_OCSP_BAD},
		{"certificate issuer: not of an indirect list", "2.5.29.29", true, true, X509_OCSP_BAD},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct x509_make_extension extension = {
			rows[i].oid, rows[i].critical, bytes_of(null_value, sizeof(null_value))};
		struct pki_ocsp make = {.extensions = rows[i].single ? NULL : &extension,
			.extension_count = rows[i].single ? 0 : 1,
			.single_extensions = rows[i].single ? &extension : NULL,
			.single_extension_count = rows[i].single ? 1 : 0};
		check_one(plant, rows[i].name, &plain, &make, rows[i].want);
	}
	struct setting sent = {
		.revocation = X509_REVOCATION_REQUIRED, .nonce = bytes_of(nonce, sizeof(nonce))};
	struct pki_ocsp make = {.nonce = bytes_of(nonce, sizeof(nonce))};
	check_one(plant, "RFC 9654 2.1: the nonce that was sent", &sent, &make, X509_OK);
	check_one(plant, "a nonce, although none was sent", &plain, &make, X509_OK);
	make.nonce = bytes_of(other, sizeof(other));
	check_one(plant, "another nonce", &sent, &make, X509_OCSP_BAD);
	make.nonce = BYTES_NONE;
	check_one(plant, "no nonce in the answer", &sent, &make, X509_OK);
	check_one(plant, "about another certificate", &plain, &(struct pki_ocsp){.cert = plant->next.cert},
		X509_OCSP_UNREACHABLE);
	check_one(plant, "about a certificate of another CA", &plain,
		&(struct pki_ocsp){.issuer = &plant->twin}, X509_OCSP_UNREACHABLE);
}

/* --- several --- */

/* What one answer of several says. */
struct says {
	enum ocsp_says status;
	int reason;  /* 0: none */
	int64_t age; /* thisUpdate that long ago; 0: the end of the list */
	enum { FINE, OF_ANOTHER, CRITICAL, LATE, FORGED } kind;
};

#define G(age)                                                                                               \
	{                                                                                                    \
		OCSP_SAYS_GOOD, 0, age, FINE                                                                 \
	}
#define U(age)                                                                                               \
	{                                                                                                    \
		OCSP_SAYS_UNKNOWN, 0, age, FINE                                                              \
	}
#define R(age)                                                                                               \
	{                                                                                                    \
		OCSP_SAYS_REVOKED, 1, age, FINE                                                              \
	}
#define HOLD(age)                                                                                            \
	{                                                                                                    \
		OCSP_SAYS_REVOKED, 6, age, FINE                                                              \
	}

static const struct x509_make_extension critical[] = {{"1.2.3", true, {null_value, sizeof(null_value)}}};

/* One answer with all of says in it, begun at turn. */
static struct ocsp_response *response_of_all(
	const struct plant *plant, const struct says says_of[3], size_t turn)
{
	struct x509_make_ocsp_single singles[3];
	struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
	struct ocsp_response *response = NULL;
	size_t count = 0;
	for (size_t j = 0; j < 3; j++) {
		const struct says *says = &says_of[(j + turn) % 3];
		if (says->age == 0) {
			continue;
		}
		singles[count++] = (struct x509_make_ocsp_single){
			.cert = says->kind == OF_ANOTHER ? plant->next.cert : plant->leaf.cert,
			.issuer = plant->root.cert,
			.status = says->status,
			.reason = says->reason != 0 ? says->reason : -1,
			.revoked_at = NOW - 100,
			.this_update = NOW - says->age,
			.next_update = says->kind == LATE ? NOW - 1 : NOW + 100,
			.extensions = critical,
			.extension_count = says->kind == CRITICAL ? 1 : 0};
	}
	struct x509_make_ocsp make = {.singles = singles,
		.single_count = count,
		.produced_at = NOW,
		.signer = plant->root.cert,
		.signer_key_pkcs8 = secret_bytes(&plant->root.key)};
	REQUIRE("made", x509_make_ocsp(&make, &der) == ERR_OK);
	REQUIRE("read", ocsp_response_parse(buf_bytes(&der), &response, NULL) == ERR_OK);
	buf_release(&der);
	return response;
}

static void test_singles(const struct plant *plant)
{
	static const struct {
		const char *name;
		struct says says[3];
		enum x509_reason want;
	} rows[] = {
		{"good, good", {G(10), G(10)}, X509_OK},
		{"good, revoked", {G(10), R(10)}, X509_REVOKED},
		{"an older revoked counts all the same", {G(10), R(20)}, X509_REVOKED},
		{"a hold in the same answer too", {G(10), HOLD(20)}, X509_REVOKED},
		{"of one age, unknown", {G(10), U(10)}, X509_OCSP_UNKNOWN},
		{"the newer is good", {G(10), U(20)}, X509_OK},
		{"the newer is unknown", {G(20), U(10)}, X509_OCSP_UNKNOWN},
		{"revoked among three", {U(5), R(90), G(1)}, X509_REVOKED},
		{"of another certificate: passed over", {G(10), {OCSP_SAYS_REVOKED, 1, 10, OF_ANOTHER}},
			X509_OK},
		{"one that is not understood spoils all", {G(10), {OCSP_SAYS_GOOD, 0, 10, CRITICAL}},
			X509_OCSP_BAD},
		{"also where it is the older", {G(10), {OCSP_SAYS_GOOD, 0, 20, CRITICAL}}, X509_OCSP_BAD},
		{"also where it is the newer", {G(20), {OCSP_SAYS_GOOD, 0, 10, CRITICAL}}, X509_OCSP_BAD},
		{"also beside an unknown", {U(20), {OCSP_SAYS_GOOD, 0, 10, CRITICAL}, U(5)}, X509_OCSP_BAD},
		{"but not one about another", {G(10), {OCSP_SAYS_REVOKED, 1, 10, OF_ANOTHER}, G(20)},
			X509_OK},
		{"late and older", {G(10), {OCSP_SAYS_GOOD, 0, 20, LATE}}, X509_OK},
		{"late and newer", {G(20), {OCSP_SAYS_GOOD, 0, 10, LATE}}, X509_OCSP_STALE},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		for (size_t turn = 0; turn < 3; turn++) { /* the order is nothing */
			struct ocsp_response *response = response_of_all(plant, rows[i].says, turn);
			CHECK(rows[i].name, ocsp_response_usable_for(response, plant->leaf.cert,
						    plant->root.cert, NOW, false, NULL) == rows[i].want);
			ocsp_response_unref(response);
		}
	}
}

static struct ocsp_response *response_of(const struct plant *plant, const struct says *says)
{
	return pki_ocsp_made(&(struct pki_ocsp){.issuer = &plant->root,
		.cert = says->kind == OF_ANOTHER ? plant->next.cert : plant->leaf.cert,
		.signer = says->kind == FORGED ? &plant->twin : NULL,
		.status = says->status,
		.reason = says->reason,
		.this_update = NOW - says->age,
		.produced_at = NOW,
		.next_update = says->kind == LATE ? NOW - 1 : NOW + 100,
		.single_extensions = critical,
		.single_extension_count = says->kind == CRITICAL ? 1 : 0});
}

static bool says_for_good(const struct says says[3])
{
	bool found = false;
	for (size_t i = 0; i < 3; i++) {
		found = found || (says[i].status == OCSP_SAYS_REVOKED && says[i].reason == 1);
	}
	return found;
}

static void test_responses(const struct plant *plant)
{
	static const struct {
		const char *name;
		struct says says[3];
		enum x509_reason want;
	} rows[] = {
		{"good, good", {G(10), G(20)}, X509_OK},
		{"good, revoked", {G(10), R(20)}, X509_REVOKED},
		{"revoked for good and a hold", {R(30), HOLD(10), G(5)}, X509_REVOKED},
		{"a later good lifts a hold", {HOLD(20), G(10)}, X509_OK},
		{"a good of the same age does not", {HOLD(10), G(10)}, X509_REVOKED},
		{"an earlier good does not", {HOLD(10), G(20)}, X509_REVOKED},
		{"held again", {HOLD(30), G(20), HOLD(10)}, X509_REVOKED},
		{"held twice, then good", {HOLD(30), HOLD(20), G(10)}, X509_OK},
		{"an unknown lifts nothing", {HOLD(20), U(10)}, X509_REVOKED},
		{"a late good lifts nothing", {HOLD(20), {OCSP_SAYS_GOOD, 0, 10, LATE}}, X509_REVOKED},
		{"a forged good lifts nothing", {HOLD(20), {OCSP_SAYS_GOOD, 0, 10, FORGED}}, X509_REVOKED},
		{"a forged revoked revokes nothing", {G(20), {OCSP_SAYS_REVOKED, 1, 10, FORGED}}, X509_OK},
		{"one responder knows it, the other does not", {G(20), U(10)}, X509_OK},
		{"late, unknown", {U(20), {OCSP_SAYS_GOOD, 0, 10, LATE}}, X509_OCSP_UNKNOWN},
		{"late, forged", {{OCSP_SAYS_GOOD, 0, 10, LATE}, {OCSP_SAYS_GOOD, 0, 10, FORGED}},
			X509_OCSP_STALE},
		{"good beside one that is not understood", {G(20), {OCSP_SAYS_GOOD, 0, 10, CRITICAL}},
			X509_OK},
		{"about another alone", {{OCSP_SAYS_GOOD, 0, 10, OF_ANOTHER}}, X509_OCSP_UNREACHABLE},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		for (size_t turn = 0; turn < 6; turn++) {
			struct ocsp_response *list[3] = {NULL};
			struct x509_answer answer;
			size_t count = 0;
			const struct ocsp_response *newest = NULL;
			for (size_t j = 0; j < 3; j++) { /* all six orders */
				size_t at = turn < 3 ? (j + turn) % 3 : (5 - j - turn % 3) % 3;
				const struct says *says = &rows[i].says[at];
				if (says->age == 0) {
					continue;
				}
				list[count++] = response_of(plant, says);
				if (says->status == OCSP_SAYS_GOOD && says->kind == FINE &&
					ocsp_response_newer(list[count - 1], newest)) {
					newest = list[count - 1];
				}
			}
			enum x509_reason got = judge(
				plant, &plain, (const struct ocsp_response *const *)list, count, &answer);
			CHECK(rows[i].name, got == rows[i].want);
			CHECK("RFC 5280 5.3.1 a hold may be taken back",
				answer.on_hold == (got == X509_REVOKED && !says_for_good(rows[i].says)));
			CHECK("the newest good one is relied on",
				got != X509_OK || answer.evidence[0].response == newest);
			if (got != rows[i].want) {
				(void)printf("  %s, order %zu: %s (%s)\n", rows[i].name, turn,
					x509_reason_name(got), answer.sentence);
			}
			for (size_t j = 0; j < count; j++) {
				ocsp_response_unref(list[j]);
			}
		}
	}
}

/* Of an answer that says "revoked" twice, what counts is what a later good answer of another responder lifts least. */
static void test_revoked_twice(const struct plant *plant)
{
	static const struct {
		const char *name;
		struct says says[3];
		enum x509_reason want;
	} rows[] = {
		{"a hold, lifted", {HOLD(30)}, X509_OK},
		{"a hold, and for good", {HOLD(20), R(30)}, X509_REVOKED},
		{"two holds, one not lifted", {HOLD(30), HOLD(5)}, X509_REVOKED},
		{"two holds, both lifted", {HOLD(30), HOLD(20)}, X509_OK},
	};
	struct ocsp_response *good = response_of(plant, &(struct says)G(10));
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		for (size_t turn = 0; turn < 6; turn++) {
			struct ocsp_response *twice = response_of_all(plant, rows[i].says, turn % 3);
			const struct ocsp_response *list[2] = {
				turn < 3 ? good : twice, turn < 3 ? twice : good};
			struct x509_answer answer;
			CHECK(rows[i].name, judge(plant, &plain, list, 2, &answer) == rows[i].want);
			ocsp_response_unref(twice);
		}
	}
	ocsp_response_unref(good);
}

/* More than a question may hold, and a response that is none beside one that is. */
static void test_bounds(const struct plant *plant)
{
	static const uint8_t try_later[] = {0x30, 0x03, 0x0a, 0x01, 0x03};
	const struct ocsp_response *list[X509_OCSP_ANSWERS_MAX + 1];
	struct x509_answer answer;
	struct ocsp_response *later = NULL;
	struct ocsp_response *good = pki_ocsp(&plant->root, plant->leaf.cert, OCSP_SAYS_GOOD);
	REQUIRE("tryLater",
		ocsp_response_parse(bytes_of(try_later, sizeof(try_later)), &later, NULL) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(list); i++) {
		list[i] = later;
	}
	list[X509_OCSP_ANSWERS_MAX - 1] = good;
	CHECK("64 answers", judge(plant, &plain, list, X509_OCSP_ANSWERS_MAX, &answer) == X509_OK);
	CHECK("65", judge(plant, &plain, list, X509_OCSP_ANSWERS_MAX + 1, &answer) == X509_LIMIT);
	CHECK("tryLater alone", judge(plant, &plain, list, 1, &answer) == X509_OCSP_UNREACHABLE);
	/* Each response costs two signatures at most with its signer; forged ones do not eat the others' work for ever. */
	struct ocsp_response *forged[X509_OCSP_ANSWERS_MAX] = {NULL};
	for (size_t i = 0; i < ARRAY_COUNT(forged); i++) {
		forged[i] = response_of(plant, &(struct says){OCSP_SAYS_GOOD, 0, 10 + (int64_t)i, FORGED});
		list[i] = forged[i];
	}
	CHECK("forged answers end in the limit of work",
		judge(plant, &plain, list, X509_OCSP_ANSWERS_MAX, &answer) == X509_LIMIT);
	CHECK("no more than its signatures", answer.signatures <= X509_SIGNATURES_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(forged); i++) {
		ocsp_response_unref(forged[i]);
	}
	ocsp_response_unref(later);
	ocsp_response_unref(good);
}

int main(void)
{
	pki_init();
	struct plant plant = {.root = pki_root("Plant CA"), .twin = pki_root("Plant CA")};
	plant.leaf = pki_leaf(&plant.root, "d1");
	plant.next = pki_leaf(&plant.root, "d2");
	plant.trust = pki_trust(plant.root.cert, NULL);
	test_delegates(&plant);
	test_signers(&plant);
	test_names(&plant);
	test_key_hash(&plant);
	test_many_signers(&plant);
	test_checked_delegates(&plant);
	test_dates(&plant);
	test_until(&plant);
	test_extensions(&plant);
	test_singles(&plant);
	test_responses(&plant);
	test_revoked_twice(&plant);
	test_bounds(&plant);
	trust_set_unref(plant.trust);
	struct pki *all[] = {&plant.root, &plant.twin, &plant.leaf, &plant.next};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		pki_free(all[i]);
	}
	return test_result();
}
