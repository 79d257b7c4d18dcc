/*
 * tls_context.c - a server's TLS identity and rules, built whole and never changed: the recipe of tests/contract.
 * Owns:    a WOLFSSL_CTX per context.
 * Never:   loads a CA: nobody is trusted by the TLS library, who comes in is judged after Finished.
 * Threads: a finished context is shared by all; counted atomically.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/net/io_tls.h"
#include "broker/net/net_private.h"
#include "broker/net/tls_staple.h"
#include "broker/net/tls_ticket.h"

struct tls_context {
	atomic_uint refs;
	WOLFSSL_CTX *library;
	enum tls_client_auth client_auth;
	struct tls_spec spec;
	bool has_library_ref;
	struct tls_staple *staple; /* NULL: no stapling */
	bool has_tickets;
	uint8_t ticket_binding[TICKET_BINDING_BYTES];
};

enum err tls_library_init(void)
{
	return wolfSSL_Init() == WOLFSSL_SUCCESS ? ERR_OK : ERR_NOMEM;
}

void tls_library_cleanup(void)
{
	(void)wolfSSL_Cleanup();
}

/* Where no ticket is made or opened; without this callback the library would use keys of its own. */
static int refuse_ticket(WOLFSSL *ssl, unsigned char name[WOLFSSL_TICKET_NAME_SZ],
	unsigned char iv[WOLFSSL_TICKET_IV_SZ], unsigned char mac[WOLFSSL_TICKET_MAC_SZ], int encrypt,
	unsigned char *ticket, int in_len, int *out_len, void *ctx)
{
	(void)ssl, (void)name, (void)iv, (void)mac, (void)encrypt, (void)ticket, (void)in_len, (void)out_len,
		(void)ctx;
	return WOLFSSL_TICKET_RET_REJECT;
}

static WOLFSSL_METHOD *method_for(const struct tls_spec *spec)
{
	if (spec->min == TLS_VERSION_13) {
		return wolfTLSv1_3_server_method();
	}
	return spec->max == TLS_VERSION_12 ? wolfTLSv1_2_server_method() : wolfSSLv23_server_method();
}

static enum err set_protocol(WOLFSSL_CTX *library, const struct tls_spec *spec, struct net_error *error)
{
	/* X25519MLKEM768 last: a client that offers only the hybrid is served, others are not slowed down. */
	int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1,
		WOLFSSL_ECC_SECP521R1, WOLFSSL_X25519MLKEM768};
	int min = spec->min == TLS_VERSION_13 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
	if (wolfSSL_CTX_SetMinVersion(library, min) != WOLFSSL_SUCCESS ||
		wolfSSL_CTX_set_cipher_list(library, spec->suites) != WOLFSSL_SUCCESS ||
		wolfSSL_CTX_set_groups(library, groups, (int)ARRAY_COUNT(groups)) != WOLFSSL_SUCCESS) {
		net_error_set(
			error, ERR_UNSUPPORTED, "the TLS library does not take SSLCIPH(%s)", spec->name);
		return ERR_UNSUPPORTED;
	}
	return ERR_OK;
}

/*
 * Resumption bypasses the verify callback, and the library's session cache is one for the whole process: a session
 * of a NEVER channel would resume on a REQUIRED one. So: no cache, no tickets of TLS 1.2, no early data, and in TLS 1.3
 * only tickets of ours, never one in the handshake, and always with a new key exchange.
 */
static enum err set_resumption(WOLFSSL_CTX *library, const struct tls_spec *spec, bool tickets)
{
	bool has_12 = spec->min == TLS_VERSION_12;
	bool has_13 = spec->max == TLS_VERSION_13;
	bool good = wolfSSL_CTX_set_session_cache_mode(library, WOLFSSL_SESS_CACHE_OFF) == WOLFSSL_SUCCESS &&
		    (!has_12 || wolfSSL_CTX_NoTicketTLSv12(library) == WOLFSSL_SUCCESS) &&
		    (!has_13 || wolfSSL_CTX_set_num_tickets(library, 0) == WOLFSSL_SUCCESS) &&
		    wolfSSL_CTX_set_group_messages(library) == WOLFSSL_SUCCESS;

	if (good && has_13 && tickets) {
		/* 0 is success of the first; the library compares its own clock with the timeout as well. */
		good = wolfSSL_CTX_only_dhe_psk(library) == 0 &&
		       wolfSSL_CTX_set_timeout(library, TLS_TICKET_LIFE_S) == WOLFSSL_SUCCESS &&
		       wolfSSL_CTX_set_TicketHint(library, (int)TLS_TICKET_LIFE_S) == WOLFSSL_SUCCESS &&
		       wolfSSL_CTX_set_TicketEncCb(library, io_ticket_crypt) == WOLFSSL_SUCCESS;
	} else if (good) {
		good = (!has_13 || wolfSSL_CTX_no_ticket_TLSv13(library) == 0) && /* 0 is success here */
		       wolfSSL_CTX_set_TicketEncCb(library, refuse_ticket) == WOLFSSL_SUCCESS;
	}
	return good ? ERR_OK : ERR_UNSUPPORTED;
}

/* A ticket of another channel, SSLCAUTH or identity must not open: the binding is what it is sealed with as context. */
static void set_ticket_binding(struct tls_context *context, const struct tls_options *options)
{
	static const char domain[] = "lockgate ticket binding 1";
	uint8_t leaf[SHA256_BYTES];
	uint8_t client_auth = (uint8_t)options->client_auth;
	struct bytes parts[] = {bytes_of(domain, sizeof(domain)), bytes_of(&client_auth, 1),
		bytes_of(leaf, sizeof(leaf)), bytes_text(options->ticket_scope)};

	hash_of(HASH_SHA256, options->chain[0], leaf);
	hash_of_parts(HASH_SHA256, parts, ARRAY_COUNT(parts), context->ticket_binding);
	context->has_tickets = true;
}

static enum err set_chain(
	WOLFSSL_CTX *library, const struct bytes *chain, size_t count, struct net_error *error)
{
	enum err err = ERR_OK;
	struct buf all = BUF_INIT((size_t)TLS_CHAIN_CERTIFICATES_MAX * TLS_CHAIN_BYTES_MAX);
	if (count == 0 || count > TLS_CHAIN_CERTIFICATES_MAX) {
		net_error_set(error, ERR_INVALID, "the key's chain has %zu certificates; 1 to %u can be used",
			count, TLS_CHAIN_CERTIFICATES_MAX);
		return ERR_INVALID;
	}
	for (size_t i = 0; i < count && err == ERR_OK; i++) {
		err = buf_append(&all, chain[i]);
	}
	if (err != ERR_OK) {
		net_error_set(error, err, "the key's chain is too large");
	} else if (wolfSSL_CTX_use_certificate_chain_buffer_format(
			   library, all.data, (long)all.len, WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS) {
		err = ERR_MALFORMED;
		net_error_set(error, err,
			"the TLS library cannot read the certificate chain (is it X.509 version 3, with an "
			"RSA, EC or Ed25519 key?)");
	}
	buf_release(&all);
	return err;
}

static enum err set_key(WOLFSSL_CTX *library, struct bytes key, struct net_error *error)
{
	if (wolfSSL_CTX_use_PrivateKey_buffer(library, key.data, (long)key.len, WOLFSSL_FILETYPE_ASN1) !=
		WOLFSSL_SUCCESS) {
		net_error_set(error, ERR_MALFORMED, "the TLS library cannot read the private key");
		return ERR_MALFORMED;
	}
	if (wolfSSL_CTX_check_private_key(library) != WOLFSSL_SUCCESS) {
		net_error_set(error, ERR_INVALID, "the private key does not belong to the certificate");
		return ERR_INVALID;
	}
	return ERR_OK;
}

static void set_client_auth(WOLFSSL_CTX *library, enum tls_client_auth client_auth)
{
	switch (client_auth) {
	case TLS_CLIENT_AUTH_NEVER:
		/* Not to look at what comes unasked, but to end it. */
		wolfSSL_CTX_set_verify(library, WOLFSSL_VERIFY_NONE, io_tls_copy_chain);
		break;
	case TLS_CLIENT_AUTH_OPTIONAL:
		wolfSSL_CTX_set_verify(library, WOLFSSL_VERIFY_PEER, io_tls_copy_chain);
		break;
	case TLS_CLIENT_AUTH_REQUIRED:
		wolfSSL_CTX_set_verify(library, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			io_tls_copy_chain);
		break;
	}
}

enum err tls_context_new(const struct tls_options *options, struct tls_context **out, struct net_error *error)
{
	*out = NULL;
	enum err err = ERR_NOMEM;
	net_error_set(error, ERR_NOMEM, "no memory for a TLS context");
	struct tls_context *context = calloc(1, sizeof(*context));
	if (context == NULL) {
		goto out;
	}
	atomic_init(&context->refs, 1);
	context->client_auth = options->client_auth;
	context->spec = options->spec;
	err = tls_library_init();
	if (err != ERR_OK) {
		goto out;
	}
	context->has_library_ref = true;
	err = ERR_NOMEM;
	context->library = wolfSSL_CTX_new(method_for(&options->spec));
	if (context->library == NULL) {
		goto out;
	}
	err = set_protocol(context->library, &options->spec, error);
	if (err != ERR_OK) {
		goto out;
	}
	err = set_resumption(context->library, &options->spec, options->ticket_scope != NULL);
	if (err != ERR_OK) {
		net_error_set(error, err, "the TLS library cannot be kept from resuming sessions on its own");
		goto out;
	}
	err = set_chain(context->library, options->chain, options->chain_count, error);
	if (err != ERR_OK) {
		goto out;
	}
	err = set_key(context->library, options->key_pkcs8, error);
	if (err != ERR_OK) {
		goto out;
	}
	if (options->staple) {
		err = tls_staple_new(context->library, &context->staple);
		if (err != ERR_OK) {
			net_error_set(error, err, "the TLS library cannot be given an OCSP response");
			goto out;
		}
	}
	set_client_auth(context->library, options->client_auth);
	if (options->ticket_scope != NULL && options->spec.max == TLS_VERSION_13) {
		set_ticket_binding(context, options);
	}
	wolfSSL_CTX_SetIORecv(context->library, io_tls_recv);
	wolfSSL_CTX_SetIOSend(context->library, io_tls_send);
	if (error != NULL) {
		*error = (struct net_error){0};
	}
	*out = context;
	context = NULL; /* moved to the caller */
out:
	tls_context_unref(context);
	return err;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	if (context != NULL) {
		atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
	}
	return context;
}

void tls_context_unref(struct tls_context *context)
{
	if (context == NULL || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	if (context->library != NULL) {
		wolfSSL_CTX_free(context->library);
	}
	tls_staple_free(context->staple); /* every connection has a reference: none can ask any more */
	if (context->has_library_ref) {
		tls_library_cleanup();
	}
	free(context);
}

struct WOLFSSL_CTX *tls_context_library(const struct tls_context *context)
{
	return context->library;
}

enum tls_client_auth tls_context_client_auth(const struct tls_context *context)
{
	return context->client_auth;
}

const uint8_t *tls_context_ticket_binding(const struct tls_context *context)
{
	return context->has_tickets ? context->ticket_binding : NULL;
}

const struct tls_spec *tls_context_spec(const struct tls_context *context)
{
	return &context->spec;
}

enum err tls_context_set_staple(struct tls_context *context, struct bytes response, int64_t until)
{
	return context->staple != NULL ? tls_staple_set(context->staple, response, until) : ERR_STATE;
}

enum err tls_context_get_staple(struct tls_context *context, int64_t now, struct buf *out)
{
	return context->staple != NULL ? tls_staple_get(context->staple, now, out) : ERR_NOT_FOUND;
}
