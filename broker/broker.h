/*
 * broker.h - the running broker: loops, channels, connections, and the control plane over them.
 * Owns:    the data directory's lock, every running channel, the published world, the admin socket.
 * Never:   reads a command line.
 * Threads: broker_run() makes its caller's thread the control loop and returns when the broker has stopped.
 */
#ifndef LOCKGATE_BROKER_BROKER_H
#define LOCKGATE_BROKER_BROKER_H

#include "base/bytes.h"
#include "base/log.h"

/* --- limits an operator can see --- */
#define BROKER_SCRIPTS_MAX      64u
#define BROKER_SCRIPT_BYTES_MAX (64u * 1024u * 1024u)
#define BROKER_CONNECT_BYTES_MAX                                                                             \
	(128u * 1024u) /* a CONNECT packet; larger is refused, whatever MAXMSGL says */
#define BROKER_CHAIN_BYTES_MAX   (32u * 1024u)
#define BROKER_REFUSALS_KEPT     1024u /* for explain --refusal */
#define BROKER_RIGHTS_KEPT       256u  /* the same, for refused publishes and subscribes */
#define BROKER_RIGHT_LINES_MAX   50u   /* of these, a second and worker; more are counted in one line */
#define BROKER_ADMIN_CLIENTS_MAX 16u
#define BROKER_ADMIN_REQUEST_MAX (64u * 1024u * 1024u)
#define BROKER_STATUS_ROWS_MAX   10000u
#define BROKER_CRL_FILES_MAX     4096u
#define BROKER_WATCH_MS          500u /* CRLFILE, users and login configuration are looked at so often */
#define BROKER_NOTICE_MS                                                                                     \
	20u /* and so soon after their folder changed: what comes together is read together */
#define BROKER_PUBLISH_MS 100u /* at most one publication of policy in so much time */
#define BROKER_SLICE_US   250u /* so long live sessions are judged again before the loop serves others */

struct broker_options {
	const char *directory;      /* data directory; locked, admin socket, users, login.key */
	const char *const *scripts; /* MQSC files, in order */
	size_t script_count;
	const char *login_config; /* NULL: directory/jaas.config, if it is there */
	struct log *log;
	unsigned workers;         /* 0: one per core */
	bool insecure_test_gates; /* INSECGATE is accepted, and said aloud */
	int ready_fd;             /* "ready\n" is written there once every channel accepts; -1: none */
};

/*
 * Runs until SIGTERM or SIGINT. SIGHUP reads scripts, keystores, revocation lists, users and login configuration again:
 * all of it or nothing. report receives, for a human, why it could not start.
 * ERR_OK: stopped as asked. ERR_BUSY: another broker holds the directory. Else *report says.
 */
MUST_CHECK enum err broker_run(const struct broker_options *options, struct buf *report);

/*
 * Asks the broker that runs in directory. kind is "mqsc", "explain" or "report"; flags a word such as "echo" or "json" (NULL: none).
 * The reply is appended; *code is the exit code the command should end with. ERR_NOT_FOUND: no broker runs there.
 * Blocks.
 */
MUST_CHECK enum err broker_ask(const char *directory, const char *kind, const char *flags, struct bytes body,
	struct buf *reply, int *code);

#endif
