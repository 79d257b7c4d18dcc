/*
 * material.c - reads keystores and revocation lists for channels.
 * Owns:    see material.h.
 * Never:   keeps a private key: it goes from the keystore into the TLS context.
 * Threads: a lane's.
 */
#include "broker/control/material.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/utf8.h"
#include "broker/broker.h"
#include "broker/control/identities.h"
#include "keystore/keystore.h"

#define KEPT_NAMES_MAX  16u
#define KEPT_TEXT_BYTES (16u * 1024u)

static void inventory_release(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->count; i++) {
		free(inventory->items[i].alias);
		free(inventory->items[i].subject);
	}
	free(inventory->items);
	free(inventory->kept);
	*inventory = (struct inventory){0};
}

static enum err inventory_item(const struct keystore_entry *entry, struct inventory_item *out)
{
	struct buf dn = BUF_INIT(64u * 1024u);
	enum err err = bytes_dup_text(bytes_text(entry->alias), &out->alias);

	out->kind = (int)entry->kind;
	out->not_after = X509_NEVER;
	for (size_t i = 0; i < entry->chain_count; i++) {
		int64_t until = cert_not_after(entry->chain[i]);

		out->not_after = until < out->not_after ? until : out->not_after;
	}
	if (err == ERR_OK && entry->chain_count > 0) {
		memcpy(out->sha256, cert_sha256(entry->chain[0]), SHA256_BYTES);
		err = cert_print_dn(entry->chain[0], true, &dn);
	}
	if (err == ERR_OK) {
		err = bytes_dup_text(buf_bytes(&dn), &out->subject);
	}
	buf_release(&dn);
	return err;
}

/* One line for the log, however many there are. */
static enum err inventory_kept(const struct keystore *keystore, struct inventory *out)
{
	struct buf text = BUF_INIT(KEPT_TEXT_BYTES);
	const char *why = NULL;
	enum err err = ERR_OK;

	for (size_t i = 0; i < keystore_count(keystore) && err == ERR_OK; i++) {
		struct keystore_entry entry = keystore_at(keystore, i);

		if (entry.kind != KEYSTORE_KEPT) {
			continue;
		}
		why = why == NULL ? entry.kept_why : why;
		out->kept_count++;
		if (out->kept_count <= KEPT_NAMES_MAX) {
			err = buf_printf(&text, "%s'%s'", out->kept_count == 1 ? "" : ", ", entry.alias);
		}
	}
	if (err == ERR_OK && why != NULL) {
		err = buf_printf(
			&text, "%s: %s", out->kept_count > KEPT_NAMES_MAX ? ", and others" : "", why);
		if (err == ERR_OK) {
			err = bytes_dup_text(buf_bytes(&text), &out->kept);
		}
	}
	buf_release(&text);
	return err;
}

static enum err take_inventory(const struct keystore *keystore, struct inventory *out)
{
	size_t count = keystore_count(keystore);
	enum err err = ERR_OK;

	out->items = calloc(count + 1, sizeof(*out->items));
	if (out->items == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; err == ERR_OK && i < count; i++) {
		struct keystore_entry entry = keystore_at(keystore, i);

		out->count++;
		err = inventory_item(&entry, &out->items[i]);
	}
	return err == ERR_OK ? inventory_kept(keystore, out) : err;
}

void material_release(struct material *material)
{
	for (size_t i = 0; i < material->staple_count; i++) {
		tls_context_unref(material->staples[i].context);
		cert_unref(material->staples[i].leaf);
		cert_unref(material->staples[i].issuer);
	}
	inventory_release(&material->inventory);
	tls_set_unref(material->tls);
	trust_set_unref(material->trust);
	crl_set_unref(material->crls);
	crl_set_unref(material->held);
	crl_set_unref(material->gone);
	secret_free(&material->passphrase);
	*material = (struct material){0};
}

/* What is said is for a human; that it did not fit is no reason for another outcome. */
static void say(struct buf *why, const char *what, const char *name, const char *sentence)
{
	enum err err = buf_printf(why, "%s%s: %s", what, name, sentence);

	(void)err;
}

/* sentence names the file itself. */
static void say_of(struct buf *why, const char *what, const char *sentence)
{
	enum err err = buf_printf(why, "%s %s", what, sentence);

	(void)err;
}

/* --- keystore --- */

static enum err load_passphrase(const struct material_options *options, struct material *out,
	struct secret *passphrase, struct buf *why)
{
	struct keystore_error error = {0};
	bool once = strncmp(options->passphrase_source, "fd:", 3) == 0;
	enum err err;

	if (once && options->passphrase.len > 0) {
		err = secret_copy(options->passphrase, passphrase);
	} else {
		err = keystore_passphrase_read(options->passphrase_source, NULL, NULL, passphrase, &error);
	}
	if (err == ERR_OK && once) {
		err = secret_copy(secret_bytes(passphrase), &out->passphrase);
	}
	if (err != ERR_OK) {
		say(why, "the passphrase of keystore ", options->keystore_path,
			error.sentence[0] != '\0' ? error.sentence : err_name(err));
	}
	return err;
}

static enum err use_keystore(const struct material_options *options, const struct keystore *keystore,
	struct material *out, struct buf *why)
{
	enum err err = identities_build(options, keystore, out, why);

	if (err != ERR_OK) {
		return err;
	}
	err = keystore_trust_set(keystore, options->trust_generation, &out->trust);
	if (err != ERR_OK) {
		say(why, "keystore ", options->keystore_path, err_name(err));
	}
	return err;
}

static enum err load_keystore(const struct material_options *options, struct material *out, struct buf *why)
{
	struct secret passphrase = SECRET_NONE;
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	struct clock clock = clock_system();
	/* Before the content: a change during the reading shows as one after it. */
	enum err err = keystore_look(
		options->keystore_path, options->passphrase_source, clock_wall_ms(&clock), NULL, &out->look);

	if (err == ERR_OK) {
		err = load_passphrase(options, out, &passphrase, why);
	}
	if (err == ERR_OK) {
		err = keystore_load(options->keystore_path, secret_bytes(&passphrase), &keystore, &error);
		if (err != ERR_OK) {
			say_of(why, "keystore", error.sentence); /* which begins with the path */
		}
	}
	if (err == ERR_OK) {
		err = use_keystore(options, keystore, out, why);
	}
	if (err == ERR_OK) {
		err = take_inventory(keystore, &out->inventory);
	}
	keystore_free(keystore);
	secret_free(&passphrase);
	return err;
}

/* --- revocation lists --- */

struct crl_files {
	char **names; /* paths, sorted */
	size_t count, cap;
};

static void crl_files_release(struct crl_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->names[i]);
	}
	free(files->names);
	*files = (struct crl_files){0};
}

static enum err crl_files_add(struct crl_files *files, const char *folder, const char *name)
{
	char *path = NULL;

	if (files->count == BROKER_CRL_FILES_MAX) {
		return ERR_LIMIT;
	}
	if (files->count == files->cap) {
		size_t cap = files->cap == 0 ? 8 : files->cap * 2;
		char **grown = realloc(files->names, cap * sizeof(char *));

		if (grown == NULL) {
			return ERR_NOMEM;
		}
		files->names = grown;
		files->cap = cap;
	}
	if (folder == NULL) {
		path = strdup(name);
	} else if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
	}
	if (path == NULL) {
		return ERR_NOMEM;
	}
	files->names[files->count++] = path;
	return ERR_OK;
}

static int compare_names(const void *a, const void *b)
{
	const char *const *left = a;
	const char *const *right = b;

	return strcmp(*left, *right);
}

/*
 * The file itself, or the files of a folder but for hidden ones (an editor's, a copy under way). A link to nothing is a file
 * that is gone, of which a watch makes what it makes of others; whoever is there to be told hears that it cannot be read.
 */
static enum err crl_files_list(const char *path, bool watching, struct crl_files *out)
{
	struct stat status;
	enum err err = ERR_OK;

	if (stat(path, &status) != 0) {
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	}
	if (!S_ISDIR(status.st_mode)) {
		return crl_files_add(out, NULL, path);
	}
	DIR *folder = opendir(path);

	if (folder == NULL) {
		return ERR_IO;
	}
	for (struct dirent *entry = readdir(folder); entry != NULL && err == ERR_OK;
		entry = readdir(folder)) {
		struct stat member;
		bool hidden = entry->d_name[0] == '.';
		int found = hidden ? -1 : fstatat(dirfd(folder), entry->d_name, &member, 0);
		bool gone = found != 0 && errno == ENOENT && watching;

		if (!hidden && !gone && (found != 0 || !S_ISDIR(member.st_mode))) {
			err = crl_files_add(out, path, entry->d_name);
		}
	}
	(void)closedir(folder);
	if (err == ERR_OK && out->count > 0) {
		qsort(out->names, out->count, sizeof(char *), compare_names);
	}
	return err;
}

#define CRL_STAMP_TRIES 3u

static enum err stamp_files(const struct crl_files *files, uint8_t out[SHA256_BYTES])
{
	struct buf all = BUF_INIT(4u * 1024u * 1024u);
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < files->count; i++) {
		struct file_stamp stamp;

		memset(&stamp, 0, sizeof(stamp));
		err = file_stamp_of(files->names[i], &stamp);
		if (err != ERR_NOT_FOUND && err != ERR_NOMEM) {
			err = ERR_OK; /* whoever reads it says so, and which */
		}
		if (err == ERR_OK) {
			err = buf_printf(&all, "%s %llu %llu %llu %lld %lld\n", files->names[i],
				(unsigned long long)stamp.device, (unsigned long long)stamp.inode,
				(unsigned long long)stamp.size, (long long)stamp.mtime_ns,
				(long long)stamp.ctime_ns);
		}
	}
	if (err == ERR_OK) {
		hash_of(HASH_SHA256, buf_bytes(&all), out);
	}
	buf_release(&all);
	return err;
}

enum err crl_stamp(const char *path, uint8_t out[SHA256_BYTES])
{
	enum err err = ERR_NOT_FOUND;

	/* A file that was renamed between listing and looking is not a folder that cannot be read. */
	for (unsigned try = 0; try < CRL_STAMP_TRIES && err == ERR_NOT_FOUND; try++) {
		struct crl_files files = {0};

		err = crl_files_list(path, true, &files);
		if (err == ERR_OK) {
			err = stamp_files(&files, out);
		}
		crl_files_release(&files);
	}
	return err;
}

bool crl_settling(const char *path, int64_t now_ms)
{
	struct crl_files files = {0};
	bool settling = false;

	if (crl_files_list(path, true, &files) == ERR_OK) {
		for (size_t i = 0; i < files.count && !settling; i++) {
			struct file_stamp stamp;

			if (file_stamp_of(files.names[i], &stamp) == ERR_OK) {
				int64_t age_ms = now_ms - stamp.mtime_ns / 1000000;

				settling = age_ms > -MATERIAL_SETTLE_MS && age_ms < MATERIAL_SETTLE_MS;
			}
		}
	}
	crl_files_release(&files);
	return settling;
}

static const char *reading(enum err err)
{
	if (err == ERR_NOT_FOUND) {
		return "it is not there";
	}
	return err == ERR_IO ? "it cannot be read, or is no regular file" : err_name(err);
}

static enum err load_crl_file(const char *path, struct crl_list *list, struct buf *why)
{
	struct buf content = BUF_INIT(X509_CRL_BYTES_MAX);
	struct x509_error error = {0};
	enum err err = file_check_owner(path, false);

	if (err == ERR_DENIED) {
		say(why, "revocation list ", path, "its owner or mode would let others change it");
	} else if (err == ERR_OK) {
		err = file_read(path, X509_CRL_BYTES_MAX, &content);
		if (err == ERR_OK) {
			err = crl_list_load(buf_bytes(&content), list, &error);
		}
		if (err != ERR_OK) {
			say(why, "revocation list ", path, error.what != NULL ? error.what : reading(err));
		}
	} else {
		say(why, "revocation list ", path, reading(err));
	}
	buf_release(&content);
	return err;
}

/* How many older lists of one issuer stay beside those in the files. */
#define CRLS_KEPT_PER_ISSUER 4u

/* How many of list's first `fresh` are of known's issuer. */
static size_t fresh_of_issuer(const struct crl *known, const struct crl_list *list, size_t fresh)
{
	size_t count = 0;

	for (size_t i = 0; i < fresh; i++) {
		count += x509_name_equal(crl_issuer_der(known), crl_issuer_der(list->items[i])) ? 1 : 0;
	}
	return count;
}

static bool is_among(const struct crl *known, const struct crl_list *list, size_t fresh)
{
	for (size_t i = 0; i < fresh; i++) {
		if (memcmp(crl_sha256(known), crl_sha256(list->items[i]), SHA256_BYTES) == 0) {
			return true;
		}
	}
	return false;
}

/* Of before's lists from..end, all of one issuer, at most `places`, first those that a verdict has found to be signed. */
static enum err keep_of_issuer(
	const struct crl_set *before, size_t from, size_t end, size_t places, struct crl_list *list)
{
	size_t fresh = list->count;

	for (int verified = 1; verified >= 0; verified--) {
		for (size_t i = from; i < end && places > 0; i++) {
			const struct crl *known = crl_set_at(before, i);

			if (crl_was_verified(known) != (verified == 1) || is_among(known, list, fresh)) {
				continue;
			}
			struct crl *reference = crl_ref(known);
			enum err err = crl_list_add(list, reference);

			if (err != ERR_OK) {
				crl_unref(reference);
				return err;
			}
			places--;
		}
	}
	return ERR_OK;
}

/*
 * What was fetched of an issuer stays known: lists of issuers that are still there join the new ones, and the judge takes the
 * newest that the issuer signed. An older list therefore changes nothing. Who signed what is known here only of lists that served, so
 * a few others stay too, but never in the place of one of these; not all that there ever were. The set is sorted, newest first
 * within an issuer.
 */
static enum err keep_known(const struct crl_set *before, struct crl_list *list)
{
	size_t fresh = list->count;
	size_t count = before == NULL ? 0 : crl_set_count(before);
	size_t end = 0;
	enum err err = ERR_OK;

	for (size_t from = 0; err == ERR_OK && from < count; from = end) {
		const struct crl *first = crl_set_at(before, from);
		size_t siblings = fresh_of_issuer(first, list, fresh);

		for (end = from + 1; end < count && x509_name_equal(crl_issuer_der(first),
							    crl_issuer_der(crl_set_at(before, end)));
			end++) {
		}
		if (siblings > 0) {
			err = keep_of_issuer(before, from, end, siblings + CRLS_KEPT_PER_ISSUER - 1, list);
		}
	}
	return err;
}

/* What was loaded becomes what serves: with what is held of before. */
static enum err use_held(struct material *material, const struct hold_question *question)
{
	struct hold_answer answer;
	enum err err = hold_lists(question, &answer);

	if (err != ERR_OK) {
		return err;
	}
	crl_set_unref(material->crls);
	crl_set_unref(material->held);
	material->crls = answer.crls;
	material->held = NULL;
	if (material->crls_partial) {
		crl_set_unref(answer.held); /* whether a file still holds these cannot be said */
	} else {
		material->held = answer.held;
	}
	material->crls_count = hold_count(material->crls);
	material->held_count = hold_count(material->held);
	if (question->let_go) {
		crl_set_unref(material->gone);
		material->gone = answer.gone;
		material->gone_count = hold_count(material->gone);
	} else {
		crl_set_unref(answer.gone);
	}
	return ERR_OK;
}

static enum err load_crls(const struct material_options *options, struct material *out, struct buf *why)
{
	struct crl_files files = {0};
	struct crl_list list = {0};
	struct buf more = BUF_INIT(0); /* of several that are bad the first is named */
	enum err err = crl_files_list(options->crl_path, !options->let_go, &files);

	if (err != ERR_OK) {
		say(why, "CRLFILE ", options->crl_path,
			err == ERR_NOT_FOUND ? "there is no such file or folder" : err_name(err));
	} else {
		/* Before the content: a change during the reading shows as a change after it. */
		err = stamp_files(&files, out->crl_stamp);
		if (err != ERR_OK) {
			say(why, "CRLFILE ", options->crl_path,
				err == ERR_NOT_FOUND ? "one of its files is a link to nothing, or went away"
						     : err_name(err));
		}
	}
	for (size_t i = 0; err == ERR_OK && i < files.count; i++) {
		err = load_crl_file(files.names[i], &list, out->crls_partial ? &more : why);
		if (err != ERR_OK && err != ERR_NOMEM && options->pass_over_bad) {
			out->crls_partial = true;
			err = ERR_OK;
		}
	}
	if (err == ERR_OK && list.count == 0) {
		err = ERR_NOT_FOUND;
		if (!out->crls_partial) {
			say(why, "CRLFILE ", options->crl_path, "the folder holds no revocation list");
		}
	}
	if (err == ERR_OK) {
		err = crl_set_new((const struct crl *const *)list.items, list.count, options->crl_generation,
			&out->crls);
	}
	if (err == ERR_OK) {
		struct hold_question question = {.files = out->crls,
			.before = options->crls_before,
			.let_go = options->let_go,
			.generation = options->crl_generation};

		err = use_held(out, &question);
	}
	out->crls_known = options->crls_before == NULL ? 0 : crl_set_generation(options->crls_before);
	crl_list_release(&list);
	crl_files_release(&files);
	return err;
}

enum err material_join_crls(struct material *material, const struct crl_set *in_force, uint64_t generation)
{
	struct crl_list list = {0};
	struct crl_set *joined = NULL;
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < crl_set_count(material->crls); i++) {
		struct crl *reference = crl_ref(crl_set_at(material->crls, i));

		err = crl_list_add(&list, reference);
		if (err != ERR_OK) {
			crl_unref(reference);
		}
	}
	if (err == ERR_OK) {
		err = keep_known(in_force, &list);
	}
	if (err == ERR_OK) {
		err = crl_set_new((const struct crl *const *)list.items, list.count, generation, &joined);
	}
	if (err == ERR_OK) {
		crl_set_unref(material->crls);
		material->crls = joined;
	}
	crl_list_release(&list);
	return err;
}

enum err material_join_files(struct material *material, const struct crl_set *in_force, uint64_t generation)
{
	struct hold_question question = {.files = material->crls,
		.before = in_force,
		.gone = material->gone,
		.generation = generation};

	return use_held(material, &question);
}

enum err material_load(const struct material_options *options, struct material *out, struct buf *why)
{
	enum err err = ERR_OK;

	*out = (struct material){.leaf_not_after = X509_NEVER};
	if (options->want_keystore && options->keystore_path[0] != '\0') {
		err = load_keystore(options, out, why);
	}
	if (err == ERR_OK && options->want_crls && options->crl_path[0] != '\0') {
		err = load_crls(options, out, why);
	}
	if (err != ERR_OK) {
		material_release(out);
		if (why->len == 0) {
			say(why, "channel ", options->channel, err_name(err));
		}
	}
	return err;
}
