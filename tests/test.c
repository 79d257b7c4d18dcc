/*
 * test.c - what a test needs: CHECK by row name, hex literals, temporary folders, a failing allocator, a last word.
 * Owns:    the test's memory and folders until exit.
 * Never:   counts its own allocations against test_alloc_fail_at().
 * Threads: CHECK and the allocator from any; the rest from the main thread.
 */
#include "tests/test.h"

#include <dirent.h>
#include <execinfo.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEST_FAILURES_SHOWN_MAX 50
#define TEST_EXIT_SKIPPED       77

/* The linker sends our code's calls to __wrap_*, and __real_* to whatever allocator is in use (ASan's as well). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* A test program is one run: its counters may be global. */
static atomic_ulong test_checks;
static atomic_ulong test_failures;
static atomic_long test_alloc_left; /* allocations until the one that fails; 0: off */
static atomic_bool test_alloc_hit;

/* What is freed at exit; folders are removed too. */
struct test_item {
	struct test_item *next;
	bool folder;
	char data[];
};
static struct test_item *test_items;

/* --- a test that does not end --- */

#define TEST_FRAMES_MAX 48

static void test_tell(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));
	(void)n;
}

/*
 * In every thread: where it stands. Addresses are of this build; addr2line tells their lines.
 * NOLINTBEGIN(bugprone-signal-handler,cert-sig30-c): said below at test_on_limit()
 */
static void test_tell_frames(void)
{
	char name[17] = "";
	void *frames[TEST_FRAMES_MAX];
	(void)prctl(PR_GET_NAME, name);
	test_tell("thread ");
	test_tell(name);
	test_tell(":\n");
	backtrace_symbols_fd(frames, backtrace(frames, TEST_FRAMES_MAX), STDERR_FILENO);
}
/* NOLINTEND(bugprone-signal-handler,cert-sig30-c) */

static void test_on_asked(int number)
{
	(void)number;
	test_tell_frames();
}

/*
 * Whoever hears the alarm speaks first, then asks the others, one after the other, and ends the test. Not all of it is
 * async-signal-safe: should it hang in turn, the second alarm ends the test without more words.
 */
static void test_on_limit(int number)
{
	(void)signal(number, SIG_DFL);
	(void)signal(SIGUSR2, test_on_asked);
	(void)alarm(5);
	test_tell("no end in sight; where each thread stands:\n");
	test_tell_frames();
	DIR *tasks = opendir("/proc/self/task");
	for (struct dirent *task = NULL; tasks != NULL && (task = readdir(tasks)) != NULL;) {
		long id = strtol(task->d_name, NULL, 10);
		if (id > 0 && id != syscall(SYS_gettid)) {
			(void)syscall(SYS_tgkill, getpid(), id, SIGUSR2);
			(void)usleep(100000);
		}
	}
	(void)test_result();
	_exit(EXIT_FAILURE);
}

/* ctest kills a test at its TIMEOUT without a word: a little before, it speaks itself. Lines are out when they are printed. */
__attribute__((constructor)) static void test_begin(void)
{
	const char *limit = getenv("LOCKGATE_TEST_LIMIT_S");
	struct sigaction action = {.sa_handler = test_on_limit, .sa_flags = SA_RESTART};
	void *frame = NULL;
	(void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	if (limit != NULL && sigaction(SIGALRM, &action, NULL) == 0) {
		(void)backtrace(&frame, 1); /* its library is loaded now, not in the handler */
		(void)alarm((unsigned)strtoul(limit, NULL, 10));
	}
}

/* --- allocations that fail --- */

static bool test_alloc_fails(void)
{
	if (atomic_load_explicit(&test_alloc_left, memory_order_relaxed) <= 0) {
		return false;
	}
	if (atomic_fetch_sub(&test_alloc_left, 1) != 1) {
		return false;
	}
	atomic_store(&test_alloc_hit, true);
	return true;
}

void *__wrap_malloc(size_t size)
{
	return test_alloc_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return test_alloc_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return test_alloc_fails() ? NULL : __real_realloc(old, size);
}

void test_alloc_fail_at(unsigned long n)
{
	atomic_store(&test_alloc_hit, false);
	atomic_store(&test_alloc_left, (long)n);
}

bool test_alloc_failed(void)
{
	return atomic_load(&test_alloc_hit);
}

/* --- checks --- */

void test_check(const char *file, int line, const char *row, const char *what, bool good)
{
	atomic_fetch_add(&test_checks, 1);
	if (good) {
		return;
	}
	unsigned long failures = atomic_fetch_add(&test_failures, 1) + 1;
	if (failures <= TEST_FAILURES_SHOWN_MAX) {
		fprintf(stderr, "%s:%d: %s: not true: %s\n", file, line, row, what);
	} else if (failures == TEST_FAILURES_SHOWN_MAX + 1) {
		fprintf(stderr, "further failures are only counted\n");
	}
}

int test_result(void)
{
	unsigned long checks = atomic_load(&test_checks);
	unsigned long failures = atomic_load(&test_failures);
	fprintf(stderr, "%lu checks, %lu failed\n", checks, failures);
	return checks > 0 && failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void test_abort(void)
{
	(void)test_result();
	exit(EXIT_FAILURE);
}

void test_skip(const char *why)
{
	fprintf(stderr, "skipped: %s\n", why);
	exit(TEST_EXIT_SKIPPED);
}

static int test_remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path) == 0 ? 0 : -1;
}

static void test_cleanup(void)
{
	while (test_items != NULL) {
		struct test_item *item = test_items;
		test_items = item->next;
		if (item->folder && nftw(item->data, test_remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0) {
			fprintf(stderr, "could not remove %s\n", item->data);
		}
		free(item);
	}
}

/* Memory of the test's own, freed at exit. Without it no test can go on. */
static struct test_item *test_keep(size_t size)
{
	struct test_item *item = __real_calloc(1, sizeof(*item) + size);
	if (item == NULL) {
		fprintf(stderr, "no memory for the test itself\n");
		_exit(EXIT_FAILURE);
	}
	if (test_items == NULL && atexit(test_cleanup) != 0) {
		_exit(EXIT_FAILURE);
	}
	item->next = test_items;
	test_items = item;
	return item;
}

static int test_hex_value(char digit)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF";
	const char *at = digit == '\0' ? NULL : strchr(digits, digit);
	return at == NULL ? -1 : (int)((at - digits) % 16);
}

struct test_bytes test_hex(const char *hex)
{
	const char *start = hex;
	struct test_item *item = test_keep(strlen(hex) / 2 + 1);
	struct test_bytes out = {(uint8_t *)item->data, 0};
	int high = -1;
	for (; *hex != '\0'; hex++) {
		if (strchr(" \t\r\n", *hex) != NULL) {
			continue;
		}
		int value = test_hex_value(*hex);
		if (value < 0) {
			fprintf(stderr, "not hex: %s\n", hex);
			abort();
		}
		if (high < 0) {
			high = value;
			continue;
		}
		out.data[out.len++] = (uint8_t)(high << 4 | value);
		high = -1;
	}
	if (high >= 0) {
		fprintf(stderr, "odd number of hex digits: %s\n", start);
		abort();
	}
	return out;
}

struct bytes test_bytes_view(const struct test_bytes *in)
{
	return bytes_of(in->data, in->len);
}

const char *test_folder(void)
{
	const char *base = getenv("TMPDIR");
	if (base == NULL || base[0] == '\0') {
		base = "/tmp";
	}
	const char *name = "/lockgate-test.XXXXXX";
	size_t size = strlen(base) + strlen(name) + 1;
	struct test_item *item = test_keep(size);
	(void)snprintf(item->data, size, "%s%s", base, name);
	if (mkdtemp(item->data) == NULL) {
		perror(item->data);
		_exit(EXIT_FAILURE);
	}
	item->folder = true;
	return item->data;
}

const char *test_path(const char *folder, const char *name)
{
	size_t size = strlen(folder) + strlen(name) + 2;
	struct test_item *item = test_keep(size);
	(void)snprintf(item->data, size, "%s/%s", folder, name);
	return item->data;
}

const char *test_data(void)
{
	const char *given = getenv("LOCKGATE_TESTDATA");
	const char *path = given != NULL ? given : test_path(LOCKGATE_SOURCE_DIR, "../shared/x509-data");
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? path : NULL;
}
