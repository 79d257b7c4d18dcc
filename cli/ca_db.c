/*
 * ca_db.c - reading and writing the database of `lockgate ca`.
 * Owns:    nothing beyond what a struct ca_db holds.
 * Never:   guesses what a bad line may have meant.
 * Threads: one.
 */
#include "cli/ca_db.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_BYTES 4096u
#define FIELDS         7u
#define FIRST_LINE     "lockgate-ca 1"

static const struct {
	const char *name;
	int reason;
} reasons[CA_REASON_NAMES_MAX] = {
	{"unspecified", CA_REASON_NONE}, /* RFC 5280 5.3.1: SHOULD be written by leaving it out */
	{"keyCompromise", 1},
	{"cACompromise", 2},
	{"affiliationChanged", 3},
	{"superseded", 4},
	{"cessationOfOperation", 5},
	{"privilegeWithdrawn", 9},
	{"aACompromise", 10},
};

bool ca_reason_mean(const char *word, int *reason)
{
	for (size_t i = 0; i < ARRAY_COUNT(reasons); i++) {
		if (strcasecmp(reasons[i].name, word) == 0) {
			*reason = reasons[i].reason;
			return true;
		}
	}
	return false;
}

const char *ca_reason_name(int reason)
{
	for (size_t i = 1; i < ARRAY_COUNT(reasons); i++) {
		if (reasons[i].reason == reason) {
			return reasons[i].name;
		}
	}
	return "-";
}

static bool hex_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool ca_serial_mean(const char *text, char out[CA_SERIAL_HEX_MAX + 1])
{
	char digits[CA_SERIAL_HEX_MAX];
	size_t len = 0;
	bool leading = true;
	for (const char *at = text; *at != '\0'; at++) {
		if (*at == ':' && at != text && at[1] != '\0' && at[-1] != ':') {
			continue;
		}
		if (!hex_digit(*at)) {
			return false;
		}
		if (leading && *at == '0') {
			continue;
		}
		leading = false;
		if (len >= CA_SERIAL_HEX_MAX) {
			return false;
		}
		digits[len++] = *at >= 'A' && *at <= 'F' ? (char)(*at - 'A' + 'a') : *at;
	}
	if (len == 0) {
		return false; /* zero is no serial number either */
	}
	size_t pad = len % 2; /* whole octets; the limit is even, so that there is room */
	out[0] = '0';
	memcpy(out + pad, digits, len);
	out[pad + len] = '\0';
	return true;
}

bool ca_serial_of(struct bytes octets, char out[CA_SERIAL_HEX_MAX + 1])
{
	char text[2 * (CA_SERIAL_HEX_MAX / 2 + 1) + 1];
	if (octets.len == 0 || octets.len > CA_SERIAL_HEX_MAX / 2 + 1) {
		return false;
	}
	for (size_t i = 0; i < octets.len; i++) {
		(void)snprintf(text + 2 * i, 3, "%02x", octets.data[i]);
	}
	return ca_serial_mean(text, out);
}

void ca_db_release(struct ca_db *db)
{
	for (size_t i = 0; i < db->count; i++) {
		free(db->records[i].subject);
	}
	free(db->records);
	free(db->crl_url);
	*db = (struct ca_db){0};
}

struct ca_record *ca_db_find(struct ca_db *db, const char *serial)
{
	for (size_t i = 0; i < db->count; i++) {
		if (strcmp(db->records[i].serial, serial) == 0) {
			return &db->records[i];
		}
	}
	return NULL;
}

static enum err record_append(struct ca_db *db, const struct ca_record *record, const char *subject)
{
	if (db->count >= CA_RECORDS_MAX) {
		return ERR_LIMIT;
	}
	if (db->count == db->cap) {
		size_t cap = db->cap == 0 ? 16 : db->cap * 2;
		struct ca_record *grown = realloc(db->records, cap * sizeof(*grown));
		if (grown == NULL) {
			return ERR_NOMEM;
		}
		db->records = grown;
		db->cap = cap;
	}
	char *copy = strdup(subject);
	if (copy == NULL) {
		return ERR_NOMEM;
	}
	db->records[db->count] = *record;
	db->records[db->count++].subject = copy;
	return ERR_OK;
}

enum err ca_db_add(struct ca_db *db, const struct ca_record *record, const char *subject)
{
	if (ca_db_find(db, record->serial) != NULL) {
		return ERR_EXISTS;
	}
	return record_append(db, record, subject);
}

/* --- text --- */

/* Seven fields; the last one, the subject, goes to the end of the line. */
static bool fields_split(char *line, char *fields[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++) {
		fields[i] = line;
		if (i + 1 == FIELDS) {
			return line[0] != '\0' && strlen(line) <= CA_SUBJECT_MAX;
		}
		char *space = strchr(line, ' ');
		if (space == NULL || space == line) {
			return false;
		}
		*space = '\0';
		line = space + 1;
	}
	return false;
}

static enum err record_line(char *line, struct ca_db *db)
{
	char *fields[FIELDS];
	struct ca_record record = {.reason = CA_REASON_NONE};
	if (!fields_split(line, fields) || !ca_serial_mean(fields[0], record.serial) ||
		strcmp(fields[0], record.serial) != 0 || !cli_time(fields[2], &record.not_before) ||
		!cli_time(fields[3], &record.not_after) || record.not_after < record.not_before) {
		return ERR_MALFORMED;
	}
	record.revoked = strcmp(fields[1], "revoked") == 0;
	if (!record.revoked) {
		if (strcmp(fields[1], "valid") != 0 || strcmp(fields[4], "-") != 0 ||
			strcmp(fields[5], "-") != 0) {
			return ERR_MALFORMED;
		}
	} else if (!cli_time(fields[4], &record.revoked_at) ||
		   (strcmp(fields[5], "-") != 0 && !ca_reason_mean(fields[5], &record.reason))) {
		return ERR_MALFORMED;
	}
	return record_append(db, &record, fields[6]);
}

/* The line without its prefix; NULL: it begins otherwise. */
static char *after(char *line, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(line, prefix, len) == 0 ? line + len : NULL;
}

static enum err line_mean(char *line, unsigned number, struct ca_db *db)
{
	char *value = NULL;
	if (number == 1) {
		return strcmp(line, FIRST_LINE) == 0 ? ERR_OK : ERR_MALFORMED;
	}
	if (number == 2) {
		value = after(line, "crl-number ");
		return value != NULL && cli_number(value, UINT64_MAX - 1, &db->crl_number) ? ERR_OK
											   : ERR_MALFORMED;
	}
	if (line[0] == '#' || line[0] == '\0') {
		return ERR_OK;
	}
	if ((value = after(line, "crl-url ")) != NULL) {
		if (db->crl_url != NULL || value[0] == '\0' || strlen(value) > CA_URL_MAX) {
			return ERR_MALFORMED;
		}
		db->crl_url = strdup(value);
		return db->crl_url != NULL ? ERR_OK : ERR_NOMEM;
	}
	return record_line(line, db);
}

static int by_serial(const void *a, const void *b)
{
	const struct ca_record *const *first = a;
	const struct ca_record *const *second = b;
	return strcmp((*first)->serial, (*second)->serial);
}

/* A serial number that stands there twice: one of the lines would be believed and the other not. */
static enum err serials_differ(const struct ca_db *db)
{
	if (db->count < 2) {
		return ERR_OK;
	}
	const struct ca_record **sorted = calloc(db->count, sizeof(*sorted));
	if (sorted == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < db->count; i++) {
		sorted[i] = &db->records[i];
	}
	qsort(sorted, db->count, sizeof(*sorted), by_serial);
	enum err err = ERR_OK;
	for (size_t i = 1; i < db->count; i++) {
		if (strcmp(sorted[i - 1]->serial, sorted[i]->serial) == 0) {
			err = ERR_EXISTS;
		}
	}
	free(sorted);
	return err;
}

enum err ca_db_parse(struct bytes text, struct ca_db *out, unsigned *line)
{
	enum err err = ERR_OK;
	*out = (struct ca_db){0};
	*line = 0;
	while (text.len > 0 && err == ERR_OK) {
		char copy[LINE_MAX_BYTES + 1];
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
		(*line)++;
		/* A last line without an end was cut short. */
		if (end == NULL || len > LINE_MAX_BYTES || memchr(text.data, '\0', len) != NULL) {
			return ERR_MALFORMED;
		}
		memcpy(copy, text.data, len);
		copy[len] = '\0';
		err = line_mean(copy, *line, out);
		text = bytes_of(text.data + len + 1, text.len - len - 1);
	}
	if (err == ERR_OK && *line < 2) {
		return ERR_MALFORMED;
	}
	return err != ERR_OK ? err : serials_differ(out);
}

static enum err time_put(int64_t when, struct buf *out)
{
	time_t seconds = (time_t)when;
	struct tm tm = {0};
	char text[32];
	if (gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		return ERR_INVALID;
	}
	return buf_printf(out, "%s ", text);
}

enum err ca_db_print(const struct ca_db *db, struct buf *out)
{
	enum err err = buf_printf(out, FIRST_LINE "\ncrl-number %" PRIu64 "\n", db->crl_number);
	if (err == ERR_OK && db->crl_url != NULL) {
		err = buf_printf(out, "crl-url %s\n", db->crl_url);
	}
	if (err == ERR_OK) {
		err = buf_append_text(out, "# serial status notBefore notAfter revokedAt reason subject\n");
	}
	for (size_t i = 0; i < db->count && err == ERR_OK; i++) {
		const struct ca_record *record = &db->records[i];
		if ((err = buf_printf(out, "%s %s ", record->serial,
			     record->revoked ? "revoked" : "valid")) != ERR_OK ||
			(err = time_put(record->not_before, out)) != ERR_OK ||
			(err = time_put(record->not_after, out)) != ERR_OK ||
			(err = record->revoked ? time_put(record->revoked_at, out)
					       : buf_append_text(out, "- ")) != ERR_OK) {
			break;
		}
		err = buf_printf(out, "%s %s\n", record->revoked ? ca_reason_name(record->reason) : "-",
			record->subject);
	}
	return err;
}
