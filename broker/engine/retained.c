/*
 * retained.c - a tree of topic names; a filter walks it by a frontier, '#' by the siblings' links.
 * Never:   recurses, or removes a node while a walk stands on it.
 * Threads: any; the lock is taken in the public functions, *_locked and below expect it held.
 */
#include "broker/engine/retained.h"

#include <pthread.h>
#include <stdlib.h>

#include "broker/engine/message.h"
#include "broker/engine/tree.h"

struct retained {
	pthread_mutex_t lock;
	struct tree tree;
	struct node_set frontier; /* scratch for one walk, as the next two */
	struct node_set next;
	struct retained_match expired;
	uint32_t count;
	uint32_t count_max;
	uint64_t bytes;
	uint64_t bytes_max;
};

enum err retained_new(uint32_t count_max, uint64_t bytes_max, struct retained **out)
{
	*out = NULL;
	struct retained *retained = calloc(1, sizeof(*retained));
	if (retained == NULL) {
		return ERR_NOMEM;
	}
	enum err err = tree_init(&retained->tree);
	if (err == ERR_OK && pthread_mutex_init(&retained->lock, NULL) != 0) {
		tree_deinit(&retained->tree);
		err = ERR_NOMEM;
	}
	if (err != ERR_OK) {
		free(retained);
		return err;
	}
	retained->count_max = count_max;
	retained->bytes_max = bytes_max;
	*out = retained;
	return ERR_OK;
}

void retained_free(struct retained *retained)
{
	if (retained == NULL) {
		return;
	}
	for (struct tree_node *at = retained->tree.root; at != NULL;
		at = tree_walk(retained->tree.root, at)) {
		message_unref(at->retained);
	}
	tree_deinit(&retained->tree);
	free(retained->frontier.nodes);
	free(retained->next.nodes);
	retained_match_release(&retained->expired);
	(void)pthread_mutex_destroy(&retained->lock);
	free(retained);
}

static void forget(struct retained *retained, struct tree_node *node)
{
	retained->count--;
	retained->bytes -= message_bytes(node->retained);
	message_unref(node->retained);
	node->retained = NULL;
}

static void remove_topic(struct retained *retained, struct bytes topic)
{
	struct tree_node *node = tree_find(&retained->tree, topic);
	if (node != NULL && node->retained != NULL) {
		forget(retained, node);
		tree_prune(&retained->tree, node);
	}
}

static enum err put_topic(struct retained *retained, struct message *message)
{
	struct tree_node *node = NULL;
	enum err err = tree_make(&retained->tree, message_topic(message), &node);
	if (err != ERR_OK) {
		return err;
	}
	const bool fresh = node->retained == NULL;
	const uint64_t without = retained->bytes - (fresh ? 0 : message_bytes(node->retained));
	if ((fresh && retained->count >= retained->count_max) ||
		message_bytes(message) > retained->bytes_max - without) {
		if (!fresh) {
			forget(retained, node); /* it is no longer what the topic says last (MQTT-3.3.1-5) */
		}
		tree_prune(&retained->tree, node);
		return ERR_LIMIT;
	}
	if (!fresh) {
		forget(retained, node);
	}
	node->retained = message_ref(message);
	retained->count++;
	retained->bytes += message_bytes(message);
	return ERR_OK;
}

/* MQTT-3.3.1-5; an empty payload removes and is never kept (MQTT-3.3.1-7; 3.1.1 MQTT-3.3.1-10, MQTT-3.3.1-11). */
enum err retained_set(struct retained *retained, struct message *message)
{
	enum err err = ERR_OK;
	(void)pthread_mutex_lock(&retained->lock);
	if (message_payload(message).len == 0) {
		remove_topic(retained, message_topic(message));
	} else {
		err = put_topic(retained, message);
	}
	(void)pthread_mutex_unlock(&retained->lock);
	return err;
}

static enum err list_add(struct retained_match *out, struct message *message)
{
	if (out->count == out->cap) {
		const size_t cap = out->cap == 0 ? 4 : out->cap * 2;
		struct message **messages = realloc(out->messages, cap * sizeof(struct message *));
		if (messages == NULL) {
			return ERR_NOMEM;
		}
		out->messages = messages;
		out->cap = cap;
	}
	out->messages[out->count++] = message_ref(message);
	return ERR_OK;
}

static enum err match_add(
	struct retained *retained, struct tree_node *node, uint64_t now_ms, struct retained_match *out)
{
	bool has_expiry = false;
	uint32_t left_s = 0;
	if (node->retained == NULL) {
		return ERR_OK;
	}
	if (!message_alive(node->retained, now_ms, &has_expiry, &left_s)) {
		return list_add(&retained->expired, node->retained);
	}
	return list_add(out, node->retained);
}

/* Below top and top itself; on the first level what begins with '$' is left out (MQTT-4.7.2-1). */
static enum err match_all_below(
	struct retained *retained, struct tree_node *top, uint64_t now_ms, struct retained_match *out)
{
	enum err err = ERR_OK;
	struct tree_node *root = retained->tree.root;
	for (struct tree_node *at = top; err == ERR_OK && at != NULL;) {
		if (top == root && at->parent == root && at->level_len > 0 && at->level[0] == '$') {
			at = at->next_sibling; /* past its whole branch; behind the last one is the end */
			continue;
		}
		err = match_add(retained, at, now_ms, out);
		at = tree_walk(top, at);
	}
	return err;
}

static enum err step_children(struct retained *retained, struct tree_node *node)
{
	enum err err = ERR_OK;
	for (struct tree_node *child = node->first_child; err == ERR_OK && child != NULL;
		child = child->next_sibling) {
		if (node->parent == NULL && child->level_len > 0 && child->level[0] == '$') {
			continue; /* MQTT-4.7.2-1 */
		}
		err = node_set_add(&retained->next, child);
	}
	return err;
}

static enum err step(struct retained *retained, struct tree_node *node, struct bytes level, uint64_t now_ms,
	struct retained_match *out)
{
	if (bytes_equal_text(level, "#")) {
		return match_all_below(retained, node, now_ms, out);
	}
	if (bytes_equal_text(level, "+")) {
		return step_children(retained, node);
	}
	struct tree_node *child =
		tree_child(&retained->tree, node, level, tree_level_hash(&retained->tree, level));
	return child == NULL ? ERR_OK : node_set_add(&retained->next, child);
}

static enum err find_locked(
	struct retained *retained, struct bytes filter, uint64_t now_ms, struct retained_match *out)
{
	retained->frontier.count = 0;
	enum err err = node_set_add(&retained->frontier, retained->tree.root);
	struct mqtt_levels levels = mqtt_levels_init(filter);
	struct bytes level;
	while (err == ERR_OK && retained->frontier.count > 0 && mqtt_levels_next(&levels, &level)) {
		retained->next.count = 0;
		for (size_t i = 0; err == ERR_OK && i < retained->frontier.count; i++) {
			err = step(retained, retained->frontier.nodes[i], level, now_ms, out);
		}
		const struct node_set swap = retained->frontier;
		retained->frontier = retained->next;
		retained->next = swap;
	}
	for (size_t i = 0; err == ERR_OK && i < retained->frontier.count; i++) {
		err = match_add(retained, retained->frontier.nodes[i], now_ms, out);
	}
	return err;
}

enum err retained_find(
	struct retained *retained, struct bytes filter, uint64_t now_ms, struct retained_match *out)
{
	*out = (struct retained_match){0};
	(void)pthread_mutex_lock(&retained->lock);
	enum err err = find_locked(retained, filter, now_ms, out);
	/* Only now: removing a node under a walk would pull the ground from under it. */
	for (size_t i = 0; i < retained->expired.count; i++) {
		remove_topic(retained, message_topic(retained->expired.messages[i]));
	}
	retained_match_release(&retained->expired);
	(void)pthread_mutex_unlock(&retained->lock);
	if (err != ERR_OK) {
		retained_match_release(out);
	}
	return err;
}

void retained_match_release(struct retained_match *match)
{
	for (size_t i = 0; i < match->count; i++) {
		message_unref(match->messages[i]);
	}
	free(match->messages);
	*match = (struct retained_match){0};
}

void retained_usage(struct retained *retained, uint32_t *count, uint64_t *bytes)
{
	(void)pthread_mutex_lock(&retained->lock);
	*count = retained->count;
	*bytes = retained->bytes;
	(void)pthread_mutex_unlock(&retained->lock);
}
