/*
 * change.c - all or nothing over several files.
 * Owns:    what the files held before, until released.
 * Never:   leaves a half-made change behind, as far as the file system lets it.
 * Threads: one; blocks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/change.h"

char *path_join(const char *folder, const char *name)
{
	size_t len = strlen(folder) + strlen(name) + 2;
	char *path = malloc(len);
	if (path != NULL) {
		(void)snprintf(path, len, "%s/%s", folder, name);
	}
	return path;
}

int change_add(struct change *change, const char *path, struct bytes content, unsigned mode)
{
	if (change->count == CHANGE_FILES_MAX) {
		return cli_fail("more than %u files in one change", CHANGE_FILES_MAX);
	}
	struct change_file *file = &change->files[change->count];
	*file = (struct change_file){.mode = mode};
	enum err err = file_read_secret(path, CHANGE_FILE_BYTES_MAX, &file->before);
	if (err != ERR_OK && err != ERR_NOT_FOUND) {
		return cli_fail("%s: %s", path, err == ERR_IO ? strerrordesc_np(errno) : err_name(err));
	}
	file->existed = err == ERR_OK;
	file->path = strdup(path);
	err = file->path == NULL ? ERR_NOMEM : secret_copy(content, &file->content);
	if (err != ERR_OK) {
		secret_free(&file->before);
		free(file->path);
		return cli_fail("%s: %s", path, err_name(err));
	}
	change->count++;
	return CLI_OK;
}

int change_folder(struct change *change, const char *path)
{
	struct stat status;
	if (lstat(path, &status) == 0) {
		return cli_fail("%s: is there already", path);
	}
	change->folder = strdup(path);
	return change->folder != NULL ? CLI_OK : cli_fail("out of memory");
}

/* The way back, last first. What cannot be put back is said. */
static void change_undo(struct change *change)
{
	for (size_t i = change->count; i > 0; i--) {
		struct change_file *file = &change->files[i - 1];
		if (!file->written) {
			continue;
		}
		file->written = false;
		bool undone = file->existed ? file_write_atomic(file->path, secret_bytes(&file->before),
						      (mode_t)file->mode) == ERR_OK
					    : unlink(file->path) == 0;
		if (!undone) {
			(void)cli_fail("%s: could not be put back as it was", file->path);
		}
	}
	if (change->folder != NULL && change->folder_made && rmdir(change->folder) == 0) {
		change->folder_made = false;
	}
}

int change_apply(struct change *change)
{
	int code = CLI_OK;
	if (change->folder != NULL) {
		if (mkdir(change->folder, 0700) != 0) {
			return cli_fail("%s: %s", change->folder, strerrordesc_np(errno));
		}
		change->folder_made = true;
	}
	for (size_t i = 0; i < change->count && code == CLI_OK; i++) {
		struct change_file *file = &change->files[i];
		code = cli_write(file->path, secret_bytes(&file->content), file->mode);
		file->written = code == CLI_OK;
	}
	if (code != CLI_OK) {
		change_undo(change);
	}
	return code;
}

void change_release(struct change *change)
{
	for (size_t i = 0; i < change->count; i++) {
		secret_free(&change->files[i].content);
		secret_free(&change->files[i].before);
		free(change->files[i].path);
	}
	free(change->folder);
	*change = CHANGE_NONE;
}

int change_lock(const char *folder, int *fd)
{
	char *path = path_join(folder, ".lockgate-change");
	if (path == NULL) {
		return cli_fail("out of memory");
	}
	int code = CLI_OK;
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0) {
		code = cli_fail("%s: %s", path, strerrordesc_np(errno));
	} else if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
		(void)close(lock);
		code = cli_fail("%s: somebody else is changing this folder just now", folder);
	} else {
		*fd = lock;
	}
	free(path);
	return code;
}

void change_unlock(int fd)
{
	if (fd >= 0) {
		(void)close(fd);
	}
}
