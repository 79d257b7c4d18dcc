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
#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "base/wire.h"
#include "cli/cli.h"
#include "cli/cmd_keystore.h"

struct import_options {
	const char *spec, *source_spec, *alias;
	bool anchor, pinned;
	struct cli_list arguments;
	/* while the keystore is changed */
	struct secret content, source_passphrase;
	size_t added;
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

/* Asked for only where something is sealed: PKCS#12, or an encrypted PEM key. */
static bool source_sealed(const struct secret *content)
{
	bool pem = content->len > 0 && memmem(content->data, content->len, "-----BEGIN ", 11) != NULL;
	if (pem) {
		return memmem(content->data, content->len, "ENCRYPTED", 9) != NULL;
	}
	struct wire_reader reader = wire_reader_init(secret_bytes(content));
	uint8_t first = 0;
	struct cert *cert = NULL;
	bool der = cert_parse(secret_bytes(content), &cert, NULL) == ERR_OK;
	cert_unref(cert);
	return !der && wire_peek_u8(&reader, &first) == ERR_OK && first == 0x30; /* a SEQUENCE, at least */
}

static enum err import_change(struct keystore *keystore, void *ctx, struct keystore_error *error)
{
	struct import_options *import = ctx;
	struct keystore_import options = {
		.alias = import->alias,
		.kind = import->anchor   ? KEYSTORE_ANCHOR
			: import->pinned ? KEYSTORE_PIN
					 : KEYSTORE_OTHER,
		.passphrase = secret_bytes(&import->source_passphrase),
	};
	return keystore_import(keystore, secret_bytes(&import->content), &options, &import->added, error);
}

static int import_run(struct import_options *import, keystore_change_fn change)
{
	int code = sources_read(import);
	if (code == CLI_OK && source_sealed(&import->content)) {
		code = cli_passphrase(import->source_spec, "Passphrase of what is imported", false,
			&import->source_passphrase);
	}
	if (code == CLI_OK) {
		code = keystore_change(import->arguments.items[0], import->spec, change, import);
	}
	if (code == CLI_OK) {
		(void)printf("%zu imported\n", import->added);
	}
	secret_free(&import->content);
	secret_free(&import->source_passphrase);
	return code;
}

#define IMPORT_OPTIONS(import)                                                                               \
	{"--passphrase", CLI_TEXT, &(import).spec, "SPEC",                                                   \
		"of the keystore: file:PATH, fd:N, env:NAME, cred:NAME or prompt (the default)"},            \
		{"--source-passphrase", CLI_TEXT, &(import).source_spec, "SPEC",                             \
			"of what is imported, where it is sealed"},                                          \
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
		"Takes private keys with their chains, and certificates, from PEM, DER or PKCS#12 into the "
		"keystore\n"
		"FILE. Several PEM files are read as one (key, certificate, chain). Certificates beside a "
		"key are its\n"
		"chain and untrusted; a self-signed CA, or a certificate marked as trusted where it comes "
		"from, is\n"
		"taken only with --anchor or --pinned.",
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
		err = keystore_key_use(keystore, index, key_pem, &out);
	}
	size_t count = leaf_only && entry.chain_count > 0 ? 1 : entry.chain_count;
	for (size_t i = 0; i < count && err == ERR_OK; i++) {
		err = pem_encode("CERTIFICATE", cert_der(entry.chain[i]), &out);
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
