/*
 * tls_peer_key.h - what a check under a client's key would cost, read from its certificate before the TLS library uses it.
 * Owns:    nothing.
 * Never:   judges a certificate: who holds it comes in by the gate alone.
 * Threads: any; pure.
 *
 * The library works with any RSA exponent, and one as long as its modulus makes a check take two hundred times as long: a
 * stranger who has no key at all could keep a loop busy with a few dozen handshakes a second.
 */
#ifndef LOCKGATE_BROKER_NET_TLS_PEER_KEY_H
#define LOCKGATE_BROKER_NET_TLS_PEER_KEY_H

#include "base/bytes.h"

/* Octets of the INTEGER, as in x509: no honest maker has a longer one. */
#define TLS_PEER_EXPONENT_BYTES_MAX 5u

enum tls_peer_key {
	TLS_PEER_KEY_BEARABLE, /* also: of no kind of RSA */
	TLS_PEER_KEY_COSTLY,
	TLS_PEER_KEY_UNREADABLE /* no certificate, or an RSA key of no known form */
};
/* der: the leaf as it was presented. Its framing is read as leniently as the library does: BER lengths are taken. */
enum tls_peer_key tls_peer_key_look(struct bytes der);

#endif
