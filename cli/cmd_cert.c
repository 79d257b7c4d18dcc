/*
 * cmd_cert.c - `lockgate cert verify`: the broker's own judgement of a certificate, on files.
 * Owns:    nothing beyond a run.
 * Never:   ignores an option; takes a name or a value that could not mean anything.
 * Threads: one.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/wire.h"
#include "broker/broker.h"
#include "cli/cli.h"

#define CERT_FILE_BYTES_MAX (16u * 1024u * 1024u)
#define CERTS_MAX           4096u
#define STALE_S_MAX         31536000u /* as REVSTALE */

struct verify {
	/* options */
	struct cli_list trust, pinned, untrusted, crl, ocsp, policy;
	const char *at, *purpose, *host, *keystore, *spec, *require_crl, *ocsp_auth, *stale;
	bool explicit_policy, inhibit_mapping, inhibit_any, allow_sha1, json;
	const char *leaf;
	/* what they mean */
	int64_t now;
	enum x509_purpose purpose_value;
	enum x509_revocation revocation;
	enum x509_ocsp ocsp_auth_value;
	uint32_t grace_s;
	struct ocsp_list ocsps;
	struct cert_list anchors, pins, chain;
	struct crl_list crls;
	struct trust_set *trust_set;
	struct crl_set *crl_set;
	struct x509_error leaf_error; /* err set: a presented certificate is none */
	const char *leaf_error_path;
};

static const char command[] = "lockgate cert verify";

/* --- reading --- */

/* Unreadable input is the caller's mistake, not a verdict: exit 2. */
static int unreadable(const char *path, enum err err, const struct x509_error *error)
{
	if (error->what != NULL) {
		(void)cli_fail("%s: %s (byte %zu)", path, error->what, error->offset);
	} else {
		(void)cli_fail("%s: %s", path,
			err == ERR_MALFORMED ? "holds nothing of the kind that is expected" : err_name(err));
	}
	return CLI_USAGE;
}

static int certs_read(const char *path, struct cert_list *list)
{
	struct buf content = BUF_INIT(CERT_FILE_BYTES_MAX);
	struct x509_error error = {0};
	if (cli_read(path, CERT_FILE_BYTES_MAX, &content) != CLI_OK) {
		return CLI_USAGE;
	}
	enum err err = cert_list_load(buf_bytes(&content), list, &error);
	buf_release(&content);
	if (err == ERR_OK && list->count > CERTS_MAX) {
		(void)cli_fail("%s: more than %u certificates", path, CERTS_MAX);
		return CLI_USAGE;
	}
	return err == ERR_OK ? CLI_OK : unreadable(path, err, &error);
}

/* A PEM block of that name, or bytes that begin as DER does: a broken certificate, and not another kind of file. */
static bool looks_like_certificate(struct bytes content)
{
	static const char begin[] = "-----BEGIN CERTIFICATE";
	struct wire_reader reader = wire_reader_init(content);
	uint8_t first = 0;
	if (wire_peek_u8(&reader, &first) != ERR_OK) {
		return false;
	}
	return first == 0x30 || memmem(content.data, content.len, begin, sizeof(begin) - 1) != NULL;
}

/* What the peer presents. Bytes that stand where a certificate should, but are none, are a verdict: exit 1. */
static int presented_read(struct verify *verify, const char *path)
{
	struct buf content = BUF_INIT(CERT_FILE_BYTES_MAX);
	struct x509_error error = {0};
	if (cli_read(path, CERT_FILE_BYTES_MAX, &content) != CLI_OK) {
		return CLI_USAGE;
	}
	enum err err = cert_list_load(buf_bytes(&content), &verify->chain, &error);
	bool meant_as_one = looks_like_certificate(buf_bytes(&content));
	buf_release(&content);
	if (err == ERR_OK) {
		return CLI_OK;
	}
	if (err == ERR_NOMEM || !meant_as_one) {
		return unreadable(path, err, &error);
	}
	if (verify->leaf_error.err == ERR_OK) {
		verify->leaf_error = error;
		verify->leaf_error.err = err;
		verify->leaf_error_path = path;
	}
	return CLI_OK;
}

static int crl_file_read(struct verify *verify, const char *path)
{
	struct buf content = BUF_INIT(X509_CRL_BYTES_MAX);
	struct x509_error error = {0};
	if (cli_read(path, X509_CRL_BYTES_MAX, &content) != CLI_OK) {
		return CLI_USAGE;
	}
	enum err err = crl_list_load(buf_bytes(&content), &verify->crls, &error);
	buf_release(&content);
	return err == ERR_OK ? CLI_OK : unreadable(path, err, &error);
}

/* A folder as CRLFILE has it: every file in it, hidden ones and folders passed over. */
static int crl_folder_read(struct verify *verify, const char *path, DIR *folder)
{
	const struct dirent *entry = NULL;
	unsigned files = 0;
	int code = CLI_OK;
	while (code == CLI_OK && (entry = readdir(folder)) != NULL) {
		char name[PATH_MAX];
		struct stat st;
		int n = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (n < 0 || (size_t)n >= sizeof(name)) {
			return cli_usage(command, "%s: too long a path", path);
		}
		if (entry->d_name[0] == '.' || (stat(name, &st) == 0 && S_ISDIR(st.st_mode))) {
			continue;
		}
		code = ++files > BROKER_CRL_FILES_MAX
			       ? cli_fail("%s: more than %u files", path, BROKER_CRL_FILES_MAX)
			       : crl_file_read(verify, name);
	}
	if (code == CLI_OK && files == 0) {
		code = cli_fail("%s: no file is in this folder", path);
	}
	return code == CLI_OK ? CLI_OK : CLI_USAGE;
}

static int crls_read(struct verify *verify, const char *path)
{
	DIR *folder = opendir(path);
	if (folder == NULL) {
		return crl_file_read(verify, path);
	}
	int code = crl_folder_read(verify, path, folder);
	(void)closedir(folder);
	return code;
}

static int ocsps_read(struct verify *verify, const char *path)
{
	struct buf content = BUF_INIT(CERT_FILE_BYTES_MAX);
	struct x509_error error = {0};
	if (cli_read(path, CERT_FILE_BYTES_MAX, &content) != CLI_OK) {
		return CLI_USAGE;
	}
	enum err err = ocsp_list_load(buf_bytes(&content), &verify->ocsps, &error);
	buf_release(&content);
	if (err == ERR_OK && verify->ocsps.count > X509_OCSP_ANSWERS_MAX) {
		return cli_usage(command, "at most %u OCSP responses are looked at", X509_OCSP_ANSWERS_MAX);
	}
	return err == ERR_OK ? CLI_OK : unreadable(path, err, &error);
}

/* Anchors and pins of a keystore join those of --trust and --pinned. */
static int keystore_read(struct verify *verify)
{
	struct secret passphrase = SECRET_NONE;
	struct keystore *keystore = NULL;
	if (cli_keystore_load(verify->keystore, verify->spec, &passphrase, &keystore) != CLI_OK) {
		return CLI_USAGE;
	}
	enum err err = ERR_OK;
	for (size_t i = 0; i < keystore_count(keystore) && err == ERR_OK; i++) {
		struct keystore_entry entry = keystore_at(keystore, i);
		struct cert_list *list = entry.kind == KEYSTORE_ANCHOR ? &verify->anchors
					 : entry.kind == KEYSTORE_PIN  ? &verify->pins
								       : NULL;
		if (list != NULL) {
			struct cert *cert = cert_ref(entry.chain[0]);
			err = cert_list_add(list, cert);
			if (err != ERR_OK) {
				cert_unref(cert);
			}
		}
	}
	keystore_free(keystore);
	secret_free(&passphrase);
	if (err != ERR_OK) {
		(void)cli_fail("%s: %s", verify->keystore, err_name(err));
		return CLI_USAGE;
	}
	if (verify->anchors.count + verify->pins.count == 0) {
		(void)cli_fail("%s: holds no anchor and no pin, so nothing is trusted", verify->keystore);
		return CLI_USAGE;
	}
	return CLI_OK;
}

static int files_read(struct verify *verify)
{
	int code = CLI_OK;
	for (size_t i = 0; i < verify->trust.count && code == CLI_OK; i++) {
		code = certs_read(verify->trust.items[i], &verify->anchors);
	}
	for (size_t i = 0; i < verify->pinned.count && code == CLI_OK; i++) {
		code = certs_read(verify->pinned.items[i], &verify->pins);
	}
	for (size_t i = 0; i < verify->crl.count && code == CLI_OK; i++) {
		code = crls_read(verify, verify->crl.items[i]);
	}
	for (size_t i = 0; i < verify->ocsp.count && code == CLI_OK; i++) {
		code = ocsps_read(verify, verify->ocsp.items[i]);
	}
	if (code == CLI_OK && verify->keystore != NULL) {
		code = keystore_read(verify);
	}
	if (code == CLI_OK) {
		code = presented_read(verify, verify->leaf);
	}
	for (size_t i = 0; i < verify->untrusted.count && code == CLI_OK; i++) {
		code = presented_read(verify, verify->untrusted.items[i]);
	}
	return code;
}

/* --- options --- */

/* Names that the judge would only ever fail to find. */
static int names_mean(const struct verify *verify)
{
	for (size_t i = 0; i < verify->policy.count; i++) {
		if (!x509_oid_valid(verify->policy.items[i])) {
			return cli_usage(command,
				"--policy wants an object identifier such as 2.5.29.32.0, not '%s'",
				verify->policy.items[i]);
		}
	}
	if (verify->host != NULL && !x509_host_valid(verify->host)) {
		return cli_usage(command,
			"--host wants a host name (international ones as A-labels) or an address, not '%s'",
			verify->host);
	}
	return CLI_OK;
}

/* An option that would change nothing was meant for something that is missing. */
static int none_is_idle(const struct verify *verify)
{
	if (verify->spec != NULL && verify->keystore == NULL) {
		return cli_usage(command, "--passphrase is a keystore's: give --keystore too");
	}
	if (verify->stale != NULL && verify->crl.count == 0 && verify->ocsp.count == 0) {
		return cli_usage(command, "--stale is about lists and responses: give --crl or --ocsp too");
	}
	return CLI_OK;
}

static int ocsp_options_mean(struct verify *verify)
{
	static const struct {
		const char *word;
		enum x509_ocsp value;
	} words[] = {
		{"required", X509_OCSP_REQUIRED}, {"warn", X509_OCSP_WARN}, {"optional", X509_OCSP_OPTIONAL}};
	bool known = verify->ocsp_auth == NULL;
	unsigned long grace = 0;
	char *end = NULL;
	verify->ocsp_auth_value = verify->ocsp.count > 0 ? X509_OCSP_REQUIRED : X509_OCSP_NONE;
	for (size_t i = 0; i < ARRAY_COUNT(words) && !known; i++) {
		known = strcmp(verify->ocsp_auth, words[i].word) == 0;
		verify->ocsp_auth_value = words[i].value;
	}
	if (!known) {
		return cli_usage(
			command, "--ocsp-auth wants required, warn or optional, not '%s'", verify->ocsp_auth);
	}
	if (verify->stale != NULL) {
		grace = strtoul(verify->stale, &end, 10);
		if (verify->stale[0] < '0' || verify->stale[0] > '9' || *end != '\0' || grace > STALE_S_MAX) {
			return cli_usage(command, "--stale wants seconds, 0 to %u, not '%s'", STALE_S_MAX,
				verify->stale);
		}
	}
	verify->grace_s = (uint32_t)grace;
	return CLI_OK;
}

static int options_mean(struct verify *verify)
{
	static const struct {
		const char *word;
		enum x509_purpose value;
	} purposes[] = {
		{"client", X509_PURPOSE_CLIENT}, {"server", X509_PURPOSE_SERVER}, {"any", X509_PURPOSE_ANY}};
	static const struct {
		const char *word;
		enum x509_revocation value;
	} revocations[] = {{"yes", X509_REVOCATION_REQUIRED}, {"no", X509_REVOCATION_NONE},
		{"if-any", X509_REVOCATION_IF_AVAILABLE}};
	bool known = verify->purpose == NULL;
	verify->purpose_value = verify->host != NULL ? X509_PURPOSE_SERVER : X509_PURPOSE_CLIENT;
	for (size_t i = 0; i < ARRAY_COUNT(purposes) && !known; i++) {
		known = strcmp(verify->purpose, purposes[i].word) == 0;
		verify->purpose_value = purposes[i].value;
	}
	if (!known) {
		return cli_usage(command, "--purpose wants client, server or any, not '%s'", verify->purpose);
	}
	verify->revocation = verify->crl.count > 0 || verify->ocsp.count > 0 || verify->ocsp_auth != NULL
				     ? X509_REVOCATION_IF_AVAILABLE
				     : X509_REVOCATION_NONE;
	known = verify->require_crl == NULL;
	for (size_t i = 0; i < ARRAY_COUNT(revocations) && !known; i++) {
		known = strcmp(verify->require_crl, revocations[i].word) == 0;
		verify->revocation = revocations[i].value;
	}
	if (!known) {
		return cli_usage(
			command, "--require-crl wants yes, no or if-any, not '%s'", verify->require_crl);
	}
	verify->now = cli_now();
	if (verify->at != NULL && !cli_time(verify->at, &verify->now)) {
		return cli_usage(
			command, "--at wants a time such as 2026-11-02T10:00:00Z, not '%s'", verify->at);
	}
	if (verify->trust.count == 0 && verify->pinned.count == 0 && verify->keystore == NULL) {
		return cli_usage(command, "nothing is trusted: give --trust, --pinned or --keystore");
	}
	int code = ocsp_options_mean(verify);
	code = code == CLI_OK ? none_is_idle(verify) : code;
	return code == CLI_OK ? names_mean(verify) : code;
}

/* --- the verdict --- */

static int malformed_report(const struct verify *verify)
{
	const char *what =
		verify->leaf_error.what != NULL ? verify->leaf_error.what : err_name(verify->leaf_error.err);
	struct buf out = BUF_INIT(1 << 16);
	struct json_writer json = json_writer_init(&out);
	char sentence[X509_SENTENCE_BYTES];
	(void)snprintf(sentence, sizeof(sentence), "a presented certificate %s: %s (byte %zu)",
		verify->leaf_error.err == ERR_LIMIT ? "holds more than is read" : "cannot be read", what,
		verify->leaf_error.offset);
	json_object_begin(&json);
	json_key(&json, "certificate");
	json_text(&json, verify->leaf_error_path);
	json_key(&json, "verdict");
	json_text(&json, "refuse");
	json_key(&json, "reason");
	json_text(&json, x509_reason_name(X509_MALFORMED));
	json_key(&json, "sentence");
	json_text(&json, sentence);
	json_key(&json, "path");
	json_array_begin(&json);
	json_array_end(&json);
	json_object_end(&json);
	if (!verify->json) {
		(void)printf("%s: REFUSED (malformed): %s\n", verify->leaf_error_path, sentence);
	} else if (json_err(&json) == ERR_OK) {
		(void)printf("%.*s\n", (int)out.len, (const char *)out.data);
	}
	buf_release(&out);
	return CLI_REFUSED;
}

static int judge(struct verify *verify)
{
	struct x509_answer answer = {0};
	struct x509_question question = {
		.chain = (const struct cert *const *)verify->chain.items,
		.chain_count = verify->chain.count,
		.trust = verify->trust_set,
		.crls = verify->crl_set,
		.now = verify->now,
		.purpose = verify->purpose_value,
		.revocation = verify->revocation,
		.allow_sha1 = verify->allow_sha1,
		.policies = verify->policy.items,
		.policy_count = verify->policy.count,
		.explicit_policy = verify->explicit_policy,
		.inhibit_mapping = verify->inhibit_mapping,
		.inhibit_any_policy = verify->inhibit_any,
		.host = verify->host,
		/* What --untrusted adds is the operator's; LEAF's file alone is held to what a peer may present. */
		.given_by_operator = verify->untrusted.count > 0,
		.ocsp = (const struct ocsp_response *const *)verify->ocsps.items,
		.ocsp_count = verify->ocsps.count,
		.ocsp_auth = verify->ocsp_auth_value,
		.need_aia = true,
		.stale_grace_s = verify->grace_s,
	};
	struct buf out = BUF_INIT(1 << 20);
	x509_judge(&question, &answer);
	enum err err = verify->json ? x509_report_json(&question, &answer, verify->leaf, &out)
				    : x509_report_text(&question, &answer, verify->leaf, &out);
	if (err == ERR_OK && out.len > 0) {
		(void)fwrite(out.data, 1, out.len, stdout);
		if (out.data[out.len - 1] != '\n') {
			(void)fputc('\n', stdout);
		}
	}
	buf_release(&out);
	if (err != ERR_OK) {
		return cli_fail("the report cannot be made: %s", err_name(err));
	}
	return answer.verdict == X509_ACCEPT ? CLI_OK : CLI_REFUSED;
}

static int sets_make(struct verify *verify)
{
	struct trust_pin pins[CERTS_MAX];
	if (verify->pins.count > CERTS_MAX) {
		return cli_fail("more than %u pinned certificates", CERTS_MAX);
	}
	for (size_t i = 0; i < verify->pins.count; i++) {
		pins[i] = (struct trust_pin){verify->pins.items[i], "pinned"};
	}
	enum err err = trust_set_new((const struct cert *const *)verify->anchors.items, verify->anchors.count,
		pins, verify->pins.count, 1, &verify->trust_set);
	if (err == ERR_OK && verify->crls.count > 0) {
		err = crl_set_new((const struct crl *const *)verify->crls.items, verify->crls.count, 1,
			&verify->crl_set);
	}
	return err == ERR_OK ? CLI_OK : cli_fail("the question cannot be put: %s", err_name(err));
}

static void verify_release(struct verify *verify)
{
	cert_list_release(&verify->anchors);
	cert_list_release(&verify->pins);
	cert_list_release(&verify->chain);
	crl_list_release(&verify->crls);
	ocsp_list_release(&verify->ocsps);
	trust_set_unref(verify->trust_set);
	crl_set_unref(verify->crl_set);
}

static int cmd_verify(int argc, char **argv)
{
	struct verify verify = {0};
	const struct cli_option options[] = {
		{"--trust", CLI_LIST, &verify.trust, "FILE", "trust anchors"},
		{"--pinned", CLI_LIST, &verify.pinned, "FILE", "certificates that are let in as they are"},
		{"--keystore", CLI_TEXT, &verify.keystore, "FILE", "anchors and pins of a keystore"},
		{"--passphrase", CLI_TEXT, &verify.spec, "SPEC", "of the keystore"},
		{"--untrusted", CLI_LIST, &verify.untrusted, "FILE", "what the peer presents beside LEAF"},
		{"--crl", CLI_LIST, &verify.crl, "FILE", "revocation lists; also folders of them"},
		{"--require-crl", CLI_TEXT, &verify.require_crl, "WORD",
			"yes, no or if-any (the default with --crl or --ocsp)"},
		{"--ocsp", CLI_LIST, &verify.ocsp, "FILE", "OCSP responses (PEM or DER)"},
		{"--ocsp-auth", CLI_TEXT, &verify.ocsp_auth, "WORD",
			"what an unknown OCSP status does: required (the default with --ocsp), warn, "
			"optional"},
		{"--stale", CLI_TEXT, &verify.stale, "SECONDS",
			"lists and responses serve for so long past their nextUpdate"},
		{"--at", CLI_TEXT, &verify.at, "TIME", "judge as of then (RFC 3339); default: now"},
		{"--purpose", CLI_TEXT, &verify.purpose, "WORD",
			"client (the default), server (the default with --host) or any"},
		{"--host", CLI_TEXT, &verify.host, "NAME",
			"the server name or address that LEAF must be for"},
		{"--policy", CLI_LIST, &verify.policy, "OID", "acceptable certificate policies"},
		{"--explicit-policy", CLI_FLAG, &verify.explicit_policy, NULL, "a policy is needed"},
		{"--inhibit-mapping", CLI_FLAG, &verify.inhibit_mapping, NULL, "policies are not mapped"},
		{"--inhibit-any", CLI_FLAG, &verify.inhibit_any, NULL, "anyPolicy does not count"},
		{"--allow-sha1", CLI_FLAG, &verify.allow_sha1, NULL, "accept SHA-1 signatures"},
		{"--json", CLI_FLAG, &verify.json, NULL, "for programs"},
	};
	const struct cli_syntax syntax = {command, "LEAF",
		"Judges the certificate in LEAF (further ones in it are presented with it) as the broker "
		"judges a\n"
		"client's. PEM or DER; each file may hold several. Exit 0 accepted, 1 refused, 2 unreadable "
		"input.",
		options, ARRAY_COUNT(options), 1, 1};
	struct cli_list arguments = {.count = 0};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	verify.leaf = arguments.items[0];
	if ((code = options_mean(&verify)) == CLI_OK && (code = files_read(&verify)) == CLI_OK) {
		if (verify.leaf_error.err != ERR_OK) {
			code = malformed_report(&verify);
		} else if ((code = sets_make(&verify)) == CLI_OK) {
			code = judge(&verify);
		}
	}
	verify_release(&verify);
	return code;
}

int cmd_cert(int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{"verify", "would it be let in, and why not", cmd_verify}};
	return cli_dispatch("lockgate cert", "Certificates, judged as the broker judges them.", commands,
		ARRAY_COUNT(commands), argc, argv);
}
