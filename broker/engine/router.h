/*
 * router.h - which sessions get a message: one tree of all subscriptions, read by every worker.
 * Owns:    the tree and its locks. A subscription belongs to its session's hub.
 * Never:   calls a session; it names targets by (worker, slot, generation), which may be gone when they are reached.
 * Threads: each worker reads under a lock of its own, which nobody contends but a writer; a writer takes them all.
 */
#ifndef LOCKGATE_BROKER_ENGINE_ROUTER_H
#define LOCKGATE_BROKER_ENGINE_ROUTER_H

#include <stdatomic.h>

#include "broker/engine/engine.h"
#include "broker/engine/tree.h"

/* Names a session across workers. A slot is reused, a (slot, generation) is not. */
struct session_handle {
	uint32_t worker;
	uint32_t slot;
	uint32_t generation; /* 0: no session at all */
};
bool session_handle_equal(struct session_handle a, struct session_handle b);

/* Subscription options as on the wire, MQTT 5 3.8.3.1. */
#define SUB_QOS_MASK            0x03u
#define SUB_NO_LOCAL            0x04u
#define SUB_RETAIN_AS_PUBLISHED 0x08u
#define SUB_RETAIN_SHIFT        4u

struct subscription {
	struct list at_node;
	struct tree_node *node; /* NULL: not in the router */
	struct subscription *next_of_session;
	const struct session_identity
		*identity; /* borrowed from the session, which outlives its subscriptions */
	struct session_handle session;
	uint64_t store_id;           /* of a lasting session; 0: none */
	atomic_uint_fast64_t judged; /* rights generation << 1 | still allowed */
	uint64_t stamp;              /* router version when it was added */
	uint32_t id;                 /* subscription identifier; 0: none */
	uint8_t options;
	size_t filter_len;
	char filter[];
};

/* Heap; filter is copied. */
MUST_CHECK enum err subscription_new(struct bytes filter, struct subscription **out);
struct bytes subscription_filter(const struct subscription *subscription);

struct route_target {
	struct session_handle session;
	uint64_t store_id; /* not 0 and qos not 0: goes through the store */
	uint32_t id_first; /* into route.ids */
	uint32_t id_count;
	uint8_t qos;
	bool retain; /* the flag it goes out with (MQTT-3.3.1-12, -13) */
};
struct route {
	struct route_target *targets; /* in order of worker */
	size_t count;
	size_t cap;
	uint32_t *ids;
	size_t id_count;
	size_t id_cap;
	uint64_t version; /* of the router when it was asked */
};
void route_release(struct route *route); /* frees; a zeroed one is fine */

struct route_query {
	struct bytes topic;
	struct session_handle publisher; /* for No Local (MQTT-3.8.3-3); generation 0: none */
	const struct hub_hooks *hooks;
	uint64_t rights;
	uint64_t newer_than; /* only subscriptions added after this version; 0: all */
	uint8_t qos;
	bool retain;
};

struct router;
MUST_CHECK enum err router_new(unsigned workers, struct router **out);
void router_free(struct router *router); /* every subscription has been removed */

/* Around reading; not nested. Held for one match at a time. */
void router_read_begin(struct router *router, unsigned worker);
void router_read_end(struct router *router, unsigned worker);

/*
 * Fills route, whose arrays are reused. A subscription whose rights were judged under another generation is judged
 * again here, so that withdrawn rights stop delivery to live and absent sessions alike. Several subscriptions of one
 * session give one target: the highest QoS, all identifiers (MQTT-3.3.4-2, -4). ERR_NOMEM: nothing may be sent.
 */
MUST_CHECK enum err router_match(
	struct router *router, unsigned worker, const struct route_query *query, struct route *route);

/* A route to one session, for a retained message (its flag is set). */
MUST_CHECK enum err route_single(struct route *route, struct session_handle session, uint64_t store_id,
	uint8_t qos, uint32_t subscription_id);

/* Adds (identity, session, options, id … already set). ERR_NOMEM. */
MUST_CHECK enum err router_add(struct router *router, struct subscription *subscription);
/* New options and identifier under the same filter: nothing is lost in between (MQTT-3.8.4-4). */
void router_change(struct router *router, struct subscription *subscription, uint8_t options, uint32_t id,
	uint64_t judged);
/* Another connection, another identity: for the whole list, before the old one may go. */
void router_identify(
	struct router *router, struct subscription *first, const struct session_identity *identity);
void router_remove(struct router *router, struct subscription *subscription); /* not added: fine */
/* The whole list of a session under one taking of the locks. */
void router_remove_all(struct router *router, struct subscription *first);
size_t router_node_count(struct router *router); /* for tests: empty nodes are removed */
uint64_t router_version(struct router *router);

#endif
