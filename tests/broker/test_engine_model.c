/*
 * test_engine_model.c - goal: exactly once and in order, whatever is lost on the way (MQTT-4.3.3-10, MQTT-4.4.0-1,
 *   MQTT-4.6.0-6): a publisher and a subscriber with lasting sessions, whose connections are cut at any packet, on a
 *   store that answers late or not at all, through restarts of the engine.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/broker/rig.h"

#define MESSAGES_MAX 400u
#define WINDOW       5u
#define WIRE_MAX     256u
#define IDS          65536u

struct packet {
	uint8_t bytes[64];
	size_t len;
};

/* What a client of either kind has: a connection, perhaps, and packets on their way into the broker. */
struct peer {
	struct rig_client *client;
	bool asked; /* CONNECT has been sent */
	bool in;    /* CONNACK has been read */
	bool known; /* the broker must have a session for it */
	struct packet wire[WIRE_MAX];
	size_t wire_count;
	unsigned receive_max;
	unsigned unanswered; /* PUBLISH packets read on this connection and not finished */
};

struct sent {
	unsigned number;
	uint16_t id;
	uint8_t qos;
	bool released; /* PUBREC came: only the PUBREL counts now */
};

struct model {
	struct rig *rig;
	uint32_t random;
	char row[64];
	struct peer pub, sub;
	struct sent window[WINDOW]; /* the publisher's, in the order of first sending */
	size_t window_count;
	unsigned numbers; /* messages so far */
	uint16_t next_id;
	uint8_t qos_of[MESSAGES_MAX];
	unsigned seen[MESSAGES_MAX];
	unsigned last[3];    /* per QoS: the highest number whose first copy has come, plus 1 */
	unsigned holds[IDS]; /* the subscriber's unfinished QoS 2 ids: number plus 1 */
};

static unsigned draw(struct model *model, unsigned below)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 17;
	model->random ^= model->random << 5;
	return model->random % below;
}

static void say(struct model *model, const char *line)
{
	rig_script(model->rig, model->row, line);
	model->pub.client->seen[0] = '\0';
	model->sub.client->seen[0] = '\0';
}

/* --- a peer's connection --- */

static void put(struct model *model, struct peer *peer, const struct mqtt_packet_view *view)
{
	const struct mqtt_encode_options options = {.version = MQTT_5};
	struct buf out = BUF_INIT(64);
	REQUIRE(model->row, peer->wire_count < WIRE_MAX);
	REQUIRE(model->row, mqtt_encode(&options, view, &out) == ERR_OK);
	struct packet *packet = &peer->wire[peer->wire_count++];
	REQUIRE(model->row, out.len <= sizeof(packet->bytes));
	memcpy(packet->bytes, out.data, out.len);
	packet->len = out.len;
	buf_release(&out);
}

static void put_ack(struct model *model, struct peer *peer, enum mqtt_type type, uint16_t id)
{
	struct mqtt_packet_view view = {.type = type};
	view.as.ack = (struct mqtt_ack_view){.type = type, .packet_id = id};
	put(model, peer, &view);
}

/* The connection is gone, with all that was on its way in both directions. */
static void forget_connection(struct peer *peer)
{
	peer->asked = false;
	peer->in = false;
	peer->wire_count = 0;
	peer->unanswered = 0;
	peer->client->out.len = 0;
}

static void cut(struct model *model, struct peer *peer)
{
	char line[64];
	/* A takeover that waits for its claim has two connections. */
	if (peer->client->connecting != NULL) {
		(void)snprintf(line, sizeof(line), "!%s cancel", peer->client->name);
		say(model, line);
		peer->client->connecting = NULL;
	}
	if (peer->client->session != NULL) {
		(void)snprintf(line, sizeof(line), "!%s lose", peer->client->name);
		say(model, line);
	}
	forget_connection(peer);
}

static void dial(struct model *model, struct peer *peer)
{
	char line[64];
	/* A takeover now and then; what the older connection still had to say is lost. */
	if (peer->client->connecting != NULL) {
		return;
	}
	forget_connection(peer);
	peer->asked = true;
	peer->receive_max = 1 + draw(model, 4);
	(void)snprintf(
		line, sizeof(line), "!%s connect exp=6000 rmax=%u", peer->client->name, peer->receive_max);
	say(model, line);
}

static bool broken(const struct peer *peer)
{
	return peer->asked && peer->client->session == NULL && peer->client->connecting == NULL;
}

/* One packet into the broker. */
static void carry_in(struct peer *peer)
{
	if (peer->wire_count == 0 || !peer->in || peer->client->session == NULL || peer->client->paused) {
		return;
	}
	const struct packet packet = peer->wire[0];
	peer->wire_count--;
	memmove(&peer->wire[0], &peer->wire[1], peer->wire_count * sizeof(peer->wire[0]));
	rig_feed(peer->client, bytes_of(packet.bytes, packet.len));
}

/* --- the publisher --- */

static void send_message(struct model *model, const struct sent *sent, bool dup)
{
	char text[16];
	struct mqtt_packet_view view = {.type = MQTT_PUBLISH};
	(void)snprintf(text, sizeof(text), "%u", sent->number);
	view.as.publish = (struct mqtt_publish_view){.topic = bytes_text("t"),
		.payload = bytes_text(text),
		.qos = sent->qos,
		.dup = dup,
		.packet_id = sent->id};
	put(model, &model->pub, &view);
}

static void publish_next(struct model *model)
{
	if (!model->pub.in || model->window_count == WINDOW || model->numbers == MESSAGES_MAX) {
		return;
	}
	struct sent *sent = &model->window[model->window_count++];
	model->next_id = (uint16_t)(model->next_id % 9 + 1); /* few, so that they come again soon */
	for (size_t i = 0; i + 1 < model->window_count; i++) {
		if (model->window[i].id == model->next_id) {
			model->next_id = (uint16_t)(model->next_id % 9 + 1);
			i = (size_t)-1;
		}
	}
	*sent = (struct sent){
		.number = model->numbers++, .id = model->next_id, .qos = (uint8_t)(1 + draw(model, 2))};
	model->qos_of[sent->number] = sent->qos;
	send_message(model, sent, false);
}

static void resend(struct model *model)
{
	for (size_t i = 0; i < model->window_count; i++) {
		const struct sent *sent = &model->window[i];
		if (sent->released) {
			put_ack(model, &model->pub, MQTT_PUBREL, sent->id);
		} else {
			send_message(model, sent, true);
		}
	}
}

static void answered(struct model *model, const struct mqtt_ack_view *ack)
{
	size_t i = 0;
	while (i < model->window_count && model->window[i].id != ack->packet_id) {
		i++;
	}
	if (i == model->window_count) {
		CHECK(model->row, ack->type == MQTT_PUBREC || ack->type == MQTT_PUBCOMP);
		return;
	}
	struct sent *sent = &model->window[i];
	CHECK(model->row, ack->reason < MQTT_REASON_UNSPECIFIED || ack->type == MQTT_PUBCOMP);
	if (ack->type == MQTT_PUBREC) {
		CHECK(model->row, sent->qos == 2);
		sent->released = true;
		put_ack(model, &model->pub, MQTT_PUBREL, sent->id);
		return;
	}
	CHECK(model->row, ack->type == (sent->qos == 1 ? MQTT_PUBACK : MQTT_PUBCOMP));
	CHECK(model->row, sent->qos == 1 || sent->released);
	model->window_count--;
	memmove(sent, sent + 1, (model->window_count - i) * sizeof(*sent));
}

/* --- the subscriber --- */

static void arrived(struct model *model, const struct mqtt_publish_view *view)
{
	struct peer *sub = &model->sub;
	char text[16] = "";
	REQUIRE(model->row, view->payload.len < sizeof(text));
	memcpy(text, view->payload.data, view->payload.len);
	const unsigned number = (unsigned)strtoul(text, NULL, 10);
	REQUIRE(model->row, number < model->numbers);
	CHECK(model->row, view->qos == model->qos_of[number]);
	sub->unanswered++;
	CHECK("MQTT-3.3.4-9 within its Receive Maximum", sub->unanswered <= sub->receive_max);
	const bool again = view->qos == 2 && model->holds[view->packet_id] != 0;
	if (again) {
		CHECK("an unfinished id means the same message, and DUP says so",
			view->dup && model->holds[view->packet_id] == number + 1);
	} else {
		if (model->seen[number]++ == 0) {
			CHECK("MQTT-4.6.0-6 in order", number >= model->last[view->qos]);
			model->last[view->qos] = number + 1;
		}
		CHECK("MQTT-4.3.3-10 exactly once", view->qos == 1 || model->seen[number] == 1);
	}
	if (view->qos == 1) {
		sub->unanswered--;
		put_ack(model, sub, MQTT_PUBACK, view->packet_id);
		return;
	}
	model->holds[view->packet_id] = number + 1;
	put_ack(model, sub, MQTT_PUBREC, view->packet_id);
}

static void released(struct model *model, uint16_t id)
{
	model->holds[id] = 0;
	model->sub.unanswered -= model->sub.unanswered > 0;
	put_ack(model, &model->sub, MQTT_PUBCOMP, id);
}

/* --- one packet out of the broker --- */

static void read_one(struct model *model, struct peer *peer)
{
	struct mqtt_frame frame;
	struct mqtt_packet_view view;
	struct fault fault = FAULT_NONE;
	if (!peer->asked || peer->client->out.len == 0) {
		return;
	}
	REQUIRE(model->row, mqtt_frame_next(buf_bytes(&peer->client->out), 0, &frame, &fault) == ERR_OK);
	REQUIRE(model->row, mqtt_decode(MQTT_5, MQTT_SERVER, &frame, &view, &fault) == ERR_OK);
	if (view.type == MQTT_CONNACK) {
		CHECK(model->row, view.as.connack.reason == 0);
		CHECK("the session is there", view.as.connack.session_present || !peer->known);
		peer->known = true;
		peer->in = true;
		if (peer == &model->pub) {
			resend(model);
		}
	} else if (!peer->in) {
		/* Of the connection that was taken over: its client never reads it. */
	} else if (view.type == MQTT_PUBLISH) {
		arrived(model, &view.as.publish);
	} else if (view.type == MQTT_PUBREL) {
		released(model, view.as.ack.packet_id);
	} else if (view.type != MQTT_SUBACK) {
		answered(model, &view.as.ack);
	}
	buf_consume(&peer->client->out, frame.packet_bytes);
}

/* --- rounds --- */

/*
 * An append that is lost ends its publisher's connection. Until that has happened the store stays as it is: an engine
 * that loses one message and takes the next of the same publisher breaks their order, and no broker could mend that.
 */
static void release_store(struct model *model)
{
	if (model->rig->mode == RIG_STORE_LOST) {
		rig_run(model->rig);
	}
	say(model, "!store release");
}

static void restart(struct model *model)
{
	cut(model, &model->pub);
	cut(model, &model->sub);
	release_store(model);
	rig_run(model->rig);
	say(model, "restart");
	/* A session that only the store knows is routed to from its first connect on. */
	say(model, "s connect exp=6000\ns lose");
	forget_connection(&model->sub);
}

static void step(struct model *model)
{
	static const char *const trouble[] = {
		"!store hold", "!store late", "!store unknown append", "!store lost append"};
	struct peer *peer = draw(model, 2) == 0 ? &model->pub : &model->sub;
	const unsigned dice = draw(model, 100);
	if (broken(peer)) {
		forget_connection(peer);
	}
	if (dice < 4) {
		cut(model, peer);
	} else if (dice < 5) {
		restart(model);
	} else if (dice < 7 && model->rig->mode == RIG_STORE_PASS) {
		/* From one trouble straight into another, requests would lose their order. */
		say(model, trouble[draw(model, (unsigned)ARRAY_COUNT(trouble))]);
	} else if (dice < 12) {
		release_store(model);
	} else if (dice < 13 || (dice < 30 && !peer->asked)) {
		dial(model, peer);
	} else if (dice < 40) {
		publish_next(model);
	} else if (dice < 65) {
		carry_in(peer);
	} else if (dice < 90) {
		read_one(model, peer);
	} else {
		rig_run(model->rig);
	}
	if (model->rig->held_count + model->rig->late_count > 100) {
		release_store(model);
	}
}

/* No more trouble: everything must come to its end. */
static void settle(struct model *model)
{
	release_store(model);
	for (unsigned i = 0; i < 5000; i++) {
		struct peer *const peers[] = {&model->pub, &model->sub};
		for (size_t j = 0; j < ARRAY_COUNT(peers); j++) {
			if (broken(peers[j]) || !peers[j]->asked) {
				forget_connection(peers[j]);
				dial(model, peers[j]);
			}
			rig_run(model->rig);
			carry_in(peers[j]);
			read_one(model, peers[j]);
		}
	}
	CHECK(model->row, model->window_count == 0 && model->sub.unanswered == 0);
	for (unsigned i = 0; i < model->numbers; i++) {
		if (model->seen[i] == 0 || (model->qos_of[i] == 2 && model->seen[i] != 1)) {
			(void)fprintf(stderr, "%s: message %u, QoS %u: %u times\n", model->row, i,
				model->qos_of[i], model->seen[i]);
		}
		CHECK(model->row, model->seen[i] == 1 || (model->qos_of[i] == 1 && model->seen[i] > 1));
	}
	struct session_status status;
	const struct bytes name = bytes_text("s");
	CHECK(model->row,
		hub_session_status(model->rig->hubs[engine_home(model->rig->engine, name)], name, &status));
	CHECK("nothing is left in doubt", status.in_doubt_out == 0 && status.pending == 0);
}

static void round_of(uint32_t seed, unsigned workers)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct model *model = calloc(1, sizeof(*model));
	REQUIRE("rig", rig != NULL && model != NULL);
	rig_up(rig, workers, NULL);
	model->rig = rig;
	model->random = seed * 2654435761u + 1;
	(void)snprintf(
		model->row, sizeof(model->row), "MQTT-4.4.0-1 seed %u, %u workers", (unsigned)seed, workers);
	model->pub.client = rig_client(rig, "p");
	model->sub.client = rig_client(rig, "s");
	model->sub.known = true;
	say(model, "s connect exp=6000\ns sub 1 t q2\ns lose");
	forget_connection(&model->sub);
	for (unsigned i = 0; i < 1500; i++) {
		step(model);
	}
	settle(model);
	rig_down(rig);
	free(model);
	free(rig);
}

int main(void)
{
	for (uint32_t seed = 1; seed <= 300; seed++) {
		round_of(seed, seed % 2 == 0 ? 3 : 1);
	}
	return test_result();
}
