/*
 * test_revocation.c - docs/revocation.md is the table: every cell is judged here with real certificates, lists and
 *                     answers. Beside it: the pure decision, issuing CAs, times, memory.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/x509/pki.h"
#include "x509/revocation.h"

#define DOC_BYTES_MAX (256u * 1024u)
#define CELLS         7u /* NONE; IFAVAIL and REQUIRED, each with the three of OCSPAUTH */

static const char *const columns[CELLS] = {"NONE", "IFAVAIL, REQUIRED", "IFAVAIL, WARN", "IFAVAIL, OPTIONAL",
	"REQUIRED, REQUIRED", "REQUIRED, WARN", "REQUIRED, OPTIONAL"};

/* Stands for all three of OCSPAUTH in the column NONE. */
static const enum x509_ocsp auths[] = {X509_OCSP_REQUIRED, X509_OCSP_WARN, X509_OCSP_OPTIONAL};

/* --- reading the page --- */

struct row {
	const char *fields[10];
	size_t count;
};

/* Splits "| a | b |" in place. */
static bool row_split(char *line, struct row *out)
{
	out->count = 0;
	if (line[0] != '|') {
		return false;
	}
	for (char *field = line + 1; out->count < ARRAY_COUNT(out->fields);) {
		char *end = strchr(field, '|');
		if (end == NULL) {
			break;
		}
		*end = '\0';
		while (*field == ' ') {
			field++;
		}
		for (char *last = end; last > field && last[-1] == ' ';) {
			*--last = '\0';
		}
		out->fields[out->count++] = field;
		field = end + 1;
	}
	return true;
}

/* "good, 3600 s late" */
static bool word_is(const char *field, const char *word)
{
	size_t len = strcspn(field, ",");
	return strlen(word) == len && memcmp(field, word, len) == 0;
}

static int64_t late_of(const char *field)
{
	const char *comma = strchr(field, ',');
	char *end = NULL;
	long long late = comma == NULL ? 0 : strtoll(comma + 1, &end, 10);
	return comma != NULL && strncmp(end, " s late", 7) == 0 ? late : 0;
}

/* --- the plant --- */

struct plant {
	struct pki root, leaf;
	struct trust_set *trust;
};

/* What is at hand for one row. */
struct hand {
	struct ocsp_response *response;
	struct crl_set *crls;
	bool responder;
};

static void hand_ocsp(const struct plant *plant, const char *field, struct hand *out)
{
	static const struct {
		const char *word;
		enum ocsp_says status;
	} answers[] = {
		{"good", OCSP_SAYS_GOOD}, {"revoked", OCSP_SAYS_REVOKED}, {"unknown", OCSP_SAYS_UNKNOWN}};
	int64_t late = late_of(field);
	out->responder = !word_is(field, "not used");
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
		if (word_is(field, answers[i].word)) {
			out->response = pki_ocsp_made(&(struct pki_ocsp){.issuer = &plant->root,
				.cert = plant->leaf.cert,
				.status = answers[i].status,
				.this_update = PKI_NOW - PKI_DAY,
				.next_update = late == 0 ? PKI_NOW + PKI_DAY : PKI_NOW - late});
		}
	}
	REQUIRE(field, out->response != NULL || word_is(field, "unreachable") || word_is(field, "not used"));
}

static void hand_lists(const struct plant *plant, const char *field, struct hand *out)
{
	const struct cert *listed = plant->leaf.cert;
	bool revoked = word_is(field, "revoked");
	int64_t late = word_is(field, "stale") ? 3600 : late_of(field);
	REQUIRE(field,
		revoked || word_is(field, "good") || word_is(field, "stale") || word_is(field, "absent"));
	if (!word_is(field, "absent")) {
		struct crl *crl = pki_crl_at(&plant->root, 1, PKI_NOW - PKI_DAY,
			late == 0 ? PKI_NOW + PKI_DAY : PKI_NOW - late, &listed, revoked ? 1 : 0);
		out->crls = pki_crls(crl, NULL);
		crl_unref(crl);
	}
}

static void hand_release(struct hand *hand)
{
	ocsp_response_unref(hand->response);
	crl_set_unref(hand->crls);
}

static struct x509_answer judge_hand(const struct plant *plant, const struct hand *hand,
	enum x509_revocation revocation, enum x509_ocsp auth, uint32_t grace)
{
	const struct cert *chain[] = {plant->leaf.cert};
	const struct ocsp_response *ocsp[] = {hand->response};
	struct x509_question question = {.chain = chain,
		.chain_count = 1,
		.trust = plant->trust,
		.crls = hand->crls,
		.now = PKI_NOW,
		.revocation = revocation,
		.ocsp = ocsp,
		.ocsp_count = hand->response != NULL ? 1 : 0,
		.ocsp_auth = auth,
		.ocsp_url = hand->responder ? "http://ocsp.plant.example/" : NULL,
		.stale_grace_s = grace};
	struct x509_answer answer;
	x509_judge(&question, &answer);
	return answer;
}

static const char *word_of(const struct x509_answer *answer)
{
	if (answer->verdict != X509_ACCEPT) {
		return x509_reason_name(answer->reason);
	}
	return answer->warned ? "warn" : "accept";
}

/* Positive and absent knowledge stay apart in every cell, and "known" is never said where neither source knows. */
static void check_shape(const char *name, const struct row *row, const struct x509_answer *answer)
{
	bool good = (strcmp(row->fields[0], "good") == 0 || strcmp(row->fields[1], "good") == 0);
	CHECK(name, !answer->warned || answer->warning[0] != '\0');
	CHECK(name, answer->verdict != X509_NEED);
	CHECK(name, answer->need_count == 0);
	CHECK(name, answer->evidence_count == 0 || answer->evidence[0].ocsp != X509_OCSP_STATE_NONE ||
			    answer->evidence[0].ocsp_reason == X509_OK);
	if (answer->verdict == X509_REFUSE) {
		CHECK(name, x509_reason_is_absence(answer->reason) == (answer->reason != X509_REVOKED));
		CHECK(name, answer->sentence[0] != '\0');
		CHECK(name, !answer->revocation_known);
	} else if (row->count == 2 + CELLS && answer->evidence_count != 0) {
		CHECK(name, answer->revocation_known == good);
	}
}

static size_t check_cells(const struct plant *plant, const struct row *row, size_t first, uint32_t grace)
{
	struct hand hand = {.response = NULL};
	size_t checked = 0;
	hand_ocsp(plant, row->fields[0], &hand);
	hand_lists(plant, row->fields[1], &hand);
	for (size_t cell = 0; cell < CELLS; cell++) {
		enum x509_revocation revocation = cell == 0  ? X509_REVOCATION_NONE
						  : cell < 4 ? X509_REVOCATION_IF_AVAILABLE
							     : X509_REVOCATION_REQUIRED;
		for (size_t auth = 0; auth < ARRAY_COUNT(auths); auth++) {
			char name[160];
			if (cell != 0 && auth != (cell - 1) % 3) {
				continue;
			}
			(void)snprintf(name, sizeof(name), "OCSP %s, CRL %s, %s, REVSTALE %u", row->fields[0],
				row->fields[1], columns[cell], grace);
			struct x509_answer answer = judge_hand(plant, &hand, revocation, auths[auth], grace);
			CHECK(name, strcmp(word_of(&answer), row->fields[first + cell]) == 0);
			if (strcmp(word_of(&answer), row->fields[first + cell]) != 0) {
				(void)printf("  %s: %s (%s)\n", name, word_of(&answer), answer.sentence);
			}
			check_shape(name, row, &answer);
			checked++;
		}
	}
	hand_release(&hand);
	return checked;
}

static bool is_heading(const struct row *row, size_t first)
{
	bool is = row->count == first + CELLS;
	for (size_t i = 0; is && i < CELLS; i++) {
		is = strcmp(row->fields[first + i], columns[i]) == 0;
	}
	return is;
}

/* Every pair of sources is there, once. */
static void check_complete(bool seen[5][4], const struct row *row)
{
	static const char *const ocsp[] = {"good", "revoked", "unknown", "unreachable", "not used"};
	static const char *const crl[] = {"good", "revoked", "stale", "absent"};
	for (size_t i = 0; i < ARRAY_COUNT(ocsp); i++) {
		for (size_t j = 0; j < ARRAY_COUNT(crl); j++) {
			if (strcmp(row->fields[0], ocsp[i]) == 0 && strcmp(row->fields[1], crl[j]) == 0) {
				CHECK("a pair of sources stands in the table once", !seen[i][j]);
				seen[i][j] = true;
			}
		}
	}
}

static void test_page(const struct plant *plant)
{
	static char text[DOC_BYTES_MAX];
	bool seen[5][4] = {{false}};
	size_t cells = 0;
	size_t grace_cells = 0;
	size_t pairs = 0;
	bool in_table = false;
	bool in_grace = false;
	FILE *file = fopen(LOCKGATE_SOURCE_DIR "/docs/revocation.md", "rb");
	REQUIRE("docs/revocation.md is there", file != NULL);
	while (fgets(text, sizeof(text), file) != NULL) {
		struct row row = {0};
		if (!row_split(text, &row)) {
			in_table = in_grace = false;
		} else if (is_heading(&row, 2)) {
			in_table = true;
		} else if (is_heading(&row, 3)) {
			in_grace = true;
		} else if (row.fields[0] == NULL || strncmp(row.fields[0], "---", 3) == 0) {
			continue;
		} else if (in_table && row.count == 2 + CELLS) {
			check_complete(seen, &row);
			cells += check_cells(plant, &row, 2, 0);
		} else if (in_grace && row.count == 3 + CELLS) {
			char *end = NULL;
			unsigned long grace = strtoul(row.fields[2], &end, 10);
			REQUIRE(row.fields[2], end != row.fields[2] && *end == '\0');
			grace_cells += check_cells(plant, &row, 3, (unsigned)grace);
		}
	}
	(void)fclose(file);
	for (size_t i = 0; i < 5; i++) {
		for (size_t j = 0; j < 4; j++) {
			pairs += seen[i][j] ? 1 : 0;
		}
	}
	CHECK("5 x 4 pairs of sources stand in the table", pairs == 20);
	CHECK("5 x 4 x 3 x 3 cells were judged", cells == 180);
	CHECK("the REVSTALE rows were judged", grace_cells >= 15 * 9);
	(void)printf("  %zu cells of the table, %zu of REVSTALE\n", cells, grace_cells);
}

/* The pure decision agrees with itself: more knowledge against a certificate never lets it pass. */
static void test_decision(void)
{
	for (unsigned ocsp = 0; ocsp <= X509_OCSP_STATE_UNREACHABLE; ocsp++) {
		for (unsigned crl = 0; crl <= X509_CRL_STATE_STALE; crl++) {
			for (unsigned auth = 0; auth <= X509_OCSP_REQUIRED; auth++) {
				enum revocation_decision none =
					revocation_decide(ocsp, crl, X509_REVOCATION_NONE, auth);
				enum revocation_decision some =
					revocation_decide(ocsp, crl, X509_REVOCATION_IF_AVAILABLE, auth);
				enum revocation_decision all =
					revocation_decide(ocsp, crl, X509_REVOCATION_REQUIRED, auth);
				bool positive = ocsp == X509_OCSP_STATE_GOOD || crl == X509_CRL_STATE_GOOD;
				bool revoked =
					ocsp == X509_OCSP_STATE_REVOKED || crl == X509_CRL_STATE_REVOKED;
				CHECK("NONE asks nobody", none == DECISION_PASS);
				CHECK("REQUIRED passes what is known to be good, and nothing else",
					(all == DECISION_PASS) == (positive && !revoked));
				CHECK("REQUIRED never warns", all != DECISION_PASS_WARNED);
				CHECK("what passes REQUIRED passes IFAVAIL",
					all != DECISION_PASS || some == DECISION_PASS);
				CHECK("revoked is said under both",
					revoked == (some == DECISION_REVOKED) &&
						revoked == (all == DECISION_REVOKED));
			}
		}
	}
}

/* When to judge again, and what the answer shows. */
static void test_until(const struct plant *plant)
{
	static const struct {
		const char *name;
		int64_t ocsp, crl; /* nextUpdate from now, 0: none */
		uint32_t grace;
		int64_t until;
		bool served_late;
	} rows[] = {
		{"the answer's nextUpdate", 600, 0, 0, 600, false},
		{"the list's nextUpdate", 0, 500, 0, 500, false},
		{"the earlier of both", 600, 500, 0, 500, false},
		{"the earlier of both, the other way", 400, 500, 0, 400, false},
		{"at nextUpdate, not behind the grace", 600, 0, 9000, 600, false},
		{"the end of the answer's grace", -600, 0, 900, 300, true},
		{"the end of the list's grace", 0, -500, 900, 400, true},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct hand hand = {.responder = true};
		if (rows[i].ocsp != 0) {
			hand.response = pki_ocsp_made(&(struct pki_ocsp){.issuer = &plant->root,
				.cert = plant->leaf.cert,
				.status = OCSP_SAYS_GOOD,
				.next_update = PKI_NOW + rows[i].ocsp});
		}
		struct crl *crl = rows[i].crl == 0 ? NULL
						   : pki_crl_at(&plant->root, 7, PKI_NOW - PKI_DAY,
							     PKI_NOW + rows[i].crl, NULL, 0);
		hand.crls = pki_crls(crl, NULL);
		struct x509_answer answer =
			judge_hand(plant, &hand, X509_REVOCATION_REQUIRED, X509_OCSP_REQUIRED, rows[i].grace);
		CHECK(rows[i].name, answer.verdict == X509_ACCEPT);
		CHECK(rows[i].name, answer.revocation_known);
		CHECK(rows[i].name, answer.valid_until == PKI_NOW + rows[i].until);
		CHECK(rows[i].name, answer.evidence_count == 1);
		CHECK(rows[i].name, answer.evidence[0].grace == rows[i].served_late);
		CHECK(rows[i].name, answer.evidence[0].list == crl);
		CHECK(rows[i].name, answer.evidence[0].response == hand.response);
		CHECK(rows[i].name, (answer.evidence[0].ocsp == X509_OCSP_STATE_GOOD) == (rows[i].ocsp != 0));
		CHECK(rows[i].name, (answer.evidence[0].crl == X509_CRL_STATE_GOOD) == (rows[i].crl != 0));
		crl_unref(crl);
		hand_release(&hand);
	}
}

/* When it was revoked, by either source; where both know, the list says when. */
static void test_revoked_at(const struct plant *plant)
{
	static const struct {
		const char *name;
		bool ocsp, crl;
		int64_t at;
		const char *words;
	} rows[] = {
		{"by OCSP", true, false, PKI_NOW - PKI_DAY,
			"revoked 2026-11-17 by 'Plant CA', says its OCSP responder"},
		{"by a list", false, true, PKI_NOW - 2 * PKI_DAY, "revoked 2026-11-16 by 'Plant CA'"},
		{"by both", true, true, PKI_NOW - 2 * PKI_DAY, "revoked 2026-11-16 by 'Plant CA'"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct cert *listed[] = {plant->leaf.cert};
		struct hand hand = {.responder = true};
		struct crl *crl = pki_crl_at(&plant->root, 1, PKI_NOW - 2 * PKI_DAY, PKI_NOW + PKI_DAY,
			listed, rows[i].crl ? 1 : 0);
		hand.response = pki_ocsp(
			&plant->root, plant->leaf.cert, rows[i].ocsp ? OCSP_SAYS_REVOKED : OCSP_SAYS_GOOD);
		hand.crls = pki_crls(crl, NULL);
		struct x509_answer answer =
			judge_hand(plant, &hand, X509_REVOCATION_IF_AVAILABLE, X509_OCSP_OPTIONAL, 0);
		CHECK(rows[i].name, answer.reason == X509_REVOKED);
		CHECK(rows[i].name,
			answer.evidence_count == 1 && answer.evidence[0].revoked_at == rows[i].at);
		CHECK(rows[i].name, strstr(answer.sentence, rows[i].words) != NULL);
		CHECK(rows[i].name, (strstr(answer.sentence, "OCSP") != NULL) == !rows[i].crl);
		crl_unref(crl);
		hand_release(&hand);
	}
}

/* What an engineer reads, for every way not to know. */
static void test_sentences(const struct plant *plant)
{
	static const struct {
		const char *words;
		enum { BY_CRL, BY_OCSP, BY_NOTHING } source;
		int64_t this_update, next_update; /* from now; 0: as usual */
		bool forged, responder;
		enum ocsp_says says;
	} rows[] = {
		{"CRL of 'Plant CA' is 1 s past its nextUpdate", BY_CRL, 0, -1, false, false, 0},
		{"CRL of 'Plant CA' is 119 s past its nextUpdate", BY_CRL, 0, -119, false, false, 0},
		{"CRL of 'Plant CA' is 2 min past its nextUpdate", BY_CRL, 0, -120, false, false, 0},
		{"CRL of 'Plant CA' is 90 min past its nextUpdate", BY_CRL, 0, -5400, false, false, 0},
		{"CRL of 'Plant CA' is 3 h past its nextUpdate", BY_CRL, 0, -3 * 3600, false, false, 0},
		{"CRL of 'Plant CA' is 3 days past its nextUpdate", BY_CRL, -4 * PKI_DAY, -3 * PKI_DAY, false,
			false, 0},
		{"CRL of 'Plant CA' has no nextUpdate", BY_CRL, 0, X509_NEVER, false, false, 0},
		{"CRL of 'Plant CA' is dated in the future", BY_CRL, 60, 600, false, false, 0},
		{"CRL of 'Plant CA' was not signed by that CA", BY_CRL, 0, 600, true, false, 0},
		{"CRL of 'Plant CA' was not signed by that CA", BY_CRL, 0, X509_NEVER, true, false, 0},
		{"no CRL of 'Plant CA' is at hand to say whether 'd1' is revoked", BY_NOTHING, 0, 0, false,
			false, 0},
		{"no answer of the OCSP responder is at hand to say whether 'd1' is revoked", BY_NOTHING, 0,
			0, false, true, 0},
		{"the OCSP responder of 'Plant CA' does not know the certificate 'd1'", BY_OCSP, 0, 600,
			false, false, OCSP_SAYS_UNKNOWN},
		{"the OCSP answer about 'd1' is 2 h past its nextUpdate", BY_OCSP, -PKI_DAY, -2 * 3600, false,
			false, OCSP_SAYS_GOOD},
		{"the OCSP answer about 'd1' is 2 days too old (it has no nextUpdate)", BY_OCSP, -9 * PKI_DAY,
			X509_NEVER, false, false, OCSP_SAYS_GOOD},
		{"the OCSP answer about 'd1' is not believed: neither the issuing CA nor", BY_OCSP, 0, 600,
			true, false, OCSP_SAYS_GOOD},
	};
	struct pki twin = pki_root("Plant CA");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct hand hand = {.responder = rows[i].responder};
		int64_t this_update =
			rows[i].this_update != 0 ? PKI_NOW + rows[i].this_update : PKI_NOW - PKI_DAY;
		int64_t next_update =
			rows[i].next_update == X509_NEVER ? X509_NEVER : PKI_NOW + rows[i].next_update;
		if (rows[i].source == BY_CRL) {
			struct buf der = BUF_INIT(PKI_DER_BYTES_MAX);
			struct crl *crl = NULL;
			pki_crl_der(&plant->root, 1, this_update, next_update, NULL, 0, &der);
			der.data[der.len - 1] ^= rows[i].forged ? 1 : 0;
			REQUIRE(rows[i].words, crl_parse(buf_bytes(&der), &crl, NULL) == ERR_OK);
			buf_release(&der);
			hand.crls = pki_crls(crl, NULL);
			crl_unref(crl);
		} else if (rows[i].source == BY_OCSP) {
			hand.response = pki_ocsp_made(&(struct pki_ocsp){.issuer = &plant->root,
				.cert = plant->leaf.cert,
				.signer = rows[i].forged ? &twin : NULL,
				.status = rows[i].says,
				.this_update = this_update,
				.next_update = next_update});
		}
		struct x509_answer answer =
			judge_hand(plant, &hand, X509_REVOCATION_REQUIRED, X509_OCSP_REQUIRED, 0);
		CHECK(rows[i].words, answer.verdict == X509_REFUSE);
		CHECK(rows[i].words, strstr(answer.sentence, rows[i].words) != NULL);
		if (strstr(answer.sentence, rows[i].words) == NULL) {
			(void)printf("  %s\n", answer.sentence);
		}
		hand_release(&hand);
	}
	pki_free(&twin);
}

/* Of a path the earliest end counts, whichever certificate's it is. */
static void test_path_until(void)
{
	struct pki root = pki_root("Root");
	struct pki ca = pki_ca(&root, "CA");
	struct pki leaf = pki_leaf(&ca, "d1");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	for (int64_t of_leaf = 100; of_leaf <= 300; of_leaf += 200) {
		struct crl *a = pki_crl_at(&ca, 1, PKI_NOW - 1, PKI_NOW + of_leaf, NULL, 0);
		struct crl *b = pki_crl_at(&root, 1, PKI_NOW - 1, PKI_NOW + 200, NULL, 0);
		struct crl_set *crls = pki_crls(a, b);
		struct x509_answer answer =
			pki_judge(trust, crls, X509_REVOCATION_REQUIRED, leaf.cert, ca.cert, NULL);
		CHECK("the earliest end of the path",
			answer.valid_until == PKI_NOW + (of_leaf < 200 ? of_leaf : 200));
		crl_set_unref(crls);
		crl_unref(a);
		crl_unref(b);
	}
	trust_set_unref(trust);
	pki_free(&leaf);
	pki_free(&ca);
	pki_free(&root);
}

/* The whole chain is looked at: OCSP about the issuing CA, a set that could not be read whole. */
static void test_chain(void)
{
	struct pki root = pki_root("Root");
	struct pki ca = pki_ca(&root, "CA");
	struct pki leaf = pki_leaf(&ca, "d1");
	struct trust_set *trust = pki_trust(root.cert, NULL);
	static const struct {
		const char *name;
		enum ocsp_says of_leaf, of_ca;
		enum x509_revocation revocation;
		bool incomplete;
		enum x509_ocsp auth;
		const char *want;
	} rows[] = {
		{"both good", OCSP_SAYS_GOOD, OCSP_SAYS_GOOD, X509_REVOCATION_REQUIRED, false,
			X509_OCSP_REQUIRED, "accept"},
		{"the CA is revoked", OCSP_SAYS_GOOD, OCSP_SAYS_REVOKED, X509_REVOCATION_REQUIRED, false,
			X509_OCSP_OPTIONAL, "revoked"},
		{"the CA is revoked, the leaf unknown", OCSP_SAYS_UNKNOWN, OCSP_SAYS_REVOKED,
			X509_REVOCATION_REQUIRED, false, X509_OCSP_OPTIONAL, "revoked"},
		{"the CA is unknown", OCSP_SAYS_GOOD, OCSP_SAYS_UNKNOWN, X509_REVOCATION_REQUIRED, false,
			X509_OCSP_OPTIONAL, "ocsp-unknown"},
		{"the CA is unknown, and that is a warning", OCSP_SAYS_GOOD, OCSP_SAYS_UNKNOWN,
			X509_REVOCATION_IF_AVAILABLE, false, X509_OCSP_WARN, "warn"},
		{"lists could not be read, OCSP knows", OCSP_SAYS_GOOD, OCSP_SAYS_GOOD,
			X509_REVOCATION_IF_AVAILABLE, true, X509_OCSP_WARN, "accept"},
		{"lists could not be read, OCSP does not know", OCSP_SAYS_GOOD, OCSP_SAYS_UNKNOWN,
			X509_REVOCATION_IF_AVAILABLE, true, X509_OCSP_OPTIONAL, "crl-missing"},
		{"OCSP is not used: revoked is not heard", OCSP_SAYS_REVOKED, OCSP_SAYS_GOOD,
			X509_REVOCATION_IF_AVAILABLE, false, X509_OCSP_NONE, "accept"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct ocsp_response *of_leaf = pki_ocsp(&ca, leaf.cert, rows[i].of_leaf);
		struct ocsp_response *of_ca = pki_ocsp(&root, ca.cert, rows[i].of_ca);
		const struct ocsp_response *ocsp[] = {of_leaf, of_ca};
		const struct cert *chain[] = {leaf.cert, ca.cert};
		struct x509_question question = {.chain = chain,
			.chain_count = 2,
			.trust = trust,
			.now = PKI_NOW,
			.revocation = rows[i].revocation,
			.crl_set_incomplete = rows[i].incomplete,
			.ocsp = ocsp,
			.ocsp_count = 2,
			.ocsp_auth = rows[i].auth};
		struct x509_answer answer;
		x509_judge(&question, &answer);
		CHECK(rows[i].name, strcmp(word_of(&answer), rows[i].want) == 0);
		ocsp_response_unref(of_leaf);
		ocsp_response_unref(of_ca);
	}
	trust_set_unref(trust);
	pki_free(&leaf);
	pki_free(&ca);
	pki_free(&root);
}

/* Out of memory is never a verdict for or against. */
static void test_memory(const struct plant *plant)
{
	struct hand hand = {.responder = true};
	struct pki responder = pki_responder(&plant->root, "Responder", true);
	hand.response = pki_ocsp_made(&(struct pki_ocsp){.issuer = &plant->root,
		.cert = plant->leaf.cert,
		.signer = &responder,
		.status = OCSP_SAYS_GOOD});
	struct crl *crl = pki_crl(&plant->root, 1, NULL, 0);
	hand.crls = pki_crls(crl, NULL);
	unsigned long n = 0;
	for (bool failed = true; failed && n < 100000;) {
		test_alloc_fail_at(++n);
		struct x509_answer answer =
			judge_hand(plant, &hand, X509_REVOCATION_REQUIRED, X509_OCSP_REQUIRED, 0);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("good, or out of memory",
			answer.verdict == X509_ACCEPT || answer.reason == X509_NO_MEMORY);
		CHECK("good without a failure", failed || answer.verdict == X509_ACCEPT);
	}
	CHECK("the loop ends", n < 100000);
	(void)printf("  %lu allocations failed one after another\n", n - 1);
	crl_unref(crl);
	hand_release(&hand);
	pki_free(&responder);
}

int main(void)
{
	pki_init();
	struct plant plant = {.root = pki_root("Plant CA")};
	plant.leaf = pki_leaf(&plant.root, "d1");
	plant.trust = pki_trust(plant.root.cert, NULL);
	test_page(&plant);
	test_decision();
	test_until(&plant);
	test_revoked_at(&plant);
	test_sentences(&plant);
	test_path_until();
	test_chain();
	test_memory(&plant);
	trust_set_unref(plant.trust);
	pki_free(&plant.leaf);
	pki_free(&plant.root);
	return test_result();
}
