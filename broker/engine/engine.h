/*
 * engine.h - MQTT behind the door: sessions, subscriptions, retained messages, wills, and who gets which message.
 * Owns:    every session, live or detached; the router; the retained messages.
 * Never:   touches a socket, TLS, libuv, a password; judges an admission.
 * Threads: struct engine is shared by the workers. A struct hub and its sessions belong to one worker's loop: call
 *          hub_* and session_* on that loop only. Exceptions are marked "any thread".
 *
 * A client id has a home worker (engine_home()). A connection is admitted, moved there, and handed in by
 * hub_connect(). From then on the connection feeds frames to session_packet(), and the session speaks to it through
 * struct session_link. Nothing here calls the connection's code but through the link and the done callback, and
 * nothing in a link may call back into the hub: a link only queues.
 */
#ifndef LOCKGATE_BROKER_ENGINE_ENGINE_H
#define LOCKGATE_BROKER_ENGINE_ENGINE_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/wheel.h"
#include "broker/mail.h"
#include "mqtt/mqtt.h"

struct engine;
struct hub;
struct message;
struct session;
struct store;

/* --- messages: immutable, counted, shared by all workers --- */

struct message *message_ref(struct message *message); /* any thread */
void message_unref(struct message *message);          /* any thread; NULL is fine */

/* --- who a session is --- */

/*
 * Immutable and counted. What authority asks, and what status shows. All texts are the identity's own; the optional
 * ones may be NULL.
 */
struct session_identity {
	const char *client_id; /* as the session is named */
	const char *user;      /* effective user: the session's owner; "" is a user of its own */
	const char *channel;
	const char *user_name;   /* as the client sent it; NULL: none */
	const char *common_name; /* of the verified certificate; NULL: none */
	const char *peer;        /* address as text, for status; NULL: unknown */
	bool client_id_bound;    /* a gate bound the client id: ${clientid} counts */
};

/* Copies; one reference, the caller's. */
MUST_CHECK enum err session_identity_new(
	const struct session_identity *in, const struct session_identity **out);
const struct session_identity *session_identity_ref(const struct session_identity *identity); /* any thread */
void session_identity_unref(const struct session_identity *identity); /* any thread; NULL is fine */

/*
 * Authority, asked on any worker and without waiting. ctx is the table's own. `worker` names the calling worker, so that
 * the implementation may keep one policy pointer per worker.
 */
struct hub_hooks {
	bool (*may_publish)(void *ctx, unsigned worker, const struct session_identity *identity,
		struct bytes topic, bool retain);
	bool (*may_subscribe)(
		void *ctx, unsigned worker, const struct session_identity *identity, struct bytes filter);
	/* A message that was queued under rights which have changed since: may it still go out? */
	bool (*may_deliver)(
		void *ctx, unsigned worker, const struct session_identity *identity, struct bytes topic);
	void *ctx;
};

/* --- the engine --- */

/* Every limit is visible here; 0 takes the default in brackets. */
struct hub_limits {
	uint32_t sessions_max;      /* of the whole engine [100000] */
	uint32_t subscriptions_max; /* of one session [1000] */
	uint32_t queue_count_max;   /* outgoing messages waiting in one session [10000] */
	uint32_t queue_bytes_max;   /* their payloads, topics and properties [16 MiB] */
	uint32_t inflight_max;      /* QoS > 0 sent and unanswered, beside the client's own limit [128] */
	uint32_t backlog_bytes_max; /* waiting in the link; above it QoS 0 drops, QoS > 0 waits [256 KiB] */
	uint16_t receive_max;       /* QoS > 0 that a client may have unanswered [100] */
	uint16_t topic_alias_max;   /* inbound aliases of one connection [16] */
	uint32_t packet_bytes_max;  /* told in CONNACK; the connection's framing enforces it [1 MiB] */
	uint32_t session_expiry_max_s; /* [UINT32_MAX: sessions may last for ever] */
	uint32_t keep_alive_max_s;     /* larger or none becomes this, told in CONNACK [0: no limit] */
	uint32_t retained_count_max; /* [100000]; four times as many may wait for one session to read them */
	uint64_t retained_bytes_max; /* [256 MiB] */
	uint32_t connects_waiting_max;    /* CONNECTs in claim for one client id [4] */
	const char *response_information; /* for clients that ask; borrowed for good [NULL: none] */
	bool check_payload_utf8;          /* refuse 0x99 where the indicator lies [false] */
	bool will_revoked; /* publish wills of sessions closed as revoked or disabled [false] */
};

struct engine_options {
	unsigned workers; /* 1 … ENGINE_WORKERS_MAX */
	struct hub_post post;
	struct hub_hooks hooks;
	struct hub_limits limits;
	struct clock clock;
	struct store *store;  /* borrowed until engine_free(); see broker/store/store.h */
	uint8_t home_key[16]; /* random */
};
#define ENGINE_WORKERS_MAX 64u

MUST_CHECK enum err engine_new(const struct engine_options *options, struct engine **out);
/* After every hub is gone and the last mail has run. */
void engine_free(struct engine *engine);
unsigned engine_home(const struct engine *engine, struct bytes client_id); /* any thread */
/* Limits with the defaults filled in. */
const struct hub_limits *engine_limits(const struct engine *engine); /* any thread */
/* Rights may have changed: from now on subscriptions, queued messages and wills are judged again. Any thread. */
void engine_rights_changed(struct engine *engine);

/* On the worker's thread, or before its loop starts. wheel is borrowed until hub_free(). */
MUST_CHECK enum err hub_new(struct engine *engine, unsigned worker, struct wheel *wheel, struct hub **out);
/* When hub_idle(). Detached sessions stay in the store. Links still open are closed with 0x8B. NULL is fine. */
void hub_free(struct hub *hub);
/* At the end of every loop turn: retries what found a mailbox full. True while something still waits: call again soon. */
bool hub_turn(struct hub *hub);

/* --- connecting --- */

/* How a session speaks to its client. Each function only queues; none calls into the hub. */
struct session_link_ops {
	/*
	 * head is copied. payload, if payload_owner is not NULL, is not: the link takes a reference of its own
	 * (message_ref) until it has been written. Never fails towards the session: a link that is broken or out of
	 * memory drops, closes and reports session_lost() later.
	 */
	void (*send)(void *ctx, struct bytes head, struct message *payload_owner, struct bytes payload);
	/* Bytes taken by send() and not yet given to the kernel. */
	size_t (*backlog_bytes)(void *ctx);
	/*
	 * The session is done with this link and will not touch it again; the connection forgets the session at once.
	 * send_disconnect: a DISCONNECT with the reason goes first (MQTT 5 only).
	 */
	void (*close)(void *ctx, uint8_t reason, bool send_disconnect);
	/* Not nested. While paused, frames already read must not be fed either. */
	void (*pause_reading)(void *ctx);
	void (*resume_reading)(void *ctx);
};
struct session_link {
	const struct session_link_ops *ops;
	void *ctx;
};

struct hub_connect_request {
	const struct mqtt_connect_view
		*connect; /* borrowed for the call, all is copied; its client id is not read */
	const struct session_identity
		*identity;       /* a reference is taken; identity->client_id names the session */
	bool client_id_assigned; /* by hub_client_id_assign(): told in CONNACK */
	struct session_link link;
	size_t packet_bytes_max; /* of the channel, told in CONNACK; 0: the engine's limit */
};

struct hub_connect_result {
	uint8_t reason; /* MQTT_REASON_SUCCESS or why not: 0x85 another owner, 0x97, 0x88, 0x89, 0x80 */
	struct session *session;           /* on success; good until close() of its link or session_lost() */
	struct mqtt_connack_view connack;  /* ready for mqtt_encode_connack(); borrowed for the callback */
	struct mqtt_encode_options encode; /* with this */
};

/*
 * Runs once, never from within hub_connect(). Send the CONNACK on the link before returning: whatever the session has
 * to say follows at once (MQTT-3.2.0-1). On a refusal the link has not been and will not be touched.
 * A callback that finds its own connection dying calls session_lost() later, as always.
 */
typedef void (*hub_connect_fn)(void *ctx, const struct hub_connect_result *result);

struct hub_connect; /* a CONNECT that waits for the store */

/*
 * ERR_OK: *out is good until done has run or hub_connect_cancel(). ERR_BUSY (too many for this client id),
 * ERR_DENIED (another owner holds the session, 0x85), ERR_LIMIT (sessions_max), ERR_NOMEM: done will not run.
 * ERR_STATE: the client id's home is another worker, or the hub is stopping.
 */
MUST_CHECK enum err hub_connect(struct hub *hub, const struct hub_connect_request *request,
	hub_connect_fn done, void *ctx, struct hub_connect **out);
/* The client vanished: done will not run and the link is not touched. The session is left as if it had been lost
 * right after its CONNECT, without a will. */
void hub_connect_cancel(struct hub *hub, struct hub_connect *connect);
/* The reason code for what hub_connect() returned. */
uint8_t hub_connect_reason(enum err err);

/* A fresh client id whose home is this hub (MQTT-3.1.3-6). */
#define HUB_CLIENT_ID_BYTES 40
MUST_CHECK enum err hub_client_id_assign(struct hub *hub, char out[HUB_CLIENT_ID_BYTES]);
/* As above for any home, before the connection moves. Any thread. */
MUST_CHECK enum err engine_client_id_assign(char out[HUB_CLIENT_ID_BYTES]);
/* The owner of the session that exists under this client id, live or detached; NULL: none. Borrowed for the turn. */
const char *hub_session_owner(const struct hub *hub, struct bytes client_id);

/* --- a live session --- */

/*
 * Every packet after CONNECT. frame borrows its bytes for the call. ERR_CLOSED: the session has closed its link (or
 * taken the client's DISCONNECT) and is gone for the connection; feed nothing more. ERR_OK otherwise.
 */
MUST_CHECK enum err session_packet(struct session *session, const struct mqtt_frame *frame);
/* The connection found a fault in the framing: as if session_packet() had (0x81, 0x95). close() of the link follows. */
void session_fault(struct session *session, const struct fault *fault);
/* The network connection is gone without a DISCONNECT. The link is not touched. */
void session_lost(struct session *session);
/* The link's backlog has fallen below half of backlog_bytes_max: send on. */
void session_writable(struct session *session);
/* Borrowed while the session lives. */
const struct session_identity *session_who(const struct session *session);
enum mqtt_version session_version(const struct session *session);

/* --- operating --- */

enum session_will {
	SESSION_WILL_DROP,    /* never published */
	SESSION_WILL_PUBLISH, /* by its own rules: delay, and authority when it fires */
	SESSION_WILL_REVOKED  /* dropped unless limits.will_revoked */
};
/*
 * Ends the connection of a live session (re-judgement, STOP CHANNEL CLIENTID) with a DISCONNECT. With end_session also
 * the session, live or detached, and all it holds. ERR_NOT_FOUND.
 */
MUST_CHECK enum err hub_session_close(
	struct hub *hub, struct bytes client_id, uint8_t reason, enum session_will will, bool end_session);

struct session_status {
	const struct session_identity *identity;
	bool connected;
	bool lasting;
	enum mqtt_version version;
	uint32_t keep_alive_s;     /* as agreed */
	uint32_t session_expiry_s; /* UINT32_MAX: never */
	uint32_t subscriptions;
	uint64_t messages_in;    /* accepted PUBLISH packets */
	uint64_t messages_out;   /* PUBLISH packets sent, repeats not counted */
	uint64_t dropped;        /* outgoing messages dropped by a limit */
	uint32_t pending;        /* waiting here; what only the store holds is not in it */
	uint32_t in_doubt_in;    /* QoS > 0 received and not finished */
	uint32_t in_doubt_out;   /* QoS > 0 sent and not finished */
	int64_t last_message_ms; /* wall clock; 0: none yet */
	int64_t connected_ms;    /* wall clock, of the latest connection */
};
/* Live and detached, in no particular order; visit returns false to stop. It may not connect or close. */
typedef bool (*session_visit_fn)(void *ctx, const struct session_status *status);
void hub_sessions_each(struct hub *hub, session_visit_fn visit, void *ctx);
bool hub_session_status(struct hub *hub, struct bytes client_id, struct session_status *out);

struct hub_counters {
	uint64_t sessions;           /* live and detached, now */
	uint64_t connected;          /* now */
	uint64_t messages_in;        /* accepted from clients */
	uint64_t messages_out;       /* sent to clients */
	uint64_t dropped_qos0;       /* backlog or mailbox full */
	uint64_t dropped_queue_full; /* queue_count_max, queue_bytes_max */
	uint64_t dropped_expired;    /* message expiry (MQTT-3.3.2-5) */
	uint64_t dropped_too_large;  /* client's maximum packet size (MQTT-3.1.2-25) */
	uint64_t dropped_denied;     /* rights withdrawn since */
	uint64_t refused_publish;    /* not authorised */
	uint64_t refused_subscribe;  /* not authorised */
	uint64_t retained_full;      /* not kept: retained_count_max or retained_bytes_max */
	uint64_t wills_published;
	uint64_t wills_denied;
	uint64_t takeovers;
	uint64_t store_failures; /* completions that were not ERR_OK, ERR_UNKNOWN included */
	uint64_t paused;         /* times a publisher was made to wait */
};
void hub_counters(const struct hub *hub, struct hub_counters *out);
/* Retained messages of the whole engine. Any thread. */
void engine_retained_usage(struct engine *engine, uint32_t *count, uint64_t *bytes);

/* Something of the broker's own to say; follows the retained and routing rules, asks no authority. ERR_NOMEM, ERR_LIMIT. */
struct hub_publication {
	struct bytes topic;
	struct bytes payload;
	uint8_t qos;
	bool retain;
};
MUST_CHECK enum err hub_publish(struct hub *hub, const struct hub_publication *publication);

/*
 * Graceful stop: refuses new connects, closes every link with DISCONNECT 0x8B, fires wills by their rules. Then keep
 * the loop turning until hub_idle().
 */
void hub_stop(struct hub *hub);
/* No store request, connect or mail of this hub is outstanding. */
bool hub_idle(const struct hub *hub);

#endif
