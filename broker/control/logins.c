/*
 * logins.c - the login configuration and users as a part of the world.
 * Owns:    nothing.
 * Never:   changes one that is published.
 * Threads: loading blocks: a lane's; the rest any.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "broker/control/control.h"
#include "jaas_like/jaas_like.h"

static enum err say_problem(struct buf *out, const char *path, const struct login_problem *problem)
{
	return buf_printf(out, "%s:%u:%u: %s", path, problem->line, problem->column, problem->message);
}

/* The folder that relative file names in the configuration start from. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL) {
		return strdup(".");
	}
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static enum err load_text(const char *path, struct buf *content, struct buf *why)
{
	enum err err = file_check_owner(path, false);

	if (err == ERR_OK) {
		err = file_read(path, LOGIN_CONFIG_BYTES_MAX, content);
	}
	if (err != ERR_OK && err != ERR_NOT_FOUND) {
		enum err said = buf_printf(why, "login configuration %s: %s", path,
			err == ERR_DENIED ? "its owner or mode would let others change it" : err_name(err));
		(void)said;
	}
	return err;
}

/* The file itself is watched as those that its modules read are; true: it changed while it was read. */
static enum err watch_config(struct login_setup *setup, const char *path, const struct file_stamp *before)
{
	struct file_stamp now;
	enum err err = login_setup_watch(setup, path);

	if (err == ERR_OK) {
		err = file_stamp_of(path, &now);
	}
	return err == ERR_OK && !file_stamp_equal(before, &now) ? ERR_AGAIN : err;
}

static enum err load_once(const char *config_path, bool explicit_path, struct login_setup **out,
	struct buf *why, struct buf *warnings)
{
	struct file_stamp stamp;
	struct buf content = BUF_INIT(LOGIN_CONFIG_BYTES_MAX);
	struct login_problem problem = {0};
	struct login_setup *setup = NULL;
	char *folder = NULL;
	enum err err = file_stamp_of(config_path, &stamp);

	if (err == ERR_OK) {
		err = load_text(config_path, &content, why);
	}

	*out = NULL;
	if (err == ERR_NOT_FOUND && !explicit_path) {
		buf_release(&content);
		return ERR_OK;
	}
	if (err == ERR_NOT_FOUND) {
		enum err said = buf_printf(why, "login configuration %s: it is not there", config_path);
		(void)said;
	}
	if (err == ERR_OK) {
		folder = folder_of(config_path);
		err = folder == NULL ? ERR_NOMEM : ERR_OK;
	}
	if (err == ERR_OK) {
		struct login_setup_options options = {.config = buf_bytes(&content), .folder = folder};

		err = login_setup_load(&options, &setup, &problem);
		if (err != ERR_OK) {
			enum err said = say_problem(why, config_path, &problem);
			(void)said;
		}
	}
	if (err == ERR_OK) {
		err = watch_config(setup, config_path, &stamp);
	}
	for (size_t i = 0; err == ERR_OK && i < login_setup_warning_count(setup); i++) {
		err = say_problem(warnings, config_path, login_setup_warning(setup, i));
		if (err == ERR_OK) {
			err = buf_append_text(warnings, "\n");
		}
	}
	if (err == ERR_OK) {
		*out = setup;
	} else {
		login_setup_unref(setup);
	}
	free(folder);
	buf_release(&content);
	return err;
}

#define LOAD_TRIES 3u

enum err control_load_logins(const char *config_path, bool explicit_path, struct login_setup **out,
	struct buf *why, struct buf *warnings)
{
	enum err err = ERR_AGAIN;

	for (unsigned try = 0; try < LOAD_TRIES && err == ERR_AGAIN; try++) {
		err = load_once(config_path, explicit_path, out, why, warnings);
	}
	if (err == ERR_AGAIN) {
		enum err said = buf_printf(why, "login configuration %s: it is being written", config_path);
		(void)said;
	}
	return err;
}

bool control_logins_stale(const struct login_setup *setup, const char *config_path)
{
	struct file_stamp stamp;

	return setup == NULL ? file_stamp_of(config_path, &stamp) == ERR_OK : login_setup_is_stale(setup);
}
