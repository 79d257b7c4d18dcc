/*
 * fuzz_mqtt_topic.c - two filters and a name.
 * Reaches: mqtt_topic_name_valid(), mqtt_topic_filter_valid(), mqtt_share_parse(), mqtt_topic_match(),
 *          mqtt_filter_covers(), mqtt_levels_next().
 * Holds:   covers(a, b) and match(b, name) give match(a, name); a filter covers itself; # covers what no $ begins;
 *          a name as a filter matches itself and nothing but itself.
 *
 * Input: filter a, NUL, filter b, NUL, name.
 */
#include <stdlib.h>
#include <string.h>

#include "mqtt/mqtt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool good)
{
	if (!good) {
		abort();
	}
}

static struct bytes take(struct bytes *in)
{
	const uint8_t *nul = in->len > 0 ? memchr(in->data, 0, in->len) : NULL;
	struct bytes out = *in;

	if (nul == NULL) {
		*in = BYTES_NONE;
		return out;
	}
	out.len = (size_t)(nul - in->data);
	*in = bytes_of(nul + 1, in->len - out.len - 1);
	return out;
}

static void check_filter(struct bytes filter)
{
	struct mqtt_share share;
	struct mqtt_levels levels = mqtt_levels_init(filter);
	struct bytes level = BYTES_NONE;
	size_t bytes = 0;
	size_t count = 0;

	for (; mqtt_levels_next(&levels, &level); count++) {
		bytes += level.len;
	}
	must(bytes + count - 1 == filter.len);
	if (mqtt_share_parse(filter, &share) == ERR_OK) {
		must(share.name.len > 0);
		must(mqtt_topic_filter_valid(share.filter));
	}
	if (!mqtt_topic_filter_valid(filter)) {
		return;
	}
	must(count <= MQTT_TOPIC_LEVELS_MAX);
	must(mqtt_filter_covers(filter, filter));
	must(mqtt_filter_covers(bytes_text("#"), filter) == (filter.data[0] != '$'));
	must(!mqtt_topic_name_valid(filter) || mqtt_topic_match(filter, filter));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes in = bytes_of(data, len);
	struct bytes a = take(&in);
	struct bytes b = take(&in);
	struct bytes name = in;

	check_filter(a);
	check_filter(b);
	if (!mqtt_topic_filter_valid(a) || !mqtt_topic_filter_valid(b)) {
		return 0;
	}
	if (mqtt_topic_name_valid(name) && mqtt_filter_covers(a, b) && mqtt_topic_match(b, name)) {
		must(mqtt_topic_match(a, name));
	}
	if (mqtt_topic_name_valid(name) && mqtt_topic_name_valid(a)) {
		must(mqtt_topic_match(a, name) == bytes_equal(a, name));
	}
	if (mqtt_topic_name_valid(b)) { /* a name is the filter that matches only itself */
		must(mqtt_filter_covers(a, b) == mqtt_topic_match(a, b));
	}
	return 0;
}
