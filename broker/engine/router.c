/*
 * router.c - matching by a frontier that moves down level by level: no recursion, however deep the topic.
 * Owns:    the tree's nodes and each worker's scratch.
 * Threads: see router.h; *_locked expects every lock held.
 */
#include "broker/engine/router.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One per worker, padded so that two workers never share a cache line. */
struct reader {
	pthread_mutex_t lock;
	struct node_set frontier;
	struct node_set next;
	struct node_set found;
	uint8_t pad[64];
};

struct router {
	struct tree tree;
	atomic_uint_fast64_t version; /* of the tree; read without a lock */
	unsigned workers;
	struct reader readers[];
};

bool session_handle_equal(struct session_handle a, struct session_handle b)
{
	return a.worker == b.worker && a.slot == b.slot && a.generation == b.generation;
}

enum err subscription_new(struct bytes filter, struct subscription **out)
{
	struct subscription *subscription = calloc(1, sizeof(*subscription) + filter.len);
	if (subscription == NULL) {
		return ERR_NOMEM;
	}
	list_init(&subscription->at_node);
	atomic_init(&subscription->judged, 0);
	subscription->filter_len = filter.len;
	if (filter.len > 0) {
		memcpy(subscription->filter, filter.data, filter.len);
	}
	*out = subscription;
	return ERR_OK;
}

struct bytes subscription_filter(const struct subscription *subscription)
{
	return bytes_of(subscription->filter, subscription->filter_len);
}

void route_release(struct route *route)
{
	free(route->targets);
	free(route->ids);
	*route = (struct route){0};
}

enum err router_new(unsigned workers, struct router **out)
{
	*out = NULL;
	struct router *router = calloc(1, sizeof(*router) + workers * sizeof(struct reader));
	if (router == NULL) {
		return ERR_NOMEM;
	}
	enum err err = tree_init(&router->tree);
	if (err != ERR_OK) {
		free(router);
		return err;
	}
	atomic_init(&router->version, 1);
	for (; router->workers < workers; router->workers++) {
		if (pthread_mutex_init(&router->readers[router->workers].lock, NULL) != 0) {
			router_free(router);
			return ERR_NOMEM;
		}
	}
	*out = router;
	return ERR_OK;
}

void router_free(struct router *router)
{
	if (router == NULL) {
		return;
	}
	for (unsigned i = 0; i < router->workers; i++) {
		struct reader *reader = &router->readers[i];
		(void)pthread_mutex_destroy(&reader->lock);
		free(reader->frontier.nodes);
		free(reader->next.nodes);
		free(reader->found.nodes);
	}
	tree_deinit(&router->tree);
	free(router);
}

void router_read_begin(struct router *router, unsigned worker)
{
	(void)pthread_mutex_lock(&router->readers[worker].lock);
}

void router_read_end(struct router *router, unsigned worker)
{
	(void)pthread_mutex_unlock(&router->readers[worker].lock);
}

/* All in ascending order: two writers cannot hold each other up. */
static void write_begin(struct router *router)
{
	for (unsigned i = 0; i < router->workers; i++) {
		router_read_begin(router, i);
	}
}

static void write_end(struct router *router)
{
	for (unsigned i = router->workers; i > 0; i--) {
		router_read_end(router, i - 1);
	}
}

/* --- matching --- */

static enum err found_add(struct reader *reader, struct tree_node *node)
{
	if (node == NULL || list_empty(&node->subscriptions)) {
		return ERR_OK;
	}
	return node_set_add(&reader->found, node);
}

static enum err frontier_step(struct router *router, struct reader *reader, struct tree_node *node,
	struct bytes level, uint64_t level_hash, bool wild)
{
	enum err err = ERR_OK;
	if (wild) {
		err = found_add(reader, node->hash);
	}
	if (err == ERR_OK && wild && node->plus != NULL) {
		err = node_set_add(&reader->next, node->plus);
	}
	struct tree_node *child = tree_child(&router->tree, node, level, level_hash);
	if (err == ERR_OK && child != NULL) {
		err = node_set_add(&reader->next, child);
	}
	return err;
}

/* Every node whose subscriptions match, into reader->found. Who is not found here is sent nothing (MQTT-3.3.2-3). */
static enum err nodes_match(struct router *router, struct reader *reader, struct bytes topic)
{
	reader->found.count = 0;
	reader->frontier.count = 0;
	enum err err = node_set_add(&reader->frontier, router->tree.root);
	/* MQTT-4.7.2-1: a wildcard in front never matches a name that begins with '$'. */
	bool wild = topic.len == 0 || topic.data[0] != '$';
	struct mqtt_levels levels = mqtt_levels_init(topic);
	struct bytes level;
	while (err == ERR_OK && reader->frontier.count > 0 && mqtt_levels_next(&levels, &level)) {
		const uint64_t level_hash = tree_level_hash(&router->tree, level);
		reader->next.count = 0;
		for (size_t i = 0; err == ERR_OK && i < reader->frontier.count; i++) {
			err = frontier_step(
				router, reader, reader->frontier.nodes[i], level, level_hash, wild);
		}
		const struct node_set swap = reader->frontier;
		reader->frontier = reader->next;
		reader->next = swap;
		wild = true;
	}
	for (size_t i = 0; err == ERR_OK && i < reader->frontier.count; i++) {
		err = found_add(reader, reader->frontier.nodes[i]);
		if (err == ERR_OK) {
			/* "sport/#" also matches "sport" (4.7.1.2). */
			err = found_add(reader, reader->frontier.nodes[i]->hash);
		}
	}
	return err;
}

/* Asks authority again only if rights may have changed since the last answer, and remembers the answer. */
static bool still_allowed(struct subscription *subscription, const struct route_query *query, unsigned worker)
{
	uint64_t judged = atomic_load_explicit(&subscription->judged, memory_order_relaxed);
	if (judged >> 1 != query->rights) {
		const bool allowed = query->hooks->may_subscribe(
			query->hooks->ctx, worker, subscription->identity, subscription_filter(subscription));
		judged = query->rights << 1 | (allowed ? 1u : 0u);
		atomic_store_explicit(&subscription->judged, judged, memory_order_relaxed);
	}
	return (judged & 1u) != 0;
}

static enum err route_add_target(struct route *route, const struct route_target *target)
{
	if (route->count == route->cap) {
		const size_t cap = route->cap == 0 ? 8 : route->cap * 2;
		struct route_target *targets = realloc(route->targets, cap * sizeof(*targets));
		if (targets == NULL) {
			return ERR_NOMEM;
		}
		route->targets = targets;
		route->cap = cap;
	}
	route->targets[route->count++] = *target;
	return ERR_OK;
}

static enum err route_add_id(struct route *route, uint32_t id, uint32_t *at)
{
	if (route->id_count == route->id_cap) {
		const size_t cap = route->id_cap == 0 ? 8 : route->id_cap * 2;
		uint32_t *ids = realloc(route->ids, cap * sizeof(*ids));
		if (ids == NULL) {
			return ERR_NOMEM;
		}
		route->ids = ids;
		route->id_cap = cap;
	}
	*at = (uint32_t)route->id_count;
	route->ids[route->id_count++] = id;
	return ERR_OK;
}

static enum err match_one(struct subscription *subscription, const struct route_query *query, unsigned worker,
	struct route *route)
{
	if (subscription->stamp <= query->newer_than ||
		((subscription->options & SUB_NO_LOCAL) != 0 && query->publisher.generation != 0 &&
			session_handle_equal(subscription->session, query->publisher)) ||
		!still_allowed(subscription, query, worker)) {
		return ERR_OK;
	}
	const uint8_t granted = subscription->options & SUB_QOS_MASK;
	struct route_target target = {.session = subscription->session,
		.store_id = subscription->store_id,
		.qos = granted < query->qos ? granted : query->qos, /* MQTT-3.8.4-8 */
		.retain = query->retain && (subscription->options & SUB_RETAIN_AS_PUBLISHED) !=
						   0}; /* MQTT-3.3.1-12, MQTT-3.3.1-13 */
	if (subscription->id != 0) {
		enum err err = route_add_id(route, subscription->id, &target.id_first);
		if (err != ERR_OK) {
			return err;
		}
		target.id_count = 1;
	}
	return route_add_target(route, &target);
}

static int target_order(const void *left, const void *right)
{
	const struct session_handle *a = &((const struct route_target *)left)->session;
	const struct session_handle *b = &((const struct route_target *)right)->session;
	if (a->worker != b->worker) {
		return a->worker < b->worker ? -1 : 1;
	}
	if (a->slot != b->slot) {
		return a->slot < b->slot ? -1 : 1;
	}
	return a->generation < b->generation ? -1 : a->generation > b->generation;
}

/*
 * One target per session at the highest QoS (MQTT-3.3.4-2, 3.1.1 MQTT-3.3.5-1), with the identifiers of all its matches
 * (MQTT-3.3.4-3, MQTT-3.3.4-4).
 */
static enum err route_merge(struct route *route)
{
	size_t kept = 0;
	for (size_t i = 0; i < route->count;) {
		struct route_target merged = route->targets[i];
		size_t end = i + 1;
		while (end < route->count &&
			session_handle_equal(route->targets[end].session, merged.session)) {
			end++;
		}
		if (end > i + 1) {
			merged.id_count = 0;
			for (size_t j = i; j < end; j++) {
				const struct route_target *one = &route->targets[j];
				merged.qos = one->qos > merged.qos ? one->qos : merged.qos;
				merged.retain = merged.retain || one->retain;
				uint32_t at = 0;
				if (one->id_count > 0) {
					enum err err = route_add_id(route, route->ids[one->id_first], &at);
					if (err != ERR_OK) {
						return err;
					}
					merged.id_first = merged.id_count == 0 ? at : merged.id_first;
					merged.id_count++;
				}
			}
		}
		route->targets[kept++] = merged;
		i = end;
	}
	route->count = kept;
	return ERR_OK;
}

enum err router_match(
	struct router *router, unsigned worker, const struct route_query *query, struct route *route)
{
	struct reader *reader = &router->readers[worker];
	route->count = 0;
	route->id_count = 0;
	router_read_begin(router, worker);
	route->version = atomic_load_explicit(&router->version, memory_order_relaxed);
	enum err err = nodes_match(router, reader, query->topic);
	for (size_t i = 0; err == ERR_OK && i < reader->found.count; i++) {
		LIST_FOR_EACH(item, &reader->found.nodes[i]->subscriptions)
		{
			err = match_one(
				CONTAINER_OF(item, struct subscription, at_node), query, worker, route);
			if (err != ERR_OK) {
				break;
			}
		}
	}
	router_read_end(router, worker);
	if (err == ERR_OK && route->count > 1) {
		qsort(route->targets, route->count, sizeof(*route->targets), target_order);
		err = route_merge(route);
	}
	return err;
}

enum err route_single(struct route *route, struct session_handle session, uint64_t store_id, uint8_t qos,
	uint32_t subscription_id)
{
	struct route_target target = {.session = session, .store_id = store_id, .qos = qos, .retain = true};
	route->count = 0;
	route->id_count = 0;
	if (subscription_id != 0) {
		enum err err = route_add_id(route, subscription_id, &target.id_first);
		if (err != ERR_OK) {
			return err;
		}
		target.id_count = 1;
	}
	return route_add_target(route, &target);
}

/* --- changing --- */

enum err router_add(struct router *router, struct subscription *subscription)
{
	write_begin(router);
	struct tree_node *node = NULL;
	enum err err = tree_make(&router->tree, subscription_filter(subscription), &node);
	if (err == ERR_OK) {
		subscription->stamp = atomic_load(&router->version) + 1;
		atomic_store(&router->version, subscription->stamp);
		subscription->node = node;
		list_push_back(&node->subscriptions, &subscription->at_node);
	}
	write_end(router);
	return err;
}

void router_change(struct router *router, struct subscription *subscription, uint8_t options, uint32_t id,
	uint64_t judged)
{
	write_begin(router);
	subscription->options = options;
	subscription->id = id;
	atomic_store(&subscription->judged, judged);
	write_end(router);
}

void router_identify(
	struct router *router, struct subscription *first, const struct session_identity *identity)
{
	if (first == NULL) {
		return;
	}
	write_begin(router);
	for (; first != NULL; first = first->next_of_session) {
		first->identity = identity;
		atomic_store(&first->judged, 0); /* another identity, another answer */
	}
	write_end(router);
}

static void remove_locked(struct router *router, struct subscription *subscription)
{
	if (subscription->node == NULL) {
		return;
	}
	struct tree_node *node = subscription->node;
	subscription->node = NULL;
	list_remove(&subscription->at_node);
	tree_prune(&router->tree, node);
}

void router_remove(struct router *router, struct subscription *subscription)
{
	write_begin(router);
	remove_locked(router, subscription);
	write_end(router);
}

void router_remove_all(struct router *router, struct subscription *first)
{
	if (first == NULL) {
		return; /* the many sessions without subscriptions disturb nobody */
	}
	write_begin(router);
	for (; first != NULL; first = first->next_of_session) {
		remove_locked(router, first);
	}
	write_end(router);
}

size_t router_node_count(struct router *router)
{
	router_read_begin(router, 0);
	const size_t count = router->tree.node_count;
	router_read_end(router, 0);
	return count;
}

uint64_t router_version(struct router *router)
{
	return atomic_load_explicit(&router->version, memory_order_relaxed);
}
