/*
 * test_recipe.c - the context recipe of README.md gives the wanted handshake for every SSLCAUTH, version and kind of key.
 * Owns:    its certificates and pairs.
 * Never:   trusts what wolfSSL thinks of a chain.
 * Threads: one.
 */
#include "pair.h"

#include <stdio.h>
#include <string.h>

static const struct row {
	const char *name;
	enum sslcauth cauth;
	bool has_cert;
	bool want_done;
	int want_certs; /* in the evidence */
	unsigned long want_seen;
	unsigned long want_calls_min; /* wolfSSL asks about a certificate more than once; 0: never at all */
} rows[] = {
	{"NEVER, client has one: not asked for", SSLCAUTH_NEVER, true, true, 0, 0, 0},
	{"NEVER, client has none", SSLCAUTH_NEVER, false, true, 0, 0, 0},
	{"OPTIONAL, client sends one", SSLCAUTH_OPTIONAL, true, true, 2, 3, 2},
	/* An empty Certificate message: the callback does run, once, with no certificate to look at. */
	{"OPTIONAL, client has none: callback sees an empty chain", SSLCAUTH_OPTIONAL, false, true, 0, 0, 1},
	{"REQUIRED, client sends one", SSLCAUTH_REQUIRED, true, true, 2, 3, 2},
	{"REQUIRED, client has none: refused in the handshake", SSLCAUTH_REQUIRED, false, false, 0, 0, 0},
};

static void run_row(const struct row *row, int version, enum pki_key kind)
{
	struct pki_cert root, identity, issuing, device;
	pki_make(&root, &(struct pki_spec){.name = "root", .is_ca = true});
	pki_make(&identity, &(struct pki_spec){.name = "broker", .issuer = &root, .kind = kind});
	pki_make(&issuing, &(struct pki_spec){.name = "issuing", .issuer = &root, .is_ca = true});
	pki_make(&device, &(struct pki_spec){.name = "device", .issuer = &issuing, .kind = kind});
	const struct pki_cert *chain[] = {&issuing};
	WOLFSSL_CTX *server_ctx = recipe_server_ctx(&identity, row->cauth);
	WOLFSSL_CTX *client_ctx = client_ctx_new(version, row->has_cert ? &device : NULL, chain, 1);
	require(server_ctx != NULL, "the recipe");

	struct pair pair;
	pair_open(&pair, server_ctx, client_ctx);
	pair_handshake(&pair);
	CHECK(row->name, pair.server_done == row->want_done);
	CHECK_INT(row->name, pair.evidence.count, row->want_certs);
	CHECK_INT(row->name, pair.evidence.seen, row->want_seen);
	CHECK(row->name, pair.evidence.calls >= row->want_calls_min);
	CHECK(row->name, row->want_calls_min > 0 || pair.evidence.calls == 0);
	CHECK(row->name, !pair.evidence.broken);
	if (row->want_certs == 2 && pair.evidence.count == 2) {
		CHECK(row->name, pair.evidence.der_len[0] == device.der_len);
		CHECK(row->name, memcmp(pair.evidence.der[0], device.der, device.der_len) == 0);
		CHECK(row->name, pair.evidence.der_len[1] == issuing.der_len);
		CHECK(row->name, memcmp(pair.evidence.der[1], issuing.der, issuing.der_len) == 0);
	}
	if (row->want_done) {
		CHECK_INT(row->name, pair.server_error, 0);
		CHECK(row->name,
			strcmp(wolfSSL_get_version(pair.server), version == 12 ? "TLSv1.2" : "TLSv1.3") == 0);
		CHECK(row->name, pair_talk(&pair));
		CHECK(row->name, wolfSSL_session_reused(pair.server) == 0);
	} else {
		/* TLS 1.3 has an alert of its own (116, certificate_required); 1.2 only handshake_failure (40). */
		CHECK_INT(row->name, alert_received(pair.client), version == 13 ? 116 : 40);
		CHECK(row->name, !pair_talk(&pair));
	}
	pair_close(&pair);
	wolfSSL_CTX_free(server_ctx);
	wolfSSL_CTX_free(client_ctx);
	pki_free(&root), pki_free(&identity), pki_free(&issuing), pki_free(&device);
}

int main(void)
{
	require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run_row(&rows[i], 12, PKI_ECC);
		run_row(&rows[i], 13, PKI_ECC);
		run_row(&rows[i], 12, PKI_RSA);
		run_row(&rows[i], 13, PKI_RSA);
		run_row(&rows[i], 12, PKI_ED25519);
		run_row(&rows[i], 13, PKI_ED25519);
	}
	(void)wolfSSL_Cleanup();
	return check_result();
}
