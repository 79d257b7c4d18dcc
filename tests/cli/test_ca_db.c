/*
 * test_ca_db.c - the database of `lockgate ca`: what is written is read again, and no line that is wrong is believed.
 * Owns:    nothing.
 * Never:   needs a folder or a key.
 * Threads: one.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/ca_db.h"
#include "tests/test.h"

#define HEAD "lockgate-ca 1\ncrl-number 7\n"
#define GOOD "0a01 valid 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - - CN=a b\n"
#define GONE                                                                                                 \
	"0a02 revoked 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z 2026-02-01T00:00:00Z keyCompromise CN=c\n"
#define PLAIN "0a03 revoked 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z 2026-02-01T00:00:00Z - CN=d\n"

static const struct {
	const char *name, *text;
	enum err want;
	size_t count;
} rows[] = {
	{"empty", HEAD, ERR_OK, 0},
	{"three", HEAD GOOD GONE PLAIN, ERR_OK, 3},
	{"comments and empty lines", HEAD "# x\n\n" GOOD, ERR_OK, 1},
	{"an address", HEAD "crl-url http://a.example/x\n" GOOD, ERR_OK, 1},
	{"nothing", "", ERR_MALFORMED, 0},
	{"one line", "lockgate-ca 1\n", ERR_MALFORMED, 0},
	{"another version", "lockgate-ca 2\ncrl-number 7\n", ERR_MALFORMED, 0},
	{"no number", "lockgate-ca 1\n" GOOD, ERR_MALFORMED, 0},
	{"a second number", HEAD "crl-number 8\n", ERR_MALFORMED, 0},
	{"a negative number", "lockgate-ca 1\ncrl-number -1\n", ERR_MALFORMED, 0},
	{"the largest number", "lockgate-ca 1\ncrl-number 18446744073709551615\n", ERR_MALFORMED, 0},
	{"a second address", HEAD "crl-url http://a/\ncrl-url http://b/\n", ERR_MALFORMED, 0},
	{"no address", HEAD "crl-url \n", ERR_MALFORMED, 0},
	{"twice", HEAD GOOD GOOD, ERR_EXISTS, 0},
	{"no end of the last line", HEAD "0a01 valid 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - - CN=a",
		ERR_MALFORMED, 0},
	{"upper case", HEAD "0A01 valid 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - - CN=a\n", ERR_MALFORMED,
		0},
	{"a leading zero octet", HEAD "000a valid 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - - CN=a\n",
		ERR_MALFORMED, 0},
	{"half an octet", HEAD "a01 valid 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - - CN=a\n",
		ERR_MALFORMED, 0},
	{"serial number max + 1",
		HEAD "010203040506070809101112131415161718192021 valid 2026-01-01T00:00:00Z "
		     "2027-01-01T00:00:00Z - - "
		     "CN=a\n",
		ERR_MALFORMED, 0},
	{"valid, with a day of revocation",
		HEAD "0a01 valid 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z 2026-02-01T00:00:00Z - CN=a\n",
		ERR_MALFORMED, 0},
	{"valid, with a reason",
		HEAD "0a01 valid 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - superseded CN=a\n",
		ERR_MALFORMED, 0},
	{"revoked at no time", HEAD "0a01 revoked 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - - CN=a\n",
		ERR_MALFORMED, 0},
	{"neither", HEAD "0a01 held 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - - CN=a\n", ERR_MALFORMED, 0},
	{"ends before it begins", HEAD "0a01 valid 2027-01-01T00:00:00Z 2026-01-01T00:00:00Z - - CN=a\n",
		ERR_MALFORMED, 0},
	{"no subject", HEAD "0a01 valid 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - - \n", ERR_MALFORMED, 0},
	{"six fields", HEAD "0a01 valid 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - CN=a\n", ERR_MALFORMED,
		0},
	{"two spaces", HEAD "0a01  valid 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z - - CN=a\n", ERR_MALFORMED,
		0},
};

static void parse_rows(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct ca_db db = {0};
		unsigned line = 0;
		CHECK(rows[i].name, ca_db_parse(bytes_text(rows[i].text), &db, &line) == rows[i].want);
		CHECK(rows[i].name, rows[i].want != ERR_OK || db.count == rows[i].count);
		ca_db_release(&db);
	}
}

static void again_and_cut(void)
{
	struct ca_db db = {0};
	struct ca_db again = {0};
	struct buf text = BUF_INIT(1 << 16);
	struct buf second = BUF_INIT(1 << 16);
	unsigned line = 0;
	REQUIRE("parse",
		ca_db_parse(bytes_text(HEAD "crl-url http://a/\n" GOOD GONE PLAIN), &db, &line) == ERR_OK);
	CHECK("number", db.crl_number == 7 && strcmp(db.crl_url, "http://a/") == 0);
	CHECK("reason", db.records[1].revoked && db.records[1].reason == 1);
	CHECK("no reason", db.records[2].revoked && db.records[2].reason == CA_REASON_NONE);
	CHECK("subject", strcmp(db.records[0].subject, "CN=a b") == 0);
	REQUIRE("print", ca_db_print(&db, &text) == ERR_OK);
	REQUIRE("parse again", ca_db_parse(buf_bytes(&text), &again, &line) == ERR_OK);
	REQUIRE("print again", ca_db_print(&again, &second) == ERR_OK);
	CHECK("the same", bytes_equal(buf_bytes(&text), buf_bytes(&second)));
	ca_db_release(&again);
	/* Cut within a line, never believed; cut between lines is a shorter file, which only an owner can make. */
	for (size_t len = 0; len < text.len; len++) {
		enum err err = ca_db_parse(bytes_of(text.data, len), &again, &line);
		bool between = len > strlen(HEAD) - 1 && text.data[len - 1] == '\n';
		CHECK("cut", (err == ERR_OK) == between);
		ca_db_release(&again);
	}
	for (unsigned long n = 1;; n++) {
		test_alloc_fail_at(n);
		enum err err = ca_db_parse(buf_bytes(&text), &again, &line);
		bool failed = test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("no memory", err == (failed ? ERR_NOMEM : ERR_OK));
		ca_db_release(&again);
		if (!failed) {
			break;
		}
	}
	struct ca_record record = db.records[0];
	CHECK("given out before", ca_db_add(&db, &record, "CN=x") == ERR_EXISTS);
	CHECK("found", ca_db_find(&db, "0a02") == &db.records[1] && ca_db_find(&db, "0a") == NULL);
	buf_release(&text);
	buf_release(&second);
	ca_db_release(&db);
}

static void serials(void)
{
	static const struct {
		const char *text, *want; /* NULL: none */
	} texts[] = {
		{"0a01", "0a01"},
		{"A01", "0a01"},
		{"0A:01", "0a01"},
		{"00:0A:01", "0a01"},
		{"1", "01"},
		{"0102030405060708091011121314151617181920", "0102030405060708091011121314151617181920"},
		{"112030405060708091011121314151617181920", "0112030405060708091011121314151617181920"},
		{"010203040506070809101112131415161718192021", NULL},
		{"", NULL},
		{"0", NULL},
		{"00:00", NULL},
		{":01", NULL},
		{"01:", NULL},
		{"01::02", NULL},
		{"0x01", NULL},
		{"g1", NULL},
	};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		char out[CA_SERIAL_HEX_MAX + 1] = "";
		CHECK(texts[i].text, ca_serial_mean(texts[i].text, out) == (texts[i].want != NULL));
		CHECK(texts[i].text, texts[i].want == NULL || strcmp(out, texts[i].want) == 0);
	}
	char out[CA_SERIAL_HEX_MAX + 1];
	uint8_t octets[22] = {0, 0x80};
	CHECK("octets", ca_serial_of(bytes_of(octets, 2), out) && strcmp(out, "80") == 0);
	CHECK("no octet", !ca_serial_of(BYTES_NONE, out));
	CHECK("too many", !ca_serial_of(bytes_of(octets, 22), out));
}

int main(void)
{
	parse_rows();
	again_and_cut();
	serials();
	return test_result();
}
