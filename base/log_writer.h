/*
 * log_writer.h - the thread behind a log: lines wait in memory and go out in batches. For log.c only.
 * Owns:    the descriptor it was given (unless it is stderr), the queue, the thread.
 * Never:   lets who logs wait for the disk; holds its lock over a system call.
 * Threads: log_writer_put() and log_writer_flush() from any; the rest from the one that owns the log.
 */
#ifndef LOCKGATE_BASE_LOG_WRITER_H
#define LOCKGATE_BASE_LOG_WRITER_H

#include "base/log.h"

struct log_writer;

/*
 * fd moves to the writer on ERR_OK, else stays the caller's. Clock and format are for the line that says what was lost.
 * ERR_NOMEM: no memory, or no thread.
 */
MUST_CHECK enum err log_writer_start(
	int fd, const struct clock *clock, enum log_format format, struct log_writer **out);
/* A whole line with its newline, copied. Never blocks on the descriptor: without room the line is counted and dropped. */
void log_writer_put(struct log_writer *writer, bool is_error, const void *line, size_t len);
/* fd moves. Lines put from now on go there; earlier ones there or to the old one. */
void log_writer_reopen(struct log_writer *writer, int fd);
/* As log_flush(). Async-signal-safe. */
bool log_writer_flush(struct log_writer *writer);
/* Writes what waits, ends the thread, frees. After LOG_PATIENCE_MS the thread is left alone: it frees all when it is done. */
void log_writer_stop(struct log_writer *writer);

/* log_crash.c: no longer flushes this log at a crash. */
void log_forget_at_crash(struct log *log);

/* write(2) until all is out or an error; waits where a non-blocking descriptor is full. Returns how much went out. */
size_t log_write_fd(int fd, const void *data, size_t len);

#endif
