/*
 * cmd_passwd.c - `lockgate passwd`: add, replace, rotate, disable, enable, remove users.
 * Owns:    nothing beyond a run; the users file is replaced whole or not at all.
 * Never:   takes a password from an argument.
 * Threads: one; blocks.
 */
#include <string.h>

#include "base/file.h"
#include "cli/users.h"

#define DAYS_MAX    3650u
#define DAY_SECONDS INT64_C(86400)

struct passwd_kind {
	const char *command, *about;
	enum login_edit_kind kind;
	bool secret;  /* it gets a new one */
	bool keeping; /* the old one may stay for a while */
};

/* The password goes to a file of its own, or to standard output. */
static int password_hand_out(struct change *change, const char *path, const struct secret *password)
{
	struct buf line = BUF_INIT(KEYSTORE_PASSPHRASE_MAX + 2);
	int code = CLI_OK;
	if (file_check_owner(path, true) == ERR_DENIED) {
		return cli_fail("%s: others may read it; a password is not written there", path);
	}
	if (buf_reserve(&line, password->len + 2) != ERR_OK ||
		buf_append(&line, secret_bytes(password)) != ERR_OK || buf_append_u8(&line, '\n') != ERR_OK) {
		code = cli_fail("out of memory");
	} else {
		code = change_add(change, path, buf_bytes(&line), 0600);
	}
	secure_wipe(line.data, line.cap);
	buf_release(&line);
	return code;
}

struct passwd {
	const char *folder, *spec, *out, *days;
	int64_t old_until;
};

static int passwd_apply(const struct passwd_kind *kind, const struct passwd *options, const char *name)
{
	struct change change = CHANGE_NONE;
	struct secret password = SECRET_NONE;
	struct buf field = BUF_INIT(4096);
	const char *field_text = NULL;
	int lock = -1;
	int code = change_lock(options->folder, &lock);
	if (code != CLI_OK) {
		return code;
	}
	if (kind->secret) {
		code = users_secret(options->folder, name, options->spec, &password, &field);
		if (code == CLI_OK && buf_text(&field, &field_text) != ERR_OK) {
			code = cli_fail("out of memory");
		}
	}
	struct login_edit edit = {kind->kind, bytes_text(name), field_text, options->old_until};
	if (code == CLI_OK) {
		code = users_edit(&change, options->folder, &edit);
	}
	bool generated = kind->secret && options->spec == NULL;
	if (code == CLI_OK && generated && options->out != NULL) {
		code = password_hand_out(&change, options->out, &password);
	}
	if (code == CLI_OK) {
		code = change_apply(&change);
	}
	if (code == CLI_OK && generated && options->out == NULL) {
		(void)printf("%.*s\n", (int)password.len, (const char *)password.data);
	}
	change_release(&change);
	secret_free(&password);
	buf_release(&field);
	change_unlock(lock);
	return code;
}

static int passwd_run(const struct passwd_kind *kind, int argc, char **argv)
{
	struct passwd values = {0};
	struct cli_list arguments = {.count = 0};
	const struct cli_option all[] = {
		{"--dir", CLI_TEXT, &values.folder, "DIR", "the broker's data folder, where 'users' is"},
		{"--password", CLI_TEXT, &values.spec, "SPEC",
			"a chosen one: file:PATH, fd:N, env:NAME or prompt; default: generated"},
		{"--out", CLI_TEXT, &values.out, "FILE",
			"where the generated one goes (0600); default: shown"},
		{"--keep-days", CLI_TEXT, &values.days, "N", "how long the old one stays valid; default: 7"},
	};
	size_t count = kind->keeping ? 4 : kind->secret ? 3 : 1;
	const struct cli_syntax syntax = {kind->command, "NAME", kind->about, all, count, 1, 1};
	int code = CLI_OK;
	uint64_t days = 7;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	if (values.folder == NULL) {
		return cli_usage(kind->command, "--dir is missing");
	}
	if (values.spec != NULL && values.out != NULL) {
		return cli_usage(kind->command, "--out is for generated passwords");
	}
	if (values.days != NULL && !cli_number(values.days, DAYS_MAX, &days)) {
		return cli_usage(kind->command, "--keep-days wants 0 to %u, not '%s'", DAYS_MAX, values.days);
	}
	values.old_until = kind->keeping ? cli_now() + (int64_t)days * DAY_SECONDS : 0;
	return passwd_apply(kind, &values, arguments.items[0]);
}

static int cmd_add(int argc, char **argv)
{
	static const struct passwd_kind kind = {"lockgate passwd add",
		"Adds a user with a generated password, which is shown once, or with a chosen one.",
		LOGIN_EDIT_ADD, true, false};
	return passwd_run(&kind, argc, argv);
}

static int cmd_replace(int argc, char **argv)
{
	static const struct passwd_kind kind = {"lockgate passwd replace",
		"Gives a user another password; the old one is void at once, and its sessions end.",
		LOGIN_EDIT_REPLACE, true, false};
	return passwd_run(&kind, argc, argv);
}

static int cmd_rotate(int argc, char **argv)
{
	static const struct passwd_kind kind = {"lockgate passwd rotate",
		"Gives a user another password; for some days the old one is valid as well.",
		LOGIN_EDIT_ROTATE, true, true};
	return passwd_run(&kind, argc, argv);
}

static int cmd_disable(int argc, char **argv)
{
	static const struct passwd_kind kind = {"lockgate passwd disable",
		"Keeps a user out, whatever certificate or password is shown, and ends its sessions.",
		LOGIN_EDIT_DISABLE, false, false};
	return passwd_run(&kind, argc, argv);
}

static int cmd_enable(int argc, char **argv)
{
	static const struct passwd_kind kind = {
		"lockgate passwd enable", "Lets a disabled user in again.", LOGIN_EDIT_ENABLE, false, false};
	return passwd_run(&kind, argc, argv);
}

static int cmd_remove(int argc, char **argv)
{
	static const struct passwd_kind kind = {"lockgate passwd remove",
		"Takes a user out of the users file.", LOGIN_EDIT_REMOVE, false, false};
	return passwd_run(&kind, argc, argv);
}

int cmd_passwd(int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{"add", "a new user", cmd_add},
		{"replace", "another password, at once", cmd_replace},
		{"rotate", "another password; the old one is valid for some days", cmd_rotate},
		{"disable", "keep a user out", cmd_disable},
		{"enable", "let it in again", cmd_enable},
		{"remove", "forget it", cmd_remove},
	};
	return cli_dispatch("lockgate passwd",
		"The users file of a data folder. A running broker sees changes by itself.", commands,
		ARRAY_COUNT(commands), argc, argv);
}
