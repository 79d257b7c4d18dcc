/*
 * Goal: whether a keystore or its passphrase has become another one: by content, not by what was touched; through symbolic
 * links and swapped folders; also where two writes have one stamp; and what is not there is a content of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/control/look.h"
#include "tests/test.h"

#define LATER INT64_C(32503680000000) /* the year 3000: every file is settled */

static const char *folder;

static const char *put(const char *name, const char *text)
{
	const char *path = test_path(folder, name);

	REQUIRE("write", file_write_atomic(path, bytes_text(text), 0600) == ERR_OK);
	return path;
}

static void put_in_place(const char *path, const char *text)
{
	FILE *file = fopen(path, "r+");

	REQUIRE("open", file != NULL);
	REQUIRE("write", fputs(text, file) >= 0 && fclose(file) == 0);
}

static bool same(const struct keystore_look *a, const struct keystore_look *b)
{
	return memcmp(a->digest, b->digest, SHA256_BYTES) == 0;
}

static struct keystore_look look(
	const char *path, const char *source, int64_t now_ms, const struct keystore_look *before)
{
	struct keystore_look out;

	memset(&out, 0, sizeof(out));
	REQUIRE("a look", keystore_look(path, source, now_ms, before, &out) == ERR_OK);
	CHECK("known", out.known);
	return out;
}

static void contents(void)
{
	const char *store = put("store", "one");
	char source[4200];

	(void)snprintf(source, sizeof(source), "file:%s", put("pass", "secret\n"));
	struct keystore_look first = look(store, source, LATER, NULL);
	struct keystore_look again = look(store, source, LATER, &first);

	CHECK("nothing happened", same(&first, &again) && first.settled);
	(void)put("store", "one");
	again = look(store, source, LATER, &first);
	CHECK("the same content in another file",
		same(&first, &again) && !file_stamp_equal(&first.store, &again.store));
	(void)put("pass", "secret\nand a second line\n");
	again = look(store, source, LATER, &first);
	CHECK("the passphrase is the first line", same(&first, &again));
	(void)put("store", "two");
	struct keystore_look second = look(store, source, LATER, &first);

	CHECK("another keystore", !same(&first, &second));
	(void)put("pass", "other\n");
	struct keystore_look third = look(store, source, LATER, &second);

	CHECK("another passphrase", !same(&second, &third));
	(void)unlink(store);
	struct keystore_look gone = look(store, source, LATER, &third);

	CHECK("not there: another content", !same(&third, &gone));
	again = look(store, source, LATER, &gone);
	CHECK("not there, still", same(&gone, &again));
	(void)put("store", "two");
	again = look(store, source, LATER, &gone);
	CHECK("there again", same(&third, &again));
}

/* Stamps have a grain: what was written just now may be written again without a trace in them. */
static void unsettled(void)
{
	const char *store = put("racy", "aaaa");
	struct stat status;

	REQUIRE("stat", stat(store, &status) == 0);
	int64_t written_ms = (int64_t)status.st_ctim.tv_sec * 1000;
	struct keystore_look first = look(store, "env:HOME", written_ms + 1000, NULL);

	CHECK("just written: not settled", !first.settled);
	/* A second write that shows in no stamp. */
	put_in_place(store, "bbbb");
	REQUIRE("stat", file_stamp_of(store, &first.store) == ERR_OK);
	struct keystore_look second = look(store, "env:HOME", written_ms + 1500, &first);

	CHECK("it is read all the same", !same(&first, &second));
	struct keystore_look early = look(store, "env:HOME", written_ms - 60000, NULL);

	CHECK("written in time to come: never settled", !early.settled);
	struct keystore_look settled = look(store, "env:HOME", LATER, NULL);

	memset(settled.digest, 0x5a, sizeof(settled.digest));
	second = look(store, "env:HOME", LATER, &settled);
	CHECK("settled and not touched: not read at all", same(&settled, &second));
}

static void volumes(void)
{
	char path[4200];
	char source[4200];

	REQUIRE("folders", mkdir(test_path(folder, "v"), 0700) == 0 &&
				   mkdir(test_path(folder, "v/..1"), 0700) == 0 &&
				   mkdir(test_path(folder, "v/..2"), 0700) == 0);
	(void)put("v/..1/store", "one");
	(void)put("v/..1/pass", "p1\n");
	(void)put("v/..2/store", "two");
	(void)put("v/..2/pass", "p2\n");
	REQUIRE("links", symlink("..1", test_path(folder, "v/..data")) == 0 &&
				 symlink("..data/store", test_path(folder, "v/store")) == 0 &&
				 symlink("..data/pass", test_path(folder, "v/pass")) == 0);
	(void)snprintf(path, sizeof(path), "%s", test_path(folder, "v/store"));
	(void)snprintf(source, sizeof(source), "file:%s", test_path(folder, "v/pass"));
	struct keystore_look first = look(path, source, LATER, NULL);

	REQUIRE("swap", symlink("..2", test_path(folder, "v/..new")) == 0 &&
				rename(test_path(folder, "v/..new"), test_path(folder, "v/..data")) == 0);
	struct keystore_look second = look(path, source, LATER, &first);

	CHECK("a folder that is swapped shows", !same(&first, &second));
	REQUIRE("swap", symlink("..1", test_path(folder, "v/..new")) == 0 &&
				rename(test_path(folder, "v/..new"), test_path(folder, "v/..data")) == 0);
	struct keystore_look third = look(path, source, LATER, &second);

	CHECK("and back again", same(&first, &third));
}

static void sources(void)
{
	const char *store = put("store", "one");
	struct keystore_look fd = look(store, "fd:3", LATER, NULL);
	struct keystore_look none = look(store, "file:/nowhere/at/all", LATER, NULL);

	REQUIRE("env", setenv("LOOK_PASS", "a", 1) == 0);
	struct keystore_look a = look(store, "env:LOOK_PASS", LATER, NULL);

	REQUIRE("env", setenv("LOOK_PASS", "b", 1) == 0);
	struct keystore_look b = look(store, "env:LOOK_PASS", LATER, NULL);

	CHECK("of an fd: source the keystore alone counts", fd.known);
	CHECK("a passphrase that is not there is one of its own", !same(&none, &a));
	CHECK("an environment's value counts", !same(&a, &b));
	REQUIRE("env", setenv("CREDENTIALS_DIRECTORY", folder, 1) == 0);
	(void)put("cred", "c\n");
	struct keystore_look c = look(store, "cred:cred", LATER, NULL);

	(void)put("cred", "d\n");
	struct keystore_look d = look(store, "cred:cred", LATER, &c);

	CHECK("a credential is watched as a file", !same(&c, &d));
}

int main(void)
{
	folder = test_folder();
	contents();
	unsettled();
	volumes();
	sources();
	return test_result();
}
