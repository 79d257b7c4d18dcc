/*
 * log_writer.c - the thread behind a log: lines wait in memory and go out in batches.
 * Owns:    the descriptor it was given (unless it is stderr), the queue, the thread.
 * Never:   lets who logs wait for the disk; holds its lock over a system call; allocates once it runs, so that it can
 *          still write when another thread died inside the allocator.
 * Threads: see log_writer.h. What the thread alone touches is marked so.
 */
#include "base/log_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One write(2) takes at most this much, always whole lines. A line is shorter: LOG_LINE_BYTES_MAX. */
#define LOG_WRITE_BYTES_MAX 65536u
/* Awake, the thread lets lines gather: a busy broker makes 200 writes a second at most, however many lines it has. */
#define LOG_GATHER_NS (5 * 1000000L)
#define LOG_LOOK_NS   (1 * 1000000L)

/* Who is the last to leave frees. */
enum { END_RUNNING, END_LEFT, END_DONE };

struct lost {
	uint64_t full;   /* dropped: no room in the queue */
	uint64_t errors; /* of these, lines of LOG_ERROR */
	uint64_t failed; /* write(2) refused them */
};

struct log_writer {
	pthread_mutex_t lock;
	sem_t wake; /* not a condition: log_writer_flush() posts it from a signal handler */
	pthread_t thread;
	struct clock clock;
	enum log_format format;
	/* Under the lock. */
	unsigned filling; /* which half of space is being filled; the other one is the thread's */
	size_t queued;
	struct lost dropped;
	int next_fd; /* -1: none */
	bool woken;  /* the thread will look at the queue once more without being told */
	bool quit;
	/* The thread's. */
	int fd;
	bool torn; /* the file ends in half a line */
	struct lost untold;
	/* Bytes, ever growing: all that was put, and what of it is no longer waiting. */
	atomic_uint_least64_t put;
	atomic_uint_least64_t settled;
	atomic_uint_least64_t end;
	uint8_t space[2][LOG_QUEUE_BYTES_MAX];
};

size_t log_write_fd(int fd, const void *data, size_t len)
{
	const uint8_t *at = data;
	size_t done = 0;

	while (done < len) {
		ssize_t wrote = write(fd, at + done, len - done);
		if (wrote > 0) {
			done += (size_t)wrote;
		} else if (wrote == 0 || (errno != EINTR && errno != EAGAIN)) {
			break;
		} else if (errno == EAGAIN) {
			/* A terminal or pipe that somebody else made non-blocking. */
			struct pollfd wait = {.fd = fd, .events = POLLOUT};
			(void)poll(&wait, 1, -1);
		}
	}
	return done;
}

/* --- the thread --- */

static void rest(long ns)
{
	struct timespec time = {.tv_nsec = ns};
	(void)nanosleep(&time, NULL); /* cut short by a signal: the caller looks again */
}

static uint64_t count_lines(const uint8_t *data, size_t len)
{
	uint64_t lines = 0;
	for (size_t i = 0; i < len; i++) {
		lines += data[i] == '\n';
	}
	return lines;
}

/* As much of data as one write takes, ending with a newline. */
static size_t whole_lines(const uint8_t *data, size_t len)
{
	if (len <= LOG_WRITE_BYTES_MAX) {
		return len;
	}
	const uint8_t *last = memrchr(data, '\n', LOG_WRITE_BYTES_MAX);
	return last == NULL ? len : (size_t)(last - data) + 1;
}

/* Whole lines, in order. What cannot be written (a full disk) is counted, and the rest tried: it must not wait behind it. */
static uint64_t write_lines(struct log_writer *writer, const uint8_t *data, size_t len)
{
	uint64_t failed = 0;

	while (len > 0) {
		size_t part = whole_lines(data, len);
		size_t done = 0;
		if (writer->torn) {
			writer->torn = log_write_fd(writer->fd, "\n", 1) != 1;
		}
		if (!writer->torn) {
			done = log_write_fd(writer->fd, data, part);
			writer->torn = done > 0 && data[done - 1] != '\n';
		}
		failed += count_lines(data + done, part - done);
		data += part;
		len -= part;
	}
	return failed;
}

static size_t lost_line(const struct log_writer *writer, char *out, size_t size)
{
	static const char id[] = "LKG0006E";
	static const char text[] = "log lines were lost";
	const struct lost *lost = &writer->untold;
	char when[CLOCK_TEXT_BYTES];
	int len = 0;

	clock_format(clock_wall_ms(&writer->clock), when);
	if (writer->format == LOG_JSON) {
		len = snprintf(out, size,
			"{\"time\":\"%s\",\"level\":\"error\",\"id\":\"%s\",\"text\":\"%s\",\"queue_full\":"
			"%" PRIu64 ",\"errors\":%" PRIu64 ",\"write_failed\":%" PRIu64 "}\n",
			when, id, text, lost->full, lost->errors, lost->failed);
	} else {
		len = snprintf(out, size,
			"%s error %s %s queue_full=%" PRIu64 " errors=%" PRIu64 " write_failed=%" PRIu64 "\n",
			when, id, text, lost->full, lost->errors, lost->failed);
	}
	return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

static void tell_lost(struct log_writer *writer)
{
	char line[320];

	if (writer->untold.full == 0 && writer->untold.failed == 0) {
		return;
	}
	if (write_lines(writer, (const uint8_t *)line, lost_line(writer, line, sizeof(line))) == 0) {
		writer->untold = (struct lost){0, 0, 0};
	}
}

/* Writes what waits; false when that was the last time. */
static bool writer_turn(struct log_writer *writer)
{
	(void)pthread_mutex_lock(&writer->lock);
	const uint8_t *batch = writer->space[writer->filling];
	size_t len = writer->queued;
	struct lost dropped = writer->dropped;
	int fd = writer->next_fd;
	bool quit = writer->quit;
	writer->filling ^= 1u;
	writer->queued = 0;
	writer->dropped = (struct lost){0, 0, 0};
	writer->next_fd = -1;
	writer->woken = false;
	(void)pthread_mutex_unlock(&writer->lock);

	/* Between two batches, so never within a line. */
	if (fd >= 0) {
		if (writer->fd != STDERR_FILENO) {
			(void)close(writer->fd);
		}
		writer->fd = fd;
		writer->torn = false;
	}
	tell_lost(writer); /* what failed last time comes before what came later */
	writer->untold.failed += write_lines(writer, batch, len);
	writer->untold.full += dropped.full;
	writer->untold.errors += dropped.errors;
	tell_lost(writer);
	atomic_fetch_add(&writer->settled, len);
	return !quit;
}

static void writer_free(struct log_writer *writer)
{
	if (writer->fd != STDERR_FILENO) {
		(void)close(writer->fd);
	}
	(void)sem_destroy(&writer->wake);
	(void)pthread_mutex_destroy(&writer->lock);
	free(writer);
}

static void *writer_main(void *arg)
{
	struct log_writer *writer = arg;

	do {
		while (sem_wait(&writer->wake) != 0 && errno == EINTR) {
		}
		rest(LOG_GATHER_NS);
	} while (writer_turn(writer));
	if (atomic_exchange(&writer->end, END_DONE) == END_LEFT) {
		writer_free(writer);
	}
	return NULL;
}

/* --- its owner, and who logs --- */

static enum err start_thread(struct log_writer *writer)
{
	sigset_t all;
	sigset_t before;

	/* Signals are for the others: the handlers of a crash wait for this thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&writer->thread, NULL, writer_main, writer);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0) {
		return ERR_NOMEM;
	}
	(void)pthread_setname_np(writer->thread, "lg-log");
	return ERR_OK;
}

enum err log_writer_start(int fd, const struct clock *clock, enum log_format format, struct log_writer **out)
{
	struct log_writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL) {
		return ERR_NOMEM;
	}
	(void)pthread_mutex_init(&writer->lock, NULL);
	(void)sem_init(&writer->wake, 0, 0);
	writer->clock = *clock;
	writer->format = format;
	writer->next_fd = -1;
	writer->fd = fd;
	enum err err = start_thread(writer);
	if (err != ERR_OK) {
		writer->fd = STDERR_FILENO; /* the caller keeps it */
		writer_free(writer);
		return err;
	}
	*out = writer;
	return ERR_OK;
}

void log_writer_put(struct log_writer *writer, bool is_error, const void *line, size_t len)
{
	size_t max = is_error ? LOG_QUEUE_BYTES_MAX : LOG_QUEUE_BYTES_MAX - LOG_QUEUE_RESERVE_BYTES;

	(void)pthread_mutex_lock(&writer->lock);
	if (writer->queued < max && len <= max - writer->queued) {
		memcpy(writer->space[writer->filling] + writer->queued, line, len);
		writer->queued += len;
		atomic_fetch_add_explicit(&writer->put, len, memory_order_relaxed);
	} else {
		writer->dropped.full++;
		writer->dropped.errors += is_error;
	}
	bool wake = !writer->woken;
	writer->woken = true;
	(void)pthread_mutex_unlock(&writer->lock);
	if (wake) {
		(void)sem_post(&writer->wake);
	}
}

void log_writer_reopen(struct log_writer *writer, int fd)
{
	(void)pthread_mutex_lock(&writer->lock);
	int unused =
		writer->next_fd; /* asked for again before the thread came to it: nothing was written there */
	writer->next_fd = fd;
	(void)pthread_mutex_unlock(&writer->lock);
	(void)sem_post(&writer->wake);
	if (unused >= 0) {
		(void)close(unused);
	}
}

/* Looks rather than waits on a condition: a signal handler may do no more. */
static bool wait_until(const atomic_uint_least64_t *value, uint64_t at_least)
{
	struct clock clock = clock_system();
	uint64_t deadline = clock_mono_ms(&clock) + LOG_PATIENCE_MS;

	while (atomic_load(value) < at_least) {
		if (clock_mono_ms(&clock) >= deadline) {
			return false;
		}
		rest(LOG_LOOK_NS);
	}
	return true;
}

bool log_writer_flush(struct log_writer *writer)
{
	uint64_t put = atomic_load(&writer->put);

	if (atomic_load(&writer->settled) >= put) {
		return true;
	}
	if (pthread_equal(pthread_self(), writer->thread)) {
		return false; /* it is the one that died */
	}
	(void)sem_post(&writer->wake);
	return wait_until(&writer->settled, put);
}

void log_writer_stop(struct log_writer *writer)
{
	pthread_t thread = writer->thread;

	(void)pthread_mutex_lock(&writer->lock);
	writer->quit = true;
	(void)pthread_mutex_unlock(&writer->lock);
	(void)sem_post(&writer->wake);
	if (wait_until(&writer->end, END_DONE) || atomic_exchange(&writer->end, END_LEFT) == END_DONE) {
		(void)pthread_join(thread, NULL);
		writer_free(writer);
	} else {
		(void)pthread_detach(thread);
	}
}
