/*
 * kit.h - a catalog, a host that is none, and scripts run between them.
 * Owns:    everything until kit_end().
 * Never:   sleeps; what the host answers later is answered when the script waits.
 * Threads: one.
 */
#ifndef LOCKGATE_TESTS_MQSC_KIT_H
#define LOCKGATE_TESTS_MQSC_KIT_H

#include "mqsc/mqsc.h"
#include "tests/test.h"

#define KIT_REPORT_MAX (8u * 1024u * 1024u)

enum kit_answer { KIT_AT_ONCE, KIT_LATER, KIT_NEVER };

struct kit {
	struct catalog *catalog;
	struct clock_fake time;
	struct mqsc_host host;
	struct mqsc_options options;
	enum kit_answer answer;
	bool refuse_changes; /* allow() says no */
	struct mqsc_pending *waiting;
	char last_request[512]; /* "START A client=- …" */
	unsigned changes;
	enum mqsc_runtime asked;
	/* What the host answers. */
	enum err answer_err;
	const char *answer_message;
	unsigned answer_rows;
	bool answer_record;
	/* The script at hand. */
	struct mqsc_script *script;
	struct mqsc_script *free_in_callback; /* freed from within the next host callback */
	struct buf report;
	bool over;
	struct mqsc_summary summary;
};

void kit_init(struct kit *kit);
void kit_end(struct kit *kit);
/* Runs text to its end; false if it could not even start. kit_text() is the report then. */
bool kit_run(struct kit *kit, const char *text);
bool kit_run_bytes(struct kit *kit, struct bytes text);
void kit_answer(struct kit *kit); /* the waiting command */
const char *kit_text(struct kit *kit);
/* A digest of all objects as text: two catalogs that print the same hold the same. */
void kit_print_catalog(const struct catalog *catalog, struct buf *out);

/* One row of a table: setup runs first and must be clean, then script, whose whole report is want. */
struct kit_row {
	const char *name, *setup, *script, *want;
	int read, syntax_errors, failed; /* of script */
};
void kit_check_rows(const struct kit_row *rows, size_t count);

#endif
