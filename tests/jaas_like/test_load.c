/*
 * test_load.c - what a configuration is refused or warned for when it is built; and a storm of wrong passwords.
 */
#include <unistd.h>

#include "tests/jaas_like/fixture.h"

static void test_refused(struct fixture *fixture)
{
	static const struct {
		const char *name, *text;
		enum err want;
		unsigned line, column;
		const char *says;
	} rows[] = {
		{"unknown module", "S {\n  PasswdLoginModule required;\n};", ERR_INVALID, 2, 3,
			"PasswdLoginModule"},
		{"a module in other case", "S { passwordloginmodule required; };", ERR_INVALID, 1, 5,
			"no module"},
		{"unknown option", "S { PasswordLoginModule required\n file=users files=x; };", ERR_INVALID,
			2, 19, "files"},
		{"no file", "S { PasswordLoginModule required; };", ERR_INVALID, 1, 5, "file"},
		{"empty file", "S { PasswordLoginModule required file=\"\"; };", ERR_INVALID, 1, 39, "empty"},
		{"a file that is not there", "S { PasswordLoginModule required file=nope; };", ERR_NOT_FOUND,
			1, 5, "nope"},
		{"a bad users file", "S { PasswordLoginModule required file=bad; };", ERR_MALFORMED, 1, 5,
			"line 2"},
		{"generated secrets and no key", "S { PasswordLoginModule required file=users; };",
			ERR_INVALID, 1, 5, "key"},
		{"a key that is not there", "S { PasswordLoginModule required file=users key=nokey; };",
			ERR_NOT_FOUND, 1, 5, "nokey"},
		{"not true or false",
			"S { PasswordLoginModule required file=users key=\"login.key\" requireSameUser=yes; "
			"};",
			ERR_INVALID, 1, 77, "true or false"},
		{"no userFrom", "S { CertificateLoginModule required; };", ERR_INVALID, 1, 5, "userFrom"},
		{"unknown userFrom", "S { CertificateLoginModule required userFrom=cn; };", ERR_INVALID, 1,
			46, "FINGERPRINT"},
		{"the second entry is bad", "S { };\nT { X required; };", ERR_INVALID, 2, 5, "'X'"},
		{"the grammar", "S { PasswordLoginModule required file=/etc/users; };", ERR_MALFORMED, 1, 39,
			"lone '/'"},
	};
	fixture_write(fixture, "bad", bytes_text("# x\nd1:enabled\n"));
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct login_setup *setup = NULL;
		struct login_problem problem = {0};
		struct login_setup_options options = {
			.config = bytes_text(rows[i].text), .folder = fixture->folder};
		CHECK(rows[i].name, login_setup_load(&options, &setup, &problem) == rows[i].want);
		CHECK("all or nothing", setup == NULL);
		CHECK(rows[i].name, problem.line == rows[i].line && problem.column == rows[i].column);
		CHECK(rows[i].name, strstr(problem.message, rows[i].says) != NULL);
	}
}

static void test_warnings(struct fixture *fixture)
{
#define PASSWORD " PasswordLoginModule required file=users key=\"login.key\";"
	static const struct {
		const char *name, *text;
		size_t want;
		unsigned line;
	} rows[] = {
		{"required before", "S { CertificateLoginModule required userFrom=CN;" PASSWORD " };", 0, 0},
		{"sufficient before the password",
			"S {\n CertificateLoginModule sufficient userFrom=CN;" PASSWORD " };", 1, 2},
		{"sufficient behind it", "S {" PASSWORD " CertificateLoginModule sufficient userFrom=CN; };",
			0, 0},
		{"a sufficient password",
			"S { PasswordLoginModule sufficient file=users key=\"login.key\"; };", 0, 0},
		{"empty", "S { };", 1, 1},
		{"one each",
			"A { };\nS { CertificateLoginModule Sufficient userFrom=CN;" PASSWORD PASSWORD " };",
			2, 1},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct login_setup *setup = fixture_setup(fixture, rows[i].text);
		CHECK(rows[i].name, login_setup_warning_count(setup) == rows[i].want);
		if (rows[i].want > 0) {
			CHECK(rows[i].name, login_setup_warning(setup, 0)->line == rows[i].line);
		}
		login_setup_unref(setup);
	}
	login_setup_unref(NULL);
}

static void test_stale(struct fixture *fixture)
{
	struct login_setup *setup = fixture_setup(fixture, "S {" PASSWORD " };");
	CHECK("fresh", !login_setup_is_stale(setup));
	CHECK("move", rename(test_path(fixture->folder, "users"), test_path(fixture->folder, "moved")) == 0);
	CHECK("gone", login_setup_is_stale(setup));
	CHECK("back", rename(test_path(fixture->folder, "moved"), test_path(fixture->folder, "users")) == 0);
	login_setup_unref(setup);
	/* A key that is not needed yet may be missing; when it comes, that is a change. */
	fixture_write(fixture, "none", BYTES_NONE);
	setup = fixture_setup(fixture, "S { PasswordLoginModule required file=none key=later; };");
	CHECK("fresh", !login_setup_is_stale(setup));
	fixture_write(fixture, "later", bytes_text("x"));
	CHECK("it came", login_setup_is_stale(setup));
	login_setup_unref(setup);
}

static void test_alloc(struct fixture *fixture)
{
	static const char *const text = "S { CertificateLoginModule required userFrom=CN;" PASSWORD " };";
	struct login_setup_options options = {.config = bytes_text(text), .folder = fixture->folder};
	bool hit = true;
	for (unsigned long n = 1; hit; n++) {
		struct login_setup *setup = NULL;
		struct login_problem problem = {0};
		test_alloc_fail_at(n);
		enum err err = login_setup_load(&options, &setup, &problem);
		hit = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation", err == (hit ? ERR_NOMEM : ERR_OK) && (setup == NULL) == hit);
		login_setup_unref(setup);
	}
}

/*
 * 10,000 wrong passwords for d1 from anywhere without its certificate: d1 enters at the first try. Those that wait for a
 * hash take at most their share of the lane; a device with a certificate always finds the rest.
 */
static void test_storm(struct fixture *fixture)
{
	static const struct login_certificate cert = {true, {NULL, 0}, "CN=d2", "d2", "00", NULL, 0};
	struct login_setup *setup = fixture_setup(fixture, "S {" PASSWORD " };");
	struct login *waiting[64];
	enum login_end ends[64];
	unsigned count = 0;
	unsigned busy = 0;
	fixture->lanes.limit = 64;
	fixture->load.uncertified_max = 32;
	struct login_input wrong = {.has_user_name = true,
		.user_name = bytes_text("d1"),
		.has_password = true,
		.password = bytes_text("guess 0001"),
		.client_id = bytes_text("x")};
	for (unsigned i = 0; i < 10000; i++) {
		struct login *login = NULL;
		enum login_end later = LOGIN_END_WAITING;
		REQUIRE("new", login_new(setup, "S", &wrong, &fixture->env, &login) == ERR_OK);
		enum login_end end = login_run(login, fixture_done, count < 64 ? &ends[count] : &later);
		CHECK("never allowed", end == LOGIN_END_WAITING || end == LOGIN_END_BUSY);
		if (end == LOGIN_END_WAITING) {
			REQUIRE("room", count < 64);
			waiting[count++] = login;
		} else {
			busy++;
			login_free(login);
		}
	}
	CHECK("at most half of the lane", count == 32 && fixture->lanes.queued == 32);
	CHECK("the others are told so", busy == 10000 - 32);
	struct login_input right = wrong;
	struct login *login = NULL;
	right.password = secret_bytes(&fixture->generated[1]);
	REQUIRE("new", login_new(setup, "S", &right, &fixture->env, &login) == ERR_OK);
	CHECK("d1 enters at the first try, its secret needs no lane",
		login_run(login, fixture_done, NULL) == LOGIN_END_ALLOWED);
	login_free(login);
	struct login_input certified = {.has_user_name = true,
		.user_name = bytes_text("d2"),
		.has_password = true,
		.password = bytes_text(CHOSEN),
		.client_id = bytes_text("d2"),
		.certificate = &cert};
	CHECK("with a certificate a chosen one finds room",
		fixture_login(fixture, setup, &certified, &login) == LOGIN_END_ALLOWED);
	login_free(login);
	CHECK("the share is given back", atomic_load(&fixture->load.uncertified) == 0);
	for (unsigned i = 0; i < count; i++) {
		CHECK("denied", ends[i] == LOGIN_END_DENIED);
		login_free(waiting[i]);
	}
	login_setup_unref(setup);
}

int main(void)
{
	struct fixture fixture;
	REQUIRE("start", crypto_init() == ERR_OK);
	fixture_init(&fixture);
	test_refused(&fixture);
	test_warnings(&fixture);
	test_stale(&fixture);
	test_alloc(&fixture);
	test_storm(&fixture);
	fixture_deinit(&fixture);
	crypto_cleanup();
	return test_result();
}
