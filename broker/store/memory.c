/*
 * memory.c - the engine that forgets at exit. It keeps every promise of store.h but the one about power cuts.
 * Owns:    sessions, their subscriptions, queues and packet ids.
 * Threads: any; one lock. Completions go through the mailbox like those of a slow engine, so that nobody comes to rely
 *          on an answer within the call.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "broker/engine/message.h"
#include "broker/store/store.h"

#define MEMORY_QUEUE_COUNT_MAX 10000u
#define MEMORY_QUEUE_BYTES_MAX (16u << 20)
#define MEMORY_SESSIONS_MAX    100000u

struct entry {
	struct list item;
	struct message *message;
	uint64_t seq;
	uint8_t qos;
	bool retain;
	bool received;
	uint32_t id_count;
	uint32_t ids[];
};

struct stored_subscription {
	struct list item;
	uint32_t id;
	uint8_t options;
	size_t filter_len;
	uint8_t filter[];
};

struct stored_session {
	uint64_t id;
	uint64_t epoch;
	uint8_t *owner;
	size_t owner_len;
	uint8_t *client_id;
	size_t client_id_len;
	struct list subscriptions;
	struct list queue; /* in order of seq; done entries are gone, so the list is the sparse set */
	uint64_t next_seq;
	uint32_t queue_count;
	uint64_t queue_bytes;
	uint16_t *inbound;
	size_t inbound_count;
	size_t inbound_cap;
};

struct memory {
	pthread_mutex_t lock;
	struct hub_post post;
	uint32_t queue_count_max;
	uint64_t queue_bytes_max;
	uint32_t sessions_max;
	uint64_t next_id;
	uint64_t next_epoch;
	struct map *by_client; /* client id -> stored_session */
	struct map *by_id;     /* session id -> stored_session */
};

static void complete(struct memory *memory, struct store_request *request, enum err status)
{
	request->status = status;
	memory->post.post_reserved(memory->post.ctx, request->home, &request->mail);
}

static struct bytes id_key(const uint64_t *id)
{
	return bytes_of(id, sizeof(*id));
}

static void entry_free(struct stored_session *session, struct entry *entry)
{
	list_remove(&entry->item);
	session->queue_count--;
	session->queue_bytes -= message_bytes(entry->message);
	message_unref(entry->message);
	free(entry);
}

static void session_free(struct stored_session *session)
{
	if (session == NULL) {
		return;
	}
	LIST_FOR_EACH_SAFE(item, after, &session->queue)
	{
		entry_free(session, CONTAINER_OF(item, struct entry, item));
	}
	LIST_FOR_EACH_SAFE(item, after, &session->subscriptions)
	{
		free(CONTAINER_OF(item, struct stored_subscription, item));
	}
	free(session->inbound);
	free(session->owner);
	free(session->client_id);
	free(session);
}

static void session_forget(struct memory *memory, struct stored_session *session)
{
	(void)map_remove(memory->by_client, bytes_of(session->client_id, session->client_id_len));
	(void)map_remove(memory->by_id, id_key(&session->id));
	session_free(session);
}

/* The session of a call, if its epoch is still the latest. */
static struct stored_session *session_of(struct memory *memory, struct store_session name)
{
	struct stored_session *session = map_get(memory->by_id, id_key(&name.id));
	return session != NULL && session->epoch == name.epoch ? session : NULL;
}

/* --- claim --- */

/* *old is what went by the client id until now: the caller's to free. On failure nothing has changed. */
static enum err session_make(
	struct memory *memory, const struct store_claim *claim, struct stored_session **out, void **old)
{
	if (*old == NULL && map_count(memory->by_id) >= memory->sessions_max) {
		return ERR_LIMIT;
	}
	struct stored_session *session = calloc(1, sizeof(*session));
	if (session == NULL) {
		return ERR_NOMEM;
	}
	list_init(&session->subscriptions);
	list_init(&session->queue);
	session->next_seq = 1;
	session->id = memory->next_id;
	session->owner_len = claim->owner.len;
	session->client_id_len = claim->client_id.len;
	enum err err = bytes_dup(claim->owner, &session->owner);
	if (err == ERR_OK) {
		err = bytes_dup(claim->client_id, &session->client_id);
	}
	if (err == ERR_OK) {
		err = map_put(memory->by_id, id_key(&session->id), session, NULL);
	}
	if (err == ERR_OK) {
		err = map_put(memory->by_client, claim->client_id, session, old);
		if (err != ERR_OK) {
			(void)map_remove(memory->by_id, id_key(&session->id));
		}
	}
	if (err != ERR_OK) {
		session_free(session);
		return err;
	}
	memory->next_id++;
	*out = session;
	return ERR_OK;
}

static enum err claim_fill(const struct stored_session *session, struct store_claim *claim)
{
	size_t count = 0;
	LIST_FOR_EACH(item, &session->subscriptions)
	{
		count++;
	}
	if (count > 0) {
		claim->subscriptions = calloc(count, sizeof(*claim->subscriptions));
		if (claim->subscriptions == NULL) {
			return ERR_NOMEM;
		}
	}
	LIST_FOR_EACH(item, &session->subscriptions)
	{
		const struct stored_subscription *in = CONTAINER_OF(item, struct stored_subscription, item);
		uint8_t *filter = NULL;
		enum err err = bytes_dup(bytes_of(in->filter, in->filter_len), &filter);
		if (err != ERR_OK) {
			return err;
		}
		claim->subscriptions[claim->subscription_count++] =
			(struct store_subscription){.filter = bytes_of(filter, in->filter_len),
				.subscription_id = in->id,
				.options = in->options};
	}
	if (session->inbound_count > 0) {
		claim->inbound_ids = calloc(session->inbound_count, sizeof(*claim->inbound_ids));
		if (claim->inbound_ids == NULL) {
			return ERR_NOMEM;
		}
		memcpy(claim->inbound_ids, session->inbound,
			session->inbound_count * sizeof(*claim->inbound_ids));
		claim->inbound_count = session->inbound_count;
	}
	return ERR_OK;
}

static enum err claim_locked(struct memory *memory, struct store_claim *claim)
{
	struct stored_session *session = map_get(memory->by_client, claim->client_id);
	if (session != NULL && !bytes_equal(bytes_of(session->owner, session->owner_len), claim->owner)) {
		return ERR_DENIED;
	}
	enum err err = ERR_OK;
	if (session != NULL && !claim->clean) {
		if (claim->want_state) {
			err = claim_fill(session, claim);
		}
		claim->present = err == ERR_OK;
	} else {
		struct stored_session *old = session;
		session = NULL;
		if (claim->lasting) {
			void *replaced = old;
			err = session_make(memory, claim, &session, &replaced);
			if (err == ERR_OK && old != NULL) {
				(void)map_remove(memory->by_id, id_key(&old->id));
				session_free(old);
			}
		} else if (old != NULL) {
			session_forget(memory, old);
		}
	}
	if (err != ERR_OK) {
		return err;
	}
	claim->session.epoch = memory->next_epoch++;
	claim->next_seq = 1;
	if (session != NULL) {
		session->epoch = claim->session.epoch;
		claim->session.id = session->id;
		claim->next_seq = session->next_seq;
	}
	return ERR_OK;
}

static void memory_claim(void *ctx, struct store_claim *claim)
{
	struct memory *memory = ctx;
	claim->session = (struct store_session){0};
	claim->present = false;
	claim->subscriptions = NULL;
	claim->subscription_count = 0;
	claim->inbound_ids = NULL;
	claim->inbound_count = 0;
	(void)pthread_mutex_lock(&memory->lock);
	enum err err = claim_locked(memory, claim);
	if (err != ERR_OK) {
		store_claim_release(claim);
		claim->present = false;
	}
	(void)pthread_mutex_unlock(&memory->lock);
	complete(memory, &claim->request, err);
}

/* --- subscriptions --- */

static struct stored_subscription *subscription_find(struct stored_session *session, struct bytes filter)
{
	LIST_FOR_EACH(item, &session->subscriptions)
	{
		struct stored_subscription *one = CONTAINER_OF(item, struct stored_subscription, item);
		if (bytes_equal(bytes_of(one->filter, one->filter_len), filter)) {
			return one;
		}
	}
	return NULL;
}

static void list_free_subscriptions(struct list *list)
{
	LIST_FOR_EACH_SAFE(item, after, list)
	{
		list_remove(item);
		free(CONTAINER_OF(item, struct stored_subscription, item));
	}
}

static enum err subscribe_locked(struct memory *memory, const struct store_subscribe *in)
{
	struct stored_session *session = session_of(memory, in->session);
	if (session == NULL) {
		return ERR_STATE;
	}
	/* All allocations first: a batch is all or nothing. */
	struct list fresh;
	list_init(&fresh);
	for (size_t i = 0; i < in->add_count; i++) {
		const struct store_subscription *add = &in->add[i];
		struct stored_subscription *one = calloc(1, sizeof(*one) + add->filter.len);
		if (one == NULL) {
			list_free_subscriptions(&fresh);
			return ERR_NOMEM;
		}
		one->id = add->subscription_id;
		one->options = add->options;
		one->filter_len = add->filter.len;
		memcpy(one->filter, add->filter.data, add->filter.len);
		list_push_back(&fresh, &one->item);
	}
	for (size_t i = 0; i < in->remove_count; i++) {
		struct stored_subscription *old = subscription_find(session, in->remove[i]);
		if (old != NULL) {
			list_remove(&old->item);
			free(old);
		}
	}
	LIST_FOR_EACH_SAFE(item, after, &fresh)
	{
		struct stored_subscription *one = CONTAINER_OF(item, struct stored_subscription, item);
		struct stored_subscription *old =
			subscription_find(session, bytes_of(one->filter, one->filter_len));
		if (old != NULL) {
			list_remove(&old->item);
			free(old);
		}
		list_remove(item);
		list_push_back(&session->subscriptions, item);
	}
	return ERR_OK;
}

static void memory_subscribe(void *ctx, struct store_subscribe *subscribe)
{
	struct memory *memory = ctx;
	(void)pthread_mutex_lock(&memory->lock);
	enum err err = subscribe_locked(memory, subscribe);
	(void)pthread_mutex_unlock(&memory->lock);
	complete(memory, &subscribe->request, err);
}

/* --- queues --- */

static bool inbound_has(const struct stored_session *session, uint16_t id)
{
	for (size_t i = 0; i < session->inbound_count; i++) {
		if (session->inbound[i] == id) {
			return true;
		}
	}
	return false;
}

static enum err inbound_reserve(struct stored_session *session)
{
	if (session->inbound_count < session->inbound_cap) {
		return ERR_OK;
	}
	const size_t cap = session->inbound_cap == 0 ? 4 : session->inbound_cap * 2;
	uint16_t *inbound = realloc(session->inbound, cap * sizeof(*inbound));
	if (inbound == NULL) {
		return ERR_NOMEM;
	}
	session->inbound = inbound;
	session->inbound_cap = cap;
	return ERR_OK;
}

static enum err entry_new(const struct store_target *target, struct message *message, struct entry **out)
{
	struct entry *entry =
		calloc(1, sizeof(*entry) + target->subscription_id_count * sizeof(entry->ids[0]));
	if (entry == NULL) {
		return ERR_NOMEM;
	}
	list_init(&entry->item);
	entry->message = message_ref(message);
	entry->qos = target->qos;
	entry->retain = target->retain;
	entry->id_count = target->subscription_id_count;
	if (entry->id_count > 0) {
		memcpy(entry->ids, target->subscription_ids, entry->id_count * sizeof(entry->ids[0]));
	}
	*out = entry;
	return ERR_OK;
}

static void entry_queue(struct memory *memory, struct store_target *target, struct entry *entry)
{
	struct stored_session *session = map_get(memory->by_id, id_key(&target->session_id));
	if (session == NULL || session->queue_count >= memory->queue_count_max ||
		session->queue_bytes + message_bytes(entry->message) > memory->queue_bytes_max) {
		target->full = session != NULL;
		message_unref(entry->message);
		free(entry);
		return;
	}
	entry->seq = session->next_seq++;
	target->seq = entry->seq;
	target->position = (struct store_position){{entry->seq, 0}};
	session->queue_count++;
	session->queue_bytes += message_bytes(entry->message);
	list_push_back(&session->queue, &entry->item);
}

static enum err append_locked(struct memory *memory, struct store_append *append)
{
	struct stored_session *publisher = NULL;
	if (append->publisher.id != 0 && append->inbound_id != 0) {
		publisher = session_of(memory, append->publisher);
		if (publisher == NULL) {
			return ERR_STATE;
		}
		if (inbound_has(publisher, append->inbound_id)) {
			append->duplicate = true;
			return ERR_OK;
		}
		if (inbound_reserve(publisher) != ERR_OK) {
			return ERR_NOMEM;
		}
	}
	/* All or nothing: every entry is there before the first is queued. */
	struct list made;
	list_init(&made);
	enum err err = ERR_OK;
	for (size_t i = 0; err == ERR_OK && i < append->target_count; i++) {
		struct entry *entry = NULL;
		err = entry_new(&append->targets[i], append->message, &entry);
		if (err == ERR_OK) {
			list_push_back(&made, &entry->item);
		}
	}
	size_t at = 0;
	LIST_FOR_EACH_SAFE(item, after, &made)
	{
		struct entry *entry = CONTAINER_OF(item, struct entry, item);
		list_remove(item);
		if (err == ERR_OK) {
			entry_queue(memory, &append->targets[at++], entry);
		} else {
			message_unref(entry->message);
			free(entry);
		}
	}
	if (err == ERR_OK && publisher != NULL) {
		publisher->inbound[publisher->inbound_count++] = append->inbound_id;
	}
	return err;
}

static void memory_append(void *ctx, struct store_append *append)
{
	struct memory *memory = ctx;
	append->duplicate = false;
	for (size_t i = 0; i < append->target_count; i++) {
		append->targets[i].seq = 0;
		append->targets[i].full = false;
	}
	(void)pthread_mutex_lock(&memory->lock);
	enum err err = append_locked(memory, append);
	(void)pthread_mutex_unlock(&memory->lock);
	complete(memory, &append->request, err);
}

static void memory_release(void *ctx, struct store_release *release)
{
	struct memory *memory = ctx;
	(void)pthread_mutex_lock(&memory->lock);
	struct stored_session *session = session_of(memory, release->session);
	for (size_t i = 0; session != NULL && i < session->inbound_count; i++) {
		if (session->inbound[i] == release->inbound_id) {
			session->inbound[i] = session->inbound[--session->inbound_count];
			break;
		}
	}
	(void)pthread_mutex_unlock(&memory->lock);
	complete(memory, &release->request, session == NULL ? ERR_STATE : ERR_OK);
}

static void acknowledge_one(struct stored_session *session, const struct store_ack *ack)
{
	/* Acknowledgements come nearly in order: the entry is among the first. */
	LIST_FOR_EACH(item, &session->queue)
	{
		struct entry *entry = CONTAINER_OF(item, struct entry, item);
		if (entry->seq > ack->seq) {
			return;
		}
		if (entry->seq == ack->seq) {
			if (ack->kind == STORE_ACK_DONE) {
				entry_free(session, entry);
			} else {
				entry->received = true;
			}
			return;
		}
	}
}

static void memory_acknowledge(void *ctx, struct store_acknowledge *acknowledge)
{
	struct memory *memory = ctx;
	(void)pthread_mutex_lock(&memory->lock);
	struct stored_session *session = session_of(memory, acknowledge->session);
	for (size_t i = 0; session != NULL && i < acknowledge->ack_count; i++) {
		acknowledge_one(session, &acknowledge->acks[i]);
	}
	(void)pthread_mutex_unlock(&memory->lock);
	complete(memory, &acknowledge->request, session == NULL ? ERR_STATE : ERR_OK);
}

static enum err read_entry(struct store_read *read, const struct entry *entry)
{
	struct store_entry *out = &read->entries[read->entry_count];
	*out = (struct store_entry){.seq = entry->seq,
		.position = {{entry->seq, 0}},
		.subscription_id_count = entry->id_count,
		.qos = entry->qos,
		.retain = entry->retain,
		.received = entry->received};
	if (entry->id_count > 0) {
		out->subscription_ids = calloc(entry->id_count, sizeof(entry->ids[0]));
		if (out->subscription_ids == NULL) {
			return ERR_NOMEM;
		}
		memcpy(out->subscription_ids, entry->ids, entry->id_count * sizeof(entry->ids[0]));
	}
	out->message = message_ref(entry->message);
	read->entry_count++;
	return ERR_OK;
}

static enum err read_locked(struct memory *memory, struct store_read *read)
{
	struct stored_session *session = session_of(memory, read->session);
	if (session == NULL) {
		return ERR_STATE;
	}
	const uint32_t most = read->count_max < STORE_READ_MAX ? read->count_max : STORE_READ_MAX;
	LIST_FOR_EACH(item, &session->queue)
	{
		const struct entry *entry = CONTAINER_OF(item, struct entry, item);
		if (entry->seq <= read->after.opaque[0]) {
			continue;
		}
		if (read->entry_count == most) {
			read->more = true;
			break;
		}
		enum err err = read_entry(read, entry);
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

static void memory_read(void *ctx, struct store_read *read)
{
	struct memory *memory = ctx;
	read->entry_count = 0;
	read->more = false;
	(void)pthread_mutex_lock(&memory->lock);
	enum err err = read_locked(memory, read);
	(void)pthread_mutex_unlock(&memory->lock);
	if (err != ERR_OK) {
		store_read_release(read);
	}
	complete(memory, &read->request, err);
}

/* --- the rest --- */

/* Expiry is the hub's to time; what is gone with the process needs no clock here. */
static void memory_detach(void *ctx, struct store_detach *detach)
{
	struct memory *memory = ctx;
	(void)pthread_mutex_lock(&memory->lock);
	const bool found = session_of(memory, detach->session) != NULL;
	(void)pthread_mutex_unlock(&memory->lock);
	complete(memory, &detach->request, found ? ERR_OK : ERR_STATE);
}

static void memory_drop(void *ctx, struct store_drop *drop)
{
	struct memory *memory = ctx;
	(void)pthread_mutex_lock(&memory->lock);
	struct stored_session *session = session_of(memory, drop->session);
	if (session != NULL) {
		session_forget(memory, session);
	}
	(void)pthread_mutex_unlock(&memory->lock);
	complete(memory, &drop->request, session == NULL ? ERR_STATE : ERR_OK);
}

static void memory_retain(void *ctx, struct store_retain *retain)
{
	complete(ctx, &retain->request, ERR_OK);
}

static void memory_close(void *ctx)
{
	struct memory *memory = ctx;
	struct map_iter iter = MAP_ITER;
	struct bytes key;
	void *value = NULL;
	while (memory->by_id != NULL && map_next(memory->by_id, &iter, &key, &value)) {
		session_free(value);
	}
	map_free(memory->by_client);
	map_free(memory->by_id);
	(void)pthread_mutex_destroy(&memory->lock);
	free(memory);
}

static const struct store_ops memory_ops = {
	.claim = memory_claim,
	.subscribe = memory_subscribe,
	.append = memory_append,
	.release = memory_release,
	.acknowledge = memory_acknowledge,
	.read = memory_read,
	.detach = memory_detach,
	.drop = memory_drop,
	.retain = memory_retain,
	.close = memory_close,
};

enum err store_memory_new(const struct store_memory_options *options, struct store *out)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	if (memory == NULL) {
		return ERR_NOMEM;
	}
	memory->post = options->post;
	memory->queue_count_max =
		options->queue_count_max == 0 ? MEMORY_QUEUE_COUNT_MAX : options->queue_count_max;
	memory->queue_bytes_max =
		options->queue_bytes_max == 0 ? MEMORY_QUEUE_BYTES_MAX : options->queue_bytes_max;
	memory->sessions_max = options->sessions_max == 0 ? MEMORY_SESSIONS_MAX : options->sessions_max;
	memory->next_id = 1;
	memory->next_epoch = 1;
	if (pthread_mutex_init(&memory->lock, NULL) != 0) {
		free(memory);
		return ERR_NOMEM;
	}
	enum err err = map_new(&memory->by_client);
	if (err == ERR_OK) {
		err = map_new(&memory->by_id);
	}
	if (err != ERR_OK) {
		memory_close(memory);
		return err;
	}
	*out = (struct store){.ops = &memory_ops, .ctx = memory, .keeps_retained = false};
	return ERR_OK;
}
