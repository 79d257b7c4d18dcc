/*
 * chlauth_record.c - one CHLAUTH record: is it well formed, what is its key, and its parsed form (mq-semantics 3.1, 3.3).
 * Owns:    the parsed form.
 * Never:   compares with other records but for the key.
 * Threads: any; pure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/chlauth.h"
#include "auth/text.h"
#include "base/utf8.h"

#define RULE_TEXT_BYTES_MAX 8192u

const char *chlauth_type_name(enum chlauth_type type)
{
	switch (type) {
	case CHLAUTH_BLOCKUSER: return "BLOCKUSER";
	case CHLAUTH_BLOCKADDR: return "BLOCKADDR";
	case CHLAUTH_SSLPEERMAP: return "SSLPEERMAP";
	case CHLAUTH_ADDRESSMAP: return "ADDRESSMAP";
	case CHLAUTH_USERMAP: return "USERMAP";
	case CHLAUTH_QMGRMAP: return "QMGRMAP";
	}
	return "?";
}

const char *chlauth_usersrc_name(enum chlauth_usersrc source)
{
	switch (source) {
	case USERSRC_MAP: return "MAP";
	case USERSRC_NOACCESS: return "NOACCESS";
	case USERSRC_CHANNEL: return "CHANNEL";
	}
	return "?";
}

static bool given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static bool is_block(enum chlauth_type type)
{
	return type == CHLAUTH_BLOCKUSER || type == CHLAUTH_BLOCKADDR;
}

/* --- is it well formed by itself --- */

static enum err check_profile(const struct chlauth_record *record, struct auth_error *error)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./_%*";
	if (!given(record->profile)) {
		return auth_fail(error, ERR_INVALID, 0, "a rule needs a channel profile");
	}
	size_t good = strspn(record->profile, allowed);
	if (record->profile[good] != '\0') {
		return auth_fail(
			error, ERR_INVALID, good, "a channel profile holds A-Z a-z 0-9 . / _ %% and *");
	}
	if (good > AUTH_CHANNEL_NAME_BYTES_MAX) {
		return auth_fail(error, ERR_LIMIT, AUTH_CHANNEL_NAME_BYTES_MAX,
			"a channel profile has at most %u characters", AUTH_CHANNEL_NAME_BYTES_MAX);
	}
	if (record->type == CHLAUTH_BLOCKADDR && strcmp(record->profile, "*") != 0) {
		return auth_fail(error, ERR_INVALID, 0,
			"BLOCKADDR is looked at before the channel is known: its profile must be '*'");
	}
	return ERR_OK;
}

/* Which selectors a type takes: a letter each for SSLPEER or SSLFPRT, ADDRESS, CLNTUSER, list; upper case: needed. */
static const char *selectors_of(enum chlauth_type type)
{
	switch (type) {
	case CHLAUTH_BLOCKUSER:
	case CHLAUTH_BLOCKADDR: return "L";
	case CHLAUTH_SSLPEERMAP: return "Pa";
	case CHLAUTH_ADDRESSMAP: return "A";
	case CHLAUTH_USERMAP: return "Ua";
	case CHLAUTH_QMGRMAP: return "";
	}
	return "";
}

static enum err check_selectors(const struct chlauth_record *record, struct auth_error *error)
{
	const struct {
		char needed, allowed;
		bool there;
		const char *name;
	} selectors[] = {
		{'P', 'p', given(record->ssl_peer) || given(record->fingerprint), "SSLPEER or SSLFPRT"},
		{'P', 'p', given(record->ssl_issuer), "SSLCERTI"},
		{'A', 'a', given(record->address), "ADDRESS"},
		{'U', 'u', given(record->client_user), "CLNTUSER"},
		{'L', 'l', record->list_count > 0, "a list"},
	};
	const char *takes = selectors_of(record->type);
	const char *type = chlauth_type_name(record->type);
	for (size_t i = 0; i < ARRAY_COUNT(selectors); i++) {
		bool needed = strchr(takes, selectors[i].needed) != NULL;
		if (selectors[i].there && !needed && strchr(takes, selectors[i].allowed) == NULL) {
			return auth_fail(
				error, ERR_INVALID, 0, "TYPE(%s) takes no %s", type, selectors[i].name);
		}
		bool optional = strcmp(selectors[i].name, "SSLCERTI") == 0;
		if (needed && !optional && !selectors[i].there) {
			return auth_fail(error, ERR_INVALID, 0, "TYPE(%s) needs %s", type, selectors[i].name);
		}
	}
	return ERR_OK;
}

static enum err check_list(const struct chlauth_record *record, struct auth_error *error)
{
	if (record->list_count > AUTH_LIST_ITEMS_MAX) {
		return auth_fail(error, ERR_LIMIT, 0, "a list has at most %u entries", AUTH_LIST_ITEMS_MAX);
	}
	for (size_t i = 0; i < record->list_count; i++) {
		const char *item = record->list[i];
		if (!given(item)) {
			return auth_fail(error, ERR_INVALID, 0, "a list entry may not be empty");
		}
		if (record->type == CHLAUTH_BLOCKUSER && strcmp(item, "*MQADMIN") != 0 &&
			!text_is_user(item)) {
			return auth_fail(
				error, ERR_INVALID, 0, "entry %zu of USERLIST is no user name", i + 1);
		}
	}
	return ERR_OK;
}

static enum err check_source(const struct chlauth_record *record, struct auth_error *error)
{
	bool maps = !is_block(record->type) && record->usersrc == USERSRC_MAP;
	bool blocks = is_block(record->type) || record->usersrc == USERSRC_NOACCESS;
	if (maps && !given(record->mca_user)) {
		return auth_fail(error, ERR_INVALID, 0, "USERSRC(MAP) needs MCAUSER");
	}
	if (!maps && given(record->mca_user)) {
		return auth_fail(error, ERR_INVALID, 0, "MCAUSER goes only with USERSRC(MAP)");
	}
	if (maps && !text_is_user(record->mca_user)) {
		return auth_fail(error, ERR_INVALID, 0,
			"MCAUSER is 1 to %u bytes of text, and does not begin with '*'", AUTH_USER_BYTES_MAX);
	}
	if (given(record->client_user) && !text_is_user(record->client_user)) {
		return auth_fail(error, ERR_INVALID, 0,
			"CLNTUSER is one user name of 1 to %u bytes, without wildcard", AUTH_USER_BYTES_MAX);
	}
	if (record->warn && !blocks) {
		return auth_fail(
			error, ERR_INVALID, 0, "WARN(YES) goes only with NOACCESS and the BLOCK types");
	}
	if (record->description != NULL && !text_is_plain(bytes_text(record->description))) {
		return auth_fail(error, ERR_INVALID, 0, "DESCR is UTF-8 without control characters");
	}
	return ERR_OK;
}

static enum err check_words(const struct chlauth_record *record, struct auth_error *error)
{
	enum err err = check_profile(record, error);
	if (err == ERR_OK && record->type == CHLAUTH_QMGRMAP) {
		return auth_fail(
			error, ERR_UNSUPPORTED, 0, "TYPE(QMGRMAP): no MQTT client is a queue manager");
	}
	if (err == ERR_OK) {
		err = check_selectors(record, error);
	}
	if (err == ERR_OK) {
		err = check_list(record, error);
	}
	return err == ERR_OK ? check_source(record, error) : err;
}

/* --- the parsed form --- */

/* Two hexadecimal digits each, with or without colons between. */
static enum err parse_fingerprint(const char *text, uint8_t out[SHA256_BYTES], struct auth_error *error)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;
	bool colons = strlen(text) > 2 && text[2] == ':';
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		unsigned value = 0;
		if (colons && i > 0 && text[at++] != ':') {
			return auth_fail(error, ERR_INVALID, at - 1, "SSLFPRT: expected ':'");
		}
		for (size_t n = 0; n < 2; n++) {
			const char *digit =
				text[at] == '\0' ? NULL : strchr(digits, (char)text_fold((uint8_t)text[at]));
			if (digit == NULL) {
				return auth_fail(
					error, ERR_INVALID, at, "SSLFPRT is a SHA-256 in 64 hex digits");
			}
			value = value * 16 + (unsigned)(digit - digits);
			at++;
		}
		out[i] = (uint8_t)value;
	}
	return text[at] == '\0' ? ERR_OK
				: auth_fail(error, ERR_INVALID, at, "SSLFPRT is a SHA-256 in 64 hex digits");
}

static enum err parse_names(struct chlauth_rule *rule, struct auth_error *error)
{
	const struct chlauth_record *record = &rule->record;
	enum err err = ERR_OK;
	if (given(record->ssl_peer)) {
		err = dn_pattern_parse(record->ssl_peer, &rule->peer, error);
	}
	if (err == ERR_OK && given(record->ssl_issuer)) {
		err = dn_pattern_parse(record->ssl_issuer, &rule->issuer, error);
		if (err == ERR_OK && dn_pattern_names(rule->issuer, DN_SERIALNUMBER)) {
			/* It would never match, and a rule that refuses must not be dead by mistake. */
			err = auth_fail(error, ERR_INVALID, 0,
				"SERIALNUMBER is the subject's: SSLCERTI may not name it");
		}
	}
	if (err == ERR_OK && given(record->fingerprint)) {
		err = parse_fingerprint(record->fingerprint, rule->fingerprint, error);
		rule->has_fingerprint = err == ERR_OK;
	}
	return err;
}

static enum err parse_addresses(struct chlauth_rule *rule, struct auth_error *error)
{
	const struct chlauth_record *record = &rule->record;
	enum err err = ERR_OK;
	if (given(record->address)) {
		err = address_pattern_parse(record->address, &rule->address, error);
	}
	if (err != ERR_OK || record->type != CHLAUTH_BLOCKADDR) {
		return err;
	}
	rule->addresses = calloc(record->list_count, sizeof(*rule->addresses));
	if (rule->addresses == NULL) {
		return auth_fail(error, ERR_NOMEM, 0, "out of memory");
	}
	for (size_t i = 0; i < record->list_count && err == ERR_OK; i++) {
		err = address_pattern_parse(record->list[i], &rule->addresses[i], error);
	}
	return err;
}

static const char *copy_text(char **at, const char *from)
{
	char *start = *at;
	if (!given(from)) {
		return NULL;
	}
	size_t len = strlen(from) + 1;
	memcpy(start, from, len);
	*at += len;
	return start;
}

static size_t text_size(const char *text)
{
	return given(text) ? strlen(text) + 1 : 0;
}

static enum err copy_record(struct chlauth_rule *rule, const struct chlauth_record *from)
{
	size_t size = 1 + text_size(from->profile) + text_size(from->ssl_peer) + text_size(from->ssl_issuer) +
		      text_size(from->fingerprint) + text_size(from->address) + text_size(from->client_user) +
		      text_size(from->mca_user) + text_size(from->description);
	for (size_t i = 0; i < from->list_count; i++) {
		size += text_size(from->list[i]);
	}
	rule->text = malloc(size);
	rule->list = from->list_count > 0 ? calloc(from->list_count, sizeof(*rule->list)) : NULL;
	if (rule->text == NULL || (from->list_count > 0 && rule->list == NULL)) {
		return ERR_NOMEM;
	}
	char *at = rule->text;
	struct chlauth_record *to = &rule->record;
	*to = *from;
	to->profile = copy_text(&at, from->profile);
	to->ssl_peer = copy_text(&at, from->ssl_peer);
	to->ssl_issuer = copy_text(&at, from->ssl_issuer);
	to->fingerprint = copy_text(&at, from->fingerprint);
	to->address = copy_text(&at, from->address);
	to->client_user = copy_text(&at, from->client_user);
	to->mca_user = copy_text(&at, from->mca_user);
	to->description = copy_text(&at, from->description);
	for (size_t i = 0; i < from->list_count; i++) {
		rule->list[i] = copy_text(&at, from->list[i]);
	}
	to->list = rule->list;
	return ERR_OK;
}

static enum err make_key(struct chlauth_rule *rule)
{
	struct buf key = BUF_INIT(RULE_TEXT_BYTES_MAX);
	const char *text = NULL;
	enum err err = chlauth_record_print_key(&rule->record, &key);
	if (err == ERR_OK) {
		err = buf_text(&key, &text);
	}
	if (err == ERR_OK) {
		err = bytes_dup_text(buf_bytes(&key), &rule->key);
	}
	buf_release(&key);
	return err;
}

enum err chlauth_rule_init(
	struct chlauth_rule *rule, const struct chlauth_record *record, struct auth_error *error)
{
	memset(rule, 0, sizeof(*rule));
	enum err err = check_words(record, error);
	if (err != ERR_OK) {
		return err;
	}
	err = copy_record(rule, record);
	if (err == ERR_OK) {
		err = make_key(rule);
	}
	if (err != ERR_OK) {
		err = auth_fail(error, err, 0, err == ERR_NOMEM ? "out of memory" : "the rule is too long");
	}
	if (err == ERR_OK) {
		err = parse_names(rule, error);
	}
	if (err == ERR_OK) {
		err = parse_addresses(rule, error);
	}
	if (err != ERR_OK) {
		chlauth_rule_deinit(rule);
	}
	return err;
}

void chlauth_rule_deinit(struct chlauth_rule *rule)
{
	dn_pattern_free(rule->peer);
	dn_pattern_free(rule->issuer);
	address_pattern_free(rule->address);
	for (size_t i = 0; rule->addresses != NULL && i < rule->record.list_count; i++) {
		address_pattern_free(rule->addresses[i]);
	}
	free(rule->addresses);
	free(rule->key);
	free(rule->text);
	free(rule->list);
	memset(rule, 0, sizeof(*rule));
}

enum err chlauth_record_check(const struct chlauth_record *record, struct auth_error *error)
{
	struct chlauth_rule rule;
	enum err err = chlauth_rule_init(&rule, record, error);
	if (err == ERR_OK) {
		chlauth_rule_deinit(&rule);
	}
	return err;
}

/* --- the key --- */

/* -1, 0, 1 as one of the two is missing; 2: both are there and must be compared. */
static int by_presence(bool a, bool b)
{
	return a && b ? 2 : (int)a - (int)b;
}

static int sign(int diff)
{
	return diff > 0 ? 1 : diff < 0 ? -1 : 0;
}

int chlauth_rule_compare(const struct chlauth_rule *a, const struct chlauth_rule *b)
{
	int diff = name_pattern_compare(a->record.profile, b->record.profile);
	if (diff == 0) {
		diff = by_presence(a->has_fingerprint, b->has_fingerprint);
		diff = diff == 2 ? sign(memcmp(a->fingerprint, b->fingerprint, SHA256_BYTES)) : diff;
	}
	if (diff == 0) {
		diff = by_presence(a->peer != NULL, b->peer != NULL);
		diff = diff == 2 ? dn_pattern_compare(a->peer, b->peer) : diff;
	}
	if (diff == 0) {
		diff = by_presence(a->issuer != NULL, b->issuer != NULL);
		diff = diff == 2 ? dn_pattern_compare(a->issuer, b->issuer) : diff;
	}
	if (diff == 0) {
		diff = by_presence(a->record.client_user != NULL, b->record.client_user != NULL);
		diff = diff == 2 ? sign(strcmp(a->record.client_user, b->record.client_user)) : diff;
	}
	if (diff == 0) {
		diff = by_presence(a->address != NULL, b->address != NULL);
		diff = diff == 2 ? address_pattern_compare(a->address, b->address) : diff;
	}
	/* The types differ in their selectors, but for the two BLOCK types, which are never compared as mapping rules. */
	return diff != 0 ? diff : sign((int)a->record.type - (int)b->record.type);
}

static bool same_text(const char *a, const char *b)
{
	return given(a) == given(b) && (!given(a) || strcmp(a, b) == 0);
}

bool chlauth_record_same_key(const struct chlauth_record *a, const struct chlauth_record *b)
{
	struct chlauth_rule left;
	struct chlauth_rule right;
	if (a->type != b->type || !same_text(a->profile, b->profile)) {
		return false;
	}
	if (is_block(a->type)) {
		return true;
	}
	if (chlauth_rule_init(&left, a, NULL) == ERR_OK) {
		bool parsed = chlauth_rule_init(&right, b, NULL) == ERR_OK;
		bool same = parsed && chlauth_rule_compare(&left, &right) == 0;
		chlauth_rule_deinit(&left);
		if (parsed) {
			chlauth_rule_deinit(&right);
			return same;
		}
	}
	/* Without memory, or for a record that is not well formed: by the letters. */
	return same_text(a->ssl_peer, b->ssl_peer) && same_text(a->ssl_issuer, b->ssl_issuer) &&
	       same_text(a->fingerprint, b->fingerprint) && same_text(a->address, b->address) &&
	       same_text(a->client_user, b->client_user);
}

static enum err put_quoted(struct buf *out, const char *text)
{
	struct buf escaped = BUF_INIT(RULE_TEXT_BYTES_MAX);
	struct bytes value = bytes_text(text);
	/* What is plain is shown as it was typed, backslashes too, so that it reads back as the same. */
	enum err err = text_is_plain(value) ? buf_append(&escaped, value) : utf8_escape(&escaped, value);
	if (err == ERR_OK) {
		err = buf_append_text(out, "'");
	}
	for (size_t i = 0; i < escaped.len && err == ERR_OK; i++) {
		if (escaped.data[i] == '\'') {
			err = buf_append_u8(out, '\'');
		}
		if (err == ERR_OK) {
			err = buf_append_u8(out, escaped.data[i]);
		}
	}
	if (err == ERR_OK) {
		err = buf_append_text(out, "'");
	}
	buf_release(&escaped);
	return err;
}

enum err chlauth_record_print_key(const struct chlauth_record *record, struct buf *out)
{
	const struct {
		const char *name, *value;
	} parts[] = {
		{" CHL", record->profile},
		{" SSLPEER", record->ssl_peer},
		{" SSLCERTI", record->ssl_issuer},
		{" SSLFPRT", record->fingerprint},
		{" CLNTUSER", record->client_user},
		{" ADDRESS", record->address},
	};
	size_t start = out->len;
	enum err err = buf_append_text(out, chlauth_type_name(record->type));
	for (size_t i = 0; i < ARRAY_COUNT(parts) && err == ERR_OK; i++) {
		if (!given(parts[i].value)) {
			continue;
		}
		err = buf_append_text(out, parts[i].name);
		if (err == ERR_OK) {
			err = buf_append_text(out, "(");
		}
		if (err == ERR_OK) {
			err = put_quoted(out, parts[i].value);
		}
		if (err == ERR_OK) {
			err = buf_append_text(out, ")");
		}
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	return err;
}
