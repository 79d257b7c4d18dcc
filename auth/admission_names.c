/*
 * admission_names.c - the second gate and what follows: login, account, CHLAUTH, the effective user, owner, authority.
 * Owns:    nothing.
 * Never:   makes a name the effective user that no gate verified, but where the channel says INSECASSERT(YES).
 * Threads: any; pure.
 */
#include <string.h>

#include "auth/admission.h"

static const char *given(const char *text)
{
	return text == NULL || text[0] == '\0' ? NULL : text;
}

static bool same_name(const char *a, const char *b)
{
	a = given(a);
	b = given(b);
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* --- login --- */

/*
 * Denied, unknown, disabled and locked look the same to the client: one code (DESIGN 4). absence: a busy or broken module
 * has not proven anything.
 */
static bool refuse_login(struct judge *judge, const char *message_id, uint8_t code, const char *sentence)
{
	return judge_refuse(judge, STEP_LOGIN, message_id, code, sentence);
}

static bool refuse_surprise(struct judge *judge, const char *what)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	const char *login = judge->entry->channel.login;
	text_printf(&sentence, "%s: channel %s has ", what, judge_channel_name(judge));
	if (login == NULL) {
		text_put(&sentence, "no JAASCFG");
	} else {
		text_put(&sentence, "JAASCFG ");
		text_quote(&sentence, bytes_text(login));
	}
	return refuse_login(judge, MESSAGE_LOGIN_MODULE, REASON_BAD_USER_NAME_OR_PASSWORD, room);
}

static bool wait_login(struct judge *judge)
{
	return judge->evidence->connect_seen
		       ? judge_wait(judge, STEP_LOGIN, NEED_LOGIN, "the login is not judged yet")
		       : judge_wait(judge, STEP_LOGIN, NEED_CONNECT, "CONNECT has not come yet");
}

static bool allow_login(struct judge *judge)
{
	const struct channel_policy *channel = &judge->entry->channel;
	const struct evidence *evidence = judge->evidence;
	if (evidence->login_name != NULL && strcmp(evidence->login_name, channel->login) != 0) {
		return refuse_surprise(judge, "the login was judged by another entry");
	}
	if (channel->login_checks_password && !evidence->login_password_judged &&
		evidence->login_config != 0 && channel->login_config != 0 &&
		evidence->login_config != channel->login_config) {
		return refuse_surprise(
			judge, "the entry was changed since the login, and asks for a password now");
	}
	if (channel->login_keeps_names &&
		((given(evidence->login_user) != NULL &&
			 !same_name(evidence->login_user, evidence->user_name)) ||
			(given(evidence->login_client_id) != NULL &&
				!same_name(evidence->login_client_id, evidence->client_id)))) {
		return refuse_surprise(judge, "the login came back with another name");
	}
	if (!evidence->connect_seen) {
		return wait_login(judge);
	}
	return judge_pass(judge, STEP_LOGIN,
		channel->login_checks_password ? "allowed by a stack that judges a password"
					       : "allowed by a stack without a password");
}

static bool judge_stack(struct judge *judge)
{
	switch (judge->evidence->login) {
	case LOGIN_PENDING: return wait_login(judge);
	case LOGIN_ALLOWED: return allow_login(judge);
	case LOGIN_NOT_CONFIGURED: return refuse_surprise(judge, "no login took place");
	case LOGIN_DENIED:
		return refuse_login(judge, MESSAGE_LOGIN, REASON_BAD_USER_NAME_OR_PASSWORD,
			"the login modules denied the login");
	case LOGIN_FAILED:
		judge->out->absence = true;
		return refuse_login(judge, MESSAGE_LOGIN_MODULE, REASON_BAD_USER_NAME_OR_PASSWORD,
			"a login module failed; nothing is allowed by mistake");
	case LOGIN_BUSY:
		judge->out->absence = true;
		return refuse_login(judge, MESSAGE_LOGIN_BUSY, REASON_SERVER_BUSY,
			"too many logins are waiting; the client may try again");
	}
	return refuse_surprise(judge, "unknown evidence");
}

/* The names that count from here on: those after the stack's rewrite, if they are known already. */
static void settle_names(struct judge *judge)
{
	const struct evidence *evidence = judge->evidence;
	const struct channel_policy *channel = &judge->entry->channel;
	bool allowed = channel->login != NULL && evidence->login == LOGIN_ALLOWED;
	const char *login_user = allowed ? given(evidence->login_user) : NULL;
	const char *login_client_id = allowed ? given(evidence->login_client_id) : NULL;
	judge->names_final =
		evidence->connect_seen && (channel->login == NULL || channel->login_keeps_names || allowed);
	if (!judge->names_final) {
		judge->user_may_be_verified = true;
		return;
	}
	judge->user = login_user != NULL ? login_user : given(evidence->user_name);
	judge->client_id = login_client_id != NULL ? login_client_id : given(evidence->client_id);
	judge->user_verified = login_user != NULL && evidence->login_user_verified;
	judge->client_id_bound = allowed && evidence->login_client_id_bound;
	judge->user_may_be_verified = channel->login != NULL && !allowed;
	judge->view.user_known = true;
	judge->view.user = judge->user;
}

bool judge_login(struct judge *judge)
{
	bool good = false;
	if (judge->entry->channel.login != NULL) {
		good = judge_stack(judge);
	} else if (judge->evidence->login == LOGIN_PENDING ||
		   judge->evidence->login == LOGIN_NOT_CONFIGURED) {
		good = judge->evidence->connect_seen
			       ? judge_skip(judge, STEP_LOGIN, "the channel has no JAASCFG")
			       : wait_login(judge);
	} else {
		good = refuse_surprise(judge, "a login took place");
	}
	if (good) {
		settle_names(judge);
	}
	return good;
}

/* --- account --- */

/*
 * While a stack that judges passwords has not answered, nobody's account counts: a disabled one that is refused before
 * the hash is refused sooner than a wrong password, and so tells a stranger that it is there (DESIGN 4: in like time).
 */
static enum account_state account_of(const struct judge *judge, const char *user)
{
	const struct accounts *accounts = &judge->policy->accounts;
	const struct channel_policy *channel = &judge->entry->channel;
	bool later = !judge->asked && channel->login != NULL && channel->login_checks_password &&
		     judge->evidence->login == LOGIN_PENDING;
	return later || user == NULL || accounts->state == NULL ? ACCOUNT_UNKNOWN
								: accounts->state(accounts->ctx, user);
}

static bool refuse_account(struct judge *judge, enum admission_step step, const char *user, const char *what)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	text_put(&sentence, "the account of user ");
	text_quote(&sentence, bytes_text(user));
	text_printf(&sentence, " %s", what);
	return judge_refuse(judge, step, MESSAGE_LOGIN, REASON_BAD_USER_NAME_OR_PASSWORD, room);
}

/* Disabled beats everything: under the name that the client gave, and under the one that the stack made of it. */
bool judge_account(struct judge *judge)
{
	const struct evidence *evidence = judge->evidence;
	const char *sent = evidence->connect_seen ? given(evidence->user_name) : NULL;
	if (judge->policy->accounts.state == NULL) {
		return judge_skip(judge, STEP_ACCOUNT, "no accounts are kept");
	}
	if (account_of(judge, sent) == ACCOUNT_DISABLED) {
		return refuse_account(judge, STEP_ACCOUNT, sent, "is disabled");
	}
	if (!judge->names_final) {
		return judge_wait(judge, STEP_ACCOUNT, evidence->connect_seen ? NEED_LOGIN : NEED_CONNECT,
			"the user is not known yet");
	}
	enum account_state state = account_of(judge, judge->user);
	if (state == ACCOUNT_DISABLED) {
		return refuse_account(judge, STEP_ACCOUNT, judge->user, "is disabled");
	}
	bool allowed = judge->entry->channel.login != NULL && evidence->login == LOGIN_ALLOWED;
	if (state == ACCOUNT_UNKNOWN && allowed && evidence->login_account_known) {
		judge->out->for_good = true;
		return refuse_account(judge, STEP_ACCOUNT, judge->user == NULL ? "" : judge->user,
			"was removed since the login");
	}
	return judge_pass(judge, STEP_ACCOUNT, state == ACCOUNT_ENABLED ? "enabled" : "not in our accounts");
}

/* --- what would become of a user name --- */

static const struct chlauth_rule *block_rule(const struct judge *judge, const char *user)
{
	const struct chlauth_rules *rules = judge->policy->rules;
	if (judge_gate_open(judge, GATE_CHLAUTH) || rules->mode == CHLAUTH_DISABLED) {
		return NULL;
	}
	const struct chlauth_rule *rule = chlauth_block_user(rules, judge_channel_name(judge));
	return rule != NULL && chlauth_lists_user(rule, user) ? rule : NULL;
}

static bool may_connect(const struct judge *judge, const char *user, struct authority_answer *answer)
{
	struct authority_subject subject = {.user = user};
	return judge->asked || judge_gate_open(judge, GATE_AUTHORITY) ||
	       authority_may_connect(judge->policy->authority, &subject, answer);
}

/* Will this user be refused further down, whatever else comes? */
static bool user_is_hopeless(const struct judge *judge, const char *user)
{
	const struct chlauth_rule *block = block_rule(judge, user);
	return !text_is_user(user) || account_of(judge, user) == ACCOUNT_DISABLED ||
	       (block != NULL && !chlauth_only_warns(judge->policy->rules, block)) ||
	       !may_connect(judge, user, NULL);
}

/*
 * The user that a session without a MAP record gets (DESIGN 5): client id with USECLTID(YES), else the channel's MCAUSER,
 * else the user name; each only if verified or asserted by configuration. NULL with *open: not known yet.
 */
static const char *channel_user(const struct judge *judge, bool *open, const char **why)
{
	const struct channel_policy *channel = &judge->entry->channel;
	bool insecure = channel->insecure_assert;
	*open = false;
	if (channel->mca_user != NULL) {
		return channel->mca_user;
	}
	if (!judge->names_final) {
		*open = true;
		return NULL;
	}
	if (channel->use_client_id) {
		*why = judge->client_id == NULL ? "no client id was sent"
						: "no login module bound the client id";
		*open = judge->user_may_be_verified && judge->client_id != NULL;
		return judge->client_id_bound || insecure ? judge->client_id : NULL;
	}
	*why = judge->user == NULL ? "there is no user name" : "the user name was verified by no gate";
	*open = judge->user_may_be_verified && judge->user != NULL;
	return judge->user_verified || insecure ? judge->user : NULL;
}

/* A record that lets in by CLNTUSER believes that name: then it must be verified, too. */
static bool believes_name(const struct judge *judge, const struct chlauth_rule *rule)
{
	return rule != NULL && rule->record.client_user != NULL && rule->record.usersrc != USERSRC_NOACCESS &&
	       !judge->user_verified && !judge->user_may_be_verified &&
	       !judge->entry->channel.insecure_assert;
}

/* Could a session be admitted if this rule (NULL: none) were the one that decides? */
static bool rule_is_hopeful(void *ctx, const struct chlauth_rule *rule)
{
	const struct judge *judge = ctx;
	bool open = false;
	const char *why = NULL;
	const char *user = NULL;
	if (rule != NULL && rule->record.usersrc == USERSRC_NOACCESS) {
		return false;
	}
	if (believes_name(judge, rule)) {
		return false;
	}
	if (rule != NULL && rule->record.usersrc == USERSRC_MAP) {
		user = rule->record.mca_user;
	} else {
		user = channel_user(judge, &open, &why);
	}
	return user == NULL ? open : !user_is_hopeless(judge, user);
}

/* --- CHLAUTH --- */

static bool refuse_rule(struct judge *judge, const struct chlauth_rule *rule)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	bool backstop = rule->record.type == CHLAUTH_ADDRESSMAP && strcmp(rule->record.address, "*") == 0;
	judge_rule(judge, rule);
	if (backstop) {
		text_printf(&sentence, "no CHLAUTH rule of channel %s matches ", judge_channel_name(judge));
		judge_put_active(judge, &sentence);
		text_printf(&sentence, "; back-stop %s refused", rule->key);
	} else {
		text_printf(&sentence, "%s refused ", rule->key);
		judge_put_active(judge, &sentence);
		text_printf(&sentence, " on channel %s", judge_channel_name(judge));
	}
	return judge_refuse(judge, STEP_CHLAUTH, MESSAGE_NOACCESS, REASON_NOT_AUTHORIZED, room);
}

static bool refuse_hopeless(struct judge *judge, const struct chlauth_rule *best)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	if (best != NULL && best->record.usersrc == USERSRC_NOACCESS) {
		return refuse_rule(judge, best);
	}
	text_printf(&sentence, "every CHLAUTH rule of channel %s that can still match refuses ",
		judge_channel_name(judge));
	judge_put_active(judge, &sentence);
	judge_rule(judge, best);
	return judge_refuse(judge, STEP_CHLAUTH, MESSAGE_NOACCESS, REASON_NOT_AUTHORIZED, room);
}

static void trace_warned(struct judge *judge, const struct chlauth_rule *warned)
{
	char room[sizeof(judge->out->trace[0].detail)];
	struct text detail = text_init(room, sizeof(room));
	if (warned != NULL) {
		text_printf(&detail, "would refuse, but only warns: %s", warned->key);
		(void)judge_warn(judge, STEP_CHLAUTH, room);
	}
}

static bool decide_rule(struct judge *judge, const struct chlauth_rule *rule)
{
	judge->rule_decided = true;
	judge->rule = rule;
	if (rule == NULL) {
		return judge_pass(judge, STEP_CHLAUTH, "no rule matches");
	}
	if (rule->record.usersrc == USERSRC_NOACCESS) {
		return refuse_rule(judge, rule);
	}
	judge_rule(judge, rule);
	return judge_pass(judge, STEP_CHLAUTH, rule->key);
}

bool judge_chlauth(struct judge *judge)
{
	struct chlauth_choice choice;
	const struct chlauth_rules *rules = judge->policy->rules;
	bool opened = judge_gate_open(judge, GATE_CHLAUTH);
	if (opened || rules->mode == CHLAUTH_DISABLED) {
		judge->rule_decided = true;
		return opened ? judge_warn(judge, STEP_CHLAUTH, "gate opened")
			      : judge_skip(judge, STEP_CHLAUTH, "CHLAUTH(DISABLED)");
	}
	chlauth_choose(rules, &judge->view, &choice);
	trace_warned(judge, choice.warned);
	if (!choice.open) {
		return decide_rule(judge, choice.best);
	}
	/*
	 * What can still be chosen: best, or one of those that may match and come before it. best alone can be chosen too,
	 * since the missing evidence may make none of them match.
	 */
	if (!rule_is_hopeful(judge, choice.best) &&
		!chlauth_any_open(rules, &judge->view, choice.best, rule_is_hopeful, judge)) {
		return refuse_hopeless(judge, choice.best);
	}
	enum need need = judge->view.certificate == VIEW_CERTIFICATE_UNKNOWN ? NEED_CERTIFICATE
			 : judge->evidence->connect_seen                     ? NEED_LOGIN
									     : NEED_CONNECT;
	return judge_wait(judge, STEP_CHLAUTH, need, "more than one rule can still match");
}

/* --- effective user --- */

static bool refuse_user(struct judge *judge, const char *why)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	text_printf(&sentence, "channel %s has no user to run as: %s (", judge_channel_name(judge), why);
	judge_put_active(judge, &sentence);
	text_put(&sentence, ")");
	return judge_refuse(judge, STEP_EFFECTIVE_USER, MESSAGE_LOGIN, REASON_NOT_AUTHORIZED, room);
}

static bool wait_user(struct judge *judge, enum admission_step step)
{
	enum need need = judge->view.certificate == VIEW_CERTIFICATE_UNKNOWN ? NEED_CERTIFICATE
			 : judge->evidence->connect_seen                     ? NEED_LOGIN
									     : NEED_CONNECT;
	return judge_wait(judge, step, need, "the effective user is not known yet");
}

bool judge_effective_user(struct judge *judge)
{
	char room[sizeof(judge->out->trace[0].detail)];
	struct text detail = text_init(room, sizeof(room));
	const struct chlauth_rule *rule = judge->rule;
	bool open = false;
	const char *why = "";
	if (!judge->rule_decided) {
		return wait_user(judge, STEP_EFFECTIVE_USER);
	}
	if (believes_name(judge, rule)) {
		return refuse_user(judge, "the rule believes a user name that was verified by no gate");
	}
	bool mapped = rule != NULL && rule->record.usersrc == USERSRC_MAP;
	const char *user = mapped ? rule->record.mca_user : channel_user(judge, &open, &why);
	if (user == NULL) {
		return open ? wait_user(judge, STEP_EFFECTIVE_USER) : refuse_user(judge, why);
	}
	if (!text_is_user(user)) {
		return refuse_user(judge, "the name is too long, reserved, or holds control characters");
	}
	if (account_of(judge, user) == ACCOUNT_DISABLED) {
		return refuse_account(judge, STEP_EFFECTIVE_USER, user, "is disabled");
	}
	judge->effective = user;
	text_quote(&detail, bytes_text(user));
	text_put(&detail, mapped ? " by the rule's MCAUSER" : " by the channel");
	return judge_pass(judge, STEP_EFFECTIVE_USER, room);
}

/* --- what the effective user may not be, or do --- */

bool judge_block_user(struct judge *judge)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	if (judge_gate_open(judge, GATE_CHLAUTH)) {
		return judge_warn(judge, STEP_BLOCKUSER, "gate opened");
	}
	if (judge->policy->rules->mode == CHLAUTH_DISABLED) {
		return judge_skip(judge, STEP_BLOCKUSER, "CHLAUTH(DISABLED)");
	}
	if (judge->effective == NULL) {
		return wait_user(judge, STEP_BLOCKUSER);
	}
	const struct chlauth_rule *rule = block_rule(judge, judge->effective);
	if (rule == NULL) {
		return judge_pass(judge, STEP_BLOCKUSER, NULL);
	}
	text_put(&sentence, "user ");
	text_quote(&sentence, bytes_text(judge->effective));
	text_printf(&sentence, " is in the list of %s", rule->key);
	if (chlauth_only_warns(judge->policy->rules, rule)) {
		return judge_warn(judge, STEP_BLOCKUSER, room);
	}
	judge_rule(judge, rule);
	return judge_refuse(judge, STEP_BLOCKUSER, MESSAGE_BLOCKED_USER, REASON_NOT_AUTHORIZED, room);
}

bool judge_owner(struct judge *judge)
{
	char room[X509_SENTENCE_BYTES];
	struct text sentence = text_init(room, sizeof(room));
	const char *owner = judge->evidence->session_owner;
	if (judge_gate_open(judge, GATE_OWNER)) {
		return judge_warn(judge, STEP_OWNER, "gate opened");
	}
	/* Whose session it is depends on the client id, which the stack may still change. */
	if (judge->effective == NULL || !judge->names_final) {
		return wait_user(judge, STEP_OWNER);
	}
	if (owner == NULL) {
		return judge_pass(judge, STEP_OWNER, "no session stands under this client id");
	}
	if (strcmp(owner, judge->effective) == 0) {
		return judge_pass(judge, STEP_OWNER, "the session is the same user's");
	}
	text_put(&sentence, "client id ");
	text_quote(&sentence, bytes_text(judge->client_id == NULL ? "" : judge->client_id));
	text_put(&sentence, " belongs to user ");
	text_quote(&sentence, bytes_text(owner));
	text_put(&sentence, ", not to ");
	text_quote(&sentence, bytes_text(judge->effective));
	return judge_refuse(judge, STEP_OWNER, MESSAGE_OWNER, REASON_CLIENT_ID_NOT_VALID, room);
}

bool judge_connect_authority(struct judge *judge)
{
	struct authority_answer answer;
	if (judge_gate_open(judge, GATE_AUTHORITY)) {
		return judge_warn(judge, STEP_CONNECT_AUTHORITY, "gate opened");
	}
	if (judge->effective == NULL) {
		return wait_user(judge, STEP_CONNECT_AUTHORITY);
	}
	if (!may_connect(judge, judge->effective, &answer)) {
		return judge_refuse(judge, STEP_CONNECT_AUTHORITY, MESSAGE_AUTHORITY, REASON_NOT_AUTHORIZED,
			answer.reason);
	}
	return judge_pass(judge, STEP_CONNECT_AUTHORITY, answer.reason);
}
