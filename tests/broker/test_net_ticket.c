/*
 * test_net_ticket.c - tickets over real sockets: given out when asked for and nowhere else, from wherever the connection lives;
 * resumed with the evidence that they stand for; refused, and then a full handshake, for every other reason.
 * Owns:    its certificates and kits.
 * Threads: main is the control loop and the client.
 */
#include <string.h>

#include "net_kit.h"
#include "tests/test.h"

struct pki {
	struct kit_cert *identity, *device;
	uint8_t device_digest[SHA256_BYTES];
};

/* One exchange over a new connection: what it was, and the session that it leaves. */
struct call {
	const struct kit_cert *cert;
	void *offer;
	int version;
	bool no_key_share;
	bool done, reused; /* seen */
	void *session;
};

static void call(struct kit *kit, struct call *call)
{
	struct kit_client client;
	char in[8] = "";
	unsigned before = atomic_load(&kit->app.secure);
	unsigned closed = atomic_load(&kit->app.closed);

	REQUIRE("connect", kit_connect(&client, listener_port(kit->listener)));
	struct kit_client_options options = {.version = call->version != 0 ? call->version : 13,
		.cert = call->cert,
		.session = call->offer,
		.no_key_share = call->no_key_share};

	call->done = kit_tls(&client, &options) && kit_send(&client, bytes_text("one")) &&
		     kit_recv_exactly(&client, in, 3);
	/* The ticket stands behind the first answer, and the second answer behind both. */
	call->done = call->done && kit_send(&client, bytes_text("two")) && kit_recv_exactly(&client, in, 3) &&
		     memcmp(in, "two", 3) == 0;
	call->reused = call->done && kit_reused(&client);
	call->session = call->done ? kit_session(&client) : NULL;
	CHECK("seen", !call->done || kit_wait(kit, &kit->app.secure, before + 1));
	kit_goodbye(&client);
	CHECK("gone", kit_wait(kit, &kit->app.closed, closed + 1));
}

static struct tls_context *scoped(const struct pki *pki, enum tls_client_auth mode)
{
	return kit_context_for(pki->identity, mode, NULL, "CHANNEL");
}

/* --- what resumes --- */

static const struct {
	const char *name;
	enum tls_client_auth mode;
	bool cert;
	enum tls_evidence first, second;
} rows[] = {
	{"NEVER", TLS_CLIENT_AUTH_NEVER, false, TLS_EVIDENCE_NOT_ASKED, TLS_EVIDENCE_NOT_ASKED},
	{"NEVER, has one", TLS_CLIENT_AUTH_NEVER, true, TLS_EVIDENCE_NOT_ASKED, TLS_EVIDENCE_NOT_ASKED},
	{"OPTIONAL, none", TLS_CLIENT_AUTH_OPTIONAL, false, TLS_EVIDENCE_NONE_SENT, TLS_EVIDENCE_NONE_SENT},
	{"OPTIONAL, one", TLS_CLIENT_AUTH_OPTIONAL, true, TLS_EVIDENCE_CHAIN, TLS_EVIDENCE_RESUMED},
	{"REQUIRED", TLS_CLIENT_AUTH_REQUIRED, true, TLS_EVIDENCE_CHAIN, TLS_EVIDENCE_RESUMED},
};

static void test_evidence(const struct pki *pki, unsigned workers, bool hop)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *row = rows[i].name;
		struct kit kit = {.app = {.echo = true, .give_tickets = true, .hop = hop}};
		struct tls_context *tls = scoped(pki, rows[i].mode);
		struct call first = {.cert = rows[i].cert ? pki->device : NULL};

		kit_open(&kit, workers, tls, NULL);
		tls_context_unref(tls);
		call(&kit, &first);
		CHECK(row, first.done && !first.reused);
		CHECK(row, atomic_load(&kit.app.last_evidence) == rows[i].first);
		/* A resumption gives a ticket as well, and it resumes again; without the certificate at hand, too. */
		void *session = first.session;

		for (int again = 0; again < 3; again++) {
			struct call next = {.offer = session, .no_key_share = again == 1};

			call(&kit, &next);
			CHECK(row, next.done && next.reused);
			CHECK(row, atomic_load(&kit.app.last_evidence) == rows[i].second);
			CHECK(row, atomic_load(&kit.app.last_chain) == 0);
			CHECK(row,
				rows[i].second != TLS_EVIDENCE_RESUMED ||
					memcmp(kit.app.leaf_digest, pki->device_digest, SHA256_BYTES) == 0);
			kit_session_free(session);
			session = next.session;
		}
		CHECK(row, atomic_load(&kit.app.resumed) == 3);
		/* The second hello asks once more about the same ticket. */
		CHECK(row, atomic_load(&kit.app.resume_asked) == 4);
		CHECK(row, !hop || atomic_load(&kit.app.moves) >= 4);
		kit_session_free(session);
		kit_close(&kit);
	}
}

/* --- what does not --- */

static void want_full(struct kit *kit, const char *row, const struct pki *pki, void *session)
{
	struct call full = {.cert = pki->device, .offer = session};
	unsigned resumed = atomic_load(&kit->app.resumed);

	call(kit, &full);
	CHECK(row, full.done && !full.reused);
	CHECK(row, atomic_load(&kit->app.resumed) == resumed);
	CHECK(row, atomic_load(&kit->app.last_evidence) == TLS_EVIDENCE_CHAIN);
	CHECK(row, atomic_load(&kit->app.last_chain) == 1);
	kit_session_free(full.session);
	struct call bare = {.offer = session};

	call(kit, &bare);
	CHECK(row, !bare.done);
}

static void serve(struct kit *kit, struct tls_context *tls)
{
	struct tls_set *set = kit_set(tls);

	listener_set_tls(kit->listener, set);
	tls_set_unref(set);
}

static void test_refusals(const struct pki *pki)
{
	struct kit kit = {.app = {.echo = true, .give_tickets = true}};
	struct kit other = {.app = {.echo = true}};
	struct tls_context *tls = scoped(pki, TLS_CLIENT_AUTH_REQUIRED);
	struct tls_context *none = kit_context(pki->identity, TLS_CLIENT_AUTH_REQUIRED, NULL);
	struct call first = {.cert = pki->device};

	kit_open(&kit, 1, tls, NULL);
	kit_open(&other, 1, tls, NULL);
	call(&kit, &first);
	kit.app.know_nobody = true;
	want_full(&kit, "the chain is not known any more", pki, first.session);
	kit.app.know_nobody = false;
	want_full(&other, "another process, or after a restart", pki, first.session);
	CHECK("nobody was asked", atomic_load(&other.app.resume_asked) == 0);
	serve(&kit, none);
	want_full(&kit, "no tickets here", pki, first.session);
	struct tls_context *renamed = kit_context_for(pki->identity, TLS_CLIENT_AUTH_REQUIRED, NULL, "OTHER");

	serve(&kit, renamed);
	want_full(&kit, "another channel", pki, first.session);
	serve(&kit, tls);
	struct call again = {.offer = first.session};

	call(&kit, &again);
	CHECK("and where it belongs it still resumes", again.done && again.reused);
	kit_session_free(again.session);
	kit_session_free(first.session);
	tls_context_unref(renamed);
	tls_context_unref(none);
	tls_context_unref(tls);
	kit_close(&kit);
	kit_close(&other);
}

static void test_none_given(const struct pki *pki)
{
	static const struct {
		const char *name;
		bool scope, give;
		int version;
	} cases[] = {{"not asked for", true, false, 13}, {"no scope", false, true, 13},
		{"TLS 1.2", true, true, 12}};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct kit kit = {.app = {.echo = true, .give_tickets = cases[i].give}};
		struct tls_context *tls = kit_context_for(
			pki->identity, TLS_CLIENT_AUTH_REQUIRED, NULL, cases[i].scope ? "CHANNEL" : NULL);
		struct call first = {.cert = pki->device, .version = cases[i].version};

		kit_open(&kit, 1, tls, NULL);
		tls_context_unref(tls);
		call(&kit, &first);
		struct call second = {
			.cert = pki->device, .version = cases[i].version, .offer = first.session};

		call(&kit, &second);
		CHECK(cases[i].name, first.done && second.done && !second.reused);
		CHECK(cases[i].name, atomic_load(&kit.app.resume_asked) == 0);
		kit_session_free(first.session);
		kit_session_free(second.session);
		kit_close(&kit);
	}
}

/* When the client last signed goes from ticket to ticket: else resuming for ever would need no key for ever. */
static void test_proof_is_carried(const struct pki *pki)
{
	struct kit kit = {.app = {.echo = true, .give_tickets = true}};
	struct tls_context *tls = scoped(pki, TLS_CLIENT_AUTH_REQUIRED);
	struct call one = {.cert = pki->device};

	kit_open(&kit, 1, tls, NULL);
	tls_context_unref(tls);
	call(&kit, &one);
	unsigned proved = atomic_load(&kit.app.last_proved_s);
	void *session = one.session;

	for (int i = 0; i < 2; i++) {
		struct call next = {.offer = session};

		kit_turns(&kit, 1050);
		call(&kit, &next);
		CHECK("resumed", next.reused);
		CHECK("as of the first handshake", atomic_load(&kit.app.last_proved_s) == proved);
		kit_session_free(session);
		session = next.session;
	}
	kit_session_free(session);
	struct call fresh = {.cert = pki->device};

	call(&kit, &fresh);
	CHECK("a signed one counts anew", atomic_load(&kit.app.last_proved_s) > proved);
	kit_session_free(fresh.session);
	kit_close(&kit);
}

static void test_short_life(const struct pki *pki)
{
	struct kit kit = {.app = {.echo = true, .give_tickets = true, .ticket_s = 1}};
	struct tls_context *tls = scoped(pki, TLS_CLIENT_AUTH_REQUIRED);
	struct call first = {.cert = pki->device};

	kit_open(&kit, 1, tls, NULL);
	tls_context_unref(tls);
	call(&kit, &first);
	/* In whole seconds of the loop's clock: over after two at the latest, and then for good. */
	kit_turns(&kit, 2100);
	want_full(&kit, "its life is over", pki, first.session);
	CHECK("nobody was asked", atomic_load(&kit.app.resume_asked) == 0);
	kit_session_free(first.session);
	kit_close(&kit);
}

int main(void)
{
	struct pki pki = {.identity = kit_cert_new(&(struct kit_cert_options){.name = "broker"}),
		.device = kit_cert_new(&(struct kit_cert_options){.name = "device"})};

	hash_of(HASH_SHA256, kit_cert_der(pki.device), pki.device_digest);
	test_evidence(&pki, 1, false);
	test_evidence(&pki, 3, true);
	test_refusals(&pki);
	test_none_given(&pki);
	test_proof_is_carried(&pki);
	test_short_life(&pki);
	kit_cert_free(pki.identity);
	kit_cert_free(pki.device);
	return test_result();
}
