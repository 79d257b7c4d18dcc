/*
 * Goal: DEFINE, ALTER, DELETE and DISPLAY of channels, topics and the queue manager do what MQ administrators expect
 * (mq-semantics 1.1, 1.2, 2.3, 2.4), and a command that is refused has changed nothing.
 */
#include <string.h>

#include "tests/mqsc/kit.h"

#define SYNTAX    "AMQ8405I: Syntax error detected at or near end of command segment below:-\n"
#define T_CREATED "AMQ8690I: Lockgate topic created.\n"
#define T_CHANGED "AMQ8691I: Lockgate topic changed.\n"
#define C_CREATED "AMQ8014I: Lockgate channel created.\n"
#define C_CHANGED "AMQ8016I: Lockgate channel changed.\n"
#define C_SHORT   "AMQ8414I: Display Channel details.\n"
#define T_SHORT   "AMQ8633I: Display topic details.\n"
/* A short record: name and type. */
#define CHANNEL_A C_SHORT "   CHANNEL(A)                              CHLTYPE(MQTT)\n"
#define CHANNEL_B C_SHORT "   CHANNEL(B)                              CHLTYPE(MQTT)\n"
#define AB                                                                                                   \
	"DEFINE CHANNEL(A) CHLTYPE(MQTT) PORT(1000) MCAUSER('ann')\n"                                        \
	"DEFINE CHANNEL(B) CHLTYPE(MQTT) PORT(2000) DESCR('second') PROTOCOL(MQTTV5)\n"

#define A_CREATED "AMQ8563I: Lockgate authentication information object created.\n"
#define A_SHORT   "AMQ8566I: Display authentication information details.\n"
#define A_OCSP    "DEFINE AUTHINFO(O) AUTHTYPE(OCSP) OCSPURL('http://ocsp.example/')"

/* mq-semantics 8.1, but for what DEFINE, ALTER and DELETE do alike for every class. */
static const struct kit_row authinfo_rows[] = {
	{"8.1 a responder", NULL, A_OCSP "\nDISPLAY AUTHINFO(*) OCSPURL",
		A_CREATED A_SHORT "   AUTHINFO(O)                             AUTHTYPE(OCSP)\n   "
				  "OCSPURL(http://ocsp.example/)\n",
		2, 0, 0},
	{"an address of lists", NULL, "DEFINE AUTHINFO(L) AUTHTYPE(CRLURL) CRLURL('http://h:8080/ca.crl')",
		A_CREATED, 1, 0, 0},
	{"again", A_OCSP, A_OCSP, "AMQ8150E: Lockgate authentication information O already exists.\n", 1, 0,
		1},
	{"another address", A_OCSP, "ALTER AUTHINFO(O) OCSPURL('http://other')",
		"AMQ8567I: Lockgate authentication information object changed.\n", 1, 0, 0},
	{"deleted", A_OCSP, "DELETE AUTHINFO(O)\nDISPLAY AUTHINFO(O)",
		"AMQ8564I: Lockgate authentication information object deleted.\n"
		"AMQ8147E: Lockgate authentication information O not found.\n",
		2, 0, 1},
	{"8.1 no LDAP", NULL, "DEFINE AUTHINFO(L) AUTHTYPE(CRLLDAP)",
		SYNTAX
		"DEFINE AUTHINFO(L) AUTHTYPE(CRLLDAP\nt.mqsc:1:29: lists are not fetched over LDAP; serve "
		"them over HTTP with AUTHTYPE(CRLURL), or as files with CRLFILE\n",
		1, 1, 0},
	{"8.1 no LDAP, as MQ writes it", NULL, "DEFINE AUTHINFO(L) AUTHTYPE(CRLLDAP) CONNAME('ldap(389)')",
		SYNTAX "DEFINE AUTHINFO(L) AUTHTYPE(CRLLDAP) CONNAME\nt.mqsc:1:38: 'CONNAME' is for "
		       "AUTHTYPE(CRLLDAP), "
		       "and lists are not fetched over LDAP; serve them over HTTP with AUTHTYPE(CRLURL), or "
		       "as files "
		       "with CRLFILE\n",
		1, 1, 0},
	{"8.1 no passwords", NULL, "DEFINE AUTHINFO(L) AUTHTYPE(IDPWOS)",
		SYNTAX "DEFINE AUTHINFO(L) AUTHTYPE(IDPWOS\nt.mqsc:1:29: passwords are judged by the login "
		       "configuration that JAASCFG names\n",
		1, 1, 0},
	{"without a type", NULL, "DEFINE AUTHINFO(L) OCSPURL('http://h')",
		SYNTAX "DEFINE AUTHINFO(L\nt.mqsc:1:17: AUTHTYPE is missing; expected AUTHTYPE(OCSP) or "
		       "AUTHTYPE(CRLURL)\n",
		1, 1, 0},
	{"without an address", NULL, "DEFINE AUTHINFO(L) AUTHTYPE(CRLURL)",
		SYNTAX
		"DEFINE AUTHINFO(L\nt.mqsc:1:17: AUTHTYPE(CRLURL) needs CRLURL, and takes no OCSPURL\n",
		1, 1, 0},
	{"with the other one's address", NULL,
		"DEFINE AUTHINFO(L) AUTHTYPE(OCSP) OCSPURL('http://h') CRLURL('http://h/x')",
		SYNTAX "DEFINE AUTHINFO(L) AUTHTYPE(OCSP) OCSPURL('http://h') CRLURL('http://h/x'\n"
		       "t.mqsc:1:62: AUTHTYPE(OCSP) needs OCSPURL, and takes no CRLURL\n",
		1, 1, 0},
	{"no names of a channel", NULL, "DEFINE AUTHINFO('a b') AUTHTYPE(OCSP) OCSPURL('http://h')",
		SYNTAX
		"DEFINE AUTHINFO('a\nt.mqsc:1:17: the name of an AUTHINFO object has 1 to 48 of A-Z a-z 0-9 "
		". / _ %\n",
		1, 1, 0},
};

static void test_addresses(void)
{
	static const struct {
		const char *url;
		bool good;
	} urls[] = {
		{"http://h", true},
		{"HTTP://h.example:81/a?b=c", true},
		{"http://[2001:db8::1]/x", true},
		{"https://h/x", true},
		{"http://?x", false},
		{"ldap://h/x", false},
		{"file:///etc/passwd", false},
		{"http://", false},
		{"http:///x", false},
		{"http://:80/x", false},
		{"http://u@h/x", false},
		{"http://h/#x", false},
		{"http://h/a b", false},
		{"http://h/\\x", false},
	};
	static const struct {
		const char *text;
		bool good;
	} targets[] = {
		{"192.0.2.1", true},
		{"192.0.2.0/24", true},
		{"[2001:db8::1]:80", true},
		{"crl.plant.example:8080", true},
		{"a_b", false},
		{"*", false},
		{"a b", false},
	};
	char script[300];
	struct kit kit;

	kit_init(&kit);
	for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
		(void)snprintf(script, sizeof(script),
			"DEFINE AUTHINFO(A) REPLACE AUTHTYPE(CRLURL) CRLURL('%s')", urls[i].url);
		REQUIRE(urls[i].url, kit_run(&kit, script));
		CHECK(urls[i].url, (mqsc_summary_exit_code(&kit.summary) == 0) == urls[i].good);
	}
	for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
		(void)snprintf(script, sizeof(script), "ALTER QMGR REVALLOW('x', '%s')", targets[i].text);
		REQUIRE(targets[i].text, kit_run(&kit, script));
		CHECK(targets[i].text, (mqsc_summary_exit_code(&kit.summary) == 0) == targets[i].good);
	}
	REQUIRE("16 sources", kit_run(&kit, "DEFINE CHANNEL(A) CHLTYPE(MQTT) REPLACE "
					    "REVINFO(A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P)"));
	CHECK("16 sources", mqsc_summary_exit_code(&kit.summary) == 0);
	REQUIRE("17 sources", kit_run(&kit, "DEFINE CHANNEL(A) CHLTYPE(MQTT) REPLACE "
					    "REVINFO(A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P,Q)"));
	CHECK("17 sources", mqsc_summary_exit_code(&kit.summary) != 0);
	REQUIRE("17 policies",
		kit_run(&kit, "DEFINE CHANNEL(A) CHLTYPE(MQTT) REPLACE CERTPOL(1.2.1,1.2.2,1.2.3,"
			      "1.2.4,1.2.5,1.2.6,1.2.7,1.2.8,1.2.9,1.2.10,1.2.11,1.2.12,1.2.13,"
			      "1.2.14,1.2.15,1.2.16,1.2.17)"));
	CHECK("17 policies", mqsc_summary_exit_code(&kit.summary) != 0);
	kit_end(&kit);
}

static const struct kit_row rows[] = {
	{"2.4 NOREPLACE is the default", "DEFINE TOPIC(T) DESCR(A)",
		"DEFINE TOPIC(T)\nDEFINE TOPIC(T) NOREPLACE\nDISPLAY TOPIC(T) DESCR",
		"AMQ8150E: Lockgate topic T already exists.\nAMQ8150E: Lockgate topic T already "
		"exists.\n" T_SHORT "   TOPIC(T)                                DESCR(A)\n",
		3, 0, 2},
	{"2.4 REPLACE: what is not named takes its default", "DEFINE TOPIC(T) DESCR(A) TOPICSTR('a')",
		"DEFINE TOPIC(T) REPLACE TOPICSTR('b')\nDISPLAY TOPIC(T) DESCR TOPICSTR",
		T_CREATED T_SHORT "   TOPIC(T)                                TOPICSTR(b)\n   DESCR( )\n", 2,
		0, 0},
	{"2.4 LIKE", "DEFINE TOPIC(T) DESCR(A) TOPICSTR('a')",
		"DEFINE TOPIC(U) LIKE(T) TOPICSTR('b')\nDISPLAY TOPIC(U) DESCR TOPICSTR",
		T_CREATED T_SHORT "   TOPIC(U)                                TOPICSTR(b)\n   DESCR(A)\n", 2,
		0, 0},
	{"2.4 REPLACE LIKE itself keeps", "DEFINE TOPIC(T) DESCR(A) TOPICSTR('a')",
		"DEFINE TOPIC(T) REPLACE LIKE(T) TOPICSTR('b')\nDISPLAY TOPIC(T) DESCR",
		T_CREATED T_SHORT "   TOPIC(T)                                DESCR(A)\n", 2, 0, 0},
	{"LIKE nobody", NULL, "DEFINE TOPIC(U) LIKE(NOPE)", "AMQ8147E: Lockgate topic NOPE not found.\n", 1,
		0, 1},
	{"syntax comes before existence", "DEFINE TOPIC(T)", "DEFINE TOPIC(T) DESCR(A B)",
		SYNTAX "DEFINE TOPIC(T) DESCR(A B\nt.mqsc:1:25: DESCR takes one value; expected ')'\n", 1, 1,
		0},
	{"ALTER keeps what is not named", "DEFINE TOPIC(T) DESCR(A) TOPICSTR('a')",
		"ALTER TOPIC(T) TOPICSTR('b')\nDISPLAY TOPIC(T) DESCR TOPICSTR",
		T_CHANGED T_SHORT "   TOPIC(T)                                TOPICSTR(b)\n   DESCR(A)\n", 2,
		0, 0},
	{"ALTER to blank", "DEFINE TOPIC(T) DESCR(A)", "ALTER TOPIC(T) DESCR(' ')\nDISPLAY TOPIC(T) DESCR",
		T_CHANGED T_SHORT "   TOPIC(T)                                DESCR( )\n", 2, 0, 0},
	{"ALTER nobody", NULL, "ALTER TOPIC(T) DESCR(A)", "AMQ8147E: Lockgate topic T not found.\n", 1, 0, 1},
	{"ALTER takes no REPLACE", "DEFINE TOPIC(T)", "ALTER TOPIC(T) REPLACE",
		SYNTAX "ALTER TOPIC(T) REPLACE\nt.mqsc:1:16: 'REPLACE' is no keyword of ALTER TOPIC\n", 1, 1,
		0},
	{"DELETE", "DEFINE TOPIC(T)", "DELETE TOPIC(T)\nDELETE TOPIC(T)",
		"AMQ8692I: Lockgate topic deleted.\nAMQ8147E: Lockgate topic T not found.\n", 2, 0, 1},
	{"DELETE takes no attribute", "DEFINE TOPIC(T)", "DELETE TOPIC(T) DESCR(A)",
		SYNTAX "DELETE TOPIC(T) DESCR\nt.mqsc:1:17: 'DESCR' is no keyword of DELETE TOPIC\n", 1, 1,
		0},
	{"names keep their case between apostrophes", "DEFINE TOPIC(t)", "DISPLAY TOPIC('t')",
		"AMQ8147E: Lockgate topic t not found.\n", 1, 0, 1},
	{"topic names", NULL, "DEFINE TOPIC('a b')",
		SYNTAX
		"DEFINE TOPIC('a\nt.mqsc:1:14: a topic object's name has 1 to 48 of A-Z a-z 0-9 . / _ %\n",
		1, 1, 0},
	{"topic string", NULL, "DEFINE TOPIC(T) TOPICSTR('a/+')",
		SYNTAX "DEFINE TOPIC(T) TOPICSTR('a/+'\nt.mqsc:1:26: TOPICSTR: TOPICSTR of T: ${clientid}, "
		       "${user} and "
		       "${cn} each stand as a whole level; no wildcards (at character 3)\n",
		1, 1, 0},
	{"1.1 CHLTYPE is needed", NULL, "DEFINE CHANNEL(A)",
		SYNTAX "DEFINE CHANNEL(A)\nt.mqsc:1:18: CHLTYPE is missing; expected CHLTYPE(MQTT)\n", 1, 1,
		0},
	{"1.1 no other type", NULL, "DEFINE CHANNEL(A) CHLTYPE(SVRCONN)",
		SYNTAX "DEFINE CHANNEL(A) CHLTYPE(SVRCONN\nt.mqsc:1:27: CHLTYPE cannot be 'SVRCONN'; "
		       "expected MQTT\n",
		1, 1, 0},
	{"1.1 a name of 20 characters", NULL, "DEFINE CHANNEL(A2345678901234567890) CHLTYPE(MQTT)", C_CREATED,
		1, 0, 0},
	{"1.1 a name of 21 characters", NULL, "DEFINE CHANNEL(A23456789012345678901) CHLTYPE(MQTT)",
		SYNTAX "DEFINE CHANNEL(A23456789012345678901\nt.mqsc:1:16: a channel name has 1 to 20 of A-Z "
		       "a-z 0-9 . "
		       "/ _ %\n",
		1, 1, 0},
	{"1.1 USECLTID(YES) and MCAUSER", AB, "ALTER CHANNEL(A) USECLTID(YES)\nDISPLAY CHANNEL(A) USECLTID",
		SYNTAX "ALTER CHANNEL(A) USECLTID(YES\nt.mqsc:1:27: USECLTID(YES) and MCAUSER contradict "
		       "each other; "
		       "the client identifier would always win\n" C_SHORT
		       "   CHANNEL(A)                              CHLTYPE(MQTT)\n   USECLTID(NO)\n",
		2, 1, 0},
	{"a reserved MCAUSER could never be published", AB, "ALTER CHANNEL(A) MCAUSER('*NOACCESS')",
		SYNTAX
		"ALTER CHANNEL(A) MCAUSER('*NOACCESS'\nt.mqsc:1:26: channel A: MCAUSER is no user name\n",
		1, 1, 0},
	{"SSLPEER", AB, "ALTER CHANNEL(A) SSLPEER('CN=x, FOO=1')",
		SYNTAX "ALTER CHANNEL(A) SSLPEER('CN=x\nt.mqsc:1:26: SSLPEER: this is no attribute that a "
		       "pattern may "
		       "name (at character 7)\n",
		1, 1, 0},
	{"LOCLADDR", AB, "ALTER CHANNEL(A) LOCLADDR('localhost')",
		SYNTAX
		"ALTER CHANNEL(A) LOCLADDR('localhost'\nt.mqsc:1:27: LOCLADDR is one IPv4 or IPv6 address\n",
		1, 1, 0},
	{"CERTPOL", AB, "ALTER CHANNEL(A) CERTPOL('1.2.3', 2.999.1)\nDISPLAY CHANNEL(A) CERTPOL",
		C_CHANGED C_SHORT
		"   CHANNEL(A)                              CHLTYPE(MQTT)\n   CERTPOL(1.2.3,2.999.1)\n",
		2, 0, 0},
	{"CERTPOL holds object identifiers", AB, "ALTER CHANNEL(A) CERTPOL('gold')",
		SYNTAX
		"ALTER CHANNEL(A) CERTPOL('gold'\nt.mqsc:1:26: CERTPOL holds object identifiers such as "
		"1.3.6.1.4.1.99999.1.2\n",
		1, 1, 0},
	{"INSECGATE needs its option", AB, "ALTER CHANNEL(A) INSECGATE(CRL)",
		SYNTAX "ALTER CHANNEL(A) INSECGATE(CRL\nt.mqsc:1:28: INSECGATE opens a gate; it is accepted "
		       "only under "
		       "lockgate run --insecure-test-gates\n",
		1, 1, 0},
	{"CERTLABL is a list", AB,
		"ALTER CHANNEL(A) CERTLABL('one','two','one')\nDISPLAY CHANNEL(A) CERTLABL",
		C_CHANGED C_SHORT
		"   CHANNEL(A)                              CHLTYPE(MQTT)\n   CERTLABL(one,two)\n",
		2, 0, 0},
	{"CERTLABL of one, as ever", AB, "ALTER CHANNEL(A) CERTLABL('one')\nDISPLAY CHANNEL(A) CERTLABL",
		C_CHANGED C_SHORT
		"   CHANNEL(A)                              CHLTYPE(MQTT)\n   CERTLABL(one)\n",
		2, 0, 0},
	{"CERTLABL blank again", AB "ALTER CHANNEL(A) CERTLABL('one','two')\n",
		"ALTER CHANNEL(A) CERTLABL(' ')\nDISPLAY CHANNEL(A) CERTLABL",
		C_CHANGED C_SHORT
		"   CHANNEL(A)                              CHLTYPE(MQTT)\n   CERTLABL( )\n",
		2, 0, 0},
	{"a blank among others", AB, "ALTER CHANNEL(A) CERTLABL('one',' ')",
		SYNTAX "ALTER CHANNEL(A) CERTLABL('one'\nt.mqsc:1:27: an alias in CERTLABL is blank\n", 1, 1,
		0},
	{"MQSC_CERT_LABELS_MAX", AB,
		"ALTER CHANNEL(A) "
		"CERTLABL('k0','k1','k2','k3','k4','k5','k6','k7','k8','k9','k10','k11','k12','k13','k14','"
		"k15')",
		C_CHANGED, 1, 0, 0},
	{"and one more", AB,
		"ALTER CHANNEL(A) "
		"CERTLABL('k0','k1','k2','k3','k4','k5','k6','k7','k8','k9','k10','k11','k12','k13','k14','"
		"k15','k16')",
		SYNTAX "ALTER CHANNEL(A) CERTLABL('k0'\nt.mqsc:1:27: CERTLABL names at most 16 keys\n", 1, 1,
		0},
	{"STAPLE", AB, "ALTER CHANNEL(A) STAPLE(YES)\nDISPLAY CHANNEL(A) STAPLE",
		C_CHANGED C_SHORT
		"   CHANNEL(A)                              CHLTYPE(MQTT)\n   STAPLE(YES)\n",
		2, 0, 0},
	{"SSLKEYP by source", AB, "ALTER CHANNEL(A) SSLKEYP('file:/x')\nDISPLAY CHANNEL(A) SSLKEYP",
		C_CHANGED C_SHORT
		"   CHANNEL(A)                              CHLTYPE(MQTT)\n   SSLKEYP(file:/x)\n",
		2, 0, 0},
	{"2.3 generic name: name and type", AB, "DISPLAY CHANNEL(*)\nDIS CHL(A*)\nDIS CHL(B)CHLTYPE(MQTT)",
		CHANNEL_A CHANNEL_B CHANNEL_A SYNTAX
		"DIS CHL(B)CHLTYPE\nt.mqsc:3:11: expected a blank before this keyword\n",
		3, 1, 0},
	{"2.3 a generic name that matches nothing", AB, "DISPLAY CHANNEL(ZZ*)",
		"AMQ8147E: Lockgate channel ZZ* not found.\n", 1, 0, 1},
	{"2.3 CHLTYPE selects nothing else", AB, "DISPLAY CHANNEL(A) CHLTYPE(SDR)",
		SYNTAX "DISPLAY CHANNEL(A) CHLTYPE(SDR\nt.mqsc:1:28: expected CHLTYPE(MQTT)\n", 1, 1, 0},
	{"2.3 a value does not select", AB, "DISPLAY CHANNEL(*) PORT(1000)",
		SYNTAX
		"DISPLAY CHANNEL(*) PORT(1000\nt.mqsc:1:25: PORT only asks to be shown; WHERE(PORT EQ value) "
		"selects by it\n",
		1, 1, 0},
	{"2.3 the attribute of WHERE is shown", AB, "DISPLAY CHANNEL(*) WHERE(PORT GT 1500)",
		C_SHORT "   CHANNEL(B)                              CHLTYPE(MQTT)\n   PORT(2000)\n", 1, 0, 0},
	{"WHERE EQ", AB, "DISPLAY CHANNEL(*) WHERE(PORT EQ 1000)",
		C_SHORT "   CHANNEL(A)                              CHLTYPE(MQTT)\n   PORT(1000)\n", 1, 0, 0},
	{"WHERE NE", AB, "DISPLAY CHANNEL(*) WHERE(PORT NE 1000)",
		C_SHORT "   CHANNEL(B)                              CHLTYPE(MQTT)\n   PORT(2000)\n", 1, 0, 0},
	{"WHERE LT", AB, "DISPLAY CHANNEL(*) WHERE(PORT LT 1000)",
		"AMQ8147E: Lockgate channel * not found.\n", 1, 0, 1},
	{"WHERE LE", AB, "DISPLAY CHANNEL(*) WHERE(PORT LE 1000)",
		C_SHORT "   CHANNEL(A)                              CHLTYPE(MQTT)\n   PORT(1000)\n", 1, 0, 0},
	{"WHERE GE", AB, "DISPLAY CHANNEL(*) WHERE(PORT GE 2000)",
		C_SHORT "   CHANNEL(B)                              CHLTYPE(MQTT)\n   PORT(2000)\n", 1, 0, 0},
	{"WHERE LK", AB, "DISPLAY CHANNEL(*) WHERE(DESCR LK 'sec*')",
		C_SHORT "   CHANNEL(B)                              CHLTYPE(MQTT)\n   DESCR(second)\n", 1, 0,
		0},
	{"WHERE NL", AB, "DISPLAY CHANNEL(*) WHERE(DESCR NL 'sec*')",
		C_SHORT "   CHANNEL(A)                              CHLTYPE(MQTT)\n   DESCR( )\n", 1, 0, 0},
	{"WHERE of a blank", AB, "DISPLAY CHANNEL(*) WHERE(MCAUSER EQ ' ')",
		C_SHORT "   CHANNEL(B)                              CHLTYPE(MQTT)\n   MCAUSER( )\n", 1, 0, 0},
	{"WHERE CT", AB, "DISPLAY CHANNEL(*) WHERE(PROTOCOL CT MQTTV311)",
		C_SHORT
		"   CHANNEL(A)                              CHLTYPE(MQTT)\n   PROTOCOL(MQTTV311,MQTTV5)\n",
		1, 0, 0},
	{"WHERE EX", AB, "DISPLAY CHANNEL(*) WHERE(PROTOCOL EX MQTTV311)",
		C_SHORT "   CHANNEL(B)                              CHLTYPE(MQTT)\n   PROTOCOL(MQTTV5)\n", 1,
		0, 0},
	{"WHERE CTG", AB, "DISPLAY CHANNEL(*) WHERE(PROTOCOL CTG MQTTV3*)",
		C_SHORT
		"   CHANNEL(A)                              CHLTYPE(MQTT)\n   PROTOCOL(MQTTV311,MQTTV5)\n",
		1, 0, 0},
	{"WHERE EXG", AB, "DISPLAY CHANNEL(*) WHERE(PROTOCOL EXG MQTTV3*)",
		C_SHORT "   CHANNEL(B)                              CHLTYPE(MQTT)\n   PROTOCOL(MQTTV5)\n", 1,
		0, 0},
	{"WHERE with another operator", AB, "DISPLAY CHANNEL(*) WHERE(PORT IS 1)",
		SYNTAX "DISPLAY CHANNEL(*) WHERE(PORT IS\nt.mqsc:1:31: 'IS' is no operator; expected EQ NE "
		       "LT GT LE GE "
		       "LK NL CT EX CTG EXG\n",
		1, 1, 0},
	{"WHERE with an operator of another kind", AB, "DISPLAY CHANNEL(*) WHERE(PORT LK 1)",
		SYNTAX "DISPLAY CHANNEL(*) WHERE(PORT LK\nt.mqsc:1:31: 'LK' does not go with a number; "
		       "expected EQ NE "
		       "LT GT LE GE\n",
		1, 1, 0},
	{"WHERE of a list", AB, "DISPLAY CHANNEL(*) WHERE(PROTOCOL EQ MQTTV5)",
		SYNTAX "DISPLAY CHANNEL(*) WHERE(PROTOCOL EQ\nt.mqsc:1:35: 'EQ' does not go with a list; "
		       "expected CT EX "
		       "CTG EXG\n",
		1, 1, 0},
	{"WHERE of no number", AB, "DISPLAY CHANNEL(*) WHERE(PORT GT A)",
		SYNTAX "DISPLAY CHANNEL(*) WHERE(PORT GT A\nt.mqsc:1:34: 'A' is no number\n", 1, 1, 0},
	{"WHERE of no keyword", AB, "DISPLAY CHANNEL(*) WHERE(PROT GT 1)",
		SYNTAX
		"DISPLAY CHANNEL(*) WHERE(PROT\nt.mqsc:1:26: 'PROT' is nothing that WHERE can ask about\n",
		1, 1, 0},
	{"2.3 exactly one condition", AB, "DISPLAY CHANNEL(*) WHERE(PORT GT 1 PORT LT 9)",
		SYNTAX "DISPLAY CHANNEL(*) WHERE\nt.mqsc:1:20: expected WHERE(KEYWORD operator value)\n", 1,
		1, 0},
	{"a value cannot be taken for two", "DEFINE TOPIC(T) DESCR('x) TOPICSTR(root')",
		"DISPLAY TOPIC(T) DESCR",
		T_SHORT "   TOPIC(T)                                DESCR('x) TOPICSTR(root')\n", 1, 0, 0},
	{"a long value has its own line",
		"DEFINE TOPIC(T) TOPICSTR('a23456789/b23456789/c23456789/d') DESCR(X)",
		"DISPLAY TOPIC(T) TOPICSTR DESCR",
		T_SHORT "   TOPIC(T)\n   TOPICSTR(a23456789/b23456789/c23456789/d)\n   DESCR(X)\n", 1, 0, 0},
	{"the queue manager", NULL, "ALTER QMGR DESCR('lock') CHLAUTH(WARN)\nDISPLAY QMGR CHLAUTH",
		"AMQ8005I: Lockgate queue manager changed.\nAMQ8408I: Display Queue Manager details.\n"
		"   QMNAME( )                               CHLAUTH(WARN)\n",
		2, 0, 0},
	{"each word once", NULL,
		"DEFINE CHANNEL(A) CHLTYPE(MQTT) PROTOCOL(MQTTV5,MQTTV5)\nDIS CHL(A) PROTOCOL",
		C_CREATED C_SHORT
		"   CHANNEL(A)                              CHLTYPE(MQTT)\n   PROTOCOL(MQTTV5)\n",
		2, 0, 0},
};

static const char altered[] = "DEFINE TOPIC(T)\nDISPLAY TOPIC(T) ALTDATE ALTTIME";

/* ALTDATE and ALTTIME are the clock's. */
static void test_altered(void)
{
	struct kit kit;

	kit_init(&kit);
	REQUIRE("altered", kit_run(&kit, altered));
	CHECK("ALTDATE, ALTTIME", strcmp(kit_text(&kit), T_CREATED T_SHORT
					  "   TOPIC(T)                                ALTDATE(2026-11-18)\n"
					  "   ALTTIME(20.53.20)\n") == 0);
	kit_end(&kit);
}

/* What the running broker forbids is not done, and its reason is the answer. */
static void test_host_refuses(void)
{
	static const char *const scripts[] = {"DEFINE TOPIC(U)", "ALTER TOPIC(T) DESCR(B)", "DELETE TOPIC(T)",
		"SET CHLAUTH('*') TYPE(USERMAP) CLNTUSER('a') MCAUSER('b')",
		"SET CHLAUTH('*') TYPE(BLOCKUSER) USERLIST('a')",
		"SET CHLAUTH('*') TYPE(BLOCKUSER) USERLIST('*MQADMIN') ACTION(REMOVE)",
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') AUTHADD(CONNECT)"};
	struct buf before = BUF_INIT(1u << 20);
	struct buf after = BUF_INIT(1u << 20);
	struct kit kit;

	kit_init(&kit);
	REQUIRE("refuses", kit_run(&kit, "DEFINE TOPIC(T) DESCR(A)"));
	kit_print_catalog(kit.catalog, &before);
	kit.refuse_changes = true;
	kit.changes = 0;
	for (size_t i = 0; i < ARRAY_COUNT(scripts); i++) {
		REQUIRE(scripts[i], kit_run(&kit, scripts[i]));
		CHECK(scripts[i], strcmp(kit_text(&kit), "AMQ9514E: The host says no.\n") == 0);
		CHECK(scripts[i], kit.summary.failed == 1 && kit.changes == 0);
	}
	kit_print_catalog(kit.catalog, &after);
	CHECK("nothing has changed", bytes_equal(buf_bytes(&before), buf_bytes(&after)));
	buf_release(&before);
	buf_release(&after);
	kit_end(&kit);
}

/* 2.5 -v: only the syntax is looked at, and what the script would have made is not missed. */
static void test_verify(void)
{
	static const char script[] =
		"DEFINE TOPIC(T)\nDEFINE TOPIC(T)\nALTER TOPIC(T) DESCR(A)\nDELETE TOPIC(U)\n"
		"DEFINE TOPIC(V) LIKE(W)\nDISPLAY TOPIC(X)\nSTART CHANNEL(Y)\n"
		"SET CHLAUTH('*') TYPE(BLOCKUSER) ACTION(REMOVEALL)\n"
		"SET CHLAUTH('*') TYPE(USERMAP) CLNTUSER('a') ACTION(REMOVE)\n"
		"SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') AUTHADD(CONNECT)\n"
		"DELETE AUTHREC OBJTYPE(QMGR) PRINCIPAL('a')\nDISPLAY AUTHREC\n"
		"DISPLAY CHLAUTH(NOPE)\nDISPLAY CHSTATUS(*)\nREFRESH SECURITY TYPE(SSL)\n"
		"DISPLAY CHLAUTH(NOPE) MATCH(RUNCHECK) ADDRESS('192.0.2.1')\nDISPLAY QMGR\n";
	struct buf before = BUF_INIT(1u << 20);
	struct buf after = BUF_INIT(1u << 20);
	struct kit kit;

	kit_init(&kit);
	kit.options.verify_only = true;
	kit_print_catalog(kit.catalog, &before);
	REQUIRE("verify", kit_run(&kit, script));
	CHECK("verify: says nothing of what is good", strcmp(kit_text(&kit), "") == 0);
	CHECK("verify: counts", kit.summary.read == 17 && mqsc_summary_exit_code(&kit.summary) == 0);
	REQUIRE("verify", kit_run(&kit, "DEFINE TOPIC(T) DSCR(A)\nSET AUTHREC OBJTYPE(QMGR) PRINCIPAL('a') "
					"AUTHADD(PUB)\nDELETE CHANNEL(A) CHLTYPE(SDR)\nSET CHLAUTH('a b') "
					"TYPE(BLOCKUSER) USERLIST('x')"));
	CHECK("verify: syntax errors", kit.summary.syntax_errors == 4 && kit.summary.failed == 0);
	kit_print_catalog(kit.catalog, &after);
	CHECK("verify: nothing is done",
		bytes_equal(buf_bytes(&before), buf_bytes(&after)) && kit.changes == 0);
	CHECK("verify: nobody is asked", kit.last_request[0] == '\0');
	buf_release(&before);
	buf_release(&after);
	kit_end(&kit);
}

/* Start-up files: the first failure ends the script. */
static void test_stop_at_error(void)
{
	static const char *const first[] = {
		"RUBBISH", "ALTER TOPIC(NOPE)", "START CHANNEL(NOPE)", "DISPLAY CHSTATUS(*)"};

	for (size_t i = 0; i < ARRAY_COUNT(first); i++) {
		struct buf text = BUF_INIT(1024);
		struct kit kit;

		kit_init(&kit);
		kit.options.stop_at_error = true;
		REQUIRE(first[i], buf_printf(&text, "%s\nDEFINE TOPIC(T)", first[i]) == ERR_OK);
		REQUIRE(first[i], kit_run_bytes(&kit, buf_bytes(&text)));
		CHECK(first[i], kit.over && kit.summary.read == 1);
		CHECK(first[i], catalog_find(kit.catalog, OBJECT_TOPIC, "T") == NULL);
		buf_release(&text);
		kit_end(&kit);
	}
}

/* There are never more channels than a policy can hold. */
static void test_limit(void)
{
	struct kit kit;

	kit_init(&kit);
	for (unsigned i = 0; i <= AUTH_CHANNELS_MAX; i++) {
		char script[64];

		(void)snprintf(script, sizeof(script), "DEFINE CHANNEL(C%u) CHLTYPE(MQTT)", i);
		REQUIRE("limit", kit_run(&kit, script));
		CHECK("limit: at max and max + 1", (kit.summary.failed == 0) == (i < AUTH_CHANNELS_MAX));
	}
	CHECK("limit: said", strstr(kit_text(&kit), "as many objects of class CHANNEL") != NULL);
	CHECK("limit: kept", catalog_count(kit.catalog, OBJECT_CHANNEL) == AUTH_CHANNELS_MAX);
	REQUIRE("limit", kit_run(&kit, "ALTER CHANNEL(C0) PORT(1)"));
	CHECK("limit: a change still fits", kit.summary.failed == 0);
	kit_end(&kit);
}

int main(void)
{
	kit_check_rows(rows, ARRAY_COUNT(rows));
	kit_check_rows(authinfo_rows, ARRAY_COUNT(authinfo_rows));
	test_addresses();
	test_altered();
	test_host_refuses();
	test_verify();
	test_stop_at_error();
	test_limit();
	return test_result();
}
