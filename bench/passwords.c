/*
 * passwords.c - lockgate-bench-passwords: a password per device as our generator makes them, in clear for the clients,
 * and as the users file and key that a broker reads.
 * Never:   writes over a key; prints a password.
 */
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/file.h"
#include "bench/options.h"
#include "bench/pool.h"
#include "jaas_like/jaas_like.h"

#define TEXT_BYTES_MAX (8u << 20)
#define NAME_BYTES     16

static enum err add_device(unsigned number, struct bytes key, struct buf *clear, struct buf *users)
{
	struct secret password = SECRET_NONE;
	char name[NAME_BYTES];
	enum err err = login_password_generate(&password);

	(void)snprintf(name, sizeof(name), "d%05u", number);
	if (err == ERR_OK) {
		err = buf_printf(clear, "%s:%.*s\n", name, (int)password.len, (const char *)password.data);
	}
	if (err == ERR_OK) {
		err = buf_printf(users, "%s:enabled:", name);
	}
	if (err == ERR_OK) {
		err = login_secret_hmac(key, bytes_text(name), secret_bytes(&password), users);
	}
	if (err == ERR_OK) {
		err = buf_append_text(users, "\n");
	}
	secret_free(&password);
	return err;
}

int main(int argc, char **argv)
{
	struct buf clear = BUF_INIT(TEXT_BYTES_MAX);
	struct buf users = BUF_INIT(TEXT_BYTES_MAX);
	struct secret key = SECRET_NONE;
	unsigned count = argc == 5 ? bench_number("lockgate-bench-passwords", argv[1], POOL_CLIENTS_MAX) : 0;
	enum err err = ERR_OK;

	if (count == 0) {
		(void)fprintf(stderr, "usage: lockgate-bench-passwords COUNT PASSWORDS USERS KEY\n"
				      "Makes COUNT passwords: in clear, as a users file, and its new key.\n");
		return 2;
	}
	err = crypto_init();
	if (err == ERR_OK) {
		err = login_key_make(argv[4], &key);
	}
	for (unsigned number = 1; err == ERR_OK && number <= count; number++) {
		err = add_device(number, secret_bytes(&key), &clear, &users);
	}
	if (err == ERR_OK) {
		err = file_write_atomic(argv[2], buf_bytes(&clear), 0600);
	}
	if (err == ERR_OK) {
		err = file_write_atomic(argv[3], buf_bytes(&users), 0600);
	}
	if (err != ERR_OK) {
		(void)fprintf(stderr, "lockgate-bench-passwords: %s\n", err_name(err));
	}
	if (clear.data != NULL) {
		secure_wipe(clear.data, clear.len);
	}
	buf_release(&clear);
	buf_release(&users);
	secret_free(&key);
	crypto_cleanup();
	return err == ERR_OK ? 0 : 1;
}
