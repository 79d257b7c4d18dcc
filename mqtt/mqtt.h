/*
 * mqtt.h - the packets of MQTT 3.1, 3.1.1 and 5.0, both directions: framing, decoding, encoding, topics.
 * Owns:    nothing; a view borrows the packet that it was decoded from, for as long as those bytes stand.
 * Never:   keeps state between packets, allocates when it decodes, touches a socket, clock, log or session.
 * Threads: any.
 *
 * A stream is cut into frames (mqtt_frame_next), a frame is decoded into a view. Once one of them has refused, the
 * stream stays malformed: answer with fault.reason where the version has an answer, then close.
 * Reason codes are those of MQTT 5 everywhere in this interface, the older versions included; the encoders translate.
 */
#ifndef LOCKGATE_MQTT_MQTT_H
#define LOCKGATE_MQTT_MQTT_H

#include "base/bytes.h"
#include "base/wire.h"

/* --- names --- */

/* The protocol level on the wire. */
enum mqtt_version { MQTT_3_1 = 3, MQTT_3_1_1 = 4, MQTT_5 = 5 };

enum mqtt_side { MQTT_CLIENT, MQTT_SERVER };

enum mqtt_type {
	MQTT_CONNECT = 1,
	MQTT_CONNACK,
	MQTT_PUBLISH,
	MQTT_PUBACK,
	MQTT_PUBREC,
	MQTT_PUBREL,
	MQTT_PUBCOMP,
	MQTT_SUBSCRIBE,
	MQTT_SUBACK,
	MQTT_UNSUBSCRIBE,
	MQTT_UNSUBACK,
	MQTT_PINGREQ,
	MQTT_PINGRESP,
	MQTT_DISCONNECT,
	MQTT_AUTH /* MQTT 5 only */
};

/* MQTT 5, 2.4. Travels as uint8_t; from 0x80 upwards it is a failure. */
enum mqtt_reason {
	MQTT_REASON_SUCCESS = 0x00, /* also: normal disconnection, granted QoS 0 */
	MQTT_REASON_GRANTED_QOS_1 = 0x01,
	MQTT_REASON_GRANTED_QOS_2 = 0x02,
	MQTT_REASON_DISCONNECT_WITH_WILL = 0x04,
	MQTT_REASON_NO_MATCHING_SUBSCRIBERS = 0x10,
	MQTT_REASON_NO_SUBSCRIPTION_EXISTED = 0x11,
	MQTT_REASON_CONTINUE_AUTHENTICATION = 0x18,
	MQTT_REASON_REAUTHENTICATE = 0x19,
	MQTT_REASON_UNSPECIFIED = 0x80,
	MQTT_REASON_MALFORMED_PACKET = 0x81,
	MQTT_REASON_PROTOCOL_ERROR = 0x82,
	MQTT_REASON_IMPLEMENTATION_SPECIFIC = 0x83,
	MQTT_REASON_UNSUPPORTED_VERSION = 0x84,
	MQTT_REASON_CLIENT_ID_NOT_VALID = 0x85,
	MQTT_REASON_BAD_USER_NAME_OR_PASSWORD = 0x86,
	MQTT_REASON_NOT_AUTHORIZED = 0x87,
	MQTT_REASON_SERVER_UNAVAILABLE = 0x88,
	MQTT_REASON_SERVER_BUSY = 0x89,
	MQTT_REASON_BANNED = 0x8A,
	MQTT_REASON_SERVER_SHUTTING_DOWN = 0x8B,
	MQTT_REASON_BAD_AUTHENTICATION_METHOD = 0x8C,
	MQTT_REASON_KEEP_ALIVE_TIMEOUT = 0x8D,
	MQTT_REASON_SESSION_TAKEN_OVER = 0x8E,
	MQTT_REASON_TOPIC_FILTER_INVALID = 0x8F,
	MQTT_REASON_TOPIC_NAME_INVALID = 0x90,
	MQTT_REASON_PACKET_ID_IN_USE = 0x91,
	MQTT_REASON_PACKET_ID_NOT_FOUND = 0x92,
	MQTT_REASON_RECEIVE_MAXIMUM_EXCEEDED = 0x93,
	MQTT_REASON_TOPIC_ALIAS_INVALID = 0x94,
	MQTT_REASON_PACKET_TOO_LARGE = 0x95,
	MQTT_REASON_MESSAGE_RATE_TOO_HIGH = 0x96,
	MQTT_REASON_QUOTA_EXCEEDED = 0x97,
	MQTT_REASON_ADMINISTRATIVE_ACTION = 0x98,
	MQTT_REASON_PAYLOAD_FORMAT_INVALID = 0x99,
	MQTT_REASON_RETAIN_NOT_SUPPORTED = 0x9A,
	MQTT_REASON_QOS_NOT_SUPPORTED = 0x9B,
	MQTT_REASON_USE_ANOTHER_SERVER = 0x9C,
	MQTT_REASON_SERVER_MOVED = 0x9D,
	MQTT_REASON_SHARED_NOT_SUPPORTED = 0x9E,
	MQTT_REASON_CONNECTION_RATE_EXCEEDED = 0x9F,
	MQTT_REASON_MAXIMUM_CONNECT_TIME = 0xA0,
	MQTT_REASON_SUBSCRIPTION_IDS_NOT_SUPPORTED = 0xA1,
	MQTT_REASON_WILDCARDS_NOT_SUPPORTED = 0xA2
};

/* MQTT 5, 2.2.2.2. */
enum mqtt_prop {
	MQTT_PROP_PAYLOAD_FORMAT = 0x01,
	MQTT_PROP_MESSAGE_EXPIRY = 0x02,
	MQTT_PROP_CONTENT_TYPE = 0x03,
	MQTT_PROP_RESPONSE_TOPIC = 0x08,
	MQTT_PROP_CORRELATION_DATA = 0x09,
	MQTT_PROP_SUBSCRIPTION_ID = 0x0B,
	MQTT_PROP_SESSION_EXPIRY = 0x11,
	MQTT_PROP_ASSIGNED_CLIENT_ID = 0x12,
	MQTT_PROP_SERVER_KEEP_ALIVE = 0x13,
	MQTT_PROP_AUTH_METHOD = 0x15,
	MQTT_PROP_AUTH_DATA = 0x16,
	MQTT_PROP_REQUEST_PROBLEM_INFO = 0x17,
	MQTT_PROP_WILL_DELAY = 0x18,
	MQTT_PROP_REQUEST_RESPONSE_INFO = 0x19,
	MQTT_PROP_RESPONSE_INFO = 0x1A,
	MQTT_PROP_SERVER_REFERENCE = 0x1C,
	MQTT_PROP_REASON_STRING = 0x1F,
	MQTT_PROP_RECEIVE_MAX = 0x21,
	MQTT_PROP_TOPIC_ALIAS_MAX = 0x22,
	MQTT_PROP_TOPIC_ALIAS = 0x23,
	MQTT_PROP_MAX_QOS = 0x24,
	MQTT_PROP_RETAIN_AVAILABLE = 0x25,
	MQTT_PROP_USER = 0x26,
	MQTT_PROP_PACKET_BYTES_MAX = 0x27,
	MQTT_PROP_WILDCARD_AVAILABLE = 0x28,
	MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE = 0x29,
	MQTT_PROP_SHARED_AVAILABLE = 0x2A
};

/* Never NULL; what is not in the table is "unknown". */
const char *mqtt_version_name(enum mqtt_version version); /* "3.1", "3.1.1", "5.0" */
const char *mqtt_type_name(enum mqtt_type type);          /* "CONNECT" */
const char *mqtt_reason_name(uint8_t reason);             /* "Topic Filter invalid" */
const char *mqtt_prop_name(uint8_t prop);                 /* "Session Expiry Interval" */

/* --- limits --- */

#define MQTT_VARINT_MAX            268435455u
#define MQTT_PACKET_BYTES_MAX      (MQTT_VARINT_MAX + 5u)
#define MQTT_STRING_BYTES_MAX      65535u
#define MQTT_TOPIC_LEVELS_MAX      128u  /* topic names and filters; the share prefix is not counted */
#define MQTT_USER_PROPERTIES_MAX   256u  /* per packet, will properties apart; more is ERR_LIMIT, 0x97 */
#define MQTT_SUBSCRIPTIONS_MAX     1024u /* filters in one SUBSCRIBE or UNSUBSCRIBE; more is ERR_LIMIT, 0x97 */
#define MQTT_3_1_CLIENT_ID_LEN_MAX 23u

/* --- framing --- */

struct mqtt_frame {
	enum mqtt_type type;
	uint8_t flags;       /* the low nibble of the first byte */
	size_t packet_bytes; /* fixed header and body */
	struct bytes body;   /* borrowed from the input */
};

/*
 * The packet at the front of in, which may hold any part of it or more than it. Does not look into the body.
 * packet_bytes_max bounds the whole packet, fixed header included; 0 means no limit of ours.
 * ERR_OK         *out is the frame; the next one begins at in.data + out->packet_bytes.
 * ERR_AGAIN      not all there; out->packet_bytes is how many bytes in must hold at the least before it is worth
 *                asking again (the whole packet, once its length is known), the rest of *out is unset.
 * ERR_MALFORMED  reserved type, wrong flags, length that is overlong or that the type cannot have: 0x81.
 * ERR_LIMIT      beyond packet_bytes_max: 0x95.
 * Every refusal comes with the first byte that allows it; it does not depend on how the stream is cut.
 */
MUST_CHECK enum err mqtt_frame_next(
	struct bytes in, size_t packet_bytes_max, struct mqtt_frame *out, struct fault *fault);

/*
 * Whether a packet of this type may come from that side at all, in that version: ERR_OK, else ERR_INVALID with 0x82
 * (ERR_MALFORMED with 0x81 for AUTH before MQTT 5, where the type is reserved). The order of packets, such as CONNECT
 * being first and only once (MQTT-3.1.0-1, -2), is the connection's business.
 */
MUST_CHECK enum err mqtt_type_allowed(
	enum mqtt_version version, enum mqtt_side from, enum mqtt_type type, struct fault *fault);

/* --- properties --- */

/*
 * The properties of one packet, checked when it was decoded: known, allowed there, repeated only where that is
 * allowed, and in range. A field whose property is absent holds what the specification gives to absence, so most
 * callers need no mqtt_props_has(). Always empty before MQTT 5. For encoding only raw counts.
 */
struct mqtt_props_view {
	struct bytes raw; /* without the length in front; in the sender's order */
	uint64_t present; /* bit per property id: mqtt_props_has() */
	uint32_t user_count;
	uint32_t subscription_id_count; /* more than one only in PUBLISH from a server */

	struct bytes content_type;
	struct bytes response_topic;
	struct bytes correlation_data;
	struct bytes assigned_client_id;
	struct bytes auth_method;
	struct bytes auth_data;
	struct bytes response_info;
	struct bytes server_reference;
	struct bytes reason_string;
	uint32_t message_expiry_s;
	uint32_t session_expiry_s; /* 0: ends with the connection; UINT32_MAX: never */
	uint32_t will_delay_s;
	uint32_t packet_bytes_max; /* UINT32_MAX when absent */
	uint32_t subscription_id;  /* the first one; 0 when absent */
	uint16_t server_keep_alive_s;
	uint16_t receive_max;      /* 65535 when absent */
	uint16_t topic_alias_max;  /* 0 when absent */
	uint16_t topic_alias;      /* 0 when absent: no other way to be 0 */
	uint8_t payload_format;    /* 0 or 1 */
	uint8_t max_qos;           /* 2 when absent */
	bool request_problem_info; /* true when absent */
	bool request_response_info;
	bool retain_available; /* this and the next three: true when absent */
	bool wildcard_available;
	bool subscription_id_available;
	bool shared_available;
};

bool mqtt_props_has(const struct mqtt_props_view *props, enum mqtt_prop prop);

/* Walks properties that may be repeated, in the sender's order. One iterator serves one of the two calls. */
struct mqtt_props_iter {
	struct wire_reader reader;
};
struct mqtt_props_iter mqtt_props_iter_init(const struct mqtt_props_view *props);
bool mqtt_props_next_user(struct mqtt_props_iter *iter, struct bytes *name, struct bytes *value);
bool mqtt_props_next_subscription_id(struct mqtt_props_iter *iter, uint32_t *id);

/*
 * Appends to out what a server passes on unaltered and in order from a PUBLISH or from will properties: Payload Format
 * Indicator, Content Type, Response Topic, Correlation Data, User Properties (MQTT-3.3.2-4, -15 to -18, -20,
 * MQTT-3.1.3-10). Fit for mqtt_publish_head.props. On failure out is as it was.
 */
MUST_CHECK enum err mqtt_props_forward(const struct mqtt_props_view *props, struct buf *out);

/*
 * Builds raw properties, one call per property; the writer keeps the first error (wire_writer_err()). ERR_INVALID: the
 * property is of another kind, or an integer is outside its width. ERR_LIMIT: longer than MQTT_STRING_BYTES_MAX.
 */
void mqtt_put_prop_int(struct wire_writer *writer, enum mqtt_prop prop, uint32_t value);
void mqtt_put_prop_bytes(struct wire_writer *writer, enum mqtt_prop prop, struct bytes value);
void mqtt_put_prop_user(struct wire_writer *writer, struct bytes name, struct bytes value);

/* --- packets: what a decoder gives, and what an encoder takes --- */

struct mqtt_will_view {
	struct bytes topic;
	struct bytes payload;
	uint8_t qos;
	bool retain;
	struct mqtt_props_view props;
};

struct mqtt_connect_view {
	enum mqtt_version version;
	bool clean_start; /* CleanSession before MQTT 5 */
	bool has_will;
	bool has_user_name;
	bool has_password;
	uint16_t keep_alive_s;  /* 0: none */
	struct bytes client_id; /* may be empty */
	struct bytes user_name;
	struct bytes password; /* any bytes */
	struct mqtt_will_view will;
	struct mqtt_props_view props;
};

struct mqtt_connack_view {
	bool session_present;
	uint8_t reason; /* decoded from 3.x: the MQTT 5 code */
	struct mqtt_props_view props;
};

struct mqtt_publish_view {
	struct bytes topic; /* empty in MQTT 5 where props.topic_alias stands for it */
	struct bytes payload;
	uint16_t packet_id; /* 0 at QoS 0 */
	uint8_t qos;
	bool dup;
	bool retain;
	struct mqtt_props_view props;
};

/* PUBACK, PUBREC, PUBREL, PUBCOMP. */
struct mqtt_ack_view {
	enum mqtt_type type;
	uint16_t packet_id;
	uint8_t reason; /* 0 before MQTT 5 */
	struct mqtt_props_view props;
};

/* Subscription Options, 3.8.3.1. Before MQTT 5 all but qos is false and 0. */
struct mqtt_subscription {
	struct bytes filter; /* whole, with a $share prefix if it has one */
	uint8_t qos;
	bool no_local;
	bool retain_as_published;
	uint8_t retain_handling; /* 0, 1 or 2 */
};

struct mqtt_subscribe_view {
	uint16_t packet_id;
	uint32_t count;   /* at least 1 */
	struct bytes raw; /* the payload; mqtt_subscribe_next() reads it, mqtt_put_subscription() writes it */
	struct mqtt_props_view props;
};

/* SUBACK, and UNSUBACK (which has no codes before MQTT 5). */
struct mqtt_suback_view {
	uint16_t packet_id;
	struct bytes reasons; /* one byte per filter, in their order */
	struct mqtt_props_view props;
};

struct mqtt_unsubscribe_view {
	uint16_t packet_id;
	uint32_t count;
	struct bytes raw; /* mqtt_unsubscribe_next(), mqtt_put_unsubscription() */
	struct mqtt_props_view props;
};

/* DISCONNECT and AUTH. */
struct mqtt_disconnect_view {
	uint8_t reason;
	struct mqtt_props_view props;
};
struct mqtt_auth_view {
	uint8_t reason;
	struct mqtt_props_view props;
};

/*
 * *rest starts as view.raw and is moved behind what was read; false at the end. Only for what a decoder has checked.
 */
bool mqtt_subscribe_next(enum mqtt_version version, struct bytes *rest, struct mqtt_subscription *out);
bool mqtt_unsubscribe_next(struct bytes *rest, struct bytes *filter);
void mqtt_put_subscription(
	struct wire_writer *writer, enum mqtt_version version, const struct mqtt_subscription *subscription);
void mqtt_put_unsubscription(struct wire_writer *writer, struct bytes filter);

/* --- decoding --- */

/*
 * Each takes a frame of its own type (else ERR_STATE) and gives ERR_OK with *out, or refuses with *fault set and *out
 * untouched. fault is never NULL.
 *   ERR_MALFORMED    0x81, or the code the specification names for it
 *   ERR_INVALID      well formed but not allowed: 0x82, 0x85, 0x8F, 0x90, 0x94 …
 *   ERR_UNSUPPORTED  0x84: CONNECT with a protocol name or level that is none of ours
 *   ERR_LIMIT        a maximum of this header: 0x97
 */

/*
 * Refusals with an answer of their own: ERR_UNSUPPORTED 0x84 (CONNACK 1), ERR_INVALID 0x85 (CONNACK 2: empty client id
 * without CleanSession before MQTT 5, or more than 23 bytes in 3.1). The rest before MQTT 5 closes with no CONNACK
 * (MQTT-3.1.4-1). In MQTT 3.1 the user name and password must be there when their flags are set: 3.1 tolerates their
 * absence, we do not.
 */
MUST_CHECK enum err mqtt_decode_connect(
	const struct mqtt_frame *frame, struct mqtt_connect_view *out, struct fault *fault);
/* In which version to answer a CONNECT, also one that was refused: MQTT_5 for level 5 and above, else MQTT_3_1_1. */
enum mqtt_version mqtt_connect_reply_version(const struct mqtt_frame *frame);

MUST_CHECK enum err mqtt_decode_connack(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_connack_view *out, struct fault *fault);
MUST_CHECK enum err mqtt_decode_publish(enum mqtt_version version, enum mqtt_side from,
	const struct mqtt_frame *frame, struct mqtt_publish_view *out, struct fault *fault);
MUST_CHECK enum err mqtt_decode_ack(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_ack_view *out, struct fault *fault);
MUST_CHECK enum err mqtt_decode_subscribe(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_subscribe_view *out, struct fault *fault);
MUST_CHECK enum err mqtt_decode_suback(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_suback_view *out, struct fault *fault);
MUST_CHECK enum err mqtt_decode_unsubscribe(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_unsubscribe_view *out, struct fault *fault);
MUST_CHECK enum err mqtt_decode_unsuback(enum mqtt_version version, const struct mqtt_frame *frame,
	struct mqtt_suback_view *out, struct fault *fault);
/* PINGREQ and PINGRESP have no content; mqtt_frame_next() has checked all there is. */
MUST_CHECK enum err mqtt_decode_disconnect(enum mqtt_version version, enum mqtt_side from,
	const struct mqtt_frame *frame, struct mqtt_disconnect_view *out, struct fault *fault);
MUST_CHECK enum err mqtt_decode_auth(enum mqtt_version version, enum mqtt_side from,
	const struct mqtt_frame *frame, struct mqtt_auth_view *out, struct fault *fault);

/* --- encoding --- */

struct mqtt_encode_options {
	enum mqtt_version version;
	/*
	 * The receiver's Maximum Packet Size; 0: none. A packet beyond it is written without its User Properties, then
	 * without its Reason String, where the packet is not PUBLISH, CONNECT, SUBSCRIBE or UNSUBSCRIBE (MQTT-3.2.2-19,
	 * -20, 3.4.2-2 …); if that does not help: ERR_LIMIT, nothing written (MQTT-3.1.2-24).
	 */
	uint32_t packet_bytes_max;
	/* Request Problem Information was 0: no Reason String or User Property but on PUBLISH, CONNACK, DISCONNECT
	 * (MQTT-3.1.2-29). For servers. */
	bool no_problem_info;
};

/*
 * Each appends one packet to out, or leaves out as it was: ERR_NOMEM, ERR_LIMIT (a string too long, out->max,
 * packet_bytes_max), ERR_INVALID (a value that the version has no place for). Properties are written only in MQTT 5.
 */
MUST_CHECK enum err mqtt_encode_connect(
	const struct mqtt_encode_options *options, const struct mqtt_connect_view *in, struct buf *out);
/* Before MQTT 5 ERR_INVALID if no return code fits: close without an answer (3.1.1 MQTT-3.2.2-6). */
MUST_CHECK enum err mqtt_encode_connack(
	const struct mqtt_encode_options *options, const struct mqtt_connack_view *in, struct buf *out);
MUST_CHECK enum err mqtt_encode_publish(
	const struct mqtt_encode_options *options, const struct mqtt_publish_view *in, struct buf *out);
MUST_CHECK enum err mqtt_encode_ack(
	const struct mqtt_encode_options *options, const struct mqtt_ack_view *in, struct buf *out);
MUST_CHECK enum err mqtt_encode_subscribe(
	const struct mqtt_encode_options *options, const struct mqtt_subscribe_view *in, struct buf *out);
/* Before MQTT 5 every failure becomes 0x80 (3.1.1 MQTT-3.9.3-2). */
MUST_CHECK enum err mqtt_encode_suback(
	const struct mqtt_encode_options *options, const struct mqtt_suback_view *in, struct buf *out);
MUST_CHECK enum err mqtt_encode_unsubscribe(
	const struct mqtt_encode_options *options, const struct mqtt_unsubscribe_view *in, struct buf *out);
MUST_CHECK enum err mqtt_encode_unsuback(
	const struct mqtt_encode_options *options, const struct mqtt_suback_view *in, struct buf *out);
MUST_CHECK enum err mqtt_encode_pingreq(struct buf *out);
MUST_CHECK enum err mqtt_encode_pingresp(struct buf *out);
/* Before MQTT 5 only a client sends DISCONNECT and it says nothing: the reason and properties are left out. */
MUST_CHECK enum err mqtt_encode_disconnect(
	const struct mqtt_encode_options *options, const struct mqtt_disconnect_view *in, struct buf *out);
MUST_CHECK enum err mqtt_encode_auth(
	const struct mqtt_encode_options *options, const struct mqtt_auth_view *in, struct buf *out);

/*
 * PUBLISH for many subscribers: all that stands before the payload, which the caller sends behind it uncopied.
 * Nothing here is written before MQTT 5: props, has_message_expiry, topic_alias, subscription_ids.
 */
struct mqtt_publish_head {
	struct bytes topic; /* empty only with a topic alias */
	uint8_t qos;
	bool dup;
	bool retain;
	uint16_t packet_id;   /* not 0 exactly when qos is not 0 */
	uint16_t topic_alias; /* 0: none */
	bool has_message_expiry;
	uint32_t message_expiry_s; /* what is left of it (MQTT-3.3.2-6) */
	struct bytes props;        /* from mqtt_props_forward() */
	const uint32_t *subscription_ids;
	size_t subscription_id_count;
	size_t payload_len;
};
MUST_CHECK enum err mqtt_encode_publish_head(
	const struct mqtt_encode_options *options, const struct mqtt_publish_head *in, struct buf *out);

/* --- any packet, for clients, tests and tools --- */

struct mqtt_packet_view {
	enum mqtt_type type;
	union {
		struct mqtt_connect_view connect;
		struct mqtt_connack_view connack;
		struct mqtt_publish_view publish;
		struct mqtt_ack_view ack;
		struct mqtt_subscribe_view subscribe;
		struct mqtt_suback_view suback; /* and UNSUBACK */
		struct mqtt_unsubscribe_view unsubscribe;
		struct mqtt_disconnect_view disconnect;
		struct mqtt_auth_view auth;
	} as;
};
/* mqtt_type_allowed(), then the type's own decoder. CONNECT says its version itself. */
MUST_CHECK enum err mqtt_decode(enum mqtt_version version, enum mqtt_side from,
	const struct mqtt_frame *frame, struct mqtt_packet_view *out, struct fault *fault);
MUST_CHECK enum err mqtt_encode(
	const struct mqtt_encode_options *options, const struct mqtt_packet_view *in, struct buf *out);

/* --- return codes of 3.x --- */

/* 0 to 5, or MQTT_CONNACK_NONE where none fits and the connection closes without a CONNACK (MQTT-3.2.2-6). */
#define MQTT_CONNACK_NONE 0xFFu
uint8_t mqtt_connack_code_v3(uint8_t reason);
/* ERR_MALFORMED above 5. */
MUST_CHECK enum err mqtt_connack_reason_from_v3(uint8_t code, uint8_t *reason);

/* --- topics --- */

/* UTF-8 without U+0000, 1 to MQTT_STRING_BYTES_MAX bytes, at most MQTT_TOPIC_LEVELS_MAX levels, no wildcard
 * (MQTT-4.7.3-1 to -3, MQTT-4.7.1-1). */
bool mqtt_topic_name_valid(struct bytes name);
/* The same limits, wildcards where MQTT-4.7.1-2 and -3 allow them. Knows nothing of $share: see below. */
bool mqtt_topic_filter_valid(struct bytes filter);

struct mqtt_share {
	struct bytes name;   /* ShareName */
	struct bytes filter; /* what stands behind it; the whole input where there is no share */
};
/*
 * ERR_OK for $share/NAME/FILTER (MQTT-4.8.2-1, -2); ERR_NOT_FOUND if in is no shared filter; ERR_INVALID if it begins
 * with $share/ and is not a good one. out->filter is checked as mqtt_topic_filter_valid() does. Shared subscriptions
 * are MQTT 5; before it the prefix is an ordinary level.
 */
MUST_CHECK enum err mqtt_share_parse(struct bytes in, struct mqtt_share *out);

/* Splits off the level up to the next '/'; *rest is moved behind it. false when there is none left. */
struct mqtt_levels {
	struct bytes rest;
	bool done;
};
struct mqtt_levels mqtt_levels_init(struct bytes topic);
bool mqtt_levels_next(struct mqtt_levels *levels, struct bytes *level);

/* Both valid; octet by octet, no normalisation (MQTT-4.7.3-4), wildcards in front never match '$' (MQTT-4.7.2-1). */
bool mqtt_topic_match(struct bytes filter, struct bytes name);
/* Whether every topic name that filter b can match is matched by filter a. Exact, not a guess. Both valid. */
bool mqtt_filter_covers(struct bytes a, struct bytes b);

#endif
