/*
 * crypto_internal.h - what the crypto_*.c files share; nobody else includes it.
 */
#ifndef LOCKGATE_BASE_CRYPTO_INTERNAL_H
#define LOCKGATE_BASE_CRYPTO_INTERNAL_H

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/types.h>

#include "base/crypto.h"
#include "base/wire.h"

/* wolfCrypt counts in int and word32; nothing that we hand to it in one piece comes near this. */
#define CRYPTO_INPUT_BYTES_MAX ((size_t)1 << 30)

#define DER_INTEGER      0x02
#define DER_BIT_STRING   0x03
#define DER_OCTET_STRING 0x04
#define DER_NULL         0x05
#define DER_OID          0x06
#define DER_SEQUENCE     0x30
#define DER_CONTEXT_0    0xa0
#define DER_CONTEXT_1    0xa1

/* The next element must have this tag (one byte) and a minimal definite length; *out is a reader over its content. */
MUST_CHECK enum err crypto_der_get(struct wire_reader *reader, uint8_t tag, struct wire_reader *out);
/* A positive INTEGER in minimal form, without its sign byte; never zero. */
MUST_CHECK enum err crypto_der_get_positive(struct wire_reader *reader, struct bytes *out);
/* Whether the next element has this tag. */
bool crypto_der_next_is(const struct wire_reader *reader, uint8_t tag);

enum wc_HashType crypto_wc_hash(enum hash_alg alg);
/* MEMORY_E is ERR_NOMEM, anything else otherwise. */
enum err crypto_wc_err(int ret, enum err otherwise);

/* ecc_curve_id of an EC kind; the bytes of one coordinate go to *field_bytes. ECC_CURVE_INVALID for other kinds. */
int crypto_curve_of(enum key_kind kind, size_t *field_bytes);

/*
 * AlgorithmIdentifier of a key: reads it from reader and names the kind. Parameters must be as RFC 3279, 5480 and
 * 8410 have them (NULL, a named curve, absent).
 */
MUST_CHECK enum err crypto_der_get_key_algorithm(struct wire_reader *reader, enum key_kind *kind);

/* What a SubjectPublicKeyInfo holds. Borrows spki. */
struct crypto_public {
	enum key_kind kind;
	struct bytes point;             /* EC: uncompressed; Ed25519: 32 bytes */
	struct bytes modulus, exponent; /* RSA */
};
MUST_CHECK enum err crypto_parse_spki(struct bytes spki, struct crypto_public *out);
/* The same, and id-RSASSA-PSS too, as an RSA key; its parameters are the caller's to judge. */
MUST_CHECK enum err crypto_parse_spki_pss(struct bytes spki, struct crypto_public *out);

/* DigestInfo of RFC 8017 9.2 with NULL parameters, appended. */
MUST_CHECK enum err crypto_digest_info(enum hash_alg alg, const uint8_t *digest, struct buf *out);

#endif
