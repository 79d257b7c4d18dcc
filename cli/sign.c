/*
 * sign.c - a certificate made with a CA's key, or with its own.
 * Owns:    nothing beyond a call.
 * Never:   keeps the key.
 * Threads: one.
 */
#include "cli/cli.h"
#include "x509/x509.h"

enum err cli_sign(struct bytes pkcs8, void *ctx)
{
	struct cli_signing *signing = ctx;
	struct buf der = BUF_INIT(X509_CERT_BYTES_MAX);
	enum err err = x509_make_cert(signing->make, signing->spki, signing->issuer, pkcs8, &der);
	if (err == ERR_OK) {
		err = cert_parse(buf_bytes(&der), &signing->cert, NULL);
	}
	buf_release(&der);
	return err;
}
