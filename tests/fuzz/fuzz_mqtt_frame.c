/*
 * fuzz_mqtt_frame.c - a stream, whole and byte by byte.
 * Reaches: mqtt_frame_next().
 * Holds:   both ways give the same frames and the same refusal; an ERR_AGAIN never asks for less than it has.
 *
 * Input: two bytes of maximum packet size, then the stream.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t max = 0;
	size_t pos = 2;

	if (len < 2 || len > 4096) { /* the byte by byte half is quadratic */
		return 0;
	}
	max = (size_t)data[0] * 256 + data[1];
	while (pos <= len) {
		struct mqtt_frame whole = {0};
		struct mqtt_frame part = {0};
		struct fault fault = FAULT_NONE;
		struct fault part_fault = FAULT_NONE;
		enum err err = mqtt_frame_next(bytes_of(data + pos, len - pos), max, &whole, &fault);
		enum err part_err = ERR_AGAIN;
		size_t n = 0;

		for (; n <= len - pos && part_err == ERR_AGAIN; n++) {
			part_err = mqtt_frame_next(bytes_of(data + pos, n), max, &part, &part_fault);
			must(part_err != ERR_AGAIN || part.packet_bytes > n);
		}
		must(part_err == err);
		must(part_fault.clause == fault.clause && part_fault.reason == fault.reason);
		if (err != ERR_OK) {
			return 0;
		}
		must(part.packet_bytes == whole.packet_bytes && part.packet_bytes == n - 1);
		must(part.type == whole.type && part.flags == whole.flags);
		must(bytes_equal(part.body, whole.body));
		must(max == 0 || whole.packet_bytes <= max);
		pos += whole.packet_bytes;
	}
	return 0;
}
