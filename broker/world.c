/*
 * world.c - the published root.
 * Owns:    its parts' references.
 * Never:   changes once published.
 * Threads: see world.h.
 */
#include "broker/world.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "jaas_like/jaas_like.h"

struct world {
	atomic_uint refs;
	uint64_t number;
	struct policy *policy;
	struct login_setup *logins;
	size_t channel_count;
	struct world_channel channels[];
};

enum err world_new(const struct world_options *options, struct world **out)
{
	struct world *world = calloc(1, sizeof(*world) + options->channel_count * sizeof(world->channels[0]));

	if (world == NULL) {
		return ERR_NOMEM;
	}
	atomic_init(&world->refs, 1);
	world->number = options->number;
	world->policy = options->policy;
	world->logins = options->logins;
	world->channel_count = options->channel_count;
	for (size_t i = 0; i < options->channel_count; i++) {
		world->channels[i] = options->channels[i];
	}
	*out = world;
	return ERR_OK;
}

struct world *world_ref(struct world *world)
{
	atomic_fetch_add_explicit(&world->refs, 1, memory_order_relaxed);
	return world;
}

void world_unref(struct world *world)
{
	if (world == NULL || atomic_fetch_sub_explicit(&world->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	policy_unref(world->policy);
	login_setup_unref(world->logins);
	free(world);
}

uint64_t world_number(const struct world *world)
{
	return world->number;
}

const struct policy *world_policy(const struct world *world)
{
	return world->policy;
}

const struct world_channel *world_channel(const struct world *world, const char *name)
{
	for (size_t i = 0; i < world->channel_count; i++) {
		if (strcmp(world->channels[i].name, name) == 0) {
			return &world->channels[i];
		}
	}
	return NULL;
}

size_t world_channel_count(const struct world *world)
{
	return world->channel_count;
}

const struct world_channel *world_channel_at(const struct world *world, size_t index)
{
	return &world->channels[index];
}

struct login_setup *world_logins(const struct world *world)
{
	return world->logins;
}
