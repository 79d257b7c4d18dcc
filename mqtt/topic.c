/*
 * topic.c - topic names and filters (4.7), shared subscriptions' prefix (4.8.2).
 * Never:   recurses: the number of levels is the sender's choice. Never allocates.
 */
#include <string.h>

#include "base/utf8.h"
#include "mqtt/codec.h"

struct mqtt_levels mqtt_levels_init(struct bytes topic)
{
	return (struct mqtt_levels){topic, false};
}

bool mqtt_levels_next(struct mqtt_levels *levels, struct bytes *level)
{
	const uint8_t *slash = NULL;
	struct bytes rest = levels->rest;

	if (levels->done) {
		return false;
	}
	slash = rest.len > 0 ? memchr(rest.data, '/', rest.len) : NULL;
	if (slash == NULL) {
		*level = rest;
		levels->done = true;
		return true;
	}
	level->data = rest.data;
	level->len = (size_t)(slash - rest.data);
	levels->rest = bytes_of(slash + 1, rest.len - level->len - 1);
	return true;
}

static bool is_text(struct bytes level, const char *text)
{
	return bytes_equal_text(level, text);
}

bool mqtt_has_wildcard(struct bytes in)
{
	return in.len > 0 && (memchr(in.data, '+', in.len) != NULL || memchr(in.data, '#', in.len) != NULL);
}

/* MQTT-4.7.3-1, MQTT-4.7.3-2, MQTT-4.7.3-3, for names and filters alike. */
static bool extent_valid(struct bytes in)
{
	return in.len > 0 && in.len <= MQTT_STRING_BYTES_MAX && utf8_valid_mqtt(in);
}

bool mqtt_levels_within_limit(struct bytes in)
{
	unsigned levels = 1;

	for (size_t i = 0; i < in.len; i++) {
		levels += in.data[i] == '/';
		if (levels > MQTT_TOPIC_LEVELS_MAX) {
			return false;
		}
	}
	return true;
}

bool mqtt_topic_name_valid(struct bytes name)
{
	/* MQTT-4.7.1-1, 5.0 MQTT-4.7.0-1: no wildcard. */
	return extent_valid(name) && !mqtt_has_wildcard(name) && mqtt_levels_within_limit(name);
}

bool mqtt_topic_filter_valid(struct bytes filter)
{
	struct mqtt_levels levels = mqtt_levels_init(filter);
	struct bytes level = BYTES_NONE;

	if (!extent_valid(filter) || !mqtt_levels_within_limit(filter)) {
		return false;
	}
	while (mqtt_levels_next(&levels, &level)) {
		if (!mqtt_has_wildcard(level)) {
			continue;
		}
		/* A wildcard fills its level (3.1.1 MQTT-4.7.1-3), and nothing follows # (3.1.1 -2, 5.0 -1). */
		if (!is_text(level, "+") && !(is_text(level, "#") && levels.done)) {
			return false;
		}
	}
	return true;
}

enum err mqtt_share_parse(struct bytes in, struct mqtt_share *out)
{
	struct mqtt_levels levels = mqtt_levels_init(in);
	struct bytes level = BYTES_NONE;
	struct mqtt_share share = {BYTES_NONE, in};

	if (!mqtt_levels_next(&levels, &level) || !is_text(level, "$share") || levels.done) {
		*out = share;
		return ERR_NOT_FOUND;
	}
	/* MQTT-4.8.2-1: a name of at least one character. -2: without wildcards, and a filter follows it. */
	if (!mqtt_levels_next(&levels, &share.name) || share.name.len == 0 || mqtt_has_wildcard(share.name) ||
		levels.done) {
		return ERR_INVALID;
	}
	share.filter = levels.rest;
	if (!mqtt_topic_filter_valid(share.filter)) {
		return ERR_INVALID;
	}
	*out = share;
	return ERR_OK;
}

static bool starts_with(struct bytes in, char c)
{
	return in.len > 0 && in.data[0] == (uint8_t)c;
}

bool mqtt_topic_match(struct bytes filter, struct bytes name)
{
	struct mqtt_levels wanted = mqtt_levels_init(filter);
	struct mqtt_levels given = mqtt_levels_init(name);
	struct bytes want = BYTES_NONE;
	struct bytes have = BYTES_NONE;

	/* MQTT-4.7.2-1. A valid filter that begins with a wildcard byte has that wildcard as its first level. */
	if (starts_with(name, '$') && (starts_with(filter, '+') || starts_with(filter, '#'))) {
		return false;
	}
	while (mqtt_levels_next(&wanted, &want)) {
		if (is_text(want, "#")) {
			return true; /* also the parent level itself, 4.7.1.2 */
		}
		if (!mqtt_levels_next(&given, &have)) {
			return false;
		}
		if (!is_text(want, "+") && !bytes_equal(want, have)) { /* MQTT-4.7.3-4 */
			return false;
		}
	}
	return given.done;
}

/*
 * A filter as a row of single levels with an open end or not. "#" is "+/#", since a name has one level at least, and
 * "/#" is "/+/#", since its parent level alone would be the empty name (MQTT-4.7.3-1).
 */
struct pattern {
	struct mqtt_levels levels;
	struct bytes level;
	bool has_level;
	bool open; /* the # was reached */
};

static struct pattern pattern_init(struct bytes filter)
{
	if (is_text(filter, "#")) {
		filter = bytes_text("+/#");
	} else if (is_text(filter, "/#")) {
		filter = bytes_text("/+/#");
	}
	return (struct pattern){mqtt_levels_init(filter), BYTES_NONE, false, false};
}

static void pattern_next(struct pattern *pattern)
{
	pattern->has_level = mqtt_levels_next(&pattern->levels, &pattern->level);
	if (pattern->has_level && is_text(pattern->level, "#")) {
		pattern->has_level = false;
		pattern->open = true;
	}
}

bool mqtt_filter_covers(struct bytes a, struct bytes b)
{
	struct pattern wide = pattern_init(a);
	struct pattern narrow = pattern_init(b);

	/* b reaches only names with '$' in front, which a never matches (MQTT-4.7.2-1). */
	if (starts_with(b, '$') && (starts_with(a, '+') || starts_with(a, '#'))) {
		return false;
	}
	for (;;) {
		pattern_next(&wide);
		pattern_next(&narrow);
		if (wide.open) {
			return true; /* every level of a so far contains b's, and any rest will do */
		}
		if (!wide.has_level) {
			return !narrow.has_level && !narrow.open; /* a wants exactly this many levels */
		}
		if (!narrow.has_level) {
			return false; /* b matches names that end here, a wants one more level */
		}
		if (!is_text(wide.level, "+") && !bytes_equal(wide.level, narrow.level)) {
			return false; /* a '+' in b is more than any literal in a; literals must be equal */
		}
	}
}
