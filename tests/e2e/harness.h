/*
 * harness.h - a site: a folder with certificates, keystore, users and scripts, and the real broker running on it.
 * Owns:    the folder and the broker's process; nothing is left behind, also when the test is killed.
 * Never:   sleeps blindly: every wait has a condition and a deadline.
 * Threads: the test's main thread (the broker dies with the thread that started it).
 */
#ifndef LOCKGATE_TESTS_E2E_HARNESS_H
#define LOCKGATE_TESTS_E2E_HARNESS_H

#include <sys/types.h>

#include "tests/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define E2E_SLOW true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define E2E_SLOW true
#else
#define E2E_SLOW false
#endif
#else
#define E2E_SLOW false
#endif

/* How long to wait for what must come, and for what must not. */
#define E2E_WAIT_MS  (E2E_SLOW ? 60000u : 20000u)
#define E2E_QUIET_MS (E2E_SLOW ? 600u : 250u)

#define SITE_SCRIPTS_MAX 4
#define SITE_TEXT_BYTES  (256u * 1024u)

struct site {
	const char *root;    /* the folder */
	char data[1024];     /* root/broker: the broker's data directory */
	pid_t pid;           /* of the broker; 0: none runs */
	unsigned workers;    /* 0: 2 */
	bool test_gates;     /* --insecure-test-gates */
	bool noise_expected; /* standard error need not be empty at the end */
	const char *errors;  /* file of its standard error; NULL: "stderr" */
	const char *scripts[SITE_SCRIPTS_MAX];
	size_t script_count;
	char text[SITE_TEXT_BYTES]; /* what the last program said, or the last file that was read */
};

/* Milliseconds of the monotonic clock. */
long e2e_now_ms(void);
/* A short rest between two looks at a condition. */
void e2e_pause(void);
/*
 * fn for each number below count, each in a process of its own, all at once; each must end with its checks held.
 * The broker is the parent's: the children use its ports only.
 */
void e2e_in_parallel(size_t count, void (*fn)(void *ctx, size_t i), void *ctx);
/* Whether a program can be run. */
bool e2e_program_there(const char *name);

/* --- files --- */
/* root/name, valid until exit. */
const char *site_path(const struct site *site, const char *name);
/* Writes root/name (mode 0600); "@ROOT@" in text becomes the folder. */
void site_write(struct site *site, const char *name, const char *text);
/* Reads root/name into site->text. */
const char *site_read(struct site *site, const char *name);

/* --- programs --- */
/*
 * Runs a program in the folder; "lockgate" and "lockgate-certs" are ours. Ends with NULL. Returns its exit code
 * (-signal when one killed it); what it said, both streams, is in site->text. No longer than E2E_WAIT_MS.
 */
int site_run(struct site *site, const char *program, ...);
int site_run_list(struct site *site, const char *program, const char *const *arguments);
/* MQSC on the running broker: exit code of `lockgate mqsc -c`. */
int site_mqsc(struct site *site, const char *command);

/* --- a standard site --- */
/*
 * A folder; with PKI: pki/ has root, ca (an issuing CA), channel (server), app (client), other (a foreign root), and
 * lists of root and ca in broker/crl/; broker/keystore.p12 with its passphrase in broker/keystore.pass; broker/jaas.config
 * with the entries Devices (certificate binds the client id, and password), Apps (certificate and password, any client id)
 * and Passwords (password alone). User "app" has its password in app.password.
 */
void site_init(struct site *site);
void site_init_bare(struct site *site); /* the folder and broker/ only */
/* `lockgate device add`: its folder is root/NAME. */
void site_add_device(struct site *site, const char *name, bool self_signed);
/* A leaf under "ca" or another issuer: pki/NAME.crt, .key, -chain.crt. The arguments follow --out and --issuer. */
void site_leaf(struct site *site, const char *name, const char *issuer, const char *const *arguments);
/* A list of the issuer, published as broker/crl/ISSUER.crl by rename. Arguments behind --out and --issuer. */
void site_crl(struct site *site, const char *issuer, const char *const *arguments);
/* The content of root/name without its line end; valid until exit. */
const char *site_secret(struct site *site, const char *name);

/* --- the broker --- */
/* Starts it on the scripts and waits until it is ready. */
void site_start(struct site *site, const char *script);
/* Starts it where it must not: waits for its end, returns the exit code; what it said is in site->text. */
int site_start_refused(struct site *site, const char *script);
/* SIGTERM; checks that it ends with 0, that no sanitizer reported, and that nothing stood on standard error. */
void site_stop(struct site *site);
void site_signal(struct site *site, int number);
/* The port of a running channel, as DISPLAY CHSTATUS says; 0: not running. */
unsigned site_port(struct site *site, const char *channel);

/* --- the broker's log (JSON lines) --- */
long site_log_end(const struct site *site); /* where the log ends now, with all that happened before */
/*
 * The first line behind `from` in which all the texts stand (NULL ends them), copied to line; waits for it up to ms.
 */
struct log_line {
	char text[4096];
};
bool site_log_find(
	const struct site *site, long from, unsigned ms, struct log_line *line, const char *const *texts);
/* The value of a key in a line, unescaped only in so far as tests need; valid until the next call. */
const char *log_field(const struct log_line *line, const char *key, char *out, size_t size);

#endif
