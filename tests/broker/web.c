/*
 * web.c - an HTTP server that misbehaves on request: see fetch_kit.h.
 * Owns:    its threads and sockets.
 * Never:   outlives web_close(): every connection is shut down and joined.
 * Threads: one that accepts, one per connection; what they share is under a lock.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fetch_kit.h"
#include "tests/test.h"

#define WEB_CONNECTIONS_MAX 512u
#define WEB_REQUEST_MAX     32768u

struct web_conn {
	struct web *web;
	pthread_t thread;
	int fd;
	bool used;
	char request[WEB_REQUEST_MAX]; /* no allocation of ours while a test lets the fetcher's fail */
};

struct web {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	int listener;
	int wake[2];
	uint16_t port;
	bool stop, released;
	unsigned hits, held, held_max;
	uint8_t file[65536]; /* /file */
	size_t file_len;
	char file_etag[64];
	char last[WEB_REQUEST_MAX], copy[WEB_REQUEST_MAX];
	struct web_conn conns[WEB_CONNECTIONS_MAX];
};

static bool put(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n <= 0) {
			return false;
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool say(int fd, const char *text)
{
	return put(fd, text, strlen(text));
}

/* Until the peer closes or we stop. */
static void linger(int fd)
{
	char byte[64];

	while (recv(fd, byte, sizeof(byte), 0) > 0) {
	}
}

static size_t content_length(const char *head)
{
	const char *at = strcasestr(head, "\r\nContent-Length:");

	return at == NULL ? 0 : (size_t)strtoul(at + 17, NULL, 10);
}

/* Head and body, as text with a NUL. */
static bool read_request(int fd, char *into, size_t room)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = recv(fd, into + len, room - 1 - len, 0);

		if (n <= 0) {
			return false;
		}
		len += (size_t)n;
		into[len] = '\0';
		const char *end = strstr(into, "\r\n\r\n");

		if (end != NULL && len >= (size_t)(end - into) + 4 + content_length(into)) {
			return true;
		}
	}
}

static void hold(struct web *web, int fd)
{
	(void)pthread_mutex_lock(&web->lock);
	web->held++;
	if (web->held > web->held_max) {
		web->held_max = web->held;
	}
	while (!web->released && !web->stop) {
		(void)pthread_cond_wait(&web->changed, &web->lock);
	}
	web->held--;
	(void)pthread_mutex_unlock(&web->lock);
	(void)say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nheld");
}

static void endless(int fd, const char *head, const char *piece)
{
	char block[8192];
	size_t len = 0;

	if (!say(fd, head)) {
		return;
	}
	size_t step = strlen(piece);

	for (; len + step < sizeof(block); len += step) {
		for (size_t i = 0; i < step; i++) {
			block[len + i] = piece[i];
		}
	}
	while (put(fd, block, len)) {
	}
}

static void reset(int fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void answer_redirect(int fd, const char *path)
{
	char line[4096];
	const char *to = strchr(path, '?');
	long status = strtol(path + 3, NULL, 10);

	(void)snprintf(line, sizeof(line),
		"HTTP/1.1 %ld Elsewhere\r\nLocation: %s\r\nContent-Length: 2\r\n\r\nno", status,
		to == NULL ? "" : to + 1);
	(void)say(fd, line);
}

static void answer_status(int fd, const char *path)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "HTTP/1.1 %ld Word\r\nContent-Length: 5\r\n\r\nsorry",
		strtol(path + 8, NULL, 10));
	(void)say(fd, line);
}

static void answer_post(int fd, const char *request)
{
	char line[1024];
	const char *body = strstr(request, "\r\n\r\n") + 4;

	(void)snprintf(
		line, sizeof(line), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	(void)say(fd, line);
}

static void answer_etag(int fd, const char *request)
{
	if (strstr(request, "\r\nIf-None-Match: \"v1\"\r\n") != NULL) {
		(void)say(fd, "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n");
		return;
	}
	(void)say(fd, "HTTP/1.1 200 OK\r\nETag:  \"v1\" \r\nLast-Modified: Sat, 21 Nov 2026 20:00:00 GMT\r\n"
		      "Content-Length: 5\r\n\r\nfresh");
}

static void answer_file(struct web *web, int fd, const char *request)
{
	char head[512];
	char wanted[128];
	(void)pthread_mutex_lock(&web->lock);
	(void)snprintf(wanted, sizeof(wanted), "\r\nIf-None-Match: %s\r\n", web->file_etag);
	if (web->file_len == 0) {
		(void)say(fd, "HTTP/1.1 503 Not Now\r\nContent-Length: 0\r\n\r\n");
	} else if (strstr(request, wanted) != NULL) {
		(void)say(fd, "HTTP/1.1 304 Not Modified\r\n\r\n");
	} else {
		(void)snprintf(head, sizeof(head),
			"HTTP/1.1 200 OK\r\nETag: %s\r\nContent-Length: %zu\r\n\r\n", web->file_etag,
			web->file_len);
		(void)(say(fd, head) && put(fd, web->file, web->file_len));
	}
	(void)pthread_mutex_unlock(&web->lock);
}

static const struct {
	const char *path;
	const char *answer;
} plain_answers[] = {
	{"/ok", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
	{"/close", "HTTP/1.1 200 OK\r\n\r\nuntil the end"},
	{"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
	{"/chunked-cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nd"},
	{"/chunked-bad", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"},
	{"/cookie", "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 5\r\n\r\nhello"},
	{"/short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"},
	{"/long", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more than that"},
	{"/two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello"},
	{"/declared", "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nhello"},
	{"/gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"},
	{"/identity", "HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 5\r\n\r\nhello"},
	{"/te-gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello"},
	{"/garbage", "\x16\x03\x01\x02garbage that is no HTTP at all\r\n\r\n"},
	{"/http09", "hello\r\n"},
	{"/empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"/early-cut", "HTTP/1.1 20"},
	{"/interim", "HTTP/1.1 103 Early Hints\r\nETag: \"early\"\r\nContent-Encoding: gzip\r\n\r\n"
		     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
	{"/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"},
	{"/nowhere", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"},
};

static void answer_slowly(int fd, const char *path)
{
	if (strcmp(path, "/slow-headers") == 0) {
		(void)say(fd, "HTTP/1.1 200 OK\r\nContent-Le");
	} else if (strcmp(path, "/slow-body") == 0) {
		(void)say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel");
	}
	linger(fd);
}

static void answer(struct web *web, int fd, const char *path, const char *request)
{
	for (size_t i = 0; i < ARRAY_COUNT(plain_answers); i++) {
		if (strcmp(path, plain_answers[i].path) == 0) {
			(void)say(fd, plain_answers[i].answer);
			return;
		}
	}
	if (strncmp(path, "/r/", 3) == 0) {
		answer_redirect(fd, path);
	} else if (strncmp(path, "/status/", 8) == 0) {
		answer_status(fd, path);
	} else if (strcmp(path, "/post") == 0) {
		answer_post(fd, request);
	} else if (strcmp(path, "/file") == 0) {
		answer_file(web, fd, request);
	} else if (strcmp(path, "/etag") == 0) {
		answer_etag(fd, request);
	} else if (strcmp(path, "/hold") == 0 || strncmp(path, "/hold/", 6) == 0) {
		hold(web, fd);
	} else if (strncmp(path, "/slow", 5) == 0) {
		answer_slowly(fd, path);
	} else if (strcmp(path, "/endless") == 0) {
		endless(fd, "HTTP/1.1 200 OK\r\n\r\n", "more and ");
	} else if (strcmp(path, "/endless-chunked") == 0) {
		endless(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "9\r\nmore and \r\n");
	} else if (strcmp(path, "/endless-headers") == 0) {
		endless(fd, "HTTP/1.1 200 OK\r\n", "X-More: and more\r\n");
	} else if (strcmp(path, "/big-error") == 0) {
		endless(fd, "HTTP/1.1 404 Gone\r\n\r\n", "sorry and ");
	} else if (strcmp(path, "/reset") == 0) {
		(void)say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel");
		reset(fd);
	} else {
		(void)say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	}
}

static void serve(struct web *web, int fd, char *request)
{
	char path[4096] = "";

	if (read_request(fd, request, WEB_REQUEST_MAX)) {
		const char *start = strchr(request, ' ');
		const char *end = start == NULL ? NULL : strchr(start + 1, ' ');

		if (end != NULL && (size_t)(end - start) < sizeof(path)) {
			memcpy(path, start + 1, (size_t)(end - start) - 1);
		}
		(void)pthread_mutex_lock(&web->lock);
		web->hits++;
		(void)snprintf(web->last, sizeof(web->last), "%s", request);
		(void)pthread_mutex_unlock(&web->lock);
		answer(web, fd, path, request);
	}
}

static void *conn_main(void *arg)
{
	struct web_conn *conn = arg;

	serve(conn->web, conn->fd, conn->request);
	/* Only a half close here: the number stays ours until web_close() has joined us. */
	(void)shutdown(conn->fd, SHUT_WR);
	return NULL;
}

static void accept_one(struct web *web)
{
	int fd = accept4(web->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		return;
	}
	(void)pthread_mutex_lock(&web->lock);
	struct web_conn *conn = NULL;

	for (size_t i = 0; i < WEB_CONNECTIONS_MAX && conn == NULL; i++) {
		conn = web->conns[i].used ? NULL : &web->conns[i];
	}
	REQUIRE("room for connections", conn != NULL);
	conn->web = web;
	conn->fd = fd;
	conn->used = true;
	REQUIRE("thread", pthread_create(&conn->thread, NULL, conn_main, conn) == 0);
	(void)pthread_mutex_unlock(&web->lock);
}

static void *web_main(void *arg)
{
	struct web *web = arg;

	for (;;) {
		struct pollfd polls[2] = {{web->listener, POLLIN, 0}, {web->wake[0], POLLIN, 0}};

		if (poll(polls, 2, -1) > 0 && (polls[1].revents & POLLIN) != 0) {
			return NULL;
		}
		if ((polls[0].revents & POLLIN) != 0) {
			accept_one(web);
		}
	}
}

struct web *web_open(void)
{
	struct web *web = calloc(1, sizeof(*web));
	struct sockaddr_in any = {.sin_family = AF_INET};
	socklen_t len = sizeof(any);

	REQUIRE("memory", web != NULL);
	(void)pthread_mutex_init(&web->lock, NULL);
	(void)pthread_cond_init(&web->changed, NULL);
	web->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE("bind", bind(web->listener, (struct sockaddr *)&any, sizeof(any)) == 0);
	REQUIRE("listen", listen(web->listener, 256) == 0);
	REQUIRE("port", getsockname(web->listener, (struct sockaddr *)&any, &len) == 0);
	web->port = ntohs(any.sin_port);
	REQUIRE("pipe", pipe(web->wake) == 0);
	REQUIRE("thread", pthread_create(&web->thread, NULL, web_main, web) == 0);
	return web;
}

void web_close(struct web *web)
{
	REQUIRE("wake", write(web->wake[1], "x", 1) == 1);
	(void)pthread_join(web->thread, NULL);
	(void)pthread_mutex_lock(&web->lock);
	web->stop = true;
	(void)pthread_cond_broadcast(&web->changed);
	(void)pthread_mutex_unlock(&web->lock);
	for (size_t i = 0; i < WEB_CONNECTIONS_MAX; i++) {
		if (web->conns[i].used) {
			(void)shutdown(web->conns[i].fd, SHUT_RDWR);
			(void)pthread_join(web->conns[i].thread, NULL);
			(void)close(web->conns[i].fd);
		}
	}
	(void)close(web->listener);
	(void)close(web->wake[0]);
	(void)close(web->wake[1]);
	(void)pthread_cond_destroy(&web->changed);
	(void)pthread_mutex_destroy(&web->lock);
	free(web);
}

uint16_t web_port(const struct web *web)
{
	return web->port;
}

void web_set_file(struct web *web, struct bytes content, const char *etag)
{
	(void)pthread_mutex_lock(&web->lock);
	REQUIRE("room", content.len <= sizeof(web->file));
	if (content.len > 0) {
		memcpy(web->file, content.data, content.len);
	}
	web->file_len = content.len;
	(void)snprintf(web->file_etag, sizeof(web->file_etag), "%s", etag);
	(void)pthread_mutex_unlock(&web->lock);
}

static unsigned get(struct web *web, const unsigned *what)
{
	(void)pthread_mutex_lock(&web->lock);
	unsigned value = *what;

	(void)pthread_mutex_unlock(&web->lock);
	return value;
}

unsigned web_hits(struct web *web)
{
	return get(web, &web->hits);
}

unsigned web_held(struct web *web)
{
	return get(web, &web->held);
}

unsigned web_held_max(struct web *web)
{
	return get(web, &web->held_max);
}

static void set_released(struct web *web, bool released)
{
	(void)pthread_mutex_lock(&web->lock);
	web->released = released;
	(void)pthread_cond_broadcast(&web->changed);
	(void)pthread_mutex_unlock(&web->lock);
}

void web_release(struct web *web)
{
	set_released(web, true);
}

void web_set_hold(struct web *web)
{
	set_released(web, false);
}

const char *web_last(struct web *web)
{
	(void)pthread_mutex_lock(&web->lock);
	memcpy(web->copy, web->last, sizeof(web->copy));
	(void)pthread_mutex_unlock(&web->lock);
	return web->copy;
}
