/*
 * test_admission.c - each gate of the judge: what it lets in, and beside it what it refuses, with code, step and sentence.
 * Owns:    its world.
 * Never:   tries what the model test tries on random worlds.
 * Threads: one.
 */
#include <string.h>

#include "tests/auth/scene.h"

/* --- the first gate --- */

static void test_channel(const struct world *world)
{
	struct scene scene;
	struct admission_verdict verdict;
	scene_init(&scene, world);
	check_admitted("a device by its certificate", &scene, "u1");
	CHECK("the deciding rule",
		strcmp(scene.verdict.rule, "SSLPEERMAP CHL('PLANT.TLS') SSLPEER('CN=d1')") == 0);
	CHECK("the verified name", strcmp(scene.verdict.common_name, "d1") == 0);
	CHECK("until the certificate ends", scene.verdict.valid_until == cert_not_after(world->d1.cert));
	scene.evidence.channel = "PLANT.tls";
	check_refused("another channel", &scene, STEP_CHANNEL, "LKG9519E", 0x87, "'PLANT.tls'");
	scene.evidence.channel = NULL;
	check_refused("no channel", &scene, STEP_CHANNEL, "LKG9519E", 0x87, "no channel");
	admission_judge(NULL, &scene.evidence, PKI_NOW, &verdict);
	CHECK("no policy", verdict.admission == ADMISSION_REFUSE);
	admission_judge(NULL, NULL, PKI_NOW, &verdict);
	CHECK("nothing", verdict.admission == ADMISSION_REFUSE);
}

/* Which of several CNs is the device's would differ from program to program: none is, for ${cn}. */
static void test_common_name(const struct world *world)
{
	static const struct {
		const char *row;
		struct x509_make_attribute subject[3];
		const char *want;
	} rows[] = {
		{"one CN", {{"O", "Plant"}, {"OU", "Hall 7"}, {"CN", "d9"}}, "d9"},
		{"two CNs", {{"O", "Plant"}, {"CN", "d8"}, {"CN", "d9"}}, ""},
		{"twice the same", {{"O", "Plant"}, {"CN", "d9"}, {"CN", "d9"}}, ""},
		{"no CN", {{"C", "DE"}, {"O", "Plant"}, {"OU", "d9"}}, ""},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct scene scene;
		struct pki leaf = pki_make(&world->root,
			&(struct x509_make){.path_length = -1,
				.client_auth = true,
				.subject = rows[i].subject,
				.subject_count = 3},
			rows[i].row, NULL);
		scene_init(&scene, world);
		scene.evidence = world_evidence("PLANT.TLS", &leaf, &scene.slot);
		scene.rule_count = 0;
		scene.channel.mca_user = "u1";
		check_admitted(rows[i].row, &scene, "u1");
		CHECK(rows[i].row, strcmp(scene.verdict.common_name, rows[i].want) == 0);
		pki_free(&leaf);
	}
}

/* INSECGATE(PATH) lets any path pass, but not one that we had no memory to look at. */
static void test_open_path_memory(const struct world *world)
{
	/* certificatePolicies { 1.2.3 }: looking at it takes memory. */
	static const struct x509_make_extension policies = {
		"2.5.29.32", false, {(const uint8_t *)"\x30\x06\x30\x04\x06\x02\x2a\x03", 8}};
	const struct x509_make make = {
		.path_length = -1, .client_auth = true, .extensions = &policies, .extension_count = 1};
	unsigned refused = 0;
	bool failed = true;
	for (unsigned long n = 1; failed && n < 100; n++) {
		struct scene scene;
		struct pki leaf = pki_make(&world->root, &make, "d7", NULL);
		scene_init(&scene, world);
		scene.evidence = world_evidence("PLANT.TLS", &leaf, &scene.slot);
		scene.channel.mca_user = "u1";
		scene.channel.insecure_open_gates = GATE_PATH;
		struct policy *policy = world_policy(&scene.channel, NULL, 0, scene.mode);
		test_alloc_fail_at(n);
		admission_judge(policy, &scene.evidence, scene.now, &scene.verdict);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		bool memory = scene.verdict.certificate_reason == X509_NO_MEMORY;
		CHECK("no memory refuses", !memory || scene.verdict.admission == ADMISSION_REFUSE);
		CHECK("no other reason does", memory || scene.verdict.admission == ADMISSION_ADMIT);
		refused += memory ? 1 : 0;
		policy_unref(policy);
		pki_free(&leaf);
	}
	CHECK("it did run out", refused > 0 && !failed);
}

static void test_block_address(const struct world *world)
{
	struct scene scene;
	const struct chlauth_record rules[] = {SSLPEERMAP("*", "CN=d1", "u1"),
		{.profile = "*", .type = CHLAUTH_BLOCKADDR, LIST("10.*", "192.0.2.1-9")}};
	const struct chlauth_record warns[] = {SSLPEERMAP("*", "CN=d1", "u1"),
		{.profile = "*", .type = CHLAUTH_BLOCKADDR, LIST("192.0.2.7"), .warn = true}};
	scene_init(&scene, world);
	scene.rules = rules;
	scene.rule_count = 2;
	check_refused("3.7 blocked address", &scene, STEP_BLOCKADDR, "LKG9788E", 0x87, "192.0.2.7");
	CHECK("3.7 before anything else", scene.verdict.trace_count == 2);
	struct evidence nothing = {.channel = "PLANT.TLS", .peer = scene.evidence.peer};
	scene.evidence = nothing;
	check_refused("3.7 before a byte is read", &scene, STEP_BLOCKADDR, "LKG9788E", 0x87, "192.0.2.7");
	scene.evidence.peer = world_address("192.0.2.10");
	check_need("another address may go on", &scene, NEED_CERTIFICATE);
	scene_init(&scene, world);
	scene.rules = warns;
	scene.rule_count = 2;
	check_admitted("WARN(YES)", &scene, "u1");
	CHECK("WARN(YES)", traced(&scene, STEP_BLOCKADDR, TRACE_WARNED));
	scene.rules = rules;
	scene.mode = CHLAUTH_WARN;
	check_admitted("CHLAUTH(WARN)", &scene, "u1");
	CHECK("CHLAUTH(WARN)", traced(&scene, STEP_BLOCKADDR, TRACE_WARNED));
}

/* mq-semantics 6: each SSLCAUTH with each evidence. */
static void test_client_auth(const struct world *world)
{
	static const struct {
		const char *row;
		bool tls;
		enum ssl_client_auth auth;
		enum certificate_evidence evidence;
		char want; /* a admitted or later, r refused here, n NEED */
	} rows[] = {
		{"plain, not asked", false, SSLCAUTH_NEVER, CERTIFICATE_NOT_ASKED, 'a'},
		{"plain, OPTIONAL is inactive", false, SSLCAUTH_OPTIONAL, CERTIFICATE_NOT_ASKED, 'a'},
		{"plain, REQUIRED can never be met", false, SSLCAUTH_REQUIRED, CERTIFICATE_NOT_ASKED, 'r'},
		{"plain, a chain from nowhere", false, SSLCAUTH_NEVER, CERTIFICATE_CHAIN, 'r'},
		{"plain, none sent", false, SSLCAUTH_NEVER, CERTIFICATE_NONE_SENT, 'r'},
		{"NEVER, not asked", true, SSLCAUTH_NEVER, CERTIFICATE_NOT_ASKED, 'a'},
		{"NEVER, none sent", true, SSLCAUTH_NEVER, CERTIFICATE_NONE_SENT, 'r'},
		{"NEVER, a chain", true, SSLCAUTH_NEVER, CERTIFICATE_CHAIN, 'r'},
		{"NEVER, resumed", true, SSLCAUTH_NEVER, CERTIFICATE_RESUMED, 'r'},
		{"OPTIONAL, not asked", true, SSLCAUTH_OPTIONAL, CERTIFICATE_NOT_ASKED, 'r'},
		{"OPTIONAL, none sent", true, SSLCAUTH_OPTIONAL, CERTIFICATE_NONE_SENT, 'a'},
		{"OPTIONAL, a chain", true, SSLCAUTH_OPTIONAL, CERTIFICATE_CHAIN, 'a'},
		{"OPTIONAL, resumed", true, SSLCAUTH_OPTIONAL, CERTIFICATE_RESUMED, 'a'},
		{"REQUIRED, not asked", true, SSLCAUTH_REQUIRED, CERTIFICATE_NOT_ASKED, 'r'},
		{"REQUIRED, none sent", true, SSLCAUTH_REQUIRED, CERTIFICATE_NONE_SENT, 'r'},
		{"REQUIRED, a chain", true, SSLCAUTH_REQUIRED, CERTIFICATE_CHAIN, 'a'},
		{"REQUIRED, resumed", true, SSLCAUTH_REQUIRED, CERTIFICATE_RESUMED, 'a'},
		{"REQUIRED, pending", true, SSLCAUTH_REQUIRED, CERTIFICATE_PENDING, 'n'},
		{"NEVER, pending", true, SSLCAUTH_NEVER, CERTIFICATE_PENDING, 'n'},
		{"plain, pending", false, SSLCAUTH_NEVER, CERTIFICATE_PENDING, 'n'},
		{"REQUIRED, unknown state", true, SSLCAUTH_REQUIRED, (enum certificate_evidence)77, 'r'},
	};
	struct scene scene;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		scene_init(&scene, world);
		scene.rule_count = 0;
		scene.channel.tls = rows[i].tls;
		scene.channel.client_auth = rows[i].auth;
		scene.channel.mca_user = "u1";
		scene.evidence.certificate = rows[i].evidence;
		if (rows[i].evidence != CERTIFICATE_CHAIN && rows[i].evidence != CERTIFICATE_RESUMED) {
			scene.evidence.chain = NULL;
			scene.evidence.chain_count = 0;
		}
		scene_judge(&scene);
		CHECK(rows[i].row,
			scene.verdict.admission == (rows[i].want == 'a'          ? ADMISSION_ADMIT
							   : rows[i].want == 'r' ? ADMISSION_REFUSE
										 : ADMISSION_NEED));
		CHECK(rows[i].row, rows[i].want != 'r' || scene.verdict.step == STEP_CLIENT_AUTH);
		CHECK(rows[i].row, rows[i].want != 'n' || scene.verdict.need == NEED_CERTIFICATE);
	}
	scene_init(&scene, world);
	scene.evidence.chain_count = 0;
	check_refused("a chain of none", &scene, STEP_CLIENT_AUTH, "LKG9633E", 0x87, "empty");
	scene.evidence.chain_count = X509_CHAIN_CERTS_MAX + 1;
	check_refused("a chain of ten", &scene, STEP_CLIENT_AUTH, "LKG9633E", 0x87, "too long");
	scene_init(&scene, world);
	scene.channel.client_auth = SSLCAUTH_OPTIONAL;
	scene.evidence.certificate = CERTIFICATE_NONE_SENT;
	check_refused(
		"a chain that was not sent", &scene, STEP_CLIENT_AUTH, "LKG9633E", 0x87, "where none can be");
	scene.evidence.chain_count = 0;
	scene.channel.ssl_peer = "CN=*";
	check_refused(
		"4.2.15 SSLPEER needs a certificate", &scene, STEP_CLIENT_AUTH, "LKG9637E", 0x87, "SSLPEER");
}

static void test_certificate(const struct world *world)
{
	struct scene scene;
	scene_init(&scene, world);
	scene.slot = world->stranger.cert;
	check_refused("an unknown CA with the right name", &scene, STEP_PATH, "LKG9633E", 0x87, "");
	CHECK("an unknown CA",
		scene.verdict.certificate_reason == X509_UNKNOWN_ISSUER && !scene.verdict.absence);
	CHECK("an unknown CA may be trusted again", !scene.verdict.for_good);
	scene.slot = world->expired.cert;
	check_refused("expired", &scene, STEP_PATH, "LKG9633E", 0x87, "");
	CHECK("expired", scene.verdict.certificate_reason == X509_EXPIRED && !scene.verdict.absence);
	CHECK("expired: for good", scene.verdict.for_good);
	scene_init(&scene, world);
	scene.now = cert_not_after(world->d1.cert) + 1;
	check_refused("expired while the session lived", &scene, STEP_PATH, "LKG9633E", 0x87, "");
	scene_init(&scene, world);
	scene.channel.trust = NULL;
	check_refused("no trust at all", &scene, STEP_PATH, "LKG9633E", 0x87, "trusts no certificate");
	scene_init(&scene, world);
	scene.channel.revocation = X509_REVOCATION_REQUIRED;
	scene.channel.crls = world->clean;
	check_admitted("not revoked", &scene, "u1");
	CHECK("not revoked", !scene.verdict.for_good);
	scene.channel.crls = world->revoked;
	check_refused("revoked", &scene, STEP_REVOCATION, "LKG9633E", 0x87, "");
	CHECK("revoked", scene.verdict.certificate_reason == X509_REVOKED && !scene.verdict.absence);
	CHECK("revoked: for good", scene.verdict.for_good);
	CHECK("revoked: the path was good", traced(&scene, STEP_PATH, TRACE_PASSED));
	scene.slot = world->d2.cert;
	check_admitted("another device is not", &scene, "u2");
	scene.channel.crls = NULL;
	scene_judge(&scene);
	CHECK("no CRL: not admitted", scene.verdict.admission != ADMISSION_ADMIT);
	CHECK("no CRL: absence", scene.verdict.admission != ADMISSION_REFUSE || scene.verdict.absence);
	CHECK("no CRL: not for good", !scene.verdict.for_good);
	scene.channel.crls = world->clean;
	scene.now = PKI_NOW + 60 * PKI_DAY;
	scene_judge(&scene);
	CHECK("stale CRL: not admitted", scene.verdict.admission != ADMISSION_ADMIT);
	CHECK("stale CRL: not for good", !scene.verdict.for_good);
	struct policy *policy = world_policy(&scene.channel, scene.rules, scene.rule_count, scene.mode);
	CHECK("stale CRL: a live session stays", !admission_closes_live(policy, "PLANT.TLS", &scene.verdict));
	policy_unref(policy);
	scene.channel.close_on_stale = true;
	policy = world_policy(&scene.channel, scene.rules, scene.rule_count, scene.mode);
	CHECK("stale CRL: REVLIVE(CLOSE) closes", admission_closes_live(policy, "PLANT.TLS", &scene.verdict));
	policy_unref(policy);
	scene_init(&scene, world);
	scene.channel.revocation = X509_REVOCATION_REQUIRED;
	scene.channel.crls = world->revoked;
	scene_judge(&scene);
	policy = world_policy(&scene.channel, scene.rules, scene.rule_count, scene.mode);
	CHECK("revoked: a live session is closed",
		admission_closes_live(policy, "PLANT.TLS", &scene.verdict));
	policy_unref(policy);
}

static void test_ssl_peer(const struct world *world)
{
	struct scene scene;
	scene_init(&scene, world);
	scene.channel.ssl_peer = "CN=d*";
	check_admitted("SSLPEER and SSLPEERMAP both match", &scene, "u1");
	scene.channel.ssl_peer = "CN=d2,O='x";
	check_refused("SSLPEER does not", &scene, STEP_SSLPEER, "LKG9636E", 0x87, "'CN=d2,O=''x'");
	scene.evidence.login = LOGIN_PENDING;
	scene.evidence.connect_seen = false;
	check_refused("SSLPEER before CONNECT", &scene, STEP_SSLPEER, "LKG9636E", 0x87, "d1");
}

static void test_pin(const struct world *world)
{
	struct scene scene;
	char fingerprint[65];
	for (size_t i = 0; i < 32; i++) {
		(void)snprintf(fingerprint + 2 * i, 3, "%02x", cert_sha256(world->pinned.cert)[i]);
	}
	const struct chlauth_record by_dn[] = {SSLPEERMAP("PLANT.TLS", "CN=d1", "u1"), BACKSTOP};
	const struct chlauth_record by_print[] = {{.profile = "PLANT.TLS",
							  .type = CHLAUTH_SSLPEERMAP,
							  .fingerprint = fingerprint,
							  .mca_user = "u2"},
		BACKSTOP};
	const struct chlauth_record both[] = {by_dn[0], by_print[0], BACKSTOP};
	const struct chlauth_record refuses[] = {{.profile = "*",
		.type = CHLAUTH_SSLPEERMAP,
		.ssl_peer = "CN=d1",
		.usersrc = USERSRC_NOACCESS}};
	scene_init(&scene, world);
	scene.slot = world->pinned.cert;
	scene.rules = by_dn;
	scene.rule_count = ARRAY_COUNT(by_dn);
	check_refused("DESIGN 5 a pinned certificate never by DN alone", &scene, STEP_CHLAUTH, "LKG9777E",
		0x87, "back-stop");
	scene.rules = both;
	scene.rule_count = ARRAY_COUNT(both);
	check_admitted("DESIGN 5 a pinned certificate by its fingerprint", &scene, "u2");
	scene.slot = world->d1.cert;
	check_admitted("the fingerprint is of one certificate", &scene, "u1");
	scene.rules = by_print;
	scene.rule_count = ARRAY_COUNT(by_print);
	check_refused(
		"the fingerprint is of one certificate", &scene, STEP_CHLAUTH, "LKG9777E", 0x87, "back-stop");
	scene.slot = world->pinned.cert;
	scene.rules = refuses;
	scene.rule_count = 1;
	check_refused("a rule that refuses sees a pinned one too", &scene, STEP_CHLAUTH, "LKG9777E", 0x87,
		"refused");
}

/* --- the second gate --- */

static void entry_changed(const struct world *world)
{
	struct scene scene;

	scene_init(&scene, world);
	scene_login(&scene, "someone");
	scene.channel.login_checks_password = true;
	scene.evidence.login_config = 7;
	scene.channel.login_config = 7;
	check_admitted("no password was judged, and the entry is as it was", &scene, "u1");
	scene.channel.login_config = 9;
	check_refused("no password was judged, and the entry that was changed since asks for one", &scene,
		STEP_LOGIN, "LKG9556E", 0x86, "asks for a password now");
	CHECK("that is knowledge: a live session ends", !scene.verdict.absence);
	scene.evidence.login_password_judged = true;
	check_admitted("a password was judged, and the entry was changed since", &scene, "u1");
	scene.evidence.login_password_judged = false;
	scene.channel.login_checks_password = false;
	check_admitted("the entry was changed since, and asks for none", &scene, "u1");
	scene.channel.login_checks_password = true;
	scene.evidence.login_config = 0;
	check_admitted("which configuration it was is not known", &scene, "u1");
}

static void test_login(const struct world *world)
{
	static const struct {
		const char *row;
		enum login_outcome login;
		const char *message_id;
		uint8_t code;
		bool absence;
	} rows[] = {
		{"denied", LOGIN_DENIED, "LKG9557E", 0x86, false},
		{"a module failed", LOGIN_FAILED, "LKG9556E", 0x86, true},
		{"busy", LOGIN_BUSY, "LKG9558E", 0x89, true},
		{"none took place", LOGIN_NOT_CONFIGURED, "LKG9556E", 0x86, false},
		{"unknown outcome", (enum login_outcome)99, "LKG9556E", 0x86, false},
	};
	struct scene scene;
	scene_init(&scene, world);
	scene_login(&scene, "someone");
	check_admitted("both gates", &scene, "u1");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		scene_init(&scene, world);
		scene_login(&scene, "someone");
		scene.evidence.login = rows[i].login;
		check_refused(rows[i].row, &scene, STEP_LOGIN, rows[i].message_id, rows[i].code, "");
		CHECK(rows[i].row, scene.verdict.absence == rows[i].absence);
		CHECK(rows[i].row, !scene.verdict.for_good);
	}
	scene.evidence.login = LOGIN_PENDING;
	check_need("pending", &scene, NEED_LOGIN);
	scene.evidence.connect_seen = false;
	check_need("before CONNECT", &scene, NEED_CONNECT);
	scene.evidence.login = LOGIN_ALLOWED;
	check_need("allowed before CONNECT admits nobody", &scene, NEED_CONNECT);
	scene_init(&scene, world);
	scene.evidence.login = LOGIN_ALLOWED;
	check_refused("a login where none is configured", &scene, STEP_LOGIN, "LKG9556E", 0x86, "no JAASCFG");
	scene_login(&scene, "someone");
	scene.evidence.login_name = "FLEET";
	check_admitted("the same entry", &scene, "u1");
	scene.evidence.login_name = "OLD";
	check_refused("JAASCFG was changed since", &scene, STEP_LOGIN, "LKG9556E", 0x86, "'FLEET'");
	scene_init(&scene, world);
	scene_login(&scene, "someone");
	scene.channel.login_keeps_names = true;
	check_admitted("the stack keeps names", &scene, "u1");
	scene.evidence.login_user = "other";
	check_refused(
		"the stack keeps names, but not this", &scene, STEP_LOGIN, "LKG9556E", 0x86, "another name");
	scene_init(&scene, world);
	scene_login(&scene, "off7");
	check_refused("disabled", &scene, STEP_ACCOUNT, "LKG9557E", 0x86, "'off7' is disabled");
	scene.evidence.login = LOGIN_PENDING;
	check_refused(
		"disabled, and no password to judge", &scene, STEP_ACCOUNT, "LKG9557E", 0x86, "is disabled");
	scene.channel.login_checks_password = true;
	check_need("disabled costs as much time as a wrong password", &scene, NEED_LOGIN);
	scene.channel.login_keeps_names = true;
	check_need("also where the name is final", &scene, NEED_LOGIN);
	scene.evidence.login = LOGIN_DENIED;
	check_refused("and looks like one", &scene, STEP_LOGIN, "LKG9557E", 0x86, "denied");
	scene.evidence.login = LOGIN_ALLOWED;
	check_refused("disabled, whatever the stack says", &scene, STEP_ACCOUNT, "LKG9557E", 0x86,
		"'off7' is disabled");
	scene.channel.login_checks_password = false;
	scene.channel.login_keeps_names = false;
	scene_login(&scene, "on7");
	scene.evidence.login_user = "off7";
	check_refused("disabled after the rewrite", &scene, STEP_ACCOUNT, "LKG9557E", 0x86, "is disabled");
	scene_login(&scene, "gone");
	scene.evidence.login_account_known = true;
	check_refused("removed since the login", &scene, STEP_ACCOUNT, "LKG9557E", 0x86, "was removed");
	CHECK("removed since the login: for good", scene.verdict.for_good);
}

static void test_effective_user(const struct world *world)
{
	const struct chlauth_record none[] = {MQADMIN};
	const struct chlauth_record believes[] = {
		{.profile = "*", .type = CHLAUTH_USERMAP, .client_user = "u2", .mca_user = "op"}};
	const struct chlauth_record channel[] = {{.profile = "*",
		.type = CHLAUTH_SSLPEERMAP,
		.ssl_peer = "CN=d1",
		.usersrc = USERSRC_CHANNEL}};
	struct scene scene;
	scene_init(&scene, world);
	scene.channel.use_client_id = true;
	check_admitted("3.7 a MAP record wins over USECLTID", &scene, "u1");
	scene.rules = channel;
	scene.rule_count = 1;
	check_refused("USECLTID needs a bound client id", &scene, STEP_EFFECTIVE_USER, "LKG9557E", 0x87,
		"bound the client id");
	scene_login(&scene, "someone");
	scene.evidence.login_client_id = "u2";
	check_refused("USECLTID needs a bound client id", &scene, STEP_EFFECTIVE_USER, "LKG9557E", 0x87,
		"bound the client id");
	scene.evidence.login_client_id_bound = true;
	check_admitted("0.2.2 USECLTID takes the rewritten client id", &scene, "u2");
	CHECK("bound", scene.verdict.client_id_bound);
	scene.channel.login = NULL;
	scene.evidence.login = LOGIN_NOT_CONFIGURED;
	check_refused("what a stack once bound counts for nothing without it", &scene, STEP_EFFECTIVE_USER,
		"LKG9557E", 0x87, "bound the client id");
	scene_init(&scene, world);
	scene.rules = channel;
	scene.rule_count = 1;
	scene.channel.mca_user = "op";
	scene_login(&scene, "u2");
	check_admitted("1.1 MCAUSER before the user name", &scene, "op");
	scene.channel.mca_user = NULL;
	check_admitted("1.1 the user name last", &scene, "u2");
	scene.evidence.login_user = "op2";
	check_admitted("0.2.2 the rewritten user name", &scene, "op2");
	scene.evidence.login_user_verified = false;
	check_refused("DESIGN 5 a name that no gate verified", &scene, STEP_EFFECTIVE_USER, "LKG9557E", 0x87,
		"verified by no gate");
	scene.channel.insecure_assert = true;
	check_admitted("INSECASSERT(YES)", &scene, "op2");
	scene.evidence.login_user = "a\nb";
	check_refused("a hostile name", &scene, STEP_EFFECTIVE_USER, "LKG9557E", 0x87, "'a\\x0ab'");
	scene.evidence.login_user = "*MQADMIN";
	check_refused("a reserved name", &scene, STEP_EFFECTIVE_USER, "LKG9557E", 0x87, "reserved");
	scene_init(&scene, world);
	scene_plain(&scene);
	scene.rules = none;
	scene.rule_count = 1;
	check_refused("no user at all", &scene, STEP_EFFECTIVE_USER, "LKG9557E", 0x87, "no user name");
	scene.evidence.user_name = "u2";
	check_refused("asserted only", &scene, STEP_EFFECTIVE_USER, "LKG9557E", 0x87, "verified by no gate");
	scene.rules = believes;
	check_refused("a rule that believes an asserted name", &scene, STEP_EFFECTIVE_USER, "LKG9557E", 0x87,
		"believes");
	scene.channel.insecure_assert = true;
	check_admitted("a rule that believes, INSECASSERT(YES)", &scene, "op");
	scene.channel.insecure_assert = false;
	scene_login(&scene, "u2");
	check_admitted("a rule that believes a verified name", &scene, "op");
	scene.rules = channel;
	scene.rule_count = 0;
	scene.channel.login = NULL;
	scene.evidence.login = LOGIN_NOT_CONFIGURED;
	scene.channel.mca_user = "off1";
	check_refused("the account of MCAUSER is disabled", &scene, STEP_EFFECTIVE_USER, "LKG9557E", 0x86,
		"'off1' is disabled");
}

static void test_chlauth(const struct world *world)
{
	const struct chlauth_record warns[] = {
		SSLPEERMAP("PLANT.*", "CN=d*", "u1"), {.profile = "PLANT.TLS",
							      .type = CHLAUTH_SSLPEERMAP,
							      .ssl_peer = "CN=d1",
							      .usersrc = USERSRC_NOACCESS,
							      .warn = true}};
	const struct chlauth_record refuses[] = {
		SSLPEERMAP("PLANT.*", "CN=d*", "u1"), {.profile = "PLANT.TLS",
							      .type = CHLAUTH_USERMAP,
							      .client_user = "it's",
							      .usersrc = USERSRC_NOACCESS}};
	const struct chlauth_record maps[] = {
		{.profile = "*", .type = CHLAUTH_ADDRESSMAP, .address = "192.0.2.7", .mca_user = "u1"},
		BACKSTOP};
	struct scene scene;
	scene_init(&scene, world);
	scene.evidence.peer = world_address("2001:db8::7");
	scene.slot = world->d2.cert;
	scene.rules++; /* without the rule of d1 */
	scene.rule_count--;
	check_admitted("its own rule", &scene, "u2");
	scene.slot = world->d1.cert;
	check_refused("the back-stop", &scene, STEP_CHLAUTH, "LKG9777E", 0x87,
		"no CHLAUTH rule of channel PLANT.TLS matches address 2001:db8::7, certificate 'd1' of "
		"'Plant CA', no user name; back-stop");
	scene.evidence.connect_seen = false;
	scene.evidence.login = LOGIN_PENDING;
	check_refused("the back-stop before CONNECT: no rule on names could save it", &scene, STEP_CHLAUTH,
		"LKG9777E", 0x87, "back-stop");
	scene.mode = CHLAUTH_WARN;
	scene.evidence.connect_seen = true;
	scene.channel.mca_user = "op";
	check_admitted("CHLAUTH(WARN)", &scene, "op");
	CHECK("CHLAUTH(WARN)", traced(&scene, STEP_CHLAUTH, TRACE_WARNED));
	scene.mode = CHLAUTH_DISABLED;
	check_admitted("CHLAUTH(DISABLED)", &scene, "op");
	CHECK("CHLAUTH(DISABLED)",
		traced(&scene, STEP_CHLAUTH, TRACE_SKIPPED) && traced(&scene, STEP_BLOCKUSER, TRACE_SKIPPED));
	scene_init(&scene, world);
	scene.rules = warns;
	scene.rule_count = 2;
	check_admitted("WARN(YES): the next rule applies", &scene, "u1");
	CHECK("WARN(YES)", traced(&scene, STEP_CHLAUTH, TRACE_WARNED));
	scene.rules = refuses;
	check_admitted("no user", &scene, "u1");
	scene.evidence.user_name = "it's";
	check_refused("a user name that is refused, quoted for MQSC", &scene, STEP_CHLAUTH, "LKG9777E", 0x87,
		"user 'it''s'");
	scene.channel.login = "FLEET";
	scene.evidence.login = LOGIN_PENDING;
	check_need("the stack may still change the name", &scene, NEED_LOGIN);
	scene.channel.login_keeps_names = true;
	check_refused("the stack keeps names: no hash", &scene, STEP_CHLAUTH, "LKG9777E", 0x87, "it''s");
	scene_init(&scene, world);
	scene_plain(&scene);
	scene.rules = maps;
	scene.rule_count = 2;
	check_admitted("by address", &scene, "u1");
	scene.evidence.peer = world_address("192.0.2.8");
	check_refused("another address", &scene, STEP_CHLAUTH, "LKG9777E", 0x87, "no certificate");
}

static void test_block_user(const struct world *world)
{
	const struct chlauth_record maps_admin[] = {SSLPEERMAP("*", "CN=d1", "mqm"), MQADMIN};
	const struct chlauth_record unblocked[] = {SSLPEERMAP("*", "CN=d1", "mqm"), MQADMIN,
		{.profile = "PLANT.TLS", .type = CHLAUTH_BLOCKUSER, LIST("nobody")}};
	const struct chlauth_record upper[] = {SSLPEERMAP("*", "CN=d1", "ROOT"), MQADMIN};
	struct scene scene;
	scene_init(&scene, world);
	scene.rules = maps_admin;
	scene.rule_count = 2;
	check_refused("*MQADMIN", &scene, STEP_BLOCKUSER, "LKG9776E", 0x87, "'mqm'");
	CHECK("the rule that blocked", strcmp(scene.verdict.rule, "BLOCKUSER CHL('*')") == 0);
	scene.evidence.connect_seen = false;
	scene.evidence.login = LOGIN_PENDING;
	scene.channel.login = "FLEET";
	check_refused(
		"a fixed user is blocked before CONNECT", &scene, STEP_BLOCKUSER, "LKG9776E", 0x87, "'mqm'");
	scene_init(&scene, world);
	scene.rules = unblocked;
	scene.rule_count = 3;
	check_admitted("3.4 only the most specific BLOCKUSER profile counts", &scene, "mqm");
	scene.rules = upper;
	scene.rule_count = 2;
	check_refused("*MQADMIN in any case of letters", &scene, STEP_BLOCKUSER, "LKG9776E", 0x87, "'ROOT'");
	scene.mode = CHLAUTH_WARN;
	scene.rules = maps_admin;
	check_admitted("CHLAUTH(WARN)", &scene, "mqm");
	CHECK("CHLAUTH(WARN)", traced(&scene, STEP_BLOCKUSER, TRACE_WARNED));
}

static void test_owner_and_authority(const struct world *world)
{
	const struct chlauth_record stranger[] = {SSLPEERMAP("*", "CN=d1", "nobody")};
	struct scene scene;
	scene_init(&scene, world);
	scene.evidence.session_owner = "u1";
	check_admitted("its own session", &scene, "u1");
	scene.evidence.session_owner = "u2";
	check_refused("somebody else's session", &scene, STEP_OWNER, "LKGXR0010E", 0x85,
		"client id 'c1' belongs to user 'u2'");
	scene.evidence.session_owner = "U1";
	check_refused("owners are exact in case", &scene, STEP_OWNER, "LKGXR0010E", 0x85, "'U1'");
	scene_init(&scene, world);
	scene.rules = stranger;
	scene.rule_count = 1;
	check_refused("no connect authority", &scene, STEP_CONNECT_AUTHORITY, "LKG8077W", 0x87, "'nobody'");
}

/* One gate opened lets in exactly what that gate would have refused. */
static void test_gates(const struct world *world)
{
	const struct chlauth_record stranger[] = {SSLPEERMAP("*", "CN=d1", "nobody")};
	const struct {
		const char *row;
		enum gate gate;
		const struct cert *cert;
		const struct crl_set *crls;
		const char *owner;
		bool stranger, backstop;
		enum admission_step step;
	} rows[] = {
		{"GATE_PATH: unknown CA", GATE_PATH, world->stranger.cert, NULL, NULL, false, false,
			STEP_PATH},
		{"GATE_PATH: expired", GATE_PATH, world->expired.cert, NULL, NULL, false, false, STEP_PATH},
		{"GATE_CRL: revoked", GATE_CRL, world->d1.cert, world->revoked, NULL, false, false,
			STEP_REVOCATION},
		{"GATE_CHLAUTH: back-stop", GATE_CHLAUTH, world->d1.cert, NULL, NULL, false, true,
			STEP_CHLAUTH},
		{"GATE_OWNER: somebody else's", GATE_OWNER, world->d1.cert, NULL, "u2", false, false,
			STEP_OWNER},
		{"GATE_AUTHORITY: no right", GATE_AUTHORITY, world->d1.cert, NULL, NULL, true, false,
			STEP_CONNECT_AUTHORITY},
	};
	static const enum gate gates[] = {GATE_PATH, GATE_CRL, GATE_CHLAUTH, GATE_OWNER, GATE_AUTHORITY};
	const struct chlauth_record backstop[] = {BACKSTOP};
	struct scene scene;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		scene_init(&scene, world);
		scene.slot = rows[i].cert;
		scene.channel.crls = rows[i].crls;
		scene.channel.revocation =
			rows[i].crls == NULL ? X509_REVOCATION_NONE : X509_REVOCATION_REQUIRED;
		scene.evidence.session_owner = rows[i].owner;
		if (rows[i].stranger) {
			scene.rules = stranger;
			scene.rule_count = 1;
		}
		if (rows[i].backstop) {
			scene.rules = backstop;
			scene.rule_count = 1;
			scene.channel.mca_user = "u1";
		}
		for (size_t n = 0; n < ARRAY_COUNT(gates); n++) {
			scene.channel.insecure_open_gates = gates[n];
			scene_judge(&scene);
			bool admitted = scene.verdict.admission == ADMISSION_ADMIT;
			CHECK(rows[i].row, admitted == (gates[n] == rows[i].gate) ||
						   (rows[i].stranger && gates[n] == GATE_CHLAUTH));
			CHECK(rows[i].row, !admitted || traced(&scene, rows[i].step, TRACE_WARNED));
			CHECK(rows[i].row,
				admitted || gates[n] == GATE_CHLAUTH || scene.verdict.step == rows[i].step);
		}
	}
	scene_init(&scene, world);
	scene.channel.crls = world->revoked;
	scene.channel.revocation = X509_REVOCATION_REQUIRED;
	scene.channel.insecure_open_gates = GATE_PATH;
	check_refused("GATE_PATH does not open GATE_CRL", &scene, STEP_REVOCATION, "LKG9633E", 0x87, "");
	struct policy *policy = world_policy(&scene.channel, scene.rules, scene.rule_count, scene.mode);
	CHECK("policy_gate_open", policy_gate_open(policy, "PLANT.TLS", GATE_PATH));
	CHECK("policy_gate_open", !policy_gate_open(policy, "PLANT.TLS", GATE_AUTHORITY));
	CHECK("policy_gate_open", !policy_gate_open(policy, "OTHER", GATE_PATH));
	policy_unref(policy);
}

int main(void)
{
	struct world world;
	world_init(&world);
	test_channel(&world);
	test_common_name(&world);
	test_open_path_memory(&world);
	test_block_address(&world);
	test_client_auth(&world);
	test_certificate(&world);
	test_ssl_peer(&world);
	test_pin(&world);
	entry_changed(&world);
	test_login(&world);
	test_effective_user(&world);
	test_chlauth(&world);
	test_block_user(&world);
	test_owner_and_authority(&world);
	test_gates(&world);
	world_free(&world);
	return test_result();
}
