/*
 * fuzz_patterns.c - fuzz target: dn_pattern_parse, dn_pattern_compare, address_pattern_parse, address_pattern_match,
 *                   address_pattern_compare, auth_address_parse, chlauth_record_check, chlauth_record_print_key.
 * Owns:    two texts of the input at a time.
 * Never:   judges; an input that parses must only behave as an order and print cleanly.
 * Threads: one.
 *
 * The input is two texts, parted by the first NUL.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int sign(int value)
{
	return value > 0 ? 1 : value < 0 ? -1 : 0;
}

static void require(bool good)
{
	if (!good) {
		abort();
	}
}

static void try_dn(const char *a, const char *b)
{
	struct auth_error error = {0};
	struct dn_pattern *left = NULL;
	struct dn_pattern *right = NULL;
	enum err err = dn_pattern_parse(a, &left, &error);
	require((err == ERR_OK) == (left != NULL));
	require(err == ERR_OK || (error.sentence[0] != '\0' && error.offset <= strlen(a)));
	err = dn_pattern_parse(b, &right, &error);
	require((err == ERR_OK) == (right != NULL));
	if (left != NULL && right != NULL) {
		require(sign(dn_pattern_compare(left, right)) == -sign(dn_pattern_compare(right, left)));
		require(dn_pattern_compare(left, left) == 0);
	}
	dn_pattern_free(left);
	dn_pattern_free(right);
}

static void try_address(const char *a, const char *b)
{
	struct auth_address address;
	struct auth_error error = {0};
	struct address_pattern *left = NULL;
	struct address_pattern *right = NULL;
	enum err err = address_pattern_parse(a, &left, &error);
	require((err == ERR_OK) == (left != NULL));
	require(err == ERR_OK || error.offset <= strlen(a));
	err = address_pattern_parse(b, &right, &error);
	if (left != NULL && right != NULL) {
		require(sign(address_pattern_compare(left, right)) ==
			-sign(address_pattern_compare(right, left)));
	}
	if (auth_address_parse(b, &address) == ERR_OK) {
		char text[AUTH_ADDRESS_TEXT_BYTES];
		struct auth_address again;
		auth_address_format(&address, text);
		require(auth_address_parse(text, &again) == ERR_OK);
		require(memcmp(&address, &again, sizeof(address)) == 0);
		if (left != NULL) {
			(void)address_pattern_match(left, &address);
		}
		/* What is an address is a pattern that means it (of a mapped one, the IPv4 address). */
		require(err == ERR_OK || strchr(b, '.') != NULL);
		require(right == NULL || address_pattern_match(right, &address));
	}
	address_pattern_free(left);
	address_pattern_free(right);
}

static void try_record(const char *a, const char *b)
{
	struct buf key = BUF_INIT(65536);
	struct chlauth_record record = {.profile = "A.*",
		.type = CHLAUTH_SSLPEERMAP,
		.ssl_peer = a,
		.ssl_issuer = b,
		.mca_user = "u"};
	enum err err = chlauth_record_check(&record, NULL);
	require(err == ERR_OK || err == ERR_INVALID || err == ERR_LIMIT);
	require(chlauth_record_same_key(&record, &record));
	if (chlauth_record_print_key(&record, &key) == ERR_OK) {
		size_t quotes = 0;
		for (size_t i = 0; i < key.len; i++) {
			require(key.data[i] >= 0x20 && key.data[i] != 0x7f);
			quotes += key.data[i] == '\'' ? 1 : 0;
		}
		require(quotes % 2 == 0);
	}
	buf_release(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 2);
	if (text == NULL) {
		return 0;
	}
	if (len > 0) {
		memcpy(text, data, len);
	}
	text[len] = '\0';
	text[len + 1] = '\0';
	const char *a = text;
	const char *b = text + strlen(text) + 1;
	try_dn(a, b);
	try_address(a, b);
	try_record(a, b);
	free(text);
	return 0;
}
