/*
 * authority_ask.c - may this subject connect, publish, subscribe (mq-semantics 9.3)?
 * Owns:    nothing.
 * Never:   allocates; takes a right away lower down that was granted higher up (MQ has no negative authority).
 * Threads: any; pure.
 *
 * MQ walks from the topic upward and the first grant wins. Since nothing takes rights away, that is: any object at or above
 * the topic grants. A filter with wildcards is contained in what an object grants exactly if the object stands at or above
 * the filter's fixed front; the wildcards then stay below it (mqtt_filter_covers of TOPICSTR/# says the same, as the
 * tests show).
 */
#include <stdlib.h>
#include <string.h>

#include "auth/authority.h"
#include "auth/text.h"

struct asking {
	const struct authority *authority;
	const struct authority_subject *subject;
	enum auth_right right;
	struct bytes topic;
	const struct authority_object *object; /* that granted */
	const struct grant *grant;
	const struct authority_object *last; /* looked at last: the highest one */
};

static const struct grant *find_grant(const struct grant *grants, size_t count, const char *entity)
{
	size_t low = 0;
	size_t high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int diff = strcmp(grants[middle].entity, entity);
		if (diff == 0) {
			return &grants[middle];
		}
		if (diff < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

static bool node_grants(struct asking *asking, const struct topic_node *node)
{
	for (size_t i = 0; i < node->object_count; i++) {
		const struct authority_object *object = &asking->authority->objects[node->objects[i]];
		const struct grant *grant =
			find_grant(object->grants, object->grant_count, asking->subject->user);
		asking->last = object;
		if (grant != NULL && (grant->rights & (unsigned)asking->right) != 0) {
			asking->object = object;
			asking->grant = grant;
			return true;
		}
	}
	return false;
}

/* A value that could mean more than one level, or nothing at all, is nobody's level. */
static bool is_bindable(struct bytes value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '/' || value.data[i] == '+' || value.data[i] == '#') {
			return false;
		}
	}
	return value.len > 0 && text_is_plain(value);
}

static bool variable_is(const struct asking *asking, enum topic_variable variable, struct bytes level)
{
	const char *value = NULL;
	switch (variable) {
	case VARIABLE_CLIENT_ID: value = asking->subject->client_id; break;
	case VARIABLE_USER: value = asking->subject->user; break;
	case VARIABLE_COMMON_NAME: value = asking->subject->common_name; break;
	case VARIABLE_COUNT_: break;
	}
	return value != NULL && bytes_equal_text(level, value) && is_bindable(level);
}

static const struct topic_node *find_child(const struct topic_node *node, struct bytes level)
{
	size_t low = 0;
	size_t high = node->child_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int diff = bytes_compare(node->children[middle]->level, level);
		if (diff == 0) {
			return node->children[middle];
		}
		if (diff < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

static bool is_wildcard(struct bytes level)
{
	return level.len == 1 && (level.data[0] == '+' || level.data[0] == '#');
}

/* at: where the next level begins; past the end: none is left. Recursion is as deep as the tree: AUTH_TOPIC_LEVELS_MAX. */
static bool walk(struct asking *asking, const struct topic_node *node, size_t at, unsigned depth)
{
	struct bytes topic = asking->topic;
	/* '$' topics are walled off: neither the root nor a variable in front reaches them. */
	bool walled = depth == 0 && topic.len > 0 && topic.data[0] == '$';
	if (at <= topic.len) {
		const uint8_t *end = topic.len > at ? memchr(topic.data + at, '/', topic.len - at) : NULL;
		size_t len = end == NULL ? topic.len - at : (size_t)(end - (topic.data + at));
		struct bytes level = bytes_of(topic.data + at, len);
		const struct topic_node *child = is_wildcard(level) ? NULL : find_child(node, level);
		if (child != NULL && walk(asking, child, at + len + 1, depth + 1)) {
			return true;
		}
		for (enum topic_variable i = 0; i < VARIABLE_COUNT_ && !walled && !is_wildcard(level); i++) {
			if (node->variables[i] != NULL && variable_is(asking, i, level) &&
				walk(asking, node->variables[i], at + len + 1, depth + 1)) {
				return true;
			}
		}
	}
	return !walled && node_grants(asking, node);
}

static const char *right_name(enum auth_right right)
{
	switch (right) {
	case RIGHT_CONNECT: return "CONNECT";
	case RIGHT_PUB: return "PUB";
	case RIGHT_SUB: return "SUB";
	case RIGHT_RETAIN: return "RETAIN";
	}
	return "?";
}

static void explain(const struct asking *asking, bool granted, struct authority_answer *answer)
{
	struct text text = text_init(answer->reason, sizeof(answer->reason));
	struct bytes user = bytes_text(asking->subject->user);
	answer->granted = granted;
	if (granted) {
		text_printf(&text, "topic object %s grants %s by profile %s to ", asking->object->name,
			right_name(asking->right), asking->grant->profile);
		text_quote(&text, user);
		return;
	}
	text_printf(&text, "no topic object at or above it grants %s to ", right_name(asking->right));
	text_quote(&text, user);
	if (asking->last != NULL) {
		text_printf(&text, "; looked at last: %s", asking->last->name);
	}
}

static bool ask_topic(struct asking *asking, struct authority_answer *answer)
{
	static const struct authority_subject nobody = {.user = ""};
	bool granted = false;
	if (asking->subject == NULL || asking->subject->user == NULL) {
		asking->subject = &nobody;
	}
	if (asking->authority != NULL && asking->topic.len > 0 && asking->subject->user[0] != '\0') {
		granted = walk(asking, asking->authority->root, 0, 0);
	}
	if (answer != NULL) {
		explain(asking, granted, answer);
	}
	return granted;
}

static bool has_wildcard(struct bytes topic)
{
	return topic.len > 0 &&
	       (memchr(topic.data, '+', topic.len) != NULL || memchr(topic.data, '#', topic.len) != NULL);
}

static bool ask_name(const struct authority *authority, const struct authority_subject *subject,
	struct bytes topic, enum auth_right right, struct authority_answer *answer)
{
	struct asking asking = {.authority = authority, .subject = subject, .right = right, .topic = topic};
	if (has_wildcard(topic)) {
		asking.topic = BYTES_NONE; /* no topic name: nothing is granted */
	}
	return ask_topic(&asking, answer);
}

bool authority_may_publish(const struct authority *authority, const struct authority_subject *subject,
	struct bytes topic, struct authority_answer *answer)
{
	return ask_name(authority, subject, topic, RIGHT_PUB, answer);
}

bool authority_may_retain(const struct authority *authority, const struct authority_subject *subject,
	struct bytes topic, struct authority_answer *answer)
{
	return ask_name(authority, subject, topic, RIGHT_RETAIN, answer);
}

bool authority_may_subscribe(const struct authority *authority, const struct authority_subject *subject,
	struct bytes filter, struct authority_answer *answer)
{
	struct asking asking = {
		.authority = authority, .subject = subject, .right = RIGHT_SUB, .topic = filter};
	return ask_topic(&asking, answer);
}

bool authority_may_connect(const struct authority *authority, const struct authority_subject *subject,
	struct authority_answer *answer)
{
	const char *user = subject == NULL || subject->user == NULL ? "" : subject->user;
	const struct grant *grant = NULL;
	if (authority != NULL && user[0] != '\0') {
		grant = find_grant(authority->connects, authority->connect_count, user);
	}
	bool granted = grant != NULL && (grant->rights & (unsigned)RIGHT_CONNECT) != 0;
	if (answer != NULL) {
		struct text text = text_init(answer->reason, sizeof(answer->reason));
		text_put(&text, granted ? "OBJTYPE(QMGR) grants CONNECT to "
					: "no record of OBJTYPE(QMGR) grants CONNECT to ");
		text_quote(&text, bytes_text(user));
		answer->granted = granted;
	}
	return granted;
}
