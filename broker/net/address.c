/*
 * address.c - addresses as text, errors as sentences, and the descriptor limit.
 * Threads: any.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "broker/net/net_private.h"

struct net_address net_address_of(const struct sockaddr_storage *from)
{
	struct net_address out = {0};
	if (from->ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, from, sizeof(in));
		out.family = 4;
		memcpy(out.octets, &in.sin_addr, 4);
		out.port = ntohs(in.sin_port);
	} else if (from->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, from, sizeof(in6));
		out.port = ntohs(in6.sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			out.family = 4;
			memcpy(out.octets, &in6.sin6_addr.s6_addr[12], 4);
		} else {
			out.family = 6;
			memcpy(out.octets, &in6.sin6_addr, 16);
		}
	}
	return out;
}

void net_address_format(const struct net_address *address, char out[NET_ADDRESS_TEXT_BYTES])
{
	char host[INET6_ADDRSTRLEN] = "";
	if (address->family == 4 && inet_ntop(AF_INET, address->octets, host, sizeof(host)) != NULL) {
		(void)snprintf(out, NET_ADDRESS_TEXT_BYTES, "%s:%u", host, address->port);
	} else if (address->family == 6 && inet_ntop(AF_INET6, address->octets, host, sizeof(host)) != NULL) {
		(void)snprintf(out, NET_ADDRESS_TEXT_BYTES, "[%s]:%u", host, address->port);
	} else {
		(void)snprintf(out, NET_ADDRESS_TEXT_BYTES, "-");
	}
}

void net_error_set(struct net_error *error, enum err err, const char *format, ...)
{
	if (error == NULL) {
		return;
	}
	va_list args;
	va_start(args, format);
	error->err = err;
	(void)vsnprintf(error->sentence, sizeof(error->sentence), format, args);
	va_end(args);
}

enum err net_raise_nofile(uint64_t *before, uint64_t *now)
{
	struct rlimit limit;
	*before = 0;
	*now = 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		return ERR_IO;
	}
	*before = limit.rlim_cur;
	*now = limit.rlim_cur;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
			return ERR_IO;
		}
		*now = limit.rlim_cur;
	}
	return ERR_OK;
}
