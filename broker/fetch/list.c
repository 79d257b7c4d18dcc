/*
 * list.c - hosts, addresses and networks that an operator allows besides the public internet.
 * Owns:    its entries, parsed once.
 * Never:   resolves a name; matches a name by a part of it.
 * Threads: any; a list is immutable.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "broker/fetch/fetch_private.h"

#define ENTRY_BYTES_MAX (FETCH_HOST_BYTES_MAX + 8u) /* brackets, colon, five digits */

struct entry {
	char host[FETCH_HOST_BYTES_MAX + 1]; /* "": a network */
	uint16_t port;                       /* 0: any */
	uint8_t bits;
	struct net_address network;
};

struct fetch_list {
	atomic_uint refs;
	size_t count;
	struct entry entries[];
};

/* Digits only, no sign, no blank, not more than max. */
static bool parse_number(const char *text, unsigned max, unsigned *out)
{
	unsigned value = 0;

	if (*text == '\0') {
		return false;
	}
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9') {
			return false;
		}
		value = value * 10 + (unsigned)(*text - '0');
		if (value > max) {
			return false;
		}
	}
	*out = value;
	return true;
}

static bool has_host_bits(const struct net_address *network, unsigned bits)
{
	unsigned total = network->family == 4 ? 32 : 128;

	for (unsigned i = bits; i < total; i++) {
		if ((network->octets[i / 8] >> (7 - i % 8) & 1) != 0) {
			return true;
		}
	}
	return false;
}

/* text is changed. NULL, or what is wrong with it. */
static const char *parse_network(char *text, char *slash, struct entry *entry)
{
	unsigned bits = 0;

	*slash = '\0';
	if (!fetch_address_parse(text, &entry->network)) {
		return "what stands before its '/' is no address";
	}
	if (!parse_number(slash + 1, entry->network.family == 4 ? 32 : 128, &bits)) {
		return "what stands behind its '/' is no number of bits";
	}
	if (has_host_bits(&entry->network, bits)) {
		return "the address has bits behind the length of its network";
	}
	entry->bits = (uint8_t)bits;
	return NULL;
}

static const char *parse_host(const char *text, struct entry *entry)
{
	if (fetch_address_parse(text, &entry->network)) {
		entry->bits = entry->network.family == 4 ? 32 : 128;
		return NULL;
	}
	if (!fetch_host_normalise(text, entry->host)) {
		return "it is neither a host, an address nor a network";
	}
	return NULL;
}

static const char *parse_entry(char *text, struct entry *entry)
{
	char *slash = strchr(text, '/');
	char *colon = strrchr(text, ':');
	unsigned port = 0;

	if (slash != NULL) {
		return parse_network(text, slash, entry);
	}
	if (text[0] == '[') {
		char *end = strchr(text, ']');

		if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
			return "its brackets do not close";
		}
		colon = end[1] == ':' ? end + 1 : NULL;
		*end = '\0';
		text++;
		if (!fetch_address_parse(text, &entry->network) || strchr(text, ':') == NULL) {
			return "what stands in its brackets is no IPv6 address";
		}
	} else if (colon != NULL && strchr(text, ':') != colon) {
		colon = NULL; /* an IPv6 address */
	}
	if (colon != NULL) {
		*colon = '\0';
		if (!parse_number(colon + 1, 65535, &port) || port == 0) {
			return "what stands behind its ':' is no port";
		}
		entry->port = (uint16_t)port;
	}
	return parse_host(text, entry);
}

enum err fetch_list_new(
	const char *const *entries, size_t count, struct fetch_list **out, struct fetch_error *error)
{
	if (count > FETCH_LISTED_MAX) {
		fetch_error_set(error, FETCH_URL, "more than %u entries", FETCH_LISTED_MAX);
		return ERR_LIMIT;
	}
	struct fetch_list *list = calloc(1, sizeof(*list) + count * sizeof(list->entries[0]));

	if (list == NULL) {
		fetch_error_set(error, FETCH_NO_MEMORY, "not enough memory");
		return ERR_NOMEM;
	}
	atomic_init(&list->refs, 1);
	for (size_t i = 0; i < count; i++) {
		char text[ENTRY_BYTES_MAX + 1];
		const char *wrong = "it is too long";

		if (strlen(entries[i]) < sizeof(text)) {
			memcpy(text, entries[i], strlen(entries[i]) + 1);
			wrong = parse_entry(text, &list->entries[i]);
		}
		if (wrong != NULL) {
			fetch_error_set(error, FETCH_URL, "'%s': %s", entries[i], wrong);
			free(list);
			return ERR_INVALID;
		}
	}
	list->count = count;
	*out = list;
	return ERR_OK;
}

struct fetch_list *fetch_list_ref(const struct fetch_list *list)
{
	/* Counted, otherwise immutable: the count is the one thing that a holder of a const list may change. */
	struct fetch_list *counted = (struct fetch_list *)(uintptr_t)list;

	if (counted != NULL) {
		(void)atomic_fetch_add(&counted->refs, 1);
	}
	return counted;
}

void fetch_list_unref(struct fetch_list *list)
{
	if (list != NULL && atomic_fetch_sub(&list->refs, 1) == 1) {
		free(list);
	}
}

static bool entry_has(
	const struct entry *entry, const char *host, uint16_t port, const struct net_address *address)
{
	if (entry->port != 0 && entry->port != port) {
		return false;
	}
	if (entry->host[0] != '\0') {
		return strcmp(entry->host, host) == 0;
	}
	return entry->network.family == address->family &&
	       fetch_address_within(address->octets, entry->network.octets, entry->bits);
}

bool fetch_list_has(
	const struct fetch_list *list, const char *host, uint16_t port, const struct net_address *address)
{
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		if (entry_has(&list->entries[i], host, port, address)) {
			return true;
		}
	}
	return false;
}
