/*
 * store_file.c - keystores on disk.
 * Owns:    nothing beyond a call.
 * Never:   reads a file that others may write; leaves half a file behind.
 * Threads: blocking; never on a loop.
 */
#include "keystore/store.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"

/* What the operating system or the owner check said about path, as a sentence. */
static enum err file_fail(struct keystore_error *error, enum err err, const char *path, int why)
{
	struct shown shown = keystore_shown(bytes_text(path));
	switch ((int)err) {
	case ERR_NOT_FOUND: return keystore_fail(error, err, "%s: no such file", shown.text);
	case ERR_DENIED:
		return keystore_fail(error, err,
			"%s: refused, because others than you and root own it or may write to it (chmod "
			"go-w)",
			shown.text);
	case ERR_LIMIT:
		return keystore_fail(
			error, err, "%s: longer than %u bytes", shown.text, KEYSTORE_FILE_BYTES_MAX);
	case ERR_IO: return keystore_fail(error, err, "%s: %s", shown.text, keystore_errno_shown(why).text);
	default: return keystore_fail(error, err, "%s: %s", shown.text, err_name(err));
	}
}

enum err keystore_load(
	const char *path, struct bytes passphrase, struct keystore **out, struct keystore_error *error)
{
	struct buf content = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	enum err err = file_check_owner(path, false);
	if (err == ERR_OK) {
		err = file_read(path, KEYSTORE_FILE_BYTES_MAX, &content);
	}
	if (err != ERR_OK) {
		(void)file_fail(error, err, path, errno);
		goto out;
	}
	struct keystore_error inner = {0};
	err = keystore_decode(buf_bytes(&content), passphrase, out, &inner);
	if (err != ERR_OK) {
		struct shown shown = keystore_shown(bytes_text(path));
		(void)keystore_fail(error, err, "%s: %s", shown.text, inner.sentence);
	}
out:
	buf_release(&content);
	return err;
}

enum err keystore_save(const struct keystore *keystore, const char *path, struct bytes passphrase,
	struct keystore_error *error)
{
	struct buf content = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct keystore_error inner = {0};
	enum err err = keystore_encode(keystore, passphrase, &content, &inner);
	if (err != ERR_OK) {
		struct shown shown = keystore_shown(bytes_text(path));
		(void)keystore_fail(error, err, "%s: %s", shown.text, inner.sentence);
		goto out;
	}
	err = file_write_atomic(path, buf_bytes(&content), 0600);
	if (err != ERR_OK) {
		(void)file_fail(error, err, path, errno);
	}
out:
	buf_release(&content);
	return err;
}
