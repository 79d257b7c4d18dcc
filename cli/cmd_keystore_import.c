/*
 * cmd_keystore_import.c - `lockgate keystore import`, `import-trust` and `export`.
 * Owns:    nothing beyond a run.
 * Never:   trusts a certificate without --anchor or --pinned; writes a key to a terminal.
 * Threads: one; blocks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "cli/cli.h"
#include "cli/cmd_keystore.h"

#define KEY_PASSPHRASES_MAX 16u
#define PROGRESS_AFTER_MS   1000 /* shorter work needs no word */

struct import_options {
	const char *spec, *source_spec, *alias, *format, *collision;
	bool anchor, pinned, no_mac, dry_run;
	struct cli_list only, key_specs; /* key_specs: ALIAS=SPEC */
	struct cli_list arguments;
	/* while the keystore is changed */
	struct secret content, source_passphrase;
	enum keystore_format wanted_format;
	enum keystore_collision on_collision;
	struct keystore_key_passphrase keys[KEY_PASSPHRASES_MAX];
	struct secret key_secrets[KEY_PASSPHRASES_MAX];
	char *key_aliases[KEY_PASSPHRASES_MAX];
	size_t key_count;
	keystore_change_fn change; /* what the command does, where it is not an import */
	int64_t started_ms;
	bool progress_shown;
	size_t added, kept;
	bool trust_only; /* import-trust: no key, and nothing that cannot be trusted */
};

/* --- sources: one file of any kind, or several PEM files that are read as one --- */

static int sources_read(struct import_options *import)
{
	size_t first = 1;
	size_t total = 0;
	struct secret parts[CLI_LIST_MAX] = {SECRET_NONE};
	int code = CLI_OK;
	for (size_t i = first; i < import->arguments.count && code == CLI_OK; i++) {
		const char *path = import->arguments.items[i];
		enum err err = file_read_secret(path, KEYSTORE_FILE_BYTES_MAX, &parts[i]);
		if (err != ERR_OK) {
			code = cli_fail("%s: %s", path,
				err == ERR_NOT_FOUND ? "no such file"
				: err == ERR_IO      ? strerrordesc_np(errno)
						     : err_name(err));
		} else if (import->arguments.count > 2 &&
			   (parts[i].len == 0 ||
				   memmem(parts[i].data, parts[i].len, "-----BEGIN ", 11) == NULL)) {
			code = cli_fail("%s: only PEM files can be imported together", path);
		}
		total += parts[i].len + 1;
	}
	if (code == CLI_OK && total > KEYSTORE_FILE_BYTES_MAX) {
		code = cli_fail("the files are longer than %u bytes", KEYSTORE_FILE_BYTES_MAX);
	}
	if (code == CLI_OK && secret_new(total, &import->content) != ERR_OK) {
		code = cli_fail("out of memory");
	}
	size_t at = 0;
	for (size_t i = first; i < import->arguments.count; i++) {
		if (code == CLI_OK && parts[i].len > 0) {
			memcpy(import->content.data + at, parts[i].data, parts[i].len);
			at += parts[i].len;
			/* PEM files may lack their last line end; a DER file stands alone and stays as it is. */
			if (import->arguments.count > 2) {
				import->content.data[at++] = '\n';
			}
		}
		secret_free(&parts[i]);
	}
	if (code == CLI_OK) {
		import->content.len = at;
	}
	return code;
}

/* --- passphrases of what is imported --- */

/* Asked for only where something is sealed. "none": an empty one, which no source can hold. */
static int source_passphrase_read(struct import_options *import)
{
	enum keystore_format format = KEYSTORE_FORMAT_ANY;
	bool sealed = false;
	if (!keystore_format_of(secret_bytes(&import->content), &format, &sealed) || !sealed) {
		return CLI_OK; /* what nobody knows is refused where it is read */
	}
	if (import->source_spec != NULL && strcmp(import->source_spec, "none") == 0) {
		return CLI_OK;
	}
	return cli_passphrase(
		import->source_spec, "Passphrase of what is imported", false, &import->source_passphrase);
}

/* ALIAS=SPEC; an alias may hold '=' itself, a specification does so only behind its first colon. */
static int key_passphrase_read(struct import_options *import, const char *text)
{
	static const char *const specs[] = {"=file:", "=fd:", "=env:", "=cred:", "=prompt"};
	const char *equals = NULL;
	for (size_t i = 0; i < ARRAY_COUNT(specs) && equals == NULL; i++) {
		equals = strstr(text, specs[i]);
	}
	if (equals == NULL || equals == text || import->key_count >= KEY_PASSPHRASES_MAX) {
		return cli_fail("--key-passphrase wants ALIAS=SPEC, SPEC being file:PATH, fd:N, env:NAME, "
				"cred:NAME or prompt (at most %u of them)",
			KEY_PASSPHRASES_MAX);
	}
	size_t at = import->key_count;
	char question[160];
	if (bytes_dup_text(bytes_of(text, (size_t)(equals - text)), &import->key_aliases[at]) != ERR_OK) {
		return cli_fail("out of memory");
	}
	import->key_count++;
	(void)snprintf(
		question, sizeof(question), "Passphrase of the key '%.*s'", 100, import->key_aliases[at]);
	int code = cli_passphrase(equals + 1, question, false, &import->key_secrets[at]);
	import->keys[at] = (struct keystore_key_passphrase){
		import->key_aliases[at], secret_bytes(&import->key_secrets[at])};
	return code;
}

/* --- what is said meanwhile --- */

static int64_t milliseconds(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void note_print(const char *sentence, void *ctx)
{
	(void)ctx;
	(void)printf("%s\n", sentence);
}

/* One line that is written over, for a human who waits; nothing into a log. */
static void progress_print(uint32_t work, void *ctx)
{
	struct import_options *import = ctx;
	if (isatty(STDERR_FILENO) != 1 || milliseconds() - import->started_ms < PROGRESS_AFTER_MS) {
		return;
	}
	(void)fprintf(stderr, "\rderiving keys: %lu of at most %lu iterations", (unsigned long)work,
		(unsigned long)KEYSTORE_WORK_MAX);
	import->progress_shown = true;
}

static void taken_print(struct import_options *import, const struct keystore *keystore, size_t before)
{
	for (size_t i = before; i < keystore_count(keystore); i++) {
		struct keystore_entry entry = keystore_at(keystore, i);
		cli_print_escaped(stdout, bytes_text(entry.alias));
		if (entry.kind == KEYSTORE_KEY) {
			(void)printf(": key, %s, %zu %s\n", key_kind_name(entry.key_kind), entry.chain_count,
				entry.chain_count == 1 ? "certificate" : "certificates");
		} else if (entry.kind == KEYSTORE_KEPT) {
			import->kept++;
			(void)printf(": kept, not usable: %s\n", entry.kept_why);
		} else {
			(void)printf(": %s\n", keystore_kind_name(entry.kind));
		}
	}
}

static enum err import_change(struct keystore *keystore, void *ctx, struct keystore_error *error)
{
	struct import_options *import = ctx;
	size_t before = keystore_count(keystore);
	import->started_ms = milliseconds();
	struct keystore_import options = {
		.alias = import->alias,
		.kind = import->anchor   ? KEYSTORE_ANCHOR
			: import->pinned ? KEYSTORE_PIN
					 : KEYSTORE_OTHER,
		.passphrase = secret_bytes(&import->source_passphrase),
		.format = import->wanted_format,
		.key_passphrases = import->keys,
		.key_passphrase_count = import->key_count,
		.only = import->only.items,
		.only_count = import->only.count,
		.collision = import->on_collision,
		.insecure_no_mac = import->no_mac,
		.keep_unusable = !import->trust_only,
		.note = note_print,
		.progress = progress_print,
		.ctx = import,
	};
	enum err err =
		keystore_import(keystore, secret_bytes(&import->content), &options, &import->added, error);
	if (import->progress_shown) {
		(void)fprintf(stderr, "\n");
	}
	if (err == ERR_OK) {
		taken_print(import, keystore, before);
	}
	return err;
}

/* As keystore_change(), but nothing is saved. */
static int import_try(struct import_options *import)
{
	struct secret passphrase = SECRET_NONE;
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	int code = cli_keystore_load(import->arguments.items[0], import->spec, &passphrase, &keystore);
	if (code == CLI_OK && import->change(keystore, import, &error) != ERR_OK) {
		code = cli_fail("%s", error.sentence);
	}
	keystore_free(keystore);
	secret_free(&passphrase);
	return code;
}

static int words_read(struct import_options *import)
{
	static const char *const collisions[] = {"refuse", "rename", "skip"};
	bool known = import->format == NULL;
	for (int i = KEYSTORE_FORMAT_PEM; !known && i < KEYSTORE_FORMAT_COUNT_; i++) {
		if (strcasecmp(import->format, keystore_format_name((enum keystore_format)i)) == 0) {
			import->wanted_format = (enum keystore_format)i;
			known = true;
		}
	}
	if (!known) {
		return cli_fail("--format wants pem, der, pkcs12, jks or jceks");
	}
	for (size_t i = 0; import->collision != NULL && i < ARRAY_COUNT(collisions); i++) {
		if (strcmp(import->collision, collisions[i]) == 0) {
			import->on_collision = (enum keystore_collision)i;
			import->collision = NULL;
		}
	}
	return import->collision == NULL ? CLI_OK : cli_fail("--collision wants refuse, rename or skip");
}

static int import_run(struct import_options *import, keystore_change_fn change)
{
	import->change = change;
	int code = words_read(import);
	if (code == CLI_OK) {
		code = sources_read(import);
	}
	if (code == CLI_OK) {
		code = source_passphrase_read(import);
	}
	for (size_t i = 0; i < import->key_specs.count && code == CLI_OK; i++) {
		code = key_passphrase_read(import, import->key_specs.items[i]);
	}
	if (code == CLI_OK) {
		code = import->dry_run
			       ? import_try(import)
			       : keystore_change(import->arguments.items[0], import->spec, change, import);
	}
	if (code == CLI_OK) {
		(void)printf(
			import->dry_run ? "%zu would be imported; nothing was written\n" : "%zu imported\n",
			import->added);
	}
	if (code == CLI_OK && import->kept > 0) {
		(void)printf("%zu of them kept, not usable: carried along, never served, never trusted\n",
			import->kept);
	}
	for (size_t i = 0; i < import->key_count; i++) {
		free(import->key_aliases[i]);
		secret_free(&import->key_secrets[i]);
	}
	secret_free(&import->content);
	secret_free(&import->source_passphrase);
	return code;
}

#define IMPORT_OPTIONS(import)                                                                               \
	{"--passphrase", CLI_TEXT, &(import).spec, "SPEC",                                                   \
		"of the keystore: file:PATH, fd:N, env:NAME, cred:NAME or prompt (the default)"},            \
		{"--source-passphrase", CLI_TEXT, &(import).source_spec, "SPEC",                             \
			"of what is imported, where it is sealed; none: an empty one"},                      \
		{"--key-passphrase", CLI_LIST, &(import).key_specs, "ALIAS=SPEC",                            \
			"of one key in it, where it has its own"},                                           \
		{"--format", CLI_TEXT, &(import).format, "FORMAT",                                           \
			"pem, der, pkcs12, jks or jceks; default: what it looks like"},                      \
		{"--entry", CLI_LIST, &(import).only, "ALIAS", "only this entry of what is imported"},       \
		{"--collision", CLI_TEXT, &(import).collision, "WHAT",                                       \
			"an alias that is taken: refuse (the default), rename or skip"},                     \
		{"--dry-run", CLI_FLAG, &(import).dry_run, NULL, "says what would come in, writes nothing"}, \
		{"--insecure-no-mac", CLI_FLAG, &(import).no_mac, NULL,                                      \
			"also without an integrity check: anybody may have altered it"},                     \
		{"--alias", CLI_TEXT, &(import).alias, "NAME",                                               \
			"default: the file's own, or the subject's CN"},                                     \
		{"--anchor", CLI_FLAG, &(import).anchor, NULL, "trusted to issue device certificates"},      \
	{                                                                                                    \
		"--pinned", CLI_FLAG, &(import).pinned, NULL, "let in itself, and nothing that it issued"    \
	}

int cmd_keystore_import(int argc, char **argv)
{
	struct import_options import = {0};
	const struct cli_option options[] = {IMPORT_OPTIONS(import)};
	const struct cli_syntax syntax = {"lockgate keystore import", "FILE SOURCE…",
		"Takes private keys with their chains, and certificates, from PEM, DER, PKCS#12, JKS or "
		"JCEKS "
		"into the\n"
		"keystore FILE, sealed anew: also from files whose ciphers are too old to be served from. "
		"Several PEM\n"
		"files are read as one (key, certificate, chain). Certificates beside a key are its chain "
		"and "
		"untrusted; a\n"
		"self-signed CA, or a certificate marked as trusted where it comes from, is taken only with "
		"--anchor or\n"
		"--pinned. Of a store, keys and certificates that cannot be used here come in all the same, "
		"kept and marked\n"
		"as not usable; secret keys, CRLs and the like are left out, and named.",
		options, ARRAY_COUNT(options), 2, CLI_LIST_MAX};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &import.arguments, &code)) {
		return code;
	}
	if (import.anchor && import.pinned) {
		return cli_usage(syntax.command, "--anchor and --pinned exclude each other");
	}
	return import_run(&import, import_change);
}

/* --- import-trust --- */

/* As import, but for certificates only: no key comes in by this door. */
static enum err trust_change(struct keystore *keystore, void *ctx, struct keystore_error *error)
{
	size_t before = keystore_count(keystore);
	enum err err = import_change(keystore, ctx, error);
	for (size_t i = before; err == ERR_OK && i < keystore_count(keystore); i++) {
		if (keystore_at(keystore, i).kind == KEYSTORE_KEY) {
			error->err = err = ERR_INVALID;
			(void)snprintf(error->sentence, sizeof(error->sentence),
				"there is a private key in it: 'lockgate keystore import' takes keys");
		}
	}
	return err;
}

static enum err mark_change(struct keystore *keystore, void *ctx, struct keystore_error *error)
{
	struct import_options *import = ctx;
	import->added = 1;
	return keystore_mark(keystore, import->alias, import->anchor ? KEYSTORE_ANCHOR : KEYSTORE_PIN, error);
}

int cmd_keystore_import_trust(int argc, char **argv)
{
	struct import_options import = {0};
	const struct cli_option options[] = {IMPORT_OPTIONS(import)};
	const struct cli_syntax syntax = {"lockgate keystore import-trust", "FILE [SOURCE…]",
		"Takes certificates that are to be trusted, as anchors or as pins: one of --anchor and "
		"--pinned must\n"
		"be given. Without SOURCE, the untrusted entry that --alias names is marked (openssl writes "
		"files\n"
		"without such marks).",
		options, ARRAY_COUNT(options), 1, CLI_LIST_MAX};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &import.arguments, &code)) {
		return code;
	}
	if (import.anchor == import.pinned) {
		return cli_usage(syntax.command, "say one of --anchor and --pinned");
	}
	if (import.arguments.count > 1) {
		import.trust_only = true;
		return import_run(&import, trust_change);
	}
	if (import.alias == NULL) {
		return cli_usage(syntax.command, "without SOURCE, --alias must name the entry");
	}
	return keystore_change(import.arguments.items[0], import.spec, mark_change, &import);
}

/* --- export --- */

static enum err key_pem(struct bytes pkcs8, void *ctx)
{
	return pem_encode("PRIVATE KEY", pkcs8, ctx);
}

/* Into a new file that only we may read, or over one that is such already. */
static int secret_write(const char *path, struct bytes content)
{
	enum err err = file_check_owner(path, true);
	if (err == ERR_DENIED) {
		return cli_fail("%s: others may read it; a key is not written there", path);
	}
	return cli_write(path, content, 0600);
}

static int export_entry(
	const struct keystore *keystore, size_t index, bool key, bool leaf_only, const char *path)
{
	struct keystore_entry entry = keystore_at(keystore, index);
	/* Four thirds and line ends; made at once, so that no half of a key is left behind in freed memory. */
	struct buf out = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	enum err err = buf_reserve(&out, X509_CHAIN_BYTES_MAX * 2 + KEYSTORE_KEY_BYTES_MAX * 2);
	if (err == ERR_OK && key) {
		err = entry.kind == KEYSTORE_KEPT ? keystore_kept_key_use(keystore, index, key_pem, &out)
						  : keystore_key_use(keystore, index, key_pem, &out);
	}
	size_t count = leaf_only && entry.chain_count > 0 ? 1 : entry.chain_count;
	for (size_t i = 0; i < count && err == ERR_OK; i++) {
		err = pem_encode("CERTIFICATE", cert_der(entry.chain[i]), &out);
	}
	if (err == ERR_OK && entry.kept_der.len > 0) {
		err = pem_encode("CERTIFICATE", entry.kept_der, &out);
	}
	int code = CLI_OK;
	if (err != ERR_OK) {
		code = cli_fail("the export failed: %s",
			err == ERR_NOT_FOUND ? "this entry has no private key" : err_name(err));
	} else if (key) {
		code = secret_write(path, buf_bytes(&out));
	} else if (path != NULL) {
		code = cli_write(path, buf_bytes(&out), 0644);
	} else {
		(void)fwrite(out.data, 1, out.len, stdout);
	}
	secure_wipe(out.data, out.cap);
	buf_release(&out);
	return code;
}

int cmd_keystore_export(int argc, char **argv)
{
	const char *spec = NULL;
	const char *path = NULL;
	bool key = false;
	bool leaf_only = false;
	const struct cli_option options[] = {
		{"--passphrase", CLI_TEXT, &spec, "SPEC",
			"file:PATH, fd:N, env:NAME, cred:NAME or prompt (the default)"},
		{"--out", CLI_TEXT, &path, "FILE", "where to; default: standard output"},
		{"--leaf", CLI_FLAG, &leaf_only, NULL, "the entry's own certificate, without its chain"},
		{"--key", CLI_FLAG, &key, NULL,
			"the private key as well, unsealed: --out is then needed (0600)"},
	};
	const struct cli_syntax syntax = {"lockgate keystore export", "FILE ALIAS",
		"Writes an entry's certificates as PEM, and its private key only if asked for.", options,
		ARRAY_COUNT(options), 2, 2};
	struct cli_list arguments = {.count = 0};
	struct secret passphrase = SECRET_NONE;
	struct keystore *keystore = NULL;
	size_t index = 0;
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	if (key && path == NULL) {
		return cli_usage(syntax.command, "--key needs --out FILE: a key is not shown on a terminal");
	}
	if ((code = cli_keystore_load(arguments.items[0], spec, &passphrase, &keystore)) != CLI_OK) {
		return code;
	}
	if (!keystore_find(keystore, arguments.items[1], &index)) {
		code = cli_fail("there is no entry '%s'", arguments.items[1]);
	} else {
		code = export_entry(keystore, index, key, leaf_only, path);
	}
	keystore_free(keystore);
	secret_free(&passphrase);
	return code;
}
