/*
 * users.c - secrets are made, hashed and put into the users file's new text.
 * Owns:    nothing beyond a call.
 * Never:   writes the users file itself: it joins a change.
 * Threads: one; blocks while hashing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/users.h"

#define NAME_BYTES_MAX 64u

bool users_name_plain(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);
	return len > 0 && len <= NAME_BYTES_MAX && strspn(name, allowed) == len && name[0] != '.' &&
	       name[0] != '-';
}

static int generated_secret(const char *folder, const char *name, struct secret *password, struct buf *field)
{
	struct secret key = SECRET_NONE;
	char *path = path_join(folder, "login.key");
	enum err err = path == NULL ? ERR_NOMEM : login_key_make(path, &key);
	if (err == ERR_OK && (err = login_password_generate(password)) == ERR_OK) {
		err = login_secret_hmac(secret_bytes(&key), bytes_text(name), secret_bytes(password), field);
	}
	int code = err == ERR_OK
			   ? CLI_OK
			   : cli_fail("%s: the login key cannot be used: %s", path != NULL ? path : folder,
				     err == ERR_DENIED ? "others may read it (chmod 600)" : err_name(err));
	secret_free(&key);
	free(path);
	return code;
}

static int chosen_secret(const char *spec, struct secret *password, struct buf *field)
{
	int code = cli_passphrase(spec, "New password", true, password);
	if (code != CLI_OK) {
		return code;
	}
	enum err err = login_secret_argon2id(NULL, secret_bytes(password), field);
	return err == ERR_OK        ? CLI_OK
	       : err == ERR_INVALID ? cli_fail("this password cannot be used: too short, too long, or it "
					       "looks like a generated one")
				    : cli_fail("the password cannot be hashed: %s", err_name(err));
}

int users_secret(
	const char *folder, const char *name, const char *spec, struct secret *password, struct buf *field)
{
	int code = spec == NULL ? generated_secret(folder, name, password, field)
				: chosen_secret(spec, password, field);
	if (code != CLI_OK) {
		secret_free(password);
	}
	return code;
}

int users_edit(struct change *change, const char *folder, const struct login_edit *edit)
{
	struct buf before = BUF_INIT(LOGIN_USERS_BYTES_MAX);
	struct buf after = BUF_INIT(LOGIN_USERS_BYTES_MAX);
	struct login_problem problem = {0};
	char *path = path_join(folder, "users");
	if (path == NULL) {
		return cli_fail("out of memory");
	}
	int code = CLI_OK;
	enum err err = file_check_owner(path, true);
	if (err == ERR_DENIED) {
		code = cli_fail("%s: refused, because others may read or write it (chmod 600)", path);
	} else if (err != ERR_NOT_FOUND) {
		code = cli_read(path, LOGIN_USERS_BYTES_MAX, &before);
	}
	if (code == CLI_OK) {
		err = login_users_edit(buf_bytes(&before), edit, &after, &problem);
		if (err == ERR_EXISTS) {
			code = cli_fail("%s: there is already a user '%.*s'", path, (int)edit->name.len,
				(const char *)edit->name.data);
		} else if (err == ERR_NOT_FOUND) {
			code = cli_fail("%s: there is no user '%.*s'", path, (int)edit->name.len,
				(const char *)edit->name.data);
		} else if (err != ERR_OK) {
			code = cli_fail("%s:%u:%u: %s", path, problem.line, problem.column,
				problem.message[0] != '\0' ? problem.message : err_name(err));
		}
	}
	if (code == CLI_OK) {
		code = change_add(change, path, buf_bytes(&after), 0600);
	}
	buf_release(&before);
	buf_release(&after);
	free(path);
	return code;
}
