/*
 * Goal: what only an encoder decides: the head of a PUBLISH for many, what is shed for a small receiver, how MQTT 5
 * codes become those of 3.1.1, and what is refused before a byte is written.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/mqtt/rows.h"

static const struct mqtt_encode_options v31 = {.version = MQTT_3_1};
static const struct mqtt_encode_options v4 = {.version = MQTT_3_1_1};
static const struct mqtt_encode_options v5 = {.version = MQTT_5};

static void check_bytes(const char *row, const struct buf *out, const char *notation)
{
	struct test_bytes want = rows_packet(notation);

	CHECK(row, bytes_equal(buf_bytes(out), test_bytes_view(&want)));
}

/* --- PUBLISH heads --- */

static const uint32_t two_ids[] = {1, MQTT_VARINT_MAX};
static const uint32_t zero_id[] = {0};

static void check_heads(void)
{
	struct test_bytes forwarded = rows_packet("01 01 26 'k' 'v'");
	const struct mqtt_publish_head all = {
		.topic = bytes_text("a/b"),
		.qos = 1,
		.dup = true,
		.retain = true,
		.packet_id = 0x1234,
		.topic_alias = 9,
		.has_message_expiry = true,
		.message_expiry_s = 60,
		.props = test_bytes_view(&forwarded),
		.subscription_ids = two_ids,
		.subscription_id_count = ARRAY_COUNT(two_ids),
		.payload_len = 5,
	};
	struct buf out = BUF_INIT(4096);

	CHECK("3.3 head, 5", mqtt_encode_publish_head(&v5, &all, &out) == ERR_OK);
	CHECK("payload behind it", buf_append_text(&out, "hello") == ERR_OK);
	check_bytes("3.3 head, 5", &out,
		"3b {'a/b' 1234 {02 0000003c 23 0009 0b 01 0b ffffff7f 01 01 26 'k' 'v'} \"hello\"}");
	out.len = 0;
	CHECK("3.3 head, 3.1.1", mqtt_encode_publish_head(&v4, &all, &out) == ERR_OK);
	CHECK("payload behind it", buf_append_text(&out, "hello") == ERR_OK);
	check_bytes("3.3 head, 3.1.1", &out, "3b {'a/b' 1234 \"hello\"}");
	buf_release(&out);
}

static const struct {
	const char *name;
	const struct mqtt_encode_options *options;
	const char *topic;
	uint8_t qos;
	bool dup;
	uint16_t packet_id;
	uint16_t alias;
	const uint32_t *ids;
	enum err want;
} head_rows[] = {
	{"good", &v5, "a", 0, false, 0, 0, NULL, ERR_OK},
	{"3.3.2.1 alias alone", &v5, "", 0, false, 0, 1, NULL, ERR_OK},
	{"3.3.2.1 no topic, no alias", &v5, "", 0, false, 0, 0, NULL, ERR_INVALID},
	{"MQTT-4.7.3-1 alias is not known to 3.1.1", &v4, "", 0, false, 0, 1, NULL, ERR_INVALID},
	{"MQTT-3.3.1-4 qos 3", &v5, "a", 3, false, 1, 0, NULL, ERR_INVALID},
	{"MQTT-3.3.1-2 dup at qos 0", &v5, "a", 0, true, 0, 0, NULL, ERR_INVALID},
	{"MQTT-2.2.1-2 id at qos 0", &v5, "a", 0, false, 7, 0, NULL, ERR_INVALID},
	{"MQTT-2.2.1-4 no id at qos 1", &v5, "a", 1, false, 0, 0, NULL, ERR_INVALID},
	{"3.8.2.1.2 subscription id 0", &v5, "a", 0, false, 0, 0, zero_id, ERR_INVALID},
};

static void check_head_rows(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(head_rows); i++) {
		const struct mqtt_publish_head head = {
			.topic = bytes_text(head_rows[i].topic),
			.qos = head_rows[i].qos,
			.dup = head_rows[i].dup,
			.packet_id = head_rows[i].packet_id,
			.topic_alias = head_rows[i].alias,
			.subscription_ids = head_rows[i].ids,
			.subscription_id_count = head_rows[i].ids != NULL ? 1 : 0,
		};
		struct buf out = BUF_INIT(4096);

		CHECK(head_rows[i].name,
			mqtt_encode_publish_head(head_rows[i].options, &head, &out) == head_rows[i].want);
		CHECK(head_rows[i].name, (out.len > 0) == (head_rows[i].want == ERR_OK));
		buf_release(&out);
	}
}

/* The body's length at each step of its encoding, at the largest packet there is, and one more. */
static void check_body_lengths(void)
{
	static const struct {
		size_t body_len;
		size_t head_bytes; /* fixed header */
		enum err want;
	} rows[] = {
		{127, 2, ERR_OK},
		{128, 3, ERR_OK},
		{16383, 3, ERR_OK},
		{16384, 4, ERR_OK},
		{2097151, 4, ERR_OK},
		{2097152, 5, ERR_OK},
		{MQTT_VARINT_MAX, 5, ERR_OK},
		{(size_t)MQTT_VARINT_MAX + 1, 0, ERR_LIMIT},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct mqtt_publish_head head = {
			.topic = bytes_text("a"), .payload_len = rows[i].body_len - 3};
		struct buf out = BUF_INIT(64);
		struct mqtt_frame frame = {0};
		struct fault fault = FAULT_NONE;

		CHECK("MQTT-1.5.5-1 body length", mqtt_encode_publish_head(&v4, &head, &out) == rows[i].want);
		if (rows[i].want == ERR_OK) {
			CHECK("MQTT-1.5.5-1 body length", out.len == rows[i].head_bytes + 3);
			CHECK("framing reads the same length",
				mqtt_frame_next(buf_bytes(&out), 0, &frame, &fault) == ERR_AGAIN);
			CHECK("framing reads the same length",
				frame.packet_bytes == rows[i].head_bytes + rows[i].body_len);
		} else {
			CHECK("nothing is written", out.len == 0);
		}
		buf_release(&out);
	}
}

static void check_string_limit(void)
{
	static uint8_t text[MQTT_STRING_BYTES_MAX + 1];

	memset(text, 'x', sizeof(text));
	for (size_t more = 0; more <= 1; more++) {
		struct bytes field = bytes_of(text, MQTT_STRING_BYTES_MAX + more);
		enum err want = more == 0 ? ERR_OK : ERR_LIMIT;
		struct mqtt_connect_view connect = {.version = MQTT_3_1_1, .clean_start = true};
		struct mqtt_publish_view publish = {.topic = field};
		struct mqtt_subscription subscription = {.filter = field};
		struct buf out = BUF_INIT(1 << 20);
		struct wire_writer writer = wire_writer_init(&out);

		CHECK("MQTT-4.7.3-3 topic", mqtt_encode_publish(&v4, &publish, &out) == want);
		CHECK("MQTT-4.7.3-3 topic", (out.len > 0) == (want == ERR_OK));
		out.len = 0;
		connect.client_id = field;
		CHECK("1.5.4 client id", mqtt_encode_connect(&v4, &connect, &out) == want);
		CHECK("1.5.4 client id", (out.len > 0) == (want == ERR_OK));
		out.len = 0;
		connect.client_id = bytes_text("id");
		connect.has_user_name = true;
		connect.has_password = true;
		connect.password = field;
		CHECK("1.5.6 password", mqtt_encode_connect(&v4, &connect, &out) == want);
		CHECK("1.5.6 password", (out.len > 0) == (want == ERR_OK));
		out.len = 0;
		mqtt_put_subscription(&writer, MQTT_3_1_1, &subscription);
		CHECK("MQTT-4.7.3-3 filter", wire_writer_err(&writer) == want);
		buf_release(&out);
	}
}

/* --- what a small receiver gets --- */

static const struct {
	const char *name;
	uint32_t packet_bytes_max;
	bool no_problem_info;
	const char *puback; /* NULL: ERR_LIMIT */
	const char *connack;
} shed_rows[] = {
	{"no limit", 0, false, "40 {0001 87 {26 'k' 'v' 1f 'no' 26 'k' 'w'}}",
		"20 {0087 {26 'k' 'v' 1f 'no' 26 'k' 'w'}}"},
	{"just fits", 25, false, "40 {0001 87 {26 'k' 'v' 1f 'no' 26 'k' 'w'}}",
		"20 {0087 {26 'k' 'v' 1f 'no' 26 'k' 'w'}}"},
	{"MQTT-3.4.2-3 user properties go first", 24, false, "40 {0001 87 {1f 'no'}}",
		"20 {0087 {26 'k' 'v' 1f 'no' 26 'k' 'w'}}"},
	{"MQTT-3.2.2-20 user properties go first", 23, false, "40 {0001 87 {1f 'no'}}",
		"20 {0087 {1f 'no'}}"},
	{"reason string just fits", 11, false, "40 {0001 87 {1f 'no'}}", "20 {0087 {1f 'no'}}"},
	{"MQTT-3.4.2-2 reason string goes next", 10, false, "40 {0001 87}", "20 {0087 {1f 'no'}}"},
	{"MQTT-3.2.2-19 reason string goes next", 9, false, "40 {0001 87}", "20 {0087 {}}"},
	{"all that is left just fits", 5, false, "40 {0001 87}", "20 {0087 {}}"},
	{"MQTT-3.1.2-24 too large anyway", 4, false, NULL, NULL},
	{"MQTT-3.1.2-29 no problem information", 0, true, "40 {0001 87}",
		"20 {0087 {26 'k' 'v' 1f 'no' 26 'k' 'w'}}"},
};

static void check_shedding(void)
{
	struct test_bytes props = rows_packet("26 'k' 'v' 1f 'no' 26 'k' 'w'");
	struct mqtt_ack_view puback = {
		.type = MQTT_PUBACK, .packet_id = 1, .reason = 0x87, .props.raw = test_bytes_view(&props)};
	struct mqtt_connack_view connack = {.reason = 0x87, .props.raw = test_bytes_view(&props)};

	for (size_t i = 0; i < ARRAY_COUNT(shed_rows); i++) {
		const struct mqtt_encode_options options = {.version = MQTT_5,
			.packet_bytes_max = shed_rows[i].packet_bytes_max,
			.no_problem_info = shed_rows[i].no_problem_info};
		const char *name = shed_rows[i].name;
		struct buf out = BUF_INIT(4096);

		CHECK(name, mqtt_encode_ack(&options, &puback, &out) ==
				    (shed_rows[i].puback != NULL ? ERR_OK : ERR_LIMIT));
		check_bytes(name, &out, shed_rows[i].puback != NULL ? shed_rows[i].puback : "");
		out.len = 0;
		CHECK(name, mqtt_encode_connack(&options, &connack, &out) ==
				    (shed_rows[i].connack != NULL ? ERR_OK : ERR_LIMIT));
		check_bytes(name, &out, shed_rows[i].connack != NULL ? shed_rows[i].connack : "");
		buf_release(&out);
	}
}

/* Each packet that may shed does, down to what has to stay: clause by clause. */
static const struct {
	const char *name;
	const char *packet;
	const char *least;
} least_rows[] = {
	{"MQTT-3.5.2-2, MQTT-3.5.2-3", "50 {0001 80 {1f 'no' 26 'a' 'b'}}", "50 {0001 80}"},
	{"MQTT-3.6.2-2, MQTT-3.6.2-3", "62 {0001 92 {1f 'no' 26 'a' 'b'}}", "62 {0001 92}"},
	{"MQTT-3.7.2-2, MQTT-3.7.2-3", "70 {0001 00 {1f 'no' 26 'a' 'b'}}", "70 {0001}"},
	{"MQTT-3.9.2-1, MQTT-3.9.2-2", "90 {0001 {1f 'no' 26 'a' 'b'} 0187}", "90 {0001 {} 0187}"},
	{"MQTT-3.11.2-1, MQTT-3.11.2-2", "b0 {0001 {1f 'no' 26 'a' 'b'} 11}", "b0 {0001 {} 11}"},
	{"MQTT-3.14.2-3, MQTT-3.14.2-4", "e0 {8b {1c 'x' 1f 'no' 26 'a' 'b'}}", "e0 {8b {1c 'x'}}"},
	{"MQTT-3.15.2-2, MQTT-3.15.2-3", "f0 {18 {15 'm' 1f 'no' 26 'a' 'b'}}", "f0 {18 {15 'm'}}"},
};

static void check_least(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(least_rows); i++) {
		struct test_bytes packet = rows_packet(least_rows[i].packet);
		struct test_bytes least = rows_packet(least_rows[i].least);
		struct mqtt_encode_options options = {
			.version = MQTT_5, .packet_bytes_max = (uint32_t)least.len};
		struct mqtt_packet_view view;
		struct fault fault = FAULT_NONE;
		struct buf out = BUF_INIT(4096);

		REQUIRE(least_rows[i].name,
			rows_decode(MQTT_5, MQTT_SERVER, test_bytes_view(&packet), &view, &fault) == ERR_OK);
		CHECK(least_rows[i].name, mqtt_encode(&options, &view, &out) == ERR_OK);
		check_bytes(least_rows[i].name, &out, least_rows[i].least);
		out.len = 0;
		options.packet_bytes_max--;
		CHECK(least_rows[i].name, mqtt_encode(&options, &view, &out) == ERR_LIMIT && out.len == 0);
		buf_release(&out);
	}
}

/* PUBLISH keeps its properties or is not sent at all (MQTT-3.1.2-24, -25). */
static void check_publish_does_not_shed(void)
{
	struct test_bytes packet = rows_packet("30 {'t' {26 'a' 'b'} \"x\"}");
	struct mqtt_encode_options options = {
		.version = MQTT_5, .packet_bytes_max = (uint32_t)packet.len - 1};
	struct mqtt_packet_view view;
	struct fault fault = FAULT_NONE;
	struct buf out = BUF_INIT(4096);

	REQUIRE("publish",
		rows_decode(MQTT_5, MQTT_CLIENT, test_bytes_view(&packet), &view, &fault) == ERR_OK);
	CHECK("MQTT-3.1.2-25", mqtt_encode(&options, &view, &out) == ERR_LIMIT);
	CHECK("MQTT-3.1.2-25", out.len == 0);
	options.packet_bytes_max++;
	options.no_problem_info = true;
	CHECK("MQTT-3.1.2-29 not for PUBLISH", mqtt_encode(&options, &view, &out) == ERR_OK);
	CHECK("MQTT-3.1.2-29 not for PUBLISH", bytes_equal(buf_bytes(&out), test_bytes_view(&packet)));
	buf_release(&out);
}

/* --- from 5 to 3.x --- */

static void check_connack_codes(void)
{
	static const uint8_t codes[][2] = {{0x00, 0}, {0x84, 1}, {0x85, 2}, {0x88, 3}, {0x89, 3}, {0x97, 3},
		{0x9C, 3}, {0x9D, 3}, {0x9F, 3}, {0x86, 4}, {0x87, 5}, {0x8A, 5}, {0x8C, 5}, {0x80, 0xFF},
		{0x81, 0xFF}, {0x82, 0xFF}, {0x83, 0xFF}, {0x90, 0xFF}, {0x95, 0xFF}, {0x99, 0xFF},
		{0x9A, 0xFF}, {0x9B, 0xFF}, {0x01, 0xFF}, {0xFF, 0xFF}};
	uint8_t reason = 0x55;

	for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
		struct mqtt_connack_view view = {.reason = codes[i][0]};
		struct buf out = BUF_INIT(16);
		bool fits = codes[i][1] != MQTT_CONNACK_NONE;

		CHECK("3.2.2.3 code", mqtt_connack_code_v3(codes[i][0]) == codes[i][1]);
		CHECK("MQTT-3.2.2-6 no code fits",
			mqtt_encode_connack(&v4, &view, &out) == (fits ? ERR_OK : ERR_INVALID));
		CHECK("3.2.2.3 code", fits ? out.len == 4 && out.data[3] == codes[i][1] : out.len == 0);
		buf_release(&out);
	}
	for (uint8_t code = 0; code <= 5; code++) {
		CHECK("back", mqtt_connack_reason_from_v3(code, &reason) == ERR_OK);
		CHECK("back", mqtt_connack_code_v3(reason) == code);
	}
	reason = 0x55;
	CHECK("code 6", mqtt_connack_reason_from_v3(6, &reason) == ERR_MALFORMED && reason == 0x55);
}

static void check_connack_session(void)
{
	struct mqtt_connack_view view = {.session_present = true, .reason = 0x87};
	struct buf out = BUF_INIT(16);

	CHECK("MQTT-3.2.2-6", mqtt_encode_connack(&v5, &view, &out) == ERR_OK);
	check_bytes("MQTT-3.2.2-6 refused: no session present", &out, "20 {0087 {}}");
	out.len = 0;
	CHECK("MQTT-3.2.2-4", mqtt_encode_connack(&v4, &view, &out) == ERR_OK);
	check_bytes("3.1.1 MQTT-3.2.2-4 refused: no session present", &out, "20 {0005}");
	out.len = 0;
	view.reason = 0;
	CHECK("MQTT-3.2.2-2", mqtt_encode_connack(&v4, &view, &out) == ERR_OK);
	check_bytes("MQTT-3.2.2-2 session present", &out, "20 {0100}");
	out.len = 0;
	CHECK("3.1", mqtt_encode_connack(&v31, &view, &out) == ERR_OK);
	check_bytes("3.1 knows no session present", &out, "20 {0000}");
	buf_release(&out);
}

static void check_old_answers(void)
{
	static const uint8_t reasons[] = {0, 1, 2, 0x87, 0x8F, 0x80};
	struct mqtt_suback_view suback = {.packet_id = 5, .reasons = bytes_of(reasons, sizeof(reasons))};
	struct test_bytes props = rows_packet("1f 'no'");
	struct mqtt_ack_view ack = {
		.type = MQTT_PUBREC, .packet_id = 6, .reason = 0x87, .props.raw = test_bytes_view(&props)};
	struct mqtt_disconnect_view disconnect = {.reason = 0x8E, .props.raw = test_bytes_view(&props)};
	struct mqtt_auth_view auth = {.reason = 0x18};
	struct buf out = BUF_INIT(64);

	CHECK("SUBACK", mqtt_encode_suback(&v4, &suback, &out) == ERR_OK);
	check_bytes("3.1.1 MQTT-3.9.3-2 every failure is 0x80", &out, "90 {0005 000102 808080}");
	out.len = 0;
	CHECK("UNSUBACK", mqtt_encode_unsuback(&v4, &suback, &out) == ERR_OK);
	check_bytes("3.1.1 3.11.3 no payload", &out, "b0 {0005}");
	out.len = 0;
	CHECK("PUBREC", mqtt_encode_ack(&v4, &ack, &out) == ERR_OK);
	check_bytes("3.1.1 3.5 no reason", &out, "50 {0006}");
	out.len = 0;
	CHECK("DISCONNECT", mqtt_encode_disconnect(&v4, &disconnect, &out) == ERR_OK);
	check_bytes("3.1.1 3.14 nothing in it", &out, "e0 {}");
	out.len = 0;
	CHECK("AUTH before 5", mqtt_encode_auth(&v4, &auth, &out) == ERR_INVALID && out.len == 0);
	buf_release(&out);
}

/* --- refused before a byte is written --- */

static void check_invalid(void)
{
	static const uint8_t bad_reason[] = {0x03};
	static const uint8_t half_prop[] = {0x1F, 0x00};
	struct mqtt_packet_view views[] = {
		{.type = MQTT_PUBACK, .as.ack = {.type = MQTT_PUBACK, .packet_id = 0}},
		{.type = MQTT_PUBACK, .as.ack = {.type = MQTT_PUBACK, .packet_id = 1, .reason = 0x92}},
		{.type = MQTT_PUBACK, .as.ack = {.type = MQTT_SUBACK, .packet_id = 1}},
		{.type = MQTT_PUBACK,
			.as.ack = {.type = MQTT_PUBACK, .packet_id = 1, .props.raw = bytes_of(half_prop, 2)}},
		{.type = MQTT_CONNACK, .as.connack = {.reason = 0x01}},
		{.type = MQTT_SUBACK, .as.suback = {.packet_id = 1}},
		{.type = MQTT_SUBACK, .as.suback = {.packet_id = 0, .reasons = bytes_of(half_prop, 1)}},
		{.type = MQTT_SUBACK, .as.suback = {.packet_id = 1, .reasons = bytes_of(bad_reason, 1)}},
		{.type = MQTT_UNSUBACK, .as.suback = {.packet_id = 1, .reasons = bytes_of(bad_reason, 1)}},
		{.type = MQTT_SUBSCRIBE, .as.subscribe = {.packet_id = 1}},
		{.type = MQTT_SUBSCRIBE, .as.subscribe = {.packet_id = 0, .raw = bytes_of(bad_reason, 1)}},
		{.type = MQTT_UNSUBSCRIBE, .as.unsubscribe = {.packet_id = 1}},
		{.type = MQTT_DISCONNECT, .as.disconnect = {.reason = 0x01}},
		{.type = MQTT_AUTH, .as.auth = {.reason = 0x80}},
		{.type = MQTT_CONNECT, .as.connect = {.version = MQTT_3_1_1}},
		{.type = MQTT_CONNECT, .as.connect = {.version = MQTT_5, .has_will = true, .will.qos = 3}},
		{.type = (enum mqtt_type)0},
		{.type = MQTT_CONNECT,
			.as.connect = {.version = MQTT_5, .props.raw = bytes_of(half_prop, 2)}},
		{.type = MQTT_SUBSCRIBE,
			.as.subscribe = {.packet_id = 1,
				.raw = bytes_of(bad_reason, 1),
				.props.raw = bytes_of(half_prop, 2)}},
	};

	for (size_t i = 0; i < ARRAY_COUNT(views); i++) {
		struct buf out = BUF_INIT(64);
		char row[40];

		(void)snprintf(row, sizeof(row), "invalid view %zu", i);
		CHECK(row, mqtt_encode(&v5, &views[i], &out) == ERR_INVALID);
		CHECK(row, out.len == 0);
		buf_release(&out);
	}
	const struct mqtt_packet_view alone = {
		.type = MQTT_CONNECT, .as.connect = {.version = MQTT_3_1_1, .has_password = true}};
	struct buf out = BUF_INIT(64);
	CHECK("MQTT-3.1.2-22 password alone", mqtt_encode(&v4, &alone, &out) == ERR_INVALID && out.len == 0);
	const struct mqtt_subscription bad = {.filter = bytes_text("a"), .qos = 3};
	struct wire_writer writer = wire_writer_init(&out);
	mqtt_put_subscription(&writer, MQTT_5, &bad);
	CHECK("MQTT-3.8.3-5 qos 3", wire_writer_err(&writer) == ERR_INVALID && out.len == 0);
	buf_release(&out);
}

/* As many filters as a SUBSCRIBE may have, and one more. */
static void check_subscription_limit(void)
{
	for (unsigned more = 0; more <= 1; more++) {
		struct buf filters = BUF_INIT(1 << 16);
		struct buf out = BUF_INIT(1 << 16);
		struct wire_writer writer = wire_writer_init(&filters);
		struct mqtt_subscribe_view in = {.packet_id = 1};
		struct mqtt_packet_view view;
		struct mqtt_subscription each = {.filter = bytes_text("a/#"),
			.qos = 2,
			.no_local = true,
			.retain_as_published = true,
			.retain_handling = 2};
		struct mqtt_subscription back = {0};
		struct fault fault = FAULT_NONE;
		unsigned seen = 0;

		for (unsigned i = 0; i < MQTT_SUBSCRIPTIONS_MAX + more; i++) {
			mqtt_put_subscription(&writer, MQTT_5, &each);
		}
		REQUIRE("filters", wire_writer_err(&writer) == ERR_OK);
		in.raw = buf_bytes(&filters);
		REQUIRE("filters", mqtt_encode_subscribe(&v5, &in, &out) == ERR_OK);
		CHECK("1024 filters, 1025 filters", rows_decode(MQTT_5, MQTT_CLIENT, buf_bytes(&out), &view,
							    &fault) == (more == 0 ? ERR_OK : ERR_LIMIT));
		if (more == 0) {
			struct bytes rest = view.as.subscribe.raw;
			while (mqtt_subscribe_next(MQTT_5, &rest, &back)) {
				seen++;
				CHECK("3.8.3.1 options", back.qos == 2 && back.no_local &&
								 back.retain_as_published &&
								 back.retain_handling == 2 &&
								 bytes_equal_text(back.filter, "a/#"));
			}
			CHECK("all filters",
				seen == MQTT_SUBSCRIPTIONS_MAX && view.as.subscribe.count == seen);
		} else {
			CHECK("1025 filters", fault.reason == MQTT_REASON_QUOTA_EXCEEDED);
		}
		buf_release(&filters);
		buf_release(&out);
	}
}

static void check_reply_version(void)
{
	static const struct {
		const char *packet;
		enum mqtt_version want;
	} rows[] = {
		{"10 {'MQTT' 04 02 003c 'id'}", MQTT_3_1_1},
		{"10 {'MQTT' 05 02 003c}", MQTT_5},
		{"10 {'MQTT' 06}", MQTT_5},
		{"10 {'MQTT' 03}", MQTT_3_1_1},
		{"10 {'MQTT' 84}", MQTT_3_1_1},
		{"10 {'MQIsdp' 03}", MQTT_3_1_1},
		{"10 {'MQTT'}", MQTT_3_1_1},
		{"10 {}", MQTT_3_1_1},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes packet = rows_packet(rows[i].packet);
		struct mqtt_frame frame = {0};
		struct fault fault = FAULT_NONE;

		REQUIRE(rows[i].packet,
			mqtt_frame_next(test_bytes_view(&packet), 0, &frame, &fault) == ERR_OK);
		CHECK(rows[i].packet, mqtt_connect_reply_version(&frame) == rows[i].want);
	}
}

/* A frame of another type is our own mistake; still nobody may act on an unset fault. */
static void check_wrong_type(void)
{
	struct test_bytes packet = rows_packet("c0 {}");
	struct mqtt_frame frame = {0};
	struct fault fault = FAULT_NONE;
	struct mqtt_connect_view connect;
	struct mqtt_publish_view publish;
	struct mqtt_ack_view ack;
	struct mqtt_suback_view suback;
	struct mqtt_connack_view connack;
	struct mqtt_subscribe_view subscribe;
	struct mqtt_unsubscribe_view unsubscribe;
	struct mqtt_disconnect_view disconnect;
	struct mqtt_auth_view auth;

	REQUIRE("frame", mqtt_frame_next(test_bytes_view(&packet), 0, &frame, &fault) == ERR_OK);
	CHECK("CONNECT", mqtt_decode_connect(&frame, &connect, &fault) == ERR_STATE);
	CHECK("a fault is set", fault.err == ERR_STATE && fault.reason >= 0x80 && fault.clause != NULL);
	CHECK("PUBLISH", mqtt_decode_publish(MQTT_5, MQTT_CLIENT, &frame, &publish, &fault) == ERR_STATE);
	CHECK("PUBACK", mqtt_decode_ack(MQTT_5, &frame, &ack, &fault) == ERR_STATE);
	CHECK("SUBACK", mqtt_decode_suback(MQTT_5, &frame, &suback, &fault) == ERR_STATE);
	CHECK("UNSUBACK", mqtt_decode_unsuback(MQTT_5, &frame, &suback, &fault) == ERR_STATE);
	CHECK("CONNACK", mqtt_decode_connack(MQTT_5, &frame, &connack, &fault) == ERR_STATE);
	CHECK("SUBSCRIBE", mqtt_decode_subscribe(MQTT_5, &frame, &subscribe, &fault) == ERR_STATE);
	CHECK("UNSUBSCRIBE", mqtt_decode_unsubscribe(MQTT_5, &frame, &unsubscribe, &fault) == ERR_STATE);
	CHECK("DISCONNECT",
		mqtt_decode_disconnect(MQTT_5, MQTT_CLIENT, &frame, &disconnect, &fault) == ERR_STATE);
	CHECK("AUTH", mqtt_decode_auth(MQTT_5, MQTT_CLIENT, &frame, &auth, &fault) == ERR_STATE);
}

/* As many levels as a name or filter may have, one more, and 65,535 slashes: refused by their own code, not by depth. */
static void check_level_limits(void)
{
	static uint8_t slashes[MQTT_STRING_BYTES_MAX];
	static const struct {
		size_t len;
		enum err want;
	} rows[] = {{MQTT_TOPIC_LEVELS_MAX - 1, ERR_OK}, {MQTT_TOPIC_LEVELS_MAX, ERR_LIMIT},
		{MQTT_STRING_BYTES_MAX, ERR_LIMIT}};

	memset(slashes, '/', sizeof(slashes));
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct mqtt_packet_view in = {.type = MQTT_PUBLISH};
		struct mqtt_packet_view view;
		struct fault fault = FAULT_NONE;
		struct bytes topic = bytes_of(slashes, rows[i].len);
		struct buf out = BUF_INIT(1 << 18);
		struct buf filters = BUF_INIT(1 << 18);
		struct wire_writer writer = wire_writer_init(&filters);

		in.as.publish.topic = topic;
		REQUIRE("levels", mqtt_encode(&v5, &in, &out) == ERR_OK);
		CHECK("128 and 129 levels of a name",
			rows_decode(MQTT_5, MQTT_CLIENT, buf_bytes(&out), &view, &fault) == rows[i].want);
		CHECK("reason", rows[i].want == ERR_OK || fault.reason == MQTT_REASON_TOPIC_NAME_INVALID);
		out.len = 0;
		mqtt_put_unsubscription(&writer, topic);
		REQUIRE("levels", wire_writer_err(&writer) == ERR_OK);
		in.type = MQTT_UNSUBSCRIBE;
		in.as.unsubscribe =
			(struct mqtt_unsubscribe_view){.packet_id = 1, .raw = buf_bytes(&filters)};
		REQUIRE("levels", mqtt_encode(&v4, &in, &out) == ERR_OK);
		CHECK("128 and 129 levels of a filter",
			rows_decode(MQTT_3_1_1, MQTT_CLIENT, buf_bytes(&out), &view, &fault) == rows[i].want);
		CHECK("reason", rows[i].want == ERR_OK || fault.reason == MQTT_REASON_TOPIC_FILTER_INVALID);
		buf_release(&out);
		buf_release(&filters);
	}
}

int main(void)
{
	check_heads();
	check_head_rows();
	check_body_lengths();
	check_string_limit();
	check_shedding();
	check_least();
	check_publish_does_not_shed();
	check_connack_codes();
	check_connack_session();
	check_old_answers();
	check_invalid();
	check_subscription_limit();
	check_reply_version();
	check_wrong_type();
	check_level_limits();
	return test_result();
}
