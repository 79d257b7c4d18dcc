/*
 * test_engine_router.c - goal: matching without recursion, merging, pruning; the same answer as the codec's own matcher.
 */
#include "broker/engine/router.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static bool yes(void *ctx, unsigned worker, const struct session_identity *identity, struct bytes filter)
{
	(void)ctx;
	(void)worker;
	(void)identity;
	(void)filter;
	return true;
}

static const struct hub_hooks hooks = {.may_subscribe = yes};

static struct subscription *add(struct router *router, struct bytes filter, uint32_t slot, uint8_t qos)
{
	struct subscription *subscription = NULL;
	REQUIRE("subscription", subscription_new(filter, &subscription) == ERR_OK);
	subscription->session = (struct session_handle){.worker = slot % 3, .slot = slot, .generation = 1};
	subscription->options = qos;
	REQUIRE("router_add", router_add(router, subscription) == ERR_OK);
	return subscription;
}

static size_t match(struct router *router, struct bytes topic, struct route *route)
{
	const struct route_query query = {.topic = topic, .hooks = &hooks, .rights = 1, .qos = 2};
	REQUIRE("router_match", router_match(router, 0, &query, route) == ERR_OK);
	return route->count;
}

/* A topic of 65,535 slashes (CVE-2019-11779): the router is asked directly, since the codec refuses it before. */
static void deep(struct router *router)
{
	uint8_t *topic = malloc(65535);
	struct route route = {0};
	REQUIRE("memory", topic != NULL);
	memset(topic, '/', 65535);
	struct subscription *all = add(router, bytes_text("#"), 1, 0);
	struct subscription *same = add(router, bytes_of(topic, 65535), 2, 1);
	CHECK("65535 slashes match # and themselves", match(router, bytes_of(topic, 65535), &route) == 2);
	CHECK("one less matches # alone", match(router, bytes_of(topic, 65534), &route) == 1);
	CHECK("one node per level", router_node_count(router) == 65537);
	router_remove(router, same);
	router_remove(router, all);
	CHECK("empty nodes are removed", router_node_count(router) == 0);
	free(same);
	free(all);
	free(topic);
	route_release(&route);
}

static void merge(struct router *router)
{
	static const char *const filters[] = {"a/#", "a/+", "a/b", "+/b", "#"};
	struct subscription *all[ARRAY_COUNT(filters)];
	struct route route = {0};
	for (size_t i = 0; i < ARRAY_COUNT(filters); i++) {
		all[i] = add(router, bytes_text(filters[i]), 5, (uint8_t)(i % 3));
		all[i]->id = (uint32_t)i + 1;
	}
	CHECK("MQTT-3.3.4-2 one target", match(router, bytes_text("a/b"), &route) == 1);
	CHECK("MQTT-3.3.4-2 the highest QoS", route.targets[0].qos == 2);
	CHECK("MQTT-3.3.4-4 every identifier", route.targets[0].id_count == ARRAY_COUNT(filters));
	CHECK("fewer match, fewer identifiers",
		match(router, bytes_text("c"), &route) == 1 && route.targets[0].id_count == 1);
	for (size_t i = 0; i < ARRAY_COUNT(filters); i++) {
		router_remove(router, all[i]);
		free(all[i]);
	}
	CHECK("empty again", router_node_count(router) == 0 && match(router, bytes_text("a/b"), &route) == 0);
	route_release(&route);
}

static uint32_t roll(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 10;
}

static void path_add(char *path, size_t room, const char *level, bool more)
{
	const size_t at = strlen(path);
	(void)snprintf(path + at, room - at, "%s%s", level, more ? "/" : "");
}

/* Random filters against random names: the tree and mqtt_topic_match() must agree on every pair. */
static void model(struct router *router)
{
	static const char *const levels[] = {"a", "b", "", "$c", "+", "#"};
	struct subscription *all[64] = {0};
	uint32_t state = 42;
	size_t count = 0;
	while (count < ARRAY_COUNT(all)) {
		char filter[64] = "";
		for (uint32_t depth = 1 + roll(&state) % 4; depth > 0; depth--) {
			path_add(filter, sizeof(filter), levels[roll(&state) % (depth == 1 ? 6 : 5)],
				depth > 1);
		}
		if (mqtt_topic_filter_valid(bytes_text(filter))) {
			all[count] = add(router, bytes_text(filter), (uint32_t)count, 0);
			count++;
		}
	}
	struct route route = {0};
	for (unsigned round = 0; round < 2000; round++) {
		char name[64] = "";
		for (uint32_t depth = 1 + roll(&state) % 4; depth > 0; depth--) {
			path_add(name, sizeof(name), levels[roll(&state) % 4], depth > 1);
		}
		size_t want = 0;
		if (!mqtt_topic_name_valid(bytes_text(name))) {
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			want += mqtt_topic_match(subscription_filter(all[i]), bytes_text(name));
		}
		CHECK(name, match(router, bytes_text(name), &route) == want);
	}
	for (size_t i = 0; i < count; i++) {
		router_remove(router, all[i]);
		free(all[i]);
	}
	CHECK("empty at the end", router_node_count(router) == 0);
	route_release(&route);
}

/* The Nth allocation fails: nothing is left behind, and no match is half a match. */
static void starve(struct router *router)
{
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		struct subscription *subscription = NULL;
		struct route route = {0};
		const struct route_query query = {
			.topic = bytes_text("x/y/z"), .hooks = &hooks, .rights = 1, .qos = 2};
		test_alloc_fail_at(n);
		enum err err = subscription_new(bytes_text("x/y/#"), &subscription);
		if (err == ERR_OK) {
			subscription->session = (struct session_handle){.slot = 9, .generation = 1};
			subscription->id = 3;
			err = router_add(router, subscription);
		}
		if (err == ERR_OK) {
			err = router_match(router, 0, &query, &route);
		}
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("ERR_NOMEM exactly when it failed", failed == (err == ERR_NOMEM));
		CHECK("a whole route or none", err != ERR_OK || route.count == 1);
		if (subscription != NULL) {
			router_remove(router, subscription);
		}
		free(subscription);
		route_release(&route);
		CHECK("nothing left behind", router_node_count(router) == 0);
	}
}

int main(void)
{
	struct router *router = NULL;
	REQUIRE("router", router_new(3, &router) == ERR_OK);
	starve(router);
	merge(router);
	model(router);
	deep(router);
	router_free(router);
	return test_result();
}
