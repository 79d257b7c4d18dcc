/*
 * by_wolfssl.c - one chain, judged by wolfSSL's CertManager alone: for the table in docs/conformance.md.
 * Usage:   by_wolfssl SECONDS ANCHORS.pem UNTRUSTED.pem|- CRLS.pem|- LEAF.pem; exit 0 accepted, 1 refused, 2 usage.
 *
 * The CertManager judges one certificate against the CAs that it holds. So the untrusted ones are judged in turn, and what
 * passes is loaded as a CA, until nothing more passes; then the leaf. Purposes, policies and host names are none of its
 * business. With lists, CRL checking of all certificates is on.
 */
#include <wolfssl/options.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "base/file.h"
#include "base/pem.h"

#define FILE_BYTES_MAX (8u * 1024u * 1024u)
#define CERTS_MAX      128u

/* The library asks a function without a context for the time. */
static time_t asked_time;

static time_t time_asked(time_t *out)
{
	if (out != NULL) {
		*out = asked_time;
	}
	return asked_time;
}

struct certs {
	struct buf der[CERTS_MAX];
	size_t count;
};

static int read_all(const char *path, struct certs *out)
{
	struct buf content = BUF_INIT(FILE_BYTES_MAX);
	struct bytes label;
	out->count = 0;
	if (strcmp(path, "-") == 0) {
		return 0;
	}
	if (file_read(path, FILE_BYTES_MAX, &content) != ERR_OK) {
		return 2;
	}
	struct bytes text = buf_bytes(&content);
	while (out->count < CERTS_MAX) {
		out->der[out->count] = BUF_INIT(FILE_BYTES_MAX);
		if (pem_next(&text, &label, &out->der[out->count]) != ERR_OK) {
			break;
		}
		out->count++;
	}
	buf_release(&content);
	return 0;
}

static void release(struct certs *certs)
{
	for (size_t i = 0; i < certs->count; i++) {
		buf_release(&certs->der[i]);
	}
}

static int load(WOLFSSL_CERT_MANAGER *manager, const struct buf *der)
{
	return wolfSSL_CertManagerLoadCABuffer(manager, der->data, (long)der->len, WOLFSSL_FILETYPE_ASN1);
}

static bool verifies(WOLFSSL_CERT_MANAGER *manager, const struct buf *der)
{
	return wolfSSL_CertManagerVerifyBuffer(manager, der->data, (long)der->len, WOLFSSL_FILETYPE_ASN1) ==
	       WOLFSSL_SUCCESS;
}

/* A list is taken only once its issuer is known as a CA. */
static void load_lists(WOLFSSL_CERT_MANAGER *manager, const struct certs *crls, bool *loaded)
{
	for (size_t i = 0; i < crls->count; i++) {
		loaded[i] = loaded[i] ||
			    wolfSSL_CertManagerLoadCRLBuffer(manager, crls->der[i].data,
				    (long)crls->der[i].len, WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS;
	}
}

static bool judge(WOLFSSL_CERT_MANAGER *manager, const struct certs *anchors, const struct certs *untrusted,
	const struct certs *crls, const struct certs *leaf)
{
	bool loaded[CERTS_MAX] = {false};
	bool lists[CERTS_MAX] = {false};
	for (size_t i = 0; i < anchors->count; i++) {
		(void)load(manager, &anchors->der[i]); /* one that it does not take is not trusted */
	}
	if (crls->count != 0) {
		(void)wolfSSL_CertManagerEnableCRL(manager, WOLFSSL_CRL_CHECKALL);
	}
	load_lists(manager, crls, lists);
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < untrusted->count; i++) {
			if (!loaded[i] && verifies(manager, &untrusted->der[i]) &&
				load(manager, &untrusted->der[i]) == WOLFSSL_SUCCESS) {
				loaded[i] = true;
				load_lists(manager, crls, lists);
				more = true;
			}
		}
	}
	return leaf->count != 0 && verifies(manager, &leaf->der[0]);
}

int main(int argc, char **argv)
{
	struct certs anchors;
	struct certs untrusted;
	struct certs crls;
	struct certs leaf;
	if (argc != 6 || read_all(argv[2], &anchors) != 0 || read_all(argv[3], &untrusted) != 0 ||
		read_all(argv[4], &crls) != 0 || read_all(argv[5], &leaf) != 0) {
		(void)fprintf(stderr, "usage: %s SECONDS ANCHORS UNTRUSTED|- CRLS|- LEAF\n", argv[0]);
		return 2;
	}
	asked_time = (time_t)strtoll(argv[1], NULL, 10);
	(void)wolfSSL_Init();
	(void)wc_SetTimeCb(time_asked);
	WOLFSSL_CERT_MANAGER *manager = wolfSSL_CertManagerNew();
	bool good = manager != NULL && judge(manager, &anchors, &untrusted, &crls, &leaf);
	wolfSSL_CertManagerFree(manager);
	(void)wolfSSL_Cleanup();
	release(&anchors);
	release(&untrusted);
	release(&crls);
	release(&leaf);
	return good ? 0 : 1;
}
