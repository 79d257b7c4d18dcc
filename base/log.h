/*
 * log.h - one line per fact, as text or JSON lines, times in UTC.
 * Owns:    its descriptor (unless it is stderr).
 * Never:   prints peer bytes unescaped (string fields go through utf8_escape), never sees a secret.
 * Threads: any; one write(2) per line.
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

MUST_CHECK enum err log_open(const struct log_options *options, struct log **out);
void log_close(struct log *log);
/* Reopens options.path (after rotation by rename). Keeps the old descriptor if that fails. */
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
