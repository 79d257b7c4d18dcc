/*
 * cmd_ca_sign.c - `lockgate ca sign`: a certificate for a request, or with a key that is made here.
 * Owns:    nothing beyond a run; database, key and certificate are written together or not at all.
 * Never:   signs a request that its own key did not sign; writes over a file; outlives the CA.
 * Threads: one; blocks.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "base/utf8.h"
#include "cli/ca.h"

#define SIGN_DAYS      365u
#define RSA_BITS       3072u
#define RSA_BITS_MIN   2048u
#define ATTRIBUTES_MAX 16u

struct sign {
	const char *spec, *key_path, *csr_path, *key_out, *out, *name, *days, *url;
	struct cli_list dns, ip;
	bool client, server, rsa;
	int64_t lifetime;
	/* while it is made */
	struct csr *csr;
	struct secret key;
	struct buf spki;
	char *values[ATTRIBUTES_MAX]; /* owned texts of the subject */
	struct x509_make_attribute subject[ATTRIBUTES_MAX];
	size_t subject_count;
	struct cert *cert;
};

static const char command[] = "lockgate ca sign";

static int options_mean(struct sign *sign)
{
	if ((sign->csr_path == NULL) == (sign->key_out == NULL)) {
		return cli_usage(command, "say one of --csr and --key-out");
	}
	if (sign->out == NULL) {
		return cli_usage(command, "--out is missing");
	}
	if (sign->csr_path == NULL && sign->name == NULL) {
		return cli_usage(command, "--cn is missing: without a request there is no name");
	}
	if (sign->csr_path != NULL && sign->rsa) {
		return cli_usage(command, "--rsa is for a key that is made here; a request brings its own");
	}
	if (sign->key_out != NULL && strcmp(sign->key_out, sign->out) == 0) {
		return cli_usage(command, "--key-out and --out are the same file");
	}
	const char *fresh[] = {sign->out, sign->key_out};
	for (size_t i = 0; i < ARRAY_COUNT(fresh); i++) {
		if (fresh[i] != NULL && access(fresh[i], F_OK) == 0) {
			return cli_fail("%s: is there already", fresh[i]);
		}
	}
	if (!sign->client && !sign->server) {
		sign->client = true;
	}
	return ca_days_mean(command, sign->days, SIGN_DAYS, &sign->lifetime);
}

/* --- whose key, and what name --- */

static int csr_load(struct sign *sign)
{
	int code = cli_read_csr(sign->csr_path, &sign->csr);
	if (code == CLI_OK && buf_append(&sign->spki, csr_spki(sign->csr)) != ERR_OK) {
		code = cli_fail("out of memory");
	}
	return code;
}

static int key_make(struct sign *sign)
{
	enum key_kind kind = sign->rsa ? KEY_RSA : KEY_EC_P256;
	enum err err = key_generate(kind, RSA_BITS, &sign->key);
	if (err == ERR_OK) {
		err = key_public(secret_bytes(&sign->key), &kind, &sign->spki);
	}
	return err == ERR_OK ? CLI_OK : cli_fail("the key cannot be made: %s", err_name(err));
}

static int subject_put(struct sign *sign, const char *key, struct bytes value)
{
	if (sign->subject_count >= ATTRIBUTES_MAX) {
		return cli_fail("the subject has more than %u attributes: say --cn", ATTRIBUTES_MAX);
	}
	char **text = &sign->values[sign->subject_count];
	enum err err = bytes_dup_text(value, text);
	if (err != ERR_OK) {
		return cli_fail("the subject cannot be taken over (%s): say --cn", err_name(err));
	}
	sign->subject[sign->subject_count++] = (struct x509_make_attribute){key, *text};
	return CLI_OK;
}

/* The request's name as it stands there, or --cn alone. */
static int subject_choose(struct sign *sign)
{
	if (sign->name != NULL) {
		return subject_put(sign, "CN", bytes_text(sign->name));
	}
	int code = CLI_OK;
	for (size_t i = 0; i < csr_attribute_count(sign->csr) && code == CLI_OK; i++) {
		struct x509_attribute attribute = csr_attribute(sign->csr, i);
		if (attribute.key == NULL || attribute.raw) {
			return cli_fail(
				"%s: the subject holds something that is not known here (%s): say --cn",
				sign->csr_path, attribute.oid);
		}
		code = subject_put(sign, attribute.key, attribute.value);
	}
	if (code == CLI_OK && sign->subject_count == 0) {
		code = cli_fail("%s: the subject is empty: say --cn", sign->csr_path);
	}
	return code;
}

/* --- the certificate --- */

static int cert_make(struct sign *sign, const struct ca *ca)
{
	int64_t now = cli_now();
	struct x509_make make = {
		.subject = sign->subject,
		.subject_count = sign->subject_count,
		.not_before = now - CA_CLOCK_SKEW,
		.not_after = now + sign->lifetime,
		.path_length = -1,
		.client_auth = sign->client,
		.server_auth = sign->server,
		.dns = sign->dns.items,
		.dns_count = sign->dns.count,
		.ip = sign->ip.items,
		.ip_count = sign->ip.count,
		.crl_url = sign->url != NULL ? sign->url : ca->db.crl_url,
	};
	if (make.not_before < cert_not_before(ca->cert)) {
		make.not_before = cert_not_before(ca->cert);
	}
	if (now > cert_not_after(ca->cert)) {
		return cli_fail("the CA has expired: 'lockgate ca init' makes another");
	}
	if (make.not_after > cert_not_after(ca->cert)) {
		if (sign->days != NULL) {
			return cli_fail("the certificate would outlive its CA: fewer --days");
		}
		make.not_after = cert_not_after(ca->cert);
	}
	if (bytes_equal(buf_bytes(&sign->spki), cert_spki(ca->cert))) {
		return cli_fail("the request holds the CA's own key");
	}
	struct cli_signing signing = {.make = &make, .spki = buf_bytes(&sign->spki), .issuer = ca->cert};
	enum err err = keystore_key_use(ca->keystore, 0, cli_sign, &signing);
	sign->cert = signing.cert;
	if (err != ERR_OK) {
		return cli_fail("the certificate cannot be made: %s%s", err_name(err),
			err == ERR_INVALID ? " (is a name, an address or the URL not what it should be?)"
					   : "");
	}
	return CLI_OK;
}

/* Judged as a broker that trusts this CA would judge it: what it would refuse is not handed out. */
static int cert_check(const struct sign *sign, const struct ca *ca)
{
	const struct cert *chain[] = {sign->cert};
	const struct cert *anchors[] = {ca->cert};
	struct trust_set *trust = NULL;
	struct x509_answer answer = {0};
	if (cert_key_kind(sign->cert) == KEY_KIND_COUNT_ ||
		(cert_key_kind(sign->cert) == KEY_RSA && cert_key_bits(sign->cert) < RSA_BITS_MIN)) {
		return cli_fail("the request's key is too short, or of a kind that is not supported");
	}
	if (trust_set_new(anchors, 1, NULL, 0, 1, &trust) != ERR_OK) {
		return cli_fail("out of memory");
	}
	const enum x509_purpose purposes[] = {X509_PURPOSE_CLIENT, X509_PURPOSE_SERVER};
	const bool wanted[] = {sign->client, sign->server};
	int code = CLI_OK;
	for (size_t i = 0; i < ARRAY_COUNT(purposes) && code == CLI_OK; i++) {
		struct x509_question question = {.chain = chain,
			.chain_count = 1,
			.trust = trust,
			.now = cli_now(),
			.purpose = purposes[i],
			.revocation = X509_REVOCATION_NONE};
		if (!wanted[i]) {
			continue;
		}
		x509_judge(&question, &answer);
		if (answer.verdict != X509_ACCEPT) {
			code = cli_fail("a broker would refuse this certificate: %s", answer.sentence);
		}
	}
	trust_set_unref(trust);
	return code;
}

/* --- into the files --- */

/* The subject as people read it, in one line; without the serial number that stands in front of it. */
static enum err subject_text(const struct cert *cert, struct buf *out)
{
	struct buf dn = BUF_INIT(CA_FILE_MAX);
	const char *text = NULL;
	enum err err = cert_print_dn(cert, true, &dn);
	if (err == ERR_OK && (err = buf_text(&dn, &text)) == ERR_OK) {
		const char *comma = strchr(text, ',');
		err = utf8_escape(out, bytes_text(comma != NULL ? comma + 1 : text));
	}
	buf_release(&dn);
	return err;
}

static int record_add(const struct sign *sign, struct ca *ca)
{
	struct ca_record record = {.not_before = cert_not_before(sign->cert),
		.not_after = cert_not_after(sign->cert),
		.reason = CA_REASON_NONE};
	struct buf subject = BUF_INIT(CA_SUBJECT_MAX + 1);
	const char *text = NULL;
	enum err err = subject_text(sign->cert, &subject);
	if (err == ERR_OK && (err = buf_text(&subject, &text)) == ERR_OK) {
		err = ca_serial_of(cert_serial(sign->cert), record.serial) ? ca_db_add(&ca->db, &record, text)
									   : ERR_INVALID;
	}
	int code = CLI_OK;
	if (err != ERR_OK) {
		code = cli_fail("%s: the certificate cannot be noted: %s", ca->db_path,
			err == ERR_LIMIT ? "the subject is too long, or there are too many" : err_name(err));
	}
	buf_release(&subject);
	return code;
}

/* The database goes first: a note of a certificate that nobody got is harmless, the other way round is not. */
static int files_write(struct sign *sign, struct ca *ca)
{
	struct buf cert = BUF_INIT(CA_FILE_MAX);
	/* Room for all of it at once: a buffer that grows would leave the key behind. */
	struct buf key = BUF_INIT(CA_FILE_MAX);
	int code = ca_db_change(ca);
	enum err err = pem_encode("CERTIFICATE", cert_der(sign->cert), &cert);
	if (err == ERR_OK && sign->key_out != NULL &&
		(err = buf_reserve(&key, (size_t)KEYSTORE_KEY_BYTES_MAX * 2)) == ERR_OK) {
		err = pem_encode("PRIVATE KEY", secret_bytes(&sign->key), &key);
	}
	if (err != ERR_OK) {
		code = cli_fail("out of memory");
	}
	if (code == CLI_OK && sign->key_out != NULL) {
		code = change_add(&ca->change, sign->key_out, buf_bytes(&key), 0600);
	}
	if (code == CLI_OK && (code = change_add(&ca->change, sign->out, buf_bytes(&cert), 0644)) == CLI_OK) {
		code = change_apply(&ca->change);
	}
	secure_wipe(key.data, key.cap);
	buf_release(&key);
	buf_release(&cert);
	return code;
}

static int sign_run(struct sign *sign, struct ca *ca)
{
	int code = sign->csr_path != NULL ? csr_load(sign) : key_make(sign);
	if (code == CLI_OK && (code = subject_choose(sign)) == CLI_OK &&
		(code = cert_make(sign, ca)) == CLI_OK && (code = cert_check(sign, ca)) == CLI_OK &&
		(code = record_add(sign, ca)) == CLI_OK) {
		code = files_write(sign, ca);
	}
	if (code == CLI_OK) {
		const struct ca_record *record = &ca->db.records[ca->db.count - 1];
		(void)printf("%s %s\n", record->serial, record->subject);
	}
	return code;
}

static void sign_release(struct sign *sign)
{
	for (size_t i = 0; i < ATTRIBUTES_MAX; i++) {
		free(sign->values[i]);
	}
	csr_free(sign->csr);
	secret_free(&sign->key);
	buf_release(&sign->spki);
	cert_unref(sign->cert);
}

int cmd_ca_sign(int argc, char **argv)
{
	struct sign sign = {.spki = BUF_INIT(CA_FILE_MAX)};
	const struct cli_option options[] = {
		{"--passphrase", CLI_TEXT, &sign.spec, "SPEC",
			"of the CA's key: file:PATH, fd:N, env:NAME, cred:NAME or prompt (the default)"},
		{"--key", CLI_TEXT, &sign.key_path, "FILE",
			"the CA's key, where it is not FOLDER/" CA_KEY_FILE},
		{"--csr", CLI_TEXT, &sign.csr_path, "FILE", "a request (PKCS#10): its key, and its name"},
		{"--key-out", CLI_TEXT, &sign.key_out, "FILE", "instead: a new key, unsealed, 0600"},
		{"--out", CLI_TEXT, &sign.out, "FILE", "the certificate (needed)"},
		{"--cn", CLI_TEXT, &sign.name, "NAME", "the name; in place of all that the request says"},
		{"--days", CLI_TEXT, &sign.days, "N",
			"how long it is good; default: 365, or as long as the CA"},
		{"--client", CLI_FLAG, &sign.client, NULL, "for a device (the default)"},
		{"--server", CLI_FLAG, &sign.server, NULL, "for a server; with --client: for both"},
		{"--dns", CLI_LIST, &sign.dns, "NAME", "a DNS name of it (SAN)"},
		{"--ip", CLI_LIST, &sign.ip, "ADDRESS", "an address of it (SAN)"},
		{"--crl-url", CLI_TEXT, &sign.url, "URL",
			"where the list is found; default: as 'ca init' said"},
		{"--rsa", CLI_FLAG, &sign.rsa, NULL, "an RSA key of 3072 bits; default: ECDSA P-256"},
	};
	const struct cli_syntax syntax = {command, "FOLDER",
		"Signs a certificate and notes it. What a request asks for beside its name (extensions) is "
		"not "
		"granted.",
		options, ARRAY_COUNT(options), 1, 1};
	struct cli_list arguments = {.count = 0};
	int code = CLI_OK;
	if (!cli_parse(&syntax, argc, argv, &arguments, &code) || (code = options_mean(&sign)) != CLI_OK) {
		return code;
	}
	struct ca ca = CA_NONE;
	if ((code = ca_open(&ca, arguments.items[0], sign.key_path)) == CLI_OK &&
		(code = ca_key_open(&ca, sign.spec)) == CLI_OK) {
		code = sign_run(&sign, &ca);
	}
	sign_release(&sign);
	ca_close(&ca);
	return code;
}
