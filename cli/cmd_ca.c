/*
 * cmd_ca.c - `lockgate ca`: init, revoke, crl; cmd_ca_sign.c has sign.
 * Owns:    nothing beyond a run; a folder is changed whole or not at all.
 * Never:   writes a key that is not sealed; makes a list whose number does not grow.
 * Threads: one; blocks.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "base/wire.h"
#include "cli/ca.h"

#define INIT_DAYS 3650u
#define CRL_DAYS  7u
#define RSA_BITS  3072u

static const char what_it_is[] = "A CA in a folder, for pilots, tests and demonstrations: a root, device and "
				 "server certificates, a revocation\n"
				 "list. What it is not: there is no HSM and no second pair of eyes, nothing "
				 "is audited but the database, there are\n"
				 "no intermediate CAs, no OCSP, no renewal protocol, no certificate "
				 "profiles. Where more than a pilot hangs on it,\n"
				 "use a CA that has those, and give Lockgate its root.";

#define KEY_OPTIONS(spec, key)                                                                               \
	{"--passphrase", CLI_TEXT, (spec), "SPEC",                                                           \
		"of the CA's key: file:PATH, fd:N, env:NAME, cred:NAME or prompt (the default)"},            \
	{                                                                                                    \
		"--key", CLI_TEXT, (key), "FILE", "the CA's key, where it is not FOLDER/" CA_KEY_FILE        \
	}

/* --- init --- */

struct init {
	const char *spec, *key_path, *name, *organisation, *days, *url;
	bool rsa;
	const char *folder;
	int64_t lifetime;
};

static enum err root_make(const struct init *init, struct bytes key, struct bytes spki, struct cert **out)
{
	struct buf der = BUF_INIT(X509_CERT_BYTES_MAX);
	struct x509_make_attribute subject[2];
	size_t count = 0;
	if (init->organisation != NULL) {
		subject[count++] = (struct x509_make_attribute){"O", init->organisation};
	}
	subject[count++] = (struct x509_make_attribute){"CN", init->name};
	int64_t now = cli_now();
	struct x509_make make = {
		.subject = subject,
		.subject_count = count,
		.not_before = now - CA_CLOCK_SKEW,
		.not_after = now + init->lifetime,
		.ca = true,
		.path_length = 0, /* it signs devices and servers, never another CA */
	};
	enum err err = x509_make_cert(&make, spki, NULL, key, &der);
	if (err == ERR_OK) {
		err = cert_parse(buf_bytes(&der), out, NULL);
	}
	buf_release(&der);
	return err;
}

/* Key, certificate and an empty database become a change of one folder. */
static int init_prepare(const struct init *init, struct bytes passphrase, struct bytes key,
	const struct cert *cert, struct ca *ca)
{
	struct keystore *keystore = NULL;
	struct keystore_error error = {0};
	struct buf sealed = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	struct buf pem = BUF_INIT(CA_FILE_MAX);
	char *cert_path = path_join(init->folder, CA_CERT_FILE);
	int code = CLI_OK;
	if (init->url != NULL && (ca->db.crl_url = strdup(init->url)) == NULL) {
		code = cli_fail("out of memory");
	}
	if (code == CLI_OK && (cert_path == NULL || keystore_new(&keystore) != ERR_OK ||
				      pem_encode("CERTIFICATE", cert_der(cert), &pem) != ERR_OK)) {
		code = cli_fail("out of memory");
	}
	if (code == CLI_OK && (keystore_add_key(keystore, "ca", key, &cert, 1, &error) != ERR_OK ||
				      keystore_encode(keystore, passphrase, &sealed, &error) != ERR_OK)) {
		code = cli_fail("%s", error.sentence);
	}
	if (code == CLI_OK && (code = change_folder(&ca->change, init->folder)) == CLI_OK &&
		(code = change_add(&ca->change, ca->key_path, buf_bytes(&sealed), 0600)) == CLI_OK &&
		(code = change_add(&ca->change, cert_path, buf_bytes(&pem), 0644)) == CLI_OK) {
		code = ca_db_change(ca);
	}
	keystore_free(keystore);
	buf_release(&sealed);
	buf_release(&pem);
	free(cert_path);
	return code;
}

static int init_run(const struct init *init, struct ca *ca)
{
	struct secret passphrase = SECRET_NONE;
	struct secret key = SECRET_NONE;
	struct buf spki = BUF_INIT(CA_FILE_MAX);
	struct cert *cert = NULL;
	enum key_kind kind = init->rsa ? KEY_RSA : KEY_EC_P256;
	int code = cli_passphrase(init->spec, "New passphrase for the CA's key", true, &passphrase);
	enum err err = ERR_OK;
	if (code != CLI_OK) {
		return code;
	}
	if ((err = key_generate(kind, RSA_BITS, &key)) != ERR_OK ||
		(err = key_public(secret_bytes(&key), &kind, &spki)) != ERR_OK ||
		(err = root_make(init, secret_bytes(&key), buf_bytes(&spki), &cert)) != ERR_OK) {
		code = cli_fail("the root cannot be made: %s%s", err_name(err),
			err == ERR_INVALID ? " (is --cn a name?)" : "");
	}
	if (code == CLI_OK) {
		code = init_prepare(init, secret_bytes(&passphrase), secret_bytes(&key), cert, ca);
	}
	if (code == CLI_OK) {
		code = change_apply(&ca->change);
	}
	cert_unref(cert);
	buf_release(&spki);
	secret_free(&key);
	secret_free(&passphrase);
	return code;
}

int cmd_ca_init(int argc, char **argv)
{
	struct init init = {0};
	const struct cli_option options[] = {KEY_OPTIONS(&init.spec, &init.key_path),
		{"--cn", CLI_TEXT, &init.name, "NAME", "what the root is called (needed)"},
		{"--org", CLI_TEXT, &init.organisation, "NAME", "its organisation"},
		{"--days", CLI_TEXT, &init.days, "N", "how long the root is good; default: 3650"},
		{"--rsa", CLI_FLAG, &init.rsa, NULL, "an RSA key of 3072 bits; default: ECDSA P-256"},
		{"--crl-url", CLI_TEXT, &init.url, "URL",
			"where its certificates say that the list is found"}};
	const struct cli_syntax syntax = {"lockgate ca init", "FOLDER",
		"Makes FOLDER (which must not be there yet) with a root: ca.p12 (its key, sealed, 0600), "
		"ca.crt, "
		"ca.db.",
		options, ARRAY_COUNT(options), 1, 1};
	struct cli_list arguments = {.count = 0};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	if (init.name == NULL || init.name[0] == '\0') {
		return cli_usage(syntax.command, "--cn is missing");
	}
	if (init.url != NULL && (strlen(init.url) > CA_URL_MAX || strpbrk(init.url, " \t\r\n") != NULL ||
					strstr(init.url, "://") == NULL)) {
		return cli_usage(syntax.command, "'%s' is no URL", init.url);
	}
	if ((code = ca_days_mean(syntax.command, init.days, INIT_DAYS, &init.lifetime)) != CLI_OK) {
		return code;
	}
	init.folder = arguments.items[0];
	struct ca ca = CA_NONE;
	ca.key_path = init.key_path != NULL ? strdup(init.key_path) : path_join(init.folder, CA_KEY_FILE);
	ca.db_path = path_join(init.folder, CA_DB_FILE);
	if (ca.key_path == NULL || ca.db_path == NULL) {
		code = cli_fail("out of memory");
	} else if (init.key_path != NULL && access(init.key_path, F_OK) == 0) {
		code = cli_fail("%s: is there already; a CA's key gets a file of its own", init.key_path);
	} else {
		code = init_run(&init, &ca);
	}
	ca_close(&ca);
	if (code == CLI_OK) {
		(void)printf("%s/" CA_CERT_FILE
			     " is the root: 'lockgate keystore import-trust --anchor' lets a "
			     "channel trust it\n",
			init.folder);
	}
	return code;
}

/* --- revoke --- */

/* A certificate file, which must be one of ours, or a serial number. */
static int revoked_find(struct ca *ca, const char *what, struct ca_record **out)
{
	char serial[CA_SERIAL_HEX_MAX + 1];
	struct buf content = BUF_INIT(CA_FILE_MAX);
	struct cert_list list = {0};
	int code = CLI_OK;
	if (access(what, F_OK) != 0) {
		if (!ca_serial_mean(what, serial)) {
			return cli_fail("'%s' is neither a file nor a serial number", what);
		}
	} else if ((code = cli_read(what, CA_FILE_MAX, &content)) == CLI_OK) {
		if (cert_list_load(buf_bytes(&content), &list, NULL) != ERR_OK || list.count == 0) {
			code = cli_fail("%s: holds no certificate", what);
		} else if (cert_verify_issued_by(list.items[0], ca->cert) != ERR_OK ||
			   !ca_serial_of(cert_serial(list.items[0]), serial)) {
			code = cli_fail("%s: was not issued by this CA", what);
		}
	}
	cert_list_release(&list);
	buf_release(&content);
	if (code != CLI_OK) {
		return code;
	}
	*out = ca_db_find(&ca->db, serial);
	return *out != NULL ? CLI_OK : cli_fail("%s is not in %s", serial, ca->db_path);
}

static int revoke_run(struct ca *ca, const char *what, int reason)
{
	struct ca_record *record = NULL;
	int code = revoked_find(ca, what, &record);
	if (record == NULL) {
		return code;
	}
	if (record->revoked) {
		return cli_fail("%s is revoked already", record->serial);
	}
	record->revoked = true;
	record->revoked_at = cli_now();
	record->reason = reason;
	if ((code = ca_db_change(ca)) == CLI_OK && (code = change_apply(&ca->change)) == CLI_OK) {
		(void)printf("revoked %s, %s\n", record->serial, record->subject);
		(void)printf(
			"nobody knows it before 'lockgate ca crl %s' and the list is where brokers read it\n",
			ca->folder);
	}
	return code;
}

static int cmd_ca_revoke(int argc, char **argv)
{
	const char *word = "unspecified";
	const char *given = NULL;
	int reason = CA_REASON_NONE;
	const struct cli_option options[] = {{"--reason", CLI_TEXT, &given, "WORD",
		"keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation, "
		"privilegeWithdrawn, aACompromise; default: unspecified"}};
	const struct cli_syntax syntax = {"lockgate ca revoke", "FOLDER SERIAL|FILE",
		"Notes that a certificate is good no longer. It cannot be taken back. No passphrase is "
		"needed: "
		"'ca crl' signs.",
		options, ARRAY_COUNT(options), 2, 2};
	struct cli_list arguments = {.count = 0};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code)) {
		return code;
	}
	word = given != NULL ? given : word;
	if (!ca_reason_mean(word, &reason)) {
		return cli_usage(syntax.command, "--reason does not know '%s'", word);
	}
	struct ca ca = CA_NONE;
	if ((code = ca_open(&ca, arguments.items[0], NULL)) == CLI_OK) {
		code = revoke_run(&ca, arguments.items[1], reason);
	}
	ca_close(&ca);
	return code;
}

/* --- crl --- */

struct listing {
	const struct ca *ca;
	const struct x509_make_revoked *revoked;
	size_t count;
	int64_t now, lifetime;
	struct buf *der;
};

static enum err list_sign(struct bytes pkcs8, void *ctx)
{
	const struct listing *listing = ctx;
	return x509_make_crl(listing->ca->cert, pkcs8, listing->now, listing->now + listing->lifetime,
		listing->ca->db.crl_number, listing->revoked, listing->count, listing->der);
}

/* serials has room for one octet string per record. */
static enum err revoked_collect(
	const struct ca *ca, struct buf *serials, struct x509_make_revoked *out, size_t *count)
{
	/* The octets do not move: room for all of them is taken first. */
	enum err err = buf_reserve(serials, ca->db.count * (CA_SERIAL_HEX_MAX / 2 + 1) + 1);
	for (size_t i = 0; i < ca->db.count && err == ERR_OK; i++) {
		const struct ca_record *record = &ca->db.records[i];
		if (!record->revoked) {
			continue;
		}
		size_t at = serials->len;
		/* A serial number is a positive INTEGER: its first octet may need a zero in front. */
		if (record->serial[0] >= '8') {
			err = buf_append_u8(serials, 0);
		}
		if (err == ERR_OK) {
			err = hex_decode(bytes_text(record->serial), serials);
		}
		out[(*count)++] = (struct x509_make_revoked){
			bytes_of(serials->data + at, serials->len - at), record->revoked_at, record->reason};
	}
	return err;
}

static int crl_run(struct ca *ca, const char *out_path, int64_t lifetime)
{
	struct buf serials = BUF_INIT((size_t)CA_RECORDS_MAX * (CA_SERIAL_HEX_MAX / 2 + 1) + 1);
	struct buf der = BUF_INIT(CA_DB_BYTES_MAX);
	struct buf pem = BUF_INIT(CA_DB_BYTES_MAX);
	struct x509_make_revoked *revoked = calloc(ca->db.count + 1, sizeof(*revoked));
	struct listing listing = {ca, revoked, 0, cli_now(), lifetime, &der};
	int code = CLI_OK;
	ca->db.crl_number++;
	enum err err = revoked == NULL ? ERR_NOMEM : revoked_collect(ca, &serials, revoked, &listing.count);
	if (err == ERR_OK && (err = keystore_key_use(ca->keystore, 0, list_sign, &listing)) == ERR_OK) {
		err = pem_encode("X509 CRL", buf_bytes(&der), &pem);
	}
	if (err != ERR_OK) {
		code = cli_fail("the list cannot be made: %s", err_name(err));
	}
	/* The number first: one that is spent for nothing is harmless, one that is used twice is not. */
	if (code == CLI_OK && (code = ca_db_change(ca)) == CLI_OK &&
		(code = change_add(&ca->change, out_path, buf_bytes(&pem), 0644)) == CLI_OK &&
		(code = change_apply(&ca->change)) == CLI_OK) {
		(void)printf("%s: number %llu, %zu revoked\n", out_path,
			(unsigned long long)ca->db.crl_number, listing.count);
	}
	free(revoked);
	buf_release(&serials);
	buf_release(&der);
	buf_release(&pem);
	return code;
}

static uint64_t number_of(const struct crl *crl)
{
	struct wire_reader reader = wire_reader_init(crl_number(crl));
	uint64_t number = 0;
	uint8_t octet = 0;
	while (wire_get_u8(&reader, &octet) == ERR_OK) {
		number = number >> 56 != 0 ? UINT64_MAX : number << 8 | octet;
	}
	return number;
}

/*
 * What stands there must be an earlier list of this CA. Brokers take no list with a lower number than one that they know, so
 * that what a database restored from a copy lists would stay unknown to them, and be taken for done here.
 */
static int may_follow(const struct ca *ca, const struct crl_list *lists, const char *path)
{
	for (size_t i = 0; i < lists->count; i++) {
		const struct crl *list = lists->items[i];
		if (crl_verify_issued_by(list, ca->cert) != ERR_OK) {
			return cli_fail("%s is a list of another CA: not written over", path);
		}
		if (number_of(list) > ca->db.crl_number) {
			return cli_fail("%s has number %llu, but %s knows of %llu only: is it an old copy? "
					"Note what was "
					"revoked since, and set its crl-number",
				path, (unsigned long long)number_of(list), ca->db_path,
				(unsigned long long)ca->db.crl_number);
		}
	}
	return CLI_OK;
}

/* Only a list is written over: a slip must not cost the CA its key or its database. */
static int may_replace(const char *path, struct crl_list *lists)
{
	struct buf content = BUF_INIT(X509_CRL_BYTES_MAX);
	struct x509_error error = {0};
	enum err err = file_read(path, X509_CRL_BYTES_MAX, &content);
	int code = CLI_OK;
	if (err == ERR_OK && content.len != 0) {
		err = crl_list_load(buf_bytes(&content), lists, &error);
	} else if (err == ERR_NOT_FOUND) {
		err = ERR_OK;
	}
	if (err != ERR_OK) {
		code = cli_fail("%s holds something else than a revocation list: not written over", path);
	}
	buf_release(&content);
	return code;
}

static int cmd_ca_crl(int argc, char **argv)
{
	const char *spec = NULL;
	const char *key_path = NULL;
	const char *days = NULL;
	const char *out = NULL;
	int64_t lifetime = 0;
	const struct cli_option options[] = {KEY_OPTIONS(&spec, &key_path),
		{"--days", CLI_TEXT, &days, "N", "until its nextUpdate; default: 7"},
		{"--out", CLI_TEXT, &out, "FILE", "default: FOLDER/" CA_CRL_FILE}};
	const struct cli_syntax syntax = {"lockgate ca crl", "FOLDER",
		"Makes a revocation list (PEM) of all that was revoked, with the next number. The file is "
		"replaced "
		"whole; one that holds something else is not.",
		options, ARRAY_COUNT(options), 1, 1};
	struct cli_list arguments = {.count = 0};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code) ||
		(code = ca_days_mean(syntax.command, days, CRL_DAYS, &lifetime)) != CLI_OK) {
		return code;
	}
	struct ca ca = CA_NONE;
	struct crl_list lists = {0};
	char *path = out != NULL ? strdup(out) : path_join(arguments.items[0], CA_CRL_FILE);
	if (path == NULL) {
		code = cli_fail("out of memory");
	} else if ((code = may_replace(path, &lists)) == CLI_OK &&
		   (code = ca_open(&ca, arguments.items[0], key_path)) == CLI_OK &&
		   (code = may_follow(&ca, &lists, path)) == CLI_OK &&
		   (code = ca_key_open(&ca, spec)) == CLI_OK) {
		code = crl_run(&ca, path, lifetime);
	}
	free(path);
	crl_list_release(&lists);
	ca_close(&ca);
	return code;
}

int cmd_ca(int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{"init", "make a folder with a root", cmd_ca_init},
		{"sign", "a certificate, for a request or with a new key", cmd_ca_sign},
		{"revoke", "note that a certificate is good no longer", cmd_ca_revoke},
		{"crl", "make the revocation list", cmd_ca_crl},
	};
	return cli_dispatch("lockgate ca", what_it_is, commands, ARRAY_COUNT(commands), argc, argv);
}
