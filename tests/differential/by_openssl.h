/*
 * by_openssl.h - the same question put to OpenSSL, in this process.
 * Never:   shares a header with the product: both have an ERR_STATE and an X509_PURPOSE_ANY.
 * Threads: one.
 */
#ifndef LOCKGATE_TESTS_DIFFERENTIAL_BY_OPENSSL_H
#define LOCKGATE_TESTS_DIFFERENTIAL_BY_OPENSSL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BY_OPENSSL_CERTS_MAX 16u

struct by_openssl_der {
	const uint8_t *data;
	size_t len;
};
struct by_openssl_question {
	const struct by_openssl_der *chain; /* leaf first */
	size_t chain_count;
	struct by_openssl_der anchor;
	int64_t now;
	const char *policy; /* NULL: any */
	bool explicit_policy, inhibit_mapping, inhibit_any;
	bool strict;      /* X509_V_FLAG_X509_STRICT */
	bool any_purpose; /* not sslclient */
	bool any_time;    /* validities are not looked at */
};
struct by_openssl_answer {
	bool unread; /* some certificate is none to it; if it is not the leaf or the anchor, it is left out */
	bool accepted;
	int error; /* X509_V_ERR_… */
	/* Accepted: the path as indices into the question's chain; what is none of these is the anchor. */
	size_t path[BY_OPENSSL_CERTS_MAX];
	size_t path_count;
};
struct by_openssl_answer by_openssl_verify(const struct by_openssl_question *question);
#define BY_OPENSSL_ANCHOR SIZE_MAX
const char *by_openssl_error(int error); /* its words */
const char *by_openssl_version(void);

#endif
