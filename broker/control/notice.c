/*
 * notice.c - tells that a watched folder changed, so that the watch need not wait for its turn.
 * Owns:    a handle per folder.
 * Never:   is relied upon: where the system cannot tell (a network file system, no descriptors), the watch finds out by itself.
 * Threads: the control loop, but where notice.h says otherwise.
 */
#include "broker/control/notice.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include "base/list.h"

struct notices {
	struct list folders;
	struct uv_loop_s *loop;
	void (*fn)(void *ctx);
	void *ctx;
	unsigned count;
};

struct folder {
	struct list node;
	struct notices *notices; /* NULL: closing */
	uv_fs_event_t handle;
	bool wanted;
	char path[];
};

static void on_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
	struct folder *folder = handle->data;

	(void)name;
	(void)events;
	(void)status;
	if (folder->notices != NULL) {
		folder->notices->fn(folder->notices->ctx);
	}
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_folder(struct folder *folder)
{
	list_remove(&folder->node);
	folder->notices->count--;
	folder->notices = NULL;
	uv_close((uv_handle_t *)&folder->handle, on_closed);
}

enum err notices_new(struct uv_loop_s *loop, void (*fn)(void *ctx), void *ctx, struct notices **out)
{
	struct notices *notices = calloc(1, sizeof(*notices));

	*out = notices;
	if (notices == NULL) {
		return ERR_NOMEM;
	}
	*notices = (struct notices){.loop = loop, .fn = fn, .ctx = ctx};
	list_init(&notices->folders);
	return ERR_OK;
}

void notices_free(struct notices *notices)
{
	if (notices == NULL) {
		return;
	}
	while (!list_empty(&notices->folders)) {
		close_folder(CONTAINER_OF(notices->folders.next, struct folder, node));
	}
	free(notices);
}

static void add_folder(struct notices *notices, const char *path)
{
	size_t len = strlen(path);

	LIST_FOR_EACH(node, &notices->folders)
	{
		struct folder *known = CONTAINER_OF(node, struct folder, node);

		if (strcmp(known->path, path) == 0) {
			known->wanted = true;
			return;
		}
	}
	struct folder *folder =
		notices->count < NOTICE_FOLDERS_MAX ? calloc(1, sizeof(*folder) + len + 1) : NULL;

	if (folder == NULL) {
		return;
	}
	memcpy(folder->path, path, len + 1);
	if (uv_fs_event_init(notices->loop, &folder->handle) != 0) {
		free(folder);
		return;
	}
	folder->handle.data = folder;
	folder->notices = notices;
	folder->wanted = true;
	list_push_back(&notices->folders, &folder->node);
	notices->count++;
	if (uv_fs_event_start(&folder->handle, on_event, folder->path, 0) != 0) {
		close_folder(folder);
	}
}

char *notice_folder(const char *path)
{
	struct stat status;
	char *copy = strdup(path);

	if (copy == NULL || (stat(path, &status) == 0 && S_ISDIR(status.st_mode))) {
		return copy;
	}
	char *folder = strdup(dirname(copy));

	free(copy);
	return folder;
}

void notices_set(struct notices *notices, const char *const *folders, size_t count)
{
	LIST_FOR_EACH(node, &notices->folders)
	{
		CONTAINER_OF(node, struct folder, node)->wanted = false;
	}
	for (size_t i = 0; i < count; i++) {
		add_folder(notices, folders[i]);
	}
	LIST_FOR_EACH_SAFE(node, after, &notices->folders)
	{
		struct folder *folder = CONTAINER_OF(node, struct folder, node);

		if (!folder->wanted) {
			close_folder(folder);
		}
	}
}
