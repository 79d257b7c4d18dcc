/*
 * pair.h - a TLS server and a client joined in memory, and throw-away certificates for them.
 * Owns:    both ends, their contexts, the two byte queues, the evidence that the server copied.
 * Never:   opens a socket, reads a file, links anything of ours: a new wolfSSL is judged by these programs alone.
 * Threads: one.
 */
#ifndef LOCKGATE_TESTS_CONTRACT_PAIR_H
#define LOCKGATE_TESTS_CONTRACT_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

/* ---- checks ---- */
#define CHECK(row, condition) check(__FILE__, __LINE__, (row), #condition, (condition))
void check(const char *file, int line, const char *row, const char *what, bool good);
/* As CHECK with both numbers shown: for error codes of wolfSSL. */
#define CHECK_INT(row, seen, want) check_int(__FILE__, __LINE__, (row), #seen, (long)(seen), (long)(want))
void check_int(const char *file, int line, const char *row, const char *what, long seen, long want);
/* For what all that follows depends on. */
void require(bool good, const char *what);
int check_result(void);

/* ---- certificates ---- */
enum { PKI_DER_BYTES_MAX = 65536, PKI_KEY_BYTES_MAX = 4096, PKI_CHAIN_MAX = 24 };
enum pki_key { PKI_ECC, PKI_RSA, PKI_ED25519 };

struct pki_cert {
	uint8_t *der;
	size_t der_len;
	uint8_t key[PKI_KEY_BYTES_MAX]; /* the private key, DER */
	size_t key_len;
	uint8_t spki[PKI_KEY_BYTES_MAX]; /* its public key as SubjectPublicKeyInfo, DER */
	size_t spki_len;
	enum pki_key kind;
};

struct pki_spec {
	const char *name;
	const struct pki_cert *issuer; /* NULL: self-signed */
	enum pki_key kind;
	bool is_ca;
	bool is_expired;
	bool is_version_1;
	size_t padding; /* bytes of extra alternative names, to make a large certificate */
};

void pki_make(struct pki_cert *out, const struct pki_spec *spec);
void pki_free(struct pki_cert *cert);

/* ---- what the server knows of the client's certificate ---- */
enum { EVIDENCE_CERTS_MAX = 9, EVIDENCE_BYTES_MAX = 64 * 1024 };

struct evidence {
	uint8_t *der[EVIDENCE_CERTS_MAX]; /* leaf first, as sent */
	size_t der_len[EVIDENCE_CERTS_MAX];
	int count;
	size_t bytes;
	bool broken;         /* too many, too large, no memory, or another chain the second time */
	unsigned long calls; /* how often wolfSSL asked */
	unsigned long seen;  /* bit n: asked about certificate n */
	int first_error;     /* what wolfSSL thought; for the tests here, never for a verdict */
};
/* The callback for wolfSSL_CTX_set_verify(); wolfSSL_SetCertCbCtx() gives it the connection's evidence. */
int evidence_copy(int preverify, WOLFSSL_X509_STORE_CTX *store);

/* ---- the pair ---- */
enum sslcauth { SSLCAUTH_NEVER, SSLCAUTH_OPTIONAL, SSLCAUTH_REQUIRED };

/*
 * The context of a channel's identity as the broker builds it: this function is the recipe.
 * Every return value is checked; NULL: one of the calls failed.
 */
WOLFSSL_CTX *recipe_server_ctx(const struct pki_cert *identity, enum sslcauth cauth);
/* With tickets of TLS 1.3, sealed and opened by that callback; NULL: as above. */
WOLFSSL_CTX *recipe_ticket_ctx(
	const struct pki_cert *identity, enum sslcauth cauth, SessionTicketEncCb tickets);
/* A client context that trusts anybody; cert and chain may be NULL. version: 12, 13 or 0 for both. */
WOLFSSL_CTX *client_ctx_new(
	int version, const struct pki_cert *cert, const struct pki_cert *const *chain, size_t chain_count);

/* Lets a context that was built by hand read and write through the queues of a pair. */
void pair_use_queues(WOLFSSL_CTX *ctx);

enum { QUEUE_BYTES_MAX = 512 * 1024 };
struct queue {
	uint8_t *data;
	size_t len, pos;
	size_t grain; /* at most so many bytes in one call; 0: as many as fit */
	bool stutter; /* answers WANT_* to every second call */
	bool turn;
	bool is_closed; /* the writer is gone: reading past the end answers CONN_CLOSE */
};

struct pair {
	WOLFSSL *server, *client;
	struct queue to_server, to_client;
	struct evidence evidence;
	int server_error, client_error; /* 0, or what wolfSSL_get_error() said last */
	bool server_done, client_done;
	unsigned long server_wants_read, server_wants_write; /* counted answers */
};

/* Joins two new connections of these contexts. tls_version of the connection follows from the contexts. */
void pair_open(struct pair *pair, WOLFSSL_CTX *server_ctx, WOLFSSL_CTX *client_ctx);
void pair_close(struct pair *pair);
/* Runs the handshake of both until both are done, or one failed and the other has read all that came. */
void pair_handshake(struct pair *pair);
/* One read on either end; 0 or more bytes, or a negative error of wolfSSL. */
int pair_server_read(struct pair *pair, void *into, int size);
int pair_client_read(struct pair *pair, void *into, int size);
/* One byte to the server, then one back; true if both arrived. */
bool pair_talk(struct pair *pair);
/* The last alert that an end received (code), or -1. */
int alert_received(WOLFSSL *ssl);
int alert_sent(WOLFSSL *ssl);

#endif
