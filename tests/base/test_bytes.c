/*
 * test_bytes.c - byte ranges compare rightly, a buf keeps its promise about max and loses nothing when memory runs out.
 */
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static void test_err_names(void)
{
	for (unsigned i = 0; i < ERR_COUNT_; i++) {
		const char *name = err_name((enum err)i);
		REQUIRE("never NULL", name != NULL);
		CHECK(name, name[0] >= 'a' && name[0] <= 'z');
		for (unsigned j = 0; j < i; j++) {
			CHECK(name, strcmp(name, err_name((enum err)j)) != 0);
		}
	}
	CHECK("outside", strcmp(err_name((enum err)999), "unnamed") == 0);
}

static void test_compare(void)
{
	static const struct {
		const char *a, *b;
		int want;
	} rows[] = {
		{"", "", 0},
		{"", "a", -1},
		{"a", "", 1},
		{"a", "a", 0},
		{"a", "b", -1},
		{"ab", "a", 1},
		{"a", "ab", -1},
		{"a\xff", "a\x01", 1},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		int got = bytes_compare(bytes_text(rows[i].a), bytes_text(rows[i].b));
		CHECK(rows[i].a, (got > 0) - (got < 0) == rows[i].want);
		CHECK(rows[i].a,
			bytes_equal(bytes_text(rows[i].a), bytes_text(rows[i].b)) == (rows[i].want == 0));
		CHECK(rows[i].a, bytes_equal_text(bytes_text(rows[i].a), rows[i].b) == (rows[i].want == 0));
	}
	CHECK("none equals empty", bytes_equal(BYTES_NONE, bytes_text("")));
	CHECK("no text is no bytes", bytes_text(NULL).len == 0);
}

static void test_dup(void)
{
	uint8_t *copy = NULL;
	char *text = NULL;
	CHECK("dup", bytes_dup(bytes_of("a\0b", 3), &copy) == ERR_OK && memcmp(copy, "a\0b", 3) == 0);
	free(copy);
	copy = NULL;
	CHECK("dup of nothing is not NULL", bytes_dup(BYTES_NONE, &copy) == ERR_OK && copy != NULL);
	free(copy);
	CHECK("text", bytes_dup_text(bytes_text("abc"), &text) == ERR_OK && strcmp(text, "abc") == 0);
	free(text);
	text = NULL;
	CHECK("text with a NUL inside",
		bytes_dup_text(bytes_of("a\0b", 3), &text) == ERR_INVALID && text == NULL);
	copy = NULL;
	test_alloc_fail_at(1);
	CHECK("no memory", bytes_dup(bytes_text("a"), &copy) == ERR_NOMEM && copy == NULL);
	CHECK("it was the allocator", test_alloc_failed());
	test_alloc_fail_at(1);
	CHECK("no memory", bytes_dup_text(bytes_text("a"), &text) == ERR_NOMEM && text == NULL);
	test_alloc_fail_at(0);
}

static void test_buf_max(void)
{
	for (size_t max = 0; max < 200; max++) {
		struct buf buf = BUF_INIT(max);
		for (size_t i = 0; i < max; i++) {
			CHECK("up to max", buf_append_u8(&buf, (uint8_t)i) == ERR_OK);
		}
		CHECK("max + 1", buf_append_u8(&buf, 0) == ERR_LIMIT);
		CHECK("nothing changed", buf.len == max);
		CHECK("no room reserved", buf_reserve(&buf, SIZE_MAX) == ERR_LIMIT);
		for (size_t i = 0; i < max; i++) {
			CHECK("content", buf.data[i] == (uint8_t)i);
		}
		CHECK("capacity keeps the promise too", buf.cap <= max);
		buf_release(&buf);
		CHECK("released", buf.data == NULL && buf.len == 0 && buf.max == max);
	}
}

static void test_buf_text(void)
{
	struct buf buf = BUF_INIT(8);
	const char *text = NULL;
	CHECK("printf",
		buf_printf(&buf, "%d-%s", 12, "ab") == ERR_OK && bytes_equal_text(buf_bytes(&buf), "12-ab"));
	CHECK("text", buf_text(&buf, &text) == ERR_OK && strcmp(text, "12-ab") == 0 && buf.len == 5);
	CHECK("printf to max exactly", buf_printf(&buf, "%s", "xyz") == ERR_OK && buf.len == 8);
	CHECK("no room for the NUL", buf_text(&buf, &text) == ERR_LIMIT);
	CHECK("printf beyond",
		buf_printf(&buf, "%c", '!') == ERR_LIMIT && bytes_equal_text(buf_bytes(&buf), "12-abxyz"));
	buf_consume(&buf, 3);
	CHECK("consume", bytes_equal_text(buf_bytes(&buf), "abxyz"));
	buf_consume(&buf, 0);
	buf_consume(&buf, 5);
	CHECK("consume all", buf.len == 0);
	buf_release(&buf);
	test_alloc_fail_at(1);
	CHECK("no memory", buf_append_text(&buf, "a") == ERR_NOMEM && buf.len == 0 && buf.data == NULL);
	test_alloc_fail_at(2);
	CHECK("no memory for printf's target", buf_printf(&buf, "%s", "a") == ERR_NOMEM && buf.len == 0);
	test_alloc_fail_at(0);
	buf_release(&buf);
	buf_release(NULL);
}

int main(void)
{
	test_err_names();
	test_compare();
	test_dup();
	test_buf_max();
	test_buf_text();
	return test_result();
}
