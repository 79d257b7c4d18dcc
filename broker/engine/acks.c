/*
 * acks.c - what subscribers have acknowledged, collected for one turn and told to the store in one request.
 * Owns:    the request that a session is filling, until it is submitted.
 * Threads: the session's worker.
 */
#include "broker/engine/hub.h"

#include <stdlib.h>

struct acks_op {
	struct store_acknowledge acknowledge; /* first: session.acks points here */
	struct hub *hub;
	struct session_handle session;
};

static void acks_done(struct mail *mail, unsigned at)
{
	(void)at;
	struct acks_op *op = CONTAINER_OF(mail, struct acks_op, acknowledge.request.mail);
	struct hub *hub = op->hub;
	hub_request_done(hub, &op->acknowledge.request);
	const enum err status = op->acknowledge.request.status;
	struct session *session = hub_find(hub, op->session);
	bool received = false;
	for (size_t i = 0; session != NULL && i < op->acknowledge.ack_count; i++) {
		const struct store_ack *ack = &op->acknowledge.acks[i];
		if (ack->kind == STORE_ACK_RECEIVED) {
			received = true;
			if (status == ERR_OK) {
				delivery_released(session, ack->seq);
			}
		}
	}
	free(op);
	if (session == NULL || status == ERR_OK || (!received && status != ERR_STATE)) {
		return; /* a lost DONE costs a repeat after a restart, which QoS 1 allows and QoS 2 absorbs */
	}
	delivery_unreceived(session);
	if (session_connected(session)) {
		session_close(session,
			status == ERR_STATE ? MQTT_REASON_SESSION_TAKEN_OVER : MQTT_REASON_UNSPECIFIED, true,
			SESSION_WILL_PUBLISH);
	}
}

enum err acks_add(struct session *session, uint64_t seq, enum store_ack_kind kind)
{
	if (session->stored.id == 0) {
		return ERR_OK;
	}
	if (session->acks == NULL) {
		struct acks_op *op = calloc(1, sizeof(*op));
		if (op == NULL) {
			return ERR_NOMEM;
		}
		op->hub = session->hub;
		op->session = session->handle;
		session->acks = &op->acknowledge;
		list_push_back(&session->hub->acks, &session->acks_pending);
	}
	session->acks->acks[session->acks->ack_count++] = (struct store_ack){.seq = seq, .kind = kind};
	if (session->acks->ack_count == STORE_ACKS_MAX) {
		acks_submit(session);
	}
	return ERR_OK;
}

void acks_submit(struct session *session)
{
	struct store_acknowledge *acks = session->acks;
	void *ctx = NULL;
	list_remove(&session->acks_pending);
	session->acks = NULL;
	if (acks == NULL) {
		return;
	}
	acks->session = session->stored; /* with the epoch of now: a resumed session goes on where it was */
	hub_request(session->hub, &acks->request, acks_done);
	hub_store(session->hub, &ctx)->acknowledge(ctx, acks);
}
