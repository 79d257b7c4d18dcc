/*
 * control.h - the control plane: catalog, channels, publication of worlds, watching files, answering operators.
 * Owns:    the catalog, every channel, the login setup in force, the world that was published last.
 * Never:   publishes half a change; blocks its loop on a file.
 * Threads: the control loop, but where marked.
 */
#ifndef LOCKGATE_BROKER_CONTROL_CONTROL_H
#define LOCKGATE_BROKER_CONTROL_CONTROL_H

#include "base/list.h"
#include "broker/broker.h"
#include "broker/control/held_reload.h"
#include "broker/control/material.h"
#include "broker/control/sources.h"
#include "broker/worker.h"
#include "mqsc/mqsc.h"

enum channel_state { CHANNEL_STARTING, CHANNEL_RUNNING };

/* What became of the last content of a channel's keystore, or of its passphrase, that is not the one in force. */
enum keystore_fate { KEYSTORE_GOOD, KEYSTORE_BAD, KEYSTORE_HELD };
struct keystore_watch {
	struct keystore_look look; /* the last one */
	bool trying;               /* it is being read and weighed */
	enum keystore_fate fate;
	uint8_t tried[SHA256_BYTES]; /* unless GOOD: the digest that it was */
	uint64_t since_ms, tried_ms; /* monotonic: of the first try of that content, and of the last */
	bool said;
	char *why;
};

/* A channel that is started, or about to be; a stopped one is only an object in the catalog. */
struct channel {
	struct list node;
	struct control *control;
	uint64_t serial; /* tells this channel from an earlier one of its name */
	enum channel_state state;
	char name[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	struct listener *listener;
	uint16_t port;
	struct material material;        /* in force */
	struct channel_lists lists;      /* what was fetched besides */
	bool crl_failed;                 /* the last look at CRLFILE failed; what was known stays in force */
	uint8_t crl_tried[SHA256_BYTES]; /* what failed, so that it is reported once */
	int64_t started_ms;
	struct keystore_watch keystore;
};

/* Told when every worker has the new world (ERR_OK), or that it could not be built, or that the broker stops (ERR_STATE). */
typedef void (*published_fn)(void *ctx, enum err err);
#define PUBLISH_WAITERS_MAX 64u

struct control {
	const struct broker_options *options;
	struct shared *shared;
	struct executor executor;
	struct clock clock;
	struct wheel *wheel;
	struct log *log;
	char *login_config;

	struct catalog *catalog;
	struct list channels;
	struct login_setup *logins;
	uint64_t login_generation;
	bool login_failed; /* the last look at the login files failed */

	/* Parts of the policy, kept while unchanged. */
	struct chlauth_rules *rules;
	struct authority *authority;
	uint64_t rules_from, authority_from; /* catalog generations they were built from */
	uint64_t catalog_base;               /* told apart between catalogs */
	uint64_t catalog_base_last;          /* that was given to any catalog */
	uint64_t generation; /* source of numbers for trust, revocation, login parts and worlds */
	uint64_t channel_serial;

	/* Publication. */
	struct world *world;
	bool dirty, publishing;
	bool publish_failed;        /* said once, tried again */
	char publish_sentence[160]; /* why */
	unsigned acks_due;
	uint64_t published_ms;
	struct wheel_timer publish_timer;
	struct {
		published_fn fn;
		void *ctx;
		uint64_t world; /* waits for this number or a later one */
	} waiters[PUBLISH_WAITERS_MAX];
	size_t waiter_count;

	struct cut_guard *guard;
	/*
	 * The catalog without what is being weighed in it, which a refusal takes out again; NULL: nothing is. Whatever is built
	 * for anything but that weighing is built from it: see control_catalog().
	 */
	struct catalog *settled;

	struct wheel_timer known_timer;
	bool knowing, known_failed; /* the known clients are being written; that failed the last time */
	struct time_guard time;
	struct wheel_timer time_timer;
	bool marking, mark_failed;
	struct wheel_timer apply_timer;
	struct wheel_timer keystore_timer;
	struct staples *staples; /* NULL: no channel asked for them yet */

	struct wheel_timer watch_timer;
	struct watch_job *watch; /* under way */
	struct notices *notices; /* NULL: changes are seen at the watch's own turn */
	bool watch_noticed;      /* a watched folder changed since the last look began */
	struct apply *apply;     /* start-up or SIGHUP under way */
	bool apply_again;        /* a SIGHUP came meanwhile */
	struct held_reload held; /* the last SIGHUP, if it would close too many sessions */
	bool apply_force;        /* the next one is not weighed */
	bool apply_committed;    /* the last one changed something, even if it failed behind that */
	struct admin *admin;
	struct sources *sources;
	struct signals *signals;
	bool stopping, ready;
	enum err start_err;
	struct buf *report;
};

/* --- publish.c --- */
/* Something that a policy is built from has changed. */
void control_dirty(struct control *control);
/* fn is called once every worker serves under all changes made so far; perhaps at once. ERR_LIMIT; ERR_STATE: the broker stops. */
MUST_CHECK enum err control_published(struct control *control, published_fn fn, void *ctx);
uint64_t control_next_generation(struct control *control);
/* The configuration that holds: without what a script has changed and nobody has weighed yet. */
const struct catalog *control_catalog(const struct control *control);
/* What a world is built from: the configuration in force, or another one that somebody asks about. */
struct proposal {
	const struct catalog *catalog;
	bool for_good; /* it is to be published: parts that are built for it are kept, so that the next one can share them */
	uint64_t catalog_base; /* told apart between catalogs */
	struct login_setup *logins;
	uint64_t login_generation;
	/*
	 * NULL: channels and their files as they are. Else asked for each running channel: false ends it; *material, if it is
	 * set, has sets that take the place of those in force (borrowed until the world is built).
	 */
	bool (*channel)(void *ctx, const char *name, const struct material **material);
	void *ctx;
};
struct proposal control_in_force(const struct control *control);
/* On ERR_OK *out is the caller's (world_unref()). Whatever happens, nothing in force changes. */
MUST_CHECK enum err control_build_world(
	struct control *control, const struct proposal *source, struct world **out, struct auth_error *error);
/* Whoever waits for a publication is told ERR_STATE. */
void control_publish_end_waiters(struct control *control);
void control_publish_stop(struct control *control);

/* --- channels.c --- */
struct channel *control_channel(struct control *control, const char *name); /* NULL: not started */
/* What forbids a start, as a sentence with its message id; ERR_OK: nothing. Looks at the object only. */
MUST_CHECK enum err channel_check_start(
	const struct object *object, const struct login_setup *logins, struct buf *why);
/* The options to load what object names, into *out; texts are borrowed from object. */
void channel_material_options(struct control *control, const struct object *object,
	const struct channel *before, struct material_options *out);
MUST_CHECK enum err channel_new(struct control *control, const char *name, struct channel **out);
/* Opens the listener with the material in force. */
MUST_CHECK enum err channel_open(struct channel *channel, const struct object *object, struct buf *why);
/* The files of one channel being read on a lane. Owned copies, since the catalog may change meanwhile. */
struct load_job {
	struct job job;
	struct control *control;
	struct material_options options;
	char *texts[6];
	struct secret passphrase;
	struct crl_set *crls_before;
	void (*then)(
		struct load_job *load); /* on the loop; take material or leave it, load is freed behind */
	void *ctx;
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	/* The answer. */
	enum err err;
	struct material material;
	struct buf why;
};
/* Of which number the configuration is: another one after SIGHUP. */
uint64_t control_configuration(const struct control *control);
MUST_CHECK enum err load_submit(
	struct control *control, const struct object *object, void (*then)(struct load_job *load), void *ctx);
/* The same for the keystore alone. */
MUST_CHECK enum err load_submit_keystore(
	struct control *control, const struct object *object, void (*then)(struct load_job *load), void *ctx);
/*
 * Says so (count: of gone), and takes them out of what was joined with fetched lists; the channel's own set is the caller's.
 * NULL: nothing.
 */
void channel_let_go(struct channel *channel, const struct crl_set *gone, struct hold_count count);
/* Takes what was loaded; parts that were not loaded stay. */
void channel_take(struct channel *channel, struct material *material);
/* Closes the listener; live sessions of the channel end. The channel is gone. */
void channel_close(struct channel *channel, uint8_t reason);
/* Whether two versions of an object listen differently. */
bool channel_listens_alike(const struct object *a, const struct object *b);

typedef void (*control_done_fn)(void *ctx, enum err err, const char *message);
void control_start_channel(struct control *control, const char *name, control_done_fn done, void *ctx);
void control_stop_channel(struct control *control, const char *name, const char *client_id, bool purge,
	control_done_fn done, void *ctx);

/* --- refresh.c --- */
/*
 * Reads every keystore, revocation list, and the login files again: all or nothing. What would close too many sessions is
 * not taken, but with force.
 */
void control_refresh(struct control *control, bool force, control_done_fn done, void *ctx);

/* --- apply.c: scripts to a running broker, at start-up and on SIGHUP --- */
/* done once; on failure message says why and nothing has changed. */
void control_apply(struct control *control, control_done_fn done, void *ctx);

/* --- watch.c --- */
void control_watch_start(struct control *control);
void control_watch_stop(struct control *control);

/* --- cut.c: the cut guard (CUTMAX, CUTHOLD, FORCE) --- */
MUST_CHECK enum err cut_guard_new(struct control *control);
/* The broker stops: everybody who waits is told ERR_STATE. */
void cut_guard_stop(struct control *control);
void cut_guard_free(struct control *control);
/* A weighing is under way, or waits. */
bool cut_guard_busy(const struct control *control);
/* ERR_OK: it may be done. Else message (borrowed for the call) says why not. Perhaps called from within control_weigh(). */
typedef void (*cut_fn)(void *ctx, enum err err, const char *message);
/* Of a channel: client NULL; then of each session that is named. */
struct cut_count {
	const char *channel, *client;
	unsigned long live, cut;
};
struct cut_question {
	/* What would be in force; asked again when the world changes meanwhile: what is counted is what would be published. */
	struct proposal (*source)(void *ctx);
	cut_fn done;
	void *ctx;
	bool judge_all; /* time itself is what changes */
	bool crl_free;  /* what revocation lists close does not count */
	int64_t now;    /* seconds; 0: the judging clock's */
	/* For who only asks: is told the counts before done, which then gets ERR_OK whatever they are. NULL: CUTMAX counts. */
	void (*counted)(void *ctx, const struct cut_count *count);
	const uint8_t *only_trust; /* only sessions trusted by this certificate (SHA-256); NULL: all */
	size_t names_max;          /* per worker; 0: a few */
};
/*
 * Counts what would be closed of each channel's live sessions. ERR_BUSY where that is more than the channel's CUTMAX;
 * ERR_UNKNOWN where it could not be counted in time: another try may go better.
 */
void control_weigh(struct control *control, const struct cut_question *question);
/* A world was published, or could not be built: who counts under the one before begins anew. */
void cut_guard_world(struct control *control);
/* Whether that is what FORCE passes over. */
bool cut_may_force(enum err err);

/* --- keystores.c: watches the keystores of running channels --- */
void control_keystores_start(struct control *control);
void control_keystores_stop(struct control *control);

/* --- clients.c: the known clients, kept over a restart --- */
void control_clients_start(struct control *control); /* before the loops start; blocks */
void control_clients_stop(struct control *control);
void control_clients_end(struct control *control); /* after the loops have ended; blocks */

/* --- timekeeper.c: the time that judges --- */
/* Before the loops start: reads the mark of the newest time seen; blocks. */
MUST_CHECK enum err control_time_start(struct control *control);
void control_time_stop(struct control *control);
int64_t control_time_new(const struct control *control);  /* seconds, for newcomers */
int64_t control_time_live(const struct control *control); /* seconds, for live sessions */
/* An operator says that the clock is right; backward: also where it is behind what was seen. */
void control_time_accept(struct control *control, bool backward);

/* --- stapling.c --- */
/* The channel serves what is in material from now on. */
void control_staple(struct control *control, const char *channel, const struct material *material);
void control_staple_renew(struct control *control); /* asks now for newer responses of all channels */
void control_staple_end(struct control *control, const char *channel);
void control_staple_stop(struct control *control); /* before sources_close() */

/* --- logins.c --- */
/* Blocks. */
MUST_CHECK enum err control_load_logins(const char *config_path, bool explicit_path, struct login_setup **out,
	struct buf *why, struct buf *warnings);
bool control_logins_stale(const struct login_setup *setup, const char *config_path); /* blocks */

/* --- host.c, status.c: what MQSC asks of the running broker --- */
struct mqsc_host control_host(struct control *control);
/* What is weighed in the catalog is in doubt no longer: it holds, or is taken back before anything is built. */
void control_settle(struct control *control);
void control_status(
	struct control *control, const struct mqsc_request *request, struct mqsc_pending *pending);

/* --- admin.c --- */
MUST_CHECK enum err admin_open(struct control *control, struct buf *why);
void admin_close(struct control *control);
/* Scripts that stopped because the broker was busy go on. */
void admin_resume_scripts(struct control *control);
/* The catalog is about to be replaced: scripts that wait are ended with a message. */
void admin_end_scripts(struct control *control);

/* --- signals.c --- */
MUST_CHECK enum err signals_open(struct control *control);
void signals_close(struct control *control);
/* Reads everything again if SIGHUP came while that was under way. */
void control_apply_again(struct control *control);
/* The same, but not from within this call. */
void control_apply_soon(struct control *control);
void control_quit(struct control *control);

#endif
