/*
 * check.c - rules about an object as a whole, its key, and its form as auth/ takes it.
 * Owns:    nothing.
 * Never:   looks at the running broker.
 * Threads: the control loop.
 */
#include <stdlib.h>
#include <string.h>

#include "mqsc/object.h"

#define KEY_SEPARATOR "\x1f" /* cannot stand in a value: controls are refused by the parser */

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

static enum err refuse(struct mqsc_error *error, struct mqsc_position at, const char *sentence)
{
	mqsc_error_set(error, ERR_INVALID, at, "%s", sentence);
	return ERR_INVALID;
}

static bool is_blank_attribute(const struct object *object, const char *key)
{
	return object_text_or_null(object, key) == NULL;
}

static enum err check_passphrase_source(
	const struct object *object, struct mqsc_position at, struct mqsc_error *error)
{
	static const char *const schemes[] = {"file:", "fd:", "env:", "cred:"};
	const char *source = object_text(object, "SSLKEYP");

	for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
		if (strncmp(source, schemes[i], strlen(schemes[i])) == 0) {
			return ERR_OK;
		}
	}
	return refuse(error, at,
		"SSLKEYP says where the passphrase is, not what it is: file:PATH, fd:N, env:NAME or "
		"cred:NAME (put a literal into a 0600 file)");
}

static enum err check_channel(const struct object *object, bool insecure_test_gates, struct mqsc_position at,
	struct mqsc_error *error)
{
	struct auth_error why = {0};

	if (!is_object_name(object->name, AUTH_CHANNEL_NAME_BYTES_MAX)) {
		return refuse(error, at, "a channel name has 1 to 20 of A-Z a-z 0-9 . / _ %");
	}
	if (object_is(object, "USECLTID", "YES") && !is_blank_attribute(object, "MCAUSER")) {
		return refuse(error, at,
			"USECLTID(YES) and MCAUSER contradict each other; the client identifier would always "
			"win");
	}
	if (!is_blank_attribute(object, "SSLPEER")) {
		struct dn_pattern *pattern = NULL;

		if (dn_pattern_parse(object_text(object, "SSLPEER"), &pattern, &why) != ERR_OK) {
			mqsc_error_set(error, ERR_INVALID, at, "SSLPEER: %s (at character %zu)", why.sentence,
				why.offset + 1);
			return ERR_INVALID;
		}
		dn_pattern_free(pattern);
	}
	if (!is_blank_attribute(object, "LOCLADDR")) {
		struct auth_address address;

		if (auth_address_parse(object_text(object, "LOCLADDR"), &address) != ERR_OK) {
			return refuse(error, at, "LOCLADDR is one IPv4 or IPv6 address");
		}
	}
	if (!is_blank_attribute(object, "INSECGATE") && !insecure_test_gates) {
		return refuse(error, at,
			"INSECGATE opens a gate; it is accepted only under lockgate run "
			"--insecure-test-gates");
	}
	if (!is_blank_attribute(object, "SSLKEYP")) {
		return check_passphrase_source(object, at, error);
	}
	return ERR_OK;
}

static enum err check_topic(const struct object *object, struct mqsc_position at, struct mqsc_error *error)
{
	struct topic_object topic = {object->name, object_text(object, "TOPICSTR")};
	struct auth_error why = {0};
	struct authority *authority = NULL;

	if (!is_object_name(object->name, 48)) {
		return refuse(error, at, "a topic object's name has 1 to 48 of A-Z a-z 0-9 . / _ %");
	}
	if (authority_new(&topic, 1, NULL, 0, 0, &authority, &why) != ERR_OK) {
		mqsc_error_set(error, ERR_INVALID, at, "TOPICSTR: %s", why.sentence);
		return ERR_INVALID;
	}
	authority_unref(authority);
	return ERR_OK;
}

static enum err check_chlauth(const struct object *object, struct mqsc_position at, struct mqsc_error *error)
{
	const char *list[MQSC_VALUES_MAX];
	struct chlauth_record record;
	struct auth_error why = {0};

	object_to_chlauth(object, &record, list);
	if (chlauth_record_check(&record, &why) != ERR_OK) {
		mqsc_error_set(error, ERR_INVALID, at, "%s", why.sentence);
		return ERR_INVALID;
	}
	return ERR_OK;
}

static enum err check_authrec(const struct object *object, struct mqsc_position at, struct mqsc_error *error)
{
	bool qmgr = object_is(object, "OBJTYPE", "QMGR");

	if (is_blank_attribute(object, "OBJTYPE")) {
		return refuse(error, at, "OBJTYPE is missing; expected OBJTYPE(QMGR) or OBJTYPE(TOPIC)");
	}
	if (is_blank_attribute(object, "PRINCIPAL") == is_blank_attribute(object, "GROUP")) {
		return refuse(error, at, "exactly one of PRINCIPAL and GROUP is needed");
	}
	if (qmgr != (object->name[0] == '\0')) {
		return refuse(error, at,
			qmgr ? "OBJTYPE(QMGR) takes no PROFILE"
			     : "PROFILE is missing: the name of a topic object");
	}
	if (qmgr && (object_is(object, "AUTHLIST", "PUB") || object_is(object, "AUTHLIST", "SUB"))) {
		return refuse(error, at, "PUB and SUB are granted on OBJTYPE(TOPIC)");
	}
	if (!qmgr && object_is(object, "AUTHLIST", "CONNECT")) {
		return refuse(error, at, "CONNECT is granted on OBJTYPE(QMGR)");
	}
	return ERR_OK;
}

static const char *const chlauth_key_parts[] = {
	"TYPE", "SSLPEER", "SSLCERTI", "SSLFPRT", "CLNTUSER", "ADDRESS", NULL};
static const char *const authrec_key_parts[] = {"OBJTYPE", "PRINCIPAL", "GROUP", NULL};
static const char *const no_key_parts[] = {NULL};

static const char *const *key_parts(enum object_class class)
{
	switch (class) {
	case OBJECT_CHLAUTH: return chlauth_key_parts;
	case OBJECT_AUTHREC: return authrec_key_parts;
	case OBJECT_CHANNEL:
	case OBJECT_TOPIC:
	case OBJECT_QMGR:
	case OBJECT_CLASS_COUNT_: break;
	}
	return no_key_parts;
}

static enum err build_key(struct object *object)
{
	const char *const *parts = key_parts(object->class);
	struct buf key = BUF_INIT(8192);
	const char *text = NULL;
	enum err err = buf_append_text(&key, object->class == OBJECT_QMGR ? "" : object->name);

	for (size_t i = 0; err == ERR_OK && parts[i] != NULL; i++) {
		err = buf_append_text(&key, KEY_SEPARATOR);
		if (err == ERR_OK) {
			err = buf_append_text(&key, object_text(object, parts[i]));
		}
	}
	if (err == ERR_OK) {
		err = buf_text(&key, &text);
	}
	if (err == ERR_OK) {
		char *copy = strdup(text);

		if (copy == NULL) {
			err = ERR_NOMEM;
		} else {
			free(object->key);
			object->key = copy;
		}
	}
	buf_release(&key);
	return err;
}

enum err object_finish(
	struct object *object, bool insecure_test_gates, struct mqsc_position at, struct mqsc_error *error)
{
	enum err err = ERR_OK;

	switch (object->class) {
	case OBJECT_CHANNEL: err = check_channel(object, insecure_test_gates, at, error); break;
	case OBJECT_TOPIC: err = check_topic(object, at, error); break;
	case OBJECT_CHLAUTH: err = check_chlauth(object, at, error); break;
	case OBJECT_AUTHREC: err = check_authrec(object, at, error); break;
	case OBJECT_QMGR:
	case OBJECT_CLASS_COUNT_: break;
	}
	if (err == ERR_OK) {
		err = build_key(object);
		if (err != ERR_OK) {
			mqsc_error_set(error, err, at, "out of memory");
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
	bool group = object_text_or_null(object, "GROUP") != NULL;

	*out = (struct authority_record){
		.profile = qmgr ? NULL : object->name,
		.queue_manager = qmgr,
		.group = group,
		.entity = object_text(object, group ? "GROUP" : "PRINCIPAL"),
		.rights = (object_is(object, "AUTHLIST", "CONNECT") ? (unsigned)RIGHT_CONNECT : 0u) |
			  (object_is(object, "AUTHLIST", "PUB") ? (unsigned)RIGHT_PUB : 0u) |
			  (object_is(object, "AUTHLIST", "SUB") ? (unsigned)RIGHT_SUB : 0u),
	};
}
