/*
 * test_file.c - whole files: limits, replacement through a symlink, owner and mode, and the old file kept on failure.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

static bool file_is(const char *path, const char *want)
{
	struct buf got = BUF_INIT(1 << 20);
	bool same = file_read(path, 1 << 20, &got) == ERR_OK && bytes_equal_text(buf_bytes(&got), want);
	buf_release(&got);
	return same;
}

static void put(const char *path, const char *text)
{
	REQUIRE(path, file_write_atomic(path, bytes_text(text), 0600) == ERR_OK);
}

static void test_read(void)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "file");
	struct buf out = BUF_INIT(100000);
	struct secret secret = SECRET_NONE;
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 20000};
	static uint8_t content[20000];
	memset(content, 'x', sizeof(content));
	CHECK("not there", file_read(path, 10, &out) == ERR_NOT_FOUND && errno == ENOENT);
	CHECK("not there", file_read_secret(path, 10, &secret) == ERR_NOT_FOUND);
	CHECK("a folder", file_read(folder, 10, &out) == ERR_IO && errno == EISDIR);
	CHECK("a device", file_read("/dev/null", 10, &out) == ERR_IO && errno == EINVAL);
	const char *fifo = test_path(folder, "fifo");
	CHECK("a FIFO does not hang", mkfifo(fifo, 0600) == 0 && file_read(fifo, 10, &out) == ERR_IO);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		REQUIRE("write", file_write_atomic(path, bytes_of(content, sizes[i]), 0600) == ERR_OK);
		CHECK("before", buf_append_text(&out, ">>") == ERR_OK);
		CHECK("at max", file_read(path, sizes[i], &out) == ERR_OK && out.len == sizes[i] + 2);
		buf_release(&out);
		CHECK("secret at max",
			file_read_secret(path, sizes[i], &secret) == ERR_OK && secret.len == sizes[i]);
		CHECK("content", bytes_equal(secret_bytes(&secret), bytes_of(content, sizes[i])));
		secret_free(&secret);
		struct buf exact = BUF_INIT(sizes[i]);
		CHECK("the caller's own maximum",
			file_read(path, 1 << 20, &exact) == ERR_OK && exact.len == sizes[i]);
		buf_release(&exact);
		if (sizes[i] > 0) {
			CHECK("max + 1", file_read(path, sizes[i] - 1, &out) == ERR_LIMIT && out.len == 0);
			CHECK("secret max + 1", file_read_secret(path, sizes[i] - 1, &secret) == ERR_LIMIT);
			CHECK("nothing handed out", secret.data == NULL);
			buf_init(&exact, sizes[i] - 1);
			CHECK("beyond the caller's own maximum",
				file_read(path, 1 << 20, &exact) == ERR_LIMIT);
			buf_release(&exact);
		}
	}
	for (unsigned long n = 1; n < 10; n++) {
		test_alloc_fail_at(n);
		enum err err = file_read(path, 1 << 20, &out);
		bool hit = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("no memory",
			err == (hit ? ERR_NOMEM : ERR_OK) && (hit ? out.len == 0 : out.len == 20000));
		buf_release(&out);
	}
	int ends[2];
	REQUIRE("pipe", pipe(ends) == 0);
	CHECK("write", write(ends[1], "pass\n", 5) == 5 && close(ends[1]) == 0);
	CHECK("from a pipe", fd_read_secret(ends[0], 5, &secret) == ERR_OK &&
				     bytes_equal_text(secret_bytes(&secret), "pass\n"));
	secret_free(&secret);
	CHECK("close", close(ends[0]) == 0);
	CHECK("not a descriptor", fd_read_secret(ends[0], 5, &secret) == ERR_IO && secret.data == NULL);
}

static void test_write(void)
{
	const char *folder = test_folder();
	const char *path = test_path(folder, "file");
	const char *link = test_path(folder, "link");
	const char *other = test_path(folder, "sub");
	struct stat st;
	put(path, "one");
	CHECK("new", file_is(path, "one") && stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK("mode", chmod(path, 0640) == 0);
	CHECK("replace", file_write_atomic(path, bytes_text("two"), 0600) == ERR_OK && file_is(path, "two"));
	CHECK("an existing file keeps its mode", stat(path, &st) == 0 && (st.st_mode & 07777) == 0640);
	CHECK("symlink", mkdir(other, 0700) == 0 && symlink("../file", test_path(other, "link")) == 0);
	CHECK("through a symlink",
		file_write_atomic(test_path(other, "link"), bytes_text("three"), 0600) == ERR_OK);
	CHECK("its target is replaced", file_is(path, "three"));
	CHECK("it is still a symlink", lstat(test_path(other, "link"), &st) == 0 && S_ISLNK(st.st_mode));
	CHECK("dangling", symlink("nothing", link) == 0 &&
				  file_write_atomic(link, bytes_text("x"), 0600) == ERR_NOT_FOUND);
	CHECK("dangling", lstat(link, &st) == 0 && S_ISLNK(st.st_mode) && unlink(link) == 0);
	CHECK("onto a folder", file_write_atomic(other, bytes_text("x"), 0600) == ERR_IO);
	CHECK("no folder",
		file_write_atomic(test_path(folder, "no/file"), bytes_text("x"), 0600) == ERR_NOT_FOUND);
	for (unsigned long n = 1; n < 20; n++) {
		test_alloc_fail_at(n);
		enum err err = file_write_atomic(path, bytes_text("four"), 0600);
		bool hit = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("no memory", err == (hit ? ERR_NOMEM : ERR_OK));
		CHECK("the old file stays whole", file_is(path, hit ? "three" : "four"));
	}
	/* No temporary file is left by all this. */
	CHECK("clean", unlink(path) == 0 && unlink(test_path(other, "link")) == 0 && rmdir(other) == 0 &&
			       rmdir(folder) == 0);
	CHECK("the test's own clean-up wants it", mkdir(folder, 0700) == 0);
}

static void test_relative(void)
{
	const char *folder = test_folder();
	char before[4096];
	REQUIRE("where", getcwd(before, sizeof(before)) != NULL && chdir(folder) == 0);
	CHECK("a name without a folder",
		file_write_atomic("file", bytes_text("x"), 0600) == ERR_OK && file_is("file", "x"));
	CHECK("again", file_write_atomic("file", bytes_text("y"), 0600) == ERR_OK && file_is("file", "y"));
	CHECK("back", chdir(before) == 0);
}

static void test_owner(void)
{
	static const struct {
		const char *name;
		mode_t mode;
		enum err want, want_private;
	} rows[] = {
		{"0600", 0600, ERR_OK, ERR_OK},
		{"0400", 0400, ERR_OK, ERR_OK},
		{"0640", 0640, ERR_OK, ERR_DENIED},
		{"0604", 0604, ERR_OK, ERR_DENIED},
		{"0644", 0644, ERR_OK, ERR_DENIED},
		{"0620", 0620, ERR_DENIED, ERR_DENIED},
		{"0602", 0602, ERR_DENIED, ERR_DENIED},
		{"0700", 0700, ERR_OK, ERR_OK},
		{"0610", 0610, ERR_OK, ERR_OK},
	};
	const char *folder = test_folder();
	const char *path = test_path(folder, "file");
	const char *link = test_path(folder, "link");
	put(path, "x");
	REQUIRE("link", symlink("file", link) == 0);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		REQUIRE(rows[i].name, chmod(path, rows[i].mode) == 0);
		CHECK(rows[i].name, file_check_owner(path, false) == rows[i].want);
		CHECK(rows[i].name, file_check_owner(path, true) == rows[i].want_private);
		CHECK("through a symlink", file_check_owner(link, true) == rows[i].want_private);
	}
	CHECK("not there", file_check_owner(test_path(folder, "no"), false) == ERR_NOT_FOUND);
	REQUIRE("mode", chmod(path, 0600) == 0);
	if (geteuid() == 0) {
		CHECK("someone else's",
			chown(path, 12345, 12345) == 0 && file_check_owner(path, false) == ERR_DENIED);
		struct stat st;
		CHECK("replace", file_write_atomic(path, bytes_text("y"), 0600) == ERR_OK);
		CHECK("an existing file keeps its owner",
			stat(path, &st) == 0 && st.st_uid == 12345 && st.st_gid == 12345);
	}
}

static void test_stamp(void)
{
	const char *path = test_path(test_folder(), "file");
	struct file_stamp a;
	struct file_stamp b;
	put(path, "one");
	CHECK("stamp", file_stamp_of(path, &a) == ERR_OK && file_stamp_of(path, &b) == ERR_OK &&
			       file_stamp_equal(&a, &b));
	put(path, "two");
	CHECK("replaced", file_stamp_of(path, &b) == ERR_OK && !file_stamp_equal(&a, &b));
	CHECK("gone", unlink(path) == 0 && file_stamp_of(path, &b) == ERR_NOT_FOUND);
}

int main(void)
{
	test_read();
	test_write();
	test_relative();
	test_owner();
	test_stamp();
	return test_result();
}
