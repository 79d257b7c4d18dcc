/*
 * test_net_spec.c - SSLCIPH names, addresses as text, and the output queue.
 * Threads: one.
 */
#include <stdio.h>
#include <string.h>

#include "broker/net/out_queue.h"
#include "net_kit.h"
#include "tests/test.h"

static const struct {
	const char *name;
	enum err want;
	const char *canonical;
	enum tls_version min, max;
} rows[] = {
	{NULL, ERR_OK, "ANY_TLS12_OR_HIGHER", TLS_VERSION_12, TLS_VERSION_13},
	{"", ERR_OK, "ANY_TLS12_OR_HIGHER", TLS_VERSION_12, TLS_VERSION_13},
	{"ANY", ERR_OK, "ANY", TLS_VERSION_12, TLS_VERSION_13},
	{"ANY_TLS12", ERR_OK, "ANY_TLS12", TLS_VERSION_12, TLS_VERSION_12},
	{"any_tls12_or_higher", ERR_OK, "ANY_TLS12_OR_HIGHER", TLS_VERSION_12, TLS_VERSION_13},
	{"ANY_TLS13", ERR_OK, "ANY_TLS13", TLS_VERSION_13, TLS_VERSION_13},
	{"ANY_TLS13_OR_HIGHER", ERR_OK, "ANY_TLS13_OR_HIGHER", TLS_VERSION_13, TLS_VERSION_13},
	{"TLS_AES_128_GCM_SHA256", ERR_OK, "TLS_AES_128_GCM_SHA256", TLS_VERSION_13, TLS_VERSION_13},
	{"TLS_AES_256_GCM_SHA384", ERR_OK, "TLS_AES_256_GCM_SHA384", TLS_VERSION_13, TLS_VERSION_13},
	{"TLS_CHACHA20_POLY1305_SHA256", ERR_OK, "TLS_CHACHA20_POLY1305_SHA256", TLS_VERSION_13,
		TLS_VERSION_13},
	{"ECDHE_RSA_AES_128_GCM_SHA256", ERR_OK, "ECDHE_RSA_AES_128_GCM_SHA256", TLS_VERSION_12,
		TLS_VERSION_12},
	{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ERR_OK, "ECDHE_RSA_AES_128_GCM_SHA256", TLS_VERSION_12,
		TLS_VERSION_12},
	{"SSL_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ERR_OK, "ECDHE_RSA_AES_128_GCM_SHA256", TLS_VERSION_12,
		TLS_VERSION_12},
	{"ECDHE_ECDSA_AES_256_GCM_SHA384", ERR_OK, "ECDHE_ECDSA_AES_256_GCM_SHA384", TLS_VERSION_12,
		TLS_VERSION_12},
	{"ECDHE_ECDSA_AES_128_GCM_SHA256", ERR_OK, "ECDHE_ECDSA_AES_128_GCM_SHA256", TLS_VERSION_12,
		TLS_VERSION_12},
	{"ECDHE_RSA_AES_256_GCM_SHA384", ERR_OK, "ECDHE_RSA_AES_256_GCM_SHA384", TLS_VERSION_12,
		TLS_VERSION_12},
	{"ECDHE_ECDSA_AES_256_CBC_SHA384", ERR_OK, "ECDHE_ECDSA_AES_256_CBC_SHA384", TLS_VERSION_12,
		TLS_VERSION_12},
	{"ECDHE_ECDSA_AES_128_CBC_SHA256", ERR_OK, "ECDHE_ECDSA_AES_128_CBC_SHA256", TLS_VERSION_12,
		TLS_VERSION_12},
	{"ECDHE_RSA_AES_256_CBC_SHA384", ERR_OK, "ECDHE_RSA_AES_256_CBC_SHA384", TLS_VERSION_12,
		TLS_VERSION_12},
	{"ECDHE_RSA_AES_128_CBC_SHA256", ERR_OK, "ECDHE_RSA_AES_128_CBC_SHA256", TLS_VERSION_12,
		TLS_VERSION_12},
	{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ERR_OK, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
		TLS_VERSION_12, TLS_VERSION_12},
	{"TLS_RSA_WITH_AES_128_GCM_SHA256", ERR_UNSUPPORTED, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"SSL_RSA_WITH_AES_128_GCM_SHA256", ERR_UNSUPPORTED, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"TLS_AES_128_CCM_8_SHA256", ERR_UNSUPPORTED, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"SSL_RSA_WITH_3DES_EDE_CBC_SHA", ERR_UNSUPPORTED, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"RC4_MD5_US", ERR_UNSUPPORTED, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"NULL_SHA", ERR_UNSUPPORTED, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"ANY_TLS1", ERR_NOT_FOUND, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"ANY_TLS12 ", ERR_NOT_FOUND, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"TLS_", ERR_NOT_FOUND, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"SSL_", ERR_NOT_FOUND, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"ECDHE-RSA-AES128-GCM-SHA256", ERR_NOT_FOUND, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
	{"ECDHE_RSA_WITH_AES_128_GCM_SHA256", ERR_NOT_FOUND, NULL, TLS_VERSION_NONE, TLS_VERSION_NONE},
};

static void test_names(void)
{
	struct kit_cert *ec = kit_cert_new(&(struct kit_cert_options){.name = "ec"});
	struct kit_cert *rsa = kit_cert_new(&(struct kit_cert_options){.name = "rsa", .is_rsa = true});
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *row = rows[i].name != NULL ? rows[i].name : "(blank)";
		struct tls_spec spec = {0};
		struct net_error error = {0};
		CHECK(row, tls_spec_find(rows[i].name, &spec, &error) == rows[i].want);
		if (rows[i].want != ERR_OK) {
			CHECK(row, spec.name == NULL);
			CHECK(row, error.err == rows[i].want && error.sentence[0] != '\0');
			continue;
		}
		CHECK(row, strcmp(spec.name, rows[i].canonical) == 0);
		CHECK(row, spec.min == rows[i].min && spec.max == rows[i].max);
		CHECK(row, !(spec.ecdsa_only && spec.rsa_only));
		/* The library knows every suite that we name: kit_context() requires it. */
		tls_context_unref(
			kit_context(spec.rsa_only ? rsa : ec, TLS_CLIENT_AUTH_REQUIRED, rows[i].name));
	}
	kit_cert_free(ec);
	kit_cert_free(rsa);
}

static void test_addresses(void)
{
	static const struct {
		struct net_address address;
		const char *want;
	} table[] = {
		{{.family = 4, .octets = {127, 0, 0, 1}, .port = 1883}, "127.0.0.1:1883"},
		{{.family = 6, .octets = {[15] = 1}, .port = 8883}, "[::1]:8883"},
		{{.family = 6,
			 .octets = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
				 255},
			 .port = 65535},
			"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
		{{.family = 0}, "-"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		char text[NET_ADDRESS_TEXT_BYTES];
		net_address_format(&table[i].address, text);
		CHECK(table[i].want, strcmp(text, table[i].want) == 0);
	}
	for (int i = 0; i < IO_CLOSE_COUNT_; i++) {
		CHECK("each reason has a name", strcmp(io_close_name((enum io_close)i), "unknown") != 0);
	}
	for (int i = 0; i < TLS_FAILURE_COUNT_; i++) {
		CHECK("each failure has a name",
			strcmp(tls_failure_name((enum tls_failure)i), "unknown") != 0);
	}
}

static void count_release(void *owner)
{
	++*(unsigned *)owner;
}

static void test_queue(size_t step)
{
	static const char big[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct out_queue queue = {0};
	unsigned released = 0;
	char seen[256];
	size_t seen_len = 0;
	CHECK("copy", out_queue_copy(&queue, bytes_text("head ")) == ERR_OK);
	CHECK("copy", out_queue_copy(&queue, bytes_text("more ")) == ERR_OK);
	CHECK("reference", out_queue_ref(&queue, bytes_text(big), count_release, &released) == ERR_OK);
	CHECK("nothing", out_queue_copy(&queue, BYTES_NONE) == ERR_OK);
	CHECK("copy", out_queue_copy(&queue, bytes_text(" tail")) == ERR_OK);
	uv_buf_t bufs[2];
	size_t len = 0;
	CHECK("small packets share a block", out_queue_gather(&queue, bufs, 2, &len) == 2);
	CHECK("their sum", len == 10 + strlen(big));
	CHECK("a reference is not copied", bufs[1].base == big);
	while (queue.bytes > 0) {
		size_t n = out_queue_peek(&queue, (uint8_t *)seen + seen_len, step);
		seen_len += n;
		out_queue_consume(&queue, n);
		if (seen_len == 7) {
			CHECK("append to a block that is partly gone",
				out_queue_copy(&queue, bytes_text("!")) == ERR_OK);
		}
	}
	CHECK("order", seen_len >= 10 + strlen(big) + 5 && memcmp(seen, "head more 0123", 14) == 0);
	CHECK("released once", released == 1);
	CHECK("empty", queue.head == NULL && queue.tail == NULL);
	CHECK("reference", out_queue_ref(&queue, bytes_text(big), count_release, &released) == ERR_OK);
	out_queue_clear(&queue);
	CHECK("released by clearing", released == 2 && queue.head == NULL);
	test_alloc_fail_at(1);
	CHECK("no memory: copy", out_queue_copy(&queue, bytes_text("x")) == ERR_NOMEM && queue.bytes == 0);
	test_alloc_fail_at(1);
	CHECK("no memory: reference",
		out_queue_ref(&queue, bytes_text(big), count_release, &released) == ERR_NOMEM &&
			released == 2);
	test_alloc_fail_at(0);
	CHECK("still empty", queue.head == NULL);
}

int main(void)
{
	test_names();
	test_addresses();
	for (size_t step = 1; step < 60; step++) {
		test_queue(step);
	}
	return test_result();
}
