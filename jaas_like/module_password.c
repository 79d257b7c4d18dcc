/*
 * module_password.c - PasswordLoginModule: judges user name and password by a users file.
 * Owns:    a reference on the snapshot that an attempt began with, until it ends.
 * Never:   hashes on the loop, but for one HMAC; says which of name, state and password was wrong.
 * Threads: setup blocks; an attempt belongs to its loop, its hashing to a lane.
 *
 * Options: file             the users file; needed
 *          key              the key of generated secrets
 *          requireSameUser  true: the user name must be the one that a module before this one established
 *
 * A password of our generator (prefix and checksum) is only ever compared by HMAC, at once: a reconnect storm is no
 * hash storm. Anything else costs as many argon2id computations as any user of the file has secrets of that kind,
 * dummies at the dearest cost of the file, whether the name is known, disabled or not: in a file of one cost the time
 * tells nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "jaas_like/login_internal.h"

struct password_config {
	struct login_users *users; /* one reference */
	bool require_same_user;
};

struct password_state {
	struct login_users *users; /* one reference, NULL after the end */
	bool allowed;
	uint64_t credential;
	struct buf user;
};

/* One argon2id comparison on the lane; a dummy has want_len 0 and never matches. */
struct password_try {
	struct argon2_cost cost;
	uint64_t credential;
	uint8_t salt[LOGIN_SALT_BYTES_MAX];
	uint8_t want[LOGIN_HASH_BYTES_MAX];
	size_t salt_len;
	size_t want_len;
};

struct password_work {
	struct login_work work;
	struct secret password;
	struct password_try tries[LOGIN_USER_SECRETS_MAX];
	size_t try_count;
	bool matched;
	uint64_t credential;
	enum err err;
};

static const char *const password_options[] = {"file", "key", "requireSameUser", NULL};

static void password_teardown(void *config)
{
	struct password_config *mine = config;
	login_users_unref(mine->users);
	free(mine);
}

/* The path of an option, made absolute and watched; *out owned by the caller, NULL when the option is not there. */
static enum err password_path(
	const struct login_module_config *given, const char *name, char **out, struct login_problem *problem)
{
	char *path = NULL;
	const struct login_option *option = login_option_find(given, name);
	if (option == NULL) {
		return ERR_OK;
	}
	if (option->value[0] == '\0') {
		return login_problem_set(
			problem, ERR_INVALID, option->line, option->column, "option %s is empty", name);
	}
	enum err err = login_path_join(given->folder, option->value, &path);
	if (err == ERR_OK) {
		err = login_setup_watch(given->setup, path);
	}
	if (err != ERR_OK) {
		(void)login_problem_set(problem, err, option->line, option->column, "'%.*s': %s",
			login_shown(bytes_text(option->value)), option->value, err_name(err));
		free(path);
		return err;
	}
	*out = path;
	return ERR_OK;
}

static enum err password_load(const struct login_module_config *given, const char *path, const char *key_path,
	struct password_config *config, struct login_problem *problem)
{
	struct login_problem inner = {0};
	struct login_users_options options = {path, key_path, given->insecure_any_owner};
	enum err err = login_users_load(&options, &config->users, &inner);
	if (err == ERR_OK) {
		return ERR_OK;
	}
	/* The place is in the configuration, the line in the message is the users file's. */
	if (inner.line == 0) {
		return login_problem_set(problem, err, given->line, given->column, "%s", inner.message);
	}
	return login_problem_set(problem, err, given->line, given->column,
		"users file '%.*s', line %u: %.120s", login_shown(bytes_text(path)), path, inner.line,
		inner.message);
}

static enum err password_setup(
	const struct login_module_config *given, void **out, struct login_problem *problem)
{
	char *path = NULL;
	char *key_path = NULL;
	struct password_config *config = calloc(1, sizeof(*config));
	enum err err = config == NULL ? ERR_NOMEM : ERR_OK;
	if (err != ERR_OK) {
		(void)login_problem_set(problem, err, given->line, given->column, "out of memory");
		goto out;
	}
	if (login_option_find(given, "file") == NULL) {
		err = login_problem_set(problem, ERR_INVALID, given->line, given->column,
			"PasswordLoginModule needs the option file");
		goto out;
	}
	err = login_option_bool(given, "requireSameUser", &config->require_same_user, problem);
	if (err == ERR_OK) {
		err = password_path(given, "file", &path, problem);
	}
	if (err == ERR_OK) {
		err = password_path(given, "key", &key_path, problem);
	}
	if (err == ERR_OK) {
		err = password_load(given, path, key_path, config, problem);
	}
	if (err == ERR_OK) {
		*out = config;
		config = NULL; /* moved to the setup */
	}
out:
	if (config != NULL) {
		password_teardown(config);
	}
	free(path);
	free(key_path);
	return err;
}

static enum err password_initialize(struct login_call *call, void **state)
{
	const struct password_config *config = login_call_config(call);
	struct password_state *mine = calloc(1, sizeof(*mine));
	if (mine == NULL) {
		return ERR_NOMEM;
	}
	buf_init(&mine->user, LOGIN_NAME_BYTES_MAX);
	login_users_ref(config->users);
	mine->users = config->users;
	*state = mine;
	return ERR_OK;
}

static void password_release(void *state)
{
	struct password_state *mine = state;
	login_users_unref(mine->users);
	buf_release(&mine->user);
	free(mine);
}

static bool password_secret_is_valid(const struct login_secret *secret, int64_t now_s)
{
	return secret->until_s == 0 || now_s < secret->until_s;
}

static enum login_verdict password_deny(struct login_call *call, const char *reason)
{
	login_call_reason(call, reason);
	return LOGIN_VERDICT_DENY;
}

static int64_t password_now_s(const struct login_call *call)
{
	return clock_wall_ms(login_call_env(call)->clock) / 1000;
}

/* On the loop: one HMAC and as many comparisons as a user can have secrets, for known and unknown names alike. */
static enum login_verdict password_check_generated(struct login_call *call, struct password_state *mine,
	const struct login_user *user, struct bytes password)
{
	static const uint8_t nothing[SHA256_BYTES] = {0};
	uint8_t mac[SHA256_BYTES];
	struct bytes key = login_users_key(mine->users);
	int64_t now_s = password_now_s(call);
	bool matched = false;
	login_secret_mac(key, buf_bytes(&mine->user), password, mac);
	for (size_t i = 0; i < LOGIN_USER_SECRETS_MAX; i++) {
		const struct login_secret *secret =
			user != NULL && i < user->secret_count && user->secrets[i].kind == LOGIN_SECRET_HMAC
				? &user->secrets[i]
				: NULL;
		bool same = secret_equal(bytes_of(mac, sizeof(mac)),
			bytes_of(secret == NULL ? nothing : secret->hash, SHA256_BYTES));
		if (same && secret != NULL && user->enabled && key.len > 0 &&
			password_secret_is_valid(secret, now_s)) {
			matched = true;
			mine->credential = secret->credential;
		}
	}
	secure_wipe(mac, sizeof(mac));
	mine->allowed = matched;
	return matched ? LOGIN_VERDICT_ALLOW : password_deny(call, "unknown, disabled or wrong password");
}

/* --- argon2id, on the lane --- */

static void password_work_run(struct login_work *base)
{
	struct password_work *work = CONTAINER_OF(base, struct password_work, work);
	uint8_t got[LOGIN_HASH_BYTES_MAX];
	for (size_t i = 0; i < work->try_count && work->err == ERR_OK; i++) {
		const struct password_try *one = &work->tries[i];
		size_t len = one->want_len == 0 ? LOGIN_HASH_BYTES_MAX : one->want_len;
		work->err = argon2id(&one->cost, secret_bytes(&work->password),
			bytes_of(one->salt, one->salt_len), got, len);
		if (work->err == ERR_OK && one->want_len > 0 &&
			secret_equal(bytes_of(got, len), bytes_of(one->want, len))) {
			work->matched = true;
			work->credential = one->credential;
		}
	}
	secure_wipe(got, sizeof(got));
}

static enum login_verdict password_work_finish(struct login_call *call, void *state, struct login_work *base)
{
	struct password_work *work = CONTAINER_OF(base, struct password_work, work);
	struct password_state *mine = state;
	if (work->err != ERR_OK) {
		if (work->err == ERR_NOMEM) {
			login_call_out_of_memory(call);
		}
		login_call_reason(call, "the password could not be hashed");
		return LOGIN_VERDICT_ERROR;
	}
	mine->allowed = work->matched;
	mine->credential = work->credential;
	return work->matched ? LOGIN_VERDICT_ALLOW
			     : password_deny(call, "unknown, disabled or wrong password");
}

static void password_work_discard(struct login_work *base)
{
	struct password_work *work = CONTAINER_OF(base, struct password_work, work);
	secret_free(&work->password);
	secure_wipe(work->tries, sizeof(work->tries));
	free(work);
}

/* Fills count tries: the user's own where it may log in with them, dummies for the rest. */
static void password_fill_tries(struct password_work *work, const struct password_state *mine,
	const struct login_user *user, size_t count, int64_t now_s)
{
	work->try_count = count;
	for (size_t i = 0; i < count; i++) {
		/* A dummy: never matches, since want_len is 0. */
		work->tries[i].cost = login_users_argon2_cost(mine->users);
		work->tries[i].salt_len = LOGIN_SALT_BYTES_MIN;
	}
	size_t at = 0;
	for (size_t i = 0; user != NULL && user->enabled && i < user->secret_count && at < count; i++) {
		const struct login_secret *secret = &user->secrets[i];
		if (secret->kind != LOGIN_SECRET_ARGON2ID || !password_secret_is_valid(secret, now_s)) {
			continue;
		}
		struct password_try *one = &work->tries[at++];
		one->cost = secret->cost;
		one->credential = secret->credential;
		one->salt_len = secret->salt_len;
		one->want_len = secret->hash_len;
		memcpy(one->salt, secret->salt, secret->salt_len);
		memcpy(one->want, secret->hash, secret->hash_len);
	}
}

static enum login_verdict password_check_chosen(struct login_call *call, struct password_state *mine,
	const struct login_user *user, struct bytes password)
{
	size_t count = login_users_argon2_count(mine->users);
	if (count == 0) {
		/* Nobody in this file has a chosen password: refusing at once tells nothing. */
		return password_deny(call, "unknown, disabled or wrong password");
	}
	struct password_work *work = calloc(1, sizeof(*work));
	if (work == NULL || secret_copy(password, &work->password) != ERR_OK) {
		free(work);
		login_call_out_of_memory(call);
		login_call_reason(call, "out of memory");
		return LOGIN_VERDICT_ERROR;
	}
	work->work.run = password_work_run;
	work->work.finish = password_work_finish;
	work->work.discard = password_work_discard;
	password_fill_tries(work, mine, user, count, password_now_s(call));
	if (login_call_submit(call, LANE_HASH, &work->work) != ERR_OK) {
		password_work_discard(&work->work);
		login_call_reason(call, "no room on the hash lane");
		return LOGIN_VERDICT_ERROR;
	}
	return LOGIN_VERDICT_PENDING;
}

static enum login_verdict password_login(struct login_call *call, void *state)
{
	const struct password_config *config = login_call_config(call);
	struct password_state *mine = state;
	struct bytes name = BYTES_NONE;
	struct bytes password = BYTES_NONE;
	struct bytes before = BYTES_NONE;
	if (!login_call_user_name(call, &name) || !login_call_password(call, &password)) {
		return password_deny(call, "no user name or no password was sent");
	}
	if (!login_name_is_sound(name) || password.len > LOGIN_PASSWORD_BYTES_MAX) {
		return password_deny(call, "user name or password cannot be one of ours");
	}
	if (config->require_same_user &&
		(!login_call_shared(call, LOGIN_SHARED_NAME, &before) || !bytes_equal(before, name))) {
		return password_deny(call, "the user name is not the one established before");
	}
	mine->user.len = 0;
	if (buf_append(&mine->user, name) != ERR_OK) {
		login_call_out_of_memory(call);
		return LOGIN_VERDICT_ERROR;
	}
	const struct login_user *user = login_users_find(mine->users, name);
	if (login_password_is_generated(password)) {
		return password_check_generated(call, mine, user, password);
	}
	return password_check_chosen(call, mine, user, password);
}

static enum login_verdict password_commit(struct login_call *call, void *state)
{
	const struct password_state *mine = state;
	if (!mine->allowed) {
		return LOGIN_VERDICT_IGNORE;
	}
	if (login_call_vouch_user(call, buf_bytes(&mine->user)) != ERR_OK ||
		login_call_vouch_password(call, buf_bytes(&mine->user), mine->credential) != ERR_OK) {
		return LOGIN_VERDICT_ERROR;
	}
	return LOGIN_VERDICT_ALLOW;
}

static enum login_verdict password_forget(struct login_call *call, void *state)
{
	struct password_state *mine = state;
	(void)call;
	mine->allowed = false;
	mine->credential = 0;
	mine->user.len = 0;
	return LOGIN_VERDICT_ALLOW;
}

static struct login_traits password_traits(const void *config)
{
	(void)config;
	return (struct login_traits){.checks_password = true, .keeps_names = true};
}

static bool password_still_allows(const void *config, struct bytes user, uint64_t credential)
{
	const struct password_config *mine = config;
	return login_users_state(mine->users, user) == LOGIN_USER_ENABLED &&
	       login_users_has_credential(mine->users, user, credential);
}

static enum login_user_state password_user_state(const void *config, struct bytes name)
{
	const struct password_config *mine = config;
	return login_users_state(mine->users, name);
}

const struct login_module login_module_password = {
	.name = "PasswordLoginModule",
	.option_names = password_options,
	.setup = password_setup,
	.teardown = password_teardown,
	.initialize = password_initialize,
	.login = password_login,
	.commit = password_commit,
	.abort = password_forget,
	.logout = password_forget,
	.release = password_release,
	.traits = password_traits,
	.still_allows = password_still_allows,
	.user_state = password_user_state,
};
