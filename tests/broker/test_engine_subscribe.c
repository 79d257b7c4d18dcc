/*
 * test_engine_subscribe.c - goal: subscriptions, matching and retained messages as the clauses say.
 */
#include "tests/broker/engine_rows.h"

#define AB "a connect\nb connect\na sees CONNACK 00\nb sees CONNACK 00\n"

static const struct engine_row rows[] = {
	{"MQTT-3.8.4-1 MQTT-3.8.4-2 MQTT-3.9.3-1 one SUBACK, its id, one code per filter, in order",
		AB "a sub 7 x q1 y q0 z q2\na sees SUBACK #7 01 00 02"},
	{"MQTT-3.8.4-5 the same filter twice in one packet: the last counts",
		AB "a sub 1 t q0 t q2\nb pub t x q2 #1\na sees SUBACK #1 00 02; PUB t=x q2 #2"},
	{"MQTT-3.8.4-3 the same filter again replaces", AB
		"a sub 1 t q2\na sub 2 t q0\nb pub t x q2 #1\na sees SUBACK #1 02; SUBACK #2 00; PUB t=x q0"},
	{"MQTT-3.10.4-1 MQTT-3.10.4-2 MQTT-3.10.4-4 MQTT-3.10.4-5 MQTT-3.10.4-6 one UNSUBACK says what was "
	 "there",
		AB "a sub 1 t/+ q1\na unsub 2 t/+ t/a t/#\nb pub t/a x\na sees SUBACK #1 01; UNSUBACK #2 00 "
		   "11 11"},
	{"3.1.1 MQTT-3.10.4-5 UNSUBACK even without a match",
		"a connect v4 clean\na unsub 2 t\na sees CONNACK 00; UNSUBACK #2"},
	{"MQTT-3.10.4-3 begun deliveries are carried through",
		AB "a sub 1 t q2\nb pub t x q2 #1\na unsub 2 t\na PUBREC 2\na PUBCOMP 2\na sees SUBACK #1 "
		   "02; PUB t=x q2 #2; UNSUBACK #2 00; PUBREL #2"},
	{"MQTT-3.8.3-3 No Local", AB "a sub 1 t nl\nb sub 1 t\na pub t 1\nb pub t 2\na sees SUBACK #1 00; "
				     "PUB t=2 q0\nb sees SUBACK #1 00; PUB t=1 q0; PUB t=2 q0"},
	{"MQTT-3.3.4-2, 3.1.1 MQTT-3.3.5-1 overlapping: once, at the highest QoS",
		AB "a sub 1 t/# q1\na sub 2 t/a q2\na sub 3 +/a q0\nb pub t/a x q2 #1\na sees SUBACK #1 01; "
		   "SUBACK #2 02; SUBACK #3 00; PUB t/a=x q2 #2"},
	{"MQTT-3.3.4-3 MQTT-3.3.4-4 all identifiers",
		AB "a sub 1 t/# q0 sid=7\na sub 2 t/a q0 sid=268435455\na sub 3 +/a\nb pub t/a x\nb pub t/b "
		   "y\na sees SUBACK #1 00; SUBACK #2 00; SUBACK #3 00; PUB t/a=x q0 ids=7,268435455; PUB "
		   "t/b=y q0 ids=7"},
	{"MQTT-3.3.1-12 MQTT-3.3.1-13 Retain As Published",
		AB "a sub 1 t\nb sub 1 t rap\nb pub t x r\nb pub t y\na sees SUBACK #1 00; PUB t=x q0; PUB "
		   "t=y q0\nb sees SUBACK #1 00; PUB t=x q0 retain; PUB t=y q0"},
	{"3.8.3.1 shared subscriptions are refused cleanly",
		AB "a sub 1 $share/g/t q1 u q1\na sees SUBACK #1 9e 01"},
	{"before MQTT 5 $share is an ordinary level",
		"a connect v4 clean\na sub 1 $share/g/t\na pub $share/g/t x\na sees CONNACK 00; SUBACK #1 "
		"00; PUB $share/g/t=x q0"},
	{"MQTT-4.7.2-1 wildcards in front never match $",
		AB "a sub 1 #\na sub 2 +/a\na sub 3 $SYS/#\na sub 4 $SYS/+\nb pub $SYS/a x\nb pub $other "
		   "y\na sees SUBACK #1 00; SUBACK #2 00; SUBACK #3 00; SUBACK #4 00; PUB $SYS/a=x q0"},
	{"MQTT-3.3.2-3, 4.7.1.2 sport/# matches sport",
		AB "a sub 1 sport/#\nb pub sport 1\nb pub sport/x/y 2\nb pub sports 3\na sees SUBACK #1 00; "
		   "PUB sport=1 q0; PUB sport/x/y=2 q0"},
	{"4.7.1.3 + is one level, also an empty one",
		AB "a sub 1 s/+\nb pub s/ 1\nb pub s 2\nb pub s/a/b 3\na sees SUBACK #1 00; PUB s/=1 q0"},
	{"MQTT-4.7.3-4 octet by octet",
		AB "a sub 1 A/b\nb pub a/b 1\nb pub A/b 2\na sees SUBACK #1 00; PUB A/b=2 q0"},
};

static const struct engine_row retained_rows[] = {
	{"MQTT-3.3.1-5 MQTT-3.3.1-9 kept, replaced, sent to each new subscription",
		AB "b pub t 1 r q1 #1\nb pub t 2 r q1 #2\na sub 1 t q2\na sub 2 t q0\na sees SUBACK #1 02; "
		   "PUB t=2 q1 #2 retain; SUBACK #2 00; PUB t=2 q0 retain"},
	{"MQTT-3.3.1-6 MQTT-3.3.1-7 an empty payload removes and is not kept",
		AB "b pub t 1 r\nb pub t - r\na sub 1 t\na sees SUBACK #1 00"},
	{"MQTT-3.3.1-6 it goes to current subscribers",
		AB "a sub 1 t\nb pub t - r\na sees SUBACK #1 00; PUB t= q0"},
	{"MQTT-3.3.1-8 RETAIN 0 changes nothing",
		AB "b pub t 1 r\nb pub t 2\na sub 1 t\na sees SUBACK #1 00; PUB t=1 q0 retain"},
	{"MQTT-3.3.1-10 Retain Handling 1: only if new",
		AB "b pub t 1 r\na sub 1 t rh1\na sub 2 t rh1\na sees SUBACK #1 00; PUB t=1 q0 retain; "
		   "SUBACK #2 00"},
	{"MQTT-3.3.1-11 Retain Handling 2: none", AB "b pub t 1 r\na sub 1 t rh2\na sees SUBACK #1 00"},
	{"MQTT-3.8.4-4 the subscription's identifier goes with it",
		AB "b pub t 1 r\na sub 1 t sid=9\na sees SUBACK #1 00; PUB t=1 q0 retain ids=9"},
	{"MQTT-3.1.2-7 of 3.1.1 it outlives its publisher",
		AB "b pub t 1 r\nb disc\na sub 1 t\na sees SUBACK #1 00; PUB t=1 q0 retain"},
	{"wildcards over retained messages",
		AB "b pub a/b 1 r\nb pub a/c/d 2 r\nb pub a 3 r\na sub 1 a/#\na sees SUBACK #1 00; PUB a=3 "
		   "q0 retain; PUB a/c/d=2 q0 retain; PUB a/b=1 q0 retain\n"
		   "a sub 2 +/b\na sees SUBACK #2 00; PUB a/b=1 q0 retain"},
	{"wildcards below a $ level over retained messages",
		AB "b pub $x/b 4 r\na sub 3 $x/#\na sees SUBACK #3 00; PUB $x/b=4 q0 retain"},
	{"MQTT-4.7.2-1 # does not fetch $", AB "b pub $x 1 r\nb pub y 2 r\nb pub $z/a 3 r\na sub 1 #\na sees "
					       "SUBACK #1 00; PUB y=2 q0 retain"},
	{"MQTT-3.3.2-5 a retained message expires",
		AB "b pub t 1 r exp=5\na sub 1 t\ntime 5000\na sub 2 t\na sees SUBACK #1 00; PUB t=1 q0 "
		   "retain exp=5; SUBACK #2 00"},
	{"MQTT-3.10.4-2 UNSUBSCRIBE ends the retained messages that are not queued yet",
		"b connect\nb pub t/1 1 r q1 #1\nb pub t/2 2 r q1 #1\na connect\n!a backlog 300000\na sub 1 "
		"t/+ "
		"q1\na unsub 2 t/+\na writable\na sees CONNACK 00; SUBACK #1 01; UNSUBACK #2 00"},
	{"to a lasting session through the store, and after a reconnect",
		"b connect\nb pub t 1 r q1 #1\na connect exp=60\na sub 1 t q1\na sees CONNACK 00; SUBACK #1 "
		"01; PUB t=1 q1 #2 retain\na lose\na connect exp=60\na sees CONNACK 00 present; PUB t=1 q1 "
		"#2 retain dup"},
	{"more retained messages than the window: all come, none twice",
		"b connect\nb pub t/1 1 r q1 #1\nb pub t/2 2 r q1 #1\nb pub t/3 3 r q1 #1\na connect "
		"rmax=1\na sub 1 t/+ q1\na PUBACK 2\na PUBACK 3\na PUBACK 4\n"
		"a sees CONNACK 00; SUBACK #1 01; PUB t/3=3 q1 #2 retain; PUB t/2=2 q1 #3 retain; PUB t/1=1 "
		"q1 #4 retain"},
	{"a subscription made while a retained message is in commit does not miss it",
		"c connect exp=60\nc sub 1 t q1\nb connect\nb pub t old r\nstore hold append\nb pub t new r "
		"q1 #1\na connect\na sub 1 t q1\na sees CONNACK 00; SUBACK #1 01; PUB t=old q0 retain\nstore "
		"release\na sees PUB t=new q1 #2\n"
		"b sees CONNACK 00; PUBACK #1"},
	{"retained messages for subscriptions of a client that does not read: four full sets, not five",
		"b connect\nb pub t/1 1 r\nb pub t/2 2 r\nb pub t/3 3 r\na connect\na sees CONNACK 00\n!a "
		"backlog "
		"300000\na sub 1 t/+\na sub 2 t/+\na sub 3 t/+\na sub 4 t/+\n"
		"a sees SUBACK #1 00; SUBACK #2 00; SUBACK #3 00; SUBACK #4 00\na sub 5 t/+\na sees CLOSE "
		"x97 told"},
	{"and one that reads may ask as often as it likes",
		"b connect\nb pub t/1 1 r\nb pub t/2 2 r\nb pub t/3 3 r\na connect\na sees CONNACK 00\na sub "
		"1 "
		"t/+\na sub 2 t/+\na sub 3 t/+\na sub 4 t/+\na sub 5 t/+ q1\na sub 6 t/1\n"
		"a sees SUBACK #1 00; PUB t/3=3 q0 retain; PUB t/2=2 q0 retain; PUB t/1=1 q0 retain; SUBACK "
		"#2 00; "
		"PUB t/3=3 q0 retain; PUB t/2=2 q0 retain; PUB t/1=1 q0 retain; SUBACK #3 00; PUB t/3=3 q0 "
		"retain; "
		"PUB t/2=2 q0 retain; PUB t/1=1 q0 retain; SUBACK #4 00; PUB t/3=3 q0 retain; PUB t/2=2 q0 "
		"retain; "
		"PUB t/1=1 q0 retain; SUBACK #5 01; PUB t/3=3 q0 retain; PUB t/2=2 q0 retain; PUB t/1=1 q0 "
		"retain; "
		"SUBACK #6 00; PUB t/1=1 q0 retain"},
	{"retained_count_max", "b connect\nb pub t/1 1 r\nb pub t/2 2 r\nb pub t/3 3 r\nb pub t/4 4 r\nb pub "
			       "t/1 9 r\na connect\na sub 1 t/+\na sees CONNACK 00; SUBACK #1 00; PUB t/3=3 "
			       "q0 retain; PUB t/2=2 q0 retain; PUB t/1=9 q0 retain"},
};

int main(void)
{
	engine_rows_run(rows, ARRAY_COUNT(rows), NULL);
	const struct hub_limits limits = {.retained_count_max = 3};
	engine_rows_run(retained_rows, ARRAY_COUNT(retained_rows), &limits);
	static const struct engine_row full_rows[] = {{"MQTT-3.3.1-5 what cannot replace the old one removes "
						       "it",
		"b connect\nb pub t 1 r\na connect\na sub 1 t\na sees CONNACK 00; SUBACK #1 00; PUB t=1 q0 "
		"retain\n"
		"b pub t 123456789012345678901234567890123456789012345678901234567890 r\nc "
		"connect\nc sub 1 t\nc sees CONNACK 00; SUBACK #1 00"}};
	const struct hub_limits small = {.retained_bytes_max = 80};
	engine_rows_run(full_rows, ARRAY_COUNT(full_rows), &small);
	return test_result();
}
