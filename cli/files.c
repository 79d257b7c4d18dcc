/*
 * files.c - passphrases, keystores and files for the subcommands, with the refusal said at once.
 * Owns:    nothing beyond a call.
 * Never:   echoes a passphrase; leaves the terminal without echo.
 * Threads: one; blocks.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "cli/cli.h"
#include "x509/x509.h"

#define CONTROL_C 0x03

/* One line from a terminal, without echo. With ISIG off, ^C is an ordinary byte: the echo is surely put back. */
static enum err line_read(int fd, struct secret *out)
{
	struct secret line = SECRET_NONE;
	size_t len = 0;
	enum err err = secret_new(KEYSTORE_PASSPHRASE_MAX + 1, &line);
	while (err == ERR_OK) {
		uint8_t octet = 0;
		ssize_t got = read(fd, &octet, 1);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got != 1 || octet == CONTROL_C) {
			err = ERR_CLOSED;
		} else if (octet == '\n' || octet == '\r') {
			break;
		} else if (len == KEYSTORE_PASSPHRASE_MAX) {
			err = ERR_LIMIT;
		} else {
			line.data[len++] = octet;
		}
	}
	if (err == ERR_OK) {
		err = secret_copy(bytes_of(line.data, len), out);
	}
	secret_free(&line);
	return err;
}

enum err cli_prompt(const char *question, struct secret *out, void *ctx)
{
	struct termios before;
	(void)ctx;
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		return ERR_UNSUPPORTED;
	}
	if (tcgetattr(fd, &before) != 0) {
		(void)close(fd);
		return ERR_UNSUPPORTED;
	}
	struct termios silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	enum err err = ERR_IO;
	if (tcsetattr(fd, TCSAFLUSH, &silent) == 0) {
		(void)!write(fd, question, strlen(question));
		err = line_read(fd, out);
		(void)!write(fd, "\n", 1);
		(void)tcsetattr(fd, TCSAFLUSH, &before);
	}
	(void)close(fd);
	return err;
}

/* The question that the caller wants, whatever keystore_passphrase_read() would ask. */
static enum err prompt_with(const char *question, struct secret *out, void *ctx)
{
	(void)question;
	return cli_prompt(ctx, out, NULL);
}

int cli_passphrase(const char *spec, const char *question, bool fresh, struct secret *out)
{
	struct keystore_error error = {0};
	struct secret again = SECRET_NONE;
	char asked[128];
	(void)snprintf(asked, sizeof(asked), "%s: ", question);
	enum err err = keystore_passphrase_read(spec, prompt_with, asked, out, &error);
	if (err != ERR_OK) {
		return cli_fail("%s", error.sentence);
	}
	bool typed = spec == NULL || strcmp(spec, "prompt") == 0;
	if (!fresh || !typed) {
		return CLI_OK;
	}
	err = cli_prompt("Once more: ", &again, NULL);
	bool same = err == ERR_OK && secret_equal(secret_bytes(out), secret_bytes(&again));
	secret_free(&again);
	if (!same || out->len == 0) {
		bool empty = same;
		secret_free(out);
		return cli_fail(empty ? "the passphrase is empty" : "the two passphrases differ");
	}
	return CLI_OK;
}

int cli_keystore_load(const char *path, const char *spec, struct secret *passphrase, struct keystore **out)
{
	struct keystore_error error = {0};
	int code = cli_passphrase(spec, "Keystore passphrase", false, passphrase);
	if (code != CLI_OK) {
		return code;
	}
	if (keystore_load(path, secret_bytes(passphrase), out, &error) != ERR_OK) {
		secret_free(passphrase);
		return cli_fail("%s", error.sentence);
	}
	return CLI_OK;
}

static const char *why_not(enum err err)
{
	switch ((int)err) {
	case ERR_NOT_FOUND: return "no such file";
	case ERR_LIMIT: return "too long";
	case ERR_NOMEM: return "out of memory";
	case ERR_IO: return errno == EINVAL ? "no regular file" : strerrordesc_np(errno);
	default: return err_name(err);
	}
}

int cli_read(const char *path, size_t max, struct buf *out)
{
	enum err err = file_read(path, max, out);
	return err == ERR_OK ? CLI_OK : cli_fail("%s: %s", path, why_not(err));
}

int cli_write(const char *path, struct bytes content, unsigned mode)
{
	enum err err = file_write_atomic(path, content, (mode_t)mode);
	return err == ERR_OK ? CLI_OK : cli_fail("%s: %s", path, why_not(err));
}

int cli_read_csr(const char *path, struct csr **out)
{
	struct buf text = BUF_INIT(CLI_CSR_BYTES_MAX);
	struct buf der = BUF_INIT(CLI_CSR_BYTES_MAX);
	struct bytes label = BYTES_NONE;
	struct x509_error error = {0};
	int code = cli_read(path, CLI_CSR_BYTES_MAX, &text);
	if (code != CLI_OK) {
		return code;
	}
	struct bytes rest = buf_bytes(&text);
	bool pem = pem_next(&rest, &label, &der) == ERR_OK;
	enum err err = csr_parse(pem ? buf_bytes(&der) : buf_bytes(&text), out, &error);
	if (err == ERR_DENIED) {
		code = cli_fail("%s: the request is not signed with its own key", path);
	} else if (err != ERR_OK) {
		code = cli_fail("%s: is no certification request: %s", path,
			error.what != NULL ? error.what : err_name(err));
	}
	buf_release(&text);
	buf_release(&der);
	return code;
}
