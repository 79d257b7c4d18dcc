/*
 * log.h - one line per fact, as text or JSON lines, times in UTC.
 * Owns:    its descriptor (unless it is stderr).
 * Never:   prints peer bytes unescaped (string fields go through utf8_escape), never sees a secret.
 * Threads: any. Until log_start_writer() the caller's thread writes, one write(2) per line; from then on a thread of the
 *          log's own does, and nobody waits for the disk, or for a pipe that nobody reads.
 */
#ifndef LOCKGATE_BASE_LOG_H
#define LOCKGATE_BASE_LOG_H

#include "base/bytes.h"
#include "base/clock.h"

struct log;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_options {
	const char *path; /* NULL: stderr. Appended to, created 0640. */
	enum log_format format;
	enum log_level level; /* the lowest that is written */
	struct clock clock;
};

/* One named value. Names are literals in snake_case; LOG_FIELD_BYTES is escaped, LOG_FIELD_TEXT too. */
enum log_field_kind { LOG_FIELD_TEXT, LOG_FIELD_BYTES, LOG_FIELD_INT, LOG_FIELD_BOOL };
struct log_field {
	const char *name;
	enum log_field_kind kind;
	const char *text;
	struct bytes bytes;
	int64_t integer;
};

#define LF_TEXT(field, value) ((struct log_field){.name = (field), .kind = LOG_FIELD_TEXT, .text = (value)})
#define LF_BYTES(field, value)                                                                               \
	((struct log_field){.name = (field), .kind = LOG_FIELD_BYTES, .bytes = (value)})
#define LF_INT(field, value)                                                                                 \
	((struct log_field){.name = (field), .kind = LOG_FIELD_INT, .integer = (int64_t)(value)})
#define LF_BOOL(field, value)                                                                                \
	((struct log_field){.name = (field), .kind = LOG_FIELD_BOOL, .integer = (value) ? 1 : 0})

/*
 * Lines that wait for the thread. Beyond that a line is dropped and counted rather than let every session stall, and one
 * line, LKG0006E, says how many were lost as soon as it can be written: in the place of the lost ones, behind what was
 * queued with them. The reserve is for LOG_ERROR, whose lines so are the last to go.
 */
#define LOG_QUEUE_BYTES_MAX     (1024u * 1024u)
#define LOG_QUEUE_RESERVE_BYTES (128u * 1024u)
/* How long log_close() and log_flush() wait for a descriptor that takes nothing. */
#define LOG_PATIENCE_MS 3000u

MUST_CHECK enum err log_open(const struct log_options *options, struct log **out);
/*
 * Writes what waits, then closes. No other thread may still log. If that takes longer than LOG_PATIENCE_MS, what still
 * waits is left to the thread, which goes on with it and frees all at its end, or at the end of the process is lost.
 */
void log_close(struct log *log);
/*
 * Starts the thread that writes. Before other threads log; at most once per log. A line is written a few milliseconds
 * after it was logged, in order for each thread. A write that fails (a full disk) costs its lines; they are counted
 * like those that found no room.
 * After it nobody may fork and go on logging in the child: the thread stays behind.
 * Errors  ERR_NOMEM: no memory or no thread; the log writes on the caller's thread as before.
 */
MUST_CHECK enum err log_start_writer(struct log *log);
/*
 * Waits until what was logged before is written, at most LOG_PATIENCE_MS; false if it is not. Blocks: for the moments
 * when somebody outside is told to look, and for the end of the process. Async-signal-safe.
 */
bool log_flush(struct log *log);
/*
 * From now until log_close(), a process that dies of SIGABRT (an assertion), SIGSEGV, SIGBUS, SIGILL or SIGFPE flushes
 * this log first, then dies as it would have. One log per process. Without a writer there is nothing to do.
 */
void log_flush_at_crash(struct log *log);
/*
 * Reopens options.path (after rotation by rename). Keeps the old descriptor if that fails. No line is lost or torn: those
 * logged before go to the old file or the new one, those after to the new one. Opening it blocks; one thread at a time.
 */
MUST_CHECK enum err log_reopen(struct log *log);
bool log_wants(const struct log *log, enum log_level level);

/*
 * id is a message id such as "LKG0101I", text a literal sentence; values belong into fields. log may be NULL
 * (nothing is written), so that pure tests need none.
 */
void log_write(struct log *log, enum log_level level, const char *id, const char *text,
	const struct log_field *fields, size_t field_count);

/* LOG(log, LOG_WARN, "LKG0102W", "device refused", LF_TEXT("client", id), LF_INT("port", port)); at least one field. */
#define LOG(log, level, id, text, ...)                                                                       \
	log_write((log), (level), (id), (text), (const struct log_field[]){__VA_ARGS__},                     \
		sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#endif
