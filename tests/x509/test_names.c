/*
 * test_names.c - RFC 5280 7.1 beyond ASCII: which common names are one name.
 * Goal:    folding and blanks as RFC 4518 has them, each beside what it must not make equal; the order of the two never matters.
 */
#include <string.h>

#include "tests/test.h"
#include "x509/internal.h"

static const struct {
	const char *row, *a, *b;
	bool equal;
} rows[] = {
	{"the same", "Werk", "Werk", true},
	{"ASCII letters", "Werk", "wERK", true},
	{"RFC 3454 B.2 Latin-1", "\xc3\x84rger", "\xc3\xa4RGER", true},
	{"the multiplication sign is no letter", "\xc3\x97", "\xc3\xb7", false},
	{"U+00DF is not folded to two letters",
		"stra\xc3\x9f"
		"e",
		"strasse", false},
	{"an accent matters", "\xc3\x84rger", "Arger", false},
	{"RFC 3454 B.2 Latin Extended-A",
		"\xc5\x81\xc3\x93"
		"D\xc5\xb9",
		"\xc5\x82\xc3\xb3"
		"d\xc5\xba",
		true},
	{"neighbours in a range of pairs", "\xc4\x80", "\xc4\x82", false},
	{"U+0178 folds back to Latin-1", "\xc5\xb8", "\xc3\xbf", true},
	{"U+0130 is not folded to two characters", "\xc4\xb0", "i", false},
	{"RFC 3454 B.2 Greek, final sigma too", "\xce\x91\xce\xa3", "\xce\xb1\xcf\x82", true},
	{"RFC 3454 B.2 Greek with tonos", "\xce\x8e", "\xcf\x8d", true},
	{"RFC 3454 B.2 Cyrillic", "\xd0\x97\xd0\x90\xd0\x92\xd0\x9e\xd0\x94",
		"\xd0\xb7\xd0\xb0\xd0\xb2\xd0\xbe\xd0\xb4", true},
	{"RFC 3454 B.2 Cyrillic, the first row", "\xd0\x81", "\xd1\x91", true},
	{"a Cyrillic letter is no Latin one", "\xd0\x90", "A", false},
	{"RFC 4518 2.6.1 blanks around and between", "  a   b ", "a b", true},
	{"RFC 4518 2.2 blanks of other scripts",
		"a\xc2\xa0\xe3\x80\x80"
		"b",
		"a b", true},
	{"a blank matters", "ab", "a b", false},
	{"RFC 4518 2.3 no normalisation: refused rather than equal", "\xc3\xa9", "e\xcc\x81", false},
	{"an emoji", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", true},
	{"another emoji", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x81", false},
};

/* Is the second within the first, or not, or could it be once both were normalised (RFC 4518)? Either way round. */
static const struct {
	const char *row, *name, *base;
	enum name_relation relation;
} relations[] = {
	{"the same", "Werk", "wERK", NAME_WITHIN},
	{"another", "Werk", "Wark", NAME_OUTSIDE},
	{"another, both beyond ASCII", "W\xc3\xa4rk", "W\xc3\xb6rk", NAME_OUTSIDE},
	{"another script", "\xd0\x90", "A", NAME_OUTSIDE},
	{"Han, of which nothing folds", "\xe8\xa8\xad", "\xe5\x82\x99", NAME_OUTSIDE},
	{"RFC 4518 2.3 letter and accent apart", "e\xcc\x81", "\xc3\xa9", NAME_UNSETTLED},
	{"RFC 4518 2.3 the Kelvin sign", "\xe2\x84\xaa", "k", NAME_UNSETTLED},
	{"RFC 4518 2.3 a ligature", "\xef\xac\x81", "fi", NAME_UNSETTLED},
	{"RFC 3454 B.2 the long s", "\xc5\xbf", "s", NAME_UNSETTLED},
	{"RFC 3454 B.2 U+0130", "\xc4\xb0", "i", NAME_UNSETTLED},
	{"RFC 3454 B.2 sharp s", "\xc3\x9f", "ss", NAME_UNSETTLED},
	{"RFC 4518 2.2 mapped to nothing", "a\xe2\x80\x8b", "a", NAME_UNSETTLED},
	{"RFC 4518 2.2 a control", "a\x7f", "a", NAME_UNSETTLED},
	{"RFC 4518 2.2 a blank is a blank", "a\xc2\xa0 b", "a b", NAME_WITHIN},
	{"unsettled, and the very same", "\xef\xac\x81", "\xef\xac\x81", NAME_WITHIN},
};

static struct buf name_of(const char *common)
{
	struct buf out = BUF_INIT(1024);
	struct der_writer writer = der_writer_init(&out);
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_begin(&writer, DER_SET);
	der_put_begin(&writer, DER_SEQUENCE);
	der_put_oid(&writer, "2.5.4.3");
	der_put(&writer, DER_UTF8, bytes_text(common));
	der_put_end(&writer);
	der_put_end(&writer);
	der_put_end(&writer);
	REQUIRE(common, der_writer_err(&writer) == ERR_OK);
	return out;
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct buf a = name_of(rows[i].a);
		struct buf b = name_of(rows[i].b);
		CHECK(rows[i].row, x509_name_equal(buf_bytes(&a), buf_bytes(&b)) == rows[i].equal);
		CHECK(rows[i].row, x509_name_equal(buf_bytes(&b), buf_bytes(&a)) == rows[i].equal);
		CHECK(rows[i].row, x509_name_equal(buf_bytes(&a), buf_bytes(&a)));
		buf_release(&a);
		buf_release(&b);
	}
	for (size_t i = 0; i < ARRAY_COUNT(relations); i++) {
		struct buf a = name_of(relations[i].name);
		struct buf b = name_of(relations[i].base);
		struct name name = {0};
		struct name base = {0};
		REQUIRE(relations[i].row, name_parse(buf_bytes(&a), false, &name) == ERR_OK);
		REQUIRE(relations[i].row, name_parse(buf_bytes(&b), false, &base) == ERR_OK);
		CHECK(relations[i].row, name_relation(&name, &base) == relations[i].relation);
		CHECK(relations[i].row, name_relation(&base, &name) == relations[i].relation);
		CHECK(relations[i].row, name_equal(&name, &base) == (relations[i].relation == NAME_WITHIN));
		name_release(&name);
		name_release(&base);
		buf_release(&a);
		buf_release(&b);
	}
	return test_result();
}
