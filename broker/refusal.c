/*
 * refusal.c - keeps what a refusal was decided on, so that it can be judged again and explained.
 * Owns:    the ring of kept refusals.
 * Never:   holds a password or a key.
 * Threads: any; see refusal.h.
 */
#include "broker/refusal.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/map.h"
#include "base/utf8.h"
#include "broker/refusal_bound.h"

/* Shares of the ring of admissions: of one client; of one kind, by strangers and by others; of all strangers. */
#define REFUSAL_SHARE_CLIENT        16u /* a sixteenth */
#define REFUSAL_SHARE_STRANGER_KIND 4u
#define REFUSAL_SHARE_KIND          2u
#define REFUSAL_SHARE_STRANGERS     2u
/* Answers of OCSP responders that are kept with one refusal. */
#define REFUSAL_ANSWERS_MAX 8u

struct refusal {
	char id[REFUSAL_ID_BYTES];
	int64_t wall_ms;
	/* Of an admission: whose place it has, and since when. */
	struct refusal_who who;
	struct refusal_kind kind;
	uint64_t order;
	char channel[AUTH_CHANNEL_NAME_BYTES_MAX + 1];
	struct auth_address peer;
	enum certificate_evidence certificate;
	struct cert *chain[X509_CHAIN_CERTS_MAX];
	size_t chain_count;
	struct ocsp_response *ocsp[REFUSAL_ANSWERS_MAX];
	size_t ocsp_count;
	bool connect_seen, password_sent, live;
	bool login_user_verified, login_client_id_bound, login_account_known, login_password_judged;
	uint64_t login_config;
	enum login_outcome login;
	char *client_id, *user_name, *login_user, *login_client_id, *login_name, *session_owner;
	enum admission_step step;
	char sentence[X509_SENTENCE_BYTES], note[X509_SENTENCE_BYTES];
	/* Of a refused right only; right 0: an admission. */
	enum auth_right right;
	bool client_id_bound;
	char *topic, *user, *common_name, *peer_text;
};

/* A part of the ring: what is newest takes the place of what is oldest there; of admissions see choose_place(). */
struct shelf {
	size_t first, count, next;
};

struct refusals {
	pthread_mutex_t lock;
	struct log *log;
	struct clock clock;
	uint8_t key[16];
	uint64_t counter;
	size_t kept;
	struct shelf admissions, rights;
	struct refusal_bound *bound;
	bool window_open;
	uint64_t window_began_ms;
	struct refusal *ring;
};

enum err refusals_new(
	size_t kept, size_t rights_kept, struct log *log, struct clock clock, struct refusals **out)
{
	struct refusals *refusals = calloc(1, sizeof(*refusals));

	if (refusals == NULL) {
		return ERR_NOMEM;
	}
	refusals->kept = kept + rights_kept;
	refusals->admissions = (struct shelf){0, kept, 0};
	refusals->rights = (struct shelf){kept, rights_kept, 0};
	refusals->ring = calloc(refusals->kept, sizeof(*refusals->ring));
	if (refusals->ring == NULL || refusal_bound_new(&refusals->bound) != ERR_OK ||
		crypto_random(refusals->key, sizeof(refusals->key)) != ERR_OK ||
		pthread_mutex_init(&refusals->lock, NULL) != 0) {
		refusal_bound_free(refusals->bound);
		free(refusals->ring);
		free(refusals);
		return ERR_NOMEM;
	}
	refusals->log = log;
	refusals->clock = clock;
	*out = refusals;
	return ERR_OK;
}

static void refusal_clear(struct refusal *refusal)
{
	for (size_t i = 0; i < refusal->chain_count; i++) {
		cert_unref(refusal->chain[i]);
	}
	for (size_t i = 0; i < refusal->ocsp_count; i++) {
		ocsp_response_unref(refusal->ocsp[i]);
	}
	free(refusal->client_id);
	free(refusal->user_name);
	free(refusal->login_user);
	free(refusal->login_client_id);
	free(refusal->login_name);
	free(refusal->session_owner);
	free(refusal->topic);
	free(refusal->user);
	free(refusal->common_name);
	free(refusal->peer_text);
	*refusal = (struct refusal){0};
}

/* --- who has a line --- */

/* Ends the window. A line for each kind of which some had none. */
static void sum_up(struct refusals *refusals)
{
	struct refusal_sum sums[REFUSAL_SUMS_MAX];
	uint64_t now = clock_mono_ms(&refusals->clock);

	(void)pthread_mutex_lock(&refusals->lock);
	size_t count = refusals->window_open ? refusal_bound_end(refusals->bound, sums) : 0;
	uint64_t lasted_ms = now - refusals->window_began_ms;

	refusals->window_open = false;
	(void)pthread_mutex_unlock(&refusals->lock);
	for (size_t i = 0; i < count; i++) {
		enum x509_reason reason = sums[i].kind.reason;

		LOG(refusals->log, LOG_WARN, "LKG9789W",
			"more connections were refused than are logged one by one",
			LF_INT("suppressed", sums[i].suppressed), LF_INT("seconds", (lasted_ms + 500) / 1000),
			LF_TEXT("step", refusal_step_name(sums[i].kind.step)),
			LF_TEXT("certificate", reason == X509_OK ? "" : x509_reason_name(reason)));
	}
}

void refusals_tick(struct refusals *refusals)
{
	(void)pthread_mutex_lock(&refusals->lock);
	bool over = refusals->window_open &&
		    clock_mono_ms(&refusals->clock) - refusals->window_began_ms >= REFUSAL_WINDOW_MS;

	(void)pthread_mutex_unlock(&refusals->lock);
	if (over) {
		sum_up(refusals);
	}
}

/* Under the lock. */
static bool may_tell(
	struct refusals *refusals, const struct refusal_who *who, const struct refusal_kind *kind)
{
	if (!refusals->window_open) {
		refusals->window_open = true;
		refusals->window_began_ms = clock_mono_ms(&refusals->clock);
	}
	return refusal_bound_take(refusals->bound, who, kind);
}

/* IPv6 by its network: one host has as many addresses there as it likes. */
static struct refusal_who stranger_of(const struct refusals *refusals, const struct auth_address *peer)
{
	uint8_t octets[1 + 8] = {peer->family};

	memcpy(octets + 1, peer->octets, peer->family == 6 ? 8 : 4);
	return (struct refusal_who){siphash(refusals->key, bytes_of(octets, sizeof(octets))), false};
}

/*
 * Who was refused behind the path holds the key of a certificate that was issued for somebody (a chain is there only after
 * Finished); so does who was let in once, or he is who his client id says.
 */
static struct refusal_who who_of(const struct refusals *refusals, const struct refusal_facts *facts)
{
	const struct evidence *evidence = facts->evidence;
	struct refusal_who who = stranger_of(refusals, &evidence->peer);

	if (evidence->chain_count > 0 && (facts->live || facts->verdict->step > STEP_PATH)) {
		who.known = true;
		who.hash = siphash(refusals->key, bytes_of(cert_sha256(evidence->chain[0]), SHA256_BYTES));
	} else if (facts->live) {
		who.known = true;
		who.hash = siphash(
			refusals->key, bytes_text(evidence->client_id == NULL ? "" : evidence->client_id));
	}
	return who;
}

bool refusals_may_tell(struct refusals *refusals, const struct auth_address *peer, enum refusal_unjudged what)
{
	const struct refusal_kind kind = {
		what == REFUSAL_HANDSHAKE ? REFUSAL_STEP_HANDSHAKE : REFUSAL_STEP_CONNECT, X509_OK};
	struct refusal_who who = stranger_of(refusals, peer);

	(void)pthread_mutex_lock(&refusals->lock);
	bool may = may_tell(refusals, &who, &kind);

	(void)pthread_mutex_unlock(&refusals->lock);
	return may;
}

void refusals_free(struct refusals *refusals)
{
	if (refusals == NULL) {
		return;
	}
	sum_up(refusals);
	for (size_t i = 0; i < refusals->kept; i++) {
		refusal_clear(&refusals->ring[i]);
	}
	refusal_bound_free(refusals->bound);
	free(refusals->ring);
	(void)pthread_mutex_destroy(&refusals->lock);
	free(refusals);
}

/* An optional text; *failed is set when memory runs out, and then the whole refusal is not kept. */
static char *copy_text(const char *text, bool *failed)
{
	char *copy = text == NULL ? NULL : strdup(text);

	*failed = *failed || (text != NULL && copy == NULL);
	return copy;
}

static void refusal_fill(struct refusal *refusal, const struct refusal_facts *facts)
{
	const struct evidence *evidence = facts->evidence;
	bool failed = false;

	(void)snprintf(refusal->channel, sizeof(refusal->channel), "%s", evidence->channel);
	refusal->peer = evidence->peer;
	refusal->certificate = evidence->certificate;
	for (size_t i = 0; i < evidence->chain_count && i < X509_CHAIN_CERTS_MAX; i++) {
		refusal->chain[i] = cert_ref(evidence->chain[i]);
		refusal->chain_count++;
	}
	for (size_t i = 0; i < evidence->ocsp_count && i < REFUSAL_ANSWERS_MAX; i++) {
		refusal->ocsp[refusal->ocsp_count++] = ocsp_response_ref(evidence->ocsp[i]);
	}
	refusal->connect_seen = evidence->connect_seen;
	refusal->password_sent = evidence->password_sent;
	refusal->live = facts->live;
	refusal->login = evidence->login;
	refusal->login_user_verified = evidence->login_user_verified;
	refusal->login_client_id_bound = evidence->login_client_id_bound;
	refusal->login_account_known = evidence->login_account_known;
	refusal->login_password_judged = evidence->login_password_judged;
	refusal->login_config = evidence->login_config;
	refusal->client_id = copy_text(evidence->client_id, &failed);
	refusal->user_name = copy_text(evidence->user_name, &failed);
	refusal->login_user = copy_text(evidence->login_user, &failed);
	refusal->login_client_id = copy_text(evidence->login_client_id, &failed);
	refusal->login_name = copy_text(evidence->login_name, &failed);
	refusal->session_owner = copy_text(evidence->session_owner, &failed);
	refusal->step = facts->verdict->step;
	memcpy(refusal->sentence, facts->verdict->sentence, sizeof(refusal->sentence));
	(void)snprintf(refusal->note, sizeof(refusal->note), "%s", facts->note == NULL ? "" : facts->note);
	if (failed) {
		refusal_clear(refusal);
	}
}

static void log_refusal(struct log *log, const struct refusal_facts *facts, const char *id)
{
	const struct evidence *evidence = facts->evidence;
	const struct admission_verdict *verdict = facts->verdict;
	char peer[AUTH_ADDRESS_TEXT_BYTES];
	struct buf subject = BUF_INIT(4096);
	const char *dn = "";

	auth_address_format(&evidence->peer, peer);
	if (evidence->chain_count > 0 && (cert_print_dn(evidence->chain[0], true, &subject) != ERR_OK ||
						 buf_text(&subject, &dn) != ERR_OK)) {
		dn = "";
	}
	bool nameless = verdict->message_id == NULL || verdict->message_id[0] == '\0';

	LOG(log, LOG_WARN, nameless ? "LKG9777E" : verdict->message_id,
		facts->live ? "session closed" : "connection refused", LF_TEXT("refusal", id),
		LF_TEXT("channel", evidence->channel), LF_TEXT("peer", peer),
		LF_INT("port", facts->peer_port), LF_TEXT("step", admission_step_name(verdict->step)),
		LF_TEXT("certificate", verdict->certificate_reason == X509_OK
					       ? ""
					       : x509_reason_name(verdict->certificate_reason)),
		LF_INT("mqtt_reason", verdict->reason_code), LF_TEXT("rule", verdict->rule),
		LF_TEXT("sentence", verdict->sentence),
		LF_TEXT("client", evidence->client_id == NULL ? "" : evidence->client_id),
		LF_TEXT("user", evidence->user_name == NULL ? "" : evidence->user_name),
		LF_TEXT("subject", dn), LF_TEXT("tls", facts->tls_version == NULL ? "" : facts->tls_version),
		LF_TEXT("note", facts->note == NULL ? "" : facts->note));
	buf_release(&subject);
}

/* A group of kept refusals that has a share of the ring. */
struct share {
	size_t count;
	struct refusal *oldest;
};

static void share_count(struct share *share, struct refusal *refusal)
{
	if (share->count++ == 0 || refusal->order < share->oldest->order) {
		share->oldest = refusal;
	}
}

/*
 * Of admissions: the oldest of the narrowest group that has its share already, else an empty place, else the oldest of all. So
 * neither one client, nor one kind of refusal, nor all strangers push out what is not theirs.
 */
static struct refusal *choose_place(
	const struct refusals *refusals, const struct refusal_who *who, const struct refusal_kind *kind)
{
	struct share all = {0}, own = {0}, alike = {0}, strangers = {0};
	struct refusal *empty = NULL;
	const struct shelf *shelf = &refusals->admissions;
	unsigned kind_share = who->known ? REFUSAL_SHARE_KIND : REFUSAL_SHARE_STRANGER_KIND;

	for (size_t i = 0; i < shelf->count; i++) {
		struct refusal *refusal = &refusals->ring[shelf->first + i];
		bool like = refusal->who.known == who->known;

		if (refusal->id[0] == '\0') {
			empty = refusal;
			continue;
		}
		share_count(&all, refusal);
		if (like && refusal->who.hash == who->hash) {
			share_count(&own, refusal);
		}
		if (like && refusal->kind.step == kind->step && refusal->kind.reason == kind->reason) {
			share_count(&alike, refusal);
		}
		if (!refusal->who.known) {
			share_count(&strangers, refusal);
		}
	}
	if (own.count > 0 && own.count * REFUSAL_SHARE_CLIENT >= shelf->count) {
		return own.oldest;
	}
	if (alike.count > 0 && alike.count * kind_share >= shelf->count) {
		return alike.oldest;
	}
	if (!who->known && strangers.count > 0 && strangers.count * REFUSAL_SHARE_STRANGERS >= shelf->count) {
		return strangers.oldest;
	}
	struct refusal *place = empty != NULL ? empty : all.oldest;

	assert(place != NULL); /* the shelf has places */
	return place;
}

/* Under the lock: a place, emptied, and a new id. */
static struct refusal *take_place(
	struct refusals *refusals, struct refusal *refusal, char id[REFUSAL_ID_BYTES])
{
	uint64_t counter = ++refusals->counter;

	/* Not a counter that anybody could follow: how many are refused is nobody's business outside. */
	uint64_t hash = siphash(refusals->key, bytes_of(&counter, sizeof(counter)));

	(void)snprintf(id, REFUSAL_ID_BYTES, "%08X", (unsigned)(hash & 0xffffffffu));
	refusal_clear(refusal);
	return refusal;
}

static void sign(struct refusals *refusals, struct refusal *refusal, const char id[REFUSAL_ID_BYTES])
{
	memcpy(refusal->id, id, REFUSAL_ID_BYTES);
	refusal->wall_ms = clock_wall_ms(&refusals->clock);
}

void refusals_add(struct refusals *refusals, const struct refusal_facts *facts, char id[REFUSAL_ID_BYTES])
{
	const struct refusal_kind kind = {facts->verdict->step, facts->verdict->certificate_reason};
	struct refusal_who who = who_of(refusals, facts);

	(void)pthread_mutex_lock(&refusals->lock);
	if (!facts->live && !may_tell(refusals, &who, &kind)) {
		(void)pthread_mutex_unlock(&refusals->lock);
		id[0] = '\0';
		return;
	}
	struct refusal *refusal = take_place(refusals, choose_place(refusals, &who, &kind), id);

	refusal_fill(refusal, facts);
	sign(refusals, refusal, id);
	refusal->who = who;
	refusal->kind = kind;
	refusal->order = refusals->counter;
	(void)pthread_mutex_unlock(&refusals->lock);
	log_refusal(refusals->log, facts, id);
}

/* --- rights --- */

static const char *right_word(enum auth_right right)
{
	return right == RIGHT_PUB ? "PUB" : "SUB";
}

/* Asks as the engine's hooks do. */
static void ask_right(
	const struct policy *policy, const struct refusal_right *right, struct authority_answer *answer)
{
	struct authority_subject subject = {
		.user = right->user,
		.client_id = right->client_id_bound ? right->client_id : NULL,
		.common_name = right->common_name,
	};

	*answer = (struct authority_answer){.granted = false};
	if (policy_channel(policy, right->channel) == NULL) {
		(void)snprintf(answer->reason, sizeof(answer->reason), "the channel is not started");
	} else if (policy_gate_open(policy, right->channel, GATE_AUTHORITY)) {
		answer->granted = true;
		(void)snprintf(answer->reason, sizeof(answer->reason), "the gate was opened by INSECGATE");
	} else if (right->right == RIGHT_PUB) {
		answer->granted =
			authority_may_publish(policy_authority(policy), &subject, right->topic, answer);
	} else {
		answer->granted =
			authority_may_subscribe(policy_authority(policy), &subject, right->topic, answer);
	}
}

static void right_fill(struct refusal *refusal, const struct refusal_right *right, const char *reason)
{
	bool failed = bytes_dup_text(right->topic, &refusal->topic) != ERR_OK;

	(void)snprintf(refusal->channel, sizeof(refusal->channel), "%s", right->channel);
	(void)snprintf(refusal->sentence, sizeof(refusal->sentence), "%s", reason);
	refusal->right = right->right;
	refusal->client_id_bound = right->client_id_bound;
	refusal->client_id = copy_text(right->client_id, &failed);
	refusal->user = copy_text(right->user, &failed);
	refusal->common_name = copy_text(right->common_name, &failed);
	refusal->peer_text = copy_text(right->peer, &failed);
	if (failed) {
		refusal_clear(refusal);
	}
}

void refusals_add_right(
	struct refusals *refusals, const struct refusal_right *right, char id[REFUSAL_ID_BYTES])
{
	struct authority_answer answer;

	ask_right(right->policy, right, &answer);
	(void)pthread_mutex_lock(&refusals->lock);
	struct shelf *shelf = &refusals->rights;
	struct refusal *refusal = take_place(refusals, &refusals->ring[shelf->first + shelf->next], id);

	shelf->next = (shelf->next + 1) % shelf->count;
	right_fill(refusal, right, answer.reason);
	sign(refusals, refusal, id);
	(void)pthread_mutex_unlock(&refusals->lock);
	LOG(refusals->log, LOG_WARN, "LKG8077W",
		right->right == RIGHT_PUB ? "publish refused" : "subscribe refused", LF_TEXT("refusal", id),
		LF_TEXT("channel", right->channel), LF_TEXT("client", right->client_id),
		LF_TEXT("user", right->user), LF_TEXT("peer", right->peer == NULL ? "" : right->peer),
		LF_TEXT("step", "authority"), LF_BYTES("topic", right->topic),
		LF_TEXT("right", right_word(right->right)), LF_TEXT("sentence", answer.reason));
}

/* --- explain --- */

static const char *const outcome_words[] = {
	[TRACE_PASSED] = "passed",
	[TRACE_REFUSED] = "REFUSED",
	[TRACE_SKIPPED] = "skipped",
	[TRACE_WAITING] = "waiting",
	[TRACE_WARNED] = "warned",
};

static const char *admission_word(enum admission admission)
{
	switch (admission) {
	case ADMISSION_ADMIT: return "ADMIT";
	case ADMISSION_NEED: return "NEED";
	case ADMISSION_REFUSE: break;
	}
	return "REFUSE";
}

static const char *certificate_word(enum certificate_evidence certificate)
{
	switch (certificate) {
	case CERTIFICATE_PENDING: return "pending";
	case CERTIFICATE_NOT_ASKED: return "not asked for";
	case CERTIFICATE_NONE_SENT: return "none sent";
	case CERTIFICATE_CHAIN: return "presented";
	case CERTIFICATE_RESUMED: return "resumed";
	}
	return "";
}

/* Escaped text for the human form; "-" for nothing. */
static enum err put_line(struct buf *out, const char *label, const char *value)
{
	enum err err = buf_printf(out, "  %-12s ", label);

	if (err == ERR_OK) {
		err = utf8_escape(out, bytes_text(value == NULL || value[0] == '\0' ? "-" : value));
	}
	return err == ERR_OK ? buf_append_text(out, "\n") : err;
}

/* Of a verdict that is not reached yet. */
static const char *need_sentence(const struct admission_verdict *verdict)
{
	if (verdict->admission != ADMISSION_NEED || verdict->sentence[0] != '\0') {
		return verdict->sentence;
	}
	switch (verdict->need) {
	case NEED_REVOCATION:
		return "nothing speaks against it so far; its revocation status would have to be fetched";
	case NEED_CERTIFICATE: return "nothing speaks against it so far; its certificate was not seen yet";
	case NEED_LOGIN: return "nothing speaks against it so far; its login comes next";
	case NEED_CONNECT:
	case NEED_NONE: break;
	}
	return "nothing speaks against it so far; it was refused before it sent its CONNECT";
}

static enum err explain_text(const struct refusal *refusal, const struct admission_verdict *verdict,
	const char *subject, struct buf *out)
{
	char when[CLOCK_TEXT_BYTES];
	char peer[AUTH_ADDRESS_TEXT_BYTES];
	enum err err = ERR_OK;

	clock_format(refusal->wall_ms, when);
	auth_address_format(&refusal->peer, peer);
	if (buf_printf(out, "Refusal %s, %s, %s\n", refusal->id, when,
		    refusal->live ? "a live session was closed" : "a connection was refused") != ERR_OK ||
		put_line(out, "channel", refusal->channel) != ERR_OK ||
		put_line(out, "peer", peer) != ERR_OK ||
		put_line(out, "certificate", certificate_word(refusal->certificate)) != ERR_OK ||
		put_line(out, "subject", subject) != ERR_OK ||
		put_line(out, "client id", refusal->client_id) != ERR_OK ||
		put_line(out, "user name", refusal->user_name) != ERR_OK ||
		put_line(out, "password", refusal->password_sent ? "sent" : "not sent") != ERR_OK ||
		put_line(out, "then", refusal->sentence) != ERR_OK ||
		(refusal->note[0] != '\0' && put_line(out, "because", refusal->note) != ERR_OK) ||
		buf_append_text(out,
			"Judged again under today's policy, by the same function as a login:\n") != ERR_OK) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; err == ERR_OK && i < verdict->trace_count; i++) {
		const struct admission_trace *step = &verdict->trace[i];

		err = buf_printf(out, "  %-18s %s%*s%s\n", admission_step_name(step->step),
			outcome_words[step->outcome],
			step->detail[0] == '\0' ? 0 : 9 - (int)strlen(outcome_words[step->outcome]), "",
			step->detail);
	}
	if (err == ERR_OK) {
		err = buf_printf(out, "Verdict today: %s%s%s\n", admission_word(verdict->admission),
			need_sentence(verdict)[0] == '\0' ? "" : ": ", need_sentence(verdict));
	}
	return err;
}

static enum err explain_json(const struct refusal *refusal, const struct admission_verdict *verdict,
	const char *subject, struct buf *out)
{
	struct json_writer json = json_writer_init(out);
	char when[CLOCK_TEXT_BYTES];
	char peer[AUTH_ADDRESS_TEXT_BYTES];

	clock_format(refusal->wall_ms, when);
	auth_address_format(&refusal->peer, peer);
	json_object_begin(&json);
	json_key(&json, "refusal");
	json_text(&json, refusal->id);
	json_key(&json, "time");
	json_text(&json, when);
	json_key(&json, "live");
	json_bool(&json, refusal->live);
	json_key(&json, "channel");
	json_text(&json, refusal->channel);
	json_key(&json, "peer");
	json_text(&json, peer);
	json_key(&json, "certificate");
	json_text(&json, certificate_word(refusal->certificate));
	json_key(&json, "subject");
	json_escaped(&json, bytes_text(subject));
	json_key(&json, "client");
	json_text(&json, refusal->client_id);
	json_key(&json, "user");
	json_text(&json, refusal->user_name);
	json_key(&json, "then_step");
	json_text(&json, admission_step_name(refusal->step));
	json_key(&json, "then");
	json_text(&json, refusal->sentence);
	json_key(&json, "note");
	json_text(&json, refusal->note);
	json_key(&json, "verdict");
	json_text(&json, admission_word(verdict->admission));
	json_key(&json, "step");
	json_text(&json, admission_step_name(verdict->step));
	json_key(&json, "rule");
	json_text(&json, verdict->rule);
	json_key(&json, "sentence");
	json_text(&json, verdict->sentence);
	json_key(&json, "trace");
	json_array_begin(&json);
	for (size_t i = 0; i < verdict->trace_count; i++) {
		json_object_begin(&json);
		json_key(&json, "step");
		json_text(&json, admission_step_name(verdict->trace[i].step));
		json_key(&json, "outcome");
		json_text(&json, outcome_words[verdict->trace[i].outcome]);
		json_key(&json, "detail");
		json_text(&json, verdict->trace[i].detail);
		json_object_end(&json);
	}
	json_array_end(&json);
	json_object_end(&json);
	enum err err = json_err(&json);

	return err == ERR_OK ? buf_append_text(out, "\n") : err;
}

static enum err explain(
	const struct refusal *refusal, const struct policy *policy, int64_t now, bool json, struct buf *out)
{
	const struct cert *chain[X509_CHAIN_CERTS_MAX];
	const struct ocsp_response *ocsp[REFUSAL_ANSWERS_MAX];
	struct admission_verdict *verdict = calloc(1, sizeof(*verdict));
	struct buf subject = BUF_INIT(4096);
	const char *dn = "";
	enum err err = ERR_OK;

	if (verdict == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < refusal->chain_count; i++) {
		chain[i] = refusal->chain[i];
	}
	for (size_t i = 0; i < refusal->ocsp_count; i++) {
		ocsp[i] = refusal->ocsp[i];
	}
	struct evidence evidence = {
		.channel = refusal->channel,
		.peer = refusal->peer,
		.certificate = refusal->certificate,
		.chain = chain,
		.chain_count = refusal->chain_count,
		.connect_seen = refusal->connect_seen,
		.client_id = refusal->client_id,
		.user_name = refusal->user_name,
		.password_sent = refusal->password_sent,
		.login = refusal->login,
		.login_user = refusal->login_user,
		.login_client_id = refusal->login_client_id,
		.login_user_verified = refusal->login_user_verified,
		.login_client_id_bound = refusal->login_client_id_bound,
		.login_name = refusal->login_name,
		.login_config = refusal->login_config,
		.login_password_judged = refusal->login_password_judged,
		.login_account_known = refusal->login_account_known,
		.session_owner = refusal->session_owner,
		/* Nothing is fetched for a question: what a newcomer would wait for is said, "would need". */
		.ocsp = ocsp,
		.ocsp_count = refusal->ocsp_count,
	};

	admission_judge(policy, &evidence, now, verdict);
	if (refusal->chain_count > 0 && (cert_print_dn(refusal->chain[0], true, &subject) != ERR_OK ||
						buf_text(&subject, &dn) != ERR_OK)) {
		err = ERR_NOMEM;
	}
	if (err == ERR_OK) {
		err = json ? explain_json(refusal, verdict, dn, out)
			   : explain_text(refusal, verdict, dn, out);
	}
	buf_release(&subject);
	free(verdict);
	return err;
}

static enum err explain_right_text(
	const struct refusal *refusal, const struct authority_answer *answer, struct buf *out)
{
	char when[CLOCK_TEXT_BYTES];

	clock_format(refusal->wall_ms, when);
	if (buf_printf(out, "Refusal %s, %s, a %s was refused\n", refusal->id, when,
		    refusal->right == RIGHT_PUB ? "publish" : "subscribe") != ERR_OK ||
		put_line(out, "channel", refusal->channel) != ERR_OK ||
		put_line(out, "peer", refusal->peer_text) != ERR_OK ||
		put_line(out, "client id", refusal->client_id) != ERR_OK ||
		put_line(out, "bound",
			refusal->client_id_bound ? "yes" : "no, ${clientid} counts for nothing") != ERR_OK ||
		put_line(out, "user", refusal->user) != ERR_OK ||
		put_line(out, "common name", refusal->common_name) != ERR_OK ||
		put_line(out, refusal->right == RIGHT_PUB ? "topic" : "filter", refusal->topic) != ERR_OK ||
		put_line(out, "right", right_word(refusal->right)) != ERR_OK ||
		put_line(out, "then", refusal->sentence) != ERR_OK) {
		return ERR_NOMEM;
	}
	return buf_printf(out,
		"Asked again under today's policy, by the same function as the broker asks:\n"
		"Answer today: %s: %s\n",
		answer->granted ? "GRANTED" : "REFUSED", answer->reason);
}

static void json_pair(struct json_writer *json, const char *key, const char *value)
{
	json_key(json, key);
	json_text(json, value == NULL ? "" : value);
}

static enum err explain_right_json(
	const struct refusal *refusal, const struct authority_answer *answer, struct buf *out)
{
	struct json_writer json = json_writer_init(out);
	char when[CLOCK_TEXT_BYTES];

	clock_format(refusal->wall_ms, when);
	json_object_begin(&json);
	json_pair(&json, "refusal", refusal->id);
	json_pair(&json, "time", when);
	json_pair(&json, "channel", refusal->channel);
	json_pair(&json, "peer", refusal->peer_text);
	json_pair(&json, "client", refusal->client_id);
	json_key(&json, "client_bound");
	json_bool(&json, refusal->client_id_bound);
	json_pair(&json, "user", refusal->user);
	json_pair(&json, "common_name", refusal->common_name);
	json_pair(&json, "topic", refusal->topic);
	json_pair(&json, "right", right_word(refusal->right));
	json_pair(&json, "then_step", "authority");
	json_pair(&json, "then", refusal->sentence);
	json_pair(&json, "verdict", answer->granted ? "GRANTED" : "REFUSED");
	json_pair(&json, "step", "authority");
	json_pair(&json, "sentence", answer->reason);
	json_object_end(&json);
	enum err err = json_err(&json);

	return err == ERR_OK ? buf_append_text(out, "\n") : err;
}

static enum err explain_right(
	const struct refusal *refusal, const struct policy *policy, bool json, struct buf *out)
{
	struct refusal_right right = {
		.channel = refusal->channel,
		.client_id = refusal->client_id,
		.client_id_bound = refusal->client_id_bound,
		.user = refusal->user,
		.common_name = refusal->common_name,
		.right = refusal->right,
		.topic = bytes_text(refusal->topic),
	};
	struct authority_answer answer;

	ask_right(policy, &right, &answer);
	return json ? explain_right_json(refusal, &answer, out) : explain_right_text(refusal, &answer, out);
}

enum err refusals_explain(struct refusals *refusals, const char *id, const struct policy *policy, int64_t now,
	bool json, struct buf *out)
{
	enum err err = ERR_NOT_FOUND;

	(void)pthread_mutex_lock(&refusals->lock);
	for (size_t i = 0; i < refusals->kept; i++) {
		const struct refusal *refusal = &refusals->ring[i];

		if (refusal->id[0] != '\0' && refusal->channel[0] != '\0' &&
			strcasecmp(refusal->id, id) == 0) {
			err = refusal->right != 0 ? explain_right(refusal, policy, json, out)
						  : explain(refusal, policy, now, json, out);
			break;
		}
	}
	(void)pthread_mutex_unlock(&refusals->lock);
	return err;
}
