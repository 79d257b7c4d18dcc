/*
 * address_pattern.c - addresses and address patterns of CHLAUTH (mq-semantics 3.6).
 * Owns:    a parsed pattern: four or eight parts, each a number, a range or any.
 * Never:   resolves a host name; reads CIDR (MQ has none).
 * Threads: any; a pattern is immutable.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "auth/chlauth.h"
#include "auth/text.h"

#define PARTS_MAX          8u
#define PATTERN_BYTES_MAX  128u
#define PART_DIGITS_IPV4   3u
#define PART_DIGITS_IPV6   4u
#define IPV4_MAPPED        "::ffff:"
#define IPV4_MAPPED_OCTETS 12u
#define PARTS_IPV4         4u
#define PARTS_IPV6         8u

struct part {
	bool any;
	uint16_t low, high;
};

struct address_pattern {
	uint8_t family; /* 0: a lone '*', anything at all */
	struct part parts[PARTS_MAX];
};

enum err auth_address_parse(const char *text, struct auth_address *out)
{
	static const uint8_t mapped[IPV4_MAPPED_OCTETS] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct auth_address address = {0};
	if (text == NULL) {
		return ERR_INVALID;
	}
	if (inet_pton(AF_INET, text, address.octets) == 1) {
		address.family = 4;
	} else if (inet_pton(AF_INET6, text, address.octets) == 1) {
		address.family = 6;
		if (memcmp(address.octets, mapped, sizeof(mapped)) == 0) {
			memmove(address.octets, address.octets + sizeof(mapped), 4);
			memset(address.octets + 4, 0, sizeof(address.octets) - 4);
			address.family = 4;
		}
	} else {
		return ERR_INVALID;
	}
	*out = address;
	return ERR_OK;
}

void auth_address_format(const struct auth_address *address, char out[AUTH_ADDRESS_TEXT_BYTES])
{
	int family = address->family == 4 ? AF_INET : AF_INET6;
	out[0] = '-';
	out[1] = '\0';
	if (address->family == 4 || address->family == 6) {
		if (inet_ntop(family, address->octets, out, AUTH_ADDRESS_TEXT_BYTES) == NULL) {
			out[0] = '\0';
		}
	}
}

/* --- parsing --- */

struct cursor {
	const char *text;
	size_t at;
	struct auth_error *error;
};

static int digit_value(char c, unsigned base)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	char folded = (char)text_fold((uint8_t)c);
	return base == 16 && folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

static enum err get_number(struct cursor *in, unsigned base, uint16_t *out)
{
	size_t start = in->at;
	size_t digits_max = base == 10 ? PART_DIGITS_IPV4 : PART_DIGITS_IPV6;
	unsigned value = 0;
	for (int digit = digit_value(in->text[in->at], base); digit >= 0;
		digit = digit_value(in->text[in->at], base)) {
		if (in->at - start == digits_max) {
			return auth_fail(in->error, ERR_INVALID, start, "this number has too many digits");
		}
		value = value * base + (unsigned)digit;
		in->at++;
	}
	size_t digits = in->at - start;
	if (digits == 0) {
		return auth_fail(in->error, ERR_INVALID, start,
			"expected a number, a range such as 1-8, or *; host names and /masks are not "
			"supported");
	}
	if (base == 10 && digits > 1 && in->text[start] == '0') {
		/* Some read 010 as eight. */
		return auth_fail(in->error, ERR_INVALID, start, "a number may not begin with 0");
	}
	if (base == 10 && value > 255) {
		return auth_fail(in->error, ERR_INVALID, start, "a part of an IPv4 address is at most 255");
	}
	*out = (uint16_t)value;
	return ERR_OK;
}

static enum err get_part(struct cursor *in, unsigned base, struct part *out)
{
	if (in->text[in->at] == '*') {
		in->at++;
		*out = (struct part){.any = true};
		return ERR_OK;
	}
	size_t start = in->at;
	*out = (struct part){0};
	enum err err = get_number(in, base, &out->low);
	if (err != ERR_OK) {
		return err;
	}
	out->high = out->low;
	if (in->text[in->at] != '-') {
		return ERR_OK;
	}
	in->at++;
	err = get_number(in, base, &out->high);
	if (err == ERR_OK && out->low >= out->high) {
		return auth_fail(
			in->error, ERR_INVALID, start, "a range goes from the lower to the higher number");
	}
	return err;
}

/* What was read: parts as written, where '::' stood (PARTS_MAX + 1: nowhere). */
struct written {
	struct part parts[PARTS_MAX];
	size_t count;
	size_t gap;
};
#define NO_GAP (PARTS_MAX + 1u)

static enum err get_parts(struct cursor *in, char separator, struct written *out)
{
	unsigned base = separator == '.' ? 10 : 16;
	size_t parts_max = separator == '.' ? PARTS_IPV4 : PARTS_IPV6;
	out->count = 0;
	out->gap = NO_GAP;
	if (separator == ':' && strncmp(in->text + in->at, "::", 2) == 0) {
		out->gap = 0;
		in->at += 2;
		if (in->text[in->at] == '\0') {
			return ERR_OK;
		}
	}
	for (;;) {
		if (out->count == parts_max) {
			return auth_fail(in->error, ERR_INVALID, in->at, "the address has too many parts");
		}
		enum err err = get_part(in, base, &out->parts[out->count]);
		if (err != ERR_OK) {
			return err;
		}
		out->count++;
		if (in->text[in->at] == '\0') {
			return ERR_OK;
		}
		if (in->text[in->at] != separator) {
			return auth_fail(in->error, ERR_INVALID, in->at,
				"expected '%c' between the parts of an address", separator);
		}
		in->at++;
		if (separator == ':' && in->text[in->at] == ':') {
			if (out->gap != NO_GAP) {
				return auth_fail(in->error, ERR_INVALID, in->at, "'::' may stand only once");
			}
			out->gap = out->count;
			in->at++;
			if (in->text[in->at] == '\0') {
				return ERR_OK;
			}
		}
	}
}

/* How many parts each '*' stands for: one, but that a lone or a trailing one takes all that is missing. */
static enum err expand_stars(
	struct cursor *in, const struct written *written, size_t total, struct address_pattern *out)
{
	size_t stars = 0;
	size_t count = written->count;
	for (size_t i = 0; i < count; i++) {
		stars += written->parts[i].any ? 1 : 0;
	}
	bool trailing = written->parts[count - 1].any;
	if (trailing && count > 1 && written->parts[count - 2].any) {
		return auth_fail(in->error, ERR_INVALID, in->at, "no * may stand directly before the last *");
	}
	if (count < total && stars == 0) {
		return auth_fail(in->error, ERR_INVALID, in->at,
			"the address has too few parts; end it in * to mean all");
	}
	if (count < total && stars > 1 && !trailing) {
		return auth_fail(
			in->error, ERR_INVALID, in->at, "which * stands for several parts is not clear");
	}
	size_t to = 0;
	for (size_t i = 0; i < count; i++) {
		bool takes_all = written->parts[i].any && (trailing ? i == count - 1 : true);
		size_t repeat = takes_all ? total - count + 1 : 1;
		for (size_t n = 0; n < repeat && to < total; n++) {
			out->parts[to++] = written->parts[i];
		}
	}
	return ERR_OK;
}

static enum err expand_gap(struct cursor *in, const struct written *written, struct address_pattern *out)
{
	for (size_t i = 0; i < written->count; i++) {
		if (written->parts[i].any) {
			return auth_fail(in->error, ERR_INVALID, in->at, "'::' and * together are ambiguous");
		}
	}
	if (written->count >= PARTS_IPV6) {
		return auth_fail(in->error, ERR_INVALID, in->at, "'::' stands for at least one part");
	}
	size_t zeros = PARTS_IPV6 - written->count;
	for (size_t i = 0; i < PARTS_IPV6; i++) {
		if (i < written->gap) {
			out->parts[i] = written->parts[i];
		} else if (i < written->gap + zeros) {
			out->parts[i] = (struct part){0};
		} else {
			out->parts[i] = written->parts[i - zeros];
		}
	}
	return ERR_OK;
}

static bool part_is(const struct part *part, uint16_t value)
{
	return !part->any && part->low == value && part->high == value;
}

/* Peers come normalised to IPv4, so a mapped address written in hexadecimal would never match: turn it, or say so. */
static enum err normalise_mapped(struct cursor *in, struct address_pattern *pattern)
{
	struct part *parts = pattern->parts;
	for (size_t i = 0; i < 5; i++) {
		if (!part_is(&parts[i], 0)) {
			return ERR_OK;
		}
	}
	if (!part_is(&parts[5], 0xffff)) {
		return ERR_OK;
	}
	if (parts[6].any || parts[7].any || parts[6].low != parts[6].high || parts[7].low != parts[7].high) {
		return auth_fail(
			in->error, ERR_INVALID, 0, "write a pattern for IPv4-mapped addresses as IPv4");
	}
	uint16_t words[2] = {parts[6].low, parts[7].low};
	memset(parts, 0, sizeof(pattern->parts));
	for (size_t i = 0; i < PARTS_IPV4; i++) {
		uint16_t octet =
			i % 2 == 0 ? (uint16_t)(words[i / 2] >> 8) : (uint16_t)(words[i / 2] & 0xffu);
		parts[i] = (struct part){.low = octet, .high = octet};
	}
	pattern->family = 4;
	return ERR_OK;
}

static enum err parse_pattern(struct cursor *in, struct address_pattern *out)
{
	struct written written;
	size_t prefix = strlen(IPV4_MAPPED);
	memset(out, 0, sizeof(*out));
	if (strcmp(in->text, "*") == 0) {
		return ERR_OK;
	}
	struct bytes whole = bytes_text(in->text);
	if (whole.len > prefix && strchr(in->text, '.') != NULL &&
		text_equal_folded(bytes_of(in->text, prefix), bytes_text(IPV4_MAPPED))) {
		in->at = prefix;
	}
	bool six = strchr(in->text + in->at, ':') != NULL;
	enum err err = get_parts(in, six ? ':' : '.', &written);
	if (err != ERR_OK) {
		return err;
	}
	out->family = six ? 6 : 4;
	if (written.gap != NO_GAP) {
		err = expand_gap(in, &written, out);
	} else {
		err = expand_stars(in, &written, six ? PARTS_IPV6 : PARTS_IPV4, out);
	}
	return err == ERR_OK && six ? normalise_mapped(in, out) : err;
}

enum err address_pattern_parse(const char *text, struct address_pattern **out, struct auth_error *error)
{
	struct address_pattern pattern;
	struct cursor in = {text, 0, error};
	*out = NULL;
	if (text == NULL || text[0] == '\0') {
		return auth_fail(error, ERR_INVALID, 0, "an address may not be empty");
	}
	if (strnlen(text, PATTERN_BYTES_MAX + 1) > PATTERN_BYTES_MAX) {
		return auth_fail(error, ERR_LIMIT, PATTERN_BYTES_MAX, "an address has at most %u characters",
			PATTERN_BYTES_MAX);
	}
	enum err err = parse_pattern(&in, &pattern);
	if (err != ERR_OK) {
		return err;
	}
	struct address_pattern *copy = malloc(sizeof(*copy));
	if (copy == NULL) {
		return auth_fail(error, ERR_NOMEM, 0, "out of memory");
	}
	*copy = pattern;
	*out = copy;
	return ERR_OK;
}

void address_pattern_free(struct address_pattern *pattern)
{
	free(pattern);
}

/* --- asking --- */

static size_t family_parts(uint8_t family)
{
	return family == 4 ? PARTS_IPV4 : family == 6 ? PARTS_IPV6 : 0;
}

bool address_pattern_match(const struct address_pattern *pattern, const struct auth_address *address)
{
	if (pattern->family == 0) {
		return true;
	}
	if (pattern->family != address->family) {
		return false;
	}
	for (size_t i = 0; i < family_parts(pattern->family); i++) {
		unsigned value =
			address->family == 4
				? address->octets[i]
				: (unsigned)(address->octets[2 * i] << 8 | address->octets[2 * i + 1]);
		const struct part *part = &pattern->parts[i];
		if (!part->any && (value < part->low || value > part->high)) {
			return false;
		}
	}
	return true;
}

/* Exact > narrow range > wide range > any; equal width: by the lower bound, only so that the order is total. */
static int part_compare(const struct part *a, const struct part *b)
{
	unsigned width_a = a->any ? 0x10000u : (unsigned)(a->high - a->low);
	unsigned width_b = b->any ? 0x10000u : (unsigned)(b->high - b->low);
	return width_a != width_b ? (width_a < width_b ? 1 : -1) : (int)a->low - (int)b->low;
}

int address_pattern_compare(const struct address_pattern *a, const struct address_pattern *b)
{
	if (a->family != b->family) {
		/* Only a lone '*' and another pattern can match the same address. */
		return a->family == 0 ? -1 : b->family == 0 ? 1 : (int)a->family - (int)b->family;
	}
	for (size_t i = 0; i < family_parts(a->family); i++) {
		int diff = part_compare(&a->parts[i], &b->parts[i]);
		if (diff != 0) {
			return diff > 0 ? 1 : -1;
		}
	}
	return 0;
}

bool address_pattern_crosses(const struct address_pattern *a, const struct address_pattern *b)
{
	bool decided = false;
	bool crossing = false;
	if (a->family != b->family) {
		return false;
	}
	for (size_t i = 0; i < family_parts(a->family); i++) {
		const struct part *pa = &a->parts[i];
		const struct part *pb = &b->parts[i];
		if (pa->any || pb->any) {
			decided = decided || pa->any != pb->any;
			continue;
		}
		if (pa->high < pb->low || pb->high < pa->low) {
			return false; /* nothing matches both */
		}
		bool a_in_b = pa->low >= pb->low && pa->high <= pb->high;
		bool b_in_a = pb->low >= pa->low && pb->high <= pa->high;
		crossing = crossing || (!decided && !a_in_b && !b_in_a);
		decided = decided || a_in_b != b_in_a || crossing;
	}
	return crossing;
}
