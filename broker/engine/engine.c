/*
 * engine.c - what all workers share: limits, the home of a client id, the rights generation.
 * Threads: any, but for engine_new() and engine_free().
 */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/pem.h"
#include "broker/engine/hub.h"

#define DEFAULT_SESSIONS_MAX         100000u
#define DEFAULT_SUBSCRIPTIONS_MAX    1000u
#define DEFAULT_QUEUE_COUNT_MAX      10000u
#define DEFAULT_QUEUE_BYTES_MAX      (16u << 20)
#define DEFAULT_INFLIGHT_MAX         128u
#define DEFAULT_BACKLOG_BYTES_MAX    (256u << 10)
#define DEFAULT_RECEIVE_MAX          100u
#define DEFAULT_TOPIC_ALIAS_MAX      16u
#define DEFAULT_PACKET_BYTES_MAX     (1u << 20)
#define DEFAULT_RETAINED_COUNT_MAX   100000u
#define DEFAULT_RETAINED_BYTES_MAX   (UINT64_C(256) << 20)
#define DEFAULT_CONNECTS_WAITING_MAX 4u

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
	return value == 0 ? fallback : value;
}

static struct hub_limits limits_filled(struct hub_limits limits)
{
	limits.sessions_max = or_default(limits.sessions_max, DEFAULT_SESSIONS_MAX);
	limits.subscriptions_max = or_default(limits.subscriptions_max, DEFAULT_SUBSCRIPTIONS_MAX);
	limits.queue_count_max = or_default(limits.queue_count_max, DEFAULT_QUEUE_COUNT_MAX);
	limits.queue_bytes_max = or_default(limits.queue_bytes_max, DEFAULT_QUEUE_BYTES_MAX);
	limits.inflight_max = or_default(limits.inflight_max, DEFAULT_INFLIGHT_MAX);
	limits.backlog_bytes_max = or_default(limits.backlog_bytes_max, DEFAULT_BACKLOG_BYTES_MAX);
	limits.receive_max = (uint16_t)or_default(limits.receive_max, DEFAULT_RECEIVE_MAX);
	limits.topic_alias_max = (uint16_t)or_default(limits.topic_alias_max, DEFAULT_TOPIC_ALIAS_MAX);
	limits.packet_bytes_max = or_default(limits.packet_bytes_max, DEFAULT_PACKET_BYTES_MAX);
	limits.session_expiry_max_s = or_default(limits.session_expiry_max_s, UINT32_MAX);
	limits.retained_count_max = or_default(limits.retained_count_max, DEFAULT_RETAINED_COUNT_MAX);
	limits.retained_bytes_max =
		limits.retained_bytes_max == 0 ? DEFAULT_RETAINED_BYTES_MAX : limits.retained_bytes_max;
	limits.connects_waiting_max = or_default(limits.connects_waiting_max, DEFAULT_CONNECTS_WAITING_MAX);
	return limits;
}

enum err engine_new(const struct engine_options *options, struct engine **out)
{
	*out = NULL;
	if (options->workers == 0 || options->workers > ENGINE_WORKERS_MAX) {
		return ERR_INVALID;
	}
	struct engine *engine = calloc(1, sizeof(*engine));
	if (engine == NULL) {
		return ERR_NOMEM;
	}
	engine->options = *options;
	engine->limits = limits_filled(options->limits);
	atomic_init(&engine->rights, 1);
	atomic_init(&engine->sessions, 0);
	for (unsigned i = 0; i < ENGINE_WORKERS_MAX; i++) {
		atomic_init(&engine->hubs[i], NULL);
	}
	enum err err = router_new(options->workers, &engine->router);
	if (err == ERR_OK) {
		err = retained_new(engine->limits.retained_count_max, engine->limits.retained_bytes_max,
			&engine->retained);
	}
	if (err != ERR_OK) {
		engine_free(engine);
		return err;
	}
	*out = engine;
	return ERR_OK;
}

void engine_free(struct engine *engine)
{
	if (engine == NULL) {
		return;
	}
	router_free(engine->router);
	retained_free(engine->retained);
	free(engine);
}

unsigned engine_home(const struct engine *engine, struct bytes client_id)
{
	return (unsigned)(siphash(engine->options.home_key, client_id) % engine->options.workers);
}

const struct hub_limits *engine_limits(const struct engine *engine)
{
	return &engine->limits;
}

void engine_rights_changed(struct engine *engine)
{
	atomic_fetch_add(&engine->rights, 1);
}

uint64_t engine_rights(const struct engine *engine)
{
	return atomic_load_explicit(&engine->rights, memory_order_acquire);
}

void engine_retained_usage(struct engine *engine, uint32_t *count, uint64_t *bytes)
{
	retained_usage(engine->retained, count, bytes);
}

/* 128 random bits: no other session has it (MQTT-3.2.2-16), and nobody guesses it. */
enum err engine_client_id_assign(char out[HUB_CLIENT_ID_BYTES])
{
	static const char prefix[] = "auto-";
	static const char digits[] = "0123456789abcdef";
	uint8_t random[16];
	enum err err = crypto_random(random, sizeof(random));
	if (err != ERR_OK) {
		return err;
	}
	size_t at = sizeof(prefix) - 1;
	memcpy(out, prefix, at);
	for (size_t i = 0; i < sizeof(random); i++) {
		out[at++] = digits[random[i] >> 4];
		out[at++] = digits[random[i] & 15u];
	}
	out[at] = '\0';
	return ERR_OK;
}

enum err hub_client_id_assign(struct hub *hub, char out[HUB_CLIENT_ID_BYTES])
{
	/* One in `workers` is ours; so many misses do not happen. */
	for (unsigned tries = 0; tries < ENGINE_WORKERS_MAX * 64u; tries++) {
		enum err err = engine_client_id_assign(out);
		if (err != ERR_OK) {
			return err;
		}
		if (engine_home(hub->engine, bytes_text(out)) == hub->worker) {
			return ERR_OK;
		}
	}
	return ERR_LIMIT;
}

uint64_t hub_now_ms(const struct hub *hub)
{
	return clock_mono_ms(&hub->engine->options.clock);
}

int64_t hub_wall_ms(const struct hub *hub)
{
	return clock_wall_ms(&hub->engine->options.clock);
}

const struct store_ops *hub_store(const struct hub *hub, void **ctx)
{
	*ctx = hub->engine->options.store->ctx;
	return hub->engine->options.store->ops;
}

void hub_request(struct hub *hub, struct store_request *request, void (*run)(struct mail *mail, unsigned at))
{
	request->mail = (struct mail){.run = run};
	request->home = hub->worker;
	request->status = ERR_OK;
	hub->outstanding++;
}

void hub_request_done(struct hub *hub, const struct store_request *request)
{
	hub->outstanding--;
	if (request->status != ERR_OK) {
		hub->counters.store_failures++;
	}
}
