/*
 * internal.h - what the files of this folder share: sentences, names of algorithms, text conversions.
 * Never:   included from outside this folder and its tests.
 */
#ifndef LOCKGATE_KEYSTORE_INTERNAL_H
#define LOCKGATE_KEYSTORE_INTERNAL_H

#include "keystore/keystore.h"

/* --- error.c --- */
/* Fills error (NULL is fine) and returns err, so that a refusal is one line. */
enum err keystore_fail(struct keystore_error *error, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);
/* For errors that carry no sentence of their own yet (ERR_NOMEM, ERR_IO, …): fills one unless there is one. */
enum err keystore_fail_plain(struct keystore_error *error, enum err err, const char *what);
/* Peer text into a bounded, escaped C string for a sentence. */
#define SHOWN_BYTES 128
struct shown {
	char text[SHOWN_BYTES];
};
struct shown keystore_shown(struct bytes in);

/* What errno means, in words. */
struct shown keystore_errno_shown(int number);

/* --- text.c --- */
/* UTF-8 to UTF-16BE with surrogates; terminated adds the two NUL bytes that RFC 7292 B.1 asks for. */
MUST_CHECK enum err text_to_bmp(struct bytes utf8, bool terminated, struct secret *out);
/* Each byte as one UTF-16BE unit, terminated: how old OpenSSL took a UTF-8 passphrase. */
MUST_CHECK enum err text_bytes_to_bmp(struct bytes text, struct secret *out);
/* UTF-16BE to UTF-8 text. ERR_MALFORMED: odd length, lone surrogate, U+0000. ERR_LIMIT. *out owned by the caller. */
MUST_CHECK enum err text_from_bmp(struct bytes bmp, char **out);
/* Compares without regard to case: ASCII and Latin-1. */
bool alias_equal(const char *a, const char *b);
/* A lower-case copy, by the same folding. NULL: no memory. */
char *alias_fold(const char *alias);
/* The same without memory of its own. false: longer than any alias of an entry. */
#define ALIAS_FOLDED_BYTES (KEYSTORE_ALIAS_BYTES_MAX + 64u)
bool alias_fold_into(const char *alias, char out[ALIAS_FOLDED_BYTES]);
bool alias_has_pin_prefix(const char *alias);
bool alias_is_pin(const char *alias); /* begins with "pin:" in any case and has something behind it */
/* UTF-8, not empty, not too long, no control characters. */
bool alias_valid(const char *alias);

/* --- oid.c --- */
enum oid {
	OID_UNKNOWN,
	OID_DATA,
	OID_ENCRYPTED_DATA,
	OID_ENVELOPED_DATA,
	OID_SIGNED_DATA,
	OID_KEY_BAG,
	OID_SHROUDED_KEY_BAG,
	OID_CERT_BAG,
	OID_CRL_BAG,
	OID_SECRET_BAG,
	OID_SAFE_CONTENTS_BAG,
	OID_X509_CERTIFICATE,
	OID_FRIENDLY_NAME,
	OID_LOCAL_KEY_ID,
	OID_TRUSTED_KEY_USAGE,
	OID_ANY_EXTENDED_KEY_USAGE,
	OID_CLIENT_AUTH,
	OID_PBES2,
	OID_PBKDF2,
	OID_PBMAC1,
	OID_SCRYPT,
	OID_HMAC_SHA1,
	OID_HMAC_SHA224,
	OID_HMAC_SHA256,
	OID_HMAC_SHA384,
	OID_HMAC_SHA512,
	OID_AES128_CBC,
	OID_AES192_CBC,
	OID_AES256_CBC,
	OID_RC2_CBC,
	OID_DES_CBC,
	OID_DES_EDE3_CBC,
	OID_MD5,
	OID_SHA1,
	OID_SHA224,
	OID_SHA256,
	OID_SHA384,
	OID_SHA512,
	OID_PBE_SHA1_RC4_128,
	OID_PBE_SHA1_RC4_40,
	OID_PBE_SHA1_3DES_3KEY,
	OID_PBE_SHA1_3DES_2KEY,
	OID_PBE_SHA1_RC2_128,
	OID_PBE_SHA1_RC2_40,
	OID_PBE_MD5_DES,
	OID_PBE_SHA1_DES,
	OID_SUN_KEY_PROTECTOR,
	OID_SUN_MD5_3DES,
	OID_RSA_ENCRYPTION,
	OID_EC_PUBLIC_KEY,
	OID_COUNT_
};
enum oid oid_of(struct bytes content);
struct bytes oid_bytes(enum oid oid); /* the OBJECT IDENTIFIER's content octets */
/* "PBES2", or "1.2.3.4" for one that we do not know; for sentences. */
struct shown oid_shown(struct bytes content);

#endif
