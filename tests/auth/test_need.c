/*
 * test_need.c - Goal: a status that could be asked for is asked for once everything else about the certificate is good, and
 * only then; what cannot be had refuses as the channel says; and to know that a certificate is revoked never lets it in.
 */
#include <string.h>

#include "tests/auth/scene.h"

static struct world world;

enum known { KNOWN_NOTHING, KNOWN_GOOD, KNOWN_REVOKED, KNOWN_UNKNOWN };

static struct ocsp_response *answer_of(const struct pki *leaf, enum known known)
{
	switch (known) {
	case KNOWN_GOOD: return pki_ocsp(&world.root, leaf->cert, OCSP_SAYS_GOOD);
	case KNOWN_REVOKED: return pki_ocsp(&world.root, leaf->cert, OCSP_SAYS_REVOKED);
	case KNOWN_UNKNOWN: return pki_ocsp(&world.root, leaf->cert, OCSP_SAYS_UNKNOWN);
	case KNOWN_NOTHING: break;
	}
	return NULL;
}

static void by_ocsp(struct scene *scene, enum x509_ocsp auth)
{
	scene_init(scene, &world);
	scene->channel.revocation = X509_REVOCATION_IF_AVAILABLE;
	scene->channel.ocsp_url = "http://ocsp.example/";
	scene->channel.ocsp_auth = auth;
}

/* A responder is named: what is said before it was asked, and after. */
static const struct {
	const char *name;
	enum x509_ocsp auth;
	enum known known;
	bool asked, busy;
	enum admission want;
	const char *message_id; /* of a refusal */
	bool warned;
} rows[] = {
	{"not asked yet", X509_OCSP_REQUIRED, KNOWN_NOTHING, false, false, ADMISSION_NEED, NULL, false},
	{"not asked yet, WARN", X509_OCSP_WARN, KNOWN_NOTHING, false, false, ADMISSION_NEED, NULL, false},
	{"not asked yet, OPTIONAL", X509_OCSP_OPTIONAL, KNOWN_NOTHING, false, false, ADMISSION_NEED, NULL,
		false},
	{"too many wait", X509_OCSP_REQUIRED, KNOWN_NOTHING, false, true, ADMISSION_REFUSE, "LKG9559E",
		false},
	{"too many wait, OPTIONAL", X509_OCSP_OPTIONAL, KNOWN_NOTHING, false, true, ADMISSION_REFUSE,
		"LKG9559E", false},
	{"too many wait, but it is known", X509_OCSP_REQUIRED, KNOWN_GOOD, false, true, ADMISSION_ADMIT, NULL,
		false},
	{"asked in vain", X509_OCSP_REQUIRED, KNOWN_NOTHING, true, false, ADMISSION_REFUSE, "LKG9716E",
		false},
	{"asked in vain, WARN", X509_OCSP_WARN, KNOWN_NOTHING, true, false, ADMISSION_ADMIT, NULL, true},
	{"asked in vain, OPTIONAL", X509_OCSP_OPTIONAL, KNOWN_NOTHING, true, false, ADMISSION_ADMIT, NULL,
		false},
	{"good", X509_OCSP_REQUIRED, KNOWN_GOOD, false, false, ADMISSION_ADMIT, NULL, false},
	{"good, asked", X509_OCSP_WARN, KNOWN_GOOD, true, false, ADMISSION_ADMIT, NULL, false},
	{"revoked", X509_OCSP_OPTIONAL, KNOWN_REVOKED, false, false, ADMISSION_REFUSE, "LKG9633E", false},
	{"revoked, asked", X509_OCSP_OPTIONAL, KNOWN_REVOKED, true, false, ADMISSION_REFUSE, "LKG9633E",
		false},
	{"revoked, too many wait", X509_OCSP_OPTIONAL, KNOWN_REVOKED, false, true, ADMISSION_REFUSE,
		"LKG9633E", false},
	{"unknown, asked", X509_OCSP_REQUIRED, KNOWN_UNKNOWN, true, false, ADMISSION_REFUSE, "LKG9716E",
		false},
	{"unknown, asked, WARN", X509_OCSP_WARN, KNOWN_UNKNOWN, true, false, ADMISSION_ADMIT, NULL, true},
};

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *name = rows[i].name;
		struct scene scene;
		struct ocsp_response *answer = answer_of(&world.d1, rows[i].known);
		const struct ocsp_response *answers[] = {answer};

		by_ocsp(&scene, rows[i].auth);
		scene.evidence.ocsp = answers;
		scene.evidence.ocsp_count = answer == NULL ? 0 : 1;
		scene.evidence.revocation_asked = rows[i].asked;
		scene.evidence.revocation_busy = rows[i].busy;
		scene_judge(&scene);
		const struct admission_verdict *verdict = &scene.verdict;

		CHECK(name, verdict->admission == rows[i].want);
		CHECK(name, (verdict->warning[0] != '\0') == rows[i].warned);
		CHECK(name, traced(&scene, STEP_REVOCATION, TRACE_WARNED) == rows[i].warned);
		if (rows[i].want == ADMISSION_NEED) {
			check_need(name, &scene, NEED_REVOCATION);
			CHECK(name, verdict->need_count == 1 && verdict->needs[0].kind == X509_NEED_OCSP);
			CHECK(name, strcmp(verdict->needs[0].url, "http://ocsp.example/") == 0);
			CHECK(name, verdict->needs[0].cert == world.d1.cert);
			CHECK(name, verdict->needs[0].issuer == world.root.cert);
			CHECK(name, traced(&scene, STEP_REVOCATION, TRACE_WAITING));
		} else {
			CHECK(name, verdict->need_count == 0);
		}
		if (rows[i].want == ADMISSION_REFUSE) {
			CHECK(name, verdict->step == STEP_REVOCATION);
			CHECK(name, strcmp(verdict->message_id, rows[i].message_id) == 0);
			CHECK(name, verdict->absence == (rows[i].known != KNOWN_REVOKED));
		}
		ocsp_response_unref(answer);
	}
}

/* Nobody is asked about a certificate that would not come in anyway. */
static void test_hopeless(void)
{
	struct scene scene;

	by_ocsp(&scene, X509_OCSP_REQUIRED);
	scene.evidence = world_evidence("PLANT.TLS", &world.stranger, &scene.slot);
	scene_judge(&scene);
	CHECK("no path", scene.verdict.admission == ADMISSION_REFUSE && scene.verdict.step == STEP_PATH);
	CHECK("no path: nothing is asked", scene.verdict.need_count == 0);
	by_ocsp(&scene, X509_OCSP_REQUIRED);
	scene.evidence = world_evidence("PLANT.TLS", &world.pinned, &scene.slot);
	scene_judge(&scene);
	CHECK("a pin: nothing is asked", scene.verdict.need != NEED_REVOCATION);
	by_ocsp(&scene, X509_OCSP_REQUIRED);
	scene.channel.ssl_peer = "CN=other";
	scene_judge(&scene);
	CHECK("SSLPEER: refused at once",
		scene.verdict.admission == ADMISSION_REFUSE && scene.verdict.step == STEP_SSLPEER);
	by_ocsp(&scene, X509_OCSP_REQUIRED);
	scene.channel.insecure_open_gates = GATE_CRL;
	scene_judge(&scene);
	check_admitted("the gate is open: nothing is asked", &scene, "u1");
}

/* A list that the operator named is being looked at for the first time. */
static void test_pending(void)
{
	struct scene scene;

	scene_init(&scene, &world);
	scene.channel.revocation = X509_REVOCATION_REQUIRED;
	scene.channel.lists_pending = true;
	scene_judge(&scene);
	check_need("a list is on its way", &scene, NEED_REVOCATION);
	CHECK("a list is on its way: whatever they are", scene.verdict.need_count == 0);
	scene.evidence.revocation_busy = true;
	check_refused("a list is on its way, too many wait", &scene, STEP_REVOCATION, "LKG9559E", 0x89,
		"revocation data busy");
	scene.evidence.revocation_busy = false;
	scene.evidence.revocation_asked = true;
	check_refused("it did not come", &scene, STEP_REVOCATION, "LKG9716E", 0x87, "no CRL");
	scene.evidence.revocation_asked = false;
	scene.channel.crls = world.revoked;
	check_refused("revoked need not wait", &scene, STEP_REVOCATION, "LKG9633E", 0x87, "was revoked");
	scene.channel.crls = world.clean;
	check_admitted("known need not wait", &scene, "u1");
}

/* Whatever else is known: to learn that it is revoked never turns a refusal, or a wait, into an admission. */
static void test_revoked_never_helps(void)
{
	const struct crl_set *const crls[] = {NULL, world.clean, world.revoked};
	struct ocsp_response *revoked = answer_of(&world.d1, KNOWN_REVOKED);
	struct ocsp_response *good = answer_of(&world.d1, KNOWN_GOOD);
	unsigned admitted = 0;

	for (unsigned n = 0; n < 3 * 3 * 4 * 2 * 2 * 2 * 2; n++) {
		unsigned bits = n;
		struct scene scene;
		const struct ocsp_response *before[] = {good};
		const struct ocsp_response *after[] = {good, revoked};

		by_ocsp(&scene, (enum x509_ocsp)(bits % 4));
		bits /= 4;
		scene.channel.revocation = (enum x509_revocation)(1 + bits % 3 % 2);
		bits /= 3;
		scene.channel.crls = crls[bits % 3];
		bits /= 3;
		scene.evidence.revocation_asked = bits % 2 == 1;
		bits /= 2;
		scene.evidence.revocation_busy = bits % 2 == 1;
		bits /= 2;
		scene.channel.lists_pending = bits % 2 == 1;
		bool with_good = bits / 2 == 1;

		scene.evidence.ocsp = before;
		scene.evidence.ocsp_count = with_good ? 1 : 0;
		scene_judge(&scene);
		enum admission without = scene.verdict.admission;

		scene.evidence.ocsp = with_good ? after : after + 1;
		scene.evidence.ocsp_count = with_good ? 2 : 1;
		scene_judge(&scene);
		admitted += without == ADMISSION_ADMIT ? 1 : 0;
		CHECK("revoked never helps",
			scene.verdict.admission != ADMISSION_ADMIT || without == ADMISSION_ADMIT);
		CHECK("revoked refuses where OCSP is looked at",
			scene.channel.ocsp_auth == X509_OCSP_NONE || with_good ||
				scene.verdict.admission == ADMISSION_REFUSE);
	}
	CHECK("some are admitted before", admitted > 20);
	ocsp_response_unref(revoked);
	ocsp_response_unref(good);
}

/* Live sessions: an answer that has come closes, the want of one does not, unless the channel says so. */
static void test_live(void)
{
	struct ocsp_response *revoked = answer_of(&world.d1, KNOWN_REVOKED);
	const struct ocsp_response *answers[] = {revoked};
	struct scene scene;

	for (unsigned close = 0; close < 2; close++) {
		by_ocsp(&scene, X509_OCSP_REQUIRED);
		scene.channel.close_on_stale = close == 1;
		scene.evidence.revocation_asked = true;
		struct policy *policy =
			world_policy(&scene.channel, scene.rules, scene.rule_count, scene.mode);

		admission_judge_live(policy, &scene.evidence, scene.now, &scene.verdict);
		CHECK("silence", admission_closes_live(policy, "PLANT.TLS", &scene.verdict) == (close == 1));
		CHECK("silence: its user is known", strcmp(scene.verdict.user, "u1") == 0);
		scene.evidence.ocsp = answers;
		scene.evidence.ocsp_count = 1;
		admission_judge_live(policy, &scene.evidence, scene.now, &scene.verdict);
		CHECK("revoked", admission_closes_live(policy, "PLANT.TLS", &scene.verdict));
		policy_unref(policy);
	}
	ocsp_response_unref(revoked);
}

/* A delta that may be had is told beside the verdict, which it changes in nothing. */
static void test_deltas(void)
{
	/* One DistributionPoint with the URL "http://d/". */
	static const uint8_t point[] = {0x30, 0x11, 0x30, 0x0f, 0xa0, 0x0d, 0xa0, 0x0b, 0x86, 0x09, 'h', 't',
		't', 'p', ':', '/', '/', 'd', '/'};
	static const struct {
		const char *name;
		bool cdp, asked, busy, peer, pending;
		size_t needs;
	} cases[] = {
		{"RFC 5280 6.3.3 (c) not asked yet", true, false, false, false, false, 1},
		{"too many wait", true, false, true, false, false, 1},
		{"asked in vain", true, true, false, false, false, 0},
		{"without CRLFETCH(CDP)", false, false, false, false, false, 0},
		{"other lists are on their way", true, false, false, false, true, 1},
		{"refused for something else", true, false, false, true, false, 1},
	};
	struct x509_make_extension freshest = {"2.5.29.46", false, bytes_of(point, sizeof(point))};
	struct buf der = BUF_INIT(65536);
	struct crl *crl = NULL;

	REQUIRE("a list is made",
		x509_make_crl_extended(world.root.cert, secret_bytes(&world.root.key), PKI_NOW - PKI_DAY,
			PKI_NOW + PKI_DAY, 1, NULL, 0, &freshest, 1, &der) == ERR_OK);
	REQUIRE("a list is read", crl_parse(buf_bytes(&der), &crl, NULL) == ERR_OK);
	struct crl_set *set = pki_crls(crl, NULL);

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct scene scene;

		scene_init(&scene, &world);
		scene.channel.revocation = X509_REVOCATION_REQUIRED;
		scene.channel.crls = set;
		scene.channel.need_cdp = cases[i].cdp;
		scene.channel.lists_pending = cases[i].pending;
		scene.channel.ssl_peer = cases[i].peer ? "CN=other" : NULL;
		scene.evidence.revocation_asked = cases[i].asked;
		scene.evidence.revocation_busy = cases[i].busy;
		scene_judge(&scene);
		CHECK(cases[i].name,
			scene.verdict.admission == (cases[i].peer ? ADMISSION_REFUSE : ADMISSION_ADMIT));
		CHECK(cases[i].name, scene.verdict.need == NEED_NONE);
		CHECK(cases[i].name, scene.verdict.need_count == cases[i].needs);
		CHECK(cases[i].name,
			cases[i].needs == 0 || (scene.verdict.needs[0].delta &&
						       strcmp(scene.verdict.needs[0].url, "http://d/") == 0));
	}
	crl_set_unref(set);
	crl_unref(crl);
	buf_release(&der);
}

int main(void)
{
	world_init(&world);
	test_deltas();
	test_rows();
	test_hopeless();
	test_pending();
	test_revoked_never_helps();
	test_live();
	world_free(&world);
	return test_result();
}
