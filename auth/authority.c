/*
 * authority.c - compiles topic objects and authority records into a tree that answers without allocating.
 * Owns:    the compiled authority.
 * Never:   changes it once it is built.
 * Threads: references are counted atomically; everything else is read only.
 *
 * Groups are a seam: their records are checked and kept out of the tree, since nobody is a member of one yet.
 */
#include "auth/authority.h"

#include <stdlib.h>
#include <string.h>

#include "auth/text.h"

/* Grants on objects: each is one (object, entity) pair that a profile reaches. */
#define GRANTS_MAX 10000000u

struct building {
	struct authority *authority;
	char *text; /* where the next name goes */
	struct auth_error *error;
};

static const char *keep_text(struct building *building, const char *from)
{
	size_t len = strlen(from) + 1;
	char *start = building->text;
	memcpy(start, from, len);
	building->text += len;
	return start;
}

static enum err no_memory(struct building *building)
{
	return auth_fail(building->error, ERR_NOMEM, 0, "out of memory");
}

/* --- the tree of topic strings --- */

static void node_free(struct topic_node *node)
{
	if (node == NULL) {
		return;
	}
	/* As deep as topic strings have levels: AUTH_TOPIC_LEVELS_MAX. */
	for (size_t i = 0; i < node->child_count; i++) {
		node_free(node->children[i]);
	}
	for (size_t i = 0; i < VARIABLE_COUNT_; i++) {
		node_free(node->variables[i]);
	}
	free(node->children);
	free(node->objects);
	free(node);
}

static size_t child_slot(const struct topic_node *node, struct bytes level)
{
	size_t low = 0;
	size_t high = node->child_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (bytes_compare(node->children[middle]->level, level) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static struct topic_node *literal_child(struct topic_node *node, struct bytes level)
{
	size_t slot = child_slot(node, level);
	if (slot < node->child_count && bytes_equal(node->children[slot]->level, level)) {
		return node->children[slot];
	}
	if (node->child_count == node->child_cap) {
		size_t cap = node->child_cap == 0 ? 4 : node->child_cap * 2;
		struct topic_node **grown = realloc(node->children, cap * sizeof(struct topic_node *));
		if (grown == NULL) {
			return NULL;
		}
		node->children = grown;
		node->child_cap = cap;
	}
	struct topic_node *child = calloc(1, sizeof(*child));
	if (child == NULL) {
		return NULL;
	}
	child->level = level;
	memmove(&node->children[slot + 1], &node->children[slot],
		(node->child_count - slot) * sizeof(struct topic_node *));
	node->children[slot] = child;
	node->child_count++;
	return child;
}

static struct topic_node *variable_child(struct topic_node *node, enum topic_variable variable)
{
	if (node->variables[variable] == NULL) {
		node->variables[variable] = calloc(1, sizeof(*node));
	}
	return node->variables[variable];
}

/* VARIABLE_COUNT_: a literal level. ERR_INVALID: looks like a variable and is none, or a wildcard. */
static enum err level_kind(struct bytes level, enum topic_variable *out)
{
	static const char *const names[VARIABLE_COUNT_] = {"${clientid}", "${user}", "${cn}"};
	*out = VARIABLE_COUNT_;
	for (enum topic_variable i = 0; i < VARIABLE_COUNT_; i++) {
		if (bytes_equal_text(level, names[i])) {
			*out = i;
			return ERR_OK;
		}
	}
	for (size_t i = 0; i < level.len; i++) {
		if (level.data[i] == '+' || level.data[i] == '#') {
			return ERR_INVALID;
		}
		if (level.data[i] == '$' && i + 1 < level.len && level.data[i + 1] == '{') {
			return ERR_INVALID;
		}
	}
	return ERR_OK;
}

static enum err place_object(struct building *building, size_t index)
{
	const struct authority_object *object = &building->authority->objects[index];
	struct topic_node *node = building->authority->root;
	const char *at = object->topic_string;
	size_t depth = 0;
	bool more = at[0] != '\0'; /* "" is the root itself */
	while (more) {
		size_t len = strcspn(at, "/");
		struct bytes level = bytes_of(at, len);
		enum topic_variable variable = VARIABLE_COUNT_;
		if (++depth > AUTH_TOPIC_LEVELS_MAX) {
			return auth_fail(building->error, ERR_LIMIT, (size_t)(at - object->topic_string),
				"TOPICSTR of %s has more than %u levels", object->name,
				AUTH_TOPIC_LEVELS_MAX);
		}
		if (level_kind(level, &variable) != ERR_OK) {
			return auth_fail(building->error, ERR_INVALID, (size_t)(at - object->topic_string),
				"TOPICSTR of %s: ${clientid}, ${user} and ${cn} each stand as a whole level; "
				"no wildcards",
				object->name);
		}
		node = variable < VARIABLE_COUNT_ ? variable_child(node, variable)
						  : literal_child(node, level);
		if (node == NULL) {
			return no_memory(building);
		}
		more = at[len] == '/';
		at += more ? len + 1 : len;
	}
	size_t *grown = realloc(node->objects, (node->object_count + 1) * sizeof(*grown));
	if (grown == NULL) {
		return no_memory(building);
	}
	node->objects = grown;
	node->objects[node->object_count++] = index;
	return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct authority_object *left = a;
	const struct authority_object *right = b;
	return strcmp(left->name, right->name);
}

static enum err add_topics(struct building *building, const struct topic_object *topics, size_t count)
{
	struct authority *authority = building->authority;
	authority->objects = calloc(count > 0 ? count : 1, sizeof(*authority->objects));
	authority->root = calloc(1, sizeof(*authority->root));
	if (authority->objects == NULL || authority->root == NULL) {
		return no_memory(building);
	}
	for (size_t i = 0; i < count; i++) {
		const char *name = topics[i].name;
		if (profile_check(name) >= 0 || profile_is_generic(name)) {
			return auth_fail(building->error, ERR_INVALID, 0,
				"topic object %zu has no proper name", i + 1);
		}
		if (!text_is_plain(bytes_text(topics[i].topic_string))) {
			return auth_fail(building->error, ERR_INVALID, 0,
				"TOPICSTR of %s is not UTF-8 without control characters", name);
		}
		authority->objects[i].name = keep_text(building, name);
		authority->objects[i].topic_string = keep_text(building, topics[i].topic_string);
		authority->object_count++;
	}
	qsort(authority->objects, count, sizeof(*authority->objects), by_name);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && strcmp(authority->objects[i - 1].name, authority->objects[i].name) == 0) {
			return auth_fail(building->error, ERR_EXISTS, 0, "topic object %s is defined twice",
				authority->objects[i].name);
		}
		enum err err = place_object(building, i);
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

/* --- who may do what with which object --- */

static enum err check_record(struct building *building, const struct authority_record *record, size_t number)
{
	unsigned allowed = record->queue_manager ? (unsigned)RIGHT_CONNECT
						 : (unsigned)(RIGHT_PUB | RIGHT_SUB | RIGHT_RETAIN);
	if (!text_is_user(record->entity == NULL ? "" : record->entity)) {
		return auth_fail(
			building->error, ERR_INVALID, 0, "authority record %zu names no entity", number);
	}
	if ((record->rights & ~allowed) != 0) {
		return auth_fail(building->error, ERR_INVALID, 0,
			"authority record %zu: CONNECT belongs to QMGR; PUB, SUB and RETAIN to TOPIC",
			number);
	}
	if (record->queue_manager) {
		return record->profile == NULL
			       ? ERR_OK
			       : auth_fail(building->error, ERR_INVALID, 0,
					 "authority record %zu: OBJTYPE(QMGR) takes no PROFILE", number);
	}
	long fault = record->profile == NULL ? 0 : profile_check(record->profile);
	if (fault >= 0) {
		return auth_fail(building->error, ERR_INVALID, (size_t)fault,
			"authority record %zu: the profile is not well formed ('**' stands once, as a whole "
			"part)",
			number);
	}
	return ERR_OK;
}

static enum err add_grant(struct building *building, struct grant grant)
{
	struct authority *authority = building->authority;
	if (authority->grant_count == authority->grant_cap) {
		size_t cap = authority->grant_cap == 0 ? 64 : authority->grant_cap * 2;
		if (cap > GRANTS_MAX) {
			return auth_fail(building->error, ERR_LIMIT, 0, "profiles reach more than %u objects",
				GRANTS_MAX);
		}
		struct grant *grown = realloc(authority->grants, cap * sizeof(*grown));
		if (grown == NULL) {
			return no_memory(building);
		}
		authority->grants = grown;
		authority->grant_cap = cap;
	}
	authority->grants[authority->grant_count++] = grant;
	return ERR_OK;
}

static enum err add_topic_grants(struct building *building, struct grant grant)
{
	struct authority *authority = building->authority;
	if (!profile_is_generic(grant.profile)) {
		struct authority_object key = {.name = grant.profile};
		const struct authority_object *found =
			bsearch(&key, authority->objects, authority->object_count, sizeof(key), by_name);
		grant.object = found == NULL ? 0 : (size_t)(found - authority->objects);
		/* A record may come before its object; it then grants nothing yet. */
		return found == NULL ? ERR_OK : add_grant(building, grant);
	}
	enum err err = ERR_OK;
	for (size_t i = 0; i < authority->object_count && err == ERR_OK; i++) {
		if (profile_match(grant.profile, authority->objects[i].name)) {
			grant.object = i;
			err = add_grant(building, grant);
		}
	}
	return err;
}

static enum err add_records(struct building *building, const struct authority_record *records, size_t count)
{
	struct authority *authority = building->authority;
	authority->connects = calloc(count > 0 ? count : 1, sizeof(*authority->connects));
	if (authority->connects == NULL) {
		return no_memory(building);
	}
	for (size_t i = 0; i < count; i++) {
		enum err err = check_record(building, &records[i], i + 1);
		if (err != ERR_OK) {
			return err;
		}
		if (records[i].group) {
			continue;
		}
		struct grant grant = {
			.entity = keep_text(building, records[i].entity), .rights = records[i].rights};
		if (records[i].queue_manager) {
			authority->connects[authority->connect_count++] = grant;
			continue;
		}
		grant.profile = keep_text(building, records[i].profile);
		err = add_topic_grants(building, grant);
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

/* By object, entity, and of one pair the most specific profile first. */
static int by_pair(const void *a, const void *b)
{
	const struct grant *left = a;
	const struct grant *right = b;
	if (left->object != right->object) {
		return left->object < right->object ? -1 : 1;
	}
	int diff = strcmp(left->entity, right->entity);
	return diff != 0 ? diff : profile_compare(right->profile, left->profile);
}

static int by_entity(const void *a, const void *b)
{
	const struct grant *left = a;
	const struct grant *right = b;
	return strcmp(left->entity, right->entity);
}

static enum err refuse_twice(struct building *building, const struct grant *grant)
{
	return auth_fail(building->error, ERR_EXISTS, 0, "the authority of %s on %s is recorded twice",
		grant->entity, grant->profile == NULL ? "QMGR" : grant->profile);
}

/* Only the most specific profile counts; it replaces the broader ones, it does not add to them (9.2). */
static enum err settle_grants(struct building *building)
{
	struct authority *authority = building->authority;
	struct grant *grants = authority->grants;
	size_t kept = 0;
	if (authority->grant_count > 0) {
		qsort(grants, authority->grant_count, sizeof(*grants), by_pair);
	}
	for (size_t i = 0; i < authority->grant_count; i++) {
		bool pair = i > 0 && grants[i].object == grants[kept - 1].object &&
			    strcmp(grants[i].entity, grants[kept - 1].entity) == 0;
		if (pair && strcmp(grants[i].profile, grants[kept - 1].profile) == 0) {
			return refuse_twice(building, &grants[i]);
		}
		if (!pair) {
			grants[kept++] = grants[i];
		}
	}
	authority->grant_count = kept;
	for (size_t i = 0; i < kept; i++) {
		struct authority_object *object = &authority->objects[grants[i].object];
		object->grants = object->grant_count == 0 ? &grants[i] : object->grants;
		object->grant_count++;
	}
	qsort(authority->connects, authority->connect_count, sizeof(*authority->connects), by_entity);
	for (size_t i = 1; i < authority->connect_count; i++) {
		if (strcmp(authority->connects[i - 1].entity, authority->connects[i].entity) == 0) {
			return refuse_twice(building, &authority->connects[i]);
		}
	}
	return ERR_OK;
}

static size_t text_size(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

static void authority_free(struct authority *authority)
{
	if (authority == NULL) {
		return;
	}
	node_free(authority->root);
	free(authority->objects);
	free(authority->grants);
	free(authority->connects);
	free(authority->text);
	free(authority);
}

enum err authority_new(const struct topic_object *topics, size_t topic_count,
	const struct authority_record *records, size_t record_count, uint64_t generation,
	struct authority **out, struct auth_error *error)
{
	size_t size = 1;
	*out = NULL;
	if (topic_count > AUTH_RULES_MAX || record_count > AUTH_RULES_MAX) {
		return auth_fail(error, ERR_LIMIT, 0,
			"there are at most %u topic objects and authority records each", AUTH_RULES_MAX);
	}
	for (size_t i = 0; i < topic_count; i++) {
		if (topics[i].name == NULL || topics[i].topic_string == NULL) {
			return auth_fail(
				error, ERR_INVALID, 0, "topic object %zu needs a name and a TOPICSTR", i + 1);
		}
		size += text_size(topics[i].name) + text_size(topics[i].topic_string);
	}
	for (size_t i = 0; i < record_count; i++) {
		size += text_size(records[i].entity) + text_size(records[i].profile);
	}
	struct building building = {.error = error};
	struct authority *authority = calloc(1, sizeof(*authority));
	char *text = malloc(size);
	if (authority == NULL || text == NULL) {
		free(authority);
		free(text);
		return no_memory(&building);
	}
	atomic_init(&authority->refs, 1);
	authority->generation = generation;
	authority->text = text;
	building.authority = authority;
	building.text = text;
	enum err err = add_topics(&building, topics, topic_count);
	if (err == ERR_OK) {
		err = add_records(&building, records, record_count);
	}
	if (err == ERR_OK) {
		err = settle_grants(&building);
	}
	if (err == ERR_OK) {
		*out = authority;
		authority = NULL; /* moved to the caller */
	}
	authority_free(authority);
	return err;
}

struct authority *authority_ref(const struct authority *authority)
{
	/* The count is the only part that changes, and it is atomic. */
	struct authority *counted = UNCONST(struct authority, authority);
	if (counted != NULL) {
		atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
	}
	return counted;
}

void authority_unref(struct authority *authority)
{
	if (authority != NULL && atomic_fetch_sub_explicit(&authority->refs, 1, memory_order_acq_rel) == 1) {
		authority_free(authority);
	}
}

uint64_t authority_generation(const struct authority *authority)
{
	return authority->generation;
}
