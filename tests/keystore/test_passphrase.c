/*
 * test_passphrase.c - each source gives its first line; what is unsafe or missing is refused with a reason.
 * Owns:    nothing.
 * Never:   shows a passphrase.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "keystore/keystore.h"
#include "tests/test.h"

static enum err prompt_answer(const char *question, struct secret *out, void *ctx)
{
	(void)question;
	return secret_copy(bytes_text(ctx), out);
}

static void want(const char *row, const char *spec, enum err want_err, const char *want_text)
{
	struct secret out = SECRET_NONE;
	struct keystore_error error = {0};
	enum err err = keystore_passphrase_read(spec, NULL, NULL, &out, &error);
	CHECK(row, err == want_err);
	CHECK(row, err != ERR_OK || bytes_equal_text(secret_bytes(&out), want_text));
	CHECK(row, err == ERR_OK || (out.data == NULL && error.err == err &&
					    strstr(error.sentence, want_text) != NULL));
	CHECK(row, strstr(error.sentence, "hunter2") == NULL);
	secret_free(&out);
}

static void files(void)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "pw");
	char spec[512];
	(void)snprintf(spec, sizeof(spec), "file:%s", path);
	want("no file", spec, ERR_NOT_FOUND, "no such file");
	static const struct {
		const char *name, *content;
		enum err want;
		const char *text;
	} rows[] = {
		{"one line", "hunter2\n", ERR_OK, "hunter2"},
		{"no line end", "hunter2", ERR_OK, "hunter2"},
		{"carriage return", "hunter2\r\n", ERR_OK, "hunter2"},
		{"further lines", "hunter2\nwhatever\n", ERR_OK, "hunter2"},
		{"blanks belong to it", " hunter2 \n", ERR_OK, " hunter2 "},
		{"empty line", "\nhunter2\n", ERR_INVALID, "empty"},
		{"empty file", "", ERR_INVALID, "empty"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		REQUIRE(rows[i].name, file_write_atomic(path, bytes_text(rows[i].content), 0600) == ERR_OK);
		want(rows[i].name, spec, rows[i].want, rows[i].text);
	}
	REQUIRE("others may read", file_write_atomic(path, bytes_text("hunter2"), 0600) == ERR_OK);
	REQUIRE("others may read", chmod(path, 0640) == 0);
	want("others may read", spec, ERR_DENIED, "chmod 600");
	REQUIRE("credential", chmod(path, 0400) == 0 && setenv("CREDENTIALS_DIRECTORY", folder, 1) == 0);
	want("credential", "cred:pw", ERR_OK, "hunter2");
	REQUIRE("credential readable by an ACL", chmod(path, 0440) == 0);
	want("credential readable by an ACL", "cred:pw", ERR_OK, "hunter2");
	REQUIRE("credential that others may change", chmod(path, 0460) == 0);
	want("credential that others may change", "cred:pw", ERR_DENIED, "refused");
	REQUIRE("credential", chmod(path, 0400) == 0);
	want("credential elsewhere", "cred:../pw", ERR_INVALID, "plain name");
	want("credential elsewhere", "cred:a/pw", ERR_INVALID, "plain name");
	want("no such credential", "cred:none", ERR_NOT_FOUND, "no such file");
	REQUIRE("no credentials", unsetenv("CREDENTIALS_DIRECTORY") == 0);
	want("no credentials", "cred:pw", ERR_NOT_FOUND, "CREDENTIALS_DIRECTORY");
}

static void limits(void)
{
	char text[KEYSTORE_PASSPHRASE_MAX + 2];
	memset(text, 'a', sizeof(text));
	text[KEYSTORE_PASSPHRASE_MAX] = '\0';
	REQUIRE("at max", setenv("LOCKGATE_TEST_PASS", text, 1) == 0);
	want("at max", "env:LOCKGATE_TEST_PASS", ERR_OK, text);
	text[KEYSTORE_PASSPHRASE_MAX] = 'a';
	text[KEYSTORE_PASSPHRASE_MAX + 1] = '\0';
	REQUIRE("at max + 1", setenv("LOCKGATE_TEST_PASS", text, 1) == 0);
	want("at max + 1", "env:LOCKGATE_TEST_PASS", ERR_LIMIT, "longer than");
}

static void others(void)
{
	int ends[2];
	char spec[32];
	REQUIRE("pipe", pipe(ends) == 0);
	REQUIRE("pipe", write(ends[1], "hunter2\nrest", 12) == 12 && close(ends[1]) == 0);
	(void)snprintf(spec, sizeof(spec), "fd:%d", ends[0]);
	want("descriptor", spec, ERR_OK, "hunter2");
	want("descriptor that was read before", spec, ERR_INVALID, "only once");
	(void)close(ends[0]);
	want("no descriptor", "fd:", ERR_INVALID, "number");
	want("descriptor with a tail", "fd:3x", ERR_INVALID, "number");
	want("negative descriptor", "fd:-1", ERR_INVALID, "number");
	want("closed descriptor", "fd:987", ERR_IO, "987");
	REQUIRE("env", setenv("LOCKGATE_TEST_PASS", "hunter2", 1) == 0);
	want("environment", "env:LOCKGATE_TEST_PASS", ERR_OK, "hunter2");
	want("not set", "env:LOCKGATE_TEST_NONE", ERR_NOT_FOUND, "not set");
	want("no name", "env:", ERR_NOT_FOUND, "not set");
	want("a literal is refused and not repeated", "hunter2", ERR_INVALID, "not given as an argument");
	want("nobody to ask", NULL, ERR_UNSUPPORTED, "terminal");
	want("nobody to ask", "prompt", ERR_UNSUPPORTED, "terminal");
	static char answer[] = "typed";
	struct secret out = SECRET_NONE;
	CHECK("asked", keystore_passphrase_read(NULL, prompt_answer, answer, &out, NULL) == ERR_OK);
	CHECK("asked", bytes_equal_text(secret_bytes(&out), "typed"));
	secret_free(&out);
}

int main(void)
{
	files();
	limits();
	others();
	return test_result();
}
