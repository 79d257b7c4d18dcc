/*
 * rig_script.c - a few words of script, so that a test is a row: who does what, and what each then sees.
 *   a connect [v4] [clean] [exp=S] [ka=S] [rmax=N] [pmax=N] [amax=N] [assigned] [askinfo] [user=U] [will=TOPIC/PAYLOAD] [wq=N] [wr] [wdelay=S]
 *   a sub ID FILTER… with after each filter: q0|q1|q2 nl rap rh1 rh2      (sid=N: subscription identifier)
 *   a unsub ID FILTER…     a pub TOPIC PAYLOAD q1 #ID [r] [d] [exp=S] [alias=N] [user=k:v] [to=TOPIC]   ("-": empty)
 *   a PUBACK|PUBREC|PUBREL|PUBCOMP ID [xHH]     a ping     a disc [xHH] [exp=S]     a lose     a cancel     a auth
 *   a sees TEXT     a paused|reading     a backlog N     a writable
 *   time MS     deny|allow pub|sub|del TOPIC     rights     store pass|hold|late|release|fail|unknown|lost [append]
 *   stall MS (all at once, and only the timers are looked at)
 *   mailbox N     restart     close NAME xHH drop|will|revoked [end]     stop     run
 * Mail runs after each line unless it begins with '!'.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/broker/rig.h"

#define WORDS_MAX 32u

struct line {
	struct rig *rig;
	const char *row;
	char *words[WORDS_MAX];
	size_t count;
};

static const char *option(const struct line *line, const char *name)
{
	const size_t n = strlen(name);
	for (size_t i = 2; i < line->count; i++) {
		if (strncmp(line->words[i], name, n) == 0) {
			return line->words[i] + n;
		}
	}
	return NULL;
}

static bool has(const struct line *line, const char *word)
{
	for (size_t i = 2; i < line->count; i++) {
		if (strcmp(line->words[i], word) == 0) {
			return true;
		}
	}
	return false;
}

static uint32_t number(const struct line *line, const char *name, uint32_t otherwise)
{
	const char *text = option(line, name);
	return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

/* The word "xHH", 0 if there is none. */
static uint8_t reason_of(const struct line *line)
{
	for (size_t i = 2; i < line->count; i++) {
		if (line->words[i][0] == 'x' && strlen(line->words[i]) == 3) {
			return (uint8_t)strtoul(line->words[i] + 1, NULL, 16);
		}
	}
	return 0;
}

static struct bytes text_of(const char *word)
{
	return strcmp(word, "-") == 0 ? BYTES_NONE : bytes_text(word);
}

static void send(struct rig_client *client, const struct mqtt_packet_view *view)
{
	const struct mqtt_encode_options options = {.version = client->version};
	struct buf out = BUF_INIT(1u << 20);
	REQUIRE(client->name, mqtt_encode(&options, view, &out) == ERR_OK);
	rig_feed(client, buf_bytes(&out));
	buf_release(&out);
}

/* --- words --- */

static void do_connect(struct line *line, struct rig_client *client)
{
	struct buf props = BUF_INIT(1024);
	struct buf will_props = BUF_INIT(1024);
	struct wire_writer writer = wire_writer_init(&will_props);
	char will_text[64] = "";
	struct mqtt_connect_view view = {.version = has(line, "v4") ? MQTT_3_1_1 : MQTT_5,
		.clean_start = has(line, "clean"),
		.keep_alive_s = (uint16_t)number(line, "ka=", 0),
		.client_id = bytes_text(client->name)};
	client->version = view.version;
	view.props.session_expiry_s = number(line, "exp=", 0);
	view.props.receive_max = (uint16_t)number(line, "rmax=", 65535);
	view.props.packet_bytes_max = number(line, "pmax=", UINT32_MAX);
	view.props.request_problem_info = true;
	view.props.topic_alias_max = (uint16_t)number(line, "amax=", 0);
	view.props.request_response_info = has(line, "askinfo");
	if (option(line, "will=") != NULL) {
		(void)snprintf(will_text, sizeof(will_text), "%s", option(line, "will="));
		char *payload = strchr(will_text, '=');
		REQUIRE(line->row, payload != NULL);
		*payload++ = '\0';
		view.has_will = true;
		view.will = (struct mqtt_will_view){.topic = bytes_text(will_text),
			.payload = bytes_text(payload),
			.qos = (uint8_t)number(line, "wq=", 0),
			.retain = has(line, "wr")};
		view.will.props.will_delay_s = number(line, "wdelay=", 0);
		if (option(line, "wuser=") != NULL) {
			mqtt_put_prop_user(&writer, bytes_text("k1"), bytes_text(option(line, "wuser=")));
			mqtt_put_prop_user(&writer, bytes_text("k0"), bytes_text("second"));
			view.will.props.raw = buf_bytes(&will_props);
			view.will.props.user_count = 2;
		}
	}
	const char *user = option(line, "user=");
	char assigned[HUB_CLIENT_ID_BYTES] = "";
	if (has(line, "assigned")) {
		REQUIRE(line->row, hub_client_id_assign(line->rig->hubs[0], assigned) == ERR_OK);
	}
	const char *name = assigned[0] == '\0' ? client->name : assigned;
	const struct session_identity in = {
		.client_id = name, .user = user == NULL ? "somebody" : user, .channel = "TEST"};
	const struct session_identity *identity = NULL;
	REQUIRE(line->row, session_identity_new(&in, &identity) == ERR_OK);
	client->hub = line->rig->hubs[engine_home(line->rig->engine, bytes_text(name))];
	client->closed = false;
	client->paused = false;
	client->backlog = 0;
	const struct hub_connect_request request = {.connect = &view,
		.identity = identity,
		.client_id_assigned = assigned[0] != '\0',
		.link = rig_link(client)};
	const enum err err = hub_connect(client->hub, &request, rig_connected, client, &client->connecting);
	if (err != ERR_OK) {
		(void)snprintf(client->seen + strlen(client->seen),
			sizeof(client->seen) - strlen(client->seen), "REFUSED x%02x",
			hub_connect_reason(err));
	}
	session_identity_unref(identity);
	buf_release(&props);
	buf_release(&will_props);
}

static void do_sub(struct line *line, struct rig_client *client)
{
	struct buf raw = BUF_INIT(1u << 20);
	struct buf props = BUF_INIT(64);
	struct wire_writer writer = wire_writer_init(&raw);
	struct wire_writer prop_writer = wire_writer_init(&props);
	struct mqtt_packet_view view = {.type = MQTT_SUBSCRIBE};
	view.as.subscribe.packet_id = (uint16_t)strtoul(line->words[2], NULL, 10);
	struct mqtt_subscription one = {0};
	for (size_t i = 3; i <= line->count; i++) {
		const char *word = i == line->count ? NULL : line->words[i];
		if (word == NULL || !(strcmp(word, "q0") == 0 || strcmp(word, "q1") == 0 ||
					    strcmp(word, "q2") == 0 || strcmp(word, "nl") == 0 ||
					    strcmp(word, "rap") == 0 || strcmp(word, "rh1") == 0 ||
					    strcmp(word, "rh2") == 0 || strncmp(word, "sid=", 4) == 0)) {
			if (one.filter.len > 0) {
				mqtt_put_subscription(&writer, client->version, &one);
				view.as.subscribe.count++;
			}
			one = (struct mqtt_subscription){
				.filter = word == NULL ? BYTES_NONE : bytes_text(word)};
		} else if (word[0] == 'q') {
			one.qos = (uint8_t)(word[1] - '0');
		} else if (strcmp(word, "nl") == 0) {
			one.no_local = true;
		} else if (strcmp(word, "rap") == 0) {
			one.retain_as_published = true;
		} else if (word[0] == 'r') {
			one.retain_handling = (uint8_t)(word[2] - '0');
		} else {
			mqtt_put_prop_int(&prop_writer, MQTT_PROP_SUBSCRIPTION_ID,
				(uint32_t)strtoul(word + 4, NULL, 10));
		}
	}
	view.as.subscribe.raw = buf_bytes(&raw);
	view.as.subscribe.props.raw = buf_bytes(&props);
	send(client, &view);
	buf_release(&raw);
	buf_release(&props);
}

static void do_unsub(struct line *line, struct rig_client *client)
{
	struct buf raw = BUF_INIT(1u << 20);
	struct wire_writer writer = wire_writer_init(&raw);
	struct mqtt_packet_view view = {.type = MQTT_UNSUBSCRIBE};
	view.as.unsubscribe.packet_id = (uint16_t)strtoul(line->words[2], NULL, 10);
	for (size_t i = 3; i < line->count; i++) {
		mqtt_put_unsubscription(&writer, bytes_text(line->words[i]));
		view.as.unsubscribe.count++;
	}
	view.as.unsubscribe.raw = buf_bytes(&raw);
	send(client, &view);
	buf_release(&raw);
}

static void do_pub(struct line *line, struct rig_client *client)
{
	struct buf props = BUF_INIT(1024);
	struct wire_writer writer = wire_writer_init(&props);
	struct mqtt_packet_view view = {.type = MQTT_PUBLISH};
	struct mqtt_publish_view *publish = &view.as.publish;
	publish->topic = text_of(line->words[2]);
	publish->payload = text_of(line->words[3]);
	publish->qos = has(line, "q2") ? 2 : has(line, "q1") ? 1 : 0;
	publish->packet_id = (uint16_t)number(line, "#", 0);
	publish->retain = has(line, "r");
	publish->dup = has(line, "d");
	if (option(line, "exp=") != NULL) {
		mqtt_put_prop_int(&writer, MQTT_PROP_MESSAGE_EXPIRY, number(line, "exp=", 0));
	}
	if (option(line, "alias=") != NULL) {
		mqtt_put_prop_int(&writer, MQTT_PROP_TOPIC_ALIAS, number(line, "alias=", 0));
	}
	if (option(line, "to=") != NULL) {
		mqtt_put_prop_bytes(&writer, MQTT_PROP_RESPONSE_TOPIC, bytes_text(option(line, "to=")));
	}
	if (option(line, "user=") != NULL) {
		mqtt_put_prop_user(&writer, bytes_text("k"), bytes_text(option(line, "user=")));
		mqtt_put_prop_user(&writer, bytes_text("a"), bytes_text("second"));
	}
	if (option(line, "utf8") != NULL) {
		mqtt_put_prop_int(&writer, MQTT_PROP_PAYLOAD_FORMAT, 1);
	}
	publish->props.raw = buf_bytes(&props);
	publish->props.topic_alias = (uint16_t)number(line, "alias=", 0);
	send(client, &view);
	buf_release(&props);
}

static bool do_ack(struct line *line, struct rig_client *client)
{
	static const enum mqtt_type types[] = {MQTT_PUBACK, MQTT_PUBREC, MQTT_PUBREL, MQTT_PUBCOMP};
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		if (strcmp(line->words[1], mqtt_type_name(types[i])) == 0) {
			struct mqtt_packet_view view = {.type = types[i]};
			view.as.ack.type = types[i];
			view.as.ack.packet_id = (uint16_t)strtoul(line->words[2], NULL, 10);
			view.as.ack.reason = reason_of(line);
			send(client, &view);
			return true;
		}
	}
	return false;
}

static void do_disc(struct line *line, struct rig_client *client)
{
	struct buf props = BUF_INIT(64);
	struct wire_writer writer = wire_writer_init(&props);
	struct mqtt_packet_view view = {.type = MQTT_DISCONNECT};
	view.as.disconnect.reason = reason_of(line);
	if (option(line, "exp=") != NULL) {
		mqtt_put_prop_int(&writer, MQTT_PROP_SESSION_EXPIRY, number(line, "exp=", 0));
	}
	view.as.disconnect.props.raw = buf_bytes(&props);
	send(client, &view);
	buf_release(&props);
}

static void do_sees(struct line *line, struct rig_client *client, const char *want)
{
	const char *seen = rig_seen(client);
	if (strcmp(seen, want) != 0) {
		(void)fprintf(
			stderr, "%s: %s\n  sees  %s\n  wants %s\n", line->row, client->name, seen, want);
		CHECK(line->row, false);
	} else {
		CHECK(line->row, true);
	}
	client->seen[0] = '\0';
}

static void do_client(struct line *line, struct rig_client *client)
{
	const char *word = line->words[1];
	if (strcmp(word, "connect") == 0) {
		do_connect(line, client);
	} else if (strcmp(word, "sub") == 0) {
		do_sub(line, client);
	} else if (strcmp(word, "unsub") == 0) {
		do_unsub(line, client);
	} else if (strcmp(word, "pub") == 0) {
		do_pub(line, client);
	} else if (strcmp(word, "ping") == 0) {
		rig_feed(client, bytes_of("\xc0\x00", 2));
	} else if (strcmp(word, "auth") == 0) {
		rig_feed(client, bytes_of("\xf0\x02\x19\x00", 4));
	} else if (strcmp(word, "again") == 0) {
		rig_feed(client, bytes_of("\x10\x10\x00\x04MQTT\x05\x00\x00\x00\x00\x00\x03xyz", 18));
	} else if (strcmp(word, "disc") == 0) {
		do_disc(line, client);
	} else if (strcmp(word, "lose") == 0) {
		struct session *session = client->session;
		client->session = NULL;
		client->closed = true;
		REQUIRE(line->row, session != NULL);
		session_lost(session);
	} else if (strcmp(word, "cancel") == 0) {
		REQUIRE(line->row, client->connecting != NULL);
		hub_connect_cancel(client->hub, client->connecting);
		client->connecting = NULL;
		client->closed = client->session == NULL;
	} else if (strcmp(word, "paused") == 0) {
		CHECK(line->row, client->paused);
	} else if (strcmp(word, "reading") == 0) {
		CHECK(line->row, !client->paused);
	} else if (strcmp(word, "backlog") == 0) {
		client->backlog = (size_t)strtoul(line->words[2], NULL, 10);
	} else if (strcmp(word, "writable") == 0) {
		client->backlog = 0;
		session_writable(client->session);
	} else if (!do_ack(line, client)) {
		(void)fprintf(stderr, "%s: what is \"%s\"?\n", line->row, word);
		REQUIRE(line->row, false);
	}
}

static void do_store(struct line *line)
{
	static const struct {
		const char *word;
		enum rig_store_mode mode;
	} modes[] = {{"pass", RIG_STORE_PASS}, {"hold", RIG_STORE_HOLD}, {"late", RIG_STORE_LATE},
		{"fail", RIG_STORE_FAIL}, {"unknown", RIG_STORE_UNKNOWN}, {"lost", RIG_STORE_LOST}};
	if (strcmp(line->words[1], "release") == 0) {
		rig_store_release(line->rig);
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		if (strcmp(line->words[1], modes[i].word) == 0) {
			line->rig->mode = modes[i].mode;
			line->rig->only_append = has(line, "append");
			return;
		}
	}
	REQUIRE(line->row, false);
}

static void do_rights(struct line *line, bool deny)
{
	struct rig *rig = line->rig;
	char text[64];
	(void)snprintf(text, sizeof(text), "%s %s", line->words[1], line->words[2]);
	if (deny) {
		REQUIRE(line->row, rig->denied_count < RIG_DENIED_MAX);
		(void)snprintf(rig->denied[rig->denied_count++], sizeof(rig->denied[0]), "%s", text);
	}
	for (size_t i = 0; !deny && i < rig->denied_count; i++) {
		if (strcmp(rig->denied[i], text) == 0) {
			rig->denied_count--;
			memmove(rig->denied[i], rig->denied[rig->denied_count], sizeof(rig->denied[0]));
			break;
		}
	}
	engine_rights_changed(rig->engine);
}

static void do_close(struct line *line)
{
	struct rig *rig = line->rig;
	const struct bytes name = bytes_text(line->words[1]);
	const enum session_will will = has(line, "will")      ? SESSION_WILL_PUBLISH
				       : has(line, "revoked") ? SESSION_WILL_REVOKED
							      : SESSION_WILL_DROP;
	CHECK(line->row, hub_session_close(rig->hubs[engine_home(rig->engine, name)], name, reason_of(line),
				 will, has(line, "end")) == (has(line, "missing") ? ERR_NOT_FOUND : ERR_OK));
}

static bool do_world(struct line *line)
{
	struct rig *rig = line->rig;
	const char *word = line->words[0];
	if (strcmp(word, "time") == 0) {
		rig_advance(rig, strtoull(line->words[1], NULL, 10));
	} else if (strcmp(word, "stall") == 0) {
		clock_fake_advance(&rig->time, strtoull(line->words[1], NULL, 10));
		for (unsigned i = 0; i < rig->workers; i++) {
			(void)wheel_advance(rig->wheels[i], rig->time.mono_ms);
		}
	} else if (strcmp(word, "store") == 0) {
		do_store(line);
	} else if (strcmp(word, "deny") == 0 || strcmp(word, "allow") == 0) {
		do_rights(line, word[0] == 'd');
	} else if (strcmp(word, "mailbox") == 0) {
		rig->mailbox_max = (unsigned)strtoul(line->words[1], NULL, 10);
	} else if (strcmp(word, "restart") == 0) {
		rig_restart(rig);
	} else if (strcmp(word, "close") == 0) {
		do_close(line);
	} else if (strcmp(word, "stop") == 0) {
		for (unsigned i = 0; i < rig->workers; i++) {
			hub_stop(rig->hubs[i]);
		}
	} else if (strcmp(word, "run") != 0) {
		return false;
	}
	return true;
}

static void do_line(struct rig *rig, const char *row, char *text)
{
	struct line line = {.rig = rig, .row = row};
	char *sees = strstr(text, " sees ");
	char *want = NULL;
	if (sees != NULL) {
		want = sees + strlen(" sees ");
		*sees = '\0';
	} else if (strlen(text) > 5 && strcmp(text + strlen(text) - 5, " sees") == 0) {
		text[strlen(text) - 5] = '\0';
		want = text + strlen(text);
	}
	const bool quiet = text[0] == '!';
	char *save = NULL;
	for (char *word = strtok_r(text + quiet, " ", &save); word != NULL && line.count < WORDS_MAX;
		word = strtok_r(NULL, " ", &save)) {
		line.words[line.count++] = word;
	}
	/* A word that was forgotten is an empty one. */
	for (size_t i = line.count; i < WORDS_MAX; i++) {
		line.words[i] = text + strlen(text);
	}
	if (line.count == 0) {
		return;
	}
	if (want != NULL) {
		do_sees(&line, rig_client(rig, line.words[0]), want);
	} else if (!do_world(&line)) {
		REQUIRE(row, line.count >= 2);
		do_client(&line, rig_client(rig, line.words[0]));
	}
	if (!quiet) {
		rig_run(rig);
	}
}

void rig_script(struct rig *rig, const char *row, const char *script)
{
	char text[1024];
	while (*script != '\0') {
		const size_t n = strcspn(script, "\n");
		REQUIRE(row, n < sizeof(text));
		memcpy(text, script, n);
		text[n] = '\0';
		do_line(rig, row, text);
		script += n + (script[n] == '\n' ? 1 : 0);
	}
}
