/*
 * test_possession.c - a callback that accepts every chain still leaves a thief outside: wolfSSL demands the leaf's private key.
 * Owns:    its certificates and pairs.
 * Never:   trusts what wolfSSL thinks of a chain.
 * Threads: one.
 */
#include "pair.h"

#include <string.h>

#include <wolfssl/error-ssl.h>

enum key_from { KEY_OWN, KEY_STRANGER, KEY_ISSUER, KEY_SECOND_IN_CHAIN };

static const struct row {
	const char *name;
	enum key_from key;
	bool want_done;
} rows[] = {
	{"the leaf's own key", KEY_OWN, true},
	{"a stranger's key under a stolen chain", KEY_STRANGER, false},
	{"the issuer's key: the issuer is not the device", KEY_ISSUER, false},
	{"the key of the second certificate sent: only the first one counts", KEY_SECOND_IN_CHAIN, false},
};

static struct pki_cert root, identity, device, stranger;

static void run_row(const struct row *row, int version, enum sslcauth cauth)
{
	struct pki_cert thief = device; /* the real chain … */
	const struct pki_cert *key = row->key == KEY_OWN      ? &device
				     : row->key == KEY_ISSUER ? &root
							      : &stranger;
	memcpy(thief.key, key->key, key->key_len); /* … and a key of choice */
	thief.key_len = key->key_len;
	const struct pki_cert *chain[] = {row->key == KEY_SECOND_IN_CHAIN ? &stranger : &root};
	WOLFSSL_CTX *server_ctx = recipe_server_ctx(&identity, cauth);
	WOLFSSL_CTX *client_ctx = client_ctx_new(version, &thief, chain, 1);
	require(server_ctx != NULL, "the recipe");
	struct pair pair;
	pair_open(&pair, server_ctx, client_ctx);
	pair_handshake(&pair);
	CHECK(row->name, pair.server_done == row->want_done);
	CHECK(row->name, pair_talk(&pair) == row->want_done);
	/* The evidence is there in both cases: it counts for something only after Finished. */
	CHECK_INT(row->name, pair.evidence.count, 2);
	CHECK(row->name, pair.evidence.count > 0 && pair.evidence.der_len[0] == device.der_len);
	if (!row->want_done) {
		CHECK(row->name, pair.server_error != 0 && pair.server_error != WOLFSSL_ERROR_WANT_READ);
	}
	pair_close(&pair);
	wolfSSL_CTX_free(server_ctx);
	wolfSSL_CTX_free(client_ctx);
}

enum harm { HARM_ONE_BIT, HARM_LEFT_OUT };

/* TLS 1.2 shows CertificateVerify in the open: alter it on its way, or take its record out. Handshake type 15. */
static bool harm_certificate_verify(struct queue *queue, enum harm harm)
{
	enum { RECORD_HEAD = 5, CONTENT_HANDSHAKE = 22, CERTIFICATE_VERIFY = 15 };
	for (size_t at = queue->pos; at + RECORD_HEAD + 4 < queue->len;) {
		size_t len = (size_t)queue->data[at + 3] << 8 | queue->data[at + 4];
		if (queue->data[at] == CONTENT_HANDSHAKE &&
			queue->data[at + RECORD_HEAD] == CERTIFICATE_VERIFY) {
			if (harm == HARM_ONE_BIT) {
				queue->data[at + RECORD_HEAD + len - 1] ^= 1;
				return true;
			}
			size_t next = at + RECORD_HEAD + len;
			memmove(queue->data + at, queue->data + next, queue->len - next);
			queue->len -= RECORD_HEAD + len;
			return true;
		}
		at += RECORD_HEAD + len;
	}
	return false;
}

static void run_harmed(enum sslcauth cauth, enum harm harm)
{
	const char *name = harm == HARM_ONE_BIT
				   ? "one bit of CertificateVerify altered on its way (1.2)"
				   : "CertificateVerify left out: a chain alone proves nothing (1.2)";
	WOLFSSL_CTX *server_ctx = recipe_server_ctx(&identity, cauth);
	WOLFSSL_CTX *client_ctx = client_ctx_new(12, &device, NULL, 0);
	require(server_ctx != NULL, "the recipe");
	struct pair pair;
	bool is_altered = false;
	pair_open(&pair, server_ctx, client_ctx);
	for (int turn = 0; turn < 8 && !pair.server_done; turn++) {
		(void)wolfSSL_connect(pair.client);
		is_altered = is_altered || harm_certificate_verify(&pair.to_server, harm);
		int result = wolfSSL_accept(pair.server);
		pair.server_done = result == WOLFSSL_SUCCESS;
		pair.server_error = wolfSSL_get_error(pair.server, result);
		if (pair.server_error != WOLFSSL_ERROR_WANT_READ) {
			break;
		}
	}
	CHECK(name, is_altered);
	CHECK(name, !pair.server_done);
	CHECK(name, pair.server_error != 0 && pair.server_error != WOLFSSL_ERROR_WANT_READ);
	/* For want of the message, and not because Finished no longer fits what was said: it had not come to that. */
	CHECK(name, harm == HARM_ONE_BIT || pair.server_error == NO_PEER_VERIFY);
	pair_close(&pair);
	wolfSSL_CTX_free(server_ctx);
	wolfSSL_CTX_free(client_ctx);
}

/* --- a certificate that nobody asked for --- */

static int refuse(int preverify, WOLFSSL_X509_STORE_CTX *store)
{
	struct evidence *evidence = store->userCtx;
	(void)preverify;
	evidence->calls++;
	return 0;
}

/* In front of what the client says after ServerHelloDone (1.2): ClientKeyExchange, handshake type 16. */
static bool slip_in(struct queue *queue, const struct pki_cert *cert)
{
	enum { HEAD = 5 + 4 + 3 + 3, CONTENT_HANDSHAKE = 22, CLIENT_KEY_EXCHANGE = 16 };
	size_t len = cert->der_len, at = queue->pos;
	const uint8_t head[HEAD] = {CONTENT_HANDSHAKE, 3, 3, (uint8_t)((len + 10) >> 8), (uint8_t)(len + 10),
		11, 0, (uint8_t)((len + 6) >> 8), (uint8_t)(len + 6), 0, (uint8_t)((len + 3) >> 8),
		(uint8_t)(len + 3), 0, (uint8_t)(len >> 8), (uint8_t)len};
	if (queue->len < at + 6 || queue->data[at] != CONTENT_HANDSHAKE ||
		queue->data[at + 5] != CLIENT_KEY_EXCHANGE) {
		return false;
	}
	memmove(queue->data + at + HEAD + len, queue->data + at, queue->len - at);
	memcpy(queue->data + at, head, HEAD);
	memcpy(queue->data + at + HEAD, cert->der, len);
	queue->len += HEAD + len;
	return true;
}

/* The library takes it, and would check a signature with it: the callback, which runs here too, has to end that. */
static void run_unasked(void)
{
	const char *name = "a certificate that nobody asked for (1.2): the callback's 0 ends the handshake";
	WOLFSSL_CTX *server_ctx = recipe_server_ctx(&identity, SSLCAUTH_NEVER);
	WOLFSSL_CTX *client_ctx = client_ctx_new(12, NULL, NULL, 0);
	require(server_ctx != NULL, "the recipe");
	wolfSSL_CTX_set_verify(server_ctx, WOLFSSL_VERIFY_NONE, refuse);
	struct pair pair;
	bool is_in = false;
	pair_open(&pair, server_ctx, client_ctx);
	for (int turn = 0; turn < 8 && !pair.server_done; turn++) {
		(void)wolfSSL_connect(pair.client);
		is_in = is_in || slip_in(&pair.to_server, &device);
		int result = wolfSSL_accept(pair.server);
		pair.server_done = result == WOLFSSL_SUCCESS;
		pair.server_error = wolfSSL_get_error(pair.server, result);
		if (pair.server_error != WOLFSSL_ERROR_WANT_READ) {
			break;
		}
	}
	CHECK(name, is_in && pair.evidence.calls > 0);
	CHECK_INT(name, pair.server_error, VERIFY_CERT_ERROR);
	pair_close(&pair);
	wolfSSL_CTX_free(server_ctx);
	wolfSSL_CTX_free(client_ctx);
}

int main(void)
{
	static const enum pki_key kinds[] = {PKI_ECC, PKI_RSA, PKI_ED25519};
	require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		pki_make(&root, &(struct pki_spec){.name = "root", .is_ca = true, .kind = kinds[k]});
		pki_make(&identity, &(struct pki_spec){.name = "broker", .issuer = &root});
		pki_make(&device, &(struct pki_spec){.name = "device", .issuer = &root, .kind = kinds[k]});
		pki_make(
			&stranger, &(struct pki_spec){.name = "stranger", .issuer = &root, .kind = kinds[k]});
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			run_row(&rows[i], 12, SSLCAUTH_REQUIRED);
			run_row(&rows[i], 13, SSLCAUTH_REQUIRED);
			run_row(&rows[i], 12, SSLCAUTH_OPTIONAL);
			run_row(&rows[i], 13, SSLCAUTH_OPTIONAL);
		}
		run_harmed(SSLCAUTH_REQUIRED, HARM_ONE_BIT);
		run_harmed(SSLCAUTH_OPTIONAL, HARM_ONE_BIT);
		run_harmed(SSLCAUTH_REQUIRED, HARM_LEFT_OUT);
		run_harmed(SSLCAUTH_OPTIONAL, HARM_LEFT_OUT);
		run_unasked();
		pki_free(&root), pki_free(&identity), pki_free(&device), pki_free(&stranger);
	}
	(void)wolfSSL_Cleanup();
	return check_result();
}
