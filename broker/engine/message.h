/*
 * message.h - a published message: immutable once shared, counted by all who hold it.
 * Owns:    copies of topic, payload and properties, in one allocation; a reference to its publisher's identity.
 * Never:   changes after message_new() but by message_expire_from() while it has one holder.
 * Threads: any; the count is atomic. Holders: a publish in progress, a mail per worker, each delivery, a link's output,
 *          the retained store, a store engine.
 */
#ifndef LOCKGATE_BROKER_ENGINE_MESSAGE_H
#define LOCKGATE_BROKER_ENGINE_MESSAGE_H

#include "broker/engine/engine.h"

struct message_parts {
	struct bytes topic;
	struct bytes payload;
	struct bytes props;                       /* from mqtt_props_forward() */
	const struct session_identity *publisher; /* NULL: the broker itself */
	uint64_t rights;                          /* generation under which the publisher was allowed */
	uint8_t qos;
	bool retain;
	bool has_expiry;
	uint32_t expiry_s;
};

/* ERR_NOMEM, ERR_LIMIT (a part over 32 bits). */
MUST_CHECK enum err message_new(const struct message_parts *parts, uint64_t now_ms, struct message **out);
/* The expiry interval counts from now: for wills, which wait before they are published. */
void message_expire_from(struct message *message, uint64_t now_ms);

struct bytes message_topic(const struct message *message);
struct bytes message_payload(const struct message *message);
struct bytes message_props(const struct message *message);
const struct session_identity *message_publisher(const struct message *message);
uint64_t message_rights(const struct message *message);
uint8_t message_qos(const struct message *message);
bool message_retain(const struct message *message);
/* What queues and the retained store count. */
size_t message_bytes(const struct message *message);
/* false: it has expired (MQTT-3.3.2-5). *left_s is what remains of the interval; *has says whether there is one. */
bool message_alive(const struct message *message, uint64_t now_ms, bool *has, uint32_t *left_s);

#endif
