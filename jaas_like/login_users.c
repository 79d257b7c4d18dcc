/*
 * login_users.c - the users file as an immutable snapshot: strict parser, look-up by name.
 * Owns:    the users and the key of a snapshot.
 * Never:   keeps half a file; a snapshot never changes once it is handed out.
 * Threads: parsing any; loading blocks; a snapshot is shared by all loops and counted atomically.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/map.h"
#include "jaas_like/login_internal.h"

#define LOGIN_USERS_LINE_BYTES_MAX 2048

struct login_users {
	atomic_uint refs;
	struct map *by_name;
	struct login_user **users;
	size_t count;
	size_t cap;
	struct secret key;
	bool has_key;
	unsigned hmac_line; /* first line with such a secret; 0: none */
	size_t argon2_count;
	struct argon2_cost argon2_cost;
};

static void users_free(struct login_users *users)
{
	if (users == NULL) {
		return;
	}
	for (size_t i = 0; i < users->count; i++) {
		secure_wipe(users->users[i]->secrets, sizeof(users->users[i]->secrets));
		free(users->users[i]->name);
		free(users->users[i]);
	}
	free(users->users);
	map_free(users->by_name);
	secret_free(&users->key);
	free(users);
}

void login_users_ref(struct login_users *users)
{
	(void)atomic_fetch_add(&users->refs, 1);
}

void login_users_unref(struct login_users *users)
{
	if (users != NULL && atomic_fetch_sub(&users->refs, 1) == 1) {
		users_free(users);
	}
}

bool login_users_line_next(struct bytes *text, struct bytes *line)
{
	if (text->len == 0) {
		return false;
	}
	const uint8_t *end = memchr(text->data, '\n', text->len);
	size_t len = end == NULL ? text->len : (size_t)(end - text->data);
	*line = bytes_of(text->data, len);
	size_t drop = end == NULL ? len : len + 1;
	text->data += drop;
	text->len -= drop;
	return true;
}

/* All up to the next colon, which is dropped; *last says that there was none. */
static struct bytes users_field(struct bytes *line, bool *last)
{
	const uint8_t *colon = line->len == 0 ? NULL : memchr(line->data, ':', line->len);
	size_t len = colon == NULL ? line->len : (size_t)(colon - line->data);
	struct bytes field = bytes_of(line->data, len);
	*last = colon == NULL;
	if (colon != NULL) {
		line->data += len + 1;
		line->len -= len + 1;
	} else {
		*line = BYTES_NONE;
	}
	return field;
}

bool login_users_name_is_sound(struct bytes name)
{
	return login_name_is_sound(name) && memchr(name.data, ':', name.len) == NULL && name.data[0] != '#' &&
	       name.data[0] != ' ' && name.data[name.len - 1] != ' ';
}

enum err login_users_line_parse(
	struct bytes line, unsigned number, struct login_users_line *out, struct login_problem *problem)
{
	struct login_users_line parsed = {0};
	bool last = false;
	if (line.len > LOGIN_USERS_LINE_BYTES_MAX) {
		return login_problem_set(problem, ERR_LIMIT, number, 0, "the line is longer than %d bytes",
			LOGIN_USERS_LINE_BYTES_MAX);
	}
	if (line.len == 0 || line.data[0] == '#') {
		parsed.skipped = true;
		*out = parsed;
		return ERR_OK;
	}
	parsed.name = users_field(&line, &last);
	if (!login_users_name_is_sound(parsed.name)) {
		return login_problem_set(problem, ERR_MALFORMED, number, 1,
			"the name is empty, too long, or begins or ends with a blank");
	}
	struct bytes state = last ? BYTES_NONE : users_field(&line, &last);
	parsed.enabled = bytes_equal_text(state, "enabled");
	if (!parsed.enabled && !bytes_equal_text(state, "disabled")) {
		return login_problem_set(problem, ERR_MALFORMED, number, (unsigned)parsed.name.len + 2,
			"behind the name stands enabled or disabled");
	}
	while (!last) {
		if (parsed.secret_count >= LOGIN_USER_SECRETS_MAX) {
			return login_problem_set(problem, ERR_MALFORMED, number, 0,
				"user '%.*s' has more than %d secrets", login_shown(parsed.name),
				(const char *)parsed.name.data, LOGIN_USER_SECRETS_MAX);
		}
		parsed.secrets[parsed.secret_count++] = users_field(&line, &last);
	}
	if (parsed.secret_count == 0) {
		return login_problem_set(problem, ERR_MALFORMED, number, 0, "user '%.*s' has no secret",
			login_shown(parsed.name), (const char *)parsed.name.data);
	}
	*out = parsed;
	return ERR_OK;
}

static enum err users_secret(struct login_users *users, const struct login_users_line *line, unsigned number,
	struct login_user *user, struct login_problem *problem)
{
	size_t argon2 = 0;
	for (size_t i = 0; i < line->secret_count; i++) {
		struct login_secret *secret = &user->secrets[i];
		enum err err = login_secret_parse(line->secrets[i], i > 0, secret);
		if (err == ERR_NOMEM) {
			return login_problem_set(problem, err, number, 0, "out of memory");
		}
		if (err != ERR_OK) {
			return login_problem_set(problem, err, number, 0,
				err == ERR_INVALID
					? "secret %zu of '%.*s' asks for too high or too low a cost"
					: "secret %zu of '%.*s' is not one of ours",
				i + 1, login_shown(line->name), (const char *)line->name.data);
		}
		user->secret_count++;
		if (secret->kind == LOGIN_SECRET_HMAC) {
			users->hmac_line = users->hmac_line == 0 ? number : users->hmac_line;
			continue;
		}
		argon2++;
		uint64_t cost = (uint64_t)secret->cost.memory_kib * secret->cost.passes;
		if (cost > (uint64_t)users->argon2_cost.memory_kib * users->argon2_cost.passes) {
			users->argon2_cost = secret->cost;
		}
	}
	users->argon2_count = argon2 > users->argon2_count ? argon2 : users->argon2_count;
	return ERR_OK;
}

static enum err users_grow(struct login_users *users)
{
	if (users->count < users->cap) {
		return ERR_OK;
	}
	size_t cap = users->cap == 0 ? 64 : users->cap * 2;
	struct login_user **grown = realloc(users->users, cap * sizeof(*grown));
	if (grown == NULL) {
		return ERR_NOMEM;
	}
	users->users = grown;
	users->cap = cap;
	return ERR_OK;
}

static enum err users_add(struct login_users *users, const struct login_users_line *line, unsigned number,
	struct login_problem *problem)
{
	if (map_get(users->by_name, line->name) != NULL) {
		return login_problem_set(problem, ERR_MALFORMED, number, 1, "user '%.*s' is there twice",
			login_shown(line->name), (const char *)line->name.data);
	}
	if (users->count >= LOGIN_USERS_MAX) {
		return login_problem_set(
			problem, ERR_LIMIT, number, 0, "more than %d users", LOGIN_USERS_MAX);
	}
	enum err err = users_grow(users);
	struct login_user *user = err == ERR_OK ? calloc(1, sizeof(*user)) : NULL;
	if (user == NULL) {
		return login_problem_set(problem, ERR_NOMEM, number, 0, "out of memory");
	}
	users->users[users->count++] = user; /* owned from here on */
	user->enabled = line->enabled;
	user->name_len = line->name.len;
	err = bytes_dup(line->name, &user->name);
	if (err == ERR_OK) {
		err = map_put(users->by_name, line->name, user, NULL);
	}
	if (err != ERR_OK) {
		return login_problem_set(problem, err, number, 0, "out of memory");
	}
	return users_secret(users, line, number, user, problem);
}

enum err login_users_parse(struct bytes text, struct login_users **out, struct login_problem *problem)
{
	unsigned number = 0;
	struct bytes line;
	if (text.len > LOGIN_USERS_BYTES_MAX) {
		return login_problem_set(
			problem, ERR_LIMIT, 0, 0, "longer than %u bytes", LOGIN_USERS_BYTES_MAX);
	}
	struct login_users *users = calloc(1, sizeof(*users));
	if (users == NULL) {
		return login_problem_set(problem, ERR_NOMEM, 0, 0, "out of memory");
	}
	atomic_init(&users->refs, 1);
	enum err err = map_new(&users->by_name);
	if (err != ERR_OK) {
		(void)login_problem_set(problem, err, 0, 0, "out of memory");
	}
	while (err == ERR_OK && login_users_line_next(&text, &line)) {
		struct login_users_line parsed = {0};
		err = login_users_line_parse(line, ++number, &parsed, problem);
		if (err == ERR_OK && !parsed.skipped) {
			err = users_add(users, &parsed, number, problem);
		}
	}
	if (err != ERR_OK) {
		users_free(users);
		return err;
	}
	*out = users;
	return ERR_OK;
}

/* The key; only a file without a generated secret can do without. */
static enum err users_load_key(
	struct login_users *users, const struct login_users_options *options, struct login_problem *problem)
{
	if (options->key_path == NULL) {
		if (users->hmac_line == 0) {
			return ERR_OK;
		}
		return login_problem_set(problem, ERR_INVALID, users->hmac_line, 0,
			"a generated secret needs a key file, and none is named");
	}
	enum err err = login_key_load(options->key_path, options->insecure_any_owner, &users->key);
	if (err == ERR_NOT_FOUND && users->hmac_line == 0) {
		return ERR_OK; /* made with the first generated secret */
	}
	if (err != ERR_OK) {
		return login_problem_set(problem, err, 0, 0, "key file '%.*s': %s",
			login_shown(bytes_text(options->key_path)), options->key_path,
			err == ERR_DENIED ? "not ours alone (owner or mode)" : err_name(err));
	}
	users->has_key = true;
	return ERR_OK;
}

enum err login_users_load(
	const struct login_users_options *options, struct login_users **out, struct login_problem *problem)
{
	struct buf text = BUF_INIT(LOGIN_USERS_BYTES_MAX);
	struct login_users *users = NULL;
	enum err err = options->insecure_any_owner ? ERR_OK : file_check_owner(options->path, false);
	if (err == ERR_OK) {
		err = file_read(options->path, LOGIN_USERS_BYTES_MAX, &text);
	}
	if (err != ERR_OK) {
		(void)login_problem_set(problem, err, 0, 0, "users file '%.*s': %s",
			login_shown(bytes_text(options->path)), options->path,
			err == ERR_DENIED ? "writable by others than us (owner or mode)" : err_name(err));
		goto out;
	}
	err = login_users_parse(buf_bytes(&text), &users, problem);
	if (err == ERR_OK) {
		err = users_load_key(users, options, problem);
	}
	if (err == ERR_OK) {
		*out = users;
		users = NULL; /* moved to the caller */
	}
out:
	users_free(users);
	if (text.data != NULL) {
		secure_wipe(text.data, text.len);
	}
	buf_release(&text);
	return err;
}

size_t login_users_count(const struct login_users *users)
{
	return users->count;
}

const struct login_user *login_users_find(const struct login_users *users, struct bytes name)
{
	return map_get(users->by_name, name);
}

struct bytes login_users_key(const struct login_users *users)
{
	return secret_bytes(&users->key);
}

size_t login_users_argon2_count(const struct login_users *users)
{
	return users->argon2_count;
}

struct argon2_cost login_users_argon2_cost(const struct login_users *users)
{
	return users->argon2_cost;
}

enum login_user_state login_users_state(const struct login_users *users, struct bytes name)
{
	const struct login_user *user = login_users_find(users, name);
	if (user == NULL) {
		return LOGIN_USER_ABSENT;
	}
	return user->enabled ? LOGIN_USER_ENABLED : LOGIN_USER_DISABLED;
}

bool login_users_has_credential(const struct login_users *users, struct bytes name, uint64_t credential)
{
	const struct login_user *user = login_users_find(users, name);
	for (size_t i = 0; user != NULL && i < user->secret_count; i++) {
		if (user->secrets[i].credential == credential) {
			return true;
		}
	}
	return false;
}
