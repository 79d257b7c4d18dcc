/*
 * rig.c - see rig.h: mailbox, links, hooks, and the store in front of the store.
 */
#include "tests/broker/rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

/* --- mail --- */

static void note_add(struct rig *rig, unsigned to, struct mail *mail, bool counted)
{
	REQUIRE("mail within bounds", rig->note_count < RIG_NOTES_MAX);
	rig->notes[(rig->note_first + rig->note_count) % RIG_NOTES_MAX] =
		(struct rig_note){.mail = mail, .to = to, .counted = counted};
	rig->note_count++;
}

static enum err rig_post(void *ctx, unsigned from, unsigned to, struct mail *mail)
{
	struct rig *rig = ctx;
	(void)from;
	if (rig->mailbox_max != 0 && rig->queued_to[to] >= rig->mailbox_max) {
		return ERR_LIMIT;
	}
	rig->queued_to[to]++;
	note_add(rig, to, mail, true);
	return ERR_OK;
}

static void rig_post_reserved(void *ctx, unsigned to, struct mail *mail)
{
	note_add(ctx, to, mail, false);
}

static struct hub_post post_of(struct rig *rig)
{
	return (struct hub_post){.post = rig_post, .post_reserved = rig_post_reserved, .ctx = rig};
}

void rig_run(struct rig *rig)
{
	bool moved = true;
	for (unsigned rounds = 0; moved && rounds < 10000; rounds++) {
		moved = rig->note_count > 0;
		while (rig->note_count > 0) {
			const struct rig_note note = rig->notes[rig->note_first];
			rig->note_first = (rig->note_first + 1) % RIG_NOTES_MAX;
			rig->note_count--;
			rig->queued_to[note.to] -= note.counted;
			note.mail->run(note.mail, note.to);
		}
		for (unsigned i = 0; i < rig->workers; i++) {
			if (rig->hubs[i] != NULL) {
				(void)hub_turn(rig->hubs[i]);
			}
		}
		moved = moved || rig->note_count > 0;
	}
}

void rig_advance(struct rig *rig, uint64_t ms)
{
	/* In steps, so that timers which set timers come in their order. */
	while (ms > 0) {
		const uint64_t step = ms < 250 ? ms : 250;
		clock_fake_advance(&rig->time, step);
		ms -= step;
		for (unsigned i = 0; i < rig->workers; i++) {
			(void)wheel_advance(rig->wheels[i], rig->time.mono_ms);
		}
		rig_run(rig);
	}
}

/* --- authority --- */

static bool allowed(struct rig *rig, const char *what, struct bytes topic)
{
	char text[64];
	const size_t n = topic.len < sizeof(text) - 8 ? topic.len : sizeof(text) - 8;
	(void)snprintf(text, sizeof(text), "%s %.*s", what, (int)n, (const char *)topic.data);
	for (size_t i = 0; i < rig->denied_count; i++) {
		if (strcmp(rig->denied[i], text) == 0) {
			return false;
		}
	}
	return true;
}

static bool rig_may_publish(
	void *ctx, unsigned worker, const struct session_identity *identity, struct bytes topic, bool retain)
{
	(void)worker;
	(void)identity;
	(void)retain;
	return allowed(ctx, "pub", topic);
}

static bool rig_may_subscribe(
	void *ctx, unsigned worker, const struct session_identity *identity, struct bytes filter)
{
	(void)worker;
	(void)identity;
	return allowed(ctx, "sub", filter);
}

static bool rig_may_deliver(
	void *ctx, unsigned worker, const struct session_identity *identity, struct bytes topic)
{
	(void)worker;
	(void)identity;
	return allowed(ctx, "del", topic);
}

/* --- the store in front of the store --- */

enum {
	KIND_CLAIM,
	KIND_SUBSCRIBE,
	KIND_APPEND,
	KIND_RELEASE,
	KIND_ACKNOWLEDGE,
	KIND_READ,
	KIND_DETACH,
	KIND_DROP
};

static void forward(struct rig *rig, unsigned kind, void *request)
{
	const struct store_ops *ops = rig->memory.ops;
	void *ctx = rig->memory.ctx;
	switch (kind) {
	case KIND_CLAIM: ops->claim(ctx, request); break;
	case KIND_SUBSCRIBE: ops->subscribe(ctx, request); break;
	case KIND_APPEND: ops->append(ctx, request); break;
	case KIND_RELEASE: ops->release(ctx, request); break;
	case KIND_ACKNOWLEDGE: ops->acknowledge(ctx, request); break;
	case KIND_READ: ops->read(ctx, request); break;
	case KIND_DETACH: ops->detach(ctx, request); break;
	default: ops->drop(ctx, request); break;
	}
}

static void asked(struct rig *rig, unsigned kind, void *request)
{
	struct store_request *common = request; /* first in each */
	if (rig->mode == RIG_STORE_PASS || (rig->only_append && kind != KIND_APPEND)) {
		forward(rig, kind, request);
	} else if (rig->mode == RIG_STORE_HOLD) {
		REQUIRE("held requests within bounds", rig->held_count < RIG_HELD_MAX);
		rig->held[rig->held_count++] = (struct rig_held){.kind = kind, .request = request};
	} else if (rig->mode == RIG_STORE_LATE) {
		forward(rig, kind, request);
		REQUIRE("late answers within bounds", rig->late_count < RIG_HELD_MAX);
		rig->note_count--;
		rig->late[rig->late_count++] =
			rig->notes[(rig->note_first + rig->note_count) % RIG_NOTES_MAX];
	} else if (rig->mode == RIG_STORE_UNKNOWN) {
		forward(rig, kind, request);
		common->status = ERR_UNKNOWN; /* over what the memory engine answered */
	} else {
		common->status = rig->mode == RIG_STORE_FAIL ? ERR_LIMIT : ERR_UNKNOWN;
		note_add(rig, common->home, &common->mail, false);
	}
}

static void rig_claim(void *ctx, struct store_claim *request)
{
	asked(ctx, KIND_CLAIM, request);
}
static void rig_subscribe(void *ctx, struct store_subscribe *request)
{
	asked(ctx, KIND_SUBSCRIBE, request);
}
static void rig_append(void *ctx, struct store_append *request)
{
	asked(ctx, KIND_APPEND, request);
}
static void rig_release(void *ctx, struct store_release *request)
{
	asked(ctx, KIND_RELEASE, request);
}
static void rig_acknowledge(void *ctx, struct store_acknowledge *request)
{
	asked(ctx, KIND_ACKNOWLEDGE, request);
}
static void rig_read(void *ctx, struct store_read *request)
{
	asked(ctx, KIND_READ, request);
}
static void rig_detach(void *ctx, struct store_detach *request)
{
	asked(ctx, KIND_DETACH, request);
}
static void rig_drop(void *ctx, struct store_drop *request)
{
	asked(ctx, KIND_DROP, request);
}

static const struct store_ops rig_ops = {
	.claim = rig_claim,
	.subscribe = rig_subscribe,
	.append = rig_append,
	.release = rig_release,
	.acknowledge = rig_acknowledge,
	.read = rig_read,
	.detach = rig_detach,
	.drop = rig_drop,
};

void rig_store_release(struct rig *rig)
{
	for (size_t i = 0; i < rig->held_count; i++) {
		forward(rig, rig->held[i].kind, rig->held[i].request);
	}
	for (size_t i = 0; i < rig->late_count; i++) {
		note_add(rig, rig->late[i].to, rig->late[i].mail, false);
	}
	rig->late_count = 0;
	rig->held_count = 0;
	rig->mode = RIG_STORE_PASS;
}

/* --- links --- */

static void link_send(void *ctx, struct bytes head, struct message *owner, struct bytes payload)
{
	struct rig_client *client = ctx;
	(void)owner;
	REQUIRE("sent to an open link", !client->closed);
	REQUIRE("room for output", buf_append(&client->out, head) == ERR_OK);
	REQUIRE("room for output", buf_append(&client->out, payload) == ERR_OK);
}

static size_t link_backlog(void *ctx)
{
	const struct rig_client *client = ctx;
	return client->backlog;
}

static void link_close(void *ctx, uint8_t reason, bool send_disconnect)
{
	struct rig_client *client = ctx;
	REQUIRE("closed once", !client->closed);
	const size_t at = strlen(rig_seen(client));
	(void)snprintf(client->seen + at, sizeof(client->seen) - at, "%sCLOSE x%02x%s", at == 0 ? "" : "; ",
		reason, send_disconnect ? " told" : "");
	client->closed = true;
	client->session = NULL;
}

static void link_pause(void *ctx)
{
	struct rig_client *client = ctx;
	CHECK("pauses do not nest", !client->paused);
	client->paused = true;
}

static void link_resume(void *ctx)
{
	struct rig_client *client = ctx;
	CHECK("resumes what was paused", client->paused);
	client->paused = false;
}

static const struct session_link_ops link_ops = {.send = link_send,
	.backlog_bytes = link_backlog,
	.close = link_close,
	.pause_reading = link_pause,
	.resume_reading = link_resume};

struct session_link rig_link(struct rig_client *client)
{
	return (struct session_link){.ops = &link_ops, .ctx = client};
}

void rig_connected(void *ctx, const struct hub_connect_result *result)
{
	struct rig_client *client = ctx;
	client->connecting = NULL;
	client->session = result->session;
	/* The older connection of the same client shares this struct; its close has just gone by. */
	client->closed = result->session == NULL;
	client->paused = false;
	/* 3.x has no code for some refusals: then the connection just closes. */
	if (mqtt_encode_connack(&result->encode, &result->connack, &client->out) != ERR_OK) {
		CHECK("only an old client goes without CONNACK", client->version != MQTT_5);
	}
}

void rig_feed(struct rig_client *client, struct bytes packets)
{
	struct mqtt_frame frame;
	struct fault fault = FAULT_NONE;
	while (client->session != NULL && packets.len > 0 && !client->paused) {
		const enum err err = mqtt_frame_next(packets, 0, &frame, &fault);
		if (err != ERR_OK) {
			CHECK("whole packets are fed", err != ERR_AGAIN);
			session_fault(client->session, &fault);
			return;
		}
		if (session_packet(client->session, &frame) != ERR_OK) {
			CHECK("ERR_CLOSED comes with a closed link", client->closed);
			return;
		}
		packets.data += frame.packet_bytes;
		packets.len -= frame.packet_bytes;
	}
}

struct rig_client *rig_client(struct rig *rig, const char *name)
{
	for (size_t i = 0; i < rig->client_count; i++) {
		if (strcmp(rig->clients[i].name, name) == 0) {
			return &rig->clients[i];
		}
	}
	REQUIRE("clients within bounds", rig->client_count < RIG_CLIENTS_MAX);
	struct rig_client *client = &rig->clients[rig->client_count++];
	*client = (struct rig_client){.rig = rig, .closed = true, .version = MQTT_5};
	buf_init(&client->out, 64u << 20);
	(void)snprintf(client->name, sizeof(client->name), "%s", name);
	return client;
}

/* --- up and down --- */

static void engine_up(struct rig *rig)
{
	const struct engine_options options = {.workers = rig->workers,
		.post = post_of(rig),
		.hooks = {.may_publish = rig_may_publish,
			.may_subscribe = rig_may_subscribe,
			.may_deliver = rig_may_deliver,
			.ctx = rig},
		.limits = rig->limits,
		.clock = clock_from_fake(&rig->time),
		.store = &rig->store,
		.home_key = {1, 2, 3}};
	REQUIRE("engine", engine_new(&options, &rig->engine) == ERR_OK);
	for (unsigned i = 0; i < rig->workers; i++) {
		REQUIRE("wheel", wheel_new(rig->time.mono_ms, &rig->wheels[i]) == ERR_OK);
		REQUIRE("hub", hub_new(rig->engine, i, rig->wheels[i], &rig->hubs[i]) == ERR_OK);
	}
}

static void engine_down(struct rig *rig)
{
	rig_run(rig);
	for (unsigned i = 0; i < rig->workers; i++) {
		CHECK("idle at the end", hub_idle(rig->hubs[i]));
		hub_free(rig->hubs[i]);
		wheel_free(rig->wheels[i]);
		rig->hubs[i] = NULL;
	}
	engine_free(rig->engine);
}

void rig_up(struct rig *rig, unsigned workers, const struct hub_limits *limits)
{
	*rig = (struct rig){.workers = workers, .time = {.mono_ms = 1000, .wall_ms = 1800000000000}};
	if (limits != NULL) {
		rig->limits = *limits;
	}
	rig->notes = calloc(RIG_NOTES_MAX, sizeof(*rig->notes));
	REQUIRE("notes", rig->notes != NULL);
	const struct store_memory_options options = {
		.post = post_of(rig), .queue_count_max = rig->limits.queue_count_max};
	REQUIRE("store", store_memory_new(&options, &rig->memory) == ERR_OK);
	rig->store = (struct store){.ops = &rig_ops, .ctx = rig};
	engine_up(rig);
}

void rig_restart(struct rig *rig)
{
	rig_run(rig);
	engine_down(rig);
	engine_up(rig);
}

void rig_down(struct rig *rig)
{
	rig_store_release(rig);
	engine_down(rig);
	store_close(&rig->memory);
	for (size_t i = 0; i < rig->client_count; i++) {
		buf_release(&rig->clients[i].out);
	}
	free(rig->notes);
}
