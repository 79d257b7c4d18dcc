/*
 * tls_failure.c - what an error of the TLS library means to an operator.
 * Owns:    nothing but constants.
 * Never:   decides who comes in; puts peer bytes into a sentence.
 * Threads: any.
 */
#include <wolfssl/options.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>

#include <stdio.h>

#include "broker/net/net_private.h"

/* RFC 8446 6.2 and RFC 5246 7.2.2. */
enum { ALERT_NONE = -1, ALERT_BAD_CERTIFICATE = 42, ALERT_CERTIFICATE_UNKNOWN = 46, ALERT_UNKNOWN_CA = 48 };
enum { ALERT_HANDSHAKE_FAILURE = 40, ALERT_PROTOCOL_VERSION = 70 };

static const struct {
	int error;
	enum tls_failure failure;
	const char *sentence;
} rows[] = {
	{NO_PEER_CERT, TLS_FAILURE_NO_CERTIFICATE,
		"the client sent no certificate and the channel requires one"},
	{ASN_VERSION_E, TLS_FAILURE_V1_CERTIFICATE,
		"the client's chain holds an X.509 version 1 certificate; have it reissued as version 3"},
	{MAX_CHAIN_ERROR, TLS_FAILURE_CERTIFICATE_LIMIT, "the client's chain has too many certificates"},
	{HANDSHAKE_SIZE_ERROR, TLS_FAILURE_CERTIFICATE_LIMIT,
		"a handshake message of the client is too large"},
	{MAX_CERT_EXTENSIONS_ERR, TLS_FAILURE_CERTIFICATE_LIMIT,
		"the client's chain has too many certificate extensions"},
	{VERSION_ERROR, TLS_FAILURE_VERSION, "the client offers no protocol version that the channel allows"},
	{UNSUPPORTED_PROTO_VERSION, TLS_FAILURE_VERSION,
		"the client offers no protocol version that the channel allows"},
	{MATCH_SUITE_ERROR, TLS_FAILURE_CIPHER, "the client and the channel have no cipher suite in common"},
	{UNSUPPORTED_SUITE, TLS_FAILURE_CIPHER, "the client and the channel have no cipher suite in common"},
	{BAD_KEY_SHARE_DATA, TLS_FAILURE_CIPHER,
		"the client and the channel have no key exchange group in common"},
	{KEY_SHARE_ERROR, TLS_FAILURE_CIPHER,
		"the client and the channel have no key exchange group in common"},
	{ECC_CURVE_ERROR, TLS_FAILURE_CIPHER,
		"the client and the channel have no key exchange group in common"},
	{EXT_MISSING, TLS_FAILURE_CIPHER, "the client's hello lacks a required extension"},
	{INVALID_PARAMETER, TLS_FAILURE_CIPHER,
		"the client and the channel have no signature algorithm in common"},
	{UNKNOWN_ALPN_PROTOCOL_NAME_E, TLS_FAILURE_ALPN,
		"the client asks for another protocol than mqtt (ALPN)"},
	{VERIFY_CERT_ERROR, TLS_FAILURE_PROOF,
		"the client could not prove that it holds its certificate's key"},
	{VERIFY_SIGN_ERROR, TLS_FAILURE_PROOF,
		"the client could not prove that it holds its certificate's key"},
	{SIG_VERIFY_E, TLS_FAILURE_PROOF, "the client could not prove that it holds its certificate's key"},
	{NO_PEER_VERIFY, TLS_FAILURE_PROOF, "the client did not prove that it holds its certificate's key"},
	{NO_PEER_KEY, TLS_FAILURE_CERTIFICATE_MALFORMED, "the client's certificate has no usable key"},
	{PEER_KEY_ERROR, TLS_FAILURE_CERTIFICATE_MALFORMED, "the client's certificate has no usable key"},
	{ASN_PARSE_E, TLS_FAILURE_CERTIFICATE_MALFORMED, "the client's certificate is malformed"},
	{UNKNOWN_RECORD_TYPE, TLS_FAILURE_RECORD, "a TLS record has an unknown type"},
	{VERIFY_FINISHED_ERROR, TLS_FAILURE_RECORD, "the handshake was altered on its way"},
	{VERIFY_MAC_ERROR, TLS_FAILURE_RECORD, "a TLS record was altered on its way"},
	{DECRYPT_ERROR, TLS_FAILURE_RECORD, "a TLS record was altered on its way"},
	{AES_GCM_AUTH_E, TLS_FAILURE_RECORD, "a TLS record was altered on its way"},
	{MAC_CMP_FAILED_E, TLS_FAILURE_RECORD, "a TLS record was altered on its way"},
	{LENGTH_ERROR, TLS_FAILURE_RECORD, "a TLS record is longer than allowed"},
	{BUFFER_ERROR, TLS_FAILURE_RECORD, "a TLS message is malformed"},
	{BAD_HELLO, TLS_FAILURE_RECORD, "the client's hello is malformed"},
	{OUT_OF_ORDER_E, TLS_FAILURE_RECORD, "a TLS message came out of order"},
	{SANITY_MSG_E, TLS_FAILURE_RECORD, "a TLS message came out of order"},
	{DUPLICATE_MSG_E, TLS_FAILURE_RECORD, "a TLS message came twice"},
	{EMPTY_RECORD_LIMIT_E, TLS_FAILURE_RECORD, "the client sends empty TLS records"},
	{ALERT_COUNT_E, TLS_FAILURE_RECORD, "the client sends too many alerts"},
};

static enum tls_failure failure_of_alert(int alert, char *detail, size_t detail_bytes)
{
	if (alert == ALERT_UNKNOWN_CA) {
		(void)snprintf(detail, detail_bytes,
			"the client does not trust the certificate of this channel (its alert %d)", alert);
		return TLS_FAILURE_PEER_UNKNOWN_CA;
	}
	if (alert >= ALERT_BAD_CERTIFICATE && alert <= ALERT_CERTIFICATE_UNKNOWN) {
		(void)snprintf(detail, detail_bytes,
			"the client refuses the certificate of this channel (its alert %d)", alert);
		return TLS_FAILURE_PEER_BAD_CERTIFICATE;
	}
	if (alert == ALERT_PROTOCOL_VERSION) {
		(void)snprintf(detail, detail_bytes,
			"the client does not accept the protocol version (its alert %d)", alert);
		return TLS_FAILURE_VERSION;
	}
	(void)snprintf(detail, detail_bytes, "the client ended the handshake with alert %d", alert);
	return TLS_FAILURE_PEER_ALERT;
}

enum tls_failure tls_failure_of(int error, int alert_received, char *detail, size_t detail_bytes)
{
	if (error == WC_NO_ERR_TRACE(FATAL_ERROR) && alert_received != ALERT_NONE) {
		return failure_of_alert(alert_received, detail, detail_bytes);
	}
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (rows[i].error == error) {
			(void)snprintf(detail, detail_bytes, "%s", rows[i].sentence);
			return rows[i].failure;
		}
	}
	char words[WOLFSSL_MAX_ERROR_SZ];
	wolfSSL_ERR_error_string_n((unsigned long)error, words, sizeof(words));
	words[sizeof(words) - 1] = '\0';
	(void)snprintf(detail, detail_bytes, "TLS failed: %s (%d)", words, error);
	return TLS_FAILURE_OTHER;
}

const char *tls_failure_name(enum tls_failure failure)
{
	static const char *const names[TLS_FAILURE_COUNT_] = {
		[TLS_FAILURE_NONE] = "none",
		[TLS_FAILURE_NO_CERTIFICATE] = "no-certificate",
		[TLS_FAILURE_PEER_UNKNOWN_CA] = "peer-unknown-ca",
		[TLS_FAILURE_PEER_BAD_CERTIFICATE] = "peer-bad-certificate",
		[TLS_FAILURE_PEER_ALERT] = "peer-alert",
		[TLS_FAILURE_VERSION] = "version",
		[TLS_FAILURE_CIPHER] = "cipher",
		[TLS_FAILURE_ALPN] = "alpn",
		[TLS_FAILURE_V1_CERTIFICATE] = "v1-certificate",
		[TLS_FAILURE_CERTIFICATE_MALFORMED] = "certificate-malformed",
		[TLS_FAILURE_CERTIFICATE_LIMIT] = "certificate-limit",
		[TLS_FAILURE_PROOF] = "proof",
		[TLS_FAILURE_NOT_TLS] = "not-tls",
		[TLS_FAILURE_HELLO] = "hello",
		[TLS_FAILURE_NO_IDENTITY] = "no-identity",
		[TLS_FAILURE_RECORD] = "record",
		[TLS_FAILURE_OTHER] = "other",
	};
	return failure < TLS_FAILURE_COUNT_ ? names[failure] : "unknown";
}
