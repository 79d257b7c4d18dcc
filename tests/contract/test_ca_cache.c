/*
 * test_ca_cache.c - presented CA certificates are not added to the context: 20 rogue chains leave 0 CAs behind.
 * Owns:    its certificates and pairs.
 * Never:   loads a CA, but in the row that shows that an added CA would be seen.
 * Threads: one.
 */
#include "pair.h"

#include <wolfssl/error-ssl.h>

enum { ROGUE_CHAINS = 20 };

static unsigned long added; /* wolfSSL's callback for an added CA has no argument of ours */

static void count_added(unsigned char *der, int size, int type)
{
	(void)der, (void)size, (void)type;
	added++;
}

static int verify_with(WOLFSSL_CTX *ctx, const struct pki_cert *cert)
{
	return wolfSSL_CertManagerVerifyBuffer(
		wolfSSL_CTX_GetCertManager(ctx), cert->der, (long)cert->der_len, WOLFSSL_FILETYPE_ASN1);
}

static void run_rogues(int version, enum sslcauth cauth, const struct pki_cert *identity)
{
	const char *name = "20 rogue chains, 0 CAs added";
	WOLFSSL_CTX *server_ctx = recipe_server_ctx(identity, cauth);
	require(server_ctx != NULL, "the recipe");
	wolfSSL_CTX_SetCACb(server_ctx, count_added);
	added = 0;
	for (int i = 0; i < ROGUE_CHAINS; i++) {
		struct pki_cert root, issuing, leaf, other;
		pki_make(&root, &(struct pki_spec){.name = "rogue root", .is_ca = true});
		pki_make(&issuing,
			&(struct pki_spec){.name = "rogue issuing", .issuer = &root, .is_ca = true});
		pki_make(&leaf, &(struct pki_spec){.name = "rogue", .issuer = &issuing});
		pki_make(&other, &(struct pki_spec){.name = "next rogue", .issuer = &issuing});
		const struct pki_cert *chain[] = {&issuing, &root};
		WOLFSSL_CTX *client_ctx = client_ctx_new(version, &leaf, chain, 2);
		struct pair pair;
		pair_open(&pair, server_ctx, client_ctx);
		pair_handshake(&pair);
		/* The handshake succeeds: refusing a rogue chain is our job, after Finished. */
		CHECK(name, pair.server_done);
		CHECK_INT(name, pair.evidence.count, 3);
		/* If an issuer had been kept, its next certificate would verify now. */
		CHECK_INT(name, verify_with(server_ctx, &other), ASN_NO_SIGNER_E);
		CHECK_INT(name, verify_with(server_ctx, &issuing), ASN_NO_SIGNER_E);
		pair_close(&pair);
		wolfSSL_CTX_free(client_ctx);
		pki_free(&root), pki_free(&issuing), pki_free(&leaf), pki_free(&other);
	}
	CHECK_INT(name, added, 0);
	wolfSSL_CTX_free(server_ctx);
}

/* The two ways to see an added CA do see one; otherwise the rows above would prove nothing. */
static void run_control(const struct pki_cert *identity)
{
	const char *name = "control: a loaded CA is seen by both checks";
	struct pki_cert root, leaf;
	pki_make(&root, &(struct pki_spec){.name = "root", .is_ca = true});
	pki_make(&leaf, &(struct pki_spec){.name = "leaf", .issuer = &root});
	WOLFSSL_CTX *ctx = recipe_server_ctx(identity, SSLCAUTH_REQUIRED);
	require(ctx != NULL, "the recipe");
	wolfSSL_CTX_SetCACb(ctx, count_added);
	added = 0;
	CHECK_INT(name, verify_with(ctx, &leaf), ASN_NO_SIGNER_E);
	CHECK_INT(name,
		wolfSSL_CTX_load_verify_buffer(ctx, root.der, (long)root.der_len, WOLFSSL_FILETYPE_ASN1),
		WOLFSSL_SUCCESS);
	CHECK_INT(name, verify_with(ctx, &leaf), WOLFSSL_SUCCESS);
	CHECK_INT(name, added, 1);
	wolfSSL_CTX_free(ctx);
	pki_free(&root), pki_free(&leaf);
}

int main(void)
{
	require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	struct pki_cert identity;
	pki_make(&identity, &(struct pki_spec){.name = "broker"});
	run_control(&identity);
	run_rogues(12, SSLCAUTH_REQUIRED, &identity);
	run_rogues(13, SSLCAUTH_REQUIRED, &identity);
	run_rogues(12, SSLCAUTH_OPTIONAL, &identity);
	run_rogues(13, SSLCAUTH_OPTIONAL, &identity);
	pki_free(&identity);
	(void)wolfSSL_Cleanup();
	return check_result();
}
