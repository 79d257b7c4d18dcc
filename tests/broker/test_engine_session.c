/*
 * test_engine_session.c - goal: sessions begin, last, are taken over and end as the clauses say, and nobody else's.
 */
#include "tests/broker/engine_rows.h"

static const struct engine_row rows[] = {
	{"MQTT-3.1.4-4 MQTT-3.1.4-5 a valid CONNECT is answered", "a connect clean\na sees CONNACK 00"},
	{"MQTT-3.1.2-6 MQTT-3.2.2-3 no stored session: a new one", "a connect exp=60\na sees CONNACK 00"},
	{"MQTT-3.1.2-5 MQTT-3.2.2-3 a stored session is resumed",
		"a connect exp=60\na sees CONNACK 00\na lose\na connect exp=60\na sees CONNACK 00 present"},
	{"MQTT-3.1.2-4 MQTT-3.2.2-2 Clean Start drops what was there",
		"a connect exp=60\na sub 1 t q1\na lose\na connect clean exp=60\na sees CONNACK 00; SUBACK "
		"#1 01; CONNACK 00\n"
		"b connect\nb pub t x q1 #1\nb sees CONNACK 00; PUBACK #1\na sees"},
	{"MQTT-3.1.3-2 a session is found by its client id, and no other",
		"a connect exp=60\na sub 1 t q1\nb connect exp=60\na lose\nb lose\nc connect\nc pub t x q1 "
		"#1\nb connect exp=60\na connect exp=60\n"
		"a sees CONNACK 00; SUBACK #1 01; CONNACK 00 present; PUB t=x q1 #2\nb sees CONNACK 00; "
		"CONNACK 00 present"},
	{"MQTT-4.1.0-2 session expiry 0 ends with the connection",
		"a connect exp=0\na sub 1 t\na lose\na connect\na sees CONNACK 00; SUBACK #1 00; CONNACK 00"},
	{"MQTT-4.1.0-2 MQTT-3.1.2-23 the interval runs out, not before",
		"a connect exp=10\na lose\ntime 9900\na connect exp=10\na sees CONNACK 00; CONNACK 00 "
		"present\n"
		"a lose\ntime 11000\na connect exp=10\na sees CONNACK 00"},
	{"MQTT-4.1.0-1 not discarded while it is connected",
		"a connect exp=1\na sees CONNACK 00\ntime 60000\na ping\na sees PINGRESP"},
	{"3.1.1 MQTT-3.1.2-4 CleanSession 0 lasts",
		"a connect v4\na lose\ntime 90000000\na connect v4\na sees CONNACK 00; CONNACK 00 present"},
	{"3.1.1 MQTT-3.1.2-6 CleanSession 1 does not",
		"a connect v4 clean\na lose\na connect v4\na sees CONNACK 00; CONNACK 00"},
	{"3.14.2.2.2 DISCONNECT changes the expiry",
		"a connect exp=60\na disc exp=5\na sees CONNACK 00; CLOSE x00\n"
		"time 6000\na connect exp=60\na sees CONNACK 00"},
	{"3.14.2.2.2 but not from 0", "a connect exp=0\na disc exp=5\na sees CONNACK 00; CLOSE x82 told"},
	{"3.14.2.2.2 to 0 ends it",
		"a connect exp=60\na disc exp=0\na connect exp=60\na sees CONNACK 00; CLOSE x00; CONNACK 00"},

	{"MQTT-3.1.4-3 the older connection is told and closed",
		"a connect clean\na sees CONNACK 00\na connect clean\na sees CLOSE x8e told; CONNACK 00\na "
		"ping\na sees PINGRESP"},
	{"3.1.1 MQTT-3.1.4-2 without a word in 3.1.1",
		"a connect v4 clean\na sees CONNACK 00\na connect v4 clean\na sees CLOSE x8e; CONNACK 00"},
	{"takeover keeps a lasting session",
		"a connect exp=60\na sub 1 t q1\na connect exp=60\nb connect\nb pub t x q1 #1\n"
		"a sees CONNACK 00; SUBACK #1 01; CLOSE x8e told; CONNACK 00 present; PUB t=x q1 #2"},
	{"another owner is refused and the live session notices nothing",
		"a connect exp=60 user=alice\na sees CONNACK 00\na connect exp=60 user=mallory\na sees "
		"REFUSED x85"},
	{"another owner is refused a detached session, also with Clean Start",
		"a connect exp=60 user=alice\na lose\na sees CONNACK 00\na connect clean user=mallory\na "
		"sees REFUSED x85\n"
		"a connect exp=60 user=alice\na sees CONNACK 00 present"},
	{"another owner is refused by the store where the hub knows nothing yet",
		"a connect exp=60 user=alice\na lose\na sees CONNACK 00\nrestart\na connect clean exp=60 "
		"user=mallory\n"
		"a sees CONNACK 85\na connect exp=60 user=alice\na sees CONNACK 00 present"},
	{"a session that ended has no owner",
		"a connect user=alice\na lose\na connect user=bob\na sees CONNACK 00; CONNACK 00"},

	{"MQTT-3.2.0-1 CONNECT waits for the claim: nothing before CONNACK",
		"store hold\na connect exp=60\na sees\nstore release\na sees CONNACK 00"},
	{"a client that vanishes while its claim is out",
		"store hold\na connect exp=60 will=w=gone\na cancel\nstore release\na sees\nb connect\nb sub "
		"1 w\n"
		"a connect exp=60\na sees CONNACK 00 present\nb sees CONNACK 00; SUBACK #1 00"},
	{"a client that vanishes while it takes over: the old connection is closed all the same",
		"b connect exp=60\nb sees CONNACK 00\nstore hold\nb connect exp=60\nb cancel"},
	{"the claim fails: refused, and what was there stays",
		"a connect exp=60\na sub 1 t\na lose\na sees CONNACK 00; SUBACK #1 00\nstore fail\na connect "
		"exp=60\n"
		"a sees CONNACK 97\nstore pass\na connect exp=60\na sees CONNACK 00 present"},
	{"the claim's outcome is unknown: refused, asked again, good",
		"a connect exp=60\na lose\na sees CONNACK 00\nstore unknown\na connect exp=60\na sees "
		"CONNACK 80\n"
		"store pass\na connect exp=60\na sees CONNACK 00 present"},
	{"two connects of one client id, one claim at a time",
		"store hold\n!b connect exp=60\n!b sees\nstore release\nb sees CONNACK 00"},

	{"MQTT-3.12.4-1 PINGREQ is answered", "a connect\na ping\na sees CONNACK 00; PINGRESP"},
	{"MQTT-3.1.0-2 MQTT-3.2.0-2 MQTT-4.13.2-1 a second CONNECT: no second CONNACK, closed",
		"a connect\na again\na sees CONNACK 00; CLOSE x82 told"},
	{"MQTT-4.12.0-6 MQTT-4.12.1-2 AUTH without a method",
		"a connect\na auth\na sees CONNACK 00; CLOSE x82 told"},
	{"MQTT-3.1.2-22 MQTT-3.2.2-22 silence for one and a half times the keep alive",
		"a connect ka=10\na sees CONNACK 00\ntime 14500\na sees\na ping\na sees PINGRESP\ntime "
		"14500\na sees\n"
		"time 1000\na sees CLOSE x8d told"},
	{"MQTT-3.1.2-22 a worker that was held up: what came in time counts, though it is read late",
		"a connect ka=10\na sees CONNACK 00\nstall 60000\na ping\ntime 14500\na sees PINGRESP\n"
		"time 1000\na sees CLOSE x8d told"},
	{"MQTT-3.1.2-22 a worker that was held up, and nothing came",
		"a connect ka=10\na sees CONNACK 00\nstall 60000\na sees\ntime 20\na sees CLOSE x8d told"},
	{"MQTT-3.1.2-22 0: never", "a connect ka=0\ntime 900000\na sees CONNACK 00"},
	{"restart: sessions, subscriptions and queues are found in the store",
		"a connect exp=600\na sub 1 t q2 sid=7\na lose\na sees CONNACK 00; SUBACK #1 02\nb "
		"connect\nb pub t x q2 #9\n"
		"b lose\nrestart\na connect exp=600\na sees CONNACK 00 present; PUB t=x q2 #2 dup ids=7\na "
		"PUBREC 2\n"
		"a sees PUBREL #2\na lose\nrestart\na connect exp=600\na sees CONNACK 00 present; PUBREL "
		"#2\na PUBCOMP 2\n"
		"a lose\nrestart\na connect exp=600\na sees CONNACK 00 present"},

	{"MQTT-3.2.2-8 MQTT-3.14.0-1 stopped while a claim is out: CONNACK, no DISCONNECT",
		"store hold\na connect exp=60\nstop\nstore release\na sees CONNACK 88"},
	{"MQTT-3.14.4-1 MQTT-3.14.4-2 nothing follows a DISCONNECT but the end",
		"a connect exp=60\na sub 1 t q1\nb connect\n!b pub t 1 q1 #1\n!close a x98 drop\n!b pub t 2 "
		"q1 "
		"#2\nb pub t 3\na connect exp=60\n"
		"a sees CONNACK 00; SUBACK #1 01; CLOSE x98 told; CONNACK 00 present; PUB t=1 q1 #2; PUB t=2 "
		"q1 #3"},
	{"closing by the operator",
		"a connect exp=60\nclose a x98 drop\na sees CONNACK 00; CLOSE x98 told\na connect exp=60\n"
		"a sees CONNACK 00 present\nclose a x98 drop end\na connect exp=60\na sees CLOSE x98 told; "
		"CONNACK 00"},
	{"closing what is not there",
		"close a x98 drop missing\na connect exp=60\na lose\nclose a x98 drop missing\n"
		"close a x98 drop end\nclose a x98 drop end missing\na sees CONNACK 00"},
	{"graceful stop", "a connect exp=60\nb connect v4\nstop\na sees CONNACK 00; CLOSE x8b told\nb sees "
			  "CONNACK 00; CLOSE x8b\n"
			  "a connect\na sees REFUSED x88"},
};

static const struct engine_row will_rows[] = {
	{"MQTT-3.1.2-7 MQTT-3.1.2-8 published when the connection is lost",
		"b connect\nb sub 1 w q2\na connect will=w=gone wq=1\na lose\nb sees CONNACK 00; SUBACK #1 "
		"02; PUB w=gone q1 #2"},
	{"MQTT-3.14.4-3 discarded by DISCONNECT 0x00",
		"b connect\nb sub 1 w\na connect will=w=gone\na disc\nb sees CONNACK 00; SUBACK #1 00"},
	{"MQTT-3.1.2-8 but published by DISCONNECT 0x04",
		"b connect\nb sub 1 w\na connect will=w=gone\na disc x04\nb sees CONNACK 00; SUBACK #1 00; "
		"PUB w=gone q0"},
	{"3.1.1 MQTT-3.14.4-3", "b connect\nb sub 1 w\na connect v4 clean will=w=gone\na disc\nb sees "
				"CONNACK 00; SUBACK #1 00"},
	{"MQTT-3.1.2-12 no will flag, nothing published",
		"b connect\nb sub 1 #\na connect\na lose\nb sees CONNACK 00; SUBACK #1 00"},
	{"MQTT-3.1.2-14 MQTT-3.1.2-15 will retain",
		"a connect will=w=gone wr\na lose\nb connect\nb sub 1 w\nb sees CONNACK 00; SUBACK #1 00; "
		"PUB w=gone q0 retain\n"
		"a connect will=v=gone\na lose\nb sub 2 v\nb sees SUBACK #2 00"},
	{"MQTT-3.1.2-22 keep alive fires it", "b connect\nb sub 1 w\na connect ka=2 will=w=gone\ntime 3500\n"
					      "b sees CONNACK 00; SUBACK #1 00; PUB w=gone q0"},
	{"MQTT-3.1.2-8 will delay: after it",
		"b connect\nb sub 1 w\na connect exp=60 will=w=gone wdelay=5\na lose\ntime 4000\n"
		"b sees CONNACK 00; SUBACK #1 00\ntime 2000\nb sees PUB w=gone q0\ntime 60000\nb sees"},
	{"MQTT-3.1.3-9 MQTT-3.1.2-10 back before the delay: none",
		"b connect\nb sub 1 w\na connect exp=60 will=w=gone wdelay=5\na lose\ntime 4000\na connect "
		"exp=60\n"
		"time 90000\nb sees CONNACK 00; SUBACK #1 00"},
	{"MQTT-3.1.2-8 delay greater than expiry: with the session (CVE-2019-11778)",
		"b connect\nb sub 1 w\na connect exp=2 will=w=gone wdelay=500\na lose\ntime 3000\n"
		"b sees CONNACK 00; SUBACK #1 00; PUB w=gone q0\ntime 600000\nb sees"},
	{"MQTT-3.1.2-8 Clean Start ends the session: the waiting will fires",
		"b connect\nb sub 1 w\na connect exp=60 will=w=gone wdelay=50\na lose\na connect clean\n"
		"b sees CONNACK 00; SUBACK #1 00; PUB w=gone q0"},
	{"takeover publishes a will without delay, MQTT-3.1.2-8",
		"b connect\nb sub 1 w\na connect exp=60 will=w=old\na connect exp=60 will=w=new\nb sees "
		"CONNACK 00; SUBACK #1 00; PUB w=old q0"},
	{"takeover keeps back a will with delay, MQTT-3.1.3-9",
		"b connect\nb sub 1 w\na connect exp=60 will=w=old wdelay=9\na connect exp=60\ntime 30000\nb "
		"sees CONNACK 00; SUBACK #1 00"},
	{"MQTT-3.1.3-10 user properties in order",
		"b connect\nb sub 1 w\na connect will=w=gone wuser=v\na lose\nb sees CONNACK 00; SUBACK #1 "
		"00; PUB w=gone q0 k1:v k0:second"},
	{"re-authorised when it fires", "b connect\nb sub 1 w\na connect will=w=gone\ndeny pub w\na lose\nb "
					"sees CONNACK 00; SUBACK #1 00"},
	{"re-authorised when its delay is over",
		"b connect\nb sub 1 w\na connect exp=60 will=w=gone wdelay=5\na lose\ndeny pub w\ntime "
		"6000\nb sees CONNACK 00; SUBACK #1 00"},
	{"dropped for a revoked session (emqx 10209)", "b connect\nb sub 1 w\na connect will=w=gone\nclose a "
						       "x98 revoked\nb sees CONNACK 00; SUBACK #1 00"},
	{"dropped for a revoked session whose will waits",
		"b connect\nb sub 1 w\na connect exp=60 will=w=gone wdelay=5\na lose\nclose a x98 revoked "
		"end\ntime 9000\nb sees CONNACK 00; SUBACK #1 00"},
	{"kept by an administrative close that says so",
		"b connect\nb sub 1 w\na connect will=w=gone\nclose a x98 will\nb sees CONNACK 00; SUBACK #1 "
		"00; PUB w=gone q0"},
	{"a malformed packet publishes it", "b connect\nb sub 1 w\na connect will=w=gone\na auth\nb sees "
					    "CONNACK 00; SUBACK #1 00; PUB w=gone q0"},
	{"a will to oneself, detached and lasting", "a connect exp=60 will=w=me wq=1\na sub 1 w q1\na sees "
						    "CONNACK 00; SUBACK #1 01\na lose\na connect exp=60\n"
						    "a sees CONNACK 00 present; PUB w=me q1 #2"},
};

int main(void)
{
	engine_rows_run(rows, ARRAY_COUNT(rows), NULL);
	engine_rows_run(will_rows, ARRAY_COUNT(will_rows), NULL);
	const struct hub_limits revoked = {.will_revoked = true};
	static const struct engine_row published[] = {
		{"WILLREVOKED(YES)", "b connect\nb sub 1 w\na connect will=w=gone\nclose a x98 revoked\nb "
				     "sees CONNACK 00; SUBACK #1 00; PUB w=gone q0"}};
	engine_rows_run(published, ARRAY_COUNT(published), &revoked);
	static const struct engine_row few[] = {
		{"sessions_max", "a connect exp=9\nb connect\nc connect\nc sees REFUSED x97\nb lose\nc "
				 "connect\nc sees CONNACK 00"}};
	const struct hub_limits limits = {.sessions_max = 2};
	engine_rows_run(few, ARRAY_COUNT(few), &limits);
	static const struct engine_row capped[] = {
		{"session_expiry_max_s", "a connect exp=4000\na lose\ntime 11000\na connect exp=4000\na sees "
					 "CONNACK 00 exp=10; CONNACK 00 "
					 "exp=10"}};
	const struct hub_limits expiry = {.session_expiry_max_s = 10};
	engine_rows_run(capped, ARRAY_COUNT(capped), &expiry);
	static const struct engine_row told[] = {
		{"MQTT-3.1.2-28 Response Information only to who asks",
			"a connect ka=9\na sees CONNACK 00\nb connect ka=9 askinfo\nb sees CONNACK 00 "
			"info=answers/\n"
			"c connect v4 clean\nc sees CONNACK 00"},
		{"3.2.2.3.14 a Keep Alive beyond ours is replaced, and ours counts",
			"a connect ka=20\na sees CONNACK 00 ka=10\nb connect\nb sees CONNACK 00 ka=10\ntime "
			"14500\na sees\nb sees\ntime 1000\na sees CLOSE x8d told\nb sees CLOSE x8d told"},
		{"MQTT-3.2.2-22 one within ours stays the client's",
			"a connect ka=10\na sees CONNACK 00\nb connect ka=4\nb sees CONNACK 00\ntime 6500\na "
			"sees\nb sees CLOSE x8d told"},
		{"MQTT-3.1.3-6 MQTT-3.1.3-7 MQTT-3.2.2-16 an assigned client id is told, and nobody else's",
			"a connect ka=9 assigned exp=60\nb connect ka=9 assigned exp=60\na sees CONNACK 00 "
			"assigned\nb sees CONNACK 00 assigned\na ping\na sees PINGRESP\nb ping\nb sees "
			"PINGRESP"},
	};
	const struct hub_limits telling = {.keep_alive_max_s = 10, .response_information = "answers/"};
	engine_rows_run(told, ARRAY_COUNT(told), &telling);
	return test_result();
}
