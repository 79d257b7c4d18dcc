/*
 * change.h - several files that change together or not at all, and the lock that keeps two such changes apart.
 */
#ifndef LOCKGATE_CLI_CHANGE_H
#define LOCKGATE_CLI_CHANGE_H

#include "cli/cli.h"

#define CHANGE_FILES_MAX      16u
#define CHANGE_FILE_BYTES_MAX (64u * 1024u * 1024u)

struct change_file {
	char *path;
	struct secret content; /* what it will be; may hold secrets */
	unsigned mode;         /* for a file that is not there yet */
	bool existed;
	struct secret before; /* what it was */
	bool written;
};
/* Start with CHANGE_NONE. */
struct change {
	struct change_file files[CHANGE_FILES_MAX];
	size_t count;
	char *folder; /* made by change_folder() */
	bool folder_made;
};
#define CHANGE_NONE ((struct change){.count = 0})

/* All say why not, and return CLI_OK or an exit code. */
/* Notes that path shall hold content (copied). What it holds now is read here, for the way back. */
int change_add(struct change *change, const char *path, struct bytes content, unsigned mode);
/* A folder that must not be there yet, made first and removed on the way back. */
int change_folder(struct change *change, const char *path);
/* Writes everything. On failure everything is as before. */
int change_apply(struct change *change);
void change_release(struct change *change); /* wipes */

/* An exclusive lock on folder/.lockgate-change, until unlocked. Waits for nobody. */
int change_lock(const char *folder, int *fd);
void change_unlock(int fd);

/* folder/name as an owned string; NULL: out of memory. */
char *path_join(const char *folder, const char *name);

#endif
