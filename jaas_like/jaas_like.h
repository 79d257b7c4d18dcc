/*
 * jaas_like.h - the knowledge gate: login configuration, the stack of login modules, the users file.
 * Owns:    configurations, users snapshots and login attempts; the password of an attempt, in locked memory.
 * Never:   opens a socket, touches a session, decides what a user may do; parses certificates (it is given values).
 * Threads: a login_setup and a login_users are immutable and counted atomically: any thread. A login belongs to one
 *          loop. What says "blocks" reads files or hashes: never on a loop.
 */
#ifndef LOCKGATE_JAAS_LIKE_JAAS_LIKE_H
#define LOCKGATE_JAAS_LIKE_JAAS_LIKE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/secret.h"

#define LOGIN_CONFIG_BYTES_MAX   65536
#define LOGIN_ENTRIES_MAX        64
#define LOGIN_STACK_MODULES_MAX  16
#define LOGIN_OPTIONS_MAX        16
#define LOGIN_WORD_BYTES_MAX     1024 /* a name or an option's value */
#define LOGIN_NAME_BYTES_MAX     256  /* a user name that a module accepts */
#define LOGIN_PASSWORD_BYTES_MAX 1024
#define LOGIN_SHARED_MAX         16 /* values in the shared state of one attempt */
#define LOGIN_USERS_MAX          100000
#define LOGIN_USERS_BYTES_MAX    (64u << 20)

/* What is wrong with a file. line and column count from 1 (0: the file as a whole); message is escaped. */
struct login_problem {
	unsigned line;
	unsigned column;
	char message[240];
};

/* ---------------------------------------------------------------------------------------------------------------
 * Configuration
 *
 * The grammar of the JDK's ConfigFile:   Name { Module flag option=value … ; … } ;
 * Flags are required, requisite, sufficient, optional, in any case; names and values are bare words (letters, digits
 * . $ _ - *) or "double quoted"; comments are // and slash-star. Differences, all towards refusing: a lone slash, with
 * which the JDK begins a comment (and so cuts an unquoted path off in silence), is an error; so are a repeated entry or
 * option, an unknown module or option, and ${…}, which is not expanded. No entry "other" stands in for a missing one.
 */
struct login_setup;

struct login_setup_options {
	struct bytes config;     /* the text, borrowed for the call */
	const char *folder;      /* relative file names in options start here; NULL: the working directory */
	bool insecure_any_owner; /* do not refuse files of other owners or modes; for tests */
	const struct login_module *const *modules; /* more modules than our own; NULL or ends with NULL */
};

/*
 * Builds every entry with all its modules and reads the files they name: complete or not at all. Blocks.
 * *problem is filled on every error. ERR_MALFORMED (grammar, users file), ERR_INVALID (unknown module, option or value),
 * ERR_DENIED (owner or mode of a file), ERR_LIMIT, ERR_NOT_FOUND, ERR_IO, ERR_NOMEM.
 */
MUST_CHECK enum err login_setup_load(
	const struct login_setup_options *options, struct login_setup **out, struct login_problem *problem);
void login_setup_ref(struct login_setup *setup);
void login_setup_unref(struct login_setup *setup); /* NULL is fine */
bool login_setup_has_entry(const struct login_setup *setup, const char *entry);
/* True when a file that the setup was made of is no longer the same: load anew and publish. Blocks (stat). */
bool login_setup_is_stale(const struct login_setup *setup);

/* What an entry's modules do at all, for whoever judges before the login is over. No entry: false, false. */
struct login_traits {
	bool checks_password; /* a module judges the password */
	bool keeps_names;     /* no module rewrites user name or client id */
};
struct login_traits login_setup_traits(const struct login_setup *setup, const char *entry);

/*
 * Tells one configuration of an entry (its modules, flags and options, not what their files hold) from another; never 0.
 * No entry: 0.
 */
uint64_t login_setup_config(const struct login_setup *setup, const char *entry);

/* What is allowed but probably not meant, such as a sufficient module before the password. */
size_t login_setup_warning_count(const struct login_setup *setup);
const struct login_problem *login_setup_warning(const struct login_setup *setup, size_t index);

/* ---------------------------------------------------------------------------------------------------------------
 * One attempt
 */
enum login_verdict {
	LOGIN_VERDICT_DENY = 0, /* zero, so that what nobody set denies */
	LOGIN_VERDICT_ALLOW,
	LOGIN_VERDICT_IGNORE,  /* this module has nothing to say */
	LOGIN_VERDICT_ERROR,   /* this module could not find out */
	LOGIN_VERDICT_PENDING, /* login() only: work was submitted, its finish() will say */
};

/* How an attempt ended. All but ALLOWED are answered alike, BUSY as "server busy" if the protocol has that. */
enum login_end {
	LOGIN_END_DENIED = 0,
	LOGIN_END_ALLOWED,
	LOGIN_END_BUSY,    /* the hash lane is full, or the share of logins without a certificate is */
	LOGIN_END_FAILED,  /* memory ran out or a module failed; refuse as DENIED */
	LOGIN_END_WAITING, /* done will be called */
};

/* What the certificate gate found; plain values. Borrowed until login_free(). */
struct login_certificate {
	bool verified; /* the path was judged and possession was proved; all else here counts only then */
	struct bytes leaf_der;
	const char *subject_dn;
	const char *common_name; /* NULL: none, or several */
	const char *fingerprint_sha256_hex;
	const char *const *san_dns;
	size_t san_dns_count;
};

/* Borrowed for login_new(), which copies, but for certificate. */
struct login_input {
	bool has_user_name;
	struct bytes user_name;
	bool has_password;
	struct bytes password;
	struct bytes client_id;
	const char *network_address;
	const char *channel_name;
	const struct login_certificate *certificate; /* NULL: none was asked for or sent */
};

/* Hashes under way for logins without a verified certificate, over all loops; one for the process. */
struct login_load {
	atomic_uint uncertified;
	unsigned uncertified_max; /* at most half of the hash lane */
};

/* Where an attempt runs; borrowed until login_free() and until its last work came back. */
struct login_env {
	const struct executor *executor;
	const struct clock *clock;
	struct log *log;         /* may be NULL */
	struct login_load *load; /* NULL: no share is kept */
};

struct login;

/* Called on the loop once, unless login_free() came first; may call login_free(). */
typedef void (*login_done_fn)(struct login *login, enum login_end end, void *ctx);

/* Takes a reference on setup until login_free(). ERR_NOT_FOUND: no such entry; ERR_LIMIT, ERR_NOMEM: refuse the client. */
MUST_CHECK enum err login_new(struct login_setup *setup, const char *entry, const struct login_input *input,
	const struct login_env *env, struct login **out);
/* Once. LOGIN_END_WAITING: done will be called later, never from inside this call. Anything else: it will not be. */
enum login_end login_run(struct login *login, login_done_fn done, void *ctx);
/* After LOGIN_END_ALLOWED: logout() on every module that ran. */
void login_logout(struct login *login);
/* At any time, from any callback. Work under way is abandoned: done is not called, and its return does no harm. */
void login_free(struct login *login);

/*
 * After LOGIN_END_ALLOWED; borrowed until login_free(). Before, or after any other outcome, everything is empty.
 * user_verified: the module whose login was committed vouches for user_name; a name that is not vouched for must not
 * become an effective user. client_id_bound: the same of the client id.
 */
struct login_result {
	struct bytes user_name; /* as rewritten; len 0: none */
	bool user_verified;
	struct bytes client_id;
	bool client_id_changed; /* a module rewrote it: its home loop may be another */
	bool client_id_bound;
	struct bytes password_user; /* whom the users file knows; len 0: no password was checked */
	uint64_t credential;        /* which of that user's secrets: for login_setup_still_allows() */
};
struct login_result login_result(const struct login *login);
/* For the log and nobody else: the module and reason that decided. Literals and module names; never NULL. */
const char *login_reason(const struct login *login);
const char *login_reason_module(const struct login *login); /* "" when it was no module */

/*
 * Whether a session that logged in through entry, with this password_user and credential, would still be let in by
 * today's users file: false when the user is gone or disabled, or the secret was replaced (not while it is only rotated).
 * A session without a password_user is always allowed here.
 */
bool login_setup_still_allows(
	const struct login_setup *setup, const char *entry, struct bytes password_user, uint64_t credential);

/* What the users files of the setup, together, know of a name: DISABLED anywhere beats all. */
enum login_user_state { LOGIN_USER_ABSENT, LOGIN_USER_DISABLED, LOGIN_USER_ENABLED };
enum login_user_state login_setup_user_state(const struct login_setup *setup, struct bytes name);

/* ---------------------------------------------------------------------------------------------------------------
 * Module ABI. Ours are CertificateLoginModule and PasswordLoginModule.
 *
 * login() asks, checks, keeps the answer in *state and touches nothing else; commit() tells the outcome to the attempt
 * if its own login() allowed, else says IGNORE; abort() and logout() forget. commit, abort, logout may not be PENDING.
 */
struct login_call; /* the attempt, as its modules see it */

struct login_option {
	const char *name;
	const char *value;
	unsigned line, column; /* of the value */
};

struct login_module_config {
	const struct login_option *options;
	size_t option_count;
	unsigned line, column; /* of the module's name */
	const char *folder;
	bool insecure_any_owner;
	struct login_setup *setup; /* for login_setup_watch() */
};

struct login_module {
	const char *name;
	const char *const *option_names; /* ends with NULL; any other name was refused before setup() */
	/* Per use in a configuration; blocks. *out is what login_call_config() gives. NULL functions: nothing to do. */
	enum err (*setup)(
		const struct login_module_config *config, void **out, struct login_problem *problem);
	void (*teardown)(void *config);
	/* Per attempt. *state begins as NULL; release() gets it at the end, whatever happened. */
	enum err (*initialize)(struct login_call *call, void **state);
	enum login_verdict (*login)(struct login_call *call, void *state);
	enum login_verdict (*commit)(struct login_call *call, void *state);
	enum login_verdict (*abort)(struct login_call *call, void *state);
	enum login_verdict (*logout)(struct login_call *call, void *state);
	void (*release)(void *state);
	/* May be NULL: checks no password and keeps names; every live session may stay; knows no user. */
	struct login_traits (*traits)(const void *config);
	bool (*still_allows)(const void *config, struct bytes password_user, uint64_t credential);
	enum login_user_state (*user_state)(const void *config, struct bytes name);
};

/* For setup(): the file belongs to what login_setup_is_stale() looks at. */
MUST_CHECK enum err login_setup_watch(struct login_setup *setup, const char *path);
/* For setup(): the value of an option, or NULL; and a value that must be true or false (absent: false). */
const struct login_option *login_option_find(const struct login_module_config *config, const char *name);
MUST_CHECK enum err login_option_bool(
	const struct login_module_config *config, const char *name, bool *out, struct login_problem *problem);

/* The callbacks. Bytes are borrowed until the value is set anew or the attempt ends. */
const void *login_call_config(const struct login_call *call);
const struct login_env *login_call_env(const struct login_call *call);
bool login_call_user_name(const struct login_call *call, struct bytes *out); /* false: none was sent or set */
bool login_call_password(const struct login_call *call, struct bytes *out);
struct bytes login_call_client_id(const struct login_call *call);
const char *login_call_network_address(const struct login_call *call);
const char *login_call_channel_name(const struct login_call *call);
const struct login_certificate *login_call_certificate(const struct login_call *call); /* NULL: none */
/* Seen by the modules behind, and in the result if all ends well. A failure here fails the whole attempt. */
MUST_CHECK enum err login_call_set_user_name(struct login_call *call, struct bytes name);
MUST_CHECK enum err login_call_set_client_id(struct login_call *call, struct bytes client_id);
/* In commit() only: this module vouches for the name, for the client id, for the password. */
MUST_CHECK enum err login_call_vouch_user(struct login_call *call, struct bytes name);
void login_call_vouch_client_id(struct login_call *call);
MUST_CHECK enum err login_call_vouch_password(
	struct login_call *call, struct bytes user, uint64_t credential);
/* Memory ran out in the module: whatever the others say, this attempt is not allowed. */
void login_call_out_of_memory(struct login_call *call);
/* Why, for the log: a literal. */
void login_call_reason(struct login_call *call, const char *reason);

/* The shared state of one attempt: copies, in locked memory, wiped at the end. */
#define LOGIN_SHARED_NAME     "javax.security.auth.login.name"
#define LOGIN_SHARED_PASSWORD "javax.security.auth.login.password"
MUST_CHECK enum err login_call_share(struct login_call *call, const char *key, struct bytes value);
bool login_call_shared(const struct login_call *call, const char *key, struct bytes *out);

/*
 * Blocking work of a module. Embed it; it owns copies of all that run() needs, since it outlives an abandoned attempt.
 * run     on a lane's thread; skipped when the attempt was abandoned by then.
 * finish  on the loop, unless abandoned: the verdict (not PENDING).
 * discard on the loop, last, always: frees the work.
 */
struct login_work {
	void (*run)(struct login_work *work);
	enum login_verdict (*finish)(struct login_call *call, void *state, struct login_work *work);
	void (*discard)(struct login_work *work);
	/* The engine's. */
	struct job job;
	struct login *login;
	struct login_load *load;
	atomic_bool abandoned;
	bool counted;
};
/* On ERR_OK return LOGIN_VERDICT_PENDING. On any error the work is still the module's; ERR_LIMIT makes the outcome BUSY. */
MUST_CHECK enum err login_call_submit(struct login_call *call, enum lane lane, struct login_work *work);

/* ---------------------------------------------------------------------------------------------------------------
 * Users file: one line per user,  name:enabled|disabled:SECRET[:OLD]   with SECRET
 *   hmac$HEX                                   of a secret that login_password_generate() made
 *   argon2id$m=KIB,t=PASSES,p=LANES$SALT$HASH  (base64) of a chosen one
 * and OLD a second secret, still valid during a rotation, with @SECONDS (since 1970) behind it if it ends by itself.
 * Lines beginning with # and empty lines are skipped; any other line that is not exactly this refuses the whole file.
 */
struct login_users;

/* The parser alone; pure. */
MUST_CHECK enum err login_users_parse(
	struct bytes text, struct login_users **out, struct login_problem *problem);
struct login_users_options {
	const char *path;
	const char *key_path; /* NULL: there may be no hmac secrets */
	bool insecure_any_owner;
};
/* Owner and mode of both are checked. Blocks. Errors as login_setup_load(). */
MUST_CHECK enum err login_users_load(
	const struct login_users_options *options, struct login_users **out, struct login_problem *problem);
void login_users_ref(struct login_users *users);
void login_users_unref(struct login_users *users);
size_t login_users_count(const struct login_users *users);

enum login_user_state login_users_state(const struct login_users *users, struct bytes name);
/* Whether one of the user's secrets, old or new, has this id; times are not looked at. */
bool login_users_has_credential(const struct login_users *users, struct bytes name, uint64_t credential);

enum login_edit_kind {
	LOGIN_EDIT_ADD,     /* ERR_EXISTS */
	LOGIN_EDIT_REPLACE, /* the secret is the only one from now on; all others: ERR_NOT_FOUND */
	LOGIN_EDIT_ROTATE, /* the present secret stays as the old one, to old_until_s (0: until the next edit) */
	LOGIN_EDIT_DISABLE,
	LOGIN_EDIT_ENABLE,
	LOGIN_EDIT_REMOVE
};
struct login_edit {
	enum login_edit_kind kind;
	struct bytes name;
	const char *secret; /* from login_secret_hmac() or login_secret_argon2id(); ADD, REPLACE, ROTATE */
	int64_t old_until_s;
};
/* The new text of a users file is appended to out; every other line stays as it was. Both texts are parsed in full. */
MUST_CHECK enum err login_users_edit(
	struct bytes text, const struct login_edit *edit, struct buf *out, struct login_problem *problem);

/* "lg1-", 160 random bits and a checksum, in base32: 40 characters. */
#define LOGIN_PASSWORD_GENERATED_BYTES 40
MUST_CHECK enum err login_password_generate(struct secret *out);
/* Has the prefix and a right checksum: no other kind of secret is compared with it. */
bool login_password_is_generated(struct bytes password);
/* Begins like a generated one: never take this as a chosen password, it is a typing error. */
bool login_password_has_prefix(struct bytes password);

#define LOGIN_KEY_BYTES 32
/* The key file: 64 hex digits, 0600. Blocks. _make: made if absent, never replaced. */
MUST_CHECK enum err login_key_load(const char *path, bool insecure_any_owner, struct secret *out);
MUST_CHECK enum err login_key_make(const char *path, struct secret *out);
/* Field text for struct login_edit, appended; keyed to the user's name, so that lines cannot be swapped. */
MUST_CHECK enum err login_secret_hmac(
	struct bytes key, struct bytes name, struct bytes password, struct buf *out);
/* Blocks for its cost. cost NULL: our default. ERR_INVALID: too short, too long, looks generated, or cost too high. */
MUST_CHECK enum err login_secret_argon2id(
	const struct argon2_cost *cost, struct bytes password, struct buf *out);

#endif
