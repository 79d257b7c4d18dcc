/*
 * Goal: of the answers to one question the newest is in force, but that nothing takes back what was revoked for good.
 */
#include "broker/ocsp_watch.h"
#include "tests/x509/pki.h"

#define HOLD           6 /* certificateHold */
#define KEY_COMPROMISE 1

struct said {
	enum ocsp_says says;
	int reason;
	int64_t this_update; /* after PKI_NOW */
};

/* First one, then the other; which is in force. */
static const struct {
	const char *name;
	struct said said[3];
	size_t count;
	bool put[3];
	size_t in_force;
} rows[] = {
	{"newer good", {{OCSP_SAYS_GOOD, 0, -9}, {OCSP_SAYS_GOOD, 0, -8}}, 2, {true, true}, 1},
	{"older good", {{OCSP_SAYS_GOOD, 0, -9}, {OCSP_SAYS_GOOD, 0, -10}}, 2, {true, false}, 0},
	{"newer revoked", {{OCSP_SAYS_GOOD, 0, -9}, {OCSP_SAYS_REVOKED, 0, -8}}, 2, {true, true}, 1},
	{"revoked of the same second", {{OCSP_SAYS_GOOD, 0, -9}, {OCSP_SAYS_REVOKED, 0, -9}}, 2, {true, true},
		1},
	{"older revoked", {{OCSP_SAYS_GOOD, 0, -9}, {OCSP_SAYS_REVOKED, 0, -10}}, 2, {true, false}, 0},
	{"RFC 5280 5.3.1 newer good after revoked for good",
		{{OCSP_SAYS_REVOKED, KEY_COMPROMISE, -9}, {OCSP_SAYS_GOOD, 0, -8}}, 2, {true, false}, 0},
	{"RFC 5280 5.3.1 newer good after revoked without a reason",
		{{OCSP_SAYS_REVOKED, 0, -9}, {OCSP_SAYS_GOOD, 0, -8}}, 2, {true, false}, 0},
	{"RFC 5280 5.3.1 newer unknown after revoked for good",
		{{OCSP_SAYS_REVOKED, KEY_COMPROMISE, -9}, {OCSP_SAYS_UNKNOWN, 0, -8}}, 2, {true, false}, 0},
	{"RFC 5280 5.3.1 newer good after a hold", {{OCSP_SAYS_REVOKED, HOLD, -9}, {OCSP_SAYS_GOOD, 0, -8}},
		2, {true, true}, 1},
	{"RFC 5280 5.3.1 older good after a hold", {{OCSP_SAYS_REVOKED, HOLD, -9}, {OCSP_SAYS_GOOD, 0, -10}},
		2, {true, false}, 0},
	{"newer revoked after revoked for good",
		{{OCSP_SAYS_REVOKED, KEY_COMPROMISE, -9}, {OCSP_SAYS_REVOKED, KEY_COMPROMISE, -8}}, 2,
		{true, true}, 1},
	{"RFC 5280 5.3.1 a hold between does not lift what was for good",
		{{OCSP_SAYS_REVOKED, KEY_COMPROMISE, -9}, {OCSP_SAYS_REVOKED, HOLD, -8},
			{OCSP_SAYS_GOOD, 0, -7}},
		3, {true, true, false}, 1},
};

static struct ocsp_response *response_of(
	const struct pki *ca, const struct cert *cert, const struct said *said)
{
	struct pki_ocsp make = {.issuer = ca,
		.cert = cert,
		.status = said->says,
		.reason = said->reason,
		.this_update = PKI_NOW + said->this_update,
		.next_update = PKI_NOW + PKI_DAY,
		.produced_at = PKI_NOW};

	return pki_ocsp_made(&make);
}

static void test_rows(const struct pki *ca, const struct cert *cert)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct ocsp_watch_facts facts = {cert, ca->cert, "http://ocsp.test/", false, false};
		struct ocsp_response *responses[ARRAY_COUNT(rows[0].said)] = {NULL};
		struct ocsp_watch *watch = NULL;

		REQUIRE("watch", ocsp_watch_new(&facts, &watch) == ERR_OK);
		CHECK(rows[i].name, ocsp_watch_answer(watch) == NULL);
		for (size_t j = 0; j < rows[i].count; j++) {
			bool revoked = rows[i].said[j].says == OCSP_SAYS_REVOKED;

			responses[j] = response_of(ca, cert, &rows[i].said[j]);
			CHECK(rows[i].name, ocsp_watch_put(watch, responses[j], revoked) == rows[i].put[j]);
		}
		struct ocsp_response *answer = ocsp_watch_answer(watch);

		CHECK(rows[i].name, answer == responses[rows[i].in_force]);
		ocsp_response_unref(answer);
		for (size_t j = 0; j < rows[i].count; j++) {
			ocsp_response_unref(responses[j]);
		}
		ocsp_watch_unref(watch);
	}
}

static const struct {
	const char *name;
	enum ocsp_says says;
	int reason;
	bool about_other, want;
} reasons[] = {
	{"good", OCSP_SAYS_GOOD, 0, false, false},
	{"unknown", OCSP_SAYS_UNKNOWN, 0, false, false},
	{"revoked without a reason", OCSP_SAYS_REVOKED, 0, false, true},
	{"keyCompromise", OCSP_SAYS_REVOKED, KEY_COMPROMISE, false, true},
	{"certificateHold", OCSP_SAYS_REVOKED, HOLD, false, false},
	{"keyCompromise of another certificate", OCSP_SAYS_REVOKED, KEY_COMPROMISE, true, false},
};

static void test_for_good(const struct pki *ca, const struct cert *cert, const struct cert *other)
{
	for (size_t i = 0; i < ARRAY_COUNT(reasons); i++) {
		struct said said = {reasons[i].says, reasons[i].reason, -9};
		struct ocsp_response *response =
			response_of(ca, reasons[i].about_other ? other : cert, &said);

		CHECK(reasons[i].name,
			ocsp_response_revokes_for_good(response, cert, ca->cert) == reasons[i].want);
		ocsp_response_unref(response);
	}
}

int main(void)
{
	pki_init();
	struct pki ca = pki_root("Root");
	struct pki leaf = pki_leaf(&ca, "d1");
	struct pki other = pki_leaf(&ca, "d2");

	test_rows(&ca, leaf.cert);
	test_for_good(&ca, leaf.cert, other.cert);
	pki_free(&other);
	pki_free(&leaf);
	pki_free(&ca);
	return test_result();
}
