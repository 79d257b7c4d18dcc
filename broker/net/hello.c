/*
 * hello.c - gathers and reads a ClientHello.
 * Owns:    nothing.
 * Never:   see hello.h.
 * Threads: any; pure.
 */
#include "broker/net/hello.h"

#include <assert.h>
#include <string.h>

#include "base/wire.h"

enum { RECORD_HANDSHAKE = 22, RECORD_MAJOR = 3, RECORD_BYTES_MAX = 16384 }; /* RFC 8446 5.1 */
enum { MESSAGE_CLIENT_HELLO = 1, MESSAGE_HEAD_BYTES = 4 };                  /* RFC 8446 4 */
enum { RANDOM_BYTES = 32, SESSION_ID_BYTES_MAX = 32 };
enum { LABEL_BYTES_MAX = 63 };

/* RFC 8446 4.2, RFC 6066 3, RFC 7301 3.1. */
enum extension {
	EXTENSION_SERVER_NAME = 0,
	EXTENSION_SUPPORTED_GROUPS = 10,
	EXTENSION_SIGNATURE_ALGORITHMS = 13,
	EXTENSION_ALPN = 16,
	EXTENSION_SUPPORTED_VERSIONS = 43,
	EXTENSION_SIGNATURE_ALGORITHMS_CERT = 50
};
enum { NAME_TYPE_HOST = 0 };

static enum err refuse(struct fault *fault, enum err err, enum hello_alert alert, const char *clause)
{
	*fault = (struct fault){err, (uint8_t)alert, clause};
	return err;
}

static enum err broken(struct fault *fault, const char *clause)
{
	return refuse(fault, ERR_MALFORMED, HELLO_ALERT_DECODE_ERROR, clause);
}

bool hello_offers(struct bytes codes, uint16_t code)
{
	struct wire_reader reader = wire_reader_init(codes);
	uint16_t one = 0;
	while (wire_get_u16(&reader, &one) == ERR_OK) {
		if (one == code) {
			return true;
		}
	}
	return false;
}

/* --- vectors: the length in front, and nothing but the items behind it --- */

static bool get_vector_u8(struct wire_reader *reader, struct wire_reader *out)
{
	uint8_t len = 0;
	return wire_get_u8(reader, &len) == ERR_OK && wire_get_child(reader, len, out) == ERR_OK;
}

static bool get_vector_u16(struct wire_reader *reader, struct wire_reader *out)
{
	uint16_t len = 0;
	return wire_get_u16(reader, &len) == ERR_OK && wire_get_child(reader, len, out) == ERR_OK;
}

/* A list of two-byte codes that has at least one. */
static bool is_code_list(const struct wire_reader *list)
{
	size_t left = wire_reader_left(list);
	return left > 0 && left % 2 == 0;
}

/* --- extensions --- */

static bool is_name_octet(uint8_t octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
	       (octet >= '0' && octet <= '9') || octet == '-' || octet == '_';
}

/* RFC 6066 3: a DNS name in ASCII without a dot at its end. What is none selects nothing, and is never shown. */
static bool is_host_name(struct bytes name)
{
	struct wire_reader reader = wire_reader_init(name);
	size_t label = 0;
	uint8_t octet = 0;
	if (name.len > HELLO_NAME_BYTES_MAX) {
		return false;
	}
	while (wire_get_u8(&reader, &octet) == ERR_OK) {
		if (octet == '.' && label > 0) {
			label = 0;
		} else if (!is_name_octet(octet) || ++label > LABEL_BYTES_MAX) {
			return false;
		}
	}
	return label > 0;
}

/* RFC 6066 3: of several names the first host_name counts; other types have no meaning here. */
static enum err read_server_name(struct wire_reader *body, struct hello *out, struct fault *fault)
{
	struct wire_reader list, name;
	bool seen = false;
	if (!get_vector_u16(body, &list) || wire_reader_left(&list) == 0) {
		return broken(fault, "RFC 6066 3 server_name");
	}
	while (wire_reader_left(&list) > 0) {
		uint8_t type = 0;
		if (wire_get_u8(&list, &type) != ERR_OK || !get_vector_u16(&list, &name) ||
			wire_reader_left(&name) == 0) {
			return broken(fault, "RFC 6066 3 server_name");
		}
		if (type == NAME_TYPE_HOST && !seen) {
			seen = true;
			out->host_name =
				is_host_name(wire_reader_rest(&name)) ? wire_reader_rest(&name) : BYTES_NONE;
		}
	}
	return ERR_OK;
}

static enum err read_codes(struct wire_reader *body, bool short_length, struct bytes *out,
	struct fault *fault, const char *clause)
{
	struct wire_reader list;
	bool good = short_length ? get_vector_u8(body, &list) : get_vector_u16(body, &list);
	if (!good || !is_code_list(&list)) {
		return broken(fault, clause);
	}
	*out = wire_reader_rest(&list);
	return ERR_OK;
}

static enum err read_protocols(struct wire_reader *body, struct hello *out, struct fault *fault)
{
	struct wire_reader list, name;
	if (!get_vector_u16(body, &list) || wire_reader_left(&list) == 0) {
		return broken(fault, "RFC 7301 3.1 application_layer_protocol_negotiation");
	}
	out->protocols = wire_reader_rest(&list);
	while (wire_reader_left(&list) > 0) {
		if (!get_vector_u8(&list, &name) || wire_reader_left(&name) == 0) {
			return broken(fault, "RFC 7301 3.1 application_layer_protocol_negotiation");
		}
	}
	return ERR_OK;
}

static enum err read_extension(
	uint16_t type, struct wire_reader *body, struct hello *out, struct fault *fault)
{
	enum err err = ERR_OK;
	switch (type) {
	case EXTENSION_SERVER_NAME: err = read_server_name(body, out, fault); break;
	case EXTENSION_ALPN: err = read_protocols(body, out, fault); break;
	case EXTENSION_SUPPORTED_GROUPS:
		err = read_codes(body, false, &out->groups, fault, "RFC 8446 4.2.7 supported_groups");
		break;
	case EXTENSION_SIGNATURE_ALGORITHMS:
		err = read_codes(body, false, &out->signatures, fault, "RFC 8446 4.2.3 signature_algorithms");
		break;
	case EXTENSION_SIGNATURE_ALGORITHMS_CERT:
		err = read_codes(body, false, &out->signatures_cert, fault,
			"RFC 8446 4.2.3 signature_algorithms_cert");
		break;
	case EXTENSION_SUPPORTED_VERSIONS:
		err = read_codes(body, true, &out->versions, fault, "RFC 8446 4.2.1 supported_versions");
		break;
	default: return ERR_OK; /* the library knows it, or ignores it as RFC 8446 4.2 demands */
	}
	if (err == ERR_OK && wire_reader_left(body) > 0) {
		return broken(fault, "RFC 8446 6.2 bytes behind the end of an extension");
	}
	return err;
}

static enum err read_extensions(struct wire_reader *block, struct hello *out, struct fault *fault)
{
	uint16_t seen[HELLO_EXTENSIONS_MAX];
	unsigned count = 0;
	while (wire_reader_left(block) > 0) {
		struct wire_reader body;
		uint16_t type = 0;
		if (wire_get_u16(block, &type) != ERR_OK || !get_vector_u16(block, &body)) {
			return broken(fault, "RFC 8446 4.2 extensions");
		}
		if (count == HELLO_EXTENSIONS_MAX) {
			return refuse(fault, ERR_LIMIT, HELLO_ALERT_HANDSHAKE_FAILURE,
				"more than 64 extensions (HELLO_EXTENSIONS_MAX)");
		}
		for (unsigned i = 0; i < count; i++) {
			if (seen[i] == type) {
				return refuse(fault, ERR_MALFORMED, HELLO_ALERT_ILLEGAL_PARAMETER,
					"RFC 8446 4.2 an extension came twice");
			}
		}
		seen[count++] = type;
		enum err err = read_extension(type, &body, out, fault);
		if (err != ERR_OK) {
			return err;
		}
	}
	out->extension_count = count;
	return ERR_OK;
}

enum err hello_decode(struct bytes body, struct hello *out, struct fault *fault)
{
	struct wire_reader reader = wire_reader_init(body);
	struct wire_reader session, suites, compressions, extensions;
	struct hello hello = {0};
	if (wire_get_u16(&reader, &hello.legacy_version) != ERR_OK ||
		wire_skip(&reader, RANDOM_BYTES) != ERR_OK) {
		return broken(fault, "RFC 8446 4.1.2 the hello is cut short");
	}
	if (!get_vector_u8(&reader, &session) || wire_reader_left(&session) > SESSION_ID_BYTES_MAX) {
		return broken(fault, "RFC 8446 4.1.2 legacy_session_id");
	}
	if (!get_vector_u16(&reader, &suites) || !is_code_list(&suites)) {
		return broken(fault, "RFC 8446 4.1.2 cipher_suites");
	}
	hello.suites = wire_reader_rest(&suites);
	if (!get_vector_u8(&reader, &compressions) || wire_reader_left(&compressions) == 0) {
		return broken(fault, "RFC 8446 4.1.2 legacy_compression_methods");
	}
	/* RFC 5246 7.4.1.2: a TLS 1.2 hello may end here. */
	if (wire_reader_left(&reader) > 0) {
		if (!get_vector_u16(&reader, &extensions) || wire_reader_left(&reader) > 0) {
			return broken(fault, "RFC 8446 4.1.2 extensions");
		}
		enum err err = read_extensions(&extensions, &hello, fault);
		if (err != ERR_OK) {
			return err;
		}
	}
	*out = hello;
	return ERR_OK;
}

/* --- records --- */

/* The first handshake message, as far as it is there. */
struct gathered {
	uint8_t *scratch;
	struct bytes whole; /* borrowed: all of it in one record */
	uint8_t head[MESSAGE_HEAD_BYTES];
	size_t have;    /* of head and body together */
	size_t want;    /* head and body; 0 until the head is whole */
	unsigned parts; /* records that held some of it */
};

static enum err check_head(struct gathered *gathered, struct fault *fault)
{
	struct wire_reader reader = wire_reader_init(bytes_of(gathered->head, MESSAGE_HEAD_BYTES));
	uint32_t word = 0;
	if (wire_get_u32(&reader, &word) != ERR_OK) {
		return ERR_AGAIN;
	}
	size_t len = word & 0xffffffu;
	if (len > HELLO_MESSAGE_BYTES_MAX) {
		return refuse(fault, ERR_LIMIT, HELLO_ALERT_HANDSHAKE_FAILURE,
			"a hello of more than 16384 bytes (HELLO_MESSAGE_BYTES_MAX)");
	}
	gathered->want = MESSAGE_HEAD_BYTES + len;
	return ERR_OK;
}

/* Takes the content of one record, or the part of it that is there. */
static enum err gather(struct gathered *gathered, struct wire_reader *content, struct fault *fault)
{
	uint8_t octet = 0;
	while (gathered->have < MESSAGE_HEAD_BYTES && wire_get_u8(content, &octet) == ERR_OK) {
		/* RFC 8446 4.1.2: nothing may come before the hello; said at its first octet. */
		if (gathered->have == 0 && octet != MESSAGE_CLIENT_HELLO) {
			return refuse(fault, ERR_MALFORMED, HELLO_ALERT_UNEXPECTED_MESSAGE,
				"RFC 8446 4.1.2 the first message is no ClientHello");
		}
		gathered->head[gathered->have++] = octet;
		if (gathered->have == MESSAGE_HEAD_BYTES && check_head(gathered, fault) != ERR_OK) {
			return fault->err;
		}
	}
	size_t left = wire_reader_left(content);
	if (gathered->want == 0 || left == 0) {
		return ERR_OK;
	}
	size_t need = gathered->want - gathered->have;
	struct bytes part = BYTES_NONE;
	if (wire_get_bytes(content, need < left ? need : left, &part) != ERR_OK) {
		return ERR_AGAIN; /* cannot be: no more than is left */
	}
	if (gathered->have == MESSAGE_HEAD_BYTES && part.len == need) {
		gathered->whole = part;
	} else if (part.len > 0) {
		memcpy(gathered->scratch + (gathered->have - MESSAGE_HEAD_BYTES), part.data, part.len);
	}
	gathered->have += part.len;
	return ERR_OK;
}

/* RFC 8446 5.1. *content: what is there of the record. */
static enum err next_record(struct wire_reader *reader, unsigned parts, struct wire_reader *content,
	size_t *missing, struct fault *fault)
{
	uint8_t type = 0, major = 0, minor = 0;
	uint16_t len = 0;
	if (wire_get_u8(reader, &type) != ERR_OK) {
		return ERR_AGAIN;
	}
	if (type != RECORD_HANDSHAKE) {
		return parts == 0 ? refuse(fault, ERR_UNSUPPORTED, HELLO_ALERT_UNEXPECTED_MESSAGE, "no TLS")
				  : refuse(fault, ERR_MALFORMED, HELLO_ALERT_UNEXPECTED_MESSAGE,
					    "RFC 8446 5.1 another record within the hello");
	}
	if (wire_get_u8(reader, &major) != ERR_OK) {
		return ERR_AGAIN;
	}
	if (major != RECORD_MAJOR) {
		return refuse(fault, ERR_UNSUPPORTED, HELLO_ALERT_DECODE_ERROR, "no TLS");
	}
	if (wire_get_u8(reader, &minor) != ERR_OK || wire_get_u16(reader, &len) != ERR_OK) {
		return ERR_AGAIN;
	}
	if (len > RECORD_BYTES_MAX) {
		return refuse(
			fault, ERR_MALFORMED, HELLO_ALERT_RECORD_OVERFLOW, "RFC 8446 5.1 record length");
	}
	if (len == 0) {
		return refuse(fault, ERR_MALFORMED, HELLO_ALERT_DECODE_ERROR,
			"RFC 8446 5.1 an empty handshake record");
	}
	size_t here = wire_reader_left(reader) < len ? wire_reader_left(reader) : len;
	*missing = len - here;
	return wire_get_child(reader, here, content);
}

enum err hello_read(struct bytes wire, uint8_t *scratch, struct hello *out, struct fault *fault)
{
	struct wire_reader reader = wire_reader_init(wire);
	struct gathered gathered = {.scratch = scratch};
	assert(scratch != NULL);
	while (gathered.want == 0 || gathered.have < gathered.want) {
		struct wire_reader content;
		size_t missing = 0;
		enum err err = next_record(&reader, gathered.parts, &content, &missing, fault);
		if (err != ERR_OK) {
			return err;
		}
		if (gathered.parts == HELLO_RECORDS_MAX) {
			return refuse(fault, ERR_LIMIT, HELLO_ALERT_HANDSHAKE_FAILURE,
				"a hello in more than 64 records (HELLO_RECORDS_MAX)");
		}
		gathered.parts++;
		err = gather(&gathered, &content, fault);
		if (err != ERR_OK) {
			return err;
		}
		if (missing > 0 && (gathered.want == 0 || gathered.have < gathered.want)) {
			return ERR_AGAIN;
		}
	}
	size_t len = gathered.want - MESSAGE_HEAD_BYTES;
	return hello_decode(
		gathered.whole.data != NULL ? gathered.whole : bytes_of(scratch, len), out, fault);
}
