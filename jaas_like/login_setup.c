/*
 * login_setup.c - builds the stacks of a configuration: looks modules up, has them check their options, remembers files.
 * Owns:    the configuration, what each module made of its options, the stamps of the files they read.
 * Never:   publishes a half-built setup; falls back to another entry.
 * Threads: building blocks; what is built is immutable and counted atomically.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/file.h"
#include "jaas_like/login_internal.h"

/* Each module watches a users file and a key; more than this is a configuration gone wild. */
#define LOGIN_WATCHES_MAX  ((size_t)LOGIN_ENTRIES_MAX * LOGIN_STACK_MODULES_MAX * 2)
#define LOGIN_WARNINGS_MAX (LOGIN_ENTRIES_MAX * 2)

struct login_watch {
	char *path;
	bool absent; /* its appearance is a change too */
	struct file_stamp stamp;
};

struct login_setup {
	atomic_uint refs;
	struct login_config *config;
	struct login_setup_entry *entries;
	size_t entry_count;
	struct login_watch *watches;
	size_t watch_count;
	struct login_problem *warnings;
	size_t warning_count;
};

static void setup_free(struct login_setup *setup)
{
	for (size_t i = 0; i < setup->entry_count; i++) {
		for (size_t j = 0; j < setup->entries[i].module_count; j++) {
			const struct login_setup_module *module = &setup->entries[i].modules[j];
			if (module->ops->teardown != NULL && module->config != NULL) {
				module->ops->teardown(module->config);
			}
		}
	}
	for (size_t i = 0; i < setup->watch_count; i++) {
		free(setup->watches[i].path);
	}
	free(setup->watches);
	free(setup->warnings);
	free(setup->entries);
	login_config_free(setup->config);
	free(setup);
}

void login_setup_ref(struct login_setup *setup)
{
	(void)atomic_fetch_add(&setup->refs, 1);
}

void login_setup_unref(struct login_setup *setup)
{
	if (setup != NULL && atomic_fetch_sub(&setup->refs, 1) == 1) {
		setup_free(setup);
	}
}

enum err login_setup_watch(struct login_setup *setup, const char *path)
{
	struct file_stamp stamp = {0};
	char *copy = NULL;
	/* Before the file is read: a change in between is then seen as one. */
	enum err err = file_stamp_of(path, &stamp);
	bool absent = err == ERR_NOT_FOUND;
	if (err != ERR_OK && !absent) {
		return err;
	}
	if (setup->watch_count >= LOGIN_WATCHES_MAX) {
		return ERR_LIMIT;
	}
	err = bytes_dup_text(bytes_text(path), &copy);
	if (err != ERR_OK) {
		return err;
	}
	struct login_watch *watches =
		realloc(setup->watches, (setup->watch_count + 1) * sizeof(*setup->watches));
	if (watches == NULL) {
		free(copy);
		return ERR_NOMEM;
	}
	setup->watches = watches;
	setup->watches[setup->watch_count++] = (struct login_watch){copy, absent, stamp};
	return ERR_OK;
}

bool login_setup_is_stale(const struct login_setup *setup)
{
	for (size_t i = 0; i < setup->watch_count; i++) {
		const struct login_watch *watch = &setup->watches[i];
		struct file_stamp now;
		enum err err = file_stamp_of(watch->path, &now);
		if (watch->absent ? err != ERR_NOT_FOUND
				  : err != ERR_OK || !file_stamp_equal(&now, &watch->stamp)) {
			return true;
		}
	}
	return false;
}

const struct login_option *login_option_find(const struct login_module_config *config, const char *name)
{
	for (size_t i = 0; i < config->option_count; i++) {
		if (strcmp(config->options[i].name, name) == 0) {
			return &config->options[i];
		}
	}
	return NULL;
}

enum err login_option_bool(
	const struct login_module_config *config, const char *name, bool *out, struct login_problem *problem)
{
	const struct login_option *option = login_option_find(config, name);
	if (option == NULL) {
		*out = false;
		return ERR_OK;
	}
	bool yes = strcmp(option->value, "true") == 0;
	if (!yes && strcmp(option->value, "false") != 0) {
		return login_problem_set(problem, ERR_INVALID, option->line, option->column,
			"option %s is true or false", option->name);
	}
	*out = yes;
	return ERR_OK;
}

static const struct login_module *setup_find_module(const struct login_module *const *more, const char *name)
{
	static const struct login_module *const ours[] = {
		&login_module_certificate, &login_module_password, NULL};
	const struct login_module *const *lists[] = {ours, more};
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		for (const struct login_module *const *at = lists[i]; at != NULL && *at != NULL; at++) {
			if (strcmp((*at)->name, name) == 0) {
				return *at;
			}
		}
	}
	return NULL;
}

static bool setup_knows_option(const struct login_module *ops, const char *name)
{
	for (const char *const *known = ops->option_names; known != NULL && *known != NULL; known++) {
		if (strcmp(*known, name) == 0) {
			return true;
		}
	}
	return false;
}

static enum err setup_module(struct login_setup *setup, const struct login_setup_options *options,
	const struct login_config_module *written, struct login_setup_entry *entry,
	struct login_problem *problem)
{
	const struct login_module *ops = setup_find_module(options->modules, written->name);
	if (ops == NULL) {
		return login_problem_set(problem, ERR_INVALID, written->line, written->column,
			"no module is called '%.*s'", login_shown(bytes_text(written->name)), written->name);
	}
	for (size_t i = 0; i < written->option_count; i++) {
		const struct login_option *option = &written->options[i];
		if (!setup_knows_option(ops, option->name)) {
			return login_problem_set(problem, ERR_INVALID, option->line, option->column,
				"%s has no option '%.*s'", ops->name, login_shown(bytes_text(option->name)),
				option->name);
		}
	}
	void *config = NULL;
	if (ops->setup != NULL) {
		struct login_module_config given = {
			.options = written->options,
			.option_count = written->option_count,
			.line = written->line,
			.column = written->column,
			.folder = options->folder,
			.insecure_any_owner = options->insecure_any_owner,
			.setup = setup,
		};
		(void)login_problem_set(
			problem, ERR_OK, written->line, written->column, "%s could not be set up", ops->name);
		enum err err = ops->setup(&given, &config, problem);
		if (err != ERR_OK) {
			return err;
		}
	}
	entry->modules[entry->module_count++] = (struct login_setup_module){ops, written->flag, config};
	return ERR_OK;
}

static struct login_traits setup_module_traits(const struct login_setup_module *module)
{
	if (module->ops->traits == NULL) {
		return (struct login_traits){.checks_password = false, .keeps_names = true};
	}
	return module->ops->traits(module->config);
}

/* What JAAS allows, and what has already let people in without their password. */
static void setup_warn(struct login_setup *setup, const struct login_config_entry *written,
	const struct login_setup_entry *entry)
{
	const struct login_config_module *sufficient = NULL;
	if (entry->module_count == 0 && setup->warning_count < LOGIN_WARNINGS_MAX) {
		(void)login_problem_set(&setup->warnings[setup->warning_count++], ERR_OK, written->line,
			written->column, "entry '%.*s' has no modules: it lets nobody in",
			login_shown(bytes_text(entry->name)), entry->name);
	}
	for (size_t i = 0; i < entry->module_count; i++) {
		if (setup_module_traits(&entry->modules[i]).checks_password && sufficient != NULL &&
			setup->warning_count < LOGIN_WARNINGS_MAX) {
			(void)login_problem_set(&setup->warnings[setup->warning_count++], ERR_OK,
				sufficient->line, sufficient->column,
				"entry '%.*s': whoever passes this sufficient module is never asked for the "
				"password",
				login_shown(bytes_text(entry->name)), entry->name);
			return;
		}
		if (entry->modules[i].flag == LOGIN_SUFFICIENT && sufficient == NULL) {
			sufficient = written->modules[i];
		}
	}
}

/* Each text with its end, so that no two configurations write alike. */
static enum err put_text(struct buf *out, const char *text)
{
	return buf_append(out, bytes_of(text, strlen(text) + 1));
}

/* A digest over what is written of the entry, in order. */
static enum err setup_config(const struct login_config_entry *written, uint64_t *out)
{
	struct buf all = BUF_INIT(LOGIN_CONFIG_BYTES_MAX * 2);
	uint8_t digest[SHA256_BYTES];
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < written->module_count; i++) {
		const struct login_config_module *module = written->modules[i];

		err = put_text(&all, module->name);
		if (err == ERR_OK) {
			err = buf_printf(&all, "%u %zu", (unsigned)module->flag, module->option_count);
		}
		for (size_t j = 0; err == ERR_OK && j < module->option_count; j++) {
			err = put_text(&all, module->options[j].name);
			err = err == ERR_OK ? put_text(&all, module->options[j].value) : err;
		}
	}
	if (err == ERR_OK) {
		hash_of(HASH_SHA256, buf_bytes(&all), digest);
		memcpy(out, digest, sizeof(*out));
		*out |= 1; /* 0 means: not known */
	}
	buf_release(&all);
	return err;
}

static enum err setup_build(
	struct login_setup *setup, const struct login_setup_options *options, struct login_problem *problem)
{
	size_t count = setup->config->entry_count;
	setup->entries = calloc(count == 0 ? 1 : count, sizeof(*setup->entries));
	setup->warnings = calloc(LOGIN_WARNINGS_MAX, sizeof(*setup->warnings));
	if (setup->entries == NULL || setup->warnings == NULL) {
		return login_problem_set(problem, ERR_NOMEM, 0, 0, "out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		const struct login_config_entry *written = setup->config->entries[i];
		struct login_setup_entry *entry = &setup->entries[setup->entry_count++];
		entry->name = written->name;
		if (setup_config(written, &entry->config) != ERR_OK) {
			return login_problem_set(problem, ERR_NOMEM, 0, 0, "out of memory");
		}
		for (size_t j = 0; j < written->module_count; j++) {
			enum err err = setup_module(setup, options, written->modules[j], entry, problem);
			if (err != ERR_OK) {
				return err;
			}
		}
		setup_warn(setup, written, entry);
	}
	return ERR_OK;
}

enum err login_setup_load(
	const struct login_setup_options *options, struct login_setup **out, struct login_problem *problem)
{
	struct login_setup *setup = calloc(1, sizeof(*setup));
	if (setup == NULL) {
		return login_problem_set(problem, ERR_NOMEM, 0, 0, "out of memory");
	}
	atomic_init(&setup->refs, 1);
	enum err err = login_config_parse(options->config, &setup->config, problem);
	if (err == ERR_OK) {
		err = setup_build(setup, options, problem);
	}
	if (err != ERR_OK) {
		setup_free(setup);
		return err;
	}
	*out = setup;
	return ERR_OK;
}

const struct login_setup_entry *login_setup_entry(const struct login_setup *setup, const char *name)
{
	for (size_t i = 0; i < setup->entry_count; i++) {
		if (strcmp(setup->entries[i].name, name) == 0) {
			return &setup->entries[i];
		}
	}
	return NULL;
}

bool login_setup_has_entry(const struct login_setup *setup, const char *entry)
{
	return login_setup_entry(setup, entry) != NULL;
}

size_t login_setup_warning_count(const struct login_setup *setup)
{
	return setup->warning_count;
}

const struct login_problem *login_setup_warning(const struct login_setup *setup, size_t index)
{
	assert(index < setup->warning_count);
	return &setup->warnings[index];
}

struct login_traits login_setup_traits(const struct login_setup *setup, const char *entry)
{
	const struct login_setup_entry *found = login_setup_entry(setup, entry);
	struct login_traits all = {.checks_password = false, .keeps_names = found != NULL};
	for (size_t i = 0; found != NULL && i < found->module_count; i++) {
		struct login_traits one = setup_module_traits(&found->modules[i]);
		all.checks_password = all.checks_password || one.checks_password;
		all.keeps_names = all.keeps_names && one.keeps_names;
	}
	return all;
}

uint64_t login_setup_config(const struct login_setup *setup, const char *entry)
{
	const struct login_setup_entry *found = login_setup_entry(setup, entry);

	return found == NULL ? 0 : found->config;
}

bool login_setup_still_allows(
	const struct login_setup *setup, const char *entry, struct bytes password_user, uint64_t credential)
{
	const struct login_setup_entry *found = login_setup_entry(setup, entry);
	bool judged = false;
	if (password_user.len == 0) {
		return true;
	}
	/* One module that checks passwords must still know the secret; which one it was is not remembered. */
	for (size_t i = 0; found != NULL && i < found->module_count; i++) {
		const struct login_setup_module *module = &found->modules[i];
		if (module->ops->still_allows == NULL) {
			continue;
		}
		judged = true;
		if (module->ops->still_allows(module->config, password_user, credential)) {
			return true;
		}
	}
	/* A stack of modules that cannot say is no knowledge, and absence of knowledge does not close. */
	return found != NULL && !judged;
}

enum login_user_state login_setup_user_state(const struct login_setup *setup, struct bytes name)
{
	enum login_user_state all = LOGIN_USER_ABSENT;
	for (size_t i = 0; i < setup->entry_count; i++) {
		for (size_t j = 0; j < setup->entries[i].module_count; j++) {
			const struct login_setup_module *module = &setup->entries[i].modules[j];
			if (module->ops->user_state == NULL) {
				continue;
			}
			enum login_user_state one = module->ops->user_state(module->config, name);
			if (one == LOGIN_USER_DISABLED) {
				return one;
			}
			all = one == LOGIN_USER_ENABLED ? one : all;
		}
	}
	return all;
}
