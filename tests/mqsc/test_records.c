/*
 * Goal: SET and DISPLAY CHLAUTH, SET, DELETE and DISPLAY AUTHREC: every ACTION of mq-semantics 3.3 for both kinds of record,
 * MATCH (3.8), 9.1; records that mean the same are one; what could never be published is refused.
 */
#include <string.h>

#include "tests/mqsc/kit.h"

#define SYNTAX   "AMQ8405I: Syntax error detected at or near end of command segment below:-\n"
#define SET      "AMQ8877I: Lockgate channel authentication record set.\n"
#define NONE     "AMQ8884E: Channel authentication record not found.\n"
#define EXISTS   "AMQ8885E: Channel authentication record already exists; ACTION(REPLACE) overwrites it.\n"
#define RECORD   "AMQ8878I: Display channel authentication record details.\n"
#define GRANTED  "AMQ8862I: Lockgate authority record set.\n"
#define RIGHTS   "AMQ8864I: Display authority record details.\n"
#define NO_RIGHT "AMQ8147E: Lockgate authority record not found.\n"
/* A record's first line: profile and type. */
#define BLOCK_A   RECORD "   CHLAUTH(A)                              TYPE(BLOCKUSER)\n"
#define ADDRESS_A RECORD "   CHLAUTH(A)                              TYPE(ADDRESSMAP)\n"
#define USER_A    RECORD "   CHLAUTH(A)                              TYPE(USERMAP)\n"
#define PEER_A    RECORD "   CHLAUTH(A)                              TYPE(SSLPEERMAP)\n"
#define USERS     "SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('ann','bob') WARN(YES) DESCR(WHY)\n"
#define MAP       "SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER('ann') MCAUSER('x')\n"

static const struct kit_row actions[] = {
	{"3.3 ADD a mapping", NULL, MAP "DIS CHLAUTH(A) CLNTUSER USERSRC MCAUSER WARN",
		SET USER_A "   CLNTUSER(ann)                           USERSRC(MAP)\n"
			   "   MCAUSER(x)                              WARN(NO)\n",
		2, 0, 0},
	{"3.3 ADD a mapping that is there", MAP,
		"SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER('ann') USERSRC(NOACCESS) ACTION(ADD)\nDIS CHLAUTH(A) "
		"USERSRC",
		EXISTS USER_A "   USERSRC(MAP)\n", 2, 0, 1},
	{"3.3 REPLACE a mapping that is there", MAP,
		"SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER('ann') USERSRC(NOACCESS) ACTION(REPLACE)\nDIS "
		"CHLAUTH(A) "
		"USERSRC MCAUSER",
		SET USER_A "   USERSRC(NOACCESS)\n", 2, 0, 0},
	{"3.3 REPLACE a mapping that is not there", NULL,
		"SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER('ann') USERSRC(CHANNEL) ACTION(REPLACE)\nDIS "
		"CHLAUTH(A) USERSRC",
		SET USER_A "   USERSRC(CHANNEL)\n", 2, 0, 0},
	{"3.3 REMOVE a mapping", MAP,
		"SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER('ann') ACTION(REMOVE)\nDIS CHLAUTH(A)\nSET CHLAUTH(A) "
		"TYPE(USERMAP) CLNTUSER('ann') ACTION(REMOVE)",
		SET NONE NONE, 3, 0, 2},
	{"3.3 REMOVE another key", MAP,
		"SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER('ann') ADDRESS('192.0.2.1') ACTION(REMOVE)\nDIS "
		"CHLAUTH(A) MCAUSER",
		NONE USER_A "   MCAUSER(x)\n", 2, 0, 1},
	{"3.3 REMOVE takes no data", MAP,
		"SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER('ann') MCAUSER('x') ACTION(REMOVE)",
		SYNTAX
		"SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER('ann') MCAUSER\nt.mqsc:1:46: MCAUSER cannot go with "
		"ACTION(REMOVE)\n",
		1, 1, 0},
	{"3.3 REMOVEALL of one type under one profile",
		MAP "SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER('bob') USERSRC(NOACCESS)\n"
		    "SET CHLAUTH('A*') TYPE(USERMAP) CLNTUSER('bob') USERSRC(NOACCESS)\n"
		    "SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(CHANNEL)",
		"SET CHLAUTH(A) TYPE(USERMAP) ACTION(REMOVEALL)\nDIS CHLAUTH('A*') TYPE",
		SET ADDRESS_A RECORD "   CHLAUTH(A*)                             TYPE(USERMAP)\n", 2, 0, 0},
	{"3.3 REMOVEALL succeeds with nothing there", NULL, "SET CHLAUTH(A) TYPE(USERMAP) ACTION(REMOVEALL)",
		SET, 1, 0, 0},
	{"3.3 REMOVEALL takes nothing but TYPE", MAP,
		"SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER('ann') ACTION(REMOVEALL)\nDIS CHLAUTH(A) MCAUSER",
		SYNTAX "SET CHLAUTH(A) TYPE(USERMAP) CLNTUSER\nt.mqsc:1:30: CLNTUSER cannot go with "
		       "ACTION(REMOVEALL)\n" USER_A "   MCAUSER(x)\n",
		2, 1, 0},
	{"3.3 ADD to a list keeps WARN and DESCR", USERS,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('bob' 'eve')\nDIS CHLAUTH(A)  USERLIST WARN DESCR",
		SET BLOCK_A "   USERLIST(ann,bob,eve)                   WARN(YES)\n   DESCR(WHY)\n", 2, 0, 0},
	{"3.3 ADD to a list with data", USERS,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('eve') WARN(NO)\nDIS CHLAUTH(A)  USERLIST WARN "
		"DESCR",
		SET BLOCK_A "   USERLIST(ann,bob,eve)                   WARN(NO)\n   DESCR(WHY)\n", 2, 0, 0},
	{"3.3 REPLACE a list", USERS,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('eve') ACTION(REPLACE)\nDIS CHLAUTH(A)  USERLIST "
		"WARN DESCR",
		SET BLOCK_A "   USERLIST(eve)                           WARN(NO)\n", 2, 0, 0},
	{"3.3 REPLACE by an empty list is REMOVEALL", USERS,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) ACTION(REPLACE)\nDIS CHLAUTH(A)\nSET CHLAUTH(A) "
		"TYPE(BLOCKUSER) "
		"USERLIST(' ') ACTION(REPLACE)",
		SET NONE SET, 3, 0, 1},
	{"3.3 REMOVE from a list keeps the rest", USERS,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('ann') ACTION(REMOVE)\nDIS CHLAUTH(A) USERLIST WARN "
		"DESCR",
		SET BLOCK_A "   USERLIST(bob)                           WARN(YES)\n   DESCR(WHY)\n", 2, 0, 0},
	{"3.3 the record vanishes with its last entry", USERS,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('bob','ann','eve') ACTION(REMOVE)\nDIS CHLAUTH(A)",
		SET NONE, 2, 0, 1},
	{"3.3 REMOVE from a record that is not there", NULL,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('ann') ACTION(REMOVE)", NONE, 1, 0, 1},
	{"3.3 REMOVE needs entries", USERS, "SET CHLAUTH(A) TYPE(BLOCKUSER) ACTION(REMOVE)",
		SYNTAX "SET CHLAUTH(A\nt.mqsc:1:13: TYPE(BLOCKUSER) needs a list\n", 1, 1, 0},
	{"3.3 REMOVEALL drops a list", USERS,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) ACTION(REMOVEALL)\nDIS CHLAUTH(A)", SET NONE, 2, 0, 1},
	{"blanks at the end of a refused user do not let him in", NULL,
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('ann  ')\nDIS CHLAUTH(A) USERLIST",
		SET BLOCK_A "   USERLIST(ann)\n", 2, 0, 0},
	{"BLOCKADDR", NULL,
		"SET CHLAUTH('*') TYPE(BLOCKADDR) ADDRLIST('192.0.2.*','2001:db8:*')\nDIS CHLAUTH('*') "
		"TYPE(BLOCKADDR) "
		"ADDRLIST",
		SET RECORD "   CHLAUTH(*)                              TYPE(BLOCKADDR)\n"
			   "   ADDRLIST(192.0.2.*,2001:db8:*)\n",
		2, 0, 0},
	{"BLOCKADDR is for every channel", NULL, "SET CHLAUTH(A) TYPE(BLOCKADDR) ADDRLIST('192.0.2.1')",
		SYNTAX
		"SET CHLAUTH(A\nt.mqsc:1:13: BLOCKADDR is looked at before the channel is known: its profile "
		"must be '*'\n",
		1, 1, 0},
	{"no other ACTION", NULL, "SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('a') ACTION(MAP)",
		SYNTAX
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('a') ACTION(MAP\nt.mqsc:1:53: 'MAP' is no ACTION; "
		"expected ADD, REPLACE, REMOVE or REMOVEALL\n",
		1, 1, 0},
	{"TYPE is needed", NULL, "SET CHLAUTH(A) USERLIST('a')",
		SYNTAX "SET CHLAUTH(A) USERLIST('a')\nt.mqsc:1:29: TYPE is missing; expected "
		       "TYPE(BLOCKUSER), BLOCKADDR, "
		       "SSLPEERMAP, ADDRESSMAP or USERMAP\n",
		1, 1, 0},
	{"TYPE is not blank", NULL, "SET CHLAUTH(A) TYPE(' ') USERLIST('a')",
		SYNTAX "SET CHLAUTH(A) TYPE\nt.mqsc:1:16: TYPE cannot be blank\n", 1, 1, 0},
	{"a list of another type", NULL, "SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('a') ADDRLIST('192.0.2.1')",
		SYNTAX "SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('a') ADDRLIST('192.0.2.1'\nt.mqsc:1:55: "
		       "TYPE(BLOCKUSER) "
		       "takes no ADDRLIST\n",
		1, 1, 0},
	{"USERSRC does not go with a list", NULL, "SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('a') USERSRC(MAP)",
		SYNTAX
		"SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('a') USERSRC\nt.mqsc:1:46: USERSRC cannot go with "
		"TYPE(BLOCKUSER)\n",
		1, 1, 0},
	{"MAP needs MCAUSER", NULL, "SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('*')",
		SYNTAX "SET CHLAUTH(A\nt.mqsc:1:13: USERSRC(MAP) needs MCAUSER\n", 1, 1, 0},
	{"a wrong DN is pointed at", NULL,
		"SET CHLAUTH(A) TYPE(SSLPEERMAP) +\n SSLPEER('CN=a,B=c') USERSRC(NOACCESS)",
		SYNTAX "SET CHLAUTH(A) TYPE(SSLPEERMAP) SSLPEER('CN=a\nt.mqsc:2:10: SSLPEER: this is no "
		       "attribute that "
		       "a pattern may name (at character 6)\n",
		1, 1, 0},
	{"a wrong address is pointed at", NULL,
		"SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2') USERSRC(NOACCESS)",
		SYNTAX "SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2'\n"
		       "t.mqsc:1:41: ADDRESS: the address has too few parts; end it in * to mean all (at "
		       "character 8)\n",
		1, 1, 0},
	{"QMGRMAP", NULL, "SET CHLAUTH(A) TYPE(QMGRMAP) USERSRC(NOACCESS)",
		SYNTAX
		"SET CHLAUTH(A) TYPE(QMGRMAP\nt.mqsc:1:21: TYPE cannot be 'QMGRMAP'; expected BLOCKUSER, "
		"BLOCKADDR, SSLPEERMAP, ADDRESSMAP, USERMAP\n",
		1, 1, 0},
};

/* Spellings of one record. first is set; second, with ADD, must be taken for the same. */
static const struct {
	const char *name, *first, *second;
	bool same;
} spellings[] = {
	{"case of a value", "TYPE(SSLPEERMAP) SSLPEER('CN=Pump,O=Acme')",
		"TYPE(SSLPEERMAP) SSLPEER('CN=pump,O=ACME')", true},
	{"order of attributes", "TYPE(SSLPEERMAP) SSLPEER('CN=p,O=a')",
		"TYPE(SSLPEERMAP) SSLPEER('O=a, CN=p')", true},
	{"quotes and escapes", "TYPE(SSLPEERMAP) SSLPEER('CN=a b')",
		"TYPE(SSLPEERMAP) SSLPEER('CN=\"a\\ \\x62\"')", true},
	{"another name of an attribute", "TYPE(SSLPEERMAP) SSLPEER('ST=a')",
		"TYPE(SSLPEERMAP) SSLPEER('SP=a')", true},
	{"order of OU counts", "TYPE(SSLPEERMAP) SSLPEER('OU=a,OU=b')",
		"TYPE(SSLPEERMAP) SSLPEER('OU=b,OU=a')", false},
	{"same values elsewhere", "TYPE(SSLPEERMAP) SSLPEER('CN=a,O=b')",
		"TYPE(SSLPEERMAP) SSLPEER('CN=b,O=a')", false},
	{"another issuer", "TYPE(SSLPEERMAP) SSLPEER('CN=a') SSLCERTI('CN=x')",
		"TYPE(SSLPEERMAP) SSLPEER('CN=a') SSLCERTI('CN=y')", false},
	{"no issuer", "TYPE(SSLPEERMAP) SSLPEER('CN=a')", "TYPE(SSLPEERMAP) SSLPEER('CN=a') SSLCERTI('CN=y')",
		false},
	{"colons in a fingerprint",
		"TYPE(SSLPEERMAP) "
		"SSLFPRT('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff')",
		"TYPE(SSLPEERMAP) "
		"SSLFPRT('00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:"
		"BB:CC:DD:EE:FF'"
		")",
		true},
	{"forms of an IPv6 address", "TYPE(ADDRESSMAP) ADDRESS('2001:db8::1')",
		"TYPE(ADDRESSMAP) ADDRESS('2001:DB8:0:0:0:0:0:1')", true},
	{"IPv4 in IPv6", "TYPE(ADDRESSMAP) ADDRESS('192.0.2.1')",
		"TYPE(ADDRESSMAP) ADDRESS('::ffff:192.0.2.1')", true},
	{"case of a pattern", "TYPE(ADDRESSMAP) ADDRESS('2001:db8:*')",
		"TYPE(ADDRESSMAP) ADDRESS('2001:DB8:*')", true},
	{"other patterns", "TYPE(ADDRESSMAP) ADDRESS('192.0.2.*')", "TYPE(ADDRESSMAP) ADDRESS('192.0.3.*')",
		false},
	{"users keep their case", "TYPE(USERMAP) CLNTUSER('ann')", "TYPE(USERMAP) CLNTUSER('Ann')", false},
	{"types", "TYPE(USERMAP) CLNTUSER('ann')", "TYPE(ADDRESSMAP) ADDRESS('*')", false},
	{"ranges that hold one another", "TYPE(ADDRESSMAP) ADDRESS('192.0.2.1-9')",
		"TYPE(ADDRESSMAP) ADDRESS('192.0.2.2-8')", false},
};

static size_t set(struct kit *kit, const char *record, const char *more)
{
	struct buf text = BUF_INIT(2048);

	REQUIRE(record, buf_printf(&text, "SET CHLAUTH(A) %s %s", record, more) == ERR_OK);
	REQUIRE(record, kit_run_bytes(kit, buf_bytes(&text)));
	buf_release(&text);
	CHECK(record, kit->summary.syntax_errors == 0);
	return catalog_count(kit->catalog, OBJECT_CHLAUTH);
}

/* The catalog's records make rules: what the control plane does with them. */
static void check_publishable(const char *name, const struct catalog *catalog)
{
	static const char *spaces[64][MQSC_VALUES_MAX];
	struct chlauth_record records[64];
	struct chlauth_rules *rules = NULL;
	struct auth_error error = {0};
	size_t count = catalog_count(catalog, OBJECT_CHLAUTH);

	REQUIRE(name, count <= ARRAY_COUNT(records));
	for (size_t i = 0; i < count; i++) {
		object_to_chlauth(catalog_at(catalog, OBJECT_CHLAUTH, i), &records[i], spaces[i]);
	}
	CHECK(name, chlauth_rules_new(records, count, CHLAUTH_ENABLED, 1, &rules, &error) == ERR_OK);
	chlauth_rules_unref(rules);
}

static void test_spellings(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(spellings); i++) {
		const char *name = spellings[i].name;
		struct kit kit;

		kit_init(&kit);
		size_t one = set(&kit, spellings[i].first, "USERSRC(NOACCESS)");
		size_t two = set(&kit, spellings[i].second, "USERSRC(NOACCESS)");

		CHECK(name, two == (spellings[i].same ? one : one + 1));
		CHECK(name, (strcmp(kit_text(&kit), EXISTS) == 0) == spellings[i].same);
		check_publishable(name, kit.catalog);
		/* REPLACE overwrites, in either spelling; REMOVE then takes the one that is there. */
		CHECK(name, set(&kit, spellings[i].second, "MCAUSER('x') ACTION(REPLACE)") == two);
		CHECK(name, set(&kit, spellings[i].first, "MCAUSER('y') ACTION(REPLACE)") == two);
		check_publishable(name, kit.catalog);
		CHECK(name, set(&kit, spellings[i].second, "ACTION(REMOVE)") == two - 1);
		CHECK(name, set(&kit, spellings[i].first, "ACTION(REMOVE)") == one - 1);
		kit_end(&kit);
	}
}

/* MQ's reason 3343: ranges of one profile that overlap, neither holding the other, could never be published. */
static void test_crossing(void)
{
	struct kit kit;

	kit_init(&kit);
	REQUIRE("ranges",
		kit_run(&kit, "SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2.1-8') USERSRC(NOACCESS)\n"
			      "SET CHLAUTH(B) TYPE(ADDRESSMAP) ADDRESS('192.0.2.5-9') USERSRC(NOACCESS)\n"));
	CHECK("ranges of other profiles", mqsc_summary_exit_code(&kit.summary) == 0);
	REQUIRE("ranges",
		kit_run(&kit, "SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2.5-9') USERSRC(NOACCESS)"));
	CHECK("ranges cross", kit.summary.syntax_errors == 1 && strstr(kit_text(&kit), "overlap") != NULL);
	CHECK("ranges cross: place", strstr(kit_text(&kit), "t.mqsc:1:41: ") != NULL);
	REQUIRE("ranges",
		kit_run(&kit, "SET CHLAUTH(A) TYPE(ADDRESSMAP) ADDRESS('192.0.2.1-8') USERSRC(CHANNEL) "
			      "ACTION(REPLACE)"));
	CHECK("a range does not cross itself", mqsc_summary_exit_code(&kit.summary) == 0);
	check_publishable("ranges", kit.catalog);
	kit_end(&kit);
}

#define FIVE                                                                                                 \
	"SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') ACTION(REMOVE)\n"                                    \
	"SET CHLAUTH('*') TYPE(BLOCKUSER) ACTION(REMOVEALL)\n"                                               \
	"SET CHLAUTH('SYSTEM.*') TYPE(ADDRESSMAP) ACTION(REMOVEALL)\n"                                       \
	"SET CHLAUTH('A') TYPE(ADDRESSMAP) ADDRESS('192.0.2.1') MCAUSER('one')\n"                            \
	"SET CHLAUTH('A*') TYPE(ADDRESSMAP) ADDRESS('192.0.2.1') MCAUSER('two')\n"                           \
	"SET CHLAUTH('AB') TYPE(USERMAP) CLNTUSER('u') USERSRC(NOACCESS)\n"
#define P(name, pad, type) RECORD "   CHLAUTH(" name ")" pad "TYPE(" type ")\n"
#define P_A                P("A", "                              ", "ADDRESSMAP")
#define P_AX               P("A*", "                             ", "ADDRESSMAP")
#define P_AB               P("AB", "                             ", "USERMAP")

static const struct kit_row displays[] = {
	{"3.8 no asterisk is EXACT", FIVE, "DIS CHLAUTH(A) TYPE", P_A, 1, 0, 0},
	{"3.8 GENERIC", FIVE, "DIS CHLAUTH('A*') TYPE", P_A P_AX P_AB, 1, 0, 0},
	{"3.8 GENERIC, anywhere", FIVE, "DIS CHLAUTH('*B') TYPE MATCH(GENERIC)", P_AB, 1, 0, 0},
	{"3.8 EXACT", FIVE, "DIS CHLAUTH('A*') MATCH(EXACT) TYPE", P_AX, 1, 0, 0},
	{"3.8 ALL that applies to a name", FIVE, "DIS CHLAUTH(A) MATCH(ALL) TYPE", P_A P_AX, 1, 0, 0},
	{"3.8 TYPE", FIVE, "DIS CHLAUTH('*') TYPE(USERMAP) WARN", P_AB "   WARN(NO)\n", 1, 0, 0},
	{"3.8 TYPE(ALL)", FIVE, "DIS CHLAUTH('*') TYPE(ALL) CLNTUSER", P_A P_AX P_AB "   CLNTUSER(u)\n", 1, 0,
		0},
	{"3.8 no such TYPE", FIVE, "DIS CHLAUTH('*') TYPE(MAP)",
		SYNTAX
		"DIS CHLAUTH('*') TYPE(MAP\nt.mqsc:1:23: TYPE cannot be 'MAP'; expected ALL, BLOCKUSER, "
		"BLOCKADDR, SSLPEERMAP, ADDRESSMAP or USERMAP\n",
		1, 1, 0},
	{"3.8 no such MATCH", FIVE, "DIS CHLAUTH('*') MATCH(ANY)",
		SYNTAX "DIS CHLAUTH('*') MATCH(ANY\nt.mqsc:1:24: MATCH cannot be 'ANY'; expected GENERIC, "
		       "EXACT, ALL or "
		       "RUNCHECK\n",
		1, 1, 0},
	{"3.8 by address", FIVE, "DIS CHLAUTH('*') ADDRESS('192.0.2.1') MCAUSER WHERE(MCAUSER EQ 'two')",
		P_AX "   MCAUSER(two)\n", 1, 0, 0},
	{"data does not select", FIVE, "DIS CHLAUTH('*') MCAUSER('two')",
		SYNTAX "DIS CHLAUTH('*') MCAUSER('two'\nt.mqsc:1:26: MCAUSER only asks to be shown; "
		       "WHERE(MCAUSER EQ value) "
		       "selects by it\n",
		1, 1, 0},
	{"all of it", FIVE, "DIS CHLAUTH(AB)",
		P_AB "   CLNTUSER(u)                             USERSRC(NOACCESS)\n"
		     "   WARN(NO)                                ALTDATE(2026-11-18)\n   ALTTIME(20.53.20)\n",
		1, 0, 0},
	{"list items that hold commas", "SET CHLAUTH(A) TYPE(BLOCKUSER) USERLIST('a,b','c d','it''s',plain)",
		"DIS CHLAUTH(A) USERLIST WHERE(USERLIST CT 'a,b')\nDIS CHLAUTH(A) WHERE(USERLIST CT a)",
		BLOCK_A "   USERLIST('a,b','c d','it''s',PLAIN)\n" NONE, 2, 0, 1},
};

static const struct kit_row authority[] = {
	{"9.1 grant, add, take back", "DEFINE TOPIC(T)",
		"SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('ann') AUTHADD(PUB)\n"
		"SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('ann') AUTHADD(SUB)\n"
		"DIS AUTHREC AUTHLIST\n"
		"SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('ann') AUTHRMV(PUB)\n"
		"DIS AUTHREC PROFILE('T') AUTHLIST",
		GRANTED GRANTED RIGHTS
		"   PROFILE(T)                              OBJTYPE(TOPIC)\n"
		"   PRINCIPAL(ann)                          AUTHLIST(PUB,SUB)\n" GRANTED RIGHTS
		"   PROFILE(T)                              OBJTYPE(TOPIC)\n"
		"   PRINCIPAL(ann)                          AUTHLIST(SUB)\n",
		5, 0, 0},
	{"9.1 ALL and NONE", NULL,
		"SET AUTHREC PROFILE('A.**') OBJTYPE(TOPIC) PRINCIPAL('ann') AUTHADD(ALL)\n"
		"SET AUTHREC PROFILE('A.B') OBJTYPE(TOPIC) PRINCIPAL('ann') AUTHADD(NONE)\nDIS AUTHREC "
		"AUTHLIST",
		GRANTED GRANTED RIGHTS "   PROFILE(A.**)                           OBJTYPE(TOPIC)\n"
				       "   PRINCIPAL(ann)                          AUTHLIST(PUB,SUB)\n" RIGHTS
				       "   PROFILE(A.B)                            OBJTYPE(TOPIC)\n"
				       "   PRINCIPAL(ann)                          AUTHLIST(NONE)\n",
		3, 0, 0},
	{"9.1 the queue manager has no PROFILE", NULL,
		"SET AUTHREC OBJTYPE(QMGR) PROFILE(X) PRINCIPAL('a') AUTHADD(CONNECT)",
		SYNTAX "SET AUTHREC OBJTYPE(QMGR) PROFILE(X\nt.mqsc:1:35: OBJTYPE(QMGR) takes no PROFILE\n",
		1, 1, 0},
	{"9.1 a topic has one", NULL, "SET AUTHREC OBJTYPE(TOPIC) PRINCIPAL('a') AUTHADD(PUB)",
		SYNTAX
		"SET AUTHREC\nt.mqsc:1:5: PROFILE is missing: the name of a topic object, or a generic one\n",
		1, 1, 0},
	{"9.1 PRINCIPAL", NULL, "SET AUTHREC OBJTYPE(QMGR) AUTHADD(CONNECT)",
		SYNTAX "SET AUTHREC\nt.mqsc:1:5: PRINCIPAL is missing: the user that is meant\n", 1, 1, 0},
	{"groups are not there", NULL, "SET AUTHREC OBJTYPE(QMGR) GROUP('g') AUTHADD(CONNECT)",
		SYNTAX "SET AUTHREC OBJTYPE(QMGR) GROUP\nt.mqsc:1:27: 'GROUP' is no keyword of SET AUTHREC\n",
		1, 1, 0},
	{"9.1 OBJTYPE", NULL, "SET AUTHREC PROFILE(T) PRINCIPAL('a') AUTHADD(PUB)",
		SYNTAX
		"SET AUTHREC\nt.mqsc:1:5: OBJTYPE is missing; expected OBJTYPE(QMGR) or OBJTYPE(TOPIC)\n",
		1, 1, 0},
	{"rights of another type", NULL, "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') AUTHADD(PUB)",
		SYNTAX "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') AUTHADD(PUB\nt.mqsc:1:50: 'PUB' is no "
		       "authority on QMGR; "
		       "expected CONNECT, ALL or NONE\n",
		1, 1, 0},
	{"both ways at once", NULL,
		"SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('a') AUTHADD(PUB) AUTHRMV(ALL)",
		SYNTAX "SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('a') AUTHADD(PUB) "
		       "AUTHRMV\nt.mqsc:1:67: PUB is both "
		       "in AUTHADD and in AUTHRMV\n",
		1, 1, 0},
	{"neither", NULL, "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a')",
		SYNTAX
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a')\nt.mqsc:1:41: expected AUTHADD(…) or AUTHRMV(…)\n",
		1, 1, 0},
	{"a profile that could never be published", NULL,
		"SET AUTHREC PROFILE('A.**.B.**') OBJTYPE(TOPIC) PRINCIPAL('a') AUTHADD(PUB)",
		SYNTAX "SET AUTHREC PROFILE('A.**.B.**'\nt.mqsc:1:21: authority record 1: the profile is not "
		       "well formed "
		       "('**' stands once, as a whole part)\n",
		1, 1, 0},
	{"a user that could never be published", NULL,
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('*X') AUTHADD(CONNECT)",
		SYNTAX
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('*X'\nt.mqsc:1:37: authority record 1 names no entity\n",
		1, 1, 0},
	{"DELETE", "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') AUTHADD(CONNECT)",
		"DELETE AUTHREC OBJTYPE(QMGR) PRINCIPAL('a')\nDELETE AUTHREC OBJTYPE(QMGR) "
		"PRINCIPAL('a')\nDIS AUTHREC",
		"AMQ8863I: Lockgate authority record deleted.\n" NO_RIGHT NO_RIGHT, 3, 0, 2},
};

int main(void)
{
	kit_check_rows(actions, ARRAY_COUNT(actions));
	kit_check_rows(displays, ARRAY_COUNT(displays));
	kit_check_rows(authority, ARRAY_COUNT(authority));
	test_spellings();
	test_crossing();
	return test_result();
}
