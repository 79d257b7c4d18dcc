/*
 * Goal: packets nobody thought of. A model draws random packets from its own reading of the specification, keeps what it
 * drew, and the codec must give back the same after encode, frame and decode; a changed byte never does more than change
 * the verdict or the view.
 */
#include <stdlib.h>
#include <string.h>

#include "mqtt/mqtt.h"
#include "tests/test.h"

#define ROUNDS           6000
#define MODEL_TEXT_BYTES 40
#define MODEL_PROPS_MAX  12

struct dice {
	uint64_t state;
};

/* splitmix64; the seed is fixed, so that a failure can be seen again. */
static uint32_t roll(struct dice *dice, uint32_t sides)
{
	uint64_t z = dice->state += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return (uint32_t)((z ^ z >> 31) % sides);
}

/* Text of valid characters of every UTF-8 length, in memory of the packet's model. */
struct model_text {
	uint8_t data[MODEL_TEXT_BYTES];
	size_t len;
};

static struct bytes view_of(const struct model_text *text)
{
	return bytes_of(text->data, text->len);
}

static void draw_text(struct dice *dice, struct model_text *out, const char *const *words, size_t count)
{
	size_t pieces = roll(dice, 6);

	out->len = 0;
	for (size_t i = 0; i < pieces; i++) {
		const char *word = words[roll(dice, (uint32_t)count)];
		size_t len = strlen(word);

		REQUIRE("room for text", out->len + len <= sizeof(out->data));
		memcpy(out->data + out->len, word, len);
		out->len += len;
	}
}

static const char *const letters[] = {"a", "Z", "0", "/", "+", "#", "$", "\xc3\xa4", "\xe2\x82\xac",
	"\xf0\x9f\x9a\x80", "\xef\xbb\xbf", "\x7f", "\x01", " "};
static const char *const topic_letters[] = {"a", "b", "/", "//", "$", "\xc3\xa4", "\xf0\x9f\x9a\x80", " "};

static void draw_binary(struct dice *dice, struct model_text *out)
{
	out->len = roll(dice, MODEL_TEXT_BYTES + 1);
	for (size_t i = 0; i < out->len; i++) {
		out->data[i] = (uint8_t)roll(dice, 256);
	}
}

static void draw_topic(struct dice *dice, struct model_text *out)
{
	do {
		draw_text(dice, out, topic_letters, ARRAY_COUNT(topic_letters));
	} while (out->len == 0);
}

/* The model's own list of 2.2.2.2: the letter says the type, the string where it may stand (see places[]). */
enum model_place {
	IN_CONNECT,
	IN_CONNACK,
	IN_PUBLISH,
	IN_WILL,
	IN_ACK,
	IN_SUBSCRIBE,
	IN_SUBACK,
	IN_UNSUBSCRIBE,
	IN_DISCONNECT,
	IN_AUTH
};
static const struct {
	enum mqtt_prop prop;
	char kind; /* f: 0 or 1, w: 16 bits, l: 32 bits, v: variable, s: text, t: topic, b: binary, p: pair */
	bool from_one;
	const char *places;
} model_props[] = {
	{MQTT_PROP_PAYLOAD_FORMAT, 'f', false, "PW"},
	{MQTT_PROP_MESSAGE_EXPIRY, 'l', false, "PW"},
	{MQTT_PROP_CONTENT_TYPE, 's', false, "PW"},
	{MQTT_PROP_RESPONSE_TOPIC, 't', false, "PW"},
	{MQTT_PROP_CORRELATION_DATA, 'b', false, "PW"},
	{MQTT_PROP_SUBSCRIPTION_ID, 'v', true, "PS"},
	{MQTT_PROP_SESSION_EXPIRY, 'l', false, "CcD"},
	{MQTT_PROP_ASSIGNED_CLIENT_ID, 's', false, "c"},
	{MQTT_PROP_SERVER_KEEP_ALIVE, 'w', false, "c"},
	{MQTT_PROP_AUTH_METHOD, 's', false, "CcA"},
	{MQTT_PROP_REQUEST_PROBLEM_INFO, 'f', false, "C"},
	{MQTT_PROP_WILL_DELAY, 'l', false, "W"},
	{MQTT_PROP_REQUEST_RESPONSE_INFO, 'f', false, "C"},
	{MQTT_PROP_RESPONSE_INFO, 's', false, "c"},
	{MQTT_PROP_SERVER_REFERENCE, 's', false, "cD"},
	{MQTT_PROP_REASON_STRING, 's', false, "ckaDA"},
	{MQTT_PROP_RECEIVE_MAX, 'w', true, "Cc"},
	{MQTT_PROP_TOPIC_ALIAS_MAX, 'w', false, "Cc"},
	{MQTT_PROP_TOPIC_ALIAS, 'w', true, "P"},
	{MQTT_PROP_MAX_QOS, 'f', false, "c"},
	{MQTT_PROP_RETAIN_AVAILABLE, 'f', false, "c"},
	{MQTT_PROP_USER, 'p', false, "CcPWkSaUDA"},
	{MQTT_PROP_PACKET_BYTES_MAX, 'l', true, "Cc"},
	{MQTT_PROP_WILDCARD_AVAILABLE, 'f', false, "c"},
	{MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE, 'f', false, "c"},
	{MQTT_PROP_SHARED_AVAILABLE, 'f', false, "c"},
};
static const char places[] = "CcPWkSaUDA"; /* indexed by enum model_place */

struct model_prop {
	size_t index; /* in model_props */
	uint32_t number;
	struct model_text text;
	struct model_text second;
};

struct model_row {
	struct model_prop props[MODEL_PROPS_MAX];
	size_t count;
	struct buf raw;
};

static void put_model_prop(struct wire_writer *writer, const struct model_prop *prop)
{
	enum mqtt_prop id = model_props[prop->index].prop;

	switch (model_props[prop->index].kind) {
	case 'p': mqtt_put_prop_user(writer, view_of(&prop->text), view_of(&prop->second)); break;
	case 's':
	case 't':
	case 'b': mqtt_put_prop_bytes(writer, id, view_of(&prop->text)); break;
	default: mqtt_put_prop_int(writer, id, prop->number); break;
	}
}

static void draw_prop(struct dice *dice, size_t index, struct model_prop *out)
{
	uint32_t least = model_props[index].from_one ? 1 : 0;

	out->index = index;
	switch (model_props[index].kind) {
	case 'f': out->number = roll(dice, 2); break;
	case 'w': out->number = least + roll(dice, 65536 - least); break;
	case 'l': out->number = least + roll(dice, UINT32_MAX - least); break;
	case 'v': out->number = least + roll(dice, MQTT_VARINT_MAX - least); break;
	case 't': draw_topic(dice, &out->text); break;
	case 'b': draw_binary(dice, &out->text); break;
	default:
		draw_text(dice, &out->text, letters, ARRAY_COUNT(letters));
		draw_text(dice, &out->second, letters, ARRAY_COUNT(letters));
		break;
	}
}

/* Properties in random order, none twice but user properties. */
static void draw_props(
	struct dice *dice, enum mqtt_version version, enum model_place place, struct model_row *row)
{
	uint64_t used = 0;
	struct wire_writer writer;

	row->count = 0;
	buf_init(&row->raw, 1 << 16);
	writer = wire_writer_init(&row->raw);
	for (size_t tries = version == MQTT_5 ? roll(dice, MODEL_PROPS_MAX + 1) : 0; tries > 0; tries--) {
		size_t index = roll(dice, ARRAY_COUNT(model_props));
		bool again = (used >> index & 1u) != 0 && model_props[index].kind != 'p';

		if (again || strchr(model_props[index].places, places[place]) == NULL) {
			continue;
		}
		used |= (uint64_t)1 << index;
		draw_prop(dice, index, &row->props[row->count]);
		put_model_prop(&writer, &row->props[row->count]);
		row->count++;
	}
	REQUIRE("properties are written", wire_writer_err(&writer) == ERR_OK);
}

/* What the view says of an integer property. */
static uint32_t int_of(const struct mqtt_props_view *props, enum mqtt_prop prop)
{
	switch (prop) {
	case MQTT_PROP_PAYLOAD_FORMAT: return props->payload_format;
	case MQTT_PROP_MESSAGE_EXPIRY: return props->message_expiry_s;
	case MQTT_PROP_SUBSCRIPTION_ID: return props->subscription_id;
	case MQTT_PROP_SESSION_EXPIRY: return props->session_expiry_s;
	case MQTT_PROP_SERVER_KEEP_ALIVE: return props->server_keep_alive_s;
	case MQTT_PROP_REQUEST_PROBLEM_INFO: return props->request_problem_info;
	case MQTT_PROP_WILL_DELAY: return props->will_delay_s;
	case MQTT_PROP_REQUEST_RESPONSE_INFO: return props->request_response_info;
	case MQTT_PROP_RECEIVE_MAX: return props->receive_max;
	case MQTT_PROP_TOPIC_ALIAS_MAX: return props->topic_alias_max;
	case MQTT_PROP_TOPIC_ALIAS: return props->topic_alias;
	case MQTT_PROP_MAX_QOS: return props->max_qos;
	case MQTT_PROP_RETAIN_AVAILABLE: return props->retain_available;
	case MQTT_PROP_PACKET_BYTES_MAX: return props->packet_bytes_max;
	case MQTT_PROP_WILDCARD_AVAILABLE: return props->wildcard_available;
	case MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE: return props->subscription_id_available;
	case MQTT_PROP_SHARED_AVAILABLE: return props->shared_available;
	default: return UINT32_MAX - 1; /* no integer: no model has this value often */
	}
}

static struct bytes text_of(const struct mqtt_props_view *props, enum mqtt_prop prop)
{
	switch (prop) {
	case MQTT_PROP_CONTENT_TYPE: return props->content_type;
	case MQTT_PROP_RESPONSE_TOPIC: return props->response_topic;
	case MQTT_PROP_CORRELATION_DATA: return props->correlation_data;
	case MQTT_PROP_ASSIGNED_CLIENT_ID: return props->assigned_client_id;
	case MQTT_PROP_AUTH_METHOD: return props->auth_method;
	case MQTT_PROP_RESPONSE_INFO: return props->response_info;
	case MQTT_PROP_SERVER_REFERENCE: return props->server_reference;
	case MQTT_PROP_REASON_STRING: return props->reason_string;
	default: return bytes_text("not a text property");
	}
}

static void check_props(const char *name, const struct mqtt_props_view *props, const struct model_row *row)
{
	struct mqtt_props_iter users = mqtt_props_iter_init(props);
	struct bytes key = BYTES_NONE;
	struct bytes value = BYTES_NONE;
	uint64_t present = 0;

	CHECK(name, bytes_equal(props->raw, buf_bytes(&row->raw)));
	for (size_t i = 0; i < row->count; i++) {
		const struct model_prop *prop = &row->props[i];
		enum mqtt_prop id = model_props[prop->index].prop;

		present |= (uint64_t)1 << id;
		switch (model_props[prop->index].kind) {
		case 'p':
			CHECK(name, mqtt_props_next_user(&users, &key, &value));
			CHECK(name, bytes_equal(key, view_of(&prop->text)));
			CHECK(name, bytes_equal(value, view_of(&prop->second)));
			break;
		case 's':
		case 't':
		case 'b': CHECK(name, bytes_equal(text_of(props, id), view_of(&prop->text))); break;
		default: CHECK(name, int_of(props, id) == prop->number); break;
		}
	}
	CHECK(name, props->present == present);
	CHECK(name, !mqtt_props_next_user(&users, &key, &value));
}

/* encode, frame, decode; then a byte is changed and the packet cut, for what memory checkers see. */
static void pass(struct dice *dice, enum mqtt_version version, enum mqtt_side from,
	const struct mqtt_packet_view *in, struct buf *wire, struct mqtt_packet_view *out)
{
	const struct mqtt_encode_options options = {.version = version};
	const char *name = mqtt_type_name(in->type);
	struct mqtt_frame frame = {0};
	struct mqtt_packet_view changed;
	struct fault fault = FAULT_NONE;
	uint8_t *copy = NULL;

	REQUIRE(name, mqtt_encode(&options, in, wire) == ERR_OK);
	copy = malloc(wire->len);
	REQUIRE(name, copy != NULL);
	memcpy(copy, wire->data, wire->len);
	copy[roll(dice, (uint32_t)wire->len)] ^= (uint8_t)(1u << roll(dice, 8));
	if (mqtt_frame_next(bytes_of(copy, wire->len), 0, &frame, &fault) == ERR_OK &&
		mqtt_decode(version, from, &frame, &changed, &fault) != ERR_OK) {
		CHECK(name, fault.reason >= 0x80 && fault.clause != NULL);
	}
	free(copy);
	REQUIRE(name, mqtt_frame_next(buf_bytes(wire), 0, &frame, &fault) == ERR_OK);
	CHECK(name, frame.packet_bytes == wire->len);
	REQUIRE(name, mqtt_decode(version, from, &frame, out, &fault) == ERR_OK);
	CHECK(name, out->type == in->type);
}

static void play_publish(struct dice *dice, enum mqtt_version version, enum mqtt_side from)
{
	struct model_text topic;
	struct model_text payload;
	struct model_row row;
	struct mqtt_packet_view in = {.type = MQTT_PUBLISH};
	struct mqtt_packet_view out;
	struct mqtt_publish_view *view = &in.as.publish;
	struct buf wire = BUF_INIT(1 << 16);

	draw_topic(dice, &topic);
	draw_binary(dice, &payload);
	do { /* subscription ids come from servers only */
		draw_props(dice, version, IN_PUBLISH, &row);
		for (size_t i = 0; from == MQTT_CLIENT && i < row.count; i++) {
			if (model_props[row.props[i].index].prop == MQTT_PROP_SUBSCRIPTION_ID) {
				buf_release(&row.raw);
				row.count = SIZE_MAX;
				break;
			}
		}
	} while (row.count == SIZE_MAX);
	view->topic = view_of(&topic);
	view->payload = view_of(&payload);
	view->qos = (uint8_t)roll(dice, 3);
	view->dup = view->qos > 0 && roll(dice, 2) == 1;
	view->retain = roll(dice, 2) == 1;
	view->packet_id = view->qos > 0 ? (uint16_t)(1 + roll(dice, 65535)) : 0;
	view->props.raw = buf_bytes(&row.raw);
	pass(dice, version, from, &in, &wire, &out);
	CHECK("PUBLISH", bytes_equal(out.as.publish.topic, view->topic));
	CHECK("PUBLISH", bytes_equal(out.as.publish.payload, view->payload));
	CHECK("PUBLISH", out.as.publish.qos == view->qos && out.as.publish.dup == view->dup);
	CHECK("PUBLISH", out.as.publish.retain == view->retain);
	CHECK("PUBLISH", out.as.publish.packet_id == view->packet_id);
	check_props("PUBLISH", &out.as.publish.props, &row);
	buf_release(&row.raw);
	buf_release(&wire);
}

static void play_connect(struct dice *dice, enum mqtt_version version)
{
	struct model_text texts[5];
	struct model_row row;
	struct model_row will_row;
	struct mqtt_packet_view in = {.type = MQTT_CONNECT};
	struct mqtt_packet_view out;
	struct mqtt_connect_view *view = &in.as.connect;
	struct mqtt_connect_view *back = &out.as.connect;
	struct buf wire = BUF_INIT(1 << 16);

	do {
		draw_text(dice, &texts[0], letters, ARRAY_COUNT(letters));
	} while (texts[0].len == 0);
	draw_topic(dice, &texts[1]);
	draw_binary(dice, &texts[2]);
	draw_text(dice, &texts[3], letters, ARRAY_COUNT(letters));
	draw_binary(dice, &texts[4]);
	draw_props(dice, version, IN_CONNECT, &row);
	draw_props(dice, version, IN_WILL, &will_row);
	*view = (struct mqtt_connect_view){
		.version = version,
		.clean_start = roll(dice, 2) == 1,
		.has_will = roll(dice, 2) == 1,
		.has_user_name = roll(dice, 2) == 1,
		.keep_alive_s = (uint16_t)roll(dice, 65536),
		.client_id = view_of(&texts[0]),
		.user_name = view_of(&texts[3]),
		.password = view_of(&texts[4]),
		.will = {.topic = view_of(&texts[1]),
			.payload = view_of(&texts[2]),
			.qos = (uint8_t)roll(dice, 3),
			.retain = roll(dice, 2) == 1,
			.props.raw = buf_bytes(&will_row.raw)},
		.props.raw = buf_bytes(&row.raw),
	};
	view->has_password = (version == MQTT_5 || view->has_user_name) && roll(dice, 2) == 1;
	pass(dice, version, MQTT_CLIENT, &in, &wire, &out);
	CHECK("CONNECT", back->version == version && back->clean_start == view->clean_start);
	CHECK("CONNECT", back->keep_alive_s == view->keep_alive_s);
	CHECK("CONNECT", bytes_equal(back->client_id, view->client_id));
	CHECK("CONNECT", back->has_user_name == view->has_user_name);
	CHECK("CONNECT", !view->has_user_name || bytes_equal(back->user_name, view->user_name));
	CHECK("CONNECT", back->has_password == view->has_password);
	CHECK("CONNECT", !view->has_password || bytes_equal(back->password, view->password));
	CHECK("CONNECT", back->has_will == view->has_will);
	check_props("CONNECT", &back->props, &row);
	if (view->has_will) {
		CHECK("will", bytes_equal(back->will.topic, view->will.topic));
		CHECK("will", bytes_equal(back->will.payload, view->will.payload));
		CHECK("will", back->will.qos == view->will.qos && back->will.retain == view->will.retain);
		check_props("will", &back->will.props, &will_row);
	}
	buf_release(&row.raw);
	buf_release(&will_row.raw);
	buf_release(&wire);
}

static void play_subscribe(struct dice *dice, enum mqtt_version version)
{
	static const char *const filters[] = {
		"a", "#", "+", "a/+/b", "a/#", "$SYS/#", "/", "//", "$share/g/a", "$share/g/+/#"};
	struct mqtt_subscription wanted[8];
	struct model_row row;
	struct mqtt_packet_view in = {.type = MQTT_SUBSCRIBE};
	struct mqtt_packet_view out;
	struct buf raw = BUF_INIT(1 << 16);
	struct buf wire = BUF_INIT(1 << 16);
	struct wire_writer writer = wire_writer_init(&raw);
	struct mqtt_subscription back;
	uint32_t count = 1 + roll(dice, ARRAY_COUNT(wanted));
	struct bytes rest;

	draw_props(dice, version, IN_SUBSCRIBE, &row);
	for (uint32_t i = 0; i < count; i++) {
		const char *filter = filters[roll(dice, ARRAY_COUNT(filters))];
		bool shared = strncmp(filter, "$share", 6) == 0;

		wanted[i] = (struct mqtt_subscription){
			.filter = bytes_text(filter), .qos = (uint8_t)roll(dice, 3)};
		if (version == MQTT_5) {
			wanted[i].no_local = !shared && roll(dice, 2) == 1;
			wanted[i].retain_as_published = roll(dice, 2) == 1;
			wanted[i].retain_handling = (uint8_t)roll(dice, 3);
		}
		mqtt_put_subscription(&writer, version, &wanted[i]);
	}
	REQUIRE("SUBSCRIBE", wire_writer_err(&writer) == ERR_OK);
	in.as.subscribe = (struct mqtt_subscribe_view){.packet_id = (uint16_t)(1 + roll(dice, 65535)),
		.raw = buf_bytes(&raw),
		.props.raw = buf_bytes(&row.raw)};
	pass(dice, version, MQTT_CLIENT, &in, &wire, &out);
	CHECK("SUBSCRIBE", out.as.subscribe.packet_id == in.as.subscribe.packet_id);
	CHECK("SUBSCRIBE", out.as.subscribe.count == count);
	rest = out.as.subscribe.raw;
	for (uint32_t i = 0; i < count; i++) {
		CHECK("SUBSCRIBE", mqtt_subscribe_next(version, &rest, &back));
		CHECK("SUBSCRIBE", bytes_equal(back.filter, wanted[i].filter) && back.qos == wanted[i].qos);
		CHECK("SUBSCRIBE", back.no_local == wanted[i].no_local);
		CHECK("SUBSCRIBE", back.retain_as_published == wanted[i].retain_as_published);
		CHECK("SUBSCRIBE", back.retain_handling == wanted[i].retain_handling);
	}
	CHECK("SUBSCRIBE", !mqtt_subscribe_next(version, &rest, &back));
	check_props("SUBSCRIBE", &out.as.subscribe.props, &row);
	buf_release(&row.raw);
	buf_release(&raw);
	buf_release(&wire);
}

/* The packets that carry one code, or a row of them. */
static void play_answer(struct dice *dice, enum mqtt_version version)
{
	static const uint8_t pub[] = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99};
	static const uint8_t rel[] = {0x00, 0x92};
	static const uint8_t sub[] = {0x00, 0x01, 0x02, 0x80};
	static const enum mqtt_type types[] = {MQTT_PUBACK, MQTT_PUBREC, MQTT_PUBREL, MQTT_PUBCOMP};
	bool suback = roll(dice, 5) == 0;
	struct model_row row;
	struct mqtt_packet_view in = {.type = suback ? MQTT_SUBACK : types[roll(dice, 4)]};
	struct mqtt_packet_view out;
	struct buf wire = BUF_INIT(1 << 16);
	uint16_t packet_id = (uint16_t)(1 + roll(dice, 65535));
	const char *name = mqtt_type_name(in.type);

	draw_props(dice, version, suback ? IN_SUBACK : IN_ACK, &row);
	if (suback) {
		in.as.suback = (struct mqtt_suback_view){.packet_id = packet_id,
			.reasons = bytes_of(sub, 1 + roll(dice, sizeof(sub))),
			.props.raw = buf_bytes(&row.raw)};
	} else {
		bool release = in.type == MQTT_PUBREL || in.type == MQTT_PUBCOMP;
		in.as.ack = (struct mqtt_ack_view){.type = in.type,
			.packet_id = packet_id,
			.reason = version != MQTT_5 ? 0
				  : release         ? rel[roll(dice, sizeof(rel))]
						    : pub[roll(dice, sizeof(pub))],
			.props.raw = buf_bytes(&row.raw)};
	}
	pass(dice, version, MQTT_SERVER, &in, &wire, &out);
	if (suback) {
		CHECK(name, out.as.suback.packet_id == packet_id);
		CHECK(name, bytes_equal(out.as.suback.reasons, in.as.suback.reasons));
		check_props(name, &out.as.suback.props, &row);
	} else {
		CHECK(name, out.as.ack.packet_id == packet_id && out.as.ack.reason == in.as.ack.reason);
		CHECK(name, out.as.ack.type == in.type);
		check_props(name, &out.as.ack.props, &row);
	}
	buf_release(&row.raw);
	buf_release(&wire);
}

static void play_connack_and_end(struct dice *dice)
{
	static const uint8_t connack[] = {0x00, 0x80, 0x81, 0x84, 0x85, 0x86, 0x87, 0x88, 0x8A, 0x95, 0x9F};
	static const uint8_t end[] = {0x00, 0x80, 0x81, 0x82, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98};
	struct model_row row;
	struct mqtt_packet_view in = {.type = roll(dice, 2) == 0 ? MQTT_CONNACK : MQTT_DISCONNECT};
	struct mqtt_packet_view out;
	struct buf wire = BUF_INIT(1 << 16);

	if (in.type == MQTT_CONNACK) {
		draw_props(dice, MQTT_5, IN_CONNACK, &row);
		in.as.connack.reason = connack[roll(dice, sizeof(connack))];
		in.as.connack.session_present = in.as.connack.reason == 0 && roll(dice, 2) == 1;
		in.as.connack.props.raw = buf_bytes(&row.raw);
		pass(dice, MQTT_5, MQTT_SERVER, &in, &wire, &out);
		CHECK("CONNACK", out.as.connack.reason == in.as.connack.reason);
		CHECK("CONNACK", out.as.connack.session_present == in.as.connack.session_present);
		check_props("CONNACK", &out.as.connack.props, &row);
	} else {
		draw_props(dice, MQTT_5, IN_DISCONNECT, &row);
		in.as.disconnect.reason = end[roll(dice, sizeof(end))];
		in.as.disconnect.props.raw = buf_bytes(&row.raw);
		pass(dice, MQTT_5, MQTT_CLIENT, &in, &wire, &out);
		CHECK("DISCONNECT", out.as.disconnect.reason == in.as.disconnect.reason);
		check_props("DISCONNECT", &out.as.disconnect.props, &row);
	}
	buf_release(&row.raw);
	buf_release(&wire);
}

int main(void)
{
	static const enum mqtt_version versions[] = {MQTT_3_1, MQTT_3_1_1, MQTT_5};
	struct dice dice = {20261121};

	for (unsigned i = 0; i < ROUNDS; i++) {
		enum mqtt_version version = versions[i % ARRAY_COUNT(versions)];

		play_publish(&dice, version, roll(&dice, 2) == 0 ? MQTT_CLIENT : MQTT_SERVER);
		/* Five pieces may be more than the 23 bytes of 3.1; its client ids have rows of their own. */
		play_connect(&dice, version == MQTT_3_1 ? MQTT_3_1_1 : version);
		play_subscribe(&dice, version);
		play_answer(&dice, version);
		play_connack_and_end(&dice);
	}
	return test_result();
}
