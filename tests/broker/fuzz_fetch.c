/*
 * fuzz_fetch.c - fuzz target: fetch_url_parse, fetch_list_new, fetch_address_allowed, revocation_list_decode,
 *                revocation_answer_decode, revocation_parse.
 * Owns:    a copy of the input as text.
 * Never:   opens a socket or a file.
 * Threads: one.
 *
 * The first byte says what the rest is: a URL, an entry of the operator's list, or the content of a file of the cache.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/fetch/revocation_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
	if (!good) {
		abort();
	}
}

static void try_url(const char *text)
{
	struct fetch_url url;
	struct fetch_error error = {.fault = FETCH_OK};
	enum err err = fetch_url_parse(text, &url, &error);

	require((err == ERR_OK) == (error.fault == FETCH_OK));
	if (err != ERR_OK) {
		require(error.sentence[0] != '\0');
		return;
	}
	require(url.host[0] != '\0' && url.port != 0);
	for (const char *at = url.host; *at != '\0'; at++) {
		require((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') ||
			strchr("-_.:", *at) != NULL);
	}
	/* What was read is read alike when it is written again. */
	struct buf again = BUF_INIT(4096);
	struct fetch_url second;
	const char *written = NULL;
	bool v6 = strchr(url.host, ':') != NULL;

	require(buf_printf(&again, "%s://%s%s%s:%u/", url.tls ? "https" : "http", v6 ? "[" : "", url.host,
			v6 ? "]" : "", url.port) == ERR_OK &&
		buf_text(&again, &written) == ERR_OK);
	require(fetch_url_parse(written, &second, &error) == ERR_OK);
	require(strcmp(url.host, second.host) == 0 && url.port == second.port && url.tls == second.tls);
	buf_release(&again);
}

static void try_entry(const char *text)
{
	struct fetch_list *list = NULL;
	struct fetch_error error = {.fault = FETCH_OK};
	struct net_address none = {.family = 4};
	struct net_address loopback = {.family = 4, .octets = {127, 0, 0, 1}};
	enum err err = fetch_list_new(&text, 1, &list, &error);

	require((err == ERR_OK) == (list != NULL));
	require(fetch_address_allowed(list, "host.test", 80, &none) == FETCH_UNSPECIFIED);
	enum fetch_fault fault = fetch_address_allowed(list, "host.test", 80, &loopback);

	require(fault == FETCH_LOOPBACK || (fault == FETCH_OK && list != NULL));
	fetch_list_unref(list);
}

static void try_file(struct bytes in)
{
	struct revocation_list_file list;
	struct revocation_answer_file answer;
	struct buf again = BUF_INIT(1u << 20);

	if (revocation_list_decode(in, &list) == ERR_OK) {
		struct crl *crl = NULL;
		const char *what = NULL;

		require(revocation_list_encode(&list, &again) == ERR_OK &&
			bytes_equal(buf_bytes(&again), in));
		require((revocation_parse(list.der, &crl, &what) == ERR_OK) == (crl != NULL));
		crl_unref(crl);
	} else if (revocation_answer_decode(in, &answer) == ERR_OK) {
		require(revocation_answer_encode(&answer, &again) == ERR_OK &&
			bytes_equal(buf_bytes(&again), in));
	}
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0 || len > 65536) {
		return 0;
	}
	if (data[0] == 'f') {
		try_file(bytes_of(data + 1, len - 1));
		return 0;
	}
	char *text = calloc(1, len);

	require(text != NULL);
	memcpy(text, data + 1, len - 1);
	if (data[0] == 'l') {
		try_entry(text);
	} else {
		try_url(text);
	}
	free(text);
	return 0;
}
