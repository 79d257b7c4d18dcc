/*
 * login.c - from a connection's evidence to a login stack and back.
 * Owns:    the plain values that the stack's modules look at.
 * Never:   judges: what the outcome means is the connection's business.
 * Threads: one worker per attempt.
 */
#include "broker/login.h"

#include <stdlib.h>
#include <string.h>

#include "base/pem.h"
#include "jaas_like/jaas_like.h"

struct login_desk {
	struct executor executor;
	struct clock clock;
	struct login_env env;
};

struct login_desks {
	struct login_load load;
	unsigned count;
	struct login_desk desks[];
};

#define SAN_DNS_MAX 16u

struct login_attempt {
	struct login *login;
	struct login_setup *setup; /* the login holds it */
	login_attempt_fn done;
	void *ctx;
	enum login_end end;
	/* Behind struct login_certificate. */
	struct login_certificate certificate;
	struct cert *leaf;
	char *subject, *common_name;
	char fingerprint[2 * SHA256_BYTES + 1];
	char *san[SAN_DNS_MAX];
};

enum err login_desks_new(const struct login_desk_options *options, unsigned count, unsigned uncertified_max,
	struct login_desks **out)
{
	struct login_desks *desks = calloc(1, sizeof(*desks) + count * sizeof(desks->desks[0]));

	if (desks == NULL) {
		return ERR_NOMEM;
	}
	atomic_init(&desks->load.uncertified, 0);
	desks->load.uncertified_max = uncertified_max;
	desks->count = count;
	for (unsigned i = 0; i < count; i++) {
		struct login_desk *desk = &desks->desks[i];

		desk->executor = options[i].executor;
		desk->clock = options[i].clock;
		desk->env = (struct login_env){&desk->executor, &desk->clock, options[i].log, &desks->load};
	}
	*out = desks;
	return ERR_OK;
}

void login_desks_free(struct login_desks *desks)
{
	free(desks);
}

static void attempt_free(struct login_attempt *attempt)
{
	login_free(attempt->login);
	cert_unref(attempt->leaf);
	free(attempt->subject);
	free(attempt->common_name);
	for (size_t i = 0; i < attempt->certificate.san_dns_count; i++) {
		free(attempt->san[i]);
	}
	free(attempt);
}

/* The one CN of the subject; none where there are several, or where it is no text. */
static enum err copy_common_name(const struct cert *leaf, char **out)
{
	struct bytes found = BYTES_NONE;
	unsigned count = 0;

	for (size_t i = 0; i < cert_attribute_count(leaf, true); i++) {
		struct x509_attribute attribute = cert_attribute(leaf, true, i);

		if (attribute.key != NULL && strcmp(attribute.key, "CN") == 0) {
			count++;
			found = attribute.raw ? BYTES_NONE : attribute.value;
		}
	}
	if (count != 1 || found.len == 0 || memchr(found.data, 0, found.len) != NULL) {
		return ERR_OK;
	}
	return bytes_dup_text(found, out);
}

/* A name that is no text makes all of them doubtful: "exactly one name" must not hold because others were dropped. */
static enum err copy_sans(struct login_attempt *attempt)
{
	for (size_t i = 0; i < cert_san_count(attempt->leaf); i++) {
		struct bytes value = BYTES_NONE;

		if (cert_san(attempt->leaf, i, &value) == SAN_DNS &&
			(value.len == 0 || memchr(value.data, 0, value.len) != NULL)) {
			return ERR_OK;
		}
	}
	for (size_t i = 0;
		i < cert_san_count(attempt->leaf) && attempt->certificate.san_dns_count < SAN_DNS_MAX; i++) {
		struct bytes value = BYTES_NONE;
		char **slot = &attempt->san[attempt->certificate.san_dns_count];

		if (cert_san(attempt->leaf, i, &value) != SAN_DNS) {
			continue;
		}
		if (bytes_dup_text(value, slot) != ERR_OK) {
			return ERR_NOMEM;
		}
		attempt->certificate.san_dns_count++;
	}
	return ERR_OK;
}

static enum err fill_certificate(struct login_attempt *attempt, const struct cert *leaf)
{
	struct buf dn = BUF_INIT(8192);
	struct buf hex = BUF_INIT(sizeof(attempt->fingerprint));
	enum err err;

	attempt->leaf = cert_ref(leaf);
	err = cert_print_dn(leaf, true, &dn);
	if (err == ERR_OK) {
		err = bytes_dup_text(buf_bytes(&dn), &attempt->subject);
	}
	if (err == ERR_OK) {
		err = hex_encode(bytes_of(cert_sha256(leaf), SHA256_BYTES), &hex);
	}
	if (err == ERR_OK) {
		memcpy(attempt->fingerprint, hex.data, sizeof(attempt->fingerprint) - 1);
		err = copy_common_name(leaf, &attempt->common_name);
	}
	if (err == ERR_OK) {
		err = copy_sans(attempt);
	}
	buf_release(&hex);
	buf_release(&dn);
	attempt->certificate.verified = true;
	attempt->certificate.leaf_der = cert_der(leaf);
	attempt->certificate.subject_dn = attempt->subject;
	attempt->certificate.common_name = attempt->common_name;
	attempt->certificate.fingerprint_sha256_hex = attempt->fingerprint;
	attempt->certificate.san_dns = (const char *const *)attempt->san;
	return err;
}

/* NULL for nothing; *failed when memory is short or the value could not be text. */
static char *copy_result(struct bytes value, bool *failed)
{
	char *copy = NULL;

	if (value.len > 0 && bytes_dup_text(value, &copy) != ERR_OK) {
		*failed = true;
	}
	return copy;
}

static void attempt_answer(struct login_attempt *attempt)
{
	struct login_attempt_result result = {
		.answer = LOGIN_ANSWER_DENIED, .reason = login_reason(attempt->login)};
	bool failed = false;

	switch (attempt->end) {
	case LOGIN_END_ALLOWED: result.answer = LOGIN_ANSWER_ALLOWED; break;
	case LOGIN_END_BUSY: result.answer = LOGIN_ANSWER_BUSY; break;
	case LOGIN_END_DENIED: result.answer = LOGIN_ANSWER_DENIED; break;
	case LOGIN_END_FAILED:
	case LOGIN_END_WAITING: result.answer = LOGIN_ANSWER_FAILED; break;
	}
	if (result.answer == LOGIN_ANSWER_ALLOWED) {
		struct login_result from = login_result(attempt->login);

		result.user = copy_result(from.user_name, &failed);
		result.client_id = copy_result(from.client_id, &failed);
		result.password_user = copy_result(from.password_user, &failed);
		result.user_verified = from.user_verified;
		result.client_id_bound = from.client_id_bound;
		result.credential = from.credential;
		result.account_known =
			login_setup_user_state(attempt->setup, from.user_name) == LOGIN_USER_ENABLED;
	}
	if (failed) {
		result.answer = LOGIN_ANSWER_FAILED;
	}
	attempt->done(attempt->ctx, &result);
	attempt_free(attempt);
}

static void on_login_done(struct login *login, enum login_end end, void *ctx)
{
	struct login_attempt *attempt = ctx;

	(void)login;
	attempt->end = end;
	attempt_answer(attempt);
}

enum err login_attempt_start(struct login_desks *desks, unsigned at, struct login_setup *setup,
	const struct login_attempt_request *request, login_attempt_fn done, void *ctx,
	struct login_attempt **out)
{
	struct login_desk *desk = &desks->desks[at];
	struct login_attempt *attempt = calloc(1, sizeof(*attempt));
	enum err err = attempt == NULL ? ERR_NOMEM : ERR_OK;

	if (err == ERR_OK && request->leaf != NULL) {
		err = fill_certificate(attempt, request->leaf);
	}
	if (err == ERR_OK) {
		struct login_input input = {
			.has_user_name = request->user_name != NULL,
			.user_name = bytes_text(request->user_name),
			.has_password = request->password_sent,
			.password = request->password,
			.client_id = bytes_text(request->client_id),
			.network_address = request->peer,
			.channel_name = request->channel,
			.certificate = request->leaf == NULL ? NULL : &attempt->certificate,
		};

		attempt->setup = setup;
		attempt->done = done;
		attempt->ctx = ctx;
		err = login_new(setup, request->entry, &input, &desk->env, &attempt->login);
	}
	if (err != ERR_OK) {
		if (attempt != NULL) {
			attempt_free(attempt);
		}
		return err;
	}
	attempt->end = login_run(attempt->login, on_login_done, attempt);
	if (attempt->end == LOGIN_END_WAITING) {
		*out = attempt;
	} else {
		*out = NULL;
		attempt_answer(attempt);
	}
	return ERR_OK;
}

void login_attempt_cancel(struct login_attempt *attempt)
{
	if (attempt != NULL) {
		attempt_free(attempt);
	}
}

bool login_still_allows(
	const struct login_setup *setup, const char *entry, const char *password_user, uint64_t credential)
{
	return login_setup_still_allows(setup, entry, bytes_text(password_user), credential);
}
