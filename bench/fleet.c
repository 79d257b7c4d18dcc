/*
 * fleet.c - lockgate-bench-fleet: a root, the broker's certificate and thousands of devices' in a second, as files that
 * bench/run's brokers and lockgate-bench read.
 * Never:   makes keys for anything but benchmarks: they lie in clear.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/pem.h"
#include "bench/options.h"
#include "bench/pool.h"
#include "x509/x509.h"

#define DER_BYTES_MAX 4096u
#define PEM_BYTES_MAX 8192u
#define PATH_BYTES    512
#define YEAR_S        (365 * 24 * 3600)
#define SHOW_EACH     1000u

struct authority {
	struct cert *cert;
	struct secret key;
	int64_t now;
};

static enum err write_pem(const char *path, const char *label, struct bytes der, mode_t mode)
{
	struct buf text = BUF_INIT(PEM_BYTES_MAX);
	enum err err = pem_encode(label, der, &text);

	if (err == ERR_OK) {
		err = file_write_atomic(path, buf_bytes(&text), mode);
	}
	if (text.data != NULL) {
		secure_wipe(text.data, text.len);
	}
	buf_release(&text);
	return err;
}

/* PREFIX.crt and PREFIX.key. issuer->cert NULL: the root itself, which becomes issuer's. */
static enum err make(struct authority *issuer, const struct x509_make *what, const char *prefix)
{
	struct secret key = SECRET_NONE;
	struct buf spki = BUF_INIT(DER_BYTES_MAX);
	struct buf der = BUF_INIT(DER_BYTES_MAX);
	enum key_kind kind;
	char path[PATH_BYTES + 8];
	enum err err = key_generate(KEY_EC_P256, 0, &key);

	if (err == ERR_OK) {
		err = key_public(secret_bytes(&key), &kind, &spki);
	}
	if (err == ERR_OK) {
		err = x509_make_cert(what, buf_bytes(&spki), issuer->cert,
			secret_bytes(issuer->cert == NULL ? &key : &issuer->key), &der);
	}
	if (err == ERR_OK) {
		(void)snprintf(path, sizeof(path), "%s.crt", prefix);
		err = write_pem(path, "CERTIFICATE", buf_bytes(&der), 0644);
	}
	if (err == ERR_OK) {
		(void)snprintf(path, sizeof(path), "%s.key", prefix);
		err = write_pem(path, "PRIVATE KEY", secret_bytes(&key), 0600);
	}
	if (err == ERR_OK && issuer->cert == NULL) {
		err = cert_parse(buf_bytes(&der), &issuer->cert, NULL);
		issuer->key = key;
		key = SECRET_NONE;
	}
	secret_free(&key);
	buf_release(&spki);
	buf_release(&der);
	return err;
}

static enum err make_named(
	struct authority *issuer, const struct x509_make *kind, const char *name, const char *folder)
{
	const struct x509_make_attribute subject[] = {{"O", "Bench"}, {"CN", name}};
	struct x509_make what = *kind;
	char prefix[PATH_BYTES];

	what.subject = subject;
	what.subject_count = ARRAY_COUNT(subject);
	what.not_before = issuer->now - 3600;
	what.not_after = issuer->now + YEAR_S;
	if (snprintf(prefix, sizeof(prefix), "%s/%s", folder, name) >= (int)sizeof(prefix)) {
		return ERR_LIMIT;
	}
	return make(issuer, &what, prefix);
}

static enum err make_fleet(struct authority *root, const char *folder, unsigned devices)
{
	const char *const dns[] = {"localhost"};
	const char *const ip[] = {"127.0.0.1"};
	struct x509_make ca = {.ca = true, .path_length = -1};
	struct x509_make server = {
		.path_length = -1, .server_auth = true, .dns = dns, .dns_count = 1, .ip = ip, .ip_count = 1};
	char below[PATH_BYTES];
	enum err err = make_named(root, &ca, "ca", folder);

	if (err == ERR_OK) {
		err = make_named(root, &server, "server", folder);
	}
	(void)snprintf(below, sizeof(below), "%s/devices", folder);
	for (unsigned i = 1; err == ERR_OK && i <= devices; i++) {
		struct x509_make device = {.path_length = -1, .client_auth = true};
		char name[16];

		(void)snprintf(name, sizeof(name), "d%05u", i);
		err = make_named(root, &device, name, below);
		if (i % SHOW_EACH == 0 || i == devices) {
			(void)fprintf(stderr, "lockgate-bench-fleet: certificates %u/%u\n", i, devices);
		}
	}
	return err;
}

int main(int argc, char **argv)
{
	struct clock clock = clock_system();
	struct authority root = {.key = SECRET_NONE, .now = clock_wall_ms(&clock) / 1000};
	unsigned devices = argc == 3 ? bench_number("lockgate-bench-fleet", argv[2], POOL_CLIENTS_MAX) : 0;
	char below[PATH_BYTES];

	if (devices == 0 || strlen(argv[1]) > PATH_BYTES / 2) {
		(void)fprintf(stderr,
			"usage: lockgate-bench-fleet DIR COUNT\n"
			"Makes DIR/ca, DIR/server and COUNT DIR/devices/dNNNNN, .crt and .key each.\n");
		return 2;
	}
	(void)snprintf(below, sizeof(below), "%s/devices", argv[1]);
	(void)mkdir(argv[1], 0700); /* what cannot be written says so below */
	(void)mkdir(below, 0700);
	enum err err = crypto_init();

	if (err == ERR_OK) {
		err = make_fleet(&root, argv[1], devices);
	}
	if (err != ERR_OK) {
		(void)fprintf(stderr, "lockgate-bench-fleet: %s: %s\n", argv[1], err_name(err));
	}
	cert_unref(root.cert);
	secret_free(&root.key);
	crypto_cleanup();
	return err == ERR_OK ? 0 : 1;
}
