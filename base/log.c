/*
 * log.c - one line per fact, as text or JSON lines, times in UTC.
 * Owns:    its descriptor (unless it is stderr).
 * Never:   prints peer bytes unescaped, never sees a secret, never fails its caller.
 * Threads: any. Without a writer one write(2) per line, and a reopen swaps the file under the same descriptor number;
 *          with one the descriptor is the writer's.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log_writer.h"
#include "base/utf8.h"

/* A longer line loses its last fields and says so. */
#define LOG_LINE_BYTES_MAX 16384
/* A longer value is cut there; its line then says "cut". Peers choose values, so one must not crowd out the rest. */
#define LOG_VALUE_BYTES_MAX 1024

struct log {
	char *path; /* NULL: stderr */
	enum log_format format;
	enum log_level level;
	struct clock clock;
	int fd;                    /* -1: it is the writer's */
	struct log_writer *writer; /* NULL: who logs writes */
};

static enum err log_open_file(const char *path, int *fd)
{
	int opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
	if (opened < 0) {
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? ERR_NOMEM : ERR_IO;
	}
	*fd = opened;
	return ERR_OK;
}

enum err log_open(const struct log_options *options, struct log **out)
{
	enum err err = ERR_OK;
	struct log *log = calloc(1, sizeof(*log));
	if (log == NULL) {
		return ERR_NOMEM;
	}
	log->format = options->format;
	log->level = options->level;
	log->clock = options->clock;
	log->fd = STDERR_FILENO;
	if (options->path != NULL) {
		err = bytes_dup_text(bytes_text(options->path), &log->path);
		if (err != ERR_OK) {
			goto out;
		}
		err = log_open_file(options->path, &log->fd);
		if (err != ERR_OK) {
			goto out;
		}
	}
	*out = log;
	log = NULL; /* moved to the caller */
out:
	log_close(log);
	return err;
}

void log_close(struct log *log)
{
	if (log == NULL) {
		return;
	}
	log_forget_at_crash(log);
	if (log->writer != NULL) {
		log_writer_stop(log->writer);
	} else if (log->fd != STDERR_FILENO) {
		(void)close(log->fd);
	}
	free(log->path);
	free(log);
}

enum err log_start_writer(struct log *log)
{
	if (log->writer != NULL) {
		return ERR_STATE;
	}
	enum err err = log_writer_start(log->fd, &log->clock, log->format, &log->writer);
	if (err == ERR_OK) {
		log->fd = -1; /* moved */
	}
	return err;
}

bool log_flush(struct log *log)
{
	return log->writer == NULL || log_writer_flush(log->writer);
}

enum err log_reopen(struct log *log)
{
	if (log->path == NULL) {
		return ERR_OK;
	}
	int fd = -1;
	enum err err = log_open_file(log->path, &fd);
	if (err != ERR_OK) {
		return err;
	}
	if (log->writer != NULL) {
		log_writer_reopen(log->writer, fd);
		return ERR_OK;
	}
	/* Other threads may be writing: the number stays, what it names changes at once. */
	if (dup3(fd, log->fd, O_CLOEXEC) < 0) {
		err = ERR_IO;
	}
	(void)close(fd);
	return err;
}

bool log_wants(const struct log *log, enum log_level level)
{
	return log != NULL && level >= log->level;
}

static const char *log_level_name(enum log_level level)
{
	switch (level) {
	case LOG_DEBUG: return "debug";
	case LOG_INFO: return "info";
	case LOG_WARN: return "warn";
	case LOG_ERROR: return "error";
	}
	return "error";
}

/* What may stand in a text line without quotes. */
static bool log_is_plain(struct bytes value)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+-,*#$%";
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == 0 || strchr(plain, value.data[i]) == NULL) {
			return false;
		}
	}
	return value.len > 0;
}

/* A quote inside becomes \"; a backslash of the value's own is \x5c by then, so the two cannot be confused. */
static enum err log_text_value(struct buf *line, struct bytes value)
{
	if (log_is_plain(value)) {
		return buf_append(line, value);
	}
	enum err err = buf_append_u8(line, '"');
	for (size_t at = 0; at < value.len && err == ERR_OK;) {
		const uint8_t *quote = memchr(value.data + at, '"', value.len - at);
		size_t run = quote == NULL ? value.len - at : (size_t)(quote - (value.data + at));
		err = utf8_escape(line, bytes_of(value.data + at, run));
		at += run;
		if (err == ERR_OK && quote != NULL) {
			err = buf_append_text(line, "\\\"");
			at++;
		}
	}
	return err == ERR_OK ? buf_append_u8(line, '"') : err;
}

/* Cuts at the limit, but not inside a UTF-8 sequence. */
static struct bytes log_cut(struct bytes value, bool *cut)
{
	if (value.len <= LOG_VALUE_BYTES_MAX) {
		return value;
	}
	*cut = true;
	size_t len = LOG_VALUE_BYTES_MAX;
	for (int back = 0; back < 3 && (value.data[len] & 0xc0) == 0x80; back++) {
		len--;
	}
	return bytes_of(value.data, len);
}

static struct bytes log_field_bytes(const struct log_field *field)
{
	return field->kind == LOG_FIELD_BYTES ? field->bytes : bytes_text(field->text);
}

static enum err log_text_field(struct buf *line, const struct log_field *field, bool *cut)
{
	enum err err = buf_printf(line, " %s=", field->name);
	if (err != ERR_OK) {
		return err;
	}
	switch (field->kind) {
	case LOG_FIELD_TEXT:
		if (field->text == NULL) {
			return buf_append_u8(line, '-');
		}
		return log_text_value(line, log_cut(log_field_bytes(field), cut));
	case LOG_FIELD_BYTES: return log_text_value(line, log_cut(log_field_bytes(field), cut));
	case LOG_FIELD_INT: return buf_printf(line, "%" PRId64, field->integer);
	case LOG_FIELD_BOOL: return buf_append_text(line, field->integer != 0 ? "true" : "false");
	}
	return ERR_INVALID;
}

static enum err log_text_line(struct buf *line, const struct log *log, enum log_level level, const char *id,
	const char *text, const struct log_field *fields, size_t field_count)
{
	char when[CLOCK_TEXT_BYTES];
	bool cut = false;
	clock_format(clock_wall_ms(&log->clock), when);
	enum err err = buf_printf(line, "%s %s %s ", when, log_level_name(level), id);
	if (err == ERR_OK) {
		err = utf8_escape(line, bytes_text(text));
	}
	for (size_t i = 0; i < field_count && err == ERR_OK; i++) {
		size_t start = line->len;
		enum err field_err = log_text_field(line, &fields[i], &cut);
		if (field_err != ERR_OK) {
			line->len = start;
			cut = true;
			break;
		}
	}
	if (err == ERR_OK && cut) {
		err = buf_append_text(line, " cut=true");
	}
	return err;
}

static void log_json_field(struct json_writer *json, const struct log_field *field, bool *cut)
{
	json_key(json, field->name);
	switch (field->kind) {
	case LOG_FIELD_TEXT:
		if (field->text == NULL) {
			json_null(json);
		} else {
			json_bytes(json, log_cut(log_field_bytes(field), cut));
		}
		break;
	case LOG_FIELD_BYTES: json_bytes(json, log_cut(log_field_bytes(field), cut)); break;
	case LOG_FIELD_INT: json_int(json, field->integer); break;
	case LOG_FIELD_BOOL: json_bool(json, field->integer != 0); break;
	}
}

static enum err log_json_line(struct buf *line, const struct log *log, enum log_level level, const char *id,
	const char *text, const struct log_field *fields, size_t field_count)
{
	char when[CLOCK_TEXT_BYTES];
	bool cut = false;
	struct json_writer json = json_writer_init(line);
	clock_format(clock_wall_ms(&log->clock), when);
	json_object_begin(&json);
	json_key(&json, "time");
	json_text(&json, when);
	json_key(&json, "level");
	json_text(&json, log_level_name(level));
	json_key(&json, "id");
	json_text(&json, id);
	json_key(&json, "text");
	json_text(&json, text);
	for (size_t i = 0; i < field_count && json_err(&json) == ERR_OK; i++) {
		struct json_writer before = json;
		size_t start = line->len;
		log_json_field(&json, &fields[i], &cut);
		if (json_err(&json) != ERR_OK) {
			line->len = start;
			json = before;
			cut = true;
			break;
		}
	}
	if (cut) {
		json_key(&json, "cut");
		json_bool(&json, true);
	}
	json_object_end(&json);
	return json_err(&json);
}

static void log_emit(const struct log *log, enum log_level level, const void *line, size_t len)
{
	if (log->writer != NULL) {
		log_writer_put(log->writer, level >= LOG_ERROR, line, len);
	} else {
		(void)log_write_fd(log->fd, line, len);
	}
}

/* Memory ran out: id and text are literals and need none. */
static void log_emit_poor(const struct log *log, enum log_level level, const char *id, const char *text)
{
	char line[256];
	int len = 0;
	if (log->format == LOG_JSON) {
		len = snprintf(line, sizeof(line), "{\"id\":\"%.16s\",\"text\":\"%.160s\",\"cut\":true}\n",
			id, text);
	} else {
		len = snprintf(line, sizeof(line), "%.16s %.160s cut=true\n", id, text);
	}
	if (len > 0 && (size_t)len < sizeof(line)) {
		log_emit(log, level, line, (size_t)len);
	}
}

void log_write(struct log *log, enum log_level level, const char *id, const char *text,
	const struct log_field *fields, size_t field_count)
{
	if (!log_wants(log, level)) {
		return;
	}
	int saved_errno = errno; /* callers log in the middle of handling one */
	/* Room is kept back for the closing mark and brace, which must always fit. */
	struct buf line = BUF_INIT(LOG_LINE_BYTES_MAX - 64);
	enum err err = log->format == LOG_JSON
			       ? log_json_line(&line, log, level, id, text, fields, field_count)
			       : log_text_line(&line, log, level, id, text, fields, field_count);
	if (err == ERR_OK) {
		err = buf_append_u8(&line, '\n');
	}
	if (err == ERR_OK) {
		log_emit(log, level, line.data, line.len);
	} else {
		log_emit_poor(log, level, id, text);
	}
	buf_release(&line);
	errno = saved_errno;
}
