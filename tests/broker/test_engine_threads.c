/*
 * test_engine_threads.c - goal: two hubs on two threads over small mailboxes; clients that connect, take each other
 *   over, subscribe and vanish all the while; and each steady subscriber still gets every QoS 1 message once per
 *   publisher, in order. Run it under the thread sanitizer.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "broker/engine/engine.h"
#include "broker/store/store.h"
#include "tests/test.h"

#define THREADS      2u
#define MESSAGES     2000u
#define JITTER       4u
#define MAILBOX_MAX  8u
#define PATIENCE_MS  40000u
#define SUBSCRIPTION "s/#"

struct lane_queue {
	struct mail *head;
	struct mail *tail;
	unsigned count;
};

struct world {
	pthread_mutex_t lock;
	struct lane_queue boxes[THREADS][THREADS];
	struct lane_queue reserved[THREADS];
	struct engine *engine;
	struct store store;
	struct clock clock;
	atomic_uint finished; /* threads whose subscriber has everything */
};

struct party {
	struct hub *hub;
	struct session *session;
	struct hub_connect *connecting;
	struct buf out;
	char name[32];
	bool closed;
	bool paused;
	bool subscriber;
	unsigned acked;         /* PUBACKs the publisher has seen */
	unsigned next[THREADS]; /* what the subscriber waits for, per publisher */
	unsigned wrong;
};

struct worker {
	struct world *world;
	unsigned index;
	struct hub *hub;
	struct wheel *wheel;
	struct party subscriber;
	struct party publisher;
	struct party jitter[JITTER];
	unsigned sent;
	uint32_t random;
};

/* --- mailboxes --- */

static void push(struct lane_queue *queue, struct mail *mail)
{
	mail->next = NULL;
	if (queue->tail == NULL) {
		queue->head = mail;
	} else {
		queue->tail->next = mail;
	}
	queue->tail = mail;
	queue->count++;
}

static struct mail *pop(struct lane_queue *queue)
{
	struct mail *mail = queue->head;
	if (mail != NULL) {
		queue->head = mail->next;
		queue->tail = queue->head == NULL ? NULL : queue->tail;
		queue->count--;
	}
	return mail;
}

static enum err post(void *ctx, unsigned from, unsigned to, struct mail *mail)
{
	struct world *world = ctx;
	(void)pthread_mutex_lock(&world->lock);
	const bool full = world->boxes[from][to].count >= MAILBOX_MAX;
	if (!full) {
		push(&world->boxes[from][to], mail);
	}
	(void)pthread_mutex_unlock(&world->lock);
	return full ? ERR_LIMIT : ERR_OK;
}

static void post_reserved(void *ctx, unsigned to, struct mail *mail)
{
	struct world *world = ctx;
	(void)pthread_mutex_lock(&world->lock);
	push(&world->reserved[to], mail);
	(void)pthread_mutex_unlock(&world->lock);
}

static unsigned run_mail(struct world *world, unsigned at)
{
	unsigned ran = 0;
	for (unsigned from = 0; from <= THREADS; from++) {
		struct lane_queue *queue = from == THREADS ? &world->reserved[at] : &world->boxes[from][at];
		for (;;) {
			(void)pthread_mutex_lock(&world->lock);
			struct mail *mail = pop(queue);
			(void)pthread_mutex_unlock(&world->lock);
			if (mail == NULL) {
				break;
			}
			mail->run(mail, at);
			ran++;
		}
	}
	return ran;
}

/* --- links --- */

static void link_send(void *ctx, struct bytes head, struct message *owner, struct bytes payload)
{
	struct party *party = ctx;
	(void)owner;
	REQUIRE("output", buf_append(&party->out, head) == ERR_OK);
	REQUIRE("output", buf_append(&party->out, payload) == ERR_OK);
}

static size_t link_backlog(void *ctx)
{
	(void)ctx;
	return 0;
}

static void link_close(void *ctx, uint8_t reason, bool send_disconnect)
{
	struct party *party = ctx;
	(void)reason;
	(void)send_disconnect;
	party->session = NULL;
	party->closed = true;
}

static void link_pause(void *ctx)
{
	((struct party *)ctx)->paused = true;
}

static void link_resume(void *ctx)
{
	((struct party *)ctx)->paused = false;
}

static const struct session_link_ops ops = {.send = link_send,
	.backlog_bytes = link_backlog,
	.close = link_close,
	.pause_reading = link_pause,
	.resume_reading = link_resume};

static void connected(void *ctx, const struct hub_connect_result *result)
{
	struct party *party = ctx;
	party->connecting = NULL;
	party->session = result->session;
	party->closed = result->session == NULL;
	party->paused = false;
	const enum err err = mqtt_encode_connack(&result->encode, &result->connack, &party->out);
	if (err != ERR_OK) {
		(void)fprintf(
			stderr, "connack %02x: %s, out %zu\n", result->reason, err_name(err), party->out.len);
	}
	REQUIRE("connack", err == ERR_OK);
}

static bool allow_publish(
	void *ctx, unsigned worker, const struct session_identity *identity, struct bytes topic, bool retain)
{
	(void)ctx;
	(void)worker;
	(void)retain;
	return identity->user[0] != '\0' && topic.len > 0;
}

static bool allow(void *ctx, unsigned worker, const struct session_identity *identity, struct bytes topic)
{
	(void)ctx;
	(void)worker;
	return identity->user[0] != '\0' && topic.len > 0;
}

/* --- clients --- */

static void feed(struct party *party, const struct mqtt_packet_view *view)
{
	const struct mqtt_encode_options options = {.version = MQTT_5};
	struct buf packet = BUF_INIT(1024);
	struct mqtt_frame frame;
	struct fault fault = FAULT_NONE;
	REQUIRE("encode", mqtt_encode(&options, view, &packet) == ERR_OK);
	REQUIRE("frame", mqtt_frame_next(buf_bytes(&packet), 0, &frame, &fault) == ERR_OK);
	if (party->session != NULL && session_packet(party->session, &frame) != ERR_OK) {
		CHECK("closed", party->closed);
	}
	buf_release(&packet);
}

static void begin(struct worker *worker, struct party *party, uint32_t expiry_s, bool clean)
{
	struct mqtt_connect_view view = {
		.version = MQTT_5, .clean_start = clean, .has_will = party->name[0] == 'j'};
	view.props.session_expiry_s = expiry_s;
	view.props.receive_max = 65535;
	view.props.packet_bytes_max = UINT32_MAX;
	view.will =
		(struct mqtt_will_view){.topic = bytes_text("w/j"), .payload = bytes_text("gone"), .qos = 1};
	const struct session_identity in = {.client_id = party->name, .user = "u", .channel = "T"};
	const struct session_identity *identity = NULL;
	REQUIRE("identity", session_identity_new(&in, &identity) == ERR_OK);
	const struct hub_connect_request request = {
		.connect = &view, .identity = identity, .link = {&ops, party}};
	party->hub = worker->hub;
	struct hub_connect *connecting = NULL;
	if (hub_connect(worker->hub, &request, connected, party, &connecting) == ERR_OK) {
		party->connecting = connecting;
	}
	session_identity_unref(identity);
}

static void subscribe(struct party *party, const char *filter, uint8_t qos)
{
	struct buf raw = BUF_INIT(256);
	struct wire_writer writer = wire_writer_init(&raw);
	const struct mqtt_subscription one = {.filter = bytes_text(filter), .qos = qos};
	mqtt_put_subscription(&writer, MQTT_5, &one);
	struct mqtt_packet_view view = {.type = MQTT_SUBSCRIBE};
	view.as.subscribe = (struct mqtt_subscribe_view){.packet_id = 1, .count = 1, .raw = buf_bytes(&raw)};
	feed(party, &view);
	buf_release(&raw);
}

static void publish(struct party *party, const char *topic, unsigned number, uint8_t qos)
{
	char text[16];
	(void)snprintf(text, sizeof(text), "%u", number);
	struct mqtt_packet_view view = {.type = MQTT_PUBLISH};
	view.as.publish = (struct mqtt_publish_view){.topic = bytes_text(topic),
		.payload = bytes_text(text),
		.qos = qos,
		.retain = number % 16 == 0,
		.packet_id = qos == 0 ? 0 : (uint16_t)(1 + number % 60000)};
	feed(party, &view);
}

static void take_publish(struct party *party, const struct mqtt_publish_view *view)
{
	if (party->subscriber && view->topic.len == 3 && !view->retain) {
		char text[16] = "";
		memcpy(text, view->payload.data, view->payload.len < 15 ? view->payload.len : 15);
		const unsigned from = view->topic.data[2] - '0';
		party->wrong += strtoul(text, NULL, 10) != party->next[from];
		party->next[from]++;
	}
	if (view->qos > 0) {
		struct mqtt_packet_view ack = {.type = MQTT_PUBACK};
		ack.as.ack = (struct mqtt_ack_view){.type = MQTT_PUBACK, .packet_id = view->packet_id};
		feed(party, &ack);
	}
}

/* Reads what came and acknowledges it. */
static void drain(struct party *party)
{
	if (party->paused) {
		return;
	}
	struct buf in = party->out;
	buf_init(&party->out, 16u << 20);
	struct bytes left = buf_bytes(&in);
	while (left.len > 0) {
		struct mqtt_frame frame;
		struct mqtt_packet_view view;
		struct fault fault = FAULT_NONE;
		REQUIRE("whole", mqtt_frame_next(left, 0, &frame, &fault) == ERR_OK);
		REQUIRE("valid", mqtt_decode(MQTT_5, MQTT_SERVER, &frame, &view, &fault) == ERR_OK);
		if (view.type == MQTT_PUBLISH) {
			take_publish(party, &view.as.publish);
		} else if (view.type == MQTT_PUBACK) {
			party->acked++;
		}
		left.data += frame.packet_bytes;
		left.len -= frame.packet_bytes;
	}
	buf_release(&in);
}

static uint32_t roll(struct worker *worker)
{
	worker->random = worker->random * 1664525u + 1013904223u;
	return worker->random >> 8;
}

static void fidget(struct worker *worker)
{
	struct party *party = &worker->jitter[roll(worker) % JITTER];
	if (party->connecting != NULL) {
		if (roll(worker) % 4 == 0 && party->session == NULL) {
			hub_connect_cancel(worker->hub, party->connecting);
			party->connecting = NULL;
		}
		return;
	}
	if (party->session == NULL || roll(worker) % 8 == 0) {
		begin(worker, party, roll(worker) % 3 == 0 ? 60 : 0, roll(worker) % 3 == 0);
		return;
	}
	if (party->paused) {
		return;
	}
	switch (roll(worker) % 5) {
	case 0: subscribe(party, SUBSCRIPTION, (uint8_t)(roll(worker) % 2)); break;
	case 1: subscribe(party, "w/#", 1); break;
	case 2: publish(party, "w/x", roll(worker) % 100, (uint8_t)(roll(worker) % 2)); break;
	case 3: {
		struct session *session = party->session;
		party->session = NULL;
		session_lost(session);
		break;
	}
	default: engine_rights_changed(worker->world->engine); break;
	}
}

static bool all_there(const struct worker *worker)
{
	for (unsigned i = 0; i < THREADS; i++) {
		if (worker->subscriber.next[i] < MESSAGES) {
			return false;
		}
	}
	return true;
}

static void turn(struct worker *worker)
{
	(void)run_mail(worker->world, worker->index);
	(void)hub_turn(worker->hub);
	(void)wheel_advance(worker->wheel, clock_mono_ms(&worker->world->clock));
	drain(&worker->subscriber);
	drain(&worker->publisher);
	for (unsigned i = 0; i < JITTER; i++) {
		drain(&worker->jitter[i]);
	}
}

static void *work(void *ctx)
{
	struct worker *worker = ctx;
	struct world *world = worker->world;
	const uint64_t deadline = clock_mono_ms(&world->clock) + PATIENCE_MS;
	char topic[8];
	(void)snprintf(topic, sizeof(topic), "s/%u", worker->index);
	bool told = false;
	while (clock_mono_ms(&world->clock) < deadline && atomic_load(&world->finished) < THREADS) {
		turn(worker);
		/* On a busy machine the mailbox is full long before the other thread's turn comes. */
		(void)sched_yield();
		if (atomic_load(&world->finished) < THREADS && roll(worker) % 4 == 0) {
			fidget(worker);
		}
		if (worker->sent < MESSAGES && worker->publisher.session != NULL &&
			!worker->publisher.paused && worker->sent < worker->publisher.acked + 32) {
			publish(&worker->publisher, topic, worker->sent++, 1);
		}
		if (!told && all_there(worker)) {
			told = true;
			atomic_fetch_add(&world->finished, 1);
		}
	}
	CHECK("every message came", told);
	return NULL;
}

/* A client id that lives on this worker. */
static void name_for(struct worker *worker, struct party *party, const char *kind)
{
	buf_init(&party->out, 16u << 20);
	party->closed = true;
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(party->name, sizeof(party->name), "%s%u", kind, i);
		if (engine_home(worker->world->engine, bytes_text(party->name)) == worker->index &&
			hub_session_owner(worker->hub, bytes_text(party->name)) == NULL) {
			return;
		}
	}
}

static void party_up(struct worker *worker)
{
	char kind[16];
	name_for(worker, &worker->subscriber, "sub");
	worker->subscriber.subscriber = true;
	name_for(worker, &worker->publisher, "pub");
	for (unsigned i = 0; i < JITTER; i++) {
		(void)snprintf(
			kind, sizeof(kind), "j%u-", i / 2); /* two of each name: they take each other over */
		name_for(worker, &worker->jitter[i], kind);
	}
	begin(worker, &worker->subscriber, 60, true);
	begin(worker, &worker->publisher, 0, true);
	(void)run_mail(worker->world, worker->index);
	subscribe(&worker->subscriber, SUBSCRIPTION, 1);
	(void)run_mail(worker->world, worker->index);
	REQUIRE("subscribed", worker->subscriber.session != NULL && !worker->subscriber.paused);
}

int main(void)
{
	struct world world = {.clock = clock_system()};
	struct worker workers[THREADS] = {0};
	pthread_t threads[THREADS];
	REQUIRE("lock", pthread_mutex_init(&world.lock, NULL) == 0);
	const struct hub_post table = {post, post_reserved, &world};
	const struct store_memory_options memory = {.post = table};
	REQUIRE("store", store_memory_new(&memory, &world.store) == ERR_OK);
	const struct engine_options options = {.workers = THREADS,
		.post = table,
		.hooks = {allow_publish, allow, allow, NULL},
		.clock = world.clock,
		.store = &world.store};
	REQUIRE("engine", engine_new(&options, &world.engine) == ERR_OK);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.world = &world, .index = i, .random = 7 + i};
		REQUIRE("wheel", wheel_new(clock_mono_ms(&world.clock), &workers[i].wheel) == ERR_OK);
		REQUIRE("hub", hub_new(world.engine, i, workers[i].wheel, &workers[i].hub) == ERR_OK);
		party_up(&workers[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		REQUIRE("thread", pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		CHECK("MQTT-4.6.0-5 in order, none lost, none twice", workers[i].subscriber.wrong == 0);
		hub_stop(workers[i].hub);
	}
	/* A hub is idle when it has sent its last letter; the other must have read it, too. */
	unsigned ran = 1;
	for (unsigned rounds = 0;
		rounds < 100000 && !(ran == 0 && hub_idle(workers[0].hub) && hub_idle(workers[1].hub));
		rounds++) {
		for (unsigned i = 0; i < THREADS; i++) {
			(void)hub_turn(workers[i].hub);
		}
		ran = run_mail(&world, 0) + run_mail(&world, 1);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		CHECK("idle", hub_idle(workers[i].hub));
		hub_free(workers[i].hub);
		wheel_free(workers[i].wheel);
		buf_release(&workers[i].subscriber.out);
		buf_release(&workers[i].publisher.out);
		for (unsigned j = 0; j < JITTER; j++) {
			buf_release(&workers[i].jitter[j].out);
		}
	}
	engine_free(world.engine);
	store_close(&world.store);
	(void)pthread_mutex_destroy(&world.lock);
	return test_result();
}
