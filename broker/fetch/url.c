/*
 * url.c - which URLs we take, read by the library that will fetch them, so that both see the same host.
 * Owns:    nothing.
 * Never:   guesses a scheme, takes a user name, a zone or a name with anything but letters, digits, '-', '_' and '.'.
 * Threads: any.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/fetch/fetch_private.h"

/* Whether the last label is a number, decimal or hexadecimal: then it is an IPv4 address or nothing. */
static bool ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.');
	const char *label = dot == NULL ? host : dot + 1;
	bool hex = strncmp(label, "0x", 2) == 0;

	return label[strspn(hex ? label + 2 : label, hex ? "0123456789abcdef" : "0123456789") +
		       (hex ? 2 : 0)] == '\0';
}

bool fetch_host_normalise(const char *text, char out[FETCH_HOST_BYTES_MAX + 1])
{
	size_t len = strlen(text);

	if (len > 1 && text[len - 1] == '.') {
		len--; /* the root's dot: the same host */
	}
	if (len == 0 || len > FETCH_HOST_BYTES_MAX) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		char letter = text[i];

		if (letter >= 'A' && letter <= 'Z') {
			letter = (char)(letter - 'A' + 'a');
		}
		bool plain = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
			     letter == '-' || letter == '_' || letter == '.';

		if (!plain || (letter == '.' && (i == 0 || text[i - 1] == '.'))) {
			return false;
		}
		out[i] = letter;
	}
	out[len] = '\0';
	struct net_address address;

	return !ends_in_number(out) || fetch_address_parse(out, &address);
}

static bool has_part(CURLU *parts, CURLUPart which)
{
	char *text = NULL;
	bool has = curl_url_get(parts, which, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

/* NULL, or what is wrong. */
static const char *read_host(CURLU *parts, struct fetch_url *out)
{
	char *host = NULL;
	const char *wrong = "its host is not one that we take";

	if (curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK || host == NULL) {
		wrong = "it names no host";
	} else if (host[0] == '[') {
		size_t len = strlen(host);
		struct net_address address;

		if (len > 2 && len - 2 <= FETCH_HOST_BYTES_MAX && host[len - 1] == ']') {
			for (size_t i = 0; i < len - 2; i++) {
				char letter = host[i + 1];

				out->host[i] =
					letter >= 'A' && letter <= 'F' ? (char)(letter - 'A' + 'a') : letter;
			}
			out->host[len - 2] = '\0';
			wrong = fetch_address_parse(out->host, &address) ? NULL : wrong;
		}
	} else if (fetch_host_normalise(host, out->host)) {
		wrong = NULL;
	}
	curl_free(host);
	return wrong;
}

static const char *read_port(CURLU *parts, struct fetch_url *out)
{
	char *text = NULL;
	const char *wrong = "its port is none";

	if (curl_url_get(parts, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) == CURLUE_OK && text != NULL) {
		char *end = NULL;
		unsigned long port = strtoul(text, &end, 10);

		if (*end == '\0' && port > 0 && port <= 65535) {
			out->port = (uint16_t)port;
			wrong = NULL;
		}
	}
	curl_free(text);
	return wrong;
}

static const char *read_parts(CURLU *parts, struct fetch_url *out)
{
	if (has_part(parts, CURLUPART_USER) || has_part(parts, CURLUPART_PASSWORD)) {
		return "it carries a user name";
	}
	if (has_part(parts, CURLUPART_ZONEID)) {
		return "it names a network interface";
	}
	const char *wrong = read_host(parts, out);

	return wrong != NULL ? wrong : read_port(parts, out);
}

/* Printable ASCII without blanks, and not too long. */
static const char *check_bytes(const char *url)
{
	size_t len = strnlen(url, FETCH_URL_BYTES_MAX + 1);

	if (len == 0) {
		return "it is empty";
	}
	if (len > FETCH_URL_BYTES_MAX) {
		return "it is too long";
	}
	for (size_t i = 0; i < len; i++) {
		if (url[i] <= 0x20 || url[i] > 0x7e || url[i] == '\\') {
			return "it holds a byte that no URL has";
		}
	}
	return NULL;
}

/* "scheme:" of what may be no URL at all. */
static bool has_scheme(const char *url, const char *scheme)
{
	return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

enum err fetch_url_parse(const char *url, struct fetch_url *out, struct fetch_error *error)
{
	struct fetch_url parsed = {0};
	CURLU *parts = NULL;
	enum err err = ERR_INVALID;
	enum fetch_fault fault = FETCH_URL;
	const char *wrong = check_bytes(url);

	if (wrong != NULL) {
		goto out;
	}
	parsed.tls = has_scheme(url, "https://");
	if (!parsed.tls && !has_scheme(url, "http://")) {
		wrong = "only http and https are fetched";
		fault = FETCH_SCHEME;
		goto out;
	}
	if (strchr(url, '/')[2] == '/') {
		wrong = "it names no host"; /* what reads URLs for us would take the path for one */
		goto out;
	}
	parts = curl_url();
	if (parts == NULL) {
		wrong = "not enough memory";
		fault = FETCH_NO_MEMORY;
		err = ERR_NOMEM;
		goto out;
	}
	CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, 0);

	if (code != CURLUE_OK) {
		wrong = code == CURLUE_OUT_OF_MEMORY ? "not enough memory" : "it is no URL";
		err = code == CURLUE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_INVALID;
		fault = code == CURLUE_OUT_OF_MEMORY ? FETCH_NO_MEMORY : FETCH_URL;
		goto out;
	}
	wrong = read_parts(parts, &parsed);
	if (wrong == NULL) {
		*out = parsed;
		err = ERR_OK;
	}
out:
	if (err != ERR_OK) {
		fetch_error_set(error, fault, "%.200s: %s", url, wrong);
	}
	curl_url_cleanup(parts);
	return err;
}
