/*
 * connection_live.c - bytes to packets, packets to the session and back, and the judge's second look.
 * Owns:    nothing beyond the connection.
 * Never:   reads a packet while its session has paused it.
 * Threads: the session's home worker.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/connection_private.h"
#include "broker/park.h"

/* --- the session's link: it only queues --- */

static void release_message(void *owner)
{
	message_unref(owner);
}

/* Below this a copy costs less than the bookkeeping of a reference. */
#define COPIED_PAYLOAD_BYTES 512u

static void link_send(void *ctx, struct bytes head, struct message *payload_owner, struct bytes payload)
{
	struct connection *connection = ctx;

	if (connection->doomed || connection->io == NULL) {
		return;
	}
	io_send(connection->io, head);
	if (payload_owner == NULL || payload.len == 0) {
		return;
	}
	if (payload.len <= COPIED_PAYLOAD_BYTES) {
		io_send(connection->io, payload);
	} else {
		io_send_ref(connection->io, payload, release_message, message_ref(payload_owner));
	}
}

static size_t link_backlog(void *ctx)
{
	const struct connection *connection = ctx;

	return connection->io == NULL ? 0 : io_backlog_bytes(connection->io);
}

/* Only a session that lives sends one, so CONNACK has gone before (MQTT-3.14.0-1). */
static void send_disconnect(struct connection *connection, uint8_t reason)
{
	struct buf props = BUF_INIT(256);
	struct buf packet = BUF_INIT(512);
	/* MQTT-3.14.2-3: a client that takes small packets only does without the reason's text. */
	struct mqtt_encode_options options = {
		.version = connection->version, .packet_bytes_max = connection->client_packet_bytes_max};
	struct mqtt_disconnect_view disconnect = {.reason = reason};

	disconnect.props.raw = connection_refusal_props(connection, &props);
	if (mqtt_encode_disconnect(&options, &disconnect, &packet) == ERR_OK) {
		io_send(connection->io, buf_bytes(&packet));
	}
	buf_release(&packet);
	buf_release(&props);
}

static void link_close(void *ctx, uint8_t reason, bool with_disconnect)
{
	struct connection *connection = ctx;

	connection->session = NULL;
	connection->close_reason = reason;
	/* A session says nothing to a client that said DISCONNECT, and only then. */
	connection->end =
		reason == MQTT_REASON_SUCCESS && !with_disconnect && connection->end == CONNECTION_END_NETWORK
			? CONNECTION_END_CLIENT
			: CONNECTION_END_SERVER;
	if (connection->io == NULL) {
		return;
	}
	if (with_disconnect && connection->version == MQTT_5 && !connection->doomed) {
		send_disconnect(connection, reason);
	}
	connection->state = CONNECTION_CLOSING;
	io_close(connection->io);
}

static void link_pause(void *ctx)
{
	struct connection *connection = ctx;

	connection->paused = true;
	io_read_pause(connection->io);
}

static void link_resume(void *ctx)
{
	struct connection *connection = ctx;

	connection->paused = false;
	io_read_resume(connection->io);
}

const struct session_link_ops connection_link_ops = {
	link_send, link_backlog, link_close, link_pause, link_resume};

/* --- packets in --- */

static uint32_t packet_limit(const struct connection *connection)
{
	const struct world_channel *settings = connection_settings(connection);
	uint32_t limit = settings == NULL ? BROKER_CONNECT_BYTES_MAX : settings->packet_bytes_max;

	if (connection->state == CONNECTION_CONNECT && limit > BROKER_CONNECT_BYTES_MAX) {
		limit = BROKER_CONNECT_BYTES_MAX;
	}
	return limit;
}

static void framing_fault(struct connection *connection, const struct fault *fault)
{
	if (connection->state == CONNECTION_LIVE && connection->session != NULL) {
		session_fault(connection->session, fault);
	} else {
		connection_fault(connection, 0, fault->clause);
	}
}

/* One packet; false: what is left must wait, or does not count any more. */
static bool feed_frame(struct connection *connection, const struct mqtt_frame *frame)
{
	if (connection->state == CONNECTION_CONNECT) {
		connection_read_connect(connection, frame);
		return false;
	}
	return session_packet(connection->session, frame) == ERR_OK && connection->session != NULL &&
	       !connection->paused;
}

/* It may have been a CONNECT, password included. */
void partial_free(struct buf *partial)
{
	if (partial != NULL) {
		secure_wipe(partial->data, partial->cap);
		buf_release(partial);
		free(partial);
	}
}

/* A packet that is not all there waits here; nothing is allocated for a connection that is between packets. */
static void keep_partial(struct connection *connection, struct bytes in, size_t wanted)
{
	struct buf *partial = calloc(1, sizeof(*partial));

	if (partial != NULL) {
		*partial = BUF_INIT((size_t)packet_limit(connection) + NET_READ_BYTES);
		if (buf_append(partial, in) == ERR_OK) {
			connection->partial = partial;
			connection->partial_wanted = wanted;
			return;
		}
	}
	free(partial);
	io_abort(connection->io);
}

static void feed_whole(struct connection *connection, struct bytes in)
{
	uint32_t limit = packet_limit(connection);
	struct mqtt_frame frame = {0};
	struct fault fault = FAULT_NONE;
	enum err err = ERR_OK;
	bool more = !connection->paused && !connection->doomed;

	while (more && in.len > 0) {
		err = mqtt_frame_next(in, limit, &frame, &fault);
		if (err != ERR_OK) {
			break;
		}
		in = bytes_of(in.data + frame.packet_bytes, in.len - frame.packet_bytes);
		more = feed_frame(connection, &frame);
	}
	bool over = connection->state == CONNECTION_REFUSED || connection->state == CONNECTION_CLOSING ||
		    connection->doomed;

	if (over || in.len == 0) {
		return;
	}
	if (err == ERR_AGAIN) {
		keep_partial(connection, in, frame.packet_bytes);
	} else if (err != ERR_OK) {
		framing_fault(connection, &fault);
	} else {
		io_unread(connection->io,
			in); /* reading is paused; it comes again later, perhaps on another worker */
	}
}

void connection_feed(struct connection *connection, struct bytes in)
{
	struct buf *partial = connection->partial;

	if (partial == NULL) {
		feed_whole(connection, in);
		return;
	}
	if (buf_append(partial, in) != ERR_OK) {
		io_abort(connection->io);
		return;
	}
	if (partial->len >= connection->partial_wanted) {
		connection->partial = NULL;
		feed_whole(connection, buf_bytes(partial));
		partial_free(partial);
	}
}

/* --- living --- */

/* A session that stays although its verdict has no future is looked at again so often. */
#define JUDGED_AGAIN_S 60

static void on_valid_until(struct wheel_timer *timer)
{
	struct connection *connection = CONTAINER_OF(timer, struct connection, timer);

	worker_judge_soon(connection->worker, &connection->node);
}

/* Again when the verdict ends by itself; never later than in a day, since wall clocks are set. */
static void arm_valid_until(struct connection *connection, int64_t valid_until)
{
	struct worker *worker = connection->worker;
	struct clock clock = net_clock(worker->shared->net, worker->at);
	int64_t day_ms = 24 * 3600 * 1000;
	int64_t now_ms =
		judging_time_live(&worker->shared->judging, clock_mono_ms(&clock), clock_wall_ms(&clock)) *
		1000;

	wheel_cancel(worker->wheel, &connection->timer);
	if (valid_until == X509_NEVER) {
		return;
	}
	/* The last second counts (RFC 5280 4.1.2.5): who is judged in it is judged again when it is over. */
	if (valid_until < now_ms / 1000) {
		valid_until = now_ms / 1000 +
			      JUDGED_AGAIN_S; /* it stays for want of knowledge: look again, not at once */
	}
	int64_t left_ms =
		valid_until > now_ms / 1000 + 24 * 3600 ? day_ms : valid_until * 1000 - now_ms + 1000;

	connection->timer.fn = on_valid_until;
	wheel_add(worker->wheel, &connection->timer,
		clock_mono_ms(&clock) + (uint64_t)(left_ms < 1 ? 1 : left_ms));
}

/* What it was trusted by, for who asks what an anchor is still needed for. An id that we gave is nobody's to come back. */
static void remember(
	struct connection *connection, const struct admission_verdict *verdict, unsigned connected)
{
	struct known *known = connection->worker->shared->known;
	struct buf dn = BUF_INIT(4096);
	const char *subject = NULL;

	connection->trust_kind = verdict->trust_kind;
	memcpy(connection->trust_sha256, verdict->trust_sha256, SHA256_BYTES);
	if (verdict->trust_kind == TRUST_NONE || connection->chain_count == 0 ||
		connection->client_id_assigned) {
		return;
	}
	struct clock clock = net_clock(connection->worker->shared->net, connection->worker->at);
	struct known_client client = {.channel = connection->channel,
		.client = connection->identity->client_id,
		.user = connection->identity->user,
		.trust_kind = verdict->trust_kind,
		.not_after = cert_not_after(connection->chain[0]),
		.last_s = clock_wall_ms(&clock) / 1000,
		.connected = connected};

	memcpy(client.trust_sha256, verdict->trust_sha256, SHA256_BYTES);
	memcpy(client.leaf_sha256, cert_sha256(connection->chain[0]), SHA256_BYTES);
	if (!known_has(known, &client) && cert_print_dn(connection->chain[0], true, &dn) == ERR_OK &&
		buf_text(&dn, &subject) == ERR_OK) {
		client.subject = subject;
	}
	known_seen(known, &client);
	buf_release(&dn);
}

void connection_live_begin(struct connection *connection, const struct admission_verdict *verdict)
{
	struct worker *worker = connection->worker;
	char peer[AUTH_ADDRESS_TEXT_BYTES];

	pending_free(connection->pending);
	connection->pending = NULL;
	connection->state = CONNECTION_LIVE;
	connection->uses = verdict->uses;
	remember(connection, verdict, 1);
	arm_valid_until(connection, verdict->valid_until);
	connection->counted = true;
	atomic_fetch_add_explicit(&worker->live, 1, memory_order_relaxed);
	auth_address_format(&connection->peer, peer);
	LOG(worker->shared->log, LOG_INFO, "LKG0300I", "session admitted",
		LF_TEXT("client", connection->identity->client_id),
		LF_TEXT("user", connection->identity->user), LF_TEXT("channel", connection->channel),
		LF_TEXT("peer", peer), LF_INT("port", connection->peer_port), LF_TEXT("rule", verdict->rule),
		LF_TEXT("tls", tls_version_name(io_tls_version(connection->io))),
		LF_TEXT("cipher", io_tls_cipher(connection->io)),
		LF_BOOL("resumed", io_resumed(connection->io)),
		LF_TEXT("mqtt", mqtt_version_name(connection->version)));
	if (verdict->warning[0] != '\0') {
		LOG(worker->shared->log, LOG_WARN, "LKG9717W",
			"admitted although the status of its certificate is not known",
			LF_TEXT("client", connection->identity->client_id),
			LF_TEXT("channel", connection->channel), LF_TEXT("peer", peer),
			LF_INT("port", connection->peer_port), LF_TEXT("sentence", verdict->warning));
	}
	io_read_resume(connection->io);
}

/* What a live session is closed for; NULL: it stays. *note: more than the verdict says. */
bool connection_must_close(const struct connection *connection, const struct policy *policy,
	const struct admission_verdict *verdict, const char **note)
{
	bool stays = verdict->admission == ADMISSION_ADMIT ||
		     !admission_closes_live(policy, connection->channel, verdict);
	/* Where all but revocation was judged, the user is known as well. */
	bool user_known = verdict->admission == ADMISSION_ADMIT || verdict->valid_until != 0;

	*note = NULL;
	if (stays && user_known &&
		strcmp(connection_user(connection, policy, verdict), connection->identity->user) != 0) {
		*note = "today's rules map it to another user";
		return true;
	}
	return !stays;
}

/*
 * The will of who was revoked or disabled is not for publishing, unless WILLREVOKED(YES); any other goes its way and is
 * authorised again when it fires.
 */
static enum session_will will_of(const struct connection *connection, enum admission_step step)
{
	const struct world_channel *settings = connection_settings(connection);
	bool revoked =
		step == STEP_PATH || step == STEP_REVOCATION || step == STEP_LOGIN || step == STEP_ACCOUNT;

	return revoked && (settings == NULL || !settings->will_revoked) ? SESSION_WILL_DROP
									: SESSION_WILL_PUBLISH;
}

void connection_rejudge(struct connection *connection)
{
	struct worker *worker = connection->worker;
	struct admission_verdict *verdict;
	const char *note = NULL;

	if (connection->state == CONNECTION_REVOCATION) {
		connection_park_look(connection);
		return;
	}
	if (connection->state != CONNECTION_LIVE || connection->session == NULL) {
		return;
	}
	verdict = connection_judge(connection);
	if (verdict == NULL) {
		worker_judge_soon(
			worker, &connection->node); /* memory is short: this is no reason to forget it */
		return;
	}
	connection->uses = verdict->uses;
	if (connection_must_close(connection, world_policy(worker->world), verdict, &note)) {
		struct bytes client_id = bytes_text(connection->identity->client_id);

		connection_note_refusal(connection, &(struct connection_refusal){verdict, note, true});
		worker_count_closed(worker, connection->channel);
		if (hub_session_close(worker->hub, client_id, MQTT_REASON_NOT_AUTHORIZED,
			    will_of(connection, verdict->step), false) != ERR_OK) {
			io_abort(connection->io);
		}
	} else {
		if (verdict->trust_kind != TRUST_NONE &&
			memcmp(verdict->trust_sha256, connection->trust_sha256, SHA256_BYTES) != 0) {
			remember(connection, verdict, 0); /* an anchor gave way to another */
		}
		/* Also while knowledge is absent: a certificate ends in the time of a stale list, too. */
		arm_valid_until(connection, verdict->valid_until);
	}
	free(verdict);
}
