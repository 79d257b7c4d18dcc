/*
 * refusal_bound.c - counts by client and by kind within a window.
 * Owns:    two tables of fixed size, by open addressing; a place is never given back within a window.
 * Never:   grows.
 * Threads: one at a time.
 */
#include "broker/refusal_bound.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Twice as many places as clients, so that a search is short. */
#define KNOWN_PLACES    (2u * REFUSAL_KNOWN_MAX)
#define STRANGER_PLACES 512u

_Static_assert(STRANGER_PLACES >= 2 * REFUSAL_STRANGERS_MAX, "a search must be short");

struct client {
	uint64_t hash;
	unsigned lines; /* 0: nobody */
};

struct clients {
	struct client *places;
	size_t place_count; /* a power of two */
	size_t count, max;
};

struct refusal_bound {
	struct client known_places[KNOWN_PLACES];
	struct client stranger_places[STRANGER_PLACES];
	struct clients known, strangers;
	unsigned stranger_more;
	bool told[REFUSAL_STEPS][X509_REASON_COUNT_];
	uint64_t suppressed[REFUSAL_STEPS][X509_REASON_COUNT_];
};

const char *refusal_step_name(unsigned step)
{
	return step == REFUSAL_STEP_HANDSHAKE ? "handshake"
	       : step == REFUSAL_STEP_CONNECT ? "connect"
					      : admission_step_name((enum admission_step)step);
}

static void begin(struct refusal_bound *bound)
{
	memset(bound, 0, sizeof(*bound));
	bound->known = (struct clients){bound->known_places, KNOWN_PLACES, 0, REFUSAL_KNOWN_MAX};
	bound->strangers =
		(struct clients){bound->stranger_places, STRANGER_PLACES, 0, REFUSAL_STRANGERS_MAX};
}

enum err refusal_bound_new(struct refusal_bound **out)
{
	struct refusal_bound *bound = malloc(sizeof(*bound));

	if (bound == NULL) {
		return ERR_NOMEM;
	}
	begin(bound);
	*out = bound;
	return ERR_OK;
}

void refusal_bound_free(struct refusal_bound *bound)
{
	free(bound);
}

/* NULL: as many clients as are told apart were there before. Ends: half of the places stay free. */
static struct client *client_of(struct clients *clients, uint64_t hash)
{
	size_t at = (size_t)hash & (clients->place_count - 1);

	while (clients->places[at].lines != 0 && clients->places[at].hash != hash) {
		at = (at + 1) & (clients->place_count - 1);
	}
	struct client *client = &clients->places[at];

	if (client->lines == 0) {
		if (clients->count == clients->max) {
			return NULL;
		}
		clients->count++;
		client->hash = hash;
	}
	return client;
}

static bool has_line(struct refusal_bound *bound, const struct refusal_who *who)
{
	struct client *client = client_of(who->known ? &bound->known : &bound->strangers, who->hash);

	if (client == NULL || client->lines == REFUSAL_LINES_EACH) {
		return false;
	}
	if (!who->known && client->lines > 0) {
		if (bound->stranger_more == REFUSAL_STRANGER_MORE) {
			return false;
		}
		bound->stranger_more++;
	}
	client->lines++;
	return true;
}

bool refusal_bound_take(
	struct refusal_bound *bound, const struct refusal_who *who, const struct refusal_kind *kind)
{
	assert(kind->step < REFUSAL_STEPS);
	assert((unsigned)kind->reason < X509_REASON_COUNT_);
	bool *told = &bound->told[kind->step][kind->reason];

	if (!has_line(bound, who) && *told) {
		bound->suppressed[kind->step][kind->reason]++;
		return false;
	}
	*told = true;
	return true;
}

size_t refusal_bound_end(struct refusal_bound *bound, struct refusal_sum out[REFUSAL_SUMS_MAX])
{
	size_t count = 0;

	for (unsigned step = 0; step < REFUSAL_STEPS; step++) {
		for (unsigned reason = 0; reason < X509_REASON_COUNT_; reason++) {
			if (bound->suppressed[step][reason] > 0) {
				out[count++] = (struct refusal_sum){
					{step, (enum x509_reason)reason}, bound->suppressed[step][reason]};
			}
		}
	}
	begin(bound);
	return count;
}
