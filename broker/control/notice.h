/*
 * notice.h - a hint that something in a folder changed.
 * Owns:    what it needs of the system to be told.
 * Never:   says what changed, or that nothing did.
 * Threads: the control loop, but for notice_folder().
 */
#ifndef LOCKGATE_BROKER_CONTROL_NOTICE_H
#define LOCKGATE_BROKER_CONTROL_NOTICE_H

#include <stddef.h>

#include "base/err.h"

#define NOTICE_FOLDERS_MAX 256u /* more are left to the watch's own turn */

struct uv_loop_s;
struct notices;

/* fn is called on the loop, never from inside a call from here; often more than once for one change. ERR_NOMEM. */
MUST_CHECK enum err notices_new(
	struct uv_loop_s *loop, void (*fn)(void *ctx), void *ctx, struct notices **out);
/* Before the loop ends: handles close on it. NULL is fine. */
void notices_free(struct notices *notices);
/* From now on these folders; what cannot be watched is left out. */
void notices_set(struct notices *notices, const char *const *folders, size_t count);
/*
 * The folder that a change of path shows in: itself, or the one that holds the file. Owned by the caller; NULL: no memory. On a
 * lane: it blocks as long as the file system does.
 */
char *notice_folder(const char *path);

#endif
