/*
 * test_wire.c - a reader never sees past its end and never moves when it fails; a writer's first error sticks.
 */
#include "base/wire.h"

#include <string.h>

#include "tests/test.h"

/* The reader reads u8, u16, u32, three bytes, and a child of four; cut at every byte it must stop in the right place. */
static void test_every_cut(void)
{
	static const uint8_t whole[] = {
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 'a', 'b', 'c', 0xca, 0xfe, 0xba, 0xbe};
	static const size_t ends[] = {1, 3, 7, 10, 14};
	for (size_t cut = 0; cut <= sizeof(whole); cut++) {
		struct wire_reader reader = wire_reader_init(bytes_of(whole, cut));
		struct wire_reader child = {0};
		struct bytes three = BYTES_NONE;
		uint8_t u8 = 0xee;
		uint16_t u16 = 0xeeee;
		uint32_t u32 = 0xeeeeeeee;
		size_t want_pos = 0;
		enum err errs[] = {wire_get_u8(&reader, &u8), wire_get_u16(&reader, &u16),
			wire_get_u32(&reader, &u32), wire_get_bytes(&reader, 3, &three),
			wire_get_child(&reader, 4, &child)};
		/* After the first failure a smaller read may still succeed, so only the prefix is compared. */
		size_t done = 0;
		while (done < ARRAY_COUNT(ends) && ends[done] <= cut) {
			CHECK("fits", errs[done] == ERR_OK);
			want_pos = ends[done++];
		}
		if (done < ARRAY_COUNT(ends)) {
			CHECK("does not fit", errs[done] == ERR_AGAIN);
		} else {
			CHECK("all read", reader.pos == want_pos && wire_reader_left(&reader) == 0);
			CHECK("child", wire_reader_left(&child) == 4);
		}
		CHECK("u8", u8 == (cut >= 1 ? 0x01 : 0xee));
		CHECK("u16", u16 == (cut >= 3 ? 0x0203 : 0xeeee));
		CHECK("u32", u32 == (cut >= 7 ? 0x04050607 : 0xeeeeeeee));
	}
}

static void test_failed_read_moves_nothing(void)
{
	static const uint8_t data[] = {1, 2, 3};
	static const size_t lengths[] = {4, 5, 1000, SIZE_MAX, SIZE_MAX - 1};
	for (size_t pos = 0; pos <= sizeof(data); pos++) {
		for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
			struct wire_reader reader = wire_reader_init(bytes_of(data, sizeof(data)));
			struct wire_reader child = {(const uint8_t *)"x", 1, 0};
			struct bytes out = bytes_text("untouched");
			reader.pos = pos;
			CHECK("bytes", wire_get_bytes(&reader, lengths[i], &out) == ERR_AGAIN);
			CHECK("skip", wire_skip(&reader, lengths[i]) == ERR_AGAIN);
			CHECK("child", wire_get_child(&reader, lengths[i], &child) == ERR_AGAIN);
			CHECK("did not move", reader.pos == pos);
			CHECK("did not write", bytes_equal_text(out, "untouched") && child.len == 1);
		}
	}
}

static void test_child_end(void)
{
	struct wire_reader reader = wire_reader_init(bytes_text("abcdef"));
	struct wire_reader child = {0};
	uint8_t byte = 0;
	CHECK("child", wire_get_child(&reader, 2, &child) == ERR_OK);
	CHECK("child", wire_skip(&child, 2) == ERR_OK);
	CHECK("the child's end is its own", wire_get_u8(&child, &byte) == ERR_AGAIN);
	CHECK("peek", wire_peek_u8(&child, &byte) == ERR_AGAIN);
	CHECK("the parent goes on behind it", wire_peek_u8(&reader, &byte) == ERR_OK && byte == 'c');
	CHECK("rest", bytes_equal_text(wire_reader_rest(&reader), "cdef") && wire_reader_left(&reader) == 4);
	CHECK("empty child", wire_get_child(&reader, 0, &child) == ERR_OK && wire_reader_left(&child) == 0);
	struct wire_reader none = wire_reader_init(BYTES_NONE);
	CHECK("nothing", wire_reader_left(&none) == 0 && wire_reader_rest(&none).len == 0);
	CHECK("nothing", wire_get_u8(&none, &byte) == ERR_AGAIN && wire_skip(&none, 0) == ERR_OK);
}

static void test_writer(void)
{
	for (size_t max = 0; max <= 12; max++) {
		struct buf buf = BUF_INIT(2 + max);
		CHECK("before", buf_append_text(&buf, "xx") == ERR_OK);
		struct wire_writer writer = wire_writer_init(&buf);
		wire_put_u8(&writer, 0x01);
		wire_put_u16(&writer, 0x0203);
		wire_put_u32(&writer, 0x04050607);
		wire_put_bytes(&writer, bytes_text("abc"));
		CHECK("sticks", wire_writer_err(&writer) == (max >= 10 ? ERR_OK : ERR_LIMIT));
		if (max >= 10) {
			CHECK("content", bytes_equal(buf_bytes(&buf), bytes_of("xx\1\2\3\4\5\6\7abc", 12)));
		}
		size_t before = buf.len;
		if (wire_writer_err(&writer) != ERR_OK) {
			wire_put_bytes(&writer, BYTES_NONE);
			CHECK("later puts do nothing", buf.len == before);
		}
		wire_writer_rollback(&writer);
		CHECK("rollback", bytes_equal_text(buf_bytes(&buf), "xx"));
		buf_release(&buf);
	}
}

int main(void)
{
	test_every_cut();
	test_failed_read_moves_nothing();
	test_child_end();
	test_writer();
	return test_result();
}
