/*
 * hub.h - what the files of this folder share: the structs behind the door, and who may call what.
 * Never:   leaves this folder.
 *
 *   engine.c     the shared object, limits            publish.c   from a packet to every target, in order
 *   hub.c        slots, timers, status, closing       fanout.c    from worker to worker
 *   connect.c    CONNECT to session                   deliver.c   a session's outgoing messages
 *   session.c    lifecycle and packet dispatch        acks.c      what the store must know before a PUBREL
 *   session_in.c PUBLISH, PUBREL from the client      subscribe.c SUBSCRIBE, UNSUBSCRIBE, retained messages
 *   will.c       wills                                feed.c      retained messages for new subscriptions
 */
#ifndef LOCKGATE_BROKER_ENGINE_HUB_H
#define LOCKGATE_BROKER_ENGINE_HUB_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/map.h"
#include "broker/engine/engine.h"
#include "broker/engine/message.h"
#include "broker/engine/retained.h"
#include "broker/engine/router.h"
#include "broker/store/store.h"

#define KEEP_ALIVE_NUMERATOR   3u /* MQTT-3.1.2-22: one and a half times */
#define KEEP_ALIVE_DENOMINATOR 2u
#define RETRY_MS               16u /* when a mailbox was full */
#define PUBLISHER_OPS_MAX      64u /* a publisher's messages waiting for commit or room; then it is not read */
#define OWN_OPS_MAX            65536u /* wills and the broker's own messages in that queue; then they are dropped */
#define DELIVERY_WINDOW        256u  /* of a stored queue, how much is kept in memory beside it */
#define INBOUND_V3_MAX         1024u /* unfinished QoS 2 ids of a client without Receive Maximum */
#define FEED_SETS_MAX          4u    /* of one session's waiting: so many times retained_count_max */
#define FEED_AHEAD             16u   /* retained messages queued at a time */
#define HEAD_BYTES_MAX         (1u << 20)
#define HEAD_BYTES_MIN         512u

struct engine {
	struct engine_options options;
	struct hub_limits limits;
	struct router *router;
	struct retained *retained;
	atomic_uint_fast64_t rights; /* generation; from 1 */
	atomic_uint_fast64_t sessions;
	_Atomic(struct hub *) hubs[ENGINE_WORKERS_MAX];
};

/* --- outgoing --- */

/* Queued -> sent -> (QoS 1: gone; QoS 2: receiving -> released -> gone). */
enum delivery_state {
	DELIVERY_QUEUED,    /* -> SENT */
	DELIVERY_SENT,      /* PUBLISH went out -> gone, RECEIVING or RELEASED */
	DELIVERY_RECEIVING, /* PUBREC came, the store is recording it -> RELEASED */
	DELIVERY_RELEASED   /* PUBREL went out -> gone */
};
struct delivery {
	struct list item;
	struct message *message;        /* NULL: only its PUBREL is left */
	uint64_t seq;                   /* 0: QoS 0 */
	struct store_position position; /* of a stored one */
	uint64_t rights;                /* generation it was queued under; 0: must be judged */
	uint8_t qos;
	enum delivery_state state;
	bool retain;
	bool dup;
	bool waits; /* sent on an earlier connection, not yet on this one */
	uint32_t id_count;
	uint32_t ids[];
};

/* --- incoming --- */

/* An unfinished QoS 2 packet id. */
enum inbound_state {
	INBOUND_COMMITTING, /* -> RECEIVED, or gone if the commit failed */
	INBOUND_RECEIVED,   /* PUBREC sent -> RELEASING or gone */
	INBOUND_RELEASING   /* PUBREL came, the store is forgetting it -> gone */
};
struct inbound {
	uint16_t id;
	uint8_t state;
	uint32_t connection; /* the one that last spoke of it; answers go nowhere else */
};
struct inbound_set {
	uint32_t count;
	uint32_t cap;
	struct inbound items[];
};

/* A FIFO of messages that wait for a commit or for room in a mailbox. Outlives its session while it is not empty. */
struct publisher {
	struct hub *hub;
	struct session_handle session; /* generation 0: the hub itself */
	struct list ops;
	struct list blocked; /* in hub.blocked while a mailbox is full */
	uint32_t count;
	bool draining;
	bool orphan; /* its session is gone: free when empty */
};

struct publish_op {
	struct list item; /* in publisher.ops */
	struct publisher *publisher;
	struct hub *hub;
	struct message *message;
	struct route route;
	struct store_append append;
	struct store_target *targets; /* append.targets, in the order of their route targets */
	size_t target_cap;
	size_t sent;         /* route targets already handed over */
	uint32_t connection; /* of the session that gets the answer */
	uint16_t packet_id;  /* 0: nobody to answer */
	uint8_t qos;
	bool committed; /* or nothing to commit */
	bool retained_done;
	bool routed_again;
	enum err status;
};

/* Retained messages on their way to a new subscription. */
struct feed {
	struct feed *next;
	struct retained_match match;
	size_t at;
	const struct subscription *subscription; /* only compared: may be gone when feeds_free() runs */
	uint64_t rights;                         /* under which it was granted */
	uint32_t subscription_id;
	uint8_t qos;
};

struct will {
	struct wheel_timer timer; /* first: the timer's callback casts */
	struct session *session;
	struct message *message;
	uint32_t delay_s;
};

struct alias_table {
	uint16_t count;
	struct {
		uint8_t *topic;
		size_t len;
	} items[];
};

/* A SUBSCRIBE or UNSUBSCRIBE that waits for the store. */
struct subscribe_op;

#define PAUSE_SUBSCRIBE 0x01u
#define PAUSE_PUBLISHER 0x02u
#define PAUSE_CLAIM     0x04u

struct session {
	struct hub *hub;
	const struct session_identity *identity;
	struct session_link link; /* ops NULL: detached */
	struct wheel_timer timer; /* keep alive while connected, expiry while detached */
	struct session_handle handle;
	struct store_session stored; /* id 0: ends with its connection */
	struct subscription *subscriptions;
	struct list queue;              /* deliveries not sent yet */
	struct list inflight;           /* QoS > 0, sent; in order of seq */
	uint64_t last_seq;              /* stored: the highest in memory or done; else: the highest given */
	uint64_t noticed_seq;           /* stored: the highest that we were told of */
	struct store_position position; /* stored: of last_seq */
	uint64_t sent_seq;              /* stored: the highest that left the queue, and its place */
	struct store_position sent_position;
	uint64_t dup_below; /* stored: below this nobody knows what was sent before a restart */
	uint64_t last_packet_ms;
	struct publisher *publisher;
	struct inbound_set *inbound;
	struct alias_table *aliases;
	struct feed *feeds;
	uint64_t feed_left; /* messages in them */
	struct will *will;
	struct store_acknowledge *acks; /* collected in this turn */
	struct list acks_pending;       /* in hub.acks */
	uint64_t messages_in;
	uint64_t messages_out;
	uint64_t dropped;
	int64_t last_message_ms;
	int64_t connected_ms;
	uint32_t subscription_count;
	uint32_t queue_count;
	uint32_t queue_bytes;
	uint32_t inflight_count;
	uint32_t waiting_count; /* of them, those that wait to be sent again */
	uint32_t connection;    /* counts connections, so that an answer finds only the one that asked */
	uint32_t expiry_s;
	uint32_t packet_bytes_max; /* the client's; 0: none */
	uint32_t quota_in;         /* QoS > 0 unanswered on this connection (MQTT-3.3.4-9's other side) */
	uint16_t keep_alive_s;
	uint16_t receive_max; /* the client's */
	uint8_t version;
	uint8_t pause;
	bool no_problem_info;
	bool session_expiry_zero; /* CONNECT said 0: DISCONNECT may not say more */
	/*
	 * Somebody else is claiming the session: from the claim's call on, the store refuses our epoch, so the session
	 * stands still until the outcome is there.
	 */
	bool frozen;
	bool reading; /* from the store */
	bool behind;  /* the store has more than memory */
	bool feeding; /* retained messages are being queued: do not begin again */
	bool overdue; /* its keep alive is over, unless what waits at the socket says otherwise */
};

struct slot {
	struct session *session;
	uint32_t generation;
	uint32_t next_free;
};
#define SLOT_NONE UINT32_MAX

struct hub {
	struct engine *engine;
	struct wheel *wheel;
	struct map *sessions; /* client id -> session */
	struct map *connects; /* client id -> first hub_connect of a chain */
	struct slot *slots;
	uint32_t slot_count;
	uint32_t slot_cap;
	uint32_t free_slot;
	unsigned worker;
	uint64_t outstanding; /* store requests, connects, publish ops */
	struct list acks;     /* sessions with acknowledgements to submit */
	struct list blocked;  /* publishers that found a mailbox full */
	struct wheel_timer retry;
	struct publisher own; /* for wills and the broker's own messages */
	struct publish_op *spare;
	struct buf head; /* scratch for encoding */
	struct hub_counters counters;
	bool stopping;
};

/* --- engine.c --- */
uint64_t engine_rights(const struct engine *engine);
uint64_t hub_now_ms(const struct hub *hub);
int64_t hub_wall_ms(const struct hub *hub);
const struct store_ops *hub_store(const struct hub *hub, void **ctx);
/* Fills the common part of a request and counts it as outstanding. */
void hub_request(struct hub *hub, struct store_request *request, void (*run)(struct mail *mail, unsigned at));
/* The other end: notes the outcome. */
void hub_request_done(struct hub *hub, const struct store_request *request);

/* --- hub.c --- */
struct session *hub_find(struct hub *hub, struct session_handle handle); /* NULL: gone */
struct session *hub_find_name(const struct hub *hub, struct bytes client_id);
/* A detached, empty session under identity->client_id, which is free. Takes a reference. ERR_NOMEM, ERR_LIMIT. */
MUST_CHECK enum err hub_session_new(
	struct hub *hub, const struct session_identity *identity, struct session **out);

/* --- session.c --- */
struct mqtt_encode_options session_encode(const struct session *session);
bool session_connected(const struct session *session);
void session_send_head(struct session *session); /* hub.head, as a packet without payload */
void session_send_ack(struct session *session, enum mqtt_type type, uint16_t packet_id, uint8_t reason);
void session_pause(struct session *session, uint8_t why);
void session_resume(struct session *session, uint8_t why);
/* The link is there and is closed; then as session_detach(). The session may be gone afterwards. */
void session_close(struct session *session, uint8_t reason, bool disconnect, enum session_will will);
/* The link is gone. Will, expiry, or the end of the session. */
void session_detach(struct session *session, enum session_will will);
void session_rest(struct session *session);
/* Everything of it, in the store too; a will that still waits fires first (MQTT-3.1.2-8). NULL is fine. */
void session_end(struct session *session);
/* Frees what is in memory; the store keeps its part. */
void session_free(struct session *session);
/* Closes for a fault and answers ERR_CLOSED, for handlers to return. */
MUST_CHECK enum err session_refuse(struct session *session, uint8_t reason);
void session_arm_keep_alive(struct session *session);

/* --- session_in.c --- */
MUST_CHECK enum err session_on_publish(struct session *session, const struct mqtt_frame *frame);
MUST_CHECK enum err session_on_pubrel(struct session *session, const struct mqtt_ack_view *ack);
struct inbound *inbound_find(const struct session *session, uint16_t id);
MUST_CHECK enum err inbound_add(struct session *session, uint16_t id, enum inbound_state state);
void inbound_remove(struct session *session, struct inbound *inbound);
void aliases_free(struct alias_table *aliases);

/* --- publish.c --- */
struct publication {
	struct publisher *publisher; /* of a session or the hub's own */
	struct session *session;     /* NULL: the hub's own */
	struct message *message;     /* moved, also on failure */
	uint16_t packet_id;          /* 0: nobody to answer */
	uint16_t inbound_id;         /* to be kept by the store; 0: none */
};
/* Routes and either sends at once or queues behind a commit. ERR_NOMEM, ERR_LIMIT: nothing has been sent or will be. */
MUST_CHECK enum err publish(struct hub *hub, const struct publication *publication);
/* A message for one session only, through the store: retained messages of a lasting session. */
MUST_CHECK enum err publish_to_stored(
	struct session *session, struct message *message, uint8_t qos, uint32_t subscription_id);
MUST_CHECK enum err session_publisher(struct session *session, struct publisher **out);
void publisher_release(struct publisher *publisher); /* by its session; frees it now or when it is empty */
bool publisher_drain(struct publisher *publisher);   /* false: still blocked, or gone */
void publish_op_free(struct hub *hub, struct publish_op *op);

/* --- fanout.c --- */
/* Hands op's targets to their workers from op->sent on. ERR_LIMIT: a mailbox is full, call again. */
MUST_CHECK enum err fanout_send(struct publish_op *op);

/* --- deliver.c --- */
struct offer {
	struct message *message; /* borrowed */
	const uint32_t *ids;
	uint32_t id_count;
	uint64_t seq; /* of a stored target; 0: none */
	struct store_position position;
	uint8_t qos;
	bool retain;
	bool full;   /* the store had no room for it */
	bool stored; /* went through the store */
};
/* Never closes the session. */
void session_offer(struct session *session, const struct offer *offer);
bool session_backlog_full(const struct session *session);
void session_pump(struct session *session);
/* After CONNACK: unfinished deliveries go again, in order (MQTT-4.4.0-1). */
void session_resend(struct session *session);
void session_purge_queue(struct session *session); /* what is not sent yet */
void session_purge_all(struct session *session);
MUST_CHECK enum err session_on_puback(struct session *session, const struct mqtt_ack_view *ack);
MUST_CHECK enum err session_on_pubrec(struct session *session, const struct mqtt_ack_view *ack);
MUST_CHECK enum err session_on_pubcomp(struct session *session, const struct mqtt_ack_view *ack);
void delivery_released(struct session *session, uint64_t seq); /* the store has recorded its PUBREC */
void delivery_unreceived(struct session *session);             /* it has not */

/* --- acks.c --- */
/* Collects; submitted by hub_turn() or when full. Nothing for a session that is not stored. ERR_NOMEM. */
MUST_CHECK enum err acks_add(struct session *session, uint64_t seq, enum store_ack_kind kind);
void acks_submit(struct session *session);

/* --- subscribe.c --- */
MUST_CHECK enum err session_on_subscribe(struct session *session, const struct mqtt_frame *frame);
MUST_CHECK enum err session_on_unsubscribe(struct session *session, const struct mqtt_frame *frame);
/* On a resume from the store alone. */
MUST_CHECK enum err session_restore(struct session *session, const struct store_claim *claim);
void subscriptions_free(struct session *session);

/* --- feed.c --- */
/* The retained messages of a subscription, behind those of earlier ones. Best effort: without memory, none. */
MUST_CHECK enum err feed_add(struct session *session, const struct subscription *subscription);
void feeds_pump(struct session *session);
void feeds_free(struct session *session);
void feeds_cancel(struct session *session, const struct subscription *subscription);

/* --- will.c --- */
MUST_CHECK enum err will_new(
	const struct session_identity *identity, const struct mqtt_will_view *view, struct will **out);
void will_free(struct hub *hub, struct will *will);
/* The connection ended otherwise than by DISCONNECT: now, later, or not at all. */
void will_arm(struct session *session, enum session_will how);
void will_fire(struct session *session);
void will_drop(struct session *session);

#endif
