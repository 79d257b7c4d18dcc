/*
 * login_engine.c - runs one login attempt down its stack, in JAAS's two phases, suspending where a module must wait.
 * Owns:    the attempt: copies of names and password, the modules' states, the shared values.
 * Never:   blocks; admits when memory or a lane ran out; calls back from inside the call that started it.
 * Threads: one loop per attempt; run() of a work is on a lane and sees nothing of the attempt.
 *
 * The walk is that of OpenJDK's LoginContext, with two differences, both towards refusing: in COMMIT a required or
 * requisite module that LOGIN never reached counts as failed (in JAAS it would ignore itself), and a module whose
 * login() did not allow cannot allow in COMMIT.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "jaas_like/login_internal.h"

/* A user name or client id on the wire has at most this. */
#define LOGIN_TEXT_BYTES_MAX 65535

enum login_phase {
	LOGIN_PHASE_NEW, /* to LOGIN by login_run() */
	LOGIN_PHASE_LOGIN, /* to COMMIT when the walk allows, else to ABORT; waits here while work is under way */
	LOGIN_PHASE_COMMIT, /* to ENDED when the walk allows, else to ABORT */
	LOGIN_PHASE_ABORT,  /* to ENDED */
	LOGIN_PHASE_ENDED,  /* to LOGOUT by login_logout() */
	LOGIN_PHASE_LOGOUT,
};

struct login_call {
	struct login *login;
	size_t index; /* the module that is being called */
};

struct login_slot {
	void *state;
	bool ran; /* login() was called */
	enum login_verdict said;
	const char *reason;
	struct buf vouched; /* the user name that this module vouches for */
};

struct login_shared_value {
	char *key;
	struct secret value;
};

struct login {
	struct login_setup *setup; /* one reference */
	const struct login_setup_entry *entry;
	struct login_env env;
	enum login_phase phase;
	login_done_fn done;
	void *done_ctx;
	struct login_work *work; /* under way, or NULL; it points back */
	struct login_call call;

	bool finishing; /* inside a work's finish() */
	bool busy;      /* a lane was full */
	bool broken;    /* memory ran out somewhere: never allow */
	enum login_end end;
	const char *reason;
	const char *reason_module;

	bool has_user_name;
	struct buf user_name;
	bool has_password;
	struct secret password;
	struct buf client_id;
	bool client_id_changed;
	bool client_id_bound;
	struct buf network_address;
	struct buf channel_name;
	const struct login_certificate *certificate;
	struct buf password_user;
	uint64_t credential;

	struct login_shared_value shared[LOGIN_SHARED_MAX];
	size_t shared_count;
	struct login_slot slots[LOGIN_STACK_MODULES_MAX];

	/* LOGIN's walk, kept while a module waits. */
	struct login_walk {
		size_t at;
		bool yes;             /* a module allowed */
		const char *required; /* why the first required module failed, or NULL */
		size_t required_index;
		const char *other; /* why the first other module failed, or NULL */
		size_t other_index;
	} walk;
};

/* --- the walk: pure --- */

enum walk_step { WALK_ON, WALK_ALLOW, WALK_DENY };

/* One module's verdict at walk->at. Anything that is not known to be good is a failure. */
static enum walk_step walk_take(
	struct login_walk *walk, enum login_flag flag, enum login_verdict verdict, const char *reason)
{
	if (verdict == LOGIN_VERDICT_ALLOW) {
		if (flag == LOGIN_SUFFICIENT && walk->required == NULL) {
			return WALK_ALLOW;
		}
		walk->yes = true;
		return WALK_ON;
	}
	if (verdict == LOGIN_VERDICT_IGNORE) {
		return WALK_ON;
	}
	if (flag == LOGIN_REQUIRED || flag == LOGIN_REQUISITE) {
		if (walk->required == NULL) {
			walk->required = reason;
			walk->required_index = walk->at;
		}
		return flag == LOGIN_REQUISITE ? WALK_DENY : WALK_ON;
	}
	if (walk->other == NULL) {
		walk->other = reason;
		walk->other_index = walk->at;
	}
	return WALK_ON;
}

static bool walk_allows(const struct login_walk *walk)
{
	return walk->required == NULL && walk->yes;
}

/* --- making and freeing --- */

static enum err login_copy(struct buf *to, struct bytes in)
{
	*to = BUF_INIT(LOGIN_TEXT_BYTES_MAX);
	return buf_append(to, in);
}

enum err login_new(struct login_setup *setup, const char *entry, const struct login_input *input,
	const struct login_env *env, struct login **out)
{
	const struct login_setup_entry *found = login_setup_entry(setup, entry);
	if (found == NULL) {
		return ERR_NOT_FOUND;
	}
	struct login *login = calloc(1, sizeof(*login));
	if (login == NULL) {
		return ERR_NOMEM;
	}
	login_setup_ref(setup);
	login->setup = setup;
	login->entry = found;
	login->env = *env;
	login->certificate = input->certificate;
	login->has_user_name = input->has_user_name;
	login->has_password = input->has_password;
	login->reason = "not run";
	login->reason_module = "";
	login->call.login = login;
	enum err err = login_copy(&login->user_name, input->has_user_name ? input->user_name : BYTES_NONE);
	if (err == ERR_OK) {
		err = login_copy(&login->client_id, input->client_id);
	}
	if (err == ERR_OK) {
		err = login_copy(&login->network_address,
			bytes_of(input->network_address,
				input->network_address == NULL ? 0 : strlen(input->network_address) + 1));
	}
	if (err == ERR_OK) {
		err = login_copy(&login->channel_name,
			bytes_of(input->channel_name,
				input->channel_name == NULL ? 0 : strlen(input->channel_name) + 1));
	}
	if (err == ERR_OK && input->has_password) {
		err = input->password.len > LOGIN_TEXT_BYTES_MAX
			      ? ERR_LIMIT
			      : secret_copy(input->password, &login->password);
	}
	if (err != ERR_OK) {
		login_free(login);
		return err;
	}
	*out = login;
	return ERR_OK;
}

/* What was secret is gone as soon as the attempt has ended, however long its result is kept. */
static void login_forget(struct login *login)
{
	secret_free(&login->password);
	for (size_t i = 0; i < login->shared_count; i++) {
		free(login->shared[i].key);
		secret_free(&login->shared[i].value);
	}
	login->shared_count = 0;
}

void login_free(struct login *login)
{
	if (login == NULL) {
		return;
	}
	if (login->work != NULL) {
		/* The lane may be at it this moment; it has copies, and its return finds nobody. */
		login->work->login = NULL;
		atomic_store(&login->work->abandoned, true);
		login->work = NULL;
	}
	login_forget(login);
	for (size_t i = 0; i < login->entry->module_count; i++) {
		if (login->slots[i].state != NULL && login->entry->modules[i].ops->release != NULL) {
			login->entry->modules[i].ops->release(login->slots[i].state);
		}
		buf_release(&login->slots[i].vouched);
	}
	buf_release(&login->user_name);
	buf_release(&login->client_id);
	buf_release(&login->network_address);
	buf_release(&login->channel_name);
	buf_release(&login->password_user);
	login_setup_unref(login->setup);
	free(login);
}

/* --- running --- */

typedef enum login_verdict (*login_method_fn)(struct login_call *call, void *state);

/* A missing method has nothing to say. */
static enum login_verdict login_invoke(struct login *login, size_t index, login_method_fn method)
{
	login->call.index = index;
	return method == NULL ? LOGIN_VERDICT_IGNORE : method(&login->call, login->slots[index].state);
}

static void login_invoke_all(struct login *login, enum login_phase phase)
{
	login->phase = phase;
	for (size_t i = 0; i < login->entry->module_count; i++) {
		const struct login_module *ops = login->entry->modules[i].ops;
		if (login->slots[i].ran) {
			(void)login_invoke(login, i, phase == LOGIN_PHASE_LOGOUT ? ops->logout : ops->abort);
		}
	}
}

static enum login_end login_refuse(struct login *login, const char *reason, const char *module)
{
	login_invoke_all(login, LOGIN_PHASE_ABORT);
	login->phase = LOGIN_PHASE_ENDED;
	login->reason = login->busy ? "server busy" : login->broken ? "out of memory" : reason;
	login->reason_module = module;
	login->end = login->busy ? LOGIN_END_BUSY : login->broken ? LOGIN_END_FAILED : LOGIN_END_DENIED;
	login->client_id_bound = false;
	login->credential = 0;
	buf_release(&login->password_user);
	login_forget(login);
	return login->end;
}

static enum login_end login_refuse_walk(struct login *login, const struct login_walk *walk)
{
	if (walk->required != NULL) {
		return login_refuse(
			login, walk->required, login->entry->modules[walk->required_index].ops->name);
	}
	if (walk->other != NULL) {
		return login_refuse(login, walk->other, login->entry->modules[walk->other_index].ops->name);
	}
	return login_refuse(login,
		login->entry->module_count == 0 ? "the entry has no modules"
						: "every module ignored the login",
		"");
}

static const char *login_why(const struct login *login, size_t index, enum login_verdict verdict)
{
	if (login->slots[index].reason != NULL) {
		return login->slots[index].reason;
	}
	return verdict == LOGIN_VERDICT_DENY ? "the module refused" : "the module failed";
}

static enum login_verdict login_commit_one(struct login *login, size_t index)
{
	const struct login_slot *slot = &login->slots[index];
	enum login_flag flag = login->entry->modules[index].flag;
	if (!slot->ran) {
		/* See the head of this file. */
		return flag == LOGIN_REQUIRED || flag == LOGIN_REQUISITE ? LOGIN_VERDICT_ERROR
									 : LOGIN_VERDICT_IGNORE;
	}
	enum login_verdict verdict = login_invoke(login, index, login->entry->modules[index].ops->commit);
	if (verdict == LOGIN_VERDICT_ALLOW && slot->said != LOGIN_VERDICT_ALLOW) {
		return LOGIN_VERDICT_IGNORE;
	}
	return verdict;
}

static enum login_end login_commit(struct login *login)
{
	struct login_walk walk = {0};
	enum walk_step step = WALK_ON;
	if (login->busy || login->broken) {
		return login_refuse(login, "", "");
	}
	login->phase = LOGIN_PHASE_COMMIT;
	for (; walk.at < login->entry->module_count && step == WALK_ON; walk.at++) {
		enum login_verdict verdict = login_commit_one(login, walk.at);
		step = walk_take(&walk, login->entry->modules[walk.at].flag, verdict,
			login_why(login, walk.at, verdict));
	}
	bool allowed = step == WALK_ALLOW || (step == WALK_ON && walk_allows(&walk));
	if (!allowed || login->busy || login->broken) {
		return login_refuse_walk(login, &walk);
	}
	login->phase = LOGIN_PHASE_ENDED;
	login->end = LOGIN_END_ALLOWED;
	login->reason = "allowed";
	login->reason_module = "";
	login_forget(login);
	return login->end;
}

/* The first call of this module: state, then login(). */
static enum login_verdict login_first(struct login *login, size_t index)
{
	struct login_slot *slot = &login->slots[index];
	const struct login_module *ops = login->entry->modules[index].ops;
	login->call.index = index;
	enum err err = ops->initialize == NULL ? ERR_OK : ops->initialize(&login->call, &slot->state);
	if (err != ERR_OK) {
		login->broken = login->broken || err == ERR_NOMEM;
		slot->reason = "the module could not start";
		return LOGIN_VERDICT_ERROR;
	}
	slot->ran = true;
	enum login_verdict verdict = login_invoke(login, index, ops->login);
	if (verdict == LOGIN_VERDICT_PENDING && login->work == NULL) {
		slot->reason = "the module waits for nothing";
		return LOGIN_VERDICT_ERROR;
	}
	if (verdict != LOGIN_VERDICT_PENDING && login->work != NULL) {
		/* It submitted work and answered all the same: the work goes on without us. */
		login->work->login = NULL;
		atomic_store(&login->work->abandoned, true);
		login->work = NULL;
		slot->reason = "the module answered twice";
		return LOGIN_VERDICT_ERROR;
	}
	return verdict;
}

/* Takes the verdict of the module at walk.at and goes on until the end or the next wait. */
static enum login_end login_go_on(struct login *login, bool have_verdict, enum login_verdict verdict)
{
	struct login_walk *walk = &login->walk;
	while (walk->at < login->entry->module_count) {
		if (!have_verdict) {
			verdict = login_first(login, walk->at);
			if (verdict == LOGIN_VERDICT_PENDING) {
				return LOGIN_END_WAITING;
			}
		}
		have_verdict = false;
		login->slots[walk->at].said = verdict;
		enum walk_step step = walk_take(walk, login->entry->modules[walk->at].flag, verdict,
			login_why(login, walk->at, verdict));
		if (step == WALK_ALLOW) {
			return login_commit(login);
		}
		if (step == WALK_DENY) {
			return login_refuse_walk(login, walk);
		}
		walk->at++;
	}
	return walk_allows(walk) ? login_commit(login) : login_refuse_walk(login, walk);
}

enum login_end login_run(struct login *login, login_done_fn done, void *ctx)
{
	assert(login->phase == LOGIN_PHASE_NEW);
	login->phase = LOGIN_PHASE_LOGIN;
	login->done = done;
	login->done_ctx = ctx;
	return login_go_on(login, false, LOGIN_VERDICT_DENY);
}

void login_logout(struct login *login)
{
	if (login->phase == LOGIN_PHASE_ENDED && login->end == LOGIN_END_ALLOWED) {
		login_invoke_all(login, LOGIN_PHASE_LOGOUT);
	}
}

/* --- work on a lane --- */

static void login_work_run(struct job *job)
{
	struct login_work *work = CONTAINER_OF(job, struct login_work, job);
	if (!atomic_load(&work->abandoned)) {
		work->run(work);
	}
}

static void login_work_done(struct job *job)
{
	struct login_work *work = CONTAINER_OF(job, struct login_work, job);
	struct login *login = work->login;
	if (work->counted) {
		(void)atomic_fetch_sub(&work->load->uncertified, 1);
	}
	if (login == NULL) {
		work->discard(work);
		return;
	}
	size_t index = login->walk.at;
	login->work = NULL;
	work->login = NULL;
	login->call.index = index;
	login->finishing = true; /* no second wait behind the first */
	enum login_verdict verdict = work->finish(&login->call, login->slots[index].state, work);
	login->finishing = false;
	work->discard(work);
	if (verdict == LOGIN_VERDICT_PENDING) {
		verdict = LOGIN_VERDICT_ERROR;
	}
	enum login_end end = login_go_on(login, true, verdict);
	if (end != LOGIN_END_WAITING) {
		login->done(login, end, login->done_ctx); /* may free login */
	}
}

enum err login_call_submit(struct login_call *call, enum lane lane, struct login_work *work)
{
	struct login *login = call->login;
	bool certified = login->certificate != NULL && login->certificate->verified;
	if (login->phase != LOGIN_PHASE_LOGIN || login->work != NULL || login->finishing) {
		return ERR_STATE;
	}
	work->login = login;
	work->load = login->env.load;
	work->counted = lane == LANE_HASH && !certified && login->env.load != NULL;
	work->job = (struct job){.run = login_work_run, .done = login_work_done};
	atomic_init(&work->abandoned, false);
	if (work->counted && atomic_fetch_add(&work->load->uncertified, 1) >= work->load->uncertified_max) {
		(void)atomic_fetch_sub(&work->load->uncertified, 1);
		login->busy = true;
		return ERR_LIMIT;
	}
	enum err err = executor_submit(login->env.executor, lane, &work->job);
	if (err != ERR_OK) {
		if (work->counted) {
			(void)atomic_fetch_sub(&work->load->uncertified, 1);
		}
		login->busy = login->busy || err == ERR_LIMIT;
		login->broken = login->broken || err == ERR_NOMEM;
		return err;
	}
	login->work = work;
	return ERR_OK;
}

/* --- the callbacks --- */

const void *login_call_config(const struct login_call *call)
{
	return call->login->entry->modules[call->index].config;
}

const struct login_env *login_call_env(const struct login_call *call)
{
	return &call->login->env;
}

bool login_call_user_name(const struct login_call *call, struct bytes *out)
{
	*out = buf_bytes(&call->login->user_name);
	return call->login->has_user_name;
}

bool login_call_password(const struct login_call *call, struct bytes *out)
{
	*out = secret_bytes(&call->login->password);
	return call->login->has_password;
}

struct bytes login_call_client_id(const struct login_call *call)
{
	return buf_bytes(&call->login->client_id);
}

static const char *login_text(const struct buf *buf)
{
	return buf->len == 0 ? "" : (const char *)buf->data; /* copied with its NUL */
}

const char *login_call_network_address(const struct login_call *call)
{
	return login_text(&call->login->network_address);
}

const char *login_call_channel_name(const struct login_call *call)
{
	return login_text(&call->login->channel_name);
}

const struct login_certificate *login_call_certificate(const struct login_call *call)
{
	return call->login->certificate;
}

/* Replaces *to; on failure the old value stays and the attempt can no longer be allowed. */
static enum err login_replace(struct login *login, struct buf *to, struct bytes value)
{
	struct buf copy = BUF_INIT(0);
	enum err err = login_copy(&copy, value);
	if (err != ERR_OK) {
		login->broken = true;
		return err;
	}
	buf_release(to);
	*to = copy;
	return ERR_OK;
}

enum err login_call_set_user_name(struct login_call *call, struct bytes name)
{
	if (call->login->phase != LOGIN_PHASE_LOGIN) {
		return ERR_STATE;
	}
	enum err err = login_replace(call->login, &call->login->user_name, name);
	if (err == ERR_OK) {
		call->login->has_user_name = true;
	}
	return err;
}

enum err login_call_set_client_id(struct login_call *call, struct bytes client_id)
{
	struct login *login = call->login;
	if (login->phase != LOGIN_PHASE_LOGIN) {
		return ERR_STATE;
	}
	if (bytes_equal(buf_bytes(&login->client_id), client_id)) {
		return ERR_OK;
	}
	enum err err = login_replace(login, &login->client_id, client_id);
	if (err == ERR_OK) {
		login->client_id_changed = true;
	}
	return err;
}

/* Only in COMMIT, and only a module that allowed. */
static bool login_may_vouch(const struct login_call *call)
{
	return call->login->phase == LOGIN_PHASE_COMMIT &&
	       call->login->slots[call->index].said == LOGIN_VERDICT_ALLOW;
}

enum err login_call_vouch_user(struct login_call *call, struct bytes name)
{
	if (!login_may_vouch(call)) {
		return ERR_STATE;
	}
	return login_replace(call->login, &call->login->slots[call->index].vouched, name);
}

void login_call_vouch_client_id(struct login_call *call)
{
	if (login_may_vouch(call)) {
		call->login->client_id_bound = true;
	}
}

enum err login_call_vouch_password(struct login_call *call, struct bytes user, uint64_t credential)
{
	if (!login_may_vouch(call)) {
		return ERR_STATE;
	}
	enum err err = login_replace(call->login, &call->login->password_user, user);
	if (err == ERR_OK) {
		call->login->credential = credential;
	}
	return err;
}

void login_call_out_of_memory(struct login_call *call)
{
	call->login->broken = true;
}

void login_call_reason(struct login_call *call, const char *reason)
{
	call->login->slots[call->index].reason = reason;
}

static struct login_shared_value *login_find_shared(struct login *login, const char *key)
{
	for (size_t i = 0; i < login->shared_count; i++) {
		if (strcmp(login->shared[i].key, key) == 0) {
			return &login->shared[i];
		}
	}
	return NULL;
}

enum err login_call_share(struct login_call *call, const char *key, struct bytes value)
{
	struct login *login = call->login;
	struct secret copy = SECRET_NONE;
	struct login_shared_value *found = login_find_shared(login, key);
	if (login->phase != LOGIN_PHASE_LOGIN) {
		return ERR_STATE;
	}
	enum err err = found == NULL && login->shared_count >= LOGIN_SHARED_MAX ? ERR_LIMIT : ERR_OK;
	if (err == ERR_OK) {
		err = secret_copy(value, &copy);
	}
	if (err == ERR_OK && found == NULL) {
		char *name = NULL;
		err = bytes_dup_text(bytes_text(key), &name);
		if (err == ERR_OK) {
			found = &login->shared[login->shared_count++];
			found->key = name;
		}
	}
	if (err != ERR_OK) {
		secret_free(&copy);
		login->broken = true;
		return err;
	}
	secret_free(&found->value);
	found->value = copy;
	return ERR_OK;
}

bool login_call_shared(const struct login_call *call, const char *key, struct bytes *out)
{
	const struct login_shared_value *found = login_find_shared(call->login, key);
	*out = found == NULL ? BYTES_NONE : secret_bytes(&found->value);
	return found != NULL;
}

/* --- the result --- */

struct login_result login_result(const struct login *login)
{
	struct login_result result = {0};
	if (login->end != LOGIN_END_ALLOWED) {
		return result;
	}
	result.user_name = login->has_user_name ? buf_bytes(&login->user_name) : BYTES_NONE;
	result.client_id = buf_bytes(&login->client_id);
	result.client_id_changed = login->client_id_changed;
	result.client_id_bound = login->client_id_bound;
	result.password_user = buf_bytes(&login->password_user);
	result.credential = login->credential;
	for (size_t i = 0; i < login->entry->module_count && result.user_name.len > 0; i++) {
		result.user_verified = result.user_verified ||
				       bytes_equal(buf_bytes(&login->slots[i].vouched), result.user_name);
	}
	return result;
}

const char *login_reason(const struct login *login)
{
	return login->reason;
}

const char *login_reason_module(const struct login *login)
{
	return login->reason_module;
}
