/*
 * names.c - getaddrinfo() of this program: names that a test made up, and name servers that never answer.
 * Owns:    the table of names.
 * Never:   asks a real name server.
 * Threads: any; under a lock.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fetch_kit.h"
#include "tests/test.h"

#define NAMES_MAX 32u

static struct {
	pthread_mutex_t lock;
	pthread_cond_t released;
	struct {
		char name[256];
		char addresses[256];
		unsigned asked;
	} names[NAMES_MAX];
	size_t count;
	unsigned asked, hanging;
	bool release;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER, .released = PTHREAD_COND_INITIALIZER};

void names_set(const char *name, const char *addresses)
{
	(void)pthread_mutex_lock(&table.lock);
	size_t at = 0;

	while (at < table.count && strcmp(table.names[at].name, name) != 0) {
		at++;
	}
	REQUIRE("room for names", at < NAMES_MAX);
	table.count = at == table.count ? at + 1 : table.count;
	(void)snprintf(table.names[at].name, sizeof(table.names[at].name), "%s", name);
	(void)snprintf(table.names[at].addresses, sizeof(table.names[at].addresses), "%s", addresses);
	table.names[at].asked = 0;
	(void)pthread_mutex_unlock(&table.lock);
}

unsigned names_asked(void)
{
	(void)pthread_mutex_lock(&table.lock);
	unsigned asked = table.asked;

	(void)pthread_mutex_unlock(&table.lock);
	return asked;
}

unsigned names_hanging(void)
{
	(void)pthread_mutex_lock(&table.lock);
	unsigned hanging = table.hanging;

	(void)pthread_mutex_unlock(&table.lock);
	return hanging;
}

void names_release(void)
{
	(void)pthread_mutex_lock(&table.lock);
	table.release = true;
	(void)pthread_cond_broadcast(&table.released);
	while (table.hanging > 0) {
		(void)pthread_cond_wait(&table.released, &table.lock);
	}
	table.release = false;
	(void)pthread_mutex_unlock(&table.lock);
}

static bool is_name(const char *asked, const char *name)
{
	size_t len = strlen(asked);

	len -= len > 0 && asked[len - 1] == '.' ? 1 : 0;
	return len == strlen(name) && strncasecmp(asked, name, len) == 0;
}

/* The addresses for this call, or false. */
static bool look_up(const char *name, char *out, size_t room)
{
	bool found = false;

	(void)pthread_mutex_lock(&table.lock);
	table.asked++;
	for (size_t i = 0; i < table.count && !found; i++) {
		if (!is_name(name, table.names[i].name)) {
			continue;
		}
		const char *at = table.names[i].addresses;

		for (unsigned n = 0; n < table.names[i].asked && strchr(at, ';') != NULL; n++) {
			at = strchr(at, ';') + 1;
		}
		table.names[i].asked++;
		(void)snprintf(out, room, "%.*s", (int)strcspn(at, ";"), at);
		found = true;
	}
	if (found && strcmp(out, "hang") == 0) {
		table.hanging++;
		while (!table.release) {
			(void)pthread_cond_wait(&table.released, &table.lock);
		}
		table.hanging--;
		(void)pthread_cond_broadcast(&table.released);
		found = false;
	}
	(void)pthread_mutex_unlock(&table.lock);
	return found;
}

struct entry {
	struct addrinfo info;
	struct sockaddr_storage address;
};

static struct addrinfo *entry_of(const char *text, unsigned port)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	struct sockaddr_in *in = (void *)&entry->address;
	struct sockaddr_in6 *in6 = (void *)&entry->address;

	REQUIRE("memory", entry != NULL);
	entry->info.ai_socktype = SOCK_STREAM;
	entry->info.ai_protocol = IPPROTO_TCP;
	entry->info.ai_addr = (struct sockaddr *)&entry->address;
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		entry->info.ai_addrlen = sizeof(*in);
	} else {
		REQUIRE(text, inet_pton(AF_INET6, text, &in6->sin6_addr) == 1);
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		entry->info.ai_addrlen = sizeof(*in6);
	}
	entry->info.ai_family = entry->address.ss_family;
	return &entry->info;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out);
void freeaddrinfo(struct addrinfo *list);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	char addresses[256];
	char *rest = addresses;
	struct addrinfo *first = NULL;
	struct addrinfo **tail = &first;

	(void)hints;
	if (node == NULL || !look_up(node, addresses, sizeof(addresses))) {
		return EAI_NONAME;
	}
	for (char *text = strsep(&rest, ","); text != NULL; text = strsep(&rest, ",")) {
		*tail = entry_of(text, service == NULL ? 0 : (unsigned)strtoul(service, NULL, 10));
		tail = &(*tail)->ai_next;
	}
	*out = first;
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;

		free(CONTAINER_OF(list, struct entry, info));
		list = next;
	}
}
