/*
 * test_chlauth.c - CHLAUTH records: well formed or not, keys, and which record decides (mq-semantics 3.1 to 3.6).
 * Owns:    nothing but its world.
 * Never:   judges a whole admission (test_admission.c does).
 * Threads: one.
 */
#include <string.h>

#include "tests/auth/world.h"

#define USERS(...)                                                                                           \
	.list = (const char *const[]){__VA_ARGS__},                                                          \
	.list_count = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)
#define FINGERPRINT "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static const struct {
	const char *row;
	struct chlauth_record record;
	enum err want;
} records[] = {
	{"BLOCKUSER", {.profile = "*", .type = CHLAUTH_BLOCKUSER, USERS("*MQADMIN", "x")}, ERR_OK},
	{"BLOCKUSER that warns", {.profile = "*", .type = CHLAUTH_BLOCKUSER, USERS("x"), .warn = true},
		ERR_OK},
	{"BLOCKUSER needs a list", {.profile = "*", .type = CHLAUTH_BLOCKUSER}, ERR_INVALID},
	{"BLOCKUSER, empty entry", {.profile = "*", .type = CHLAUTH_BLOCKUSER, USERS("")}, ERR_INVALID},
	{"BLOCKUSER, unknown reserved name", {.profile = "*", .type = CHLAUTH_BLOCKUSER, USERS("*ALL")},
		ERR_INVALID},
	{"BLOCKUSER takes no ADDRESS",
		{.profile = "*", .type = CHLAUTH_BLOCKUSER, USERS("x"), .address = "*"}, ERR_INVALID},
	{"BLOCKUSER takes no MCAUSER",
		{.profile = "*", .type = CHLAUTH_BLOCKUSER, USERS("x"), .mca_user = "u"}, ERR_INVALID},
	{"BLOCKADDR", {.profile = "*", .type = CHLAUTH_BLOCKADDR, USERS("192.0.2.*")}, ERR_OK},
	{"BLOCKADDR's profile is *", {.profile = "A*", .type = CHLAUTH_BLOCKADDR, USERS("192.0.2.*")},
		ERR_INVALID},
	{"BLOCKADDR, no address", {.profile = "*", .type = CHLAUTH_BLOCKADDR, USERS("host")}, ERR_INVALID},
	{"SSLPEERMAP", {.profile = "A.*", .type = CHLAUTH_SSLPEERMAP, .ssl_peer = "CN=a", .mca_user = "u"},
		ERR_OK},
	{"SSLPEERMAP with all",
		{.profile = "A.*",
			.type = CHLAUTH_SSLPEERMAP,
			.ssl_peer = "CN=a",
			.ssl_issuer = "CN=b",
			.fingerprint = FINGERPRINT,
			.address = "*",
			.mca_user = "u",
			.description = "d"},
		ERR_OK},
	{"SSLPEERMAP by fingerprint",
		{.profile = "A", .type = CHLAUTH_SSLPEERMAP, .fingerprint = FINGERPRINT, .mca_user = "u"},
		ERR_OK},
	{"SSLPEERMAP needs a certificate", {.profile = "A", .type = CHLAUTH_SSLPEERMAP, .mca_user = "u"},
		ERR_INVALID},
	{"SSLPEERMAP, issuer alone",
		{.profile = "A", .type = CHLAUTH_SSLPEERMAP, .ssl_issuer = "CN=a", .mca_user = "u"},
		ERR_INVALID},
	{"SSLPEERMAP, bad DN",
		{.profile = "A", .type = CHLAUTH_SSLPEERMAP, .ssl_peer = "CN", .mca_user = "u"}, ERR_INVALID},
	{"SSLPEERMAP, short fingerprint",
		{.profile = "A", .type = CHLAUTH_SSLPEERMAP, .fingerprint = "0011", .mca_user = "u"},
		ERR_INVALID},
	{"SSLPEERMAP, long fingerprint",
		{.profile = "A", .type = CHLAUTH_SSLPEERMAP, .fingerprint = FINGERPRINT "0", .mca_user = "u"},
		ERR_INVALID},
	{"SSLPEERMAP takes no CLNTUSER",
		{.profile = "A",
			.type = CHLAUTH_SSLPEERMAP,
			.ssl_peer = "CN=a",
			.client_user = "u",
			.mca_user = "u"},
		ERR_INVALID},
	{"4.4 an issuer has no SERIALNUMBER",
		{.profile = "A",
			.type = CHLAUTH_SSLPEERMAP,
			.ssl_peer = "CN=a",
			.ssl_issuer = "SERIALNUMBER=1",
			.mca_user = "u"},
		ERR_INVALID},
	{"ADDRESSMAP",
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "*", .usersrc = USERSRC_CHANNEL},
		ERR_OK},
	{"ADDRESSMAP needs ADDRESS", {.profile = "A", .type = CHLAUTH_ADDRESSMAP, .usersrc = USERSRC_CHANNEL},
		ERR_INVALID},
	{"ADDRESSMAP takes no SSLPEER",
		{.profile = "A",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.ssl_peer = "CN=a",
			.mca_user = "u"},
		ERR_INVALID},
	{"ADDRESSMAP takes no list",
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "*", USERS("x"), .mca_user = "u"},
		ERR_INVALID},
	{"USERMAP", {.profile = "A", .type = CHLAUTH_USERMAP, .client_user = "u", .mca_user = "v"}, ERR_OK},
	{"USERMAP, no wildcard",
		{.profile = "A", .type = CHLAUTH_USERMAP, .client_user = "*", .mca_user = "v"}, ERR_INVALID},
	{"USERMAP needs CLNTUSER", {.profile = "A", .type = CHLAUTH_USERMAP, .mca_user = "v"}, ERR_INVALID},
	{"QMGRMAP", {.profile = "A", .type = CHLAUTH_QMGRMAP, .mca_user = "v"}, ERR_UNSUPPORTED},
	{"MAP needs MCAUSER", {.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "*"}, ERR_INVALID},
	{"NOACCESS takes no MCAUSER",
		{.profile = "A",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.usersrc = USERSRC_NOACCESS,
			.mca_user = "u"},
		ERR_INVALID},
	{"CHANNEL takes no MCAUSER",
		{.profile = "A",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.usersrc = USERSRC_CHANNEL,
			.mca_user = "u"},
		ERR_INVALID},
	{"NOACCESS that warns",
		{.profile = "A",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.usersrc = USERSRC_NOACCESS,
			.warn = true},
		ERR_OK},
	{"MAP does not warn",
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "*", .mca_user = "u", .warn = true},
		ERR_INVALID},
	{"CHANNEL does not warn",
		{.profile = "A",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.usersrc = USERSRC_CHANNEL,
			.warn = true},
		ERR_INVALID},
	{"MCAUSER(*NOACCESS) is reserved",
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "*", .mca_user = "*NOACCESS"},
		ERR_INVALID},
	{"MCAUSER with a control",
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "*", .mca_user = "a\nb"},
		ERR_INVALID},
	{"MCAUSER of 65 bytes",
		{.profile = "A",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.mca_user = "12345678901234567890123456789012345678901234567890123456789012345"},
		ERR_INVALID},
	{"MCAUSER of 64 bytes",
		{.profile = "A",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.mca_user = "1234567890123456789012345678901234567890123456789012345678901234"},
		ERR_OK},
	{"no profile", {.profile = NULL, .type = CHLAUTH_ADDRESSMAP, .address = "*", .mca_user = "u"},
		ERR_INVALID},
	{"profile with a blank",
		{.profile = "A B", .type = CHLAUTH_ADDRESSMAP, .address = "*", .mca_user = "u"}, ERR_INVALID},
	{"profile of 20",
		{.profile = "12345678901234567890",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.mca_user = "u"},
		ERR_OK},
	{"profile of 21",
		{.profile = "123456789012345678901",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.mca_user = "u"},
		ERR_LIMIT},
	{"description with a control",
		{.profile = "A",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.mca_user = "u",
			.description = "\x1b"},
		ERR_INVALID},
};

static void test_records(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(records); i++) {
		struct auth_error error = {0};
		enum err err = chlauth_record_check(&records[i].record, &error);
		CHECK(records[i].row, err == records[i].want);
		CHECK(records[i].row, (error.sentence[0] != '\0') == (err != ERR_OK));
	}
	const char *many[101];
	for (size_t i = 0; i < 101; i++) {
		many[i] = "x";
	}
	struct chlauth_record list = {
		.profile = "*", .type = CHLAUTH_BLOCKUSER, .list = many, .list_count = 100};
	CHECK("100 entries", chlauth_record_check(&list, NULL) == ERR_OK);
	list.list_count = 101;
	CHECK("101 entries", chlauth_record_check(&list, NULL) == ERR_LIMIT);
}

static const struct {
	const char *row;
	struct chlauth_record a, b;
	bool same;
} keys[] = {
	{"3.3 data is no part of the key",
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "*", .mca_user = "u"},
		{.profile = "A",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "*",
			.usersrc = USERSRC_NOACCESS,
			.warn = true},
		true},
	{"3.3 profile", {.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "*", .mca_user = "u"},
		{.profile = "B", .type = CHLAUTH_ADDRESSMAP, .address = "*", .mca_user = "u"}, false},
	{"3.3 the same address in other letters",
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "2001:DB8::1", .mca_user = "u"},
		{.profile = "A",
			.type = CHLAUTH_ADDRESSMAP,
			.address = "2001:db8:0:0:0:0:0:1",
			.mca_user = "u"},
		true},
	{"3.3 another address",
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "192.0.2.1", .mca_user = "u"},
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "192.0.2.2", .mca_user = "u"}, false},
	{"3.3 the same DN in another order",
		{.profile = "A", .type = CHLAUTH_SSLPEERMAP, .ssl_peer = "CN=a,O=b", .mca_user = "u"},
		{.profile = "A", .type = CHLAUTH_SSLPEERMAP, .ssl_peer = "O=B; CN=A", .mca_user = "u"}, true},
	{"3.3 issuer", {.profile = "A", .type = CHLAUTH_SSLPEERMAP, .ssl_peer = "CN=a", .mca_user = "u"},
		{.profile = "A",
			.type = CHLAUTH_SSLPEERMAP,
			.ssl_peer = "CN=a",
			.ssl_issuer = "CN=b",
			.mca_user = "u"},
		false},
	{"3.3 user, other case",
		{.profile = "A", .type = CHLAUTH_USERMAP, .client_user = "a", .mca_user = "u"},
		{.profile = "A", .type = CHLAUTH_USERMAP, .client_user = "A", .mca_user = "u"}, false},
	{"3.3 lists", {.profile = "A", .type = CHLAUTH_BLOCKUSER, USERS("a")},
		{.profile = "A", .type = CHLAUTH_BLOCKUSER, USERS("b")}, true},
	{"3.3 type", {.profile = "*", .type = CHLAUTH_BLOCKUSER, USERS("a")},
		{.profile = "*", .type = CHLAUTH_BLOCKADDR, USERS("*")}, false},
};

static void test_keys(void)
{
	struct chlauth_rules *rules = NULL;
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		struct chlauth_record pair[] = {keys[i].a, keys[i].b};
		CHECK(keys[i].row, chlauth_record_same_key(&keys[i].a, &keys[i].b) == keys[i].same);
		CHECK(keys[i].row, chlauth_rules_new(pair, 2, CHLAUTH_ENABLED, 1, &rules, NULL) ==
					   (keys[i].same ? ERR_EXISTS : ERR_OK));
		chlauth_rules_unref(rules);
	}
	static const struct {
		const char *row;
		struct chlauth_record record;
		const char *want;
	} prints[] = {
		{"plain", {.profile = "A.*", .type = CHLAUTH_SSLPEERMAP, .ssl_peer = "CN=d1"},
			"SSLPEERMAP CHL('A.*') SSLPEER('CN=d1')"},
		{"apostrophes are doubled",
			{.profile = "*",
				.type = CHLAUTH_SSLPEERMAP,
				.ssl_peer = "CN=a') TYPE(",
				.address = "*"},
			"SSLPEERMAP CHL('*') SSLPEER('CN=a'') TYPE(') ADDRESS('*')"},
		{"controls are escaped", {.profile = "*", .type = CHLAUTH_USERMAP, .client_user = "a\n"},
			"USERMAP CHL('*') CLNTUSER('a\\x0a')"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(prints); i++) {
		struct buf out = BUF_INIT(4096);
		CHECK(prints[i].row, chlauth_record_print_key(&prints[i].record, &out) == ERR_OK);
		CHECK(prints[i].row, bytes_equal_text(buf_bytes(&out), prints[i].want));
		buf_release(&out);
	}
	struct chlauth_record ranges[] = {
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "192.0.2.1-8", .mca_user = "u"},
		{.profile = "A", .type = CHLAUTH_ADDRESSMAP, .address = "192.0.2.5-9", .mca_user = "u"}};
	CHECK("3343 ranges that overlap",
		chlauth_rules_new(ranges, 2, CHLAUTH_ENABLED, 1, &rules, NULL) == ERR_INVALID);
	ranges[1].address = "192.0.2.2-3";
	CHECK("3343 nested ranges", chlauth_rules_new(ranges, 2, CHLAUTH_ENABLED, 1, &rules, NULL) == ERR_OK);
	chlauth_rules_unref(rules);
	ranges[1].address = "192.0.2.5-9";
	ranges[1].profile = "B";
	CHECK("3343 another profile",
		chlauth_rules_new(ranges, 2, CHLAUTH_ENABLED, 1, &rules, NULL) == ERR_OK);
	chlauth_rules_unref(rules);
}

/* The record with MCAUSER want decides for d1 on PLANT.A from 192.0.2.7 with user u; NULL: none. */
#define MAP(p, t, user, ...)                                                                                 \
	{                                                                                                    \
		.profile = (p), .type = (t), .mca_user = (user), __VA_ARGS__                                 \
	}
static const struct {
	const char *row;
	struct chlauth_record records[4];
	const char *want;
} picks[] = {
	{"nothing matches", {MAP("B", CHLAUTH_ADDRESSMAP, "x", .address = "*")}, NULL},
	{"3.4.1 exact channel beats wildcard, whatever the kind",
		{MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "dn", .ssl_peer = "CN=d1"),
			MAP("PLANT.A", CHLAUTH_ADDRESSMAP, "address", .address = "*")},
		"address"},
	{"3.4.1 more specific wildcard",
		{MAP("*", CHLAUTH_SSLPEERMAP, "dn", .ssl_peer = "CN=d1"),
			MAP("PLANT.*", CHLAUTH_ADDRESSMAP, "address", .address = "*")},
		"address"},
	{"3.4.2 DN beats user and address",
		{MAP("PLANT.*", CHLAUTH_ADDRESSMAP, "address", .address = "192.0.2.7"),
			MAP("PLANT.*", CHLAUTH_USERMAP, "user", .client_user = "u"),
			MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "dn", .ssl_peer = "CN=*")},
		"dn"},
	{"3.4.3 user beats address",
		{MAP("PLANT.*", CHLAUTH_ADDRESSMAP, "address", .address = "192.0.2.7"),
			MAP("PLANT.*", CHLAUTH_USERMAP, "user", .client_user = "u")},
		"user"},
	{"3.4.4 more specific DN",
		{MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "star", .ssl_peer = "CN=d*"),
			MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "exact", .ssl_peer = "CN=d1")},
		"exact"},
	{"3.4 issuer after subject",
		{MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "issuer", .ssl_peer = "CN=d*",
			 .ssl_issuer = "CN=Plant CA"),
			MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "subject", .ssl_peer = "CN=d1")},
		"subject"},
	{"3.4 issuer present beats absent",
		{MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "none", .ssl_peer = "CN=d1"),
			MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "issuer", .ssl_peer = "CN=d1",
				.ssl_issuer = "CN=Plant CA")},
		"issuer"},
	{"3.4 an issuer that does not match",
		{MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "none", .ssl_peer = "CN=d1"),
			MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "issuer", .ssl_peer = "CN=d1",
				.ssl_issuer = "CN=Other CA")},
		"none"},
	{"3.4.4 then the address filter",
		{MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "any", .ssl_peer = "CN=d1"),
			MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "there", .ssl_peer = "CN=d1",
				.address = "192.0.2.*")},
		"there"},
	{"3.4.4 an address filter that does not match",
		{MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "any", .ssl_peer = "CN=d1"),
			MAP("PLANT.*", CHLAUTH_SSLPEERMAP, "there", .ssl_peer = "CN=d1", .address = "10.*")},
		"any"},
	{"3.4.4 more specific address",
		{MAP("PLANT.*", CHLAUTH_ADDRESSMAP, "wide", .address = "192.0.2.*"),
			MAP("PLANT.*", CHLAUTH_ADDRESSMAP, "range", .address = "192.0.2.1-8"),
			MAP("PLANT.*", CHLAUTH_ADDRESSMAP, "any", .address = "*")},
		"range"},
	{"not first match, not file order",
		{MAP("*", CHLAUTH_ADDRESSMAP, "back-stop", .address = "*"),
			MAP("PLANT.A", CHLAUTH_SSLPEERMAP, "dn", .ssl_peer = "CN=d1")},
		"dn"},
	{"CLNTUSER is exact in case", {MAP("PLANT.*", CHLAUTH_USERMAP, "user", .client_user = "U")}, NULL},
	{"channel names are exact in case", {MAP("plant.a", CHLAUTH_ADDRESSMAP, "x", .address = "*")}, NULL},
};

static void test_picks(struct world *world)
{
	for (size_t i = 0; i < ARRAY_COUNT(picks); i++) {
		struct chlauth_rules *rules = NULL;
		const struct cert *slot = NULL;
		struct chlauth_record turned[4];
		size_t count = 0;
		while (count < 4 && picks[i].records[count].profile != NULL) {
			count++;
		}
		for (size_t n = 0; n < count; n++) {
			turned[n] = picks[i].records[count - 1 - n];
		}
		struct evidence evidence = world_evidence("PLANT.A", &world->d1, &slot);
		for (int turn = 0; turn < 2; turn++) { /* the order of writing makes no difference */
			REQUIRE(picks[i].row, chlauth_rules_new(turn ? turned : picks[i].records, count,
						      CHLAUTH_ENABLED, 1, &rules, NULL) == ERR_OK);
			const struct chlauth_record *record = chlauth_rules_pick(rules, &evidence, "u");
			CHECK(picks[i].row, (record != NULL) == (picks[i].want != NULL));
			CHECK(picks[i].row, record == NULL || picks[i].want == NULL ||
						    strcmp(record->mca_user, picks[i].want) == 0);
			chlauth_rules_unref(rules);
		}
	}
}

/* A rule per device is found among many, and no other one is. */
static void test_many(struct world *world)
{
	enum { COUNT = 3000 };
	static char peers[COUNT][16];
	static char users[COUNT][16];
	static struct chlauth_record list[COUNT + 1];
	struct chlauth_rules *rules = NULL;
	const struct cert *slot = NULL;
	for (size_t i = 0; i < COUNT; i++) {
		(void)snprintf(peers[i], sizeof(peers[i]), "CN=d%zu", (i * 7919) % COUNT);
		(void)snprintf(users[i], sizeof(users[i]), "u%zu", (i * 7919) % COUNT);
		list[i] = (struct chlauth_record){.profile = "PLANT.*",
			.type = CHLAUTH_SSLPEERMAP,
			.ssl_peer = peers[i],
			.mca_user = users[i]};
		if (i % 2 == 1) {
			list[i] = (struct chlauth_record){.profile = "PLANT.*",
				.type = CHLAUTH_USERMAP,
				.client_user = users[i],
				.mca_user = users[i]};
		}
	}
	list[COUNT] = (struct chlauth_record){
		.profile = "*", .type = CHLAUTH_ADDRESSMAP, .address = "*", .usersrc = USERSRC_NOACCESS};
	REQUIRE("many", chlauth_rules_new(list, COUNT + 1, CHLAUTH_ENABLED, 1, &rules, NULL) == ERR_OK);
	struct evidence evidence = world_evidence("PLANT.A", &world->d1, &slot);
	const struct chlauth_record *record = chlauth_rules_pick(rules, &evidence, "nobody");
	size_t d1_at = 0;
	while (strcmp(peers[d1_at], "CN=d1") != 0) {
		d1_at++;
	}
	CHECK("by CN", (record->usersrc == USERSRC_MAP) == (d1_at % 2 == 0));
	evidence = world_evidence("PLANT.A", NULL, &slot);
	for (size_t i = 0; i < COUNT; i++) {
		record = chlauth_rules_pick(rules, &evidence, users[i]);
		CHECK("by user",
			record != NULL && (i % 2 == 1 ? record->usersrc == USERSRC_MAP &&
								  strcmp(record->mca_user, users[i]) == 0
						      : record->usersrc == USERSRC_NOACCESS));
	}
	chlauth_rules_unref(rules);
}

static void test_memory(void)
{
	struct chlauth_rules *rules = NULL;
	const struct chlauth_record list[] = {{.profile = "A.*",
						      .type = CHLAUTH_SSLPEERMAP,
						      .ssl_peer = "CN=a",
						      .ssl_issuer = "CN=b",
						      .address = "*",
						      .mca_user = "u"},
		{.profile = "*", .type = CHLAUTH_BLOCKADDR, USERS("192.0.2.*", "10.*")},
		{.profile = "*", .type = CHLAUTH_BLOCKUSER, USERS("*MQADMIN")}};
	unsigned long n = 0;
	while (rules == NULL && n < 1000) {
		test_alloc_fail_at(++n);
		enum err err = chlauth_rules_new(list, ARRAY_COUNT(list), CHLAUTH_ENABLED, 1, &rules, NULL);
		CHECK("Nth allocation", err == (test_alloc_failed() ? ERR_NOMEM : ERR_OK));
		test_alloc_fail_at(0);
	}
	CHECK("Nth allocation", n > 10 && rules != NULL);
	chlauth_rules_unref(rules);
}

int main(void)
{
	struct world world;
	world_init(&world);
	test_records();
	test_keys();
	test_picks(&world);
	test_many(&world);
	test_memory();
	world_free(&world);
	return test_result();
}
