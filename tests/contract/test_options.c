/*
 * test_options.c - the library was built with what we need and without what we refuse to have.
 * Owns:    nothing.
 * Never:   connects.
 * Threads: one.
 */
#include "pair.h"

/* What is not compiled in cannot be switched on by a peer, nor by a mistake of ours. */
static void test_absent(void)
{
	bool renegotiation = false, early_data = false, post_handshake = false, anonymous = false,
	     no_cipher = false;
	bool old_versions = false, compatibility = false;
#if defined(HAVE_SECURE_RENEGOTIATION)
	renegotiation = true;
#endif
#if defined(WOLFSSL_EARLY_DATA)
	early_data = true;
#endif
#if defined(WOLFSSL_POST_HANDSHAKE_AUTH)
	post_handshake = true;
#endif
#if defined(HAVE_ANON)
	anonymous = true;
#endif
#if defined(HAVE_NULL_CIPHER)
	no_cipher = true;
#endif
#if !defined(NO_OLD_TLS) || defined(WOLFSSL_ALLOW_TLSV10) || defined(WOLFSSL_ALLOW_SSLV3)
	old_versions = true;
#endif
#if defined(OPENSSL_EXTRA) || defined(OPENSSL_ALL) || defined(OPENSSL_COMPATIBLE_DEFAULTS)
	compatibility = true;
#endif
	CHECK("no renegotiation", !renegotiation);
	CHECK("no early data", !early_data);
	CHECK("no post-handshake authentication", !post_handshake);
	CHECK("no anonymous suites", !anonymous);
	CHECK("no suites without encryption", !no_cipher);
	CHECK("no version before 1.2", !old_versions);
	/* It changes defaults, the meaning of store->error and the order of the callback's calls. */
	CHECK("no OpenSSL compatibility layer", !compatibility);
}

static void test_present(void)
{
	bool alt_chains = false, callback = false, tls13 = false, hybrid = false, hardened = false;
#if defined(WOLFSSL_ALT_CERT_CHAINS)
	alt_chains = true;
#endif
#if defined(WOLFSSL_ALWAYS_VERIFY_CB) && defined(WOLFSSL_VERIFY_CB_ALL_CERTS)
	callback = true;
#endif
#if defined(WOLFSSL_TLS13) && defined(HAVE_SNI) && defined(HAVE_ALPN) && defined(HAVE_EXTENDED_MASTER)
	tls13 = true;
#endif
#if defined(WOLFSSL_HAVE_MLKEM) && defined(HAVE_CURVE25519)
	hybrid = true;
#endif
#if defined(TFM_TIMING_RESISTANT) && defined(ECC_TIMING_RESISTANT) && defined(WC_RSA_BLINDING)
	hardened = true;
#endif
	CHECK("intermediates are not added to the context", alt_chains);
	CHECK("the verify callback runs for every certificate", callback);
	CHECK("TLS 1.3, SNI, ALPN, extended master secret", tls13);
	CHECK("X25519MLKEM768", hybrid);
	CHECK("constant time and blinding", hardened);
	CHECK("5.9 or newer", LIBWOLFSSL_VERSION_HEX >= 0x05009000);
	CHECK_INT("header and library are of one version", wolfSSL_lib_version_hex(), LIBWOLFSSL_VERSION_HEX);
}

int main(void)
{
	test_absent();
	test_present();
	return check_result();
}
