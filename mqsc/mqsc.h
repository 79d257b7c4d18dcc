/*
 * mqsc.h - the command language: scripts, the object catalog, and what each command does to it.
 * Owns:    the catalog (objects as the operator defined them) and the tables of commands and attributes.
 * Never:   opens a socket or a file, keeps a secret in clear where it can be displayed, knows libuv.
 * Threads: the control loop only.
 *
 * Facts: reference mq-semantics 1, 2, 3, 9. What reaches into the running broker (START CHANNEL, CHSTATUS, REFRESH
 * SECURITY, RUNCHECK) goes through struct mqsc_host, asynchronously; a script waits for the answer of each command.
 */
#ifndef LOCKGATE_MQSC_MQSC_H
#define LOCKGATE_MQSC_MQSC_H

#include "auth/auth.h"
#include "base/bytes.h"
#include "base/clock.h"

/* --- limits an operator can see --- */
#define MQSC_LINE_BYTES_MAX    2048u
#define MQSC_COMMAND_BYTES_MAX (32u * 1024u)
#define MQSC_PARAMS_MAX        64u
#define MQSC_VALUES_MAX        100u
#define MQSC_CERT_LABELS_MAX   16u            /* keys that one channel serves */
#define MQSC_OBJECTS_MAX       AUTH_RULES_MAX /* of one class; channels: AUTH_CHANNELS_MAX */
#define MQSC_AUTHINFOS_MAX     256u
#define MQSC_REVINFO_MAX       16u /* AUTHINFO objects that one channel names */
#define MQSC_OUTPUT_BYTES_MAX  (64u * 1024u * 1024u)

/* --- objects --- */
enum object_class {
	OBJECT_CHANNEL,
	OBJECT_TOPIC,
	OBJECT_CHLAUTH,
	OBJECT_AUTHREC,
	OBJECT_AUTHINFO,
	OBJECT_QMGR,
	OBJECT_CLASS_COUNT_
};
const char *object_class_name(enum object_class class);

enum attribute_kind {
	ATTRIBUTE_TEXT,   /* kept as typed when quoted, folded when not */
	ATTRIBUTE_NUMBER, /* decimal, min…max */
	ATTRIBUTE_WORD,   /* one of words[] */
	ATTRIBUTE_LIST,   /* several texts */
	ATTRIBUTE_WORDS   /* several of words[] */
};

/* One attribute of a class; the table is the documentation that `lockgate mqsc --help CLASS` prints. */
struct attribute {
	const char *key;
	enum attribute_kind kind;
	int64_t min, max;         /* numbers: range; texts: max is the length in bytes */
	const char *const *words; /* NULL-terminated */
	const char *initial;      /* default, NULL: blank */
	bool keeps_blanks;        /* blanks at the end are part of the value */
	const char *help;         /* one line */
};
/* The attributes of a class, in display order. */
const struct attribute *object_attributes(enum object_class class, size_t *count);

/* An object, immutable once in a catalog. */
struct object;
const char *object_name(const struct object *object);
/* "" where blank; the first item of a list. key must be in the class's table. Borrowed from the object. */
const char *object_text(const struct object *object, const char *key);
int64_t object_number(const struct object *object, const char *key);
bool object_is(const struct object *object, const char *key, const char *word);
size_t object_list_count(const struct object *object, const char *key);
const char *object_list_item(const struct object *object, const char *key, size_t index);
/* The raw text "" or NULL-for-blank form that auth.h likes. */
const char *object_text_or_null(const struct object *object, const char *key);
/* Position that told two versions of an object apart: grows with each change of the catalog. */
uint64_t object_version(const struct object *object);

struct catalog;
MUST_CHECK enum err catalog_new(
	struct catalog **out); /* holds the default objects and records (auth denies) */
void catalog_free(struct catalog *catalog);
size_t catalog_count(const struct catalog *catalog, enum object_class class);
const struct object *catalog_at(
	const struct catalog *catalog, enum object_class class, size_t index); /* sorted by key */
const struct object *catalog_find(const struct catalog *catalog, enum object_class class, const char *name);
/* Bumped by every change of the class. */
uint64_t catalog_generation(const struct catalog *catalog, enum object_class class);

/* A CHLAUTH object as auth.h takes it; list_space (AUTH_LIST_ITEMS_MAX items) holds the list. Borrows from the object. */
void object_to_chlauth(const struct object *object, struct chlauth_record *out, const char **list_space);
void object_to_authority(const struct object *object, struct authority_record *out);

/* --- the running broker, as commands see it --- */
enum mqsc_runtime {
	MQSC_START_CHANNEL,
	MQSC_STOP_CHANNEL,
	MQSC_PURGE_CHANNEL,
	MQSC_CHSTATUS,
	MQSC_REFRESH_SSL,
	MQSC_RUNCHECK,
	MQSC_AUTHSTATUS,
	MQSC_WEIGH /* never a request: see struct mqsc_host */
};

struct mqsc_request {
	enum mqsc_runtime what;
	const char *channel;   /* a name, or a generic name for CHSTATUS; for AUTHSTATUS of an AUTHINFO */
	const char *client_id; /* NULL: not given; generic for CHSTATUS */
	const char *address;   /* RUNCHECK */
	const char *client_user;
	const char *ssl_peer;
	const char *ssl_issuer;
	bool force; /* REFRESH SECURITY: FORCE was said */
};

/* One record of an answer: KEY(value) pairs in display order. Values are escaped when printed. */
struct mqsc_row;
void mqsc_row_text(struct mqsc_row *row, const char *key, const char *value);
void mqsc_row_number(struct mqsc_row *row, const char *key, int64_t value);
/* Wall time as MQ writes it, yyyy-mm-dd and hh.mm.ss in UTC; 0: both blank. */
void mqsc_row_time(struct mqsc_row *row, const char *date_key, const char *time_key, int64_t wall_ms);
/* MQ's generic names: a trailing or lone '*' in pattern. */
bool mqsc_generic_match(const char *pattern, const char *name);

/* The host's handle on a waiting command. */
struct mqsc_pending;
struct mqsc_row *mqsc_pending_row(
	struct mqsc_pending *pending, const char *name_key, const char *name); /* a further record */
/* For RUNCHECK: the deciding record is displayed as DISPLAY CHLAUTH would. */
void mqsc_pending_record(struct mqsc_pending *pending, const struct chlauth_record *record);
/*
 * Ends the command. err ERR_OK with message "AMQ8018I: …" or NULL for the usual one; else why it failed. Exactly once.
 * message may have several lines; what could harm a terminal is escaped.
 */
void mqsc_pending_done(struct mqsc_pending *pending, enum err err, const char *message);

struct mqsc_host {
	/* Refuse a catalog change that the running broker forbids (a running channel deleted): append why. May be NULL. */
	enum err (*allow)(void *ctx, enum object_class class, const struct object *before,
		const struct object *after, struct buf *why);
	/* A change was made. */
	void (*changed)(
		void *ctx, enum object_class class, const struct object *before, const struct object *after);
	/* May answer at once or later; request is borrowed for the call. */
	void (*runtime)(void *ctx, const struct mqsc_request *request, struct mqsc_pending *pending);
	void *ctx;
	/*
	 * May what the script has changed since the last weighing stand? Answered like a request: ERR_OK, or an error with the
	 * reason, and then every one of those changes is taken back. free_pass: FORCE was said, or no verdict can depend on it.
	 * before (moved): the catalog without those changes, for as long as they are in doubt. NULL: nothing is weighed.
	 */
	void (*weigh)(void *ctx, bool free_pass, struct catalog *before, struct mqsc_pending *pending);
	/* True: no script may go on just now; mqsc_script_resume() follows. NULL: never. */
	bool (*busy)(void *ctx);
};

/* --- running a script --- */
struct mqsc_summary {
	unsigned read, syntax_errors, failed;
};
int mqsc_summary_exit_code(const struct mqsc_summary *summary); /* 0, or 10 */

struct mqsc_options {
	const char *source;       /* file name for messages, or "-" */
	bool echo;                /* copy the source lines into the report */
	bool verify_only;         /* syntax check, nothing is done */
	bool stop_at_error;       /* start-up files: the first failure ends the script */
	bool insecure_test_gates; /* INSECGATE is accepted (lockgate run --insecure-test-gates) */
	struct clock clock;       /* ALTDATE, ALTTIME */
};

struct mqsc_script;
typedef void (*mqsc_done_fn)(struct mqsc_script *script, void *ctx);
/*
 * Starts a script over text (copied). out receives the report as it grows. done is called once, perhaps before this returns;
 * then ask mqsc_script_summary() and free. host outlives the script. ERR_NOMEM, ERR_LIMIT.
 */
MUST_CHECK enum err mqsc_script_start(struct catalog *catalog, const struct mqsc_host *host,
	const struct mqsc_options *options, struct bytes text, struct buf *out, mqsc_done_fn done, void *ctx,
	struct mqsc_script **script);
void mqsc_script_summary(const struct mqsc_script *script, struct mqsc_summary *out);
/* The host is no longer busy: goes on if it was for that that the script stopped. */
void mqsc_script_resume(struct mqsc_script *script);
/* Safe while a command waits (its later answer is dropped), and from within a callback of the host. */
void mqsc_script_free(struct mqsc_script *script);

/* The three closing lines as runmqsc prints them. */
MUST_CHECK enum err mqsc_summary_print(const struct mqsc_summary *summary, struct buf *out);
/*
 * Appends text as an MQSC value that the parser reads back as the same text: in apostrophes, apostrophes doubled. Controls
 * and what is not UTF-8 are refused (ERR_INVALID), and then nothing is appended. The caller keeps lines below
 * MQSC_LINE_BYTES_MAX.
 */
MUST_CHECK enum err mqsc_quote(struct buf *out, const char *text);
/* The manual of a command ("DEFINE CHANNEL", "CHANNEL", "DEFINE"; ERR_NOT_FOUND) or, with NULL, of all: from the tables. */
MUST_CHECK enum err mqsc_help(const char *command, struct buf *out);

#endif
