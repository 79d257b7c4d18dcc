/*
 * hop.c - one request to one server: how libcurl is told to make it, and what came of it.
 * Owns:    the easy handle of a flight.
 * Never:   lets libcurl follow a redirect, reuse a connection, read a proxy, a cookie, a netrc or the system's CAs.
 * Threads: the control loop.
 *
 * An address is judged when libcurl asks for a socket to it, so that no answer of a name server and no race with one
 * can lead elsewhere, and once more when the connection stands, before a request is written.
 */
#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/wire.h"
#include "broker/fetch/fetch_private.h"

#define STATUS_OK           200u
#define STATUS_NOT_MODIFIED 304u

/* --- rules --- */

static enum fetch_fault judge(const struct flight *flight, const struct net_address *address)
{
	return fetch_address_judge(flight->fetcher->list, flight->listed ? &flight->named : NULL,
		flight->at.host, flight->at.port, address);
}

static void refuse(const struct flight *flight, enum fetch_fault fault, const struct net_address *address,
	struct fetch_error *error)
{
	char text[NET_ADDRESS_TEXT_BYTES];

	net_address_format(address, text);
	fetch_error_set(error, fault, "%.160s: its address %s is %s and not one that is allowed", flight->url,
		text, fetch_fault_name(fault));
}

enum err hop_check(const struct fetcher *fetcher, const struct flight *flight, struct fetch_error *error)
{
	struct net_address address;

	if (flight->at.tls && fetcher->ca_pem.len == 0) {
		fetch_error_set(error, FETCH_NO_CAFILE,
			"%.200s: https is fetched only with a file of trusted CAs, and none is named",
			flight->url);
		return ERR_DENIED;
	}
	if (fetch_address_parse(flight->at.host, &address)) {
		address.port = flight->at.port;
		enum fetch_fault fault = judge(flight, &address);

		if (fault != FETCH_OK) {
			refuse(flight, fault, &address, error);
			return ERR_DENIED;
		}
	}
	return ERR_OK;
}

static curl_socket_t on_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct flight *flight = ctx;
	struct net_address address;
	enum fetch_fault fault = FETCH_NOT_INTERNET;

	if (purpose == CURLSOCKTYPE_IPCXN && to->socktype == SOCK_STREAM) {
		fault = fetch_address_of(&to->addr, to->addrlen, &address);
	}
	if (fault == FETCH_OK) {
		fault = judge(flight, &address);
		if (fault != FETCH_OK) {
			refuse(flight, fault, &address, &flight->seen);
			return CURL_SOCKET_BAD;
		}
	} else {
		fetch_error_set(&flight->seen, fault, "%.200s: no internet socket", flight->url);
		return CURL_SOCKET_BAD;
	}
	int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);

	if (fd < 0) {
		fetch_error_set(&flight->seen, FETCH_NO_MEMORY, "%.200s: the system gives no further socket",
			flight->url);
		return CURL_SOCKET_BAD;
	}
	return fd;
}

/* Connected, nothing sent yet: the address that libcurl says it has reached is judged once more. */
static int on_connected(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
	struct flight *flight = ctx;
	struct net_address address;

	(void)local;
	(void)local_port;
	if (remote == NULL || !fetch_address_parse(remote, &address)) {
		fetch_error_set(&flight->seen, FETCH_NOT_INTERNET, "%.200s: reached no address", flight->url);
		return CURL_PREREQFUNC_ABORT;
	}
	address.port = (uint16_t)remote_port;
	enum fetch_fault fault = judge(flight, &address);

	if (fault != FETCH_OK) {
		refuse(flight, fault, &address, &flight->seen);
		return CURL_PREREQFUNC_ABORT;
	}
	flight->seen.fault = FETCH_OK; /* another address of that name was refused, or did not answer */
	return CURL_PREREQFUNC_OK;
}

/* --- what the server says --- */

static bool is_word(struct bytes value, const char *word)
{
	return value.len == strlen(word) && strncasecmp((const char *)value.data, word, value.len) == 0;
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* The value of a header line if it has this name. */
static bool header_value(struct bytes line, const char *name, struct bytes *value)
{
	struct wire_reader reader = wire_reader_init(line);
	struct bytes word;
	uint8_t byte = 0;

	if (wire_get_bytes(&reader, strlen(name), &word) != ERR_OK || !is_word(word, name) ||
		wire_get_u8(&reader, &byte) != ERR_OK || byte != ':') {
		return false;
	}
	while (wire_peek_u8(&reader, &byte) == ERR_OK && is_blank(byte) && wire_skip(&reader, 1) == ERR_OK) {
	}
	*value = wire_reader_rest(&reader);
	while (value->len > 0 && is_blank(value->data[value->len - 1])) {
		value->len--;
	}
	return true;
}

/* One that is too long or not printable is as good as none: it only saves a transfer. */
static void keep_validator(struct bytes value, char out[FETCH_VALIDATOR_BYTES_MAX + 1])
{
	out[0] = '\0';
	if (value.len > FETCH_VALIDATOR_BYTES_MAX) {
		return;
	}
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < 0x20 || value.data[i] > 0x7e) {
			return;
		}
	}
	if (value.len > 0) {
		memcpy(out, value.data, value.len);
	}
	out[value.len] = '\0';
}

static bool starts_with(struct bytes line, const char *text)
{
	struct wire_reader reader = wire_reader_init(line);
	struct bytes start;

	return wire_get_bytes(&reader, strlen(text), &start) == ERR_OK && bytes_equal_text(start, text);
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct flight *flight = ctx;
	struct bytes line = bytes_of(data, size * count);
	struct bytes value;

	if (line.len > FETCH_HEADER_BYTES_MAX - flight->header_bytes) {
		fetch_error_set(&flight->seen, FETCH_HEADERS, "%.200s: more than %u bytes of header fields",
			flight->url, FETCH_HEADER_BYTES_MAX);
		return 0;
	}
	flight->header_bytes += line.len;
	if (starts_with(line, "HTTP/")) {
		/* A status line: what an interim answer said counts no more. */
		flight->etag[0] = '\0';
		flight->last_modified[0] = '\0';
		flight->encoded = false;
	} else if (header_value(line, "ETag", &value)) {
		keep_validator(value, flight->etag);
	} else if (header_value(line, "Last-Modified", &value)) {
		keep_validator(value, flight->last_modified);
	} else if (header_value(line, "Content-Encoding", &value)) {
		flight->encoded = flight->encoded || !is_word(value, "identity");
	} else if (header_value(line, "Transfer-Encoding", &value)) {
		flight->encoded =
			flight->encoded || !(is_word(value, "chunked") || is_word(value, "identity"));
	}
	return line.len;
}

static unsigned status_of(struct flight *flight)
{
	long status = 0;

	if (curl_easy_getinfo(flight->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status < 0) {
		return 0;
	}
	return (unsigned)status;
}

static void too_big(struct flight *flight)
{
	fetch_error_set(
		&flight->seen, FETCH_TOO_BIG, "%.200s: more than %zu bytes", flight->url, flight->bytes_max);
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct flight *flight = ctx;
	struct fetcher *fetcher = flight->fetcher;
	size_t len = size * count;

	fetcher->counters.bytes_in += len;
	if (status_of(flight) != STATUS_OK || flight->encoded) {
		if (len > FETCH_OTHER_BODY_BYTES_MAX - flight->other_bytes) {
			too_big(flight);
			return 0;
		}
		flight->other_bytes += len;
		return len; /* dropped; the status will be the reason */
	}
	if (len > flight->bytes_max - flight->body->buf.len) {
		too_big(flight);
		return 0;
	}
	if (len > fetcher->held_bytes_max - fetcher->held_bytes) {
		fetch_error_set(&flight->seen, FETCH_BUSY,
			"%.200s: all transfers together hold more than %zu bytes", flight->url,
			fetcher->held_bytes_max);
		return 0;
	}
	if (buf_append(&flight->body->buf, bytes_of(data, len)) != ERR_OK) {
		fetch_error_set(&flight->seen, FETCH_NO_MEMORY, "%.200s: not enough memory", flight->url);
		return 0;
	}
	fetcher->held_bytes += len;
	return len;
}

/* --- making the request --- */

static bool add_header(struct flight *flight, const char *name, const char *value)
{
	struct buf line = BUF_INIT(1024);
	const char *text = NULL;
	bool good = false;

	if (value == NULL) {
		return true;
	}
	if (buf_printf(&line, "%s: %s", name, value) == ERR_OK && buf_text(&line, &text) == ERR_OK) {
		struct curl_slist *longer = curl_slist_append(flight->headers, text);

		if (longer != NULL) {
			flight->headers = longer;
			good = true;
		}
	}
	buf_release(&line);
	return good;
}

static bool set_headers(struct flight *flight, CURL *easy)
{
	bool get = flight->method == FETCH_GET;

	return add_header(flight, "Accept", flight->accept == NULL ? "*/*" : flight->accept) &&
	       add_header(flight, "If-None-Match", get ? flight->if_etag : NULL) &&
	       add_header(flight, "If-Modified-Since", get ? flight->if_modified : NULL) &&
	       add_header(flight, "Content-Type", get ? NULL : flight->content_type) &&
	       /* No waiting for a "100 Continue". */
	       (get || add_header(flight, "Expect", "")) &&
	       curl_easy_setopt(easy, CURLOPT_HTTPHEADER, (struct curl_slist *)flight->headers) == CURLE_OK;
}

static bool set_callbacks(struct flight *flight, CURL *easy)
{
	return curl_easy_setopt(easy, CURLOPT_PRIVATE, flight) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, flight) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PREREQDATA, flight) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, flight) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, flight) == CURLE_OK;
}

/* What it must not do. Each of these is a protection: one that cannot be set means no transfer. */
static bool set_limits(const struct flight *flight, CURL *easy)
{
	const struct fetcher *fetcher = flight->fetcher;

	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, flight->at.tls ? "https" : "http") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L) == CURLE_OK &&
	       /* Ending a transfer must not wait for a name server. */
	       curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)fetcher->connect_ms) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
		       (curl_off_t)(flight->bytes_max > FETCH_OTHER_BODY_BYTES_MAX
					    ? flight->bytes_max
					    : FETCH_OTHER_BODY_BYTES_MAX)) == CURLE_OK;
}

static bool set_trust(const struct flight *flight, CURL *easy)
{
	const struct fetcher *fetcher = flight->fetcher;
	/* Copied: the trust file may be replaced while this runs. */
	struct curl_blob ca = {fetcher->ca_pem.data, fetcher->ca_pem.len, CURL_BLOB_COPY};

	if (!flight->at.tls) {
		return true;
	}
	return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK;
}

static bool set_request(struct flight *flight, CURL *easy)
{
	bool good = curl_easy_setopt(easy, CURLOPT_URL, flight->url) == CURLE_OK &&
		    curl_easy_setopt(easy, CURLOPT_USERAGENT, flight->fetcher->user_agent) == CURLE_OK;

	if (flight->method == FETCH_POST) {
		good = good && curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
		       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)flight->request_len) ==
			       CURLE_OK &&
		       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)flight->request) == CURLE_OK;
	}
	return good;
}

enum err hop_begin(struct flight *flight, struct fetch_error *error)
{
	assert(flight->easy == NULL);
	enum err err = ERR_NOMEM;
	CURL *easy = curl_easy_init();

	flight->easy = easy;
	flight->header_bytes = 0;
	flight->other_bytes = 0;
	flight->encoded = false;
	flight->status = 0;
	flight->seen.fault = FETCH_OK;
	if (easy != NULL && set_callbacks(flight, easy) && set_limits(flight, easy) &&
		set_trust(flight, easy) && set_request(flight, easy) && set_headers(flight, easy)) {
		err = multi_add(flight);
	}
	if (err != ERR_OK) {
		hop_end(flight);
		fetch_error_set(
			error, FETCH_NO_MEMORY, "%.200s: not enough memory to ask for it", flight->url);
	}
	return err;
}

void hop_end(struct flight *flight)
{
	multi_remove(flight);
	if (flight->easy != NULL) {
		curl_easy_cleanup(flight->easy);
		flight->easy = NULL;
	}
	curl_slist_free_all(flight->headers);
	flight->headers = NULL;
}

/* --- what came of it --- */

static enum fetch_fault fault_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY: return FETCH_RESOLVE;
	case CURLE_COULDNT_CONNECT:
	case CURLE_INTERFACE_FAILED: return FETCH_CONNECT;
	case CURLE_OPERATION_TIMEDOUT: return FETCH_TIMEOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_ENGINE_INITFAILED: return FETCH_TLS;
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING: return FETCH_CUT;
	case CURLE_FILESIZE_EXCEEDED: return FETCH_TOO_BIG;
	case CURLE_OUT_OF_MEMORY: return FETCH_NO_MEMORY;
	case CURLE_URL_MALFORMAT: return FETCH_URL;
	default: return FETCH_PROTOCOL;
	}
}

/* "…: the connection failed" and so on; what a rule of ours said comes first. */
static void failed(struct flight *flight, CURLcode code, struct fetch_error *error)
{
	if (flight->seen.fault != FETCH_OK) {
		*error = flight->seen;
		return;
	}
	fetch_error_set(error, fault_of(code), "%.200s: %s", flight->url, curl_easy_strerror(code));
}

static bool is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where a redirect leads: true with *next, or false with why it is not followed. */
static bool redirect(struct flight *flight, char **next, struct fetch_error *error)
{
	char *to = NULL;

	if (curl_easy_getinfo(flight->easy, CURLINFO_REDIRECT_URL, &to) != CURLE_OK || to == NULL) {
		fetch_error_set(
			error, FETCH_STATUS, "%.200s: status %u leads nowhere", flight->url, flight->status);
		return false;
	}
	if (flight->hops >= FETCH_REDIRECTS_MAX) {
		fetch_error_set(error, FETCH_REDIRECTS, "%.200s: more than %u redirects", flight->url,
			FETCH_REDIRECTS_MAX);
		return false;
	}
	if (flight->method == FETCH_POST && flight->status != 307 && flight->status != 308) {
		fetch_error_set(error, FETCH_REDIRECT_POST,
			"%.200s: status %u would turn the question into another one", flight->url,
			flight->status);
		return false;
	}
	if (bytes_dup_text(bytes_text(to), next) != ERR_OK) {
		fetch_error_set(error, FETCH_NO_MEMORY, "%.200s: not enough memory", flight->url);
		return false;
	}
	return true;
}

bool hop_outcome(struct flight *flight, int code, char **next, struct fetch_error *error)
{
	bool conditional =
		flight->method == FETCH_GET && (flight->if_etag != NULL || flight->if_modified != NULL);

	*error = (struct fetch_error){.fault = FETCH_OK};
	flight->status = status_of(flight);
	if (code != CURLE_OK) {
		failed(flight, (CURLcode)code, error);
	} else if (is_redirect(flight->status)) {
		return redirect(flight, next, error);
	} else if (flight->status == STATUS_NOT_MODIFIED && conditional) {
		return false;
	} else if (flight->status != STATUS_OK) {
		fetch_error_set(error, FETCH_STATUS, "%.200s: HTTP status %u", flight->url, flight->status);
	} else if (flight->encoded) {
		fetch_error_set(
			error, FETCH_ENCODING, "%.200s: compressed, which was not offered", flight->url);
	} else if (flight->body->buf.len == 0) {
		fetch_error_set(error, FETCH_EMPTY, "%.200s: an empty answer", flight->url);
	}
	return false;
}
