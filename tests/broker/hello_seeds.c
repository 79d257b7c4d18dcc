/*
 * hello_seeds.c - writes the ClientHellos of the TLS library's own client, as seeds for the fuzzer of the peek.
 * Owns:    the files it writes. Never: opens a socket. Threads: one. Built and run by hand (tests/fuzz/make-tls-hello-seeds).
 */
#include <stdio.h>
#include <string.h>

#include "tests/contract/pair.h"

static void seed(const char *folder, const char *name, int version, const char *host, int group)
{
	char path[512];
	struct pair pair = {0};
	struct pki_cert identity;
	pki_make(&identity, &(struct pki_spec){.name = "broker"});
	WOLFSSL_CTX *server = recipe_server_ctx(&identity, SSLCAUTH_NEVER);
	WOLFSSL_CTX *client = client_ctx_new(version, NULL, NULL, 0);
	require(server != NULL && client != NULL, "contexts");
	pair_open(&pair, server, client);
	if (host != NULL) {
		require(wolfSSL_UseSNI(pair.client, WOLFSSL_SNI_HOST_NAME, host,
				(unsigned short)strlen(host)) == WOLFSSL_SUCCESS,
			"SNI");
	}
	if (group != 0) {
		require(wolfSSL_UseKeyShare(pair.client, (unsigned short)group) == WOLFSSL_SUCCESS,
			"a group");
	}
	(void)wolfSSL_connect(pair.client);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	require(file != NULL &&
			fwrite(pair.to_server.data, 1, pair.to_server.len, file) == pair.to_server.len &&
			fclose(file) == 0,
		path);
	pair_close(&pair);
	wolfSSL_CTX_free(server);
	wolfSSL_CTX_free(client);
	pki_free(&identity);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		return 2;
	}
	require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	seed(argv[1], "wolfssl-12", 12, NULL, 0);
	seed(argv[1], "wolfssl-13", 13, "broker.example", 0);
	seed(argv[1], "wolfssl-both", 0, "x.broker.example", 0);
	seed(argv[1], "wolfssl-mlkem", 13, "broker.example", WOLFSSL_X25519MLKEM768);
	(void)wolfSSL_Cleanup();
	return 0;
}
