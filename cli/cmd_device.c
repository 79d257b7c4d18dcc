/*
 * cmd_device.c - `lockgate device add`: certificate, password, rule, authority and client settings, all or nothing.
 * Owns:    nothing beyond a run.
 * Never:   shows a secret, leaves half a device behind, lets in what the broker would refuse.
 * Threads: one; blocks.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "cli/users.h"

#define DEVICE_FILE_BYTES_MAX (1u << 20)
#define DEVICE_MQSC_BYTES_MAX (32u << 20)
#define DAYS_DEFAULT          365u
#define DAYS_MAX              7300u
#define DAY_SECONDS           INT64_C(86400)
#define CLOCK_SKEW_SECONDS    INT64_C(3600) /* a device's clock may be behind ours */
#define ISSUER_BYTES_MAX      900u          /* of a DN in a rule */
#define PROFILE_DEFAULT       "DEVICE.BRANCH"
#define TOPIC_DEFAULT         "devices/${clientid}"

static const char command[] = "lockgate device add";

struct device {
	/* options */
	const char *name, *folder, *keystore_path, *spec, *ca_cert, *ca_key, *ca_spec, *csr_path, *channel,
		*profile;
	const char *host, *port, *days, *key_type, *out;
	bool self_signed;
	/* what they mean */
	uint64_t days_value, port_value;
	enum key_kind key_kind;
	unsigned rsa_bits;
	int64_t now;
	/* what is made */
	struct secret passphrase, key, password;
	struct keystore *keystore;
	struct keystore *ca; /* the CA's key with its chain, as one entry */
	struct csr *csr;
	struct cert *cert;
	struct buf spki, users_field;
	struct change change;
	char *device_folder;
	bool key_file_made; /* DIR/login.key is ours to take back */
};

/* --- options --- */

static int key_type_mean(struct device *device)
{
	static const struct {
		const char *word;
		enum key_kind kind;
		unsigned bits;
	} types[] = {
		{"ec256", KEY_EC_P256, 0},
		{"ec384", KEY_EC_P384, 0},
		{"ed25519", KEY_ED25519, 0},
		{"rsa2048", KEY_RSA, 2048},
		{"rsa3072", KEY_RSA, 3072},
	};
	const char *wanted = device->key_type != NULL ? device->key_type : "ec256";
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		if (strcmp(wanted, types[i].word) == 0) {
			device->key_kind = types[i].kind;
			device->rsa_bits = types[i].bits;
			return CLI_OK;
		}
	}
	return cli_usage(
		command, "--key-type wants ec256, ec384, ed25519, rsa2048 or rsa3072, not '%s'", wanted);
}

static int options_mean(struct device *device)
{
	if (!users_name_plain(device->name)) {
		return cli_usage(command,
			"'%s' is no device name: letters, digits, dot, underscore and hyphen, at most 64",
			device->name);
	}
	if (device->folder == NULL || device->keystore_path == NULL) {
		return cli_usage(command, "%s is missing", device->folder == NULL ? "--dir" : "--keystore");
	}
	if (device->self_signed == (device->ca_cert != NULL)) {
		return cli_usage(command, "say one of --self-signed and --ca-cert with --ca-key");
	}
	if ((device->ca_cert != NULL) != (device->ca_key != NULL)) {
		return cli_usage(command, "--ca-cert and --ca-key belong together");
	}
	if (device->self_signed && device->csr_path != NULL) {
		return cli_usage(command, "--csr needs --ca-cert and --ca-key: a request is signed by a CA");
	}
	if (device->csr_path != NULL && device->key_type != NULL) {
		return cli_usage(command, "--key-type is for a key that is made here; --csr brings its own");
	}
	device->days_value = DAYS_DEFAULT;
	device->port_value = 8883;
	if (device->days != NULL &&
		(!cli_number(device->days, DAYS_MAX, &device->days_value) || device->days_value == 0)) {
		return cli_usage(command, "--days wants 1 to %u, not '%s'", DAYS_MAX, device->days);
	}
	if (device->port != NULL &&
		(!cli_number(device->port, 65535, &device->port_value) || device->port_value == 0)) {
		return cli_usage(command, "--port wants 1 to 65535, not '%s'", device->port);
	}
	if (device->channel != NULL && strcspn(device->channel, "' \n\r\t") != strlen(device->channel)) {
		return cli_usage(command, "'%s' is no channel name", device->channel);
	}
	if (device->profile != NULL && !users_name_plain(device->profile)) {
		return cli_usage(command, "'%s' is no name of a topic object", device->profile);
	}
	if (device->host != NULL && strcspn(device->host, "' \n\r\t\"") != strlen(device->host)) {
		return cli_usage(command, "'%s' is no host name", device->host);
	}
	return key_type_mean(device);
}

/* --- key and certificate --- */

/* The CA's certificate and key as one checked entry: they belong together, and it is a CA. */
static int ca_load(struct device *device)
{
	struct secret key = SECRET_NONE;
	struct secret passphrase = SECRET_NONE;
	struct buf cert = BUF_INIT(DEVICE_FILE_BYTES_MAX);
	struct secret both = SECRET_NONE;
	struct keystore_error error = {0};
	int code = cli_read(device->ca_cert, DEVICE_FILE_BYTES_MAX, &cert);
	enum err err = ERR_OK;
	if (code != CLI_OK) {
		return code;
	}
	if ((err = file_read_secret(device->ca_key, DEVICE_FILE_BYTES_MAX, &key)) != ERR_OK) {
		code = cli_fail(
			"%s: %s", device->ca_key, err == ERR_NOT_FOUND ? "no such file" : err_name(err));
		goto out;
	}
	if (key.len > 0 && memmem(key.data, key.len, "ENCRYPTED", 9) != NULL &&
		(code = cli_passphrase(device->ca_spec, "Passphrase of the CA's key", false, &passphrase)) !=
			CLI_OK) {
		goto out;
	}
	if (keystore_new(&device->ca) != ERR_OK || secret_new(key.len + cert.len + 1, &both) != ERR_OK) {
		code = cli_fail("out of memory");
		goto out;
	}
	memcpy(both.data, key.data, key.len);
	both.data[key.len] = '\n';
	memcpy(both.data + key.len + 1, cert.data, cert.len);
	struct keystore_import import = {
		.alias = "ca", .kind = KEYSTORE_OTHER, .passphrase = secret_bytes(&passphrase)};
	if (keystore_import(device->ca, secret_bytes(&both), &import, NULL, &error) != ERR_OK) {
		code = cli_fail("%s and %s: %s", device->ca_cert, device->ca_key, error.sentence);
		goto out;
	}
	struct keystore_entry entry = keystore_at(device->ca, 0);
	if (entry.kind != KEYSTORE_KEY || entry.chain_count == 0) {
		code = cli_fail("%s is not the key of %s", device->ca_key, device->ca_cert);
	} else if (!cert_is_ca(entry.chain[0])) {
		code = cli_fail("%s: is no CA certificate", device->ca_cert);
	}
out:
	secret_free(&key);
	secret_free(&both);
	secret_free(&passphrase);
	buf_release(&cert);
	return code;
}

static int csr_load(struct device *device)
{
	int code = cli_read_csr(device->csr_path, &device->csr);
	if (code == CLI_OK && buf_append(&device->spki, csr_spki(device->csr)) != ERR_OK) {
		code = cli_fail("out of memory");
	}
	return code;
}

static int cert_make(struct device *device)
{
	struct x509_make_attribute subject[] = {{"CN", device->name}};
	struct x509_make make = {
		.subject = subject,
		.subject_count = ARRAY_COUNT(subject),
		.not_before = device->now - CLOCK_SKEW_SECONDS,
		.not_after = device->now + (int64_t)device->days_value * DAY_SECONDS,
		.path_length = -1,
		.client_auth = true,
	};
	enum err err = ERR_OK;
	if (device->csr == NULL) {
		enum key_kind kind = device->key_kind;
		if ((err = key_generate(device->key_kind, device->rsa_bits, &device->key)) != ERR_OK ||
			(err = key_public(secret_bytes(&device->key), &kind, &device->spki)) != ERR_OK) {
			return cli_fail("the key cannot be made: %s", err_name(err));
		}
	}
	struct cli_signing signing = {.make = &make, .spki = buf_bytes(&device->spki)};
	if (device->self_signed) {
		err = cli_sign(secret_bytes(&device->key), &signing);
	} else {
		signing.issuer = keystore_at(device->ca, 0).chain[0];
		err = keystore_key_use(device->ca, 0, cli_sign, &signing);
	}
	device->cert = signing.cert;
	return err == ERR_OK ? CLI_OK : cli_fail("the certificate cannot be made: %s", err_name(err));
}

/* --- would the broker let it in? --- */

static int trust_check(struct device *device)
{
	const struct cert *chain[KEYSTORE_CHAIN_CERTS_MAX + 1] = {device->cert};
	struct x509_question question = {.chain = chain,
		.chain_count = 1,
		.now = device->now,
		.purpose = X509_PURPOSE_CLIENT,
		.revocation = X509_REVOCATION_NONE};
	struct x509_answer answer = {0};
	struct trust_set *trust = NULL;
	if (device->ca != NULL) {
		struct keystore_entry ca = keystore_at(device->ca, 0);
		for (size_t i = 0; i < ca.chain_count && question.chain_count < X509_CHAIN_CERTS_MAX; i++) {
			chain[question.chain_count++] = ca.chain[i];
		}
	}
	if (keystore_trust_set(device->keystore, 1, &trust) != ERR_OK) {
		return cli_fail("out of memory");
	}
	question.trust = trust;
	x509_judge(&question, &answer);
	int code = answer.verdict == X509_ACCEPT
			   ? CLI_OK
			   : cli_fail("with the anchors of %s this device would be refused: %s",
				     device->keystore_path, answer.sentence);
	trust_set_unref(trust);
	return code;
}

static int keystore_prepare(struct device *device)
{
	struct keystore_error error = {0};
	int code = cli_keystore_load(
		device->keystore_path, device->spec, &device->passphrase, &device->keystore);
	if (code != CLI_OK) {
		return code;
	}
	if (!device->self_signed) {
		return trust_check(device);
	}
	struct buf sealed = BUF_INIT(KEYSTORE_FILE_BYTES_MAX);
	if (keystore_add_cert(device->keystore, device->name, device->cert, KEYSTORE_PIN, &error) != ERR_OK ||
		keystore_encode(device->keystore, secret_bytes(&device->passphrase), &sealed, &error) !=
			ERR_OK) {
		code = cli_fail("%s: %s", device->keystore_path, error.sentence);
	} else if ((code = trust_check(device)) == CLI_OK) {
		code = change_add(&device->change, device->keystore_path, buf_bytes(&sealed), 0600);
	}
	buf_release(&sealed);
	return code;
}

/* --- rule and authority --- */

/* An issuer's DN that can stand in a rule as it is: nothing that a pattern or MQSC would read otherwise. */
static bool issuer_text(const struct cert *cert, struct buf *out)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789=,.- _/:@";
	const char *text = NULL;
	return cert_print_dn(cert, false, out) == ERR_OK && buf_text(out, &text) == ERR_OK && out->len > 0 &&
	       out->len <= ISSUER_BYTES_MAX && strspn(text, plain) == out->len;
}

static enum err rule_put(const struct device *device, struct buf *text)
{
	const char *channel = device->channel != NULL ? device->channel : "*";
	struct buf issuer = BUF_INIT(64u * 1024u);
	struct buf hex = BUF_INIT(256);
	enum err err = ERR_OK;
	if (!device->self_signed && issuer_text(device->cert, &issuer)) {
		err = buf_printf(text,
			"SET CHLAUTH('%s') TYPE(SSLPEERMAP) SSLPEER('CN=%s') +\n    SSLCERTI('%.*s') +\n    "
			"USERSRC(MAP) MCAUSER('%s') ACTION(REPLACE)\n",
			channel, device->name, (int)issuer.len, (const char *)issuer.data, device->name);
	} else if ((err = hex_encode(bytes_of(cert_sha256(device->cert), SHA256_BYTES), &hex)) == ERR_OK) {
		err = buf_printf(text,
			"SET CHLAUTH('%s') TYPE(SSLPEERMAP) +\n    SSLFPRT('%.*s') +\n    USERSRC(MAP) "
			"MCAUSER('%s') ACTION(REPLACE)\n",
			channel, (int)hex.len, (const char *)hex.data, device->name);
	}
	buf_release(&issuer);
	buf_release(&hex);
	return err;
}

static enum err mqsc_put(const struct device *device, struct buf *text)
{
	const char *profile = device->profile != NULL ? device->profile : PROFILE_DEFAULT;
	enum err err = ERR_OK;
	if (text->len == 0) {
		err = buf_append_text(text, "* Made by 'lockgate device add'; one block per device.\n");
		if (err == ERR_OK && device->profile == NULL) {
			err = buf_append_text(text, "DEFINE TOPIC('" PROFILE_DEFAULT
						    "') TOPICSTR('" TOPIC_DEFAULT "') REPLACE\n");
		}
	}
	if (err == ERR_OK && text->len > 0 && text->data[text->len - 1] != '\n') {
		err = buf_append_text(text, "\n");
	}
	if (err == ERR_OK && (err = buf_printf(text, "\n* device %s\n", device->name)) == ERR_OK &&
		(err = rule_put(device, text)) == ERR_OK) {
		err = buf_printf(text,
			"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('%s') AUTHADD(CONNECT)\n"
			"SET AUTHREC PROFILE('%s') OBJTYPE(TOPIC) PRINCIPAL('%s') AUTHADD(PUB,SUB)\n",
			device->name, profile, device->name);
	}
	return err;
}

static int mqsc_prepare(struct device *device)
{
	struct buf text = BUF_INIT(DEVICE_MQSC_BYTES_MAX);
	char marker[128];
	char *path = path_join(device->folder, "devices.mqsc");
	if (path == NULL) {
		return cli_fail("out of memory");
	}
	int code = access(path, F_OK) == 0 ? cli_read(path, DEVICE_MQSC_BYTES_MAX, &text) : CLI_OK;
	(void)snprintf(marker, sizeof(marker), "\n* device %s\n", device->name);
	if (code == CLI_OK && text.len > 0 && memmem(text.data, text.len, marker, strlen(marker)) != NULL) {
		code = cli_fail("%s: there is already a device '%s'", path, device->name);
	}
	if (code == CLI_OK) {
		enum err err = mqsc_put(device, &text);
		code = err == ERR_OK ? change_add(&device->change, path, buf_bytes(&text), 0640)
				     : cli_fail("%s: %s", path, err_name(err));
	}
	buf_release(&text);
	free(path);
	return code;
}

/* --- what the device gets --- */

static int device_file(struct device *device, const char *name, struct bytes content, unsigned mode)
{
	char *path = path_join(device->device_folder, name);
	int code =
		path == NULL ? cli_fail("out of memory") : change_add(&device->change, path, content, mode);
	free(path);
	return code;
}

static int cert_files(struct device *device)
{
	struct buf text = BUF_INIT(DEVICE_FILE_BYTES_MAX);
	enum err err = pem_encode("CERTIFICATE", cert_der(device->cert), &text);
	if (err == ERR_OK && device->ca != NULL) {
		struct keystore_entry ca = keystore_at(device->ca, 0);
		for (size_t i = 0; i < ca.chain_count && err == ERR_OK; i++) {
			/* The root is for the broker to have, not for the device to send. */
			if (!cert_is_self_issued(ca.chain[i])) {
				err = pem_encode("CERTIFICATE", cert_der(ca.chain[i]), &text);
			}
		}
	}
	int code = err == ERR_OK ? device_file(device, "device.crt", buf_bytes(&text), 0644)
				 : cli_fail("the certificate cannot be written: %s", err_name(err));
	buf_release(&text);
	if (code != CLI_OK || device->csr != NULL) {
		return code;
	}
	struct buf key = BUF_INIT(DEVICE_FILE_BYTES_MAX);
	err = buf_reserve(&key, device->key.len * 2 + 256);
	if (err == ERR_OK) {
		err = pem_encode("PRIVATE KEY", secret_bytes(&device->key), &key);
	}
	code = err == ERR_OK ? device_file(device, "device.key", buf_bytes(&key), 0600)
			     : cli_fail("the key cannot be written: %s", err_name(err));
	secure_wipe(key.data, key.cap);
	buf_release(&key);
	return code;
}

/* What the device must trust: the end of the chain that the broker serves, or the anchor above it. */
static int server_ca_file(struct device *device)
{
	struct buf text = BUF_INIT(DEVICE_FILE_BYTES_MAX);
	size_t index = 0;
	enum err err = ERR_OK;
	if (!keystore_identity(device->keystore, NULL, &index) ||
		keystore_at(device->keystore, index).chain_count == 0) {
		return cli_fail("%s: holds no key with a certificate: what should the device trust?",
			device->keystore_path);
	}
	struct keystore_entry served = keystore_at(device->keystore, index);
	const struct cert *last = served.chain[served.chain_count - 1];
	const struct cert *root = last;
	for (size_t i = 0; i < keystore_count(device->keystore); i++) {
		struct keystore_entry entry = keystore_at(device->keystore, i);
		if (entry.kind == KEYSTORE_ANCHOR && !cert_is_self_issued(last) &&
			x509_name_equal(cert_subject_der(entry.chain[0]), cert_issuer_der(last))) {
			root = entry.chain[0];
		}
	}
	err = pem_encode("CERTIFICATE", cert_der(root), &text);
	int code = err == ERR_OK ? device_file(device, "server-ca.crt", buf_bytes(&text), 0644)
				 : cli_fail("the server's CA cannot be written: %s", err_name(err));
	buf_release(&text);
	return code;
}

/* Options for mosquitto_pub and mosquitto_sub (XDG_CONFIG_HOME=folder), so that no secret stands in an argument. */
static enum err mosquitto_put(const struct device *device, const char *folder, struct buf *text)
{
	return buf_printf(text,
		"-h %s\n-p %llu\n-V mqttv5\n-i %s\n-u %s\n-P %.*s\n--cafile %s/server-ca.crt\n--cert "
		"%s/device.crt\n--key %s/device.key\n",
		device->host != NULL ? device->host : "localhost", (unsigned long long)device->port_value,
		device->name, device->name, (int)device->password.len, (const char *)device->password.data,
		folder, folder, folder);
}

static enum err settings_put(const struct device *device, const char *folder, struct buf *text)
{
	return buf_printf(text,
		"# For programs and people; the secrets stand in files of their own.\n"
		"LOCKGATE_HOST='%s'\nLOCKGATE_PORT='%llu'\nLOCKGATE_CLIENT_ID='%s'\nLOCKGATE_USER='%s'\n"
		"LOCKGATE_PASSWORD_FILE='%s/password'\nLOCKGATE_CA_FILE='%s/server-ca.crt'\n"
		"LOCKGATE_CERT_FILE='%s/device.crt'\nLOCKGATE_KEY_FILE='%s/device.key'\n"
		"LOCKGATE_TOPIC='devices/%s'\n",
		device->host != NULL ? device->host : "localhost", (unsigned long long)device->port_value,
		device->name, device->name, folder, folder, folder, folder, device->name);
}

static int settings_files(struct device *device)
{
	struct buf secret_text = BUF_INIT(DEVICE_FILE_BYTES_MAX);
	struct buf settings = BUF_INIT(DEVICE_FILE_BYTES_MAX);
	struct buf password = BUF_INIT(4096);
	int code = CLI_OK;
	enum err err = buf_reserve(&secret_text, 65536);
	if (err == ERR_OK && (err = buf_reserve(&password, device->password.len + 2)) == ERR_OK &&
		(err = mosquitto_put(device, device->device_folder, &secret_text)) == ERR_OK &&
		(err = settings_put(device, device->device_folder, &settings)) == ERR_OK &&
		(err = buf_append(&password, secret_bytes(&device->password))) == ERR_OK) {
		err = buf_append_u8(&password, '\n');
	}
	if (err != ERR_OK) {
		code = cli_fail("the settings cannot be made: %s", err_name(err));
	}
	if (code == CLI_OK &&
		(code = device_file(device, "password", buf_bytes(&password), 0600)) == CLI_OK &&
		(code = device_file(device, "client.env", buf_bytes(&settings), 0644)) == CLI_OK &&
		(code = device_file(device, "mosquitto_pub", buf_bytes(&secret_text), 0600)) == CLI_OK) {
		code = device_file(device, "mosquitto_sub", buf_bytes(&secret_text), 0600);
	}
	secure_wipe(secret_text.data, secret_text.cap);
	secure_wipe(password.data, password.cap);
	buf_release(&secret_text);
	buf_release(&password);
	buf_release(&settings);
	return code;
}

/* --- all together --- */

static int folder_prepare(struct device *device)
{
	char resolved[4096];
	if (device->out != NULL) {
		/* Absolute, so that the settings work from anywhere; the folder itself is not there yet. */
		const char *slash = strrchr(device->out, '/');
		char *parent =
			slash == NULL ? strdup(".") : strndup(device->out, (size_t)(slash - device->out) + 1);
		const char *given = parent != NULL ? realpath(parent, resolved) : NULL;
		free(parent);
		if (given == NULL) {
			return cli_fail("%s: its parent folder is not there", device->out);
		}
		device->device_folder = path_join(resolved, slash == NULL ? device->out : slash + 1);
	} else if (realpath(device->folder, resolved) != NULL) {
		char name[128];
		(void)snprintf(name, sizeof(name), "device-%s", device->name);
		device->device_folder = path_join(resolved, name);
	} else {
		return cli_fail("%s: no such folder", device->folder);
	}
	if (device->device_folder == NULL) {
		return cli_fail("out of memory");
	}
	if (strcspn(device->device_folder, "'\n\r") != strlen(device->device_folder)) {
		return cli_fail("%s: a quote or line end in a path cannot stand in the settings",
			device->device_folder);
	}
	return change_folder(&device->change, device->device_folder);
}

static int users_prepare(struct device *device)
{
	const char *field = NULL;
	char *key_path = path_join(device->folder, "login.key");
	bool key_there = key_path != NULL && access(key_path, F_OK) == 0;
	int code = users_secret(device->folder, device->name, NULL, &device->password, &device->users_field);
	device->key_file_made = key_path != NULL && !key_there && access(key_path, F_OK) == 0;
	free(key_path);
	if (code != CLI_OK) {
		return code;
	}
	if (buf_text(&device->users_field, &field) != ERR_OK) {
		return cli_fail("out of memory");
	}
	struct login_edit edit = {LOGIN_EDIT_ADD, bytes_text(device->name), field, 0};
	return users_edit(&device->change, device->folder, &edit);
}

static int device_make(struct device *device)
{
	int code = folder_prepare(device);
	if (code == CLI_OK && device->ca_cert != NULL) {
		code = ca_load(device);
	}
	if (code == CLI_OK && device->csr_path != NULL) {
		code = csr_load(device);
	}
	if (code == CLI_OK) {
		code = cert_make(device);
	}
	if (code == CLI_OK) {
		code = cert_files(device);
	}
	if (code == CLI_OK) {
		code = keystore_prepare(device);
	}
	if (code == CLI_OK) {
		code = server_ca_file(device);
	}
	if (code == CLI_OK) {
		code = users_prepare(device);
	}
	if (code == CLI_OK) {
		code = settings_files(device);
	}
	/* The rule is written last: until it stands, the device is not let in by anything. */
	if (code == CLI_OK) {
		code = mqsc_prepare(device);
	}
	return code == CLI_OK ? change_apply(&device->change) : code;
}

static void device_release(struct device *device)
{
	secret_free(&device->passphrase);
	secret_free(&device->key);
	secret_free(&device->password);
	keystore_free(device->keystore);
	keystore_free(device->ca);
	csr_free(device->csr);
	cert_unref(device->cert);
	buf_release(&device->spki);
	buf_release(&device->users_field);
	change_release(&device->change);
	free(device->device_folder);
}

static int device_add(struct device *device)
{
	int lock = -1;
	int code = change_lock(device->folder, &lock);
	if (code != CLI_OK) {
		return code;
	}
	code = device_make(device);
	if (code != CLI_OK && device->key_file_made) {
		char *path = path_join(device->folder, "login.key");
		if (path != NULL) {
			(void)unlink(path);
		}
		free(path);
	}
	change_unlock(lock);
	if (code == CLI_OK) {
		(void)printf("%s: %s\n", device->name, device->device_folder);
	}
	return code;
}

static int cmd_add(int argc, char **argv)
{
	struct device device = {.spki = BUF_INIT(65536), .users_field = BUF_INIT(4096), .now = cli_now()};
	struct cli_list arguments = {.count = 0};
	const struct cli_option options[] = {
		{"--dir", CLI_TEXT, &device.folder, "DIR",
			"the broker's data folder: users, login.key, devices.mqsc"},
		{"--keystore", CLI_TEXT, &device.keystore_path, "FILE", "the channel's keystore"},
		{"--passphrase", CLI_TEXT, &device.spec, "SPEC",
			"of the keystore: file:PATH, fd:N, env:NAME, cred:NAME or prompt (the default)"},
		{"--out", CLI_TEXT, &device.out, "FOLDER", "for the device; default: DIR/device-NAME"},
		{NULL, CLI_HEADING, NULL, NULL, "Where its certificate comes from"},
		{"--self-signed", CLI_FLAG, &device.self_signed, NULL,
			"its own; it is pinned in the keystore"},
		{"--ca-cert", CLI_TEXT, &device.ca_cert, "FILE",
			"a CA's; further certificates in FILE are its chain"},
		{"--ca-key", CLI_TEXT, &device.ca_key, "FILE", "the CA's private key"},
		{"--ca-passphrase", CLI_TEXT, &device.ca_spec, "SPEC", "of the CA's key, where it is sealed"},
		{"--csr", CLI_TEXT, &device.csr_path, "FILE",
			"the device's request: its key never leaves it"},
		{"--key-type", CLI_TEXT, &device.key_type, "TYPE",
			"ec256 (the default) ec384 ed25519 rsa2048 rsa3072"},
		{"--days", CLI_TEXT, &device.days, "N", "how long the certificate is valid; default: 365"},
		{NULL, CLI_HEADING, NULL, NULL, "What it may do, and what it is told"},
		{"--channel", CLI_TEXT, &device.channel, "NAME", "the rule's channel profile; default: *"},
		{"--profile", CLI_TEXT, &device.profile, "NAME",
			"topic object that it may use; default: " PROFILE_DEFAULT ", " TOPIC_DEFAULT},
		{"--host", CLI_TEXT, &device.host, "NAME", "in its settings; default: localhost"},
		{"--port", CLI_TEXT, &device.port, "N", "in its settings; default: 8883"},
	};
	const struct cli_syntax syntax = {command, "NAME",
		"Lets a device in through both gates: makes its key, certificate and password, adds its "
		"user, its\n"
		"rule and its authority, and writes settings that it can start with. Either all of it is "
		"written or\n"
		"nothing is changed.",
		options, ARRAY_COUNT(options), 1, 1};
	int code = CLI_OK;
	if (cli_parse(&syntax, argc, argv, &arguments, &code)) {
		device.name = arguments.items[0];
		code = options_mean(&device);
		if (code == CLI_OK) {
			code = device_add(&device);
		}
	}
	device_release(&device);
	return code;
}

int cmd_device(int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{"add", "certificate, password, rule, settings", cmd_add}};
	return cli_dispatch("lockgate device", "Devices: one command lets one in.", commands,
		ARRAY_COUNT(commands), argc, argv);
}
