/*
 * tree.c - nodes by (parent, level) in one hash table, so that a wide level costs no more than a narrow one.
 * Owns:    the nodes.
 */
#include "broker/engine/tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/map.h"
#include "mqtt/mqtt.h"

#define TREE_BUCKETS_MIN 64u

static struct tree_node *node_new(struct bytes level)
{
	struct tree_node *node = calloc(1, sizeof(*node) + level.len);
	if (node != NULL) {
		list_init(&node->subscriptions);
		node->level_len = (uint32_t)level.len;
		if (level.len > 0) {
			memcpy(node->level, level.data, level.len);
		}
	}
	return node;
}

enum err tree_init(struct tree *tree)
{
	*tree = (struct tree){.bucket_count = TREE_BUCKETS_MIN, .next_id = 1};
	enum err err = crypto_random(tree->key, sizeof(tree->key));
	if (err != ERR_OK) {
		return err;
	}
	tree->buckets = calloc(tree->bucket_count, sizeof(*tree->buckets));
	tree->root = node_new(BYTES_NONE);
	if (tree->buckets == NULL || tree->root == NULL) {
		tree_deinit(tree);
		return ERR_NOMEM;
	}
	return ERR_OK;
}

void tree_deinit(struct tree *tree)
{
	for (size_t i = 0; tree->buckets != NULL && i < tree->bucket_count; i++) {
		struct tree_node *node = tree->buckets[i];
		while (node != NULL) {
			struct tree_node *next = node->hash_next;
			free(node);
			node = next;
		}
	}
	free(tree->buckets);
	free(tree->root);
	*tree = (struct tree){0};
}

uint64_t tree_level_hash(const struct tree *tree, struct bytes level)
{
	return siphash(tree->key, level);
}

/* Ids are never reused, so the sum spreads one level's children of many parents; the key hides the rest. */
static size_t bucket_of(const struct tree *tree, uint64_t parent_id, uint64_t level_hash)
{
	uint64_t mixed =
		(level_hash ^ (parent_id * UINT64_C(0x9E3779B97F4A7C15))) * UINT64_C(0xFF51AFD7ED558CCD);
	return (size_t)(mixed >> 32) & (tree->bucket_count - 1);
}

struct tree_node *tree_child(
	const struct tree *tree, const struct tree_node *parent, struct bytes level, uint64_t level_hash)
{
	struct tree_node *node = tree->buckets[bucket_of(tree, parent->id, level_hash)];
	for (; node != NULL; node = node->hash_next) {
		if (node->parent == parent && node->level_hash == level_hash &&
			bytes_equal(bytes_of(node->level, node->level_len), level)) {
			return node;
		}
	}
	return NULL;
}

/* Best effort: a table that cannot grow is slow, not wrong. */
static void tree_grow(struct tree *tree)
{
	if (tree->node_count < tree->bucket_count || tree->bucket_count > SIZE_MAX / 4 / sizeof(void *)) {
		return;
	}
	struct tree bigger = *tree;
	bigger.bucket_count = tree->bucket_count * 2;
	bigger.buckets = calloc(bigger.bucket_count, sizeof(*bigger.buckets));
	if (bigger.buckets == NULL) {
		return;
	}
	for (size_t i = 0; i < tree->bucket_count; i++) {
		struct tree_node *node = tree->buckets[i];
		while (node != NULL) {
			struct tree_node *next = node->hash_next;
			struct tree_node **bucket =
				&bigger.buckets[bucket_of(&bigger, node->parent->id, node->level_hash)];
			node->hash_next = *bucket;
			*bucket = node;
			node = next;
		}
	}
	free(tree->buckets);
	tree->buckets = bigger.buckets;
	tree->bucket_count = bigger.bucket_count;
}

static struct tree_node *node_add(
	struct tree *tree, struct tree_node *parent, struct bytes level, uint64_t level_hash)
{
	struct tree_node *node = node_new(level);
	if (node == NULL) {
		return NULL;
	}
	tree_grow(tree);
	node->parent = parent;
	node->id = tree->next_id++;
	node->level_hash = level_hash;
	node->next_sibling = parent->first_child;
	if (parent->first_child != NULL) {
		parent->first_child->prev_sibling = node;
	}
	parent->first_child = node;
	struct tree_node **bucket = &tree->buckets[bucket_of(tree, parent->id, level_hash)];
	node->hash_next = *bucket;
	*bucket = node;
	tree->node_count++;
	if (bytes_equal_text(level, "+")) {
		parent->plus = node;
	} else if (bytes_equal_text(level, "#")) {
		parent->hash = node;
	}
	return node;
}

struct tree_node *tree_find(const struct tree *tree, struct bytes path)
{
	struct tree_node *node = tree->root;
	struct mqtt_levels levels = mqtt_levels_init(path);
	struct bytes level;
	while (node != NULL && mqtt_levels_next(&levels, &level)) {
		node = tree_child(tree, node, level, tree_level_hash(tree, level));
	}
	return node;
}

enum err tree_make(struct tree *tree, struct bytes path, struct tree_node **out)
{
	struct tree_node *node = tree->root;
	struct mqtt_levels levels = mqtt_levels_init(path);
	struct bytes level;
	while (mqtt_levels_next(&levels, &level)) {
		const uint64_t level_hash = tree_level_hash(tree, level);
		struct tree_node *child = tree_child(tree, node, level, level_hash);
		if (child == NULL) {
			child = node_add(tree, node, level, level_hash);
		}
		if (child == NULL) {
			tree_prune(tree, node);
			return ERR_NOMEM;
		}
		node = child;
	}
	*out = node;
	return ERR_OK;
}

static void node_remove(struct tree *tree, struct tree_node *node)
{
	struct tree_node *parent = node->parent;
	struct tree_node **link = &tree->buckets[bucket_of(tree, parent->id, node->level_hash)];
	while (*link != node) {
		link = &(*link)->hash_next;
	}
	*link = node->hash_next;
	if (node->prev_sibling != NULL) {
		node->prev_sibling->next_sibling = node->next_sibling;
	} else {
		parent->first_child = node->next_sibling;
	}
	if (node->next_sibling != NULL) {
		node->next_sibling->prev_sibling = node->prev_sibling;
	}
	if (parent->plus == node) {
		parent->plus = NULL;
	}
	if (parent->hash == node) {
		parent->hash = NULL;
	}
	tree->node_count--;
	free(node);
}

void tree_prune(struct tree *tree, struct tree_node *node)
{
	while (node->parent != NULL && node->first_child == NULL && node->retained == NULL &&
		list_empty(&node->subscriptions)) {
		struct tree_node *parent = node->parent;
		node_remove(tree, node);
		node = parent;
	}
}

struct tree_node *tree_walk(const struct tree_node *top, struct tree_node *at)
{
	if (at->first_child != NULL) {
		return at->first_child;
	}
	while (at != top) {
		if (at->next_sibling != NULL) {
			return at->next_sibling;
		}
		at = at->parent;
	}
	return NULL;
}

enum err node_set_add(struct node_set *set, struct tree_node *node)
{
	if (set->count == set->cap) {
		const size_t cap = set->cap == 0 ? 16 : set->cap * 2;
		struct tree_node **nodes = realloc(set->nodes, cap * sizeof(struct tree_node *));
		if (nodes == NULL) {
			return ERR_NOMEM;
		}
		set->nodes = nodes;
		set->cap = cap;
	}
	set->nodes[set->count++] = node;
	return ERR_OK;
}
