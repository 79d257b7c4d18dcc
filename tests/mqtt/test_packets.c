/*
 * Goal: every packet of the table gets the verdict of its row; every good one survives framing byte by byte, each cut,
 * and comes out of decode and encode as it went in.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/mqtt/rows.h"

static void check_row(const struct packet_row *row)
{
	struct test_bytes packet = rows_packet(row->packet);
	struct mqtt_packet_view view;
	struct mqtt_packet_view before;
	struct fault fault = FAULT_NONE;

	memset(&view, 0xA5, sizeof(view));
	memcpy(&before, &view, sizeof(view));
	CHECK(row->name,
		rows_decode(row->version, row->from, test_bytes_view(&packet), &view, &fault) == row->err);
	if (row->err == ERR_OK) {
		CHECK(row->name, fault.err == ERR_OK);
		return;
	}
	CHECK(row->name, fault.err == row->err);
	CHECK(row->name, fault.reason == row->reason);
	CHECK(row->name, fault.clause != NULL && strcmp(fault.clause, row->clause) == 0);
	CHECK(row->name, memcmp(&view, &before, sizeof(view)) == 0);
}

/* Same refusal, whole or in pieces; same frame too, and the promise of how many bytes are needed holds. */
static void check_byte_by_byte(const struct packet_row *row)
{
	struct test_bytes packet = rows_packet(row->packet);
	struct mqtt_frame whole = {0};
	struct fault whole_fault = FAULT_NONE;
	enum err whole_err = mqtt_frame_next(test_bytes_view(&packet), 0, &whole, &whole_fault);

	for (size_t n = 0; n <= packet.len; n++) {
		/* An allocation of just n bytes lets AddressSanitizer see a read beyond them. */
		uint8_t *part = malloc(n > 0 ? n : 1);
		struct mqtt_frame frame = {0};
		struct fault fault = FAULT_NONE;
		enum err err;

		REQUIRE("memory", part != NULL);
		memcpy(part, packet.data, n);
		err = mqtt_frame_next(bytes_of(part, n), 0, &frame, &fault);
		if (err == ERR_AGAIN) {
			CHECK(row->name, n < packet.len);
			CHECK(row->name, frame.packet_bytes > n);
			CHECK(row->name, frame.packet_bytes <= packet.len);
		} else {
			CHECK(row->name, err == whole_err);
			CHECK(row->name, fault.clause == whole_fault.clause);
			CHECK(row->name, fault.reason == whole_fault.reason);
			CHECK(row->name, err != ERR_OK || n == packet.len);
		}
		free(part);
	}
	if (whole_err == ERR_OK) {
		CHECK(row->name, whole.packet_bytes == packet.len);
		CHECK(row->name, whole.body.len < packet.len);
	}
}

/* Every body of a good packet, cut short with a header that is true: never more than what its rules leave out. */
static void check_cut_bodies(const struct packet_row *row)
{
	struct test_bytes packet = rows_packet(row->packet);
	struct mqtt_frame frame = {0};
	struct fault fault = FAULT_NONE;
	unsigned good = 0;

	REQUIRE(row->name, mqtt_frame_next(test_bytes_view(&packet), 0, &frame, &fault) == ERR_OK);
	for (size_t n = 0; n < frame.body.len; n++) {
		uint8_t *part = malloc(n > 0 ? n : 1);
		struct mqtt_packet_view view;
		struct mqtt_frame cut = frame;

		REQUIRE("memory", part != NULL);
		memcpy(part, frame.body.data, n);
		cut.body = bytes_of(part, n);
		fault = FAULT_NONE;
		if (mqtt_decode(row->version, row->from, &cut, &view, &fault) == ERR_OK) {
			good++;
		} else {
			CHECK(row->name, fault.err != ERR_OK);
			CHECK(row->name, fault.reason >= 0x80);
			CHECK(row->name, fault.clause != NULL);
		}
		free(part);
	}
	/* A shorter payload, fewer filters or codes, a short form: nothing else may still pass. */
	switch (frame.type) {
	case MQTT_CONNECT:
	case MQTT_CONNACK:
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: CHECK(row->name, good == 0); break;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP:
	case MQTT_DISCONNECT: CHECK(row->name, good <= 2); break;
	case MQTT_AUTH: CHECK(row->name, good <= 1); break;
	case MQTT_PUBLISH:
	case MQTT_SUBSCRIBE:
	case MQTT_SUBACK:
	case MQTT_UNSUBSCRIBE:
	case MQTT_UNSUBACK: break;
	}
}

static void check_long_body(const struct packet_row *row)
{
	struct test_bytes packet = rows_packet(row->packet);
	struct mqtt_frame frame = {0};
	struct mqtt_packet_view view;
	struct fault fault = FAULT_NONE;
	uint8_t *longer = malloc(packet.len + 1);

	REQUIRE("memory", longer != NULL);
	REQUIRE(row->name, mqtt_frame_next(test_bytes_view(&packet), 0, &frame, &fault) == ERR_OK);
	if (frame.body.len > 0) {
		memcpy(longer, frame.body.data, frame.body.len);
	}
	longer[frame.body.len] = 0x7F;
	frame.body = bytes_of(longer, frame.body.len + 1);
	/* A payload may be longer, a ping has been judged by its frame; all the others end where they end. */
	if (frame.type != MQTT_PUBLISH && frame.type != MQTT_PINGREQ && frame.type != MQTT_PINGRESP) {
		CHECK(row->name, mqtt_decode(row->version, row->from, &frame, &view, &fault) != ERR_OK);
	}
	free(longer);
}

static void check_round_trip(const struct packet_row *row)
{
	struct test_bytes packet = rows_packet(row->packet);
	struct mqtt_encode_options options = {.version = row->version};
	struct mqtt_packet_view view;
	struct mqtt_packet_view again;
	struct fault fault = FAULT_NONE;
	struct buf out = BUF_INIT(1 << 16);
	struct buf second = BUF_INIT(1 << 16);

	REQUIRE(row->name,
		rows_decode(row->version, row->from, test_bytes_view(&packet), &view, &fault) == ERR_OK);
	CHECK(row->name, mqtt_encode(&options, &view, &out) == ERR_OK);
	if (row->clause != NULL) {
		CHECK(row->name, out.len < packet.len);
	} else {
		CHECK(row->name, bytes_equal(buf_bytes(&out), test_bytes_view(&packet)));
	}
	CHECK(row->name, rows_decode(row->version, row->from, buf_bytes(&out), &again, &fault) == ERR_OK);
	CHECK(row->name, mqtt_encode(&options, &again, &second) == ERR_OK);
	CHECK(row->name, bytes_equal(buf_bytes(&out), buf_bytes(&second)));
	buf_release(&out);
	buf_release(&second);
}

/* A receiver's limit of exactly the packet's size passes, one byte less does not (or sheds what may be shed). */
static void check_size_limit(const struct packet_row *row)
{
	struct test_bytes packet = rows_packet(row->packet);
	struct mqtt_encode_options options = {
		.version = row->version, .packet_bytes_max = (uint32_t)packet.len};
	struct mqtt_packet_view view;
	struct mqtt_frame frame = {0};
	struct fault fault = FAULT_NONE;
	struct buf out = BUF_INIT(1 << 16);
	enum err err;

	CHECK(row->name, mqtt_frame_next(test_bytes_view(&packet), packet.len, &frame, &fault) == ERR_OK);
	CHECK(row->name,
		mqtt_frame_next(test_bytes_view(&packet), packet.len - 1, &frame, &fault) == ERR_LIMIT);
	CHECK(row->name, fault.reason == MQTT_REASON_PACKET_TOO_LARGE);
	REQUIRE(row->name,
		rows_decode(row->version, row->from, test_bytes_view(&packet), &view, &fault) == ERR_OK);
	CHECK(row->name, mqtt_encode(&options, &view, &out) == ERR_OK);
	out.len = 0;
	if (view.type == MQTT_PINGREQ || view.type == MQTT_PINGRESP || row->clause != NULL) {
		buf_release(&out);
		return; /* two bytes: no maximum may be smaller */
	}
	options.packet_bytes_max--;
	err = mqtt_encode(&options, &view, &out);
	if (err == ERR_OK) {
		CHECK(row->name, out.len < packet.len);
		CHECK(row->name, out.len > 0);
		CHECK(row->name,
			rows_decode(row->version, row->from, buf_bytes(&out), &view, &fault) == ERR_OK);
	} else {
		CHECK(row->name, options.packet_bytes_max > 0 ? err == ERR_LIMIT : err != ERR_OK);
		CHECK(row->name, out.len == 0);
	}
	buf_release(&out);
}

/* Each allocation of an encoder failing, and each size of the buffer: no half packet stays behind. */
static void check_encoder_failures(const struct packet_row *row)
{
	struct test_bytes packet = rows_packet(row->packet);
	struct mqtt_encode_options options = {.version = row->version};
	struct mqtt_packet_view view;
	struct fault fault = FAULT_NONE;

	REQUIRE(row->name,
		rows_decode(row->version, row->from, test_bytes_view(&packet), &view, &fault) == ERR_OK);
	for (unsigned long nth = 1; nth < 64; nth++) {
		struct buf out = BUF_INIT(1 << 16);
		enum err err;

		test_alloc_fail_at(nth);
		err = mqtt_encode(&options, &view, &out);
		test_alloc_fail_at(0);
		CHECK(row->name, err == ERR_OK || (err == ERR_NOMEM && out.len == 0));
		buf_release(&out);
		if (err == ERR_OK) {
			break;
		}
		CHECK(row->name, nth < 63);
	}
	for (size_t max = 1; max < packet.len && row->clause == NULL; max++) {
		struct buf out = BUF_INIT(max);

		CHECK(row->name, mqtt_encode(&options, &view, &out) == ERR_LIMIT);
		CHECK(row->name, out.len == 0);
		buf_release(&out);
	}
}

int main(void)
{
	for (size_t i = 0; i < packet_row_count; i++) {
		const struct packet_row *row = &packet_rows[i];

		check_row(row);
		check_byte_by_byte(row);
		if (row->err == ERR_OK) {
			check_cut_bodies(row);
			check_long_body(row);
			check_round_trip(row);
			check_size_limit(row);
			check_encoder_failures(row);
		}
	}
	return test_result();
}
