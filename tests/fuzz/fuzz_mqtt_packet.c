/*
 * fuzz_mqtt_packet.c - a stream of packets in one version from one side.
 * Reaches: mqtt_frame_next(), mqtt_type_allowed(), every mqtt_decode_*(), mqtt_encode(), mqtt_props_forward(), iterators.
 * Holds:   decode(encode(decode(x))) == decode(x); no frame depends on what stands behind it; a refusal names its reason.
 *
 * Input: one byte (bits 0-1 version, bit 2 side, bit 3 a small receiver), then the stream.
 */
#include <stdlib.h>

#include "mqtt/mqtt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool good)
{
	if (!good) {
		abort();
	}
}

static void walk_props(const struct mqtt_props_view *props)
{
	struct mqtt_props_iter iter = mqtt_props_iter_init(props);
	struct bytes name = BYTES_NONE;
	struct bytes value = BYTES_NONE;
	struct buf out = BUF_INIT(MQTT_PACKET_BYTES_MAX);
	uint32_t seen = 0;
	uint32_t id = 0;

	while (mqtt_props_next_user(&iter, &name, &value)) {
		seen++;
	}
	must(seen == props->user_count);
	iter = mqtt_props_iter_init(props);
	for (seen = 0; mqtt_props_next_subscription_id(&iter, &id); seen++) {
		must(id > 0);
		must(id <= MQTT_VARINT_MAX);
	}
	must(seen == props->subscription_id_count);
	if (mqtt_props_forward(props, &out) == ERR_OK) {
		must(out.len <= props->raw.len);
	}
	buf_release(&out);
}

static void walk_view(enum mqtt_version version, const struct mqtt_packet_view *view)
{
	struct mqtt_subscription subscription;
	struct bytes rest = BYTES_NONE;
	struct bytes filter = BYTES_NONE;
	uint32_t seen = 0;

	if (view->type == MQTT_PUBLISH) {
		walk_props(&view->as.publish.props);
		must(view->as.publish.topic.len == 0 || mqtt_topic_name_valid(view->as.publish.topic));
		must((view->as.publish.qos == 0) == (view->as.publish.packet_id == 0));
	} else if (view->type == MQTT_CONNECT) {
		walk_props(&view->as.connect.props);
		walk_props(&view->as.connect.will.props);
	} else if (view->type == MQTT_SUBSCRIBE) {
		for (rest = view->as.subscribe.raw; mqtt_subscribe_next(version, &rest, &subscription);
			seen++) {
			must(subscription.qos <= 2);
			must(mqtt_topic_filter_valid(subscription.filter) || subscription.filter.len > 0);
		}
		must(seen == view->as.subscribe.count && rest.len == 0);
	} else if (view->type == MQTT_UNSUBSCRIBE) {
		for (rest = view->as.unsubscribe.raw; mqtt_unsubscribe_next(&rest, &filter); seen++) {
			must(filter.len > 0);
		}
		must(seen == view->as.unsubscribe.count && rest.len == 0);
	}
}

/* What was read is written, read again and written again: the two writings are the same. */
static void round_trip(
	struct mqtt_encode_options options, enum mqtt_side from, const struct mqtt_packet_view *view)
{
	struct buf first = BUF_INIT(MQTT_PACKET_BYTES_MAX);
	struct buf second = BUF_INIT(MQTT_PACKET_BYTES_MAX);
	struct mqtt_frame frame;
	struct mqtt_packet_view again;
	struct fault fault = FAULT_NONE;

	if (view->type == MQTT_CONNECT) {
		options.version = view->as.connect.version;
	}
	if (mqtt_encode(&options, view, &first) == ERR_OK) {
		must(options.packet_bytes_max == 0 || first.len <= options.packet_bytes_max ||
			first.len == 2);
		must(mqtt_frame_next(buf_bytes(&first), 0, &frame, &fault) == ERR_OK);
		must(frame.packet_bytes == first.len);
		must(mqtt_decode(options.version, from, &frame, &again, &fault) == ERR_OK);
		must(mqtt_encode(&options, &again, &second) == ERR_OK);
		must(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
	} else {
		must(options.packet_bytes_max != 0); /* what we accept we can write */
	}
	buf_release(&first);
	buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const enum mqtt_version versions[] = {MQTT_3_1, MQTT_3_1_1, MQTT_5, MQTT_5};
	struct bytes in = bytes_of(data, len);
	struct mqtt_encode_options options = {.version = MQTT_5};
	enum mqtt_side from = MQTT_CLIENT;

	if (in.len == 0) {
		return 0;
	}
	options.version = versions[in.data[0] & 3u];
	options.packet_bytes_max = (in.data[0] & 8u) != 0 ? 24 : 0;
	from = (in.data[0] & 4u) != 0 ? MQTT_SERVER : MQTT_CLIENT;
	in = bytes_of(in.data + 1, in.len - 1);
	for (;;) {
		struct mqtt_frame frame = {0};
		struct mqtt_packet_view view;
		struct fault fault = FAULT_NONE;
		enum err err = mqtt_frame_next(in, 1 << 20, &frame, &fault);

		if (err == ERR_AGAIN) {
			must(frame.packet_bytes > in.len);
			return 0;
		}
		if (err != ERR_OK) {
			must(fault.reason >= 0x80 && fault.clause != NULL && fault.err == err);
			return 0;
		}
		must(frame.packet_bytes <= in.len);
		if (frame.type == MQTT_CONNECT) {
			(void)mqtt_connect_reply_version(&frame);
		}
		err = mqtt_decode(options.version, from, &frame, &view, &fault);
		if (err == ERR_OK) {
			walk_view(options.version, &view);
			round_trip(options, from, &view);
		} else {
			must(fault.reason >= 0x80 && fault.clause != NULL && fault.err == err);
		}
		in = bytes_of(in.data + frame.packet_bytes, in.len - frame.packet_bytes);
	}
}
