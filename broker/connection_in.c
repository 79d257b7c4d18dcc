/*
 * connection_in.c - from a CONNECT packet to a claimed session: judge, log in, move home, judge again, claim, CONNACK.
 * Owns:    the CONNECT packet until the session lives.
 * Never:   claims a session before today's policy admits.
 * Threads: the worker that holds the connection; login and move happen once each.
 *
 * The login runs where the connection was accepted, since the stack may rewrite the client id, and only then is its home
 * known. So a connection moves once, and claim, takeover and session meet on one thread.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/connection_private.h"
#include "jaas_like/jaas_like.h"

static void claim(struct connection *connection);

/* The name the session goes by. */
static const char *session_name(const struct connection *connection)
{
	return connection->login_client_id != NULL ? connection->login_client_id : connection->client_id;
}

/* --- claim --- */

static void on_claimed(void *ctx, const struct hub_connect_result *result)
{
	struct connection *connection = ctx;
	struct buf packet = BUF_INIT(64u * 1024u);
	struct admission_verdict *verdict;

	connection->pending->claim = NULL;
	if (result->reason != MQTT_REASON_SUCCESS) {
		connection_fault(connection, result->reason, "the session could not be claimed");
		return;
	}
	connection->session = result->session;
	/* The last gate: the policy may have changed while the store was asked. */
	verdict = connection_judge(connection);
	if (verdict == NULL || verdict->admission != ADMISSION_ADMIT) {
		connection->doomed = true;
		if (verdict == NULL) {
			connection_fault(connection, MQTT_REASON_SERVER_UNAVAILABLE, "out of memory");
		} else {
			connection_refuse(
				connection, verdict, "the policy changed while the session was claimed");
		}
	} else if (mqtt_encode_connack(&result->encode, &result->connack, &packet) != ERR_OK) {
		connection->doomed = true;
		connection_fault(connection, 0, "the CONNACK could not be built");
	} else {
		io_send(connection->io, buf_bytes(&packet));
		connection_send_ticket(connection);
		connection_live_begin(connection, verdict);
	}
	buf_release(&packet);
	free(verdict);
}

/* With the owner gate opened on purpose the newcomer takes the session as its owner would. */
const char *connection_user(const struct connection *connection, const struct policy *policy,
	const struct admission_verdict *verdict)
{
	bool open = connection->session_owner != NULL &&
		    policy_gate_open(policy, connection->channel, GATE_OWNER);

	return open ? connection->session_owner : verdict->user;
}

static enum err make_identity(struct connection *connection, const struct admission_verdict *verdict)
{
	char peer[AUTH_ADDRESS_TEXT_BYTES];

	auth_address_format(&connection->peer, peer);
	struct session_identity identity = {
		.client_id = session_name(connection),
		.user = connection_user(connection, world_policy(connection->worker->world), verdict),
		.channel = connection->channel,
		.user_name = connection->user_name,
		.common_name = verdict->common_name[0] == '\0' ? NULL : verdict->common_name,
		.peer = peer,
		.client_id_bound = verdict->client_id_bound,
	};

	session_identity_unref(connection->identity);
	connection->identity = NULL;
	return session_identity_new(&identity, &connection->identity);
}

/* Only with INSECGATE(OWNER), for the proof of what that gate is for: the session of another owner gives way. */
static void end_foreign_session(struct connection *connection, const struct admission_verdict *verdict)
{
	struct worker *worker = connection->worker;

	if (connection->session_owner != NULL && strcmp(connection->session_owner, verdict->user) != 0 &&
		policy_gate_open(world_policy(worker->world), connection->channel, GATE_OWNER)) {
		enum err err = hub_session_close(worker->hub, bytes_text(session_name(connection)),
			MQTT_REASON_SESSION_TAKEN_OVER, SESSION_WILL_DROP, true);

		(void)err;
	}
}

static void claim_session(struct connection *connection, const struct admission_verdict *verdict)
{
	const struct world_channel *settings = connection_settings(connection);
	struct connect_pending *pending = connection->pending;
	struct mqtt_connect_view view;
	struct fault fault = FAULT_NONE;
	enum err err = settings == NULL ? ERR_STATE : make_identity(connection, verdict);

	if (err == ERR_OK) {
		err = mqtt_decode_connect(&pending->frame, &view, &fault);
	}
	if (err == ERR_OK) {
		end_foreign_session(connection, verdict);
		struct hub_connect_request request = {
			.connect = &view,
			.identity = connection->identity,
			.client_id_assigned = connection->client_id_assigned,
			.link = {&connection_link_ops, connection},
			.packet_bytes_max = settings->packet_bytes_max,
		};

		connection->state = CONNECTION_CLAIM;
		err = hub_connect(connection->worker->hub, &request, on_claimed, connection, &pending->claim);
	}
	if (err != ERR_OK) {
		session_identity_unref(connection->identity);
		connection->identity = NULL;
		connection_fault(connection, hub_connect_reason(err), "the session could not be claimed");
	}
}

/* At home: who owns the session of that name now? Then the whole verdict once more, under today's policy. */
static void claim(struct connection *connection)
{
	struct worker *worker = connection->worker;
	const char *owner = hub_session_owner(worker->hub, bytes_text(session_name(connection)));
	struct admission_verdict *verdict;

	free(connection->session_owner);
	connection->session_owner = owner == NULL ? NULL : strdup(owner);
	if (owner != NULL && connection->session_owner == NULL) {
		connection_fault(connection, MQTT_REASON_SERVER_UNAVAILABLE, "out of memory");
		return;
	}
	verdict = connection_judge(connection);
	if (verdict == NULL) {
		connection_fault(connection, MQTT_REASON_SERVER_UNAVAILABLE, "out of memory");
	} else if (verdict->admission != ADMISSION_ADMIT) {
		/* NEED cannot be met any more; the judge says what of. */
		connection_refuse(connection, verdict,
			verdict->admission == ADMISSION_NEED ? "evidence is missing" : NULL);
	} else {
		claim_session(connection, verdict);
	}
	free(verdict);
}

/* --- the move --- */

static void on_arrival(struct mail *mail, unsigned at)
{
	struct connect_pending *pending = CONTAINER_OF(mail, struct connect_pending, mail);
	struct connection *connection = pending->traveller;
	struct io_parcel *parcel = pending->parcel;
	struct worker *worker = &connection->worker->shared->workers[at];

	connection->worker = worker;
	pending->parcel = NULL;
	list_push_back(&worker->connections, &connection->node);
	if (io_from_parcel(worker->shared->net, at, parcel, &connection_io_calls, connection,
		    &connection->io) != ERR_OK) {
		connection_free(connection);
		return;
	}
	io_read_pause(connection->io);
	claim(connection);
}

static void on_departure(struct io_parcel *parcel, void *owner)
{
	struct connection *connection = owner;
	struct connect_pending *pending = connection->pending;
	struct worker *worker = connection->worker;
	unsigned home = engine_home(worker->shared->engine, bytes_text(session_name(connection)));

	connection->io = NULL;
	pending->parcel = parcel;
	pending->traveller = connection;
	pending->mail.run = on_arrival;
	wheel_cancel(worker->wheel, &connection->timer);
	list_remove(&connection->node);
	net_post_reserved(worker->shared->net, home, &pending->mail);
}

static void go_home(struct connection *connection)
{
	struct worker *worker = connection->worker;

	wheel_cancel(worker->wheel, &connection->timer);
	connection->state = CONNECTION_MOVING;
	if (engine_home(worker->shared->engine, bytes_text(session_name(connection))) == worker->at) {
		claim(connection);
	} else {
		io_depart(connection->io, on_departure);
	}
}

/* --- the login --- */

static enum login_outcome outcome_of(enum login_answer answer)
{
	switch (answer) {
	case LOGIN_ANSWER_ALLOWED: return LOGIN_ALLOWED;
	case LOGIN_ANSWER_BUSY: return LOGIN_BUSY;
	case LOGIN_ANSWER_FAILED: return LOGIN_FAILED;
	case LOGIN_ANSWER_DENIED: break;
	}
	return LOGIN_DENIED;
}

/* The packet is read once more for the claim, but nobody needs the password any longer. */
static void forget_password(struct connect_pending *pending)
{
	struct mqtt_connect_view view;
	struct fault fault = FAULT_NONE;

	if (mqtt_decode_connect(&pending->frame, &view, &fault) == ERR_OK && view.password.len > 0) {
		size_t at = (size_t)(view.password.data - pending->packet);

		secure_wipe(pending->packet + at, view.password.len);
	}
}

static void on_login(void *ctx, struct login_attempt_result *result)
{
	struct connection *connection = ctx;
	struct admission_verdict *verdict;

	connection->pending->login = NULL;
	connection->login_outcome = outcome_of(result->answer);
	connection->login_user = result->user;
	connection->login_client_id = result->client_id;
	connection->login_user_verified = result->user_verified;
	connection->login_client_id_bound = result->client_id_bound;
	connection->password_user = result->password_user;
	connection->credential = result->credential;
	connection->login_account_known = result->account_known;
	forget_password(connection->pending);
	verdict = connection_judge(connection);
	if (verdict == NULL) {
		connection_fault(connection, MQTT_REASON_SERVER_UNAVAILABLE, "out of memory");
	} else if (verdict->admission == ADMISSION_REFUSE) {
		connection_refuse(
			connection, verdict, result->answer == LOGIN_ANSWER_ALLOWED ? NULL : result->reason);
	} else {
		go_home(connection);
	}
	free(verdict);
}

static void log_in(struct connection *connection, const struct mqtt_connect_view *view, const char *entry)
{
	struct worker *worker = connection->worker;
	struct login_setup *setup = world_logins(worker->world);
	char peer[AUTH_ADDRESS_TEXT_BYTES];

	auth_address_format(&connection->peer, peer);
	struct login_attempt_request request = {
		.entry = entry,
		.channel = connection->channel,
		.client_id = connection->client_id,
		.user_name = connection->user_name,
		.password_sent = view->has_password,
		.password = view->password,
		.peer = peer,
		.leaf = connection->chain_count > 0 ? connection->chain[0] : NULL,
	};
	enum err err = setup == NULL ? ERR_NOT_FOUND : ERR_OK;

	connection->state = CONNECTION_LOGIN;
	connection->login_name = strdup(entry);
	connection->login_config = setup == NULL ? 0 : login_setup_config(setup, entry);
	if (err == ERR_OK && connection->login_name == NULL) {
		err = ERR_NOMEM;
	}
	if (err == ERR_OK) {
		err = login_attempt_start(worker->shared->desks, worker->at, setup, &request, on_login,
			connection, &connection->pending->login);
	}
	if (err != ERR_OK) {
		struct login_attempt_result failed = {.answer = LOGIN_ANSWER_FAILED, .reason = err_name(err)};

		on_login(connection, &failed);
	}
}

/* --- CONNECT --- */

static bool version_served(const struct world_channel *settings, enum mqtt_version version)
{
	switch (version) {
	case MQTT_3_1: return settings->version_3_1;
	case MQTT_3_1_1: return settings->version_3_1_1;
	case MQTT_5: return settings->version_5;
	}
	return false;
}

/* The evidence that CONNECT brings, in the connection's own memory. */
static enum err take_names(struct connection *connection, const struct mqtt_connect_view *view)
{
	char assigned[HUB_CLIENT_ID_BYTES];
	enum err err = ERR_OK;

	if (view->has_user_name) {
		err = bytes_dup_text(view->user_name, &connection->user_name);
	}
	if (err == ERR_OK && view->client_id.len == 0) {
		/* MQTT-3.1.3-6: a server may give a client an id; it is told so in CONNACK (MQTT-3.1.3-7). */
		err = engine_client_id_assign(assigned);
		if (err == ERR_OK) {
			err = bytes_dup_text(bytes_text(assigned), &connection->client_id);
		}
		connection->client_id_assigned = true;
	} else if (err == ERR_OK) {
		err = bytes_dup_text(view->client_id, &connection->client_id);
	}
	connection->password_sent = view->has_password;
	return err;
}

static enum err keep_packet(struct connection *connection, const struct mqtt_frame *frame)
{
	struct connect_pending *pending = calloc(1, sizeof(*pending));

	if (pending == NULL) {
		return ERR_NOMEM;
	}
	if (bytes_dup(frame->body, &pending->packet) != ERR_OK) {
		free(pending);
		return ERR_NOMEM;
	}
	pending->packet_len = frame->body.len;
	pending->since_ms = net_now_ms(connection->worker->shared->net, connection->worker->at);
	pending->frame = *frame;
	pending->frame.body = bytes_of(pending->packet, frame->body.len);
	connection->pending = pending;
	return ERR_OK;
}

static void judge_names(struct connection *connection, const struct mqtt_connect_view *view,
	const struct world_channel *settings)
{
	struct admission_verdict *verdict;

	connection->connect_seen = true;
	if (settings->login[0] == '\0') {
		connection->login_outcome = LOGIN_NOT_CONFIGURED;
	}
	verdict = connection_judge(connection);
	if (verdict == NULL) {
		connection_fault(connection, MQTT_REASON_SERVER_UNAVAILABLE, "out of memory");
	} else if (verdict->admission == ADMISSION_REFUSE) {
		connection_refuse(connection, verdict, NULL);
	} else if (verdict->need == NEED_LOGIN) {
		log_in(connection, view, settings->login);
	} else {
		go_home(connection);
	}
	free(verdict);
}

void connection_read_connect(struct connection *connection, const struct mqtt_frame *frame)
{
	const struct world_channel *settings = connection_settings(connection);
	struct mqtt_connect_view view;
	struct fault fault = FAULT_NONE;
	enum err err;

	io_read_pause(connection->io);
	wheel_cancel(connection->worker->wheel, &connection->timer);
	if (frame->type != MQTT_CONNECT) {
		connection_fault(connection, 0, "MQTT-3.1.0-1");
		return;
	}
	connection->version = mqtt_connect_reply_version(frame);
	err = mqtt_decode_connect(frame, &view, &fault);
	if (err != ERR_OK) {
		/* MQTT-3.1.4-1: a malformed CONNECT before MQTT 5 closes with no answer. */
		bool answered = connection->version == MQTT_5 ||
				mqtt_connack_code_v3(fault.reason) != MQTT_CONNACK_NONE;

		connection_fault(connection, answered ? fault.reason : 0, fault.clause);
		return;
	}
	connection->version = view.version;
	connection->client_packet_bytes_max =
		view.props.packet_bytes_max == UINT32_MAX ? 0 : view.props.packet_bytes_max;
	if (settings == NULL || !settings->running) {
		connection_fault(connection, MQTT_REASON_SERVER_UNAVAILABLE, "the channel is stopping");
		return;
	}
	if (!version_served(settings, view.version)) {
		connection_fault(connection, MQTT_REASON_UNSUPPORTED_VERSION,
			"the channel's PROTOCOL does not list this version");
		return;
	}
	if (mqtt_props_has(&view.props, MQTT_PROP_AUTH_METHOD)) {
		connection_fault(connection, MQTT_REASON_BAD_AUTHENTICATION_METHOD, "MQTT-4.12.0-1");
		return;
	}
	if (take_names(connection, &view) != ERR_OK || keep_packet(connection, frame) != ERR_OK) {
		connection_fault(connection, MQTT_REASON_SERVER_UNAVAILABLE, "out of memory");
		return;
	}
	judge_names(connection, &view, settings);
}
