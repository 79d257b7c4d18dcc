/*
 * test_threads.c - what base calls safe from any thread: log lines stay whole while the file is rotated, hashes and
 *                  signatures are right on several threads at once. Meant for the thread sanitizer, true everywhere.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "tests/test.h"

#define THREADS 3
#define LINES   300

struct world {
	struct log *log;
	struct secret key;
	struct buf spki;
	struct buf signature;
	atomic_uint wrong;
};

static void *log_lines(void *arg)
{
	struct world *world = arg;
	for (int i = 0; i < LINES; i++) {
		LOG(world->log, LOG_INFO, "LKG0001I", "a line", LF_INT("n", i),
			LF_TEXT("fill", "xxxxxxxxxxxxxxxxxxxxxxxx"));
	}
	return NULL;
}

static void *check_crypto(void *arg)
{
	struct world *world = arg;
	struct bytes message = bytes_text("a message");
	for (int i = 0; i < 20; i++) {
		uint8_t random[32];
		uint8_t digest[SHA256_BYTES];
		struct buf again = BUF_INIT(1024);
		bool good = crypto_random(random, sizeof(random)) == ERR_OK;
		hash_of(HASH_SHA256, bytes_text("abc"), digest);
		good = good && digest[0] == 0xba && digest[31] == 0xad;
		good = good && sig_verify(buf_bytes(&world->spki), KEY_EC_P256, SIG_ECDSA, HASH_SHA256,
				       message, buf_bytes(&world->signature)) == ERR_OK;
		good = good && key_sign(secret_bytes(&world->key), HASH_SHA256, message, &again) == ERR_OK;
		good = good && sig_verify(buf_bytes(&world->spki), KEY_EC_P256, SIG_ECDSA, HASH_SHA256,
				       message, buf_bytes(&again)) == ERR_OK;
		if (!good) {
			(void)atomic_fetch_add(&world->wrong, 1);
		}
		buf_release(&again);
	}
	return NULL;
}

static size_t count_lines(const char *path)
{
	struct buf text = BUF_INIT(1 << 22);
	size_t lines = 0;
	size_t start = 0;
	if (file_read(path, 1 << 22, &text) != ERR_OK) {
		return 0;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\n') {
			CHECK("whole lines", i - start > 60 && memcmp(text.data + start, "19", 2) == 0);
			start = i + 1;
			lines++;
		}
	}
	CHECK("ends with a newline", start == text.len);
	buf_release(&text);
	return lines;
}

static void test_log(struct world *world)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "log");
	struct clock_fake fake = {0, 1000};
	struct log_options options = {path, LOG_TEXT, LOG_INFO, clock_from_fake(&fake)};
	pthread_t threads[THREADS];
	size_t lines = 0;
	REQUIRE("open", log_open(&options, &world->log) == ERR_OK);
	for (size_t i = 0; i < THREADS; i++) {
		REQUIRE("thread", pthread_create(&threads[i], NULL, log_lines, world) == 0);
	}
	for (int i = 0; i < 20; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "log.%d", i);
		CHECK("rotate",
			rename(path, test_path(folder, name)) == 0 && log_reopen(world->log) == ERR_OK);
	}
	for (size_t i = 0; i < THREADS; i++) {
		CHECK("join", pthread_join(threads[i], NULL) == 0);
	}
	log_close(world->log);
	for (int i = 0; i < 20; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "log.%d", i);
		lines += count_lines(test_path(folder, name));
	}
	CHECK("none lost", lines + count_lines(path) == THREADS * LINES);
}

static void test_crypto(struct world *world)
{
	pthread_t threads[THREADS];
	enum key_kind kind = KEY_KIND_COUNT_;
	world->spki = BUF_INIT(1024);
	world->signature = BUF_INIT(1024);
	REQUIRE("key", key_generate(KEY_EC_P256, 0, &world->key) == ERR_OK);
	REQUIRE("public", key_public(secret_bytes(&world->key), &kind, &world->spki) == ERR_OK);
	REQUIRE("sign", key_sign(secret_bytes(&world->key), HASH_SHA256, bytes_text("a message"),
				&world->signature) == ERR_OK);
	for (size_t i = 0; i < THREADS; i++) {
		REQUIRE("thread", pthread_create(&threads[i], NULL, check_crypto, world) == 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		CHECK("join", pthread_join(threads[i], NULL) == 0);
	}
	CHECK("every answer was right", atomic_load(&world->wrong) == 0);
	buf_release(&world->spki);
	buf_release(&world->signature);
	secret_free(&world->key);
}

int main(void)
{
	static struct world world;
	REQUIRE("start", crypto_init() == ERR_OK);
	test_log(&world);
	test_crypto(&world);
	crypto_cleanup();
	return test_result();
}
