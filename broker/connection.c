/*
 * connection.c - accept, the gate after Finished, and every way a connection ends.
 * Owns:    the connection's memory.
 * Never:   touches a session before every gate has admitted.
 * Threads: the worker that holds the connection.
 */
#include "broker/connection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/connection_private.h"
#include "broker/park.h"

static struct connection *owner_of(struct io *io)
{
	struct connection *connection = io_owner(io);

	assert(connection->magic == CONNECTION_MAGIC);
	return connection;
}

void pending_free(struct connect_pending *pending)
{
	if (pending == NULL) {
		return;
	}
	login_attempt_cancel(pending->login);
	io_parcel_free(pending->parcel);
	secure_wipe(pending->packet, pending->packet_len);
	free(pending->packet);
	free(pending);
}

void connection_free(struct connection *connection)
{
	wheel_cancel(connection->worker->wheel, &connection->timer);
	list_remove(&connection->node);
	connection_unpark(connection);
	connection_drop_watches(connection);
	connection_drop_certs(&connection->chain, &connection->chain_count);
	connection_drop_certs(&connection->resumable, &connection->resumable_count);
	free(connection->client_id);
	free(connection->user_name);
	free(connection->login_user);
	free(connection->login_client_id);
	free(connection->login_name);
	free(connection->session_owner);
	free(connection->password_user);
	session_identity_unref(connection->identity);
	pending_free(connection->pending);
	partial_free(connection->partial);
	connection->magic = 0;
	free(connection);
}

void connection_evidence(
	const struct connection *connection, struct evidence *out, struct evidence_space *space)
{
	for (size_t i = 0; i < connection->chain_count; i++) {
		space->chain[i] = connection->chain[i];
	}
	space->answer_count = 0;
	for (size_t i = 0; i < connection->watch_count; i++) {
		struct ocsp_response *answer = ocsp_watch_answer(connection->watches[i]);

		if (answer != NULL) {
			space->ocsp[space->answer_count] = answer;
			space->answers[space->answer_count++] = answer;
		}
	}
	*out = (struct evidence){
		.channel = connection->channel,
		.peer = connection->peer,
		.certificate = connection->certificate,
		.chain = space->chain,
		.chain_count = connection->chain_count,
		.connect_seen = connection->connect_seen,
		.client_id = connection->client_id,
		.user_name = connection->user_name,
		.password_sent = connection->password_sent,
		.login = connection->login_outcome,
		.login_user = connection->login_user,
		.login_client_id = connection->login_client_id,
		.login_user_verified = connection->login_user_verified,
		.login_client_id_bound = connection->login_client_id_bound,
		.login_name = connection->login_name,
		.login_config = connection->login_config,
		.login_password_judged = connection->password_user != NULL,
		.login_account_known = connection->login_account_known,
		.ocsp = space->ocsp,
		.ocsp_count = space->answer_count,
		/* A live session does not wait: what is not at hand is not known. On the way in, who did not ask is not let in. */
		.revocation_asked = connection->revocation_asked || connection->state == CONNECTION_LIVE,
		.revocation_busy = connection->revocation_busy,
		.session_owner = connection->session_owner,
	};
}

void evidence_space_release(struct evidence_space *space)
{
	for (size_t i = 0; i < space->answer_count; i++) {
		ocsp_response_unref(space->answers[i]);
	}
	space->answer_count = 0;
}

static int64_t now_seconds(const struct connection *connection)
{
	struct clock clock = net_clock(connection->worker->shared->net, connection->worker->at);
	const struct judging_clock *judging = &connection->worker->shared->judging;

	return connection->state == CONNECTION_LIVE
		       ? judging_time_live(judging, clock_mono_ms(&clock), clock_wall_ms(&clock))
		       : judging_time_new(judging, clock_wall_ms(&clock));
}

/* What a password let in stays, or goes on towards its session, only while that world's users file would let it in. */
static enum login_outcome login_under(const struct connection *connection, const struct world *world)
{
	struct login_setup *setup = world_logins(world);

	if (connection->login_outcome == LOGIN_ALLOWED &&
		(setup == NULL || !login_still_allows(setup, connection->login_name,
					  connection->password_user, connection->credential))) {
		return LOGIN_DENIED;
	}
	return connection->login_outcome;
}

struct admission_verdict *connection_judge(struct connection *connection)
{
	struct evidence_space space;
	struct admission_verdict *verdict = calloc(1, sizeof(*verdict));
	const struct policy *policy = world_policy(connection->worker->world);
	struct evidence evidence;

	if (verdict == NULL) {
		return NULL;
	}
	connection->login_outcome = login_under(connection, connection->worker->world);
	connection_evidence(connection, &evidence, &space);
	if (connection->state == CONNECTION_LIVE) {
		admission_judge_live(policy, &evidence, now_seconds(connection), verdict);
	} else {
		admission_judge(policy, &evidence, now_seconds(connection), verdict);
	}
	evidence_space_release(&space);
	return verdict;
}

bool connection_would_close(const struct connection *connection, const struct world *proposed, int64_t now,
	struct admission_verdict *verdict)
{
	struct evidence_space space;
	const char *note = NULL;
	struct evidence evidence;

	connection_evidence(connection, &evidence, &space);
	evidence.login = login_under(connection, proposed);
	admission_judge_live(world_policy(proposed), &evidence, now, verdict);
	evidence_space_release(&space);
	return connection_must_close(connection, world_policy(proposed), verdict, &note);
}

const struct world_channel *connection_settings(const struct connection *connection)
{
	return world_channel(connection->worker->world, connection->channel);
}

/* --- ending --- */

/*
 * Who is refused for good needs no anchor any more. The chain is there only after Finished, so whoever is refused holds the
 * key of that leaf and speaks for nobody else; what it says of itself (a client id, a user) is not asked, but of a session
 * that had been let in. A newcomer is judged by a clock that may be wrong: what has expired is seen in the report anyway.
 */
static void forget_need(const struct connection *connection, const struct connection_refusal *refusal)
{
	const struct admission_verdict *verdict = refusal->verdict;
	bool one = verdict->step == STEP_ACCOUNT;

	if (connection->chain_count > 0 && verdict->for_good &&
		(refusal->live || verdict->certificate_reason == X509_REVOKED)) {
		known_refused(connection->worker->shared->known, connection->channel,
			one ? connection->identity->client_id : NULL, cert_sha256(connection->chain[0]));
	}
}

void connection_note_refusal(struct connection *connection, const struct connection_refusal *refusal)
{
	struct evidence_space space;
	struct evidence evidence;
	struct refusal_facts facts = {
		.evidence = &evidence,
		.verdict = refusal->verdict,
		.live = refusal->live,
		.peer_port = connection->peer_port,
		.tls_version = connection->io == NULL ? "" : tls_version_name(io_tls_version(connection->io)),
		.note = refusal->note,
	};

	connection_evidence(connection, &evidence, &space);
	refusals_add(connection->worker->shared->refusals, &facts, connection->refusal);
	evidence_space_release(&space);
	forget_need(connection, refusal);
}

static void on_delay_over(struct wheel_timer *timer)
{
	struct connection *connection = CONTAINER_OF(timer, struct connection, timer);

	connection_send_connack_refusal(connection, connection->pending->answer);
	io_close(connection->io);
}

void connection_refuse(
	struct connection *connection, const struct admission_verdict *verdict, const char *note)
{
	const struct world_channel *settings = connection_settings(connection);
	struct worker *worker = connection->worker;
	bool login_failed = verdict->step == STEP_LOGIN || verdict->step == STEP_ACCOUNT;
	/* Evidence that is still missing has no code of its own, and 0 would mean success. */
	uint8_t reason = verdict->reason_code != 0 ? verdict->reason_code : MQTT_REASON_NOT_AUTHORIZED;

	wheel_cancel(worker->wheel, &connection->timer);
	connection_note_refusal(connection, &(struct connection_refusal){verdict, note, false});
	connection->state = CONNECTION_REFUSED;
	if (!connection->connect_seen || connection->pending == NULL) {
		io_close(connection->io);
		return;
	}
	if (login_failed) {
		/* Unknown, disabled, locked and wrong get identical bytes, and not before FAILDLAY: no id goes with them. */
		connection->refusal[0] = '\0';
	}
	connection->pending->answer = reason;
	if (login_failed && settings != NULL && settings->fail_delay_ms > 0) {
		/* Counted from CONNECT, so that what the login cost does not show in when it is answered. */
		connection->timer.fn = on_delay_over;
		wheel_add(worker->wheel, &connection->timer,
			connection->pending->since_ms + settings->fail_delay_ms);
		return;
	}
	connection_send_connack_refusal(connection, reason);
	io_close(connection->io);
}

static void tell_fault(const struct connection *connection, uint8_t reason, const char *clause)
{
	struct shared *shared = connection->worker->shared;
	char peer[AUTH_ADDRESS_TEXT_BYTES];

	if (!refusals_may_tell(shared->refusals, &connection->peer, REFUSAL_CONNECT)) {
		return;
	}
	auth_address_format(&connection->peer, peer);
	LOG(shared->log, LOG_INFO, "LKG0302I", "connection ended before it was admitted",
		LF_TEXT("channel", connection->channel), LF_TEXT("peer", peer),
		LF_INT("port", connection->peer_port), LF_INT("mqtt_reason", reason),
		LF_TEXT("clause", clause == NULL ? "" : clause),
		LF_TEXT("client", connection->client_id == NULL ? "" : connection->client_id));
}

void connection_fault(struct connection *connection, uint8_t reason, const char *clause)
{
	wheel_cancel(connection->worker->wheel, &connection->timer);
	tell_fault(connection, reason, clause);
	connection->state = CONNECTION_REFUSED;
	if (reason != 0) {
		connection_send_connack_refusal(connection, reason);
	}
	io_close(connection->io);
}

struct bytes connection_refusal_props(const struct connection *connection, struct buf *props)
{
	struct wire_writer writer = wire_writer_init(props);
	char text[32] = "refusal ";

	if (connection->refusal[0] == '\0') {
		return BYTES_NONE;
	}
	memcpy(text + 8, connection->refusal, REFUSAL_ID_BYTES);
	mqtt_put_prop_bytes(&writer, MQTT_PROP_REASON_STRING, bytes_text(text));
	return wire_writer_err(&writer) == ERR_OK ? buf_bytes(props) : BYTES_NONE;
}

/*
 * The caller closes behind it (MQTT-3.2.2-7, MQTT-4.12.0-4; 3.1.1 MQTT-3.2.2-5); before MQTT 5 only with one of the five
 * codes. Kept within the client's Maximum Packet Size, the reason is the first to go (MQTT-3.2.2-19).
 */
void connection_send_connack_refusal(struct connection *connection, uint8_t reason)
{
	struct buf props = BUF_INIT(256);
	struct buf packet = BUF_INIT(512);
	struct mqtt_encode_options options = {
		.version = connection->version, .packet_bytes_max = connection->client_packet_bytes_max};
	struct mqtt_connack_view connack = {.reason = reason};

	if (connection->version == MQTT_5) {
		connack.props.raw = connection_refusal_props(connection, &props);
	}
	if (mqtt_encode_connack(&options, &connack, &packet) == ERR_OK) {
		io_send(connection->io, buf_bytes(&packet));
	}
	buf_release(&packet);
	buf_release(&props);
}

/* --- the gate after Finished --- */

static void on_connect_late(struct wheel_timer *timer)
{
	struct connection *connection = CONTAINER_OF(timer, struct connection, timer);

	connection_fault(connection, 0, "no CONNECT within CONNTIMEO");
}

/*
 * Whoever has passed the chain gate gets the proper CONNACK: what is refused already waits for its CONNECT, is judged with
 * it once more, and costs no password hash.
 */
static bool past_chain_gate(const struct admission_verdict *verdict)
{
	return verdict->step > STEP_REVOCATION;
}

static void pass_gate(struct connection *connection)
{
	struct worker *worker = connection->worker;
	uint64_t due_ms = connection_wait_end(connection);

	if (due_ms != 0) {
		connection->timer.fn = on_connect_late;
		wheel_add(worker->wheel, &connection->timer, due_ms);
	}
	connection->state = CONNECTION_CONNECT;
	io_open_gate(connection->io);
}

void connection_gate(struct connection *connection, const char *note)
{
	const struct world_channel *settings = connection_settings(connection);
	struct admission_verdict *verdict = connection_judge(connection);

	if (verdict == NULL || settings == NULL) {
		connection_fault(connection, 0, settings == NULL ? "the channel is gone" : "out of memory");
	} else if (verdict->admission == ADMISSION_REFUSE && !past_chain_gate(verdict)) {
		connection_remember_chain(connection, verdict);
		connection_refuse(connection, verdict, note);
	} else if (verdict->admission == ADMISSION_REFUSE) {
		connection_remember_chain(connection, verdict);
		pass_gate(connection);
	} else if ((verdict->admission == ADMISSION_NEED && verdict->need == NEED_REVOCATION) ||
		   connection_wants_more(connection, verdict)) {
		connection_park(connection, verdict);
	} else {
		connection_remember_chain(connection, verdict);
		pass_gate(connection);
	}
	free(verdict);
}

static void on_secure(struct io *io)
{
	struct connection *connection = owner_of(io);

	connection_gate(connection, connection_take_chain(connection));
}

static void on_data(struct io *io, struct bytes in)
{
	struct connection *connection = owner_of(io);

	switch (connection->state) {
	case CONNECTION_CONNECT:
	case CONNECTION_LIVE: connection_feed(connection, in); return;
	case CONNECTION_LOGIN:
	case CONNECTION_MOVING:
	case CONNECTION_CLAIM: io_unread(io, in); return;
	case CONNECTION_HANDSHAKE:
	case CONNECTION_REVOCATION: /* the gate is closed */
	case CONNECTION_REFUSED:    /* whatever followed the CONNECT: MQTT-3.1.4-6, 3.1.1 MQTT-3.1.4-5 */
	case CONNECTION_CLOSING: return;
	}
}

static void on_drained(struct io *io)
{
	struct connection *connection = owner_of(io);

	if (connection->state == CONNECTION_LIVE && connection->session != NULL && !connection->doomed) {
		session_writable(connection->session);
	}
}

/* A handshake that failed is a refusal like any other: it gets an id, a line and an explanation. */
static void note_failed_handshake(struct connection *connection, const char *detail)
{
	struct worker *worker = connection->worker;
	enum tls_failure failure = io_tls_failure(connection->io);
	char peer[AUTH_ADDRESS_TEXT_BYTES];

	if (failure == TLS_FAILURE_NO_CERTIFICATE) {
		connection->certificate = CERTIFICATE_NONE_SENT;
		struct admission_verdict *verdict = connection_judge(connection);

		if (verdict != NULL && verdict->admission == ADMISSION_REFUSE) {
			connection_note_refusal(
				connection, &(struct connection_refusal){verdict, detail, false});
			free(verdict);
			return;
		}
		free(verdict);
	}
	if (!refusals_may_tell(worker->shared->refusals, &connection->peer, REFUSAL_HANDSHAKE)) {
		return;
	}
	auth_address_format(&connection->peer, peer);
	LOG(worker->shared->log, LOG_WARN, "LKG9633E", "TLS handshake failed",
		LF_TEXT("channel", connection->channel), LF_TEXT("peer", peer),
		LF_INT("port", connection->peer_port), LF_TEXT("step", "handshake"),
		LF_TEXT("failure", tls_failure_name(failure)),
		LF_TEXT("sentence", detail == NULL ? "" : detail));
}

/* Why a live session lost its connection, in an operator's words. */
static const char *end_name(const struct connection *connection, enum io_close why)
{
	switch (connection->end) {
	case CONNECTION_END_NETWORK: return io_close_name(why);
	case CONNECTION_END_CLIENT: return "client disconnected";
	case CONNECTION_END_SERVER: break;
	}
	if (connection->refusal[0] != '\0') {
		return "refused by a new judgement";
	}
	switch (connection->close_reason) {
	case MQTT_REASON_SESSION_TAKEN_OVER: return "taken over by a newer connection";
	case MQTT_REASON_KEEP_ALIVE_TIMEOUT: return "keep-alive timed out";
	case MQTT_REASON_SERVER_SHUTTING_DOWN: return "broker stops";
	case MQTT_REASON_ADMINISTRATIVE_ACTION: return "stopped by an operator";
	default: return "protocol error"; /* mqtt_reason says which */
	}
}

/* What is known beyond that. After its DISCONNECT the socket is closed by us, but that is not why it ended. */
static const char *end_detail(const struct connection *connection, const char *detail)
{
	return connection->end == CONNECTION_END_CLIENT ? "the client sent DISCONNECT"
	       : detail == NULL                         ? ""
							: detail;
}

static void on_closed(struct io *io, enum io_close why, const char *detail)
{
	struct connection *connection = owner_of(io);
	struct worker *worker = connection->worker;
	struct session *session = connection->session;
	char peer[AUTH_ADDRESS_TEXT_BYTES];

	if (connection->state == CONNECTION_HANDSHAKE && why == IO_CLOSE_TLS) {
		note_failed_handshake(connection, detail);
	}
	if (connection->pending != NULL && connection->pending->claim != NULL) {
		hub_connect_cancel(worker->hub, connection->pending->claim);
	}
	if (connection->counted) {
		auth_address_format(&connection->peer, peer);
		LOG(worker->shared->log, LOG_INFO, "LKG0301I", "session ended its connection",
			LF_TEXT("client", connection->identity->client_id),
			LF_TEXT("channel", connection->channel), LF_TEXT("peer", peer),
			LF_INT("port", connection->peer_port), LF_TEXT("why", end_name(connection, why)),
			LF_TEXT("detail", end_detail(connection, detail)),
			LF_INT("mqtt_reason", connection->close_reason),
			LF_TEXT("refusal", connection->refusal));
		atomic_fetch_sub_explicit(&worker->live, 1, memory_order_relaxed);
		if (connection->trust_kind != TRUST_NONE && !connection->client_id_assigned) {
			struct clock clock = net_clock(worker->shared->net, worker->at);

			known_left(worker->shared->known, connection->channel,
				connection->identity->client_id, clock_wall_ms(&clock) / 1000);
		}
	}
	connection->io = NULL;
	if (session != NULL && connection->doomed) {
		/* Refused after its claim: as a session closed by judgement, its will is not for publishing. */
		if (hub_session_close(worker->hub, bytes_text(connection->identity->client_id),
			    MQTT_REASON_NOT_AUTHORIZED, SESSION_WILL_REVOKED, false) == ERR_OK) {
			session = NULL;
		}
	}
	connection->session = NULL;
	connection_free(connection);
	if (session != NULL) {
		session_lost(session);
	}
}

const struct io_calls connection_io_calls = {.on_secure = on_secure,
	.on_data = on_data,
	.on_drained = on_drained,
	.on_closed = on_closed,
	.may_resume = connection_may_resume};

/* --- accept --- */

static void address_from_net(const struct net_address *in, struct auth_address *out)
{
	*out = (struct auth_address){.family = in->family};
	memcpy(out->octets, in->octets, sizeof(out->octets));
}

bool connection_may_accept(struct worker *worker, const char *channel, const struct net_address *peer)
{
	struct evidence evidence = {.channel = channel};
	struct admission_verdict *verdict;
	char id[REFUSAL_ID_BYTES];
	bool good;

	if (worker->world == NULL) {
		return false;
	}
	verdict = calloc(1, sizeof(*verdict));
	if (verdict == NULL) {
		return false;
	}
	struct clock clock = net_clock(worker->shared->net, worker->at);

	address_from_net(peer, &evidence.peer);
	admission_judge(world_policy(worker->world), &evidence,
		judging_time_new(&worker->shared->judging, clock_wall_ms(&clock)), verdict);
	/* Before any byte only BLOCKADDR speaks; what else refuses does so in a CONNACK. */
	good = verdict->admission != ADMISSION_REFUSE || past_chain_gate(verdict);
	if (!good) {
		refusals_add(worker->shared->refusals,
			&(struct refusal_facts){
				.evidence = &evidence, .verdict = verdict, .peer_port = peer->port},
			id);
	}
	free(verdict);
	return good;
}

static void on_nobody_closed(struct io *io, enum io_close why, const char *detail)
{
	(void)io;
	(void)why;
	(void)detail;
}

static const struct io_calls nobody_calls = {.on_closed = on_nobody_closed};

void connection_accept(struct worker *worker, const char *channel, struct io *io)
{
	const struct world_channel *settings = world_channel(worker->world, channel);
	struct connection *connection = settings == NULL ? NULL : calloc(1, sizeof(*connection));
	struct net_address peer = io_peer(io);

	if (connection == NULL) {
		io_set_owner(io, &nobody_calls, NULL);
		io_abort(io);
		return;
	}
	connection->magic = CONNECTION_MAGIC;
	connection->state = CONNECTION_HANDSHAKE;
	connection->worker = worker;
	connection->io = io;
	connection->certificate = CERTIFICATE_PENDING;
	connection->login_outcome = LOGIN_PENDING;
	connection->version = MQTT_3_1_1;
	memcpy(connection->channel, settings->name, sizeof(connection->channel));
	address_from_net(&peer, &connection->peer);
	connection->peer_port = peer.port;
	list_push_back(&worker->connections, &connection->node);
	io_set_owner(io, &connection_io_calls, connection);
	connection->timer.fn = on_connect_late;
	wheel_add(worker->wheel, &connection->timer,
		net_now_ms(worker->shared->net, worker->at) + settings->connect_ms);
}
