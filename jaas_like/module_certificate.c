/*
 * module_certificate.c - CertificateLoginModule: requires a verified certificate and derives the user from it.
 * Never:   parses the certificate; accepts an ambiguous name.
 * Threads: setup any; an attempt belongs to its loop.
 *
 * Options: userFrom       CN, DN, SAN:DNS or FINGERPRINT; needed
 *          matchClientId  true: the client id must be the derived user
 *          bindClientId   true: the client id becomes the derived user
 *          requireUser    true: a user name that the client sent must be the derived user
 *          setUser        false: a client that sent no user name goes on without one; else it gets the derived one
 */
#include <stdlib.h>
#include <string.h>

#include "jaas_like/login_internal.h"

enum certificate_user { USER_FROM_CN, USER_FROM_DN, USER_FROM_SAN_DNS, USER_FROM_FINGERPRINT };

struct certificate_config {
	enum certificate_user user_from;
	bool match_client_id;
	bool bind_client_id;
	bool require_user;
	bool set_user;
};

struct certificate_state {
	bool allowed;
	struct bytes user; /* borrowed from the certificate, which outlives the attempt */
};

static const char *const certificate_options[] = {
	"userFrom", "matchClientId", "bindClientId", "requireUser", "setUser", NULL};

static enum err certificate_user_from(
	const struct login_module_config *given, enum certificate_user *out, struct login_problem *problem)
{
	static const char *const names[] = {"CN", "DN", "SAN:DNS", "FINGERPRINT"};
	const struct login_option *option = login_option_find(given, "userFrom");
	if (option == NULL) {
		return login_problem_set(problem, ERR_INVALID, given->line, given->column,
			"CertificateLoginModule needs the option userFrom");
	}
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (strcmp(option->value, names[i]) == 0) {
			*out = (enum certificate_user)i;
			return ERR_OK;
		}
	}
	return login_problem_set(problem, ERR_INVALID, option->line, option->column,
		"option userFrom is CN, DN, SAN:DNS or FINGERPRINT");
}

static enum err certificate_setup(
	const struct login_module_config *given, void **out, struct login_problem *problem)
{
	struct certificate_config config = {.set_user = true};
	enum err err = certificate_user_from(given, &config.user_from, problem);
	if (err == ERR_OK) {
		err = login_option_bool(given, "matchClientId", &config.match_client_id, problem);
	}
	if (err == ERR_OK) {
		err = login_option_bool(given, "bindClientId", &config.bind_client_id, problem);
	}
	if (err == ERR_OK) {
		err = login_option_bool(given, "requireUser", &config.require_user, problem);
	}
	if (err == ERR_OK && login_option_find(given, "setUser") != NULL) {
		err = login_option_bool(given, "setUser", &config.set_user, problem);
	}
	if (err != ERR_OK) {
		return err;
	}
	struct certificate_config *copy = malloc(sizeof(*copy));
	if (copy == NULL) {
		return login_problem_set(problem, ERR_NOMEM, given->line, given->column, "out of memory");
	}
	*copy = config;
	*out = copy;
	return ERR_OK;
}

static enum err certificate_initialize(struct login_call *call, void **state)
{
	(void)call;
	struct certificate_state *mine = calloc(1, sizeof(*mine));
	if (mine == NULL) {
		return ERR_NOMEM;
	}
	*state = mine;
	return ERR_OK;
}

/* Nothing at all, or several where one is meant: no user. */
static struct bytes certificate_derive(
	const struct login_certificate *certificate, enum certificate_user user_from)
{
	switch (user_from) {
	case USER_FROM_CN: return bytes_text(certificate->common_name);
	case USER_FROM_DN: return bytes_text(certificate->subject_dn);
	case USER_FROM_SAN_DNS:
		return certificate->san_dns_count == 1 ? bytes_text(certificate->san_dns[0]) : BYTES_NONE;
	case USER_FROM_FINGERPRINT: return bytes_text(certificate->fingerprint_sha256_hex);
	}
	return BYTES_NONE;
}

static enum login_verdict certificate_deny(struct login_call *call, const char *reason)
{
	login_call_reason(call, reason);
	return LOGIN_VERDICT_DENY;
}

static enum login_verdict certificate_login(struct login_call *call, void *state)
{
	const struct certificate_config *config = login_call_config(call);
	const struct login_certificate *certificate = login_call_certificate(call);
	struct certificate_state *mine = state;
	struct bytes sent = BYTES_NONE;
	if (certificate == NULL || !certificate->verified) {
		return certificate_deny(call, "no verified certificate");
	}
	struct bytes user = certificate_derive(certificate, config->user_from);
	if (!login_name_is_sound(user)) {
		return certificate_deny(call, "the certificate names no single usable user");
	}
	bool has_name = login_call_user_name(call, &sent);
	if (has_name && config->require_user && !bytes_equal(sent, user)) {
		return certificate_deny(call, "the user name is not the certificate's");
	}
	if (config->match_client_id && !bytes_equal(login_call_client_id(call), user)) {
		return certificate_deny(call, "the client id is not the certificate's");
	}
	enum err err = login_call_share(call, LOGIN_SHARED_NAME, user);
	if (err == ERR_OK && config->bind_client_id) {
		err = login_call_set_client_id(call, user);
	}
	if (err == ERR_OK && !has_name && config->set_user) {
		err = login_call_set_user_name(call, user);
	}
	if (err != ERR_OK) {
		login_call_reason(call, "out of memory");
		return LOGIN_VERDICT_ERROR;
	}
	mine->user = user;
	mine->allowed = true;
	return LOGIN_VERDICT_ALLOW;
}

static enum login_verdict certificate_commit(struct login_call *call, void *state)
{
	const struct certificate_config *config = login_call_config(call);
	const struct certificate_state *mine = state;
	if (!mine->allowed) {
		return LOGIN_VERDICT_IGNORE;
	}
	if (login_call_vouch_user(call, mine->user) != ERR_OK) {
		return LOGIN_VERDICT_ERROR;
	}
	/* A module behind this one may have changed the client id: then it is not the one that was matched. */
	if ((config->match_client_id || config->bind_client_id) &&
		bytes_equal(login_call_client_id(call), mine->user)) {
		login_call_vouch_client_id(call);
	}
	return LOGIN_VERDICT_ALLOW;
}

static enum login_verdict certificate_forget(struct login_call *call, void *state)
{
	struct certificate_state *mine = state;
	(void)call;
	*mine = (struct certificate_state){0};
	return LOGIN_VERDICT_ALLOW;
}

static struct login_traits certificate_traits(const void *config)
{
	const struct certificate_config *mine = config;
	return (struct login_traits){
		.checks_password = false,
		.keeps_names = !mine->bind_client_id && !mine->set_user,
	};
}

const struct login_module login_module_certificate = {
	.name = "CertificateLoginModule",
	.option_names = certificate_options,
	.setup = certificate_setup,
	.teardown = free,
	.initialize = certificate_initialize,
	.login = certificate_login,
	.commit = certificate_commit,
	.abort = certificate_forget,
	.logout = certificate_forget,
	.release = free,
	.traits = certificate_traits,
};
