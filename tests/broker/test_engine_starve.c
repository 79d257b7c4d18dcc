/*
 * test_engine_starve.c - goal: with the Nth allocation failing, N = 1, 2, 3…, nothing crashes or leaks, and no PUBACK
 *   is given for a message that its lasting subscriber does not get, and no SUBACK for a subscription that is not there.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/broker/rig.h"

/* The engine allocates only in what is fed to it here; the script's own allocations are made beforehand. */
static bool round_with(unsigned long n)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	REQUIRE("rig", rig != NULL);
	rig_up(rig, 1, NULL);
	rig_script(rig, "before",
		"b connect exp=60\nb sub 1 t q1\nb sees CONNACK 00; SUBACK #1 01\nb lose\na connect\na sees "
		"CONNACK 00");
	struct rig_client *a = rig_client(rig, "a");
	REQUIRE("room", buf_reserve(&a->out, 4096) == ERR_OK);
	test_alloc_fail_at(n);
	rig_feed(a, bytes_of("\x32\x08\x00\x01t\x00\x07\x00xy", 10)); /* PUBLISH QoS 1, packet id 7 */
	rig_run(rig);
	const bool failed = test_alloc_failed();
	test_alloc_fail_at(0);
	const bool acknowledged = strstr(rig_seen(a), "PUBACK #7") != NULL && strstr(a->seen, "x9") == NULL &&
				  strstr(a->seen, "x8") == NULL;
	rig_script(rig, "after", "b connect exp=60");
	const bool delivered = strstr(rig_seen(rig_client(rig, "b")), "PUB t=xy q1 #2") != NULL;
	CHECK("acknowledged means delivered", !acknowledged || delivered);
	CHECK("nothing failed: acknowledged", failed || acknowledged);
	rig_down(rig);
	free(rig);
	return failed;
}

/* CONNECT under the same: an answer or an error, never half a session. */
static bool connect_with(unsigned long n)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	REQUIRE("rig", rig != NULL);
	rig_up(rig, 1, NULL);
	struct rig_client *a = rig_client(rig, "a");
	REQUIRE("room", buf_reserve(&a->out, 4096) == ERR_OK);
	struct mqtt_connect_view view = {.version = MQTT_5, .has_will = true};
	view.will = (struct mqtt_will_view){.topic = bytes_text("w"), .payload = bytes_text("gone")};
	view.props.session_expiry_s = 60;
	view.props.receive_max = 10;
	view.props.packet_bytes_max = UINT32_MAX;
	const struct session_identity in = {.client_id = "a", .user = "somebody", .channel = "TEST"};
	const struct session_identity *identity = NULL;
	REQUIRE("identity", session_identity_new(&in, &identity) == ERR_OK);
	const struct hub_connect_request request = {
		.connect = &view, .identity = identity, .link = rig_link(a)};
	a->closed = false;
	a->hub = rig->hubs[0];
	test_alloc_fail_at(n);
	const enum err err = hub_connect(rig->hubs[0], &request, rig_connected, a, &a->connecting);
	rig_run(rig);
	const bool failed = test_alloc_failed();
	test_alloc_fail_at(0);
	const bool in_now = strncmp(rig_seen(a), "CONNACK 00", 10) == 0;
	CHECK("no ADMIT without a session", in_now == (a->session != NULL));
	CHECK("nothing failed: connected", failed || in_now);
	CHECK("an error or an answer", err != ERR_OK || a->seen[0] != '\0');
	session_identity_unref(identity);
	a->seen[0] = '\0';
	rig_script(rig, "after", "a connect clean\na ping");
	CHECK("and the next one comes in", strstr(rig_seen(a), "PINGRESP") != NULL);
	rig_down(rig);
	free(rig);
	return failed;
}

/*
 * SUBSCRIBE of a lasting session, two filters, one with a retained message: what SUBACK grants is there on this
 * connection and the next, what it refuses is not, and without a SUBACK the connection is closed.
 */
static bool subscribe_with(unsigned long n)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	REQUIRE("rig", rig != NULL);
	rig_up(rig, 1, NULL);
	rig_script(rig, "before",
		"b connect\nb pub t old r q1 #1\nb sees CONNACK 00; PUBACK #1\na connect exp=60\na sees "
		"CONNACK 00");
	struct rig_client *a = rig_client(rig, "a");
	REQUIRE("room", buf_reserve(&a->out, 4096) == ERR_OK);
	test_alloc_fail_at(n);
	/* SUBSCRIBE, packet id 7: t at QoS 1, u at QoS 1 */
	rig_feed(a, bytes_of("\x82\x0b\x00\x07\x00\x00\x01t\x01\x00\x01u\x01", 13));
	rig_run(rig);
	const bool failed = test_alloc_failed();
	test_alloc_fail_at(0);
	const char *suback = strstr(rig_seen(a), "SUBACK #7 ");
	unsigned codes[2] = {0x80, 0x80};
	if (suback != NULL) {
		char *end = NULL;
		codes[0] = (unsigned)strtoul(suback + strlen("SUBACK #7 "), &end, 16);
		REQUIRE("two codes", end != NULL && *end == ' ');
		codes[1] = (unsigned)strtoul(end, NULL, 16);
	}
	CHECK("nothing failed: granted", failed || (codes[0] == 1 && codes[1] == 1));
	CHECK("nothing failed: the retained message",
		failed || strstr(a->seen, "PUB t=old q1 #2 retain") != NULL);
	CHECK("answered or closed", suback != NULL || a->session == NULL);
	if (a->session != NULL) {
		rig_script(rig, "after", "b pub t new q1 #2\nb pub u new q1 #3");
		CHECK("granted means delivered",
			(strstr(rig_seen(a), "PUB t=new") != NULL) == (codes[0] < 0x80));
		CHECK("granted means delivered", (strstr(a->seen, "PUB u=new") != NULL) == (codes[1] < 0x80));
		rig_script(rig, "after", "a lose");
	}
	a->seen[0] = '\0';
	rig_script(rig, "after", "a connect exp=60\nb pub t next q1 #4\nb pub u next q1 #5");
	CHECK("and on the next connection, too",
		strstr(rig_seen(a), "PUB t=next") != NULL || codes[0] >= 0x80);
	CHECK("and on the next connection, too", strstr(a->seen, "PUB u=next") != NULL || codes[1] >= 0x80);
	a->seen[0] = '\0';
	rig_script(rig, "after", "a sub 8 t q1 u q1");
	CHECK("and it can be asked again", strstr(rig_seen(a), "SUBACK #8 01 01") != NULL);
	rig_down(rig);
	free(rig);
	return failed;
}

int main(void)
{
	for (unsigned long n = 1; subscribe_with(n); n++) {
	}
	for (unsigned long n = 1; round_with(n); n++) {
	}
	for (unsigned long n = 1; connect_with(n); n++) {
	}
	return test_result();
}
