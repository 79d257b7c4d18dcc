/*
 * test_control_logins.c - Goal: the login configuration as the control plane loads it: what is wrong is said with file, line and
 * column; a file that nobody asked for may be missing; nothing is half loaded when memory runs out.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "broker/control/control.h"
#include "jaas_like/jaas_like.h"
#include "tests/test.h"

#define GOOD "Certified {\n  CertificateLoginModule required userFrom=CN;\n};\n"

static const struct {
	const char *name, *config, *place; /* what follows the path; NULL: good */
} rows[] = {
	{"nothing", "", NULL},
	{"one entry", GOOD, NULL},
	{"no semicolon behind an entry", "A {\n  CertificateLoginModule required userFrom=CN;\n}", ":3:"},
	{"unknown module", "A {\n  PamLoginModule required;\n};", ":2:3: "},
	{"unknown option", "A {\n  CertificateLoginModule required\n    userForm=CN;\n};", ":3:"},
	{"unknown flag", "A { CertificateLoginModule must; };", ":1:28: "},
	{"one entry twice", GOOD GOOD, ":4:1: "},
	{"a users file that is not there", "A {\n  PasswordLoginModule required file=\"nowhere\";\n};",
		":2:"},
};

static void put(const char *path, const char *text, mode_t mode)
{
	REQUIRE("write", file_write_atomic(path, bytes_text(text), mode) == ERR_OK);
	REQUIRE("mode", chmod(path, mode) == 0);
}

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *path = test_path(test_folder(), "login.conf");
		struct buf why = BUF_INIT(4096), warnings = BUF_INIT(4096), want = BUF_INIT(4096);
		struct login_setup *setup = NULL;
		const char *text = "", *start = "";

		put(path, rows[i].config, 0600);
		enum err err = control_load_logins(path, true, &setup, &why, &warnings);

		CHECK(rows[i].name, (err == ERR_OK) == (rows[i].place == NULL));
		CHECK(rows[i].name, (setup != NULL) == (err == ERR_OK));
		CHECK(rows[i].name, (why.len > 0) == (err != ERR_OK));
		if (rows[i].place != NULL) {
			REQUIRE(rows[i].name, buf_printf(&want, "%s%s", path, rows[i].place) == ERR_OK);
			REQUIRE(rows[i].name,
				buf_text(&want, &start) == ERR_OK && buf_text(&why, &text) == ERR_OK);
			CHECK(rows[i].name, strncmp(text, start, strlen(start)) == 0);
			if (strncmp(text, start, strlen(start)) != 0) {
				fprintf(stderr, "got %s\n", text);
			}
		}
		login_setup_unref(setup);
		buf_release(&why);
		buf_release(&warnings);
		buf_release(&want);
	}
}

static void test_entries(void)
{
	const char *path = test_path(test_folder(), "login.conf");
	struct buf why = BUF_INIT(4096), warnings = BUF_INIT(4096);
	struct login_setup *setup = NULL;

	put(path, GOOD, 0600);
	REQUIRE("loads", control_load_logins(path, true, &setup, &why, &warnings) == ERR_OK);
	CHECK("an entry", login_setup_has_entry(setup, "Certified"));
	CHECK("an unknown entry",
		!login_setup_has_entry(setup, "certified") && !login_setup_has_entry(setup, ""));
	CHECK("no entry stands in for others", !login_setup_has_entry(setup, "other"));
	CHECK("fresh", !control_logins_stale(setup, path));
	login_setup_unref(setup);
	buf_release(&why);
	buf_release(&warnings);
}

static void test_missing(void)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "login.conf");
	struct buf why = BUF_INIT(4096), warnings = BUF_INIT(4096);
	struct login_setup *setup = NULL;

	CHECK("nobody asked for it", control_load_logins(path, false, &setup, &why, &warnings) == ERR_OK);
	CHECK("nobody asked for it: none", setup == NULL && why.len == 0);
	CHECK("not there, as before", !control_logins_stale(NULL, path));
	CHECK("asked for", control_load_logins(path, true, &setup, &why, &warnings) == ERR_NOT_FOUND);
	CHECK("asked for: said", setup == NULL && why.len > 0);
	put(path, GOOD, 0600);
	CHECK("it has come", control_logins_stale(NULL, path));
	why.len = 0;
	put(path, GOOD, 0622);
	CHECK("others may write it", control_load_logins(path, false, &setup, &why, &warnings) == ERR_DENIED);
	CHECK("others may write it: said", setup == NULL && why.len > 0);
	why.len = 0;
	CHECK("a folder", control_load_logins(folder, true, &setup, &why, &warnings) != ERR_OK);
	CHECK("a folder: said", setup == NULL && why.len > 0);
	buf_release(&why);
	buf_release(&warnings);
}

static void test_nth_allocation(void)
{
	const char *path = test_path(test_folder(), "login.conf");
	bool failed = true;

	put(path, GOOD, 0600);
	for (unsigned long n = 1; failed && n < 2000; n++) {
		struct buf why = BUF_INIT(4096), warnings = BUF_INIT(4096);
		struct login_setup *setup = NULL;

		test_alloc_fail_at(n);
		enum err err = control_load_logins(path, true, &setup, &why, &warnings);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation: whole or not", (setup != NULL) == (err == ERR_OK));
		CHECK("Nth allocation: not in silence", failed || err == ERR_OK);
		CHECK("Nth allocation: a setup has its entry",
			setup == NULL || login_setup_has_entry(setup, "Certified"));
		login_setup_unref(setup);
		buf_release(&why);
		buf_release(&warnings);
	}
	CHECK("Nth allocation: comes to an end", !failed);
}

int main(void)
{
	test_rows();
	test_entries();
	test_missing();
	test_nth_allocation();
	return test_result();
}
