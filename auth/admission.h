/*
 * admission.h - the judge's working state, shared by the steps in admission_*.c.
 * Owns:    nothing.
 * Never:   seen outside auth/.
 * Threads: one judgement, one thread.
 */
#ifndef LOCKGATE_AUTH_ADMISSION_H
#define LOCKGATE_AUTH_ADMISSION_H

#include "auth/policy.h"
#include "auth/text.h"

struct judge {
	const struct policy *policy;
	const struct policy_channel_entry *entry;
	const struct evidence *evidence;
	int64_t now;
	struct admission_verdict *out;
	bool asked;               /* an operator's question: names are taken as proven */
	struct chlauth_view view; /* what CHLAUTH sees; filled as steps learn it */
	bool names_final;         /* user and client id are those that count, after any rewrite */
	const char *user;         /* NULL: none */
	const char *client_id;    /* NULL: none */
	bool user_verified, user_may_be_verified, client_id_bound;
	bool rule_decided;
	const struct chlauth_rule *rule;     /* NULL: none matches */
	const struct chlauth_rule *deciding; /* whose key the verdict shows: of any type */
	const char *effective;               /* NULL: not known yet */
	const char *pin;
	bool without_revocation; /* it is not known, and the rest is judged */
	int64_t valid_until;
};

/*
 * Each step looks at what is known. true: go on (passed, skipped, or waiting for evidence that was not there);
 * false: refused, and no later evidence could change that. A step never admits.
 */
bool judge_channel(struct judge *judge);
bool judge_block_address(struct judge *judge);
bool judge_client_auth(struct judge *judge);
bool judge_path(struct judge *judge);
bool judge_ssl_peer(struct judge *judge);
bool judge_login(struct judge *judge);
bool judge_account(struct judge *judge);
bool judge_chlauth(struct judge *judge);
bool judge_effective_user(struct judge *judge);
bool judge_block_user(struct judge *judge);
bool judge_owner(struct judge *judge);
bool judge_connect_authority(struct judge *judge);

/* --- what the steps write with --- */
bool judge_gate_open(const struct judge *judge, enum gate gate);
const char *judge_channel_name(const struct judge *judge);
/* detail may be NULL. All three return what the step returns. */
bool judge_pass(struct judge *judge, enum admission_step step, const char *detail);
bool judge_skip(struct judge *judge, enum admission_step step, const char *detail);
bool judge_warn(struct judge *judge, enum admission_step step, const char *detail);
bool judge_wait(struct judge *judge, enum admission_step step, enum need need, const char *detail);
/* sentence is already escaped text. */
bool judge_refuse(struct judge *judge, enum admission_step step, const char *message_id, uint8_t reason_code,
	const char *sentence);
void judge_rule(struct judge *judge, const struct chlauth_rule *rule); /* the deciding rule's key */
/* "address 192.0.2.1, certificate 'pump-7' of 'Plant CA', user 'd1'": what CHLAUTH looked at. */
void judge_put_active(const struct judge *judge, struct text *text);

/* MQTT 5 reason codes that a refusal may carry (MQTT-3.2.2.2, 3.14.2.1). */
enum {
	REASON_CLIENT_ID_NOT_VALID = 0x85,
	REASON_BAD_USER_NAME_OR_PASSWORD = 0x86,
	REASON_NOT_AUTHORIZED = 0x87,
	REASON_SERVER_BUSY = 0x89
};

/*
 * Message ids: the number of the IBM MQ message that says the same, behind our prefix (mq-semantics 11.2). Where MQ has
 * none that we know by number, the next free one of the 95xx range: 9556 a login module failed, 9558 too busy to judge,
 * 9559 too many wait for revocation data, 9788 blocked by address.
 */
#define MESSAGE_NO_CHANNEL      "LKG9519E"
#define MESSAGE_BLOCKED_ADDR    "LKG9788E"
#define MESSAGE_NO_CERT         "LKG9637E"
#define MESSAGE_BAD_CERT        "LKG9633E"
#define MESSAGE_REVOCATION      "LKG9716E"
#define MESSAGE_REVOCATION_BUSY "LKG9559E"
#define MESSAGE_SSL_PEER        "LKG9636E"
#define MESSAGE_LOGIN           "LKG9557E"
#define MESSAGE_LOGIN_MODULE    "LKG9556E"
#define MESSAGE_LOGIN_BUSY      "LKG9558E"
#define MESSAGE_NOACCESS        "LKG9777E"
#define MESSAGE_BLOCKED_USER    "LKG9776E"
#define MESSAGE_OWNER           "LKGXR0010E"
#define MESSAGE_AUTHORITY       "LKG8077W"
#define MESSAGE_ADMITTED        "LKG9783I"

#endif
