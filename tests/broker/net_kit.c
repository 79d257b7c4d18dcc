/*
 * net_kit.c - a pool with an echoing application: see net_kit.h.
 * Owns:    the pool and the application of a kit.
 * Never:   touches a connection from another thread than its loop's.
 * Threads: hooks and callbacks on workers, the rest on the main thread.
 */
#include "net_kit.h"
#include "broker/net/net_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/test.h"

static uint64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* --- the application --- */

struct conn {
	struct mail mail;
	struct app *app;
	struct net *net;
	struct io_parcel *parcel;
	unsigned at;
	bool gate_open, hopped;
	uint8_t *payload;
	struct tls_resumption known, claimed; /* of the client */
};

static void in_batch(struct app *app, unsigned at)
{
	if (atomic_load(&app->batch_open[at]) != 1) {
		atomic_fetch_add(&app->batch_wrong, 1);
	}
}

static void hook_begin(void *ctx, unsigned at)
{
	struct app *app = ctx;
	if (atomic_exchange(&app->batch_open[at], 1) != 0) {
		atomic_fetch_add(&app->batch_wrong, 1);
	}
}

static void hook_end(void *ctx, unsigned at)
{
	struct app *app = ctx;
	if (atomic_exchange(&app->batch_open[at], 0) != 1) {
		atomic_fetch_add(&app->batch_wrong, 1);
	}
}

static void conn_free(struct conn *conn)
{
	free(conn->payload);
	free(conn);
}

static void conn_arrives(struct mail *mail, unsigned at)
{
	struct conn *conn = CONTAINER_OF(mail, struct conn, mail);
	struct app *app = conn->app;
	struct io *io = NULL;
	struct io_parcel *parcel = conn->parcel;
	conn->parcel = NULL;
	conn->at = at;
	in_batch(app, at);
	atomic_fetch_or(&app->workers_seen, 1u << at);
	if (io_from_parcel(conn->net, at, parcel, &app_calls, conn, &io) != ERR_OK) {
		conn_free(conn);
		atomic_fetch_add(&app->closed, 1);
		return;
	}
	atomic_store(&app->last_io, io);
	atomic_fetch_add(&app->moves, 1);
}

static void conn_ready(struct io_parcel *parcel, void *owner)
{
	struct conn *conn = owner;
	struct app *app = conn->app;
	in_batch(app, conn->at);
	if (app->keep_parcel) {
		conn_free(conn);
		atomic_store(&app->parcel, parcel);
		return;
	}
	conn->parcel = parcel;
	conn->mail.run = conn_arrives;
	net_post_reserved(conn->net, (conn->at + 1) % net_worker_count(conn->net), &conn->mail);
}

static void payload_release(void *owner)
{
	struct app *app = owner;
	atomic_fetch_add(&app->released, 1);
}

static void set_text(struct app *app, char *into, size_t room, const char *text)
{
	(void)pthread_mutex_lock(&app->text_lock);
	(void)snprintf(into, room, "%s", text);
	(void)pthread_mutex_unlock(&app->text_lock);
}

static void see_peer(struct io *io, struct conn *conn)
{
	struct app *app = conn->app;
	const struct bytes *chain = NULL;
	size_t count = 0;
	enum tls_evidence evidence = io_peer_chain(io, &chain, &count);
	atomic_store(&app->last_evidence, evidence);
	atomic_store(&app->last_chain, (unsigned)count);
	atomic_store(&app->leaf_matches, count > 0 && bytes_equal(chain[0], app->want_leaf));
	conn->known = (struct tls_resumption){.evidence = evidence};
	if (evidence == TLS_EVIDENCE_CHAIN && count > 0) {
		hash_of(HASH_SHA256, chain[0], conn->known.chain);
	} else if (evidence == TLS_EVIDENCE_RESUMED) {
		conn->known = conn->claimed;
	}
	atomic_fetch_add(&app->resumed, io_resumed(io) ? 1 : 0);
	atomic_store(&app->last_proved_s, io->s.proved_at_s);
	atomic_store(&app->last_version, io_tls_version(io));
	set_text(app, app->cipher, sizeof(app->cipher), io_tls_cipher(io));
	io_drop_chain(io);
}

static void on_secure(struct io *io)
{
	struct conn *conn = io_owner(io);
	struct app *app = conn->app;
	in_batch(app, io_at(io));
	see_peer(io, conn);
	if (!app->gate_shut) {
		conn->gate_open = true;
		io_open_gate(io);
	}
	if (app->push_bytes > 0) {
		conn->payload = calloc(1, app->push_bytes);
		io_send_ref(io, bytes_of(conn->payload, app->push_bytes), payload_release, app);
	}
	if (app->close_at_once) {
		io_send(io, bytes_text("no entry"));
		io_close(io);
		io_close(io); /* idempotent */
	}
	atomic_store(&app->last_io, io);
	atomic_fetch_add(&app->secure, 1);
}

static void on_data(struct io *io, struct bytes in)
{
	struct conn *conn = io_owner(io);
	struct app *app = conn->app;
	in_batch(app, io_at(io));
	atomic_fetch_add(&app->data_calls, 1);
	if (!conn->gate_open) {
		atomic_fetch_add(&app->early_data, 1);
	}
	if (app->hop_once && !conn->hopped) {
		conn->hopped = true;
		io_unread(io, in);
		io_depart(io, conn_ready);
		return;
	}
	atomic_fetch_add(&app->bytes, in.len);
	if (app->echo) {
		io_send(io, in);
	}
	if (app->give_tickets) {
		io_send_ticket(io, &conn->known, app->ticket_s == 0 ? UINT32_MAX : app->ticket_s);
	}
	if (app->hop) {
		io_depart(io, conn_ready);
	}
}

static void on_drained(struct io *io)
{
	struct conn *conn = io_owner(io);
	in_batch(conn->app, io_at(io));
	atomic_fetch_add(&conn->app->drained, 1);
}

static void on_closed(struct io *io, enum io_close why, const char *detail)
{
	struct conn *conn = io_owner(io);
	struct app *app = conn->app;
	struct io *self = io;
	in_batch(app, io_at(io));
	(void)atomic_compare_exchange_strong(&app->last_io, &self, NULL);
	atomic_store(&app->last_why, why);
	atomic_store(&app->last_failure, io_tls_failure(io));
	set_text(app, app->detail, sizeof(app->detail), detail);
	/* A payload by reference outlives its connection's last callback: release comes after it. */
	uint8_t *payload = conn->payload;
	conn->payload = NULL;
	conn_free(conn);
	free(payload); /* the release callback does not look at it any more */
	atomic_fetch_add(&app->closed, 1);
}

static bool may_resume(struct io *io, const struct tls_resumption *client)
{
	struct conn *conn = io_owner(io);
	atomic_fetch_add(&conn->app->resume_asked, 1);
	conn->claimed = *client;
	memcpy(conn->app->leaf_digest, client->chain, SHA256_BYTES);
	return !conn->app->know_nobody;
}

const struct io_calls app_calls = {.may_resume = may_resume,
	.on_secure = on_secure,
	.on_data = on_data,
	.on_drained = on_drained,
	.on_closed = on_closed};

static bool may_accept(void *ctx, unsigned at, const struct net_address *peer)
{
	const struct kit *kit = ctx;
	(void)at;
	return !kit->app.refuse_peers && peer->family != 0 && peer->port != 0;
}

static void on_accept(void *ctx, unsigned at, struct io *io)
{
	struct kit *kit = ctx;
	struct conn *conn = calloc(1, sizeof(*conn));
	REQUIRE("memory", conn != NULL);
	conn->app = &kit->app;
	in_batch(&kit->app, at);
	conn->net = io_net(io);
	conn->at = at;
	io_set_owner(io, &app_calls, conn);
	atomic_fetch_or(&kit->app.workers_seen, 1u << at);
	atomic_fetch_add(&kit->app.accepted, 1);
}

static void on_gone(void *ctx)
{
	struct kit *kit = ctx;
	atomic_fetch_add(&kit->app.gone, 1);
}

/* --- the kit --- */

struct tls_set *kit_set(struct tls_context *context)
{
	struct tls_identity identity = {.label = "server", .context = context, .kind = KEY_EC_P256};
	struct tls_set *set = NULL;
	if (context != NULL) {
		REQUIRE("tls_set_new", tls_set_new(&identity, 1, &set) == ERR_OK);
	}
	return set;
}

struct listener_options kit_listener(struct kit *kit, struct tls_context *tls)
{
	tls_set_unref(kit->tls);
	kit->tls = kit_set(tls);
	return (struct listener_options){
		.address = "127.0.0.1",
		.tls = kit->tls,
		.calls = {.may_accept = may_accept, .on_accept = on_accept, .on_gone = on_gone, .ctx = kit},
	};
}

void kit_open_pool(struct kit *kit, const struct net_options *options)
{
	struct net_options all = *options;
	if (all.hooks.ctx == NULL) {
		all.hooks = (struct net_hooks){
			.on_batch_begin = hook_begin, .on_batch_end = hook_end, .ctx = &kit->app};
	}
	REQUIRE("net_new", net_new(&all, &kit->net) == ERR_OK);
	REQUIRE("net_start", net_start(kit->net) == ERR_OK);
}

void kit_listen(struct kit *kit, const struct listener_options *options)
{
	struct net_error error = {0};
	enum err err = listener_open(kit->net, options, &kit->listener, &error);
	if (err != ERR_OK) {
		(void)printf("listener_open: %s\n", error.sentence);
	}
	REQUIRE("listener_open", err == ERR_OK);
}

void kit_open(struct kit *kit, unsigned workers, struct tls_context *tls, const struct io_limits *limits)
{
	struct listener_options options = kit_listener(kit, tls);
	if (limits != NULL) {
		options.limits = *limits;
	}
	kit_open_pool(kit, &(struct net_options){.workers = workers});
	kit_listen(kit, &options);
}

void kit_close(struct kit *kit)
{
	CHECK("net_stop leaves every loop clean: uv_loop_close() == 0", net_stop(kit->net, 5000) == ERR_OK);
	CHECK("on_closed exactly once for each connection",
		kit->app.keep_parcel || atomic_load(&kit->app.accepted) == atomic_load(&kit->app.closed));
	CHECK("no byte before the gate", atomic_load(&kit->app.early_data) == 0);
	unsigned open = 0;
	for (unsigned at = 0; at <= net_worker_count(kit->net); at++) {
		open += atomic_load(&kit->app.batch_open[at]);
	}
	CHECK("batches come in pairs, and every callback is within one",
		open == 0 && atomic_load(&kit->app.batch_wrong) == 0);
	net_free(kit->net);
	kit->net = NULL;
	tls_set_unref(kit->tls);
	kit->tls = NULL;
}

bool kit_wait(struct kit *kit, const atomic_uint *counter, unsigned want)
{
	uint64_t until = now_ms() + KIT_WAIT_MS;
	while (atomic_load(counter) < want) {
		if (now_ms() > until) {
			return false;
		}
		net_turn(kit->net, 2);
	}
	return true;
}

void kit_turns(struct kit *kit, unsigned ms)
{
	uint64_t until = now_ms() + ms;
	while (now_ms() < until) {
		net_turn(kit->net, 2);
	}
}

struct order {
	struct mail mail;
	void (*fn)(struct io *io, struct app *app);
	struct app *app;
	atomic_uint done;
};

static void order_run(struct mail *mail, unsigned at)
{
	struct order *order = CONTAINER_OF(mail, struct order, mail);
	struct io *io = atomic_load(&order->app->last_io);
	(void)at;
	if (io != NULL) {
		order->fn(io, order->app);
	}
	atomic_store(&order->done, 1);
}

void kit_on_loop(struct kit *kit, void (*fn)(struct io *io, struct app *app))
{
	struct order order = {.mail = {.run = order_run}, .fn = fn, .app = &kit->app};
	/* Only for pools of one worker: the connection's loop is then known without asking it. */
	REQUIRE("one worker", net_worker_count(kit->net) == 1);
	net_post_reserved(kit->net, 0, &order.mail);
	REQUIRE("the loop answers", kit_wait(kit, &order.done, 1));
}

struct tls_context *kit_context(
	const struct kit_cert *identity, enum tls_client_auth client_auth, const char *sslciph)
{
	return kit_context_for(identity, client_auth, sslciph, NULL);
}

struct tls_context *kit_context_for(const struct kit_cert *identity, enum tls_client_auth client_auth,
	const char *sslciph, const char *ticket_scope)
{
	struct net_error error = {0};
	struct tls_context *context = NULL;
	struct bytes chain[] = {kit_cert_der(identity)};
	struct tls_options options = {
		.key_pkcs8 = kit_cert_key(identity),
		.chain = chain,
		.chain_count = 1,
		.client_auth = client_auth,
		.ticket_scope = ticket_scope,
	};
	REQUIRE("tls_spec_find", tls_spec_find(sslciph, &options.spec, &error) == ERR_OK);
	enum err err = tls_context_new(&options, &context, &error);
	if (err != ERR_OK) {
		(void)printf("tls_context_new: %s\n", error.sentence);
	}
	REQUIRE("tls_context_new", err == ERR_OK);
	return context;
}
