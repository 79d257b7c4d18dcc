/*
 * file.c - whole files, read with a limit and written so that a crash leaves the old or the new one.
 * Owns:    its descriptors and temporary names, for the call.
 * Never:   logs; truncates a file in place.
 * Threads: blocking; never on a loop.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes read at a time: a page or two, so that small secrets stay in one mapping. */
#define FILE_CHUNK_BYTES 4096

static enum err file_err(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR: return ERR_NOT_FOUND;
	case EMFILE:
	case ENFILE:
	case ENOMEM: return ERR_NOMEM;
	default: return ERR_IO;
	}
}

/* Closes without losing the errno of what went wrong before. */
static void file_close(int fd)
{
	int saved = errno;
	if (fd >= 0) {
		(void)close(fd);
	}
	errno = saved;
}

static ssize_t file_read_some(int fd, uint8_t *to, size_t n)
{
	ssize_t got = 0;
	do {
		got = read(fd, to, n);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* Opens for reading; only a regular file will do, and a FIFO must not hang us on the way to that answer. */
static enum err file_open_regular(const char *path, int *out)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		return file_err();
	}
	if (fstat(fd, &st) != 0) {
		file_close(fd);
		return ERR_IO;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)close(fd);
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return ERR_IO;
	}
	*out = fd;
	return ERR_OK;
}

enum err file_read(const char *path, size_t max, struct buf *out)
{
	int fd = -1;
	size_t start = out->len;
	enum err err = file_open_regular(path, &fd);
	if (err != ERR_OK) {
		return err;
	}
	for (;;) {
		/* One byte beyond max shows that the file is longer. */
		size_t left = max - (out->len - start);
		size_t want = left < FILE_CHUNK_BYTES ? left : FILE_CHUNK_BYTES;
		uint8_t extra = 0;
		if (want > 0) {
			err = buf_reserve(out, want);
			if (err == ERR_LIMIT && out->max > out->len) {
				want = out->max - out->len; /* the caller's own maximum is nearer */
				err = buf_reserve(out, want);
			} else if (err == ERR_LIMIT) {
				want = 0;
				err = ERR_OK;
			}
			if (err != ERR_OK) {
				break;
			}
		}
		ssize_t got = want > 0 ? file_read_some(fd, out->data + out->len, want)
				       : file_read_some(fd, &extra, 1);
		if (got < 0) {
			err = ERR_IO;
			break;
		}
		if (got == 0) {
			break;
		}
		if (want == 0) {
			err = ERR_LIMIT;
			break;
		}
		out->len += (size_t)got;
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	file_close(fd);
	return err;
}

/* Twice the room; the old mapping is wiped. */
static enum err file_grow_secret(struct secret *secret)
{
	struct secret bigger = SECRET_NONE;
	size_t len = secret->len;
	if (secret->mapped > SIZE_MAX / 2) {
		return ERR_LIMIT;
	}
	enum err err = secret_new(secret->mapped == 0 ? FILE_CHUNK_BYTES : secret->mapped * 2, &bigger);
	if (err != ERR_OK) {
		return err;
	}
	if (len > 0) {
		memcpy(bigger.data, secret->data, len);
	}
	bigger.len = len;
	secret_free(secret);
	*secret = bigger;
	return ERR_OK;
}

enum err fd_read_secret(int fd, size_t max, struct secret *out)
{
	struct secret content = SECRET_NONE;
	enum err err = file_grow_secret(&content);
	while (err == ERR_OK) {
		if (content.len == content.mapped) {
			err = file_grow_secret(&content);
			continue;
		}
		ssize_t got = file_read_some(fd, content.data + content.len, content.mapped - content.len);
		if (got < 0) {
			err = ERR_IO;
			break;
		}
		if (got == 0) {
			break;
		}
		content.len += (size_t)got;
		if (content.len > max) {
			err = ERR_LIMIT;
		}
	}
	if (err != ERR_OK) {
		int saved = errno;
		secret_free(&content);
		errno = saved;
		return err;
	}
	*out = content;
	return ERR_OK;
}

enum err file_read_secret(const char *path, size_t max, struct secret *out)
{
	int fd = -1;
	enum err err = file_open_regular(path, &fd);
	if (err == ERR_OK) {
		err = fd_read_secret(fd, max, out);
	}
	file_close(fd);
	return err;
}

static enum err file_write_all(int fd, struct bytes content)
{
	while (content.len > 0) {
		ssize_t wrote = write(fd, content.data, content.len);
		if (wrote < 0 && errno == EINTR) {
			continue;
		}
		if (wrote <= 0) {
			return ERR_IO;
		}
		content.data += wrote;
		content.len -= (size_t)wrote;
	}
	return ERR_OK;
}

/* Where path really is; *old is filled and *exists set when there is something. *out is owned by the caller. */
static enum err file_resolve(const char *path, char **out, struct stat *old, bool *exists)
{
	*exists = false;
	char *real = realpath(path, NULL);
	if (real != NULL) {
		if (stat(real, old) != 0 || !S_ISREG(old->st_mode)) {
			free(real);
			errno = errno == 0 ? EINVAL : errno;
			return ERR_IO;
		}
		*exists = true;
		*out = real;
		return ERR_OK;
	}
	if (errno != ENOENT) {
		return file_err();
	}
	/* Nothing there, or a symlink to nothing: the latter is refused, since replacing it was not asked for. */
	struct stat link;
	if (lstat(path, &link) == 0) {
		errno = ENOENT;
		return ERR_NOT_FOUND;
	}
	return bytes_dup_text(bytes_text(path), out);
}

static enum err file_sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return file_err();
	}
	enum err err = fsync(fd) == 0 ? ERR_OK : ERR_IO;
	file_close(fd);
	return err;
}

/* Content, owner and mode, on disk before the rename makes it visible. */
static enum err file_fill(int fd, struct bytes content, mode_t mode, const struct stat *old)
{
	enum err err = file_write_all(fd, content);
	if (err != ERR_OK) {
		return err;
	}
	if (old != NULL && (old->st_uid != geteuid() || old->st_gid != getegid()) &&
		fchown(fd, old->st_uid, old->st_gid) != 0) {
		return ERR_IO;
	}
	/* After fchown(), which clears set-id bits. */
	if (fchmod(fd, (old != NULL ? old->st_mode : mode) & 07777) != 0 || fsync(fd) != 0) {
		return ERR_IO;
	}
	return ERR_OK;
}

enum err file_write_atomic(const char *path, struct bytes content, mode_t mode)
{
	struct stat old = {0};
	bool exists = false;
	char *target = NULL;
	struct buf folder = BUF_INIT(PATH_MAX);
	struct buf temp = BUF_INIT(PATH_MAX);
	const char *folder_text = NULL;
	const char *temp_text = NULL;
	bool made = false;
	int fd = -1;
	errno = 0;
	enum err err = file_resolve(path, &target, &old, &exists);
	if (err != ERR_OK) {
		goto out;
	}
	const char *slash = strrchr(target, '/');
	size_t folder_len = slash == NULL ? 0 : (size_t)(slash - target) + 1;
	err = buf_append(&folder, folder_len == 0 ? bytes_text("./") : bytes_of(target, folder_len));
	if (err == ERR_OK) {
		err = buf_text(&folder, &folder_text);
	}
	if (err == ERR_OK) {
		err = buf_printf(&temp, "%s.%s.XXXXXX", folder_text, target + folder_len);
	}
	if (err == ERR_OK) {
		err = buf_text(&temp, &temp_text);
	}
	if (err != ERR_OK) {
		goto out;
	}
	fd = mkostemp((char *)temp.data, O_CLOEXEC);
	if (fd < 0) {
		err = file_err();
		goto out;
	}
	made = true;
	err = file_fill(fd, content, mode, exists ? &old : NULL);
	if (err != ERR_OK) {
		goto out;
	}
	if (rename(temp_text, target) != 0) {
		err = ERR_IO;
		goto out;
	}
	made = false;
	err = file_sync_folder(folder_text);
out:;
	int saved = errno;
	file_close(fd);
	if (made) {
		(void)unlink(temp_text);
	}
	buf_release(&temp);
	buf_release(&folder);
	free(target);
	errno = saved;
	return err;
}

enum err file_check_owner(const char *path, bool private_only)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		return file_err();
	}
	mode_t forbidden = S_IWGRP | S_IWOTH;
	if (private_only) {
		forbidden |= S_IRGRP | S_IROTH;
	}
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & forbidden) != 0) {
		return ERR_DENIED;
	}
	return ERR_OK;
}

enum err file_stamp_of(const char *path, struct file_stamp *out)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		return file_err();
	}
	*out = (struct file_stamp){
		.device = (uint64_t)st.st_dev,
		.inode = (uint64_t)st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
		.ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
	};
	return ERR_OK;
}

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}
