/*
 * by_openssl.c - X509_verify_cert() as `openssl verify -x509_strict -purpose sslclient -partial_chain -policy_check` calls it,
 *                at security level 2 (no SHA-1, RSA from 2048 bits).
 */
#include "tests/differential/by_openssl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>

/* The tests' own REQUIRE comes with headers of the product. */
static void need(const char *what, bool holds)
{
	if (!holds) {
		(void)fprintf(stderr, "OpenSSL cannot give %s\n", what);
		abort();
	}
}

static X509 *read_cert(struct by_openssl_der der)
{
	const unsigned char *at = der.data;
	X509 *cert = d2i_X509(NULL, &at, (long)der.len);
	if (cert != NULL && at != der.data + der.len) {
		X509_free(cert);
		cert = NULL;
	}
	ERR_clear_error();
	return cert;
}

static void set_question(X509_VERIFY_PARAM *param, const struct by_openssl_question *question)
{
	unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_POLICY_CHECK;
	flags |= question->strict ? X509_V_FLAG_X509_STRICT : 0;
	flags |= question->explicit_policy ? X509_V_FLAG_EXPLICIT_POLICY : 0;
	flags |= question->inhibit_mapping ? X509_V_FLAG_INHIBIT_MAP : 0;
	flags |= question->inhibit_any ? X509_V_FLAG_INHIBIT_ANY : 0;
	flags |= question->any_time ? X509_V_FLAG_NO_CHECK_TIME : 0;
	if (!question->any_time) {
		X509_VERIFY_PARAM_set_time(param, (time_t)question->now);
	}
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	need("flags", X509_VERIFY_PARAM_set_flags(param, flags) == 1);
	/* Without any, it takes the set of acceptable policies to be empty; RFC 5280 6.1.1 (c) has anyPolicy for that. */
	ASN1_OBJECT *policy = OBJ_txt2obj(question->policy != NULL ? question->policy : "2.5.29.32.0", 1);
	need("a policy", policy != NULL && X509_VERIFY_PARAM_add0_policy(param, policy) == 1);
}

static void keep_path(X509_STORE_CTX *ctx, X509 *const *read, size_t count, struct by_openssl_answer *answer)
{
	STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);
	for (int i = 0; i < sk_X509_num(path) && answer->path_count < BY_OPENSSL_CERTS_MAX; i++) {
		size_t index = BY_OPENSSL_ANCHOR;
		for (size_t j = count; j-- > 0;) {
			if (read[j] != NULL && X509_cmp(read[j], sk_X509_value(path, i)) == 0) {
				index = j;
			}
		}
		answer->path[answer->path_count++] = index;
	}
}

struct by_openssl_answer by_openssl_verify(const struct by_openssl_question *question)
{
	struct by_openssl_answer answer = {.error = X509_V_ERR_UNSPECIFIED};
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	X509 *anchor = read_cert(question->anchor);
	X509 *leaf = read_cert(question->chain[0]);
	X509 *read[BY_OPENSSL_CERTS_MAX] = {leaf};
	need("room", question->chain_count <= BY_OPENSSL_CERTS_MAX);
	need("memory", store != NULL && ctx != NULL && untrusted != NULL);
	answer.unread = leaf == NULL || anchor == NULL;
	for (size_t i = 1; i < question->chain_count; i++) {
		read[i] = read_cert(question->chain[i]);
		answer.unread = answer.unread || read[i] == NULL;
		if (read[i] != NULL) {
			need("memory", sk_X509_push(untrusted, read[i]) > 0);
		}
	}
	if (leaf != NULL && anchor != NULL) {
		need("a store", X509_STORE_add_cert(store, anchor) == 1);
		need("a context", X509_STORE_CTX_init(ctx, store, leaf, untrusted) == 1);
		need("a purpose", question->any_purpose ||
					  X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT) == 1);
		set_question(X509_STORE_CTX_get0_param(ctx), question);
		answer.accepted = X509_verify_cert(ctx) == 1;
		answer.error = X509_STORE_CTX_get_error(ctx);
		if (answer.accepted) {
			keep_path(ctx, read, question->chain_count, &answer);
		}
	}
	ERR_clear_error();
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_pop_free(untrusted, X509_free);
	X509_free(anchor);
	X509_free(leaf);
	return answer;
}

const char *by_openssl_error(int error)
{
	return X509_verify_cert_error_string(error);
}

const char *by_openssl_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
