/*
 * mangle.c - changes to finished DER: single octets, and whole elements taken out, doubled, retagged or emptied with the lengths
 *            around them put right.
 * Never:   makes an element longer than a certificate may be.
 * Threads: one.
 */
#include <string.h>

#include "tests/differential/chain.h"
#include "tests/test.h"
#include "x509/der.h"

#define ELEMENTS_MAX  512u
#define MANGLE_DEPTH  12u
#define DER_BYTES_MAX (256u * 1024u)

enum edit { EDIT_DROP, EDIT_DOUBLE, EDIT_EMPTY, EDIT_TAG, EDIT_OCTET, EDIT_COUNT_ };

struct edits {
	unsigned at; /* element, in order */
	unsigned seen;
	enum edit kind;
	uint8_t with;
};

static bool is_constructed(const struct der_item *item)
{
	return (item->tag & 0x20u) != 0;
}

/* Extension values are DER within an OCTET STRING. */
static bool holds_der(const struct der_item *item)
{
	struct wire_reader child = wire_reader_init(item->value);
	struct der_item inner;
	return item->tag == DER_OCTET_STRING && der_next(&child, &inner) == ERR_OK &&
	       wire_reader_left(&child) == 0;
}

static void rebuild(struct bytes in, struct edits *edits, unsigned depth, struct buf *out);

static void put_edited(const struct der_item *item, const struct edits *edits, struct buf *out)
{
	struct der_writer writer = der_writer_init(out);
	switch (edits->kind) {
	case EDIT_DROP: return;
	case EDIT_DOUBLE:
		der_put_raw(&writer, item->whole);
		der_put_raw(&writer, item->whole);
		break;
	case EDIT_EMPTY: der_put(&writer, item->tag, BYTES_NONE); break;
	case EDIT_TAG: der_put(&writer, (uint8_t)(item->tag ^ edits->with), item->value); break;
	case EDIT_OCTET:
	case EDIT_COUNT_:
		der_put(&writer, item->tag, item->value);
		if (item->value.len != 0) {
			out->data[out->len - 1 - edits->with % item->value.len] ^=
				(uint8_t)(edits->with | 1u);
		}
		break;
	}
	REQUIRE("an edit", der_writer_err(&writer) == ERR_OK);
}

static void put_item(const struct der_item *item, struct edits *edits, unsigned depth, struct buf *out)
{
	struct buf inner = BUF_INIT(DER_BYTES_MAX);
	struct der_writer writer = der_writer_init(out);
	if (edits->seen++ == edits->at) {
		put_edited(item, edits, out);
		return;
	}
	if (depth < MANGLE_DEPTH && item->value.len != 0 && (is_constructed(item) || holds_der(item))) {
		rebuild(item->value, edits, depth + 1, &inner);
		der_put(&writer, item->tag, buf_bytes(&inner));
	} else {
		der_put_raw(&writer, item->whole);
	}
	REQUIRE("an element", der_writer_err(&writer) == ERR_OK);
	buf_release(&inner);
}

static void rebuild(struct bytes in, struct edits *edits, unsigned depth, struct buf *out)
{
	struct wire_reader reader = wire_reader_init(in);
	while (wire_reader_left(&reader) != 0) {
		struct der_item item;
		if (der_next(&reader, &item) != ERR_OK) {
			REQUIRE("the rest", buf_append(out, wire_reader_rest(&reader)) == ERR_OK);
			return;
		}
		put_item(&item, edits, depth, out);
	}
}

bool diff_mangle(struct diff_random *random, struct buf *tbs)
{
	struct buf out = BUF_INIT(DER_BYTES_MAX);
	if (diff_random_one_in(random, 3)) {
		unsigned count = 1 + diff_random_below(random, 2);
		for (unsigned i = 0; i < count; i++) {
			tbs->data[diff_random_below(random, (unsigned)tbs->len)] ^=
				(uint8_t)(1u << diff_random_below(random, 8));
		}
		return true;
	}
	struct edits counting = {.at = ELEMENTS_MAX};
	rebuild(buf_bytes(tbs), &counting, 0, &out);
	struct edits edits = {.at = 1 + diff_random_below(random, counting.seen > 1 ? counting.seen - 1 : 1),
		.kind = (enum edit)diff_random_below(random, EDIT_COUNT_),
		.with = (uint8_t)(1u << diff_random_below(random, 8))};
	out.len = 0;
	rebuild(buf_bytes(tbs), &edits, 0, &out);
	tbs->len = 0;
	REQUIRE("memory", buf_append(tbs, buf_bytes(&out)) == ERR_OK);
	buf_release(&out);
	return true;
}
