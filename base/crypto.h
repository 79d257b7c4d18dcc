/*
 * crypto.h - the cryptographic primitives, in our own words, over wolfCrypt and libargon2.
 * Owns:    all wc_* and argon2_* calls in this program.
 * Never:   decides anything; parses certificates (x509 does).
 * Threads: any; no shared state but the random source, which is per thread.
 */
#ifndef LOCKGATE_BASE_CRYPTO_H
#define LOCKGATE_BASE_CRYPTO_H

#include "base/bytes.h"
#include "base/secret.h"

/* Once per process, before anything else here. */
MUST_CHECK enum err crypto_init(void);
void crypto_cleanup(void);

enum hash_alg { HASH_MD5, HASH_SHA1, HASH_SHA224, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_COUNT_ };
#define HASH_BYTES_MAX 64
#define SHA256_BYTES   32
size_t hash_bytes(enum hash_alg alg);
/* out has room for hash_bytes(alg). Cannot fail but by a broken library, which aborts. */
void hash_of(enum hash_alg alg, struct bytes in, uint8_t *out);
void hash_of_parts(enum hash_alg alg, const struct bytes *parts, size_t count, uint8_t *out);
void hmac_of(enum hash_alg alg, struct bytes key, struct bytes in, uint8_t *out);

MUST_CHECK enum err crypto_random(uint8_t *out, size_t n);

MUST_CHECK enum err pbkdf2(enum hash_alg prf, struct bytes password, struct bytes salt, uint32_t iterations,
	uint8_t *out, size_t out_len);
/* RFC 7292 appendix B; id 1 key, 2 IV, 3 MAC key. password is already BMPString with its two NULs. */
MUST_CHECK enum err pkcs12_kdf(enum hash_alg alg, uint8_t id, struct bytes password_bmp, struct bytes salt,
	uint32_t iterations, uint8_t *out, size_t out_len);

struct argon2_cost {
	uint32_t memory_kib;
	uint32_t passes;
	uint32_t lanes;
};
/* argon2id, RFC 9106. Blocks for its cost: executor only. */
MUST_CHECK enum err argon2id(const struct argon2_cost *cost, struct bytes password, struct bytes salt,
	uint8_t *out, size_t out_len);

/* AES-CBC with PKCS#7 padding; key 16, 24 or 32 bytes, iv 16. Decryption appends to out; bad padding is ERR_DENIED. */
MUST_CHECK enum err aes_cbc_encrypt(struct bytes key, struct bytes iv, struct bytes plain, struct buf *out);
MUST_CHECK enum err aes_cbc_decrypt(
	struct bytes key, struct bytes iv, struct bytes sealed, struct secret *out);

/*
 * AES-256-GCM in place (NIST SP 800-38D): key 32 bytes, a nonce never used before under this key. Opening what was
 * altered is ERR_DENIED, and leaves zeroes in text.
 */
#define AEAD_KEY_BYTES   32u
#define AEAD_NONCE_BYTES 12u
#define AEAD_TAG_BYTES   16u
MUST_CHECK enum err aead_seal(struct bytes key, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes context,
	uint8_t *text, size_t text_len, uint8_t tag[AEAD_TAG_BYTES]);
MUST_CHECK enum err aead_open(struct bytes key, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes context,
	uint8_t *text, size_t text_len, const uint8_t tag[AEAD_TAG_BYTES]);

/*
 * What old files are sealed with, for importing them only: there is no encryption here. All have blocks and IVs of 8
 * bytes. Keys: DES 8 bytes, DES-EDE3 16 (its third part is the first) or 24, RC2 1 to 16. Bad padding is ERR_DENIED.
 */
enum old_cipher { OLD_DES_CBC, OLD_DES_EDE3_CBC, OLD_RC2_CBC };
#define OLD_CIPHER_BLOCK_BYTES 8u
/* rc2_bits: RC2's effective key bits (1 to 1024); ignored by the others. */
MUST_CHECK enum err old_cbc_decrypt(enum old_cipher cipher, struct bytes key, unsigned rc2_bits,
	struct bytes iv, struct bytes sealed, struct secret *out);

/* RFC 7914. n is a power of two. Needs 128 * n * r bytes; the caller has found that and n * r * p bearable. */
struct scrypt_cost {
	uint32_t n, r, p;
};
MUST_CHECK enum err scrypt_kdf(const struct scrypt_cost *cost, struct bytes password, struct bytes salt,
	uint8_t *out, size_t out_len);

/* --- public key --- */
enum key_kind { KEY_RSA, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_ED25519, KEY_KIND_COUNT_ };
const char *key_kind_name(enum key_kind kind); /* "RSA", "EC P-256", … */

enum sig_alg {
	SIG_RSA_PKCS1, /* RFC 8017 8.2 */
	SIG_ECDSA,     /* DER Ecdsa-Sig-Value */
	SIG_ED25519,   /* hash is ignored: the message itself is signed */
	SIG_RSA_PSS    /* RFC 8017 8.1: salt as long as the hash, MGF1 with the same hash */
};

/*
 * Verifies signature over message with the public key in SubjectPublicKeyInfo spki (DER, already strictly parsed by
 * x509, which also names kind). ERR_OK, ERR_DENIED (does not verify), ERR_UNSUPPORTED, ERR_MALFORMED (key).
 */
MUST_CHECK enum err sig_verify(struct bytes spki, enum key_kind kind, enum sig_alg alg, enum hash_alg hash,
	struct bytes message, struct bytes signature);
/*
 * The same over the message's digest under hash (hash_bytes(hash) octets), for messages that are not kept: lists of a
 * million entries. ERR_UNSUPPORTED for SIG_ED25519.
 */
MUST_CHECK enum err sig_verify_digest(struct bytes spki, enum key_kind kind, enum sig_alg alg,
	enum hash_alg hash, const uint8_t *digest, struct bytes signature);

/*
 * RSASSA-PSS over a digest, with MGF1 over the same hash and a salt of salt_len octets. spki may say rsaEncryption or
 * id-RSASSA-PSS, whose parameters (RFC 4055 1.2) the caller has read and compared. Errors as sig_verify().
 */
MUST_CHECK enum err sig_verify_pss(struct bytes spki, enum hash_alg hash, size_t salt_len,
	const uint8_t *digest, struct bytes signature);

/* A private key as unencrypted PKCS#8 PrivateKeyInfo DER in locked memory. rsa_bits only for KEY_RSA (2048…4096). */
MUST_CHECK enum err key_generate(enum key_kind kind, unsigned rsa_bits, struct secret *pkcs8);
/* Kind and SubjectPublicKeyInfo of a PKCS#8 key; spki appended. */
MUST_CHECK enum err key_public(struct bytes pkcs8, enum key_kind *kind, struct buf *spki);
/* Signs with the algorithm natural to the key: PKCS#1 v1.5, ECDSA, Ed25519. Signature appended to out. */
MUST_CHECK enum err key_sign(struct bytes pkcs8, enum hash_alg hash, struct bytes message, struct buf *out);

#endif
