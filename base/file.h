/*
 * file.h - whole files, read with a limit and written so that a crash leaves the old or the new one.
 * Threads: blocking; never call on a loop.
 */
#ifndef LOCKGATE_BASE_FILE_H
#define LOCKGATE_BASE_FILE_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/secret.h"

/* Reads a regular file whole. ERR_NOT_FOUND, ERR_IO (errno kept), ERR_LIMIT when longer than max, ERR_NOMEM. */
MUST_CHECK enum err file_read(const char *path, size_t max, struct buf *out);
MUST_CHECK enum err file_read_secret(const char *path, size_t max, struct secret *out);
MUST_CHECK enum err fd_read_secret(int fd, size_t max, struct secret *out); /* to end of file */

/*
 * Temp file in the same folder + fsync + rename + directory fsync. A symlink is followed and its target replaced.
 * The old file stays whole on any error. mode is for a new file; an existing one keeps owner and mode.
 */
MUST_CHECK enum err file_write_atomic(const char *path, struct bytes content, mode_t mode);

/*
 * ERR_DENIED when path (followed through symlinks) is owned by neither root nor us, or is writable by group or
 * others; with private_only also when group or others may read it. ERR_NOT_FOUND, ERR_IO.
 */
MUST_CHECK enum err file_check_owner(const char *path, bool private_only);

/* What identifies one version of a file's content cheaply: changes on rename and on writes in place. */
struct file_stamp {
	uint64_t device, inode, size;
	int64_t mtime_ns, ctime_ns;
};
MUST_CHECK enum err file_stamp_of(const char *path, struct file_stamp *out);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

#endif
