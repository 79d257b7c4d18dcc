/*
 * names.c - words for versions, packet types and reason codes; which reason codes a packet may carry.
 * Never:   judges a packet; decoders and encoders ask here.
 */
#include "mqtt/codec.h"

const char *mqtt_version_name(enum mqtt_version version)
{
	switch (version) {
	case MQTT_3_1: return "3.1";
	case MQTT_3_1_1: return "3.1.1";
	case MQTT_5: return "5.0";
	}
	return "unknown";
}

const char *mqtt_type_name(enum mqtt_type type)
{
	static const char *const names[] = {
		[MQTT_CONNECT] = "CONNECT",
		[MQTT_CONNACK] = "CONNACK",
		[MQTT_PUBLISH] = "PUBLISH",
		[MQTT_PUBACK] = "PUBACK",
		[MQTT_PUBREC] = "PUBREC",
		[MQTT_PUBREL] = "PUBREL",
		[MQTT_PUBCOMP] = "PUBCOMP",
		[MQTT_SUBSCRIBE] = "SUBSCRIBE",
		[MQTT_SUBACK] = "SUBACK",
		[MQTT_UNSUBSCRIBE] = "UNSUBSCRIBE",
		[MQTT_UNSUBACK] = "UNSUBACK",
		[MQTT_PINGREQ] = "PINGREQ",
		[MQTT_PINGRESP] = "PINGRESP",
		[MQTT_DISCONNECT] = "DISCONNECT",
		[MQTT_AUTH] = "AUTH",
	};
	size_t index = (size_t)type;

	return index < ARRAY_COUNT(names) && names[index] != NULL ? names[index] : "unknown";
}

/* Who may send a code where. DISCONNECT and AUTH differ by side; the others come from one side or from both alike. */
#define C(type) MQTT_IN(MQTT_##type)
#define PUB     (C(PUBACK) | C(PUBREC))
#define REL     (C(PUBREL) | C(PUBCOMP))
#define SUBS    (C(SUBACK) | C(UNSUBACK))
/* DISCONNECT and AUTH in the client's column, beside their own bits for the server's. */
#define DISC_C (1u << 17)
#define AUTH_C (1u << 18)
#define DISC_S C(DISCONNECT)
#define AUTH_S C(AUTH)
#define DISC   (DISC_C | DISC_S)

/* MQTT 5, 2.4 and the lists of 3.2.2.2, 3.4.2.1, 3.5.2.1, 3.6.2.1, 3.7.2.1, 3.9.3, 3.11.3, 3.14.2.1, 3.15.2.1. */
static const struct reason_rule {
	uint8_t reason;
	uint32_t places;
	const char *name;
} reason_rules[] = {
	{0x00, C(CONNACK) | PUB | REL | SUBS | DISC | AUTH_S, "Success"},
	{0x01, C(SUBACK), "Granted QoS 1"},
	{0x02, C(SUBACK), "Granted QoS 2"},
	{0x04, DISC_C, "Disconnect with Will Message"},
	{0x10, PUB, "No matching subscribers"},
	{0x11, C(UNSUBACK), "No subscription existed"},
	{0x18, AUTH_S | AUTH_C, "Continue authentication"},
	{0x19, AUTH_C, "Re-authenticate"},
	{0x80, C(CONNACK) | PUB | SUBS | DISC, "Unspecified error"},
	{0x81, C(CONNACK) | DISC, "Malformed Packet"},
	{0x82, C(CONNACK) | DISC, "Protocol Error"},
	{0x83, C(CONNACK) | PUB | SUBS | DISC, "Implementation specific error"},
	{0x84, C(CONNACK), "Unsupported Protocol Version"},
	{0x85, C(CONNACK), "Client Identifier not valid"},
	{0x86, C(CONNACK), "Bad User Name or Password"},
	{0x87, C(CONNACK) | PUB | SUBS | DISC_S, "Not authorized"},
	{0x88, C(CONNACK), "Server unavailable"},
	{0x89, C(CONNACK) | DISC_S, "Server busy"},
	{0x8A, C(CONNACK), "Banned"},
	{0x8B, DISC_S, "Server shutting down"},
	{0x8C, C(CONNACK) | DISC_S, "Bad authentication method"},
	{0x8D, DISC_S, "Keep Alive timeout"},
	{0x8E, DISC_S, "Session taken over"},
	{0x8F, SUBS | DISC_S, "Topic Filter invalid"},
	{0x90, C(CONNACK) | PUB | DISC, "Topic Name invalid"},
	{0x91, PUB | SUBS, "Packet Identifier in use"},
	{0x92, REL, "Packet Identifier not found"},
	{0x93, DISC, "Receive Maximum exceeded"},
	{0x94, DISC, "Topic Alias invalid"},
	{0x95, C(CONNACK) | DISC, "Packet too large"},
	{0x96, DISC, "Message rate too high"},
	{0x97, C(CONNACK) | PUB | C(SUBACK) | DISC, "Quota exceeded"},
	{0x98, DISC, "Administrative action"},
	{0x99, C(CONNACK) | PUB | DISC, "Payload format invalid"},
	{0x9A, C(CONNACK) | DISC_S, "Retain not supported"},
	{0x9B, C(CONNACK) | DISC_S, "QoS not supported"},
	{0x9C, C(CONNACK) | DISC_S, "Use another server"},
	{0x9D, C(CONNACK) | DISC_S, "Server moved"},
	{0x9E, C(SUBACK) | DISC_S, "Shared Subscriptions not supported"},
	{0x9F, C(CONNACK) | DISC_S, "Connection rate exceeded"},
	{0xA0, DISC_S, "Maximum connect time"},
	{0xA1, C(SUBACK) | DISC_S, "Subscription Identifiers not supported"},
	{0xA2, C(SUBACK) | DISC_S, "Wildcard Subscriptions not supported"},
};

static const struct reason_rule *find_reason(uint8_t reason)
{
	for (size_t i = 0; i < ARRAY_COUNT(reason_rules); i++) {
		if (reason_rules[i].reason == reason) {
			return &reason_rules[i];
		}
	}
	return NULL;
}

const char *mqtt_reason_name(uint8_t reason)
{
	const struct reason_rule *rule = find_reason(reason);

	return rule != NULL ? rule->name : "unknown";
}

bool mqtt_reason_allowed(enum mqtt_type type, enum mqtt_side from, uint8_t reason)
{
	const struct reason_rule *rule = find_reason(reason);
	uint32_t place = MQTT_IN(type);

	if (from == MQTT_CLIENT && type == MQTT_DISCONNECT) {
		place = DISC_C;
	} else if (from == MQTT_CLIENT && type == MQTT_AUTH) {
		place = AUTH_C;
	}
	return rule != NULL && (rule->places & place) != 0;
}

/* 3.1.1, 3.2.2.3. Code 4 is about the user name or password, 5 about the right to connect. */
static const struct {
	uint8_t code;
	uint8_t reason;
} connack_rules[] = {
	/* The first row of a code is what that code is read as. */
	{0, MQTT_REASON_SUCCESS},
	{1, MQTT_REASON_UNSUPPORTED_VERSION},
	{2, MQTT_REASON_CLIENT_ID_NOT_VALID},
	{3, MQTT_REASON_SERVER_UNAVAILABLE},
	{3, MQTT_REASON_SERVER_BUSY},
	{3, MQTT_REASON_QUOTA_EXCEEDED},
	{3, MQTT_REASON_USE_ANOTHER_SERVER},
	{3, MQTT_REASON_SERVER_MOVED},
	{3, MQTT_REASON_CONNECTION_RATE_EXCEEDED},
	{4, MQTT_REASON_BAD_USER_NAME_OR_PASSWORD},
	{5, MQTT_REASON_NOT_AUTHORIZED},
	{5, MQTT_REASON_BANNED},
	{5, MQTT_REASON_BAD_AUTHENTICATION_METHOD},
};

uint8_t mqtt_connack_code_v3(uint8_t reason)
{
	for (size_t i = 0; i < ARRAY_COUNT(connack_rules); i++) {
		if (connack_rules[i].reason == reason) {
			return connack_rules[i].code;
		}
	}
	return MQTT_CONNACK_NONE;
}

enum err mqtt_connack_reason_from_v3(uint8_t code, uint8_t *reason)
{
	for (size_t i = 0; i < ARRAY_COUNT(connack_rules); i++) {
		if (connack_rules[i].code == code) {
			*reason = connack_rules[i].reason;
			return ERR_OK;
		}
	}
	return ERR_MALFORMED;
}
