/*
 * admission.c - the judge: may this connection come in, on this evidence, under this policy, at this time?
 * Owns:    nothing; works in the caller's verdict and on its own stack.
 * Never:   has a socket, clock, lock, log or fetch; allocates by itself; says ADMIT while evidence is missing.
 * Threads: any; pure.
 *
 * All steps run in their order, on whatever is known. A step refuses only if every way in which the missing evidence could
 * turn out is refused too; else it passes, or waits. So the first refusal is final, and what is left over is NEED or ADMIT.
 */
#include "auth/admission.h"

#include <string.h>

static bool (*const login_steps[])(struct judge *) = {
	judge_channel,
	judge_block_address,
	judge_client_auth,
	judge_path,
	judge_ssl_peer,
	judge_login,
	judge_account,
	judge_chlauth,
	judge_effective_user,
	judge_block_user,
	judge_owner,
	judge_connect_authority,
};

/* MATCH(RUNCHECK): what mq-semantics 3.8 lets an operator ask. */
static bool (*const question_steps[])(struct judge *) = {
	judge_channel,
	judge_block_address,
	judge_chlauth,
	judge_effective_user,
	judge_block_user,
};

const char *admission_step_name(enum admission_step step)
{
	switch (step) {
	case STEP_CHANNEL: return "channel";
	case STEP_BLOCKADDR: return "blockaddr";
	case STEP_CLIENT_AUTH: return "client-auth";
	case STEP_PATH: return "path";
	case STEP_REVOCATION: return "revocation";
	case STEP_SSLPEER: return "sslpeer";
	case STEP_LOGIN: return "login";
	case STEP_ACCOUNT: return "account";
	case STEP_CHLAUTH: return "chlauth";
	case STEP_EFFECTIVE_USER: return "effective-user";
	case STEP_BLOCKUSER: return "blockuser";
	case STEP_OWNER: return "owner";
	case STEP_CONNECT_AUTHORITY: return "connect-authority";
	case STEP_COUNT_: break;
	}
	return "?";
}

/* --- what the steps write with --- */

bool judge_gate_open(const struct judge *judge, enum gate gate)
{
	return (judge->entry->channel.insecure_open_gates & (unsigned)gate) != 0;
}

const char *judge_channel_name(const struct judge *judge)
{
	return judge->entry->channel.name;
}

static void trace(
	struct judge *judge, enum admission_step step, enum trace_outcome outcome, const char *detail)
{
	struct admission_verdict *out = judge->out;
	if (out->trace_count == AUTH_TRACE_STEPS_MAX) {
		return;
	}
	struct admission_trace *entry = &out->trace[out->trace_count++];
	entry->step = step;
	entry->outcome = outcome;
	struct text text = text_init(entry->detail, sizeof(entry->detail));
	text_put(&text, detail == NULL ? "" : detail);
}

bool judge_pass(struct judge *judge, enum admission_step step, const char *detail)
{
	trace(judge, step, TRACE_PASSED, detail);
	return true;
}

bool judge_skip(struct judge *judge, enum admission_step step, const char *detail)
{
	trace(judge, step, TRACE_SKIPPED, detail);
	return true;
}

bool judge_warn(struct judge *judge, enum admission_step step, const char *detail)
{
	trace(judge, step, TRACE_WARNED, detail);
	return true;
}

bool judge_wait(struct judge *judge, enum admission_step step, enum need need, const char *detail)
{
	trace(judge, step, TRACE_WAITING, detail);
	if (judge->out->need == NEED_NONE) {
		judge->out->need = need;
		judge->out->step = step;
	}
	return true;
}

bool judge_refuse(struct judge *judge, enum admission_step step, const char *message_id, uint8_t reason_code,
	const char *sentence)
{
	struct admission_verdict *out = judge->out;
	struct text text = text_init(out->sentence, sizeof(out->sentence));
	text_put(&text, sentence);
	out->need = NEED_NONE;
	out->step = step;
	out->message_id = message_id;
	out->reason_code = reason_code;
	trace(judge, step, TRACE_REFUSED, sentence);
	return false;
}

void judge_rule(struct judge *judge, const struct chlauth_rule *rule)
{
	struct text text = text_init(judge->out->rule, sizeof(judge->out->rule));
	judge->deciding = rule;
	text_put(&text, rule == NULL ? "" : rule->key);
}

static void put_name(const struct dn_name *name, struct text *text)
{
	char serial[3 * DN_SERIAL_OCTETS_MAX];
	struct bytes value = BYTES_NONE;
	enum err err = dn_name_value(name, DN_CN, 0, serial, &value);
	if (err == ERR_NOT_FOUND) {
		text_put(text, "(no CN)");
	} else {
		text_quote(text, value); /* a hostile value too: escaped */
	}
}

void judge_put_active(const struct judge *judge, struct text *text)
{
	char address[AUTH_ADDRESS_TEXT_BYTES];
	auth_address_format(judge->view.peer, address);
	text_printf(text, "address %s", address);
	if (judge->view.certificate == VIEW_CERTIFICATE_KNOWN) {
		text_put(text, ", certificate ");
		put_name(&judge->view.subject, text);
		text_put(text, " of ");
		put_name(&judge->view.issuer, text);
	} else if (judge->view.certificate == VIEW_CERTIFICATE_NONE) {
		text_put(text, ", no certificate");
	}
	if (judge->view.user_known && judge->view.user != NULL) {
		text_put(text, ", user ");
		text_quote(text, bytes_text(judge->view.user));
	} else if (judge->view.user_known) {
		text_put(text, ", no user name");
	}
}

/* --- the judge --- */

static void verdict_init(struct admission_verdict *out)
{
	memset(out, 0, sizeof(*out));
	out->admission = ADMISSION_REFUSE;
	out->message_id = MESSAGE_NO_CHANNEL;
	out->reason_code = REASON_NOT_AUTHORIZED;
	out->valid_until = 0;
}

/* Only what an admitted connection may be known by leaves with ADMIT. */
static void admit(struct judge *judge)
{
	struct admission_verdict *out = judge->out;
	struct text user = text_init(out->user, sizeof(out->user));
	struct text sentence = text_init(out->sentence, sizeof(out->sentence));
	text_put(&user, judge->effective);
	text_printf(&sentence, "channel %s runs as user ", judge_channel_name(judge));
	text_quote(&sentence, bytes_text(judge->effective));
	out->client_id_bound = judge->client_id_bound;
	out->message_id = MESSAGE_ADMITTED;
	out->reason_code = 0;
	out->step = STEP_CONNECT_AUTHORITY;
	out->valid_until = judge->valid_until;
	out->admission = ADMISSION_ADMIT;
}

static void run(struct judge *judge, bool (*const *steps)(struct judge *), size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!steps[i](judge)) {
			judge->out->admission = ADMISSION_REFUSE;
			return;
		}
	}
	if (judge->out->need != NEED_NONE) {
		judge->out->admission = ADMISSION_NEED;
		judge->out->message_id = "";
		judge->out->reason_code = 0;
	} else if (judge->effective != NULL) {
		admit(judge);
	}
}

static struct judge judge_of(const struct policy *policy, const struct evidence *evidence, int64_t now,
	struct admission_verdict *out)
{
	struct judge judge = {.policy = policy, .evidence = evidence, .now = now, .out = out};
	judge.view.channel = evidence->channel;
	judge.view.peer = &evidence->peer;
	judge.valid_until = X509_NEVER;
	return judge;
}

void admission_judge(const struct policy *policy, const struct evidence *evidence, int64_t now,
	struct admission_verdict *out)
{
	static const struct evidence nothing = {0};
	verdict_init(out);
	struct judge judge = judge_of(policy, evidence == NULL ? &nothing : evidence, now, out);
	policy_uses(policy, judge.evidence->channel, &out->uses);
	run(&judge, login_steps, ARRAY_COUNT(login_steps));
}

/* Stopped, or kept waiting, by nothing but that revocation is not known. */
static bool revocation_unknown(const struct admission_verdict *verdict)
{
	switch (verdict->admission) {
	case ADMISSION_ADMIT: return false;
	case ADMISSION_NEED: return verdict->need == NEED_REVOCATION;
	case ADMISSION_REFUSE: return verdict->step == STEP_REVOCATION && verdict->absence;
	}
	return false;
}

void admission_judge_live(const struct policy *policy, const struct evidence *evidence, int64_t now,
	struct admission_verdict *out)
{
	struct admission_verdict rest;
	admission_judge(policy, evidence, now, out);
	if (!revocation_unknown(out)) {
		return;
	}
	verdict_init(&rest);
	struct judge judge = judge_of(policy, evidence, now, &rest);
	judge.without_revocation = true;
	rest.uses = out->uses;
	run(&judge, login_steps, ARRAY_COUNT(login_steps));
	if (rest.admission == ADMISSION_REFUSE && !rest.absence) {
		*out = rest;
	} else if (rest.admission == ADMISSION_ADMIT) {
		memcpy(out->user, rest.user, sizeof(out->user));
		out->valid_until = rest.valid_until;
	}
}

bool admission_closes_live(
	const struct policy *policy, const char *channel, const struct admission_verdict *verdict)
{
	const struct channel_policy *view = policy_channel(policy, channel);
	bool on_absence = view != NULL && view->close_on_stale;
	switch (verdict->admission) {
	case ADMISSION_ADMIT: return false;
	case ADMISSION_NEED: return on_absence && verdict->need == NEED_REVOCATION;
	case ADMISSION_REFUSE: return !verdict->absence || on_absence;
	}
	return true;
}

/* --- an operator's question --- */

static enum err ask(const struct policy *policy, const struct admission_runcheck *question,
	const struct dn_pattern *subject, const struct dn_pattern *issuer, struct admission_verdict *out,
	const struct chlauth_record **record)
{
	struct evidence evidence = {.channel = question->channel, .peer = question->address};
	struct judge judge = judge_of(policy, &evidence, 0, out);
	judge.asked = true;
	judge.view.certificate = subject == NULL ? VIEW_CERTIFICATE_NONE : VIEW_CERTIFICATE_KNOWN;
	judge.view.subject = (struct dn_name){.literal = subject, .subject = true};
	judge.view.issuer = (struct dn_name){.literal = issuer};
	judge.view.user_known = true;
	judge.view.user = question->client_user;
	judge.names_final = true;
	judge.user = question->client_user;
	judge.client_id = question->client_id;
	judge.user_verified = true;
	judge.client_id_bound = true;
	run(&judge, question_steps, ARRAY_COUNT(question_steps));
	*record = judge.deciding == NULL ? NULL : &judge.deciding->record;
	return ERR_OK;
}

static bool is_generic(const char *text)
{
	return text != NULL && strchr(text, '*') != NULL;
}

enum err admission_runcheck(const struct policy *policy, const struct admission_runcheck *question,
	struct admission_verdict *out, const struct chlauth_record **record, struct auth_error *error)
{
	struct dn_pattern *subject = NULL;
	struct dn_pattern *issuer = NULL;
	enum err err = ERR_OK;
	verdict_init(out);
	*record = NULL;
	if (policy_find(policy, question->channel) == NULL) {
		return auth_fail(error, ERR_NOT_FOUND, 0, "there is no channel of this name");
	}
	if (is_generic(question->client_user) || is_generic(question->client_id)) {
		return auth_fail(error, ERR_INVALID, 0, "a check is run for one connection: no wildcards");
	}
	if (question->ssl_peer == NULL && question->ssl_issuer != NULL) {
		return auth_fail(error, ERR_INVALID, 0, "SSLCERTI needs SSLPEER");
	}
	if (question->ssl_peer != NULL) {
		err = dn_text_parse(question->ssl_peer, &subject, error);
	}
	if (err == ERR_OK && question->ssl_issuer != NULL) {
		err = dn_text_parse(question->ssl_issuer, &issuer, error);
	}
	if (err == ERR_OK) {
		policy_uses(policy, question->channel, &out->uses);
		err = ask(policy, question, subject, issuer, out, record);
	}
	dn_pattern_free(subject);
	dn_pattern_free(issuer);
	return err;
}
