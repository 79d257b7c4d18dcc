/*
 * login_problem.c - what is wrong with a file, in words; and the small checks that several files here need.
 * Never:   allocates for a message; lets a byte of a file through that a terminal acts on.
 * Threads: any.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "jaas_like/login_internal.h"

#define LOGIN_SHOWN_BYTES_MAX 80

enum err login_problem_set(
	struct login_problem *problem, enum err err, unsigned line, unsigned column, const char *format, ...)
{
	va_list args;
	problem->line = line;
	problem->column = column;
	va_start(args, format);
	(void)vsnprintf(problem->message, sizeof(problem->message), format, args);
	va_end(args);
	for (char *at = problem->message; *at != '\0'; at++) {
		if (*at < 0x20 || *at > 0x7e) {
			*at = '?';
		}
	}
	return err;
}

int login_shown(struct bytes text)
{
	return text.len < LOGIN_SHOWN_BYTES_MAX ? (int)text.len : LOGIN_SHOWN_BYTES_MAX;
}

const char *login_flag_name(enum login_flag flag)
{
	switch (flag) {
	case LOGIN_REQUIRED: return "required";
	case LOGIN_REQUISITE: return "requisite";
	case LOGIN_SUFFICIENT: return "sufficient";
	case LOGIN_OPTIONAL: return "optional";
	}
	return "unknown";
}

enum err login_path_join(const char *folder, const char *path, char **out)
{
	if (folder == NULL || path[0] == '/') {
		return bytes_dup_text(bytes_text(path), out);
	}
	struct buf joined = BUF_INIT(LOGIN_WORD_BYTES_MAX * 8);
	enum err err = buf_printf(&joined, "%s/%s", folder, path);
	if (err == ERR_OK) {
		err = bytes_dup_text(buf_bytes(&joined), out);
	}
	buf_release(&joined);
	return err;
}

bool login_name_is_sound(struct bytes name)
{
	if (name.len == 0 || name.len > LOGIN_NAME_BYTES_MAX || !utf8_valid_mqtt(name)) {
		return false;
	}
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] < 0x20 || name.data[i] == 0x7f) {
			return false;
		}
	}
	return true;
}
