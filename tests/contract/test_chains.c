/*
 * test_chains.c - which chains reach the gate after Finished, whatever wolfSSL thinks of them, and which never do.
 * Owns:    its certificates and pairs.
 * Never:   trusts what wolfSSL thinks of a chain.
 * Threads: one.
 */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/error-ssl.h>

static struct pki_cert identity;

struct outcome {
	bool is_done;
	int server_error;
	int alert;                /* that the client got */
	struct evidence evidence; /* without its bytes: they went with the pair */
	bool leaf_matches;
};

static struct outcome try_chain(
	int version, const struct pki_cert *leaf, const struct pki_cert *const *chain, size_t count)
{
	WOLFSSL_CTX *server_ctx = recipe_server_ctx(&identity, SSLCAUTH_REQUIRED);
	WOLFSSL_CTX *client_ctx = client_ctx_new(version, leaf, chain, count);
	require(server_ctx != NULL, "the recipe");
	struct pair pair;
	pair_open(&pair, server_ctx, client_ctx);
	pair_handshake(&pair);
	struct outcome out = {
		pair.server_done, pair.server_error, alert_received(pair.client), pair.evidence, false};
	out.leaf_matches = pair.evidence.count > 0 && pair.evidence.der_len[0] == leaf->der_len &&
			   memcmp(pair.evidence.der[0], leaf->der, leaf->der_len) == 0;
	pair_close(&pair);
	wolfSSL_CTX_free(server_ctx);
	wolfSSL_CTX_free(client_ctx);
	return out;
}

/* What wolfSSL holds against a chain does not matter: the evidence arrives whole. */
static void test_any_chain_arrives(int version)
{
	struct pki_cert root, issuing, device, expired, lone, lone_ca, stranger;
	pki_make(&root, &(struct pki_spec){.name = "root", .is_ca = true});
	pki_make(&issuing, &(struct pki_spec){.name = "issuing", .issuer = &root, .is_ca = true});
	pki_make(&device, &(struct pki_spec){.name = "device", .issuer = &issuing});
	pki_make(&expired, &(struct pki_spec){.name = "old device", .issuer = &issuing, .is_expired = true});
	pki_make(&lone, &(struct pki_spec){.name = "self-signed device"});
	pki_make(&lone_ca, &(struct pki_spec){.name = "self-signed device with CA:TRUE", .is_ca = true});
	pki_make(&stranger, &(struct pki_spec){.name = "stranger", .is_ca = true});
	const struct {
		const char *name;
		const struct pki_cert *leaf, *next;
	} rows[] = {
		{"unknown CA, leaf alone", &device, NULL},
		{"unknown CA, with its intermediate", &device, &issuing},
		{"expired leaf", &expired, NULL},
		{"expired leaf with its intermediate", &expired, &issuing},
		{"self-signed leaf, CA:FALSE", &lone, NULL},
		{"self-signed leaf, CA:TRUE", &lone_ca, NULL},
		{"an intermediate that did not sign the leaf", &device, &stranger},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct pki_cert *chain[] = {rows[i].next};
		size_t count = rows[i].next != NULL ? 1 : 0;
		struct outcome out = try_chain(version, rows[i].leaf, chain, count);
		CHECK(rows[i].name, out.is_done);
		CHECK_INT(rows[i].name, out.server_error, 0);
		CHECK_INT(rows[i].name, out.evidence.count, count + 1);
		CHECK(rows[i].name, out.leaf_matches);
		/* wolfSSL did object each time, and mostly for the same reason (no CA): its error tells nothing. */
		CHECK(rows[i].name, out.evidence.first_error != 0);
	}
	pki_free(&root), pki_free(&issuing), pki_free(&device), pki_free(&expired), pki_free(&lone);
	pki_free(&lone_ca), pki_free(&stranger);
}

/*
 * X.509 v1 has no extensions. wolfSSL notes ASN_VERSION_E (-141) for such a leaf, but a callback that returns 1
 * overrides it: refusing v1 is our job, after Finished, like all else.
 */
static void test_version_1(int version)
{
	const char *name = "X.509 v1 leaf: wolfSSL lets it through to our gate";
	struct pki_cert root, old;
	pki_make(&root, &(struct pki_spec){.name = "root", .is_ca = true});
	pki_make(&old, &(struct pki_spec){.name = "old device", .issuer = &root, .is_version_1 = true});
	struct outcome out = try_chain(version, &old, NULL, 0);
	CHECK(name, out.is_done);
	CHECK(name, out.leaf_matches);
	CHECK(name, out.evidence.first_error != 0);
	pki_free(&root), pki_free(&old);
}

/* A leaf that is not even a certificate ends the handshake in wolfSSL; so does a key that it cannot use. */
static void test_garbage(int version)
{
	struct pki_cert root, device;
	pki_make(&root, &(struct pki_spec){.name = "root", .is_ca = true});
	pki_make(&device, &(struct pki_spec){.name = "device", .issuer = &root});
	/* Intermediates that do not parse: loaded as they are, since the client does not look at them. */
	struct pki_cert garbage = root;
	uint8_t broken[PKI_DER_BYTES_MAX];
	memcpy(broken, root.der, root.der_len);
	broken[4] ^= 0x10; /* the tag of tbsCertificate */
	garbage.der = broken;
	const struct pki_cert *chain[] = {&garbage};
	struct outcome out = try_chain(version, &device, chain, 1);
	CHECK("an intermediate that does not parse: the handshake fails or the bytes arrive as they are",
		!out.is_done ||
			(out.evidence.count == 2 && out.evidence.bytes == device.der_len + garbage.der_len));
	pki_free(&root), pki_free(&device);
}

/* Nine certificates arrive; ten are refused by wolfSSL before the callback. */
static void test_chain_length(int version)
{
	struct pki_cert certs[12];
	const struct pki_cert *chain[12];
	pki_make(&certs[11], &(struct pki_spec){.name = "root", .is_ca = true});
	for (int i = 10; i >= 0; i--) {
		pki_make(&certs[i], &(struct pki_spec){.name = i == 0 ? "device" : "issuing",
					    .issuer = &certs[i + 1],
					    .is_ca = i > 0});
	}
	for (int i = 1; i < 12; i++) {
		chain[i - 1] = &certs[i];
	}
	for (size_t count = 7; count <= 8; count++) {
		struct outcome out = try_chain(version, &certs[0], chain, count);
		CHECK("at most 9 certificates: arrives", out.is_done);
		CHECK_INT("at most 9 certificates: arrives", out.evidence.count, count + 1);
		CHECK_INT("every one is asked about", out.evidence.seen, (1L << (count + 1)) - 1);
	}
	struct outcome out = try_chain(version, &certs[0], chain, 9);
	CHECK("10 certificates: refused by wolfSSL or never sent", !out.is_done || out.evidence.count <= 9);
	if (!out.is_done) {
		CHECK_INT("10 certificates", out.server_error, MAX_CHAIN_ERROR);
		CHECK_INT("10 certificates", out.evidence.calls, 0);
	}
	for (size_t i = 0; i < 12; i++) {
		pki_free(&certs[i]);
	}
}

/* A large leaf arrives whole, over several records. */
static void test_large(int version)
{
	struct pki_cert root, large;
	pki_make(&root, &(struct pki_spec){.name = "root", .is_ca = true});
	for (size_t padding = 1000; padding <= 15000; padding += 7000) {
		pki_make(&large, &(struct pki_spec){.name = "large", .issuer = &root, .padding = padding});
		const struct pki_cert *chain[] = {&root};
		struct outcome out = try_chain(version, &large, chain, 1);
		CHECK("a large leaf arrives whole", out.is_done);
		CHECK("a large leaf arrives whole", out.leaf_matches);
		CHECK("a large leaf arrives whole", out.evidence.der_len[0] > padding);
		pki_free(&large);
	}
	pki_free(&root);
}

/* Certificates beyond what nine ordinary ones need are refused before the callback and before they are kept. */
static void test_oversized(int version)
{
	const char *name = "certificates of more than 18 kB together";
	struct pki_cert root, large, second;
	pki_make(&root, &(struct pki_spec){.name = "root", .is_ca = true});
	pki_make(&large, &(struct pki_spec){.name = "large", .issuer = &root, .padding = 12000});
	pki_make(&second,
		&(struct pki_spec){.name = "second", .issuer = &root, .is_ca = true, .padding = 12000});
	const struct pki_cert *chain[] = {&second};
	struct outcome out = try_chain(version, &large, chain, 1);
	CHECK(name, !out.is_done);
	CHECK(name, out.server_error != 0 && out.server_error != WOLFSSL_ERROR_WANT_READ);
	CHECK_INT(name, out.evidence.calls, 0);
	pki_free(&root), pki_free(&large), pki_free(&second);
}

/* What a stranger may announce before anything is known of it. Refused at the announcement: no room is made for it. */
static void test_announced_length(void)
{
	static const struct {
		const char *name;
		uint8_t bytes[16];
		size_t len;
	} rows[] = {
		{"a ClientHello of 16 MB", {22, 3, 1, 0, 6, 1, 0xff, 0xff, 0xff, 3, 3}, 11},
		{"a Certificate of 16 MB before any hello", {22, 3, 3, 0, 6, 11, 0xff, 0xff, 0xff, 0, 0}, 11},
		{"a record longer than 16 kB + overhead", {22, 3, 1, 0xff, 0xff, 1, 0, 0, 1}, 9},
		{"HTTP", {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P', '/', '1', '.', '1', 13, 10}, 16},
		{"MQTT in the open", {0x10, 0x0c, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0}, 14},
	};
	WOLFSSL_CTX *server_ctx = recipe_server_ctx(&identity, SSLCAUTH_REQUIRED);
	WOLFSSL_CTX *client_ctx = client_ctx_new(13, NULL, NULL, 0);
	require(server_ctx != NULL, "the recipe");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair pair;
		pair_open(&pair, server_ctx, client_ctx);
		memcpy(pair.to_server.data, rows[i].bytes, rows[i].len);
		pair.to_server.len = rows[i].len;
		int result = wolfSSL_accept(pair.server);
		int error = wolfSSL_get_error(pair.server, result);
		CHECK(rows[i].name, result != WOLFSSL_SUCCESS);
		CHECK(rows[i].name, error != WOLFSSL_ERROR_WANT_READ && error != WOLFSSL_ERROR_WANT_WRITE);
		CHECK_INT(rows[i].name, pair.evidence.calls, 0);
		pair_close(&pair);
	}
	wolfSSL_CTX_free(server_ctx);
	wolfSSL_CTX_free(client_ctx);
}

int main(void)
{
	require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	pki_make(&identity, &(struct pki_spec){.name = "broker"});
	for (int version = 12; version <= 13; version++) {
		test_any_chain_arrives(version);
		test_version_1(version);
		test_garbage(version);
		test_chain_length(version);
		test_large(version);
		test_oversized(version);
	}
	test_announced_length();
	pki_free(&identity);
	(void)wolfSSL_Cleanup();
	return check_result();
}
