/*
 * test_engine.c - the stack against the fact sheet's table: every stack of up to three modules, every flag, every outcome
 *                 of login and of commit, answered at once and after a wait. The model works with sets, not with a loop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jaas_like/jaas_like.h"
#include "tests/test.h"

#define MODULES_MAX 3
#define TRACE_MAX   64

enum flag { REQUIRED, REQUISITE, SUFFICIENT, OPTIONAL };
static const char *const flag_names[] = {"required", "requisite", "sufficient", "optional"};

/* What the scripted modules will say, and what was called. One test at a time, so this may be global. */
static struct {
	enum login_verdict login[MODULES_MAX];
	enum login_verdict commit[MODULES_MAX];
	bool waits;
	char trace[TRACE_MAX];
	size_t trace_len;
	unsigned works; /* alive */
	unsigned states;
} script;

static void note(char what, size_t index)
{
	if (script.trace_len + 3 < TRACE_MAX) {
		script.trace[script.trace_len++] = what;
		script.trace[script.trace_len++] = (char)('0' + index);
		script.trace[script.trace_len] = '\0';
	}
}

static size_t index_of(const struct login_call *call)
{
	return *(const size_t *)login_call_config(call);
}

static enum err script_setup(
	const struct login_module_config *config, void **out, struct login_problem *problem)
{
	size_t *index = malloc(sizeof(*index));
	(void)problem;
	if (index == NULL) {
		return ERR_NOMEM;
	}
	*index = (size_t)(login_option_find(config, "n")->value[0] - '0');
	*out = index;
	return ERR_OK;
}

static enum err script_initialize(struct login_call *call, void **state)
{
	(void)call;
	*state = malloc(1);
	script.states += *state != NULL;
	return *state == NULL ? ERR_NOMEM : ERR_OK;
}

static void script_release(void *state)
{
	script.states--;
	free(state);
}

static void script_run(struct login_work *work)
{
	(void)work;
}

static enum login_verdict script_finish(struct login_call *call, void *state, struct login_work *work)
{
	(void)state;
	struct login_work second;
	CHECK("no second wait", login_call_submit(call, LANE_LOGIN, &second) == ERR_STATE);
	(void)work;
	return script.login[index_of(call)];
}

static void script_discard(struct login_work *work)
{
	script.works--;
	free(work);
}

static enum login_verdict script_login(struct login_call *call, void *state)
{
	CHECK("state", state != NULL);
	note('l', index_of(call));
	if (!script.waits) {
		return script.login[index_of(call)];
	}
	struct login_work *work = calloc(1, sizeof(*work));
	if (work == NULL) {
		return LOGIN_VERDICT_ERROR;
	}
	work->run = script_run;
	work->finish = script_finish;
	work->discard = script_discard;
	script.works++;
	if (login_call_submit(call, LANE_LOGIN, work) != ERR_OK) {
		script_discard(work);
		return LOGIN_VERDICT_ERROR;
	}
	return LOGIN_VERDICT_PENDING;
}

static enum login_verdict script_commit(struct login_call *call, void *state)
{
	CHECK("state", state != NULL);
	note('c', index_of(call));
	return script.commit[index_of(call)];
}

static enum login_verdict script_abort(struct login_call *call, void *state)
{
	(void)state;
	note('a', index_of(call));
	return LOGIN_VERDICT_ALLOW;
}

static enum login_verdict script_logout(struct login_call *call, void *state)
{
	(void)state;
	note('o', index_of(call));
	return LOGIN_VERDICT_DENY; /* changes nothing */
}

static const char *const script_options[] = {"n", NULL};
#define SCRIPT_MODULE(title)                                                                                 \
	{                                                                                                    \
		.name = (title), .option_names = script_options, .setup = script_setup, .teardown = free,    \
		.initialize = script_initialize, .login = script_login, .commit = script_commit,             \
		.abort = script_abort, .logout = script_logout, .release = script_release                    \
	}
static const struct login_module script_modules[MODULES_MAX] = {
	SCRIPT_MODULE("M0"), SCRIPT_MODULE("M1"), SCRIPT_MODULE("M2")};
static const struct login_module *const script_list[] = {
	&script_modules[0], &script_modules[1], &script_modules[2], NULL};

static struct login_setup *setup_of(const enum flag *flags, size_t count)
{
	char text[512];
	size_t len = (size_t)snprintf(text, sizeof(text), "S {");
	for (size_t i = 0; i < count; i++) {
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, " M%zu %s n=%zu;", i, flag_names[flags[i]], i);
	}
	(void)snprintf(text + len, sizeof(text) - len, " };");
	struct login_setup *setup = NULL;
	struct login_problem problem;
	struct login_setup_options options = {.config = bytes_text(text), .modules = script_list};
	REQUIRE(text, login_setup_load(&options, &setup, &problem) == ERR_OK);
	return setup;
}

/* --- the model --- */

static bool is_failure(enum login_verdict verdict)
{
	return verdict != LOGIN_VERDICT_ALLOW && verdict != LOGIN_VERDICT_IGNORE;
}

static bool must_succeed(enum flag flag)
{
	return flag == REQUIRED || flag == REQUISITE;
}

/* 7.3: which module is the last that is asked. */
static size_t model_last(const enum flag *flags, const enum login_verdict *verdicts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool failed_before = false;
		for (size_t j = 0; j < i; j++) {
			failed_before = failed_before || (must_succeed(flags[j]) && is_failure(verdicts[j]));
		}
		if ((flags[i] == REQUISITE && is_failure(verdicts[i])) ||
			(flags[i] == SUFFICIENT && verdicts[i] == LOGIN_VERDICT_ALLOW && !failed_before)) {
			return i;
		}
	}
	return count - 1;
}

/* 7.3: none that must succeed failed, and at least one said yes, among those that were asked. */
static bool model_allows(const enum flag *flags, const enum login_verdict *verdicts, size_t asked)
{
	bool yes = false;
	for (size_t i = 0; i < asked; i++) {
		if (must_succeed(flags[i]) && is_failure(verdicts[i])) {
			return false;
		}
		yes = yes || verdicts[i] == LOGIN_VERDICT_ALLOW;
	}
	return yes;
}

/* 7.3: the first failure that must not be, else the first other failure, else nobody. */
static const char *model_blames(const enum flag *flags, const enum login_verdict *verdicts, size_t asked)
{
	static const char *const names[] = {"M0", "M1", "M2"};
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < asked; i++) {
			if (is_failure(verdicts[i]) && must_succeed(flags[i]) == (pass == 0)) {
				return names[i];
			}
		}
	}
	return "";
}

struct model {
	bool allowed;
	const char *blames;
	char trace[TRACE_MAX];
	size_t ran;
};

static void model_note(struct model *model, char what, size_t up_to)
{
	size_t len = strlen(model->trace);
	for (size_t i = 0; i < up_to; i++) {
		model->trace[len++] = what;
		model->trace[len++] = (char)('0' + i);
	}
	model->trace[len] = '\0';
}

static void model_run(struct model *model, const enum flag *flags, size_t count)
{
	enum login_verdict commits[MODULES_MAX] = {LOGIN_VERDICT_DENY};
	*model = (struct model){.blames = ""};
	if (count == 0) {
		return;
	}
	model->ran = model_last(flags, script.login, count) + 1;
	model_note(model, 'l', model->ran);
	model->allowed = model_allows(flags, script.login, model->ran);
	model->blames = model_blames(flags, script.login, model->ran);
	if (model->allowed) {
		for (size_t i = 0; i < count; i++) {
			if (i >= model->ran) {
				/* Never asked: it may not be passed over where it must succeed. */
				commits[i] =
					must_succeed(flags[i]) ? LOGIN_VERDICT_ERROR : LOGIN_VERDICT_IGNORE;
			} else if (script.commit[i] == LOGIN_VERDICT_ALLOW &&
				   script.login[i] != LOGIN_VERDICT_ALLOW) {
				commits[i] = LOGIN_VERDICT_IGNORE;
			} else {
				commits[i] = script.commit[i];
			}
		}
		size_t asked = model_last(flags, commits, count) + 1;
		model_note(model, 'c', asked < model->ran ? asked : model->ran);
		model->allowed = model_allows(flags, commits, asked);
		model->blames = model->allowed ? "" : model_blames(flags, commits, asked);
	}
	if (!model->allowed) {
		model_note(model, 'a', model->ran);
	}
}

/* --- the engine --- */

struct outcome {
	unsigned calls;
	enum login_end end;
};

static void on_done(struct login *login, enum login_end end, void *ctx)
{
	struct outcome *outcome = ctx;
	(void)login;
	outcome->calls++;
	outcome->end = end;
}

static struct executor_inline lanes = {.limit = 8};
static struct executor executor;
static struct clock_fake fake;
static struct clock fake_clock;

static struct login *start(
	struct login_setup *setup, const struct login_input *input, struct login_load *load)
{
	struct login *login = NULL;
	struct login_env env = {.executor = &executor, .clock = &fake_clock, .load = load};
	script.trace_len = 0;
	script.trace[0] = '\0';
	REQUIRE("new", login_new(setup, "S", input, &env, &login) == ERR_OK);
	return login;
}

static void run_one(struct login_setup *setup, const enum flag *flags, size_t count)
{
	struct login_input input = {.client_id = bytes_text("c")};
	struct outcome outcome = {0, LOGIN_END_WAITING};
	struct model model;
	model_run(&model, flags, count);
	struct login *login = start(setup, &input, NULL);
	enum login_end end = login_run(login, on_done, &outcome);
	if (script.waits && count > 0) {
		CHECK("waits, and does not call back from within",
			end == LOGIN_END_WAITING && outcome.calls == 0);
		(void)executor_inline_run(&lanes);
		CHECK("called back once", outcome.calls == 1);
		end = outcome.end;
	}
	CHECK("7.3 outcome", end == (model.allowed ? LOGIN_END_ALLOWED : LOGIN_END_DENIED));
	CHECK("7.3 who is asked what, in which order", strcmp(script.trace, model.trace) == 0);
	CHECK("7.3 which failure is reported", strcmp(login_reason_module(login), model.blames) == 0);
	CHECK("a result only if allowed", (login_result(login).client_id.len > 0) == model.allowed);
	script.trace_len = 0;
	script.trace[0] = '\0';
	login_logout(login);
	struct model out = {0};
	model_note(&out, 'o', model.allowed ? model.ran : 0);
	CHECK("7.3 logout() on every module that ran", strcmp(script.trace, out.trace) == 0);
	login_free(login);
	CHECK("callbacks asynchronous or never", outcome.calls == (script.waits && count > 0 ? 1u : 0u));
}

static void run_all_outcomes(struct login_setup *setup, const enum flag *flags, size_t count)
{
	static const enum login_verdict logins[] = {LOGIN_VERDICT_ALLOW, LOGIN_VERDICT_DENY,
		LOGIN_VERDICT_IGNORE, LOGIN_VERDICT_ERROR, (enum login_verdict)99};
	static const enum login_verdict commits[] = {
		LOGIN_VERDICT_ALLOW, LOGIN_VERDICT_DENY, LOGIN_VERDICT_IGNORE, LOGIN_VERDICT_PENDING};
	size_t per_module = ARRAY_COUNT(logins) * ARRAY_COUNT(commits);
	size_t all = 1;
	for (size_t i = 0; i < count; i++) {
		all *= per_module;
	}
	for (size_t n = 0; n < all; n++) {
		size_t left = n;
		for (size_t i = 0; i < count; i++, left /= per_module) {
			script.login[i] = logins[left % per_module % ARRAY_COUNT(logins)];
			script.commit[i] = commits[left % per_module / ARRAY_COUNT(logins)];
		}
		script.waits = false;
		run_one(setup, flags, count);
		script.waits = true;
		run_one(setup, flags, count);
	}
}

static void test_all_stacks(void)
{
	for (size_t count = 0; count <= MODULES_MAX; count++) {
		size_t stacks = (size_t)1 << 2 * count;
		for (size_t n = 0; n < stacks; n++) {
			enum flag flags[MODULES_MAX] = {REQUIRED};
			for (size_t i = 0; i < count; i++) {
				flags[i] = (enum flag)(n >> 2 * i & 3);
			}
			struct login_setup *setup = setup_of(flags, count);
			run_all_outcomes(setup, flags, count);
			login_setup_unref(setup);
		}
	}
	CHECK("no state is left", script.states == 0 && script.works == 0);
}

/* The client vanishes before, between and behind each wait. */
static void test_vanish(void)
{
	static const enum flag flags[] = {REQUIRED, REQUIRED, REQUIRED};
	struct login_setup *setup = setup_of(flags, 3);
	struct login_input input = {
		.client_id = bytes_text("c"), .has_password = true, .password = bytes_text("p")};
	for (size_t i = 0; i < 3; i++) {
		script.login[i] = LOGIN_VERDICT_ALLOW;
		script.commit[i] = LOGIN_VERDICT_ALLOW;
	}
	script.waits = true;
	for (unsigned at = 0; at <= 4; at++) {
		struct outcome outcome = {0, LOGIN_END_WAITING};
		struct login *login = start(setup, &input, NULL);
		if (at > 0) {
			CHECK("waits", login_run(login, on_done, &outcome) == LOGIN_END_WAITING);
		}
		for (unsigned step = 1; step < at && lanes.head != NULL; step++) {
			struct job *job = lanes.head; /* one job only */
			lanes.head = NULL;
			lanes.tail = NULL;
			lanes.queued = 0;
			job->run(job);
			job->done(job);
		}
		CHECK("done once all three have answered", outcome.calls == (at == 4 ? 1u : 0u));
		login_free(login);
		(void)executor_inline_run(&lanes);
		CHECK("a completion after that is harmless", outcome.calls == (at == 4 ? 1u : 0u));
		CHECK("nothing is left", script.works == 0 && script.states == 0);
	}
	login_setup_unref(setup);
}

static void free_in_done(struct login *login, enum login_end end, void *ctx)
{
	on_done(login, end, ctx);
	login_free(login);
}

static void test_free_in_done(void)
{
	static const enum flag flags[] = {REQUIRED};
	struct login_setup *setup = setup_of(flags, 1);
	struct login_input input = {.client_id = bytes_text("c")};
	struct outcome outcome = {0, LOGIN_END_WAITING};
	script.login[0] = LOGIN_VERDICT_ALLOW;
	script.commit[0] = LOGIN_VERDICT_ALLOW;
	struct login *login = start(setup, &input, NULL);
	CHECK("waits", login_run(login, free_in_done, &outcome) == LOGIN_END_WAITING);
	login_setup_unref(setup); /* replaced while the login waits: the attempt holds its own reference */
	(void)executor_inline_run(&lanes);
	CHECK("freed in done", outcome.calls == 1 && outcome.end == LOGIN_END_ALLOWED && script.states == 0);
}

/* A full lane, and the share of logins without a certificate. */
static void test_busy(void)
{
	static const enum flag flags[] = {OPTIONAL, OPTIONAL};
	struct login_setup *setup = setup_of(flags, 2);
	struct login_input input = {.client_id = bytes_text("c")};
	struct outcome outcome = {0, LOGIN_END_WAITING};
	script.login[0] = LOGIN_VERDICT_ALLOW;
	script.login[1] = LOGIN_VERDICT_ALLOW;
	script.waits = true;
	lanes.limit = 0;
	struct login *login = start(setup, &input, NULL);
	CHECK("a full lane refuses, it never admits", login_run(login, on_done, &outcome) == LOGIN_END_BUSY);
	CHECK("busy", strcmp(login_reason(login), "server busy") == 0 && outcome.calls == 0);
	login_free(login);
	lanes.limit = 8;
	CHECK("an unknown entry",
		!login_setup_has_entry(setup, "other") && login_setup_has_entry(setup, "S"));
	struct login_env env = {.executor = &executor, .clock = &fake_clock};
	login = NULL;
	CHECK("7.2 no fallback to other",
		login_new(setup, "T", &input, &env, &login) == ERR_NOT_FOUND && login == NULL);
	login_setup_unref(setup);
}

/* PENDING without work is an error, and so is an answer beside work. */
static enum login_verdict liar_login(struct login_call *call, void *state)
{
	(void)state;
	if (script.login[0] == LOGIN_VERDICT_PENDING) {
		return LOGIN_VERDICT_PENDING;
	}
	struct login_work *work = calloc(1, sizeof(*work));
	if (work == NULL) {
		return LOGIN_VERDICT_ERROR;
	}
	*work = (struct login_work){.run = script_run, .finish = script_finish, .discard = script_discard};
	script.works++;
	CHECK("submit", login_call_submit(call, LANE_LOGIN, work) == ERR_OK);
	return LOGIN_VERDICT_ALLOW;
}

static void test_liars(void)
{
	static const struct login_module liar = {.name = "Liar", .login = liar_login};
	static const struct login_module silent = {.name = "Silent"};
	static const struct login_module *const list[] = {&liar, &silent, NULL};
	static const char *const texts[] = {
		"S { Liar required; };", "S { Silent required; };", "S { Liar required; };"};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct login_setup *setup = NULL;
		struct login_problem problem;
		struct login_setup_options options = {.config = bytes_text(texts[i]), .modules = list};
		REQUIRE("setup", login_setup_load(&options, &setup, &problem) == ERR_OK);
		struct login_input input = {.client_id = bytes_text("c")};
		struct outcome outcome = {0, LOGIN_END_WAITING};
		script.login[0] = i == 0 ? LOGIN_VERDICT_PENDING : LOGIN_VERDICT_ALLOW;
		struct login *login = start(setup, &input, NULL);
		CHECK(texts[i], login_run(login, on_done, &outcome) == LOGIN_END_DENIED);
		(void)executor_inline_run(&lanes);
		CHECK("nothing comes later", outcome.calls == 0 && script.works == 0);
		login_free(login);
		login_setup_unref(setup);
	}
}

int main(void)
{
	executor = executor_from_inline(&lanes);
	fake_clock = clock_from_fake(&fake);
	test_all_stacks();
	test_vanish();
	test_free_in_done();
	test_busy();
	test_liars();
	return test_result();
}
