/*
 * tls_staple.c - the OCSP response about our own certificate, as clients who ask for it get it (RFC 6066 8, RFC 8446 4.4.2.1).
 * Owns:    a copy of the response, with the time until which it may be shown.
 * Never:   fetches or judges it; shows it after its time; lets the TLS library look one up.
 * Threads: set on any thread, shown on every worker: behind a lock, held for a copy of a few kB.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/net/net_private.h"
#include "broker/net/tls_staple.h"

struct tls_staple {
	pthread_mutex_t lock;
	uint8_t *response; /* NULL: none */
	size_t len;
	int64_t until;
};

/* The library's, with room to spare for what it puts around it: more could not be sent in one extension. */
static_assert(TLS_STAPLE_BYTES_MAX < 65535 - 4, "fits into an extension of a TLS 1.3 certificate");

/* In a form that the library frees by its own allocator; NULL: there is none, it is too old, or no memory. */
static unsigned char *copy_for(struct tls_staple *staple, int64_t now, size_t *len)
{
	unsigned char *copy = NULL;
	(void)pthread_mutex_lock(&staple->lock);
	if (staple->response != NULL && now <= staple->until) {
		copy = wolfSSL_Malloc(staple->len);
	}
	if (copy != NULL) {
		memcpy(copy, staple->response, staple->len);
		*len = staple->len;
	}
	(void)pthread_mutex_unlock(&staple->lock);
	return copy;
}

/* Runs when a client asked. That there is none to show is no reason to end its handshake. */
static int on_status(WOLFSSL *ssl, void *ctx)
{
	const struct io *io = wolfSSL_GetIOReadCtx(ssl);
	assert(io->magic == IO_MAGIC);
	struct clock clock = net_clock(io->loop->net, io->loop->at);
	size_t len = 0;
	unsigned char *copy = copy_for(ctx, clock_wall_ms(&clock) / 1000, &len);
	if (copy == NULL) {
		return WOLFSSL_OCSP_STATUS_CB_NOACK;
	}
	if (wolfSSL_set_tlsext_status_ocsp_resp(ssl, copy, (int)len) != WOLFSSL_SUCCESS) {
		wolfSSL_Free(copy);
		return WOLFSSL_OCSP_STATUS_CB_NOACK;
	}
	return WOLFSSL_OCSP_STATUS_CB_OK;
}

/* In place of the library's own look-up, which it has no cause to try. */
static int refuse_lookup(void *ctx, const char *url, int url_len, unsigned char *request, int request_len,
	unsigned char **response)
{
	(void)ctx, (void)url, (void)url_len, (void)request, (void)request_len, (void)response;
	return -1;
}

enum err tls_staple_new(struct WOLFSSL_CTX *library, struct tls_staple **out)
{
	struct tls_staple *staple = calloc(1, sizeof(*staple));
	*out = NULL;
	if (staple == NULL) {
		return ERR_NOMEM;
	}
	(void)pthread_mutex_init(&staple->lock, NULL);
	if (wolfSSL_CTX_set_tlsext_status_cb(library, on_status) != WOLFSSL_SUCCESS ||
		wolfSSL_CTX_set_tlsext_status_arg(library, staple) != WOLFSSL_SUCCESS ||
		wolfSSL_CTX_SetOCSP_Cb(library, refuse_lookup, NULL, NULL) != WOLFSSL_SUCCESS) {
		tls_staple_free(staple);
		return ERR_UNSUPPORTED;
	}
	*out = staple;
	return ERR_OK;
}

void tls_staple_free(struct tls_staple *staple)
{
	if (staple != NULL) {
		(void)pthread_mutex_destroy(&staple->lock);
		free(staple->response);
		free(staple);
	}
}

enum err tls_staple_set(struct tls_staple *staple, struct bytes response, int64_t until)
{
	uint8_t *copy = NULL;
	if (response.len > TLS_STAPLE_BYTES_MAX) {
		return ERR_LIMIT;
	}
	if (response.len > 0) {
		copy = malloc(response.len);
		if (copy == NULL) {
			return ERR_NOMEM;
		}
		memcpy(copy, response.data, response.len);
	}
	(void)pthread_mutex_lock(&staple->lock);
	uint8_t *before = staple->response;
	staple->response = copy;
	staple->len = response.len;
	staple->until = until;
	(void)pthread_mutex_unlock(&staple->lock);
	free(before);
	return ERR_OK;
}

enum err tls_staple_get(struct tls_staple *staple, int64_t now, struct buf *out)
{
	enum err err = ERR_NOT_FOUND;
	(void)pthread_mutex_lock(&staple->lock);
	if (staple->response != NULL && now <= staple->until) {
		err = buf_append(out, bytes_of(staple->response, staple->len));
	}
	(void)pthread_mutex_unlock(&staple->lock);
	return err;
}
