/*
 * address.c - which addresses a URL from a certificate may lead us to.
 * Owns:    the table of special-purpose networks (RFC 6890 and its registries).
 * Never:   resolves a name; looks at anything but the address that it is given.
 * Threads: any.
 */
#include <string.h>

#include "broker/fetch/fetch_private.h"

struct network {
	uint8_t octets[16];
	uint8_t bits;
	uint8_t kind; /* enum fetch_fault; FETCH_OK: an IPv4 address is inside, at `inner` */
	uint8_t inner;
};

bool fetch_address_within(const uint8_t *octets, const uint8_t *network, unsigned bits)
{
	unsigned whole = bits / 8;
	unsigned rest = bits % 8;

	if (memcmp(octets, network, whole) != 0) {
		return false;
	}
	return rest == 0 || (octets[whole] ^ network[whole]) >> (8 - rest) == 0;
}

/* The first that fits counts, so narrow ones stand before the wide ones they lie in. */
static const struct network networks_4[] = {
	{{0}, 8, FETCH_UNSPECIFIED, 0},                 /* RFC 791: this network */
	{{10}, 8, FETCH_PRIVATE, 0},                    /* RFC 1918 */
	{{100, 64}, 10, FETCH_PRIVATE, 0},              /* RFC 6598: carrier-grade NAT */
	{{127}, 8, FETCH_LOOPBACK, 0},                  /* RFC 1122 */
	{{169, 254}, 16, FETCH_LINK_LOCAL, 0},          /* RFC 3927; also clouds' metadata services */
	{{172, 16}, 12, FETCH_PRIVATE, 0},              /* RFC 1918 */
	{{192, 0, 0}, 24, FETCH_RESERVED, 0},           /* RFC 6890: protocol assignments */
	{{192, 0, 2}, 24, FETCH_RESERVED, 0},           /* RFC 5737: documentation */
	{{192, 88, 99}, 24, FETCH_RESERVED, 0},         /* RFC 7526: 6to4 relays, withdrawn */
	{{192, 168}, 16, FETCH_PRIVATE, 0},             /* RFC 1918 */
	{{198, 18}, 15, FETCH_RESERVED, 0},             /* RFC 2544: benchmarks */
	{{198, 51, 100}, 24, FETCH_RESERVED, 0},        /* RFC 5737: documentation */
	{{203, 0, 113}, 24, FETCH_RESERVED, 0},         /* RFC 5737: documentation */
	{{224}, 4, FETCH_MULTICAST, 0},                 /* RFC 5771 */
	{{255, 255, 255, 255}, 32, FETCH_MULTICAST, 0}, /* RFC 919: broadcast */
	{{240}, 4, FETCH_RESERVED, 0},                  /* RFC 1112: future use */
};

static const struct network networks_6[] = {
	{{0}, 128, FETCH_UNSPECIFIED, 0},                                           /* RFC 4291 2.5.2 */
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, FETCH_LOOPBACK, 0}, /* RFC 4291 2.5.3 */
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, FETCH_OK, 12}, /* RFC 4291 2.5.5.2: mapped */
	{{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, FETCH_OK, 12},       /* RFC 2765: translated */
	{{0}, 96, FETCH_OK, 12},                                        /* RFC 4291 2.5.5.1: compatible */
	{{0x00, 0x64, 0xff, 0x9b}, 96, FETCH_OK, 12},                   /* RFC 6052: NAT64 */
	{{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, FETCH_PRIVATE, 0},         /* RFC 8215: NAT64 of one's own */
	{{0x01, 0x00}, 64, FETCH_RESERVED, 0},                          /* RFC 6666: discard */
	{{0x20, 0x01}, 23, FETCH_RESERVED, 0},             /* RFC 2928: Teredo, ORCHID, benchmarks */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, FETCH_RESERVED, 0}, /* RFC 3849: documentation */
	{{0x20, 0x02}, 16, FETCH_OK, 2},                   /* RFC 3056: 6to4 */
	{{0x3f, 0xff}, 20, FETCH_RESERVED, 0},             /* RFC 9637: documentation */
	{{0xfc}, 7, FETCH_PRIVATE, 0},                     /* RFC 4193 */
	{{0xfe, 0x80}, 10, FETCH_LINK_LOCAL, 0},           /* RFC 4291 2.5.6 */
	{{0xfe, 0xc0}, 10, FETCH_PRIVATE, 0},              /* RFC 3879: site-local */
	{{0xff}, 8, FETCH_MULTICAST, 0},                   /* RFC 4291 2.7 */
};

static enum fetch_fault kind_of_4(const uint8_t octets[4])
{
	for (size_t i = 0; i < ARRAY_COUNT(networks_4); i++) {
		if (fetch_address_within(octets, networks_4[i].octets, networks_4[i].bits)) {
			return (enum fetch_fault)networks_4[i].kind;
		}
	}
	return FETCH_OK;
}

static enum fetch_fault kind_of_6(const uint8_t octets[16])
{
	static const uint8_t global[1] = {0x20}; /* RFC 4291 2.5.4: all that was handed out so far */

	for (size_t i = 0; i < ARRAY_COUNT(networks_6); i++) {
		const struct network *network = &networks_6[i];

		if (!fetch_address_within(octets, network->octets, network->bits)) {
			continue;
		}
		return network->kind == FETCH_OK ? kind_of_4(octets + network->inner)
						 : (enum fetch_fault)network->kind;
	}
	return fetch_address_within(octets, global, 3) ? FETCH_OK : FETCH_RESERVED;
}

enum fetch_fault fetch_address_kind(const struct net_address *address)
{
	switch (address->family) {
	case 4: return kind_of_4(address->octets);
	case 6: return kind_of_6(address->octets);
	default: return FETCH_NOT_INTERNET;
	}
}

enum fetch_fault fetch_address_judge(const struct fetch_list *list, const struct fetch_url *named,
	const char *host, uint16_t port, const struct net_address *address)
{
	enum fetch_fault kind = fetch_address_kind(address);

	switch (kind) {
	case FETCH_LOOPBACK:
	case FETCH_LINK_LOCAL:
	case FETCH_PRIVATE:
	case FETCH_RESERVED: break;
	default: return kind; /* public, or nothing that a server can have */
	}
	if (named != NULL && named->port == port && strcmp(named->host, host) == 0) {
		return FETCH_OK;
	}
	return fetch_list_has(list, host, port, address) ? FETCH_OK : kind;
}

enum fetch_fault fetch_address_allowed(
	const struct fetch_list *list, const char *host, uint16_t port, const struct net_address *address)
{
	return fetch_address_judge(list, NULL, host, port, address);
}

enum fetch_fault fetch_address_of(const struct sockaddr *from, size_t len, struct net_address *out)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct net_address address = {0};

	if (len >= sizeof(struct sockaddr_in) && from->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, from, sizeof(in));
		address.family = 4;
		address.port = ntohs(in.sin_port);
		memcpy(address.octets, &in.sin_addr, 4);
	} else if (len >= sizeof(struct sockaddr_in6) && from->sa_family == AF_INET6) {
		struct sockaddr_in6 in;

		memcpy(&in, from, sizeof(in));
		address.family = 6;
		address.port = ntohs(in.sin6_port);
		memcpy(address.octets, &in.sin6_addr, 16);
		if (memcmp(address.octets, mapped, sizeof(mapped)) == 0) {
			address.family = 4;
			memmove(address.octets, address.octets + 12, 4);
			memset(address.octets + 4, 0, 12);
		}
	} else {
		return FETCH_NOT_INTERNET;
	}
	*out = address;
	return FETCH_OK;
}

bool fetch_address_parse(const char *text, struct net_address *out)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		return fetch_address_of((const struct sockaddr *)&in, sizeof(in), out) == FETCH_OK;
	}
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
		return fetch_address_of((const struct sockaddr *)&in6, sizeof(in6), out) == FETCH_OK;
	}
	return false;
}
