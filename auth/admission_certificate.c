/*
 * admission_certificate.c - the first gate: channel, blocked addresses, and the certificate.
 * Owns:    nothing.
 * Never:   takes missing evidence for good evidence: each state of it is named, and what is not expected is refused.
 * Threads: any; pure.
 */
#include <string.h>

#include "auth/admission.h"

bool judge_channel(struct judge *judge)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	judge->entry = policy_find(judge->policy, judge->evidence->channel);
	if (judge->entry == NULL) {
		text_put(&sentence, "there is no channel ");
		text_quote(&sentence, bytes_text(judge->evidence->channel));
		return judge_refuse(judge, STEP_CHANNEL, MESSAGE_NO_CHANNEL, REASON_NOT_AUTHORIZED, room);
	}
	if (judge->entry->channel.insecure_open_gates != 0) {
		return judge_warn(judge, STEP_CHANNEL, "gates of this channel are open on purpose");
	}
	return judge_pass(judge, STEP_CHANNEL, judge_channel_name(judge));
}

bool judge_block_address(struct judge *judge)
{
	char room[X509_SENTENCE_BYTES];
	char address[AUTH_ADDRESS_TEXT_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	const struct chlauth_rules *rules = judge->policy->rules;
	if (judge_gate_open(judge, GATE_CHLAUTH)) {
		return judge_skip(judge, STEP_BLOCKADDR, "gate opened");
	}
	if (rules->mode == CHLAUTH_DISABLED) {
		return judge_skip(judge, STEP_BLOCKADDR, "CHLAUTH(DISABLED)");
	}
	const struct chlauth_rule *rule = chlauth_block_address(rules, &judge->evidence->peer);
	if (rule == NULL) {
		return judge_pass(judge, STEP_BLOCKADDR, NULL);
	}
	auth_address_format(&judge->evidence->peer, address);
	text_printf(&sentence, "address %s is in the list of %s", address, rule->key);
	if (chlauth_only_warns(rules, rule)) {
		return judge_warn(judge, STEP_BLOCKADDR, room);
	}
	judge_rule(judge, rule);
	return judge_refuse(judge, STEP_BLOCKADDR, MESSAGE_BLOCKED_ADDR, REASON_NOT_AUTHORIZED, room);
}

/* --- what the handshake must have asked for, and what may have come back (mq-semantics 6) --- */

static const char *evidence_words(enum certificate_evidence certificate)
{
	switch (certificate) {
	case CERTIFICATE_PENDING: return "not known yet";
	case CERTIFICATE_NOT_ASKED: return "not asked for";
	case CERTIFICATE_NONE_SENT: return "not sent";
	case CERTIFICATE_CHAIN: return "sent";
	case CERTIFICATE_RESUMED: return "known from a resumed session";
	}
	return "in no known state";
}

static const char *client_auth_name(enum ssl_client_auth client_auth)
{
	switch (client_auth) {
	case SSLCAUTH_NEVER: return "NEVER";
	case SSLCAUTH_OPTIONAL: return "OPTIONAL";
	case SSLCAUTH_REQUIRED: return "REQUIRED";
	}
	return "?";
}

static bool refuse_client_auth(struct judge *judge, const char *message_id, const char *why)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	const struct channel_policy *channel = &judge->entry->channel;
	text_printf(&sentence, "%s: channel %s has %sSSLCAUTH(%s), and the client certificate was %s", why,
		channel->name, channel->tls ? "" : "no TLS, ", client_auth_name(channel->client_auth),
		evidence_words(judge->evidence->certificate));
	return judge_refuse(judge, STEP_CLIENT_AUTH, message_id, REASON_NOT_AUTHORIZED, room);
}

static bool accept_none(struct judge *judge, const char *detail)
{
	if (judge->entry->ssl_peer != NULL) {
		/* mq-semantics 4.2 rule 15: also with SSLCAUTH(OPTIONAL). */
		return refuse_client_auth(
			judge, MESSAGE_NO_CERT, "the channel's SSLPEER needs a certificate");
	}
	judge->view.certificate = VIEW_CERTIFICATE_NONE;
	return judge_pass(judge, STEP_CLIENT_AUTH, detail);
}

static bool accept_chain(struct judge *judge)
{
	const struct evidence *evidence = judge->evidence;
	if (evidence->chain_count == 0 || evidence->chain_count > X509_CHAIN_CERTS_MAX ||
		evidence->chain == NULL) {
		return refuse_client_auth(judge, MESSAGE_BAD_CERT, "the chain is empty or too long");
	}
	for (size_t i = 0; i < evidence->chain_count; i++) {
		if (evidence->chain[i] == NULL) {
			return refuse_client_auth(judge, MESSAGE_BAD_CERT, "the chain was not parsed");
		}
	}
	judge->view.certificate = VIEW_CERTIFICATE_KNOWN;
	judge->view.subject = (struct dn_name){.cert = evidence->chain[0], .subject = true};
	judge->view.issuer = (struct dn_name){.cert = evidence->chain[0], .subject = false};
	judge->view.sha256 = cert_sha256(evidence->chain[0]);
	return judge_pass(judge, STEP_CLIENT_AUTH, "a certificate was sent");
}

bool judge_client_auth(struct judge *judge)
{
	const struct channel_policy *channel = &judge->entry->channel;
	const struct evidence *evidence = judge->evidence;
	bool asks = channel->tls && channel->client_auth != SSLCAUTH_NEVER;
	bool chain =
		evidence->certificate == CERTIFICATE_CHAIN || evidence->certificate == CERTIFICATE_RESUMED;
	judge->view.certificate = VIEW_CERTIFICATE_UNKNOWN;
	if (!channel->tls && channel->client_auth == SSLCAUTH_REQUIRED) {
		return refuse_client_auth(judge, MESSAGE_NO_CERT, "no client can send one");
	}
	if (evidence->certificate == CERTIFICATE_PENDING) {
		return judge_wait(judge, STEP_CLIENT_AUTH, NEED_CERTIFICATE, "the handshake is not over");
	}
	if (!chain && evidence->chain_count > 0) {
		return refuse_client_auth(judge, MESSAGE_BAD_CERT, "there is a chain where none can be");
	}
	switch (evidence->certificate) {
	case CERTIFICATE_NOT_ASKED:
		return asks ? refuse_client_auth(judge, MESSAGE_NO_CERT, "the handshake did not do its part")
			    : accept_none(judge, "no certificate is asked for");
	case CERTIFICATE_NONE_SENT:
		if (!asks || channel->client_auth == SSLCAUTH_REQUIRED) {
			return refuse_client_auth(judge, MESSAGE_NO_CERT, "a certificate is missing");
		}
		return accept_none(judge, "no certificate was sent, and none is required");
	case CERTIFICATE_CHAIN:
	case CERTIFICATE_RESUMED:
		return asks ? accept_chain(judge)
			    : refuse_client_auth(
				      judge, MESSAGE_BAD_CERT, "the handshake did more than its part");
	case CERTIFICATE_PENDING: break;
	}
	return refuse_client_auth(judge, MESSAGE_NO_CERT, "unknown evidence");
}

/* --- path and revocation --- */

static bool is_revocation(enum x509_reason reason)
{
	switch (reason) {
	case X509_REVOKED:
	case X509_CRL_MISSING:
	case X509_CRL_STALE:
	case X509_CRL_NOT_YET_VALID:
	case X509_CRL_BAD_SIGNATURE:
	case X509_CRL_UNSUPPORTED:
	case X509_OCSP_UNKNOWN:
	case X509_OCSP_UNREACHABLE:
	case X509_OCSP_STALE:
	case X509_OCSP_BAD:
	case X509_OCSP_SIGNER_UNKNOWN: return true;
	case X509_OK:
	case X509_NO_CERTIFICATE:
	case X509_MALFORMED:
	case X509_VERSION:
	case X509_UNKNOWN_ISSUER:
	case X509_NOT_YET_VALID:
	case X509_EXPIRED:
	case X509_BAD_SIGNATURE:
	case X509_WEAK_ALGORITHM:
	case X509_UNSUPPORTED_ALGORITHM:
	case X509_ISSUER_NOT_CA:
	case X509_KEY_USAGE:
	case X509_EXTENDED_KEY_USAGE:
	case X509_PATH_LENGTH:
	case X509_NAME_CHAINING:
	case X509_UNKNOWN_CRITICAL_EXTENSION:
	case X509_UNSUPPORTED_EXTENSION:
	case X509_NAME_CONSTRAINTS:
	case X509_POLICY:
	case X509_LIMIT:
	case X509_NO_MEMORY:
	case X509_PIN_AS_ISSUER:
	case X509_PROFILE:
	case X509_HOST_NAME:
	case X509_REASON_COUNT_: break;
	}
	return false;
}

static const char *message_of(enum x509_reason reason)
{
	return is_revocation(reason) && reason != X509_REVOKED ? MESSAGE_REVOCATION : MESSAGE_BAD_CERT;
}

/*
 * The one name that the certificate gives its owner for ${cn}. A subject with several CNs gives none: which of them counts
 * would differ from program to program.
 */
static void keep_common_name(struct judge *judge)
{
	char serial[3 * DN_SERIAL_OCTETS_MAX];
	struct bytes value = BYTES_NONE;
	struct text name = text_init(judge->out->common_name, sizeof(judge->out->common_name));
	if (dn_name_count(&judge->view.subject, DN_CN) == 1 &&
		dn_name_value(&judge->view.subject, DN_CN, 0, serial, &value) == ERR_OK &&
		value.len <= AUTH_USER_BYTES_MAX) {
		for (size_t i = 0; i < value.len; i++) {
			name.data[i] = (char)value.data[i];
		}
		name.data[value.len] = '\0';
	}
}

static void ask_x509(const struct judge *judge, struct x509_answer *answer)
{
	const struct channel_policy *channel = &judge->entry->channel;
	struct x509_question question = {
		.chain = judge->evidence->chain,
		.chain_count = judge->evidence->chain_count,
		.trust = channel->trust,
		.crls = channel->crls,
		.now = judge->now,
		.purpose = X509_PURPOSE_CLIENT,
		.revocation = channel->revocation,
		.allow_sha1 = channel->allow_sha1,
		.policies = channel->cert_policies,
		.policy_count = channel->cert_policy_count,
		.explicit_policy = channel->cert_policy_count != 0,
		.crl_set_incomplete = channel->crls_incomplete,
		.ocsp = judge->evidence->ocsp,
		.ocsp_count = judge->evidence->ocsp_count,
		.ocsp_auth = channel->ocsp_auth,
		.ocsp_url = channel->ocsp_url,
		.stale_grace_s = channel->stale_grace_s,
		.may_need = !judge->evidence->revocation_asked,
		.need_cdp = channel->need_cdp,
		.need_aia = channel->need_aia,
	};
	if (judge_gate_open(judge, GATE_CRL) || judge->without_revocation) {
		question.revocation = X509_REVOCATION_NONE;
	}
	memset(answer, 0, sizeof(*answer));
	x509_judge(&question, answer);
}

static bool refuse_certificate(struct judge *judge, enum admission_step step, enum x509_reason reason,
	bool absence, const char *sentence)
{
	judge->out->for_good = reason == X509_EXPIRED;
	judge->out->certificate_reason = reason;
	judge->out->absence = absence;
	return judge_refuse(judge, step, message_of(reason), REASON_NOT_AUTHORIZED, sentence);
}

static void keep_needs(struct judge *judge, const struct x509_answer *answer)
{
	judge->out->need_count = answer->need_count;
	for (size_t i = 0; i < answer->need_count; i++) {
		judge->out->needs[i] = answer->needs[i];
	}
}

static bool pass_revocation(struct judge *judge, const struct x509_answer *answer)
{
	if (judge_gate_open(judge, GATE_CRL)) {
		return judge_warn(judge, STEP_REVOCATION, "gate opened");
	}
	if (judge->without_revocation) {
		return judge_skip(judge, STEP_REVOCATION, "not known; a live session does not end by that");
	}
	switch (judge->entry->channel.revocation) {
	case X509_REVOCATION_NONE:
		return judge_skip(judge, STEP_REVOCATION, "the channel has REVCHECK(NONE)");
	case X509_REVOCATION_IF_AVAILABLE:
	case X509_REVOCATION_REQUIRED: break;
	}
	if (answer->warned) {
		struct text warning = text_init(judge->out->warning, sizeof(judge->out->warning));
		text_put(&warning, answer->warning);
		return judge_warn(judge, STEP_REVOCATION, answer->warning);
	}
	return judge_pass(judge, STEP_REVOCATION,
		answer->revocation_known ? "not revoked" : "of some issuer nothing is known, nor has to be");
}

/*
 * More knowledge may be had: it is asked for, and the connection waits. What is said is also what a dry run says, which asks
 * nobody.
 */
static bool wait_for_revocation(struct judge *judge, const struct x509_answer *answer)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	if (judge->evidence->revocation_busy) {
		text_put(&sentence, "revocation data busy: too many connections wait for it (REVPARK), or "
				    "too much is asked for already");
		judge->out->certificate_reason = answer->reason;
		judge->out->absence = true;
		return judge_refuse(
			judge, STEP_REVOCATION, MESSAGE_REVOCATION_BUSY, REASON_SERVER_BUSY, room);
	}
	keep_needs(judge, answer);
	if (answer->need_count == 0) {
		text_put(&sentence, "would need the lists that REVINFO names, which are being fetched");
	} else {
		text_printf(&sentence, "would need %s ",
			answer->needs[0].kind == X509_NEED_OCSP ? "an answer of" : "the list at");
		text_quote(&sentence, bytes_text(answer->needs[0].url));
		if (answer->need_count > 1) {
			text_printf(&sentence, " or %zu more", answer->need_count - 1);
		}
	}
	return judge_wait(judge, STEP_REVOCATION, NEED_REVOCATION, room);
}

static bool accept_path(struct judge *judge, const struct x509_answer *answer)
{
	char room[sizeof(judge->out->trace[0].detail)];
	struct text detail = text_init(room, sizeof(room));
	judge->pin = answer->pin;
	judge->view.pinned = answer->pin != NULL;
	judge->valid_until = answer->valid_until;
	keep_common_name(judge);
	if (answer->path_count > 0) {
		const struct cert *last = answer->path[answer->path_count - 1];

		judge->out->trust_kind = answer->pin != NULL ? TRUST_PIN : TRUST_ANCHOR;
		memcpy(judge->out->trust_sha256, cert_sha256(last), SHA256_BYTES);
	}
	if (answer->pin != NULL) {
		text_put(&detail, "pinned as ");
		text_quote(&detail, bytes_text(answer->pin));
	} else {
		text_printf(&detail, "%zu certificates to a trusted one", answer->path_count);
	}
	return judge_pass(judge, STEP_PATH, room);
}

/* With the gate opened on purpose a refusal of the path counts for nothing; one of revocation, or of our own limits, does. */
static bool open_path(struct judge *judge, const struct x509_answer *answer)
{
	if (answer->reason == X509_NO_MEMORY || answer->reason == X509_LIMIT) {
		return refuse_certificate(judge, STEP_PATH, answer->reason, false, answer->sentence);
	}
	judge->valid_until = X509_NEVER;
	keep_common_name(judge);
	return judge_warn(judge, STEP_PATH, "gate opened") && pass_revocation(judge, answer);
}

bool judge_path(struct judge *judge)
{
	struct x509_answer answer;
	switch (judge->view.certificate) {
	case VIEW_CERTIFICATE_UNKNOWN:
		return judge_wait(judge, STEP_PATH, NEED_CERTIFICATE, "the handshake is not over");
	case VIEW_CERTIFICATE_NONE:
		return judge_skip(judge, STEP_PATH, "no certificate") &&
		       judge_skip(judge, STEP_REVOCATION, "no certificate");
	case VIEW_CERTIFICATE_KNOWN: break;
	}
	if (judge->entry->channel.trust == NULL && !judge_gate_open(judge, GATE_PATH)) {
		return refuse_certificate(judge, STEP_PATH, X509_UNKNOWN_ISSUER, false,
			"the channel trusts no certificate at all");
	}
	ask_x509(judge, &answer);
	switch (answer.verdict) {
	case X509_ACCEPT:
		keep_needs(judge, &answer); /* who may know more; it is accepted without them as well */
		return accept_path(judge, &answer) && pass_revocation(judge, &answer);
	case X509_NEED: (void)accept_path(judge, &answer); return wait_for_revocation(judge, &answer);
	case X509_REFUSE: break;
	}
	if (is_revocation(answer.reason)) {
		(void)accept_path(judge, &answer);
		if (x509_reason_is_absence(answer.reason) && judge->entry->channel.lists_pending &&
			!judge->evidence->revocation_asked) {
			return wait_for_revocation(judge, &answer);
		}
		(void)refuse_certificate(judge, STEP_REVOCATION, answer.reason,
			x509_reason_is_absence(answer.reason), answer.sentence);
		judge->out->for_good = answer.reason == X509_REVOKED && !answer.on_hold;
		return false;
	}
	if (judge_gate_open(judge, GATE_PATH)) {
		return open_path(judge, &answer);
	}
	return refuse_certificate(
		judge, STEP_PATH, answer.reason, x509_reason_is_absence(answer.reason), answer.sentence);
}

bool judge_ssl_peer(struct judge *judge)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	if (judge->entry->ssl_peer == NULL) {
		return judge_skip(judge, STEP_SSLPEER, "the channel has no SSLPEER");
	}
	if (judge->view.certificate == VIEW_CERTIFICATE_UNKNOWN) {
		return judge_wait(judge, STEP_SSLPEER, NEED_CERTIFICATE, "the handshake is not over");
	}
	switch (dn_pattern_judge(judge->entry->ssl_peer, &judge->view.subject)) {
	case DN_YES: return judge_pass(judge, STEP_SSLPEER, NULL);
	case DN_HOSTILE:
		text_put(&sentence, "a value with control characters in it matches nothing; ");
		break;
	case DN_NO: break;
	}
	judge_put_active(judge, &sentence);
	text_printf(&sentence, " does not match the SSLPEER of channel %s, ", judge_channel_name(judge));
	text_quote(&sentence, bytes_text(judge->entry->channel.ssl_peer));
	return judge_refuse(judge, STEP_SSLPEER, MESSAGE_SSL_PEER, REASON_NOT_AUTHORIZED, room);
}
