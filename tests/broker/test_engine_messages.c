/*
 * test_engine_messages.c - goal: every message to whom it belongs, as often as its QoS says, in order, within limits.
 */
#include "tests/broker/engine_rows.h"

#define AB "a connect clean\nb connect clean\n"

static const struct engine_row qos_rows[] = {
	{"MQTT-3.3.4-1 MQTT-4.3.1-1 QoS 0 no answer",
		AB "b sub 1 t q2\na pub t x\na sees CONNACK 00\nb sees CONNACK 00; SUBACK #1 02; PUB t=x q0"},
	{"MQTT-4.3.2-1 MQTT-4.3.2-2 MQTT-4.3.2-4 QoS 1 PUBACK",
		AB "b sub 1 t q2\na pub t x q1 #5\na sees CONNACK 00; PUBACK #5\n"
		   "b sees CONNACK 00; SUBACK #1 02; PUB t=x q1 #2\nb PUBACK 2\nb sees"},
	{"MQTT-4.3.2-5 the same id after PUBACK is a new message", AB
		"b sub 1 t q0\na pub t x q1 #5\na pub t y q1 #5 d\na sees CONNACK 00; PUBACK #5; PUBACK #5\n"
		"b sees CONNACK 00; SUBACK #1 00; PUB t=x q0; PUB t=y q0"},
	{"MQTT-4.3.3-1 MQTT-4.3.3-2 MQTT-4.3.3-4 MQTT-4.3.3-8 MQTT-4.3.3-11 QoS 2 PUBREC, PUBCOMP",
		AB "b sub 1 t q2\na pub t x q2 #5\na PUBREL 5\na sees CONNACK 00; PUBREC #5; PUBCOMP #5\n"
		   "b sees CONNACK 00; SUBACK #1 02; PUB t=x q2 #2\nb PUBREC 2\nb sees PUBREL #2\nb PUBCOMP "
		   "2\nb sees"},
	{"MQTT-4.3.3-10 the same id before PUBREL: PUBREC again, no second delivery (CVE-2023-28366)",
		AB "b sub 1 t q0\na pub t x q2 #5\na pub t x q2 #5 d\na pub t z q2 #5\na sees CONNACK 00; "
		   "PUBREC #5; PUBREC #5; PUBREC #5\n"
		   "b sees CONNACK 00; SUBACK #1 00; PUB t=x q0"},
	{"MQTT-4.3.3-12 after PUBCOMP the id is new",
		AB "b sub 1 t q0\na pub t x q2 #5\na PUBREL 5\na pub t y q2 #5\na sees CONNACK 00; PUBREC "
		   "#5; PUBCOMP #5; PUBREC #5\n"
		   "b sees CONNACK 00; SUBACK #1 00; PUB t=x q0; PUB t=y q0"},
	{"PUBREL for an unknown id", AB "a PUBREL 9\na sees CONNACK 00; PUBCOMP #9 x92"},
	{"PUBREC for an unknown id",
		AB "a PUBREC 9\na sees CONNACK 00; PUBREL #9 x92\na PUBACK 9\na PUBCOMP 9\na sees"},
	{"MQTT-4.3.3-9 after a failing PUBREC the id is new", AB
		"b sub 1 t q0\ndeny pub t\na pub t x q2 #5\nallow pub t\na pub t y q2 #5\n"
		"a sees CONNACK 00; PUBREC #5 x87; PUBREC #5\nb sees CONNACK 00; SUBACK #1 00; PUB t=y q0"},
	{"MQTT-3.8.4-8 the lower of the two QoS",
		AB "b sub 1 t q1\na pub t 0\na pub t 1 q1 #1\na pub t 2 q2 #2\n"
		   "b sees CONNACK 00; SUBACK #1 01; PUB t=0 q0; PUB t=1 q1 #2; PUB t=2 q1 #3"},
	{"MQTT-3.3.1-3 DUP of the publisher is not passed on",
		AB "b sub 1 t q1\na pub t x q1 #1 d\nb sees CONNACK 00; SUBACK #1 01; PUB t=x q1 #2"},
	{"PUBACK for a QoS 2 message", AB "b sub 1 t q2\na pub t x q2 #5\nb PUBACK 2\nb sees CONNACK 00; "
					  "SUBACK #1 02; PUB t=x q2 #2; CLOSE x82 told"},
	{"PUBREC for a QoS 1 message", AB "b sub 1 t q1\na pub t x q1 #5\nb PUBREC 2\nb sees CONNACK 00; "
					  "SUBACK #1 01; PUB t=x q1 #2; CLOSE x82 told"},
	{"PUBCOMP before PUBREC", AB "b sub 1 t q2\na pub t x q2 #5\nb PUBCOMP 2\nb sees CONNACK 00; SUBACK "
				     "#1 02; PUB t=x q2 #2; CLOSE x82 told"},
	{"MQTT-4.4.0-2 a QoS 2 delivery refused by the client is over",
		"a connect\nb connect rmax=1\nb sub 1 t q2\na pub t x q2 #5\na pub t y q2 #6\nb PUBREC 2 "
		"x80\n"
		"b sees CONNACK 00; SUBACK #1 02; PUB t=x q2 #2; PUB t=y q2 #3"},
	{"MQTT-4.4.0-2 one that was refused is not sent again on the next connection",
		"a connect exp=60\na sub 1 t q2\nb connect\nb pub t 1 q1 #1\nb pub t 2 q2 #2\na PUBACK 2 "
		"x80\na "
		"PUBREC 3 x80\na lose\na connect exp=60\n"
		"a sees CONNACK 00; SUBACK #1 02; PUB t=1 q1 #2; PUB t=2 q2 #3; CONNACK 00 present"},
	{"3.1.1 MQTT-2.3.1-4, MQTT-3.3.1-1 MQTT-4.3.2-3 MQTT-4.3.3-3 MQTT-4.3.3-5 MQTT-4.3.3-6 MQTT-4.4.0-1 "
	 "reconnect: "
	 "unfinished deliveries again, in order, under their ids",
		"a connect exp=60\na sub 1 t q2\na sees CONNACK 00; SUBACK #1 02\nb connect\nb pub t 1 q2 "
		"#1\nb pub t 2 q2 #2\nb pub t 3 q1 #3\n"
		"a sees PUB t=1 q2 #2; PUB t=2 q2 #3; PUB t=3 q1 #4\na PUBREC 2\na sees PUBREL #2\na lose\nb "
		"pub t 4 q1 #4\n"
		"a connect exp=60\na sees CONNACK 00 present; PUBREL #2; PUB t=2 q2 #3 dup; PUB t=3 q1 #4 "
		"dup; PUB t=4 q1 #5\n"
		"a PUBCOMP 2\na PUBREC 3\na PUBACK 4\na PUBACK 5\na sees PUBREL #3\na PUBCOMP 3\na lose\na "
		"connect exp=60\na sees CONNACK 00 present"},
	{"MQTT-3.3.4-9 MQTT-4.9.0-1 a smaller Receive Maximum holds for what is sent again, too",
		"a connect exp=60\na sub 1 t q2\nb connect\nb pub t 1 q1 #1\nb pub t 2 q2 #2\nb pub t 3 q1 "
		"#3\na "
		"lose\nb pub t 4 q1 #4\na sees CONNACK 00; SUBACK #1 02; PUB t=1 q1 #2; PUB t=2 q2 #3; PUB "
		"t=3 q1 "
		"#4\n"
		"a connect exp=60 rmax=1\na sees CONNACK 00 present; PUB t=1 q1 #2 dup\na PUBACK 2\na sees "
		"PUB t=2 "
		"q2 #3 dup\na PUBREC 3\na sees PUBREL #3\na lose\n"
		"a connect exp=60 rmax=1\na sees CONNACK 00 present; PUBREL #3\na PUBCOMP 3\na sees PUB t=3 "
		"q1 #4 "
		"dup\na PUBACK 4\na sees PUB t=4 q1 #5"},
	{"what waits to be sent again may be answered all the same",
		"a connect exp=60\na sub 1 t q2\nb connect\nb pub t 1 q2 #1\nb pub t 2 q2 #2\nb pub t 3 q2 "
		"#3\na "
		"lose\na sees CONNACK 00; SUBACK #1 02; PUB t=1 q2 #2; PUB t=2 q2 #3; PUB t=3 q2 #4\n"
		"a connect exp=60 rmax=1\na PUBREC 3\na sees CONNACK 00 present; PUB t=1 q2 #2 dup; PUBREL "
		"#3\na "
		"PUBREC 2\na PUBCOMP 2\na sees PUBREL #2\na PUBCOMP 3\na sees PUB t=3 q2 #4 dup"},
	{"a restart between PUBREC and PUBCOMP of the later of two loses neither",
		"a connect exp=60\na sub 1 t q2\nb connect\nb pub t 1 q2 #1\nb pub t 2 q2 #2\na PUBREC 3\na "
		"lose\nb lose\na sees CONNACK 00; SUBACK #1 02; PUB t=1 q2 #2; PUB t=2 q2 #3; PUBREL #3\n"
		"restart\na connect exp=60 rmax=1\na sees CONNACK 00 present; PUBREL #3\na lose\n"
		"a connect exp=60\na sees CONNACK 00 present; PUBREL #3; PUB t=1 q2 #2 dup\na lose\n"
		"a connect exp=60\na sees CONNACK 00 present; PUBREL #3; PUB t=1 q2 #2 dup\na PUBCOMP 3\na "
		"PUBREC "
		"2\na PUBCOMP 2\na sees PUBREL #2\n"
		"a lose\na connect exp=60\na sees CONNACK 00 present"},
	{"MQTT-4.3.3-13 PUBREL for a message that has expired meanwhile",
		"a connect\na pub t x q2 #5 exp=1\ntime 3000\na PUBREL 5\na sees CONNACK 00; PUBREC #5; "
		"PUBCOMP "
		"#5"},
	{"MQTT-3.1.2-26 MQTT-3.1.2-27 MQTT-3.3.2-11 no alias goes out, offered or not",
		"a connect amax=0\nb connect amax=9\na sub 1 t\nb sub 1 t\nb pub t x alias=1\nb pub - y "
		"alias=1\n"
		"a sees CONNACK 00; SUBACK #1 00; PUB t=x q0; PUB t=y q0\nb sees CONNACK 00; SUBACK #1 00; "
		"PUB t=x "
		"q0; PUB t=y q0"},
	{"inbound QoS 2 ids survive a reconnect (wolfMQTT F-7661)",
		"b connect\nb sub 1 t q0\na connect exp=60\na pub t x q2 #5\na lose\na connect exp=60\na pub "
		"t x q2 #5 d\na PUBREL 5\n"
		"a sees CONNACK 00; PUBREC #5; CONNACK 00 present; PUBREC #5; PUBCOMP #5\nb sees CONNACK 00; "
		"SUBACK #1 00; PUB t=x q0"},
	{"inbound QoS 2 ids survive a restart (EMQX CVE-2026-8741)",
		"a connect exp=60\na pub t x q2 #5\na lose\nrestart\nb connect\nb sub 1 t q0\na connect "
		"exp=60\na pub t x q2 #5 d\na PUBREL 5\n"
		"a sees CONNACK 00; PUBREC #5; CONNACK 00 present; PUBREC #5; PUBCOMP #5\nb sees CONNACK 00; "
		"SUBACK #1 00\n"
		"a pub t y q2 #5\nb sees PUB t=y q0"},
	{"MQTT-4.5.0-1, MQTT-3.1.2-5 of 3.1.1: queued while away, QoS 0 not",
		"a connect v4\na sub 1 t q1\na lose\nb connect\nb pub t 0\nb pub t 1 q1 #1\na connect v4\na "
		"sees CONNACK 00; SUBACK #1 01; CONNACK 00 present; PUB t=1 q1 #2"},
	{"MQTT-4.6.0-5 MQTT-4.6.0-6 order holds for a long backlog read from the store",
		"a connect exp=60 rmax=3\na sub 1 t q1\na lose\nb connect\nb pub t 1 q1 #1\nb pub t 2 q1 "
		"#2\nb pub t 3 q1 #3\nb pub t 4 q1 #4\nb pub t 5 q1 #5\n"
		"a connect exp=60 rmax=3\na sees CONNACK 00; SUBACK #1 01; CONNACK 00 present; PUB t=1 q1 "
		"#2; PUB t=2 q1 #3; PUB t=3 q1 #4\n"
		"b pub t 6 q1 #6\na PUBACK 3\na PUBACK 2\na PUBACK 4\na sees PUB t=4 q1 #5; PUB t=5 q1 #6; "
		"PUB t=6 q1 #7"},
	{"MQTT-3.3.2-15 MQTT-3.3.2-17 MQTT-3.3.2-18 properties go through",
		AB "b sub 1 t q0\na pub t x user=v to=answer/here\nb sees CONNACK 00; SUBACK #1 00; PUB t=x "
		   "q0 k:v a:second to=answer/here"},
	{"between versions",
		"a connect v4 clean\nb connect\nb sub 1 t q1\na sub 1 t q1\na pub t x q1 #1\nb pub t y q1 #1 "
		"user=v\n"
		"a sees CONNACK 00; SUBACK #1 01; PUB t=x q1 #2; PUBACK #1; PUB t=y q1 #3\n"
		"b sees CONNACK 00; SUBACK #1 01; PUB t=x q1 #2; PUB t=y q1 #3 k:v a:second; PUBACK #1"},
};

static const struct engine_row limit_rows[] = {
	{"MQTT-3.3.4-9 MQTT-4.9.0-2 the client's Receive Maximum holds PUBLISH back",
		"a connect\nb connect rmax=2\nb sub 1 t q1\na pub t 1 q1 #1\na pub t 2 q1 #2\na pub t 3 q1 "
		"#3\na pub t 0\n"
		"b sees CONNACK 00; SUBACK #1 01; PUB t=1 q1 #2; PUB t=2 q1 #3; PUB t=0 q0\nb PUBACK 2\nb "
		"sees PUB t=3 q1 #4"},
	{"MQTT-3.3.4-10 MQTT-4.9.0-3 but no other packet",
		"a connect\nb connect rmax=1\nb sub 1 t q1\na pub t 1 q1 #1\na pub t 2 q1 #2\nb ping\n"
		"b sees CONNACK 00; SUBACK #1 01; PUB t=1 q1 #2; PINGRESP"},
	{"MQTT-3.3.4-7 our Receive Maximum: at it and one more",
		"a connect\na pub t 1 q2 #1\na pub t 1 q2 #2\na pub t 1 q2 #3\na pub t 1 q1 #4\n"
		"a sees CONNACK 00; PUBREC #1; PUBREC #2; PUBREC #3; CLOSE x93 told"},
	{"MQTT-3.3.4-7 PUBCOMP frees a place",
		"a connect\na pub t 1 q2 #1\na pub t 1 q2 #2\na pub t 1 q2 #3\na PUBREL 2\na pub t 1 q1 #4\n"
		"a sees CONNACK 00; PUBREC #1; PUBREC #2; PUBREC #3; PUBCOMP #2; PUBACK #4"},
	{"MQTT-3.1.2-24 MQTT-3.1.2-25 too large for the client: dropped as delivered",
		"a connect\nb connect exp=60 pmax=30\nb sub 1 t q1\na pub t 123456789012345678901234567890 "
		"q1 #1\na pub t x q1 #2\n"
		"b sees CONNACK 00; SUBACK #1 01; PUB t=x q1 #3\nb PUBACK 3\nb lose\nb connect exp=60\nb "
		"sees CONNACK 00 present"},
	{"MQTT-3.3.2-12 alias learnt and used; MQTT-3.3.2-7 forgotten with the connection",
		"a connect exp=60\nb connect\nb sub 1 t q0\na pub t x alias=2\na pub - y alias=2\nb sees "
		"CONNACK 00; SUBACK #1 00; PUB t=x q0; PUB t=y q0\n"
		"a lose\na connect exp=60\na pub - z alias=2\na sees CONNACK 00; CONNACK 00 present; CLOSE "
		"x94 told"},
	{"MQTT-3.3.2-12 alias at the maximum",
		"a connect\na pub t x q1 #1 alias=4\na sees CONNACK 00; PUBACK #1"},
	{"MQTT-3.3.2-9 alias one beyond",
		"a connect\na pub t x q1 #1 alias=5\na sees CONNACK 00; CLOSE x94 told"},
	{"alias of another topic",
		"a connect\nb connect\nb sub 1 #\na pub t x alias=1\na pub u y alias=1\na pub - z alias=1\n"
		"b sees CONNACK 00; SUBACK #1 00; PUB t=x q0; PUB u=y q0; PUB u=z q0"},
	{"MQTT-3.3.2-6 the interval counts down",
		"a connect exp=600\na sub 1 t q1\na lose\nb connect\nb pub t x q1 #1 exp=10\ntime 3100\na "
		"connect exp=600\n"
		"a sees CONNACK 00; SUBACK #1 01; CONNACK 00 present; PUB t=x q1 #2 exp=7"},
	{"MQTT-3.3.2-5 run out before delivery began",
		"a connect exp=600\na sub 1 t q1\na lose\nb connect\nb pub t x q1 #1 exp=3\nb pub t y q1 "
		"#2\ntime 3000\n"
		"a connect exp=600\na sees CONNACK 00; SUBACK #1 01; CONNACK 00 present; PUB t=y q1 #3"},
	{"MQTT-4.3.3-7 begun deliveries are carried through",
		"a connect exp=600\na sub 1 t q2\nb connect\nb pub t x q2 #1 exp=3\na lose\ntime 9000\na "
		"connect exp=600\n"
		"a sees CONNACK 00; SUBACK #1 02; PUB t=x q2 #2 exp=3; CONNACK 00 present; PUB t=x q2 #2 dup "
		"exp=0"},
	{"backlog: QoS 0 dropped, QoS 1 waits",
		"a connect\nb connect\nb sub 1 t q1\nb sees CONNACK 00; SUBACK #1 01\nb backlog 300000\na "
		"pub t 0\na pub t 1 q1 #1\nb sees\n"
		"b writable\nb sees PUB t=1 q1 #2\na sees CONNACK 00; PUBACK #1"},
	{"queue_count_max of a passing session: the newest is dropped",
		"a connect\nb connect rmax=1\nb sub 1 t q1\na pub t 1 q1 #1\na pub t 2 q1 #2\na pub t 3 q1 "
		"#3\na pub t 4 q1 #4\na pub t 5 q1 #5\n"
		"b sees CONNACK 00; SUBACK #1 01; PUB t=1 q1 #2\nb PUBACK 2\nb PUBACK 3\nb PUBACK 4\nb "
		"PUBACK 5\n"
		"b sees PUB t=2 q1 #3; PUB t=3 q1 #4; PUB t=4 q1 #5"},
	{"queue_count_max of a lasting session",
		"b connect exp=60\nb sub 1 t q1\nb lose\na connect\na pub t 1 q1 #1\na pub t 2 q1 #2\na pub "
		"t 3 q1 #3\na pub t 4 q1 #4\n"
		"b connect exp=60\nb sees CONNACK 00; SUBACK #1 01; CONNACK 00 present; PUB t=1 q1 #2; PUB "
		"t=2 q1 #3; PUB t=3 q1 #4\n"
		"a sees CONNACK 00; PUBACK #1; PUBACK #2; PUBACK #3; PUBACK #4"},
	{"subscriptions_max counts what is added, not what is replaced",
		"a connect exp=60\na sub 1 a b\na sub 2 a b c d\na sees CONNACK 00; SUBACK #1 00 00; SUBACK "
		"#2 00 "
		"00 00 97"},
	{"subscriptions_max", "a connect\na sub 1 a b c d\na sees CONNACK 00; SUBACK #1 00 00 00 97\na sub 2 "
			      "a\na sees SUBACK #2 00"},
	{"payload that is not what it says", "a connect\na pub t \xff q1 #1 utf8\na sees CONNACK 00; PUBACK "
					     "#1 x99\na pub t x q1 #1 utf8\na sees PUBACK #1"},
};

static const struct engine_row right_rows[] = {
	{"MQTT 5 QoS 1 and 2 without the right: 0x87",
		AB "deny pub t\na pub t x q1 #1\na pub t x q2 #2\na pub u x q1 #3\na sees CONNACK 00; PUBACK "
		   "#1 x87; PUBREC #2 x87; PUBACK #3"},
	{"MQTT 5 QoS 0 without the right: DISCONNECT 0x87",
		AB "deny pub t\na pub t x\na sees CONNACK 00; CLOSE x87 told"},
	{"3.1.1 MQTT-3.3.5-2 without the right: closed",
		"a connect v4 clean\ndeny pub t\na pub t x q1 #1\na sees CONNACK 00; CLOSE x87"},
	{"SUBSCRIBE without the right, MQTT-3.8.4-7",
		"a connect\nb connect v4 clean\ndeny sub t\na sub 1 t u q1\nb sub 1 t u q1\na sees CONNACK "
		"00; SUBACK #1 87 01\nb sees CONNACK 00; SUBACK #1 80 01"},
	{"rights withdrawn stop a live subscription (CVE-2021-34434)",
		AB "b sub 1 t/# q1\na pub t/1 x\ndeny sub t/#\na pub t/1 y\nallow sub t/#\na pub t/1 z\n"
		   "b sees CONNACK 00; SUBACK #1 01; PUB t/1=x q0; PUB t/1=z q0"},
	{"and one of an absent session", "b connect exp=60\nb sub 1 t q1\nb lose\na connect\na pub t 1 q1 "
					 "#1\ndeny sub t\na pub t 2 q1 #2\nallow sub t\na pub t 3 q1 #3\n"
					 "b connect exp=60\nb sees CONNACK 00; SUBACK #1 01; CONNACK 00 "
					 "present; PUB t=1 q1 #2; PUB t=3 q1 #3"},
	{"and what was queued before", "b connect exp=60\nb sub 1 t q1\nb lose\na connect\na pub t 1 q1 "
				       "#1\ndeny del t\nb connect exp=60\n"
				       "b sees CONNACK 00; SUBACK #1 01; CONNACK 00 present\nallow del t\na "
				       "pub t 2 q1 #2\nb sees PUB t=2 q1 #3"},
	{"and what is retained and on its way to a new subscription",
		"a connect\na pub t/1 1 r q1 #1\na pub t/2 2 r q1 #2\nb connect rmax=1\n!b backlog 300000\nb "
		"sub 1 "
		"t/+ q1\ndeny del t/1\nb writable\nb PUBACK 2\n"
		"b sees CONNACK 00; SUBACK #1 01; PUB t/2=2 q1 #2 retain"},
	{"a retained message of a revoked publisher (CVE-2018-12546)",
		AB "a pub t x r\nb sub 1 t\ndeny pub t\nb sub 2 t\nallow pub t\nb sub 3 t\n"
		   "b sees CONNACK 00; SUBACK #1 00; PUB t=x q0 retain; SUBACK #2 00; SUBACK #3 00; PUB t=x "
		   "q0 retain"},
	{"an inbound QoS 2 message is judged after a reconnect too",
		"a connect exp=60\na lose\ndeny pub t\na connect exp=60\na pub t x q2 #1\na sees CONNACK 00; "
		"CONNACK 00 present; PUBREC #1 x87"},
};

static const struct engine_row store_rows[] = {
	{"PUBACK only after the commit", "b connect exp=60\nb sub 1 t q1\na connect\nstore hold append\na "
					 "pub t x q1 #1\na sees CONNACK 00\nb sees CONNACK 00; SUBACK #1 01\n"
					 "store release\na sees PUBACK #1\nb sees PUB t=x q1 #2"},
	{"PUBREC only after the commit, of a passing publisher too",
		"b connect exp=60\nb sub 1 t q2\na connect\nstore hold append\na pub t x q2 #1\na sees "
		"CONNACK 00\nstore release\na sees PUBREC #1"},
	{"no lasting target: no commit",
		"b connect\nb sub 1 t q1\na connect\nstore hold\na pub t x q1 #1\na sees CONNACK 00; PUBACK "
		"#1\nb sees CONNACK 00; SUBACK #1 01; PUB t=x q1 #2"},
	{"QoS 0 needs no commit", "b connect exp=60\nb sub 1 t q1\na connect\nstore hold\na pub t x\nb sees "
				  "CONNACK 00; SUBACK #1 01; PUB t=x q0"},
	{"a QoS 2 id of a lasting publisher does", "a connect exp=60\nstore hold\na pub t x q2 #1\na sees "
						   "CONNACK 00\nstore release\na sees PUBREC #1"},
	{"MQTT-4.6.0-5 while one is in commit the later ones wait",
		"b connect exp=60\nb sub 1 t q1\nc connect\nc sub 1 # q1\na connect\nstore hold append\na "
		"pub t 1 q1 #1\na pub u 2 q1 #2\na pub u 3\n"
		"c sees CONNACK 00; SUBACK #1 01\na sees CONNACK 00\nstore release\nc sees PUB t=1 q1 #2; "
		"PUB u=2 q1 #3; PUB u=3 q0\na sees PUBACK #1; PUBACK #2"},
	{"a message that certainly failed",
		"b connect exp=60\nb sub 1 t q1\na connect\nstore fail append\na pub t x q1 #1\na sees "
		"CONNACK 00; PUBACK #1 x97\nstore pass\na pub t y q1 #1\na sees PUBACK #1\n"
		"b sees CONNACK 00; SUBACK #1 01; PUB t=y q1 #2"},
	{"3.1.1 MQTT-4.8.0-2 one that failed: no PUBACK, closed",
		"b connect exp=60\nb sub 1 t q1\na connect v4\nstore fail append\na pub t x q1 #1\na sees "
		"CONNACK 00; CLOSE x80"},
	{"outcome unknown, and it had happened: QoS 2 stays once",
		"b connect exp=60\nb sub 1 t q2\na connect exp=60\nstore unknown append\na pub t x q2 #1\na "
		"sees CONNACK 00; CLOSE x80 told\nstore pass\n"
		"a connect exp=60\na pub t x q2 #1 d\na PUBREL 1\na sees CONNACK 00 present; PUBREC #1; "
		"PUBCOMP #1\nb lose\nb connect exp=60\n"
		"b sees CONNACK 00; SUBACK #1 02; CONNACK 00 present; PUB t=x q2 #2"},
	{"outcome unknown, and it had not: it comes the second time",
		"b connect exp=60\nb sub 1 t q2\na connect exp=60\nstore lost append\na pub t x q2 #1\na "
		"sees CONNACK 00; CLOSE x80 told\nstore pass\n"
		"a connect exp=60\na pub t x q2 #1 d\na PUBREL 1\na sees CONNACK 00 present; PUBREC #1; "
		"PUBCOMP #1\n"
		"b sees CONNACK 00; SUBACK #1 02; PUB t=x q2 #2"},
	{"PUBREL to a subscriber waits for its PUBREC on record",
		"b connect exp=60\nb sub 1 t q2\na connect\na pub t x q2 #1\nb sees CONNACK 00; SUBACK #1 "
		"02; PUB t=x q2 #2\nstore hold\nb PUBREC 2\nb sees\n"
		"store release\nb sees PUBREL #2"},
	{"a PUBREC that could not be recorded",
		"b connect exp=60\nb sub 1 t q2\na connect\na pub t x q2 #1\nstore lost\nb PUBREC 2\nstore "
		"pass\nb connect exp=60\n"
		"b sees CONNACK 00; SUBACK #1 02; PUB t=x q2 #2; CLOSE x80 told; CONNACK 00 present; PUB t=x "
		"q2 #2 dup\nb PUBREC 2\nb PUBCOMP 2\nb sees PUBREL #2"},
	{"PUBCOMP to a publisher waits until its id is forgotten",
		"a connect exp=60\na pub t x q2 #1\na sees CONNACK 00; PUBREC #1\nstore hold\na PUBREL 1\na "
		"sees\na pub t y q2 #1\na sees PUBREC #1 x91\nstore release\na sees PUBCOMP #1"},
	{"a PUBREL whose outcome is unknown",
		"a connect exp=60\na pub t x q2 #1\nstore unknown\na PUBREL 1\nstore pass\na connect "
		"exp=60\na PUBREL 1\na sees CONNACK 00; PUBREC #1; CLOSE x80 told; CONNACK 00 present; "
		"PUBCOMP #1"},
	{"SUBACK of a lasting session waits for the commit",
		"a connect exp=60\nstore hold\na sub 1 t q1\na sees CONNACK 00\na paused\nstore release\na "
		"sees SUBACK #1 01\na reading"},
	{"SUBACK that failed", "a connect exp=60\nstore fail\na sub 1 t q1\na sees CONNACK 00; SUBACK #1 "
			       "83\nstore pass\nb connect\nb pub t x q1 #1\na sees\na reading"},
	{"SUBACK unknown",
		"a connect exp=60\nstore unknown\na sub 1 t q1\na sees CONNACK 00; CLOSE x80 told"},
	{"UNSUBACK waits for the commit", "a connect exp=60\na sub 1 t q1\nstore hold\na unsub 2 t\na sees "
					  "CONNACK 00; SUBACK #1 01\nstore release\na sees UNSUBACK #2 00"},
	{"the publisher is gone when the commit comes",
		"b connect exp=60\nb sub 1 t q1\na connect\nstore hold append\na pub t x q1 #1\na "
		"lose\nstore release\nb sees CONNACK 00; SUBACK #1 01; PUB t=x q1 #2\na sees CONNACK 00"},
	{"the publisher is back when the commit comes: no PUBACK for another connection",
		"b connect exp=60\nb sub 1 t q1\na connect exp=60\nstore hold append\na pub t x q1 #1\na "
		"lose\na connect exp=60\nstore release\n"
		"a sees CONNACK 00; CONNACK 00 present\na pub t x q1 #1 d\na sees PUBACK #1"},
	{"the publisher is back and asks again while its QoS 2 is in commit",
		"b connect exp=60\nb sub 1 t q2\na connect exp=60\nstore late append\na pub t x q2 #1\na "
		"lose\na connect exp=60\na pub t x q2 #1 d\n"
		"a sees CONNACK 00; CONNACK 00 present\nstore release\na sees PUBREC #1\nb sees CONNACK 00; "
		"SUBACK #1 02; PUB t=x q2 #2"},
	{"the subscriber ends while the commit is out",
		"b connect exp=60\nb sub 1 t q1\na connect\nstore hold append\na pub t x q1 #1\nb disc "
		"exp=0\nstore release\na sees CONNACK 00; PUBACK #1"},
	{"publish, same-id reconnect, subscribe, all in one turn (CVE-2026-22040)",
		"b connect exp=60\nb sub 1 t q1\na connect\n!a pub t 1 q1 #1\n!b connect clean exp=60\n!a "
		"pub t 2 q1 #2\nrun\nb sub 1 t q1\n!a pub t 3 q1 #3\n!b connect exp=60\nrun\n"
		"a sees CONNACK 00; PUBACK #1; PUBACK #2; PUBACK #3\nb sub 2 t q1\na pub t 4 q1 #4\na sees "
		"PUBACK #4"},
	{"a full mailbox pauses the publisher and loses nothing",
		"b connect exp=60\nb sub 1 t q1\nc connect\nc sub 1 t q1\nd connect\nd sub 1 t q1\na "
		"connect\nmailbox 1\n!a pub t 1 q1 #1\n!a pub t 2 q1 #2\n!a pub t 3 q1 #3\nrun\nmailbox "
		"0\ntime 100\na reading\n"
		"b sees CONNACK 00; SUBACK #1 01; PUB t=1 q1 #2; PUB t=2 q1 #3; PUB t=3 q1 #4\nc sees "
		"CONNACK 00; SUBACK #1 01; PUB t=1 q1 #2; PUB t=2 q1 #3; PUB t=3 q1 #4\n"
		"a sees CONNACK 00; PUBACK #1; PUBACK #2; PUBACK #3"},
};

int main(void)
{
	engine_rows_run(qos_rows, ARRAY_COUNT(qos_rows), NULL);
	const struct hub_limits limits = {.receive_max = 3,
		.topic_alias_max = 4,
		.queue_count_max = 3,
		.subscriptions_max = 3,
		.check_payload_utf8 = true};
	engine_rows_run(limit_rows, ARRAY_COUNT(limit_rows), &limits);
	engine_rows_run(right_rows, ARRAY_COUNT(right_rows), NULL);
	engine_rows_run(store_rows, ARRAY_COUNT(store_rows), NULL);
	return test_result();
}
