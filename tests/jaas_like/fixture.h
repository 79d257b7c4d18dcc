/*
 * fixture.h - a users file with one user of each kind, its passwords, and one login at a time over a stack.
 */
#ifndef LOCKGATE_TESTS_JAAS_LIKE_FIXTURE_H
#define LOCKGATE_TESTS_JAAS_LIKE_FIXTURE_H

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "jaas_like/jaas_like.h"
#include "tests/test.h"

/*
 * d1 generated; d2 chosen; d3 rotating from chosen to generated, the old until 2000 s; d4 disabled, generated; d5 disabled,
 * chosen; d6 rotating from generated to chosen, the old until 2000 s.
 */
struct fixture {
	const char *folder;
	struct secret key;
	struct secret generated[7]; /* of d1, d3, d4, d6 at 1, 3, 4, 6; the others belong to nobody */
	struct executor_inline lanes;
	struct executor executor;
	struct clock_fake time;
	struct clock clock;
	struct login_load load;
	struct login_env env;
};

#define CHOSEN     "correct horse"
#define CHOSEN_OLD "battery staple"

static inline void fixture_write(const struct fixture *fixture, const char *name, struct bytes text)
{
	const char *path = test_path(fixture->folder, name);
	REQUIRE(path, file_write_atomic(path, text, 0600) == ERR_OK);
}

static inline void fixture_edit(const struct fixture *fixture, enum login_edit_kind kind, const char *name,
	const char *secret, int64_t old_until_s)
{
	struct buf before = BUF_INIT(65536);
	struct buf after = BUF_INIT(65536);
	struct login_edit edit = {kind, bytes_text(name), secret, old_until_s};
	struct login_problem problem;
	REQUIRE("users", file_read(test_path(fixture->folder, "users"), 65536, &before) == ERR_OK);
	REQUIRE(name, login_users_edit(buf_bytes(&before), &edit, &after, &problem) == ERR_OK);
	fixture_write(fixture, "users", buf_bytes(&after));
	buf_release(&before);
	buf_release(&after);
}

/* Adds or changes a user whose secret is generated[index], or the chosen password. */
static inline void fixture_user(struct fixture *fixture, enum login_edit_kind kind, const char *name,
	const struct secret *generated, const char *chosen, int64_t old_until_s)
{
	static const struct argon2_cost cost = {64, 1, 1};
	struct buf field = BUF_INIT(1024);
	const char *text = NULL;
	enum err err = generated != NULL ? login_secret_hmac(secret_bytes(&fixture->key), bytes_text(name),
						   secret_bytes(generated), &field)
					 : login_secret_argon2id(&cost, bytes_text(chosen), &field);
	REQUIRE(name, err == ERR_OK && buf_text(&field, &text) == ERR_OK);
	fixture_edit(fixture, kind, name, text, old_until_s);
	buf_release(&field);
}

static inline void fixture_init(struct fixture *fixture)
{
	*fixture = (struct fixture){.folder = test_folder()};
	REQUIRE("key", login_key_make(test_path(fixture->folder, "login.key"), &fixture->key) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(fixture->generated); i++) {
		REQUIRE("password", login_password_generate(&fixture->generated[i]) == ERR_OK);
	}
	fixture_write(fixture, "users", bytes_text("# test\n"));
	fixture_user(fixture, LOGIN_EDIT_ADD, "d1", &fixture->generated[1], NULL, 0);
	fixture_user(fixture, LOGIN_EDIT_ADD, "d2", NULL, CHOSEN, 0);
	fixture_user(fixture, LOGIN_EDIT_ADD, "d3", NULL, CHOSEN_OLD, 0);
	fixture_user(fixture, LOGIN_EDIT_ROTATE, "d3", &fixture->generated[3], NULL, 2000);
	fixture_user(fixture, LOGIN_EDIT_ADD, "d4", &fixture->generated[4], NULL, 0);
	fixture_edit(fixture, LOGIN_EDIT_DISABLE, "d4", NULL, 0);
	fixture_user(fixture, LOGIN_EDIT_ADD, "d5", NULL, CHOSEN, 0);
	fixture_edit(fixture, LOGIN_EDIT_DISABLE, "d5", NULL, 0);
	fixture_user(fixture, LOGIN_EDIT_ADD, "d6", &fixture->generated[6], NULL, 0);
	fixture_user(fixture, LOGIN_EDIT_ROTATE, "d6", NULL, CHOSEN, 2000);
	fixture->lanes.limit = 64;
	fixture->executor = executor_from_inline(&fixture->lanes);
	fixture->time.wall_ms = 1000 * 1000;
	fixture->clock = clock_from_fake(&fixture->time);
	fixture->load.uncertified_max = 32;
	fixture->env = (struct login_env){&fixture->executor, &fixture->clock, NULL, &fixture->load};
}

static inline void fixture_deinit(struct fixture *fixture)
{
	for (size_t i = 0; i < ARRAY_COUNT(fixture->generated); i++) {
		secret_free(&fixture->generated[i]);
	}
	secret_free(&fixture->key);
}

static inline struct login_setup *fixture_setup(const struct fixture *fixture, const char *config)
{
	struct login_setup *setup = NULL;
	struct login_problem problem = {0};
	struct login_setup_options options = {.config = bytes_text(config), .folder = fixture->folder};
	enum err err = login_setup_load(&options, &setup, &problem);
	if (err != ERR_OK) {
		fprintf(stderr, "%u:%u: %s\n", problem.line, problem.column, problem.message);
	}
	REQUIRE(config, err == ERR_OK);
	return setup;
}

static inline void fixture_done(struct login *login, enum login_end end, void *ctx)
{
	(void)login;
	*(enum login_end *)ctx = end;
}

/* Runs one attempt to its end; *out is the caller's. */
static inline enum login_end fixture_login(struct fixture *fixture, struct login_setup *setup,
	const struct login_input *input, struct login **out)
{
	enum login_end later = LOGIN_END_WAITING;
	REQUIRE("new", login_new(setup, "S", input, &fixture->env, out) == ERR_OK);
	enum login_end end = login_run(*out, fixture_done, &later);
	if (end == LOGIN_END_WAITING) {
		(void)executor_inline_run(&fixture->lanes);
		end = later;
	}
	return end;
}

#endif
