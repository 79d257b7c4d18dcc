/*
 * login_users_edit.c - changes one user of a users file and leaves every other line as it was.
 * Never:   writes a file (the caller does, whole); edits a text that does not parse, or into one that does not.
 * Threads: any; pure.
 */
#include "jaas_like/login_internal.h"

static enum err edit_append_line(struct buf *out, struct bytes line)
{
	enum err err = buf_append(out, line);
	return err == ERR_OK ? buf_append_u8(out, '\n') : err;
}

static bool edit_has_new_secret(const struct login_edit *edit)
{
	return edit->kind == LOGIN_EDIT_ADD || edit->kind == LOGIN_EDIT_REPLACE ||
	       edit->kind == LOGIN_EDIT_ROTATE;
}

/* The part of a secret before its end. */
static struct bytes edit_without_end(struct bytes secret)
{
	for (size_t i = 0; i < secret.len; i++) {
		if (secret.data[i] == '@') {
			secret.len = i;
		}
	}
	return secret;
}

/* name:state:secret[:old] of the user as it is to be; line is as it was, or all zero for a new one. */
static enum err edit_line(const struct login_edit *edit, const struct login_users_line *line, struct buf *out)
{
	bool enabled = edit->kind == LOGIN_EDIT_ADD || edit->kind == LOGIN_EDIT_ENABLE ||
		       (edit->kind != LOGIN_EDIT_DISABLE && line->enabled);
	enum err err = buf_append(out, edit->name);
	if (err == ERR_OK) {
		err = buf_append_text(out, enabled ? ":enabled" : ":disabled");
	}
	if (err == ERR_OK && edit_has_new_secret(edit)) {
		err = buf_printf(out, ":%s", edit->secret);
	}
	size_t keep = edit_has_new_secret(edit) ? 0 : line->secret_count;
	for (size_t i = 0; i < keep && err == ERR_OK; i++) {
		err = buf_append_u8(out, ':');
		if (err == ERR_OK) {
			err = buf_append(out, line->secrets[i]);
		}
	}
	if (err == ERR_OK && edit->kind == LOGIN_EDIT_ROTATE) {
		err = buf_append_u8(out, ':');
		if (err == ERR_OK) {
			err = buf_append(out, edit_without_end(line->secrets[0]));
		}
		if (err == ERR_OK && edit->old_until_s > 0) {
			err = buf_printf(out, "@%lld", (long long)edit->old_until_s);
		}
	}
	return err == ERR_OK ? buf_append_u8(out, '\n') : err;
}

static enum err edit_check(const struct login_edit *edit, struct login_problem *problem)
{
	struct login_secret secret;
	/* A colon or a leading '#' would be read back as something else. */
	if (!login_users_name_is_sound(edit->name)) {
		return login_problem_set(problem, ERR_INVALID, 0, 0, "this cannot be a user's name");
	}
	if (edit->old_until_s < 0) {
		return login_problem_set(problem, ERR_INVALID, 0, 0, "the old secret would end before 1970");
	}
	if (edit_has_new_secret(edit) && (edit->secret == NULL || login_secret_parse(bytes_text(edit->secret),
									  false, &secret) != ERR_OK)) {
		return login_problem_set(problem, ERR_INVALID, 0, 0, "the new secret is not one of ours");
	}
	return ERR_OK;
}

static enum err edit_apply(
	struct bytes text, const struct login_edit *edit, struct buf *out, struct login_problem *problem)
{
	struct bytes line;
	unsigned number = 0;
	bool found = false;
	enum err err = ERR_OK;
	while (err == ERR_OK && login_users_line_next(&text, &line)) {
		struct login_users_line parsed = {0};
		err = login_users_line_parse(line, ++number, &parsed, problem);
		if (err != ERR_OK) {
			return err;
		}
		if (parsed.skipped || !bytes_equal(parsed.name, edit->name)) {
			err = edit_append_line(out, line);
			continue;
		}
		found = true;
		if (edit->kind == LOGIN_EDIT_ADD) {
			return login_problem_set(problem, ERR_EXISTS, number, 1,
				"user '%.*s' is there already", login_shown(edit->name),
				(const char *)edit->name.data);
		}
		if (edit->kind != LOGIN_EDIT_REMOVE) {
			err = edit_line(edit, &parsed, out);
		}
	}
	if (err == ERR_OK && !found && edit->kind != LOGIN_EDIT_ADD) {
		return login_problem_set(problem, ERR_NOT_FOUND, 0, 0, "there is no user '%.*s'",
			login_shown(edit->name), (const char *)edit->name.data);
	}
	if (err == ERR_OK && edit->kind == LOGIN_EDIT_ADD) {
		struct login_users_line none = {0};
		err = edit_line(edit, &none, out);
	}
	if (err != ERR_OK) {
		return login_problem_set(problem, err, 0, 0,
			err == ERR_LIMIT ? "the file would be too long" : "out of memory");
	}
	return ERR_OK;
}

enum err login_users_edit(
	struct bytes text, const struct login_edit *edit, struct buf *out, struct login_problem *problem)
{
	size_t start = out->len;
	struct login_users *check = NULL;
	enum err err = edit_check(edit, problem);
	if (err == ERR_OK) {
		err = login_users_parse(text, &check, problem);
	}
	if (err == ERR_OK) {
		login_users_unref(check);
		check = NULL;
		err = edit_apply(text, edit, out, problem);
	}
	if (err == ERR_OK) {
		/* Nothing may be left, and then there is no data to point into. */
		struct bytes after =
			out->len == start ? BYTES_NONE : bytes_of(out->data + start, out->len - start);
		err = login_users_parse(after, &check, problem);
	}
	login_users_unref(check);
	if (err != ERR_OK) {
		out->len = start;
	}
	return err;
}
