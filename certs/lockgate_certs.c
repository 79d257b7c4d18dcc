/*
 * lockgate_certs.c - makes demo and test PKIs as files: roots, issuing CAs, leaves, self-signed ones, CRLs, requests, and
 *                    the odd ones that tests need. It is no CA for real use: keys lie beside it as plain files.
 * Owns:    PREFIX.crt, PREFIX.key (0600), PREFIX-chain.crt, PREFIX.crl, PREFIX.csr.
 * Never:   prints a key, overwrites without being asked by name.
 * Threads: one.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/pem.h"
#include "x509/x509.h"

#define FILE_BYTES_MAX (1024u * 1024u)
#define CRL_BYTES_MAX  (16u * 1024u * 1024u)
#define SUBJECT_MAX    16u
#define NAMES_MAX      32u
#define REVOKED_MAX    100000u
#define YEAR_SECONDS   (365 * 86400)
#define DAY_SECONDS    86400

enum { EXIT_USAGE = 2 };

static const char usage[] =
	"Usage: lockgate-certs COMMAND --out PREFIX [options]\n"
	"\n"
	"  root         a self-signed CA                         PREFIX.crt PREFIX.key\n"
	"  ca           an issuing CA under --issuer             PREFIX.crt PREFIX.key PREFIX-chain.crt\n"
	"  leaf         a device or server under --issuer        PREFIX.crt PREFIX.key PREFIX-chain.crt\n"
	"  self-signed  a device that vouches for itself         PREFIX.crt PREFIX.key\n"
	"  csr          a certification request                  PREFIX.csr PREFIX.key\n"
	"  crl          a revocation list of --issuer            PREFIX.crl\n"
	"\n"
	"  --issuer PREFIX       CA that signs (PREFIX.crt, PREFIX.key)\n"
	"  --subject DN          \"C=DE,O=Plant,OU=Pumps,CN=pump-1\", general first; values without commas\n"
	"  --cn NAME             short for --subject CN=NAME\n"
	"  --key TYPE            ec256 (default) ec384 ec521 ed25519 rsa2048 rsa3072 rsa4096\n"
	"  --use-key FILE        take this PKCS#8 PEM key instead of a new one\n"
	"  --csr FILE            leaf: take the public key, and the CN unless given, from a request\n"
	"  --not-before WHEN     2026-11-02T10:00:00Z, or +3d -2h (s m h d y) from now; default -1d\n"
	"  --not-after WHEN      default +10y for CAs, +1y for others\n"
	"  --serial HEX          default: 16 random octets\n"
	"  --client --server     extended key usage (leaf without either: client)\n"
	"  --no-eku              leaf without extended key usage\n"
	"  --dns NAME --ip ADDR  subject alternative names (repeatable)\n"
	"  --path-length N       CA: how many CAs may stand below it\n"
	"  --crl-url URL         CRL distribution point\n"
	"  --ocsp-url URL        OCSP responder (authority information access)\n"
	"  --revoke FILE.crt     crl: revoked certificate (repeatable)\n"
	"  --revoke-serial HEX   crl: revoked serial number (repeatable)\n"
	"  --number N            crl: CRL number; default: seconds since 1970\n"
	"  --this-update WHEN    crl: default now\n"
	"  --next-update WHEN    crl: default +30d\n"
	"\n"
	"Odd ones, for tests: --v1 --sha1 --no-basic-constraints --no-key-usage --key-usage HEXBITS "
	"--make-ca\n"
	"  --critical-unknown --name-constraint DNS\n";

struct options {
	const char *command, *out, *issuer, *use_key, *csr, *serial, *crl_url, *ocsp_url, *name_constraint;
	struct x509_make_attribute subject[SUBJECT_MAX];
	size_t subject_count;
	char *subject_text;
	enum key_kind kind;
	unsigned rsa_bits;
	int64_t now, not_before, not_after, this_update, next_update;
	bool has_not_after;
	bool client, server, no_eku, version1, sha1, no_basic_constraints, no_key_usage, make_ca,
		critical_unknown;
	unsigned key_usage;
	int path_length;
	uint64_t number;
	const char *dns[NAMES_MAX], *ip[NAMES_MAX];
	size_t dns_count, ip_count;
	struct x509_make_revoked *revoked;
	struct buf *revoked_serials; /* one buf per entry; revoked[i].serial points into it */
	size_t revoked_count;
};

static int complain(const char *what, const char *about)
{
	(void)fprintf(stderr, "lockgate-certs: %s%s%s\n", what, about != NULL ? ": " : "",
		about != NULL ? about : "");
	return 1;
}

static char *file_name(const char *prefix, const char *suffix)
{
	size_t len = strlen(prefix) + strlen(suffix) + 1;
	char *name = malloc(len);
	if (name != NULL) {
		(void)snprintf(name, len, "%s%s", prefix, suffix);
	}
	return name;
}

/* --- arguments --- */

static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end = NULL;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value > max) {
		return false;
	}
	*out = value;
	return true;
}

static bool parse_relative(const char *text, int64_t now, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', DAY_SECONDS}, {'y', YEAR_SECONDS}};
	char *end = NULL;
	errno = 0;
	long long amount = strtoll(text, &end, 10);
	if (errno != 0 || end == text || end[0] == '\0' || end[1] != '\0' || amount > 1000000000 ||
		amount < -1000000000) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
		if (units[i].unit == *end) {
			*out = now + amount * units[i].seconds;
			return true;
		}
	}
	return false;
}

static bool parse_when(const char *text, int64_t now, int64_t *out)
{
	struct tm tm = {0};
	if (text[0] == '+' || text[0] == '-') {
		return parse_relative(text, now, out);
	}
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (end == NULL || *end != '\0') {
		return false;
	}
	*out = timegm(&tm);
	return true;
}

static bool parse_key_type(const char *text, struct options *options)
{
	static const struct {
		const char *name;
		enum key_kind kind;
		unsigned bits;
	} types[] = {
		{"ec256", KEY_EC_P256, 0},
		{"ec384", KEY_EC_P384, 0},
		{"ec521", KEY_EC_P521, 0},
		{"ed25519", KEY_ED25519, 0},
		{"rsa2048", KEY_RSA, 2048},
		{"rsa3072", KEY_RSA, 3072},
		{"rsa4096", KEY_RSA, 4096},
	};
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		if (strcmp(types[i].name, text) == 0) {
			options->kind = types[i].kind;
			options->rsa_bits = types[i].bits;
			return true;
		}
	}
	return false;
}

static bool add_attribute(struct options *options, const char *key, const char *value)
{
	if (options->subject_count == SUBJECT_MAX) {
		return false;
	}
	options->subject[options->subject_count++] = (struct x509_make_attribute){.key = key, .value = value};
	return true;
}

static bool parse_subject(const char *text, struct options *options)
{
	options->subject_text = strdup(text);
	char *rest = options->subject_text;
	while (rest != NULL) {
		char *part = strsep(&rest, ",");
		char *value = strchr(part, '=');
		if (value == NULL) {
			return false;
		}
		*value++ = '\0';
		part += strspn(part, " ");
		if (!add_attribute(options, part, value)) {
			return false;
		}
	}
	return options->subject_count != 0;
}

static bool load_cert(const char *path, struct cert_list *list)
{
	struct buf content = BUF_INIT(FILE_BYTES_MAX);
	struct x509_error error = {0};
	enum err err = file_read(path, FILE_BYTES_MAX, &content);
	if (err == ERR_OK) {
		err = cert_list_load(buf_bytes(&content), list, &error);
	}
	buf_release(&content);
	if (err != ERR_OK) {
		(void)complain(error.what != NULL ? error.what : "cannot read", path);
	}
	return err == ERR_OK;
}

static bool add_revoked(struct options *options, struct bytes serial)
{
	if (options->revoked_count == REVOKED_MAX) {
		return false;
	}
	size_t count = options->revoked_count + 1;
	void *serials = realloc(options->revoked_serials, count * sizeof(struct buf));
	if (serials == NULL) {
		return false;
	}
	options->revoked_serials = serials;
	struct buf *copy = &options->revoked_serials[count - 1];
	buf_init(copy, 64);
	if (buf_append(copy, serial) != ERR_OK) {
		return false;
	}
	options->revoked_count = count;
	return true;
}

static bool add_revoked_file(struct options *options, const char *path)
{
	struct cert_list list = {0};
	bool good = load_cert(path, &list) && add_revoked(options, cert_serial(list.items[0]));
	cert_list_release(&list);
	return good;
}

static bool add_revoked_hex(struct options *options, const char *hex)
{
	struct buf serial = BUF_INIT(20);
	bool good =
		hex_decode(bytes_text(hex), &serial) == ERR_OK && add_revoked(options, buf_bytes(&serial));
	buf_release(&serial);
	return good;
}

enum option_id {
	OPT_OUT = 256,
	OPT_ISSUER,
	OPT_SUBJECT,
	OPT_CN,
	OPT_KEY,
	OPT_USE_KEY,
	OPT_CSR,
	OPT_NOT_BEFORE,
	OPT_NOT_AFTER,
	OPT_SERIAL,
	OPT_CLIENT,
	OPT_SERVER,
	OPT_NO_EKU,
	OPT_DNS,
	OPT_IP,
	OPT_PATH_LENGTH,
	OPT_CRL_URL,
	OPT_OCSP_URL,
	OPT_REVOKE,
	OPT_REVOKE_SERIAL,
	OPT_NUMBER,
	OPT_THIS_UPDATE,
	OPT_NEXT_UPDATE,
	OPT_V1,
	OPT_SHA1,
	OPT_NO_BASIC_CONSTRAINTS,
	OPT_NO_KEY_USAGE,
	OPT_KEY_USAGE,
	OPT_MAKE_CA,
	OPT_CRITICAL_UNKNOWN,
	OPT_NAME_CONSTRAINT,
	OPT_HELP
};

static const struct option long_options[] = {
	{"out", required_argument, NULL, OPT_OUT},
	{"issuer", required_argument, NULL, OPT_ISSUER},
	{"subject", required_argument, NULL, OPT_SUBJECT},
	{"cn", required_argument, NULL, OPT_CN},
	{"key", required_argument, NULL, OPT_KEY},
	{"use-key", required_argument, NULL, OPT_USE_KEY},
	{"csr", required_argument, NULL, OPT_CSR},
	{"not-before", required_argument, NULL, OPT_NOT_BEFORE},
	{"not-after", required_argument, NULL, OPT_NOT_AFTER},
	{"serial", required_argument, NULL, OPT_SERIAL},
	{"client", no_argument, NULL, OPT_CLIENT},
	{"server", no_argument, NULL, OPT_SERVER},
	{"no-eku", no_argument, NULL, OPT_NO_EKU},
	{"dns", required_argument, NULL, OPT_DNS},
	{"ip", required_argument, NULL, OPT_IP},
	{"path-length", required_argument, NULL, OPT_PATH_LENGTH},
	{"crl-url", required_argument, NULL, OPT_CRL_URL},
	{"ocsp-url", required_argument, NULL, OPT_OCSP_URL},
	{"revoke", required_argument, NULL, OPT_REVOKE},
	{"revoke-serial", required_argument, NULL, OPT_REVOKE_SERIAL},
	{"number", required_argument, NULL, OPT_NUMBER},
	{"this-update", required_argument, NULL, OPT_THIS_UPDATE},
	{"next-update", required_argument, NULL, OPT_NEXT_UPDATE},
	{"v1", no_argument, NULL, OPT_V1},
	{"sha1", no_argument, NULL, OPT_SHA1},
	{"no-basic-constraints", no_argument, NULL, OPT_NO_BASIC_CONSTRAINTS},
	{"no-key-usage", no_argument, NULL, OPT_NO_KEY_USAGE},
	{"key-usage", required_argument, NULL, OPT_KEY_USAGE},
	{"make-ca", no_argument, NULL, OPT_MAKE_CA},
	{"critical-unknown", no_argument, NULL, OPT_CRITICAL_UNKNOWN},
	{"name-constraint", required_argument, NULL, OPT_NAME_CONSTRAINT},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static bool set_flag(int id, struct options *o)
{
	switch (id) {
	case OPT_CLIENT: o->client = true; return true;
	case OPT_SERVER: o->server = true; return true;
	case OPT_NO_EKU: o->no_eku = true; return true;
	case OPT_V1: o->version1 = true; return true;
	case OPT_SHA1: o->sha1 = true; return true;
	case OPT_NO_BASIC_CONSTRAINTS: o->no_basic_constraints = true; return true;
	case OPT_NO_KEY_USAGE: o->no_key_usage = true; return true;
	case OPT_MAKE_CA: o->make_ca = true; return true;
	case OPT_CRITICAL_UNKNOWN: o->critical_unknown = true; return true;
	default: return false;
	}
}

static bool set_text(int id, const char *arg, struct options *o)
{
	switch (id) {
	case OPT_OUT: o->out = arg; return true;
	case OPT_ISSUER: o->issuer = arg; return true;
	case OPT_USE_KEY: o->use_key = arg; return true;
	case OPT_CSR: o->csr = arg; return true;
	case OPT_SERIAL: o->serial = arg; return true;
	case OPT_CRL_URL: o->crl_url = arg; return true;
	case OPT_OCSP_URL: o->ocsp_url = arg; return strlen(arg) < 100;
	case OPT_NAME_CONSTRAINT: o->name_constraint = arg; return true;
	case OPT_SUBJECT: return parse_subject(arg, o);
	case OPT_CN: return add_attribute(o, "CN", arg);
	case OPT_DNS: return o->dns_count < NAMES_MAX && (o->dns[o->dns_count++] = arg) != NULL;
	case OPT_IP: return o->ip_count < NAMES_MAX && (o->ip[o->ip_count++] = arg) != NULL;
	default: return false;
	}
}

static bool set_value(int id, const char *arg, struct options *o)
{
	uint64_t number = 0;
	switch (id) {
	case OPT_KEY: return parse_key_type(arg, o);
	case OPT_NOT_BEFORE: return parse_when(arg, o->now, &o->not_before);
	case OPT_NOT_AFTER: o->has_not_after = true; return parse_when(arg, o->now, &o->not_after);
	case OPT_THIS_UPDATE: return parse_when(arg, o->now, &o->this_update);
	case OPT_NEXT_UPDATE: return parse_when(arg, o->now, &o->next_update);
	case OPT_PATH_LENGTH:
		if (!parse_number(arg, 1000, &number)) {
			return false;
		}
		o->path_length = (int)number;
		return true;
	case OPT_NUMBER: return parse_number(arg, INT64_MAX, &o->number);
	case OPT_KEY_USAGE: o->key_usage = (unsigned)strtoul(arg, NULL, 16); return o->key_usage != 0;
	case OPT_REVOKE: return add_revoked_file(o, arg);
	case OPT_REVOKE_SERIAL: return add_revoked_hex(o, arg);
	default: return false;
	}
}

static int parse_options(int argc, char **argv, struct options *options)
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		(void)fputs(usage, argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_USAGE : -1;
	}
	options->command = argv[1];
	int id = 0;
	int index = 0;
	while ((id = getopt_long(argc - 1, argv + 1, "", long_options, &index)) != -1) {
		if (id == OPT_HELP) {
			(void)fputs(usage, stdout);
			return -1;
		}
		if (id == '?') {
			return EXIT_USAGE;
		}
		if (!set_flag(id, options) && !set_text(id, optarg, options) &&
			!set_value(id, optarg, options)) {
			(void)fprintf(stderr, "lockgate-certs: --%s: cannot use '%s'\n",
				long_options[index].name, optarg);
			return EXIT_USAGE;
		}
	}
	if (optind != argc - 1 || options->out == NULL) {
		(void)complain(options->out == NULL ? "--out PREFIX is missing" : "too many arguments", NULL);
		return EXIT_USAGE;
	}
	return 0;
}

/* --- files --- */

static bool write_pem(
	const char *prefix, const char *suffix, const char *label, struct bytes der, mode_t mode)
{
	struct buf text = BUF_INIT(2 * CRL_BYTES_MAX);
	char *path = file_name(prefix, suffix);
	enum err err = path == NULL ? ERR_NOMEM : pem_encode(label, der, &text);
	if (err == ERR_OK) {
		err = file_write_atomic(path, buf_bytes(&text), mode);
	}
	if (err != ERR_OK) {
		(void)complain("cannot write", path);
	}
	if (text.data != NULL) {
		secure_wipe(text.data, text.len);
	}
	buf_release(&text);
	free(path);
	return err == ERR_OK;
}

static bool read_key(const char *path, struct secret *key)
{
	struct secret text = SECRET_NONE;
	struct buf der = BUF_INIT(FILE_BYTES_MAX);
	struct bytes label;
	enum err err = file_read_secret(path, FILE_BYTES_MAX, &text);
	if (err == ERR_OK) {
		struct bytes rest = secret_bytes(&text);
		err = pem_next(&rest, &label, &der);
	}
	if (err == ERR_OK) {
		err = bytes_equal_text(label, "PRIVATE KEY") ? secret_copy(buf_bytes(&der), key)
							     : ERR_INVALID;
	}
	if (der.data != NULL) {
		secure_wipe(der.data, der.len);
	}
	buf_release(&der);
	secret_free(&text);
	if (err != ERR_OK) {
		(void)complain("cannot read a PKCS#8 PEM key", path);
	}
	return err == ERR_OK;
}

static bool own_key(const struct options *options, struct secret *key)
{
	if (options->use_key != NULL) {
		return read_key(options->use_key, key);
	}
	if (key_generate(options->kind, options->rsa_bits, key) != ERR_OK) {
		(void)complain("cannot make a key", NULL);
		return false;
	}
	return true;
}

struct issuer {
	struct cert_list certs; /* [0]: the CA; the rest of PREFIX-chain.crt if there is one */
	struct secret key;
};

static bool open_issuer(const struct options *options, struct issuer *issuer)
{
	if (options->issuer == NULL) {
		(void)complain("--issuer PREFIX is missing", NULL);
		return false;
	}
	char *cert_path = file_name(options->issuer, ".crt");
	char *key_path = file_name(options->issuer, ".key");
	bool good = cert_path != NULL && key_path != NULL && load_cert(cert_path, &issuer->certs) &&
		    read_key(key_path, &issuer->key);
	free(cert_path);
	free(key_path);
	return good;
}

static void close_issuer(struct issuer *issuer)
{
	cert_list_release(&issuer->certs);
	secret_free(&issuer->key);
}

/* PREFIX-chain.crt: the new certificate, then the issuer's chain without its root. */
static bool write_chain(const struct options *options, struct bytes leaf)
{
	struct buf text = BUF_INIT(FILE_BYTES_MAX);
	struct cert_list above = {0};
	char *chain_path = file_name(options->issuer, "-chain.crt");
	char *out_path = file_name(options->out, "-chain.crt");
	struct stat there;
	bool good =
		chain_path != NULL && out_path != NULL && pem_encode("CERTIFICATE", leaf, &text) == ERR_OK;
	if (good && stat(chain_path, &there) == 0) {
		good = load_cert(chain_path, &above);
	}
	for (size_t i = 0; good && i < above.count; i++) {
		good = pem_encode("CERTIFICATE", cert_der(above.items[i]), &text) == ERR_OK;
	}
	if (good && file_write_atomic(out_path, buf_bytes(&text), 0644) != ERR_OK) {
		(void)complain("cannot write", out_path);
		good = false;
	}
	cert_list_release(&above);
	buf_release(&text);
	free(chain_path);
	free(out_path);
	return good;
}

/* --- commands --- */

static int make_signed(const struct options *options, struct x509_make *make, struct bytes spki,
	const struct issuer *issuer, struct bytes own_key_pkcs8)
{
	struct buf der = BUF_INIT(FILE_BYTES_MAX);
	struct buf serial = BUF_INIT(20);
	uint8_t nc[300];
	size_t dns_len = options->name_constraint != NULL ? strlen(options->name_constraint) : 0;
	uint8_t aia[200];
	size_t url_len = options->ocsp_url != NULL ? strlen(options->ocsp_url) : 0;
	struct x509_make_extension odd[3];
	make->extensions = odd;
	if (options->critical_unknown) {
		odd[make->extension_count++] = (struct x509_make_extension){
			.oid = "1.3.6.1.4.1.55555.1", .critical = true, .value = bytes_of("\x05\x00", 2)};
	}
	if (dns_len != 0 && dns_len < 100) { /* permittedSubtrees with one dNSName, short lengths only */
		const uint8_t head[] = {0x30, (uint8_t)(dns_len + 6), 0xa0, (uint8_t)(dns_len + 4), 0x30,
			(uint8_t)(dns_len + 2), 0x82, (uint8_t)dns_len};
		memcpy(nc, head, sizeof(head));
		memcpy(nc + sizeof(head), options->name_constraint, dns_len);
		odd[make->extension_count++] = (struct x509_make_extension){
			.oid = "2.5.29.30", .critical = true, .value = bytes_of(nc, sizeof(head) + dns_len)};
	}
	if (url_len !=
		0) { /* one AccessDescription: id-ad-ocsp and a uniformResourceIdentifier, short lengths only */
		const uint8_t head[] = {0x30, (uint8_t)(url_len + 14), 0x30, (uint8_t)(url_len + 12), 0x06,
			0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x86, (uint8_t)url_len};
		memcpy(aia, head, sizeof(head));
		memcpy(aia + sizeof(head), options->ocsp_url, url_len);
		odd[make->extension_count++] = (struct x509_make_extension){
			.oid = "1.3.6.1.5.5.7.1.1", .value = bytes_of(aia, sizeof(head) + url_len)};
	}
	bool good = options->serial == NULL || hex_decode(bytes_text(options->serial), &serial) == ERR_OK;
	make->serial = buf_bytes(&serial);
	enum err err = good ? x509_make_cert(make, spki, issuer != NULL ? issuer->certs.items[0] : NULL,
				      issuer != NULL ? secret_bytes(&issuer->key) : own_key_pkcs8, &der)
			    : ERR_INVALID;
	if (err != ERR_OK) {
		(void)complain("cannot make this certificate", err_name(err));
	}
	good = err == ERR_OK && write_pem(options->out, ".crt", "CERTIFICATE", buf_bytes(&der), 0644) &&
	       (issuer == NULL || write_chain(options, buf_bytes(&der)));
	make->extensions = NULL; /* they were on this stack */
	make->extension_count = 0;
	make->serial = BYTES_NONE;
	buf_release(&serial);
	buf_release(&der);
	return good ? 0 : 1;
}

static void fill_make(const struct options *options, bool ca, struct x509_make *make)
{
	bool neither = !options->client && !options->server;
	*make = (struct x509_make){.subject = options->subject,
		.subject_count = options->subject_count,
		.not_before = options->not_before,
		.not_after = options->has_not_after ? options->not_after
						    : options->now + (ca ? 10 : 1) * (int64_t)YEAR_SECONDS,
		.ca = ca || options->make_ca,
		.path_length = options->path_length,
		.client_auth = !options->no_eku && (options->client || (!ca && neither)),
		.server_auth = !options->no_eku && options->server,
		.dns = options->dns,
		.dns_count = options->dns_count,
		.ip = options->ip,
		.ip_count = options->ip_count,
		.crl_url = options->crl_url,
		.version1 = options->version1,
		.without_basic_constraints = options->no_basic_constraints,
		.key_usage = options->key_usage,
		.without_key_usage = options->no_key_usage,
		.sha1 = options->sha1};
}

static struct csr *read_csr(const char *path)
{
	struct buf text = BUF_INIT(FILE_BYTES_MAX);
	struct buf der = BUF_INIT(FILE_BYTES_MAX);
	struct bytes label;
	struct csr *csr = NULL;
	enum err err = file_read(path, FILE_BYTES_MAX, &text);
	if (err == ERR_OK) {
		struct bytes rest = buf_bytes(&text);
		err = pem_next(&rest, &label, &der);
	}
	if (err == ERR_OK) {
		err = csr_parse(buf_bytes(&der), &csr, NULL);
	}
	if (err != ERR_OK) {
		(void)complain("cannot read a certification request", path);
	}
	buf_release(&der);
	buf_release(&text);
	return csr;
}

static int from_request(struct options *options, const struct issuer *issuer)
{
	struct x509_make make;
	char *name = NULL;
	struct csr *csr = read_csr(options->csr);
	int result = 1;
	if (csr == NULL) {
		return 1;
	}
	if (options->subject_count != 0 ||
		(csr_common_name(csr, &name) == ERR_OK && add_attribute(options, "CN", name))) {
		fill_make(options, false, &make);
		result = make_signed(options, &make, csr_spki(csr), issuer, BYTES_NONE);
	} else {
		(void)complain("the request has no common name; give --subject", NULL);
	}
	free(name);
	csr_free(csr);
	return result;
}

static int command_cert(struct options *options, bool ca, bool issued)
{
	struct issuer issuer = {.key = SECRET_NONE};
	struct secret key = SECRET_NONE;
	struct buf spki = BUF_INIT(8192);
	struct x509_make make;
	enum key_kind kind = KEY_KIND_COUNT_;
	int result = 1;
	if (issued && !open_issuer(options, &issuer)) {
		goto out;
	}
	if (options->csr != NULL && issued) {
		result = from_request(options, &issuer);
		goto out;
	}
	if (options->subject_count == 0) {
		result = complain("--subject or --cn is missing", NULL);
		goto out;
	}
	if (!own_key(options, &key) || key_public(secret_bytes(&key), &kind, &spki) != ERR_OK) {
		goto out;
	}
	fill_make(options, ca, &make);
	result = make_signed(options, &make, buf_bytes(&spki), issued ? &issuer : NULL, secret_bytes(&key));
	if (result == 0 && !write_pem(options->out, ".key", "PRIVATE KEY", secret_bytes(&key), 0600)) {
		result = 1;
	}
out:
	buf_release(&spki);
	secret_free(&key);
	close_issuer(&issuer);
	return result;
}

static int command_csr(struct options *options)
{
	struct secret key = SECRET_NONE;
	struct buf der = BUF_INIT(FILE_BYTES_MAX);
	int result = 1;
	if (own_key(options, &key) &&
		csr_make(options->subject, options->subject_count, secret_bytes(&key), &der) == ERR_OK) {
		result = write_pem(options->out, ".csr", "CERTIFICATE REQUEST", buf_bytes(&der), 0644) &&
					 write_pem(options->out, ".key", "PRIVATE KEY", secret_bytes(&key),
						 0600)
				 ? 0
				 : 1;
	}
	buf_release(&der);
	secret_free(&key);
	return result;
}

static int command_crl(struct options *options)
{
	struct issuer issuer = {.key = SECRET_NONE};
	struct buf der = BUF_INIT(CRL_BYTES_MAX);
	int result = 1;
	if (!open_issuer(options, &issuer)) {
		goto out;
	}
	options->revoked = calloc(options->revoked_count + 1, sizeof(*options->revoked));
	if (options->revoked == NULL) {
		goto out;
	}
	for (size_t i = 0; i < options->revoked_count; i++) {
		options->revoked[i] =
			(struct x509_make_revoked){.serial = buf_bytes(&options->revoked_serials[i]),
				.when = options->this_update,
				.reason = -1};
	}
	enum err err = x509_make_crl(issuer.certs.items[0], secret_bytes(&issuer.key), options->this_update,
		options->next_update, options->number, options->revoked, options->revoked_count, &der);
	if (err != ERR_OK) {
		(void)complain("cannot make this CRL", err_name(err));
		goto out;
	}
	result = write_pem(options->out, ".crl", "X509 CRL", buf_bytes(&der), 0644) ? 0 : 1;
out:
	buf_release(&der);
	close_issuer(&issuer);
	return result;
}

static int run(struct options *options)
{
	if (strcmp(options->command, "root") == 0) {
		return command_cert(options, true, false);
	}
	if (strcmp(options->command, "ca") == 0) {
		return command_cert(options, true, true);
	}
	if (strcmp(options->command, "leaf") == 0) {
		return command_cert(options, false, true);
	}
	if (strcmp(options->command, "self-signed") == 0) {
		return command_cert(options, false, false);
	}
	if (strcmp(options->command, "csr") == 0) {
		return command_csr(options);
	}
	if (strcmp(options->command, "crl") == 0) {
		return command_crl(options);
	}
	(void)complain("unknown command (try --help)", options->command);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct clock clock = clock_system();
	int64_t now = clock_wall_ms(&clock) / 1000;
	struct options options = {.kind = KEY_EC_P256,
		.now = now,
		.not_before = now - DAY_SECONDS,
		.this_update = now,
		.next_update = now + 30 * (int64_t)DAY_SECONDS,
		.path_length = -1,
		.number = (uint64_t)now};
	if (crypto_init() != ERR_OK) {
		return complain("the cryptographic library does not start", NULL);
	}
	int result = parse_options(argc, argv, &options);
	if (result == 0) {
		result = run(&options);
	}
	for (size_t i = 0; i < options.revoked_count; i++) {
		buf_release(&options.revoked_serials[i]);
	}
	free(options.revoked_serials);
	free(options.revoked);
	free(options.subject_text);
	crypto_cleanup();
	return result < 0 ? 0 : result;
}
