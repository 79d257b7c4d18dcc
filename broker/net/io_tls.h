/*
 * io_tls.h - what a TLS context installs for its connections. Needs the TLS library's header before it.
 */
#ifndef LOCKGATE_BROKER_NET_IO_TLS_H
#define LOCKGATE_BROKER_NET_IO_TLS_H

int io_tls_recv(WOLFSSL *ssl, char *into, int room, void *ctx);
int io_tls_send(WOLFSSL *ssl, char *from, int len, void *ctx);
/* Copies the chain and returns 1, always: the verdict falls after Finished. */
int io_tls_copy_chain(int preverify, WOLFSSL_X509_STORE_CTX *store);

#endif
