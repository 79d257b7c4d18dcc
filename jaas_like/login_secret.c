/*
 * login_secret.c - the secrets of users: generated ones with prefix and checksum, their MAC, argon2id fields, the key.
 * Owns:    nothing beyond the call; passwords and keys live in struct secret or are wiped.
 * Never:   takes a cost from a file without its cap; compares secrets but in constant time.
 * Threads: any. login_secret_argon2id() and the key functions block.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pem.h"
#include "jaas_like/login_internal.h"

/* Twenty random bytes are 32 characters of base32; the checksum has four, so one typing error in a million passes. */
static const char password_prefix[] = "lg1-";
#define PASSWORD_PREFIX_BYTES   4
#define PASSWORD_RANDOM_BYTES   20
#define PASSWORD_BODY_BYTES     32
#define PASSWORD_CHECKSUM_BYTES 4
#define PASSWORD_CHOSEN_MIN     8
#define KEY_FILE_BYTES_MAX      (LOGIN_KEY_BYTES * 2 + 1)

/* The default for new secrets: OWASP's floor for argon2id, some 20 ms of one core. */
static const struct argon2_cost secret_cost = {.memory_kib = 19456, .passes = 2, .lanes = 1};

/* The first twenty bits of SHA-256 over prefix and body, as base32. */
static enum err password_checksum(struct bytes head, uint8_t out[PASSWORD_CHECKSUM_BYTES])
{
	uint8_t digest[SHA256_BYTES];
	uint8_t text[8];
	/* A buf would leave a copy of something derived from the password on the heap; five bytes give eight digits. */
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	hash_of(HASH_SHA256, head, digest);
	uint64_t bits = 0;
	for (size_t i = 0; i < 5; i++) {
		bits = bits << 8 | digest[i];
	}
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = (uint8_t)digits[bits >> (35 - 5 * i) & 31];
	}
	memcpy(out, text, PASSWORD_CHECKSUM_BYTES);
	secure_wipe(digest, sizeof(digest));
	return ERR_OK;
}

enum err login_password_generate(struct secret *out)
{
	uint8_t raw[PASSWORD_RANDOM_BYTES];
	struct secret password = SECRET_NONE;
	struct buf body = BUF_INIT(PASSWORD_BODY_BYTES);
	enum err err = crypto_random(raw, sizeof(raw));
	if (err == ERR_OK) {
		err = base32_encode(bytes_of(raw, sizeof(raw)), &body);
	}
	if (err == ERR_OK) {
		err = secret_new(LOGIN_PASSWORD_GENERATED_BYTES, &password);
	}
	if (err == ERR_OK) {
		size_t head = PASSWORD_PREFIX_BYTES + PASSWORD_BODY_BYTES;
		memcpy(password.data, password_prefix, PASSWORD_PREFIX_BYTES);
		memcpy(password.data + PASSWORD_PREFIX_BYTES, body.data, PASSWORD_BODY_BYTES);
		err = password_checksum(bytes_of(password.data, head), password.data + head);
	}
	secure_wipe(raw, sizeof(raw));
	if (body.data != NULL) {
		secure_wipe(body.data, body.cap);
	}
	buf_release(&body);
	if (err != ERR_OK) {
		secret_free(&password);
		return err;
	}
	*out = password;
	return ERR_OK;
}

bool login_password_has_prefix(struct bytes password)
{
	return password.len >= PASSWORD_PREFIX_BYTES &&
	       memcmp(password.data, password_prefix, PASSWORD_PREFIX_BYTES) == 0;
}

bool login_password_is_generated(struct bytes password)
{
	uint8_t checksum[PASSWORD_CHECKSUM_BYTES];
	size_t head = PASSWORD_PREFIX_BYTES + PASSWORD_BODY_BYTES;
	if (password.len != LOGIN_PASSWORD_GENERATED_BYTES || !login_password_has_prefix(password)) {
		return false;
	}
	for (size_t i = PASSWORD_PREFIX_BYTES; i < head; i++) {
		uint8_t byte = password.data[i];
		if ((byte < 'a' || byte > 'z') && (byte < '2' || byte > '7')) {
			return false;
		}
	}
	if (password_checksum(bytes_of(password.data, head), checksum) != ERR_OK) {
		return false;
	}
	return bytes_equal(bytes_of(password.data + head, PASSWORD_CHECKSUM_BYTES),
		bytes_of(checksum, sizeof(checksum)));
}

void login_secret_mac(struct bytes key, struct bytes name, struct bytes password, uint8_t out[SHA256_BYTES])
{
	/* The name is hashed first, so that what is MACed has one length and cannot be split in two ways. */
	static const char label[] = "lockgate login 1";
	uint8_t input[sizeof(label) + 2 * SHA256_BYTES];
	memcpy(input, label, sizeof(label));
	hash_of(HASH_SHA256, name, input + sizeof(label));
	hash_of(HASH_SHA256, password, input + sizeof(label) + SHA256_BYTES);
	hmac_of(HASH_SHA256, key, bytes_of(input, sizeof(input)), out);
	secure_wipe(input, sizeof(input));
}

enum err login_secret_hmac(struct bytes key, struct bytes name, struct bytes password, struct buf *out)
{
	uint8_t mac[SHA256_BYTES];
	size_t start = out->len;
	if (key.len != LOGIN_KEY_BYTES || !login_password_is_generated(password)) {
		return ERR_INVALID;
	}
	login_secret_mac(key, name, password, mac);
	enum err err = buf_append_text(out, "hmac$");
	if (err == ERR_OK) {
		err = hex_encode(bytes_of(mac, sizeof(mac)), out);
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	secure_wipe(mac, sizeof(mac));
	return err;
}

static bool secret_cost_is_sound(const struct argon2_cost *cost)
{
	return cost->lanes >= 1 && cost->lanes <= LOGIN_ARGON2_LANES_MAX && cost->passes >= 1 &&
	       cost->passes <= LOGIN_ARGON2_PASSES_MAX && cost->memory_kib >= 8 * cost->lanes &&
	       cost->memory_kib <= LOGIN_ARGON2_KIB_MAX;
}

enum err login_secret_argon2id(const struct argon2_cost *cost, struct bytes password, struct buf *out)
{
	uint8_t salt[16];
	uint8_t hash[32];
	size_t start = out->len;
	if (cost == NULL) {
		cost = &secret_cost;
	}
	if (!secret_cost_is_sound(cost) || password.len < PASSWORD_CHOSEN_MIN ||
		password.len > LOGIN_PASSWORD_BYTES_MAX || login_password_has_prefix(password)) {
		return ERR_INVALID;
	}
	enum err err = crypto_random(salt, sizeof(salt));
	if (err == ERR_OK) {
		err = argon2id(cost, password, bytes_of(salt, sizeof(salt)), hash, sizeof(hash));
	}
	if (err == ERR_OK) {
		err = buf_printf(out, "argon2id$m=%u,t=%u,p=%u$", (unsigned)cost->memory_kib,
			(unsigned)cost->passes, (unsigned)cost->lanes);
	}
	if (err == ERR_OK) {
		err = base64_encode(bytes_of(salt, sizeof(salt)), out);
	}
	if (err == ERR_OK) {
		err = buf_append_u8(out, '$');
	}
	if (err == ERR_OK) {
		err = base64_encode(bytes_of(hash, sizeof(hash)), out);
	}
	if (err != ERR_OK) {
		out->len = start;
	}
	secure_wipe(hash, sizeof(hash));
	return err;
}

/* --- reading a field --- */

/* All up to the separator, which is dropped too; without one, all. */
static struct bytes field_cut(struct bytes *text, char separator)
{
	const uint8_t *at = text->len == 0 ? NULL : memchr(text->data, separator, text->len);
	size_t len = at == NULL ? text->len : (size_t)(at - text->data);
	struct bytes head = bytes_of(text->data, len);
	size_t drop = at == NULL ? len : len + 1;
	text->data = drop == 0 ? text->data : text->data + drop;
	text->len -= drop;
	return head;
}

/* Decimal without sign or leading zeros. */
static bool field_number(struct bytes text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	if (text.len == 0 || text.len > 18 || (text.data[0] == '0' && text.len > 1)) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9') {
			return false;
		}
		value = value * 10 + (uint64_t)(text.data[i] - '0');
	}
	*out = value;
	return value <= max;
}

/* "m=65536" and the like. */
static bool field_cost(struct bytes *text, const char *name, uint32_t *out)
{
	uint64_t value = 0;
	struct bytes part = field_cut(text, ',');
	if (part.len < 2 || part.data[0] != (uint8_t)name[0] || part.data[1] != '=' ||
		!field_number(bytes_of(part.data + 2, part.len - 2), UINT32_MAX, &value)) {
		return false;
	}
	*out = (uint32_t)value;
	return true;
}

/* Strict base64 of min to max bytes. */
static enum err field_base64(struct bytes text, size_t min, size_t max, uint8_t *out, uint8_t *out_len)
{
	struct buf raw = BUF_INIT(max);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ') {
			return ERR_MALFORMED; /* base64_decode() would skip it */
		}
	}
	enum err err = base64_decode(text, &raw);
	if (err == ERR_OK && raw.len < min) {
		err = ERR_MALFORMED;
	}
	if (err == ERR_OK) {
		memcpy(out, raw.data, raw.len);
		*out_len = (uint8_t)raw.len;
	}
	buf_release(&raw);
	return err == ERR_LIMIT ? ERR_MALFORMED : err;
}

static enum err secret_parse_argon2id(struct bytes text, struct login_secret *secret)
{
	struct bytes cost = field_cut(&text, '$');
	struct bytes salt = field_cut(&text, '$');
	secret->kind = LOGIN_SECRET_ARGON2ID;
	if (!field_cost(&cost, "m", &secret->cost.memory_kib) ||
		!field_cost(&cost, "t", &secret->cost.passes) ||
		!field_cost(&cost, "p", &secret->cost.lanes) || cost.len != 0) {
		return ERR_MALFORMED;
	}
	if (!secret_cost_is_sound(&secret->cost)) {
		return ERR_INVALID;
	}
	enum err err = field_base64(
		salt, LOGIN_SALT_BYTES_MIN, LOGIN_SALT_BYTES_MAX, secret->salt, &secret->salt_len);
	if (err == ERR_OK) {
		err = field_base64(
			text, LOGIN_HASH_BYTES_MIN, LOGIN_HASH_BYTES_MAX, secret->hash, &secret->hash_len);
	}
	return err;
}

static enum err secret_parse_hmac(struct bytes text, struct login_secret *secret)
{
	struct buf raw = BUF_INIT(SHA256_BYTES);
	secret->kind = LOGIN_SECRET_HMAC;
	enum err err = text.len == 2 * SHA256_BYTES ? hex_decode(text, &raw) : ERR_MALFORMED;
	if (err == ERR_OK) {
		memcpy(secret->hash, raw.data, SHA256_BYTES);
		secret->hash_len = SHA256_BYTES;
	}
	buf_release(&raw);
	return err;
}

enum err login_secret_parse(struct bytes field, bool may_end, struct login_secret *out)
{
	struct login_secret secret = {0};
	uint8_t digest[SHA256_BYTES];
	struct bytes rest = field;
	struct bytes spec = field_cut(&rest, '@');
	if (spec.len != field.len) {
		uint64_t until = 0;
		if (!may_end || !field_number(rest, INT64_MAX, &until) || until == 0) {
			return ERR_MALFORMED;
		}
		secret.until_s = (int64_t)until;
	}
	/* Names this secret in a session's memory: changes when the secret does, and not with its end. */
	hash_of(HASH_SHA256, spec, digest);
	for (size_t i = 0; i < 8; i++) {
		secret.credential = secret.credential << 8 | digest[i];
	}
	secret.credential = secret.credential == 0 ? 1 : secret.credential;
	struct bytes params = spec;
	struct bytes scheme = field_cut(&params, '$');
	enum err err = ERR_MALFORMED;
	if (bytes_equal_text(scheme, "hmac")) {
		err = secret_parse_hmac(params, &secret);
	} else if (bytes_equal_text(scheme, "argon2id")) {
		err = secret_parse_argon2id(params, &secret);
	}
	if (err == ERR_OK) {
		*out = secret;
	}
	secure_wipe(&secret, sizeof(secret));
	return err;
}

/* --- the key --- */

enum err login_key_load(const char *path, bool insecure_any_owner, struct secret *out)
{
	struct secret text = SECRET_NONE;
	struct secret key = SECRET_NONE;
	struct buf raw = BUF_INIT(LOGIN_KEY_BYTES);
	enum err err = insecure_any_owner ? ERR_OK : file_check_owner(path, true);
	if (err == ERR_OK) {
		err = file_read_secret(path, KEY_FILE_BYTES_MAX, &text);
	}
	if (err == ERR_OK) {
		struct bytes digits = secret_bytes(&text);
		if (digits.len > 0 && digits.data[digits.len - 1] == '\n') {
			digits.len--;
		}
		err = digits.len == 2 * LOGIN_KEY_BYTES ? hex_decode(digits, &raw) : ERR_MALFORMED;
	}
	if (err == ERR_OK) {
		err = secret_copy(buf_bytes(&raw), &key);
	}
	if (raw.data != NULL) {
		secure_wipe(raw.data, raw.cap);
	}
	buf_release(&raw);
	secret_free(&text);
	if (err == ERR_OK) {
		*out = key;
	}
	return err == ERR_LIMIT ? ERR_MALFORMED : err;
}

/* Writes the text beside path and links it into place: link(2) never replaces what is there. */
static enum err key_put(const char *path, struct bytes text)
{
	struct buf name = BUF_INIT(4096);
	const char *beside = NULL;
	enum err err = buf_printf(&name, "%s.new.%ld", path, (long)getpid());
	if (err == ERR_OK) {
		err = buf_text(&name, &beside);
	}
	if (err == ERR_OK) {
		err = file_write_atomic(beside, text, 0600);
	}
	if (err == ERR_OK) {
		if (link(beside, path) != 0) {
			err = errno == EEXIST ? ERR_EXISTS : ERR_IO;
		}
		(void)unlink(beside);
	}
	buf_release(&name);
	return err;
}

enum err login_key_make(const char *path, struct secret *out)
{
	uint8_t raw[LOGIN_KEY_BYTES];
	struct buf text = BUF_INIT(KEY_FILE_BYTES_MAX);
	enum err err = login_key_load(path, false, out);
	if (err != ERR_NOT_FOUND) {
		return err;
	}
	err = crypto_random(raw, sizeof(raw));
	if (err == ERR_OK) {
		err = hex_encode(bytes_of(raw, sizeof(raw)), &text);
	}
	if (err == ERR_OK) {
		err = buf_append_u8(&text, '\n');
	}
	if (err == ERR_OK) {
		err = key_put(path, buf_bytes(&text));
	}
	secure_wipe(raw, sizeof(raw));
	if (text.data != NULL) {
		secure_wipe(text.data, text.cap);
	}
	buf_release(&text);
	/* Whoever was first: its key counts. */
	return err == ERR_OK || err == ERR_EXISTS ? login_key_load(path, false, out) : err;
}
