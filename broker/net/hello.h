/*
 * hello.h - what a client says first: its ClientHello, gathered from records and read, before any TLS object exists.
 * Owns:    nothing; everything in struct hello borrows the bytes that were read.
 * Never:   calls the TLS library, answers, judges more than the form of the message: what the client offers is refused by the
 *          library, with its own alerts.
 * Threads: any; pure.
 *
 * RFC 8446 4.1.2 and 5.1, RFC 5246 7.4.1.2, RFC 6066 3. A ClientHello that breaks their grammar closes the connection with
 * the alert named here; one that does not is handed to the TLS library unchanged, whatever it asks for.
 */
#ifndef LOCKGATE_BROKER_NET_HELLO_H
#define LOCKGATE_BROKER_NET_HELLO_H

#include "base/bytes.h"

/* --- limits: a hello with two post-quantum key shares and a ticket is about 4 kB, and comes in one record --- */
#define HELLO_MESSAGE_BYTES_MAX 16384u
#define HELLO_RECORDS_MAX       64u
#define HELLO_EXTENSIONS_MAX    64u
#define HELLO_RECORD_HEAD_BYTES 5u
/* What a client can make us hold before its hello is whole; what follows it in one read comes on top. */
#define HELLO_WIRE_BYTES_MAX (4u + HELLO_MESSAGE_BYTES_MAX + HELLO_RECORDS_MAX * HELLO_RECORD_HEAD_BYTES)
#define HELLO_NAME_BYTES_MAX 253u

/* RFC 8446 6.2: the alerts of struct fault's reason. */
enum hello_alert {
	HELLO_ALERT_UNEXPECTED_MESSAGE = 10,
	HELLO_ALERT_RECORD_OVERFLOW = 22,
	HELLO_ALERT_HANDSHAKE_FAILURE = 40,
	HELLO_ALERT_ILLEGAL_PARAMETER = 47,
	HELLO_ALERT_DECODE_ERROR = 50
};

/* Lists of two-byte codes are for hello_offers(). */
struct hello {
	uint16_t legacy_version;
	struct bytes suites;
	/* The first host_name of server_name, if it is letters, digits, '-', '_' and '.' in labels of 1 to 63; else none. */
	struct bytes host_name;
	struct bytes versions; /* supported_versions; none: the extension is not there, as for those below */
	struct bytes groups;
	struct bytes signatures;
	struct bytes signatures_cert;
	struct bytes protocols; /* ALPN: each a length in one byte and a name */
	unsigned extension_count;
};

/*
 * wire     all that the client sent, from its first byte.
 * scratch  HELLO_MESSAGE_BYTES_MAX bytes, used where the message came in pieces; *out borrows it and wire.
 * ERR_AGAIN        so far it may become a ClientHello: come back with more.
 * ERR_UNSUPPORTED  the first bytes are not those of a TLS handshake record.
 * ERR_MALFORMED, ERR_LIMIT: fault says which rule, its reason is the alert to send. *out is untouched.
 * The answer depends on the bytes alone: what was ERR_AGAIN for a part says the same in the end as the whole at once.
 */
MUST_CHECK enum err hello_read(struct bytes wire, uint8_t *scratch, struct hello *out, struct fault *fault);
/* The body of one ClientHello, behind the handshake head. ERR_MALFORMED, ERR_LIMIT. */
MUST_CHECK enum err hello_decode(struct bytes body, struct hello *out, struct fault *fault);
/* Whether a list of two-byte codes holds this one. */
bool hello_offers(struct bytes codes, uint16_t code);

#endif
