/*
 * rig.h - the engine without loops or sockets: hubs over an inline mailbox, clients over a buffer, a clock that stands
 *         still, authority by lists, and a store that can be held back, made to fail, or to say that it does not know.
 */
#ifndef LOCKGATE_TESTS_BROKER_RIG_H
#define LOCKGATE_TESTS_BROKER_RIG_H

#include "base/list.h"
#include "broker/engine/engine.h"
#include "broker/store/store.h"
#include "tests/test.h"

#define RIG_WORKERS_MAX 4u
#define RIG_CLIENTS_MAX 8u
#define RIG_DENIED_MAX  8u
#define RIG_HELD_MAX    256u
#define RIG_SEEN_MAX    16384u

struct rig;

struct rig_client {
	struct rig *rig;
	char name[32];
	struct session *session;
	struct hub_connect *connecting;
	struct hub *hub;
	enum mqtt_version version;
	struct buf out; /* what the broker sent */
	size_t backlog; /* what the link says is waiting */
	bool paused;
	bool closed;
	char seen[RIG_SEEN_MAX];
};

/* What the store is asked, on its way to the memory engine. */
enum rig_store_mode {
	RIG_STORE_PASS,
	RIG_STORE_HOLD,    /* until rig_store_release() */
	RIG_STORE_LATE,    /* done at once, but the answer waits for rig_store_release() */
	RIG_STORE_FAIL,    /* certainly not done */
	RIG_STORE_UNKNOWN, /* done, but nobody learns it */
	RIG_STORE_LOST     /* not done, and nobody learns it */
};
struct rig_note {
	struct mail *mail;
	unsigned to;
	bool counted;
};
#define RIG_NOTES_MAX 65536u
struct rig_held {
	unsigned kind;
	void *request;
};

struct rig {
	unsigned workers;
	struct engine *engine;
	struct hub *hubs[RIG_WORKERS_MAX];
	struct wheel *wheels[RIG_WORKERS_MAX];
	struct clock_fake time;
	struct store memory; /* outlives an engine: a restart is another engine over it */
	struct store store;  /* in front of it */
	enum rig_store_mode mode;
	bool only_append; /* mode applies to append alone */
	struct rig_held held[RIG_HELD_MAX];
	size_t held_count;
	struct rig_note late[RIG_HELD_MAX];
	size_t late_count;
	struct rig_note *notes; /* one FIFO serves all: it keeps each pair's order */
	size_t note_first;
	size_t note_count;
	unsigned queued_to[RIG_WORKERS_MAX];
	unsigned mailbox_max;            /* 0: no limit */
	char denied[RIG_DENIED_MAX][64]; /* "pub topic", "sub filter", "del topic" */
	size_t denied_count;
	struct rig_client clients[RIG_CLIENTS_MAX];
	size_t client_count;
	struct hub_limits limits;
	uint64_t asked; /* hooks called */
};

/* REQUIREs its way up. limits may be NULL. */
void rig_up(struct rig *rig, unsigned workers, const struct hub_limits *limits);
void rig_down(struct rig *rig);
void rig_restart(struct rig *rig); /* another engine over the same store; all links are cut first */
/* Runs mail, turns and timers until nothing moves. */
void rig_run(struct rig *rig);
void rig_advance(struct rig *rig, uint64_t ms);
struct rig_client *rig_client(struct rig *rig, const char *name); /* made at first use */
void rig_store_release(struct rig *rig);

/* Bytes to the session as the connection would feed them; stops when the session closes. */
void rig_feed(struct rig_client *client, struct bytes packets);
/* What the client has got since it was asked last, as text; see rig_print.c. */
const char *rig_seen(struct rig_client *client);
struct session_link rig_link(struct rig_client *client);
void rig_connected(void *ctx, const struct hub_connect_result *result);

/* One line of script, or a whole one; failures are reported under row. */
void rig_script(struct rig *rig, const char *row, const char *script);

#endif
