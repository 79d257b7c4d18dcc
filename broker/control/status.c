/*
 * status.c - DISPLAY CHSTATUS: asks every worker, then answers.
 * Owns:    the rows on their way.
 * Never:   holds a worker up: each copies its rows and goes on.
 * Threads: the control loop; the letters run on workers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/connection.h"
#include "broker/control/control.h"
#include "broker/control/identities.h"

struct row {
	bool connected;
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	char client_id[256], user[AUTH_USER_BYTES_MAX + 1], client_user[AUTH_USER_BYTES_MAX + 1];
	char peer[NET_ADDRESS_TEXT_BYTES];
	char subject[512], issuer[512], cipher[48], tls[12], protocol[8];
	uint32_t keep_alive_s, in_doubt_in, in_doubt_out, pending;
	uint64_t messages_in, messages_out;
	int64_t last_message_ms, connected_ms;
};

struct question {
	struct control *control;
	struct mqsc_pending *pending;
	char channel[64];
	char client_id[256];
	unsigned due;
	bool truncated;
	struct letter {
		struct mail mail;
		struct question *question;
		struct row *rows;
		size_t count, cap;
		bool truncated;
	} letters[NET_WORKERS_MAX];
};

static struct row *row_add(struct letter *letter)
{
	if (letter->count == BROKER_STATUS_ROWS_MAX) {
		letter->truncated = true;
		return NULL;
	}
	if (letter->count == letter->cap) {
		size_t cap = letter->cap == 0 ? 16 : letter->cap * 2;
		struct row *rows = realloc(letter->rows, cap * sizeof(*rows));

		if (rows == NULL) {
			letter->truncated = true;
			return NULL;
		}
		letter->rows = rows;
		letter->cap = cap;
	}
	struct row *row = &letter->rows[letter->count++];

	memset(row, 0, sizeof(*row));
	return row;
}

static void copy(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

static void row_from_status(struct row *row, const struct session_status *status)
{
	row->connected = status->connected;
	copy(row->channel, sizeof(row->channel), status->connected ? status->identity->channel : "");
	copy(row->client_id, sizeof(row->client_id), status->identity->client_id);
	copy(row->user, sizeof(row->user), status->identity->user);
	copy(row->client_user, sizeof(row->client_user), status->identity->user_name);
	copy(row->peer, sizeof(row->peer), status->identity->peer);
	copy(row->protocol, sizeof(row->protocol), mqtt_version_name(status->version));
	row->keep_alive_s = status->keep_alive_s;
	row->in_doubt_in = status->in_doubt_in;
	row->in_doubt_out = status->in_doubt_out;
	row->pending = status->pending;
	row->messages_in = status->messages_in;
	row->messages_out = status->messages_out;
	row->last_message_ms = status->last_message_ms;
	row->connected_ms = status->connected_ms;
}

static void print_dn(const struct cert *cert, bool subject, char *out, size_t size)
{
	struct buf dn = BUF_INIT(4096);
	const char *text = "";

	if (cert_print_dn(cert, subject, &dn) == ERR_OK && buf_text(&dn, &text) == ERR_OK) {
		copy(out, size, text);
	}
	buf_release(&dn);
}

static void add_connections(struct letter *letter, struct worker *worker, struct list *connections)
{
	const struct question *question = letter->question;

	LIST_FOR_EACH(node, connections)
	{
		const struct connection *connection = CONTAINER_OF(node, struct connection, node);
		struct session_status status;

		if (connection->session == NULL || connection->identity == NULL ||
			!mqsc_generic_match(question->channel, connection->channel) ||
			!mqsc_generic_match(question->client_id, connection->identity->client_id) ||
			!hub_session_status(
				worker->hub, bytes_text(connection->identity->client_id), &status)) {
			continue;
		}
		struct row *row = row_add(letter);

		if (row == NULL) {
			return;
		}
		row_from_status(row, &status);
		if (connection->chain_count > 0) {
			print_dn(connection->chain[0], true, row->subject, sizeof(row->subject));
			print_dn(connection->chain[0], false, row->issuer, sizeof(row->issuer));
		}
		copy(row->cipher, sizeof(row->cipher), io_tls_cipher(connection->io));
		copy(row->tls, sizeof(row->tls), tls_version_name(io_tls_version(connection->io)));
	}
}

/* Disconnected sessions belong to no channel: they show under the generic name '*' only. */
static bool add_detached(void *ctx, const struct session_status *status)
{
	struct letter *letter = ctx;

	if (status->connected ||
		!mqsc_generic_match(letter->question->client_id, status->identity->client_id)) {
		return true;
	}
	struct row *row = row_add(letter);

	if (row != NULL) {
		row_from_status(row, status);
	}
	return row != NULL;
}

static void on_answers(struct mail *mail, unsigned at);

static void on_question(struct mail *mail, unsigned at)
{
	struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
	struct shared *shared = letter->question->control->shared;
	struct worker *worker = &shared->workers[at];

	add_connections(letter, worker, &worker->connections);
	add_connections(letter, worker, &worker->unjudged);
	if (strcmp(letter->question->channel, "*") == 0) {
		hub_sessions_each(worker->hub, add_detached, letter);
	}
	letter->mail.run = on_answers;
	net_post_reserved(shared->net, net_control_at(shared->net), &letter->mail);
}

static void put_client(struct mqsc_pending *pending, const struct row *from)
{
	struct mqsc_row *row = mqsc_pending_row(pending, "CHANNEL", from->channel);

	mqsc_row_text(row, "CHLTYPE", "MQTT");
	mqsc_row_text(row, "CLIENTID", from->client_id);
	mqsc_row_text(row, "STATUS", from->connected ? "RUNNING" : "DISCONNECTED");
	mqsc_row_text(row, "CLNTUSER", from->client_user);
	mqsc_row_text(row, "MCAUSER", from->user);
	mqsc_row_text(row, "CONNAME", from->peer);
	mqsc_row_text(row, "PROTOCOL", from->protocol);
	mqsc_row_number(row, "KAINT", (int64_t)from->keep_alive_s * 1000);
	mqsc_row_number(row, "MSGRCVD", (int64_t)from->messages_in);
	mqsc_row_number(row, "MSGSNT", (int64_t)from->messages_out);
	mqsc_row_number(row, "INDOUBTIN", from->in_doubt_in);
	mqsc_row_number(row, "INDOUBTOUT", from->in_doubt_out);
	mqsc_row_number(row, "PENDING", from->pending);
	mqsc_row_time(row, "LMSGDATE", "LMSGTIME", from->last_message_ms);
	mqsc_row_time(row, "CHLSDATE", "CHLSTIME", from->connected_ms);
	mqsc_row_text(row, "SSLPEER", from->subject);
	mqsc_row_text(row, "SSLCERTI", from->issuer);
	mqsc_row_text(row, "SSLCIPH", from->cipher);
	mqsc_row_text(row, "SECPROT", from->tls);
}

static void on_answers(struct mail *mail, unsigned at)
{
	struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
	struct question *question = letter->question;
	struct control *control = question->control;
	unsigned workers = net_worker_count(control->shared->net);
	bool truncated = false;

	(void)at;
	question->due--;
	if (question->due > 0) {
		return;
	}
	for (unsigned i = 0; i < workers; i++) {
		for (size_t j = 0; j < question->letters[i].count; j++) {
			put_client(question->pending, &question->letters[i].rows[j]);
		}
		truncated = truncated || question->letters[i].truncated;
		free(question->letters[i].rows);
	}
	mqsc_pending_done(question->pending, ERR_OK,
		truncated ? "AMQ8492W: The reply was truncated; narrow CLIENTID." : NULL);
	free(question);
}

static const char *keystore_word(enum keystore_fate fate)
{
	switch (fate) {
	case KEYSTORE_GOOD: return "GOOD";
	case KEYSTORE_BAD: return "BAD";
	case KEYSTORE_HELD: return "HELD";
	}
	return "?";
}

static void summary(struct control *control, const char *pattern, struct mqsc_pending *pending)
{
	for (size_t i = 0; i < catalog_count(control->catalog, OBJECT_CHANNEL); i++) {
		const char *name = object_name(catalog_at(control->catalog, OBJECT_CHANNEL, i));
		const struct channel *channel = control_channel(control, name);

		if (channel == NULL || !mqsc_generic_match(pattern, name)) {
			continue;
		}
		struct mqsc_row *row = mqsc_pending_row(pending, "CHANNEL", name);

		mqsc_row_text(row, "CHLTYPE", "MQTT");
		mqsc_row_text(row, "STATUS", channel->listener != NULL ? "RUNNING" : "STARTING");
		mqsc_row_number(row, "CONNECTIONS",
			channel->listener == NULL ? 0 : listener_connections(channel->listener));
		mqsc_row_number(row, "PORT", channel->port);
		if (channel->material.tls != NULL) {
			mqsc_row_text(row, "KEYSTORE", keystore_word(channel->keystore.fate));
		}
		mqsc_row_time(row, "CHLSDATE", "CHLSTIME", channel->started_ms);
		if (channel->material.tls != NULL) {
			identities_row(channel->material.tls, clock_wall_ms(&control->clock) / 1000, row);
		}
	}
	mqsc_pending_done(pending, ERR_OK, NULL);
}

void control_status(struct control *control, const struct mqsc_request *request, struct mqsc_pending *pending)
{
	unsigned workers = net_worker_count(control->shared->net);

	if (request->client_id == NULL) {
		summary(control, request->channel, pending);
		return;
	}
	struct question *question = calloc(1, sizeof(*question));

	if (question == NULL) {
		mqsc_pending_done(pending, ERR_NOMEM, NULL);
		return;
	}
	question->control = control;
	question->pending = pending;
	copy(question->channel, sizeof(question->channel), request->channel);
	copy(question->client_id, sizeof(question->client_id), request->client_id);
	question->due = workers;
	for (unsigned i = 0; i < workers; i++) {
		question->letters[i].question = question;
		question->letters[i].mail.run = on_question;
		net_post_reserved(control->shared->net, i, &question->letters[i].mail);
	}
}
