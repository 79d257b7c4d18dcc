/*
 * test_modules.c - CertificateLoginModule and PasswordLoginModule: who gets in, as whom, and each refusal beside it.
 */
#include "tests/jaas_like/fixture.h"

#define PASSWORD_STACK "S { PasswordLoginModule required file=\"users\" key=\"login.key\"; };"
#define TWO_FACTORS                                                                                          \
	"S { CertificateLoginModule requisite userFrom=\"CN\" matchClientId=true requireUser=true;"          \
	" PasswordLoginModule required file=\"users\" key=\"login.key\" requireSameUser=true; };"

static const char *const one_dns[] = {"d1.example"};
static const char *const two_dns[] = {"d1.example", "d2.example"};
static const struct login_certificate cert_d1 = {true, {NULL, 0}, "CN=d1,O=Fleet", "d1", "00ff", one_dns, 1};
static const struct login_certificate cert_unverified = {
	false, {NULL, 0}, "CN=d1,O=Fleet", "d1", "00ff", one_dns, 1};
static const struct login_certificate cert_no_cn = {true, {NULL, 0}, "O=Fleet", NULL, "00ff", two_dns, 2};
static const struct login_certificate cert_odd = {true, {NULL, 0}, "", "d1\n", NULL, NULL, 0};

static struct login_input input_of(
	const char *client_id, const char *user, const struct login_certificate *certificate)
{
	return (struct login_input){
		.has_user_name = user != NULL,
		.user_name = bytes_text(user),
		.client_id = bytes_text(client_id),
		.network_address = "192.0.2.1",
		.channel_name = "TEST",
		.certificate = certificate,
	};
}

static void test_certificate(struct fixture *fixture)
{
	static const struct {
		const char *name, *options, *client_id, *user;
		const struct login_certificate *certificate;
		const char *want_user; /* NULL: denied; "": allowed without a user name */
		bool want_verified;
		const char *want_client_id;
		bool want_bound;
	} rows[] = {
		{"CN", "userFrom=CN", "c", NULL, &cert_d1, "d1", true, "c", false},
		{"DN", "userFrom=DN", "c", NULL, &cert_d1, "CN=d1,O=Fleet", true, "c", false},
		{"SAN", "userFrom=\"SAN:DNS\"", "c", NULL, &cert_d1, "d1.example", true, "c", false},
		{"fingerprint", "userFrom=FINGERPRINT", "c", NULL, &cert_d1, "00ff", true, "c", false},
		{"no certificate", "userFrom=CN", "c", NULL, NULL, NULL, false, "", false},
		{"not verified", "userFrom=CN", "c", NULL, &cert_unverified, NULL, false, "", false},
		{"no CN", "userFrom=CN", "c", NULL, &cert_no_cn, NULL, false, "", false},
		{"two names where one is meant", "userFrom=\"SAN:DNS\"", "c", NULL, &cert_no_cn, NULL, false,
			"", false},
		{"no SAN", "userFrom=\"SAN:DNS\"", "c", NULL, &cert_odd, NULL, false, "", false},
		{"CN with a control", "userFrom=CN", "c", NULL, &cert_odd, NULL, false, "", false},
		{"empty DN", "userFrom=DN", "c", NULL, &cert_odd, NULL, false, "", false},
		{"no fingerprint", "userFrom=FINGERPRINT", "c", NULL, &cert_odd, NULL, false, "", false},
		{"match", "userFrom=CN matchClientId=true", "d1", NULL, &cert_d1, "d1", true, "d1", true},
		{"match, another", "userFrom=CN matchClientId=true", "d2", NULL, &cert_d1, NULL, false, "",
			false},
		{"match, longer", "userFrom=CN matchClientId=true", "d11", NULL, &cert_d1, NULL, false, "",
			false},
		{"match, other case", "userFrom=CN matchClientId=true", "D1", NULL, &cert_d1, NULL, false, "",
			false},
		{"match, none sent", "userFrom=CN matchClientId=true", "", NULL, &cert_d1, NULL, false, "",
			false},
		{"bind", "userFrom=CN bindClientId=true", "x", NULL, &cert_d1, "d1", true, "d1", true},
		{"bind, none sent", "userFrom=CN bindClientId=true", "", NULL, &cert_d1, "d1", true, "d1",
			true},
		{"bind and match", "userFrom=CN bindClientId=true matchClientId=true", "x", NULL, &cert_d1,
			NULL, false, "", false},
		{"a name of the client's own is not vouched for", "userFrom=CN", "c", "admin", &cert_d1,
			"admin", false, "c", false},
		{"the certificate's name is", "userFrom=CN", "c", "d1", &cert_d1, "d1", true, "c", false},
		{"requireUser", "userFrom=CN requireUser=true", "c", "d1", &cert_d1, "d1", true, "c", false},
		{"requireUser, another", "userFrom=CN requireUser=true", "c", "admin", &cert_d1, NULL, false,
			"", false},
		{"requireUser, empty", "userFrom=CN requireUser=true", "c", "", &cert_d1, NULL, false, "",
			false},
		{"requireUser, none sent", "userFrom=CN requireUser=true", "c", NULL, &cert_d1, "d1", true,
			"c", false},
		{"setUser=false", "userFrom=CN setUser=false", "c", NULL, &cert_d1, "", false, "c", false},
		{"setUser=true", "userFrom=CN setUser=true", "c", NULL, &cert_d1, "d1", true, "c", false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf config = BUF_INIT(1024);
		const char *text = NULL;
		REQUIRE("config", buf_printf(&config, "S { CertificateLoginModule required %s; };",
					  rows[i].options) == ERR_OK);
		REQUIRE("config", buf_text(&config, &text) == ERR_OK);
		struct login_setup *setup = fixture_setup(fixture, text);
		struct login *login = NULL;
		struct login_input input = input_of(rows[i].client_id, rows[i].user, rows[i].certificate);
		enum login_end end = fixture_login(fixture, setup, &input, &login);
		struct login_result result = login_result(login);
		CHECK(rows[i].name,
			end == (rows[i].want_user == NULL ? LOGIN_END_DENIED : LOGIN_END_ALLOWED));
		CHECK(rows[i].name, bytes_equal_text(result.user_name, rows[i].want_user));
		CHECK(rows[i].name, result.user_verified == rows[i].want_verified);
		CHECK(rows[i].name, bytes_equal_text(result.client_id, rows[i].want_client_id));
		CHECK(rows[i].name, result.client_id_bound == rows[i].want_bound);
		CHECK(rows[i].name, result.client_id_changed ==
					    (rows[i].want_user != NULL &&
						    strcmp(rows[i].client_id, rows[i].want_client_id) != 0));
		CHECK(rows[i].name, result.password_user.len == 0 && result.credential == 0);
		login_free(login);
		login_setup_unref(setup);
		buf_release(&config);
	}
}

static void test_password(struct fixture *fixture)
{
	static const struct {
		const char *name, *user;
		int generated; /* index, or -1: the text */
		const char *text;
		int64_t at_s;
		bool want;
		bool want_wait; /* the hash lane was used */
	} rows[] = {
		{"generated", "d1", 1, NULL, 1000, true, false},
		{"generated, of nobody", "d1", 0, NULL, 1000, false, false},
		{"generated, of another", "d1", 3, NULL, 1000, false, false},
		{"generated, unknown user", "nobody", 1, NULL, 1000, false, false},
		{"generated, no prefix match of names", "d", 1, NULL, 1000, false, false},
		{"generated, disabled user", "d4", 4, NULL, 1000, false, false},
		{"generated, against a chosen secret", "d2", 0, NULL, 1000, false, false},
		{"chosen", "d2", -1, CHOSEN, 1000, true, true},
		{"chosen, wrong", "d2", -1, CHOSEN "x", 1000, false, true},
		{"chosen, empty", "d2", -1, "", 1000, false, true},
		{"chosen, of another", "d2", -1, CHOSEN_OLD, 1000, false, true},
		{"chosen, unknown user: as long as a known one", "nobody", -1, CHOSEN, 1000, false, true},
		{"chosen, against a generated secret: as long", "d1", -1, CHOSEN, 1000, false, true},
		{"chosen, disabled user: as long", "d4", -1, CHOSEN, 1000, false, true},
		{"chosen, the right one of a disabled user", "d5", -1, CHOSEN, 1000, false, true},
		{"rotation, the new one", "d3", 3, NULL, 1000, true, false},
		{"rotation, the old one", "d3", -1, CHOSEN_OLD, 1000, true, true},
		{"rotation, the old one in its last second", "d3", -1, CHOSEN_OLD, 1999, true, true},
		{"rotation, the old one at its end: as long", "d3", -1, CHOSEN_OLD, 2000, false, true},
		{"rotation, the new one stays", "d3", 3, NULL, 2000, true, false},
		{"rotation from generated, in its last second", "d6", 6, NULL, 1999, true, false},
		{"rotation from generated, at its end", "d6", 6, NULL, 2000, false, false},
		{"rotation from generated, the new one", "d6", -1, CHOSEN, 2000, true, true},
		{"no user name", NULL, 1, NULL, 1000, false, false},
		{"empty user name", "", 1, NULL, 1000, false, false},
		{"user name with a newline", "d1\n", 1, NULL, 1000, false, false},
		{"no password", "d1", -1, NULL, 1000, false, false},
	};
	struct login_setup *setup = fixture_setup(fixture, PASSWORD_STACK);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct login *login = NULL;
		struct login_input input = input_of("c", rows[i].user, NULL);
		input.has_password = rows[i].generated >= 0 || rows[i].text != NULL;
		input.password = rows[i].generated >= 0 ? secret_bytes(&fixture->generated[rows[i].generated])
							: bytes_text(rows[i].text);
		fixture->time.wall_ms = rows[i].at_s * 1000 + 999;
		REQUIRE("new", login_new(setup, "S", &input, &fixture->env, &login) == ERR_OK);
		enum login_end later = LOGIN_END_WAITING;
		enum login_end end = login_run(login, fixture_done, &later);
		CHECK(rows[i].name, (end == LOGIN_END_WAITING) == rows[i].want_wait);
		if (end == LOGIN_END_WAITING) {
			CHECK("one at a time", fixture->lanes.queued == 1);
			(void)executor_inline_run(&fixture->lanes);
			end = later;
		}
		struct login_result result = login_result(login);
		CHECK(rows[i].name, end == (rows[i].want ? LOGIN_END_ALLOWED : LOGIN_END_DENIED));
		CHECK(rows[i].name,
			bytes_equal_text(result.password_user, rows[i].want ? rows[i].user : NULL));
		CHECK(rows[i].name,
			result.user_verified == rows[i].want && (result.credential != 0) == rows[i].want);
		CHECK("still allowed", !rows[i].want || login_setup_still_allows(setup, "S",
								result.password_user, result.credential));
		login_free(login);
	}
	CHECK("the share is given back", atomic_load(&fixture->load.uncertified) == 0);
	fixture->time.wall_ms = 1000 * 1000;
	login_setup_unref(setup);
}

static void test_two_factors(struct fixture *fixture)
{
	static const struct {
		const char *name, *client_id, *user;
		const struct login_certificate *certificate;
		int generated;
		bool want;
	} rows[] = {
		{"both", "d1", "d1", &cert_d1, 1, true},
		{"both, the name from the certificate", "d1", NULL, &cert_d1, 1, true},
		{"right certificate, wrong password", "d1", "d1", &cert_d1, 0, false},
		{"right password, no certificate", "d1", "d1", NULL, 1, false},
		{"right password, unverified certificate", "d1", "d1", &cert_unverified, 1, false},
		{"right password of d3, certificate of d1", "d3", "d3", &cert_d1, 3, false},
		{"user d3 with its password behind the certificate of d1", "d1", "d3", &cert_d1, 3, false},
		{"client id of somebody else", "d3", "d1", &cert_d1, 1, false},
	};
	struct login_setup *setup = fixture_setup(fixture, TWO_FACTORS);
	struct login_traits traits = login_setup_traits(setup, "S");

	CHECK("a configuration has a number", login_setup_config(setup, "S") != 0);
	CHECK("that of nothing has none", login_setup_config(setup, "T") == 0);
	CHECK("traits", traits.checks_password && !traits.keeps_names);
	CHECK("traits of nothing", !login_setup_traits(setup, "T").checks_password &&
					   !login_setup_traits(setup, "T").keeps_names);
	CHECK("no warning", login_setup_warning_count(setup) == 0);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct login *login = NULL;
		struct login_input input = input_of(rows[i].client_id, rows[i].user, rows[i].certificate);
		input.has_password = true;
		input.password = secret_bytes(&fixture->generated[rows[i].generated]);
		enum login_end end = fixture_login(fixture, setup, &input, &login);
		struct login_result result = login_result(login);
		CHECK(rows[i].name, end == (rows[i].want ? LOGIN_END_ALLOWED : LOGIN_END_DENIED));
		CHECK(rows[i].name, !rows[i].want || (bytes_equal_text(result.user_name, "d1") &&
							     result.user_verified && result.client_id_bound));
		login_free(login);
	}
	login_setup_unref(setup);
	/* requireSameUser without a module that establishes a name lets nobody in. */
	setup = fixture_setup(fixture,
		"S { PasswordLoginModule required file=users key=\"login.key\" requireSameUser=true; };");
	struct login *login = NULL;
	struct login_input input = input_of("d1", "d1", &cert_d1);
	input.has_password = true;
	input.password = secret_bytes(&fixture->generated[1]);
	CHECK("requireSameUser alone", fixture_login(fixture, setup, &input, &login) == LOGIN_END_DENIED);
	login_free(login);
	login_setup_unref(setup);
}

/* A module that gives the connection another client id and vouches for nothing. */
static enum login_verdict rename_login(struct login_call *call, void *state)
{
	(void)state;
	return login_call_set_client_id(call, bytes_text("d2")) == ERR_OK ? LOGIN_VERDICT_ALLOW
									  : LOGIN_VERDICT_ERROR;
}

static enum login_verdict rename_commit(struct login_call *call, void *state)
{
	(void)call;
	(void)state;
	return LOGIN_VERDICT_ALLOW;
}

/* The client id that the certificate matched is no longer the session's: it must not count as bound. */
static void test_renamed_behind(struct fixture *fixture)
{
	static const struct login_module renamer = {
		.name = "Rename", .login = rename_login, .commit = rename_commit};
	static const struct login_module *const more[] = {&renamer, NULL};
	static const struct {
		const char *name, *config, *client_id;
		bool bound;
	} rows[] = {
		{"matched", "S { CertificateLoginModule required userFrom=CN matchClientId=true; };", "d1",
			true},
		{"matched, then changed",
			"S { CertificateLoginModule required userFrom=CN matchClientId=true;"
			" Rename required; };",
			"d2", false},
		{"bound, then changed",
			"S { CertificateLoginModule required userFrom=CN bindClientId=true;"
			" Rename required; };",
			"d2", false},
		{"changed, then bound",
			"S { Rename required;"
			" CertificateLoginModule required userFrom=CN bindClientId=true; };",
			"d1", true},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct login_setup *setup = NULL;
		struct login *login = NULL;
		struct login_problem problem = {0};
		struct login_setup_options options = {
			.config = bytes_text(rows[i].config), .folder = fixture->folder, .modules = more};
		struct login_input input = input_of("d1", NULL, &cert_d1);
		REQUIRE(rows[i].name, login_setup_load(&options, &setup, &problem) == ERR_OK);
		CHECK(rows[i].name, fixture_login(fixture, setup, &input, &login) == LOGIN_END_ALLOWED);
		struct login_result result = login_result(login);
		CHECK(rows[i].name, bytes_equal_text(result.client_id, rows[i].client_id));
		CHECK(rows[i].name, result.client_id_bound == rows[i].bound);
		login_free(login);
		login_setup_unref(setup);
	}
}

/* The users file changes while a login waits for the lane, and after it was let in. */
static void test_change(struct fixture *fixture)
{
	struct login_setup *old = fixture_setup(fixture, PASSWORD_STACK);
	struct login_input input = input_of("c", "d2", NULL);
	struct login *login = NULL;
	enum login_end end = LOGIN_END_WAITING;
	input.has_password = true;
	input.password = bytes_text(CHOSEN);
	REQUIRE("new", login_new(old, "S", &input, &fixture->env, &login) == ERR_OK);
	CHECK("waits", login_run(login, fixture_done, &end) == LOGIN_END_WAITING);
	CHECK("fresh", !login_setup_is_stale(old));
	fixture_edit(fixture, LOGIN_EDIT_DISABLE, "d2", NULL, 0);
	CHECK("stale", login_setup_is_stale(old));
	struct login_setup *new = fixture_setup(fixture, PASSWORD_STACK);
	login_setup_unref(old); /* unpublished; the attempt alone holds it now */
	(void)executor_inline_run(&fixture->lanes);
	CHECK("judged by the snapshot that it began with", end == LOGIN_END_ALLOWED);
	struct login_result result = login_result(login);
	CHECK("and by today's at the last gate",
		!login_setup_still_allows(new, "S", result.password_user, result.credential));
	CHECK("disabled", login_setup_user_state(new, bytes_text("d2")) == LOGIN_USER_DISABLED);
	CHECK("enabled", login_setup_user_state(new, bytes_text("d1")) == LOGIN_USER_ENABLED);
	CHECK("unknown", login_setup_user_state(new, bytes_text("x")) == LOGIN_USER_ABSENT);
	uint64_t credential = result.credential;
	struct bytes d2 = bytes_text("d2");
	login_free(login);
	login_setup_unref(new);
	/* Rotation keeps a session; replacement and removal end it. */
	static const struct {
		const char *name;
		enum login_edit_kind kind;
		bool want;
	} steps[] = {
		{"enabled again", LOGIN_EDIT_ENABLE, true},
		{"rotated", LOGIN_EDIT_ROTATE, true},
		{"rotated out", LOGIN_EDIT_ROTATE, false},
		{"removed", LOGIN_EDIT_REMOVE, false},
		{"another of the same name", LOGIN_EDIT_ADD, false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
		bool secret = steps[i].kind == LOGIN_EDIT_ROTATE || steps[i].kind == LOGIN_EDIT_ADD;
		if (secret) {
			fixture_user(fixture, steps[i].kind, "d2", NULL, CHOSEN, 0);
		} else {
			fixture_edit(fixture, steps[i].kind, "d2", NULL, 0);
		}
		new = fixture_setup(fixture, PASSWORD_STACK);
		CHECK(steps[i].name, login_setup_still_allows(new, "S", d2, credential) == steps[i].want);
		CHECK("a session without a password is not judged here",
			login_setup_still_allows(new, "S", BYTES_NONE, 0));
		CHECK("an entry that is gone ends its sessions",
			!login_setup_still_allows(new, "T", d2, credential));
		login_setup_unref(new);
	}
}

/* Each step of an attempt with the client gone. */
static void test_vanish(struct fixture *fixture)
{
	struct login_setup *setup = fixture_setup(fixture, PASSWORD_STACK);
	struct login_input input = input_of("c", "d2", NULL);
	input.has_password = true;
	input.password = bytes_text(CHOSEN);
	for (int when = 0; when < 3; when++) {
		struct login *login = NULL;
		enum login_end end = LOGIN_END_WAITING;
		REQUIRE("new", login_new(setup, "S", &input, &fixture->env, &login) == ERR_OK);
		if (when > 0) {
			CHECK("waits", login_run(login, fixture_done, &end) == LOGIN_END_WAITING);
			CHECK("counted", atomic_load(&fixture->load.uncertified) == 1);
		}
		if (when == 2) {
			/* The hash was computed, its return is on the way. */
			struct job *job = fixture->lanes.head;
			fixture->lanes = (struct executor_inline){.limit = fixture->lanes.limit};
			job->run(job);
			login_free(login);
			job->done(job);
		} else {
			login_free(login);
			(void)executor_inline_run(&fixture->lanes);
		}
		CHECK("done is never called", end == LOGIN_END_WAITING);
		CHECK("the share is given back", atomic_load(&fixture->load.uncertified) == 0);
	}
	login_setup_unref(setup);
}

/* Memory runs out anywhere in an attempt: it is never allowed, and nothing leaks. */
static void test_alloc(struct fixture *fixture)
{
	static const struct {
		const char *name, *config, *user;
		int generated;
	} rows[] = {
		{"generated", PASSWORD_STACK, "d1", 1},
		{"chosen", PASSWORD_STACK, "d2", -1},
		{"both", TWO_FACTORS, "d1", 1},
		{"bound", "S { CertificateLoginModule required userFrom=CN bindClientId=true; };", NULL, 1},
		{"optional modules",
			"S { CertificateLoginModule optional userFrom=CN;"
			" PasswordLoginModule optional file=users key=\"login.key\"; };",
			"d2", -1},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct login_setup *setup = fixture_setup(fixture, rows[i].config);
		struct login_input input = input_of("d1", rows[i].user, &cert_d1);
		input.has_password = true;
		input.password = rows[i].generated >= 0 ? secret_bytes(&fixture->generated[rows[i].generated])
							: bytes_text(CHOSEN);
		bool hit = true;
		unsigned long n = 1;
		for (; hit && n < 1000; n++) {
			struct login *login = NULL;
			enum login_end end = LOGIN_END_WAITING;
			enum login_end later = LOGIN_END_WAITING;
			test_alloc_fail_at(n);
			enum err err = login_new(setup, "S", &input, &fixture->env, &login);
			if (err == ERR_OK) {
				end = login_run(login, fixture_done, &later);
				(void)executor_inline_run(&fixture->lanes);
				end = end == LOGIN_END_WAITING ? later : end;
			}
			hit = test_alloc_failed();
			test_alloc_fail_at(0);
			CHECK("No ADMIT when the Nth allocation fails",
				!hit || err == ERR_NOMEM || end != LOGIN_END_ALLOWED);
			login_free(login);
		}
		CHECK(rows[i].name, n > 4 && !hit);
		login_setup_unref(setup);
	}
}

int main(void)
{
	struct fixture fixture;
	REQUIRE("start", crypto_init() == ERR_OK);
	fixture_init(&fixture);
	test_certificate(&fixture);
	test_password(&fixture);
	test_two_factors(&fixture);
	test_renamed_behind(&fixture);
	test_vanish(&fixture);
	test_alloc(&fixture);
	test_change(&fixture);
	fixture_deinit(&fixture);
	crypto_cleanup();
	return test_result();
}
