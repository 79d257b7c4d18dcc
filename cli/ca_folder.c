/*
 * ca_folder.c - the folder of a CA: opened under its lock, checked, and changed as a whole.
 * Owns:    struct ca.
 * Never:   takes a key file that others may read, or one that is a channel's keystore.
 * Threads: one; blocks.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/ca.h"

static int cert_load(struct ca *ca)
{
	struct buf content = BUF_INIT(CA_FILE_MAX);
	struct cert_list list = {0};
	struct x509_error error = {0};
	char *path = path_join(ca->folder, CA_CERT_FILE);
	if (path == NULL) {
		return cli_fail("out of memory");
	}
	int code = cli_read(path, CA_FILE_MAX, &content);
	if (code == CLI_OK) {
		enum err err = cert_list_load(buf_bytes(&content), &list, &error);
		if (err != ERR_OK || list.count != 1 || !cert_is_ca(list.items[0])) {
			code = cli_fail("%s: does not hold the certificate of one CA", path);
		} else {
			ca->cert = cert_ref(list.items[0]);
		}
	}
	cert_list_release(&list);
	buf_release(&content);
	free(path);
	return code;
}

static int db_load(struct ca *ca)
{
	struct buf content = BUF_INIT(CA_DB_BYTES_MAX);
	unsigned line = 0;
	if (file_check_owner(ca->db_path, false) == ERR_DENIED) {
		return cli_fail(
			"%s: refused, because others than you and root own it or may write to it (chmod "
			"go-w)",
			ca->db_path);
	}
	int code = cli_read(ca->db_path, CA_DB_BYTES_MAX, &content);
	if (code == CLI_OK) {
		enum err err = ca_db_parse(buf_bytes(&content), &ca->db, &line);
		if (err == ERR_EXISTS) {
			code = cli_fail("%s: a serial number stands there twice", ca->db_path);
		} else if (err != ERR_OK) {
			code = cli_fail("%s: line %u: %s", ca->db_path, line,
				err == ERR_MALFORMED ? "is not as it was written" : err_name(err));
		}
	}
	buf_release(&content);
	return code;
}

int ca_open(struct ca *ca, const char *folder, const char *key_path)
{
	*ca = CA_NONE;
	ca->folder = folder;
	ca->key_path = key_path != NULL ? strdup(key_path) : path_join(folder, CA_KEY_FILE);
	ca->db_path = path_join(folder, CA_DB_FILE);
	if (ca->key_path == NULL || ca->db_path == NULL) {
		return cli_fail("out of memory");
	}
	/* Looked for before the lock, which would make a file in a folder that is no CA's. */
	if (file_check_owner(ca->db_path, false) == ERR_NOT_FOUND) {
		return cli_fail("%s: is no folder of a CA ('lockgate ca init' makes one)", folder);
	}
	int code = change_lock(folder, &ca->lock);
	if (code == CLI_OK) {
		code = cert_load(ca);
	}
	return code == CLI_OK ? db_load(ca) : code;
}

int ca_key_open(struct ca *ca, const char *spec)
{
	struct secret passphrase = SECRET_NONE;
	if (file_check_owner(ca->key_path, true) == ERR_DENIED) {
		return cli_fail("%s: refused, because others may read or write it (chmod 600)", ca->key_path);
	}
	int code = cli_passphrase(spec, "Passphrase of the CA's key", false, &passphrase);
	struct keystore_error error = {0};
	if (code == CLI_OK &&
		keystore_load(ca->key_path, secret_bytes(&passphrase), &ca->keystore, &error) != ERR_OK) {
		code = cli_fail("%s", error.sentence);
	}
	secret_free(&passphrase);
	if (code != CLI_OK) {
		return code;
	}
	if (keystore_count(ca->keystore) != 1 || keystore_unknown_bags(ca->keystore) != 0) {
		return cli_fail(
			"%s: holds other entries too, so it is a channel's keystore: the key of a CA does "
			"not belong there, and is not used from there",
			ca->key_path);
	}
	struct keystore_entry entry = keystore_at(ca->keystore, 0);
	if (entry.kind != KEYSTORE_KEY || !entry.key_usable || entry.chain_count != 1 ||
		!bytes_equal(cert_der(entry.chain[0]), cert_der(ca->cert))) {
		return cli_fail("%s: does not hold the key of %s/" CA_CERT_FILE, ca->key_path, ca->folder);
	}
	return CLI_OK;
}

int ca_db_change(struct ca *ca)
{
	struct buf text = BUF_INIT(CA_DB_BYTES_MAX);
	enum err err = ca_db_print(&ca->db, &text);
	int code = err == ERR_OK ? change_add(&ca->change, ca->db_path, buf_bytes(&text), 0600)
				 : cli_fail("%s: %s", ca->db_path, err_name(err));
	buf_release(&text);
	return code;
}

void ca_close(struct ca *ca)
{
	change_release(&ca->change);
	ca_db_release(&ca->db);
	keystore_free(ca->keystore);
	cert_unref(ca->cert);
	change_unlock(ca->lock);
	free(ca->key_path);
	free(ca->db_path);
	*ca = CA_NONE;
}

int ca_days_mean(const char *command, const char *text, unsigned days_default, int64_t *seconds)
{
	uint64_t days = days_default;
	if (text != NULL && (!cli_number(text, CA_DAYS_MAX, &days) || days == 0)) {
		return cli_usage(command, "--days wants 1 to %u, not '%s'", CA_DAYS_MAX, text);
	}
	*seconds = (int64_t)days * CA_DAY_SECONDS;
	return CLI_OK;
}
