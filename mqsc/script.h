/*
 * script.h - one running script: shared by the commands' files.
 * Owns:    the script's state; a waiting command's handle.
 * Never:   runs two commands of one script at a time.
 * Threads: the control loop.
 */
#ifndef LOCKGATE_MQSC_SCRIPT_H
#define LOCKGATE_MQSC_SCRIPT_H

#include "mqsc/object.h"

enum command_result {
	COMMAND_DONE,   /* its message is printed */
	COMMAND_SYNTAX, /* script->error says what is wrong */
	COMMAND_FAILED, /* valid, but could not be processed; its message is printed */
	COMMAND_WAITS   /* the host answers later (or already has) */
};

struct command_row;
struct mqsc_script {
	struct catalog *catalog;
	const struct mqsc_host *host;
	struct mqsc_options options;
	char *source;
	uint8_t *script;
	struct mqsc_lines lines;
	struct mqsc_text text;
	struct mqsc_command command;
	const struct command_row *row; /* of the command at hand */
	struct mqsc_error error;
	struct buf *out; /* NULL: freed from within a callback; nothing more is written */
	struct mqsc_summary summary;
	mqsc_done_fn done;
	void *ctx;
	struct mqsc_pending *pending;
	bool stepping;
	bool over;
	bool ended;  /* nothing is left to read */
	bool held;   /* the command at hand is found, but waits for a weighing */
	bool forced; /* it said FORCE */
	/* What counts only once the host has weighed it (changes.c). */
	struct script_change *changes;
	size_t change_count, change_cap;
	struct catalog *before; /* as it was before the first of them; NULL: there is none */
	bool changes_weigh;     /* one of them could change a verdict */
	enum err out_err;       /* the report no longer fits; nothing more is written */
};

/*
 * Report writing. A full report is remembered, and the script goes on. Whatever could harm a terminal is escaped here, line
 * ends and backslashes (of what is escaped already) excepted.
 */
void script_say(struct mqsc_script *script, const char *format, ...) PRINTF_LIKE(2, 3);
/* Says that the command failed for err, which the operator did not cause. */
enum command_result script_failed(struct mqsc_script *script, enum err err);
enum command_result script_syntax(
	struct mqsc_script *script, struct mqsc_position at, const char *format, ...) PRINTF_LIKE(3, 4);
/* Runs commands until one waits or the script is over. */
void script_step(struct mqsc_script *script);
/* Copies the command's text or a line with the value of SSLKEYP hidden, unless it only says where the passphrase is. */
void script_hide_passphrase(char *chars, size_t len, bool *inside);

/* --- changes.c: what waits to be weighed --- */
struct script_change;
/* Room for one more; before the catalog is changed. */
MUST_CHECK enum err script_changes_reserve(struct mqsc_script *script);
/* The catalog was changed: before (moved, NULL: none) gave way to after (NULL: none), whose key (moved) is key. */
void script_changed(struct mqsc_script *script, struct object *before, const struct object *after, char *key);
/* Hands what has changed to the host; the script waits, unless nothing has, or nothing is weighed. */
void script_weigh(struct mqsc_script *script, bool forced);
void script_weighed(struct mqsc_script *script, enum err err);
void script_changes_undo(struct mqsc_script *script);
void script_changes_forget(struct mqsc_script *script);

/* --- what a DISPLAY shows --- */
enum where_operator {
	WHERE_NONE,
	WHERE_EQ,
	WHERE_NE,
	WHERE_LT,
	WHERE_GT,
	WHERE_LE,
	WHERE_GE,
	WHERE_LK,
	WHERE_NL,
	WHERE_CT,
	WHERE_EX,
	WHERE_CTG,
	WHERE_EXG
};
struct display {
	const char *keys[MQSC_PARAMS_MAX]; /* asked for; borrowed from the command */
	size_t key_count;
	bool all;
	enum where_operator op;
	const char *where_key, *where_value;
	int64_t where_number;
};

#define ROW_CELLS_MAX  64u
#define LIST_SEPARATOR '\x1f' /* between the items of a list in a cell */
struct mqsc_row {
	struct {
		const char *key;
		char *value;
		int64_t number;
		bool is_number;
		bool is_list;
		bool is_identity; /* always shown */
	} cells[ROW_CELLS_MAX];
	size_t count;
	enum err err;
};
void row_init(struct mqsc_row *row);
void row_release(struct mqsc_row *row);
void row_identity(struct mqsc_row *row, const char *key, const char *value);
void row_list(struct mqsc_row *row, const char *key, const char *const *items, size_t count);
void row_from_object(struct mqsc_row *row, const struct object *object, const char *name_key);
/* Whether WHERE lets it through; a row without the keyword is skipped. */
bool row_selected(const struct mqsc_row *row, const struct display *display);
void row_print(struct mqsc_script *script, const struct mqsc_row *row, const struct display *display,
	const char *headline);

/* Reads ALL, WHERE(…) and asked keywords out of the command. */
MUST_CHECK enum err display_read(
	struct mqsc_script *script, const struct mqsc_command *command, struct display *out);

/* --- commands --- */
struct mqsc_param *command_param(struct mqsc_command *command, const char *key); /* NULL: not given */
const char *command_value(struct mqsc_command *command, const char *key); /* first value, NULL: not given */
/* The noun's (name); "" where it has none. */
const char *command_name(const struct mqsc_command *command);
/*
 * Makes the change that before -> after describes, if the host allows it; either may be NULL, not both. after is moved in any
 * case. Prints done_message, or the reason why not.
 */
enum command_result script_commit(struct mqsc_script *script, const struct object *before,
	struct object *after, const char *done_message);
/* Hands the command to the host. */
enum command_result script_runtime(
	struct mqsc_script *script, const struct mqsc_request *request, const struct display *display);

typedef enum command_result (*command_fn)(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum name_rule { NAME_NONE, NAME_OPTIONAL, NAME_NEEDED }; /* optional: only * means something */

/* How a keyword stands in a command. */
enum keyword_form {
	KEYWORD_FLAG,   /* KEY */
	KEYWORD_VALUE,  /* KEY(value) */
	KEYWORD_VALUES, /* KEY(value,…) */
	KEYWORD_SHOWN,  /* DISPLAY … KEY: asks for it */
	KEYWORD_EITHER, /* DISPLAY … KEY asks for it, KEY(value) narrows */
	KEYWORD_WHERE   /* WHERE(KEY operator value) */
};
struct command_keyword {
	const char *key;
	enum keyword_form form;
	enum attribute_kind kind; /* for WHERE */
	const char *help;
};
/* What becomes of the class's attributes. */
enum attribute_use { ATTRIBUTES_NOT_TAKEN, ATTRIBUTES_SET, ATTRIBUTES_SHOWN };
struct command_row {
	const char *verb, *verb_short;
	const char *noun, *noun_short;
	enum object_class class;
	enum attribute_use attributes;
	enum name_rule name;
	const struct command_keyword *keywords; /* the last has no key */
	command_fn run;
	const char *help;
};
const struct command_row *command_rows(size_t *count);

/* How key stands in this command and of what kind it is; false: it is no keyword of it. */
bool command_keyword(
	const struct command_row *row, const char *key, enum keyword_form *form, enum attribute_kind *kind);
/* The row of the command's verb and noun, once its name and keywords are in order; sets script->row. */
enum command_result command_find(struct mqsc_script *script);

enum command_result command_define(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_alter(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_delete(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_display(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_set_chlauth(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_display_chlauth(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_set_authrec(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_delete_authrec(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_display_authrec(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_start_channel(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_stop_channel(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_purge_channel(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_display_chstatus(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_display_authstatus(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);
enum command_result command_refresh_security(
	struct mqsc_script *script, struct mqsc_command *command, enum object_class class);

#endif
