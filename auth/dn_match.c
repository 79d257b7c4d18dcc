/*
 * dn_match.c - does a name fit a DN pattern (mq-semantics 4.2, 4.6)?
 * Owns:    nothing.
 * Never:   allocates; folds anything but ASCII letters; matches a value that holds controls.
 * Threads: any; pure.
 */
#include <string.h>

#include "auth/dn_private.h"
#include "auth/text.h"

/* As x509's names are keyed; the subject's serial number is the certificate's, so it has none here. */
static const char *const attribute_keys[DN_KEY_COUNT_] = {
	[DN_MAIL] = "MAIL",
	[DN_UID] = "UID",
	[DN_CN] = "CN",
	[DN_T] = "T",
	[DN_OU] = "OU",
	[DN_DC] = "DC",
	[DN_O] = "O",
	[DN_STREET] = "STREET",
	[DN_L] = "L",
	[DN_ST] = "ST",
	[DN_PC] = "PC",
	[DN_C] = "C",
	[DN_UNSTRUCTUREDNAME] = "UNSTRUCTUREDNAME",
	[DN_UNSTRUCTUREDADDRESS] = "UNSTRUCTUREDADDRESS",
	[DN_DNQ] = "DNQ",
};

/* As cert_print_dn() shows it. */
static enum err serial_value(
	const struct dn_name *name, char serial[3 * DN_SERIAL_OCTETS_MAX], struct bytes *out)
{
	static const char digits[] = "0123456789ABCDEF";
	struct bytes octets = cert_serial(name->cert);
	size_t len = 0;
	if (!name->subject) {
		return ERR_NOT_FOUND;
	}
	if (octets.len > 1 && octets.data[0] == 0) {
		octets = bytes_of(octets.data + 1, octets.len - 1);
	}
	if (octets.len == 0 || octets.len > DN_SERIAL_OCTETS_MAX) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < octets.len; i++) {
		if (i > 0) {
			serial[len++] = ':';
		}
		serial[len++] = digits[octets.data[i] >> 4];
		serial[len++] = digits[octets.data[i] & 15];
	}
	*out = bytes_of(serial, len);
	return ERR_OK;
}

/*
 * OU: in DER order, highest unit first. Everything else from the back, as it is printed: then the first DC is the lowest
 * level, and of several CN the most specific one counts.
 */
static enum err cert_value(const struct dn_name *name, enum dn_key key, size_t nth, struct bytes *out)
{
	size_t count = cert_attribute_count(name->cert, name->subject);
	size_t seen = 0;
	for (size_t i = 0; i < count; i++) {
		size_t at = key == DN_OU ? i : count - 1 - i;
		struct x509_attribute attribute = cert_attribute(name->cert, name->subject, at);
		if (attribute.key == NULL || strcmp(attribute.key, attribute_keys[key]) != 0 ||
			seen++ != nth) {
			continue;
		}
		*out = attribute.value;
		bool good = !attribute.raw && attribute.value.len <= DN_VALUE_BYTES_MAX &&
			    text_is_plain(attribute.value);
		return good ? ERR_OK : ERR_MALFORMED;
	}
	return ERR_NOT_FOUND;
}

static enum err literal_value(
	const struct dn_pattern *literal, enum dn_key key, size_t nth, struct bytes *out)
{
	size_t seen = 0;
	for (size_t i = 0; i < literal->count; i++) {
		if (literal->components[i].key == key && seen++ == nth) {
			*out = dn_component_value(literal, &literal->components[i]);
			return ERR_OK;
		}
	}
	return ERR_NOT_FOUND;
}

enum err dn_name_value(const struct dn_name *name, enum dn_key key, size_t nth,
	char serial[3 * DN_SERIAL_OCTETS_MAX], struct bytes *out)
{
	if (name->cert == NULL) {
		return name->literal == NULL ? ERR_NOT_FOUND : literal_value(name->literal, key, nth, out);
	}
	if (key == DN_SERIALNUMBER) {
		return nth == 0 ? serial_value(name, serial, out) : ERR_NOT_FOUND;
	}
	return cert_value(name, key, nth, out);
}

size_t dn_name_count(const struct dn_name *name, enum dn_key key)
{
	char serial[3 * DN_SERIAL_OCTETS_MAX];
	struct bytes value;
	size_t count = 0;
	while (dn_name_value(name, key, count, serial, &value) != ERR_NOT_FOUND) {
		count++;
	}
	return count;
}

static bool value_matches(
	const struct dn_pattern *pattern, const struct dn_component *component, struct bytes value)
{
	struct bytes want = dn_component_value(pattern, component);
	if (value.len < want.len) {
		return false;
	}
	size_t spare = value.len - want.len;
	if (!component->star_front && !component->star_back) {
		return spare == 0 && text_equal_folded(want, value);
	}
	/* "x*" begins at the front, "*x" ends at the end, "*x*" stands anywhere. */
	size_t first = component->star_back ? 0 : spare;
	size_t last = component->star_front ? spare : 0;
	for (size_t at = first; at <= last; at++) {
		if (text_equal_folded(want, bytes_of(value.data + at, want.len))) {
			return true;
		}
	}
	return false;
}

enum dn_answer dn_pattern_judge(const struct dn_pattern *pattern, const struct dn_name *name)
{
	enum dn_answer answer = DN_YES;
	size_t nth = 0;
	for (size_t i = 0; i < pattern->count; i++) {
		const struct dn_component *component = &pattern->components[i];
		char serial[3 * DN_SERIAL_OCTETS_MAX];
		struct bytes value = BYTES_NONE;
		nth = i > 0 && pattern->components[i - 1].key == component->key ? nth + 1 : 0;
		enum err err = dn_name_value(name, component->key, nth, serial, &value);
		if (err == ERR_MALFORMED) {
			answer = DN_HOSTILE;
		} else if (err != ERR_OK || !value_matches(pattern, component, value)) {
			return DN_NO;
		}
	}
	return answer;
}

bool dn_pattern_match(const struct dn_pattern *pattern, const struct cert *cert, bool subject)
{
	struct dn_name name = {.cert = cert, .subject = subject};
	return dn_pattern_judge(pattern, &name) == DN_YES;
}
