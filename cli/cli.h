/*
 * cli.h - what the subcommands of `lockgate` share: how options are read, how a refusal is said, exit codes.
 * Never:   takes a secret from an argument; prints file or peer text unescaped.
 * Threads: one.
 *
 * A subcommand is one file cmd_NAME.c with one function cmd_NAME(argc, argv), argv[0] being its own name; main.c has
 * the table. It returns an exit code.
 */
#ifndef LOCKGATE_CLI_CLI_H
#define LOCKGATE_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "keystore/keystore.h"

enum cli_exit { CLI_OK = 0, CLI_REFUSED = 1, CLI_USAGE = 2 };

/* --- the commands (main.c has the table) --- */
struct cli_command {
	const char *name;
	const char *summary; /* one line of `lockgate --help` */
	int (*run)(int argc, char **argv);
};
int cmd_run(int argc, char **argv);
int cmd_mqsc(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_keystore(int argc, char **argv);
int cmd_cert(int argc, char **argv);
int cmd_ca(int argc, char **argv);
int cmd_device(int argc, char **argv);
int cmd_passwd(int argc, char **argv);
int cmd_version(int argc, char **argv);

/*
 * Runs the command that argv[1] names; prints the table for --help, and says what there is when it names none.
 * prefix is what the user typed before: "lockgate", "lockgate keystore".
 */
int cli_dispatch(const char *prefix, const char *about, const struct cli_command *commands, size_t count,
	int argc, char **argv);

/* --- saying no --- */
/* "lockgate keystore import: …" and where help is, on stderr. Returns CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);
/* "lockgate: …" on stderr. Returns CLI_REFUSED. */
int cli_fail(const char *format, ...) PRINTF_LIKE(1, 2);
int cli_warn(const char *format, ...) PRINTF_LIKE(1, 2); /* "lockgate: warning: …"; returns CLI_OK */
/* Text of a file or a peer on a stream, escaped. */
void cli_print_escaped(FILE *stream, struct bytes text);

/* --- options: a table per subcommand, which also makes its --help --- */
#define CLI_LIST_MAX 256u
struct cli_list {
	const char *items[CLI_LIST_MAX]; /* borrowed from argv */
	size_t count;
};
enum cli_kind {
	CLI_FLAG,   /* bool * */
	CLI_TEXT,   /* const char **; given twice is an error */
	CLI_LIST,   /* struct cli_list *; --name A B --name C */
	CLI_HEADING /* not an option: a line of help */
};
struct cli_option {
	const char *name; /* "--alias" */
	enum cli_kind kind;
	void *target;
	const char *value; /* what help calls it: "FILE" */
	const char *help;
};
struct cli_syntax {
	const char *command;   /* "lockgate keystore import" */
	const char *arguments; /* "FILE SOURCE…" */
	const char *about;     /* some lines */
	const struct cli_option *options;
	size_t option_count;
	size_t arguments_min, arguments_max;
};
/*
 * Fills targets and arguments. True: go on. False: *code is the exit code, all was said (--help, or a usage error).
 * An option's value may be its own argument or behind "="; "--" ends the options. Where an argument is missing at the
 * end, the last value of the last list gives it, so that `--trust A B LEAF` means what it says.
 */
bool cli_parse(const struct cli_syntax *syntax, int argc, char **argv, struct cli_list *arguments, int *code);

/* --- values --- */
/* 2026-11-02T10:00:00Z, with a fraction, with an offset, or the date alone. */
bool cli_time(const char *text, int64_t *seconds);
bool cli_number(const char *text, uint64_t max, uint64_t *out);
int64_t cli_now(void); /* seconds since 1970 */

/* --- passphrases and keystores --- */
/* For keystore_passphrase_read(): the terminal, without echo. */
enum err cli_prompt(const char *question, struct secret *out, void *ctx);
/* Asked twice when it comes from a terminal. Says why not; CLI_OK or an exit code. */
int cli_passphrase(const char *spec, const char *question, bool fresh, struct secret *out);
/* Loads with the passphrase, which the caller keeps for saving. Says why not. */
int cli_keystore_load(const char *path, const char *spec, struct secret *passphrase, struct keystore **out);

/* --- files --- */
/* Whole file; "-" is stdin where allowed. Says why not. */
int cli_read(const char *path, size_t max, struct buf *out);
/* A certification request (RFC 2986), PEM or DER, whose own signature holds; else says why. *out is the caller's. */
#define CLI_CSR_BYTES_MAX (1024u * 1024u)
struct csr;
int cli_read_csr(const char *path, struct csr **out);
/* A keystore_key_fn whose ctx is one of these: the certificate that is to be made, signed with the key. */
struct x509_make;
struct cli_signing {
	const struct x509_make *make;
	struct bytes spki;
	const struct cert *issuer; /* NULL: the key signs for itself */
	struct cert *cert;         /* what came of it, the caller's; NULL where it failed */
};
MUST_CHECK enum err cli_sign(struct bytes pkcs8, void *signing);
/* Atomically; says why not. */
int cli_write(const char *path, struct bytes content, unsigned mode);

#endif
