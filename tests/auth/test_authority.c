/*
 * test_authority.c - topic objects, generic profiles, and what a subject may publish and subscribe (mq-semantics 9).
 * Owns:    nothing.
 * Never:   needs a certificate.
 * Threads: one.
 */
#include <stdio.h>
#include <string.h>

#include "auth/auth.h"
#include "mqtt/mqtt.h"
#include "tests/test.h"

#define PUB_SUB (RIGHT_PUB | RIGHT_SUB)

static const struct topic_object topics[] = {
	{"SYSTEM.BASE.TOPIC", ""},
	{"PLANT", "plant"},
	{"PLANT.LINE1", "plant/line1"},
	{"DEVICES", "devices/${clientid}"},
	{"DEVICES.D9", "devices/d9"},
	{"USERS", "users/${user}/in"},
	{"NAMES", "names/${cn}"},
	{"OWN", "${user}"},
	{"SYS", "$SYS"},
	{"SLASH", "/lead"},
	{"TRAIL", "trail/"},
};

static const struct authority_record records[] = {
	{"SYSTEM.BASE.TOPIC", false, false, "boss", PUB_SUB},
	{"PLANT", false, false, "op", RIGHT_SUB},
	{"PLANT.LINE1", false, false, "line", RIGHT_PUB},
	{"DEVICES", false, false, "d1", PUB_SUB},
	{"USERS", false, false, "d1", RIGHT_SUB},
	{"NAMES", false, false, "d1", RIGHT_PUB},
	{"OWN", false, false, "$SYS", RIGHT_PUB},
	{"OWN", false, false, "d1", RIGHT_PUB},
	{"SYS", false, false, "sys", RIGHT_SUB},
	{"SLASH", false, false, "d1", RIGHT_PUB},
	{"TRAIL", false, false, "d1", RIGHT_PUB},
	{NULL, true, false, "d1", RIGHT_CONNECT},
	{NULL, true, true, "fleet", RIGHT_CONNECT},
	{"PLANT", false, true, "fleet", PUB_SUB},
};

struct row {
	const char *row;
	char ask; /* p publish, s subscribe, r retain */
	const char *user, *client_id, *common_name, *topic;
	bool want;
};

static const struct row rows[] = {
	{"9.3 the object itself", 'p', "line", NULL, NULL, "plant/line1", true},
	{"9.3 below the object", 'p', "line", NULL, NULL, "plant/line1/a/b", true},
	{"9.3 above the object", 'p', "line", NULL, NULL, "plant", false},
	{"9.3 beside the object", 'p', "line", NULL, NULL, "plant/line2", false},
	{"9.3 a longer level is another level", 'p', "line", NULL, NULL, "plant/line11", false},
	{"9.3 levels are compared by octets", 'p', "line", NULL, NULL, "plant/Line1", false},
	{"9.3 only the right that was granted", 's', "line", NULL, NULL, "plant/line1", false},
	{"9.3 a grant further up", 's', "op", NULL, NULL, "plant/line1", true},
	{"9.3 a grant at the root is inherited everywhere", 'p', "boss", NULL, NULL, "plant/line1/x", true},
	{"9.3 a grant at the root, no object below", 'p', "boss", NULL, NULL, "else/where", true},
	{"9.3 a grant at the root, empty level", 'p', "boss", NULL, NULL, "/", true},
	{"no record at all", 'p', "stranger", NULL, NULL, "plant/line1", false},
	{"users are compared by octets", 'p', "LINE", NULL, NULL, "plant/line1", false},
	{"no user", 'p', "", NULL, NULL, "plant", false},
	{"a group has no members yet", 'p', "fleet", NULL, NULL, "plant/a", false},
	{"no topic", 'p', "boss", NULL, NULL, "", false},
	{"a topic name has no wildcards", 'p', "boss", NULL, NULL, "plant/+", false},
	{"a topic name has no wildcards", 'p', "boss", NULL, NULL, "#", false},
	{"retain is a right of its own", 'r', "boss", NULL, NULL, "plant", false},
	{"leading slash is an empty level", 'p', "d1", NULL, NULL, "/lead/x", true},
	{"leading slash is an empty level", 'p', "d1", NULL, NULL, "lead/x", false},
	{"trailing slash is an empty level", 'p', "d1", NULL, NULL, "trail//x", true},
	{"trailing slash is an empty level", 'p', "d1", NULL, NULL, "trail/x", false},
	/* own branch */
	{"DESIGN 5 ${clientid} own branch", 'p', "d1", "d1", NULL, "devices/d1/temp", true},
	{"DESIGN 5 ${clientid} other branch", 'p', "d1", "d1", NULL, "devices/d2/temp", false},
	{"DESIGN 5 ${clientid} prefix of another", 'p', "d1", "d1", NULL, "devices/d11", false},
	{"DESIGN 5 ${clientid} not bound", 'p', "d1", NULL, NULL, "devices/d1", false},
	{"DESIGN 5 ${clientid} empty", 'p', "d1", "", NULL, "devices/", false},
	{"DESIGN 5 ${clientid} with /", 'p', "d1", "d1/x", NULL, "devices/d1/x", false},
	{"DESIGN 5 ${clientid} is +", 's', "d1", "+", NULL, "devices/+", false},
	{"DESIGN 5 ${clientid} is #", 's', "d1", "#", NULL, "devices/#", false},
	{"DESIGN 5 ${clientid} with + in it", 'p', "d1", "a+", NULL, "devices/a+", false},
	{"DESIGN 5 ${clientid} with a control", 'p', "d1", "a\n", NULL, "devices/a\n", false},
	{"DESIGN 5 ${clientid} with a bidirectional control", 'p', "d1", "a\xe2\x80\xae", NULL,
		"devices/a\xe2\x80\xae", false},
	{"DESIGN 5 ${clientid} needs the record", 'p', "d2", "d2", NULL, "devices/d2", false},
	{"DESIGN 5 a value is no template", 'p', "d1", "${user}", NULL, "devices/d1", false},
	{"DESIGN 5 ${user} inside", 's', "d1", NULL, NULL, "users/d1/in/x", true},
	{"DESIGN 5 ${user} other", 's', "d1", NULL, NULL, "users/d2/in", false},
	{"DESIGN 5 ${user} above", 's', "d1", NULL, NULL, "users/d1", false},
	{"DESIGN 5 ${cn}", 'p', "d1", NULL, "Pump 7", "names/Pump 7", true},
	{"DESIGN 5 ${cn} no certificate", 'p', "d1", NULL, NULL, "names/Pump 7", false},
	{"DESIGN 5 ${cn} is exact in case", 'p', "d1", NULL, "Pump 7", "names/pump 7", false},
	{"${user} at the front", 'p', "d1", NULL, NULL, "d1/x", true},
	/* wildcard filters */
	{"9.3 filter below the grant", 's', "op", NULL, NULL, "plant/#", true},
	{"9.3 filter with + below the grant", 's', "op", NULL, NULL, "plant/+/x", true},
	{"9.3 filter above the grant", 's', "op", NULL, NULL, "#", false},
	{"9.3 filter whose + stands at the grant's level", 's', "op", NULL, NULL, "+/line1", false},
	{"DESIGN 5 own branch", 's', "d1", "d1", NULL, "devices/d1/#", true},
	{"DESIGN 5 wildcard over all branches", 's', "d1", "d1", NULL, "devices/+/cmd", false},
	{"DESIGN 5 wildcard over all branches", 's', "d1", "d1", NULL, "devices/#", false},
	{"9.3 all for the root's grantee", 's', "boss", NULL, NULL, "#", true},
	{"9.3 all for the root's grantee", 's', "boss", NULL, NULL, "+/+", true},
	/* the wall around $ topics */
	{"9.3 $SYS is walled off from the root", 's', "boss", NULL, NULL, "$SYS/uptime", false},
	{"9.3 $SYS is walled off from the root", 's', "boss", NULL, NULL, "$SYS/#", false},
	{"9.3 every $ topic is walled off", 'p', "boss", NULL, NULL, "$other", false},
	{"9.3 $SYS by its own object", 's', "sys", NULL, NULL, "$SYS/#", true},
	{"9.3 $SYS by its own object, no more", 's', "sys", NULL, NULL, "#", false},
	{"9.3 $SYS is no variable's value", 'p', "$SYS", NULL, NULL, "$SYS/uptime", false},
	{"$share is the caller's to strip", 's', "boss", NULL, NULL, "$share/g/plant", false},
};

static bool ask(const struct authority *authority, const struct row *row, struct authority_answer *answer)
{
	struct authority_subject subject = {row->user, row->client_id, row->common_name};
	struct bytes topic = bytes_text(row->topic);
	return row->ask == 'p'   ? authority_may_publish(authority, &subject, topic, answer)
	       : row->ask == 's' ? authority_may_subscribe(authority, &subject, topic, answer)
				 : authority_may_retain(authority, &subject, topic, answer);
}

static void test_rows(void)
{
	struct authority *authority = NULL;
	REQUIRE("build", authority_new(topics, ARRAY_COUNT(topics), records, ARRAY_COUNT(records), 7,
				 &authority, NULL) == ERR_OK);
	CHECK("generation", authority_generation(authority) == 7);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct authority_answer answer = {0};
		/* The hot path allocates nothing: with the allocator broken it answers the same. */
		test_alloc_fail_at(1);
		bool granted = ask(authority, &rows[i], NULL);
		CHECK(rows[i].row, !test_alloc_failed());
		test_alloc_fail_at(0);
		CHECK(rows[i].row, granted == rows[i].want);
		CHECK(rows[i].row, ask(authority, &rows[i], &answer) == rows[i].want);
		CHECK(rows[i].row, answer.granted == rows[i].want && answer.reason[0] != '\0');
	}
	struct authority_answer answer;
	CHECK("connect",
		authority_may_connect(authority, &(struct authority_subject){.user = "d1"}, &answer));
	CHECK("connect",
		!authority_may_connect(authority, &(struct authority_subject){.user = "d2"}, &answer));
	CHECK("connect", strstr(answer.reason, "'d2'") != NULL);
	CHECK("connect, a group",
		!authority_may_connect(authority, &(struct authority_subject){.user = "fleet"}, NULL));
	CHECK("connect, no user",
		!authority_may_connect(authority, &(struct authority_subject){.user = NULL}, NULL));
	CHECK("connect, nobody", !authority_may_connect(authority, NULL, NULL));
	CHECK("no authority", !authority_may_connect(NULL, &(struct authority_subject){.user = "d1"}, NULL));
	authority_unref(authority_ref(authority));
	authority_unref(authority);
	authority_unref(NULL);
}

/* Which of the objects A.B.C, A.C, A.BB.C, A does a profile reach, and which of two profiles counts? */
static const struct {
	const char *row, *profile, *name;
	bool want;
} profiles[] = {
	{"9.2 exact", "A.B", "A.B", true},
	{"9.2 exact, case", "A.B", "A.b", false},
	{"9.2 ? is one character", "A.?", "A.B", true},
	{"9.2 ? is not none", "A.?", "A", false},
	{"9.2 ? is not two", "A.?", "A.BB", false},
	{"9.2 ? is not a dot", "A?B", "A.B", false},
	{"9.2 * inside a qualifier", "A.B*", "A.BCD", true},
	{"9.2 * inside a qualifier may be nothing", "A.B*", "A.B", true},
	{"9.2 * inside stays in its qualifier", "A.B*", "A.B.C", false},
	{"9.2 * as a whole qualifier is one", "A.*.C", "A.B.C", true},
	{"9.2 A.*.C does not match A.C", "A.*.C", "A.C", false},
	{"9.2 * as a whole qualifier is not two", "A.*.C", "A.B.B.C", false},
	{"9.2 ** alone is all", "**", "A.B.C", true},
	{"9.2 ** in the middle is none", "A.**.C", "A.C", true},
	{"9.2 ** in the middle is several", "A.**.C", "A.B.B.C", true},
	{"9.2 ** in the middle, other end", "A.**.C", "A.B.B.D", false},
	{"9.2 ** at the end", "A.**", "A.B.C", true},
	{"9.2 ** at the end is none", "A.**", "A", true},
	{"9.2 ** in front", "**.C", "A.B.C", true},
	{"9.2 ** in front, too short", "**.B.C", "C", false},
	{"9.2 * alone is one qualifier", "*", "A", true},
	{"9.2 * alone is not two", "*", "A.B", false},
};

static bool publishes(const struct authority_record *list, size_t count, const char *object)
{
	struct topic_object topic = {object, "t"};
	struct authority *authority = NULL;
	bool granted = false;
	if (authority_new(&topic, 1, list, count, 1, &authority, NULL) == ERR_OK) {
		granted = authority_may_publish(
			authority, &(struct authority_subject){.user = "u"}, bytes_text("t"), NULL);
		authority_unref(authority);
	}
	return granted;
}

static void test_profiles(void)
{
	/* The first counts, so that its lack of PUB hides the second's grant. */
	static const struct {
		const char *row, *more, *less, *name;
	} orders[] = {
		{"9.2 AB.C* hides AB.*", "AB.C*", "AB.*", "AB.CD"},
		{"9.2 exact hides all", "AB.CD", "AB.C?", "AB.CD"},
		{"9.2 ? before *", "AB.C?", "AB.C*", "AB.CD"},
		{"9.2 * before **", "AB.*", "AB.**", "AB.CD"},
		{"9.2 anything before **", "A*.*", "**", "AB.CD"},
		{"9.2 from the left", "AB.*", "*.CD", "AB.CD"},
		{"9.2 exact before the same with a star behind", "AB.CD", "AB.CD*", "AB.CD"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct authority_record one = {profiles[i].profile, false, false, "u", RIGHT_PUB};
		CHECK(profiles[i].row, publishes(&one, 1, profiles[i].name) == profiles[i].want);
	}
	for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
		struct authority_record hides[] = {{orders[i].more, false, false, "u", RIGHT_SUB},
			{orders[i].less, false, false, "u", RIGHT_PUB}};
		struct authority_record grants[] = {{orders[i].less, false, false, "u", RIGHT_SUB},
			{orders[i].more, false, false, "u", RIGHT_PUB}};
		CHECK(orders[i].row, !publishes(hides, 2, orders[i].name));
		CHECK(orders[i].row, publishes(grants, 2, orders[i].name));
		CHECK(orders[i].row,
			publishes(&hides[1], 1, orders[i].name)); /* the broader one alone does grant */
	}
}

static const struct {
	const char *row, *name, *topic_string, *profile, *entity;
	bool queue_manager;
	unsigned rights;
	enum err want;
} builds[] = {
	{"good", "A", "a/b", "A", "u", false, RIGHT_PUB, ERR_OK},
	{"a profile without its object yet", "A", "a", "B.C", "u", false, RIGHT_PUB, ERR_OK},
	{"NONE", "A", "a", "A", "u", false, 0, ERR_OK},
	{"object without a name", "", "a", "A", "u", false, RIGHT_PUB, ERR_INVALID},
	{"object with a generic name", "A*", "a", "A", "u", false, RIGHT_PUB, ERR_INVALID},
	{"object name of 48", "A12345678901234567890123456789012345678901234567", "a", "A", "u", false,
		RIGHT_PUB, ERR_OK},
	{"object name of 49", "A123456789012345678901234567890123456789012345678", "a", "A", "u", false,
		RIGHT_PUB, ERR_INVALID},
	{"topic string with +", "A", "a/+/b", "A", "u", false, RIGHT_PUB, ERR_INVALID},
	{"topic string with #", "A", "a/#", "A", "u", false, RIGHT_PUB, ERR_INVALID},
	{"topic string with + inside", "A", "a+", "A", "u", false, RIGHT_PUB, ERR_INVALID},
	{"topic string with a control", "A", "a\nb", "A", "u", false, RIGHT_PUB, ERR_INVALID},
	{"variable inside a level", "A", "x-${clientid}", "A", "u", false, RIGHT_PUB, ERR_INVALID},
	{"unknown variable", "A", "x/${cilentid}", "A", "u", false, RIGHT_PUB, ERR_INVALID},
	{"a dollar is no variable", "A", "x/$y", "A", "u", false, RIGHT_PUB, ERR_OK},
	{"** inside a qualifier", "A", "a", "A.B**", "u", false, RIGHT_PUB, ERR_INVALID},
	{"** twice", "A", "a", "**.A.**", "u", false, RIGHT_PUB, ERR_INVALID},
	{"***", "A", "a", "***", "u", false, RIGHT_PUB, ERR_INVALID},
	{"empty profile", "A", "a", "", "u", false, RIGHT_PUB, ERR_INVALID},
	{"no profile", "A", "a", NULL, "u", false, RIGHT_PUB, ERR_INVALID},
	{"no entity", "A", "a", "A", NULL, false, RIGHT_PUB, ERR_INVALID},
	{"empty entity", "A", "a", "A", "", false, RIGHT_PUB, ERR_INVALID},
	{"reserved entity", "A", "a", "A", "*NOACCESS", false, RIGHT_PUB, ERR_INVALID},
	{"CONNECT on a topic", "A", "a", "A", "u", false, RIGHT_CONNECT, ERR_INVALID},
	{"PUB on the queue manager", "A", "a", NULL, "u", true, RIGHT_PUB, ERR_INVALID},
	{"a profile on the queue manager", "A", "a", "A", "u", true, RIGHT_CONNECT, ERR_INVALID},
	{"unknown right", "A", "a", "A", "u", false, 1u << 9, ERR_INVALID},
};

static void test_builds(void)
{
	struct authority *authority = NULL;
	struct auth_error error;
	for (size_t i = 0; i < ARRAY_COUNT(builds); i++) {
		struct topic_object topic = {builds[i].name, builds[i].topic_string};
		struct authority_record record = {builds[i].profile, builds[i].queue_manager, false,
			builds[i].entity, builds[i].rights};
		error.sentence[0] = '\0';
		CHECK(builds[i].row,
			authority_new(&topic, 1, &record, 1, 1, &authority, &error) == builds[i].want);
		CHECK(builds[i].row, (authority != NULL) == (builds[i].want == ERR_OK));
		CHECK(builds[i].row, (error.sentence[0] != '\0') == (builds[i].want != ERR_OK));
		authority_unref(authority);
	}
	struct topic_object twice[] = {{"A", "a"}, {"A", "b"}};
	CHECK("an object twice", authority_new(twice, 2, NULL, 0, 1, &authority, &error) == ERR_EXISTS);
	struct authority_record again[] = {
		{"A", false, false, "u", RIGHT_PUB}, {"A", false, false, "u", RIGHT_SUB}};
	CHECK("a record twice", authority_new(twice, 1, again, 2, 1, &authority, &error) == ERR_EXISTS);
	struct authority_record connect[] = {
		{NULL, true, false, "u", RIGHT_CONNECT}, {NULL, true, false, "u", 0}};
	CHECK("a QMGR record twice",
		authority_new(twice, 1, connect, 2, 1, &authority, &error) == ERR_EXISTS);
	char deep[2 * AUTH_TOPIC_LEVELS_MAX + 2];
	for (size_t levels = AUTH_TOPIC_LEVELS_MAX; levels <= AUTH_TOPIC_LEVELS_MAX + 1; levels++) {
		memset(deep, 0, sizeof(deep));
		for (size_t i = 0; i < levels; i++) {
			deep[2 * i] = 'a';
			deep[2 * i + 1] = i + 1 < levels ? '/' : '\0';
		}
		struct topic_object topic = {"A", deep};
		CHECK("levels of a topic string",
			authority_new(&topic, 1, NULL, 0, 1, &authority, NULL) ==
				(levels > AUTH_TOPIC_LEVELS_MAX ? ERR_LIMIT : ERR_OK));
		authority_unref(authority);
	}
}

static void test_memory(void)
{
	struct authority *authority = NULL;
	for (unsigned long n = 1; authority == NULL && n < 1000; n++) {
		test_alloc_fail_at(n);
		enum err err = authority_new(
			topics, ARRAY_COUNT(topics), records, ARRAY_COUNT(records), 1, &authority, NULL);
		CHECK("Nth allocation", err == (test_alloc_failed() ? ERR_NOMEM : ERR_OK) ||
						(err == ERR_OK && authority != NULL));
	}
	test_alloc_fail_at(0);
	REQUIRE("Nth allocation", authority != NULL);
	authority_unref(authority);
}

/* In a small world: a filter is granted exactly if some grant's TOPICSTR/# covers it, as mqtt/ judges that. */
static void test_containment(void)
{
	static const char *const strings[] = {"", "a", "a/b", "b", "a/", "/a", "$s", "$s/a", "a/b/a"};
	static const char *const levels[] = {"a", "b", "", "+", "#", "$s"};
	for (size_t s = 0; s < ARRAY_COUNT(strings); s++) {
		struct topic_object topic = {"T", strings[s]};
		struct authority_record record = {"T", false, false, "u", PUB_SUB};
		struct authority_subject subject = {.user = "u"};
		struct authority *authority = NULL;
		char all[16];
		char text[16];
		(void)snprintf(all, sizeof(all), strings[s][0] == '\0' ? "%s#" : "%s/#", strings[s]);
		REQUIRE(strings[s], authority_new(&topic, 1, &record, 1, 1, &authority, NULL) == ERR_OK);
		for (size_t code = 0; code < 6 * 6 * 6 + 6 * 6 + 6; code++) {
			size_t length = code < 6 ? 1 : code < 42 ? 2 : 3;
			size_t rest = code < 6 ? code : code < 42 ? code - 6 : code - 42;
			const char *part[3] = {"", "", ""};
			for (size_t i = 0; i < length; i++, rest /= 6) {
				part[i] = levels[rest % 6];
			}
			(void)snprintf(text, sizeof(text), "%s%s%s%s%s", part[0], length > 1 ? "/" : "",
				part[1], length > 2 ? "/" : "", part[2]);
			struct bytes filter = bytes_text(text);
			if (!mqtt_topic_filter_valid(filter)) {
				continue;
			}
			bool covered = mqtt_filter_covers(bytes_text(all), filter);
			CHECK(text, authority_may_subscribe(authority, &subject, filter, NULL) == covered);
			if (mqtt_topic_name_valid(filter)) {
				CHECK(text,
					authority_may_publish(authority, &subject, filter, NULL) == covered);
			}
		}
		authority_unref(authority);
	}
}

int main(void)
{
	test_rows();
	test_profiles();
	test_builds();
	test_memory();
	test_containment();
	return test_result();
}
