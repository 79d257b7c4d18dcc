/*
 * message.c - a published message and the identity behind it: one allocation each, counted atomically.
 * Threads: any.
 */
#include "broker/engine/message.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct message {
	atomic_uint refs;
	uint32_t topic_len;
	uint32_t props_len;
	uint32_t payload_len;
	uint32_t expiry_s;
	uint8_t qos;
	bool retain;
	bool has_expiry;
	uint64_t received_ms;
	uint64_t rights;
	const struct session_identity *publisher;
	uint8_t data[]; /* topic, properties, payload */
};

enum err message_new(const struct message_parts *parts, uint64_t now_ms, struct message **out)
{
	*out = NULL;
	if (parts->topic.len > UINT32_MAX || parts->props.len > UINT32_MAX ||
		parts->payload.len > UINT32_MAX) {
		return ERR_LIMIT;
	}
	struct message *message =
		malloc(sizeof(*message) + parts->topic.len + parts->props.len + parts->payload.len);
	if (message == NULL) {
		return ERR_NOMEM;
	}
	*message = (struct message){.topic_len = (uint32_t)parts->topic.len,
		.props_len = (uint32_t)parts->props.len,
		.payload_len = (uint32_t)parts->payload.len,
		.expiry_s = parts->expiry_s,
		.qos = parts->qos,
		.retain = parts->retain,
		.has_expiry = parts->has_expiry,
		.received_ms = now_ms,
		.rights = parts->rights};
	atomic_init(&message->refs, 1);
	if (parts->publisher != NULL) {
		message->publisher = session_identity_ref(parts->publisher);
	}
	uint8_t *at = message->data;
	const struct bytes pieces[] = {parts->topic, parts->props, parts->payload};
	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
		if (pieces[i].len > 0) {
			memcpy(at, pieces[i].data, pieces[i].len);
			at += pieces[i].len;
		}
	}
	*out = message;
	return ERR_OK;
}

void message_expire_from(struct message *message, uint64_t now_ms)
{
	assert(atomic_load(&message->refs) == 1);
	message->received_ms = now_ms;
}

struct message *message_ref(struct message *message)
{
	atomic_fetch_add_explicit(&message->refs, 1, memory_order_relaxed);
	return message;
}

void message_unref(struct message *message)
{
	if (message == NULL) {
		return;
	}
	/* acq_rel: whoever frees has seen all that the other holders did with it. */
	if (atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) == 1) {
		session_identity_unref(message->publisher);
		free(message);
	}
}

struct bytes message_topic(const struct message *message)
{
	return bytes_of(message->data, message->topic_len);
}

struct bytes message_props(const struct message *message)
{
	return bytes_of(message->data + message->topic_len, message->props_len);
}

struct bytes message_payload(const struct message *message)
{
	return bytes_of(message->data + message->topic_len + message->props_len, message->payload_len);
}

const struct session_identity *message_publisher(const struct message *message)
{
	return message->publisher;
}

uint64_t message_rights(const struct message *message)
{
	return message->rights;
}

uint8_t message_qos(const struct message *message)
{
	return message->qos;
}

bool message_retain(const struct message *message)
{
	return message->retain;
}

size_t message_bytes(const struct message *message)
{
	return sizeof(*message) + message->topic_len + message->props_len + (size_t)message->payload_len;
}

bool message_alive(const struct message *message, uint64_t now_ms, bool *has, uint32_t *left_s)
{
	*has = message->has_expiry;
	*left_s = 0;
	if (!message->has_expiry) {
		return true;
	}
	const uint64_t waited_s = (now_ms - message->received_ms) / 1000;
	if (waited_s >= message->expiry_s) {
		return false;
	}
	*left_s = message->expiry_s - (uint32_t)waited_s;
	return true;
}

/* --- identity --- */

struct identity {
	struct session_identity public; /* first: the two are cast */
	atomic_uint refs;
	char text[];
};

static const char *text_copy(char **at, const char *text)
{
	if (text == NULL) {
		return NULL;
	}
	const size_t n = strlen(text) + 1;
	char *copy = *at;
	memcpy(copy, text, n);
	*at += n;
	return copy;
}

enum err session_identity_new(const struct session_identity *in, const struct session_identity **out)
{
	*out = NULL;
	const char *const texts[] = {
		in->client_id, in->user, in->channel, in->user_name, in->common_name, in->peer};
	size_t room = 3; /* the first three are never NULL in the copy */
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		room += texts[i] == NULL ? 0 : strlen(texts[i]) + 1;
	}
	struct identity *identity = malloc(sizeof(*identity) + room);
	if (identity == NULL) {
		return ERR_NOMEM;
	}
	char *at = identity->text;
	identity->public = (struct session_identity){
		.client_id = text_copy(&at, in->client_id == NULL ? "" : in->client_id),
		.user = text_copy(&at, in->user == NULL ? "" : in->user),
		.channel = text_copy(&at, in->channel == NULL ? "" : in->channel),
		.user_name = text_copy(&at, in->user_name),
		.common_name = text_copy(&at, in->common_name),
		.peer = text_copy(&at, in->peer),
		.client_id_bound = in->client_id_bound,
	};
	atomic_init(&identity->refs, 1);
	*out = &identity->public;
	return ERR_OK;
}

/* The count is the one thing in an identity that changes, and it is no part of what is immutable. */
static struct identity *identity_of(const struct session_identity *public)
{
	return CONTAINER_OF(UNCONST(struct session_identity, public), struct identity, public);
}

const struct session_identity *session_identity_ref(const struct session_identity *identity)
{
	atomic_fetch_add_explicit(&identity_of(identity)->refs, 1, memory_order_relaxed);
	return identity;
}

void session_identity_unref(const struct session_identity *identity)
{
	if (identity == NULL) {
		return;
	}
	struct identity *own = identity_of(identity);
	if (atomic_fetch_sub_explicit(&own->refs, 1, memory_order_acq_rel) == 1) {
		free(own);
	}
}
