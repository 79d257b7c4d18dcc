/*
 * test_store_memory.c - goal: the promises of store.h that every engine must keep: epochs, owners, batches that are all
 *   or nothing, dense sequence numbers, duplicates, positions, and completions that never come within the call.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/engine/message.h"
#include "broker/store/store.h"
#include "tests/test.h"

struct desk {
	struct mail *head;
	struct mail *tail;
	unsigned done;
};

static void take(void *ctx, unsigned to, struct mail *mail)
{
	struct desk *desk = ctx;
	CHECK("the worker that asked", to == 3);
	mail->next = NULL;
	if (desk->tail == NULL) {
		desk->head = mail;
	} else {
		desk->tail->next = mail;
	}
	desk->tail = mail;
}

static void nothing(struct mail *mail, unsigned at)
{
	(void)mail;
	(void)at;
}

/* Runs what has been posted; exactly one completion per call. */
static enum err finish(struct desk *desk, struct store_request *request)
{
	CHECK("one completion, posted", desk->head == &request->mail && desk->tail == &request->mail);
	desk->head = NULL;
	desk->tail = NULL;
	desk->done++;
	return request->status;
}

#define ASK(desk, store, op, what)                                                                           \
	((what)->request.mail.run = nothing, (what)->request.home = 3,                                       \
		(store)->ops->op((store)->ctx, (what)), finish((desk), &(what)->request))

static struct store_claim claim_of(const char *client, const char *owner, bool clean, bool lasting)
{
	return (struct store_claim){.client_id = bytes_text(client),
		.owner = bytes_text(owner),
		.clean = clean,
		.lasting = lasting,
		.want_state = true};
}

static struct message *message_of(const char *text)
{
	struct message *message = NULL;
	const struct message_parts parts = {.topic = bytes_text("t"), .payload = bytes_text(text), .qos = 1};
	REQUIRE("message", message_new(&parts, 0, &message) == ERR_OK);
	return message;
}

static enum err append(struct desk *desk, const struct store *store, struct store_target *targets,
	size_t count, struct store_session publisher, uint16_t inbound_id, bool *duplicate)
{
	struct message *message = message_of("x");
	struct store_append request = {.message = message,
		.targets = targets,
		.target_count = count,
		.publisher = publisher,
		.inbound_id = inbound_id};
	const enum err err = ASK(desk, store, append, &request);
	*duplicate = request.duplicate;
	message_unref(message);
	return err;
}

static void claims(struct desk *desk, const struct store *store)
{
	struct store_claim a = claim_of("a", "alice", false, true);
	CHECK("made", ASK(desk, store, claim, &a) == ERR_OK && !a.present && a.session.id != 0);
	struct store_claim again = claim_of("a", "alice", false, true);
	CHECK("resumed, a new epoch", ASK(desk, store, claim, &again) == ERR_OK && again.present &&
					      again.session.id == a.session.id &&
					      again.session.epoch > a.session.epoch);
	struct store_claim other = claim_of("a", "mallory", true, true);
	CHECK("another owner", ASK(desk, store, claim, &other) == ERR_DENIED);
	struct store_drop stale = {.session = a.session};
	CHECK("an old epoch can do nothing", ASK(desk, store, drop, &stale) == ERR_STATE);
	struct store_claim clean = claim_of("a", "alice", true, true);
	CHECK("clean: another id", ASK(desk, store, claim, &clean) == ERR_OK && !clean.present &&
					   clean.session.id != a.session.id);
	struct store_claim passing = claim_of("a", "alice", true, false);
	CHECK("clean and passing: nothing stored", ASK(desk, store, claim, &passing) == ERR_OK &&
							   passing.session.id == 0 &&
							   passing.session.epoch > 0);
	struct store_claim bob = claim_of("a", "bob", false, true);
	CHECK("then the name is free", ASK(desk, store, claim, &bob) == ERR_OK);
	struct store_drop drop = {.session = bob.session};
	CHECK("dropped",
		ASK(desk, store, drop, &drop) == ERR_OK && ASK(desk, store, drop, &drop) == ERR_STATE);
}

static void queues(struct desk *desk, const struct store *store)
{
	bool duplicate = false;
	struct store_claim a = claim_of("a", "x", true, true);
	struct store_claim b = claim_of("b", "x", true, true);
	CHECK("claims", ASK(desk, store, claim, &a) == ERR_OK && ASK(desk, store, claim, &b) == ERR_OK);
	const uint32_t ids[] = {7, 9};
	for (uint64_t i = 1; i <= 4; i++) {
		struct store_target targets[] = {{.session_id = a.session.id,
							 .qos = 2,
							 .subscription_ids = ids,
							 .subscription_id_count = 2},
			{.session_id = 9999, .qos = 1}, {.session_id = b.session.id, .qos = 1}};
		CHECK("append",
			append(desk, store, targets, 3, (struct store_session){0}, 0, &duplicate) == ERR_OK);
		CHECK("dense", targets[0].seq == (i <= 3 ? i : 0) && targets[2].seq == targets[0].seq);
		CHECK("a dead session is dropped from the batch", targets[1].seq == 0 && !targets[1].full);
		CHECK("queue_count_max", targets[0].full == (i == 4));
	}
	struct store_read *read = calloc(1, sizeof(*read));
	REQUIRE("memory", read != NULL);
	read->session = a.session;
	read->count_max = 2;
	CHECK("read", ASK(desk, store, read, read) == ERR_OK && read->entry_count == 2 && read->more);
	CHECK("what was appended", read->entries[1].seq == 2 && read->entries[1].qos == 2 &&
					   read->entries[1].subscription_id_count == 2 &&
					   read->entries[1].subscription_ids[1] == 9);
	read->after = read->entries[1].position;
	store_read_release(read);
	CHECK("behind a position", ASK(desk, store, read, read) == ERR_OK && read->entry_count == 1 &&
					   read->entries[0].seq == 3 && !read->more);
	store_read_release(read);
	struct store_acknowledge ack = {.session = a.session, .ack_count = 3};
	ack.acks[0] = (struct store_ack){.seq = 2, .kind = STORE_ACK_DONE};
	ack.acks[1] = (struct store_ack){.seq = 1, .kind = STORE_ACK_RECEIVED};
	ack.acks[2] = (struct store_ack){.seq = 2, .kind = STORE_ACK_DONE};
	CHECK("acknowledge in any order, twice", ASK(desk, store, acknowledge, &ack) == ERR_OK);
	read->after = STORE_POSITION_START;
	read->count_max = STORE_READ_MAX;
	CHECK("sparse", ASK(desk, store, read, read) == ERR_OK && read->entry_count == 2 &&
				read->entries[0].received && read->entries[1].seq == 3 &&
				!read->entries[1].received);
	store_read_release(read);
	struct store_claim later = claim_of("a", "x", false, true);
	CHECK("the queue outlives the claim",
		ASK(desk, store, claim, &later) == ERR_OK && later.next_seq == 4);
	CHECK("and the old epoch may not read it", ASK(desk, store, read, read) == ERR_STATE);
	free(read);
}

static void inbound(struct desk *desk, const struct store *store)
{
	bool duplicate = false;
	struct store_claim a = claim_of("a", "x", true, true);
	struct store_claim b = claim_of("b", "x", true, true);
	CHECK("claims", ASK(desk, store, claim, &a) == ERR_OK && ASK(desk, store, claim, &b) == ERR_OK);
	struct store_target target = {.session_id = b.session.id, .qos = 1};
	CHECK("first", append(desk, store, &target, 1, a.session, 5, &duplicate) == ERR_OK && !duplicate &&
			       target.seq == 1);
	CHECK("MQTT-4.3.3-10 the id again queues nothing",
		append(desk, store, &target, 1, a.session, 5, &duplicate) == ERR_OK && duplicate &&
			target.seq == 0);
	struct store_claim later = claim_of("a", "x", false, true);
	CHECK("ids come back with the claim", ASK(desk, store, claim, &later) == ERR_OK &&
						      later.inbound_count == 1 && later.inbound_ids[0] == 5);
	store_claim_release(&later);
	struct store_release release = {.session = later.session, .inbound_id = 5};
	CHECK("released, twice", ASK(desk, store, release, &release) == ERR_OK &&
					 ASK(desk, store, release, &release) == ERR_OK);
	CHECK("MQTT-4.3.3-12 then it is new",
		append(desk, store, &target, 1, later.session, 5, &duplicate) == ERR_OK && !duplicate);
	CHECK("a stale publisher keeps no id",
		append(desk, store, &target, 1, a.session, 6, &duplicate) == ERR_STATE);
}

/* The Nth allocation fails: ERR_NOMEM, and nothing of the batch is there. */
static void starve(struct desk *desk, const struct store *store)
{
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		bool duplicate = false;
		struct store_claim a = claim_of("n", "x", true, true);
		struct store_claim b = claim_of("m", "x", true, true);
		CHECK("claims",
			ASK(desk, store, claim, &a) == ERR_OK && ASK(desk, store, claim, &b) == ERR_OK);
		struct store_target targets[] = {
			{.session_id = a.session.id, .qos = 1}, {.session_id = b.session.id, .qos = 1}};
		struct message *message = message_of("x");
		struct store_append request = {.message = message,
			.targets = targets,
			.target_count = 2,
			.publisher = a.session,
			.inbound_id = 8};
		test_alloc_fail_at(n);
		const enum err err = ASK(desk, store, append, &request);
		failed = test_alloc_failed();
		test_alloc_fail_at(0);
		message_unref(message);
		CHECK("ERR_NOMEM exactly when it failed", failed == (err == ERR_NOMEM));
		CHECK("all or nothing", (targets[0].seq == 1) == !failed && (targets[1].seq == 1) == !failed);
		CHECK("the id too", append(desk, store, targets, 2, a.session, 8, &duplicate) == ERR_OK &&
					    duplicate == !failed);
	}
}

int main(void)
{
	struct desk desk = {0};
	struct store store = {0};
	const struct store_memory_options options = {
		.post = {.post_reserved = take, .ctx = &desk}, .queue_count_max = 3};
	REQUIRE("store", store_memory_new(&options, &store) == ERR_OK);
	claims(&desk, &store);
	queues(&desk, &store);
	inbound(&desk, &store);
	starve(&desk, &store);
	store_close(&store);
	return test_result();
}
