/*
 * passphrase.c - where a passphrase comes from: never from an argument.
 * Owns:    nothing beyond a call; what was read is wiped but for the line that is handed out.
 * Never:   accepts a literal; puts a passphrase into a sentence.
 * Threads: blocking; never on a loop.
 */
#include "keystore/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/wire.h"

/* The passphrase, its line end, and what may stand on further lines. */
#define PASSPHRASE_SOURCE_MAX ((size_t)KEYSTORE_PASSPHRASE_MAX + 4096)
#define FD_MAX                1048576ul

/* Everything up to the first line end; a carriage return before it belongs to the end. */
static enum err first_line(const struct secret *content, struct secret *out, struct keystore_error *error)
{
	struct bytes line = secret_bytes(content);
	const uint8_t *end = line.len > 0 ? memchr(line.data, '\n', line.len) : NULL;
	if (end != NULL) {
		line.len = (size_t)(end - line.data);
	}
	struct wire_reader last = wire_reader_init(line);
	uint8_t octet = 0;
	if (line.len > 0 && wire_skip(&last, line.len - 1) == ERR_OK &&
		wire_get_u8(&last, &octet) == ERR_OK && octet == '\r') {
		line.len--;
	}
	if (line.len > KEYSTORE_PASSPHRASE_MAX) {
		return keystore_fail(
			error, ERR_LIMIT, "the passphrase is longer than %u bytes", KEYSTORE_PASSPHRASE_MAX);
	}
	if (line.len == 0) {
		return keystore_fail(error, ERR_INVALID, "the passphrase is empty");
	}
	enum err err = secret_copy(line, out);
	return err == ERR_OK ? ERR_OK : keystore_fail_plain(error, err, "the passphrase cannot be kept");
}

static enum err from_file(
	const char *path, bool private_only, struct secret *out, struct keystore_error *error)
{
	struct secret content = SECRET_NONE;
	struct shown shown = keystore_shown(bytes_text(path));
	enum err err = file_check_owner(path, private_only);
	if (err == ERR_DENIED) {
		return keystore_fail(error, err,
			"passphrase file %s: refused, because others may read or write it (chmod 600)",
			shown.text);
	}
	if (err == ERR_OK) {
		err = file_read_secret(path, PASSPHRASE_SOURCE_MAX, &content);
	}
	if (err != ERR_OK) {
		struct shown why = keystore_errno_shown(errno);
		return keystore_fail(error, err, "passphrase file %s: %s", shown.text,
			err == ERR_NOT_FOUND ? "no such file"
			: err == ERR_IO      ? why.text
					     : err_name(err));
	}
	err = first_line(&content, out, error);
	secret_free(&content);
	return err;
}

static enum err from_fd(const char *number, struct secret *out, struct keystore_error *error)
{
	char *end = NULL;
	errno = 0;
	unsigned long fd = strtoul(number, &end, 10);
	if (number[0] < '0' || number[0] > '9' || *end != '\0' || errno != 0 || fd > FD_MAX) {
		return keystore_fail(error, ERR_INVALID, "fd: wants the number of an open descriptor");
	}
	struct secret content = SECRET_NONE;
	enum err err = fd_read_secret((int)fd, PASSPHRASE_SOURCE_MAX, &content);
	if (err != ERR_OK) {
		return keystore_fail(error, err, "passphrase from descriptor %lu: %s", fd,
			err == ERR_IO ? keystore_errno_shown(errno).text : err_name(err));
	}
	if (content.len == 0) {
		secret_free(&content);
		return keystore_fail(error, ERR_INVALID,
			"passphrase from descriptor %lu: nothing is in it; a descriptor can be read only "
			"once",
			fd);
	}
	err = first_line(&content, out, error);
	secret_free(&content);
	return err;
}

static enum err from_env(const char *name, struct secret *out, struct keystore_error *error)
{
	struct shown shown = keystore_shown(bytes_text(name));
	const char *value = getenv(name);
	if (name[0] == '\0' || value == NULL) {
		return keystore_fail(
			error, ERR_NOT_FOUND, "the environment variable '%s' is not set", shown.text);
	}
	struct secret content = SECRET_NONE;
	enum err err = secret_copy(bytes_text(value), &content);
	if (err != ERR_OK) {
		return keystore_fail_plain(error, err, "the passphrase cannot be kept");
	}
	err = first_line(&content, out, error);
	secret_free(&content);
	return err;
}

/* systemd's LoadCredential: a file in a folder of its own. The name is one path component. */
static enum err from_credential(const char *name, struct secret *out, struct keystore_error *error)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	struct shown shown = keystore_shown(bytes_text(name));
	if (folder == NULL || folder[0] == '\0') {
		return keystore_fail(error, ERR_NOT_FOUND,
			"cred:%s needs $CREDENTIALS_DIRECTORY, which is not set", shown.text);
	}
	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
		return keystore_fail(error, ERR_INVALID, "cred: wants the plain name of a credential");
	}
	struct buf path = BUF_INIT(4096);
	const char *text = NULL;
	enum err err = buf_printf(&path, "%s/%s", folder, name);
	if (err == ERR_OK && (err = buf_text(&path, &text)) == ERR_OK) {
		/* systemd may let the service read it by an ACL, whose mask shows as the group's bits; the folder is private. */
		err = from_file(text, false, out, error);
	} else {
		(void)keystore_fail_plain(error, err, "the credential's path cannot be made");
	}
	buf_release(&path);
	return err;
}

static const char *after(const char *spec, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(spec, prefix, len) == 0 ? spec + len : NULL;
}

enum err keystore_passphrase_read(const char *spec, keystore_prompt_fn prompt, void *ctx, struct secret *out,
	struct keystore_error *error)
{
	const char *value = NULL;
	if (spec == NULL || strcmp(spec, "prompt") == 0) {
		enum err err = prompt != NULL ? prompt("Keystore passphrase: ", out, ctx) : ERR_UNSUPPORTED;
		return err == ERR_OK ? ERR_OK
				     : keystore_fail(error, err,
					       "no passphrase: give file:PATH, fd:N, env:NAME or cred:NAME, "
					       "or run at a "
					       "terminal");
	}
	if ((value = after(spec, "file:")) != NULL) {
		return from_file(value, true, out, error);
	}
	if ((value = after(spec, "fd:")) != NULL) {
		return from_fd(value, out, error);
	}
	if ((value = after(spec, "env:")) != NULL) {
		return from_env(value, out, error);
	}
	if ((value = after(spec, "cred:")) != NULL) {
		return from_credential(value, out, error);
	}
	/* spec itself is not shown: it may be a passphrase typed in the wrong place. */
	return keystore_fail(error, ERR_INVALID,
		"a passphrase is not given as an argument: use file:PATH, fd:N, env:NAME, cred:NAME or "
		"prompt");
}
