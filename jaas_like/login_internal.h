/*
 * login_internal.h - what the files of this folder share; nobody else includes it.
 */
#ifndef LOCKGATE_JAAS_LIKE_LOGIN_INTERNAL_H
#define LOCKGATE_JAAS_LIKE_LOGIN_INTERNAL_H

#include "jaas_like/jaas_like.h"

/* Fills *problem; every byte that is not printable ASCII becomes '?'. Returns err, so that a refusal is one line. */
enum err login_problem_set(struct login_problem *problem, enum err err, unsigned line, unsigned column,
	const char *format, ...) PRINTF_LIKE(5, 6);
/* A name from a file for "%.*s": cut to a length that leaves room for the rest of the message. */
int login_shown(struct bytes text);

/* --- configuration as written --- */
enum login_flag { LOGIN_REQUIRED, LOGIN_REQUISITE, LOGIN_SUFFICIENT, LOGIN_OPTIONAL };
const char *login_flag_name(enum login_flag flag);

struct login_config_module {
	char *name;
	enum login_flag flag;
	struct login_option options[LOGIN_OPTIONS_MAX]; /* borrow from texts */
	size_t option_count;
	char *texts[LOGIN_OPTIONS_MAX * 2];
	size_t text_count;
	unsigned line, column;
};
struct login_config_entry {
	char *name;
	struct login_config_module *modules[LOGIN_STACK_MODULES_MAX];
	size_t module_count;
	unsigned line, column;
};
struct login_config {
	struct login_config_entry *entries[LOGIN_ENTRIES_MAX];
	size_t entry_count;
};
MUST_CHECK enum err login_config_parse(
	struct bytes text, struct login_config **out, struct login_problem *problem);
void login_config_free(struct login_config *config);

/* --- configuration as built --- */
struct login_setup_module {
	const struct login_module *ops;
	enum login_flag flag;
	void *config; /* owned, ops->teardown() */
};
struct login_setup_entry {
	const char *name; /* borrowed from the config */
	uint64_t config;  /* of what is written of it; never 0 */
	struct login_setup_module modules[LOGIN_STACK_MODULES_MAX];
	size_t module_count;
};
const struct login_setup_entry *login_setup_entry(const struct login_setup *setup, const char *name);

extern const struct login_module login_module_certificate;
extern const struct login_module login_module_password;

/* folder/path, or path if that is absolute; owned by the caller. */
MUST_CHECK enum err login_path_join(const char *folder, const char *path, char **out);
/* Printable UTF-8 of 1 to LOGIN_NAME_BYTES_MAX bytes, without controls. */
bool login_name_is_sound(struct bytes name);

/* --- secrets --- */
enum login_secret_kind { LOGIN_SECRET_HMAC, LOGIN_SECRET_ARGON2ID };
#define LOGIN_SALT_BYTES_MIN 8
#define LOGIN_SALT_BYTES_MAX 32
#define LOGIN_HASH_BYTES_MIN 16
#define LOGIN_HASH_BYTES_MAX 32

/* Highest costs that a file may ask for: a quarter of a GiB and a few seconds. */
#define LOGIN_ARGON2_KIB_MAX    262144
#define LOGIN_ARGON2_PASSES_MAX 10
#define LOGIN_ARGON2_LANES_MAX  4

struct login_secret {
	enum login_secret_kind kind;
	int64_t until_s; /* 0: no end */
	uint64_t credential;
	struct argon2_cost cost;
	uint8_t salt[LOGIN_SALT_BYTES_MAX];
	uint8_t hash[LOGIN_HASH_BYTES_MAX]; /* or the MAC */
	uint8_t salt_len;
	uint8_t hash_len;
};
/* One SECRET field of a users file; may_end: whether @SECONDS may follow. ERR_MALFORMED, ERR_INVALID (cost), ERR_NOMEM. */
MUST_CHECK enum err login_secret_parse(struct bytes field, bool may_end, struct login_secret *out);
/* MAC of a generated password under the key of the users file. */
void login_secret_mac(struct bytes key, struct bytes name, struct bytes password, uint8_t out[SHA256_BYTES]);

/* --- users --- */
#define LOGIN_USER_SECRETS_MAX 2
struct login_user {
	uint8_t *name;
	size_t name_len;
	bool enabled;
	size_t secret_count;
	struct login_secret secrets[LOGIN_USER_SECRETS_MAX];
};
/* NULL: not there. */
const struct login_user *login_users_find(const struct login_users *users, struct bytes name);
struct bytes login_users_key(const struct login_users *users);
/* How many argon2id secrets one user of the file has at most: so many are computed for every name. */
size_t login_users_argon2_count(const struct login_users *users);
/* The dearest of the file. */
struct argon2_cost login_users_argon2_cost(const struct login_users *users);

/* Sound, and can stand in a line: no colon, no '#' in front, no blank at either end. */
bool login_users_name_is_sound(struct bytes name);
/* The parts of one line of a users file. */
struct login_users_line {
	struct bytes name;
	bool skipped; /* comment or empty */
	bool enabled;
	struct bytes secrets[LOGIN_USER_SECRETS_MAX];
	size_t secret_count;
};
MUST_CHECK enum err login_users_line_parse(
	struct bytes line, unsigned number, struct login_users_line *out, struct login_problem *problem);
/* The next line, without its newline; false at the end. */
bool login_users_line_next(struct bytes *text, struct bytes *line);

#endif
