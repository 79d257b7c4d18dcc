/*
 * check.c - rules about an object as a whole, and its form as auth/ takes it.
 * Owns:    nothing.
 * Never:   looks at the running broker.
 * Threads: the control loop.
 */
#include <string.h>
#include <strings.h>

#include "mqsc/object.h"

static bool is_object_name(const char *name, size_t max)
{
	size_t len = strlen(name);

	if (len == 0 || len > max) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    strchr("./_%", c) != NULL;

		if (!good) {
			return false;
		}
	}
	return true;
}

/* What is checked, and where an error about one of its attributes is placed. */
struct check {
	const struct object *object;
	const struct mqsc_command *command; /* NULL: not from a script */
	struct mqsc_error *error;
};

/* The value of key where the command gives one, else the object's name. */
static struct mqsc_position place(const struct check *check, const char *key)
{
	const struct mqsc_command *command = check->command;

	if (command == NULL) {
		return (struct mqsc_position){0, 0};
	}
	for (size_t i = 2; key != NULL && i < command->param_count; i++) {
		const struct mqsc_param *param = &command->params[i];

		if (strcmp(param->key, key) == 0) {
			return param->value_count > 0 ? param->values[0].at : param->at;
		}
	}
	return command->params[1].value_count > 0 ? command->params[1].values[0].at : command->params[1].at;
}

static enum err refuse(const struct check *check, const char *key, const char *sentence)
{
	mqsc_error_set(check->error, ERR_INVALID, place(check, key), "%s", sentence);
	return ERR_INVALID;
}

/* auth's reason, about one attribute's value. */
static enum err refuse_value(const struct check *check, const char *key, const struct auth_error *why)
{
	enum err err = why->err == ERR_NOMEM ? ERR_NOMEM : ERR_INVALID;

	mqsc_error_set(check->error, err, place(check, key), "%s: %s (at character %zu)", key, why->sentence,
		why->offset + 1);
	return err;
}

/* auth's reason, about the record as a whole. */
static enum err refuse_whole(const struct check *check, const char *key, const struct auth_error *why)
{
	enum err err = why->err == ERR_NOMEM ? ERR_NOMEM : ERR_INVALID;

	mqsc_error_set(check->error, err, place(check, key), "%s", why->sentence);
	return err;
}

static bool is_blank(const struct check *check, const char *key)
{
	return object_text_or_null(check->object, key) == NULL;
}

static enum err check_passphrase_source(const struct check *check)
{
	static const char *const schemes[] = {"file:", "fd:", "env:", "cred:"};
	const char *source = object_text(check->object, "SSLKEYP");

	for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
		if (strncmp(source, schemes[i], strlen(schemes[i])) == 0) {
			return ERR_OK;
		}
	}
	return refuse(check, "SSLKEYP",
		"SSLKEYP says where the passphrase is, not what it is: file:PATH, fd:N, env:NAME or "
		"cred:NAME (put a literal into a 0600 file)");
}

/* What policy_new() would refuse must never be in the catalog: no later change could be published. */
static enum err check_channel_policy(const struct check *check)
{
	struct channel_policy channel = {
		.name = check->object->name,
		.mca_user = object_text_or_null(check->object, "MCAUSER"),
		.use_client_id = object_is(check->object, "USECLTID", "YES"),
	};
	struct policy_parts parts = {.channels = &channel, .channel_count = 1};
	struct chlauth_rules *rules = NULL;
	struct authority *authority = NULL;
	struct policy *policy = NULL;
	struct auth_error why = {0};
	enum err err = chlauth_rules_new(NULL, 0, CHLAUTH_ENABLED, 0, &rules, &why);

	if (err == ERR_OK) {
		err = authority_new(NULL, 0, NULL, 0, 0, &authority, &why);
	}
	if (err == ERR_OK) {
		parts.rules = rules;
		parts.authority = authority;
		err = policy_new(&parts, &policy, &why);
	}
	policy_unref(policy);
	chlauth_rules_unref(rules);
	authority_unref(authority);
	return err == ERR_OK ? ERR_OK : refuse_whole(check, "MCAUSER", &why);
}

static enum err check_labels(const struct check *check)
{
	size_t count = object_list_count(check->object, "CERTLABL");

	if (count > MQSC_CERT_LABELS_MAX) {
		return refuse(check, "CERTLABL", "CERTLABL names at most 16 keys");
	}
	for (size_t i = 0; i < count; i++) {
		if (object_list_item(check->object, "CERTLABL", i)[0] == '\0') {
			return refuse(check, "CERTLABL", "an alias in CERTLABL is blank");
		}
	}
	return ERR_OK;
}

static enum err check_policies(const struct check *check)
{
	size_t count = object_list_count(check->object, "CERTPOL");

	if (count > AUTH_CERT_POLICIES_MAX) {
		return refuse(check, "CERTPOL", "CERTPOL names at most 16 policies");
	}
	for (size_t i = 0; i < count; i++) {
		if (!auth_policy_oid_valid(object_list_item(check->object, "CERTPOL", i))) {
			return refuse(check, "CERTPOL",
				"CERTPOL holds object identifiers such as 1.3.6.1.4.1.99999.1.2");
		}
	}
	return ERR_OK;
}

static enum err check_channel(const struct check *check, bool insecure_test_gates)
{
	struct auth_error why = {0};

	if (!is_object_name(check->object->name, AUTH_CHANNEL_NAME_BYTES_MAX)) {
		return refuse(check, NULL, "a channel name has 1 to 20 of A-Z a-z 0-9 . / _ %");
	}
	if (object_is(check->object, "USECLTID", "YES") && !is_blank(check, "MCAUSER")) {
		return refuse(check, "USECLTID",
			"USECLTID(YES) and MCAUSER contradict each other; the client identifier would always "
			"win");
	}
	if (!is_blank(check, "SSLPEER")) {
		struct dn_pattern *pattern = NULL;

		if (dn_pattern_parse(object_text(check->object, "SSLPEER"), &pattern, &why) != ERR_OK) {
			return refuse_value(check, "SSLPEER", &why);
		}
		dn_pattern_free(pattern);
	}
	if (!is_blank(check, "LOCLADDR")) {
		struct auth_address address;

		if (auth_address_parse(object_text(check->object, "LOCLADDR"), &address) != ERR_OK) {
			return refuse(check, "LOCLADDR", "LOCLADDR is one IPv4 or IPv6 address");
		}
	}
	if (!is_blank(check, "INSECGATE") && !insecure_test_gates) {
		return refuse(check, "INSECGATE",
			"INSECGATE opens a gate; it is accepted only under lockgate run "
			"--insecure-test-gates");
	}
	if (!is_blank(check, "SSLKEYP") && check_passphrase_source(check) != ERR_OK) {
		return ERR_INVALID;
	}
	if (object_list_count(check->object, "REVINFO") > MQSC_REVINFO_MAX) {
		return refuse(check, "REVINFO", "REVINFO names at most 16 AUTHINFO objects");
	}
	if (check_labels(check) != ERR_OK || check_policies(check) != ERR_OK) {
		return ERR_INVALID;
	}
	return check_channel_policy(check);
}

/* An address that is fetched; what the fetcher makes of it in detail is checked where it is used. */
static enum err check_url(const struct check *check, const char *key)
{
	static const char *const schemes[] = {"http://", "https://"};
	const char *url = object_text(check->object, key);
	const char *host = "";

	for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
		if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0) {
			host = url + strlen(schemes[i]);
		}
	}
	bool good = host[0] != '\0' && strchr("/:?", host[0]) == NULL && strpbrk(url, "@#\"\\") == NULL;

	for (const char *at = url; good && *at != '\0'; at++) {
		good = *at > 0x20 && *at < 0x7f;
	}
	if (!good) {
		mqsc_error_set(check->error, ERR_INVALID, place(check, key),
			"%s is http[s]://HOST[:PORT][/PATH], without user or fragment", key);
		return ERR_INVALID;
	}
	return ERR_OK;
}

static enum err check_authinfo(const struct check *check)
{
	bool ocsp = object_is(check->object, "AUTHTYPE", "OCSP");
	const char *key = ocsp ? "OCSPURL" : "CRLURL";
	const char *other = ocsp ? "CRLURL" : "OCSPURL";

	if (!is_object_name(check->object->name, AUTH_OBJECT_NAME_BYTES_MAX)) {
		return refuse(
			check, NULL, "the name of an AUTHINFO object has 1 to 48 of A-Z a-z 0-9 . / _ %");
	}
	if (is_blank(check, "AUTHTYPE")) {
		return refuse(check, "AUTHTYPE",
			"AUTHTYPE is missing; expected AUTHTYPE(OCSP) or AUTHTYPE(CRLURL)");
	}
	if (is_blank(check, key) || !is_blank(check, other)) {
		return refuse(check, is_blank(check, key) ? NULL : other,
			ocsp ? "AUTHTYPE(OCSP) needs OCSPURL, and takes no CRLURL"
			     : "AUTHTYPE(CRLURL) needs CRLURL, and takes no OCSPURL");
	}
	return check_url(check, key);
}

/* What the fetcher makes of it in detail is checked where it is put in force. */
static enum err check_qmgr(const struct check *check)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:/[]";

	for (size_t i = 0; i < object_list_count(check->object, "REVALLOW"); i++) {
		const char *item = object_list_item(check->object, "REVALLOW", i);

		if (item[strspn(item, allowed)] != '\0') {
			return refuse(check, "REVALLOW",
				"REVALLOW holds host names, addresses and networks such as 192.0.2.0/24");
		}
	}
	return ERR_OK;
}

static enum err check_topic(const struct check *check)
{
	struct topic_object topic = {check->object->name, object_text(check->object, "TOPICSTR")};
	struct auth_error why = {0};
	struct authority *authority = NULL;

	if (!is_object_name(check->object->name, AUTH_OBJECT_NAME_BYTES_MAX)) {
		return refuse(check, NULL, "a topic object's name has 1 to 48 of A-Z a-z 0-9 . / _ %");
	}
	if (authority_new(&topic, 1, NULL, 0, 0, &authority, &why) != ERR_OK) {
		return refuse_value(check, "TOPICSTR", &why);
	}
	authority_unref(authority);
	return ERR_OK;
}

/* The patterns one by one, so that an error is placed at the one that is wrong. */
static enum err check_patterns(const struct check *check)
{
	static const char *const names[] = {"SSLPEER", "SSLCERTI"};
	const char *address = object_text_or_null(check->object, "ADDRESS");
	struct auth_error why = {0};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		const char *text = object_text_or_null(check->object, names[i]);
		struct dn_pattern *pattern = NULL;

		if (text != NULL && dn_pattern_parse(text, &pattern, &why) != ERR_OK) {
			return refuse_value(check, names[i], &why);
		}
		dn_pattern_free(pattern);
	}
	struct address_pattern *pattern = NULL;

	if (address != NULL && address_pattern_parse(address, &pattern, &why) != ERR_OK) {
		return refuse_value(check, "ADDRESS", &why);
	}
	address_pattern_free(pattern);
	return ERR_OK;
}

static enum err check_chlauth(const struct check *check)
{
	const char *list[MQSC_VALUES_MAX];
	struct chlauth_record record;
	struct auth_error why = {0};

	if (is_blank(check, "TYPE")) {
		return refuse(check, "TYPE", "TYPE cannot be blank");
	}
	object_to_chlauth(check->object, &record, list);
	const char *other = record.type == CHLAUTH_BLOCKADDR ? "USERLIST" : "ADDRLIST";

	if (!is_blank(check, other)) {
		mqsc_error_set(check->error, ERR_INVALID, place(check, other), "TYPE(%s) takes no %s",
			chlauth_type_name(record.type), other);
		return ERR_INVALID;
	}
	if (check_patterns(check) != ERR_OK) {
		return check->error->err;
	}
	if (chlauth_record_check(&record, &why) != ERR_OK) {
		return refuse_whole(check, NULL, &why);
	}
	return ERR_OK;
}

static enum err check_authrec(const struct check *check)
{
	const struct object *object = check->object;
	bool qmgr = object_is(object, "OBJTYPE", "QMGR");
	struct authority_record record;
	struct auth_error why = {0};
	struct authority *authority = NULL;

	if (is_blank(check, "OBJTYPE")) {
		return refuse(
			check, "OBJTYPE", "OBJTYPE is missing; expected OBJTYPE(QMGR) or OBJTYPE(TOPIC)");
	}
	if (is_blank(check, "PRINCIPAL")) {
		return refuse(check, "PRINCIPAL", "PRINCIPAL is missing: the user that is meant");
	}
	if (qmgr != (object->name[0] == '\0')) {
		return refuse(check, "PROFILE",
			qmgr ? "OBJTYPE(QMGR) takes no PROFILE"
			     : "PROFILE is missing: the name of a topic object, or a generic one");
	}
	object_to_authority(object, &record);
	if (authority_new(NULL, 0, &record, 1, 0, &authority, &why) != ERR_OK) {
		return refuse_whole(check, qmgr ? "PRINCIPAL" : "PROFILE", &why);
	}
	authority_unref(authority);
	return ERR_OK;
}

enum err object_finish(struct object *object, bool insecure_test_gates, const struct mqsc_command *command,
	struct mqsc_error *error)
{
	struct check check = {object, command, error};
	enum err err = ERR_OK;

	switch (object->class) {
	case OBJECT_CHANNEL: err = check_channel(&check, insecure_test_gates); break;
	case OBJECT_TOPIC: err = check_topic(&check); break;
	case OBJECT_CHLAUTH: err = check_chlauth(&check); break;
	case OBJECT_AUTHREC: err = check_authrec(&check); break;
	case OBJECT_AUTHINFO: err = check_authinfo(&check); break;
	case OBJECT_QMGR: err = check_qmgr(&check); break;
	case OBJECT_CLASS_COUNT_: break;
	}
	if (err == ERR_OK) {
		err = object_build_key(object);
		if (err != ERR_OK) {
			mqsc_error_set(error, err, place(&check, NULL),
				err == ERR_NOMEM ? "out of memory" : "the record is too long");
		}
	}
	return err;
}

static const struct {
	const char *word;
	enum chlauth_type type;
} types[] = {
	{"BLOCKUSER", CHLAUTH_BLOCKUSER},
	{"BLOCKADDR", CHLAUTH_BLOCKADDR},
	{"SSLPEERMAP", CHLAUTH_SSLPEERMAP},
	{"ADDRESSMAP", CHLAUTH_ADDRESSMAP},
	{"USERMAP", CHLAUTH_USERMAP},
};

void object_to_chlauth(const struct object *object, struct chlauth_record *out, const char **list_space)
{
	*out = (struct chlauth_record){
		.profile = object->name,
		.ssl_peer = object_text_or_null(object, "SSLPEER"),
		.ssl_issuer = object_text_or_null(object, "SSLCERTI"),
		.fingerprint = object_text_or_null(object, "SSLFPRT"),
		.address = object_text_or_null(object, "ADDRESS"),
		.client_user = object_text_or_null(object, "CLNTUSER"),
		.usersrc = USERSRC_MAP,
		.mca_user = object_text_or_null(object, "MCAUSER"),
		.warn = object_is(object, "WARN", "YES"),
		.description = object_text_or_null(object, "DESCR"),
	};
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		if (object_is(object, "TYPE", types[i].word)) {
			out->type = types[i].type;
		}
	}
	if (object_is(object, "USERSRC", "NOACCESS")) {
		out->usersrc = USERSRC_NOACCESS;
	} else if (object_is(object, "USERSRC", "CHANNEL")) {
		out->usersrc = USERSRC_CHANNEL;
	}
	const char *list = out->type == CHLAUTH_BLOCKADDR ? "ADDRLIST" : "USERLIST";

	out->list = list_space;
	out->list_count = object_list_count(object, list);
	for (size_t i = 0; i < out->list_count; i++) {
		list_space[i] = object_list_item(object, list, i);
	}
}

void object_to_authority(const struct object *object, struct authority_record *out)
{
	bool qmgr = object_is(object, "OBJTYPE", "QMGR");

	*out = (struct authority_record){
		.profile = qmgr ? NULL : object->name,
		.queue_manager = qmgr,
		.entity = object_text(object, "PRINCIPAL"),
		.rights = (object_is(object, "AUTHLIST", "CONNECT") ? (unsigned)RIGHT_CONNECT : 0u) |
			  (object_is(object, "AUTHLIST", "PUB") ? (unsigned)RIGHT_PUB : 0u) |
			  (object_is(object, "AUTHLIST", "SUB") ? (unsigned)RIGHT_SUB : 0u),
	};
}
