/*
 * test_threads.c - logins whose hashes run on real threads, with clients that vanish meanwhile and setups that are
 *                  replaced: nothing is touched from two sides. Meant for the thread sanitizer, true everywhere.
 */
#include <pthread.h>

#include "tests/jaas_like/fixture.h"

#define ATTEMPTS 60

/* A lane with one thread of its own, and a queue back to the loop (the test's thread). */
struct lane_thread {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *todo;
	struct job *done;
	unsigned under_way;
	bool stop;
};

static enum err lane_submit(void *ctx, enum lane lane, struct job *job)
{
	struct lane_thread *thread = ctx;
	(void)lane;
	(void)pthread_mutex_lock(&thread->lock);
	job->next = thread->todo;
	thread->todo = job;
	thread->under_way++;
	(void)pthread_cond_broadcast(&thread->wake);
	(void)pthread_mutex_unlock(&thread->lock);
	return ERR_OK;
}

static void *lane_main(void *arg)
{
	struct lane_thread *thread = arg;
	(void)pthread_mutex_lock(&thread->lock);
	while (!thread->stop) {
		struct job *job = thread->todo;
		if (job == NULL) {
			(void)pthread_cond_wait(&thread->wake, &thread->lock);
			continue;
		}
		thread->todo = job->next;
		(void)pthread_mutex_unlock(&thread->lock);
		job->run(job);
		(void)pthread_mutex_lock(&thread->lock);
		job->next = thread->done;
		thread->done = job;
		(void)pthread_cond_broadcast(&thread->wake);
	}
	(void)pthread_mutex_unlock(&thread->lock);
	return NULL;
}

/* Delivers what has come back; waits for all of it when asked to. */
static void lane_deliver(struct lane_thread *thread, bool all)
{
	(void)pthread_mutex_lock(&thread->lock);
	while (thread->done != NULL || (all && thread->under_way > 0)) {
		struct job *job = thread->done;
		if (job == NULL) {
			(void)pthread_cond_wait(&thread->wake, &thread->lock);
			continue;
		}
		thread->done = job->next;
		thread->under_way--;
		(void)pthread_mutex_unlock(&thread->lock);
		job->done(job);
		(void)pthread_mutex_lock(&thread->lock);
	}
	(void)pthread_mutex_unlock(&thread->lock);
}

static void test_vanish(struct fixture *fixture, struct lane_thread *thread)
{
	static const char *const config = "S { PasswordLoginModule required file=users key=\"login.key\"; };";
	struct login_setup *setup = fixture_setup(fixture, config);
	struct login *logins[ATTEMPTS];
	enum login_end ends[ATTEMPTS];
	for (size_t i = 0; i < ATTEMPTS; i++) {
		struct login_input input = {.has_user_name = true,
			.user_name = bytes_text("d2"),
			.has_password = true,
			.password = bytes_text(i % 2 == 0 ? CHOSEN : "wrong guess"),
			.client_id = bytes_text("c")};
		ends[i] = LOGIN_END_WAITING;
		REQUIRE("new", login_new(setup, "S", &input, &fixture->env, &logins[i]) == ERR_OK);
		CHECK("waits", login_run(logins[i], fixture_done, &ends[i]) == LOGIN_END_WAITING);
		if (i % 3 == 0) {
			login_free(logins[i]); /* while the lane may be at it */
			logins[i] = NULL;
		}
		if (i % 7 == 0) {
			struct login_setup *next = fixture_setup(fixture, config);
			login_setup_unref(setup);
			setup = next;
		}
		lane_deliver(thread, false);
	}
	login_setup_unref(setup);
	lane_deliver(thread, true);
	for (size_t i = 0; i < ATTEMPTS; i++) {
		enum login_end want = i % 2 == 0 ? LOGIN_END_ALLOWED : LOGIN_END_DENIED;
		CHECK("its own answer, or none", ends[i] == (i % 3 == 0 ? LOGIN_END_WAITING : want));
		login_free(logins[i]);
	}
	CHECK("the share is given back", atomic_load(&fixture->load.uncertified) == 0);
}

int main(void)
{
	struct fixture fixture;
	struct lane_thread thread = {.todo = NULL};
	pthread_t id;
	REQUIRE("start", crypto_init() == ERR_OK);
	fixture_init(&fixture);
	REQUIRE("lock",
		pthread_mutex_init(&thread.lock, NULL) == 0 && pthread_cond_init(&thread.wake, NULL) == 0);
	fixture.executor = (struct executor){lane_submit, &thread};
	fixture.load.uncertified_max = ATTEMPTS;
	REQUIRE("thread", pthread_create(&id, NULL, lane_main, &thread) == 0);
	test_vanish(&fixture, &thread);
	(void)pthread_mutex_lock(&thread.lock);
	thread.stop = true;
	(void)pthread_cond_broadcast(&thread.wake);
	(void)pthread_mutex_unlock(&thread.lock);
	CHECK("join", pthread_join(id, NULL) == 0);
	fixture_deinit(&fixture);
	crypto_cleanup();
	return test_result();
}
