/*
 * test.h - what a test needs: CHECK by row name, hex literals, temporary folders, a failing allocator.
 */
#ifndef LOCKGATE_TESTS_TEST_H
#define LOCKGATE_TESTS_TEST_H

#include <stdbool.h>
#include <stdio.h>

#include "base/bytes.h"

/* Counts; prints file, line and row on failure and goes on. main() returns test_result(). */
#define CHECK(row, condition) test_check(__FILE__, __LINE__, (row), #condition, (condition))
void test_check(const char *file, int line, const char *row, const char *what, bool good);
/* As CHECK, but ends the test program: for what everything after depends on. */
#define REQUIRE(row, condition)                                                                              \
	do {                                                                                                 \
		bool require_good_ = (condition); /* evaluated once */                                       \
		test_check(__FILE__, __LINE__, (row), #condition, require_good_);                            \
		if (!require_good_) {                                                                        \
			test_abort();                                                                        \
		}                                                                                            \
	} while (0)
void test_abort(void);
int test_result(void); /* 0 if every CHECK held and there was at least one */
/* Prints why and exits with 77, which ctest shows as skipped. */
void test_skip(const char *why);

/* Hex with optional spaces, decoded into the test's own memory (freed at exit). */
struct test_bytes {
	uint8_t *data;
	size_t len;
};
struct test_bytes test_hex(const char *hex);
struct bytes test_bytes_view(const struct test_bytes *in);

/* A fresh folder below $TMPDIR, removed with its content at exit; valid until exit. */
const char *test_folder(void);
/* folder/name, valid until exit. */
const char *test_path(const char *folder, const char *name);
/* Where third-party test data stands: $LOCKGATE_TESTDATA, else ../shared/x509-data beside the source tree. NULL: absent. */
const char *test_data(void);

/*
 * Fails the Nth allocation from now on (malloc, calloc, realloc; counted from 1), once; 0 turns it off.
 * test_alloc_failed() says whether it happened. For loops "N = 1, 2, 3… until it passes".
 * Linked in by wrapping the allocator; without effect under AddressSanitizer replaced allocators is a bug: it works there too.
 */
void test_alloc_fail_at(unsigned long n);
bool test_alloc_failed(void);

#endif
