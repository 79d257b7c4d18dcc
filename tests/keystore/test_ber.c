/*
 * test_ber.c - indefinite lengths and strings in pieces become definite and whole; what lies or nests too deep is
 *              refused, and what is definite already comes out as it was.
 * Owns:    nothing.
 * Never:   needs keys or certificates.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "keystore/ber.h"
#include "tests/test.h"

static const struct {
	const char *name, *hex;
	enum err want;
	const char *want_hex;
} rows[] = {
	{"definite stays", "3005020103 0400", ERR_OK, "3005020103 0400"},
	{"longer length than needed", "308200050201030400", ERR_OK, "30050201030400"},
	{"X.690 8.1.3.6 indefinite", "3080 020103 0400 0000", ERR_OK, "3005 020103 0400"},
	{"indefinite in definite", "3009 3080 020103 0000 0400", ERR_OK, "3007 3003020103 0400"},
	{"definite in indefinite", "3080 3003020103 0000", ERR_OK, "3005 3003020103"},
	{"indefinite, empty", "3080 0000", ERR_OK, "3000"},
	{"X.690 8.7.3 string in pieces", "2408 0402aabb 0402ccdd", ERR_OK, "0404aabbccdd"},
	{"string in no piece", "2400", ERR_OK, "0400"},
	{"string of indefinite length", "2480 0401aa 0401bb 0000", ERR_OK, "0402aabb"},
	{"pieces in pieces", "2480 2480 0401aa 0000 2403 0401bb 0000", ERR_OK, "0402aabb"},
	{"explicit tag of indefinite length", "a080 2480 0401aa 0000 0000", ERR_OK, "a003 0401aa"},
	{"content is not looked into", "0404 3080aabb", ERR_OK, "0404 3080aabb"},
	{"nothing", "", ERR_MALFORMED, NULL},
	{"no end", "3080 020103", ERR_MALFORMED, NULL},
	{"half an end", "3080 020103 00", ERR_MALFORMED, NULL},
	{"end in a definite value", "3005 0201030000", ERR_MALFORMED, NULL},
	{"end alone", "0000", ERR_MALFORMED, NULL},
	{"end with a length", "3080 0001aa 0000", ERR_MALFORMED, NULL},
	{"primitive of indefinite length", "0480 aa 0000", ERR_MALFORMED, NULL},
	{"piece that is no string", "2403 020103", ERR_MALFORMED, NULL},
	{"length that lies", "3084ffffffff", ERR_MALFORMED, NULL},
	{"child longer than its parent", "3003 0402aabb", ERR_MALFORMED, NULL},
	{"something behind", "3000 00", ERR_MALFORMED, NULL},
	{"multi-byte tag", "3f8100", ERR_MALFORMED, NULL},
};

static void convert_rows(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct test_bytes in = test_hex(rows[i].hex);
		struct buf out = BUF_INIT(0);
		CHECK(rows[i].name, ber_to_definite(test_bytes_view(&in), &out) == rows[i].want);
		if (rows[i].want == ERR_OK) {
			struct test_bytes want = test_hex(rows[i].want_hex);
			CHECK(rows[i].name, bytes_equal(buf_bytes(&out), test_bytes_view(&want)));
			struct buf again = BUF_INIT(0);
			CHECK("once is enough", ber_to_definite(buf_bytes(&out), &again) == ERR_OK);
			CHECK("once is enough", bytes_equal(buf_bytes(&out), buf_bytes(&again)));
			ber_release(&again);
			for (size_t len = 0; len < in.len; len++) {
				struct buf cut = BUF_INIT(0);
				CHECK("cut", ber_to_definite(bytes_of(in.data, len), &cut) == ERR_MALFORMED);
				ber_release(&cut);
			}
		}
		ber_release(&out);
	}
}

/* depth values within each other, each of indefinite length; the innermost is empty. */
static struct buf nested(uint8_t tag, unsigned depth)
{
	struct buf made = BUF_INIT(1 << 16);
	for (unsigned i = 0; i < depth; i++) {
		REQUIRE("make", buf_append(&made, bytes_of((uint8_t[]){tag, 0x80}, 2)) == ERR_OK);
	}
	for (unsigned i = 0; i < depth; i++) {
		REQUIRE("make", buf_append(&made, bytes_of("\0\0", 2)) == ERR_OK);
	}
	return made;
}

static void depth_is_bounded(void)
{
	static const struct {
		const char *name;
		uint8_t tag;
		unsigned depth;
		enum err want;
	} depths[] = {
		{"sequences, max", 0x30, BER_DEPTH_MAX, ERR_OK},
		{"sequences, max + 1", 0x30, BER_DEPTH_MAX + 1, ERR_LIMIT},
		{"pieces, max", 0x24, BER_DEPTH_MAX - 1, ERR_OK},
		{"pieces, max + 1", 0x24, BER_DEPTH_MAX + 1, ERR_LIMIT},
		{"very deep", 0x30, 10000, ERR_LIMIT},
	};
	for (size_t i = 0; i < ARRAY_COUNT(depths); i++) {
		struct buf in = nested(depths[i].tag, depths[i].depth);
		struct buf out = BUF_INIT(0);
		CHECK(depths[i].name, ber_to_definite(buf_bytes(&in), &out) == depths[i].want);
		ber_release(&out);
		buf_release(&in);
	}
}

/* Values above 64 kB need a longer header than an indefinite one: there is room for it at every depth. */
static void large_values(void)
{
	enum { CONTENT = 1 << 17 };
	struct buf in = BUF_INIT(1 << 20);
	uint8_t *content = calloc(1, CONTENT);
	REQUIRE("memory", content != NULL);
	for (unsigned i = 0; i < BER_DEPTH_MAX; i++) {
		REQUIRE("make", buf_append(&in, bytes_of("\x30\x80", 2)) == ERR_OK);
	}
	REQUIRE("make", buf_append(&in, bytes_of("\x04\x83\x02\x00\x00", 5)) == ERR_OK);
	REQUIRE("make", buf_append(&in, bytes_of(content, CONTENT)) == ERR_OK);
	for (unsigned i = 0; i < BER_DEPTH_MAX; i++) {
		REQUIRE("make", buf_append(&in, bytes_of("\0\0", 2)) == ERR_OK);
	}
	struct buf out = BUF_INIT(0);
	CHECK("large at every depth", ber_to_definite(buf_bytes(&in), &out) == ERR_OK);
	CHECK("large at every depth", out.len == CONTENT + 5 + (size_t)BER_DEPTH_MAX * 5);
	ber_release(&out);
	free(content);
	buf_release(&in);
}

static void joins(void)
{
	struct test_bytes pieces = test_hex("0402aabb 0400 0401cc");
	struct buf out = BUF_INIT(0);
	CHECK("join", ber_join(test_bytes_view(&pieces), &out) == ERR_OK);
	CHECK("join", bytes_equal(buf_bytes(&out), bytes_of("\xaa\xbb\xcc", 3)));
	ber_release(&out);
	for (size_t len = 0; len < pieces.len; len++) {
		bool whole = len == 0 || len == 4 || len == 6;
		CHECK("join, cut", (ber_join(bytes_of(pieces.data, len), &out) == ERR_OK) == whole);
		ber_release(&out);
	}
	struct test_bytes other = test_hex("0402aabb 020100");
	CHECK("join of something else", ber_join(test_bytes_view(&other), &out) == ERR_MALFORMED);
	ber_release(&out);
	test_alloc_fail_at(1);
	CHECK("no memory", ber_join(test_bytes_view(&pieces), &out) == ERR_NOMEM);
	test_alloc_fail_at(1);
	CHECK("no memory", ber_to_definite(test_bytes_view(&pieces), &out) == ERR_NOMEM);
	test_alloc_fail_at(0);
}

int main(void)
{
	convert_rows();
	depth_is_bounded();
	large_values();
	joins();
	return test_result();
}
