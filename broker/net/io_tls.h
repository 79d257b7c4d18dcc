/*
 * io_tls.h - what a TLS context installs for its connections. Needs the TLS library's header before it.
 */
#ifndef LOCKGATE_BROKER_NET_IO_TLS_H
#define LOCKGATE_BROKER_NET_IO_TLS_H

int io_tls_recv(WOLFSSL *ssl, char *into, int room, void *ctx);
int io_tls_send(WOLFSSL *ssl, char *from, int len, void *ctx);
/* Copies the chain and returns 1, always: the verdict falls after Finished. */
int io_tls_copy_chain(int preverify, WOLFSSL_X509_STORE_CTX *store);
/* Seals and opens tickets (io_ticket.c). */
int io_ticket_crypt(WOLFSSL *ssl, unsigned char name[WOLFSSL_TICKET_NAME_SZ],
	unsigned char iv[WOLFSSL_TICKET_IV_SZ], unsigned char mac[WOLFSSL_TICKET_MAC_SZ], int encrypt,
	unsigned char *text, int in_len, int *out_len, void *ctx);

#endif
