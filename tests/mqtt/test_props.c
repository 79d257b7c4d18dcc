/*
 * Goal: a properties view says what was sent and what absence means; what is passed on is passed on unaltered and in
 * order; the builder refuses what no packet may hold.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/mqtt/rows.h"

static void check_defaults(void)
{
	struct test_bytes packet = rows_packet("20 {0000 {}}");
	struct mqtt_packet_view view;
	struct fault fault = FAULT_NONE;

	REQUIRE("defaults",
		rows_decode(MQTT_5, MQTT_SERVER, test_bytes_view(&packet), &view, &fault) == ERR_OK);
	const struct mqtt_props_view *props = &view.as.connack.props;
	CHECK("3.1.2.11.2 session expiry", props->session_expiry_s == 0);
	CHECK("3.2.2.3.3 receive maximum", props->receive_max == 65535);
	CHECK("3.2.2.3.4 maximum qos", props->max_qos == 2);
	CHECK("3.2.2.3.5 retain", props->retain_available);
	CHECK("3.2.2.3.6 packet size", props->packet_bytes_max == UINT32_MAX);
	CHECK("3.2.2.3.8 alias maximum", props->topic_alias_max == 0);
	CHECK("3.2.2.3.11 wildcards", props->wildcard_available);
	CHECK("3.2.2.3.12 subscription ids", props->subscription_id_available);
	CHECK("3.2.2.3.13 shared", props->shared_available);
	CHECK("3.1.2.11.7 problem information", props->request_problem_info);
	CHECK("3.1.2.11.6 response information", !props->request_response_info);
	CHECK("none is present", props->present == 0 && props->raw.len == 0 && props->user_count == 0);
	CHECK("keep alive is absent", !mqtt_props_has(props, MQTT_PROP_SERVER_KEEP_ALIVE));
}

static void check_values(void)
{
	struct test_bytes packet = rows_packet("20 {0000 {11 00000102 21 0203 24 01 25 00 27 01020304 12 "
					       "'cid' 22 0405 1f 'why' 26 'a' 'b' 28 00 "
					       "29 00 2a 00 13 0607 1a 'ri' 1c 'sr' 15 'm' 16 'd'}}");
	struct mqtt_packet_view view;
	struct fault fault = FAULT_NONE;

	REQUIRE("values",
		rows_decode(MQTT_5, MQTT_SERVER, test_bytes_view(&packet), &view, &fault) == ERR_OK);
	const struct mqtt_props_view *props = &view.as.connack.props;
	CHECK("session expiry", props->session_expiry_s == 0x102);
	CHECK("receive maximum", props->receive_max == 0x203);
	CHECK("maximum qos", props->max_qos == 1);
	CHECK("retain", !props->retain_available);
	CHECK("packet size", props->packet_bytes_max == 0x01020304);
	CHECK("assigned id", bytes_equal_text(props->assigned_client_id, "cid"));
	CHECK("alias maximum", props->topic_alias_max == 0x405);
	CHECK("reason string", bytes_equal_text(props->reason_string, "why"));
	CHECK("user", props->user_count == 1);
	CHECK("wildcards", !props->wildcard_available);
	CHECK("subscription ids", !props->subscription_id_available);
	CHECK("shared", !props->shared_available);
	CHECK("keep alive", props->server_keep_alive_s == 0x607);
	CHECK("response information", bytes_equal_text(props->response_info, "ri"));
	CHECK("server reference", bytes_equal_text(props->server_reference, "sr"));
	CHECK("method", bytes_equal_text(props->auth_method, "m"));
	CHECK("data", bytes_equal_text(props->auth_data, "d"));
	CHECK("present", mqtt_props_has(props, MQTT_PROP_AUTH_DATA));
	CHECK("absent", !mqtt_props_has(props, MQTT_PROP_TOPIC_ALIAS));
}

static void check_iteration(void)
{
	struct test_bytes packet = rows_packet(
		"30 {'t' {0b 05 26 'k' '1' 01 01 26 'k' '2' 0b ac02 26 '' '' 02 00000009 23 0004} \"p\"}");
	static const char *const users[][2] = {{"k", "1"}, {"k", "2"}, {"", ""}};
	static const uint32_t ids[] = {5, 300};
	struct mqtt_packet_view view;
	struct fault fault = FAULT_NONE;
	struct bytes name = BYTES_NONE;
	struct bytes value = BYTES_NONE;
	struct mqtt_props_iter iter;
	uint32_t id = 0;

	REQUIRE("iteration",
		rows_decode(MQTT_5, MQTT_SERVER, test_bytes_view(&packet), &view, &fault) == ERR_OK);
	const struct mqtt_props_view *props = &view.as.publish.props;
	CHECK("counts", props->user_count == 3 && props->subscription_id_count == 2);
	CHECK("the first id", props->subscription_id == 5);
	CHECK("other fields",
		props->message_expiry_s == 9 && props->topic_alias == 4 && props->payload_format == 1);
	iter = mqtt_props_iter_init(props);
	for (size_t i = 0; i < ARRAY_COUNT(users); i++) {
		CHECK("MQTT-3.3.2-18 next user property", mqtt_props_next_user(&iter, &name, &value));
		CHECK("name", bytes_equal_text(name, users[i][0]));
		CHECK("value", bytes_equal_text(value, users[i][1]));
	}
	CHECK("end of user properties", !mqtt_props_next_user(&iter, &name, &value));
	iter = mqtt_props_iter_init(props);
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
		CHECK("next id", mqtt_props_next_subscription_id(&iter, &id));
		CHECK("id", id == ids[i]);
	}
	CHECK("end of ids", !mqtt_props_next_subscription_id(&iter, &id));
}

/* What a server passes on; the rest is its own to set. */
static const struct {
	const char *name;
	const char *packet;
	const char *want;
} forward_rows[] = {
	{"nothing", "30 {'t' {}}", ""},
	{"MQTT-3.3.2-4 payload format", "30 {'t' {01 01}}", "01 01"},
	{"MQTT-3.3.2-15 response topic", "30 {'t' {08 'r'}}", "08 'r'"},
	{"MQTT-3.3.2-16 correlation data", "30 {'t' {09 0002 00ff}}", "09 0002 00ff"},
	{"MQTT-3.3.2-20 content type", "30 {'t' {03 'c'}}", "03 'c'"},
	{"MQTT-3.3.2-17 user properties", "30 {'t' {26 'a' 'b' 26 'a' 'b'}}", "26 'a' 'b' 26 'a' 'b'"},
	{"MQTT-3.3.2-6 the expiry is counted down, not passed on", "30 {'t' {02 00000005}}", ""},
	{"3.3.2.3.4 the alias is the sender's", "30 {'t' {23 0001}}", ""},
	{"MQTT-3.3.2-18 order, with the others between",
		"30 {'t' {26 'b' '1' 23 0001 03 'c' 02 00000005 26 'a' '2' 01 00}}",
		"26 'b' '1' 03 'c' 26 'a' '2' 01 00"},
};

static void check_forward(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(forward_rows); i++) {
		struct test_bytes packet = rows_packet(forward_rows[i].packet);
		struct test_bytes want = rows_packet(forward_rows[i].want);
		struct mqtt_packet_view view;
		struct fault fault = FAULT_NONE;
		struct buf out = BUF_INIT(1024);

		REQUIRE(forward_rows[i].name,
			rows_decode(MQTT_5, MQTT_CLIENT, test_bytes_view(&packet), &view, &fault) == ERR_OK);
		CHECK(forward_rows[i].name, mqtt_props_forward(&view.as.publish.props, &out) == ERR_OK);
		CHECK(forward_rows[i].name, bytes_equal(buf_bytes(&out), test_bytes_view(&want)));
		buf_release(&out);
		if (want.len > 1) {
			out = BUF_INIT(want.len - 1);
			CHECK(forward_rows[i].name,
				mqtt_props_forward(&view.as.publish.props, &out) == ERR_LIMIT);
			CHECK(forward_rows[i].name, out.len == 0);
			buf_release(&out);
		}
	}
}

static void check_will_forward(void)
{
	struct test_bytes packet = rows_packet("10 {'MQTT' 05 06 003c {26 'c' 'c'} 'id' {26 'b' '1' 18 "
					       "00000001 26 'a' '2' 03 'ct'} 'w' ''}");
	struct test_bytes want = rows_packet("26 'b' '1' 26 'a' '2' 03 'ct'");
	struct mqtt_packet_view view;
	struct fault fault = FAULT_NONE;
	struct buf out = BUF_INIT(1024);

	REQUIRE("will", rows_decode(MQTT_5, MQTT_CLIENT, test_bytes_view(&packet), &view, &fault) == ERR_OK);
	CHECK("will", mqtt_props_forward(&view.as.connect.will.props, &out) == ERR_OK);
	CHECK("MQTT-3.1.3-10 order of a will", bytes_equal(buf_bytes(&out), test_bytes_view(&want)));
	CHECK("will delay", view.as.connect.will.props.will_delay_s == 1);
	buf_release(&out);
}

/* MQTT_USER_PROPERTIES_MAX and one more, as one packet. */
static void check_user_limit(unsigned count, enum err want)
{
	struct buf props = BUF_INIT(1 << 16);
	struct buf out = BUF_INIT(1 << 16);
	struct wire_writer writer = wire_writer_init(&props);
	const struct mqtt_encode_options options = {.version = MQTT_5};
	struct mqtt_packet_view view = {.type = MQTT_PUBLISH};
	struct fault fault = FAULT_NONE;

	for (unsigned i = 0; i < count; i++) {
		mqtt_put_prop_user(&writer, bytes_text("k"), bytes_text("v"));
	}
	REQUIRE("user limit", wire_writer_err(&writer) == ERR_OK);
	view.as.publish.topic = bytes_text("t");
	view.as.publish.props.raw = buf_bytes(&props);
	CHECK("user limit", mqtt_encode(&options, &view, &out) == ERR_OK);
	CHECK("user limit", rows_decode(MQTT_5, MQTT_CLIENT, buf_bytes(&out), &view, &fault) == want);
	CHECK("user limit", want == ERR_OK || fault.reason == MQTT_REASON_QUOTA_EXCEEDED);
	buf_release(&props);
	buf_release(&out);
}

static const struct {
	const char *name;
	enum mqtt_prop prop;
	uint32_t value;
	enum err want;
	const char *hex;
} put_rows[] = {
	{"byte", MQTT_PROP_PAYLOAD_FORMAT, 1, ERR_OK, "0101"},
	{"3.3.2.3.2 byte out of range", MQTT_PROP_PAYLOAD_FORMAT, 2, ERR_INVALID, ""},
	{"flag", MQTT_PROP_SHARED_AVAILABLE, 0, ERR_OK, "2a00"},
	{"two bytes", MQTT_PROP_RECEIVE_MAX, 65535, ERR_OK, "21ffff"},
	{"3.1.2.11.3 zero", MQTT_PROP_RECEIVE_MAX, 0, ERR_INVALID, ""},
	{"two bytes, too much", MQTT_PROP_RECEIVE_MAX, 65536, ERR_INVALID, ""},
	{"MQTT-3.3.2-8 alias 0", MQTT_PROP_TOPIC_ALIAS, 0, ERR_INVALID, ""},
	{"four bytes", MQTT_PROP_SESSION_EXPIRY, 0xFFFFFFFF, ERR_OK, "11ffffffff"},
	{"variable, one", MQTT_PROP_SUBSCRIPTION_ID, 127, ERR_OK, "0b7f"},
	{"variable, two", MQTT_PROP_SUBSCRIPTION_ID, 128, ERR_OK, "0b8001"},
	{"variable, largest", MQTT_PROP_SUBSCRIPTION_ID, MQTT_VARINT_MAX, ERR_OK, "0bffffff7f"},
	{"variable, too large", MQTT_PROP_SUBSCRIPTION_ID, MQTT_VARINT_MAX + 1, ERR_INVALID, ""},
	{"3.8.2.1.2 variable, zero", MQTT_PROP_SUBSCRIPTION_ID, 0, ERR_INVALID, ""},
	{"not an integer", MQTT_PROP_REASON_STRING, 1, ERR_INVALID, ""},
	{"no property", (enum mqtt_prop)0x04, 1, ERR_INVALID, ""},
};

static void check_builder(void)
{
	static uint8_t text[MQTT_STRING_BYTES_MAX + 1];

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_COUNT(put_rows); i++) {
		struct test_bytes want = test_hex(put_rows[i].hex);
		struct buf out = BUF_INIT(64);
		struct wire_writer writer = wire_writer_init(&out);

		mqtt_put_prop_int(&writer, put_rows[i].prop, put_rows[i].value);
		CHECK(put_rows[i].name, wire_writer_err(&writer) == put_rows[i].want);
		CHECK(put_rows[i].name, bytes_equal(buf_bytes(&out), test_bytes_view(&want)));
		buf_release(&out);
	}
	for (size_t more = 0; more <= 1; more++) {
		struct buf out = BUF_INIT(1 << 20);
		struct wire_writer writer = wire_writer_init(&out);
		enum err want = more == 0 ? ERR_OK : ERR_LIMIT;

		mqtt_put_prop_bytes(
			&writer, MQTT_PROP_REASON_STRING, bytes_of(text, MQTT_STRING_BYTES_MAX + more));
		CHECK("1.5.4 65535 and 65536 bytes", wire_writer_err(&writer) == want);
		wire_writer_rollback(&writer);
		writer = wire_writer_init(&out);
		mqtt_put_prop_user(&writer, bytes_text("k"), bytes_of(text, MQTT_STRING_BYTES_MAX + more));
		CHECK("1.5.7 65535 and 65536 bytes", wire_writer_err(&writer) == want);
		buf_release(&out);
	}
	struct buf out = BUF_INIT(64);
	struct wire_writer writer = wire_writer_init(&out);
	mqtt_put_prop_bytes(&writer, MQTT_PROP_RECEIVE_MAX, bytes_text("x"));
	CHECK("text where a number belongs", wire_writer_err(&writer) == ERR_INVALID);
	mqtt_put_prop_int(&writer, MQTT_PROP_RECEIVE_MAX, 1);
	CHECK("the first error sticks", wire_writer_err(&writer) == ERR_INVALID && out.len == 0);
	buf_release(&out);
}

static void check_names(void)
{
	unsigned named = 0;

	for (unsigned id = 0; id < 256; id++) {
		named += strcmp(mqtt_prop_name((uint8_t)id), "unknown") != 0;
	}
	CHECK("2.2.2.2 has 27 properties", named == 27);
	named = 0;
	for (unsigned code = 0; code < 256; code++) {
		named += strcmp(mqtt_reason_name((uint8_t)code), "unknown") != 0;
	}
	CHECK("2.4 has 43 reason codes", named == 43);
	CHECK("name", strcmp(mqtt_reason_name(0x8F), "Topic Filter invalid") == 0);
	CHECK("name", strcmp(mqtt_type_name(MQTT_UNSUBACK), "UNSUBACK") == 0);
	CHECK("name", strcmp(mqtt_type_name((enum mqtt_type)16), "unknown") == 0);
	CHECK("name", strcmp(mqtt_version_name(MQTT_3_1_1), "3.1.1") == 0);
}

int main(void)
{
	check_defaults();
	check_values();
	check_iteration();
	check_forward();
	check_will_forward();
	check_user_limit(MQTT_USER_PROPERTIES_MAX, ERR_OK);
	check_user_limit(MQTT_USER_PROPERTIES_MAX + 1, ERR_LIMIT);
	check_builder();
	check_names();
	return test_result();
}
