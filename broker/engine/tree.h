/*
 * tree.h - topic levels as a tree: where subscriptions hang (by filter) and retained messages lie (by name).
 * Owns:    the nodes. What hangs on them is the user's.
 * Never:   recurses; a peer chooses the depth.
 * Threads: none of its own; its user locks.
 */
#ifndef LOCKGATE_BROKER_ENGINE_TREE_H
#define LOCKGATE_BROKER_ENGINE_TREE_H

#include "base/bytes.h"
#include "base/list.h"

struct message;

struct tree_node {
	struct tree_node *parent; /* NULL: the root */
	struct tree_node *first_child;
	struct tree_node *prev_sibling;
	struct tree_node *next_sibling;
	struct tree_node *hash_next;
	struct tree_node *plus; /* the children "+" and "#", for matching; NULL: none */
	struct tree_node *hash;
	uint64_t id;
	uint64_t level_hash;
	struct list subscriptions; /* the router's */
	struct message *retained;  /* the retained store's */
	uint32_t level_len;
	uint8_t level[];
};

struct tree {
	struct tree_node *root;
	struct tree_node **buckets;
	size_t bucket_count; /* a power of two */
	size_t node_count;   /* without the root */
	uint64_t next_id;
	uint8_t key[16]; /* so that no peer can choose colliding levels */
};

MUST_CHECK enum err tree_init(struct tree *tree);
void tree_deinit(struct tree *tree); /* frees all nodes; a zeroed tree is fine */
/* The hash of a level, once for all nodes that are asked for it. */
uint64_t tree_level_hash(const struct tree *tree, struct bytes level);
struct tree_node *tree_child(
	const struct tree *tree, const struct tree_node *parent, struct bytes level, uint64_t level_hash);
/* The node of a whole name or filter. NULL: there is none. */
struct tree_node *tree_find(const struct tree *tree, struct bytes path);
/* As above, made if absent. ERR_NOMEM leaves nothing behind. */
MUST_CHECK enum err tree_make(struct tree *tree, struct bytes path, struct tree_node **out);
/* Frees the node if nothing hangs on it or below it, and then its parents likewise. */
void tree_prune(struct tree *tree, struct tree_node *node);
/* The next node in pre-order below top (which comes first); NULL at the end. */
struct tree_node *tree_walk(const struct tree_node *top, struct tree_node *at);

/* A growing set of nodes, reused from one match to the next. */
struct node_set {
	struct tree_node **nodes;
	size_t count;
	size_t cap;
};
MUST_CHECK enum err node_set_add(struct node_set *set, struct tree_node *node);

#endif
