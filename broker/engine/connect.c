/*
 * connect.c - from an admitted CONNECT to a session: claimed in the store, made, resumed or taken over.
 * Owns:    the connects that wait for the store, one chain per client id.
 * Threads: the client id's home worker. So no two connects of one client id ever race.
 *
 * A connect: WAITING (an earlier one of its client id is in claim) -> CLAIMING -> done. Cancelled at any time, it still
 * finishes its claim, because the store may have given the session a new epoch already.
 */
#include <stdlib.h>

#include "broker/engine/hub.h"

#define CONNACK_PROPS_MAX 4096u

struct hub_connect {
	struct store_claim claim;
	struct hub *hub;
	struct hub_connect *next; /* of the same client id, in order of arrival */
	const struct session_identity *identity;
	struct session_link link;
	struct will *will;
	hub_connect_fn done;
	void *ctx;
	uint32_t expiry_s;
	uint32_t asked_expiry_s;
	uint32_t client_packet_bytes_max;
	size_t packet_bytes_max;
	uint16_t asked_keep_alive_s;
	uint16_t keep_alive_s;
	uint16_t receive_max;
	uint8_t version;
	bool clean;
	bool no_problem_info;
	bool wants_response_info;
	bool assigned;
	bool claiming;
	bool cancelled;
};

uint8_t hub_connect_reason(enum err err)
{
	switch (err) {
	case ERR_OK: return MQTT_REASON_SUCCESS;
	case ERR_DENIED: return MQTT_REASON_CLIENT_ID_NOT_VALID;
	case ERR_LIMIT:
	case ERR_NOMEM: return MQTT_REASON_QUOTA_EXCEEDED;
	case ERR_BUSY: return MQTT_REASON_SERVER_BUSY;
	case ERR_STATE:
	case ERR_IO:
	case ERR_CLOSED:
	case ERR_AGAIN: return MQTT_REASON_SERVER_UNAVAILABLE;
	case ERR_MALFORMED:
	case ERR_INVALID:
	case ERR_UNSUPPORTED:
	case ERR_NOT_FOUND:
	case ERR_EXISTS:
	case ERR_UNKNOWN:
	case ERR_COUNT_: break;
	}
	return MQTT_REASON_UNSPECIFIED;
}

static void connect_free(struct hub_connect *connect)
{
	if (connect != NULL) {
		store_claim_release(&connect->claim);
		will_free(connect->hub, connect->will);
		session_identity_unref(connect->identity);
		free(connect);
	}
}

/* --- CONNACK --- */

/* No Authentication Method: a CONNECT with one never gets here (MQTT-4.12.0-6). */
static void connack_props(const struct hub_connect *connect, struct wire_writer *writer)
{
	const struct hub_limits *limits = &connect->hub->engine->limits;
	if (connect->expiry_s != connect->asked_expiry_s) {
		mqtt_put_prop_int(writer, MQTT_PROP_SESSION_EXPIRY, connect->expiry_s);
	}
	mqtt_put_prop_int(writer, MQTT_PROP_RECEIVE_MAX, limits->receive_max);
	mqtt_put_prop_int(writer, MQTT_PROP_PACKET_BYTES_MAX, (uint32_t)connect->packet_bytes_max);
	if (connect->assigned) {
		mqtt_put_prop_bytes(writer, MQTT_PROP_ASSIGNED_CLIENT_ID,
			bytes_text(connect->identity->client_id)); /* MQTT-3.1.3-7, MQTT-3.2.2-16 */
	}
	mqtt_put_prop_int(writer, MQTT_PROP_TOPIC_ALIAS_MAX, limits->topic_alias_max);
	mqtt_put_prop_int(writer, MQTT_PROP_SHARED_AVAILABLE, 0);
	if (connect->keep_alive_s != connect->asked_keep_alive_s) {
		mqtt_put_prop_int(writer, MQTT_PROP_SERVER_KEEP_ALIVE, connect->keep_alive_s);
	}
	if (connect->wants_response_info && limits->response_information != NULL) {
		/* MQTT-3.1.2-28 */
		mqtt_put_prop_bytes(
			writer, MQTT_PROP_RESPONSE_INFO, bytes_text(limits->response_information));
	}
}

static void tell(struct hub_connect *connect, uint8_t reason, struct session *session, bool present)
{
	struct buf props = BUF_INIT(CONNACK_PROPS_MAX);
	struct hub_connect_result result = {.reason = reason,
		.session = session,
		.connack = {.session_present = present, .reason = reason},
		.encode = {.version = (enum mqtt_version)connect->version,
			.packet_bytes_max = connect->client_packet_bytes_max,
			.no_problem_info = connect->no_problem_info}};
	if (session != NULL && connect->version == MQTT_5) {
		struct wire_writer writer = wire_writer_init(&props);
		connack_props(connect, &writer);
		if (wire_writer_err(&writer) != ERR_OK) {
			wire_writer_rollback(
				&writer); /* the defaults of absence are safe, if less generous */
		}
		result.connack.props.raw = buf_bytes(&props);
	}
	connect->done(connect->ctx, &result);
	buf_release(&props);
}

/* --- the session --- */

static void freeze(struct session *session)
{
	if (session != NULL && !session->frozen) {
		acks_submit(session); /* under the epoch that still counts */
		session->frozen = true;
		session_pause(session, PAUSE_CLAIM);
	}
}

static void thaw(struct session *session)
{
	if (session != NULL && session->frozen) {
		session->frozen = false;
		session_resume(session, PAUSE_CLAIM);
		session_pump(session);
		session_rest(session);
	}
}

/* MQTT-3.1.4-3. The will by MQTT-3.1.2-8: at once if it has no delay, not at all if the session goes on before it. */
static void take_over(struct session *old)
{
	if (session_connected(old)) {
		old->hub->counters.takeovers++;
		session_close(old, MQTT_REASON_SESSION_TAKEN_OVER, true, SESSION_WILL_PUBLISH);
	}
}

/* The local session after the claim, detached and thawed; NULL: there is none (any more). */
static struct session *settle_old(struct hub *hub, struct hub_connect *connect)
{
	struct session *old = hub_find_name(hub, bytes_text(connect->identity->client_id));
	if (old == NULL) {
		return NULL;
	}
	const struct session_handle handle = old->handle;
	/* Still frozen: the store is told of no detachment, for the session is claimed already. */
	old->frozen = true;
	old->stored = connect->claim.present ? connect->claim.session : (struct store_session){0};
	if (connect->claim.present && old->expiry_s == 0) {
		/* It would have ended with its connection, but it was claimed before that: it goes on. */
		old->expiry_s = connect->expiry_s == 0 ? 1 : connect->expiry_s;
	}
	take_over(old);
	old = hub_find(hub, handle);
	if (old != NULL) {
		old->frozen = false;
	}
	if (old != NULL && !connect->claim.present) {
		session_end(old); /* the store has dropped its part already */
		old = NULL;
	}
	return old;
}

static enum err session_prepare(struct hub *hub, struct hub_connect *connect, struct session **out)
{
	struct session *session = settle_old(hub, connect);
	enum err err = ERR_OK;
	if (session == NULL) {
		err = hub_session_new(hub, connect->identity, &session);
		if (err != ERR_OK) {
			return err;
		}
		session->stored = connect->claim.session;
		if (connect->claim.present) {
			err = session_restore(session, &connect->claim);
		}
		if (err != ERR_OK) {
			session_free(session); /* the store keeps it; the next connect finds it there */
			return err;
		}
	} else {
		router_identify(hub->engine->router, session->subscriptions, connect->identity);
		session_identity_unref(session->identity);
		session->identity = session_identity_ref(connect->identity);
	}
	*out = session;
	return ERR_OK;
}

static void session_attach(struct session *session, struct hub_connect *connect)
{
	struct hub *hub = session->hub;
	will_drop(session);            /* MQTT-3.1.3-9: one that waited for its delay */
	session->will = connect->will; /* MQTT-3.1.2-7: from here on the session's */
	connect->will = NULL;
	session->link = connect->link;
	session->connection++;
	session->version = connect->version;
	session->expiry_s = connect->expiry_s;
	session->session_expiry_zero = connect->asked_expiry_s == 0;
	session->keep_alive_s = connect->keep_alive_s;
	session->receive_max = connect->receive_max;
	session->packet_bytes_max = connect->client_packet_bytes_max;
	session->no_problem_info = connect->no_problem_info;
	session->pause = 0;
	session->quota_in = 0;
	session->connected_ms = hub_wall_ms(hub);
	hub->counters.connected++;
	session_arm_keep_alive(session);
}

static void start_next(struct hub *hub, struct hub_connect *done);

static void finish_connect(struct hub_connect *connect)
{
	struct hub *hub = connect->hub;
	struct session *session = NULL;
	const bool present = connect->claim.present;
	const enum err err = session_prepare(hub, connect, &session);
	if (err != ERR_OK) {
		if (!connect->cancelled) {
			tell(connect, hub_connect_reason(err), NULL, false);
		}
		return;
	}
	session_attach(session, connect);
	if (connect->cancelled || hub->stopping) {
		const bool refuse = !connect->cancelled;
		session->link.ops = NULL;
		session_detach(session, SESSION_WILL_DROP);
		if (refuse) {
			tell(connect, MQTT_REASON_SERVER_UNAVAILABLE, NULL,
				false); /* 0x8B is none of MQTT-3.2.2-8 */
		}
		return;
	}
	const struct session_handle handle = session->handle;
	/* CONNACK first (MQTT-3.2.0-1), once (MQTT-3.2.0-2); present after a clean start never (MQTT-3.2.2-2, MQTT-3.2.2-3). */
	tell(connect, MQTT_REASON_SUCCESS, session, present); /* MQTT-3.1.4-4, MQTT-3.1.4-5 */
	session = hub_find(hub, handle);
	if (session != NULL && session_connected(session)) {
		session_resend(session);
		session_pump(session);
	}
}

/* --- claims --- */

static void claim_done(struct mail *mail, unsigned at);

static void claim_start(struct hub_connect *connect)
{
	struct hub *hub = connect->hub;
	void *ctx = NULL;
	/* MQTT-3.1.3-2: by client id, here and in the store. */
	struct session *session = hub_find_name(hub, bytes_text(connect->identity->client_id));
	freeze(session);
	connect->claiming = true;
	connect->claim.client_id = bytes_text(connect->identity->client_id);
	connect->claim.owner = bytes_text(connect->identity->user);
	connect->claim.clean = connect->clean; /* MQTT-3.1.2-4, MQTT-3.1.2-5 */
	connect->claim.lasting = connect->expiry_s > 0;
	connect->claim.want_state = session == NULL;
	hub_request(hub, &connect->claim.request, claim_done);
	hub_store(hub, &ctx)->claim(ctx, &connect->claim);
}

static bool owner_differs(const struct hub_connect *connect, const struct session *session)
{
	return session != NULL &&
	       !bytes_equal_text(bytes_text(connect->identity->user), session->identity->user);
}

static void claim_done(struct mail *mail, unsigned at)
{
	(void)at;
	struct hub_connect *connect = CONTAINER_OF(mail, struct hub_connect, claim.request.mail);
	struct hub *hub = connect->hub;
	hub_request_done(hub, &connect->claim.request);
	const enum err status = connect->claim.request.status;
	struct session *session = hub_find_name(hub, connect->claim.client_id);
	if (status == ERR_OK && connect->claim.present && session == NULL && !connect->claim.want_state) {
		claim_start(connect); /* ours ended while we asked; now we need what the store has */
		return;
	}
	if (status == ERR_OK) {
		finish_connect(connect);
	} else {
		thaw(session);
		if (!connect->cancelled) {
			tell(connect, hub_connect_reason(status), NULL, false);
		}
	}
	start_next(hub, connect);
	connect_free(connect);
}

/* Takes the first off its chain and lets the next one in. */
static void start_next(struct hub *hub, struct hub_connect *done)
{
	const struct bytes name = bytes_text(done->identity->client_id);
	struct hub_connect *next = done->next;
	(void)map_remove(hub->connects, name);
	while (next != NULL) {
		struct hub_connect *connect = next;
		next = connect->next;
		const bool denied = owner_differs(connect, hub_find_name(hub, name));
		if (!connect->cancelled && !denied && !hub->stopping &&
			map_put(hub->connects, name, connect, NULL) == ERR_OK) {
			claim_start(connect);
			return;
		}
		if (!connect->cancelled) {
			tell(connect,
				denied ? MQTT_REASON_CLIENT_ID_NOT_VALID : MQTT_REASON_SERVER_UNAVAILABLE,
				NULL, false);
		}
		connect_free(connect);
	}
}

/* --- the door --- */

static void copy_view(struct hub_connect *connect, const struct hub_connect_request *request)
{
	const struct hub_limits *limits = &connect->hub->engine->limits;
	const struct mqtt_connect_view *view = request->connect;
	connect->version = (uint8_t)view->version;
	connect->clean = view->clean_start;
	connect->asked_keep_alive_s = view->keep_alive_s;
	connect->keep_alive_s = view->keep_alive_s;
	connect->receive_max = view->props.receive_max;
	connect->client_packet_bytes_max =
		view->props.packet_bytes_max == UINT32_MAX ? 0 : view->props.packet_bytes_max;
	connect->no_problem_info = !view->props.request_problem_info;
	connect->wants_response_info = view->props.request_response_info;
	connect->asked_expiry_s = view->props.session_expiry_s;
	if (view->version != MQTT_5) {
		/* CleanSession ends with the connection (3.1.1 MQTT-3.1.2-6); its opposite has no end of its own. */
		connect->asked_expiry_s = view->clean_start ? 0 : UINT32_MAX;
		connect->receive_max = UINT16_MAX;
		connect->client_packet_bytes_max = 0;
		connect->no_problem_info = false;
	}
	connect->expiry_s = connect->asked_expiry_s < limits->session_expiry_max_s
				    ? connect->asked_expiry_s
				    : limits->session_expiry_max_s;
	if (limits->keep_alive_max_s != 0 && limits->keep_alive_max_s <= UINT16_MAX &&
		(view->keep_alive_s == 0 || view->keep_alive_s > limits->keep_alive_max_s) &&
		view->version == MQTT_5) {
		/* Told in CONNACK; without that the client's own counts (MQTT-3.2.2-22). */
		connect->keep_alive_s = (uint16_t)limits->keep_alive_max_s;
	}
	connect->packet_bytes_max =
		request->packet_bytes_max == 0 ? limits->packet_bytes_max : request->packet_bytes_max;
}

static enum err connect_new(
	struct hub *hub, const struct hub_connect_request *request, struct hub_connect **out)
{
	struct hub_connect *connect = calloc(1, sizeof(*connect));
	if (connect == NULL) {
		return ERR_NOMEM;
	}
	connect->hub = hub;
	connect->identity = session_identity_ref(request->identity);
	connect->link = request->link;
	connect->assigned = request->client_id_assigned;
	copy_view(connect, request);
	if (request->connect->has_will) {
		enum err err = will_new(request->identity, &request->connect->will, &connect->will);
		if (err != ERR_OK) {
			connect_free(connect);
			return err;
		}
	}
	*out = connect;
	return ERR_OK;
}

/* Behind the others of its client id. ERR_BUSY: too many. */
static enum err chain_add(struct hub *hub, struct hub_connect *first, struct hub_connect *connect)
{
	uint32_t waiting = 1;
	struct hub_connect *last = first;
	while (last->next != NULL) {
		last = last->next;
		waiting++;
	}
	if (waiting >= hub->engine->limits.connects_waiting_max) {
		return ERR_BUSY;
	}
	last->next = connect;
	return ERR_OK;
}

enum err hub_connect(struct hub *hub, const struct hub_connect_request *request, hub_connect_fn done,
	void *ctx, struct hub_connect **out)
{
	*out = NULL;
	const struct bytes name = bytes_text(request->identity->client_id);
	struct engine *engine = hub->engine;
	if (hub->stopping || engine_home(engine, name) != hub->worker) {
		return ERR_STATE;
	}
	const struct session *known = hub_find_name(hub, name);
	if (known == NULL && atomic_load(&engine->sessions) >= engine->limits.sessions_max) {
		return ERR_LIMIT;
	}
	struct hub_connect *connect = NULL;
	enum err err = connect_new(hub, request, &connect);
	if (err != ERR_OK) {
		return err;
	}
	connect->done = done;
	connect->ctx = ctx;
	struct hub_connect *first = map_get(hub->connects, name);
	if (owner_differs(connect, known)) {
		err = ERR_DENIED; /* and the live session has noticed nothing */
	} else if (first != NULL) {
		err = chain_add(hub, first, connect);
	} else {
		err = map_put(hub->connects, name, connect, NULL);
	}
	if (err != ERR_OK) {
		connect_free(connect);
		return err;
	}
	if (first == NULL) {
		claim_start(connect);
	}
	*out = connect;
	return ERR_OK;
}

void hub_connect_cancel(struct hub *hub, struct hub_connect *connect)
{
	(void)hub;
	connect->cancelled = true;
}
