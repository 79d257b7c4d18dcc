/*
 * ask.c - the operator's side of the admin socket.
 * Owns:    one socket for one question.
 * Never:   runs inside the broker.
 * Threads: the caller's; blocks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/broker.h"

#define REPLY_BYTES_MAX (72u * 1024u * 1024u)

static enum err send_all(int fd, struct bytes in)
{
	while (in.len > 0) {
		ssize_t n = send(fd, in.data, in.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return ERR_CLOSED;
		}
		in = bytes_of(in.data + n, in.len - (size_t)n);
	}
	return ERR_OK;
}

static enum err receive_all(int fd, struct buf *out)
{
	for (;;) {
		enum err err = buf_reserve(out, 65536);

		if (err != ERR_OK) {
			return err;
		}
		ssize_t n = recv(fd, out->data + out->len, 65536, 0);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return ERR_CLOSED;
		}
		if (n == 0) {
			return ERR_OK;
		}
		out->len += (size_t)n;
	}
}

/* "CODE LENGTH\n", then exactly LENGTH bytes. */
static enum err take_reply(const struct buf *in, struct buf *reply, int *code)
{
	const char *newline = in->len == 0 ? NULL : memchr(in->data, '\n', in->len);
	char line[48];
	char code_digits[5];
	char len_digits[11]; /* ten at most: no overflow */
	size_t n = newline == NULL ? 0 : (size_t)(newline - (const char *)in->data);

	if (newline == NULL || n >= sizeof(line)) {
		return ERR_CLOSED;
	}
	memcpy(line, in->data, n);
	line[n] = '\0';
	if (sscanf(line, "%4[0-9] %10[0-9]", code_digits, len_digits) != 2 ||
		in->len - n - 1 != strtoul(len_digits, NULL, 10)) {
		return ERR_CLOSED;
	}
	*code = (int)strtol(code_digits, NULL, 10);
	return buf_append(reply, bytes_of(in->data + n + 1, in->len - n - 1));
}

enum err broker_ask(const char *directory, const char *kind, const char *flags, struct bytes body,
	struct buf *reply, int *code)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct buf head = BUF_INIT(256);
	struct buf in = BUF_INIT(REPLY_BYTES_MAX);
	int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/admin.sock", directory);
	int fd = -1;
	enum err err = n < 0 || (size_t)n >= sizeof(address.sun_path) ? ERR_LIMIT : ERR_OK;

	if (err == ERR_OK) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		err = fd < 0 ? ERR_IO : ERR_OK;
	}
	if (err == ERR_OK && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		err = errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_NOT_FOUND;
	}
	if (err == ERR_OK) {
		err = buf_printf(
			&head, "lockgate-admin 1 %s %s %zu\n", kind, flags == NULL ? "-" : flags, body.len);
	}
	if (err == ERR_OK) {
		err = send_all(fd, buf_bytes(&head));
	}
	if (err == ERR_OK) {
		err = send_all(fd, body);
	}
	if (err == ERR_OK) {
		err = receive_all(fd, &in);
	}
	if (err == ERR_OK) {
		err = take_reply(&in, reply, code);
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	buf_release(&in);
	buf_release(&head);
	return err;
}
