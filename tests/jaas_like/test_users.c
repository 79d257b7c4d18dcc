/*
 * test_users.c - the users file: one bad line refuses all of it; edits touch one user; generated secrets; the key file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "jaas_like/login_internal.h"
#include "tests/test.h"

#define HMAC_A "hmac$00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HMAC_B "hmac$ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ARGON  "argon2id$m=64,t=1,p=1$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw=="

static void test_accepted(void)
{
	static const char *const text =
		"# fleet\n\nd1:enabled:" HMAC_A "\nd2:disabled:" HMAC_B ":" ARGON "@1790000000\n"
		"\xc3\xa4 b/c:enabled:" ARGON; /* the last line needs no newline */
	struct login_users *users = NULL;
	struct login_problem problem = {0};
	REQUIRE("parses", login_users_parse(bytes_text(text), &users, &problem) == ERR_OK);
	CHECK("count", login_users_count(users) == 3);
	CHECK("enabled", login_users_state(users, bytes_text("d1")) == LOGIN_USER_ENABLED);
	CHECK("disabled", login_users_state(users, bytes_text("d2")) == LOGIN_USER_DISABLED);
	CHECK("absent", login_users_state(users, bytes_text("d")) == LOGIN_USER_ABSENT);
	CHECK("absent", login_users_state(users, bytes_text("")) == LOGIN_USER_ABSENT);
	CHECK("case counts", login_users_state(users, bytes_text("D1")) == LOGIN_USER_ABSENT);
	const struct login_user *user = login_users_find(users, bytes_text("d2"));
	CHECK("two secrets", user->secret_count == 2 && user->secrets[1].until_s == 1790000000);
	CHECK("kinds",
		user->secrets[0].kind == LOGIN_SECRET_HMAC && user->secrets[1].kind == LOGIN_SECRET_ARGON2ID);
	CHECK("cost", user->secrets[1].cost.memory_kib == 64 && user->secrets[1].salt_len == 8 &&
			      user->secrets[1].hash_len == 16);
	CHECK("credential", login_users_has_credential(users, bytes_text("d2"), user->secrets[0].credential));
	CHECK("credential of another",
		!login_users_has_credential(users, bytes_text("d1"), user->secrets[0].credential));
	CHECK("the end is no part of it",
		login_users_find(users, bytes_text("\xc3\xa4 b/c"))->secrets[0].credential ==
			user->secrets[1].credential);
	CHECK("how many are computed for everybody", login_users_argon2_count(users) == 1);
	login_users_unref(users);
	users = NULL;
	CHECK("an empty file",
		login_users_parse(BYTES_NONE, &users, &problem) == ERR_OK && login_users_count(users) == 0);
	login_users_unref(users);
	login_users_unref(NULL);
}

static void test_refused(void)
{
	static const struct {
		const char *name, *line;
		enum err want;
	} rows[] = {
		{"good", "d1:enabled:" HMAC_A, ERR_OK},
		{"blank name", ":enabled:" HMAC_A, ERR_MALFORMED},
		{"name of blanks", "  :enabled:" HMAC_A, ERR_MALFORMED},
		{"blank before the name", " d1:enabled:" HMAC_A, ERR_MALFORMED},
		{"blank behind the name", "d1 :enabled:" HMAC_A, ERR_MALFORMED},
		{"name with a control", "d\x01:enabled:" HMAC_A, ERR_MALFORMED},
		{"name that is not UTF-8", "d\xff:enabled:" HMAC_A, ERR_MALFORMED},
		{"name alone", "d1", ERR_MALFORMED},
		{"no state", "d1:" HMAC_A, ERR_MALFORMED},
		{"no secret", "d1:enabled", ERR_MALFORMED},
		{"empty secret", "d1:enabled:", ERR_MALFORMED},
		{"unknown state", "d1:Enabled:" HMAC_A, ERR_MALFORMED},
		{"carriage return", "d1:enabled:" HMAC_A "\r", ERR_MALFORMED},
		{"blank behind the line", "d1:enabled:" HMAC_A " ", ERR_MALFORMED},
		{"three secrets", "d1:enabled:" HMAC_A ":" HMAC_A ":" HMAC_A, ERR_MALFORMED},
		{"empty second secret", "d1:enabled:" HMAC_A ":", ERR_MALFORMED},
		{"the same user again", "d0:enabled:" HMAC_A, ERR_MALFORMED},
		{"unknown scheme", "d1:enabled:plain$secret", ERR_MALFORMED},
		{"no scheme", "d1:enabled:secret", ERR_MALFORMED},
		{"MAC too short", "d1:enabled:hmac$0011", ERR_MALFORMED},
		{"MAC too long", "d1:enabled:" HMAC_A "00", ERR_MALFORMED},
		{"MAC not hex",
			"d1:enabled:hmac$zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
			ERR_MALFORMED},
		{"an end on the present secret", "d1:enabled:" HMAC_A "@1790000000", ERR_MALFORMED},
		{"an end on the old one", "d1:enabled:" HMAC_A ":" HMAC_B "@1790000000", ERR_OK},
		{"end zero", "d1:enabled:" HMAC_A ":" HMAC_B "@0", ERR_MALFORMED},
		{"end with a leading zero", "d1:enabled:" HMAC_A ":" HMAC_B "@0179", ERR_MALFORMED},
		{"end negative", "d1:enabled:" HMAC_A ":" HMAC_B "@-1", ERR_MALFORMED},
		{"end empty", "d1:enabled:" HMAC_A ":" HMAC_B "@", ERR_MALFORMED},
		{"two ends", "d1:enabled:" HMAC_A ":" HMAC_B "@1@2", ERR_MALFORMED},
		{"end beyond counting", "d1:enabled:" HMAC_A ":" HMAC_B "@99999999999999999999",
			ERR_MALFORMED},
		{"argon2id", "d1:enabled:" ARGON, ERR_OK},
		{"argon2id, order of costs",
			"d1:enabled:argon2id$t=1,m=64,p=1$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw==",
			ERR_MALFORMED},
		{"argon2id, a cost too few",
			"d1:enabled:argon2id$m=64,t=1$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw==", ERR_MALFORMED},
		{"argon2id, a cost too many",
			"d1:enabled:argon2id$m=64,t=1,p=1,x=1$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw==",
			ERR_MALFORMED},
		{"argon2id, memory at max",
			"d1:enabled:argon2id$m=262144,t=10,p=4$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw==",
			ERR_OK},
		{"argon2id, memory at max + 1",
			"d1:enabled:argon2id$m=262145,t=1,p=1$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw==",
			ERR_INVALID},
		{"argon2id, passes at max + 1",
			"d1:enabled:argon2id$m=64,t=11,p=1$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw==",
			ERR_INVALID},
		{"argon2id, no passes",
			"d1:enabled:argon2id$m=64,t=0,p=1$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw==",
			ERR_INVALID},
		{"argon2id, lanes at max + 1",
			"d1:enabled:argon2id$m=64,t=1,p=5$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw==",
			ERR_INVALID},
		{"argon2id, too little memory",
			"d1:enabled:argon2id$m=7,t=1,p=1$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw==", ERR_INVALID},
		{"argon2id, memory beyond 32 bits",
			"d1:enabled:argon2id$m=4294967360,t=1,p=1$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0ODw==",
			ERR_MALFORMED},
		{"argon2id, salt of seven bytes",
			"d1:enabled:argon2id$m=64,t=1,p=1$AAECAwQFBg==$AAECAwQFBgcICQoLDA0ODw==",
			ERR_MALFORMED},
		{"argon2id, hash of fifteen bytes",
			"d1:enabled:argon2id$m=64,t=1,p=1$AAECAwQFBgc=$AAECAwQFBgcICQoLDA0O", ERR_MALFORMED},
		{"argon2id, blank in base64",
			"d1:enabled:argon2id$m=64,t=1,p=1$AAEC AwQFBgc=$AAECAwQFBgcICQoLDA0ODw==",
			ERR_MALFORMED},
		{"argon2id, no hash", "d1:enabled:argon2id$m=64,t=1,p=1$AAECAwQFBgc=", ERR_MALFORMED},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct login_users *users = NULL;
		struct login_problem problem = {0};
		struct buf text = BUF_INIT(4096);
		REQUIRE("text", buf_printf(&text, "d0:enabled:%s\n# x\n%s\nd9:enabled:%s\n", HMAC_A,
					rows[i].line, HMAC_A) == ERR_OK);
		enum err err = login_users_parse(buf_bytes(&text), &users, &problem);
		CHECK(rows[i].name, err == rows[i].want);
		CHECK("all or nothing", (users != NULL) == (err == ERR_OK));
		CHECK(rows[i].name, err == ERR_OK || problem.line == 3);
		login_users_unref(users);
		buf_release(&text);
	}
}

/* Cut at any byte: good only where a line happens to be whole. */
static void test_cut(void)
{
	static const char *const text =
		"d1:enabled:" HMAC_A "\nd2:disabled:" HMAC_B ":" ARGON "@1790000000\n";
	size_t first = strlen("d1:enabled:" HMAC_A);
	size_t second = first + 1 + strlen("d2:disabled:" HMAC_B);
	size_t third = second + strlen(":" ARGON);
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		struct login_users *users = NULL;
		struct login_problem problem = {0};
		bool whole = cut == 0 || cut == first || cut == first + 1 || cut == second || cut == third ||
			     cut > third + 1; /* any digits of the end are an end */
		CHECK("cut", (login_users_parse(bytes_of(text, cut), &users, &problem) == ERR_OK) == whole);
		login_users_unref(users);
	}
}

static void test_alloc(void)
{
	static const char *const text = "d1:enabled:" HMAC_A "\nd2:disabled:" HMAC_B ":" ARGON "\n";
	bool hit = true;
	for (unsigned long n = 1; hit; n++) {
		struct login_users *users = NULL;
		struct login_problem problem = {0};
		test_alloc_fail_at(n);
		enum err err = login_users_parse(bytes_text(text), &users, &problem);
		hit = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation", err == (hit ? ERR_NOMEM : ERR_OK) && (users == NULL) == hit);
		login_users_unref(users);
	}
	struct login_edit edit = {LOGIN_EDIT_ROTATE, bytes_text("d1"), HMAC_B, 0};
	hit = true;
	for (unsigned long n = 1; hit; n++) {
		struct buf out = BUF_INIT(4096);
		struct login_problem problem = {0};
		test_alloc_fail_at(n);
		enum err err = login_users_edit(bytes_text(text), &edit, &out, &problem);
		hit = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("Nth allocation of an edit", err == ERR_OK ? !hit : hit && out.len == 0);
		buf_release(&out);
	}
}

static void test_edit(void)
{
	static const char *const before =
		"# head\n\nd1:enabled:" HMAC_A "\nd2:disabled:" HMAC_A ":" ARGON "@5\n# tail";
	static const struct {
		const char *name;
		struct login_edit edit;
		enum err want;
		const char *after;
	} rows[] = {
		{"add", {LOGIN_EDIT_ADD, {(const uint8_t *)"d3", 2}, HMAC_B, 0}, ERR_OK,
			"# head\n\nd1:enabled:" HMAC_A "\nd2:disabled:" HMAC_A ":" ARGON
			"@5\n# tail\nd3:enabled:" HMAC_B "\n"},
		{"add, is there", {LOGIN_EDIT_ADD, {(const uint8_t *)"d1", 2}, HMAC_B, 0}, ERR_EXISTS, NULL},
		{"replace keeps the state and nothing else",
			{LOGIN_EDIT_REPLACE, {(const uint8_t *)"d2", 2}, HMAC_B, 0}, ERR_OK,
			"# head\n\nd1:enabled:" HMAC_A "\nd2:disabled:" HMAC_B "\n# tail\n"},
		{"rotate keeps the present one as the old",
			{LOGIN_EDIT_ROTATE, {(const uint8_t *)"d1", 2}, HMAC_B, 99}, ERR_OK,
			"# head\n\nd1:enabled:" HMAC_B ":" HMAC_A "@99\nd2:disabled:" HMAC_A ":" ARGON
			"@5\n# tail\n"},
		{"rotate again drops the oldest", {LOGIN_EDIT_ROTATE, {(const uint8_t *)"d2", 2}, HMAC_B, 0},
			ERR_OK,
			"# head\n\nd1:enabled:" HMAC_A "\nd2:disabled:" HMAC_B ":" HMAC_A "\n# tail\n"},
		{"disable", {LOGIN_EDIT_DISABLE, {(const uint8_t *)"d1", 2}, NULL, 0}, ERR_OK,
			"# head\n\nd1:disabled:" HMAC_A "\nd2:disabled:" HMAC_A ":" ARGON "@5\n# tail\n"},
		{"enable", {LOGIN_EDIT_ENABLE, {(const uint8_t *)"d2", 2}, NULL, 0}, ERR_OK,
			"# head\n\nd1:enabled:" HMAC_A "\nd2:enabled:" HMAC_A ":" ARGON "@5\n# tail\n"},
		{"remove", {LOGIN_EDIT_REMOVE, {(const uint8_t *)"d1", 2}, NULL, 0}, ERR_OK,
			"# head\n\nd2:disabled:" HMAC_A ":" ARGON "@5\n# tail\n"},
		{"remove, is not there", {LOGIN_EDIT_REMOVE, {(const uint8_t *)"d", 1}, NULL, 0},
			ERR_NOT_FOUND, NULL},
		{"rotate, is not there", {LOGIN_EDIT_ROTATE, {(const uint8_t *)"D1", 2}, HMAC_B, 0},
			ERR_NOT_FOUND, NULL},
		{"a name with a colon", {LOGIN_EDIT_ADD, {(const uint8_t *)"x:enabled", 9}, HMAC_B, 0},
			ERR_INVALID, NULL},
		{"a name that is a comment", {LOGIN_EDIT_ADD, {(const uint8_t *)"#x", 2}, HMAC_B, 0},
			ERR_INVALID, NULL},
		{"a name with a newline", {LOGIN_EDIT_ADD, {(const uint8_t *)"x\ny", 3}, HMAC_B, 0},
			ERR_INVALID, NULL},
		{"no name", {LOGIN_EDIT_ADD, {NULL, 0}, HMAC_B, 0}, ERR_INVALID, NULL},
		{"no secret", {LOGIN_EDIT_ADD, {(const uint8_t *)"d3", 2}, NULL, 0}, ERR_INVALID, NULL},
		{"a secret that is two", {LOGIN_EDIT_ADD, {(const uint8_t *)"d3", 2}, HMAC_B ":" HMAC_A, 0},
			ERR_INVALID, NULL},
		{"a secret with an end", {LOGIN_EDIT_ADD, {(const uint8_t *)"d3", 2}, HMAC_B "@9", 0},
			ERR_INVALID, NULL},
		{"a secret in the clear", {LOGIN_EDIT_ADD, {(const uint8_t *)"d3", 2}, "secret", 0},
			ERR_INVALID, NULL},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf out = BUF_INIT(4096);
		struct login_problem problem = {0};
		REQUIRE("before", buf_append_text(&out, ">") == ERR_OK);
		CHECK(rows[i].name,
			login_users_edit(bytes_text(before), &rows[i].edit, &out, &problem) == rows[i].want);
		CHECK(rows[i].name, rows[i].want == ERR_OK || (out.len == 1 && problem.message[0] != '\0'));
		if (rows[i].after != NULL) {
			CHECK(rows[i].name,
				bytes_equal_text(bytes_of(out.data + 1, out.len - 1), rows[i].after));
		}
		buf_release(&out);
	}
	struct buf out = BUF_INIT(4096);
	struct login_problem problem = {0};
	CHECK("nothing is made of a bad file",
		login_users_edit(bytes_text("bad\n"), &rows[0].edit, &out, &problem) == ERR_MALFORMED &&
			out.len == 0);
	CHECK("the first user", login_users_edit(BYTES_NONE, &rows[0].edit, &out, &problem) == ERR_OK);
	buf_release(&out);
	struct login_edit remove = {LOGIN_EDIT_REMOVE, bytes_text("d1"), NULL, 0};
	CHECK("the last user",
		login_users_edit(bytes_text("d1:enabled:" HMAC_A "\n"), &remove, &out, &problem) == ERR_OK);
	CHECK("leaves nothing", out.len == 0);
	buf_release(&out);
	buf_init(&out, 20);
	CHECK("no room",
		login_users_edit(BYTES_NONE, &rows[0].edit, &out, &problem) == ERR_LIMIT && out.len == 0);
	buf_release(&out);
}

static void test_generated(void)
{
	struct secret password = SECRET_NONE;
	struct secret other = SECRET_NONE;
	REQUIRE("generate", login_password_generate(&password) == ERR_OK);
	REQUIRE("generate", login_password_generate(&other) == ERR_OK);
	CHECK("length", password.len == LOGIN_PASSWORD_GENERATED_BYTES);
	CHECK("prefix", login_password_has_prefix(secret_bytes(&password)));
	CHECK("recognised", login_password_is_generated(secret_bytes(&password)));
	CHECK("never twice", !bytes_equal(secret_bytes(&password), secret_bytes(&other)));
	for (size_t cut = 0; cut < password.len; cut++) {
		CHECK("cut", !login_password_is_generated(bytes_of(password.data, cut)));
	}
	/* A wrong character: the checksum sees nearly all of them; these, of one password, with room for chance. */
	unsigned missed = 0;
	for (size_t i = 0; i < password.len; i++) {
		uint8_t good = password.data[i];
		for (const char *bad = "abcdefghijklmnopqrstuvwxyz234567A-0 "; *bad != '\0'; bad++) {
			password.data[i] = (uint8_t)*bad;
			missed +=
				(uint8_t)*bad != good && login_password_is_generated(secret_bytes(&password));
		}
		password.data[i] = good;
	}
	CHECK("typing errors are noticed", missed <= 2);
	uint8_t longer[LOGIN_PASSWORD_GENERATED_BYTES + 1] = {0};
	memcpy(longer, password.data, password.len);
	CHECK("one more", !login_password_is_generated(bytes_of(longer, sizeof(longer))));
	CHECK("nothing", !login_password_is_generated(BYTES_NONE) && !login_password_has_prefix(BYTES_NONE));

	uint8_t key[LOGIN_KEY_BYTES] = {1};
	uint8_t key2[LOGIN_KEY_BYTES] = {2};
	struct buf a = BUF_INIT(256);
	struct buf b = BUF_INIT(256);
	CHECK("field", login_secret_hmac(bytes_of(key, 32), bytes_text("d1"), secret_bytes(&password), &a) ==
			       ERR_OK);
	CHECK("the same again", login_secret_hmac(bytes_of(key, 32), bytes_text("d1"),
					secret_bytes(&password), &b) == ERR_OK);
	CHECK("the same again", bytes_equal(buf_bytes(&a), buf_bytes(&b)));
	b.len = 0;
	CHECK("of another name", login_secret_hmac(bytes_of(key, 32), bytes_text("d2"),
					 secret_bytes(&password), &b) == ERR_OK);
	CHECK("lines cannot be swapped", !bytes_equal(buf_bytes(&a), buf_bytes(&b)));
	b.len = 0;
	CHECK("of another key", login_secret_hmac(bytes_of(key2, 32), bytes_text("d1"),
					secret_bytes(&password), &b) == ERR_OK);
	CHECK("keyed", !bytes_equal(buf_bytes(&a), buf_bytes(&b)));
	b.len = 0;
	CHECK("a short key", login_secret_hmac(bytes_of(key, 31), bytes_text("d1"), secret_bytes(&password),
				     &b) == ERR_INVALID);
	CHECK("a chosen password is not MACed", login_secret_hmac(bytes_of(key, 32), bytes_text("d1"),
							bytes_text("password"), &b) == ERR_INVALID &&
							b.len == 0);
	struct argon2_cost cost = {64, 1, 1};
	struct argon2_cost dear = {LOGIN_ARGON2_KIB_MAX + 1, 1, 1};
	CHECK("a generated one is not hashed as chosen",
		login_secret_argon2id(&cost, secret_bytes(&password), &b) == ERR_INVALID);
	CHECK("seven characters", login_secret_argon2id(&cost, bytes_text("1234567"), &b) == ERR_INVALID);
	CHECK("too dear",
		login_secret_argon2id(&dear, bytes_text("12345678"), &b) == ERR_INVALID && b.len == 0);
	CHECK("chosen", login_secret_argon2id(&cost, bytes_text("12345678"), &b) == ERR_OK);
	struct login_secret parsed;
	CHECK("reads back",
		login_secret_parse(buf_bytes(&b), false, &parsed) == ERR_OK && parsed.hash_len == 32);
	CHECK("reads back", login_secret_parse(buf_bytes(&a), false, &parsed) == ERR_OK);
	buf_release(&a);
	buf_release(&b);
	secret_free(&password);
	secret_free(&other);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	REQUIRE(path, file_write_atomic(path, bytes_text(text), mode) == ERR_OK && chmod(path, mode) == 0);
}

static void test_key_file(void)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "login.key");
	struct secret key = SECRET_NONE;
	struct secret again = SECRET_NONE;
	struct stat st;
	CHECK("not there", login_key_load(path, false, &key) == ERR_NOT_FOUND);
	CHECK("made", login_key_make(path, &key) == ERR_OK && key.len == LOGIN_KEY_BYTES);
	CHECK("mode", stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK("never replaced", login_key_make(path, &again) == ERR_OK &&
					bytes_equal(secret_bytes(&key), secret_bytes(&again)));
	secret_free(&again);
	CHECK("loaded", login_key_load(path, false, &again) == ERR_OK &&
				bytes_equal(secret_bytes(&key), secret_bytes(&again)));
	secret_free(&again);
	secret_free(&key);
	CHECK("readable by others",
		chmod(path, 0644) == 0 && login_key_load(path, false, &key) == ERR_DENIED);
	CHECK("and not made anew either", login_key_make(path, &key) == ERR_DENIED && key.data == NULL);
	CHECK("unlink", unlink(path) == 0);
	static const struct {
		const char *name, *text;
	} rows[] = {
		{"empty", ""},
		{"63 digits", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1\n"},
		{"65 digits", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0"},
		{"two newlines", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n\n"},
		{"not hex", "x00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		write_file(path, rows[i].text, 0600);
		CHECK(rows[i].name, login_key_load(path, false, &key) == ERR_MALFORMED && key.data == NULL);
	}
	write_file(path, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0600);
	CHECK("no newline", login_key_load(path, false, &key) == ERR_OK);
	secret_free(&key);
	/* Nothing is left beside it. */
	CHECK("clean", unlink(path) == 0 && rmdir(folder) == 0 && mkdir(folder, 0700) == 0);
}

static void test_load(void)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "users");
	const char *key_path = test_path(folder, "login.key");
	struct login_users_options options = {path, key_path, false};
	struct login_users *users = NULL;
	struct login_problem problem = {0};
	CHECK("no file", login_users_load(&options, &users, &problem) == ERR_NOT_FOUND && problem.line == 0);
	write_file(path, "d1:enabled:" HMAC_A "\n", 0640);
	CHECK("no key", login_users_load(&options, &users, &problem) == ERR_NOT_FOUND);
	CHECK("says which file", strstr(problem.message, "login.key") != NULL);
	options.key_path = NULL;
	CHECK("no key named",
		login_users_load(&options, &users, &problem) == ERR_INVALID && problem.line == 1);
	options.key_path = key_path;
	struct secret key = SECRET_NONE;
	REQUIRE("key", login_key_make(key_path, &key) == ERR_OK);
	secret_free(&key);
	CHECK("loads",
		login_users_load(&options, &users, &problem) == ERR_OK && login_users_count(users) == 1);
	login_users_unref(users);
	users = NULL;
	CHECK("writable by the group",
		chmod(path, 0660) == 0 && login_users_load(&options, &users, &problem) == ERR_DENIED);
	CHECK("says so", strstr(problem.message, "writable") != NULL && users == NULL);
	CHECK("the key readable by others",
		chmod(path, 0600) == 0 && chmod(key_path, 0604) == 0 &&
			login_users_load(&options, &users, &problem) == ERR_DENIED);
	write_file(path, "d1:enabled:" HMAC_A "\nd1:enabled:" HMAC_A "\n", 0600);
	CHECK("chmod", chmod(key_path, 0600) == 0);
	CHECK("line", login_users_load(&options, &users, &problem) == ERR_MALFORMED && problem.line == 2);
}

int main(void)
{
	REQUIRE("start", crypto_init() == ERR_OK);
	test_accepted();
	test_refused();
	test_cut();
	test_alloc();
	test_edit();
	test_generated();
	test_key_file();
	test_load();
	crypto_cleanup();
	return test_result();
}
