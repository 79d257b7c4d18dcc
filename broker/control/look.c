/*
 * look.c - looks at a keystore and its passphrase.
 * Owns:    see look.h.
 * Never:   see look.h.
 * Threads: a lane's.
 */
#include "broker/control/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keystore/keystore.h"

/* A stamp has the grain of the file system's clock: two writes within it look like one. */
#define SETTLED_MS 2000

static bool stamp_settled(const struct file_stamp *stamp, int64_t now_ms)
{
	int64_t changed_ms = stamp->ctime_ns / 1000000;

	/* A time to come says that a clock was set: never settled, and so read each time. */
	return changed_ms <= now_ms && now_ms - changed_ms >= SETTLED_MS;
}

/* The file behind the source, if it is one; "" else. */
static void source_path(const char *source, char *out, size_t size)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	int n = 0;

	out[0] = '\0';
	if (strncmp(source, "file:", 5) == 0) {
		n = snprintf(out, size, "%s", source + 5);
	} else if (strncmp(source, "cred:", 5) == 0 && folder != NULL) {
		n = snprintf(out, size, "%s/%s", folder, source + 5);
	}
	if (n < 0 || (size_t)n >= size) {
		out[0] = '\0'; /* no such path can be opened either */
	}
}

static void stamp_or_zero(const char *path, struct file_stamp *out)
{
	struct file_stamp stamp;

	memset(out, 0, sizeof(*out));
	if (path[0] != '\0' && file_stamp_of(path, &stamp) == ERR_OK) {
		*out = stamp;
	}
}

static enum err digest_of(const char *path, const char *source, uint8_t out[SHA256_BYTES])
{
	struct buf content = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct secret pass = SECRET_NONE;
	uint8_t parts[2 * SHA256_BYTES] = {0};
	enum err err = file_read(path, KEYSTORE_FILE_BYTES_MAX, &content);

	if (err == ERR_OK) {
		hash_of(HASH_SHA256, buf_bytes(&content), parts);
	}
	buf_release(&content);
	/* fd: can be read but once, and was. */
	if (err != ERR_NOMEM && strncmp(source, "fd:", 3) != 0) {
		err = keystore_passphrase_read(source, NULL, NULL, &pass, NULL);
		if (err == ERR_OK) {
			hash_of(HASH_SHA256, secret_bytes(&pass), parts + SHA256_BYTES);
		}
		secret_free(&pass);
	}
	hash_of(HASH_SHA256, bytes_of(parts, sizeof(parts)), out);
	secure_wipe(parts, sizeof(parts));
	return err == ERR_NOMEM ? err : ERR_OK;
}

enum err keystore_look(const char *path, const char *passphrase_source, int64_t now_ms,
	const struct keystore_look *before, struct keystore_look *out)
{
	char pass_path[4096];
	struct keystore_look look = {.known = true};

	source_path(passphrase_source, pass_path, sizeof(pass_path));
	/* Before the content: a write during the reading shows as a change after it. */
	stamp_or_zero(path, &look.store);
	stamp_or_zero(pass_path, &look.pass);
	look.settled = stamp_settled(&look.store, now_ms) && stamp_settled(&look.pass, now_ms);
	if (before != NULL && before->known && before->settled &&
		file_stamp_equal(&before->store, &look.store) &&
		file_stamp_equal(&before->pass, &look.pass)) {
		*out = *before;
		return ERR_OK;
	}
	enum err err = digest_of(path, passphrase_source, look.digest);

	if (err == ERR_OK) {
		*out = look;
	}
	return err;
}
