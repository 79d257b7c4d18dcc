/*
 * Goal: the table of known clients: one record per channel and client, who was seen last stays when it is full, takeovers
 * do not make a connected client absent, and its text comes back whole or not at all.
 */
#include <pthread.h>
#include <string.h>

#include "broker/known.h"
#include "tests/test.h"

struct sum {
	size_t count;
	unsigned connected, refused;
	int64_t last_s;
	char subject[64], user[64];
	const char *client;
};

static void add(void *ctx, const struct known_client *client)
{
	struct sum *sum = ctx;

	if (sum->client != NULL && strcmp(sum->client, client->client) != 0) {
		return;
	}
	sum->count++;
	sum->connected += client->connected;
	sum->refused += client->refused ? 1 : 0;
	sum->last_s = client->last_s;
	(void)snprintf(sum->subject, sizeof(sum->subject), "%s", client->subject);
	(void)snprintf(sum->user, sizeof(sum->user), "%s", client->user);
}

static struct sum look(struct known *known, const char *client)
{
	struct sum sum = {.client = client};

	known_each(known, add, &sum);
	return sum;
}

static struct known_client client_of(const char *channel, const char *client, int64_t last_s)
{
	struct known_client out = {.channel = channel,
		.client = client,
		.user = "user",
		.subject = "CN=device, O=It's 100 %",
		.trust_kind = TRUST_ANCHOR,
		.not_after = 4000000000,
		.last_s = last_s,
		.connected = 1};

	memset(out.trust_sha256, 0xa5, sizeof(out.trust_sha256));
	memset(out.leaf_sha256, client[0], sizeof(out.leaf_sha256));
	return out;
}

static void records(void)
{
	struct known *known = NULL;
	struct known_client d1 = client_of("C", "d1", 100);
	struct known_client other = client_of("D", "d1", 200);

	REQUIRE("a table", known_new(KNOWN_MAX, &known) == ERR_OK);
	CHECK("nobody yet", known_count(known) == 0 && !known_changed(known) && !known_has(known, &d1));
	known_seen(known, &d1);
	CHECK("one", known_count(known) == 1 && known_changed(known) && known_has(known, &d1));
	known_seen(known, &other);
	CHECK("the same id on another channel is another client", known_count(known) == 2);
	d1.last_s = 300;
	d1.subject = NULL;
	known_seen(known, &d1);
	CHECK("taken over: one record, two connections",
		known_count(known) == 2 && look(known, "d1").connected == 3);
	CHECK("the subject stays", strcmp(look(known, "d1").subject, "CN=device, O=It's 100 %") == 0);
	known_left(known, "C", "d1", 400);
	CHECK("the older connection ends: still there", look(known, "d1").connected == 2);
	known_left(known, "C", "d1", 500);
	known_left(known, "C", "d1", 600);
	known_left(known, "C", "nobody", 600);
	CHECK("never less than none", look(known, "d1").connected == 1);
	d1.connected = 0;
	d1.trust_sha256[0] ^= 1;
	CHECK("another trust is not what is known", !known_has(known, &d1));
	known_seen(known, &d1);
	CHECK("a change of trust is no connection",
		known_has(known, &d1) && look(known, "d1").connected == 1);
	known_free(known);
}

/* Who is refused speaks for the leaf whose key it holds, on that channel; and who comes in again is known again. */
static void refused(void)
{
	static const struct {
		const char *name, *channel, *client; /* NULL: all of the leaf */
		char leaf;
		unsigned a1, a2, b1, other; /* which are refused then */
	} rows[] = {
		{"a leaf: all that came in by it, on its channel", "C", NULL, 'a', 1, 1, 0, 0},
		{"another channel", "D", NULL, 'a', 0, 0, 0, 1},
		{"a channel where it never was", "E", NULL, 'a', 0, 0, 0, 0},
		{"another leaf", "C", NULL, 'b', 0, 0, 1, 0},
		{"a leaf that nobody came in by", "C", NULL, 'x', 0, 0, 0, 0},
		{"one client of it", "C", "a2", 'a', 0, 1, 0, 0},
		{"somebody else's client id", "C", "b1", 'a', 0, 0, 0, 0},
		{"a client id that is not there", "C", "nobody", 'a', 0, 0, 0, 0},
		{"no leaf", "C", NULL, '\0', 0, 0, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct known_client clients[] = {client_of("C", "a1", 1), client_of("C", "a2", 1),
			client_of("C", "b1", 1), client_of("D", "a9", 1), client_of("C", "none", 1)};
		struct known *known = NULL;
		uint8_t leaf[SHA256_BYTES];

		REQUIRE("a table", known_new(KNOWN_MAX, &known) == ERR_OK);
		memset(clients[4].leaf_sha256, 0, SHA256_BYTES); /* of an older file */
		for (size_t j = 0; j < ARRAY_COUNT(clients); j++) {
			known_seen(known, &clients[j]);
		}
		memset(leaf, rows[i].leaf, sizeof(leaf));
		known_refused(known, rows[i].channel, rows[i].client, leaf);
		known_refused(known, rows[i].channel, rows[i].client, leaf);
		CHECK(rows[i].name, look(known, "a1").refused == rows[i].a1);
		CHECK(rows[i].name, look(known, "a2").refused == rows[i].a2);
		CHECK(rows[i].name, look(known, "b1").refused == rows[i].b1);
		CHECK(rows[i].name, look(known, "a9").refused == rows[i].other);
		CHECK(rows[i].name, look(known, "none").refused == 0);
		known_left(known, "C", "a1", 2);
		CHECK("leaving changes nothing", look(known, "a1").refused == rows[i].a1);
		clients[0].last_s = 3;
		known_seen(known, &clients[0]);
		CHECK("it came in again", look(known, "a1").refused == 0);
		known_refused(known, "C", NULL, clients[0].leaf_sha256);
		CHECK("and was refused again", look(known, "a1").refused == 1);
		memset(clients[0].leaf_sha256, 'n', SHA256_BYTES);
		CHECK("a new certificate is not what is known", !known_has(known, &clients[0]));
		known_seen(known, &clients[0]);
		memset(leaf, 'a', sizeof(leaf));
		known_refused(known, "C", NULL, leaf);
		CHECK("renewed: the old certificate counts for it no more", look(known, "a1").refused == 0);
		known_free(known);
	}
}

/* A leaf with very many client ids: one refusal does a bounded part, who tries again does the rest. */
static void refused_many(void)
{
	struct known *known = NULL;
	struct known_client client;
	char id[16];
	unsigned rounds = 0;

	REQUIRE("a table", known_new(KNOWN_MAX, &known) == ERR_OK);
	for (unsigned i = 0; i < 2 * KNOWN_REFUSED_MAX + 1; i++) {
		(void)snprintf(id, sizeof(id), "d%u", i);
		client = client_of("C", id, 1);
		known_seen(known, &client);
	}
	while (look(known, NULL).refused < 2 * KNOWN_REFUSED_MAX + 1 && rounds < 4) {
		known_refused(known, "C", NULL, client.leaf_sha256);
		rounds++;
	}
	CHECK("so many at once", rounds == 3);
	known_free(known);
}

/* Many come in, leave and are refused at once, in a table that is too small for them. */
static void *churn(void *ctx)
{
	struct known *known = ctx;
	char id[16];

	for (unsigned i = 0; i < 4000; i++) {
		(void)snprintf(id, sizeof(id), "%c%u", 'a' + (char)(i % 3), i % 97);
		struct known_client client = client_of("C", id, (int64_t)i);

		known_seen(known, &client);
		known_refused(known, "C", i % 5 == 0 ? id : NULL, client.leaf_sha256);
		known_left(known, "C", id, (int64_t)i);
		if (i % 100 == 0) {
			(void)look(known, id);
		}
	}
	return NULL;
}

static void threads(void)
{
	pthread_t ids[4];
	struct known *known = NULL;

	REQUIRE("a table", known_new(64, &known) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
		REQUIRE("thread", pthread_create(&ids[i], NULL, churn, known) == 0);
	}
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
		REQUIRE("joined", pthread_join(ids[i], NULL) == 0);
	}
	CHECK("bounded", known_count(known) <= 64);
	known_free(known);
}

/* Full: who was not seen for the longest goes, within each part of the table. */
static void full(void)
{
	struct known *known = NULL;
	struct known_client keep = client_of("C", "keep", 1);
	char id[16];

	REQUIRE("a table", known_new(640, &known) == ERR_OK);
	for (unsigned i = 0; i < 5000; i++) {
		(void)snprintf(id, sizeof(id), "d%u", i);
		struct known_client client = client_of("C", id, (int64_t)i);

		known_seen(known, &client);
		known_seen(known, &keep);
	}
	CHECK("bounded", known_count(known) <= 640);
	CHECK("nearly full", known_count(known) > 600);
	CHECK("who is seen again and again stays", look(known, "keep").count == 1);
	CHECK("the last one is there", look(known, "d4999").count == 1);
	CHECK("the first one is not", look(known, "d0").count == 0);
	known_free(known);
}

static void text_round(void)
{
	static const char *const names[] = {
		"d1", "tab\there", "line\nend", "100 %", "\xc3\xa4\xe2\x80\xae", "%41", "\x01\x7f"};
	struct known *known = NULL;
	struct known *again = NULL;
	struct buf text = BUF_INIT(1u << 20);
	struct buf second = BUF_INIT(1u << 20);

	REQUIRE("tables", known_new(KNOWN_MAX, &known) == ERR_OK && known_new(KNOWN_MAX, &again) == ERR_OK);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct known_client client = client_of("C", names[i], 100 + (int64_t)i);

		client.user = names[ARRAY_COUNT(names) - 1 - i];
		client.trust_kind = i % 2 == 0 ? TRUST_PIN : TRUST_ANCHOR;
		client.refused = i == 1;
		known_seen(known, &client);
	}
	CHECK("printed", known_print(known, &text) == ERR_OK && !known_changed(known));
	CHECK("read", known_parse(again, buf_bytes(&text), 0) == ERR_OK);
	CHECK("all of them", known_count(again) == ARRAY_COUNT(names));
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct sum sum = look(again, names[i]);

		CHECK(names[i], sum.refused == (i == 1 ? 1 : 0));
		CHECK(names[i], sum.count == 1 && sum.connected == 0 && sum.last_s == 100 + (int64_t)i &&
					strcmp(sum.user, names[ARRAY_COUNT(names) - 1 - i]) == 0);
	}
	/* Cut anywhere but at a line's end: nothing is taken. */
	for (size_t cut = 0; cut < text.len; cut++) {
		struct known *part = NULL;

		REQUIRE("a table", known_new(64, &part) == ERR_OK);
		enum err err = known_parse(part, bytes_of(text.data, cut), 0);
		bool line_end = cut > 0 && text.data[cut - 1] == '\n';

		CHECK("cut at every byte", err == (line_end ? ERR_OK : ERR_MALFORMED));
		CHECK("cut at every byte: all or nothing", line_end || known_count(part) == 0);
		known_free(part);
	}
	known_free(again);
	REQUIRE("a table", known_new(KNOWN_MAX, &again) == ERR_OK);
	CHECK("the oldest are left out", known_parse(again, buf_bytes(&text), 103) == ERR_OK &&
						 known_count(again) == ARRAY_COUNT(names) - 3);
	buf_release(&text);
	buf_release(&second);
	known_free(known);
	known_free(again);
}

#define SHA   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LINE  "1\t2\ta\t" SHA "\tC\td1\tu\tCN=x"
#define HEAD_ "lockgate-known 1\n"
#define HEAD2 "lockgate-known 2\n"

static void lines(void)
{
	static const struct {
		const char *name, *text;
		enum err want;
	} rows[] = {
		{"nobody", HEAD_, ERR_OK},
		{"one", HEAD_ LINE "\n", ERR_OK},
		{"no head", LINE "\n", ERR_MALFORMED},
		{"another version", "lockgate-known 3\n" LINE "\n", ERR_MALFORMED},
		{"the second version", HEAD2 LINE "\t" SHA "\t-\n", ERR_OK},
		{"the second version, refused", HEAD2 LINE "\t" SHA "\tr\n", ERR_OK},
		{"the second version, no other mark", HEAD2 LINE "\t" SHA "\tx\n", ERR_MALFORMED},
		{"the second version, no mark", HEAD2 LINE "\t" SHA "\t\n", ERR_MALFORMED},
		{"the second version, a long mark", HEAD2 LINE "\t" SHA "\trr\n", ERR_MALFORMED},
		{"the second version, no leaf", HEAD2 LINE "\t\tr\n", ERR_MALFORMED},
		{"the second version, a leaf of other digits", HEAD2 LINE "\tg" SHA "\tr\n", ERR_MALFORMED},
		{"the second version, a field too few", HEAD2 LINE "\t" SHA "\n", ERR_MALFORMED},
		{"the second version, a field too many", HEAD2 LINE "\t" SHA "\tr\t\n", ERR_MALFORMED},
		{"the fields of the first", HEAD2 LINE "\n", ERR_MALFORMED},
		{"the first version, the fields of the second", HEAD_ LINE "\t" SHA "\tr\n", ERR_MALFORMED},
		{"no line end", HEAD_ LINE, ERR_MALFORMED},
		{"a field too many", HEAD_ LINE "\tx\n", ERR_MALFORMED},
		{"a field too few", HEAD_ "1\t2\ta\t" SHA "\tC\td1\tu\n", ERR_MALFORMED},
		{"no time", HEAD_ "\t2\ta\t" SHA "\tC\td1\tu\tx\n", ERR_MALFORMED},
		{"a sign", HEAD_ "-1\t2\ta\t" SHA "\tC\td1\tu\tx\n", ERR_MALFORMED},
		{"a time too long", HEAD_ "1234567890123456\t2\ta\t" SHA "\tC\td1\tu\tx\n", ERR_MALFORMED},
		{"another kind of trust", HEAD_ "1\t2\tx\t" SHA "\tC\td1\tu\tx\n", ERR_MALFORMED},
		{"a short digest", HEAD_ "1\t2\ta\t00\tC\td1\tu\tx\n", ERR_MALFORMED},
		{"no channel", HEAD_ "1\t2\ta\t" SHA "\t\td1\tu\tx\n", ERR_MALFORMED},
		{"a channel too long", HEAD_ "1\t2\ta\t" SHA "\tABCDEFGHIJKLMNOPQRSTU\td1\tu\tx\n",
			ERR_MALFORMED},
		{"a blank", HEAD_ "1\t2\ta\t" SHA "\tC\td 1\tu\tx\n", ERR_MALFORMED},
		{"a raw byte", HEAD_ "1\t2\ta\t" SHA "\tC\td\xc3\xa4\tu\tx\n", ERR_MALFORMED},
		{"a cut escape", HEAD_ "1\t2\ta\t" SHA "\tC\td%4\tu\tx\n", ERR_MALFORMED},
		{"lower case", HEAD_ "1\t2\ta\t" SHA "\tC\td%c3\tu\tx\n", ERR_MALFORMED},
		{"a NUL", HEAD_ "1\t2\ta\t" SHA "\tC\td%00\tu\tx\n", ERR_MALFORMED},
		{"an escape at the end", HEAD_ "1\t2\ta\t" SHA "\tC\td%41\tu\tx\n", ERR_OK},
		{"one good, one bad", HEAD_ LINE "\nx\n", ERR_MALFORMED},
		{"an empty line", HEAD_ "\n", ERR_MALFORMED},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct known *known = NULL;

		REQUIRE("a table", known_new(KNOWN_MAX, &known) == ERR_OK);
		CHECK(rows[i].name, known_parse(known, bytes_text(rows[i].text), 0) == rows[i].want);
		CHECK(rows[i].name, rows[i].want == ERR_OK || known_count(known) == 0);
		known_free(known);
	}
}

static void no_memory(void)
{
	bool passed = false;

	for (unsigned long n = 1; !passed && n < 1000; n++) {
		struct known *known = NULL;
		struct known_client client = client_of("C", "d1", 1);

		test_alloc_fail_at(n);
		if (known_new(64, &known) == ERR_OK) {
			known_seen(known, &client);
		}
		passed = !test_alloc_failed();
		test_alloc_fail_at(0);
		CHECK("a client is known or not", known == NULL || known_count(known) <= 1);
		known_free(known);
	}
	CHECK("in the end there is memory enough", passed);
}

int main(void)
{
	records();
	refused();
	refused_many();
	threads();
	full();
	text_round();
	lines();
	no_memory();
	return test_result();
}
