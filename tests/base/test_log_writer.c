/*
 * test_log_writer.c - who logs never waits for the disk; and yet no line is lost, torn or out of order, but for those that
 *                     are counted and told: over a pipe that nobody reads, a full disk, rotation, the end, a crash.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "tests/test.h"

#define THREADS     4
#define LINES       2000
#define ROTATIONS   20
#define FULL_INFOS  40000 /* 2 MB and more: the queue twice, and what the pipe holds */
#define FULL_ERRORS 100   /* of the reserve: fit always */
#define FULL_FLOOD  20000 /* errors again: more than the reserve */
#define TEXT_MAX    (16u << 20)
#define ID_LOST     "LKG0006E"
#define ID_LINE     "LKG0001I"
#define SOME_TEXT   "a line of the ordinary length"

static struct clock_fake fake = {0, 1795290762123};

static struct log *open_log(const char *path, enum log_format format, bool writer)
{
	struct log *log = NULL;
	struct log_options options = {path, format, LOG_DEBUG, clock_from_fake(&fake)};
	REQUIRE("open", log_open(&options, &log) == ERR_OK);
	if (writer) {
		REQUIRE("writer", log_start_writer(log) == ERR_OK);
	}
	return log;
}

static void put(struct log *log, enum log_level level, unsigned who, unsigned n)
{
	LOG(log, level, ID_LINE, SOME_TEXT, LF_INT("who", who), LF_INT("n", n));
}

/* --- what was written --- */

static int64_t number_at(const char *at, const char *end)
{
	int64_t number = at < end && *at >= '0' && *at <= '9' ? 0 : -1;
	for (; at < end && *at >= '0' && *at <= '9' && number < 1000000000; at++) {
		number = number * 10 + (*at - '0');
	}
	return number;
}

/* The number behind key= or "key": in a line that ends at end; -1 without one. */
static int64_t number_in(const char *line, const char *end, const char *key)
{
	size_t len = strlen(key);
	for (const char *at = line + 1; at + len + 1 < end; at++) {
		if (*at != *key || memcmp(at, key, len) != 0) {
			continue;
		}
		if (at[len] == '=' && at[-1] == ' ') {
			return number_at(at + len + 1, end);
		}
		if (at[len] == '"' && at[len + 1] == ':' && at[-1] == '"') {
			return number_at(at + len + 2, end);
		}
	}
	return -1;
}

struct tally {
	uint64_t lines, errors, torn;
	uint64_t told, full, full_errors, failed; /* what the lines about lost ones say */
	int64_t last[THREADS];                    /* the number of each one's newest line */
	bool ordered;
};

static void tally_line(struct tally *tally, const char *line, const char *end)
{
	int64_t who = number_in(line, end, "who");
	int64_t n = number_in(line, end, "n");
	bool whole = (line[0] == '{' && end[-1] == '}') || (line[0] == '2' && end[-1] != '}');
	if (whole && memmem(line, (size_t)(end - line), ID_LOST, 8) != NULL) {
		tally->told++;
		tally->full += (uint64_t)number_in(line, end, "queue_full");
		tally->full_errors += (uint64_t)number_in(line, end, "errors");
		tally->failed += (uint64_t)number_in(line, end, "write_failed");
	} else if (whole && who >= 0 && who < THREADS && n >= 0) {
		tally->lines++;
		tally->errors += memmem(line, (size_t)(end - line), "error", 5) != NULL;
		tally->ordered = tally->ordered && n > tally->last[who];
		tally->last[who] = n;
	} else {
		tally->torn++;
	}
}

static void tally_text(struct tally *tally, struct bytes text)
{
	const char *at = (const char *)text.data;
	const char *end = at + text.len;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		if (newline == NULL || newline == at) {
			tally->torn++;
			at = newline == NULL ? end : newline + 1;
			continue;
		}
		tally_line(tally, at, newline);
		at = newline + 1;
	}
}

static struct tally tally_new(void)
{
	struct tally tally = {.ordered = true};
	memset(tally.last, -1, sizeof(tally.last));
	return tally;
}

static void tally_file(struct tally *tally, const char *path)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	REQUIRE("read", file_read(path, TEXT_MAX, &text) == ERR_OK);
	tally_text(tally, buf_bytes(&text));
	buf_release(&text);
}

/* --- a pipe that nobody reads --- */

struct pipe_end {
	const char *path;
	int fd;
	pthread_t thread;
	struct buf text;
};

/* Opened before the log, which else would wait for somebody to read. */
static void pipe_make(struct pipe_end *end)
{
	end->path = test_path(test_folder(), "pipe");
	end->text = BUF_INIT(TEXT_MAX);
	REQUIRE("pipe", mkfifo(end->path, 0600) == 0);
	end->fd = open(end->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	REQUIRE("pipe", end->fd >= 0);
}

static void *pipe_read(void *arg)
{
	struct pipe_end *end = arg;
	uint8_t some[65536];
	ssize_t n = 0;
	(void)fcntl(end->fd, F_SETFL, 0); /* from now on it waits; until the log closes its end */
	while ((n = read(end->fd, some, sizeof(some))) > 0) {
		CHECK("room", buf_append(&end->text, bytes_of(some, (size_t)n)) == ERR_OK);
	}
	CHECK("read to the end", n == 0);
	(void)close(end->fd);
	return NULL;
}

static void test_full(enum log_format format)
{
	struct pipe_end end;
	struct tally tally = tally_new();
	pipe_make(&end);
	struct log *log = open_log(end.path, format, true);
	unsigned n = 0;
	/* That this comes to its end is the point: nobody reads, and there is more than queue and pipe hold. */
	for (unsigned i = 0; i < FULL_INFOS; i++) {
		put(log, LOG_INFO, 0, n++);
	}
	for (unsigned i = 0; i < FULL_ERRORS; i++) {
		put(log, LOG_ERROR, 1, i);
	}
	for (unsigned i = 0; i < FULL_FLOOD; i++) {
		put(log, LOG_ERROR, 2, i);
	}
	put(log, LOG_WARN, 0, n++);
	REQUIRE("reader", pthread_create(&end.thread, NULL, pipe_read, &end) == 0);
	CHECK("written now", log_flush(log));
	put(log, LOG_INFO, 3, 0);
	log_close(log);
	REQUIRE("reader", pthread_join(end.thread, NULL) == 0);
	tally_text(&tally, buf_bytes(&end.text));
	uint64_t errors = FULL_ERRORS + FULL_FLOOD;
	CHECK("whole lines, in order", tally.torn == 0 && tally.ordered);
	CHECK("lines were lost", tally.full > tally.full_errors && tally.full_errors > 0);
	CHECK("it was told", tally.told > 0 && tally.failed == 0);
	CHECK("each is there or told", tally.lines + tally.full == n + errors + 1);
	CHECK("each error as well", tally.errors + tally.full_errors == errors);
	CHECK("the reserve kept errors", tally.last[1] == FULL_ERRORS - 1);
	CHECK("there is room again", tally.last[3] == 0);
	buf_release(&end.text);
}

static void test_close_of_a_full_pipe(void)
{
	struct pipe_end end;
	struct tally tally = tally_new();
	pipe_make(&end);
	struct log *log = open_log(end.path, LOG_TEXT, true);
	for (unsigned i = 0; i < LINES; i++) {
		put(log, LOG_INFO, 0, i);
	}
	CHECK("the pipe holds less", !log_flush(log));
	log_close(log); /* ends, though nobody reads */
	(void)pipe_read(&end);
	tally_text(&tally, buf_bytes(&end.text));
	CHECK("the thread went on alone", tally.lines == LINES && tally.ordered && tally.torn == 0);
	buf_release(&end.text);
}

/* --- order, rotation, the end --- */

struct speaker {
	struct log *log;
	unsigned who;
	pthread_t thread;
};

static void *speak(void *arg)
{
	const struct speaker *speaker = arg;
	for (unsigned i = 0; i < LINES; i++) {
		put(speaker->log, i % 7 == 0 ? LOG_ERROR : LOG_INFO, speaker->who, i);
	}
	return NULL;
}

static void test_threads(bool rotate)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "log");
	const char *moved[ROTATIONS];
	struct speaker speakers[THREADS];
	struct tally tally = tally_new();
	struct log *log = open_log(path, LOG_JSON, true);
	for (unsigned i = 0; i < THREADS; i++) {
		speakers[i] = (struct speaker){.log = log, .who = i};
		REQUIRE("thread", pthread_create(&speakers[i].thread, NULL, speak, &speakers[i]) == 0);
	}
	for (unsigned i = 0; rotate && i < ROTATIONS; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "log.%u", i);
		moved[i] = test_path(folder, name);
		CHECK("rotate", rename(path, moved[i]) == 0 && log_reopen(log) == ERR_OK);
		/* Every second time at once again: the thread has perhaps not come to the one before. */
		if (i % 2 == 0) {
			CHECK("flush", log_flush(log));
		}
	}
	for (unsigned i = 0; i < THREADS; i++) {
		CHECK("join", pthread_join(speakers[i].thread, NULL) == 0);
	}
	log_close(log);
	for (unsigned i = 0; rotate && i < ROTATIONS; i++) {
		tally_file(&tally, moved[i]);
	}
	tally_file(&tally, path);
	/* The old files first: so the order holds over all of them. */
	CHECK("whole, and each thread's in order", tally.torn == 0 && tally.ordered);
	CHECK("none lost", tally.lines == (uint64_t)THREADS * LINES && tally.told == 0);
}

static void test_reopen(void)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "log");
	const char *moved = test_path(folder, "log.1");
	struct tally before = tally_new();
	struct tally after = tally_new();
	struct log *log = open_log(path, LOG_TEXT, true);
	put(log, LOG_INFO, 0, 0);
	CHECK("flush", log_flush(log));
	CHECK("rotate", rename(path, moved) == 0);
	put(log, LOG_INFO, 0, 1);
	CHECK("the old file until it is opened again", log_flush(log));
	CHECK("reopen", log_reopen(log) == ERR_OK);
	put(log, LOG_INFO, 0, 2);
	CHECK("flush", log_flush(log));
	tally_file(&before, moved);
	tally_file(&after, path);
	CHECK("old", before.lines == 2 && before.last[0] == 1);
	CHECK("new", after.lines == 1 && after.last[0] == 2);
	CHECK("unlink", unlink(path) == 0 && mkdir(path, 0700) == 0);
	CHECK("a folder in the way", log_reopen(log) == ERR_IO);
	CHECK("mend", rmdir(path) == 0);
	put(log, LOG_INFO, 0, 3);
	log_close(log);
	CHECK("and the file before it stays", access(path, F_OK) != 0);
}

static void test_start(void)
{
	const char *path = test_path(test_folder(), "log");
	struct tally tally = tally_new();
	struct log *log = open_log(path, LOG_TEXT, false);
	unsigned n = 0;
	bool hit = true;
	CHECK("flush without a writer", log_flush(log));
	for (unsigned long at = 1; hit; at++) {
		test_alloc_fail_at(at);
		enum err err = log_start_writer(log);
		hit = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("memory", err == (hit ? ERR_NOMEM : ERR_OK));
		put(log, LOG_INFO, 0, n++);
	}
	CHECK("only once", log_start_writer(log) == ERR_STATE);
	hit = true;
	for (unsigned long at = 1; hit; at++) {
		test_alloc_fail_at(at);
		LOG(log, LOG_INFO, "LKG0002I", "without memory", LF_INT("who", 1), LF_INT("n", n));
		hit = test_alloc_failed();
		test_alloc_fail_at(0);
		n += hit;
	}
	log_close(log);
	tally_file(&tally, path);
	CHECK("never lost, never two", tally.lines + tally.torn == n + 1 && tally.last[0] >= 1);
}

/* A file may grow no further: the write is cut within a line, then refused. Later there is room again. */
static void test_no_room(enum log_format format)
{
	const char *path = test_path(test_folder(), "log");
	struct tally tally = tally_new();
	struct log *log = open_log(path, format, true);
	struct rlimit before;
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	unsigned n = 0;
	REQUIRE("limit", sigaction(SIGXFSZ, &ignore, NULL) == 0 && getrlimit(RLIMIT_FSIZE, &before) == 0);
	struct rlimit small = {1000, before.rlim_max};
	REQUIRE("limit", setrlimit(RLIMIT_FSIZE, &small) == 0);
	for (; n < 100; n++) {
		put(log, LOG_INFO, 0, n);
		if (n % 10 == 0) {
			(void)log_flush(log);
		}
	}
	bool settled = log_flush(log);
	REQUIRE("limit", setrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK("it does not wait for room", settled);
	put(log, LOG_INFO, 0, n++);
	log_close(log);
	tally_file(&tally, path);
	CHECK("what was written stays whole", tally.ordered && tally.lines > 1 && tally.lines < 20);
	CHECK("one line was cut, and stands alone", tally.torn == 1);
	CHECK("the first with room again", tally.last[0] == n - 1);
	CHECK("told once", tally.told == 1 && tally.full == 0);
	CHECK("each is there or told", tally.lines + tally.failed == n);
}

/* --- a crash --- */

static void die(const char *path, int number, bool watched)
{
	struct log *log = open_log(path, LOG_TEXT, true);
	struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
	if (watched) {
		log_flush_at_crash(log);
		log_flush_at_crash(log); /* twice does no harm */
	}
	for (unsigned i = 0; i < LINES; i++) {
		put(log, LOG_INFO, 0, i);
	}
	if (number == SIGABRT) {
		abort();
	}
	(void)raise(number);
	_exit(0); /* not reached */
}

static void test_crash(void)
{
	static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		const char *path = test_path(test_folder(), "log");
		struct tally tally = tally_new();
		int status = 0;
		pid_t child = fork();
		REQUIRE("fork", child >= 0);
		if (child == 0) {
			die(path, numbers[i], true);
		}
		REQUIRE("wait", waitpid(child, &status, 0) == child);
		/* A sanitizer ends its process in its own way, but not with 0. */
		CHECK("it died all the same", !WIFEXITED(status) || WEXITSTATUS(status) != 0);
		tally_file(&tally, path);
		CHECK("what waited was written", tally.lines == LINES && tally.ordered && tally.torn == 0);
	}
	/* A closed log is forgotten. */
	struct log *log = open_log(test_path(test_folder(), "log"), LOG_TEXT, true);
	log_flush_at_crash(log);
	log_close(log);
	pid_t child = fork();
	REQUIRE("fork", child >= 0);
	if (child == 0) {
		abort();
	}
	int status = 0;
	REQUIRE("wait", waitpid(child, &status, 0) == child);
	CHECK("dies of what killed it", WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	test_crash(); /* first: forks while there is one thread */
	test_threads(false);
	test_threads(true);
	test_reopen();
	test_start();
	test_no_room(LOG_TEXT);
	test_no_room(LOG_JSON);
	test_full(LOG_TEXT);
	test_full(LOG_JSON);
	test_close_of_a_full_pipe();
	return test_result();
}
