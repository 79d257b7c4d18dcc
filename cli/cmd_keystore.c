/*
 * cmd_keystore.c - `lockgate keystore`: create, list, rename, remove, passwd, check.
 * Owns:    nothing beyond a run; a keystore file is replaced whole or not at all.
 * Never:   prints a key or a passphrase.
 * Threads: one; blocks.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/pem.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/cmd_keystore.h"

#define LIST_BYTES_MAX (256u * 1024u * 1024u)

#define PASSPHRASE_OPTION(target)                                                                            \
	{                                                                                                    \
		"--passphrase", CLI_TEXT, (target), "SPEC",                                                  \
			"file:PATH, fd:N, env:NAME, cred:NAME or prompt (the default)"                       \
	}

/* --- create --- */

static int cmd_create(int argc, char **argv)
{
	const char *spec = NULL;
	const struct cli_option options[] = {PASSPHRASE_OPTION(&spec)};
	const struct cli_syntax syntax = {"lockgate keystore create", "FILE",
		"Makes an empty keystore (PKCS#12). FILE must not be there yet.", options,
		ARRAY_COUNT(options), 1, 1};
	struct cli_list arguments = {.count = 0};
	struct secret passphrase = SECRET_NONE;
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	const char *path = arguments.items[0];
	if (access(path, F_OK) == 0) {
		return cli_fail("%s: is there already", path);
	}
	if ((code = cli_passphrase(spec, "New keystore passphrase", true, &passphrase)) != CLI_OK) {
		return code;
	}
	if (keystore_new(&keystore) != ERR_OK) {
		code = cli_fail("out of memory");
	} else if (keystore_save(keystore, path, secret_bytes(&passphrase), &error) != ERR_OK) {
		code = cli_fail("%s", error.sentence);
	}
	keystore_free(keystore);
	secret_free(&passphrase);
	return code;
}

/* --- list --- */

static void date_text(int64_t seconds, char *out, size_t out_bytes)
{
	struct tm tm = {0};
	time_t when = (time_t)seconds;
	if (gmtime_r(&when, &tm) == NULL || strftime(out, out_bytes, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		(void)snprintf(out, out_bytes, "?");
	}
}

static enum err cert_list_text(const struct cert *cert, struct buf *out)
{
	char until[32];
	struct buf hex = BUF_INIT(256);
	date_text(cert_not_after(cert), until, sizeof(until));
	enum err err = buf_append_text(out, "    ");
	if (err == ERR_OK && (err = cert_print_dn(cert, true, out)) == ERR_OK &&
		(err = buf_append_text(out, "\n      issued by ")) == ERR_OK &&
		(err = cert_print_dn(cert, false, out)) == ERR_OK &&
		(err = hex_encode(bytes_of(cert_sha256(cert), SHA256_BYTES), &hex)) == ERR_OK) {
		err = buf_printf(
			out, "\n      until %s, SHA-256 %.*s\n", until, (int)hex.len, (const char *)hex.data);
	}
	buf_release(&hex);
	return err;
}

static enum err entry_list_text(const struct keystore_entry *entry, struct buf *out)
{
	struct buf alias = BUF_INIT((size_t)KEYSTORE_ALIAS_BYTES_MAX * 8);
	const char *text = NULL;
	enum err err = utf8_escape(&alias, bytes_text(entry->alias));
	if (err == ERR_OK && (err = buf_text(&alias, &text)) == ERR_OK) {
		err = buf_printf(out, "%s: %s", text, keystore_kind_name(entry->kind));
	}
	buf_release(&alias);
	if (err == ERR_OK && entry->kind == KEYSTORE_KEY) {
		err = buf_printf(out, ", %s, %zu certificate%s", key_kind_name(entry->key_kind),
			entry->chain_count, entry->chain_count == 1 ? "" : "s");
	}
	if (err == ERR_OK && entry->kind == KEYSTORE_KEPT) {
		err = buf_printf(out, ", not usable: %s", entry->kept_why);
	}
	if (err == ERR_OK) {
		err = buf_append_text(out, "\n");
	}
	for (size_t i = 0; i < entry->chain_count && err == ERR_OK; i++) {
		err = cert_list_text(entry->chain[i], out);
	}
	return err;
}

static void cert_list_json(const struct cert *cert, struct json_writer *json)
{
	struct buf text = BUF_INIT(1 << 20);
	char when[32];
	json_object_begin(json);
	for (int issuer = 0; issuer < 2; issuer++) {
		text.len = 0;
		if (cert_print_dn(cert, issuer == 0, &text) == ERR_OK) {
			json_key(json, issuer == 0 ? "subject" : "issuer");
			json_escaped(json, buf_bytes(&text));
		}
	}
	date_text(cert_not_before(cert), when, sizeof(when));
	json_key(json, "not_before");
	json_text(json, when);
	date_text(cert_not_after(cert), when, sizeof(when));
	json_key(json, "not_after");
	json_text(json, when);
	text.len = 0;
	if (hex_encode(bytes_of(cert_sha256(cert), SHA256_BYTES), &text) == ERR_OK) {
		json_key(json, "sha256");
		json_bytes(json, buf_bytes(&text));
	}
	json_object_end(json);
	buf_release(&text);
}

/* What it is, that it is not used, and why; of a certificate the digest, which is all that is known of it. */
static void kept_list_json(const struct keystore_entry *entry, struct json_writer *json)
{
	uint8_t digest[SHA256_BYTES];
	struct buf text = BUF_INIT(1024);
	json_key(json, "what");
	json_text(json, entry->kept_key ? "key" : "certificate");
	json_key(json, "usable");
	json_bool(json, false);
	if (buf_printf(&text, "kept, not usable: %s", entry->kept_why) == ERR_OK) {
		json_key(json, "note");
		json_bytes(json, buf_bytes(&text));
	}
	text.len = 0;
	if (!entry->kept_key) {
		hash_of(HASH_SHA256, entry->kept_der, digest);
		if (hex_encode(bytes_of(digest, sizeof(digest)), &text) == ERR_OK) {
			json_key(json, "sha256");
			json_bytes(json, buf_bytes(&text));
		}
	}
	buf_release(&text);
}

static void entry_list_json(const struct keystore_entry *entry, struct json_writer *json)
{
	json_object_begin(json);
	json_key(json, "alias");
	json_text(json, entry->alias);
	json_key(json, "kind");
	json_text(json, keystore_kind_name(entry->kind));
	if (entry->kind == KEYSTORE_KEY) {
		json_key(json, "key");
		json_text(json, key_kind_name(entry->key_kind));
	}
	if (entry->kind == KEYSTORE_KEPT) {
		kept_list_json(entry, json);
	}
	json_key(json, "certificates");
	json_array_begin(json);
	for (size_t i = 0; i < entry->chain_count; i++) {
		cert_list_json(entry->chain[i], json);
	}
	json_array_end(json);
	json_object_end(json);
}

static int list_print(const struct keystore *keystore, bool as_json)
{
	struct buf out = BUF_INIT(LIST_BYTES_MAX);
	struct json_writer json = json_writer_init(&out);
	enum err err = ERR_OK;
	if (as_json) {
		json_array_begin(&json);
	}
	for (size_t i = 0; i < keystore_count(keystore) && err == ERR_OK; i++) {
		struct keystore_entry entry = keystore_at(keystore, i);
		if (as_json) {
			entry_list_json(&entry, &json);
		} else {
			err = entry_list_text(&entry, &out);
		}
	}
	if (as_json) {
		json_array_end(&json);
		err = json_err(&json) != ERR_OK ? json_err(&json) : buf_append_text(&out, "\n");
	}
	if (err == ERR_OK && out.len > 0) {
		(void)fwrite(out.data, 1, out.len, stdout);
	}
	buf_release(&out);
	return err == ERR_OK ? CLI_OK : cli_fail("the list cannot be made: %s", err_name(err));
}

static int cmd_list(int argc, char **argv)
{
	const char *spec = NULL;
	bool json = false;
	const struct cli_option options[] = {
		PASSPHRASE_OPTION(&spec), {"--json", CLI_FLAG, &json, NULL, "for programs"}};
	const struct cli_syntax syntax = {"lockgate keystore list", "FILE",
		"Shows what is in a keystore: keys with their chains, anchors, pins, what nobody trusts, and "
		"what is kept\n"
		"though it cannot be used.",
		options, ARRAY_COUNT(options), 1, 1};
	struct cli_list arguments = {.count = 0};
	struct secret passphrase = SECRET_NONE;
	struct keystore *keystore = NULL;
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	if ((code = cli_keystore_load(arguments.items[0], spec, &passphrase, &keystore)) != CLI_OK) {
		return code;
	}
	code = list_print(keystore, json);
	keystore_free(keystore);
	secret_free(&passphrase);
	return code;
}

/* --- rename, remove --- */

int keystore_change(const char *path, const char *spec, keystore_change_fn change, void *ctx)
{
	struct secret passphrase = SECRET_NONE;
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	int code = cli_keystore_load(path, spec, &passphrase, &keystore);
	if (code != CLI_OK) {
		return code;
	}
	if (change(keystore, ctx, &error) != ERR_OK ||
		keystore_save(keystore, path, secret_bytes(&passphrase), &error) != ERR_OK) {
		code = cli_fail("%s", error.sentence);
	}
	keystore_free(keystore);
	secret_free(&passphrase);
	return code;
}

static enum err rename_change(struct keystore *keystore, void *ctx, struct keystore_error *error)
{
	const struct cli_list *arguments = ctx;
	return keystore_rename(keystore, arguments->items[1], arguments->items[2], error);
}

static int cmd_rename(int argc, char **argv)
{
	const char *spec = NULL;
	const struct cli_option options[] = {PASSPHRASE_OPTION(&spec)};
	const struct cli_syntax syntax = {"lockgate keystore rename", "FILE ALIAS NEW",
		"Gives an entry another alias. It stays what it is: a pin keeps its 'pin:', an anchor never "
		"gets one.",
		options, ARRAY_COUNT(options), 3, 3};
	struct cli_list arguments = {.count = 0};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	return keystore_change(arguments.items[0], spec, rename_change, &arguments);
}

static enum err remove_change(struct keystore *keystore, void *ctx, struct keystore_error *error)
{
	const struct cli_list *arguments = ctx;
	enum err err = ERR_OK;
	for (size_t i = 1; i < arguments->count && err == ERR_OK; i++) {
		err = keystore_remove(keystore, arguments->items[i], error);
	}
	return err;
}

static int cmd_remove(int argc, char **argv)
{
	const char *spec = NULL;
	const struct cli_option options[] = {PASSPHRASE_OPTION(&spec)};
	const struct cli_syntax syntax = {"lockgate keystore remove", "FILE ALIAS…",
		"Removes entries. A broker that serves this file acts on it within a second (see CUTHOLD).",
		options, ARRAY_COUNT(options), 2, CLI_LIST_MAX};
	struct cli_list arguments = {.count = 0};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	return keystore_change(arguments.items[0], spec, remove_change, &arguments);
}

/* --- passwd --- */

static int cmd_passphrase(int argc, char **argv)
{
	const char *spec = NULL;
	const char *new_spec = NULL;
	const struct cli_option options[] = {PASSPHRASE_OPTION(&spec),
		{"--new-passphrase", CLI_TEXT, &new_spec, "SPEC", "the new one, likewise"}};
	const struct cli_syntax syntax = {"lockgate keystore passwd", "FILE",
		"Seals a keystore with another passphrase.", options, ARRAY_COUNT(options), 1, 1};
	struct cli_list arguments = {.count = 0};
	struct secret passphrase = SECRET_NONE;
	struct secret fresh = SECRET_NONE;
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	if ((code = cli_keystore_load(arguments.items[0], spec, &passphrase, &keystore)) != CLI_OK) {
		return code;
	}
	code = cli_passphrase(new_spec, "New keystore passphrase", true, &fresh);
	if (code == CLI_OK &&
		keystore_save(keystore, arguments.items[0], secret_bytes(&fresh), &error) != ERR_OK) {
		code = cli_fail("%s", error.sentence);
	}
	keystore_free(keystore);
	secret_free(&passphrase);
	secret_free(&fresh);
	return code;
}

/* --- check --- */

static void finding_json(const struct keystore_finding *finding, struct json_writer *json)
{
	json_object_begin(json);
	json_key(json, "severity");
	json_text(json, keystore_severity_name(finding->severity));
	json_key(json, "code");
	json_text(json, finding->code);
	json_key(json, "alias");
	json_text(json, finding->alias);
	json_key(json, "sentence");
	json_text(json, finding->sentence);
	json_object_end(json);
}

static int findings_print(const struct keystore_findings *findings, bool as_json)
{
	struct buf out = BUF_INIT(LIST_BYTES_MAX);
	struct json_writer json = json_writer_init(&out);
	size_t errors = 0;
	json_array_begin(&json);
	for (size_t i = 0; i < findings->count; i++) {
		const struct keystore_finding *finding = &findings->items[i];
		errors += finding->severity == KEYSTORE_ERROR ? 1 : 0;
		finding_json(finding, &json);
		if (!as_json) {
			(void)printf("%s: ", keystore_severity_name(finding->severity));
			if (finding->alias != NULL) {
				cli_print_escaped(stdout, bytes_text(finding->alias));
				(void)printf(": ");
			}
			(void)printf("%s\n", finding->sentence);
		}
	}
	json_array_end(&json);
	if (as_json && json_err(&json) == ERR_OK) {
		(void)printf("%.*s\n", (int)out.len, (const char *)out.data);
	} else if (findings->count == 0) {
		(void)printf("nothing to say against it\n");
	}
	buf_release(&out);
	return errors == 0 ? CLI_OK : CLI_REFUSED;
}

static int cmd_check(int argc, char **argv)
{
	const char *spec = NULL;
	const char *at = NULL;
	bool json = false;
	const struct cli_option options[] = {PASSPHRASE_OPTION(&spec),
		{"--at", CLI_TEXT, &at, "TIME", "judge as of then (RFC 3339); default: now"},
		{"--json", CLI_FLAG, &json, NULL, "for programs"}};
	const struct cli_syntax syntax = {"lockgate keystore check", "FILE",
		"Says what is wrong with a keystore: expired or expiring certificates, keys without theirs, "
		"broken\n"
		"chains, anchors that are no CA, pins that are anchors as well. Exit 1 if something is an "
		"error.",
		options, ARRAY_COUNT(options), 1, 1};
	struct cli_list arguments = {.count = 0};
	struct secret passphrase = SECRET_NONE;
	struct keystore *keystore = NULL;
	struct keystore_findings findings = KEYSTORE_FINDINGS_NONE;
	int64_t now = cli_now();
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	if (at != NULL && !cli_time(at, &now)) {
		return cli_usage(
			syntax.command, "--at wants a time such as 2026-11-02T10:00:00Z, not '%s'", at);
	}
	if ((code = cli_keystore_load(arguments.items[0], spec, &passphrase, &keystore)) != CLI_OK) {
		return code;
	}
	enum err err = keystore_check(keystore, now, &findings);
	code = err == ERR_OK ? findings_print(&findings, json)
			     : cli_fail("the check failed: %s", err_name(err));
	keystore_findings_release(&findings);
	keystore_free(keystore);
	secret_free(&passphrase);
	return code;
}

int cmd_keystore(int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{"create", "an empty keystore", cmd_create},
		{"list", "what is in it", cmd_list},
		{"report", "what expires when, and which clients need an anchor (asks the running broker)",
			cmd_keystore_report},
		{"import", "keys with their chains, certificates", cmd_keystore_import},
		{"import-trust", "certificates that are to be trusted", cmd_keystore_import_trust},
		{"export", "certificates, or on demand a key, as PEM", cmd_keystore_export},
		{"rename", "another alias for an entry", cmd_rename},
		{"remove", "take entries out", cmd_remove},
		{"passwd", "another passphrase", cmd_passphrase},
		{"check", "what is wrong with it", cmd_check},
	};
	return cli_dispatch("lockgate keystore",
		"One file holds the keys that channels serve, the roots that are trusted, and pinned "
		"certificates.",
		commands, ARRAY_COUNT(commands), argc, argv);
}
